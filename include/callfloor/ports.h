/* SPDX-License-Identifier: Apache-2.0
 *
 * ports: the only way between the switchboard (floor) and the outside: SIP, media, store, clock. Each port
 * is a struct of functions the floor calls; each sink one of functions the adapter calls back. In tests and
 * in the simulator all of them are fakes, so the whole floor runs in virtual time.
 *
 * Rules for both sides
 *   - All calls happen on the control thread. Pointers are borrowed for the duration of the call.
 *   - A sink may be called from inside a port function only where it says so. The floor may call any port
 *     function from inside any sink function, ending the very leg it is told of included.
 *   - Legs are numbered by the floor (slot ids). An adapter that no longer knows a leg ignores the call.
 *   - After ua_sink.ended(leg) the SIP side is done with that number; after media_port.close() the media
 *     side is, except for the one media_sink.closed() that follows.
 */
#ifndef CALLFLOOR_PORTS_H
#define CALLFLOOR_PORTS_H

#include "callfloor/base.h"
#include "callfloor/record.h"

/* ---- what SDP says about the one audio stream ---- */

enum media_codec { MEDIA_PCMU, MEDIA_PCMA, MEDIA_CODECS };

enum media_direction { /* as seen by the side that wrote the SDP; bits: 1 sends, 2 receives */
                       MEDIA_INACTIVE = 0,
                       MEDIA_SENDONLY = 1,
                       MEDIA_RECVONLY = 2,
                       MEDIA_SENDRECV = 3,
};

struct media_desc {
    char address[ADDRESS_LEN]; /* numeric; "0.0.0.0" is the old way to say hold */
    uint16_t port;             /* 0: stream refused */
    uint16_t rtcp_port;
    uint8_t codec_count; /* known ones only, in the writer's order of preference */
    struct {
        uint8_t codec; /* enum media_codec */
        uint8_t payload_type;
    } codec[MEDIA_CODECS];
    uint8_t dtmf_payload_type; /* telephone-event/8000; 0 = none */
    uint8_t direction;         /* enum media_direction */
    uint8_t ptime_ms;          /* 20 when not told */
};

/* ---- SIP ---- */

struct ua_incoming {
    uint32_t trunk, agent; /* exactly one is not 0: who is calling, as proven by address or digest */
    const char *called, *caller, *caller_name; /* user parts, after the trunk's rewriting; never NULL */
    const char *call_id;
    const struct media_desc *offer; /* NULL: no SDP in the INVITE, we are to make the offer in our 200 */
};
struct ua_refusal {
    uint16_t status;        /* SIP status to send; 0 = 500 */
    uint32_t retry_after_s; /* 0 = no header */
    char reason[80];        /* for Warning/Reason text; "" = the standard phrase */
};

struct ua_invite {
    uint32_t agent;                            /* whose phone, 0 = none */
    const char *uri;                           /* where to: a contact from bindings() */
    const char *caller, *caller_name, *called; /* From user and display name; To user */
    const struct media_desc *offer;
    bool auto_answer;
};

/* Why a leg is ended; the adapter picks CANCEL, BYE or a final response by the leg's state. */
enum ua_end_cause {
    UA_END_NORMAL,             /* BYE, CANCEL, or 603/480 for an unanswered incoming call */
    UA_END_ANSWERED_ELSEWHERE, /* CANCEL with Reason: SIP;cause=200 (RFC 3326) */
    UA_END_REFUSE,             /* incoming, unanswered: final response from `refusal` */
};

struct ua_binding {
    char uri[URI_LEN];   /* what to put into ua_invite.uri */
    char agent_name[48]; /* User-Agent header, "" if unknown */
    char source[ADDRESS_LEN + 8];
    uint64_t expires_ms;   /* monotonic; NEVER for a fixed contact */
    bool fixed, reachable; /* reachable: answered the last OPTIONS, or not probed yet */
};

struct ua_trunk_state {
    bool up, probed, registering, registered;
    uint32_t calls;
    uint64_t changed_ms; /* of `up` */
    uint32_t rtt_ms;
    char last_error[80];
};

/* What SIP has of a leg whose end it has not told. */
enum ua_dialog { UA_DIALOG_NONE, UA_DIALOG_EARLY, UA_DIALOG_UP };

struct ua_counters { /* for `show version`, leak checks and benches */
    uint32_t legs, transactions, registrations;
    uint64_t requests_in, requests_out, refused, malformed, auth_failures;
};

