/* SPDX-License-Identifier: Apache-2.0
 * LIBS: acd stats conf base
 * The distributor against the formulas of waiting lines (docs/acd-proof.md): it is simulated event by event
 * under their assumptions, and each figure has to be within 3.5 errors of the formula (see acd_theory.h).
 * Over all figures the distances must look like chance: root mean square about 1, so neither the distributor
 * nor the error is wrong by a little everywhere.
 *
 * "test_acd_theory" plays 100,000 calls a set, "test_acd_theory full" a million and prints the tables. */
#include "acd_theory.h"
#include "callfloor/erlang.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const double MOST_ERRORS = 3.5;
static uint64_t calls = 100000;
static bool full;

/* All distances of the figures from theory, in errors. */
static struct {
    double squares, worst;
    uint32_t count;
} score;

static void PRINTF_LIKE(1, 2) tell(const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (full) {
        vprintf(format, args);
        fflush(stdout);
    }
    va_end(args);
}

static void judge(const char *name, struct theory_result is, double wanted) {
    double errors = is.error > 0 ? (is.value - wanted) / is.error : is.value == wanted ? 0 : INFINITY;
    bool sharp = is.error < (full ? 0.25 : 0.4) * wanted || is.error < 0.005;
    tell(" %.4g | %.4g ± %.2g | %+.1f |", wanted, is.value, is.error, errors);
    score.squares += errors * errors;
    score.worst = fmax(score.worst, fabs(errors));
    score.count++;
    if (!(fabs(errors) <= MOST_ERRORS))
        fail_msg("%s: theory %.6g, measured %.6g, error %.2g: %.1f errors off", name, wanted, is.value,
                 is.error, errors);
    if (!sharp)
        fail_msg("%s: measured %.6g with error %.2g, which proves nothing", name, is.value, is.error);
}

/* One figure: a cell of the table, and the verdict. Long lines are rare, and a run that misses its share of
 * them has both value and error too small; so what counts is the error as a part of the value. */
static void compare_time(const char *name, struct theory_result is, double wanted) {
    is.error *= is.value > 0 ? wanted / is.value : 1;
    judge(name, is, wanted);
}

/* Of a share and the rest the smaller one is what is rare. */
static void compare_share(const char *name, struct theory_result is, double wanted) {
    bool rest = wanted > 0.5;
    double rare = rest ? 1 - is.value : is.value, rare_wanted = rest ? 1 - wanted : wanted;
    is.error *= rare > 0 && rare_wanted > 0 ? rare_wanted / rare : 1;
    judge(name, is, wanted);
}

/* One queue, alike agents. */
static struct theory *one_line(uint32_t agents, double load, double target_s, uint64_t seed) {
    struct theory *t = calloc(1, sizeof *t);
    t->conf = world_conf(agents, 1, 0);
    t->conf->queue[0].ring_ms = 60000;
    for (uint32_t i = 0; i < agents; i++) {
        t->conf->agent[i].auto_login = true;
        world_list(&t->conf->agent[i].queue, &t->conf->agent[i].queue_count, 1);
    }
    t->handling_s = 180;
    t->target_s = target_s;
    t->per_s[1] = load * agents / t->handling_s;
    t->calls = calls * (1 + agents / 100); /* many agents forget slowly */
    t->warm_up = t->calls / 10 + 20 * agents;
    t->seed = seed;
    return t;
}

static void play(struct theory *t) {
    const char *broken = theory_play(t);
    if (broken)
        fail_msg("%s", broken);
    assert_true(t->checks > 50);
}

static void done(struct theory *t) {
    world_free(t->conf);
    free(t);
}

static struct erlang_figures formula(erlang_model_fn *model, const struct theory *t, uint32_t agents,
                                     double per_s) {
    struct erlang_figures f;
    assert_int_equal(model(&(struct erlang_case){.arrivals_per_s = per_s,
                                                 .handling_s = t->handling_s,
                                                 .target_s = t->target_s,
                                                 .agents = agents,
                                                 .patience_s = t->patience_s,
                                                 .places = t->conf->queue[0].max_waiting},
                           &f),
                     0);
    return f;
}

/* ---- M/M/n: everybody waits ---- */

