/*
 * Lines of strace's to moments: a call begins or returns, a signal comes, a process stops or ends.
 *
 * Memory that runs out sets r->error, and what follows adds nothing: it is looked at once a log.
 */
#define _POSIX_C_SOURCE 200809L
#include "log.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND_DIGITS = 10, MICROSECOND = 6, PORT_DIGITS = 5, PORT_MAX = 65535 };

static const struct name NAMES[] = {{"socket", "socket", SOCKET},
                                    {"bind", "bind", USE},
                                    {"listen", "listen", LISTEN},
                                    {"accept", "accept", ACCEPT},
                                    {"accept4", "accept", ACCEPT},
                                    {"close", "close", CLOSE},
                                    {"recvfrom", "recv", GET},
                                    {"recv", "recv", GET},
                                    {"read", "read", GET},
                                    {"sendto", "send", PUT},
                                    {"send", "send", PUT},
                                    {"write", "write", PUT},
                                    {"shutdown", "shutdown", USE},
                                    {"clone", "fork", FORK},
                                    {"clone3", "fork", FORK},
                                    {"fork", "fork", FORK},
                                    {"vfork", "fork", FORK},
                                    {"wait4", "wait", WAIT},
                                    {"waitpid", "wait", WAIT},
                                    {"waitid", "wait", WAIT},
                                    {"clock_nanosleep", "sleep", SLEEP},
                                    {"nanosleep", "sleep", SLEEP},
                                    {"exit_group", "exit", EXIT},
                                    {"exit", "exit", EXIT},
                                    {"kill", "kill", KILL},
                                    {"poll", "poll", POLL},
                                    {"ppoll", "poll", POLL},
                                    {"connect", "connect", CONNECT},
                                    {"rt_sigaction", "", SIGACTION},
                                    {"rt_sigreturn", "", SIGRETURN},
                                    {"restart_syscall", "", RESTART}};
static const struct name UNKNOWN = {"", "", OTHER};

/* ---- Memory ---- */

void *grow(struct reader *r, void *array, size_t count, size_t size) {
    if (count > 0 && (count & (count - 1)) != 0) return array; /* room doubles at powers of two */
    void *more = realloc(array, (count ? 2 * count : 1) * size);
    if (!more) r->error = errno;
    return more;
}

const char *keep(struct reader *r, const char *text, size_t size) {
    const char *copy = rows_keep(r->rows, text, size);
    if (copy) return copy;
    r->error = ENOMEM;
    return "";
}

/* ---- The syntax of strace's lines ---- */

/* As take_number, but reads seconds with a fraction, to microseconds. */
static long long take_time(const char **at) {
    long long time = take_number(at, SECOND_DIGITS);
    if (time == -1 || *(*at)++ != '.' || !isdigit((unsigned char)**at)) return -1;
    for (int digit = 0; digit < MICROSECOND; digit++)
        time = time * 10 + (isdigit((unsigned char)**at) ? *(*at)++ - '0' : 0);
    *at += strspn(*at, "0123456789");
    return time;
}

const char *end_of_string(const char *at) {
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1]) at++;
    return at;
}

/* Returns the end of what is in angle brackets after a descriptor: the closing one, or the NUL. */
static const char *end_of_angles(const char *at) {
    for (int depth = 0; *at; at++) {
        if (*at == '<') depth++;
        bool arrow = *at == '>' && at[-1] == '-' && (at[1] == '[' || isdigit((unsigned char)at[1]));
        if (*at == '>' && !arrow && --depth == 0) return at;
    }
    return at;
}

/* Returns where the argument at at ends: a comma, the closing parenthesis, or the NUL. */
static const char *end_of_argument(const char *at) {
    const char *begin = at;
    for (int depth = 0; *at; at++) {
        if (*at == '"') at = end_of_string(at);
        else if (*at == '<' && at > begin && isdigit((unsigned char)at[-1])) at = end_of_angles(at);
        else if (strchr("([{", *at)) depth++;
        else if (strchr(")]}", *at)) depth--;
        if (!*at || depth < 0 || (*at == ',' && depth == 0)) return at;
    }
    return at;
}

struct span argument(const char *text, int index) {
    const char *end = end_of_argument(text);
    for (; index > 0 && *end == ','; index--) {
        text = end + 1 + strspn(end + 1, " ");
        end = end_of_argument(text);
    }
    return (struct span){text, index == 0 ? (size_t)(end - text) : 0};
}

/* Returns what follows the equals sign behind a call's arguments, or null if that is not there. */
static const char *find_result(const char *text) {
    const char *end = end_of_argument(text);
    while (*end == ',') end = end_of_argument(end + 1);
    if (*end != ')') return NULL;
    end += 1 + strspn(end + 1, " ");
    if (*end != '=') return NULL;
    end += 1 + strspn(end + 1, " ");
    return *end ? end : NULL;
}

