/*
 * The lanes of a timeline: what each process waits for, its end, its time as a zombie; and what
 * connects them: forks, signals and reaps. See picture.h.
 */
#include "picture.h"
#include <stdlib.h>
#include <string.h>

#define PENDING_DROP 11.0 /* below the server's bar: the line of a pending signal */
#define TICK_WIDTH 24.0 /* of the tick of a reaped child, with the room at its sides */
#define BAR_MIN 2.0 /* calls that take less are part of the running line */

/* Returns what a call is drawn as: what it waits for, if it is one that waits. */
static enum mark mark_of(const struct row *call) {
    const char *name = call->name;
    if (sleeps_not(call)) return MARK_NONE;
    if (strcmp(name, "accept") == 0) return MARK_ACCEPT;
    if (strcmp(name, "recv") == 0) return MARK_RECV;
    if (strcmp(name, "sleep") == 0) return MARK_SLEEP;
    return strcmp(name, "wait") == 0 ? MARK_WAIT : MARK_NONE;
}

/* Returns the first row after this one that has an event and is the same process's, or the last
 * row. */
static size_t next_of(const struct picture *p, size_t row, enum event event) {
    const struct row *rows = p->rows->row;
    size_t last = last_row(p, rows[row].process);
    for (size_t i = row + 1; i < last; i++)
        if (rows[i].process == rows[row].process && rows[i].event == event) return i;
    return last;
}

/* Returns the x up to which the text of a bar can be seen: a stop may cover the rest. */
static double visible_end(const struct picture *p, size_t call, size_t end) {
    for (size_t i = call; i < end; i++)
        if (p->rows->row[i].event == EVENT_STOP &&
            p->rows->row[i].process == p->rows->row[call].process)
            return p->x[i];
    return p->x[end];
}

/* Tells whether a recv waits for a client that has sent nothing and never will: it ends with the
 * end of file, and nothing came on that connection before. */
static bool is_silent(const struct rows *rows, size_t call, size_t end) {
    const struct row *back = &rows->row[end];
    if (strcmp(back->name, "recv") != 0 || strcmp(back->result, "0") != 0) return false;
    if (number_of(back->object) == 0) return false;
    for (size_t i = 0; i < call; i++) {
        const struct row *row = &rows->row[i];
        if (row->event == EVENT_RETURN && strcmp(row->name, "recv") == 0 &&
            !rows_is_by(rows, row, KIND_CLIENT) && strcmp(row->object, back->object) == 0)
            return false;
    }
    return true;
}

/* Draws a call as a bar, if it waits for something and takes long enough to be seen. */
static void draw_call(struct picture *p, size_t call) {
    const struct row *row = &p->rows->row[call];
    size_t end = next_of(p, call, EVENT_RETURN);
    double from = p->x[call], to = p->x[end], middle = p->lane[row->process];
    double height = is_server(p, row->process) ? SERVER_HEIGHT : p->height;
    enum mark mark = mark_of(row);
    char words[48];
    if (mark == MARK_NONE || to - from < BAR_MIN) return;
    begin_mark(p, call, mark, NULL);
    put_rect(p, from, middle - height / 2, to - from, height, height < 6 ? "thin" : "");
    to = visible_end(p, call, end);
    (void)snprintf(words, sizeof words, "recv: client %d is silent", number_of(row->object));
    if (!is_silent(p->rows, call, end) || !put_inside(p, from, to, middle, height, "small", words))
        (void)put_inside(p, from, to, middle, height, "small", row->name);
    end_event(p);
}

/* Draws what a client waits for, from one row to another, with a long text or a short one. */
static void draw_phase(struct picture *p, int process, size_t from, size_t to, enum mark mark,
                       const char *text, const char *brief) {
    double left, right, middle = p->lane[process];
    char title[96];
    if (from == NO_ROW || to == NO_ROW || to <= from) return;
    left = p->x[from];
    right = p->x[to];
    if (right - left < BAR_MIN) return;
    format_time(title, sizeof title, p->rows->row[from].time);
    (void)snprintf(title + strlen(title), sizeof title - strlen(title), ": client %d %s%s",
                   p->rows->processes[process].number, mark == MARK_QUEUE ? "is " : "", text);
    begin_mark(p, from, mark, title);
    put_rect(p, left, middle - p->height / 2, right - left, p->height, "");
    if (!put_inside(p, left, right, middle, p->height, "small", text))
        (void)put_inside(p, left, right, middle, p->height, "small", brief);
    end_event(p);
}

