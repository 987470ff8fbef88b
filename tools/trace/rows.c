/*
 * Rows: reading, writing, replaying and checking them. README.md, beside this file, has the format.
 */
#define _POSIX_C_SOURCE 200809L
#include "rows.h"
#include "text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIELDS = 8,
    TIME_DIGITS = 17, /* as many as strace can make: a clock of ten digits, and a duration */
    NUMBER_DIGITS = 7,
    DESCRIPTOR_DIGITS = 9,
    BLOCK_SIZE = 1 << 16
};
static const char FIRST_LINE[] = "# rows 1";

const char *const EVENT_NAMES[EVENTS] = {
    [EVENT_BEGIN] = "begin",   [EVENT_FORK] = "fork",         [EVENT_OPEN] = "open",
    [EVENT_CLOSE] = "close",   [EVENT_CALL] = "call",         [EVENT_RETURN] = "return",
    [EVENT_SIGNAL] = "signal", [EVENT_HANDLED] = "handled",   [EVENT_LOST] = "lost",
    [EVENT_STOP] = "stop",     [EVENT_CONTINUE] = "continue", [EVENT_EXIT] = "exit",
    [EVENT_REAP] = "reap",     [EVENT_END] = "end",
};
const char *const KIND_NAMES[KINDS] = {"server", "child", "client"};

/* ---- Memory ---- */

/* Strings live in blocks; the newest comes first. */
struct block {
    struct block *next;
    size_t used, size;
    char text[];
};

char *rows_keep(struct rows *rows, const char *text, size_t size) {
    struct block *block = rows->memory;
    if (!block || block->size - block->used <= size) {
        size_t room = size < BLOCK_SIZE ? BLOCK_SIZE : size + 1;
        block = malloc(sizeof *block + room);
        if (!block) return NULL;
        *block = (struct block){.next = rows->memory, .size = room};
        rows->memory = block;
    }
    char *copy = block->text + block->used;
    memcpy(copy, text, size);
    copy[size] = '\0';
    block->used += size + 1;
    return copy;
}

int rows_add(struct rows *rows, const struct row *row) {
    if (rows->count == ROWS_MAX) {
        errno = EFBIG;
        return -1;
    }
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity ? 2 * rows->capacity : 256;
        struct row *more = realloc(rows->row, capacity * sizeof *more);
        if (!more) return -1;
        rows->row = more;
        rows->capacity = capacity;
    }
    rows->row[rows->count++] = *row;
    return 0;
}

void rows_free(struct rows *rows) {
    for (struct block *block = rows->memory, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(rows->row);
    free(rows->processes);
    *rows = (struct rows){.row = NULL};
}

char *rows_slurp(FILE *file, size_t *size) {
    char *text = NULL;
    *size = 0;
    for (size_t room = BLOCK_SIZE, got = 1; got > 0; *size += got, room *= 2) {
        char *more = *size <= FILE_MAX ? realloc(text, room + 1) : NULL;
        if (!more) {
            if (*size > FILE_MAX) errno = EFBIG;
            free(text);
            return NULL;
        }
        text = more;
        got = fread(text + *size, 1, room - *size, file);
    }
    text[*size] = '\0';
    if (!ferror(file)) return text;
    free(text);
    return NULL;
}

/* ---- Processes ---- */

int rows_fail(char *error, size_t size, const char *name, const char *wrong) {
    (void)snprintf(error, size, "%s: %s", name, wrong); /* too long: cut */
    return -1;
}

/* Reads a number of digits alone, at most so many of them; returns -1 if it is none. */
static long long parse_number(const char *text, size_t digits) {
    long long number = take_number(&text, digits);
    return *text ? -1 : number;
}

/* A process by its name: its kind and number; processes sort by that. -1 if it is no such name. */
static int parse_process(const char *name) {
    if (strcmp(name, KIND_NAMES[KIND_SERVER]) == 0) return 0;
    for (int kind = KIND_CHILD; kind <= KIND_CLIENT; kind++) {
        size_t size = strlen(KIND_NAMES[kind]);
        if (strncmp(name, KIND_NAMES[kind], size) != 0 || name[size] == '0') continue;
        long long number = parse_number(name + size, NUMBER_DIGITS);
        if (number > 0) return (int)number * 4 + kind + (kind == KIND_CLIENT ? 1 << 28 : 0);
    }
    return -1;
}

static int compare_ints(const void *left, const void *right) {
    int a = *(const int *)left, b = *(const int *)right;
    return (a > b) - (a < b);
}

/* Puts an index into processes where rows_read has left what parse_process returned. */
static void resolve(int *process, const int *known, int count) {
    const int *found;
    if (*process == NOBODY) return;
    found = bsearch(process, known, (size_t)count, sizeof *known, compare_ints);
    *process = found ? (int)(found - known) : NOBODY;
}

/* Makes rows->processes of all that occur in the rows. Returns 0, or -1 with errno set. */
static int find_processes(struct rows *rows) {
    size_t count = 0;
    int distinct = 0, *known = malloc((2 * rows->count + 1) * sizeof *known);
    if (!known) return -1;
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->row[i].process != NOBODY) known[count++] = rows->row[i].process;
        if (rows->row[i].other != NOBODY) known[count++] = rows->row[i].other;
    }
    qsort(known, count, sizeof *known, compare_ints);
    for (size_t i = 0; i < count; i++)
        if (distinct == 0 || known[distinct - 1] != known[i]) known[distinct++] = known[i];
    rows->processes = calloc((size_t)distinct + 1, sizeof *rows->processes);
    if (!rows->processes) {
        free(known);
        return -1;
    }
    rows->process_count = distinct;
    for (int i = 0; i < distinct; i++)
        rows->processes[i] = (struct process){.kind = (enum kind)(known[i] & 3),
                                              .number = (known[i] & ((1 << 28) - 1)) / 4};
    for (size_t i = 0; i < rows->count; i++) {
        resolve(&rows->row[i].process, known, distinct);
        resolve(&rows->row[i].other, known, distinct);
    }
    free(known);
    return 0;
}

