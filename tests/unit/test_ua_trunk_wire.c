/* SPDX-License-Identifier: Apache-2.0
 * LIBS: sip conf loop base
 * Trunks on the wire: OPTIONS and up/down, our registrations with digest, refresh, failures, names. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "sip/ua_digest.h"
#include "sip/ua_trunk.h"
#include "ua_world.h"

static struct conf changed;
static struct conf_trunk carrier;
static struct conf_peer peer;

static void trunk_changed(void *ctx, uint32_t trunk, bool up) {
    note("trunk %u %s", trunk, up ? "up" : "down");
}

static int start(void **state) {
    if (world_start(state))
        return -1;
    world.ua->sink.trunk_changed = trunk_changed;
    changed = world.conf;
    carrier = world.trunk;
    peer = world.peer;
    carrier.peer = &peer;
    carrier.probe_interval_ms = 10000;
    carrier.register_domain = (char *)"carrier.test";
    changed.trunk = &carrier;
    return 0;
}
static void reload(void) {
    static struct conf conf[2];
    static struct conf_trunk trunk[2];
    static struct conf_peer peers[2];
    static int which;
    which = !which; /* the adapter compares with the one it has */
    conf[which] = changed;
    trunk[which] = carrier;
    peers[which] = peer;
    trunk[which].peer = &peers[which];
    conf[which].trunk = &trunk[which];
    assert_int_equal(ua_reload(world.ua, &conf[which]), 0);
}
static struct ua_trunk_state state_now(void) {
    struct ua_trunk_state s;
    assert_int_equal(world.port.trunk(world.port.ctx, 1, &s), 0);
    return s;
}

/* ---- OPTIONS ---- */

static uint32_t probed(uint32_t ms, const char *status) {
    uint32_t count = 0;
    for (uint32_t done = 0; done < ms; done += 500) {
        ua_clock_ahead_ms += 500;
        turn_loop(1);
        while (receive_once()) {
            if (is_repeated() || strncmp(world.last, "OPTIONS ", 8))
                continue;
            count++;
            if (status)
                respond(world.last, status, "t", NULL, NULL);
        }
    }
    return count;
}

static void probes_tell_up_and_down(void **state) {
    char first_line[64];
    carrier.probe = true;
    reload();
    assert_true(state_now().up && !state_now().probed);
    assert_in_range(probed(60000, "200 OK"), 6, 8);
    snprintf(first_line, sizeof first_line, "OPTIONS sip:127.0.0.1:%u SIP/2.0\r\n", world.peer_port);
    assert_has(world.last, first_line);
    assert_has(header("Contact"), "<sip:callfloor@127.0.0.1:");
    assert_true(state_now().probed);
    /* anything the other side says is a sign of life */
    probed(30000, "404 Not Found");
    probed(30000, "503 Service Unavailable");
    probed(30000, "408 Request Timeout");
    expect_no_event();
    /* silence: down within 30 s, then asked no more often than before */
    assert_in_range(probed(28000, NULL), 3, 5);
    expect_event("trunk 1 down");
    assert_has(state_now().last_error, "no answer to OPTIONS");
    assert_in_range(probed(60000, NULL), 3, 7);
    expect_no_event();
    probed(15000, "486 Busy Here"); /* the first answer brings it back */
    expect_event("trunk 1 up");
    /* two lost of three are forgiven */
    for (int i = 0; i < 6; i++) {
        uint32_t seen = 0;
        while (!seen)
            seen = probed(250, i % 3 == 2 ? "200 OK" : NULL);
    }
    expect_no_event();
    carrier.probe = false; /* nobody asks any more: it counts as up */
    probed(28000, NULL);
    expect_event("trunk 1 down");
    reload();
    expect_event("trunk 1 up");
    drain();
    assert_int_equal(probed(60000, NULL), 0);
}

static void closed_port_is_down_soon(void **state) {
    carrier.probe = true;
    peer.port = 9;
    reload();
    probed(5000, NULL);
    expect_event("trunk 1 down");
    assert_has(state_now().last_error, "cannot be reached");
}

/* A name nobody can resolve: down, tried again, and nothing else suffers. */
static void name_without_address(void **state) {
    carrier.probe = true;
    peer.address = (char *)"no-such-name.invalid";
    reload();
    for (int i = 0; i < 100 && !world.events[0]; i++)
        probed(1000, NULL);
    expect_event("trunk 1 down");
    struct dialog d;
    peer.address = (char *)"localhost"; /* from /etc/hosts */
    reload();
    expect_event("trunk 1 up");
    assert_in_range(probed(20000, "200 OK"), 1, 4);
    assert_true(state_now().up && state_now().probed);
    call_in(&d, NULL, sdp_plain); /* and calls from its address are its calls */
    world.port.end(world.port.ctx, world.next_leg, UA_END_NORMAL, NULL);
    expect_skipping("SIP/2.0 480", "OPTIONS");
    expect_event("ended ");
}

/* ---- registration ---- */

