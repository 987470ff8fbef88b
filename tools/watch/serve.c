/*
 * Starting, reading and ending a server of our own.
 */
#define _GNU_SOURCE 1
#include "serve.h"
#include "guard.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIPTORS = 1024, NOT_EXECUTED = 127 };
enum { PATIENCE = 30 }; /* with a server that is to end, in pauses */
static const struct timespec PAUSE = {.tv_nsec = 10000000};
enum { MOST = 1 << 20, LAST = 1 << 16 }; /* bytes: if more than the one is new, the other is read */

/* Gives this process what a server is to begin with: default dispositions, no blocked signals, a
 * session and so a process group of its own, descriptors 0 to 2 alone; and becomes the server. */
static _Noreturn void become(const struct server *server, int report) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;
    (void)setsid(); /* cannot fail: this process is new, and leads no group */
    guard_group(getpid()); /* by ourselves, and now: the guard knows, whenever the view is killed */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the guard be killed as well */
    (void)sigemptyset(&none);
    for (int signal = 1; signal < NSIG; signal++) (void)sigaction(signal, &action, NULL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null != -1 && dup2(null, 0) != -1 && dup2(server->files[0], 1) != -1 &&
        dup2(server->files[1], 2) != -1) {
        for (int other = 3; other < DESCRIPTORS; other++) /* ours have it; inherited ones? */
            (void)fcntl(other, F_SETFD, FD_CLOEXEC);
        (void)execvp(server->command[0], server->command);
    }
    (void)!write(report, &(int){errno}, sizeof(int)); /* if it fails: nobody to tell */
    _exit(NOT_EXECUTED);
}

/* Its output goes into memory: a pipe would be full when we are stopped, and the server wait. */
bool open_output(struct server *server) {
    static const char *const NAMES[] = {"out", "err"};
    for (int i = 0; i < 2; i++) {
        server->files[i] = memfd_create(NAMES[i], MFD_CLOEXEC);
        if (server->files[i] == -1 || fcntl(server->files[i], F_SETFL, O_APPEND) == -1)
            return false;
    }
    return true;
}

int start_server(struct server *server) {
    int report[2], error = 0;
    memset(&server->tail, 0, sizeof server->tail);
    server->pid = server->group = 0;
    for (int i = 0; i < 2; i++) {
        if (ftruncate(server->files[i], 0) == -1) return errno;
        server->read[i] = 0;
    }
    if (pipe2(report, O_CLOEXEC) == -1) return errno;
    pid_t pid = fork();
    if (pid == 0) become(server, report[1]);
    if (pid == -1) error = errno;
    (void)close(report[1]);
    if (pid > 0 && read(report[0], &error, sizeof error) == sizeof error) {
        (void)waitpid(pid, NULL, 0); /* it could not be executed */
        guard_group(NOBODY);
    }
    (void)close(report[0]);
    if (error != 0) return error;
    server->pid = server->group = pid;
    server->running = true;
    return 0;
}

static void end_line(struct tail *tail, int stream) {
    char *line = tail->partial[stream];
    if (line[strspn(line, " \t\r")] != '\0') {
        unsigned next = tail->count++ % TAIL_LINES;
        memcpy(tail->lines[next].text, line, TAIL_WIDTH);
        tail->lines[next].error = stream == 1;
        if (stream == 1) memcpy(tail->last_error, line, TAIL_WIDTH);
    }
    *line = '\0';
}

void add_output(struct tail *tail, int stream, const char *bytes, size_t size) {
    size_t length = strlen(tail->partial[stream]);
    for (; size > 0; bytes++, size--) {
        if (*bytes == '\n') {
            end_line(tail, stream);
            length = 0;
        } else if (length < TAIL_WIDTH - 1) {
            char byte = *bytes;
            if (byte < ' ' || byte > '~') byte = ' ';
            tail->partial[stream][length++] = byte;
            tail->partial[stream][length] = '\0';
        }
    }
}

/* Reads what is new of its output or errors. That is bounded, however fast it prints: else we would
 * do nothing but read. What is passed over, and what was read, the guard gives back (drop_old). */
static void read_stream(struct server *server, int stream) {
    char bytes[16384];
    struct stat stat;
    off_t *next = &server->read[stream];
    if (fstat(server->files[stream], &stat) == -1) return;
    off_t end = stat.st_size;
    if (*next > end) *next = 0; /* it was emptied, as "echo >/dev/stderr" does */
    if (end - *next > MOST) {
        int length = snprintf(bytes, sizeof bytes, "\n... %lld KiB are left out here ...\n",
                              (long long)(end - LAST - *next) / 1024);
        add_output(&server->tail, stream, bytes, (size_t)length);
        *next = end - LAST;
    }
    while (*next < end) {
        size_t wanted = end - *next < (off_t)sizeof bytes ? (size_t)(end - *next) : sizeof bytes;
        ssize_t size = pread(server->files[stream], bytes, wanted, *next);
        if (size <= 0) return;
        add_output(&server->tail, stream, bytes, (size_t)size);
        *next += size;
    }
}

void check_server(struct server *server) {
    if (server->running && waitpid(server->pid, &server->status, WNOHANG) == server->pid)
        server->running = false;
    if (!server->running && server->group > 0 && kill(-server->group, 0) == -1 && errno == ESRCH) {
        server->group = 0; /* nobody is left: the number may be given to others */
        guard_group(NOBODY);
    }
    for (int stream = 0; stream < 2; stream++) read_stream(server, stream);
}

/* Sends its group a signal, and gives it time to end. */
static void end_with(struct server *server, int signal) {
    if (server->group > 0) (void)kill(-server->group, signal);
    for (int i = 0; i < PATIENCE && server->running; i++) {
        (void)nanosleep(&PAUSE, NULL);
        check_server(server);
    }
}

void end_server(struct server *server) {
    end_with(server, SIGTERM);
    end_with(server, SIGKILL); /* whoever does not listen to TERM; another user's heeds neither */
    server->running = false;
    server->pid = server->group = 0;
    guard_group(NOBODY);
}
