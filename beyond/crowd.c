/* Who waits for what, and since when: see crowd.h. */
#define _GNU_SOURCE /* accept4 */
#include "crowd.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>

static void unlink_one(struct conversation *c) {
    c->previous->next = c->next;
    c->next->previous = c->previous;
}

static void append(struct conversation *head, struct conversation *c) {
    c->next = head;
    c->previous = head->previous;
    head->previous->next = c;
    head->previous = c;
    c->moved = false;
}

void crowd_begin(struct crowd *crowd) {
    *crowd = (struct crowd){.size = 0};
    for (int i = 0; i < WANTS; i++)
        crowd->lists[i].next = crowd->lists[i].previous = &crowd->lists[i];
}

void crowd_add(struct crowd *crowd, struct conversation *c) {
    append(&crowd->lists[c->want], c);
    crowd->size++;
}

void crowd_drop(struct crowd *crowd, struct conversation *c) {
    unlink_one(c);
    crowd->size--;
}

void crowd_keep(struct crowd *crowd, struct conversation *c) {
    if (!c->moved) return;
    unlink_one(c);
    append(&crowd->lists[c->want], c);
}

bool crowd_may_grow(struct crowd *crowd) {
    if (crowd->again_at != 0 && now_ms() >= crowd->again_at) crowd->again_at = 0;
    return crowd->again_at == 0 && (service.most == 0 || crowd->size < service.most);
}

int crowd_accept(struct crowd *crowd, int listener) {
    while (crowd_may_grow(crowd)) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd != -1 || errno == EAGAIN || errno == EWOULDBLOCK) return fd;
        crowd_not_accepted(crowd);
    }
    errno = 0;
    return -1;
}

void crowd_not_accepted(struct crowd *crowd) {
    switch (remedy_for(errno)) {
    case REMEDY_AGAIN: break;
    case REMEDY_WAIT:
        complain("accept");
        crowd->again_at = now_ms() + ACCEPT_PAUSE;
        break;
    case REMEDY_NONE: die("accept");
    }
}

void *crowd_welcome(struct crowd *crowd, int fd, size_t size) {
    struct conversation *c = calloc(1, size);
    if (c == NULL) {
        complain("calloc");
        turn_away(fd);
        return NULL;
    }
    conversation_begin(c, fd);
    crowd_add(crowd, c);
    return c;
}

int crowd_patience(const struct crowd *crowd) {
    int64_t first = crowd->again_at != 0 ? crowd->again_at : INT64_MAX, left;
    for (int i = 0; i < WANTS; i++) {
        const struct conversation *head = &crowd->lists[i];
        if (head->next != head && head->next->deadline < first) first = head->next->deadline;
    }
    if (first == INT64_MAX) return -1;
    left = first - now_ms();
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

struct conversation *crowd_late(struct crowd *crowd) {
    int64_t now = now_ms();
    for (int i = 0; i < WANTS; i++) {
        struct conversation *head = &crowd->lists[i];
        if (head->next != head && head->next->deadline <= now) return head->next;
    }
    return NULL;
}

struct conversation *crowd_idle(struct crowd *crowd) {
    const struct conversation *head = &crowd->lists[WANT_REQUEST];
    for (struct conversation *c = head->next; c != head; c = c->next)
        if (conversation_is_idle(c)) return c;
    return NULL;
}
