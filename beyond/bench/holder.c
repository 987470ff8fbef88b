/*
 * holder: opens connections to a server, has each of them answered once, and holds them, idle,
 * until its standard input ends.
 *
 * Prints   "holding N" when all are there, and "lost N" at its end: so many the server has closed
 * From     127.0.0.2 and on, 5,000 from each: one address has some 28,000 ports to call from
 */
#define _GNU_SOURCE /* IP_BIND_ADDRESS_NO_PORT */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    AN_ADDRESS_HAS = 5000,
    SPARE_DESCRIPTORS = 10, /* standard input, output and error, and what a library may open */
    PATIENCE = 10, /* seconds */
    ANSWER_SIZE = 4096,
    SHOWN_MOST = 40 /* bytes of an answer that is no greeting */
};
static const char USAGE[] = "usage: holder -p PORT [-n CONNECTIONS]\n";
static const char REQUEST[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const char GREETING[] = "Hello, World!\n"; /* how each answer ends */

/* Ends the program with status 1: which connection (0: none), what failed, and why: errno. */
static _Noreturn void die(long number, const char *call) {
    fprintf(stderr, "holder: connection %ld: %s: %s\n", number, call, strerror(errno));
    exit(EXIT_FAILURE);
}

static bool ends_with_greeting(const char *answer, size_t size) {
    size_t end = strlen(GREETING);
    return size >= end && memcmp(answer + size - end, GREETING, end) == 0;
}

/* Reads up to the greeting, which is the end of an answer with a length. Whoever hears another
 * answer is told how it begins, by its first printable bytes: the rest could drive a terminal. */
static void hear(int fd, long number) {
    static const char GOOD[] = "HTTP/1.1 200 ";
    char answer[ANSWER_SIZE];
    size_t size = 0, shown = 0;
    while (size < sizeof answer && !ends_with_greeting(answer, size)) {
        ssize_t came = recv(fd, answer + size, sizeof answer - size, 0);
        if (came == -1 && errno == EAGAIN) errno = ETIMEDOUT; /* PATIENCE is over: socket(7) */
        if (came == -1) die(number, "recv");
        if (came == 0) break;
        size += (size_t)came;
    }
    if (ends_with_greeting(answer, size) && memcmp(answer, GOOD, strlen(GOOD)) == 0) return;
    while (shown < size && shown < SHOWN_MOST && answer[shown] >= ' ' && answer[shown] <= '~')
        shown++;
    fprintf(stderr, "holder: connection %ld: not greeted, but told: \"%.*s\"\n", number, (int)shown,
            answer);
    exit(EXIT_FAILURE);
}

/* Returns a connection from that address that has been answered. */
static int connect_from(in_addr_t source, in_port_t port, long number) {
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval patience = {.tv_sec = PATIENCE};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd == -1) die(number, "socket");
    /* the port is chosen by connect, which knows the other end: then it needs to be free for that
     * end alone. ip(7) */
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == -1 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == -1)
        die(number, "setsockopt");
    if (bind(fd, (struct sockaddr *)&from, sizeof from) == -1) die(number, "bind");
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == -1) die(number, "connect");
    if (send(fd, REQUEST, strlen(REQUEST), MSG_NOSIGNAL) == -1) die(number, "send");
    hear(fd, number);
    return fd;
}

/* Returns text, which is to be digits alone, as a number from 1 to most; or ends with status 2. */
static long number(const char *text, long most) {
    char *end;
    long value =
        strtol(text, &end, 10); /* too large for a long: LONG_MAX, which is too large here */
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && value >= 1 && value <= most)
        return value;
    fprintf(stderr, "holder: '%s' is not a number from 1 to %ld\n%s", text, most, USAGE);
    exit(2);
}

int main(int argc, char *argv[]) {
    struct rlimit limit;
    long port = 0, count = 1, lost = 0;
    int *connections;
    char byte;
    for (int option; (option = getopt(argc, argv, "p:n:")) != -1;) {
        switch (option) {
        case 'p': port = number(optarg, 65535); break;
        case 'n': count = number(optarg, 1000000); break;
        default: fputs(USAGE, stderr); return 2;
        }
    }
    if (port == 0 || optind < argc) {
        fputs(USAGE, stderr);
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == -1) die(0, "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == -1) die(0, "setrlimit");
    if (limit.rlim_max < (rlim_t)(count + SPARE_DESCRIPTORS)) {
        fprintf(stderr, "holder: %ld connections need as many descriptors: see ulimit -Hn\n",
                count);
        return EXIT_FAILURE;
    }
    connections = calloc((size_t)count, sizeof *connections);
    if (connections == NULL) die(0, "calloc");
    for (long i = 0; i < count; i++)
        connections[i] = connect_from(INADDR_LOOPBACK + 1 + (in_addr_t)(i / AN_ADDRESS_HAS),
                                      (in_port_t)port, i + 1);
    if (printf("holding %ld\n", count) < 0 || fflush(stdout) == EOF) die(0, "printf");
    while (read(STDIN_FILENO, &byte, 1) > 0) continue;
    for (long i = 0; i < count; i++) {
        ssize_t came = recv(connections[i], &byte, 1, MSG_DONTWAIT);
        lost += came != -1 || errno != EAGAIN; /* nothing should have come, not even an end */
    }
    free(connections); /* the system closes them */
    printf("lost %ld\n", lost);
    return fflush(stdout) == EOF || lost > 0;
}
