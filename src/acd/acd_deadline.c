/* SPDX-License-Identifier: Apache-2.0
 * Deadlines: one tree for agents (ring, wrap-up, delays), queues (reserve, empty room) and calls (steps,
 * longest wait). At the same millisecond agents come first, so that a caller is not sent away while an agent
 * becomes free; then by number. */
#include "acd/acd_int.h"

#include <errno.h>

#define KINDS (ACD_TIMER_CALL | ACD_TIMER_QUEUE)

void acd_timer_set(struct acd *acd, struct acd_node *timer, uint64_t due, uint64_t id) {
    if (acd_node_linked(timer) && timer->key.time == due)
        return;
    acd_tree_remove(&acd->timers, timer);
    if (due != NEVER)
        acd_tree_add(&acd->timers, timer, (struct acd_key){.time = due, .id = id});
}

void acd_timer_agent(struct acd *acd, struct acd_agent *agent) {
    acd_timer_set(acd, &agent->timer, acd_agent_due(acd, agent), agent->id);
}

void acd_timer_call(struct acd *acd, struct acd_call *call) {
    acd_timer_set(acd, &call->timer, acd_call_due(acd, call), ACD_TIMER_CALL | call->serial);
}

static void agent_due(struct acd *acd, struct acd_agent *agent) {
    switch (agent->activity) {
    case ACD_RESERVED: /* it has not rung: the phone's fault */
        acd_offer_fail(acd, agent, ACD_OFFER_UNREACHABLE, true);
        break;
    case ACD_RINGING:
        acd_offer_fail(acd, agent, ACD_OFFER_NO_ANSWER, true);
        break;
    case ACD_WRAPUP:
        acd_wrap_due(acd, agent);
        break;
    case ACD_IDLE: /* the delay is over */
        acd_agent_refresh(acd, agent);
        break;
    case ACD_UNREACHABLE: /* the silent phone gets another chance */
        (void)acd_agent_move(acd, agent, ACD_IN_LINE);
        break;
    case ACD_TALKING:
    case ACD_HOLD:
    case ACD_CONSULT:
    case ACD_CONFERENCE:
    case ACD_BUSY_OTHER:
    case ACD_ACTIVITIES:
        break;
    }
}

static bool same_moment(const struct acd_node *a, const struct acd_key *b) {
    return a->key.time == b->time && (a->key.id & KINDS) == (b->id & KINDS);
}

/* All that is due, in order; agents who become free in the same millisecond are matched together. */
int acd_expire(struct acd *acd) {
    struct acd_node *timer;
    while ((timer = acd->timers.first) && timer->key.time <= acd->now) {
        struct acd_key key = timer->key;
        if (acd_room(acd, ACD_STEP_ROOM))
            return -ENOMEM;
        int rc = 0;
        if (key.id & ACD_TIMER_CALL)
            rc = acd_call_on_time(acd, ACD_OWNER(timer, struct acd_call, timer));
        else if (key.id & ACD_TIMER_QUEUE)
            rc = acd_queue_on_time(acd, ACD_OWNER(timer, struct acd_queue, timer));
        else
            agent_due(acd, ACD_OWNER(timer, struct acd_agent, timer));
        if (rc)
            return rc;
        if (!acd->timers.first || !same_moment(acd->timers.first, &key))
            acd_settle(acd);
    }
    return 0;
}

uint64_t acd_deadline(const struct acd *acd) {
    if (acd->doors_dirty || acd->loads_dirty || acd->matching_dirty)
        return acd->now; /* there was no memory to finish the last step */
    return acd->timers.first ? acd->timers.first->key.time : NEVER;
}
