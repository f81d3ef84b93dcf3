/* SPDX-License-Identifier: Apache-2.0
 * LIBS: acd base
 * The expected wait by itself: formulas, learning, telling; then days of a simulated line (wait_day.h,
 * wait_line.h), where each caller's true wait is known, also of those who gave up.
 *
 * "test_acd_wait" plays a dozen days of each kind, "test_acd_wait full" ten times as many and prints the
 * tables of docs/expected-wait.md. */
#include "wait_line.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool full;

static void PRINTF_LIKE(1, 2) say(const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (full) {
        vprintf(format, args);
        fflush(stdout);
    }
    va_end(args);
}

static bool near(double is, double wanted, double part) {
    if (fabs(is - wanted) <= part * fabs(wanted))
        return true;
    print_error("is %.6g, wanted %.6g\n", is, wanted);
    return false;
}

/* ---- guessing ---- */

static struct acd_wait wait_of(uint32_t handle_ms, uint32_t patience_ms) {
    struct acd_wait wait;
    acd_wait_init(&wait, 1000, handle_ms, patience_ms);
    for (int i = 0; i < 2000; i++)
        acd_wait_rang(&wait, 0);
    /* known for sure, so that only the formula is left */
    wait.handle.events *= 1e9;
    wait.handle.exposure_ms *= 1e9;
    return wait;
}

static struct acd_wait_guess guess_with(const struct acd_wait *wait, double ahead,
                                        const struct acd_wait_service *service) {
    struct acd_wait_place place = {.ahead = ahead};
    return acd_wait_guess(wait, 1000, &place, service, 1);
}

static struct acd_wait_guess guess_of(const struct acd_wait *wait, double ahead, double agents) {
    struct acd_wait_service service = {.agents = agents};
    return guess_with(wait, ahead, &service);
}

static void test_formula(void **state) {
    struct acd_wait wait = wait_of(240000, 120000);
    double mean = 0, squares = 0;
    for (int ahead = 0; ahead < 60; ahead++) {
        double rate = 10 / 240000.0 + ahead / 120000.0;
        mean += 1 / rate;
        squares += 1 / rate / rate;
        struct acd_wait_guess guess = guess_of(&wait, ahead, 10);
        assert_true(near(guess.mean_ms, mean, 1e-6));
        assert_true(near(guess.sd_ms, sqrt(squares), 1e-6));
    }
    /* as long as nothing is known, anything may be */
    struct acd_wait fresh;
    acd_wait_init(&fresh, 1000, 240000, 120000);
    assert_true(guess_of(&fresh, 59, 10).sd_ms > 0.5 * mean);
    /* between two whole numbers, if other agents may take some of those ahead */
    double one = guess_of(&wait, 1, 10).mean_ms, two = guess_of(&wait, 2, 10).mean_ms;
    assert_true(guess_of(&wait, 1.5, 10).mean_ms > one && guess_of(&wait, 1.5, 10).mean_ms < two);
}

/* The quantile against the real distribution of a sum of exponential times, drawn. */
static void test_quantile(void **state) {
    struct acd_wait wait = wait_of(240000, 120000);
    uint64_t rng = 1;
    for (int ahead = 0; ahead < 40; ahead = ahead < 4 ? ahead + 1 : ahead * 2) {
        struct acd_wait_guess guess = guess_of(&wait, ahead, 8);
        uint32_t over = 0;
        for (int n = 0; n < 100000; n++) {
            double sum = 0;
            for (int i = 0; i <= ahead; i++)
                sum -= log1p(-rng_unit(&rng)) / (8 / 240000.0 + i / 120000.0);
            over += sum > (double)guess.p80_ms;
        }
        print_message("%d ahead: %.3f wait longer than the 80 %% quantile\n", ahead, over / 100000.0);
        assert_true(over > 19400 && over < 20600);
    }
}

static void test_nobody_and_idle(void **state) {
    struct acd_wait wait = wait_of(240000, 120000);
    struct acd_wait_service none = {.agents = 0}, ten = {.agents = 10, .idle = 3};
    assert_true(guess_with(&wait, 0, &none).p80_ms == NEVER);
    assert_int_equal(guess_with(&wait, 2, &ten).p80_ms, 0);
    ten.idle = 1;
    assert_true(near(guess_with(&wait, 2, &ten).mean_ms, guess_of(&wait, 1, 10).mean_ms, 1e-9));
    for (int i = 0; i < 1000; i++)
        acd_wait_rang(&wait, i & 1 ? 5000 : 7000);
    struct acd_wait_guess guess = guess_with(&wait, 0, &ten); /* only the ringing is left */
    assert_true(near(guess.mean_ms, 6000, 0.01) && near(guess.sd_ms, 1000, 0.01));
    assert_true(guess.p80_ms > 6000 && guess.p80_ms < 7000);
}

