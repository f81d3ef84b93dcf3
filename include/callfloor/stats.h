/* SPDX-License-Identifier: Apache-2.0
 *
 * stats: the day's figures per queue and agent, counted from events as they happen. Pure. Formulas with
 * their names in ../../docs/kpi.md (semantics 3.4).
 *
 * A visit counts in the day in which it entered: the visits that wait at midnight count in neither day's
 * ends. (Ends carry no number, so the first ends after midnight in a queue are taken for theirs.) Times of
 * agents, ringing and handles count in the day in which they end.
 */
#ifndef CALLFLOOR_STATS_H
#define CALLFLOOR_STATS_H

#include "callfloor/acd.h"

struct stats_queue {
    uint32_t offered, answered, abandoned, short_abandoned,
        other;                                    /* offered = answered+abandoned+other+waiting */
    uint32_t answered_in_time, abandoned_in_time; /* within service_level_ms */
    uint64_t answered_wait_ms, abandoned_wait_ms, longest_wait_ms; /* sums; longest of ended visits */
    uint64_t talk_ms, hold_ms, wrap_ms, ring_ms;
    uint32_t handles;
    uint32_t ends[ACD_VISIT_RESULTS]; /* the same ends by result: they sum up to answered+abandoned+other */
    uint32_t resumed;                 /* visits that began at a place lost before */
    uint32_t steps;                   /* how often a caller came to want less */
    uint32_t reserves;                /* how often agents of another tier came in to help */
};
/* logged_in = idle + ring + talk + hold + wrap + pause + other + unreachable, always. */
struct stats_agent {
    uint32_t offers, answered, missed, rejected, handles;
    uint32_t lost_races;                         /* another was faster: not missed */
    uint64_t ring_ms, talk_ms, hold_ms, wrap_ms; /* ring: reserved and ringing */
    uint64_t logged_in_ms, idle_ms, pause_ms, other_ms, unreachable_ms;
    uint32_t pauses;
};

/* Ratios; -1 when there is nothing to divide by. */

/* Five service levels of one day, all in use in the field and all different: T answered in time. */
enum stats_service_form {
    STATS_SL_OFFERED,     /* answered in T / offered so far ended: ours */
    STATS_SL_POSITIVE,    /* (answered in T + abandoned in T) / ended */
    STATS_SL_NO_ABANDONS, /* answered in T / (ended - abandoned in T) */
    STATS_SL_HANDLED,     /* answered in T / answered: rises when callers give up */
    STATS_SL_NO_SHORT,    /* answered in T / (ended - short abandons): the usual contract */
};
double stats_service_level_as(const struct stats_queue *q, enum stats_service_form form);
double stats_service_level(const struct stats_queue *q); /* answered in T / offered so far ended */
double stats_abandon_rate(const struct stats_queue *q);  /* abandoned / ended */
double stats_abandon_rate_no_short(const struct stats_queue *q);
double stats_average_speed_of_answer_ms(const struct stats_queue *q); /* from entry to answer, with ring */
double stats_average_handling_ms(const struct stats_queue *q);        /* (talk+hold+wrap)/handles */
double stats_average_handling4_ms(const struct stats_queue *q);       /* (ring+talk+hold+wrap)/handles */
double stats_occupancy(const struct stats_agent *a); /* (ring+talk+hold+wrap)/(logged in - pause) */

struct stats;
int stats_create(struct stats **sp);
void stats_destroy(struct stats *s);
/* A new day begins at local midnight: the caller says when (wall-clock day number). Counters start afresh;
 * the same number again changes nothing. */
void stats_day(struct stats *s, uint32_t day_number, uint64_t now_ms);

/* Each visit, also one refused at the door. */
void stats_enter(struct stats *s, uint32_t queue);
void stats_visit_end(struct stats *s, const struct conf *conf, uint32_t queue, enum acd_visit_result result,
                     uint64_t wait_ms);
void stats_resumed(struct stats *s, uint32_t queue);
void stats_step(struct stats *s, uint32_t queue);
void stats_reserve(struct stats *s, uint32_t queue);
/* Ring time counts for the queue here; for the agent it comes with stats_agent_time(). */
void stats_offer_end(struct stats *s, uint32_t queue, uint32_t agent, enum acd_offer_result result,
                     uint64_t ring_ms);
/* Likewise talk and hold. queue 0 (a direct call): not counted, the agent's time is `other`. */
void stats_handle_end(struct stats *s, uint32_t queue, uint32_t agent, uint64_t talk_ms, uint64_t hold_ms);
/* Time an agent spent in a state that has just ended (from ACD_FX_AGENT); wrap-up also counts for queue. */
void stats_agent_time(struct stats *s, uint32_t agent, uint32_t queue, enum acd_presence presence,
                      enum acd_activity activity, uint64_t ms);
/* The day's figures with the state that has not ended yet, in which the agent has been for ms. */
void stats_agent_live(const struct stats_agent *today, enum acd_presence presence, enum acd_activity activity,
                      uint64_t ms, struct stats_agent *out);
uint32_t stats_day_number(const struct stats *s);
/* Figures of the same day from before a restart, before any other; visits that had not ended have failed. */
void stats_restore_queue(struct stats *s, uint32_t queue, const struct stats_queue *earlier);
void stats_restore_agent(struct stats *s, uint32_t agent, const struct stats_agent *earlier);
const struct stats_queue *stats_queue_get(const struct stats *s, uint32_t queue); /* never NULL */
const struct stats_agent *stats_agent_get(const struct stats *s, uint32_t agent); /* never NULL */

#endif
