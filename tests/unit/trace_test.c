/*
 * The program trace: strace's output to rows, what must hold of rows, counts, summaries and
 * stories. Traces that were recorded are in tests/traces; what no server here does, or not every
 * time, is written out below. Built from the repository's root, and run there.
 */
#define _POSIX_C_SOURCE 200809L
#include "../../tools/trace/draw.h"
#include "../../tools/trace/log.h"
#include "../../tools/trace/read.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
/* A test runs the program in a child, which must not end as Criterion does. */
static _Noreturn void leave(int status);
#define exit leave
#define main trace_main /* the test brings its own */
#include "../../tools/trace/main.c"
#undef main
#undef exit
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>

#define TRACES "tests/traces/"
enum { LOOK_SIZE = 4096, DEADLINE = 60 };

static _Noreturn void leave(int status) {
    (void)fflush(stdout);
    (void)fflush(stderr);
    _exit(status);
}

/* ---- Running the program ---- */

struct outcome {
    int status;
    char *out, *err; /* for as long as the test runs */
};

/* What content returned, until the test ends. */
static char *texts[1024];
static size_t text_count;

static void __attribute__((destructor)) forget_texts(void) {
    while (text_count > 0) free(texts[--text_count]);
}

/* Returns what is in a file from its beginning. */
static char *content(FILE *file) {
    size_t size;
    rewind(file);
    char *text = rows_slurp(file, &size);
    cr_assert(text && text_count < sizeof texts / sizeof *texts);
    (void)fclose(file);
    texts[text_count++] = text;
    return text;
}

/* Runs trace with these arguments, the last of them NULL, in a process of its own. */
static struct outcome trace(const char *first, ...) {
    char *argv[16] = {(char[]){"trace"}, (char *)(uintptr_t)first};
    int argc = first ? 2 : 1, status;
    FILE *out = tmpfile(), *err = tmpfile();
    va_list list;
    va_start(list, first);
    while (first && argc < 15 && (argv[argc] = va_arg(list, char *)) != NULL) argc++;
    va_end(list);
    cr_assert(out && err);
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(DEADLINE);
        (void)dup2(fileno(out), STDOUT_FILENO);
        (void)dup2(fileno(err), STDERR_FILENO);
        leave(trace_main(argc, argv));
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status), "trace %s was ended by signal %d", argv[1], WTERMSIG(status));
    return (struct outcome){WEXITSTATUS(status), content(out), content(err)};
}

/* The files of a test; as many as one needs at a time. */
static char files[64][32];

static void __attribute__((destructor)) remove_files(void) {
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (*files[i]) (void)unlink(files[i]);
}

/* Writes text into a file, and returns its name; it is removed when the test ends, or has made 64
 * more. */
static const char *file_of(const char *text, size_t size) {
    static size_t count;
    char *name = files[count++ % (sizeof files / sizeof *files)];
    if (*name) (void)unlink(name);
    (void)strcpy(name, "/tmp/trace.XXXXXX");
    int descriptor = mkstemp(name);
    cr_assert(descriptor != -1 && write(descriptor, text, size) == (ssize_t)size, "%s", name);
    (void)close(descriptor);
    return name;
}

/* Returns rows without their times, a space between fields, "\n" before and after each line. */
static char *plain(const char *rows) {
    char *text = malloc(strlen(rows) + 2), *to = text;
    *to++ = '\n';
    for (const char *line = rows; *line; line = strchr(line, '\n') + 1) {
        if (*line == '#') continue;
        for (const char *at = strchr(line, '\t') + 1; *at != '\n'; at++)
            *to++ = *at == '\t' ? ' ' : *at;
        *to++ = '\n';
    }
    *to = '\0';
    return text;
}

/* Reads logs that were recorded, by name, or NULL. */
static char *recorded(const char *server, const char *client) {
    char names[2][256];
    (void)snprintf(names[0], sizeof names[0], TRACES "%s.strace", server);
    (void)snprintf(names[1], sizeof names[1], TRACES "%s.strace", client ? client : "");
    struct outcome outcome = trace("read", names[0], client ? names[1] : NULL, NULL);
    cr_assert_eq(outcome.status, 0, "trace read %s: expected status 0, seen %d: %s", names[0],
                 outcome.status, outcome.err);
    return outcome.out;
}

/* Reads a trace that is written out here, and perhaps a client's. */
static char *written(const char *server, const char *client) {
    const char *names[] = {file_of(server, strlen(server)),
                           client ? file_of(client, strlen(client)) : NULL};
    struct outcome outcome = trace("read", names[0], names[1], NULL);
    cr_assert_eq(outcome.status, 0, "expected rows, seen: %s\nof this trace:\n%s", outcome.err,
                 server);
    cr_assert_str_empty(outcome.err, "expected no warning, seen: %s", outcome.err);
    return outcome.out;
}

/* Counts how often lines, one or more with "\n" between, stand in plain rows; the last may be the
 * beginning of one. */
static int count(const char *rows, const char *lines) {
    char *text = plain(rows), needle[LOOK_SIZE];
    int found = 0;
    int size = snprintf(needle, sizeof needle, "\n%s", lines);
    for (const char *at = text; (at = strstr(at, needle)) != NULL; at++)
        found += at[size] == '\n' || at[size] == ' ';
    free(text);
    return found;
}

static void expect(const char *rows, int number, const char *lines, const char *look) {
    int seen = count(rows, lines);
    cr_assert_eq(seen, number, "expected %d times, seen %d times:\n%s\nlook at %s; the rows:\n%s",
                 number, seen, lines, look, rows);
}

/* Expects the first row of the one kind before the first of the other. */
static void expect_before(const char *rows, const char *first, const char *second,
                          const char *look) {
    char *text = plain(rows), *at = strstr(text, first), *then = strstr(text, second);
    cr_assert(at && then && at < then, "expected '%s' before '%s'; look at %s; the rows:\n%s",
              first, second, look, rows);
    free(text);
}

/* Expects a command to fail with this status and one line that contains this. */
static void expect_error(struct outcome outcome, int status, const char *words) {
    const char *end = strchr(outcome.err, '\n');
    cr_assert_eq(outcome.status, status, "expected status %d, seen %d: %s", status, outcome.status,
                 outcome.err);
    cr_assert_str_empty(outcome.out, "expected nothing on standard output, seen:\n%s", outcome.out);
    cr_assert(end && (status == 2 || end[1] == '\0'), "expected one line, seen: %s", outcome.err);
    cr_assert(strstr(outcome.err, words), "expected '%s', seen: %s", words, outcome.err);
}

/* ---- Traces written out ---- */

#define HANDLER(flags)                                                                             \
    "10 1.000001 rt_sigaction(SIGCHLD, {sa_handler=0x5581, sa_mask=[], sa_flags=SA_RESTORER" flags \
    ", sa_restorer=0x7f}, NULL, 8) = 0 <0.000001>\n"