/* Long lines are taken in heaps: not far from one by one, and never more work. */
static void test_long_lines(void **state) {
    struct acd_wait wait = wait_of(240000, 3600000);
    for (int ahead = 50; ahead < 20000; ahead = ahead * 3 / 2) {
        double mean = 0;
        for (int i = 0; i <= ahead; i++)
            mean += 1 / (100 / 240000.0 + i / 3600000.0);
        assert_true(near(guess_of(&wait, ahead, 100).mean_ms, mean, 0.01));
    }
    struct acd_wait forever = wait_of(UINT32_MAX, UINT32_MAX);
    assert_int_equal(guess_of(&forever, 1e9, 0.01).p80_ms, 86400000); /* a day is the most */
}

/* Those who come later and are served before: the walk over the line against its closed form, and against
 * nonsense: high priority alone is more than the agents can do, and nobody ever gives up. */
static void test_overtaken(void **state) {
    struct acd_wait wait = wait_of(240000, UINT32_MAX);
    struct acd_wait_service service = {.agents = 20, .overtakes = 0.5 * 20 / 240000.0};
    struct acd_wait_guess guess = guess_with(&wait, 3, &service);
    assert_true(near(guess.mean_ms, 4 * 240000 / 20.0 / 0.5, 0.001));
    /* first passage of a walk: variance of one step is (down + up) / (down - up)^3 */
    double down = 20 / 240000.0, up = service.overtakes;
    assert_true(near(guess.sd_ms, sqrt(4 * (down + up) / pow(down - up, 3)), 0.001));
    service.overtakes = 3 * 20 / 240000.0;
    guess = guess_with(&wait, 3, &service);
    assert_true(guess.p80_ms <= 86400000 && guess.mean_ms >= 3600000);
    /* patience makes an end of it: against the same walk, drawn */
    wait = wait_of(240000, 60000);
    service.overtakes = 1.2 * 20 / 240000.0;
    guess = guess_with(&wait, 3, &service);
    double sum = 0, squares = 0;
    uint64_t rng = 1;
    for (int n = 0; n < 100000; n++) {
        double at = 0;
        for (int i = 3; i >= 0;) {
            double both = 20 / 240000.0 + i / 60000.0 + service.overtakes;
            at -= log1p(-rng_unit(&rng)) / both;
            i += rng_unit(&rng) * both < service.overtakes ? 1 : -1;
        }
        sum += at;
        squares += at * at;
    }
    sum /= 100000;
    assert_true(near(guess.mean_ms, sum, 0.02));
    assert_true(near(guess.sd_ms, sqrt(squares / 100000 - sum * sum), 0.03));
}

/* One drawn wait: the first in line is served by so many agents as may take one of his age. */
static double draw_steps(uint64_t *rng, const struct acd_wait_place *place,
                         const struct acd_wait_service *service, uint32_t services) {
    double at = 0;
    uint32_t taken = 0;
    for (int i = (int)place->ahead, all = i; i >= 0; i--) {
        double age = (double)place->head_ms -
                     ((double)place->head_ms - (double)place->waited_ms) * (all - i) / fmax(1, all);
        uint32_t s = 0;
        for (bool left = false; !left;) {
            while (s + 1 < services && (double)service[s + 1].from_ms <= age + at)
                s++;
            if (service[s].idle > taken) {
                taken++;
                break;
            }
            double time = -log1p(-rng_unit(rng)) / (service[s].agents / 240000 + i / 120000.0);
            double until = s + 1 < services ? (double)service[s + 1].from_ms - age - at : INFINITY;
            left = time < until;
            at = left ? at + time : (double)service[s + 1].from_ms - age;
        }
    }
    return at;
}

