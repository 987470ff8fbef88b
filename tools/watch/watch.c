/*
 * watch: what a server's processes, descriptors and sockets do, on one screen, several times a
 * second.
 *
 *   watch -- COMMAND...    starts the server, shows it, ends it with all its processes
 *   watch -p PID           shows a server that runs, and leaves it alone
 *   watch --once ...       prints one look as plain text
 *
 * What is seen comes from look.c, how it is shown from show.c; here are the terminal, the keys and
 * the time. Signals are blocked but while it waits for a key, so a handler has only to note them.
 */
#define _GNU_SOURCE 1
#include "guard.h"
#include "look.h"
#include "serve.h"
#include "show.h"
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { INTERVAL = 200, LONGEST = 2000 }; /* from one look to the next, in ms */
enum { REST = 60 }; /* it rests so many times as long as it has looked */
enum { START_STEP = 10, START_STEPS = 300 }; /* of waiting for a server that begins, in ms */
enum { PLAIN_WIDTH = 80, USAGE_STATUS = 2 };

static const char USAGE[] = "usage: build/tools/watch [--once] -- COMMAND...\n"
                            "       build/tools/watch [--once] -p PID\n";
static const char HOW[] = "; type: make watch PID=..., or build/tools/watch --once -p PID";
static const char HELP[] =
    "  -- COMMAND...  start this server, show it, and end it with all its processes\n"
    "  -p, --pid PID  show a server that runs, and leave it alone\n"
    "      --once     print one look as plain text, and end\n"
    "  -h, --help     print this\n"
    "Keys: q quits, p pauses, r starts the server anew, arrows, PgUp and PgDn scroll.\n";

struct session {
    struct server server;
    struct world world;
    struct view view;
    struct page page;
    bool once, own; /* own: the server is ours to start and to end */
};

static volatile sig_atomic_t fatal, resized, suspended; /* the signals that have come */
static sigset_t unblocked; /* what the signal mask is while it waits */

/* ---- Signals ---- */

static void note_signal(int signal) {
    if (signal == SIGWINCH) resized = 1;
    else if (signal == SIGTSTP) suspended = 1;
    else if (signal != SIGCHLD) fatal = signal;
}

/* Blocks the signals that are noted; all but those ignored on purpose, as nohup does. */
static void catch_signals(void) {
    static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH, SIGCHLD};
    struct sigaction action = {.sa_handler = note_signal}, before;
    sigset_t caught;
    (void)sigemptyset(&caught);
    for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++) {
        bool ignored = sigaction(SIGNALS[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN;
        if (ignored && SIGNALS[i] != SIGCHLD) continue;
        (void)sigaddset(&caught, SIGNALS[i]);
        (void)sigaction(SIGNALS[i], &action, NULL);
    }
    (void)sigprocmask(SIG_BLOCK, &caught, &unblocked);
    for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++)
        (void)sigdelset(&unblocked, SIGNALS[i]); /* whoever started us may have blocked some */
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
}

/* Waits for a key, a signal, or so many milliseconds. Returns false if the terminal is gone. */
static bool wait_for(long milliseconds, int file) {
    struct pollfd keys = {.fd = file, .events = POLLIN};
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    (void)ppoll(&keys, 1, &time, &unblocked);
    return (keys.revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
}

/* Ends as the signal would have ended us, so that who waits for us knows. */
static _Noreturn void die_of(int signal) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t set;
    (void)sigaction(signal, &action, NULL);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, signal);
    (void)kill(getpid(), signal);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    _exit(128 + signal);
}

/* ---- The terminal ---- */

static attr_t attributes[STYLES];

