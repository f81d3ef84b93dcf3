/* SPDX-License-Identifier: Apache-2.0
 * Lost places: who hung up or was cut off while waiting finds the place again when calling soon enough. */
#include "acd/acd_int.h"

void acd_lose_place(struct acd *acd, uint32_t queue, uint64_t caller, uint64_t since_ms, int32_t priority) {
    const struct conf_queue *set = &acd->queue[queue - 1]->set;
    struct acd_lost_place *place = NULL;
    if (!caller)
        return;
    for (uint32_t i = 0; i < ACD_LOST_PLACES && !place; i++)
        if (acd->lost[i].caller == caller && acd->lost[i].queue == queue)
            place = &acd->lost[i];
    if (!place)
        place = &acd->lost[acd->lost_next++ % ACD_LOST_PLACES]; /* the oldest */
    *place = (struct acd_lost_place){.caller = caller,
                                     .since_ms = since_ms,
                                     .until_ms = acd->now + set->resume_ms,
                                     .queue = queue,
                                     .priority = priority};
}

void acd_each_lost_place(const struct acd *acd,
                         void (*fn)(void *arg, uint32_t queue, uint64_t caller, uint64_t since_ms,
                                    uint64_t until_ms, int32_t priority),
                         void *arg) {
    for (uint32_t i = 0; i < ACD_LOST_PLACES; i++) {
        const struct acd_lost_place *place = &acd->lost[i];
        if (place->caller && place->until_ms > acd->now)
            fn(arg, place->queue, place->caller, place->since_ms, place->until_ms, place->priority);
    }
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
