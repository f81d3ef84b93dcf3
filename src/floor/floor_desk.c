/* SPDX-License-Identifier: Apache-2.0
 * Agents' desks: ringing their phones, talking, holding. */
#include "floor/internal.h"

#include <string.h>

uint64_t floor_desk_time(const struct floor *f, const struct desk *desk) {
    return desk->anchor_wall_us + (floor_now_us(f) - desk->anchor_us);
}

static uint32_t agent_of(const struct floor *f, const struct desk *desk) {
    return (uint32_t)(desk - f->desk) + 1;
}

/* ---- ringing ---- */

static int ring_phone(struct floor *f, struct call *call, uint32_t agent, const struct ua_binding *binding) {
    struct desk *desk = floor_desk(f, agent);
    const struct leg *caller = floor_leg(f, call->leg);
    struct leg *leg;
    int err = floor_leg_new(f, LEG_PHONE, call, &leg);
    if (err)
        return err;
    leg->agent = agent;
    struct media_desc offer = leg->local;
    /* the caller's codec first: packets of joined legs with one codec are only passed on */
    if (caller && caller->remote.codec_count && offer.codec_count == 2 &&
        offer.codec[1].codec == caller->remote.codec[0].codec) {
        offer.codec[1] = leg->local.codec[0];
        offer.codec[0] = leg->local.codec[1];
    }
    leg->local = offer;
    struct ua_invite invite = {.agent = agent,
                               .uri = binding->uri,
                               .caller = call->contact.caller,
                               .caller_name =
                                   *call->customer_name ? call->customer_name : call->contact.caller_name,
                               .called = f->conf->agent[agent - 1].id,
                               .offer = &offer,
                               .auto_answer = f->conf->agent[agent - 1].auto_answer};
    err = f->ua.invite(f->ua.ctx, leg->id, &invite);
    if (err) {
        leg->state = LEG_ENDING; /* SIP never knew it */
        floor_leg_end(f, leg, UA_END_NORMAL, NULL);
        floor_leg_gone(f, leg);
        return err;
    }
    desk->phones[desk->phone_count++] = leg->id;
    return 0;
}

uint32_t floor_ring_phones(struct floor *f, struct call *call, uint32_t agent, uint64_t decision) {
    struct desk *desk = floor_desk(f, agent);
    struct ua_binding binding[FLOOR_MAX_PHONES];
    uint32_t count = f->ua.bindings(f->ua.ctx, agent, binding, FLOOR_MAX_PHONES);
    desk->phone_count = 0;
    desk->answered = false;
    desk->sip_status = 0;
    desk->ring_us = 0;
    desk->call_id = call->id;
    desk->anchor_us = call->anchor_us;
    desk->anchor_wall_us = call->anchor_wall_us;
    for (uint32_t i = 0; i < count; i++)
        if (binding[i].reachable)
            (void)ring_phone(f, call, agent, &binding[i]);
    desk->offer_row = (struct record_offer){.id = floor_new_id(f),
                                            .contact_id = call->id,
                                            .visit_id = call->visit.id,
                                            .reserve_us = floor_desk_time(f, desk)};
    str_copy(desk->offer_row.agent, sizeof desk->offer_row.agent, f->conf->agent[agent - 1].id);
    floor_offer_why(f, desk, decision);
    floor_put_offer(f, desk);
    return desk->phone_count;
}

void floor_stop_phones(struct floor *f, struct desk *desk, uint32_t but, enum ua_end_cause cause) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < desk->phone_count; i++) {
        struct leg *leg = floor_leg(f, desk->phones[i]);
        if (desk->phones[i] == but)
            kept = but;
        else if (leg)
            floor_leg_end(f, leg, cause, NULL);
    }
    desk->phone_count = kept ? 1 : 0;
    desk->phones[0] = kept;
}

void floor_close_offer(struct floor *f, struct desk *desk, enum acd_offer_result result) {
    struct record_offer *row = &desk->offer_row;
    if (!row->id)
        return;
    row->end_us = floor_desk_time(f, desk);
    if (desk->ring_us)
        row->ring_us = desk->anchor_wall_us + (desk->ring_us - desk->anchor_us);
    row->sip_status = desk->sip_status;
    str_copy(row->result, sizeof row->result, acd_offer_result_name(result));
    floor_put_offer(f, desk);
}

/* ---- what the phone does ---- */

static enum acd_offer_result result_of(uint16_t status) {
    switch (status) {
    case 486:
    case 600:
        return ACD_OFFER_BUSY;
    case 603:
    case 607:
        return ACD_OFFER_REJECTED;
    default: /* 404 408 480 5xx and the rest: the phone's fault */
        return ACD_OFFER_UNREACHABLE;
    }
}

