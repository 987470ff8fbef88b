/*
 * echo: says what it hears, until it hears "Bye".
 *
 * A stream has no messages: "Bye" may come in three pieces, or at the end of something else. It is
 * not said, and what was said cannot be taken back: so a "B" or a "By" at the end of what has come
 * is held back until more comes, or the client's end of file. Who says "B" and waits hears nothing,
 * and -H seconds later the end of the connection, without the "B".
 */
#define _GNU_SOURCE /* memmem */
#include "../serve.h"

#include <string.h>

static const char BYE[] = "Bye";
enum { BYE_SIZE = sizeof BYE - 1 };

static size_t take(struct memory *memory, const char *bytes, size_t size, bool ended,
                   struct answer *answer) {
    const char *bye = memmem(bytes, size, BYE, BYE_SIZE);
    size_t clean = bye ? (size_t)(bye - bytes) : size;
    (void)memory;
    if (!bye && !ended)
        for (size_t held = BYE_SIZE - 1; held > 0; held--) {
            if (held > size || memcmp(bytes + size - held, BYE, held) != 0) continue;
            clean -= held;
            break;
        }
    answer->parts[0] = (struct iovec){(char *)bytes, clean};
    answer->logged = clean;
    answer->last = bye != NULL;
    return bye ? clean + BYE_SIZE : clean;
}

const struct protocol protocol_echo = {
    .name = "echo",
    .about = "says what it hears, until it hears \"Bye\"",
    .take = take,
};
