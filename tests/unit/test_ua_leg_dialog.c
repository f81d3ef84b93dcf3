/* SPDX-License-Identifier: Apache-2.0
 * LIBS: sip conf loop base
 * What happens within a dialog: offers, hold, glare, digits, session timers. */
#include "ua_world.h"

static void hang_up(struct dialog *d) {
    request(d, "BYE", NULL, NULL);
    expect("SIP/2.0 200");
    expect_event("ended ");
}

/* ---- offers ---- */

static void hold_and_resume(void **state) {
    struct dialog d;
    call_in_answered(&d, NULL);
    request(&d, "INVITE", NULL, sdp_hold);
    expect_event("reoffered 1 direction=1");
    expect("SIP/2.0 200");
    assert_has(body(), "a=recvonly");
    assert_has(header("Contact"), "sip:127.0.0.1");
    const char *first = strstr(body(), "o=");
    char origin[128];
    snprintf(origin, sizeof origin, "%.*s", (int)strcspn(first, "\r"), first);
    request(&d, "ACK", NULL, NULL);
    request(&d, "INVITE", NULL, sdp_plain);
    expect_event("reoffered 1 direction=3");
    expect("SIP/2.0 200");
    assert_has(body(), "a=sendrecv");
    assert_null(strstr(body(), origin)); /* another version of the same session */
    request(&d, "ACK", NULL, NULL);
    hang_up(&d);
    assert_clean();
}

static void offer_refused(void **state) {
    static const struct {
        const char *extra, *contact, *sdp, *status;
        int floor_says;
    } cases[] = {
        {NULL, "<sip:p@127.0.0.1>", sdp_hold, "SIP/2.0 488", -EINVAL},
        {NULL, "<sip:p@127.0.0.1>", sdp_no_codec, "SIP/2.0 488", 0},
        {NULL, "<sip:p@127.0.0.1>", sdp_broken, "SIP/2.0 400", 0},
        {NULL, "<tel:1>", sdp_hold, "SIP/2.0 400", 0},
        {"Content-Type: text/plain\r\n", "<sip:p@127.0.0.1>", "x", "SIP/2.0 415", 0},
        {"Require: foo\r\n", "<sip:p@127.0.0.1>", sdp_hold, "SIP/2.0 420", 0},
        {"Supported: timer\r\nSession-Expires: 30\r\n", "<sip:p@127.0.0.1>", sdp_hold, "SIP/2.0 422", 0},
    };
    struct dialog d;
    uint32_t leg = call_in_answered(&d, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char branch[32];
        snprintf(branch, sizeof branch, "z9hG4bKoffer%zu", i);
        world.reoffer_error = cases[i].floor_says;
        request_full(&d, "INVITE", branch, cases[i].contact, cases[i].extra, cases[i].sdp);
        expect(cases[i].status);
        request_full(&d, "ACK", branch, NULL, NULL, NULL);
        request_full(&d, "UPDATE", NULL, cases[i].contact, cases[i].extra, cases[i].sdp);
        expect(cases[i].status);
    }
    drain();
    world.events[0] = '\0';
    world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL); /* the session is as it was */
    expect("BYE sip:peer@");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    expect_event("ended 1 status=0 by_us=1");
    assert_clean();
}

static void delayed_reinvite(void **state) {
    struct dialog d;
    call_in_answered(&d, NULL);
    request(&d, "INVITE", NULL, NULL);
    expect("SIP/2.0 200");
    assert_has(body(), "m=audio 4000");
    assert_has(body(), "a=sendrecv");
    expect_no_event();
    request(&d, "ACK", NULL, sdp_hold);
    expect_event("reoffered 1 direction=1");
    hang_up(&d);
    assert_clean();
}

static void reinvite_without_ack(void **state) {
    struct dialog d;
    call_in_answered(&d, NULL);
    request(&d, "INVITE", NULL, sdp_hold);
    expect_event("reoffered ");
    expect("SIP/2.0 200");
    advance(33000);
    expect_skipping("BYE ", "SIP/2.0 200");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    expect_event("ended 1 status=408 by_us=0 text=no ACK");
    assert_clean();
}

