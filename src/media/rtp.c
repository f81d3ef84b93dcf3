/* SPDX-License-Identifier: Apache-2.0
 * RTP headers and streams (RFC 3550 5.1, A.1, A.3, A.8). */
#include "media/rtp.h"

#include <errno.h>
#include <string.h>

enum {
    MAX_DROPOUT = 3000,        /* RFC 3550 A.1: a jump ahead up to this is loss */
    QUIET_RESTART_US = 200000, /* after such a silence new numbers are believed at once */
    QUIET_SSRC_US = 50000,     /* two streams at once: the old one goes on as long as it is heard */
    RESYNC_US = 60000,         /* our own audio this far off the clock: follow the clock again */
};

static uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static void put32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

bool rtp_is_rtcp(const uint8_t *data, size_t length) {
    return length >= 8 && data[0] >> 6 == 2 && data[1] >= 192 && data[1] <= 223;
}

int rtp_parse(struct rtp_packet *out, const uint8_t *data, size_t length) {
    if (length <= RTP_HEADER || length > UINT16_MAX || data[0] >> 6 != 2)
        return -EINVAL;
    size_t offset = RTP_HEADER + 4 * (size_t)(data[0] & 15), end = length;
    if (data[0] & 0x10) { /* extension */
        if (offset + 4 > length)
            return -EINVAL;
        offset += 4 + 4 * ((size_t)data[offset + 2] << 8 | data[offset + 3]);
    }
    if (data[0] & 0x20) { /* padding; its last byte counts itself */
        size_t padding = data[length - 1];
        if (padding == 0 || padding > length)
            return -EINVAL;
        end -= padding;
    }
    if (offset >= end)
        return -EINVAL;
    out->marker = data[1] >> 7;
    out->payload_type = data[1] & 0x7f;
    out->seq = (uint16_t)(data[2] << 8 | data[3]);
    out->timestamp = get32(data + 4);
    out->ssrc = get32(data + 8);
    out->offset = (uint16_t)offset;
    out->length = (uint16_t)(end - offset);
    return 0;
}

void rtp_write_header(uint8_t *header, const struct rtp_packet *packet) {
    header[0] = 0x80;
    header[1] = (uint8_t)((packet->marker ? 0x80 : 0) | packet->payload_type);
    header[2] = (uint8_t)(packet->seq >> 8);
    header[3] = (uint8_t)packet->seq;
    put32(header + 4, packet->timestamp);
    put32(header + 8, packet->ssrc);
}

/* ---- incoming ---- */

static uint32_t expected(const struct rtp_in *in) {
    return in->started ? in->cycles + in->max_seq - in->base_seq + 1 : 0;
}
static uint32_t lost_now(const struct rtp_in *in) {
    uint32_t e = expected(in);
    return e > in->received ? e - in->received : 0;
}
uint32_t rtp_in_lost(const struct rtp_in *in) {
    return in->lost_before + lost_now(in);
}

static uint32_t arrival_units(uint64_t now_us) {
    return (uint32_t)(now_us * (RTP_RATE / 1000) / 1000);
}

static enum rtp_verdict restart(struct rtp_in *in, const struct rtp_packet *packet, uint64_t now_us,
                                uint32_t epoch) {
    in->lost_before += lost_now(in);
    in->ssrc = packet->ssrc;
    in->max_seq = packet->seq;
    in->base_seq = packet->seq;
    in->cycles = 0;
    in->received = 1;
    in->expected_before = in->received_before = 0;
    in->seen = 1;
    in->transit = arrival_units(now_us) - packet->timestamp;
    in->epoch = epoch;
    in->last_us = now_us;
    in->started = true;
    return RTP_RESTARTED;
}

/* Numbers or an SSRC that do not fit: believed after a silence, or when a second packet confirms them. */
static enum rtp_verdict strange(struct rtp_in *in, const struct rtp_packet *packet, uint64_t now_us,
                                uint32_t epoch) {
    uint64_t quiet_us = now_us - in->last_us;
    bool confirmed = packet->ssrc == in->next_ssrc && packet->seq == in->next_seq &&
                     (packet->ssrc == in->ssrc || quiet_us >= QUIET_SSRC_US);
    if (quiet_us >= QUIET_RESTART_US || confirmed)
        return restart(in, packet, now_us, epoch);
    in->next_ssrc = packet->ssrc;
    in->next_seq = (uint16_t)(packet->seq + 1);
    return RTP_STRANGE;
}

static void update_jitter(struct rtp_in *in, const struct rtp_packet *packet, uint64_t now_us) {
    uint32_t transit = arrival_units(now_us) - packet->timestamp;
    int32_t d = (int32_t)(transit - in->transit);
    in->transit = transit;
    if (d < 0)
        d = -d;
    if (d < RTP_RATE * 2) /* more is a gap in the source's clock, not jitter */
        in->jitter16 += (uint32_t)d - ((in->jitter16 + 8) >> 4);
}

