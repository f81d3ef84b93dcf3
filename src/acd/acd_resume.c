/* SPDX-License-Identifier: Apache-2.0
 * Lost places: who hung up or was cut off while waiting finds the place again when calling soon enough. */
#include "acd/acd_int.h"

/* Where to write it down: over the caller's place of before, where there is none, or over the oldest. */
static struct acd_lost_place *cell_for(struct acd *acd, uint32_t queue, uint64_t caller) {
    struct acd_lost_place *none = NULL, *oldest = &acd->lost[0];
    for (uint32_t i = 0; i < ACD_LOST_PLACES; i++) {
        struct acd_lost_place *place = &acd->lost[i];
        if (place->caller == caller && place->queue == queue)
            return place;
        if (!none && (!place->caller || place->until_ms <= acd->now))
            none = place;
        if (place->serial < oldest->serial)
            oldest = place;
    }
    return none ? none : oldest;
}

void acd_lose_place(struct acd *acd, uint32_t queue, uint64_t caller, uint64_t since_ms, int32_t priority) {
    if (!caller)
        return;
    *cell_for(acd, queue, caller) =
        (struct acd_lost_place){.caller = caller,
                                .since_ms = since_ms,
                                .until_ms = acd->now + acd->queue[queue - 1]->set.resume_ms,
                                .serial = ++acd->lost_serial,
                                .queue = queue,
                                .priority = priority};
}

bool acd_resume(struct acd *acd, const struct acd_queue *queue, uint64_t caller, uint64_t *since_ms,
                int32_t *priority, bool take) {
    if (!caller || !queue->set.resume_ms)
        return false;
    for (uint32_t i = 0; i < ACD_LOST_PLACES; i++) {
        struct acd_lost_place *place = &acd->lost[i];
        if (place->caller != caller || place->queue != queue->number || place->until_ms <= acd->now)
            continue;
        if (place->since_ms < *since_ms)
            *since_ms = place->since_ms;
        if (place->priority > *priority)
            *priority = place->priority;
        if (take)
            place->caller = 0;
        return true;
    }
    return false;
}
