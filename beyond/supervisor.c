/* A master and its children: see supervisor.h. Linux: prctl(2), filters of
 * sockets. */
#define _GNU_SOURCE /* ppoll, getresuid, setgroups, strsignal */
#include "supervisor.h"
#include "serve.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    BACKOFF_FIRST = 100, /* milliseconds between a second death and a third life */
    BACKOFF_MOST = 5000,
    GOOD_LIFE = 10000, /* who has lived as long has not died again and again */
    NOBODY = -1 /* in the place of a worker's number */
};

struct child {
    pid_t pid;
    long number; /* the worker's, or NOBODY: it is to end, or was no worker */
    int64_t born;
    int64_t deadline; /* of one who has been replaced; 0: none */
};
static struct child *children; /* the order tells nothing */
static long count, room;

/* The places of the workers. */
static struct place {
    bool taken;
    int64_t again_at; /* when to fork one, if it is not */
    int64_t pause; /* before the next one, should this one die, too */
} * places;

static pid_t master;
static sigset_t blocked, masters_wait, childs_wait;
static volatile sig_atomic_t endings, renewals;
static bool failed; /* somebody was killed, or failed */
static int64_t deadline; /* for all; 0: nobody has been told to end */
static uid_t user_id; /* whom the children become, if service.user */
static gid_t group_id;

static void hear(int signum) {
    switch (signum) {
    case SIGTERM:
    case SIGINT: endings = endings == 0 ? 1 : 2; break;
    case SIGHUP: renewals = 1; break;
    case SIGUSR1:
    case SIGUSR2: ending = 1; break;
    default: break; /* SIGCHLD: that the wait ends is enough */
    }
}

void master_begin(void) {
    static const int MASTERS[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD}, CHILDS[] = {SIGUSR1, SIGUSR2};
    struct sigaction action = {.sa_handler = hear}; /* no SA_RESTART: accept is to end, too */
    master = getpid();
    tzset(); /* or gmtime would have each child read /etc/localtime */
    if (sigemptyset(&blocked) == -1 || sigemptyset(&action.sa_mask) == -1) die("sigemptyset");
    for (size_t i = 0; i < sizeof MASTERS / sizeof MASTERS[0]; i++)
        if (sigaddset(&blocked, MASTERS[i]) == -1) die("sigaddset");
    childs_wait = blocked;
    if (sigemptyset(&masters_wait) == -1) die("sigemptyset");
    for (size_t i = 0; i < sizeof CHILDS / sizeof CHILDS[0]; i++)
        if (sigaddset(&blocked, CHILDS[i]) == -1 || sigaddset(&masters_wait, CHILDS[i]) == -1)
            die("sigaddset");
    if (sigprocmask(SIG_SETMASK, &blocked, NULL) == -1) die("sigprocmask");
    for (size_t i = 0; i < sizeof MASTERS / sizeof MASTERS[0]; i++)
        if (sigaction(MASTERS[i], &action, NULL) == -1) die("sigaction");
    for (size_t i = 0; i < sizeof CHILDS / sizeof CHILDS[0]; i++)
        if (sigaction(CHILDS[i], &action, NULL) == -1) die("sigaction");
    blocked_while_waiting = &childs_wait;
    if (service.user != NULL) {
        /* cppcheck-suppress getpwnamCalled; there is one thread */
        const struct passwd *entry = getpwnam(service.user);
        if (entry == NULL) {
            report("user '%s' is not known any more", service.user);
            exit(EXIT_FAILURE);
        }
        user_id = entry->pw_uid;
        group_id = entry->pw_gid;
    }
}

/* Becomes service.user for good: user ID last, as only root can change the others, and a look at
 * whether there is a way back. setuid(2), credentials(7). */
static void become_user(void) {
    uid_t real, effective, saved;
    if (setgroups(1, &group_id) == -1) die("setgroups");
    if (setgid(group_id) == -1) die("setgid");
    if (setuid(user_id) == -1) die("setuid");
    if (getresuid(&real, &effective, &saved) == -1) die("getresuid");
    if (real != user_id || effective != user_id || saved != user_id || setuid(0) != -1) {
        report("the privileges of root do not go away: no client is served with them");
        _exit(EXIT_FAILURE);
    }
}

