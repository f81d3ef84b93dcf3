/* LIBS: floor call acd ivr stats conf base */
/* SPDX-License-Identifier: Apache-2.0
 * What the switchboard does with the distributor's decisions: many phones for one call, races, exits by key,
 * refusals, lost places, preferred agents, help from other tiers, wrap-up until a disposition. */
static const char conf_text[] =
    "general = { state_dir = \"/tmp\"; prompts_dir = \"/tmp\"; dispositions = [ \"sold\", \"lost\" ]; };\n"
    "limits = { max_calls = 20; };\n"
    "store = { database = \"dbname=callfloor\"; };\n"
    "trunks = ( { name = \"carrier\"; peers = ( { address = \"192.0.2.1\"; } ); } );\n"
    "queues = (\n"
    " { name = \"all\"; strategy = \"ring_all\"; wrapup_ms = 0; resume_ms = 60000; },\n"
    " { name = \"more\"; strategy = \"ring_progressively\"; ring_step_ms = 5000; wrapup_ms = 0; },\n"
    " { name = \"door\"; need_agents = true; need_unpaused = true; max_waiting = 1; wrapup_ms = 0;\n"
    "   empty_grace_ms = 5000; overflow = \"play:closed\"; },\n"
    " { name = \"hard\"; need_agents = true; },\n"
    " { name = \"keys\"; music = \"music\"; max_wait_ms = 30000; overflow = \"play:closed\"; exits = (\n"
    "   { digit = \"1\"; target = \"queue:all\"; }, { digit = \"2\"; target = \"menu:main\"; },\n"
    "   { digit = \"#\"; target = \"hangup\"; }, { digit = \"0\"; target = \"agent:1005\"; } ); },\n"
    " { name = \"last\"; preferred = \"last\"; preferred_wait_ms = 20000; wrapup_ms = 0; },\n"
    " { name = \"owner\"; preferred = \"owner\"; wrapup_ms = 0; },\n"
    " { name = \"steps\"; require = \"english >= 5\"; wrapup_ms = 0;\n"
    "   steps = ( { after_ms = 10000; require = \"\"; } );\n"
    "   reserve = ( { tier = 2; waiting = 2; waiting_back = 0; hold_ms = 1000; } ); },\n"
    " { name = \"notes\"; wrapup_ms = 10000; wrapup_mode = \"disposition\"; },\n"
    " { name = \"long\"; max_expected_wait_ms = 1000; overflow = \"play:closed\"; } );\n"
    "menus = ( { name = \"main\"; prompt = \"menu\"; choices = ( { digit = \"1\"; target = \"queue:all\"; } "
    "); } );\n"
    "numbers = ( { number = \"500\"; target = \"queue:all\"; }, { number = \"501\"; target = \"queue:more\"; "
    "},\n"
    " { number = \"502\"; target = \"queue:door\"; }, { number = \"503\"; target = \"queue:hard\"; },\n"
    " { number = \"504\"; target = \"queue:keys\"; }, { number = \"505\"; target = \"queue:last\"; },\n"
    " { number = \"506\"; target = \"queue:owner\"; }, { number = \"507\"; target = \"queue:steps\"; },\n"
    " { number = \"508\"; target = \"queue:notes\"; }, { number = \"509\"; target = \"queue:long\"; } );\n"
    "agents = ( { id = \"1001\"; password = \"a secret\"; queues = [ \"all\", \"more\", \"keys\", \"last\", "
    "\"owner\" ]; },\n"
    " { id = \"1002\"; password = \"a secret\"; queues = [ \"all\", \"more\" ]; },\n"
    " { id = \"1003\"; password = \"a secret\"; queues = [ \"all\", \"more\", \"last\", \"owner\" ]; },\n"
    " { id = \"1004\"; password = \"a secret\"; queues = [ \"door\", \"hard\", \"steps\", \"notes\", "
    "\"long\" ]; },\n"
    " { id = \"1005\"; password = \"a secret\"; queues = [ \"steps:2\" ]; skills = [ \"english:7\" ]; },\n"
    " { id = \"1006\"; password = \"a secret\"; queues = [ \"steps\" ]; skills = [ \"english:7\" ]; } );\n"
    "skills = [ \"english\" ];\n";
