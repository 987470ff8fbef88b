/*
 * The sockets of the server's port, from sock_diag(7) or, where there is none, from /proc/net/tcp.
 */
#define _GNU_SOURCE 1
#include "parts.h"
#include <ctype.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Takes one socket into account. */
static void note_socket(struct world *world, const struct tcp *tcp) {
    in_port_t port = world->listener.local.port;
    if (tcp->state < TCP_ESTABLISHED || tcp->state > TCP_CLOSING) return; /* not known here */
    if (tcp->state == TCP_LISTEN) {
        if (world->listening || find_holding(world, tcp->inode) == NULL) return;
        world->listening = true;
        world->listener = *tcp;
    } else if (port == 0 || (tcp->local.port != port && tcp->remote.port != port)) {
        return;
    } else if (tcp->state == TCP_TIME_WAIT) {
        world->time_waits++;
    } else if (tcp->local.port == port) {
        struct connection *connection = add(&world->connections, sizeof *connection);
        connection->peer = tcp->remote;
        connection->server_state = tcp->state;
        connection->inode = tcp->inode;
    } else {
        *(struct tcp *)add(&world->clients, sizeof *tcp) = *tcp;
    }
}

static struct endpoint endpoint_of(unsigned char family, const uint32_t *address, in_port_t port) {
    struct endpoint endpoint = {.port = port};
    if (family == AF_INET) {
        endpoint.address[10] = endpoint.address[11] = 0xff;
        memcpy(endpoint.address + 12, address, 4);
    } else {
        memcpy(endpoint.address, address, 16);
    }
    return endpoint;
}

static void note_message(struct world *world, const struct inet_diag_msg *message) {
    const struct inet_diag_sockid *id = &message->id;
    struct tcp tcp = {.state = message->idiag_state,
                      .queue = message->idiag_rqueue,
                      .limit = message->idiag_wqueue,
                      .inode = message->idiag_inode};
    tcp.local = endpoint_of(message->idiag_family, id->idiag_src, ntohs(id->idiag_sport));
    tcp.remote = endpoint_of(message->idiag_family, id->idiag_dst, ntohs(id->idiag_dport));
    note_socket(world, &tcp);
}

static int diag = -1; /* the netlink socket; stays open */

