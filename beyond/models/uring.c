/*
 * uring: one loop that does not ask who is ready: it tells the kernel what to do (accept, receive,
 * send, close), and the kernel says when it is done. What is asked for lies in a ring of memory
 * that both see, the results in another: one system call hands over all that has gathered in a
 * turn, and waits for results.
 *
 * Costs    a library, and trust: much code in the kernel, which containers often forbid
 * Starves  everybody, if an answer needs long calculation; nobody, if clients only wait
 * Next     inetd.c; or epoll.c again: the same loop, turned inside out
 */
#define _GNU_SOURCE
#include "../crowd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <liburing.h>

#ifdef IORING_ACCEPT_MULTISHOT
#define LIBURING_2_2 /* which has this, and the other things that depend on it here */
#endif

enum { REQUESTS = 512, RESULTS = 8 * REQUESTS, SPACES = 256 /* a power of 2 */, SPACES_ID = 1 };

struct client {
    struct conversation conversation; /* the first: a pointer to one is a pointer to the other */
    bool stale; /* what comes of the thing that the kernel is doing for it does not matter any more
                 */
    struct msghdr message;
    struct iovec parts[2];
};

static struct io_uring ring;
static struct crowd crowd;
static bool accepts; /* the kernel has been told to accept; its address marks the result */
static bool accepts_many; /* told once for all: since Linux 5.19 */

/* Where the first bytes of a request come. Whoever is idle needs no space of his own: the kernel
 * takes one of these when there is something to put into it. Since Linux 5.19; else NULL. */
static struct io_uring_buf_ring *spaces;
static char (*space_bytes)[REQUEST_SIZE];

/* ---- What the kernel is told --------------------------------------------- */

/* Ends the program if the kernel refuses what it was told, other than for now: EAGAIN, EBUSY: it
 * has no memory, or wants us to take results first. Sets errno; 0: none. */
static void check(int result) {
    errno = result < 0 ? -result : 0;
    if (result < 0 && errno != ETIME && errno != EINTR && errno != EAGAIN && errno != EBUSY)
        die("io_uring_enter");
}

/* A place for one more request to the kernel; NULL: all are taken, and it refuses them for now. */
static struct io_uring_sqe *next_request(void) {
    struct io_uring_sqe *request = io_uring_get_sqe(&ring);
    if (request != NULL) return request;
    check(io_uring_submit(&ring)); /* all are taken: the kernel shall have them now */
    request = io_uring_get_sqe(&ring);
    if (request == NULL) complain("io_uring_enter");
    return request;
}

static void accept_or_not(void) {
    struct io_uring_sqe *request;
    if (accepts || !crowd_may_grow(&crowd)) return;
    request = next_request();
    if (request == NULL) return; /* another time */
    io_uring_prep_accept(request, service.listener, NULL, NULL, SOCK_CLOEXEC);
#ifdef LIBURING_2_2
    if (accepts_many) request->ioprio |= IORING_ACCEPT_MULTISHOT;
#endif
    io_uring_sqe_set_data(request, &accepts);
    accepts = true;
}

/* Where the client's next bytes may be put; if there is no memory, its conversation is over. */
static struct iovec space_for(struct conversation *c) {
    struct iovec space = conversation_space(c);
    if (space.iov_len > 0) return space;
    complain("malloc");
    c->want = WANT_NOTHING;
    return space;
}

static void receive(struct client *client) {
    struct conversation *c = &client->conversation;
    bool common = c->want == WANT_REQUEST && spaces != NULL;
    struct iovec space = common ? (struct iovec){NULL, REQUEST_SIZE} : space_for(c);
    struct io_uring_sqe *request;
    if (space.iov_len == 0) return;
    request = next_request();
    if (request == NULL) {
        c->want = WANT_NOTHING;
        return;
    }
    io_uring_prep_recv(request, c->fd, space.iov_base, space.iov_len, 0);
    if (common) {
        request->flags |= IOSQE_BUFFER_SELECT;
        request->buf_group = SPACES_ID;
    }
    io_uring_sqe_set_data(request, client);
}

