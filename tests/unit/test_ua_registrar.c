/* SPDX-License-Identifier: Apache-2.0
 * LIBS: sip conf loop base
 * Phones of agents on the wire: REGISTER with digest, contacts good and bad, NAT, probes, saved tables. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "sip/ua_bindings.h"
#include "sip/ua_digest.h"
#include "ua_world.h"

static struct conf_agent agents[4];
static struct conf_peer elsewhere = {(char *)"192.0.2.1", 32, 5060};
static struct conf changed;
static char fixed_uri[64];

static void agent(uint32_t n, const char *id, const char *password, const char *ha1, const char *contact) {
    agents[n] = (struct conf_agent){.id = (char *)id,
                                    .name = (char *)id,
                                    .password = (char *)password,
                                    .ha1 = (char *)ha1,
                                    .contact = (char *)contact};
}

static void agent_reachable(void *ctx, uint32_t number, bool reachable) {
    note("agent %u %s", number, reachable ? "reachable" : "unreachable");
}

static int start(void **state) {
    if (world_start(state))
        return -1;
    agent(0, "1001", "secret", "", "");
    agent(1, "1002", "", "6f8f5bcbbd1c8c5f9d0e0f6d1a1f3b8e", ""); /* nobody knows the password of this one */
    agent(2, "1003", "", "", "");                                 /* no way to prove it */
    agent(3, "1004", "", "", "");
    world.ua->sink.agent_reachable = agent_reachable;
    world.trunk.peer = &elsewhere; /* so that the other side of this test is a stranger */
    changed = world.conf;
    changed.agent = agents;
    changed.agent_count = ARRAY_LEN(agents);
    return ua_reload(world.ua, &changed);
}

/* Nothing of interest happens meanwhile. */
static void jump(uint32_t ms) {
    ua_clock_ahead_ms += ms;
    turn_loop(2);
    drain();
}

/* ---- the phone ---- */

struct phone {
    char user[32], password[32], from[96], call_id[64];
    unsigned cseq;
    struct ua_digest_client digest;
};

static void phone_new(struct phone *p, const char *user, const char *password) {
    memset(p, 0, sizeof *p);
    snprintf(p->user, sizeof p->user, "%s", user);
    snprintf(p->password, sizeof p->password, "%s", password);
    snprintf(p->from, sizeof p->from, "<sip:%s@test>;tag=%u", user, unique());
    snprintf(p->call_id, sizeof p->call_id, "phone%u@test", unique());
    p->cseq = 100;
}

/* Sends one request; extra: header lines. With credentials once a challenge is known. */
static void phone_send(struct phone *p, const char *method, const char *extra) {
    char text[MESSAGE], credentials[1024] = "", target[64];
    snprintf(target, sizeof target, "sip:%s", strcmp(method, "INVITE") ? "test" : "3000@test");
    if (p->digest.known) {
        char value[900];
        assert_true(
            ua_digest_authorize(&p->digest, p->user, p->password, method, target, value, sizeof value) > 0);
        snprintf(credentials, sizeof credentials, "Authorization: %s\r\n", value);
    }
    snprintf(
        text, sizeof text,
        "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%u\r\nFrom: %s\r\nTo: <sip:%s@test>\r\n"
        "Call-ID: %s\r\nCSeq: %u %s\r\nUser-Agent: desk/1\r\n%s%sContent-Length: 0\r\n\r\n",
        method, target, world.peer_port, unique(), p->from, p->user, p->call_id, ++p->cseq, method,
        credentials, extra);
    send_text(text);
}

/* From the 401 in world.last. */
static void phone_learn(struct phone *p) {
    static char copy[1024];
    char *list[16], *save = NULL;
    size_t n = 0;
    const char *value = header("WWW-Authenticate");
    assert_has(value, "Digest ");
    snprintf(copy, sizeof copy, "%s", value + 7);
    for (char *word = strtok_r(copy, ",", &save); word && n < 15; word = strtok_r(NULL, ",", &save))
        list[n++] = word + strspn(word, " ");
    list[n] = NULL;
    p->digest = (struct ua_digest_client){.known = true};
    assert_int_equal(ua_digest_parse((const char *const *)list, &p->digest.challenge), 0);
}

