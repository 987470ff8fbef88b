/*
 * trace: from strace's output to rows, and from rows to counts, words and pictures. README.md,
 * beside this file, has the format of rows; trace -h lists the commands.
 *
 * Nothing is written before all has been read and understood; whether all could be written is asked
 * at the end, by flush.
 */
#define _POSIX_C_SOURCE 200809L
#include "draw.h"
#include "read.h"
#include "story.h"
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { USAGE_STATUS = 2, MESSAGE_SIZE = 1024, FEW_CHILDREN = 8 };

static const char USAGE[] =
    "usage: trace read SERVER.strace [CLIENT.strace]...\n"
    "       trace check|counts|story|summary ROWS\n"
    "       trace draw [--calls] [--title TEXT] [--seen TEXT] [--prefix ID] ROWS\n"
    "       trace -h\n";
static const char HELP[] =
    "  read     print the rows of a server's trace, with those of its clients; record each with\n"
    "           strace -f -ttt -T -yy -q -s 80 -o FILE\n"
    "  check    replay rows: can all of them be?\n"
    "  counts   print how many children and zombies there are, and descriptors of the server, over "
    "time\n"
    "  story    print what two runs that show the same have in common\n"
    "  summary  print what is to be seen, in one line, as a picture says it\n"
    "  draw     print a picture, in SVG: a timeline, or with --calls the sequence of calls\n"
    "ROWS is a file as read prints it; -, standard input.\n";

/* Ends the program with status 2, what is wrong, and how to use it. */
static _Noreturn void refuse(const char *wrong, const char *what) {
    fprintf(stderr, "trace: %s%s\n%s", wrong, what, USAGE);
    exit(USAGE_STATUS);
}

/* Ends the program with status 1 and one line of what is wrong. */
static _Noreturn void die(const char *wrong) {
    fprintf(stderr, "trace: %s\n", wrong);
    exit(EXIT_FAILURE);
}

/* Ends the program unless all that was printed has been written. */
static void flush(void) {
    if (fflush(stdout) == EOF || ferror(stdout)) die(strerror(errno));
}

/* Returns the rows of a file, or ends the program. */
static struct rows load(const char *name) {
    struct rows rows;
    char message[MESSAGE_SIZE];
    bool is_stdin = strcmp(name, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(name, "r");
    if (!file) {
        rows_fail(message, sizeof message, name, strerror(errno));
        die(message);
    }
    if (rows_read(file, name, &rows, message, sizeof message) == -1) die(message);
    if (!is_stdin) (void)fclose(file); /* it was only read */
    if (rows_check(&rows, message, sizeof message) == -1) {
        fprintf(stderr, "trace: %s: %s\n", name, message);
        exit(EXIT_FAILURE);
    }
    return rows;
}

/* ---- counts, summary ---- */

static void print_counts(const struct rows *rows) {
    struct counts counts = {.children = 0}, last = counts;
    printf("# time\tchildren\tzombies\tdescriptors\n");
    for (size_t i = 0; i < rows->count; i++) {
        rows_count(rows, &rows->row[i], &counts);
        if (i > 0 && i < rows->count - 1 && counts.children == last.children &&
            counts.zombies == last.zombies && counts.descriptors == last.descriptors)
            continue;
        last = counts;
        printf("%lld\t%d\t%d\t%d\n", rows->row[i].time, counts.children, counts.zombies,
               counts.descriptors);
    }
}

static void print_summary(const struct rows *rows) {
    char text[SEEN_SIZE];
    say_what_is_seen(rows, text, sizeof text);
    printf("%s\n", text);
}

/* ---- story ---- */

/* Writes text without the numbers of children, clients, connections, ports: "child1" as "child". Of
 * several blanks it writes one: how many depends on a process's number, where that is aligned. */
static void write_anonymous(FILE *out, const char *text) {
    static const char *const WORDS[] = {"child", "client", "connection", "PORT"};
    for (bool in_word = false; *text; text++) {
        if (text[0] == ' ' && text[1] == ' ') continue;
        for (size_t i = 0; !in_word && i < sizeof WORDS / sizeof *WORDS; i++) {
            size_t size = strlen(WORDS[i]);
            if (strncmp(text, WORDS[i], size) != 0 || !isdigit((unsigned char)text[size])) continue;
            (void)fputs(WORDS[i], out);
            text += size + strspn(text + size, "0123456789");
            break;
        }
        if (!*text) return;
        in_word = isalnum((unsigned char)*text);
        (void)fputc(*text, out); /* whoever closes out asks whether all was written */
    }
}

/* Returns a row's result for the story: how many bytes it were depends on a process's number. */
static const char *plain_result(const struct row *row) {
    static const char *const BYTES[] = {"write", "send", "recv", "read"};
    for (size_t i = 0; row->event == EVENT_RETURN && i < sizeof BYTES / sizeof *BYTES; i++)
        if (strcmp(row->name, BYTES[i]) == 0 && row->result[0] > '0' && row->result[0] <= '9')
            return "n";
    return row->result;
}

/* Writes what one process does, without what differs between two runs that show the same. */
static void write_story(FILE *out, const struct rows *rows, int process) {
    write_anonymous(out, rows->processes[process].name);
    (void)fputc('\n', out);
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        if (row->process != process || strcmp(row->name, "poll") == 0) continue;
        const char *fields[] = {row->name, row->object, plain_result(row), row->text};
        (void)fprintf(out, "  %s", EVENT_NAMES[row->event]);
        if (row->descriptor != NO_DESCRIPTOR) (void)fprintf(out, " %d", row->descriptor);
        for (size_t j = 0; j < sizeof fields / sizeof *fields; j++) {
            if (!*fields[j]) continue;
            (void)fputc(' ', out);
            write_anonymous(out, fields[j]);
        }
        (void)fputc('\n', out);
    }
}