#include "floor_world.h"

static struct floor_counters counters(void) {
    struct floor_counters now_;
    floor_counters(w.floor, &now_);
    return now_;
}
static struct stats_queue figures;
static const char *wanted;
static void see_queue(void *arg, const struct floor_queue_view *view) {
    if (!strcmp(view->name, wanted))
        figures = *view->today;
}
static const struct stats_queue *today(const char *queue) {
    wanted = queue;
    floor_each_queue(w.floor, see_queue, NULL);
    return &figures;
}
static struct floor_call_view shown;
static void see_call(void *arg, const struct floor_call_view *view) {
    shown = *view;
}
static const struct floor_call_view *last_call(void) {
    memset(&shown, 0, sizeof shown);
    floor_each_call(w.floor, see_call, NULL);
    return &shown;
}
static void all_is_over(void) {
    for (uint32_t i = 0; i < w.leg_count; i++)
        w.ua.ended(w.ua.ctx, w.legs[i], 0, true, "");
    check();
    assert_int_equal(floor_calls(w.floor), 0);
    assert_int_equal(w.media_open, 0);
}

/* ---- several phones ---- */

static void test_ring_all_first_answer_wins(void **state) {
    login("1001");
    login("1002");
    login("1003");
    uint32_t caller = call_in("500", 0);
    assert_string_equal(told(), "answer invite(1001,) invite(1002,) invite(1002b,) invite(1003,)");
    for (int i = 0; i < 4; i++)
        rings(phone(i));
    assert_string_equal(last_call()->state, "ringing");
    assert_string_equal(last_call()->agent, "1001");
    w.now_us += 3000000;
    answers(phone(3));
    /* the others are told why they stop ringing, and only they; then caller and agent hear each other */
    assert_string_equal(told(), "end(elsewhere0) end(elsewhere0) end(elsewhere0) join");
    assert_int_equal(activity(1), ACD_TALKING);
    assert_int_equal(activity(2), ACD_IDLE);
    assert_int_equal(activity(3), ACD_IDLE);
    assert_string_equal(last_call()->state, "talking");
    assert_string_equal(last_call()->agent, "1001");
    assert_string_equal(w.offer[1].result, "answered");
    for (int agent = 2; agent <= 3; agent++) {
        assert_string_equal(w.offer[agent].result, "lost_race");
        assert_int_equal(w.offer[agent].end_us - w.offer[agent].ring_us, 3000000);
        assert_int_equal(w.offer[agent].visit_id, w.offer[1].visit_id);
        assert_int_equal(seen_stats[agent].offers, 1);
        assert_int_equal(seen_stats[agent].lost_races, 1);
        assert_int_equal(seen_stats[agent].missed + seen_stats[agent].rejected, 0);
    }
    assert_true(w.offer[1].id != w.offer[2].id && w.offer[2].id != w.offer[3].id);
    ends(caller, 0);
    assert_string_equal(w.last[RECORD_HANDLE].handle.agent, "1001");
    assert_int_equal(w.put_count[RECORD_HANDLE], 3); /* opened, ended, wrap-up ended: one handle */
    all_is_over();
}

/* The losers' 200s cross our CANCELs, or both come before we could do anything. */
static void test_late_and_simultaneous_answers(void **state) {
    login("1001");
    login("1003");
    uint32_t caller = call_in("500", 0);
    uint32_t first = phone(1), second = phone(0);
    rings(first);
    rings(second);
    told();
    answers(second);
    answers(first);
    answers(first);
    assert_string_equal(told(), "end(elsewhere0) join"); /* the adapter ends a 200 that crosses our CANCEL */
    assert_int_equal(activity(1), ACD_IDLE);
    assert_int_equal(activity(3), ACD_TALKING);
    assert_string_equal(w.offer[1].result, "lost_race");
    assert_string_equal(w.offer[3].result, "answered");
    /* the loser can be rung again while the SIP side of the lost race is not over yet */
    uint32_t other = call_in("500", 0);
    assert_string_equal(told(), "answer invite(1001,)");
    uint32_t again = phone(0);
    ends(first, 0);
    rings(again);
    assert_int_equal(activity(1), ACD_RINGING);
    answers(again);
    assert_string_equal(told(), "join");
    ends(caller, 0);
    ends(other, 0);
    all_is_over();
}

