/* SPDX-License-Identifier: Apache-2.0
 * LIBS: sip conf loop base
 * Incoming and outgoing calls of the SIP adapter against an other side that speaks plain text. */
#include "ua_world.h"

/* ---- incoming calls ---- */

static void in_answered_caller_hangs_up(void **state) {
    struct dialog d;
    dialog_new(&d, "3000");
    request(&d, "INVITE", NULL, sdp_plain);
    expect_event("invited trunk=1 agent=0 called=3000 caller=+4822 name=Ala offer=192.0.2.9");
    assert_int_equal(world.port.ring(world.port.ctx, 1), 0);
    expect("SIP/2.0 180");
    assert_int_equal(world.port.answer(world.port.ctx, 1, &world.local), 0);
    expect("SIP/2.0 200");
    assert_has(body(), "c=IN IP4 198.51.100.1\r\n");
    assert_has(body(), "m=audio 4000 RTP/AVP 0 101\r\n");
    assert_has(header("Contact"), "<sip:127.0.0.1:");
    assert_has(header("Allow"), "UPDATE");
    learn(&d);
    request(&d, "ACK", NULL, NULL);
    expect_event("confirmed 1 remote=none");
    request(&d, "BYE", "Reason: Q.850;cause=16;text=\"Normal\"\r\n", NULL);
    expect("SIP/2.0 200");
    expect_event("ended 1 status=0 by_us=0 text=Normal");
    assert_int_equal(world.port.answer(world.port.ctx, 1, &world.local), -ESTALE);
    assert_clean();
}

static void in_answered_we_hang_up(void **state) {
    /* whatever the other side says to our BYE, the leg is over */
    static const char *const answers[] = {"200 OK", "481 Gone", "407 Auth", "500 No", NULL};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct dialog d;
        uint32_t leg = call_in_answered(&d, NULL);
        world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
        expect("BYE sip:peer@127.0.0.1");
        expect_event("ended ");
        if (answers[i])
            respond(world.last, answers[i], NULL, NULL, NULL);
        else
            advance(33000);
        drain();
        assert_clean();
    }
}

static void in_refused_by_the_floor(void **state) {
    struct dialog d;
    world.refusal = (struct ua_refusal){503, 7, "no \"way\""};
    dialog_new(&d, "3000");
    request(&d, "INVITE", NULL, sdp_plain);
    expect("SIP/2.0 503");
    assert_string_equal(header("Retry-After"), "7");
    assert_has(header("Warning"), "\"no way\"");
    learn(&d);
    request_full(&d, "ACK", "z9hG4bKnone", NULL, NULL, NULL);
    expect_event("invited ");
    drain();
    assert_clean();
}

static void in_refused_later(void **state) {
    struct dialog d;
    struct ua_refusal busy = {486, 0, ""};
    uint32_t leg = call_in(&d, NULL, sdp_plain);
    world.port.ring(world.port.ctx, leg);
    expect("SIP/2.0 180");
    world.port.end(world.port.ctx, leg, UA_END_REFUSE, &busy);
    assert_string_equal(world.events, ""); /* never from inside */
    expect("SIP/2.0 486");
    expect_event("ended 1 status=486 by_us=1");
    leg = call_in(&d, NULL, sdp_plain);
    world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
    expect_skipping("SIP/2.0 480", "SIP/2.0 486");
    expect_event("ended 2 status=480 by_us=1");
    drain();
    assert_clean();
}

static void in_cancelled(void **state) {
    struct dialog d;
    char contact[64];
    dialog_new(&d, "3000");
    snprintf(contact, sizeof contact, "<sip:peer@127.0.0.1:%u>", world.peer_port);
    request_full(&d, "INVITE", "z9hG4bKcancelme", contact, NULL, sdp_plain);
    expect_event("invited ");
    world.port.ring(world.port.ctx, 1);
    expect("SIP/2.0 180");
    request_full(&d, "CANCEL", "z9hG4bKcancelme", NULL, NULL, NULL);
    expect("SIP/2.0 200");
    expect("SIP/2.0 487");
    expect_event("ended 1 status=487 by_us=0 text=cancelled by the caller");
    request_full(&d, "ACK", "z9hG4bKcancelme", NULL, NULL, NULL);
    drain();
    assert_clean();
}

