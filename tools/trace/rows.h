/*
 * Rows: what happened in a run, one event a row. README.md, beside this file, has the format.
 */
#ifndef ROWS_H
#define ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { NOBODY = -1, NO_DESCRIPTOR = -1 };

enum event {
    EVENT_BEGIN,
    EVENT_FORK,
    EVENT_OPEN,
    EVENT_CLOSE,
    EVENT_CALL,
    EVENT_RETURN,
    EVENT_SIGNAL,
    EVENT_HANDLED,
    EVENT_LOST,
    EVENT_STOP,
    EVENT_CONTINUE,
    EVENT_EXIT,
    EVENT_REAP,
    EVENT_END,
    EVENTS
};

/* One row. Strings are never null; an empty field is "". */
struct row {
    long long time; /* in microseconds, since the first row */
    int process; /* an index into rows.processes; NOBODY in the row "end" */
    enum event event;
    const char *name;
    int descriptor; /* or NO_DESCRIPTOR */
    const char *object;
    int other; /* the process that object names, an index into rows.processes, or NOBODY */
    const char *result;
    const char *text;
};

enum kind { KIND_SERVER, KIND_CHILD, KIND_CLIENT, KINDS };

struct process {
    const char *name; /* "server", "child1", "client1" ... */
    enum kind kind;
    int number; /* the 1 of child1; 0 for the server */
    int parent; /* an index into rows.processes, or NOBODY */
};

struct rows {
    struct row *row;
    size_t count, capacity;
    struct process *processes; /* the server first, then children, then clients */
    int process_count;
    long long end; /* the time of the last row */
    void *memory; /* what the strings are in */
};

/* What there is at one instant: children of the server, as counted after some row. */
struct counts {
    int children; /* alive */
    int zombies;
    int descriptors; /* of the server */
    int ended, reaped, signals, lost; /* so far; signals: SIGCHLD delivered for an end */
    bool over; /* the server has ended: what its children do is no matter of its own any more */
};

/*
 * Reads rows from a file in the format of README.md, with the processes filled in. Returns 0, or -1
 * with one line of what is wrong, "NAME:LINE: ...", in error. The caller frees the rows with
 * rows_free.
 */
int rows_read(FILE *file, const char *name, struct rows *rows, char *error, size_t error_size);

/* Writes rows in that format. Returns 0, or -1 with errno set. */
int rows_write(const struct rows *rows, FILE *file);

/*
 * Replays the rows and checks all that must hold (README.md). Returns 0, or -1 with one line, which
 * names the row at fault, in error.
 */
int rows_check(const struct rows *rows, char *error, size_t error_size);

/*
 * Updates counts, which begin as all zeros, by one row. Call it for each row in order, from the
 * first.
 */
void rows_count(const struct rows *rows, const struct row *row, struct counts *counts);

/* Returns the counts after the last row. */
struct counts rows_count_all(const struct rows *rows);

/* Tells whether a row is a process's of this kind; that of the end is nobody's. */
bool rows_is_by(const struct rows *rows, const struct row *row, enum kind kind);

void rows_free(struct rows *rows);

/* The name of an event in column 3; of a kind, without its number, in column 2. */
extern const char *const EVENT_NAMES[EVENTS], *const KIND_NAMES[KINDS];

/* ---- For those who make rows ---- */

enum { ROWS_MAX = 1000000, FILE_MAX = 1 << 26 }; /* of one run; bytes of a file */

/* Reads a file to its end. Returns its text with a NUL behind, which the caller frees, and its
 * size, or null with errno set (EFBIG beyond FILE_MAX). */
char *rows_slurp(FILE *file, size_t *size);

/* Writes "NAME: WRONG" into error; returns -1. */
int rows_fail(char *error, size_t size, const char *name, const char *wrong);

/* Copies text into the memory of rows, with a NUL behind. Returns the copy, or null. */
char *rows_keep(struct rows *rows, const char *text, size_t size);

/* Adds a row; its strings must live as long as the rows. Returns 0, or -1 with errno set. */
int rows_add(struct rows *rows, const struct row *row);

/*
 * Fills in what follows from the rows and the kinds and numbers of the processes: their names
 * and parents, and the end. Returns 0, or -1 with errno set.
 */
int rows_index(struct rows *rows);

#endif
