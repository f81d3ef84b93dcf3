/* LIBS: sim floor call acd ivr stats conf base */
/* SPDX-License-Identifier: Apache-2.0
 * Parts of the simulator: draws, scenario files, plans and routes, samples, tables. */
#include "sim/compare.h"
#include "sim/plan.h"
#include "sim/table.h"
#include "sim/world.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void conf_error(void *arg, const char *message) {
    print_message("%s\n", message);
}

static struct conf *make_conf(const char *text) {
    struct conf *conf = NULL;
    assert_int_equal(conf_parse(&conf, text, NULL, conf_error, NULL), 0);
    return conf;
}

/* ---- draws ---- */

static void test_logarithm_and_exponential(void **state) {
    uint64_t rng = 1;
    for (int i = 0; i < 20000; i++) {
        uint64_t x = rng_next(&rng) >> draw_below(&rng, 63) | 1;
        assert_true(fabs((double)draw_log(x) * 0x1p-32 - log((double)x)) < 1e-9);
    }
    for (double x = -6; x < 15; x += 0.00731)
        assert_true(fabs((double)draw_exp((int64_t)(x * 0x1p32)) * 0x1p-32 - exp(x)) < 1e-9 + 1e-9 * exp(x));
    for (int k = -20; k < 25; k++) /* where the power of two changes */
        for (int64_t near = -3; near <= 3; near++) {
            int64_t x = (int64_t)(k * log(2) * 0x1p32) + near;
            double want = exp((double)x * 0x1p-32);
            assert_true(fabs((double)draw_exp(x) * 0x1p-32 - want) < 1e-9 + 1e-9 * want);
        }
    assert_int_equal(draw_log(1), 0);
    assert_int_equal(draw_exp(-100 * 0x100000000ll), 0);
}

static void test_mean_and_spread(void **state) {
    const struct {
        struct draw draw;
        double cv;
    } cases[] = {{{DRAW_EXPONENTIAL, 180000000, 0}, 1},
                 {{DRAW_LOGNORMAL, 180000000, 0.8}, 0.8},
                 {{DRAW_LOGNORMAL, 4000000, 2}, 2},
                 {{DRAW_FIXED, 30000000, 0}, 0}};
    enum { DRAWS = 200000 };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double mean = (double)cases[i].draw.mean_us, sum = 0, squares = 0;
        uint64_t stream = 5;
        for (int k = 0; k < DRAWS; k++) {
            double x = (double)draw_from(&stream, &cases[i].draw) / mean;
            sum += x;
            squares += x * x;
        }
        sum /= DRAWS;
        assert_true(fabs(sum - 1) < 0.01 * (1 + cases[i].cv));
        assert_true(fabs(sqrt(fmax(0, squares / DRAWS - sum * sum)) - cases[i].cv) <
                    0.06 * cases[i].cv + 1e-6);
    }
}

/* The figures that the program had when this was written: no compiler, no libm may change them. */
static void test_draws_are_the_same_everywhere(void **state) {
    const struct draw lognormal = {DRAW_LOGNORMAL, 180000000, 0.8};
    uint64_t stream = draw_key(draw_key_text(7, "1001"), 3, 9);
    assert_int_equal(stream, 3710232720664500269u);
    assert_int_equal(draw_exponential(&stream, 100000000), 47751624);
    assert_int_equal(draw_from(&stream, &lognormal), 201813842);
    assert_int_equal(draw_below(&stream, 1000), 974);
}

/* ---- scenario files ---- */

static char problem[1000];

static void note(void *arg, const char *message) {
    if (!*problem)
        str_copy(problem, sizeof problem, message);
}

