/* LIBS: media base */
/* SPDX-License-Identifier: Apache-2.0
 * RTP headers and streams: pure, time is an argument. */
#include "media/rtp.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t T0 = 1000000;

/* ---- headers ---- */

static void header_survives_writing_and_parsing(void **state) {
    uint8_t data[RTP_HEADER + 4] = {0};
    struct rtp_packet in = {
        .payload_type = 101, .marker = true, .seq = 0xfedc, .timestamp = 0x89abcdef, .ssrc = 0xdeadbeef};
    struct rtp_packet out;
    rtp_write_header(data, &in);
    assert_int_equal(rtp_parse(&out, data, sizeof data), 0);
    assert_int_equal(out.payload_type, 101);
    assert_true(out.marker);
    assert_int_equal(out.seq, 0xfedc);
    assert_int_equal(out.timestamp, 0x89abcdef);
    assert_int_equal(out.ssrc, 0xdeadbeef);
    assert_int_equal(out.offset, 12);
    assert_int_equal(out.length, 4);
}

static void csrc_extension_and_padding_are_skipped(void **state) {
    uint8_t data[12 + 8 + 4 + 4 + 10 + 3] = {0xb2, 0x00, 0, 1}; /* V2 P X CC=2 */
    struct rtp_packet out;
    data[12 + 8 + 3] = 1; /* extension of one word */
    data[sizeof data - 1] = 3;
    assert_int_equal(rtp_parse(&out, data, sizeof data), 0);
    assert_int_equal(out.offset, 28);
    assert_int_equal(out.length, 10);
}

static void broken_headers_are_refused(void **state) {
    static const struct {
        uint8_t first[16];
        size_t length;
    } bad[] = {
        {{0x80}, 0},
        {{0x80}, 11},
        {{0x80}, 12},              /* no payload */
        {{0x00}, 16},              /* version 0 */
        {{0xc0}, 16},              /* version 3 */
        {{0x8f}, 16},              /* 15 CSRC do not fit */
        {{0x90}, 14},              /* extension header does not fit */
        {{0x90, [14] = 0xff}, 16}, /* extension longer than the packet */
        {{0xa0, [15] = 0}, 16},    /* padding of 0 */
        {{0xa0, [15] = 17}, 16},   /* padding longer than the packet */
        {{0xa0, [15] = 4}, 16},    /* padding is all there is */
    };
    struct rtp_packet out;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(rtp_parse(&out, bad[i].first, bad[i].length), -EINVAL);
}

/* Every length and many contents: never beyond the end (the sanitizer watches), payload always inside. */
static void junk_is_survived(void **state) {
    uint64_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        size_t length = rng_next(&seed) % 80;
        uint8_t *data = malloc(length + 1);
        for (size_t i = 0; i < length; i++)
            data[i] = (uint8_t)rng_next(&seed);
        if (length && round % 2)
            data[0] = (uint8_t)(0x80 | (data[0] & 0x3f));
        uint8_t *exact = realloc(data, length ? length : 1);
        struct rtp_packet out;
        if (rtp_parse(&out, exact, length) == 0) {
            assert_true(out.length > 0 && out.offset >= RTP_HEADER);
            assert_true((size_t)out.offset + out.length <= length);
        }
        rtp_is_rtcp(exact, length);
        free(exact);
    }
}

/* ---- what comes in ---- */

static enum rtp_verdict feed(struct rtp_in *in, uint32_t ssrc, uint16_t seq, uint64_t at_ms) {
    struct rtp_packet p = {.ssrc = ssrc, .seq = seq, .timestamp = seq * 160u, .length = 160};
    return rtp_in_packet(in, &p, T0 + at_ms * 1000, 77, true);
}

