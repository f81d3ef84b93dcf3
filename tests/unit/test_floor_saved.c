/* LIBS: floor call acd ivr stats conf base */
/* SPDX-License-Identifier: Apache-2.0
 * A switchboard that is killed, and the one that comes after it: agents' presence, order and wrap-up,
 * callers' places, the figures of the day. */
static const char conf_text[] =
    "general = { state_dir = \"/tmp\"; prompts_dir = \"/tmp\"; pause_reasons = [ \"break\", \"lunch\" ];\n"
    " dispositions = [ \"sold\" ]; };\n"
    "trunks = ( { name = \"carrier\"; peers = ( { address = \"192.0.2.1\"; } ); } );\n"
    "queues = ( { name = \"sales\"; wrapup_ms = 30000; resume_ms = 60000; ring_ms = 60000; },\n"
    "           { name = \"plain\"; wrapup_ms = 0; },\n"
    "           { name = \"notes\"; wrapup_ms = 10000; wrapup_mode = \"disposition\"; } );\n"
    "numbers = ( { number = \"200\"; target = \"queue:sales\"; }, { number = \"201\"; target = "
    "\"queue:plain\"; },\n"
    "            { number = \"202\"; target = \"queue:notes\"; } );\n"
    "agents = ( { id = \"1001\"; password = \"a secret\"; queues = [ \"sales\" ]; },\n"
    "           { id = \"1002\"; password = \"a secret\"; queues = [ \"sales\" ]; },\n"
    "           { id = \"1003\"; password = \"a secret\"; queues = [ \"notes\" ]; auto_login = true; },\n"
    "           { id = \"1004\"; password = \"a secret\"; queues = [ \"plain\" ]; } );\n";
#include "floor/internal.h"
#include "floor_world.h"

/* ---- killed, and started again ---- */

static struct {
    struct floor_saved_agent agent[8];
    struct floor_saved_figures figures[8];
    struct stats_agent agent_today[8];
    struct stats_queue queue_today[8];
    const char *queue[8];
    uint32_t agents, queues, all_figures;
} saved;

static void keep_agent(void *arg, const struct floor_saved_agent *agent) {
    saved.agent[saved.agents++] = *agent; /* its texts are the configuration's */
}
static void keep_queue(void *arg, const char *name, const struct stats_queue *today) {
    saved.queue[saved.queues] = name;
    saved.queue_today[saved.queues++] = *today;
}
static void keep_figures(void *arg, const struct floor_saved_figures *figures) {
    saved.figures[saved.all_figures] = *figures;
    saved.agent_today[saved.all_figures] = *figures->today;
    saved.figures[saved.all_figures].today = &saved.agent_today[saved.all_figures];
    saved.all_figures++;
}

static void save(void) {
    memset(&saved, 0, sizeof saved);
    floor_each_saved_agent(w.floor, keep_agent, NULL);
    floor_each_saved_queue(w.floor, keep_queue, NULL);
    floor_each_saved_figures(w.floor, keep_figures, NULL);
}

/* Killed now, back after away_ms: with what had been saved before. */
static void restart(uint64_t away_ms) {
    uint64_t cut_us = wall(NULL);
    floor_destroy(w.floor);
    w.now_us += away_ms * 1000;
    start_floor();
    for (uint32_t i = 0; i < saved.agents; i++)
        assert_int_equal(floor_restore_agent(w.floor, &saved.agent[i], cut_us), 0);
    for (uint32_t i = 0; i < saved.queues; i++)
        assert_int_equal(floor_restore_queue(w.floor, saved.queue[i], &saved.queue_today[i]), 0);
    for (uint32_t i = 0; i < saved.all_figures; i++)
        assert_int_equal(floor_restore_figures(w.floor, &saved.figures[i], cut_us), 0);
    check();
    all_reachable();
    check();
}

