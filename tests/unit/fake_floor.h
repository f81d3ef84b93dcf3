/* SPDX-License-Identifier: Apache-2.0
 * A floor of a few fixed objects, and names of states, for tests of the front ends. Included once per test.
 */
#ifndef FAKE_FLOOR_H
#define FAKE_FLOOR_H

#include "callfloor/floor.h"

#include <stdarg.h>
#include <stdio.h>

static bool empty_floor;
static char acts[256]; /* what was commanded */
static int act_result;

static struct floor *const floor_of_tests = (struct floor *)acts;

static int act(const char *format, ...) PRINTF_LIKE(1, 2);
static int act(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(acts, sizeof acts, format, args);
    va_end(args);
    return act_result;
}
int floor_agent_login(struct floor *f, const char *agent, bool ready, const char *who) {
    return act("login %s %s by %s", agent, ready ? "ready" : "paused", who);
}
int floor_agent_logout(struct floor *f, const char *agent, const char *who) {
    return act("logout %s by %s", agent, who);
}
int floor_agent_pause(struct floor *f, const char *agent, const char *reason, const char *who) {
    return act("pause %s '%s' by %s", agent, reason, who);
}
int floor_agent_unpause(struct floor *f, const char *agent, const char *who) {
    return act("unpause %s by %s", agent, who);
}
int floor_agent_wrap_done(struct floor *f, const char *agent, const char *who) {
    return act("done %s by %s", agent, who);
}
int floor_call_hangup(struct floor *f, uint64_t call, const char *who) {
    return act("hangup %llu by %s", (unsigned long long)call, who);
}
int floor_agent_wrap_more(struct floor *f, const char *agent, uint32_t ms, const char *who) {
    return act("more %s %u by %s", agent, ms, who);
}
int floor_agent_disposition(struct floor *f, const char *agent, const char *name, const char *who) {
    return act("disposition %s '%s' by %s", agent, name, who);
}
int floor_agent_skill(struct floor *f, const char *agent, const char *skill, int level, const char *who) {
    return act("skill %s %s %d by %s", agent, skill, level, who);
}
int floor_queue_close(struct floor *f, const char *queue, const char *who) {
    return act("close %s by %s", queue, who);
}
int floor_queue_open(struct floor *f, const char *queue, const char *who) {
    return act("open %s by %s", queue, who);
}
uint32_t floor_calls(const struct floor *f) {
    return empty_floor ? 0 : 3;
}

static bool draining;
bool floor_draining(const struct floor *f) {
    return draining;
}

static const struct stats_queue sales_today = {.offered = 12,
                                               .answered = 7,
                                               .abandoned = 2,
                                               .short_abandoned = 1,
                                               .other = 1,
                                               .answered_in_time = 6,
                                               .abandoned_in_time = 1,
                                               .answered_wait_ms = 70000,
                                               .abandoned_wait_ms = 9000,
                                               .longest_wait_ms = 61000,
                                               .talk_ms = 700000,
                                               .hold_ms = 70000,
                                               .wrap_ms = 140000,
                                               .ring_ms = 35000,
                                               .handles = 7,
                                               .ends = {[ACD_VISIT_FULL] = 1},
                                               .resumed = 2,
                                               .steps = 3,
                                               .reserves = 4};
static const struct stats_queue nothing_q;
static const struct stats_agent nothing_a;
static const struct stats_agent anna_today = {.offers = 8,
                                              .answered = 7,
                                              .missed = 1,
                                              .handles = 7,
                                              .ring_ms = 35000,
                                              .talk_ms = 700000,
                                              .hold_ms = 70000,
                                              .wrap_ms = 140000,
                                              .logged_in_ms = 4245000,
                                              .idle_ms = 3000000,
                                              .pause_ms = 300000,
                                              .pauses = 2};

