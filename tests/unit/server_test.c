/*
 * The functions of a stage's server, one at a time. Built once for each program, which it includes:
 * SERVER is the program's file, STAGE its number; EINTR_PROGRAM is defined for step6_sigchld/eintr.
 *
 * Three means, in this order below: fakes of the calls that the program makes, which write each one
 * down and let it fail; watch, which runs a function in a process of its own and returns all that
 * came of it; and expect_text and expect_number, which say what was expected, what was seen, and
 * where to look. README.md, beside this file, says how to run one test.
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the stages have, and what they lack on purpose. */
#define FORKS (STAGE >= 3)
#define LEAKS (STAGE == 4)
#define REAPS (STAGE >= 6)
#ifdef EINTR_PROGRAM
#define IS_EINTR true
#else
#define IS_EINTR false
#endif
#define DIES_OF_EINTR (STAGE < 6 || IS_EINTR)

enum { PATIENCE = 5 }; /* seconds: the alarm that ends each process here, should it hang */
enum { NOT_POSSIBLE = 77, NO_MORE_CLIENTS = 99 }; /* exit statuses of our own */

/* ---- Fakes: every call is written down, and fails when a test wants it to. ---- */

static struct {
    const char *call; /* how the line of the call that is to fail begins, as "close listener" */
    int error;
    int after; /* as many such calls succeed first */
} failure;
static int arrivals[8]; /* what accept returns: descriptors, negative errnos, and a final 0 */
static enum { FORK, STAY_PARENT, BECOME_CHILD } at_fork; /* the latter two without forking */
static size_t piece; /* the most that one send takes; 0: whatever the kernel takes */
static int sends; /* calls of send so far */
static pid_t watched; /* the process whose calls are written down */
static FILE *calls; /* where to */
static int listening_socket = -1; /* the descriptors that accept was given and returned */
static int accepted_socket = -1;

/* Writes a call down; returns whether it is to fail, with errno set. */
static bool fails(const char *format, ...) {
    char call[64];
    va_list list;
    va_start(list, format);
    vsnprintf(call, sizeof call, format, list);
    va_end(list);
    if (watched == getpid()) fprintf(calls, "%s%s", ftell(calls) > 0 ? ", " : "", call);
    if (!failure.call || strncmp(call, failure.call, strlen(failure.call)) != 0) return false;
    if (failure.after-- != 0) return false;
    errno = failure.error;
    return true;
}

static _Noreturn void end_process(const char *call, int status) {
    (void)fails("%s %d", call, status);
    if (call[0] != '_') fflush(stdout); /* the difference between exit and _exit that counts here */
    _exit(status);
}

/* Waits until a child has ended, if there is one, and leaves a mark in the list of calls if nobody
 * else has waited for it: a handler of SIGCHLD runs before waitid returns. */
static void look_for_zombies(void) {
    siginfo_t child = {.si_pid = 0};
    while (waitid(P_ALL, 0, &child, WEXITED | WNOWAIT) == -1 && errno == EINTR) continue;
    child.si_pid = 0;
    if (waitid(P_ALL, 0, &child, WEXITED | WNOWAIT | WNOHANG) == 0 && child.si_pid != 0)
        (void)fails("(a zombie)");
}

static int fake_accept(int listener) {
    static size_t next;
    int arrival = arrivals[next++];
    listening_socket = listener;
    look_for_zombies();
    if (fails("accept")) return -1;
    if (arrival == 0) end_process("no more clients", NO_MORE_CLIENTS);
    if (arrival > 0) return accepted_socket = arrival;
    errno = -arrival;
    return -1;
}

#if FORKS
static pid_t fake_fork(void) {
    if (fails("fork")) return -1;
    if (at_fork != FORK) return at_fork == BECOME_CHILD ? 0 : watched;
    pid_t pid = fork();
    if (pid == 0) alarm(PATIENCE);
    return pid;
}
#endif

static int fake_close(int fd) {
    const char *name = fd == listening_socket  ? "listener"
                       : fd == accepted_socket ? "connection"
                                               : "stranger";
    return fails("close %s", name) ? -1 : close(fd);
}

static ssize_t fake_send(int fd, const void *data, size_t size, int flags) {
    sends++;
    return fails("send") ? -1 : send(fd, data, piece && piece < size ? piece : size, flags);
}

static int fake_bind(int fd, const struct sockaddr *address, socklen_t size) {
    const struct sockaddr_in *in = (const void *)address;
    const char *host = inet_ntoa(in->sin_addr);
    return fails("bind %s:%d", host, ntohs(in->sin_port)) ? -1 : bind(fd, address, size);
}

static int fake_sigaction(int signum, const struct sigaction *new, struct sigaction *old) {
    const char *name = signum == SIGPIPE ? "SIGPIPE" : signum == SIGCHLD ? "SIGCHLD" : "other";
    const char *flags = new->sa_flags == 0 ? "no flags" : "flags";
    const char *deed = new->sa_handler == SIG_IGN ? "ignored" : "handled";
    return fails("sigaction %s %s %s", name, deed, flags) ? -1 : sigaction(signum, new, old);
}

#if STAGE >= 2
static bool real_naps; /* else nanosleep returns at once */

static int fake_nanosleep(const struct timespec *length, struct timespec *left) {
    if (fails("nanosleep %ld.%03ld", (long)length->tv_sec, length->tv_nsec / 1000000)) return -1;
    return real_naps ? nanosleep(length, left) : 0;
}
#endif