static void erlang_c_line(void **state) {
    static const struct {
        uint32_t agents;
        double load, target_s;
    } set[] = {{1, 0.5, 20},   {1, 0.8, 60},   {1, 0.9, 300},  {2, 0.5, 20},     {2, 0.85, 60},
               {5, 0.6, 20},   {5, 0.9, 60},   {10, 0.8, 20},  {14, 5 / 7., 20}, {20, 0.9, 20},
               {50, 0.85, 20}, {50, 0.94, 20}, {100, 0.9, 10}, {100, 0.96, 20},  {200, 0.95, 10},
               {500, 0.95, 5}, {500, 0.97, 10}};
    tell("\n### M/M/n\n\n| n | load | T, s | Pw: theory | measured | errors | SL: theory | measured | errors "
         "| "
         "ASA, s: theory | measured | errors |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(set); i++) {
        struct theory *t = one_line(set[i].agents, set[i].load, set[i].target_s, 100 + i);
        struct erlang_figures f = formula(erlang_c, t, set[i].agents, t->per_s[1]);
        play(t);
        tell("| %u | %.3g | %g |", set[i].agents, set[i].load, t->target_s);
        compare_share("waits", THEORY_RATIO(t, 1, waited, offered), f.waits);
        compare_share("service level", THEORY_RATIO(t, 1, in_time, offered), f.service_level);
        compare_time("speed of answer", THEORY_RATIO(t, 1, answer_s, answered), f.answer_s);
        tell("\n");
        done(t);
    }
}

/* ---- M/M/n+M: callers give up ---- */

static void erlang_a_line(void **state) {
    static const struct {
        uint32_t agents;
        double load, patience_s, target_s;
    } set[] = {{1, 0.5, 120, 20},  {1, 1.2, 60, 20},      {2, 0.9, 180, 20},    {5, 1.0, 120, 20},
               {10, 1.0, 120, 20}, {12, 5 / 6., 120, 20}, {20, 0.9, 300, 20},   {20, 1.1, 60, 10},
               {50, 0.95, 30, 10}, {50, 1.0, 90, 10},     {100, 1.05, 180, 10}, {100, 1.2, 300, 60},
               {200, 1.0, 60, 5},  {500, 1.0, 120, 5},    {500, 1.1, 60, 5},    {500, 1.2, 30, 5}};
    tell("\n### M/M/n+M\n\n| n | load | patience, s | T, s | abandons: theory | measured | errors | mean "
         "wait, s: theory "
         "| measured | errors | SL: theory | measured | errors | ASA, s: theory | measured | errors |\n"
         "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(set); i++) {
        struct theory *t = one_line(set[i].agents, set[i].load, set[i].target_s, 200 + i);
        t->patience_s = set[i].patience_s;
        struct erlang_figures f = formula(erlang_a, t, set[i].agents, t->per_s[1]);
        play(t);
        tell("| %u | %.3g | %g | %g |", set[i].agents, set[i].load, t->patience_s, t->target_s);
        compare_share("abandons", THEORY_RATIO(t, 1, abandoned, offered), f.abandons);
        compare_time("mean wait", THEORY_RATIO(t, 1, wait_s, offered), f.mean_wait_s);
        compare_share("service level", THEORY_RATIO(t, 1, in_time, offered), f.service_level);
        compare_time("speed of answer", THEORY_RATIO(t, 1, answer_s, answered), f.answer_s);
        tell("\n");
        done(t);
    }
}

/* ---- M/M/n/n+q: max_waiting callers wait, others are refused ---- */

static void limited_line(void **state) {
    static const struct {
        uint32_t agents;
        double load;
        uint32_t places;
        double target_s;
    } set[] = {{1, 0.5, 1, 60},   {1, 1.2, 4, 180},   {2, 0.8, 2, 30},   {5, 0.9, 3, 20},
               {5, 1.2, 10, 120}, {10, 1.0, 5, 20},   {14, 0.8, 2, 10},  {20, 1.0, 10, 20},
               {50, 0.95, 5, 5},  {50, 1.2, 20, 60},  {100, 1.0, 10, 5}, {100, 1.1, 30, 20},
               {200, 1.0, 20, 5}, {500, 0.98, 10, 2}, {500, 1.0, 25, 5}, {500, 1.2, 40, 15}};
    tell("\n### M/M/n/n+q\n\n| n | load | q | T, s | blocked: theory | measured | errors | waits: theory | "
         "measured | errors | "
         "mean wait, s: theory | measured | errors | SL: theory | measured | errors |\n"
         "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(set); i++) {
        struct theory *t = one_line(set[i].agents, set[i].load, set[i].target_s, 300 + i);
        t->conf->queue[0].max_waiting = set[i].places;
        struct erlang_figures f = formula(erlang_limit, t, set[i].agents, t->per_s[1]);
        play(t);
        tell("| %u | %.3g | %u | %g |", set[i].agents, set[i].load, set[i].places, t->target_s);
        compare_share("blocked", THEORY_RATIO(t, 1, refused, offered), f.blocked);
        compare_share("waits", THEORY_RATIO(t, 1, waited, offered), f.waits);
        compare_time("mean wait", THEORY_RATIO(t, 1, answer_s, answered), f.mean_wait_s);
        compare_share("service level", THEORY_RATIO(t, 1, in_time, offered), f.service_level);
        tell("\n");
        done(t);
    }
}

