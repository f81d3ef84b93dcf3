/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_wait: how long a caller will wait. One struct acd_wait per queue, plain data, no memory taken; every
 * call below is O(1), a guess O(calls ahead, at most ACD_WAIT_TERMS) a step. Only + - * / and sqrt on
 * doubles, so the result does not depend on a mathematics library. Formulas, sources and what was measured:
 * ../../docs/expected-wait.md.
 *
 * Who calls what:
 *   a call enters the line                      acd_wait_enter
 *   it leaves, in whatever way                  acd_wait_score (if told), then acd_wait_leave
 *   an agent is reserved for a call             acd_wait_taken
 *   that agent is free again                    acd_wait_freed: after wrap-up, a failed offer, a lost race
 *   an offer is answered                        acd_wait_rang: since the first offer the caller had
 */
#ifndef ACD_WAIT_H
#define ACD_WAIT_H

#include "callfloor/base.h"

enum {
    ACD_WAIT_TERMS = 64,   /* further calls ahead are taken together */
    ACD_WAIT_SERVICES = 8, /* steps looked at */
    ACD_WAIT_SCORES = 200, /* so many are remembered to judge by */
};

/* Events in so much time: a rate learnt on line. Each event makes all before it count a little less; what has
 * run without an event so far counts too. */
struct acd_wait_rate {
    double events, exposure_ms;
    uint64_t at_ms;   /* exposure is complete until then */
    uint32_t running; /* so many take part now */
};

struct acd_wait {
    struct acd_wait_rate handle;   /* agents occupied by this queue's calls; events: the calls done with */
    struct acd_wait_rate patience; /* callers in line; events: those who gave up */
    double arrivals;               /* forgotten by time */
    uint64_t arrival_ms;
    double times, time_sum, time_squares; /* of calls done with, for how much they differ */
    double rings, ring_sum, ring_squares; /* from a caller's first offer to the answer */
    double margin;                        /* learnt from own errors; the quantile is multiplied by it */
    int8_t score[ACD_WAIT_SCORES];        /* weights; below 0: was wrong */
    uint32_t scored, score_next;          /* of the last ACD_WAIT_SCORES, so many are known */
    uint32_t weight_all, weight_wrong;
    bool silent; /* was wrong too often: says nothing until it is better */
};

/* handle_ms, patience_ms: what to assume before anything is known, not 0. */
void acd_wait_init(struct acd_wait *wait, uint64_t now_ms, uint32_t handle_ms, uint32_t patience_ms);

/* ---- learning ---- */
enum acd_wait_freed {
    ACD_WAIT_HANDLED, /* talk and wrap-up are over */
    ACD_WAIT_LOST,    /* the offer failed: the agent's time is gone all the same */
    ACD_WAIT_RACE     /* another agent answered (ring all), or the caller has gone: as if it had not been */
};
void acd_wait_enter(struct acd_wait *wait, uint64_t now_ms);
void acd_wait_leave(struct acd_wait *wait, uint64_t now_ms, bool abandoned);
void acd_wait_taken(struct acd_wait *wait, uint64_t now_ms);
void acd_wait_freed(struct acd_wait *wait, uint64_t now_ms, uint64_t taken_ms, enum acd_wait_freed how);
void acd_wait_rang(struct acd_wait *wait, uint64_t ms);

double acd_wait_handle_ms(const struct acd_wait *wait, uint64_t now_ms);
double acd_wait_patience_ms(const struct acd_wait *wait, uint64_t now_ms);
double acd_wait_per_ms(const struct acd_wait *wait, uint64_t now_ms); /* arrivals */

/* ---- agents shared with other queues ---- */
enum acd_wait_rank {
    ACD_WAIT_BESIDE, /* served in order of time with the caller's queue */
    ACD_WAIT_BEFORE, /* always served before it, also those who come later */
    ACD_WAIT_BEHIND  /* always served after it */
};
struct acd_wait_demand { /* a queue, as seen by the caller's queue */
    double per_ms, handle_ms;
    enum acd_wait_rank rank;
    double agents; /* who serve it, those of groups that are not given included */
};
struct acd_wait_service { /* what callers of a queue can count on, from some step on */
    double agents;        /* in agents who do nothing but this queue's calls; 0 = nobody serves */
    double overtakes;     /* calls per ms that come later and are served before */
    uint64_t from_ms;     /* for callers who have waited so long; the first of a list: 0 */
    uint32_t idle;        /* agents who could take such a caller right now */
};
struct acd_wait_group { /* agents who serve the same queues */
    uint32_t agents;    /* logged in and not paused, nor about to be */
    uint32_t queue_count;
    const uint32_t *queue; /* indices into the demand array */
};
/* What callers of queue `of` can count on, and for each queue which part of its calls is taken by agents who
 * serve `of`, too: ahead = sum of overlap[p] * (calls of p that come before). group: those that serve `of`.
 * overlap has room for demand_count. O(sum of queue_count); changes when agents log in, out or pause, and
 * slowly with the arrivals. */
struct acd_wait_service acd_wait_share(const struct acd_wait_group *group, uint32_t group_count,
                                       const struct acd_wait_demand *demand, uint32_t demand_count,
                                       uint32_t of, double *overlap);

/* ---- guessing ---- */
struct acd_wait_guess {
    double mean_ms, sd_ms;
    uint64_t p80_ms; /* NEVER: nobody serves */
};
struct acd_wait_place {
    double ahead; /* calls that will be served before, without those for whom a phone rings already; a
                     fraction when other agents may take some of them */
    uint64_t waited_ms, head_ms; /* how long the caller, and the first in line, have waited */
};
/* service: in order of from_ms, at most ACD_WAIT_SERVICES count. More than one when callers want less after
 * some time, so that more agents may take them: who has waited longer than the last from_ms can count on the
 * last. */
struct acd_wait_guess acd_wait_guess(const struct acd_wait *wait, uint64_t now_ms,
                                     const struct acd_wait_place *place,
                                     const struct acd_wait_service *service, uint32_t services);

/* ---- telling, and judging oneself ---- */
struct acd_wait_told { /* one per visit, zero-initialise */
    uint64_t asked_ms; /* first time: what was told is counted from here */
    uint64_t first_ms; /* told first: answered by then, or it was wrong */
    uint64_t until_ms; /* told last */
    uint32_t staff;
    bool asked, said;
};
/* Remaining ms the caller may be told, NEVER = say nothing. Not later than told before, unless staff (agents
 * logged in and not paused who may take the call) has fallen since. */
uint64_t acd_wait_tell(struct acd_wait *wait, struct acd_wait_told *told, uint64_t now_ms,
                       const struct acd_wait_guess *guess, uint32_t staff);
/* At the visit's end: was the first thing told exceeded? Who was answered in time: right. Who is still
 * unanswered after the time: wrong. Who gave up before: unknown. */
void acd_wait_score(struct acd_wait *wait, const struct acd_wait_told *told, uint64_t now_ms, bool answered);
/* False when more than 35 % of the last 200 known ones were wrong, until it is under 28 %. Right ones who
 * could have given up, and wrong ones, stand for those who did give up: each counts by one through the chance
 * of patience that long. */
uint32_t acd_wait_wrong(const struct acd_wait *wait); /* of `scored` */
bool acd_wait_telling(const struct acd_wait *wait);

#endif