int rows_index(struct rows *rows) {
    for (int i = 0; i < rows->process_count; i++) {
        struct process *process = &rows->processes[i];
        char name[32];
        int size =
            process->kind == KIND_SERVER
                ? snprintf(name, sizeof name, "server")
                : snprintf(name, sizeof name, "%s%d", KIND_NAMES[process->kind], process->number);
        process->name = rows_keep(rows, name, (size_t)size);
        if (!process->name) return -1;
        process->parent = NOBODY;
    }
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        rows->end = row->time;
        if (row->event == EVENT_FORK && row->other != NOBODY)
            rows->processes[row->other].parent = row->process;
    }
    return 0;
}

/* ---- Reading and writing ---- */

/* Cuts a line at its tabs into eight fields; "-" becomes "". Returns how many there were. */
static int split(char *line, const char *field[FIELDS]) {
    int count = 0;
    for (char *at = line; at; count++) {
        char *tab = strchr(at, '\t');
        if (tab) *tab++ = '\0';
        if (count < FIELDS) field[count] = strcmp(at, "-") == 0 ? "" : at;
        if (count < FIELDS && *at == '\0') return -1; /* must be "-" */
        at = tab;
    }
    return count;
}

/* Tells whether a line is UTF-8 without control characters, tabs aside. */
static bool is_text(const char *line, size_t size) {
    for (size_t more; size > 0; line += more, size -= more) {
        more = *line == '\t' ? 1 : utf8_size(line, size);
        if (more == 0) return false;
    }
    return true;
}

/* Makes a row of one line. Returns null, or what is wrong with it. */
static const char *parse_row(char *line, struct row *row) {
    const char *field[FIELDS];
    int event = 0;
    if (split(line, field) != FIELDS) return "a row has 8 fields with a tab between, '-' if empty";
    while (event < EVENTS && strcmp(field[2], EVENT_NAMES[event]) != 0) event++;
    if (event == EVENTS) return "no such event";
    *row = (struct row){.time = parse_number(field[0], TIME_DIGITS),
                        .process = *field[1] ? parse_process(field[1]) : NOBODY,
                        .event = (enum event)event,
                        .name = field[3],
                        .descriptor = *field[4] ? (int)parse_number(field[4], DESCRIPTOR_DIGITS)
                                                : NO_DESCRIPTOR,
                        .object = field[5],
                        .other = parse_process(field[5]),
                        .result = field[6],
                        .text = field[7]};
    if (row->time == -1) return "the time is no number of microseconds";
    if (*field[4] && row->descriptor == NO_DESCRIPTOR) return "the descriptor is no number";
    if (*field[1] && row->process == NOBODY) return "no such process: server, child1, client1 ...";
    if ((row->process == NOBODY) != (event == EVENT_END)) return "only an end has no process";
    return NULL;
}