static void test_caller_gone_while_many_ring(void **state) {
    login("1001");
    login("1002");
    uint32_t caller = call_in("500", 0);
    for (int i = 0; i < 3; i++)
        rings(phone(i));
    told();
    ends(caller, 0);
    assert_string_equal(told(), "end(normal0) end(normal0) end(normal0)");
    assert_string_equal(w.offer[1].result, "caller_gone");
    assert_string_equal(w.offer[2].result, "caller_gone");
    assert_int_equal(activity(1), ACD_IDLE);
    assert_int_equal(activity(2), ACD_IDLE);
    assert_string_equal(result_of(RECORD_VISIT, visit), "abandoned");
    all_is_over();
}

/* One refuses, one rings out, one is reached by a second call's turn: each offer has its own end. */
static void test_phones_of_one_call_fail_one_by_one(void **state) {
    login("1001");
    login("1002");
    login("1003");
    uint32_t caller = call_in("500", 0);
    uint32_t one = phone(3), two = phone(2), two_b = phone(1), three = phone(0);
    rings(one);
    rings(three);
    told();
    ends(one, 603);
    assert_string_equal(w.offer[1].result, "rejected");
    assert_string_equal(last_call()->agent, "1002"); /* the first of those who are still rung */
    ends(two, 480);
    ends(two_b, 486);
    assert_string_equal(w.offer[2].result, "busy");
    assert_string_equal(last_call()->agent, "1003");
    assert_string_equal(told(), "");
    answers(three);
    assert_string_equal(told(), "join");
    ends(caller, 0);
    all_is_over();
}

static void test_one_phone_more_each_five_seconds(void **state) {
    login("1001");
    pass_ms(10);
    login("1003");
    pass_ms(10);
    uint32_t caller = call_in("501", 0);
    assert_string_equal(told(), "answer invite(1001,)");
    rings(phone(0));
    pass_ms(4999);
    assert_string_equal(told(), "");
    w.now_us += 31000; /* the loop is late: 30 ms of this are not the strategy's five seconds */
    floor_turn(w.floor);
    check();
    assert_string_equal(told(), "invite(1003,)");
    rings(phone(0));
    assert_int_equal(counters().dispatches, 2);
    assert_in_range(counters().dispatch_p99_us, 30000, 36000);
    assert_in_range(counters().dispatch_p50_us, 0, 10);
    answers(phone(1));
    assert_string_equal(told(), "end(elsewhere0) join");
    ends(caller, 0);
    all_is_over();
}

/* The last one gives up, another comes in behind those who still ring. */
static void test_a_place_among_those_who_ring_is_free_again(void **state) {
    login("1001");
    pass_ms(10);
    login("1003");
    uint32_t caller = call_in("501", 0);
    rings(phone(0));
    pass_ms(5000);
    rings(phone(0));
    ends(phone(0), 603);
    told();
    login("1002");
    assert_string_equal(told(), "invite(1002,) invite(1002b,)");
    assert_string_equal(last_call()->agent, "1001");
    answers(phone(0));
    assert_string_equal(told(), "end(elsewhere0) end(elsewhere0) join");
    assert_string_equal(w.offer[1].result, "lost_race");
    ends(caller, 0);
    all_is_over();
}

static void test_removed_agent_stops_ringing_alone(void **state) {
    login("1001");
    login("1003");
    uint32_t caller = call_in("500", 0);
    rings(phone(0));
    rings(phone(1));
    told();
    assert_int_equal(floor_agent_logout(w.floor, "1001", "test"), 0);
    check();
    assert_string_equal(told(), "end(normal0)");
    assert_string_equal(w.offer[1].result, "cancelled");
    w.ua.agent_reachable(w.ua.ctx, 3, false);
    check();
    assert_string_equal(told(), "end(normal0)");
    assert_string_equal(w.offer[3].result, "unreachable");
    assert_string_equal(last_call()->state, "queued");
    assert_string_equal(last_call()->agent, "");
    ends(caller, 0);
    all_is_over();
}

