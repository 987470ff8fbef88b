/*
 * wsgi MODULE:CALLABLE: stage 7's server, whose children let a Python application answer.
 *
 * Article  webserver3h.py, the exercise
 * Costs    a process for each request; what it has loaded it shares with the server until it writes
 * Starves  nobody, as long as the system has a process left
 * Next     gateway.py: what a server and an application have agreed upon
 */
#define _GNU_SOURCE /* accept4 */
#include "wsgi.h"

#include "../remedy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    DEFAULT_PORT = 8888,
    DEFAULT_PATIENCE = 30000 /* milliseconds */,
    TURN_AWAY_TIME = 10 /* milliseconds */,
    REQUEST_QUEUE_SIZE = 1024
};
static const char USAGE[] =
    "usage: wsgi [-p PORT, 0 for any] [-t SECONDS a client may keep us waiting]"
    " [-b BYTES of a body] [-h] MODULE:CALLABLE\n";
static in_port_t port = DEFAULT_PORT;
static int64_t patience = DEFAULT_PATIENCE;
uint64_t body_most = UINT64_C(16) * 1024 * 1024;

/* Prints what went wrong, with errno's reason: the server goes on. */
static void complain(const char *call) {
    fprintf(stderr, "wsgi: %s: %s\n", call, strerror(errno));
}

static _Noreturn void die(const char *call) {
    complain(call);
    exit(EXIT_FAILURE);
}

/* Handles SIGCHLD: reaps all that have ended, never blocks, keeps errno. See signal-safety(7). */
static void grim_reaper(int signum) {
    int saved_errno = errno;
    (void)signum; /* always SIGCHLD */
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
    errno = saved_errno;
}

static const char *reason(int status) {
    switch (status) {
    case 400: return "Bad Request";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 417: return "Expectation Failed";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "";
    }
}

/* Answers, in place of the application, what it will not be asked. */
static void refuse(struct connection *c, int status) {
    char answer[256];
    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                        "Connection: close\r\n\r\n%s\n",
                        status, reason(status), strlen(reason(status)) + 1, reason(status));
    c->deadline = 0;
    if (connection_send(c, answer, (size_t)size) == -1)
        fprintf(stderr, "wsgi: cannot say %d: %s\n", status, c->trouble);
}

/* The child's life: one request. After it the connection is closed, as in the article. */
static void handle_request(int connection) {
    static struct request request;
    struct connection c = {.fd = connection, .patience = patience};
    int on = 1, status;
    /* what the application has given is sent at once: tcp(7) */
    if (setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == -1)
        complain("setsockopt");
    c.deadline = now_ms() + (patience < HEAD_TIME ? patience : HEAD_TIME);
    status = request_read(&request, &c);
    c.deadline = 0;
    if (status > 0) refuse(&c, status);
    if (status == 0) status = gateway_answer(&request, &c, port);
    if (status > 0 && printf("Child %ld: %.*s: %d\n", (long)getpid(), (int)request.line.size,
                             request.line.size > 0 ? request.line.at : "", status) < 0)
        complain("printf");
    connection_close(&c);
}

/* Returns a socket that listens on the loopback address alone; port 0: the kernel chooses one. */
static int listen_here(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof address;
    /* the application may start programs: they are not to have our sockets */
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener == -1) die("socket");
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1) die("setsockopt");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, size) == -1) {
        if (errno != EADDRINUSE) die("bind");
        fprintf(stderr, "wsgi: port %d is taken: ss -ltnp says by whom; -p 0 takes any\n", port);
        exit(EXIT_FAILURE);
    }
    if (listen(listener, REQUEST_QUEUE_SIZE) == -1) die("listen");
    if (getsockname(listener, (struct sockaddr *)&address, &size) == -1) die("getsockname");
    port = ntohs(address.sin_port);
    return listener;
}

