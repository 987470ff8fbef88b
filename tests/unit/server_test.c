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
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the stages have, and what they lack on purpose. */
#define FORKS (STAGE >= 3)
#define LEAKS (STAGE == 4)
#define REAPS (STAGE >= 6)
#ifdef EINTR_PROGRAM
#define DIES_OF_EINTR true
#else
#define DIES_OF_EINTR (STAGE < 6)
#endif
#define NAP (STAGE >= 2 ? "nanosleep 0.000, " : "") /* as the list of calls shows it */

enum { PATIENCE = 10 }; /* seconds: the alarm that ends each process here, should it hang */
enum { NOT_POSSIBLE = 77, NO_MORE_CLIENTS = 99 }; /* exit statuses of our own */

/* ---- Fakes: every call is written down, and fails when a test wants it to. ---- */

static struct {
    const char *call; /* how the line of the call that is to fail begins, as "close listener" */
    int error;
    int after; /* as many such calls succeed first */
} failure;
static int arrivals[8];    /* what accept returns: descriptors, negative errnos, and a final 0 */
static enum { FORK, STAY_PARENT, BECOME_CHILD } at_fork; /* the latter two without forking */
static size_t piece;       /* the most that one send takes; 0: whatever the kernel takes */
static bool real_naps;     /* else nanosleep returns at once */
static int sends;          /* calls of send so far */
static pid_t watched;      /* the process whose calls are written down */
static FILE *calls;        /* where to */
static int listener_ = -1; /* the descriptors that accept was given and returned */
static int connection_ = -1;

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

static _Noreturn void end(const char *call, int status) {
    (void)fails("%s %d", call, status);
    if (watched == getpid()) fflush(calls);
    if (call[0] != '_') fflush(stdout); /* the difference between exit and _exit that counts here */
    _exit(status);
}

/* Leaves a mark in the list of calls if a child has ended and nobody has waited for it. */
static void look_for_zombies(void) {
    siginfo_t child = {.si_pid = 0};
    while (waitid(P_ALL, 0, &child, WEXITED | WNOWAIT) == -1 && errno == EINTR) continue;
    if (child.si_pid != 0) (void)fails("(a zombie)");
}

static int fake_accept(int listener) {
    static size_t next;
    int arrival = arrivals[next++];
    listener_ = listener;
    look_for_zombies();
    if (fails("accept")) return -1;
    if (arrival == 0) end("no more clients", NO_MORE_CLIENTS);
    if (arrival > 0) return connection_ = arrival;
    errno = -arrival;
    return -1;
}

static pid_t fake_fork(void) {
    if (fails("fork")) return -1;
    if (at_fork != FORK) return at_fork == BECOME_CHILD ? 0 : watched;
    pid_t pid = fork();
    if (pid == 0) alarm(PATIENCE);
    return pid;
}

static int fake_close(int fd) {
    const char *name = fd == listener_ ? "listener" : fd == connection_ ? "connection" : "stranger";
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

static int fake_nanosleep(const struct timespec *time, struct timespec *left) {
    if (fails("nanosleep %ld.%03ld", (long)time->tv_sec, time->tv_nsec / 1000000)) return -1;
    return real_naps ? nanosleep(time, left) : 0;
}

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
#define exit(status) end("exit", status)
#define _exit(status) end("_exit", status)
#define main server_main
#include SERVER
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
    char calls[2048]; /* "accept, fork, close connection, …", of this process, not of its children */
};

