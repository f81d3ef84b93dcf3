/* SPDX-License-Identifier: Apache-2.0
 * Reload: build the new configuration, check it, swap it. A bad file leaves the old one running. */
#include "callfloor/log.h"
#include "daemon/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct answer {
    char *text;
    size_t size, used;
    unsigned problems;
};

static void add(struct answer *answer, const char *line) {
    if (answer->size > answer->used)
        answer->used +=
            (size_t)snprintf(answer->text + answer->used, answer->size - answer->used, "%s\n", line);
}

static void on_problem(void *arg, const char *line) {
    struct answer *answer = arg;
    if (strstr(line, ": warning: ")) {
        log_warn("conf", "event=configuration problem=%s", log_value(line));
    } else {
        answer->problems++;
        log_error("conf", "event=configuration problem=%s", log_value(line));
    }
    add(answer, line);
}

/* What was decided at the start and stays. */
static void tell_fixed(const struct conf *old, const struct conf *conf, struct answer *answer) {
    if (old->node != conf->node || strcmp(old->state_dir, conf->state_dir)) {
        log_warn("daemon", "event=restart_needed option=%s",
                 old->node != conf->node ? "general.node" : "general.state_dir");
        add(answer, "general.node and general.state_dir change at the next restart only");
    }
}

/* The rest follows the floor; one that fails keeps the old configuration, which therefore must stay. */
static int swap(struct daemon *d, struct conf *conf) {
    int err = floor_reload(d->floor, conf);
    if (err) {
        log_error("daemon", "event=reload_failed part=floor error=%s", strerror(-err));
        conf_free(conf);
        return err;
    }
    const struct {
        const char *part;
        int err;
    } parts[] = {
        {"sip", ua_reload(d->ua, conf)},         {"media", media_reload(d->media, conf)},
        {"store", store_reload(d->store, conf)}, {"console", console_reload(d->console, conf)},
        {"web", web_reload(d->web, conf)},
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (parts[i].err) {
            log_error("daemon", "event=reload_failed part=%s error=%s", parts[i].part,
                      strerror(-parts[i].err));
            err = parts[i].err;
        }
    if (!err)
        conf_free(d->conf);
    d->conf = conf;
    return err;
}

int daemon_reload(struct daemon *d, char *message, size_t size) {
    struct answer answer = {message, message ? size : 0, 0, 0};
    struct conf *conf = NULL;
    char summary[200];
    uint64_t began_ms = loop_now_ms();
    if (message && size)
        *message = 0;
    if (d->phase != PHASE_RUNNING) {
        add(&answer, "not while stopping");
        return -EPROTO;
    }
    daemon_notify_reloading(d);
    int err = conf_load(&conf, d->conf->path, d->conf, on_problem, &answer);
    if (err) {
        log_error("daemon", "event=reload_refused problems=%u file=%s", answer.problems,
                  log_value(d->conf->path));
        add(&answer, "nothing was changed");
    } else {
        tell_fixed(d->conf, conf, &answer);
        err = swap(d, conf);
        snprintf(summary, sizeof summary, "%s: %u agents, %u queues, %u numbers",
                 err ? "reloaded in part, see the log" : "reloaded", d->conf->agent_count,
                 d->conf->queue_count, d->conf->number_count);
        add(&answer, summary);
        log_info("daemon", "event=reload file=%s agents=%u queues=%u numbers=%u took_ms=%llu",
                 log_value(d->conf->path), d->conf->agent_count, d->conf->queue_count, d->conf->number_count,
                 (unsigned long long)(loop_now_ms() - began_ms));
    }
    daemon_notify_ready(d);
    return err;
}
