/* LIBS: floor call acd ivr stats conf base */
/* SPDX-License-Identifier: Apache-2.0
 * Calls from INVITE to record: menu, queue, agent, hold, refusals, star codes, drain, reload. */
static const char conf_text[] =
    "general = { state_dir = \"/tmp\"; prompts_dir = \"/tmp\"; pause_reasons = [ \"break\", \"lunch\" ]; };\n"
    "limits = { max_calls = 3; };\n"
    "trunks = ( { name = \"carrier\"; peers = ( { address = \"192.0.2.1\"; } ); } );\n"
    "queues = ( { name = \"sales\"; wrapup_ms = 10000; ring_ms = 15000; music = \"music\";\n"
    "             greeting = \"greeting\"; },\n"
    "           { name = \"support\"; wrapup_ms = 0; max_wait_ms = 30000; overflow = \"play:closed\"; } );\n"
    "menus = ( { name = \"main\"; welcome = \"welcome\"; prompt = \"menu\"; choices = (\n"
    "  { digit = \"1\"; target = \"queue:sales\"; }, { digit = \"2\"; target = \"queue:support\"; } ); } );\n"
    "numbers = ( { number = \"100\"; target = \"menu:main\"; }, { number = \"200\"; target = "
    "\"queue:sales\"; },\n"
    "            { number = \"300\"; target = \"agent:1001\"; }, { number = \"400\"; target = "
    "\"queue:support\"; } );\n"
    "agents = ( { id = \"1001\"; password = \"a secret\"; queues = [ \"sales\" ]; },\n"
    "           { id = \"1002\"; password = \"a secret\"; queues = [ \"sales\", \"support\" ]; } );\n";
#include "floor_world.h"

static void test_menu_digit_queue_agent_talk_wrapup(void **state) {
    login("1001");
    uint32_t caller = call_in("100", 0);
    assert_string_equal(told(), "answer play(welcome+menu)");
    w.media.digit(w.media.ctx, caller, '1', 100);
    assert_string_equal(told(), "stop play(greeting+music...) invite(1001,)");
    rings(phone(0));
    assert_int_equal(activity(1), ACD_RINGING);
    answers(phone(0));
    assert_string_equal(told(), "join");
    assert_int_equal(activity(1), ACD_TALKING);
    w.now_us += 60000000;
    ends(caller, 0);
    assert_string_equal(told(), "end(normal0)");
    assert_string_equal(result_of(RECORD_CONTACT, contact), "handled");
    assert_string_equal(w.last[RECORD_CONTACT].contact.ended_by, "caller");
    assert_string_equal(w.last[RECORD_CONTACT].contact.menu_path, "main:1");
    assert_string_equal(result_of(RECORD_VISIT, visit), "answered");
    assert_string_equal(result_of(RECORD_OFFER, offer), "answered");
    assert_int_equal(w.last[RECORD_HANDLE].handle.talk_ms, 60000);
    assert_int_equal(activity(1), ACD_WRAPUP);
    ends(phone(0), 0);
    pass_ms(9999);
    assert_int_equal(activity(1), ACD_WRAPUP);
    pass_ms(1);
    assert_int_equal(activity(1), ACD_IDLE);
    assert_int_equal(w.last[RECORD_HANDLE].handle.wrap_ms, 10000);
    assert_int_equal(floor_calls(w.floor), 0);
    assert_int_equal(w.media_open, 0);
}

static void test_no_answer_goes_to_the_next_agent_and_keeps_the_place(void **state) {
    login("1001");
    pass_ms(1000);
    login("1002");
    told();
    uint32_t caller = call_in("200", 0);
    assert_string_equal(told(), "answer play(greeting+music...) invite(1001,)");
    rings(phone(0));
    pass_ms(15000);
    assert_string_equal(told(), "end(normal0) invite(1002,) invite(1002b,)");
    assert_string_equal(w.last[RECORD_OFFER].offer.agent, "1002");
    ends(w.legs[0], 487);
    rings(phone(1));
    rings(phone(0));
    answers(phone(0)); /* the second phone; the first is told that it was answered elsewhere */
    assert_string_equal(told(), "end(elsewhere0) join");
    ends(phone(0), 0);
    assert_string_equal(told(), "end(normal0)");
    assert_string_equal(w.last[RECORD_CONTACT].contact.ended_by, "agent");
    ends(phone(1), 487);
    ends(caller, 0);
    assert_int_equal(floor_calls(w.floor), 0);
}

