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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KIND_STEPS = 30, DESCRIPTORS = 1024 };
static const struct timespec STEP = {.tv_nsec = 10000000}; /* of waiting for the server's end */

/* Gives this process what a server is to begin with: default dispositions, no blocked signals, a
 * session and so a process group of its own, descriptors 0 to 2 alone; and becomes the server. */
static _Noreturn void become(const struct server *server, int report) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;
    (void)sigemptyset(&none);
    for (int signal = 1; signal < NSIG; signal++) (void)sigaction(signal, &action, NULL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setsid();
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)dup2(null, 0);
    (void)dup2(server->files[0], 1);
    (void)dup2(server->files[1], 2);
    for (int other = 3; other < DESCRIPTORS;
         other++) /* ours do so anyway, inherited ones may not */
        (void)fcntl(other, F_SETFD, FD_CLOEXEC);
    (void)execvp(server->command[0], server->command);
    (void)!write(report, &(int){errno}, sizeof(int)); /* if it fails: nobody to tell */
    _exit(127);
}

/* Its output goes into memory: that needs no reader, and is gone with us. */
static bool open_files(struct server *server) {
    static const char *const NAMES[] = {"out", "err"};
    for (int i = 0; i < 2; i++) {
        server->files[i] = memfd_create(NAMES[i], MFD_CLOEXEC);
        if (server->files[i] == -1) return false;
        (void)fcntl(server->files[i], F_SETFL, O_APPEND);
        server->read[i] = 0;
    }
    return true;
}

static void close_files(struct server *server) {
    for (int i = 0; i < 2; i++) (void)close(server->files[i]);
}

int start_server(struct server *server) {
    int report[2], error = 0;
    memset(&server->tail, 0, sizeof server->tail);
    if (!open_files(server) || pipe2(report, O_CLOEXEC) == -1) return errno;
    server->pid = fork();
    if (server->pid == 0) become(server, report[1]);
    if (server->pid == -1) error = errno;
    (void)close(report[1]);
    if (server->pid > 0) {
        guard_group(server->pid);
        if (read(report[0], &error, sizeof error) == sizeof error) /* else it could be executed */
            (void)waitpid(server->pid, NULL, 0);
    }
    (void)close(report[0]);
    server->running = error == 0;
    server->group = server->running ? server->pid : 0;
    if (server->running) return 0;
    guard_group(NOBODY);
    close_files(server);
    server->pid = 0;
    return error;
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

/* Reads what is new; what was read is given back to the system, so the memory does not fill up. */
static void read_output(struct server *server) {
    char bytes[16384];
    for (int i = 0; i < 2; i++) {
        for (ssize_t size;
             (size = pread(server->files[i], bytes, sizeof bytes, server->read[i])) > 0;
             server->read[i] += size) {
            add_output(&server->tail, i, bytes, (size_t)size);
            (void)fallocate(server->files[i], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                            server->read[i], size);
        }
    }
}

void check_server(struct server *server) {
    if (server->running && waitpid(server->pid, &server->status, WNOHANG) == server->pid)
        server->running = false;
    if (!server->running && server->group > 0 && kill(-server->group, 0) == -1) {
        server->group = 0; /* nobody is left: the number may be given to others */
        guard_group(NOBODY);
    }
    read_output(server);
}

void end_server(struct server *server) {
    if (server->pid <= 0) return;
    if (server->group > 0) (void)kill(-server->group, SIGTERM);
    for (int i = 0; i < KIND_STEPS && server->running; i++) {
        (void)nanosleep(&STEP, NULL);
        check_server(server);
    }
    if (server->group > 0)
        (void)kill(-server->group, SIGKILL); /* whoever does not listen to TERM */
    if (server->running) (void)waitpid(server->pid, &server->status, 0);
    server->running = false;
    server->pid = server->group = 0;
    guard_group(NOBODY);
    close_files(server);
}
