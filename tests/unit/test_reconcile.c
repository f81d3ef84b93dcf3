/* LIBS: floor call acd ivr stats conf base */
/* SPDX-License-Identifier: Apache-2.0
 * The reconciler: each discrepancy is made by hand, behind the floor's back, and must be repaired within two
 * passes, after which everything fits and nothing more is found. Fake SIP and media that know what they have.
 */
#include "callfloor/floor.h"
#include "callfloor/log.h"
#include "floor/internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LEGS = 64, PASS_MS = 5000 };

/* ---- the fake world: SIP and media as tables ---- */

static struct {
    struct floor *floor;
    struct conf *conf;
    struct ua_sink ua;
    struct media_sink media;
    struct store_sink store;
    uint64_t now_us;
    struct {
        uint32_t id;
        enum ua_dialog dialog;
        bool ending;
    } sip[LEGS];
    struct {
        uint32_t id, joined;
        bool playing, expects;
        uint64_t heard_us;
    } rtp[LEGS];
    uint32_t phone; /* invited last */
    bool unreachable[3];
    bool deaf;        /* SIP forgets what it is told to end */
    bool no_join;     /* media forgets to join */
    bool slow_lookup; /* the database never answers */
    uint32_t probes, asked, ends;
    struct record last[RECORD_KINDS];
    uint32_t logged;
    char log[400];
} w;

static uint32_t at(uint32_t leg) {
    assert_true(slot_index(leg) < LEGS);
    return slot_index(leg);
}
static uint64_t now(void *ctx) {
    return w.now_us;
}
static uint64_t wall(void *ctx) {
    return 1790000000000000u + w.now_us;
}

static int ua_invite(void *ctx, uint32_t leg, const struct ua_invite *what) {
    w.sip[at(leg)].id = leg;
    w.sip[at(leg)].dialog = UA_DIALOG_EARLY;
    w.phone = leg;
    return 0;
}
static int ua_ring(void *ctx, uint32_t leg) {
    return 0;
}
static int ua_answer(void *ctx, uint32_t leg, const struct media_desc *local) {
    w.sip[at(leg)].dialog = UA_DIALOG_UP;
    return 0;
}
static void ua_end(void *ctx, uint32_t leg, enum ua_end_cause cause, const struct ua_refusal *refusal) {
    w.ends++;
    if (!w.deaf && w.sip[at(leg)].id == leg)
        w.sip[at(leg)].ending = true;
}
static int ua_info(void *ctx, uint32_t leg, char digit, uint32_t ms) {
    return 0;
}
static uint32_t ua_bindings(void *ctx, uint32_t agent, struct ua_binding *out, uint32_t max) {
    *out = (struct ua_binding){.reachable = !w.unreachable[agent]};
    snprintf(out->uri, sizeof out->uri, "sip:%u", agent);
    return 1;
}
static int ua_trunk(void *ctx, uint32_t trunk, struct ua_trunk_state *out) {
    *out = (struct ua_trunk_state){.up = true};
    return 0;
}
static void ua_counters(void *ctx, struct ua_counters *out) {
    *out = (struct ua_counters){0};
}
static int ua_probe(void *ctx, uint32_t leg) {
    w.probes++;
    w.asked = leg;
    return 0;
}
static enum ua_dialog ua_dialog(void *ctx, uint32_t leg) {
    return w.sip[at(leg)].id == leg ? w.sip[at(leg)].dialog : UA_DIALOG_NONE;
}
static uint32_t ua_next_leg(void *ctx, uint32_t *cursor) {
    while (*cursor < LEGS)
        if (w.sip[(*cursor)++].id)
            return w.sip[*cursor - 1].id;
    return 0;
}
static int m_open(void *ctx, uint32_t leg, struct media_desc *local) {
    *local = (struct media_desc){.address = "127.0.0.1",
                                 .port = 10000,
                                 .codec_count = 2,
                                 .codec = {{MEDIA_PCMU, 0}, {MEDIA_PCMA, 8}},
                                 .direction = MEDIA_SENDRECV};
    memset(&w.rtp[at(leg)], 0, sizeof w.rtp[0]);
    w.rtp[at(leg)].id = leg;
    w.rtp[at(leg)].expects = true;
    w.rtp[at(leg)].heard_us = NEVER; /* all the time */
    return 0;
}
static int m_set(void *ctx, uint32_t leg, const struct media_stream *agreed) {
    return 0;
}
static uint32_t m_prompt(void *ctx, const char *name) {
    return 1;
}
static int m_play(void *ctx, uint32_t leg, const struct media_play *what) {
    w.rtp[at(leg)].playing = true;
    return 0;
}
static void m_stop(void *ctx, uint32_t leg) {
    w.rtp[at(leg)].playing = false;
}
static void m_part(void *ctx, uint32_t leg) {
    if (w.rtp[at(leg)].joined)
        w.rtp[at(w.rtp[at(leg)].joined)].joined = 0;
    w.rtp[at(leg)].joined = 0;
}
static int m_join(void *ctx, uint32_t leg, uint32_t other) {
    if (w.no_join)
        return 0;
    m_part(ctx, leg);
    m_part(ctx, other);
    w.rtp[at(leg)].joined = other;
    w.rtp[at(other)].joined = leg;
    w.rtp[at(leg)].playing = w.rtp[at(other)].playing = false;
    return 0;
}
static int m_digit(void *ctx, uint32_t leg, char digit, uint32_t ms) {
    return 0;
}
static void m_close(void *ctx, uint32_t leg) {
    if (w.rtp[at(leg)].id != leg)
        return;
    m_part(ctx, leg);
    w.rtp[at(leg)].id = 0;
}
static void m_counters(void *ctx, struct media_counters *out) {
    *out = (struct media_counters){0};
}
static int m_leg(void *ctx, uint32_t leg, struct media_leg *out) {
    if (w.rtp[at(leg)].id != leg)
        return -ENOENT;
    uint64_t heard_us = w.rtp[at(leg)].heard_us;
    *out = (struct media_leg){.joined = w.rtp[at(leg)].joined,
                              .playing = w.rtp[at(leg)].playing,
                              .expects = w.rtp[at(leg)].expects,
                              .unheard_ms = heard_us == NEVER ? 0 : (uint32_t)((w.now_us - heard_us) / 1000)};
    return 0;
}
static uint32_t m_next_leg(void *ctx, uint32_t *cursor) {
    while (*cursor < LEGS)
        if (w.rtp[(*cursor)++].id)
            return w.rtp[*cursor - 1].id;
    return 0;
}
static int s_put(void *ctx, const struct record *row) {
    w.last[row->kind] = *row;
    return 0;
}
static int s_customer(void *ctx, uint32_t request, const char *number) {
    return w.slow_lookup ? 0 : -ENOTCONN;
}
static void s_state(void *ctx, struct store_state *out) {
    *out = (struct store_state){0};
}
static void on_log(void *arg, const char *line) {
    if (!strstr(line, "event=repaired"))
        return;
    w.logged++;
    str_copy(w.log, sizeof w.log, line);
}

