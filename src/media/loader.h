/* SPDX-License-Identifier: Apache-2.0
 * Reads prompts while the daemon runs, on a thread that lives as long as that takes: a long piece of music is
 * seconds of work, and the control thread never waits. */
#ifndef MEDIA_LOADER_H
#define MEDIA_LOADER_H

#include "media/prompt.h"

#include <pthread.h>

struct loader {
    struct prompt_job *jobs;
    pthread_t thread;
    int done_fd; /* readable when the jobs are done; -1 before loader_init() */
    bool busy;
    _Atomic bool cancel;
};

int loader_init(struct loader *loader);
/* Takes the jobs. 0, -EBUSY, or -errno (the jobs stay the caller's). */
int loader_start(struct loader *loader, struct prompt_job *jobs);
/* After done_fd became readable: the jobs, done. */
struct prompt_job *loader_finish(struct loader *loader);
/* Waits for the file being read at the most. */
void loader_done(struct loader *loader);

#endif
