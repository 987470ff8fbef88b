/*
 * The pictures, from rows made here: where things stand on the axis, labels, escaping, the words,
 * and what must be in the picture of each flaw.
 */
#define _POSIX_C_SOURCE 200809L /* fmemopen, open_memstream */
#include "../../tools/trace/axis.h"
#include "../../tools/trace/draw.h"
#include "../../tools/trace/picture.h"
#include "../../tools/trace/story.h"
#include "../../tools/trace/svg.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK "\nlook at: "

/* ---- Rows and pictures ---- */

/* Makes rows of lines with fields separated by single spaces, which in text stand for tabs. */
static struct rows make_rows(const char *lines) {
    struct rows rows;
    char error[200], *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    cr_assert_not_null(file);
    fprintf(file, "# rows 1\n%s", lines);
    fclose(file);
    for (char *c = text + strlen("# rows 1"); *c; c++)
        if (*c == ' ') *c = '\t';
    file = fmemopen(text, size, "r");
    cr_assert_not_null(file);
    cr_assert_eq(rows_read(file, "rows", &rows, error, sizeof error), 0,
                 "expected rows that can be read, seen: %s" LOOK "the test's own rows", error);
    fclose(file);
    free(text);
    return rows;
}

/* Draws; returns the picture, which the caller frees. */
static char *draw_rows(const struct rows *rows, const struct drawing *drawing) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    cr_assert_not_null(file);
    cr_assert_eq(draw_timeline(rows, drawing, file), 0,
                 "expected a picture, seen: %s" LOOK "draw_timeline", strerror(errno));
    fclose(file);
    return text;
}

/* Draws lines of rows as a timeline. */
static char *picture_of(const char *lines) {
    struct rows rows = make_rows(lines);
    char *text = draw_rows(&rows, &(struct drawing){.title = "Test"});
    rows_free(&rows);
    return text;
}

#define HAS(picture, what, where)                                                                  \
    cr_assert(strstr(picture, what), "expected %s in the picture, seen none" LOOK where, what)
#define HAS_NOT(picture, what, where)                                                              \
    cr_assert(!strstr(picture, what), "expected no %s in the picture" LOOK where, what)

/* Returns a number in an attribute, such as " x=", of what follows a mark in the picture. */
static double number_at(const char *picture, const char *mark, const char *attribute) {
    const char *at = strstr(picture, mark);
    cr_assert(at, "expected %s in the picture, seen none", mark);
    at = strstr(at, attribute);
    cr_assert(at, "expected %s behind %s, seen none", attribute, mark);
    return strtod(at + strlen(attribute) + 1, NULL);
}

/* Returns the x of a row, from the list at the root of the picture. */
static double x_of_row(const char *picture, int row) {
    char *at = strstr(picture, " data-x=\"") + strlen(" data-x=\"");
    for (; row > 0; row--) (void)strtod(at, &at);
    return strtod(at, NULL);
}

static void assert_near(double seen, double expected, const char *what, const char *where) {
    cr_assert(seen > expected - 0.15 && seen < expected + 0.15,
              "%s: expected %.1f, seen %.1f" LOOK "%s", what, expected, seen, where);
}

#define SERVER                                                                                     \
    "0 server begin - - - - -\n"                                                                   \
    "0 server open socket 3 listener - -\n"                                                        \
    "100 server call accept 3 listener - -\n"

/* Two children end while the server is stopped: one signal, one lost, one reaped. 0-based rows: 5,
 * 6 are the exits, 7 is the loss, 11 the reap. */
#define LOST                                                                                       \
    SERVER                                                                                         \
    "200 server fork fork - child1 - -\n"                                                          \
    "300 server fork fork - child2 - -\n"                                                          \
    "400 server stop SIGSTOP - - - -\n"                                                            \
    "1000000 child1 exit exit - - 0 -\n"                                                           \
    "1000300 child2 exit exit - - 0 -\n"                                                           \
    "1000300 server lost SIGCHLD - child2 - -\n"                                                   \
    "1020000 server continue SIGCONT - - - -\n"                                                    \
    "1020000 server return accept 3 listener EINTR -\n"                                            \
    "1020000 server signal SIGCHLD - child1 exited -\n"                                            \
    "1020200 server reap wait - child1 0 -\n"                                                      \
    "1020300 server handled SIGCHLD - - - -\n"                                                     \
    "1300000 - end - - - - -\n"

/* Three connections that the server never closes. */
#define LEAK                                                                                       \
    SERVER                                                                                         \
    "200 server return accept 3 listener 4 -\n"                                                    \
    "200 server open accept 4 connection1 - -\n"                                                   \
    "300 server fork fork - child1 - -\n"                                                          \
    "500 child1 exit exit - - 0 -\n"                                                               \
    "1200 server open accept 5 connection2 - -\n"                                                  \
    "1300 server fork fork - child2 - -\n"                                                         \
    "1500 child2 exit exit - - 0 -\n"                                                              \
    "2200 server open accept 6 connection3 - -\n"                                                  \
    "2300 server fork fork - child3 - -\n"                                                         \
    "2500 child3 exit exit - - 0 -\n"                                                              \
    "9000 - end - - - - -\n"

