/*
 * Attack: leaves its process group and session, and its parent, so that who kills these does not
 * find it; ignores all signals that can be ignored. What remains would still be there for the next
 * student.
 */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* Becomes a daemon: a child of nobody here, in a session of its own. */
static int escape(void) {
    if (fork() != 0) return 0;
    setsid();
    if (fork() != 0) _exit(0);
    for (int signum = 1; signum < 32; signum++) signal(signum, SIG_IGN);
    for (int fd = 0; fd < 1024; fd++) close(fd);
    for (;;) pause();
}

int main(void) {
    puts("Serving HTTP on port 8888 ...");
    fflush(stdout); /* or the escaped one would have it, too */
    for (int i = 0; i < 5; i++) escape();
    puts("done");
    fflush(stdout);
    for (;;) pause();
}