/* What a client does, and when. */
struct visit {
    size_t queued, accepted, sent, answered; /* rows; NO_ROW: it does not come to that */
    bool ended; /* it has seen the end of file, or an error */
};

/* Notes what a row of a client's says of its visit. */
static void note_visit(const struct row *row, size_t i, struct visit *visit) {
    bool calls = row->event == EVENT_CALL, returns = row->event == EVENT_RETURN;
    if (calls && strcmp(row->name, "connect") == 0) visit->queued = i;
    if (calls && strcmp(row->name, "send") == 0 && visit->sent == NO_ROW) visit->sent = i;
    if (!returns || strcmp(row->name, "recv") != 0) return;
    if (row->result[0] >= '1' && row->result[0] <= '9') {
        if (visit->answered == NO_ROW) visit->answered = i;
    } else if (strcmp(row->result, "EAGAIN") != 0 && strcmp(row->result, "EINTR") != 0) {
        visit->ended = true;
    }
}

/* Returns the visit of a client. One that is not accepted before its end, is accepted then. */
static struct visit find_visit(const struct picture *p, int process, size_t end) {
    const struct rows *rows = p->rows;
    struct visit visit = {.queued = NO_ROW, .sent = NO_ROW, .answered = NO_ROW};
    visit.accepted = find_accept(rows, rows->processes[process].number);
    for (size_t i = p->lives[process].begin; i < end; i++)
        if (rows->row[i].process == process) note_visit(&rows->row[i], i, &visit);
    if (visit.accepted == NO_ROW || visit.accepted > end) visit.accepted = end;
    return visit;
}

/* Draws how a client leaves that had its answer, and waited for the end of file in vain. */
static void draw_giving_up(struct picture *p, int process, size_t end) {
    static const char WORDS[] = "gives up: no end of file";
    double x = p->x[end], middle = p->lane[process], width = text_width(WORDS, SMALL_SIZE * BOLD);
    begin_mark(p, end, MARK_GIVES_UP, WORDS);
    put_cross(p, x + 9, middle, 5);
    if (x + 20 + width < PLOT_RIGHT)
        svg_label(&p->svg, x + 20, middle + SMALL_SIZE * 0.35, "small bad", "start", WORDS);
    end_event(p);
}

/* Draws a client's lane: it waits to be accepted, for its answer, for the end of that. */
static void draw_client(struct picture *p, int process) {
    size_t end = last_row(p, process);
    struct visit visit = find_visit(p, process, end);
    size_t answered = visit.answered == NO_ROW ? end : visit.answered;
    long long left = p->rows->row[visit.accepted].time;
    if (visit.queued != NO_ROW && left - p->rows->row[visit.queued].time >= QUEUE_MIN)
        draw_phase(p, process, visit.queued, visit.accepted, MARK_QUEUE, "not accepted yet",
                   "queue");
    if (visit.sent == NO_ROW)
        draw_phase(p, process, visit.accepted, end, MARK_SILENT, "sends nothing", "silent");
    else
        draw_phase(p, process, visit.sent > visit.accepted ? visit.sent : visit.accepted, answered,
                   MARK_ANSWER, "waits for its answer", "waits");
    draw_phase(p, process, answered, end, MARK_TAIL, "has its answer, waits for the end", "waits");
    if (answered < end && !visit.ended && p->lives[process].exit != NO_ROW && !p->compact)
        draw_giving_up(p, process, end);
}

/* Draws the time between a child's end and its being reaped. */
static void draw_zombie(struct picture *p, int process) {
    size_t exit = p->lives[process].exit, gone = p->lives[process].gone;
    double from = p->x[exit], to = p->x[gone], middle = p->lane[process], text = 0;
    const char *words = "zombie";
    begin_mark(p, exit, MARK_ZOMBIE, NULL);
    put_patterned(p, from, middle - p->height / 2, to - from, p->height, "zombie");
    text = text_width(words, SMALL_SIZE * BOLD) + 12;
    if (p->height >= TEXT_HEIGHT && text + 12 < to - from) {
        put_rect(p, (from + to - text) / 2, middle - p->height / 2 + 2, text, p->height - 4,
                 "paper plate");
        (void)put_inside(p, from, to, middle, p->height, "small bad", words);
    }
    end_event(p);
}

