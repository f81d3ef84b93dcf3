/* SPDX-License-Identifier: Apache-2.0
 * Life of a call in the distributor: enters, waits, is offered, is talked with, leaves. */
#include "acd/acd_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct acd_call *acd_call(const struct acd *acd, uint64_t id) {
    struct acd_call *call;
    HASH_FIND(hh, acd->calls, &id, sizeof id, call);
    return call;
}

/* ---- turns and time ---- */

static bool overdue(const struct acd *acd, const struct acd_call *call) {
    uint32_t max_wait_ms = call->queue->set.max_wait_ms;
    return max_wait_ms && call->enter_ms + max_wait_ms <= acd->now;
}

static uint32_t most_phones(const struct acd_call *call) {
    const struct conf_queue *set = &call->queue->set;
    bool several = set->strategy == CONF_RING_ALL || set->strategy == CONF_RING_PROGRESSIVELY;
    if (!several || call->only)
        return 1;
    return set->ring_max ? set->ring_max : UINT32_MAX;
}

static uint64_t ring_step_ms(const struct acd_call *call) {
    return call->queue->set.ring_step_ms ? call->queue->set.ring_step_ms : ACD_RING_STEP_MS;
}

/* The longest wait may have passed while a phone rings: an agent about to answer is worth more than the
 * minute, another one is not. */
uint32_t acd_call_phones(const struct acd *acd, const struct acd_call *call) {
    uint32_t most = most_phones(call);
    if (call->state != ACD_CALL_WAITING || overdue(acd, call))
        return 0;
    if (call->queue->set.strategy != CONF_RING_PROGRESSIVELY)
        return most;
    uint64_t phones = 1 + (call->ringing_count ? (acd->now - call->round_ms) / ring_step_ms(call) : 0);
    return phones < most ? (uint32_t)phones : most;
}

static void turn_remove(struct acd *acd, struct acd_call *call) {
    if (!acd_node_linked(&call->turn))
        return;
    if (call->only) {
        acd_tree_remove(&call->only->own, &call->turn);
        return;
    }
    struct acd_line *line = acd_call_line(call);
    acd_tree_remove(&line->turn, &call->turn);
    if (!line->turn.root)
        acd_bit_clear(acd->plan.busy_lines, line->index);
}

static void turn_add(struct acd *acd, struct acd_call *call) {
    struct acd_key key = acd_queue_key(acd, call);
    if (call->only) {
        acd_tree_add(&call->only->own, &call->turn, key);
        acd_agent_dirty(acd, call->only);
        return;
    }
    struct acd_line *line = acd_call_line(call);
    acd_tree_add(&line->turn, &call->turn, key);
    acd_bit_set(acd->plan.busy_lines, line->index);
    acd_match_line(acd, line);
}

void acd_call_refresh(struct acd *acd, struct acd_call *call) {
    bool wants = call->ringing_count < acd_call_phones(acd, call);
    if (wants && !acd_node_linked(&call->turn))
        turn_add(acd, call);
    else if (!wants)
        turn_remove(acd, call);
    acd_timer_call(acd, call);
}

