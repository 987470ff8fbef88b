/*
 * A timeline being drawn: shapes, events, the legend. See picture.h.
 */
#include "picture.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What an entry looks like, by its classes, and what the legend says of it. */
static const struct {
    const char *classes, *text;
} LEGEND[MARKS] = {
    [MARK_ACCEPT] = {"bar accept", "accept: waits for a client"},
    [MARK_RECV] = {"bar recv", "recv: waits for data"},
    [MARK_SLEEP] = {"bar sleep", "sleeps"},
    [MARK_WAIT] = {"bar wait", "wait: asks about a child"},
    [MARK_QUEUE] = {"bar queue", "in the queue, not accepted yet"},
    [MARK_ANSWER] = {"bar recv", NULL},
    [MARK_TAIL] = {"bar tail", "has its answer, waits for the end"},
    [MARK_SILENT] = {"bar accept", "sends nothing"},
    [MARK_GIVES_UP] = {"gives-up", "gives up: has seen no end of file"},
    [MARK_STOP] = {"stop", "stopped, handles no signal"},
    [MARK_ZOMBIE] = {"zombie bar", "zombie: has ended, not yet reaped"},
    [MARK_REAP] = {"reap", "reaped: its parent has asked about it"},
    [MARK_SIGNAL] = {"sign", "SIGCHLD: a child has ended"},
    [MARK_LOST] = {"lost", "SIGCHLD lost: one was pending already"},
    [MARK_HANDLER] = {"sign", "the handler runs"},
    [MARK_INHERITED] = {"bar c0", "inherited by fork"},
    [MARK_LEAK] = {"bar leak", "never closed"},
};

bool is_server(const struct picture *p, int process) {
    return process != NOBODY && p->rows->processes[process].kind == KIND_SERVER;
}

int number_of(const char *name) {
    long number = strtol(name + strcspn(name, "0123456789"), NULL, 10);
    return number > 0 && number <= INT_MAX ? (int)number : 0;
}

void begin_event(struct picture *p, size_t row, const char *classes, const char *title) {
    char text[160];
    svg_put(&p->svg, "<g data-row=\"%zu\" class=\"%s\">", row, classes);
    if (p->compact) return;
    say_row(p->rows, row, text, sizeof text);
    svg_put(&p->svg, "<title>");
    svg_text(&p->svg, title ? title : text);
    svg_put(&p->svg, "</title>");
}

void end_event(struct picture *p) {
    svg_put(&p->svg, "</g>\n");
}

void put_rect(struct picture *p, double x, double y, double width, double height,
              const char *classes) {
    svg_put(&p->svg, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\"/>", x,
            y, width > 0 ? width : 0, height, classes);
}

void put_patterned(struct picture *p, double x, double y, double width, double height,
                   const char *pattern) {
    svg_put(&p->svg, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" ", x, y,
            width > 0 ? width : 0, height);
    if (height < HATCH_MIN) svg_put(&p->svg, "class=\"solid\"/>");
    else svg_put(&p->svg, "fill=\"url(#%s-%s)\"/>", p->svg.prefix, pattern);
}

void put_head(struct picture *p, double x, double y, double down) {
    svg_put(&p->svg, "<path class=\"head\" d=\"M%.1f %.1fl%.1f %.1fh%.1fz\"/>", x, y, -ARROW,
            -down * ARROW * 1.6, 2 * ARROW);
}

void put_cross(struct picture *p, double x, double y, double size) {
    svg_put(&p->svg, "<path class=\"cross\" d=\"M%.1f %.1fl%.1f %.1fm0 %.1fl%.1f %.1f\"/>",
            x - size, y - size, 2 * size, 2 * size, -2 * size, -2 * size, 2 * size);
}

size_t last_row(const struct picture *p, int process) {
    size_t exit = p->lives[process].exit;
    return exit == NO_ROW ? p->rows->count - 1 : exit;
}

void begin_mark(struct picture *p, size_t row, enum mark mark, const char *title) {
    p->used[mark == MARK_ANSWER ? MARK_RECV : mark] = true; /* they look the same */
    begin_event(p, row, LEGEND[mark].classes, title);
}

bool put_inside(struct picture *p, double from, double to, double middle, double height,
                const char *classes, const char *text) {
    if (height < TEXT_HEIGHT || text_width(text, SMALL_SIZE) > to - from - 6) return false;
    svg_label(&p->svg, (from + to) / 2, middle + SMALL_SIZE * 0.35, classes, "middle", text);
    return true;
}

/* ---- The legend ---- */

/* Draws the sample of what is hatched, or, as in the picture, filled where it is lower than that.
 */
static void draw_hatched(struct picture *p, double x, double y, double height,
                         const char *pattern) {
    bool low = height < HATCH_MIN;
    put_patterned(p, x, low ? y - 8 : y - 13, 24, low ? 5 : 15, pattern);
}

/* Draws the sample of a mark, at x, on the line of text at y. */
static void draw_sample(struct picture *p, enum mark mark, double x, double y) {
    svg_put(&p->svg, "<g class=\"%s\">", LEGEND[mark].classes);
    switch (mark) {
    case MARK_ZOMBIE: draw_hatched(p, x, y, p->height, "zombie"); break;
    case MARK_LEAK: draw_hatched(p, x, y, p->leak_height, "leak"); break;
    case MARK_GIVES_UP:
    case MARK_LOST: put_cross(p, x + 12, y - 5, 6); break;
    case MARK_STOP: put_rect(p, x, y - 13, 24, 15, "stopped"); break;
    case MARK_INHERITED: put_rect(p, x, y - 13, 24, 15, "inherited"); break;
    case MARK_REAP:
        svg_put(&p->svg, "<path class=\"line\" d=\"M%.1f %.1fl5 6l9 -14\"/>", x + 5, y - 5);
        break;
    case MARK_HANDLER:
        svg_put(&p->svg, "<path class=\"bracket\" d=\"M%.1f %.1fv-6h20v6\"/>", x + 2, y - 3);
        break;
    case MARK_SIGNAL:
        if (p->compact) {
            put_rect(p, x + 11, y - 12, 2, MARK_HEIGHT, "plate");
            break;
        }
        svg_put(&p->svg, "<path class=\"line\" d=\"M%.1f %.1fV%.1f\"/>", x + 12, y + 2, y - 8);
        put_head(p, x + 12, y - 15, -1);
        break;
    default: put_rect(p, x, y - 13, 24, 15, "");
    }
    svg_put(&p->svg, "</g>");
}

double draw_legend(struct picture *p, double y) {
    double x = PAGE_MARGIN;
    svg_put(&p->svg, "<g id=\"%s-legend\">\n", p->svg.prefix);
    for (int mark = 0; mark < MARKS; mark++) {
        double width;
        if (!p->used[mark]) continue;
        width = 32 + text_width(LEGEND[mark].text, SMALL_SIZE);
        if (x > PAGE_MARGIN && x + width > PLOT_RIGHT) {
            x = PAGE_MARGIN;
            y += LINE_HEIGHT;
        }
        draw_sample(p, (enum mark)mark, x, y);
        svg_label(&p->svg, x + 32, y, "small", "start", LEGEND[mark].text);
        x += width + 18;
    }
    svg_put(&p->svg, "</g>\n");
    return y + LINE_HEIGHT;
}
