/*
 * Clients without manners, for the tests, on Linux: rude MANNER PORT [COUNT [SEED]] connects to
 * 127.0.0.1:PORT and misbehaves, COUNT times (1), one after another. "any" is a manner chosen anew
 * each time, in an order that SEED decides. "silent" and "flood" have COUNT connections together,
 * say how many the server took, and keep them until they are killed. Exit status 0 when it could,
 * whatever the server made of it; 1 when a call failed; 2 for bad usage.
 */
#define _XOPEN_SOURCE 700
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char ANSWER[] = "HTTP/1.1 200 OK\r\n\r\nHello, World!\n";
static const char REQUEST[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";

static _Noreturn void die(const char *call) {
    perror(call);
    exit(EXIT_FAILURE);
}

/* Tells whether a call failed because the server has hung up: it may do so at any moment. */
static bool server_hung_up(void) {
    return errno == EPIPE || errno == ECONNRESET;
}

/* Sends all of data, or as much of it as the server lets us. */
static void send_all(int connection, const char *data, size_t size) {
    for (ssize_t sent; size > 0; data += sent, size -= (size_t)sent) {
        sent = send(connection, data, size, 0);
        if (sent == -1 && server_hung_up()) return;
        if (sent == -1) die("send");
    }
}

/* Reads so many bytes, or as far as the end of file or a reset. */
static void read_some(int connection, size_t size) {
    char bytes[256];
    while (size > 0) {
        ssize_t got = recv(connection, bytes, size < sizeof bytes ? size : sizeof bytes, 0);
        if (got == 0 || (got == -1 && server_hung_up())) return;
        if (got == -1) die("recv");
        size -= (size_t)got;
    }
}

/* Closes with a reset instead of an orderly end: socket(7), SO_LINGER with a time of 0. */
static void reset(int connection) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    if (setsockopt(connection, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == -1)
        die("setsockopt");
    if (close(connection) == -1) die("close");
}

static void vanish(int connection) {
    if (close(connection) == -1) die("close");
}

static void reset_after_request(int connection) {
    send_all(connection, REQUEST, strlen(REQUEST));
    reset(connection);
}

static void reset_during_answer(int connection) {
    send_all(connection, REQUEST, strlen(REQUEST));
    read_some(connection, 1);
    reset(connection);
}

static void reset_after_answer(int connection) {
    send_all(connection, REQUEST, strlen(REQUEST));
    read_some(connection, strlen(ANSWER));
    reset(connection);
}

/* Leaves with the answer unread, which the kernel tells the server by a reset. */
static void never_read(int connection) {
    struct pollfd answer = {.fd = connection, .events = POLLIN};
    send_all(connection, REQUEST, strlen(REQUEST));
    if (poll(&answer, 1, -1) == -1) die("poll");
    vanish(connection);
}

static void leave_before_answer(int connection) {
    send_all(connection, REQUEST, strlen(REQUEST));
    vanish(connection);
}

/* Says that it will send no more, and gets its answer all the same. */
static void half_close(int connection) {
    send_all(connection, REQUEST, strlen(REQUEST));
    if (shutdown(connection, SHUT_WR) == -1 && errno != ENOTCONN) die("shutdown");
    read_some(connection, strlen(ANSWER));
    vanish(connection);
}

static void half_close_and_reset(int connection) {
    send_all(connection, REQUEST, strlen(REQUEST));
    if (shutdown(connection, SHUT_WR) == -1 && errno != ENOTCONN) die("shutdown");
    reset(connection);
}

static void rubbish(int connection) {
    static const char bytes[] = "\0\1\2\033[2J\033]0;owned\a\377\376\r\n%s%n\0";
    send_all(connection, bytes, sizeof bytes);
    vanish(connection);
}

static void megabyte(int connection) {
    static char bytes[1 << 20];
    memset(bytes, 'x', sizeof bytes);
    send_all(connection, bytes, sizeof bytes);
    vanish(connection);
}

static void half_request(int connection) {
    send_all(connection, REQUEST, strlen(REQUEST) / 2);
    vanish(connection);
}

/* Sends a byte a second, until the server has answered or hung up, or the request is complete. */
static void drip(int connection) {
    struct pollfd answer = {.fd = connection, .events = POLLIN};
    for (const char *byte = REQUEST; *byte; byte++) {
        send_all(connection, byte, 1);
        int ready = poll(&answer, 1, 1000);
        if (ready == -1) die("poll");
        if (ready == 1) break;
    }
    vanish(connection);
}

static const struct {
    const char *name;
    void (*misbehave)(int connection);
} MANNERS[] = {
    {"reset", reset},
    {"vanish", vanish},
    {"half-request", half_request},
    {"drip", drip},
    {"megabyte", megabyte},
    {"rubbish", rubbish},
    {"reset-after-request", reset_after_request},
    {"reset-during-answer", reset_during_answer},
    {"reset-after-answer", reset_after_answer},
    {"never-read", never_read},
    {"leave-before-answer", leave_before_answer},
    {"half-close", half_close},
    {"half-close-and-reset", half_close_and_reset},
};
enum { MANNERS_COUNT = sizeof MANNERS / sizeof MANNERS[0] };

/* Waits, if RUDE_GO names a FIFO, until somebody opens it to write: then what the server is at is
 * known. */
static void wait_for_go(void) {
    const char *path = getenv("RUDE_GO");
    int fifo = path ? open(path, O_RDONLY) : -1;
    if (path == NULL) return;
    if (fifo == -1) die(path);
    if (close(fifo) == -1) die("close");
}

/* Returns a socket that is connected to the port or, without blocking, on its way there. */
static int connect_to(in_port_t port, int flags) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connection == -1) die("socket");
    if (fcntl(connection, F_SETFL, flags) == -1) die("fcntl");
    address.sin_addr.s_addr = inet_addr("127.0.0.1");
    if (connect(connection, (struct sockaddr *)&address, sizeof address) == -1 &&
        errno != EINPROGRESS)
        die("connect");
    wait_for_go();
    return connection;
}

