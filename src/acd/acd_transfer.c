/* SPDX-License-Identifier: Apache-2.0
 * A talk handed over: the first agent's handle ends and his wrap-up begins, the second agent's handle begins.
 * The queue visit is over since the first answer and is not opened again. */
#include "acd/acd_int.h"

#include <errno.h>

/* Talks are for those who are ready: another presence becomes a wish for afterwards. */
static void become_ready(struct acd *acd, struct acd_agent *agent) {
    enum acd_presence presence = agent->presence;
    uint32_t reason = agent->reason;
    if (presence == ACD_READY)
        return;
    acd_agent_want(acd, agent, ACD_READY, ACD_REASON_NONE);
    agent->pending = true;
    agent->pending_presence = presence;
    agent->pending_reason = reason;
}

int acd_transfer(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *from = acd_agent(acd, event->agent), *to = acd_agent(acd, event->to);
    if (!from || !to || to->removed || from == to)
        return -EINVAL;
    bool free = to->activity == ACD_IDLE || to->activity == ACD_BUSY_OTHER;
    if (!acd_agent_in_talk(from) || !free || to->presence == ACD_LOGGED_OUT)
        return -EPROTO;
    struct acd_call *call = from->call;
    acd_talk_handed_over(acd, from);
    become_ready(acd, to);
    if (to->other_calls)
        to->other_calls--;
    to->call = call;
    to->call_id = call->id;
    to->queue = call->queue;
    to->reserve_ms = to->talk_since_ms = acd->now;
    to->disposed = false;
    to->missed = 0;
    acd_wait_taken(&call->queue->wait, acd->now);
    return acd_agent_move(acd, to, ACD_IN_TAKE_OVER);
}
