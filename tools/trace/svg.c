/*
 * Writing SVG: text escaped, widths estimated, the colours for light and dark paper. See svg.h.
 */
#include "svg.h"
#include "text.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define FONTS "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"

void svg_check(struct svg *svg, int written) {
    if (written < 0 && !svg->error) svg->error = errno ? errno : EIO;
}

/* Writes so many bytes of text as XML. */
static void put_escaped(struct svg *svg, const char *text, size_t size) {
    for (const char *end = text + size; text < end;) {
        size_t length = utf8_size(text, (size_t)(end - text));
        switch (*text) {
        case '&': svg_put(svg, "&amp;"); break;
        case '<': svg_put(svg, "&lt;"); break;
        case '>': svg_put(svg, "&gt;"); break;
        case '"': svg_put(svg, "&quot;"); break;
        case '\'': svg_put(svg, "&#39;"); break;
        default:
            if (length > 0) svg_put(svg, "%.*s", (int)length, text);
            else svg_put(svg, "?");
        }
        text += length > 0 ? length : 1;
    }
}

void svg_text(struct svg *svg, const char *text) {
    put_escaped(svg, text, strlen(text));
}

/* Returns the width of a character, as a share of the size: that of DejaVu Sans, a wide font. */
static double character_width(char c) {
    if (strchr("ijl.,:;'|! ()[]ftrI/-", c)) return 0.39;
    if (strchr("mwMW%@", c)) return 0.98;
    return c >= 'A' && c <= 'Z' ? 0.74 : 0.62;
}

/* Returns the width of the first bytes of text. */
static double width_of(const char *text, size_t bytes, double size) {
    double width = 0;
    for (size_t i = 0; i < bytes; i++)
        if (((unsigned char)text[i] & 0xC0) != 0x80) width += character_width(text[i]);
    return width * size;
}

double text_width(const char *text, double size) {
    return width_of(text, strlen(text), size);
}

void svg_label(struct svg *svg, double x, double y, const char *classes, const char *anchor,
               const char *text) {
    svg_put(svg, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\"", x, y, classes);
    if (strcmp(anchor, "start") != 0) svg_put(svg, " text-anchor=\"%s\"", anchor);
    svg_put(svg, ">");
    svg_text(svg, text);
    svg_put(svg, "</text>\n");
}

/* Returns how many bytes of text fit on a line of this width, up to a space if there is one. */
static size_t line_length(const char *text, double width, double size) {
    size_t all = strlen(text), fit = 0;
    if (text_width(text, size) <= width) return all;
    for (size_t i = 1; i < all && width_of(text, i, size) <= width; i++)
        if (text[i] == ' ') fit = i;
    if (fit > 0) return fit;
    for (fit = 1; fit < all && width_of(text, fit + 1, size) <= width;) fit++;
    while (fit < all && ((unsigned char)text[fit] & 0xC0) == 0x80) fit++; /* no half character */
    return fit;
}

double svg_paragraph(struct svg *svg, double x, double y, double width, double size,
                     const char *classes, const char *text) {
    svg_put(svg, "<text class=\"%s\">", classes);
    while (*text) {
        size_t length = line_length(text, width, size);
        svg_put(svg, "<tspan x=\"%.1f\" y=\"%.1f\">", x, y);
        put_escaped(svg, text, length);
        text += length;
        while (*text == ' ') text++;
        svg_put(svg, *text ? " </tspan>" : "</tspan>");
        y += size * 1.33;
    }
    svg_put(svg, "</text>\n");
    return y;
}

/* ---- Style ---- */

/* What the classes look like on light and on dark paper. The hues are those of Okabe and Ito, which
 * colour-blind readers tell apart; their lightness differs too, and no meaning rests on colour
 * alone. */
