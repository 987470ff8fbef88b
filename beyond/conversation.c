/* A connection's bytes and time: see serve.h. Knows sockets, and neither protocols nor models. */
#define _GNU_SOURCE /* ppoll */
#include "serve.h"
#include "words.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LEAVE_TIME = 1000, /* milliseconds for a client to hear its last answer and hang up */
    CALLS_AT_ONCE = 32, /* of recv and send: then it is the others' turn */
    TAKEN_LEAST = 4096, /* bytes in the time of -W that make a slow client more than a deaf one */
    TURNS_MOST = 16, /* until signals are let in */
    FIRST_TIME = 1000, /* for the first request, when the server is asked to end */
    TURN_AWAY_TIME = 10 /* milliseconds */
};

struct work {
    size_t size; /* bytes of the client's that are here, */
    size_t taken; /* and how many of them are the request that is being answered */
    size_t sent; /* bytes of the answer */
    struct answer answer;
    char bytes[REQUEST_SIZE];
};

volatile sig_atomic_t ending;
const sigset_t *blocked_while_waiting;

int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: the clock is there, the pointer is good */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_for(struct conversation *c, enum want want, int64_t time) {
    c->want = want;
    c->deadline = now_ms() + time;
    c->moved = true;
}

/* Has a client taken some of its answer since it was last late? That there is room is told only
 * when a third of the socket's buffer is free: of megabytes, for which one who reads slowly needs
 * more than his time. One who takes nothing is found out when he is late again: SIOCOUTQ, tcp(7),
 * is how many bytes he has not acknowledged. A few mean nothing: his system may find room for them
 * although he does not read. */
static bool takes_some(struct conversation *c) {
    int unacknowledged;
    int64_t before = c->taken;
    if (ioctl(c->fd, SIOCOUTQ, &unacknowledged) == -1) return false; /* no socket, with inetd */
    c->taken = c->sent - unacknowledged;
    return c->taken - before >= TAKEN_LEAST;
}

/* One work is kept for the next who needs one: most requests come and go at once. */
static _Thread_local struct work *spare;

static void free_work(struct conversation *c) {
    if (spare == NULL) spare = c->work;
    else free(c->work);
    c->work = NULL;
}

void conversation_thread_ends(void) {
    free(spare);
    spare = NULL;
}

static size_t answer_size(const struct answer *answer) {
    return answer->parts[0].iov_len + answer->parts[1].iov_len;
}

/* ---- What comes next ----------------------------------------------------- */

/* Forgets the bytes of the request that was taken. */
static void drop_taken(struct work *work) {
    work->size -= work->taken;
    memmove(work->bytes, work->bytes + work->taken, work->size);
}

/* The last answer is given. What the client has sent beyond its last request, and perhaps still
 * sends, is read and forgotten for a while: closing a socket with unread bytes resets the
 * connection, and the reset can overtake the answer. RFC 9112, 9.6. */
static void take_leave(struct conversation *c) {
    struct work *work = c->work;
    bool rejected = work->taken == 0;
    int unread = 0; /* what has come since: while an answer is under way, nothing is read */
    drop_taken(work);
    (void)ioctl(c->fd, SIOCINQ, &unread); /* without a socket, as with inetd, it may fail */
    if (!c->ended && (rejected || work->size > 0 || unread > 0) && shutdown(c->fd, SHUT_WR) == 0)
        wait_for(c, WANT_LEAVE, LEAVE_TIME);
    else c->want = WANT_NOTHING;
}

/* Asks the protocol about the bytes that are here. Returns true if there is something to say, or if
 * that was the last request: then it is known what to wait for. */
static bool ask(struct conversation *c) {
    struct work *work = c->work;
    struct answer *answer = &work->answer;
    memset(answer, 0, offsetof(struct answer, room));
    work->sent = 0;
    work->taken = service.protocol->take(&c->memory, work->bytes, work->size, c->ended, answer);
    if (ending && c->memory.stage == 0 && work->taken > 0) answer->last = true;
    if (answer->complaint) complain_of(c->fd, work->bytes, work->size, answer->complaint);
    if (service.log && answer->logged > 0) log_request(c->fd, work->bytes, answer);
    if (answer_size(answer) == 0) {
        if (answer->last) take_leave(c);
        else drop_taken(work);
        return answer->last;
    }
    if (service.pause > 0) wait_for(c, WANT_PAUSE, service.pause);
    else wait_for(c, WANT_ROOM, service.write_time);
    return true;
}