static void in_delayed_offer(void **state) {
    struct dialog d;
    uint32_t leg = call_in(&d, NULL, NULL);
    world.port.answer(world.port.ctx, leg, &world.local);
    expect("SIP/2.0 200");
    assert_has(body(), "m=audio 4000");
    learn(&d);
    request(&d, "ACK", NULL, sdp_plain);
    expect_event("confirmed 1 remote=192.0.2.9");
    request(&d, "BYE", NULL, NULL);
    expect("SIP/2.0 200");
    expect_event("ended 1 status=0");
    assert_clean();
}

static void in_delayed_offer_never_answered(void **state) {
    static const char *const bad[] = {NULL, sdp_no_codec, sdp_broken};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct dialog d;
        uint32_t leg = call_in(&d, NULL, NULL);
        world.port.answer(world.port.ctx, leg, &world.local);
        expect("SIP/2.0 200");
        learn(&d);
        request(&d, "ACK", NULL, bad[i]);
        expect("BYE ");
        respond(world.last, "200 OK", NULL, NULL, NULL);
        expect_event("ended ");
        assert_clean();
    }
}

static void in_no_ack(void **state) {
    struct dialog d;
    uint32_t leg = call_in(&d, NULL, sdp_plain);
    world.port.answer(world.port.ctx, leg, &world.local);
    expect("SIP/2.0 200");
    advance(1000);
    expect("SIP/2.0 200"); /* repeated until the ACK comes */
    expect_no_event();
    advance(33000);
    expect_skipping("BYE ", "SIP/2.0 200");
    assert_string_equal(header("Reason"), "SIP;cause=408;text=\"no ACK\"");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    expect_event("ended 1 status=408 by_us=0 text=no ACK");
    assert_clean();
}

static void in_ended_before_ack(void **state) {
    struct dialog d;
    uint32_t leg = call_in(&d, NULL, sdp_plain);
    world.port.answer(world.port.ctx, leg, &world.local);
    expect("SIP/2.0 200");
    learn(&d);
    world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
    expect_event("ended 1 status=0 by_us=1");
    expect_silence(); /* RFC 3261 15: no BYE before the ACK */
    request(&d, "ACK", NULL, NULL);
    expect("BYE ");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    assert_clean();
}

static void in_bye_before_ack(void **state) {
    struct dialog d;
    uint32_t leg = call_in(&d, NULL, sdp_plain);
    world.port.answer(world.port.ctx, leg, &world.local);
    expect("SIP/2.0 200");
    learn(&d);
    request(&d, "BYE", NULL, NULL);
    expect("SIP/2.0 200");
    expect_event("ended 1 status=0 by_us=0 text=BYE");
    drain();
    assert_clean();
}

static void in_bye_of_both(void **state) {
    struct dialog d;
    uint32_t leg = call_in_answered(&d, NULL);
    request(&d, "BYE", NULL, NULL);
    world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL); /* the adapter has not read theirs yet */
    expect("BYE ");
    char bye[MESSAGE];
    snprintf(bye, sizeof bye, "%s", world.last);
    expect("SIP/2.0 200");
    respond(bye, "200 OK", NULL, NULL, NULL);
    expect_event("ended 1 status=0 by_us=1");
    assert_clean();
}

static void in_bye_while_ringing(void **state) {
    struct dialog d;
    uint32_t leg = call_in(&d, NULL, sdp_plain);
    world.port.ring(world.port.ctx, leg);
    expect("SIP/2.0 180");
    learn(&d);
    advance(61000);
    expect("SIP/2.0 180"); /* repeated each minute, or proxies give the call up */
    request(&d, "BYE", NULL, NULL);
    expect("SIP/2.0 487");
    assert_has(header("CSeq"), "INVITE");
    expect("SIP/2.0 200");
    expect_event("ended 1 status=487 by_us=0 text=BYE");
    advance(33000);
    drain();
    assert_clean();
}

static void in_reliable(void **state) {
    struct dialog d;
    char rack[96];
    uint32_t leg = call_in(&d, "Require: 100rel\r\nSupported: 100rel\r\n", sdp_plain);
    world.port.ring(world.port.ctx, leg);
    expect("SIP/2.0 180");
    assert_has(header("Require"), "100rel");
    advance(750);
    expect("SIP/2.0 180"); /* repeated until the PRACK comes */
    snprintf(rack, sizeof rack, "RAck: %s %u INVITE\r\n", header("RSeq"), d.invite_cseq);
    learn(&d);
    request(&d, "PRACK", rack, NULL);
    expect_skipping("SIP/2.0 200", "SIP/2.0 180");
    assert_has(header("CSeq"), "PRACK");
    world.port.answer(world.port.ctx, leg, &world.local);
    expect("SIP/2.0 200");
    request(&d, "ACK", NULL, NULL);
    expect_event("confirmed ");
    request(&d, "BYE", NULL, NULL);
    expect("SIP/2.0 200");
    expect_event("ended ");
    assert_clean();
}