#define LISTEN                                                                                     \
    "10 1.000010 socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 3<TCP:[7]> <0.000001>\n"               \
    "10 1.000020 listen(3<TCP:[127.0.0.1:8888]>, 5) = 0 <0.000001>\n"
#define ACCEPT(port)                                                                               \
    "10 1.000100 accept(3<TCP:[127.0.0.1:8888]>, NULL, NULL) = "                                   \
    "4<TCP:[127.0.0.1:8888->127.0.0.1:" port "]> <0.000010>\n"
#define FORK(pid)                                                                                  \
    "10 1.000200 clone(child_stack=NULL, flags=SIGCHLD, child_tidptr=0x7f) = " pid " <0.000010>\n"
#define ENDS(pid) pid " 1.000300 exit_group(0) = ?\n" pid " 1.000400 +++ exited with 0 +++\n"
#define BLOCKED "10 1.000250 accept(3<TCP:[127.0.0.1:8888]>, NULL, NULL <unfinished ...>\n"
#define SIGCHLD_FOR(pid)                                                                           \
    "10 1.000600 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=" pid                   \
    ", si_uid=0, si_status=0} ---\n"

/* ---- The syntax of strace's lines ---- */

Test(trace_syntax, ports_of_a_descriptor) {
    static const struct {
        const char *text;
        int own, peer;
    } CASES[] = {
        {"3<TCP:[127.0.0.1:80->127.0.0.1:5001]>", 80, 5001},
        {"3<TCPv6:[[::1]:80->[::1]:5001]>", 80, 5001},
        {"3<TCP:[127.0.0.1:80]>", 80, 0},
        {"3<TCP:[4711]>", 0, 0},
        {"3<UNIX:[1:80]>", 0, 0},
        {"3<TCP:[127.0.0.1:99999]>", 0, 0},
        {"3<TCP:[127.0.0.1:80-\0:5001]>", 80, 0}, /* cut off: nothing is read beyond the end */
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct ports seen = find_ports(CASES[i].text);
        cr_assert(seen.own == CASES[i].own && seen.peer == CASES[i].peer,
                  "%s: expected %d and %d, seen %d and %d; look at find_ports", CASES[i].text,
                  CASES[i].own, CASES[i].peer, seen.own, seen.peer);
    }
}

/* ---- Descriptors ---- */

Test(trace_descriptors, below_the_first_socket_were_given) {
    char *rows = recorded("step1", NULL);
    expect(rows, 1,
           "server begin - - - - -\nserver open given 0 terminal - -\nserver open given 1 terminal "
           "- -\n"
           "server open given 2 terminal - -\nserver call socket",
           "begin in read.c");
    rows = written("10 1.000001 socket(AF_INET, SOCK_STREAM, 0) = 5 <0.000001>\n", NULL);
    expect(rows, 1, "server open given 4 other - -\nserver call socket", "begin in read.c");
}

Test(trace_descriptors, that_a_caller_had_closed_were_not) {
    expect(written("10 1.000001 socket(AF_INET, SOCK_STREAM, 0) = 0 <0.000001>\n", NULL), 0,
           "server open given", "begin in read.c");
}

Test(trace_descriptors, are_inherited_right_after_the_fork) {
    expect(recorded("eintr", NULL), 1,
           "server fork fork - child1 - -\nchild1 open inherited 0 terminal - -\nchild1 open "
           "inherited 1 terminal - -\n"
           "child1 open inherited 2 terminal - -\nchild1 open inherited 3 listener - -\n"
           "child1 open inherited 4 connection1 - -\nserver return fork - child1 child1 -",
           "fork_child in read.c");
}

Test(trace_descriptors, end_where_the_close_begins) {
    expect(recorded("eintr", NULL), 1,
           "child1 call close 3 listener - -\nchild1 close close 3 listener - -",
           "enter_call in read.c");
}

Test(trace_descriptors, that_are_left_are_closed_by_the_exit) {
    expect(recorded("step1", NULL), 1,
           "server close exit 0 terminal - -\nserver close exit 1 terminal - -\nserver close exit "
           "2 terminal - -\n"
           "server close exit 3 listener - -\nserver exit SIGTERM",
           "end_process in read.c");
}

Test(trace_descriptors, opened_unseen_are_left_out) {
    char *rows = recorded("eintr", NULL); /* perror closes its copy of stderr, 4 */
    expect(rows, 0, "server call close 4 terminal", "is_shown in read.c");
    expect(rows, 0, "server call close 4 -", "is_shown in read.c");
    expect(rows, 1, "server call write 2 terminal - accept: Interrupted system call\\n",
           "is_shown in read.c");
}

Test(trace_descriptors, that_are_none_are_shown_if_the_call_fails) {
    expect(
        written(LISTEN "10 1.000100 close(9) = -1 EBADF (Bad file descriptor) <0.000001>\n", NULL),
        1, "server call close 9 - - -\nserver return close 9 - EBADF -", "is_shown in read.c");
}

Test(trace_descriptors, opened_twice_were_closed_between) {
    expect(
        written(
            LISTEN ACCEPT(
                "5001") "10 1.000300 accept(3<TCP:[127.0.0.1:8888]>, NULL, NULL) = 4 <0.000010>\n",
            NULL),
        1, "server close close 4 connection1 - -\nserver open accept 4 connection2",
        "take_effect in read.c");
}

/* ---- Calls ---- */

Test(trace_calls, before_the_first_socket_are_left_out) {
    char *rows = recorded("python", NULL);
    expect(rows, 1, "server begin", "read_call in log.c");
    expect(rows, 0, "server call read", "is_shown in read.c");
}

