/*
 * The strips of a timeline, one for each descriptor number of a process. See picture.h.
 */
#include "picture.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STRIP_ROOM 320.0 /* the server's descriptors share this much ... */
#define STRIP_PITCH_MAX 21.0 /* ... but have no greater pitch than this */
#define STRIP_PITCH_CHILD 18.0 /* of the children's descriptors */
#define HEADING_GAP 4.0 /* below the heading: the first number may be higher than its strip */
#define STRIP_GAP 8.0 /* between the descriptors of two processes */
enum { STRIPS_OF_CHILDREN = 16 }; /* more of them are not shown */
enum { COLOURS = 6 };

/* A strip: one descriptor number of one process. */
struct strip {
    int process, descriptor;
};

/* Tells whether a row opens a descriptor that has a strip: not those of the terminal. */
static bool has_strip(const struct row *row, int process) {
    return row->event == EVENT_OPEN && row->process == process &&
           strcmp(row->object, "terminal") != 0;
}

/* Tells whether the server has its 0, 1, 2 from the start, as is usual. */
static bool has_terminal(const struct rows *rows) {
    int count = 0;
    for (size_t i = 0; i < rows->count; i++)
        count += rows_is_by(rows, &rows->row[i], KIND_SERVER) && rows->row[i].event == EVENT_OPEN &&
                 strcmp(rows->row[i].object, "terminal") == 0;
    return count == 3;
}

/* Adds the strips of one process, in the order of their numbers, to count others. Returns how many
 * there are then. */
static int list_strips(const struct rows *rows, int process, struct strip *strips, int count) {
    int first = count;
    for (size_t i = 0; i < rows->count; i++) {
        int at = count, number = rows->row[i].descriptor;
        if (!has_strip(&rows->row[i], process)) continue;
        while (at > first && strips[at - 1].descriptor >= number) at--;
        if (at < count && strips[at].descriptor == number) continue;
        memmove(strips + at + 1, strips + at, (size_t)(count - at) * sizeof *strips);
        strips[at] = (struct strip){.process = process, .descriptor = number};
        count++;
    }
    return count;
}

/* Writes the classes of a descriptor's colour: one of few, by the number of the connection. */
static void strip_classes(const struct row *open, char *classes, size_t size) {
    int number = number_of(open->object);
    bool inherited = strcmp(open->name, "inherited") == 0;
    if (number > 0) (void)snprintf(classes, size, "bar c%d", (number - 1) % COLOURS);
    else (void)snprintf(classes, size, "bar listener");
    if (inherited) (void)snprintf(classes + strlen(classes), size - strlen(classes), " inherited");
}

/* Draws the time from which on a descriptor is leaked. */
static void draw_leak(struct picture *p, double from, double to, double y, double height,
                      const char *what) {
    static const char WORDS[] = "never closed";
    char text[80];
    double width;
    bool first = !p->used[MARK_LEAK];
    p->used[MARK_LEAK] = true;
    svg_put(&p->svg, "<g class=\"leak\">");
    put_patterned(p, from, y, to - from, height, "leak");
    (void)snprintf(text, sizeof text, "%.60s%s%s", what, first ? ": " : "", first ? WORDS : "");
    width = text_width(text, SMALL_SIZE * BOLD) + 12;
    if (height >= TEXT_HEIGHT && width + 12 <= to - from) {
        put_rect(p, (from + to - width) / 2, y + 1, width, height - 2, "paper plate");
        (void)put_inside(p, from, to, y + height / 2, height, "small bad", text);
    }
    svg_put(&p->svg, "</g>");
}

/* Returns the height of a strip; the rest of the pitch is the gap to the next. */
static double strip_height(double pitch) {
    return pitch > 6 ? pitch - 3 : pitch * 0.8;
}

/* Draws one descriptor from its opening to its close, hatched from where on it is leaked. */
static void draw_descriptor(struct picture *p, size_t open, double y, double pitch) {
    const struct row *row = &p->rows->row[open];
    size_t close = find_close(p->rows, open);
    size_t leak = is_server(p, row->process) ? find_leak(p->rows, open) : NO_ROW;
    double from = p->x[open], to = p->x[close == NO_ROW ? last_row(p, row->process) : close];
    double height = strip_height(pitch);
    char classes[48], what[80];
    strip_classes(row, classes, sizeof classes);
    say_object(row->object, what, sizeof what);
    if (strcmp(row->name, "inherited") == 0) p->used[MARK_INHERITED] = true;
    begin_event(p, open, classes, NULL);
    put_rect(p, from, y, to - from, height, height < 6 ? "thin" : "");
    if (leak != NO_ROW) draw_leak(p, p->x[leak], to, y, height, what);
    else (void)put_inside(p, from, to, y + height / 2, height, "small", what);
    end_event(p);
}

/* Draws the strips of one process, from y down. Returns the y below them. */
static double draw_strips_of(struct picture *p, const struct strip *strips, int count, double pitch,
                             double y) {
    const char *id = p->rows->processes[strips[0].process].name;
    double named = y - SMALL_SIZE, down = strip_height(pitch) / 2 + SMALL_SIZE * 0.35;
    char name[32];
    svg_put(&p->svg, "<g id=\"%s-%s-descriptors\" data-process=\"%s\">\n", p->svg.prefix, id, id);
    say_name(p->rows, strips[0].process, name, sizeof name);
    svg_label(&p->svg, PAGE_MARGIN, y + down, "small", "start", name);
    for (int i = 0; i < count; i++) {
        double top = y + pitch * i;
        if (top - named >= SMALL_SIZE - 1) {
            (void)snprintf(name, sizeof name, "%d", strips[i].descriptor);
            svg_label(&p->svg, PLOT_LEFT - 6, top + down, "small quiet", "end", name);
            named = top;
        }
        for (size_t k = 0; k < p->rows->count; k++)
            if (has_strip(&p->rows->row[k], strips[i].process) &&
                p->rows->row[k].descriptor == strips[i].descriptor)
                draw_descriptor(p, k, top, pitch);
    }
    svg_put(&p->svg, "</g>\n");
    return y + pitch * count + STRIP_GAP;
}

double draw_strips(struct picture *p, double y) {
    const struct rows *rows = p->rows;
    struct strip *strips = calloc(rows->count, sizeof *strips);
    int count, all;
    if (!strips) {
        p->svg.error = ENOMEM;
        return y;
    }
    all = count = list_strips(rows, 0, strips, 0);
    if (count > 0) {
        double pitch = STRIP_ROOM / count;
        if (pitch > STRIP_PITCH_MAX) pitch = STRIP_PITCH_MAX;
        p->leak_height = strip_height(pitch);
        svg_label(&p->svg, PAGE_MARGIN, y + SMALL_SIZE, "small quiet", "start",
                  has_terminal(rows) ? "Open descriptors, besides 0, 1 and 2 (the terminal)"
                                     : "Open descriptors");
        y = draw_strips_of(p, strips, count, pitch, y + LINE_HEIGHT + HEADING_GAP);
    }
    for (int i = 1; i < rows->process_count; i++)
        if (rows->processes[i].kind == KIND_CHILD) all = list_strips(rows, i, strips, all);
    for (int i = 1; i < rows->process_count && all - count <= STRIPS_OF_CHILDREN && !p->compact;
         i++) {
        if (rows->processes[i].kind != KIND_CHILD) continue;
        int own = list_strips(rows, i, strips, 0);
        if (own > 0) y = draw_strips_of(p, strips, own, STRIP_PITCH_CHILD, y);
    }
    free(strips);
    return y;
}