/* ---- two classes, the high one always first but never interrupting: Cobham 1954, for n agents Kella and
 * Yechiali 1985: the mean wait of class k is Pw h / n / ((1 - s(k-1)) (1 - s(k))), s(k) = load per agent of
 * classes 1 to k, h = handling time. Who waits at all is as in M/M/n. ---- */

static void strict_priority(void **state) {
    static const struct {
        uint32_t agents;
        double load, high;
    } set[] = {{1, 0.7, 0.3},  {1, 0.85, 0.7},  {5, 0.9, 0.5},
               {20, 0.9, 0.2}, {50, 0.94, 0.5}, {200, 0.96, 0.6}};
    tell("\n### Strict priority\n\n| n | load | share of high | Pw: theory | measured | errors | wait of "
         "high, s: theory | "
         "measured | errors | wait of low, s: theory | measured | errors |\n"
         "|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(set); i++) {
        struct theory *t = one_line(set[i].agents, set[i].load, 20, 400 + i);
        double per_s = t->per_s[1], high = set[i].load * set[i].high;
        world_grow(t->conf, 0, 2);
        t->conf->queue[1] = t->conf->queue[0];
        t->conf->queue[1].priority = 1;
        for (uint32_t a = 0; a < set[i].agents; a++)
            world_list(&t->conf->agent[a].queue, &t->conf->agent[a].queue_count, 2);
        t->per_s[1] = per_s * (1 - set[i].high);
        t->per_s[2] = per_s * set[i].high;
        struct erlang_figures f = formula(erlang_c, t, set[i].agents, per_s);
        double unit = f.waits * t->handling_s / set[i].agents;
        play(t);
        tell("| %u | %.3g | %g |", set[i].agents, set[i].load, set[i].high);
        compare_share("waits", THEORY_RATIO(t, 0, waited, offered), f.waits);
        compare_time("wait of high", THEORY_RATIO(t, 2, wait_s, offered), unit / (1 - high));
        compare_time("wait of low", THEORY_RATIO(t, 1, wait_s, offered),
                     unit / (1 - high) / (1 - set[i].load));
        tell("\n");
        done(t);
    }
}

/* ---- skills: six call types, 90 agents (Wallace and Whitt 2005): 14 erlangs of each type, ten minutes a
 * call ---- */

enum { TYPES = 6, PEOPLE = 90, TRUNKS = 120 };

/* Each agent has so many neighbouring skills of the ring; all are listed for all queues, each of which wants
 * one skill. */
static struct theory *ring(uint32_t skills_each, uint32_t trunks, uint64_t seed) {
    struct theory *t = calloc(1, sizeof *t);
    t->conf = world_conf(PEOPLE, TYPES, TYPES);
    t->handling_s = 600;
    t->target_s = 30;
    t->trunks = trunks;
    for (uint32_t q = 1; q <= TYPES; q++) {
        struct conf_queue *queue = &t->conf->queue[q - 1];
        world_skill(&queue->skill, &queue->skill_count, q, 1);
        t->per_s[q] = 14 / t->handling_s;
    }
    for (uint32_t a = 0; a < PEOPLE; a++) {
        struct conf_agent *agent = &t->conf->agent[a];
        agent->auto_login = true;
        for (uint32_t i = 0; i < TYPES; i++)
            world_list(&agent->queue, &agent->queue_count, i + 1);
        for (uint32_t i = 0; i < skills_each; i++)
            world_skill(&agent->skill, &agent->skill_count, (a + i) % TYPES + 1, 1);
    }
    t->calls = calls * 3;
    t->warm_up = calls / 2;
    t->seed = seed;
    play(t);
    return t;
}

static void row(struct theory *t, uint32_t queue, const struct erlang_figures *f) {
    compare_share("waits", THEORY_RATIO(t, queue, waited, offered), f->waits);
    compare_share("service level", THEORY_RATIO(t, queue, in_time, offered), f->service_level);
    compare_time("speed of answer", THEORY_RATIO(t, queue, answer_s, answered), f->answer_s);
    tell("\n");
}

