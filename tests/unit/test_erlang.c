/* SPDX-License-Identifier: Apache-2.0
 * LIBS: stats base
 * The formulas of waiting lines: published vectors, sums in sixty digits made elsewhere, and what must hold
 * between the models whatever the numbers. */
#include "callfloor/erlang.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void near_to(double is, double wanted, double most, const char *what) {
    if (!(fabs(is - wanted) <= most))
        fail_msg("%s is %.12g, wanted %.12g", what, is, wanted);
}
#define NEAR(is, wanted, most) near_to(is, wanted, most, #is)

/* A hundred calls in half an hour, three minutes each: ten erlangs. */
static struct erlang_case ten_erlang(uint32_t agents) {
    return (struct erlang_case){.arrivals_per_s = 100 / 1800.0,
                                .handling_s = 180,
                                .target_s = 20,
                                .agents = agents,
                                .patience_s = 120};
}

static struct erlang_figures answer(erlang_model_fn *model, struct erlang_case in) {
    struct erlang_figures out;
    assert_int_equal(model(&in, &out), 0);
    return out;
}

/* ---- vectors ---- */

static void b_known(void **state) {
    NEAR(erlang_b(10, 10), 0.21458234310734733, 1e-14);
    NEAR(erlang_b(480, 500), 0.014325780722426129, 1e-14);
    NEAR(erlang_b(500, 500), 0.034847777414685505, 1e-14);
    NEAR(erlang_b(9900, 10000), 0.0028581267388565865, 1e-13);
    NEAR(erlang_b(2, 1), 2.0 / 3, 1e-15);
    NEAR(erlang_b(2, 2), 0.4, 1e-15);
    NEAR(erlang_b(7, 0), 1, 0);
    NEAR(erlang_b(0, 3), 0, 0);
}

static void c_known(void **state) {
    struct erlang_figures f = answer(erlang_c, ten_erlang(14));
    NEAR(f.waits, 0.17413193, 5e-9);
    NEAR(f.service_level, 0.88835002, 5e-9);
    NEAR(f.mean_wait_s, 7.835937, 5e-7);
    NEAR(f.answer_s, f.mean_wait_s, 0);
    NEAR(f.occupancy, 0.7142857, 5e-8);
    NEAR(f.waiting, f.mean_wait_s * 100 / 1800, 1e-12);
    static const double told[][2] = {{0.390, 122.8}, {0.640, 40.4}, {0.796, 17.1}, {0.888, 7.8}};
    for (uint32_t n = 11; n <= 14; n++) {
        f = answer(erlang_c, ten_erlang(n));
        NEAR(f.service_level, told[n - 11][0], 0.0005);
        NEAR(f.mean_wait_s, told[n - 11][1], 0.05);
    }
    struct erlang_case big = {.arrivals_per_s = 480, .handling_s = 1, .agents = 500};
    NEAR(answer(erlang_c, big).waits, 0.266512519962364, 1e-12);
    NEAR(answer(erlang_c, big).service_level, 1 - 0.266512519962364, 1e-12); /* T = 0 */
    big = (struct erlang_case){.arrivals_per_s = 9900, .handling_s = 1, .agents = 10000};
    NEAR(answer(erlang_c, big).waits, 0.22277692886414846, 1e-11);
}

static void a_known(void **state) {
    static const double told[][4] = {/* service level, abandons, mean wait, occupancy */
                                     {0.640, 0.138, 16.5, 0.863},
                                     {0.742, 0.094, 11.3, 0.823},
                                     {0.826, 0.062, 7.4, 0.782},
                                     {0.889, 0.038, 4.6, 0.740},
                                     {0.933, 0.023, 2.7, 0.698}};
    for (uint32_t n = 10; n <= 14; n++) {
        struct erlang_figures f = answer(erlang_a, ten_erlang(n));
        NEAR(f.service_level, told[n - 10][0], 0.0006);
        NEAR(f.abandons, told[n - 10][1], 0.0006);
        NEAR(f.mean_wait_s, told[n - 10][2], 0.05);
        NEAR(f.occupancy, told[n - 10][3], 0.0006);
    }
    struct erlang_figures f = answer(erlang_a, ten_erlang(12));
    NEAR(f.waits, 0.2798070186454442, 1e-12);
    NEAR(f.abandons, 0.06159737700368042, 1e-12);
    NEAR(f.mean_wait_s, 7.3916852404416495, 1e-10);
    f = answer(erlang_a, (struct erlang_case){.arrivals_per_s = 500 / 180.0 * 1.1,
                                              .handling_s = 180,
                                              .agents = 500,
                                              .patience_s = 60,
                                              .target_s = 20});
    NEAR(f.waits, 0.8815341261268284, 1e-11);
    NEAR(f.abandons, 0.09274004528684034, 1e-12);
    NEAR(f.mean_wait_s, 5.56440271721042, 1e-10);
    NEAR(f.occupancy, 0.9979859501844757, 1e-12);
}