int find_number(const char *text, const char *key) {
    const char *at = strstr(text, key);
    if (!at) return NONE;
    at += strlen(key);
    return (int)take_number(&at, PID_DIGITS);
}

int returned_number(const struct call *call) {
    const char *at = call->result;
    return at ? (int)take_number(&at, PID_DIGITS) : NONE;
}

bool is_on_descriptor(const struct call *call) {
    switch (call->name->what) {
    case LISTEN:
    case ACCEPT:
    case USE:
    case CLOSE:
    case GET:
    case PUT:
    case CONNECT: return true;
    default: return false;
    }
}

bool is_injected(const struct call *call) {
    return call->result && strstr(call->result, "(INJECTED)");
}

int descriptor_of(const struct call *call) {
    const char *at = call->text;
    return (int)take_number(&at, PID_DIGITS);
}

struct ports find_ports(const char *text) {
    int port[2] = {0, 0};
    text += strspn(text, "0123456789");
    if (strncmp(text, "<TCP", 4) != 0) return (struct ports){0, 0};
    for (int i = 0; i < 2 && *text; i++) {
        const char *colon = NULL;
        for (text++; *text && *text != '>'; text++)
            if (*text == ':' && isdigit((unsigned char)text[1])) colon = text + 1;
        if (!colon) break;
        long long number = take_number(&colon, PORT_DIGITS);
        if (number >= 1 && number <= PORT_MAX && (*colon == '-' || *colon == ']'))
            port[i] = (int)number;
        if (*colon != '-') break; /* before the arrow is one end, behind it the other */
    }
    return (struct ports){port[0], port[1]};
}

/* ---- Lines to moments ---- */

/* Returns the index of a process in this log: the latest with that number; NONE. */
static int find_pid(const struct reader *r, int pid) {
    for (size_t i = r->traced_count; i-- > 0;)
        if (r->traced[i].pid == pid && r->traced[i].log == r->log) return (int)i;
    return NONE;
}

static int add_traced(struct reader *r, int pid) {
    struct traced *more = grow(r, r->traced, r->traced_count, sizeof *more);
    if (!more) return NONE;
    r->traced = more;
    if (r->traced_count == PROCESSES_MAX) {
        r->error = E2BIG;
        return NONE;
    }
    r->traced[r->traced_count] = (struct traced){.log = r->log,
                                                 .pid = pid,
                                                 .parent = NONE,
                                                 .first = r->moment_count == r->log_begin,
                                                 .unfinished = NONE,
                                                 .begins = NONE,
                                                 .call = NONE};
    return (int)r->traced_count++;
}

static void add_moment(struct reader *r, struct moment moment) {
    struct moment *more = grow(r, r->moments, r->moment_count, sizeof *more);
    if (!more) return;
    r->moments = more;
    moment.order = r->moment_count;
    r->moments[r->moment_count++] = moment;
}

/* Returns the latest call of socket with which a process got this descriptor, or null. */
static struct call *find_socket(struct reader *r, const struct traced *process, int descriptor) {
    for (int i = process->socket_count; i-- > 0;) {
        struct call *call = &r->calls[process->sockets[i]];
        if (returned_number(call) == descriptor) return call;
    }
    return NULL;
}

/* Notes a call of socket: it may be the one with which the server enters the picture. */
static void note_socket(struct reader *r, int index) {
    struct traced *process = &r->traced[r->calls[index].process];
    int *more = grow(r, process->sockets, (size_t)process->socket_count, sizeof *more);
    if (!more) return;
    process->sockets = more;
    process->sockets[process->socket_count++] = index;
    if (r->log > 0 || r->server != NONE) return;
    r->server = r->calls[index].process;
    process->begins = index;
}

/* Finds the child that a fork has returned: its own lines may have come before. */
static void note_fork(struct reader *r, struct call *call) {
    int pid = returned_number(call), child = find_pid(r, pid);
    if (pid < 1 || is_injected(call)) return;
    if (strstr(call->text, "CLONE_THREAD")) {
        if (r->log == 0) r->threads = true;
        return;
    }
    if (child == NONE || r->traced[child].parent != NONE || r->traced[child].first)
        child = add_traced(r, pid);
    if (child == NONE) return;
    r->traced[child].parent = call->process;
    call->child = child;
}

/* Notes what a call on a socket says about it: that it listens, its ports, whose client it is. */
static void note_use(struct reader *r, const struct call *call) {
    int port = find_number(call->text, "htons(");
    struct ports ports = find_ports(call->text);
    struct traced *process = &r->traced[call->process];
    struct call *socket = find_socket(r, process, descriptor_of(call));
    if (r->log == 0) {
        if (call->name->what == LISTEN && socket) socket->listens = true;
        if ((call->name->what == LISTEN || call->name->what == ACCEPT) && ports.own > 0)
            r->port = ports.own;
        if (strcmp(call->name->name, "bind") == 0 && port > 0) r->port = port;
        return;
    }
    if (!socket || r->port == 0) return;
    if (ports.peer == r->port) socket->port = ports.own;
    if (ports.peer != r->port && (call->name->what != CONNECT || port != r->port)) return;
    socket->connects = true;
    if (process->begins == NONE) process->begins = (int)(socket - r->calls);
}

