/* SPDX-License-Identifier: Apache-2.0
 * LIBS: console stats loop base
 * Passwords: lock-out in virtual time; the hashing thread, its bounds and what is remembered. */
#include "console/login.h"

#include "callfloor/log.h"

#include <crypt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_floor.h"

/* ---- guard ---- */

static struct guard guard;

static int fresh_guard(void **state) {
    memset(&guard, 0, sizeof guard);
    return 0;
}

static void test_lock_out(void **state) {
    uint64_t now = 1000000, wanted = 30000;
    for (int i = 1; i < GUARD_FREE_FAILURES; i++) {
        guard_failed(&guard, "192.0.2.1", now);
        assert_int_equal(guard_locked_ms(&guard, "192.0.2.1", now), 0);
    }
    for (int i = 0; i < 8; i++) {
        guard_failed(&guard, "192.0.2.1", now);
        assert_int_equal(guard_locked_ms(&guard, "192.0.2.1", now), wanted);
        assert_int_equal(guard_locked_ms(&guard, "192.0.2.1", now + wanted - 1), 1);
        assert_int_equal(guard_locked_ms(&guard, "192.0.2.1", now + wanted), 0);
        now += wanted;
        wanted = wanted * 2 < GUARD_LONGEST_LOCK_MS ? wanted * 2 : GUARD_LONGEST_LOCK_MS;
    }
    assert_int_equal(guard_locked_ms(&guard, "192.0.2.2", now - 1), 0);
    guard_failed(&guard, "192.0.2.1", now + GUARD_LONGEST_LOCK_MS + 1); /* long ago: forgotten */
    assert_int_equal(guard_locked_ms(&guard, "192.0.2.1", now + GUARD_LONGEST_LOCK_MS + 1), 0);
}

static void test_success_forgives(void **state) {
    for (int i = 0; i < GUARD_FREE_FAILURES - 1; i++)
        guard_failed(&guard, "192.0.2.1", 5);
    guard_passed(&guard, "192.0.2.1");
    assert_int_equal(guard.used, 0);
    guard_failed(&guard, "192.0.2.1", 5);
    assert_int_equal(guard_locked_ms(&guard, "192.0.2.1", 5), 0);
    guard_passed(&guard, "never seen");
}

static void test_source_is_a_household(void **state) {
    for (int i = 0; i < GUARD_FREE_FAILURES; i++) {
        char address[64];
        snprintf(address, sizeof address, "2001:db8:1:2:%x::9", i + 1);
        guard_failed(&guard, address, 5);
    }
    assert_int_equal(guard.used, 1);
    assert_true(guard_locked_ms(&guard, "2001:db8:1:2:ffff::1", 5) > 0);
    assert_int_equal(guard_locked_ms(&guard, "2001:db8:1:3::1", 5), 0);
    for (int i = 0; i < GUARD_FREE_FAILURES; i++)
        guard_failed(&guard, "::ffff:192.0.2.1", 5);
    assert_true(guard_locked_ms(&guard, "192.0.2.1", 5) > 0);
}

static void test_table_is_bounded(void **state) {
    char address[64];
    for (uint32_t i = 0; i < GUARD_SOURCES + 100; i++) {
        snprintf(address, sizeof address, "10.0.%u.%u", i / 256, i % 256);
        for (int n = 0; n < GUARD_FREE_FAILURES; n++)
            guard_failed(&guard, address, 1000 + i);
    }
    assert_int_equal(guard.used, GUARD_SOURCES);
    assert_true(guard_locked_ms(&guard, address, 2000) > 0);
    assert_int_equal(guard_locked_ms(&guard, "10.0.0.0", 2000), 0); /* the quietest made way */
    assert_true(guard_locked_ms(&guard, "10.0.1.0", 2000) > 0);
}

/* ---- login ---- */

static struct loop *loop;
static struct login *login;
static char hash_anna[CRYPT_OUTPUT_SIZE], hash_bert[CRYPT_OUTPUT_SIZE];
static struct conf_user users[] = {{(char *)"anna", hash_anna, true},
                                   {(char *)"bert", hash_bert, false},
                                   {(char *)"broken", (char *)"*", true}};
static struct conf conf = {.user = users, .user_count = 3};

static int setup(void **state) {
    str_copy(hash_anna, sizeof hash_anna, crypt("walrus", "$5$rounds=1000$saltA"));
    str_copy(hash_bert, sizeof hash_bert, crypt("penguin", "$5$rounds=1000$saltB"));
    conf.user_count = 3;
    log_set_level(NULL, "error");
    return loop_create(&loop) || login_create(&login, loop, &conf);
}
static int teardown(void **state) {
    login_destroy(login);
    loop_destroy(loop);
    return 0;
}

static struct {
    int count, right, admin;
    int wanted;
} seen;
static void on_done(void *arg, enum console_login_result result, bool admin) {
    seen.count++;
    seen.right += result == CONSOLE_LOGIN_OK;
    seen.admin += admin;
    if (seen.count == seen.wanted)
        loop_stop(loop);
}
static void expect_logins(int count) {
    memset(&seen, 0, sizeof seen);
    seen.wanted = count;
}
static bool try(const char *user, const char *password, const char *source) {
    expect_logins(1);
    assert_true(login_begin(login, "telnet", source, user, password, on_done, NULL) > 0);
    assert_int_equal(seen.count, 0); /* never from inside */
    loop_run(loop);
    assert_int_equal(seen.count, 1);
    return seen.right;
}

