/*
 * The looking: puts together what processes.c and sockets.c find, and gives the connections names.
 */
#define _GNU_SOURCE 1
#include "parts.h"
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

/* Ranks of what the server does not hold: above descriptors' numbers. */
enum {
    RANK_OF_CHILDREN = 1000000,
    RANK_OF_QUEUE = 2000000000,
    RANK_OF_UNANSWERED,
};

struct name {
    struct endpoint peer;
    unsigned name;
};

/* ---- Arrays ---- */

void *add(struct array *array, size_t size) {
    if (array->count == array->room) {
        size_t room = array->room > 0 ? 2 * array->room : 16;
        void *items = realloc(array->items, room * size);
        if (items == NULL) abort();
        array->items = items;
        array->room = room;
    }
    void *item = (char *)array->items + array->count++ * size;
    memset(item, 0, size);
    return item;
}

void sort(struct array *array, size_t size, int (*compare)(const void *, const void *)) {
    if (array->count > 1) qsort(array->items, array->count, size, compare);
}

void *find(const struct array *array, size_t size, const void *key,
           int (*compare)(const void *, const void *)) {
    if (array->count == 0) return NULL;
    return bsearch(key, array->items, array->count, size, compare);
}

struct process *process_at(const struct world *world, size_t index) {
    return (struct process *)world->processes.items + index;
}

struct descriptor *descriptor_at(const struct world *world, size_t index) {
    return (struct descriptor *)world->descriptors.items + index;
}

struct connection *connection_at(const struct world *world, size_t index) {
    return (struct connection *)world->connections.items + index;
}

/* ---- Connections ---- */

static int compare_endpoints(const struct endpoint *a, const struct endpoint *b) {
    if (a->port != b->port) return a->port > b->port ? 1 : -1;
    return memcmp(a->address, b->address, sizeof a->address);
}

static int by_peer(const void *a, const void *b) {
    return compare_endpoints(&((const struct connection *)a)->peer,
                             &((const struct connection *)b)->peer);
}

static int by_local(const void *a, const void *b) {
    return compare_endpoints(&((const struct tcp *)a)->local, &((const struct tcp *)b)->local);
}

static int by_name_peer(const void *a, const void *b) {
    return compare_endpoints(&((const struct name *)a)->peer, &((const struct name *)b)->peer);
}

static int by_inode(const void *a, const void *b) {
    const struct holding *left = a, *right = b;
    return (left->inode > right->inode) - (left->inode < right->inode);
}

struct holding *find_holding(const struct world *world, unsigned long inode) {
    struct holding key = {.inode = inode}, *first = world->holdings.items;
    struct holding *holding = find(&world->holdings, sizeof key, &key, by_inode);
    while (holding != NULL && holding > first && holding[-1].inode == inode) holding--;
    return holding;
}

/* Is the client's end of which the server's is not there a connection to our listening socket? */
static bool is_ours(const struct world *world, const struct tcp *client) {
    static const unsigned char ANY[16], ANY_MAPPED[16] = {[10] = 0xff, [11] = 0xff};
    const unsigned char *address = world->listener.local.address;
    if (memcmp(address, ANY, sizeof ANY) == 0 || memcmp(address, ANY_MAPPED, sizeof ANY) == 0)
        address = client->local.address;
    return memcmp(client->remote.address, address, sizeof ANY) == 0;
}

/* Sorts, and drops what is there twice: /proc/net/tcp lists a socket again now and then, when
 * others come or go while it is read. */
static void sort_once(struct array *array, size_t size,
                      int (*compare)(const void *, const void *)) {
    char *items = array->items;
    size_t kept = 0;
    sort(array, size, compare);
    for (size_t i = 0; i < array->count; i++) {
        if (kept > 0 && compare(items + (kept - 1) * size, items + i * size) == 0) continue;
        memmove(items + kept++ * size, items + i * size, size);
    }
    array->count = kept;
}

/* Brings the two ends of each connection together. */
static void pair_ends(struct world *world) {
    world->dialling = 0;
    sort_once(&world->connections, sizeof(struct connection), by_peer);
    sort_once(&world->clients, sizeof(struct tcp), by_local);
    struct array servers = world->connections; /* those that are sorted: more may follow */
    for (size_t i = 0; i < world->clients.count; i++) {
        const struct tcp *client = (struct tcp *)world->clients.items + i;
        struct connection key = {.peer = client->local};
        servers.items = world->connections.items;
        struct connection *connection = find(&servers, sizeof key, &key, by_peer);
        if (connection == NULL && !is_ours(world, client)) continue;
        if (connection == NULL) {
            connection = add(&world->connections, sizeof key);
            connection->peer = client->local;
        }
        connection->client_state = client->state;
        if (client->state == TCP_SYN_SENT) world->dialling++;
    }
}

/* Lists all descriptors that are sockets, in the order of their inodes. */
static void list_holdings(struct world *world) {
    world->holdings.count = 0;
    for (size_t i = 0; i < world->processes.count; i++) {
        const struct process *process = process_at(world, i);
        for (size_t j = 0; j < process->descriptors; j++) {
            const struct descriptor *descriptor = descriptor_at(world, process->first + j);
            if (descriptor->inode == 0) continue;
            struct holding *holding = add(&world->holdings, sizeof *holding);
            holding->inode = descriptor->inode;
            holding->process = i;
            holding->descriptor = process->first + j;
        }
    }
    sort(&world->holdings, sizeof(struct holding), by_inode);
}

