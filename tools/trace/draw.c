/*
 * Rows to a timeline: a lane a process, time to the right, and below it the descriptors. See
 * draw.h.
 */
#define _POSIX_C_SOURCE 200809L /* open_memstream */
#include "draw.h"
#include "picture.h"
#include "sequence.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* More of the geometry in picture.h, in units of the viewBox. */
#define TITLE_Y 36.0
#define NOTE_HEIGHT 22.0 /* of a line of labels above the server */
#define SERVER_GAP 30.0 /* below the server's bar: where signals arrive */
#define COMPACT_GAP 48.0 /* the same in the compact form: two rows of marks */
#define LANE_PITCH 36.0
#define LANE_HEIGHT 24.0
#define COMPACT_ROOM 240.0 /* compact lanes share this much ... */
#define COMPACT_MIN 4.0 /* ... but have a pitch between these ... */
#define COMPACT_MAX 22.0
#define COMPACT_ROOM_MAX 640.0 /* ... unless they would be higher than this in all */
enum { COMPACT_FROM = 9 }; /* children, or clients and no children */
enum { REAPS_FEW = 8 }; /* so many are marked in the compact form, too */
enum { LANES_WITH_CLIENTS = 8 }; /* if there are more, clients are left out */
enum { STORY_MAX = 60 }; /* events that the description mentions */
enum { PREFIX_SIZE = 48 };

/* ---- Notes above the server ---- */

/* Adds a note unless the same text is there already. */
static void add_note(struct picture *p, size_t row, const char *classes, const char *text) {
    struct note *note = &p->note[p->notes];
    for (int i = 0; i < p->notes; i++)
        if (strcmp(p->note[i].text, text) == 0) return;
    if (p->notes == NOTES_MAX) return;
    *note = (struct note){.row = row, .classes = classes};
    (void)snprintf(note->text, sizeof note->text, "%s", text);
    note->width = text_width(text, SMALL_SIZE * BOLD) + 6;
    note->level = shelf_put(&p->shelf, p->x[row], note->width, LABEL_LEVELS, &note->from);
    p->notes++;
}

/* Adds the note on the server's death. */
static void note_end(struct picture *p, size_t row) {
    const struct row *exit = &p->rows->row[row];
    char text[NOTE_SIZE];
    if (strcmp(exit->name, "exit") == 0)
        (void)snprintf(text, sizeof text, "dies, status %.16s", exit->result);
    else (void)snprintf(text, sizeof text, "dies of %.32s", exit->name);
    add_note(p, row, "small bad", text);
}

/* Adds the notes that a row calls for. dies: the server does so by itself, so that failures matter.
 */
static void note_row(struct picture *p, size_t i, bool dies) {
    const struct row *row = &p->rows->row[i];
    bool failed = row->event == EVENT_RETURN && is_error(row->result);
    if (failed && strcmp(row->result, "ECHILD") != 0 && (dies || !p->compact)) {
        char text[NOTE_SIZE]; /* (ECHILD says that all are reaped) */
        (void)snprintf(text, sizeof text, "%.20s: %.20s", row->name, row->result);
        add_note(p, i, dies ? "small bad" : "small quiet", text);
    }
    if (row->event == EVENT_SIGNAL && !p->compact) add_note(p, i, "small sign-text", "handler");
    if (row->event == EVENT_REAP && p->compact && p->with_reaps && row->other != NOBODY) {
        char text[NOTE_SIZE];
        (void)snprintf(text, sizeof text, "reaps child %d", p->rows->processes[row->other].number);
        add_note(p, i, "small reap-text", text);
    }
    if (row->event == EVENT_EXIT && dies) note_end(p, i);
    if (row->event == EVENT_EXIT && !dies) add_note(p, i, "small quiet", "experiment ends");
}

/* Collects the notes, from left to right, and finds room for them. */
static void collect_notes(struct picture *p) {
    size_t exit = p->lives[0].exit;
    bool dies = exit != NO_ROW && ends_by_itself(&p->rows->row[exit]);
    p->shelf = (struct shelf){.left = PLOT_LEFT, .right = PLOT_RIGHT};
    for (size_t i = 0; i < p->rows->count; i++)
        if (is_server(p, p->rows->row[i].process)) note_row(p, i, dies);
}

