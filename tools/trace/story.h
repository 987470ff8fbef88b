/*
 * What happens in some rows, in words, and what follows from them that no single row says.
 */
#ifndef STORY_H
#define STORY_H

#include "rows.h"

#define NO_ROW ((size_t)-1)
enum { QUEUE_MIN = 10000 }; /* microseconds: a client that is accepted sooner has hardly waited */
enum { SEEN_SIZE = 600 }; /* room for what say_what_is_seen writes */

/* The rows in which a process begins (its fork, if it is a child), ends, and stops being a zombie:
 * when it is reaped, its parent ends, or the rows do. NO_ROW if that does not happen. */
struct life {
    size_t begin, exit, gone;
};

/* Fills in the lives of all processes; lives has room for rows->process_count. */
void find_lives(const struct rows *rows, struct life *lives);

/* Returns the row that closes what the row "open" opened, or NO_ROW. */
size_t find_close(const struct rows *rows, size_t open);

/* Returns the row in which the server accepts a connection, given by its number, or NO_ROW. */
size_t find_accept(const struct rows *rows, int connection);

/*
 * Returns the row from which on a descriptor, that the server opened in the row "open", is leaked:
 * the first end of a child that was given it, if the server never closes it. NO_ROW if it is not.
 */
size_t find_leak(const struct rows *rows, size_t open);

/* Returns the row in which the call of this row returns, or its process ends; NO_ROW if neither. */
size_t find_return(const struct rows *rows, size_t call);

/* Tells whether a row is a call that waits for nothing: a sleep of no time. */
bool sleeps_not(const struct row *call);

/* Tells whether the exit of a server is its own doing, not that of whoever ended the experiment. */
bool ends_by_itself(const struct row *exit);

/* Tells whether a result is the name of an error. */
bool is_error(const char *result);

/* Writes a process's name with a space before its number: "child 1". */
void say_name(const struct rows *rows, int process, char *text, size_t size);

/* Writes what a descriptor is about: "connection 1", "listening socket". */
void say_object(const char *object, char *text, size_t size);

/* Writes row i as a short sentence without a full stop: "12 ms: child 1 ends". */
void say_row(const struct rows *rows, size_t i, char *text, size_t size);

/* Writes what is seen, with counts: "10 children ended, ...", in one to three sentences. */
void say_what_is_seen(const struct rows *rows, char *text, size_t size);

/* Tells whether a description should mention row i. */
bool is_worth_telling(const struct rows *rows, size_t i);

#endif