static const struct floor_call_view fake_calls[] = {
    {.number = 1,
     .id = 900000000000000001,
     .state = "talking",
     .caller = "+48123",
     .caller_name = "Jan \xc5\xbb",
     .called = "3000",
     .trunk = "carrier",
     .queue = "sales",
     .agent = "1001",
     .menu_path = "main:1",
     .age_ms = 3725000,
     .state_ms = 65000,
     .customer_new = true,
     .customer_id = 42},
    {.number = 9,
     .id = 900009,
     .state = "queued",
     .caller = "+48\x1b[2J",
     .caller_name = "bad\xff\xc0\xaf",
     .called = "3000",
     .trunk = "carrier",
     .queue = "sales",
     .agent = "",
     .menu_path = "main:1",
     .position = 1,
     .age_ms = 61000,
     .state_ms = 60999},
    {.number = 12,
     .id = 900012,
     .state = "menu",
     .caller = "anonymous",
     .caller_name = "",
     .called = "3001",
     .trunk = "carrier",
     .queue = "",
     .agent = "",
     .menu_path = "main",
     .age_ms = 4000,
     .state_ms = 4000},
};
void floor_each_call(const struct floor *f, void (*fn)(void *, const struct floor_call_view *), void *arg) {
    for (size_t i = 0; i < ARRAY_LEN(fake_calls) && !empty_floor; i++)
        fn(arg, &fake_calls[i]);
}
void floor_each_queue(const struct floor *f, void (*fn)(void *, const struct floor_queue_view *), void *arg) {
    static const struct floor_queue_view queues[] = {
        {"sales",
         {.waiting = 2,
          .offered = 1,
          .agents = 3,
          .logged_in = 2,
          .talking = 1,
          .not_ready = 1,
          .oldest_ms = 1000,
          .tier = 2,
          .wait_ms = 95000,
          .told = 40,
          .told_wrong = 7,
          .telling = true},
         61000,
         &sales_today,
         20000},
        {"support",
         {.agents = 1, .oldest_ms = NEVER, .tier = 1, .closed = true, .wait_ms = NEVER},
         0,
         &nothing_q,
         30000},
    };
    for (size_t i = 0; i < ARRAY_LEN(queues) && !empty_floor; i++)
        fn(arg, &queues[i]);
}
void floor_each_agent(const struct floor *f, void (*fn)(void *, const struct floor_agent_view *), void *arg) {
    static const struct floor_agent_view agents[] = {
        {"1001",
         "Anna",
         "",
         "sales",
         "sold",
         {.presence = ACD_READY,
          .activity = ACD_TALKING,
          .pending = true,
          .pending_presence = ACD_NOT_READY,
          .pending_reason = 1,
          .extensions = 2,
          .handles = 7,
          .talk_ms = 700000},
         65000,
         0,
         65000,
         1,
         2,
         1,
         &anna_today},
        {"1002",
         "Bo",
         "lunch",
         "",
         "",
         {.presence = ACD_NOT_READY, .activity = ACD_IDLE},
         600000,
         0,
         600000,
         0,
         1,
         1,
         &nothing_a},
        {"1003",
         "Cy",
         "",
         "",
         "",
         {.presence = ACD_LOGGED_OUT, .activity = ACD_UNREACHABLE, .want_disposition = true},
         90000000,
         0,
         90000000,
         0,
         0,
         0,
         &nothing_a},
    };
    for (size_t i = 0; i < ARRAY_LEN(agents) && !empty_floor; i++)
        fn(arg, &agents[i]);
}
static const struct floor_waiting_view waiting_calls[] = {
    {9,
     900009,
     "sales",
     "+48\x1b[2J",
     "bad\xff",
     1,
     61000,
     161000,
     45000,
     1,
     "english >= 2",
     "",
     true,
     {[ACD_WHY_BUSY] = 2, [ACD_WHY_PAUSED] = 1, [ACD_WHY_LOGGED_OUT] = 3}},
    {10, 900010, "sales", "", "", 2, 4000, 4000, NEVER, 0, "", "1002 1003", true, {[ACD_WHY_RINGS] = 2}},
    {11, 900011, "support", "+481", "", 1, 3000, 3000, 1, 0, "", "", false, {0}},
};
void floor_each_waiting(const struct floor *f, const char *queue,
                        void (*fn)(void *, const struct floor_waiting_view *), void *arg) {
    for (size_t i = 0; i < ARRAY_LEN(waiting_calls) && !empty_floor; i++)
        if (!queue || !strcmp(queue, waiting_calls[i].queue))
            fn(arg, &waiting_calls[i]);
}

