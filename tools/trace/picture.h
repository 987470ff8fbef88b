/*
 * A timeline being drawn: what its parts (lanes.c, strips.c, draw.c) have in common.
 */
#ifndef PICTURE_H
#define PICTURE_H

#include "axis.h"
#include "rows.h"
#include "story.h"
#include "svg.h"

/* The geometry, in units of the viewBox. */
#define PLOT_LEFT 108.0 /* to the left of it: names */
#define PLOT_RIGHT (PAGE_WIDTH - PAGE_MARGIN)
#define SERVER_HEIGHT 30.0 /* of the server's bar */
#define MARK_HEIGHT 13.0 /* of the mark of a signal in the compact form */
#define ARROW 5.0 /* half the width of the head of an arrow */
#define HATCH_MIN 7.0 /* what is lower than this is not hatched, but filled */
#define TEXT_HEIGHT 14.0 /* a bar with text in it is at least that high */
enum { TICKS_MAX = 24, NOTES_MAX = 40, NOTE_SIZE = 48 };

/* What may need an entry in the legend. */
enum mark {
    MARK_ACCEPT,
    MARK_RECV,
    MARK_SLEEP,
    MARK_WAIT,
    MARK_QUEUE,
    MARK_ANSWER,
    MARK_TAIL,
    MARK_SILENT,
    MARK_GIVES_UP,
    MARK_STOP,
    MARK_ZOMBIE,
    MARK_REAP,
    MARK_SIGNAL,
    MARK_LOST,
    MARK_HANDLER,
    MARK_INHERITED,
    MARK_LEAK,
    MARKS,
    MARK_NONE = MARKS
};

/* A label above the server's lane. */
struct note {
    size_t row;
    const char *classes;
    char text[NOTE_SIZE];
    double from, width;
    int level; /* -1: no room */
};

struct picture {
    const struct rows *rows;
    struct svg svg;
    struct axis axis;
    double *x; /* of each row: axis.x */
    struct life *lives; /* of each process */
    double *lane; /* the middle of each process's lane; 0: it has none */
    bool compact, with_clients, with_signals;
    bool with_reaps; /* not in the compact form, unless they are few */
    bool used[MARKS]; /* in the picture */
    double pitch, height; /* of the lanes but the server's; of the bars in them */
    double leak_height; /* of the strips in which leaks are */
    double top; /* of what is below the headline */
    double server; /* the top of the server's bar */
    double bottom; /* of the lanes */
    struct note note[NOTES_MAX];
    int notes;
    struct shelf shelf; /* where the notes are */
    double tick[TICKS_MAX]; /* where the axis has labels */
    int ticks;
};

bool is_server(const struct picture *p, int process);

/* Returns the number at the end of a name, as in "connection3", or 0. */
int number_of(const char *name);

/* Begins the group of an event: a page finds it by its row, a reader by its title: null stands for
 * what the row says. */
void begin_event(struct picture *p, size_t row, const char *classes, const char *title);

void end_event(struct picture *p);

void put_rect(struct picture *p, double x, double y, double width, double height,
              const char *classes);

/* Draws a rectangle filled with a pattern, or plainly if it is too low for that. */
void put_patterned(struct picture *p, double x, double y, double width, double height,
                   const char *pattern);

void put_cross(struct picture *p, double x, double y, double size);

/* Draws the head of an arrow whose point is at x, y; down is 1 if it points downwards, -1 if up. */
void put_head(struct picture *p, double x, double y, double down);

/* Returns the row until which a process is drawn as running. */
size_t last_row(const struct picture *p, int process);

/* As begin_event, of an event that the legend explains. */
void begin_mark(struct picture *p, size_t row, enum mark mark, const char *title);

/* Writes text into the middle of a bar of this height if there is room. Tells whether there was. */
bool put_inside(struct picture *p, double from, double to, double middle, double height,
                const char *classes, const char *text);

/* Draws the legend, of what occurs alone, in as many lines as it takes. Returns the y below it. */
double draw_legend(struct picture *p, double y);

/* Draws the lanes, and what connects them. */
void draw_lanes(struct picture *p);

/* Draws the strips of the server, and those of the children if they are few. Returns the y below.
 */
double draw_strips(struct picture *p, double y);

#endif
