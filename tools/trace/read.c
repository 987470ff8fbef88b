/*
 * The output of strace to rows, in three passes:
 *
 *   log_read   lines to moments: see log.h
 *   survey     all moments in the order of time: numbers the connections, finds whose signal came
 *   replay     moments to rows: what each process has, is in, and does
 *
 * Memory that runs out sets r->error, and all that follows adds nothing: it is looked at at the
 * end.
 */
#define _POSIX_C_SOURCE 200809L
#include "read.h"
#include "log.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_SIZE = 512 };

/* Returns a word with a number behind, "child1". */
static const char *keep_numbered(struct reader *r, const char *word, int number) {
    char text[32];
    int size = snprintf(text, sizeof text, "%s%d", word, number);
    return keep(r, text, (size_t)size);
}

/* Tells whether a span contains a word. */
static bool contains(struct span span, const char *word) {
    size_t size = strlen(word);
    for (; span.size >= size; span.at++, span.size--)
        if (strncmp(span.at, word, size) == 0) return true;
    return false;
}

/* ---- Second pass: all moments in the order of time ---- */

static int compare_moments(const void *left, const void *right) {
    const struct moment *a = left, *b = right;
    if (a->time != b->time) return a->time < b->time ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

/* Tells whether strace's details of a SIGCHLD say that a child has ended. */
static bool tells_end(const char *text) {
    return strstr(text, "si_code=CLD_EXITED") || strstr(text, "si_code=CLD_KILLED") ||
           strstr(text, "si_code=CLD_DUMPED");
}

/* Adds the next connection, and returns its number; port: the client's, or 0 if not known. */
static int add_connection(struct reader *r, int port) {
    struct connection *more = grow(r, r->connections, r->connection_count, sizeof *more);
    if (!more) return 0;
    r->connections = more;
    int number = (int)r->connection_count + 1;
    r->connections[r->connection_count++] = (struct connection){.port = port, .number = number};
    return number;
}

/* Numbers the connection that a call has accepted. */
static void survey_accept(struct reader *r, struct call *call) {
    int peer = call->result ? find_ports(call->result).peer : 0;
    if (returned_number(call) == NONE || is_injected(call)) return;
    if (peer == 0) peer = find_number(call->text, "htons(");
    call->connection = add_connection(r, peer > 0 ? peer : 0);
}

/* Notes for whose end a SIGCHLD came. */
static void survey_signal(struct reader *r, size_t index) {
    const struct moment *moment = &r->moments[index];
    if (strcmp(moment->name, "SIGCHLD") != 0) return;
    r->traced[moment->process].last_signal = index;
    if (moment->about == NONE || !tells_end(moment->text)) return;
    struct traced *child = &r->traced[moment->about];
    if (child->parent == moment->process) child->signalled = true;
}

/* Finds the connection that a client's socket is: the first accepted from that port and not taken.
 * Those that were never accepted come after all others. */
static void survey_socket(struct reader *r, struct call *call, bool accepted) {
    if (!call->connects || call->connection > 0) return;
    for (size_t i = 0; accepted && i < r->connection_count; i++) {
        struct connection *connection = &r->connections[i];
        if (call->port == 0 || connection->port != call->port || connection->taken) continue;
        connection->taken = true;
        call->connection = connection->number;
        return;
    }
    if (!accepted) call->connection = add_connection(r, call->port);
}

static void survey(struct reader *r) {
    if (!r->moments) return;
    qsort(r->moments, r->moment_count, sizeof *r->moments, compare_moments);
    for (size_t i = 0; i < r->moment_count; i++) {
        const struct moment *moment = &r->moments[i];
        if (moment->kind == SIGNAL) survey_signal(r, i);
        if (moment->kind == LEAVE && r->calls[moment->call].name->what == ACCEPT &&
            r->traced[moment->process].log == 0)
            survey_accept(r, &r->calls[moment->call]);
    }
    for (int accepted = 1; accepted >= 0; accepted--)
        for (size_t i = 0; i < r->moment_count; i++)
            if (r->moments[i].kind == ENTER)
                survey_socket(r, &r->calls[r->moments[i].call], accepted);
}

/* ---- Third pass: moments to rows ---- */

/* Returns a row of a process with nothing else in it yet. */
static struct row blank(int process, enum event event, const char *name) {
    return (struct row){.process = process,
                        .event = event,
                        .name = name,
                        .descriptor = NO_DESCRIPTOR,
                        .object = "",
                        .other = NOBODY,
                        .result = "",
                        .text = ""};
}

/* Adds a row, at the moment that is replayed. */
static void add(struct reader *r, struct row row) {
    row.time = r->time;
    if (!r->error && rows_add(r->rows, &row) == -1) r->error = errno;
}

/* Makes a row about another process. */
static struct row about(const struct reader *r, struct row row, int other) {
    row.other = other;
    row.object = r->traced[other].name;
    return row;
}

/* Makes a row about a descriptor. */
static struct row on(struct row row, int descriptor, const char *object) {
    row.descriptor = descriptor;
    row.object = object;
    return row;
}

static struct descriptor *find_descriptor(const struct traced *process, int number) {
    for (size_t i = 0; i < process->descriptors; i++)
        if (process->descriptor[i].number == number) return &process->descriptor[i];
    return NULL;
}

static void lose_descriptor(struct reader *r, int index, int number) {
    struct traced *process = &r->traced[index];
    struct descriptor *known = find_descriptor(process, number);
    if (!known) return;
    add(r, on(blank(index, EVENT_CLOSE, "close"), number, known->object));
    process->descriptors--;
    for (size_t i = (size_t)(known - process->descriptor); i < process->descriptors; i++)
        process->descriptor[i] = process->descriptor[i + 1]; /* they stay in order */
}

static void get_descriptor(struct reader *r, int index, int number, const char *how,
                           const char *object) {
    struct traced *process = &r->traced[index];
    struct descriptor *more = grow(r, process->descriptor, process->descriptors, sizeof *more);
    if (!more) return;
    process->descriptor = more;
    if (process->descriptors == DESCRIPTORS_MAX) {
        r->error = E2BIG;
        return;
    }
    process->descriptor[process->descriptors++] = (struct descriptor){number, object};
    add(r, on(blank(index, EVENT_OPEN, how), number, object));
}

/* Returns what a process has said about a signal, or null if nothing. */
static struct disposition *find_disposition(struct traced *process, const char *signal) {
    for (int i = 0; i < SIGNALS_MAX && process->disposition[i].signal; i++)
        if (strcmp(process->disposition[i].signal, signal) == 0) return &process->disposition[i];
    return NULL;
}

/* Notes rt_sigaction(SIGCHLD, {sa_handler=0x5581, sa_mask=[], sa_flags=0}, NULL, 8) = 0. */
static void set_disposition(struct reader *r, const struct call *call) {
    struct traced *process = &r->traced[call->process];
    struct span signal = argument(call->text, 0), action = argument(call->text, 1);
    if (returned_number(call) != 0 || action.size == 0 || *action.at != '{') return;
    const char *name = keep(r, signal.at, signal.size);
    struct disposition *disposition = find_disposition(process, name);
    for (int i = 0; !disposition && i < SIGNALS_MAX; i++)
        if (!process->disposition[i].signal) disposition = &process->disposition[i];
    if (!disposition) return;
    bool ignores = contains(action, "=SIG_IGN"), by_default = contains(action, "=SIG_DFL");
    *disposition = (struct disposition){.signal = name,
                                        .handles = !ignores && !by_default,
                                        .restarts = contains(action, "SA_RESTART"),
                                        .ignores = ignores || contains(action, "SA_NOCLDWAIT")};
}

/* ---- Texts ---- */

/* Returns what stands for a number in a text: "PORT", "PORT1", or if pids, "child1"; or null. */
static const char *find_alias(struct reader *r, long long number, bool pids) {
    if (number < 1) return NULL;
    if (number == r->port) return "PORT";
    for (size_t i = r->connection_count; i-- > 0;)
        if (r->connections[i].port == number)
            return keep_numbered(r, "PORT", r->connections[i].number);
    for (size_t i = r->traced_count; pids && i-- > 0;)
        if (r->traced[i].pid == number && r->traced[i].name) return r->traced[i].name;
    return NULL;
}

/* Returns how long the piece of text at at is: an escape, a word or number, or one character. */
static size_t piece(const char *at, const char *end) {
    size_t room = (size_t)(end - at), size = 1;
    if (*at == '\\' && room > 1 && isprint((unsigned char)at[1])) {
        if (at[1] < '0' || at[1] > '7') return 2;
        while (size < room && size < 4 && at[size] >= '0' && at[size] <= '7') size++;
        return size;
    }
    if (!isalnum((unsigned char)*at)) return 1;
    while (size < room &&
           (isalnum((unsigned char)at[size]) ||
            (at[size] == '.' && size + 1 < room && isdigit((unsigned char)at[size + 1]))))
        size++; /* 1.1 is not two numbers */
    return size;
}

/* Tells whether the word before a number says that it is no process: "Connection 7". */
static bool is_other_number(const char *text, const char *at) {
    static const char *const WORDS[] = {"Connection", "descriptor", "status"};
    while (at > text && at[-1] == ' ') at--;
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        size_t size = strlen(WORDS[i]);
        if ((size_t)(at - text) >= size && strncmp(at - size, WORDS[i], size) == 0) return true;
    }
    return false;
}

