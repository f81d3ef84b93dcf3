/* SPDX-License-Identifier: Apache-2.0
 * How callers and agents behave: arrivals with two peaks, patience, digits, answering, talking, holding,
 * pausing, phones that vanish. */
#include "sim/world.h"

#include <stdio.h>
#include <string.h>

void fake_ua_hangup(struct world *w, struct fake_leg *leg, uint16_t status);

static const struct media_desc remote_audio = {.address = "203.0.113.7",
                                               .port = 20000,
                                               .codec_count = 2,
                                               .codec = {{MEDIA_PCMA, 8}, {MEDIA_PCMU, 0}},
                                               .dtmf_payload_type = 101,
                                               .direction = MEDIA_SENDRECV,
                                               .ptime_ms = 20};

static uint64_t us(double ms) {
    return (uint64_t)(ms * 1000);
}

static struct fake_leg *live(struct world *w, uint64_t id) {
    struct fake_leg *leg = world_leg(w, (uint32_t)id);
    return leg->id == id && !leg->over ? leg : NULL;
}

/* ---- callers ---- */

static void gives_up(struct world *w, uint64_t id, uint64_t unused) {
    struct fake_leg *leg = live(w, id);
    if (leg && !leg->joined && !leg->joined_before)
        fake_ua_hangup(w, leg, leg->answered ? 0 : 487);
}

static void presses(struct world *w, uint64_t id, uint64_t digit) {
    if (live(w, id))
        w->media.digit(w->media.ctx, (uint32_t)id, (char)digit, 100);
}

static void place_call(struct world *w, uint32_t agent, const char *called) {
    struct ua_refusal refusal = {0};
    char caller[24];
    snprintf(caller, sizeof caller, "%llu", 48500000000ull + (uint64_t)(world_unit(w) * 20000));
    struct ua_incoming in = {.trunk = agent ? 0 : 1,
                             .agent = agent,
                             .called = called,
                             .caller = agent ? w->conf->agent[agent - 1].id : caller,
                             .caller_name = "",
                             .call_id = "sim",
                             .offer = world_chance(w, 0.05) ? NULL : &remote_audio};
    uint32_t id = w->ua.invited(w->ua.ctx, &in, &refusal);
    if (!id)
        return;
    struct fake_leg *leg = world_leg(w, id);
    if (!leg->media)
        world_broken(w, "a call was taken without media");
    leg->id = id;
    leg->incoming = true;
    leg->in_menu = !in.offer; /* delayed offer: the ACK carries the answer */
    world_at(w, us(world_exp(w, w->scenario.patience_mean_ms)), gives_up, id, 0);
    world_at(w, us(3 * 3600000.0), gives_up, id, 0);
    double at_ms = 1000;
    for (int i = 0; i < 4 && !agent; i++) { /* some press nothing, some nonsense */
        at_ms += world_exp(w, 4000);
        world_at(w, us(at_ms), presses, id, "1122309*#t"[(int)(world_unit(w) * 9)]);
    }
}

static void confirms(struct world *w, uint64_t id, uint64_t with_answer) {
    if (live(w, id))
        w->ua.confirmed(w->ua.ctx, (uint32_t)id, with_answer ? &remote_audio : NULL);
}

void traffic_caller_answered(struct world *w, struct fake_leg *leg) {
    world_at(w, 20000, confirms, leg->id, leg->in_menu);
}

static void arrives(struct world *w, uint64_t a, uint64_t b) {
    uint32_t number = (uint32_t)(world_unit(w) * w->conf->number_count);
    char called[NUMBER_LEN];
    if (w->closing)
        return;
    str_copy(called, sizeof called, w->conf->number_count ? w->conf->number[number].number : "0");
    char *star = strchr(called, '*');
    if (star && star != called)
        *star = '0';
    if (world_chance(w, 0.01))
        str_copy(called, sizeof called, "999999999"); /* wrong number */
    place_call(w, 0, called);
}

/* Share of the day's calls in each hour: a morning and an afternoon peak. */
static const double profile[24] = {0.2, 0.1, 0.1, 0.1, 0.1, 0.3, 1, 3, 7, 10,  11, 9,
                                   7,   8,   10,  9,   7,   5,   4, 3, 2, 1.5, 1,  0.6};

