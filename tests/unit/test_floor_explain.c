/* LIBS: floor call acd ivr stats conf base */
/* SPDX-License-Identifier: Apache-2.0
 * Commands to agents and queues, who waits for what, and explaining calls: on the floor with fake ports in
 * virtual time. */
#include "callfloor/floor.h"
#include "callfloor/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the fake world: every phone can be rung, every row is kept ---- */

enum { ROWS = 400 };
static struct {
    struct floor *floor;
    struct conf *conf;
    struct ua_sink ua;
    struct media_sink media;
    uint64_t now_us;
    uint32_t phone[8]; /* leg of the last INVITE, by agent */
    struct record row[ROWS];
    uint32_t rows;
} w;

static const uint64_t wall0_us = 1790000000000000u;

static uint64_t now(void *ctx) {
    return w.now_us;
}
static uint64_t wall(void *ctx) {
    return wall0_us + w.now_us;
}
static int ua_invite(void *ctx, uint32_t leg, const struct ua_invite *what) {
    w.phone[what->agent] = leg;
    return 0;
}
static int ua_ring(void *ctx, uint32_t leg) {
    return 0;
}
static int ua_answer(void *ctx, uint32_t leg, const struct media_desc *local) {
    return 0;
}
static void ua_end(void *ctx, uint32_t leg, enum ua_end_cause cause, const struct ua_refusal *refusal) {}
static int ua_info(void *ctx, uint32_t leg, char digit, uint32_t ms) {
    return 0;
}
static uint32_t ua_bindings(void *ctx, uint32_t agent, struct ua_binding *out, uint32_t max) {
    *out = (struct ua_binding){.reachable = true, .uri = "sip:phone"};
    return 1;
}
static int ua_trunk(void *ctx, uint32_t trunk, struct ua_trunk_state *out) {
    return -EINVAL;
}
static void ua_counters(void *ctx, struct ua_counters *out) {}
static int m_open(void *ctx, uint32_t leg, struct media_desc *local) {
    *local = (struct media_desc){.address = "127.0.0.1",
                                 .port = 10000,
                                 .codec_count = 1,
                                 .codec = {{MEDIA_PCMA, 8}},
                                 .direction = MEDIA_SENDRECV};
    return 0;
}
static int m_set(void *ctx, uint32_t leg, const struct media_stream *agreed) {
    return 0;
}
static uint32_t m_prompt(void *ctx, const char *name) {
    return 0;
}
static int m_play(void *ctx, uint32_t leg, const struct media_play *what) {
    return 0;
}
static void m_leg(void *ctx, uint32_t leg) {}
static int m_join(void *ctx, uint32_t leg, uint32_t other) {
    return 0;
}
static int m_digit(void *ctx, uint32_t leg, char digit, uint32_t ms) {
    return 0;
}
static void m_counters(void *ctx, struct media_counters *out) {}
static int s_put(void *ctx, const struct record *row) {
    assert_true(w.rows < ROWS);
    w.row[w.rows++] = *row;
    return 0;
}
static int s_customer(void *ctx, uint32_t request, const char *number) {
    return -ENOTCONN;
}
static void s_state(void *ctx, struct store_state *out) {}

