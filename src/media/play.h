/* SPDX-License-Identifier: Apache-2.0
 * What one leg is being played: a sequence of prompts, sample by sample without gaps. Pure. */
#ifndef MEDIA_PLAY_H
#define MEDIA_PLAY_H

#include "media/prompt.h"

struct play {
    bool active, loop;
    uint32_t count, at, position; /* position: next sample of list[at] */
    uint32_t id;
    struct prompt *list[MEDIA_PLAY_MAX];
    /* Where looped music stopped, to resume it there. */
    uint32_t music, music_position;
};

/* Resolves the numbers in set (missing ones are left out) and becomes active; must not be active. Counts as a
 * user of each prompt. */
void play_start(struct play *play, const struct media_play *what, const struct prompt_set *set);
/* The next RTP_FRAME samples in the given law. True: that was the end (the rest of the frame is silence). */
bool play_frame(struct play *play, int law, uint8_t *frame);
/* Ends; the prompts that have no user any more and were retired are put in front of *retired. */
void play_stop(struct play *play, struct prompt **retired);

#endif
