/* SPDX-License-Identifier: Apache-2.0
 * Callers: they call, press digits, wait, give up, talk, hold, hang up, and call again. */
#include "sim/world.h"

#include <stdio.h>
#include <string.h>

enum { CONFIRM_US = 20000, LONGEST_MENU_US = 300 * 1000000, ATTEMPTS = 5 };
#define LONGEST_CALL_US (3 * 3600 * 1000000ull)

static const struct media_desc remote_audio = {.address = "203.0.113.7",
                                               .port = 20000,
                                               .codec_count = 2,
                                               .codec = {{MEDIA_PCMA, 8}, {MEDIA_PCMU, 0}},
                                               .dtmf_payload_type = 101,
                                               .direction = MEDIA_SENDRECV,
                                               .ptime_ms = 20};

static struct fake_leg *live(struct world *w, uint64_t id) {
    struct fake_leg *leg = world_leg(w, (uint32_t)id);
    return leg->id == id && !leg->over ? leg : NULL;
}

static const struct caller *planned(const struct world *w, const struct world_call *call) {
    return call->caller ? &w->plan->caller[call->caller - 1] : NULL;
}

/* Those of the queue the call is in, or came through. */
static const struct queue_habits *habits_of(const struct world *w, const struct world_call *call) {
    uint32_t queue = call->visit_count ? call->visit[call->visit_count - 1].queue : 0;
    return scenario_queue(&w->scenario, queue ? w->conf->queue[queue - 1].name : "");
}

/* ---- waiting ---- */

static void gives_up(struct world *w, uint64_t id, uint64_t only_in_menu) {
    struct fake_leg *leg = live(w, id);
    struct world_call *call = leg ? truth_call(w, leg->call) : NULL;
    if (!call || leg->joined || leg->joined_before || (only_in_menu && call->visit_count))
        return;
    call->hung_up = true;
    fake_ua_hangup(w, leg, leg->answered ? 0 : 487);
}

static void is_lost(struct world *w, uint64_t id, uint64_t b) {
    struct fake_leg *leg = live(w, id);
    if (leg)
        fake_ua_hangup(w, leg, 408);
}

static void presses(struct world *w, uint64_t id, uint64_t digit) {
    if (live(w, id))
        w->media.digit(w->media.ctx, (uint32_t)id, (char)digit, 100);
}

static void leaves_by_key(struct world *w, uint64_t id, uint64_t b) {
    struct fake_leg *leg = live(w, id);
    const struct world_call *call = leg ? truth_call(w, leg->call) : NULL;
    const struct conf_queue *queue =
        call && call->visit_count ? conf_queue(w->conf, call->visit[call->visit_count - 1].queue) : NULL;
    if (!leg || leg->joined || leg->joined_before)
        return;
    for (uint32_t i = 0; queue && i < CONF_DIGITS; i++)
        if (queue->exit[i].kind != CONF_TARGET_NONE) {
            presses(w, id, (uint64_t) "0123456789*#"[i]);
            return;
        }
    gives_up(w, id, 0);
}

void caller_entered(struct world *w, struct world_call *call, uint32_t queue) {
    const struct caller *c = planned(w, call);
    const struct queue_habits *habits = habits_of(w, call);
    uint64_t patience = world_stream(w, call, STREAM_PATIENCE);
    uint64_t leave = draw_key(world_stream(w, call, STREAM_EXIT), 0, call->visit_count);
    if (c && c->way && call->visit_count == 1) {
        uint64_t known_us = call->attempt == 1 ? c->patience_us : NEVER;
        uint64_t for_us = known_us != NEVER ? known_us : draw_from(&patience, &habits->patience);
        world_at(w, for_us, gives_up, call->leg, 0);
        if (call->attempt == 1 && c->exit_us != NEVER)
            world_at(w, c->exit_us, leaves_by_key, call->leg, 0);
    }
    if (habits->exit_digit && draw_chance(&leave, habits->exit_share))
        world_at(w, draw_from(&leave, &habits->exit_after), presses, call->leg, (uint64_t)habits->exit_digit);
}

/* ---- calling ---- */