static const char conf_text[] =
    "general = { state_dir = \"/tmp\"; prompts_dir = \"/tmp\"; };\n"
    "rtp = { timeout_ms = 20000; };\n"
    "trunks = ( { name = \"carrier\"; peers = ( { address = \"192.0.2.1\"; } ); } );\n"
    "queues = ( { name = \"sales\"; wrapup_ms = 20000; ring_ms = 600000; music = \"music\"; },\n"
    "           { name = \"other\"; wrapup_ms = 0; } );\n"
    "menus = ( { name = \"main\"; prompt = \"menu\"; choices = ( { digit = \"1\"; target = \"queue:sales\"; "
    "} );\n"
    "            } );\n"
    "numbers = ( { number = \"100\"; target = \"menu:main\"; }, { number = \"200\"; target = "
    "\"queue:sales\"; },\n"
    "            { number = \"300\"; target = \"agent:1001\"; }, { number = \"500\"; target = \"play:menu\"; "
    "} );\n"
    "agents = ( { id = \"1001\"; password = \"a secret\"; queues = [ \"sales\" ]; },\n"
    "           { id = \"1002\"; password = \"a secret\"; queues = [ \"other\" ]; } );\n";

static void conf_error(void *arg, const char *message) {
    print_message("%s\n", message);
}

static int setup(void **state) {
    memset(&w, 0, sizeof w);
    w.now_us = 1000000000;
    assert_int_equal(conf_parse(&w.conf, conf_text, NULL, conf_error, NULL), 0);
    struct floor_setup how = {.conf = w.conf,
                              .ua = {NULL, ua_invite, ua_ring, ua_answer, ua_end, ua_info, ua_bindings,
                                     ua_trunk, ua_counters, ua_probe, ua_dialog, ua_next_leg},
                              .media = {NULL, m_open, m_set, m_play, m_stop, m_join, m_part, m_digit, m_close,
                                        m_prompt, m_counters, m_leg, m_next_leg},
                              .store = {NULL, s_put, s_customer, s_state},
                              .clock = {NULL, now, wall},
                              .first_id = record_first_id(1, 1790000000000u),
                              .seed = 1};
    log_set_level(NULL, "warn");
    log_to(on_log, NULL);
    assert_int_equal(floor_create(&w.floor, &how), 0);
    w.ua = floor_ua_sink(w.floor);
    w.media = floor_media_sink(w.floor);
    w.store = floor_store_sink(w.floor);
    w.ua.agent_reachable(w.ua.ctx, 1, true);
    w.ua.agent_reachable(w.ua.ctx, 2, true);
    floor_turn(w.floor);
    return 0;
}

static int teardown(void **state) {
    floor_destroy(w.floor);
    conf_free(w.conf);
    log_to(NULL, NULL);
    return 0;
}

/* ---- what happens ---- */

static uint64_t repairs(void) {
    struct floor_counters c;
    uint64_t sum = 0;
    floor_counters(w.floor, &c);
    for (int kind = 0; kind < FLOOR_REPAIRS; kind++)
        sum += c.repairs[kind];
    return sum;
}
static uint64_t repaired(enum floor_repair kind) {
    struct floor_counters c;
    floor_counters(w.floor, &c);
    return c.repairs[kind];
}