static const char conf_text[] =
    "general = { state_dir = \"/tmp\"; prompts_dir = \"/tmp\"; dispositions = [ \"sold\", \"lost\" ]; };\n"
    "trunks = ( { name = \"carrier\"; peers = ( { address = \"192.0.2.1\"; } ); } );\n"
    "skills = [ \"english\", \"billing\" ];\n"
    "queues = ( { name = \"sales\"; wrapup_ms = 10000; wrapup_mode = \"disposition\"; ring_ms = 15000;\n"
    "             wrapup_extensions = 1; wrapup_extend_ms = 0; },\n"
    "           { name = \"support\"; wrapup_ms = 0; skills = [ \"english:3\" ];\n"
    "             require = \"billing or english >= 5\"; steps = (\n"
    "               { after_ms = 20000; require = \"english >= 2\"; }, { after_ms = 40000; } ); } );\n"
    "numbers = ( { number = \"200\"; target = \"queue:sales\"; }, { number = \"300\"; target = "
    "\"agent:1001\"; },\n"
    "            { number = \"400\"; target = \"queue:support\"; } );\n"
    "agents = ( { id = \"1001\"; name = \"Ada\"; password = \"x\"; queues = [ \"sales\" ]; },\n"
    "           { id = \"1002\"; name = \"Bo\"; password = \"x\"; queues = [ \"sales\", \"support\" ];\n"
    "             skills = [ \"english:2\" ]; },\n"
    "           { id = \"1003\"; name = \"Cy\"; password = \"x\"; queues = [ \"support\" ];\n"
    "             skills = [ \"english:5\" ]; },\n"
    "           { id = \"1004\"; name = \"Di\"; password = \"x\"; queues = [ \"support:2\" ];\n"
    "             skills = [ \"english:5\" ]; } );\n";

static void conf_error(void *arg, const char *message) {
    print_message("%s\n", message);
}

static int setup(void **state) {
    memset(&w, 0, sizeof w);
    w.now_us = 1000000000;
    assert_int_equal(conf_parse(&w.conf, conf_text, NULL, conf_error, NULL), 0);
    struct floor_setup how = {.conf = w.conf,
                              .ua = {.invite = ua_invite,
                                     .ring = ua_ring,
                                     .answer = ua_answer,
                                     .end = ua_end,
                                     .send_info_digit = ua_info,
                                     .bindings = ua_bindings,
                                     .trunk = ua_trunk,
                                     .counters = ua_counters},
                              .media = {.open = m_open,
                                        .set = m_set,
                                        .play = m_play,
                                        .stop = m_leg,
                                        .join = m_join,
                                        .part = m_leg,
                                        .send_digit = m_digit,
                                        .close = m_leg,
                                        .prompt = m_prompt,
                                        .counters = m_counters},
                              .store = {NULL, s_put, s_customer, s_state},
                              .clock = {NULL, now, wall},
                              .first_id = record_first_id(1, 1790000000000u),
                              .seed = 1};
    log_set_level(NULL, "error");
    assert_int_equal(floor_create(&w.floor, &how), 0);
    w.ua = floor_ua_sink(w.floor);
    w.media = floor_media_sink(w.floor);
    for (uint32_t agent = 1; agent <= 4; agent++)
        w.ua.agent_reachable(w.ua.ctx, agent, true);
    return 0;
}

static int teardown(void **state) {
    floor_destroy(w.floor);
    conf_free(w.conf);
    return 0;
}

/* ---- what happens ---- */

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
                                        .direction = MEDIA_SENDRECV};
static struct ua_refusal refusal;
static uint32_t call_in(const char *called, uint32_t agent) {
    struct ua_incoming in = {.trunk = agent ? 0 : 1,
                             .agent = agent,
                             .called = called,
                             .caller = agent ? "1001" : "48555",
                             .caller_name = "",
                             .call_id = "x",
                             .offer = &audio};
    memset(&refusal, 0, sizeof refusal);
    uint32_t leg = w.ua.invited(w.ua.ctx, &in, &refusal);
    floor_turn(w.floor);
    check();
    return leg;
}
static void login(const char *agent) {
    assert_int_equal(floor_agent_login(w.floor, agent, true, "test"), 0);
    check();
}
static void answers(uint32_t agent) {
    w.ua.ringing(w.ua.ctx, w.phone[agent], 180, NULL);
    w.ua.answered(w.ua.ctx, w.phone[agent], &audio);
    check();
}
static void ends(uint32_t leg) {
    w.ua.ended(w.ua.ctx, leg, 0, false, "");
    check();
}

/* ---- what can be seen ---- */