static struct floor_agent_view views[10];
static void see_view(void *arg, const struct floor_agent_view *view) {
    views[view->id[3] - '0'] = *view;
}
static const struct floor_agent_view *agent(int number) {
    floor_each_agent(w.floor, see_view, NULL);
    return &views[number];
}
static uint32_t talk(const char *number) {
    uint32_t leg = call_in(number, 0);
    answers(phone(0));
    return leg;
}

/* ---- agents ---- */

/* Written again only when something has changed: the clocks' fractions are no change. */
static void test_what_does_not_change_is_told_alike(void **state) {
    login("1001");
    login("1002");
    uint32_t caller = talk("200");
    pass_ms(3000);
    ends(caller, 0);
    save();
    struct floor_saved_agent before = saved.agent[0];
    struct floor_saved_figures figures = saved.figures[1];
    w.now_us += 5000777;
    floor_turn(w.floor);
    save();
    assert_int_equal(saved.agent[0].idle_us, before.idle_us);
    assert_int_equal(saved.agent[0].talk_end_us, before.talk_end_us);
    assert_int_equal(saved.agent[0].wrap_end_us, before.wrap_end_us);
    assert_int_equal(saved.figures[1].since_us, figures.since_us);
}

static void test_wrapup_is_no_longer_because_the_clock_went_back(void **state) {
    login("1001");
    ends(talk("200"), 0);
    save();
    saved.agent[0].talk_end_us += 3600000000;
    saved.agent[0].wrap_end_us += 3600000000;
    restart(0);
    assert_int_equal(agent(1)->acd.activity, ACD_WRAPUP);
    assert_in_range(agent(1)->timer_ms, 29000, 30000);
}

static void test_presence_reason_and_since_when(void **state) {
    login("1001");
    assert_int_equal(floor_agent_login(w.floor, "1002", false, "test"), 0);
    assert_int_equal(floor_agent_logout(w.floor, "1003", "test"), 0); /* with auto_login */
    pass_ms(60000);
    floor_agent_pause(w.floor, "1002", "lunch", "test");
    pass_ms(40000);
    save();
    restart(20000);
    assert_int_equal(agent(1)->acd.presence, ACD_READY);
    assert_int_equal(agent(2)->acd.presence, ACD_NOT_READY);
    assert_string_equal(agent(2)->reason, "lunch");
    assert_int_equal(agent(3)->acd.presence, ACD_LOGGED_OUT);
    assert_int_equal(agent(4)->acd.presence, ACD_LOGGED_OUT);
    save(); /* and once more */
    assert_int_equal(saved.agent[1].since_us, wall(NULL) - 60000000);
    restart(1000);
    assert_int_equal(saved.agent[1].since_us, wall(NULL) - 61000000);
}

/* What has not changed is told alike, though clocks are never read at quite the same moment. */
static uint64_t late_us;
static uint64_t late_wall(void *ctx) {
    return 1790000000000000u + w.now_us + (late_us = (late_us + 7) % 40);
}
static void test_the_same_is_told_alike(void **state) {
    login("1001");
    pass_ms(1000);
    ends(talk("200"), 0); /* wrap-up */
    w.floor->clock.wall_us = late_wall;
    save();
    uint64_t idle_us = saved.agent[0].idle_us, wrap_us = saved.agent[0].wrap_end_us,
             state_us = saved.figures[0].since_us;
    assert_true(wrap_us > state_us && state_us > idle_us);
    for (int i = 0; i < 20; i++) {
        w.now_us += 12345;
        save();
        assert_int_equal(saved.agent[0].idle_us, idle_us);
        assert_int_equal(saved.agent[0].wrap_end_us, wrap_us);
        assert_int_equal(saved.figures[0].since_us, state_us);
    }
}

