/* SPDX-License-Identifier: Apache-2.0
 * Log lines. Areas are a fixed list: a typo in an area is found by the first test that logs. */
#include "callfloor/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct {
    const char *name;
    _Atomic int level;
} areas[] = {
    {"acd", LOG_LEVEL_INFO},    {"conf", LOG_LEVEL_INFO},  {"console", LOG_LEVEL_INFO},
    {"daemon", LOG_LEVEL_INFO}, {"floor", LOG_LEVEL_INFO}, {"ivr", LOG_LEVEL_INFO},
    {"loop", LOG_LEVEL_INFO},   {"media", LOG_LEVEL_INFO}, {"sip", LOG_LEVEL_INFO},
    {"store", LOG_LEVEL_INFO},  {"web", LOG_LEVEL_INFO},
};
static const char *const level_names[] = {"error", "warn", "info", "debug"};

static void to_stderr(void *arg, const char *line) {
    fputs(line, stderr);
}
static void (*sink)(void *, const char *) = to_stderr;
static void *sink_arg;

void log_to(void (*fn)(void *, const char *), void *arg) {
    sink = fn ? fn : to_stderr;
    sink_arg = arg;
}

static int find(const char *area) {
    for (size_t i = 0; i < ARRAY_LEN(areas); i++)
        if (!strcmp(areas[i].name, area))
            return (int)i;
    return -1;
}

bool log_enabled(enum log_level level, const char *area) {
    int i = find(area);
    return i < 0 || (int)level <= areas[i].level;
}

int log_set_level(const char *area, const char *level_name) {
    int level = -1, only = area ? find(area) : -1;
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
        if (!strcmp(level_names[i], level_name))
            level = (int)i;
    if (level < 0)
        return -EINVAL;
    if (area && only < 0)
        return -ENOENT;
    for (size_t i = 0; i < ARRAY_LEN(areas); i++)
        if (!area || (int)i == only)
            areas[i].level = level;
    return 0;
}

void log_each_area(void (*fn)(void *, const char *, const char *), void *arg) {
    for (size_t i = 0; i < ARRAY_LEN(areas); i++)
        fn(arg, areas[i].name, level_names[areas[i].level]);
}

void log_write(enum log_level level, const char *area, const char *format, ...) {
    char line[1024];
    struct timespec now;
    struct tm utc;
    va_list args;
    if (!log_enabled(level, area))
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t at = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    at += (size_t)snprintf(line + at, sizeof line - at, ".%03ldZ %s %s ", now.tv_nsec / 1000000,
                           level_names[level], area);
    va_start(args, format);
    int n = vsnprintf(line + at, sizeof line - at - 1, format, args);
    va_end(args);
    if (n > 0)
        at += (size_t)n < sizeof line - at - 1 ? (size_t)n : sizeof line - at - 2;
    for (size_t i = 0; i < at; i++) /* a line is one line, whatever was in it */
        if ((unsigned char)line[i] < 32)
            line[i] = '?';
    line[at] = '\n';
    line[at + 1] = 0;
    sink(sink_arg, line);
}

const char *log_value(const char *text) {
    static _Thread_local char ring[8][208];
    static _Thread_local unsigned turn;
    char *out = ring[turn++ % 8];
    size_t n = 0;
    out[n++] = '"';
    for (const char *p = text ? text : ""; *p && n < 200; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\') {
            out[n++] = '\\';
            out[n++] = (char)c;
        } else if (c < 32 || c >= 127) {
            n += (size_t)snprintf(out + n, 5, "\\x%02x", c);
        } else {
            out[n++] = (char)c;
        }
    }
    out[n++] = '"';
    out[n] = 0;
    return out;
}

bool log_allowed(struct log_limit *limit, uint64_t now_ms, uint32_t burst, uint32_t *dropped) {
    uint64_t gained = (now_ms - limit->last_ms) / 1000;
    if (!limit->last_ms || gained >= burst) {
        limit->tokens = burst;
        limit->last_ms = now_ms;
    } else if (gained) {
        limit->tokens = limit->tokens + gained > burst ? burst : limit->tokens + (uint32_t)gained;
        limit->last_ms += gained * 1000;
    }
    if (!limit->tokens) {
        limit->dropped++;
        return false;
    }
    limit->tokens--;
    *dropped = limit->dropped;
    limit->dropped = 0;
    return true;
}