/* Draws the notes, each with a leader down to the lane. */
static void draw_notes(struct picture *p) {
    for (int i = 0; i < p->notes; i++) {
        const struct note *note = &p->note[i];
        double x, y = p->server - 16 - NOTE_HEIGHT * note->level;
        if (note->level < 0) continue;
        x = p->x[note->row];
        begin_event(p, note->row, "note", NULL);
        svg_put(&p->svg, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>", x, y - SMALL_SIZE + 2,
                p->server);
        svg_label(&p->svg, note->from + (note->from < x ? 0 : 5), y, note->classes, "start",
                  note->text);
        end_event(p);
    }
}

/* ---- The axis ---- */

/* Tells how much an event deserves a label on the axis: 0 most, -1 not at all. */
static int axis_rank(const struct picture *p, size_t i) {
    const struct row *row = &p->rows->row[i];
    if (i == 0 || i == p->rows->count - 1) return 0;
    switch (row->event) {
    case EVENT_STOP:
    case EVENT_CONTINUE: return 1;
    case EVENT_EXIT: return is_server(p, row->process) ? 1 : 2;
    case EVENT_REAP:
    case EVENT_FORK: return 3;
    case EVENT_BEGIN: return 4;
    default: return -1;
    }
}

/* Writes the times for which there is room, the most important first, and remembers where they are.
 */
static void draw_times(struct picture *p, double y) {
    struct shelf shelf = {.left = PLOT_LEFT - 40, .right = PAGE_WIDTH - 4};
    char seen[TICKS_MAX][24], text[24];
    svg_put(&p->svg, "<g id=\"%s-axis\" class=\"axis\">\n", p->svg.prefix);
    for (int rank = 0; rank <= 4; rank++) {
        for (size_t i = 0; i < p->rows->count && p->ticks < TICKS_MAX; i++) {
            double from, width;
            bool known = false;
            if (axis_rank(p, i) != rank) continue;
            format_time(text, sizeof text, p->rows->row[i].time);
            width = text_width(text, SMALL_SIZE);
            for (int k = 0; k < p->ticks; k++) known = known || strcmp(seen[k], text) == 0;
            if (known || !shelf_put_centred(&shelf, p->x[i], width, &from)) continue;
            (void)snprintf(seen[p->ticks], sizeof seen[0], "%s", text);
            p->tick[p->ticks++] = p->x[i];
            svg_label(&p->svg, from + width / 2, y, "small quiet", "middle", text);
        }
    }
    svg_put(&p->svg, "</g>\n");
}

/* Marks where the axis is compressed. Tells whether it is anywhere. */
static bool draw_squeezes(struct picture *p, double y) {
    bool any = false;
    for (size_t from = 0, to; (to = axis_next_mark(&p->axis, from)) > from; from = to) {
        if (!axis_is_squeezed(&p->axis, from, to) || p->x[to] - p->x[from] < 16) continue;
        svg_put(&p->svg, "<path class=\"squeeze\" d=\"M%.1f %.1fl6 -12m0 12l6 -12\"/>\n",
                (p->x[to] + p->x[from]) / 2 - 6, y + 6);
        any = true;
    }
    return any;
}

/* ---- The whole ---- */