/* Asks the protocol, as long as it takes requests that need no answer, and decides what to wait
 * for. */
static void consider(struct conversation *c) {
    struct work *work = c->work;
    do {
        if (work->size == 0) break;
        if (ask(c)) return;
    } while (work->taken > 0);
    if (c->ended) {
        c->want = WANT_NOTHING;
    } else if (work->size > 0 || c->memory.stage != 0) {
        if (c->want != WANT_REST) wait_for(c, WANT_REST, service.header_time);
    } else {
        free_work(c);
        wait_for(c, WANT_REQUEST, service.idle_time);
    }
}

/* The answer is sent: on to the next request, or to the end. */
static void finish_answer(struct conversation *c) {
    if (c->work->answer.last) {
        take_leave(c);
        return;
    }
    drop_taken(c->work);
    c->want = WANT_NOTHING; /* not WANT_REST: another request has a time of its own */
    consider(c);
}

void conversation_begin(struct conversation *c, int fd) {
    *c = (struct conversation){.fd = fd};
    wait_for(c, WANT_REQUEST, service.idle_time);
}

struct iovec conversation_space(struct conversation *c) {
    struct work *work = c->work;
    if (work == NULL) {
        work = spare ? spare : malloc(sizeof *work);
        spare = NULL;
        if (work == NULL) return (struct iovec){NULL, 0};
        work->size = 0;
        c->work = work;
    }
    if (c->want == WANT_LEAVE) return (struct iovec){work->bytes, REQUEST_SIZE};
    return (struct iovec){work->bytes + work->size, REQUEST_SIZE - work->size};
}

void conversation_came(struct conversation *c, ssize_t size) {
    if (size == -1 || (c->want == WANT_LEAVE && size == 0)) {
        c->want = WANT_NOTHING; /* most of all ECONNRESET: nobody is there to be told */
    } else if (c->want != WANT_LEAVE) {
        c->work->size += (size_t)size;
        c->heard = c->heard || size > 0;
        c->ended = size == 0;
        consider(c);
    }
}

int conversation_parts(struct conversation *c, struct iovec parts[2]) {
    const struct iovec *from = c->work->answer.parts;
    size_t skip = c->work->sent;
    int count = 0;
    for (int i = 0; i < 2; i++) {
        if (skip >= from[i].iov_len) {
            skip -= from[i].iov_len;
            continue;
        }
        parts[count].iov_base = (char *)from[i].iov_base + skip;
        parts[count++].iov_len = from[i].iov_len - skip;
        skip = 0;
    }
    return count;
}

void conversation_went(struct conversation *c, ssize_t size) {
    if (size == -1) {
        c->want = WANT_NOTHING;
        return;
    }
    c->sent += size;
    c->work->sent += (size_t)size;
    if (c->work->sent == answer_size(&c->work->answer)) finish_answer(c);
    else wait_for(c, WANT_ROOM, service.write_time);
}

void conversation_late(struct conversation *c) {
    if (c->want == WANT_PAUSE || (c->want == WANT_ROOM && takes_some(c))) {
        wait_for(c, WANT_ROOM, service.write_time);
    } else if (c->want == WANT_REST && service.protocol->late != NULL && c->work != NULL) {
        struct answer *answer = &c->work->answer;
        memset(answer, 0, offsetof(struct answer, room));
        service.protocol->late(answer);
        answer->last = true;
        c->work->taken = c->work->sent = 0;
        wait_for(c, WANT_ROOM, service.write_time);
    } else {
        c->want = WANT_NOTHING;
    }
}

bool conversation_is_idle(const struct conversation *c) {
    return c->want == WANT_REQUEST &&
           (c->heard || now_ms() - (c->deadline - service.idle_time) >= FIRST_TIME);
}

void conversation_free(struct conversation *c) {
    if (c->work != NULL) free_work(c);
}

