/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_wait: expected wait, learnt from what happens. See acd_wait.h.
 */
#include "acd/acd_wait.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How long things are remembered, and how much the first assumption weighs; both in events. */
static const double HANDLES = 150, GIVE_UPS = 50, RINGS = 50, PRIOR = 4;
static const double ARRIVALS_MS = 900000; /* arrivals: by time, a quarter of an hour */
static const double RING_MS = 4000;       /* before any phone was answered */
static const double P80 = 0.8416;         /* of the normal distribution */
static const double GAIN = 0.01;          /* of the margin, by one error */
static const double MARGIN_LEAST = 0.5, MARGIN_MOST = 3, WEIGHT_MOST = 5;
static const double MOST_MS = 86400000; /* of a guess: a day */
enum { OVERTAKERS = 32 };               /* so many more are looked at than are in line */
enum { SCORES_LEAST = 50, WRONG_OFF = 35, WRONG_ON = 28, WRONG_AIM = 20 }; /* percent */

/* ---- rates ---- */

static double exposure(const struct acd_wait_rate *rate, uint64_t now_ms) {
    double since = now_ms > rate->at_ms ? (double)(now_ms - rate->at_ms) : 0;
    return rate->exposure_ms + since * rate->running;
}

static double mean_ms(const struct acd_wait_rate *rate, uint64_t now_ms) {
    return fmax(1, exposure(rate, now_ms) / rate->events);
}

static void run_to(struct acd_wait_rate *rate, uint64_t now_ms) {
    rate->exposure_ms = exposure(rate, now_ms);
    if (now_ms > rate->at_ms)
        rate->at_ms = now_ms;
}

static void begins(struct acd_wait_rate *rate, uint64_t now_ms) {
    run_to(rate, now_ms);
    rate->running++;
}

static void ends(struct acd_wait_rate *rate, uint64_t now_ms) {
    run_to(rate, now_ms);
    assert(rate->running);
    rate->running--;
}

static void happens(struct acd_wait_rate *rate, double remembered) {
    double keep = 1 - 1 / remembered;
    rate->events = (rate->events + 1) * keep;
    rate->exposure_ms *= keep;
}

static void adds(double *count, double *sum, double *squares, double x, double remembered) {
    double keep = 1 - 1 / remembered;
    *count = (*count + 1) * keep;
    *sum = (*sum + x) * keep;
    *squares = (*squares + x * x) * keep;
}

/* Nearly exp(-x), the same everywhere. */
static double fading(double x) {
    double part = 1 + x / 16;
    part *= part;
    part *= part;
    part *= part;
    return 1 / (part * part);
}

/* ---- learning ---- */

void acd_wait_init(struct acd_wait *wait, uint64_t now_ms, uint32_t handle_ms, uint32_t patience_ms) {
    assert(handle_ms && patience_ms);
    memset(wait, 0, sizeof *wait);
    wait->handle = (struct acd_wait_rate){PRIOR, PRIOR * handle_ms, now_ms, 0};
    wait->patience = (struct acd_wait_rate){PRIOR, PRIOR * patience_ms, now_ms, 0};
    wait->arrival_ms = now_ms;
    wait->times = PRIOR;
    wait->time_sum = PRIOR * handle_ms;
    wait->time_squares = 2 * wait->time_sum * handle_ms; /* as exponential times have it */
    wait->rings = 1;
    wait->ring_sum = RING_MS;
    wait->ring_squares = 2 * RING_MS * RING_MS;
    wait->margin = 1;
}

void acd_wait_enter(struct acd_wait *wait, uint64_t now_ms) {
    begins(&wait->patience, now_ms);
    double since = now_ms > wait->arrival_ms ? (double)(now_ms - wait->arrival_ms) : 0;
    wait->arrivals = wait->arrivals * fading(since / ARRIVALS_MS) + 1;
    wait->arrival_ms = now_ms;
}

void acd_wait_leave(struct acd_wait *wait, uint64_t now_ms, bool abandoned) {
    ends(&wait->patience, now_ms);
    if (abandoned)
        happens(&wait->patience, GIVE_UPS);
}

void acd_wait_taken(struct acd_wait *wait, uint64_t now_ms) {
    begins(&wait->handle, now_ms);
}

void acd_wait_freed(struct acd_wait *wait, uint64_t now_ms, uint64_t taken_ms, enum acd_wait_freed how) {
    struct acd_wait_rate *handle = &wait->handle;
    ends(handle, now_ms);
    double took = now_ms > taken_ms ? (double)(now_ms - taken_ms) : 0;
    if (how == ACD_WAIT_HANDLED) {
        happens(handle, HANDLES);
        adds(&wait->times, &wait->time_sum, &wait->time_squares, took, HANDLES);
    } else if (how == ACD_WAIT_RACE) {
        handle->exposure_ms = fmax(handle->exposure_ms - took, handle->events);
    }
}

