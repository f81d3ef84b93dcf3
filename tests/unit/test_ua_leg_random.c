/* SPDX-License-Identifier: Apache-2.0
 * LIBS: sip conf loop base
 * Both sides and the floor do what they like, in any order, some messages broken: each leg ends exactly once,
 * the floor hears nothing of it afterwards, and nothing is left behind. CALLFLOOR_SEED and CALLFLOOR_STEPS
 * make another or a longer run. */
#include "ua_world.h"

enum { CALLS = 24, REQUESTS = 24 };

struct call { /* as the other side sees it */
    struct dialog d;
    char branch[32], rseq[16];
    bool used;
};
static struct call calls[CALLS];
static char requests[REQUESTS][MESSAGE]; /* of the adapter's, to be answered */
static uint64_t seed;

static uint32_t dice(uint32_t sides) {
    return (uint32_t)(rng_next(&seed) % sides);
}

static const char *some_sdp(void) {
    static const char *const choice[] = {sdp_plain, sdp_plain,    sdp_plain, sdp_hold,
                                         NULL,      sdp_no_codec, sdp_broken};
    return choice[dice(ARRAY_LEN(choice))];
}

/* One in twenty messages is damaged on its way. Not a 200: see contacts in peer_answers(). */
static void send_perhaps_broken(char *text) {
    size_t n = strlen(text);
    if (dice(20) == 0 && strncmp(text, "SIP/2.0 200", 11) != 0)
        for (uint32_t i = dice(4) + 1; i; i--) {
            size_t at = dice((uint32_t)n);
            text[at] = dice(2) ? "\r\n;,<>\"%:@ =*"[dice(13)] : (char)(dice(255) + 1);
        }
    send_text(text);
}

/* ---- what the other side does ---- */

static void peer_request(struct call *c, const char *method) {
    static const char *const extras[] = {
        "",
        "",
        "",
        "Require: 100rel\r\nSupported: 100rel\r\n",
        "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n",
        "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\nAllow: UPDATE\r\n",
        "Record-Route: <sip:127.0.0.1;lr>\r\n"};
    static const char *const contacts[] = {"<sip:p@127.0.0.1>", "<sip:p@10.0.0.1:5070>",
                                           "<sip:p@no.such.name>", "<tel:1>"};
    char text[MESSAGE], rack[64] = "";
    bool as_invite = strcmp(method, "ACK") == 0 || strcmp(method, "CANCEL") == 0;
    unsigned cseq = as_invite ? c->d.invite_cseq : ++c->d.cseq;
    bool invite = strcmp(method, "INVITE") == 0;
    bool body = invite || strcmp(method, "UPDATE") == 0 || (strcmp(method, "ACK") == 0 && dice(3) == 0);
    const char *sdp = body ? some_sdp() : NULL;
    if (invite) {
        c->d.invite_cseq = cseq;
        snprintf(c->branch, sizeof c->branch, "z9hG4bKr%u", unique());
    }
    char fresh[32];
    snprintf(fresh, sizeof fresh, "z9hG4bKr%u", unique());
    bool same_branch = invite || strcmp(method, "CANCEL") == 0 || (strcmp(method, "ACK") == 0 && dice(2));
    if (strcmp(method, "PRACK") == 0)
        snprintf(rack, sizeof rack, "RAck: %s %u INVITE\r\n", c->rseq[0] ? c->rseq : "1", c->d.invite_cseq);
    snprintf(
        text, sizeof text,
        "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=%s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\n"
        "CSeq: %u %s\r\nContact: %s\r\n%s%s%sContent-Length: %zu\r\n\r\n%s",
        method, c->d.target, world.peer_port, same_branch ? c->branch : fresh, c->d.from, c->d.to,
        c->d.call_id, cseq, method, contacts[dice(8) ? 0 : dice(ARRAY_LEN(contacts))],
        extras[dice(ARRAY_LEN(extras))], rack, sdp ? "Content-Type: application/sdp\r\n" : "",
        sdp ? strlen(sdp) : 0, sdp ? sdp : "");
    send_perhaps_broken(text);
}

static void peer_calls(struct call *c) {
    memset(c, 0, sizeof *c);
    dialog_new(&c->d, "3000");
    c->used = true;
    peer_request(c, "INVITE");
}

static void peer_answers(const char *request_text) {
    static const char *const statuses[] = {"100 Trying",  "180 Ringing", "183 Progress", "200 OK",
                                           "200 OK",      "200 OK",      "302 Moved",    "401 No",
                                           "422 Short",   "481 Gone",    "486 Busy",     "487 Over",
                                           "491 Pending", "500 No",      "408 Late",     "405 No"};
    static const char *const extras[] = {
        "",
        "",
        "Require: 100rel\r\nRSeq: 1\r\n",
        "Require: 100rel\r\nRSeq: 2\r\n",
        "Session-Expires: 90;refresher=uac\r\n",
        "Min-SE: 200\r\n",
        "Session-Expires: 90;refresher=uas\r\nRequire: timer\r\nAllow: UPDATE\r\n"};
    /* no name here: what Sofia itself answers to a second 200 of a forked INVITE (ACK, BYE) leaks with one */
    static const char *const contacts[] = {"<sip:p@10.0.0.1:5070>", "<tel:1>", "*"};
    static const char *const tags[] = {"one", "one", "one", "two"};
    char text[MESSAGE], contact[96];
    const char *sdp = some_sdp();
    if (!request_text[0])
        return;
    snprintf(world.last, sizeof world.last, "%s", request_text);
    const char *to = header("To");
    if (dice(8))
        snprintf(contact, sizeof contact, "<sip:p@127.0.0.1:%u>", world.peer_port);
    else
        snprintf(contact, sizeof contact, "%s", contacts[dice(ARRAY_LEN(contacts))]);
    snprintf(
        text, sizeof text,
        "SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s%s%s\r\nCall-ID: %s\r\nCSeq: %s\r\nContact: %s\r\n%s%s"
        "Content-Length: %zu\r\n\r\n%s",
        statuses[dice(ARRAY_LEN(statuses))], header("Via"), header("From"), to,
        strstr(to, "tag=") ? "" : ";tag=", strstr(to, "tag=") ? "" : tags[dice(ARRAY_LEN(tags))],
        header("Call-ID"), header("CSeq"), contact, extras[dice(ARRAY_LEN(extras))],
        sdp ? "Content-Type: application/sdp\r\n" : "", sdp ? strlen(sdp) : 0, sdp ? sdp : "");
    send_perhaps_broken(text);
}