static void test_a_scenario(void **state) {
    static const char text[] =
        "begin = \"08:00\"; hours = 10; close_min = 5; interval_min = 15;\n"
        "talk_s = { mean = 200; cv = 0.7; }; patience_s = 90.5; wrapup_s = { mean = 20; kind = \"fixed\"; "
        "};\n"
        "no_answer = 0.03; answer_s = 5;\n"
        "arrivals = ( { queue = \"sales\"; from = \"09:00\"; interval_min = 60; counts = ( 10, 20.5 ); exact "
        "= true; },\n"
        "             { number = \"200\"; calls = 600; profile = [ 1, 2, 3 ]; },\n"
        "             { number = \"100\"; digits = \"9\"; calls = 50; profile = \"flat\"; } );\n"
        "queues = ( { name = \"vip\"; talk_s = 300; exit_digit = \"#\"; exit = 0.5; } );\n"
        "agents = ( { ids = \"1001-1010\"; login = \"08:00\"; logout = \"16:30\"; no_answer = 0.5;\n"
        "             breaks = ( { at = \"12:00\"; min = 30; stagger_min = 2; reason = \"lunch\"; } ); },\n"
        "           { ids = \"*\"; } );\n"
        "acts = ( { at = \"10:00\"; act = \"close\"; queue = \"sales\"; },\n"
        "         { at = \"11:00\"; act = \"skill\"; agents = \"1031\"; skill = \"english\"; level = -1; } "
        ");\n"
        "faults = { lost_answer = 0.01; reloads = 2; };\n";
    struct scenario s;
    struct conf *conf = make_conf(world_default_conf);
    assert_int_equal(scenario_parse(&s, text, conf_error, NULL), 0);
    assert_int_equal(scenario_check(&s, conf, conf_error, NULL), 0);
    assert_int_equal(s.begin_us, 8 * 3600000000ull);
    assert_int_equal(s.day_us, 10 * 3600000000ull);
    assert_int_equal(s.close_us, 300000000);
    assert_int_equal(s.interval_us, 900000000);
    assert_int_equal(s.every_queue.talk.kind, DRAW_LOGNORMAL);
    assert_int_equal(s.every_queue.patience.mean_us, 90500000);
    assert_int_equal(s.every_queue.wrapup.kind, DRAW_FIXED);
    assert_true(s.every_queue.done == 1); /* the work has a length: wrap-up ends with it */
    assert_int_equal(s.arrivals_count, 3);
    assert_int_equal(s.arrivals[0].from_us, 9 * 3600000000ull);
    assert_int_equal(s.arrivals[0].intervals, 2);
    assert_true(s.arrivals[0].exact && s.arrivals[0].count[1] == 20.5);
    assert_int_equal(s.arrivals[1].intervals, 3);
    assert_true(s.arrivals[1].count[0] == 100 && s.arrivals[1].count[2] == 300);
    assert_int_equal(s.arrivals[1].interval_us, s.day_us / 3);
    assert_string_equal(s.arrivals[2].digits, "9");
    assert_int_equal(s.queue[0].exit_digit, '#');
    assert_int_equal(s.queue[0].talk.mean_us, 300000000);
    assert_int_equal(s.queue[0].patience.mean_us, 90500000); /* of all queues */
    assert_ptr_equal(scenario_queue(&s, "vip"), &s.queue[0]);
    assert_ptr_equal(scenario_queue(&s, "sales"), &s.every_queue);
    assert_int_equal(s.shift_count, 2);
    assert_int_equal(s.shift[0].rest[0].stagger_us, 120000000);
    assert_true(s.shift[0].habits.no_answer == 0.5 && s.shift[1].habits.no_answer == 0.03);
    assert_int_equal(s.act[1].level, -1);
    assert_true(s.faults.lost_answer == 0.01 && s.faults.late_answer == 0);
    scenario_done(&s);
    conf_free(conf);
}

/* In a file happens what it says. */
static void test_an_empty_scenario(void **state) {
    struct scenario s;
    assert_int_equal(scenario_parse(&s, "", conf_error, NULL), 0);
    assert_true(s.faults.lost_answer == 0 && s.faults.reloads == 0 && s.every_agent.no_answer == 0);
    assert_true(s.every_queue.again == 0 && s.every_queue.exit_share == 0 &&
                s.every_agent.pause_per_hour == 0);
    assert_true(s.calls == 0 && s.arrivals_count == 0);
    scenario_done(&s);
}