#define setvbuf(...) (fails("setvbuf") ? -1 : setvbuf(__VA_ARGS__))
#define sigaction(...) fake_sigaction(__VA_ARGS__)
#define socket(...) (fails("socket") ? -1 : socket(__VA_ARGS__))
#define setsockopt(...) (fails("setsockopt") ? -1 : setsockopt(__VA_ARGS__))
#define bind(...) fake_bind(__VA_ARGS__)
#define listen(fd, backlog) (fails("listen %d", backlog) ? -1 : listen(fd, backlog))
#define getsockname(...) (fails("getsockname") ? -1 : getsockname(__VA_ARGS__))
#define accept(listener, address, size) fake_accept(listener)
#define fork() fake_fork()
#define recv(...) (fails("recv") ? -1 : recv(__VA_ARGS__))
#define send(...) fake_send(__VA_ARGS__)
#define nanosleep(...) fake_nanosleep(__VA_ARGS__)
#define close(fd) fake_close(fd)
#define exit(status) end_process("exit", status)
#define _exit(status) end_process("_exit", status)
#define main server_main
#include SERVER // NOLINT(bugprone-suspicious-include): on purpose, see above
#undef setvbuf
#undef sigaction
#undef socket
#undef setsockopt
#undef bind
#undef listen
#undef getsockname
#undef accept
#undef fork
#undef recv
#undef send
#undef nanosleep
#undef close
#undef exit
#undef _exit
#undef main

/* ---- Watch: a function in a process of its own. ---- */

struct outcome {
    pid_t pid;
    int status; /* its exit status, or 128 + the signal that ended it */
    char out[4096], err[4096];
    char calls[2048]; /* "accept, fork, close connection", of this process, not of its children */
};

/* Makes bytes a string; a NUL among them becomes \1, so that it is seen. */
static char *terminated(char *bytes, size_t size) {
    bytes[size] = '\0';
    for (char *nul; (nul = memchr(bytes, '\0', size));) *nul = '\1';
    return bytes;
}

static void read_all(FILE *file, char *bytes, size_t size) {
    rewind(file);
    terminated(bytes, fread(bytes, 1, size - 1, file));
    fclose(file);
}

static bool disk_is_full; /* where standard output goes */

/* Runs function(argument), waits for all processes that come of it, and returns what was seen. */
static struct outcome watch(void (*function)(int), int argument) {
    struct outcome seen = {.status = 0};
    FILE *out = tmpfile(), *err = tmpfile();
    int life[2]; /* each process holds the writing end: the last one that ends makes end of file */
    calls = tmpfile();
    cr_assert(out && err && calls && pipe(life) == 0, "no temporary file or pipe");
    fflush(stdout); /* or the child inherits what is not yet written: a lesson of stage 3 */
    seen.pid = fork();
    cr_assert(seen.pid != -1, "cannot fork");
    if (seen.pid == 0) {
        alarm(PATIENCE);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20}); /* should it print for ever */
        watched = getpid();
        int output = disk_is_full ? open("/dev/full", O_WRONLY) : fileno(out);
        if (dup2(output, 1) == -1 || dup2(fileno(err), 2) == -1) end_process("dup2", NOT_POSSIBLE);
        setvbuf(calls, NULL, _IONBF, 0);
        setvbuf(stdout, NULL, _IOLBF, 0); /* as main does */
        function(argument);
        end_process("returned", 0);
    }
    close(life[1]);
    while (read(life[0], &(char){0}, 1) == -1 && errno == EINTR) continue;
    close(life[0]);
    int status;
    cr_assert(waitpid(seen.pid, &status, 0) == seen.pid, "the watched process is gone");
    seen.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    read_all(out, seen.out, sizeof seen.out);
    read_all(err, seen.err, sizeof seen.err);
    read_all(calls, seen.calls, sizeof seen.calls);
    return seen;
}

static char *arguments[8]; /* of main; the first one of parse_number */

static void main_with_arguments(int count) {
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ); /* as it is when the output goes to a file */
    end_process("exit", server_main(count, arguments));
}

/* Runs main with these arguments: run("-p", "0"). */
#define run(...) run_main((char *[]){"server", __VA_ARGS__, NULL})
static struct outcome run_main(char *list[]) {
    int count = 0;
    for (; list[count]; count++) arguments[count] = list[count];
    arguments[count] = NULL;
    return watch(main_with_arguments, count);
}

/* ---- Expectations. ---- */

/* These return one of a few buffers in turn. */
static char *buffer(void) {
    static char buffers[16][8192];
    static int next;
    return buffers[next++ % 16];
}

static const char *text(const char *format, ...) {
    char *result = buffer();
    va_list list;
    va_start(list, format);
    vsnprintf(result, 8192, format, list);
    va_end(list);
    return result;
}

/* The part of string that begins with start; all of it where there is none. */
static const char *from(const char *string, const char *start) {
    const char *part = strstr(string, start);
    return part ? part : string;
}

/* The number that follows these words in string, or 0. */
static long number_after(const char *words, const char *string) {
    const char *part = strstr(string, words);
    return part ? strtol(part + strlen(words), NULL, 10) : 0;
}

/* As in C source: what cannot be printed is spelt out. */
static const char *quoted(const char *string) {
    char *result = buffer(), *to = result;
    for (*to++ = '"'; *string && to < result + 8180; string++) {
        if (*string == '\n' || *string == '\r') {
            *to++ = '\\', *to++ = *string == '\n' ? 'n' : 'r';
        } else if (*string < ' ' || *string > '~') {
            to += snprintf(to, 5, "\\%03o", (unsigned)(unsigned char)*string);
        } else *to++ = *string;
    }
    *to++ = '"', *to = '\0';
    return result;
}

/* What follows the expected value says where to look, with the values of printf. */
#define expect_text(seen, expected, ...)                                                           \
    do {                                                                                           \
        const char *seen_ = (seen), *expected_ = (expected);                                       \
        cr_expect(strcmp(seen_, expected_) == 0,                                                   \
                  #seen "\n    expected %s\n    seen     %s\n    look at  %s", quoted(expected_),  \
                  quoted(seen_), text(__VA_ARGS__));                                               \
    } while (0)
#define expect_number(seen, expected, ...)                                                         \
    do {                                                                                           \
        long seen_ = (long)(seen), expected_ = (long)(expected);                                   \
        cr_expect(seen_ == expected_,                                                              \
                  #seen "\n    expected %ld\n    seen     %ld\n    look at  %s", expected_, seen_, \
                  text(__VA_ARGS__));                                                              \
    } while (0)