enum rtp_verdict rtp_in_packet(struct rtp_in *in, const struct rtp_packet *packet, uint64_t now_us,
                               uint32_t epoch, bool is_audio) {
    if (!in->started)
        return restart(in, packet, now_us, epoch);
    if (packet->ssrc != in->ssrc)
        return strange(in, packet, now_us, epoch);
    int delta = (int16_t)(uint16_t)(packet->seq - in->max_seq);
    if (delta > 0 && delta < MAX_DROPOUT) {
        if (packet->seq < in->max_seq)
            in->cycles += 65536;
        in->max_seq = packet->seq;
        in->seen = delta < 64 ? in->seen << delta | 1 : 1;
        in->received++;
        if (is_audio)
            update_jitter(in, packet, now_us);
        in->last_us = now_us;
        return RTP_FRESH;
    }
    if (delta > -64 && delta <= 0 && now_us - in->last_us < QUIET_RESTART_US) {
        uint64_t bit = UINT64_C(1) << -delta;
        if (in->seen & bit)
            return RTP_DUPLICATE;
        in->seen |= bit;
        in->received++;
        in->late++;
        in->last_us = now_us;
        return RTP_LATE;
    }
    return strange(in, packet, now_us, epoch);
}

void rtp_in_report(struct rtp_in *in, struct rtp_report *out) {
    uint32_t e = expected(in), de = e - in->expected_before, dr = in->received - in->received_before;
    uint32_t lost = rtp_in_lost(in);
    in->expected_before = e;
    in->received_before = in->received;
    out->ssrc = in->ssrc;
    out->fraction =
        de && de > dr
            ? (uint8_t)(((uint64_t)(de - dr) << 8) / de > 255 ? 255 : ((uint64_t)(de - dr) << 8) / de)
            : 0;
    out->lost = lost > 0x7fffff ? 0x7fffff : lost;
    out->highest_seq = in->cycles + in->max_seq;
    out->jitter = in->jitter16 >> 4;
}

/* ---- outgoing ---- */

void rtp_out_init(struct rtp_out *out, uint32_t ssrc, uint16_t seq, uint32_t timestamp, uint64_t now_us) {
    memset(out, 0, sizeof *out);
    out->ssrc = ssrc;
    out->seq = seq;
    out->timestamp = timestamp;
    out->anchor_us = now_us;
}

/* The next packet comes from another source: its timestamp follows the clock, but never less than one frame
 * after whatever was sent before. */
static void switch_to(struct rtp_out *out, uint64_t now_us, uint32_t source) {
    uint64_t elapsed_us = now_us > out->anchor_us ? now_us - out->anchor_us : 0;
    if (out->started && elapsed_us < RTP_FRAME_US) {
        out->timestamp += RTP_FRAME;
        out->anchor_us += RTP_FRAME_US;
    } else {
        out->timestamp += (uint32_t)(elapsed_us * (RTP_RATE / 1000) / 1000);
        out->anchor_us = now_us;
    }
    out->source = source;
    out->started = true;
}

void rtp_out_own(struct rtp_out *out, uint64_t now_us, struct rtp_packet *packet) {
    uint64_t due_us = out->anchor_us + RTP_FRAME_US;
    packet->marker = false;
    if (out->source == RTP_SOURCE_OWN && now_us + RESYNC_US > due_us && now_us < due_us + RESYNC_US) {
        out->timestamp += RTP_FRAME;
        out->anchor_us = due_us;
    } else {
        packet->marker = true;
        switch_to(out, now_us, RTP_SOURCE_OWN);
    }
    packet->seq = ++out->seq;
    packet->timestamp = out->timestamp;
    packet->ssrc = out->ssrc;
}

void rtp_out_event(struct rtp_out *out, uint64_t now_us, bool first, struct rtp_packet *packet) {
    if (first)
        switch_to(out, now_us, RTP_SOURCE_EVENT);
    packet->marker = first;
    packet->seq = ++out->seq;
    packet->timestamp = out->timestamp;
    packet->ssrc = out->ssrc;
}

bool rtp_out_relay(struct rtp_out *out, uint64_t now_us, uint32_t epoch, struct rtp_packet *packet) {
    if (out->source != epoch) {
        switch_to(out, now_us, epoch);
        out->relay_base = packet->seq;
        out->seq_offset = (uint16_t)(out->seq + 1 - packet->seq);
        out->timestamp_offset = out->timestamp - packet->timestamp;
        packet->marker = true;
    } else if ((int16_t)(uint16_t)(packet->seq - out->relay_base) < 0) {
        return false;
    } else if ((uint16_t)(packet->seq - out->relay_base) > 2000) {
        out->relay_base = (uint16_t)(packet->seq - 1000); /* or it would look newer after half a turn */
    }
    packet->seq = (uint16_t)(packet->seq + out->seq_offset);
    packet->timestamp += out->timestamp_offset;
    packet->ssrc = out->ssrc;
    if ((int16_t)(uint16_t)(packet->seq - out->seq) > 0) {
        out->seq = packet->seq;
        if ((int32_t)(packet->timestamp - out->timestamp) > 0) {
            out->timestamp = packet->timestamp;
            out->anchor_us = now_us;
        }
    }
    return true;
}
