/* SPDX-License-Identifier: Apache-2.0
 * LIBS: sip conf loop base
 * Is the other side of a leg still there, and which legs does SIP have. */
#include "ua_world.h"

static void probe(uint32_t leg) {
    assert_int_equal(world.port.probe(world.port.ctx, leg), 0);
    expect("OPTIONS ");
}

static void answer_probe(const char *status) {
    respond(world.last, status, NULL, NULL, NULL);
}

static void hang_up(struct dialog *d) {
    request(d, "BYE", NULL, NULL);
    expect("SIP/2.0 200");
    expect_event("ended ");
}

/* Whatever the answer: whoever gives one is there, unless he does not know the dialog. */
static void answers(void **state) {
    static const struct {
        const char *status, *told;
    } cases[] = {{"200 OK", "probed 1 alive=1"},        {"405 No", "probed 1 alive=1"},
                 {"501 No", "probed 1 alive=1"},        {"401 Who?", "probed 1 alive=1"},
                 {"500 Oh", "probed 1 alive=1"},        {"481 No such call", "probed 1 alive=0"},
                 {"408 It is away", "probed 1 alive=0"}};
    struct dialog d;
    uint32_t leg = call_in_answered(&d, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        probe(leg);
        assert_has(header("Call-ID"), d.call_id); /* within the dialog */
        assert_has(header("To"), ";tag=");
        assert_has(header("CSeq"), "OPTIONS");
        assert_int_equal(world.port.probe(world.port.ctx, leg), 0); /* one is on its way: no second */
        expect_no_event();
        expect_silence();
        answer_probe(cases[i].status);
        expect_event(cases[i].told);
    }
    expect_no_event();
    hang_up(&d);
    assert_clean();
}

static void no_answer(void **state) {
    char invite[MESSAGE];
    uint32_t leg = call_out_answered(invite, NULL);
    probe(leg);
    char asked[MESSAGE];
    snprintf(asked, sizeof asked, "%s", world.last);
    advance(7500);
    expect_no_event();
    advance(750);
    expect_event("probed 1 alive=0");
    respond(asked, "200 OK", NULL, NULL, NULL); /* too late */
    expect_no_event();
    probe(leg); /* and may be asked again */
    answer_probe("200 OK");
    expect_event("probed 1 alive=1");
    world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
    expect_event("ended 1 ");
    expect_skipping("BYE ", "OPTIONS");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    assert_clean();
}

static void the_floor_ends_the_leg_when_told(void **state) {
    char invite[MESSAGE];
    uint32_t leg = call_out_answered(invite, NULL);
    world.end_at_once = true;
    probe(leg);
    advance(8250);
    expect_event("probed 1 alive=0");
    expect_event("ended 1 status=0 by_us=1");
    advance(33000); /* nor does anybody answer the BYE */
    drain();
    assert_clean();
}

static void a_leg_that_ends_meanwhile_is_not_told_of(void **state) {
    struct dialog d;
    uint32_t leg = call_in_answered(&d, NULL);
    probe(leg);
    hang_up(&d);
    advance(10000);
    expect_no_event();
    assert_int_equal(world.port.probe(world.port.ctx, leg), -ESTALE);
    drain();
    assert_clean();
}

static void only_legs_that_are_up(void **state) {
    struct dialog d;
    char invite[MESSAGE];
    uint32_t in = call_in(&d, NULL, sdp_plain), out;
    assert_int_equal(world.port.probe(world.port.ctx, in), -ESTALE);
    out = call_out(invite);
    assert_int_equal(world.port.probe(world.port.ctx, out), -ESTALE);
    assert_int_equal(world.port.probe(world.port.ctx, 12345), -ESTALE);
    world.port.end(world.port.ctx, in, UA_END_NORMAL, NULL);
    expect_event("ended 1 ");
    expect("SIP/2.0 ");
    request(&d, "ACK", NULL, NULL);
    respond(invite, "486 Busy", "t", NULL, NULL);
    expect_event("ended 2 status=486");
    drain();
    assert_clean();
}

static uint32_t all_legs(uint32_t *last) {
    uint32_t cursor = 0, count = 0, leg;
    while ((leg = world.port.next_leg(world.port.ctx, &cursor))) {
        *last = leg;
        count++;
    }
    return count;
}

static void what_sip_has(void **state) {
    struct dialog d, e;
    char invite[MESSAGE];
    void *ctx = world.port.ctx;
    uint32_t last = 0;
    assert_int_equal(all_legs(&last), 0);
    uint32_t in = call_in(&d, NULL, sdp_plain);
    assert_int_equal(world.port.dialog(ctx, in), UA_DIALOG_EARLY);
    assert_int_equal(world.port.answer(ctx, in, &world.local), 0);
    assert_int_equal(world.port.dialog(ctx, in), UA_DIALOG_UP); /* although there is no ACK yet */
    expect("SIP/2.0 200");
    learn(&d);
    request(&d, "ACK", NULL, NULL);
    expect_event("confirmed ");
    assert_int_equal(world.port.dialog(ctx, in), UA_DIALOG_UP);
    uint32_t out = call_out(invite);
    assert_int_equal(world.port.dialog(ctx, out), UA_DIALOG_EARLY);
    respond(invite, "180 Ringing", "t", peer_contact(), NULL);
    expect_event("ringing ");
    assert_int_equal(world.port.dialog(ctx, out), UA_DIALOG_EARLY);
    assert_int_equal(all_legs(&last), 2);
    assert_int_equal(last, out);
    world.port.end(ctx, out, UA_END_NORMAL, NULL); /* what follows is not the floor's matter */
    assert_int_equal(world.port.dialog(ctx, out), UA_DIALOG_NONE);
    assert_int_equal(all_legs(&last), 1);
    assert_int_equal(last, in);
    expect_event("ended 2 ");
    expect("CANCEL ");
    respond(world.last, "200 OK", NULL, NULL, NULL);
    respond(invite, "487 Terminated", "t", NULL, NULL);
    expect("ACK ");
    uint32_t second = call_in_answered(&e, NULL);
    assert_int_equal(all_legs(&last), 2);
    assert_int_equal(last, second);
    hang_up(&d);
    hang_up(&e);
    assert_int_equal(world.port.dialog(ctx, in), UA_DIALOG_NONE);
    assert_int_equal(all_legs(&last), 0);
    drain();
    assert_clean();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_start, world_stop)

int main(void) {
    static const struct CMUnitTest tests[] = {
        TEST(answers),
        TEST(no_answer),
        TEST(the_floor_ends_the_leg_when_told),
        TEST(a_leg_that_ends_meanwhile_is_not_told_of),
        TEST(only_legs_that_are_up),
        TEST(what_sip_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
