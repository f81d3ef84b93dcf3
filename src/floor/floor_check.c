/* SPDX-License-Identifier: Apache-2.0
 * The invariants of the whole floor. True whenever no work is waiting; independent of how things came so. */
#include "floor/internal.h"

#include <stdio.h>
#include <string.h>

static char broken[200];

#define BROKEN_IF(condition, ...)                                                                            \
    do {                                                                                                     \
        if (condition) {                                                                                     \
            snprintf(broken, sizeof broken, __VA_ARGS__);                                                    \
            return broken;                                                                                   \
        }                                                                                                    \
    } while (0)

/* The list of those whose phones ring for a call. */
static const char *check_ringing(const struct floor *f, const struct call *call, uint32_t *ringing) {
    unsigned long long n = call->id - f->first_id + 1;
    uint32_t before = 0;
    for (uint32_t agent = call->first_desk; agent; before = agent, agent = f->desk[agent - 1].next_desk) {
        const struct desk *desk = &f->desk[agent - 1];
        BROKEN_IF(!desk->offer || desk->call_id != call->id, "agent %u does not ring for call %llu", agent,
                  n);
        BROKEN_IF(desk->prev_desk != before, "call %llu: the list of ringing agents is broken at %u", n,
                  agent);
        (*ringing)++;
    }
    BROKEN_IF(call->last_desk != before, "call %llu: the list of ringing agents has a wrong end", n);
    BROKEN_IF(call->first_desk && call->progress.state != CALL_QUEUED,
              "phones ring for call %llu, which is %s", n, call_state_name(call->progress.state));
    return NULL;
}

static const char *check_call(const struct floor *f, const struct call *call) {
    unsigned long long n = call->id - f->first_id + 1;
    const struct leg *leg = floor_leg(f, call->leg);
    enum call_state state = call->progress.state;
    BROKEN_IF(state == CALL_ENDED, "call %llu has ended but is still there", n);
    BROKEN_IF(!leg || leg->call != call || leg->role != LEG_CALLER, "call %llu has no caller's leg", n);
    BROKEN_IF(leg->state == LEG_ENDING, "call %llu lives on a leg that is ending", n);
    BROKEN_IF((state == CALL_QUEUED) != (acd_position(f->acd, call->id) > 0),
              "call %llu is %s, place in line %u", n, call_state_name(state), acd_position(f->acd, call->id));
    BROKEN_IF(state == CALL_QUEUED && !call->visit.id, "call %llu waits without a visit", n);
    BROKEN_IF(state == CALL_QUEUED && call->agent, "call %llu waits, but has agent %u", n, call->agent);
    BROKEN_IF(state == CALL_MENU && call->deadline.place == 0 && call->ivr.deadline_ms != NEVER,
              "call %llu: its menu's timer is not set", n);
    if (state == CALL_TALKING || state == CALL_DIRECT) {
        const struct desk *desk = call->agent ? &f->desk[call->agent - 1] : NULL;
        BROKEN_IF(!desk || desk->call_id != call->id,
                  "call %llu is %s, but the agent's desk does not know it", n, call_state_name(state));
        BROKEN_IF(desk->answered != (state == CALL_TALKING), "call %llu is %s, the agent has%s answered", n,
                  call_state_name(state), desk->answered ? "" : " not");
    }
    if (state == CALL_TALKING) {
        const struct leg *phone = floor_leg(f, call->phone);
        BROKEN_IF(!phone || phone->call != call || phone->state != LEG_UP, "call %llu talks to no phone", n);
    }
    return NULL;
}

static const char *check_desk(const struct floor *f, uint32_t agent) {
    const struct desk *desk = &f->desk[agent - 1];
    struct acd_agent_view view;
    if (agent > f->conf->agent_count || acd_agent_view(f->acd, agent, &view))
        return NULL;
    for (uint32_t i = 0; i < desk->phone_count; i++) {
        const struct leg *leg = floor_leg(f, desk->phones[i]);
        BROKEN_IF(!leg || leg->role != LEG_PHONE || leg->agent != agent || !leg->call ||
                      leg->call->id != desk->call_id,
                  "agent %u: phone %u rings for nobody", agent, i);
    }
    bool offered = view.activity == ACD_RESERVED || view.activity == ACD_RINGING;
    bool talking = view.activity == ACD_TALKING || view.activity == ACD_HOLD;
    BROKEN_IF(offered != (desk->offer != 0), "agent %u is %s, the desk has%s an offer", agent,
              acd_activity_name(view.activity), desk->offer ? "" : " not");
    BROKEN_IF(offered && (view.offer != desk->offer || view.call != desk->call_id),
              "agent %u: desk and offer differ", agent);
    BROKEN_IF(offered && (!desk->phone_count || desk->answered), "agent %u is %s, but no phone rings", agent,
              acd_activity_name(view.activity));
    BROKEN_IF(talking &&
                  (!desk->answered || desk->direct || desk->phone_count != 1 || view.call != desk->call_id),
              "agent %u is %s, but the desk is not", agent, acd_activity_name(view.activity));
    BROKEN_IF(desk->answered && !desk->direct && !talking, "agent %u talks, but is %s", agent,
              acd_activity_name(view.activity));
    BROKEN_IF(talking != (desk->handle_row.id && !desk->handle_row.end_us && desk->handle_row.visit_id),
              "agent %u: handle record does not fit %s", agent, acd_activity_name(view.activity));
    BROKEN_IF(desk->direct && !floor_call(f, desk->call_id), "agent %u: direct call is gone", agent);
    return NULL;
}

const char *floor_check(const struct floor *f) {
    uint32_t legs = 0, calls = 0, ringing = 0, offers = 0;
    const char *wrong = acd_check(f->acd);
    if (wrong)
        return wrong;
    for (const struct call *call = f->first_call; call; call = call->next, calls++)
        if ((wrong = check_call(f, call)) || (wrong = check_ringing(f, call, &ringing)))
            return wrong;
    BROKEN_IF(calls != f->call_count, "%u calls counted, %u there", f->call_count, calls);
    for (uint32_t agent = 1; agent <= f->desk_count; agent++) {
        offers += f->desk[agent - 1].offer != 0;
        if ((wrong = check_desk(f, agent)))
            return wrong;
    }
    BROKEN_IF(offers != ringing, "%u agents are rung, calls know of %u", offers, ringing);
    for (uint32_t id = slots_next(&f->legs, 0); id; id = slots_next(&f->legs, id), legs++) {
        const struct leg *leg = floor_leg(f, id);
        BROKEN_IF(leg->call && floor_call(f, leg->call->id) != leg->call, "leg %u belongs to a dead call",
                  id);
        BROKEN_IF(!leg->call && leg->state != LEG_ENDING, "leg %u belongs to nobody", id);
    }
    BROKEN_IF(legs != f->leg_count, "%u legs counted, %u there", f->leg_count, legs);
    return NULL;
}
