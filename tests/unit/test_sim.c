/* LIBS: sim floor call acd ivr stats conf base */
/* SPDX-License-Identifier: Apache-2.0
 * Days of traffic through the whole floor in virtual time, with faults, invariants after every event; and
 * whether the simulator itself is right: against Erlang, against the floor's own figures, against itself. */
#include "callfloor/erlang.h"
#include "callfloor/log.h"
#include "sim/world.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint32_t seeds = 12; /* `test_sim full`: 1000 */

static void conf_error(void *arg, const char *message) {
    if (!strstr(message, ": warning: "))
        print_message("%s\n", message);
}

static struct conf *make_conf(const char *text) {
    struct conf *conf = NULL;
    assert_int_equal(conf_parse(&conf, text, NULL, conf_error, NULL), 0);
    return conf;
}

static struct world *run_world(const struct conf *conf, const struct scenario *scenario, uint64_t seed,
                               struct world_result *result) {
    struct world *world = NULL;
    assert_int_equal(world_create(&world, conf, scenario, seed), 0);
    world_run(world, result);
    if (result->broken)
        fail_msg("seed %llu, second %llu: %s", (unsigned long long)seed,
                 (unsigned long long)result->broken_at_ms / 1000, result->broken);
    return world;
}

static struct world_result run(const struct scenario *scenario, uint64_t seed) {
    struct conf *conf = make_conf(world_default_conf);
    struct world_result result;
    struct world *world = run_world(conf, scenario, seed, &result);
    world_destroy(world);
    conf_free(conf);
    result.broken = NULL;
    return result;
}

static struct scenario parse(const char *text) {
    struct scenario s;
    assert_int_equal(scenario_parse(&s, text, conf_error, NULL), 0);
    return s;
}

#define MEAN(seconds)                                                                                        \
    { DRAW_EXPONENTIAL, (seconds)*1000000ull, 0 }

static const struct scenario rough = {
    .day_us = 30 * 60 * 1000000ull,
    .interval_us = 300 * 1000000ull,
    .calls = 400,
    .persons = 200,
    .every_queue = {.patience = MEAN(30),
                    .talk = MEAN(60),
                    .wrapup = MEAN(5),
                    .hold = 0.5,
                    .done = 0.5,
                    .more = 0.2,
                    .exit_digit = '0',
                    .exit_share = 0.2,
                    .exit_after = MEAN(10),
                    .again = 0.5,
                    .again_after = MEAN(60)},
    .every_agent = {.answer = MEAN(4),
                    .no_answer = 0.2,
                    .reject = 0.1,
                    .busy = 0.1,
                    .pause_per_hour = 12,
                    .pause = MEAN(120),
                    .own_call_per_hour = 12,
                    .notice = MEAN(30)},
    .faults = {.unreachable_per_hour = 8,
               .dead_per_hour = 4,
               .away_per_hour = 4,
               .caller_lost = 0.05,
               .lost_invite = 0.01,
               .lost_answer = 0.01,
               .late_answer = 0.8,
               .no_ringing = 0.02,
               .duplicate = 0.2,
               .database_away = 0.3,
               .late_loop = 0.1,
               .late_loop_us = 20000,
               .stray_per_hour = 10,
               .nonsense = 0.1,
               .clock_jumps = 5,
               .reloads = 10},
    .check = true,
};

/* ---- nothing breaks ---- */

static void test_quiet_day(void **state) {
    struct scenario scenario = scenario_default;
    scenario.calls = 2000;
    struct world_result r = run(&scenario, 7);
    assert_true(r.calls > 1800 && r.calls < 2600);
    assert_true(r.answered > 1000);
    assert_int_equal(r.row_errors, 0);
}

static void test_rough_half_hours(void **state) {
    uint64_t answered = 0, abandoned = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct world_result r = run(&rough, seed);
        answered += r.answered;
        abandoned += r.abandoned;
    }
    assert_true(answered > 150 * seeds);
    assert_true(abandoned > 50 * seeds); /* the scenario does hurt */
}

