/*
 * serve MODEL PROTOCOL: a server of every model that the article's siblings show, for each of their
 * protocols. See README.md; begin with serve.h.
 */
#define _GNU_SOURCE /* getopt_long */
#include "serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

enum { DEFAULT_PORT = 8888, GREETING_SIZE = 14, PAGE_MOST = 16 * 1024 * 1024, DAY = 86400 };

static const struct model {
    const char *name, *options, *library, *about;
    int (*serve)(void);
} MODELS[] = {
#define MODEL(function, name, options, library, about)                                             \
    {name, options, library, about, serve_##function},
#include "models/list.h"
#undef MODEL
};

static const struct protocol *const PROTOCOLS[] = {
#define PROTOCOL(name) &protocol_##name,
#include "protocols/list.h"
#undef PROTOCOL
};

enum {
    MODEL_COUNT = sizeof MODELS / sizeof MODELS[0],
    PROTOCOL_COUNT = sizeof PROTOCOLS / sizeof PROTOCOLS[0]
};

struct service service = {
    .listener = -1,
    .page_size = GREETING_SIZE,
    .header_time = 10000,
    .idle_time = 60000,
    .write_time = 60000,
    .drain_time = 10000,
};
static const char *model_name, *address_text = "127.0.0.1";
static long port = DEFAULT_PORT, backlog = 1024;

static const char USAGE[] =
    "usage: serve MODEL PROTOCOL [options]; serve --help says which there are\n";

/* ---- The command line ---------------------------------------------------- */

/* Everything that an option can be: its letter is the value of getopt_long, and what a model says
 * that it takes. */
static const struct option OPTIONS[] = {
    {"port", required_argument, NULL, 'p'},
    {"address", required_argument, NULL, 'a'},
    {"backlog", required_argument, NULL, 'b'},
    {"pause", required_argument, NULL, 's'},
    {"page", required_argument, NULL, 'n'},
    {"workers", required_argument, NULL, 'w'},
    {"most", required_argument, NULL, 'm'},
    {"user", required_argument, NULL, 'u'},
    {"log", no_argument, NULL, 'l'},
    {"header-time", required_argument, NULL, 'H'},
    {"idle-time", required_argument, NULL, 'I'},
    {"write-time", required_argument, NULL, 'W'},
    {"drain-time", required_argument, NULL, 'D'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};
static const char LETTERS[] = "p:a:b:s:n:w:m:u:lH:I:W:D:h";
static const char FOR_ALL[] = "pabsnlHIWh"; /* the others are for the models that say so */

static int help(void) {
    printf("usage: serve MODEL PROTOCOL [options]\n\nModels:\n");
    for (size_t i = 0; i < MODEL_COUNT; i++) {
        printf("  %-22s%s\n", MODELS[i].name, MODELS[i].about);
        if (MODELS[i].serve == NULL)
            printf("  %-22s(left out: type make deps-beyond, or install %s, and build it again)\n",
                   "", MODELS[i].library);
    }
    printf("\nProtocols:\n");
    for (size_t i = 0; i < PROTOCOL_COUNT; i++)
        printf("  %-22s%s\n", PROTOCOLS[i]->name, PROTOCOLS[i]->about);
    printf("\nOptions; times are in seconds, and may be fractions:\n"
           "  -p, --port PORT       8888 unless told otherwise; 0: any\n"
           "  -a, --address ADDRESS whose connections to take: 127.0.0.1 unless told otherwise\n"
           "  -b, --backlog LENGTH  of the queue: 1024\n"
           "  -s, --pause TIME      to wait before each answer: 0\n"
           "  -n, --page BYTES      the size of http's page: 14\n"
           "  -w, --workers COUNT   of processes or threads\n"
           "  -m, --most COUNT      of clients at a time; fork: 256, others: no limit, unless told "
           "otherwise\n"
           "  -u, --user NAME       who those that talk to clients become\n"
           "  -l, --log             a line for each request, in the common log format\n"
           "  -H, --header-time     for a request to come whole: 10\n"
           "  -I, --idle-time       for a request to begin: 60\n"
           "  -W, --write-time      for a client to take some of its answer: 60\n"
           "  -D, --drain-time      for all to be done when the server is asked to end: 10\n"
           "  -h, --help            this\n");
    return fflush(stdout) == EOF;
}

static _Noreturn void misused(const char *what, const char *value, const char *reason) {
    fprintf(stderr, "serve: %s '%s' %s\n%s", what, value, reason, USAGE);
    exit(2);
}

/* Returns text as a number from least to most, times unit, or ends with status 2. */
static long number(const char *option, const char *text, double least, double most, double unit) {
    char *end, reason[80];
    double value = strtod(text, &end);
    size_t length = strspn(text, unit == 1 ? "0123456789" : "0123456789.");
    if (length > 0 && text[length] == '\0' && *end == '\0' && value >= least && value <= most)
        return (long)(value * unit + 0.5);
    snprintf(reason, sizeof reason, "is not a number from %g to %.0f", least, most);
    misused(option, text, reason);
}

static void check_user(const char *name) {
    /* cppcheck-suppress getpwnamCalled ; there is one thread yet */
    const struct passwd *user = getpwnam(name);
    if (user == NULL) misused("user", name, "is not known on this machine");
    if (user->pw_uid == 0) misused("user", name, "is root: that would protect nothing");
    if (geteuid() != 0)
        misused("user", name, "cannot be taken on: only root can become somebody else");
}

/* Why an option that some models take means nothing to the others. */
static const char *foreign(int option) {
    switch (option) {
    case 'w': return "means nothing to this model: it has no fixed number of workers";
    case 'm':
        return "means nothing to this model: it serves no more clients at a time than it has "
               "processes or threads";
    case 'u': return "means nothing to this model: it does not change its user";
    default: return "means nothing to this model: it ends at once when it is told to"; /* D */
    }
}

/* Reads the options of this model, or ends with status 2. */
static void read_options(int argc, char *argv[], const struct model *model) {
    char text[2] = "";
    const char *argument;
    for (int option; (option = getopt_long(argc, argv, LETTERS, OPTIONS, NULL)) != -1;) {
        if (option == '?') {
            fputs(USAGE, stderr);
            exit(2);
        }
        text[0] = (char)option;
        if (strcmp(model->name, "inetd") == 0 && strchr("pab", option) != NULL)
            misused("option", text, "means nothing to this model: whoever starts it listens");
        if (strchr(FOR_ALL, option) == NULL && strchr(model->options, option) == NULL)
            misused("option", text, foreign(option));
        argument = optarg ? optarg : "";
        switch (option) {
        case 'p': port = number("port", argument, 0, 65535, 1); break;
        case 'a': address_text = argument; break;
        case 'b': backlog = number("backlog", argument, 0, 65535, 1); break;
        case 's': service.pause = number("pause", argument, 0, DAY, 1000); break;
        case 'n': service.page_size = number("page size", argument, 0, PAGE_MOST, 1); break;
        case 'w': service.workers = number("number of workers", argument, 1, 10000, 1); break;
        case 'm': service.most = number("limit", argument, 1, 1000000, 1); break;
        case 'l': service.log = true; break;
        case 'H': service.header_time = number("time", argument, 0.01, DAY, 1000); break;
        case 'I': service.idle_time = number("time", argument, 0.01, DAY, 1000); break;
        case 'W': service.write_time = number("time", argument, 0.01, DAY, 1000); break;
        case 'D': service.drain_time = number("time", argument, 0, DAY, 1000); break;
        case 'u':
            check_user(argument);
            service.user = argument;
            break;
        default: exit(help());
        }
    }
    if (optind < argc) misused("word", argv[optind], "is unexpected");
}

static const struct model *find_model(const char *name) {
    for (size_t i = 0; i < MODEL_COUNT; i++)
        if (strcmp(MODELS[i].name, name) == 0) return &MODELS[i];
    misused("model", name, "is none that there is");
}

static const struct protocol *find_protocol(const char *name) {
    for (size_t i = 0; i < PROTOCOL_COUNT; i++)
        if (strcmp(PROTOCOLS[i]->name, name) == 0) return PROTOCOLS[i];
    misused("protocol", name, "is none that there is");
}

/* ---- The listening socket ------------------------------------------------ */

/* Has the kernel send a short answer at once, and not wait until the one before it is acknowledged:
 * tcp(7), TCP_NODELAY. Connections inherit that from the listening socket. */
static void send_at_once(int listener) {
    int on = 1;
    if (setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == -1) die("setsockopt");
}

/* Returns a socket at our address; shared: others may be there, too, if they say so. */
static int bind_here(bool shared) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, address_text, &address.sin_addr) != 1)
        misused("address", address_text, "is not an IPv4 address, such as 127.0.0.1");
    if (listener == -1) die("socket");
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1) die("setsockopt");
    send_at_once(listener);
    if (shared && setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == -1)
        die("setsockopt");
    if (bind(listener, (struct sockaddr *)&address, sizeof address) == -1) {
        if (errno == EADDRINUSE) {
            fprintf(stderr, "serve: port %ld is taken: ss -ltnp says by whom; -p 0 takes any\n",
                    port);
            exit(EXIT_FAILURE);
        }
        die("bind");
    }
    return listener;
}