/* The last row of a kind. */
static const struct record *last(enum record_kind kind) {
    for (uint32_t i = w.rows; i--;)
        if (w.row[i].kind == kind)
            return &w.row[i];
    fail_msg("no row %s", record_kind_name(kind));
    return NULL;
}

static struct floor_agent_view seen;
static const char *wanted_agent;
static void see(void *arg, const struct floor_agent_view *view) {
    if (!strcmp(view->id, wanted_agent))
        seen = *view;
}
static const struct floor_agent_view *agent(const char *id) {
    wanted_agent = id;
    floor_each_agent(w.floor, see, NULL);
    return &seen;
}

static struct floor_waiting_view waits[8];
static char wants[8][100], rings[8][100];
static uint32_t waits_count;
static void wait_of(void *arg, const struct floor_waiting_view *view) {
    str_copy(wants[waits_count], 100, view->wants);
    str_copy(rings[waits_count], 100, view->rings);
    waits[waits_count++] = *view;
}
static const struct floor_waiting_view *waiting(const char *queue) {
    waits_count = 0;
    floor_each_waiting(w.floor, queue, wait_of, NULL);
    return waits;
}

static char story[8192]; /* one line per part */
static uint64_t decided_us;
static void tell(const char *format, ...) PRINTF_LIKE(1, 2);
static void tell(const char *format, ...) {
    size_t at = strlen(story);
    va_list args;
    va_start(args, format);
    vsnprintf(story + at, sizeof story - at, format, args);
    va_end(args);
}
static void story_begin(void *arg, const struct floor_story *s) {
    tell("%s %s decisions=%u%s\n", s->call ? s->call->state : "over", s->waits ? "waits" : "-", s->decisions,
         s->truncated ? " truncated" : "");
}
static void story_decision(void *arg, const struct floor_decision_view *d) {
    decided_us = d->at_us;
    tell("%s\n", d->text);
}
static void story_agent(void *arg, const struct floor_candidate_view *a) {
    tell("%s tier=%u %s %s/%s since=%llu call=%llu\n", a->id, a->tier, acd_why_not_name(a->why),
         acd_presence_name(a->presence), acd_activity_name(a->activity), (unsigned long long)a->state_ms,
         (unsigned long long)a->busy_call);
}
static uint64_t call_id(void) {
    return last(RECORD_CONTACT)->contact.id;
}
static void pause(const char *id) {
    assert_int_equal(floor_agent_login(w.floor, id, false, "test"), 0);
}
static const char *explain(uint64_t call) {
    const struct floor_story_sink sink = {NULL, story_begin, story_decision, story_agent};
    *story = 0;
    int err = floor_call_explain(w.floor, call, &sink);
    if (err)
        tell("%d", err);
    return story;
}

/* ---- wrap-up and dispositions ---- */

static uint32_t talk_over(void) {
    login("1001");
    uint32_t caller = call_in("200", 0);
    answers(1);
    pass_ms(60000);
    ends(caller);
    ends(w.phone[1]);
    return caller;
}

static void test_disposition_ends_the_wrapup_that_waits_for_it(void **state) {
    talk_over();
    pass_ms(30000); /* the timer has ended long ago */
    assert_int_equal(agent("1001")->acd.activity, ACD_WRAPUP);
    assert_true(seen.acd.want_disposition);
    assert_int_equal(floor_agent_wrap_done(w.floor, "1001", "test"), -EPROTO);
    assert_int_equal(floor_agent_disposition(w.floor, "1001", "bought", "test"), -EINVAL);
    assert_int_equal(floor_agent_disposition(w.floor, "1009", "sold", "test"), -ENOENT);
    assert_int_equal(floor_agent_disposition(w.floor, "1001", "sold", "test"), 0);
    assert_int_equal(agent("1001")->acd.activity, ACD_IDLE);
    assert_string_equal(seen.disposition, "");
    assert_string_equal(last(RECORD_HANDLE)->handle.disposition, "sold");
    assert_int_equal(last(RECORD_HANDLE)->handle.wrap_ms, 30000);
    assert_int_equal(floor_agent_disposition(w.floor, "1001", "lost", "test"), -EPROTO);
    assert_string_equal(last(RECORD_HANDLE)->handle.disposition, "sold");
}