struct ua_port {
    void *ctx;
    /* New outgoing leg. 0 = on its way: ringing/answered/ended will follow (never from inside).
     * -ENETUNREACH, -EINVAL (bad uri), -ENOMEM: nothing follows. */
    int (*invite)(void *ctx, uint32_t leg, const struct ua_invite *what);
    /* Incoming leg: 180, once is enough (the adapter repeats it as 100rel and RFC 3261 13.3.1.1 ask). */
    int (*ring)(void *ctx, uint32_t leg);
    /* Incoming leg: 200 with our SDP. -ESTALE when it is gone already. ua_sink.confirmed follows on ACK. */
    int (*answer)(void *ctx, uint32_t leg, const struct media_desc *local);
    /* Ends a leg in any state. refusal only with UA_END_REFUSE. ua_sink.ended() follows, never from inside;
     * exactly once per leg, also when the other side ended it at the same moment. */
    void (*end)(void *ctx, uint32_t leg, enum ua_end_cause cause, const struct ua_refusal *refusal);
    /* A digit by SIP INFO for peers without telephone-event. */
    int (*send_info_digit)(void *ctx, uint32_t leg, char digit, uint32_t duration_ms);
    /* Where the agent's phones are; returns how many were written to out (at most max). */
    uint32_t (*bindings)(void *ctx, uint32_t agent, struct ua_binding *out, uint32_t max);
    int (*trunk)(void *ctx, uint32_t trunk, struct ua_trunk_state *out);
    void (*counters)(void *ctx, struct ua_counters *out);
    /* Is anybody there? Asks the other side of an answered leg within its dialog. 0: ua_sink.probed follows
     * once, never from inside, unless the leg ends before. -ESTALE: not up. */
    int (*probe)(void *ctx, uint32_t leg);
    /* For the reconciler: what the adapter has, asked apart from what it has told. */
    enum ua_dialog (*dialog)(void *ctx, uint32_t leg);
    /* One leg after the other, whose end was not told; 0 = that was all. *cursor: 0 to begin, the adapter's.
     */
    uint32_t (*next_leg)(void *ctx, uint32_t *cursor);
};

struct ua_sink {
    void *ctx;
    /* A call comes in. Returns the floor's number for the leg, or 0 with *refusal filled. The floor may call
     * ring(), answer() or end() for the new leg only after this has returned (it does so from its next turn).
     */
    uint32_t (*invited)(void *ctx, const struct ua_incoming *in, struct ua_refusal *refusal);
    /* Outgoing leg got a provisional response: 180..183. early: its SDP or NULL. */
    void (*ringing)(void *ctx, uint32_t leg, uint16_t status, const struct media_desc *early);
    /* Outgoing leg: 200 with SDP answer (ACK is the adapter's business). */
    void (*answered)(void *ctx, uint32_t leg, const struct media_desc *remote);
    /* Incoming leg: ACK arrived; remote is the answer when we had made the offer, else NULL. */
    void (*confirmed)(void *ctx, uint32_t leg, const struct media_desc *remote);
    /* re-INVITE or UPDATE with an offer (hold, resume, moved media). 0 with *answer filled, or -errno: the
     * adapter answers 488 and the session stays as it was. */
    int (*reoffered)(void *ctx, uint32_t leg, const struct media_desc *offer, struct media_desc *answer);
    /* The leg is over, whoever ended it. status: final response of a failed INVITE, 487 for a cancelled one,
     * 408 for a timeout, 0 for a BYE. by_us: through ua_port.end(). text: short, for the log. */
    void (*ended)(void *ctx, uint32_t leg, uint16_t status, bool by_us, const char *text);
    void (*info_digit)(void *ctx, uint32_t leg, char digit, uint32_t duration_ms);
    /* The agent can (not) be rung: first binding came, last one expired or stopped answering OPTIONS. Also
     * told once at the start for each fixed contact. */
    void (*agent_reachable)(void *ctx, uint32_t agent, bool reachable);
    void (*trunk_changed)(void *ctx, uint32_t trunk, bool up);
    /* Answers ua_port.probe. alive: the other side answered and knows the dialog. */
    void (*probed)(void *ctx, uint32_t leg, bool alive);
};

/* ---- media ---- */

struct media_stream {
    struct media_desc local, remote; /* as agreed: codec[0] of each is what is sent and received */
};

enum { MEDIA_PLAY_MAX = 16 };
struct media_play {
    uint32_t play_id;                /* floor's number, comes back in media_sink.played */
    uint32_t prompt[MEDIA_PLAY_MAX]; /* from media_port.prompt(), played one after the other without a gap */
    uint32_t count;
    bool loop; /* for ever: the last one repeats */
};

struct media_stats {
    uint64_t packets_in, packets_out, bytes_in, bytes_out;
    uint32_t lost, late, dropped_source, jitter_us, rtt_us;
};

