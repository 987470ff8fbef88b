/*
 * A server of our own: started cleanly, its output kept, ended with all its process group.
 */
#ifndef SERVE_H
#define SERVE_H

#include <stdbool.h>
#include <sys/types.h>

enum { TAIL_LINES = 64, TAIL_WIDTH = 256 };

/* The last lines that the server and its children printed. */
struct tail {
    struct {
        char text[TAIL_WIDTH];
        bool error; /* it came from standard error */
    } lines[TAIL_LINES]; /* a ring */
    unsigned count; /* of all lines so far */
    char partial[2][TAIL_WIDTH]; /* of output and errors: a line that has no end yet */
    char last_error[TAIL_WIDTH];
};

struct server {
    char **command;
    pid_t pid, group; /* group: its process group, 0 when nobody is left in it */
    bool running;
    int status; /* when it no longer runs: as wait(2) tells */
    int files[2]; /* its output and errors */
    off_t read[2]; /* so many bytes of them are read */
    struct tail tail;
};

/* Makes the files for its output, once for all servers to come. */
bool open_output(struct server *server);

/* Starts server->command; returns 0, or the error number with which it could not be started. */
int start_server(struct server *server);

/* Learns whether it has ended, and reads what it has printed. */
void check_server(struct server *server);

/* Ends it with all its process group, kindly first. */
void end_server(struct server *server);

/* Adds what was printed to the tail; stream is 0 for output, 1 for errors. Blank lines are left
 * out. */
void add_output(struct tail *tail, int stream, const char *bytes, size_t size);

#endif