static int listen_here(void) {
    bool shared = strcmp(model_name, "multi") == 0; /* its workers have a listening socket each */
    int listener;
    /* whoever shares his port shares it with a second server, too, unknowingly: so look first */
    if (shared && close(bind_here(false)) == -1) die("close");
    listener = bind_here(shared);
    if (listen(listener, (int)backlog) == -1) die("listen");
    return listener;
}

int listen_beside(void) {
    struct sockaddr_in address = {.sin_port = 0};
    socklen_t size = sizeof address;
    int listener;
    if (service.handed_over) return -1;
    if (getsockname(service.listener, (struct sockaddr *)&address, &size) == -1) die("getsockname");
    port = ntohs(address.sin_port);
    listener = bind_here(true);
    if (listen(listener, (int)backlog) == -1) die("listen");
    return listener;
}

int accept_client(void) {
    static const struct timespec PAUSE = {.tv_nsec = ACCEPT_PAUSE * 1000000L};
    for (;;) {
        int connection = accept(service.listener, NULL, NULL);
        if (connection != -1) return connection;
        switch (remedy_for(errno)) {
        case REMEDY_AGAIN: continue;
        case REMEDY_WAIT:
            complain("accept");
            (void)nanosleep(&PAUSE,
                            NULL); /* a signal may shorten it: accept comes a little sooner */
            continue;
        case REMEDY_NONE: die("accept");
        }
    }
}

