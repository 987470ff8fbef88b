/*
 * What happens in some rows, in words, and what follows from them that no single row says. See
 * story.h.
 */
#include "story.h"
#include "axis.h"
#include <string.h>

enum { PHRASE_SIZE = 160 };

/* ---- What follows from the rows ---- */

/* Notes in the lives what a row says of the process that it is about. */
static void note_life(const struct rows *rows, size_t i, struct life *lives) {
    const struct row *row = &rows->row[i];
    if (row->process == NOBODY) return;
    if (lives[row->process].begin == NO_ROW) lives[row->process].begin = i;
    if (row->event == EVENT_EXIT) lives[row->process].exit = i;
    if (row->other == NOBODY) return;
    if (row->event == EVENT_FORK && lives[row->other].begin == NO_ROW) lives[row->other].begin = i;
    if (row->event == EVENT_REAP) lives[row->other].gone = i;
}

void find_lives(const struct rows *rows, struct life *lives) {
    for (int i = 0; i < rows->process_count; i++) lives[i] = (struct life){NO_ROW, NO_ROW, NO_ROW};
    for (size_t i = 0; i < rows->count; i++) note_life(rows, i, lives);
    for (int i = 0; i < rows->process_count; i++) {
        size_t exit = lives[i].exit, server_exit = lives[0].exit;
        if (exit == NO_ROW || lives[i].gone != NO_ROW) continue;
        if (server_exit == NO_ROW) lives[i].gone = rows->count - 1;
        else lives[i].gone = server_exit > exit ? server_exit : exit;
    }
}

size_t find_close(const struct rows *rows, size_t open) {
    for (size_t i = open + 1; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        if (row->event == EVENT_CLOSE && row->process == rows->row[open].process &&
            row->descriptor == rows->row[open].descriptor)
            return i;
    }
    return NO_ROW;
}

size_t find_accept(const struct rows *rows, int connection) {
    char object[32];
    (void)snprintf(object, sizeof object, "connection%d", connection);
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        if (row->event == EVENT_OPEN && strcmp(row->name, "accept") == 0 &&
            strcmp(row->object, object) == 0)
            return i;
    }
    return NO_ROW;
}

/* Returns the row in which a process gives a child the connection that it opened in the row "open",
 * if it never closes it itself; NO_ROW otherwise. */
static size_t find_gift(const struct rows *rows, size_t open) {
    size_t close = find_close(rows, open);
    if (strncmp(rows->row[open].object, "connection", 10) != 0) return NO_ROW;
    if (close != NO_ROW && strcmp(rows->row[close].name, "exit") != 0) return NO_ROW;
    for (size_t i = open + 1; i < rows->count && i < close; i++)
        if (rows->row[i].event == EVENT_FORK && rows->row[i].process == rows->row[open].process)
            return i;
    return NO_ROW;
}

size_t find_leak(const struct rows *rows, size_t open) {
    size_t fork = find_gift(rows, open), close = find_close(rows, open);
    for (size_t i = fork; i < rows->count && i < close; i++)
        if (rows->row[i].event == EVENT_EXIT && rows->row[i].process == rows->row[fork].other)
            return i;
    return NO_ROW;
}

/* Tells whether a connection, that the server opened in the row "open", is leaked: by what
 * find_leak says, or because the server has gone on to its next accept with it. */
static bool is_leaked(const struct rows *rows, size_t open) {
    if (find_leak(rows, open) != NO_ROW) return true;
    for (size_t i = find_gift(rows, open); i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        if (row->event == EVENT_CALL && row->process == rows->row[open].process &&
            strcmp(row->name, "accept") == 0)
            return true;
    }
    return false;
}

bool sleeps_not(const struct row *call) {
    return strcmp(call->name, "sleep") == 0 && strcmp(call->text, "0") == 0;
}

bool is_error(const char *result) {
    return result[0] == 'E' && result[1] >= 'A' && result[1] <= 'Z';
}

bool ends_by_itself(const struct row *exit) {
    static const char *const FROM_OUTSIDE[] = {"SIGTERM", "SIGINT", "SIGKILL"};
    for (size_t i = 0; i < sizeof FROM_OUTSIDE / sizeof *FROM_OUTSIDE; i++)
        if (strcmp(exit->name, FROM_OUTSIDE[i]) == 0) return false;
    return true;
}

