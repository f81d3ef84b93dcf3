/* SPDX-License-Identifier: Apache-2.0
 * Events and effects as one line of text each; names of states and results. */
#include "acd/acd_int.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define NAME_OF(names, n) ((size_t)(n) < ARRAY_LEN(names) ? (names)[n] : "?")

const char *acd_presence_name(enum acd_presence presence) {
    static const char *const names[ACD_PRESENCES] = {"logged_out", "ready", "not_ready"};
    return NAME_OF(names, presence);
}

const char *acd_activity_name(enum acd_activity activity) {
    static const char *const names[ACD_ACTIVITIES] = {[ACD_IDLE] = "idle",
                                                      [ACD_RESERVED] = "reserved",
                                                      [ACD_RINGING] = "ringing",
                                                      [ACD_TALKING] = "talking",
                                                      [ACD_HOLD] = "hold",
                                                      [ACD_WRAPUP] = "wrapup",
                                                      [ACD_BUSY_OTHER] = "busy_other",
                                                      [ACD_UNREACHABLE] = "unreachable",
                                                      [ACD_CONSULT] = "consult",
                                                      [ACD_CONFERENCE] = "conference"};
    return NAME_OF(names, activity);
}

const char *acd_offer_result_name(enum acd_offer_result result) {
    static const char *const names[ACD_OFFER_RESULTS] = {
        [ACD_OFFER_ANSWERED] = "answered",       [ACD_OFFER_NO_ANSWER] = "no_answer",
        [ACD_OFFER_REJECTED] = "rejected",       [ACD_OFFER_BUSY] = "busy",
        [ACD_OFFER_UNREACHABLE] = "unreachable", [ACD_OFFER_CALLER_GONE] = "caller_gone",
        [ACD_OFFER_LOST_RACE] = "lost_race",     [ACD_OFFER_CANCELLED] = "cancelled"};
    return NAME_OF(names, result);
}

const char *acd_visit_result_name(enum acd_visit_result result) {
    static const char *const names[ACD_VISIT_RESULTS] = {
        [ACD_VISIT_ANSWERED] = "answered",   [ACD_VISIT_ABANDONED] = "abandoned",
        [ACD_VISIT_TIMEOUT] = "timeout",     [ACD_VISIT_FULL] = "full",
        [ACD_VISIT_NO_AGENTS] = "no_agents", [ACD_VISIT_WITHDRAWN] = "withdrawn",
        [ACD_VISIT_FAILED] = "failed",       [ACD_VISIT_CLOSED] = "closed",
        [ACD_VISIT_PAUSED] = "all_paused",   [ACD_VISIT_TOO_LONG] = "wait_too_long",
        [ACD_VISIT_EMPTY] = "left_empty",    [ACD_VISIT_EXIT_KEY] = "exit_key",
        [ACD_VISIT_CALLBACK] = "callback"};
    return NAME_OF(names, result);
}

const char *acd_reason_name(const struct conf *conf, uint32_t reason) {
    if (reason == ACD_REASON_LOGIN)
        return "login";
    if (reason == ACD_REASON_MISSED)
        return "missed";
    if (reason == ACD_REASON_REJECTED)
        return "rejected";
    return reason && conf && reason <= conf->pause_reason_count ? conf->pause_reason[reason - 1] : "";
}

/* "ready/idle", "not_ready(2)/idle"; reasons of ours by name. */
static void state_text(char *text, size_t size, enum acd_presence presence, uint32_t reason,
                       enum acd_activity activity) {
    char why[24] = "";
    if (reason >= ACD_REASON_LOGIN)
        snprintf(why, sizeof why, "(%s)", acd_reason_name(NULL, reason));
    else if (reason)
        snprintf(why, sizeof why, "(%" PRIu32 ")", reason);
    snprintf(text, size, "%s%s/%s", acd_presence_name(presence), why, acd_activity_name(activity));
}

