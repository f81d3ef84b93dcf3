/* SPDX-License-Identifier: Apache-2.0
 *
 * Legs: the state table, the floor's numbers, telling the end exactly once. */
#include "sip/ua_leg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static ua_leg_action nothing, end_and_bye, end_now, bye, over;

struct move {
    uint8_t next; /* NEW = no such move */
    ua_leg_action *action;
};

/* Order of business within a move: the new state is set, then the action runs. So whatever the floor does
 * from inside a sink finds the state it was told of. */
static const struct move moves[UA_LEG_STATES][UA_EVENTS] =
    {
        [UA_LEG_NEW] =
            {
                [UA_EV_INVITED] = {UA_LEG_INVITED, nothing},
                [UA_EV_INVITE] = {UA_LEG_CALLING, nothing},
            },
        [UA_LEG_INVITED] =
            {
                [UA_EV_RING] = {UA_LEG_ALERTING, ua_in_ring},
                [UA_EV_ANSWER] = {UA_LEG_ANSWERED, ua_in_answer},
                [UA_EV_END] = {UA_LEG_GONE, ua_in_refuse},
                [UA_EV_CANCEL] = {UA_LEG_GONE, ua_in_cancelled},
                [UA_EV_BYE] = {UA_LEG_GONE, ua_in_dropped},
                [UA_EV_LOST] = {UA_LEG_GONE, ua_in_dropped},
            },
        [UA_LEG_ALERTING] =
            {
                [UA_EV_RING] = {UA_LEG_ALERTING, nothing},
                [UA_EV_ANSWER] = {UA_LEG_ANSWERED, ua_in_answer},
                [UA_EV_END] = {UA_LEG_GONE, ua_in_refuse},
                [UA_EV_CANCEL] = {UA_LEG_GONE, ua_in_cancelled},
                [UA_EV_BYE] = {UA_LEG_GONE, ua_in_dropped},
                [UA_EV_LOST] = {UA_LEG_GONE, ua_in_dropped},
            },
        [UA_LEG_ANSWERED] =
            {
                [UA_EV_END] = {UA_LEG_BYE_DUE, end_now},
                [UA_EV_ACK] = {UA_LEG_UP, ua_in_confirmed},
                [UA_EV_BAD_ACK] = {UA_LEG_LEAVING, end_and_bye},
                [UA_EV_NO_ACK] = {UA_LEG_LEAVING, end_and_bye},
                [UA_EV_BYE] = {UA_LEG_GONE, end_now},
                [UA_EV_LOST] = {UA_LEG_LEAVING, end_and_bye},
            },
        [UA_LEG_CALLING] =
            {
                [UA_EV_END] = {UA_LEG_CANCEL_DUE, ua_out_cancel_due},
                [UA_EV_PROGRESS] = {UA_LEG_PROCEEDING, ua_out_progress},
                [UA_EV_OK] = {UA_LEG_UP, ua_out_up},
                [UA_EV_BAD_OK] = {UA_LEG_LEAVING, ua_out_bad_ok},
                [UA_EV_RETRIED] = {UA_LEG_CALLING, nothing},
                [UA_EV_FAILED] = {UA_LEG_GONE, end_now},
            },
        [UA_LEG_PROCEEDING] =
            {
                [UA_EV_END] = {UA_LEG_CANCELLING, ua_out_cancel},
                [UA_EV_PROGRESS] = {UA_LEG_PROCEEDING, ua_out_progress},
                [UA_EV_OK] = {UA_LEG_UP, ua_out_up},
                [UA_EV_BAD_OK] = {UA_LEG_LEAVING, ua_out_bad_ok},
                [UA_EV_RETRIED] = {UA_LEG_CALLING, nothing},
                [UA_EV_FAILED] = {UA_LEG_GONE, end_now},
                [UA_EV_LOST] = {UA_LEG_CANCELLING, ua_out_cancel},
            },
        [UA_LEG_UP] =
            {
                [UA_EV_END] = {UA_LEG_LEAVING, end_and_bye},
                [UA_EV_BYE] = {UA_LEG_GONE, end_now},
                [UA_EV_LOST] = {UA_LEG_LEAVING, end_and_bye},
            },
        [UA_LEG_CANCEL_DUE] =
            {
                [UA_EV_PROGRESS] = {UA_LEG_CANCELLING, ua_out_cancel},
                [UA_EV_OK] = {UA_LEG_LEAVING, ua_out_late_ok},
                [UA_EV_BAD_OK] = {UA_LEG_LEAVING, ua_out_late_ok},
                [UA_EV_FAILED] = {UA_LEG_GONE, over},
            },
        [UA_LEG_CANCELLING] =
            {
                [UA_EV_PROGRESS] = {UA_LEG_CANCELLING, nothing},
                [UA_EV_OK] = {UA_LEG_LEAVING, ua_out_late_ok},
                [UA_EV_BAD_OK] = {UA_LEG_LEAVING, ua_out_late_ok},
                [UA_EV_FAILED] = {UA_LEG_GONE, over},
            },
        [UA_LEG_BYE_DUE] =
            {
                [UA_EV_ACK] = {UA_LEG_LEAVING, bye},
                [UA_EV_BAD_ACK] = {UA_LEG_LEAVING, bye},
                [UA_EV_NO_ACK] = {UA_LEG_LEAVING, bye},
                [UA_EV_LOST] = {UA_LEG_LEAVING, bye},
                [UA_EV_BYE] = {UA_LEG_GONE, over},
            },
        [UA_LEG_LEAVING] =
            {
                [UA_EV_BYE] = {UA_LEG_LEAVING, nothing},
                [UA_EV_DONE] = {UA_LEG_GONE, over},
            },
};

