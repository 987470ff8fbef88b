/*
 * talk: the clients of the article's siblings, who know what they ought to hear.
 *
 * talk echo  sends ten messages, each when the one before has come back unchanged, then "Bye"
 * talk zen   asks three questions in random order, and knows the answers
 * Try        talk echo -n 100, talk zen --cause-error, talk echo -a localhost; talk -h for more
 */
#define _GNU_SOURCE /* getopt_long */
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MESSAGES = 10,
    TEXT_SIZE = 128,
    PATIENCE = 10 /* seconds: see reason */,
    CLIENTS_MOST = 10000
};

static const char USAGE[] = "usage: talk echo|zen [-a HOST] [-p PORT] [-n CLIENTS]; talk -h\n";
static const char HELP[] =
    "  -a, --address HOST  an address, or a name: each of its addresses is tried (127.0.0.1)\n"
    "  -p, --port PORT     8888\n"
    "  -n, --clients N     so many at once, each a process (1)\n"
    "      --cause-error   zen: ask half a question, and leave\n"
    "  -h, --help          this\n";

static const struct {
    const char *question, *answer;
} ZEN[] = {
    {"Beautiful is better than?", "ugly."},
    {"Explicit is better than?", "implicit."},
    {"Simple is better than?", "complex."},
};
enum { QUESTIONS = sizeof ZEN / sizeof ZEN[0] };

static const char *host = "127.0.0.1", *port = "8888";
static long number = 1, clients = 1; /* this client's, and how many there are */
static bool causes_error;

/* Says what went wrong for this client; returns false. */
static bool complain(const char *what, const char *reason) {
    fprintf(stderr, "talk: client %ld: %s: %s\n", number, what, reason);
    return false;
}

/* Says what one client alone sees: of many, only what goes wrong is told. */
static void tell(const char *what, const char *text) {
    if (clients == 1) printf("%s: %s\n", what, text);
}

/* Why a call has failed. When PATIENCE is over the kernel says EAGAIN, and of connect EINPROGRESS,
 * whose words would tell a reader something else: SO_RCVTIMEO in socket(7). */
static const char *reason(int error) {
    return error == EAGAIN || error == EINPROGRESS ? "nothing for 10 seconds" : strerror(error);
}

/* Connects to one address; returns the socket, or -1 with errno. A server that for PATIENCE seconds
 * does not take the connection, says nothing, or takes nothing is given up. */
static int try_address(const struct addrinfo *address) {
    struct timeval patience = {.tv_sec = PATIENCE};
    int server = socket(address->ai_family, address->ai_socktype, address->ai_protocol), error;
    if (server == -1) return -1;
    if (setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        setsockopt(server, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
        connect(server, address->ai_addr, address->ai_addrlen) == 0)
        return server;
    error = errno;
    (void)close(server); /* nothing was sent */
    errno = error;
    return -1;
}

/* Connects to the first address of the host that takes the connection; returns -1 if none does. */
static int connect_to_host(void) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *addresses;
    int server = -1, result = getaddrinfo(host, port, &hints, &addresses);
    if (result != 0) {
        complain(host, result == EAI_SYSTEM ? strerror(errno) : gai_strerror(result));
        return -1;
    }
    for (struct addrinfo *a = addresses; a != NULL && server == -1; a = a->ai_next) {
        char name[NI_MAXHOST] = "?";
        (void)getnameinfo(a->ai_addr, a->ai_addrlen, name, sizeof name, NULL, 0, NI_NUMERICHOST);
        server = try_address(a);
        if (server != -1) tell("connected to", name);
        else if (a->ai_next != NULL) tell("no connection, so the next address is tried", name);
        else complain(name, reason(errno));
    }
    freeaddrinfo(addresses);
    return server;
}

static bool say(int server, const char *text) {
    size_t size = strlen(text), sent = 0;
    while (sent < size) {
        ssize_t count = send(server, text + sent, size - sent, MSG_NOSIGNAL);
        if (count == -1 && errno == EINTR) continue;
        if (count == -1) return complain("send", reason(errno));
        sent += (size_t)count;
    }
    return true;
}

/* Makes size bytes a text that cannot drive a terminal: what is not printable ASCII becomes a
 * question mark. */
static void make_text(char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i] < ' ' || bytes[i] > '~') bytes[i] = '?';
    bytes[size] = '\0';
}

/* Hears as many bytes as the text has, and compares: TCP may bring them in any pieces. With an
 * empty text: hears the end of file. */
static bool hear(int server, const char *expected) {
    char heard[TEXT_SIZE + 1] = "";
    size_t size = strlen(expected), came = 0;
    while (came < size || size == 0) {
        ssize_t count = recv(server, heard + came, size == 0 ? TEXT_SIZE : size - came, 0);
        if (count == -1 && errno == EINTR) continue;
        if (count == -1) return complain(size == 0 ? "no end of file" : "no answer", reason(errno));
        if (count == 0 && size == 0) return true;
        if (count == 0)
            return complain("the server has ended the conversation, instead of", expected);
        came += (size_t)count;
        if (size == 0) break;
    }
    if (size > 0 && memcmp(heard, expected, size) == 0) return true;
    make_text(heard, came);
    complain("expected", size > 0 ? expected : "the end of file");
    return complain("heard", heard);
}

