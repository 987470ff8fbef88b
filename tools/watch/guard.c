/*
 * The guard: see guard.h.
 */
#define _GNU_SOURCE 1
#include "guard.h"
#include <curses.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

enum { INTERVAL = 50 }; /* from one look at the server's output to the next, in ms */
enum { TOO_MUCH = 16 << 20, KEPT = 8 << 20 }; /* bytes of it: if they are more, the last are kept */
enum { BLOCK = 512 }; /* of st_blocks */

static int guard_pipe = -1; /* our end: while it is open, we live */
static pid_t guard;

/* Undoes what curses did to the terminal, in another process than the one that crashed. */
static void restore_terminal(const struct termios *before) {
    static const char *const SEQUENCES[] = {"rmcup", "cnorm", "sgr0", "rmkx"};
    int error;
    if (setupterm(NULL, STDOUT_FILENO, &error) == OK) {
        for (size_t i = 0; i < sizeof SEQUENCES / sizeof SEQUENCES[0]; i++) {
            const char *sequence = tigetstr(SEQUENCES[i]);
            if (sequence != NULL && (intptr_t)sequence != -1) (void)putp(sequence);
        }
        (void)fflush(stdout);
    }
    (void)tcsetattr(STDIN_FILENO, TCSANOW, before);
}

/* Gives all but the end of a file back to the system, read or not, if it takes up much memory. */
static void drop_old(int file) {
    struct stat stat;
    if (fstat(file, &stat) == 0 && stat.st_blocks * BLOCK > TOO_MUCH && stat.st_size > KEPT)
        (void)fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, stat.st_size - KEPT);
}

/* Reads from the pipe until nobody holds its other end any more: then we have ended. */
static _Noreturn void stand_guard(int pipe_end, const int *files, const struct termios *before) {
    pid_t group = NOBODY, next;
    struct pollfd message = {.fd = pipe_end, .events = POLLIN};
    struct sigaction action = {.sa_handler = SIG_IGN};
    for (int signal = 1; signal < NSIG; signal++) (void)sigaction(signal, &action, NULL);
    (void)prctl(PR_SET_NAME, "watch-guard");
    for (;;) {
        bool has_come = poll(&message, 1, files != NULL ? INTERVAL : -1) > 0;
        for (int i = 0; files != NULL && i < 2; i++) drop_old(files[i]);
        if (!has_come) continue;
        if (read(pipe_end, &next, sizeof next) != sizeof next) break;
        if (next == 0) _exit(0); /* dismissed */
        group = next;
    }
    if (group > 0) (void)kill(-group, SIGKILL);
    if (before != NULL) restore_terminal(before);
    _exit(0);
}

bool start_guard(const int *files) {
    int ends[2];
    struct termios before; /* asked for here: the guard may begin when it is changed already */
    bool terminal = tcgetattr(STDIN_FILENO, &before) == 0 && isatty(STDOUT_FILENO);
    if (pipe2(ends, O_CLOEXEC) == -1) return false;
    guard = fork();
    if (guard == 0) {
        (void)close(ends[1]);
        stand_guard(ends[0], files, terminal ? &before : NULL);
    }
    (void)close(ends[0]);
    if (guard == -1) {
        (void)close(ends[1]);
        return false;
    }
    (void)setpgid(guard, guard); /* so neither keys nor a kill of our group are for it */
    guard_pipe = ends[1];
    return true;
}

void guard_group(pid_t group) {
    if (guard_pipe != -1) (void)!write(guard_pipe, &group, sizeof group); /* it may be gone */
}

void dismiss_guard(void) {
    if (guard_pipe == -1) return;
    (void)!write(guard_pipe, &(pid_t){0}, sizeof(pid_t));
    (void)close(guard_pipe);
    guard_pipe = -1;
    (void)waitpid(guard, NULL, 0);
}