static void deliver_ends(void) {
    for (uint32_t i = 0; i < LEGS; i++)
        if (w.sip[i].id && w.sip[i].ending) {
            uint32_t id = w.sip[i].id;
            memset(&w.sip[i], 0, sizeof w.sip[i]);
            w.ua.ended(w.ua.ctx, id, 0, true, "");
        }
}

/* Time passes as in the daemon: a turn each second and at deadlines; SIP answers what it is told. */
static void pass_ms(uint64_t ms) {
    uint64_t end_us = w.now_us + ms * 1000;
    while (w.now_us < end_us) {
        uint64_t next_ms = floor_deadline(w.floor), tick_us = w.now_us + 100000;
        if (next_ms != NEVER && next_ms * 1000 < tick_us && next_ms * 1000 > w.now_us)
            tick_us = next_ms * 1000;
        w.now_us = tick_us;
        floor_turn(w.floor);
        deliver_ends();
        floor_turn(w.floor);
    }
}

static const struct media_desc audio = {.address = "192.0.2.1",
                                        .port = 4000,
                                        .codec_count = 1,
                                        .codec = {{MEDIA_PCMA, 8}},
                                        .direction = MEDIA_SENDRECV};

static uint32_t call_in(const char *called, uint32_t agent) {
    static struct ua_refusal refusal;
    struct ua_incoming in = {.trunk = agent ? 0 : 1,
                             .agent = agent,
                             .called = called,
                             .caller = agent ? "1002" : "48555",
                             .caller_name = "",
                             .call_id = "x",
                             .offer = &audio};
    uint32_t leg = w.ua.invited(w.ua.ctx, &in, &refusal);
    assert_true(leg != 0);
    w.sip[at(leg)].id = leg;
    w.sip[at(leg)].dialog = UA_DIALOG_EARLY;
    floor_turn(w.floor);
    return leg;
}
static void phone_answers(void) {
    w.sip[at(w.phone)].dialog = UA_DIALOG_UP;
    w.ua.answered(w.ua.ctx, w.phone, &audio);
    floor_turn(w.floor);
}
static uint32_t talk(void) {
    if (w.floor)
        (void)floor_agent_login(w.floor, "1001", true, "test");
    uint32_t leg = call_in("200", 0);
    phone_answers();
    assert_int_equal(w.floor->first_call->progress.state, CALL_TALKING);
    return leg;
}
static void sip_forgets(uint32_t leg) {
    memset(&w.sip[at(leg)], 0, sizeof w.sip[0]);
}
static struct acd_agent_view agent(uint32_t number) {
    struct acd_agent_view view;
    assert_int_equal(acd_agent_view(w.floor->acd, number, &view), 0);
    return view;
}
/* The distributor hears of something and nobody carries out what it wants. */
static void behind_the_back(struct acd_event event) {
    struct acd_effects lost = {0};
    event.now_ms = w.now_us / 1000;
    assert_int_equal(acd_step(w.floor->acd, &event, &lost), 0);
    free(lost.item);
}

/* Nothing is wrong any more, and nothing more is found. */
static void all_is_well(void) {
    uint64_t so_far = repairs();
    const char *wrong = floor_check(w.floor);
    if (wrong)
        fail_msg("%s", wrong);
    pass_ms(6 * PASS_MS);
    if (repairs() != so_far)
        fail_msg("repaired again: %s", w.log);
    if ((wrong = floor_check(w.floor)))
        fail_msg("%s", wrong);
}
/* What was broken is repaired, and not before it was seen twice; `logged` names it. */
static void is_repaired(enum floor_repair kind, const char *logged) {
    uint64_t before = repaired(kind), all = repairs();
    assert_int_equal(before, 0);
    pass_ms(PASS_MS - 200);
    assert_int_equal(repaired(kind), before); /* seen once at most */
    pass_ms(PASS_MS + 1000);
    if (repaired(kind) != before + 1)
        fail_msg("%s: repaired %u times; last: %s", floor_repair_name(kind), (unsigned)repaired(kind), w.log);
    assert_int_equal(w.logged, repairs());
    assert_true(repairs() > all);
    if (!strstr(w.log, logged) && repairs() == all + 1)
        fail_msg("logged: %s", w.log);
    all_is_well();
}

/* ---- legs ---- */

static void test_nothing_is_found_in_ordinary_life(void **state) {
    struct floor_counters c;
    uint32_t leg = talk();
    call_in("100", 0);
    call_in("200", 0);
    call_in("500", 0);
    call_in("1001", 2);
    pass_ms(20 * PASS_MS);
    assert_int_equal(repairs(), 0);
    w.ua.ended(w.ua.ctx, leg, 0, false, "");
    sip_forgets(leg);
    pass_ms(20 * PASS_MS);
    assert_int_equal(repairs(), 0);
    floor_counters(w.floor, &c);
    assert_in_range(c.reconcile_passes, 36, 41);
}

