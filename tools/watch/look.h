/*
 * What there is to see of a server, from /proc (proc(5)) and sock_diag(7): its processes, their
 * descriptors, the sockets of its port, and the limits. Any process may vanish while it is looked
 * at; then it is not there, which is never an error.
 */
#ifndef LOOK_H
#define LOOK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { NAME_SIZE = 17, CALL_SIZE = 24, LABEL_SIZE = 20 };
enum { UNLIMITED = -1, UNKNOWN = -2 }; /* as limits and counts */
enum { NO_CONNECTION = -1, LISTENER = -2 };

struct descriptor {
    int number;
    unsigned long inode; /* of a socket; 0: it is something else */
    int connection; /* index of the world's connection, LISTENER, or NO_CONNECTION */
    char label[LABEL_SIZE];
};

struct process {
    pid_t pid, parent;
    unsigned depth; /* 0: the server, 1: its children ... */
    char state; /* R, S, D, T, Z ...: proc(5) */
    char name[NAME_SIZE];
    char call[CALL_SIZE]; /* the system call in which it sleeps; "" for none, "?" if hidden */
    int call_descriptor; /* that call's descriptor, -1 if it has none, or it is hidden */
    int ending; /* of a zombie: what wait(2) would tell */
    long threads;
    unsigned long long start; /* tells it from a later process of the same number */
    bool hidden; /* its descriptors are not ours to see */
    bool orphan; /* its parent has ended, it has not */
    size_t first, descriptors; /* the world's descriptors from first on */
};

struct endpoint {
    unsigned char address[16]; /* as IPv6; IPv4 is mapped */
    in_port_t port; /* in host byte order, as everywhere here */
};

/* One TCP socket, as the kernel tells. */
struct tcp {
    struct endpoint local, remote;
    int state; /* TCP_ESTABLISHED ...: netinet/tcp.h */
    unsigned queue, limit; /* of a listening socket */
    unsigned long inode; /* 0: it belongs to no process (yet, or any more) */
};

struct connection {
    struct endpoint peer;
    int server_state, client_state; /* 0: there is no such end, or not on this machine */
    unsigned long inode; /* of the server's end */
    unsigned name; /* 7 for c7: never given twice */
    bool by_server; /* the server holds it */
    unsigned children; /* so many other processes of the server hold it */
    unsigned workers; /* so many of them have it as their last: they are at work for it */
    pid_t child; /* the first of them */
    long rank; /* which of several new ones was probably accepted first */
};

struct array {
    void *items;
    size_t count, room;
};

struct world {
    pid_t server;
    unsigned long long start; /* of the server */
    bool alive;
    bool from_proc; /* ask /proc/net/tcp, not sock_diag */
    char command[256]; /* the server's command line */

    struct array processes, zombies, before, stack; /* of struct process; processes has them all */
    struct array descriptors, holdings; /* of struct descriptor, struct holding */
    struct array connections, clients, names; /* of struct connection, struct tcp, struct name */

    bool listening, limit_known;
    struct tcp listener; /* as it is, or was last */
    unsigned queued, dialling, time_waits, leaked, last_name;
    unsigned resets; /* descriptors of the server whose connections were reset */
    size_t children, dead_children; /* all of them, and the zombies among them */
    uid_t user;
    long descriptor_limit, process_limit, user_processes; /* UNLIMITED, UNKNOWN */
    size_t counted_children; /* there were so many when the user's processes were counted */
    unsigned looks;
};

/* Looks once more at world->server. */
void look(struct world *world);

/* Frees what the looks needed. */
void look_away(struct world *world);

struct process *process_at(const struct world *world, size_t index);
struct descriptor *descriptor_at(const struct world *world, size_t index);
struct connection *connection_at(const struct world *world, size_t index);

/* Is it complete, and has no process accepted it yet? */
bool is_queued(const struct connection *connection);

/* Does the server keep it while it waits for others, and is no child at work for it? (A child that
 * has merely inherited it has a later one of its own.) */
bool is_leaked(const struct world *world, const struct connection *connection);

/* Is the server asleep in that call? */
bool server_in(const struct world *world, const char *call);

#endif
