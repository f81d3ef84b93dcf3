/* SPDX-License-Identifier: Apache-2.0
 *
 * report: what a simulated day was like, for people and for programs.
 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "sim/world.h"

#include <jansson.h>
#include <stdio.h>

struct report {
    struct world_result result;
    const struct world *world; /* as long as it is shown */
    uint64_t seed;
    double cpu_s;
    const char *queue; /* whose intervals are shown; NULL = of all queues */
};
void report_print(const struct report *r, FILE *out);
json_t *report_json(const struct report *r);

#endif
