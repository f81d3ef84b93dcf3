/* SPDX-License-Identifier: Apache-2.0
 * RTCP compound packets. */
#include "media/rtcp.h"

#include <errno.h>
#include <string.h>

enum { SENDER_REPORT = 200, RECEIVER_REPORT = 201, SDES = 202, BYE = 203, CNAME = 1, CNAME_MAX = 32 };

static uint8_t *put32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
    return p + 4;
}
static uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static void put_head(uint8_t *p, unsigned count, unsigned type, const uint8_t *end) {
    size_t words = (size_t)(end - p) / 4 - 1;
    p[0] = (uint8_t)(0x80 | count);
    p[1] = (uint8_t)type;
    p[2] = (uint8_t)(words >> 8);
    p[3] = (uint8_t)words;
}

static uint8_t *put_report(uint8_t *p, const struct rtp_report *r) {
    p = put32(p, r->ssrc);
    p = put32(p, (uint32_t)r->fraction << 24 | (r->lost & 0xffffff));
    p = put32(p, r->highest_seq);
    p = put32(p, r->jitter);
    p = put32(p, r->last_sr);
    return put32(p, r->delay_since_sr);
}

size_t rtcp_write(uint8_t out[RTCP_MAX], uint32_t ssrc, const struct rtcp_sender *sender,
                  const struct rtp_report *report, const char *cname) {
    uint8_t *p = put32(out + 4, ssrc);
    if (sender) {
        p = put32(p, (uint32_t)(sender->ntp >> 32));
        p = put32(p, (uint32_t)sender->ntp);
        p = put32(p, sender->timestamp);
        p = put32(p, sender->packets);
        p = put32(p, sender->octets);
    }
    if (report)
        p = put_report(p, report);
    put_head(out, report ? 1 : 0, sender ? SENDER_REPORT : RECEIVER_REPORT, p);
    uint8_t *sdes = p;
    size_t length = strnlen(cname, CNAME_MAX);
    p = put32(p + 4, ssrc);
    *p++ = CNAME;
    *p++ = (uint8_t)length;
    memcpy(p, cname, length);
    p += length;
    do /* at least one zero ends the chunk, up to a whole word */
        *p++ = 0;
    while ((p - sdes) % 4);
    put_head(sdes, 1, SDES, p);
    return (size_t)(p - out);
}

static void parse_blocks(struct rtcp_news *out, const uint8_t *p, unsigned count, uint32_t ssrc) {
    for (; count; count--, p += 24) {
        if (get32(p) != ssrc)
            continue;
        out->has_report = true;
        out->report = (struct rtp_report){ssrc,          get32(p + 4) & 0xffffff, get32(p + 8), get32(p + 12),
                                          get32(p + 16), get32(p + 20),           p[4]};
    }
}

int rtcp_parse(struct rtcp_news *out, const uint8_t *data, size_t length, uint32_t ssrc) {
    memset(out, 0, sizeof *out);
    for (bool first = true; length; first = false) {
        if (length < 8 || data[0] >> 6 != 2)
            return -EINVAL;
        size_t size = 4 * (((size_t)data[2] << 8 | data[3]) + 1);
        unsigned count = data[0] & 31, type = data[1];
        size_t fixed = type == SENDER_REPORT ? 28 : 8;
        if (size > length || size < 8 || (first && type != SENDER_REPORT && type != RECEIVER_REPORT))
            return -EINVAL;
        if (type == SENDER_REPORT || type == RECEIVER_REPORT) {
            if (size < fixed + 24 * (size_t)count)
                return -EINVAL;
            out->ssrc = get32(data + 4);
            if (type == SENDER_REPORT) {
                out->has_sender = true;
                out->sender_ntp = get32(data + 8) << 16 | get32(data + 12) >> 16;
            }
            parse_blocks(out, data + fixed, count, ssrc);
        } else if (type == BYE) {
            out->bye = true;
        }
        data += size;
        length -= size;
    }
    return 0;
}

uint64_t rtcp_ntp(uint64_t wall_us) {
    return (wall_us / 1000000 + 2208988800u) << 32 | ((wall_us % 1000000) << 32) / 1000000;
}

uint32_t rtcp_round_trip_us(const struct rtp_report *report, uint64_t ntp) {
    if (!report->last_sr)
        return 0;
    uint32_t units = (uint32_t)(ntp >> 16) - report->last_sr - report->delay_since_sr;
    if (units & 0x80000000) /* clocks say it arrived before it was sent */
        return 0;
    return (uint32_t)((uint64_t)units * 1000000 >> 16);
}
