/* SPDX-License-Identifier: Apache-2.0
 *
 * A SIP adapter with a fake floor, and an other side that speaks SIP as text over one UDP socket. The
 * adapter's clock can be moved on, so that timers of 32 s cost nothing. */
#ifndef UA_WORLD_H
#define UA_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sip/ua.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wunused-function" /* each test uses some of it */

enum { MESSAGE = 8192 };

static const char sdp_plain[] = "v=0\r\no=x 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
                                "m=audio 5000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";
static const char sdp_hold[] = "v=0\r\no=x 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
                               "m=audio 5000 RTP/AVP 0\r\na=sendonly\r\n";
static const char sdp_no_codec[] = "v=0\r\no=x 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
                                   "m=audio 5000 RTP/AVP 18\r\n";
static const char sdp_broken[] = "v=0\r\nm=audio 4000 foo ;\r\n";

struct world {
    struct loop *loop;
    struct ua *ua;
    struct ua_port port;
    struct conf conf;
    struct conf_listen listen[2];
    struct conf_peer peer;
    struct conf_trunk trunk;
    struct conf_agent agent;
    struct event *wake;
    uint16_t adapter_port;
    /* the fake floor */
    char events[4096]; /* one line each */
    uint32_t next_leg, live;
    bool alive[1 << 16];       /* by leg: the floor may hear of it */
    struct ua_refusal refusal; /* of the next call; status 0 = take it */
    int reoffer_error;
    bool end_at_once; /* the floor ends a leg from inside the sink that told it of something */
    struct media_desc local, last_remote;
    /* the other side */
    int fd;
    uint16_t peer_port;
    char last[MESSAGE]; /* message received last */
    char seen[8][128];  /* Via and all of the last requests, to tell repeated ones */
    unsigned seen_at;
};

/* The dialog as the other side sees it. */
struct dialog {
    char call_id[64], from[160], to[256], target[256];
    unsigned cseq, invite_cseq;
};

static struct world world;

/* ---- the fake floor ---- */

static void PRINTF_LIKE(1, 2) note(const char *format, ...) {
    size_t used = strlen(world.events);
    va_list args;
    va_start(args, format);
    vsnprintf(world.events + used, sizeof world.events - used, format, args);
    va_end(args);
    strncat(world.events, "\n", sizeof world.events - strlen(world.events) - 1);
}

static uint32_t leg_begins(void) {
    world.live++;
    assert_true(++world.next_leg < ARRAY_LEN(world.alive));
    world.alive[world.next_leg] = true;
    return world.next_leg;
}

static void maybe_end(uint32_t leg) {
    assert_true(world.alive[leg]);
    if (world.end_at_once)
        world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
}

static uint32_t floor_invited(void *ctx, const struct ua_incoming *in, struct ua_refusal *refusal) {
    note("invited trunk=%u agent=%u called=%s caller=%s name=%s offer=%s", in->trunk, in->agent, in->called,
         in->caller, in->caller_name, in->offer ? in->offer->address : "none");
    if (world.refusal.status) {
        *refusal = world.refusal;
        return 0;
    }
    return leg_begins();
}
static void floor_ringing(void *ctx, uint32_t leg, uint16_t status, const struct media_desc *early) {
    note("ringing %u %u early=%s", leg, status, early ? early->address : "none");
    maybe_end(leg);
}
static void floor_answered(void *ctx, uint32_t leg, const struct media_desc *remote) {
    world.last_remote = *remote;
    note("answered %u remote=%s:%u", leg, remote->address, remote->port);
    maybe_end(leg);
}
static void floor_confirmed(void *ctx, uint32_t leg, const struct media_desc *remote) {
    note("confirmed %u remote=%s", leg, remote ? remote->address : "none");
    maybe_end(leg);
}
static int floor_reoffered(void *ctx, uint32_t leg, const struct media_desc *offer,
                           struct media_desc *answer) {
    assert_true(world.alive[leg]);
    note("reoffered %u direction=%u", leg, offer->direction);
    if (world.reoffer_error)
        return world.reoffer_error;
    *answer = world.local;
    answer->direction = (uint8_t)((offer->direction & 1) << 1 | (offer->direction & 2) >> 1);
    return 0;
}
static void floor_ended(void *ctx, uint32_t leg, uint16_t status, bool by_us, const char *text) {
    note("ended %u status=%u by_us=%d text=%s", leg, status, by_us, text);
    assert_true(world.alive[leg]); /* once */
    world.alive[leg] = false;
    world.live--;
}
static void floor_info_digit(void *ctx, uint32_t leg, char digit, uint32_t duration_ms) {
    assert_true(world.alive[leg]);
    note("digit %u %c %u", leg, digit, duration_ms);
}
static void floor_probed(void *ctx, uint32_t leg, bool alive) {
    note("probed %u alive=%d", leg, alive);
    maybe_end(leg);
}
static void floor_agent_reachable(void *ctx, uint32_t agent, bool reachable) {}
static void floor_trunk_changed(void *ctx, uint32_t trunk, bool up) {}