static int client = -1, server = -1; /* the two ends of a connection */

static void connect_client(void) {
    int pair[2];
    cr_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "no socket pair");
    client = pair[0], server = pair[1];
}

static void client_sends(const void *data, size_t size) {
    cr_assert(send(client, data, size, 0) == (ssize_t)size, "the client cannot send");
}

/* What has arrived at this end by now. */
static const char *received_by(int end_of_connection) {
    char *result = buffer();
    ssize_t size = recv(end_of_connection, result, 8191, MSG_DONTWAIT);
    return terminated(result, size > 0 ? (size_t)size : 0);
}

static const char REQUEST[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const char PRINTED_REQUEST[] = "GET /hello HTTP/1.1 \nHost: localhost \n \n\n";

static void connect_client_with_request(void) {
    connect_client();
    client_sends(REQUEST, strlen(REQUEST));
}

/* From stage 3 on, what a process prints before the request. */
static const char *child_line(pid_t pid, pid_t parent) {
    return FORKS ? text("Child PID: %ld. Parent PID: %ld\n", (long)pid, (long)parent) : "";
}

/* What the caller ignores is inherited, even through exec. The alarm ends a test that hangs. */
static void prepare(void) {
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    alarm(3 * PATIENCE); /* later than those of the processes it watches */
}

/* ---- send_all ---- */

TestSuite(send_all, .init = prepare);

Test(send_all, sends_nothing_when_the_size_is_0) {
    connect_client();
    expect_number(send_all(server, "text", 0), 0, "the loop of send_all");
    expect_number(sends, 0, "the condition of its loop: there is nothing to send");
}

Test(send_all, goes_on_after_a_short_send) {
    for (piece = 1; piece <= sizeof RESPONSE; piece++) {
        connect_client();
        int all = (int)strlen(RESPONSE), size = (int)piece;
        sends = 0;
        expect_number(send_all(server, RESPONSE, strlen(RESPONSE)), 0,
                      "send_all where send takes %d of %d bytes", size, all);
        expect_text(received_by(client), RESPONSE,
                    "how data and size move on after a send of %d bytes", size);
        expect_number(sends, (all + size - 1) / size, "how often send_all calls send");
        close(client);
        close(server);
    }
}

Test(send_all, stops_at_the_send_that_fails_and_keeps_its_errno) {
    connect_client();
    piece = 1;
    failure.call = "send", failure.error = ECONNRESET, failure.after = 4;
    errno = 0;
    expect_number(send_all(server, RESPONSE, strlen(RESPONSE)), -1, "the check of send's result");
    expect_number(errno, ECONNRESET, "what happens between the failed send and the return");
    expect_number(sends, 5, "the return after the failed send");
    expect_text(received_by(client), "HTTP", "the four bytes sent before the failure");
}

Test(send_all, fails_with_EPIPE_when_the_client_has_gone) {
    connect_client();
    signal(SIGPIPE, SIG_IGN); /* as main does */
    close(client);
    errno = 0;
    expect_number(send_all(server, RESPONSE, strlen(RESPONSE)), -1, "the check of send's result");
    expect_number(errno, EPIPE, "what happens between the failed send and the return");
}

Test(send_all, fails_with_EBADF_when_there_is_no_connection) {
    errno = 0;
    expect_number(send_all(-1, RESPONSE, strlen(RESPONSE)), -1, "the check of send's result");
    expect_number(errno, EBADF, "what happens between the failed send and the return");
}

/* Byte i of a long text whose bytes do not repeat with any power of two. */
static char byte_at(size_t i) {
    return (char)('a' + i % 23);
}

/* Reads slowly, to the end; returns 0 when all of it came in order, 1 for a wrong byte, 2 for a
 * wrong length. */
static int read_slowly(int connection, size_t size) {
    char bytes[1000];
    size_t position = 0;
    for (ssize_t count; (count = recv(connection, bytes, sizeof bytes, 0)) > 0;)
        for (ssize_t i = 0; i < count; i++)
            if (bytes[i] != byte_at(position++)) return 1;
    return position == size ? 0 : 2;
}

Test(send_all, delivers_megabytes_through_a_small_buffer_in_order) {
    static char data[3 << 20];
    int small = 1, status;
    piece = 65537; /* or one send would take all, as it does on a connection that may block */
    signal(SIGPIPE, SIG_IGN); /* the reader leaves at the first wrong byte */
    connect_client();
    for (size_t i = 0; i < sizeof data; i++) data[i] = byte_at(i);
    cr_assert(setsockopt(server, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
    pid_t reader = fork();
    cr_assert(reader != -1, "cannot fork");
    if (reader == 0) {
        alarm(PATIENCE);
        close(server);
        _exit(read_slowly(client, sizeof data));
    }
    close(client);
    expect_number(send_all(server, data, sizeof data), 0,
                  "send_all with 3 MiB (-1: the reader left at a wrong byte)");
    close(server);
    cr_assert(waitpid(reader, &status, 0) == reader);
    expect_number(WEXITSTATUS(status), 0,
                  "what arrived (1: a wrong byte, 2: a wrong length): send may take less than all, "
                  "so go on with the rest, data and size. send(2)");
}

/* ---- handle_request ---- */

TestSuite(handle_request, .init = prepare);

Test(handle_request, prints_the_request_and_answers_with_exactly_these_bytes) {
    connect_client_with_request();
    struct outcome seen = watch(handle_request, server);
    expect_text(received_by(client), "HTTP/1.1 200 OK\r\n\r\nHello, World!\n",
                "RESPONSE: CRLF ends each line of the head, and there is no Content-Length");
    expect_text(seen.out, text("%s%s", child_line(seen.pid, getpid()), PRINTED_REQUEST),
                "the printf calls of handle_request");
    expect_text(seen.err, "", "the perror calls: nothing has failed");
    expect_text(seen.calls, "recv, send, returned 0", "the order of the calls");
}

Test(handle_request, prints_a_blank_for_each_byte_that_could_drive_the_terminal) {
    char request[256], printed[258];
    for (int byte = 0; byte < 256; byte++) {
        request[byte] = (char)byte;
        printed[byte] = (char)(byte == '\n' || (' ' <= byte && byte <= '~') ? byte : ' ');
    }
    printed[256] = '\n', printed[257] = '\0';
    connect_client();
    client_sends(request, sizeof request);
    struct outcome seen = watch(handle_request, server);
    expect_text(seen.out, text("%s%s", child_line(seen.pid, getpid()), printed),
                "the loop over the request: NUL, ESC, DEL and bytes from 128 on become blanks");
}

Test(handle_request, answers_a_client_that_ends_without_a_request) {
    connect_client();
    shutdown(client, SHUT_WR);
    struct outcome seen = watch(handle_request, server);
    expect_text(seen.out, text("%s\n", child_line(seen.pid, getpid())),
                "recv returning 0: the request is empty");
    expect_text(received_by(client), RESPONSE, "recv returning 0: that is no failure");
    expect_number(seen.status, 0, "whether an empty request crashes it (128 + the signal)");
}

Test(handle_request, survives_a_client_that_leaves_without_a_request) {
    connect_client();
    signal(SIGPIPE, SIG_IGN);
    close(client);
    struct outcome seen = watch(handle_request, server);
    expect_text(seen.out, text("%s\n", child_line(seen.pid, getpid())),
                "recv returning 0: the request is empty");
    expect_text(seen.err, "send: Broken pipe\n", "the check of send_all's result");
    expect_text(seen.calls, "recv, send, returned 0", "what follows a failed send");
}

Test(handle_request, survives_a_client_that_leaves_before_the_answer) {
    connect_client_with_request();
    signal(SIGPIPE, SIG_IGN);
    close(client);
    struct outcome seen = watch(handle_request, server);
    expect_text(seen.out, text("%s%s", child_line(seen.pid, getpid()), PRINTED_REQUEST),
                "the printf calls of handle_request");
    expect_text(seen.err, "send: Broken pipe\n", "the check of send_all's result");
    expect_text(seen.calls, "recv, send, returned 0", "what follows a failed send");
}

Test(handle_request, reads_once_and_no_more_than_1024_bytes) {
    static const size_t sizes[] = {1023, 1024, 1025, 2000};
    char request[2000];
    memset(request, 'x', sizeof request);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int size = (int)sizes[i], taken = size < 1024 ? size : 1024;
        connect_client();
        client_sends(request, sizes[i]);
        struct outcome seen = watch(handle_request, server);
        expect_text(seen.out, text("%s%.*s\n", child_line(seen.pid, getpid()), taken, request),
                    "the size given to recv, and the %%.*s, for a request of %d bytes", size);
        expect_text(seen.calls, "recv, send, returned 0",
                    "recv: it is called once, whatever it returns");
        expect_number(strlen(received_by(server)), size - taken,
                      "the bytes beyond the first 1,024 of %d: nobody has read them", size);
        close(client);
        close(server);
    }
}

Test(handle_request, does_not_answer_when_recv_fails) {
    struct outcome seen = watch(handle_request, -1);
    expect_text(seen.err, "recv: Bad file descriptor\n", "the check of recv's result");
    expect_text(seen.out, "", "the return after a failed recv");
    expect_text(seen.calls, "recv, returned 0", "the return after a failed recv");
}

#if STAGE >= 2
Test(handle_request, naps_after_the_answer) {
    struct timespec start, stop;
    connect_client_with_request();
    cr_redirect_stdout();
    nap.tv_nsec = 20000000;
    real_naps = true;
    clock_gettime(CLOCK_MONOTONIC, &start);
    handle_request(server);
    clock_gettime(CLOCK_MONOTONIC, &stop);
    double ms =
        (double)(stop.tv_sec - start.tv_sec) * 1e3 + (double)(stop.tv_nsec - start.tv_nsec) / 1e6;
    cr_expect(ms >= 20,
              "the time it took\n    expected 20 ms or more\n    seen     %.3f ms\n    look at  "
              "nanosleep",
              ms);
}

Test(handle_request, reports_a_nap_that_was_interrupted) {
    connect_client_with_request();
    nap.tv_nsec = 1;
    failure.call = "nanosleep", failure.error = EINTR;
    struct outcome seen = watch(handle_request, server);
    expect_text(seen.err, "nanosleep: Interrupted system call\n", "the check of nanosleep");
    expect_text(received_by(client), RESPONSE, "what comes before the nap");
}
#endif

/* ---- listen_on ---- */

TestSuite(listen_on, .init = prepare);

static void listen_on_port(int port) {
    listen_on((in_port_t)port);
}

static int option_of(int fd, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    cr_assert(getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0, "no such option");
    return value;
}

Test(listen_on, listens_on_the_loopback_address_and_prints_the_port) {
    struct sockaddr_in address = {.sin_port = 0};
    socklen_t size = sizeof address;
    char line[64] = "";
    cr_redirect_stdout();
    int listener = listen_on(0);
    fflush(stdout);
    cr_assert(getsockname(listener, (void *)&address, &size) == 0, "listen_on returns no socket");
    cr_assert(fgets(line, sizeof line, cr_get_redirected_stdout()), "listen_on prints nothing");
    expect_text(line, text("Serving HTTP on port %d ...\n", ntohs(address.sin_port)),
                "getsockname: the port printed is the one really bound, in host byte order");
    expect_text(inet_ntoa(address.sin_addr), "127.0.0.1", "sin_addr: not all interfaces");
    expect_number(option_of(listener, SO_ACCEPTCONN), 1, "listen");
    expect_number(option_of(listener, SO_TYPE), SOCK_STREAM, "socket");
    expect_number(option_of(listener, SO_REUSEADDR), 1, "setsockopt: a restart would have to wait");
}

Test(listen_on, asks_for_the_queue_of_the_article) {
    struct outcome seen = watch(listen_on_port, 0);
    expect_text(seen.calls,
                text("socket, setsockopt, bind 127.0.0.1:0, listen %d, getsockname, returned 0",
                     STAGE >= 6 && !DIES_OF_EINTR ? 1024 : 5),
                "the order of the calls, and REQUEST_QUEUE_SIZE: 5 until webserver3f, then 1,024");
}

Test(listen_on, ends_when_the_port_is_in_use) {
    struct sockaddr_in address = {.sin_port = 0};
    socklen_t size = sizeof address;
    cr_redirect_stdout();
    cr_assert(getsockname(listen_on(0), (void *)&address, &size) == 0);
    struct outcome seen = watch(listen_on_port, ntohs(address.sin_port));
    expect_text(seen.err, "bind: Address already in use\n", "the check of bind");
    expect_text(seen.out, "", "where the port is printed: only when it is ours");
    expect_number(seen.status, 1, "die");
}

static void listen_as_nobody(int port) {
    if (getuid() == 0 && (setgid(65534) == -1 || setuid(65534) == -1))
        end_process("setuid", NOT_POSSIBLE);
    listen_on((in_port_t)port);
}

Test(listen_on, ends_when_the_port_is_privileged) {
    char line[16];
    long first = 1024; /* the first port that is open to every user */
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
    if (file && fgets(line, sizeof line, file)) first = strtol(line, NULL, 10);
    if (file) fclose(file);
    if (first <= 1) cr_skip_test("every port is open to every user here, as in some containers");
    struct outcome seen = watch(listen_as_nobody, 1);
    if (seen.status == NOT_POSSIBLE) cr_skip_test("root cannot become another user here");
    expect_text(seen.err, "bind: Permission denied\n", "the check of bind");
    expect_text(seen.out, "", "where the port is printed: only when it is ours");
    expect_number(seen.status, 1, "die");
}

Test(listen_on, ends_when_nobody_can_read_the_port) {
    disk_is_full = true;
    struct outcome seen = watch(listen_on_port, 0);
    expect_text(seen.err, "printf: No space left on device\n", "the check of printf");
    expect_number(seen.status, 1, "die");
}

/* ---- serve_forever: a client may be scripted, and the last accept always fails. ---- */

TestSuite(serve_forever, .init = prepare);

/* Serves these arrivals, then ends, since too many files are open. */
#define serve(...) serve_these((int[8]){__VA_ARGS__, -EMFILE})
static struct outcome serve_these(const int list[8]) {
    memcpy(arrivals, list, sizeof arrivals);
    return watch(serve_forever, open("/dev/null", O_RDWR)); /* only the fake of accept uses it */
}

static const char *parent_line(pid_t pid) {
    return FORKS ? text("Parent PID (PPID): %ld\n", (long)pid) : "";
}

#if FORKS
Test(serve_forever, as_the_parent_closes_its_copy_of_the_connection_in_every_stage_but_4) {
    at_fork = STAY_PARENT;
    struct outcome seen = serve(open("/dev/null", O_RDWR));
    expect_text(seen.calls,
                LEAKS ? "accept, fork, accept, exit 1"
                      : "accept, fork, close connection, accept, exit 1",
                "what the parent does after fork; only a child may read or send");
    expect_text(seen.err, "accept: Too many open files\n", "the perror calls: nothing else failed");
}

Test(serve_forever, as_a_child_closes_the_listening_socket_serves_and_leaves_by__exit) {
    connect_client_with_request();
    at_fork = BECOME_CHILD;
    struct outcome seen = serve(server);
    expect_text(seen.calls, "accept, fork, close listener, recv, send, close connection, _exit 0",
                "case 0 of the switch; exit instead of _exit would write inherited output twice");
    expect_text(received_by(client), RESPONSE, "handle_request");
    expect_text(seen.err, "", "the perror calls: nothing has failed");
    expect_number(seen.status, 0, "_exit");
}

Test(serve_forever, as_a_child_closes_the_connection_though_the_request_failed) {
    at_fork = BECOME_CHILD;
    failure.call = "recv", failure.error = ECONNRESET;
    struct outcome seen = serve(open("/dev/null", O_RDWR));
    expect_text(seen.calls, "accept, fork, close listener, recv, close connection, _exit 0",
                "case 0 of the switch, and how it ends: exit would write inherited output twice");
    expect_text(seen.err, "recv: Connection reset by peer\n", "the check of recv's result");
}

Test(serve_forever, as_a_child_reports_a_close_that_fails) {
    static const char *const which[] = {"close listener", "close connection"};
    at_fork = BECOME_CHILD;
    for (int i = 0; i < 2; i++) {
        connect_client_with_request();
        failure.call = which[i], failure.error = EIO;
        struct outcome seen = serve(server);
        expect_text(seen.err, "close: Input/output error\n", "the check of %s", which[i]);
        expect_text(received_by(client), RESPONSE, "what follows when %s fails", which[i]);
        expect_number(seen.status, 0, "what follows when %s fails", which[i]);
    }
}

Test(serve_forever, ends_when_fork_fails) {
    failure.call = "fork", failure.error = EAGAIN;
    struct outcome seen = serve(open("/dev/null", O_RDWR));
    expect_text(seen.err, "fork: Resource temporarily unavailable\n", "case -1 of the switch");
    expect_text(seen.calls, "accept, fork, exit 1", "case -1 of the switch: -1 is no parent");
    expect_number(seen.status, 1, "die");
}
#else
Test(serve_forever, serves_and_closes_a_connection_before_the_next) {
    connect_client_with_request();
    struct outcome seen = serve(server);
    expect_text(seen.calls, "accept, recv, send, close connection, accept, exit 1",
                "the loop of serve_forever");
    expect_text(received_by(client), RESPONSE, "handle_request");
    expect_text(seen.err, "accept: Too many open files\n", "the perror calls: nothing else failed");
}

Test(serve_forever, closes_the_connection_though_the_request_failed) {
    failure.call = "recv", failure.error = ECONNRESET;
    struct outcome seen = serve(open("/dev/null", O_RDWR));
    expect_text(seen.calls, "accept, recv, close connection, accept, exit 1",
                "the loop of serve_forever, and the return of handle_request");
}
#endif

#if !LEAKS
Test(serve_forever, reports_a_close_that_fails_and_goes_on) {
    at_fork = STAY_PARENT;
    failure.call = "close connection", failure.error = EIO;
    struct outcome seen = serve(open("/dev/null", O_RDWR));
    expect_text(from(seen.err, "close"), "close: Input/output error\naccept: Too many open files\n",
                "the check of close: it is reported, and no reason to end");
}
#endif

Test(serve_forever, numbers_the_connections) {
    int first = open("/dev/null", O_RDWR), second = open("/dev/null", O_RDWR);
    at_fork = STAY_PARENT;
    struct outcome seen = serve(first, -ECONNABORTED, second);
    const char *lines = text("%sConnection 1 is descriptor %d\nConnection 2 is descriptor %d\n",
                             parent_line(seen.pid), first, second);
    expect_text(seen.out, lines, "the printf calls of serve_forever: the count goes up by one");
}

Test(serve_forever, accepts_again_when_a_client_has_gone_before_accept) {
    struct outcome seen = serve(-ECONNABORTED, -ECONNABORTED);
    expect_text(seen.calls, "accept, accept, accept, exit 1",
                "the line with ECONNABORTED: that client has gone, others come. accept(2)");
    expect_text(seen.err, "accept: Too many open files\n", "the line with ECONNABORTED");
    expect_text(seen.out, parent_line(seen.pid), "where the connection is counted");
}

Test(serve_forever, accepts_again_after_a_signal_from_webserver3f_on_and_dies_of_it_before) {
    struct outcome seen = serve(-EINTR);
    const char *dies = "accept: Interrupted system call\n",
               *lives = "accept: Too many open files\n";
    expect_text(seen.err, DIES_OF_EINTR ? dies : lives, "the line with EINTR, or its absence");
    expect_text(seen.calls, DIES_OF_EINTR ? "accept, exit 1" : "accept, accept, exit 1",
                "the line with EINTR, or its absence");
    expect_number(seen.status, 1, "die");
}

Test(serve_forever, ends_when_accept_fails_for_good) {
    static const int errors[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS, EBADF, EINVAL, EPERM};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct outcome seen = serve(-errors[i]);
        expect_text(seen.err, text("accept: %s\n", strerror(errors[i])), "the check of accept");
        expect_text(seen.calls, "accept, exit 1", "the check of accept: to try again would spin");
        expect_number(seen.status, 1, "die");
    }
}

/* ---- parse_number ---- */

TestSuite(parse_number, .init = prepare);

static const char PORT_DIGITS[] = "0123456789", SLEEP_DIGITS[] = "0123456789.";

Test(parse_number, returns_good_values) {
    static const struct {
        const char *text, *digits;
        double max, value;
    } good[] = {
        {"0", PORT_DIGITS, 65535, 0},         {"1", PORT_DIGITS, 65535, 1},
        {"8888", PORT_DIGITS, 65535, 8888},   {"65535", PORT_DIGITS, 65535, 65535},
        {"00080", PORT_DIGITS, 65535, 80},    {"0", SLEEP_DIGITS, 86400, 0},
        {"5", SLEEP_DIGITS, 86400, 5},        {"0.5", SLEEP_DIGITS, 86400, 0.5},
        {".5", SLEEP_DIGITS, 86400, 0.5},     {"5.", SLEEP_DIGITS, 86400, 5},
        {"0.001", SLEEP_DIGITS, 86400, 1e-3}, {"86400", SLEEP_DIGITS, 86400, 86400},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        double value = parse_number(good[i].text, good[i].digits, good[i].max);
        cr_expect(value >= good[i].value && value <= good[i].value,
                  "parse_number of '%s'\n    expected %g\n    seen     %g\n    look at  strtod",
                  good[i].text, good[i].value, value);
    }
}

static void parse_argument(int max) {
    (void)parse_number(arguments[0], max == 65535 ? PORT_DIGITS : SLEEP_DIGITS, max);
}

static void expect_refusal(const char *value, int max) {
    arguments[0] = (char *)value;
    struct outcome seen = watch(parse_argument, max);
    expect_text(seen.err, text("server: '%s' is not a number from 0 to %d\n%s", value, max, USAGE),
                "the condition of parse_number for '%.20s'", value);
    expect_text(seen.out, "", "where the complaint goes: standard error");
    expect_text(seen.calls, "exit 2", "the condition of parse_number for '%.20s'", value);
}

/* What neither a port nor a number of seconds may be. */
static const char *const BAD[] = {
    "",         " ",   " 5",   "5 ",    "5\n",   "\t5",      "+5",         "-5",
    "-0",       "-1",  "0x10", "0X1p3", "inf",   "INFINITY", "-inf",       "nan",
    "NAN",      "1e3", "1E1",  "abc",   "80abc", "80 80",    "1,5",        "1_0",
    ".",        "..5", "5..",  "1.2.3", "99999", "86401",    "4294967296", "18446744073709551616",
    "\303\240", "5'"};

Test(parse_number, refuses_bad_ports) {
    static const char *const bad[] = {"65536", "80.5", "80.", ".5", "0.0"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) expect_refusal(BAD[i], 65535);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) expect_refusal(bad[i], 65535);
}

