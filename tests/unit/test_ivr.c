/* SPDX-License-Identifier: Apache-2.0
 * LIBS: ivr base
 * Menus in virtual time: each case is a list of events with the effects they must give. */
#include "callfloor/ivr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- menus ---- */

#define E ((char *)"")
#define S(text) ((char *)(text))
#define QUEUE(n)                                                                                             \
    { CONF_TARGET_QUEUE, n, NULL }
#define MENU(n)                                                                                              \
    { CONF_TARGET_MENU, n, NULL }

enum { MAIN = 1, DEAF, TERSE, SILENT, SUPPORT, MAZE, LONGNAME, MENUS = LONGNAME };

static struct conf_menu menus[MENUS] = {
    {.name = S("main"),
     .welcome = S("hello"),
     .prompt = S("choose"),
     .invalid = S("wrong"),
     .timeout = S("late"),
     .goodbye = S("bye"),
     .barge_in = true,
     .digit_timeout_ms = 5000,
     .attempts = 3,
     .choice = {[1] = QUEUE(1), [2] = MENU(SUPPORT), [3] = MENU(MAZE), [10] = QUEUE(10), [11] = QUEUE(11)}},
    {.name = S("deaf"),
     .welcome = S("hello"),
     .prompt = S("choose"),
     .invalid = E,
     .timeout = E,
     .goodbye = E,
     .digit_timeout_ms = 3000,
     .attempts = 2,
     .choice = {[1] = QUEUE(1)},
     .fallback = QUEUE(9)},
    {.name = S("terse"),
     .welcome = E,
     .prompt = E,
     .invalid = E,
     .timeout = E,
     .goodbye = E,
     .barge_in = true,
     .digit_timeout_ms = 2000,
     .attempts = 2,
     .choice = {[0] = QUEUE(7)}},
    {.name = S("silent"),
     .welcome = S("hello"),
     .prompt = E,
     .invalid = S("wrong"),
     .timeout = E,
     .goodbye = S("bye"),
     .digit_timeout_ms = 1000,
     .attempts = 1,
     .choice = {[5] = {CONF_TARGET_PLAY, 0, S("closed")}}},
    {.name = S("support"),
     .welcome = S("support"),
     .prompt = S("choose2"),
     .invalid = S("wrong"),
     .timeout = S("late"),
     .goodbye = S("bye"),
     .barge_in = true,
     .digit_timeout_ms = 4000,
     .attempts = 1,
     .choice = {[1] = QUEUE(4), [9] = MENU(MAIN)},
     .fallback = MENU(MAIN)},
    {.name = S("maze"),
     .welcome = E,
     .prompt = E,
     .invalid = E,
     .timeout = E,
     .goodbye = E,
     .barge_in = true,
     .digit_timeout_ms = 1000,
     .attempts = 1,
     .choice = {[1] = MENU(MAZE), [2] = MENU(77)},
     .fallback = MENU(MAZE)},
    {.name = S("a-menu-with-a-name-of-fifty-characters-exactly-51x"),
     .welcome = E,
     .prompt = E,
     .invalid = E,
     .timeout = E,
     .goodbye = E,
     .barge_in = true,
     .digit_timeout_ms = 1000,
     .attempts = 100,
     .choice = {[1] = MENU(LONGNAME)}},
};
static const struct conf conf = {.menu = menus, .menu_count = MENUS};

const struct conf_menu *conf_menu(const struct conf *c, uint32_t id) {
    return id >= 1 && id <= c->menu_count && !c->menu[id - 1].removed ? &c->menu[id - 1] : NULL;
}

/* ---- effects as text ---- */

