/*
 * poll: one loop for all clients. Before each turn it hands the kernel the list of all of them, and
 * the kernel looks at each.
 *
 * Costs    for each turn as much as there are clients, be it that one of them has something to say
 * Starves  everybody, if an answer needs long calculation; many who are silent slow down the others
 * Next     epoll.c
 */
#define _POSIX_C_SOURCE 200809L
#include "../crowd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { ACCEPTS_AT_ONCE = 64, FIRST_ROOM = 64 };

/* Two arrays, side by side: what the kernel reads, and whose it is. At 0 is the listening socket,
 * of nobody; poll(2) passes over it while its descriptor is negative. A conversation knows its
 * place: its note. */
struct loop {
    struct pollfd *polled;
    struct conversation **whose;
    nfds_t count, room;
    struct crowd crowd;
};

static short events_for(const struct conversation *c) {
    if (c->want == WANT_PAUSE) return 0;
    return c->want == WANT_ROOM ? POLLOUT : POLLIN;
}

/* Makes room for one more; false: there is no memory. */
static bool make_room(struct loop *loop) {
    nfds_t room = loop->room > 0 ? 2 * loop->room : FIRST_ROOM;
    struct pollfd *polled;
    struct conversation **whose;
    if (loop->count < loop->room) return true;
    polled = realloc(loop->polled, room * sizeof(struct pollfd));
    if (polled == NULL) return false;
    loop->polled = polled;
    /* NOLINTNEXTLINE(*sizeof-expression): pointers are meant */
    whose = realloc(loop->whose, room * sizeof *whose);
    if (whose == NULL) return false;
    loop->whose = whose;
    loop->room = room;
    return true;
}

static void append(struct loop *loop, int fd, short events, struct conversation *c) {
    loop->polled[loop->count] = (struct pollfd){.fd = fd, .events = events};
    loop->whose[loop->count++] = c;
}

/* Ends a conversation. The last of the arrays takes its place. */
static void end(struct loop *loop, struct conversation *c) {
    nfds_t place = c->note, last = --loop->count;
    loop->polled[place] = loop->polled[last];
    loop->whose[place] = loop->whose[last];
    loop->whose[place]->note = (uint32_t)place;
    crowd_drop(&loop->crowd, c);
    conversation_end(c);
    free(c);
}

/* Lets a conversation go on, and then wait for what it needs, or end. */
static void go_on(struct loop *loop, struct conversation *c) {
    if (conversation_go(c) == WANT_NOTHING) {
        end(loop, c);
        return;
    }
    crowd_keep(&loop->crowd, c);
    loop->polled[c->note].events = events_for(c);
}

static void begin(struct loop *loop, int fd) {
    struct conversation *c;
    if (!make_room(loop)) {
        complain("realloc");
        turn_away(fd);
        return;
    }
    c = crowd_welcome(&loop->crowd, fd, sizeof *c);
    if (c == NULL) return;
    c->note = (uint32_t)loop->count;
    append(loop, fd, POLLIN, c);
    go_on(loop, c); /* its request is often there already */
}

static void accept_some(struct loop *loop) {
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        int fd = crowd_accept(&loop->crowd, service.listener);
        if (fd == -1) return;
        begin(loop, fd);
    }
}

/* Waits until there is something to do. Returns how many of the array have news. */
static int wait_for_news(struct loop *loop) {
    int ready;
    loop->polled[0].fd = crowd_may_grow(&loop->crowd) ? service.listener : -1;
    ready = poll(loop->polled, loop->count, crowd_patience(&loop->crowd));
    if (ready == -1 && errno != EINTR) die("poll");
    return ready;
}

int serve_poll(void) {
    struct loop loop = {.polled = NULL};
    crowd_begin(&loop.crowd);
    if (!make_room(&loop)) die("realloc");
    append(&loop, service.listener, POLLIN, NULL);
    if (fcntl(service.listener, F_SETFL, O_NONBLOCK) == -1) die("fcntl");
    announce();
    for (;;) {
        int ready = wait_for_news(&loop);
        /* from the end: whoever takes the place of one that ends has had its turn */
        for (nfds_t i = loop.count; ready > 0 && i-- > 0;) {
            struct conversation *c = loop.whose[i];
            if (loop.polled[i].revents == 0) continue;
            ready--;
            if (c == NULL) accept_some(&loop);
            else if (c->want == WANT_PAUSE) /* only that the client is gone can be told meanwhile */
                end(&loop, c);
            else go_on(&loop, c);
        }
        /* those whose time is up go on: to the end of a pause, or of the conversation */
        for (struct conversation *c; (c = crowd_late(&loop.crowd)) != NULL;) {
            conversation_late(c);
            go_on(&loop, c);
        }
    }
}
