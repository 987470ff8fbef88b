/*
 * Spends calls, then becomes another program: spend CALL N PROGRAM [ARGUMENT...] makes the system
 * call CALL N times, to no effect, and then execs PROGRAM. strace counts the calls of a process
 * from its first one, exec or not: a fault that is to come at the N-th call of each process has
 * then come here already, and hits nothing but the children of PROGRAM, which are counted anew.
 * Exit status 2 for bad usage, 1 when PROGRAM cannot be run.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Not by the functions of libc: they need not call what their name says. */
static void spend_close(void) {
    (void)syscall(SYS_close, -1);
}

static void spend_write(void) {
    (void)syscall(SYS_write, -1, "", 0);
}

static void spend_sigaction(void) {
    (void)syscall(SYS_rt_sigaction, 0, NULL, NULL, 8); /* there is no signal 0 */
}

static void spend_fcntl(void) {
    (void)syscall(SYS_fcntl, -1, F_GETFD);
}

static void spend_poll(void) {
#ifdef SYS_poll
    (void)syscall(SYS_poll, NULL, 0, 0);
#else /* younger architectures have no other */
    struct timespec at_once = {0};
    (void)syscall(SYS_ppoll, NULL, 0, &at_once, NULL, 0);
#endif
}

static const struct {
    const char *call;
    void (*spend)(void);
} CALLS[] = {{"close", spend_close},
             {"write", spend_write},
             {"rt_sigaction", spend_sigaction},
             {"fcntl", spend_fcntl},
             {"poll", spend_poll}};

int main(int argc, char *argv[]) {
    for (size_t i = 0; argc > 3 && i < sizeof CALLS / sizeof *CALLS; i++) {
        if (strcmp(argv[1], CALLS[i].call) != 0) continue;
        (void)signal(SIGPIPE, SIG_IGN); /* a fault of write may bring it */
        for (long left = strtol(argv[2], NULL, 10); left > 0; left--) CALLS[i].spend();
        (void)signal(SIGPIPE, SIG_DFL);
        execvp(argv[3], argv + 3);
        perror(argv[3]);
        return EXIT_FAILURE;
    }
    fputs("usage: spend close|write|rt_sigaction|fcntl|poll N PROGRAM [ARGUMENT...]\n", stderr);
    return 2;
}
