/*
 * multi: a process for each processor, each with a loop (epoll.c) and a listening socket of its own
 * at the same port. The kernel shares out the clients among them by their addresses: SO_REUSEPORT,
 * socket(7).
 *
 * Costs    what epoll.c costs; and one process may have much to do while another one has nothing
 * Starves  as epoll.c does, but only those of the same process
 * Next     uring.c
 */
#define _POSIX_C_SOURCE 200809L
#include "../serve.h"
#include "../supervisor.h"
#include "epoll.h"

#include <stdlib.h>
#include <unistd.h>

/* The master keeps all of them open. A queue is reset when the last process closes its socket: so
 * it outlives a worker, and the successor goes on with it. */
static int *listeners;
static long listener_count;

static void close_listeners(long but) {
    for (long i = 0; i < listener_count; i++)
        if (i != but && close(listeners[i]) == -1) complain("close");
}

static void work(long number) {
    long own = number < listener_count ? number : 0; /* 0: all share systemd's */
    int listener = listeners[own];
    close_listeners(own);
    free(listeners);
    (void)epoll_loop(listener, blocked_while_waiting);
}

static void last_orders(void) {
    for (long i = 0; i < listener_count; i++) master_locks(listeners[i]);
    close_listeners(-1);
    free(listeners);
}

int serve_multi(void) {
    if (service.workers == 0) service.workers = processors();
    listeners = calloc((size_t)service.workers, sizeof *listeners);
    if (listeners == NULL) die("calloc");
    listeners[listener_count++] = service.listener;
    while (listener_count < service.workers) {
        int listener = listen_beside();
        if (listener == -1) break;
        listeners[listener_count++] = listener;
    }
    master_begin();
    return master_keep(service.workers, work, last_orders);
}