/* Callers who want less after some time: against drawn waits, of callers at different places. */
static void test_steps(void **state) {
    struct acd_wait wait = wait_of(240000, 120000);
    const struct acd_wait_service service[] = {{.agents = 4},
                                               {.agents = 10, .from_ms = 40000, .idle = 2},
                                               {.agents = 16, .from_ms = 90000, .idle = 3}};
    uint64_t rng = 1;
    for (uint32_t n = 0; n < 24; n++) {
        struct acd_wait_place place = {.ahead = n % 8, .head_ms = n / 8 * 60000};
        place.waited_ms = place.ahead > 0 ? place.head_ms / 3 : place.head_ms;
        struct acd_wait_guess guess = acd_wait_guess(&wait, 1000, &place, service, 3);
        double sum = 0, squares = 0;
        int over = 0;
        for (int i = 0; i < 20000; i++) {
            double one = draw_steps(&rng, &place, service, 3);
            sum += one / 20000;
            squares += one * one / 20000;
            over += one > (double)guess.p80_ms;
        }
        print_message(
            "%.0f ahead, first for %3.0f s: guess %5.1f +- %4.1f s, drawn %5.1f +- %4.1f, over %.3f\n",
            place.ahead, place.head_ms / 1000.0, guess.mean_ms / 1000, guess.sd_ms / 1000, sum / 1000,
            sqrt(squares - sum * sum) / 1000, over / 20000.0);
        assert_true(fabs(guess.mean_ms - sum) < 1000 + 0.1 * sum);
        assert_true(over < 0.24 * 20000); /* below 0.2 where many are served when they come to want less */
    }
    /* nobody before the step: at its time, if somebody is idle then */
    const struct acd_wait_service later[] = {{.agents = 0}, {.agents = 5, .from_ms = 30000, .idle = 1}};
    struct acd_wait_place place = {.waited_ms = 10000, .head_ms = 10000};
    assert_true(near(acd_wait_guess(&wait, 1000, &place, later, 2).mean_ms, 20000, 0.001));
    assert_true(acd_wait_guess(&wait, 1000, &place, later, 1).p80_ms == NEVER);
    /* the one who idles has the call ahead */
    const struct acd_wait_service one[] = {{.agents = 1, .idle = 1},
                                           {.agents = 1, .from_ms = 1000, .idle = 1}};
    place = (struct acd_wait_place){.ahead = 1};
    assert_true(near(acd_wait_guess(&wait, 1000, &place, one, 2).mean_ms, 240000, 0.01));
}

/* Calls of much the same length: drawn from agents in the middle of log-normal calls. */
static void test_regular_calls(void **state) {
    struct acd_wait wait = wait_of(240000, UINT32_MAX);
    const double sigma = 0.3;
    for (int i = 0; i < 20000; i++) { /* quantiles of it, evenly */
        double z = 0;
        uint64_t rng = (uint64_t)i + 1;
        for (int k = 0; k < 12; k++)
            z += rng_unit(&rng);
        uint64_t ms = (uint64_t)(240000 * exp(sigma * (z - 6) - sigma * sigma / 2));
        acd_wait_taken(&wait, 1000);
        acd_wait_freed(&wait, 1000 + ms, 1000, ACD_WAIT_HANDLED);
        wait.handle.at_ms = 1000;
    }
    struct acd_wait fresh = wait_of(240000, UINT32_MAX);
    wait.handle = fresh.handle;
    struct acd_wait_guess exponential = guess_of(&fresh, 0, 4), regular = guess_of(&wait, 0, 4);
    /* of equal calls the first of four would end after a fifth of one, with a deviation of 0.163 */
    assert_true(regular.mean_ms < 0.85 * exponential.mean_ms && regular.mean_ms > 0.8 * exponential.mean_ms);
    assert_true(regular.sd_ms < 0.75 * exponential.sd_ms);
}

/* ---- learning ---- */

