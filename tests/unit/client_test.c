/*
 * The client's own functions, each alone: options, request, answers fed in any split, the sorting
 * of outcomes, statistics, records, and one client in a child against a listener of ours.
 */
#define main client_main /* the test brings its own */
#include "../../client/client.c"
#undef main
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <netinet/in.h>

/* As in C source: what cannot be printed is spelt out. */
static const char *quoted(const char *text) {
    static char buffers[2][4096];
    static int next;
    char *result = buffers[next++ % 2], *to = result;
    for (; *text && to < result + 4090; text++)
        if (*text == '\n' || (*text >= ' ' && *text <= '~')) *to++ = *text;
        else to += snprintf(to, 5, "\\%03o", (unsigned)(unsigned char)*text);
    *to = '\0';
    return result;
}

/* What was printed must be this; look says where to look if it is not. */
static void expect_output(const char *expected, const char *look) {
    char seen[4096] = "";
    (void)fflush(stdout);
    (void)fread(seen, 1, sizeof seen - 1, cr_get_redirected_stdout());
    cr_expect(strcmp(seen, expected) == 0, "what is printed\nexpected\n%s\nseen\n%s\nlook at  %s",
              quoted(expected), quoted(seen), look);
}

/* Parses a command line, written as one string with single spaces; "~" is an empty word. */
static struct options parse(const char *line) {
    static char copy[256], *words[16];
    int count = 0;
    (void)snprintf(copy, sizeof copy, "%s", line);
    words[count++] = (char[]){"client"};
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        if (strcmp(word, "~") == 0) *word = '\0';
        words[count++] = word;
    }
    words[count] = NULL;
    return parse_options(count, words);
}

/* ---- Options ---- */

Test(client_options, defaults) {
    struct options options = parse("");
    cr_assert_eq(options.clients, 1);
    cr_assert_eq(options.conns, 1);
    cr_assert_eq(options.port, 8888);
    cr_assert_eq(options.timeout, 5.0);
    cr_assert_str_eq(options.host, "127.0.0.1");
    cr_assert(!options.barrier && !options.no_read && !options.verbose);
}

Test(client_options, short_ones) {
    struct options options = parse("-c 300 -n 7 -H ::1 -p 65535 -t 0.25 -b -v");
    cr_assert_eq(options.clients, 300);
    cr_assert_eq(options.conns, 7);
    cr_assert_eq(options.port, 65535);
    cr_assert_eq(options.timeout, 0.25);
    cr_assert_str_eq(options.host, "::1");
    cr_assert(options.barrier && options.verbose && !options.no_read);
}

Test(client_options, long_ones) {
    struct options options = parse("--max-clients 100000 --max-conns=10 --host localhost --port=80 "
                                   "--timeout 86400 --barrier --no-read --verbose");
    cr_assert_eq(options.clients, 100000);
    cr_assert_eq(options.conns, 10);
    cr_assert_eq(options.port, 80);
    cr_assert_eq(options.timeout, 86400.0);
    cr_assert_str_eq(options.host, "localhost");
    cr_assert(options.barrier && options.verbose && options.no_read);
}

Test(client_options, help_goes_to_stdout, .exit_code = 0, .init = cr_redirect_stdout) {
    parse("-h");
    exit(1); /* it came back */
}

/* A command line that must be refused: status 2; the last line asks for a semicolon. */
#define REFUSE(name, line)                                                                         \
    Test(client_bad_option, name, .exit_code = 2, .init = cr_redirect_stderr) {                    \
        parse(line);                                                                               \
        exit(0);                                                                                   \
    }                                                                                              \
    struct client_bad_option_##name

