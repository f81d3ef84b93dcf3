/* SPDX-License-Identifier: Apache-2.0
 * A thread that replaces small files as a whole; of several texts for one file only the last is written. */
#ifndef DAEMON_WRITER_H
#define DAEMON_WRITER_H

#include "callfloor/base.h"

enum { WRITER_FILES = 2 };
struct writer;

/* path: where file i goes (copied). */
int writer_create(struct writer **wp, const char *const path[WRITER_FILES]);
/* Takes text (malloc'ed). Never waits. */
void writer_put(struct writer *writer, int file, char *text);
/* The errno of a failed write since the last call, 0 = none; *file tells which. */
int writer_error(struct writer *writer, int *file);
/* Lets the thread write what is pending, for at most two seconds. */
void writer_destroy(struct writer *writer);

#endif