static const struct {
    const char *selector, *light, *dark;
} RULES[] = {
    {".paper", "fill:#fff", "fill:#14171b"},
    {"text", "fill:#1c2126", "fill:#e8eaec"},
    {".halo", "stroke:#fff", "stroke:#14171b"},
    {".quiet", "fill:#566069", "fill:#a9b2bb"},
    {".bad", "fill:#a83200", "fill:#ff9a6b"},
    {".grid", "stroke:#d5dae0", "stroke:#3a424b"},
    {".run", "stroke:#566069", "stroke:#a9b2bb"},
    {".accept", "fill:#f1f4f7;stroke:#8d99a5", "fill:#232a31;stroke:#74818d"},
    {".recv", "fill:#bfe0f5;stroke:#3b86b5", "fill:#174a68;stroke:#56b4e9"},
    {".tail", "fill:#e3f1fa;stroke:#3b86b5", "fill:#123447;stroke:#56b4e9"},
    {".sleep", "fill:#f7dfa6;stroke:#b98300", "fill:#5f4508;stroke:#e69f00"},
    {".wait", "fill:#eccfe0;stroke:#a35a85", "fill:#572e46;stroke:#cc79a7"},
    {".queue", "fill:#3d464f;stroke:#3d464f", "fill:#c4ccd4;stroke:#c4ccd4"},
    {".queue text", "fill:#fff", "fill:#14171b"},
    {".zombie", "stroke:#c44e00", "stroke:#ff8a4c"},
    {".ghost", "fill:#fbe6da", "fill:#3b2215"},
    {".sign", "stroke:#6a3fa0;fill:#6a3fa0", "stroke:#bda0f5;fill:#bda0f5"},
    {".reap", "stroke:#00734f;fill:#00734f", "stroke:#3ccf9f;fill:#3ccf9f"},
    {".fork", "stroke:#566069;fill:#566069", "stroke:#a9b2bb;fill:#a9b2bb"},
    {".reap-text", "fill:#00734f", "fill:#3ccf9f"},
    {".cross", "stroke:#b83a00", "stroke:#ff8a4c"},
    {".stopped", "fill:#1c2126;stroke:#1c2126", "fill:#e8eaec;stroke:#e8eaec"},
    {".zombie .solid", "fill:#c44e00;stroke:none", "fill:#ff8a4c;stroke:none"},
    {".leak .solid", "fill:#c44e00;stroke:none", "fill:#ff8a4c;stroke:none"},
    {".lost .line", "stroke:#6a3fa0", "stroke:#bda0f5"},
    {".cursor", "stroke:#1c2126", "stroke:#e8eaec"},
    {".squeeze", "stroke:#566069", "stroke:#a9b2bb"},
    {".sign-text", "fill:#6a3fa0", "fill:#bda0f5"},
    {".leak", "stroke:#c44e00", "stroke:#ff8a4c"},
    {".listener", "fill:#8d99a5;stroke:#566069", "fill:#5b6671;stroke:#a9b2bb"},
    {".c0", "fill:#56b4e9;stroke:#0072b2", "fill:#2b7fb0;stroke:#8fd0f5"},
    {".c1", "fill:#f0b429;stroke:#a86f00", "fill:#a06c00;stroke:#f5c65a"},
    {".c2", "fill:#5cc4a4;stroke:#007a58", "fill:#0a6f53;stroke:#5cd6b2"},
    {".c3", "fill:#e3a3c6;stroke:#a3487a", "fill:#8b3f69;stroke:#eba9cd"},
    {".c4", "fill:#f4e869;stroke:#8f8500", "fill:#77700c;stroke:#f0e442"},
    {".c5", "fill:#b9c2cb;stroke:#566069", "fill:#4a545e;stroke:#cfd6dd"},
};

/* What they look like on any paper. (Of a list of selectors only the first would be the picture's
 * own.) */