static const char *text_of(const struct ivr_effects *fx) {
    static char text[512];
    static const char *const kinds[] = {"none", "menu", "queue", "agent", "play", "loop", "hangup"};
    size_t at = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < fx->count; i++) {
        const struct ivr_effect *e = &fx->item[i];
        at += (size_t)snprintf(text + at, sizeof text - at, "%s", i ? " " : "");
        if (e->type == IVR_FX_STOP) {
            at += (size_t)snprintf(text + at, sizeof text - at, "stop");
        } else if (e->type == IVR_FX_PLAY) {
            at += (size_t)snprintf(text + at, sizeof text - at, "play%u", e->play_id);
            for (uint32_t p = 0; p < e->prompt_count; p++)
                at += (size_t)snprintf(text + at, sizeof text - at, ":%s", e->prompt[p]);
        } else {
            at += (size_t)snprintf(text + at, sizeof text - at, "go:%s", kinds[e->target.kind]);
            if (e->target.id)
                at += (size_t)snprintf(text + at, sizeof text - at, ":%u", e->target.id);
            if (e->target.prompt)
                at += (size_t)snprintf(text + at, sizeof text - at, ":%s", e->target.prompt);
        }
    }
    return text;
}

/* ---- cases ---- */

struct line {
    uint64_t at_ms;
    char event;   /* S start, D digit, P played, T tick, V menu vanishes, R menu is back */
    uint32_t arg; /* menu, digit, play id */
    const char *effects;
    int err;
    uint64_t deadline_ms; /* afterwards; 0 = NEVER */
};
struct scenario {
    const char *name, *path; /* at the end */
    struct line line[12];
};