static void want_registration(uint32_t expires_s) {
    carrier.register_user = (char *)"4822";
    carrier.register_password = (char *)"pw";
    carrier.register_expires_s = expires_s;
    reload();
}
static void expect_register(const char *expires) {
    expect("REGISTER sip:carrier.test SIP/2.0\r\n");
    assert_string_equal(header("Expires"), expires);
    assert_has(header("From"), "<sip:4822@carrier.test>;tag=");
    assert_string_equal(header("To"), "<sip:4822@carrier.test>");
    assert_has(header("Contact"), "<sip:4822@127.0.0.1:");
}
/* Are these the right credentials? Checked with the value of `name`. */
static void assert_credentials(const char *name, const char *password, enum ua_digest_algorithm algorithm) {
    char copy[1024], *list[20], *save = NULL, response[UA_DIGEST_HEX];
    struct ua_digest_params p;
    size_t n = 0;
    assert_has(header(name), "Digest ");
    snprintf(copy, sizeof copy, "%s", header(name) + 7);
    for (char *word = strtok_r(copy, ",", &save); word && n < 19; word = strtok_r(NULL, ",", &save))
        list[n++] = word + strspn(word, " ");
    list[n] = NULL;
    assert_int_equal(ua_digest_parse((const char *const *)list, &p), 0);
    struct ua_digest_secret secret = {"4822", p.realm, password, ""};
    assert_int_equal(p.algorithm, algorithm);
    assert_int_equal(ua_digest_response(&p, &secret, "REGISTER", response), 0);
    assert_string_equal(p.response, response);
}
static void accept_for(const char *expires) {
    char extra[256];
    snprintf(extra, sizeof extra, "Contact: <sip:old@127.0.0.1>;expires=7, %s;expires=%s\r\n",
             header("Contact"), expires);
    respond(world.last, "200 OK", "t", extra, NULL);
    turn_loop(5);
}
static unsigned cseq(void) {
    return (unsigned)atoi(header("CSeq"));
}
/* Time goes on until the next REGISTER comes; how long it took, or UINT32_MAX. */
static uint32_t until_register(uint32_t most_ms) {
    uint32_t step_ms = most_ms / 200;
    for (uint32_t done = 0; done < most_ms; done += step_ms) {
        while (receive_once())
            if (!is_repeated() && !strncmp(world.last, "REGISTER", 8))
                return done;
        ua_clock_ahead_ms += step_ms;
        turn_loop(1);
    }
    return UINT32_MAX;
}

static void registers_refreshes_and_leaves(void **state) {
    want_registration(600);
    expect_event("trunk 1 down"); /* until it is registered */
    expect_register("600");
    assert_string_equal(header("Authorization"), "");
    char call_id[80];
    snprintf(call_id, sizeof call_id, "%s", header("Call-ID"));
    unsigned first = cseq();
    respond(
        world.last, "401 Unauthorized", "t",
        "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n"
        "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"\r\n"
        "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", algorithm=SHA-512-256, qop=\"auth\"\r\n",
        NULL);
    expect_register("600");
    assert_credentials("Authorization", "pw", UA_DIGEST_SHA256); /* the best we know */
    assert_string_equal(header("Call-ID"), call_id);
    assert_int_equal(cseq(), first + 1);
    assert_true(state_now().registering && !state_now().registered && !state_now().up);
    accept_for("100"); /* less than we wanted */
    expect_event("trunk 1 up");
    assert_true(state_now().registered);

    assert_in_range(until_register(200000), 75000, 85000);       /* before the 100 s are over */
    assert_credentials("Authorization", "pw", UA_DIGEST_SHA256); /* the same nonce, at once */
    assert_has(header("Authorization"), "nc=00000002");
    assert_string_equal(header("Call-ID"), call_id);
    respond(world.last, "401 Unauthorized", "t",
            "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n2\", stale=true, qop=\"auth\"\r\n", NULL);
    expect_register("600");
    assert_credentials("Authorization", "pw", UA_DIGEST_MD5);
    assert_has(header("Authorization"), "nonce=\"n2\"");
    accept_for("600");
    expect_no_event();

    carrier.name = (char *)"renamed"; /* a reload that changes nothing of it does not register again */
    reload();
    expect_silence();

    carrier.register_user = (char *)""; /* switched off: signs off with what it was */
    reload();
    expect_register("0");
    assert_credentials("Authorization", "pw", UA_DIGEST_MD5);
    respond(world.last, "200 OK", "t", NULL, NULL);
    expect_no_event(); /* not registering, not probed: up */
    assert_false(state_now().registering);
}

