/* SPDX-License-Identifier: Apache-2.0
 * One caller's call as a table of states and events. */
#include "callfloor/call.h"

#include <errno.h>

const char *call_state_name(enum call_state state) {
    static const char *const name[CALL_STATES] = {
        [CALL_NEW] = "new",         [CALL_MENU] = "menu",     [CALL_LOOKUP] = "lookup",
        [CALL_QUEUED] = "queued",   [CALL_DIRECT] = "direct", [CALL_TALKING] = "talking",
        [CALL_PLAYING] = "playing", [CALL_ENDED] = "ended",
    };
    return state < CALL_STATES ? name[state] : "?";
}

static struct call_effect *add(struct call_effects *out, enum call_effect_type type) {
    struct call_effect *fx = &out->item[out->count++];
    *fx = (struct call_effect){.type = type};
    return fx;
}

static void close_call(struct call_effects *out, const char *result, const char *ended_by) {
    struct call_effect *fx = add(out, CALL_FX_CLOSE);
    fx->result = result;
    fx->ended_by = ended_by;
}

/* What becomes of a call that ends now without the caller having talked to anybody. */
static const char *unhandled(const struct call_progress *call) {
    return call->was_queued ? "abandoned" : "ended_in_menu";
}

/* The same when it is the system that hangs up: nobody lost patience. */
static const char *let_go(const struct call_progress *call) {
    return call->was_queued ? "withdrawn" : "ended_in_menu";
}

static void end_by_system(struct call_progress *call, uint16_t status, const char *result,
                          struct call_effects *out) {
    add(out, CALL_FX_END_CALLER)->status = status;
    close_call(out, call->handled ? "handled" : result, "system");
}

/* ---- actions: do what the move means; return the next state ---- */

static enum call_state route(struct call_progress *call, const struct call_event *event,
                             struct call_effects *out) {
    static const struct {
        enum call_effect_type effect;
        enum call_state next;
        bool answer;
    } way[] = {
        [CONF_TARGET_MENU] = {CALL_FX_MENU, CALL_MENU, true},
        [CONF_TARGET_QUEUE] = {CALL_FX_LOOKUP, CALL_LOOKUP, true},
        [CONF_TARGET_AGENT] = {CALL_FX_RING_AGENT, CALL_DIRECT, false},
        [CONF_TARGET_PLAY] = {CALL_FX_PLAY, CALL_PLAYING, true},
        [CONF_TARGET_LOOP] = {CALL_FX_PLAY, CALL_PLAYING, true},
    };
    enum conf_target_kind kind = event->target.kind;
    if (kind == CONF_TARGET_NONE || kind == CONF_TARGET_HANGUP || ++call->hops > CALL_MAX_HOPS) {
        end_by_system(call, 480, let_go(call), out);
        return CALL_ENDED;
    }
    if (way[kind].answer)
        add(out, CALL_FX_ANSWER);
    else
        add(out, CALL_FX_RING);
    add(out, way[kind].effect)->target = event->target;
    return way[kind].next;
}

static enum call_state enter(struct call_progress *call, const struct call_event *event,
                             struct call_effects *out) {
    call->was_queued = true;
    add(out, CALL_FX_ENTER)->target = event->target;
    return CALL_QUEUED;
}

static enum call_state connect_agent(struct call_progress *call, const struct call_event *event,
                                     struct call_effects *out) {
    call->handled = true;
    add(out, CALL_FX_ANSWER);
    add(out, CALL_FX_JOIN);
    return CALL_TALKING;
}

static enum call_state agent_failed(struct call_progress *call, const struct call_event *event,
                                    struct call_effects *out) {
    end_by_system(call, event->status ? event->status : 480, "failed", out);
    return CALL_ENDED;
}

static enum call_state agent_gone(struct call_progress *call, const struct call_event *event,
                                  struct call_effects *out) {
    add(out, CALL_FX_END_CALLER);
    close_call(out, "handled", "agent");
    return CALL_ENDED;
}

