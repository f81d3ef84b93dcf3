/* LIBS: floor call acd ivr stats conf base */
/* SPDX-License-Identifier: Apache-2.0
 * A new configuration under calls and agents in every state: nobody is stuck, nothing is forgotten, and a
 * reload that fails has changed nothing. */
static const char conf_text[] =
    "general = { state_dir = \"/tmp\"; prompts_dir = \"/tmp\"; dispositions = [ \"sold\", \"lost\" ]; };\n"
    "trunks = ( { name = \"carrier\"; peers = ( { address = \"192.0.2.1\"; } ); } );\n"
    "queues = ( { name = \"all\"; strategy = \"ring_all\"; wrapup_ms = 10000; max_wait_ms = 30000;\n"
    "             wrapup_extensions = 3; overflow = \"play:closed\"; resume_ms = 60000; },\n"
    "           { name = \"notes\"; wrapup_ms = 10000; wrapup_mode = \"disposition\"; },\n"
    "           { name = \"steps\"; skills = [ \"english:5\" ]; wrapup_ms = 0; require = \"english >= 5\";\n"
    "             steps = ( { after_ms = 5000; require = \"english\"; }, { after_ms = 10000; require = \"\"; "
    "} "
    "); } );\n"
    "numbers = ( { number = \"500\"; target = \"queue:all\"; }, { number = \"508\"; target = "
    "\"queue:notes\"; },\n"
    "            { number = \"507\"; target = \"queue:steps\"; } );\n"
    "agents = ( { id = \"1001\"; password = \"a secret\"; queues = [ \"all\" ]; },\n"
    "           { id = \"1002\"; password = \"a secret\"; queues = [ \"all\" ]; },\n"
    "           { id = \"1003\"; password = \"a secret\"; queues = [ \"notes\" ]; },\n"
    "           { id = \"1004\"; password = \"a secret\"; queues = [ \"steps\" ]; skills = [ \"english:7\" "
    "]; } );\n"
    "skills = [ \"english\" ];\n";
#include "floor_world.h"

#include "acd/acd_mem.h"

/* The configuration with each `from` replaced by the `to` after it; NULL ends the list. */
static struct conf *changed(const char *const *change) {
    static char text[sizeof conf_text + 1000];
    struct conf *next = NULL;
    str_copy(text, sizeof text, conf_text);
    for (; *change; change += 2) {
        char rest[sizeof text], *at = strstr(text, change[0]);
        assert_non_null(at);
        str_copy(rest, sizeof rest, at + strlen(change[0]));
        snprintf(at, sizeof text - (size_t)(at - text), "%s%s", change[1], rest);
    }
    assert_int_equal(conf_parse(&next, text, w.conf, conf_error, NULL), 0);
    return next;
}
static void reload(const char *const *change) {
    struct conf *next = changed(change), *old = w.conf;
    w.conf = next;
    assert_int_equal(floor_reload(w.floor, next), 0);
    conf_free(old);
    check();
}

static uint32_t talk_at(const char *agent, const char *called) {
    login(agent);
    uint32_t caller = call_in(called, 0);
    answers(phone(0));
    return caller;
}

static const char *const no_dispositions[] = {"dispositions = [ \"sold\", \"lost\" ];", "",
                                              "wrapup_mode = \"disposition\";", "", NULL};

/* ---- wrap-up that waits for what can no longer be given ---- */

static void test_wrapup_without_dispositions_to_give(void **state) {
    uint32_t caller = talk_at("1003", "508");
    ends(caller, 0);
    pass_ms(20000);
    assert_int_equal(activity(3), ACD_WRAPUP);
    assert_int_equal(floor_agent_wrap_done(w.floor, "1003", "test"), -EPROTO);
    reload(no_dispositions);
    assert_int_equal(activity(3), ACD_IDLE);
    assert_int_not_equal(w.last[RECORD_HANDLE].handle.wrap_end_us, 0);
    assert_string_equal(w.last[RECORD_HANDLE].handle.disposition, "");
}

static void test_wrapup_whose_timer_runs_without_dispositions(void **state) {
    uint32_t caller = talk_at("1003", "508");
    ends(caller, 0);
    pass_ms(2000);
    reload(no_dispositions);
    assert_int_equal(activity(3), ACD_WRAPUP);
    pass_ms(7900);
    assert_int_equal(activity(3), ACD_WRAPUP);
    pass_ms(200);
    assert_int_equal(activity(3), ACD_IDLE);
}