static void test_a_leg_that_sip_lost(void **state) {
    uint32_t leg = call_in("200", 0);
    sip_forgets(leg);
    is_repaired(FLOOR_REPAIR_LEG_LOST, "what=leg_lost leg=");
    assert_int_equal(floor_calls(w.floor), 0);
    assert_string_equal(w.last[RECORD_CONTACT].contact.result, "failed");
    assert_string_equal(w.last[RECORD_CONTACT].contact.ended_by, "system");
}

static void test_the_agents_leg_that_sip_lost(void **state) {
    talk();
    sip_forgets(w.phone);
    pass_ms(1000);
    assert_int_equal(agent(1).activity, ACD_TALKING);
    is_repaired(FLOOR_REPAIR_LEG_LOST, "what=leg_lost leg=");
    assert_int_equal(floor_calls(w.floor), 0);
    assert_int_equal(agent(1).activity, ACD_IDLE); /* after a wrap-up */
    assert_string_equal(w.last[RECORD_CONTACT].contact.result, "handled");
    assert_true(w.last[RECORD_HANDLE].handle.wrap_end_us != 0);
}

static void test_what_is_on_its_way_is_no_discrepancy(void **state) {
    uint32_t leg = call_in("200", 0);
    for (int i = 0; i < 20; i++) { /* wrong in each second pass, never in two running */
        enum ua_dialog was = w.sip[at(leg)].dialog;
        w.sip[at(leg)].dialog = UA_DIALOG_EARLY;
        pass_ms(PASS_MS);
        w.sip[at(leg)].dialog = was;
        pass_ms(PASS_MS);
    }
    assert_int_equal(repairs(), 0);
}

static void test_an_end_that_sip_did_not_hear(void **state) {
    uint32_t leg = call_in("200", 0);
    w.deaf = true;
    assert_int_equal(floor_call_hangup(w.floor, 1, "test"), 0);
    w.deaf = false;
    assert_int_equal(w.sip[at(leg)].id, leg);
    is_repaired(FLOOR_REPAIR_LEG_NOT_ENDED, "what=leg_not_ended leg=");
    assert_int_equal(floor_calls(w.floor), 0);
    assert_int_equal(w.sip[at(leg)].id, 0);
}

static void test_a_leg_that_does_not_end(void **state) {
    call_in("200", 0);
    w.deaf = true;
    floor_call_hangup(w.floor, 1, "test");
    pass_ms(60000);
    assert_int_equal(w.floor->leg_count, 1);
    assert_true(repaired(FLOOR_REPAIR_LEG_NOT_ENDED) > 1); /* tried again and again */
    pass_ms(20000);
    assert_int_equal(repaired(FLOOR_REPAIR_LEG_STUCK), 1);
    assert_int_equal(floor_calls(w.floor), 0);
    w.deaf = false;
    pass_ms(2 * PASS_MS + 1000); /* SIP has it still: now as a leak */
    assert_true(repaired(FLOOR_REPAIR_SIP_LEAK) >= 1);
    all_is_well();
}

static void test_a_phone_that_rings_for_nobody(void **state) {
    floor_agent_login(w.floor, "1001", true, "test");
    call_in("200", 0);
    uint32_t first = w.phone;
    assert_int_equal(agent(1).activity, ACD_RESERVED);
    w.ua.ringing(w.ua.ctx, w.phone, 180, NULL);
    w.floor->desk[0].phone_count = 0;
    is_repaired(FLOOR_REPAIR_LEG_UNOWNED, "");
    assert_int_equal(repaired(FLOOR_REPAIR_OFFER_LOST), 1);
    assert_int_equal(w.sip[at(first)].id == first, 0);
    assert_true(w.phone != first); /* was rung again */
}

static void test_an_answer_that_was_not_heard(void **state) {
    floor_agent_login(w.floor, "1001", true, "test");
    call_in("200", 0);
    w.ua.ringing(w.ua.ctx, w.phone, 180, NULL);
    w.sip[at(w.phone)].dialog = UA_DIALOG_UP; /* the floor is not told */
    is_repaired(FLOOR_REPAIR_LEG_DIFFERS, "what=leg_differs");
}

static void test_leaks(void **state) {
    struct media_desc local;
    w.sip[40].id = 40;
    w.sip[40].dialog = UA_DIALOG_UP;
    is_repaired(FLOOR_REPAIR_SIP_LEAK, "what=sip_leak leg=40");
    assert_int_equal(w.sip[40].id, 0);
    m_open(NULL, 41, &local);
    is_repaired(FLOOR_REPAIR_MEDIA_LEAK, "what=media_leak leg=41");
    assert_int_equal(w.rtp[41].id, 0);
}

/* ---- media ---- */

static void test_media_that_is_gone(void **state) {
    uint32_t leg = talk();
    w.rtp[at(leg)].id = 0;
    is_repaired(FLOOR_REPAIR_MEDIA_LOST, "");
    assert_int_equal(floor_calls(w.floor), 0);
    assert_string_equal(w.last[RECORD_CONTACT].contact.ended_by, "system");
}

