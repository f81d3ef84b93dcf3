/* SPDX-License-Identifier: Apache-2.0
 * What is wrong with a leg, an agent, a call. Pure: facts in, one discrepancy out, the worst first. */
#include "floor/reconcile.h"

static enum floor_repair compare_media(const struct leg_facts *l) {
    if (l->media_open && !l->media_known)
        return FLOOR_REPAIR_MEDIA_LOST;
    if (l->talks && l->joined != l->partner)
        return FLOOR_REPAIR_NOT_JOINED;
    if (l->joined && !l->may_join)
        return FLOOR_REPAIR_JOINED;
    return FLOOR_REPAIRS;
}

enum floor_repair floor_compare_leg(const struct leg_facts *l) {
    if (l->sip == UA_DIALOG_NONE)
        return FLOOR_REPAIR_LEG_LOST;
    if (l->state == LEG_ENDING)
        return l->ending_ms >= RECONCILE_ENDING_MS ? FLOOR_REPAIR_LEG_STUCK : FLOOR_REPAIR_LEG_NOT_ENDED;
    if (!l->owned)
        return FLOOR_REPAIR_LEG_UNOWNED;
    if ((l->state == LEG_UP) != (l->sip == UA_DIALOG_UP))
        return FLOOR_REPAIR_LEG_DIFFERS;
    return compare_media(l);
}

static bool in_offer(const struct agent_facts *a) {
    return a->activity == ACD_RESERVED || a->activity == ACD_RINGING;
}
static bool in_talk(const struct agent_facts *a) {
    return a->activity == ACD_TALKING || a->activity == ACD_HOLD || a->activity == ACD_CONSULT ||
           a->activity == ACD_CONFERENCE;
}

/* Reachability and calls of one's own show only when the agent is at rest. */
static enum floor_repair compare_rest(const struct agent_facts *a) {
    if (a->activity == ACD_BUSY_OTHER)
        return a->other_call ? FLOOR_REPAIRS : FLOOR_REPAIR_OTHER_LOST;
    if (a->other_call)
        return FLOOR_REPAIR_OTHER_UNKNOWN;
    if (a->activity == ACD_IDLE && !a->reachable)
        return FLOOR_REPAIR_UNREACHABLE;
    if (a->activity == ACD_UNREACHABLE && !a->timed && a->reachable)
        return FLOOR_REPAIR_REACHABLE;
    return FLOOR_REPAIRS;
}

enum floor_repair floor_compare_agent(const struct agent_facts *a) {
    bool rings = a->desk_offer && a->desk_offer == a->offer && a->phones && !a->desk_answered;
    bool talks = a->desk_answered && !a->desk_direct && a->phones && a->same_call && a->has_agent &&
                 a->call == CALL_TALKING;
    if (in_offer(a) && (!rings || !a->same_call || a->call != CALL_QUEUED))
        return FLOOR_REPAIR_OFFER_LOST;
    if (in_talk(a) && !talks)
        return FLOOR_REPAIR_TALK_LOST;
    if (a->desk_offer && a->desk_offer != a->offer)
        return FLOOR_REPAIR_DESK_BUSY;
    if (a->desk_answered && !a->desk_direct && !in_talk(a))
        return FLOOR_REPAIR_DESK_BUSY;
    if (a->desk_direct && !a->other_call)
        return FLOOR_REPAIR_DESK_BUSY;
    return in_offer(a) || in_talk(a) || a->activity == ACD_WRAPUP ? FLOOR_REPAIRS : compare_rest(a);
}

enum floor_repair floor_compare_call(const struct call_facts *c) {
    if (c->state == CALL_ENDED)
        return FLOOR_REPAIR_CALL_STUCK;
    if (!c->has_caller)
        return FLOOR_REPAIR_CALLER_LOST;
    if (c->state == CALL_QUEUED && !c->in_line)
        return FLOOR_REPAIR_CALL_NOT_IN_LINE;
    if ((c->state == CALL_TALKING || c->state == CALL_DIRECT) && !c->has_agent)
        return FLOOR_REPAIR_CALL_NO_AGENT;
    if (c->overdue_ms >= RECONCILE_STUCK_MS || (c->waits_for_prompt && !c->hears_prompt))
        return FLOOR_REPAIR_CALL_STUCK;
    return FLOOR_REPAIRS;
}
