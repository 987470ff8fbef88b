/*
 * What a protocol, a connection and a model of a server have to know of each other: all of it.
 *
 * A protocol takes bytes and says what to answer. A conversation keeps one connection's bytes and
 * time, and asks the protocol. A model owns sockets, processes, threads or loops, and lets the
 * conversations go on. No protocol knows how it is served, no model knows what is said.
 */
#ifndef SERVE_H
#define SERVE_H

#include "remedy.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { REQUEST_SIZE = 8192, ROOM_SIZE = 512 };

/* ---- A protocol ---------------------------------------------------------- */

/* What to say to a request. Texts are constants, or in head, or are bytes of the request itself. */
struct answer {
    struct iovec parts[2]; /* to be sent, one after the other; two empty ones: nothing */
    bool last; /* the connection ends after it */
    int status; /* for the log; 0: this protocol has none */
    size_t logged; /* for the log: so many bytes are the request's first line; 0: no entry */
    const char *complaint; /* for standard error: what is wrong with this client; or NULL */
    char room[ROOM_SIZE]; /* for a text that is made for this answer; not emptied before */
};

/* What a protocol remembers of a connection from one call to the next. All zero at first. */
struct memory {
    int stage; /* 0 between requests */
    int status;
    unsigned flags;
    unsigned long long left, total;
};

struct protocol {
    const char *name, *about;
    void (*prepare)(void); /* called once, after service is set; or NULL */
    /* Takes the first request of the size bytes that have come; size is never 0. Returns how many
     * of them it is, and what to say in *answer, which comes empty; 0 if it is not whole, and more
     * must come. When no more will (ended), 0 ends the connection, after what is to be said, if
     * anything. When no more can (size is REQUEST_SIZE), 0 is allowed only with answer->last. */
    size_t (*take)(struct memory *memory, const char *bytes, size_t size, bool ended,
                   struct answer *answer);
    /* Makes the last answer for whoever takes too long over a request; NULL: there is none. */
    void (*late)(struct answer *answer);
    const char *busy; /* what to say to whoever cannot be served now; NULL: nothing */
};

#define PROTOCOL(name) extern const struct protocol protocol_##name;
#include "protocols/list.h"
#undef PROTOCOL

/* ---- What the command line says ------------------------------------------ */

struct service {
    const struct protocol *protocol;
    int listener; /* the listening socket, blocking; -1 for inetd */
    bool handed_over; /* it is systemd's, which will hand it over again */
    long workers; /* processes or threads, where a model has a number of them */
    long most; /* connections, or children, at a time; 0: no limit but the system's */
    bool log; /* a line for each request on standard output */
    const char *user; /* who the processes that talk to strangers become, or NULL */
    long page_size; /* of http's answer, in bytes */
    int64_t pause; /* before each answer; all times are in milliseconds */
    int64_t header_time; /* for a whole request, from its first byte */
    int64_t idle_time; /* for the first byte of a request */
    int64_t write_time; /* for the client to take some of an answer */
    int64_t drain_time; /* for all who are being served, when the server is asked to end */
};
extern struct service service; /* set once, by main, before anything is served */

/* A signal has asked the server to end: each conversation ends with its present request. */
extern volatile sig_atomic_t ending;
/* The signals blocked while converse waits, if not the same as else; NULL: the same. ppoll(2). */
extern const sigset_t *blocked_while_waiting;

/* ---- A conversation: one connection -------------------------------------- */

/* What it waits for. Each has a time of its own, which is the same for all conversations. */
enum want {
    WANT_REQUEST, /* bytes: the first of a request */
    WANT_REST, /* bytes: the rest of it */
    WANT_ROOM, /* that the client takes more of the answer */
    WANT_PAUSE, /* nothing but time */
    WANT_LEAVE, /* the client's end of file: it has had its last answer */
    WANT_NOTHING, /* it is over: conversation_end */
    WANTS = WANT_NOTHING
};

struct work; /* the bytes of a request and its answer: there only while there are any */

struct conversation {
    int fd;
    enum want want;
    int64_t deadline; /* the time (now_ms) when it will be late */
    struct work *work;
    struct memory memory;
    int64_t sent; /* bytes of all its answers, */
    int64_t taken; /* and how many of them it had taken when it was last late with that */
    bool heard; /* the client has sent something */
    bool ended; /* and its end of file */
    bool moved; /* want or deadline are others than crowd_keep has seen */
    uint32_t note; /* the model's own: which events it watches for, or a place in its list */
    struct conversation *next, *previous; /* for crowd.h */
};