static void test_media_of_one_of_several_phones_is_gone(void **state) {
    floor_agent_login(w.floor, "1001", true, "test");
    call_in("200", 0);
    w.ua.ringing(w.ua.ctx, w.phone, 180, NULL);
    w.rtp[at(w.phone)].id = 0;
    is_repaired(FLOOR_REPAIR_MEDIA_LOST, "what=media_lost leg=");
    assert_int_equal(floor_calls(w.floor), 1);
}

static void test_a_talk_without_sound(void **state) {
    w.no_join = true;
    uint32_t leg = talk();
    w.no_join = false;
    is_repaired(FLOOR_REPAIR_NOT_JOINED, "what=not_joined leg=");
    assert_int_equal(w.rtp[at(leg)].joined, w.phone);
    assert_int_equal(agent(1).activity, ACD_TALKING);
}

static void test_a_caller_who_hears_what_he_should_not(void **state) {
    uint32_t leg = talk(), waiting = call_in("200", 0);
    m_join(NULL, waiting, w.phone); /* instead of who talks to the agent */
    pass_ms(2 * PASS_MS + 1000);
    assert_int_equal(repaired(FLOOR_REPAIR_NOT_JOINED), 1); /* which parts the wrong one */
    assert_int_equal(w.rtp[at(waiting)].joined, 0);
    assert_int_equal(w.rtp[at(leg)].joined, w.phone);
    all_is_well();
    assert_int_equal(repaired(FLOOR_REPAIR_JOINED), 0);
    uint32_t another = call_in("200", 0); /* two who wait hear each other */
    m_join(NULL, waiting, another);
    is_repaired(FLOOR_REPAIR_JOINED, "what=joined leg=");
    assert_int_equal(w.rtp[at(another)].joined, 0);
}

/* ---- agents ---- */

static void test_an_offer_nobody_rings_for(void **state) {
    floor_agent_login(w.floor, "1001", true, "test");
    behind_the_back((struct acd_event){.type = ACD_EV_CALL_ENTER, .call = 4711, .queue = 1});
    assert_int_equal(agent(1).activity, ACD_RESERVED);
    behind_the_back((struct acd_event){.type = ACD_EV_OFFER_RINGING, .offer = agent(1).offer});
    is_repaired(FLOOR_REPAIR_CALL_GHOST, "");
    assert_int_equal(repaired(FLOOR_REPAIR_OFFER_LOST), 1);
    assert_int_equal(agent(1).activity, ACD_IDLE);
    assert_int_equal(acd_waiting(w.floor->acd), 0);
}

static void test_a_talk_that_is_not_there(void **state) {
    talk();
    w.floor->desk[0].call_id = 4711;
    is_repaired(FLOOR_REPAIR_TALK_LOST, "");
    assert_int_equal(repaired(FLOOR_REPAIR_CALL_NO_AGENT), 1);
    assert_int_equal(floor_calls(w.floor), 0);
    assert_int_equal(agent(1).activity, ACD_IDLE);
    assert_string_equal(w.last[RECORD_HANDLE].handle.ended_by, "system");
}

static void test_a_talk_the_distributor_does_not_know(void **state) {
    talk();
    behind_the_back((struct acd_event){.type = ACD_EV_HANDLE_END, .agent = 1});
    is_repaired(FLOOR_REPAIR_DESK_BUSY, "what=desk_busy agent=1001");
    assert_int_equal(floor_calls(w.floor), 0);
    assert_int_equal(agent(1).activity, ACD_IDLE);
    assert_string_equal(w.last[RECORD_HANDLE].handle.ended_by, "system");
}

static void test_phones_that_ring_without_an_offer(void **state) {
    floor_agent_login(w.floor, "1001", true, "test");
    call_in("200", 0);
    uint32_t first = w.phone;
    behind_the_back((struct acd_event){.type = ACD_EV_PAUSE, .agent = 1}); /* or it would be offered again */
    behind_the_back((struct acd_event){
        .type = ACD_EV_OFFER_FAILED, .offer = agent(1).offer, .offer_result = ACD_OFFER_BUSY});
    assert_int_equal(agent(1).presence, ACD_NOT_READY);
    is_repaired(FLOOR_REPAIR_DESK_BUSY, "what=desk_busy agent=1001");
    assert_int_equal(w.floor->desk[0].offer, 0);
    assert_int_equal(w.sip[at(first)].id == first, 0);
    assert_int_equal(floor_calls(w.floor), 1); /* the caller waits on */
    floor_agent_unpause(w.floor, "1001", "test");
    phone_answers();
    assert_int_equal(agent(1).activity, ACD_TALKING);
}

static void test_reachability(void **state) {
    floor_agent_login(w.floor, "1001", true, "test");
    w.unreachable[1] = true;
    is_repaired(FLOOR_REPAIR_UNREACHABLE, "what=unreachable agent=1001");
    assert_int_equal(agent(1).activity, ACD_UNREACHABLE);
    w.unreachable[1] = false;
    is_repaired(FLOOR_REPAIR_REACHABLE, "what=reachable agent=1001");
    assert_int_equal(agent(1).activity, ACD_IDLE);
}