static enum call_state played(struct call_progress *call, const struct call_event *event,
                              struct call_effects *out) {
    end_by_system(call, 480, let_go(call), out);
    return CALL_ENDED;
}

/* Out of the queue or away from the agent, whichever it is. */
static void let_go_of(const struct call_progress *call, enum call_effect_type leave,
                      struct call_effects *out) {
    if (call->state == CALL_QUEUED)
        add(out, leave);
    if (call->state == CALL_DIRECT || call->state == CALL_TALKING)
        add(out, CALL_FX_END_AGENT);
}

/* The call stays queued until the distributor has let it go: an agent may have answered at this moment. */
static enum call_state exit_queue(struct call_progress *call, const struct call_event *event,
                                  struct call_effects *out) {
    add(out, CALL_FX_EXIT)->target = event->target;
    return CALL_QUEUED;
}

static enum call_state gone(struct call_progress *call, const struct call_event *event,
                            struct call_effects *out) {
    let_go_of(call, CALL_FX_LEAVE, out);
    const char *result = call->handled                                              ? "handled"
                         : call->state == CALL_DIRECT || call->state == CALL_LOOKUP ? "abandoned"
                                                                                    : unhandled(call);
    close_call(out, result, "caller");
    return CALL_ENDED;
}

static enum call_state lost(struct call_progress *call, const struct call_event *event,
                            struct call_effects *out) {
    let_go_of(call, CALL_FX_DROP, out);
    close_call(out, call->handled ? "handled" : "failed", "system");
    return CALL_ENDED;
}

static enum call_state hangup(struct call_progress *call, const struct call_event *event,
                              struct call_effects *out) {
    let_go_of(call, CALL_FX_WITHDRAW, out);
    end_by_system(call, 480, "withdrawn", out);
    return CALL_ENDED;
}

static enum call_state fail(struct call_progress *call, const struct call_event *event,
                            struct call_effects *out) {
    let_go_of(call, CALL_FX_DROP, out);
    end_by_system(call, event->status ? event->status : 480, "failed", out);
    return CALL_ENDED;
}

typedef enum call_state action_fn(struct call_progress *, const struct call_event *, struct call_effects *);

/* How a call may end in every state. */
#define ENDS                                                                                                 \
    [CALL_EV_CALLER_GONE] = gone, [CALL_EV_CALLER_LOST] = lost, [CALL_EV_HANGUP] = hangup,                   \
    [CALL_EV_FAIL] = fail

/* An empty cell: the event makes no sense there. */
static action_fn *const moves[CALL_STATES][CALL_EV_TYPES] = {
    [CALL_NEW] = {[CALL_EV_ROUTE] = route, ENDS},
    [CALL_MENU] = {[CALL_EV_ROUTE] = route, ENDS},
    [CALL_LOOKUP] = {[CALL_EV_CUSTOMER] = enter, ENDS},
    [CALL_QUEUED] = {[CALL_EV_ROUTE] = route, /* overflow or exit: the visit is over already */
                     [CALL_EV_EXIT] = exit_queue,
                     [CALL_EV_CONNECT] = connect_agent,
                     ENDS},
    [CALL_DIRECT] = {[CALL_EV_CONNECT] = connect_agent, [CALL_EV_AGENT_FAILED] = agent_failed, ENDS},
    [CALL_TALKING] = {[CALL_EV_AGENT_GONE] = agent_gone, ENDS},
    [CALL_PLAYING] = {[CALL_EV_PLAYED] = played, ENDS},
};

int call_step(struct call_progress *call, const struct call_event *event, struct call_effects *out) {
    out->count = 0;
    action_fn *action = moves[call->state][event->type];
    if (!action)
        return -EPROTO;
    enum call_state next = action(call, event, out);
    call->state = next;
    return 0;
}
