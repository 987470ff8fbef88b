/*
 * Characters and numbers in text that came from elsewhere. See text.h.
 */
#include "text.h"
#include <stdbool.h>
#include <string.h>

enum { DELETE = 0x7F, LARGEST = 0x10FFFF, SURROGATES = 0xD800, SURROGATES_END = 0xE000 };

size_t utf8_size(const char *text, size_t room) {
    static const unsigned long SMALLEST[] = {0, ' ', 0x80, 0x800, 0x10000}; /* by the size */
    unsigned char first = (unsigned char)*text;
    size_t size = 1;
    if (first >= 0x80) size = first < 0xC0 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (size == 0 || size > room || first >= 0xF8) return 0;
    unsigned long code = size > 1 ? first & (0xFFU >> (size + 1)) : first;
    for (size_t i = 1; i < size; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80) return 0;
        code = code << 6 | ((unsigned char)text[i] & 0x3F);
    }
    bool no_character = code == DELETE || (code >= SURROGATES && code < SURROGATES_END) ||
                        code == 0xFFFE || code == 0xFFFF;
    return no_character || code < SMALLEST[size] || code > LARGEST ? 0 : size;
}

long long take_number(const char **at, size_t digits) {
    size_t size = strspn(*at, "0123456789");
    long long number = 0;
    if (size == 0 || size > digits) return -1;
    for (; size > 0; size--) number = number * 10 + *(*at)++ - '0';
    return number;
}
