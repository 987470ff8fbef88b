/*
 * The sequence of the calls of a few processes: a column a process, time downwards, each call
 * named.
 */
#ifndef SEQUENCE_H
#define SEQUENCE_H

#include "rows.h"
#include "svg.h"

/* Returns how many calls a sequence of these rows shows: not those that poll, or write to the
 * terminal. */
int count_calls(const struct rows *rows);

/*
 * Draws the sequence from y down. Puts into place, which has room for rows->count, the y of each
 * row. Returns the y below it.
 */
double draw_sequence(struct svg *svg, const struct rows *rows, double y, double *place);

#endif
