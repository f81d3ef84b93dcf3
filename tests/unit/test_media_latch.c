/* LIBS: media base */
/* SPDX-License-Identifier: Apache-2.0
 * Whom a leg listens to: told as sequences of packets. */
#include "media/latch.h"
#include "media/terms.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

static struct latch L;
static uint64_t now_us;

static union latch_address addr(const char *text, uint16_t port) {
    union latch_address a;
    assert_int_equal(terms_address(&a, text, port, 0), 0);
    return a;
}
static void begin(void) {
    union latch_address sdp = addr("192.0.2.10", 4000);
    memset(&L, 0, sizeof L);
    now_us = 1000000;
    assert_true(latch_set(&L, &sdp, now_us));
}
static bool packet_of(const char *host, uint16_t port, uint32_t ssrc, uint16_t seq, uint8_t type) {
    union latch_address from = addr(host, port);
    struct rtp_packet p = {.ssrc = ssrc, .seq = seq, .payload_type = type};
    return latch_packet(&L, &from, &p, now_us) == LATCH_ACCEPT;
}
static bool packet(const char *host, uint32_t ssrc, uint16_t seq) {
    return packet_of(host, 4000, ssrc, seq, 0);
}
static const char *source(void) {
    return L.source.v4.sin_addr.s_addr == addr("192.0.2.10", 0).v4.sin_addr.s_addr ? "sdp" : "other";
}

static void the_negotiated_address_is_believed_at_once(void **state) {
    begin();
    assert_true(packet("192.0.2.10", 1, 500));
    assert_true(latch_close(&L, now_us)); /* connect now */
    assert_false(latch_close(&L, now_us));
    assert_string_equal(source(), "sdp");
}

static void another_one_must_prove_itself(void **state) {
    begin();
    for (int i = 0; i < 3; i++, now_us += 20000)
        assert_false(packet("198.51.100.1", 7, (uint16_t)(65534 + i))); /* over the wrap */
    assert_true(packet("198.51.100.1", 7, 1));
    assert_string_equal(source(), "other");
    assert_true(packet("198.51.100.1", 7, 2));
    assert_false(packet("198.51.100.2", 7, 3));
    assert_false(latch_close(&L, now_us)); /* the true one may still turn up */
    now_us = 1000000 + LATCH_WINDOW_US;
    assert_true(latch_close(&L, now_us));
    assert_string_equal(source(), "other");
}

static void too_fast_is_no_proof(void **state) {
    begin();
    for (uint16_t i = 0; i < 50; i++, now_us += 400) /* a burst, less than 22 ms */
        assert_false(packet("198.51.100.1", 7, i));
    now_us += 5000;
    assert_true(packet("198.51.100.1", 7, 50));
}

static void the_sdp_address_wins_later_too(void **state) {
    begin();
    for (uint16_t i = 0; i < 10; i++, now_us += 20000)
        packet("198.51.100.1", 7, i);
    assert_string_equal(source(), "other");
    assert_true(packet("192.0.2.10", 1, 9));
    assert_string_equal(source(), "sdp");
    assert_false(packet("198.51.100.1", 7, 10));
    assert_true(latch_close(&L, now_us));
}

static void proof_must_be_one_stream(void **state) {
    begin();
    for (uint16_t i = 0; i < 100; i++, now_us += 10000) {
        assert_false(packet_of("198.51.100.1", 4000, 7, (uint16_t)(i * 2), 0)); /* gaps */
        assert_false(packet_of("198.51.100.2", 4000, i, i, 0));                 /* SSRC changes */
        assert_false(packet_of("198.51.100.3", 4000, 7, i, i % 2 ? 0 : 8));     /* payload type changes */
        assert_false(packet_of("198.51.100.4", (uint16_t)(4000 + i), 7, i, 0)); /* port changes */
    }
    assert_string_equal(source(), "sdp");
}

