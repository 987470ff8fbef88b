/*
 * Attack: ignores every signal that can be ignored, and so do its children; who waits for it to end
 * waits for ever.
 */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
    for (int signum = 1; signum < 32; signum++) signal(signum, SIG_IGN);
    puts("Serving HTTP on port 8888 ...");
    fflush(stdout);
    if (fork() == 0) setpgid(0, 0);
    puts("done");
    fflush(stdout);
    for (;;) pause();
}