/* Notes what follows from a call that has returned. */
static void note(struct reader *r, struct call *call) {
    if (call->name->what == FORK) note_fork(r, call);
    else if (is_on_descriptor(call)) note_use(r, call);
}

static const struct name *find_name(const char *kernel) {
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(NAMES[i].kernel, kernel) == 0) return &NAMES[i];
    return &UNKNOWN;
}

/* Cuts a mark such as " <unfinished ...>" from the end of a line; tells whether it was there. */
static bool cut(char *line, const char *mark) {
    size_t size = strlen(line), length = strlen(mark);
    if (size < length || strcmp(line + size - length, mark) != 0) return false;
    line[size - length] = '\0';
    return true;
}

/* Reads "accept(3, NULL, NULL) = 4 <0.000012>", or its beginning. Tells whether it is that. */
static bool read_call(struct reader *r, char *line, struct moment moment) {
    size_t size = strspn(line, "abcdefghijklmnopqrstuvwxyz_0123456789");
    if (size == 0 || line[size] != '(') return false;
    line[size] = '\0';
    struct call call = {
        .name = find_name(line), .text = line + size + 1, .process = moment.process, .child = NONE};
    bool unfinished =
        cut(line + size + 1, "<unfinished ...>") || cut(line + size + 1, "<detached ...>");
    if (!unfinished && !(call.result = find_result(call.text))) return false;
    struct call *more = grow(r, r->calls, r->call_count, sizeof *more);
    if (!more) return true;
    r->calls = more;
    r->calls[r->call_count] = call;
    moment.call = (int)r->call_count++;
    moment.kind = ENTER;
    add_moment(r, moment);
    if (call.name->what == SOCKET) note_socket(r, moment.call);
    if (unfinished) {
        r->traced[moment.process].unfinished = moment.call;
        return true;
    }
    const char *lasted = strrchr(call.result, '<');
    long long duration = lasted && isdigit((unsigned char)*++lasted) ? take_time(&lasted) : 0;
    if (duration > 0) moment.time += duration;
    moment.kind = LEAVE;
    add_moment(r, moment);
    note(r, &r->calls[moment.call]);
    return true;
}

/* Reads "<... accept resumed>) = 4 <0.000012>". Without its beginning it is left out. */
static bool read_resumed(struct reader *r, char *line, struct moment moment) {
    static const char RESUMED[] = "resumed>";
    struct traced *process = &r->traced[moment.process];
    char *name = line + strlen("<... "), *space = strchr(name, ' ');
    char *rest = strstr(name, RESUMED);
    if (!space || !rest) return false;
    *space = '\0';
    moment.call = process->unfinished;
    if (moment.call == NONE || r->calls[moment.call].name != find_name(name)) return true;
    struct call *call = &r->calls[moment.call];
    rest += sizeof RESUMED - 1;
    size_t size = strlen(call->text) + strlen(rest);
    char *joined = malloc(size + 1);
    if (!joined) {
        r->error = errno;
        return true;
    }
    (void)snprintf(joined, size + 1, "%s%s", call->text, rest);
    const char *text = keep(r, joined, size);
    free(joined);
    const char *result = find_result(text);
    if (!result) return false;
    call->text = text;
    call->result = result;
    process->unfinished = NONE;
    moment.kind = LEAVE;
    add_moment(r, moment);
    note(r, &r->calls[moment.call]);
    return true;
}

/* Reads "--- SIGCHLD {...} ---" or "--- stopped by SIGSTOP ---". */
static bool read_signal(struct reader *r, char *line, struct moment moment) {
    static const char STOP[] = "stopped by ";
    char *name = line + strlen("--- ");
    bool stops = strncmp(name, STOP, sizeof STOP - 1) == 0;
    if (stops) name += sizeof STOP - 1;
    size_t size = strspn(name, UPPER);
    if (!cut(name, " ---") || size == 0) return false;
    moment.kind = stops ? STOPPED : SIGNAL;
    moment.name = keep(r, name, size);
    moment.text = name + size;
    if (strstr(moment.text, "si_code=CLD_"))
        moment.about = find_pid(r, find_number(moment.text, "si_pid="));
    add_moment(r, moment);
    return true;
}

