/*
 * Rows (rows.h) drawn as a picture in SVG: a timeline of the processes and their descriptors, or
 * the sequence of calls of a short run.
 */
#ifndef DRAW_H
#define DRAW_H

#include "rows.h"
#include <stdbool.h>
#include <stdio.h>

enum { CALLS_MAX = 60 }; /* a sequence of more calls than that is not drawn */

/* What to draw beyond the rows. A null pointer stands for "not given". */
struct drawing {
    const char *title; /* such as "Step 6: SIGCHLD"; not given: a general one */
    const char *seen; /* what is seen, a sentence; not given: one with counts, from the rows */
    const char *prefix; /* of all ids in the picture, in lower case; not given: made of the title */
    bool calls; /* the sequence of calls, each with its name, instead of the timeline */
};

/*
 * Writes the picture. The same rows give the same bytes. Returns 0, or -1 with errno set: that of a
 * failed write or allocation, or E2BIG if drawing->calls is set and there are more than CALLS_MAX
 * calls.
 */
int draw_timeline(const struct rows *rows, const struct drawing *drawing, FILE *out);

#endif