/* Queues, agents, skills, orders and strategies come and go while phones ring. */
static void test_reloads_with_other_rules(void **state) {
    struct scenario scenario = rough;
    uint64_t answered = 0;
    scenario.faults.changed = world_changed_conf;
    scenario.faults.changed_count = world_changed_conf_count;
    scenario.faults.reload_ringing = 0.02;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        answered += run(&scenario, seed).answered;
    assert_true(answered > 150 * seeds);
}

/* Ends of legs, of prompts, phones that went or came back: never told. The reconciler finds out. */
static void test_what_is_never_told(void **state) {
    struct scenario scenario = rough;
    uint64_t repairs[FLOOR_REPAIRS] = {0}, answered = 0;
    scenario.faults.lost_report = 0.02;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct conf *conf = make_conf(world_default_conf);
        struct world_result r;
        struct floor_counters counters;
        struct world *world = run_world(conf, &scenario, seed, &r);
        floor_counters(world_floor(world), &counters);
        for (int kind = 0; kind < FLOOR_REPAIRS; kind++)
            repairs[kind] += counters.repairs[kind];
        answered += r.answered;
        world_destroy(world);
        conf_free(conf);
    }
    uint32_t kinds = 0;
    for (int kind = 0; kind < FLOOR_REPAIRS; kind++)
        kinds += repairs[kind] > 0;
    assert_true(kinds >= 3);
    assert_true(answered > 150 * seeds); /* and service goes on */
}

static void test_everybody_calls_at_once(void **state) {
    struct scenario scenario = rough;
    scenario.day_us = 600 * 1000000ull;
    scenario.calls = 2500; /* 50 agents, more calls than max_calls allows */
    scenario.every_queue.patience.mean_us = 600 * 1000000ull;
    struct world_result r = run(&scenario, 3);
    assert_true(r.answered > 100);
}

static void test_one_seed_one_run(void **state) {
    struct scenario unchecked = rough;
    unchecked.check = false;
    uint64_t hash = run(&rough, 5).hash;
    assert_true(run(&rough, 5).hash == hash);
    assert_true(run(&rough, 6).hash != hash);
    assert_true(run(&unchecked, 5).hash == hash); /* looking changes nothing */
}

/* ---- the truth ---- */

static const char small_conf[] =
    "general = { state_dir = \"/x\"; prompts_dir = \"/x\"; pause_reasons = [ \"lunch\" ]; };\n"
    "trunks = ( { name = \"t\"; peers = ( { address = \"203.0.113.7\"; } ); } );\n"
    "skills = [ \"latin\" ];\n"
    "queues = ( { name = \"sales\"; wrapup_ms = 5000; service_level_ms = 20000; },\n"
    "           { name = \"support\"; wrapup_ms = 0; service_level_ms = 30000; },\n"
    "           { name = \"latin\"; require = \"latin\"; } );\n"
    "numbers = ( { number = \"1\"; target = \"queue:sales\"; }, { number = \"2\"; target = "
    "\"queue:support\"; },\n"
    "            { number = \"3\"; target = \"queue:latin\"; } );\n"
    "agents = ( { ids = \"101-110\"; password = \"x\"; queues = [ \"sales\", \"latin\" ]; },\n"
    "           { ids = \"201-205\"; password = \"x\"; queues = [ \"support\" ]; auto_login = true; } );\n";
static const char small_day[] = "begin = \"08:00\"; hours = 4; talk_s = 120; patience_s = 60; wrapup_s = 3; "
                                "no_answer = 0.03; busy = 0.02;\n"
                                "answer_s = 4; call_again = 0.4; call_again_s = 120;\n"
                                "arrivals = ( { queue = \"sales\"; calls = 700; profile = [ 1, 2, 1 ]; }, { "
                                "queue = \"support\"; calls = 400; } );\n";

