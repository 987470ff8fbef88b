/*
 * limit: what a process, or a thread, for each client costs at the very least: it makes one and
 * waits for its end, again and again, and does nothing else.
 *
 * Prints   how many it made, and in how many seconds
 * Ways     fork; vfork; spawn, which starts this program anew; thread
 * -m, -d   first it takes so much memory, and opens so many descriptors, as a server may have
 */
#define _GNU_SOURCE /* vfork, madvise */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MEBIBYTE = 1 << 20, HUGE_PAGE = 2 * MEBIBYTE, SMALL_PAGE = 4096 };
static const char USAGE[] = "usage: limit [-t SECONDS] [-m MEBIBYTES] [-H, huge pages] "
                            "[-d DESCRIPTORS] fork|vfork|spawn|thread\n";

/* Ends the program with status 1, the name of the call that failed and its reason, errno. */
static _Noreturn void die(const char *call) {
    fprintf(stderr, "limit: %s: %s\n", call, strerror(errno));
    exit(EXIT_FAILURE);
}

static void await(pid_t child) {
    int status;
    while (waitpid(child, &status, 0) == -1)
        if (errno != EINTR) die("waitpid");
    if (status != 0) {
        fputs("limit: a child did not end well\n", stderr);
        exit(EXIT_FAILURE);
    }
}

static void by_fork(void) {
    pid_t child = fork();
    if (child == -1) die("fork");
    if (child == 0) _exit(EXIT_SUCCESS);
    await(child);
}

static void by_vfork(void) {
    /* that it shares our memory until it ends is what is to be measured: vfork(2) */
    /* cppcheck-suppress vforkCalled */
    pid_t child = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
    if (child == -1) die("vfork");
    if (child == 0) _exit(EXIT_SUCCESS);
    await(child);
}

static void by_spawn(void) {
    static char name[] = "limit", nothing[] = "nothing";
    char *arguments[] = {name, nothing, NULL}, *environment[] = {NULL};
    pid_t child;
    errno = posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environment);
    if (errno != 0) die("posix_spawn");
    await(child);
}

static void *return_at_once(void *unused) {
    return unused;
}

static void by_thread(void) {
    pthread_t thread;
    errno = pthread_create(&thread, NULL, return_at_once, NULL);
    if (errno != 0) die("pthread_create");
    errno = pthread_join(thread, NULL);
    if (errno != 0) die("pthread_join");
}

/* Takes so much memory, and touches each page of it: what is not touched costs fork nothing. */
static void take_memory(size_t size, bool huge) {
    char *memory;
    if (size == 0) return;
    memory = aligned_alloc(HUGE_PAGE, size); /* a huge page begins at a multiple of its size */
    if (memory == NULL) die("aligned_alloc");
    if (madvise(memory, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) == -1 && huge)
        die("madvise: no huge pages here");
    /* it stays until the program ends, as a server's does */
    for (size_t i = 0; i < size; i += SMALL_PAGE) ((volatile char *)memory)[i] = 1;
}

static void open_descriptors(long count) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == -1) die("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == -1) die("setrlimit");
    for (; count > 0; count--)
        if (open("/dev/null", O_RDONLY) == -1) die("open: see ulimit -Hn");
}

static double now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: the clock is there */
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Returns text as a number from 0 to most, or ends with status 2. */
static double number(const char *text, double most) {
    char *end;
    double value = strtod(text, &end);
    if (end != text && *end == '\0' && value >= 0 && value <= most) return value;
    fprintf(stderr, "limit: '%s' is not a number from 0 to %.0f\n%s", text, most, USAGE);
    exit(2);
}

int main(int argc, char *argv[]) {
    static const struct {
        const char *name;
        void (*make)(void);
    } WAYS[] = {{"fork", by_fork}, {"vfork", by_vfork}, {"spawn", by_spawn}, {"thread", by_thread}};
    void (*make)(void) = NULL;
    double seconds = 1, begun;
    size_t memory = 0;
    bool huge = false;
    long descriptors = 0, count = 0;
    if (argc == 2 && strcmp(argv[1], "nothing") == 0) return 0; /* whom by_spawn starts */
    for (int option; (option = getopt(argc, argv, "t:m:Hd:")) != -1;) {
        switch (option) {
        case 't': seconds = number(optarg, 3600); break;
        case 'm': memory = (size_t)number(optarg, 65536) * MEBIBYTE; break;
        case 'H': huge = true; break;
        case 'd': descriptors = (long)number(optarg, 1000000); break;
        default: fputs(USAGE, stderr); return 2;
        }
    }
    for (size_t i = 0; i < sizeof WAYS / sizeof WAYS[0]; i++)
        if (optind == argc - 1 && strcmp(argv[optind], WAYS[i].name) == 0) make = WAYS[i].make;
    if (make == NULL) {
        fprintf(stderr, "limit: one word says what to make: fork, vfork, spawn or thread\n%s",
                USAGE);
        return 2;
    }
    take_memory(memory, huge);
    open_descriptors(descriptors);
    make(); /* the first has to touch what the others find */
    begun = now();
    do {
        make();
        count++;
    } while (now() - begun < seconds);
    printf("%ld %.6f\n", count, now() - begun);
    return fflush(stdout) == EOF;
}
