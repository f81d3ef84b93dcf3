/* LIBS: media base */
/* SPDX-License-Identifier: Apache-2.0
 * RFC 4733 digits: told exactly once whatever is lost or repeated; sent as the RFC wants. */
#include "media/rtp_dtmf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

enum { MAX_PACKETS = 64 };

struct packet {
    struct rtp_dtmf_event event;
    uint32_t timestamp;
    uint64_t at_us;
};

/* A digit of 100 ms as a phone sends it: five updates, the last thrice with the end bit. */
static int press(struct packet *out, uint8_t digit, uint32_t timestamp, uint64_t at_us) {
    int n = 0;
    for (int i = 1; i <= 4; i++)
        out[n++] =
            (struct packet){{digit, false, 10, (uint16_t)(160 * i)}, timestamp, at_us + 20000u * (unsigned)i};
    for (int i = 0; i < 3; i++)
        out[n++] = (struct packet){{digit, true, 10, 800}, timestamp, at_us + 100000};
    return n;
}

static void told(const struct packet *p, int n, uint32_t skip, char *text) {
    struct rtp_dtmf_in in = {0};
    for (int i = 0; i < n; i++)
        if (!(skip >> i & 1) && rtp_dtmf_in_packet(&in, &p[i].event, p[i].timestamp, p[i].at_us))
            *text++ = rtp_dtmf_char(p[i].event.event);
    *text = '\0';
}

static void any_loss_leaves_each_digit_once(void **state) {
    struct packet p[MAX_PACKETS];
    char text[MAX_PACKETS + 1];
    int n = press(p, 1, 1000, 5000000);
    n += press(p + n, 1, 2600, 5200000); /* the same key again, 200 ms later */
    for (uint32_t skip = 0; skip < 1u << 14; skip++) {
        bool first = (skip & 0x7f) != 0x7f, second = skip >> 7 != 0x7f;
        told(p, n, skip, text);
        assert_int_equal(strlen(text), first + second);
    }
}

static void the_first_packet_counts(void **state) {
    struct rtp_dtmf_in in = {0};
    struct rtp_dtmf_event e = {5, false, 10, 0};
    assert_true(rtp_dtmf_in_packet(&in, &e, 0xfffffff0, 1000000));
    for (int i = 1; i < 200; i++) { /* held down for four seconds */
        e.duration = (uint16_t)(160 * i);
        assert_false(rtp_dtmf_in_packet(&in, &e, 0xfffffff0, 1000000 + 20000u * (unsigned)i));
    }
    e = (struct rtp_dtmf_event){6, false, 10, 0};
    assert_true(rtp_dtmf_in_packet(&in, &e, 0x20, 6000000)); /* over the wrap of the timestamp */
}

static void stragglers_are_not_digits(void **state) {
    struct rtp_dtmf_in in = {0};
    struct rtp_dtmf_event five = {5, true, 10, 800}, six = {6, false, 10, 160};
    assert_true(rtp_dtmf_in_packet(&in, &five, 1000, 1000000));
    assert_true(rtp_dtmf_in_packet(&in, &six, 1800, 1080000));
    assert_false(rtp_dtmf_in_packet(&in, &five, 1000, 1090000)); /* overtaken by the next digit */
    assert_false(rtp_dtmf_in_packet(&in, &five, 1000, 1400000));
    assert_false(rtp_dtmf_in_packet(&in, &six, 1800, 1100000));
}

static void a_capture_played_twice_is_two_digits(void **state) {
    struct packet p[MAX_PACKETS];
    char text[MAX_PACKETS + 1];
    int n = press(p, 2, 1000, 5000000);
    n += press(p + n, 2, 1000, 5500000); /* same timestamps, half a second later */
    n += press(p + n, 2, 1000, 9500000);
    told(p, n, 0, text);
    assert_string_equal(text, "222");
}