void acd_wait_rang(struct acd_wait *wait, uint64_t ms) {
    adds(&wait->rings, &wait->ring_sum, &wait->ring_squares, (double)ms, RINGS);
}

double acd_wait_handle_ms(const struct acd_wait *wait, uint64_t now_ms) {
    return mean_ms(&wait->handle, now_ms);
}

double acd_wait_patience_ms(const struct acd_wait *wait, uint64_t now_ms) {
    return mean_ms(&wait->patience, now_ms);
}

double acd_wait_per_ms(const struct acd_wait *wait, uint64_t now_ms) {
    double since = now_ms > wait->arrival_ms ? (double)(now_ms - wait->arrival_ms) : 0;
    return wait->arrivals * fading(since / ARRIVALS_MS) / ARRIVALS_MS;
}

/* ---- guessing ---- */

/* Of a gamma distribution with this mean and deviation (Wilson and Hilferty): exact enough from one
 * exponential time (deviation = mean) to the normal distribution. */
static double quantile(double mean, double sd) {
    if (mean <= 0)
        return 0;
    double c = fmin(sd / mean, 1.5) / 3, root = 1 - c * c + P80 * c;
    return mean * root * root * root;
}

/* Squared coefficient of variation of the time a call takes: 1 when exponential. */
static double variation(const struct acd_wait *wait) {
    double mean = wait->time_sum / wait->times;
    return mean > 0 ? fmin(3, fmax(0.05, wait->time_squares / wait->times / (mean * mean) - 1)) : 1;
}

/* The line ahead as a walk: from i calls to i - 1 in so long, on the average and squared deviation, when
 * agents free themselves and callers give up at rate `down`, and calls that are served before come at rate
 * `up`. */
struct stair {
    double mean, variance;
};
static struct stair step_down(double down, double up, struct stair above) {
    double both = down + up, back = up / both, lost = above.mean;
    double mean = (1 + up * lost) / down;
    double variance =
        1 / (both * both) + back * above.variance + back * (1 - back) * (lost + mean) * (lost + mean);
    return (struct stair){mean, variance / (1 - back)};
}

/* The wait until so many steps down are done, the last one (fraction allowed) into an agent's hands. */
static struct stair walk(const struct acd_wait *wait, uint64_t now_ms, double steps,
                         const struct acd_wait_service *service) {
    double n = service->agents, frees = n / acd_wait_handle_ms(wait, now_ms), up = service->overtakes;
    double gives_up = 1 / acd_wait_patience_ms(wait, now_ms), regular = 1 - variation(wait);
    double size = fmax(1, ceil(steps / ACD_WAIT_TERMS)), beyond = up > 0 ? OVERTAKERS : 0;
    double top = (ceil(steps / size) + beyond) * size, down = frees + top * gives_up;
    struct stair sum = {0, 0}, stair = {1 / fmax(down - up, 0.1 * down), 0};
    stair.variance = stair.mean * stair.mean;
    for (double i = top - size; i >= 0; i -= size) {
        double part = fmin(size, steps - i);
        stair = step_down(frees + (i + (size - 1) / 2) * gives_up, up, stair);
        if (part <= 0)
            continue;
        /* Calls of much the same length end one after the other, not in heaps: sooner, and surer. Between
         * what is true of exponential times and of equal ones that began at random. */
        double turn = steps - i - (part - 1) / 2, sooner = fmax(0, 1 - (turn - 1) / n) / (n + 1);
        double surer = 1 - fmax(0, 1 - (2 * turn - 1) / (n + 1)) * n * n / ((n + 1) * (n + 2));
        sum.mean += part * stair.mean * (1 - regular * sooner);
        sum.variance += part * stair.variance * (1 - regular * surer);
    }
    return sum;
}

struct acd_wait_guess acd_wait_guess(const struct acd_wait *wait, uint64_t now_ms, double ahead,
                                     const struct acd_wait_service *service, uint32_t idle) {
    double steps = ahead + 1 - idle, ring = wait->ring_sum / wait->rings;
    double ring_variance = fmax(0, wait->ring_squares / wait->rings - ring * ring);
    struct stair sum = {0, 0};
    if (service->agents <= 0)
        return (struct acd_wait_guess){0, 0, NEVER};
    if (steps > 0)
        sum = walk(wait, now_ms, steps, service);
    /* the rate itself is only known so well */
    sum.variance += sum.mean * sum.mean / wait->handle.events;
    double mean = sum.mean + ring, sd = sqrt(sum.variance + ring_variance);
    double p80 = wait->margin * quantile(mean, sd);
    return (struct acd_wait_guess){fmin(mean, MOST_MS), fmin(sd, MOST_MS), (uint64_t)fmin(p80, MOST_MS)};
}

/* ---- agents shared with other queues ---- */

/* Which part of a queue's calls a group takes. By its agents alone: to look at how busy the groups are, too,
 * was tried and did not make guesses better. */
