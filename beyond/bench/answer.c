/*
 * answer: the greeting, and nothing that could take time.
 *
 * Without -p  to one client, at standard input and output: what a super-server (tcpserver, socat)
 *             starts for each connection, so that it is the super-server that is measured
 * With -p     to one client after the other, from a long queue: so that it is the clients that are
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
#include <unistd.h>

enum { QUEUE = 4096, REQUEST_SIZE = 1024 };
static const char RESPONSE[] = "HTTP/1.1 200 OK\r\n\r\nHello, World!\n";

static _Noreturn void die(const char *call) {
    fprintf(stderr, "answer: %s: %s\n", call, strerror(errno));
    exit(EXIT_FAILURE);
}

/* Answers what a single read returns, as the article's servers do. Who has gone is not missed. */
static void answer(int in, int out) {
    char request[REQUEST_SIZE];
    if (read(in, request, sizeof request) == -1) return;
    for (size_t sent = 0; sent < strlen(RESPONSE);) {
        ssize_t size = write(out, RESPONSE + sent, strlen(RESPONSE) - sent);
        if (size == -1) return;
        sent += (size_t)size;
    }
}

static _Noreturn void serve(in_port_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener == -1) die("socket");
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1) die("setsockopt");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) == -1) die("bind");
    if (listen(listener, QUEUE) == -1) die("listen");
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection == -1 && (errno == ECONNABORTED || errno == EINTR)) continue;
        if (connection == -1) die("accept");
        answer(connection, connection);
        if (close(connection) == -1) die("close");
    }
}

int main(int argc, char *argv[]) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    char *end;
    long port;
    if (sigaction(SIGPIPE, &ignore, NULL) == -1) die("sigaction");
    if (argc == 1) {
        answer(STDIN_FILENO, STDOUT_FILENO);
        return 0;
    }
    port = argc == 3 ? strtol(argv[2], &end, 10) : 0;
    if (argc != 3 || strcmp(argv[1], "-p") != 0 || *end != '\0' || port < 1 || port > 65535) {
        fputs("usage: answer [-p PORT]\n", stderr);
        return 2;
    }
    serve((in_port_t)port);
}