static void test_caller_gone_while_ringing_cancels_the_phone(void **state) {
    login("1001");
    uint32_t caller = call_in("200", 0);
    rings(phone(0));
    told();
    ends(caller, 0);
    assert_string_equal(told(), "end(normal0)");
    assert_string_equal(result_of(RECORD_OFFER, offer), "caller_gone");
    assert_string_equal(result_of(RECORD_VISIT, visit), "abandoned");
    assert_string_equal(result_of(RECORD_CONTACT, contact), "abandoned");
    assert_int_equal(activity(1), ACD_IDLE);
    answers(phone(0)); /* the 200 crossed our CANCEL: nobody is joined */
    assert_string_equal(told(), "");
    ends(phone(0), 0);
    assert_int_equal(floor_calls(w.floor), 0);
    assert_int_equal(w.media_open, 0);
}

static void test_reject_busy_unreachable(void **state) {
    login("1002");
    call_in("400", 0);
    ends(phone(1), 486);
    assert_int_equal(activity(2), ACD_RESERVED); /* the other phone is still being rung */
    ends(phone(0), 603);
    assert_string_equal(result_of(RECORD_OFFER, offer), "rejected");
    assert_int_equal(w.last[RECORD_OFFER].offer.sip_status, 603);
    pass_ms(60000);
    told();
}

static void test_overflow_after_max_wait(void **state) {
    call_in("400", 0);
    told();
    pass_ms(29999);
    assert_string_equal(told(), "");
    pass_ms(1);
    assert_string_equal(told(), "play(closed)");
    assert_string_equal(result_of(RECORD_VISIT, visit), "timeout");
}

static void test_direct_call_and_busy(void **state) {
    uint32_t caller = call_in("300", 0);
    assert_string_equal(told(), "ring invite(1001,)");
    assert_int_equal(activity(1), ACD_BUSY_OTHER);
    uint32_t second = call_in("300", 0);
    assert_string_equal(told(), "ring end(refuse 486)");
    answers(phone(0));
    assert_string_equal(told(), "answer join");
    ends(second, 486);
    ends(caller, 0);
    ends(phone(0), 0);
    assert_int_equal(activity(1), ACD_IDLE);
    assert_int_equal(w.last[RECORD_HANDLE].handle.visit_id, 0);
    assert_int_equal(floor_calls(w.floor), 0);
}

static void test_hold_plays_music_and_is_counted(void **state) {
    struct media_desc hold = audio, answer;
    hold.direction = MEDIA_SENDONLY;
    login("1001");
    uint32_t caller = call_in("200", 0);
    answers(phone(0));
    told();
    assert_int_equal(w.ua.reoffered(w.ua.ctx, phone(0), &hold, &answer), 0);
    assert_int_equal(answer.direction, MEDIA_RECVONLY);
    assert_string_equal(told(), "play(music...)");
    assert_int_equal(activity(1), ACD_HOLD);
    check();
    w.now_us += 5000000;
    assert_int_equal(w.ua.reoffered(w.ua.ctx, phone(0), &audio, &answer), 0);
    assert_string_equal(told(), "stop");
    w.now_us += 2000000;
    ends(caller, 0);
    assert_int_equal(w.last[RECORD_HANDLE].handle.hold_ms, 5000);
    assert_int_equal(w.last[RECORD_HANDLE].handle.talk_ms, 2000);
    assert_int_equal(w.last[RECORD_HANDLE].handle.hold_count, 1);
}