/* Returns the middle of the lane of the process that a row is about; 0 if there is none. */
static double other_lane(const struct picture *p, size_t row) {
    int other = p->rows->row[row].other;
    return other == NOBODY ? 0 : p->lane[other];
}

/* Returns the x at the right of which a tick has room: the lines of the next reaps, down to lanes
 * below, are not to run through it. */
static double tick_x(const struct picture *p, size_t reap) {
    double x = p->x[reap];
    for (size_t i = reap + 1; i < p->rows->count && p->x[i] < x + TICK_WIDTH; i++)
        if (p->rows->row[i].event == EVENT_REAP && other_lane(p, i) > other_lane(p, reap))
            x = p->x[i];
    return x;
}

/* Draws the mark of a child's being asked about: a line from the server, and a tick. */
static void draw_reap(struct picture *p, size_t row) {
    double x = p->x[row], y = other_lane(p, row), tick = tick_x(p, row);
    if (y == 0 || !p->with_reaps) return;
    begin_mark(p, row, MARK_REAP, NULL);
    if (p->compact) { /* the tick stands in the margin, where it can be found */
        svg_put(&p->svg, "<path class=\"line\" d=\"M%.1f %.1fH%.1fl5 6l8 -14\"/>", x, y,
                PLOT_RIGHT - 1);
        end_event(p);
        return;
    }
    svg_put(&p->svg, "<path class=\"line\" d=\"M%.1f %.1fV%.1fM%.1f %.1fl5 6l9 -14\"/>", x,
            p->server + SERVER_HEIGHT, y + p->height / 2, tick + 4, y);
    if (tick + TICK_WIDTH + text_width("reaped", SMALL_SIZE) < PLOT_RIGHT)
        svg_label(&p->svg, tick + TICK_WIDTH, y + SMALL_SIZE * 0.35, "small", "start", "reaped");
    end_event(p);
}

/* Draws the arrow of a fork: down to the child's lane, where its line begins. */
static void draw_fork(struct picture *p, size_t row) {
    double x = p->x[row], y = other_lane(p, row);
    if (y == 0 || p->compact) return;
    begin_event(p, row, "fork", NULL);
    svg_put(&p->svg, "<path class=\"line\" d=\"M%.1f %.1fV%.1f\"/>", x, p->server + SERVER_HEIGHT,
            y - ARROW);
    put_head(p, x, y, 1);
    end_event(p);
}

/* Draws a SIGCHLD from the child to the server: it comes at once, or stays pending for a while. */
static void draw_signal(struct picture *p, size_t row) {
    const struct row *signal = &p->rows->row[row];
    double to = p->x[row], y = p->server + SERVER_HEIGHT, from = to, start;
    size_t cause;
    if (p->compact) {
        begin_mark(p, row, MARK_SIGNAL, NULL);
        put_rect(p, to - 0.8, y + 4, 1.6, MARK_HEIGHT, "plate");
        end_event(p);
        return;
    }
    if (signal->other == NOBODY || p->lane[signal->other] == 0) return;
    cause = p->lives[signal->other].exit;
    if (cause < row && (signal->result[0] == 'e' || signal->result[0] == 'k')) from = p->x[cause];
    start = p->lane[signal->other] - p->height / 2;
    begin_mark(p, row, MARK_SIGNAL, NULL);
    svg_put(&p->svg, "<path class=\"line\" d=\"M%.1f %.1fV%.1fH%.1fV%.1f\"/>", from, start,
            y + PENDING_DROP, to, y + ARROW);
    put_head(p, to, y, -1);
    if (to - from > text_width("SIGCHLD pending", SMALL_SIZE) + 2 * ARROW)
        svg_label(&p->svg, to - ARROW - 4, y + PENDING_DROP + SMALL_SIZE, "small", "end",
                  "SIGCHLD pending");
    end_event(p);
}

/* Draws a SIGCHLD that merged with one already pending: it ends in a cross. */
static void draw_lost(struct picture *p, size_t row) {
    int child = p->rows->row[row].other;
    double x = p->x[row], y = p->server + SERVER_HEIGHT + PENDING_DROP;
    begin_mark(p, row, MARK_LOST, NULL);
    if (p->compact) put_cross(p, x, y + MARK_HEIGHT + 6, 5);
    else if (child != NOBODY && p->lane[child] != 0) {
        svg_put(&p->svg, "<path class=\"line\" d=\"M%.1f %.1fV%.1f\"/>", x,
                p->lane[child] - p->height / 2, y);
        put_cross(p, x, y, 6);
    }
    end_event(p);
}

