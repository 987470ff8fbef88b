/*
 * The trace reader: strace's text to rows. An input is the server's log; behind a line of "====",
 * a client's.
 *
 * Must hold: what it makes rows of can be written, is read again as the same rows, and passes the
 * check; what it refuses it says in one line.
 */
#define _POSIX_C_SOURCE 200809L
#include "fuzz.h"
#include "written.h"

/* The files that the reader opens: the parts of the input. */
static char *part[2];
static size_t part_size[2];

static FILE *fake_fopen(const char *name) {
    int number = name[0] - '0';
    return part_size[number] > 0 ? fmemopen(part[number], part_size[number], "r")
                                 : fopen("/dev/null", "r"); /* fmemopen has no empty file */
}

#define fopen(name, mode) fake_fopen(name)
#include "../../tools/trace/log.c"
#undef fopen
#include "../../tools/trace/read.h"

enum { MESSAGE_SIZE = 512 };

/* Tells whether a field has come back; "-" alone would be an empty one, and is written as a code.
 */
static bool is_same(const char *text, const char *again) {
    return strcmp(text, again) == 0 || (strcmp(text, "-") == 0 && strcmp(again, "\\55") == 0);
}

static void check_rows(const struct rows *rows) {
    size_t size, again_size;
    char *text = written(rows, &size), message[MESSAGE_SIZE] = "";
    struct rows again;
    FILE *file = fmemopen(text, size, "r");
    MUST(file);
    int status = rows_read(file, "rows", &again, message, sizeof message);
    if (status == -1) (void)fprintf(stderr, "%s\n", message);
    MUST(status == 0);
    (void)fclose(file); /* it was only read */
    MUST(rows_check(&again, message, sizeof message) == 0);
    char *same = written(&again, &again_size);
    MUST(size == again_size && memcmp(text, same, size) == 0);
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i], *other = &again.row[i];
        MUST(is_same(row->name, other->name) && is_same(row->object, other->object));
        MUST(is_same(row->result, other->result) && is_same(row->text, other->text));
    }
    free(same);
    free(text);
    rows_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char CUT[] = "\n====\n";
    char *const names[] = {(char[]){"0"}, (char[]){"1"}};
    char *text = fuzz_text(data, size), *cut = NULL, message[MESSAGE_SIZE] = "";
    struct rows rows;
    for (size_t i = 0; !cut && i + sizeof CUT - 1 <= size; i++)
        if (memcmp(text + i, CUT, sizeof CUT - 1) == 0) cut = text + i;
    part[0] = text;
    part_size[0] = cut ? (size_t)(cut - text) + 1 : size;
    part[1] = cut ? cut + sizeof CUT - 1 : text + size;
    part_size[1] = size - (size_t)(part[1] - text);
    if (trace_read(names, cut ? 2 : 1, &rows, message, sizeof message) == 0) {
        check_rows(&rows);
        rows_free(&rows);
    } else MUST(*message);
    MUST(!strchr(message, '\n'));
    free(text);
    return 0;
}
