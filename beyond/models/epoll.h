/* The loop of epoll.c, for multi.c, which has one in each process. */
#ifndef EPOLL_H
#define EPOLL_H

#include <signal.h>

/* Serves the clients of a listening socket until the server is asked to end (ending) and they are
 * gone; blocked: the signals that are blocked while it waits, NULL: the same as else. Returns 0. */
int epoll_loop(int listener, const sigset_t *blocked);

#endif