static void proxy_asks_and_end_unregisters(void **state) {
    want_registration(300);
    expect_register("300");
    respond(world.last, "407 Proxy Authentication Required", "t",
            "Proxy-Authenticate: Digest realm=\"p\", nonce=\"x\"\r\n", NULL);
    expect_register("300");
    assert_string_equal(header("Authorization"), "");
    assert_credentials("Proxy-Authorization", "pw", UA_DIGEST_MD5);
    assert_false(strstr(header("Proxy-Authorization"), "qop") != NULL); /* as it was not offered */
    accept_for("300");
    assert_true(state_now().registered);
    ua_destroy(world.ua); /* the daemon ends */
    world.ua = NULL;
    ssize_t n = recv(world.fd, world.last, sizeof world.last - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    world.last[n] = 0;
    assert_has(world.last, "REGISTER sip:carrier.test SIP/2.0");
    assert_string_equal(header("Expires"), "0");
}

static void wrong_password_is_not_tried_for_ever(void **state) {
    static const char challenge[] = "WWW-Authenticate: Digest realm=\"c\", nonce=\"n\", qop=\"auth\"\r\n";
    static const uint32_t waits[] = {5000, 10000, 20000, 40000};
    want_registration(300);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        if (i)
            assert_in_range(until_register(100000), waits[i - 1] * 7 / 10, waits[i - 1] * 13 / 10 + 1000);
        else
            expect_register("300");
        respond(world.last, "401 Unauthorized", "t", challenge, NULL);
        expect_register("300");
        respond(world.last, "401 Unauthorized", "t", challenge, NULL);
        expect_silence();
        assert_has(state_now().last_error, "wrong user or password");
    }
    assert_int_equal(counters().requests_out, 2 * ARRAY_LEN(waits));
}

/* A registrar that finds every nonce stale does not get us into a loop. */
static void always_stale(void **state) {
    want_registration(300);
    expect_register("300");
    for (int i = 0; i < 3; i++) {
        char extra[160];
        snprintf(extra, sizeof extra, "WWW-Authenticate: Digest realm=\"c\", nonce=\"n%d\", stale=true\r\n",
                 i);
        respond(world.last, "401 Unauthorized", "t", extra, NULL);
        expect_register("300");
    }
    respond(world.last, "401 Unauthorized", "t",
            "WWW-Authenticate: Digest realm=\"c\", nonce=\"z\", stale=true\r\n", NULL);
    expect_silence();
}

static void answers_of_all_kinds(void **state) {
    static const struct {
        const char *status, *extra, *error;
    } vectors[] = {
        {"403 Forbidden", "", "403 Forbidden"},
        {"500 Oops", "", "500 Oops"},
        {"302 Moved", "Contact: <sip:elsewhere@192.0.2.9>\r\n", "302 Moved"},
        {"401 Unauthorized", "", "no digest challenge"},
        {"401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", "no digest challenge"},
        {"401 Unauthorized", "WWW-Authenticate: Digest realm=\"x\", nonce=\"n\", qop=\"auth-int\"\r\n",
         "no digest challenge"},
        {"407 Proxy", "WWW-Authenticate: Digest realm=\"x\", nonce=\"n\"\r\n", "no digest challenge"},
        {"423 Too Brief", "", "423"},
        {"423 Too Brief", "Min-Expires: 10\r\n", "423"},
        {"423 Too Brief", "Min-Expires: 4000000000\r\n", "423"},
        {"200 OK", "Expires: 0\r\n", "not kept"},
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        carrier.register_user = (char *)"";
        reload();
        drain();
        want_registration(300);
        expect_register("300");
        respond(world.last, vectors[i].status, "t", vectors[i].extra, NULL);
        expect_silence();
        assert_has(state_now().last_error, vectors[i].error);
        assert_false(state_now().registered);
    }
}

static void too_brief_asks_for_more(void **state) {
    want_registration(60);
    expect_register("60");
    respond(world.last, "423 Interval Too Brief", "t", "Min-Expires: 1800\r\n", NULL);
    expect_register("1800");
    respond(world.last, "200 OK", "t", "Expires: 1800\r\n", NULL); /* no Contact echoed: the header counts */
    turn_loop(5);
    assert_true(state_now().registered);
    assert_in_range(until_register(1700000), 1400000, 1480000);
}

/* While nobody answers, the registration holds until its time is over, then the trunk is down. */
static void registrar_falls_silent(void **state) {
    want_registration(300);
    expect_register("300");
    accept_for("300");
    expect_event("trunk 1 down");
    expect_event("trunk 1 up");
    assert_in_range(until_register(300000), 230000, 250000);
    for (uint32_t s = 0; s < 55 && !world.events[0]; s++)
        advance(1000);
    expect_no_event(); /* still within the 300 s */
    advance(20000);
    expect_event("trunk 1 down");
    assert_has(state_now().last_error, "no answer");
    drain(); /* what was sent to deaf ears */
    assert_int_not_equal(until_register(400000), UINT32_MAX);
    accept_for("300");
    expect_event("trunk 1 up");
}

static int stop(void **state) {
    if (world.ua)
        return world_stop(state);
    event_free(world.wake);
    loop_destroy(world.loop);
    close(world.fd);
    return 0;
}

int main(void) {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(probes_tell_up_and_down),
        TEST(closed_port_is_down_soon),
        TEST(name_without_address),
        TEST(registers_refreshes_and_leaves),
        TEST(proxy_asks_and_end_unregisters),
        TEST(wrong_password_is_not_tried_for_ever),
        TEST(always_stale),
        TEST(answers_of_all_kinds),
        TEST(too_brief_asks_for_more),
        TEST(registrar_falls_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
