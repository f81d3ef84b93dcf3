/* SPDX-License-Identifier: Apache-2.0
 * The distributor's effects: offers and their ends, visits and where callers go, agents' states, wrap-up. */
#include "floor/internal.h"

/* ---- offers. Several agents may ring for one call; who they are is a list through their desks. ---- */

static void join_ringing(struct floor *f, struct call *call, uint32_t agent) {
    struct desk *desk = floor_desk(f, agent), *last = floor_desk(f, call->last_desk);
    desk->prev_desk = call->last_desk;
    desk->next_desk = 0;
    *(last ? &last->next_desk : &call->first_desk) = agent;
    call->last_desk = agent;
}

static void leave_ringing(struct floor *f, struct call *call, uint32_t agent) {
    struct desk *desk = floor_desk(f, agent);
    struct desk *prev = floor_desk(f, desk->prev_desk), *next = floor_desk(f, desk->next_desk);
    *(prev ? &prev->next_desk : &call->first_desk) = desk->next_desk;
    *(next ? &next->prev_desk : &call->last_desk) = desk->prev_desk;
    desk->prev_desk = desk->next_desk = 0;
}

static void offer(struct floor *f, const struct acd_effect *fx) {
    struct call *call = floor_call(f, fx->call);
    struct desk *desk = floor_desk(f, fx->agent);
    desk->offer = fx->offer;
    desk->direct = NULL;
    desk->offer_row.id = 0;
    desk->phone_count = 0;
    if (call)
        join_ringing(f, call, fx->agent);
    if (!call || !floor_ring_phones(f, call, fx->agent, fx->decision)) {
        floor_post_acd(f, &(struct acd_event){.type = ACD_EV_OFFER_FAILED,
                                              .offer = fx->offer,
                                              .offer_result = ACD_OFFER_UNREACHABLE});
        return;
    }
    floor_delay_add(f, floor_now_us(f) - f->cause_us);
}

/* Others have the call now, or nobody is to have it any more. The phones of who lost a race say so. */
static void cancel(struct floor *f, const struct acd_effect *fx) {
    floor_stop_phones(f, floor_desk(f, fx->agent), 0,
                      fx->offer_result == ACD_OFFER_LOST_RACE ? UA_END_ANSWERED_ELSEWHERE : UA_END_NORMAL);
}

static void offer_end(struct floor *f, const struct acd_effect *fx) {
    struct call *call = floor_call(f, fx->call);
    struct desk *desk = floor_desk(f, fx->agent);
    floor_close_offer(f, desk, fx->offer_result);
    if (fx->offer_result != ACD_OFFER_ANSWERED) {
        floor_stop_phones(f, desk, 0, UA_END_NORMAL);
        desk->answered = false; /* a 200 may have come at the moment the offer ended */
        desk->offer_row.id = 0;
    }
    if (call)
        leave_ringing(f, call, fx->agent);
    desk->offer = 0;
    stats_offer_end(f->stats,
                    fx->queue ? fx->queue
                    : call    ? call->queue
                              : 0,
                    fx->agent, fx->offer_result, floor_now_ms(f) - fx->reserve_ms);
}

/* ---- visits ---- */

static void visit_end(struct floor *f, const struct acd_effect *fx) {
    struct call *call = floor_call(f, fx->call);
    if (!call || !call->visit.id) /* none is open: the reconciler takes out a caller who does not wait */
        return;
    call->visit.leave_us = floor_call_time(f, call);
    call->visit.position_in = fx->position_in;
    call->visit.position_out = fx->position_out;
    floor_visit_place(call, fx);
    floor_place_ends(f, call,
                     fx->visit_result == ACD_VISIT_ABANDONED || fx->visit_result == ACD_VISIT_FAILED);
    str_copy(call->visit.result, sizeof call->visit.result, acd_visit_result_name(fx->visit_result));
    floor_put_visit(f, call);
    stats_visit_end(f->stats, f->conf, fx->queue, fx->visit_result, floor_now_ms(f) - fx->enter_ms);
    if (fx->visit_result != ACD_VISIT_ANSWERED)
        call->visit.id = 0;
    switch (fx->visit_result) {
    case ACD_VISIT_TIMEOUT:
    case ACD_VISIT_FULL:
    case ACD_VISIT_NO_AGENTS:
    case ACD_VISIT_WITHDRAWN:
    case ACD_VISIT_FAILED:
    case ACD_VISIT_CLOSED:
    case ACD_VISIT_PAUSED:
    case ACD_VISIT_TOO_LONG:
    case ACD_VISIT_EMPTY: {
        const struct conf_queue *queue = conf_queue(f->conf, fx->queue);
        struct conf_target target = {.kind = CONF_TARGET_HANGUP};
        if (!queue &&
            f->leaving) /* a reload takes the queue away: its callers go where it would have sent them */
            queue = conf_queue(f->leaving, fx->queue);
        if (queue && queue->overflow.kind != CONF_TARGET_NONE)
            target = queue->overflow;
        floor_post_route(f, call->id, &target); /* refused when the call is over anyway */
        break;
    }
    case ACD_VISIT_EXIT_KEY:
        floor_post_route(f, call->id, &call->exit);
        break;
    case ACD_VISIT_ANSWERED:
    case ACD_VISIT_ABANDONED:
    case ACD_VISIT_CALLBACK: /* who said so knows where the call goes */
    case ACD_VISIT_RESULTS:
        break;
    }
}