/* Writes text without what differs from run to run. */
static void write_text(struct reader *r, FILE *out, const char *text, const char *end, bool pids) {
    size_t size;
    for (const char *at = text; at < end; at += size) {
        const char *after = at, *alias = NULL;
        size = piece(at, end);
        if (isdigit((unsigned char)*at)) {
            long long number = take_number(&after, PID_DIGITS);
            if (after == at + size)
                alias = find_alias(r, number, pids && !is_other_number(text, at));
        }
        if (alias) (void)fputs(alias, out); /* whoever closes out asks whether all was written */
        else if (isprint((unsigned char)*at)) (void)fwrite(at, 1, size, out);
        else (void)fprintf(out, "\\%03o", (unsigned char)*at);
    }
}

/* Returns the text of an argument that strace has quoted, or "" if it is no string; with dots
 * behind where strace has cut it. pids: replace the numbers of processes too. */
static const char *read_text(struct reader *r, struct span quoted, bool pids) {
    char *text = NULL;
    size_t size = 0;
    if (quoted.size < 2 || *quoted.at != '"') return "";
    const char *end = end_of_string(quoted.at);
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        r->error = errno;
        return "";
    }
    write_text(r, out, quoted.at + 1, end, pids);
    if (strncmp(end, "\"...", 4) == 0) (void)fputs("...", out);
    bool failed = ferror(out);
    if (fclose(out) == EOF) failed = true;
    if (failed) r->error = ENOMEM;
    const char *kept = failed ? "" : keep(r, text, size);
    free(text);
    return kept;
}