/* Decides which lanes there are, and how high they are. */
static void choose_form(struct picture *p) {
    const struct rows *rows = p->rows;
    int children = 0, clients = 0, lanes;
    for (int i = 0; i < rows->process_count; i++) {
        children += rows->processes[i].kind == KIND_CHILD;
        clients += rows->processes[i].kind == KIND_CLIENT;
    }
    for (size_t i = 0; i < rows->count; i++)
        p->with_signals = p->with_signals || rows->row[i].event == EVENT_SIGNAL;
    p->with_clients =
        children == 0 || (!p->with_signals && children + clients <= LANES_WITH_CLIENTS);
    lanes = p->with_clients ? children + clients : children;
    p->compact = children >= COMPACT_FROM || (children == 0 && clients >= COMPACT_FROM);
    p->with_reaps = !p->compact || rows_count_all(rows).reaped <= REAPS_FEW;
    p->pitch = LANE_PITCH;
    p->height = LANE_HEIGHT;
    if (!p->compact) return;
    p->pitch = COMPACT_ROOM / lanes;
    if (p->pitch > COMPACT_MAX) p->pitch = COMPACT_MAX;
    if (p->pitch < COMPACT_MIN) p->pitch = COMPACT_MIN;
    if (p->pitch * lanes > COMPACT_ROOM_MAX) p->pitch = COMPACT_ROOM_MAX / lanes;
    p->height = p->pitch * 0.76;
}

/* Decides where the lanes are. y is that of the server's bar. */
static void place_lanes(struct picture *p, double y) {
    p->server = y;
    y += SERVER_HEIGHT + (p->compact && p->with_signals ? COMPACT_GAP
                          : p->compact                  ? 12
                                                        : SERVER_GAP);
    for (int i = 0; i < p->rows->process_count; i++) {
        enum kind kind = p->rows->processes[i].kind;
        p->lane[i] = kind == KIND_SERVER ? p->server + SERVER_HEIGHT / 2 : y + p->pitch / 2;
        if (kind == KIND_CLIENT && !p->with_clients) p->lane[i] = 0;
        else if (kind != KIND_SERVER) y += p->pitch;
    }
    p->bottom = y;
}

/* Names the two rows of marks below the server, of signals delivered and lost, in the compact form.
 */
static void name_marks(struct picture *p) {
    struct counts counts = rows_count_all(p->rows);
    double y = p->server + SERVER_HEIGHT + 4 + MARK_HEIGHT;
    if (!p->compact || counts.signals == 0) return;
    svg_label(&p->svg, PLOT_LEFT - 10, y, "small sign-text", "end", "signals");
    if (counts.lost > 0)
        svg_label(&p->svg, PLOT_LEFT - 10, y + MARK_HEIGHT + 6, "small bad", "end", "lost");
}

/* Draws everything below the headline, which ends at y. Returns the height of the picture. */
static double draw_body(struct picture *p, double y) {
    bool squeezed;
    double times;
    p->axis = (struct axis){.rows = p->rows,
                            .scale = p->compact ? SCALE_CUT : SCALE_COMPRESSED,
                            .with_clients = p->with_clients,
                            .left = PLOT_LEFT,
                            .right = PLOT_RIGHT,
                            .x = p->x};
    axis_place(&p->axis);
    collect_notes(p);
    place_lanes(p, y + NOTE_HEIGHT * p->shelf.levels + 8);
    times = p->bottom + 24;
    draw_times(p, times);
    name_marks(p);
    draw_lanes(p);
    draw_notes(p);
    squeezed = draw_squeezes(p, p->bottom + 4);
    y = draw_strips(p, times + 14);
    y = draw_legend(p, y + 24);
    if (squeezed)
        y = svg_paragraph(&p->svg, PAGE_MARGIN, y, PLOT_RIGHT - PAGE_MARGIN, SMALL_SIZE,
                          "small quiet", "Time is compressed where nothing happens, most at //.");
    return y;
}

/* Writes what the picture shows as text, for those who do not see it. */
static void put_description(struct picture *p, const char *seen) {
    char text[160];
    int told = 0;
    svg_put(&p->svg, "<desc id=\"%s-desc\">", p->svg.prefix);
    svg_text(&p->svg, seen);
    for (size_t i = 0; i < p->rows->count && told < STORY_MAX; i++) {
        if (!is_worth_telling(p->rows, i)) continue;
        say_row(p->rows, i, text, sizeof text);
        svg_put(&p->svg, "%s", told++ == 0 ? " " : "; ");
        svg_text(&p->svg, text);
    }
    svg_put(&p->svg, told == STORY_MAX ? "; and so on.</desc>\n" : ".</desc>\n");
}

