/*
 * The sequence of the calls of a few processes: a column a process, time downwards. See sequence.h.
 */
#include "sequence.h"
#include "story.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINE_PITCH 31.0 /* between two calls */
#define BAR_WIDTH 14.0
#define NAME_GAP 14.0 /* between the line of a process and the name of a call */
#define ARROW 6.0
#define ROOM_AT_SIDES 125.0 /* from the edge to the first and last column */
enum { DATA_SIZE = 40 };

/* Tells whether a row is a call, or the return of one, that is shown. */
static bool is_shown(const struct row *row, enum event event) {
    return row->event == event && strcmp(row->name, "poll") != 0 &&
           strcmp(row->object, "terminal") != 0;
}

int count_calls(const struct rows *rows) {
    int count = 0;
    for (size_t i = 0; i < rows->count; i++) count += is_shown(&rows->row[i], EVENT_CALL);
    return count;
}

/* Returns the x of a process's column. */
static double column(const struct rows *rows, int process) {
    double width = PAGE_WIDTH - 2 * PAGE_MARGIN - 2 * ROOM_AT_SIDES;
    int gaps = rows->process_count > 1 ? rows->process_count - 1 : 1;
    return PAGE_MARGIN + ROOM_AT_SIDES + width * process / gaps;
}

/* Tells whether a call may wait for others, and has: they have made a call before it returned, or
 * it is in it to its process's end. What little time other calls take is not shown. */
static bool has_waited(const struct rows *rows, size_t call, size_t back) {
    static const char *const WAITS[] = {"accept", "connect", "recv", "wait"};
    bool may_wait = false;
    if (strcmp(rows->row[call].name, "sleep") == 0) return !sleeps_not(&rows->row[call]);
    for (size_t i = 0; i < sizeof WAITS / sizeof WAITS[0]; i++)
        may_wait = may_wait || strcmp(rows->row[call].name, WAITS[i]) == 0;
    if (!may_wait || back == NO_ROW || rows->row[back].event == EVENT_EXIT) return may_wait;
    for (size_t i = call + 1; i < back; i++)
        if (is_shown(&rows->row[i], EVENT_CALL)) return true;
    return false;
}

/* Finds the y of each row: a new line for each call, each return from one that has waited, each
 * end. Returns the y below. */
static double place_rows(const struct rows *rows, double y, double *place) {
    for (size_t i = 0; i < rows->count; i++) place[i] = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        bool new_line = place[i] != 0; /* marked below, as the return from a call that has waited */
        if (is_shown(row, EVENT_CALL)) {
            size_t back = find_return(rows, i);
            new_line = true;
            if (back != NO_ROW && has_waited(rows, i, back)) place[back] = 1;
        }
        if (new_line || row->event == EVENT_EXIT) y += LINE_PITCH;
        place[i] = y;
    }
    return y;
}

/* ---- Arrows ---- */

static bool is_client(const struct rows *rows, int process) {
    return process != NOBODY && rows->processes[process].kind == KIND_CLIENT;
}

/* Returns the last row before this one with that event and name, about the same connection, by the
 * other side; NO_ROW if there is none. A null name stands for any. */
static size_t find_cause(const struct rows *rows, size_t effect, enum event event, const char *name,
                         const char *object) {
    bool by_client = !is_client(rows, rows->row[effect].process);
    for (size_t i = effect; i-- > 0;) {
        const struct row *row = &rows->row[i];
        if (row->event == event && (!name || strcmp(row->name, name) == 0) &&
            strcmp(row->object, object) == 0 && is_client(rows, row->process) == by_client)
            return i;
    }
    return NO_ROW;
}

/* Copies the first line of what was sent, as strace quotes it. */
static void first_line(char *line, size_t size, const char *text) {
    size_t length = strcspn(text, "\\");
    (void)snprintf(line, size, "%.*s", (int)(length < size ? length : size - 1), text);
}

/* Draws an arrow from one row to another, with a text over the middle of the first gap between
 * columns that it crosses. */