/* The next descriptor that is the same socket, NULL if there is none. */
static const struct holding *next_holding(const struct world *world,
                                          const struct holding *holding) {
    const struct holding *end = (struct holding *)world->holdings.items + world->holdings.count;
    return holding + 1 < end && holding[1].inode == holding->inode ? holding + 1 : NULL;
}

/* Notes who holds a connection. The rank: the server's descriptors grow as it accepts, if it keeps
 * them, and otherwise the numbers of its children; then come those in the queue, and last those
 * whose SYN has no answer. Ports tell nothing: they begin again at the lowest. */
static void find_holders(struct world *world, struct connection *connection) {
    bool unanswered = connection->client_state == TCP_SYN_SENT;
    connection->rank = unanswered ? RANK_OF_UNANSWERED : RANK_OF_QUEUE;
    if (connection->inode == 0) return;
    const struct holding *holding = find_holding(world, connection->inode);
    for (; holding != NULL; holding = next_holding(world, holding)) {
        const struct process *process = process_at(world, holding->process);
        long rank = RANK_OF_CHILDREN + (long)holding->process;
        if (process->depth == 0) {
            connection->by_server = true;
            rank = descriptor_at(world, holding->descriptor)->number;
        } else if (connection->children++ == 0 || process->pid < connection->child) {
            connection->child = process->pid;
        }
        if (rank < connection->rank) connection->rank = rank;
    }
}

static int by_age(const void *a, const void *b) {
    const struct connection *left = a, *right = b;
    if (left->name != right->name) { /* without a name: 0, the youngest */
        unsigned first = left->name - 1, second = right->name - 1;
        return first > second ? 1 : -1;
    }
    if (left->rank != right->rank) return left->rank > right->rank ? 1 : -1;
    return by_peer(a, b);
}

/* Gives each connection the name that it had at the last look, or the next one. */
static void name_connections(struct world *world) {
    for (size_t i = 0; i < world->connections.count; i++) {
        struct connection *connection = connection_at(world, i);
        struct name key = {.peer = connection->peer};
        const struct name *old = find(&world->names, sizeof key, &key, by_name_peer);
        if (old != NULL) connection->name = old->name;
        find_holders(world, connection);
    }
    sort(&world->connections, sizeof(struct connection), by_age);
    world->names.count = 0;
    for (size_t i = 0; i < world->connections.count; i++) {
        struct connection *connection = connection_at(world, i);
        if (connection->name == 0) connection->name = ++world->last_name;
        struct name *name = add(&world->names, sizeof *name);
        name->peer = connection->peer;
        name->name = connection->name;
    }
    sort(&world->names, sizeof(struct name), by_name_peer);
}

/* Tells each descriptor of a socket which connection it is, or that it listens. */
static void name_holdings(struct world *world, unsigned long inode, int connection) {
    const struct holding *holding = inode != 0 ? find_holding(world, inode) : NULL;
    for (; holding != NULL; holding = next_holding(world, holding))
        descriptor_at(world, holding->descriptor)->connection = connection;
}

static void name_descriptors(struct world *world) {
    for (size_t i = 0; i < world->connections.count; i++)
        name_holdings(world, connection_at(world, i)->inode, (int)i);
    if (world->listening) name_holdings(world, world->listener.inode, LISTENER);
}

/* A TCP socket of which the kernel lists no state is connected no more: its client has reset it,
 * and nobody has closed it. Those of the server are counted. */
static void find_resets(struct world *world) {
    world->resets = 0;
    for (size_t i = 0; i < world->holdings.count; i++) {
        const struct holding *holding = (struct holding *)world->holdings.items + i;
        const struct process *process = process_at(world, holding->process);
        struct descriptor *descriptor = descriptor_at(world, holding->descriptor);
        if (descriptor->connection != NO_CONNECTION || !is_tcp(process->pid, descriptor->number))
            continue;
        memcpy(descriptor->label, "reset?", sizeof "reset?");
        if (process->depth == 0) world->resets++;
    }
}

/* Counts for each connection the children that have it as their last: what a child holds beside
 * that it has inherited. */
static void find_workers(struct world *world) {
    for (size_t i = 0; i < world->processes.count; i++) {
        const struct process *process = process_at(world, i);
        for (size_t j = process->descriptors; process->depth > 0 && j > 0; j--) {
            int connection = descriptor_at(world, process->first + j - 1)->connection;
            if (connection < 0) continue;
            connection_at(world, (size_t)connection)->workers++;
            break;
        }
    }
}

bool is_queued(const struct connection *connection) {
    return connection->inode == 0 && (connection->server_state == TCP_ESTABLISHED ||
                                      connection->server_state == TCP_CLOSE_WAIT);
}

bool server_in(const struct world *world, const char *call) {
    return world->alive && strcmp(process_at(world, 0)->call, call) == 0;
}

bool is_leaked(const struct world *world, const struct connection *connection) {
    return connection->by_server && connection->workers == 0 && server_in(world, "accept");
}

void look(struct world *world) {
    find_processes(world);
    read_limits(world);
    list_holdings(world);
    find_sockets(world);
    pair_ends(world);
    name_connections(world);
    name_descriptors(world);
    find_workers(world);
    find_resets(world);
    world->queued = world->leaked = 0;
    for (size_t i = 0; i < world->connections.count; i++) {
        if (is_queued(connection_at(world, i))) world->queued++;
        if (is_leaked(world, connection_at(world, i))) world->leaked++;
    }
}

void look_away(struct world *world) {
    struct array *arrays[] = {&world->processes, &world->zombies,     &world->before,
                              &world->holdings,  &world->descriptors, &world->connections,
                              &world->clients,   &world->names,       &world->stack};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        free(arrays[i]->items);
        *arrays[i] = (struct array){0};
    }
    close_diag();
}