/* A connection whose child lives still when the server, which has kept it, finds no descriptor. */
#define LIMIT                                                                                      \
    SERVER                                                                                         \
    "200 server return accept 3 listener 4 -\n"                                                    \
    "200 server open accept 4 connection1 - -\n"                                                   \
    "300 server fork fork - child1 - -\n"                                                          \
    "400 server call accept 3 listener - -\n"                                                      \
    "410 server return accept 3 listener EMFILE -\n"                                               \
    "500 server close exit 4 connection1 - -\n"                                                    \
    "500 server exit exit - - 1 -\n500 - end - - - - -\n"

/* A child has ended, with a signal; another one lives. */
#define PENDING                                                                                    \
    SERVER                                                                                         \
    "200 server fork fork - child1 - -\n"                                                          \
    "300 server fork fork - child2 - -\n"                                                          \
    "400 child1 exit exit - - 0 -\n"                                                               \
    "410 server return accept 3 listener EINTR -\n"                                                \
    "410 server signal SIGCHLD - child1 exited -\n"                                                \
    "900 - end - - - - -\n"

/* A client has its answer, and waits. Follows the rows of a server. */
#define ANSWERED                                                                                   \
    "1000 client1 begin - - - - -\n"                                                               \
    "1100 client1 call connect 3 connection1 - -\n"                                                \
    "1200 client1 return connect 3 connection1 0 -\n"                                              \
    "90000 server return accept 3 listener 4 -\n"                                                  \
    "90000 server open accept 4 connection1 - -\n"                                                 \
    "90100 client1 call send 3 connection1 - GET\n"                                                \
    "90200 client1 return send 3 connection1 3 -\n"                                                \
    "95000 client1 call recv 3 connection1 - -\n"                                                  \
    "95100 client1 return recv 3 connection1 9 Hello\n"

/* ---- The axis ---- */

/* Asserts that the axis never falls, begins at the left and ends at the right. */
static void assert_axis(const char *lines, enum scale scale, double end) {
    struct rows rows = make_rows(lines);
    double x[64];
    struct axis axis = {&rows, scale, true, 100, 700, x};
    cr_assert_leq(rows.count, 64);
    axis_place(&axis);
    cr_assert_eq(x[0], 100, "expected the first row at 100, seen %f" LOOK "axis_place", x[0]);
    for (size_t i = 1; i < rows.count; i++)
        cr_assert(x[i] >= x[i - 1] && x[i] <= 700,
                  "expected row %zu between %f and 700, seen %f" LOOK "axis_place", i, x[i - 1],
                  x[i]);
    assert_near(x[rows.count - 1], end, "the last row", "axis_place");
    rows_free(&rows);
}

Test(axis, never_falls) {
    assert_axis(LOST, SCALE_COMPRESSED, 700);
    assert_axis(LOST, SCALE_CUT, 700);
    assert_axis(LEAK, SCALE_COMPRESSED, 700);
    assert_axis(LEAK, SCALE_CUT, 700);
}

Test(axis, bears_no_time_and_very_long_times) {
    const char *none =
        "0 server begin - - - - -\n0 server fork fork - child1 - -\n0 - end - - - - -\n";
    const char *ages = SERVER "900000000000000 server fork fork - child1 - -\n"
                              "900000000000001 - end - - - - -\n";
    assert_axis(none, SCALE_COMPRESSED, 100);
    assert_axis(none, SCALE_CUT, 100);
    assert_axis(ages, SCALE_COMPRESSED, 700);
    assert_axis(ages, SCALE_CUT, 700);
}

Test(axis, compresses_where_nothing_happens) {
    struct rows rows = make_rows(LOST);
    double x[64];
    struct axis axis = {&rows, SCALE_COMPRESSED, true, 0, 1000, x};
    axis_place(&axis);
    cr_assert(axis_is_squeezed(&axis, 5, 6),
              "expected a mark where a second is drawn at %.0f of 1000" LOOK "axis_is_squeezed",
              x[6] - x[5]);
    cr_assert(!axis_is_squeezed(&axis, 3, 4),
              "expected no mark where 0.1 ms is drawn at %.0f" LOOK "axis_is_squeezed",
              x[4] - x[3]);
    rows_free(&rows);
}

Test(axis, times_are_short) {
    static const struct {
        long long time;
        const char *text;
    } TIMES[] = {{0, "0 ms"},          {400, "0.4 ms"},    {9949, "9.9 ms"},  {9950, "10 ms"},
                 {12345, "12 ms"},     {999499, "999 ms"}, {999500, "1.0 s"}, {1000000, "1.0 s"},
                 {61500000, "61.5 s"}, {-5, "0 ms"}};
    for (size_t i = 0; i < sizeof TIMES / sizeof TIMES[0]; i++) {
        char text[24];
        format_time(text, sizeof text, TIMES[i].time);
        cr_assert_str_eq(text, TIMES[i].text, "%lld us: expected %s, seen %s" LOOK "format_time",
                         TIMES[i].time, TIMES[i].text, text);
    }
}