static void in_reliable_never_acknowledged(void **state) {
    struct dialog d;
    uint32_t leg = call_in(&d, "Require: 100rel\r\n", sdp_plain);
    world.port.ring(world.port.ctx, leg);
    expect("SIP/2.0 180");
    advance(34000);
    expect_event("ended 1 status=504 by_us=0 text=no PRACK");
    expect_skipping("SIP/2.0 50", "SIP/2.0 180");
    drain();
    assert_clean();
}

static void in_floor_ends_from_inside(void **state) {
    struct dialog d;
    uint32_t leg = call_in(&d, NULL, sdp_plain);
    world.port.answer(world.port.ctx, leg, &world.local);
    expect("SIP/2.0 200");
    learn(&d);
    world.end_at_once = true;
    request(&d, "ACK", NULL, NULL);
    expect_event("confirmed ");
    expect("BYE ");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    expect_event("ended 1 status=0 by_us=1");
    assert_clean();
}

/* ---- outgoing calls ---- */

static void out_answered(void **state) {
    char invite[MESSAGE];
    struct dialog d;
    uint32_t leg = call_out(invite);
    assert_has(header("From"), "\"Ala \\\"x\\\"\" <sip:+4822@127.0.0.1");
    assert_has(header("To"), "<sip:1001@127.0.0.1>");
    assert_has(header("Supported"), "100rel");
    assert_has(body(), "m=audio 4000 RTP/AVP 0 101");
    assert_string_equal(header("Call-Info"), "");
    learn_called(&d, "t");
    respond(invite, "180 Ringing", "t", peer_contact(), NULL);
    expect_event("ringing 1 180 early=none");
    respond(invite, "183 Progress", "t", peer_contact(), sdp_plain);
    expect_event("ringing 1 183 early=192.0.2.9");
    respond(invite, "200 OK", "t", peer_contact(), sdp_plain);
    expect("ACK sip:phone@127.0.0.1");
    expect_event("answered 1 remote=192.0.2.9:5000");
    respond(invite, "200 OK", "t", peer_contact(), sdp_plain); /* our ACK was lost */
    expect("ACK ");
    expect_no_event();
    request(&d, "BYE", NULL, NULL);
    expect("SIP/2.0 200");
    expect_event("ended 1 status=0 by_us=0");
    world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
    assert_clean();
}

static void out_we_hang_up(void **state) {
    char invite[MESSAGE];
    uint32_t leg = call_out_answered(invite, NULL);
    world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
    expect("BYE sip:phone@127.0.0.1");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    expect_event("ended 1 status=0 by_us=1");
    assert_clean();
}

static void out_refused(void **state) {
    static const struct {
        const char *status, *event;
    } cases[] = {
        {"486 Busy Here", "status=486 by_us=0 text=Busy Here"},
        {"302 Moved", "status=302"},
        {"401 Unauthorized", "status=401"},
        {"603 Decline", "status=603"},
        {"503 Unavailable", "status=503"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char invite[MESSAGE], event[128];
        uint32_t leg = call_out(invite);
        respond(invite, cases[i].status, "t", "Contact: <sip:fraud@192.0.2.66>\r\n", NULL);
        expect("ACK ");
        snprintf(event, sizeof event, "ended %u %s", leg, cases[i].event);
        expect_event(event);
        expect_silence(); /* nothing is followed or tried again */
        assert_clean();
    }
}

static void out_cancelled(void **state) {
    static const enum ua_end_cause causes[] = {UA_END_NORMAL, UA_END_ANSWERED_ELSEWHERE};
    for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
        char invite[MESSAGE];
        uint32_t leg = call_out(invite);
        respond(invite, "180 Ringing", "t", peer_contact(), NULL);
        expect_event("ringing ");
        world.port.end(world.port.ctx, leg, causes[i], NULL);
        expect("CANCEL ");
        assert_string_equal(header("Reason"), causes[i] == UA_END_NORMAL
                                                  ? ""
                                                  : "SIP;cause=200;text=\"Call completed elsewhere\"");
        expect_event(i ? "ended 2 status=487 by_us=1" : "ended 1 status=487 by_us=1");
        respond(world.last, "200 OK", NULL, NULL, NULL);
        respond(invite, "487 Terminated", "t", NULL, NULL);
        expect("ACK ");
        assert_clean();
    }
}

