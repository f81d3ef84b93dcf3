/* SPDX-License-Identifier: Apache-2.0
 *
 * replay: recorded days. A recording is JSON, made by callfloor.replay() from PostgreSQL or by --record from
 * a simulated day (docs/simulator.md): who called, when, for which queue, and for how long agents were there.
 * From it plans are made: what is not known of a caller (how long one who was answered would have waited, how
 * long the talk of one who gave up would have been) is drawn.
 */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H

#include "sim/plan.h"

#include <stdio.h>

struct recording;
/* JSON lines, or one array; "-" is stdin. Problems are told as FILE:LINE: ... ; 0, -EINVAL, -ENOMEM. */
int replay_read(struct recording **rp, const char *path, scenario_error_fn *errors, void *arg);
void replay_free(struct recording *r);
/* 0 or -ENOMEM. recording stays borrowed. */
int replay_plan(struct plan **pp, const struct conf *conf, const struct recording *recording,
                const struct scenario *scenario, uint64_t seed);
/* What the recording says of agents goes into the scenario, what it has itself (arrivals, shifts, people who
 * call again) out of it. Faults stay. */
void replay_scenario(const struct recording *recording, struct scenario *scenario);
uint32_t replay_calls(const struct recording *recording);

/* ---- the other way: a day as it happens ---- */

struct recorder;
/* Watches the world's rows. world_run() comes next, then record_finish(). 0, -errno of the file, -ENOMEM. */
struct world;
int record_start(struct recorder **rp, struct world *w, const char *path);
int record_finish(struct recorder *r);

#endif