/* One skill each: six groups, each a line of its own; six skills each: one group, for each type alike. */
static void skills_apart_and_pooled(void **state) {
    struct theory *one = ring(1, 0, 501), *all = ring(TYPES, 0, 506);
    struct erlang_figures apart = formula(erlang_c, one, PEOPLE / TYPES, one->per_s[1]);
    struct erlang_figures pooled = formula(erlang_c, all, PEOPLE, theory_rate(all));
    tell("\n### One skill, all skills\n\n| skills each | calls | Pw: theory | measured | errors | SL: theory "
         "| measured | errors | "
         "ASA, s: theory | measured | errors |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (uint32_t q = 0; q <= TYPES; q++) {
        tell(q ? "| 1 | type %u |" : "| 1 | all |", q);
        row(one, q, &apart);
    }
    for (uint32_t q = 0; q <= TYPES; q++) {
        tell(q ? "| 6 | type %u |" : "| 6 | all |", q);
        row(all, q, &pooled);
    }
    done(one);
    done(all);
}

/* So many agents with all skills (M/M/n/120) have this mean wait: more is better. Between whole numbers a
 * straight line. Below 70: 70. */
static double pool_as_good(const struct theory *t, double answer_s) {
    struct erlang_figures f, more = {0};
    uint32_t n = PEOPLE + 5;
    for (; n >= 70; n--, more = f) {
        t->conf->queue[0].max_waiting = TRUNKS - n;
        f = formula(erlang_limit, t, n, theory_rate(t));
        if (f.answer_s >= answer_s)
            return n + (f.answer_s - answer_s) / (f.answer_s - more.answer_s);
    }
    return 70;
}

/* The published case has 120 lines: with all skills it is M/M/90/120. What fewer skills cost is told in
 * agents. */
static void two_skills_are_nearly_all(void **state) {
    double as_good[TYPES + 1];
    tell("\n### Skills in a ring, 120 lines\n\n| skills each | answered | SL of those answered | ASA, s | as "
         "good as a pool of |\n"
         "|---|---|---|---|---|\n");
    for (uint32_t skills = 1; skills <= TYPES; skills++) {
        struct theory *t = ring(skills, TRUNKS, 510 + skills);
        struct theory_result share = THEORY_RATIO(t, 0, answered, offered),
                             sl = THEORY_RATIO(t, 0, in_time, answered),
                             asa = THEORY_RATIO(t, 0, answer_s, answered);
        as_good[skills] = pool_as_good(t, asa.value);
        tell("| %u | %.4f ± %.4f | %.4f ± %.4f | %.2f ± %.2f | %.1f |\n", skills, share.value, share.error,
             sl.value, sl.error, asa.value, asa.error, as_good[skills]);
        if (skills == TYPES) {
            t->conf->queue[0].max_waiting = TRUNKS - PEOPLE;
            struct erlang_figures pooled = formula(erlang_limit, t, PEOPLE, theory_rate(t));
            tell("\n| all skills against M/M/90/120 | blocked: theory | measured | errors | Pw: theory | "
                 "measured | errors | "
                 "SL: theory | measured | errors | ASA, s: theory | measured | errors |\n"
                 "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n| |");
            compare_share("blocked", THEORY_RATIO(t, 0, refused, offered), pooled.blocked);
            row(t, 0, &pooled);
        }
        done(t);
    }
    /* two skills: at most three in a hundred agents worse than all skills; one: much worse */
    assert_true(as_good[2] > 0.97 * PEOPLE && as_good[3] > 0.98 * PEOPLE && as_good[1] < 0.92 * PEOPLE);
}

/* ---- strategies: they change who answers, not how long callers wait ---- */

static const char *const strategies[] = {"longest idle", "skill then idle", "fewest calls", "least talk",
                                         "round robin",  "linear",          "random",       "weighted",
                                         "ring all",     "progressively",   "scored"};

static void strategies_leave_the_wait_alone(void **state) {
    tell("\n### Strategies, M/M/n\n\n| strategy | Pw: theory | measured | errors | SL: theory | measured | "
         "errors | ASA, s: theory | measured | errors |\n|---|---|---|---|---|---|---|---|---|---|\n");
    for (uint32_t i = 0; i < ARRAY_LEN(strategies); i++) {
        struct theory *t = one_line(12, 0.85, 30, 600 + i);
        t->conf->queue[0].strategy = (enum conf_strategy)i;
        struct erlang_figures f = formula(erlang_c, t, 12, t->per_s[1]);
        play(t);
        tell("| %s |", strategies[i]);
        compare_share("waits", THEORY_RATIO(t, 1, waited, offered), f.waits);
        compare_share("service level", THEORY_RATIO(t, 1, in_time, offered), f.service_level);
        compare_time("speed of answer", THEORY_RATIO(t, 1, answer_s, answered), f.answer_s);
        tell("\n");
        done(t);
    }
}