/* Returns the seconds of "{tv_sec=0, tv_nsec=500000000}" as text, "0.5"; "" if they are a time of
 * day. */
static const char *read_seconds(struct reader *r, const char *text) {
    char seconds[32];
    int whole = find_number(text, "tv_sec="), nano = find_number(text, "tv_nsec=");
    if (whole < 0 || nano < 0 || strstr(text, "TIMER_ABSTIME")) return "";
    int size = snprintf(seconds, sizeof seconds, "%d.%09d", whole, nano);
    while (seconds[size - 1] == '0') size--;
    if (seconds[size - 1] == '.') size--;
    return keep(r, seconds, (size_t)size);
}

/* ---- Processes and signals ---- */

/* Lets a process into the picture under its name. */
static void enter_picture(struct reader *r, int index, enum kind kind, int number) {
    struct traced *process = &r->traced[index];
    process->kind = kind;
    process->number = number;
    process->name =
        kind == KIND_SERVER ? KIND_NAMES[kind] : keep_numbered(r, KIND_NAMES[kind], number);
}

/* Lets a child be born, if its parent lives: with its parent's descriptors and handlers. */
static void fork_child(struct reader *r, int index) {
    struct traced *child = &r->traced[index];
    const struct traced *parent = &r->traced[child->parent];
    if (child->name || !parent->name || parent->over || parent->kind == KIND_CLIENT) return;
    enter_picture(r, index, KIND_CHILD, ++r->children);
    memcpy(child->disposition, parent->disposition, sizeof child->disposition);
    add(r, about(r, blank(child->parent, EVENT_FORK, "fork"), index));
    for (size_t i = 0; i < parent->descriptors && !r->error; i++)
        get_descriptor(r, index, parent->descriptor[i].number, "inherited",
                       parent->descriptor[i].object);
}