/* What media does with a leg, as of up to half a second ago. */
struct media_leg {
    uint32_t joined; /* with which leg, 0 = none */
    bool playing;
    bool expects;        /* by what was agreed the other side may send */
    uint32_t unheard_ms; /* since its last packet, or since it might have sent */
};

struct media_counters {
    uint32_t legs, ports_in_use, ports_free, prompts;
    uint64_t packets_in, packets_out, dropped, late_ticks;
};

struct media_port {
    void *ctx;
    /* Takes an RTP/RTCP port pair for the leg and fills local (address, ports, both codecs, telephone-event
     * 101, sendrecv, 20 ms). The address may be 0.0.0.0 or ::, all of ours: SIP tells each peer the right
     * one. -EADDRINUSE: no free port. -EMFILE. */
    int (*open)(void *ctx, uint32_t leg, struct media_desc *local);
    /* What was agreed; again after each re-offer. */
    int (*set)(void *ctx, uint32_t leg, const struct media_stream *agreed);
    /* Plays to the leg, instead of anything it was hearing; a joined leg goes on being joined afterwards. */
    int (*play)(void *ctx, uint32_t leg, const struct media_play *what);
    /* Ends playing within one packet; a looping prompt resumes where it stopped when it is played again. */
    void (*stop)(void *ctx, uint32_t leg);
    /* Each hears the other until part() or close() of either. Stops playing on both. */
    int (*join)(void *ctx, uint32_t leg, uint32_t other);
    void (*part)(void *ctx, uint32_t leg);
    int (*send_digit)(void *ctx, uint32_t leg, char digit, uint32_t duration_ms);
    /* Frees ports and memory; media_sink.closed follows with the figures. */
    void (*close)(void *ctx, uint32_t leg);
    /* Number of a prompt by name (file NAME.wav), 0 when there is none. Numbers outlive reloads. */
    uint32_t (*prompt)(void *ctx, const char *name);
    void (*counters)(void *ctx, struct media_counters *out);
    /* For the reconciler. -ENOENT: not open. -EAGAIN: opened just now. */
    int (*leg)(void *ctx, uint32_t leg, struct media_leg *out);
    /* One open leg after the other; 0 = that was all. *cursor: 0 to begin, the adapter's. */
    uint32_t (*next_leg)(void *ctx, uint32_t *cursor);
};

struct media_sink {
    void *ctx;
    /* Each digit once: 0-9 * # A-D. */
    void (*digit)(void *ctx, uint32_t leg, char digit, uint32_t duration_ms);
    /* A play that was not a loop came to its end (not told when stopped or replaced). */
    void (*played)(void *ctx, uint32_t leg, uint32_t play_id);
    /* Nothing was received for rtp_timeout_ms although the other side may send. Told once per silence. */
    void (*silent)(void *ctx, uint32_t leg, uint32_t for_ms);
    void (*closed)(void *ctx, uint32_t leg, const struct media_stats *stats);
};

/* ---- store ---- */

struct store_state {
    bool configured, connected, journal_full;
    uint64_t written, applied; /* records put since the start of the journal; of these in PostgreSQL */
    uint64_t pending_records, journal_bytes;
    uint64_t oldest_pending_ms; /* age; 0 = none */
    uint64_t rejected;          /* set aside as not applicable */
    char last_error[160];
};

struct store_port {
    void *ctx;
    /* Appends the row's image. Never waits, never fails the caller: -ENOSPC only tells that the journal is
     * full (the image is kept in memory as far as its bound goes, and counted). */
    int (*put)(void *ctx, const struct record *row);
    /* CRM contact of a number, found or made. 0: store_sink.customer follows, soon or after its time limit
     * (never from inside). -ENOTCONN: there is no database now, nothing follows. */
    int (*customer)(void *ctx, uint32_t request, const char *number);
    void (*state)(void *ctx, struct store_state *out);
};

struct store_customer {
    uint64_t id; /* 0: the time limit passed or the query failed */
    bool is_new;
    uint32_t earlier_contacts;
    char name[NAME_LEN];
    char last_agent[NAME_LEN],
        owner_agent[NAME_LEN]; /* who talked to them last; who looks after them; or "" */
};
struct store_sink {
    void *ctx;
    void (*customer)(void *ctx, uint32_t request, const struct store_customer *customer);
    /* Journal full (true): the floor refuses new calls with 503; false: it takes them again. */
    void (*journal_full)(void *ctx, bool full);
};

/* ---- clock ---- */

struct clock_port {
    void *ctx;
    uint64_t (*now_us)(void *ctx);  /* monotonic, microseconds */
    uint64_t (*wall_us)(void *ctx); /* microseconds since 1970 UTC */
};

#endif