/* Takes what the adapter sent: responses tell the other half of a dialog, requests are kept, and an INVITE
 * is a call of which the other side may be the one to speak next. */
static void read_messages(void) {
    while (receive_once()) {
        if (strncmp(world.last, "SIP/2.0 ", 8) == 0) {
            for (size_t i = 0; i < CALLS; i++)
                if (calls[i].used && strcmp(calls[i].d.call_id, header("Call-ID")) == 0 &&
                    strstr(header("To"), "tag=")) {
                    learn(&calls[i].d);
                    if (header("RSeq")[0])
                        snprintf(calls[i].rseq, sizeof calls[i].rseq, "%.15s", header("RSeq"));
                }
            continue;
        }
        snprintf(requests[dice(REQUESTS)], MESSAGE, "%s", world.last);
        if (strncmp(world.last, "INVITE", 6) == 0 && !strstr(header("To"), "tag=")) {
            struct call *c = &calls[dice(CALLS)];
            memset(c, 0, sizeof *c);
            learn_called(&c->d, "one");
            c->used = true;
        }
    }
}

/* ---- what the floor does ---- */

static void floor_acts(void) {
    static const enum ua_end_cause causes[] = {UA_END_NORMAL, UA_END_ANSWERED_ELSEWHERE, UA_END_REFUSE};
    struct ua_refusal refusal = {(uint16_t)(400 + dice(200)), dice(5), "any"};
    uint32_t leg = world.next_leg ? world.next_leg - dice(world.next_leg < 16 ? world.next_leg : 16) : 0;
    switch (dice(6)) {
    case 0:
        world.port.ring(world.port.ctx, leg);
        break;
    case 1:
    case 2:
        world.port.answer(world.port.ctx, leg, &world.local);
        break;
    case 3:
        world.port.end(world.port.ctx, leg, causes[dice(ARRAY_LEN(causes))], dice(2) ? &refusal : NULL);
        break;
    case 4:
        world.port.send_info_digit(world.port.ctx, leg, '5', 100);
        break;
    case 5:
        world.reoffer_error = dice(2) ? -EINVAL : 0;
        world.refusal.status = dice(10) ? 0 : 486;
        world.end_at_once = dice(10) == 0;
        break;
    }
}

static void floor_calls(void) {
    char uri[64];
    snprintf(uri, sizeof uri, "sip:%u@127.0.0.1:%u", dice(1000), world.peer_port);
    struct ua_invite what = {.uri = uri,
                             .caller = "1",
                             .caller_name = "x",
                             .called = "2",
                             .offer = &world.local,
                             .agent = dice(2),
                             .auto_answer = dice(2)};
    assert_int_equal(world.port.invite(world.port.ctx, leg_begins(), &what), 0);
}

static void step(void) {
    static const char *const methods[] = {"ACK",    "ACK",  "ACK",   "BYE",     "CANCEL", "INVITE",
                                          "UPDATE", "INFO", "PRACK", "OPTIONS", "REFER"};
    struct call *c = &calls[dice(CALLS)];
    switch (dice(12)) {
    case 0:
        peer_calls(c);
        break;
    case 1:
        floor_calls();
        break;
    case 2:
    case 3:
    case 4:
        if (c->used)
            peer_request(c, methods[dice(ARRAY_LEN(methods))]);
        break;
    case 5:
    case 6:
    case 7:
        peer_answers(requests[dice(REQUESTS)]);
        break;
    case 8:
        ua_clock_ahead_ms += dice(20) ? dice(1000) : dice(40000);
        break;
    default:
        floor_acts();
        break;
    }
    if (dice(3))
        turn_loop(0);
    read_messages();
    world.events[0] = '\0';
}

static void anything_in_any_order(void **state) {
    const char *steps = getenv("CALLFLOOR_STEPS"), *given = getenv("CALLFLOOR_SEED");
    seed = given ? strtoull(given, NULL, 10) : 1;
    memset(calls, 0, sizeof calls);
    memset(requests, 0, sizeof requests);
    for (unsigned i = 0, n = steps ? (unsigned)atoi(steps) : 6000; i < n; i++) {
        step();
        if (world.next_leg + 1 == ARRAY_LEN(world.alive))
            break;
    }
    assert_true(world.next_leg > 50);
    world.end_at_once = false;
    settle();
    for (uint32_t leg = 1; leg <= world.next_leg; leg++)
        world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
    for (int i = 0; i < 4; i++) {
        advance(40000);
        settle();
    }
    world.events[0] = '\0';
    assert_clean();
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(anything_in_any_order, world_start, world_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
