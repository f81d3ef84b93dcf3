/* LIBS: sim floor call acd ivr stats conf base */
/* SPDX-License-Identifier: Apache-2.0
 * A day is simulated, recorded and replayed: under the same rules its figures come out again; with fewer
 * agents they are clearly worse. */
#include "callfloor/log.h"
#include "sim/compare.h"
#include "sim/replay.h"
#include "sim/world.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/callfloor-sim-XXXXXX", path[64];
static char problem[600];

static void told(void *arg, const char *message) {
    if (!strstr(message, ": warning: "))
        print_message("%s\n", message);
}

static void note(void *arg, const char *message) {
    if (!*problem)
        str_copy(problem, sizeof problem, message);
}

static struct conf *make_conf(const char *text) {
    struct conf *conf = NULL;
    assert_int_equal(conf_parse(&conf, text, NULL, told, NULL), 0);
    return conf;
}

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* ---- a day and its recording ---- */

static const char center[] =
    "general = { state_dir = \"/x\"; prompts_dir = \"/x\"; pause_reasons = [ \"lunch\" ]; };\n"
    "trunks = ( { name = \"t\"; peers = ( { address = \"203.0.113.7\"; } ); } );\n"
    "queues = ( { name = \"sales\"; wrapup_ms = 15000; exits = ( { digit = \"5\"; target = "
    "\"queue:support\"; } ); },\n"
    "           { name = \"support\"; wrapup_ms = 30000; } );\n"
    "menus = ( { name = \"m\"; prompt = \"p\"; choices = ( { digit = \"1\"; target = \"queue:sales\"; },\n"
    "            { digit = \"2\"; target = \"queue:support\"; } ); } );\n"
    "numbers = ( { number = \"100\"; target = \"menu:m\"; }, { number = \"200\"; target = \"queue:sales\"; } "
    ");\n"
    "agents = ( { ids = \"101-118\"; password = \"x\"; queues = [ \"sales\" ]; },\n"
    "           { ids = \"201-210\"; password = \"x\"; queues = [ \"support\" ]; } );\n";
static const char day[] =
    "begin = \"08:00\"; hours = 9; talk_s = { mean = 170; cv = 0.8; }; patience_s = 110; wrapup_s = 9;\n"
    "wrapup_done = 0.7; answer_s = 5; no_answer = 0.03; reject = 0.01; call_again = 0.3; hold = 0.2;\n"
    "queues = ( { name = \"sales\"; exit_digit = \"5\"; exit = 0.1; exit_after_s = 15; } );\n"
    "arrivals = ( { queue = \"sales\"; interval_min = 60; counts = [ 150, 230, 290, 260, 190, 230, 260, 200, "
    "140 ]; },\n"
    "             { number = \"100\"; queue = \"support\"; calls = 800; profile = [ 1, 2, 2, 1, 2, 2, 1 ]; } "
    ");\n"
    "agents = ( { ids = \"101-210\"; login = \"08:00\"; logout = \"17:30\"; pause_per_hour = 0.3;\n"
    "             breaks = ( { at = \"11:30\"; min = 30; stagger_min = 5; reason = \"lunch\"; } ); } );\n"
    "faults = { unreachable_per_hour = 0.2; };\n";

/* Key figures of one simulated day, which is recorded. */
static void simulate_and_record(const struct conf *conf, uint64_t seed, double *kpi) {
    struct scenario s;
    struct world *w;
    struct recorder *recorder;
    struct world_result r;
    assert_int_equal(scenario_parse(&s, day, told, NULL), 0);
    assert_int_equal(scenario_check(&s, conf, told, NULL), 0);
    assert_int_equal(world_create(&w, conf, &s, seed), 0);
    assert_int_equal(record_start(&recorder, w, path), 0);
    world_run(w, &r);
    assert_null(r.broken);
    assert_int_equal(record_finish(recorder), 0);
    for (int i = 0; i < KPIS; i++)
        kpi[i] = tally_kpi(world_tally(w), 0, (enum tally_kpi)i);
    world_destroy(w);
    scenario_done(&s);
}

