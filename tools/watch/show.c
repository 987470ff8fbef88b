/*
 * The page: a title, counts with their limits, processes, connections, the server's output, and in
 * plain words what is to be seen.
 */
#define _GNU_SOURCE 1
#include "show.h"
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { GAUGE = 10, HINTS = 2, SMALLEST_WIDTH = 30, SMALLEST_HEIGHT = 11 };
enum { LOW = 18 }; /* a lower screen has one hint only, and does not name the keys */
enum { COLUMN_STATE = 15, COLUMN_CALL = 27, COLUMN_DESCRIPTORS = 37 };
enum { COLUMN_PORT = 10, COLUMN_SERVER = 18, COLUMN_CLIENT = 32, COLUMN_HELD = 46 };
enum { MOST_LINES = 4, CROWDED = 4, MORE_ROOM = 11 }; /* of the server's descriptors; then fewer */
enum { FEWEST_SOCKETS = 2 }; /* lines of them, where there are many processes */
enum { FEW_DESCRIPTORS = 3 }; /* left: then a hint says so */

static const char *const TCP_STATES[] = {
    [0] = "-",
    [TCP_ESTABLISHED] = "ESTABLISHED",
    [TCP_SYN_SENT] = "SYN-SENT",
    [TCP_SYN_RECV] = "SYN-RECV",
    [TCP_FIN_WAIT1] = "FIN-WAIT-1",
    [TCP_FIN_WAIT2] = "FIN-WAIT-2",
    [TCP_TIME_WAIT] = "TIME-WAIT",
    [TCP_CLOSE] = "CLOSE",
    [TCP_CLOSE_WAIT] = "CLOSE-WAIT",
    [TCP_LAST_ACK] = "LAST-ACK",
    [TCP_LISTEN] = "LISTEN",
    [TCP_CLOSING] = "CLOSING",
};

/* ---- Lines ---- */

void start_line(struct page *page) {
    if (page->count == page->room) {
        int room = page->room > 0 ? 2 * page->room : 64;
        struct line *lines = realloc(page->lines, (size_t)room * sizeof *lines);
        if (lines == NULL) abort();
        page->lines = lines;
        page->room = room;
    }
    memset(&page->lines[page->count++], 0, sizeof *page->lines);
}

static struct line *last_line(const struct page *page) {
    return &page->lines[page->count - 1];
}

/* How many characters still fit into the last line. */
static int left(const struct page *page) {
    return page->width - last_line(page)->length;
}

