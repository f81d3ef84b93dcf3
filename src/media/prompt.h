/* SPDX-License-Identifier: Apache-2.0
 * Prompts and music: WAV files, converted once to both G.711 laws at 8 kHz mono and shared by all calls.
 * The library (names, files) lives on the control thread; the media thread sees a set of pointers. */
#ifndef MEDIA_PROMPT_H
#define MEDIA_PROMPT_H

#include "media/law.h"

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

struct prompt_library;
int prompt_library_create(struct prompt_library **libp);
/* Also frees the prompts it knows; those it has given up belong to whoever holds the last set. */
void prompt_library_destroy(struct prompt_library *lib);
/* Reads what is new or changed in folder; names that have gone are forgotten, their numbers stay taken.
 * Returns 0, or what opendir() says; single bad files are logged and left as they were. */
int prompt_library_scan(struct prompt_library *lib, const char *folder);
/* A new set of all prompts (free() it), NULL without memory. */
struct prompt_set *prompt_library_set(const struct prompt_library *lib);
uint32_t prompt_library_find(const struct prompt_library *lib, const char *name);
uint32_t prompt_library_count(const struct prompt_library *lib); /* with audio */
bool prompt_name_is_valid(const char *name);

#endif
