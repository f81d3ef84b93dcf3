/* SPDX-License-Identifier: Apache-2.0
 * reload, drain, log: the daemon itself. */
#include "console/command.h"

#include "callfloor/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int reload(struct request *r) {
    char message[4096] = "";
    const struct console_daemon *d = r->env->daemon;
    if (!d || !d->reload)
        return request_fail(r, -ENOTSUP, "reload is not available");
    int err = d->reload(d->arg, message, sizeof message);
    size_t length = strlen(message);
    if (length && message[length - 1] == '\n')
        message[length - 1] = 0;
    if (err)
        return request_fail(r, err, "the old configuration stays: %s", *message ? message : strerror(-err));
    out_message(&r->out, "%s", *message ? message : "configuration reloaded");
    return 0;
}

static int drain(struct request *r) {
    bool now = r->argc > 0;
    const struct console_daemon *d = r->env->daemon;
    uint32_t calls = floor_calls(r->env->floor);
    if (now && strcmp(r->argv[0], "now"))
        return request_fail(r, -EINVAL, "unknown word '%.40s'; expected: drain [now]", r->argv[0]);
    if (!d || !d->drain)
        return request_fail(r, -ENOTSUP, "drain is not available");
    d->drain(d->arg, now);
    if (now)
        out_message(&r->out, "ending %u calls and the daemon", calls);
    else
        out_message(&r->out, "no new calls; the daemon ends after %u calls in progress", calls);
    return 0;
}

static int log_level(struct request *r) {
    const char *area = r->argc > 1 ? r->argv[0] : NULL, *level = r->argv[r->argc - 1];
    int err = log_set_level(area, level);
    if (err == -ENOENT)
        return request_fail(r, err, "no log area '%.40s'; see: show log", area);
    if (err)
        return request_fail(r, err, "unknown level '%.40s'; expected error, warn, info or debug", level);
    out_message(&r->out, "log level of %s is %s", area ? area : "all areas", level);
    return 0;
}

static const struct command commands[] = {
    {"reload", "", "reads the configuration again; a bad one changes nothing", true, 0, 0, reload},
    {"drain", "[now]", "no new calls, then end; now: end calls too", true, 0, 1, drain},
    {"log level", "[AREA] LEVEL", "error, warn, info or debug, for one area or all", true, 1, 2, log_level},
};
const struct command_table console_admin_commands = {commands, ARRAY_LEN(commands)};