int acd_effect_text(const struct acd_effect *fx, char *text, size_t size) {
    char was[64], is[64];
    switch (fx->type) {
    case ACD_FX_OFFER:
        return snprintf(text, size, "offer %" PRIu32 " call=%" PRIu64 " queue=%" PRIu32 " agent=%" PRIu32,
                        fx->offer, fx->call, fx->queue, fx->agent);
    case ACD_FX_CANCEL:
        return snprintf(text, size, "cancel %" PRIu32 " agent=%" PRIu32 " %s", fx->offer, fx->agent,
                        acd_offer_result_name(fx->offer_result));
    case ACD_FX_CONNECT:
        return snprintf(text, size, "connect call=%" PRIu64 " agent=%" PRIu32, fx->call, fx->agent);
    case ACD_FX_OFFER_END:
        return snprintf(text, size,
                        "offer_end %" PRIu32 " call=%" PRIu64 " agent=%" PRIu32 " %s reserve=%" PRIu64
                        " ring=%" PRIu64,
                        fx->offer, fx->call, fx->agent, acd_offer_result_name(fx->offer_result),
                        fx->reserve_ms, fx->ring_ms);
    case ACD_FX_VISIT_END:
        return snprintf(text, size,
                        "visit_end call=%" PRIu64 " queue=%" PRIu32 " %s enter=%" PRIu64 " in=%" PRIu32
                        " out=%" PRIu32,
                        fx->call, fx->queue, acd_visit_result_name(fx->visit_result), fx->enter_ms,
                        fx->position_in, fx->position_out);
    case ACD_FX_AGENT:
        state_text(was, sizeof was, fx->was_presence, fx->was_reason, fx->was_activity);
        state_text(is, sizeof is, fx->presence, fx->reason, fx->activity);
        return snprintf(text, size, "agent %" PRIu32 " %s -> %s since=%" PRIu64, fx->agent, was, is,
                        fx->was_since_ms);
    case ACD_FX_WRAP_END:
        return snprintf(text, size, "wrap_end agent=%" PRIu32 " call=%" PRIu64, fx->agent, fx->call);
    case ACD_FX_ENTERED:
        return snprintf(text, size,
                        "entered call=%" PRIu64 " queue=%" PRIu32 " in=%" PRIu32 " since=%" PRIu64, fx->call,
                        fx->queue, fx->position_in, fx->since_ms);
    case ACD_FX_STEP:
        return snprintf(text, size, "step call=%" PRIu64 " queue=%" PRIu32 " step=%" PRIu32, fx->call,
                        fx->queue, fx->step);
    case ACD_FX_RESERVE:
        return snprintf(text, size, "reserve queue=%" PRIu32 " tier=%" PRIu32, fx->queue, fx->tier);
    case ACD_FX_TOLD:
        return snprintf(
            text, size, "told call=%" PRIu64 " queue=%" PRIu32 " position=%" PRIu32 " wait=%" PRId64,
            fx->call, fx->queue, fx->position_out, fx->wait_ms == NEVER ? -1 : (int64_t)fx->wait_ms);
    case ACD_FX_TYPES:
        break;
    }
    return snprintf(text, size, "?");
}

/* What an event carries besides its name. */
enum field {
    CALL = 1,
    QUEUE = 2,
    AGENT = 4,
    OFFER = 8,
    PRIORITY = 16,
    SINCE = 32,
    VISIT = 64,
    RESULT = 128,
    REASON = 256,
    READY = 512,
    MS = 1024,
    PRESENCE = 2048,
    CALLER = 4096, /* caller, preferred, excluded */
    SKILL = 8192,
    TO = 16384
};
static const struct {
    const char *name;
    unsigned fields;
} events[ACD_EV_TYPES] = {
    [ACD_EV_TICK] = {"tick", 0},
    [ACD_EV_CONFIGURE] = {"configure", 0},
    [ACD_EV_CALL_ENTER] = {"call_enter", CALL | QUEUE | PRIORITY | SINCE | CALLER},
    [ACD_EV_CALL_LEAVE] = {"call_leave", CALL | VISIT},
    [ACD_EV_LOST_PLACE] = {"lost_place", QUEUE | PRIORITY | SINCE | CALLER},
    [ACD_EV_TELL] = {"tell", CALL},
    [ACD_EV_QUEUE_CLOSE] = {"queue_close", QUEUE},
    [ACD_EV_QUEUE_OPEN] = {"queue_open", QUEUE},
    [ACD_EV_OFFER_RINGING] = {"offer_ringing", OFFER},
    [ACD_EV_OFFER_ANSWERED] = {"offer_answered", OFFER},
    [ACD_EV_OFFER_FAILED] = {"offer_failed", OFFER | RESULT},
    [ACD_EV_HOLD] = {"hold", AGENT},
    [ACD_EV_RESUME] = {"resume", AGENT},
    [ACD_EV_CONSULT] = {"consult", AGENT},
    [ACD_EV_CONFERENCE] = {"conference", AGENT},
    [ACD_EV_CONSULT_END] = {"consult_end", AGENT},
    [ACD_EV_TRANSFER] = {"transfer", AGENT | TO},
    [ACD_EV_HANDLE_END] = {"handle_end", AGENT},
    [ACD_EV_LOGIN] = {"login", AGENT | READY},
    [ACD_EV_LOGOUT] = {"logout", AGENT},
    [ACD_EV_PAUSE] = {"pause", AGENT | REASON},
    [ACD_EV_UNPAUSE] = {"unpause", AGENT},
    [ACD_EV_WRAP_DONE] = {"wrap_done", AGENT},
    [ACD_EV_WRAP_MORE] = {"wrap_more", AGENT | MS},
    [ACD_EV_DISPOSITION] = {"disposition", AGENT},
    [ACD_EV_SKILL] = {"skill", AGENT | SKILL},
    [ACD_EV_REACHABLE] = {"reachable", AGENT},
    [ACD_EV_UNREACHABLE] = {"unreachable", AGENT},
    [ACD_EV_OTHER_BEGIN] = {"other_begin", AGENT},
    [ACD_EV_OTHER_END] = {"other_end", AGENT},
    [ACD_EV_RESTORE] = {"restore", AGENT | PRESENCE | REASON | SINCE},
    [ACD_EV_RESTORE_WRAPUP] = {"restore_wrapup", CALL | QUEUE | AGENT | SINCE | MS},
};

