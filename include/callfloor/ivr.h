/* SPDX-License-Identifier: Apache-2.0
 *
 * ivr: the menu interpreter. Pure: one run per caller; an event with its time goes in, effects come out.
 *
 *   START -> [welcome] -> prompt -> digit -> the choice's target
 *                           |  no digit in digit_timeout_ms after the prompt's end -> [timeout prompt], again
 *                           |  a digit without a choice                            -> [invalid prompt], again
 *                           after `attempts` rounds -> fallback target, or [goodbye] and hang up
 *
 * With barge_in a digit ends the prompt at once; without it digits during a prompt are ignored. A target
 * that is a menu is entered inside the run (at most IVR_MAX_STEPS menus, then hang up: no endless loops).
 * A menu without any prompt listens at once. A digit that arrives before the step that would expire its
 * round counts. When a play fails, give IVR_EV_PLAYED for it: the digit timer runs from there.
 */
#ifndef CALLFLOOR_IVR_H
#define CALLFLOOR_IVR_H

#include "callfloor/conf.h"

enum { IVR_MAX_STEPS = 100, IVR_MAX_PROMPTS = 4, IVR_PATH_LEN = 128 };

enum ivr_event_type {
    IVR_EV_START,  /* menu */
    IVR_EV_DIGIT,  /* digit */
    IVR_EV_PLAYED, /* the prompts of play_id came to their end; a stale play_id is refused (-EPROTO) */
    IVR_EV_TICK,
};
struct ivr_event {
    enum ivr_event_type type;
    uint64_t now_ms;
    uint32_t menu;
    char digit;
    uint32_t play_id;
};

enum ivr_effect_type {
    IVR_FX_PLAY, /* prompts (names, "" left out), play_id */
    IVR_FX_STOP, /* stop playing at once */
    IVR_FX_GO,   /* the run is over: take the call to target (queue, agent, play, loop, hangup) */
};
struct ivr_effect {
    enum ivr_effect_type type;
    const char *prompt[IVR_MAX_PROMPTS]; /* borrowed from the configuration */
    uint32_t prompt_count, play_id;
    struct conf_target target;
};
struct ivr_effects {
    struct ivr_effect item[8]; /* a step never makes more */
    uint32_t count;
};

/* Plain data, may be copied and written out. Zero-initialise. */
struct ivr_run {
    uint32_t menu, state, attempt, steps, play_id;
    uint64_t deadline_ms;    /* NEVER when none */
    char path[IVR_PATH_LEN]; /* "main:2/support:1", "main:it2" (invalid, timeout, 2), as far as it fits */
};

/* conf: what is running now (a run survives a reload; a menu that has gone leads to hang up). 0, -EINVAL
 * (unknown menu, not a digit), -EPROTO (the event makes no sense now; nothing changed). out is filled afresh.
 * Allocates nothing. */
int ivr_step(struct ivr_run *run, const struct conf *conf, const struct ivr_event *event,
             struct ivr_effects *out);
static inline uint64_t ivr_deadline(const struct ivr_run *run) {
    return run->deadline_ms;
}

#endif