static void noise_does_not_keep_the_true_one_out(void **state) {
    begin();
    bool found = false;
    uint64_t seed = 1;
    for (uint16_t i = 0; i < 200 && !found; i++, now_us += 20000) {
        for (int k = 0; k < 3; k++) { /* strangers, each for a while */
            char host[20] = "203.0.113.0";
            host[10] = (char)('0' + rng_next(&seed) % 3);
            packet(host, (uint32_t)rng_next(&seed), (uint16_t)rng_next(&seed));
        }
        found = packet("198.51.100.1", 7, i);
    }
    assert_true(found);
    assert_true(now_us < 1500000);
}

static void a_flood_ends_the_window(void **state) {
    begin();
    for (int i = 0; i < LATCH_FLOOD; i++, now_us += 100) {
        assert_false(latch_close(&L, now_us));
        packet("198.51.100.1", (uint32_t)i, (uint16_t)(i * 3));
    }
    assert_true(latch_close(&L, now_us));
    assert_string_equal(source(), "sdp");
}

static void the_window_ends(void **state) {
    begin();
    now_us += LATCH_WINDOW_US;
    for (uint16_t i = 0; i < 10; i++, now_us += 20000)
        assert_false(packet("198.51.100.1", 7, i));
    assert_true(latch_close(&L, now_us));
    assert_string_equal(source(), "sdp");
}

static void a_new_address_opens_it_again_the_same_one_does_not(void **state) {
    begin();
    union latch_address same = addr("192.0.2.10", 4000), moved = addr("192.0.2.10", 4002),
                        v6 = addr("2001:db8::1", 4002);
    packet("192.0.2.10", 1, 1);
    assert_true(latch_close(&L, now_us));
    assert_false(latch_set(&L, &same, now_us + 1));
    assert_false(L.open);
    assert_true(latch_set(&L, &moved, now_us + 2));
    assert_true(L.open);
    assert_false(packet("192.0.2.10", 1, 2));
    assert_true(packet_of("192.0.2.10", 4002, 1, 2, 0));
    assert_true(latch_set(&L, &v6, now_us + 3));
    assert_false(packet_of("192.0.2.10", 4002, 1, 3, 0));
    assert_true(packet_of("2001:db8::1", 4002, 1, 4, 0));
    assert_false(packet_of("2001:db8::2", 4002, 1, 5, 0));
}

static void nothing_before_the_negotiation(void **state) {
    memset(&L, 0, sizeof L);
    now_us = 5;
    assert_false(packet("192.0.2.10", 1, 1));
    assert_false(latch_close(&L, now_us));
}

/* ---- terms: what offer and answer come to ---- */

static struct media_stream agreement(void) {
    struct media_desc d = {.address = "192.0.2.10",
                           .port = 4000,
                           .codec_count = 1,
                           .codec = {{MEDIA_PCMA, 8}},
                           .dtmf_payload_type = 101,
                           .direction = MEDIA_SENDRECV};
    return (struct media_stream){d, d};
}

static void directions_decide_who_may_speak(void **state) {
    struct leg_terms t;
    for (int ours = 0; ours < 4; ours++)
        for (int theirs = 0; theirs < 4; theirs++) {
            struct media_stream s = agreement();
            s.local.direction = (uint8_t)ours;
            s.remote.direction = (uint8_t)theirs;
            assert_int_equal(terms_make(&t, &s, AF_INET), 0);
            assert_int_equal(t.may_send, (ours & MEDIA_SENDONLY) && (theirs & MEDIA_RECVONLY));
            assert_int_equal(t.may_receive, (ours & MEDIA_RECVONLY) && (theirs & MEDIA_SENDONLY));
            assert_int_equal(t.expects, t.may_receive);
        }
    struct media_stream s = agreement();
    str_copy(s.remote.address, sizeof s.remote.address, "0.0.0.0"); /* the old way of hold */
    assert_int_equal(terms_make(&t, &s, AF_INET), 0);
    assert_false(t.may_send || t.has_address || t.expects);
    s = agreement();
    s.remote.port = 0;
    assert_int_equal(terms_make(&t, &s, AF_INET), 0);
    assert_false(t.may_send || t.may_receive || t.has_address);
}

