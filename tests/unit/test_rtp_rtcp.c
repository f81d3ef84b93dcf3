/* LIBS: media base */
/* SPDX-License-Identifier: Apache-2.0
 * RTCP reports: what is written is read again, what is broken is refused. */
#include "media/rtcp.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct rtp_report block = {0x11223344, 5, 70000, 33, 0xabcd1234, 65536, 12};

static void sender_reports_survive(void **state) {
    uint8_t data[RTCP_MAX];
    struct rtcp_sender sender = {0x0123456789abcdef, 8000, 50, 8600};
    struct rtcp_news news;
    for (size_t i = 0; i < 33; i++) { /* every length of name: padding */
        char name[40] = "";
        memset(name, 'x', i);
        size_t n = rtcp_write(data, 0x55667788, &sender, &block, name);
        assert_true(n % 4 == 0 && n <= sizeof data);
        assert_true(rtp_is_rtcp(data, n));
        assert_int_equal(rtcp_parse(&news, data, n, 0x11223344), 0);
        assert_true(news.has_sender && news.has_report && !news.bye);
        assert_int_equal(news.ssrc, 0x55667788);
        assert_int_equal(news.sender_ntp, 0x456789ab);
        assert_memory_equal(&news.report, &block, offsetof(struct rtp_report, fraction));
        assert_int_equal(news.report.fraction, 12);
        assert_int_equal(rtcp_parse(&news, data, n, 1), 0); /* about somebody else */
        assert_false(news.has_report);
    }
}

static void receiver_reports_survive(void **state) {
    uint8_t data[RTCP_MAX];
    struct rtcp_news news;
    size_t n = rtcp_write(data, 1, NULL, NULL, "a");
    assert_int_equal(rtcp_parse(&news, data, n, 1), 0);
    assert_false(news.has_sender || news.has_report);
    n = rtcp_write(data, 1, NULL, &block, "leg-00000001");
    assert_int_equal(rtcp_parse(&news, data, n, block.ssrc), 0);
    assert_true(news.has_report && !news.has_sender);
}

static void broken_packets_are_refused(void **state) {
    uint8_t data[RTCP_MAX], changed[RTCP_MAX];
    struct rtcp_sender sender = {1, 2, 3, 4};
    struct rtcp_news news;
    size_t n = rtcp_write(data, 1, &sender, &block, "name");
    for (size_t cut = 1; cut < n; cut++)
        if (cut != 52) /* exactly the report without the name: accepted, it harms nobody */
            assert_int_equal(rtcp_parse(&news, data, cut, 1), -EINVAL);
    memcpy(changed, data, n);
    changed[0] = 0x9f; /* 31 blocks */
    assert_int_equal(rtcp_parse(&news, changed, n, 1), -EINVAL);
    memcpy(changed, data, n);
    changed[1] = 202; /* must begin with a report */
    assert_int_equal(rtcp_parse(&news, changed, n, 1), -EINVAL);
    memcpy(changed, data, n);
    changed[3] = 255;
    assert_int_equal(rtcp_parse(&news, changed, n, 1), -EINVAL);
    uint64_t seed = 3;
    for (int round = 0; round < 20000; round++) {
        size_t length = rng_next(&seed) % 120;
        uint8_t *junk = malloc(length ? length : 1);
        for (size_t i = 0; i < length; i++)
            junk[i] = i < n && rng_next(&seed) % 8 ? data[i] : (uint8_t)rng_next(&seed);
        rtcp_parse(&news, junk, length, 1);
        free(junk);
    }
}

static void round_trip_is_computed(void **state) {
    uint64_t sent = rtcp_ntp(1700000000123456), now = rtcp_ntp(1700000000123456 + 250000);
    struct rtp_report r = {.last_sr = (uint32_t)(sent >> 16), .delay_since_sr = 65536 / 10};
    assert_in_range(rtcp_round_trip_us(&r, now), 149900, 150100);
    assert_int_equal(sent >> 32, 1700000000u + 2208988800u);
    r.delay_since_sr = 65536; /* longer than it can have been */
    assert_int_equal(rtcp_round_trip_us(&r, now), 0);
    r.last_sr = 0;
    assert_int_equal(rtcp_round_trip_us(&r, now), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sender_reports_survive),
        cmocka_unit_test(receiver_reports_survive),
        cmocka_unit_test(broken_packets_are_refused),
        cmocka_unit_test(round_trip_is_computed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