static void test_learns_rates(void **state) {
    struct acd_wait wait;
    uint64_t now = 1000;
    acd_wait_init(&wait, now, 240000, 120000);
    assert_true(near(acd_wait_handle_ms(&wait, now), 240000, 1e-9));
    assert_true(near(acd_wait_patience_ms(&wait, now), 120000, 1e-9));
    /* one agent, calls of 60 s, one of ten minutes' pause in between: pauses do not count */
    for (int i = 0; i < 600; i++) {
        acd_wait_taken(&wait, now);
        acd_wait_freed(&wait, now + 60000, now, ACD_WAIT_HANDLED);
        now += 60000 + (i % 10 ? 1000 : 600000);
    }
    assert_true(near(acd_wait_handle_ms(&wait, now), 60000, 0.03));
    /* every second offer is in vain for 15 s: a call costs 75 s of agents */
    for (int i = 0; i < 600; i++, now += 100000) {
        acd_wait_taken(&wait, now);
        acd_wait_freed(&wait, now + 15000, now, ACD_WAIT_LOST);
        acd_wait_taken(&wait, now + 15000);
        acd_wait_freed(&wait, now + 75000, now + 15000, ACD_WAIT_HANDLED);
    }
    assert_true(near(acd_wait_handle_ms(&wait, now), 75000, 0.03));
    double before = acd_wait_handle_ms(&wait, now); /* races cost nothing */
    for (int i = 0; i < 20; i++)
        acd_wait_taken(&wait, now);
    for (int i = 0; i < 20; i++)
        acd_wait_freed(&wait, now + 8000, now, ACD_WAIT_RACE);
    assert_true(near(acd_wait_handle_ms(&wait, now + 8000), before, 1e-6));
    /* what runs for long counts before it has ended */
    for (int i = 0; i < 20; i++)
        acd_wait_taken(&wait, now + 8000);
    assert_true(acd_wait_handle_ms(&wait, now + 8000 + 600000) > before + 0.9 * 20 * 600000 / 150);
}

static void test_learns_patience(void **state) {
    struct acd_wait wait;
    uint64_t now = 1000;
    acd_wait_init(&wait, now, 240000, 120000);
    /* three of four are answered after 30 s, one gives up after 60 s: 150 s of waiting for each giving up */
    for (int i = 0; i < 1000; i++, now += 100000) {
        acd_wait_enter(&wait, now);
        acd_wait_leave(&wait, now + (i % 4 ? 30000 : 60000), i % 4 == 0);
        if (i == 399) /* a lull, where nobody waits, does not change what is known */
            for (int k = 0; k < 500; k++, now += 100000) {
                acd_wait_enter(&wait, now);
                acd_wait_leave(&wait, now, false);
            }
    }
    assert_true(near(acd_wait_patience_ms(&wait, now), 150000, 0.05));
    assert_true(near(acd_wait_per_ms(&wait, now) * 100000, 1, 0.06));
    assert_true(acd_wait_per_ms(&wait, now + 3600000) < 0.05 / 100000); /* an hour without calls */
}

/* Whatever happens, in any order the functions allow: finite, and not beyond a day. */
static void test_any_life(void **state) {
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t rng = seed, now = rng_next(&rng) % 1000, waiting = 0, busy = 0;
        struct acd_wait wait;
        acd_wait_init(&wait, now, 1 + (uint32_t)(rng_next(&rng) >> (32 + rng_next(&rng) % 32)),
                      1 + (uint32_t)(rng_next(&rng) >> (32 + rng_next(&rng) % 32)));
        for (int i = 0; i < 2000; i++) {
            uint64_t what = rng_next(&rng) % 8, ms = rng_next(&rng) % 3 ? 0 : rng_next(&rng) % 10000000;
            now += seed % 2 ? ms : 0;
            if (what == 0 || (what == 1 && !waiting)) {
                acd_wait_enter(&wait, now);
                waiting++;
            } else if (what < 3 && waiting) {
                acd_wait_leave(&wait, now, what == 1);
                waiting--;
            } else if (what == 3) {
                acd_wait_taken(&wait, now);
                busy++;
            } else if (what < 6 && busy) {
                acd_wait_freed(&wait, now, now > ms ? now - ms : 0,
                               (enum acd_wait_freed)(rng_next(&rng) % 3));
                busy--;
            } else if (what == 6) {
                acd_wait_rang(&wait, ms);
            }
            struct acd_wait_service service[3];
            for (uint64_t s = 0; s < 3; s++)
                service[s] = (struct acd_wait_service){
                    .agents = (double)(rng_next(&rng) % 100 + !s) / 7,
                    .overtakes = (double)(rng_next(&rng) % 3) / 10000,
                    .from_ms = s ? service[s - 1].from_ms + rng_next(&rng) % 90000 : 0,
                    .idle = rng_next(&rng) % 3};
            struct acd_wait_place place = {.ahead = (double)(rng_next(&rng) % 1000) / 3,
                                           .waited_ms = rng_next(&rng) % 100000,
                                           .head_ms = rng_next(&rng) % 1000000};
            struct acd_wait_guess guess =
                acd_wait_guess(&wait, now, &place, service, 1 + (uint32_t)rng_next(&rng) % 3);
            assert_true(guess.mean_ms >= 0 && guess.mean_ms <= 86400000);
            assert_true(guess.sd_ms >= 0 && guess.sd_ms <= 86400000);
            assert_true(guess.p80_ms <= 86400000);
            struct acd_wait_told told = {0};
            acd_wait_tell(&wait, &told, now, &guess, 1);
            acd_wait_score(&wait, &told, now + ms, rng_next(&rng) % 2);
        }
    }
}

