/*
 * Where things stand: times on the axis, and labels that must not overlap. See axis.h.
 */
#include "axis.h"
#include <math.h>
#include <string.h>

#define LABEL_GAP 8.0 /* between two labels on one level, in units */
#define CUT_SHARE 0.1 /* of the whole time: no gap is drawn longer than that if the axis is cut */
#define TOUCH 0.5 /* a label and a leader this near only touch each other */
#define COMPRESSED_FROM                                                                            \
    3.0 /* times the usual gap: the scale goes from linear to logarithmic there */
#define MAJOR_ROOM 0.9 /* what an event that matters adds to the logarithm of the gap before it */
#define SQUEEZED 0.5 /* drawn at less than this share of its due, a gap is worth a mark */

/* Tells whether a row is one that a picture marks, so that its neighbours must stand apart from it.
 */
static bool is_mark(const struct axis *axis, const struct row *row) {
    static const char *const WAITS[] = {"accept", "recv", "send", "sleep", "wait", "connect"};
    if (!axis->with_clients && row->process != NOBODY &&
        axis->rows->processes[row->process].kind == KIND_CLIENT)
        return false;
    switch (row->event) {
    case EVENT_OPEN:
    case EVENT_CLOSE: return strncmp(row->object, "connection", 10) == 0;
    case EVENT_CALL:
    case EVENT_RETURN:
        for (size_t i = 0; i < sizeof WAITS / sizeof WAITS[0]; i++)
            if (strcmp(row->name, WAITS[i]) == 0) return true;
        return false;
    default: return true;
    }
}

size_t axis_next_mark(const struct axis *axis, size_t row) {
    while (row + 1 < axis->rows->count && !is_mark(axis, &axis->rows->row[++row])) continue;
    return row;
}

/* Returns the microseconds between two rows. */
static double gap(const struct rows *rows, size_t from, size_t to) {
    long long time = rows->row[to].time - rows->row[from].time;
    return time > 0 ? (double)time : 0;
}

/* Returns what a step takes while something happens: the geometric mean of the gaps between marks,
 * in microseconds, at least 1. Being geometric it is hardly moved by the few in which nothing
 * happens. */
static double usual_gap(const struct axis *axis) {
    double sum = 0, count = 0, usual = 0;
    for (size_t from = 0, to; (to = axis_next_mark(axis, from)) > from; from = to) {
        sum += log1p(gap(axis->rows, from, to));
        count++;
    }
    if (count > 0) usual = expm1(sum / count);
    return usual > 1 ? usual : 1;
}

/* Tells whether a row, or one after it at the same time, is what the pictures are about. */
static bool is_major(const struct rows *rows, size_t row) {
    for (size_t i = row; i < rows->count && rows->row[i].time == rows->row[row].time; i++) {
        switch (rows->row[i].event) {
        case EVENT_SIGNAL:
        case EVENT_LOST:
        case EVENT_REAP:
        case EVENT_STOP:
        case EVENT_EXIT:
        case EVENT_HANDLED:
        case EVENT_END: return true;
        default: break;
        }
    }
    return false;
}

/* Returns the room that the gap between two marks wants, in any measure. unit is a time that is not
 * compressed much if the axis is compressed, the longest that is not cut otherwise. */
static double room_for(const struct rows *rows, size_t from, size_t to, enum scale scale,
                       double unit) {
    double time = gap(rows, from, to);
    if (scale == SCALE_CUT) return time < unit ? time : unit;
    return log1p(time / unit) + (time > 0 && is_major(rows, to) ? MAJOR_ROOM : 0);
}

/* Spreads the rows from one mark, whose x is known, to the next, whose x is to be this. */
static void place_between(const struct axis *axis, size_t from, size_t to, double right) {
    double whole = gap(axis->rows, from, to), *x = axis->x;
    for (size_t i = from + 1; i < to; i++)
        x[i] = x[from] + (whole > 0 ? (right - x[from]) * gap(axis->rows, from, i) / whole : 0);
    x[to] = right;
}

void axis_place(const struct axis *axis) {
    const struct rows *rows = axis->rows;
    double sum = 0, total = 0, unit = CUT_SHARE * (double)rows->end;
    if (axis->scale == SCALE_COMPRESSED) unit = COMPRESSED_FROM * usual_gap(axis);
    if (rows->count == 0) return;
    for (size_t from = 0, to; (to = axis_next_mark(axis, from)) > from; from = to)
        total += room_for(rows, from, to, axis->scale, unit);
    axis->x[0] = axis->left;
    for (size_t from = 0, to; (to = axis_next_mark(axis, from)) > from; from = to) {
        double at = axis->left;
        sum += room_for(rows, from, to, axis->scale, unit);
        if (total > 0) at += (axis->right - axis->left) * (sum / total);
        place_between(axis, from, to, at < axis->right ? at : axis->right);
    }
}

bool axis_is_squeezed(const struct axis *axis, size_t from, size_t to) {
    double due = (axis->right - axis->left) * gap(axis->rows, from, to);
    return axis->rows->end > 0 &&
           axis->x[to] - axis->x[from] < SQUEEZED * due / (double)axis->rows->end;
}

void format_time(char *text, size_t size, long long time) {
    if (time <= 0) (void)snprintf(text, size, "0 ms");
    else if (time < 9950) (void)snprintf(text, size, "%.1f ms", (double)time / 1e3);
    else if (time < 999500) (void)snprintf(text, size, "%.0f ms", (double)time / 1e3);
    else (void)snprintf(text, size, "%.1f s", (double)time / 1e6);
}

/* Tells whether a label from..to on a level, its leader at x, neither overlaps one that is there
 * already nor has its leader run through one, nor covers the leader of another. */
static bool is_free(const struct shelf *shelf, double from, double to, double x, int level) {
    if (from < shelf->left || to > shelf->right) return false;
    for (int i = 0; i < shelf->count; i++) {
        int other = shelf->label[i].level;
        double begin = shelf->label[i].from - LABEL_GAP, end = shelf->label[i].to + LABEL_GAP;
        double leader = shelf->label[i].leader;
        if (other == level && from < end && to > begin) return false;
        if (other < level && x > begin + LABEL_GAP + TOUCH && x < end - LABEL_GAP - TOUCH)
            return false;
        if (other > level && leader > from + TOUCH && leader < to - TOUCH) return false;
    }
    return true;
}

/* Notes that a label is there. */
static void take(struct shelf *shelf, double from, double to, double x, int level) {
    int i = shelf->count++;
    shelf->label[i].from = from;
    shelf->label[i].to = to;
    shelf->label[i].leader = x;
    shelf->label[i].level = level;
    if (level >= shelf->levels) shelf->levels = level + 1;
}

int shelf_put(struct shelf *shelf, double x, double width, int levels, double *from) {
    if (shelf->count == LABELS_MAX) return -1;
    for (int level = 0; level < levels && level < LABEL_LEVELS; level++) {
        for (int side = 0; side < 2; side++) {
            *from = side == 0 ? x - width : x;
            if (!is_free(shelf, *from, *from + width, x, level)) continue;
            take(shelf, *from, *from + width, x, level);
            return level;
        }
    }
    return -1;
}

bool shelf_put_centred(struct shelf *shelf, double x, double width, double *from) {
    *from = x - width / 2;
    if (*from + width > shelf->right) *from = shelf->right - width;
    if (*from < shelf->left) *from = shelf->left;
    if (shelf->count == LABELS_MAX || !is_free(shelf, *from, *from + width, x, 0)) return false;
    take(shelf, *from, *from + width, x, 0);
    return true;
}