static int compare_texts(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Prints what each process does, equal ones once, with their number. */
static void print_sequences(const struct rows *rows) {
    size_t count = (size_t)rows->process_count, size;
    char **texts = calloc(count + 1, sizeof *texts);
    if (!texts) die(strerror(errno));
    for (size_t i = 0; i < count; i++) {
        FILE *out = open_memstream(&texts[i], &size);
        if (!out) die(strerror(errno));
        write_story(out, rows, (int)i);
        bool failed = ferror(out);
        if (fclose(out) == EOF || failed) die("out of memory");
    }
    qsort(texts, count, sizeof *texts, compare_texts);
    for (size_t i = 0, same; i < count; i += same) {
        for (same = 1; i + same < count && strcmp(texts[i], texts[i + same]) == 0;) same++;
        printf("%zu %s", same, texts[i]);
    }
    for (size_t i = 0; i < count; i++) free(texts[i]);
    free(texts);
}

/* Prints how the server ended if it did so by itself: ", the server ended with status 1 after
 * accept: EMFILE". */
static void print_end(const struct rows *rows) {
    const struct row *failed = NULL;
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        if (!rows_is_by(rows, row, KIND_SERVER)) continue;
        if (row->event == EVENT_RETURN && is_error(row->result)) failed = row;
        if (row->event != EVENT_EXIT || !ends_by_itself(row)) continue;
        if (strcmp(row->name, "exit") != 0) {
            printf(", the server was ended by %s", row->name);
            continue;
        }
        printf(", the server ended with status %s", *row->result ? row->result : "unknown");
        if (failed && strcmp(row->result, "0") != 0)
            printf(" after %s: %s", failed->name, failed->result);
    }
}

static void print_story(const struct rows *rows) {
    int numbers[KINDS] = {0};
    for (int i = 0; i < rows->process_count; i++) numbers[rows->processes[i].kind]++;
    if (numbers[KIND_CHILD] <= FEW_CHILDREN) {
        print_sequences(rows);
        return;
    }
    printf("%d children, %d clients, zombies: %s", numbers[KIND_CHILD], numbers[KIND_CLIENT],
           rows_count_all(rows).zombies > 0 ? "some" : "none");
    print_end(rows);
    printf("\n");
}

/* ---- The commands ---- */

static void command_read(int count, char *logs[]) {
    struct rows rows;
    char message[MESSAGE_SIZE];
    if (trace_read(logs, count, &rows, message, sizeof message) == -1) die(message);
    if (*message) fprintf(stderr, "trace: warning: %s\n", message);
    if (rows_write(&rows, stdout) == -1) die(strerror(errno));
    rows_free(&rows);
}

static void command_draw(int argc, char *argv[]) {
    static const struct option LONG[] = {{"calls", no_argument, NULL, 'c'},
                                         {"title", required_argument, NULL, 't'},
                                         {"seen", required_argument, NULL, 's'},
                                         {"prefix", required_argument, NULL, 'p'},
                                         {NULL, 0, NULL, 0}};
    struct drawing drawing = {.title = NULL};
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "", LONG, NULL)) != -1;) {
        switch (option) {
        case 'c': drawing.calls = true; break;
        case 't': drawing.title = optarg; break;
        case 's': drawing.seen = optarg; break;
        case 'p': drawing.prefix = optarg; break;
        default: refuse("draw has no such option, or it lacks its value: ", argv[optind - 1]);
        }
    }
    if (argc - optind != 1) refuse("draw wants one file of rows", "");
    struct rows rows = load(argv[optind]);
    if (draw_timeline(&rows, &drawing, stdout) == -1)
        die(errno == E2BIG ? "too many calls for a sequence of calls: draw without --calls"
                           : strerror(errno));
    rows_free(&rows);
}

/* Does one of the commands that want a file of rows and no options. */
static void command_rows(const char *command, const char *name) {
    struct rows rows = load(name);
    if (strcmp(command, "counts") == 0) print_counts(&rows);
    else if (strcmp(command, "summary") == 0) print_summary(&rows);
    else if (strcmp(command, "story") == 0) print_story(&rows);
    else printf("%s: %zu rows, and all of them can be\n", name, rows.count);
    rows_free(&rows);
}

int main(int argc, char *argv[]) {
    static const char *const COMMANDS[] = {"check", "counts", "story", "summary"};
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "-h") == 0 || strcmp(command, "--help") == 0) {
        printf("%s%s", USAGE, HELP);
    } else if (strcmp(command, "read") == 0) {
        if (argc < 3 || argv[2][0] == '-') refuse("read wants the trace of a server", "");
        command_read(argc - 2, argv + 2);
    } else if (strcmp(command, "draw") == 0) {
        command_draw(argc - 1, argv + 1);
    } else {
        size_t i = 0, count = sizeof COMMANDS / sizeof *COMMANDS;
        while (i < count && strcmp(COMMANDS[i], command) != 0) i++;
        if (argc < 2) refuse("which command?", "");
        if (i == count) refuse("there is no command ", command);
        if (argc != 3) refuse("this wants one file of rows: ", command);
        command_rows(command, argv[2]);
    }
    flush();
    return EXIT_SUCCESS;
}