/* ---- running the loop ---- */

static void on_wake(evutil_socket_t fd, short what, void *arg) {
    loop_stop(world.loop);
}

static void turn_loop(uint32_t ms) {
    struct timeval in = {0, (suseconds_t)ms * 1000};
    evtimer_add(world.wake, &in);
    loop_run(world.loop);
}

/* Moves the adapter's clock on in small steps, the loop running in between. */
static void advance(uint32_t ms) {
    for (uint32_t done = 0; done < ms; done += 250) {
        ua_clock_ahead_ms += 250;
        turn_loop(0);
        turn_loop(0);
    }
}

/* ---- the other side ---- */

static bool receive_once(void) {
    ssize_t n = recv(world.fd, world.last, sizeof world.last - 1, MSG_DONTWAIT);
    if (n < 0)
        return false;
    world.last[n] = '\0';
    return true;
}

/* A request received before (time runs fast here); ACKs are repeated on purpose. */
static bool is_repeated(void) {
    char start[128];
    if (strncmp(world.last, "SIP/2.0", 7) == 0 || strncmp(world.last, "ACK", 3) == 0)
        return false;
    snprintf(start, sizeof start, "%.*s", (int)sizeof start - 1, world.last);
    for (size_t i = 0; i < ARRAY_LEN(world.seen); i++)
        if (strcmp(world.seen[i], start) == 0)
            return true;
    snprintf(world.seen[world.seen_at++ % ARRAY_LEN(world.seen)], sizeof world.seen[0], "%s", start);
    return false;
}

/* The next message that does not begin with `skip`; false when none comes. */
static bool receive(const char *skip) {
    for (int i = 0; i < 200; i++) {
        turn_loop(1);
        while (receive_once())
            if (strncmp(world.last, "SIP/2.0 100", 11) != 0 && !is_repeated() &&
                (!skip || strncmp(world.last, skip, strlen(skip)) != 0))
                return true;
    }
    return false;
}

static void expect_skipping(const char *start, const char *skip) {
    if (!receive(skip))
        fail_msg("nothing came, expected: %s\nevents:\n%s", start, world.events);
    if (strncmp(world.last, start, strlen(start)) != 0)
        fail_msg("expected: %s\ngot: %s", start, world.last);
}
static void expect(const char *start) {
    expect_skipping(start, NULL);
}
static void expect_silence(void) {
    for (int i = 0; i < 10; i++) {
        turn_loop(2);
        if (receive_once() && !is_repeated())
            fail_msg("expected silence, got: %s", world.last);
    }
}
static void drain(void) {
    turn_loop(5);
    while (receive_once())
        ;
}

/* Until the adapter has read and answered everything. */
static void settle(void) {
    for (int quiet = 0; quiet < 20; quiet++) {
        turn_loop(2);
        while (receive_once())
            quiet = 0;
    }
}

/* The floor's next event begins so; it is taken off. */
static void expect_event(const char *start) {
    for (int i = 0; i < 200 && !world.events[0]; i++)
        turn_loop(1);
    if (strncmp(world.events, start, strlen(start)) != 0)
        fail_msg("expected event: %s\ngot: %s", start, world.events);
    char *rest = strchr(world.events, '\n') + 1;
    memmove(world.events, rest, strlen(rest) + 1);
}
static void expect_no_event(void) {
    turn_loop(5);
    if (world.events[0])
        fail_msg("expected no event, got: %s", world.events);
}

/* Value of a header of the last message, "" if there is none. Valid until eight further calls. */
static const char *header(const char *name) {
    static char value[8][1024];
    static int which;
    char start[64];
    char *out = value[which = (which + 1) % 8];
    snprintf(start, sizeof start, "\r\n%s: ", name);
    const char *at = strcasestr(world.last, start);
    const char *end = strstr(world.last, "\r\n\r\n");
    out[0] = '\0';
    if (at && at < end + 2) {
        at += strlen(start);
        snprintf(out, 1024, "%.*s", (int)strcspn(at, "\r\n"), at);
    }
    return out;
}
static const char *body(void) {
    const char *at = strstr(world.last, "\r\n\r\n");
    return at ? at + 4 : "";
}
static void assert_has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("no \"%s\" in: %s", part, text);
}