static void connect_agent(struct floor *f, const struct acd_effect *fx) {
    struct call *call = floor_call(f, fx->call);
    if (!call)
        return;
    call->agent = fx->agent;
    floor_post_call(f, call->id, &(struct call_event){.type = CALL_EV_CONNECT});
}

/* ---- agents ---- */

static void agent_changed(struct floor *f, const struct acd_effect *fx) {
    struct desk *desk = floor_desk(f, fx->agent);
    /* a state restored from before a restart began earlier than these figures */
    uint64_t since_ms = fx->was_since_ms > f->started_ms ? fx->was_since_ms : f->started_ms;
    stats_agent_time(f->stats, fx->agent, desk->handle_queue, fx->was_presence, fx->was_activity,
                     floor_now_ms(f) - since_ms);
    bool at_rest =
        fx->activity == ACD_IDLE || fx->activity == ACD_UNREACHABLE || fx->activity == ACD_BUSY_OTHER;
    if (at_rest && fx->activity != fx->was_activity && !desk->direct)
        desk->call_id = 0;
    floor_agent_state(f, fx);
    if (fx->presence != fx->was_presence || fx->reason != fx->was_reason) {
        log_info("acd", "event=agent agent=%s presence=%s reason=%s activity=%s",
                 f->conf->agent[fx->agent - 1].id, acd_presence_name(fx->presence),
                 log_value(acd_reason_name(f->conf, fx->reason)), acd_activity_name(fx->activity));
        desk->presence_us = f->clock.wall_us(f->clock.ctx);
        if (f->presence_changed)
            f->presence_changed(f->arg, fx->agent);
    }
}

static void wrap_end(struct floor *f, const struct acd_effect *fx) {
    struct desk *desk = floor_desk(f, fx->agent);
    struct record_handle *row = &desk->handle_row;
    if (!row->id)
        return;
    row->wrap_end_us = floor_desk_time(f, desk);
    row->wrap_ms = (uint32_t)((row->wrap_end_us - row->end_us) / 1000);
    floor_put_handle(f, desk);
    row->id = 0;
    desk->offer_row.id = 0;
}

static void entered(struct floor *f, const struct acd_effect *fx) {
    const struct call *call = floor_call(f, fx->call);
    bool resumed = fx->since_ms < fx->enter_ms;
    floor_visit_entered(f, fx);
    if (call)
        floor_place_begins(f, call, resumed);
    if (resumed)
        stats_resumed(f->stats, fx->queue);
}

static const char *queue_name(const struct floor *f, uint32_t id) {
    const struct conf_queue *queue = conf_queue(f->conf, id);
    return queue ? queue->name : "?";
}

static void step(struct floor *f, const struct acd_effect *fx) {
    floor_visit_step(f, fx);
    stats_step(f->stats, fx->queue);
    log_info("acd", "event=step call=%llu queue=%s step=%u", (unsigned long long)(fx->call - f->first_id + 1),
             log_value(queue_name(f, fx->queue)), fx->step);
}

static void reserve(struct floor *f, const struct acd_effect *fx) {
    if (fx->tier > 1)
        stats_reserve(f->stats, fx->queue);
    log_info("acd", "event=reserve queue=%s tier=%u", log_value(queue_name(f, fx->queue)), fx->tier);
}

void floor_effect(struct floor *f, const struct acd_effect *fx) {
    switch (fx->type) {
    case ACD_FX_OFFER:
        offer(f, fx);
        break;
    case ACD_FX_CANCEL:
        cancel(f, fx);
        break;
    case ACD_FX_CONNECT:
        connect_agent(f, fx);
        break;
    case ACD_FX_OFFER_END:
        offer_end(f, fx);
        break;
    case ACD_FX_VISIT_END:
        visit_end(f, fx);
        break;
    case ACD_FX_AGENT:
        agent_changed(f, fx);
        break;
    case ACD_FX_WRAP_END:
        wrap_end(f, fx);
        break;
    case ACD_FX_ENTERED:
        entered(f, fx);
        break;
    case ACD_FX_STEP:
        step(f, fx);
        break;
    case ACD_FX_RESERVE:
        reserve(f, fx);
        break;
    case ACD_FX_TOLD: /* nothing asks for it yet */
    case ACD_FX_TYPES:
        break;
    }
}