/* Leg of the call, or 0 when it was refused. */
static uint32_t place(struct world *w, uint32_t number, uint32_t agent, const char *called) {
    struct world_call *call = truth_call(w, number);
    struct ua_refusal refusal = {0};
    char caller[24], name[16];
    uint64_t stream = world_stream(w, call, STREAM_LEG);
    snprintf(caller, sizeof caller, "%llu", FAKE_FIRST_NUMBER + call->person);
    snprintf(name, sizeof name, "#%u", number);
    struct ua_incoming in = {.trunk = agent ? 0 : 1,
                             .agent = agent,
                             .called = called,
                             .caller = agent ? w->conf->agent[agent - 1].id : caller,
                             .caller_name = name,
                             .call_id = "sim",
                             .offer = draw_chance(&stream, 0.05) ? NULL : &remote_audio};
    w->placing = number;
    uint32_t id = w->ua.invited(w->ua.ctx, &in, &refusal);
    w->placing = 0;
    call = truth_call(w, number);
    call->leg = id;
    if (!id) {
        call->ended_us = w->now_us;
        return 0;
    }
    struct fake_leg *leg = world_leg(w, id);
    if (!leg->media)
        world_broken(w, "a call was taken without media");
    leg->id = id;
    leg->incoming = true;
    leg->call = number;
    leg->stream = stream;
    leg->delayed_offer = !in.offer; /* the ACK carries the answer */
    world_at(w, LONGEST_CALL_US, gives_up, id, 0);
    if (w->scenario.faults.caller_lost > 0 && draw_chance(&leg->stream, w->scenario.faults.caller_lost))
        world_at(w, draw_exponential(&leg->stream, 60000000), is_lost, id, 0);
    return id;
}

void caller_agent_calls(struct world *w, uint32_t agent, const char *called) {
    uint32_t number = truth_new_call(w, 0, w->call_count + 1, agent);
    uint32_t id = place(w, number, agent, called);
    uint64_t patience = world_stream(w, truth_call(w, number), STREAM_PATIENCE);
    if (id)
        world_at(w, draw_from(&patience, &w->scenario.every_queue.patience), gives_up, id, 0);
}

/* Any number, any digits, and patience from the first ringing on: callers who try everything. */
static void calls_anything(struct world *w, uint32_t number) {
    struct world_call *call = truth_call(w, number);
    /* who calls again wants the same */
    uint64_t stream = draw_key(w->plan->caller[call->caller - 1].stream, STREAM_ROUTE, 0);
    uint64_t patience = world_stream(w, call, STREAM_PATIENCE), at_us = 1000000;
    char called[NUMBER_LEN] = "999999999"; /* wrong number */
    uint32_t entry = (uint32_t)draw_below(&stream, w->conf->number_count);
    if (w->conf->number_count && !draw_chance(&stream, 0.01))
        str_copy(called, sizeof called, w->conf->number[entry].number);
    char *star = strchr(called, '*');
    if (star && star != called)
        *star = '0';
    uint32_t id = place(w, number, 0, called);
    if (!id)
        return;
    world_at(w, draw_from(&patience, &w->scenario.every_queue.patience), gives_up, id, 0);
    for (int i = 0; i < 4; i++) { /* some press nothing, some nonsense */
        at_us += draw_exponential(&stream, 4000000);
        world_at(w, at_us, presses, id, (uint64_t) "11223349*#0"[draw_below(&stream, 11)]);
    }
}

static void calls(struct world *w, uint64_t caller, uint64_t attempt) {
    const struct caller *c = &w->plan->caller[caller - 1];
    if (w->closing)
        return;
    if (c->way && !w->routed[c->way - 1]) {
        w->unplaced++;
        return;
    }
    uint32_t number = truth_new_call(w, (uint32_t)caller, (uint32_t)attempt, c->person);
    if (!c->way) {
        calls_anything(w, number);
        return;
    }
    uint32_t id = place(w, number, 0, w->route[c->way - 1].number);
    if (id)
        world_at(w, LONGEST_MENU_US, gives_up, id, 1);
}

void caller_start(struct world *w) {
    for (uint32_t i = 0; i < w->plan->caller_count; i++) {
        const struct caller *c = &w->plan->caller[i];
        uint64_t ahead_us = c->way && c->enters && w->routed[c->way - 1] ? w->route[c->way - 1].total_us : 0;
        world_at(w, c->at_us > ahead_us ? c->at_us - ahead_us : 0, calls, i + 1, 1);
    }
}