/* The same on every compiler: only operations that are exact by the standard are used. */
static void test_same_everywhere(void **state) {
    struct acd_wait wait;
    uint64_t rng = 3, now = 1000, hash = 1469598103934665603ull;
    acd_wait_init(&wait, now, 240000, 120000);
    for (int i = 0; i < 5000; i++) {
        uint64_t ms = rng_next(&rng) % 300000;
        acd_wait_enter(&wait, now);
        acd_wait_taken(&wait, now);
        now += rng_next(&rng) % 20000;
        acd_wait_leave(&wait, now, i % 7 == 0);
        acd_wait_freed(&wait, now + ms, now, ACD_WAIT_HANDLED);
        acd_wait_rang(&wait, ms / 50);
        struct acd_wait_service service[] = {{.agents = 7.3, .overtakes = i % 2 / 20000.0},
                                             {.agents = 9.1, .from_ms = 30000}};
        struct acd_wait_place place = {.ahead = i % 50 / 3.0, .head_ms = (uint64_t)i % 40000};
        struct acd_wait_guess guess = acd_wait_guess(&wait, now, &place, service, 1 + (uint32_t)i / 50 % 2);
        struct acd_wait_told told = {0};
        acd_wait_tell(&wait, &told, now, &guess, 1);
        acd_wait_score(&wait, &told, now + ms, i % 3);
        hash = (hash ^ guess.p80_ms) * 1099511628211ull;
    }
    print_message("hash %016llx\n", (unsigned long long)hash);
    assert_true(hash == 0x3dbb6bfeb2beb7a9ull);
}

/* ---- agents shared with other queues ---- */

static void test_share(void **state) {
    const uint32_t only[] = {0}, both[] = {0, 1};
    struct acd_wait_group group[] = {{4, 1, only}, {8, 2, both}};
    struct acd_wait_demand demand[2] = {{.per_ms = 1e-4, .handle_ms = 240000, .agents = 12},
                                        {.per_ms = 1e-4, .handle_ms = 240000, .agents = 14}};
    double overlap[2];
    struct acd_wait_service service = acd_wait_share(group, 2, demand, 2, 0, overlap);
    assert_true(near(service.agents, 12, 1e-9) && service.overtakes == 0);
    assert_true(near(overlap[0], 1, 1e-9) && near(overlap[1], 8 / 14.0, 1e-9));
    /* the others' calls take twice as long: those who are in them become free half as often */
    demand[1].handle_ms = 480000;
    demand[0].agents = demand[1].agents = 8;
    service = acd_wait_share(group + 1, 1, demand, 2, 0, overlap);
    assert_true(near(service.agents, 8 * 240.0 / 360, 1e-9) && near(overlap[1], 1, 1e-9));
    /* served after mine: as if it were not */
    demand[0].agents = 12;
    demand[1].agents = 14;
    demand[1].rank = ACD_WAIT_BEHIND;
    service = acd_wait_share(group, 2, demand, 2, 0, overlap);
    assert_true(near(service.agents, 12, 1e-9) && overlap[1] == 0);
    demand[1].rank = ACD_WAIT_BEFORE;
    service = acd_wait_share(group, 2, demand, 2, 0, overlap);
    assert_true(near(service.overtakes, 8 / 14.0 * 1e-4, 1e-9) && near(overlap[1], 8 / 14.0, 1e-9));
    /* nobody; and figures that do not fit together, because they are not of one moment */
    assert_true(acd_wait_share(group, 0, demand, 2, 0, overlap).agents == 0);
    demand[1].agents = 3;
    demand[0].agents = 0;
    service = acd_wait_share(group, 2, demand, 2, 0, overlap);
    assert_true(service.agents > 0 && service.agents <= 12 && overlap[1] == 1);
}

/* ---- telling, and judging oneself ---- */

static uint64_t tell(struct acd_wait *wait, struct acd_wait_told *told, uint64_t now, uint64_t p80,
                     uint32_t staff) {
    struct acd_wait_guess guess = {0, 0, p80};
    return acd_wait_tell(wait, told, now, &guess, staff);
}