static void losses_latecomers_and_duplicates_are_counted(void **state) {
    struct rtp_in in = {0};
    struct rtp_report r;
    assert_int_equal(feed(&in, 1, 65530, 0), RTP_RESTARTED);
    assert_int_equal(in.epoch, 77);
    for (int i = 1; i < 20; i++) /* over the wrap */
        if (i != 10 && i != 11)
            assert_int_equal(feed(&in, 1, (uint16_t)(65530 + i), (uint64_t)i * 20), RTP_FRESH);
    assert_int_equal(rtp_in_lost(&in), 2);
    assert_int_equal(feed(&in, 1, (uint16_t)(65530 + 11), 400), RTP_LATE);
    assert_int_equal(feed(&in, 1, (uint16_t)(65530 + 11), 401), RTP_DUPLICATE);
    assert_int_equal(feed(&in, 1, (uint16_t)(65530 + 19), 402), RTP_DUPLICATE);
    assert_int_equal(rtp_in_lost(&in), 1);
    assert_int_equal(in.late, 1);
    rtp_in_report(&in, &r);
    assert_int_equal(r.highest_seq, 65536 + 13);
    assert_int_equal(r.lost, 1);
    assert_int_equal(r.fraction, 256 / 20);
    for (int i = 20; i < 30; i++)
        feed(&in, 1, (uint16_t)(65530 + i), (uint64_t)i * 20 + 10);
    rtp_in_report(&in, &r);
    assert_int_equal(r.fraction, 0); /* since the last one */
    assert_int_equal(r.lost, 1);
}

static void a_second_source_does_not_take_over_one_that_speaks(void **state) {
    struct rtp_in in = {0};
    for (int i = 0; i < 50; i++) {
        enum rtp_verdict own = feed(&in, 1, (uint16_t)(100 + i), (uint64_t)i * 20);
        assert_int_equal(own, i ? RTP_FRESH : RTP_RESTARTED);
        assert_int_equal(feed(&in, 2, (uint16_t)(9000 + i), (uint64_t)i * 20 + 7), RTP_STRANGE);
    }
    assert_int_equal(in.ssrc, 1);
    assert_int_equal(rtp_in_lost(&in), 0);
    /* the first one has fallen silent: the second is believed when it goes on */
    assert_int_equal(feed(&in, 2, 9050, 1000), RTP_STRANGE);
    assert_int_equal(feed(&in, 2, 9051, 1035), RTP_RESTARTED);
    assert_int_equal(feed(&in, 2, 9052, 1055), RTP_FRESH);
    assert_int_equal(feed(&in, 3, 1, 1300), RTP_RESTARTED); /* long silence: at once */
}

static void a_jump_must_be_confirmed(void **state) {
    struct rtp_in in = {0};
    feed(&in, 1, 100, 0);
    assert_int_equal(feed(&in, 1, 30000, 20), RTP_STRANGE);
    assert_int_equal(feed(&in, 1, 101, 20), RTP_FRESH);
    assert_int_equal(feed(&in, 1, 40000, 40), RTP_STRANGE);
    assert_int_equal(feed(&in, 1, 40001, 60), RTP_RESTARTED);
    assert_int_equal(feed(&in, 1, 40002, 80), RTP_FRESH);
    assert_int_equal(feed(&in, 1, 40001, 400), RTP_RESTARTED); /* a capture played again after a pause */
    assert_int_equal(rtp_in_lost(&in), 0);
}

static void jitter_is_that_of_the_rfc(void **state) {
    struct rtp_in in = {0};
    for (int i = 0; i < 500; i++) /* each second packet 2 ms late: |D| = 16 samples */
        feed(&in, 1, (uint16_t)i, (uint64_t)i * 20 + (i % 2 ? 2 : 0));
    assert_in_range(in.jitter16 >> 4, 15, 16);
}

/* ---- what goes out ---- */

struct listener { /* checks what every receiver wants: no hole, time never backwards, one SSRC */
    struct rtp_packet last;
    bool any;
};
static void hear(struct listener *l, const struct rtp_packet *p, uint32_t min_step, uint32_t max_step) {
    if (l->any) {
        assert_int_equal(p->seq, (uint16_t)(l->last.seq + 1));
        assert_in_range(p->timestamp - l->last.timestamp, min_step, max_step);
        assert_int_equal(p->ssrc, l->last.ssrc);
    }
    l->last = *p;
    l->any = true;
}