/* Accepts a client, whatever a signal or the client itself does meanwhile. */
static int accept_one(int listener) {
    static const struct timespec PAUSE = {.tv_nsec = ACCEPT_PAUSE * 1000000L};
    for (;;) {
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection != -1) return connection;
        switch (remedy_for(errno)) {
        case REMEDY_AGAIN: continue; /* a child has ended, or that client has gone again */
        case REMEDY_WAIT:
            complain("accept");
            (void)nanosleep(&PAUSE, NULL); /* a signal may shorten it */
            continue;
        case REMEDY_NONE: die("accept");
        }
    }
}

/* Tells a client that there is no process for it. The next one is waiting: so no long farewell. */
static void turn_away(int connection) {
    struct connection c = {.fd = connection, .patience = TURN_AWAY_TIME};
    char request[HEAD_SIZE];
    complain("fork");
    /* its request is read first: unread bytes would make a reset of the end, which can overtake the
     * answer */
    (void)connection_take(&c, request, sizeof request);
    refuse(&c, 503);
    if (close(connection) == -1) complain("close");
}

static _Noreturn void serve_forever(int listener) {
    for (;;) {
        int connection = accept_one(listener);
        struct sigaction normal = {.sa_handler = SIG_DFL};
        switch (gateway_fork()) {
        case -1: turn_away(connection); continue;
        case 0: /* child */
            /* the application may have children of its own, and wait for them itself */
            if (sigaction(SIGCHLD, &normal, NULL) == -1) complain("sigaction");
            if (close(listener) == -1) complain("close"); /* child's copy of the listening socket */
            handle_request(connection);
            _exit(EXIT_SUCCESS);
        default: break; /* parent */
        }
        if (close(connection) == -1) complain("close"); /* parent's copy of the connection */
    }
}

/* Returns text as a number from min to max spelt with these digits, or ends with status 2. */
static double parse_number(const char *text, const char *digits, double min, double max) {
    char *end;
    double number = strtod(text, &end);
    if (end != text && *end == '\0' && !text[strspn(text, digits)] && number >= min &&
        number <= max)
        return number;
    fprintf(stderr, "wsgi: '%s' is not a number from %g to %.0f\n%s", text, min, max, USAGE);
    exit(2);
}

static const char *parse_application(int count, char *words[]) {
    if (count == 0) fputs("wsgi: which application? MODULE:CALLABLE is missing\n", stderr);
    if (count > 1) fprintf(stderr, "wsgi: '%s' is unexpected\n", words[1]);
    if (count == 1) {
        const char *colon = strchr(words[0], ':');
        if (colon != NULL && colon > words[0] && colon[1] != '\0') return words[0];
        fprintf(stderr, "wsgi: '%s' is not MODULE:CALLABLE, as in hello:application\n", words[0]);
    }
    fputs(USAGE, stderr);
    exit(2);
}

int main(int argc, char *argv[]) {
    struct sigaction action = {.sa_handler = SIG_IGN, .sa_flags = 0};
    const char *application;
    int listener;
    if (setvbuf(stdout, NULL, _IOLBF, 0) != 0) die("setvbuf"); /* or fork would copy output */
    for (int option; (option = getopt(argc, argv, "p:t:b:h")) != -1;) {
        switch (option) {
        case 'p': port = (in_port_t)parse_number(optarg, "0123456789", 0, 65535); break;
        case 't':
            patience = (int64_t)(parse_number(optarg, "0123456789.", 0.01, 86400) * 1000);
            break;
        case 'b': body_most = (uint64_t)parse_number(optarg, "0123456789", 0, 1e12); break;
        case 'h': return fputs(USAGE, stdout) == EOF;
        default: fputs(USAGE, stderr); return 2;
        }
    }
    application = parse_application(argc - optind, argv + optind);
    listener = listen_here();
    gateway_load(application);
    if (sigaction(SIGPIPE, &action, NULL) == -1) die("sigaction"); /* send returns EPIPE instead */
    action.sa_handler = grim_reaper; /* without SA_RESTART in its flags: accept returns EINTR */
    if (sigaction(SIGCHLD, &action, NULL) == -1) die("sigaction");
    if (printf("Serving WSGI on port %d ...\n", port) < 0) die("printf");
    serve_forever(listener);
}