static void test_refusals(void **state) {
    struct media_desc nothing = audio;
    assert_int_equal(call_in("999", 0), 0);
    assert_int_equal(refusal.status, 404);
    assert_string_equal(result_of(RECORD_CONTACT, contact), "refused");
    assert_int_equal(w.last[RECORD_CONTACT].contact.sip_status, 404);
    nothing.codec_count = 0;
    struct ua_incoming in = {
        .trunk = 1, .called = "100", .caller = "1", .caller_name = "", .offer = &nothing};
    assert_int_equal(w.ua.invited(w.ua.ctx, &in, &refusal), 0);
    assert_int_equal(refusal.status, 488);
    w.ports_gone = true;
    assert_int_equal(call_in("100", 0), 0);
    assert_int_equal(refusal.status, 503);
    w.ports_gone = false;
    for (int i = 0; i < 3; i++)
        assert_int_not_equal(call_in("100", 0), 0);
    assert_int_equal(call_in("100", 0), 0); /* max_calls */
    assert_int_equal(refusal.status, 503);
    assert_true(refusal.retry_after_s > 0);
    w.store.journal_full(w.store.ctx, true);
    assert_int_equal(call_in("100", 0), 0);
    assert_int_equal(refusal.status, 503);
}

static void test_customer_name_reaches_the_phone(void **state) {
    struct store_customer found = {.id = 77, .is_new = false};
    str_copy(found.name, sizeof found.name, "Ana Novak");
    w.database = true;
    login("1001");
    call_in("200", 0);
    assert_string_equal(told(), "answer"); /* waits a moment for the name */
    w.store.customer(w.store.ctx, w.asked, &found);
    assert_string_equal(told(), "play(greeting+music...) invite(1001,Ana Novak)");
    assert_int_equal(w.put_count[RECORD_VISIT], 1);
}

static void test_silent_database_does_not_hold_the_call_up(void **state) {
    w.database = true;
    login("1001");
    call_in("200", 0);
    told();
    pass_ms(149);
    assert_string_equal(told(), "");
    pass_ms(1);
    assert_string_equal(told(), "play(greeting+music...) invite(1001,)");
}

static void test_star_codes(void **state) {
    uint32_t leg = call_in("*11", 1);
    assert_string_equal(told(), "answer play(agent-ok)");
    floor_each_agent(w.floor, see, NULL);
    assert_int_equal(seen_presence[1], ACD_READY);
    w.media.played(w.media.ctx, leg, w.play_id[slot_index(leg)]);
    assert_string_equal(told(), "end(normal0)");
    assert_string_equal(result_of(RECORD_CONTACT, contact), "service");
    ends(leg, 0);
    call_in("*22", 1);
    floor_each_agent(w.floor, see, NULL);
    assert_int_equal(seen_presence[1], ACD_NOT_READY);
    assert_string_equal(w.last[RECORD_AGENT_STATE].agent_state.reason, "lunch");
    assert_int_equal(call_in("*31", 1), 0); /* no wrap-up to end, and no prompt to say so */
    assert_int_equal(refusal.status, 403);
    assert_int_equal(call_in("*29", 1), 0); /* there are two reasons */
    assert_int_equal(refusal.status, 403);
    assert_true(call_in("*11", 1));
    floor_each_agent(w.floor, see, NULL);
    assert_int_equal(seen_presence[1], ACD_READY);
    assert_int_equal(call_in("*99", 1), 0);
    assert_int_equal(refusal.status, 404);
    assert_int_equal(call_in("*11", 0), 0); /* not from a trunk */
}

static void test_drain_refuses_new_calls_and_ends_old_ones_when_told(void **state) {
    login("1001");
    uint32_t caller = call_in("200", 0);
    answers(phone(0));
    told();
    floor_drain(w.floor, false);
    assert_int_equal(call_in("200", 0), 0);
    assert_int_equal(refusal.status, 503);
    assert_int_equal(floor_calls(w.floor), 1);
    floor_drain(w.floor, true);
    assert_string_equal(told(), "end(normal0) end(normal0)");
    ends(caller, 0);
    ends(phone(0), 0);
    assert_int_equal(floor_calls(w.floor), 0);
}

