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

/* A line on its way to the caller: taken in heaps of `size` calls when it is long. */
struct line {
    double steps, size, frees_each, gives_up, regular;
    uint32_t heaps;
};

/* What each heap takes, the last one first, if this service holds all the time. Of one call, not of the heap.
 */
static void walk(const struct line *line, const struct acd_wait_service *service, struct stair *stair) {
    double n = service->agents, frees = n * line->frees_each, up = service->overtakes;
    double top = line->heaps + (up > 0 ? OVERTAKERS : 0);
    double down = frees + top * line->size * line->gives_up;
    struct stair last = {1 / fmax(down - up, 0.1 * down), 0};
    last.variance = last.mean * last.mean;
    for (double heap = top - 1; heap >= 0; heap--) {
        double i = heap * line->size, part = fmin(line->size, line->steps - i);
        last = step_down(frees + (i + (line->size - 1) / 2) * line->gives_up, up, last);
        if (part <= 0)
            continue;
        /* Calls of much the same length end one after the other, not in heaps: sooner, and surer. Between
         * what is true of exponential times and of equal ones that began at random. */
        double turn = line->steps - i - (part - 1) / 2, sooner = fmax(0, 1 - (turn - 1) / n) / (n + 1);
        double surer = 1 - fmax(0, 1 - (2 * turn - 1) / (n + 1)) * n * n / ((n + 1) * (n + 2));
        stair[(int)heap] = (struct stair){last.mean * (1 - line->regular * sooner),
                                          last.variance * (1 - line->regular * surer)};
    }
}

/* An exponential time, but after `until` ms another one begins instead. pass: the chance of that. */
static struct stair pass_on(struct stair now, double until, struct stair then, double *pass) {
    double m = now.mean, p = *pass = fading(until / m);
    double mean = m * (1 - p) + p * then.mean;
    double squares = 2 * m * m - p * (until * until + 2 * until * m + 2 * m * m) +
                     p * (until * until + 2 * until * then.mean + then.variance + then.mean * then.mean);
    /* the first one need not be quite exponential */
    double variance = fmax(0, squares - mean * mean) - (1 - p) * fmax(0, m * m - now.variance);
    return (struct stair){mean, fmax(0, variance)};
}

/* With this chance an idle agent is left for the call. */
static struct stair maybe_idle(struct stair busy, double chance) {
    double mean = (1 - chance) * busy.mean;
    return (struct stair){mean, (1 - chance) * (busy.variance + busy.mean * busy.mean) - mean * mean};
}

/* How long the next in line waits from now on, who has waited `age` ms. taken: of the idle agents so many are
 * gone by then; those of a service are among those of the next. */
static struct stair next_in_line(struct stair (*stair)[ACD_WAIT_TERMS], uint32_t heap, double age,
                                 const struct acd_wait_service *service, uint32_t services, double *taken) {
    uint32_t at = 0;
    struct stair result = {0, 0};
    double chance = 1, pass[ACD_WAIT_SERVICES] = {0}, idle[ACD_WAIT_SERVICES] = {0};
    while (at + 1 < services && (double)service[at + 1].from_ms <= age)
        at++;
    for (uint32_t s = services; s-- > at;) {
        idle[s] = s ? fmin(1, fmax(0, service[s].idle - *taken)) : 0;
        struct stair now = maybe_idle(stair[s][heap], idle[s]);
        double until =
            s + 1 < services ? (double)service[s + 1].from_ms - fmax(age, (double)service[s].from_ms) : 0;
        result = s + 1 < services && now.mean > 0 ? pass_on(now, until, result, &pass[s]) : now;
    }
    for (uint32_t s = at; s < services; chance *= pass[s++])
        *taken += chance * idle[s];
    return result;
}

/* The line down to the heap with the caller in it, which is left: each has all the services. */
struct front {
    struct stair sum;
    double age, taken, part; /* of the caller's heap */
};
static struct front go_down(const struct line *line, struct stair (*stair)[ACD_WAIT_TERMS],
                            const struct acd_wait_place *place, const struct acd_wait_service *service,
                            uint32_t services) {
    struct front front = {.taken = service->idle};
    double younger = (double)place->head_ms - (double)place->waited_ms;
    for (uint32_t heap = line->heaps; heap--;) {
        double left = line->steps - heap * line->size;
        front.part = fmin(line->size, left);
        front.age = (double)place->head_ms + front.sum.mean -
                    younger * fmin(1, (left - front.part) / fmax(1, line->steps - 1));
        if (!heap)
            break;
        struct stair one = next_in_line(stair, heap, front.age, service, services, &front.taken);
        front.sum.mean += front.part * one.mean;
        front.sum.variance += front.part * one.variance;
    }
    return front;
}