static void test_last_disposition_counts_also_from_the_talk(void **state) {
    login("1001");
    uint32_t caller = call_in("200", 0);
    assert_int_equal(floor_agent_disposition(w.floor, "1001", "lost", "test"), -EPROTO); /* rings yet */
    answers(1);
    pass_ms(1000);
    assert_int_equal(floor_agent_disposition(w.floor, "1001", "lost", "test"), 0);
    assert_string_equal(last(RECORD_HANDLE)->handle.disposition, "lost"); /* even if the daemon died now */
    assert_int_equal(last(RECORD_HANDLE)->handle.end_us, 0);
    assert_string_equal(agent("1001")->disposition, "lost");
    pass_ms(1000);
    ends(caller);
    ends(w.phone[1]);
    pass_ms(9999);
    assert_int_equal(agent("1001")->acd.activity, ACD_WRAPUP);
    assert_int_equal(floor_agent_disposition(w.floor, "1001", "sold", "test"), 0); /* the timer still runs */
    assert_int_equal(agent("1001")->acd.activity, ACD_WRAPUP);
    pass_ms(1);
    assert_int_equal(agent("1001")->acd.activity, ACD_IDLE);
    assert_string_equal(last(RECORD_HANDLE)->handle.disposition, "sold");
    /* the next talk begins without one */
    call_in("200", 0);
    answers(1);
    assert_string_equal(last(RECORD_HANDLE)->handle.disposition, "");
}

static void test_star_codes_of_wrapup(void **state) {
    talk_over();
    assert_true(call_in("*32", 1) || refusal.status == 403); /* no prompts here: 403 would be a refusal */
    assert_int_equal(refusal.status, 0);
    assert_int_equal(agent("1001")->acd.extensions, 1);
    assert_int_equal(seen.timer_ms, 70000); /* this queue gives what is asked for: a minute */
    assert_int_equal(call_in("*32", 1), 0); /* once is all there is */
    assert_int_equal(refusal.status, 403);
    assert_int_equal(call_in("*43", 1), 0); /* there are two */
    assert_int_equal(call_in("*40", 1), 0);
    call_in("*42", 1);
    assert_string_equal(agent("1001")->disposition, "lost");
    pass_ms(70000);
    assert_int_equal(agent("1001")->acd.activity, ACD_IDLE);
    assert_string_equal(last(RECORD_HANDLE)->handle.disposition, "lost");
    assert_int_equal(floor_agent_wrap_more(w.floor, "1001", 1000, "test"), -EPROTO);
    assert_int_equal(floor_agent_wrap_more(w.floor, "1009", 1000, "test"), -ENOENT);
}

static void test_direct_talk_has_no_disposition(void **state) {
    login("1001");
    call_in("300", 0);
    answers(1);
    assert_int_equal(floor_agent_disposition(w.floor, "1001", "sold", "test"), -EPROTO);
    assert_string_equal(agent("1001")->disposition, "");
}

/* ---- queues and skills ---- */

static void test_closed_queue(void **state) {
    login("1001");
    assert_int_equal(floor_queue_close(w.floor, "nosuch", "test"), -ENOENT);
    assert_int_equal(floor_queue_close(w.floor, "sales", "test"), 0);
    call_in("200", 0);
    assert_string_equal(last(RECORD_VISIT)->visit.result, "closed");
    assert_int_equal(last(RECORD_VISIT)->visit.since_us, last(RECORD_VISIT)->visit.enter_us);
    assert_string_equal(explain(call_id()),
                        "over - decisions=1\nrefuse queue=sales result=closed waiting=0\n");
    assert_int_equal(floor_queue_open(w.floor, "sales", "test"), 0);
    call_in("200", 0);
    assert_string_equal(last(RECORD_VISIT)->visit.result, "");
    assert_int_equal(last(RECORD_OFFER)->offer.visit_id, last(RECORD_VISIT)->visit.id);
}

