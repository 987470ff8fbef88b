/*
 * uv: callbacks on libuv's loop. The loop reads and writes by itself, and calls: bytes have come,
 * your bytes are gone, it is time. No function waits, and none sees a whole conversation: what
 * happens next depends on which is called next. Python's asyncio calls the same a protocol.
 *
 * Costs    a library; about 600 bytes for a client that is idle
 * Starves  everybody, if a callback calculates long; nobody, if clients only wait
 * Next     coroutine.c
 */
#define _POSIX_C_SOURCE 200809L
#include "../crowd.h"

#include <errno.h>
#include <stdlib.h>
#include <uv.h>

enum {
    ACCEPTS_AT_ONCE = 64,
    WRITES_AT_ONCE = 16,
    PIECE = 4096 /* bytes for the loop to write, when the socket is full: see answer */
};

struct client {
    struct conversation conversation; /* the first: a pointer to one is a pointer to the other */
    uv_tcp_t tcp;
    uv_write_t write;
    size_t piece; /* how many bytes the loop has to write; 0: none */
    bool reads;
};

static uv_loop_t loop;
static uv_poll_t listener; /* not uv_listen: see accept_some */
static uv_timer_t lateness;
static int64_t looks_at = INT64_MAX; /* when lateness will look for who is late */
static bool listens;
static struct crowd crowd;

static void go_on(struct client *client);

/* Ends the program if the library refuses: what it refuses here, no client can bring about. Its
 * error numbers are errno's, negative. */
static void need(const char *what, int error) {
    errno = -error;
    if (error < 0) die(what);
}

/* ---- The listening socket ------------------------------------------------ */

static void accept_some(uv_poll_t *poll, int error, int events);

static void listen_or_not(void) {
    bool wanted = crowd_may_grow(&crowd);
    if (wanted == listens) return;
    need("uv_poll",
         wanted ? uv_poll_start(&listener, UV_READABLE, accept_some) : uv_poll_stop(&listener));
    listens = wanted;
}

/* ---- Time ---------------------------------------------------------------- */

/* Has the loop look for who is late at that time, if it would not look earlier. One timer does for
 * all: it is set back only when it has run, and not each time that somebody waits anew. */
static void look_at(int64_t time, uv_timer_cb look) {
    int64_t left = time - now_ms() + 1; /* the loop's clock is a little slow */
    if (time >= looks_at) return;
    need("uv_timer_start", uv_timer_start(&lateness, look, left < 1 ? 1 : (uint64_t)left, 0));
    looks_at = time;
}

static void look_for_the_late(uv_timer_t *timer) {
    int patience;
    (void)timer;
    looks_at = INT64_MAX;
    for (struct conversation *c; (c = crowd_late(&crowd)) != NULL;) {
        conversation_late(c);
        go_on((struct client *)c);
    }
    listen_or_not();
    patience = crowd_patience(&crowd);
    if (patience != -1) look_at(now_ms() + patience, look_for_the_late);
}

/* ---- A client ------------------------------------------------------------ */

static void closed(uv_handle_t *handle) {
    free(handle->data);
}

/* The loop closes the socket at once, and calls back when it has forgotten the handle. */
static void end(struct client *client) {
    crowd_drop(&crowd, &client->conversation);
    conversation_free(&client->conversation);
    uv_close((uv_handle_t *)&client->tcp, closed);
    listen_or_not();
}

/* Called before each read: an idle client holds no space. */
static void make_space(uv_handle_t *handle, size_t suggested, uv_buf_t *space) {
    struct iovec iovec = conversation_space(&((struct client *)handle->data)->conversation);
    (void)suggested;
    *space = uv_buf_init(iovec.iov_base, (unsigned)iovec.iov_len);
}