static bool talk_echo(int server) {
    for (int i = 1; i <= MESSAGES; i++) {
        char message[TEXT_SIZE];
        snprintf(message, sizeof message, "message %d of client %ld", i, number);
        if (!say(server, message) || !hear(server, message)) return false;
        tell("came back", message);
    }
    if (!say(server, "Bye") || !hear(server, "")) return false;
    tell("after Bye", "end of file");
    return true;
}

static bool talk_zen(int server) {
    size_t order[QUESTIONS];
    if (causes_error) {
        tell("half a question, and then the end", "Beautiful is");
        return say(server, "Beautiful is");
    }
    for (size_t i = 0; i < QUESTIONS; i++) order[i] = i;
    for (size_t i = QUESTIONS; i > 1; i--) { /* one of those not drawn yet goes to the end */
        size_t drawn = (size_t)random() % i, last = order[i - 1];
        order[i - 1] = order[drawn];
        order[drawn] = last;
    }
    for (size_t i = 0; i < QUESTIONS; i++) {
        const char *question = ZEN[order[i]].question, *answer = ZEN[order[i]].answer;
        if (!say(server, question) || !hear(server, answer)) return false;
        tell(question, answer);
    }
    return true;
}

/* One client, from its connection to its end; returns its exit status. */
static int run(bool (*talk)(int server)) {
    int server = connect_to_host();
    bool good = server != -1 && talk(server);
    if (server != -1 && close(server) == -1) good = complain("close", strerror(errno));
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Forks the clients, waits for all of them, and returns how many heard what they ought to. */
static long run_all(bool (*talk)(int server)) {
    long good = 0;
    int status;
    for (number = 1; number <= clients; number++) {
        pid_t pid = fork();
        if (pid == 0) {
            srandom((unsigned)time(NULL) ^ (unsigned)getpid());
            _exit(run(talk));
        }
        if (pid == -1) complain("fork", strerror(errno));
    }
    while (wait(&status) > 0) /* no handler interrupts it; -1: there are no more */
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) good++;
    return good;
}

/* Returns text, which is to be digits alone, as a number from 1 to most; or ends with status 2. */
static long read_number(const char *what, const char *text, long most) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10); /* which would take a blank or a sign before them, too */
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && value >= 1 &&
        value <= most)
        return value;
    fprintf(stderr, "talk: %s '%s' is not a number from 1 to %ld\n%s", what, text, most, USAGE);
    exit(2);
}

static _Noreturn void misused(const char *what) {
    fprintf(stderr, "talk: %s\n%s", what, USAGE);
    exit(2);
}

int main(int argc, char *argv[]) {
    static const struct option OPTIONS[] = {
        {"address", required_argument, NULL, 'a'}, {"port", required_argument, NULL, 'p'},
        {"clients", required_argument, NULL, 'n'}, {"cause-error", no_argument, NULL, 'e'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int option; (option = getopt_long(argc, argv, "a:p:n:h", OPTIONS, NULL)) != -1;)
        switch (option) {
        case 'a': host = optarg; break;
        case 'p':
            (void)read_number("port", optarg, 65535);
            port = optarg;
            break;
        case 'n': clients = read_number("number of clients", optarg, CLIENTS_MOST); break;
        case 'e': causes_error = true; break;
        case 'h': return printf("%s%s", USAGE, HELP) < 0 || fflush(stdout) == EOF;
        default: fputs(USAGE, stderr); return 2;
        }
    if (argc - optind != 1) misused("one word says what to talk: echo or zen");
    bool zen = strcmp(argv[optind], "zen") == 0;
    if (!zen && strcmp(argv[optind], "echo") != 0) misused("there is echo, and there is zen");
    if (causes_error && !zen) misused("only zen has questions that can be asked by halves");
    /* wait needs the children's ends: a caller that ignores SIGCHLD would take them away */
    if (sigaction(SIGCHLD, &standard, NULL) == -1) {
        perror("talk: sigaction");
        return EXIT_FAILURE;
    }
    if (setvbuf(stdout, NULL, _IOLBF, 0) != 0) { /* so that complaints come in their place */
        perror("talk: setvbuf");
        return EXIT_FAILURE;
    }
    srandom((unsigned)time(NULL) ^ (unsigned)getpid());
    if (clients == 1) return run(zen ? talk_zen : talk_echo);
    long good = run_all(zen ? talk_zen : talk_echo);
    printf("%ld clients: %ld heard what they ought to, %ld did not\n", clients, good,
           clients - good);
    return good == clients ? EXIT_SUCCESS : EXIT_FAILURE;
}
