/* SPDX-License-Identifier: Apache-2.0
 * Reload: build the new configuration, check it, swap it. A bad file leaves the old one running. */
#include "callfloor/log.h"
#include "daemon/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MISSING_TOLD = 5 }; /* prompts without a file, in the answer; the log has all */

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

static void tell_fixed(void *arg, const char *option) {
    char line[80];
    snprintf(line, sizeof line, "%s changes at the next restart only", option);
    add(arg, line);
}

struct missing {
    const struct conf *conf;
    struct answer *answer;
    unsigned count;
};

static void tell_missing(void *arg, const char *name) {
    struct missing *missing = arg;
    char line[400];
    if (++missing->count > MISSING_TOLD)
        return;
    snprintf(line, sizeof line, "warning: prompt %s: there is no %s/%s.wav", name, missing->conf->prompts_dir,
             name);
    add(missing->answer, line);
}

/* Callers would hear nothing where these are named. */
static void tell_all_missing(const struct conf *conf, struct answer *answer) {
    struct missing missing = {conf, answer, 0};
    char line[80];
    daemon_log_missing_prompts(conf);
    media_missing_prompts(conf, tell_missing, &missing);
    if (missing.count <= MISSING_TOLD)
        return;
    snprintf(line, sizeof line, "warning: and %u more, see the log", missing.count - MISSING_TOLD);
    add(answer, line);
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

static void tell_result(struct daemon *d, int err, uint64_t began_ms, struct answer *answer) {
    char summary[200];
    struct daemon_live live = daemon_live(d->conf);
    snprintf(summary, sizeof summary, "%s: %u %s%s, %u %s%s, %u %s%s",
             err ? "reloaded in part, see the log" : "reloaded", COUNTED(live.agents, "agent"),
             COUNTED(live.queues, "queue"), COUNTED(live.numbers, "number"));
    add(answer, summary);
    log_info("daemon", "event=reload file=%s agents=%u queues=%u numbers=%u took_ms=%llu",
             log_value(d->conf->path), live.agents, live.queues, live.numbers,
             (unsigned long long)(loop_now_ms() - began_ms));
    tell_all_missing(d->conf, answer);
}

int daemon_reload(struct daemon *d, char *message, size_t size) {
    struct answer answer = {message, message ? size : 0, 0, 0};
    struct conf *conf = NULL;
    uint64_t began_ms = loop_now_ms();
    if (message && size)
        *message = 0;
    if (d->phase != PHASE_RUNNING) {
        add(&answer, "not while stopping");
        return -EPROTO;
    }
    daemon_notify_reloading(d);
    int err = conf_load(&conf, d->conf->path, d->conf, on_problem, &answer);
    if (!err && (err = daemon_check(conf, on_problem, &answer)))
        conf_free(conf);
    if (err) {
        log_error("daemon", "event=reload_refused problems=%u file=%s", answer.problems,
                  log_value(d->conf->path));
        add(&answer, "nothing was changed");
    } else {
        daemon_fixed_changed(d->fixed, conf, tell_fixed, &answer);
        err = swap(d, conf);
        tell_result(d, err, began_ms, &answer);
    }
    daemon_notify_ready(d);
    return err;
}