static void payload_types_are_each_side_s_own(void **state) {
    struct media_stream s = agreement();
    struct leg_terms t;
    s.remote.codec[0].payload_type = 97; /* what it wants to receive */
    s.remote.dtmf_payload_type = 96;
    s.local.codec_count = 2;
    s.local.codec[1].codec = MEDIA_PCMU;
    s.local.codec[1].payload_type = 0;
    assert_int_equal(terms_make(&t, &s, AF_INET), 0);
    assert_int_equal(t.send_type, 97);
    assert_int_equal(t.send_law, MEDIA_PCMA);
    assert_int_equal(t.send_dtmf_type, 96);
    assert_int_equal(t.receive_dtmf_type, 101);
    assert_int_equal(leg_law_of(&t, 8), MEDIA_PCMA);
    assert_int_equal(leg_law_of(&t, 0), MEDIA_PCMU);
    assert_int_equal(leg_law_of(&t, 97), MEDIA_PCMA); /* a peer that sends what it asked for */
    assert_int_equal(leg_law_of(&t, 98), -1);
    assert_int_equal(leg_law_of(&t, 96), -1);
    s.remote.dtmf_payload_type = 0;
    assert_int_equal(terms_make(&t, &s, AF_INET), 0);
    assert_int_equal(t.send_dtmf_type, LEG_NO_PAYLOAD_TYPE);
    assert_int_equal(ntohs(t.rtcp.v4.sin_port), 4001);
    s.remote.rtcp_port = 5555;
    assert_int_equal(terms_make(&t, &s, AF_INET), 0);
    assert_int_equal(ntohs(t.rtcp.v4.sin_port), 5555);
}

static void bad_descriptions_are_refused(void **state) {
    struct leg_terms t;
    struct media_stream s = agreement();
    s.local.codec_count = 0;
    assert_int_equal(terms_make(&t, &s, AF_INET), -EINVAL);
    s = agreement();
    s.remote.codec_count = MEDIA_CODECS + 1;
    assert_int_equal(terms_make(&t, &s, AF_INET), -EINVAL);
    s = agreement();
    s.remote.codec[0].codec = MEDIA_CODECS;
    assert_int_equal(terms_make(&t, &s, AF_INET), -EINVAL);
    s = agreement();
    s.remote.codec[0].payload_type = 128;
    assert_int_equal(terms_make(&t, &s, AF_INET), -EINVAL);
    s = agreement();
    s.remote.dtmf_payload_type = 200;
    assert_int_equal(terms_make(&t, &s, AF_INET), -EINVAL);
    s = agreement();
    str_copy(s.remote.address, sizeof s.remote.address, "host.example");
    assert_int_equal(terms_make(&t, &s, AF_INET), -EINVAL);
    s = agreement();
    assert_int_equal(terms_make(&t, &s, AF_INET6), -EAFNOSUPPORT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_negotiated_address_is_believed_at_once),
        cmocka_unit_test(another_one_must_prove_itself),
        cmocka_unit_test(too_fast_is_no_proof),
        cmocka_unit_test(the_sdp_address_wins_later_too),
        cmocka_unit_test(proof_must_be_one_stream),
        cmocka_unit_test(noise_does_not_keep_the_true_one_out),
        cmocka_unit_test(a_flood_ends_the_window),
        cmocka_unit_test(the_window_ends),
        cmocka_unit_test(a_new_address_opens_it_again_the_same_one_does_not),
        cmocka_unit_test(nothing_before_the_negotiation),
        cmocka_unit_test(directions_decide_who_may_speak),
        cmocka_unit_test(payload_types_are_each_side_s_own),
        cmocka_unit_test(bad_descriptions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
