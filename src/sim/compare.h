/* SPDX-License-Identifier: Apache-2.0
 *
 * compare: the same days under two configurations, or one over several seeds. Each pair of runs has the same
 * callers, so the difference of a pair is due to the configuration (common random numbers), and its mean
 * over the seeds has a narrow 95 % interval (Student's t).
 */
#ifndef SIM_COMPARE_H
#define SIM_COMPARE_H

#include "sim/tally.h"

#include <jansson.h>
#include <stdio.h>

struct sample { /* key figures of one queue over the runs */
    uint32_t count;
    double mean, half; /* half of the 95 % interval; NaN with fewer than two runs */
};
struct sample sample_of(const double *value, uint32_t count); /* NaN values do not count */

struct comparison {
    uint32_t runs, queues; /* queues: names; [0] is "all" */
    char (*queue)[NAME_LEN];
    double *value[2];    /* [side][(queue * KPIS + kpi) * runs + run] */
    const char *name[2]; /* of the configurations; name[1] NULL: there is only one */
};
/* Queues of both, by name. 0 or -ENOMEM. */
int compare_start(struct comparison *c, const struct conf *a, const struct conf *b, uint32_t runs);
void compare_add(struct comparison *c, int side, uint32_t run, const struct tally *t,
                 const struct conf *conf);
void compare_print(const struct comparison *c, FILE *out);
json_t *compare_json(const struct comparison *c);
void compare_done(struct comparison *c);

#endif
