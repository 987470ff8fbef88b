/*
 * A connection: bytes from a client and to it, and never a wait without an end.
 *
 * Each wait is a poll(2) with a time-out, and recv and send take what they can get at once. A child
 * that waited for ever would be a process that any silent client can have for nothing; and if each
 * byte bought a whole time-out, a byte each half a minute would do. So all waits are one account: a
 * byte gives a millisecond back, and whoever is slower than that has used it up some time.
 */
#define _POSIX_C_SOURCE 200809L
#include "wsgi.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LEAVE_TIME = 2000 /* milliseconds */ };

int64_t now_ms(void) {
    struct timespec now = {.tv_sec = 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: the clock is there, and so is now */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for the client's bytes (POLLIN) or for room for ours (POLLOUT). False: see trouble. */
static bool wait_for(struct connection *c, short events) {
    struct pollfd polled = {.fd = c->fd, .events = events};
    for (;;) {
        int64_t begin = now_ms();
        int64_t left = c->deadline != 0 ? c->deadline - begin : c->patience - c->waited;
        /* the time is looked at first: poll would prefer a client who sends without a break */
        int ready = left > 0 ? poll(&polled, 1, (int)left) : 0;
        if (c->deadline == 0) c->waited += now_ms() - begin;
        if (ready > 0) return true;
        if (ready == -1 && errno == EINTR) continue;
        c->trouble = ready == 0 ? "the client takes too long" : strerror(errno);
        if (ready == 0) c->blame = "408 Request Timeout";
        return false;
    }
}

/* So many bytes have come or gone: that is worth some patience. */
static void credit(struct connection *c, ssize_t size) {
    c->waited = c->waited > size ? c->waited - size : 0;
}

static ssize_t receive(struct connection *c, char *to, size_t size) {
    while (wait_for(c, POLLIN)) {
        ssize_t got = recv(c->fd, to, size, MSG_DONTWAIT);
        if (got >= 0) {
            credit(c, got);
            return got;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) continue;
        c->trouble = strerror(errno);
        break;
    }
    return -1;
}

ssize_t connection_take(struct connection *c, char *to, size_t size) {
    size_t have = c->end - c->begin;
    if (have == 0) return receive(c, to, size);
    if (have > size) have = size;
    memcpy(to, c->bytes + c->begin, have);
    c->begin += have;
    return (ssize_t)have;
}

/* Returns the next byte, or -1: see trouble. */
static int take_byte(struct connection *c) {
    if (c->begin == c->end) {
        ssize_t got = receive(c, c->bytes, sizeof c->bytes);
        if (got == 0) c->trouble = "the client has closed in the middle of its request";
        if (got <= 0) return -1;
        c->begin = 0;
        c->end = (size_t)got;
    }
    return (unsigned char)c->bytes[c->begin++];
}

ssize_t connection_line(struct connection *c, char *to, size_t room, bool strict) {
    for (size_t size = 0;; size++) {
        int byte = take_byte(c);
        if (byte == -1) return -1;
        if (byte == '\n' && size > 0 && to[size - 1] == '\r') return (ssize_t)size - 1;
        if (byte == '\n' && !strict) return (ssize_t)size;
        if (size == room) return LINE_TOO_LONG;
        to[size] = (char)byte;
    }
}

int connection_send(struct connection *c, const char *data, size_t size) {
    while (size > 0) {
        /* it is tried first: who has used up our patience is to hear that */
        ssize_t sent = send(c->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent == -1 && errno == EINTR) continue;
        if (sent == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (!wait_for(c, POLLOUT)) return -1;
            continue;
        }
        if (sent == -1) {
            c->trouble = strerror(errno);
            return -1;
        }
        credit(c, sent);
        data += sent;
        size -= (size_t)sent;
    }
    return 0;
}

/* close(2) with bytes of the client unread makes a reset, which can overtake our answer: so we say
 * that we are done, and read and forget until the client is, too, or time is up. With SO_LINGER of
 * 0 seconds close makes a reset on purpose: socket(7). */
void connection_close(struct connection *c) {
    char waste[4096];
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (c->cut) {
        if (setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == -1)
            perror("wsgi: setsockopt");
    } else if (shutdown(c->fd, SHUT_WR) == 0) {
        c->deadline = now_ms() + LEAVE_TIME;
        while (receive(c, waste, sizeof waste) > 0) continue;
    }
    if (close(c->fd) == -1) perror("wsgi: close");
}
