/* SPDX-License-Identifier: Apache-2.0
 * Records, written when states change. */
#include "floor/internal.h"

uint64_t floor_call_time(const struct floor *f, const struct call *call) {
    return call->anchor_wall_us + (floor_now_us(f) - call->anchor_us);
}

static void put(struct floor *f, const struct record *row) {
    (void)f->store.put(f->store.ctx, row); /* a full journal is told through store_sink */
}

void floor_put_contact(struct floor *f, const struct call *call) {
    put(f, &(struct record){.kind = RECORD_CONTACT, .contact = call->contact});
}

void floor_put_visit(struct floor *f, const struct call *call) {
    struct record row = {.kind = RECORD_VISIT, .visit = call->visit};
    if (!row.visit.since_us) /* the distributor would not take it */
        row.visit.since_us = row.visit.enter_us;
    put(f, &row);
}

/* The distributor's milliseconds, on the clock of the call's records. */
void floor_visit_place(struct call *call, const struct acd_effect *fx) {
    uint64_t older_ms = fx->since_ms < fx->enter_ms ? fx->enter_ms - fx->since_ms : 0;
    call->visit.since_us = call->visit.enter_us - older_ms * 1000;
    call->visit.step = fx->step;
}

void floor_visit_entered(struct floor *f, const struct acd_effect *fx) {
    struct call *call = floor_call(f, fx->call);
    if (!call)
        return;
    floor_visit_place(call, fx);
    call->visit.position_in = fx->position_in;
    if (fx->wait_ms != NEVER) /* 0 is "not told" in a row */
        call->visit.told_ms = fx->wait_ms < 1           ? 1
                              : fx->wait_ms < INT32_MAX ? (uint32_t)fx->wait_ms
                                                        : INT32_MAX;
    floor_put_visit(f, call);
}

void floor_visit_step(struct floor *f, const struct acd_effect *fx) {
    struct call *call = floor_call(f, fx->call);
    if (!call)
        return;
    call->visit.step = fx->step;
    floor_put_visit(f, call);
}

void floor_offer_why(const struct floor *f, struct desk *desk, uint64_t number) {
    const struct acd_decision *decision = number ? acd_decision(f->acd, number) : NULL;
    if (decision)
        acd_decision_text(f->conf, decision, desk->offer_row.why, sizeof desk->offer_row.why);
}

void floor_put_offer(struct floor *f, const struct desk *desk) {
    put(f, &(struct record){.kind = RECORD_OFFER, .offer = desk->offer_row});
}

void floor_put_handle(struct floor *f, const struct desk *desk) {
    put(f, &(struct record){.kind = RECORD_HANDLE, .handle = desk->handle_row});
}

/* The state that ended and the one that begins share one instant, so an agent's states tile the day. */
void floor_agent_state(struct floor *f, const struct acd_effect *fx) {
    struct desk *desk = floor_desk(f, fx->agent);
    struct record_agent_state *row = &desk->state_row;
    const struct conf_agent *agent = &f->conf->agent[fx->agent - 1]; /* also a removed one */
    uint64_t now_us = floor_now_us(f);
    if (row->id) {
        row->end_us = row->start_us + (now_us - desk->state_anchor_us);
        put(f, &(struct record){.kind = RECORD_AGENT_STATE, .agent_state = *row});
    }
    uint64_t start_us = row->id ? row->end_us : f->clock.wall_us(f->clock.ctx);
    uint64_t wall_us = f->clock.wall_us(f->clock.ctx);
    /* follow a stepped or drifting clock, but only forward: rows never overlap */
    if (wall_us > start_us && row->id && wall_us - start_us > 1000000)
        start_us = wall_us;
    *row = (struct record_agent_state){0};
    desk->state_anchor_us = now_us;
    if (fx->presence == ACD_LOGGED_OUT && fx->activity != ACD_TALKING && fx->activity != ACD_HOLD &&
        fx->activity != ACD_WRAPUP)
        return; /* nobody is at the desk: no row */
    row->id = floor_new_id(f);
    str_copy(row->agent, sizeof row->agent, agent->id);
    str_copy(row->presence, sizeof row->presence, acd_presence_name(fx->presence));
    str_copy(row->activity, sizeof row->activity, acd_activity_name(fx->activity));
    str_copy(row->reason, sizeof row->reason, acd_reason_name(f->conf, fx->reason));
    row->start_us = start_us;
    row->contact_id = desk->call_id;
    put(f, &(struct record){.kind = RECORD_AGENT_STATE, .agent_state = *row});
}
