/*
 * patience: a client that can be told how long to believe in a silent network.
 *
 * Sends the lines of standard input to a server that echoes them, prints what comes back, and says
 * when and how the conversation ends. TCP itself gives up late: a writer after some 15 minutes of
 * asking again (tcp(7), tcp_retries2), a reader never, as who only listens to silence learns
 * nothing. Two options shorten that, one for each:
 *
 * -u  TCP_USER_TIMEOUT, for who writes: how long bytes may be on the way without a word that they
 *     have arrived
 *
 * -k  SO_KEEPALIVE, for who waits: after so much silence the kernel asks, without a byte, whether
 *     the other end is there, and again; after so many questions without an answer, it is not
 *
 * Try      make unplug
 */
#define _DEFAULT_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char USAGE[] =
    "usage: patience [-u MILLISECONDS] [-k IDLE,INTERVAL,COUNT] ADDRESS PORT\n";

static struct timespec begun;

/* Prints a line with the time since the beginning. */
static void tell(const char *what, const char *text, int length) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: the clock is there */
    double seconds =
        (double)(now.tv_sec - begun.tv_sec) + (double)(now.tv_nsec - begun.tv_nsec) / 1e9;
    printf("%6.2f s  %s%.*s\n", seconds, what, length, text);
}

/* Ends the program with status 1, and errno's reason: the news, when the network is silent. */
static _Noreturn void end(const char *call) {
    tell(call, strerror(errno), 100);
    exit(EXIT_FAILURE);
}

static _Noreturn void usage(void) {
    fputs(USAGE, stderr);
    exit(2);
}

static _Noreturn void misused(const char *what, const char *wanted) {
    fprintf(stderr, "patience: '%s' is not %s\n", what, wanted);
    usage();
}

/* Reads numbers with commas between, all of them, from 1 to most[i]; wanted: that in words. */
static void read_numbers(const char *text, int numbers[], int count, const long most[],
                         const char *wanted) {
    const char *at = text;
    for (int i = 0; i < count; i++) {
        char *after;
        errno = 0;
        long number = strtol(at, &after, 10);
        if (*at < '0' || *at > '9' || errno != 0 || number < 1 || number > most[i])
            misused(text, wanted);
        if (*after != (i < count - 1 ? ',' : '\0')) misused(text, wanted);
        numbers[i] = (int)number;
        at = after + 1;
    }
}

static void set(int fd, int level, int option, int value) {
    if (setsockopt(fd, level, option, &value, sizeof value) == -1) end("setsockopt: ");
}

/* Sends a line, or prints what has come. Returns false at the end of either. */
static bool pass_on(int from, int server) {
    char bytes[4096];
    ssize_t size = read(from, bytes, sizeof bytes);
    if (size == -1) end("read: "); /* here ETIMEDOUT arrives, for both options */
    if (size == 0) return false;
    int length = (int)size - (bytes[size - 1] == '\n');
    tell(from == server ? "heard: " : "said:  ", bytes, length);
    if (from == server) return true;
    /* MSG_NOSIGNAL: an error is to be read, not to die of. A few bytes are never sent in part. */
    if (send(server, bytes, (size_t)size, MSG_NOSIGNAL) == -1) end("send: ");
    return true;
}

int main(int argc, char *argv[]) {
    static const long DAY[] = {86400000}, PORT[] = {65535};
    static const long KEEP[] = {32767, 32767, 127}; /* MAX_TCP_KEEPIDLE, ..INTVL, ..CNT of Linux */
    struct sockaddr_in address = {.sin_family = AF_INET};
    int keep[3] = {0}, user = 0, port, option, fd;
    while ((option = getopt(argc, argv, "u:k:")) != -1) {
        if (option == 'u')
            read_numbers(optarg, &user, 1, DAY, "a number of milliseconds from 1 to 86400000");
        else if (option == 'k')
            read_numbers(optarg, keep, 3, KEEP,
                         "IDLE,INTERVAL,COUNT: two numbers of seconds from 1 to 32767, and from 1 "
                         "to 127 questions");
        else usage();
    }
    if (argc - optind != 2) usage();
    if (inet_pton(AF_INET, argv[optind], &address.sin_addr) != 1)
        misused(argv[optind], "an IPv4 address, such as 127.0.0.1");
    read_numbers(argv[optind + 1], &port, 1, PORT, "a port from 1 to 65535");
    address.sin_port = htons((in_port_t)port);
    if (setvbuf(stdout, NULL, _IOLBF, 0) != 0) end("setvbuf: ");
    clock_gettime(CLOCK_MONOTONIC, &begun);

    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd == -1) end("socket: ");
    if (user > 0) set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, user);
    if (keep[0] > 0) {
        set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        /* seconds of silence before the first question, and before each other; how many questions
         */
        set(fd, IPPROTO_TCP, TCP_KEEPIDLE, keep[0]);
        set(fd, IPPROTO_TCP, TCP_KEEPINTVL, keep[1]);
        set(fd, IPPROTO_TCP, TCP_KEEPCNT, keep[2]);
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == -1) end("connect: ");
    tell("connected", "", 0);

    struct pollfd watched[] = {{.fd = fd, .events = POLLIN},
                               {.fd = STDIN_FILENO, .events = POLLIN}};
    for (;;) {
        if (poll(watched, 2, -1) == -1) end("poll: ");
        if (watched[0].revents != 0 && !pass_on(fd, fd)) break;
        if (watched[1].revents != 0 && !pass_on(STDIN_FILENO, fd)) return 0;
    }
    tell("the server hung up", "", 0);
    return 0;
}
