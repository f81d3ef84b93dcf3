/* SPDX-License-Identifier: Apache-2.0
 * One leg as the media thread sees it: a port pair, what was agreed, one stream in and one out. */
#ifndef MEDIA_LEG_H
#define MEDIA_LEG_H

#include "media/latch.h"
#include "media/play.h"
#include "media/rtp.h"
#include "media/rtp_dtmf.h"

enum { LEG_NO_PAYLOAD_TYPE = 0xff, LEG_NO_PEER = UINT32_MAX };

/* What offer and answer came to, as the thread needs it. */
struct leg_terms {
    bool may_send, may_receive;
    bool has_address;            /* false: hold by 0.0.0.0 or a refused stream; the addresses mean nothing */
    bool expects;                /* packets should come: silence is worth telling */
    uint8_t send_law, send_type; /* payload type of audio */
    uint8_t receive_type[2 * LAWS], receive_law[2 * LAWS], receive_count;
    uint8_t send_dtmf_type, receive_dtmf_type; /* LEG_NO_PAYLOAD_TYPE: none */
    union latch_address rtp, rtcp;             /* of the other side */
};

/* What each packet touches comes first and close together: with thousands of legs every line is a cache miss.
 */
struct leg {
    _Alignas(64) int rtp_fd;
    uint32_t id; /* the floor's number */
    uint32_t peer;
    bool open, set, connected, silence_told;
    bool speaks;        /* we play or send digits: what the peer says is not passed on */
    uint64_t heard_us;  /* last packet of the other side, or since when it might have sent */
    uint64_t verify_us; /* until then what was queued before connect() is told apart by its address */
    struct rtp_in in;
    struct rtp_out out;
    struct media_stats stats;
    struct leg_terms terms;
    struct play play;
    struct rtp_dtmf_out dtmf_out;
    /* seldom */
    struct rtp_dtmf_in dtmf_in;
    int rtcp_fd;
    bool owes_closed, owes_played;
    uint32_t owed_play_id, active_at;
    uint64_t report_us; /* next RTCP report */
    struct latch latch;
    union latch_address rtcp_peer; /* where reports go */
    uint64_t peer_report_us;       /* when its last sender report came, and that one's time */
    uint32_t peer_report_ntp;
    uint32_t reported_packets; /* out.packets at our last report */
    uint64_t random;
};

/* Law of a payload type as agreed for receiving; -1: not audio of ours. */
static inline int leg_law_of(const struct leg_terms *terms, uint8_t payload_type) {
    for (int i = 0; i < terms->receive_count; i++)
        if (terms->receive_type[i] == payload_type)
            return terms->receive_law[i];
    return -1;
}

#endif
