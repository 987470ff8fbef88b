/*
 * event: libevent's buffers. The library reads into one buffer of each client and writes what it
 * finds in another; it calls when something has come, or gone. The program never sees a socket:
 * this is how Python's asynchat and Twisted's transports work, too.
 *
 * Costs    a library, a copy of all that comes, and some system calls more than libuv's callbacks
 * Starves  everybody, if a callback calculates long; nobody, if clients only wait
 * Next     multi.c
 */
#define _POSIX_C_SOURCE 200809L
#include "../crowd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/time.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

struct client {
    struct conversation conversation; /* the first: a pointer to one is a pointer to the other */
    struct bufferevent *buffers;
    size_t unsent; /* bytes of the answer that were in the output buffer when we last looked */
    bool ended; /* the end of file has come; what came before it may still be in the input buffer */
};

static struct event_base *base;
static struct evconnlistener *listener;
static struct event *lateness;
static int64_t looks_at = INT64_MAX; /* when lateness will look for who is late */
static struct crowd crowd;

static void listen_or_not(void) {
    if ((crowd_may_grow(&crowd) ? evconnlistener_enable(listener)
                                : evconnlistener_disable(listener)) == -1)
        die("evconnlistener");
}

/* Has the library look for who is late at that time, if it would not look earlier. One timer does
 * for all: it is set back only when it has run, and not each time that somebody waits anew. */
static void look_at(int64_t time) {
    int64_t left = time - now_ms();
    if (time >= looks_at) return;
    if (left < 1) left = 1;
    struct timeval wait = {.tv_sec = (time_t)(left / 1000),
                           .tv_usec = (suseconds_t)(left % 1000 * 1000)};
    if (evtimer_add(lateness, &wait) == -1) die("evtimer_add");
    looks_at = time;
}

static void end(struct client *client) {
    crowd_drop(&crowd, &client->conversation);
    conversation_free(&client->conversation);
    bufferevent_free(client->buffers); /* which closes the socket */
    free(client);
    listen_or_not();
}

/* Puts the answer into the output buffer. The bytes are not copied: they stay where they are until
 * they are gone. */
static bool write_answer(struct client *client) {
    struct evbuffer *output = bufferevent_get_output(client->buffers);
    struct iovec parts[2];
    int count = conversation_parts(&client->conversation, parts);
    for (int i = 0; i < count; i++)
        if (evbuffer_add_reference(output, parts[i].iov_base, parts[i].iov_len, NULL, NULL) == -1)
            return false;
    client->unsent = evbuffer_get_length(output);
    return true;
}

/* Gives the conversation what is in the input buffer, as much as it has space for. Returns false
 * if there is nothing, or no memory, and then the conversation is over. */
static bool read_input(struct client *client) {
    struct evbuffer *input = bufferevent_get_input(client->buffers);
    struct conversation *c = &client->conversation;
    struct iovec space;
    if (evbuffer_get_length(input) == 0 && !client->ended) return false;
    space = conversation_space(c);
    if (space.iov_len == 0) {
        complain("malloc");
        c->want = WANT_NOTHING;
        return false;
    }
    conversation_came(c, evbuffer_remove(input, space.iov_base, space.iov_len));
    return true;
}

/* Lets the conversation go on, as far as can be without waiting. */
static void converse_on(struct client *client) {
    struct conversation *c = &client->conversation;
    for (;;) {
        switch (c->want) {
        case WANT_REQUEST:
        case WANT_REST:
        case WANT_LEAVE:
            if (!read_input(client)) return;
            break;
        case WANT_ROOM:
            if (client->unsent > 0 || write_answer(client)) return;
            complain("evbuffer_add_reference");
            c->want = WANT_NOTHING;
            return;
        default: return;
        }
    }
}

/* After each callback. Who sends more while his answer is under way is read no further: a limit to
 * the buffer (bufferevent_setwatermark) will not do, as libevent calls again and again until the
 * buffer is below it. */
static void go_on(struct client *client) {
    struct conversation *c = &client->conversation;
    size_t unread;
    short reads;
    converse_on(client);
    if (c->want == WANT_NOTHING) {
        end(client);
        return;
    }
    unread = evbuffer_get_length(bufferevent_get_input(client->buffers));
    reads = unread == 0 && !client->ended ? EV_READ : 0;
    if (reads != (bufferevent_get_enabled(client->buffers) & EV_READ) &&
        (reads ? bufferevent_enable(client->buffers, EV_READ)
               : bufferevent_disable(client->buffers, EV_READ)) == -1) {
        complain("bufferevent_enable");
        end(client);
        return;
    }
    crowd_keep(&crowd, c);
    look_at(c->deadline);
}

static void have_read(struct bufferevent *buffers, void *client) {
    (void)buffers;
    go_on(client);
}

static void have_written(struct bufferevent *buffers, void *argument) {
    struct client *client = argument;
    size_t unsent = evbuffer_get_length(bufferevent_get_output(buffers));
    size_t sent = client->unsent - unsent;
    client->unsent = unsent;
    if (sent > 0) conversation_went(&client->conversation, (ssize_t)sent);
    go_on(client);
}

static void have_ended(struct bufferevent *buffers, short what, void *argument) {
    struct client *client = argument;
    (void)buffers;
    if (what & BEV_EVENT_EOF) client->ended = true;
    else client->conversation.want = WANT_NOTHING; /* an error: nobody is there to be told */
    go_on(client);
}

static void look_for_the_late(evutil_socket_t none, short what, void *nothing) {
    int patience;
    (void)none, (void)what, (void)nothing;
    looks_at = INT64_MAX;
    for (struct conversation *c; (c = crowd_late(&crowd)) != NULL;) {
        conversation_late(c);
        go_on((struct client *)c);
    }
    listen_or_not();
    patience = crowd_patience(&crowd);
    if (patience != -1) look_at(now_ms() + patience);
}

static void have_accepted(struct evconnlistener *from, evutil_socket_t fd, struct sockaddr *address,
                          int size, void *nothing) {
    struct client *client = calloc(1, sizeof *client);
    (void)from, (void)address, (void)size, (void)nothing;
    if (client != NULL) client->buffers = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (client == NULL || client->buffers == NULL) {
        complain(client == NULL ? "calloc" : "bufferevent_socket_new");
        turn_away(fd);
        free(client);
        return;
    }
    conversation_begin(&client->conversation, fd);
    crowd_add(&crowd, &client->conversation);
    bufferevent_setcb(client->buffers, have_read, have_written, have_ended, client);
    /* tell us whenever something is written, not only when all is */
    bufferevent_setwatermark(client->buffers, EV_WRITE, EV_SIZE_MAX, 0);
    go_on(client);
    listen_or_not();
}

static void accept_failed(struct evconnlistener *from, void *nothing) {
    (void)from, (void)nothing;
    crowd_not_accepted(&crowd);
    listen_or_not();
    if (crowd.again_at != 0) look_at(crowd.again_at);
}

int serve_event(void) {
    crowd_begin(&crowd);
    base = event_base_new();
    if (base == NULL) die("event_base_new");
    lateness = evtimer_new(base, look_for_the_late, NULL);
    if (lateness == NULL) die("evtimer_new");
    if (evutil_make_socket_nonblocking(service.listener) == -1) die("fcntl");
    /* disabled, as it would not say that it could not enable it: listen_or_not does */
    listener = evconnlistener_new(base, have_accepted, NULL,
                                  LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, 0, service.listener);
    if (listener == NULL) die("evconnlistener_new");
    evconnlistener_set_error_cb(listener, accept_failed);
    listen_or_not();
    announce();
    return event_base_dispatch(base) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