/* REGISTER until there is an answer other than a challenge; its first line must begin so. */
static void phone_register(struct phone *p, const char *extra, const char *expected) {
    for (int i = 0; i < 3; i++) {
        phone_send(p, "REGISTER", extra);
        expect("SIP/2.0 ");
        if (strncmp(world.last, "SIP/2.0 401", 11))
            break;
        phone_learn(p);
    }
    if (strncmp(world.last, expected, strlen(expected)))
        fail_msg("%s\nexpected: %s\ngot: %s", extra, expected, world.last);
}

static const char *contact(const char *parameters) {
    static char line[4][256];
    static int which;
    char *out = line[which = (which + 1) % 4];
    snprintf(out, 256, "Contact: <sip:x@127.0.0.1:%u>%s\r\n", world.peer_port, parameters);
    return out;
}

static uint32_t bindings(uint32_t number, struct ua_binding *out) {
    return world.port.bindings(world.port.ctx, number, out, 8);
}

/* ---- REGISTER ---- */

static void registers_with_digest(void **state) {
    struct phone p;
    struct ua_binding b[8];
    char expected[64];
    phone_new(&p, "1001", "secret");
    phone_send(&p, "REGISTER", contact(""));
    expect("SIP/2.0 401");
    assert_has(header("WWW-Authenticate"), "realm=\"test\"");
    assert_has(header("WWW-Authenticate"), "algorithm=MD5");
    expect_no_event();
    phone_learn(&p);
    phone_send(&p, "REGISTER", contact(""));
    expect("SIP/2.0 200");
    expect_event("agent 1 reachable");
    snprintf(expected, sizeof expected, "<sip:x@127.0.0.1:%u>;expires=3600", world.peer_port);
    assert_string_equal(header("Contact"), expected);
    assert_int_equal(bindings(1, b), 1);
    assert_string_equal(b[0].agent_name, "desk/1");
    snprintf(expected, sizeof expected, "127.0.0.1:%u", world.peer_port);
    assert_string_equal(b[0].source, expected);
    assert_true(b[0].reachable && !b[0].fixed);
    assert_int_equal(counters().registrations, 1);
    phone_register(&p, contact(";expires=0"), "SIP/2.0 200");
    assert_string_equal(header("Contact"), "");
    expect_event("agent 1 unreachable");
    assert_int_equal(bindings(1, b), 0);
    assert_int_equal(counters().registrations, 0);
}

static void takes_sha256_when_it_knows_the_password(void **state) {
    struct phone p;
    phone_new(&p, "1001", "secret");
    phone_send(&p, "REGISTER", contact(""));
    expect("SIP/2.0 401");
    phone_learn(&p);
    p.digest.challenge.algorithm = UA_DIGEST_SHA256;
    phone_send(&p, "REGISTER", contact(""));
    expect("SIP/2.0 200");
}

static void who_cannot_prove_it_is_refused(void **state) {
    static const char *const users[][2] = {
        {"1001", "wrong"}, {"1002", "secret"}, {"1003", "secret"}, {"9", "secret"}};
    uint64_t before = counters().auth_failures;
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        struct phone p;
        phone_new(&p, users[i][0], users[i][1]);
        phone_send(&p, "REGISTER", contact(""));
        expect("SIP/2.0 401"); /* also for who does not exist: nothing is to be learnt from it */
        phone_learn(&p);
        phone_send(&p, "REGISTER", contact(""));
        expect("SIP/2.0 403");
    }
    assert_int_equal(counters().auth_failures, before + ARRAY_LEN(users));

    struct phone thief; /* knows the password of 1001 and wants to be 1003 */
    phone_new(&thief, "1001", "secret");
    snprintf(thief.from, sizeof thief.from, "<sip:1003@test>;tag=x");
    phone_register(&thief, contact(""), "SIP/2.0 403");
    expect_no_event();
    assert_int_equal(counters().registrations, 0);
}