/* ---- Labels ---- */

Test(labels, never_overlap) {
    unsigned long random = 1;
    for (int round = 0; round < 200; round++) {
        struct shelf shelf = {.left = 0, .right = 600};
        for (int i = 0; i < 40; i++) {
            double x, width, from;
            random = random * 1103515245UL + 12345UL;
            x = (double)(random / 65536 % 601);
            random = random * 1103515245UL + 12345UL;
            width = 10 + (double)(random / 65536 % 150);
            if (round % 2) (void)shelf_put(&shelf, x, width, LABEL_LEVELS, &from);
            else (void)shelf_put_centred(&shelf, x, width, &from);
        }
        cr_assert_gt(shelf.count, 1);
        for (int i = 0; i < shelf.count; i++) {
            cr_assert(shelf.label[i].from >= 0 && shelf.label[i].to <= 600,
                      "expected a label within 0..600, seen %f..%f" LOOK "is_free in axis.c",
                      shelf.label[i].from, shelf.label[i].to);
            for (int k = 0; k < i; k++)
                cr_assert(shelf.label[i].level != shelf.label[k].level ||
                              shelf.label[i].to < shelf.label[k].from ||
                              shelf.label[i].from > shelf.label[k].to,
                          "round %d: labels %d (%f..%f) and %d (%f..%f) overlap on level %d" LOOK
                          "is_free in axis.c",
                          round, i, shelf.label[i].from, shelf.label[i].to, k, shelf.label[k].from,
                          shelf.label[k].to, shelf.label[i].level);
        }
    }
}

Test(labels, at_one_place_go_above_each_other) {
    struct shelf shelf = {.left = 0, .right = 600};
    double from;
    for (int level = 0; level < LABEL_LEVELS; level += 1) {
        int seen = shelf_put(&shelf, 600, 100 + level, LABEL_LEVELS, &from);
        cr_assert_eq(seen, level, "expected level %d, seen %d" LOOK "shelf_put", level, seen);
    }
    cr_assert_eq(shelf_put(&shelf, 600, 100, LABEL_LEVELS, &from), -1,
                 "expected no room" LOOK "shelf_put");
}

/* ---- Text ---- */

/* Returns what svg_text makes of a text; the caller frees it. */
static char *escaped(const char *text) {
    char *out = NULL;
    size_t size = 0;
    struct svg svg = {.out = open_memstream(&out, &size), .prefix = "t"};
    svg_text(&svg, text);
    fclose(svg.out);
    return out;
}

Test(text, is_escaped) {
    static const char *const TEXTS[][2] = {
        {"<a href=\"x\">&'</a>", "&lt;a href=&quot;x&quot;&gt;&amp;&#39;&lt;/a&gt;"},
        {"100 %s %n", "100 %s %n"},
        {"na\xC3\xAFve \xE2\x82\xAC \xF0\x9F\x98\x80",
         "na\xC3\xAFve \xE2\x82\xAC \xF0\x9F\x98\x80"},
        {"a\x01\x1B\x7F\nb", "a????b"},
        {"\xFF\xC0\xAF\xED\xA0\x80\xEF\xBF\xBF", "?????????"},
        {"cut \xE2\x82", "cut ??"},
        {"\xF8\x90\x80\x80 \xF4\x90\x80\x80 \x80", "???? ???? ?"},
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        char *seen = escaped(TEXTS[i][0]);
        cr_assert_str_eq(seen, TEXTS[i][1],
                         "text %zu: expected %s, seen %s" LOOK "put_escaped in svg.c", i,
                         TEXTS[i][1], seen);
        free(seen);
    }
}

Test(text, is_broken_into_lines) {
    char *out = NULL;
    size_t size = 0;
    struct svg svg = {.out = open_memstream(&out, &size), .prefix = "t"};
    double y =
        svg_paragraph(&svg, 0, 100, 60, 10, "small", "one two three four averyveryverylongword");
    fclose(svg.out);
    cr_assert_gt(y, 100);
    for (char *at = out; (at = strstr(at, "<tspan")); at++) {
        char line[100];
        cr_assert_eq(sscanf(at, "<tspan %*[^>]>%99[^<]", line), 1);
        line[strcspn(line, " ") == strlen(line) - 1 ? strlen(line) - 1 : strlen(line)] = '\0';
        cr_assert(text_width(line, 10) <= 64,
                  "expected lines of 60 units, seen '%s' of %f" LOOK "line_length", line,
                  text_width(line, 10));
    }
    free(out);
}