static void out_cancelled_before_any_answer(void **state) {
    char invite[MESSAGE];
    uint32_t leg = call_out(invite);
    world.port.end(world.port.ctx, leg, UA_END_ANSWERED_ELSEWHERE, NULL);
    expect_event("ended 1 status=487 by_us=1"); /* the floor does not wait */
    expect_silence();
    assert_int_equal(counters().legs, 1);
    respond(invite, "100 Trying", NULL, NULL, NULL);
    expect("CANCEL ");
    assert_has(header("Reason"), "cause=200");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    respond(invite, "487 Terminated", "t", NULL, NULL);
    expect("ACK ");
    assert_clean();
}

/* Sofia aborts the process when a CANCEL was asked for before a 1xx and a 200 comes. */
static void out_answered_while_cancel_is_due(void **state) {
    char invite[MESSAGE];
    uint32_t leg = call_out(invite);
    world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
    expect_event("ended 1 status=487 by_us=1");
    respond(invite, "200 OK", "t", peer_contact(), sdp_plain);
    expect("ACK ");
    expect("BYE ");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    assert_clean();
}

static void out_cancel_crosses_answer(void **state) {
    char invite[MESSAGE], cancel[MESSAGE];
    uint32_t leg = call_out(invite);
    respond(invite, "180 Ringing", "t", peer_contact(), NULL);
    expect_event("ringing ");
    world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
    expect("CANCEL ");
    snprintf(cancel, sizeof cancel, "%s", world.last);
    expect_event("ended 1 status=487 by_us=1");
    respond(invite, "200 OK", "t", peer_contact(), sdp_plain);
    expect("ACK ");
    expect("BYE ");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    respond(cancel, "481 Too late", NULL, NULL, NULL);
    assert_clean();
}

static void out_cancel_unanswered(void **state) {
    char invite[MESSAGE];
    uint32_t leg = call_out(invite);
    respond(invite, "180 Ringing", "t", peer_contact(), NULL);
    expect_event("ringing ");
    world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
    expect_event("ended 1 status=487 by_us=1");
    advance(70000); /* the phone is dead */
    drain();
    assert_clean();
}

static void out_no_response(void **state) {
    char invite[MESSAGE];
    call_out(invite);
    advance(33000);
    expect_event("ended 1 status=408 by_us=0");
    drain();
    assert_clean();
}

static void out_forked(void **state) {
    char invite[MESSAGE];
    struct dialog d;
    uint32_t leg = call_out(invite);
    respond(invite, "180 Ringing", "one", peer_contact(), NULL);
    expect_event("ringing ");
    respond(invite, "180 Ringing", "two", peer_contact(), NULL);
    expect_event("ringing ");
    respond(invite, "200 OK", "one", peer_contact(), sdp_plain);
    expect("ACK ");
    assert_has(header("To"), "tag=one");
    expect_event("answered ");
    respond(invite, "200 OK", "two", peer_contact(), sdp_plain);
    expect("ACK ");
    assert_has(header("To"), "tag=two");
    expect("BYE ");
    assert_has(header("To"), "tag=two");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    expect_no_event();
    snprintf(world.last, sizeof world.last, "%s", invite);
    learn_called(&d, "one");
    request(&d, "BYE", NULL, NULL); /* the first is still up */
    expect("SIP/2.0 200");
    expect_event("ended 1 status=0 by_us=0");
    assert_int_equal(leg, 1);
    drain();
    assert_clean();
}

static void out_no_usable_answer(void **state) {
    static const char *const bad[] = {NULL, sdp_no_codec, sdp_broken};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char invite[MESSAGE];
        call_out(invite);
        respond(invite, "200 OK", "t", peer_contact(), bad[i]);
        expect("ACK ");
        expect("BYE ");
        respond(world.last, "200 OK", NULL, NULL, NULL);
        expect_event("ended ");
        assert_clean();
    }
}