static void test_order_of_the_idle(void **state) {
    login("1001");
    pass_ms(1000);
    login("1002");
    pass_ms(1000);
    uint32_t caller = talk("200"); /* 1001 has been idle longer */
    assert_int_equal(agent(1)->acd.activity, ACD_TALKING);
    pass_ms(5000);
    ends(caller, 0);
    pass_ms(31000); /* since when 1002 is the one */
    save();
    restart(0);
    assert_int_equal(agent(1)->acd.handles, 1);
    assert_int_equal(agent(1)->acd.talk_ms, 5000);
    call_in("200", 0);
    assert_int_equal(agent(2)->acd.activity, ACD_RESERVED);
}

static void test_what_was_asked_for_in_a_talk(void **state) {
    login("1001");
    talk("200");
    floor_agent_pause(w.floor, "1001", "break", "test");
    assert_int_equal(agent(1)->acd.presence, ACD_READY);
    save();
    restart(31000); /* the wrap-up would be over */
    assert_int_equal(agent(1)->acd.presence, ACD_NOT_READY);
    assert_string_equal(agent(1)->reason, "break");
    assert_int_equal(agent(1)->acd.activity, ACD_IDLE);
}

static void test_a_talk_that_was_cut_is_followed_by_wrapup(void **state) {
    login("1001");
    talk("200");
    floor_agent_pause(w.floor, "1001", "", "test");
    pass_ms(3000);
    save();
    pass_ms(4000); /* saved then, killed now */
    restart(10000);
    assert_int_equal(agent(1)->acd.activity, ACD_WRAPUP);
    assert_string_equal(agent(1)->queue, "sales");
    assert_int_equal(agent(1)->timer_ms, 20000);
    assert_int_equal(agent(1)->acd.presence, ACD_READY);
    assert_true(agent(1)->acd.pending);
    pass_ms(19999);
    assert_int_equal(agent(1)->acd.activity, ACD_WRAPUP);
    pass_ms(1);
    assert_int_equal(agent(1)->acd.activity, ACD_IDLE);
    assert_int_equal(agent(1)->acd.presence, ACD_NOT_READY);
}

static void test_wrapup_runs_on_in_wall_time(void **state) {
    login("1001");
    uint32_t caller = talk("200");
    pass_ms(60000);
    ends(caller, 0);
    pass_ms(10000);
    assert_int_equal(agent(1)->timer_ms, 20000);
    save();
    restart(12000);
    assert_int_equal(agent(1)->acd.activity, ACD_WRAPUP);
    assert_int_equal(agent(1)->timer_ms, 8000);
    assert_int_equal(floor_agent_wrap_done(w.floor, "1001", "test"), 0);
    check();
    assert_int_equal(agent(1)->acd.activity, ACD_IDLE);

    caller = talk("200");
    ends(caller, 0);
    floor_agent_wrap_more(w.floor, "1001", 30000, "test"); /* 60 s in all */
    save();
    restart(40000);
    assert_int_equal(agent(1)->timer_ms, 20000);
    save();
    restart(21000);
    assert_int_equal(agent(1)->acd.activity, ACD_IDLE);
}

static void test_a_disposition_is_still_wanted(void **state) {
    uint32_t caller = talk("202");
    ends(caller, 0);
    pass_ms(15000);
    assert_true(agent(3)->acd.want_disposition);
    save();
    restart(100000);
    assert_int_equal(agent(3)->acd.activity, ACD_WRAPUP);
    assert_true(agent(3)->acd.want_disposition);
    assert_int_equal(floor_agent_wrap_done(w.floor, "1003", "test"), -EPROTO);
}

static void test_no_wrapup_where_there_is_none(void **state) {
    login("1004");
    talk("201");
    assert_int_equal(agent(4)->acd.activity, ACD_TALKING);
    save();
    restart(1000);
    assert_int_equal(agent(4)->acd.activity, ACD_IDLE);
}