static const char *const state_name[UA_LEG_STATES] = {
    "new", "invited",    "alerting",   "answered", "calling", "proceeding",
    "up",  "cancel_due", "cancelling", "bye_due",  "leaving", "gone",
};
static const char *const event_name[UA_EVENTS] = {
    "invited",  "invite", "ring",   "answer",  "end",    "ack", "bad_ack", "no_ack", "cancel",
    "progress", "ok",     "bad_ok", "retried", "failed", "bye", "lost",    "done",
};

const char *ua_leg_state_name(uint8_t state) {
    return state < UA_LEG_STATES ? state_name[state] : "?";
}

/* ---- the one setter ---- */

static void set_state(struct ua_leg *leg, uint8_t state) {
    leg->state = state;
    if (state > UA_LEG_UP) {
        ua_session_stop(leg);
        ua_leg_probe_stop(leg);
    }
    if (state == UA_LEG_GONE && !leg->in_gone) {
        leg->in_gone = true;
        if (!leg->in_ended)
            TAILQ_INSERT_TAIL(&leg->ua->legs->gone, leg, end_link);
        ua_kick(leg->ua);
    }
}

int ua_leg_event(struct ua_leg *leg, enum ua_leg_event event, const struct ua_leg_input *input) {
    static const struct ua_leg_input empty;
    const struct move *move = &moves[leg->state][event];
    if (!move->action) {
        log_debug("sip", "event=leg_ignored leg=%u state=%s what=%s", leg->number, state_name[leg->state],
                  event_name[event]);
        return -EPROTO;
    }
    log_debug("sip", "event=leg leg=%u from=%s to=%s what=%s", leg->number, state_name[leg->state],
              state_name[move->next], event_name[event]);
    leg->by_us = event == UA_EV_END;
    set_state(leg, move->next);
    return move->action(leg, input ? input : &empty);
}

void ua_leg_discard(struct ua_leg *leg) {
    set_state(leg, UA_LEG_GONE);
}

/* ---- telling the end ---- */

static void forget_number(struct ua_leg *leg) {
    struct ua_legs *legs = leg->ua->legs;
    uint32_t index = slot_index(leg->number);
    if (leg->number && index < legs->size && legs->by_index[index] == leg)
        legs->by_index[index] = NULL;
    leg->number = 0;
}

int ua_leg_tell_end(struct ua_leg *leg, uint16_t status, const char *text) {
    struct ua_legs *legs = leg->ua->legs;
    if (!leg->number)
        return 0;
    leg->ended_number = leg->number;
    leg->ended_status = status;
    leg->ended_by_us = leg->by_us;
    str_copy(leg->ended_text, sizeof leg->ended_text, text);
    forget_number(leg);
    if (leg->in_gone)
        TAILQ_REMOVE(&legs->gone, leg, end_link);
    leg->in_ended = true;
    TAILQ_INSERT_TAIL(&legs->ended, leg, end_link);
    ua_kick(leg->ua);
    return 0;
}

static int nothing(struct ua_leg *leg, const struct ua_leg_input *input) {
    return 0;
}
static int over(struct ua_leg *leg, const struct ua_leg_input *input) {
    return 0;
}
static int end_now(struct ua_leg *leg, const struct ua_leg_input *input) {
    return ua_leg_tell_end(leg, input->status, input->text);
}
static int end_and_bye(struct ua_leg *leg, const struct ua_leg_input *input) {
    ua_leg_tell_end(leg, input->status, input->text);
    ua_leg_bye(leg, input->status, input->text);
    return 0;
}
static int bye(struct ua_leg *leg, const struct ua_leg_input *input) {
    ua_leg_bye(leg, 0, NULL);
    return 0;
}