Test(trace_calls, have_the_names_of_the_c_source) {
    char *rows = recorded(
        "python", NULL); /* accept4, clone, recvfrom, sendto, wait4, clock_nanosleep, exit_group */
    const char *const lines[] = {"server return accept 3 listener 4 -",
                                 "server call fork",
                                 "child1 call recv 4 connection1",
                                 "child1 call send 4 connection1",
                                 "server call wait - - - WNOHANG",
                                 "child1 call sleep",
                                 "child1 call exit - - - 3"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_assert_gt(count(rows, lines[i]), 0,
                     "expected '%s', seen none; look at NAMES in log.c:\n%s", lines[i], rows);
}

Test(trace_calls, unfinished_and_resumed_are_one) {
    char *rows = recorded("step6", NULL);
    expect(rows, 1, "child2 call recv 4 connection2 - -", "read_resumed in log.c");
    expect(rows, 1,
           "child2 return recv 4 connection2 46 GET /hello HTTP/1.1\\r\\nHost: "
           "127.0.0.1:PORT\\r\\n\\r\\n",
           "read_resumed in log.c");
}

Test(trace_calls, resumed_without_a_beginning_are_left_out) {
    expect(written(LISTEN "10 1.000100 <... accept resumed>) = 4 <0.1>\n", NULL), 0,
           "server return accept", "read_resumed in log.c");
}

Test(trace_calls, without_a_return_get_one_without_a_result) {
    expect(written(LISTEN BLOCKED "10 1.000300 write(1, \"x\", 1) = 1 <0.000001>\n", NULL), 1,
           "server return accept 3 listener - -\nserver call write 1 terminal - x",
           "enter_call in read.c");
}

Test(trace_calls, that_were_detached_do_not_return) {
    expect(written(LISTEN "10 1.000250 accept(3<TCP:[127.0.0.1:8888]>, NULL, NULL <detached ...>\n",
                   NULL),
           1, "server call accept 3 listener - -\n- end", "read_call in log.c");
}

Test(trace_calls, return_when_their_time_is_over) {
    char *rows = written(
        LISTEN "10 1.000100 accept(3<TCP:[127.0.0.1:8888]>, NULL, NULL) = 4 <0.500000>\n", NULL);
    cr_assert(strstr(rows, "\n500090\tserver\treturn\taccept"),
              "expected the return 500 ms later; look at read_call:\n%s", rows);
}

Test(trace_calls, never_return_after_what_follows) {
    char *rows = written(
        LISTEN
        "10 1.000100 accept(3, NULL, NULL) = 4 <0.500000>\n10 1.200000 close(4) = 0 <0.000001>\n",
        NULL);
    cr_assert(strstr(rows, "\n199990\tserver\treturn\taccept"),
              "expected it at the close; look at read_line:\n%s", rows);
}

Test(trace_calls, of_a_clock_that_was_set_back_keep_their_order) {
    char *rows = written(LISTEN "10 0.500000 close(3) = 0 <0.000001>\n", NULL);
    cr_assert(strstr(rows, "\n10\tserver\tcall\tclose"),
              "expected it at the time of the line before; look at read_line:\n%s", rows);
}

Test(trace_calls, that_strace_made_up_have_no_effect) {
    char *rows = recorded("injected", NULL);
    expect(rows, 1,
           "server call accept 3 listener - -\nserver return accept 3 listener EINTR -\nserver "
           "call accept",
           "is_injected in log.c");
    expect(written(LISTEN
                   "10 1.000100 close(3) = -1 EIO (Input/output error) (INJECTED) <0.000001>\n",
                   NULL),
           0, "server close close", "enter_call in read.c");
}

Test(trace_calls, that_fail_return_the_name_of_the_error) {
    char *rows = recorded("no-fork", NULL);
    expect(rows, 1, "server call fork - - - -\nserver return fork - - EAGAIN -",
           "see_result in read.c");
    expect(rows, 0, "server fork", "leave_call in read.c");
}

Test(trace_calls, of_sleep_have_its_seconds) {
    char *rows = recorded("eintr", NULL);
    expect(rows, 1, "child1 call sleep - - - 0.5\nchild1 return sleep - - 0",
           "read_seconds in read.c");
    expect(recorded("python", NULL), 2, "server fork fork", "read_seconds in read.c");
    expect(recorded("python", NULL), 1, "child1 call sleep - - - -",
           "TIMER_ABSTIME in read.c"); /* a time of day */
}

Test(trace_calls, of_other_names_are_known) {
    char *rows =
        written(LISTEN ACCEPT("5001") "10 1.000200 vfork( <unfinished ...>\n" ENDS(
                    "11") "10 1.000500 <... vfork resumed>) = 11 <0.000300>\n"
                          "10 1.000600 clone3({flags=CLONE_CHILD_SETTID, exit_signal=SIGCHLD, "
                          "stack=NULL} => {parent_tid=[0]}, 88) = 12 <0.0001>\n"
                          "10 1.000900 waitpid(-1, NULL, WNOHANG) = 11 <0.000010>\n",
                NULL);
    expect(rows, 2, "server call fork", "NAMES in log.c");
    expect(rows, 1, "server fork fork - child2", "NAMES in log.c");
    expect(rows, 1,
           "server call wait - - - WNOHANG\nserver return wait - child1 child1 -\nserver reap wait "
           "- child1 0 -",
           "NAMES in log.c");
}

/* ---- Signals ---- */

Test(trace_signals, interrupt_a_call_which_returns_eintr_before) {
    expect(recorded("eintr", NULL), 1,
           "server return accept 3 listener EINTR -\nserver signal SIGCHLD - child1 exited "
           "-\nserver call wait - - - -\n"
           "server return wait - child1 child1 -\nserver reap wait - child1 0 -",
           "deliver in read.c");
}

Test(trace_signals, hide_the_words_of_the_kernel) {
    const char *const names[] = {"eintr", "step6", "step7", "sa-restart", "child-stopped"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *rows = recorded(names[i], NULL);
        cr_assert_null(strstr(rows, "ERESTART"),
                       "%s: expected no ERESTART...; look at see_interrupted:\n%s", names[i], rows);
    }
}

Test(trace_signals, with_sa_restart_restart_the_call) {
    char *rows = recorded("sa-restart", NULL);
    expect(rows, 2, "server return accept 3 listener restarted -\nserver signal SIGCHLD",
           "see_interrupted in read.c");
    expect(rows, 1,
           "server handled SIGCHLD - - - -\nserver call accept 3 listener - -\nserver return "
           "accept 3 listener 4 -",
           "see_interrupted in read.c");
}

Test(trace_signals, always_restart_a_fork) {
    expect(written(HANDLER("") LISTEN FORK("11")
                       ENDS("11") "10 1.000500 clone(child_stack=NULL, flags=SIGCHLD) = ? "
                                  "ERESTARTNOINTR (To be restarted) <0.000010>\n" SIGCHLD_FOR("11"),
                   NULL),
           1, "server return fork - - restarted -", "see_interrupted in read.c");
}

Test(trace_signals, without_a_handler_are_not_seen) {
    char *rows = written(
        LISTEN FORK("11")
            BLOCKED ENDS("11") "10 1.000500 <... accept resumed>) = ? ERESTARTSYS (To be restarted "
                               "if SA_RESTART is set) <0.000300>\n" SIGCHLD_FOR(
                                   "11") "10 1.000700 accept(3, NULL, NULL) = 4 <0.000010>\n",
        NULL);
    expect(rows, 0, "server signal", "deliver in read.c");
    expect(rows, 1, "server call accept", "enter_call in read.c");
    expect(rows, 1, "server return accept", "enter_call in read.c");
    expect(recorded("step5", NULL), 0, "server signal", "deliver in read.c");
}

Test(trace_signals, end_with_rt_sigreturn_which_has_no_result) {
    char *rows =
        written(HANDLER(", SA_RESTART") LISTEN FORK("11") ENDS("11")
                    SIGCHLD_FOR("11") "10 1.000700 rt_sigreturn({mask=[]}) = 43 <0.000010>\n",
                NULL);
    expect(rows, 1,
           "server signal SIGCHLD - child1 exited -\nserver handled SIGCHLD - - - -\n- end",
           "enter_call in read.c");
}

Test(trace_signals, that_are_lost_stand_after_the_childs_exit) {
    char *rows = recorded("step6", NULL);
    expect(rows, 2, "server lost SIGCHLD", "tell_parent in read.c");
    expect(rows, 1, "child3 exit exit - - 0 -\nserver lost SIGCHLD - child3 - -",
           "tell_parent in read.c");
}

Test(trace_signals, that_are_pending_at_the_end_are_not_lost) {
    char *rows = recorded("pending", NULL);
    expect(rows, 3, "server fork", "tests/traces/pending.strace");
    expect(rows, 0, "server lost", "tell_parent in read.c");
    expect(rows, 0, "server signal", "tell_parent in read.c");
}

Test(trace_signals, of_stopped_children_are_told_apart) {
    char *rows = recorded("child-stopped", NULL);
    expect(rows, 1, "server signal SIGCHLD - child1 stopped -", "see_cause in read.c");
    expect(rows, 1, "server signal SIGCHLD - child1 continued -", "see_cause in read.c");
    expect(rows, 1, "child1 exit exit - - 0 -\nserver lost SIGCHLD - child1 - -",
           "tell_parent in read.c");
    expect(recorded("child-killed", NULL), 1, "server signal SIGCHLD - child1 killed -",
           "see_cause in read.c");
}

Test(trace_signals, that_somebody_sent_name_no_child) {
    expect(written(HANDLER("") LISTEN FORK("11") "10 1.000300 --- SIGCHLD {si_signo=SIGCHLD, "
                                                 "si_code=SI_USER, si_pid=11, si_uid=0} ---\n",
                   NULL),
           1, "server signal SIGCHLD - - - -", "read_signal in log.c");
}

Test(trace_signals, that_are_ignored_reap_by_themselves) {
    expect(recorded("sig-ign", NULL), 1,
           "child1 exit exit - - 0 -\nserver reap kernel - child1 0 -", "tell_parent in read.c");
}

/* ---- Processes ---- */

Test(trace_processes, are_forked_before_their_first_row) {
    char *rows =
        written(LISTEN ACCEPT(
                    "5001") "10 1.000200 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>\n"
                            "11 1.000210 close(3<TCP:[127.0.0.1:8888]>) = 0 <0.000001>\n"
                            "10 1.000220 <... clone resumed>, child_tidptr=0x7f) = 11 <0.000020>\n",
                NULL);
    cr_assert(strstr(rows, "\n200\tserver\tfork\tfork\t-\tchild1"),
              "expected the fork at 200; look at replay:\n%s", rows);
    expect_before(rows, "server fork fork", "child1 close close 3", "replay in read.c");
    expect_before(rows, "child1 close close 3", "server return fork", "replay in read.c");
}

Test(trace_processes, that_fork_at_the_same_time_have_their_own_children) {
    char *rows = written(
        LISTEN FORK(
            "11") "10 1.000300 fork( <unfinished ...>\n11 1.000310 fork( <unfinished ...>\n"
                  "12 1.000320 close(3) = 0 <0.000001>\n13 1.000330 close(3) = 0 <0.000001>\n"
                  "10 1.000340 <... fork resumed>) = 13 <0.000040>\n11 1.000350 <... fork "
                  "resumed>) = 12 <0.000040>\n",
        NULL);
    expect(rows, 1, "child1 fork fork - child2", "note_fork in log.c");
    expect(rows, 1, "server fork fork - child3", "note_fork in log.c");
}

Test(trace_processes, of_a_fork_that_is_cut_off_are_known) {
    expect(written(LISTEN
                   "10 1.000300 fork( <unfinished ...>\n11 1.000310 close(3) = 0 <0.000001>\n",
                   NULL),
           1, "child1 close close 3 listener", "adopt in read.c");
}

Test(trace_processes, may_have_the_number_of_one_that_has_ended) {
    char *rows = written(
        LISTEN FORK("11")
            ENDS("11") "10 1.000450 wait4(-1, NULL, 0, NULL) = 11 <0.000001>\n"
                       "10 1.000500 fork() = 11 <0.000001>\n11 1.000600 close(3) = 0 <0.000001>\n",
        NULL);
    expect(rows, 1, "child2 close close 3 listener", "find_pid in log.c");
}

Test(trace_processes, end_before_they_are_reaped) {
    char *rows = written(LISTEN FORK("11") "11 1.000300 exit_group(3) = ?\n"
                                           "10 1.000400 wait4(-1, NULL, 0, NULL) = 11 "
                                           "<0.000010>\n11 1.000500 +++ exited with 3 +++\n",
                         NULL);
    expect(rows, 1,
           "child1 exit exit - - 3 -\nserver return wait - child1 child1 -\nserver reap wait - "
           "child1 3 -",
           "leave_call in read.c");
}

Test(trace_processes, whose_end_is_not_traced_end_all_the_same) {
    char *rows = recorded("no-children", NULL);
    expect(rows, 1,
           "child1 exit exit - - - -\nserver return accept 3 listener EINTR -\nserver signal "
           "SIGCHLD - child1 exited -",
           "deliver in read.c");
}

Test(trace_processes, that_were_only_stopped_are_not_reaped) {
    expect(written(LISTEN FORK("11") "10 1.000400 wait4(-1, [{WIFSTOPPED(s) && WSTOPSIG(s) == "
                                     "SIGSTOP}], WUNTRACED, NULL) = 11 <0.000010>\n",
                   NULL),
           0, "server reap", "see_waited in read.c");
    expect(recorded("waitid", NULL), 1,
           "server return wait - child1 child1 -\nserver reap wait - child1 0",
           "see_waited in read.c");
}

Test(trace_processes, stop_and_go_on) {
    char *rows = recorded("step6", NULL);
    expect(rows, 1, "server stop SIGSTOP", "read_signal in log.c");
    expect(rows, 1,
           "server continue SIGCONT - - - -\nserver return accept 3 listener EINTR -\nserver "
           "signal SIGCHLD",
           "replay in read.c");
}

Test(trace_processes, that_are_killed_say_by_what) {
    expect(recorded("abort", NULL), 1, "child1 exit SIGABRT", "read_end in log.c");
    expect(recorded("child-killed", NULL), 1, "server reap wait - child1 SIGKILL",
           "take_effect in read.c");
    expect(recorded("queue", NULL), 1, "server exit SIGKILL", "read_end in log.c");
}

Test(trace_processes, around_the_server_are_left_out) {
    char *rows = recorded("shell", NULL);
    expect(rows, 1, "server begin", "note_socket in log.c");
    expect(rows, 1, "server fork fork - child1", "fork_child in read.c");
    expect(rows, 0, "child2", "fork_child in read.c");
}

Test(trace_processes, need_no_column_if_there_is_one) {
    expect(recorded("no-pid", NULL), 1, "server return accept 3 listener 4 -",
           "read_line in log.c");
}

/* ---- Texts ---- */

Test(trace_texts, name_processes_and_ports) {
    char *rows = recorded("step6", NULL);
    expect(rows, 1, "server call write 1 terminal - Serving HTTP on port PORT ...\\n",
           "find_alias in read.c");
    expect(rows, 1, "child2 call write 1 terminal - Child PID: child2. Parent PID: server\\n",
           "find_alias in read.c");
    expect(rows, 3, "server call write 1 terminal - Connection", "find_alias in read.c");
}

Test(trace_texts, replace_whole_numbers_only) {
    expect(written(LISTEN "10 1.000100 write(1, \"10 110 10x x10 1.10 10.1 (10) \\n10\\t10 "
                          "\\0108888 88880\", 40) = 40 <0.000001>\n",
                   NULL),
           1,
           "server call write 1 terminal - server 110 10x x10 1.10 10.1 (server) "
           "\\nserver\\tserver \\010PORT 88880",
           "piece in read.c");
}

Test(trace_texts, keep_numbers_of_something_else) {
    expect(
        written(
            LISTEN
            "10 1.000100 write(1, \"Connection 10 is descriptor 10, status  10\", 40) = 40 <0.1>\n",
            NULL),
        1, "server call write 1 terminal - Connection 10 is descriptor 10, status  10",
        "is_other_number in read.c");
}

Test(trace_texts, on_the_network_keep_their_numbers) {
    expect(written(LISTEN ACCEPT("5001") "10 1.000300 sendto(4, \"HTTP/1.1 10 5001\", 16, 0, NULL, "
                                         "0) = 16 <0.000001>\n",
                   NULL),
           1, "server call send 4 connection1 - HTTP/1.1 10 PORT1", "see_arguments in read.c");
}

Test(trace_texts, that_strace_has_cut_end_in_dots) {
    expect(
        written(LISTEN "10 1.000100 write(1, \"a \\\"b\\\"\\\\\"..., 99) = 99 <0.000001>\n", NULL),
        1, "server call write 1 terminal - a \\\"b\\\"\\\\...", "read_text in read.c");
}

Test(trace_texts, hide_no_end_of_a_call) {
    char *rows = written(
        LISTEN "10 1.000100 write(1</tmp/a, (b\\76->, \"), = 7\", 6) = 6 <0.000001>\n", NULL);
    expect(rows, 1, "server call write 1 terminal - ), = 7\nserver return write 1 terminal 6 -",
           "end_of_argument in log.c");
}

Test(trace_texts, are_text_whatever_the_trace_has) {
    expect(written(LISTEN "10 1.000100 write(1, \"\xff\x01\t\", 3) = 3 <0.000001>\n", NULL), 1,
           "server call write 1 terminal - \\377\\001\\011", "write_text in read.c");
}

/* ---- Clients ---- */

Test(trace_clients, have_the_number_of_their_connection) {
    char *rows = recorded("step6", "step6.client");
    for (int i = 1; i <= 3; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "client%d open socket 3 connection%d - -", i, i);
        expect(rows, 1, line, "survey_socket in read.c");
    }
    expect(rows, 1, "client1 return connect 3 connection1 EINPROGRESS -", "see_result in read.c");
}