static const char *const COMMON[] = {
    "text{font-size:18px;stroke:none;fill-opacity:1}",
    ".title{font-size:24px;font-weight:700}",
    ".small{font-size:16px}",
    ".code{font-family:ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace}",
    ".halo{paint-order:stroke;stroke-width:6px;stroke-linejoin:round}",
    ".strong{font-weight:700}",
    ".bad{font-weight:600}",
    ".bar{stroke-width:1.2}",
    ".run{stroke-width:3.5;fill:none}",
    ".grid{stroke-width:1;fill:none}",
    ".zombie{fill:none;stroke-width:1.4}",
    ".hatch{stroke-width:3}",
    ".line{fill:none;stroke-width:1.6}",
    ".sign .line{stroke-dasharray:6 3}",
    ".lost .line{stroke-dasharray:6 3}",
    ".reap .line{stroke-width:2.2}",
    ".head{stroke:none}",
    ".cross{fill:none;stroke-width:3.4;stroke-linecap:round}",
    ".plate{stroke:none}",
    ".thin{stroke-width:.6}",
    ".bracket{fill:none;stroke-width:1.8}",
    ".squeeze{fill:none;stroke-width:1.4}",
    ".stopped{fill-opacity:.16;stroke-width:1.4;stroke-dasharray:2 3}",
    ".inherited{fill-opacity:.28;stroke-dasharray:3 2}",
    ".cursor{display:none;stroke-width:2}",
};

enum { RULE_COUNT = sizeof RULES / sizeof RULES[0] };
enum { COMMON_COUNT = sizeof COMMON / sizeof COMMON[0] };

/* Writes all rules for light or dark paper. All ids are within the picture's own, so that nothing
 * else on a page changes; before comes in front of that. */
static void put_rules(struct svg *svg, const char *before, bool dark) {
    for (int i = 0; i < RULE_COUNT; i++)
        svg_put(svg, "%s#%s-all %s{%s}\n", before, svg->prefix, RULES[i].selector,
                dark ? RULES[i].dark : RULES[i].light);
}

void svg_begin(struct svg *svg, double height) {
    svg_put(svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"%s\" viewBox=\"0 0 %.0f %.0f\" "
            "role=\"img\" aria-labelledby=\"%s-title %s-desc\"",
            svg->prefix, PAGE_WIDTH, height, svg->prefix, svg->prefix);
}

/* A page can set data-theme on its root; without it the reader's system decides. */
void svg_style(struct svg *svg, double height) {
    svg_put(svg, "<style>\n#%s-all text{font-family:" FONTS "}\n", svg->prefix);
    for (int i = 0; i < COMMON_COUNT; i++) svg_put(svg, "#%s-all %s\n", svg->prefix, COMMON[i]);
    put_rules(svg, "", false);
    svg_put(svg, "@media (prefers-color-scheme:dark){\n");
    put_rules(svg, ":root:not([data-theme=light]) ", true);
    svg_put(svg, "}\n");
    put_rules(svg, ":root[data-theme=dark] ", true);
    svg_put(svg, "</style>\n<defs>");
    svg_put(svg,
            "<pattern id=\"%s-zombie\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" "
            "patternTransform=\"rotate(45)\"><rect width=\"7\" height=\"7\" class=\"ghost\"/>"
            "<path d=\"M0 0V7\" class=\"zombie hatch\"/></pattern>",
            svg->prefix);
    svg_put(svg,
            "<pattern id=\"%s-leak\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" "
            "patternTransform=\"rotate(45)\"><path d=\"M0 0V7\" class=\"zombie hatch\"/></pattern>",
            svg->prefix);
    svg_put(svg, "</defs>\n<rect width=\"%.0f\" height=\"%.0f\" class=\"paper\"/>\n", PAGE_WIDTH,
            height);
}

void make_prefix(char *prefix, size_t size, const char *text) {
    size_t used = 0;
    for (; *text && used + 1 < size; text++) {
        unsigned char c = (unsigned char)*text;
        bool letter;
        if (c >= 'A' && c <= 'Z') c = (unsigned char)(c - 'A' + 'a');
        letter = c >= 'a' && c <= 'z';
        if (used == 0 && !letter) prefix[used++] = 't'; /* an id begins with a letter */
        if (used + 1 == size) break;
        if (letter || (c >= '0' && c <= '9')) prefix[used++] = (char)c;
        else if (prefix[used - 1] != '-') prefix[used++] = '-';
    }
    if (used == 0 && size > 1) prefix[used++] = 't';
    prefix[used] = '\0';
}
