/* SPDX-License-Identifier: Apache-2.0
 * Offers: a phone rings for a call. One per agent; each begins and ends here. */
#include "acd/acd_int.h"

/* Offers are numbered in sequence. The cell of a number is number & mask; a number whose cell is taken by a
 * live offer is left out, so that finding an offer needs no search and beginning one no memory. */
struct acd_agent *acd_offer_find(const struct acd *acd, uint32_t offer) {
    struct acd_agent *agent =
        offer && acd->offer_cell ? acd_agent(acd, acd->offer_cell[offer & acd->offer_mask]) : NULL;
    return agent && agent->offer == offer && acd_agent_in_offer(agent) ? agent : NULL;
}

static uint32_t new_number(struct acd *acd, const struct acd_agent *agent) {
    uint32_t number = acd->offer_last;
    for (;;) {
        number++;
        const struct acd_agent *holder = acd_agent(acd, acd->offer_cell[number & acd->offer_mask]);
        bool taken = holder && holder->offer && !((holder->offer ^ number) & acd->offer_mask);
        if (number && !taken)
            break;
    }
    acd->offer_last = number;
    acd->offer_cell[number & acd->offer_mask] = agent->id;
    return number;
}

static void fill(struct acd_effect *effect, const struct acd_agent *agent) {
    effect->offer = agent->offer;
    effect->agent = agent->id;
    effect->call = agent->call_id;
    effect->queue = agent->queue->number;
    effect->reserve_ms = agent->reserve_ms;
    effect->ring_ms = agent->ring_ms;
}

/* In the order of the offers. */
static void join_ringing(struct acd_call *call, struct acd_agent *agent) {
    struct acd_agent **at = &call->ringing;
    while (*at)
        at = &(*at)->next_ringing;
    *at = agent;
    agent->next_ringing = NULL;
    call->ringing_count++;
}

static void leave_ringing(struct acd_call *call, struct acd_agent *agent) {
    struct acd_agent **at = &call->ringing;
    while (*at != agent)
        at = &(*at)->next_ringing;
    *at = agent->next_ringing;
    agent->next_ringing = NULL;
    call->ringing_count--;
}

void acd_offer_begin(struct acd *acd, struct acd_call *call, struct acd_agent *agent) {
    if (!call->ringing_count)
        call->round_ms = acd->now;
    if (!call->first_offer_ms)
        call->first_offer_ms = acd->now;
    acd_wait_taken(&call->queue->wait, acd->now);
    join_ringing(call, agent);
    acd_call_refresh(acd, call);
    agent->offer = new_number(acd, agent);
    agent->call = call;
    agent->call_id = call->id;
    agent->queue = call->queue;
    agent->queue->last_agent = agent->id;
    agent->reserve_ms = acd->now;
    agent->ring_ms = 0;
    agent->ring_to_ms = acd->now + call->queue->set.ring_ms;
    struct acd_effect *effect = acd_emit(acd, ACD_FX_OFFER);
    fill(effect, agent);
    effect->step = call->step;
    effect->decision = call->last_decision;
    (void)acd_agent_move(acd, agent, ACD_IN_OFFER);
}

static void note_over(struct acd *acd, struct acd_call *call, const struct acd_agent *agent,
                      enum acd_offer_result result) {
    struct acd_decision *decision = acd_decide(acd, call, ACD_DID_OVER);
    decision->agent = agent->id;
    decision->result = (uint8_t)result;
}

/* The phones that lost the race; their agents are free at once. */
static void stop_others(struct acd *acd, struct acd_call *call, const struct acd_agent *winner) {
    for (struct acd_agent *other = call->ringing, *next; other; other = next) {
        next = other->next_ringing;
        if (other != winner)
            (void)acd_offer_over(acd, other, ACD_OFFER_LOST_RACE, true);
    }
}