static void test_skill_by_command(void **state) {
    login("1002");
    pause("1003"); /* so that the caller waits for somebody like her */
    call_in("400", 0);
    assert_int_equal(agent("1002")->acd.activity, ACD_IDLE); /* english 2 is too little */
    assert_int_equal(floor_agent_skill(w.floor, "1009", "english", 5, "test"), -ENOENT);
    assert_int_equal(floor_agent_skill(w.floor, "1002", "greek", 5, "test"), -EINVAL);
    assert_int_equal(floor_agent_skill(w.floor, "1002", "english", 11, "test"), -EINVAL);
    assert_int_equal(floor_agent_skill(w.floor, "1002", "english", 5, "test"), 0);
    assert_int_equal(agent("1002")->acd.activity, ACD_RESERVED);
    answers(2);
    ends(w.phone[2]);
    assert_int_equal(floor_agent_skill(w.floor, "1002", "english", -1, "test"), 0);
    call_in("400", 0);
    assert_int_equal(agent("1002")->acd.activity, ACD_IDLE);
}

/* ---- who waits for what ---- */

static void test_waiting(void **state) {
    login("1001");
    pause("1002");
    pause("1003");
    login("1004");
    call_in("400", 0);
    pass_ms(5000);
    call_in("200", 0);
    waiting(NULL);
    assert_int_equal(waits_count, 2);
    assert_string_equal(waits[0].queue, "support");
    assert_int_equal(waits[0].position, 1);
    assert_int_equal(waits[0].wait_ms, 5000);
    assert_int_equal(waits[0].line_ms, 5000);
    assert_int_equal(waits[0].step, 0);
    assert_string_equal(wants[0], "english >= 3 and (billing or english >= 5)");
    assert_string_equal(rings[0], "");
    assert_true(waits[0].counted);
    assert_int_equal(waits[0].agents[ACD_WHY_SKILL], 1);
    assert_int_equal(waits[0].agents[ACD_WHY_PAUSED], 1);
    assert_int_equal(waits[0].agents[ACD_WHY_TIER], 1);
    assert_int_equal(waits[0].agents[ACD_WHY_QUEUE], 0);
    assert_string_equal(waits[1].queue, "sales");
    assert_string_equal(wants[1], "");
    assert_string_equal(rings[1], "1001");
    assert_int_equal(waits[1].agents[ACD_WHY_PAUSED], 1);
    assert_int_equal(waiting("sales") - waits, 0);
    assert_int_equal(waits_count, 1);
    waiting("nosuch");
    assert_int_equal(waits_count, 0);
    pass_ms(15000); /* 20 s: the first step */
    waiting("support");
    assert_int_equal(waits[0].step, 1);
    assert_string_equal(wants[0], "english >= 2");
    assert_int_equal(waits[0].agents[ACD_WHY_PAUSED], 2);
    assert_int_equal(waits[0].agents[ACD_WHY_SKILL], 0);
    assert_int_equal(last(RECORD_VISIT)->visit.step, 1);
    pass_ms(20000);
    waiting("support");
    assert_int_equal(waits[0].step, 2);
    assert_string_equal(wants[0], "");
    assert_int_equal(waits[0].agents[ACD_WHY_TIER], 1);
}

/* ---- explaining ---- */