static void draw_arrow(struct svg *svg, const struct rows *rows, size_t from, size_t to,
                       const double *place, const char *text) {
    int first = rows->row[from].process, last = rows->row[to].process, gaps = abs(last - first);
    double x1 = column(rows, first), x2 = column(rows, last), y1 = place[from], y2 = place[to];
    double side = x2 > x1 ? -1 : 1, part = gaps > 0 ? 0.5 / gaps : 0;
    double x = x1 + (x2 - x1) * part, y = y1 + (y2 - y1) * part + SMALL_SIZE * 0.35;
    double width = text_width(text, SMALL_SIZE);
    x2 += side * (BAR_WIDTH / 2 + 1);
    svg_put(svg, "<g data-row=\"%zu\" class=\"sign\"><path class=\"solid-line\" ", to);
    svg_put(svg, "d=\"M%.1f %.1fL%.1f %.1f\"/>", x1, y1, x2 + side * ARROW, y2);
    svg_put(svg, "<path class=\"head\" d=\"M%.1f %.1fl%.1f %.1fv%.1fz\"/>", x2, y2,
            side * ARROW * 1.8, -ARROW, 2 * ARROW);
    if (gaps > 0 && width < fabs(x2 - x1) / gaps - 2 * BAR_WIDTH) {
        svg_put(svg, "<rect x=\"%.1f\" y=\"%.1f\" ", x - width / 2, y - SMALL_SIZE * 0.85);
        svg_put(svg, "width=\"%.1f\" height=\"%.1f\" class=\"paper plate\"/>", width, SMALL_SIZE);
        svg_label(svg, x, y, "small halo", "middle", text);
    }
    svg_put(svg, "</g>\n");
}

/* Draws the arrow that ends in this row, if one does: of a connection, data, or their end. */
static void draw_arrow_to(struct svg *svg, const struct rows *rows, size_t row,
                          const double *place) {
    const struct row *effect = &rows->row[row];
    char text[DATA_SIZE];
    size_t cause;
    if (effect->event == EVENT_OPEN && strcmp(effect->name, "accept") == 0) {
        cause = find_cause(rows, row, EVENT_CALL, "connect", effect->object);
        (void)snprintf(text, sizeof text, "connects");
    } else if (effect->event == EVENT_FORK && effect->other != NOBODY) {
        double x = column(rows, effect->process), to = column(rows, effect->other);
        svg_put(svg, "<g data-row=\"%zu\"><path class=\"fork line\" d=\"M%.1f %.1fH%.1f\"/>\n", row,
                x, place[row], to);
        svg_label(svg, x + NAME_GAP, place[row] - 6, "small halo", "start",
                  "returns the child's number");
        svg_label(svg, to + NAME_GAP, place[row] + 12, "small halo", "start", "returns 0");
        svg_put(svg, "</g>\n");
        return;
    } else if (effect->event == EVENT_RETURN && strcmp(effect->name, "recv") == 0 &&
               strcmp(effect->result, "0") == 0) {
        cause = find_cause(rows, row, EVENT_CLOSE, NULL, effect->object);
        (void)snprintf(text, sizeof text, "end of file");
    } else if (effect->event == EVENT_RETURN && strcmp(effect->name, "recv") == 0 &&
               !is_error(effect->result)) {
        cause = find_cause(rows, row, EVENT_CALL, "send", effect->object);
        first_line(text, sizeof text, effect->text);
    } else return;
    if (cause != NO_ROW) draw_arrow(svg, rows, cause, row, place, text);
}

/* ---- Columns ---- */

/* Draws the bar of a call from one y to another; a dot if they are the same. */
static void put_bar(struct svg *svg, double x, double from, double to) {
    svg_put(svg, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"4\"/>",
            x - BAR_WIDTH / 2, from - 7, BAR_WIDTH, to - from + 14);
}

/* Names a call as a program has it: with the descriptor that it is about, sleep with its seconds.
 */
static void name_call(const struct row *row, char *text, size_t size) {
    if (strcmp(row->name, "sleep") == 0) (void)snprintf(text, size, "sleep(%.20s)", row->text);
    else if (row->descriptor != NO_DESCRIPTOR)
        (void)snprintf(text, size, "%.20s(%d)", row->name, row->descriptor);
    else (void)snprintf(text, size, "%.20s", row->name);
}

/* Writes what a call returns, if that is worth a word: an error at the side of its name, the new
 * descriptor of accept there too, that of socket at the other side, which has no arrows yet. */
static void put_result(struct svg *svg, const struct row *back, double x, double y, bool left,
                       bool waited) {
    char text[64];
    bool by_socket = strcmp(back->name, "socket") == 0;
    if (back->event != EVENT_RETURN || !*back->result) return;
    if (strcmp(back->result, "EINPROGRESS") == 0) return; /* it goes on by itself */
    (void)snprintf(text, sizeof text, "returns %.40s", back->result);
    if (is_error(back->result))
        svg_label(svg, left ? x - NAME_GAP : x + NAME_GAP, y + (waited ? 0 : 18), "small bad halo",
                  left ? "end" : "start", back->result);
    else if (by_socket || (waited && strcmp(back->name, "accept") == 0))
        svg_label(svg, left != by_socket ? x - NAME_GAP : x + NAME_GAP, y, "small halo",
                  left != by_socket ? "end" : "start", text);
}

