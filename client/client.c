/*
 * client: many clients at once against one server, and what became of each connection.
 *
 * Article  client3.py (there --max-conns never exceeds 1; here it does what it says)
 * Parent   forks the clients, collects their results through one pipe, reaps them, sums up
 * Clients  each holds its connections open together, until the last of them is settled
 * Try      client -c 128, client -c 10 -n 100, client -v; client -h lists the options
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CLIENTS = 100000, MAX_CONNS = 100000, MAX_TOTAL = 1000000 };
enum { MAX_PORT = 65535, MAX_SECONDS = 86400, REQUEST_SIZE = 512, EXCERPT_SIZE = 256 };
static const double TICK = 0.1; /* seconds from one look at the clock and the dead to the next */
static const double GRACE = 2.0; /* seconds a client may be late before the parent ends it */
static const double RESENT = 0.9; /* a connect that takes this long had its SYN sent again */

static const char USAGE[] = "usage: client [-c CLIENTS] [-n CONNECTIONS] [-H HOST] [-p PORT] "
                            "[-t SECONDS] [-b] [--no-read] [-v] [-h]\n";
static const char HELP[] =
    "  -c, --max-clients N   fork N clients (1)\n"
    "  -n, --max-conns M     each holds M connections open together (1)\n"
    "  -H, --host HOST       connect to this host (127.0.0.1)\n"
    "  -p, --port PORT       and to this port (8888)\n"
    "  -t, --timeout SECONDS give up after so long, for all of a client's connections (5)\n"
    "  -b, --barrier         all clients begin at the same instant\n"
    "      --no-read         send the request, then leave, as the article's client does\n"
    "  -v, --verbose         each connection: socket pair, descriptor, times, answer\n"
    "  -h, --help            print this\n";

struct options {
    long clients, conns, port; /* conns: connections of each client */
    double timeout; /* seconds */
    const char *host;
    bool barrier, no_read, verbose;
};

enum outcome { ENDED, NO_END, NO_ANSWER, NEVER, RESET, REFUSED, NO_START, SENT, UNKNOWN, OUTCOMES };
static const char *const LABELS[OUTCOMES] = {
    [ENDED] = "answered and ended",
    [NO_END] = "answered, but no end of file",
    [NO_ANSWER] = "connected, but no answer",
    [NEVER] = "never connected (queue full?)",
    [RESET] = "reset",
    [REFUSED] = "refused",
    [NO_START] = "could not start",
    [SENT] = "sent, not read",
    [UNKNOWN] = "not known (interrupted)",
};
enum moment { CONNECT, FIRST_BYTE, END_OF_FILE, MOMENTS };
static const char *const MOMENT_NAMES[MOMENTS] = {"connect", "first byte", "end of file"};

/* An HTTP answer as far as it has been read. All zero: nothing yet. */
struct answer {
    char line[64]; /* beginning of the line of the head that is being read */
    size_t length; /* of line */
    bool has_line, is_http, in_body;
    unsigned long long expected, body; /* bytes of body: Content-Length, or 0; and read */
};

struct connection {
    enum { CONNECTING, SENDING, READING, SETTLED } state;
    const struct addrinfo *address; /* the one tried at present */
    int number, descriptor, error; /* from 1 on; -1 if there is none; errno, or 0 */
    bool ended; /* recv(2) has returned end of file */
    size_t sent, excerpt_size; /* bytes of the request; of the excerpt */
    double begun, times[MOMENTS]; /* when connect(2) was called; seconds from then, or -1 */
    struct answer answer;
    char excerpt[EXCERPT_SIZE]; /* the answer's beginning */
};

/* What a client reports to the parent of one connection. */
struct record {
    double times[MOMENTS];
    int client, connection, outcome, error, descriptor, excerpt_size;
    char local[68], remote[68]; /* the socket pair as text, for -v */
    char excerpt[EXCERPT_SIZE];
};
_Static_assert(sizeof(struct record) <= 512, "a write within PIPE_BUF is never torn: see write(2)");