/* Lets a server or client begin, with its first call of socket. */
static void begin(struct reader *r, const struct call *call) {
    int index = call->process, first = returned_number(call);
    struct traced *process = &r->traced[index];
    struct row row = blank(index, EVENT_BEGIN, "");
    if (process->log == 0) enter_picture(r, index, KIND_SERVER, 0);
    else enter_picture(r, index, KIND_CLIENT, call->connection);
    add(r, row);
    if (process->kind == KIND_CLIENT) return;
    if (first == NONE) first = 3;
    /* The kernel gives the lowest number that is free: those below are not. */
    for (int i = 0; i < first && !r->error; i++)
        get_descriptor(r, index, i, "given", i <= 2 ? "terminal" : "other");
}

/* Notes at the end of a child what it means for its parent: nobody need wait, or its signal is
 * lost. */
static void tell_parent(struct reader *r, int index) {
    struct traced *child = &r->traced[index];
    struct traced *parent = child->kind == KIND_CHILD ? &r->traced[child->parent] : NULL;
    if (!parent || parent->over) return;
    const struct disposition *disposition = find_disposition(parent, "SIGCHLD");
    struct row row = blank(child->parent, EVENT_REAP, "kernel");
    if (disposition && disposition->ignores) {
        row.result = strcmp(child->end, "exit") == 0 ? child->status : child->end;
        child->reaped = true;
        add(r, about(r, row, index));
    } else if (disposition && disposition->handles && !child->signalled &&
               parent->last_signal > r->now) {
        add(r, about(r, blank(child->parent, EVENT_LOST, "SIGCHLD"), index));
    }
}

/* Lets a process end, now: the kernel closes what it has. */
static void end_process(struct reader *r, int index) {
    struct traced *process = &r->traced[index];
    if (process->over || !process->name) return;
    if (!process->end) process->end = "exit", process->status = ""; /* not in the trace */
    for (size_t i = 0; i < process->descriptors; i++)
        add(r, on(blank(index, EVENT_CLOSE, "exit"), process->descriptor[i].number,
                  process->descriptor[i].object));
    struct row row = blank(index, EVENT_EXIT, process->end);
    row.result = process->status;
    add(r, row);
    process->over = true;
    tell_parent(r, index);
}

/* Says that a process has left the call that it was in. */
static void return_from(struct reader *r, int index, const char *result, const char *text) {
    struct traced *process = &r->traced[index];
    if (process->call == NONE) return;
    struct row row = process->called;
    row.event = EVENT_RETURN;
    row.result = result;
    row.text = text;
    add(r, row);
    process->call = NONE;
    process->interrupted = false;
}

/* Returns what the program sees of the call that a signal with a handler has interrupted; the
 * kernel's own words, ERESTARTSYS and the like, are not for it. */
static const char *see_interrupted(const struct traced *process, const struct call *call,
                                   bool restarts) {
    if (!process->interrupted) return ""; /* its return is not in the trace */
    if (strstr(call->result, "ERESTARTNOINTR")) return "restarted";
    return restarts && strstr(call->result, "ERESTARTSYS") ? "restarted" : "EINTR";
}

static const char *see_cause(const char *text) {
    if (strstr(text, "si_code=CLD_EXITED")) return "exited";
    if (strstr(text, "si_code=CLD_KILLED") || strstr(text, "si_code=CLD_DUMPED")) return "killed";
    if (strstr(text, "si_code=CLD_STOPPED")) return "stopped";
    return strstr(text, "si_code=CLD_CONTINUED") ? "continued" : "";
}

/* Lets a signal be delivered, if the process has a handler. */
static void deliver(struct reader *r, const struct moment *moment) {
    struct traced *process = &r->traced[moment->process];
    const struct disposition *disposition = find_disposition(process, moment->name);
    int child = moment->about;
    if (!disposition || !disposition->handles || process->depth == DEPTH_MAX) return;
    if (child != NONE && r->traced[child].parent != moment->process) child = NONE;
    if (child != NONE) fork_child(r, child);
    if (child != NONE && !r->traced[child].name) child = NONE; /* not in the picture */
    if (child != NONE && tells_end(moment->text)) end_process(r, child);
    if (process->call != NONE) {
        const struct call *call = &r->calls[process->call];
        return_from(r, moment->process, see_interrupted(process, call, disposition->restarts), "");
    }
    if (process->kind == KIND_CLIENT) return;
    struct row row = blank(moment->process, EVENT_SIGNAL, moment->name);
    row.result = see_cause(moment->text);
    add(r, child == NONE ? row : about(r, row, child));
    process->handled[process->depth++] = moment->name;
}

