/*
 * A log of strace: its lines, and what is to be known of all of them before the first can be told.
 * Only read.c makes rows of that.
 */
#ifndef LOG_H
#define LOG_H

#include "rows.h"
#include "text.h"

enum { NONE = -1, PROCESSES_MAX = 10000, SIGNALS_MAX = 32, DEPTH_MAX = 16, DESCRIPTORS_MAX = 4096 };
enum { PID_DIGITS = 9 };

/* The characters of the names of signals and errors. */
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"

/* What is to be known of a call in order to make rows of it. */
enum what {
    OTHER,
    SOCKET,
    LISTEN,
    ACCEPT,
    USE,
    CLOSE,
    GET,
    PUT,
    FORK,
    WAIT,
    SLEEP,
    EXIT,
    KILL,
    POLL,
    CONNECT,
    SIGACTION,
    SIGRETURN,
    RESTART
};

struct name {
    const char *kernel, *name; /* as strace has it, and the C source */
    enum what what;
};

/* A call in the trace. */
struct call {
    const struct name *name;
    const char *text; /* behind its opening parenthesis; unfinished and resumed lines joined */
    const char *result; /* what follows "= "; null: it never returns */
    int process; /* an index into reader.traced, like child */
    int child; /* the one that a fork made, or NONE */
    int connection; /* that it accepted, or that a client's socket is: a number from 1 on, or 0 */
    int port; /* of a client's socket: its own, or 0 */
    bool listens, connects; /* this socket listens; or is to connect to the server */
};

struct moment {
    enum { ENTER, LEAVE, SIGNAL, STOPPED, GONE } kind;
    long long time; /* microseconds */
    size_t order; /* among those of equal time */
    int process,
        about; /* indices into reader.traced; about: the child whose end a SIGCHLD tells, or NONE */
    int call; /* an index into reader.calls, or NONE */
    const char *name, *text; /* of the signal, and strace's details of it */
};

/* What a process has said about a signal. */
struct disposition {
    const char *signal;
    bool handles, restarts, ignores; /* ignores: of SIGCHLD; then nobody needs to wait */
};

struct descriptor {
    int number;
    const char *object;
};

/* A process in the trace; a number that is used again is another one. */
struct traced {
    /* as read */
    int log, pid, parent; /* parent: an index, or NONE */
    bool first, gone; /* the first one of its log; its end has been read */
    int unfinished; /* the call that is to be resumed, or NONE */
    int begins; /* the call with which it enters the picture, of a server or client, or NONE */
    int *sockets, socket_count; /* its calls of socket */
    const char *end, *status; /* end: "exit" or a signal; null: not seen */
    /* as surveyed */
    bool signalled; /* its end got a SIGCHLD of its own */
    size_t last_signal; /* the index of the moment of the last SIGCHLD that it got, or 0 */
    /* as replayed */
    enum kind kind;
    int number;
    const char *name; /* null: not in the picture yet */
    bool over, reaped, stopped, interrupted;
    int call; /* the one it is in, or NONE; interrupted: that has been left, but may go on */
    struct row called; /* the row of that */
    int depth; /* of handlers */
    const char *handled[DEPTH_MAX];
    struct disposition disposition[SIGNALS_MAX];
    struct descriptor *descriptor;
    size_t descriptors;
};

/* A connection: the client's port, if known, and its client's socket was found. */
struct connection {
    int port, number;
    bool taken;
};

struct reader {
    struct rows *rows;
    struct call *calls;
    struct moment *moments;
    struct traced *traced;
    struct connection *connections;
    size_t call_count, moment_count, traced_count, connection_count;
    int log, server, port; /* that is read; an index into traced, or NONE; the server's, or 0 */
    size_t log_begin; /* the first moment of this log */
    long long line_time; /* of the line before */
    size_t now; /* replay: the moment, */
    long long time; /* and when that is */
    int children; /* replay: so far */
    bool threads; /* a process of the server has started one */
    int error; /* errno of what failed, or 0 */
};

/* ---- Reading ---- */

/*
 * Reads one log, r->log of them: appends its calls and moments. Returns 0, with a warning in
 * message if lines were left out, or -1 with an error in it.
 */
int log_read(struct reader *r, const char *name, char *message, size_t message_size);

/* ---- Memory ---- */

/* Returns array with room for one more than count, or null with r->error set. */
void *grow(struct reader *r, void *array, size_t count, size_t size);

/* Returns a copy that lives as long as the rows; "" with r->error set if memory runs out. */
const char *keep(struct reader *r, const char *text, size_t size);

/* ---- The syntax of strace's lines ---- */

struct span {
    const char *at;
    size_t size;
};

/* Returns the end of the string that begins at a quotation mark: the closing one, or the NUL. */
const char *end_of_string(const char *at);

/* Returns an argument of a call, counted from 0; an empty one if there are fewer. */
struct span argument(const char *text, int index);

/* Returns the whole number behind a key such as "si_pid=", or NONE. */
int find_number(const char *text, const char *key);

/* Returns the ports in "3<TCP:[127.0.0.1:46491->127.0.0.1:39818]>"; 0: not there. */
struct ports {
    int own, peer;
} find_ports(const char *text);

/* Returns the number that a call returned, NONE if an error or none. */
int returned_number(const struct call *call);

/* Returns the number that is a call's first argument, or NONE. */
int descriptor_of(const struct call *call);

/* Tells whether a call's first argument is a descriptor. */
bool is_on_descriptor(const struct call *call);

/* Tells whether strace only pretended: then the kernel has done nothing. */
bool is_injected(const struct call *call);

#endif