static void glare(void **state) {
    struct dialog d;
    uint32_t leg = call_in(&d, NULL, sdp_plain);
    request_full(&d, "UPDATE", NULL, "<sip:p@127.0.0.1>", NULL, sdp_hold); /* no tag: not our dialog */
    expect("SIP/2.0 481");
    world.port.answer(world.port.ctx, leg, &world.local);
    expect("SIP/2.0 200");
    learn(&d);
    unsigned first = d.invite_cseq;
    request(&d, "INVITE", NULL, sdp_hold); /* our 200 has no ACK yet */
    expect("SIP/2.0 491");
    d.invite_cseq = first;
    request(&d, "ACK", NULL, NULL);
    expect_event("confirmed ");
    drain();
    hang_up(&d);
    drain();
    assert_clean();
}

static void second_reinvite_before_ack(void **state) {
    struct dialog d;
    call_in_answered(&d, NULL);
    request(&d, "INVITE", NULL, sdp_hold);
    expect_event("reoffered ");
    expect("SIP/2.0 200");
    unsigned first = d.invite_cseq;
    request(&d, "INVITE", NULL, sdp_plain);
    expect_skipping("SIP/2.0 491", "SIP/2.0 200");
    d.invite_cseq = first;
    request(&d, "ACK", NULL, NULL);
    drain();
    request(&d, "UPDATE", NULL, sdp_plain);
    expect_event("reoffered 1 direction=3");
    expect("SIP/2.0 200");
    assert_has(body(), "a=sendrecv");
    hang_up(&d);
    drain();
    assert_clean();
}

static void update_without_offer(void **state) {
    struct dialog d;
    call_in_answered(&d, NULL);
    request(&d, "UPDATE", NULL, NULL);
    expect("SIP/2.0 200");
    assert_string_equal(body(), "");
    expect_no_event();
    hang_up(&d);
    assert_clean();
}

static void floor_ends_while_asked(void **state) {
    /* nothing but the state may matter afterwards */
    struct dialog d;
    call_in_answered(&d, NULL);
    world.reoffer_error = -ECANCELED;
    world.port.end(world.port.ctx, 1, UA_END_NORMAL, NULL);
    request(&d, "INVITE", NULL, sdp_hold);
    expect("BYE ");
    char bye[MESSAGE];
    snprintf(bye, sizeof bye, "%s", world.last);
    expect("SIP/2.0 481");
    respond(bye, "200 OK", NULL, NULL, NULL);
    expect_event("ended 1 status=0 by_us=1");
    drain();
    assert_clean();
}

/* ---- digits and other requests ---- */