static void check_visits(const struct world_call *call) {
    for (uint32_t i = 0; i < call->visit_count; i++) {
        const struct world_visit *v = &call->visit[i];
        assert_true(v->left_us >= v->entered_us && v->entered_us >= call->placed_us);
        assert_true(v->result < ACD_VISIT_RESULTS);
        assert_int_equal(v->position_in, v->ahead + 1); /* first come, first served; nobody resumes */
    }
}

static void check_offers(const struct world_call *call) {
    uint32_t answered = 0;
    for (uint32_t i = 0; i < call->offer_count; i++) {
        const struct world_offer *o = &call->offer[i];
        assert_true(o->row_id && o->agent && o->invited_us >= call->visit[0].entered_us);
        assert_true(!o->rang_us || o->rang_us >= o->invited_us);
        assert_true(o->ended_us >= o->invited_us);
        if (o->result == ACD_OFFER_ANSWERED) {
            answered++;
            assert_int_equal(o->agent, call->agent);
            assert_true(o->picked_up_us && o->picked_up_us <= call->joined_us && !o->cancelled);
        } else if (o->result == ACD_OFFER_BUSY) {
            assert_int_equal(o->refused, 486);
        } else if (o->result == ACD_OFFER_NO_ANSWER) {
            assert_true(!o->picked_up_us && o->cancelled);
            assert_true(o->ended_us - o->invited_us >= 19000000); /* ring_ms of the queue, less the way */
        }
    }
    assert_int_equal(answered, call->joined_us != 0);
}

static void test_the_truth_fits_together(void **state) {
    struct scenario s = parse(small_day);
    struct conf *conf = make_conf(small_conf);
    struct world_result r;
    struct world *w = run_world(conf, &s, 4, &r);
    uint32_t answered = 0, abandoned = 0, again = 0;
    for (uint32_t i = 0; i < world_calls(w); i++) {
        const struct world_call *call = world_call_at(w, i);
        assert_ptr_equal(world_call_by_contact(w, call->contact_id), call);
        assert_true(call->ended_us >= call->placed_us);
        assert_true(call->joined_us ? call->talk_ended_us >= call->joined_us : !call->agent);
        check_visits(call);
        if (call->visit_count)
            check_offers(call);
        answered += call->joined_us != 0;
        abandoned += call->visit_count && call->visit[0].result == ACD_VISIT_ABANDONED;
        again += call->attempt > 1;
    }
    assert_int_equal(answered, r.answered);
    assert_int_equal(abandoned, r.abandoned);
    assert_true(abandoned > 50 && again > abandoned * 3 / 10 && again < abandoned / 2);
    assert_null(world_call_by_contact(w, 1));
    assert_null(world_call_at(w, world_calls(w)));
    world_destroy(w);
    conf_free(conf);
    scenario_done(&s);
}

/* ---- figures ---- */

struct tallied {
    const struct tally *tally;
    uint32_t agent, queue;
};

static void near(uint64_t a, uint64_t b, uint64_t most) {
    assert_in_range(a > b ? a - b : b - a, 0, most);
}

static void same_queue(void *arg, const struct floor_queue_view *view) {
    struct tallied *t = arg;
    const struct stats_queue *mine = &t->tally->queue[++t->queue].day, *floors = view->today;
    assert_int_equal(mine->offered, floors->offered);
    assert_int_equal(mine->answered, floors->answered);
    assert_int_equal(mine->abandoned, floors->abandoned);
    assert_int_equal(mine->short_abandoned, floors->short_abandoned);
    assert_int_equal(mine->other, floors->other);
    assert_int_equal(mine->answered_in_time, floors->answered_in_time);
    assert_int_equal(mine->handles, floors->handles);
    assert_int_equal(mine->talk_ms, floors->talk_ms);
    near(mine->longest_wait_ms, floors->longest_wait_ms, 1); /* of microseconds, there of milliseconds */
    near(mine->answered_wait_ms, floors->answered_wait_ms, mine->answered);
}

