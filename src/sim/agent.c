/* SPDX-License-Identifier: Apache-2.0
 * Agents: shifts, breaks, recorded presence, unplanned pauses, wrap-up, calls of their own. */
#include "sim/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char who[] = "sim";

static const char *id_of(const struct world *w, uint64_t agent) {
    return w->conf->agent[agent - 1].id;
}

static uint64_t per_hour(uint64_t *stream, double times) {
    return draw_exponential(stream, (uint64_t)(3600e6 / times));
}

const struct agent_habits *agent_habits_of(const struct world *w, uint32_t agent) {
    const struct agent_habits *own = agent && agent <= w->agent_count ? w->agent[agent].habits : NULL;
    return own ? own : &w->scenario.every_agent;
}

void agent_reachable(struct world *w, uint32_t agent, bool yes) {
    w->agent[agent].reachable = w->agent[agent].there = yes;
    if (!w->closing && world_untold(w))
        return;
    w->ua.agent_reachable(w->ua.ctx, agent, yes);
    if (world_twice(w))
        w->ua.agent_reachable(w->ua.ctx, agent, yes);
}

static void phone_registers(struct world *w, uint64_t agent, uint64_t b) {
    agent_reachable(w, (uint32_t)agent, true);
}

/* ---- coming, going, pausing ---- */

static void pause_for(struct world *w, uint64_t agent, const char *reason) {
    if (floor_agent_pause(w->floor, id_of(w, agent), reason, who) == -EINVAL)
        (void)floor_agent_pause(w->floor, id_of(w, agent), "", who); /* a reason this configuration lacks */
}

static void logs_in(struct world *w, uint64_t agent, uint64_t b) {
    if (w->closing)
        return;
    w->agent[agent].on_duty = true;
    w->agent[agent].on_break = false;
    if (floor_agent_login(w->floor, id_of(w, agent), true, who) == -EPROTO)
        (void)floor_agent_unpause(w->floor, id_of(w, agent), who);
}

static void logs_out(struct world *w, uint64_t agent, uint64_t b) {
    w->agent[agent].on_duty = false;
    (void)floor_agent_logout(w->floor, id_of(w, agent), who);
}

static void comes_to_work(struct world *w, uint64_t agent, uint64_t b) {
    if (w->agent[agent].on_duty && !w->agent[agent].on_break)
        logs_in(w, agent, 0);
}

static void break_begins(struct world *w, uint64_t agent, uint64_t number) {
    const struct shift *shift = w->agent[agent].shift;
    if (w->closing)
        return;
    w->agent[agent].on_break = true;
    pause_for(w, agent, shift->rest[number].reason);
}

static void break_ends(struct world *w, uint64_t agent, uint64_t number) {
    w->agent[agent].on_break = false;
    if (!w->closing)
        (void)floor_agent_unpause(w->floor, id_of(w, agent), who);
}

static void comes_back(struct world *w, uint64_t agent, uint64_t b) {
    if (!w->closing && !w->agent[agent].on_break)
        (void)floor_agent_unpause(w->floor, id_of(w, agent), who);
}

static void pauses(struct world *w, uint64_t agent, uint64_t b) {
    struct fake_agent *a = &w->agent[agent];
    const struct agent_habits *h = agent_habits_of(w, (uint32_t)agent);
    if (w->closing)
        return;
    uint64_t length_us = draw_from(&a->stream, &h->pause);
    bool with_reason = draw_chance(&a->stream, 0.7);
    if (a->on_duty && !a->on_break) {
        pause_for(w, agent, w->conf->pause_reason_count && with_reason ? w->conf->pause_reason[0] : "");
        world_at(w, length_us, comes_back, agent, 0);
    }
    world_at(w, per_hour(&a->stream, h->pause_per_hour), pauses, agent, 0);
}

/* Paused by the distributor for calls missed: the agent notices. */
void agent_state_begins(struct world *w, const struct record_agent_state *row) {
    uint32_t agent = conf_find_agent(w->conf, row->agent);
    bool missed = !strcmp(row->reason, acd_reason_name(w->conf, ACD_REASON_MISSED)) ||
                  !strcmp(row->reason, acd_reason_name(w->conf, ACD_REASON_REJECTED));
    if (agent && missed && !strcmp(row->activity, acd_activity_name(ACD_IDLE)))
        world_at(w, draw_from(&w->agent[agent].stream, &agent_habits_of(w, agent)->notice), comes_back, agent,
                 0);
}

/* ---- recorded presence ---- */

static void duty_ends(struct world *w, uint64_t agent, uint64_t number) {
    const struct duty *d = &w->plan->duty[number];
    if (d->kind == DUTY_UNREACHABLE && !w->closing)
        agent_reachable(w, (uint32_t)agent, true);
    if (number + 1 == w->agent[agent].duty_end || w->plan->duty[number + 1].from_us > d->to_us)
        logs_out(w, agent, 0);
}

