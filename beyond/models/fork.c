/*
 * fork: a process for each client. This is the article's last server, step7_waitpid, with what it
 * needs among people: a limit, an answer when there are no processes left, and an end.
 *
 * Costs    a fork for each client: most of the processor's time, and a process's memory
 * Starves  whoever comes when all `most` children hold a client: it waits in the queue
 * Next     prefork.c
 */
#define _GNU_SOURCE /* accept4 */
#include "../serve.h"
#include "../supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHILDREN_MOST = 256 /* unless told otherwise */ };

static void serve_in_child(int connection) {
    switch (master_fork()) {
    case -1:
        complain("fork");
        turn_away(connection);
        return;
    case 0:
        if (close(service.listener) == -1) complain("close");
        converse(connection);
        _exit(EXIT_SUCCESS);
    default:
        if (close(connection) == -1) complain("close"); /* the parent's copy */
    }
}

/* Accepts one client, whom a child serves. Returns 0, or accept's error. */
static int accept_one(void) {
    int error, connection = accept4(service.listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection != -1) {
        serve_in_child(connection);
        return 0;
    }
    error = errno;
    if (remedy_for(error) == REMEDY_NONE) die("accept");
    if (remedy_for(error) == REMEDY_WAIT) complain("accept");
    return error;
}

static bool is_full(void) {
    return master_children() >= service.most;
}

/* Serves those who are in the queue when the server is to end, as far as its time allows. */
static void last_orders(void) {
    while (!service.handed_over && master_has_time()) {
        int error = is_full() ? 0 : accept_one();
        if (error == EAGAIN) break;
        (void)master_wait(-1, is_full() || remedy_for(error) == REMEDY_WAIT ? ACCEPT_PAUSE : 0);
    }
    if (close(service.listener) == -1) complain("close");
}

int serve_fork(void) {
    int64_t again_at = 0; /* when to accept again, after a pause */
    if (service.most == 0) service.most = CHILDREN_MOST;
    /* a client may be gone again between ppoll and accept: then accept would block, and be deaf to
     * signals */
    if (fcntl(service.listener, F_SETFL, O_NONBLOCK) == -1) die("fcntl");
    master_begin();
    announce();
    while (!master_is_to_end()) {
        int64_t pause = again_at == 0 ? -1 : again_at - now_ms();
        if (pause < 0) again_at = 0;
        if (master_wait(is_full() || again_at != 0 ? -1 : service.listener,
                        again_at != 0 ? pause : -1) &&
            remedy_for(accept_one()) == REMEDY_WAIT)
            again_at = now_ms() + ACCEPT_PAUSE;
        if (master_is_to_renew()) {
            report("nothing to replace: each client has a new process anyway");
            tell_systemd("READY=1");
        }
    }
    master_locks(service.listener);
    ending = 1; /* for those children, too, that are forked from now on */
    master_tell_all();
    last_orders();
    return master_end();
}
