/* SPDX-License-Identifier: Apache-2.0
 * Who sends in which tick: a leg with audio of our own sends each 20 ms, in one of five phases of 4 ms, so
 * that the work is even. (4 ms: the tick and its work stay under 6 ms of added delay with 1000 calls.) Pure.
 */
#ifndef MEDIA_PACE_H
#define MEDIA_PACE_H

#include "callfloor/base.h"

enum { PACE_PHASES = 5, PACE_TICK_US = 4000, PACE_SKIP_US = 100000 };

struct pace {
    uint32_t *slot[PACE_PHASES];
    uint32_t count[PACE_PHASES];
    uint32_t *where; /* by slot: phase + PACE_PHASES * (position + 1); 0 = not here */
    uint32_t capacity;
    uint64_t due_us; /* next tick */
    uint32_t tick;   /* its number; its phase is tick % PACE_PHASES */
};

int pace_init(struct pace *pace, uint32_t capacity);
void pace_done(struct pace *pace);
/* Into the emptiest phase; nothing when it is there already. */
void pace_add(struct pace *pace, uint32_t slot);
void pace_remove(struct pace *pace, uint32_t slot);
static inline bool pace_has(const struct pace *pace, uint32_t slot) {
    return pace->where[slot] != 0;
}

/* After a sleep without ticks: the next one is due now. */
void pace_restart(struct pace *pace, uint64_t now_us);
/* Is a tick due? Then *phase is its phase and time moves on to the next. After a stall longer than
 * PACE_SKIP_US whole rounds of phases are left out and counted in *skipped. */
bool pace_next(struct pace *pace, uint64_t now_us, uint32_t *phase, uint64_t *skipped);
/* When to wake up next if only ticks with work matter; at most a whole round away. */
uint64_t pace_wake_us(const struct pace *pace);

#endif