/* ---- numbers ---- */

static int grow(struct ua_legs *legs, uint32_t index) {
    uint32_t size = legs->size ? legs->size : 1024;
    while (size <= index)
        size *= 2;
    if (size == legs->size)
        return 0;
    struct ua_leg **more = realloc(legs->by_index, size * sizeof *more);
    if (!more)
        return -ENOMEM;
    memset(more + legs->size, 0, (size - legs->size) * sizeof *more);
    legs->by_index = more;
    legs->size = size;
    return 0;
}

int ua_leg_set_number(struct ua_leg *leg, uint32_t number) {
    struct ua_legs *legs = leg->ua->legs;
    int error = grow(legs, slot_index(number));
    if (error)
        return error;
    leg->number = number;
    legs->by_index[slot_index(number)] = leg;
    return 0;
}

struct ua_leg *ua_leg_find(const struct ua *ua, uint32_t number) {
    const struct ua_legs *legs = ua->legs;
    uint32_t index = slot_index(number);
    struct ua_leg *leg = number && index < legs->size ? legs->by_index[index] : NULL;
    return leg && leg->number == number ? leg : NULL;
}

/* ---- life ---- */

struct ua_leg *ua_leg_new(struct ua *ua, bool incoming) {
    struct ua_leg *leg = calloc(1, sizeof *leg);
    if (!leg)
        return NULL;
    leg->ua = ua;
    leg->incoming = incoming;
    leg->sdp_id = loop_now_us();
    leg->min_expires_s = UA_MIN_EXPIRES_S;
    TAILQ_INSERT_TAIL(&ua->legs->all, leg, link);
    ua->count.legs++;
    return leg;
}

/* Never from inside one of its own callbacks. */
static void leg_free(struct ua_leg *leg) {
    struct ua *ua = leg->ua;
    forget_number(leg);
    if (leg->irq)
        nta_incoming_destroy(leg->irq);
    if (leg->invite)
        nta_outgoing_destroy(leg->invite);
    if (leg->other)
        nta_outgoing_destroy(leg->other);
    if (leg->dialog)
        nta_leg_destroy(leg->dialog);
    ua_session_stop(leg);
    ua_leg_probe_stop(leg);
    if (leg->trunk_taken)
        ua_trunk_release(ua, leg->trunk);
    TAILQ_REMOVE(&ua->legs->all, leg, link);
    ua->count.legs--;
    free(leg->route);
    free(leg->layout);
    free(leg);
}

static void free_guarded(struct ua_leg *leg) {
    struct ua_guard guard;
    if (UA_GUARD_ENTER(&guard))
        leg_free(leg);
    ua_guard_leave(&guard);
}

int ua_legs_create(struct ua *ua) {
    struct ua_legs *legs = calloc(1, sizeof *legs);
    if (!legs)
        return -ENOMEM;
    TAILQ_INIT(&legs->all);
    TAILQ_INIT(&legs->ended);
    TAILQ_INIT(&legs->gone);
    ua->legs = legs;
    return 0;
}

void ua_legs_flush(struct ua *ua) {
    struct ua_legs *legs = ua->legs;
    struct ua_leg *leg, *last = TAILQ_LAST(&legs->ended, ua_leg_list);
    /* those that end while the floor is being told wait for the next turn of the hook */
    while (last && (leg = TAILQ_FIRST(&legs->ended))) {
        TAILQ_REMOVE(&legs->ended, leg, end_link);
        leg->in_ended = false;
        if (leg->in_gone)
            TAILQ_INSERT_TAIL(&legs->gone, leg, end_link);
        ua->sink.ended(ua->sink.ctx, leg->ended_number, leg->ended_status, leg->ended_by_us, leg->ended_text);
        if (leg == last)
            break;
    }
    if (!TAILQ_EMPTY(&legs->ended))
        ua->ready = true;
    while ((leg = TAILQ_FIRST(&legs->gone))) {
        TAILQ_REMOVE(&legs->gone, leg, end_link);
        free_guarded(leg);
    }
}

void ua_legs_destroy(struct ua *ua) {
    struct ua_legs *legs = ua->legs;
    struct ua_leg *leg;
    if (!legs)
        return;
    while ((leg = TAILQ_FIRST(&legs->all)))
        leg_free(leg);
    deadlines_done(&legs->sessions);
    deadlines_done(&legs->probes);
    free(legs->by_index);
    free(legs);
    ua->legs = NULL;
}
