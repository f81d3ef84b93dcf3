/* SPDX-License-Identifier: Apache-2.0
 * Who sends in which tick. */
#include "media/pace.h"

#include <errno.h>
#include <stdlib.h>

int pace_init(struct pace *pace, uint32_t capacity) {
    *pace = (struct pace){.capacity = capacity};
    pace->where = calloc(capacity, sizeof *pace->where);
    bool ok = pace->where != NULL;
    for (int i = 0; i < PACE_PHASES; i++) {
        pace->slot[i] = calloc(capacity, sizeof *pace->slot[i]);
        ok = ok && pace->slot[i];
    }
    if (!ok)
        pace_done(pace);
    return ok ? 0 : -ENOMEM;
}

void pace_done(struct pace *pace) {
    for (int i = 0; i < PACE_PHASES; i++)
        free(pace->slot[i]);
    free(pace->where);
    *pace = (struct pace){0};
}

void pace_add(struct pace *pace, uint32_t slot) {
    if (pace->where[slot])
        return;
    uint32_t best = 0;
    for (uint32_t i = 1; i < PACE_PHASES; i++)
        if (pace->count[i] < pace->count[best])
            best = i;
    pace->slot[best][pace->count[best]++] = slot;
    pace->where[slot] = best + PACE_PHASES * pace->count[best];
}

void pace_remove(struct pace *pace, uint32_t slot) {
    uint32_t where = pace->where[slot];
    if (!where)
        return;
    uint32_t phase = where % PACE_PHASES, position = where / PACE_PHASES - 1;
    uint32_t moved = pace->slot[phase][--pace->count[phase]];
    pace->slot[phase][position] = moved;
    pace->where[moved] = where;
    pace->where[slot] = 0;
}

void pace_restart(struct pace *pace, uint64_t now_us) {
    pace->due_us = now_us;
}

bool pace_next(struct pace *pace, uint64_t now_us, uint32_t *phase, uint64_t *skipped) {
    if (pace->due_us > now_us)
        return false;
    uint64_t behind_us = now_us - pace->due_us, round_us = PACE_PHASES * PACE_TICK_US;
    if (behind_us > PACE_SKIP_US) {
        uint64_t rounds = behind_us / round_us;
        pace->due_us += rounds * round_us;
        *skipped += rounds * PACE_PHASES;
    }
    *phase = pace->tick++ % PACE_PHASES;
    pace->due_us += PACE_TICK_US;
    return true;
}

uint64_t pace_wake_us(const struct pace *pace) {
    uint32_t i = 0;
    while (i < PACE_PHASES - 1 && !pace->count[(pace->tick + i) % PACE_PHASES])
        i++;
    return pace->due_us + (uint64_t)i * PACE_TICK_US;
}
