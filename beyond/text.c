/* Pieces of a request's head: see text.h. */
#define _POSIX_C_SOURCE 200809L
#include "text.h"

#include <string.h>
#include <strings.h>

bool is_one_of(char c, const char *set) {
    return c != '\0' && strchr(set, c) != NULL;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_token(struct text text) {
    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !is_digit(c) &&
            !is_one_of(c, "!#$%&'*+-.^_`|~"))
            return false;
    }
    return text.size > 0;
}

bool is_word(struct text text, const char *word) {
    return text.size == strlen(word) && strncasecmp(text.at, word, text.size) == 0;
}

bool is_exactly(struct text text, const char *word) {
    return text.size == strlen(word) && memcmp(text.at, word, text.size) == 0;
}

bool is_visible(struct text text, const char *except) {
    for (size_t i = 0; i < text.size; i++)
        if (text.at[i] <= ' ' || text.at[i] > '~' || is_one_of(text.at[i], except)) return false;
    return true;
}

/* Not among its characters: what would end it, put a name before it (@), or look like two of them
 * in one field (a comma). */
bool is_host(struct text text) {
    return is_visible(text, "/\\?#@,\"<>^`{|}");
}

bool has_controls(struct text text) {
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) return true;
    }
    return false;
}

struct text trim(struct text text) {
    for (; text.size > 0 && is_one_of(text.at[0], " \t"); text.size--) text.at++;
    while (text.size > 0 && is_one_of(text.at[text.size - 1], " \t")) text.size--;
    return text;
}

struct text next_part(struct text *rest, char separator) {
    const char *end = memchr(rest->at, separator, rest->size);
    struct text part = {rest->at, end ? (size_t)(end - rest->at) : rest->size};
    size_t taken = end ? part.size + 1 : part.size;
    rest->at += taken;
    rest->size -= taken;
    return part;
}

bool split_field(struct text line, struct text *name, struct text *value) {
    if (memchr(line.at, ':', line.size) == NULL) return false;
    *name = next_part(&line, ':');
    *value = trim(line);
    return is_token(*name) && !has_controls(*value);
}