/* ---- Calls ---- */

/* Tells whether a call is shown: of a client's, those on its connections. */
static bool is_shown(const struct reader *r, const struct call *call) {
    const struct traced *process = &r->traced[call->process];
    bool is_client = process->kind == KIND_CLIENT;
    switch (call->name->what) {
    case SOCKET:
    case POLL: return true;
    case FORK:
    case WAIT:
    case SLEEP:
    case EXIT:
    case KILL: return !is_client;
    default:
        if (!is_on_descriptor(call)) return false;
        if (find_descriptor(process, descriptor_of(call))) return true;
        /* what fails so was not opened unseen */
        return !is_client && call->result && strstr(call->result, "EBADF");
    }
}

/* Returns the details of a call that a row has. */
static const char *see_arguments(struct reader *r, const struct call *call) {
    bool prints = strcmp(call->name->kernel, "write") == 0;
    struct span second = argument(call->text, 1), first = argument(call->text, 0);
    switch (call->name->what) {
    case PUT: return read_text(r, second, prints);
    case SLEEP: return read_seconds(r, call->text);
    case WAIT: return strstr(call->text, "WNOHANG") ? "WNOHANG" : "";
    case EXIT: return keep(r, first.at, strspn(first.at, "0123456789"));
    case LISTEN: return keep(r, second.at, strspn(second.at, "0123456789"));
    case KILL:
    case USE: return keep(r, second.at, strspn(second.at, UPPER)); /* SHUT_WR */
    default: return "";
    }
}

/* Returns the child of a process with this number that it has not waited for yet; NONE. */
static int find_child(const struct reader *r, int parent, int pid) {
    for (size_t i = r->traced_count; pid > 0 && i-- > 0;)
        if (r->traced[i].pid == pid && r->traced[i].parent == parent && r->traced[i].name &&
            !r->traced[i].reaped)
            return (int)i;
    return NONE;
}

/* Lets a process enter a call, unless it goes on with one that a signal had only seemed to
 * interrupt. */
static void enter_call(struct reader *r, int index) {
    struct call *call = &r->calls[index];
    struct traced *process = &r->traced[call->process];
    const struct call *last = process->call == NONE ? NULL : &r->calls[process->call];
    if (process->interrupted && last && (call->name->what == RESTART || call->name == last->name)) {
        const char *result = call->result;
        if (call->name->what == RESTART) *call = *last;
        call->result = result;
        process->call = index;
        process->interrupted = false;
        return;
    }
    return_from(r, call->process, "", ""); /* of one whose return the trace does not have */
    if (call->name->what == SIGRETURN && process->depth > 0)
        add(r, blank(call->process, EVENT_HANDLED, process->handled[--process->depth]));
    if (!is_shown(r, call)) return;
    struct row row = blank(call->process, EVENT_CALL, call->name->name);
    int first = descriptor_of(call), child = NONE; /* the argument may be a process, too */
    const struct descriptor *known =
        is_on_descriptor(call) ? find_descriptor(process, first) : NULL;
    if (call->name->what == WAIT || call->name->what == KILL)
        child = find_child(r, call->process, first);
    if (child != NONE) row = about(r, row, child);
    if (is_on_descriptor(call)) row = on(row, first, known ? known->object : "");
    process->called = row;
    process->call = index;
    row.text = see_arguments(r, call);
    add(r, row);
    if (call->name->what == CLOSE && !is_injected(call) &&
        !(call->result && strstr(call->result, "EBADF")))
        lose_descriptor(r, call->process, first);
}

/* Returns the result of a call as a row has it: a number or an error; no number of a process. */
static const char *see_result(struct reader *r, const struct call *call, int child) {
    const char *at = call->result, *space = strchr(at, ' ');
    bool is_process = call->name->what == FORK || call->name->what == WAIT;
    if (child != NONE) return r->traced[child].name;
    if (is_process && returned_number(call) > 0) return "other";
    if (strncmp(at, "-1 E", 4) == 0) return keep(r, at + 3, strspn(at + 3, UPPER));
    return keep(r, at,
                space && space - at < 20 ? strspn(at, "-0123456789abcdefx")
                                         : strspn(at, "0123456789"));
}