void conversation_end(struct conversation *c) {
    conversation_free(c);
    if (close(c->fd) == -1) complain("close");
}

/* ---- With a socket ------------------------------------------------------- */

static bool would_block(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK;
}

static ssize_t send_parts(int fd, struct iovec parts[2], int count) {
    if (count == 1)
        return send(fd, parts[0].iov_base, parts[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Sends some of the answer; returns false if there is no room. */
static bool send_some(struct conversation *c) {
    struct iovec parts[2] = {{NULL, 0}};
    ssize_t sent = send_parts(c->fd, parts, conversation_parts(c, parts));
    if (sent == -1 && errno == EINTR) return true;
    if (sent == -1 && would_block()) return false;
    conversation_went(c, sent);
    return true;
}

/* Takes some of what has come; returns false if there is nothing. emptied: the last time took all
 * that was there, and another look would find nothing. */
static bool receive_some(struct conversation *c, bool *emptied) {
    struct iovec space;
    ssize_t size;
    if (*emptied) return false;
    space = conversation_space(c);
    if (space.iov_len == 0) {
        complain("malloc");
        c->want = WANT_NOTHING;
        return false;
    }
    size = recv(c->fd, space.iov_base, space.iov_len, MSG_DONTWAIT);
    if (size == -1 && errno == EINTR) return true;
    if (size == -1 && would_block()) return false;
    *emptied = size > 0 && (size_t)size < space.iov_len;
    conversation_came(c, size);
    return true;
}

enum want conversation_go(struct conversation *c) {
    bool goes_on = true, emptied = false;
    for (int calls = 0; goes_on && calls < CALLS_AT_ONCE; calls++) {
        switch (c->want) {
        case WANT_ROOM: goes_on = send_some(c); break;
        case WANT_PAUSE:
        case WANT_NOTHING: goes_on = false; break;
        default: goes_on = receive_some(c, &emptied);
        }
    }
    if (c->want == WANT_REQUEST) conversation_free(c);
    return c->want;
}

/* Waits until the conversation can go on; returns false if it is late: also one whose client sends
 * without a break, and one that cannot be waited for. */
static bool wait_until_it_can(const struct conversation *c) {
    struct pollfd pollfd = {.fd = c->fd, .events = c->want == WANT_ROOM ? POLLOUT : POLLIN};
    int64_t left = c->deadline - now_ms();
    bool whole = !ending || left <= LOOK_AGAIN; /* else it is not late when ppoll's time is up */
    if (left <= 0) return false;
    if (!whole) left = LOOK_AGAIN;
    struct timespec time = {.tv_sec = (time_t)(left / 1000), .tv_nsec = left % 1000 * 1000000};
    int ready = ppoll(&pollfd, c->want == WANT_PAUSE ? 0 : 1, &time, blocked_while_waiting);
    if (ready == -1 && errno != EINTR) { /* to ask again at once would keep the processor busy */
        complain("ppoll");
        return false;
    }
    return ready != 0 || !whole;
}

bool signal_came(const sigset_t *blocked, unsigned turns) {
    static const struct timespec NO_TIME;
    return blocked != NULL && turns % TURNS_MOST == 0 && ppoll(NULL, 0, &NO_TIME, blocked) == -1;
}

void converse(int fd) {
    struct conversation c;
    conversation_begin(&c, fd);
    for (unsigned turns = 1; conversation_go(&c) != WANT_NOTHING; turns++) {
        (void)signal_came(blocked_while_waiting, turns); /* its handler sets ending */
        if (ending && conversation_is_idle(&c)) break;
        if (!wait_until_it_can(&c)) conversation_late(&c);
    }
    conversation_end(&c);
}

void turn_away(int fd) {
    const char *busy = service.protocol->busy;
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    /* its request is read, or close would reset the connection, and the reset could overtake the
     * answer */
    if (poll(&pollfd, 1, TURN_AWAY_TIME) == 1) {
        char bytes[REQUEST_SIZE];
        (void)recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    }
    if (busy != NULL) (void)send(fd, busy, strlen(busy), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (close(fd) == -1) complain("close");
}
