/* SPDX-License-Identifier: Apache-2.0
 * A configuration as the daemon sees it: what conf, which knows no library, cannot check, and what a reload
 * cannot change. */
#ifndef DAEMON_CHECK_H
#define DAEMON_CHECK_H

#include "callfloor/conf.h"

/* 0, or -EINVAL: problems were told to errors as conf_load() does it. Passwords do not appear in them. */
int daemon_check(const struct conf *conf, conf_error_fn *errors, void *arg);

/* Options that count at the start only. keep: as they are then; changed: logs and calls fn for each that is
 * different now. */
enum { DAEMON_FIXED = 12 };
void daemon_fixed_keep(char *fixed[DAEMON_FIXED], const struct conf *conf);
void daemon_fixed_changed(char *const fixed[DAEMON_FIXED], const struct conf *conf,
                          void (*fn)(void *arg, const char *option), void *arg);
void daemon_fixed_free(char *fixed[DAEMON_FIXED]);

/* How many there are, without those a reload took out. */
struct daemon_live {
    uint32_t agents, queues, numbers;
};
struct daemon_live daemon_live(const struct conf *conf);

/* "3 agents", "1 agent": arguments of "%u %s%s". */
#define COUNTED(count, word) (count), (word), (count) == 1 ? "" : "s"

/* One line of the log for each. */
void daemon_log_missing_prompts(const struct conf *conf);

#endif