REFUSE(clients_without_value, "-c");
REFUSE(clients_empty, "-c ~");
REFUSE(clients_zero, "-c 0");
REFUSE(clients_negative, "-c -5");
REFUSE(clients_not_a_number, "-c x");
REFUSE(clients_trailing_rubbish, "-c 5x");
REFUSE(clients_decimal, "-c 1.5");
REFUSE(clients_too_many, "-c 100001");
REFUSE(clients_beyond_any_long, "-c 99999999999999999999999999");
REFUSE(conns_zero, "--max-conns 0");
REFUSE(conns_empty, "--max-conns=");
REFUSE(conns_too_many, "-n 100001");
REFUSE(too_many_in_all, "-c 100000 -n 11");
REFUSE(port_zero, "-p 0");
REFUSE(port_negative, "-p -1");
REFUSE(port_too_large, "-p 65536");
REFUSE(port_rubbish, "-p 80http");
REFUSE(port_hexadecimal, "-p 0x50");
REFUSE(port_signed, "-p +80");
REFUSE(timeout_zero, "-t 0");
REFUSE(timeout_negative, "-t -1");
REFUSE(timeout_point, "-t .");
REFUSE(timeout_two_points, "-t 1.2.3");
REFUSE(timeout_exponent, "-t 1e3");
REFUSE(timeout_infinite, "-t inf");
REFUSE(timeout_not_a_number, "-t nan");
REFUSE(timeout_too_long, "-t 86401");
REFUSE(unknown_short, "-x");
REFUSE(unknown_long, "--nope");
REFUSE(value_for_a_flag, "--barrier=1");
REFUSE(surplus_argument, "-c 3 surplus");

Test(client_bad_option, host_unknown, .exit_code = 2, .init = cr_redirect_stderr) {
    static struct run run;
    run.options = parse("-H ~");
    plan(&run);
    exit(0);
}

/* ---- The request ---- */

Test(client_request, is_the_articles_with_crlf) {
    char request[REQUEST_SIZE];
    format_request(request, "127.0.0.1:8888");
    cr_assert_str_eq(request, "GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8888\r\n\r\n");
}

Test(client_request, puts_brackets_around_ipv6) {
    char peer[32];
    format_peer(peer, sizeof peer, "::1", "80");
    cr_assert_str_eq(peer, "[::1]:80");
    format_peer(peer, sizeof peer, "localhost", "80");
    cr_assert_str_eq(peer, "localhost:80");
}

/* ---- Answers ---- */

/* Tells whether text is a whole answer; fed at once, byte by byte and in every split in two, which
 * must not make a difference. */
static bool whole(const char *text) {
    size_t size = strlen(text);
    struct answer at_once = {.length = 0}, by_byte = {.length = 0};
    answer_feed(&at_once, text, size);
    for (size_t i = 0; i < size; i++) answer_feed(&by_byte, text + i, 1);
    cr_assert_eq(answer_is_whole(&at_once), answer_is_whole(&by_byte));
    for (size_t i = 0; i <= size; i++) {
        struct answer in_two = {.length = 0};
        answer_feed(&in_two, text, i);
        answer_feed(&in_two, text + i, size - i);
        cr_assert_eq(answer_is_whole(&at_once), answer_is_whole(&in_two), "split at %zu", i);
    }
    return answer_is_whole(&at_once);
}