static void test_problems_have_a_line(void **state) {
    static const struct {
        const char *text, *told;
    } cases[] = {
        {"hours = 2;\nhuors = 3;", "scenario:2: unknown option 'huors' (expected begin, hours,"},
        {"begin = \"8 o'clock\";", "scenario:1: begin: expected a time of the day"},
        {"no_answer = 1.5;", "scenario:1: no_answer: expected a share"},
        {"talk_s = -3;", "scenario:1: talk_s: expected a mean in seconds"},
        {"talk_s = { cv = 1.0; };", "scenario:1: talk_s: has no mean"},
        {"talk_s = { mean = 5;\n kind = \"gamma\"; };", "scenario:2: kind: expected \"exponential\""},
        {"talk_s = { mean = 5;\n median = 4; };",
         "scenario:2: unknown option 'median' (expected mean, cv, kind)"},
        {"arrivals = { queue = \"a\"; };", "scenario:1: arrivals: expected a list of groups"},
        {"arrivals = (\n { queue = \"a\"; } );", "scenario:2: arrivals: expected either counts or calls"},
        {"arrivals = ( { calls = 5; } );", "scenario:1: arrivals: expected a queue or a number"},
        {"arrivals = ( { queue = \"a\"; counts = [ 1, -1 ]; } );",
         "scenario:1: counts: its number 2 is none"},
        {"arrivals = ( { queue = \"a\"; calls = 1; profile = \"one_peak\"; } );",
         "scenario:1: profile: expected"},
        {"hours = 1;\narrivals = (\n{ queue = \"a\"; interval_min = 60; counts = [ 1, 2 ]; } );",
         "scenario:3: arrivals: not within the day"},
        {"queues = ( { talk_s = 3; } );", "scenario:1: queues: a queue without a name"},
        {"agents = ( { login = \"08:00\"; } );", "scenario:1: agents: expected ids"},
        {"agents = ( { ids = \"1\"; login = \"10:00\"; logout = \"09:00\"; } );",
         "scenario:1: agents: logout is not"},
        {"agents = ( { ids = \"1\"; breaks = ( { at = \"10:00\"; } ); } );",
         "scenario:1: breaks: expected at and min"},
        {"acts = ( { act = \"close\"; queue = \"a\"; } );", "scenario:1: acts: expected at, and act"},
        {"acts = ( { at = \"10:00\"; act = \"explode\"; } );", "scenario:1: acts: expected at, and act"},
        {"acts = ( { at = \"10:00\"; act = \"skill\"; } );", "scenario:1: acts: skill wants agents"},
        {"faults = true;", "scenario:1: faults: expected a group"},
        {"faults = { lost = 1; };", "scenario:1: unknown option 'lost' (expected unreachable_per_hour,"},
        {"hours = 0;", "hours, interval_min and persons may not be 0"},
        {"hours = ;", "scenario:1: syntax error"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scenario s;
        *problem = 0;
        assert_int_equal(scenario_parse(&s, cases[i].text, note, NULL), -22);
        if (!strstr(problem, cases[i].told))
            fail_msg("%s\nwas told: %s\nexpected: %s", cases[i].text, problem, cases[i].told);
    }
}

static void test_what_the_configuration_lacks(void **state) {
    static const struct {
        const char *text, *told;
    } cases[] = {
        {"arrivals = ( { queue = \"nowhere\"; calls = 1; } );",
         "scenario:1: queue 'nowhere': the configuration has no"},
        {"arrivals = ( { number = \"777\"; calls = 1; } );", "scenario:1: number '777' leads nowhere"},
        {"\nqueues = ( { name = \"x\"; } );", "scenario:2: queue 'x': the configuration has no such queue"},
        {"agents = ( { ids = \"9001-9005\"; } );",
         "scenario:1: agents '9001-9005': the configuration has none"},
        {"acts = ( { at = \"01:00\"; act = \"open\"; queue = \"x\"; } );", "scenario:1: queue 'x'"},
        {"acts = ( { at = \"01:00\"; act = \"skill\"; agents = \"*\"; skill = \"latin\"; } );",
         "scenario:1: skill 'latin'"},
    };
    struct conf *conf = make_conf(world_default_conf);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scenario s;
        *problem = 0;
        assert_int_equal(scenario_parse(&s, cases[i].text, conf_error, NULL), 0);
        assert_int_equal(scenario_check(&s, conf, note, NULL), -22);
        if (!strstr(problem, cases[i].told))
            fail_msg("%s\nwas told: %s", cases[i].text, problem);
        scenario_done(&s);
    }
    conf_free(conf);
}

