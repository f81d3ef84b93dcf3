/* SPDX-License-Identifier: Apache-2.0
 * Fake SIP: legs that answer when their people do; each ends exactly once, a little later. */
#include "sim/world.h"

#include <errno.h>
#include <string.h>

static void really_ended(struct world *w, uint64_t id, uint64_t status_by_us) {
    struct fake_leg *leg = world_leg(w, (uint32_t)id);
    if (leg->id != id)
        return;
    struct world_call *call = truth_call(w, leg->incoming ? leg->call : 0);
    if (call)
        call->ended_us = w->now_us;
    uint32_t number = leg->incoming ? leg->call : 0;
    leg->id = 0;
    if (world_untold(w))
        return; /* the floor must find out by itself */
    w->ua.ended(w->ua.ctx, (uint32_t)id, (uint16_t)(status_by_us >> 1), status_by_us & 1, "sim");
    if (world_twice(w)) /* a number that is over: nobody knows it any more */
        w->ua.ended(w->ua.ctx, (uint32_t)id, (uint16_t)(status_by_us >> 1), status_by_us & 1, "sim again");
    if ((call = truth_call(w, number)))
        caller_ended(w, call);
}

static void late_answer(struct world *w, uint64_t id, uint64_t unused) {
    struct fake_leg *leg = world_leg(w, (uint32_t)id);
    struct media_desc remote = {
        .address = "198.51.100.9", .port = 4000, .codec_count = 1, .direction = MEDIA_SENDRECV};
    if (leg->id == id)
        w->ua.answered(w->ua.ctx, (uint32_t)id, &remote);
}

static int invite(void *ctx, uint32_t id, const struct ua_invite *what) {
    struct world *w = ctx;
    struct fake_leg *leg = world_leg(w, id);
    if (leg->id)
        world_broken(w, "a leg number is invited twice");
    *leg = (struct fake_leg){.id = id, .agent = what->agent, .media = leg->media};
    world_hash(w, &what->agent, sizeof what->agent);
    world_hash(w, what->caller, strlen(what->caller));
    truth_invited(w, leg, what->caller_name);
    phone_invited(w, leg);
    return 0;
}

static int ring(void *ctx, uint32_t id) {
    return 0;
}

static int answer(void *ctx, uint32_t id, const struct media_desc *local) {
    struct world *w = ctx;
    struct fake_leg *leg = world_leg(w, id);
    if (leg->id != id || leg->over)
        return -ESTALE;
    if (leg->answered)
        world_broken(w, "a leg is answered twice");
    leg->answered = true;
    caller_answered(w, leg);
    return 0;
}

static void note_end(struct world *w, const struct fake_leg *leg, uint16_t status, bool by_us,
                     bool elsewhere) {
    struct world_offer *offer = truth_offer(w, leg);
    if (!offer || offer->ended_us)
        return;
    offer->ended_us = w->now_us;
    offer->refused = status;
    offer->cancelled = by_us && !leg->answered;
    offer->elsewhere = elsewhere;
}

static void end(void *ctx, uint32_t id, enum ua_end_cause cause, const struct ua_refusal *refusal) {
    struct world *w = ctx;
    struct fake_leg *leg = world_leg(w, id);
    if (leg->id != id)
        return;
    note_end(w, leg, 0, true, cause == UA_END_ANSWERED_ELSEWHERE);
    if (!leg->incoming && !leg->answered && !leg->over &&
        draw_chance(&leg->stream, w->scenario.faults.late_answer))
        world_at(w, 500, late_answer, id, 0); /* the 200 crosses our CANCEL */
    if (!leg->over)
        world_at(w, 1000 + draw_below(&leg->stream, 50000), really_ended, id,
                 (leg->answered ? 0 : 487u << 1) | 1u);
    leg->over = true;
}

/* Ended by the other side, after a way through the network. */
void fake_ua_hangup(struct world *w, struct fake_leg *leg, uint16_t status) {
    if (!leg->id || leg->over)
        return;
    note_end(w, leg, leg->answered ? 0 : status, false, false);
    leg->over = true;
    really_ended(w, leg->id, (uint64_t)status << 1);
}

static uint32_t bindings(void *ctx, uint32_t agent, struct ua_binding *out, uint32_t max) {
    struct world *w = ctx;
    if (!agent || agent > w->agent_count || !w->agent[agent].there || !max)
        return 0;
    *out = (struct ua_binding){.expires_ms = NEVER, .reachable = w->agent[agent].reachable};
    str_copy(out->uri, sizeof out->uri, "sip:sim@198.51.100.9");
    return 1;
}

static int trunk(void *ctx, uint32_t id, struct ua_trunk_state *out) {
    *out = (struct ua_trunk_state){.up = true};
    return 0;
}

static void counters(void *ctx, struct ua_counters *out) {
    *out = (struct ua_counters){0};
}

static int send_info_digit(void *ctx, uint32_t leg, char digit, uint32_t duration_ms) {
    return 0;
}

static void probed(struct world *w, uint64_t id, uint64_t alive) {
    struct fake_leg *leg = world_leg(w, (uint32_t)id);
    if (leg->id == id && !leg->over)
        w->ua.probed(w->ua.ctx, (uint32_t)id, alive);
}

static int probe(void *ctx, uint32_t id) {
    struct world *w = ctx;
    const struct fake_leg *leg = world_leg(w, id);
    if (leg->id != id || leg->over || !leg->answered)
        return -ESTALE;
    world_at(w, leg->mute ? 8000000 : 30000, probed, id, !leg->mute);
    return 0;
}

static enum ua_dialog dialog(void *ctx, uint32_t id) {
    const struct fake_leg *leg = world_leg(ctx, id);
    return leg->id != id ? UA_DIALOG_NONE : leg->answered ? UA_DIALOG_UP : UA_DIALOG_EARLY;
}

static uint32_t next_leg(void *ctx, uint32_t *cursor) {
    const struct world *w = ctx;
    while (*cursor < w->leg_capacity) {
        uint32_t id = w->leg[(*cursor)++].id;
        if (id)
            return id;
    }
    return 0;
}

struct ua_port fake_ua(struct world *w) {
    return (struct ua_port){.ctx = w,
                            .invite = invite,
                            .ring = ring,
                            .answer = answer,
                            .end = end,
                            .send_info_digit = send_info_digit,
                            .bindings = bindings,
                            .trunk = trunk,
                            .counters = counters,
                            .probe = probe,
                            .dialog = dialog,
                            .next_leg = next_leg};
}