/* Returns how many connections are in the queue of the port: proc(5) on /proc/net/tcp, which lists
 * listening sockets first. */
static unsigned long queue_of(in_port_t port) {
    FILE *sockets = fopen("/proc/net/tcp", "r");
    char line[256], own[5], state[3], queue[9];
    unsigned long waiting = 0;
    if (!sockets) die("/proc/net/tcp");
    while (waiting == 0 && fgets(line, sizeof line, sockets)) {
        if (sscanf(line, "%*s %*8[0-9A-F]:%4[0-9A-F] %*s %2[0-9A-F] %*8[0-9A-F]:%8[0-9A-F]", own,
                   state, queue) != 3)
            continue; /* the heading */
        if (strcmp(state, "0A") != 0) break;
        if (strtoul(own, NULL, 16) == port) waiting = strtoul(queue, NULL, 16);
    }
    if (fclose(sockets) == EOF) die("fclose");
    return waiting;
}

/* Waits until the server has accepted all. */
static void wait_for_empty_queue(in_port_t port) {
    const struct timespec moment = {.tv_nsec = 100000};
    while (queue_of(port) > 0) (void)nanosleep(&moment, NULL);
}

/* Has so many connections together, and keeps them until it is killed. A flood takes no heed of the
 * queue, so only those are let in that find room in it; the others ask again. */
static _Noreturn void occupy(in_port_t port, long count, bool flood) {
    struct rlimit limit;
    struct pollfd *connections = calloc((size_t)count, sizeof *connections);
    long taken = 0;
    if (!connections) die("calloc");
    if (getrlimit(RLIMIT_NOFILE, &limit) == -1) die("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == -1) die("setrlimit");
    for (long i = 0; i < count; i++) {
        if (!flood) wait_for_empty_queue(port);
        connections[i].fd = connect_to(port, flood ? O_NONBLOCK : 0);
        connections[i].events = POLLOUT; /* it is connected */
    }
    if (poll(connections, (nfds_t)count, 0) == -1) die("poll");
    for (long i = 0; i < count; i++) taken += connections[i].revents == POLLOUT;
    if (printf("%ld of %ld are connected\n", taken, count) < 0 || fflush(stdout) == EOF)
        die("printf");
    for (;;) (void)pause();
}

/* Returns a number from 0 to max, or ends with status 2. */
static long parse_number(const char *text, long max) {
    char *end;
    long number = strtol(text, &end, 10);
    if (end != text && *end == '\0' && number >= 0 && number <= max) return number;
    fprintf(stderr, "rude: '%s' is not a number from 0 to %ld\n", text, max);
    exit(2);
}

static int usage(void) {
    fprintf(stderr,
            "usage: rude MANNER PORT [COUNT [SEED]], where MANNER is one of: any silent flood");
    for (size_t i = 0; i < MANNERS_COUNT; i++) fprintf(stderr, " %s", MANNERS[i].name);
    fputc('\n', stderr);
    return 2;
}

int main(int argc, char *argv[]) {
    if (argc < 3 || argc > 5) return usage();
    in_port_t port = (in_port_t)parse_number(argv[2], 65535);
    long count = argc > 3 ? parse_number(argv[3], 1000000) : 1;
    size_t manner = 0;
    bool any = strcmp(argv[1], "any") == 0, flood = strcmp(argv[1], "flood") == 0;
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) die("signal");
    if (flood || strcmp(argv[1], "silent") == 0) occupy(port, count, flood);
    while (!any && manner < MANNERS_COUNT && strcmp(argv[1], MANNERS[manner].name) != 0) manner++;
    if (manner == MANNERS_COUNT) return usage();
    srandom(argc > 4 ? (unsigned)parse_number(argv[4], 1000000) : 1);
    for (; count > 0; count--) {
        if (any) manner = (size_t)random() % MANNERS_COUNT;
        MANNERS[manner].misbehave(connect_to(port, 0));
    }
    return EXIT_SUCCESS;
}