static void limit_known(void **state) {
    struct erlang_case in = ten_erlang(10);
    in.places = 5;
    struct erlang_figures f = answer(erlang_limit, in);
    NEAR(f.waits, 0.5175867874618717, 1e-12);
    NEAR(f.blocked, 0.10351735749237433, 1e-13);
    NEAR(f.mean_wait_s, 31.177052625091203, 1e-10);
    NEAR(f.occupancy, 0.8964826425076257, 1e-12);
    f = answer(
        erlang_limit,
        (struct erlang_case){
            .arrivals_per_s = 600 / 180.0, .handling_s = 180, .agents = 500, .places = 40, .target_s = 20});
    NEAR(f.waits, 0.8327908629004909, 1e-11);
    NEAR(f.blocked, 0.16667157222386333, 1e-12);
    NEAR(f.mean_wait_s, 12.601669758130859, 1e-9);
}

/* ---- the service level another way: a caller who finds `ahead` in line moves up one by one, or gives up.
 * Steps of a chain at a steady rate (uniformisation). ---- */

static double served_by_chain(const struct erlang_case *in, double giving_up, uint32_t ahead) {
    double ends = in->agents / in->handling_s, rate = ends + (ahead + 1) * giving_up,
           mean = rate * in->target_s;
    double *at = calloc(ahead + 1, sizeof *at), served = 0, share = 0, poisson = exp(-mean);
    at[ahead] = 1;
    for (uint32_t step = 0; step < 20 * (mean + 20); step++) {
        share += poisson * served;
        poisson *= mean / (step + 1);
        for (uint32_t i = 0; i <= ahead; i++) { /* upwards: each place takes from the one behind it */
            double moves = (ends + i * giving_up) / rate, from = at[i];
            served += i ? 0 : from * moves;
            if (i)
                at[i - 1] += from * moves;
            at[i] = from * (1 - moves - giving_up / rate);
        }
    }
    free(at);
    return share;
}

static double service_level_by_chain(const struct erlang_case *in, double giving_up, uint32_t most) {
    double all = 0, in_time = 0, weight = 1;
    for (uint32_t k = 0; k <= most; k++) {
        all += weight;
        if (k < in->agents)
            in_time += weight;
        else if (k < most)
            in_time += weight * served_by_chain(in, giving_up, k - in->agents);
        double busy = k + 1 < in->agents ? k + 1 : in->agents, line = k + 1 - busy;
        weight *= in->arrivals_per_s / (busy / in->handling_s + line * giving_up);
    }
    return in_time / all;
}

static void service_level_of_a(void **state) {
    static const double targets[] = {0, 1, 20, 90, 400};
    for (uint32_t n = 1; n <= 14; n += n < 8 ? 7 : 2)
        for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
            struct erlang_case in = ten_erlang(n);
            in.target_s = targets[i];
            NEAR(answer(erlang_a, in).service_level, service_level_by_chain(&in, 1 / in.patience_s, 90),
                 1e-9);
        }
}

static void service_level_with_limit(void **state) {
    static const uint32_t places[] = {0, 1, 7, 30};
    for (uint32_t n = 1; n <= 16; n += 5)
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
            struct erlang_case in = ten_erlang(n);
            in.places = places[i];
            NEAR(answer(erlang_limit, in).service_level, service_level_by_chain(&in, 0, n + places[i]),
                 1e-10);
        }
}

/* ---- what must hold between the models ---- */

static const struct erlang_case some[] = {
    {.arrivals_per_s = 0.004, .handling_s = 200, .agents = 1, .patience_s = 50, .places = 3, .target_s = 10},
    {.arrivals_per_s = 0.02, .handling_s = 240, .agents = 5, .patience_s = 240, .places = 1, .target_s = 30},
    {.arrivals_per_s = 0.3, .handling_s = 120, .agents = 39, .patience_s = 30, .places = 10, .target_s = 15},
    {.arrivals_per_s = 1.6,
     .handling_s = 300,
     .agents = 500,
     .patience_s = 600,
     .places = 60,
     .target_s = 20},
    {.arrivals_per_s = 99,
     .handling_s = 100,
     .agents = 10000,
     .patience_s = 90,
     .places = 400,
     .target_s = 5},
    {.arrivals_per_s = 1999,
     .handling_s = 99,
     .agents = 200000,
     .patience_s = 60,
     .places = 900,
     .target_s = 1},
};

/* Callers who come are served, give up, or are refused; those in line are those who come, for as long as they
 * wait (Little). */