static void test_hangup_command(void **state) {
    call_in("100", 0);
    told();
    assert_int_equal(floor_call_hangup(w.floor, 12345, "test"), -ENOENT);
    uint64_t id = w.last[RECORD_CONTACT].contact.id;
    assert_int_equal(floor_call_hangup(w.floor, id, "test"), 0);
    assert_string_equal(told(), "end(normal0)");
    assert_string_equal(w.last[RECORD_CONTACT].contact.ended_by, "system");
}

/* The same configuration without the queue sales. */
static void take_sales_away(void) {
    char text[sizeof conf_text];
    struct conf *next = NULL;
    str_copy(text, sizeof text, conf_text);
    static const char *const out[] = {"{ digit = \"1\"; target = \"queue:sales\"; },",
                                      "{ number = \"200\"; target = \"queue:sales\"; },", "\"sales\", ",
                                      "\"sales\" ]"};
    char *from = strstr(text, "{ name = \"sales\""), *to = strstr(text, "{ name = \"support\"");
    memset(from, ' ', (size_t)(to - from));
    for (size_t i = 0; i < ARRAY_LEN(out); i++) {
        char *at = strstr(text, out[i]);
        size_t length = strlen(out[i]);
        assert_non_null(at);
        memset(at, ' ', out[i][length - 1] == ']' ? length - 1 : length);
    }
    assert_int_equal(conf_parse(&next, text, w.conf, conf_error, NULL), 0);
    assert_int_equal(floor_reload(w.floor, next), 0);
    conf_free(w.conf);
    w.conf = next;
}

static void test_after_resume_the_phone_is_sent_to_again(void **state) {
    struct media_desc hold = audio, answer;
    hold.direction = MEDIA_SENDONLY;
    login("1001");
    call_in("200", 0);
    answers(phone(0));
    assert_int_equal(w.ua.reoffered(w.ua.ctx, phone(0), &hold, &answer), 0);
    assert_int_equal(w.agreed.local.direction, MEDIA_RECVONLY);
    assert_int_equal(w.ua.reoffered(w.ua.ctx, phone(0), &audio, &answer), 0);
    assert_int_equal(w.agreed.local.direction, MEDIA_SENDRECV);
    struct media_desc elsewhere = audio;
    str_copy(elsewhere.address, sizeof elsewhere.address, "2001:db8::1");
    assert_int_not_equal(w.ua.reoffered(w.ua.ctx, phone(0), &elsewhere, &answer), 0);
}

static void test_an_address_we_cannot_send_to_is_not_answered(void **state) {
    struct media_desc offer = audio;
    str_copy(offer.address, sizeof offer.address, "2001:db8::1");
    struct ua_incoming in = {
        .trunk = 1, .called = "200", .caller = "1", .caller_name = "", .call_id = "x", .offer = &offer};
    assert_int_not_equal(w.ua.invited(w.ua.ctx, &in, &refusal), 0);
    floor_turn(w.floor);
    assert_string_equal(told(), "end(refuse 480)");
    check();
}

/* A loop that is late: an agent's ring time has just passed when a direct call for another comes in. */
static void test_direct_call_at_the_moment_of_a_ring_timeout(void **state) {
    login("1002");
    uint32_t waiting = call_in("200", 0), phones[2] = {phone(0), phone(1)};
    rings(phones[0]);
    login("1001");
    w.now_us += 15000000;
    struct ua_incoming in = {
        .trunk = 1, .called = "300", .caller = "48777", .caller_name = "", .call_id = "x", .offer = &audio};
    uint32_t direct = w.ua.invited(w.ua.ctx, &in, &refusal);
    floor_turn(w.floor);
    check();
    ends(direct, 487);
    ends(waiting, 0);
    ends(phones[0], 487);
    ends(phones[1], 487);
    while (w.leg_count > 2)
        w.ua.ended(w.ua.ctx, w.legs[--w.leg_count], 487, true, "");
    pass_ms(60000);
    assert_int_equal(activity(1), ACD_IDLE);
    assert_int_equal(floor_calls(w.floor), 0);
    assert_int_equal(w.media_open, 0);
}

