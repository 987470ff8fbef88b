/* Pieces of a request's head: http and the WSGI server take it apart alike. RFC 9112, RFC 9110. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that are somebody else's; not ended by a 0, and 0 may be among them. */
struct text {
    const char *at;
    size_t size;
};

/* Is the character in the set? 0 never is. */
bool is_one_of(char c, const char *set);
bool is_digit(char c);

/* Is it a token: at least one character, and all of them token's? RFC 9110, 5.6.2. */
bool is_token(struct text text);
/* Is it this word, in any case? In this case alone, as methods are compared: RFC 9110, 9.1. */
bool is_word(struct text text, const char *word);
bool is_exactly(struct text text, const char *word);
/* Is all of it visible ASCII, and none of these? */
bool is_visible(struct text text, const char *except);
/* Can it be a host, and perhaps a port? Nothing can. RFC 3986, 3.2.2. */
bool is_host(struct text text);
/* Is any of it a control character, other than a tab? */
bool has_controls(struct text text);

/* Returns it without blanks and tabs at its ends. */
struct text trim(struct text text);
/* Takes what is before the next separator from *rest, and the separator with it; all, if there is
 * none. */
struct text next_part(struct text *rest, char separator);
/* Takes a field apart: a name, a colon, a value (RFC 9112, 5). False for what is none, also for a
 * line that is folded, or has a space before the colon. */
bool split_field(struct text line, struct text *name, struct text *value);

#endif