static void test_names_of_agents(void **state) {
    assert_true(scenario_names("1001-1030", "1001") && scenario_names("1001-1030", "1030"));
    assert_false(scenario_names("1001-1030", "1031") || scenario_names("1001-1030", "101") ||
                 scenario_names("1001-1030", "10010"));
    assert_true(scenario_names("1, 7-9,anna", "anna") && scenario_names("1, 7-9,anna", "8"));
    assert_false(scenario_names("1, 7-9,anna", "ann") || scenario_names("", "1"));
    assert_true(scenario_names("*", "1") && scenario_names(NULL, "x"));
}

/* ---- routes ---- */

static const char mazy_conf[] =
    "general = { state_dir = \"/x\"; prompts_dir = \"/x\"; };\n"
    "trunks = ( { name = \"t\"; peers = ( { address = \"203.0.113.7\"; } ); } );\n"
    "queues = ( { name = \"a\"; }, { name = \"b\"; }, { name = \"far\"; }, { name = \"none\"; } );\n"
    "menus = ( { name = \"m\"; welcome = \"w\"; prompt = \"p\"; barge_in = false; choices = (\n"
    "            { digit = \"1\"; target = \"menu:n\"; }, { digit = \"2\"; target = \"queue:b\"; } ); },\n"
    "          { name = \"n\"; prompt = \"p\"; choices = ( { digit = \"#\"; target = \"queue:far\"; },\n"
    "            { digit = \"*\"; target = \"menu:m\"; } ); } );\n"
    "numbers = ( { number = \"55*\"; target = \"queue:a\"; }, { number = \"551\"; target = \"menu:m\"; } );\n"
    "agents = ( { id = \"1\"; password = \"x\"; queues = [ \"a\" ]; } );\n";

static void test_routes(void **state) {
    struct conf *conf = make_conf(mazy_conf);
    struct route route;
    assert_true(plan_route(conf, &(struct way){.queue = "a"}, &route));
    assert_string_equal(route.number, "550"); /* anything for the star */
    assert_int_equal(route.total_us, 0);
    assert_true(plan_route(conf, &(struct way){.number = "551", .queue = "b"}, &route));
    assert_string_equal(route.number, "551");
    assert_memory_equal(route.digit, "2", 2);
    assert_int_equal(route.after_us[0], 6500000); /* both prompts must be heard out */
    assert_true(plan_route(conf, &(struct way){.queue = "far"}, &route));
    assert_memory_equal(route.digit, "1#", 3);
    assert_int_equal(route.total_us, 6500000 + 500000);
    assert_true(plan_route(conf, &(struct way){.number = "55999", .queue = "b"}, &route)); /* leads to a */
    assert_string_equal(route.number, "551");
    assert_true(plan_route(conf, &(struct way){.number = "551", .digits = "1*2"}, &route));
    assert_memory_equal(route.digit, "1*2", 4);
    assert_false(plan_route(conf, &(struct way){.queue = "none"}, &route));
    assert_false(plan_route(conf, &(struct way){.number = "7"}, &route));
    conf_free(conf);
}

/* ---- plans ---- */

static struct plan *make_plan(const char *text, uint64_t seed) {
    struct scenario s;
    struct plan *plan = NULL;
    assert_int_equal(scenario_parse(&s, text, conf_error, NULL), 0);
    assert_int_equal(plan_make(&plan, NULL, &s, seed), 0);
    scenario_done(&s);
    return plan;
}

static uint32_t between(const struct plan *plan, uint64_t from_s, uint64_t to_s) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < plan->caller_count; i++)
        count += plan->caller[i].at_us >= from_s * 1000000 && plan->caller[i].at_us < to_s * 1000000;
    return count;
}