/* Reads the lines of text, which stay where they are. Returns 0, or -1 with error written. */
static int parse_lines(char *text, size_t size, const char *name, struct rows *rows, char *error,
                       size_t error_size) {
    char *end = text + size;
    int number = 1;
    for (char *line = text, *next; line < end; line = next, number++) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        const char *wrong = NULL;
        struct row row;
        next = stop ? stop + 1 : end;
        if (stop) *stop = '\0';
        if (!stop) wrong = "the last line is incomplete";
        else if (!is_text(line, (size_t)(stop - line))) wrong = "this is not UTF-8 text";
        else if (number == 1 && strcmp(line, FIRST_LINE) != 0)
            wrong = "no rows: the first line must be '# rows 1'";
        else if (*line == '#') continue;
        else wrong = parse_row(line, &row);
        if (!wrong && rows_add(rows, &row) == -1) wrong = strerror(errno);
        if (!wrong) continue;
        (void)snprintf(error, error_size, "%s:%d: %s", name, number, wrong); /* too long: cut */
        return -1;
    }
    return 0;
}

int rows_read(FILE *file, const char *name, struct rows *rows, char *error, size_t error_size) {
    size_t size;
    char *text = rows_slurp(file, &size), *kept = NULL;
    *rows = (struct rows){.row = NULL};
    if (text) kept = rows_keep(rows, text, size);
    free(text);
    if (!kept) return rows_fail(error, error_size, name, strerror(errno));
    if (size == 0) rows_fail(error, error_size, name, "no rows: it is empty");
    else if (parse_lines(kept, size, name, rows, error, error_size) == 0) {
        if (find_processes(rows) == 0 && rows_index(rows) == 0) return 0;
        rows_fail(error, error_size, name, strerror(errno));
    }
    rows_free(rows);
    return -1;
}

/* Returns how a field is written: "-" stands for nothing. */
static const char *show(const char *text) {
    if (*text == '\0') return "-";
    return strcmp(text, "-") == 0 ? "\\55" : text; /* as strace writes a character by its code */
}

int rows_write(const struct rows *rows, FILE *file) {
    if (fprintf(file, "%s\n", FIRST_LINE) < 0) return -1;
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        char descriptor[16] = "-";
        if (row->descriptor != NO_DESCRIPTOR)
            (void)snprintf(descriptor, sizeof descriptor, "%d", row->descriptor);
        if (fprintf(file, "%lld\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row->time,
                    row->process == NOBODY ? "-" : rows->processes[row->process].name,
                    EVENT_NAMES[row->event], show(row->name), descriptor, show(row->object),
                    show(row->result), show(row->text)) < 0)
            return -1;
    }
    return fflush(file) == EOF ? -1 : 0;
}

/* ---- Counting ---- */

/* Tells whether a row is about a SIGCHLD that was delivered because a child ended. */
static bool is_end_signal(const struct row *row) {
    return row->event == EVENT_SIGNAL && strcmp(row->name, "SIGCHLD") == 0 &&
           row->other != NOBODY &&
           (strcmp(row->result, "exited") == 0 || strcmp(row->result, "killed") == 0);
}

bool rows_is_by(const struct rows *rows, const struct row *row, enum kind kind) {
    return row->process != NOBODY && rows->processes[row->process].kind == kind;
}

void rows_count(const struct rows *rows, const struct row *row, struct counts *counts) {
    bool by_server = rows_is_by(rows, row, KIND_SERVER);
    if (by_server && row->event == EVENT_OPEN) counts->descriptors++;
    if (by_server && row->event == EVENT_CLOSE) counts->descriptors--;
    if (counts->over) return;
    if (row->event == EVENT_EXIT && !by_server) {
        int parent = rows->processes[row->process].parent;
        if (parent == NOBODY || rows->processes[parent].kind != KIND_SERVER) return;
        counts->children--;
        counts->zombies++;
        counts->ended++;
    }
    if (!by_server) return;
    counts->over = row->event == EVENT_EXIT;
    counts->children += row->event == EVENT_FORK;
    counts->zombies -= row->event == EVENT_REAP;
    counts->reaped += row->event == EVENT_REAP;
    counts->signals += is_end_signal(row);
    counts->lost += row->event == EVENT_LOST;
}