/* Of several phones: a person's refusal tells more than a busy line, that more than a silent phone. */
static uint16_t telling(uint16_t a, uint16_t b) {
    static const uint8_t weight[] = {
        [ACD_OFFER_UNREACHABLE] = 1, [ACD_OFFER_BUSY] = 2, [ACD_OFFER_REJECTED] = 3};
    if (!a || !b)
        return a ? a : b;
    return weight[result_of(b)] > weight[result_of(a)] ? b : a;
}

void floor_phone_ringing(struct floor *f, struct leg *leg) {
    struct desk *desk = floor_desk(f, leg->agent);
    if (!leg->call || desk->answered || desk->ring_us)
        return;
    desk->ring_us = floor_now_us(f);
    if (desk->offer)
        floor_post_acd(f, &(struct acd_event){.type = ACD_EV_OFFER_RINGING, .offer = desk->offer});
}

void floor_phone_answered(struct floor *f, struct leg *leg, const struct media_desc *remote) {
    struct desk *desk = floor_desk(f, leg->agent);
    if (!leg->call || desk->answered || leg->state == LEG_ENDING)
        return; /* we are ending it already */
    if (floor_leg_agree(f, leg, remote)) {
        floor_phone_ended(f, leg, 488);
        floor_leg_end(f, leg, UA_END_NORMAL, NULL);
        return;
    }
    leg->state = LEG_UP;
    desk->answered = true;
    desk->answered_us = floor_now_us(f);
    floor_stop_phones(f, desk, leg->id, UA_END_ANSWERED_ELSEWHERE);
    if (desk->offer) {
        floor_post_acd(f, &(struct acd_event){.type = ACD_EV_OFFER_ANSWERED, .offer = desk->offer});
    } else if (desk->direct) {
        floor_close_offer(f, desk, ACD_OFFER_ANSWERED);
        floor_post_call(f, desk->direct->id, &(struct call_event){.type = CALL_EV_CONNECT});
    }
}

static void talk_over(struct floor *f, struct desk *desk, const char *ended_by) {
    struct record_handle *row = &desk->handle_row;
    uint64_t now_us = floor_now_us(f);
    if (!row->id || row->end_us)
        return;
    if (desk->hold_since_us)
        desk->hold_us += now_us - desk->hold_since_us;
    desk->hold_since_us = 0;
    row->end_us = floor_desk_time(f, desk);
    row->hold_ms = (uint32_t)(desk->hold_us / 1000);
    row->talk_ms = (uint32_t)((row->end_us - row->start_us) / 1000) - row->hold_ms;
    str_copy(row->ended_by, sizeof row->ended_by, ended_by);
    bool queued = row->visit_id != 0;
    if (!queued)
        row->wrap_end_us = row->end_us;
    floor_put_handle(f, desk);
    stats_handle_end(f->stats, desk->handle_queue, agent_of(f, desk), row->talk_ms, row->hold_ms);
    if (!queued)
        row->id = 0;
    floor_post_acd(f, &(struct acd_event){.type = queued ? ACD_EV_HANDLE_END : ACD_EV_OTHER_END,
                                          .agent = agent_of(f, desk)});
}

/* The direct call is over or was never answered: the line is free again. */
static void direct_over(struct floor *f, struct desk *desk) {
    desk->direct = NULL;
    floor_post_acd(f, &(struct acd_event){.type = ACD_EV_OTHER_END, .agent = agent_of(f, desk)});
}

void floor_desk_end(struct floor *f, uint32_t agent) {
    struct desk *desk = floor_desk(f, agent);
    bool direct = desk->direct != NULL, answered = desk->answered;
    floor_stop_phones(f, desk, 0, UA_END_NORMAL);
    desk->answered = false;
    desk->direct = NULL;
    if (answered)
        talk_over(f, desk, "system");
    else if (direct)
        direct_over(f, desk);
}

