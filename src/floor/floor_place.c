/* SPDX-License-Identifier: Apache-2.0
 * Places in line over a restart. The distributor knows the places that were lost, for as long as it lives;
 * here is what the next daemon is to know: the same places, and those of all who wait now and would be lost
 * with this one. */
#include "floor/internal.h"

#include <errno.h>

uint64_t floor_caller_key(const char *number) {
    uint64_t key = 0xcbf29ce484222325u; /* FNV-1a */
    uint32_t digits = 0;
    for (; *number; number++) {
        unsigned char c = (unsigned char)(*number >= 'A' && *number <= 'Z' ? *number - 'A' + 'a' : *number);
        bool digit = c >= '0' && c <= '9';
        if (digit || c == '+' || (c >= 'a' && c <= 'z'))
            key = (key ^ c) * 0x100000001b3u;
        digits += digit;
    }
    return digits < 3 ? 0 : key ? key : 1;
}

/* 0: the caller of this call cannot have a place kept. */
static uint64_t key_of(const struct floor *f, const struct call *call) {
    const struct conf_queue *queue = conf_queue(f->conf, call->queue);
    return queue && queue->resume_ms ? floor_caller_key(call->contact.caller) : 0;
}

static void keep(struct floor *f, const struct lost_place *place) {
    struct lost_place *into = NULL;
    for (uint32_t i = 0; i < FLOOR_PLACES && !into; i++)
        if (f->place[i].caller == place->caller && f->place[i].queue == place->queue)
            into = &f->place[i];
    if (!into)
        into = &f->place[f->next_place++ % FLOOR_PLACES]; /* the oldest */
    *into = *place;
    f->place_changes++;
}

void floor_place_begins(struct floor *f, const struct call *call, bool resumed) {
    uint64_t caller = key_of(f, call);
    for (uint32_t i = 0; caller && resumed && i < FLOOR_PLACES; i++)
        if (f->place[i].caller == caller && f->place[i].queue == call->queue)
            f->place[i].caller = 0;
    f->place_changes += caller != 0;
}

void floor_place_ends(struct floor *f, const struct call *call, bool lost) {
    const struct lost_place place = {.caller = key_of(f, call),
                                     .queue = call->queue,
                                     .since_us = call->visit.since_us,
                                     .lost_us = f->clock.wall_us(f->clock.ctx)};
    if (place.caller && lost)
        keep(f, &place);
    f->place_changes += place.caller != 0;
}

uint64_t floor_place_changes(const struct floor *f) {
    return f->place_changes;
}

void floor_each_place(const struct floor *f, void (*fn)(void *arg, const struct floor_place *place),
                      void *arg) {
    uint64_t now_us = f->clock.wall_us(f->clock.ctx);
    for (uint32_t i = 0; i < FLOOR_PLACES; i++) {
        const struct lost_place *place = &f->place[i];
        const struct conf_queue *queue = conf_queue(f->conf, place->queue);
        if (place->caller && queue && now_us - place->lost_us < queue->resume_ms * 1000ull)
            fn(arg, &(struct floor_place){queue->name, place->caller, place->since_us, place->lost_us});
    }
    for (const struct call *call = f->first_call; call; call = call->next) {
        uint64_t caller = call->progress.state == CALL_QUEUED ? key_of(f, call) : 0;
        if (caller)
            fn(arg, &(struct floor_place){f->conf->queue[call->queue - 1].name, caller, call->visit.since_us,
                                          now_us});
    }
}

int floor_restore_place(struct floor *f, const struct floor_place *place) {
    uint32_t number = conf_find_queue(f->conf, place->queue);
    const struct conf_queue *queue = conf_queue(f->conf, number);
    uint64_t now_us = f->clock.wall_us(f->clock.ctx), now_ms = floor_now_ms(f);
    if (!queue)
        return -ENOENT;
    if (!place->caller || place->since_us > place->lost_us || place->lost_us > now_us)
        return -EINVAL;
    if (now_us - place->lost_us >= queue->resume_ms * 1000ull)
        return -ESTALE;
    keep(f, &(struct lost_place){place->caller, number, place->since_us, place->lost_us});
    uint64_t ago_ms = (now_us - place->since_us) / 1000;
    return floor_acd_now(f, &(struct acd_event){.type = ACD_EV_LOST_PLACE,
                                                .queue = number,
                                                .caller = place->caller,
                                                .since_ms = ago_ms < now_ms ? now_ms - ago_ms : 1});
}