static const struct scenario scenarios[] = {
    {"digit after the prompt",
     "main:1",
     {{100, 'S', MAIN, "play1:hello:choose", 0, 0},
      {4000, 'P', 1, "", 0, 9000},
      {8000, 'D', '1', "go:queue:1", 0, 0}}},
    {"barge-in during the welcome",
     "main:1",
     {{0, 'S', MAIN, "play1:hello:choose", 0, 0}, {10, 'D', '1', "stop go:queue:1", 0, 0}}},
    {"star and hash are choices",
     "main:*",
     {{0, 'S', MAIN, "play1:hello:choose", 0, 0}, {10, 'D', '*', "stop go:queue:10", 0, 0}}},
    {"hash",
     "main:#",
     {{0, 'S', MAIN, "play1:hello:choose", 0, 0}, {10, 'D', '#', "stop go:queue:11", 0, 0}}},
    {"no barge-in: a digit while the prompt plays is lost",
     "deaf:1",
     {{0, 'S', DEAF, "play1:hello:choose", 0, 0},
      {10, 'D', '1', "", 0, 0},
      {5000, 'P', 1, "", 0, 8000},
      {5001, 'D', '1', "go:queue:1", 0, 0}}},
    {"the digit timer runs from the end of the prompt, not a millisecond short",
     "main:t1",
     {{0, 'S', MAIN, "play1:hello:choose", 0, 0},
      {60000, 'T', 0, "", 0, 0},
      {70000, 'P', 1, "", 0, 75000},
      {74999, 'T', 0, "", 0, 75000},
      {75000, 'T', 0, "play2:late:choose", 0, 0},
      {80000, 'P', 2, "", 0, 85000},
      {80001, 'D', '1', "go:queue:1", 0, 0}}},
    {"three bad rounds, goodbye, hang up",
     "main:iti",
     {{0, 'S', MAIN, "play1:hello:choose", 0, 0},
      {5, 'D', '7', "stop play2:wrong:choose", 0, 0},
      {90, 'P', 2, "", 0, 5090},
      {5090, 'T', 0, "play3:late:choose", 0, 0},
      {5100, 'D', 'A', "stop play4:bye", 0, 0},
      {5200, 'D', '1', "", 0, 0},
      {5300, 'T', 0, "", 0, 0},
      {5400, 'P', 3, "", -EPROTO, 0},
      {5500, 'P', 4, "go:hangup", 0, 0},
      {5501, 'P', 4, "", -EPROTO, 0},
      {5502, 'D', '1', "", -EPROTO, 0},
      {5503, 'T', 0, "", -EPROTO, 0}}},
    {"fallback after the last attempt, reproaches not recorded",
     "deaf:tt",
     {{0, 'S', DEAF, "play1:hello:choose", 0, 0},
      {100, 'P', 1, "", 0, 3100},
      {3100, 'T', 0, "play2:choose", 0, 0},
      {4000, 'P', 2, "", 0, 7000},
      {7000, 'T', 0, "go:queue:9", 0, 0}}},
    {"a menu without prompts listens at once",
     "terse:tt",
     {{1000, 'S', TERSE, "", 0, 3000}, {3000, 'T', 0, "", 0, 5000}, {5000, 'T', 0, "go:hangup", 0, 0}}},
    {"a menu without prompts takes a digit",
     "terse:i0",
     {{1000, 'S', TERSE, "", 0, 3000}, {1500, 'D', '9', "", 0, 3500}, {1600, 'D', '0', "go:queue:7", 0, 0}}},
    {"only a welcome, one attempt, invalid: no reproach, goodbye",
     "silent:i",
     {{0, 'S', SILENT, "play1:hello", 0, 0},
      {50, 'P', 1, "", 0, 1050},
      {60, 'D', '1', "play2:bye", 0, 0},
      {90, 'P', 2, "go:hangup", 0, 0}}},
    {"a choice that plays and hangs up",
     "silent:5",
     {{0, 'S', SILENT, "play1:hello", 0, 0},
      {50, 'P', 1, "", 0, 1050},
      {60, 'D', '5', "go:play:closed", 0, 0}}},
    {"submenu and back again, counting attempts afresh",
     "main:i2/support:9/main:1",
     {{0, 'S', MAIN, "play1:hello:choose", 0, 0},
      {10, 'D', '8', "stop play2:wrong:choose", 0, 0},
      {20, 'D', '2', "stop play3:support:choose2", 0, 0},
      {25, 'P', 2, "", -EPROTO, 0},
      {30, 'P', 3, "", 0, 4030},
      {40, 'D', '9', "play4:hello:choose", 0, 0},
      {50, 'D', '1', "stop go:queue:1", 0, 0}}},
    {"a fallback may be a menu",
     "support:t/main:1",
     {{0, 'S', SUPPORT, "play1:support:choose2", 0, 0},
      {10, 'P', 1, "", 0, 4010},
      {4010, 'T', 0, "play2:hello:choose", 0, 0},
      {4020, 'D', '1', "stop go:queue:1", 0, 0}}},
    {"a digit that beats the late tick counts",
     "main:1",
     {{0, 'S', MAIN, "play1:hello:choose", 0, 0},
      {10, 'P', 1, "", 0, 5010},
      {5030, 'D', '1', "go:queue:1", 0, 0}}},
    {"reload took the menu away while it was playing",
     "main",
     {{0, 'S', MAIN, "play1:hello:choose", 0, 0},
      {5, 'V', MAIN, "", 0, 0},
      {9, 'D', '1', "stop go:hangup", 0, 0}}},
    {"reload took the menu away while it was listening",
     "main",
     {{0, 'S', MAIN, "play1:hello:choose", 0, 0},
      {5, 'P', 1, "", 0, 5005},
      {6, 'V', MAIN, "", 0, 5005},
      {7, 'T', 0, "go:hangup", 0, 0}}},
    {"a choice leads to a menu that is not there",
     "maze:2",
     {{0, 'S', MAZE, "", 0, 1000}, {5, 'D', '2', "go:hangup", 0, 0}}},
    {"events before the start and nonsense",
     "main:1",
     {{0, 'D', '1', "", -EPROTO, 1},
      {0, 'T', 0, "", -EPROTO, 1},
      {0, 'P', 0, "", -EPROTO, 1},
      {0, 'S', 99, "", -EINVAL, 1},
      {0, 'S', 0, "", -EINVAL, 1},
      {0, 'S', MAIN, "play1:hello:choose", 0, 0},
      {1, 'S', MAIN, "", -EPROTO, 0},
      {2, 'D', 'x', "", -EINVAL, 0},
      {3, 'D', 0, "", -EINVAL, 0},
      {4, 'P', 2, "", -EPROTO, 0},
      {5, 'D', '1', "stop go:queue:1", 0, 0}}},
};