static void same_agent(void *arg, const struct floor_agent_view *view) {
    struct tallied *t = arg;
    const struct stats_agent *mine = &t->tally->agent[++t->agent], *floors = view->today;
    assert_int_equal(mine->handles, floors->handles);
    assert_int_equal(mine->offers, floors->offers);
    assert_int_equal(mine->missed, floors->missed);
    /* rows have microseconds, the floor counts whole milliseconds of each state */
    near(mine->idle_ms, floors->idle_ms, 500);
    near(mine->talk_ms, floors->talk_ms, 500);
    near(mine->pause_ms, floors->pause_ms, 500);
    near(mine->logged_in_ms, floors->logged_in_ms, 1500);
}

/* Counted from rows here, from events there. */
static void test_figures_are_the_floors(void **state) {
    struct scenario s = parse(small_day);
    struct conf *conf = make_conf(small_conf);
    struct world_result r;
    struct world *w = run_world(conf, &s, 11, &r);
    struct tallied t = {.tally = world_tally(w)};
    floor_each_queue(world_floor(w), same_queue, &t);
    floor_each_agent(world_floor(w), same_agent, &t);
    assert_int_equal(t.queue, 3);
    assert_int_equal(t.agent, 15);
    uint32_t arrived = 0;
    for (uint32_t i = 0; i < t.tally->interval_count; i++)
        arrived += tally_at(t.tally, 0, i)->arrived;
    near(arrived, t.tally->queue[0].day.offered, 5); /* some call again after the day */
    world_destroy(w);
    conf_free(conf);
    scenario_done(&s);
}

static void test_shifts_and_breaks(void **state) {
    struct scenario s = parse(
        "begin = \"08:00\"; hours = 6; interval_min = 60; calls = 0;\n"
        "agents = ( { ids = \"101-104\"; login = \"09:00\"; logout = \"12:30\";\n"
        "             breaks = ( { at = \"10:00\"; min = 15; stagger_min = 15; reason = \"lunch\"; } ); },\n"
        "           { ids = \"201\"; }, { ids = \"202\"; login = \"13:00\"; } );\n");
    static const double staffed[] = {1, 5, 5, 5, 3, 2};
    struct conf *conf = make_conf(small_conf);
    struct world_result r;
    struct world *w = run_world(conf, &s, 1, &r);
    const struct tally *t = world_tally(w);
    for (uint32_t i = 0; i < 6; i++)
        assert_true(fabs((double)tally_at(t, 0, i)->staffed_us / 3600e6 - staffed[i]) < 0.02);
    assert_true(fabs((double)tally_at(t, 0, 2)->paused_us / 60e6 - 4 * 15) < 1); /* one after the other */
    near(t->agent[1].pause_ms, 15 * 60000, 1000);
    near(t->agent[1].logged_in_ms, 210 * 60000, 10000);
    assert_int_equal(t->agent[5].logged_in_ms, 0); /* 105 does not come */
    world_destroy(w);
    conf_free(conf);
    scenario_done(&s);
}

static uint32_t ends(const struct world *w, uint32_t queue, enum acd_visit_result result) {
    return world_tally(w)->queue[queue].result[result];
}

static void test_acts_of_supervisors(void **state) {
    struct scenario s = parse(
        "hours = 2; talk_s = 20; arrivals = ( { queue = \"sales\"; counts = [ 60, 60, 60, 60 ]; },\n"
        "  { queue = \"latin\"; calls = 60; profile = \"flat\"; } ); patience_s = 1000;\n"
        "acts = ( { at = \"00:30\"; act = \"close\"; queue = \"sales\"; }, { at = \"01:00\"; act = \"open\"; "
        "queue = \"sales\"; },\n"
        "         { at = \"01:00\"; act = \"skill\"; agents = \"101-103\"; skill = \"latin\"; level = 7; },\n"
        "         { at = \"01:30\"; act = \"logout\"; agents = \"2*,201-205\"; } );\n");
    struct conf *conf = make_conf(small_conf);
    struct world_result r;
    struct world *w = run_world(conf, &s, 2, &r);
    uint32_t closed = ends(w, 1, ACD_VISIT_CLOSED);
    assert_true(closed > 40 && closed < 80);
    for (uint32_t i = 0; i < world_calls(w); i++) {
        const struct world_visit *v = &world_call_at(w, i)->visit[0];
        uint64_t minute = (v->entered_us - 3600000000ull) / 60000000;
        if (v->queue == 1)
            assert_int_equal(v->result == ACD_VISIT_CLOSED, minute >= 30 && minute < 60);
        else if (v->queue == 3 && v->result == ACD_VISIT_ANSWERED)
            assert_true(v->left_us - 3600000000ull >= 3600000000ull); /* nobody knew latin before */
    }
    assert_true(ends(w, 3, ACD_VISIT_ANSWERED) > 30);
    near(world_tally(w)->agent[11].logged_in_ms, 90 * 60000, 200000);
    world_destroy(w);
    conf_free(conf);
    scenario_done(&s);
}