/* Reads "+++ exited with 0 +++" or "+++ killed by SIGKILL (core dumped) +++". */
static bool read_end(struct reader *r, char *line, struct moment moment) {
    static const char EXITED[] = "+++ exited with ", KILLED[] = "+++ killed by ";
    struct traced *process = &r->traced[moment.process];
    if (!cut(line, " +++")) return false;
    if (strncmp(line, EXITED, sizeof EXITED - 1) == 0) {
        const char *status = line + sizeof EXITED - 1;
        process->end = "exit";
        process->status = keep(r, status, strspn(status, "0123456789"));
    } else if (strncmp(line, KILLED, sizeof KILLED - 1) == 0) {
        const char *signal = line + sizeof KILLED - 1;
        process->end = keep(r, signal, strspn(signal, UPPER));
        process->status = "";
    } else return strncmp(line, "+++ superseded", 14) == 0;
    process->gone = true;
    moment.kind = GONE;
    add_moment(r, moment);
    return true;
}

/* Reads a line: the process if there are several, the time, and what happened. Tells whether it is
 * one of strace's. */
static bool read_line(struct reader *r, char *line) {
    const char *at = line;
    long long pid = 0, time;
    if (strncmp(line, "strace: ", 8) == 0) return true;
    at += strspn(at, " ");
    if (at[strspn(at, "0123456789")] != '.') pid = take_number(&at, PID_DIGITS);
    at += strspn(at, " ");
    time = take_time(&at);
    if (pid == -1 || time == -1 || *at != ' ') return false;
    at += strspn(at, " ");
    if (time < r->line_time) time = r->line_time; /* somebody has set the clock back */
    r->line_time = time;
    if (r->moment_count > r->log_begin && r->moments[r->moment_count - 1].time > time)
        r->moments[r->moment_count - 1].time = time; /* a call ends before what follows begins */
    int process = find_pid(r, (int)pid);
    if (process == NONE || r->traced[process].gone) process = add_traced(r, (int)pid);
    struct moment moment = {.time = time, .process = process, .about = NONE, .call = NONE};
    char *rest = line + (at - line);
    if (process == NONE) return true;
    if (strncmp(rest, "--- ", 4) == 0) return read_signal(r, rest, moment);
    if (strncmp(rest, "+++ ", 4) == 0) return read_end(r, rest, moment);
    if (strncmp(rest, "<... ", 5) == 0) return read_resumed(r, rest, moment);
    return read_call(r, rest, moment);
}

/* Reads the lines of one log. Returns null, or what is wrong with it. Counts the lines that are not
 * strace's, and finds the first. */
static const char *read_lines(struct reader *r, char *text, size_t size, size_t *strange,
                              size_t *first) {
    size_t number = 0, lines = 0;
    if (size == 0) return "it is empty: has strace been able to write it?";
    for (char *line = text, *next; line < text + size && !r->error; line = next) {
        char *end = memchr(line, '\n', (size_t)(text + size - line));
        next = end ? end + 1 : text + size;
        number++;
        if (!end) break; /* cut off within it */
        *end = '\0';
        if (strncmp(line, "[pid ", 5) == 0)
            return "not each line names its process: record it with strace -o FILE";
        if (read_line(r, line)) lines++;
        else if ((*strange)++ == 0) *first = number;
    }
    return lines > 0 ? NULL : "it is no trace: record one with strace -f -ttt -T -yy -o FILE";
}

/* Returns a file's text, which lives as long as the rows, and its size; or null with errno set. */
static char *load(struct reader *r, const char *name, size_t *size) {
    FILE *file = fopen(name, "r");
    char *text = file ? rows_slurp(file, size) : NULL, *kept = NULL;
    if (text) kept = rows_keep(r->rows, text, *size);
    int error = errno;
    free(text);
    if (file) (void)fclose(file); /* it was only read */
    errno = error;
    return kept;
}

int log_read(struct reader *r, const char *name, char *message, size_t message_size) {
    size_t size = 0, strange = 0, first = 0;
    char *text = load(r, name, &size);
    if (!text) return rows_fail(message, message_size, name, strerror(errno));
    bool cut_off = size > 0 && text[size - 1] != '\n';
    r->log_begin = r->moment_count;
    r->line_time = 0;
    const char *wrong = read_lines(r, text, size, &strange, &first);
    if (r->error) wrong = r->error == E2BIG ? "it has too many processes" : strerror(r->error);
    if (!wrong && r->threads)
        wrong = "the server has threads: this draws processes of one thread each";
    if (!wrong && r->log == 0 && r->server == NONE)
        wrong = "no process in it calls socket: record a server from its start, with strace -f";
    if (wrong) return rows_fail(message, message_size, name, wrong);
    if (strange > 0)
        (void)snprintf(message, message_size,
                       "%s: %zu lines are not strace's and were left out; the first is line %zu",
                       name, strange, first);
    else if (cut_off)
        rows_fail(message, message_size, name, "the last line is incomplete and was left out");
    r->log++;
    return 0;
}
