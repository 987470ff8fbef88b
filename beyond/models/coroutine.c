/*
 * coroutine: straight lines of code, on a loop. Each connection has a coroutine, whose code is that
 * of single.c: it goes on, and waits, and goes on. But where it waits, it gives up its stack for
 * another's, and the loop takes it up again when there is something for it.
 *
 * The stacks are changed with swapcontext(3), which POSIX has given up, and the GNU C library
 * keeps. No library does it better: the one that Debian has, libpcl, has had no maintainer for
 * years.
 *
 * Costs    a stack for each client; and swapcontext asks the kernel for the signal mask each time,
 *          two system calls in each turn (and one for each client) that nobody needs
 * Starves  everybody, if an answer needs long calculation; nobody, if clients only wait
 * Next     event.c
 */
#define _GNU_SOURCE /* accept4, MAP_STACK */
#include "../crowd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>

/* What a coroutine gets for a stack. The deepest that a conversation goes is a line for the log: 13
 * KiB, when measured. Only what has been used takes memory: a page, 4 KiB, for a client who is
 * silent. Below is a page that nobody may touch: whoever goes deeper ends there, and not in
 * another's stack. */
enum { STACK_SIZE = 32 * 1024, EVENTS_AT_ONCE = 256, ACCEPTS_AT_ONCE = 64 };

/* Lies at the upper end of its stack, so that both are one piece of memory. */
struct coroutine {
    struct conversation conversation; /* first: its address is also the coroutine's */
    ucontext_t context; /* where it stands, while it waits */
    bool listed; /* it has waited: the crowd and the kernel know it */
    bool late; /* why it goes on */
    struct coroutine *next; /* in the list of the free */
};

/* One for the program: makecontext(3) hands over numbers, and no pointer. */
static struct {
    int epoll;
    bool listens; /* the listener is watched */
    struct crowd crowd;
    struct coroutine *running, *free;
    ucontext_t context; /* where the loop stands, while a coroutine runs */
} loop;

/* ---- A coroutine --------------------------------------------------------- */

static uint32_t events_for(const struct conversation *c) {
    return c->want == WANT_ROOM ? EPOLLOUT : c->want == WANT_PAUSE ? 0 : EPOLLIN;
}

/* Has the kernel watch a descriptor for these events. */
static bool watch(int operation, int fd, uint32_t events, void *whose) {
    struct epoll_event event = {.events = events, .data.ptr = whose};
    return epoll_ctl(loop.epoll, operation, fd, &event) == 0;
}

/* Notes what the running coroutine waits for; false: the kernel cannot watch its connection. */
static bool enlist(struct coroutine *me) {
    struct conversation *c = &me->conversation;
    uint32_t events = events_for(c);
    int operation = me->listed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (me->listed) crowd_keep(&loop.crowd, c);
    else crowd_add(&loop.crowd, c);
    if (me->listed && events == c->note) return true;
    me->listed = true;
    c->note = events;
    return watch(operation, c->fd, events, me);
}

/* Waits until the conversation can go on; returns false if it is late. Meanwhile others run. */
static bool wait_until_it_can(struct conversation *c) {
    struct coroutine *me = loop.running;
    if (!enlist(me)) {
        complain("epoll_ctl");
        conversation_came(c, -1); /* then it is over */
        return true;
    }
    /* cppcheck-suppress swapcontextCalled; see above */
    if (swapcontext(&me->context, &loop.context) == -1) die("swapcontext");
    if (me->late) return false;
    /* only that the client is gone can be told during a pause */
    if (c->want == WANT_PAUSE) conversation_came(c, -1);
    return true;
}

/* What a coroutine does. These lines are converse's, and know nothing of a loop. */
static void serve_one(void) {
    struct conversation *c = &loop.running->conversation;
    while (conversation_go(c) != WANT_NOTHING)
        if (!wait_until_it_can(c)) conversation_late(c);
    conversation_end(c);
}

/* ---- Its stack ----------------------------------------------------------- */

/* Returns a coroutine that has nothing to do: one that is over, or a new one; NULL: no memory. */
static struct coroutine *take_one(void) {
    struct coroutine *one = loop.free;
    size_t guard = (size_t)sysconf(_SC_PAGESIZE);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE;
    char *memory;
    if (one != NULL) {
        loop.free = one->next;
        return one;
    }
    /* cppcheck-suppress invalidFunctionArg; without a file, -1 is right: mmap(2) */
    memory = mmap(NULL, guard + STACK_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    one = (struct coroutine *)(void *)(memory + guard + STACK_SIZE) - 1;
    /* cppcheck-suppress getcontextCalled; see above */
    if (mprotect(memory, guard, PROT_NONE) == 0 && getcontext(&one->context) == 0) {
        one->context.uc_stack.ss_sp = memory + guard;
        one->context.uc_stack.ss_size = STACK_SIZE - sizeof *one;
        one->context.uc_link = &loop.context; /* where its end leads to */
        return one;
    }
    if (munmap(memory, guard + STACK_SIZE) == -1) complain("munmap");
    return NULL;
}

/* Lets a coroutine run until it waits, or is over. */
static void resume(struct coroutine *one, bool late) {
    one->late = late;
    loop.running = one;
    /* cppcheck-suppress swapcontextCalled; see above */
    if (swapcontext(&loop.context, &one->context) == -1) die("swapcontext");
    if (one->conversation.want != WANT_NOTHING) return;
    if (one->listed) crowd_drop(&loop.crowd, &one->conversation);
    one->next = loop.free; /* its memory is kept for the next client, and never given back */
    loop.free = one;
}

/* ---- The loop ------------------------------------------------------------ */

static void begin(int fd) {
    struct coroutine *one = take_one();
    if (one == NULL) {
        complain("a stack");
        turn_away(fd);
        return;
    }
    conversation_begin(&one->conversation, fd);
    one->listed = false;
    /* cppcheck-suppress makecontextCalled; see above */
    makecontext(&one->context, serve_one, 0);
    resume(one, false);
}

static void accept_some(void) {
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        int fd = crowd_accept(&loop.crowd, service.listener);
        if (fd == -1) return;
        begin(fd);
    }
}

static void listen_or_not(void) {
    bool listens = crowd_may_grow(&loop.crowd);
    if (listens == loop.listens) return;
    if (!watch(EPOLL_CTL_MOD, service.listener, listens ? EPOLLIN : 0, NULL)) die("epoll_ctl");
    loop.listens = listens;
}

int serve_coroutine(void) {
    struct epoll_event events[EVENTS_AT_ONCE];
    crowd_begin(&loop.crowd);
    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop.epoll == -1) die("epoll_create1");
    if (fcntl(service.listener, F_SETFL, O_NONBLOCK) == -1) die("fcntl");
    if (!watch(EPOLL_CTL_ADD, service.listener, EPOLLIN, NULL)) die("epoll_ctl");
    loop.listens = true;
    announce();
    for (;;) {
        int count = epoll_wait(loop.epoll, events, EVENTS_AT_ONCE, crowd_patience(&loop.crowd));
        if (count == -1 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL) accept_some();
            else resume(events[i].data.ptr, false);
        }
        for (struct conversation *c; (c = crowd_late(&loop.crowd)) != NULL;)
            resume((struct coroutine *)c, true);
        listen_or_not();
    }
}
