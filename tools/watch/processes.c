/*
 * The server's processes, their descriptors and limits, from /proc (proc(5)).
 */
#define _GNU_SOURCE 1
#include "parts.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { DEEPEST = 8, LOOKS_PER_COUNT = 8, PATH_SIZE = 64, TEXT_SIZE = 4096 };

/* Reads /proc/PID/FILE as text; returns its length, 0 where it is not there, or not ours to read.
 */
static size_t slurp(char *text, size_t size, pid_t pid, const char *name) {
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    *text = '\0';
    if (file == -1) return 0;
    ssize_t length = read(file, text, size - 1);
    (void)close(file); /* it was only read */
    if (length <= 0) return 0;
    text[length] = '\0';
    return (size_t)length;
}

/* The next entry of a folder whose name is a number, NULL at the end. */
static const struct dirent *next_number(DIR *folder) {
    const struct dirent *entry;
    do entry = readdir(folder); // cppcheck-suppress readdirCalled; there is one thread
    while (entry != NULL && !isdigit((unsigned char)entry->d_name[0]));
    return entry;
}

/* Reads the text of /proc/PID/stat. The name in it may hold anything, parentheses too. */
static bool parse_stat(const char *text, struct process *process) {
    const char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (open == NULL || close == NULL || close[1] == '\0' || close[2] == '\0') return false;
    (void)snprintf(process->name, sizeof process->name, "%.*s", (int)(close - open - 1), open + 1);
    process->state = close[2];
    const char *next = close + 3;
    for (int field = 4; field <= 52; field++) {
        char *end;
        unsigned long long number = strtoull(next, &end, 10);
        if (end == next) break;
        next = end;
        switch (field) {
        case 4: process->parent = (pid_t)number; break;
        case 20: process->threads = (long)number; break;
        case 22: process->start = number; break;
        case 52: process->ending = (int)number; break;
        default: break;
        }
    }
    return process->start > 0;
}

static bool read_stat(pid_t pid, struct process *process) {
    char text[TEXT_SIZE];
    memset(process, 0, sizeof *process);
    process->pid = pid;
    process->call_descriptor = -1;
    return slurp(text, sizeof text, pid, "stat") > 0 && parse_stat(text, process);
}

static bool is_dead(const struct process *process) {
    return process->state == 'Z' || process->state == 'X';
}

static const struct {
    long number;
    const char *name;
    bool on_descriptor;
} CALLS[] = {
#ifdef SYS_accept
    {SYS_accept, "accept", true},
#endif
    {SYS_accept4, "accept", true},
    {SYS_recvfrom, "recv", true},
    {SYS_recvmsg, "recv", true},
    {SYS_read, "read", true},
    {SYS_sendto, "send", true},
    {SYS_sendmsg, "send", true},
    {SYS_write, "write", true},
    {SYS_nanosleep, "sleep", false},
    {SYS_clock_nanosleep, "sleep", false},
    {SYS_wait4, "wait", false},
    {SYS_waitid, "wait", false},
#ifdef SYS_poll
    {SYS_poll, "poll", false},
    {SYS_select, "select", false},
    {SYS_epoll_wait, "epoll", false},
    {SYS_pause, "pause", false},
#endif
    {SYS_ppoll, "poll", false},
    {SYS_pselect6, "select", false},
    {SYS_epoll_pwait, "epoll", false},
    {SYS_futex, "a lock", false},
    {SYS_rt_sigsuspend, "sigsuspend", false},
};

/* Reads the text of /proc/PID/syscall: the number of the call, then its arguments. */
static bool parse_syscall(const char *text, struct process *process) {
    char *end;
    long number = strtol(text, &end, 10);
    if (end == text || number < 0) return false;
    for (size_t i = 0; i < sizeof CALLS / sizeof CALLS[0]; i++) {
        if (CALLS[i].number != number) continue;
        (void)snprintf(process->call, sizeof process->call, "%s", CALLS[i].name);
        if (CALLS[i].on_descriptor) process->call_descriptor = (int)strtol(end, NULL, 16);
        return true;
    }
    return false;
}

/* The kernel's functions in which a process sleeps, and the calls that lead there. */
static const struct {
    const char *where, *call;
} SLEEPS[] = {
    {"inet_csk_accept", "accept"},
    {"wait_woken", "recv"},
    {"sk_wait_data", "recv"},
    {"nanosleep", "sleep"},
    {"do_wait", "wait"},
    {"kernel_wait", "wait"},
    {"sk_stream_wait", "send"},
    {"pipe_read", "read"},
    {"pipe_write", "write"},
    {"pipe_wait", "read"},
    {"ep_poll", "epoll"},
    {"epoll", "epoll"},
    {"poll", "poll"},
    {"select", "select"},
    {"futex", "a lock"},
    {"sigsuspend", "sigsuspend"},
};