/* ---- who calls, and a lost place ---- */

static void test_caller_key(void **state) {
    const uint64_t key = 0xd14251c2b513cc98u; /* FNV-1a of "+420123", computed elsewhere */
    assert_true(floor_caller_key("+420123") == key);
    assert_true(floor_caller_key("+420 12-3") == key);
    assert_true(floor_caller_key("420123") != key);
    assert_true(floor_caller_key("+420124") != key);
    assert_true(floor_caller_key("123"));
    assert_true(floor_caller_key("alice100") != floor_caller_key("bob100")); /* not a number, but somebody */
    assert_true(floor_caller_key("alice100") != floor_caller_key("100"));
    assert_true(floor_caller_key("Alice100") == floor_caller_key("alice100"));
    static const char *const nobody[] = {"", "anonymous", "Anonymous", "unknown", "12", "+12", "+++", "a1b2"};
    for (size_t i = 0; i < ARRAY_LEN(nobody); i++)
        assert_true(floor_caller_key(nobody[i]) == 0);
}

static uint32_t position_of(const char *caller, const char *called, uint32_t *leg) {
    uint32_t id = call_from(caller, called, 0);
    if (leg)
        *leg = id;
    return last_call()->position;
}

static void test_lost_place_is_found_again(void **state) {
    uint32_t ada, bob;
    assert_int_equal(position_of("48111", "500", &ada), 1);
    pass_ms(10000);
    assert_int_equal(position_of("48222", "500", NULL), 2);
    pass_ms(10000);
    ends(ada, 0);
    assert_string_equal(result_of(RECORD_VISIT, visit), "abandoned");
    pass_ms(10000);
    assert_int_equal(position_of("48333", "500", NULL), 2);
    assert_int_equal(position_of("48111", "500", &ada), 1);
    const struct record_visit *visit = &w.last[RECORD_VISIT].visit;
    assert_int_equal(visit->enter_us - visit->since_us, 30000000);
    assert_int_equal(today("all")->resumed, 1);
    /* the line dies: the caller has not given up, and comes back to the same place again */
    ends(ada, 408);
    assert_string_equal(result_of(RECORD_VISIT, visit), "failed");
    assert_string_equal(result_of(RECORD_CONTACT, contact), "failed");
    assert_string_equal(w.last[RECORD_CONTACT].contact.ended_by, "system");
    assert_int_equal(w.last[RECORD_CONTACT].contact.sip_status, 408);
    assert_int_equal(position_of("48111", "500", &ada), 1);
    /* taken out by a supervisor: nothing was lost */
    assert_int_equal(floor_call_hangup(w.floor, last_call()->number, "test"), 0);
    check();
    ends(ada, 0);
    assert_string_equal(result_of(RECORD_VISIT, visit), "withdrawn");
    assert_int_equal(position_of("48111", "500", NULL), 3);
    /* whose number nobody knows has none to be found by */
    assert_int_equal(position_of("anonymous", "500", &bob), 4);
    ends(bob, 0);
    pass_ms(1000);
    assert_int_equal(position_of("48444", "500", NULL), 4);
    assert_int_equal(position_of("anonymous", "500", NULL), 5);
}

/* What the daemon saves of places, and gives to the next one. */
static struct floor_place saved[8];
static char saved_queue[8][NAME_LEN];
static uint32_t saved_count;
static void save_place(void *arg, const struct floor_place *place) {
    assert_true(saved_count < ARRAY_LEN(saved));
    saved[saved_count] = *place;
    str_copy(saved_queue[saved_count], NAME_LEN, place->queue);
    saved[saved_count].queue = saved_queue[saved_count];
    saved_count++;
}
static void save_places(void) {
    saved_count = 0;
    floor_each_place(w.floor, save_place, NULL);
}
/* Another daemon, so many seconds after the end of this one. */
static void restart(void **state, uint64_t away_s) {
    uint64_t now_us = w.now_us;
    teardown(state);
    setup(state);
    w.now_us = now_us + away_s * 1000000;
}