static void send_text(const char *text) {
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(world.adapter_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(sendto(world.fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof to),
                     strlen(text));
}

static unsigned unique(void) {
    static unsigned last;
    return ++last;
}

static void dialog_new(struct dialog *d, const char *called) {
    unsigned id = unique();
    memset(d, 0, sizeof *d);
    snprintf(d->call_id, sizeof d->call_id, "call%u-%d@test", id, (int)getpid());
    snprintf(d->from, sizeof d->from, "\"Ala\" <sip:+4822@127.0.0.1>;tag=f%u", id);
    snprintf(d->to, sizeof d->to, "<sip:%s@127.0.0.1>", called);
    snprintf(d->target, sizeof d->target, "sip:%s@127.0.0.1:%u", called, world.adapter_port);
}

/* extra: further header lines, each with its \r\n; sdp: body or NULL. branch NULL: a new one. */
static void request_full(struct dialog *d, const char *method, const char *branch, const char *contact,
                         const char *extra, const char *sdp) {
    char text[MESSAGE], fresh[64];
    bool ack = strcmp(method, "ACK") == 0 || strcmp(method, "CANCEL") == 0;
    unsigned cseq = ack ? d->invite_cseq : ++d->cseq;
    if (strcmp(method, "INVITE") == 0)
        d->invite_cseq = cseq;
    snprintf(fresh, sizeof fresh, "z9hG4bK%u", unique());
    snprintf(
        text, sizeof text,
        "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=%s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\n"
        "CSeq: %u %s\r\n%s%s%s%s%sContent-Length: %zu\r\n\r\n%s",
        method, d->target, world.peer_port, branch ? branch : fresh, d->from, d->to, d->call_id, cseq, method,
        contact ? "Contact: " : "", contact ? contact : "", contact ? "\r\n" : "", extra ? extra : "",
        sdp && !strcasestr(extra ? extra : "", "content-type") ? "Content-Type: application/sdp\r\n" : "",
        sdp ? strlen(sdp) : 0, sdp ? sdp : "");
    send_text(text);
}
static void request(struct dialog *d, const char *method, const char *extra, const char *sdp) {
    char contact[64];
    snprintf(contact, sizeof contact, "<sip:peer@127.0.0.1:%u>", world.peer_port);
    request_full(d, method, NULL, contact, extra, sdp);
}

/* From a response: the dialog's other half. */
static void learn(struct dialog *d) {
    const char *contact = header("Contact");
    snprintf(d->to, sizeof d->to, "%s", header("To"));
    if (contact[0] == '<')
        snprintf(d->target, sizeof d->target, "%.*s", (int)strcspn(contact + 1, ">"), contact + 1);
}
/* From a request of the adapter's: the dialog as we, called, see it. */
static void learn_called(struct dialog *d, const char *tag) {
    memset(d, 0, sizeof *d);
    snprintf(d->call_id, sizeof d->call_id, "%s", header("Call-ID"));
    snprintf(d->from, sizeof d->from, "%s%s%s", header("To"), tag ? ";tag=" : "", tag ? tag : "");
    snprintf(d->to, sizeof d->to, "%s", header("From"));
    const char *contact = header("Contact");
    snprintf(d->target, sizeof d->target, "%.*s", (int)strcspn(contact + 1, ">"), contact + 1);
    d->cseq = 100;
}

/* Answers the request in `message`. tag NULL: To as it is. */
static void respond(const char *message, const char *status, const char *tag, const char *extra,
                    const char *sdp) {
    char text[MESSAGE], kept[MESSAGE];
    memcpy(kept, world.last, sizeof kept);
    if (message != world.last)
        snprintf(world.last, sizeof world.last, "%s", message);
    snprintf(text, sizeof text,
             "SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s%s%s\r\nCall-ID: %s\r\nCSeq: %s\r\n%s%s"
             "Content-Length: %zu\r\n\r\n%s",
             status, header("Via"), header("From"), header("To"), tag ? ";tag=" : "", tag ? tag : "",
             header("Call-ID"), header("CSeq"), extra ? extra : "",
             sdp ? "Content-Type: application/sdp\r\n" : "", sdp ? strlen(sdp) : 0, sdp ? sdp : "");
    memcpy(world.last, kept, sizeof kept);
    send_text(text);
}
static const char *peer_contact(void) {
    static char line[96];
    snprintf(line, sizeof line, "Contact: <sip:phone@127.0.0.1:%u>\r\n", world.peer_port);
    return line;
}

/* ---- calls ---- */

/* Incoming call up to the floor's knowledge; returns the floor's number. */
static uint32_t call_in(struct dialog *d, const char *extra, const char *sdp) {
    dialog_new(d, "3000");
    request(d, "INVITE", extra, sdp);
    expect_event("invited ");
    return world.next_leg;
}
static uint32_t call_in_answered(struct dialog *d, const char *extra) {
    uint32_t leg = call_in(d, extra, sdp_plain);
    assert_int_equal(world.port.answer(world.port.ctx, leg, &world.local), 0);
    expect("SIP/2.0 200");
    learn(d);
    request(d, "ACK", NULL, NULL);
    expect_event("confirmed ");
    return leg;
}
/* Outgoing call: the INVITE is in `invite`. */
static uint32_t call_out_with(char *invite, bool auto_answer, const char *user) {
    char uri[64];
    snprintf(uri, sizeof uri, "sip:%s@127.0.0.1:%u", user, world.peer_port);
    struct ua_invite what = {.uri = uri,
                             .caller = "+4822",
                             .caller_name = "Ala \"x\"",
                             .called = "1001",
                             .offer = &world.local,
                             .auto_answer = auto_answer};
    uint32_t leg = leg_begins();
    assert_int_equal(world.port.invite(world.port.ctx, leg, &what), 0);
    expect("INVITE ");
    snprintf(invite, MESSAGE, "%s", world.last);
    return leg;
}
static uint32_t call_out(char *invite) {
    return call_out_with(invite, false, "1001");
}
static uint32_t call_out_answered(char *invite, const char *extra) {
    char headers[512];
    uint32_t leg = call_out(invite);
    snprintf(headers, sizeof headers, "%s%s", peer_contact(), extra ? extra : "");
    respond(invite, "200 OK", "t", headers, sdp_plain);
    expect("ACK ");
    expect_event("answered ");
    return leg;
}

/* ---- set up, tear down ---- */

static struct ua_counters counters(void) {
    struct ua_counters c;
    world.port.counters(world.port.ctx, &c);
    return c;
}

/* Nothing is left behind: no leg now, no transaction after all timers. */
static void assert_clean(void) {
    turn_loop(5);
    if (world.events[0])
        fail_msg("left over events: %s", world.events);
    assert_int_equal(world.live, 0);
    assert_int_equal(counters().legs, 0);
    for (int i = 0; i < 3 && counters().transactions; i++)
        advance(35000);
    assert_int_equal(counters().transactions, 0);
    assert_int_equal(ua_guard_caught(), 0);
    drain();
}

static int world_start(void **state) {
    static const struct ua_sink sink = {
        .invited = floor_invited,
        .ringing = floor_ringing,
        .answered = floor_answered,
        .confirmed = floor_confirmed,
        .reoffered = floor_reoffered,
        .ended = floor_ended,
        .info_digit = floor_info_digit,
        .agent_reachable = floor_agent_reachable,
        .trunk_changed = floor_trunk_changed,
        .probed = floor_probed,
    };
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof here;
    memset(&world, 0, sizeof world);
    world.fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (world.fd < 0 || bind(world.fd, (struct sockaddr *)&here, sizeof here) < 0 ||
        getsockname(world.fd, (struct sockaddr *)&here, &length) < 0)
        return -1;
    world.peer_port = ntohs(here.sin_port);
    world.listen[0] = (struct conf_listen){false, (char *)"127.0.0.1", 0};
    world.listen[1] = (struct conf_listen){true, (char *)"127.0.0.1", 0};
    world.peer = (struct conf_peer){(char *)"127.0.0.1", 32, world.peer_port};
    world.trunk = (struct conf_trunk){.name = (char *)"carrier",
                                      .peer = &world.peer,
                                      .peer_count = 1,
                                      .register_user = (char *)"",
                                      .register_password = (char *)"",
                                      .register_domain = (char *)""};
    world.agent = (struct conf_agent){.id = (char *)"1001",
                                      .name = (char *)"Ala",
                                      .password = (char *)"secret",
                                      .ha1 = (char *)"",
                                      .contact = (char *)""};
    world.conf = (struct conf){.agent = &world.agent,
                               .agent_count = 1,
                               .path = (char *)"",
                               .state_dir = (char *)"",
                               .realm = (char *)"test",
                               .public_address = (char *)"",
                               .listen = world.listen,
                               .listen_count = 2,
                               .register_min_s = 60,
                               .register_max_s = 3600,
                               .trunk = &world.trunk,
                               .trunk_count = 1};
    world.local = (struct media_desc){.address = "198.51.100.1",
                                      .port = 4000,
                                      .rtcp_port = 4001,
                                      .codec_count = 1,
                                      .codec = {{MEDIA_PCMU, 0}},
                                      .dtmf_payload_type = 101,
                                      .direction = MEDIA_SENDRECV,
                                      .ptime_ms = 20};
    if (loop_create(&world.loop) || ua_create(&world.ua, world.loop, &world.conf))
        return -1;
    world.wake = evtimer_new(loop_base(world.loop), on_wake, NULL);
    world.port = ua_get_port(world.ua);
    if (!world.wake || ua_start(world.ua, &sink))
        return -1;
    world.adapter_port = ua_listen_port(world.ua, 0);
    return world.adapter_port ? 0 : -1;
}

static int world_stop(void **state) {
    ua_destroy(world.ua);
    if (world.wake)
        event_free(world.wake);
    loop_destroy(world.loop);
    close(world.fd);
    return 0;
}

#endif
