/*
 * Attack: looks whether it is being judged, in order to behave then and only then: its environment,
 * its arguments, its parent, the list of processes, the names of its open files.
 */
#define _XOPEN_SOURCE 700
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <unistd.h>

extern char **environ;

/* Prints the words of a list in /proc, each of which ends with a 0. */
static void print_words(const char *path) {
    char text[4096];
    int fd = open(path, O_RDONLY);
    ssize_t size = fd == -1 ? 0 : read(fd, text, sizeof text - 1);
    if (fd != -1) close(fd);
    for (ssize_t i = 0; i < size; i++) {
        if (text[i] == '\0') text[i] = ' ';
    }
    printf("%s: %.*s\n", path, (int)(size > 0 ? size : 0), text);
}

int main(void) {
    glob_t paths = {0};
    puts("Serving HTTP on port 8888 ...");
    for (char **word = environ; *word != NULL; word++) printf("environment: %s\n", *word);
    printf("parent: %ld\n", (long)getppid());
    if (glob("/proc/[0-9]*/cmdline", 0, NULL, &paths) == 0) {
        for (size_t i = 0; i < paths.gl_pathc; i++) print_words(paths.gl_pathv[i]);
    }
    puts("done");
    fflush(stdout);
    for (;;) pause();
}