Test(text, prefixes_are_ids) {
    char prefix[12];
    make_prefix(prefix, sizeof prefix, "Step 6: SIGCHLD");
    cr_assert_str_eq(prefix, "step-6-sigc", "expected step-6-sigc, seen %s" LOOK "make_prefix",
                     prefix);
    make_prefix(prefix, sizeof prefix, "6 <x>");
    cr_assert_str_eq(prefix, "t6-x-", "expected t6-x-, seen %s" LOOK "make_prefix", prefix);
    make_prefix(prefix, sizeof prefix, "");
    cr_assert_str_eq(prefix, "t", "expected t, seen %s" LOOK "make_prefix", prefix);
}

/* ---- Words ---- */

static void assert_seen(const char *lines, const char *expected) {
    struct rows rows = make_rows(lines);
    char seen[600];
    say_what_is_seen(&rows, seen, sizeof seen);
    cr_assert_str_eq(seen, expected, "expected: %s\nseen: %s" LOOK "say_what_is_seen", expected,
                     seen);
    rows_free(&rows);
}

Test(words, say_what_is_seen) {
    assert_seen(LOST, "2 children ended, 1 signal delivered, 1 lost, 1 reaped, 1 zombie left.");
    assert_seen(
        LEAK,
        "The server never closes its copies of 3 connections. 3 children ended, none reaped, 3 "
        "zombies left.");
    assert_seen(LIMIT, "The server never closes its copy of the connection. The server dies of "
                       "EMFILE: too many open files.");
    assert_seen(SERVER "900 server return accept 3 listener EMFILE -\n"
                       "950 server exit exit - - 1 -\n950 - end - - - - -\n",
                "The server dies of EMFILE: too many open files.");
    assert_seen(SERVER "900 server return accept 3 listener ECHILD -\n"
                       "950 server exit exit - - 0 -\n950 - end - - - - -\n",
                "The server ends by itself.");
    assert_seen(SERVER "950 server exit exit - - 3 -\n950 - end - - - - -\n", "The server dies.");
    assert_seen(PENDING, "1 child ended, 1 alive, 1 signal delivered, none reaped, 1 zombie left.");
    assert_seen(SERVER "900 - end - - - - -\n", "A server waits for clients.");
    assert_seen(SERVER "1000 client1 begin - - - - -\n2000 client2 begin - - - - -\n"
                       "501000 client1 exit exit - - 0 -\n2002000 client2 exit exit - - 0 -\n"
                       "2002000 - end - - - - -\n",
                "2 clients are served.");
    assert_seen("0 server begin - - - - -\n0 client2 begin - - - - -\n"
                "1000 client2 call connect 3 connection2 - -\n"
                "2001000 server open accept 4 connection2 - -\n2100000 - end - - - - -\n",
                "One client at a time: client 2 waits 2.0 s to be accepted.");
}

/* ---- Pictures ---- */

Test(picture, a_lost_signal_is_a_cross) {
    char *picture = picture_of(LOST);
    const char *lost = strstr(picture, "<g data-row=\"8\" class=\"lost\">");
    cr_assert(lost, "expected the lost signal of row 8, seen none" LOOK "draw_lost");
    cr_assert(strstr(lost, "class=\"cross\"") &&
                  strstr(lost, "class=\"cross\"") < strstr(lost, "</g>"),
              "expected a cross, seen %.200s" LOOK "draw_lost", lost);
    HAS(picture, "SIGCHLD lost: one was pending already", "draw_legend");
    HAS(picture, "stopped", "draw_stop");
    free(picture);
}

Test(picture, a_zombie_lasts_to_the_right_edge) {
    char *picture = picture_of(LOST);
    const char *zombie = "<g data-row=\"7\" class=\"zombie bar\">";
    double x = number_at(picture, zombie, " x="), width = number_at(picture, zombie, " width=");
    assert_near(x, x_of_row(picture, 7), "where the zombie begins", "draw_zombie");
    assert_near(x + width, PLOT_RIGHT, "where the zombie ends", "draw_zombie, find_lives");
    free(picture);
}

Test(picture, a_reaped_zombie_lasts_to_the_reap) {
    char *picture = picture_of(LOST);
    const char *zombie = "<g data-row=\"6\" class=\"zombie bar\">";
    double x = number_at(picture, zombie, " x="), width = number_at(picture, zombie, " width=");
    assert_near(x + width, x_of_row(picture, 12), "where the zombie ends",
                "draw_zombie, find_lives");
    HAS(picture, "<g data-row=\"12\" class=\"reap\">", "draw_reap");
    free(picture);
}

/* Something that happens later, so that what was before is drawn closer together. */
#define LATER(time)                                                                                \
    time "000 server stop SIGSTOP - - - -\n" time "500 server continue SIGCONT - - - -\n"

