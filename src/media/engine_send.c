/* SPDX-License-Identifier: Apache-2.0
 * What goes out: relayed packets, our own frames, reports. */
#include "media/engine.h"
#include "media/rtcp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { REPORT_US = 5000000, DIGIT_FRAME = RTP_HEADER + RTP_DTMF_PAYLOAD };

static ssize_t transmit(const struct leg *leg, const uint8_t *packet, size_t length) {
    const union latch_address *to = &leg->latch.source;
    if (leg->connected)
        return send(leg->rtp_fd, packet, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sendto(leg->rtp_fd, packet, length, MSG_DONTWAIT | MSG_NOSIGNAL, &to->any, latch_address_len(to));
}

void engine_send(struct engine *e, struct leg *leg, const uint8_t *packet, size_t length) {
    if (!leg->terms.may_send)
        return;
    ssize_t n = transmit(leg, packet, length);
    if (n < 0 && errno == ECONNREFUSED) /* an ICMP error of an earlier packet; this one was not sent */
        n = transmit(leg, packet, length);
    if (n < 0) {
        e->dropped++;
        return;
    }
    leg->out.packets++;
    leg->out.octets += (uint32_t)(length - RTP_HEADER);
    leg->stats.packets_out++;
    leg->stats.bytes_out += length;
    e->packets_out++;
}

void engine_relay(struct engine *e, struct leg *from, uint8_t *data, const struct rtp_packet *packet,
                  int law) {
    struct leg *to = &e->leg[from->peer];
    struct rtp_packet out = *packet;
    if (!to->set || !to->terms.may_send || to->speaks)
        return;
    out.payload_type = law < 0 ? to->terms.send_dtmf_type : to->terms.send_type;
    if (out.payload_type == LEG_NO_PAYLOAD_TYPE || !rtp_out_relay(&to->out, e->now_us, from->in.epoch, &out))
        return;
    if (law >= 0)
        law_transcode(data + packet->offset, packet->length, law, to->terms.send_law);
    uint8_t *header = data + packet->offset - RTP_HEADER; /* extension, CSRC and padding are left out */
    rtp_write_header(header, &out);
    engine_send(e, to, header, RTP_HEADER + (size_t)packet->length);
}

/* True: this frame is the digit's. */
static bool digit_frame(struct engine *e, struct leg *leg) {
    uint8_t buffer[DIGIT_FRAME];
    struct rtp_dtmf_event event;
    struct rtp_packet packet = {.payload_type = leg->terms.send_dtmf_type};
    enum rtp_dtmf_frame kind = rtp_dtmf_out_frame(&leg->dtmf_out, &event);
    if (kind == RTP_DTMF_NOTHING)
        return false;
    if (kind == RTP_DTMF_GAP || packet.payload_type == LEG_NO_PAYLOAD_TYPE)
        return true;
    rtp_out_event(&leg->out, e->now_us, kind == RTP_DTMF_FIRST, &packet);
    rtp_write_header(buffer, &packet);
    rtp_dtmf_write(buffer + RTP_HEADER, &event);
    engine_send(e, leg, buffer, sizeof buffer);
    return true;
}

void engine_frame(struct engine *e, struct leg *leg) {
    uint8_t buffer[RTP_HEADER + RTP_FRAME];
    struct rtp_packet packet = {.payload_type = leg->terms.send_type};
    bool ended = false;
    if (rtp_dtmf_out_busy(&leg->dtmf_out) && digit_frame(e, leg))
        return;
    if (leg->play.active)
        ended = play_frame(&leg->play, leg->terms.send_law, buffer + RTP_HEADER);
    else if (leg->peer == LEG_NO_PEER)
        memset(buffer + RTP_HEADER, law_silence(leg->terms.send_law), RTP_FRAME);
    else {
        engine_repace(e, leg);
        return;
    }
    rtp_out_own(&leg->out, e->now_us, &packet);
    rtp_write_header(buffer, &packet);
    engine_send(e, leg, buffer, sizeof buffer);
    if (!ended)
        return;
    struct engine_event event = {
        .kind = EVENT_PLAYED, .slot = engine_slot(e, leg), .leg = leg->id, .number = leg->play.id};
    bool tell = !leg->play.loop;
    play_stop(&leg->play, &e->retired);
    engine_repace(e, leg);
    if (tell)
        engine_post(e, &event);
}

static uint64_t wall_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void engine_send_report(struct engine *e, struct leg *leg) {
    uint8_t buffer[RTCP_MAX];
    char cname[20];
    struct rtp_report report;
    struct rtcp_sender sender = {.packets = leg->out.packets, .octets = leg->out.octets};
    bool sending = leg->out.packets != leg->reported_packets;
    if (sending) { /* the timestamp that belongs to this very moment */
        uint64_t since_us = e->now_us > leg->out.anchor_us ? e->now_us - leg->out.anchor_us : 0;
        sender.ntp = rtcp_ntp(wall_us());
        sender.timestamp = leg->out.timestamp + (uint32_t)(since_us * (RTP_RATE / 1000) / 1000);
    }
    if (leg->in.started) {
        rtp_in_report(&leg->in, &report);
        report.last_sr = leg->peer_report_ntp;
        report.delay_since_sr =
            report.last_sr ? (uint32_t)(((e->now_us - leg->peer_report_us) << 16) / 1000000) : 0;
    }
    snprintf(cname, sizeof cname, "leg-%08x", leg->out.ssrc);
    size_t length =
        rtcp_write(buffer, leg->out.ssrc, sending ? &sender : NULL, leg->in.started ? &report : NULL, cname);
    leg->reported_packets = leg->out.packets;
    sendto(leg->rtcp_fd, buffer, length, MSG_DONTWAIT | MSG_NOSIGNAL, &leg->rtcp_peer.any,
           latch_address_len(&leg->rtcp_peer));
}

/* The number last: who finds it finds the rest. */
static void show(struct engine *e, const struct leg *leg) {
    struct engine_seen *seen = &e->seen[engine_slot(e, leg)];
    atomic_store_explicit(&seen->peer, leg->peer, memory_order_relaxed);
    atomic_store_explicit(&seen->heard_ms, (uint32_t)(leg->heard_us / 1000), memory_order_relaxed);
    atomic_store_explicit(&seen->playing, leg->play.active, memory_order_relaxed);
    atomic_store_explicit(&seen->leg, leg->id, memory_order_release);
}

void engine_check(struct engine *e, struct leg *leg) {
    show(e, leg);
    if (!leg->set)
        return;
    if (latch_close(&leg->latch, e->now_us))
        engine_connect(e, leg);
    if (e->timeout_ms && leg->terms.expects && !leg->silence_told &&
        e->now_us - leg->heard_us >= (uint64_t)e->timeout_ms * 1000) {
        leg->silence_told = true;
        engine_post(e, &(struct engine_event){.kind = EVENT_SILENT,
                                              .slot = engine_slot(e, leg),
                                              .leg = leg->id,
                                              .number = (uint32_t)((e->now_us - leg->heard_us) / 1000)});
    }
    if (leg->latch.set && leg->terms.has_address && e->now_us >= leg->report_us) {
        engine_send_report(e, leg);
        leg->report_us =
            e->now_us + (uint64_t)(REPORT_US * (0.5 + rng_unit(&leg->random))); /* RFC 3550 6.2 */
    }
}