/* What the parent knows. Its clients inherit a copy and read the plan from it. */
struct run {
    struct options options; /* the plan, as far as peer */
    struct addrinfo *addresses;
    char peer[300], request[REQUEST_SIZE]; /* host and port; the request to send */
    int results[2], lifeline[2]; /* pipes; nothing is ever written to the lifeline, */
    int ready[2], go[2]; /* ready and go: they speak by being closed */
    int client; /* number, from 1 on, of the client that this is */
    pid_t *living; /* clients not yet reaped */
    long alive, total, reported; /* clients; connections; connections */
    double begun, deadline, ticked; /* seconds on the clock of now() */
    long counts[OUTCOMES], samples[MOMENTS];
    double *times[MOMENTS]; /* seconds, samples of them each */
    struct shortage {
        int error; /* errno, or 0 if the client died */
        long count;
    } shortages[8];
    char buffer[64 * sizeof(struct record)]; /* read from the results pipe, */
    size_t filled; /* this many bytes */
};

static volatile sig_atomic_t interrupted; /* the signal that asks the parent to end, or 0 */

/* Ends the program with status 1, the name of the call that failed and its reason, errno. Not with
 * exit(3): a child must not write its copy of the parent's buffered output. */
static _Noreturn void die(const char *call) {
    perror(call);
    _exit(EXIT_FAILURE);
}