Test(picture, a_tick_is_not_crossed_by_the_lines_of_later_reaps) {
    char *picture = picture_of(
        SERVER
        "200 server fork fork - child1 - -\n300 server fork fork - child2 - -\n"
        "1000 child1 exit exit - - 0 -\n1000 child2 exit exit - - 0 -\n"
        "90000 server reap wait - child1 0 -\n90001 server reap wait - child2 0 -\n" LATER("100")
            LATER("110") LATER("120") LATER("130") LATER("140") LATER("150") LATER("160")
                LATER("170") LATER("180") LATER("190") "900000 - end - - - - -\n");
    cr_assert(x_of_row(picture, 8) < x_of_row(picture, 7) + 20, "the test's own rows");
    const char *line = strstr(picture, "<g data-row=\"7\" class=\"reap\">");
    double tick = 0;
    cr_assert(line, "expected the reap of row 7, seen none" LOOK "draw_reap");
    cr_assert_eq(sscanf(strstr(line, " d=\""), " d=\"M%*f %*fV%*fM%lf", &tick), 1);
    cr_assert(tick > x_of_row(picture, 8),
              "expected the tick of child 1 to the right of %f, where "
              "child 2 is reaped, seen %f" LOOK "tick_x",
              x_of_row(picture, 8), tick);
    free(picture);
}

Test(picture, a_zombie_ends_with_the_server) {
    char *picture =
        picture_of(SERVER "200 server fork fork - child1 - -\n300 child1 exit exit - - 0 -\n"
                          "5000 server exit exit - - 1 -\n90000 - end - - - - -\n");
    const char *zombie = "<g data-row=\"4\" class=\"zombie bar\">";
    double end = number_at(picture, zombie, " x=") + number_at(picture, zombie, " width=");
    assert_near(end, x_of_row(picture, 5), "where the zombie ends", "find_lives");
    HAS(picture, "dies, status 1", "note_end");
    free(picture);
}

Test(picture, a_server_that_a_signal_kills_dies) {
    char *picture = picture_of(SERVER "900 server exit SIGABRT - - - -\n900 - end - - - - -\n");
    HAS(picture, "dies of SIGABRT", "note_end");
    HAS(picture, "The server dies of SIGABRT.", "say_death");
    free(picture);
}

Test(picture, a_leak_is_a_staircase) {
    static const char *const OPENS[] = {"<g data-row=\"4\" class=\"bar c0\">",
                                        "<g data-row=\"7\" class=\"bar c1\">",
                                        "<g data-row=\"10\" class=\"bar c2\">"};
    char *picture = picture_of(LEAK);
    for (int i = 0; i < 3; i++) {
        double x = number_at(picture, OPENS[i], " x="), y = number_at(picture, OPENS[i], " y=");
        assert_near(x + number_at(picture, OPENS[i], " width="), PLOT_RIGHT,
                    "the end of a leaked descriptor", "draw_descriptor");
        if (i == 0) continue;
        cr_assert(x > number_at(picture, OPENS[i - 1], " x=") &&
                      y > number_at(picture, OPENS[i - 1], " y="),
                  "expected step %d of the stairs below and to the right, seen %f, %f" LOOK
                  "draw_strips_of",
                  i, x, y);
    }
    HAS(picture, "connection 1: never closed", "draw_leak");
    free(picture);
}

Test(picture, what_is_closed_is_no_leak) {
    char *picture = picture_of(
        SERVER "200 server open accept 4 connection1 - -\n200 server fork fork - child1 - -\n"
               "250 server close close 4 connection1 - -\n300 child1 exit exit - - 0 -\n"
               "900 - end - - - - -\n");
    HAS_NOT(picture, "never closed", "find_leak");
    free(picture);
}

Test(picture, the_end_of_the_experiment_is_no_death) {
    char *picture = picture_of(SERVER "900 server exit SIGTERM - - - -\n900 - end - - - - -\n");
    HAS(picture, "experiment ends", "note_row");
    HAS_NOT(picture, "dies", "ends_by_itself");
    free(picture);
}

Test(picture, a_client_waits_to_be_accepted) {
    char *picture =
        picture_of("0 server begin - - - - -\n100 client1 begin - - - - -\n200 client1 call "
                   "connect 3 connection1 - -\n"
                   "900000 server open accept 4 connection1 - -\n990000 - end - - - - -\n");
    HAS(picture, "not accepted yet", "draw_client");
    free(picture);
}

Test(picture, a_client_that_sees_no_end_of_file_gives_up) {
    char *picture = picture_of(SERVER ANSWERED "300000 client1 exit exit - - 0 -\n"
                                               "99000000000 - end - - - - -\n");
    HAS(picture, "<g data-row=\"12\" class=\"gives-up\">", "draw_giving_up");
    HAS(picture, ">gives up: no end of file</text>", "draw_giving_up");
    free(picture);
    picture = picture_of(SERVER ANSWERED "200000 client1 call recv 3 connection1 - -\n"
                                         "200100 client1 return recv 3 connection1 0 -\n"
                                         "300000 client1 exit exit - - 0 -\n"
                                         "900000 - end - - - - -\n");
    HAS_NOT(picture, "gives up", "note_visit");
    free(picture);
    picture = picture_of(SERVER ANSWERED "200000 client1 call recv 3 connection1 - -\n"
                                         "200100 client1 return recv 3 connection1 ECONNRESET -\n"
                                         "300000 client1 exit exit - - 0 -\n"
                                         "900000 - end - - - - -\n");
    HAS_NOT(picture, "gives up", "note_visit");
    free(picture);
}