size_t find_return(const struct rows *rows, size_t call) {
    for (size_t i = call + 1; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        if (row->process != rows->row[call].process) continue;
        if (row->event == EVENT_RETURN || row->event == EVENT_EXIT) return i;
    }
    return NO_ROW;
}

/* ---- Words ---- */

/* Appends to a text of this size like printf, as far as there is room. */
#define add(text, size, ...)                                                                       \
    ((void)snprintf((text) + strlen(text), (size)-strlen(text), __VA_ARGS__))

void say_name(const struct rows *rows, int process, char *text, size_t size) {
    const struct process *p = &rows->processes[process];
    (void)snprintf(text, size, "%s", KIND_NAMES[p->kind]);
    if (p->kind != KIND_SERVER) add(text, size, " %d", p->number);
}

void say_object(const char *object, char *text, size_t size) {
    if (strcmp(object, "listener") == 0) object = "listening socket";
    size_t word = strcspn(object, "0123456789");
    (void)snprintf(text, size, "%.*s%s%s", (int)word, object, object[word] ? " " : "",
                   object + word);
}

/* Writes what a call or its return says. */
static void say_call(const struct row *row, const char *who, char *text, size_t size) {
    if (row->event == EVENT_CALL) add(text, size, "%s calls %s", who, row->name);
    else if (is_error(row->result))
        add(text, size, "%s of %s fails with %s", row->name, who, row->result);
    else add(text, size, "%s of %s returns %s", row->name, who, row->result);
}

/* Writes how a process ends. */
static void say_exit(const struct row *row, const char *who, char *text, size_t size) {
    if (strcmp(row->name, "exit") != 0) add(text, size, "%s is ended by %s", who, row->name);
    else if (*row->result && strcmp(row->result, "0") != 0)
        add(text, size, "%s dies, status %s", who, row->result);
    else add(text, size, "%s ends", who);
}

void say_row(const struct rows *rows, size_t i, char *text, size_t size) {
    const struct row *row = &rows->row[i];
    char who[32] = "", other[32] = "", object[64] = "";
    format_time(text, size, row->time);
    add(text, size, ": ");
    if (row->process != NOBODY) say_name(rows, row->process, who, sizeof who);
    if (row->other != NOBODY) say_name(rows, row->other, other, sizeof other);
    switch (row->event) {
    case EVENT_BEGIN: add(text, size, "%s begins", who); break;
    case EVENT_FORK: add(text, size, "%s forks %s", who, other); break;
    case EVENT_OPEN:
        say_object(row->object, object, sizeof object);
        add(text, size, "%s has descriptor %d, %s", who, row->descriptor, object);
        break;
    case EVENT_CLOSE:
        add(text, size, "%s has no descriptor %d any more", who, row->descriptor);
        break;
    case EVENT_CALL:
    case EVENT_RETURN: say_call(row, who, text, size); break;
    case EVENT_SIGNAL: add(text, size, "%s for %s is delivered", row->name, other); break;
    case EVENT_HANDLED: add(text, size, "the handler returns"); break;
    case EVENT_LOST: add(text, size, "%s for %s is lost, one is pending", row->name, other); break;
    case EVENT_STOP: add(text, size, "%s is stopped by %s", who, row->name); break;
    case EVENT_CONTINUE: add(text, size, "%s goes on", who); break;
    case EVENT_EXIT: say_exit(row, who, text, size); break;
    case EVENT_REAP: add(text, size, "%s reaps %s", who, other); break;
    default: add(text, size, "the trace ends");
    }
}

bool is_worth_telling(const struct rows *rows, size_t i) {
    const struct row *row = &rows->row[i];
    switch (row->event) {
    case EVENT_OPEN:
    case EVENT_CLOSE:
    case EVENT_CALL:
    case EVENT_HANDLED:
    case EVENT_BEGIN: return false;
    case EVENT_RETURN: return is_error(row->result) && rows_is_by(rows, row, KIND_SERVER);
    default: return true;
    }
}

/* ---- What is seen ---- */

