/*
 * From what was seen to lines of text: one page for the screen, and for --once.
 */
#ifndef SHOW_H
#define SHOW_H

#include "look.h"
#include "serve.h"

enum { LINE_SIZE = 256, NO_LIMIT = 1000000 };
enum style { PLAIN, DIM, STRONG, BAR, ALARM, DEAD, HUE, HUES = 5, STYLES = HUE + HUES };

struct line {
    int length;
    char text[LINE_SIZE]; /* printable ASCII */
    unsigned char style[LINE_SIZE]; /* enum style, for each character */
};

struct page {
    struct line *lines;
    int count, room, width;
};

/* How it is to be shown. */
struct view {
    int width, height; /* height NO_LIMIT: as many lines as there are */
    int scroll; /* so many lines of processes and connections are passed over */
    bool paused, keys; /* keys: name them in the last line */
    const struct server *server; /* NULL: it is not ours, we only watch */
};

/* Makes the page anew. Brings scroll back to what there is. */
void show(struct page *page, struct view *view, const struct world *world);

/* Gives room to two lists that want so many lines: each has at least half of the room, if it wants
 * so much, and what the other leaves. But the first has the lines that it needs, if two are left.
 */
void share(int room, int wanted_first, int wanted_second, int needed, int *first, int *second);

/* Appends text to the page's last line, as far as it fits, control characters blanked. */
void put(struct page *page, enum style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void start_line(struct page *page);

#endif
