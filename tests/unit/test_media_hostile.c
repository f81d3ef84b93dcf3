/* LIBS: media loop base */
/* SPDX-License-Identifier: Apache-2.0
 * What the network does to the audio engine: strangers, NAT, junk, floods, refusals, moved media. */
#include "media_world.h"

static void strangers_are_not_heard(void **state) {
    struct world *w = &W;
    struct phone a, b, s;
    struct rtp_packet packet;
    uint8_t data[512];
    uint16_t port;
    phone_open(w, &a, 1, MEDIA_PCMU);
    phone_open(w, &b, 2, MEDIA_PCMU);
    w->port.join(w->port.ctx, 1, 2);
    phone_flush(w, &b);
    s = a;
    s.fd = bound(&port);
    s.ssrc = 0x666;
    for (int i = 0; i < 3; i++) { /* before the phone itself: too few to be believed */
        phone_talk(&s, 200);
        turn(w, 5);
    }
    assert_false(phone_hear(w, &b, &packet, data, 40));
    phone_talk(&a, 1);
    assert_true(phone_hear(w, &b, &packet, data, 1000));
    assert_int_equal(data[packet.offset], 1);
    for (int i = 0; i < 20; i++) {
        phone_talk(&s, 201);
        phone_event(&s, 3, false, 160);
        send_to_engine(&a, s.fd, "junk", 4);
        send_to_engine(&a, s.fd, "", 0);
        turn(w, 5);
    }
    phone_send_raw(&a, a.fd, 96, data, 50, false);          /* unknown payload type */
    send_to_engine(&a, a.fd, "\x00\x00garbagegarbage", 16); /* version 0 */
    phone_talk(&a, 2);
    assert_true(phone_hear(w, &b, &packet, data, 1000));
    assert_int_equal(data[packet.offset], 2);
    assert_false(phone_hear(w, &b, &packet, data, 40));
    assert_int_equal(count(w, 'd'), 0);
    close(s.fd);
    phone_close(w, &a);
    phone_close(w, &b);
    expect(w, 'c', 2);
}

static void a_peer_behind_nat_is_found(void **state) {
    struct world *w = &W;
    struct phone a, nat;
    struct rtp_packet packet;
    uint8_t data[512];
    phone_open(w, &a, 1, MEDIA_PCMU);
    nat = a;
    nat.fd = bound(&nat.port);
    for (int i = 0; i < 8; i++) {
        phone_talk(&nat, 1);
        turn(w, 20);
    }
    assert_true(phone_hear(w, &nat, &packet, data, 1000));
    phone_flush(w, &a);
    assert_false(phone_hear(w, &a, &packet, data, 60));
    phone_talk(&a, 3); /* the SDP's own address turns up: it wins */
    turn(w, 50);
    phone_flush(w, &nat);
    assert_false(phone_hear(w, &nat, &packet, data, 60));
    assert_true(phone_hear(w, &a, &packet, data, 1000));
    close(nat.fd);
    phone_close(w, &a);
    expect(w, 'c', 1);
}

static void junk_of_every_size_is_survived(void **state) {
    struct world *w = &W;
    struct phone a, b;
    struct rtp_packet packet;
    static uint8_t junk[65000];
    uint8_t data[512];
    uint64_t seed = 11;
    phone_open(w, &a, 1, MEDIA_PCMU);
    phone_open(w, &b, 2, MEDIA_PCMU);
    w->port.join(w->port.ctx, 1, 2);
    phone_talk(&a, 1);
    turn(w, 20);
    phone_flush(w, &b);
    for (int i = 0; i < 300; i++) {
        size_t length = i % 30 == 0 ? 0 : i % 30 == 1 ? sizeof junk : rng_next(&seed) % 300;
        for (size_t k = 0; k < length && k < 300; k++)
            junk[k] = (uint8_t)rng_next(&seed);
        junk[0] = (uint8_t)(i % 3 ? 0x80 | (junk[0] & 0x3f) : junk[0]);
        junk[1] &= 0xf0; /* never a payload type that was agreed */
        junk[1] |= 6;
        send_to_engine(&a, a.fd, junk, length); /* from the true address, too */
        send_to_engine(&a, a.rtcp_fd, junk, length);
        if (i % 20 == 0)
            turn(w, 10);
    }
    turn(w, 100);
    phone_flush(w, &b);
    memset(junk, 0, sizeof junk); /* our own stream, but longer than any audio: not passed on cut off */
    rtp_write_header(junk, &(struct rtp_packet){.seq = a.seq, .timestamp = a.timestamp, .ssrc = a.ssrc});
    send_to_engine(&a, a.fd, junk, 5000);
    assert_false(phone_hear(w, &b, &packet, data, 50));
    phone_talk(&a, 9);
    assert_true(phone_hear(w, &b, &packet, data, 1000));
    assert_int_equal(data[packet.offset], 9);
    assert_int_equal(count(w, 'd'), 0);
    phone_close(w, &a);
    phone_close(w, &b);
    expect(w, 'c', 2);
}