void floor_phone_ended(struct floor *f, struct leg *leg, uint16_t status) {
    struct desk *desk = floor_desk(f, leg->agent);
    struct call *call = leg->call;
    uint32_t at = 0;
    while (at < desk->phone_count && desk->phones[at] != leg->id)
        at++;
    if (!call || at == desk->phone_count)
        return;
    desk->phones[at] = desk->phones[--desk->phone_count];
    if (desk->answered) {
        desk->answered = false;
        call->phone = 0;
        bool direct = desk->direct != NULL;
        talk_over(f, desk, "agent");
        if (direct)
            desk->direct = NULL; /* talk_over has freed the line */
        floor_post_call(f, call->id, &(struct call_event){.type = CALL_EV_AGENT_GONE});
        return;
    }
    desk->sip_status = telling(desk->sip_status, status);
    if (desk->phone_count)
        return;
    if (desk->offer) {
        floor_post_acd(f, &(struct acd_event){.type = ACD_EV_OFFER_FAILED,
                                              .offer = desk->offer,
                                              .offer_result = result_of(desk->sip_status)});
    } else if (desk->direct) {
        enum acd_offer_result result = result_of(desk->sip_status);
        floor_close_offer(f, desk, result);
        desk->offer_row.id = 0;
        direct_over(f, desk);
        floor_post_call(f, call->id,
                        &(struct call_event){.type = CALL_EV_AGENT_FAILED,
                                             .status = result == ACD_OFFER_BUSY       ? 486
                                                       : result == ACD_OFFER_REJECTED ? 603
                                                                                      : 480});
    }
}

void floor_phone_hold(struct floor *f, struct leg *leg, bool held) {
    struct desk *desk = floor_desk(f, leg->agent);
    struct call *call = leg->call;
    if (!call || !desk->answered || call->phone != leg->id || call->held_by_agent == held)
        return;
    call->held_by_agent = held;
    call->state_ms = floor_now_ms(f);
    if (held) {
        desk->hold_since_us = floor_now_us(f);
        desk->handle_row.hold_count++;
        floor_play_music(f, call);
    } else {
        desk->hold_us += floor_now_us(f) - desk->hold_since_us;
        desk->hold_since_us = 0;
        f->media.stop(f->media.ctx, call->leg);
    }
    if (!desk->direct)
        floor_post_acd(f,
                       &(struct acd_event){.type = held ? ACD_EV_HOLD : ACD_EV_RESUME, .agent = leg->agent});
}

/* ---- what the call wants ---- */

int floor_ring_direct(struct floor *f, struct call *call, uint32_t agent) {
    struct acd_agent_view view;
    struct desk *desk = floor_desk(f, agent);
    (void)floor_acd_step(f, &(struct acd_event){.type = ACD_EV_TICK}); /* what is due may take the agent */
    if (!conf_agent(f->conf, agent) || acd_agent_view(f->acd, agent, &view))
        return 404;
    if (view.activity == ACD_UNREACHABLE)
        return 480;
    if (view.activity != ACD_IDLE || desk->direct || desk->offer)
        return 486;
    /* at once, not posted: from here on nothing may be offered to the agent */
    desk->direct = call;
    desk->call_id = call->id;
    (void)floor_acd_step(f, &(struct acd_event){.type = ACD_EV_OTHER_BEGIN, .agent = agent});
    desk->direct = call; /* again: what fell due within the step may have been offered and taken back */
    call->agent = agent;
    if (floor_ring_phones(f, call, agent, 0))
        return 0;
    floor_close_offer(f, desk, ACD_OFFER_UNREACHABLE);
    desk->offer_row.id = 0;
    direct_over(f, desk);
    return 480;
}

void floor_end_agent(struct floor *f, struct call *call, const char *ended_by) {
    struct desk *desk = floor_desk(f, call->agent);
    if (!desk || desk->call_id != call->id)
        return;
    call->phone = 0;
    floor_stop_phones(f, desk, 0, UA_END_NORMAL);
    if (desk->answered) {
        bool direct = desk->direct != NULL;
        desk->answered = false;
        talk_over(f, desk, ended_by);
        if (direct)
            desk->direct = NULL;
    } else if (desk->direct == call) {
        floor_close_offer(f, desk, ACD_OFFER_CALLER_GONE);
        desk->offer_row.id = 0;
        direct_over(f, desk);
    }
}

void floor_join(struct floor *f, struct call *call) {
    struct desk *desk = floor_desk(f, call->agent);
    call->phone = desk->phones[0];
    desk->hold_us = desk->hold_since_us = 0;
    desk->handle_queue = desk->direct ? 0 : call->queue;
    desk->handle_row = (struct record_handle){.id = floor_new_id(f),
                                              .contact_id = call->id,
                                              .visit_id = desk->offer_row.visit_id,
                                              .offer_id = desk->offer_row.id,
                                              .start_us = floor_desk_time(f, desk)};
    str_copy(desk->handle_row.agent, sizeof desk->handle_row.agent, f->conf->agent[call->agent - 1].id);
    if (!desk->direct)
        str_copy(desk->handle_row.queue, sizeof desk->handle_row.queue, f->conf->queue[call->queue - 1].name);
    if (f->media.join(f->media.ctx, call->leg, call->phone))
        log_warn("floor", "event=join_failed call=%llu", (unsigned long long)call->id);
    floor_put_handle(f, desk);
}