struct counts rows_count_all(const struct rows *rows) {
    struct counts counts = {.children = 0};
    for (size_t i = 0; i < rows->count; i++) rows_count(rows, &rows->row[i], &counts);
    return counts;
}

/* ---- Checking ---- */

/* A descriptor that a process has. */
struct descriptor {
    int number;
    bool announced; /* its "open inherited" has come */
    const char *object;
};

/* A process in the replay. */
struct state {
    bool begun, ended, reaped, stopped, signalled, lost;
    const char *call; /* the one it is in, or null */
    int handlers; /* signal handlers it is in */
    size_t exit_row, last_signal; /* rows; last_signal: the last SIGCHLD it was given */
    struct descriptor *descriptor;
    size_t descriptors, missing; /* missing: inherited, but not announced yet */
};

/* Returns the place of a descriptor in the state, or null. */
static struct descriptor *find(const struct state *state, int number) {
    for (size_t i = 0; i < state->descriptors; i++)
        if (state->descriptor[i].number == number) return &state->descriptor[i];
    return NULL;
}

static const char OUT_OF_MEMORY[] = "out of memory";

static const char *check_open(struct state *state, const struct row *row) {
    struct descriptor *known = find(state, row->descriptor);
    if (row->descriptor == NO_DESCRIPTOR) return "it has no descriptor";
    if (strcmp(row->name, "inherited") == 0) {
        if (!known || known->announced || strcmp(known->object, row->object) != 0)
            return "its parent did not have this descriptor when it forked";
        known->announced = true;
        state->missing--;
        return NULL;
    }
    if (known) return "this descriptor is open already";
    struct descriptor *more = realloc(state->descriptor, (state->descriptors + 1) * sizeof *more);
    if (!more) return OUT_OF_MEMORY;
    state->descriptor = more;
    state->descriptor[state->descriptors++] =
        (struct descriptor){row->descriptor, true, row->object};
    return NULL;
}

static const char *check_close(struct state *state, const struct row *row) {
    struct descriptor *known = find(state, row->descriptor);
    if (!known) return "this descriptor is not open";
    if (strcmp(known->object, row->object) != 0)
        return "this descriptor is open, but for something else";
    *known = state->descriptor[--state->descriptors];
    return NULL;
}

static const char *check_fork(const struct state *state, struct state *child) {
    if (!child || child->begun) return "a child is forked once, and does nothing before that";
    child->begun = true;
    child->descriptors = child->missing = state->descriptors;
    if (state->descriptors == 0) return NULL;
    child->descriptor = malloc(state->descriptors * sizeof *child->descriptor);
    if (!child->descriptor) return OUT_OF_MEMORY;
    memcpy(child->descriptor, state->descriptor, state->descriptors * sizeof *child->descriptor);
    for (size_t i = 0; i < child->descriptors; i++) child->descriptor[i].announced = false;
    return NULL;
}

static const char *check_call(struct state *state, const struct row *row) {
    if (row->event == EVENT_CALL) {
        if (state->call) return "it is still in another call";
        state->call = row->name;
    } else {
        if (!state->call || strcmp(state->call, row->name) != 0) return "it is not in this call";
        state->call = NULL;
    }
    return NULL;
}

/* Checks what is said of a child of this process: a signal, its loss, a reap. */
static const char *check_child(struct state *child, bool is_parent, const struct row *row) {
    bool ends = row->event != EVENT_SIGNAL || is_end_signal(row);
    if (!child) return row->event == EVENT_SIGNAL ? NULL : "it names no child";
    if (!ends) return NULL;
    if (!is_parent) return "this is not a child of its own";
    if (!child->ended) return "this child has not ended";
    if (row->event == EVENT_REAP) {
        if (child->reaped) return "this child was reaped before";
        child->reaped = true;
    } else {
        if (child->signalled || child->lost)
            return "this child's end has had its signal, or lost it";
        *(row->event == EVENT_LOST ? &child->lost : &child->signalled) = true;
    }
    return NULL;
}

static const char *check_signal(struct state *state, const struct row *row, size_t index) {
    if (row->event == EVENT_HANDLED) return state->handlers-- > 0 ? NULL : "it is in no handler";
    if (state->call) return "the call that the signal interrupted has not returned";
    if (strcmp(row->name, "SIGCHLD") == 0) state->last_signal = index;
    state->handlers++;
    return NULL;
}