/* A phone that has gone answers each packet with an ICMP error: the engine goes on sending. */
static void refusals_are_harmless(void **state) {
    struct world *w = &W;
    struct phone a;
    struct rtp_packet packet;
    uint8_t data[512];
    uint64_t since = loop_now_ms();
    phone_open(w, &a, 1, MEDIA_PCMU);
    phone_talk(&a, 1); /* connects the engine's socket */
    turn(w, 30);
    close(a.fd);
    turn(w, 200);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(a.port)};
    a.fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(a.fd, (struct sockaddr *)&address, sizeof address), 0);
    for (int i = 0; i < 5; i++)
        assert_true(phone_hear(w, &a, &packet, data, 1000));
    uint64_t frames = (loop_now_ms() - since) / 20;
    phone_close(w, &a);
    struct note *n = expect(w, 'c', 1);
    assert_true(n->stats.packets_out + 4 >= frames); /* an error of the packet before must not eat this one */
}

static void media_moves_with_a_new_offer(void **state) {
    struct world *w = &W;
    struct phone a, b, moved;
    struct rtp_packet packet;
    uint8_t data[512];
    uint16_t last_seq;
    phone_open(w, &a, 1, MEDIA_PCMU);
    phone_open(w, &b, 2, MEDIA_PCMU);
    w->port.join(w->port.ctx, 1, 2);
    phone_flush(w, &a);
    phone_flush(w, &b);
    phone_talk(&a, 1);
    phone_talk(&b, 2);
    assert_true(phone_hear(w, &a, &packet, data, 1000));
    last_seq = packet.seq;
    phone_flush(w, &b);
    moved = a;
    moved.fd = bound(&moved.port);
    moved.ssrc = 0x7777;
    moved.seq = 40000;
    phone_set(w, &moved, MEDIA_PCMU, MEDIA_SENDRECV);
    turn(w, 20);
    phone_talk(&b, 3);
    assert_true(phone_hear(w, &moved, &packet, data, 1000));
    assert_int_equal(packet.seq, (uint16_t)(last_seq + 1)); /* our stream goes on */
    phone_talk(&a, 4);                                      /* the old place is a stranger now */
    assert_false(phone_hear(w, &b, &packet, data, 40));
    phone_talk(&moved, 5);
    assert_true(phone_hear(w, &b, &packet, data, 1000));
    assert_int_equal(data[packet.offset], 5);
    assert_true(packet.marker);
    close(moved.fd);
    phone_close(w, &a);
    phone_close(w, &b);
    expect(w, 'c', 2);
}

/* Before the phone has said its first word, strangers fill the port as fast as they can. There are legs
 * enough for the engine to tick, and reading each socket once per tick would not do. */