static void duty_begins(struct world *w, uint64_t agent, uint64_t number) {
    const struct duty *d = &w->plan->duty[number];
    if (w->closing)
        return;
    bool ready = d->kind != DUTY_PAUSE;
    w->agent[agent].on_duty = true;
    w->agent[agent].on_break = !ready;
    int err = floor_agent_login(w->floor, id_of(w, agent), ready, who);
    if (err == -EPROTO && ready)
        (void)floor_agent_unpause(w->floor, id_of(w, agent), who);
    else if (!ready)
        pause_for(w, agent, d->reason);
    if (d->kind == DUTY_UNREACHABLE)
        agent_reachable(w, (uint32_t)agent, false);
    if (d->to_us < w->plan->day_us) /* who is there at the end stays for those who still wait */
        world_at(w, d->to_us - d->from_us, duty_ends, agent, number);
}

static void follow_record(struct world *w, uint32_t agent) {
    struct fake_agent *a = &w->agent[agent];
    const struct plan *plan = w->plan;
    uint64_t now_us = w->now_us - w->start_us, first_us = NEVER, last_us = 0;
    for (uint32_t i = 0; i < plan->duty_count; i++) {
        const struct duty *d = &plan->duty[i];
        first_us = d->from_us < first_us ? d->from_us : first_us;
        last_us = d->to_us > last_us ? d->to_us : last_us;
        if (strcmp(d->agent, id_of(w, agent)))
            continue;
        a->duty_end = i + 1;
        if (d->from_us >= now_us)
            world_at(w, d->from_us - now_us, duty_begins, agent, i);
    }
    if (!a->duty_end && first_us >= now_us && !conf_find_agent(plan->conf, id_of(w, agent))) {
        world_at(w, first_us - now_us, logs_in, agent, 0); /* a new one */
        world_at(w, last_us - now_us, logs_out, agent, 0);
    }
}

/* ---- shifts ---- */

/* How many agents before this one are in the shift. */
static uint32_t place_in_shift(const struct world *w, const struct shift *shift, uint32_t agent) {
    uint32_t place = 0;
    for (uint32_t i = 1; i < agent; i++)
        place += scenario_names(shift->ids, id_of(w, i));
    return place;
}

static void at_time(struct world *w, uint64_t of_day_us, world_fn *fn, uint64_t agent, uint64_t b) {
    uint64_t now_us = w->plan->begin_us + (w->now_us - w->start_us);
    if (of_day_us != NEVER && of_day_us >= now_us)
        world_at(w, of_day_us - now_us, fn, agent, b);
}

static void take_shift(struct world *w, uint32_t agent, const struct shift *shift) {
    uint32_t place = place_in_shift(w, shift, agent);
    uint64_t now_us = w->plan->begin_us + (w->now_us - w->start_us);
    w->agent[agent].shift = shift;
    w->agent[agent].habits = &shift->habits;
    if (shift->logout_us <= now_us)
        return;
    at_time(w, shift->login_us > now_us ? shift->login_us : now_us, logs_in, agent, 0);
    at_time(w, shift->logout_us, logs_out, agent, 0);
    for (uint32_t i = 0; i < shift->break_count; i++) {
        uint64_t begin_us = shift->rest[i].at_us + place * shift->rest[i].stagger_us;
        uint64_t end_us = begin_us + shift->rest[i].length_us;
        if (end_us >= shift->logout_us)
            continue;
        at_time(w, begin_us, break_begins, agent, i);
        at_time(w, end_us, break_ends, agent, i);
    }
}

static void follow_shifts(struct world *w, uint32_t agent) {
    const struct scenario *s = &w->scenario;
    struct shift all_day = {.login_us = NEVER};
    bool found = false;
    for (uint32_t i = 0; i < s->shift_count; i++) {
        const struct shift *shift = &s->shift[i];
        all_day.login_us = shift->login_us < all_day.login_us ? shift->login_us : all_day.login_us;
        all_day.logout_us = shift->logout_us > all_day.logout_us ? shift->logout_us : all_day.logout_us;
        if (!scenario_names(shift->ids, id_of(w, agent)))
            continue;
        take_shift(w, agent, shift);
        found = true;
    }
    if (!found && !conf_find_agent(w->plan->conf, id_of(w, agent))) { /* a new one */
        at_time(w, all_day.login_us, logs_in, agent, 0);
        at_time(w, all_day.logout_us, logs_out, agent, 0);
    }
}

/* ---- calls of their own, wrap-up ---- */

static void calls(struct world *w, uint64_t agent, uint64_t unused) {
    static const char *const codes[] = {"*20", "*30", "*31", "*10", "*11", "*77"};
    struct fake_agent *a = &w->agent[agent];
    if (w->closing)
        return;
    uint64_t lot = draw_below(&a->stream, 2 * ARRAY_LEN(codes));
    uint64_t other = 1 + draw_below(&a->stream, w->conf->agent_count);
    if (a->on_duty && !w->conf->agent[agent - 1].removed)
        caller_agent_calls(w, (uint32_t)agent, lot < ARRAY_LEN(codes) ? codes[lot] : id_of(w, other));
    if (a->on_duty) /* whatever it was: back to work some time later */
        world_at(w, draw_exponential(&a->stream, 600000000), comes_to_work, agent, 0);
    world_at(w, per_hour(&a->stream, agent_habits_of(w, (uint32_t)agent)->own_call_per_hour), calls, agent,
             0);
}

