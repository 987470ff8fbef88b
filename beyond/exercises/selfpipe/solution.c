/*
 * Exercise selfpipe: a handler that only writes a byte turns a signal into an event like others.
 *
 * Base     step5_zombie/server.c
 * New      poll waits for clients and for the pipe's bytes; children are reaped in the main loop
 * Watch    make grade EX=selfpipe SERVER=beyond/exercises/selfpipe/solution.c
 * See      exercise signalfd: the same without a handler, where there is Linux
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEFAULT_PORT = 8888, DEFAULT_SLEEP = 0, REQUEST_QUEUE_SIZE = 5, REQUEST_SIZE = 1024 };
static const char RESPONSE[] = "HTTP/1.1 200 OK\r\n\r\nHello, World!\n";
static const char USAGE[] = "usage: server [-p PORT, 0 for any] [-s SECONDS of sleep] [-h]\n";
static struct timespec nap; /* the sleep after an answer */
static int self_pipe[2]; /* the handler writes, the main loop reads */

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

/* Handles SIGCHLD: wakes the main loop, keeps errno. See signal-safety(7). */
static void wake(int signum) {
    int saved_errno = errno;
    (void)signum; /* always SIGCHLD */
    (void)!write(self_pipe[1], "", 1); /* if the pipe is full: it wakes the main loop already */
    errno = saved_errno;
}

/* Empties the pipe, then reaps all that have ended: a child that ends meanwhile writes again. */
static void grim_reaper(void) {
    char bytes[REQUEST_SIZE];
    while (read(self_pipe[0], bytes, sizeof bytes) > 0) continue;
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
}

/* Closes the child's copies of the pipe. */
static void be_a_child(void) {
    if (close(self_pipe[0]) == -1 || close(self_pipe[1]) == -1) perror("close");
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

/* Waits for a client or for children that have ended; returns a connection, or -1 with errno set.
 */
static int accept_client(int listener) {
    struct pollfd news[] = {{listener, POLLIN, 0}, {self_pipe[0], POLLIN, 0}};
    if (poll(news, 2, -1) == -1) return -1;
    if (news[1].revents) grim_reaper();
    int connection = accept(listener, NULL, NULL); /* EAGAIN if there is none */
    if (connection != -1 && fcntl(connection, F_SETFL, 0) == -1) die("fcntl"); /* it may wait */
    return connection;
}

static _Noreturn void serve_forever(int listener) {
    if (printf("Parent PID (PPID): %ld\n", (long)getpid()) < 0) die("printf");
    for (unsigned long count = 0;;) {
        int connection = accept_client(listener);
        if (connection == -1 && errno == ECONNABORTED) continue; /* that client has gone again */
        if (connection == -1 && (errno == EINTR || errno == EAGAIN)) continue; /* nobody there */
        if (connection == -1) die("accept");
        if (printf("Connection %lu is descriptor %d\n", ++count, connection) < 0) perror("printf");
        switch (fork()) {
        case -1: die("fork");
        case 0: /* child */
            if (close(listener) == -1) perror("close"); /* child's copy of the listening socket */
            be_a_child();
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
    if (pipe(self_pipe) == -1) die("pipe");
    if (fcntl(self_pipe[0], F_SETFL, O_NONBLOCK) == -1) die("fcntl"); /* read until it is empty */
    if (fcntl(self_pipe[1], F_SETFL, O_NONBLOCK) == -1) die("fcntl"); /* a handler must not wait */
    action.sa_handler = wake;
    action.sa_flags = SA_RESTART; /* for printf: poll returns EINTR all the same */
    if (sigaction(SIGCHLD, &action, NULL) == -1) die("sigaction");
    int listener = listen_on(port);
    if (fcntl(listener, F_SETFL, O_NONBLOCK) == -1) die("fcntl"); /* poll waits, and not accept */
    serve_forever(listener);
}
