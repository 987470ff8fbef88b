/*
 * thread-per-connection: a thread for each client, made when it comes, gone when it goes.
 *
 * Costs    for each client a thread: a stack here, another in the kernel, a turn of the scheduler
 * Starves  nobody, as long as there is memory and a process may have so many threads; then those
 *          who come next: they are turned away
 * Next     poll.c
 */
#define _POSIX_C_SOURCE 200809L
#include "../serve.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

/* What a thread gets for a stack, instead of 8 MiB. The deepest that a conversation goes is a line
 * for the log: with the thread's own record, which lies there, too, 16 KiB, when measured. Only
 * what has been used takes memory, some 13 KiB for a client who is silent; but where overcommitting
 * is forbidden, all of it counts. */
enum { STACK_SIZE = 64 * 1024 };

/* How many threads there are, and the word of one that ends. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t fewer = PTHREAD_COND_INITIALIZER;
static long threads;

/* Ends the program if a pthread function has failed: these return errno, and do not set it. */
static void check(const char *what, int error) {
    if (error == 0) return;
    errno = error;
    die(what);
}

static void count(int more) {
    check("pthread_mutex_lock", pthread_mutex_lock(&mutex));
    threads += more;
    if (more < 0) check("pthread_cond_signal", pthread_cond_signal(&fewer));
    check("pthread_mutex_unlock", pthread_mutex_unlock(&mutex));
}

/* Waits, if there is a limit, until there are fewer threads: meanwhile clients wait in the queue of
 * the listening socket. */
static void wait_for_room(void) {
    if (service.most == 0) return;
    check("pthread_mutex_lock", pthread_mutex_lock(&mutex));
    while (threads >= service.most) check("pthread_cond_wait", pthread_cond_wait(&fewer, &mutex));
    check("pthread_mutex_unlock", pthread_mutex_unlock(&mutex));
}

/* What a thread does: it serves its client, and ends. */
static void *serve_one(void *connection) {
    converse((int)(intptr_t)connection);
    conversation_thread_ends();
    count(-1);
    return NULL;
}

int serve_thread_per_connection(void) {
    pthread_attr_t attributes;
    check("pthread_attr_init", pthread_attr_init(&attributes));
    check("pthread_attr_setstacksize", pthread_attr_setstacksize(&attributes, STACK_SIZE));
    /* nobody waits for it (pthread_join), so nothing of it may stay: the zombies of threads */
    check("pthread_attr_setdetachstate",
          pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED));
    announce();
    for (;;) {
        pthread_t thread;
        int connection;
        wait_for_room();
        connection = accept_client();
        count(1);
        /* the number itself is handed over: a pointer to it would point to the next one's soon */
        /* NOLINTNEXTLINE(*int-to-ptr) */
        errno = pthread_create(&thread, &attributes, serve_one, (void *)(intptr_t)connection);
        if (errno != 0) { /* most of all EAGAIN: no more threads, or no memory for a stack */
            complain("pthread_create");
            count(-1);
            turn_away(connection);
        }
    }
}
