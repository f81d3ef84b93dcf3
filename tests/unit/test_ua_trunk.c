/* LIBS: sip conf loop base */
/* SPDX-License-Identifier: Apache-2.0
 * Trunks: whose address is this, numbers rewritten, calls counted, reload, backoff. */
#include "sip/ua_trunk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct conf_peer carrier_peers[] = {{(char *)"192.0.2.10", 32, 5060}, {(char *)"198.51.100.0", 24, 0}};
static struct conf_peer inside_peers[] = {{(char *)"198.51.100.128", 25, 5080},
                                          {(char *)"2001:db8:7::", 48, 5060}};
static struct conf_peer any_peers[] = {{(char *)"0.0.0.0", 0, 5060}};
static struct conf_peer named_peers[] = {{(char *)"trunk.example.com", 32, 5060}};

static void trunk(struct conf_trunk *t, const char *name, struct conf_peer *peers, uint32_t count) {
    *t = (struct conf_trunk){.name = (char *)name,
                             .peer = peers,
                             .peer_count = count,
                             .probe_interval_ms = 10000,
                             .register_user = (char *)"",
                             .register_password = (char *)"",
                             .register_domain = (char *)""};
}

struct world {
    struct ua ua;
    struct conf conf;
    struct conf_trunk trunk[4];
    char told[256];
};

static void on_trunk_changed(void *ctx, uint32_t number, bool up) {
    struct world *w = ctx;
    size_t n = strlen(w->told);
    snprintf(w->told + n, sizeof w->told - n, "%c%u ", up ? '+' : '-', number);
}

static int set_up(void **state) {
    struct world *w = calloc(1, sizeof *w);
    trunk(&w->trunk[0], "carrier", carrier_peers, 2);
    trunk(&w->trunk[1], "inside", inside_peers, 2);
    trunk(&w->trunk[2], "gone", any_peers, 1);
    trunk(&w->trunk[3], "named", named_peers, 1);
    w->trunk[2].removed = true;
    w->trunk[0].max_calls = 2;
    w->conf.trunk = w->trunk;
    w->conf.trunk_count = 4;
    w->ua.conf = &w->conf;
    w->ua.sink.ctx = w;
    w->ua.sink.trunk_changed = on_trunk_changed;
    assert_int_equal(ua_trunks_create(&w->ua), 0);
    *state = w;
    return 0;
}
static int tear_down(void **state) {
    struct world *w = *state;
    ua_trunks_destroy(&w->ua);
    ua_trunks_destroy(&w->ua); /* harmless */
    free(w);
    return 0;
}

static uint32_t of(struct world *w, const char *text) {
    struct sockaddr_storage ss;
    memset(&ss, 0, sizeof ss);
    struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
        v4->sin_family = AF_INET, v4->sin_port = htons(12345);
    else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
        v6->sin6_family = AF_INET6;
    return ua_trunk_of_source(&w->ua, (struct sockaddr *)&ss);
}

static void finds_the_trunk(void **state) {
    struct world *w = *state;
    assert_int_equal(of(w, "192.0.2.10"), 1);
    assert_int_equal(of(w, "::ffff:192.0.2.10"), 1);
    assert_int_equal(of(w, "192.0.2.11"), 0);
    assert_int_equal(of(w, "198.51.100.1"), 1);
    assert_int_equal(of(w, "198.51.100.127"), 1);
    assert_int_equal(of(w, "198.51.100.128"), 2); /* the longer prefix wins */
    assert_int_equal(of(w, "198.51.100.255"), 2);
    assert_int_equal(of(w, "198.51.101.1"), 0);
    assert_int_equal(of(w, "2001:db8:7:ffff::1"), 2);
    assert_int_equal(of(w, "2001:db8:8::1"), 0);
    assert_int_equal(of(w, "not an address"), 0);
    assert_int_equal(ua_trunk_of_source(&w->ua, NULL), 0);
    w->trunk[2].removed = false; /* everybody is trusted now, but the better match still wins */
    ua_trunks_reload(&w->ua);
    assert_int_equal(of(w, "203.0.113.5"), 3);
    assert_int_equal(of(w, "192.0.2.10"), 1);
    assert_int_equal(of(w, "2001:db8:8::1"), 0); /* 0.0.0.0/0 is IPv4 */
    w->trunk[2].removed = true;
    ua_trunks_reload(&w->ua);
    assert_int_equal(of(w, "203.0.113.5"), 0);
}

