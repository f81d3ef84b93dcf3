/* SPDX-License-Identifier: Apache-2.0
 *
 * tally: the day's figures, from the rows the floor writes, with the formulas of the daemon (docs/kpi.md).
 */
#ifndef SIM_TALLY_H
#define SIM_TALLY_H

#include "callfloor/record.h"
#include "callfloor/stats.h"

struct tally_queue {
    struct stats_queue day;
    uint32_t result[ACD_VISIT_RESULTS];
    /* of those told an expected wait at entry and known to the end; wrong: waited longer than told */
    uint32_t told, told_wrong;
    uint64_t ended_wait_us; /* of all visits that ended */
};
struct tally_interval {
    uint32_t arrived, answered, in_time, abandoned, ended; /* by the interval of arrival */
    uint64_t answered_wait_us, longest_us;
    uint64_t staffed_us, busy_us,
        paused_us; /* agents' time in this interval; only in the row of all queues */
};
struct tally {
    uint64_t start_us, interval_us;
    uint32_t interval_count, queue_count, agent_count;
    struct tally_queue *queue;       /* by number; 0 = all together */
    struct stats_agent *agent;       /* by number; 0 = all together */
    struct tally_interval *interval; /* [queue * interval_count + i] */
};

/* Intervals beyond the last one are not counted. 0 or -ENOMEM. */
int tally_create(struct tally **tp, uint64_t start_us, uint64_t day_us, uint64_t interval_us);
void tally_free(struct tally *t);
/* After a reload: more queues, more agents. 0 or -ENOMEM. */
int tally_grow(struct tally *t, const struct conf *conf);
/* A row whose last image this is. now_us: monotonic; rows carry wall time, which may have jumped. */
void tally_row(struct tally *t, const struct conf *conf, const struct record *r, uint64_t now_us);
const struct tally_interval *tally_at(const struct tally *t, uint32_t queue, uint32_t i);

/* Key figures, in the order in which they are shown. */
enum tally_kpi {
    KPI_OFFERED,
    KPI_ANSWERED,
    KPI_SERVICE_LEVEL,
    KPI_ABANDON_RATE,
    KPI_OTHER_RATE,
    KPI_ASA,
    KPI_LONGEST,
    KPI_HANDLING,
    KPI_OCCUPANCY, /* all agents; NaN for one queue */
    KPIS
};
enum tally_unit { UNIT_COUNT, UNIT_SHARE, UNIT_SECONDS };
struct tally_kpi_info {
    const char *name, *title; /* in JSON; for people */
    enum tally_unit unit;
    int good; /* more is better: 1, worse: -1, neither: 0 */
};
extern const struct tally_kpi_info tally_kpis[KPIS];
double tally_kpi(const struct tally *t, uint32_t queue, enum tally_kpi kpi); /* NaN when there is none */

#endif
