/*
 * inetd: the connection is standard input and output. Another program listens, and starts this one
 * for each client: inetd(8), "nowait"; systemd, "Accept=yes"; socat, tcpserver, a shell with pipes.
 *
 * Costs    nothing while nobody comes; then for each client a program's start
 * Starves  who starts the programs says how many there may be at a time
 * Next     nothing: a program that talks to its standard input needs to know of no network
 */
#define _GNU_SOURCE /* F_DUPFD_CLOEXEC */
#include "../serve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h> /* PIPE_BUF */
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A socket of inetd's "wait", or of systemd's "Accept=no": nobody is connected to it. */
static bool is_listening(int fd) {
    int listens = 0;
    socklen_t size = sizeof listens;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens;
}

/* Standard error is the connection, too: inetd(8) makes it so. The client would hear complaints. */
static bool hears_complaints(void) {
    struct stat client, errors;
    return fstat(STDIN_FILENO, &client) == 0 && fstat(STDERR_FILENO, &errors) == 0 &&
           S_ISSOCK(errors.st_mode) && client.st_dev == errors.st_dev &&
           client.st_ino == errors.st_ino;
}

/* Takes standard output for the connection alone, and returns its new number: whatever is printed,
 * as the log is, goes to standard error; and that goes nowhere, if it would go to the client. */
static int take_output(void) {
    int output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (output == -1) die("standard output");
    if (hears_complaints()) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (nowhere == -1 || dup2(nowhere, STDERR_FILENO) == -1 || close(nowhere) == -1)
            die("/dev/null");
    }
    if (dup2(STDERR_FILENO, STDOUT_FILENO) == -1) die("standard error");
    return output;
}

/* Waits until the conversation can go on. Returns 1; 0 if it is late, also where the client sends
 * without a break: poll would prefer that; -1 if a signal came first. */
static int wait_until_it_can(const struct conversation *c, int output) {
    struct pollfd pollfd = {.fd = c->want == WANT_ROOM ? output : c->fd,
                            .events = c->want == WANT_ROOM ? POLLOUT : POLLIN};
    int64_t left = c->deadline - now_ms(); /* a day at the most */
    int ready = left > 0 ? poll(&pollfd, c->want == WANT_PAUSE ? 0 : 1, (int)left) : 0;
    if (ready == -1 && errno != EINTR) die("poll");
    return ready;
}

/* Others may share these descriptors, so they stay blocking, if they are. One read does not block,
 * for poll has said that there is something; nor does one write of PIPE_BUF bytes to a pipe
 * (pipe(7)) or a socket. Only a terminal that is stopped (^S) can hold us for longer than a client
 * may. */
static void go_on(struct conversation *c, int output) {
    ssize_t size;
    if (c->want == WANT_ROOM) {
        struct iovec parts[2];
        int count = conversation_parts(c, parts);
        size_t room = PIPE_BUF;
        for (int i = 0; i < count; i++) {
            if (parts[i].iov_len > room) parts[i].iov_len = room;
            room -= parts[i].iov_len;
        }
        size = writev(output, parts, count);
        if (size == -1 && (errno == EINTR || errno == EAGAIN)) return;
        conversation_went(c, size);
    } else {
        struct iovec space = conversation_space(c);
        if (space.iov_len == 0) die("malloc");
        size = read(c->fd, space.iov_base, space.iov_len);
        if (size == -1 && (errno == EINTR || errno == EAGAIN)) return;
        conversation_came(c, size);
    }
}

int serve_inetd(void) {
    struct conversation c;
    int output;
    if (fcntl(STDIN_FILENO, F_GETFD) == -1) die("standard input");
    if (is_listening(STDIN_FILENO)) {
        fputs("serve: standard input is a listening socket, and nobody is connected: in inetd.conf "
              "nowait is needed, with systemd Accept=yes\n",
              stderr);
        return 1;
    }
    output = take_output();
    conversation_begin(&c, STDIN_FILENO);
    while (c.want != WANT_NOTHING) {
        int ready = wait_until_it_can(&c, output);
        if (ready == 1) go_on(&c, output);
        else if (ready == 0) conversation_late(&c);
    }
    conversation_end(&c);
    if (close(output) == -1) die("standard output"); /* what was written before may have failed */
    return 0;
}
