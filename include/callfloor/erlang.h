/* SPDX-License-Identifier: Apache-2.0
 *
 * erlang: the formulas of waiting lines, for staffing and for proving the distributor (docs/acd-proof.md).
 * Pure arithmetic: no state, no memory, no clock.
 *
 * Words. Calls come at random (Poisson) at `arrivals_per_s`; a handle lasts `handling_s` on average
 * (exponential; talk, hold and wrap-up together); the load is their product, in erlang; one line in order of
 * arrival before `agents` alike agents.
 *
 *   model  Kendall's name  callers who find all agents busy
 *   B      M/M/n/n         are refused
 *   C      M/M/n           wait for ever; only stable when load < agents
 *   A      M/M/n+M         wait, and give up after a time that is exponential with mean `patience_s`
 *   limit  M/M/n/n+q       wait if fewer than `places` do so already, else are refused
 *
 * Choosing. C overstates waiting where callers give up, and has no answer at all under overload; A is the one
 * to staff with, once patience is known (time waited by all callers divided by the number of those who gave
 * up). All four assume one skill, steady arrivals within the interval and exponential times; where that is
 * far from true, simulate the real rules (callfloor-sim).
 *
 * Sources. A. K. Erlang 1917 (B, C); C. Palm 1943 (A); A. Mandelbaum and S. Zeltyn, "The Palm/Erlang-A queue,
 * with applications to call centers", 2005; distribution of the offered wait with impatience: F. Baccelli and
 * G. Hebuterne 1981; M/M/n/n+q: any text on queues, e.g. L. Kleinrock, "Queueing Systems" I, 1975, 3.5-3.8.
 *
 * Numbers. B goes by Erlang's recursion, which never leaves [0, 1]. The birth-death models are summed outward
 * from their likeliest state, with logarithms of weights, so that nothing overflows or vanishes however many
 * agents; the service level of A is an integral over the density of the wait. All are good to about ten
 * digits.
 */
#ifndef CALLFLOOR_ERLANG_H
#define CALLFLOOR_ERLANG_H

#include "callfloor/base.h"

enum { ERLANG_MOST_AGENTS = 1000000 }; /* also of waiting places, and of erlangs */

struct erlang_case {
    double arrivals_per_s, handling_s;
    double target_s;   /* T of the service level, 0 or more */
    uint32_t agents;   /* at least 1 */
    double patience_s; /* only A */
    uint32_t places;   /* only limit: callers who may wait */
};

/* Shares are of all callers offered, also of those who gave up or were refused, unless it says otherwise. */
struct erlang_figures {
    double waits;         /* share who find all agents busy and are let in */
    double service_level; /* share answered within T */
    double abandons;      /* share who give up */
    double blocked;       /* share refused */
    double mean_wait_s;   /* of all who were let in, those at once answered and those who gave up included */
    double answer_s;      /* mean wait of those answered: the average speed of answer */
    double waiting;       /* mean number of callers in line */
    double occupancy;     /* share of an agent's time spent on calls */
};

/* Share refused in model B; -1 when an argument is out of range (load: 0 to ERLANG_MOST_AGENTS). */
double erlang_b(double load, uint32_t agents);

/* 0; -EINVAL: a number is negative, not a number, or beyond ERLANG_MOST_AGENTS; -ERANGE: not stable (C with
 * load >= agents), or a line too long to be summed (A with almost endless patience under overload). *out
 * only on 0. */
int erlang_c(const struct erlang_case *in, struct erlang_figures *out);
int erlang_a(const struct erlang_case *in, struct erlang_figures *out);
int erlang_limit(const struct erlang_case *in, struct erlang_figures *out);

/* Least number of agents with service level >= goal (below 1) and occupancy <= max_occupancy (above 0; 1: no
 * matter). model: erlang_c or erlang_a. in->agents is not read. 0, -EINVAL, -ERANGE (none is enough). */
typedef int erlang_model_fn(const struct erlang_case *in, struct erlang_figures *out);
int erlang_agents(erlang_model_fn *model, const struct erlang_case *in, double goal, double max_occupancy,
                  uint32_t *agents);
/* How many have to be on the roster, so that `agents` are there when the share `shrinkage` (0 to below 1) of
 * paid time is lost to breaks, training, illness. 0 when out of range. */
uint32_t erlang_rostered(uint32_t agents, double shrinkage);

#endif
