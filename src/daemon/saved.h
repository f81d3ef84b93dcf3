/* SPDX-License-Identifier: Apache-2.0
 * The contents of state.json and today.json: gathered on the control thread as plain copies, which is quick,
 * made into text by the writer's thread, and read at the start. */
#ifndef DAEMON_SAVED_H
#define DAEMON_SAVED_H

#include "callfloor/base.h"

struct floor;
struct writer_job;
struct json_t;

/* The text written last; only the writer's thread looks into it. */
struct saved_last {
    char *text;
};

/* Agents (presence, idle order, wrap-up) and places in queues. id_ms: the clock ids are made from. When
 * nothing else has changed, nothing is written, unless forced. NULL: out of memory. */
struct writer_job *saved_state(struct floor *floor, uint64_t id_ms, bool force, struct saved_last *last);
/* The figures of the day. */
struct writer_job *saved_today(struct floor *floor, bool force, struct saved_last *last);

/* cut_us: when the earlier daemon was last alive. What does not fit is logged and left out. */
void saved_restore_state(const struct json_t *json, struct floor *floor, uint64_t cut_us);
void saved_restore_today(const struct json_t *json, struct floor *floor, uint64_t cut_us);

#endif
