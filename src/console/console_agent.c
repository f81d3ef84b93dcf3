/* SPDX-License-Identifier: Apache-2.0
 * agent, call: what a supervisor does to people and calls. */
#include "console/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* "lunch, meeting", or "none" when the configuration names no reasons. */
static void list_reasons(const struct conf *conf, char *text, size_t size) {
    size_t used = 0;
    str_copy(text, size, "none are configured");
    for (uint32_t i = 0; i < conf->pause_reason_count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", conf->pause_reason[i]);
}

/* Turns what the floor said into a sentence. */
static int agent_result(struct request *r, int err, const char *done, const char *impossible) {
    char reasons[256];
    switch (err) {
    case 0:
        out_message(&r->out, "agent %s %s", r->argv[0], done);
        return 0;
    case -ENOENT:
        return request_fail(r, err, "no agent '%.64s'; see: show agents", r->argv[0]);
    case -EINVAL:
        list_reasons(r->env->conf, reasons, sizeof reasons);
        return request_fail(r, err, "unknown reason '%.64s'; expected one of: %s",
                            r->argc > 1 ? r->argv[1] : "", reasons);
    case -EPROTO:
        return request_fail(r, err, "agent %.64s %s", r->argv[0], impossible);
    default:
        return request_fail(r, err, "agent %.64s: %s", r->argv[0], strerror(-err));
    }
}

struct look {
    const char *agent;
    bool reachable;
};
static void look_at(void *arg, const struct floor_agent_view *v) {
    struct look *look = arg;
    if (!strcmp(v->id, look->agent))
        look->reachable = v->phones_reachable > 0;
}
static bool has_phone(const struct request *r, const char *agent) {
    struct look look = {agent, false};
    floor_each_agent(r->env->floor, look_at, &look);
    return look.reachable;
}

static int agent_login(struct request *r) {
    bool ready = r->argc < 2;
    if (!ready && strcmp(r->argv[1], "paused"))
        return request_fail(r, -EINVAL, "unknown word '%.40s'; expected: agent login AGENT [paused]",
                            r->argv[1]);
    int err = floor_agent_login(r->env->floor, r->argv[0], ready, r->who);
    char done[64];
    snprintf(done, sizeof done, "logged in, %s%s", ready ? "ready" : "paused",
             err || has_phone(r, r->argv[0]) ? "" : "; no phone is reachable");
    return agent_result(r, err, done, "is logged in already");
}
static int agent_logout(struct request *r) {
    int err = floor_agent_logout(r->env->floor, r->argv[0], r->who);
    return agent_result(r, err, "logs out (at once, or when the call is over)", "is not logged in");
}
static int agent_pause(struct request *r) {
    int err = floor_agent_pause(r->env->floor, r->argv[0], r->argc > 1 ? r->argv[1] : "", r->who);
    return agent_result(r, err, "pauses (at once, or when the call is over)", "is not logged in");
}
static int agent_unpause(struct request *r) {
    int err = floor_agent_unpause(r->env->floor, r->argv[0], r->who);
    return agent_result(r, err, "is ready", "is not logged in or not paused");
}
static int agent_done(struct request *r) {
    int err = floor_agent_wrap_done(r->env->floor, r->argv[0], r->who);
    return agent_result(r, err, "is done with wrap-up", "is not in wrap-up");
}

static int call_hangup(struct request *r) {
    uint64_t call;
    if (str_to_u64(r->argv[0], &call) || !call)
        return request_fail(r, -EINVAL, "'%.40s' is no call number; see: show calls", r->argv[0]);
    int err = floor_call_hangup(r->env->floor, call, r->who);
    if (err == -ENOENT)
        return request_fail(r, err, "no call %llu; see: show calls", (unsigned long long)call);
    if (err)
        return request_fail(r, err, "call %llu: %s", (unsigned long long)call,
                            err == -EPROTO ? "is ending already" : strerror(-err));
    out_message(&r->out, "call %llu is being ended", (unsigned long long)call);
    return 0;
}

static const struct command commands[] = {
    {"agent login", "AGENT [paused]", "logs an agent in: ready, or paused", true, 1, 2, agent_login},
    {"agent logout", "AGENT", "logs an agent out, after a call in progress", true, 1, 1, agent_logout},
    {"agent pause", "AGENT [REASON]", "no calls for the agent until unpause", true, 1, 2, agent_pause},
    {"agent unpause", "AGENT", "the agent takes calls again", true, 1, 1, agent_unpause},
    {"agent done", "AGENT", "ends the agent's wrap-up", true, 1, 1, agent_done},
    {"call hangup", "CALL", "ends a call, by its number or record id", true, 1, 1, call_hangup},
};
const struct command_table console_agent_commands = {commands, ARRAY_LEN(commands)};