static uint64_t sooner(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

uint64_t acd_call_due(const struct acd *acd, const struct acd_call *call) {
    const struct conf_queue *set = &call->queue->set;
    if (call->state != ACD_CALL_WAITING)
        return NEVER;
    if (overdue(acd, call))
        return call->ringing_count ? acd_call_cap_ms(acd, call) : call->enter_ms + set->max_wait_ms;
    uint64_t due = sooner(acd_step_due(acd, call), acd_call_cap_ms(acd, call));
    if (set->max_wait_ms)
        due = sooner(due, call->enter_ms + set->max_wait_ms);
    if (call->only)
        due = sooner(due, call->only_to_ms);
    uint32_t phones = acd_call_phones(acd, call);
    if (set->strategy == CONF_RING_PROGRESSIVELY && call->ringing_count && phones < most_phones(call))
        due = sooner(due, call->round_ms + phones * ring_step_ms(call));
    return due;
}

int acd_call_on_time(struct acd *acd, struct acd_call *call) {
    if (overdue(acd, call) && !call->ringing_count)
        return acd_call_out(acd, call, ACD_VISIT_TIMEOUT);
    if (call->only && call->only_to_ms <= acd->now)
        acd_prefer_end(acd, call);
    acd_step_advance(acd, call);
    if (acd_call_cap_ms(acd, call) <= acd->now) {
        acd_call_detach(acd, call);
        acd_call_attach(acd, call);
        acd_load_check(acd, call->queue); /* another may be first in line now */
    }
    acd_call_refresh(acd, call);
    return 0;
}

void acd_call_detach(struct acd *acd, struct acd_call *call) {
    turn_remove(acd, call);
    acd_tree_remove(&call->queue->place, &call->place);
}

void acd_call_attach(struct acd *acd, struct acd_call *call) {
    call->capped = call->capped || acd_call_cap_ms(acd, call) <= acd->now;
    acd_tree_add(&call->queue->place, &call->place, acd_queue_key(acd, call));
    acd_call_refresh(acd, call);
}

/* ---- entering ---- */

static struct acd_effect *end_visit(struct acd *acd, struct acd_call *call, enum acd_visit_result result) {
    struct acd_effect *effect = acd_emit(acd, ACD_FX_VISIT_END);
    effect->call = call->id;
    effect->queue = call->queue->number;
    effect->visit_result = result;
    effect->enter_ms = call->enter_ms;
    effect->since_ms = call->since_ms;
    effect->step = call->step;
    effect->position_in = call->position_in;
    effect->position_out = acd_tree_rank(&call->place);
    return effect;
}

static void refuse(struct acd *acd, struct acd_call *call, enum acd_visit_result result) {
    struct acd_decision *decision = acd_decide(acd, call, ACD_DID_REFUSE);
    decision->result = (uint8_t)result;
    decision->value = result == ACD_VISIT_TOO_LONG ? (uint32_t)acd_expected(acd, call->queue, NULL).p80_ms
                                                   : acd_tree_size(&call->queue->place);
    end_visit(acd, call, result)->decision = call->last_decision;
}

static void entered(struct acd *acd, struct acd_call *call) {
    struct acd_wait_guess guess = acd_expected(acd, call->queue, call);
    struct acd_effect *effect = acd_emit(acd, ACD_FX_ENTERED);
    effect->call = call->id;
    effect->queue = call->queue->number;
    effect->position_in = call->position_in;
    effect->enter_ms = call->enter_ms;
    effect->since_ms = call->since_ms;
    effect->wait_ms = guess.p80_ms;
    acd_decide(acd, call, ACD_DID_ENTER)->value = call->position_in;
    if (call->since_ms < call->enter_ms)
        acd_decide(acd, call, ACD_DID_RESUME)->value = (uint32_t)(call->enter_ms - call->since_ms);
}

static int add_call(struct acd *acd, const struct acd_call *fresh, struct acd_call **callp) {
    struct acd_call *call = acd->free_calls;
    if (call)
        acd->free_calls = call->next_free;
    else if (!(call = acd_alloc(sizeof *call)))
        return -ENOMEM;
    *call = *fresh;
    HASH_ADD(hh, acd->calls, id, sizeof call->id, call);
    if (!call->id) { /* no memory, see acd_mem.h */
        call->next_free = acd->free_calls;
        acd->free_calls = call;
        return -ENOMEM;
    }
    *callp = call;
    return 0;
}

int acd_call_enter(struct acd *acd, const struct acd_event *event) {
    struct acd_queue *queue = acd_queue(acd, event->queue);
    struct acd_call fresh = {.id = event->call,
                             .caller = event->caller,
                             .enter_ms = acd->now,
                             .since_ms =
                                 event->since_ms && event->since_ms < acd->now ? event->since_ms : acd->now,
                             .queue = queue,
                             .own_priority = event->priority};
    enum acd_visit_result refusal;
    struct acd_call *call;
    if (!event->call || !queue || queue->removed || acd_call(acd, event->call))
        return -EINVAL;
    bool resumed = acd_resume(acd, queue, event->caller, &fresh.since_ms, &fresh.own_priority, false);
    if (!acd_queue_door(acd, queue, resumed, &refusal)) {
        refuse(acd, &fresh, refusal);
        return 0;
    }
    memcpy(fresh.excluded, event->excluded, sizeof fresh.excluded);
    int rc = add_call(acd, &fresh, &call);
    if (rc)
        return rc;
    if (resumed)
        (void)acd_resume(acd, queue, event->caller, &call->since_ms, &call->own_priority, true);
    call->serial = ++acd->serial;
    acd->waiting++;
    call->capped = acd_call_cap_ms(acd, call) <= acd->now;
    acd_tree_add(&queue->place, &call->place, acd_queue_key(acd, call));
    call->position_in = acd_tree_rank(&call->place);
    acd_wait_enter(&queue->wait, acd->now);
    entered(acd, call);
    acd_prefer_begin(acd, call, event->preferred);
    acd_step_advance(acd, call);
    acd_call_refresh(acd, call);
    acd_load_check(acd, queue);
    return 0;
}

/* ---- leaving ---- */

/* Out of its queue, whatever comes then. */
static void leave_queue(struct acd *acd, struct acd_call *call) {
    acd_call_detach(acd, call);
    acd_tree_remove(&acd->timers, &call->timer);
    acd->waiting--;
    acd_load_check(acd, call->queue);
}

static void learn(struct acd *acd, struct acd_call *call, enum acd_visit_result result) {
    struct acd_wait *wait = &call->queue->wait;
    if (result == ACD_VISIT_ANSWERED)
        acd_wait_rang(wait, acd->now - call->first_offer_ms);
    acd_wait_score(wait, &call->told, acd->now, result == ACD_VISIT_ANSWERED);
    acd_wait_leave(wait, acd->now, result == ACD_VISIT_ABANDONED);
}

static void note_leave(struct acd *acd, struct acd_call *call, enum acd_visit_result result) {
    struct acd_decision *decision = acd_decide(acd, call, ACD_DID_LEAVE);
    decision->result = (uint8_t)result;
    decision->value = acd_tree_rank(&call->place);
}

void acd_call_forget(struct acd *acd, struct acd_call *call) {
    HASH_DEL(acd->calls, call);
    call->next_free = acd->free_calls;
    acd->free_calls = call;
}

int acd_call_out(struct acd *acd, struct acd_call *call, enum acd_visit_result result) {
    enum acd_offer_result offers =
        result == ACD_VISIT_ABANDONED ? ACD_OFFER_CALLER_GONE : ACD_OFFER_CANCELLED;
    int rc = acd_room(acd, ACD_STEP_ROOM + 3 * (size_t)call->ringing_count);
    if (rc)
        return rc;
    turn_remove(acd, call);
    call->only = NULL;
    while (call->ringing)
        (void)acd_offer_over(acd, call->ringing, offers, true);
    note_leave(acd, call, result);
    end_visit(acd, call, result)->decision = call->last_decision;
    learn(acd, call, result);
    if (result == ACD_VISIT_ABANDONED || result == ACD_VISIT_FAILED)
        if (call->queue->set.resume_ms && !call->queue->removed)
            acd_lose_place(acd, call->queue->number, call->caller, call->since_ms, call->own_priority);
    leave_queue(acd, call);
    acd_call_forget(acd, call);
    return 0;
}

void acd_call_answered(struct acd *acd, struct acd_call *call, struct acd_agent *agent) {
    note_leave(acd, call, ACD_VISIT_ANSWERED);
    struct acd_effect *effect = end_visit(acd, call, ACD_VISIT_ANSWERED);
    effect->agent = agent->id;
    effect->decision = call->last_decision;
    learn(acd, call, ACD_VISIT_ANSWERED);
    leave_queue(acd, call);
    call->only = NULL;
    call->state = ACD_CALL_TALKING;
}

void acd_call_back(struct acd *acd, struct acd_call *call) {
    if (!call->ringing_count && overdue(acd, call)) {
        if (acd_call_out(acd, call, ACD_VISIT_TIMEOUT)) /* no memory: the timer will ask again */
            acd_call_refresh(acd, call);
        return;
    }
    acd_call_refresh(acd, call);
    if (acd_node_linked(&call->turn) && !call->only)
        acd_match_line(acd, acd_call_line(call));
}

int acd_call_leave(struct acd *acd, const struct acd_event *event) {
    struct acd_call *call = acd_call(acd, event->call);
    switch (event->visit_result) {
    case ACD_VISIT_ABANDONED:
    case ACD_VISIT_WITHDRAWN:
    case ACD_VISIT_FAILED:
    case ACD_VISIT_EXIT_KEY:
    case ACD_VISIT_CALLBACK:
        break;
    case ACD_VISIT_ANSWERED:
    case ACD_VISIT_TIMEOUT:
    case ACD_VISIT_FULL:
    case ACD_VISIT_NO_AGENTS:
    case ACD_VISIT_CLOSED:
    case ACD_VISIT_PAUSED:
    case ACD_VISIT_TOO_LONG:
    case ACD_VISIT_EMPTY:
    case ACD_VISIT_RESULTS:
    default:
        return -EINVAL;
    }
    if (call && call->state != ACD_CALL_TALKING)
        return acd_call_out(acd, call, event->visit_result);
    return 0;
}

void acd_call_free_all(struct acd *acd) {
    struct acd_call *call = acd->calls, *next;
    HASH_CLEAR(hh, acd->calls); /* the table; the calls stay chained */
    for (; call; call = next) {
        next = call->hh.next;
        free(call);
    }
    for (call = acd->free_calls; call; call = next) {
        next = call->next_free;
        free(call);
    }
}