/* Who has lost its master is told nothing any more, and would hold the port: it dies, too. After
 * become_user, as a new user ID takes the wish away: prctl(2), PR_SET_PDEATHSIG. */
static void die_with_master(void) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1) die("prctl");
    if (getppid() != master) _exit(EXIT_FAILURE); /* it was sooner */
}

static pid_t fork_child(long number) {
    pid_t pid;
    if (count == room) {
        long more = room + 64;
        struct child *larger = realloc(children, (size_t)more * sizeof *children);
        if (larger == NULL) return -1;
        children = larger;
        room = more;
    }
    pid = fork();
    if (pid == 0) {
        if (service.user != NULL) become_user();
        die_with_master();
    } else if (pid != -1) {
        children[count++] = (struct child){.pid = pid, .number = number};
        if (number != NOBODY) children[count - 1].born = now_ms();
    }
    return pid;
}

pid_t master_fork(void) {
    return fork_child(NOBODY);
}

long master_children(void) {
    return count;
}

/* ---- The dead ------------------------------------------------------------ */

/* The place of a worker is free. It is replaced at once if it has lived for a while or was the
 * first to die; one that dies again and again, later and later. Returns the milliseconds until
 * then. */
static int64_t vacate(struct place *place, int64_t life) {
    int64_t wait = life >= GOOD_LIFE ? 0 : place->pause;
    place->taken = false;
    place->again_at = now_ms() + wait;
    place->pause = wait == 0 ? BACKOFF_FIRST : wait * 2 < BACKOFF_MOST ? wait * 2 : BACKOFF_MOST;
    return wait;
}

/* Says how a child has ended, and that there will be another one, if so. */
static void bury(const struct child *child, int status) {
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
    bool worker = child->number != NOBODY && deadline == 0;
    char how[80], then[60] = "";
    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else snprintf(how, sizeof how, "ended with status %d", WEXITSTATUS(status));
    if (worker) {
        int64_t wait = vacate(&places[child->number], now_ms() - child->born);
        if (wait == 0) snprintf(then, sizeof then, ": another one at once");
        else snprintf(then, sizeof then, ": another one in %" PRId64 " ms", wait);
    }
    if (!good && deadline != 0) failed = true;
    if (!good || worker) report("process %ld %s%s", (long)child->pid, how, then);
}

/* Reaps all that have ended: one signal may stand for many. */
static void reap(void) {
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (long i = 0; i < count; i++) {
            struct child dead = children[i];
            if (dead.pid != pid) continue;
            children[i] = children[--count];
            bury(&dead, status);
            break;
        }
}

/* ---- Waiting ------------------------------------------------------------- */

bool master_wait(int fd, int64_t most) {
    static unsigned turns;
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    struct timespec time = {.tv_sec = (time_t)(most / 1000), .tv_nsec = most % 1000 * 1000000};
    int ready;
    if (signal_came(&masters_wait, ++turns)) {
        reap();
        return false;
    }
    ready = ppoll(&pollfd, fd != -1, most >= 0 ? &time : NULL, &masters_wait);
    if (ready == -1 && errno != EINTR) die("ppoll");
    if (ready == -1) reap();
    return ready > 0;
}

bool master_is_to_end(void) {
    return endings > 0;
}

bool master_is_to_renew(void) {
    char state[80];
    struct timespec now;
    if (renewals == 0) return false;
    renewals = 0;
    if (clock_gettime(CLOCK_MONOTONIC, &now) == -1) die("clock_gettime");
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    tell_systemd(state);
    return true;
}

/* ---- The end ------------------------------------------------------------- */

/* Has the kernel drop each request for a connection, as if it had been lost on its way: the client
 * sends it again a second later, and hears that nobody listens any more, or finds the next server.
 * All other segments pass, so that whoever is half in comes in. (listen(2) with 0, or shutdown(2),
 * would not do: there would be room for one, again and again, or the queue would be reset.)
 * socket(7), SO_ATTACH_FILTER; RFC 9293, 3.1: the flags of a segment are its byte 13. */
void master_locks(int listener) {
    static struct sock_filter no_syn[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TH_SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0), /* so many bytes of it are kept */
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {.len = sizeof no_syn / sizeof no_syn[0], .filter = no_syn};
    if (service.handed_over) return;
    if (setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == -1 &&
        errno != EPERM) /* some machines let root alone do that */
        complain("setsockopt"); /* then the queue is served as long as somebody comes */
}