Test(client_answer, whole_ones) {
    cr_assert(whole("HTTP/1.1 200 OK\r\n\r\nHello, World!\n"));
    cr_assert(whole("HTTP/1.1 200 OK\n\nHello, World!\n")); /* the article's bare line feeds */
    cr_assert(whole("HTTP/1.1 200 OK\r\n\r\n")); /* any body, so none too */
    cr_assert(whole("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nHello"));
    cr_assert(whole("HTTP/1.0 200 OK\r\ncontent-length:5\n\r\nHello and more"));
    cr_assert(whole("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
}

Test(client_answer, not_whole_ones) {
    cr_assert_not(whole(""));
    cr_assert_not(whole("HTTP/1.1 200 OK\r\n"),
                  "a head that has not ended was taken for a whole answer\n    look at  "
                  "answer_is_whole: TCP may cut an answer anywhere");
    cr_assert_not(whole("HTTP/1.1 200 OK\r\n\r"));
    cr_assert_not(whole("HTTP/1.1 200 OK\r\nServer: x\r\n"));
    cr_assert_not(whole("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nHell"));
    cr_assert_not(whole("HTTP/1.0 200 OK\r\ncONTENT-lENGTH: 6\r\n\r\nHello"));
    cr_assert_not(whole("HTTP/1.0 200 OK\r\nContent-Length: -1\r\n\r\nHello"));
    cr_assert_not(whole("HTTP/1.0 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nHello"));
}

Test(client_answer, not_http) {
    cr_assert_not(whole("Hello, World!\n\n"));
    cr_assert_not(whole("\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"));
    cr_assert_not(whole("http/1.1 200 OK\r\n\r\n"));
    cr_assert_not(whole("\n\n\n"));
}

Test(client_answer, lines_longer_than_its_buffer) {
    char text[1000] = "HTTP/1.1 200 OK\r\nX: ";
    size_t size = strlen(text);
    memset(text + size, 'x', 500);
    strcpy(text + size + 500, "\r\nContent-Length: 3\r\n\r\nabc");
    cr_assert(whole(text));
    text[strlen(text) - 1] = '\0';
    cr_assert_not(whole(text));
}

Test(client_answer, bytes_that_are_no_text) {
    static const char BYTES[] = "HTTP/1.1 200 OK\r\nX:\0\377\r\n\r\n\0\0";
    struct answer answer = {.length = 0};
    answer_feed(&answer, BYTES, sizeof BYTES - 1);
    cr_assert(answer_is_whole(&answer));
    cr_assert_eq(answer.body, 2);
}

/* ---- Outcomes: connected, whole, ended, errno ---- */

Test(client_outcome, of_connections_that_were_made) {
    cr_assert_eq(classify(true, true, true, 0), ENDED);
    cr_assert_eq(classify(true, true, false, 0), NO_END);
    cr_assert_eq(classify(true, false, false, 0), NO_ANSWER);
    cr_assert_eq(classify(true, false, true, 0), NO_ANSWER); /* an end, but cut short */
    cr_assert_eq(classify(true, true, false, ECONNRESET), RESET);
    cr_assert_eq(classify(true, false, false, ECONNRESET), RESET);
    cr_assert_eq(classify(true, false, false, EPIPE), RESET);
    cr_assert_eq(classify(true, false, false, ETIMEDOUT), NO_ANSWER);
    cr_assert_eq(classify(true, false, false, ENOBUFS), NO_START);
}

Test(client_outcome, of_connections_that_were_not) {
    cr_assert_eq(classify(false, false, false, 0), NEVER);
    cr_assert_eq(classify(false, false, false, ETIMEDOUT), NEVER);
    cr_assert_eq(classify(false, false, false, ECONNREFUSED), REFUSED);
    cr_assert_eq(classify(false, false, false, ECONNRESET), RESET);
    static const int SHORTAGES[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL, ENETUNREACH};
    for (size_t i = 0; i < sizeof SHORTAGES / sizeof *SHORTAGES; i++)
        cr_assert_eq(classify(false, false, false, SHORTAGES[i]), NO_START);
}

Test(client_outcome, each_has_a_label) {
    for (int i = 0; i < OUTCOMES; i++) cr_assert_not_null(LABELS[i]);
    cr_assert_str_eq(LABELS[NO_END], "answered, but no end of file");
}

Test(client_outcome, shortages_beyond_the_table_are_counted_too) {
    static struct run run;
    for (int error = 1; error <= 20; error++) add_shortage(&run, error, 2);
    add_shortage(&run, 1, 5);
    cr_assert_eq(run.counts[NO_START], 45);
    cr_assert_eq(run.reported, 45);
    cr_assert_eq(run.shortages[0].count, 7);
}

/* ---- Statistics ---- */

Test(client_statistics, percentiles_by_nearest_rank) {
    static double values[200];
    for (int i = 0; i < 200; i++) values[i] = i + 1;
    cr_assert_eq(percentile(values, 200, 0), 1);
    cr_assert_eq(percentile(values, 200, 50), 100);
    cr_assert_eq(percentile(values, 200, 99), 198);
    cr_assert_eq(percentile(values, 200, 100), 200);
    cr_assert_eq(percentile(values, 3, 50), 2,
                 "the median of 1, 2, 3\n    expected 2\n    seen     %g\n    look at  percentile: "
                 "the nearest rank, 1.5, is rounded up",
                 percentile(values, 3, 50));
    cr_assert_eq(percentile(values, 2, 50), 1);
    cr_assert_eq(percentile(values, 2, 99), 2);
    for (long percent = 0; percent <= 100; percent++)
        cr_assert_eq(percentile(values, 1, percent), 1);
}

Test(client_statistics, sorts_numbers_not_text) {
    double values[] = {10, 9, 0.5, 100, -1, 0.25};
    qsort(values, 6, sizeof *values, compare);
    for (int i = 1; i < 6; i++)
        cr_assert_lt(values[i - 1], values[i],
                     "sorted\n    expected the smaller one first\n    seen     %g, then %g\n    "
                     "look at  compare: a difference of less than 1 is 0 as an integer",
                     values[i - 1], values[i]);
    cr_assert_eq(compare(values, values), 0);
}

Test(client_statistics, times_in_the_unit_that_reads_best) {
    char text[16];
    cr_assert_str_eq(format_time(text, 0), "0.00 ms");
    cr_assert_str_eq(format_time(text, 0.00002), "0.02 ms");
    cr_assert_str_eq(format_time(text, 0.0123), "12.3 ms");
    cr_assert_str_eq(format_time(text, 1.034), "1.03 s");
    cr_assert_str_eq(format_time(text, 86400), "86400.00 s");
}

Test(client_statistics, milliseconds_never_end_too_early) {
    cr_assert_eq(to_milliseconds(-1), 0);
    cr_assert_eq(to_milliseconds(0), 0);
    cr_assert_eq(to_milliseconds(0.0001), 1);
    cr_assert_geq(to_milliseconds(0.1), 100);
    cr_assert_geq(to_milliseconds(MAX_SECONDS), MAX_SECONDS * 1000);
}

/* ---- Records, the pipe and the children ---- */

/* Makes run ready for count connections, with the pipes of a real run. */
static void prepare(struct run *run, const char *line) {
    run->options = parse(line);
    plan(run);
    make_pipes(run);
}

Test(client_records, survive_any_split_of_the_pipe) {
    static struct run run;
    struct record record;
    prepare(&run, "-c 3");
    memset(&record, 0, sizeof record);
    for (int i = 0; i < 3; i++) {
        const char *bytes = (const char *)&record;
        size_t cut = (size_t)i * 100 + 1;
        record.outcome = i == 0 ? ENDED : NO_END;
        record.times[CONNECT] = i;
        record.times[END_OF_FILE] = -1;
        cr_assert_eq(write(run.results[1], bytes, cut), (ssize_t)cut);
        cr_assert(take_records(&run));
        cr_assert_eq(run.reported, i, "taken before it was whole");
        cr_assert_eq(write(run.results[1], bytes + cut, sizeof record - cut),
                     (ssize_t)(sizeof record - cut));
        cr_assert(take_records(&run));
    }
    cr_assert(take_records(&run), "an empty pipe is no end of file");
    cr_assert_eq(run.counts[ENDED], 1);
    cr_assert_eq(run.counts[NO_END], 2);
    cr_assert_eq(run.samples[CONNECT], 3);
    cr_assert_eq(run.samples[END_OF_FILE], 0);
    cr_assert_eq(run.times[CONNECT][2], 2);
    close_end(&run.results[1]);
    cr_assert_not(take_records(&run), "but a closed one is");
}

/* Returns a listener on the loopback address, its port in *port. */
static int listen_here(long *port) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_neq(listener, -1);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(listen(listener, 16), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return listener;
}

/* Runs one client with these options against a server that answers what is given and, if so told,
 * closes or resets; adds up the results in run. */
static void run_against(struct run *run, const char *line, const char *answer, bool end) {
    char options[128];
    long port;
    int listener = listen_here(&port), taken[16];
    (void)snprintf(options, sizeof options, "%s -p %ld", line, port);
    prepare(run, options);
    (void)signal(SIGPIPE, SIG_IGN);
    start_clients(run); /* the child ends in be_client */
    close_end(&run->results[1]);
    close_end(&run->lifeline[0]);
    for (long i = 0; i < run->total; i++) {
        char request[REQUEST_SIZE];
        taken[i] = accept(listener, NULL, NULL);
        cr_assert_neq(taken[i], -1);
        cr_assert_eq(recv(taken[i], request, sizeof request, 0), (ssize_t)strlen(run->request));
        cr_assert_eq(memcmp(request, run->request, strlen(run->request)), 0);
    } /* all of them are open together here */
    for (long i = 0; i < run->total; i++) {
        (void)send(taken[i], answer, strlen(answer), 0);
        if (end) close(taken[i]);
    }
    close(listener);
    collect(run);
    end_clients(run);
    cr_assert_eq(run->alive, 0);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a child was left");
}

Test(client_run, answered_and_ended) {
    static struct run run;
    run_against(&run, "-c 2 -n 3", "HTTP/1.1 200 OK\r\n\r\nHello, World!\n", true);
    cr_assert_eq(run.counts[ENDED], 6);
    for (int i = 0; i < MOMENTS; i++) cr_assert_eq(run.samples[i], 6);
    for (int i = 0; i < 6; i++) cr_assert(run.times[CONNECT][i] <= run.times[END_OF_FILE][i]);
}

Test(client_run, answered_without_an_end) {
    static struct run run;
    run_against(&run, "-n 2 -t 0.2", "HTTP/1.1 200 OK\r\n\r\nHello, World!\n", false);
    cr_assert_eq(run.counts[NO_END], 2);
    cr_assert_eq(run.samples[FIRST_BYTE], 2);
    cr_assert_eq(run.samples[END_OF_FILE], 0);
}

Test(client_run, no_answer) {
    static struct run run;
    run_against(&run, "-n 2 -t 0.2", "", false);
    cr_assert_eq(run.counts[NO_ANSWER], 2);
}

Test(client_run, an_answer_cut_short) {
    static struct run run;
    run_against(&run, "-n 2", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHello", true);
    cr_assert_eq(run.counts[NO_ANSWER], 2);
}

Test(client_run, only_sent) {
    static struct run run;
    run_against(&run, "-n 2 --no-read", "", false);
    cr_assert_eq(run.counts[SENT], 2);
    cr_assert_eq(run.samples[FIRST_BYTE], 0);
}

Test(client_run, refused) {
    static struct run run;
    char options[64];
    long port;
    close(listen_here(&port)); /* nobody listens there now */
    (void)snprintf(options, sizeof options, "-c 2 -n 2 -p %ld", port);
    prepare(&run, options);
    start_clients(&run);
    close_end(&run.results[1]);
    collect(&run);
    end_clients(&run);
    cr_assert_eq(run.counts[REFUSED], 4);
}

Test(client_run, a_client_that_dies_is_accounted_for) {
    static struct run run;
    long port;
    char options[64];
    int listener = listen_here(&port);
    (void)snprintf(options, sizeof options, "-c 2 -n 3 -p %ld -t 20", port);
    prepare(&run, options);
    start_clients(&run);
    close_end(&run.results[1]);
    for (long i = 0; i < run.alive; i++) cr_assert_eq(kill(run.living[i], SIGKILL), 0);
    collect(&run);
    end_clients(&run);
    cr_assert_eq(run.counts[NO_START], 6);
    cr_assert_eq(run.shortages[0].error, 0);
    cr_assert_eq(run.shortages[0].count, 6);
    close(listener);
}

static pid_t stopped; /* a client that sees neither the lifeline nor a signal, but SIGKILL */
static volatile sig_atomic_t waited_for_it;

/* Handles SIGALRM: ends it in the place of who should have. */
static void end_stopped(int signum) {
    (void)signum;
    waited_for_it = 1;
    (void)kill(stopped, SIGKILL);
}

Test(client_run, an_interrupt_leaves_no_client_and_counts_the_rest_as_unknown) {
    static struct run run;
    long port;
    char options[64];
    int listener = listen_here(&port);
    (void)snprintf(options, sizeof options, "-c 3 -p %ld -t 20", port);
    prepare(&run, options);
    handle_signals(on_signal);
    start_clients(&run);
    close_end(&run.results[1]);
    stopped = run.living[0];
    cr_assert_eq(kill(stopped, SIGSTOP), 0);
    cr_assert_eq(raise(SIGTERM), 0);
    cr_assert_eq(interrupted, SIGTERM);
    (void)signal(SIGALRM, end_stopped);
    (void)alarm(5);
    collect(&run);
    end_clients(&run);
    cr_assert_not(waited_for_it,
                  "a client that is stopped\n    expected to be ended and reaped\n    "
                  "seen     still there after 5 s\n    look at  end_clients: SIGKILL "
                  "ends that one too, the lifeline does not");
    cr_assert_eq(run.counts[UNKNOWN], 3);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a child was left");
    close(listener);
}

Test(client_run, a_client_does_not_write_what_the_parent_has_printed, .init = cr_redirect_stdout) {
    static struct run run;
    printf("printed before the fork, and still in the buffer\n");
    run_against(&run, "-c 2", "HTTP/1.1 200 OK\r\n\r\nHello, World!\n", true);
    expect_output("printed before the fork, and still in the buffer\n",
                  "be_client: exit writes the client's copy of the buffer again, _exit does not");
}

Test(client_run, no_client_outlives_its_lifeline) {
    static struct run run;
    long port;
    char options[64];
    int listener = listen_here(&port);
    (void)snprintf(options, sizeof options, "-c 3 -n 2 -p %ld -t 20", port);
    prepare(&run, options);
    start_clients(&run);
    close_end(&run.lifeline[1]); /* as when the parent dies, however it dies */
    (void)alarm(10);
    reap(&run, 0);
    cr_assert_eq(run.alive, 0);
    close(listener);
}

Test(client_run, the_barrier_holds_all_back) {
    static struct run run;
    long port;
    char options[64];
    int listener = listen_here(&port);
    struct pollfd polled[2];
    (void)snprintf(options, sizeof options, "-c 3 -b --no-read -p %ld", port);
    prepare(&run, options);
    start_clients(&run);
    close_end(&run.results[1]);
    close_end(&run.ready[1]);
    close_end(&run.go[0]);
    polled[0] = (struct pollfd){.fd = run.ready[0], .events = POLLIN};
    polled[1] = (struct pollfd){.fd = listener, .events = POLLIN};
    cr_assert_eq(poll(polled, 1, 5000), 1, "they never got ready");
    cr_assert_eq(poll(polled + 1, 1, 50), 0, "one has begun too early");
    collect(&run); /* opens it */
    end_clients(&run);
    cr_assert_eq(run.counts[SENT], 3);
    close(listener);
}

/* ---- What is printed ---- */

Test(client_print, an_answer_cannot_drive_the_terminal, .init = cr_redirect_stdout) {
    static const char BYTES[] = "HTTP/1.1 200\r\n\033[2J\a\377end";
    print_excerpt(BYTES, (int)sizeof BYTES - 1);
    expect_output("    | HTTP/1.1 200\n    | .[2J..end\n",
                  "print_excerpt: ESC (\\033) and its like become dots");
}

Test(client_print, a_summary, .init = cr_redirect_stdout) {
    static struct run run;
    prepare(&run, "-c 3 -n 1");
    run.counts[ENDED] = 2;
    run.times[CONNECT][run.samples[CONNECT]++] = 0.002;
    run.times[CONNECT][run.samples[CONNECT]++] = 0.001;
    add_shortage(&run, EADDRNOTAVAIL, 1);
    print_summary(&run, 0.25);
    expect_output("3 connections to 127.0.0.1:8888 (3 clients x 1), 250.0 ms\n"
                  "        2  answered and ended\n"
                  "        1  could not start\n"
                  "                      min     median        p99        max\n"
                  "connect           1.00 ms    1.00 ms    2.00 ms    2.00 ms\n"
                  "Not the server's fault: no port is left. Try: sysctl -w "
                  "net.ipv4.ip_local_port_range='1024 65535'\n",
                  "print_summary: percentiles are read from times that are sorted");
}

Test(client_print, a_full_queue_is_named, .init = cr_redirect_stdout) {
    static struct run run;
    prepare(&run, "");
    run.counts[NEVER] = 1;
    print_summary(&run, 5);
    expect_output("1 connection to 127.0.0.1:8888 (1 client x 1), 5.00 s\n"
                  "        1  never connected (queue full?)\n"
                  "Perhaps the server's queue was full: a SYN is resent after 1 s, and later.\n",
                  "print_summary, where it looks at NEVER");
}