static void replayed_and_malformed_credentials(void **state) {
    struct phone p;
    char once[MESSAGE];
    phone_new(&p, "1001", "secret");
    phone_register(&p, contact(""), "SIP/2.0 200");
    uint32_t count = p.digest.count;
    p.digest.count = count - 1; /* the same nonce and count again, in another transaction */
    phone_send(&p, "REGISTER", contact(""));
    expect("SIP/2.0 401");
    assert_has(header("WWW-Authenticate"), "stale=true");
    jump(UA_DIGEST_NONCE_MS + 1000); /* an old one */
    p.digest.count = count + 1;
    phone_send(&p, "REGISTER", contact(""));
    expect("SIP/2.0 401");
    assert_has(header("WWW-Authenticate"), "stale=true");
    phone_learn(&p);
    phone_send(&p, "REGISTER", contact(""));
    expect("SIP/2.0 200");

    phone_new(&p, "1001", "secret");
    snprintf(once, sizeof once, "Authorization: Digest username=\"1001\", realm=\"test\"\r\n%s", contact(""));
    phone_send(&p, "REGISTER", once);
    expect("SIP/2.0 400");
    snprintf(once, sizeof once, "Authorization: Digest realm=\"other\", nonce=\"x\"\r\n%s", contact(""));
    phone_send(&p, "REGISTER", once); /* for somebody else */
    expect("SIP/2.0 401");
    snprintf(once, sizeof once, "Authorization: Digest realm=\"test\", nonce=\"x\", algorithm=SHA-512\r\n%s",
             contact(""));
    phone_send(&p, "REGISTER", once);
    expect("SIP/2.0 401");
    snprintf(once, sizeof once, "Authorization: Basic dTpw\r\n%s", contact(""));
    phone_send(&p, "REGISTER", once);
    expect("SIP/2.0 401");
}

static void guessing_ends_in_silence(void **state) {
    struct phone p;
    for (int i = 0; i < UA_DIGEST_FAILURES; i++) {
        phone_new(&p, "1001", "wrong");
        phone_register(&p, contact(""), "SIP/2.0 403");
    }
    phone_new(&p, "1001", "secret");
    phone_send(&p, "REGISTER", contact(""));
    expect_silence();
    jump(UA_DIGEST_BAN_MS + 1000);
    phone_register(&p, contact(""), "SIP/2.0 200");
}

static void bad_contacts(void **state) {
    char line[1024], text[400];
    struct phone p;
    static const char *const bad[] = {
        "<tel:1>",
        "*",
        "<sips:x@127.0.0.1>",
        "<sip:x@127.0.0.1?Subject=x>",
        "<sip:x:pw@127.0.0.1>",
        "<sip:x@127.0.0.1;maddr=192.0.2.66>",
        "<sip:x@127.0.0.1;method=REGISTER>",
        "<http://x/>",
        "<urn:x>",
        "<mailto:a@b>",
    };
    phone_new(&p, "1001", "secret");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(line, sizeof line, "Contact: %s\r\n", bad[i]);
        phone_register(&p, line, "SIP/2.0 400");
    }
    phone_register(&p, "Contact: *\r\nExpires: 60\r\n", "SIP/2.0 400");
    phone_register(&p, "Contact: *, <sip:x@127.0.0.1>\r\nExpires: 0\r\n", "SIP/2.0 400");
    phone_register(&p, "Contact: <sip:x@127.0.0.1>, *\r\nExpires: 0\r\n", "SIP/2.0 400");
    memset(text, 'x', 300);
    text[300] = 0;
    snprintf(line, sizeof line, "Contact: <sip:%s@127.0.0.1>\r\n", text);
    phone_register(&p, line, "SIP/2.0 400");
    snprintf(line, sizeof line, "Contact: <sip:a@127.0.0.1>, <tel:1>\r\n"); /* one good one does not help */
    phone_register(&p, line, "SIP/2.0 400");
    phone_register(&p,
                   "Contact: <sip:1@127.0.0.1>, <sip:2@127.0.0.1>, <sip:3@127.0.0.1>, <sip:4@127.0.0.1>, "
                   "<sip:5@127.0.0.1>, <sip:6@127.0.0.1>\r\n",
                   "SIP/2.0 403");
    phone_register(&p, "Require: path\r\nContact: <sip:1@127.0.0.1>\r\n", "SIP/2.0 420");
    assert_has(header("Unsupported"), "path");
    expect_no_event();
    assert_int_equal(counters().registrations, 0);
    phone_register(&p, "", "SIP/2.0 200"); /* the phone itself was never the problem */
    assert_int_equal(ua_guard_caught(), 0);
}