/* Says which call that is; a function that is not in the list stands for itself. */
static const char *call_of(const char *where) {
    for (size_t i = 0; i < sizeof SLEEPS / sizeof SLEEPS[0]; i++)
        if (strstr(where, SLEEPS[i].where) != NULL) return SLEEPS[i].call;
    return where;
}

/* Finds out in which call a process sleeps: syscall knows its descriptor too, but some kernels show
 * it to parents and debuggers only (Yama); wchan they show to everyone of the same user. */
static void find_call(struct process *process) {
    char text[256];
    if (strchr("SD", process->state) == NULL) return;
    if (slurp(text, sizeof text, process->pid, "syscall") > 0 && parse_syscall(text, process))
        return;
    bool told = slurp(text, sizeof text, process->pid, "wchan") > 0 && strcmp(text, "0") != 0;
    (void)snprintf(process->call, sizeof process->call, "%.*s", CALL_SIZE - 1,
                   told ? call_of(text) : "?");
}

/* Gives what /proc says that a descriptor is a short name: a path its last part. */
static void label_descriptor(struct descriptor *descriptor, const char *target) {
    static const char SOCKET[] = "socket:[", MEMORY[] = "/memfd:", INODE[] = "anon_inode:";
    const char *name = target;
    if (strncmp(target, SOCKET, strlen(SOCKET)) == 0)
        descriptor->inode = strtoul(target + strlen(SOCKET), NULL, 10);
    if (strncmp(target, MEMORY, strlen(MEMORY)) == 0) name = target + strlen(MEMORY);
    if (strncmp(target, INODE, strlen(INODE)) == 0) name = target + strlen(INODE);
    if (strncmp(target, "/dev/", 5) == 0) name = target + 5;
    else if (name == target && strrchr(target, '/') != NULL) name = strrchr(target, '/') + 1;
    if (*name == '[') name++;
    descriptor->connection = NO_CONNECTION;
    (void)snprintf(descriptor->label, sizeof descriptor->label, "%.*s", (int)strcspn(name, ":] "),
                   name);
}

bool is_tcp(pid_t pid, int number) {
    static const char TCP[] = "TCP"; /* TCPv6 begins so, too */
    char path[PATH_SIZE], protocol[16] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, number);
    return getxattr(path, "system.sockprotoname", protocol, sizeof protocol) > 0 &&
           strncmp(protocol, TCP, strlen(TCP)) == 0;
}

static int by_number(const void *a, const void *b) {
    const struct descriptor *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static void read_descriptors(struct world *world, struct process *process) {
    char path[PATH_SIZE], target[256];
    process->first = world->descriptors.count;
    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)process->pid);
    DIR *directory = opendir(path);
    process->hidden = directory == NULL && errno == EACCES;
    if (directory == NULL) return;
    for (const struct dirent *entry; (entry = next_number(directory)) != NULL;) {
        ssize_t length = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
        if (length == -1) continue; /* closed meanwhile */
        target[length] = '\0';
        struct descriptor *descriptor = add(&world->descriptors, sizeof *descriptor);
        descriptor->number = (int)strtol(entry->d_name, NULL, 10);
        label_descriptor(descriptor, target);
    }
    (void)closedir(directory);
    process->descriptors = world->descriptors.count - process->first;
    if (process->descriptors > 1)
        qsort(descriptor_at(world, process->first), process->descriptors, sizeof(struct descriptor),
              by_number);
}

/* Finds the children of one thread of a process: the living go onto the stack of those to visit. */
static void find_children(struct world *world, const struct process *parent, const char *thread) {
    char path[PATH_SIZE], *word = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%.12s/children", (int)parent->pid, thread);
    FILE *children = fopen(path, "re");
    if (children == NULL) return;
    while (getdelim(&word, &size, ' ', children) > 0) {
        struct process child;
        pid_t pid = (pid_t)strtol(word, NULL, 10);
        if (!read_stat(pid, &child) || child.parent != parent->pid) continue;
        child.depth = parent->depth + 1;
        *(struct process *)add(is_dead(&child) ? &world->zombies : &world->stack, sizeof child) =
            child;
    }
    free(word);
    (void)fclose(children);
}

/* Finds the children of all threads. */
static void find_all_children(struct world *world, const struct process *parent) {
    char text[PATH_SIZE];
    if (parent->threads <= 1) {
        (void)snprintf(text, sizeof text, "%d", (int)parent->pid);
        find_children(world, parent, text);
        return;
    }
    (void)snprintf(text, sizeof text, "/proc/%d/task", (int)parent->pid);
    DIR *threads = opendir(text);
    if (threads == NULL) return;
    for (const struct dirent *entry; (entry = next_number(threads)) != NULL;)
        find_children(world, parent, entry->d_name);
    (void)closedir(threads);
}

/* Turns the stack from number first on: then the oldest child is visited first. */
static void turn_stack(struct world *world, size_t first) {
    struct process *items = world->stack.items;
    for (size_t last = world->stack.count; first + 1 < last; first++) {
        struct process swap = items[first];
        items[first] = items[--last];
        items[last] = swap;
    }
}

