/* SPDX-License-Identifier: Apache-2.0
 * What outlives a restart besides the records: agents' presence with its reason and beginning, their order of
 * the idle and wrap-ups, callers' places in queues, the figures of the day, phones' registrations, and the
 * highest clock reading ids were made from. JSON files in state_dir, replaced as a whole (temporary file,
 * fsync, rename) by a thread of their own, because the control thread must not wait for a disk. */
#ifndef DAEMON_STATE_H
#define DAEMON_STATE_H

#include "callfloor/base.h"

struct floor;
struct ua;
struct state;

/* Reads what was saved in dir (missing or damaged files are logged and count as empty), starts the thread. */
int state_create(struct state **sp, const char *dir);
/* Writes what is pending, waiting at most two seconds for the disk. */
void state_destroy(struct state *state);

/* Wall time in ms to make record ids of this run from: now, or later when the clock has gone back since the
 * last run. */
uint64_t state_first_ms(struct state *state, uint64_t wall_ms);

/* Gives what was saved to the floor and to SIP; once, before they start. */
void state_restore(struct state *state, struct floor *floor, struct ua *ua);

/* An agent's presence or reason changed: will be saved 200 ms later, with others. The rest is saved each five
 * seconds, as far as it has changed. */
void state_changed(struct state *state, uint64_t now_ms);
/* Saves what is due; returns when it wants to be called again. */
uint64_t state_step(struct state *state, struct floor *floor, struct ua *ua, uint64_t now_ms);
/* Everything, now (for the end). */
void state_save_all(struct state *state, struct floor *floor, struct ua *ua, uint64_t now_ms);

#endif
