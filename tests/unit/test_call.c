/* LIBS: call base */
/* SPDX-License-Identifier: Apache-2.0
 * One call as a table: what each event leads to, told as text. */
#include "callfloor/call.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const fx_name[CALL_FX_TYPES] = {
    [CALL_FX_ANSWER] = "answer",       [CALL_FX_RING] = "ring",   [CALL_FX_MENU] = "menu",
    [CALL_FX_LOOKUP] = "lookup",       [CALL_FX_ENTER] = "enter", [CALL_FX_LEAVE] = "leave",
    [CALL_FX_WITHDRAW] = "withdraw",   [CALL_FX_JOIN] = "join",   [CALL_FX_RING_AGENT] = "ring_agent",
    [CALL_FX_PLAY] = "play",           [CALL_FX_CLOSE] = "close", [CALL_FX_END_CALLER] = "end_caller",
    [CALL_FX_END_AGENT] = "end_agent", [CALL_FX_DROP] = "drop",   [CALL_FX_EXIT] = "exit",
};

static const char *step(struct call_progress *call, enum call_event_type type, enum conf_target_kind kind) {
    static char text[256];
    struct call_effects fx;
    struct call_event event = {.type = type, .target = {.kind = kind, .id = 1}, .status = 486};
    int err = call_step(call, &event, &fx), n = 0;
    if (err == -EPROTO)
        return "no";
    for (uint32_t i = 0; i < fx.count; i++) {
        n += snprintf(text + n, sizeof text - (size_t)n, "%s ", fx_name[fx.item[i].type]);
        if (fx.item[i].type == CALL_FX_CLOSE)
            n += snprintf(text + n, sizeof text - (size_t)n, "%s by %s ", fx.item[i].result,
                          fx.item[i].ended_by);
    }
    snprintf(text + n, sizeof text - (size_t)n, "-> %s", call_state_name(call->state));
    return text;
}

static void test_menu_queue_talk(void **state) {
    struct call_progress c = {0};
    assert_string_equal(step(&c, CALL_EV_ROUTE, CONF_TARGET_MENU), "answer menu -> menu");
    assert_string_equal(step(&c, CALL_EV_ROUTE, CONF_TARGET_QUEUE), "answer lookup -> lookup");
    assert_string_equal(step(&c, CALL_EV_CONNECT, 0), "no");
    assert_string_equal(step(&c, CALL_EV_CUSTOMER, CONF_TARGET_QUEUE), "enter -> queued");
    assert_string_equal(step(&c, CALL_EV_CUSTOMER, CONF_TARGET_QUEUE), "no");
    assert_string_equal(step(&c, CALL_EV_CONNECT, 0), "answer join -> talking");
    assert_string_equal(step(&c, CALL_EV_AGENT_GONE, 0), "end_caller close handled by agent -> ended");
    assert_string_equal(step(&c, CALL_EV_CALLER_GONE, 0), "no");
}

static void test_caller_gone_in_every_state(void **state) {
    struct call_progress c = {.state = CALL_MENU};
    assert_string_equal(step(&c, CALL_EV_CALLER_GONE, 0), "close ended_in_menu by caller -> ended");
    c = (struct call_progress){.state = CALL_LOOKUP};
    assert_string_equal(step(&c, CALL_EV_CALLER_GONE, 0), "close abandoned by caller -> ended");
    c = (struct call_progress){.state = CALL_QUEUED, .was_queued = true};
    assert_string_equal(step(&c, CALL_EV_CALLER_GONE, 0), "leave close abandoned by caller -> ended");
    c = (struct call_progress){.state = CALL_DIRECT};
    assert_string_equal(step(&c, CALL_EV_CALLER_GONE, 0), "end_agent close abandoned by caller -> ended");
    c = (struct call_progress){.state = CALL_TALKING, .handled = true};
    assert_string_equal(step(&c, CALL_EV_CALLER_GONE, 0), "end_agent close handled by caller -> ended");
    c = (struct call_progress){.state = CALL_PLAYING};
    assert_string_equal(step(&c, CALL_EV_CALLER_GONE, 0), "close ended_in_menu by caller -> ended");
}

static void test_direct_call(void **state) {
    struct call_progress c = {0};
    assert_string_equal(step(&c, CALL_EV_ROUTE, CONF_TARGET_AGENT), "ring ring_agent -> direct");
    assert_string_equal(step(&c, CALL_EV_AGENT_FAILED, 0), "end_caller close failed by system -> ended");
    c = (struct call_progress){0};
    step(&c, CALL_EV_ROUTE, CONF_TARGET_AGENT);
    assert_string_equal(step(&c, CALL_EV_CONNECT, 0), "answer join -> talking");
}

