/* SPDX-License-Identifier: Apache-2.0
 *
 * log: one line per event, `key=value`, to stderr (which systemd gives to the journal).
 *
 *   2026-03-02T09:14:07.215Z info sip event=invite call=17 trunk=carrier from=+48...
 *
 * Values from the network are escaped, so nobody can forge a line. Each area (the folder's name) has its
 * own level, changeable while running. Only the control thread logs; media threads post events instead.
 * Lines provoked by strangers go through log_limited().
 */
#ifndef CALLFLOOR_LOG_H
#define CALLFLOOR_LOG_H

#include "callfloor/base.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* area: a literal such as "sip". format: `key=value` pairs; string values through %s must be given with
 * log_value() when they come from outside. The event's name comes first: "event=trunk_down trunk=%s". */
void log_write(enum log_level level, const char *area, const char *format, ...) PRINTF_LIKE(3, 4);
#define log_error(area, ...) log_write(LOG_LEVEL_ERROR, area, __VA_ARGS__)
#define log_warn(area, ...) log_write(LOG_LEVEL_WARN, area, __VA_ARGS__)
#define log_info(area, ...) log_write(LOG_LEVEL_INFO, area, __VA_ARGS__)
/* Arguments are not evaluated when the area is not at debug level. */
#define log_debug(area, ...)                                                                                 \
    do {                                                                                                     \
        if (log_enabled(LOG_LEVEL_DEBUG, area))                                                              \
            log_write(LOG_LEVEL_DEBUG, area, __VA_ARGS__);                                                   \
    } while (0)

/* text as one quoted, escaped token; NULL becomes "". Valid until eight further calls. At most 200 bytes. */
const char *log_value(const char *text);

bool log_enabled(enum log_level level, const char *area);

/* level of one area, or of all when area is NULL. 0, -ENOENT (unknown area), -EINVAL (unknown level name). */
int log_set_level(const char *area, const char *level_name);

/* Calls fn with each area and its level's name. */
void log_each_area(void (*fn)(void *arg, const char *area, const char *level_name), void *arg);

/* A bucket of `burst` lines refilled at one per second; true when a line may be written now. When lines
 * were swallowed, *dropped tells how many since the last allowed one. */
struct log_limit {
    uint64_t last_ms;
    uint32_t tokens, dropped;
};
bool log_allowed(struct log_limit *limit, uint64_t now_ms, uint32_t burst, uint32_t *dropped);

/* Where lines go: stderr by default; tests give a function. NULL sets stderr again. */
void log_to(void (*fn)(void *arg, const char *line), void *arg);

#endif
