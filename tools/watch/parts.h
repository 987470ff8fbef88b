/*
 * What the parts of the looking share: arrays that grow, and who holds which socket.
 */
#ifndef PARTS_H
#define PARTS_H

#include "look.h"

struct holding { /* a descriptor that is a socket */
    unsigned long inode;
    size_t process, descriptor;
};

/* Appends a zeroed item of that size, and returns it. */
void *add(struct array *array, size_t size);

void sort(struct array *array, size_t size, int (*compare)(const void *, const void *));

/* Finds an item in a sorted array, NULL if there is none. */
void *find(const struct array *array, size_t size, const void *key,
           int (*compare)(const void *, const void *));

/* Finds the first of the descriptors that are that socket, in world->holdings. */
struct holding *find_holding(const struct world *world, unsigned long inode);

/* processes.c: finds the server's processes, the living as a tree, then the zombies. */
void find_processes(struct world *world);

/* processes.c: is that descriptor a TCP socket, in whatever state? */
bool is_tcp(pid_t pid, int number);

/* processes.c: reads the server's limits, and counts what they limit. */
void read_limits(struct world *world);

/* sockets.c: finds the listening socket, then both ends of the connections to it: those of the
 * server into world->connections, those of the clients into world->clients. */
void find_sockets(struct world *world);

void close_diag(void);

#endif
