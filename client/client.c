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
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CLIENTS = 100000, MAX_CONNECTIONS = 100000, MAX_TOTAL = 1000000 };
enum { MAX_PORT = 65535, MAX_SECONDS = 86400, REQUEST_SIZE = 512, EXCERPT_SIZE = 256 };
static const double TICK = 0.1;  /* seconds from one look at the clock and the dead to the next */
static const double GRACE = 2.0; /* seconds a client may be late before the parent ends it */
static const double RESENT = 0.9; /* a connect that takes this long had its SYN sent again */

static const char USAGE[] = "usage: client [-c CLIENTS] [-n CONNECTIONS] [-H HOST] [-p PORT] "
                            "[-t SECONDS] [-b] [--no-read] [-v] [-h]\n";
static const char HELP[] =
    "  -c, --max-clients N   fork N clients (1)\n"
    "  -n, --max-conns M     each holds M connections open together (1)\n"
    "  -H, --host HOST       connect to this host (127.0.0.1)\n"
    "  -p, --port PORT       and to this port (8888)\n"
    "  -t, --timeout SECONDS time of a client for all of its connections (5)\n"
    "  -b, --barrier         all clients begin at the same instant\n"
    "      --no-read         send the request, then leave, as the article's client does\n"
    "  -v, --verbose         each connection: socket pair, descriptor, times, answer\n"
    "  -h, --help            print this\n";

struct options {
    long clients, connections; /* connections of each client */
    double timeout;            /* seconds */
    const char *host;
    char port[8];
    bool barrier, no_read, verbose;
};

enum outcome {
    ENDED, NO_END, NO_ANSWER, NEVER_CONNECTED, RESET, REFUSED, NOT_STARTED, SENT, UNKNOWN, OUTCOMES
};
static const char *const LABELS[OUTCOMES] = {
    [ENDED] = "answered and ended",
    [NO_END] = "answered, but no end of file",
    [NO_ANSWER] = "connected, but no answer",
    [NEVER_CONNECTED] = "never connected (queue full?)",
    [RESET] = "reset",
    [REFUSED] = "refused",
    [NOT_STARTED] = "could not start",
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
    int number, descriptor, error;  /* from 1 on; -1 if there is none; errno, or 0 */
    bool ended;                     /* recv(2) has returned end of file */
    size_t sent, excerpt_size;      /* bytes of the request; of the excerpt */
    double begun, times[MOMENTS];   /* when connect(2) was called; seconds from then, or -1 */
    struct answer answer;
    char excerpt[EXCERPT_SIZE]; /* the answer's beginning */
};

/* What a client reports to the parent of one connection. */
struct record {
    double times[MOMENTS];
    int client, connection, outcome, error, descriptor, excerpt_size;
    char pair[144]; /* the socket pair, as text */
    char excerpt[EXCERPT_SIZE];
};
_Static_assert(sizeof(struct record) <= 512, "a write within PIPE_BUF is never torn: see write(2)");

/* What the parent knows. Its clients inherit a copy and read the plan from it. */
struct run {
    struct options options; /* the plan, as far as peer */
    struct addrinfo *addresses;
    char peer[300], request[REQUEST_SIZE]; /* host and port; the request to send */
    int results[2], lifeline[2];           /* pipes; nothing is ever written to the lifeline, */
    int ready[2], go[2];                   /* ready and go: they speak by being closed */
    int client;                            /* number, from 1 on, of the client that this is */
    pid_t *living;                         /* clients not yet reaped */
    long alive, total, reported;           /* clients; connections; connections */
    double begun, deadline, ticked;        /* seconds on the clock of now() */
    long counts[OUTCOMES], samples[MOMENTS];
    double *times[MOMENTS]; /* seconds, samples of them each */
    struct shortage {
        int error; /* errno, or 0 if the client died */
        long count;
    } shortages[8];
    char buffer[64 * sizeof(struct record)]; /* read from the results pipe, */
    size_t filled;                           /* this many bytes */
};

