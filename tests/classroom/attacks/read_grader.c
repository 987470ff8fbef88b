/*
 * Attack: reads the environment, the memory and the files of every process that it can find, and
 * traces it: the judge's, and so what he expects and what he will say.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HIGHEST = 5000 };

/* Tells whether something of that process can be read, or written to: its folder in /proc and a
 * name there. */
static int opens(pid_t pid, const char *name, int how) {
    char path[64];
    int fd;
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    fd = open(path, how);
    if (fd != -1) close(fd);
    return fd != -1;
}

/* Tells whether that process can be traced. A child tries, so that it is let go again at once. */
static int can_trace(pid_t pid) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) _exit(ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0);
    return child != -1 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 1;
}

int main(void) {
    puts("Serving HTTP on port 8888 ...");
    fflush(stdout);
    for (pid_t pid = 1; pid < HIGHEST; pid++) {
        if (pid == getpid() || !opens(pid, "stat", O_RDONLY)) continue;
        if (opens(pid, "environ", O_RDONLY)) printf("can read the environment of %ld\n", (long)pid);
        if (opens(pid, "mem", O_RDWR)) printf("can write to the memory of %ld\n", (long)pid);
        if (opens(pid, "fd", O_RDONLY | O_DIRECTORY))
            printf("can see the descriptors of %ld\n", (long)pid);
        if (opens(pid, "root/tmp", O_RDONLY | O_DIRECTORY))
            printf("can see the files of %ld\n", (long)pid);
        if (can_trace(pid)) printf("can trace %ld\n", (long)pid);
    }
    puts("done");
    fflush(stdout);
    for (;;) pause();
}