Test(parse_number, refuses_bad_times) {
    expect_refusal("86400.001", 86400);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) expect_refusal(BAD[i], 86400);
}

Test(parse_number, refuses_what_no_double_can_hold) {
    char digits[501];
    memset(digits, '9', 500);
    digits[500] = '\0';
    expect_refusal(digits, 65535);
    expect_refusal(digits, 86400);
}

/* ---- main ---- */

TestSuite(server_main, .init = prepare);

Test(server_main, prints_its_usage_when_asked) {
    struct outcome seen = run("-h");
    expect_text(seen.out, USAGE, "case 'h': it goes to standard output");
    expect_text(seen.err, "", "case 'h': it is no error");
    expect_text(seen.calls, "setvbuf, exit 0", "case 'h': nothing is started");
    for (const char *option = "psh"; *option; option++)
        cr_expect(strstr(USAGE, text("[-%c", *option)), "look at USAGE: -%c is missing", *option);
}

Test(server_main, fails_when_nobody_can_read_the_usage) {
    disk_is_full = true;
    expect_number(run("-h").status, 1, "case 'h': fputs may fail");
}

/* A bad command line: a line that names the fault, the usage, status 2, and nothing started. */
#define expect_usage_error(fault, ...)                                                             \
    do {                                                                                           \
        struct outcome seen = run(__VA_ARGS__);                                                    \
        char *line = seen.err, *usage = line + strcspn(line, "\n");                                \
        if (*usage) *usage++ = '\0';                                                               \
        cr_expect(strstr(line, fault), "for %s\n    expected %s\n    seen     %s", #__VA_ARGS__,   \
                  quoted(fault), quoted(line));                                                    \
        expect_text(usage, USAGE, "the switch in main, for %s", #__VA_ARGS__);                     \
        expect_text(seen.out, "", "where errors go: standard error, for %s", #__VA_ARGS__);        \
        expect_text(seen.calls, "setvbuf, exit 2", "the switch in main, for %s", #__VA_ARGS__);    \
    } while (0)

Test(server_main, refuses_bad_command_lines) {
    /* For these five the line is getopt's own. */
    expect_usage_error("x", "-x");
    expect_usage_error("x", "-p", "0", "-x");
    expect_usage_error("argument", "-p");
    expect_usage_error("argument", "-p", "0", "-s");
    expect_usage_error("-", "--port");
    /* And these are the server's. */
    expect_usage_error("server: 'surplus' is unexpected", "surplus");
    expect_usage_error("server: 'surplus' is unexpected", "-p", "0", "surplus");
    expect_usage_error("server: 'surplus' is unexpected", "-p", "0", "--", "surplus");
    expect_usage_error("server: '-h' is unexpected", "--", "-h");
    expect_usage_error("server: '' is unexpected", "");
    expect_usage_error("server: '65536' is not a number from 0 to 65535", "-p", "65536");
    expect_usage_error("server: '80.5' is not a number from 0 to 65535", "-p", "80.5");
    expect_usage_error("server: '' is not a number from 0 to 65535", "-p", "");
    expect_usage_error("server: '86401' is not a number from 0 to 86400", "-s", "86401");
    expect_usage_error("server: '-1' is not a number from 0 to 86400", "-s", "-1");
}

Test(server_main, binds_the_port_it_is_told) {
    static const char *const ports[][2] = {
        {"8888", NULL}, {"0", "0"}, {"1", "1"}, {"8080", "8080"}, {"65535", "65535"}};
    failure.call = "bind", failure.error = EADDRINUSE; /* so that none of them is really taken */
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        const char *port = ports[i][1];
        struct outcome seen = port ? run("-p", (char *)port) : run("-s", "0");
        expect_text(from(seen.calls, "bind"), text("bind 127.0.0.1:%s, exit 1", ports[i][0]),
                    "case 'p' and DEFAULT_PORT");
    }
}

#if STAGE >= 2
Test(server_main, sleeps_as_long_as_it_is_told) {
    const int default_sleep = IS_EINTR ? 3 : STAGE <= 3 ? 60 : 0;
    const char *const by_default =
        default_sleep > 0 ? text("nanosleep %d.000, close", default_sleep) : "send, close";
    const char *const times[][2] = {{by_default, NULL},
                                    {"send, close", "0"}, /* even a nap of 0 takes its time */
                                    {"nanosleep 5.000, close", "5"},
                                    {"nanosleep 0.500, close", "0.5"},
                                    {"nanosleep 0.500, close", ".5"},
                                    {"nanosleep 2.250, close", "2.25"},
                                    {"nanosleep 86400.000, close", "86400"}};
    at_fork = BECOME_CHILD;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        connect_client_with_request();
        arrivals[0] = server;
        const char *option = times[i][1];
        struct outcome seen = option ? run("-p", "0", "-s", (char *)option) : run("-p", "0");
        cr_expect(strstr(seen.calls, text(", %s connection", times[i][0])),
                  "-s %s\n    expected %s\n    seen     %s\n    look at  case 's', "
                  "DEFAULT_SLEEP, and how seconds become nap",
                  option ? option : "(default)", times[i][0], quoted(seen.calls));
    }
}
#endif

Test(server_main, prepares_everything_before_it_accepts) {
    arrivals[0] = -EMFILE;
    struct outcome seen = run("-p", "0");
    expect_text(seen.calls,
                text("setvbuf, sigaction SIGPIPE ignored no flags, %ssocket, setsockopt, "
                     "bind 127.0.0.1:0, listen %d, getsockname, accept, exit 1",
                     REAPS ? "sigaction SIGCHLD handled no flags, " : "", REQUEST_QUEUE_SIZE),
                "main: sigaction (signal differs between systems), without SA_RESTART, with every "
                "signal ready before the first client");
    cr_expect(number_after("Serving HTTP on port ", seen.out) > 0,
              "the first line\n    expected the port\n    seen     %s\n    look at  listen_on",
              quoted(seen.out));
}

Test(server_main, ends_when_a_call_fails) {
    static const char *const needed[] = {
        "setvbuf", "sigaction SIGPIPE", "socket",           "setsockopt", "bind",
        "listen",  "getsockname",       "sigaction SIGCHLD"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (!REAPS && strstr(needed[i], "SIGCHLD")) continue;
        failure.call = needed[i], failure.error = EIO;
        struct outcome seen = run("-p", "0");
        int length = (int)strcspn(needed[i], " ");
        expect_text(seen.err, text("%.*s: Input/output error\n", length, needed[i]),
                    "the check of %s", needed[i]);
        expect_text(seen.out, "", "the check of %s", needed[i]);
        expect_number(seen.status, 1, "the check of %s", needed[i]);
    }
}

Test(server_main, is_not_ended_by_a_client_that_leaves_before_the_answer) {
    connect_client_with_request();
    close(client);
    at_fork = BECOME_CHILD;
    arrivals[0] = server, arrivals[1] = -EMFILE;
    struct outcome seen = run("-p", "0", "-s", "0");
    expect_number(seen.status, FORKS ? 0 : 1, "SIGPIPE, which must be ignored (128 + the signal)");
    expect_text(seen.err,
                FORKS ? "send: Broken pipe\n" : "send: Broken pipe\naccept: Too many open files\n",
                "SIGPIPE, which must be ignored");
}

/* The whole of it, with a real child: the output goes to a file, so an unwritten buffer would be
 * lost or written twice. */
Test(server_main, writes_each_line_once) {
    connect_client_with_request();
    arrivals[0] = server, arrivals[1] = -EMFILE;
    struct outcome seen = run("-p", "0", "-s", "0");
    long port = number_after("port ", seen.out), child = number_after("Child PID: ", seen.out);
    const char *report = IS_EINTR ? text("Child %10ld terminated with status     0\n", child) : "";
    expect_text(seen.out,
                text("Serving HTTP on port %ld ...\n%sConnection 1 is descriptor %d\n%s%s%s", port,
                     parent_line(seen.pid), server, child_line((pid_t)child, seen.pid),
                     PRINTED_REQUEST, report),
                "setvbuf in main, and _exit in the child: each line must be written, and once");
    expect_text(received_by(client), RESPONSE, "handle_request");
#if FORKS
    expect_text(from(seen.calls, "fork"),
                text("fork, %s%saccept, exit 1", LEAKS ? "" : "close connection, ",
                     REAPS ? "" : "(a zombie), "),
                "the reaper, or its absence: a zombie is a child nobody has waited for");
#endif
}

/* ---- grim_reaper ---- */

#if REAPS
TestSuite(grim_reaper, .init = prepare);

/* Forks a child that exits with this status, or for -n dies of signal n, and returns its PID once
 * it is a zombie. */
static pid_t zombie(int status) {
    siginfo_t info;
    pid_t pid = fork();
    cr_assert(pid != -1, "cannot fork");
    if (pid == 0) {
        if (status < 0) raise(-status);
        _exit(status);
    }
    cr_assert(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0, "the child is gone");
    return pid;
}

/* Waits for the children that are left, and returns how many there were. */
static int remaining_children(void) {
    int count = 0;
    while (wait(NULL) > 0) count++;
    return count;
}

Test(grim_reaper, reaps_one_child_a_call_in_stage_6_and_all_in_stage_7) {
    cr_redirect_stdout();
    for (int i = 0; i < 3; i++) zombie(0);
    grim_reaper(SIGCHLD);
    expect_number(remaining_children(), STAGE == 6 ? 2 : 0,
                  "grim_reaper: how many of 3 zombies one call leaves");
}

Test(grim_reaper, leaves_errno_as_it_was) {
    cr_redirect_stdout();
    zombie(0);
    errno = ENOTTY;
    grim_reaper(SIGCHLD);
    expect_number(errno, ENOTTY, "saved_errno, when a child was reaped");
    errno = ENOTTY;
    grim_reaper(SIGCHLD);
    expect_number(
        errno, ENOTTY,
        "saved_errno, when there is no child: wait fails, and leaves its own, ECHILD (%d)", ECHILD);
}

static void reap_beside_a_living_child(int milliseconds) {
    struct timespec life = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    pid_t pid = fork();
    if (pid == 0) {
        nanosleep(&life, NULL);
        _exit(0);
    }
    grim_reaper(SIGCHLD);
    if (waitpid(pid, NULL, WNOHANG) == -1) end_process("waited until the child had ended", 0);
    kill(pid, SIGKILL);
    end_process("returned at once", 0);
}

Test(grim_reaper, blocks_while_a_child_lives_in_stage_6_and_never_in_stage_7) {
    struct outcome seen = watch(reap_beside_a_living_child, STAGE == 6 ? 20 : 2000);
    expect_text(seen.calls,
                STAGE == 6 ? "waited until the child had ended 0" : "returned at once 0",
                "wait, which blocks until a child ends, and WNOHANG, which does not");
}

#ifdef EINTR_PROGRAM
Test(grim_reaper, reports_the_pid_and_the_status) {
    static const int endings[][2] = {{0, 0}, {3, 768}, {255, 65280}, {-SIGTERM, SIGTERM}};
    cr_redirect_stdout();
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char line[80] = "";
        pid_t pid = zombie(endings[i][0]);
        grim_reaper(SIGCHLD);
        cr_assert(fgets(line, sizeof line, cr_get_redirected_stdout()));
        expect_text(line,
                    text("Child %10ld terminated with status %5d\n", (long)pid, endings[i][1]),
                    "report, and where put_number writes in it");
    }
}

Test(put_number, writes_a_number_to_the_right_of_its_field) {
    static const struct {
        int number;
        const char *field;
    } examples[] = {
        {0, "<         0>"},     {7, "<         7>"},          {10, "<        10>"},
        {65535, "<     65535>"}, {1000000000, "<1000000000>"}, {2147483647, "<2147483647>"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        char field[] = "<          >";
        put_number(strchr(field, '>') - 1, examples[i].number);
        expect_text(field, examples[i].field, "put_number, which must not leave its field");
    }
}
#endif
#endif