static void test_never_later(void **state) {
    struct acd_wait wait = wait_of(240000, 120000);
    struct acd_wait_told told = {0};
    assert_true(tell(&wait, &told, 1000, NEVER, 0) == NEVER && !told.asked);
    assert_int_equal(tell(&wait, &told, 10000, 100000, 5), 100000);
    assert_int_equal(tell(&wait, &told, 20000, 120000, 5),
                     90000);                                      /* it would be later: what was said stays */
    assert_int_equal(tell(&wait, &told, 30000, 50000, 6), 50000); /* earlier, agents have come */
    assert_int_equal(tell(&wait, &told, 40000, 70000, 6), 40000);
    assert_int_equal(tell(&wait, &told, 50000, 70000, 5), 70000); /* one has gone */
    assert_int_equal(tell(&wait, &told, 60000, 70000, 5), 60000);
    assert_int_equal(tell(&wait, &told, 130000, 70000, 5), 0); /* it was too little */
    assert_int_equal(told.first_ms, 110000);
    /* when nobody was there any more, nothing binds */
    assert_true(tell(&wait, &told, 140000, NEVER, 0) == NEVER);
    assert_int_equal(tell(&wait, &told, 150000, 70000, 5), 70000);
    assert_int_equal(told.first_ms, 110000);
}

static void score(struct acd_wait *wait, bool wrong) {
    struct acd_wait_told told = {0};
    tell(wait, &told, 1000, 10, 1);
    acd_wait_score(wait, &told, wrong ? 1011 : 1010, true);
}

static void test_stops_telling(void **state) {
    struct acd_wait wait = wait_of(240000, UINT32_MAX);
    struct acd_wait_told told = {0};
    for (int i = 0; i < 49; i++)
        score(&wait, true);
    assert_true(acd_wait_telling(&wait)); /* not on so little */
    score(&wait, true);
    assert_false(acd_wait_telling(&wait));
    assert_true(tell(&wait, &told, 2000, 1000, 1) == NEVER);
    assert_true(told.asked && told.first_ms == 3000); /* but it goes on judging */
    for (int i = 0; i < 128; i++)
        score(&wait, false);
    assert_false(acd_wait_telling(&wait)); /* 50 of 178 are 28.1 % */
    score(&wait, false);
    assert_true(acd_wait_telling(&wait));
    assert_int_equal(wait.scored, 179);
    assert_int_equal(acd_wait_wrong(&wait), 50);
    for (int i = 0; i < 71; i++)
        score(&wait, false); /* the 50 are forgotten */
    assert_int_equal(wait.scored, ACD_WAIT_SCORES);
    assert_int_equal(acd_wait_wrong(&wait), 0);
    for (int i = 0; i < 200; i++)
        score(&wait, i % 20 < 7);
    assert_true(acd_wait_telling(&wait)); /* 35 % exactly */
    assert_int_equal(acd_wait_wrong(&wait), 70);
    score(&wait, true);
    score(&wait, true);
    assert_true(acd_wait_telling(&wait)); /* for wrong ones that fell out */
    for (int i = 0; i < 6; i++)
        score(&wait, true);
    assert_false(acd_wait_telling(&wait));
}

static void test_unknown_ends(void **state) {
    struct acd_wait wait = wait_of(240000, 120000);
    struct acd_wait_told told = {0};
    acd_wait_score(&wait, &told, 5000, true); /* was told nothing */
    assert_int_equal(wait.scored, 0);
    tell(&wait, &told, 1000, 60000, 1);
    acd_wait_score(&wait, &told, 61000, false); /* gave up before: who knows */
    assert_int_equal(wait.scored, 0);
    acd_wait_score(&wait, &told, 61001, false);
    assert_int_equal(wait.scored, 1);
    assert_int_equal(acd_wait_wrong(&wait), 1);
    acd_wait_score(&wait, &told, 61000, true);
    acd_wait_score(&wait, &told, 1000, true);
    assert_int_equal(wait.scored, 3);
    /* half a patience: counts exp(0.5) times, for those who did not stay so long */
    assert_int_equal(wait.weight_wrong, 26);
    assert_int_equal(wait.weight_all, 26 + 26 + 16);
}

/* ---- days ---- */

static struct days play(const char *name, struct day_plan plan, uint32_t count) {
    struct days days = day_play(line_play, name, plan, count, full);
    assert_true(days.sum.later == 0);
    return days;
}