Test(trace_clients, that_are_never_accepted_come_last) {
    char *rows =
        recorded("queue", "queue.client"); /* connection 1 is a client's that was not traced */
    expect(rows, 1, "server open accept 4 connection1", "survey_accept in read.c");
    expect(rows, 1, "client2 open socket 3 connection2", "survey_socket in read.c");
    expect(rows, 1, "client3 open socket 3 connection3", "survey_socket in read.c");
}

Test(trace_clients, with_two_connections_are_one) {
    char *rows = recorded("two-connections", "two-connections.client");
    expect(rows, 1, "client1 open socket 3 connection1", "survey_socket in read.c");
    expect(rows, 1, "client1 open socket 6 connection2", "survey_socket in read.c");
    expect(rows, 0, "client2", "begin in read.c");
}

Test(trace_clients, show_what_they_do_with_their_connections_alone) {
    char *rows = recorded("step1", "step1.client");
    expect(rows, 1, "client1 begin", "begin in read.c");
    expect(rows, 0, "client1 call write", "is_shown in read.c"); /* to the pipe */
    expect(rows, 0, "client1 call exit", "is_shown in read.c");
    expect(rows, 1, "client1 close exit 3 connection1 - -\nclient1 exit exit - - 0",
           "end_process in read.c");
    expect(rows, 0, "client2", "the client's coordinator: begin in read.c");
}

