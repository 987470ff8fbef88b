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

int serve_single(void) {
    announce();
    for (;;) {
        int connection = accept(service.listener, NULL, NULL);
        if (connection != -1) converse(connection);
        else if (remedy_for(errno) == REMEDY_NONE) die("accept");
    }
}