Test(picture, what_a_client_waits_for_is_said_when_pointed_at) {
    char *picture = picture_of(SERVER ANSWERED "300000 client1 exit exit - - 0 -\n"
                                               "900000 - end - - - - -\n");
    HAS(picture, "<title>1.1 ms: client 1 is not accepted yet</title>", "draw_phase");
    HAS(picture, "<title>90 ms: client 1 waits for its answer</title>", "draw_phase");
    free(picture);
}

Test(picture, a_silent_client_is_named_where_the_server_waits_for_it) {
    char *picture = picture_of(
        SERVER "200 server return accept 3 listener 4 -\n"
               "200 server open accept 4 connection1 - -\n200 server call recv 4 connection1 - -\n"
               "900000 server return recv 4 connection1 0 -\n900100 - end - - - - -\n");
    HAS(picture, ">recv: client 1 is silent</text>", "is_silent");
    HAS(picture, ">listening socket</text>", "say_object");
    free(picture);
    picture = picture_of(
        SERVER "200 server return accept 3 listener 4 -\n"
               "200 server open accept 4 connection1 - -\n200 server call recv 4 connection1 - -\n"
               "300 server return recv 4 connection1 3 GET\n"
               "400 server call recv 4 connection1 - -\n"
               "900000 server return recv 4 connection1 0 -\n900100 - end - - - - -\n");
    HAS_NOT(picture, "is silent", "is_silent");
    free(picture);
}

Test(picture, a_sleep_of_no_time_is_none) {
    static const char *const SECONDS[] = {"0", "1"};
    for (int i = 0; i < 2; i++) {
        char lines[1000], *picture;
        (void)snprintf(lines, sizeof lines,
                       SERVER "200 server return accept 3 listener 4 -\n"
                              "300 server call sleep - - - %s\n"
                              "900000 server return sleep - - 0 -\n900100 - end - - - - -\n",
                       SECONDS[i]);
        picture = picture_of(lines);
        cr_assert_eq(strstr(picture, ">sleeps</text>") != NULL, i == 1,
                     "sleep(%s): expected %s" LOOK "sleeps_not, mark_of", SECONDS[i],
                     i == 1 ? "a bar and its entry in the legend" : "neither bar nor entry");
        free(picture);
    }
}

/* Returns rows of a server that leaks so many connections; the caller frees them. */
static char *leaks(int connections) {
    char *lines = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&lines, &size);
    fprintf(file, "%s", SERVER);
    for (int i = 1; i <= connections; i++)
        fprintf(file,
                "%d server open accept %d connection%d - -\n%d server fork fork - child%d - -\n"
                "%d child%d exit exit - - 0 -\n",
                1000 * i, i + 3, i, 1000 * i, i, 1000 * i + 500, i);
    fprintf(file, "%d - end - - - - -\n", 1000 * connections + 9000);
    fclose(file);
    return lines;
}

Test(picture, numbers_of_descriptors_are_level_with_their_strips) {
    for (int connections = 3; connections <= 99; connections += 48) {
        char *lines = leaks(connections), *picture = picture_of(lines);
        const char *strips = strstr(picture, "id=\"test-server-descriptors\"");
        cr_assert(strips, "expected strips, seen none" LOOK "draw_strips_of");
        double number = number_at(strips, "<text x=\"102.0\"", " y="); /* the first of them */
        double top = number_at(strips, "<rect", " y="),
               height = number_at(strips, "<rect", " height=");
        assert_near(number - SMALL_SIZE * 0.35, top + height / 2, "the middle of the number 3",
                    "draw_strips_of");
        free(picture);
        free(lines);
    }
}

Test(picture, the_legend_shows_a_leak_as_it_is_drawn) {
    for (int connections = 3; connections <= 99; connections += 96) {
        char *lines = leaks(connections), *picture = picture_of(lines);
        const char *legend = strstr(picture, "id=\"test-legend\"");
        const char *sample = legend ? strstr(legend, "class=\"bar leak\"") : NULL;
        cr_assert(sample, "expected a sample of a leak, seen none" LOOK "draw_sample");
        bool solid = strstr(sample, "class=\"solid\"") &&
                     strstr(sample, "class=\"solid\"") < strstr(sample, "</g>");
        cr_assert_eq(solid, connections == 99,
                     "%d leaks: expected a sample that is %s" LOOK "draw_hatched", connections,
                     solid ? "hatched" : "solid");
        free(picture);
        free(lines);
    }
}