/* Sends the question: TCP sockets of that family in these states, with these ports (0: any). */
static bool send_question(unsigned char family, unsigned states, in_port_t local,
                          in_port_t remote) {
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
    } question = {
        .head = {.nlmsg_len = sizeof question,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = states},
    };
    question.body.id.idiag_sport = htons(local);
    question.body.id.idiag_dport = htons(remote);
    if (diag == -1) {
        struct timeval patience = {.tv_sec = 1};
        diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        if (diag == -1) return false;
        (void)setsockopt(diag, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    return send(diag, &question, sizeof question, 0) == sizeof question;
}

/* Asks sock_diag, and takes the sockets of the answer into account. */
static bool ask(struct world *world, unsigned char family, unsigned states, in_port_t local,
                in_port_t remote) {
    static _Alignas(struct nlmsghdr) char buffer[32768];
    if (!send_question(family, states, local, remote)) return false;
    for (;;) {
        ssize_t received = recv(diag, buffer, sizeof buffer, 0);
        if (received == -1 && errno == EINTR) continue;
        if (received <= 0) return false;
        unsigned length = (unsigned)received;
        const struct nlmsghdr *head = (const struct nlmsghdr *)buffer;
        for (; NLMSG_OK(head, length); head = NLMSG_NEXT(head, length)) {
            if (head->nlmsg_type == NLMSG_DONE) return true;
            if (head->nlmsg_type == NLMSG_ERROR) return false;
            if (head->nlmsg_type == SOCK_DIAG_BY_FAMILY) note_message(world, NLMSG_DATA(head));
        }
    }
}

static bool is_ipv4(const struct endpoint *endpoint) {
    static const unsigned char MAPPED[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(endpoint->address, MAPPED, sizeof MAPPED) == 0;
}

/* Asks for both families, or IPv4 alone where the server listens there; a kernel without IPv6 has
 * no answer for the second. */
static bool ask_both(struct world *world, unsigned states, in_port_t local, in_port_t remote) {
    bool answered = ask(world, AF_INET, states, local, remote);
    if (answered && !(world->listening && is_ipv4(&world->listener.local)))
        (void)ask(world, AF_INET6, states, local, remote);
    return answered;
}

/* Finds the sockets through sock_diag: the kernel picks those with our port. */
static bool sockets_from_diag(struct world *world) {
    const unsigned listening = 1U << TCP_LISTEN, all = (1U << (TCP_CLOSING + 1)) - 1;
    if (!ask_both(world, listening, 0, 0)) return false;
    in_port_t port = world->listener.local.port;
    return port == 0 || (ask_both(world, all & ~listening, port, 0) &&
                         ask_both(world, all & ~listening, 0, port));
}

/* Reads an address and port of /proc/net/tcp: the address as words in the machine's byte order. */
static const char *parse_endpoint(const char *text, struct endpoint *endpoint) {
    uint32_t words[4] = {0};
    size_t count = 0;
    for (; count < 4 && isxdigit((unsigned char)*text); text += 8, count++) {
        char word[9] = "";
        memcpy(word, text, strnlen(text, 8));
        words[count] = (uint32_t)strtoul(word, NULL, 16);
        if (strlen(word) < 8) return NULL;
    }
    if ((count != 1 && count != 4) || *text != ':') return NULL;
    char *end;
    in_port_t port = (in_port_t)strtoul(text + 1, &end, 16);
    *endpoint = endpoint_of(count == 1 ? AF_INET : AF_INET6, words, port);
    return end;
}

/* Reads a line of /proc/net/tcp or tcp6. */
static bool parse_tcp(const char *line, struct tcp *tcp) {
    char *end;
    memset(tcp, 0, sizeof *tcp);
    const char *next = strchr(line, ':');
    if (next == NULL || next[1] != ' ') return false;
    next = parse_endpoint(next + 2, &tcp->local);
    if (next == NULL || *next != ' ') return false;
    next = parse_endpoint(next + 1, &tcp->remote);
    if (next == NULL) return false;
    tcp->state = (int)strtoul(next, &end, 16);
    (void)strtoul(end, &end, 16); /* to be sent */
    if (*end != ':') return false;
    tcp->queue = (unsigned)strtoul(end + 1, &end, 16);
    for (int skipped = 0; skipped < 4; skipped++) { /* timer, retransmits, user, time-out */
        end += strspn(end, " ");
        end += strcspn(end, " ");
    }
    tcp->inode = strtoul(end, NULL, 10);
    return tcp->state > 0;
}

/* Finds the sockets in /proc/net/tcp, where sock_diag is not to be had. It tells less (a queue's
 * limit it does not know), and lists every socket of the machine. */
static void sockets_from_proc(struct world *world, const char *path, bool listeners) {
    char *line = NULL;
    size_t size = 0;
    struct tcp tcp;
    FILE *file = fopen(path, "re");
    if (file == NULL) return;
    while (getline(&line, &size, file) > 0)
        if (parse_tcp(line, &tcp) && (tcp.state == TCP_LISTEN) == listeners)
            note_socket(world, &tcp);
    free(line);
    (void)fclose(file);
}

void find_sockets(struct world *world) {
    world->listening = false;
    world->connections.count = world->clients.count = 0;
    world->time_waits = 0;
    world->limit_known = !world->from_proc && sockets_from_diag(world);
    if (world->limit_known) return;
    world->from_proc = true;
    for (int listeners = 1; listeners >= 0; listeners--) {
        sockets_from_proc(world, "/proc/net/tcp", listeners == 1);
        sockets_from_proc(world, "/proc/net/tcp6", listeners == 1);
    }
}

void close_diag(void) {
    if (diag != -1) (void)close(diag);
    diag = -1;
}