static void books_balance(void **state) {
    for (size_t i = 0; i < 2 * ARRAY_LEN(some); i++) {
        struct erlang_case in = some[i / 2];
        in.arrivals_per_s *= i % 2 && i < 10 ? 1.3 : 1; /* overload, too */
        struct erlang_figures a = answer(erlang_a, in), l = answer(erlang_limit, in);
        double load = in.arrivals_per_s * in.handling_s;
        NEAR(a.occupancy * in.agents, load * (1 - a.abandons), load * 1e-9);
        NEAR(a.waiting, in.arrivals_per_s * a.mean_wait_s, 1e-9 * (1 + a.waiting));
        NEAR(a.abandons, a.mean_wait_s / in.patience_s, 1e-9);
        NEAR(l.occupancy * in.agents, load * (1 - l.blocked), load * 1e-9);
        NEAR(l.waiting, in.arrivals_per_s * (1 - l.blocked) * l.mean_wait_s, 1e-9 * (1 + l.waiting));
        /* the mean wait of all is that of the answered and that of those who gave up: at most T, then all */
        in.target_s = 1000 * in.patience_s;
        NEAR(answer(erlang_a, in).service_level, 1 - a.abandons, 1e-9);
        NEAR(answer(erlang_limit, in).service_level, 1 - l.blocked, 1e-9);
        assert_true(a.answer_s < in.patience_s * 100);
        in.target_s = 0;
        NEAR(answer(erlang_a, in).service_level, 1 - a.waits, 1e-9);
        NEAR(answer(erlang_limit, in).service_level, 1 - l.waits - l.blocked, 1e-9);
    }
}

/* Patience of the length of a handle: as many agents as callers would be no different, so the number of
 * callers has Poisson distribution. */
static void patience_as_handling(void **state) {
    for (uint32_t n = 1; n <= 30; n++) {
        struct erlang_case in = ten_erlang(n);
        double p = exp(-10), waits = 1, waiting = 10;
        in.patience_s = in.handling_s;
        for (uint32_t k = 0; k < n; p *= 10.0 / ++k) {
            waits -= p;
            waiting -= k * p;
        }
        NEAR(answer(erlang_a, in).waits, waits, 1e-12);
        NEAR(answer(erlang_a, in).waiting, waiting - n * waits, 1e-11);
    }
}

/* The models become each other at their ends. */
static void limits_meet(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(some); i++) {
        struct erlang_case in = some[i];
        double b = erlang_b(in.arrivals_per_s * in.handling_s, in.agents);
        struct erlang_figures c = answer(erlang_c, in), f;
        in.places = 0;
        f = answer(erlang_limit, in);
        NEAR(f.blocked, b, 1e-9);
        NEAR(f.waits, 0, 0);
        NEAR(f.service_level, 1 - b, 1e-9);
        in.places = 100000;
        f = answer(erlang_limit, in);
        NEAR(f.waits, c.waits, 1e-8);
        NEAR(f.service_level, c.service_level, 1e-8);
        NEAR(f.mean_wait_s, c.mean_wait_s, 1e-8 * (1 + c.mean_wait_s));
        in.patience_s = 1e-9;
        NEAR(answer(erlang_a, in).abandons, b, 1e-6);
        in.patience_s = 1e9;
        f = answer(erlang_a, in);
        NEAR(f.waits, c.waits, 1e-4);
        NEAR(f.service_level, c.service_level, 1e-4);
        NEAR(f.answer_s, c.answer_s, 1e-3 * (1 + c.answer_s));
    }
}

/* Wait of all = wait of those answered and of those who gave up; with the integral on one side and the sum
 * over states on the other: the mean of min(wait, patience) is the share that gives up, in units of patience.
 */
static void wait_of_the_answered(void **state) {
    for (size_t i = 0; i < 4; i++) {
        struct erlang_case in = some[i];
        struct erlang_figures f = answer(erlang_a, in), later;
        double sum = 0, step = f.answer_s / 60 + 1e-6;
        /* the answered wait longer than x with this share; its integral is their mean */
        for (int k = 0; k < 20000; k++) {
            in.target_s = (k + 0.5) * step;
            later = answer(erlang_a, in);
            double share = (1 - f.abandons - later.service_level) / (1 - f.abandons);
            sum += share * step;
            if (share < 1e-8)
                break;
        }
        NEAR(sum, f.answer_s, 1e-4 * f.answer_s + 1e-6);
    }
}

/* ---- staffing ---- */

