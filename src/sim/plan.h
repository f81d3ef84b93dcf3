/* SPDX-License-Identifier: Apache-2.0
 *
 * plan: who calls, when and what for, and who works when, as drawn or recorded before the day begins. Two
 * worlds with two configurations and one plan see the same people.
 */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include "sim/scenario.h"

/* What a caller dials, and where he wants to go. */
struct way {
    char number[NUMBER_LEN];
    char queue[NAME_LEN];         /* "" = whatever the digits lead to */
    char digits[SCENARIO_DIGITS]; /* "" = those that lead to the queue */
};

/* wrap_us: to the end of the timer, however long that is */
#define WRAP_BY_TIMER (NEVER - 1)

struct caller {
    uint64_t at_us; /* calls, or (when enters) is to enter the queue; since the beginning */
    uint64_t stream;
    uint32_t person;
    uint32_t way;     /* 1-based; 0 = any number, any digits */
    bool enters;      /* at_us is when the queue is entered */
    uint64_t exit_us; /* presses a key that leads out of the queue, if there is one; NEVER = by the habits */
    uint64_t patience_us, talk_us, wrap_us, ring_us; /* NEVER = drawn by the habits of the queue, the agent */
};

enum duty_kind { DUTY_READY, DUTY_PAUSE, DUTY_UNREACHABLE };
struct duty { /* of an agent, in order of time, not overlapping; off between them */
    const char *agent;
    uint64_t from_us, to_us; /* since the beginning */
    enum duty_kind kind;
    char reason[NAME_LEN];
};

struct plan {
    const struct conf *conf; /* agents that this one does not know are new ones: they work all day */
    struct caller *caller;   /* by at_us */
    uint32_t caller_count, caller_capacity;
    uint32_t persons; /* numbered 0.. */
    struct way *way;
    uint32_t way_count;
    struct duty *duty; /* recorded ones, by agent; else the scenario's shifts count */
    uint32_t duty_count;
    uint64_t wall_us; /* of the beginning, 1970 UTC */
    uint64_t day_us, close_us;
    uint64_t begin_us; /* local time of the day at the beginning */
    int64_t utc_offset_us;
};

/* 0, -ENOMEM. conf and scenario stay borrowed. */
int plan_make(struct plan **pp, const struct conf *conf, const struct scenario *scenario, uint64_t seed);
void plan_free(struct plan *plan);
/* For those who make plans. 0 or -ENOMEM. */
int plan_add(struct plan *plan, const struct caller *caller);
uint32_t plan_way(struct plan *plan, const struct way *way); /* 0: out of memory */
void plan_sort(struct plan *plan);

/* What to dial and press under a configuration, and when: `after` counts from our answer for the first digit,
 * from the one before for the others. False: no number leads there. */
struct route {
    char number[NUMBER_LEN];
    char digit[SCENARIO_DIGITS];
    uint64_t after_us[SCENARIO_DIGITS];
    uint64_t total_us; /* until the last target is reached */
};
bool plan_route(const struct conf *conf, const struct way *way, struct route *out);

#endif
