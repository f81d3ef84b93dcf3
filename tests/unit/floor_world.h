/* SPDX-License-Identifier: Apache-2.0
 * The floor with recording fake ports, in virtual time: what the ports are told, as text. For the tests that
 * include it once, after conf_text; not all of them use all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "callfloor/floor.h"
#include "callfloor/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the fake world ---- */

static struct {
    struct floor *floor;
    struct conf *conf;
    struct ua_sink ua;
    struct media_sink media;
    struct store_sink store;
    uint64_t now_us;
    char told[4096];              /* what the ports were told since the last look */
    uint32_t legs[64], leg_count; /* outgoing INVITEs in order */
    uint32_t play_id[0x10000];    /* by leg index */
    bool database, ports_gone;
    uint32_t asked; /* lookup request */
    struct record last[RECORD_KINDS];
    struct record_offer offer[10]; /* the last of each agent, by the last digit of his id */
    int put_count[RECORD_KINDS];
    int media_open;
    struct media_stream agreed; /* what media was told last */
} w;

static void tell(const char *format, ...) PRINTF_LIKE(1, 2);
static void tell(const char *format, ...) {
    size_t at = strlen(w.told);
    va_list args;
    va_start(args, format);
    vsnprintf(w.told + at, sizeof w.told - at, format, args);
    va_end(args);
}
static const char *told(void) {
    static char text[4096];
    size_t n;
    memcpy(text, w.told, sizeof text);
    n = strlen(text);
    if (n && text[n - 1] == ' ')
        text[n - 1] = 0;
    *w.told = 0;
    return text;
}

static uint64_t now(void *ctx) {
    return w.now_us;
}
static uint64_t wall(void *ctx) {
    return 1790000000000000u + w.now_us;
}
static int ua_invite(void *ctx, uint32_t leg, const struct ua_invite *what) {
    tell("invite(%s,%s) ", what->uri + 4, what->caller_name);
    w.legs[w.leg_count++ % 64] = leg;
    return 0;
}
static int ua_ring(void *ctx, uint32_t leg) {
    tell("ring ");
    return 0;
}
static int ua_answer(void *ctx, uint32_t leg, const struct media_desc *local) {
    tell("answer ");
    return 0;
}
static void ua_end(void *ctx, uint32_t leg, enum ua_end_cause cause, const struct ua_refusal *refusal) {
    tell("end(%s%u) ",
         cause == UA_END_NORMAL   ? "normal"
         : cause == UA_END_REFUSE ? "refuse "
                                  : "elsewhere",
         refusal ? refusal->status : 0);
}
static int ua_info(void *ctx, uint32_t leg, char digit, uint32_t ms) {
    return 0;
}
static uint32_t ua_bindings(void *ctx, uint32_t agent, struct ua_binding *out, uint32_t max) {
    uint32_t count = agent == 2 ? 2 : 1; /* agent 1002 has two phones */
    for (uint32_t i = 0; i < count; i++) {
        out[i] = (struct ua_binding){.reachable = true};
        snprintf(out[i].uri, sizeof out[i].uri, "sip:%s%s", w.conf->agent[agent - 1].id, i ? "b" : "");
    }
    return count;
}
static int ua_trunk(void *ctx, uint32_t trunk, struct ua_trunk_state *out) {
    *out = (struct ua_trunk_state){.up = true};
    return 0;
}
static void ua_counters(void *ctx, struct ua_counters *out) {
    *out = (struct ua_counters){0};
}
static int m_open(void *ctx, uint32_t leg, struct media_desc *local) {
    if (w.ports_gone)
        return -EADDRINUSE;
    *local = (struct media_desc){.address = "127.0.0.1",
                                 .port = 10000,
                                 .codec_count = 2,
                                 .codec = {{MEDIA_PCMU, 0}, {MEDIA_PCMA, 8}},
                                 .dtmf_payload_type = 101,
                                 .direction = MEDIA_SENDRECV};
    w.media_open++;
    return 0;
}
static int m_set(void *ctx, uint32_t leg, const struct media_stream *agreed) {
    w.agreed = *agreed;
    return strchr(agreed->remote.address, ':') ? -EAFNOSUPPORT : 0; /* we have IPv4 only */
}
static const char *const prompt_names[] = {"",         "welcome", "menu",     "music",
                                           "greeting", "closed",  "agent-ok", "ringback"};
static uint32_t m_prompt(void *ctx, const char *name) {
    for (uint32_t i = 1; i < ARRAY_LEN(prompt_names); i++)
        if (!strcmp(prompt_names[i], name))
            return i;
    return 0;
}
static int m_play(void *ctx, uint32_t leg, const struct media_play *what) {
    tell("play(");
    for (uint32_t i = 0; i < what->count; i++)
        tell("%s%s", i ? "+" : "", prompt_names[what->prompt[i]]);
    tell("%s) ", what->loop ? "..." : "");
    w.play_id[slot_index(leg)] = what->play_id;
    return 0;
}
static void m_stop(void *ctx, uint32_t leg) {
    tell("stop ");
}
static int m_join(void *ctx, uint32_t leg, uint32_t other) {
    tell("join ");
    return 0;
}
static void m_part(void *ctx, uint32_t leg) {
    tell("part ");
}
static int m_digit(void *ctx, uint32_t leg, char digit, uint32_t ms) {
    tell("digit(%c) ", digit);
    return 0;
}
static void m_close(void *ctx, uint32_t leg) {
    w.media_open--;
}
static void m_counters(void *ctx, struct media_counters *out) {
    *out = (struct media_counters){0};
}
static int s_put(void *ctx, const struct record *row) {
    w.last[row->kind] = *row;
    if (row->kind == RECORD_OFFER)
        w.offer[row->offer.agent[3] - '0'] = row->offer;
    w.put_count[row->kind]++;
    return 0;
}
static int s_customer(void *ctx, uint32_t request, const char *number) {
    w.asked = request;
    return w.database ? 0 : -ENOTCONN;
}
static void s_state(void *ctx, struct store_state *out) {
    *out = (struct store_state){0};
}

