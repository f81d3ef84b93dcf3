/* SPDX-License-Identifier: Apache-2.0
 * What agents and supervisors command: by console, or by a star code dialled from the agent's phone. */
#include "floor/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MORE_MS = 60000 };

static int command(struct floor *f, const char *agent, struct acd_event event, const char *what,
                   const char *who) {
    event.agent = conf_find_agent(f->conf, agent);
    if (!event.agent)
        return -ENOENT;
    int err = floor_acd_now(f, &event);
    f->place_changes += !err; /* a wish for after the talk is no change of presence yet */
    log_info("floor", "event=agent_command agent=%s what=%s by=%s result=%d", agent, log_value(what),
             log_value(who), err);
    return err;
}

int floor_agent_login(struct floor *f, const char *agent, bool ready, const char *who) {
    return command(f, agent, (struct acd_event){.type = ACD_EV_LOGIN, .ready = ready}, "login", who);
}

int floor_agent_logout(struct floor *f, const char *agent, const char *who) {
    return command(f, agent, (struct acd_event){.type = ACD_EV_LOGOUT}, "logout", who);
}

static uint32_t find_reason(const struct conf *conf, const char *reason) {
    for (uint32_t i = 0; i < conf->pause_reason_count; i++)
        if (!strcmp(conf->pause_reason[i], reason))
            return i + 1;
    return 0;
}

int floor_agent_pause(struct floor *f, const char *agent, const char *reason, const char *who) {
    uint32_t number = *reason ? find_reason(f->conf, reason) : 0;
    if (*reason && !number)
        return -EINVAL;
    return command(f, agent, (struct acd_event){.type = ACD_EV_PAUSE, .reason = number}, "pause", who);
}

int floor_agent_unpause(struct floor *f, const char *agent, const char *who) {
    return command(f, agent, (struct acd_event){.type = ACD_EV_UNPAUSE}, "unpause", who);
}

int floor_agent_wrap_done(struct floor *f, const char *agent, const char *who) {
    return command(f, agent, (struct acd_event){.type = ACD_EV_WRAP_DONE}, "wrap_done", who);
}

int floor_agent_wrap_more(struct floor *f, const char *agent, uint32_t ms, const char *who) {
    const struct desk *desk = floor_desk(f, conf_find_agent(f->conf, agent));
    const struct conf_queue *queue = desk ? conf_queue(f->conf, desk->handle_queue) : NULL;
    if (!ms && !(queue && queue->wrapup_extend_ms)) /* as much as asked for is given */
        ms = MORE_MS;
    return command(f, agent, (struct acd_event){.type = ACD_EV_WRAP_MORE, .ms = ms}, "wrap_more", who);
}

static bool among(char *const *names, uint32_t count, const char *name) {
    for (uint32_t i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

/* Into the row first, because the command may end wrap-up, and with it the row. */
int floor_agent_disposition(struct floor *f, const char *agent, const char *name, const char *who) {
    struct desk *desk = floor_desk(f, conf_find_agent(f->conf, agent));
    char before[NAME_LEN], what[NAME_LEN + 16];
    if (!desk)
        return -ENOENT;
    if (!among(f->conf->disposition, f->conf->disposition_count, name))
        return -EINVAL;
    (void)floor_acd_now(f, &(struct acd_event){.type = ACD_EV_TICK}); /* what is due ends without it */
    struct record_handle *row = &desk->handle_row;
    str_copy(before, sizeof before, row->disposition);
    str_copy(row->disposition, sizeof row->disposition, name);
    snprintf(what, sizeof what, "disposition %s", name);
    int err = command(f, agent, (struct acd_event){.type = ACD_EV_DISPOSITION}, what, who);
    if (err)
        str_copy(row->disposition, sizeof row->disposition, before);
    else if (row->id)
        floor_put_handle(f, desk);
    return err;
}

int floor_agent_skill(struct floor *f, const char *agent, const char *skill, int level, const char *who) {
    struct acd_event event = {.type = ACD_EV_SKILL, .level = level < 0 ? NEVER32 : (uint32_t)level};
    char what[NAME_LEN + 32];
    for (uint32_t i = 0; i < f->conf->skill_count && !event.skill; i++)
        if (!strcmp(f->conf->skill_name[i], skill))
            event.skill = i + 1;
    if (!event.skill || level > 10)
        return conf_find_agent(f->conf, agent) ? -EINVAL : -ENOENT;
    if (level < 0)
        snprintf(what, sizeof what, "skill %s reset", skill);
    else
        snprintf(what, sizeof what, "skill %s %d", skill, level);
    return command(f, agent, event, what, who);
}

static int queue_command(struct floor *f, const char *queue, enum acd_event_type type, const char *what,
                         const char *who) {
    uint32_t number = conf_find_queue(f->conf, queue);
    if (!number)
        return -ENOENT;
    int err = floor_acd_now(f, &(struct acd_event){.type = type, .queue = number});
    log_info("floor", "event=queue_command queue=%s what=%s by=%s result=%d", log_value(queue), what,
             log_value(who), err);
    return err;
}

int floor_queue_close(struct floor *f, const char *queue, const char *who) {
    return queue_command(f, queue, ACD_EV_QUEUE_CLOSE, "close", who);
}

int floor_queue_open(struct floor *f, const char *queue, const char *who) {
    return queue_command(f, queue, ACD_EV_QUEUE_OPEN, "open", who);
}

/* *2N, *4N: the N-th of a list of the configuration. */
static int numbered_code(struct floor *f, const char *id, const char *called, const char *who) {
    uint32_t n = (uint32_t)(called[2] - '0');
    if (called[1] == '4') {
        if (!n || n > f->conf->disposition_count)
            return -EINVAL;
        return floor_agent_disposition(f, id, f->conf->disposition[n - 1], who);
    }
    if (n > f->conf->pause_reason_count)
        return -EINVAL;
    return floor_agent_pause(f, id, n ? f->conf->pause_reason[n - 1] : "", who); /* *20: no reason */
}

int floor_star_code(struct floor *f, uint32_t agent, const char *called) {
    static const char who[] = "star code";
    const char *id = f->conf->agent[agent - 1].id;
    if (!strcmp(called, "*10"))
        return floor_agent_logout(f, id, who);
    if (!strcmp(called, "*11")) { /* ready, whether out or paused */
        int err = floor_agent_login(f, id, true, who);
        return err == -EPROTO ? floor_agent_unpause(f, id, who) : err;
    }
    if (!strcmp(called, "*12"))
        return floor_agent_login(f, id, false, who);
    if (!strcmp(called, "*30"))
        return floor_agent_unpause(f, id, who);
    if (!strcmp(called, "*31"))
        return floor_agent_wrap_done(f, id, who);
    if (!strcmp(called, "*32"))
        return floor_agent_wrap_more(f, id, 0, who);
    if (strlen(called) == 3 && (called[1] == '2' || called[1] == '4') && called[2] >= '0' && called[2] <= '9')
        return numbered_code(f, id, called, who);
    return -ENOENT;
}

int floor_call_hangup(struct floor *f, uint64_t number, const char *who) {
    struct call *call = floor_call(f, number);
    if (!call)
        call = floor_call(f, number + f->first_id - 1);
    if (!call)
        return -ENOENT;
    log_info("floor", "event=hangup_command call=%llu by=%s",
             (unsigned long long)(call->id - f->first_id + 1), log_value(who));
    floor_post_call(f, call->id, &(struct call_event){.type = CALL_EV_HANGUP});
    floor_pump(f);
    return 0;
}
