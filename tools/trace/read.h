/*
 * The output of strace to rows. README.md, beside this file, says how what it prints becomes what
 * happened.
 */
#ifndef READ_H
#define READ_H

#include "rows.h"

/*
 * Reads traces: the first is the server's, the others are its clients'. All are to be recorded with
 * strace -f -ttt -T -yy -o FILE. Returns 0, with rows that the caller frees with rows_free and that
 * rows_check holds true; message is then empty or a warning of one line. Or returns -1, with one
 * line of what is wrong and what to do in message.
 */
int trace_read(char *const *logs, int count, struct rows *rows, char *message, size_t message_size);

#endif