static void sources_change_without_a_seam(void **state) {
    struct rtp_out out;
    struct listener l = {0};
    struct rtp_packet p;
    uint64_t now = T0;
    rtp_out_init(&out, 99, 65500, 0xffffff00, now);
    for (int i = 0; i < 100; i++, now += 20000) {             /* a prompt */
        rtp_out_own(&out, now + (uint64_t)(i % 3) * 900, &p); /* our own lateness is not told */
        assert_int_equal(p.marker, i == 0);
        hear(&l, &p, 160, 160);
    }
    for (int i = 0; i < 50; i++, now += 20000) { /* relayed, from a clock of its own */
        p = (struct rtp_packet){
            .seq = (uint16_t)(65530 + i), .timestamp = 5000 + 160u * (unsigned)i, .ssrc = 5};
        assert_true(rtp_out_relay(&out, now, 10, &p));
        assert_int_equal(p.marker, i == 0);
        hear(&l, &p, 160, 170);
    }
    now += 1000000; /* the other side is silent, then we play again: time has passed */
    rtp_out_own(&out, now, &p);
    assert_true(p.marker);
    hear(&l, &p, 8000, 8400);
    for (int i = 0; i < 5; i++) { /* a digit keeps its timestamp */
        now += 20000;
        rtp_out_event(&out, now, i == 0, &p);
        hear(&l, &p, i ? 0 : 160, i ? 0 : 170);
    }
    now += 20000;
    rtp_out_own(&out, now, &p);
    hear(&l, &p, 790, 810);
    p = (struct rtp_packet){.seq = 7, .timestamp = 1};
    assert_true(rtp_out_relay(&out, now + 1000, 11, &p)); /* at once: still a frame later */
    hear(&l, &p, 160, 160);
}

static void relaying_keeps_order_and_gaps(void **state) {
    struct rtp_out out;
    struct rtp_packet p;
    rtp_out_init(&out, 1, 1000, 0, T0);
    p = (struct rtp_packet){.seq = 500, .timestamp = 0};
    rtp_out_relay(&out, T0, 3, &p);
    uint16_t base = p.seq;
    p = (struct rtp_packet){.seq = 503, .timestamp = 480};
    rtp_out_relay(&out, T0 + 60000, 3, &p);
    assert_int_equal(p.seq, (uint16_t)(base + 3)); /* the receiver must see the loss */
    p = (struct rtp_packet){.seq = 502, .timestamp = 320};
    assert_true(rtp_out_relay(&out, T0 + 61000, 3, &p));
    assert_int_equal(p.seq, (uint16_t)(base + 2));
    assert_int_equal(out.seq, (uint16_t)(base + 3));
    p = (struct rtp_packet){.seq = 499, .timestamp = 0};
    assert_false(rtp_out_relay(&out, T0 + 62000, 3, &p)); /* from before the join: its number is taken */
}

static void relaying_goes_on_for_hours(void **state) {
    struct rtp_out out;
    struct listener l = {0};
    rtp_out_init(&out, 1, 1, 1, T0);
    for (uint32_t i = 0; i < 200000; i++) { /* an hour and six minutes: three turns of the sequence */
        struct rtp_packet p = {.seq = (uint16_t)(4242 + i), .timestamp = 160 * i};
        assert_true(rtp_out_relay(&out, T0 + (uint64_t)i * 20000, 3, &p));
        hear(&l, &p, 160, 160);
    }
}

static void a_stall_moves_the_timestamp(void **state) {
    struct rtp_out out;
    struct rtp_packet a, b;
    rtp_out_init(&out, 1, 1, 1, T0);
    rtp_out_own(&out, T0, &a);
    rtp_out_own(&out, T0 + 500000, &b);
    assert_int_equal(b.timestamp - a.timestamp, 4000);
    assert_int_equal(b.seq, a.seq + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_survives_writing_and_parsing),
        cmocka_unit_test(csrc_extension_and_padding_are_skipped),
        cmocka_unit_test(broken_headers_are_refused),
        cmocka_unit_test(junk_is_survived),
        cmocka_unit_test(losses_latecomers_and_duplicates_are_counted),
        cmocka_unit_test(a_second_source_does_not_take_over_one_that_speaks),
        cmocka_unit_test(a_jump_must_be_confirmed),
        cmocka_unit_test(jitter_is_that_of_the_rfc),
        cmocka_unit_test(sources_change_without_a_seam),
        cmocka_unit_test(relaying_keeps_order_and_gaps),
        cmocka_unit_test(relaying_goes_on_for_hours),
        cmocka_unit_test(a_stall_moves_the_timestamp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