/* Checks that a process can do anything at all now. */
static const char *check_alive(const struct state *state, const struct row *row) {
    bool by_kernel = row->event == EVENT_EXIT || row->event == EVENT_LOST ||
                     row->event == EVENT_CONTINUE ||
                     (row->event == EVENT_CLOSE && strcmp(row->name, "exit") == 0) ||
                     (row->event == EVENT_REAP && strcmp(row->name, "kernel") == 0);
    if (row->event == EVENT_BEGIN) return state->begun ? "it has begun before" : NULL;
    if (!state->begun) return "it has not begun";
    if (state->ended) return "it has ended before";
    if (state->stopped && !by_kernel) return "it is stopped";
    if (state->missing > 0 && (row->event != EVENT_OPEN || strcmp(row->name, "inherited") != 0))
        return "a child begins with its parent's descriptors, and one was not named";
    return NULL;
}

/* Replays one row. Returns null, or what is wrong. */
static const char *replay(const struct rows *rows, size_t index, struct state *states) {
    const struct row *row = &rows->row[index];
    if (index > 0 && row->time < row[-1].time) return "time falls";
    if ((row->event == EVENT_END) != (index == rows->count - 1))
        return "the last row, and no other, is the end";
    if (row->event == EVENT_END) return NULL;
    struct state *state = &states[row->process];
    struct state *other = row->other == NOBODY ? NULL : &states[row->other];
    bool is_child = rows->processes[row->process].kind == KIND_CHILD;
    bool is_parent = other && rows->processes[row->other].parent == row->process;
    const char *wrong = check_alive(state, row);
    if (wrong) return wrong;
    switch (row->event) {
    case EVENT_BEGIN: state->begun = true; return is_child ? "a child begins with a fork" : NULL;
    case EVENT_FORK:
        if (other && rows->processes[row->other].kind != KIND_CHILD) return "it names no child";
        return check_fork(state, other);
    case EVENT_OPEN: return check_open(state, row);
    case EVENT_CLOSE: return check_close(state, row);
    case EVENT_CALL:
    case EVENT_RETURN: return check_call(state, row);
    case EVENT_SIGNAL:
    case EVENT_HANDLED:
        wrong = check_signal(state, row, index);
        return wrong || row->event == EVENT_HANDLED ? wrong : check_child(other, is_parent, row);
    case EVENT_LOST:
    case EVENT_REAP: return check_child(other, is_parent, row);
    case EVENT_STOP:
    case EVENT_CONTINUE:
        if (state->stopped == (row->event == EVENT_STOP)) return "it was so already";
        state->stopped = !state->stopped;
        return NULL;
    case EVENT_EXIT:
        state->ended = true;
        state->exit_row = index;
        return NULL;
    default: return "no such event";
    }
}

/* With a handler, each child that ended before the last signal has one of its own, or has lost it.
 * Returns the row of the exit of one that has not, or 0. */
static size_t find_unsignalled(const struct rows *rows, const struct state *states) {
    for (int i = 0; i < rows->process_count; i++) {
        const struct state *child = &states[i];
        int parent = rows->processes[i].parent;
        if (parent == NOBODY || !child->ended || child->signalled || child->lost) continue;
        if (states[parent].last_signal > child->exit_row) return child->exit_row;
    }
    return 0;
}

int rows_check(const struct rows *rows, char *error, size_t error_size) {
    struct state *states = calloc((size_t)rows->process_count + 1, sizeof *states);
    const char *wrong = states ? NULL : OUT_OF_MEMORY;
    size_t index = 0;
    if (rows->count == 0) wrong = "there are no rows";
    for (; !wrong && index < rows->count; index++) wrong = replay(rows, index, states);
    if (wrong && index > 0) index--;
    if (!wrong) {
        index = find_unsignalled(rows, states);
        if (index > 0)
            wrong = "a SIGCHLD came later, but none is for this child, and none was lost";
    }
    for (int i = 0; states && i < rows->process_count; i++) free(states[i].descriptor);
    free(states);
    if (!wrong) return 0;
    if (rows->count == 0) return rows_fail(error, error_size, "rows", wrong);
    const struct row *row = &rows->row[index];
    (void)snprintf(error, error_size, "row %zu (%lld %s %s %s %s): %s", index + 1, row->time,
                   row->process == NOBODY ? "-" : rows->processes[row->process].name,
                   EVENT_NAMES[row->event], show(row->name), show(row->object), wrong);
    return -1;
}