static volatile sig_atomic_t interrupted; /* the signal that asks the parent to end, or 0 */

/* Ends the program with status 1, the name of the call that failed and its reason, errno. */
static _Noreturn void die(const char *call) {
    perror(call);
    exit(EXIT_FAILURE);
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

/* ------------------------------------------------------------------ pure: answers and outcomes */

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
    case ENOBUFS: return NOT_STARTED;
    case ECONNRESET:
    case EPIPE: return RESET; /* EPIPE: reset before all was sent */
    case ECONNREFUSED: return REFUSED;
    default: break;
    }
    if (!connected) return error == 0 || error == ETIMEDOUT ? NEVER_CONNECTED : NOT_STARTED;
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

/* ------------------------------------------------------------------------- a client, in a child */

/* Writes the socket pair, "127.0.0.1:43210 -> 127.0.0.1:8888", into pair. See getsockname(2). */
static void format_pair(char *pair, size_t size, const struct connection *connection) {
    char host[2][56] = {"?", "?"}, port[2][8] = {"?", "?"}, end[2][68];
    for (int i = 0; i < 2; i++) {
        struct sockaddr_storage address = {0};
        socklen_t length = sizeof address;
        struct sockaddr *name = (struct sockaddr *)&address;
        if (i == 0 ? getsockname(connection->descriptor, name, &length) == 0
                   : getpeername(connection->descriptor, name, &length) == 0)
            (void)getnameinfo(name, length, host[i], sizeof host[i], port[i], sizeof port[i],
                              NI_NUMERICHOST | NI_NUMERICSERV); /* a failure leaves "?" */
        format_peer(end[i], sizeof end[i], host[i], port[i]);
    }
    (void)snprintf(pair, size, "%s -> %s", end[0], end[1]);
}

/* Settles a connection, but leaves it open, and reports it; a client without a parent ends. */
static void settle(const struct run *run, struct connection *connection) {
    struct record record;
    bool connected = connection->times[CONNECT] >= 0, whole = answer_is_whole(&connection->answer);
    enum outcome outcome = classify(connected, whole, connection->ended, connection->error);
    if (run->options.no_read && connection->sent == strlen(run->request)) outcome = SENT;
    connection->state = SETTLED;

    memset(&record, 0, sizeof record); /* no stray bytes in the pipe */
    memcpy(record.times, connection->times, sizeof record.times);
    memcpy(record.excerpt, connection->excerpt, connection->excerpt_size);
    record.client = run->client;
    record.connection = connection->number;
    record.outcome = (int)outcome;
    record.error = connection->error;
    record.descriptor = connection->descriptor;
    record.excerpt_size = (int)connection->excerpt_size;
    if (run->options.verbose && connection->descriptor != -1)
        format_pair(record.pair, sizeof record.pair, connection);
    if (write(run->results[1], &record, sizeof record) != (ssize_t)sizeof record)
        _exit(EXIT_FAILURE);
}

/* Begins to connect to the present address, or to one after it; if none is left, settles with the
 * last errno, or with the refusal if there was one. See connect(2), EINPROGRESS. */
static void begin_connect(const struct run *run, struct connection *connection) {
    for (; connection->address; connection->address = connection->address->ai_next) {
        const struct addrinfo *address = connection->address;
        int error, descriptor = socket(address->ai_family, SOCK_STREAM, address->ai_protocol);
        connection->begun = now();
        if (descriptor != -1 && fcntl(descriptor, F_SETFL, O_NONBLOCK) != -1 &&
            (connect(descriptor, address->ai_addr, address->ai_addrlen) == 0 ||
             errno == EINPROGRESS)) {
            connection->descriptor = descriptor;
            connection->error = 0;
            return;
        }
        error = errno == EAGAIN ? EADDRNOTAVAIL : errno; /* Linux's other word for "no port left" */
        if (connection->error != ECONNREFUSED) connection->error = error;
        if (descriptor != -1) (void)close(descriptor); /* it has failed already */
    }
    settle(run, connection);
}