/* 9 waits, 1 talks, 5 is over, 6 is forgotten, 4 was of an earlier run. */
int floor_call_explain(const struct floor *f, uint64_t call, const struct floor_story_sink *sink) {
    static const struct floor_decision_view decisions[] = {
        {7, 1790000000123456, "enter queue=sales position=1"},
        {9, 1790000061999000, "offer agent=1001 strategy=longest_idle able=1"}};
    static const struct floor_candidate_view agents[] = {
        {"1001", "Anna", ACD_WHY_BUSY, 1, ACD_READY, ACD_TALKING, 65000, 1},
        {"1002", "Bo", ACD_WHY_PAUSED, 2, ACD_NOT_READY, ACD_IDLE, 600000, 0}};
    const struct floor_call_view *view = call == 9 ? &fake_calls[1] : call == 1 ? &fake_calls[0] : NULL;
    if (call > 100)
        return -2;
    struct floor_story story = {
        call == 4 ? 0 : call,      900000 + call, view, call == 9 ? &waiting_calls[0] : NULL,
        view || call == 5 ? 2 : 0, call == 5};
    sink->begin(sink->arg, &story);
    for (uint32_t i = 0; i < story.decisions; i++)
        sink->decision(sink->arg, &decisions[i]);
    for (size_t i = 0; i < ARRAY_LEN(agents) && story.waits; i++)
        sink->agent(sink->arg, &agents[i]);
    return 0;
}

void floor_each_trunk(const struct floor *f, void (*fn)(void *, const struct floor_trunk_view *), void *arg) {
    static const struct floor_trunk_view trunks[] = {
        {"carrier", {.up = true, .probed = true, .calls = 3, .rtt_ms = 14}, 7200000},
        {"backup", {.up = false, .probed = true, .registering = true, .last_error = "408 timeout"}, 5000},
        {"pbx", {.up = true}, 7200000},
    };
    for (size_t i = 0; i < ARRAY_LEN(trunks) && !empty_floor; i++)
        fn(arg, &trunks[i]);
}
void floor_each_registration(const struct floor *f,
                             void (*fn)(void *, const struct floor_registration_view *), void *arg) {
    static const struct floor_registration_view regs[] = {
        {"1001",
         {.uri = "sip:1001@192.0.2.5:5062",
          .agent_name = "baresip",
          .source = "192.0.2.5:5062",
          .reachable = true},
         59000},
        {"1002", {.uri = "sip:1002@192.0.2.9", .source = "", .fixed = true}, NEVER},
    };
    for (size_t i = 0; i < ARRAY_LEN(regs) && !empty_floor; i++)
        fn(arg, &regs[i]);
}
const char *floor_repair_name(enum floor_repair kind) {
    return kind == FLOOR_REPAIR_LEG_LOST ? "leg_lost" : "another";
}
const char *floor_repair_found(enum floor_repair kind) {
    return "SIP does not have the leg";
}
const char *floor_repair_done(enum floor_repair kind) {
    return "taken as ended";
}
void floor_counters(const struct floor *f, struct floor_counters *out) {
    *out = (struct floor_counters){.calls = 3,
                                   .repairs = {[FLOOR_REPAIR_LEG_LOST] = 2, [FLOOR_REPAIR_JOINED] = 1},
                                   .reconcile_passes = 77,
                                   .dead_total = 4,
                                   .waiting = 2,
                                   .uptime_ms = 3600000,
                                   .store = {.configured = true, .written = 55, .last_error = "gone\naway"},
                                   .ua = {.legs = 5}};
}
const char *acd_presence_name(enum acd_presence p) {
    return (const char *[]){"logged_out", "ready", "not_ready"}[p];
}
const char *acd_activity_name(enum acd_activity a) {
    static const char *const names[ACD_ACTIVITIES] = {[ACD_IDLE] = "idle",
                                                      [ACD_RESERVED] = "reserved",
                                                      [ACD_RINGING] = "ringing",
                                                      [ACD_TALKING] = "talking",
                                                      [ACD_HOLD] = "hold",
                                                      [ACD_CONSULT] = "consult",
                                                      [ACD_CONFERENCE] = "conference",
                                                      [ACD_WRAPUP] = "wrapup",
                                                      [ACD_BUSY_OTHER] = "busy_other",
                                                      [ACD_UNREACHABLE] = "unreachable"};
    return names[a];
}
const char *acd_why_not_name(enum acd_why_not why) {
    return (const char *[]){"able",       "rings",  "other_queue", "tier", "skill",  "excluded", "preferred",
                            "logged_out", "paused", "unreachable", "busy", "wrapup", "delay"}[why];
}
const char *acd_reason_name(const struct conf *c, uint32_t reason) {
    return reason && reason <= c->pause_reason_count ? c->pause_reason[reason - 1] : "";
}

#endif