static void test_calls_of_ones_own(void **state) {
    behind_the_back((struct acd_event){.type = ACD_EV_OTHER_BEGIN, .agent = 2});
    is_repaired(FLOOR_REPAIR_OTHER_LOST, "what=other_call_lost agent=1002");
    assert_int_equal(agent(2).activity, ACD_IDLE);
    uint32_t leg = call_in("200", 2);
    assert_int_equal(agent(2).activity, ACD_BUSY_OTHER);
    behind_the_back((struct acd_event){.type = ACD_EV_OTHER_END, .agent = 2});
    is_repaired(FLOOR_REPAIR_OTHER_UNKNOWN, "what=other_call_unknown agent=1002");
    assert_int_equal(agent(2).activity, ACD_BUSY_OTHER);
    w.ua.ended(w.ua.ctx, leg, 0, false, "");
    sip_forgets(leg);
    all_is_well();
    assert_int_equal(agent(2).activity, ACD_IDLE);
}

static void test_a_direct_call_the_distributor_does_not_count(void **state) {
    call_in("300", 0);
    phone_answers();
    assert_int_equal(agent(1).activity, ACD_BUSY_OTHER);
    behind_the_back((struct acd_event){.type = ACD_EV_OTHER_END, .agent = 1});
    is_repaired(FLOOR_REPAIR_OTHER_UNKNOWN, "what=other_call_unknown agent=1001");
    assert_int_equal(agent(1).activity, ACD_BUSY_OTHER);
}

/* ---- calls ---- */

static void test_a_caller_out_of_line_gets_the_old_place(void **state) {
    call_in("200", 0);
    pass_ms(7000);
    call_in("200", 0);
    uint64_t first = w.floor->first_call->id;
    assert_int_equal(acd_position(w.floor->acd, first), 1);
    behind_the_back(
        (struct acd_event){.type = ACD_EV_CALL_LEAVE, .call = first, .visit_result = ACD_VISIT_WITHDRAWN});
    assert_int_equal(acd_position(w.floor->acd, first), 0);
    is_repaired(FLOOR_REPAIR_CALL_NOT_IN_LINE, "what=call_not_in_line call=1 ");
    assert_int_equal(acd_position(w.floor->acd, first), 1);
}

static void test_a_ghost_in_the_queue(void **state) {
    behind_the_back((struct acd_event){.type = ACD_EV_CALL_ENTER, .call = 4711, .queue = 2});
    is_repaired(FLOOR_REPAIR_CALL_GHOST, "what=call_ghost call=");
    assert_int_equal(acd_waiting(w.floor->acd), 0);
}

/* One who has gone on to a menu: he stays there. */
static void test_a_ghost_that_has_a_call(void **state) {
    call_in("100", 0);
    behind_the_back(
        (struct acd_event){.type = ACD_EV_CALL_ENTER, .call = w.floor->first_call->id, .queue = 2});
    is_repaired(FLOOR_REPAIR_CALL_GHOST, "what=call_ghost call=1 ");
    assert_int_equal(acd_waiting(w.floor->acd), 0);
    assert_int_equal(w.floor->first_call->progress.state, CALL_MENU);
}

static void test_a_call_without_a_caller(void **state) {
    call_in("200", 0);
    w.floor->first_call->leg = 0;
    is_repaired(FLOOR_REPAIR_CALLER_LOST, "");
    assert_int_equal(floor_calls(w.floor), 0);
}

static void test_a_direct_call_at_a_desk_that_does_not_ring(void **state) {
    call_in("300", 0);
    w.floor->desk[0].phone_count = 0;
    is_repaired(FLOOR_REPAIR_CALL_NO_AGENT, "");
    assert_int_equal(floor_calls(w.floor), 0);
    assert_int_equal(agent(1).activity, ACD_IDLE);
}

static void test_calls_that_do_not_move_on(void **state) {
    w.slow_lookup = true;
    uint32_t leg = call_in("200", 0);
    deadline_clear(&w.floor->deadlines, &w.floor->first_call->deadline);
    assert_int_equal(w.floor->first_call->progress.state, CALL_LOOKUP);
    pass_ms(4 * PASS_MS);
    assert_int_equal(repaired(FLOOR_REPAIR_CALL_STUCK), 1);
    assert_int_equal(w.floor->first_call->progress.state, CALL_QUEUED);
    all_is_well();
    w.ua.ended(w.ua.ctx, leg, 0, false, "");
    sip_forgets(leg);

    w.slow_lookup = false;
    leg = call_in("100", 0); /* the menu's prompt has ended, the floor was not told */
    pass_ms(3 * PASS_MS);
    assert_int_equal(repaired(FLOOR_REPAIR_CALL_STUCK), 1);
    w.rtp[at(leg)].playing = false;
    pass_ms(2 * PASS_MS + 1000);
    assert_int_equal(repaired(FLOOR_REPAIR_CALL_STUCK), 2);
    assert_true(w.floor->first_call->ivr.deadline_ms != NEVER);          /* it listens */
    deadline_clear(&w.floor->deadlines, &w.floor->first_call->deadline); /* and its timer is lost */
    pass_ms(6 * PASS_MS);
    assert_int_equal(repaired(FLOOR_REPAIR_CALL_STUCK), 3);
    w.ua.ended(w.ua.ctx, leg, 0, false, "");
    sip_forgets(leg);

    leg = call_in("500", 0);
    w.rtp[at(leg)].playing = false;
    pass_ms(2 * PASS_MS + 1000);
    assert_int_equal(repaired(FLOOR_REPAIR_CALL_STUCK), 4);
    assert_int_equal(floor_calls(w.floor), 0);
    all_is_well();
}