static void test_who_is_no_longer_there(void **state) {
    struct floor_saved_agent gone = {.id = "9999", .presence = ACD_READY, .reason = "", .queue = ""};
    assert_int_equal(floor_restore_agent(w.floor, &gone, 1), -ENOENT);
    gone = (struct floor_saved_agent){
        .id = "1001", .presence = ACD_READY, .reason = "abolished", .queue = "abolished", .call = 5};
    assert_int_equal(floor_restore_agent(w.floor, &gone, 1), 0); /* as far as it goes */
    assert_int_equal(agent(1)->acd.activity, ACD_IDLE);
    assert_int_equal(floor_restore_queue(w.floor, "abolished", &(struct stats_queue){0}), -ENOENT);
    assert_int_equal(floor_restore_figures(w.floor, &(struct floor_saved_figures){.id = "9999"}, 1), -ENOENT);
}

/* ---- figures ---- */

static struct stats_queue queue_now(const char *name) {
    for (uint32_t i = 0; i < saved.queues; i++)
        if (!strcmp(saved.queue[i], name))
            return saved.queue_today[i];
    fail();
    return (struct stats_queue){0};
}

static void test_figures_of_the_day_go_on(void **state) {
    login("1001");
    pass_ms(10000);
    uint32_t caller = talk("200");
    pass_ms(7000);
    ends(caller, 0);
    pass_ms(30000);
    talk("200");       /* is cut */
    call_in("200", 0); /* and so is this visit */
    pass_ms(4000);
    save();
    struct stats_agent before = saved.agent_today[0];
    assert_int_equal(before.handles, 1);
    assert_int_equal(before.talk_ms, 7000);
    restart(3000);
    save();
    struct stats_queue q = queue_now("sales");
    assert_int_equal(q.offered, 3);
    assert_int_equal(q.answered, 2);
    assert_int_equal(q.other, 1); /* did not end otherwise: offered = answered + abandoned + other */
    assert_int_equal(q.ends[ACD_VISIT_FAILED], 1);
    assert_int_equal(q.handles, 1);
    struct stats_agent a = saved.agent_today[0];
    assert_int_equal(a.handles, 1);
    assert_int_equal(a.talk_ms, 11000); /* with the one that was cut */
    assert_int_equal(a.logged_in_ms, 10000 + 7000 + 30000 + 4000);
    assert_int_equal(a.idle_ms + a.ring_ms + a.talk_ms + a.hold_ms + a.wrap_ms + a.pause_ms + a.other_ms +
                         a.unreachable_ms,
                     a.logged_in_ms);
    pass_ms(27000); /* the rest of the wrap-up */
    floor_agent_pause(w.floor, "1001", "", "test");
    pass_ms(5000);
    save();
    a = saved.agent_today[0];
    assert_int_equal(a.wrap_ms, 30000 + 27000);
    assert_int_equal(queue_now("sales").wrap_ms, 30000 + 27000);
    assert_int_equal(a.handles, 1);
    restart(1000); /* in the pause, which is one */
    pass_ms(2000);
    floor_agent_unpause(w.floor, "1001", "test");
    save();
    a = saved.agent_today[0];
    assert_int_equal(a.pauses, 1);
    assert_int_equal(a.pause_ms, 7000);
}

static void test_the_same_day(void **state) {
    uint32_t day = floor_day(w.floor);
    save();
    restart(1000);
    assert_int_equal(floor_day(w.floor), day);
    restart(24 * 3600 * 1000);
    assert_true(floor_day(w.floor) != day);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        floor_test(test_what_does_not_change_is_told_alike),
        floor_test(test_wrapup_is_no_longer_because_the_clock_went_back),
        floor_test(test_presence_reason_and_since_when),
        floor_test(test_the_same_is_told_alike),
        floor_test(test_order_of_the_idle),
        floor_test(test_what_was_asked_for_in_a_talk),
        floor_test(test_a_talk_that_was_cut_is_followed_by_wrapup),
        floor_test(test_wrapup_runs_on_in_wall_time),
        floor_test(test_a_disposition_is_still_wanted),
        floor_test(test_no_wrapup_where_there_is_none),
        floor_test(test_who_is_no_longer_there),
        floor_test(test_figures_of_the_day_go_on),
        floor_test(test_the_same_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