static struct stair with_ring(const struct acd_wait *wait, struct stair sum) {
    double ring = wait->ring_sum / wait->rings;
    sum.variance += sum.mean * sum.mean / wait->handle.events; /* the rate itself is only known so well */
    sum.variance += fmax(0, wait->ring_squares / wait->rings - ring * ring);
    sum.mean += ring;
    return sum;
}

/* The quantile, with the first service, with the first two, ... Many may be served in the very moment when
 * they come to want less: then it is not before that, unless it would have been without it. */
static double p80_of(const struct acd_wait *wait, const struct line *line,
                     struct stair (*stair)[ACD_WAIT_TERMS], const struct acd_wait_place *place,
                     const struct acd_wait_service *service, uint32_t services, struct stair *sum) {
    struct front front = go_down(line, stair, place, service, services);
    double p80 = 0, ring = wait->ring_sum / wait->rings;
    for (uint32_t own = 1; own <= services; own++) {
        double last = p80, at = (double)service[own - 1].from_ms - (double)place->waited_ms + ring;
        double taken = front.taken;
        struct stair one = {0, 0};
        if (line->heaps)
            one = next_in_line(stair, 0, front.age, service, own, &taken);
        *sum = with_ring(wait, (struct stair){front.sum.mean + front.part * one.mean,
                                              front.sum.variance + front.part * one.variance});
        p80 = quantile(sum->mean, sqrt(sum->variance));
        if (own > 1)
            p80 = fmax(p80, fmin(last, at));
    }
    return p80;
}

struct acd_wait_guess acd_wait_guess(const struct acd_wait *wait, uint64_t now_ms,
                                     const struct acd_wait_place *place,
                                     const struct acd_wait_service *service, uint32_t services) {
    struct line line = {.steps = fmax(0, place->ahead + 1 - service->idle),
                        .frees_each = 1 / acd_wait_handle_ms(wait, now_ms),
                        .gives_up = 1 / acd_wait_patience_ms(wait, now_ms),
                        .regular = 1 - variation(wait)};
    struct stair stair[ACD_WAIT_SERVICES][ACD_WAIT_TERMS], sum;
    bool served = false;
    services = services < ACD_WAIT_SERVICES ? services : ACD_WAIT_SERVICES;
    line.size = fmax(1, ceil(line.steps / ACD_WAIT_TERMS));
    line.heaps = (uint32_t)ceil(line.steps / line.size);
    for (uint32_t s = 0; s < services; s++) {
        served |= service[s].agents > 0;
        for (uint32_t heap = 0; heap < line.heaps; heap++)
            stair[s][heap] = (struct stair){MOST_MS, MOST_MS * MOST_MS};
        if (service[s].agents > 0)
            walk(&line, &service[s], stair[s]);
    }
    if (!served)
        return (struct acd_wait_guess){0, 0, NEVER};
    double p80 = wait->margin * p80_of(wait, &line, stair, place, service, services, &sum);
    return (struct acd_wait_guess){fmin(sum.mean, MOST_MS), fmin(sqrt(sum.variance), MOST_MS),
                                   (uint64_t)fmin(p80, MOST_MS)};
}

/* ---- agents shared with other queues ---- */

/* Which part of a queue's calls a group takes. By its agents alone: to look at how busy the groups are, too,
 * was tried and did not make guesses better. */
static double part_of(const struct acd_wait_group *group, const struct acd_wait_demand *demand) {
    return demand->agents > 0 ? fmin(1, group->agents / demand->agents) : 0;
}

struct acd_wait_service acd_wait_share(const struct acd_wait_group *group, uint32_t group_count,
                                       const struct acd_wait_demand *demand, uint32_t demand_count,
                                       uint32_t of, double *overlap) {
    struct acd_wait_service service = {.agents = 0};
    for (uint32_t p = 0; p < demand_count; p++)
        overlap[p] = p == of;
    for (uint32_t g = 0; g < group_count; g++) {
        double part = part_of(&group[g], &demand[of]), calls = part * demand[of].per_ms;
        double work = calls * demand[of].handle_ms;
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
    for (uint32_t p = 0; p < demand_count; p++)
        overlap[p] = fmin(1, overlap[p]);
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