Test(trace_clients, of_ipv6_are_known) {
    expect(recorded("ipv6", "ipv6.client"), 1, "client1 open socket 3 connection1",
           "find_ports in log.c");
}

Test(trace_clients, stand_among_the_server_by_time) {
    char *rows = recorded("step1", "step1.client");
    expect_before(rows, "server call accept", "client1 call connect", "survey in read.c");
    expect_before(rows, "client1 call connect", "server open accept", "survey in read.c");
    expect_before(rows, "client1 call send", "server return recv", "survey in read.c");
}

/* ---- What trace read cannot read ---- */

#define REFUSED(test, name, words)                                                                 \
    Test(trace_refuses, test) {                                                                    \
        expect_error(trace("read", name, NULL), 1, words);                                         \
    }                                                                                              \
    struct trace_refuses_##test

REFUSED(a_file_that_is_not_there, "/nonexistent", "/nonexistent: No such file");
REFUSED(a_directory, "/", "Is a directory");
REFUSED(an_empty_file, "/dev/null", "/dev/null: it is empty");
REFUSED(what_is_no_trace, "README.md",
        "it is no trace: record one with strace -f -ttt -T -yy -o FILE");
REFUSED(a_trace_without_times, TRACES "no-ttt.strace", "record one with strace -f -ttt");
REFUSED(a_trace_that_begins_too_late, TRACES "attached.strace", "no process in it calls socket");
REFUSED(threads, TRACES "threads.strace", "the server has threads");
REFUSED(a_trace_without_minus_o, TRACES "pid-prefix.strace", "record it with strace -o FILE");
REFUSED(a_file_without_end, "/dev/zero", "File too large");

Test(trace_refuses, too_many_descriptors) {
    const char log[] = "10 1.000001 socket(AF_INET, SOCK_STREAM, 0) = 99999 <0.000001>\n";
    const char *name = file_of(log, strlen(log));
    expect_error(trace("read", name, NULL), 1, "4096 descriptors");
}

Test(trace_refuses, what_cannot_be) {
    const char log[] = LISTEN HANDLER("") FORK("11") ENDS("11") SIGCHLD_FOR("11") SIGCHLD_FOR("11");
    const char *name = file_of(log, strlen(log));
    struct outcome outcome = trace("read", name, NULL);
    expect_error(outcome, 1, "the trace contradicts itself: row ");
    expect_error(outcome, 1, "this child's end has had its signal, or lost it");
}

