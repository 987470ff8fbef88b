/* What conversation.c has printed about a client: see words.c. */
#ifndef WORDS_H
#define WORDS_H

#include "serve.h"

/* Prints a line in the common log format: host, two names that nobody knows, time, request, status,
 * size. The request is the first answer->logged of the bytes. */
void log_request(int fd, const char *bytes, const struct answer *answer);

/* Says what is wrong with the client, and how what it has sent begins. */
void complain_of(int fd, const char *bytes, size_t size, const char *complaint);

#endif
