/* SPDX-License-Identifier: Apache-2.0
 *
 * wait_real: the days of wait_day.h through the real distributor: acd_step() and what it wants done. Agents
 * let the phone ring for a while, miss some offers, need wrap-up, pause for lunch while they talk.
 *
 * Ghosts: the distributor knows nothing of them. When an agent is offered a call that comes after the ghost,
 * or idles, while he could have had the ghost's, the ghost's turn has come.
 */
#ifndef WAIT_REAL_H
#define WAIT_REAL_H

#include "acd/acd_int.h"
#include "acd_world.h"
#include "wait_day.h"

struct real_agent {
    uint32_t group, call, offer; /* call: index; offer: 0 = none */
    bool busy;
};

struct real {
    struct day day;
    struct conf *conf;
    struct acd *acd;
    struct acd_effects fx;
    struct real_agent agent[DAY_AGENTS + 1]; /* by number */
    uint64_t steps;
};

static inline bool real_serves(const struct real *real, uint32_t agent, uint32_t queue) {
    const struct conf_agent *conf = &real->conf->agent[agent - 1];
    for (uint32_t i = 0; i < conf->queue_count; i++)
        if (conf->queue[i] == queue + 1)
            return true;
    return false;
}

/* ---- ghosts ---- */

/* call NULL: the agents idle. */
static inline void real_ghosts(struct real *real, uint32_t queue, const struct day_call *call) {
    struct day *day = &real->day;
    (void)day_first(day, queue);
    for (uint32_t i = day->head[queue]; i < day->tail[queue]; i++) {
        struct day_call *ghost = &day->call[day->fifo[queue][i]];
        if (ghost->ghost && (!call || day_before(day, ghost, call)))
            day_true_wait(ghost, day->now + day_ring(day));
    }
}

static inline void real_ghosts_idle(struct real *real) {
    for (uint32_t q = 0; q < real->day.plan->queues; q++) {
        struct acd_call would = {.queue = acd_queue(real->acd, q + 1)};
        if (acd_candidates(real->acd, &would, 1))
            real_ghosts(real, q, NULL);
    }
}

/* ---- effects ---- */

static inline void real_offer(struct real *real, const struct acd_effect *fx) {
    struct day *day = &real->day;
    struct day_call *call = &day->call[fx->call - 1];
    for (uint32_t q = 0; q < day->plan->queues; q++)
        if (real_serves(real, fx->agent, q))
            real_ghosts(real, q, call);
    real->agent[fx->agent] =
        (struct real_agent){.call = (uint32_t)(fx->call - 1), .offer = fx->offer, .busy = true};
    call->agent = fx->agent;
    if (!call->ringing++)
        call->wait = 0;
    call->reserve = day_ms(day);
    bool misses = rng_unit(&day->rng) < day->plan->missed;
    double at = day->now + (misses ? 15000 : day_ring(day));
    uint64_t wait = (uint64_t)at - call->enter; /* if he stays so long, or would */
    if (!misses && (!call->wait || wait < call->wait))
        call->wait = wait;
    day_at(day, day->now, DAY_RINGS, fx->offer);
    day_at(day, at, misses ? DAY_MISSES : DAY_ANSWERS, fx->offer);
}

static inline void real_told(struct real *real, const struct acd_effect *fx) {
    struct day *day = &real->day;
    struct day_call *call = &day->call[fx->call - 1];
    if (!call->asked) {
        call->asked = true;
        call->told_ms = fx->wait_ms;
        day->silent += fx->wait_ms == NEVER;
    }
}

static inline void real_visit_end(struct real *real, const struct acd_effect *fx) {
    struct day *day = &real->day;
    struct day_call *call = &day->call[fx->call - 1];
    call->waiting = false;
    if (fx->visit_result == ACD_VISIT_ANSWERED) {
        call->wait = day_ms(day) - call->enter;
        call->known = true;
        day_answered(day, call);
        return;
    }
    assert(fx->visit_result == ACD_VISIT_ABANDONED);
    call->gave_up = true;
    call->known = call->ringing && call->wait; /* the phone would have been answered then */
    call->ghost = !call->known;
    call->ringing = 0;
}