static void test_explain_a_waiting_call(void **state) {
    pause("1002");
    pause("1003");
    login("1004");
    call_in("400", 0);
    pass_ms(21000);
    assert_string_equal(explain(call_id()), "queued waits decisions=2\n"
                                            "enter queue=support position=1\n"
                                            "step step=1\n"
                                            "1002 tier=1 paused not_ready/idle since=21000 call=0\n"
                                            "1003 tier=1 paused not_ready/idle since=21000 call=0\n"
                                            "1004 tier=2 tier ready/idle since=21000 call=0\n");
    assert_int_equal(decided_us, wall0_us + 1000000000 + 20000000);
    /* the record id is as good as the number */
    char by_number[8192];
    str_copy(by_number, sizeof by_number, story);
    assert_string_equal(explain(call_id() - record_first_id(1, 1790000000000u) + 1), by_number);
}

static void test_explain_from_entry_to_end(void **state) {
    login("1001");
    pass_ms(1000);
    login("1002");
    uint32_t caller = call_in("200", 0);
    pass_ms(100);
    w.ua.ringing(w.ua.ctx, w.phone[1], 180, NULL);
    pass_ms(14900);
    answers(2);
    static const char until_talk[] = "enter queue=sales position=1\n"
                                     "offer agent=1001 strategy=longest_idle idle_s=1 able=2 next=1002:0\n"
                                     "over agent=1001 result=no_answer\n"
                                     "offer agent=1002 strategy=longest_idle idle_s=15 able=1\n"
                                     "over agent=1002 result=answered\n"
                                     "leave queue=sales result=answered position=1\n";
    explain(call_id());
    assert_string_equal(strchr(story, '\n') + 1, until_talk);
    assert_int_equal(strncmp(story, "talking - decisions=6\n", 22), 0);
    assert_string_equal(last(RECORD_OFFER)->offer.why,
                        "offer agent=1002 strategy=longest_idle idle_s=15 able=1");
    ends(caller);
    ends(w.phone[1]);
    ends(w.phone[2]);
    (void)floor_agent_disposition(w.floor, "1002", "sold", "test");
    pass_ms(600000);
    explain(call_id());
    assert_int_equal(strncmp(story, "over - decisions=6\n", 19), 0);
    assert_string_equal(strchr(story, '\n') + 1, until_talk);
}

static void test_explain_without_a_queue(void **state) {
    login("1001");
    call_in("300", 0);
    assert_string_equal(explain(call_id()), "ringing - decisions=0\n");
    assert_string_equal(explain(77), "-2");
    assert_string_equal(explain(0), "-2");
    assert_string_equal(explain(call_id() + 1000), "-2");
    assert_string_equal(explain(UINT64_MAX), "-2");
    assert_string_equal(explain(1ull << 40), "over - decisions=0\n"); /* may be of an earlier run */
}

/* A strategy is told by the word that chooses it in the configuration. */
static void test_strategies_have_their_words(void **state) {
    for (uint8_t strategy = 0; strategy < CONF_STRATEGIES; strategy++) {
        struct acd_decision decision = {.kind = ACD_DID_OFFER, .agent = 1, .strategy = strategy};
        struct conf *conf = NULL;
        char text[200], word[40], file[200];
        acd_decision_text(NULL, &decision, text, sizeof text);
        assert_int_equal(sscanf(text, "offer agent=1 strategy=%39s", word), 1);
        snprintf(file, sizeof file, "queues = ( { name = \"q\"; strategy = \"%s\"; } );", word);
        assert_int_equal(conf_parse(&conf, file, NULL, conf_error, NULL), 0);
        assert_int_equal(conf->queue[0].strategy, strategy);
        conf_free(conf);
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_disposition_ends_the_wrapup_that_waits_for_it),
        T(test_last_disposition_counts_also_from_the_talk),
        T(test_star_codes_of_wrapup),
        T(test_direct_talk_has_no_disposition),
        T(test_closed_queue),
        T(test_skill_by_command),
        T(test_waiting),
        T(test_explain_a_waiting_call),
        T(test_explain_from_entry_to_end),
        T(test_explain_without_a_queue),
        cmocka_unit_test(test_strategies_have_their_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