static void test_places_outlive_a_restart(void **state) {
    uint64_t changes = floor_place_changes(w.floor), began_us = wall(NULL);
    uint32_t ada = call_from("48111", "500", 0);
    assert_int_not_equal(floor_place_changes(w.floor), changes);
    pass_ms(10000);
    call_from("48222", "500", 0);
    call_from("anonymous", "500", 0);
    call_from("48333", "504", 0); /* a queue that keeps no places */
    pass_ms(5000);
    changes = floor_place_changes(w.floor);
    ends(ada, 0);
    assert_int_not_equal(floor_place_changes(w.floor), changes);
    pass_ms(5000);
    save_places(); /* as if killed now: one lost five seconds ago, one now */
    assert_int_equal(saved_count, 2);
    assert_true(saved[0].caller == floor_caller_key("48111") && saved[1].caller == floor_caller_key("48222"));
    assert_int_equal(saved[0].since_us, began_us);
    assert_int_equal(saved[0].lost_us, began_us + 15000000);
    assert_int_equal(saved[1].since_us, began_us + 10000000);
    assert_int_equal(saved[1].lost_us, began_us + 20000000);
    restart(state, 50); /* 1: 55 seconds after the loss of the first, which is kept for 60 */
    assert_int_equal(floor_restore_place(w.floor, &saved[0]), 0);
    assert_int_equal(floor_restore_place(w.floor, &saved[1]), 0);
    saved[0].queue = "gone";
    assert_int_equal(floor_restore_place(w.floor, &saved[0]), -ENOENT);
    saved[0].queue = "all";
    save_places(); /* the next restart may come soon */
    assert_int_equal(saved_count, 2);
    assert_int_equal(position_of("48444", "500", NULL), 1);
    assert_int_equal(position_of("48222", "500", NULL), 1);
    assert_int_equal(position_of("48111", "500", NULL), 1);
    assert_int_equal(wall(NULL) - w.last[RECORD_VISIT].visit.since_us, 70000000);
    save_places(); /* their places are used up; they wait, and have them again if we die now */
    assert_int_equal(saved_count, 3);
    assert_int_equal(saved[1].lost_us, wall(NULL));
    struct floor_place first = saved[2];
    first.lost_us -= 1000000;
    restart(state, 59);
    assert_int_equal(floor_restore_place(w.floor, &saved[1]), 0);
    assert_int_equal(floor_restore_place(w.floor, &first), -ESTALE);
    first.lost_us = wall(NULL) + 1; /* by a clock that was wrong */
    assert_int_equal(floor_restore_place(w.floor, &first), -EINVAL);
    first.lost_us = first.since_us - 1;
    assert_int_equal(floor_restore_place(w.floor, &first), -EINVAL);
    assert_int_equal(position_of("48111", "500", NULL), 1);
    assert_int_equal(position_of("48222", "500", NULL), 1);
}

static void test_a_pending_wish_is_worth_saving(void **state) {
    login("1001");
    call_in("500", 0);
    answers(phone(0));
    uint64_t changes = floor_place_changes(w.floor);
    assert_int_equal(floor_agent_logout(w.floor, "1001", "test"), 0);
    assert_int_equal(seen_presence[activity(1) == ACD_TALKING], ACD_READY);
    assert_int_not_equal(floor_place_changes(w.floor), changes);
}

/* Whom the end of a drain cuts off has lost the place by our fault. */
static void test_drained_callers_keep_their_places(void **state) {
    call_from("48111", "500", 0);
    floor_drain(w.floor, true);
    check();
    assert_string_equal(result_of(RECORD_VISIT, visit), "failed");
    save_places();
    assert_int_equal(saved_count, 1);
    assert_true(saved[0].caller == floor_caller_key("48111"));
}

/* ---- the customer's agent ---- */

static void known_as(const char *last, const char *owner) {
    struct store_customer customer = {.id = 7};
    str_copy(customer.last_agent, sizeof customer.last_agent, last);
    str_copy(customer.owner_agent, sizeof customer.owner_agent, owner);
    w.store.customer(w.store.ctx, w.asked, &customer);
    check();
}

