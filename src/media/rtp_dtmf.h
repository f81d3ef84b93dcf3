/* SPDX-License-Identifier: Apache-2.0
 * Digits in RTP: telephone-events 0-15 (RFC 4733). Pure. */
#ifndef MEDIA_RTP_DTMF_H
#define MEDIA_RTP_DTMF_H

#include "callfloor/base.h"

enum { RTP_DTMF_PAYLOAD = 4 };

struct rtp_dtmf_event {
    uint8_t event; /* 0-9, 10 '*', 11 '#', 12-15 A-D */
    bool end;
    uint8_t volume;    /* -dBm0 */
    uint16_t duration; /* samples */
};
/* 0, or -EINVAL: too short, or an event that is not a digit. */
int rtp_dtmf_parse(struct rtp_dtmf_event *out, const uint8_t *payload, size_t length);
void rtp_dtmf_write(uint8_t payload[RTP_DTMF_PAYLOAD], const struct rtp_dtmf_event *event);
char rtp_dtmf_char(uint8_t event);
/* -1 when c is no digit. */
int rtp_dtmf_event_of(char c);

/* Receiver: says of each packet whether a digit begins with it. The first packet of an event counts,
 * whichever it is; repetitions, updates, end packets and stragglers do not. */
struct rtp_dtmf_in {
    uint64_t last_us; /* arrival of the event's last packet */
    uint32_t timestamp;
    uint16_t duration;
    uint8_t event;
    bool any, ended;
};
bool rtp_dtmf_in_packet(struct rtp_dtmf_in *in, const struct rtp_dtmf_event *event, uint32_t timestamp,
                        uint64_t now_us);

/* Sender: asked once per 20 ms frame. */
enum { RTP_DTMF_QUEUE = 16, RTP_DTMF_MIN_MS = 40, RTP_DTMF_MAX_MS = 8000 };
enum rtp_dtmf_frame {
    RTP_DTMF_NOTHING, /* no digit: audio as usual */
    RTP_DTMF_FIRST,   /* send *event; it opens a digit: marker, new timestamp */
    RTP_DTMF_MORE,    /* send *event with the same timestamp */
    RTP_DTMF_GAP,     /* between two digits: send neither audio nor event */
};
struct rtp_dtmf_out {
    uint8_t state, first, count;
    uint8_t repeats;   /* end packets or gap frames still to come */
    uint16_t duration; /* sent so far, samples */
    struct {
        uint8_t event;
        uint16_t duration; /* samples */
    } digit[RTP_DTMF_QUEUE];
};
/* 0, -EINVAL (no digit) or -ENOBUFS. duration_ms is brought into the bounds above. */
int rtp_dtmf_out_add(struct rtp_dtmf_out *out, char digit, uint32_t duration_ms);
enum rtp_dtmf_frame rtp_dtmf_out_frame(struct rtp_dtmf_out *out, struct rtp_dtmf_event *event);
static inline bool rtp_dtmf_out_busy(const struct rtp_dtmf_out *out) {
    return out->count || out->state;
}

#endif