static void choose_attributes(void) {
    static const short COLOURS[HUES] = {COLOR_CYAN, COLOR_YELLOW, COLOR_GREEN, COLOR_MAGENTA,
                                        COLOR_BLUE};
    const char *no_color = getenv("NO_COLOR");
    attributes[DIM] = A_DIM;
    attributes[STRONG] = A_BOLD;
    attributes[BAR] = A_REVERSE;
    attributes[ALARM] = A_BOLD | A_UNDERLINE;
    attributes[DEAD] = A_BOLD | A_REVERSE;
    for (int i = 0; i < HUES; i++) attributes[HUE + i] = A_BOLD;
    if ((no_color != NULL && *no_color != '\0') || !has_colors()) return;
    (void)start_color();
    (void)use_default_colors();
    (void)init_pair(1, COLOR_RED, -1);
    for (int i = 0; i < HUES; i++) {
        (void)init_pair((short)(2 + i), COLOURS[i], -1);
        attributes[HUE + i] = A_BOLD | (attr_t)COLOR_PAIR(2 + i);
    }
    attributes[ALARM] = A_BOLD | (attr_t)COLOR_PAIR(1);
    attributes[DEAD] = A_BOLD | A_REVERSE | (attr_t)COLOR_PAIR(1);
}

/* Takes over the terminal; Ctrl-C becomes a key like q, the other signals of the keyboard stay. */
static bool open_terminal(void) {
    struct termios mode;
    if (newterm(NULL, stdout, stdin) == NULL) return false;
    (void)cbreak();
    (void)noecho();
    if (tcgetattr(STDIN_FILENO, &mode) == 0) {
        mode.c_cc[VINTR] = _POSIX_VDISABLE;
        mode.c_iflag &= ~(tcflag_t)IXON; /* Ctrl-S would stop us while we write */
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &mode);
        (void)def_prog_mode();
    }
    (void)keypad(stdscr, TRUE);
    (void)nodelay(stdscr, TRUE);
    (void)set_escdelay(25);
    (void)curs_set(0);
    choose_attributes();
    return true;
}

static void draw(const struct page *page) {
    (void)erase(); /* in memory: refresh sends what differs from the screen */
    for (int row = 0; row < page->count && row < LINES; row++) {
        const struct line *line = &page->lines[row];
        (void)move(row, 0);
        for (int from = 0, to = 0; from < line->length; from = to) {
            while (to < line->length && line->style[to] == line->style[from]) to++;
            (void)attrset((int)attributes[line->style[from]]);
            (void)addnstr(line->text + from, to - from);
        }
    }
    (void)refresh();
}

static void resize(void) {
    struct winsize size;
    resized = 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        (void)resizeterm(size.ws_row, size.ws_col);
}

/* Ctrl-Z: gives the terminal back, stops, and takes it over again. */
static void suspend(void) {
    struct sigaction action = {.sa_handler = SIG_DFL}, before;
    sigset_t set;
    suspended = 0;
    (void)endwin();
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTSTP);
    (void)sigaction(SIGTSTP, &action, &before);
    (void)kill(getpid(), SIGTSTP);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL); /* here it stops */
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)sigaction(SIGTSTP, &before, NULL);
    (void)clearok(curscr, TRUE);
    resize();
}

/* ---- The session ---- */