static void test_arrivals_come_as_planned(void **state) {
    struct plan *plan = make_plan("begin = \"08:00\"; hours = 4;\n"
                                  "arrivals = ( { queue = \"a\"; interval_min = 60; from = \"09:00\";\n"
                                  "               counts = [ 100, 0, 300 ]; exact = true; } );",
                                  1);
    assert_int_equal(plan->caller_count, 400);
    assert_int_equal(between(plan, 3600, 7200), 100);
    assert_int_equal(between(plan, 7200, 10800), 0);
    assert_int_equal(between(plan, 10800, 14400), 300);
    for (uint32_t i = 1; i < plan->caller_count; i++)
        assert_true(plan->caller[i - 1].at_us <= plan->caller[i].at_us);
    plan_free(plan);
}

/* Counts of a Poisson process: as many on average, and as scattered as they must be. */
static void test_random_arrivals_are_poisson(void **state) {
    double sum = 0, squares = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct plan *plan =
            make_plan("hours = 1; arrivals = ( { queue = \"a\"; counts = [ 30, 30 ]; } );", seed);
        double count = between(plan, 0, 1800);
        sum += count;
        squares += count * count;
        plan_free(plan);
    }
    double mean = sum / 400, variance = squares / 400 - mean * mean;
    assert_true(fabs(mean - 30) < 1 && variance > 24 && variance < 37);
}

/* More calls for one queue change nothing for those of another. */
static void test_groups_draw_apart(void **state) {
    struct plan *a = make_plan(
        "hours = 1; arrivals = ( { queue = \"a\"; calls = 50; }, { queue = \"b\"; calls = 50; } );", 3);
    struct plan *b = make_plan(
        "hours = 1; arrivals = ( { queue = \"a\"; calls = 80; }, { queue = \"b\"; calls = 50; } );", 3);
    uint32_t seen = 0, k = 0;
    for (uint32_t i = 0; i < a->caller_count; i++) {
        if (a->caller[i].way != 2)
            continue;
        while (b->caller[k].way != 2)
            k++;
        assert_true(a->caller[i].at_us == b->caller[k].at_us && a->caller[i].stream == b->caller[k].stream);
        k++;
        seen++;
    }
    assert_true(seen > 20);
    plan_free(a);
    plan_free(b);
}

/* ---- samples, tables ---- */

static void test_samples(void **state) {
    const double values[] = {1, 2, 3, 4, 5, NAN};
    struct sample s = sample_of(values, 6);
    assert_int_equal(s.count, 5);
    assert_true(fabs(s.mean - 3) < 1e-12);
    assert_true(fabs(s.half - 2.776445 * sqrt(2.5 / 5)) < 1e-3); /* t(4), standard error */
    assert_true(isnan(sample_of(values, 1).half) && isnan(sample_of(values + 5, 1).mean));
    double many[200];
    for (int i = 0; i < 200; i++)
        many[i] = i % 2;
    assert_true(fabs(sample_of(many, 200).half - 1.971957 * sqrt(0.25 * 200 / 199 / 200)) < 1e-5);
}

static void test_a_table(void **state) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct table t;
    table_begin(&t, "name|count|");
    table_cell(&t, "Zażółć");
    table_count(&t, 1234567);
    table_cell(&t, "!");
    table_cell(&t, "x");
    table_share(&t, 0.5);
    table_time(&t, 3725);
    table_end(&t, out);
    fclose(out);
    assert_string_equal(text, "name        count\n"
                              "Zażółć  1,234,567        !\n"
                              "x          50.0 %  1:02:05\n");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logarithm_and_exponential),
        cmocka_unit_test(test_mean_and_spread),
        cmocka_unit_test(test_draws_are_the_same_everywhere),
        cmocka_unit_test(test_a_scenario),
        cmocka_unit_test(test_an_empty_scenario),
        cmocka_unit_test(test_problems_have_a_line),
        cmocka_unit_test(test_what_the_configuration_lacks),
        cmocka_unit_test(test_names_of_agents),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_arrivals_come_as_planned),
        cmocka_unit_test(test_random_arrivals_are_poisson),
        cmocka_unit_test(test_groups_draw_apart),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
