/* SPDX-License-Identifier: Apache-2.0
 * What fails: phones, people, clocks; and reloads at the worst moments. */
#include "callfloor/log.h"
#include "sim/world.h"

#include <errno.h>
#include <stdlib.h>

static const char who[] = "sim fault";

static uint64_t per_hour(struct world *w, double times) {
    return draw_exponential(&w->noise, (uint64_t)(3600e6 / times));
}

/* ---- phones and people ---- */

static void registers(struct world *w, uint64_t agent, uint64_t b) {
    agent_reachable(w, (uint32_t)agent, true);
}

static void unreachable(struct world *w, uint64_t agent, uint64_t b) {
    if (w->closing)
        return;
    agent_reachable(w, (uint32_t)agent, false);
    world_at(w, 1000000 + draw_exponential(&w->noise, 60000000), registers, agent, 0);
    world_at(w, per_hour(w, w->scenario.faults.unreachable_per_hour), unreachable, agent, 0);
}

/* What the OPTIONS of the daemon would find out: the leg is over, the phone gone. */
static void found_dead(struct world *w, uint64_t agent, uint64_t leg_id) {
    struct fake_leg *leg = world_leg(w, (uint32_t)leg_id);
    if (leg_id && leg->id == leg_id)
        fake_ua_hangup(w, leg, 408);
    agent_reachable(w, (uint32_t)agent, false);
    world_at(w, draw_exponential(&w->noise, 120000000), registers, agent, 0);
}

static void dies(struct world *w, uint64_t agent, uint64_t b) {
    if (w->closing)
        return;
    uint64_t leg_id = 0;
    for (uint32_t i = 0; i < w->leg_capacity; i++) {
        struct fake_leg *leg = &w->leg[i];
        if (leg->id && !leg->incoming && leg->agent == agent && !leg->over) {
            leg->mute = true;
            leg->mute_us = w->now_us;
            leg_id = leg->id;
        }
    }
    world_at(w, 1000000 + draw_below(&w->noise, 29000000), found_dead, agent, leg_id);
    world_at(w, per_hour(w, w->scenario.faults.dead_per_hour), dies, agent, 0);
}

static void returns(struct world *w, uint64_t agent, uint64_t b) {
    w->agent[agent].away = false;
    if (!w->closing && w->agent[agent].on_duty)
        (void)floor_agent_unpause(w->floor, w->conf->agent[agent - 1].id, who);
}

static void walks_away(struct world *w, uint64_t agent, uint64_t b) {
    if (w->closing)
        return;
    w->agent[agent].away = true;
    world_at(w, draw_exponential(&w->noise, 180000000), returns, agent, 0);
    world_at(w, per_hour(w, w->scenario.faults.away_per_hour), walks_away, agent, 0);
}

/* Commands that come when they come. */
static void strays(struct world *w, uint64_t agent, uint64_t b) {
    const char *id = w->conf->agent[agent - 1].id;
    if (w->closing)
        return;
    switch (draw_below(&w->noise, 6)) {
    case 0:
        (void)floor_agent_login(w->floor, id, draw_chance(&w->noise, 0.5), who);
        break;
    case 1:
        (void)floor_agent_pause(w->floor, id, "", who);
        break;
    case 2:
        (void)floor_agent_unpause(w->floor, id, who);
        break;
    case 3:
        (void)floor_agent_wrap_done(w->floor, id, who);
        break;
    case 4:
        (void)floor_agent_logout(w->floor, id, who);
        break;
    case 5:
        if (w->call_count)
            (void)floor_call_hangup(w->floor, 1 + draw_below(&w->noise, w->call_count), who);
        break;
    }
    agent_back_to_work(w, (uint32_t)agent, draw_exponential(&w->noise, 600000000));
    world_at(w, per_hour(w, w->scenario.faults.stray_per_hour), strays, agent, 0);
}

static void wall_clock_steps(struct world *w, uint64_t a, uint64_t b) {
    w->wall_jump_us += (int64_t)draw_below(&w->noise, 7200000) * 1000 - 3600000000ll;
}

/* ---- reloads ---- */

int fault_take_conf(struct world *w, struct conf *conf) {
    struct conf **bigger = realloc(w->reloaded, (w->reloaded_count + 1) * sizeof *bigger);
    uint32_t agents = w->agent_count;
    if (!bigger) {
        conf_free(conf);
        return -ENOMEM;
    }
    w->reloaded = bigger;
    w->reloaded[w->reloaded_count++] = conf;
    w->conf = conf;
    int err = agent_grow(w);
    if (!err)
        err = floor_reload(w->floor, conf);
    if (!err && !w->closing)
        agent_start(w, agents + 1);
    return err;
}

static void conf_error(void *arg, const char *message) {
    log_error("conf", "%s", message);
}

void fault_reload(struct world *w) {
    const struct faults *faults = &w->scenario.faults;
    struct conf *conf = NULL;
    int err = 0;
    if (!faults->changed_count) {
        (void)floor_reload(w->floor, w->conf); /* the same again */
        return;
    }
    err = conf_parse(&conf, faults->changed[w->reloaded_count % faults->changed_count], w->conf, conf_error,
                     NULL);
    if (!err)
        err = fault_take_conf(w, conf);
    if (err)
        world_broken(w, "a changed configuration was not taken: error %d", err);
}

static void reloads(struct world *w, uint64_t a, uint64_t b) {
    fault_reload(w);
}

void fault_start(struct world *w) {
    const struct faults *f = &w->scenario.faults;
    const struct {
        double per_hour;
        world_fn *fn;
    } of_agents[] = {{f->unreachable_per_hour, unreachable},
                     {f->dead_per_hour, dies},
                     {f->away_per_hour, walks_away},
                     {f->stray_per_hour, strays}};
    for (uint32_t agent = 1; agent <= w->conf->agent_count; agent++)
        for (size_t i = 0; i < ARRAY_LEN(of_agents); i++)
            if (of_agents[i].per_hour > 0)
                world_at(w, per_hour(w, of_agents[i].per_hour), of_agents[i].fn, agent, 0);
    for (uint32_t i = 1; i <= f->reloads; i++)
        world_at(w, w->plan->day_us / (f->reloads + 1) * i, reloads, 0, 0);
    for (uint32_t i = 1; i <= f->clock_jumps; i++)
        world_at(w, draw_below(&w->noise, w->plan->day_us / 1000000) * 1000000, wall_clock_steps, 0, 0);
}