static double milliseconds(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void take_look(struct session *session) {
    if (session->own) check_server(&session->server);
    look(&session->world);
}

/* Starts the server, or starts it anew; returns 0 or an error number. */
static int begin(struct session *session) {
    bool from_proc = session->world.from_proc;
    int error = start_server(&session->server);
    look_away(&session->world);
    session->world = (struct world){.server = session->server.pid, .from_proc = from_proc};
    return error;
}

/* Waits until the server listens or has ended, but not for ever: it may not be a server. */
static void wait_for_beginning(struct session *session) {
    for (int i = 0; i < START_STEPS && !fatal; i++) {
        take_look(session);
        if (session->world.listening || !session->server.running) break;
        (void)wait_for(START_STEP, -1);
    }
}

static void restart(struct session *session) {
    session->view.paused = false;
    end_server(&session->server);
    int error = begin(session);
    if (error == 0) return;
    char words[TAIL_WIDTH];
    int length = snprintf(words, sizeof words, "%.200s: %.50s\n", session->server.command[0],
                          strerror(error));
    add_output(&session->server.tail, 1, words, (size_t)length);
    session->server.status = 127 << 8;
}

/* Does what the key says; returns false if that is to quit. */
static bool obey(struct session *session, int key) {
    struct view *view = &session->view;
    switch (key) {
    case 'q':
    case 'Q':
    case 3: return false; /* Ctrl-C */
    case 'p':
    case ' ': view->paused = !view->paused; break;
    case 'r':
        if (session->own) restart(session);
        break;
    case KEY_UP: view->scroll--; break;
    case KEY_DOWN: view->scroll++; break;
    case KEY_PPAGE: view->scroll -= view->height / 2; break;
    case KEY_NPAGE: view->scroll += view->height / 2; break;
    case KEY_HOME: view->scroll = 0; break;
    case KEY_END: view->scroll = NO_LIMIT; break;
    case 12: (void)clearok(curscr, TRUE); break; /* Ctrl-L */
    default: break;
    }
    if (view->scroll < 0) view->scroll = 0;
    return true;
}

/* The screen, until one quits. */
static void show_live(struct session *session) {
    bool goes_on = true;
    double next = 0;
    while (goes_on && !fatal) {
        if (resized) resize();
        if (suspended) suspend();
        double begun = milliseconds();
        if (begun >= next && !session->view.paused) {
            take_look(session);
            double rest = (milliseconds() - begun) * REST;
            next = begun + (rest < INTERVAL ? INTERVAL : rest > LONGEST ? LONGEST : rest);
        }
        session->view.width = COLS;
        session->view.height = LINES;
        show(&session->page, &session->view, &session->world);
        draw(&session->page);
        double time = session->view.paused ? LONGEST : next - milliseconds() + 1;
        goes_on = wait_for(time > 0 ? (long)time : 0, STDIN_FILENO);
        for (int key; goes_on && (key = getch()) != ERR;) goes_on = obey(session, key);
    }
}

static void print_once(struct session *session) {
    const char *columns = getenv("COLUMNS");
    long width = columns != NULL ? strtol(columns, NULL, 10) : 0;
    session->view.width = width > 0 && width < LINE_SIZE ? (int)width : PLAIN_WIDTH;
    session->view.height = NO_LIMIT;
    take_look(session);
    show(&session->page, &session->view, &session->world);
    for (int row = 0; row < session->page.count; row++) {
        struct line *line = &session->page.lines[row];
        while (line->length > 0 && line->text[line->length - 1] == ' ') line->length--;
        (void)printf("%.*s\n", line->length, line->text);
    }
}

/* Says in one line why the server that we started is not there; returns the exit status. */
static int explain(const struct session *session, int error) {
    const struct server *server = &session->server;
    const char *words = server->tail.last_error;
    (void)fprintf(stderr, "watch: %s ", server->command[0]);
    if (error != 0) (void)fprintf(stderr, "cannot be started: %s\n", strerror(error));
    else if (WIFSIGNALED(server->status))
        (void)fprintf(stderr, "ended at once: %s\n", strsignal(WTERMSIG(server->status)));
    else
        (void)fprintf(stderr, "ended at once, with status %d%s%s%s\n", WEXITSTATUS(server->status),
                      *words != '\0' ? ": " : "", words,
                      strstr(words, "Address already in use") != NULL
                          ? "; choose another port, PORT=0 for any that is free"
                          : "");
    return EXIT_FAILURE;
}

/* Prints the page, or keeps it on the screen; returns the exit status. */
static int show_server(struct session *session) {
    if (session->once) {
        print_once(session);
        if (fflush(stdout) == 0) return EXIT_SUCCESS;
        perror("watch: the output");
        return EXIT_FAILURE;
    }
    if (!open_terminal()) {
        const char *name = getenv("TERM");
        (void)fprintf(stderr, "watch: the terminal '%s' is not known; type: export TERM=xterm\n",
                      name != NULL ? name : "");
        return USAGE_STATUS;
    }
    show_live(session);
    (void)endwin();
    return EXIT_SUCCESS;
}

/* Starts the server if it is ours, shows it, ends it; returns the exit status. */
static int watch(struct session *session) {
    int status = EXIT_SUCCESS;
    session->view.keys = !session->once;
    if (session->own) session->view.server = &session->server;
    if ((session->own && !open_output(&session->server)) ||
        ((session->own || !session->once) &&
         !start_guard(session->own ? session->server.files : NULL))) {
        perror("watch");
        return EXIT_FAILURE;
    }
    if (session->own) {
        int error = begin(session);
        if (error == 0) wait_for_beginning(session);
        if (error != 0 || (!session->server.running && !fatal)) status = explain(session, error);
    }
    if (status == EXIT_SUCCESS && !fatal) status = show_server(session);
    if (session->own) end_server(&session->server);
    dismiss_guard();
    look_away(&session->world);
    free(session->page.lines);
    if (fatal) die_of(fatal);
    return status;
}

/* ---- The beginning ---- */

/* Complains in one line, which says what can be typed instead, and ends. */
static _Noreturn void refuse(const char *what, const char *word, const char *then) {
    (void)fprintf(stderr, "watch: %s%s%s\n", what, word, then);
    exit(USAGE_STATUS);
}

static _Noreturn void refuse_live(char *argv[]) {
    (void)fprintf(stderr, "watch: this is not a terminal; for one look as text type: %s --once",
                  argv[0]);
    for (char **word = argv + 1; *word != NULL; word++) (void)fprintf(stderr, " %s", *word);
    (void)fputc('\n', stderr);
    exit(USAGE_STATUS);
}

static pid_t parse_pid(const char *text) {
    char *end, path[32];
    errno = 0;
    long pid = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno != 0 || pid < 1 || pid > 1 << 22)
        refuse("not the number of a process: ", text, HOW);
    (void)snprintf(path, sizeof path, "/proc/%ld", pid);
    if (access(path, F_OK) == -1) /* kill(2): EPERM says that it is there */
        refuse(kill((pid_t)pid, 0) == -1 && errno == ESRCH ? "there is no process "
                                                           : "/proc (with hidepid) hides process ",
               text, HOW);
    return (pid_t)pid;
}