/* Draws a call: a bar for as long as it waits, a dot if it does not, and its name beside it. */
static void draw_one_call(struct svg *svg, const struct rows *rows, size_t call, double bottom,
                          const double *place) {
    const struct row *row = &rows->row[call];
    size_t back = find_return(rows, call);
    double x = column(rows, row->process), y = place[call], end = y;
    bool left = !is_client(rows, row->process); /* the other side is the arrows' */
    char text[64], title[160];
    if (has_waited(rows, call, back)) end = back == NO_ROW ? bottom : place[back];
    svg_put(svg, "<g data-row=\"%zu\" class=\"bar %s\"><title>", call, end > y ? "accept" : "fork");
    say_row(rows, call, title, sizeof title);
    svg_text(svg, title);
    svg_put(svg, "</title>");
    put_bar(svg, x, y, end);
    name_call(row, text, sizeof text);
    svg_label(svg, left ? x - NAME_GAP : x + NAME_GAP, y + TEXT_SIZE * 0.35, "code halo",
              left ? "end" : "start", text);
    if (back != NO_ROW) put_result(svg, &rows->row[back], x, end + TEXT_SIZE * 0.35, left, end > y);
    svg_put(svg, "</g>\n");
}

/* Draws the bar of a client that waits in poll for what it then receives. recv: its call of that.
 */
static void draw_poll(struct svg *svg, const struct rows *rows, size_t recv, const double *place) {
    size_t poll = recv;
    char title[160];
    double x = column(rows, rows->row[recv].process);
    for (size_t i = recv; i-- > 0 && !(rows->row[i].process == rows->row[recv].process &&
                                       is_shown(&rows->row[i], EVENT_CALL));)
        if (rows->row[i].process == rows->row[recv].process && rows->row[i].event == EVENT_CALL &&
            strcmp(rows->row[i].name, "poll") == 0)
            poll = i;
    if (place[recv] - place[poll] < 1.5 * LINE_PITCH) return; /* nothing has happened meanwhile */
    say_row(rows, poll, title, sizeof title);
    svg_put(svg, "<g data-row=\"%zu\" class=\"bar accept\"><title>", poll);
    svg_text(svg, title);
    svg_put(svg, ", and waits</title>");
    put_bar(svg, x, place[poll] + LINE_PITCH / 2, place[recv] - LINE_PITCH / 2);
    svg_label(svg, x + NAME_GAP, (place[poll] + place[recv]) / 2 + SMALL_SIZE * 0.35, "small quiet",
              "start", "waits");
    svg_put(svg, "</g>\n");
}

/* Draws the line of a process, from its first row to its end, with its name above. */
static void draw_column(struct svg *svg, const struct rows *rows, int process, double top,
                        double bottom, const double *place) {
    double x = column(rows, process), from = -1, to = bottom;
    char name[32];
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        if (from < 0 &&
            (row->process == process || (row->event == EVENT_FORK && row->other == process)))
            from = place[i];
        if (row->event != EVENT_EXIT || row->process != process) continue;
        to = place[i];
        svg_label(svg, x, to + LINE_PITCH * 0.8, "small quiet", "middle",
                  ends_by_itself(row) ? "ends" : "experiment ends");
    }
    say_name(rows, process, name, sizeof name);
    svg_put(svg, "<g id=\"%s-%s\" class=\"lane\" data-process=\"%s\">\n", svg->prefix,
            rows->processes[process].name, rows->processes[process].name);
    svg_label(svg, x, top, "strong", "middle", name);
    if (from >= 0) svg_put(svg, "<path class=\"run\" d=\"M%.1f %.1fV%.1f\"/>\n", x, from, to);
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->row[i].process != process || !is_shown(&rows->row[i], EVENT_CALL)) continue;
        if (is_client(rows, process) && strcmp(rows->row[i].name, "recv") == 0)
            draw_poll(svg, rows, i, place);
        draw_one_call(svg, rows, i, to, place);
    }
    svg_put(svg, "</g>\n");
}

double draw_sequence(struct svg *svg, const struct rows *rows, double y, double *place) {
    double top = y + 12, bottom = place_rows(rows, top + 10, place);
    for (size_t i = 0; i < rows->count; i++) draw_arrow_to(svg, rows, i, place);
    for (int i = 0; i < rows->process_count; i++) draw_column(svg, rows, i, top, bottom, place);
    y = bottom + 2 * LINE_PITCH;
    return svg_paragraph(
        svg, PAGE_MARGIN, y, PAGE_WIDTH - 2 * PAGE_MARGIN, SMALL_SIZE, "small quiet",
        "Time runs downwards. A long bar is a call that waits. What socket and accept "
        "return is a new descriptor; in parentheses is the descriptor that a call is about.");
}
