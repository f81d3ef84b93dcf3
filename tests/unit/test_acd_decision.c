/* SPDX-License-Identifier: Apache-2.0
 * LIBS: acd conf base
 *
 * The ring of decisions against a plain list that forgets nothing, and their lines of text. */
#include "acd/acd_decision.h"
#include "acd/acd_mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the ring ---- */

enum { CALLS = 200, MOST = 60000 };
struct model {
    uint64_t call[MOST + 1];   /* by number */
    uint64_t before[MOST + 1]; /* that the ring could know of */
    uint64_t last;
    uint64_t first_kept;
};
struct told {
    uint64_t number[MOST];
    uint32_t count;
};

static void note(void *arg, const struct acd_decision *decision) {
    struct told *told = arg;
    assert_int_equal(decision->value, decision->number % 1000);
    told->number[told->count++] = decision->number;
}

/* What the ring tells of a call is what the list has of it, oldest first, down to what is overwritten. */
static void compare(const struct acd_decisions *ring, const struct model *model, uint64_t call) {
    static struct told told;
    uint32_t at = 0;
    bool truncated = true;
    told.count = 0;
    uint32_t count = acd_decisions_explain(ring, call, note, &told, &truncated);
    assert_int_equal(count, told.count);
    for (uint64_t n = 1; n <= model->last; n++) {
        if (model->call[n] != call || n < model->first_kept)
            continue;
        assert_true(at < told.count);
        assert_int_equal(told.number[at], n);
        at++;
    }
    assert_int_equal(at, told.count);
    if (told.count)
        assert_int_equal(truncated, model->before[told.number[0]] != 0);
    assert_int_equal(acd_decisions_last(ring, call), told.count ? told.number[told.count - 1] : 0);
}

static void test_ring_is_a_list_that_forgets(void **state) {
    static struct model model;
    static uint64_t last[CALLS + 1]; /* as the engine keeps it; 0 again when a call comes back */
    struct acd_decisions ring = {0};
    uint64_t seed = 7;
    uint32_t size = 0;
    memset(&model, 0, sizeof model);
    memset(last, 0, sizeof last);
    model.first_kept = 1;
    while (model.last < MOST) {
        if (rng_next(&seed) % 5000 == 0) {
            static const uint32_t sizes[] = {0, 1, 3, 64, 1000, 4096};
            uint32_t wanted = sizes[rng_next(&seed) % ARRAY_LEN(sizes)];
            uint64_t had = size;
            assert_int_equal(acd_decisions_resize(&ring, wanted), 0);
            for (size = wanted ? 1 : 0; size < wanted;)
                size *= 2;
            uint64_t kept = size < had ? size : had;
            if (model.last - kept + 1 > model.first_kept || !kept)
                model.first_kept = model.last - kept + 1;
        }
        uint64_t call = rng_next(&seed) % CALLS + 1;
        uint64_t before = last[call];
        if (rng_next(&seed) % 8 == 0) {
            last[call] = 0;
            before = before >= model.first_kept ? before : 0;
        }
        struct acd_decision *entry = acd_decisions_add(&ring, call, &last[call]);
        assert_int_equal(entry->number, ++model.last);
        assert_int_equal(last[call], model.last);
        assert_int_equal(entry->call, call);
        assert_int_equal(entry->before, before);
        model.before[model.last] = before;
        entry->value = (uint32_t)(entry->number % 1000);
        model.call[model.last] = call;
        if (!size)
            model.first_kept = model.last + 1;
        else if (model.last - model.first_kept >= size)
            model.first_kept = model.last - size + 1;
        if (rng_next(&seed) % 40 == 0)
            compare(&ring, &model, rng_next(&seed) % CALLS + 1);
    }
    for (uint64_t call = 1; call <= CALLS; call++)
        compare(&ring, &model, call);
    assert_int_equal(acd_decisions_explain(&ring, CALLS + 1, note, NULL, NULL), 0);
    acd_decisions_free(&ring);
}

static void test_no_calls_decision_is_found_by_number_only(void **state) {
    struct acd_decisions ring = {0};
    assert_int_equal(acd_decisions_resize(&ring, 8), 0);
    for (int i = 0; i < 5; i++)
        acd_decisions_add(&ring, 0, NULL)->kind = ACD_DID_RESERVE;
    assert_int_equal(acd_decisions_last(&ring, 0), 0);
    assert_int_equal(acd_decisions_get(&ring, 3)->kind, ACD_DID_RESERVE);
    assert_null(acd_decisions_get(&ring, 0));
    assert_null(acd_decisions_get(&ring, 6));
    acd_decisions_free(&ring);
}

static void test_no_memory_changes_nothing(void **state) {
    struct acd_decisions ring = {0};
    uint64_t last = 0;
    assert_int_equal(acd_decisions_resize(&ring, 16), 0);
    acd_decisions_add(&ring, 5, &last);
    for (int64_t left = 0; left < 3; left++) {
        acd_mem_left = left;
        int err = acd_decisions_resize(&ring, 64);
        acd_mem_left = -1;
        assert_int_equal(err, -12);
        assert_int_equal(ring.size, 16);
        assert_int_equal(acd_decisions_last(&ring, 5), 1);
    }
    assert_int_equal(acd_decisions_resize(&ring, 64), 0);
    assert_int_equal(acd_decisions_last(&ring, 5), 1);
    acd_decisions_free(&ring);
}