/* Returns the child that a wait has found, or NONE; reaps: tells whether it has ended, not just
 * stopped. */
static int see_waited(struct reader *r, const struct call *call, bool *reaps) {
    static const char *const NO_END[] = {"WIFSTOPPED(", "WIFCONTINUED(", "WNOWAIT", "CLD_STOPPED",
                                         "CLD_CONTINUED"};
    bool is_waitid = strcmp(call->name->kernel, "waitid") == 0;
    int pid = is_waitid && returned_number(call) == 0 ? find_number(call->text, "si_pid=")
                                                      : returned_number(call);
    *reaps = true;
    for (size_t i = 0; i < sizeof NO_END / sizeof *NO_END; i++)
        if (strstr(call->text, NO_END[i])) *reaps = false;
    return is_injected(call) ? NONE : find_child(r, call->process, pid);
}

/* Says what a process has got by a call: a descriptor, or the end of a child. */
static void take_effect(struct reader *r, const struct call *call, int child) {
    int index = call->process, number = returned_number(call);
    const char *object =
        r->traced[index].kind != KIND_CLIENT && call->listens ? "listener" : "other";
    if (call->name->what == WAIT && child != NONE) {
        struct row row = about(r, blank(index, EVENT_REAP, "wait"), child);
        const struct traced *ended = &r->traced[child];
        row.result = strcmp(ended->end, "exit") == 0 ? ended->status : ended->end;
        add(r, row);
        r->traced[child].reaped = true;
    }
    if (number == NONE || is_injected(call)) return;
    if (call->name->what == SOCKET || call->name->what == ACCEPT)
        lose_descriptor(r, index, number); /* how is not in the trace: dup2, close_range */
    if (call->connection > 0) object = keep_numbered(r, "connection", call->connection);
    if (call->name->what == SOCKET) get_descriptor(r, index, number, "socket", object);
    if (call->name->what == ACCEPT) get_descriptor(r, index, number, "accept", object);
}

/* Lets a process return from a call; not yet if a signal has interrupted it: that may remain
 * unseen. */
static void leave_call(struct reader *r, int index) {
    const struct call *call = &r->calls[index];
    struct traced *process = &r->traced[call->process];
    int child = NONE;
    bool reaps = false;
    if (process->call != index) return;
    if (*call->result == '?') {
        process->interrupted = strstr(call->result, "ERESTART") != NULL;
        return;
    }
    if (call->name->what == FORK) child = call->child;
    if (call->name->what == FORK && child != NONE) fork_child(r, child);
    if (call->name->what == WAIT) child = see_waited(r, call, &reaps);
    if (reaps && child != NONE)
        end_process(r, child); /* unless it has: strace may print that later */
    if (child != NONE && !r->traced[child].name) child = NONE;
    const char *text = call->name->what == GET ? read_text(r, argument(call->text, 1), false) : "";
    if (child != NONE) process->called = about(r, process->called, child);
    return_from(r, call->process, see_result(r, call, child), text);
    take_effect(r, call, reaps ? child : NONE);
}

/* Makes rows of the moment r->now. */
static void replay(struct reader *r) {
    const struct moment *moment = &r->moments[r->now];
    struct traced *process = &r->traced[moment->process];
    r->time = moment->time;
    if (moment->kind == LEAVE && r->calls[moment->call].name->what == SIGACTION)
        set_disposition(r, &r->calls[moment->call]);
    if (!process->name && process->parent != NONE) fork_child(r, moment->process);
    if (!process->name && moment->kind == ENTER && moment->call == process->begins)
        begin(r, &r->calls[moment->call]);
    if (!process->name || process->over) return;
    if (process->stopped && moment->kind != STOPPED && moment->kind != GONE) {
        process->stopped = false;
        add(r, blank(moment->process, EVENT_CONTINUE, "SIGCONT"));
    }
    switch (moment->kind) {
    case ENTER: enter_call(r, moment->call); break;
    case LEAVE: leave_call(r, moment->call); break;
    case SIGNAL: deliver(r, moment); break;
    case GONE: end_process(r, moment->process); break;
    case STOPPED:
        if (!process->stopped) add(r, blank(moment->process, EVENT_STOP, moment->name));
        process->stopped = true;
        break;
    }
}