/* Share of all calls that go to one agent of weight `weight` among `others` of weight 1, by lot, none waits:
 * the states are whether he is busy and how many of the others are; their balance is found by iteration. */
static double share_by_weight(double load, uint32_t others, double weight) {
    enum { MOST = 32, ROUNDS = 20000 };
    double p[2][MOST] = {{1}}, all = 0, share = 0, rate = load + others + 1;
    for (int round = 0; round < ROUNDS; round++) {
        double next[2][MOST] = {{0}};
        for (int busy = 0; busy < 2; busy++)
            for (uint32_t k = 0; k <= others; k++) {
                double here = p[busy][k] / rate, lots = (busy ? 0 : weight) + others - k, left = rate;
                if (!busy) {
                    next[1][k] += here * load * weight / lots;
                    left -= load * weight / lots;
                } else {
                    next[0][k] += here;
                    left -= 1;
                }
                if (k < others) {
                    next[busy][k + 1] += here * load * (others - k) / lots;
                    left -= load * (others - k) / lots;
                }
                if (k) {
                    next[busy][k - 1] += here * k;
                    left -= k;
                }
                next[busy][k] += here * left;
            }
        memcpy(p, next, sizeof p);
    }
    for (uint32_t k = 0; k <= others; k++) {
        all += p[0][k] + p[1][k];
        share += p[0][k] * weight / (weight + others - k);
    }
    assert_true(fabs(all - 1) < 1e-9);
    return share;
}

/* Calls that find all agents busy are refused (M/M/n/n). By `linear` the agents are an ordered hunt, for
 * which Erlang's formula tells what each of them gets: of all calls B(i - 1) - B(i). By `weighted` the last,
 * who weighs five times as much, gets what the balance of states says. By the others all get the same. */
static void who_answers(void **state) {
    enum { TEAM = 8, WEIGHT = 5 };
    const double load = 4, answered = 1 - erlang_b(load, TEAM);
    const double heavy = share_by_weight(load, TEAM - 1, WEIGHT);
    tell("\n### Who answers, M/M/%d/%d\n\n| strategy | agent | share of calls: theory | measured | errors |\n"
         "|---|---|---|---|---|\n",
         TEAM, TEAM);
    assert_true(fabs(share_by_weight(load, TEAM - 1, 1) - answered / TEAM) < 1e-9);
    for (uint32_t i = 0; i < ARRAY_LEN(strategies); i++) {
        if (i == CONF_SKILL_THEN_IDLE || i >= CONF_RING_ALL)
            continue; /* with agents who are alike: the longest idle */
        struct theory *t = one_line(TEAM, load / TEAM, 30, 700 + i);
        t->conf->queue[0].strategy = (enum conf_strategy)i;
        t->conf->agent[TEAM - 1].weight = WEIGHT;
        t->trunks = TEAM;
        play(t);
        for (uint32_t agent = 1; agent <= TEAM; agent++) {
            double wanted = answered / TEAM;
            if (i == CONF_LINEAR)
                wanted = (agent > 1 ? erlang_b(load, agent - 1) : 1) - erlang_b(load, agent);
            else if (i == CONF_WEIGHTED)
                wanted = agent == TEAM ? heavy : (answered - heavy) / (TEAM - 1);
            tell("| %s | %u |", strategies[i], agent);
            compare_share("share", theory_share_of(t, agent), wanted);
            tell("\n");
        }
        done(t);
    }
}

/* ---- all together ---- */

static void looks_like_chance(void **state) {
    double rms = sqrt(score.squares / score.count);
    tell("\n%u figures; root mean square of the distances %.2f errors, the largest %.1f.\n", score.count, rms,
         score.worst);
    assert_true(score.count > 150);
    assert_true(rms > 0.7 && rms < 1.3);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(erlang_c_line),
        cmocka_unit_test(erlang_a_line),
        cmocka_unit_test(limited_line),
        cmocka_unit_test(strict_priority),
        cmocka_unit_test(skills_apart_and_pooled),
        cmocka_unit_test(two_skills_are_nearly_all),
        cmocka_unit_test(strategies_leave_the_wait_alone),
        cmocka_unit_test(who_answers),
        cmocka_unit_test(looks_like_chance),
    };
    full = argc > 1 && !strcmp(argv[1], "full");
    if (full)
        calls = argc > 2 ? (uint64_t)atoll(argv[2]) : 1000000;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
