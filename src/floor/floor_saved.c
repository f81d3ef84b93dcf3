/* SPDX-License-Identifier: Apache-2.0
 * What outlives a restart: told for saving, and taken back before anything else happens. Times are wall clock
 * there, monotonic here. */
#include "floor/internal.h"

#include <errno.h>
#include <string.h>

/* ---- clocks ---- */

/* The same moment is told alike each time, although the two clocks are never read at once: to a tenth of a
 * second (of what lies between them, or of thousands of moments a few would flicker each time). Else there
 * would be something new to save each time. */
static uint64_t wall_of(const struct floor *f, uint64_t at_ms) {
    const uint64_t tenth = 100000;
    uint64_t apart_us = f->clock.wall_us(f->clock.ctx) - floor_now_us(f);
    return at_ms * 1000 + (apart_us + tenth / 2) / tenth * tenth;
}

/* Never later than now; 1 when it was before the machine started. */
static uint64_t past_of(const struct floor *f, uint64_t wall_us) {
    uint64_t now_ms = floor_now_ms(f), now_us = f->clock.wall_us(f->clock.ctx),
             ago_ms = wall_us < now_us ? (now_us - wall_us) / 1000 : 0;
    return ago_ms < now_ms ? now_ms - ago_ms : 1;
}

/* ---- agents ---- */

static void tell_call(const struct floor *f, const struct acd_agent_view *view,
                      struct floor_saved_agent *out) {
    bool talks = view->activity == ACD_TALKING || view->activity == ACD_HOLD ||
                 view->activity == ACD_CONSULT || view->activity == ACD_CONFERENCE;
    const struct conf_queue *queue =
        talks || view->activity == ACD_WRAPUP ? conf_queue(f->conf, view->queue) : NULL;
    out->queue = queue ? queue->name : "";
    if (!queue)
        return;
    out->call = view->call;
    if (talks)
        return;
    out->talk_end_us = wall_of(f, view->since_ms);
    if (view->deadline_ms != NEVER)
        out->wrap_end_us = wall_of(f, view->deadline_ms);
}

void floor_each_saved_agent(const struct floor *f,
                            void (*fn)(void *arg, const struct floor_saved_agent *agent), void *arg) {
    for (uint32_t id = 1; id <= f->conf->agent_count && id <= f->desk_count; id++) {
        const struct desk *desk = &f->desk[id - 1];
        struct acd_agent_view view;
        if (!conf_agent(f->conf, id) || acd_agent_view(f->acd, id, &view))
            continue;
        struct floor_saved_agent agent = {
            .id = f->conf->agent[id - 1].id,
            .presence = view.pending_presence,
            .reason = acd_reason_name(f->conf, view.pending_reason),
            .since_us = desk->presence_us,
            .idle_us = wall_of(f, view.idle_order_ms),
            .handles = view.handles,
            .talk_ms = view.talk_ms,
        };
        tell_call(f, &view, &agent);
        fn(arg, &agent);
    }
}

static uint32_t reason_of(const struct conf *conf, const char *reason) {
    for (uint32_t i = 0; i < conf->pause_reason_count; i++)
        if (!strcmp(conf->pause_reason[i], reason))
            return i + 1;
    for (uint32_t own = ACD_REASON_LOGIN; own <= ACD_REASON_REJECTED; own++)
        if (!strcmp(acd_reason_name(conf, own), reason))
            return own;
    return ACD_REASON_NONE;
}

/* A talk that was cut counts as ended when the daemon was last alive; wrap-up has run on since then. */
static void restore_wrapup(struct floor *f, uint32_t agent, const struct floor_saved_agent *saved,
                           uint64_t cut_us) {
    uint32_t queue = conf_find_queue(f->conf, saved->queue);
    uint64_t now_us = f->clock.wall_us(f->clock.ctx),
             end_us = saved->talk_end_us ? saved->talk_end_us : cut_us,
             from_us = now_us > end_us ? now_us : end_us; /* the clock may have gone back */
    struct acd_event event = {.type = ACD_EV_RESTORE_WRAPUP,
                              .agent = agent,
                              .queue = queue,
                              .call = saved->call ? saved->call : 1,
                              .since_ms = past_of(f, end_us)};
    if (!queue)
        return;
    if (saved->wrap_end_us > from_us && (saved->wrap_end_us - from_us) / 1000 < NEVER32)
        event.ms = (uint32_t)((saved->wrap_end_us - from_us) / 1000);
    floor_desk(f, agent)->handle_queue = queue; /* whose wrap-up it is, in the day's figures */
    if (floor_acd_now(f, &event))
        log_warn("floor", "event=wrapup_not_restored agent=%s", saved->id);
}

int floor_restore_agent(struct floor *f, const struct floor_saved_agent *saved, uint64_t cut_us) {
    struct acd_event event = {.type = ACD_EV_RESTORE,
                              .agent = conf_find_agent(f->conf, saved->id),
                              .presence = saved->presence,
                              .reason = reason_of(f->conf, saved->reason),
                              .since_ms = past_of(f, saved->since_us),
                              .idle_order_ms = saved->idle_us ? past_of(f, saved->idle_us) : 0,
                              .handles = saved->handles,
                              .talk_ms = saved->talk_ms};
    if (!event.agent)
        return -ENOENT;
    int err = floor_acd_now(f, &event);
    if (err)
        return err;
    if (*saved->queue)
        restore_wrapup(f, event.agent, saved, cut_us);
    floor_desk(f, event.agent)->presence_us = saved->since_us;
    return 0;
}

/* ---- figures of the day ---- */

uint32_t floor_day(const struct floor *f) {
    return stats_day_number(f->stats);
}

void floor_each_saved_queue(const struct floor *f,
                            void (*fn)(void *arg, const char *name, const struct stats_queue *today),
                            void *arg) {
    for (uint32_t id = 1; id <= f->conf->queue_count; id++)
        if (conf_queue(f->conf, id))
            fn(arg, f->conf->queue[id - 1].name, stats_queue_get(f->stats, id));
}

void floor_each_saved_figures(const struct floor *f,
                              void (*fn)(void *arg, const struct floor_saved_figures *figures), void *arg) {
    for (uint32_t id = 1; id <= f->conf->agent_count; id++) {
        struct acd_agent_view view;
        if (!conf_agent(f->conf, id) || acd_agent_view(f->acd, id, &view))
            continue;
        uint64_t since_ms = view.since_ms > f->started_ms ? view.since_ms : f->started_ms;
        struct floor_saved_figures figures = {.id = f->conf->agent[id - 1].id,
                                              .presence = view.presence,
                                              .activity = view.activity,
                                              .since_us = wall_of(f, since_ms),
                                              .today = stats_agent_get(f->stats, id)};
        fn(arg, &figures);
    }
}

int floor_restore_queue(struct floor *f, const char *name, const struct stats_queue *today) {
    uint32_t queue = conf_find_queue(f->conf, name);
    if (!queue)
        return -ENOENT;
    stats_restore_queue(f->stats, queue, today);
    return 0;
}

int floor_restore_figures(struct floor *f, const struct floor_saved_figures *figures, uint64_t cut_us) {
    uint32_t agent = conf_find_agent(f->conf, figures->id);
    if (!agent)
        return -ENOENT;
    stats_restore_agent(f->stats, agent, figures->today);
    if (figures->since_us < cut_us) /* the state in which the agent was when the daemon ended */
        stats_agent_time(f->stats, agent, 0, figures->presence, figures->activity,
                         (cut_us - figures->since_us) / 1000);
    return 0;
}