/* The work after a talk is done: what came of it, and, unless the timer is waited for, the end of wrap-up. */
static void work_done(struct world *w, uint64_t agent, uint64_t handle_and_waits) {
    const struct conf *conf = w->conf;
    if (w->agent[agent].handle_id != handle_and_waits >> 1)
        return;
    if (conf->disposition_count)
        (void)floor_agent_disposition(w->floor, id_of(w, agent),
                                      conf->disposition[handle_and_waits % conf->disposition_count], who);
    if (!(handle_and_waits & 1))
        (void)floor_agent_wrap_done(w->floor, id_of(w, agent), who);
}

static void wants_more(struct world *w, uint64_t agent, uint64_t handle) {
    if (w->agent[agent].handle_id == handle)
        (void)floor_agent_wrap_more(w->floor, id_of(w, agent), 0, who);
}

void agent_wrapping(struct world *w, const struct record_handle *row, struct world_call *call) {
    uint32_t agent = conf_find_agent(w->conf, row->agent);
    const struct queue_habits *habits = scenario_queue(&w->scenario, row->queue);
    uint64_t stream = world_stream(w, call, STREAM_WRAP);
    if (!agent)
        return;
    w->agent[agent].handle_id = row->id;
    uint64_t known_us =
        call->caller && call->attempt == 1 ? w->plan->caller[call->caller - 1].wrap_us : NEVER;
    bool known = known_us < WRAP_BY_TIMER;
    bool by_timer = known_us == WRAP_BY_TIMER || (!known && !draw_chance(&stream, habits->done));
    uint64_t work_us = known ? known_us : draw_from(&stream, &habits->wrapup);
    world_at(w, work_us, work_done, agent, row->id << 1 | by_timer);
    if (draw_chance(&stream, habits->more))
        world_at(w, draw_exponential(&stream, 5000000), wants_more, agent, row->id);
}

/* ---- the day ---- */

static void begins(struct world *w, uint32_t agent) {
    struct fake_agent *a = &w->agent[agent];
    const struct scenario *s = &w->scenario;
    a->stream = draw_key_text(draw_key(w->seed, STREAM_AGENT, 0), id_of(w, agent));
    a->there = true;
    world_at(w, draw_exponential(&a->stream, 5000000), phone_registers, agent, 0);
    uint64_t login_us = draw_exponential(&a->stream, 60000000);
    bool hours = w->plan->duty_count || s->shift_count || s->with || s->without;
    if (hours && w->conf->agent[agent - 1].auto_login) /* the daemon's start is not the agent's */
        (void)floor_agent_logout(w->floor, id_of(w, agent), who);
    if (s->without && scenario_names(s->without, id_of(w, agent)))
        return;
    if (s->with && scenario_names(s->with, id_of(w, agent)))
        world_at(w, 0, logs_in, agent, 0);
    else if (w->plan->duty_count)
        follow_record(w, agent);
    else if (s->shift_count)
        follow_shifts(w, agent);
    else
        world_at(w, login_us, logs_in, agent, 0);
    const struct agent_habits *h = agent_habits_of(w, agent);
    if (h->pause_per_hour > 0)
        world_at(w, per_hour(&a->stream, h->pause_per_hour), pauses, agent, 0);
    if (h->own_call_per_hour > 0)
        world_at(w, per_hour(&a->stream, h->own_call_per_hour), calls, agent, 0);
}

int agent_grow(struct world *w) {
    uint32_t count = w->conf->agent_count, queues = w->conf->queue_count;
    if (tally_grow(w->tally, w->conf))
        return -ENOMEM;
    if (!w->waiting || queues > w->queue_count) {
        uint32_t *waiting = realloc(w->waiting, (queues + 1) * sizeof *waiting),
                 had = w->waiting ? w->queue_count + 1 : 0;
        if (!waiting)
            return -ENOMEM;
        memset(waiting + had, 0, (queues + 1 - had) * sizeof *waiting);
        w->waiting = waiting;
        w->queue_count = queues;
    }
    if (!w->agent || count > w->agent_count) {
        struct fake_agent *agent = realloc(w->agent, (count + 1) * sizeof *agent);
        uint32_t had = w->agent ? w->agent_count + 1 : 0;
        if (!agent)
            return -ENOMEM;
        memset(agent + had, 0, (count + 1 - had) * sizeof *agent);
        w->agent = agent;
        w->agent_count = count;
    }
    return 0;
}

void agent_start(struct world *w, uint32_t first) {
    for (uint32_t agent = first; agent <= w->conf->agent_count; agent++)
        begins(w, agent);
}

void agent_back_to_work(struct world *w, uint32_t agent, uint64_t in_us) {
    world_at(w, in_us, comes_to_work, agent, 0);
}

void agent_go_home(struct world *w) {
    for (uint32_t agent = 1; agent <= w->conf->agent_count; agent++) {
        w->agent[agent].away = false;
        agent_reachable(w, agent, true); /* phones that are away come back once */
        (void)floor_agent_logout(w->floor, id_of(w, agent), who);
    }
}
