/* SPDX-License-Identifier: Apache-2.0
 * What one leg is being played. */
#include "media/play.h"
#include "media/rtp.h"

#include <string.h>

void play_start(struct play *play, const struct media_play *what, const struct prompt_set *set) {
    play->count = play->at = play->position = 0;
    for (uint32_t i = 0; i < what->count && i < MEDIA_PLAY_MAX; i++) {
        uint32_t number = what->prompt[i];
        struct prompt *prompt = set && number && number <= set->count ? set->prompt[number] : NULL;
        if (!prompt)
            continue;
        prompt->users++;
        play->list[play->count++] = prompt;
    }
    play->id = what->play_id;
    play->loop = what->loop;
    play->active = true;
    if (play->loop && play->count == 1 && play->list[0]->number == play->music)
        play->position = play->music_position % play->list[0]->samples;
}

/* The current prompt is through: on to the next one. False at the end. */
static bool advance(struct play *play) {
    play->position = 0;
    if (play->at + 1 < play->count) {
        const struct prompt *next = play->list[++play->at];
        if (play->loop && play->at + 1 == play->count && next->number == play->music)
            play->position = play->music_position % next->samples;
        return true;
    }
    if (play->loop)
        return true;
    play->at = play->count;
    return false;
}

bool play_frame(struct play *play, int law, uint8_t *frame) {
    size_t filled = 0;
    while (filled < RTP_FRAME && play->at < play->count) {
        const struct prompt *prompt = play->list[play->at];
        size_t left = prompt->samples - play->position, n = RTP_FRAME - filled;
        if (n > left)
            n = left;
        memcpy(frame + filled, prompt->law[law] + play->position, n);
        filled += n;
        play->position += (uint32_t)n;
        if (play->position == prompt->samples && !advance(play))
            break;
    }
    memset(frame + filled, law_silence(law), RTP_FRAME - filled);
    return play->at >= play->count;
}

void play_stop(struct play *play, struct prompt **retired) {
    if (!play->active)
        return;
    if (play->loop && play->at + 1 == play->count) {
        play->music = play->list[play->at]->number;
        play->music_position = play->position;
    }
    for (uint32_t i = 0; i < play->count; i++) {
        struct prompt *prompt = play->list[i];
        if (--prompt->users == 0 && prompt->retired) {
            prompt->next = *retired;
            *retired = prompt;
        }
    }
    play->count = play->at = 0;
    play->active = false;
}