/* ---- Together ---- */

/* Where a trace ends within a fork, its child's parent is not told: it is the one that forks. */
static void adopt(struct reader *r) {
    for (size_t i = 0; i < r->traced_count; i++) {
        struct traced *orphan = &r->traced[i];
        for (size_t j = 0; j < r->traced_count && orphan->parent == NONE && !orphan->first; j++) {
            int fork = r->traced[j].unfinished;
            if (j == i || fork == NONE || r->calls[fork].name->what != FORK ||
                r->calls[fork].child != NONE)
                continue;
            r->calls[fork].child = (int)i;
            orphan->parent = (int)j;
        }
    }
}

/* A process in the picture, and where it is in reader.traced. */
struct shown {
    struct process process;
    size_t index;
};

/* Orders processes: the server, children, clients. */
static int compare_shown(const void *left, const void *right) {
    const struct process *a = &((const struct shown *)left)->process;
    const struct process *b = &((const struct shown *)right)->process;
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

/* Puts the processes that are in the picture in order into the rows, and ends them. */
static void finish(struct reader *r) {
    struct rows *rows = r->rows;
    size_t count = 0;
    struct shown *shown = calloc(r->traced_count + 1, sizeof *shown);
    int *place = calloc(r->traced_count + 1, sizeof *place);
    rows->processes = calloc(r->traced_count + 1, sizeof *rows->processes);
    if (!shown || !place || !rows->processes) r->error = ENOMEM;
    add(r, blank(NOBODY, EVENT_END, ""));
    for (size_t i = 0; !r->error && i < r->traced_count; i++)
        if (r->traced[i].name)
            shown[count++] =
                (struct shown){{.kind = r->traced[i].kind, .number = r->traced[i].number}, i};
    if (!r->error) qsort(shown, count, sizeof *shown, compare_shown);
    for (size_t i = 0; !r->error && i < count; i++) {
        rows->processes[i] = shown[i].process;
        place[shown[i].index] = rows->process_count++;
    }
    long long first = r->error ? 0 : rows->row[0].time;
    for (size_t i = 0; !r->error && i < rows->count; i++) {
        struct row *row = &rows->row[i];
        row->time -= first;
        if (row->process != NOBODY) row->process = place[row->process];
        if (row->other != NOBODY) row->other = place[row->other];
    }
    if (!r->error && rows_index(rows) == -1) r->error = ENOMEM;
    free(shown);
    free(place);
}

static void free_reader(struct reader *r) {
    for (size_t i = 0; i < r->traced_count; i++) {
        free(r->traced[i].sockets);
        free(r->traced[i].descriptor);
    }
    free(r->traced);
    free(r->calls);
    free(r->moments);
    free(r->connections);
}

/* Says what it was that failed. */
static const char *explain(int error) {
    switch (error) {
    case EFBIG: return "it makes more than a million rows";
    case E2BIG: return "a process in it has more than 4096 descriptors";
    default: return strerror(error);
    }
}

int trace_read(char *const *logs, int count, struct rows *rows, char *message,
               size_t message_size) {
    struct reader r = {.rows = rows, .server = NONE};
    int status = 0;
    *rows = (struct rows){.row = NULL};
    *message = '\0';
    for (int i = 0; i < count && status == 0; i++)
        status = log_read(&r, logs[i], message, message_size);
    if (status == 0) {
        adopt(&r);
        survey(&r);
        for (; r.now < r.moment_count && !r.error; r.now++) replay(&r);
        if (r.now > 0) r.now--;
        finish(&r);
        if (r.error) status = rows_fail(message, message_size, logs[0], explain(r.error));
    }
    char wrong[MESSAGE_SIZE];
    if (status == 0 && rows_check(rows, wrong, sizeof wrong) == -1) {
        (void)snprintf(message, message_size, "%s: the trace contradicts itself: %s", logs[0],
                       wrong); /* too long: cut */
        status = -1;
    }
    free_reader(&r);
    if (status == -1) rows_free(rows);
    return status;
}
