/* SPDX-License-Identifier: Apache-2.0
 * A thread that replaces files as a whole; of several texts for one file only the last is written. */
#ifndef DAEMON_WRITER_H
#define DAEMON_WRITER_H

#include "callfloor/base.h"

enum { WRITER_FILES = 3 };
struct writer;

/* A file's text that is still to be made, by the thread: for what would take the control thread too long. At
 * the beginning of a structure of its maker's. */
struct writer_job {
    char *(*text)(struct writer_job *job); /* malloc'ed; NULL: leave the file as it is */
    void (*drop)(struct writer_job *job);  /* frees it; on either thread */
};

/* path: where file i goes (copied). */
int writer_create(struct writer **wp, const char *const path[WRITER_FILES]);
/* Takes text (malloc'ed). Never waits. */
void writer_put(struct writer *writer, int file, char *text);
/* Takes the job. */
void writer_put_job(struct writer *writer, int file, struct writer_job *job);
/* The errno of a failed write since the last call, 0 = none; *file tells which. */
int writer_error(struct writer *writer, int *file);
/* Lets the thread write what is pending, for at most two seconds. False: it hangs, and still uses its jobs.
 */
bool writer_destroy(struct writer *writer);

#endif