static void replay(const struct recording *recording, const struct conf *conf, const struct conf *base,
                   const char *without, uint64_t seed, double *kpi) {
    struct scenario s = scenario_plain;
    struct plan *plan;
    struct world *w;
    struct world_result r;
    replay_scenario(recording, &s);
    s.without = without;
    assert_int_equal(replay_plan(&plan, base, recording, &s, seed), 0);
    assert_int_equal(world_create_planned(&w, conf, &s, plan, seed), 0);
    world_run(w, &r);
    assert_null(r.broken);
    assert_int_equal(r.unplaced, 0);
    for (int i = 0; i < KPIS; i++)
        kpi[i] = tally_kpi(world_tally(w), 0, (enum tally_kpi)i);
    world_destroy(w);
    plan_free(plan);
}

static void test_the_day_again(void **state) {
    enum { RUNS = 5 };
    double kpi[KPIS], again[RUNS][KPIS], fewer[RUNS][KPIS], loss[RUNS];
    struct recording *recording = NULL;
    struct conf *conf = make_conf(center);
    simulate_and_record(conf, 3, kpi);
    assert_int_equal(replay_read(&recording, path, told, NULL), 0);
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        double *a = again[seed - 1], *b = fewer[seed - 1];
        replay(recording, conf, conf, NULL, seed, a);
        replay(recording, conf, conf, "101-103", seed, b);
        print_message(
            "service level %.3f, again %.3f, fewer %.3f; abandoned %.3f %.3f %.3f; answer %.1f %.1f %.1f s\n",
            kpi[KPI_SERVICE_LEVEL], a[KPI_SERVICE_LEVEL], b[KPI_SERVICE_LEVEL], kpi[KPI_ABANDON_RATE],
            a[KPI_ABANDON_RATE], b[KPI_ABANDON_RATE], kpi[KPI_ASA], a[KPI_ASA], b[KPI_ASA]);
        assert_true(fabs(a[KPI_OFFERED] - kpi[KPI_OFFERED]) < 0.02 * kpi[KPI_OFFERED]);
        assert_true(fabs(a[KPI_SERVICE_LEVEL] - kpi[KPI_SERVICE_LEVEL]) < 0.03);
        assert_true(fabs(a[KPI_ABANDON_RATE] - kpi[KPI_ABANDON_RATE]) < 0.015);
        assert_true(fabs(a[KPI_ASA] - kpi[KPI_ASA]) < 0.15 * kpi[KPI_ASA]);
        assert_true(fabs(a[KPI_HANDLING] - kpi[KPI_HANDLING]) < 0.02 * kpi[KPI_HANDLING]);
        assert_true(fabs(a[KPI_OCCUPANCY] - kpi[KPI_OCCUPANCY]) < 0.02);
        assert_true(b[KPI_ASA] > 1.2 * a[KPI_ASA] && b[KPI_OCCUPANCY] > a[KPI_OCCUPANCY]);
        loss[seed - 1] = a[KPI_SERVICE_LEVEL] - b[KPI_SERVICE_LEVEL];
    }
    struct sample worse = sample_of(loss, RUNS);
    assert_true(worse.mean > 0.04 && worse.mean - worse.half > 0.03);
    replay_free(recording);
    conf_free(conf);
}

/* Agents that only the other configuration has are there from the first to the last of the recorded ones. */
static void test_more_agents(void **state) {
    static char more_text[sizeof center + 8];
    double kpi[KPIS], again[KPIS], more[KPIS];
    struct recording *recording = NULL;
    struct conf *conf = make_conf(center), *bigger;
    str_copy(more_text, sizeof more_text, center);
    memcpy(strstr(more_text, "101-118"), "101-124", 7);
    bigger = make_conf(more_text);
    simulate_and_record(conf, 8, kpi);
    assert_int_equal(replay_read(&recording, path, told, NULL), 0);
    replay(recording, conf, conf, NULL, 1, again);
    replay(recording, bigger, conf, NULL, 1, more);
    print_message("service level %.3f, with six more %.3f; answer %.1f %.1f s; occupancy %.3f %.3f\n",
                  again[KPI_SERVICE_LEVEL], more[KPI_SERVICE_LEVEL], again[KPI_ASA], more[KPI_ASA],
                  again[KPI_OCCUPANCY], more[KPI_OCCUPANCY]);
    assert_true(more[KPI_SERVICE_LEVEL] > again[KPI_SERVICE_LEVEL] && more[KPI_ASA] < again[KPI_ASA]);
    /* as many calls over 34 agents instead of 28 */
    assert_true(fabs(more[KPI_OCCUPANCY] - again[KPI_OCCUPANCY] * 28 / 34) < 0.01);
    replay_free(recording);
    conf_free(conf);
    conf_free(bigger);
}