static void check(const struct days *days, double least, double most, double one_day) {
    if (!day_share_is(days, least, most, one_day))
        fail_msg("longer than told: %.3f, days from %.3f to %.3f", days->sum.over / days->sum.told,
                 days->least, days->most);
}

static void beats(const struct days *days, double average, double position, double head) {
    if (!day_beats(&days->sum, average, position, head))
        fail_msg("error %.1f s; average %.1f, position %.1f and %.1f, head %.1f",
                 day_rmse(&days->sum, DAY_OURS), day_rmse(&days->sum, DAY_AVERAGE),
                 day_rmse(&days->sum, DAY_POSITION), day_rmse(&days->sum, DAY_POSITION_1),
                 day_rmse(&days->sum, DAY_HEAD));
}

/* The claim: on a day with two peaks and twenty agents what was told is exceeded by 20 +- 5 %, each day. */
static void test_working_days(void **state) {
    struct day_plan plan = day_working(1, 1);
    say("\n%s", DAY_HEADING);
    struct days days = play("20 agents, two peaks, lunch", plan, 12);
    check(&days, 0.18, 0.22, 0.05);
    beats(&days, 0.75, 0.95, 0.8);
    plan.queue[0].spread = 0.8;
    days = play("calls log-normal, cv 0.95", plan, 12);
    check(&days, 0.18, 0.22, 0.05);
    beats(&days, 0.75, 0.95, 0.8);
    plan.queue[0].spread = 0.4;
    days = play("calls log-normal, cv 0.42", plan, 12);
    check(&days, 0.18, 0.22, 0.05);
    beats(&days, 0.75, 0.95, 0.8);
    plan.queue[0].spread = 1.2;
    days = play("calls log-normal, cv 1.8", plan, 12);
    check(&days, 0.17, 0.23, 0.06);
    beats(&days, 0.75, 1, 0.85);
    plan = day_working(1, 1);
    plan.queue[0].patience_spread = 1;
    days = play("patience log-normal, cv 1.3", plan, 12);
    check(&days, 0.15, 0.25, 0.07);
    beats(&days, 0.75, 0.95, 0.8);
    plan = day_working(1, 1);
    plan.ring_s = 6;
    days = play("phones ring 6 s", plan, 12);
    check(&days, 0.18, 0.22, 0.05);
    beats(&days, 0.75, 0.95, 0.8);
    plan = day_working(1, 1);
    plan.queue[0].longer = 1.4;
    plan.queue[0].longer_from = 6;
    days = play("calls 1.4 times as long after noon", plan, 12);
    check(&days, 0.18, 0.22, 0.05);
    beats(&days, 0.75, 0.95, 0.8);
    days = play("60 agents", day_working(3, 1), 4);
    check(&days, 0.18, 0.22, 0.05);
    beats(&days, 0.75, 0.97, 0.8);
}

static void test_teams(void **state) {
    struct day_plan plan = day_working(0.2, 1);
    say("\n%s", DAY_HEADING);
    struct days days = play("4 agents", plan, 30);
    check(&days, 0.17, 0.23, 0.15);
    beats(&days, 0.75, 0.92, 0.8);
    plan.queue[0].spread = 0.8;
    days = play("calls log-normal, cv 0.95", plan, 30);
    check(&days, 0.17, 0.23, 0.15);
    beats(&days, 0.75, 0.92, 0.8);
    plan.queue[0].spread = 0.4;
    days = play("calls log-normal, cv 0.42", plan, 30);
    check(&days, 0.17, 0.23, 0.15);
    beats(&days, 0.75, 0.92, 0.8);
}

static void test_shared_days(void **state) {
    struct day_plan plan = day_shared(0.5);
    say("\n%s", DAY_HEADING);
    struct days days = play("two queues, 8 of 20 agents for both", plan, 12);
    check(&days, 0.17, 0.22, 0.05);
    beats(&days, 0.75, 1, 0.8);
    days = play("three quarters of the calls for one", day_shared(0.75), 12);
    check(&days, 0.17, 0.23, 0.05);
    beats(&days, 0.75, 0.95, 0.8);
    plan.queue[0].rank[1] = ACD_WAIT_BEFORE;
    plan.queue[1].rank[0] = ACD_WAIT_BEHIND;
    days = play("the second served first", plan, 12);
    check(&days, 0.15, 0.22, 0.08);
    beats(&days, 0.8, 1.02, 0.85);
    plan.group[0].agents = plan.group[1].agents = plan.group[0].away = plan.group[1].away = 0;
    plan.group[2].agents = 20;
    plan.group[2].away = 6;
    days = play("the second served first, 20 for both", plan, 12);
    check(&days, 0.15, 0.22, 0.1);
    beats(&days, 0.8, 1, 0.85);
}

