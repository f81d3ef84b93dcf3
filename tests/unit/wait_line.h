/* SPDX-License-Identifier: Apache-2.0
 *
 * wait_line: a distributor of its own, as simple as can be (first come first served, longest idle, priority
 * between queues), so that the expected wait can be tried without the real one.
 */
#ifndef WAIT_LINE_H
#define WAIT_LINE_H

#include "wait_day.h"

struct line_agent {
    uint32_t group, call;
    bool busy, away, leaves;
    uint64_t idle_since;
};

struct line {
    struct day day;
    struct acd_wait wait[DAY_QUEUES];
    struct line_agent agent[DAY_AGENTS];
    uint32_t agents;
};

static inline bool line_serves(const struct line *line, uint32_t agent, uint32_t queue) {
    uint32_t group = line->agent[agent].group;
    for (uint32_t i = 0; i < line->day.plan->group[group].queue_count; i++)
        if (line->day.plan->group[group].queue[i] == queue)
            return true;
    return false;
}

static inline bool line_at_work(const struct line *line, uint32_t agent) {
    return !line->agent[agent].away && !line->agent[agent].leaves;
}

static inline uint32_t line_staff(const struct line *line, uint32_t queue) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < line->agents; i++)
        count += line_serves(line, i, queue) && line_at_work(line, i);
    return count;
}

static inline struct acd_wait_guess line_guess(const struct line *line, const struct day_call *me,
                                               double *ahead) {
    const struct day *day = &line->day;
    struct acd_wait_group group[DAY_GROUPS];
    struct acd_wait_demand demand[DAY_QUEUES];
    double overlap[DAY_QUEUES];
    for (uint32_t g = 0; g < day->plan->groups; g++)
        group[g] = (struct acd_wait_group){0, day->plan->group[g].queue_count, day->plan->group[g].queue};
    for (uint32_t i = 0; i < line->agents; i++)
        group[line->agent[i].group].agents += line_at_work(line, i);
    uint32_t groups = 0;
    for (uint32_t g = 0; g < day->plan->groups; g++)
        for (uint32_t i = 0; i < group[g].queue_count; i++)
            if (group[g].queue[i] == me->queue) {
                group[groups++] = group[g];
                break;
            }
    for (uint32_t q = 0; q < day->plan->queues; q++)
        demand[q] = (struct acd_wait_demand){.per_ms = acd_wait_per_ms(&line->wait[q], day_ms(day)),
                                             .handle_ms = acd_wait_handle_ms(&line->wait[q], day_ms(day)),
                                             .rank = day->plan->queue[me->queue].rank[q],
                                             .agents = line_staff(line, q)};
    struct acd_wait_service service =
        acd_wait_share(group, groups, demand, day->plan->queues, me->queue, overlap);
    *ahead = 0;
    for (uint32_t q = 0; q < day->plan->queues; q++)
        for (uint32_t i = day->head[q]; i < day->tail[q]; i++) {
            const struct day_call *call = &day->call[day->fifo[q][i]];
            if (call != me && call->waiting && day_before(day, call, me))
                *ahead += overlap[q];
        }
    struct acd_wait_place place = {.ahead = *ahead};
    return acd_wait_guess(&line->wait[me->queue], day_ms(day), &place, &service, 1);
}

/* Asked when he has to wait, and now and then while he does: the same or earlier, unless agents have gone. */
static inline void line_asks(struct line *line, struct day_call *call) {
    struct day *day = &line->day;
    struct acd_wait_told before = call->told;
    double ahead;
    if (!call->waiting)
        return;
    uint32_t staff = line_staff(line, call->queue);
    struct acd_wait_guess guess = line_guess(line, call, &ahead);
    uint64_t ms = acd_wait_tell(&line->wait[call->queue], &call->told, day_ms(day), &guess, staff);
    if (!call->asked) {
        call->asked = true;
        call->ahead = (uint32_t)ahead;
        call->guess[DAY_OURS] = guess.mean_ms;
        call->told_ms = ms;
        day->silent += ms == NEVER;
        day_guess_others(day, call, staff);
    } else if (ms != NEVER && before.said && staff >= before.staff && day_ms(day) < before.until_ms) {
        day->later += day_ms(day) + ms > before.until_ms;
    }
    day_at(day, day->now + DAY_ASK_MS, DAY_ASKS, (uint32_t)(call - day->call));
}

static inline void line_take(struct line *line, uint32_t agent, struct day_call *call) {
    struct day *day = &line->day;
    line->agent[agent].busy = true;
    line->agent[agent].call = (uint32_t)(call - day->call);
    call->waiting = false;
    call->ringing = 1;
    call->agent = agent;
    call->reserve = day_ms(day);
    acd_wait_taken(&line->wait[call->queue], day_ms(day));
    double at = day->now + day_ring(day);
    day_true_wait(call, at);
    day_at(day, at, DAY_ANSWERS, (uint32_t)(call - day->call));
}

