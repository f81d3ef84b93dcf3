/* SPDX-License-Identifier: Apache-2.0
 * Symmetric RTP: which source of packets is believed. The address of the SDP wins. Another one (a peer behind
 * NAT) is believed only when it proves itself within a few seconds after the negotiation, and it loses again
 * if the SDP's own address turns up in that time. Pure: the caller gives the clock and does the connect(). */
#ifndef MEDIA_LATCH_H
#define MEDIA_LATCH_H

#include "media/rtp.h"

#include <netinet/in.h>

union latch_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};
socklen_t latch_address_len(const union latch_address *a);
bool latch_same_address(const union latch_address *a, const union latch_address *b);
bool latch_same_host(const union latch_address *a, const union latch_address *b);

enum {
    LATCH_CANDIDATES = 4,
    LATCH_PACKETS = 4,
    LATCH_SPAN_US = 22000,
    LATCH_WINDOW_US = 5000000,
    LATCH_FLOOD =
        500, /* packets of strangers that end the window: twice what an honest peer could send in it */
};

enum latch_verdict { LATCH_DROP, LATCH_ACCEPT };

struct latch {
    union latch_address sdp;    /* as negotiated */
    union latch_address source; /* believed; the same as sdp until somebody else has proven himself */
    uint64_t until_us;          /* end of the window */
    uint32_t strangers;         /* packets dropped in this window */
    bool set;                   /* there is an address at all */
    bool open;                  /* window open: socket not connected, sources are judged here */
    bool proven;                /* packets have come from `source` */
    struct latch_candidate {
        union latch_address address;
        uint64_t first_us, last_us;
        uint32_t ssrc;
        uint16_t next_seq;
        uint8_t payload_type, count;
    } candidate[LATCH_CANDIDATES];
};

/* The address was negotiated. True: it is a new one, the window opens (the socket must be disconnected).
 * False: the same as before, everything stays. */
bool latch_set(struct latch *latch, const union latch_address *sdp, uint64_t now_us);
/* A packet came while the window is open. */
enum latch_verdict latch_packet(struct latch *latch, const union latch_address *from,
                                const struct rtp_packet *packet, uint64_t now_us);
/* True once when the window has ended: time is up, the SDP's own address was heard, or somebody floods the
 * port, which only connecting stops. Connect to latch->source now. */
bool latch_close(struct latch *latch, uint64_t now_us);

#endif