int acd_offer_answered(struct acd *acd, struct acd_agent *agent) {
    struct acd_call *call = agent->call;
    int rc = acd_room(acd, ACD_STEP_ROOM + 3 * (size_t)call->ringing_count);
    if (rc)
        return rc;
    struct acd_effect *effect = acd_emit(acd, ACD_FX_OFFER_END);
    fill(effect, agent);
    effect->offer_result = ACD_OFFER_ANSWERED;
    note_over(acd, call, agent, ACD_OFFER_ANSWERED);
    agent->missed = 0;
    stop_others(acd, call, agent);
    leave_ringing(call, agent);
    acd_call_answered(acd, call, agent);
    fill(acd_emit(acd, ACD_FX_CONNECT), agent);
    agent->talk_since_ms = acd->now;
    agent->disposed = false;
    (void)acd_agent_move(acd, agent, ACD_IN_ANSWER);
    agent->offer = 0;
    return 0;
}

static uint64_t later(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* What an offer without success means for the agent: delays, and the count of missed ones. */
static void judge(struct acd *acd, struct acd_agent *agent, enum acd_offer_result result) {
    const struct conf_queue *set = &agent->queue->set;
    switch (result) {
    case ACD_OFFER_NO_ANSWER:
        agent->ready_at_ms = acd->now + set->no_answer_delay_ms;
        agent->missed++;
        break;
    case ACD_OFFER_REJECTED:
        agent->ready_at_ms = acd->now + later(set->reject_delay_ms, ACD_BACKOFF_MS);
        agent->missed++;
        break;
    case ACD_OFFER_BUSY:
        agent->ready_at_ms = acd->now + later(set->busy_delay_ms, ACD_BACKOFF_MS);
        break;
    case ACD_OFFER_UNREACHABLE:
        agent->silent_to_ms = acd->now + later(set->no_answer_delay_ms, ACD_SILENT_MS);
        break;
    case ACD_OFFER_ANSWERED:
    case ACD_OFFER_CALLER_GONE:
    case ACD_OFFER_LOST_RACE:
    case ACD_OFFER_CANCELLED:
    case ACD_OFFER_RESULTS:
        break;
    }
    bool miss = result == ACD_OFFER_NO_ANSWER || result == ACD_OFFER_REJECTED;
    if (miss && set->missed_limit && agent->missed >= set->missed_limit && !agent->pending)
        acd_agent_want(acd, agent, ACD_NOT_READY,
                       result == ACD_OFFER_REJECTED ? ACD_REASON_REJECTED : ACD_REASON_MISSED);
}

struct acd_call *acd_offer_over(struct acd *acd, struct acd_agent *agent, enum acd_offer_result result,
                                bool cancel) {
    struct acd_call *call = agent->call;
    if (cancel) {
        struct acd_effect *effect = acd_emit(acd, ACD_FX_CANCEL);
        fill(effect, agent);
        effect->offer_result = result;
    }
    struct acd_effect *effect = acd_emit(acd, ACD_FX_OFFER_END);
    fill(effect, agent);
    effect->offer_result = result;
    note_over(acd, call, agent, result);
    leave_ringing(call, agent);
    call->avoid = agent->id;
    if (call->only == agent)
        acd_prefer_end(acd, call);
    bool in_vain =
        result != ACD_OFFER_LOST_RACE && result != ACD_OFFER_CALLER_GONE && result != ACD_OFFER_CANCELLED;
    acd_wait_freed(&agent->queue->wait, acd->now, agent->reserve_ms, in_vain ? ACD_WAIT_LOST : ACD_WAIT_RACE);
    judge(acd, agent, result);
    agent->call = NULL;
    agent->call_id = 0;
    agent->queue = NULL;
    agent->offer = 0;
    (void)acd_agent_move(acd, agent, ACD_IN_OFFER_OVER);
    return call;
}

void acd_offer_fail(struct acd *acd, struct acd_agent *agent, enum acd_offer_result result, bool cancel) {
    acd_call_back(acd, acd_offer_over(acd, agent, result, cancel));
}
