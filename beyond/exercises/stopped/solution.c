/*
 * Exercise stopped: a child that is only stopped is no reason for a signal.
 *
 * Base     step6_sigchld/server.c
 * New      SA_NOCLDSTOP: SIGCHLD comes for children that have ended, and for no others
 * Watch    make grade EX=stopped SERVER=beyond/exercises/stopped/solution.c
 * Leaves   signals are still lost, and zombies remain: that is exercise reap
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEFAULT_PORT = 8888, DEFAULT_SLEEP = 0, REQUEST_QUEUE_SIZE = 1024, REQUEST_SIZE = 1024 };
static const char RESPONSE[] = "HTTP/1.1 200 OK\r\n\r\nHello, World!\n";
static const char USAGE[] = "usage: server [-p PORT, 0 for any] [-s SECONDS of sleep] [-h]\n";
static struct timespec nap; /* the sleep after an answer */

/* Ends the program with status 1, the name of the call that failed and its reason, errno. */
static _Noreturn void die(const char *call) {
    perror(call);
    exit(EXIT_FAILURE);
}

/* Sends all of data, in as many pieces as send(2) takes; returns 0, or -1 with errno set. */
static int send_all(int connection, const char *data, size_t size) {
    for (ssize_t sent; size > 0; data += sent, size -= (size_t)sent) {
        sent = send(connection, data, size, 0);
        if (sent == -1) return -1;
    }
    return 0;
}

/* Handles SIGCHLD: waits for one child, keeps errno. See signal-safety(7). */
static void grim_reaper(int signum) {
    int saved_errno = errno;
    (void)signum; /* always SIGCHLD */
    (void)wait(NULL); /* for each signal a child has ended: this never blocks */
    errno = saved_errno;
}

/* Prints and answers one request: what a single recv(2) returns, as in the article. */
static void handle_request(int connection) {
    char request[REQUEST_SIZE];
    ssize_t size = recv(connection, request, sizeof request, 0);
    if (size == -1) {
        perror("recv");
        return;
    }
    for (ssize_t i = 0; i < size; i++) /* a stranger's bytes must not drive the terminal */
        if ((request[i] < ' ' || request[i] > '~') && request[i] != '\n') request[i] = ' ';
    if (printf("Child PID: %ld. Parent PID: %ld\n", (long)getpid(), (long)getppid()) < 0 ||
        printf("%.*s\n", (int)size, request) < 0)
        perror("printf");
    if (send_all(connection, RESPONSE, strlen(RESPONSE)) == -1) perror("send");
    if ((nap.tv_sec || nap.tv_nsec) && nanosleep(&nap, NULL) == -1) perror("nanosleep");
}

/* Returns a socket that listens on the loopback address alone; port 0: the kernel chooses one. */
static int listen_on(in_port_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof address;
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener == -1) die("socket");
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1) die("setsockopt");
    address.sin_addr.s_addr = inet_addr("127.0.0.1");
    if (bind(listener, (struct sockaddr *)&address, size) == -1) die("bind");
    if (listen(listener, REQUEST_QUEUE_SIZE) == -1) die("listen");
    if (getsockname(listener, (struct sockaddr *)&address, &size) == -1) die("getsockname");
    if (printf("Serving HTTP on port %d ...\n", ntohs(address.sin_port)) < 0) die("printf");
    return listener;
}

static _Noreturn void serve_forever(int listener) {
    if (printf("Parent PID (PPID): %ld\n", (long)getpid()) < 0) die("printf");
    for (unsigned long count = 0;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection == -1 && errno == ECONNABORTED) continue; /* that client has gone again */
        if (connection == -1 && errno == EINTR) continue; /* a child has ended: accept again */
        if (connection == -1) die("accept");
        if (printf("Connection %lu is descriptor %d\n", ++count, connection) < 0) perror("printf");
        switch (fork()) {
        case -1: die("fork");
        case 0: /* child */
            if (close(listener) == -1) perror("close"); /* child's copy of the listening socket */
            handle_request(connection);
            if (close(connection) == -1) perror("close");
            _exit(EXIT_SUCCESS);
        default: break; /* parent */
        }
        if (close(connection) == -1) perror("close"); /* parent's copy of the connection */
    }
}

/* Returns text as a number from 0 to max spelt with these digits, or ends with status 2. */
static double parse_number(const char *text, const char *digits, double max) {
    char *end;
    double number = strtod(text, &end);
    if (end != text && *end == '\0' && !text[strspn(text, digits)] && number <= max) return number;
    fprintf(stderr, "server: '%s' is not a number from 0 to %.0f\n%s", text, max, USAGE);
    exit(2);
}

int main(int argc, char *argv[]) {
    in_port_t port = DEFAULT_PORT;
    double seconds = DEFAULT_SLEEP;
    if (setvbuf(stdout, NULL, _IOLBF, 0) != 0) die("setvbuf"); /* or fork would copy output */
    for (int option; (option = getopt(argc, argv, "p:s:h")) != -1 || optind < argc;) {
        switch (option) {
        case 'p': port = (in_port_t)parse_number(optarg, "0123456789", 65535); break;
        case 's': seconds = parse_number(optarg, "0123456789.", 86400); break;
        case 'h': return fputs(USAGE, stdout) == EOF;
        case -1: fprintf(stderr, "server: '%s' is unexpected\n", argv[optind]); /* fall through */
        default: fputs(USAGE, stderr); return 2;
        }
    }
    nap.tv_sec = (time_t)seconds;
    nap.tv_nsec = (long)((seconds - (double)nap.tv_sec) * 1e9);
    struct sigaction action = {.sa_handler = SIG_IGN, .sa_flags = 0};
    if (sigaction(SIGPIPE, &action, NULL) == -1) die("sigaction"); /* send returns EPIPE instead */
    action.sa_handler = grim_reaper; /* without SA_RESTART in its flags: accept returns EINTR */
    action.sa_flags = SA_NOCLDSTOP; /* a child that is stopped, or continued, is no news */
    if (sigaction(SIGCHLD, &action, NULL) == -1) die("sigaction");
    serve_forever(listen_on(port));
}
