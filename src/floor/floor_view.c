/* SPDX-License-Identifier: Apache-2.0
 * What front ends see. */
#include "floor/internal.h"

#include <string.h>

static const char *state_of(const struct call *call) {
    if (call->progress.state == CALL_QUEUED && call->first_desk)
        return "ringing";
    if (call->progress.state == CALL_TALKING && call->held_by_agent)
        return "hold";
    if (call->progress.state == CALL_LOOKUP)
        return "queued";
    if (call->progress.state == CALL_DIRECT)
        return "ringing";
    return call_state_name(call->progress.state);
}

struct floor_call_view floor_view_call(const struct floor *f, const struct call *call) {
    uint64_t now_us = floor_now_us(f);
    const struct conf_queue *queue = conf_queue(f->conf, call->queue);
    const struct conf_agent *agent = conf_agent(f->conf, call->agent ? call->agent : call->first_desk);
    bool in_queue = call->progress.state == CALL_QUEUED || call->progress.state == CALL_TALKING;
    return (struct floor_call_view){
        .number = call->id - f->first_id + 1,
        .id = call->id,
        .state = state_of(call),
        .caller = call->contact.caller,
        .caller_name = *call->customer_name ? call->customer_name : call->contact.caller_name,
        .called = call->contact.called,
        .trunk = call->contact.trunk,
        .queue = in_queue && queue ? queue->name : "",
        .agent = agent ? agent->id : "",
        .menu_path = call->contact.menu_path,
        .position = call->progress.state == CALL_QUEUED ? acd_position(f->acd, call->id) : 0,
        .age_ms = (now_us - call->anchor_us) / 1000,
        .state_ms = now_us / 1000 - call->state_ms,
        .customer_new = call->customer_new,
        .customer_id = call->contact.customer_id,
    };
}

void floor_each_call(const struct floor *f, void (*fn)(void *, const struct floor_call_view *), void *arg) {
    for (const struct call *call = f->first_call; call; call = call->next) {
        struct floor_call_view view = floor_view_call(f, call);
        fn(arg, &view);
    }
}

void floor_each_agent(const struct floor *f, void (*fn)(void *, const struct floor_agent_view *), void *arg) {
    uint64_t now_ms = floor_now_ms(f);
    for (uint32_t id = 1; id <= f->conf->agent_count; id++) {
        const struct conf_agent *agent = conf_agent(f->conf, id);
        struct ua_binding binding[FLOOR_MAX_PHONES];
        struct floor_agent_view view = {0};
        if (!agent || acd_agent_view(f->acd, id, &view.acd))
            continue;
        const struct desk *desk = &f->desk[id - 1];
        const struct conf_queue *queue = conf_queue(f->conf, view.acd.queue);
        view.id = agent->id;
        view.name = agent->name;
        view.reason = acd_reason_name(f->conf, view.acd.reason);
        view.queue = queue ? queue->name : "";
        view.disposition = desk->handle_row.id ? desk->handle_row.disposition : "";
        view.state_ms = now_ms > view.acd.since_ms ? now_ms - view.acd.since_ms : 0;
        view.counted_ms = view.state_ms < now_ms - f->started_ms ? view.state_ms : now_ms - f->started_ms;
        view.timer_ms = view.acd.deadline_ms != NEVER && view.acd.deadline_ms > now_ms
                            ? view.acd.deadline_ms - now_ms
                            : 0;
        view.call = desk->call_id ? desk->call_id - f->first_id + 1 : 0;
        view.phones = f->ua.bindings(f->ua.ctx, id, binding, FLOOR_MAX_PHONES);
        for (uint32_t i = 0; i < view.phones; i++)
            view.phones_reachable += binding[i].reachable;
        view.today = stats_agent_get(f->stats, id);
        fn(arg, &view);
    }
}

void floor_each_queue(const struct floor *f, void (*fn)(void *, const struct floor_queue_view *), void *arg) {
    uint64_t now_ms = floor_now_ms(f);
    for (uint32_t id = 1; id <= f->conf->queue_count; id++) {
        const struct conf_queue *queue = conf_queue(f->conf, id);
        struct floor_queue_view view = {0};
        if (!queue || acd_queue_view(f->acd, id, &view.acd))
            continue;
        view.name = queue->name;
        view.longest_ms = view.acd.oldest_ms < now_ms ? now_ms - view.acd.oldest_ms : 0;
        view.today = stats_queue_get(f->stats, id);
        view.service_level_ms = queue->service_level_ms;
        fn(arg, &view);
    }
}

void floor_each_trunk(const struct floor *f, void (*fn)(void *, const struct floor_trunk_view *), void *arg) {
    uint64_t now_ms = floor_now_ms(f);
    for (uint32_t id = 1; id <= f->conf->trunk_count; id++) {
        const struct conf_trunk *trunk = conf_trunk(f->conf, id);
        struct floor_trunk_view view = {0};
        if (!trunk || f->ua.trunk(f->ua.ctx, id, &view.state))
            continue;
        view.name = trunk->name;
        view.state_ms = now_ms > view.state.changed_ms ? now_ms - view.state.changed_ms : 0;
        fn(arg, &view);
    }
}

void floor_each_registration(const struct floor *f,
                             void (*fn)(void *, const struct floor_registration_view *), void *arg) {
    uint64_t now_ms = floor_now_ms(f);
    for (uint32_t id = 1; id <= f->conf->agent_count; id++) {
        const struct conf_agent *agent = conf_agent(f->conf, id);
        struct ua_binding binding[FLOOR_MAX_PHONES];
        uint32_t count = agent ? f->ua.bindings(f->ua.ctx, id, binding, FLOOR_MAX_PHONES) : 0;
        for (uint32_t i = 0; i < count; i++) {
            struct floor_registration_view view = {
                .agent = agent->id, .binding = binding[i], .expires_in_ms = NEVER};
            if (binding[i].expires_ms != NEVER)
                view.expires_in_ms = binding[i].expires_ms > now_ms ? binding[i].expires_ms - now_ms : 0;
            fn(arg, &view);
        }
    }
}

void floor_counters(const struct floor *f, struct floor_counters *out) {
    *out = (struct floor_counters){
        .calls = f->call_count,
        .legs = f->leg_count,
        .waiting = acd_waiting(f->acd),
        .calls_total = f->calls_total,
        .refused_total = f->refused_total,
        .failed_total = f->failed_total,
        .dispatch_p50_us = floor_delay_quantile(f, 0.5),
        .dispatch_p99_us = floor_delay_quantile(f, 0.99),
        .dispatches = f->dispatches,
        .uptime_ms = floor_now_ms(f) - f->started_ms,
        .draining = f->draining,
    };
    out->dead_total = f->dead_total;
    floor_reconcile_counters(f, out);
    f->ua.counters(f->ua.ctx, &out->ua);
    f->media.counters(f->media.ctx, &out->media);
    f->store.state(f->store.ctx, &out->store);
}
