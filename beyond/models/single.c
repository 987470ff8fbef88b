/*
 * single: one client after the other.
 *
 * Costs    nothing
 * Starves  everybody, as soon as one client holds its connection
 * Next     fork.c
 */
#define _POSIX_C_SOURCE 200809L
#include "../serve.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

int serve_single(void) {
    static const struct timespec pause = {.tv_nsec = ACCEPT_PAUSE * 1000000L};
    announce();
    for (;;) {
        int connection = accept(service.listener, NULL, NULL);
        if (connection != -1) {
            converse(connection);
        } else if (remedy_for(errno) == REMEDY_NONE) {
            die("accept");
        } else if (remedy_for(errno) == REMEDY_WAIT) {
            complain("accept");
            (void)nanosleep(&pause, NULL); /* if it is cut short, accept comes a little sooner */
        }
    }
}
