/* LIBS: base */
/* SPDX-License-Identifier: Apache-2.0
 * base: strings, slots, deadlines, log lines, record fields and ids. */
#include "callfloor/base.h"
#include "callfloor/deadlines.h"
#include "callfloor/log.h"
#include "callfloor/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_strings(void **state) {
    char text[4];
    uint32_t n = 7;
    uint64_t big;
    assert_int_equal(str_copy(text, sizeof text, "abc"), 0);
    assert_int_equal(str_copy(text, sizeof text, "abcd"), -ENAMETOOLONG);
    assert_string_equal(text, "abc");
    assert_int_equal(str_copy(text, sizeof text, NULL), 0);
    assert_string_equal(text, "");
    assert_int_equal(str_to_u32("42", 1, 100, &n), 0);
    assert_int_equal(n, 42);
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1e3", "12a"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(str_to_u32(bad[i], 0, 100, &n), -EINVAL);
    assert_int_equal(str_to_u32("101", 1, 100, &n), -ERANGE);
    assert_int_equal(str_to_u64("18446744073709551615", &big), 0);
    assert_true(big == UINT64_MAX);
    assert_int_equal(str_to_u64("18446744073709551616", &big), -ERANGE);
    assert_int_equal(n, 42);
    assert_true(str_is_token("main-menu_2.a", 20));
    assert_false(str_is_token("main menu", 20));
    assert_false(str_is_token("../x/y", 20));
    assert_false(str_is_token("abc", 2));
    assert_false(str_is_token("", 2));
}

static void test_slots(void **state) {
    struct slots table;
    int object[3];
    assert_int_equal(slots_init(&table, 2), 0);
    uint32_t a = slots_put(&table, &object[0]), b = slots_put(&table, &object[1]);
    assert_true(a && b && a != b);
    assert_int_equal(slots_put(&table, &object[2]), 0); /* full */
    assert_ptr_equal(slots_get(&table, a), &object[0]);
    slots_drop(&table, a);
    assert_null(slots_get(&table, a));
    slots_drop(&table, a); /* stale: harmless */
    uint32_t c = slots_put(&table, &object[2]);
    assert_true(c && c != a);
    assert_null(slots_get(&table, a)); /* the same place, another generation */
    assert_ptr_equal(slots_get(&table, c), &object[2]);
    assert_null(slots_get(&table, 0));
    assert_null(slots_get(&table, 0xfffff));
    uint32_t seen = 0;
    for (uint32_t id = slots_next(&table, 0); id; id = slots_next(&table, id))
        seen++;
    assert_int_equal(seen, 2);
    slots_done(&table);
}

static void test_deadlines(void **state) {
    enum { N = 500 };
    static struct deadline one[N];
    struct deadlines all = {0};
    uint64_t rng = 3;
    for (int i = 0; i < N; i++)
        one[i].key = (uint64_t)i + 1;
    for (int round = 0; round < 20000; round++) {
        int i = (int)(rng_next(&rng) % N);
        if (rng_next(&rng) % 4)
            assert_int_equal(deadline_set(&all, &one[i], rng_next(&rng) % 50), 0);
        else
            deadline_clear(&all, &one[i]);
    }
    struct deadline *before = NULL, *first;
    while ((first = deadline_first(&all))) {
        if (before)
            assert_true(before->at_ms < first->at_ms ||
                        (before->at_ms == first->at_ms && before->key < first->key));
        assert_true(deadline_next_ms(&all) == first->at_ms);
        deadline_clear(&all, first);
        before = first;
    }
    assert_true(deadline_next_ms(&all) == NEVER);
    deadlines_done(&all);
}

static char last_line[2048];
static void keep_line(void *arg, const char *line) {
    str_copy(last_line, sizeof last_line, line);
}

static void test_log_cannot_be_forged(void **state) {
    log_to(keep_line, NULL);
    log_info("sip", "event=x from=%s", log_value("a\"b\n2026-01-01 error sip event=fake\x1b[31m"));
    assert_non_null(strstr(last_line, " info sip event=x from=\"a\\\"b\\x0a2026-01-01 error"));
    assert_null(strchr(last_line, '\x1b'));
    assert_ptr_equal(strchr(last_line, '\n'), last_line + strlen(last_line) - 1);
    *last_line = 0;
    log_debug("sip", "event=hidden");
    assert_string_equal(last_line, "");
    assert_int_equal(log_set_level("sip", "debug"), 0);
    log_debug("sip", "event=shown");
    assert_non_null(strstr(last_line, "event=shown"));
    assert_int_equal(log_set_level("sip", "loud"), -EINVAL);
    assert_int_equal(log_set_level("nothing", "debug"), -ENOENT);
    assert_int_equal(log_set_level(NULL, "info"), 0);
    log_to(NULL, NULL);
}

static void test_log_limit(void **state) {
    struct log_limit limit = {0};
    uint32_t dropped = 0, passed = 0;
    for (int i = 0; i < 100; i++)
        passed += log_allowed(&limit, 5000, 10, &dropped);
    assert_int_equal(passed, 10);
    assert_false(log_allowed(&limit, 5999, 10, &dropped));
    assert_true(log_allowed(&limit, 6000, 10, &dropped));
    assert_int_equal(dropped, 91);
}

static void test_record_ids_ascend_over_restarts_and_differ_by_node(void **state) {
    uint64_t ms = 1790000000000u;
    uint64_t first = record_first_id(1, ms), later = record_first_id(1, ms + 1);
    assert_true(later - first >= 65536);
    assert_true(record_first_id(2, ms) > record_first_id(1, ms + 34ull * 365 * 86400 * 1000));
    assert_true(record_first_id(127, ms) < (uint64_t)INT64_MAX);
}

static void test_record_fields_cover_every_kind(void **state) {
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        size_t count = 0;
        const struct record_field *field = record_fields((enum record_kind)kind, &count);
        assert_true(count > 5);
        assert_string_equal(field[0].name, "id");
        for (size_t i = 0; i < count; i++)
            assert_true(field[i].offset + field[i].size <= sizeof(struct record));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_log_cannot_be_forged),
        cmocka_unit_test(test_log_limit),
        cmocka_unit_test(test_record_ids_ascend_over_restarts_and_differ_by_node),
        cmocka_unit_test(test_record_fields_cover_every_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