static void test_hangup_by_supervisor(void **state) {
    struct call_progress c = {.state = CALL_QUEUED, .was_queued = true};
    assert_string_equal(step(&c, CALL_EV_HANGUP, 0),
                        "withdraw end_caller close withdrawn by system -> ended");
    c = (struct call_progress){.state = CALL_TALKING, .handled = true};
    assert_string_equal(step(&c, CALL_EV_HANGUP, 0), "end_agent end_caller close handled by system -> ended");
}

/* A key asks the distributor to let the call go; an agent's answer may be faster. */
static void test_exit_by_key(void **state) {
    struct call_progress c = {.state = CALL_QUEUED, .was_queued = true};
    assert_string_equal(step(&c, CALL_EV_EXIT, CONF_TARGET_MENU), "exit -> queued");
    assert_string_equal(step(&c, CALL_EV_ROUTE, CONF_TARGET_MENU), "answer menu -> menu");
    assert_string_equal(step(&c, CALL_EV_EXIT, CONF_TARGET_MENU), "no");
    c = (struct call_progress){.state = CALL_QUEUED, .was_queued = true};
    step(&c, CALL_EV_EXIT, CONF_TARGET_MENU);
    assert_string_equal(step(&c, CALL_EV_CONNECT, 0), "answer join -> talking");
    assert_string_equal(step(&c, CALL_EV_EXIT, CONF_TARGET_MENU), "no");
    assert_string_equal(step(&c, CALL_EV_ROUTE, CONF_TARGET_MENU), "no");
    c = (struct call_progress){.state = CALL_LOOKUP};
    assert_string_equal(step(&c, CALL_EV_EXIT, CONF_TARGET_MENU), "no");
}

/* Nobody wanted it: neither the caller nor a supervisor. */
static void test_failures_of_ours(void **state) {
    struct call_progress c = {.state = CALL_QUEUED, .was_queued = true};
    assert_string_equal(step(&c, CALL_EV_CALLER_LOST, 0), "drop close failed by system -> ended");
    c = (struct call_progress){.state = CALL_QUEUED, .was_queued = true};
    assert_string_equal(step(&c, CALL_EV_FAIL, 0), "drop end_caller close failed by system -> ended");
    c = (struct call_progress){.state = CALL_TALKING, .handled = true};
    assert_string_equal(step(&c, CALL_EV_CALLER_LOST, 0), "end_agent close handled by system -> ended");
    c = (struct call_progress){.state = CALL_DIRECT};
    assert_string_equal(step(&c, CALL_EV_CALLER_LOST, 0), "end_agent close failed by system -> ended");
    c = (struct call_progress){.state = CALL_MENU};
    assert_string_equal(step(&c, CALL_EV_FAIL, 0), "end_caller close failed by system -> ended");
}

static void test_overflow_loop_is_bounded(void **state) {
    struct call_progress c = {0};
    int rounds = 0;
    step(&c, CALL_EV_ROUTE, CONF_TARGET_QUEUE);
    while (c.state != CALL_ENDED && rounds++ < 1000) {
        step(&c, CALL_EV_CUSTOMER, CONF_TARGET_QUEUE);
        step(&c, CALL_EV_ROUTE, CONF_TARGET_QUEUE); /* refused at the door, overflows to itself */
    }
    assert_int_equal(rounds, CALL_MAX_HOPS);
}

/* Whatever comes in whatever order: a call ends at most once, closes exactly once, joins at most once. */
static void test_random_events(void **state) {
    uint64_t rng = 1;
    for (int run = 0; run < 20000; run++) {
        struct call_progress c = {0};
        int closed = 0, joined = 0;
        for (int i = 0; i < 60; i++) {
            struct call_effects fx;
            struct call_event event = {
                .type = (enum call_event_type)(rng_next(&rng) % CALL_EV_TYPES),
                .target = {.kind = (enum conf_target_kind)(rng_next(&rng) % 7), .id = 1}};
            enum call_state was = c.state;
            if (call_step(&c, &event, &fx)) {
                assert_int_equal(c.state, was);
                continue;
            }
            assert_int_not_equal(was, CALL_ENDED);
            assert_true(fx.count <= ARRAY_LEN(fx.item));
            for (uint32_t k = 0; k < fx.count; k++) {
                closed += fx.item[k].type == CALL_FX_CLOSE;
                joined += fx.item[k].type == CALL_FX_JOIN;
            }
            assert_int_equal(closed, c.state == CALL_ENDED);
        }
        assert_true(joined <= 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_menu_queue_talk),
        cmocka_unit_test(test_caller_gone_in_every_state),
        cmocka_unit_test(test_direct_call),
        cmocka_unit_test(test_hangup_by_supervisor),
        cmocka_unit_test(test_exit_by_key),
        cmocka_unit_test(test_failures_of_ours),
        cmocka_unit_test(test_overflow_loop_is_bounded),
        cmocka_unit_test(test_random_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