/* The queue goes with the dispositions in the middle of a talk: its rules are kept for the end of that. */
static void test_talk_of_a_removed_queue_without_dispositions(void **state) {
    uint32_t caller = talk_at("1003", "508");
    static const char *const gone[] = {
        "dispositions = [ \"sold\", \"lost\" ];",
        "",
        "{ name = \"notes\"; wrapup_ms = 10000; wrapup_mode = \"disposition\"; },",
        "",
        "{ number = \"508\"; target = \"queue:notes\"; },",
        "",
        "queues = [ \"notes\" ]",
        "queues = [ \"all\" ]",
        NULL};
    reload(gone);
    assert_int_equal(activity(3), ACD_TALKING);
    ends(caller, 0);
    pass_ms(11000);
    assert_int_equal(activity(3), ACD_IDLE);
}

/* ---- no memory ---- */

static void test_a_reload_without_memory_changes_nothing(void **state) {
    static const char *const other[] = {"{ id = \"1002\"; password = \"a secret\"; queues = [ \"all\" ]; },",
                                        "", "max_wait_ms = 30000;", "max_wait_ms = 60000;", NULL};
    login("1001");
    login("1002");
    call_in("500", 0);
    assert_int_equal(floor_agent_logout(w.floor, "1001", "test"), 0);
    int64_t allocations = 0;
    for (int err = -ENOMEM; err; allocations++) {
        struct conf *next = changed(other), *old = w.conf;
        acd_mem_left = allocations;
        err = floor_reload(w.floor, next);
        acd_mem_left = -1;
        if (err) {
            assert_int_equal(err, -ENOMEM);
            assert_int_equal(activity(2), ACD_RESERVED);
        } else {
            w.conf = next;
        }
        conf_free(err ? next : old); /* as the daemon does it */
        check();
    }
    assert_true(allocations > 2);
    pass_ms(59000);
    assert_string_equal(result_of(RECORD_VISIT, visit), "");
    pass_ms(2000);
    assert_string_equal(result_of(RECORD_VISIT, visit), "timeout");
    assert_string_equal(w.offer[2].result, "cancelled");
}

/* ---- more time ---- */

static void test_more_time_after_the_queue_has_gone(void **state) {
    uint32_t caller = talk_at("1001", "500");
    ends(caller, 0);
    static const char *const gone[] = {
        "queues = ( { name = \"all\"", "queues = ( { name = \"new\"", "target = \"queue:all\"",
        "target = \"queue:new\"",      "queues = [ \"all\" ]; },\n",  "queues = [ \"new\" ]; },\n",
        "queues = [ \"all\" ]; },\n",  "queues = [ \"new\" ]; },\n",  NULL};
    reload(gone);
    assert_int_equal(activity(1), ACD_WRAPUP);
    assert_int_equal(floor_agent_wrap_more(w.floor, "1001", 0, "test"), 0);
    pass_ms(11000); /* more than it had */
    assert_int_equal(activity(1), ACD_WRAPUP);
    pass_ms(60000);
    assert_int_equal(activity(1), ACD_IDLE);
}

/* ---- fewer steps ---- */

static struct floor_waiting_view waiting;
static char waiting_wants[200];
static void see_waiting(void *arg, const struct floor_waiting_view *view) {
    waiting = *view;
    str_copy(waiting_wants, sizeof waiting_wants, view->wants);
}

static void test_a_step_that_is_not_there_any_more(void **state) {
    call_in("507", 0);
    pass_ms(11000);
    floor_each_waiting(w.floor, NULL, see_waiting, NULL);
    assert_int_equal(waiting.step, 2);
    assert_string_equal(waiting_wants, "");
    static const char *const fewer[] = {", { after_ms = 10000; require = \"\"; }", "", NULL};
    reload(fewer);
    floor_each_waiting(w.floor, NULL, see_waiting, NULL);
    assert_int_equal(waiting.step, 1);
    assert_string_equal(waiting_wants, "english");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        floor_test(test_wrapup_without_dispositions_to_give),
        floor_test(test_wrapup_whose_timer_runs_without_dispositions),
        floor_test(test_talk_of_a_removed_queue_without_dispositions),
        floor_test(test_a_reload_without_memory_changes_nothing),
        floor_test(test_more_time_after_the_queue_has_gone),
        floor_test(test_a_step_that_is_not_there_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