/* Notes how connecting has ended: connected, or on to the next address. */
static void end_connect(const struct run *run, struct connection *connection) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(connection->descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
        error = errno;
    if (error == 0) {
        connection->times[CONNECT] = now() - connection->begun;
        connection->state = SENDING;
        return;
    }
    (void)close(connection->descriptor); /* it has failed already */
    connection->descriptor = -1;
    connection->error = error;
    connection->address = connection->address->ai_next;
    begin_connect(run, connection);
}

/* Sends as much of the rest of the request as send(2) takes now. */
static void send_request(const struct run *run, struct connection *connection) {
    size_t size = strlen(run->request);
    ssize_t sent = send(connection->descriptor, run->request + connection->sent,
                        size - connection->sent, 0);
    if (sent == -1) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return;
        connection->error = errno;
        settle(run, connection);
        return;
    }
    connection->sent += (size_t)sent;
    if (connection->sent < size) return;
    connection->state = READING;
    if (run->options.no_read) settle(run, connection);
}

/* Reads what one recv(2) returns of the answer, or its end; the rest is left to the next poll. */
static void read_answer(const struct run *run, struct connection *connection) {
    char bytes[4096];
    ssize_t received = recv(connection->descriptor, bytes, sizeof bytes, 0);
    double time = now() - connection->begun;
    if (received > 0) {
        size_t size = (size_t)received, room = EXCERPT_SIZE - connection->excerpt_size;
        if (connection->times[FIRST_BYTE] < 0) connection->times[FIRST_BYTE] = time;
        answer_feed(&connection->answer, bytes, size);
        memcpy(connection->excerpt + connection->excerpt_size, bytes, size < room ? size : room);
        connection->excerpt_size += size < room ? size : room;
        return;
    }
    if (received == -1 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
    if (received == -1) connection->error = errno;
    else connection->times[END_OF_FILE] = time;
    connection->ended = received == 0;
    settle(run, connection);
}

/* Waits until a connection can go on, at most until the deadline; returns how many are unsettled.
 * polled has room for one more than there are connections: only open descriptors are in it, since
 * poll(2) refuses more than a process may have. Ends the client if the parent is gone. */
static long wait_for_any(const struct run *run, struct connection *connections,
                         struct pollfd *polled, double deadline) {
    nfds_t count = 0;
    polled[count++] = (struct pollfd){.fd = run->lifeline[0], .events = POLLIN};
    for (long i = 0; i < run->options.connections; i++)
        if (connections[i].state != SETTLED)
            polled[count++] =
                (struct pollfd){.fd = connections[i].descriptor,
                                .events = connections[i].state == READING ? POLLIN : POLLOUT};
    if (count == 1) return 0;
    if (poll(polled, count, to_milliseconds(deadline - now())) == -1) {
        if (errno != EINTR && errno != EAGAIN) _exit(EXIT_FAILURE); /* EINTR: was stopped */
        for (nfds_t i = 0; i < count; i++) polled[i].revents = 0;
    }
    if (polled[0].revents) _exit(EXIT_FAILURE); /* the lifeline has been cut */
    return (long)count - 1;
}

/* Takes one step with every connection that can go on; polled lists the unsettled, in order. */
static void advance_all(const struct run *run, struct connection *connections,
                        const struct pollfd *polled) {
    for (struct connection *connection = connections;
         connection < connections + run->options.connections; connection++) {
        if (connection->state == SETTLED || (++polled)->revents == 0) continue;
        if (connection->state == CONNECTING) end_connect(run, connection);
        if (connection->state == SENDING) send_request(run, connection);
        else if (connection->state == READING) read_answer(run, connection);
    }
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
    long count = run->options.connections;
    struct connection *connections = calloc((size_t)count, sizeof *connections);
    struct pollfd *polled = calloc((size_t)count + 1, sizeof *polled);
    if (!connections || !polled) _exit(EXIT_FAILURE); /* the parent counts what is missing */
    if (run->options.barrier) wait_for_go(run);

    double deadline = now() + run->options.timeout;
    for (long i = 0; i < count; i++) {
        connections[i] = (struct connection){.address = run->addresses,
                                             .number = (int)i + 1,
                                             .descriptor = -1,
                                             .times = {-1, -1, -1}};
        begin_connect(run, &connections[i]);
    }
    while (wait_for_any(run, connections, polled, deadline) > 0) {
        advance_all(run, connections, polled);
        for (long i = 0; i < count && now() >= deadline; i++) /* their time is up */
            if (connections[i].state != SETTLED) settle(run, &connections[i]);
    }
    free(connections);
    free(polled);
    _exit(EXIT_SUCCESS); /* closes all connections */
}

/* --------------------------------------------------------------------------------- the parent */

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

/* Closes one end of a pipe, if it is open, and notes that. */
static void close_end(int *end) {
    if (*end != -1 && close(*end) == -1) die("close");
    *end = -1;
}

/* Counts connections that the client itself could not start or finish, by errno or 0. */
static void add_shortage(struct run *run, int error, long count) {
    struct shortage *last = run->shortages + sizeof run->shortages / sizeof *run->shortages - 1;
    struct shortage *shortage = run->shortages;
    while (shortage < last && shortage->count > 0 && shortage->error != error) shortage++;
    shortage->error = error;
    shortage->count += count;
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
    else printf("%s, descriptor %d\n", record->pair, record->descriptor);
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
    run->reported++;
    run->counts[record->outcome]++;
    if (record->outcome == NOT_STARTED) add_shortage(run, record->error, 1);
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
        case -1: {
            long missing = run->options.clients - run->client + 1;
            add_shortage(run, errno, missing * run->options.connections);
            run->counts[NOT_STARTED] += missing * run->options.connections;
            run->reported += missing * run->options.connections;
            return;
        }
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

/* Collects records until all clients have ended, a signal has come or the deadline is past. */
static void collect(struct run *run) {
    bool open = true;
    run->deadline = now() + run->options.timeout + GRACE; /* also for a client to get ready */
    while (open && !interrupted) {
        struct pollfd polled[2] = {{.fd = run->results[0], .events = POLLIN},
                                   {.fd = run->ready[0], .events = POLLIN}}; /* -1 is skipped */
        int count = poll(polled, 2, to_milliseconds(TICK));
        if (count == -1 && errno != EINTR && errno != EAGAIN) die("poll");
        if (count > 0 && polled[0].revents) open = take_records(run);
        if (count > 0 && polled[1].revents) let_go(run); /* all are ready */
        if (now() < run->ticked + TICK) continue;
        run->ticked = now();
        show_progress(run, false);
        reap(run, WNOHANG);
        if (now() < run->deadline) continue;
        if (run->go[1] == -1) return; /* some are stuck: stopped, perhaps */
        let_go(run);                  /* without those that are not ready */
    }
}

/* Ends the clients that still live, reaps them and counts what none of them has reported. */
static void end_clients(struct run *run, bool all_done) {
    close_end(&run->lifeline[1]);
    for (long i = 0; i < run->alive && !all_done; i++)
        if (kill(run->living[i], SIGKILL) == -1) die("kill"); /* not reaped, so the pid is ours */
    reap(run, 0);
    while (take_records(run)) continue; /* what they wrote before */
    show_progress(run, true);
    long missing = run->total - run->reported;
    if (missing > 0 && !interrupted) add_shortage(run, 0, missing);
    run->counts[interrupted ? UNKNOWN : NOT_STARTED] += missing;
}