static void out_reliable(void **state) {
    char invite[MESSAGE], prack[MESSAGE], headers[256];
    uint32_t leg = call_out(invite);
    snprintf(headers, sizeof headers, "%sRequire: 100rel\r\nRSeq: 77\r\n", peer_contact());
    respond(invite, "183 Progress", "t", headers, sdp_plain);
    expect("PRACK sip:phone@127.0.0.1");
    assert_has(header("RAck"), "77 ");
    snprintf(prack, sizeof prack, "%s", world.last);
    expect_event("ringing 1 183 early=192.0.2.9");
    respond(invite, "183 Progress", "t", headers, sdp_plain); /* repeated */
    expect_silence();
    respond(prack, "200 OK", NULL, NULL, NULL);
    respond(invite, "200 OK", "t", peer_contact(), NULL); /* the answer was in the 183 */
    expect("ACK ");
    assert_has(header("CSeq"), " ACK");
    expect_event("answered 1 remote=192.0.2.9:5000");
    world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
    expect("BYE ");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    expect_event("ended ");
    assert_clean();
}

static void out_auto_answer(void **state) {
    char invite[MESSAGE];
    uint32_t leg = call_out_with(invite, true, "1001");
    assert_has(header("Call-Info"), "answer-after=0");
    assert_has(header("Alert-Info"), "alert-autoanswer");
    respond(invite, "486 Busy", "t", NULL, NULL);
    expect("ACK ");
    expect_event("ended ");
    assert_int_equal(leg, 1);
    assert_clean();
}

/* Contacts that send Sofia into endless recursion are not kept, from a 200 either. */
static void out_bad_contact(void **state) {
    static const char *const bad[] = {"Contact: <tel:1>\r\n", "Contact: *\r\n", "Contact: x\r\n", ""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char invite[MESSAGE];
        uint32_t leg = call_out(invite);
        respond(invite, "200 OK", "t", bad[i], sdp_plain);
        if (strstr(bad[i], "tel:") || !bad[i][0]) { /* the others Sofia itself drops as malformed */
            expect("ACK ");
            expect_event("answered ");
            world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
            expect("BYE ");
            respond(world.last, "200 OK", NULL, NULL, NULL);
            expect_event("ended ");
        } else {
            turn_loop(5);
            bool answered = world.events[0] != '\0';
            world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
            if (answered)
                expect_event("answered ");
            expect_event("ended ");
            advance(35000);
            drain();
        }
        assert_clean();
    }
}

static void out_bad_uri(void **state) {
    static const char *const bad[] = {
        "", "tel:+48", "sip:", "x", "sip:a@127.0.0.1?Replaces=x", "sip:a b@c", "sip:a@b\r\nEvil: 1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct ua_invite what = {
            .uri = bad[i], .caller = "1", .caller_name = "", .called = "2", .offer = &world.local};
        assert_int_equal(world.port.invite(world.port.ctx, 99, &what), -EINVAL);
    }
    expect_no_event();
    assert_clean();
}

static void out_floor_ends_from_inside(void **state) {
    char invite[MESSAGE];
    world.end_at_once = true;
    call_out(invite);
    respond(invite, "180 Ringing", "t", peer_contact(), NULL);
    expect_event("ringing ");
    expect("CANCEL ");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    respond(invite, "487 Terminated", "t", NULL, NULL);
    expect("ACK ");
    expect_event("ended 1 status=487 by_us=1");
    call_out(invite);
    respond(invite, "200 OK", "t", peer_contact(), sdp_plain);
    expect("ACK ");
    expect_event("answered ");
    expect("BYE ");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    expect_event("ended 2 status=0 by_us=1");
    assert_clean();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_start, world_stop)

int main(void) {
    static const struct CMUnitTest tests[] = {
        TEST(in_answered_caller_hangs_up),
        TEST(in_answered_we_hang_up),
        TEST(in_refused_by_the_floor),
        TEST(in_refused_later),
        TEST(in_cancelled),
        TEST(in_delayed_offer),
        TEST(in_delayed_offer_never_answered),
        TEST(in_no_ack),
        TEST(in_ended_before_ack),
        TEST(in_bye_before_ack),
        TEST(in_bye_of_both),
        TEST(in_bye_while_ringing),
        TEST(in_reliable),
        TEST(in_reliable_never_acknowledged),
        TEST(in_floor_ends_from_inside),
        TEST(out_answered),
        TEST(out_we_hang_up),
        TEST(out_refused),
        TEST(out_cancelled),
        TEST(out_cancelled_before_any_answer),
        TEST(out_answered_while_cancel_is_due),
        TEST(out_cancel_crosses_answer),
        TEST(out_cancel_unanswered),
        TEST(out_no_response),
        TEST(out_forked),
        TEST(out_no_usable_answer),
        TEST(out_reliable),
        TEST(out_auto_answer),
        TEST(out_bad_contact),
        TEST(out_bad_uri),
        TEST(out_floor_ends_from_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
