/* SPDX-License-Identifier: Apache-2.0
 * RTCP: sender and receiver reports with CNAME (RFC 3550 6.4, 6.5). Pure. */
#ifndef MEDIA_RTCP_H
#define MEDIA_RTCP_H

#include "media/rtp.h"

enum { RTCP_MAX = 128 };

struct rtcp_sender {
    uint64_t ntp; /* 32.32 */
    uint32_t timestamp, packets, octets;
};

/* Compound packet: SR (sender not NULL) or RR, with one report block (not NULL), and SDES CNAME. cname: at
 * most 32 bytes. Returns the length. */
size_t rtcp_write(uint8_t out[RTCP_MAX], uint32_t ssrc, const struct rtcp_sender *sender,
                  const struct rtp_report *report, const char *cname);

struct rtcp_news {
    bool has_sender, has_report, bye;
    uint32_t ssrc;            /* who reports */
    uint32_t sender_ntp;      /* middle 32 bits, for last_sr */
    struct rtp_report report; /* about the stream asked for */
};
/* What a compound packet says about our stream `ssrc`. 0, or -EINVAL when it is malformed. */
int rtcp_parse(struct rtcp_news *out, const uint8_t *data, size_t length, uint32_t ssrc);

/* 32.32 from microseconds since 1970. */
uint64_t rtcp_ntp(uint64_t wall_us);
/* Round trip from a report block that arrived at ntp; 0 when it tells nothing. */
uint32_t rtcp_round_trip_us(const struct rtp_report *report, uint64_t ntp);

#endif