static double part_of(const struct acd_wait_group *group, const struct acd_wait_demand *demand) {
    return demand->agents > 0 ? group->agents / demand->agents : 0;
}

struct acd_wait_service acd_wait_share(const struct acd_wait_group *group, uint32_t group_count,
                                       struct acd_wait_demand *demand, uint32_t demand_count, uint32_t of,
                                       double *overlap) {
    struct acd_wait_service service = {0, 0};
    for (uint32_t p = 0; p < demand_count; p++) {
        overlap[p] = p == of;
        demand[p].agents = 0;
    }
    for (uint32_t g = 0; g < group_count; g++)
        for (uint32_t i = 0; i < group[g].queue_count; i++)
            demand[group[g].queue[i]].agents += group[g].agents;
    for (uint32_t g = 0; g < group_count; g++) {
        double part = part_of(&group[g], &demand[of]), calls = part * demand[of].per_ms;
        double work = calls * demand[of].handle_ms;
        bool serves = false;
        for (uint32_t i = 0; i < group[g].queue_count; i++)
            serves |= group[g].queue[i] == of;
        if (!serves || !group[g].agents)
            continue;
        for (uint32_t i = 0; i < group[g].queue_count; i++) {
            uint32_t p = group[g].queue[i];
            if (p == of || demand[p].rank == ACD_WAIT_BEHIND)
                continue;
            part = part_of(&group[g], &demand[p]);
            overlap[p] += part;
            if (demand[p].rank == ACD_WAIT_BEFORE)
                service.overtakes += part * demand[p].per_ms;
            calls += part * demand[p].per_ms;
            work += part * demand[p].per_ms * demand[p].handle_ms;
        }
        service.agents += group[g].agents * (work > 0 ? demand[of].handle_ms * calls / work : 1);
    }
    return service;
}

/* ---- telling, and judging oneself ---- */

bool acd_wait_telling(const struct acd_wait *wait) {
    return !wait->silent;
}

uint64_t acd_wait_tell(struct acd_wait *wait, struct acd_wait_told *told, uint64_t now_ms,
                       const struct acd_wait_guess *guess, uint32_t staff) {
    if (guess->p80_ms == NEVER) {
        told->said = false; /* what was said before can no longer bind */
        return NEVER;
    }
    uint64_t until = now_ms + guess->p80_ms;
    if (!told->asked) {
        told->asked = true;
        told->asked_ms = now_ms;
        told->first_ms = until;
    }
    if (wait->silent)
        return NEVER;
    if (told->said && staff >= told->staff && until > told->until_ms)
        until = told->until_ms;
    told->said = true;
    told->staff = staff;
    told->until_ms = until;
    return until > now_ms ? until - now_ms : 0;
}

/* Right by so much more than the aim: careful in small steps. */
static void adjust(struct acd_wait *wait, bool wrong, double weight) {
    double step = GAIN * weight * ((wrong ? 1 : 0) - WRONG_AIM / 100.0);
    wait->margin = fmin(MARGIN_MOST, fmax(MARGIN_LEAST, wait->margin * (1 + step)));
}

static void remember(struct acd_wait *wait, bool wrong, double weight) {
    int8_t *score = &wait->score[wait->score_next];
    if (wait->scored == ACD_WAIT_SCORES) {
        wait->weight_all -= (uint32_t)abs(*score);
        wait->weight_wrong -= *score < 0 ? (uint32_t) - *score : 0;
    } else {
        wait->scored++;
    }
    *score = (int8_t)(weight * 16 * (wrong ? -1 : 1));
    wait->weight_all += (uint32_t)abs(*score);
    wait->weight_wrong += *score < 0 ? (uint32_t) - *score : 0;
    wait->score_next = (wait->score_next + 1) % ACD_WAIT_SCORES;
    if (wait->scored >= SCORES_LEAST && 100 * wait->weight_wrong > WRONG_OFF * wait->weight_all)
        wait->silent = true;
    else if (100 * wait->weight_wrong < WRONG_ON * wait->weight_all)
        wait->silent = false;
}

void acd_wait_score(struct acd_wait *wait, const struct acd_wait_told *told, uint64_t now_ms, bool answered) {
    if (!told->asked || (!answered && now_ms <= told->first_ms))
        return;
    bool wrong = now_ms > told->first_ms;
    double known_after = (double)((wrong ? told->first_ms : now_ms) - told->asked_ms);
    double weight = fmin(WEIGHT_MOST, 1 / fading(known_after / acd_wait_patience_ms(wait, now_ms)));
    remember(wait, wrong, weight);
    adjust(wait, wrong, weight);
}

uint32_t acd_wait_wrong(const struct acd_wait *wait) {
    return wait->weight_all ? (wait->scored * wait->weight_wrong + wait->weight_all / 2) / wait->weight_all
                            : 0;
}
