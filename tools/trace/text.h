/*
 * Characters and numbers in text that came from elsewhere.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>

/*
 * Returns how many bytes the character at text has; 0 if it is none of UTF-8, a control character,
 * or one that XML does not know. room: how many bytes there are.
 */
size_t utf8_size(const char *text, size_t room);

/* Reads a number of at most so many digits and moves on behind it; returns -1 if there is none. */
long long take_number(const char **at, size_t digits);

#endif