static inline void real_effect(struct real *real, const struct acd_effect *fx) {
    struct day *day = &real->day;
    struct real_agent *agent = fx->agent && fx->agent <= DAY_AGENTS ? &real->agent[fx->agent] : NULL;
    switch (fx->type) {
    case ACD_FX_OFFER:
        real_offer(real, fx);
        break;
    case ACD_FX_OFFER_END:
        agent->offer = 0;
        agent->busy = fx->offer_result == ACD_OFFER_ANSWERED;
        if (fx->offer_result != ACD_OFFER_CALLER_GONE) /* his ghost wants to know */
            day->call[fx->call - 1].ringing--;
        break;
    case ACD_FX_VISIT_END:
        real_visit_end(real, fx);
        break;
    case ACD_FX_CONNECT:
        day_at(day, day->now + day_handling(day, day->call[fx->call - 1].queue), DAY_FREE, fx->agent);
        break;
    case ACD_FX_WRAP_END:
        day_handled(day, &day->call[fx->call - 1]);
        break;
    case ACD_FX_TOLD:
        real_told(real, fx);
        break;
    default:
        break;
    }
}

static inline void real_step(struct real *real, struct acd_event event) {
    event.now_ms = day_ms(&real->day);
    real->fx.count = 0;
    int rc = acd_step(real->acd, &event, &real->fx);
    assert(!rc);
    (void)rc;
    real->steps++;
    for (uint32_t i = 0; i < real->fx.count; i++)
        real_effect(real, &real->fx.item[i]);
    real_ghosts_idle(real);
}

/* ---- what happens ---- */

/* Agents at work who may take the call at its step. */
static inline uint32_t real_staff(const struct real *real, const struct acd_call *call) {
    const struct acd_plan *plan = &real->acd->plan;
    const uint64_t *groups = acd_admits(plan, acd_call_line(call));
    uint32_t count = 0;
    for (uint32_t g = 0; g < plan->group_count; g++)
        count += acd_bit(groups, g) ? plan->group[g].present : 0;
    return count;
}

static inline void real_asks(struct real *real, struct day_call *call) {
    struct day *day = &real->day;
    uint64_t id = (uint64_t)(call - day->call) + 1;
    const struct acd_call *inside = acd_call(real->acd, id);
    if (!call->waiting || call->ringing)
        return;
    if (!call->asked) {
        struct acd_wait_guess guess = acd_expected(real->acd, inside->queue, inside);
        call->guess[DAY_OURS] = guess.mean_ms;
        call->ahead = acd_position(real->acd, id) - 1;
        day_guess_others(day, call, acd_staff(real->acd, inside->queue));
    }
    struct acd_wait_told before = inside->told;
    uint32_t staff = real_staff(real, inside);
    real_step(real, (struct acd_event){.type = ACD_EV_TELL, .call = id});
    uint64_t ms = real->fx.item[0].wait_ms;
    if (ms != NEVER && before.said && staff >= before.staff && day_ms(day) < before.until_ms)
        day->later += day_ms(day) + ms > before.until_ms;
    day_at(day, day->now + DAY_ASK_MS, DAY_ASKS, (uint32_t)(call - day->call));
}

static inline void real_comes(struct real *real, uint32_t queue) {
    struct day_call *call = day_new_call(&real->day, queue);
    uint64_t id = (uint64_t)(call - real->day.call) + 1;
    real_step(real, (struct acd_event){.type = ACD_EV_CALL_ENTER, .call = id, .queue = queue + 1});
    real_asks(real, call);
}

static inline void real_phone(struct real *real, uint32_t offer, enum acd_event_type type) {
    for (uint32_t i = 1; i <= real->conf->agent_count; i++)
        if (real->agent[i].offer == offer) {
            real_step(real,
                      (struct acd_event){.type = type, .offer = offer, .offer_result = ACD_OFFER_NO_ANSWER});
            return;
        }
}