/* ---- theory, and common random numbers ---- */

static const char one_queue[] =
    "general = { state_dir = \"/x\"; prompts_dir = \"/x\"; }; limits = { max_calls = 5000; };\n"
    "trunks = ( { name = \"t\"; peers = ( { address = \"203.0.113.7\"; } ); } );\n"
    "queues = ( { name = \"q\"; wrapup_ms = 0; service_level_ms = 20000; } );\n"
    "numbers = ( { number = \"1\"; target = \"queue:q\"; } );\n"
    "agents = ( { ids = \"101-114\"; password = \"x\"; queues = [ \"q\" ]; } );\n";

/* 14 agents, 12 erlang, patience 120 s, for 400 hours: the formula's figures, a phone's way of about 0.12 s
 * apart. */
static void test_erlang_a(void **state) {
    struct scenario s =
        parse("hours = 400; persons = 1000000; check = false; talk_s = 180; patience_s = 120;\n"
              "answer_s = { mean = 0; kind = \"fixed\"; };\n"
              "arrivals = ( { queue = \"q\"; calls = 96000; profile = \"flat\"; } );\n");
    struct erlang_case in = {.arrivals_per_s = 240 / 3600.0,
                             .handling_s = 180.12,
                             .target_s = 19.88,
                             .agents = 14,
                             .patience_s = 120};
    struct erlang_figures theory;
    struct conf *conf = make_conf(one_queue);
    struct world_result r;
    struct world *w = run_world(conf, &s, 1, &r);
    const struct tally *t = world_tally(w);
    assert_int_equal(erlang_a(&in, &theory), 0);
    double level = tally_kpi(t, 1, KPI_SERVICE_LEVEL), lost = tally_kpi(t, 1, KPI_ABANDON_RATE),
           answer_s = tally_kpi(t, 1, KPI_ASA) - 0.12;
    print_message("service level %.4f (theory %.4f), abandoned %.4f (%.4f), speed of answer %.2f s (%.2f)\n",
                  level, theory.service_level, lost, theory.abandons, answer_s, theory.answer_s);
    assert_true(fabs(level - theory.service_level) < 0.01);
    assert_true(fabs(lost - theory.abandons) < 0.005);
    assert_true(fabs(answer_s - theory.answer_s) < 0.3);
    world_destroy(w);
    conf_free(conf);
    scenario_done(&s);
}

struct person_story { /* what callers bring with them */
    uint64_t talk_us, patience_us;
    bool answered;
};

static void stories(const struct world *w, struct person_story *out, uint32_t count) {
    for (uint32_t i = 0; i < world_calls(w); i++) {
        const struct world_call *call = world_call_at(w, i);
        if (call->attempt != 1 || call->caller > count)
            continue;
        struct person_story *p = &out[call->caller - 1];
        p->answered = call->joined_us != 0;
        p->talk_us = call->talk_ended_us - call->joined_us;
        p->patience_us = call->visit[0].left_us - call->visit[0].entered_us;
    }
}

/* Fewer agents in one queue: each caller talks as long as before, nobody has less patience, and the other
 * queue does not notice at all. */
