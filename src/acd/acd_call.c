/* SPDX-License-Identifier: Apache-2.0
 * Life of a call in the distributor: enters, waits, is offered, is talked with, leaves. */
#include "acd/acd_int.h"

#include <errno.h>
#include <stdlib.h>

struct acd_call *acd_call(const struct acd *acd, uint64_t id) {
    struct acd_call *call;
    HASH_FIND(hh, acd->calls, &id, sizeof id, call);
    return call;
}

static void end_visit(struct acd *acd, const struct acd_call *call, enum acd_visit_result result) {
    struct acd_effect *effect = acd_emit(acd, ACD_FX_VISIT_END);
    effect->call = call->id;
    effect->queue = call->queue->number;
    effect->agent = call->agent ? call->agent->id : 0;
    effect->visit_result = result;
    effect->enter_ms = call->enter_ms;
    effect->position_in = call->position_in;
    effect->position_out = acd_tree_rank(&call->place);
}

int acd_call_enter(struct acd *acd, const struct acd_event *event) {
    struct acd_queue *queue = acd_queue(acd, event->queue);
    struct acd_call *call = acd->free_calls;
    struct acd_call fresh = {.id = event->call,
                             .enter_ms = acd->now,
                             .since_ms =
                                 event->since_ms && event->since_ms < acd->now ? event->since_ms : acd->now,
                             .queue = queue,
                             .own_priority = event->priority};
    enum acd_visit_result refusal;
    if (!event->call || !queue || queue->removed || acd_call(acd, event->call))
        return -EINVAL;
    if (!acd_queue_door(acd, queue, &refusal)) {
        end_visit(acd, &fresh, refusal);
        return 0;
    }
    if (call)
        acd->free_calls = call->next_free;
    else if (!(call = acd_alloc(sizeof *call)))
        return -ENOMEM;
    *call = fresh;
    HASH_ADD(hh, acd->calls, id, sizeof call->id, call);
    if (!call->id) { /* no memory, see acd_mem.h */
        call->next_free = acd->free_calls;
        acd->free_calls = call;
        return -ENOMEM;
    }
    call->serial = ++acd->serial;
    acd->waiting++;
    acd_tree_add(&queue->place, &call->place, acd_queue_key(call));
    call->position_in = acd_tree_rank(&call->place);
    acd_line_add(acd, call);
    acd_timer_call(acd, call);
    return 0;
}

/* Out of its queue, whatever comes then. */
static void leave_queue(struct acd *acd, struct acd_call *call) {
    acd_line_remove(acd, call);
    acd_tree_remove(&call->queue->place, &call->place);
    acd_tree_remove(&acd->timers, &call->timer);
    acd->waiting--;
}

void acd_call_forget(struct acd *acd, struct acd_call *call) {
    HASH_DEL(acd->calls, call);
    call->next_free = acd->free_calls;
    acd->free_calls = call;
}

void acd_call_out(struct acd *acd, struct acd_call *call, enum acd_visit_result result) {
    if (call->state == ACD_CALL_OFFERED)
        (void)acd_offer_over(acd, call->agent,
                             result == ACD_VISIT_ABANDONED ? ACD_OFFER_CALLER_GONE : ACD_OFFER_CANCELLED,
                             true);
    end_visit(acd, call, result);
    leave_queue(acd, call);
    acd_call_forget(acd, call);
}

void acd_call_answered(struct acd *acd, struct acd_call *call) {
    end_visit(acd, call, ACD_VISIT_ANSWERED);
    leave_queue(acd, call);
    call->state = ACD_CALL_TALKING;
}

/* The longest wait may have passed while the phone rang: an agent about to answer is worth more than the
 * minute, the next agent is not. */
void acd_call_back(struct acd *acd, struct acd_call *call) {
    uint32_t max_wait_ms = call->queue->set.max_wait_ms;
    if (max_wait_ms && call->enter_ms + max_wait_ms <= acd->now) {
        acd_call_out(acd, call, ACD_VISIT_TIMEOUT);
        return;
    }
    acd_line_add(acd, call);
    acd_timer_call(acd, call);
}

int acd_call_leave(struct acd *acd, const struct acd_event *event) {
    struct acd_call *call = acd_call(acd, event->call);
    if (event->visit_result != ACD_VISIT_ABANDONED && event->visit_result != ACD_VISIT_WITHDRAWN &&
        event->visit_result != ACD_VISIT_FAILED)
        return -EINVAL;
    if (call && call->state != ACD_CALL_TALKING)
        acd_call_out(acd, call, event->visit_result);
    return 0;
}

/* The queue's priority or longest wait has changed. */
void acd_call_reorder(struct acd *acd, struct acd_call *call) {
    acd_tree_remove(&call->queue->place, &call->place);
    acd_tree_add(&call->queue->place, &call->place, acd_queue_key(call));
    if (call->state == ACD_CALL_WAITING) {
        acd_line_remove(acd, call);
        acd_line_add(acd, call);
    }
    acd_timer_call(acd, call);
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
