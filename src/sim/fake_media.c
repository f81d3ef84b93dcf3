/* SPDX-License-Identifier: Apache-2.0
 * Fake media: prompts last three seconds, joining starts a talk. */
#include "sim/world.h"

#include <errno.h>
#include <string.h>

static int open_leg(void *ctx, uint32_t id, struct media_desc *local) {
    struct world *w = ctx;
    struct fake_leg *leg = world_leg(w, id);
    if (leg->media)
        world_broken(w, "media is opened twice for one leg");
    *leg = (struct fake_leg){.media = true};
    w->ports_in_use++;
    *local = (struct media_desc){.port = (uint16_t)(10000 + slot_index(id) * 2 % 50000),
                                 .codec_count = 2,
                                 .codec = {{MEDIA_PCMU, 0}, {MEDIA_PCMA, 8}},
                                 .dtmf_payload_type = 101,
                                 .direction = MEDIA_SENDRECV,
                                 .ptime_ms = 20};
    str_copy(local->address, sizeof local->address, "198.51.100.1");
    return 0;
}

static int set(void *ctx, uint32_t id, const struct media_stream *agreed) {
    return agreed->local.codec_count == 1 ? 0 : -EINVAL;
}

static void played(struct world *w, uint64_t id, uint64_t play_id) {
    struct fake_leg *leg = world_leg(w, (uint32_t)id);
    if (!leg->media || !leg->playing || leg->play_id != play_id)
        return;
    leg->playing = false;
    if (world_untold(w))
        return;
    w->media.played(w->media.ctx, (uint32_t)id, (uint32_t)play_id);
    if (world_twice(w))
        w->media.played(w->media.ctx, (uint32_t)id, (uint32_t)play_id);
}

static int play(void *ctx, uint32_t id, const struct media_play *what) {
    struct world *w = ctx;
    struct fake_leg *leg = world_leg(w, id);
    if (!leg->media)
        return -ENOENT;
    leg->playing = true;
    leg->play_id = what->play_id;
    if (!what->loop)
        world_at(w, what->count * FAKE_PROMPT_US, played, id, what->play_id);
    return 0;
}

static void stop(void *ctx, uint32_t id) {
    world_leg(ctx, id)->playing = false;
}

static int join(void *ctx, uint32_t id, uint32_t other) {
    struct world *w = ctx;
    struct fake_leg *a = world_leg(w, id), *b = world_leg(w, other);
    if (!a->media || !b->media || a->joined || b->joined)
        world_broken(w, "a leg is joined that cannot be");
    a->joined = b->joined = true;
    a->other = other;
    b->other = id;
    a->playing = b->playing = false;
    if (a->incoming || b->incoming)
        caller_joined(w, a->incoming ? a : b, a->incoming ? b : a);
    return 0;
}

static void part(void *ctx, uint32_t id) {
    struct fake_leg *leg = world_leg(ctx, id);
    if (leg->joined)
        world_leg(ctx, leg->other)->joined = false;
    leg->joined = false;
}

static void close_leg(void *ctx, uint32_t id) {
    struct world *w = ctx;
    struct fake_leg *leg = world_leg(w, id);
    if (!leg->media) {
        world_broken(w, "media is closed twice for one leg");
        return;
    }
    part(ctx, id);
    leg->media = false;
    w->ports_in_use--;
}

static uint32_t prompt(void *ctx, const char *name) {
    uint32_t number = 1;
    for (; *name; name++)
        number = number * 31 + (unsigned char)*name;
    return number ? number : 1;
}

static int send_digit(void *ctx, uint32_t leg, char digit, uint32_t duration_ms) {
    return 0;
}

static void counters(void *ctx, struct media_counters *out) {
    *out = (struct media_counters){.legs = ((struct world *)ctx)->ports_in_use};
}

static int look(void *ctx, uint32_t id, struct media_leg *out) {
    const struct fake_leg *leg = world_leg(ctx, id);
    if (!leg->media || (leg->id && leg->id != id))
        return -ENOENT;
    uint64_t unheard_us = leg->mute ? ((const struct world *)ctx)->now_us - leg->mute_us : 0;
    *out = (struct media_leg){.joined = leg->joined ? leg->other : 0,
                              .playing = leg->playing,
                              .expects = !leg->held,
                              .unheard_ms = (uint32_t)(unheard_us / 1000)};
    return 0;
}

static uint32_t next_leg(void *ctx, uint32_t *cursor) {
    const struct world *w = ctx;
    while (*cursor < w->leg_capacity) {
        const struct fake_leg *leg = &w->leg[(*cursor)++];
        if (leg->media && leg->id)
            return leg->id;
    }
    return 0;
}

struct media_port fake_media(struct world *w) {
    return (struct media_port){.ctx = w,
                               .open = open_leg,
                               .set = set,
                               .play = play,
                               .stop = stop,
                               .join = join,
                               .part = part,
                               .send_digit = send_digit,
                               .close = close_leg,
                               .prompt = prompt,
                               .counters = counters,
                               .leg = look,
                               .next_leg = next_leg};
}