static void times(void **state) {
    struct phone p;
    char line[300];
    phone_new(&p, "1001", "secret");
    phone_register(&p, contact(";expires=59"), "SIP/2.0 423");
    assert_string_equal(header("Min-Expires"), "60");
    assert_int_equal(counters().registrations, 0);
    phone_register(&p, contact(";expires=60"), "SIP/2.0 200");
    assert_has(header("Contact"), ";expires=60");
    phone_register(&p, contact(";expires=99999"), "SIP/2.0 200");
    assert_has(header("Contact"), ";expires=3600");
    phone_register(&p, contact(";expires=4294967295"), "SIP/2.0 200");
    assert_has(header("Contact"), ";expires=3600");
    phone_register(&p, contact(";expires=soon"), "SIP/2.0 200"); /* as if it were not there */
    assert_has(header("Contact"), ";expires=3600");
    snprintf(line, sizeof line, "Expires: 120\r\n%s", contact(""));
    phone_register(&p, line, "SIP/2.0 200");
    assert_has(header("Contact"), ";expires=120");
    snprintf(line, sizeof line, "Expires: 10\r\n%s", contact(";expires=90")); /* the parameter counts */
    phone_register(&p, line, "SIP/2.0 200");
    assert_has(header("Contact"), ";expires=90");
    expect_event("agent 1 reachable");
    jump(80000);
    expect_no_event();
    jump(11000);
    expect_event("agent 1 unreachable");
    assert_int_equal(counters().registrations, 0);
}

static void asks_adds_and_forgets(void **state) {
    struct phone p, other;
    struct ua_binding b[8];
    phone_new(&p, "1001", "secret");
    phone_register(&p, "", "SIP/2.0 200");
    assert_string_equal(header("Contact"), "");
    phone_register(&p, "Contact: <sip:a@127.0.0.1>, <sip:b@127.0.0.1;transport=tcp>;expires=100\r\n",
                   "SIP/2.0 200");
    assert_has(world.last, "<sip:b@127.0.0.1;transport=tcp>;expires=100");
    assert_has(world.last, "<sip:a@127.0.0.1>;expires=3600");
    phone_new(&other, "1001", "secret");
    phone_register(&other, contact(";+sip.instance=\"<urn:uuid:7>\""), "SIP/2.0 200");
    assert_int_equal(bindings(1, b), 3);
    phone_register(&p, "", "SIP/2.0 200");
    assert_has(world.last, "<sip:x@127.0.0.1");
    assert_has(world.last, "<sip:a@127.0.0.1>");
    assert_has(world.last, "<sip:b@127.0.0.1;transport=tcp>");
    unsigned cseq = p.cseq;
    p.cseq = 50; /* an old request that was late */
    phone_register(&p, "Contact: *\r\nExpires: 0\r\n", "SIP/2.0 500");
    assert_int_equal(bindings(1, b), 3);
    p.cseq = cseq + 5;
    phone_register(&p, "Contact: *\r\nExpires: 0\r\n", "SIP/2.0 200");
    assert_string_equal(header("Contact"), "");
    assert_int_equal(bindings(1, b), 0);
    expect_event("agent 1 reachable");
    expect_event("agent 1 unreachable");
}

/* ---- where calls to the phone go ---- */

static void ring_phone(uint32_t number, const char *first_line) {
    struct ua_binding b[8];
    assert_int_equal(bindings(number, b), 1);
    struct ua_invite what = {.agent = number,
                             .uri = b[0].uri,
                             .caller = "1",
                             .caller_name = "",
                             .called = "1001",
                             .offer = &world.local};
    world.live++;
    world.alive[++world.next_leg] = true;
    assert_int_equal(world.port.invite(world.port.ctx, world.next_leg, &what), 0);
    expect(first_line);
    respond(world.last, "486 Busy", "t", NULL, NULL);
    expect_event("ended ");
    drain();
}