static void have_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *space) {
    struct client *client = stream->data;
    struct conversation *c = &client->conversation;
    (void)space;
    if (size == 0) { /* not the end: there was nothing */
        if (c->want == WANT_REQUEST) conversation_free(c);
        return;
    }
    if (size == UV_ENOBUFS) complain("malloc");
    if (size < 0) errno = (int)-size;
    conversation_came(c, size == UV_EOF ? 0 : size < 0 ? -1 : size);
    go_on(client);
}

static void have_written(uv_write_t *write, int error) {
    struct client *client = write->data;
    ssize_t size = (ssize_t)client->piece;
    if (error == UV_ECANCELED) return; /* it has been ended */
    client->piece = 0;
    if (error < 0) errno = -error;
    conversation_went(&client->conversation, error < 0 ? -1 : size);
    go_on(client);
}

/* Sends what the socket takes at once: mostly all. When it is full, or the others have waited long
 * enough, the loop gets a small piece of the rest: it says when that is gone, and then there is
 * room for more. To give it all would be simpler, but then it would say nothing until the end, and
 * a slow client look like a dead one. */
static void answer(struct client *client) {
    struct conversation *c = &client->conversation;
    uv_stream_t *stream = (uv_stream_t *)&client->tcp;
    for (int writes = 0; c->want == WANT_ROOM && client->piece == 0; writes++) {
        struct iovec parts[2];
        uv_buf_t bufs[2] = {{.len = 0}};
        int result, count = conversation_parts(c, parts);
        for (int i = 0; i < count; i++)
            bufs[i] = uv_buf_init(parts[i].iov_base, (unsigned)parts[i].iov_len);
        result = writes < WRITES_AT_ONCE ? uv_try_write(stream, bufs, (unsigned)count) : UV_EAGAIN;
        if (result != UV_EAGAIN) {
            if (result < 0) errno = -result;
            conversation_went(c, result < 0 ? -1 : result);
            continue;
        }
        if (bufs[0].len > PIECE) bufs[0].len = PIECE;
        client->piece = bufs[0].len;
        need("uv_write", uv_write(&client->write, stream, bufs, 1, have_written));
    }
}

/* After each callback: answers, and has the loop call again for what the client then waits for. */
static void go_on(struct client *client) {
    struct conversation *c = &client->conversation;
    answer(client);
    if (c->want == WANT_NOTHING) {
        end(client);
        return;
    }
    /* who does not take his answer may not ask for another */
    bool reads = c->want != WANT_ROOM && c->want != WANT_PAUSE;
    if (reads != client->reads) {
        uv_stream_t *stream = (uv_stream_t *)&client->tcp;
        need("uv_read",
             reads ? uv_read_start(stream, make_space, have_read) : uv_read_stop(stream));
        client->reads = reads;
    }
    crowd_keep(&crowd, c);
    look_at(c->deadline, look_for_the_late);
}

static void begin(int fd) {
    struct client *client = crowd_welcome(&crowd, fd, sizeof *client);
    if (client == NULL) return;
    need("uv_tcp_init", uv_tcp_init(&loop, &client->tcp));
    need("uv_tcp_open", uv_tcp_open(&client->tcp, fd)); /* now it is the loop's to close */
    client->tcp.data = client->write.data = client;
    go_on(client);
}

/* libuv would accept, too (uv_listen); but when no descriptor is left, it accepts and closes all
 * who are in the queue, who might have been served a moment later. */
static void accept_some(uv_poll_t *poll, int error, int events) {
    (void)poll, (void)events;
    need("uv_poll", error);
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        int fd = crowd_accept(&crowd, service.listener);
        if (fd == -1) break;
        begin(fd);
    }
    listen_or_not();
    if (crowd.again_at != 0) look_at(crowd.again_at, look_for_the_late);
}

int serve_uv(void) {
    crowd_begin(&crowd);
    need("uv_loop_init", uv_loop_init(&loop));
    need("uv_timer_init", uv_timer_init(&loop, &lateness));
    need("uv_poll_init", uv_poll_init(&loop, &listener, service.listener)); /* never blocks now */
    listen_or_not();
    announce();
    return uv_run(&loop, UV_RUN_DEFAULT) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