static void rung_for(const char *called, const char *last, const char *owner, const char *told_) {
    uint32_t caller = call_in(called, 0);
    assert_string_equal(told(), "answer");
    known_as(last, owner);
    assert_string_equal(told(), told_);
    ends(caller, 0);
    while (w.leg_count)
        ends(w.legs[--w.leg_count], 487);
    told();
}

static void test_preferred_agent(void **state) {
    w.database = true;
    login("1001");
    pass_ms(1000);
    login("1003"); /* less long idle */
    rung_for("505", "1003", "1001", "invite(1003,)");
    rung_for("506", "1001", "1003", "invite(1003,)");
    rung_for("505", "", "1003", "invite(1001,)");
    rung_for("506", "1003", "", "invite(1001,)");
    rung_for("505", "9999", "", "invite(1001,)");                   /* has left the company */
    rung_for("500", "1003", "1003", "invite(1001,) invite(1003,)"); /* a queue without preferences */
    uint32_t caller = call_in("505", 0);
    assert_string_equal(told(), "answer");
    pass_ms(150); /* the database is silent */
    assert_string_equal(told(), "invite(1001,)");
    known_as("1003", "");
    assert_string_equal(told(), "");
    ends(caller, 0);
    all_is_over();
}

/* The customer's agent is in a talk: the call waits, then goes to somebody else. */
static void test_preferred_agent_is_waited_for(void **state) {
    w.database = true;
    login("1001");
    login("1003");
    uint32_t first = call_in("505", 0);
    known_as("1003", "");
    answers(phone(0));
    told();
    uint32_t caller = call_in("505", 0);
    known_as("1003", "");
    assert_string_equal(told(), "answer");
    pass_ms(19999);
    assert_string_equal(told(), "");
    pass_ms(1);
    assert_string_equal(told(), "invite(1001,)");
    ends(first, 0);
    ends(caller, 0);
    all_is_over();
}

/* ---- leaving by a key ---- */

static void press(uint32_t leg, char digit) {
    w.media.digit(w.media.ctx, leg, digit, 100);
    check();
}

static void test_keys_lead_out_of_the_queue(void **state) {
    uint32_t caller = call_in("504", 0);
    assert_string_equal(told(), "answer play(music...)");
    press(caller, '5'); /* leads nowhere */
    press(caller, 'A');
    assert_string_equal(told(), "");
    assert_string_equal(last_call()->queue, "keys");
    pass_ms(1000);
    press(caller, '2');
    assert_string_equal(told(), "play(menu)");
    assert_string_equal(result_of(RECORD_VISIT, visit), "exit_key");
    assert_int_equal(w.last[RECORD_VISIT].visit.leave_us - w.last[RECORD_VISIT].visit.enter_us, 1000000);
    assert_string_equal(last_call()->state, "menu");
    pass_ms(40000); /* the queue's timer means nothing here; the menu's runs */
    press(caller, '1');
    assert_string_equal(last_call()->queue, "all");
    assert_int_equal(today("keys")->ends[ACD_VISIT_EXIT_KEY], 1);
    assert_int_equal(today("keys")->other, 1);
    told();
    caller = call_in("504", 0);
    w.ua.info_digit(w.ua.ctx, caller, '#', 100);
    assert_string_equal(told(), "answer play(music...) end(normal0)");
    check();
    ends(caller, 0);
    assert_int_equal(floor_calls(w.floor), 1);
}

static void test_key_while_a_phone_rings(void **state) {
    login("1001");
    login("1003");
    uint32_t caller = call_in("504", 0);
    rings(phone(0));
    told();
    press(caller, '1'); /* to the queue in which both are rung */
    assert_string_equal(told(), "end(normal0) stop invite(1001,) invite(1003,)");
    ends(w.legs[0], 487);
    answers(phone(1));
    assert_string_equal(told(), "end(elsewhere0) join");
    press(caller, '1');
    press(caller, '2');
    assert_string_equal(told(), "");
    assert_string_equal(last_call()->state, "talking");
    ends(caller, 0);
    assert_string_equal(result_of(RECORD_CONTACT, contact), "handled");
    all_is_over();
}