/* Where it could go wrong. */
static void test_hard_days(void **state) {
    struct day_plan plan = day_working(1, 0.6);
    say("\n%s", DAY_HEADING);
    struct days days = play("few have to wait", plan, 30);
    check(&days, 0.13, 0.25, 1);
    days = play("half as many again", day_working(1, 1.5), 6);
    check(&days, 0.18, 0.22, 0.05);
    beats(&days, 0.75, 0.8, 0.8);
    plan = day_working(1, 0.85);
    plan.queue[0].patience_s = 1e6;
    plan.queue[0].prior_patience_s = 180;
    days = play("nobody gives up", plan, 12);
    check(&days, 0.17, 0.23, 0.07);
    beats(&days, 0.75, 1.1, 0.8);
    plan = day_working(1, 1);
    for (int i = 0; i < DAY_HOURS; i++)
        plan.queue[0].per_hour[i] = 300 * (i >= 3 && i <= 6 ? 0.3 : 1.1);
    plan.group[0].away = 0;
    plan.from_hour = 6.5;
    days = play("after three quiet hours", plan, 12);
    check(&days, 0.16, 0.24, 0.08);
    plan = day_working(1, 1);
    for (int i = 0; i < DAY_HOURS; i++)
        plan.queue[0].per_hour[i] = 300;
    plan.group[0].away = 10;
    plan.group[0].away_from = 2;
    plan.group[0].away_to = 3;
    plan.hours = 2;
    plan.from_hour = 1.8;
    days = play("just before ten of twenty leave", plan, 30);
    check(&days, 0.15, 0.3, 1);
    plan.hours = 3;
    plan.from_hour = 2;
    days = play("after ten of twenty have left", plan, 12);
    check(&days, 0.15, 0.25, 1);
    plan.hours = 4;
    plan.from_hour = 3;
    days = play("after they have come back", plan, 12);
    check(&days, 0.15, 0.25, 1);
}

/* The first hour, with first assumptions that are wrong by three. */
static void test_first_hours(void **state) {
    struct day_plan plan = day_working(1, 1);
    for (int i = 0; i < DAY_HOURS; i++)
        plan.queue[0].per_hour[i] = 345;
    plan.group[0].away = 0;
    plan.hours = 0.5;
    say("\n%s", DAY_HEADING);
    struct days days = play("first half hour, assumptions right", plan, 40);
    check(&days, 0.15, 0.25, 1);
    plan.queue[0].prior_handle_s = 720;
    days = play("handling thought 3 times as long", plan, 40);
    check(&days, 0.1, 0.25, 1);
    plan.queue[0].prior_handle_s = 80;
    days = play("a third as long", plan, 40);
    check(&days, 0.15, 0.25, 1);
    plan.queue[0].prior_handle_s = 0;
    plan.queue[0].prior_patience_s = 540;
    days = play("patience thought 3 times as long", plan, 40);
    check(&days, 0.15, 0.25, 1);
    plan.queue[0].prior_patience_s = 60;
    days = play("a third as long", plan, 40);
    check(&days, 0.15, 0.25, 1);
    plan.hours = 1;
    plan.from_hour = 0.5;
    plan.queue[0].prior_patience_s = 0;
    plan.queue[0].prior_handle_s = 720;
    days = play("second half hour, handling 3 times", plan, 40);
    check(&days, 0.15, 0.25, 1);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),         cmocka_unit_test(test_quantile),
        cmocka_unit_test(test_nobody_and_idle), cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_overtaken),       cmocka_unit_test(test_steps),
        cmocka_unit_test(test_regular_calls),   cmocka_unit_test(test_learns_rates),
        cmocka_unit_test(test_learns_patience), cmocka_unit_test(test_any_life),
        cmocka_unit_test(test_same_everywhere), cmocka_unit_test(test_share),
        cmocka_unit_test(test_never_later),     cmocka_unit_test(test_stops_telling),
        cmocka_unit_test(test_unknown_ends),    cmocka_unit_test(test_working_days),
        cmocka_unit_test(test_teams),           cmocka_unit_test(test_shared_days),
        cmocka_unit_test(test_hard_days),       cmocka_unit_test(test_first_hours),
    };
    full = argc > 1 && !strcmp(argv[1], "full");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