Test(trace_warns, of_lines_that_are_not_straces) {
    const char log[] = LISTEN "hello\nstrace: Process 7 attached\nworld\n";
    const char *name = file_of(log, strlen(log));
    struct outcome outcome = trace("read", name, NULL);
    cr_assert_eq(outcome.status, 0);
    cr_assert(
        strstr(outcome.err, "2 lines are not strace's and were left out; the first is line 3"),
        "%s", outcome.err);
}

Test(trace_warns, of_a_last_line_that_is_cut_off) {
    struct outcome outcome = trace("read", TRACES "detached.strace", NULL);
    cr_assert_eq(outcome.status, 0);
    cr_assert(strstr(outcome.err, "the last line is incomplete"), "%s", outcome.err);
}

/* Cuts a copy of a trace after size bytes, and reads it: rows that can be, or one line of error. */
static void read_cut(const char *text, size_t size, const char *copy, const char *name) {
    struct rows rows;
    char message[MESSAGE_SIZE], *logs[] = {(char *)(uintptr_t)copy};
    cr_assert_eq(truncate(copy, (off_t)size), 0, "%s", copy);
    int status = trace_read(logs, 1, &rows, message, sizeof message);
    if (status == -1) {
        cr_assert(*message && !strchr(message, '\n'), "%s, %zu bytes: expected a line, seen: %s",
                  name, size, message);
        cr_assert(!strstr(message, "contradicts"), "%s, %zu bytes: expected rows that can be: %s",
                  name, size, message);
        return;
    }
    cr_assert_eq(rows_check(&rows, message, sizeof message), 0, "%s, %zu bytes: %s", name, size,
                 message);
    bool whole = size > 0 && text[size - 1] == '\n';
    cr_assert(whole || strstr(message, "incomplete"), "%s, %zu bytes: expected a warning, seen: %s",
              name, size, message);
    rows_free(&rows);
}

Test(trace_reads, traces_cut_after_every_byte) {
    const char *const names[] = {TRACES "eintr.strace", TRACES "step6.strace"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        FILE *file = fopen(names[i], "r");
        cr_assert_not_null(file);
        char *text = content(file);
        size_t size = strlen(text);
        const char *copy = file_of(text, size);
        while (size-- > 0) read_cut(text, size, copy, names[i]);
    }
}

Test(trace_reads, every_trace_without_any_one_of_its_lines) {
    FILE *file = fopen(TRACES "step6.strace", "r");
    cr_assert_not_null(file);
    char *text = content(file), *less = malloc(strlen(text) + 1);
    for (char *line = text; *line; line = strchr(line, '\n') + 1) {
        struct rows rows;
        char message[MESSAGE_SIZE];
        size_t before = (size_t)(line - text), size = strlen(strchr(line, '\n') + 1);
        memcpy(less, text, before);
        memcpy(less + before, strchr(line, '\n') + 1, size);
        char *logs[] = {(char *)(uintptr_t)file_of(less, before + size)};
        if (trace_read(logs, 1, &rows, message, sizeof message) == 0) rows_free(&rows);
        else cr_assert(*message && !strchr(message, '\n'), "without '%.40s': %s", line, message);
    }
    free(less);
}

Test(trace_reads, all_that_is_recorded_or_says_why_not) {
    DIR *directory = opendir(TRACES);
    cr_assert_not_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char name[300];
        if (!strstr(entry->d_name, ".strace")) continue;
        (void)snprintf(name, sizeof name, TRACES "%s", entry->d_name);
        struct outcome outcome = trace("read", name, NULL);
        cr_assert(outcome.status == 0 || *outcome.err, "%s: status %d without a word", name,
                  outcome.status);
    }
    (void)closedir(directory);
}

/* ---- Rows ---- */

/* Rows in which all is well: two children, one reaped, a signal and a lost one. */
static const char *const WELL[] = {
    "0 server begin - - - - -",
    "0 server open given 0 terminal - -",
    "1 server call fork - - - -",
    "2 server fork fork - child1 - -",
    "2 child1 open inherited 0 terminal - -",
    "2 server return fork - child1 child1 -",
    "3 server call fork - - - -",
    "4 server fork fork - child2 - -",
    "4 child2 open inherited 0 terminal - -",
    "4 server return fork - child2 child2 -",
    "5 server stop SIGSTOP - - - -",
    "6 child1 close exit 0 terminal - -",
    "6 child1 exit exit - - 0 -",
    "7 child2 close exit 0 terminal - -",
    "7 child2 exit exit - - 0 -",
    "7 server lost SIGCHLD - child2 - -",
    "8 server continue SIGCONT - - - -",
    "8 server signal SIGCHLD - child1 exited -",
    "9 server call wait - - - -",
    "9 server return wait - child1 child1 -",
    "9 server reap wait - child1 0 -",
    "9 server handled SIGCHLD - - - -",
    "9 - end - - - - -",
};
enum { WELL_COUNT = sizeof WELL / sizeof *WELL };

/* Returns the name of a file with these rows, in which the row at index has been replaced by
 * others, if not NULL: lines with "\n" between, or "" to leave it out. */
static const char *rows_with(int index, const char *others) {
    char text[LOOK_SIZE] = "# rows 1\n";
    size_t size = strlen(text);
    for (int i = 0; i < WELL_COUNT; i++) {
        const char *line = i == index && others ? others : WELL[i];
        size += (size_t)snprintf(text + size, sizeof text - size, *line ? "%s\n" : "%s", line);
    }
    for (char *at = strchr(text, '\n'); *at; at++)
        if (*at == ' ') *at = '\t';
    return file_of(text, size);
}

Test(trace_check, accepts_what_can_be) {
    const char *name = rows_with(-1, NULL);
    struct outcome outcome = trace("check", name, NULL);
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    cr_assert(strstr(outcome.out, "23 rows, and all of them can be"), "%s", outcome.out);
}

/* The row at index, replaced, is refused in these words. */
#define BROKEN(test, index, others, words)                                                         \
    Test(trace_check, test) {                                                                      \
        const char *name = rows_with(index, others);                                               \
        expect_error(trace("check", name, NULL), 1, words);                                        \
    }                                                                                              \
    struct trace_check_##test

BROKEN(time_falls, 16, "6 server continue SIGCONT - - - -",
       "row 17 (6 server continue SIGCONT -): time falls");
BROKEN(return_without_call, 2, "", "row 5 (2 server return fork child1): it is not in this call");
BROKEN(return_of_another_call, 5, "2 server return wait - - 0 -", "it is not in this call");
BROKEN(calls_nest, 3, "2 server call wait - - - -", "it is still in another call");
BROKEN(signal_within_a_call, 16, "8 server continue SIGCONT - - - -\n8 server call wait - - - -",
       "the call that the signal interrupted has not returned");
BROKEN(close_of_what_is_not_open, 11, "6 child1 close exit 1 terminal - -",
       "this descriptor is not open");
BROKEN(close_of_something_else, 11, "6 child1 close exit 0 listener - -",
       "open, but for something else");