/* Draws the bracket over the server's lane while the handler of a signal runs. */
static void draw_handler(struct picture *p, size_t row) {
    double from = p->x[row], to = p->x[next_of(p, row, EVENT_HANDLED)];
    if (p->compact) return;
    begin_mark(p, row, MARK_HANDLER, NULL);
    svg_put(&p->svg, "<path class=\"bracket\" d=\"M%.1f %.1fv-6H%.1fv6\"/>", from, p->server - 3,
            to > from + 2 ? to : from + 2);
    end_event(p);
}

/* Draws the time in which a process is stopped. */
static void draw_stop(struct picture *p, size_t row) {
    int process = p->rows->row[row].process;
    double from = p->x[row], to = p->x[next_of(p, row, EVENT_CONTINUE)];
    double height = (is_server(p, process) ? SERVER_HEIGHT : p->height) + 6;
    if (p->lane[process] == 0) return;
    begin_mark(p, row, MARK_STOP, NULL);
    put_rect(p, from, p->lane[process] - height / 2, to - from, height, "stopped");
    (void)put_inside(p, from, to, p->lane[process], height, "small", "stopped");
    end_event(p);
}

/* Returns which lanes are named if there is no room for all names: every fifth, tenth, ... */
static int name_step(double pitch) {
    static const int STEPS[] = {5, 10, 20, 50, 100};
    if (pitch >= SMALL_SIZE) return 1;
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++)
        if (STEPS[i] * pitch >= 2 * SMALL_SIZE) return STEPS[i];
    return 1000;
}

/* Writes a lane's name at its left. In the compact form only some are named. */
static void put_name(struct picture *p, int process) {
    char name[32];
    int number = p->rows->processes[process].number;
    if (!is_server(p, process) && number != 1 && number % name_step(p->pitch) != 0) return;
    say_name(p->rows, process, name, sizeof name);
    svg_label(&p->svg, PLOT_LEFT - 10, p->lane[process] + SMALL_SIZE * 0.35, "small", "end", name);
}

/* Draws one process's lane, without what connects it with others. */
static void draw_lane(struct picture *p, int process) {
    const struct rows *rows = p->rows;
    const struct life *life = &p->lives[process];
    if (p->lane[process] == 0 || life->begin == NO_ROW) return;
    svg_put(&p->svg, "<g id=\"%s-%s\" class=\"lane\" data-process=\"%s\">\n", p->svg.prefix,
            rows->processes[process].name, rows->processes[process].name);
    put_name(p, process);
    svg_put(&p->svg, "<path class=\"run%s\" d=\"M%.1f %.1fH%.1f\"/>\n", p->compact ? " thin" : "",
            p->x[life->begin], p->lane[process], p->x[last_row(p, process)]);
    if (rows->processes[process].kind == KIND_CLIENT) draw_client(p, process);
    else
        for (size_t i = life->begin; i < rows->count; i++)
            if (rows->row[i].process == process && rows->row[i].event == EVENT_CALL)
                draw_call(p, i);
    for (size_t i = life->begin; i < rows->count; i++)
        if (rows->row[i].process == process && rows->row[i].event == EVENT_STOP) draw_stop(p, i);
    if (rows->processes[process].kind == KIND_CHILD && life->exit != NO_ROW)
        draw_zombie(p, process);
    svg_put(&p->svg, "</g>\n");
}

/* Draws what connects lanes: events of one kind. */
static void draw_events(struct picture *p, enum event event,
                        void (*draw)(struct picture *, size_t)) {
    for (size_t i = 0; i < p->rows->count; i++)
        if (p->rows->row[i].event == event && is_server(p, p->rows->row[i].process)) draw(p, i);
}

void draw_lanes(struct picture *p) {
    draw_events(p, EVENT_FORK, draw_fork);
    draw_events(p, EVENT_SIGNAL, draw_signal);
    draw_events(p, EVENT_LOST, draw_lost);
    draw_events(p, EVENT_REAP, draw_reap);
    for (int i = 0; i < p->rows->process_count; i++) draw_lane(p, i);
    draw_events(p, EVENT_SIGNAL, draw_handler);
}