/* Writes what became of the children. */
static void say_children(const struct counts *counts, char *text, size_t size) {
    int pending = counts->ended - counts->signals - counts->lost;
    if (counts->ended == 0) return;
    if (*text) add(text, size, " ");
    add(text, size, "%d %s ended", counts->ended, counts->ended == 1 ? "child" : "children");
    if (counts->children > 0) add(text, size, ", %d alive", counts->children);
    if (counts->signals > 0 || counts->lost > 0) {
        add(text, size, ", %d %s delivered", counts->signals,
            counts->signals == 1 ? "signal" : "signals");
        if (counts->lost > 0) add(text, size, ", %d lost", counts->lost);
        if (pending > 0) add(text, size, ", %d pending", pending);
    }
    if (counts->reaped > 0) add(text, size, ", %d reaped", counts->reaped);
    else add(text, size, ", none reaped");
    if (counts->zombies == 0) add(text, size, ", no zombie left.");
    else
        add(text, size, ", %d %s left.", counts->zombies,
            counts->zombies == 1 ? "zombie" : "zombies");
}

/* Writes how many connections the server has leaked. */
static void say_leaks(const struct rows *rows, char *text, size_t size) {
    int leaks = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        if (row->event == EVENT_OPEN && rows_is_by(rows, row, KIND_SERVER) && is_leaked(rows, i))
            leaks++;
    }
    if (leaks == 0) return;
    if (leaks == 1) add(text, size, "The server never closes its copy of the connection.");
    else add(text, size, "The server never closes its copies of %d connections.", leaks);
}

/* Returns what an error that a server of the lessons dies of means, or null. */
static const char *explain_error(const char *error) {
    static const char *const ERRORS[][2] = {{"EMFILE", "too many open files"},
                                            {"EINTR", "a signal has interrupted its call"},
                                            {"EAGAIN", "no more processes"}};
    for (size_t i = 0; i < sizeof ERRORS / sizeof ERRORS[0]; i++)
        if (strcmp(error, ERRORS[i][0]) == 0) return ERRORS[i][1];
    return NULL;
}

/* Writes what the server died of, if it did by itself. */
static void say_death(const struct rows *rows, char *text, size_t size) {
    const char *error = "";
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        if (!rows_is_by(rows, row, KIND_SERVER)) continue;
        if (row->event == EVENT_RETURN && is_error(row->result)) error = row->result;
        if (row->event != EVENT_EXIT || !ends_by_itself(row)) continue;
        if (strcmp(row->name, "exit") != 0) error = row->name;
        else if (strcmp(row->result, "0") == 0) error = "";
        if (*text) add(text, size, " ");
        bool dies = *error || strcmp(row->result, "0") != 0;
        add(text, size, "The server %s", dies ? "dies" : "ends by itself");
        if (*error) add(text, size, " of %s", error);
        if (explain_error(error)) add(text, size, ": %s", explain_error(error));
        add(text, size, ".");
    }
}

/* Returns how long a client waited to be accepted, in microseconds; 0 if it was at once, or never.
 */
static long long queue_time(const struct rows *rows, int client) {
    size_t accepted = find_accept(rows, rows->processes[client].number);
    for (size_t i = 0; i < rows->count && i < accepted; i++) {
        const struct row *row = &rows->row[i];
        if (row->process == client && row->event == EVENT_CALL && strcmp(row->name, "connect") == 0)
            return (accepted == NO_ROW ? rows->end : rows->row[accepted].time) - row->time;
    }
    return 0;
}

/* Writes what became of the clients, if there are no children to serve them. */
static void say_clients(const struct rows *rows, char *text, size_t size) {
    long long longest = 0;
    int last = NOBODY, clients = 0;
    char wait[32];
    for (int i = 0; i < rows->process_count; i++) {
        if (rows->processes[i].kind == KIND_CHILD) return;
        if (rows->processes[i].kind != KIND_CLIENT) continue;
        clients++;
        if (queue_time(rows, i) <= longest) continue;
        longest = queue_time(rows, i);
        last = i;
    }
    if (clients == 0) return;
    format_time(wait, sizeof wait, longest);
    if (longest >= QUEUE_MIN)
        add(text, size, "One client at a time: client %d waits %s to be accepted.",
            rows->processes[last].number, wait);
    else if (clients == 1) add(text, size, "One client is served.");
    else add(text, size, "%d clients are served.", clients);
}

void say_what_is_seen(const struct rows *rows, char *text, size_t size) {
    struct counts counts = rows_count_all(rows);
    *text = '\0';
    say_leaks(rows, text, size);
    say_children(&counts, text, size);
    say_death(rows, text, size);
    say_clients(rows, text, size);
    if (*text == '\0') add(text, size, "A server waits for clients.");
}