/* An idle agent looks for the first he may serve; ghosts on the way learn what their wait would have been. */
static inline void line_looks(struct line *line, uint32_t agent) {
    struct day *day = &line->day;
    for (;;) {
        struct day_call *best = NULL;
        for (uint32_t q = 0; q < day->plan->queues; q++) {
            struct day_call *first = line_serves(line, agent, q) ? day_first(day, q) : NULL;
            if (first && (!best || day_before(day, first, best)))
                best = first;
        }
        if (!best)
            return;
        if (!best->ghost) {
            line_take(line, agent, best);
            return;
        }
        day_true_wait(best, day->now + day_ring(day));
    }
}

static inline void line_comes(struct line *line, uint32_t queue) {
    struct day_call *call = day_new_call(&line->day, queue);
    const struct line_agent *idle = NULL;
    acd_wait_enter(&line->wait[queue], day_ms(&line->day));
    for (uint32_t i = 0; i < line->agents; i++) {
        const struct line_agent *agent = &line->agent[i];
        if (!agent->busy && !agent->away && line_serves(line, i, queue) &&
            (!idle || agent->idle_since < idle->idle_since))
            idle = agent;
    }
    if (idle)
        line_looks(line, (uint32_t)(idle - line->agent));
    else
        line_asks(line, call);
}

static inline void line_leaves(struct line *line, struct day_call *call, bool answered) {
    struct acd_wait *wait = &line->wait[call->queue];
    acd_wait_score(wait, &call->told, day_ms(&line->day), answered);
    acd_wait_leave(wait, day_ms(&line->day), !answered);
    call->gave_up = !answered;
}

static inline void line_gives_up(struct line *line, struct day_call *call) {
    if (!call->waiting && !call->ringing)
        return;
    line_leaves(line, call, false);
    if (call->ringing)
        day_at(&line->day, line->day.now, DAY_FREE, call->agent);
    call->ghost = call->waiting;
    call->waiting = false;
    call->ringing = 0;
}

static inline void line_answers(struct line *line, struct day_call *call) {
    struct day *day = &line->day;
    if (!call->ringing)
        return;
    line_leaves(line, call, true);
    acd_wait_rang(&line->wait[call->queue], day_ms(day) - call->reserve);
    day_answered(day, call);
    day_at(day, day->now + day_handling(day, call->queue), DAY_FREE, call->agent);
}

static inline void line_free(struct line *line, uint32_t number) {
    struct line_agent *agent = &line->agent[number];
    const struct day_call *call = &line->day.call[agent->call];
    acd_wait_freed(&line->wait[call->queue], day_ms(&line->day), call->reserve,
                   call->answered ? ACD_WAIT_HANDLED : ACD_WAIT_LOST);
    if (call->answered)
        day_handled(&line->day, call);
    agent->busy = false;
    agent->idle_since = day_ms(&line->day);
    agent->away = agent->leaves;
    agent->leaves = false;
    if (!agent->away)
        line_looks(line, number);
}

static inline void line_happens(struct line *line, const struct day_event *event) {
    struct line_agent *agent = &line->agent[event->id % DAY_AGENTS];
    struct day_call *call = &line->day.call[event->id % DAY_CALLS];
    switch (event->what) {
    case DAY_COMES:
        line_comes(line, event->id);
        break;
    case DAY_GIVES_UP:
        line_gives_up(line, call);
        break;
    case DAY_ANSWERS:
        line_answers(line, call);
        break;
    case DAY_FREE:
        line_free(line, event->id);
        break;
    case DAY_GOES:
        agent->leaves = agent->busy;
        agent->away = !agent->busy;
        break;
    case DAY_RETURNS:
        agent->leaves = agent->away = false;
        if (!agent->busy)
            line_looks(line, event->id);
        break;
    case DAY_ASKS:
        line_asks(line, call);
        break;
    }
}

/* A day from its first call until the last one is served. */
static inline void line_play(const struct day_plan *plan, struct day_sum *sum, double *scored,
                             double *wrong) {
    static struct line line;
    memset(&line, 0, sizeof line);
    day_begin(&line.day, plan);
    for (uint32_t q = 0; q < plan->queues; q++) {
        const struct day_queue *queue = &plan->queue[q];
        acd_wait_init(&line.wait[q], day_ms(&line.day), day_or_ms(queue->prior_handle_s, queue->handle_s),
                      day_or_ms(queue->prior_patience_s, queue->patience_s));
    }
    for (uint32_t g = 0; g < plan->groups; g++)
        for (uint32_t i = 0; i < plan->group[g].agents; i++)
            line.agent[line.agents++].group = g;
    while (line.day.count) {
        struct day_event event = day_next(&line.day);
        line.day.now = event.at;
        line_happens(&line, &event);
    }
    day_judge(&line.day, sum);
    for (uint32_t q = 0; q < plan->queues; q++) {
        *scored += line.wait[q].scored;
        *wrong += acd_wait_wrong(&line.wait[q]);
    }
    day_end(&line.day);
}

#endif