/* The addresses of a name, as a look-up leaves them. */
static void names_match_by_their_addresses(void **state) {
    struct world *w = *state;
    assert_int_equal(of(w, "203.0.113.9"), 0);
    struct ua_trunk_peer *peer = ua_trunk_find_peer(&w->ua, 4, w->ua.trunks->trunk[4]->peer[0].serial);
    assert_non_null(peer);
    assert_false(peer->numeric);
    assert_int_equal(ua_address_parse("203.0.113.9", &peer->address[0], NULL), 0);
    assert_int_equal(ua_address_parse("2001:db8::9", &peer->address[1], NULL), 0);
    peer->address_count = 2;
    assert_int_equal(of(w, "203.0.113.9"), 4);
    assert_int_equal(of(w, "2001:db8::9"), 4);
    assert_int_equal(of(w, "203.0.113.8"), 0);
    ua_trunks_reload(&w->ua); /* unchanged: what was learnt stays */
    assert_int_equal(of(w, "203.0.113.9"), 4);
    w->trunk[3].tcp = true;
    ua_trunks_reload(&w->ua);
    assert_int_equal(of(w, "203.0.113.9"), 0);
    assert_null(ua_trunk_find_peer(&w->ua, 4, 1));
    assert_null(ua_trunk_find_peer(&w->ua, 3, 1));
    assert_null(ua_trunk_find_peer(&w->ua, 99, 1));
}

static void rewrites(void **state) {
    static const struct conf_rewrite rules[] = {{(char *)"0048", 4, (char *)"+48"},
                                                {(char *)"00", 2, (char *)"+"},
                                                {(char *)"9", 1, (char *)""},
                                                {(char *)"#", 50, (char *)"1"}};
    static const struct {
        const char *in, *out;
    } vectors[] = {
        {"0048221234567", "+48221234567"},
        {"0044201234", "+44201234"},
        {"95551234", "5551234"},
        {"221234567", "221234567"},
        {"", ""},
        {"9", ""},
        {"#", "1"},
        {"00", "+"},
        {"0", "0"},
    };
    char out[NUMBER_LEN];
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        ua_trunk_rewrite(rules, ARRAY_LEN(rules), vectors[i].in, out, sizeof out);
        assert_string_equal(out, vectors[i].out);
    }
    ua_trunk_rewrite(NULL, 0, "123", out, sizeof out);
    assert_string_equal(out, "123");
    static const struct conf_rewrite any[] = {{(char *)"", 0, (char *)"+1"}};
    ua_trunk_rewrite(any, 1, "555", out, sizeof out);
    assert_string_equal(out, "+1555");
    char small[4];
    ua_trunk_rewrite(any, 1, "555", small, sizeof small);
    assert_string_equal(small, "+15");
    ua_trunk_rewrite(NULL, 0, "12345", small, sizeof small);
    assert_string_equal(small, "123");
}

static void counts_calls(void **state) {
    struct world *w = *state;
    struct ua_trunk_state s;
    assert_int_equal(ua_trunk_take(&w->ua, 1), 0);
    assert_int_equal(ua_trunk_take(&w->ua, 1), 0);
    assert_int_equal(ua_trunk_state(&w->ua, 1, &s), 0);
    assert_int_equal(s.calls, 2);
    ua_trunks_reload(&w->ua);
    assert_int_equal(ua_trunk_state(&w->ua, 1, &s), 0);
    assert_int_equal(s.calls, 2);
    ua_trunk_release(&w->ua, 1);
    assert_int_equal(ua_trunk_take(&w->ua, 1), 0);
    assert_int_equal(ua_trunk_take(&w->ua, 3), -ENOENT);
    assert_int_equal(ua_trunk_take(&w->ua, 0), -ENOENT);
    assert_int_equal(ua_trunk_take(&w->ua, 5), -ENOENT);
    ua_trunk_release(&w->ua, 3);
    ua_trunk_release(&w->ua, 77);
    for (int i = 0; i < 5; i++)
        ua_trunk_release(&w->ua, 1);
    assert_int_equal(ua_trunk_state(&w->ua, 1, &s), 0);
    assert_int_equal(s.calls, 0);
    assert_int_equal(ua_trunk_state(&w->ua, 3, &s), -ENOENT);
}

static void up_without_probes(void **state) {
    struct world *w = *state;
    struct ua_trunk_state s;
    ua_trunks_start(&w->ua);
    assert_string_equal(w->told, "+1 +2 +4 ");
    assert_int_equal(ua_trunk_state(&w->ua, 1, &s), 0);
    assert_true(s.up && !s.probed && !s.registering && !s.registered);
    w->told[0] = 0;
    w->trunk[1].register_user = (char *)"u"; /* not registered yet */
    w->trunk[2].removed = false;             /* new */
    ua_trunks_reload(&w->ua);
    assert_string_equal(w->told, "-2 +3 ");
    assert_int_equal(ua_trunk_state(&w->ua, 2, &s), 0);
    assert_true(!s.up && s.registering && !s.registered);
    w->told[0] = 0;
    w->trunk[1].register_user = (char *)"";
    ua_trunks_reload(&w->ua);
    assert_string_equal(w->told, "+2 ");
}

static void backs_off(void **state) {
    static const uint32_t expected[] = {5000, 10000, 20000, 40000, 80000, 160000, 300000, 300000};
    for (uint32_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_int_equal(ua_trunk_backoff_ms(i + 1), expected[i]);
    assert_int_equal(ua_trunk_backoff_ms(4000000), 300000);
}

int main(void) {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(finds_the_trunk),      TEST(names_match_by_their_addresses),
        cmocka_unit_test(rewrites), TEST(counts_calls),
        TEST(up_without_probes),    cmocka_unit_test(backs_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