/* ---- by hand ---- */

#define DAY                                                                                                  \
    "{\"kind\":\"day\",\"version\":1,\"from_ms\":1772438400000,\"to_ms\":1772442000000,\"utc_offset_s\":"    \
    "3600}\n"

/* Two callers, one agent who comes at 60 s, has a pause from 300 s to 600 s, and goes at 1800 s. */
static const char by_hand[] = DAY
    "{\"kind\":\"contact\",\"at_ms\":1772438500000,\"called\":\"200\",\"caller\":\"a\",\"queue\":\"sales\","
    "\"result\":\"answered\",\"wait_ms\":4000,\"offers\":1,\"rang_ms\":3000,\"ring_ms\":3000,\"agent\":"
    "\"101\","
    "\"talk_ms\":90000,\"wrap_ms\":7000}\n"
    "{\"kind\":\"contact\",\"at_ms\":1772438760000,\"called\":\"200\",\"caller\":\"b\",\"queue\":\"sales\","
    "\"result\":\"abandoned\",\"wait_ms\":45000}\n"
    "{\"kind\":\"presence\",\"agent\":\"101\",\"presence\":\"ready\",\"from_ms\":1772438460000,\"to_ms\":"
    "1772438700000}\n"
    "{\"kind\":\"presence\",\"agent\":\"101\",\"presence\":\"not_ready\",\"reason\":\"lunch\","
    "\"from_ms\":1772438700000,\"to_ms\":1772439000000}\n"
    "{\"kind\":\"presence\",\"agent\":\"101\",\"presence\":\"ready\",\"from_ms\":1772439000000,\"to_ms\":"
    "1772440200000}\n";

static void test_a_recording_by_hand(void **state) {
    struct conf *conf = make_conf(center);
    struct scenario s = scenario_plain;
    struct recording *recording = NULL;
    struct plan *plan;
    struct world *w;
    struct world_result r;
    write_file(by_hand);
    assert_int_equal(replay_read(&recording, path, told, NULL), 0);
    assert_int_equal(replay_calls(recording), 2);
    replay_scenario(recording, &s);
    assert_int_equal(replay_plan(&plan, conf, recording, &s, 1), 0);
    assert_int_equal(plan->begin_us, 9 * 3600000000ull); /* 08:00 UTC, an hour to the east */
    assert_int_equal(world_create_planned(&w, conf, &s, plan, 1), 0);
    world_run(w, &r);
    assert_null(r.broken);
    const struct tally *t = world_tally(w);
    const struct world_call *first = world_call_at(w, 0), *second = world_call_at(w, 1);
    assert_int_equal(world_calls(w), 2);
    assert_int_equal((first->visit[0].entered_us - 3600000000ull) / 10000, 10000); /* at 100 s */
    assert_int_equal((first->talk_ended_us - first->joined_us) / 10000, 9000);
    assert_int_equal(first->agent, 1);
    assert_int_equal(first->offer[0].picked_up_us - first->offer[0].rang_us, 3000000);
    assert_int_equal(second->visit[0].left_us - second->visit[0].entered_us, 45000000);
    assert_int_equal(second->visit[0].result, ACD_VISIT_ABANDONED);
    assert_int_equal((t->agent[1].pause_ms + 500) / 1000, 300);
    assert_int_equal((t->agent[1].logged_in_ms + 500) / 1000, 1740);
    assert_int_equal((t->queue[1].day.wrap_ms + 50) / 100, 70);
    for (uint32_t agent = 2; agent <= conf->agent_count; agent++)
        assert_int_equal(t->agent[agent].logged_in_ms, 0);
    world_destroy(w);
    plan_free(plan);
    replay_free(recording);
    conf_free(conf);
}

static void test_one_array_will_do_too(void **state) {
    struct recording *recording = NULL;
    char text[sizeof by_hand + 20] = "[ ";
    for (const char *p = by_hand; *p; p++) {
        size_t used = strlen(text);
        str_copy(text + used, sizeof text - used, *p == '\n' ? p[1] ? "," : "]" : (char[]){*p, 0});
    }
    write_file(text);
    assert_int_equal(replay_read(&recording, path, told, NULL), 0);
    assert_int_equal(replay_calls(recording), 2);
    replay_free(recording);
}

/* Where nobody gave up, nobody gives up; and who was answered waits on with the rate at which others gave up.
 */