static void behind_nat(void **state) {
    struct phone p;
    char first_line[96], route[UA_ROUTE_LEN];
    phone_new(&p, "1001", "secret");
    phone_register(&p, "Contact: <sip:me@10.1.2.3:5060;ob>\r\n", "SIP/2.0 200");
    expect_event("agent 1 reachable");
    ring_phone(1, "INVITE sip:me@10.1.2.3:5060;ob SIP/2.0"); /* its own URI, but through the hole it opened */
    phone_register(&p, "Contact: *\r\nExpires: 0\r\n", "SIP/2.0 200");
    expect_event("agent 1 unreachable");
    /* a third party: calls and probes still only go to who registered it */
    phone_register(&p, "Contact: <sip:+4870012345@192.0.2.1>\r\n", "SIP/2.0 200");
    expect_event("agent 1 reachable");
    ring_phone(1, "INVITE sip:+4870012345@192.0.2.1 SIP/2.0");
    phone_register(&p, "Contact: *\r\nExpires: 0\r\n", "SIP/2.0 200");
    expect_event("agent 1 unreachable");
    /* the very host: its own port counts, which need not be the one it sends from */
    phone_register(&p, contact(""), "SIP/2.0 200");
    expect_event("agent 1 reachable");
    struct ua_binding b[8];
    assert_int_equal(bindings(1, b), 1);
    assert_false(ua_bindings_route(world.ua, 1, b[0].uri, route, sizeof route));
    snprintf(first_line, sizeof first_line, "INVITE sip:x@127.0.0.1:%u SIP/2.0", world.peer_port);
    ring_phone(1, first_line);
    assert_clean();
}

static void calls_with_digest(void **state) {
    struct phone p;
    char headers[1024];
    phone_new(&p, "1001", "secret");
    snprintf(headers, sizeof headers, "%s", contact(""));
    phone_send(&p, "INVITE", headers);
    expect("SIP/2.0 401");
    phone_learn(&p);
    world.refusal = (struct ua_refusal){486, 0, ""};
    phone_send(&p, "INVITE", headers);
    expect_skipping("SIP/2.0 486", "SIP/2.0 401");
    expect_event("invited trunk=0 agent=1 called=3000 caller=1001");
    phone_new(&p, "1001", "wrong");
    phone_send(&p, "INVITE", headers);
    expect_skipping("SIP/2.0 401", "SIP/2.0 486");
    phone_learn(&p);
    phone_send(&p, "INVITE", headers);
    expect_skipping("SIP/2.0 403", "SIP/2.0 401");
    expect_no_event();
}

/* ---- fixed contacts, reload ---- */

