/* SPDX-License-Identifier: Apache-2.0
 * agent, call: what a supervisor does to people and calls. */
#include "console/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* "unknown reason 'siesta'; expected one of: lunch, meeting". */
static int unknown_name(struct request *r, const char *what, char *const *name, uint32_t count) {
    char names[512] = "none are configured";
    size_t used = 0;
    for (uint32_t i = 0; i < count && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", name[i]);
    return request_fail(r, -EINVAL, "unknown %s '%.64s'; expected one of: %s", what,
                        r->argc > 1 ? r->argv[1] : "", names);
}

/* Turns what the floor said into a sentence. */
static int agent_result(struct request *r, int err, const char *done, const char *impossible) {
    switch (err) {
    case 0:
        out_message(&r->out, "agent %s %s", r->argv[0], done);
        return 0;
    case -ENOENT:
        return request_fail(r, err, "no agent '%.64s'; see: show agents", r->argv[0]);
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
    const struct conf *conf = r->env->conf;
    int err = floor_agent_pause(r->env->floor, r->argv[0], r->argc > 1 ? r->argv[1] : "", r->who);
    if (err == -EINVAL)
        return unknown_name(r, "reason", conf->pause_reason, conf->pause_reason_count);
    return agent_result(r, err, "pauses (at once, or when the call is over)", "is not logged in");
}
static int agent_unpause(struct request *r) {
    int err = floor_agent_unpause(r->env->floor, r->argv[0], r->who);
    return agent_result(r, err, "is ready", "is not logged in or not paused");
}
static int agent_done(struct request *r) {
    int err = floor_agent_wrap_done(r->env->floor, r->argv[0], r->who);
    return agent_result(r, err, "is done with wrap-up",
                        "is not in wrap-up, or has to give a disposition first");
}
static int agent_more(struct request *r) {
    uint32_t seconds = 0;
    if (r->argc > 1 && str_to_u32(r->argv[1], 1, 86400, &seconds))
        return request_fail(r, -EINVAL, "'%.40s' is no number of seconds", r->argv[1]);
    int err = floor_agent_wrap_more(r->env->floor, r->argv[0], seconds * 1000, r->who);
    return agent_result(r, err, "has more time for wrap-up",
                        "is not in wrap-up, or has had all the time there is");
}
static int agent_disposition(struct request *r) {
    const struct conf *conf = r->env->conf;
    char done[100];
    int err = floor_agent_disposition(r->env->floor, r->argv[0], r->argv[1], r->who);
    if (err == -EINVAL)
        return unknown_name(r, "disposition", conf->disposition, conf->disposition_count);
    snprintf(done, sizeof done, "gave the disposition %.64s", r->argv[1]);
    return agent_result(r, err, done, "has no talk and no wrap-up");
}
static int agent_skill(struct request *r) {
    const struct conf *conf = r->env->conf;
    uint32_t level = 0;
    char done[120];
    bool reset = !strcmp(r->argv[2], "reset");
    if (!reset && str_to_u32(r->argv[2], 0, 10, &level))
        return request_fail(r, -EINVAL, "'%.40s' is no level; expected 1 to 10, 0 to take it away, or reset",
                            r->argv[2]);
    int err = floor_agent_skill(r->env->floor, r->argv[0], r->argv[1], reset ? -1 : (int)level, r->who);
    if (err == -EINVAL)
        return unknown_name(r, "skill", conf->skill_name, conf->skill_count);
    if (reset)
        snprintf(done, sizeof done, "has %.64s as configured", r->argv[1]);
    else if (level)
        snprintf(done, sizeof done, "has %.64s at level %u until the daemon ends", r->argv[1], level);
    else
        snprintf(done, sizeof done, "does not have %.64s until the daemon ends", r->argv[1]);
    return agent_result(r, err, done, "cannot have it now");
}

static int queue_result(struct request *r, int err, const char *done) {
    if (err == -ENOENT)
        return request_fail(r, err, "no queue '%.64s'; see: show queues", r->argv[0]);
    if (err)
        return request_fail(r, err, "queue %.64s: %s", r->argv[0], strerror(-err));
    out_message(&r->out, "queue %s %s", r->argv[0], done);
    return 0;
}
static int queue_close(struct request *r) {
    return queue_result(r, floor_queue_close(r->env->floor, r->argv[0], r->who),
                        "is closed: no new callers; those who wait are served");
}
static int queue_open(struct request *r) {
    return queue_result(r, floor_queue_open(r->env->floor, r->argv[0], r->who), "is open");
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
    {"agent more", "AGENT [SECONDS]", "more time for the agent's wrap-up", true, 1, 2, agent_more},
    {"agent disposition", "AGENT NAME", "the result of the agent's talk", true, 2, 2, agent_disposition},
    {"agent skill", "AGENT SKILL LEVEL|reset", "changes a skill (0: takes it away), or as configured", true,
     3, 3, agent_skill},
    {"queue close", "QUEUE", "no new callers until opened", true, 1, 1, queue_close},
    {"queue open", "QUEUE", "takes new callers again", true, 1, 1, queue_open},
    {"call hangup", "CALL", "ends a call, by its number or record id", true, 1, 1, call_hangup},
};
const struct command_table console_agent_commands = {commands, ARRAY_LEN(commands)};