/* Returns rows with so many children; the caller frees them. */
static char *family(int children) {
    char *lines = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&lines, &size);
    fprintf(file, "%s", SERVER);
    for (int i = 1; i <= children; i++)
        fprintf(file, "%d server fork fork - child%d - -\n%d child%d exit exit - - 0 -\n", 1000 * i,
                i, 1000 * i + 500, i);
    fprintf(file, "%d - end - - - - -\n", 1000 * children + 9000);
    fclose(file);
    return lines;
}

Test(picture, is_compact_from_nine_children_on) {
    char *few = family(8), *many = family(9), *picture = picture_of(few);
    HAS(picture, "class=\"fork\"", "choose_form, draw_fork");
    free(picture);
    picture = picture_of(many);
    HAS_NOT(picture, "class=\"fork\"", "choose_form, draw_fork");
    HAS(picture, "id=\"test-child9\"", "draw_lane");
    free(picture);
    free(few);
    free(many);
}

Test(picture, the_few_that_are_reaped_among_many_can_be_found) {
    char *many = family(20), *picture;
    *strstr(many, "29000 - end") = '\0';
    char *lines = malloc(strlen(many) + 100);
    cr_assert_not_null(lines);
    (void)sprintf(lines, "%s28000 server reap wait - child7 0 -\n29000 - end - - - - -\n", many);
    picture = picture_of(lines);
    HAS(picture, "class=\"reap\"", "draw_reap");
    HAS(picture, ">reaps child 7</text>", "note_row");
    free(picture);
    free(lines);
    free(many);
}

Test(picture, bears_a_thousand_children) {
    char *lines = family(1000), *picture = picture_of(lines);
    double height = 0;
    cr_assert_eq(sscanf(strstr(picture, "viewBox=\"0 0 "), "viewBox=\"0 0 720 %lf\"", &height), 1);
    cr_assert(height < 1600, "expected at most 1600 units, seen %f" LOOK "choose_form", height);
    HAS(picture, "id=\"test-child1000\"", "draw_lane");
    free(picture);
    free(lines);
}

Test(picture, is_the_same_twice) {
    char *first = picture_of(LOST), *second = picture_of(LOST);
    cr_assert_str_eq(first, second, "expected the same bytes from the same rows" LOOK "draw.c");
    free(first);
    free(second);
}

Test(picture, has_an_x_for_each_row) {
    struct rows rows = make_rows(LOST);
    char *picture = draw_rows(&rows, &(struct drawing){.title = "Test"});
    const char *at = strstr(picture, " data-x=\"") + strlen(" data-x=\"");
    size_t count = 1;
    for (; *at != '"'; at++) count += *at == ' ';
    cr_assert_eq(count, rows.count, "expected %zu places, seen %zu" LOOK "draw in draw.c",
                 rows.count, count);
    HAS(picture, "id=\"test-cursor\"", "draw in draw.c");
    free(picture);
    rows_free(&rows);
}

/* Asserts that tags are balanced, that attributes are quoted, and that every id has the prefix. */
static void assert_well_formed(const char *picture, const char *prefix) {
    char open[32][16];
    int depth = 0;
    for (const char *at = picture; (at = strchr(at, '<')); at++) {
        char name[16];
        const char *end = strchr(at, '>');
        cr_assert(end && sscanf(at, "<%15[/a-z]", name) == 1, "expected a tag, seen %.40s", at);
        if (name[0] == '/') {
            cr_assert(depth > 0 && strcmp(open[--depth], name + 1) == 0,
                      "expected </%s>, seen <%s>" LOOK "what ends a group", open[depth], name);
        } else if (end[-1] != '/') {
            cr_assert_lt(depth, 32);
            memcpy(open[depth++], name, sizeof name);
        }
    }
    cr_assert_eq(depth, 0, "expected all tags closed, seen <%s> open",
                 open[depth > 0 ? depth - 1 : 0]);
    for (const char *at = picture; (at = strstr(at, " id=\"")); at++)
        cr_assert(strncmp(at + strlen(" id=\""), prefix, strlen(prefix)) == 0,
                  "expected ids that begin with %s, seen %.40s" LOOK "the ids in svg_put", prefix,
                  at);
}

Test(picture, is_well_formed) {
    static const char *const RUNS[] = {LOST, LEAK, SERVER "9 - end - - - - -\n"};
    for (size_t i = 0; i < sizeof RUNS / sizeof RUNS[0]; i++) {
        for (int calls = 0; calls < 2; calls++) {
            struct rows rows = make_rows(RUNS[i]);
            char *picture = draw_rows(
                &rows,
                &(struct drawing){.title = "<&\">", .seen = "]]>", .prefix = "A", .calls = calls});
            assert_well_formed(picture, "a");
            HAS(picture, "&lt;&amp;&quot;&gt;", "svg_text");
            free(picture);
            rows_free(&rows);
        }
    }
}

