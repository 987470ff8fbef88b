/*
 * single: one client after the other.
 *
 * Costs    nothing
 * Starves  everybody, as soon as one client holds its connection
 * Next     fork.c
 */
#define _POSIX_C_SOURCE 200809L
#include "../serve.h"

int serve_single(void) {
    announce();
    for (;;) converse(accept_client());
}