/* ---- work is bounded ---- */

static void test_many_at_once_are_repaired_in_turn(void **state) {
    for (uint32_t i = 30; i < 60; i++) {
        w.sip[i].id = i;
        w.sip[i].dialog = UA_DIALOG_UP;
    }
    pass_ms(2 * PASS_MS + 1000);
    assert_int_equal(repaired(FLOOR_REPAIR_SIP_LEAK), 30);
    all_is_well();
}

static void test_each_kind_has_its_words(void **state) {
    for (int kind = 0; kind < FLOOR_REPAIRS; kind++) {
        assert_true(strlen(floor_repair_name((enum floor_repair)kind)) > 3);
        assert_true(strlen(floor_repair_found((enum floor_repair)kind)) > 9);
        assert_true(strlen(floor_repair_done((enum floor_repair)kind)) > 3);
        for (int other = 0; other < kind; other++)
            assert_string_not_equal(floor_repair_name((enum floor_repair)kind),
                                    floor_repair_name((enum floor_repair)other));
    }
}

/* ---- the dead-call rule ---- */

static void goes_silent(uint32_t leg) {
    w.rtp[at(leg)].heard_us = w.now_us - 20000000;
    w.media.silent(w.media.ctx, leg, 20000);
}
static void answers_probe(bool alive) {
    w.ua.probed(w.ua.ctx, w.asked, alive);
    deliver_ends();
    floor_turn(w.floor);
}
static uint64_t dead(void) {
    struct floor_counters c;
    floor_counters(w.floor, &c);
    return c.dead_total;
}

static void test_a_silent_caller_who_does_not_answer(void **state) {
    uint32_t leg = talk();
    goes_silent(leg);
    assert_int_equal(w.probes, 1);
    assert_int_equal(w.asked, leg);
    w.now_us += 8000000;
    answers_probe(false);
    assert_int_equal(floor_calls(w.floor), 0);
    assert_int_equal(agent(1).activity, ACD_WRAPUP);
    assert_string_equal(w.last[RECORD_HANDLE].handle.ended_by, "system");
    assert_string_equal(w.last[RECORD_CONTACT].contact.ended_by, "system");
    assert_string_equal(w.last[RECORD_CONTACT].contact.result, "handled");
    assert_int_equal(w.last[RECORD_CONTACT].contact.sip_status, 408);
    assert_int_equal(dead(), 1);
    all_is_well();
    assert_int_equal(repairs(), 0);
}

static void test_a_silent_agent_who_does_not_answer(void **state) {
    talk();
    goes_silent(w.phone);
    w.now_us += 8000000;
    answers_probe(false);
    assert_int_equal(floor_calls(w.floor), 0);
    assert_int_equal(agent(1).activity, ACD_WRAPUP);
    assert_string_equal(w.last[RECORD_HANDLE].handle.ended_by, "system");
    assert_string_equal(w.last[RECORD_CONTACT].contact.ended_by, "system");
    assert_int_equal(dead(), 1);
    all_is_well();
}

static void test_a_mute_caller_lives_and_is_asked_again(void **state) {
    uint32_t leg = talk();
    goes_silent(leg);
    answers_probe(true);
    assert_int_equal(agent(1).activity, ACD_TALKING);
    pass_ms(19000);
    assert_int_equal(w.probes, 1);
    pass_ms(7000); /* the silence goes on */
    assert_int_equal(w.probes, 2);
    w.rtp[at(leg)].heard_us = w.now_us; /* audio comes back before the question fails */
    w.now_us += 1000000;
    answers_probe(false);
    assert_int_equal(agent(1).activity, ACD_TALKING);
    assert_int_equal(dead(), 0);
    pass_ms(22000);
    assert_int_equal(w.probes, 2); /* the next silence has just begun */
    pass_ms(40000);
    assert_true(w.probes > 2);
    answers_probe(false);
    assert_int_equal(dead(), 1);
    assert_int_equal(floor_calls(w.floor), 0);
}

static void test_silence_on_hold_is_normal_but_two_failures_are_not(void **state) {
    talk();
    w.rtp[at(w.phone)].expects = false; /* sendonly or inactive */
    w.rtp[at(w.phone)].heard_us = w.now_us;
    pass_ms(20000);
    assert_int_equal(w.probes, 0);
    pass_ms(10000);
    assert_int_equal(w.probes, 1);
    answers_probe(true);
    pass_ms(30000);
    assert_int_equal(w.probes, 2);
    answers_probe(false);
    assert_int_equal(agent(1).activity, ACD_TALKING);
    assert_int_equal(w.probes, 3); /* once more, at once */
    answers_probe(false);
    assert_int_equal(dead(), 1);
    assert_int_equal(agent(1).activity, ACD_WRAPUP);
    assert_int_equal(floor_calls(w.floor), 0);
}

