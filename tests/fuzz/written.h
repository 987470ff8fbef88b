/* Rows as text, for the targets that write them and read them again. */
#ifndef WRITTEN_H
#define WRITTEN_H

#include "../../tools/trace/rows.h"
#include "fuzz.h"

#include <stdio.h>

/* Returns the rows as text, which the caller frees. */
static char *written(const struct rows *rows, size_t *size) {
    char *text = NULL;
    FILE *file = open_memstream(&text, size);
    MUST(file && rows_write(rows, file) == 0);
    MUST(fclose(file) == 0);
    return text;
}

#endif
