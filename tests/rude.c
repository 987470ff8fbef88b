/*
 * Clients without manners, for the tests: rude MANNER PORT connects to 127.0.0.1:PORT and
 * misbehaves. Exit status 0 when it could, whatever the server made of it; 1 when a call failed; 2
 * for bad usage.
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

static const char REQUEST[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";

static _Noreturn void die(const char *call) {
    perror(call);
    exit(EXIT_FAILURE);
}

/* Sends all of data, or as much of it as the server lets us: it may hang up at any moment. */
static void send_all(int connection, const char *data, size_t size) {
    for (ssize_t sent; size > 0; data += sent, size -= (size_t)sent) {
        sent = send(connection, data, size, 0);
        if (sent == -1 && (errno == EPIPE || errno == ECONNRESET)) return;
        if (sent == -1) die("send");
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

static void leave_before_answer(int connection) {
    send_all(connection, REQUEST, strlen(REQUEST));
    vanish(connection);
}

static void half_close_and_reset(int connection) {
    send_all(connection, REQUEST, strlen(REQUEST));
    if (shutdown(connection, SHUT_WR) == -1) die("shutdown");
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

static const struct {
    const char *name;
    void (*misbehave)(int connection);
} MANNERS[] = {
    {"reset", reset},
    {"vanish", vanish},
    {"reset-after-request", reset_after_request},
    {"leave-before-answer", leave_before_answer},
    {"half-close-and-reset", half_close_and_reset},
    {"rubbish", rubbish},
    {"megabyte", megabyte},
};

int main(int argc, char *argv[]) {
    if (argc == 3 && signal(SIGPIPE, SIG_IGN) != SIG_ERR) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        address.sin_port = htons((in_port_t)strtol(argv[2], NULL, 10));
        address.sin_addr.s_addr = inet_addr("127.0.0.1");
        for (size_t i = 0; i < sizeof MANNERS / sizeof MANNERS[0]; i++) {
            if (strcmp(argv[1], MANNERS[i].name) != 0) continue;
            int connection = socket(AF_INET, SOCK_STREAM, 0);
            if (connection == -1) die("socket");
            if (connect(connection, (struct sockaddr *)&address, sizeof address) == -1)
                die("connect");
            MANNERS[i].misbehave(connection);
            return EXIT_SUCCESS;
        }
    }
    fprintf(stderr, "usage: rude MANNER PORT, where MANNER is one of:");
    for (size_t i = 0; i < sizeof MANNERS / sizeof MANNERS[0]; i++)
        fprintf(stderr, " %s", MANNERS[i].name);
    fputc('\n', stderr);
    return 2;
}