static void test_key_to_one_agent(void **state) {
    uint32_t caller = call_in("504", 0);
    told();
    press(caller, '0');
    assert_string_equal(told(), "play(ringback...) invite(1005,)");
    assert_string_equal(last_call()->state, "ringing");
    assert_string_equal(last_call()->agent, "1005");
    answers(phone(0));
    assert_string_equal(told(), "join");
    ends(caller, 0);
    all_is_over();
}

/* Answer and key, time limit and key at one moment: the first counts, and the caller goes one way. */
static void test_key_too_late(void **state) {
    login("1001");
    uint32_t caller = call_in("504", 0);
    rings(phone(0));
    answers(phone(0));
    told();
    press(caller, '1');
    assert_string_equal(told(), "");
    assert_string_equal(last_call()->state, "talking");
    uint32_t other = call_in("504", 0);
    w.now_us += 30000000;
    told();
    press(other, '1');
    assert_string_equal(told(), "play(closed)");
    assert_string_equal(result_of(RECORD_VISIT, visit), "timeout");
    ends(other, 0);
    ends(caller, 0);
    all_is_over();
}

/* ---- refused, or let out ---- */

static const char *sent_on(const char *called) {
    uint32_t caller = call_in(called, 0);
    assert_string_equal(told(), "answer play(closed)");
    ends(caller, 0);
    told();
    return result_of(RECORD_VISIT, visit);
}

static void test_every_refusal_overflows(void **state) {
    assert_string_equal(sent_on("502"), "no_agents");
    assert_int_equal(floor_agent_login(w.floor, "1004", false, "test"), 0);
    assert_string_equal(sent_on("502"), "all_paused");
    assert_int_equal(floor_queue_close(w.floor, "door", "test"), 0);
    assert_string_equal(sent_on("502"), "closed");
    assert_int_equal(floor_queue_open(w.floor, "door", "test"), 0);
    assert_int_equal(floor_agent_unpause(w.floor, "1004", "test"), 0);
    uint32_t talking = call_in("502", 0);
    answers(phone(0));
    told();
    assert_string_equal(sent_on("509"), "wait_too_long");
    uint32_t waiting = call_in("502", 0);
    assert_string_equal(told(), "answer");
    assert_string_equal(sent_on("502"), "full");
    assert_int_equal(floor_agent_logout(w.floor, "1004", "test"), 0);
    ends(talking, 0);
    assert_string_equal(told(), "end(normal0)");
    pass_ms(4999);
    assert_string_equal(told(), "");
    pass_ms(1);
    assert_string_equal(told(), "play(closed)");
    assert_string_equal(result_of(RECORD_VISIT, visit), "left_empty");
    ends(waiting, 0);
    const struct stats_queue *door = today("door");
    assert_int_equal(door->offered, 6);
    assert_int_equal(door->answered, 1);
    assert_int_equal(door->other, 5);
    static const enum acd_visit_result each[] = {ACD_VISIT_NO_AGENTS, ACD_VISIT_PAUSED, ACD_VISIT_CLOSED,
                                                 ACD_VISIT_FULL,      ACD_VISIT_EMPTY,  ACD_VISIT_ANSWERED};
    for (size_t i = 0; i < ARRAY_LEN(each); i++)
        assert_int_equal(door->ends[each[i]], 1);
    all_is_over();
}

static void test_refused_without_overflow_hangs_up(void **state) {
    uint32_t caller = call_in("503", 0);
    assert_string_equal(told(), "answer end(normal0)");
    assert_string_equal(result_of(RECORD_VISIT, visit), "no_agents");
    assert_string_equal(result_of(RECORD_CONTACT, contact), "withdrawn");
    ends(caller, 0);
    all_is_over();
}

/* ---- wanting less, getting help ---- */

static char logged[4096];
static void keep_line(void *arg, const char *line) {
    if (strstr(line, "event=step") || strstr(line, "event=reserve")) {
        str_copy(logged + strlen(logged), sizeof logged - strlen(logged), strstr(line, "event="));
        if (logged[strlen(logged) - 1] != '\n')
            strcat(logged, "\n");
    }
}
static void listen(void) {
    *logged = 0;
    log_to(keep_line, NULL);
    log_set_level("acd", "info");
}
static void stop_listening(void) {
    log_set_level(NULL, "error");
    log_to(NULL, NULL);
}

