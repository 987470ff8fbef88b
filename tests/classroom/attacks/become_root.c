/*
 * Attack: takes what rights it can get: another user, capabilities, a namespace of its own in which
 * it is root and may mount, a program that runs as root.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(const char *what, int result) {
    printf("%s: %s\n", what, result == -1 ? "refused" : "allowed");
}

int main(void) {
    long child;
    puts("Serving HTTP on port 8888 ...");
    tell("setuid(0)", setuid(0));
    tell("setgid(0)", setgid(0));
    tell("unshare user", unshare(CLONE_NEWUSER));
    tell("unshare network", unshare(CLONE_NEWNET));
    tell("mount", mount("none", "/tmp", "tmpfs", 0, ""));
    tell("mknod", mknod("/tmp/disk", S_IFBLK | 0600, 0x0100));
    tell("chroot", chroot("/tmp"));
    fflush(stdout);
    child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    tell("clone user", (int)child);
    puts("done");
    fflush(stdout);
    for (;;) pause();
}