struct line {
    char *text;
    size_t size;
    int used;
};

static void PRINTF_LIKE(2, 3) add(struct line *line, const char *format, ...) {
    va_list args;
    size_t used = (size_t)line->used;
    va_start(args, format);
    int more = vsnprintf(used < line->size ? line->text + used : NULL,
                         used < line->size ? line->size - used : 0, format, args);
    va_end(args);
    line->used += more > 0 ? more : 0;
}

int acd_event_text(const struct acd_event *event, char *text, size_t size) {
    struct line line = {text, size, 0};
    unsigned fields = (unsigned)event->type < ACD_EV_TYPES ? events[event->type].fields : 0;
    add(&line, "%" PRIu64 " %s", event->now_ms,
        (unsigned)event->type < ACD_EV_TYPES ? events[event->type].name : "?");
    if (fields & CALL)
        add(&line, " call=%" PRIu64, event->call);
    if (fields & QUEUE)
        add(&line, " queue=%" PRIu32, event->queue);
    if (fields & AGENT)
        add(&line, " agent=%" PRIu32, event->agent);
    if (fields & TO)
        add(&line, " to=%" PRIu32, event->to);
    if (fields & OFFER)
        add(&line, " offer=%" PRIu32, event->offer);
    if (fields & PRIORITY && event->priority)
        add(&line, " priority=%" PRId32, event->priority);
    if (fields & PRESENCE)
        add(&line, " %s", acd_presence_name(event->presence));
    if (fields & SINCE && event->since_ms)
        add(&line, " since=%" PRIu64, event->since_ms);
    if (fields & PRESENCE && event->idle_order_ms)
        add(&line, " idle_order=%" PRIu64, event->idle_order_ms);
    if (fields & PRESENCE && event->handles)
        add(&line, " handles=%" PRIu32, event->handles);
    if (fields & PRESENCE && event->talk_ms)
        add(&line, " talk=%" PRIu64, event->talk_ms);
    if (fields & CALLER && event->caller)
        add(&line, " caller=%" PRIu64, event->caller);
    if (fields & CALLER && event->preferred)
        add(&line, " preferred=%" PRIu32, event->preferred);
    for (int i = 0; i < ACD_EXCLUDED && fields & CALLER; i++)
        if (event->excluded[i])
            add(&line, " exclude=%" PRIu32, event->excluded[i]);
    if (fields & SKILL)
        add(&line, " skill=%" PRIu32 " level=%" PRIu32, event->skill, event->level);
    if (fields & VISIT)
        add(&line, " %s", acd_visit_result_name(event->visit_result));
    if (fields & RESULT)
        add(&line, " %s", acd_offer_result_name(event->offer_result));
    if (fields & REASON && event->reason)
        add(&line, " reason=%" PRIu32, event->reason);
    if (fields & READY && event->ready)
        add(&line, " ready");
    if (fields & MS)
        add(&line, " ms=%" PRIu32, event->ms);
    return line.used;
}
