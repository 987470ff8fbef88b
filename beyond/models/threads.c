/*
 * threads: threads made in advance. All of them sleep in accept(2) on the one listening socket, and
 * the kernel wakes one for each connection.
 *
 * Costs    a thread for each client that is served, and no fork: the number is chosen beforehand
 * Starves  everybody, as soon as as many clients as there are threads hold their connections
 * Next     thread_per_connection.c
 */
#define _POSIX_C_SOURCE 200809L
#include "../serve.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_WORKERS = 4 };

/* Closed until all threads are there, and the server has said so. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void lock_gate(void) {
    if ((errno = pthread_mutex_lock(&gate)) != 0) die("pthread_mutex_lock");
}

static void unlock_gate(void) {
    if ((errno = pthread_mutex_unlock(&gate)) != 0) die("pthread_mutex_unlock");
}

/* What each thread does, for ever: the loop of single.c. They share nothing but the socket: what a
 * conversation needs is on its thread's stack, or belongs to it alone. */
static void *work(void *unused) {
    lock_gate();
    unlock_gate();
    for (;;) converse(accept_client());
    return unused;
}

int serve_threads(void) {
    long count = service.workers > 0 ? service.workers : DEFAULT_WORKERS;
    lock_gate();
    for (long i = 1; i < count; i++) { /* the first is this thread */
        pthread_t thread;
        errno = pthread_create(&thread, NULL, work, NULL);
        if (errno == 0) continue;
        fprintf(stderr, "serve: this system gives %ld threads, and not %ld: ulimit -u, -w\n", i,
                count);
        exit(EXIT_FAILURE);
    }
    announce();
    unlock_gate();
    (void)work(NULL);
    return 0; /* never: work does not end */
}
