/*
 * The conversations that one loop has under way, and who of them is late first.
 *
 * All that wait for the same thing wait equally long. So each thing has a list, whoever begins to
 * wait goes to its end, and the first in it is late first: no heap, no search.
 */
#ifndef CROWD_H
#define CROWD_H

#include "serve.h"

struct crowd {
    struct conversation lists[WANTS]; /* the heads of rings */
    long size;
    int64_t again_at; /* the time when to accept again, after a pause; 0: no pause */
};

void crowd_begin(struct crowd *crowd);

/* Is there room for one more (service.most), and no pause? Then the listening socket is to be
 * watched. */
bool crowd_may_grow(struct crowd *crowd);

/* Accepts one more client. Returns the connection, which does not block, or -1: errno is EAGAIN if
 * nobody is there, and 0 if nobody may come now. Ends the program when no remedy is known:
 * accept(2). */
int crowd_accept(struct crowd *crowd, int listener);

/* Finds the remedy when accept(2) has failed, whoever has called it, by errno: none is needed, or a
 * pause, after a complaint, or none is known: then the program ends. */
void crowd_not_accepted(struct crowd *crowd);

/* Begins the conversation of a client who has come, and adds it. Returns memory of that size for
 * the client, all zero but for the conversation, which is the first thing in it; or NULL, if there
 * is none: then the client has been turned away. */
void *crowd_welcome(struct crowd *crowd, int fd, size_t size);

/* Adds a conversation that begins, for a model that has memory of its own. */
void crowd_add(struct crowd *crowd, struct conversation *c);

/* Takes one out that ends. */
void crowd_drop(struct crowd *crowd, struct conversation *c);

/* Puts one into its place again, after it has gone on. */
void crowd_keep(struct crowd *crowd, struct conversation *c);

/* How long a loop may wait, in milliseconds, until somebody is late, or a pause is over; -1: for
 * ever. */
int crowd_patience(const struct crowd *crowd);

/* One who is late, or NULL. */
struct conversation *crowd_late(struct crowd *crowd);

/* One who may be sent away when the server is asked to end: no request is under way; or NULL. */
struct conversation *crowd_idle(struct crowd *crowd);

#endif