static void send_answer(struct client *client) {
    struct io_uring_sqe *request = next_request();
    struct conversation *c = &client->conversation;
    if (request == NULL) {
        c->want = WANT_NOTHING;
        return;
    }
    client->message.msg_iov = client->parts;
    client->message.msg_iovlen = (size_t)conversation_parts(c, client->parts);
    io_uring_prep_sendmsg(request, c->fd, &client->message, MSG_NOSIGNAL);
    io_uring_sqe_set_data(request, client);
}

/* Frees a client for whom the kernel has nothing to do but to close the connection. */
static void release(struct client *client) {
    struct io_uring_sqe *request = next_request();
    if (request != NULL) {
        io_uring_prep_close(request, client->conversation.fd);
        io_uring_sqe_set_data(request, NULL);
        conversation_free(&client->conversation);
    } else {
        conversation_end(&client->conversation);
    }
    free(client);
}

/* Tells the kernel what the client needs next; if it cannot be told, the connection ends. */
static void go_on(struct client *client) {
    struct conversation *c = &client->conversation;
    if (c->want == WANT_ROOM) send_answer(client);
    else if (c->want != WANT_PAUSE && c->want != WANT_NOTHING) receive(client);
    if (c->want == WANT_NOTHING) {
        crowd_drop(&crowd, c);
        release(client);
        return;
    }
    crowd_keep(&crowd, c);
}

static void begin(int fd) {
    struct client *client = crowd_welcome(&crowd, fd, sizeof *client);
    if (client != NULL) go_on(client);
}

/* Takes back what the kernel has to do for a client who is late: if that is not done yet, it ends
 * with an error now; and only then the client goes on, or is freed. */
static void cancel(struct client *client) {
    struct io_uring_sqe *request = io_uring_get_sqe(&ring); /* there is a place */
    io_uring_prep_cancel(request, client, 0);
    io_uring_sqe_set_data(request, NULL);
    client->stale = true;
    if (client->conversation.want == WANT_NOTHING) crowd_drop(&crowd, &client->conversation);
    else crowd_keep(&crowd, &client->conversation);
}

/* As many as there are places for requests: the others in the next turn, which comes at once. */
static void tend_to_the_late(void) {
    for (struct conversation *c;
         io_uring_sq_space_left(&ring) > 0 && (c = crowd_late(&crowd)) != NULL;) {
        enum want wanted = c->want;
        conversation_late(c);
        if (wanted == WANT_PAUSE) go_on((struct client *)c);
        else if (c->want == wanted) crowd_keep(&crowd, c); /* it has more time */
        else cancel((struct client *)c); /* the kernel has something to do for it */
    }
}

/* ---- What it has done ---------------------------------------------------- */

static void have_accepted(int result, bool more) {
    accepts = more;
    if (result >= 0) {
        begin(result);
        return;
    }
    if (result == -EINVAL && accepts_many) { /* an older kernel */
        accepts_many = false;
        return;
    }
    errno = -result;
    crowd_not_accepted(&crowd);
}

/* The kernel has received or sent so many bytes; common: where, if not in the client's own space.
 */
static void have_done(struct client *client, int result, const char *common) {
    struct conversation *c = &client->conversation;
    bool stale = client->stale;
    client->stale = false;
    errno = result < 0 ? -result : 0;
    if (stale || errno == EINTR || errno == EAGAIN || errno == ENOBUFS) {
        /* it was late, or nothing has happened: no common space was left for a moment */
    } else if (c->want == WANT_ROOM) {
        conversation_went(c, result < 0 ? -1 : result);
    } else if (result < 0) {
        conversation_came(c, -1);
    } else {
        struct iovec space = space_for(c);
        if (common != NULL && space.iov_len > 0) memcpy(space.iov_base, common, (size_t)result);
        if (space.iov_len > 0) conversation_came(c, result);
    }
    if (stale && c->want == WANT_NOTHING) release(client);
    else go_on(client);
}

