/* SPDX-License-Identifier: Apache-2.0
 * RTP headers, and the state of one incoming and one outgoing stream (RFC 3550). Pure: no clock, no socket.
 */
#ifndef MEDIA_RTP_H
#define MEDIA_RTP_H

#include "callfloor/base.h"

enum { RTP_HEADER = 12, RTP_RATE = 8000, RTP_FRAME = 160, RTP_FRAME_US = 20000 };

struct rtp_packet {
    uint8_t payload_type;
    bool marker;
    uint16_t seq;
    uint32_t timestamp, ssrc;
    uint16_t offset, length; /* of the payload; length without padding, never 0 */
};

/* 0, or -EINVAL for anything that is not RTP version 2 with a payload. */
int rtp_parse(struct rtp_packet *out, const uint8_t *data, size_t length);
/* RTCP sharing the port (RFC 5761 4): packet types 192..223 where RTP has marker and payload type. */
bool rtp_is_rtcp(const uint8_t *data, size_t length);
/* Writes 12 bytes; only these fields of the packet are used: payload_type, marker, seq, timestamp, ssrc. */
void rtp_write_header(uint8_t *header, const struct rtp_packet *packet);

/* ---- a stream we receive ---- */

enum rtp_verdict {
    RTP_FRESH,     /* the newest so far */
    RTP_LATE,      /* older than the newest, not seen before */
    RTP_DUPLICATE, /* seen, or too old to tell */
    RTP_RESTARTED, /* first packet of a stream: new SSRC, or the numbers jumped and that was confirmed */
    RTP_STRANGE,   /* another SSRC or far-off numbers, not confirmed: to be dropped */
};

struct rtp_in {
    uint64_t last_us;      /* arrival of the last packet that belonged to the stream */
    uint64_t seen;         /* bit n: max_seq - n was received */
    uint32_t ssrc, cycles; /* cycles: in units of 65536 */
    uint32_t epoch;        /* differs for each restart of each stream */
    uint32_t base_seq, received;
    uint32_t expected_before, received_before; /* at the last report, for the fraction */
    uint32_t lost_before;                      /* in streams that were replaced */
    uint32_t late;
    uint32_t transit, jitter16; /* RFC 3550 A.8, jitter times 16 */
    uint32_t next_ssrc;         /* what a second strange packet must look like to be believed */
    uint16_t next_seq, max_seq;
    bool started;
};

/* epoch: stamped on the stream when the verdict is RTP_RESTARTED. is_audio: counts for jitter. */
enum rtp_verdict rtp_in_packet(struct rtp_in *in, const struct rtp_packet *packet, uint64_t now_us,
                               uint32_t epoch, bool is_audio);
uint32_t rtp_in_lost(const struct rtp_in *in);

struct rtp_report { /* one RTCP report block, host order */
    uint32_t ssrc, lost, highest_seq, jitter, last_sr, delay_since_sr;
    uint8_t fraction;
};
/* Figures since the last report (fraction) and since the start (rest); last_sr and delay are the caller's. */
void rtp_in_report(struct rtp_in *in, struct rtp_report *out);

/* ---- a stream we send: one SSRC, sequence without holes, timestamps by the clock, whatever it carries ----
 */

enum { RTP_SOURCE_NONE = 0, RTP_SOURCE_OWN = 1, RTP_SOURCE_EVENT = 2, RTP_SOURCE_FIRST_EPOCH = 3 };

struct rtp_out {
    uint64_t anchor_us;        /* when `timestamp` was due */
    uint32_t ssrc, timestamp;  /* of the newest packet */
    uint32_t source;           /* RTP_SOURCE_* or the epoch of the stream that is relayed */
    uint32_t timestamp_offset; /* relayed: out = in + offset */
    uint32_t packets, octets;  /* sent, for the sender report */
    uint16_t seq, seq_offset;  /* of the newest packet */
    uint16_t relay_base;       /* relayed: sequence number of the first one, as it came in */
    bool started;
};

void rtp_out_init(struct rtp_out *out, uint32_t ssrc, uint16_t seq, uint32_t timestamp, uint64_t now_us);
/* Next packet of our own audio (prompt, silence) of RTP_FRAME samples. Sets marker, seq, timestamp, ssrc. */
void rtp_out_own(struct rtp_out *out, uint64_t now_us, struct rtp_packet *packet);
/* Next packet of a digit; first: its timestamp is the digit's, later ones keep it. */
void rtp_out_event(struct rtp_out *out, uint64_t now_us, bool first, struct rtp_packet *packet);
/* A packet of another stream is passed on: in place, packet holds the incoming numbers. False: it is older
 * than the moment we switched to its stream and must be dropped. */
bool rtp_out_relay(struct rtp_out *out, uint64_t now_us, uint32_t epoch, struct rtp_packet *packet);

#endif