static void schedule_day(struct world *w) {
    double sum = 0, hour_ms = (double)w->scenario.day_ms / 24;
    for (int h = 0; h < 24; h++)
        sum += profile[h];
    for (int h = 0; h < 24; h++) {
        double mean_ms = hour_ms * sum / (profile[h] * w->scenario.calls), at_ms = world_exp(w, mean_ms);
        for (; at_ms < hour_ms; at_ms += world_exp(w, mean_ms))
            world_at(w, us(h * hour_ms + at_ms), arrives, 0, 0);
    }
}

/* ---- talking ---- */

static void hangs_up(struct world *w, uint64_t id, uint64_t unused) {
    struct fake_leg *leg = live(w, id);
    if (leg)
        fake_ua_hangup(w, leg, 0);
}

static void reoffers(struct world *w, uint64_t id, uint64_t hold) {
    struct media_desc offer = remote_audio, answer;
    struct fake_leg *leg = live(w, id);
    if (!leg || !leg->answered)
        return;
    offer.direction = hold ? MEDIA_SENDONLY : MEDIA_SENDRECV;
    if (w->ua.reoffered(w->ua.ctx, (uint32_t)id, &offer, &answer))
        world_broken(w, "a re-INVITE in a talk was refused");
    else if (answer.direction != (hold ? MEDIA_RECVONLY : MEDIA_SENDRECV))
        world_broken(w, "a re-INVITE got an answer with a wrong direction");
}

void traffic_joined(struct world *w, struct fake_leg *caller, struct fake_leg *phone) {
    double talk_ms = world_exp(w, w->scenario.talk_mean_ms);
    struct fake_leg *first = world_chance(w, 0.5) ? caller : phone;
    caller->joined_before = true;
    world_at(w, us(talk_ms), hangs_up, first->id, 0);
    if (world_chance(w, 0.05)) /* both at once */
        world_at(w, us(talk_ms), hangs_up, (first == caller ? phone : caller)->id, 0);
    if (world_chance(w, w->scenario.hold_share)) {
        uint32_t id = world_chance(w, 0.8) ? phone->id : caller->id;
        world_at(w, us(talk_ms * 0.3), reoffers, id, 1);
        if (world_chance(w, 0.9))
            world_at(w, us(talk_ms * 0.6), reoffers, id, 0);
    }
}

/* ---- phones ---- */

static void rings(struct world *w, uint64_t id, uint64_t unused) {
    if (live(w, id))
        w->ua.ringing(w->ua.ctx, (uint32_t)id, 180, NULL);
}

static void answers(struct world *w, uint64_t id, uint64_t unused) {
    struct fake_leg *leg = live(w, id);
    struct media_desc answer = remote_audio;
    if (!leg)
        return;
    leg->answered = true;
    answer.codec_count = 1;
    w->ua.answered(w->ua.ctx, (uint32_t)id, &answer);
}

static void refuses(struct world *w, uint64_t id, uint64_t status) {
    struct fake_leg *leg = live(w, id);
    if (leg)
        fake_ua_hangup(w, leg, (uint16_t)status);
}

void traffic_phone_invited(struct world *w, struct fake_leg *leg) {
    const struct scenario *s = &w->scenario;
    double lot = world_unit(w), ring_ms = 20 + world_unit(w) * 200;
    if (lot < 0.005)
        return; /* the INVITE is lost: nothing ever comes */
    if (lot > 0.98)
        ring_ms = 0; /* 200 without 180 */
    else
        world_at(w, us(ring_ms), rings, leg->id, 0);
    if (lot < s->no_answer)
        return;
    if (lot < s->no_answer + s->reject)
        world_at(w, us(ring_ms + world_exp(w, 3000)), refuses, leg->id, 603);
    else if (lot < s->no_answer + s->reject + s->busy)
        world_at(w, us(ring_ms + 5), refuses, leg->id, world_chance(w, 0.5) ? 486 : 480);
    else
        world_at(w, us(ring_ms + world_exp(w, s->answer_mean_ms)), answers, leg->id, 0);
}

/* ---- agents ---- */