static void give_back(unsigned id) {
#ifdef LIBURING_2_2
    io_uring_buf_ring_add(spaces, space_bytes[id], REQUEST_SIZE, (unsigned short)id,
                          io_uring_buf_ring_mask(SPACES), 0);
    io_uring_buf_ring_advance(spaces, 1);
#else
    (void)id;
#endif
}

static void handle_result(const struct io_uring_cqe *result) {
    void *whose = io_uring_cqe_get_data(result);
    bool common = result->flags & IORING_CQE_F_BUFFER;
    unsigned id = result->flags >> IORING_CQE_BUFFER_SHIFT;
    if (whose == &accepts) have_accepted(result->res, result->flags & IORING_CQE_F_MORE);
    else if (whose != NULL) have_done(whose, result->res, common ? space_bytes[id] : NULL);
    if (common) give_back(id);
}

/* Hands over what was asked for, and waits for a result, or until somebody is late. */
static void submit_and_wait(void) {
    int result, patience = crowd_patience(&crowd);
    struct __kernel_timespec time = {patience / 1000, patience % 1000 * 1000000LL};
    struct io_uring_cqe *first;
#ifdef LIBURING_2_2
    result =
        io_uring_submit_and_wait_timeout(&ring, &first, 1, patience == -1 ? NULL : &time, NULL);
#else
    result = io_uring_submit(&ring);
    if (result >= 0)
        result = io_uring_wait_cqe_timeout(&ring, &first, patience == -1 ? NULL : &time);
#endif
    check(result);
}

/* ---- The rings ----------------------------------------------------------- */

static void make_spaces(void) {
#ifdef LIBURING_2_2
    size_t ring_size = SPACES * sizeof(struct io_uring_buf);
    char *memory = mmap(NULL, ring_size + SPACES * sizeof *space_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct io_uring_buf_reg where = {
        .ring_addr = (uintptr_t)memory, .ring_entries = SPACES, .bgid = SPACES_ID};
    if (memory == MAP_FAILED) die("mmap");
    if (io_uring_register_buf_ring(&ring, &where, 0) != 0) return; /* an older kernel */
    spaces = (struct io_uring_buf_ring *)memory;
    space_bytes = (char(*)[REQUEST_SIZE])(memory + ring_size);
    for (unsigned id = 0; id < SPACES; id++) give_back(id);
#endif
}

static void make_ring(void) {
    static const unsigned FLAGS[] = {
#ifdef IORING_SETUP_DEFER_TASKRUN
        /* results are made when we wait for them, and not in between: since Linux 6.1 */
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
#endif
        0};
    int result = -EINVAL;
    struct io_uring_params params;
    for (size_t i = 0; i < sizeof FLAGS / sizeof FLAGS[0] && result == -EINVAL; i++) {
        params = (struct io_uring_params){.flags = FLAGS[i] | IORING_SETUP_CQSIZE,
                                          .cq_entries = RESULTS};
        result = io_uring_queue_init_params(REQUESTS, &ring, &params);
    }
    if (result == 0 && params.features & IORING_FEAT_EXT_ARG) return;
    fprintf(stderr,
            "serve: io_uring: %s: Linux 5.11 or later has it; sysctl kernel.io_uring_disabled, a "
            "container's seccomp profile or ulimit -l may forbid it; epoll needs none of them\n",
            strerror(result == 0 ? ENOSYS : -result));
    exit(EXIT_FAILURE);
}

int serve_uring(void) {
    struct io_uring_cqe *result;
    crowd_begin(&crowd);
    make_ring();
    make_spaces();
    accepts_many = service.most == 0; /* it would not stop in time for a limit */
    announce();
    for (;;) {
        accept_or_not();
        submit_and_wait();
        for (unsigned i = io_uring_cq_ready(&ring); i > 0; i--) {
            if (io_uring_peek_cqe(&ring, &result) != 0) break;
            struct io_uring_cqe copy = *result; /* its place may be needed while it is handled */
            io_uring_cqe_seen(&ring, result);
            handle_result(&copy);
        }
        tend_to_the_late();
    }
}
