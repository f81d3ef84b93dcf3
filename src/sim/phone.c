/* SPDX-License-Identifier: Apache-2.0
 * Agents' phones: they ring, are picked up, refused or not heard, and some are broken. */
#include "sim/world.h"

static const struct media_desc phone_audio = {.address = "198.51.100.9",
                                              .port = 4000,
                                              .codec_count = 1,
                                              .codec = {{MEDIA_PCMA, 8}},
                                              .dtmf_payload_type = 101,
                                              .direction = MEDIA_SENDRECV,
                                              .ptime_ms = 20};

static struct fake_leg *live(struct world *w, uint64_t id) {
    struct fake_leg *leg = world_leg(w, (uint32_t)id);
    return leg->id == id && !leg->over && !leg->mute ? leg : NULL;
}

static void rings(struct world *w, uint64_t id, uint64_t again) {
    struct fake_leg *leg = live(w, id);
    if (!leg)
        return;
    struct world_offer *offer = truth_offer(w, leg);
    if (offer && !offer->rang_us)
        offer->rang_us = w->now_us;
    w->ua.ringing(w->ua.ctx, (uint32_t)id, again ? 183 : 180, NULL);
    if (!again && world_twice(w))
        world_at(w, 300000, rings, id, 1);
}

static void answer_arrives(struct world *w, uint64_t id, uint64_t again) {
    if (!live(w, id))
        return;
    w->ua.answered(w->ua.ctx, (uint32_t)id, &phone_audio);
    if (!again && world_twice(w)) /* the 200 again: our ACK was late */
        world_at(w, 500000, answer_arrives, id, 1);
}

static void picks_up(struct world *w, uint64_t id, uint64_t lost) {
    struct fake_leg *leg = live(w, id);
    if (!leg || w->agent[leg->agent].away)
        return;
    struct world_offer *offer = truth_offer(w, leg);
    if (offer)
        offer->picked_up_us = w->now_us;
    if (lost)
        return;
    leg->answered = true;
    answer_arrives(w, id, 0);
}

static void refuses(struct world *w, uint64_t id, uint64_t status) {
    struct fake_leg *leg = live(w, id);
    if (leg)
        fake_ua_hangup(w, leg, (uint16_t)status);
}

static void reloads(struct world *w, uint64_t a, uint64_t b) {
    fault_reload(w);
}

/* How long until the agent picks up: as recorded, or as agents are. */
static uint64_t answer_us(const struct world *w, const struct fake_leg *leg, uint64_t *stream) {
    const struct world_call *call = leg->call ? &w->call[leg->call - 1] : NULL;
    const struct caller *c = call && call->caller ? &w->plan->caller[call->caller - 1] : NULL;
    if (c && c->ring_us != NEVER)
        return c->ring_us;
    return draw_from(stream, &agent_habits_of(w, leg->agent)->answer);
}

void phone_invited(struct world *w, struct fake_leg *leg) {
    const struct agent_habits *h = agent_habits_of(w, leg->agent);
    const struct faults *faults = &w->scenario.faults;
    struct world_call *call = truth_call(w, leg->call);
    /* the caller's n-th offer is alike whoever gets it */
    leg->stream =
        call ? draw_key(world_stream(w, call, STREAM_LEG), 1, leg->offer) : draw_key(w->noise, 2, leg->id);
    uint64_t *stream = &leg->stream, ring_us = 20000 + draw_below(stream, 200000);
    double fault = rng_unit(stream), lot = rng_unit(stream);
    uint64_t after_us = answer_us(w, leg, stream);
    bool rather_busy = draw_chance(stream, 0.5);
    if (faults->reload_ringing > 0 && draw_chance(stream, faults->reload_ringing))
        world_at(w, ring_us + draw_below(stream, 3000000), reloads, 0, 0);
    if (fault < faults->lost_invite)
        return; /* nothing ever comes */
    fault -= faults->lost_invite;
    bool lost = fault < faults->lost_answer;
    if (!lost && fault - faults->lost_answer < faults->no_ringing)
        ring_us = 0; /* 200 without 180 */
    else
        world_at(w, ring_us, rings, leg->id, 0);
    if (lot < h->no_answer)
        return;
    if (lot < h->no_answer + h->reject)
        world_at(w, ring_us + after_us, refuses, leg->id, 603);
    else if (lot < h->no_answer + h->reject + h->busy)
        world_at(w, ring_us + 5000, refuses, leg->id, rather_busy ? 486 : 480);
    else
        world_at(w, ring_us + after_us, picks_up, leg->id, lost);
}