static void read_all(FILE *file, char *text, size_t size) {
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

/* Runs function(argument), waits for all processes that come of it, and returns what was seen. */
static struct outcome watch(void (*function)(int), int argument) {
    struct outcome seen = {.status = 0};
    FILE *out = tmpfile(), *err = tmpfile();
    int life[2]; /* each process holds the writing end: the last one that ends makes end of file */
    calls = tmpfile();
    cr_assert(out && err && calls && pipe(life) == 0, "no temporary file or pipe");
    seen.pid = fork();
    cr_assert(seen.pid != -1, "cannot fork");
    if (seen.pid == 0) {
        alarm(PATIENCE);
        watched = getpid();
        if (dup2(fileno(out), 1) == -1 || dup2(fileno(err), 2) == -1) end("dup2", NOT_POSSIBLE);
        setvbuf(stdout, NULL, _IOLBF, 0); /* as main does */
        function(argument);
        end("returned", 0);
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

static char *arguments[8]; /* of main, and of parse_number: text, digits */

static void main_with_arguments(int count) {
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ); /* as it is when the output goes to a file */
    end("exit", server_main(count, arguments));
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

/* The rest says where to look, with the values of printf. */
#define expect_text(seen, expected, ...)                                                           \
    cr_expect(strcmp(seen, expected) == 0, "expected " #seen " %s\n    seen %s\n    look at %s",   \
              quoted(expected), quoted(seen), text(__VA_ARGS__))
#define expect_number(seen, expected, ...)                                                         \
    cr_expect((seen) == (expected), "expected " #seen " %g\n    seen %g\n    look at %s",          \
              (double)(expected), (double)(seen), text(__VA_ARGS__))

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
    result[size > 0 ? size : 0] = '\0';
    return result;
}

static const char REQUEST[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const char PRINTED_REQUEST[] = "GET /hello HTTP/1.1 \nHost: localhost \n \n\n";

/* From stage 3 on, what a process prints before the request. */
static const char *child_line(pid_t pid, pid_t parent) {
    return FORKS ? text("Child PID: %ld. Parent PID: %ld\n", (long)pid, (long)parent) : "";
}

/* Whatever the caller ignores is inherited, even through exec; the alarm ends a test that hangs. */
static void prepare(void) {
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    alarm(PATIENCE);
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
    expect_number(send_all(server, data, sizeof data), 0, "send_all with 3 MiB");
    close(server);
    cr_assert(waitpid(reader, &status, 0) == reader);
    expect_number(WEXITSTATUS(status), 0, "what arrived (1: a wrong byte, 2: a wrong length)");
}

/* ---- handle_request ---- */

TestSuite(handle_request, .init = prepare);

Test(handle_request, prints_the_request_and_answers_with_exactly_these_bytes) {
    connect_client();
    client_sends(REQUEST, strlen(REQUEST));
    struct outcome seen = watch(handle_request, server);
    expect_text(received_by(client), "HTTP/1.1 200 OK\r\n\r\nHello, World!\n",
                "RESPONSE: CRLF ends each line of the head, and there is no Content-Length");
    expect_text(seen.out, text("%s%s", child_line(seen.pid, getpid()), PRINTED_REQUEST),
                "the printf calls of handle_request");
    expect_text(seen.err, "", "the perror calls: nothing has failed");
    expect_text(seen.calls, text("recv, send, %sreturned 0", NAP), "the order of the calls");
}

Test(handle_request, prints_a_blank_for_each_byte_that_could_drive_the_terminal) {
    char request[256], printed[258];
    for (int byte = 0; byte < 256; byte++) {
        request[byte] = (char)byte;
        printed[byte] = (char)(byte == '\n' || (' ' <= byte && byte <= '~') ? byte : ' ');
    }
    strcpy(printed + 256, "\n");
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
    expect_text(seen.calls, text("recv, send, %sreturned 0", NAP), "what follows a failed send");
}

Test(handle_request, survives_a_client_that_leaves_before_the_answer) {
    connect_client();
    signal(SIGPIPE, SIG_IGN);
    client_sends(REQUEST, strlen(REQUEST));
    close(client);
    struct outcome seen = watch(handle_request, server);
    expect_text(seen.out, text("%s%s", child_line(seen.pid, getpid()), PRINTED_REQUEST),
                "the printf calls of handle_request");
    expect_text(seen.err, "send: Broken pipe\n", "the check of send_all's result");
    expect_text(seen.calls, text("recv, send, %sreturned 0", NAP), "what follows a failed send");
}

Test(handle_request, reads_once_and_no_more_than_1024_bytes) {
    static const size_t sizes[] = {1023, 1024, 1025, 2000};
    char request[2000];
    memset(request, 'x', sizeof request);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int size = (int)sizes[i], read = size < 1024 ? size : 1024;
        connect_client();
        client_sends(request, sizes[i]);
        struct outcome seen = watch(handle_request, server);
        expect_text(seen.out,
                    text("%s%.*s\n", child_line(seen.pid, getpid()), read, request),
                    "the size given to recv, and the %%.*s, for a request of %d bytes", size);
        expect_text(seen.calls, text("recv, send, %sreturned 0", NAP),
                    "recv: it is called once, whatever it returns");
        expect_number(strlen(received_by(server)), (size_t)(size - read),
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
    connect_client();
    client_sends(REQUEST, strlen(REQUEST));
    cr_redirect_stdout();
    nap.tv_nsec = 20000000;
    real_naps = true;
    clock_gettime(CLOCK_MONOTONIC, &start);
    handle_request(server);
    clock_gettime(CLOCK_MONOTONIC, &stop);
    double ms =
        (double)(stop.tv_sec - start.tv_sec) * 1e3 + (double)(stop.tv_nsec - start.tv_nsec) / 1e6;
    cr_expect(ms >= 20, "expected a nap of 20 ms or more\n    seen %.3f ms\n    look at nanosleep", ms);
}

Test(handle_request, reports_a_nap_that_was_interrupted) {
    connect_client();
    client_sends(REQUEST, strlen(REQUEST));
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

static int option_of(int socket, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    cr_assert(getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0, "no such option");
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
    if (getuid() == 0 && (setgid(65534) == -1 || setuid(65534) == -1)) end("setuid", NOT_POSSIBLE);
    listen_on((in_port_t)port);
}

Test(listen_on, ends_when_the_port_is_privileged) {
    int first = 1024;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
    if (file && fscanf(file, "%d", &first) != 1) first = 1024;
    if (file) fclose(file);
    if (first <= 1) cr_skip_test("every port is open to every user here, as in some containers");
    struct outcome seen = watch(listen_as_nobody, 1);
    if (seen.status == NOT_POSSIBLE) cr_skip_test("root cannot become another user here");
    expect_text(seen.err, "bind: Permission denied\n", "the check of bind");
    expect_text(seen.out, "", "where the port is printed: only when it is ours");
    expect_number(seen.status, 1, "die");
}

static void listen_without_room_for_output(int port) {
    if (!freopen("/dev/full", "w", stdout)) end("freopen", NOT_POSSIBLE);
    setvbuf(stdout, NULL, _IOLBF, 0);
    listen_on((in_port_t)port);
}

Test(listen_on, ends_when_nobody_can_read_the_port) {
    struct outcome seen = watch(listen_without_room_for_output, 0);
    expect_text(seen.err, "printf: No space left on device\n", "the check of printf");
    expect_number(seen.status, 1, "die");
}

/* ---- serve_forever: a client may be scripted, and the last accept always fails. ---- */

TestSuite(serve_forever, .init = prepare);

/* Serves these arrivals, then ends, since too many files are open. */
#define serve(...) serve_these((int[8]){__VA_ARGS__, -EMFILE})
static struct outcome serve_these(const int list[8]) {
    memcpy(arrivals, list, sizeof arrivals);
    return watch(serve_forever, 1000); /* no open descriptor: only the fakes see it */
}

static const char *parent_line(pid_t pid) {
    return FORKS ? text("Parent PID (PPID): %ld\n", (long)pid) : "";
}

Test(serve_forever, serves_and_closes_a_connection) {
    connect_client();
    client_sends(REQUEST, strlen(REQUEST));
    at_fork = STAY_PARENT;
    struct outcome seen = serve(server);
    const char *before_stage_3 = text("accept, recv, send, %sclose connection, accept, exit 1", NAP);
    const char *stage_4 = "accept, fork, accept, exit 1";
    const char *else_ = "accept, fork, close connection, accept, exit 1";
    expect_text(seen.calls, FORKS ? (LEAKS ? stage_4 : else_) : before_stage_3,
                "serve_forever: what the parent does after fork, and what only a child may do");
    expect_text(seen.err, "accept: Too many open files\n", "the perror calls: nothing else failed");
}

Test(serve_forever, numbers_the_connections) {
    int first = open("/dev/null", O_RDWR), second = open("/dev/null", O_RDWR);
    at_fork = STAY_PARENT;
    failure.call = "recv", failure.after = -1; /* never */
    struct outcome seen = serve(first, -ECONNABORTED, second);
    const char *lines = text("%sConnection 1 is descriptor %d\nConnection 2 is descriptor %d\n",
                             parent_line(seen.pid), first, second);
    expect_text(seen.out, lines, "the printf calls of serve_forever: the count goes up by one");
}

