/*
 * epoll: one loop for all clients. The kernel keeps the list of those whom the loop cares about,
 * and hands out those who are ready: what a turn costs depends on how many have something to say,
 * and not on how many there are.
 *
 * Costs    a file of this length: what a process remembers by where it stands, is a struct here
 * Starves  everybody, if an answer needs long calculation; nobody, if clients only wait
 * Next     uv.c
 */
#define _GNU_SOURCE /* epoll_pwait */
#include "epoll.h"
#include "../crowd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 256, ACCEPTS_AT_ONCE = 64 };

struct loop {
    int epoll, listener;
    bool listens; /* the listener is watched */
    struct crowd crowd;
};

static uint32_t events_for(const struct conversation *c) {
    return c->want == WANT_ROOM ? EPOLLOUT : c->want == WANT_PAUSE ? 0 : EPOLLIN;
}

/* Has the kernel watch the descriptor for other events than before. */
static bool watch(const struct loop *loop, int operation, int fd, uint32_t events, void *whose) {
    struct epoll_event event = {.events = events, .data.ptr = whose};
    return epoll_ctl(loop->epoll, operation, fd, &event) == 0;
}

static void listen_or_not(struct loop *loop) {
    bool listens = loop->listener != -1 && crowd_may_grow(&loop->crowd);
    if (listens == loop->listens) return;
    if (!watch(loop, EPOLL_CTL_MOD, loop->listener, listens ? EPOLLIN : 0, NULL)) die("epoll_ctl");
    loop->listens = listens;
}

static void end(struct loop *loop, struct conversation *c) {
    crowd_drop(&loop->crowd, c);
    conversation_end(c); /* which also takes it off the kernel's list */
    free(c);
}

/* Lets a conversation go on, and then wait for what it needs, or end. */
static void go_on(struct loop *loop, struct conversation *c) {
    if (conversation_go(c) == WANT_NOTHING || (ending && conversation_is_idle(c))) {
        end(loop, c);
        return;
    }
    crowd_keep(&loop->crowd, c);
    if (events_for(c) == c->note) return;
    c->note = events_for(c);
    if (!watch(loop, EPOLL_CTL_MOD, c->fd, c->note, c)) {
        complain("epoll_ctl");
        end(loop, c);
    }
}

static void begin(struct loop *loop, int fd) {
    struct conversation *c = crowd_welcome(&loop->crowd, fd, sizeof *c);
    if (c == NULL) return;
    /* its request is often there already: then it needs no place on the kernel's list */
    if (conversation_go(c) == WANT_NOTHING) {
        end(loop, c);
        return;
    }
    crowd_keep(&loop->crowd, c);
    c->note = events_for(c);
    if (!watch(loop, EPOLL_CTL_ADD, fd, c->note, c)) {
        complain("epoll_ctl");
        end(loop, c);
    }
}

/* Returns true when there is nobody left to accept. */
static bool accept_some(struct loop *loop) {
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        int fd = crowd_accept(&loop->crowd, loop->listener);
        if (fd == -1) return errno != 0;
        begin(loop, fd);
    }
    return false;
}

/* Those whose time is up go on: to the end of a pause, or of the conversation. */
static void tend_to_the_late(struct loop *loop) {
    for (struct conversation *c; (c = crowd_late(&loop->crowd)) != NULL;) {
        conversation_late(c);
        go_on(loop, c);
    }
}

static int patience(const struct loop *loop) {
    int most = crowd_patience(&loop->crowd);
    if (ending && (most == -1 || most > LOOK_AGAIN)) most = LOOK_AGAIN;
    return most;
}

/* The server is asked to end: nobody new but those in the queue, unless it is systemd's; and nobody
 * who has no request under way. */
static void drain(struct loop *loop) {
    if (loop->listener != -1 && (service.handed_over || (loop->listens && accept_some(loop)))) {
        /* other processes may hold it, too: then close alone would leave it on our list */
        if (!watch(loop, EPOLL_CTL_DEL, loop->listener, 0, NULL)) complain("epoll_ctl");
        if (close(loop->listener) == -1) complain("close");
        loop->listener = -1;
        loop->listens = false;
    }
    for (struct conversation *c; (c = crowd_idle(&loop->crowd)) != NULL;) go_on(loop, c);
}

int epoll_loop(int listener, const sigset_t *blocked) {
    struct epoll_event events[EVENTS_AT_ONCE];
    struct loop loop = {
        .epoll = epoll_create1(EPOLL_CLOEXEC), .listener = listener, .listens = true};
    crowd_begin(&loop.crowd);
    if (loop.epoll == -1) die("epoll_create1");
    if (fcntl(listener, F_SETFL, O_NONBLOCK) == -1) die("fcntl");
    if (!watch(&loop, EPOLL_CTL_ADD, listener, EPOLLIN, NULL)) die("epoll_ctl");
    for (unsigned turns = 1; !ending || loop.listener != -1 || loop.crowd.size > 0; turns++) {
        int count = epoll_pwait(loop.epoll, events, EVENTS_AT_ONCE, patience(&loop), blocked);
        if (count == -1 && errno != EINTR) die("epoll_pwait");
        (void)signal_came(blocked, turns); /* its handler sets ending */
        for (int i = 0; i < count; i++) {
            struct conversation *c = events[i].data.ptr;
            if (c == NULL) (void)accept_some(&loop);
            else if (c->want == WANT_PAUSE) /* only that the client is gone can be told meanwhile */
                end(&loop, c);
            else go_on(&loop, c);
        }
        tend_to_the_late(&loop);
        listen_or_not(&loop);
        if (ending) drain(&loop);
    }
    if (close(loop.epoll) == -1) complain("close");
    return 0;
}

int serve_epoll(void) {
    announce();
    return epoll_loop(service.listener, NULL);
}
