/*
 * The master of several processes, for the models that one would put in front of people: it forks
 * them, knows them, replaces the dead, listens to signals, and sees everybody off in the end.
 *
 * TERM or INT   end: the children finish what they have, those in the queue included, within
 *               service.drain_time; whoever is not done then is killed. A second one: at once.
 * HUP           replace all workers: the old ones finish what they have
 *
 * The children listen to their master alone: a terminal's Ctrl-C, and systemd's TERM, go to all
 * processes of the group, and would end a worker before anybody has cared for the queue. So they
 * leave those signals blocked, and hear SIGUSR1: end, and SIGUSR2: end, as there is a successor.
 * All of these are blocked but while their process waits in ppoll or epoll_pwait, which let them in
 * and wait in one step: none comes between a look at `ending` and a wait. (prefork waits in accept,
 * which cannot do that, and says how it does without.)
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Takes the signals, and looks up service.user. Once, before all that follows. */
void master_begin(void);

/* Forks a child, which is no worker. Returns its process ID, 0 in the child, -1 with errno set.
 * The child is service.user, hears USR1 and USR2, and dies with its master. */
pid_t master_fork(void);

/* How many children there are. */
long master_children(void);

/* Waits until fd can be read (-1: no descriptor), a signal comes, or the time is up; milliseconds,
 * -1: for ever. Reaps who has ended. Returns true if fd can be read. */
bool master_wait(int fd, int64_t most);

/* Has TERM or INT come? */
bool master_is_to_end(void);
/* Has HUP come since the last call? Then systemd is told that it is being seen to; the caller says
 * READY=1 when it has been. */
bool master_is_to_renew(void);

/* Lets nobody new come into the queue of a listening socket; whoever is in it stays, and is to be
 * served. Does nothing to systemd's, whose queue is the next server's. */
void master_locks(int listener);

/* Tells all children to end, and systemd that they have been told. Their time begins now. */
void master_tell_all(void);
/* True while those who were told have time. */
bool master_has_time(void);
/* Waits until all are gone or their time is over, and kills whoever is left. Returns the exit
 * status: 0 if all were done. */
int master_end(void);

/* Keeps so many workers alive, each with a number of its own, until it is told to end, and returns
 * the exit status. work does not return before its process is to end; last_orders is called when
 * the server is to end, before the workers hear of it: it locks the master's listening sockets, and
 * closes them. */
int master_keep(long workers, void (*work)(long number), void (*last_orders)(void));

/* How many processors there are. */
long processors(void);

#endif