static void confirms(struct world *w, uint64_t id, uint64_t with_answer) {
    if (live(w, id))
        w->ua.confirmed(w->ua.ctx, (uint32_t)id, with_answer ? &remote_audio : NULL);
}

void caller_answered(struct world *w, struct fake_leg *leg) {
    struct world_call *call = truth_call(w, leg->call);
    const struct caller *c = call ? planned(w, call) : NULL;
    world_at(w, CONFIRM_US, confirms, leg->id, leg->delayed_offer);
    if (call)
        call->answered_us = w->now_us;
    if (!c || !c->way)
        return;
    const struct route *route = &w->route[c->way - 1];
    uint64_t at_us = 0;
    if (w->scenario.faults.nonsense > 0 && draw_chance(&leg->stream, w->scenario.faults.nonsense))
        world_at(w, 100000, presses, leg->id, '*');
    for (uint32_t i = 0; i < SCENARIO_DIGITS && route->digit[i]; i++) {
        at_us += route->after_us[i];
        world_at(w, at_us, presses, leg->id, (uint64_t)route->digit[i]);
    }
}

/* Who was lost while waiting may try again. */
void caller_ended(struct world *w, struct world_call *call) {
    if (!call->caller || w->closing || call->attempt >= ATTEMPTS || call->joined_us || !call->visit_count)
        return;
    const struct queue_habits *habits = habits_of(w, call);
    enum acd_visit_result last = call->visit[call->visit_count - 1].result;
    uint64_t stream = world_stream(w, call, STREAM_AGAIN);
    if ((last == ACD_VISIT_ABANDONED || last == ACD_VISIT_FAILED) && draw_chance(&stream, habits->again))
        world_at(w, draw_from(&stream, &habits->again_after), calls, call->caller, call->attempt + 1);
}

/* ---- talking ---- */

static void hangs_up(struct world *w, uint64_t id, uint64_t unused) {
    struct fake_leg *leg = live(w, id);
    struct world_call *call = leg && leg->incoming ? truth_call(w, leg->call) : NULL;
    if (call)
        call->hung_up = true;
    if (leg)
        fake_ua_hangup(w, leg, 0);
}

static void reoffers(struct world *w, uint64_t id, uint64_t hold) {
    struct media_desc offer = remote_audio, answer;
    struct fake_leg *leg = live(w, id);
    if (!leg || !leg->answered)
        return;
    offer.direction = hold ? MEDIA_SENDONLY : MEDIA_SENDRECV;
    leg->held = hold;
    if (w->ua.reoffered(w->ua.ctx, (uint32_t)id, &offer, &answer))
        world_broken(w, "a re-INVITE in a talk was refused");
    else if (answer.direction != (hold ? MEDIA_RECVONLY : MEDIA_SENDRECV))
        world_broken(w, "a re-INVITE got an answer with a wrong direction");
}

void caller_joined(struct world *w, struct fake_leg *caller, struct fake_leg *phone) {
    struct world_call *call = truth_call(w, caller->call);
    const struct queue_habits *habits = habits_of(w, call);
    const struct caller *c = planned(w, call);
    uint64_t stream = world_stream(w, call, STREAM_TALK);
    uint64_t known_us = c && call->attempt == 1 ? c->talk_us : NEVER;
    uint64_t talk_us = known_us != NEVER ? known_us : draw_from(&stream, &habits->talk);
    struct fake_leg *first = draw_chance(&stream, 0.5) ? caller : phone;
    caller->joined_before = true;
    call->agent = phone->agent;
    call->joined_us = w->now_us;
    if (c)
        w->last_agent[call->person] = phone->agent;
    world_at(w, talk_us, hangs_up, first->id, 0);
    if (draw_chance(&stream, 0.05)) /* both at once */
        world_at(w, talk_us, hangs_up, (first == caller ? phone : caller)->id, 0);
    if (draw_chance(&stream, habits->hold)) {
        uint32_t id = draw_chance(&stream, 0.8) ? phone->id : caller->id;
        world_at(w, talk_us / 4, reoffers, id, 1);
        if (draw_chance(&stream, 0.9))
            world_at(w, talk_us / 2, reoffers, id, 0);
    }
}