static void conf_error(void *arg, const char *message) {
    print_message("%s\n", message);
}

/* A floor with the configuration there is, at the time it is. */
static void start_floor(void) {
    struct floor_setup how = {.conf = w.conf,
                              .ua = {NULL, ua_invite, ua_ring, ua_answer, ua_end, ua_info, ua_bindings,
                                     ua_trunk, ua_counters, NULL, NULL, NULL},
                              .media = {NULL, m_open, m_set, m_play, m_stop, m_join, m_part, m_digit, m_close,
                                        m_prompt, m_counters, NULL, NULL},
                              .store = {NULL, s_put, s_customer, s_state},
                              .clock = {NULL, now, wall},
                              .first_id = record_first_id(1, 1790000000000u),
                              .seed = 1};
    log_set_level(NULL, "error");
    assert_int_equal(floor_create(&w.floor, &how), 0);
    w.ua = floor_ua_sink(w.floor);
    w.media = floor_media_sink(w.floor);
    w.store = floor_store_sink(w.floor);
}

static void all_reachable(void) {
    for (uint32_t agent = 1; agent <= w.conf->agent_count; agent++)
        w.ua.agent_reachable(w.ua.ctx, agent, true);
    told();
}

static int setup(void **state) {
    memset(&w, 0, sizeof w);
    w.now_us = 1000000000;
    assert_int_equal(conf_parse(&w.conf, conf_text, NULL, conf_error, NULL), 0);
    start_floor();
    all_reachable();
    return 0;
}

static int teardown(void **state) {
    floor_destroy(w.floor);
    conf_free(w.conf);
    return 0;
}

static void check(void) {
    const char *wrong = floor_check(w.floor);
    if (wrong)
        fail_msg("%s", wrong);
}

static void pass_ms(uint64_t ms) {
    uint64_t until = w.now_us + ms * 1000, next;
    while ((next = floor_deadline(w.floor)) != NEVER && next * 1000 <= until) {
        if (next * 1000 > w.now_us)
            w.now_us = next * 1000;
        floor_turn(w.floor);
        check();
    }
    w.now_us = until;
    floor_turn(w.floor);
    check();
}

static const struct media_desc audio = {.address = "192.0.2.1",
                                        .port = 4000,
                                        .codec_count = 1,
                                        .codec = {{MEDIA_PCMA, 8}},
                                        .dtmf_payload_type = 101,
                                        .direction = MEDIA_SENDRECV};
static struct ua_refusal refusal;

static uint32_t call_from(const char *caller, const char *called, uint32_t agent) {
    struct ua_incoming in = {.trunk = agent ? 0 : 1,
                             .agent = agent,
                             .called = called,
                             .caller = caller,
                             .caller_name = "",
                             .call_id = "x",
                             .offer = &audio};
    memset(&refusal, 0, sizeof refusal);
    uint32_t leg = w.ua.invited(w.ua.ctx, &in, &refusal);
    floor_turn(w.floor);
    check();
    return leg;
}
static uint32_t call_in(const char *called, uint32_t agent) {
    return call_from(agent ? "1001" : "48555", called, agent);
}
static uint32_t phone(int back) { /* 0: the last one invited */
    return w.legs[(w.leg_count - 1 - (uint32_t)back) % 64];
}
static void rings(uint32_t leg) {
    w.ua.ringing(w.ua.ctx, leg, 180, NULL);
    check();
}
static void answers(uint32_t leg) {
    w.ua.answered(w.ua.ctx, leg, &audio);
    check();
}
static void ends(uint32_t leg, uint16_t status) {
    w.ua.ended(w.ua.ctx, leg, status, false, "");
    check();
}
static void login(const char *agent) {
    assert_int_equal(floor_agent_login(w.floor, agent, true, "test"), 0);
    check();
}
static enum acd_activity seen_activity[10];
static enum acd_presence seen_presence[10];
static struct stats_agent seen_stats[10];
static void see(void *arg, const struct floor_agent_view *view) {
    int i = view->id[3] - '0';
    seen_activity[i] = view->acd.activity;
    seen_presence[i] = view->acd.presence;
    seen_stats[i] = *view->today;
}
static enum acd_activity activity(int agent) {
    floor_each_agent(w.floor, see, NULL);
    return seen_activity[agent];
}
#define result_of(KIND, part) w.last[KIND].part.result

#define floor_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
