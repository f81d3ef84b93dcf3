/* SPDX-License-Identifier: Apache-2.0
 *
 * loop: the control thread's one libevent loop, written out. One turn: libevent waits and calls what is
 * ready; then every hook runs, in the order of loop_add_hook(), again as long as one of them wants to
 * (its deadline has come), at most 16 rounds; then deferred functions run. A turn longer than 200 ms is
 * logged with the hook that took it.
 */
#ifndef CALLFLOOR_LOOP_H
#define CALLFLOOR_LOOP_H

#include "callfloor/ports.h"

struct event_base;
struct loop;

int loop_create(struct loop **lp);
void loop_destroy(struct loop *loop);
struct event_base *loop_base(struct loop *loop);

/* Does what is due and returns when it wants to run next (monotonic ms, NEVER = only after other events). */
typedef uint64_t loop_hook_fn(void *arg, uint64_t now_ms);
/* name: a literal, for the slow-turn alarm. 0 or -ENOSPC (8 hooks). */
int loop_add_hook(struct loop *loop, const char *name, loop_hook_fn *fn, void *arg);

/* All hooks once more in this turn: something was left to a hook that has run already. */
void loop_again(struct loop *loop);

/* fn(arg) at the end of this turn: for freeing an object outside of its own callback. 0 or -ENOMEM. */
int loop_defer(struct loop *loop, void (*fn)(void *), void *arg);

/* Runs until loop_stop(). */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* The real clock: CLOCK_MONOTONIC and CLOCK_REALTIME. */
struct clock_port loop_clock(void);
uint64_t loop_now_ms(void);
uint64_t loop_now_us(void);

#endif