BROKEN(open_of_what_is_open, 2, "1 server open given 0 terminal - -",
       "this descriptor is open already");
BROKEN(open_without_a_descriptor, 1, "0 server open given - terminal - -", "it has no descriptor");
BROKEN(inherited_what_the_parent_had_not, 4, "2 child1 open inherited 1 terminal - -",
       "its parent did not have this");
BROKEN(inherited_something_else, 4, "2 child1 open inherited 0 listener - -",
       "its parent did not have this");
BROKEN(not_inherited_what_the_parent_had, 4, "",
       "a child begins with its parent's descriptors, and one was not named");
BROKEN(nothing_before_it_begins, 0, "", "row 1 (0 server open given terminal): it has not begun");
BROKEN(begins_twice, 1, "0 server begin - - - - -", "it has begun before");
BROKEN(child_without_fork, 3, "2 child1 begin - - - - -", "a child begins with a fork");
BROKEN(forked_twice, 7, "4 server fork fork - child1 - -", "a child is forked once");
BROKEN(fork_of_no_child, 3, "2 server fork fork - client1 - -", "it names no child");
BROKEN(something_after_exit, 13, "7 child1 call exit - - - -", "it has ended before");
BROKEN(ends_twice, 14, "7 child1 exit exit - - 0 -", "it has ended before");
BROKEN(something_while_stopped, 11, "6 server call accept - - - -", "it is stopped");
BROKEN(stopped_twice, 11, "6 server continue SIGCONT - - - -\n6 server continue SIGCONT - - - -",
       "it was so already");
BROKEN(handled_without_signal, 2, "1 server handled SIGCHLD - - - -", "it is in no handler");
BROKEN(reaped_before_its_exit, 20,
       "9 server reap wait - child1 0 -\n9 server reap wait - child3 0 -",
       "this is not a child of its own");
BROKEN(reaped_alive, 12, "", "this child has not ended");
BROKEN(reaped_twice, 21, "9 server reap wait - child1 0 -", "this child was reaped before");
BROKEN(reaped_by_another, 13, "7 child2 reap wait - child1 0 -", "this is not a child of its own");
BROKEN(reaps_nobody, 20, "9 server reap wait - - 0 -", "it names no child");
BROKEN(signal_of_the_living, 12, "", "this child has not ended");
BROKEN(signal_and_lost, 17, "8 server signal SIGCHLD - child2 exited -",
       "this child's end has had its signal, or lost it");
BROKEN(neither_signal_nor_lost, 15, "",
       "row 15 (7 child2 exit exit -): a SIGCHLD came later, but none is for this child");
BROKEN(no_end, 22, "", "the last row, and no other, is the end");
BROKEN(end_too_early, 10, "5 - end - - - - -", "the last row, and no other, is the end");
BROKEN(too_few_fields, 1, "0 server open given 0 terminal -", ":3: a row has 8 fields");
BROKEN(too_many_fields, 1, "0 server open given 0 terminal - - -", ":3: a row has 8 fields");
BROKEN(an_empty_field, 1, "0 server open given 0 terminal  -", ":3: a row has 8 fields");
BROKEN(no_time, 1, "-1 server open given 0 terminal - -", ":3: the time is no number");
BROKEN(no_such_event, 1, "0 server opened given 0 terminal - -", ":3: no such event");
BROKEN(no_such_process, 1, "0 child01 open given 0 terminal - -", ":3: no such process");
BROKEN(no_process, 1, "0 - open given 0 terminal - -", ":3: only an end has no process");
BROKEN(no_descriptor, 1, "0 server open given 0x terminal - -", ":3: the descriptor is no number");
BROKEN(no_text, 1, "0 server open given 0 terminal - \xc3(", ":3: this is not UTF-8 text");
BROKEN(control_characters, 1, "0 server open given 0 terminal - \x1b",
       ":3: this is not UTF-8 text");

Test(trace_check, refuses_what_are_no_rows) {
    expect_error(trace("check", "README.md", NULL), 1,
                 "README.md:1: no rows: the first line must be '# rows 1'");
    expect_error(trace("check", "/dev/null", NULL), 1, "/dev/null: no rows: it is empty");
    expect_error(trace("counts", "/nonexistent", NULL), 1, "/nonexistent: No such file");
    const char *name = file_of("# rows 1\n0\tserver", 17);
    expect_error(trace("check", name, NULL), 1, ":2: the last line is incomplete");
    name = file_of("# rows 1\n", 9);
    expect_error(trace("check", name, NULL), 1, "there are no rows");
}

Test(trace_rows, are_the_same_when_written_again) {
    static const char *const names[] = {"step6", "step4-limit", "step6-128"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *text = recorded(names[i], NULL), *again;
        size_t size;
        struct rows rows;
        char message[MESSAGE_SIZE];
        FILE *file = fmemopen(text, strlen(text), "r"), *out = open_memstream(&again, &size);
        cr_assert_eq(rows_read(file, names[i], &rows, message, sizeof message), 0, "%s", message);
        cr_assert(rows_write(&rows, out) == 0 && fclose(out) == 0);
        cr_assert(strcmp(text, again) == 0, "%s: look at rows_read and rows_write", names[i]);
        cr_assert_eq(rows.processes[0].kind, KIND_SERVER);
        rows_free(&rows);
        (void)fclose(file);
        free(again);
    }
}

Test(trace_rows, have_times_that_can_be_read_again) {
    char *rows = written("10 0000000000.000000 socket(AF_INET, SOCK_STREAM, 0) = 3 <0.000001>\n"
                         "10 9999999999.999999 accept(3, NULL, NULL) = 4 <9999999999.999999>\n",
                         NULL);
    const char *name = file_of(rows, strlen(rows));
    struct outcome outcome = trace("check", name, NULL);
    cr_assert_eq(outcome.status, 0, "expected rows, seen: %s; look at TIME_DIGITS", outcome.err);
}

Test(trace_rows, know_the_processes) {
    const char *name = rows_with(-1, NULL);
    struct rows rows = load(name);
    cr_assert_eq(rows.process_count, 3, "expected 3 processes, seen %d; look at find_processes",
                 rows.process_count);
    const struct process *child = &rows.processes[1];
    cr_assert_str_eq(child->name, "child1", "expected child1, seen %s; look at rows_index",
                     child->name);
    cr_assert(child->kind == KIND_CHILD && child->number == 1 && child->parent == 0,
              "expected kind %d, number 1, parent 0, seen %d, %d, %d; look at rows_index",
              KIND_CHILD, child->kind, child->number, child->parent);
    cr_assert(
        rows.end == 9 && rows.processes[0].parent == NOBODY,
        "expected the end at 9, the server without a parent, seen %lld, %d; look at rows_index",
        rows.end, rows.processes[0].parent);
    rows_free(&rows);
}

/* ---- Counts, summaries, stories ---- */