Test(picture, has_rules_for_itself_alone) {
    char *picture = picture_of(LOST), *style = strstr(picture, "<style>\n");
    cr_assert(style, "expected a style, seen none" LOOK "svg_style");
    *strstr(style, "</style>") = '\0';
    for (char *line = strtok(style, "\n"); (line = strtok(NULL, "\n"));) {
        if (*line == '@' || *line == '}') continue;
        line[strcspn(line, "{")] = '\0';
        cr_assert(strstr(line, "#test-all ") && !strchr(line, ','),
                  "expected selectors within #test-all, seen: %s" LOOK "RULES in svg.c", line);
    }
    free(picture);
}

Test(picture, tells_its_story) {
    char *picture = picture_of(LOST);
    HAS(picture, "role=\"img\" aria-labelledby=\"test-title test-desc\"", "svg_begin");
    HAS(picture, "1.0 s: child 1 ends; ", "put_description");
    HAS(picture, "SIGCHLD for child 2 is lost, one is pending", "put_description");
    free(picture);
}

Test(picture, says_that_it_could_not_be_written) {
    struct rows rows = make_rows(LOST);
    for (int buffered = 0; buffered < 2; buffered++) { /* without a buffer, fflush has no error */
        FILE *full = fopen("/dev/full", "w");
        cr_assert_not_null(full);
        if (!buffered) setvbuf(full, NULL, _IONBF, 0);
        errno = 0;
        cr_assert_eq(draw_timeline(&rows, &(struct drawing){.title = "Test"}, full), -1,
                     "expected -1 of a full disk, seen 0" LOOK "svg_check");
        cr_assert_eq(errno, ENOSPC, "expected %s, seen %s" LOOK "svg_check", strerror(ENOSPC),
                     strerror(errno));
        fclose(full);
    }
    rows_free(&rows);
}

/* ---- The sequence of calls ---- */

#define TALK                                                                                       \
    SERVER                                                                                         \
    "200 client1 begin - - - - -\n"                                                                \
    "200 client1 call connect 3 connection1 - -\n"                                                 \
    "300 client1 return connect 3 connection1 0 -\n"                                               \
    "400 server return accept 3 listener 4 -\n"                                                    \
    "400 server open accept 4 connection1 - -\n"                                                   \
    "450 server call recv 4 connection1 - -\n"                                                     \
    "500 client1 call send 3 connection1 - GET\\r\\n\n"                                            \
    "510 client1 return send 3 connection1 5 -\n"                                                  \
    "600 server return recv 4 connection1 5 GET\\r\\n\n"                                           \
    "900 - end - - - - -\n"

Test(sequence, joins_what_belongs_together) {
    struct rows rows = make_rows(TALK);
    char *picture = draw_rows(&rows, &(struct drawing){.title = "Test", .calls = true});
    HAS(picture, ">accept(3)</text>", "name_call");
    HAS(picture, "<g data-row=\"7\" class=\"sign\">", "draw_arrow_to: connect to accept");
    HAS(picture, "<g data-row=\"11\" class=\"sign\">", "draw_arrow_to: send to recv");
    HAS(picture, ">GET</text>", "first_line");
    HAS(picture, ">returns 4</text>", "put_result");
    HAS(picture, " data-y=\"", "draw in draw.c");
    free(picture);
    rows_free(&rows);
}

Test(sequence, shows_a_client_that_waits) {
    struct rows rows =
        make_rows(SERVER ANSWERED "96000 client1 call poll - - - -\n"
                                  "97000 server call close 4 connection1 - -\n"
                                  "97100 server return close 4 connection1 0 -\n"
                                  "98000 server call accept 3 listener - -\n"
                                  "99000 client1 return poll - - 1 -\n"
                                  "99100 client1 call recv 3 connection1 - -\n"
                                  "99200 client1 return recv 3 connection1 0 -\n"
                                  "99300 client1 exit exit - - 0 -\n"
                                  "99400 server exit SIGTERM - - - -\n99400 - end - - - - -\n");
    char *picture = draw_rows(&rows, &(struct drawing){.title = "Test", .calls = true});
    HAS(picture, "<g data-row=\"12\" class=\"bar accept\">", "draw_poll");
    HAS(picture, ">waits</text>", "draw_poll");
    HAS(picture, ">ends</text>", "draw_column");
    HAS(picture, ">experiment ends</text>", "draw_column");
    free(picture);
    rows_free(&rows);
}

Test(sequence, refuses_too_many_calls) {
    char *lines = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&lines, &size), *out = fopen("/dev/null", "w");
    struct rows rows;
    fprintf(file, "0 server begin - - - - -\n");
    for (int i = 0; i <= CALLS_MAX; i++)
        fprintf(file,
                "%d server call recv 4 connection1 - -\n%d server return recv 4 connection1 1 x\n",
                i, i);
    fprintf(file, "99 - end - - - - -\n");
    fclose(file);
    rows = make_rows(lines);
    errno = 0;
    cr_assert_eq(draw_timeline(&rows, &(struct drawing){.calls = true}, out), -1);
    cr_assert_eq(errno, E2BIG, "expected %s, seen %s" LOOK "count_calls", strerror(E2BIG),
                 strerror(errno));
    fclose(out);
    free(lines);
    rows_free(&rows);
}