/* Returns the seconds on a clock that nobody sets. See clock_gettime(2). */
static double now(void) {
    struct timespec time;
    if (clock_gettime(CLOCK_MONOTONIC, &time) == -1) die("clock_gettime");
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Returns seconds as poll(2) wants them: whole milliseconds, rounded up, none below 0. */
static int to_milliseconds(double seconds) {
    return seconds <= 0 ? 0 : (int)(seconds * 1000) + 1;
}

/* Ends a line of the head: an answer begins with HTTP/, its head ends with an empty line. */
static void end_line(struct answer *answer) {
    static const char LENGTH[] = "Content-Length:";
    if (answer->length > 0 && answer->line[answer->length - 1] == '\r') answer->length--;
    answer->line[answer->length] = '\0';
    if (!answer->has_line) answer->is_http = strncmp(answer->line, "HTTP/", 5) == 0;
    else if (answer->length == 0) answer->in_body = true;
    else if (strncasecmp(answer->line, LENGTH, sizeof LENGTH - 1) == 0)
        answer->expected = strtoull(answer->line + sizeof LENGTH - 1, NULL, 10);
    answer->has_line = true;
    answer->length = 0;
}

/* Adds bytes, however the network has split them, to the answer. */
static void answer_feed(struct answer *answer, const char *bytes, size_t size) {
    for (; size > 0 && !answer->in_body; bytes++, size--) {
        if (*bytes == '\n') end_line(answer);
        else if (answer->length < sizeof answer->line - 1) answer->line[answer->length++] = *bytes;
    }
    if (answer->in_body) answer->body += size;
}

/* Tells whether head and body are there: the body is what Content-Length says, or else anything. */
static bool answer_is_whole(const struct answer *answer) {
    return answer->is_http && answer->in_body && answer->body >= answer->expected;
}

/* Sorts a connection that is settled, or whose time is up, by what has happened to it. */
static enum outcome classify(bool connected, bool whole, bool ended, int error) {
    switch (error) {
    case ENOMEM:
    case ENOBUFS: return NO_START;
    case ECONNRESET:
    case EPIPE: return RESET; /* EPIPE: reset before all was sent */
    case ECONNREFUSED: return REFUSED;
    default: break;
    }
    if (!connected) return error == 0 || error == ETIMEDOUT ? NEVER : NO_START;
    if (!whole) return NO_ANSWER;
    return ended ? ENDED : NO_END;
}

/* Compares two doubles for qsort(3). */
static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Returns a percentile by nearest rank: the smallest of the count > 0 sorted values that per cent
 * of them do not exceed, so always one that was measured. 0: the smallest, 50: the median. */
static double percentile(const double *sorted, long count, long percent) {
    long rank = (count * percent + 99) / 100; /* rounded up */
    return sorted[rank > 0 ? rank - 1 : 0];
}

/* Writes a time in the unit that reads best into text; returns text. */
static const char *format_time(char text[16], double seconds) {
    if (seconds < 0.01) (void)snprintf(text, 16, "%.2f ms", seconds * 1e3); /* always fits */
    else if (seconds < 1) (void)snprintf(text, 16, "%.1f ms", seconds * 1e3);
    else (void)snprintf(text, 16, "%.2f s", seconds);
    return text;
}

/* Writes host and port as in a URL, an IPv6 address in brackets, into peer. */
static void format_peer(char *peer, size_t size, const char *host, const char *port) {
    (void)snprintf(peer, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

/* Writes the article's request into request; no resolvable host name is too long for it. */
static void format_request(char request[REQUEST_SIZE], const char *peer) {
    (void)snprintf(request, REQUEST_SIZE, "GET /hello HTTP/1.1\r\nHost: %s\r\n\r\n", peer);
}

/* ---- A client, in a child process ---- */

/* Writes an address as text, "127.0.0.1:8888", into name; "?:?" if that fails. */
static void format_name(char name[68], const struct sockaddr *address, socklen_t size) {
    char host[56] = "?", port[8] = "?";
    (void)getnameinfo(address, size, host, sizeof host, port, sizeof port,
                      NI_NUMERICHOST | NI_NUMERICSERV);
    format_peer(name, 68, host, port);
}

/* Settles a connection, but leaves it open, and reports it; a client without a parent ends. */
static void settle(const struct run *run, struct connection *conn) {
    struct record record;
    bool connected = conn->times[CONNECT] >= 0, whole = answer_is_whole(&conn->answer);
    enum outcome outcome = classify(connected, whole, conn->ended, conn->error);
    if (run->options.no_read && conn->sent == strlen(run->request)) outcome = SENT;
    conn->state = SETTLED;

    memset(&record, 0, sizeof record); /* no stray bytes in the pipe */
    memcpy(record.times, conn->times, sizeof record.times);
    memcpy(record.excerpt, conn->excerpt, conn->excerpt_size);
    record.excerpt_size = (int)conn->excerpt_size;
    record.client = run->client;
    record.connection = conn->number;
    record.outcome = (int)outcome;
    record.error = conn->error;
    record.descriptor = conn->descriptor;
    if (run->options.verbose && conn->descriptor != -1) {
        struct sockaddr_storage local = {.ss_family = AF_UNSPEC};
        socklen_t size = sizeof local;
        (void)getsockname(conn->descriptor, (struct sockaddr *)&local, &size); /* or "?:?" */
        format_name(record.local, (struct sockaddr *)&local, size);
        format_name(record.remote, conn->address->ai_addr, conn->address->ai_addrlen);
    }
    if (write(run->results[1], &record, sizeof record) != (ssize_t)sizeof record)
        _exit(EXIT_FAILURE);
}

/* Begins to connect to the present address, or to one after it; if none is left, settles with the
 * last errno, or with the refusal if there was one. See connect(2), EINPROGRESS. */
static void begin_connect(const struct run *run, struct connection *conn) {
    for (; conn->address; conn->address = conn->address->ai_next) {
        const struct addrinfo *address = conn->address;
        int error, descriptor = socket(address->ai_family, SOCK_STREAM, address->ai_protocol);
        conn->begun = now();
        if (descriptor != -1 && fcntl(descriptor, F_SETFL, O_NONBLOCK) != -1 &&
            (connect(descriptor, address->ai_addr, address->ai_addrlen) == 0 ||
             errno == EINPROGRESS)) {
            conn->descriptor = descriptor;
            conn->error = 0;
            return;
        }
        error = errno == EAGAIN ? EADDRNOTAVAIL : errno; /* Linux's other word for "no port left" */
        if (conn->error != ECONNREFUSED) conn->error = error;
        if (descriptor != -1) (void)close(descriptor); /* it has failed already */
    }
    settle(run, conn);
}

/* Notes how connecting has ended: connected, or on to the next address. */
static void end_connect(const struct run *run, struct connection *conn) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(conn->descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == -1) error = errno;
    if (error == 0) {
        conn->times[CONNECT] = now() - conn->begun;
        conn->state = SENDING;
        return;
    }
    (void)close(conn->descriptor); /* it has failed already */
    conn->descriptor = -1;
    conn->error = error;
    conn->address = conn->address->ai_next;
    begin_connect(run, conn);
}

/* Sends as much of the rest of the request as send(2) takes now. */
static void send_request(const struct run *run, struct connection *conn) {
    size_t size = strlen(run->request);
    ssize_t sent = send(conn->descriptor, run->request + conn->sent, size - conn->sent, 0);
    if (sent == -1) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return;
        conn->error = errno;
        settle(run, conn);
        return;
    }
    conn->sent += (size_t)sent;
    if (conn->sent < size) return;
    conn->state = READING;
    if (run->options.no_read) settle(run, conn);
}

/* Reads what one recv(2) returns of the answer, or its end; the rest is left to the next poll. */
static void read_answer(const struct run *run, struct connection *conn) {
    char bytes[4096];
    ssize_t received = recv(conn->descriptor, bytes, sizeof bytes, 0);
    double time = now() - conn->begun;
    if (received > 0) {
        size_t size = (size_t)received, room = EXCERPT_SIZE - conn->excerpt_size;
        if (conn->times[FIRST_BYTE] < 0) conn->times[FIRST_BYTE] = time;
        answer_feed(&conn->answer, bytes, size);
        memcpy(conn->excerpt + conn->excerpt_size, bytes, size < room ? size : room);
        conn->excerpt_size += size < room ? size : room;
        return;
    }
    if (received == -1 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
    if (received == -1) conn->error = errno;
    else conn->times[END_OF_FILE] = time;
    conn->ended = received == 0;
    settle(run, conn);
}

/* Lists the lifeline and, in order, the connections that are not settled in polled, which has room
 * for all; returns how many. No others: poll(2) refuses a list longer than files may be open. */
static nfds_t list_unsettled(const struct run *run, const struct connection *conns,
                             struct pollfd *polled) {
    nfds_t count = 0;
    polled[count++] = (struct pollfd){.fd = run->lifeline[0], .events = POLLIN};
    for (const struct connection *conn = conns; conn < conns + run->options.conns; conn++) {
        short events = conn->state == READING ? POLLIN : POLLOUT;
        if (conn->state == SETTLED) continue;
        polled[count++] = (struct pollfd){.fd = conn->descriptor, .events = events};
    }
    return count;
}

/* Does what a connection can do now. */
static void advance(const struct run *run, struct connection *conn) {
    if (conn->state == CONNECTING) end_connect(run, conn);
    if (conn->state == SENDING) send_request(run, conn);
    else if (conn->state == READING) read_answer(run, conn);
}

/* Waits until some connections can go on, advances each of them, and settles all that are left at
 * the deadline; returns false if none was left. */
static bool step(const struct run *run, struct connection *conns, struct pollfd *polled,
                 double deadline) {
    nfds_t count = list_unsettled(run, conns, polled);
    if (count == 1) return false;
    int found = poll(polled, count, to_milliseconds(deadline - now()));
    if (found == -1 && errno != EINTR && errno != EAGAIN) _exit(EXIT_FAILURE);
    if (found > 0 && polled[0].revents) _exit(EXIT_FAILURE); /* the parent is gone */
    bool late = now() >= deadline;
    for (struct connection *conn = conns; conn < conns + run->options.conns; conn++) {
        if (conn->state == SETTLED) continue;
        if ((++polled)->revents && found > 0) advance(run, conn);
        if (late && conn->state != SETTLED) settle(run, conn);
    }
    return true;
}

/* Waits for the start signal, the end of file of the pipe go; ends if the parent is gone. */
static void wait_for_go(const struct run *run) {
    struct pollfd polled[2] = {{.fd = run->lifeline[0], .events = POLLIN},
                               {.fd = run->go[0], .events = POLLIN}};
    if (close(run->ready[1]) == -1) _exit(EXIT_FAILURE);
    while (poll(polled, 2, -1) == -1)
        if (errno != EINTR && errno != EAGAIN) _exit(EXIT_FAILURE);
    if (polled[0].revents) _exit(EXIT_FAILURE);
}

/* Is a client: makes all connections, settles all, closes all. Keeps its descriptors for that. */
static _Noreturn void be_client(const struct run *run) {
    long count = run->options.conns;
    struct connection *conns = calloc((size_t)count, sizeof *conns);
    struct pollfd *polled = calloc((size_t)count + 1, sizeof *polled);
    if (!conns || !polled) _exit(EXIT_FAILURE); /* the parent counts what is missing */
    if (run->options.barrier) wait_for_go(run);

    double deadline = now() + run->options.timeout;
    for (long i = 0; i < count; i++) {
        conns[i] = (struct connection){.number = (int)i + 1, .descriptor = -1};
        for (int j = 0; j < MOMENTS; j++) conns[i].times[j] = -1;
        conns[i].address = run->addresses;
        begin_connect(run, &conns[i]);
        struct pollfd one = {.fd = conns[i].descriptor, .events = POLLOUT};
        if (poll(&one, 1, 0) == 1) end_connect(run, &conns[i]); /* at once: note the time now */
    }
    while (step(run, conns, polled, deadline)) continue;
    free(conns);
    free(polled);
    _exit(EXIT_SUCCESS); /* closes all connections */
}

/* ---- The parent ---- */

/* Handles a signal that asks the program to end. No race: the parent looks again within a TICK. */
static void on_signal(int signum) {
    interrupted = signum;
}

/* Gives handler to the signals that ask to end, but for those the caller has us ignore. */
static void handle_signals(void (*handler)(int)) {
    static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof SIGNALS / sizeof *SIGNALS; i++) {
        struct sigaction action;
        if (sigaction(SIGNALS[i], NULL, &action) == -1) die("sigaction");
        if (action.sa_handler == SIG_IGN) continue;
        action = (struct sigaction){.sa_handler = handler};
        if (sigaction(SIGNALS[i], &action, NULL) == -1) die("sigaction");
    }
}

/* Closes an end of a pipe, if it is open. */
static void close_end(int *end) {
    if (*end != -1 && close(*end) == -1) die("close");
    *end = -1;
}

/* Counts connections as not started, for the reason errno, or 0 if their client has died. */
static void add_shortage(struct run *run, int error, long count) {
    struct shortage *last = run->shortages + sizeof run->shortages / sizeof *run->shortages - 1;
    struct shortage *shortage = run->shortages;
    while (shortage < last && shortage->count > 0 && shortage->error != error) shortage++;
    shortage->error = error;
    shortage->count += count;
    run->counts[NO_START] += count;
    run->reported += count;
}

/* Prints the answer, or its beginning; a stranger's bytes must not drive the terminal. */
static void print_excerpt(const char *bytes, int size) {
    for (int i = 0; i < size; i++) {
        if (i == 0 || bytes[i - 1] == '\n') printf("    | ");
        if (bytes[i] == '\r') continue;
        putchar(bytes[i] == '\n' || (bytes[i] >= ' ' && bytes[i] <= '~') ? bytes[i] : '.');
    }
    if (size > 0 && bytes[size - 1] != '\n') putchar('\n');
}

/* Prints all about one connection, for -v. */
static void print_record(const struct run *run, const struct record *record) {
    char text[16];
    printf("client %d, connection %d: ", record->client, record->connection);
    if (record->descriptor == -1) printf("no socket to %s\n", run->peer);
    else printf("%s -> %s, descriptor %d\n", record->local, record->remote, record->descriptor);
    printf("    %s", LABELS[record->outcome]);
    if (record->error != 0) printf(": %s", strerror(record->error));
    for (int i = 0; i < MOMENTS; i++)
        if (record->times[i] >= 0)
            printf(", %s %s", MOMENT_NAMES[i], format_time(text, record->times[i]));
    putchar('\n');
    print_excerpt(record->excerpt, record->excerpt_size);
}

/* Adds a record to the counts and samples. */
static void take_record(struct run *run, const struct record *record) {
    if (record->outcome == NO_START) {
        add_shortage(run, record->error, 1);
    } else {
        run->counts[record->outcome]++;
        run->reported++;
    }
    for (int i = 0; i < MOMENTS; i++)
        if (record->times[i] >= 0) run->times[i][run->samples[i]++] = record->times[i];
    if (run->options.verbose) print_record(run, record);
}

/* Takes the records that one read(2) finds in the pipe, if any; returns false at end of file,
 * which is when all clients have ended. */
static bool take_records(struct run *run) {
    struct record record;
    ssize_t size =
        read(run->results[0], run->buffer + run->filled, sizeof run->buffer - run->filled);
    if (size == -1 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) die("read");
    if (size <= 0) return size != 0;
    run->filled += (size_t)size;
    size_t used = 0;
    for (; run->filled - used >= sizeof record; used += sizeof record) {
        memcpy(&record, run->buffer + used, sizeof record);
        take_record(run, &record);
    }
    run->filled -= used;
    memmove(run->buffer, run->buffer + used, run->filled); /* part of a record */
    if (run->deadline < now() + GRACE) run->deadline = now() + GRACE;
    return true;
}

/* Reaps the clients that have ended. One by one: none but our own, whatever we have inherited. */
static void reap(struct run *run, int flags) {
    for (long i = 0; i < run->alive;) {
        pid_t pid = waitpid(run->living[i], NULL, flags);
        if (pid == -1 && errno != EINTR) die("waitpid");
        if (pid > 0) run->living[i] = run->living[--run->alive];
        else if (pid == 0) i++;
    }
}

/* Shows, on a terminal only, how far we are; erases that if all is done. */
static void show_progress(const struct run *run, bool done) {
    if (run->options.verbose || !isatty(STDERR_FILENO)) return;
    if (done) fprintf(stderr, "\r%40s\r", "");
    else fprintf(stderr, "\r%ld of %ld, %.1f s ", run->reported, run->total, now() - run->begun);
}

/* Makes the pipes. The parent's reading ends do not block. */
static void make_pipes(struct run *run) {
    run->ready[0] = run->ready[1] = run->go[0] = run->go[1] = -1;
    if (pipe(run->results) == -1 || pipe(run->lifeline) == -1) die("pipe");
    if (run->options.barrier && (pipe(run->ready) == -1 || pipe(run->go) == -1)) die("pipe");
    if (fcntl(run->results[0], F_SETFL, O_NONBLOCK) == -1) die("fcntl");
}

/* Forks the clients; stops at the first that fork(2) refuses. */
static void start_clients(struct run *run) {
    for (run->client = 1; run->client <= run->options.clients && !interrupted; run->client++) {
        pid_t pid = fork();
        switch (pid) {
        case -1:
            add_shortage(run, errno, (run->options.clients - run->client + 1) * run->options.conns);
            return;
        case 0: /* child: leaves the parent's ends to the parent */
            handle_signals(SIG_DFL);
            close_end(&run->results[0]);
            close_end(&run->lifeline[1]);
            close_end(&run->ready[0]);
            close_end(&run->go[1]);
            be_client(run);
        default: /* parent */
            run->living[run->alive++] = pid;
            (void)take_records(run); /* or the pipe might fill, and the clients wait */
        }
    }
}

/* Opens the barrier, if there is one, and sets the deadline for the clients anew. */
static void let_go(struct run *run) {
    close_end(&run->ready[0]);
    close_end(&run->go[1]);
    if (run->options.barrier) run->begun = now();
    run->deadline = now() + run->options.timeout + GRACE;
}

/* Collects records until all clients have ended, a signal comes or their deadline is past. */
static void collect(struct run *run) {
    run->deadline = now() + run->options.timeout + GRACE; /* with a barrier: to get ready */
    while (!interrupted) {
        struct pollfd polled[2] = {{.fd = run->results[0], .events = POLLIN},
                                   {.fd = run->ready[0], .events = POLLIN}}; /* -1 is skipped */
        int count = poll(polled, 2, to_milliseconds(TICK));
        if (count == -1 && errno != EINTR && errno != EAGAIN) die("poll");
        if (count > 0 && polled[0].revents && !take_records(run)) return;
        if (count > 0 && polled[1].revents) let_go(run); /* all are ready */
        if (now() < run->ticked + TICK) continue;
        run->ticked = now();
        show_progress(run, false);
        reap(run, WNOHANG);
        if (now() < run->deadline) continue;
        if (run->go[1] == -1) return; /* some are stuck: stopped, perhaps */
        let_go(run); /* without those that are not ready */
    }
}

/* Ends the clients that are left, reaps them, and counts what none of them has reported. */
static void end_clients(struct run *run) {
    close_end(&run->lifeline[1]);
    for (long i = 0; i < run->alive; i++) /* not reaped yet, so each pid is still our client's */
        if (kill(run->living[i], SIGKILL) == -1) die("kill");
    reap(run, 0);
    while (take_records(run)) continue; /* what they wrote before */
    close_end(&run->results[0]);
    if (interrupted) run->counts[UNKNOWN] = run->total - run->reported;
    else if (run->reported < run->total) add_shortage(run, 0, run->total - run->reported);
}

/* Prints why connections could not start, and what to type. See fork(2), socket(2), connect(2). */
static void print_shortage(const struct run *run, int error) {
    long files = run->options.conns + 100, processes = run->options.clients + 500;
    long limit = sysconf(_SC_CHILD_MAX); /* -1: none */
    printf("Not the server's fault: ");
    switch (error) {
    case 0: puts("clients died, or were stopped, before they could report."); break;
    case EMFILE:
        printf("a client may open %ld files. Try: ulimit -n %ld\n", sysconf(_SC_OPEN_MAX),
               files < 2048 ? 2048 : files);
        break;
    case EAGAIN:
        if (limit == -1 || limit > processes)
            puts("no more processes: the machine's or the container's limit (see pids.max).");
        else
            printf("this user may have %ld processes. Try: ulimit -u %ld\n", limit,
                   processes < 4096 ? 4096 : processes);
        break;
    case EADDRNOTAVAIL:
        puts("no port is left. Try: sysctl -w net.ipv4.ip_local_port_range='1024 65535'");
        break;
    default: puts(strerror(error));
    }
}

/* Prints the counts, the times, and what is to be said about them. */
static void print_summary(const struct run *run, double seconds) {
    char text[4][16];
    bool resent = run->counts[NEVER] > 0;
    printf("%ld connection%s to %s (%ld client%s x %ld), %s\n", run->total,
           run->total == 1 ? "" : "s", run->peer, run->options.clients,
           run->options.clients == 1 ? "" : "s", run->options.conns, format_time(text[0], seconds));
    for (int i = 0; i < OUTCOMES; i++)
        if (run->counts[i] > 0) printf("%9ld  %s\n", run->counts[i], LABELS[i]);

    for (int i = 0, rows = 0; i < MOMENTS; i++) {
        static const long PERCENTS[] = {0, 50, 99, 100};
        long count = run->samples[i];
        if (count == 0) continue;
        if (rows++ == 0) printf("%-14s%11s%11s%11s%11s\n", "", "min", "median", "p99", "max");
        qsort(run->times[i], (size_t)count, sizeof *run->times[i], compare);
        for (int j = 0; j < 4; j++)
            (void)format_time(text[j], percentile(run->times[i], count, PERCENTS[j]));
        printf("%-14s%11s%11s%11s%11s\n", MOMENT_NAMES[i], text[0], text[1], text[2], text[3]);
        if (i == CONNECT && run->times[i][count - 1] >= RESENT) resent = true;
    }
    if (resent) puts("Perhaps the server's queue was full: a SYN is resent after 1 s, and later.");
    for (size_t i = 0; i < sizeof run->shortages / sizeof *run->shortages; i++)
        if (run->shortages[i].count > 0) print_shortage(run, run->shortages[i].error);
}

/* ---- The command line ---- */

/* Prints what is wrong with the command line, as printf(3) would, and the usage; ends with 2. */
__attribute__((format(printf, 1, 2))) static _Noreturn void refuse(const char *format, ...) {
    va_list values;
    va_start(values, format);
    fputs("client: ", stderr);
    vfprintf(stderr, format, values);
    va_end(values);
    fprintf(stderr, "\n%s", USAGE);
    exit(2);
}

/* Returns an option's value, a number above 0, whole or decimal, up to max; or refuses it. */
static double parse_number(const char *option, const char *text, bool whole, long max) {
    char *end;
    double number = strtod(text, &end);
    bool spelt = *end == '\0' && text[strspn(text, whole ? "0123456789" : ".0123456789")] == '\0';
    if (end != text && spelt && number > 0 && number <= (double)max) return number;
    refuse("--%s '%s' is not a %snumber above 0, up to %ld", option, text, whole ? "whole " : "",
           max);
}

/* Returns the options; ends with status 2 if they are bad, with 0 after the help. */
static struct options parse_options(int argc, char *argv[]) {
    static const struct option LONG[] = {{"max-clients", required_argument, NULL, 'c'},
                                         {"max-conns", required_argument, NULL, 'n'},
                                         {"host", required_argument, NULL, 'H'},
                                         {"port", required_argument, NULL, 'p'},
                                         {"timeout", required_argument, NULL, 't'},
                                         {"barrier", no_argument, NULL, 'b'},
                                         {"no-read", no_argument, NULL, 'R'},
                                         {"verbose", no_argument, NULL, 'v'},
                                         {"help", no_argument, NULL, 'h'},
                                         {NULL, 0, NULL, 0}};
    struct options set = {
        .clients = 1, .conns = 1, .timeout = 5, .host = "127.0.0.1", .port = 8888};
    for (int option; (option = getopt_long(argc, argv, "c:n:H:p:t:bvh", LONG, NULL)) != -1;) {
        switch (option) {
        case 'c': set.clients = (long)parse_number("max-clients", optarg, true, MAX_CLIENTS); break;
        case 'n': set.conns = (long)parse_number("max-conns", optarg, true, MAX_CONNS); break;
        case 'p': set.port = (long)parse_number("port", optarg, true, MAX_PORT); break;
        case 't': set.timeout = parse_number("timeout", optarg, false, MAX_SECONDS); break;
        case 'H': set.host = optarg; break;
        case 'b': set.barrier = true; break;
        case 'R': set.no_read = true; break;
        case 'v': set.verbose = true; break;
        case 'h': printf("%s%s", USAGE, HELP); exit(fflush(stdout) == EOF);
        default: fputs(USAGE, stderr); exit(2); /* getopt_long has said what is wrong */
        }
    }
    if (optind < argc) refuse("'%s' is unexpected", argv[optind]);
    if (set.clients * set.conns > MAX_TOTAL) refuse("more than %d connections in all", MAX_TOTAL);
    return set;
}

/* Plans the run: addresses, request, room for the results; ends with status 2 if there is no such
 * host. The room is not touched before it is needed: memory makes each fork(2) slower. */
static void plan(struct run *run) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    const char *host = run->options.host;
    char port[8];
    (void)snprintf(port, sizeof port, "%ld", run->options.port);
    int error = *host ? getaddrinfo(host, port, &hints, &run->addresses) : EAI_NONAME;
    if (error != 0) refuse("--host '%s': %s", host, gai_strerror(error));
    format_peer(run->peer, sizeof run->peer, host, port);
    format_request(run->request, run->peer);
    run->total = run->options.clients * run->options.conns;
    run->living = calloc((size_t)run->options.clients, sizeof *run->living);
    if (!run->living) die("calloc");
    for (int i = 0; i < MOMENTS; i++) {
        run->times[i] = calloc((size_t)run->total, sizeof *run->times[i]);
        if (!run->times[i]) die("calloc");
    }
}

