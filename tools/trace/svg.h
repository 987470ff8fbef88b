/*
 * Writing SVG: text escaped, widths estimated, the colours for light and dark paper.
 */
#ifndef SVG_H
#define SVG_H

#include <stddef.h>
#include <stdio.h>

/* Sizes in units of the viewBox, which is as wide as PAGE_WIDTH; a page of that width shows pixels.
 */
#define PAGE_WIDTH 720.0
#define PAGE_MARGIN 16.0
#define TITLE_SIZE 24.0
#define TEXT_SIZE 18.0
#define SMALL_SIZE 16.0 /* no text is smaller */
#define LINE_HEIGHT 24.0
#define BOLD 1.1 /* bold text is wider by this factor */

/* A picture being written. The first failure stays in error. */
struct svg {
    FILE *out;
    const char *prefix; /* of every id */
    int error; /* an errno, or 0 */
};

/* Writes like printf. What comes from elsewhere goes through svg_text instead. */
#define svg_put(svg, ...) svg_check(svg, fprintf((svg)->out, __VA_ARGS__))

/* Notes the error of a call that has just returned this, if it failed. */
void svg_check(struct svg *svg, int written);

/* Writes any text as XML: escaped, without control characters, "?" for bytes that are not UTF-8. */
void svg_text(struct svg *svg, const char *text);

/* Writes a <text> of one line at x, y with these classes, anchored at "start", "middle" or "end".
 */
void svg_label(struct svg *svg, double x, double y, const char *classes, const char *anchor,
               const char *text);

/* Writes text broken into lines, the first at y, none wider than width; returns the y after it. */
double svg_paragraph(struct svg *svg, double x, double y, double width, double size,
                     const char *classes, const char *text);

/* Returns a width that text will hardly exceed in any sans-serif font of this size. */
double text_width(const char *text, double size);

/* Writes the start of the root element, up to where further attributes may follow. */
void svg_begin(struct svg *svg, double height);

/* Writes the style, the patterns and the paper. */
void svg_style(struct svg *svg, double height);

/* Fills prefix, of a size above 1, with what text has of letters, digits and dashes, in lower case;
 * other characters become dashes. It begins with a letter: a "t" if text does not. */
void make_prefix(char *prefix, size_t size, const char *text);

#endif
