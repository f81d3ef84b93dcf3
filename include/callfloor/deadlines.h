/* SPDX-License-Identifier: Apache-2.0
 *
 * deadlines: many timed objects in one heap, ordered by time and then by key, so that one input gives one
 * order everywhere. The object embeds a struct deadline; nothing is allocated after the heap has grown.
 */
#ifndef CALLFLOOR_DEADLINES_H
#define CALLFLOOR_DEADLINES_H

#include "callfloor/base.h"

struct deadline {
    uint64_t at_ms, key; /* key: unique among the objects of one heap */
    uint32_t place;      /* in the heap, 1-based; 0 = not set. Zero-initialise */
};
struct deadlines {
    struct deadline **heap;
    uint32_t count, capacity;
};

/* Sets or moves; NEVER clears. 0 or -ENOMEM (then it is not set). */
int deadline_set(struct deadlines *all, struct deadline *one, uint64_t at_ms);
void deadline_clear(struct deadlines *all, struct deadline *one);
/* The earliest, or NULL. */
static inline struct deadline *deadline_first(const struct deadlines *all) {
    return all->count ? all->heap[0] : NULL;
}
static inline uint64_t deadline_next_ms(const struct deadlines *all) {
    return all->count ? all->heap[0]->at_ms : NEVER;
}
void deadlines_done(struct deadlines *all); /* frees the heap, not the objects */

#endif
