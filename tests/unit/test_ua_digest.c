/* LIBS: sip base */
/* SPDX-License-Identifier: Apache-2.0
 * Digest: the examples of the RFCs, nonces in virtual time, replay, bans, client against server. */
#include "sip/ua_digest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Splits a "Digest a=1, b="2"" value the way Sofia does; good enough for values without commas inside. */
static int parse(const char *value, struct ua_digest_params *out) {
    char copy[1024], *save = NULL;
    const char *list[40];
    size_t n = 0;
    assert_int_equal(str_copy(copy, sizeof copy, value + strlen("Digest ")), 0);
    for (char *p = strtok_r(copy, ",", &save); p && n < 39; p = strtok_r(NULL, ",", &save))
        list[n++] = p + strspn(p, " ");
    list[n] = NULL;
    return ua_digest_parse(list, out);
}

static struct ua_address address(const char *text) {
    struct ua_address a;
    assert_int_equal(ua_address_parse(text, &a, NULL), 0);
    return a;
}

/* ---- hashes ---- */

static void examples_of_the_rfcs(void **state) {
    static const struct {
        const char *value, *username, *realm, *password, *ha1, *response;
    } vectors[] = {
        /* RFC 2617 3.5 */
        {"Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
         "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
         "uri=\"/dir/index.html\", qop=auth, nc=00000001, cnonce=\"0a4f113b\", "
         "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
         "Mufasa", "testrealm@host.com", "Circle Of Life", "", "6629fae49393a05397450978507c4ef1"},
        {"Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
         "uri=\"/dir/index.html\", "
         "qop=\"auth\", nc=00000001, cnonce=\"0a4f113b\", algorithm=md5",
         "Mufasa", "testrealm@host.com", "", "939E7578ED9E3C518A452ACEE763BCE9",
         "6629fae49393a05397450978507c4ef1"},
        /* RFC 7616 3.9.1 */
        {"Digest realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm=MD5, "
         "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, "
         "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth",
         "Mufasa", "http-auth@example.org", "Circle of Life", "", "8ca523f5e9506fed4657c9700eebdbec"},
        {"Digest realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm=SHA-256, "
         "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, "
         "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth",
         "Mufasa", "http-auth@example.org", "Circle of Life", "",
         "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct ua_digest_params p;
        struct ua_digest_secret secret = {vectors[i].username, vectors[i].realm, vectors[i].password,
                                          vectors[i].ha1};
        char response[UA_DIGEST_HEX];
        assert_int_equal(parse(vectors[i].value, &p), 0);
        assert_int_equal(ua_digest_response(&p, &secret, "GET", response), 0);
        assert_string_equal(response, vectors[i].response);
        assert_int_equal(ua_digest_response(&p, &secret, "POST", response), 0);
        assert_string_not_equal(response, vectors[i].response);
    }
}

static void ha1_is_md5_only(void **state) {
    struct ua_digest_params p;
    char response[UA_DIGEST_HEX];
    struct ua_digest_secret secret = {"a", "r", "", "939e7578ed9e3c518a452acee763bce9"};
    assert_int_equal(parse("Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256", &p), 0);
    assert_int_equal(ua_digest_response(&p, &secret, "REGISTER", response), -ENOKEY);
    secret.ha1 = "939e";
    p.algorithm = UA_DIGEST_MD5;
    assert_int_equal(ua_digest_response(&p, &secret, "REGISTER", response), -ENOKEY);
    secret.ha1 = "";
    assert_int_equal(ua_digest_response(&p, &secret, "REGISTER", response), -ENOKEY);
}

/* ---- parameters ---- */

static void parses_strictly(void **state) {
    struct ua_digest_params p;
    static const char *const quoted[] = {
        "username=\"a\\\"b\\\\c\"", "realm=\"\\r\"", "nonce=bare", "STALE=TRUE",
        "qop=\"auth-int,auth\"",    "unknown=\"x\"", NULL};
    assert_int_equal(ua_digest_parse(quoted, &p), 0);
    assert_string_equal(p.username, "a\"b\\c");
    assert_string_equal(p.realm, "r");
    assert_string_equal(p.nonce, "bare");
    assert_true(p.stale && p.qop && p.qop_else);
    assert_int_equal(p.algorithm, UA_DIGEST_MD5);

    char longer[400] = "nonce=\"";
    memset(longer + 7, 'n', 300);
    strcpy(longer + 307, "\"");
    const char *const bad[][4] = {
        {"realm=\"r\"", NULL},                               /* no nonce */
        {"nonce=\"n\"", NULL},                               /* no realm */
        {"realm=\"r\"", "nonce=\"n", NULL},                  /* open quote */
        {"realm=\"r\"", "nonce=\"n\"x", NULL},               /* behind the quote */
        {"realm=\"r\"", "nonce=\"n\"", "nonce=\"m\"", NULL}, /* twice */
        {"realm=\"r\"", "nonce=\"n\"", "nothing", NULL},     /* no value */
        {"realm=\"r\"", "nonce=\"n\"", "=x", NULL},
        {"realm=\"r\"", "nonce=\"n\x01\"", NULL},
        {"realm=\"r\"", longer, NULL},
        {"realm=\"r\"", "nonce=\"n\\", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (ua_digest_parse(bad[i], &p) != -EINVAL)
            fail_msg("bad[%zu] was taken", i);
    const char *const other[] = {"realm=\"r\"", "nonce=\"n\"", "algorithm=SHA-512-256", NULL};
    assert_int_equal(ua_digest_parse(other, &p), -ENOTSUP);
    assert_int_equal(ua_digest_parse(NULL, &p), -EINVAL);
    const char *many[40];
    for (int i = 0; i < 39; i++)
        many[i] = "x=y";
    many[39] = NULL;
    assert_int_equal(ua_digest_parse(many, &p), -EINVAL);
}

/* ---- server ---- */

enum { T0 = 5000000 };
static const struct ua_digest_secret ana = {"1001", "floor", "s3cret", ""};

struct world {
    struct ua_digest *server;
    struct ua_address home;
    struct ua_digest_client client;
};

static int set_up(void **state) {
    struct world *w = calloc(1, sizeof *w);
    assert_int_equal(ua_digest_create(&w->server), 0);
    w->home = address("192.0.2.10");
    *state = w;
    return 0;
}
static int tear_down(void **state) {
    struct world *w = *state;
    ua_digest_destroy(w->server);
    free(w);
    return 0;
}

/* The client learns a new challenge (0 = SHA-256, 1 = MD5). */
static void challenge(struct world *w, int which, uint64_t now_ms) {
    char values[2][UA_DIGEST_CHALLENGE_LEN];
    assert_int_equal(ua_digest_challenge(w->server, "floor", &w->home, true, false, now_ms, values), 2);
    memset(&w->client, 0, sizeof w->client);
    assert_int_equal(parse(values[which], &w->client.challenge), 0);
    w->client.known = true;
}
static struct ua_digest_params answer(struct world *w, const char *password, const char *method) {
    char value[1024];
    struct ua_digest_params p;
    assert_true(ua_digest_authorize(&w->client, "1001", password, method, "sip:floor", value, sizeof value) >
                0);
    assert_int_equal(parse(value, &p), 0);
    return p;
}
static enum ua_digest_verdict verify(struct world *w, const struct ua_digest_params *p, uint64_t now_ms) {
    return ua_digest_verify(w->server, p, &ana, "REGISTER", &w->home, now_ms);
}

static void challenges(void **state) {
    struct world *w = *state;
    char values[2][UA_DIGEST_CHALLENGE_LEN];
    assert_int_equal(ua_digest_challenge(w->server, "floor", &w->home, true, true, T0, values), 2);
    assert_non_null(strstr(values[0], "algorithm=SHA-256, qop=\"auth\", stale=true"));
    assert_non_null(strstr(values[1], "algorithm=MD5, qop=\"auth\", stale=true"));
    assert_int_equal(ua_digest_challenge(w->server, "floor", &w->home, false, false, T0, values), 1);
    assert_non_null(strstr(values[0], "algorithm=MD5, qop=\"auth\""));
    assert_null(strstr(values[0], "stale"));
}

static void right_and_wrong(void **state) {
    struct world *w = *state;
    for (int which = 0; which < 2; which++) {
        challenge(w, which, T0);
        struct ua_digest_params p = answer(w, "s3cret", "REGISTER"), q;
        assert_int_equal(p.algorithm, which ? UA_DIGEST_MD5 : UA_DIGEST_SHA256);
        assert_int_equal(verify(w, &p, T0), UA_DIGEST_PROVEN);
        assert_int_equal(verify(w, &p, T0), UA_DIGEST_STALE); /* replayed */
        p = answer(w, "s3cret", "REGISTER");                  /* the same nonce, next count */
        for (char *c = p.response; *c; c++)                   /* in capitals */
            *c = *c >= 'a' && *c <= 'f' ? (char)(*c - 'a' + 'A') : *c;
        assert_int_equal(verify(w, &p, T0 + UA_DIGEST_NONCE_MS - 1), UA_DIGEST_PROVEN);
        p = answer(w, "s3cret", "REGISTER");
        assert_int_equal(verify(w, &p, T0 + UA_DIGEST_NONCE_MS), UA_DIGEST_STALE);
        assert_int_equal(verify(w, &p, T0 - 1), UA_DIGEST_STALE); /* from the future */

        p = answer(w, "S3cret", "REGISTER");
        assert_int_equal(verify(w, &p, T0), UA_DIGEST_WRONG);
        p = answer(w, "s3cret", "INVITE");
        assert_int_equal(verify(w, &p, T0), UA_DIGEST_WRONG);
        p = answer(w, "s3cret", "REGISTER");
        assert_int_equal(ua_digest_verify(w->server, &p, NULL, "REGISTER", &w->home, T0), UA_DIGEST_WRONG);
        q = p;
        strcpy(q.username, "1002");
        assert_int_equal(verify(w, &q, T0), UA_DIGEST_WRONG);
        q = p;
        strcpy(q.realm, "elsewhere");
        assert_int_equal(verify(w, &q, T0), UA_DIGEST_WRONG);
        q = p;
        q.response[0] = 0;
        assert_int_equal(verify(w, &q, T0), UA_DIGEST_WRONG);
        q = p;
        strcpy(q.nc, "1");
        assert_int_equal(verify(w, &q, T0), UA_DIGEST_WRONG);
        q = p;
        q.qop = false, q.qop_else = true;
        assert_int_equal(verify(w, &q, T0), UA_DIGEST_WRONG);
        q = p;
        q.nonce[3] = q.nonce[3] == '0' ? '1' : '0';
        assert_int_equal(verify(w, &q, T0), UA_DIGEST_STALE);
        q = p;
        q.nonce[40] = q.nonce[40] == '0' ? '1' : '0';
        assert_int_equal(verify(w, &q, T0), UA_DIGEST_STALE);
        strcpy(q.nonce, "x");
        assert_int_equal(verify(w, &q, T0), UA_DIGEST_STALE);
        struct ua_address other = address("192.0.2.11"); /* stolen */
        assert_int_equal(ua_digest_verify(w->server, &p, &ana, "REGISTER", &other, T0), UA_DIGEST_STALE);
        assert_int_equal(verify(w, &p, T0), UA_DIGEST_PROVEN); /* after all that */
    }
}

static void without_qop_once(void **state) {
    struct world *w = *state;
    challenge(w, 1, T0);
    w->client.challenge.qop = false; /* as an RFC 2069 client does */
    struct ua_digest_params p = answer(w, "s3cret", "REGISTER");
    assert_int_equal(verify(w, &p, T0), UA_DIGEST_PROVEN);
    p = answer(w, "s3cret", "REGISTER");
    assert_int_equal(verify(w, &p, T0), UA_DIGEST_STALE);
}

static void counts_in_any_order(void **state) {
    struct world *w = *state;
    static const uint32_t count[] = {5, 3, 4, 3, 70, 6, 7, 69, 69, 200, 70, 0};
    static const int proven[] = {1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 0};
    challenge(w, 1, T0);
    for (size_t i = 0; i < ARRAY_LEN(count); i++) {
        w->client.count = count[i] - 1;
        struct ua_digest_params p = answer(w, "s3cret", "REGISTER");
        enum ua_digest_verdict verdict = verify(w, &p, T0);
        if ((verdict == UA_DIGEST_PROVEN) != proven[i])
            fail_msg("count %u (step %zu): verdict %d", count[i], i, verdict);
    }
}

/* The table forgets the older of two nonces in one slot: it is stale then, never usable twice. */
static void forgotten_nonces_are_stale(void **state) {
    struct world *w = *state;
    char values[2][UA_DIGEST_CHALLENGE_LEN];
    challenge(w, 1, T0);
    struct ua_digest_client old = w->client;
    struct ua_digest_params p = answer(w, "s3cret", "REGISTER");
    assert_int_equal(verify(w, &p, T0), UA_DIGEST_PROVEN);
    for (int i = 0; i < 16383; i++)
        ua_digest_challenge(w->server, "floor", &w->home, true, false, T0, values);
    challenge(w, 1, T0);
    struct ua_digest_params fresh = answer(w, "s3cret", "REGISTER");
    assert_int_equal(verify(w, &fresh, T0), UA_DIGEST_PROVEN);
    w->client = old;
    w->client.count = 7; /* a count never seen, but of a nonce that is forgotten */
    struct ua_digest_params again = answer(w, "s3cret", "REGISTER");
    assert_int_equal(verify(w, &again, T0), UA_DIGEST_STALE);
    assert_int_equal(verify(w, &p, T0), UA_DIGEST_STALE);
}

static void bans(void **state) {
    struct world *w = *state;
    struct ua_address neighbour = address("192.0.2.12");
    uint64_t now = T0;
    for (int i = 0; i < UA_DIGEST_FAILURES; i++) {
        assert_false(ua_digest_is_banned(w->server, &w->home, now));
        challenge(w, i & 1, now);
        struct ua_digest_params p = answer(w, "guess", "REGISTER");
        assert_int_equal(verify(w, &p, now), UA_DIGEST_WRONG);
    }
    assert_true(ua_digest_is_banned(w->server, &w->home, now));
    assert_false(ua_digest_is_banned(w->server, &neighbour, now));
    assert_true(ua_digest_is_banned(w->server, &w->home, now + UA_DIGEST_BAN_MS - 1));
    now += UA_DIGEST_BAN_MS;
    assert_false(ua_digest_is_banned(w->server, &w->home, now));

    /* slowly is allowed: a phone with an old password does no harm to its office */
    for (int i = 0; i < 200; i++, now += UA_DIGEST_FAILURE_MS / (UA_DIGEST_FAILURES - 2)) {
        challenge(w, 0, now);
        struct ua_digest_params p = answer(w, "guess", "REGISTER");
        assert_int_equal(verify(w, &p, now), UA_DIGEST_WRONG);
        assert_false(ua_digest_is_banned(w->server, &w->home, now));
    }
    /* forged: without our nonce nothing is counted */
    for (int i = 0; i < 100; i++) {
        struct ua_digest_params p = answer(w, "guess", "REGISTER");
        assert_int_equal(ua_digest_verify(w->server, &p, &ana, "REGISTER", &neighbour, now), UA_DIGEST_STALE);
    }
    assert_false(ua_digest_is_banned(w->server, &neighbour, now));
}

static void bans_cover_a_v6_network_and_stay_under_a_flood(void **state) {
    struct world *w = *state;
    char text[64];
    for (int i = 0; i < UA_DIGEST_FAILURES; i++) { /* hops within its /64 */
        snprintf(text, sizeof text, "2001:db8:1:2::%x", i + 1);
        w->home = address(text);
        challenge(w, 0, T0);
        struct ua_digest_params p = answer(w, "guess", "REGISTER");
        assert_int_equal(verify(w, &p, T0), UA_DIGEST_WRONG);
    }
    struct ua_address same = address("2001:db8:1:2:ffff::1"), other = address("2001:db8:1:3::1");
    assert_true(ua_digest_is_banned(w->server, &same, T0));
    assert_false(ua_digest_is_banned(w->server, &other, T0));
    for (int i = 0; i < 5000; i++) { /* more addresses than the table holds */
        snprintf(text, sizeof text, "10.1.%d.%d", i >> 8, i & 255);
        w->home = address(text);
        challenge(w, 1, T0 + 1);
        struct ua_digest_params p = answer(w, "guess", "REGISTER");
        assert_int_equal(verify(w, &p, T0 + 1), UA_DIGEST_WRONG);
    }
    assert_true(ua_digest_is_banned(w->server, &same, T0 + 2));
}

/* ---- client ---- */

static void client_answers(void **state) {
    struct ua_digest_client c = {0};
    char value[1024], small[64];
    struct ua_digest_params p;
    assert_int_equal(ua_digest_authorize(&c, "u", "p", "REGISTER", "sip:x", value, sizeof value), -ENOTSUP);
    assert_int_equal(
        parse("Digest realm=\"a\\\"b\", nonce=\"n\", opaque=\"o\", qop=\"auth-int\"", &c.challenge), 0);
    c.known = true;
    assert_int_equal(ua_digest_authorize(&c, "u", "p", "REGISTER", "sip:x", value, sizeof value), -ENOTSUP);
    assert_int_equal(parse("Digest realm=\"a\\\"b\", nonce=\"n\", opaque=\"o\", qop=\"auth\"", &c.challenge),
                     0);
    assert_int_equal(ua_digest_authorize(&c, "u\"v", "p", "REGISTER", "sip:x", small, sizeof small), -ENOSPC);
    assert_int_equal(ua_digest_authorize(&c, "u\"v", "", "REGISTER", "sip:x", value, sizeof value), -ENOKEY);
    int n = ua_digest_authorize(&c, "u\"v", "p", "REGISTER", "sip:x", value, sizeof value);
    assert_int_equal(n, strlen(value));
    assert_int_equal(parse(value, &p), 0);
    assert_string_equal(p.username, "u\"v");
    assert_string_equal(p.realm, "a\"b");
    assert_string_equal(p.opaque, "o");
    assert_string_equal(p.nc, "00000003");
    assert_string_equal(p.uri, "sip:x");
}

static void addresses(void **state) {
    struct ua_address a = address("192.0.2.1"), b = address("::ffff:192.0.2.1"), c = address("[2001:db8::1]");
    char text[ADDRESS_LEN];
    unsigned bits;
    assert_true(ua_address_same(&a, &b));
    assert_false(ua_address_same(&a, &c));
    struct ua_address net = address("192.0.2.0");
    assert_true(ua_address_within(&a, &net, 96 + 24));
    assert_true(ua_address_within(&a, &net, 96 + 31));
    assert_false(ua_address_within(&a, &net, 128));
    assert_true(ua_address_within(&a, &c, 0));
    assert_false(ua_address_within(&c, &net, 96));
    ua_address_host(&b, text, sizeof text);
    assert_string_equal(text, "192.0.2.1");
    ua_address_host(&c, text, sizeof text);
    assert_string_equal(text, "[2001:db8::1]");
    assert_int_equal(ua_address_parse("10.0.0.1", &a, &bits), 0);
    assert_int_equal(bits, 32);
    assert_int_equal(ua_address_parse("::1", &a, &bits), 0);
    assert_int_equal(bits, 128);
    assert_int_equal(ua_address_parse("10.0.0", &a, &bits), -EINVAL);
    assert_int_equal(ua_address_parse("", &a, &bits), -EINVAL);
    assert_int_equal(ua_address_parse("[]", &a, &bits), -EINVAL);
    assert_int_equal(ua_address_parse("carrier.example", &a, &bits), -EINVAL);
}

int main(void) {
#define WITH_SERVER(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_rfcs),
        cmocka_unit_test(ha1_is_md5_only),
        cmocka_unit_test(parses_strictly),
        WITH_SERVER(challenges),
        WITH_SERVER(right_and_wrong),
        WITH_SERVER(without_qop_once),
        WITH_SERVER(counts_in_any_order),
        WITH_SERVER(forgotten_nonces_are_stale),
        WITH_SERVER(bans),
        WITH_SERVER(bans_cover_a_v6_network_and_stay_under_a_flood),
        cmocka_unit_test(client_answers),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
