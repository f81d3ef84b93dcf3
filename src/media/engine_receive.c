/* SPDX-License-Identifier: Apache-2.0
 * What comes in: from the socket through latch, stream and digits to the leg it is joined with. */
#include "media/engine.h"
#include "media/rtcp.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH = 512,
    MAX_BATCHES = 64,
    STRANGERS_PER_ROUND = 16, /* packets read in a row while they are somebody else's */
    VERIFY_US = 1000000,
};

static uint64_t now_us(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void engine_connect(struct engine *e, struct leg *leg) {
    const union latch_address *source = &leg->latch.source;
    leg->connected = connect(leg->rtp_fd, &source->any, latch_address_len(source)) == 0;
    leg->verify_us = e->now_us + VERIFY_US;
}

void engine_disconnect(struct leg *leg) {
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    (void)connect(leg->rtp_fd, &none, sizeof none); /* the port stays bound */
    leg->connected = false;
}

static void on_rtcp(struct engine *e, struct leg *leg, size_t length) {
    struct rtcp_news news;
    if (rtcp_parse(&news, e->buffer, length, leg->out.ssrc) < 0) {
        e->dropped++;
        return;
    }
    if (news.has_sender) {
        leg->peer_report_ntp = news.sender_ntp;
        leg->peer_report_us = e->now_us;
    }
    if (news.has_report) {
        uint32_t rtt_us = rtcp_round_trip_us(&news.report, rtcp_ntp(now_us(CLOCK_REALTIME)));
        if (rtt_us)
            leg->stats.rtt_us = rtt_us;
    }
}

static void on_event(struct engine *e, struct leg *leg, const struct rtp_packet *packet) {
    struct rtp_dtmf_event event;
    if (rtp_dtmf_parse(&event, e->buffer + packet->offset, packet->length) < 0 ||
        !rtp_dtmf_in_packet(&leg->dtmf_in, &event, packet->timestamp, e->now_us))
        return;
    engine_post(e, &(struct engine_event){.kind = EVENT_DIGIT,
                                          .digit = rtp_dtmf_char(event.event),
                                          .slot = engine_slot(e, leg),
                                          .leg = leg->id,
                                          .number = event.duration * 1000u / RTP_RATE});
}

/* Is it from whom we listen to? May settle the latch. from: NULL when the kernel has already seen to it. */
static bool is_believed(struct engine *e, struct leg *leg, const union latch_address *from,
                        const struct rtp_packet *packet) {
    if (!from)
        return true;
    if (!leg->latch.open)
        return latch_same_address(from, &leg->latch.source);
    enum latch_verdict verdict = latch_packet(&leg->latch, from, packet, e->now_us);
    if (latch_close(&leg->latch, e->now_us))
        engine_connect(e, leg);
    return verdict == LATCH_ACCEPT;
}

enum outcome { HANDLED, STRANGER };

static enum outcome on_rtp(struct engine *e, struct leg *leg, size_t length,
                           const union latch_address *from) {
    struct rtp_packet packet;
    if (rtp_is_rtcp(e->buffer, length)) { /* RFC 5761: both on one port */
        if (!from || latch_same_address(from, &leg->latch.source))
            on_rtcp(e, leg, length);
        return HANDLED;
    }
    if (!leg->set || (from && !leg->latch.set) || rtp_parse(&packet, e->buffer, length) < 0) {
        e->dropped++;
        return STRANGER;
    }
    int law = leg_law_of(&leg->terms, packet.payload_type);
    bool is_digit = packet.payload_type == leg->terms.receive_dtmf_type ||
                    (law < 0 && packet.payload_type == leg->terms.send_dtmf_type);
    if (law < 0 && !is_digit) {
        e->dropped++;
        return STRANGER;
    }
    if (!is_believed(e, leg, from, &packet)) {
        leg->stats.dropped_source++;
        e->dropped++;
        return STRANGER;
    }
    switch (rtp_in_packet(&leg->in, &packet, e->now_us, e->next_epoch, !is_digit)) {
    case RTP_RESTARTED:
        e->next_epoch++;
        break;
    case RTP_FRESH:
    case RTP_LATE:
        break;
    case RTP_DUPLICATE:
    case RTP_STRANGE:
        e->dropped++;
        return HANDLED;
    }
    leg->heard_us = e->now_us;
    leg->silence_told = false;
    leg->stats.packets_in++;
    leg->stats.bytes_in += length;
    e->packets_in++;
    if (is_digit)
        on_event(e, leg, &packet);
    else if (!leg->terms.may_receive)
        return HANDLED; /* on hold: it should not be heard, whatever it sends */
    if (leg->peer != LEG_NO_PEER)
        engine_relay(e, leg, e->buffer, &packet, is_digit ? -1 : law);
    return HANDLED;
}

static void read_rtp(struct engine *e, struct leg *leg) {
    const int flags = MSG_DONTWAIT | MSG_TRUNC; /* TRUNC: the true length of what did not fit */
    union latch_address from;
    for (int i = 0; i < STRANGERS_PER_ROUND; i++) {
        bool check = !leg->connected || e->now_us < leg->verify_us;
        socklen_t from_length = sizeof from;
        ssize_t n = check ? recvfrom(leg->rtp_fd, e->buffer, sizeof e->buffer, flags, &from.any, &from_length)
                          : recv(leg->rtp_fd, e->buffer, sizeof e->buffer, flags);
        if (n < 0)
            return; /* nothing there, or an ICMP error that reading has cleared */
        if ((size_t)n > sizeof e->buffer)
            e->dropped++;
        else if (on_rtp(e, leg, (size_t)n, check ? &from : NULL) == HANDLED)
            return;
    }
}

/* Reports may come from any port of the host we listen to; there we send ours from then on. */
static void read_rtcp(struct engine *e, struct leg *leg) {
    union latch_address from;
    socklen_t from_length = sizeof from;
    ssize_t n = recvfrom(leg->rtcp_fd, e->buffer, sizeof e->buffer, MSG_DONTWAIT | MSG_TRUNC, &from.any,
                         &from_length);
    if (n < 0)
        return;
    if (!leg->latch.set || (size_t)n > sizeof e->buffer || !latch_same_host(&from, &leg->latch.source) ||
        !rtp_is_rtcp(e->buffer, (size_t)n)) {
        e->dropped++;
        return;
    }
    leg->rtcp_peer = from;
    on_rtcp(e, leg, (size_t)n);
}

static void on_ready(struct engine *e, uint64_t data) {
    if (data == UINT64_MAX) {
        uint64_t count;
        ssize_t n = read(e->wake_fd, &count, sizeof count);
        (void)n;
        return;
    }
    struct leg *leg = &e->leg[(uint32_t)data];
    if (!leg->open)
        return;
    if (data >> 32)
        read_rtcp(e, leg);
    else
        read_rtp(e, leg);
}

static int wait_for(struct engine *e, struct epoll_event *events, uint64_t timeout_us) {
    if (timeout_us == 0)
        return epoll_wait(e->epoll_fd, events, BATCH, 0);
    if (timeout_us == UINT64_MAX)
        return epoll_wait(e->epoll_fd, events, BATCH, -1);
    struct timespec t = {(time_t)(timeout_us / 1000000), (long)(timeout_us % 1000000) * 1000};
    int n = epoll_pwait2(e->epoll_fd, events, BATCH, &t, NULL);
    if (n < 0 && errno == ENOSYS)
        n = epoll_wait(e->epoll_fd, events, BATCH, (int)((timeout_us + 999) / 1000));
    return n;
}

int engine_receive(struct engine *e, uint64_t timeout_us) {
    struct epoll_event events[BATCH];
    int total = 0, n;
    for (int batch = 0; batch < MAX_BATCHES; batch++) {
        n = wait_for(e, events, batch ? 0 : timeout_us);
        if (timeout_us)
            e->now_us = now_us(CLOCK_MONOTONIC);
        for (int i = 0; i < n; i++)
            on_ready(e, events[i].data.u64);
        total += n > 0 ? n : 0;
        if (n < BATCH)
            break; /* all ready sockets were read once */
    }
    return total;
}
