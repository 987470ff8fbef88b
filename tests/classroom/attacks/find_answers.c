/*
 * Attack: looks in all files that it can read for the tests, the expected answers and the results,
 * and in all folders for one that it can write to. What it finds it could answer from, or change.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Words that are in the files of who judges: names of functions, of files. */
static const char *const words[] = {"expect_soon", "start_confined", "judge.bash", "grades.csv",
                                    "lose_signals"};

static bool is_telling(const char *path) {
    static char text[1 << 16];
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    ssize_t size;
    if (fd == -1) return false;
    size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0) return false;
    text[size] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strstr(text, words[i]) != NULL) return true;
    }
    return false;
}

static int look(const char *path, const struct stat *about, int kind, struct FTW *place) {
    bool ours = strncmp(path, "/submission/", 12) == 0;
    (void)place;
    if ((kind == FTW_D || ours) && access(path, W_OK) == 0) printf("can write to: %s\n", path);
    if (kind == FTW_F && !ours && about->st_size < (1 << 20) && is_telling(path))
        printf("can read: %s\n", path);
    if (strcmp(path, "/proc") == 0 || strcmp(path, "/sys") == 0 || strcmp(path, "/usr") == 0)
        return FTW_SKIP_SUBTREE;
    return FTW_CONTINUE;
}

int main(void) {
    puts("Serving HTTP on port 8888 ...");
    fflush(stdout);
    nftw("/", look, 100, FTW_PHYS | FTW_ACTIONRETVAL);
    puts("done");
    fflush(stdout);
    for (;;) pause();
}