static void fixed_contacts_follow_the_configuration(void **state) {
    static struct conf next; /* borrowed by the adapter until it is destroyed */
    static struct conf_agent other[4];
    struct ua_binding b[8];
    struct sockaddr_in from = {
        .sin_family = AF_INET, .sin_port = htons(world.peer_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    next = changed;
    memcpy(other, agents, sizeof other);
    next.agent = other;
    snprintf(fixed_uri, sizeof fixed_uri, "sip:1004@127.0.0.1:%u", world.peer_port);
    other[3].contact = fixed_uri;
    other[2].contact = (char *)"tel:+48";
    assert_int_equal(ua_reload(world.ua, &next), 0);
    expect_event("agent 4 reachable");
    expect_no_event();
    assert_int_equal(bindings(4, b), 1);
    assert_string_equal(b[0].uri, fixed_uri);
    assert_true(b[0].fixed && b[0].expires_ms == NEVER);
    assert_int_equal(counters().registrations, 0);
    assert_true(ua_bindings_is_fixed_source(world.ua, 4, (struct sockaddr *)&from));
    assert_false(ua_bindings_is_fixed_source(world.ua, 1, (struct sockaddr *)&from));
    from.sin_port = htons((uint16_t)(world.peer_port + 1));
    assert_false(ua_bindings_is_fixed_source(world.ua, 4, (struct sockaddr *)&from));
    struct phone p;
    phone_new(&p, "1001", "secret");
    phone_register(&p, contact(""), "SIP/2.0 200");
    expect_event("agent 1 reachable");
    other[0].removed = true;
    other[3].contact = (char *)"";
    assert_int_equal(ua_reload(world.ua, &next), 0);
    expect_event("agent 1 unreachable");
    expect_event("agent 4 unreachable");
    assert_int_equal(ua_reload(world.ua, &changed), 0);
    assert_int_equal(bindings(1, b), 0);
}

/* ---- probes ---- */

/* Time goes on; each OPTIONS is answered with `status`, or not (NULL). Returns how many there were. */
static uint32_t probed(uint32_t ms, const char *status) {
    uint32_t count = 0;
    for (uint32_t done = 0; done < ms; done += 250) {
        ua_clock_ahead_ms += 250;
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

static void probes_tell_who_is_there(void **state) {
    static struct conf next; /* borrowed by the adapter until it is destroyed */
    struct phone p;
    struct ua_binding b[8];
    next = changed;
    next.agent_probe_ms = 10000;
    assert_int_equal(ua_reload(world.ua, &next), 0);
    phone_new(&p, "1001", "secret");
    phone_register(&p, "Contact: <sip:me@10.1.2.3>\r\n", "SIP/2.0 200"); /* behind NAT: probes keep it open */
    expect_event("agent 1 reachable");
    assert_in_range(probed(60000, "200 OK"), 5, 8);
    assert_has(world.last, "OPTIONS sip:me@10.1.2.3 SIP/2.0");
    assert_in_range(probed(60000, "404 Not Found"), 5, 7); /* it is there, whatever it says */
    probed(60000, "503 Service Unavailable");
    expect_no_event();
    assert_in_range(probed(30000, NULL), 3, 5);
    expect_event("agent 1 unreachable");
    assert_int_equal(bindings(1, b), 1);
    assert_false(b[0].reachable);
    probed(15000, "200 OK");
    expect_event("agent 1 reachable");
    probed(30000, NULL);
    expect_event("agent 1 unreachable");
    phone_register(&p, "Contact: <sip:me@10.1.2.3>\r\n", "SIP/2.0 2");
    expect_event("agent 1 reachable");
    phone_register(&p, "Contact: <sip:me@10.1.2.3>;expires=0\r\n", "SIP/2.0 2");
    expect_event("agent 1 unreachable");
    assert_int_equal(probed(60000, NULL), 0);
    assert_clean();
}

static void phone_whose_port_is_closed(void **state) {
    static struct conf next; /* borrowed by the adapter until it is destroyed */
    static struct conf_agent other[4];
    next = changed;
    memcpy(other, agents, sizeof other);
    next.agent = other;
    next.agent_probe_ms = 10000;
    other[3].contact = (char *)"sip:1004@127.0.0.1:9";
    assert_int_equal(ua_reload(world.ua, &next), 0);
    expect_event("agent 4 reachable");
    advance(15000); /* ICMP tells at once */
    expect_event("agent 4 unreachable");
    assert_int_equal(ua_reload(world.ua, &changed), 0);
    drain();
}

/* ---- saved tables ---- */

static void survives_a_restart(void **state) {
    struct phone p;
    struct ua_binding before[8], after[8];
    char route[UA_ROUTE_LEN];
    phone_new(&p, "1001", "secret");
    phone_register(&p, "Contact: <sip:me@10.1.2.3;ob>;+sip.instance=\"<urn:uuid:1>\", <sip:b@127.0.0.1>\r\n",
                   "SIP/2.0 200");
    expect_event("agent 1 reachable");
    assert_int_equal(bindings(1, before), 2);
    char *text = ua_save_bindings(world.ua);
    assert_non_null(text);
    phone_register(&p, "Contact: *\r\nExpires: 0\r\n", "SIP/2.0 200");
    expect_event("agent 1 unreachable");
    assert_int_equal(ua_restore_bindings(world.ua, text), 0);
    expect_event("agent 1 reachable");
    assert_int_equal(bindings(1, after), 2);
    assert_true(ua_bindings_route(world.ua, 1, "sip:me@10.1.2.3;ob", route, sizeof route));
    for (int i = 0; i < 2; i++) {
        const struct ua_binding *same = strcmp(after[i].uri, before[0].uri) ? &before[1] : &before[0];
        assert_string_equal(after[i].uri, same->uri);
        assert_string_equal(after[i].source, same->source);
        assert_string_equal(after[i].agent_name, same->agent_name);
        assert_in_range(after[i].expires_ms + 3000, same->expires_ms, same->expires_ms + 6000);
    }
    assert_int_equal(ua_restore_bindings(world.ua, text), 0); /* twice does not double them */
    assert_int_equal(bindings(1, after), 2);
    free(text);
    p.cseq = 50; /* the order of requests is remembered too */
    phone_register(&p, "Contact: <sip:b@127.0.0.1>\r\n", "SIP/2.0 500");
}

static void bad_saved_tables_change_nothing(void **state) {
    struct ua_binding b[8];
    static const char *const refused[] = {"",
                                          "x",
                                          "{}",
                                          "[]",
                                          "{\"format\":1}",
                                          "{\"format\":2,\"bindings\":[]}",
                                          "{\"format\":1,\"bindings\":{}}",
                                          "{\"format\":1,\"bindings\":[}"};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_int_equal(ua_restore_bindings(world.ua, refused[i]), -EINVAL);
    assert_int_equal(ua_restore_bindings(world.ua, NULL), -EINVAL);
#define ENTRY(agent, uri, route, expires, call_id)                                                           \
    "{\"format\":1,\"bindings\":[7,null,{\"agent\":" agent ",\"uri\":" uri ",\"route\":" route               \
    ",\"source\":\"1.2.3.4:5\",\"call_id\":" call_id                                                         \
    ",\"instance\":\"\",\"agent_name\":\"\",\"cseq\":1,\"tcp\":false"                                        \
    ",\"expires\":" expires "}]}"
    static const char *const left[] = {
        ENTRY("\"1001\"", "\"sip:x@y\\r\\nEvil: 1\"", "\"\"", "99999999999", "\"c\""),
        ENTRY("\"1001\"", "\"tel:1\"", "\"\"", "99999999999", "\"c\""),
        ENTRY("\"1001\"", "\"sip:\"", "\"\"", "99999999999", "\"c\""),
        ENTRY("\"1001\"", "\"sip:x@y\"", "\"http://x\"", "99999999999", "\"c\""),
        ENTRY("\"1001\"", "\"sip:x@y\"", "\"\"", "12", "\"c\""),
        ENTRY("\"1001\"", "\"sip:x@y\"", "\"\"", "-1", "\"c\""),
        ENTRY("\"1001\"", "\"sip:x@y\"", "\"\"", "\"soon\"", "\"c\""),
        ENTRY("\"1001\"", "\"sip:x@y\"", "\"\"", "99999999999", "\"\""),
        ENTRY("\"1001\"", "\"sip:x@y\"", "\"\"", "99999999999", "17"),
        ENTRY("\"nobody\"", "\"sip:x@y\"", "\"\"", "99999999999", "\"c\""),
        ENTRY("1001", "\"sip:x@y\"", "\"\"", "99999999999", "\"c\""),
    };
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        assert_int_equal(ua_restore_bindings(world.ua, left[i]), 0);
        assert_int_equal(bindings(1, b), 0);
    }
    static const char good[] = ENTRY("\"1001\"", "\"sip:x@y\"", "\"\"", "99999999999", "\"c\"");
    assert_int_equal(ua_restore_bindings(world.ua, good), 0);
    assert_int_equal(bindings(1, b), 1); /* but not for three thousand years */
    assert_true(b[0].expires_ms <= ua_now_ms(world.ua) + 3600 * 1000);
    char text[400]; /* what is in the file may be older than the phone's last REGISTER */
    snprintf(text, sizeof text, ENTRY("\"1002\"", "\"sip:z@y\"", "\"\"", "%lld", "\"d\""),
             (long long)time(NULL) - 20);
    assert_int_equal(ua_restore_bindings(world.ua, text), 0);
    assert_int_equal(bindings(2, b), 1);
    assert_true(b[0].expires_ms > ua_now_ms(world.ua) && b[0].expires_ms <= ua_now_ms(world.ua) + 60 * 1000);
}

int main(void) {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, start, world_stop)
    const struct CMUnitTest tests[] = {
        TEST(registers_with_digest),
        TEST(takes_sha256_when_it_knows_the_password),
        TEST(who_cannot_prove_it_is_refused),
        TEST(replayed_and_malformed_credentials),
        TEST(guessing_ends_in_silence),
        TEST(bad_contacts),
        TEST(times),
        TEST(asks_adds_and_forgets),
        TEST(behind_nat),
        TEST(calls_with_digest),
        TEST(fixed_contacts_follow_the_configuration),
        TEST(probes_tell_who_is_there),
        TEST(phone_whose_port_is_closed),
        TEST(survives_a_restart),
        TEST(bad_saved_tables_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