static void test_patience_is_censored(void **state) {
    struct scenario s = scenario_plain;
    struct recording *recording = NULL;
    struct conf *conf = make_conf(center);
    char text[400000] = DAY;
    size_t used = strlen(text);
    double sum = 0;
    uint32_t count = 0;
    for (int i = 0; i < 1000; i++) /* one in ten gives up after 10 s, the others wait 10 s: 100 s each */
        used += (size_t)snprintf(
            text + used, sizeof text - used,
            "{\"kind\":\"contact\",\"at_ms\":%llu,\"called\":\"200\",\"queue\":\"%s\",\"result\":"
            "\"%s\",\"wait_ms\":10000}\n",
            1772438400000ull + (unsigned)i * 1000, i % 2 ? "sales" : "support",
            i % 10 == 1 ? "abandoned" : "timeout");
    write_file(text);
    assert_int_equal(replay_read(&recording, path, told, NULL), 0);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct plan *plan;
        assert_int_equal(replay_plan(&plan, conf, recording, &s, seed), 0);
        for (uint32_t i = 0; i < plan->caller_count; i++) {
            const struct caller *c = &plan->caller[i];
            bool sales = !strcmp(plan->way[c->way - 1].queue, "sales");
            uint64_t gave_up = (c->at_us / 1000000) % 10 == 1;
            if (gave_up)
                assert_int_equal(c->patience_us, 10000000);
            else if (!sales)
                assert_true(c->patience_us > 10000000);
            if (sales && !gave_up) {
                sum += (double)c->patience_us / 1e6 - 10;
                count++;
            }
            assert_int_equal(c->person, i); /* withheld: each somebody else */
        }
        plan_free(plan);
    }
    assert_true(fabs(sum / count - 50) < 3); /* sales: 500 * 10 s waited, 100 gave up */
    replay_free(recording);
    conf_free(conf);
}

static void test_problems_have_a_line(void **state) {
    static const struct {
        const char *text, *told;
    } cases[] = {
        {"", "has no contact"},
        {DAY, "has no contact"},
        {"hello", "1: no JSON"},
        {"{\"kind\":\"contact\"}", "1: expected the line of kind \"day\" first"},
        {DAY "{\"kind\":\"contact\",\"queue\":\"q\"}", "2: contact: expected queue, at_ms and wait_ms"},
        {DAY "{\"kind\":\"contact\",\"queue\":\"q\",\"at_ms\":1772438500000,\"wait_ms\":-1}",
         "2: wait_ms: expected a number"},
        {DAY "\n{\"kind\":\"lunch\"}", "3: kind 'lunch': expected day (once), contact or presence"},
        {DAY "{\"kind\":\"presence\",\"agent\":\"1\",\"presence\":\"asleep\",\"from_ms\":1772438400000,\"to_"
             "ms\":1772438400001}",
         "2: presence 'asleep': expected"},
        {DAY "{\"kind\":\"presence\",\"presence\":\"ready\"}",
         "2: presence: expected agent, from_ms and to_ms"},
        {"{\"kind\":\"day\",\"version\":2,\"from_ms\":1,\"to_ms\":2}", "1: version 2 is not known"},
        {"{\"kind\":\"day\",\"version\":1,\"from_ms\":5,\"to_ms\":2}", "1: from_ms and to_ms: expected"},
        {DAY "{\"kind\":", "2: no JSON"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct recording *recording = NULL;
        *problem = 0;
        write_file(cases[i].text);
        assert_int_equal(replay_read(&recording, path, note, NULL), -22);
        assert_null(recording);
        if (!strstr(problem, cases[i].told) || strncmp(problem, path, strlen(path)) != 0)
            fail_msg("%s\nwas told: %s\nexpected: %s", cases[i].text, problem, cases[i].told);
    }
    struct recording *recording = NULL;
    assert_int_equal(replay_read(&recording, "/nonexistent/file", note, NULL), -22);
}

static int setup(void **state) {
    log_set_level(NULL, "error");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/day.json", folder);
    return setenv("TZ", "UTC", 1);
}

static int teardown(void **state) {
    unlink(path);
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_day_again),        cmocka_unit_test(test_more_agents),
        cmocka_unit_test(test_a_recording_by_hand),  cmocka_unit_test(test_one_array_will_do_too),
        cmocka_unit_test(test_patience_is_censored), cmocka_unit_test(test_problems_have_a_line),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
