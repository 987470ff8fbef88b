/*
 * prefork: processes forked in advance, which all wait in accept on one listening socket; the
 * kernel wakes one of them for each client. The master serves nobody: it looks after them.
 *
 * Costs    a process for each client at a time, as with fork; but no fork
 * Starves  whoever comes when all workers hold a client: a hundred idle ones are enough
 * Next     threads.c, which is the same without processes
 */
#define _GNU_SOURCE /* accept4 */
#include "../serve.h"
#include "../supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS_PER_PROCESSOR = 2 /* unless told otherwise */ };

/* Handles SIGUSR2: there is a successor, and the queue is his; and SIGUSR1, if it is systemd's.
 * signal-safety(7) allows close. */
static void leave_queue(int signum) {
    int saved_errno = errno;
    (void)signum; /* whichever it is, the queue is somebody else's */
    if (!ending) (void)close(service.listener);
    ending = 1;
    errno = saved_errno;
}

/* Accepts with signals let in, which are blocked else. Returns the connection, or -1. One that
 * comes just before accept begins to wait is not lost: accept does not wait any more when the
 * master has sent SIGUSR1 (last_orders), and fails when leave_queue has closed its socket. */
static int accept_hearing_signals(void) {
    sigset_t blocked;
    int connection, error;
    if (sigprocmask(SIG_SETMASK, blocked_while_waiting, &blocked) == -1) die("sigprocmask");
    connection = accept4(service.listener, NULL, NULL, SOCK_CLOEXEC);
    error = errno;
    if (sigprocmask(SIG_SETMASK, &blocked, NULL) == -1) die("sigprocmask");
    errno = error;
    return connection;
}

/* Has a worker that is to end nothing left to accept? The first one who finds the queue empty shuts
 * it for all: whoever comes then hears at once that nobody listens. */
static bool is_done(int accept_errno) {
    if (accept_errno == EAGAIN && shutdown(service.listener, SHUT_RD) == -1 && errno != ENOTCONN)
        complain("shutdown");
    return accept_errno == EAGAIN /* the queue is empty */ ||
           accept_errno == EINVAL /* it is shut */ ||
           accept_errno == EBADF /* it is somebody else's */;
}

static void work(long number) {
    static const struct timespec PAUSE = {.tv_nsec = ACCEPT_PAUSE * 1000000L};
    struct sigaction leave = {.sa_handler = leave_queue};
    (void)number;
    if (sigaction(SIGUSR2, &leave, NULL) == -1) die("sigaction");
    if (service.handed_over && sigaction(SIGUSR1, &leave, NULL) == -1) die("sigaction");
    for (;;) {
        int connection = accept_hearing_signals();
        if (connection != -1) {
            converse(connection);
            continue;
        }
        /* EINVAL: shut by another worker, who has heard of the end before us */
        if ((ending || errno == EINVAL) && is_done(errno)) return;
        switch (remedy_for(errno)) {
        case REMEDY_AGAIN: break;
        case REMEDY_WAIT:
            complain("accept");
            (void)ppoll(NULL, 0, &PAUSE, blocked_while_waiting);
            break;
        case REMEDY_NONE: die("accept");
        }
    }
}

/* Whether accept waits is the same for all who share the socket: from now on it does not, so that
 * the workers serve those in the queue, and no more. systemd's is shared with the next server. */
static void last_orders(void) {
    master_locks(service.listener);
    if (!service.handed_over && fcntl(service.listener, F_SETFL, O_NONBLOCK) == -1)
        complain("fcntl");
    if (close(service.listener) == -1) complain("close");
}

int serve_prefork(void) {
    if (service.workers == 0) service.workers = WORKERS_PER_PROCESSOR * processors();
    master_begin();
    return master_keep(service.workers, work, last_orders);
}