/* The listening socket: systemd's, if it has opened one for us (sd_listen_fds(3)), or our own. */
static int find_listener(void) {
#ifdef HAVE_SYSTEMD
    int count = sd_listen_fds(1);
    if (count < 0) { /* LISTEN_FDS is no number: to listen elsewhere instead would hide that */
        errno = -count;
        die("sd_listen_fds");
    }
    if (count > 1) {
        fprintf(stderr, "serve: systemd hands over %d sockets, and this serves one\n", count);
        exit(EXIT_FAILURE);
    }
    if (count == 1) {
        service.handed_over = true;
        if (sd_is_socket(SD_LISTEN_FDS_START, AF_UNSPEC, SOCK_STREAM, 1) > 0) {
            if (sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) == 0)
                send_at_once(SD_LISTEN_FDS_START);
            /* blocking, as our own: whoever had it before may have wished otherwise */
            if (fcntl(SD_LISTEN_FDS_START, F_SETFL, 0) == -1) die("fcntl");
            return SD_LISTEN_FDS_START;
        }
        fputs("serve: what systemd hands over is no listening socket: Accept=no is needed\n",
              stderr);
        exit(EXIT_FAILURE);
    }
#endif
    return listen_here();
}

void tell_systemd(const char *state) {
#ifdef HAVE_SYSTEMD
    int told = sd_notify(0, state);
    if (told < 0) {
        errno = -told;
        complain("sd_notify");
    }
#else
    if (getenv("NOTIFY_SOCKET") != NULL)
        report("systemd waits for \"%s\", which this program cannot say: built without libsystemd",
               state);
#endif
}

void announce(void) {
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    unsigned at = 0;
    if (getsockname(service.listener, (struct sockaddr *)&address, &size) == -1) die("getsockname");
    if (address.ss_family == AF_INET) at = ntohs(((struct sockaddr_in *)&address)->sin_port);
    if (address.ss_family == AF_INET6) at = ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    if (printf("Serving %s on port %u by %s ...\n", service.protocol->name, at, model_name) < 0)
        die("printf");
    tell_systemd("READY=1");
}

int main(int argc, char *argv[]) {
    const struct model *model;
    const struct protocol *protocol;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) return help();
    if (argc < 3) {
        fprintf(stderr, "serve: which model, and which protocol?\n%s", USAGE);
        return 2;
    }
    model = find_model(argv[1]);
    model_name = model->name;
    service.protocol = protocol = find_protocol(argv[2]);
    argv[2] = argv[0]; /* getopt_long begins after it */
    read_options(argc - 2, argv + 2, model);
    if (model->serve == NULL) {
        fprintf(stderr,
                "serve: %s was left out of this program: type make deps-beyond, or install %s, and "
                "build it again\n",
                model->name, model->library);
        return EXIT_FAILURE;
    }
    /* line by line, or a fork would copy what is not written yet */
    if (setvbuf(stdout, NULL, _IOLBF, 0) != 0) die("setvbuf");
    /* send(2) has MSG_NOSIGNAL; this is for the log, when its reader is gone */
    if (sigaction(SIGPIPE, &ignore, NULL) == -1) die("sigaction");
    if (strcmp(model->name, "inetd") != 0) service.listener = find_listener();
    if (protocol->prepare) protocol->prepare();
    return model->serve();
}