static inline void real_happens(struct real *real, const struct day_event *event) {
    struct day_call *call = &real->day.call[event->id % DAY_CALLS];
    switch (event->what) {
    case DAY_COMES:
        real_comes(real, event->id);
        break;
    case DAY_GIVES_UP:
        if (call->waiting)
            real_step(real, (struct acd_event){.type = ACD_EV_CALL_LEAVE,
                                               .call = event->id + 1,
                                               .visit_result = ACD_VISIT_ABANDONED});
        break;
    case DAY_RINGS:
        real_phone(real, event->id, ACD_EV_OFFER_RINGING);
        break;
    case DAY_ANSWERS:
        real_phone(real, event->id, ACD_EV_OFFER_ANSWERED);
        break;
    case DAY_MISSES:
        real_phone(real, event->id, ACD_EV_OFFER_FAILED);
        break;
    case DAY_FREE:
        real_step(real, (struct acd_event){.type = ACD_EV_HANDLE_END, .agent = event->id});
        break;
    case DAY_GOES:
        real_step(real, (struct acd_event){.type = ACD_EV_PAUSE, .agent = event->id + 1, .reason = 1});
        break;
    case DAY_RETURNS:
        real_step(real, (struct acd_event){.type = ACD_EV_UNPAUSE, .agent = event->id + 1});
        break;
    case DAY_ASKS:
        real_asks(real, call);
        break;
    }
}

/* ---- a day ---- */

static inline struct conf *real_conf(const struct day_plan *plan) {
    uint32_t agents = 0;
    for (uint32_t g = 0; g < plan->groups; g++)
        agents += plan->group[g].agents;
    assert(agents <= DAY_AGENTS);
    struct conf *conf = world_conf(agents, plan->queues, 0);
    for (uint32_t g = 0, agent = 0; g < plan->groups; g++)
        for (uint32_t i = 0; i < plan->group[g].agents; i++, agent++) {
            conf->agent[agent].auto_login = true;
            for (uint32_t q = 0; q < plan->group[g].queue_count; q++)
                world_list(&conf->agent[agent].queue, &conf->agent[agent].queue_count,
                           plan->group[g].queue[q] + 1);
        }
    for (uint32_t q = 0; q < plan->queues; q++) {
        const struct day_queue *from = &plan->queue[q];
        struct conf_queue *queue = &conf->queue[q];
        double handle_s = from->handle_s + plan->ring_s + plan->wrapup_s;
        queue->ring_ms = 20000; /* who misses is said to after 15 s */
        queue->wrapup_ms = (uint32_t)(1000 * plan->wrapup_s);
        queue->no_answer_delay_ms = 10000;
        for (uint32_t p = 0; p < plan->queues; p++)
            queue->priority += p != q && from->rank[p] == ACD_WAIT_BEHIND;
        queue->expected_handle_ms = day_or_ms(from->prior_handle_s, handle_s);
        queue->expected_patience_ms = day_or_ms(from->prior_patience_s, from->patience_s);
    }
    if (plan->dress)
        plan->dress(conf);
    return conf;
}

static inline void real_play(const struct day_plan *plan, struct day_sum *sum, double *scored,
                             double *wrong) {
    struct real *real = calloc(1, sizeof *real);
    int rc = real ? acd_create(&real->acd, plan->seed) : -ENOMEM;
    assert(!rc);
    (void)rc;
    day_begin(&real->day, plan);
    real->conf = real_conf(plan);
    real_step(real, (struct acd_event){.type = ACD_EV_CONFIGURE, .conf = real->conf});
    for (uint32_t i = 1; i <= real->conf->agent_count; i++)
        real_step(real, (struct acd_event){.type = ACD_EV_REACHABLE, .agent = i});
    while (real->day.count) {
        uint64_t deadline = acd_deadline(real->acd);
        if (deadline <= (uint64_t)real->day.heap[0].at) {
            real->day.now = fmax(real->day.now, (double)deadline);
            real_step(real, (struct acd_event){.type = ACD_EV_TICK});
            continue;
        }
        struct day_event event = day_next(&real->day);
        real->day.now = fmax(real->day.now, event.at);
        real_happens(real, &event);
    }
    day_judge(&real->day, sum);
    for (uint32_t q = 1; q <= plan->queues; q++) {
        struct acd_queue_view view;
        rc = acd_queue_view(real->acd, q, &view);
        assert(!rc && !view.waiting);
        *scored += view.told;
        *wrong += view.told_wrong;
    }
    acd_destroy(real->acd);
    world_free(real->conf);
    free(real->fx.item);
    day_end(&real->day);
    free(real);
}

#endif
