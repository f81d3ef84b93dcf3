/* SPDX-License-Identifier: Apache-2.0
 * Prompts and music: WAV files, converted once to both G.711 laws at 8 kHz mono and shared by all calls.
 * The library (names, files) lives on the control thread; the media thread sees a set of pointers. */
#ifndef MEDIA_PROMPT_H
#define MEDIA_PROMPT_H

#include "media/law.h"

#include <stdatomic.h>
#include <sys/stat.h>

enum { PROMPT_MAX = 4096, PROMPT_MAX_SECONDS = 7200 };

struct prompt {
    uint32_t number;
    uint32_t samples; /* never 0 */
    uint8_t *law[LAWS];
    /* The media thread's: */
    uint32_t users; /* legs that play it */
    bool retired;   /* replaced or removed: freed when nobody plays it any more */
    struct prompt *next;
};

/* Reads a WAV file (anything libsndfile knows). 0, -ENOENT, -EINVAL, -EFBIG, -ENOMEM; error says why. */
int prompt_load(struct prompt **promptp, const char *path, char *error, size_t error_size);
void prompt_free(struct prompt *prompt);

/* By number, from 1; entry [0] is not used; NULL where there is none. */
struct prompt_set {
    uint32_t count; /* highest number */
    struct prompt_set *next;
    struct prompt *prompt[];
};

/* One file that is new or has changed. */
struct prompt_job {
    struct prompt_job *next;
    uint32_t number;
    struct stat file;
    struct prompt *prompt; /* what loading made; NULL: error says why */
    char error[160];
    char path[];
};

struct prompt_library;
int prompt_library_create(struct prompt_library **libp);
/* Also frees the prompts it knows; those it has given up belong to whoever holds the last set. */
void prompt_library_destroy(struct prompt_library *lib);
/* Compares folder with what is known: *jobs are the files to be read (may be NULL). New names have their
 * number from now on; names that have gone are forgotten, but their numbers stay theirs. Returns 0 or what
 * opendir() says. */
int prompt_library_scan(struct prompt_library *lib, const char *folder, struct prompt_job **jobs);
/* Reads the files, on any thread, until *cancel is set (NULL: never). */
void prompt_jobs_run(struct prompt_job *jobs, const _Atomic bool *cancel);
void prompt_jobs_free(struct prompt_job *jobs);
/* Takes over what was read, logs what could not be (those stay as they were), frees the jobs. */
void prompt_library_take(struct prompt_library *lib, struct prompt_job *jobs);
/* A new set of all prompts (free() it), NULL without memory. */
struct prompt_set *prompt_library_set(const struct prompt_library *lib);
/* 0: no such file. The audio of a new one may still be being read. */
uint32_t prompt_library_find(const struct prompt_library *lib, const char *name);
uint32_t prompt_library_count(const struct prompt_library *lib); /* with audio */
bool prompt_name_is_valid(const char *name);

#endif
