/*
 * Where things stand: times on the axis, and labels that must not overlap.
 */
#ifndef AXIS_H
#define AXIS_H

#include "rows.h"

/* How the axis treats the gaps between rows. */
enum scale {
    SCALE_COMPRESSED, /* the longer a gap, the more it is compressed: short ones can be told apart
                       */
    SCALE_CUT /* linear, but that gaps in which nothing happens are cut to a length */
};

struct axis {
    const struct rows *rows;
    enum scale scale;
    bool with_clients; /* false: what clients do is not in the picture, and needs no room */
    double left, right; /* its ends, in units */
    double *x; /* of each row; axis_place fills it in, it has room for rows->count */
};

/* Finds the x of each row. It never falls. */
void axis_place(const struct axis *axis);

/* Returns the next row after this one that the axis has regard for, or the last row. The rows
 * between two such are spread as their times are. */
size_t axis_next_mark(const struct axis *axis, size_t row);

/* Tells whether from..to is drawn at less than half of the length that a linear axis would give it.
 */
bool axis_is_squeezed(const struct axis *axis, size_t from, size_t to);

/* Writes a time in microseconds as "0 ms", "0.4 ms", "12 ms" or "1.0 s". */
void format_time(char *text, size_t size, long long time);

/* Labels on some lines above each other; each may have a leader from its side down to the lane. */
enum { LABELS_MAX = 64, LABEL_LEVELS = 4 };
struct shelf {
    struct {
        double from, to, leader; /* leader: the x of the line down from it */
        int level;
    } label[LABELS_MAX];
    int count, levels; /* levels: how many are in use */
    double left, right; /* no label begins or ends beyond */
};

/*
 * Finds room for a label of this width beside x, to the left of it if possible, on a level below
 * levels. Given labels from left to right it finds room for most. Returns its level, with where it
 * begins in *from, or -1 if there is no room.
 */
int shelf_put(struct shelf *shelf, double x, double width, int levels, double *from);

/* As shelf_put, on level 0 with its middle at x, or as near as the ends of the shelf allow. */
bool shelf_put_centred(struct shelf *shelf, double x, double width, double *from);

#endif