static void vput(struct page *page, enum style style, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
static void vput(struct page *page, enum style style, const char *format, va_list arguments) {
    char text[LINE_SIZE];
    struct line *line = last_line(page);
    (void)vsnprintf(text, sizeof text, format, arguments); /* NOLINT(*valist*): it is initialized */
    for (const char *next = text; *next != '\0' && left(page) > 0; next++) {
        line->style[line->length] = (unsigned char)style;
        line->text[line->length++] = *next;
        if (*next < ' ' || *next > '~') line->text[line->length - 1] = ' ';
    }
}

void put(struct page *page, enum style style, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vput(page, style, format, arguments);
    va_end(arguments);
}

/* Fills the line with blanks up to a column; always one at least. */
static void go_to(struct page *page, int column) {
    do put(page, PLAIN, " ");
    while (left(page) > 0 && last_line(page)->length < column);
}

static void draw_to(struct page *page, int column) {
    while (left(page) > 0 && last_line(page)->length < column) put(page, DIM, "-");
}

/* Writes a heading in a rule, from that column on. */
static void head(struct page *page, int column, const char *heading) {
    draw_to(page, column - 1);
    put(page, STRONG, " %s ", heading);
}

/* Draws a rule with a heading. */
static void rule(struct page *page, const char *heading) {
    start_line(page);
    head(page, 1, heading);
    draw_to(page, LINE_SIZE);
}

static enum style hue(const struct connection *connection) {
    return HUE + connection->name % HUES;
}

/* ---- Title and counts ---- */

/* How the server has ended. */
static void put_ending(struct page *page, enum style style, int status) {
    if (WIFSIGNALED(status))
        put(page, style, "signal %d, %s", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else put(page, style, "status %d", WEXITSTATUS(status));
}

static void put_title(struct page *page, const struct view *view, const struct world *world) {
    start_line(page);
    put(page, BAR, " %.*s ", page->width > 60 ? page->width - 40 : 20, world->command);
    if (world->server > 0) put(page, BAR, "  process %d", (int)world->server);
    if (world->listener.local.port != 0) put(page, BAR, "  port %d", world->listener.local.port);
    put(page, BAR, "  ");
    if (!world->alive) put(page, ALARM, " ENDED ");
    if (view->paused) put(page, STRONG, " paused ");
    while (left(page) > 0) put(page, BAR, " ");
}

/* Draws how much of a limit is used: [###.......]. */
static void put_gauge(struct page *page, long used, long limit) {
    int cells = limit < GAUGE ? (int)limit : GAUGE;
    long full = limit > 0 ? (used * cells + limit - 1) / limit : cells;
    put(page, PLAIN, "[");
    for (int cell = 0; cell < cells; cell++)
        put(page, cell < full ? STRONG : DIM, "%s", cell < full ? "#" : ".");
    put(page, PLAIN, "] ");
}

/* Says "of 256", or that there is no limit. */
static void put_limit(struct page *page, long limit) {
    if (limit == UNLIMITED) put(page, PLAIN, " of unlimited");
    else if (limit == UNKNOWN) put(page, PLAIN, " of ?");
    else put(page, PLAIN, " of %ld", limit);
}

/* The listening queue: the kernel takes one more than the limit. */
static void put_queue(struct page *page, const struct world *world) {
    const struct tcp *listener = &world->listener;
    put(page, PLAIN, " queue ");
    if (!world->listening) {
        put(page, PLAIN, "-: nobody listens");
        return;
    }
    bool is_full = world->limit_known && listener->queue > listener->limit;
    if (world->limit_known) put_gauge(page, listener->queue, (long)listener->limit + 1);
    put(page, is_full ? ALARM : PLAIN, "%u", listener->queue);
    put_limit(page, world->limit_known ? (long)listener->limit : UNKNOWN);
    if (is_full) put(page, ALARM, " FULL");
}

/* The name of a user, looked up once. */
static const char *name_of(uid_t user) {
    static uid_t known;
    static char name[17];
    const struct passwd *entry;
    if (*name != '\0' && known == user) return name;
    entry = getpwuid(user); // cppcheck-suppress getpwuidCalled; there is one thread
    if (entry != NULL) (void)snprintf(name, sizeof name, "%.16s", entry->pw_name);
    else (void)snprintf(name, sizeof name, "user %u", user);
    known = user;
    return name;
}

static void put_counts(struct page *page, const struct world *world) {
    size_t descriptors = world->alive ? process_at(world, 0)->descriptors : 0;
    start_line(page);
    put_queue(page, world);
    go_to(page, 38);
    put(page, PLAIN, "descriptors ");
    if (!world->alive) put(page, PLAIN, "-");
    else if (process_at(world, 0)->hidden) put(page, PLAIN, "(not yours)");
    else {
        if (world->descriptor_limit > 0)
            put_gauge(page, (long)descriptors, world->descriptor_limit);
        put(page, PLAIN, "%zu", descriptors);
        put_limit(page, world->descriptor_limit);
    }

    start_line(page);
    put(page, PLAIN, " children %zu, ", world->children);
    put(page, world->dead_children > 0 ? DEAD : PLAIN, "zombies %zu", world->dead_children);
    go_to(page, 38);
    put(page, PLAIN, "processes of ");
    put(page, PLAIN, "%s %ld", name_of(world->user), world->user_processes);
    if (world->user == 0) put(page, PLAIN, " (root: no limit)");
    else put_limit(page, world->process_limit);

    start_line(page);
    put(page, PLAIN, " connections %zu, queued %u, seen %u", world->connections.count,
        world->queued, world->last_name);
    go_to(page, 38);
    put(page, PLAIN, "TIME-WAIT %u, ", world->time_waits);
    put(page, world->dialling > 0 ? ALARM : PLAIN, "SYN-SENT %u", world->dialling);
}

/* ---- Processes ---- */

static const char *state_word(char state) {
    switch (state) {
    case 'R': return "running";
    case 'S': return "sleeping";
    case 'D': return "in a wait";
    case 'T':
    case 't': return "STOPPED";
    case 'Z': return "ZOMBIE";
    default: return "";
    }
}

/* Writes what a descriptor is: " 4 c1". */
static void put_descriptor(struct page *page, const struct world *world,
                           const struct descriptor *descriptor) {
    put(page, PLAIN, " %d", descriptor->number);
    if (descriptor->connection == LISTENER) {
        put(page, STRONG, " listen");
    } else if (descriptor->connection != NO_CONNECTION) {
        const struct connection *connection = connection_at(world, (size_t)descriptor->connection);
        put(page, hue(connection), " c%u", connection->name);
    } else {
        put(page, DIM, " %s", descriptor->label);
    }
}

/* Are its descriptors 0 to 2 the usual ones, so that one word will do for all three? */
static bool has_usual_three(const struct world *world, const struct process *process) {
    if (process->descriptors < 3) return false;
    for (int i = 0; i < 3; i++) {
        const struct descriptor *descriptor = descriptor_at(world, process->first + (size_t)i);
        if (descriptor->number != i || descriptor->inode != 0) return false;
    }
    return true;
}

/* Writes descriptors from number i on, as many as fit if so much room is to be left; returns the
 * number of the first that does not. */
static size_t put_some(struct page *page, const struct world *world, const struct process *process,
                       size_t i, int room) {
    for (; i < process->descriptors; i++) {
        int length = last_line(page)->length;
        put_descriptor(page, world, descriptor_at(world, process->first + i));
        if (left(page) > room) continue;
        last_line(page)->length = length;
        break;
    }
    return i;
}

/* Writes all descriptors of a process, in so many lines, with one word for 0 to 2. If they do not
 * fit into the last, it says how many more there are. */
static void put_descriptors(struct page *page, const struct world *world,
                            const struct process *process, int lines) {
    size_t all = process->descriptors, next;
    if (process->hidden) put(page, PLAIN, " (not yours)");
    size_t first = has_usual_three(world, process) ? 3 : 0;
    if (first > 0) put(page, DIM, " 0-2 std");
    int begin = last_line(page)->length;
    for (; (next = put_some(page, world, process, first, 0)) < all && lines > 1; lines--) {
        start_line(page);
        go_to(page, COLUMN_STATE);
        begin = last_line(page)->length;
        first = next;
    }
    if (next == all) return;
    last_line(page)->length = begin;
    next = put_some(page, world, process, first, MORE_ROOM);
    put(page, PLAIN, " +%zu more", all - next);
}

/* Writes in which call a process sleeps: "recv c1". */
static void put_call(struct page *page, const struct world *world, const struct process *process) {
    put(page, STRONG, "%.8s", process->call);
    for (size_t i = 0; i < process->descriptors; i++) {
        const struct descriptor *descriptor = descriptor_at(world, process->first + i);
        if (descriptor->number != process->call_descriptor || descriptor->connection < 0) continue;
        const struct connection *connection = connection_at(world, (size_t)descriptor->connection);
        put(page, hue(connection), " c%u", connection->name);
    }
}

/* Lists a process: in one line, or in some more if its descriptors need them. */
static void put_process(struct page *page, const struct world *world, size_t index, bool is_last,
                        int lines) {
    const struct process *process = process_at(world, index);
    bool is_dead = process->state == 'Z';
    start_line(page);
    put(page, PLAIN, " ");
    if (process->depth > 0) {
        for (unsigned depth = 1; depth < process->depth && depth < 4; depth++)
            put(page, DIM, "|  ");
        put(page, DIM, is_last ? "`- " : "|- ");
    }
    put(page, process->depth == 0 ? STRONG : PLAIN, "%d", (int)process->pid);
    go_to(page, COLUMN_STATE);
    enum style style = strchr("Tt", process->state) != NULL ? ALARM : PLAIN;
    put(page, is_dead ? DEAD : style, "%c %s", process->state, state_word(process->state));
    go_to(page, COLUMN_CALL);
    if (is_dead) {
        put(page, PLAIN, "ended, ");
        put_ending(page, PLAIN, process->ending);
        put(page, PLAIN, "; nobody has waited for it");
        return;
    }
    put_call(page, world, process);
    go_to(page, COLUMN_DESCRIPTORS);
    if (process->orphan) put(page, ALARM, " orphan of %d;", (int)process->parent);
    if (strcmp(process->name, process_at(world, 0)->name) != 0)
        put(page, PLAIN, " (%s)", process->name);
    put_descriptors(page, world, process, lines);
}

/* What is left of a list that does not fit. */
static void put_rest(struct page *page, size_t rest, size_t dead, const char *what) {
    start_line(page);
    put(page, PLAIN, " ... and ");
    if (dead == rest) put(page, DEAD, "%zu more zombies", rest);
    else put(page, PLAIN, "%zu more %s", rest, what);
    if (dead > 0 && dead < rest) {
        put(page, PLAIN, ", of them ");
        put(page, DEAD, "%zu zombies", dead);
    }
}

static size_t processes(const struct world *world) {
    return world->processes.count;
}

/* How many of so many lines the server itself has: more than one if it holds many connections and
 * the others leave room, or two anyway if there are more than a few. */
static int lines_of_server(struct page *page, const struct world *world, int lines) {
    int begin = page->count, spare = lines - (int)processes(world);
    if (!world->alive || lines == 0) return 0;
    put_process(page, world, 0, true, MOST_LINES);
    int wanted = page->count - begin;
    page->count = begin;
    if (spare < 0) spare = lines > CROWDED ? 1 : 0;
    return wanted < spare + 1 ? wanted : spare + 1;
}

/* Lists the server, then the others from number scroll on, in so many lines. */
static void put_processes(struct page *page, const struct world *world, size_t scroll, int lines) {
    size_t count = processes(world), shown = world->alive ? 1 : 0, rest;
    start_line(page);
    head(page, 1, "process");
    head(page, COLUMN_STATE, "state");
    head(page, COLUMN_CALL, "sleeps in");
    head(page, COLUMN_DESCRIPTORS + 1, "descriptors");
    draw_to(page, LINE_SIZE);
    int end = page->count + lines, own = lines_of_server(page, world, lines);
    if (own > 0) put_process(page, world, 0, count == 1, own);
    for (shown += scroll, rest = count - shown; rest > 0; shown++, rest--) {
        if (end - page->count < 1 || (end - page->count == 1 && rest > 1)) break;
        put_process(page, world, shown, rest == 1, 1);
    }
    if (page->count < end && rest > 0)
        put_rest(page, rest, rest < world->dead_children ? rest : world->dead_children,
                 "processes");
}

/* ---- Connections ---- */

static void put_holders(struct page *page, const struct world *world,
                        const struct connection *connection) {
    if (is_queued(connection)) {
        put(page, PLAIN, "nobody yet: in the queue");
    } else if (connection->server_state == 0) {
        put(page, PLAIN, "%s",
            connection->client_state == TCP_SYN_SENT ? "nobody: SYN not answered"
                                                     : "nobody: dropped");
    } else if (connection->server_state == TCP_SYN_RECV) {
        put(page, PLAIN, "nobody yet: it begins");
    } else if (connection->inode == 0) {
        put(page, PLAIN, "nobody: closed");
    } else if (connection->by_server || connection->children > 0) {
        if (is_leaked(world, connection))
            put(page, ALARM, "%s",
                connection->children == 0 ? "server only: leaked?" : "server: leaked?");
        else if (connection->by_server) put(page, PLAIN, "server");
        if (connection->by_server && connection->children > 0) put(page, PLAIN, " and ");
        if (connection->children == 1) put(page, PLAIN, "child %d", (int)connection->child);
        if (connection->children > 1) put(page, PLAIN, "%u children", connection->children);
    } else {
        put(page, PLAIN, "a process not seen here");
    }
}

static void put_connection(struct page *page, const struct world *world, size_t index) {
    const struct connection *connection = connection_at(world, index);
    start_line(page);
    put(page, hue(connection), " c%u", connection->name);
    go_to(page, COLUMN_PORT);
    put(page, PLAIN, "%d", connection->peer.port);
    go_to(page, COLUMN_SERVER);
    put(page, PLAIN, "%s", TCP_STATES[connection->server_state]);
    go_to(page, COLUMN_CLIENT);
    put(page, PLAIN, "%s", TCP_STATES[connection->client_state]);
    go_to(page, COLUMN_HELD);
    put_holders(page, world, connection);
}

static void put_connections(struct page *page, const struct world *world, size_t scroll,
                            int lines) {
    size_t rest = world->connections.count - scroll;
    start_line(page);
    head(page, 1, "socket");
    head(page, COLUMN_PORT + 1, "port");
    head(page, COLUMN_SERVER, "server's end");
    head(page, COLUMN_CLIENT, "client's end");
    head(page, COLUMN_HELD, "held by");
    draw_to(page, LINE_SIZE);
    for (; lines > 1 || (lines == 1 && rest <= 1); lines--, scroll++, rest--) {
        if (rest == 0) return;
        put_connection(page, world, scroll);
    }
    if (lines == 1 && rest > 0) put_rest(page, rest, 0, "connections");
}

/* ---- Output ---- */

static void put_output(struct page *page, const struct tail *tail, int lines) {
    unsigned shown = TAIL_LINES;
    if (tail->count < shown) shown = tail->count;
    if (lines < (int)shown) shown = (unsigned)lines;
    rule(page, "the server's output");
    for (unsigned i = tail->count - shown; i != tail->count; i++) {
        const char *text = tail->lines[i % TAIL_LINES].text;
        start_line(page);
        put(page, tail->lines[i % TAIL_LINES].error ? ALARM : PLAIN, " %s", text);
    }
    for (; lines < NO_LIMIT && lines > (int)shown; lines--) start_line(page);
}

/* ---- Hints ---- */

/* Says a hint in a line of its own, if there is room for one more. */
static void hint(struct page *page, int *room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void hint(struct page *page, int *room, const char *format, ...) {
    va_list arguments;
    if (*room == 0) return;
    start_line(page);
    put(page, STRONG, " > ");
    va_start(arguments, format);
    vput(page, PLAIN, format, arguments);
    va_end(arguments);
    (*room)--;
}

/* Last words of a server that tell a story, and what that is. */
static const struct {
    const char *words, *story;
} STORIES[] = {
    {"Too many open files", "Each descriptor was in use: what is never closed runs out."},
    {"Interrupted system call", "A signal interrupted that call: SIGCHLD, as a child had ended."},
    {"Resource temporarily unavailable", "No process was left: zombies count, too."},
    {"Address already in use", "Another server has that port: choose one with PORT=."},
};

static void hint_at_end(struct page *page, const struct view *view, const struct world *world,
                        int *room) {
    if (view->server == NULL) {
        hint(page, room, "The server, process %d, has ended; how, only its parent can ask.",
             (int)world->server);
        return;
    }
    const char *words = view->server->tail.last_error;
    hint(page, room, "The server has ended with "); /* the first: there is room */
    put_ending(page, ALARM, view->server->status);
    if (*words == '\0') return;
    put(page, PLAIN, ": ");
    put(page, ALARM, "%s", words);
    for (size_t i = 0; i < sizeof STORIES / sizeof STORIES[0]; i++)
        if (strstr(words, STORIES[i].words) != NULL) hint(page, room, "%s", STORIES[i].story);
}

/* The connection that the server waits for, or is at work for: the first that it holds. */
static const struct connection *served(const struct world *world) {
    for (size_t i = 0; i < world->connections.count; i++)
        if (connection_at(world, i)->by_server) return connection_at(world, i);
    return NULL;
}

static const char *plural(size_t count) {
    return count == 1 ? "" : "s";
}

/* What goes wrong. */
static void hint_at_flaws(struct page *page, const struct world *world, int *room) {
    const struct process *server = process_at(world, 0);
    if (strchr("Tt", server->state) != NULL)
        hint(page, room, "The server is stopped: signals and clients wait until it goes on.");
    if (server->hidden)
        hint(page, room, "The server is another user's: the kernel hides its descriptors.");
    else if (!world->listening) hint(page, room, "No process of the server listens (yet).");
    if (world->descriptor_limit > 0 &&
        (long)server->descriptors + FEW_DESCRIPTORS >= world->descriptor_limit)
        hint(page, room, "Descriptors left: %ld. Without one accept fails.",
             world->descriptor_limit - (long)server->descriptors);
    if (world->listening && world->limit_known && world->listener.queue > world->listener.limit)
        hint(page, room, "The queue is full: the next client's SYN gets no answer.");
    if (world->leaked > 0)
        hint(page, room,
             "%u connection%s: no child is at work, yet the server keeps a copy: no FIN.",
             world->leaked, plural(world->leaked));
    if (world->resets > 0 && server_in(world, "accept"))
        hint(page, room,
             world->resets == 1
                 ? "%u descriptor of a reset connection: the server has not closed it."
                 : "%u descriptors of reset connections: the server has not closed them.",
             world->resets);
    if (world->dead_children > 0)
        hint(page, room, "%zu zombie%s: ended children that nobody has waited for.",
             world->dead_children, plural(world->dead_children));
}

/* What just happens. */
static void hint_at_work(struct page *page, const struct world *world, int *room) {
    const struct connection *connection = served(world);
    size_t living = world->children - world->dead_children;
    if (server_in(world, "recv") && connection != NULL)
        hint(page, room, "The server waits for what c%u sends, and accepts nobody meanwhile.",
             connection->name);
    else if (server_in(world, "sleep") && connection != NULL)
        hint(page, room, "The server sleeps before it closes c%u, and accepts nobody meanwhile.",
             connection->name);
    else if (living > 0)
        hint(page, room, "%zu child%s at work; the server is free for the next client.", living,
             living == 1 ? " is" : "ren are");
    else if (world->listening && world->connections.count == 0 && server_in(world, "accept"))
        hint(page, room, "The server waits for a client: curl http://localhost:%d/hello",
             world->listener.local.port);
}

static void put_hints(struct page *page, const struct view *view, const struct world *world) {
    int room = view->height < LOW ? 1 : HINTS;
    rule(page, "in words");
    if (!world->alive) {
        hint_at_end(page, view, world, &room);
        if (processes(world) > 0) hint(page, &room, "Some of its processes live on, as orphans.");
    } else {
        hint_at_flaws(page, world, &room);
        hint_at_work(page, world, &room);
    }
    for (; room > 0 && view->height < NO_LIMIT; room--) start_line(page);
}

/* ---- The page ---- */

void share(int room, int wanted_first, int wanted_second, int needed, int *first, int *second) {
    int least = room - room / 2; /* of the first */
    if (needed > room - FEWEST_SOCKETS) needed = room - FEWEST_SOCKETS;
    if (needed > least) least = needed;
    *first = wanted_first < least ? wanted_first : least;
    *second = wanted_second < room - *first ? wanted_second : room - *first;
    *first = wanted_first < room - *second ? wanted_first : room - *second;
}

/* As much of scroll as a list of count lines bears, of which so many are shown. */
static size_t bounded(int scroll, size_t count, int shown) {
    size_t most = count > (size_t)shown ? count - (size_t)shown : 0;
    return (size_t)scroll < most ? (size_t)scroll : most;
}

static void put_keys(struct page *page, const struct view *view) {
    start_line(page);
    put(page, BAR, " q quit  p %s", view->paused ? "go on" : "pause");
    if (view->server != NULL) put(page, BAR, "  r restart the server");
    put(page, BAR, "  arrows, PgUp, PgDn scroll");
    while (left(page) > 0) put(page, BAR, " ");
}

/* Fills the room between the counts and the hints. */
static void put_lists(struct page *page, struct view *view, const struct world *world, int room) {
    size_t others = processes(world) - (world->alive ? 1 : 0);
    size_t connections = world->connections.count;
    int output = 0, first, second;
    if (view->server != NULL) output = room >= 12 ? 4 : room / 3;
    int living = (int)(processes(world) - world->dead_children);
    share(room - output, (int)others + lines_of_server(page, world, NO_LIMIT), (int)connections,
          living, &first, &second);
    int own = lines_of_server(page, world, first), most = (int)others - (first - own);
    if (most < (int)connections - second) most = (int)connections - second;
    if (view->scroll > most) view->scroll = most > 0 ? most : 0;
    put_processes(page, world, bounded(view->scroll, others, first - own), first);
    put_connections(page, world, bounded(view->scroll, connections, second), second);
    if (view->server != NULL) {
        put_output(page, &view->server->tail,
                   view->height == NO_LIMIT ? NO_LIMIT : room - first - second);
        return;
    }
    for (int i = first + second; view->height < NO_LIMIT && i < room; i++) start_line(page);
}

void show(struct page *page, struct view *view, const struct world *world) {
    page->count = 0;
    page->width = view->width < LINE_SIZE ? view->width : LINE_SIZE;
    if (view->width < SMALLEST_WIDTH || view->height < SMALLEST_HEIGHT) {
        start_line(page);
        put(page, PLAIN, "too small: 80x24, please");
        return;
    }
    int rules = view->server != NULL ? 4 : 3;
    put_title(page, view, world);
    put_counts(page, world);
    bool is_low = view->height < LOW, keys = view->keys && !is_low;
    int room = view->height - page->count - rules - (is_low ? 1 : HINTS) - (keys ? 1 : 0);
    put_lists(page, view, world, view->height == NO_LIMIT ? NO_LIMIT : (room > 0 ? room : 0));
    put_hints(page, view, world);
    if (keys) put_keys(page, view);
}