/* A failure long before does not count on hold. */
static void test_who_was_heard_has_failed_nothing(void **state) {
    talk();
    w.rtp[at(w.phone)].expects = false;
    pass_ms(30000);
    answers_probe(false); /* asked once more */
    w.rtp[at(w.phone)].expects = true;
    w.rtp[at(w.phone)].heard_us = w.now_us += 8000000;
    answers_probe(false); /* off hold */
    w.rtp[at(w.phone)].expects = false;
    pass_ms(40000);
    answers_probe(false);
    assert_int_equal(dead(), 0);
    answers_probe(false);
    assert_int_equal(dead(), 1);
}

static void test_a_waiting_caller_who_is_gone(void **state) {
    uint32_t leg = call_in("200", 0);
    goes_silent(leg);
    w.now_us += 8000000;
    answers_probe(false);
    assert_int_equal(floor_calls(w.floor), 0);
    assert_string_equal(w.last[RECORD_VISIT].visit.result, "failed"); /* and may have the place again */
    assert_string_equal(w.last[RECORD_CONTACT].contact.ended_by, "system");
    all_is_well();
}

static void test_a_phone_that_is_unreachable_is_asked_about_its_call(void **state) {
    talk();
    w.unreachable[1] = true;
    w.ua.agent_reachable(w.ua.ctx, 1, false);
    assert_int_equal(w.probes, 1);
    assert_int_equal(w.asked, w.phone);
    w.rtp[at(w.phone)].heard_us = w.now_us - 1000000; /* has just been heard: no answer proves nothing */
    answers_probe(false);
    assert_int_equal(agent(1).activity, ACD_TALKING);
    w.ua.agent_reachable(w.ua.ctx, 1, true);
    w.ua.agent_reachable(w.ua.ctx, 1, false);
    w.now_us += 8000000;
    answers_probe(false);
    assert_int_equal(agent(1).activity, ACD_WRAPUP);
    assert_int_equal(dead(), 1);
}

static void test_legs_that_ring_or_end_are_not_asked(void **state) {
    floor_agent_login(w.floor, "1001", true, "test");
    uint32_t leg = call_in("200", 0);
    w.media.silent(w.media.ctx, w.phone, 20000);
    assert_int_equal(w.probes, 0);
    goes_silent(leg);
    assert_int_equal(w.probes, 1);
    w.media.silent(w.media.ctx, leg, 20000); /* one question at a time */
    assert_int_equal(w.probes, 1);
    floor_call_hangup(w.floor, w.floor->first_call->id, "test");
    w.ua.probed(w.ua.ctx, leg, false); /* too late */
    w.media.silent(w.media.ctx, leg, 20000);
    assert_int_equal(w.probes, 1);
    assert_int_equal(dead(), 0);
    deliver_ends();
    w.ua.probed(w.ua.ctx, leg, false);
    assert_int_equal(dead(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_found_in_ordinary_life),
        TEST(test_a_leg_that_sip_lost),
        TEST(test_the_agents_leg_that_sip_lost),
        TEST(test_what_is_on_its_way_is_no_discrepancy),
        TEST(test_an_end_that_sip_did_not_hear),
        TEST(test_a_leg_that_does_not_end),
        TEST(test_a_phone_that_rings_for_nobody),
        TEST(test_an_answer_that_was_not_heard),
        TEST(test_leaks),
        TEST(test_media_that_is_gone),
        TEST(test_media_of_one_of_several_phones_is_gone),
        TEST(test_a_talk_without_sound),
        TEST(test_a_caller_who_hears_what_he_should_not),
        TEST(test_an_offer_nobody_rings_for),
        TEST(test_a_talk_that_is_not_there),
        TEST(test_a_talk_the_distributor_does_not_know),
        TEST(test_phones_that_ring_without_an_offer),
        TEST(test_reachability),
        TEST(test_calls_of_ones_own),
        TEST(test_a_direct_call_the_distributor_does_not_count),
        TEST(test_a_caller_out_of_line_gets_the_old_place),
        TEST(test_a_ghost_in_the_queue),
        TEST(test_a_ghost_that_has_a_call),
        TEST(test_a_call_without_a_caller),
        TEST(test_a_direct_call_at_a_desk_that_does_not_ring),
        TEST(test_calls_that_do_not_move_on),
        TEST(test_many_at_once_are_repaired_in_turn),
        TEST(test_each_kind_has_its_words),
        TEST(test_a_silent_caller_who_does_not_answer),
        TEST(test_a_silent_agent_who_does_not_answer),
        TEST(test_a_mute_caller_lives_and_is_asked_again),
        TEST(test_silence_on_hold_is_normal_but_two_failures_are_not),
        TEST(test_who_was_heard_has_failed_nothing),
        TEST(test_a_waiting_caller_who_is_gone),
        TEST(test_a_phone_that_is_unreachable_is_asked_about_its_call),
        TEST(test_legs_that_ring_or_end_are_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