static void a_flood_does_not_keep_a_call_from_starting(void **state) {
    struct world *w = &W;
    struct phone a, b;
    struct rtp_packet packet;
    uint8_t data[512], noise[172];
    uint16_t port;
    int stranger = bound(&port), heard = 0;
    phone_open(w, &a, 1, MEDIA_PCMU);
    phone_open(w, &b, 2, MEDIA_PCMU);
    for (uint32_t leg = 10; leg < 40; leg++) {
        struct media_desc local;
        assert_int_equal(w->port.open(w->port.ctx, leg, &local), 0);
    }
    w->port.join(w->port.ctx, 1, 2);
    phone_flush(w, &b);
    memset(noise, 0x80, sizeof noise);
    uint64_t end = loop_now_ms() + 4000, next = loop_now_ms();
    while (loop_now_ms() < end && heard < 10) {
        noise[1] = 0;
        for (int i = 0; i < 50; i++) {
            noise[3]++;
            noise[11] = (uint8_t)(i * 7); /* SSRC after SSRC: proves nothing */
            send_to_engine(&a, stranger, noise, sizeof noise);
        }
        if (loop_now_ms() >= next) {
            phone_talk(&a, 42);
            next += 20;
        }
        if (phone_hear(w, &b, &packet, data, 1)) {
            assert_int_equal(data[packet.offset], 42);
            heard++;
        }
    }
    assert_true(heard >= 10);
    close(stranger);
    phone_close(w, &a);
    phone_close(w, &b);
    expect(w, 'c', 2);
}

static void reports_are_exchanged(void **state) {
    struct world *w = &W;
    struct phone a;
    uint8_t data[512];
    struct rtcp_news news = {0};
    phone_open(w, &a, 1, MEDIA_PCMU);
    ssize_t n = 0;
    for (int i = 0; i < 400 && n <= 0; i++) {
        if (i % 2 == 0 && i != 40) /* one is lost */
            phone_talk(&a, 1);
        else if (i == 40)
            a.seq++;
        turn(w, 10);
        n = recv(a.rtcp_fd, data, sizeof data, MSG_DONTWAIT);
    }
    assert_true(n > 0);
    assert_int_equal(rtcp_parse(&news, data, (size_t)n, a.ssrc), 0);
    assert_true(news.has_sender && news.has_report);
    assert_int_equal(news.report.lost, 1);
    /* our answer, as if the way took 30 ms */
    struct rtp_report r = {.ssrc = news.ssrc, .last_sr = news.sender_ntp, .delay_since_sr = 0};
    turn(w, 30);
    size_t length = rtcp_write(data, a.ssrc, NULL, &r, "phone");
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(a.local.rtcp_port)};
    sendto(a.rtcp_fd, data, length, 0, (struct sockaddr *)&to, sizeof to);
    turn(w, 50);
    phone_close(w, &a);
    struct note *c = expect(w, 'c', 1);
    assert_in_range(c->stats.rtt_us, 25000, 90000);
    assert_int_equal(c->stats.lost, 1);
}

static void ipv6_works(void **state) {
    struct world *w = &W;
    struct rtp_packet packet;
    uint8_t data[512];
    struct phone a = {.ssrc = 1, .leg = 1};
    struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t length = sizeof own;
    a.fd = socket(AF_INET6, SOCK_DGRAM, 0);
    if (a.fd < 0 || bind(a.fd, (struct sockaddr *)&own, sizeof own) < 0)
        skip(); /* a machine without IPv6 */
    getsockname(a.fd, (struct sockaddr *)&own, &length);
    media_destroy(w->media);
    w->media = NULL;
    w->conf.rtp_address = (char *)"::1";
    assert_int_equal(media_create(&w->media, w->loop, &w->conf), 0);
    w->port = media_get_port(w->media);
    assert_int_equal(w->port.open(w->port.ctx, 1, &a.local), 0);
    assert_string_equal(a.local.address, "::1");
    struct media_stream agreed = {a.local, a.local};
    agreed.remote.port = ntohs(own.sin6_port);
    assert_int_equal(w->port.set(w->port.ctx, 1, &agreed), 0);
    assert_true(phone_hear(w, &a, &packet, data, 1000));
    assert_true(is_silence(data + packet.offset, 0xff));
    close(a.fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(strangers_are_not_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(a_peer_behind_nat_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(junk_of_every_size_is_survived, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_are_harmless, setup, teardown),
        cmocka_unit_test_setup_teardown(media_moves_with_a_new_offer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flood_does_not_keep_a_call_from_starting, setup, teardown),
        cmocka_unit_test_setup_teardown(reports_are_exchanged, setup, teardown),
        cmocka_unit_test_setup_teardown(ipv6_works, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