/* Notes a living process, then its descendants: each before its younger siblings. */
static void walk(struct world *world, const struct process *root) {
    world->stack.count = 0;
    *(struct process *)add(&world->stack, sizeof *root) = *root;
    while (world->stack.count > 0) {
        struct process process = ((struct process *)world->stack.items)[--world->stack.count];
        find_call(&process);
        read_descriptors(world, &process);
        *(struct process *)add(&world->processes, sizeof process) = process;
        size_t first = world->stack.count;
        if (process.depth < DEEPEST) find_all_children(world, &process);
        turn_stack(world, first);
    }
}

static bool is_known(const struct world *world, pid_t pid) {
    for (size_t i = 0; i < world->processes.count; i++)
        if (process_at(world, i)->pid == pid) return true;
    for (size_t i = 0; i < world->zombies.count; i++)
        if (((struct process *)world->zombies.items)[i].pid == pid) return true;
    return false;
}

/* Notes those that were the server's at the last look, and live on although it was not led to them:
 * their parent has ended, or the kernel left them out (its list of children is exact only while
 * none of them ends). */
static void find_orphans(struct world *world) {
    for (size_t i = 0; i < world->before.count; i++) {
        const struct process *old = (struct process *)world->before.items + i;
        struct process now;
        if (old->pid == world->server || is_dead(old) || is_known(world, old->pid)) continue;
        if (!read_stat(old->pid, &now) || is_dead(&now) || now.start != old->start) continue;
        now.orphan = old->orphan || now.parent != old->parent;
        now.depth = now.orphan ? 1 : old->depth;
        walk(world, &now);
    }
}

void find_processes(struct world *world) {
    struct process server;
    struct array swap = world->before;
    world->before = world->processes;
    world->processes = swap;
    world->processes.count = world->zombies.count = world->descriptors.count = 0;
    world->children = 0;
    bool exists =
        read_stat(world->server, &server) && (world->start == 0 || world->start == server.start);
    world->alive = exists && !is_dead(&server);
    if (exists) world->start = server.start;
    if (world->alive) walk(world, &server);
    find_orphans(world);
    world->dead_children = world->zombies.count;
    for (size_t i = 0; i < world->processes.count; i++)
        if (process_at(world, i)->depth > 0) world->children++;
    world->children += world->dead_children;
    for (size_t i = 0; i < world->zombies.count; i++)
        *(struct process *)add(&world->processes, sizeof server) =
            ((struct process *)world->zombies.items)[i];
}

/* ---- Limits and counts ---- */

/* Finds a limit in the text of /proc/PID/limits: the soft one. */
static long parse_limit(const char *text, const char *name) {
    const char *line = strstr(text, name);
    if (line == NULL) return UNKNOWN;
    line += strlen(name);
    line += strspn(line, " ");
    return isdigit((unsigned char)*line) ? strtol(line, NULL, 10) : UNLIMITED;
}

/* Counts what RLIMIT_NPROC counts: the threads of all processes of a user. */
static long count_threads(uid_t user) {
    long count = 0;
    char path[PATH_SIZE];
    struct stat stat;
    DIR *proc = opendir("/proc");
    if (proc == NULL) return UNKNOWN;
    for (const struct dirent *entry; (entry = next_number(proc)) != NULL;) {
        (void)snprintf(path, sizeof path, "%.12s/task", entry->d_name);
        if (fstatat(dirfd(proc), path, &stat, 0) == 0 && stat.st_uid == user)
            count += (long)stat.st_nlink - 2; /* a folder for each thread */
    }
    (void)closedir(proc);
    return count;
}

/* The server's command line, its words parted by blanks. */
static void read_command(struct world *world) {
    char text[sizeof world->command];
    size_t length = slurp(text, sizeof text, world->server, "cmdline");
    if (length == 0) return;
    for (size_t i = 0; i + 1 < length; i++)
        if (text[i] == '\0') text[i] = ' ';
    memcpy(world->command, text, length + 1);
}

void read_limits(struct world *world) {
    char text[TEXT_SIZE], path[PATH_SIZE];
    struct stat stat;
    if (!world->alive) return;
    read_command(world);
    world->descriptor_limit = world->process_limit = UNKNOWN;
    if (slurp(text, sizeof text, world->server, "limits") > 0) {
        world->descriptor_limit = parse_limit(text, "Max open files");
        world->process_limit = parse_limit(text, "Max processes");
    }
    (void)snprintf(path, sizeof path, "/proc/%d", (int)world->server);
    if (fstatat(AT_FDCWD, path, &stat, 0) == 0) world->user = stat.st_uid;
    bool is_due = world->looks++ % LOOKS_PER_COUNT == 0; /* counting costs more than the rest */
    if (!is_due && world->children == world->counted_children) return;
    world->user_processes = count_threads(world->user);
    world->counted_children = world->children;
}