static void test_step_is_told_and_counted(void **state) {
    listen();
    login("1004");
    assert_int_equal(floor_agent_login(w.floor, "1006", false, "test"), 0); /* speaks English, and is away */
    uint32_t caller = call_in("507", 0);
    assert_string_equal(told(), "answer");
    pass_ms(9999);
    assert_string_equal(told(), "");
    pass_ms(1);
    assert_string_equal(told(), "invite(1004,)");
    assert_in_range(counters().dispatch_p99_us, 0, 10); /* not the ten seconds for which 1004 was idle */
    stop_listening();
    char line[80];
    snprintf(line, sizeof line, "event=step call=%llu queue=\"steps\" step=1\n",
             (unsigned long long)last_call()->number);
    assert_string_equal(logged, line);
    assert_int_equal(today("steps")->steps, 1);
    answers(phone(0));
    assert_int_equal(w.last[RECORD_VISIT].visit.step, 1);
    ends(caller, 0);
    all_is_over();
}

static void test_help_comes_and_goes(void **state) {
    listen();
    assert_int_equal(floor_agent_login(w.floor, "1006", false, "test"), 0);
    login("1005");
    uint32_t first = call_in("507", 0);
    assert_string_equal(told(), "answer");
    uint32_t second = call_in("507", 0);
    assert_string_equal(told(), "answer invite(1005,)");
    answers(phone(0));
    ends(second, 0);
    ends(first, 0);
    pass_ms(1000);
    stop_listening();
    assert_string_equal(logged,
                        "event=reserve queue=\"steps\" tier=2\nevent=reserve queue=\"steps\" tier=1\n");
    assert_int_equal(today("steps")->reserves, 1);
    all_is_over();
}

/* ---- wrap-up until a disposition ---- */

static void test_wrapup_ends_with_the_disposition(void **state) {
    login("1004");
    uint32_t caller = call_in("508", 0);
    answers(phone(0));
    pass_ms(20000);
    ends(caller, 0);
    pass_ms(25000); /* its ten seconds are long over */
    assert_int_equal(activity(4), ACD_WRAPUP);
    assert_int_equal(w.last[RECORD_HANDLE].handle.wrap_end_us, 0);
    assert_int_equal(floor_agent_wrap_done(w.floor, "1004", "test"), -EPROTO);
    assert_int_equal(floor_agent_disposition(w.floor, "1004", "sold", "test"), 0);
    check();
    assert_int_equal(activity(4), ACD_IDLE);
    const struct record_handle *row = &w.last[RECORD_HANDLE].handle;
    assert_int_equal(row->talk_ms, 20000);
    assert_int_equal(row->wrap_ms, 25000);
    assert_int_equal(row->wrap_end_us - row->end_us, 25000000);
    assert_string_equal(row->disposition, "sold");
    assert_int_equal(today("notes")->wrap_ms, 25000);
    all_is_over();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        floor_test(test_ring_all_first_answer_wins),
        floor_test(test_late_and_simultaneous_answers),
        floor_test(test_caller_gone_while_many_ring),
        floor_test(test_phones_of_one_call_fail_one_by_one),
        floor_test(test_one_phone_more_each_five_seconds),
        floor_test(test_a_place_among_those_who_ring_is_free_again),
        floor_test(test_removed_agent_stops_ringing_alone),
        floor_test(test_caller_key),
        floor_test(test_lost_place_is_found_again),
        floor_test(test_places_outlive_a_restart),
        floor_test(test_a_pending_wish_is_worth_saving),
        floor_test(test_drained_callers_keep_their_places),
        floor_test(test_preferred_agent),
        floor_test(test_preferred_agent_is_waited_for),
        floor_test(test_keys_lead_out_of_the_queue),
        floor_test(test_key_while_a_phone_rings),
        floor_test(test_key_to_one_agent),
        floor_test(test_key_too_late),
        floor_test(test_every_refusal_overflows),
        floor_test(test_refused_without_overflow_hangs_up),
        floor_test(test_step_is_told_and_counted),
        floor_test(test_help_comes_and_goes),
        floor_test(test_wrapup_ends_with_the_disposition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
