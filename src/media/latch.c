/* SPDX-License-Identifier: Apache-2.0
 * Symmetric RTP: which source of packets is believed. */
#include "media/latch.h"

#include <string.h>

enum { CANDIDATE_STALE_US = 100000 };

socklen_t latch_address_len(const union latch_address *a) {
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

bool latch_same_host(const union latch_address *a, const union latch_address *b) {
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET6)
        return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

bool latch_same_address(const union latch_address *a, const union latch_address *b) {
    return latch_same_host(a, b) && a->v4.sin_port == b->v4.sin_port; /* the port is at the same place */
}

bool latch_set(struct latch *latch, const union latch_address *sdp, uint64_t now_us) {
    if (latch->set && latch_same_address(&latch->sdp, sdp))
        return false;
    memset(latch, 0, sizeof *latch);
    latch->sdp = latch->source = *sdp;
    latch->until_us = now_us + LATCH_WINDOW_US;
    latch->set = latch->open = true;
    return true;
}

/* The candidate this packet belongs to, or a free or stale place for it; NULL when all are busy. */
static struct latch_candidate *find(struct latch *latch, const union latch_address *from, uint64_t now_us) {
    struct latch_candidate *place = NULL;
    for (int i = 0; i < LATCH_CANDIDATES; i++) {
        struct latch_candidate *c = &latch->candidate[i];
        if (c->count && latch_same_address(&c->address, from))
            return c;
        if (!c->count || now_us - c->last_us > CANDIDATE_STALE_US)
            place = c;
    }
    if (place)
        place->count = 0;
    return place;
}

static bool prove(struct latch_candidate *c, const union latch_address *from, const struct rtp_packet *packet,
                  uint64_t now_us) {
    bool follows = c->count && packet->ssrc == c->ssrc && packet->seq == c->next_seq &&
                   packet->payload_type == c->payload_type;
    if (!follows) {
        c->address = *from;
        c->ssrc = packet->ssrc;
        c->payload_type = packet->payload_type;
        c->count = 0;
        c->first_us = now_us;
    }
    c->next_seq = (uint16_t)(packet->seq + 1);
    c->last_us = now_us;
    if (c->count < LATCH_PACKETS)
        c->count++;
    return c->count == LATCH_PACKETS && now_us - c->first_us >= LATCH_SPAN_US;
}

static enum latch_verdict judge(struct latch *latch, const union latch_address *from,
                                const struct rtp_packet *packet, uint64_t now_us) {
    if (latch_same_address(from, &latch->sdp)) {
        latch->source = latch->sdp;
        latch->proven = true;
        latch->until_us = now_us; /* nobody else can win any more */
        return LATCH_ACCEPT;
    }
    if (latch->proven)
        return latch_same_address(from, &latch->source) ? LATCH_ACCEPT : LATCH_DROP;
    if (!latch->open || now_us >= latch->until_us)
        return LATCH_DROP;
    struct latch_candidate *c = find(latch, from, now_us);
    if (!c || !prove(c, from, packet, now_us))
        return LATCH_DROP;
    latch->source = *from;
    latch->proven = true;
    return LATCH_ACCEPT;
}

enum latch_verdict latch_packet(struct latch *latch, const union latch_address *from,
                                const struct rtp_packet *packet, uint64_t now_us) {
    if (!latch->set)
        return LATCH_DROP;
    enum latch_verdict verdict = judge(latch, from, packet, now_us);
    if (verdict == LATCH_DROP && latch->open && ++latch->strangers >= LATCH_FLOOD && now_us < latch->until_us)
        latch->until_us = now_us;
    return verdict;
}

bool latch_close(struct latch *latch, uint64_t now_us) {
    if (!latch->open || now_us < latch->until_us)
        return false;
    latch->open = false;
    return true;
}