/* Writes the picture into memory, for its height is known in the end only. Returns that height;
 * *body is to be freed. */
static double draw_into_memory(struct picture *p, const struct drawing *drawing, const char *title,
                               const char *seen, char **body) {
    FILE *out = p->svg.out;
    size_t size = 0;
    double y = TITLE_Y, width = PLOT_RIGHT - PAGE_MARGIN;
    p->svg.out = open_memstream(body, &size);
    if (p->svg.out) {
        y = svg_paragraph(&p->svg, PAGE_MARGIN, y, width / BOLD, TITLE_SIZE, "title", title);
        y = svg_paragraph(&p->svg, PAGE_MARGIN, y, width, TEXT_SIZE, "seen", seen);
        p->top = y;
        y = drawing->calls ? draw_sequence(&p->svg, p->rows, y, p->x) : draw_body(p, y);
        if (fclose(p->svg.out) == EOF && !p->svg.error) p->svg.error = errno;
    } else p->svg.error = errno;
    p->svg.out = out;
    return y;
}

/* Writes the whole picture. */
static void draw(struct picture *p, const struct drawing *drawing) {
    char words[SEEN_SIZE], *body = NULL;
    const char *title = drawing->title ? drawing->title : "What the processes do";
    const char *seen = drawing->seen ? drawing->seen : words;
    double height;
    say_what_is_seen(p->rows, words, sizeof words);
    find_lives(p->rows, p->lives);
    choose_form(p);
    height = draw_into_memory(p, drawing, title, seen, &body);
    svg_begin(&p->svg, height);
    svg_put(&p->svg, drawing->calls ? " data-y=\"" : " data-x=\"");
    for (size_t i = 0; i < p->rows->count; i++)
        svg_put(&p->svg, "%s%.1f", i > 0 ? " " : "", p->x[i]);
    svg_put(&p->svg, "\">\n<title id=\"%s-title\">", p->svg.prefix);
    svg_text(&p->svg, title);
    svg_put(&p->svg, "</title>\n");
    put_description(p, seen);
    svg_put(&p->svg, "<g id=\"%s-all\">\n", p->svg.prefix);
    svg_style(&p->svg, height);
    for (int i = 0; i < p->ticks; i++)
        svg_put(&p->svg, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>\n", p->tick[i], p->server,
                p->bottom + 8);
    if (body) svg_put(&p->svg, "%s", body);
    svg_put(&p->svg, "<path id=\"%s-cursor\" class=\"cursor\" d=\"", p->svg.prefix);
    if (drawing->calls) svg_put(&p->svg, "M%.1f 0H%.1f", PAGE_MARGIN, PLOT_RIGHT);
    else svg_put(&p->svg, "M0 %.1fV%.1f", p->top, height - 8);
    svg_put(&p->svg, "\"/>\n</g>\n</svg>\n");
    free(body);
}

int draw_timeline(const struct rows *rows, const struct drawing *drawing, FILE *out) {
    const char *name = drawing->prefix  ? drawing->prefix
                       : drawing->title ? drawing->title
                                        : "timeline";
    char prefix[PREFIX_SIZE];
    struct picture p = {.rows = rows, .svg = {.out = out, .prefix = prefix}};
    if (rows->count == 0 || rows->process_count == 0) p.svg.error = EINVAL;
    else if (drawing->calls && count_calls(rows) > CALLS_MAX) p.svg.error = E2BIG;
    else {
        make_prefix(prefix, sizeof prefix, name);
        p.x = calloc(rows->count, sizeof *p.x);
        p.lives = calloc((size_t)rows->process_count, sizeof *p.lives);
        p.lane = calloc((size_t)rows->process_count, sizeof *p.lane);
        if (p.x && p.lives && p.lane) draw(&p, drawing);
        else p.svg.error = ENOMEM;
        if (!p.svg.error && fflush(out) == EOF) p.svg.error = errno;
    }
    free(p.x);
    free(p.lives);
    free(p.lane);
    errno = p.svg.error;
    return p.svg.error ? -1 : 0;
}