/* ---- texts ---- */

static char sales[] = "sales", first[] = "1001", second[] = "1002";
static struct conf_queue queues[] = {{.name = sales}};
static struct conf_agent agents[] = {{.id = first}, {.id = second}};
static const struct conf conf[1] = {{.queue = queues, .queue_count = 1, .agent = agents, .agent_count = 2}};

static void expect(const struct acd_decision *decision, const char *wanted) {
    char text[512], cut[8];
    int length = acd_decision_text(conf, decision, text, sizeof text);
    assert_string_equal(text, wanted);
    assert_int_equal(length, strlen(wanted));
    assert_int_equal(acd_decision_text(conf, decision, cut, sizeof cut), length);
    assert_int_equal(strncmp(cut, wanted, sizeof cut - 1), 0);
    assert_int_equal(strlen(cut), strlen(wanted) < 7 ? strlen(wanted) : 7);
}

static void test_texts(void **state) {
    expect(&(struct acd_decision){.kind = ACD_DID_ENTER, .queue = 1, .value = 3},
           "enter queue=sales position=3");
    expect(&(struct acd_decision){.kind = ACD_DID_REFUSE, .queue = 1, .result = ACD_VISIT_FULL, .value = 50},
           "refuse queue=sales result=full waiting=50");
    expect(
        &(struct acd_decision){
            .kind = ACD_DID_REFUSE, .queue = 1, .result = ACD_VISIT_TOO_LONG, .value = 300000},
        "refuse queue=sales result=wait_too_long expected_ms=300000");
    expect(&(struct acd_decision){.kind = ACD_DID_RESUME, .queue = 1, .value = 42000},
           "resume queue=sales older_ms=42000");
    expect(&(struct acd_decision){.kind = ACD_DID_PREFER, .agent = 2, .value = 20000},
           "prefer agent=1002 for_ms=20000");
    expect(&(struct acd_decision){.kind = ACD_DID_ANYONE, .agent = 2, .why = ACD_WHY_PAUSED},
           "anyone instead_of=1002 why=paused");
    expect(&(struct acd_decision){.kind = ACD_DID_ANYONE}, "anyone");
    expect(&(struct acd_decision){.kind = ACD_DID_STEP, .value = 2, .tier = 3}, "step step=2 tier=3");
    expect(&(struct acd_decision){.kind = ACD_DID_RESERVE, .queue = 1, .value = 2},
           "reserve queue=sales tier=2");
    expect(&(struct acd_decision){.kind = ACD_DID_PASS, .agent = 1, .why = ACD_WHY_SKILL},
           "pass agent=1001 why=skill");
    expect(&(struct acd_decision){.kind = ACD_DID_OVER, .agent = 1, .result = ACD_OFFER_NO_ANSWER},
           "over agent=1001 result=no_answer");
    expect(
        &(struct acd_decision){.kind = ACD_DID_LEAVE, .queue = 1, .result = ACD_VISIT_CALLBACK, .value = 4},
        "leave queue=sales result=callback position=4");
}

static void test_offer_texts(void **state) {
    expect(&(struct acd_decision){.kind = ACD_DID_OFFER, .agent = 1, .candidates = 1},
           "offer agent=1001 strategy=longest_idle able=1");
    expect(&(struct acd_decision){.kind = ACD_DID_OFFER,
                                  .agent = 2,
                                  .strategy = CONF_SCORED,
                                  .score = 83500,
                                  .candidates = 5,
                                  .value = 1,
                                  .other = {{1, 80100}, {9, -77000}}},
           "offer agent=1002 strategy=scored score=83.5 able=5 next=1001:80.1,9:-77 ahead_blocked=1");
    expect(&(struct acd_decision){.kind = ACD_DID_OFFER,
                                  .agent = 1,
                                  .strategy = CONF_RING_ALL,
                                  .candidates = 2,
                                  .step = 1,
                                  .tier = 2,
                                  .other = {{2, 0}}},
           "offer agent=1001 strategy=ring_all able=2 next=1002 step=1 tier=2");
    expect(
        &(struct acd_decision){
            .kind = ACD_DID_OFFER, .agent = 1, .strategy = CONF_SCORED, .score = -5, .candidates = 1},
        "offer agent=1001 strategy=scored score=-0.005 able=1");
}

static void test_every_kind_and_reason_has_a_name(void **state) {
    for (int kind = 0; kind < ACD_DID_KINDS; kind++)
        for (int other = 0; other <= ACD_DID_KINDS; other++) {
            assert_string_not_equal(acd_decision_name((enum acd_decision_kind)kind), "?");
            assert_int_equal(!strcmp(acd_decision_name((enum acd_decision_kind)kind),
                                     acd_decision_name((enum acd_decision_kind)other)),
                             kind == other);
        }
    for (int why = 0; why < ACD_WHY_NOTS; why++)
        for (int other = 0; other <= ACD_WHY_NOTS; other++) {
            assert_string_not_equal(acd_why_not_name((enum acd_why_not)why), "?");
            assert_int_equal(
                !strcmp(acd_why_not_name((enum acd_why_not)why), acd_why_not_name((enum acd_why_not)other)),
                why == other);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_is_a_list_that_forgets),
        cmocka_unit_test(test_no_calls_decision_is_found_by_number_only),
        cmocka_unit_test(test_no_memory_changes_nothing),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_offer_texts),
        cmocka_unit_test(test_every_kind_and_reason_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