/* Writes the rows of a recorded trace into a file, and returns its name. */
static const char *rows_of(const char *server, const char *client) {
    char *rows = recorded(server, client);
    const char *name = file_of(rows, strlen(rows));
    return name;
}

static void expect_output(const char *command, const char *rows, const char *output) {
    struct outcome outcome = trace(command, rows, NULL);
    cr_assert_eq(outcome.status, 0, "trace %s: %s", command, outcome.err);
    cr_assert_str_eq(outcome.out, output, "trace %s: expected:\n%sseen:\n%s", command, output,
                     outcome.out);
}

Test(trace_counts, change_with_the_rows) {
    expect_output("counts", rows_with(-1, NULL),
                  "# time\tchildren\tzombies\tdescriptors\n"
                  "0\t0\t0\t0\n0\t0\t0\t1\n2\t1\t0\t1\n4\t2\t0\t1\n6\t1\t1\t1\n7\t0\t2\t1\n9\t0\t1"
                  "\t1\n9\t0\t1\t1\n");
}

/* Returns the last line of what a command prints. */
static const char *last_line(const char *command, const char *rows) {
    struct outcome outcome = trace(command, rows, NULL);
    char *end = outcome.out + strlen(outcome.out) - 1;
    *end = '\0';
    char *line = strrchr(outcome.out, '\n');
    return line ? line + 1 : outcome.out;
}

Test(trace_counts, leave_the_zombies_that_remain) {
    cr_assert(strstr(last_line("counts", rows_of("step6", NULL)), "\t0\t2\t0"),
              "step 6: look at rows_count");
    cr_assert(strstr(last_line("counts", rows_of("step7", NULL)), "\t0\t0\t0"),
              "step 7: look at rows_count");
    cr_assert(strstr(last_line("counts", rows_of("step5", NULL)), "\t0\t5\t0"),
              "step 5: look at rows_count");
}

static void assert_summary(const char *rows, const char *summary, const char *name) {
    const char *seen = last_line("summary", rows);
    cr_assert_str_eq(seen, summary, "%s: expected: %s\nseen: %s\nlook at say_what_is_seen", name,
                     summary, seen);
}

Test(trace_summary, says_what_became_of_the_children) {
    static const struct {
        const char *trace, *summary;
    } cases[] = {
        {"step1", "A server waits for clients."},
        {"step5", "5 children ended, none reaped, 5 zombies left."},
        {"step6", "3 children ended, 1 signal delivered, 2 lost, 1 reaped, 2 zombies left."},
        {"step7", "3 children ended, 1 signal delivered, 2 lost, 3 reaped, no zombie left."},
        {"abort", "1 child ended, none reaped, 1 zombie left."},
        {"eintr", "1 child ended, 1 signal delivered, 1 reaped, no zombie left. The server dies of "
                  "EINTR: a signal has interrupted its call."},
        {"step4-limit", "The server never closes its copies of 12 connections. 11 children ended, "
                        "1 alive, none reaped, 11 zombies left. The server dies of EMFILE: too "
                        "many open files."},
        {"no-fork", "The server dies of EAGAIN: no more processes."},
        {"step6-128",
         "128 children ended, 120 signals delivered, 8 lost, 120 reaped, 8 zombies left."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_summary(rows_of(cases[i].trace, NULL), cases[i].summary, cases[i].trace);
}

Test(trace_summary, is_about_the_clients_if_there_are_no_children) {
    assert_summary(rows_of("step1", "step1.client"), "One client is served.", "step1");
    assert_summary(rows_of("queue", "queue.client"),
                   "One client at a time: client 2 waits 304 ms to be accepted.", "queue");
}

Test(trace_summary, counts_what_is_pending) {
    const char log[] = HANDLER("") LISTEN FORK("11") ENDS("11") SIGCHLD_FOR(
        "11") "10 1.000700 fork() = 12 <0.000001>\n"
              "12 1.000800 +++ exited with 0 +++\n10 1.000900 +++ killed by SIGKILL +++\n";
    char *rows = written(log, NULL);
    expect_output(
        "summary", file_of(rows, strlen(rows)),
        "2 children ended, 1 signal delivered, 1 pending, none reaped, 2 zombies left.\n");
}

Test(trace_story, is_the_same_for_the_same_experiment) {
    struct outcome once = trace("story", rows_of("step6", "step6.client"), NULL);
    expect_output("story", rows_of("step6-again", "step6-again.client"), once.out);
    cr_assert(strncmp(once.out, "3 child\n", 8) == 0, "expected the children as one, seen:\n%s",
              once.out);
    cr_assert_null(strstr(once.out, "poll"), "expected no poll, seen:\n%s", once.out);
}

Test(trace_story, is_another_for_another_server) {
    struct outcome six = trace("story", rows_of("step6", NULL), NULL),
                   seven = trace("story", rows_of("step7", NULL), NULL);
    cr_assert(strcmp(six.out, seven.out) != 0, "expected a difference, seen none:\n%s", six.out);
}

Test(trace_story, is_coarse_for_many_children) {
    expect_output("story", rows_of("step6-128", NULL), "128 children, 0 clients, zombies: some\n");
    expect_output("story", rows_of("step4-limit", NULL),
                  "12 children, 0 clients, zombies: some, the server ended with status 1 after "
                  "accept: EMFILE\n");
}

/* ---- The command line ---- */

Test(trace_usage, lists_the_commands) {
    struct outcome outcome = trace("-h", NULL);
    cr_assert(outcome.status == 0 && strstr(outcome.out, "trace read SERVER.strace"), "%s",
              outcome.out);
}

Test(trace_usage, refuses_what_it_does_not_know) {
    expect_error(trace(NULL), 2, "trace: which command?");
    expect_error(trace("dance", NULL), 2, "trace: there is no command dance");
    expect_error(trace("read", NULL), 2, "trace: read wants the trace of a server");
    expect_error(trace("counts", NULL), 2, "trace: this wants one file of rows: counts");
    expect_error(trace("counts", "a", "b", NULL), 2, "trace: this wants one file of rows: counts");
    expect_error(trace("draw", NULL), 2, "trace: draw wants one file of rows");
    expect_error(trace("draw", "--colour", "x", NULL), 2, "trace: draw has no such option");
}

Test(trace_output, that_cannot_be_written_is_told) {
    FILE *full = fopen("/dev/full", "w");
    if (!full) cr_skip("there is no /dev/full");
    const char *const commands[] = {"read", "counts", "summary", "story"};
    const char *name = rows_with(-1, NULL);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        int status;
        char *argv[] = {(char[]){"trace"}, (char *)(uintptr_t)commands[i],
                        (char *)(uintptr_t)(i == 0 ? TRACES "step1.strace" : name), NULL};
        (void)fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            (void)dup2(fileno(full), STDOUT_FILENO);
            (void)dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
            leave(trace_main(3, argv));
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1,
                  "trace %s: expected status 1 on a full disk", commands[i]);
    }
}
