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

void acd_offer_begin(struct acd *acd, struct acd_call *call, struct acd_agent *agent) {
    acd_line_remove(acd, call);
    call->state = ACD_CALL_OFFERED;
    call->agent = agent;
    acd_timer_call(acd, call);
    agent->offer = new_number(acd, agent);
    agent->call = call;
    agent->call_id = call->id;
    agent->queue = call->queue;
    agent->reserve_ms = acd->now;
    agent->ring_ms = 0;
    agent->ring_to_ms = acd->now + call->queue->set.ring_ms;
    fill(acd_emit(acd, ACD_FX_OFFER), agent);
    (void)acd_agent_move(acd, agent, ACD_IN_OFFER);
}

void acd_offer_answered(struct acd *acd, struct acd_agent *agent) {
    struct acd_call *call = agent->call;
    struct acd_effect *effect = acd_emit(acd, ACD_FX_OFFER_END);
    fill(effect, agent);
    effect->offer_result = ACD_OFFER_ANSWERED;
    agent->missed = 0;
    acd_call_answered(acd, call);
    fill(acd_emit(acd, ACD_FX_CONNECT), agent);
    (void)acd_agent_move(acd, agent, ACD_IN_ANSWER);
    agent->offer = 0;
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
    call->agent = NULL;
    call->state = ACD_CALL_WAITING;
    call->avoid = agent->id;
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