int main(int argc, char *argv[]) {
    static struct run run;
    run.options = parse_options(argc, argv);
    for (int fd = 0; fd <= 2; fd++) /* closed by the caller? None of our pipes must become stdout */
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) == -1) die("open");
    plan(&run);
    struct sigaction ignore = {.sa_handler = SIG_IGN}, by_default = {.sa_handler = SIG_DFL};
    if (sigaction(SIGPIPE, &ignore, NULL) == -1) die("sigaction"); /* send returns EPIPE instead */
    if (sigaction(SIGCHLD, &by_default, NULL) == -1) die("sigaction"); /* or none could be reaped */
    handle_signals(on_signal);
    make_pipes(&run);

    run.begun = now();
    start_clients(&run);
    close_end(&run.results[1]);
    close_end(&run.lifeline[0]);
    close_end(&run.ready[1]);
    close_end(&run.go[0]);
    collect(&run);
    double seconds = now() - run.begun;
    end_clients(&run);
    show_progress(&run, true);
    print_summary(&run, seconds);
    if (fflush(stdout) == EOF || ferror(stdout)) die("stdout");

    freeaddrinfo(run.addresses);
    free(run.living);
    for (int i = 0; i < MOMENTS; i++) free(run.times[i]);
    if (interrupted) {
        handle_signals(SIG_DFL);
        (void)raise(interrupted); /* so that the caller sees why */
    }
    return run.counts[ENDED] + run.counts[SENT] == run.total ? EXIT_SUCCESS : EXIT_FAILURE;
}