static void test_passwords(void **state) {
    static const char *const wrong[][2] = {
        {"anna", "penguin"}, {"anna", ""},    {"anna", hash_anna}, {"bert", "walrus"}, {"nobody", "walrus"},
        {"", "walrus"},      {"broken", "*"}, {"broken", ""},      {"Anna", "walrus"}, {"anna", "walrus "},
    };
    char longest[LOGIN_PASSWORD_MAX + 50];
    assert_true(try("anna", "walrus", "192.0.2.1"));
    assert_int_equal(seen.admin, 1);
    assert_true(try("bert", "penguin", "192.0.2.1"));
    assert_int_equal(seen.admin, 0);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char source[32];
        snprintf(source, sizeof source, "192.0.3.%zu", i);
        assert_false(try(wrong[i][0], wrong[i][1], source));
        assert_int_equal(seen.admin, 0);
    }
    memset(longest, 'w', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_false(try("anna", longest, "192.0.2.1"));
    conf.user_count = 0; /* nobody at all */
    assert_false(try("anna", "walrus", "192.0.2.1"));
}

static char logged[4000];
static void keep_log(void *arg, const char *line) {
    strncat(logged, line, sizeof logged - strlen(logged) - 1);
}
static int logged_times(const char *text) {
    int count = 0;
    for (const char *p = logged; (p = strstr(p, text)); p++)
        count++;
    return count;
}

static void test_failures_are_logged(void **state) {
    logged[0] = 0;
    log_set_level(NULL, "info");
    log_to(keep_log, NULL);
    for (int i = 1; i < GUARD_FREE_FAILURES; i++)
        assert_false(try("anna", "wrong", "192.0.2.1"));
    assert_int_equal(logged_times("event=login_failed via=telnet user=\"anna\" source=\"192.0.2.1\""), 4);
    assert_int_equal(logged_times("event=locked_out"), 0);
    expect_logins(2); /* both under way before the first fails */
    login_begin(login, "web", "192.0.2.1", "anna", "wrong", on_done, NULL);
    login_begin(login, "web", "192.0.2.1", "anna", "wrong", on_done, NULL);
    loop_run(loop);
    log_to(NULL, NULL);
    assert_int_equal(logged_times("event=login_failed via=web"), 2);
    assert_int_equal(logged_times("event=locked_out"), 1);
    assert_non_null(strstr(logged, "event=locked_out via=web source=\"192.0.2.1\" for_ms=30000"));
}

static void test_locked_out(void **state) {
    for (int i = 0; i < GUARD_FREE_FAILURES; i++)
        assert_false(try("anna", "wrong", "192.0.2.1"));
    assert_true(login_locked_ms(login, "192.0.2.1") > 0);
    assert_int_equal(login_begin(login, "telnet", "192.0.2.1", "anna", "walrus", on_done, NULL), 0);
    assert_true(try("anna", "walrus", "192.0.2.2"));
}

static void test_bounded(void **state) {
    uint64_t ticket[LOGIN_JOBS];
    expect_logins(LOGIN_JOBS - 2);
    for (int i = 0; i < LOGIN_JOBS; i++) {
        ticket[i] = login_begin(login, "telnet", "192.0.2.1", "anna", "walrus", on_done, NULL);
        assert_true(ticket[i] > 0);
    }
    assert_int_equal(login_begin(login, "telnet", "192.0.2.1", "anna", "walrus", on_done, NULL), 0);
    login_cancel(login, ticket[3]);
    login_cancel(login, ticket[LOGIN_JOBS - 1]);
    login_cancel(login, 999999);
    login_cancel(login, 0);
    loop_run(loop);
    assert_int_equal(seen.right, LOGIN_JOBS - 2);
    assert_true(try("bert", "penguin", "192.0.2.1"));
}

static void test_remembered(void **state) {
    bool admin = false;
    assert_false(login_remembered(login, "anna", "walrus", &admin));
    assert_true(try("anna", "walrus", "192.0.2.1"));
    assert_true(login_remembered(login, "anna", "walrus", &admin));
    assert_true(admin);
    assert_false(login_remembered(login, "anna", "walru", &admin));
    assert_false(login_remembered(login, "bert", "walrus", &admin));
    assert_false(login_remembered(login, "nobody", "walrus", &admin));
    assert_false(try("bert", "wrong", "192.0.2.1"));
    assert_false(login_remembered(login, "bert", "wrong", &admin));
    /* a new password by reload counts at once, the old one no more */
    str_copy(hash_anna, sizeof hash_anna, hash_bert);
    assert_false(login_remembered(login, "anna", "walrus", &admin));
}

/* The password changes while the old one is being checked: it is not let in any more. */
static void test_reload_in_between(void **state) {
    expect_logins(1);
    assert_true(login_begin(login, "telnet", "192.0.2.1", "anna", "walrus", on_done, NULL) > 0);
    str_copy(hash_anna, sizeof hash_anna, hash_bert);
    loop_run(loop);
    assert_int_equal(seen.right, 0);
    assert_int_equal(seen.admin, 0);
}

/* Work left at the end is dropped without a callback. */
static void test_destroy_with_work(void **state) {
    expect_logins(1000);
    for (int i = 0; i < LOGIN_JOBS; i++)
        login_begin(login, "telnet", "192.0.2.1", "anna", "walrus", on_done, NULL);
}

int main(void) {
#define G(f) cmocka_unit_test_setup(f, fresh_guard)
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        G(test_lock_out),          G(test_success_forgives),    G(test_source_is_a_household),
        G(test_table_is_bounded),  T(test_passwords),           T(test_locked_out),
        T(test_bounded),           T(test_remembered),          T(test_reload_in_between),
        T(test_destroy_with_work), T(test_failures_are_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