/* Begins a conversation on a connected socket, which it closes in the end. */
void conversation_begin(struct conversation *c, int fd);

/* Goes on as far as can be without waiting, and returns what has to be waited for: bytes (poll's
 * POLLIN), room (POLLOUT) or time; WANT_NOTHING: it is over. Needs a socket. */
enum want conversation_go(struct conversation *c);

/* Says that its deadline has passed: the pause is over, or the client too slow. Then it goes on,
 * and if c->want is WANT_ROOM as before, the client has more time. */
void conversation_late(struct conversation *c);

/* Closes the connection, and frees all but *c itself. */
void conversation_end(struct conversation *c);
/* Only frees: for a model whose library closes the connection, or to give back space that nothing
 * came to while no request is under way. */
void conversation_free(struct conversation *c);

/* Has the whole conversation, waiting as long as it takes: all that a model needs that has a
 * process or a thread for each. */
void converse(int fd);

/* Frees what a thread keeps for its next conversation: to be called by one that ends. */
void conversation_thread_ends(void);

/* conversation_go is made of these, for models that do the input and output themselves (callbacks,
 * completions, a terminal). By c->want: */
/* WANT_REQUEST, WANT_REST, WANT_LEAVE: where bytes may be put; its iov_len is 0 if there is no
 * memory. */
struct iovec conversation_space(struct conversation *c);
/* So many bytes were put there; 0: end of file; -1: errno says what went wrong. */
void conversation_came(struct conversation *c, ssize_t size);
/* WANT_ROOM: what is to be sent; returns how many parts there are, 1 or 2. */
int conversation_parts(struct conversation *c, struct iovec parts[2]);
/* So many bytes of it were sent; -1: errno says what went wrong. */
void conversation_went(struct conversation *c, ssize_t size);

/* True while no request is under way, and none is to be expected at once, as from a client who has
 * only just come: then a server that is asked to end may end it. */
bool conversation_is_idle(const struct conversation *c);

/* A number that grows by 1 in each millisecond. clock_gettime(2), CLOCK_MONOTONIC. */
int64_t now_ms(void);

/* ---- What several models need -------------------------------------------- */

enum { LOOK_AGAIN = 100 }; /* milliseconds: how often a server that ends looks for the idle */

/* Lets signals in that are blocked but in a wait, in each 16th turn of a loop: a wait prefers what
 * is ready to a signal, and in a busy server something always is. blocked: those that stay blocked;
 * NULL: none need to be let in. Returns true if one has come. ppoll(2). */
bool signal_came(const sigset_t *blocked, unsigned turns);

/* Prints a line on standard error: what is wrong, or has happened. Waits for nobody to read it. */
__attribute__((format(printf, 1, 2))) void report(const char *format, ...);
/* Reports what went wrong, with errno's reason: the server goes on. */
void complain(const char *what);
/* The same, and ends the process with status 1. */
_Noreturn void die(const char *what);

/* Answers a connection that cannot be served, with the protocol's word for it if there is one, and
 * closes it. Waits for 10 ms at the most. */
void turn_away(int fd);

/* Says that the server is ready: the first line, and to systemd, if it wants to know. */
void announce(void);
/* Says to systemd, if it wants to know, what the server is at: sd_notify(3). */
void tell_systemd(const char *state);

/* Accepts a client, as long as it takes; a pause when no descriptor is left. Returns the
 * connection; ends the program when no remedy is known. accept(2). */
int accept_client(void);

/* Returns another listening socket at the same port, with a queue of its own, among which the
 * kernel shares out the clients (SO_REUSEPORT, socket(7)); -1 if the port is not ours to open, but
 * was handed over. For multi. */
int listen_beside(void);

/* ---- The models ---------------------------------------------------------- */

/* Each serves for ever, or until a signal asks it to end, and returns the program's exit status.
 * One whose library is missing is left out of the program: then the function's address is NULL. */
#define MODEL(function, name, options, library, about)                                             \
    int serve_##function(void) __attribute__((weak));
#include "models/list.h"
#undef MODEL

#endif