static void info_digits(void **state) {
    static const struct {
        const char *type, *body, *event;
    } cases[] = {
        {"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "digit 1 5 160"},
        {"application/dtmf-relay", "Signal= #\r\nDuration= 250\r\n", "digit 1 # 250"},
        {"application/dtmf", "7", "digit 1 7 100"},
        {"application/dtmf", "d", "digit 1 D 100"},
        {"application/dtmf-relay", "Duration=160\r\n", NULL},
        {"application/dtmf-relay", "Signal=\r\n", NULL},
        {"application/dtmf", "x", NULL},
        {"text/plain", "5", NULL},
        {"application/dtmf-relay", "Signal=1\r\nDuration=99999999999\r\n", "digit 1 1 100"},
    };
    struct dialog d;
    uint32_t leg = call_in_answered(&d, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char type[64];
        snprintf(type, sizeof type, "Content-Type: %s\r\n", cases[i].type);
        request(&d, "INFO", type, cases[i].body);
        expect("SIP/2.0 200");
        if (cases[i].event)
            expect_event(cases[i].event);
        expect_no_event();
    }
    assert_int_equal(world.port.send_info_digit(world.port.ctx, leg, '9', 120), 0);
    expect("INFO sip:peer@");
    assert_has(header("Content-Type"), "application/dtmf-relay");
    assert_has(body(), "Signal=9\r\nDuration=120");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    assert_int_equal(world.port.send_info_digit(world.port.ctx, leg, 'x', 120), -EINVAL);
    hang_up(&d);
    assert_clean();
}

static void other_methods(void **state) {
    struct dialog d;
    call_in_answered(&d, NULL);
    request(&d, "REFER", "Refer-To: <sip:00900@192.0.2.1>\r\n", NULL);
    expect("SIP/2.0 405");
    assert_has(header("Allow"), "INVITE");
    assert_null(strstr(header("Allow"), "REFER"));
    request(&d, "FLY", NULL, NULL);
    expect("SIP/2.0 405");
    request(&d, "OPTIONS", NULL, NULL);
    expect("SIP/2.0 200");
    assert_has(header("Allow"), "UPDATE");
    d.cseq = 0;
    request(&d, "INFO", NULL, NULL); /* an old CSeq */
    expect("SIP/2.0 500");
    d.cseq = 10;
    hang_up(&d);
    assert_clean();
}

/* A phone behind NAT: its Contact cannot be reached, its BYE must go to where its INVITE came from. This
 * needs an agent's leg, so the phone is called by us here. */
static void contact_behind_nat(void **state) {
    char invite[MESSAGE];
    char uri[64];
    snprintf(uri, sizeof uri, "sip:1001@127.0.0.1:%u", world.peer_port);
    struct ua_invite what = {
        .agent = 1, .uri = uri, .caller = "1", .caller_name = "", .called = "1001", .offer = &world.local};
    assert_int_equal(world.port.invite(world.port.ctx, leg_begins(), &what), 0);
    expect("INVITE ");
    snprintf(invite, sizeof invite, "%s", world.last);
    respond(invite, "200 OK", "t", "Contact: <sip:phone@10.255.255.1:5070>\r\n", sdp_plain);
    expect("ACK sip:phone@10.255.255.1:5070");
    expect_event("answered ");
    world.port.end(world.port.ctx, 1, UA_END_NORMAL, NULL);
    expect("BYE sip:phone@10.255.255.1:5070");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    expect_event("ended ");
    assert_clean();
}

/* ---- session timers ---- */

static void they_refresh(void **state) {
    struct dialog d;
    uint32_t leg = call_in(&d, "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n", sdp_plain);
    world.port.answer(world.port.ctx, leg, &world.local);
    expect("SIP/2.0 200");
    assert_string_equal(header("Session-Expires"), "90;refresher=uac");
    assert_has(header("Require"), "timer");
    learn(&d);
    request(&d, "ACK", NULL, NULL);
    expect_event("confirmed ");
    advance(50000);
    request(&d, "UPDATE", "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n", NULL);
    expect("SIP/2.0 200");
    assert_string_equal(header("Session-Expires"), "90;refresher=uac");
    advance(50000);
    expect_no_event(); /* 100 s after the 200, but 50 after the refresh */
    advance(15000);    /* 90 - 30 s margin */
    expect("BYE ");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    expect_event("ended 1 status=408 by_us=0 text=session expired");
    assert_clean();
}

static uint32_t answered_with_us_refreshing(struct dialog *d, const char *extra) {
    char headers[256];
    snprintf(headers, sizeof headers, "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\n%s", extra);
    uint32_t leg = call_in(d, headers, sdp_plain);
    world.port.answer(world.port.ctx, leg, &world.local);
    expect("SIP/2.0 200");
    assert_string_equal(header("Session-Expires"), "90;refresher=uas");
    learn(d);
    request(d, "ACK", NULL, NULL);
    expect_event("confirmed ");
    advance(44000);
    expect_silence();
    advance(1250);
    return leg;
}

static void we_refresh_by_update(void **state) {
    struct dialog d;
    answered_with_us_refreshing(&d, "Allow: INVITE, UPDATE\r\n");
    for (int i = 0; i < 3; i++) {
        expect("UPDATE sip:peer@");
        assert_has(header("Session-Expires"), "90;refresher=uac");
        assert_string_equal(body(), "");
        respond(world.last, "200 OK", NULL, "Session-Expires: 90;refresher=uac\r\nRequire: timer\r\n", NULL);
        advance(45250);
    }
    expect("UPDATE ");
    respond(world.last, "481 Gone", NULL, NULL, NULL);
    expect("BYE ");
    respond(world.last, "481 Gone", NULL, NULL, NULL);
    expect_event("ended 1 status=481 by_us=0 text=session refresh unanswered");
    assert_clean();
}

static void we_refresh_by_reinvite(void **state) {
    struct dialog d;
    char invite[MESSAGE], headers[256];
    snprintf(headers, sizeof headers, "%sSession-Expires: 90;refresher=uac\r\n", peer_contact());
    answered_with_us_refreshing(&d, "Allow: INVITE, BYE\r\n");
    expect("INVITE sip:peer@");
    snprintf(invite, sizeof invite, "%s", world.last);
    assert_has(body(), "m=audio 4000");
    request_full(&d, "INVITE", "z9hG4bKglare", "<sip:p@127.0.0.1>", NULL, sdp_hold);
    expect("SIP/2.0 491");
    request_full(&d, "ACK", "z9hG4bKglare", NULL, NULL, NULL);
    request(&d, "UPDATE", NULL, sdp_hold);
    expect("SIP/2.0 491");
    respond(invite, "491 Pending", NULL, NULL, NULL);
    expect("ACK ");
    advance(4000);
    expect("INVITE ");
    respond(world.last, "200 OK", NULL, headers, sdp_plain);
    expect("ACK sip:phone@"); /* its Contact has moved */
    expect_no_event();        /* but the media has not */
    advance(45250);
    expect("INVITE ");
    respond(world.last, "200 OK", NULL, headers, sdp_hold);
    expect("ACK ");
    expect_event("reoffered 1 direction=1");
    hang_up(&d);
    drain();
    assert_clean();
}

static void refresh_unanswered(void **state) {
    struct dialog d;
    answered_with_us_refreshing(&d, "Allow: INVITE, UPDATE\r\n");
    expect("UPDATE ");
    advance(33000);
    expect_skipping("BYE ", "UPDATE ");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    expect_event("ended 1 status=408 by_us=0");
    assert_clean();
}

static void update_not_known(void **state) {
    struct dialog d;
    answered_with_us_refreshing(&d, "Allow: INVITE, UPDATE\r\n");
    expect("UPDATE ");
    respond(world.last, "405 No", NULL, NULL, NULL);
    expect("INVITE ");
    respond(world.last, "200 OK", NULL, peer_contact(), sdp_plain);
    expect("ACK ");
    hang_up(&d);
    assert_clean();
}

static void we_ask_for_timers(void **state) {
    char invite[MESSAGE];
    struct dialog d;
    world.conf.session_expires_s = 120;
    uint32_t leg = call_out(invite);
    assert_has(header("Session-Expires"), "120");
    respond(invite, "422 Too small", "t", "Min-SE: 300\r\n", NULL);
    expect("ACK ");
    expect("INVITE ");
    assert_has(header("Session-Expires"), "300");
    assert_has(header("Min-SE"), "300");
    snprintf(invite, sizeof invite, "%s", world.last);
    learn_called(&d, "t2");
    char headers[256];
    snprintf(headers, sizeof headers, "%sSession-Expires: 300;refresher=uas\r\nRequire: timer\r\n",
             peer_contact());
    respond(invite, "200 OK", "t2", headers, sdp_plain);
    expect("ACK ");
    expect_event("answered ");
    advance(260000);
    expect_no_event();
    advance(9000);
    expect("BYE ");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    expect_event("ended 1 status=408 by_us=0 text=session expired");
    assert_int_equal(leg, 1);
    assert_clean();
}

/* The INVITE that was refused had rung already; the one sent anew has not, so its CANCEL waits. */
static void cancelled_after_retry(void **state) {
    char invite[MESSAGE];
    world.conf.session_expires_s = 120;
    uint32_t leg = call_out(invite);
    respond(invite, "180 Ringing", "t", peer_contact(), NULL);
    expect_event("ringing ");
    respond(invite, "422 Too small", "t", "Min-SE: 300\r\n", NULL);
    expect("ACK ");
    expect("INVITE ");
    snprintf(invite, sizeof invite, "%s", world.last);
    world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
    expect_event("ended 1 status=487 by_us=1");
    expect_silence();
    respond(invite, "180 Ringing", "t", peer_contact(), NULL);
    expect("CANCEL ");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    respond(invite, "487 Terminated", "t", NULL, NULL);
    expect("ACK ");
    assert_clean();
}

/* The phone knows nothing of session timers; we still find out that it is gone. */
static void we_refresh_alone(void **state) {
    char invite[MESSAGE];
    world.conf.session_expires_s = 120;
    call_out_answered(invite, NULL);
    advance(61000);
    expect("INVITE ");
    advance(33000);
    expect_skipping("BYE ", "INVITE ");
    expect_event("ended 1 status=408 by_us=0");
    advance(33000);
    drain();
    assert_clean();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_start, world_stop)

int main(void) {
    static const struct CMUnitTest tests[] = {
        TEST(hold_and_resume),
        TEST(offer_refused),
        TEST(delayed_reinvite),
        TEST(reinvite_without_ack),
        TEST(glare),
        TEST(second_reinvite_before_ack),
        TEST(update_without_offer),
        TEST(floor_ends_while_asked),
        TEST(info_digits),
        TEST(other_methods),
        TEST(contact_behind_nat),
        TEST(they_refresh),
        TEST(we_refresh_by_update),
        TEST(we_refresh_by_reinvite),
        TEST(refresh_unanswered),
        TEST(update_not_known),
        TEST(we_ask_for_timers),
        TEST(cancelled_after_retry),
        TEST(we_refresh_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