static void reachable(struct world *w, uint64_t agent, uint64_t yes) {
    w->binding[agent].reachable = w->binding[agent].there = yes;
    w->ua.agent_reachable(w->ua.ctx, (uint32_t)agent, yes);
}

static void vanishes(struct world *w, uint64_t agent, uint64_t unused) {
    if (w->closing)
        return;
    reachable(w, agent, 0);
    world_at(w, us(1000 + world_exp(w, 60000)), reachable, agent, 1);
    world_at(w, us(world_exp(w, 3600000 / w->scenario.unreachable_per_hour)), vanishes, agent, 0);
}

static void comes_back(struct world *w, uint64_t agent, uint64_t unused) {
    if (!w->closing)
        (void)floor_agent_unpause(w->floor, w->conf->agent[agent - 1].id, "sim");
}

static void pauses(struct world *w, uint64_t agent, uint64_t unused) {
    const struct conf *conf = w->conf;
    if (w->closing)
        return;
    const char *reason = conf->pause_reason_count && world_chance(w, 0.7) ? conf->pause_reason[0] : "";
    (void)floor_agent_pause(w->floor, conf->agent[agent - 1].id, reason, "sim");
    world_at(w, us(world_exp(w, 300000)), comes_back, agent, 0);
    world_at(w, us(world_exp(w, 3600000 / w->scenario.pause_per_hour)), pauses, agent, 0);
}

static void calls(struct world *w, uint64_t agent, uint64_t unused) {
    static const char *const codes[] = {"*20", "*30", "*31", "*10", "*11", "*77"};
    if (w->closing)
        return;
    int lot = (int)(world_unit(w) * 12);
    if (lot < 6)
        place_call(w, (uint32_t)agent, codes[lot]);
    else
        place_call(w, (uint32_t)agent, w->conf->agent[(uint32_t)(world_unit(w) * w->conf->agent_count)].id);
    world_at(w, us(world_exp(w, 3600000 / w->scenario.own_call_per_hour)), calls, agent, 0);
}

static void ends_wrapup(struct world *w, uint64_t agent, uint64_t unused) {
    if (w->closing)
        return;
    (void)floor_agent_wrap_done(w->floor, w->conf->agent[agent - 1].id, "sim");
    world_at(w, us(world_exp(w, 20000 / w->scenario.wrap_done_share)), ends_wrapup, agent, 0);
}

static void logs_in(struct world *w, uint64_t agent, uint64_t unused) {
    if (!w->closing)
        (void)floor_agent_login(w->floor, w->conf->agent[agent - 1].id, true, "sim");
}

static void reloads(struct world *w, uint64_t a, uint64_t b) {
    (void)floor_reload(w->floor, w->conf); /* the same file again, under traffic */
}

void traffic_start(struct world *w) {
    const struct scenario *s = &w->scenario;
    for (uint32_t agent = 1; agent <= w->conf->agent_count; agent++) {
        w->binding[agent].there = true;
        world_at(w, us(world_exp(w, 5000)), reachable, agent, 1);
        world_at(w, us(world_exp(w, 60000)), logs_in, agent, 0);
        if (s->unreachable_per_hour > 0)
            world_at(w, us(world_exp(w, 3600000 / s->unreachable_per_hour)), vanishes, agent, 0);
        if (s->pause_per_hour > 0)
            world_at(w, us(world_exp(w, 3600000 / s->pause_per_hour)), pauses, agent, 0);
        if (s->own_call_per_hour > 0)
            world_at(w, us(world_exp(w, 3600000 / s->own_call_per_hour)), calls, agent, 0);
        if (s->wrap_done_share > 0)
            world_at(w, us(world_exp(w, 20000 / s->wrap_done_share)), ends_wrapup, agent, 0);
    }
    for (uint32_t i = 1; i <= s->reloads; i++)
        world_at(w, us((double)s->day_ms * i / (s->reloads + 1)), reloads, 0, 0);
    schedule_day(w);
}

void traffic_close(struct world *w) {
    w->closing = true;
    for (uint32_t agent = 1; agent <= w->conf->agent_count; agent++) {
        reachable(w, agent, 1); /* phones that are away come back once */
        (void)floor_agent_logout(w->floor, w->conf->agent[agent - 1].id, "sim");
    }
}