static void payloads_are_checked(void **state) {
    struct rtp_dtmf_event e;
    uint8_t payload[4] = {0};
    for (int event = 0; event < 16; event++) {
        struct rtp_dtmf_event in = {(uint8_t)event, event % 2, 33, 12345};
        rtp_dtmf_write(payload, &in);
        assert_int_equal(rtp_dtmf_parse(&e, payload, 4), 0);
        assert_true(e.event == event && e.end == in.end && e.volume == 33 && e.duration == 12345);
        assert_int_equal(rtp_dtmf_event_of(rtp_dtmf_char((uint8_t)event)), event);
    }
    payload[0] = 16; /* flash: not a digit */
    assert_int_equal(rtp_dtmf_parse(&e, payload, 4), -EINVAL);
    payload[0] = 1;
    assert_int_equal(rtp_dtmf_parse(&e, payload, 3), -EINVAL);
    assert_int_equal(rtp_dtmf_event_of('x'), -1);
    assert_int_equal(rtp_dtmf_event_of('\0'), -1);
    assert_int_equal(rtp_dtmf_event_of('d'), 15);
}

static void digits_go_out_as_the_rfc_wants(void **state) {
    struct rtp_dtmf_out out = {0};
    struct rtp_dtmf_event e;
    char trace[64] = "";
    assert_int_equal(rtp_dtmf_out_frame(&out, &e), RTP_DTMF_NOTHING);
    assert_int_equal(rtp_dtmf_out_add(&out, '9', 70), 0); /* not a multiple of the frame */
    assert_int_equal(rtp_dtmf_out_add(&out, '#', 1), 0);  /* too short: 40 ms */
    for (size_t n = 0; rtp_dtmf_out_busy(&out) && n < sizeof trace - 1; n++) {
        enum rtp_dtmf_frame f = rtp_dtmf_out_frame(&out, &e);
        trace[n] = f == RTP_DTMF_GAP ? '_' : f == RTP_DTMF_FIRST ? 'F' : e.end ? 'E' : 'm';
        if (f != RTP_DTMF_GAP && e.end)
            assert_int_equal(e.duration, e.event == 9 ? 560 : 320);
        trace[n + 1] = '\0';
    }
    assert_string_equal(trace, "FmmEEE___FEEE");
    for (int i = 0; i < RTP_DTMF_QUEUE; i++)
        assert_int_equal(rtp_dtmf_out_add(&out, '1', 100), 0);
    assert_int_equal(rtp_dtmf_out_add(&out, '1', 100), -ENOBUFS);
    assert_int_equal(rtp_dtmf_out_add(&out, 'z', 100), -EINVAL);
}

/* What the sender sends, the receiver tells once each. */
static void sender_and_receiver_agree(void **state) {
    struct rtp_dtmf_out out = {0};
    struct rtp_dtmf_in in = {0};
    struct rtp_dtmf_event e;
    char heard[32] = "";
    uint32_t timestamp = 0, clock = 0;
    for (const char *c = "0123456789*#AAB"; *c; c++)
        rtp_dtmf_out_add(&out, *c, 60);
    for (size_t n = 0; rtp_dtmf_out_busy(&out); clock += 160) {
        enum rtp_dtmf_frame f = rtp_dtmf_out_frame(&out, &e);
        if (f == RTP_DTMF_FIRST)
            timestamp = clock;
        if (f != RTP_DTMF_GAP && rtp_dtmf_in_packet(&in, &e, timestamp, 1000000 + (uint64_t)clock * 125))
            heard[n++] = rtp_dtmf_char(e.event);
    }
    assert_string_equal(heard, "0123456789*#AAB");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_loss_leaves_each_digit_once),
        cmocka_unit_test(the_first_packet_counts),
        cmocka_unit_test(stragglers_are_not_digits),
        cmocka_unit_test(a_capture_played_twice_is_two_digits),
        cmocka_unit_test(payloads_are_checked),
        cmocka_unit_test(digits_go_out_as_the_rfc_wants),
        cmocka_unit_test(sender_and_receiver_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
