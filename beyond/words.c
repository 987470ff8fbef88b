/*
 * What the server says: the log on standard output, and on standard error what is wrong.
 *
 * Each line is one write of at most PIPE_BUF bytes, as several processes may print, and their lines
 * are not to mix: pipe(7). stdio would write a long one in two. And no line is waited for: where
 * nobody reads, it is lost, or one who does not read the log would stop all who are served.
 */
#define _POSIX_C_SOURCE 200809L
#include "words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    NAME_SIZE = 64, /* of an address in words */
    REPORT_SIZE = 512,
    LOGGED_MOST = 900, /* bytes of a request in the log: with \x00 for each, less than PIPE_BUF, */
    COMPLAINED_MOST = 60 /* and in a complaint */
};

/* Prints a line, or loses it if there is no room. A pipe that is ready has room for PIPE_BUF bytes;
 * so it is waited for only if another process takes the last room in this very moment. */
static void print(int fd, const char *line, size_t size) {
    struct pollfd pollfd = {.fd = fd, .events = POLLOUT};
    if (poll(&pollfd, 1, 0) == 0) return; /* no room */
    if (write(fd, line, size) == -1) return; /* nobody is there, and nobody can be told of it */
}

/* ---- What is wrong ------------------------------------------------------- */

void report(const char *format, ...) {
    char line[REPORT_SIZE] = "serve: ";
    size_t length = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + length, sizeof line - length - 1, format, arguments);
    va_end(arguments);
    length = strlen(line);
    line[length++] = '\n';
    print(STDERR_FILENO, line, length);
}

void complain(const char *what) {
    report("%s: %s", what, strerror(errno));
}

_Noreturn void die(const char *what) {
    complain(what);
    _exit(EXIT_FAILURE); /* not exit: in a child it would flush and tidy up what is its parent's */
}

/* ---- About a client ------------------------------------------------------ */

/* Writes size bytes as text that cannot drive a terminal or end a quotation: \n, \x1b, \". */
static void escape(char *text, size_t room, const char *bytes, size_t size) {
    static const char DIGITS[] = "0123456789abcdef";
    char *end = text + room - 5; /* the longest is \x00 and the end */
    for (size_t i = 0; i < size && text < end; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\') {
            *text++ = (char)byte;
            continue;
        }
        *text++ = '\\';
        switch (byte) {
        case '\n': *text++ = 'n'; break;
        case '\r': *text++ = 'r'; break;
        case '\t': *text++ = 't'; break;
        case '"':
        case '\\': *text++ = (char)byte; break;
        default:
            *text++ = 'x';
            *text++ = DIGITS[byte >> 4];
            *text++ = DIGITS[byte & 15];
        }
    }
    *text = '\0';
}

/* Writes the client's address, and its port, too, if asked for: "-" if it has none, or is gone. */
static void name_client(char name[NAME_SIZE], int fd, bool port) {
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN] = "-";
    unsigned number = 0;
    if (getpeername(fd, (struct sockaddr *)&address, &size) == -1) {
        /* the host stays "-" */
    } else if (address.ss_family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)&address;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        number = ntohs(in->sin_port);
    } else if (address.ss_family == AF_INET6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        number = ntohs(in6->sin6_port);
    }
    if (port && number != 0) snprintf(name, NAME_SIZE, "%s:%u", host, number);
    else snprintf(name, NAME_SIZE, "%s", host);
}

void log_request(int fd, const char *bytes, const struct answer *answer) {
    size_t first = answer->parts[0].iov_len, second = answer->parts[1].iov_len;
    char host[NAME_SIZE], when[32], request[4 * LOGGED_MOST + 5], status[16] = "-", sent[24] = "-";
    char line[PIPE_BUF];
    time_t now = time(NULL);
    struct tm parts;
    name_client(host, fd, false);
    strftime(when, sizeof when, "%d/%b/%Y:%H:%M:%S +0000", gmtime_r(&now, &parts));
    escape(request, sizeof request, bytes,
           answer->logged < LOGGED_MOST ? answer->logged : LOGGED_MOST);
    if (answer->status) snprintf(status, sizeof status, "%d", answer->status);
    /* where there is a status, its head does not count; if there is no answer yet, it comes later
     */
    if (first + second > 0)
        snprintf(sent, sizeof sent, "%zu", second + (answer->status ? 0 : first));
    int length = snprintf(line, sizeof line, "%s - - [%s] \"%s\" %s %s\n", host, when, request,
                          status, sent);
    print(STDOUT_FILENO, line, (size_t)length);
}

void complain_of(int fd, const char *bytes, size_t size, const char *complaint) {
    char name[NAME_SIZE], text[4 * COMPLAINED_MOST + 5];
    name_client(name, fd, true);
    escape(text, sizeof text, bytes, size < COMPLAINED_MOST ? size : COMPLAINED_MOST);
    report("client %s: %s: \"%s\"%s", name, complaint, text, size > COMPLAINED_MOST ? " ..." : "");
}