void master_tell_all(void) {
    tell_systemd("STOPPING=1");
    deadline = now_ms() + service.drain_time;
    for (long i = 0; i < count; i++)
        if (kill(children[i].pid, SIGUSR1) == -1) complain("kill");
}

bool master_has_time(void) {
    return endings < 2 && now_ms() < deadline;
}

int master_end(void) {
    while (count > 0 && master_has_time()) {
        int64_t left = deadline - now_ms(); /* less than 0 would be for ever */
        (void)master_wait(-1, left > 0 ? left : 0);
    }
    if (count > 0) {
        report("%s: %ld %s killed", endings > 1 ? "told twice to end" : "the time to end is over",
               count, count == 1 ? "process is" : "processes are");
        failed = true;
    }
    for (long i = 0; i < count; i++)
        if (kill(children[i].pid, SIGKILL) == -1) complain("kill");
    for (long i = 0; i < count; i++)
        while (waitpid(children[i].pid, NULL, 0) == -1 && errno == EINTR) continue;
    count = 0;
    free(children);
    children = NULL;
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- Workers ------------------------------------------------------------- */

/* Forks a worker for this place; returns false if that cannot be: it is tried again. */
static bool start(long number, void (*work)(long number)) {
    struct place *place = &places[number];
    switch (fork_child(number)) {
    case -1: complain("fork"); return false;
    case 0: work(number); _exit(EXIT_SUCCESS);
    default: place->taken = true; return true;
    }
}

static void fill(long workers, void (*work)(long number)) {
    for (long i = 0; i < workers; i++) {
        if (places[i].taken || now_ms() < places[i].again_at) continue;
        if (!start(i, work)) {
            if (places[i].pause == 0) places[i].pause = BACKOFF_FIRST;
            (void)vacate(&places[i], 0);
        }
    }
}

/* Replaces each worker: the successor first, then the old one hears of it. One that cannot be
 * replaced stays. */
static void renew(void (*work)(long number)) {
    long old = count; /* successors come after them */
    for (long i = 0; i < old; i++) {
        long number = children[i].number;
        if (number == NOBODY) continue;
        children[i].number = NOBODY;
        if (!start(number, work)) {
            children[i].number = number;
            continue;
        }
        children[i].deadline = now_ms() + service.drain_time;
        if (kill(children[i].pid, SIGUSR2) == -1) complain("kill");
    }
    report("the workers are replaced: process %ld has others now", (long)master);
    tell_systemd("READY=1");
}

/* Kills whoever has been replaced and has had its time; returns when to look again, -1: not. */
static int64_t hurry(int64_t next) {
    for (long i = 0; i < count; i++) {
        if (children[i].deadline == 0) continue;
        if (children[i].deadline <= now_ms()) {
            report("the time to end is over: process %ld is killed", (long)children[i].pid);
            if (kill(children[i].pid, SIGKILL) == -1) complain("kill");
            children[i].deadline = 0;
        } else if (next == -1 || children[i].deadline < next) {
            next = children[i].deadline;
        }
    }
    return next;
}

int master_keep(long workers, void (*work)(long number), void (*last_orders)(void)) {
    bool announced = false;
    places = calloc((size_t)workers, sizeof *places);
    if (places == NULL) die("calloc");
    fill(workers, work);
    while (!master_is_to_end()) {
        int64_t next = hurry(-1);
        if (count > 0 && !announced) announce(); /* there is somebody who serves */
        announced = announced || count > 0;
        for (long i = 0; i < workers; i++)
            if (!places[i].taken && (next == -1 || places[i].again_at < next))
                next = places[i].again_at;
        if (next != -1) next = next > now_ms() ? next - now_ms() : 0;
        (void)master_wait(-1, next);
        if (master_is_to_renew()) renew(work);
        fill(workers, work);
    }
    last_orders();
    master_tell_all();
    int status = master_end();
    free(places);
    places = NULL;
    return status;
}

long processors(void) {
    long number = sysconf(_SC_NPROCESSORS_ONLN);
    return number > 0 ? number : 1;
}
