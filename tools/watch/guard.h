/*
 * The guard: a process that waits for our end, however it comes (a crash and SIGKILL too, which
 * leave us no time), and then ends the server's process group and restores the terminal. While it
 * waits it keeps the server's output small: it is there when we are stopped, too.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>
#include <sys/types.h>

/* Starts it; before the terminal is changed, and before the first server. The two files are what
 * the server's output goes to; NULL: there is no server of ours. */
bool start_guard(const int *files);

enum { NOBODY = -1 };

/* Tells it which process group is to end with us, or NOBODY. */
void guard_group(pid_t group);

/* Sends it away: all is in order. */
void dismiss_guard(void);

#endif
