/*
 * Rows from a file: reading, checking, counting, and drawing them in both forms. An input is such a
 * file.
 *
 * Must hold: what is read is written and read again as the same rows; counts are never negative
 * when the check passes; a picture is text of one SVG element; what is refused is said in one line.
 */
#define _POSIX_C_SOURCE 200809L
#include "../../tools/trace/draw.h"
#include "../../tools/trace/rows.h"
#include "../../tools/trace/text.h"
#include "fuzz.h"
#include "written.h"

enum { MESSAGE_SIZE = 1024 };

static int read_rows(const void *text, size_t size, struct rows *rows, char *message) {
    FILE *file = size > 0 ? fmemopen((void *)(uintptr_t)text, size, "r") : fopen("/dev/null", "r");
    MUST(file);
    int status = rows_read(file, "rows", rows, message, MESSAGE_SIZE);
    (void)fclose(file); /* it was only read */
    MUST(status == 0 || (*message && !strchr(message, '\n')));
    return status;
}

/* Moves on behind a line, or to the end. */
static const char *next_line(const char *at, const char *end) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    return stop ? stop + 1 : end;
}

/* Checks that rows as written are those of the file: comments aside, the same words in each line,
 * from the event on; that numbers may have lost zeros in front is why the others are not compared.
 */
static void check_written(const char *text, size_t size, const char *out, size_t out_size) {
    const char *end = text + size, *out_end = out + out_size;
    for (size_t i = 0, more; i < out_size; i += more) {
        more = out[i] == '\n' || out[i] == '\t' ? 1 : utf8_size(out + i, out_size - i);
        MUST(more > 0);
    }
    out = next_line(out, out_end);
    for (; text < end; text = next_line(text, end)) {
        if (*text == '#') continue;
        const char *field = text, *out_field = out;
        for (int i = 0; i < 8; i++) {
            size_t length = strcspn(field, "\t\n"), out_length = strcspn(out_field, "\t\n");
            bool is_number = i == 0 || i == 4;
            if (!is_number) MUST(length == out_length && memcmp(field, out_field, length) == 0);
            field += length + 1;
            out_field += out_length + 1;
        }
        out = next_line(out, out_end);
    }
    MUST(out == out_end);
}

static void check_counts(const struct rows *rows) {
    struct counts counts = {.children = 0};
    for (size_t i = 0; i < rows->count; i++) {
        rows_count(rows, &rows->row[i], &counts);
        MUST(rows->row[i].time >= 0 && rows->row[i].descriptor >= NO_DESCRIPTOR);
        MUST(counts.children >= 0 && counts.zombies >= 0 && counts.descriptors >= 0);
        MUST(counts.ended >= counts.reaped);
    }
}

static void check_picture(const struct rows *rows, bool calls) {
    static const char BEGIN[] = "<svg", END[] = "</svg>\n";
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    struct drawing drawing = {.calls = calls};
    MUST(file);
    int status = draw_timeline(rows, &drawing, file);
    MUST(fclose(file) == 0);
    if (status == 0) {
        MUST(size > sizeof END && strncmp(text, BEGIN, sizeof BEGIN - 1) == 0);
        MUST(strcmp(text + size - (sizeof END - 1), END) == 0);
        for (size_t i = 0, more; i < size; i += more) {
            more = text[i] == '\n' ? 1 : utf8_size(text + i, size - i);
            MUST(more > 0);
        }
        MUST(!strstr(text, "=\"nan") && !strstr(text, "=\"-nan"));
        MUST(!strstr(text, "=\"inf") && !strstr(text, "=\"-inf"));
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rows rows, again;
    char message[MESSAGE_SIZE] = "";
    if (read_rows(data, size, &rows, message) == -1) return 0;
    size_t once_size, twice_size;
    char *once = written(&rows, &once_size), *text = fuzz_text(data, size);
    check_written(text, size, once, once_size);
    free(text);
    MUST(read_rows(once, once_size, &again, message) == 0);
    char *twice = written(&again, &twice_size);
    MUST(once_size == twice_size && memcmp(once, twice, once_size) == 0);
    free(once);
    free(twice);
    rows_free(&again);
    if (rows_check(&rows, message, sizeof message) == 0) {
        check_counts(&rows);
        check_picture(&rows, false);
        check_picture(&rows, true);
    } else MUST(*message && !strchr(message, '\n'));
    rows_free(&rows);
    return 0;
}