static void agents_needed(void **state) {
    struct erlang_case in = ten_erlang(0);
    uint32_t n = 0;
    assert_int_equal(erlang_agents(erlang_c, &in, 0.80, 0.85, &n), 0);
    assert_int_equal(n, 14);
    assert_int_equal(erlang_rostered(n, 0.3), 20);
    assert_int_equal(erlang_agents(erlang_c, &in, 0.80, 1, &n), 0);
    assert_int_equal(n, 14); /* 13 give 79.6 % */
    assert_int_equal(erlang_agents(erlang_a, &in, 0.80, 1, &n), 0);
    assert_int_equal(n, 12);
    assert_int_equal(erlang_agents(erlang_c, &in, 0, 0.5, &n), 0);
    assert_int_equal(n, 20);
    assert_int_equal(erlang_agents(erlang_c, &in, 0, 1, &n), 0);
    assert_int_equal(n, 11); /* ten are not stable */
    for (double goal = 0.05; goal < 1; goal += 0.05) {
        assert_int_equal(erlang_agents(erlang_a, &in, goal, 1, &n), 0);
        in.agents = n;
        assert_true(answer(erlang_a, in).service_level >= goal);
        in.agents = n - 1;
        assert_true(n == 1 || answer(erlang_a, in).service_level < goal);
    }
    assert_int_equal(erlang_rostered(10, 0.5), 20);
    assert_int_equal(erlang_rostered(10, 0), 10);
    assert_int_equal(erlang_rostered(0, 0.3), 0);
    assert_int_equal(erlang_rostered(10, 1), 0);
    assert_int_equal(erlang_rostered(10, NAN), 0);
}

/* ---- edges ---- */

static void nonsense_is_refused(void **state) {
    const double bad[] = {-1, NAN, INFINITY, -INFINITY, 1e300};
    struct erlang_figures out = {.waits = 42};
    struct erlang_case in;
    uint32_t n = 7;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        double *const field[] = {&in.arrivals_per_s, &in.handling_s, &in.target_s};
        for (size_t k = 0; k < ARRAY_LEN(field); k++) {
            in = ten_erlang(14);
            *field[k] = bad[i];
            assert_int_equal(erlang_c(&in, &out), -EINVAL);
            assert_int_equal(erlang_a(&in, &out), -EINVAL);
            assert_int_equal(erlang_limit(&in, &out), -EINVAL);
            assert_int_equal(erlang_agents(erlang_a, &in, 0.8, 1, &n), -EINVAL);
        }
        in = ten_erlang(14);
        in.patience_s = bad[i];
        assert_int_equal(erlang_a(&in, &out), -EINVAL);
        in.patience_s = 120;
        assert_int_equal(erlang_agents(erlang_a, &in, bad[i], 1, &n), -EINVAL);
        assert_int_equal(erlang_agents(erlang_a, &in, 0.8, bad[i], &n), -EINVAL);
        assert_true(erlang_b(bad[i], 5) == -1);
    }
    in = ten_erlang(0);
    assert_int_equal(erlang_c(&in, &out), -EINVAL);
    in = ten_erlang(10);
    assert_int_equal(erlang_c(&in, &out), -ERANGE); /* exactly as many as erlangs */
    in.handling_s = 0;
    assert_int_equal(erlang_c(&in, &out), -EINVAL);
    in = ten_erlang(3); /* overload and nobody ever gives up: millions in line */
    in.patience_s = 1e9;
    assert_int_equal(erlang_a(&in, &out), -ERANGE);
    in = ten_erlang(9);
    in.places = ERLANG_MOST_AGENTS + 1;
    assert_int_equal(erlang_limit(&in, &out), -EINVAL);
    assert_true(erlang_b(1, ERLANG_MOST_AGENTS + 1) == -1);
    assert_true(out.waits == 42 && n == 7);
}

static void nobody_calls(void **state) {
    struct erlang_case in = ten_erlang(1);
    uint32_t n;
    in.arrivals_per_s = 0;
    erlang_model_fn *const models[] = {erlang_c, erlang_a, erlang_limit};
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        struct erlang_figures f = answer(models[i], in);
        assert_true(f.service_level == 1 && f.waits == 0 && f.mean_wait_s == 0 && f.occupancy == 0);
    }
    assert_int_equal(erlang_agents(erlang_a, &in, 0.99, 1, &n), 0);
    assert_int_equal(n, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(b_known),
        cmocka_unit_test(c_known),
        cmocka_unit_test(a_known),
        cmocka_unit_test(limit_known),
        cmocka_unit_test(service_level_of_a),
        cmocka_unit_test(service_level_with_limit),
        cmocka_unit_test(books_balance),
        cmocka_unit_test(patience_as_handling),
        cmocka_unit_test(limits_meet),
        cmocka_unit_test(wait_of_the_answered),
        cmocka_unit_test(agents_needed),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(nobody_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