static void test_two_configurations_see_the_same_callers(void **state) {
    char fewer[sizeof small_conf];
    struct scenario s = parse(small_day);
    struct conf *conf[2];
    struct world *w[2];
    struct plan *plan;
    struct world_result r;
    struct person_story *story[2];
    uint32_t both = 0, lost = 0;
    str_copy(fewer, sizeof fewer, small_conf);
    memcpy(strstr(fewer, "101-110"), "101-107", 7);
    conf[0] = make_conf(small_conf);
    conf[1] = make_conf(fewer);
    assert_int_equal(plan_make(&plan, conf[0], &s, 9), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(world_create_planned(&w[i], conf[i], &s, plan, 9), 0);
        world_run(w[i], &r);
        assert_null(r.broken);
        story[i] = calloc(plan->caller_count, sizeof **story);
        stories(w[i], story[i], plan->caller_count);
    }
    for (uint32_t i = 0; i < plan->caller_count; i++) {
        const struct person_story *a = &story[0][i], *b = &story[1][i];
        if (a->answered && b->answered) {
            both++;
            assert_int_equal(a->talk_us, b->talk_us);
        } else if (!a->answered && !b->answered) {
            lost++;
            assert_int_equal(a->patience_us, b->patience_us);
        }
    }
    assert_true(both > 500 && lost > 100);
    const struct tally *a = world_tally(w[0]), *b = world_tally(w[1]);
    assert_memory_equal(&a->queue[2], &b->queue[2], sizeof a->queue[2]);
    assert_true(tally_kpi(b, 1, KPI_SERVICE_LEVEL) < tally_kpi(a, 1, KPI_SERVICE_LEVEL) - 0.1);
    for (int i = 0; i < 2; i++) {
        world_destroy(w[i]);
        conf_free(conf[i]);
        free(story[i]);
    }
    plan_free(plan);
    scenario_done(&s);
}

/* New agents, and those asked for, work all day; those who are asked not to do not come. */
static void test_with_and_without(void **state) {
    struct scenario s = parse("hours = 2; agents = ( { ids = \"101-103\"; } );");
    char more[sizeof small_conf + 8];
    struct conf *conf = make_conf(small_conf), *bigger;
    struct plan *plan;
    struct world *w;
    struct world_result r;
    str_copy(more, sizeof more, small_conf);
    memcpy(strstr(more, "201-205"), "201-206", 7);
    bigger = make_conf(more);
    assert_int_equal(plan_make(&plan, conf, &s, 1), 0);
    s.with = "104";
    s.without = "102-103";
    assert_int_equal(world_create_planned(&w, bigger, &s, plan, 1), 0);
    world_run(w, &r);
    const struct tally *t = world_tally(w);
    for (uint32_t agent = 1; agent <= 16; agent++)
        assert_int_equal(t->agent[agent].logged_in_ms > 7000000, agent == 1 || agent == 4 || agent == 16);
    world_destroy(w);
    plan_free(plan);
    conf_free(conf);
    conf_free(bigger);
    scenario_done(&s);
}

static int setup(void **state) {
    log_set_level(NULL, "error");
    return setenv("TZ", "UTC", 1);
}

int main(int argc, char **argv) {
    seeds = argc > 1 && !strcmp(argv[1], "full") ? 1000 : seeds;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quiet_day),
        cmocka_unit_test(test_rough_half_hours),
        cmocka_unit_test(test_reloads_with_other_rules),
        cmocka_unit_test(test_what_is_never_told),
        cmocka_unit_test(test_everybody_calls_at_once),
        cmocka_unit_test(test_one_seed_one_run),
        cmocka_unit_test(test_the_truth_fits_together),
        cmocka_unit_test(test_figures_are_the_floors),
        cmocka_unit_test(test_shifts_and_breaks),
        cmocka_unit_test(test_acts_of_supervisors),
        cmocka_unit_test(test_erlang_a),
        cmocka_unit_test(test_two_configurations_see_the_same_callers),
        cmocka_unit_test(test_with_and_without),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
