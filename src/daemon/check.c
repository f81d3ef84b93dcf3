/* SPDX-License-Identifier: Apache-2.0
 * What the configuration alone cannot know: a connection string only libpq can read, options that are
 * looked at only at the start, prompts without a file. */
#include "daemon/check.h"
#include "callfloor/log.h"
#include "callfloor/media.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the connection string ---- */

/* libpq quotes the piece it stumbled over, which may be part of a password. */
static void hide_quoted(char *text) {
    char *first = strchr(text, '"'), *last = strrchr(text, '"');
    if (first != last)
        memmove(first + 1, last, strlen(last) + 1);
}

int daemon_check(const struct conf *conf, conf_error_fn *errors, void *arg) {
    char *problem = NULL, line[600];
    PQconninfoOption *parsed = PQconninfoParse(conf->database, &problem);
    if (parsed) {
        PQconninfoFree(parsed);
        return 0;
    }
    if (problem) {
        if (strstr(conf->database, "pass") || strstr(conf->database, "://"))
            hide_quoted(problem);
        problem[strcspn(problem, "\n")] = 0;
    }
    snprintf(line, sizeof line, "%s: store.database: %s (expected a libpq connection string)", conf->path,
             problem ? problem : strerror(ENOMEM));
    PQfreemem(problem);
    errors(arg, line);
    return -EINVAL;
}

/* ---- options that stay as they were at the start ---- */

static const struct {
    const char *name;
    enum { FIXED_TEXT, FIXED_U16, FIXED_U32, FIXED_LISTENERS } kind;
    size_t offset;
} options[DAEMON_FIXED] = {
    {"general.node", FIXED_U32, offsetof(struct conf, node)},
    {"general.state_dir", FIXED_TEXT, offsetof(struct conf, state_dir)},
    {"sip.listen", FIXED_LISTENERS, 0},
    {"sip.public_address", FIXED_TEXT, offsetof(struct conf, public_address)},
    {"rtp.address", FIXED_TEXT, offsetof(struct conf, rtp_address)},
    {"rtp.port_min", FIXED_U16, offsetof(struct conf, rtp_port_min)},
    {"rtp.port_max", FIXED_U16, offsetof(struct conf, rtp_port_max)},
    {"console.address", FIXED_TEXT, offsetof(struct conf, console_address)},
    {"console.port", FIXED_U16, offsetof(struct conf, console_port)},
    {"console.socket", FIXED_TEXT, offsetof(struct conf, console_socket)},
    {"web.address", FIXED_TEXT, offsetof(struct conf, web_address)},
    {"web.port", FIXED_U16, offsetof(struct conf, web_port)},
};

static char *listeners(const struct conf *conf) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (uint32_t i = 0; i < conf->listen_count; i++)
        fprintf(out, "%s %s %u\n", conf->listen[i].tcp ? "tcp" : "udp", conf->listen[i].address,
                conf->listen[i].port);
    fclose(out);
    return text;
}

/* The option's value as text, malloc'ed. NULL: out of memory. */
static char *fixed_value(const struct conf *conf, size_t i) {
    const void *at = (const char *)conf + options[i].offset;
    char number[24];
    switch (options[i].kind) {
    case FIXED_TEXT:
        return strdup(*(char *const *)at);
    case FIXED_LISTENERS:
        return listeners(conf);
    case FIXED_U16:
        snprintf(number, sizeof number, "%u", *(const uint16_t *)at);
        return strdup(number);
    case FIXED_U32:
        snprintf(number, sizeof number, "%u", *(const uint32_t *)at);
        return strdup(number);
    }
    return NULL;
}

void daemon_fixed_keep(char *fixed[DAEMON_FIXED], const struct conf *conf) {
    for (size_t i = 0; i < DAEMON_FIXED; i++)
        fixed[i] = fixed_value(conf, i);
}

void daemon_fixed_free(char *fixed[DAEMON_FIXED]) {
    for (size_t i = 0; i < DAEMON_FIXED; i++)
        free(fixed[i]);
}

void daemon_fixed_changed(char *const fixed[DAEMON_FIXED], const struct conf *conf,
                          void (*fn)(void *arg, const char *option), void *arg) {
    for (size_t i = 0; i < DAEMON_FIXED; i++) {
        char *now = fixed_value(conf, i);
        if (now && fixed[i] && strcmp(now, fixed[i])) {
            log_warn("daemon", "event=restart_needed option=%s", options[i].name);
            fn(arg, options[i].name);
        }
        free(now);
    }
}

/* ---- what is alive, what is missing ---- */

struct daemon_live daemon_live(const struct conf *conf) {
    struct daemon_live live = {.numbers = conf->number_count};
    for (uint32_t i = 0; i < conf->agent_count; i++)
        live.agents += !conf->agent[i].removed;
    for (uint32_t i = 0; i < conf->queue_count; i++)
        live.queues += !conf->queue[i].removed;
    return live;
}

static void log_missing(void *arg, const char *name) {
    log_warn("media", "event=prompt_missing prompt=%s", log_value(name));
}

void daemon_log_missing_prompts(const struct conf *conf) {
    media_missing_prompts(conf, log_missing, NULL);
}