static void test_answer_at_the_moment_of_the_ring_timeout(void **state) {
    login("1001");
    call_in("200", 0);
    rings(phone(0));
    w.now_us += 15000000;
    answers(phone(0)); /* checks */
}

static void test_queue_goes_while_the_name_is_looked_up(void **state) {
    w.database = true;
    uint32_t caller = call_in("200", 0);
    take_sales_away();
    pass_ms(150);
    assert_string_equal(result_of(RECORD_VISIT, visit), "failed");
    assert_string_equal(result_of(RECORD_CONTACT, contact), "failed");
    assert_string_equal(w.last[RECORD_CONTACT].contact.ended_by, "system");
    ends(caller, 0);
    assert_int_equal(floor_calls(w.floor), 0);
}

static void test_queue_goes_while_a_caller_waits(void **state) {
    call_in("200", 0);
    take_sales_away();
    assert_string_equal(result_of(RECORD_VISIT, visit), "withdrawn");
    assert_string_equal(result_of(RECORD_CONTACT, contact), "withdrawn"); /* nobody lost patience */
}

/* The queue's overflow is known only to the configuration that goes. */
static void test_callers_of_a_queue_that_goes_overflow(void **state) {
    char text[sizeof conf_text];
    struct conf *next = NULL;
    call_in("400", 0);
    told();
    str_copy(text, sizeof text, conf_text);
    for (char *at = text; (at = strstr(at, "support")); at += 7)
        memcpy(at, "another", 7);
    assert_int_equal(conf_parse(&next, text, w.conf, conf_error, NULL), 0);
    assert_int_equal(floor_reload(w.floor, next), 0);
    conf_free(w.conf);
    w.conf = next;
    floor_turn(w.floor);
    assert_string_equal(told(), "play(closed)");
    assert_string_equal(result_of(RECORD_VISIT, visit), "withdrawn");
    check();
}

static void test_state_of_a_dead_phone_belongs_to_no_call(void **state) {
    login("1001");
    call_in("200", 0);
    ends(phone(0), 480);
    assert_string_equal(w.last[RECORD_AGENT_STATE].agent_state.activity, "unreachable");
    assert_int_equal(w.last[RECORD_AGENT_STATE].agent_state.contact_id, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        floor_test(test_menu_digit_queue_agent_talk_wrapup),
        floor_test(test_no_answer_goes_to_the_next_agent_and_keeps_the_place),
        floor_test(test_caller_gone_while_ringing_cancels_the_phone),
        floor_test(test_reject_busy_unreachable),
        floor_test(test_overflow_after_max_wait),
        floor_test(test_direct_call_and_busy),
        floor_test(test_hold_plays_music_and_is_counted),
        floor_test(test_refusals),
        floor_test(test_customer_name_reaches_the_phone),
        floor_test(test_silent_database_does_not_hold_the_call_up),
        floor_test(test_star_codes),
        floor_test(test_drain_refuses_new_calls_and_ends_old_ones_when_told),
        floor_test(test_hangup_command),
        floor_test(test_callers_of_a_queue_that_goes_overflow),
        floor_test(test_after_resume_the_phone_is_sent_to_again),
        floor_test(test_an_address_we_cannot_send_to_is_not_answered),
        floor_test(test_direct_call_at_the_moment_of_a_ring_timeout),
        floor_test(test_answer_at_the_moment_of_the_ring_timeout),
        floor_test(test_queue_goes_while_the_name_is_looked_up),
        floor_test(test_queue_goes_while_a_caller_waits),
        floor_test(test_state_of_a_dead_phone_belongs_to_no_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