static void parse_options(struct session *session, int argc, char *argv[]) {
    static const struct option LONG[] = {{"pid", required_argument, NULL, 'p'},
                                         {"once", no_argument, NULL, 'o'},
                                         {"help", no_argument, NULL, 'h'},
                                         {0}};
    for (int option; (option = getopt_long(argc, argv, "+p:h", LONG, NULL)) != -1;) {
        switch (option) {
        case 'p': session->world.server = parse_pid(optarg); break;
        case 'o': session->once = true; break;
        case 'h': (void)printf("%s%s", USAGE, HELP); exit(EXIT_SUCCESS);
        default: (void)fputs(USAGE, stderr); exit(USAGE_STATUS);
        }
    }
    session->own = optind < argc;
    session->server.command = argv + optind;
    if (session->own == (session->world.server != 0))
        refuse("either a command or -p PID", "", "; type: build/tools/watch -h");
}

/* Sees to it that descriptors 0 to 2 are there: else other files would get these numbers. */
static void fill_gaps(void) {
    int file = open("/dev/null", O_RDWR);
    while (file >= 0 && file <= 2) file = dup(file);
    if (file > 2) (void)close(file);
}

int main(int argc, char *argv[]) {
    static struct session session;
    const char *source = getenv("WATCH_SOURCE"); /* "proc": as if there were no sock_diag */
    fill_gaps();
    parse_options(&session, argc, argv);
    if (!session.once && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) refuse_live(argv);
    session.world.from_proc = source != NULL && strcmp(source, "proc") == 0;
    catch_signals();
    return watch(&session);
}
