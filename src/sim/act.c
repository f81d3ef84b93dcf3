/* SPDX-License-Identifier: Apache-2.0
 * What supervisors do, at the times of the scenario. */
#include "callfloor/log.h"
#include "sim/world.h"

static const char who[] = "sim supervisor";

static void conf_error(void *arg, const char *message) {
    world_broken(arg, "reload: %s", message);
}

static void reload(struct world *w, const struct act *act) {
    struct conf *conf = NULL;
    if (conf_load(&conf, act->path, w->conf, conf_error, w) || fault_take_conf(w, conf))
        world_broken(w, "%s was not taken", act->path);
}

static void to_agent(struct world *w, const struct act *act, const char *id) {
    int err = 0;
    if (act->kind == ACT_SKILL)
        err = floor_agent_skill(w->floor, id, act->skill, act->level, who);
    else if (act->kind == ACT_LOGIN)
        err = floor_agent_login(w->floor, id, true, who);
    else if (act->kind == ACT_LOGOUT)
        err = floor_agent_logout(w->floor, id, who);
    else if (act->kind == ACT_PAUSE)
        err = floor_agent_pause(w->floor, id, act->reason, who);
    else if (act->kind == ACT_UNPAUSE)
        err = floor_agent_unpause(w->floor, id, who);
    if (err) /* as in life: not possible at that moment */
        log_info("floor", "event=act agent=%s result=%d", id, err);
}

static void happens(struct world *w, uint64_t number, uint64_t b) {
    const struct act *act = &w->scenario.act[number];
    if (w->closing)
        return;
    if (act->kind == ACT_CLOSE)
        (void)floor_queue_close(w->floor, act->queue, who);
    else if (act->kind == ACT_OPEN)
        (void)floor_queue_open(w->floor, act->queue, who);
    else if (act->kind == ACT_RELOAD)
        reload(w, act);
    else
        for (uint32_t i = 0; i < w->conf->agent_count; i++)
            if (!w->conf->agent[i].removed && scenario_names(act->agents, w->conf->agent[i].id))
                to_agent(w, act, w->conf->agent[i].id);
}

void act_start(struct world *w) {
    for (uint32_t i = 0; i < w->scenario.act_count; i++)
        if (w->scenario.act[i].at_us >= w->plan->begin_us)
            world_at(w, w->scenario.act[i].at_us - w->plan->begin_us, happens, i, 0);
}