static void play_scenario(const struct scenario *sc) {
    struct ivr_run run = {0};
    struct ivr_effects fx;
    for (size_t i = 0; i < ARRAY_LEN(sc->line) && sc->line[i].event; i++) {
        const struct line *l = &sc->line[i];
        struct ivr_event ev = {.now_ms = l->at_ms};
        int err = 0;
        fx.count = 0;
        if (l->event == 'V') {
            menus[l->arg - 1].removed = true;
        } else {
            ev.type = l->event == 'S'   ? IVR_EV_START
                      : l->event == 'D' ? IVR_EV_DIGIT
                      : l->event == 'P' ? IVR_EV_PLAYED
                                        : IVR_EV_TICK;
            ev.menu = ev.play_id = l->arg;
            ev.digit = (char)l->arg;
            struct ivr_run before = run;
            err = ivr_step(&run, &conf, &ev, &fx);
            if (err)
                assert_memory_equal(&before, &run, sizeof run);
        }
        uint64_t wanted = l->deadline_ms == 1 ? 0 : l->deadline_ms ? l->deadline_ms : NEVER;
        if (err != l->err || strcmp(text_of(&fx), l->effects) || ivr_deadline(&run) != wanted)
            fail_msg("%s, line %zu: err %d, effects '%s', deadline %llu; expected err %d, '%s', %llu",
                     sc->name, i + 1, err, text_of(&fx), (unsigned long long)ivr_deadline(&run), l->err,
                     l->effects, (unsigned long long)wanted);
    }
    for (size_t i = 0; i < MENUS; i++)
        menus[i].removed = false;
    if (strcmp(run.path, sc->path))
        fail_msg("%s: path '%s', expected '%s'", sc->name, run.path, sc->path);
}

static void test_scenarios(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(scenarios); i++)
        play_scenario(&scenarios[i]);
}

/* Menus that lead to each other for ever end after IVR_MAX_STEPS. */
static void endless(char event, uint32_t menu) {
    struct ivr_run run = {0};
    struct ivr_effects fx;
    struct ivr_event ev = {.type = IVR_EV_START, .menu = menu};
    uint32_t rounds = 0;
    assert_int_equal(ivr_step(&run, &conf, &ev, &fx), 0);
    while (!fx.count) {
        ev.type = event == 'D' ? IVR_EV_DIGIT : IVR_EV_TICK;
        ev.digit = '1';
        ev.now_ms = event == 'D' ? 1 : ivr_deadline(&run);
        assert_int_equal(ivr_step(&run, &conf, &ev, &fx), 0);
        assert_true(++rounds <= IVR_MAX_STEPS);
    }
    assert_int_equal(rounds, IVR_MAX_STEPS);
    assert_string_equal(text_of(&fx), "go:hangup");
    assert_true(ivr_deadline(&run) == NEVER);
    assert_true(strlen(run.path) < IVR_PATH_LEN);
    assert_memory_equal(run.path, menu == MAZE ? "maze:" : "a-menu", menu == MAZE ? 5 : 6);
}
static void test_endless(void **state) {
    endless('D', MAZE);
    endless('T', MAZE);
    endless('D', LONGNAME); /* the path is full long before */
}

/* Whatever comes in whatever order: bounded effects, nothing after GO, no deadline after it. */
static void test_random(void **state) {
    uint64_t seed = 20260301;
    for (int n = 0; n < 20000; n++) {
        struct ivr_run run = {0};
        struct ivr_effects fx;
        uint64_t now = 0;
        bool over = false;
        for (int i = 0; i < 40; i++) {
            uint64_t r = rng_next(&seed);
            struct ivr_event ev = {.type = (enum ivr_event_type)(i ? r % 4 : 0),
                                   .now_ms = now += (r >> 8) % 3000};
            ev.menu = 1 + (uint32_t)(r >> 32) % MENUS;
            ev.digit = "0123456789*#ABCDx"[(r >> 40) % 17];
            ev.play_id = run.play_id - (r >> 50) % 8 / 7;
            int err = ivr_step(&run, &conf, &ev, &fx);
            assert_true(fx.count <= 2);
            if (over || err)
                assert_int_equal(fx.count, 0);
            if (over)
                assert_int_equal(err, -EPROTO);
            for (uint32_t e = 0; e < fx.count; e++) {
                assert_true(fx.item[e].prompt_count <= IVR_MAX_PROMPTS);
                over |= fx.item[e].type == IVR_FX_GO;
            }
            if (over)
                assert_true(ivr_deadline(&run) == NEVER);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scenarios),
        cmocka_unit_test(test_endless),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
