/* LIBS: media loop base */
/* SPDX-License-Identifier: Apache-2.0
 * The audio engine with its thread: what calls need of it. Also the test for the thread sanitizer. */
#include "media_world.h"

/* ---- tests ---- */

static void silence_when_nothing_is_to_be_said(void **state) {
    struct world *w = &W;
    struct phone p;
    struct rtp_packet packet, last = {0};
    uint8_t data[512];
    phone_open(w, &p, 1, MEDIA_PCMA);
    for (int i = 0; i < 10; i++) {
        assert_true(phone_hear(w, &p, &packet, data, 1000));
        assert_int_equal(packet.payload_type, 8);
        assert_int_equal(packet.length, RTP_FRAME);
        assert_true(is_silence(data + packet.offset, 0xd5));
        if (i) {
            assert_int_equal(packet.seq, (uint16_t)(last.seq + 1));
            assert_int_equal(packet.timestamp, last.timestamp + RTP_FRAME);
            assert_int_equal(packet.ssrc, last.ssrc);
            assert_false(packet.marker);
        } else {
            assert_true(packet.marker);
        }
        last = packet;
    }
    phone_set(w, &p, MEDIA_PCMA, MEDIA_SENDONLY); /* it does not want to hear us */
    phone_flush(w, &p);
    assert_false(phone_hear(w, &p, &packet, data, 60));
    phone_close(w, &p);
    expect(w, 'c', 1);
}

static void joined_legs_hear_each_other_unchanged(void **state) {
    struct world *w = &W;
    struct phone a, b;
    struct rtp_packet packet;
    uint8_t data[512];
    phone_open(w, &a, 1, MEDIA_PCMU);
    phone_open(w, &b, 2, MEDIA_PCMU);
    assert_int_equal(w->port.join(w->port.ctx, 1, 2), 0);
    phone_flush(w, &a);
    phone_flush(w, &b);
    uint16_t seq = 0;
    uint32_t timestamp = 0;
    for (uint8_t i = 1; i < 20; i++) {
        phone_talk(&a, i);
        assert_true(phone_hear(w, &b, &packet, data, 1000));
        assert_int_equal(packet.payload_type, 0);
        assert_int_equal(data[packet.offset], i);
        assert_int_equal(data[packet.offset + 159], (uint8_t)(i + 159));
        if (i > 1) {
            assert_int_equal(packet.seq, (uint16_t)(seq + 1));
            assert_int_equal(packet.timestamp, timestamp + RTP_FRAME);
            assert_false(packet.marker);
        } else {
            assert_true(packet.marker);
        }
        seq = packet.seq;
        timestamp = packet.timestamp;
        phone_talk(&b, (uint8_t)(i + 100));
        assert_true(phone_hear(w, &a, &packet, data, 1000));
        assert_int_equal(data[packet.offset], i + 100);
    }
    assert_false(phone_hear(w, &a, &packet, data, 60)); /* nobody talks: nothing is sent */
    w->port.part(w->port.ctx, 2);
    assert_true(phone_hear(w, &a, &packet, data, 1000)); /* silence again */
    assert_true(is_silence(data + packet.offset, 0xff));
    phone_close(w, &a);
    phone_close(w, &b);
    struct note *n = expect(w, 'c', 2);
    assert_int_equal(n->stats.packets_in, 19);
    assert_int_equal(n->stats.lost, 0);
}

static void laws_are_converted(void **state) {
    struct world *w = &W;
    struct phone a, b;
    struct rtp_packet packet;
    uint8_t data[512], payload[RTP_FRAME];
    int16_t wave[RTP_FRAME];
    phone_open(w, &a, 1, MEDIA_PCMU);
    phone_open(w, &b, 2, MEDIA_PCMA);
    w->port.join(w->port.ctx, 2, 1);
    phone_flush(w, &a);
    phone_flush(w, &b);
    for (int i = 0; i < RTP_FRAME; i++)
        wave[i] = (int16_t)(12000 * sin(2 * M_PI * 400 * i / 8000));
    law_encode(payload, wave, RTP_FRAME, LAW_ULAW);
    phone_send_raw(&a, a.fd, 0, payload, RTP_FRAME, false);
    assert_true(phone_hear(w, &b, &packet, data, 1000));
    assert_int_equal(packet.payload_type, 8);
    for (int i = 0; i < RTP_FRAME; i++)
        assert_in_range(law_decode(data[packet.offset + i], LAW_ALAW) - wave[i] + 2000, 1200, 2800);
    law_encode(payload, wave, RTP_FRAME, LAW_ALAW);
    phone_send_raw(&b, b.fd, 8, payload, RTP_FRAME, false);
    assert_true(phone_hear(w, &a, &packet, data, 1000));
    assert_int_equal(packet.payload_type, 0);
    for (int i = 0; i < RTP_FRAME; i++)
        assert_in_range(law_decode(data[packet.offset + i], LAW_ULAW) - wave[i] + 2000, 1200, 2800);
    phone_close(w, &a);
    phone_close(w, &b);
    expect(w, 'c', 2);
}

/* A peer may change over to the other law it has listed, packet by packet. */
static void both_laws_are_taken_when_both_were_listed(void **state) {
    struct world *w = &W;
    struct phone a, b;
    struct rtp_packet packet;
    uint8_t data[512], payload[RTP_FRAME];
    phone_open(w, &a, 1, MEDIA_PCMU);
    phone_open(w, &b, 2, MEDIA_PCMU);
    a.desc.codec_count = 2;
    a.desc.codec[1].codec = MEDIA_PCMA;
    a.desc.codec[1].payload_type = 8;
    struct media_stream agreed = {a.local, a.desc};
    agreed.local.codec_count = 1;
    assert_int_equal(w->port.set(w->port.ctx, 1, &agreed), 0);
    w->port.join(w->port.ctx, 1, 2);
    turn(w, 20);
    phone_flush(w, &b);
    for (int i = 0; i < 10; i++) {
        memset(payload, law_silence(i % 2), sizeof payload);
        phone_send_raw(&a, a.fd, i % 2 ? 8 : 0, payload, sizeof payload, false);
        a.seq++;
        a.timestamp += RTP_FRAME;
        assert_true(phone_hear(w, &b, &packet, data, 1000));
        assert_int_equal(packet.payload_type, 0);
        assert_true(abs(law_decode(data[packet.offset], LAW_ULAW)) <= 8);
    }
    phone_close(w, &a);
    phone_close(w, &b);
    expect(w, 'c', 2);
}

static void prompts_are_heard_without_a_gap(void **state) {
    struct world *w = &W;
    struct phone p;
    struct rtp_packet packet, last;
    uint8_t data[512];
    static int16_t pcm[8000];
    size_t n = 0;
    uint32_t odd = w->port.prompt(w->port.ctx, "odd"), tone = w->port.prompt(w->port.ctx, "tone"),
             wide = w->port.prompt(w->port.ctx, "wide");
    assert_true(odd && tone && wide);
    assert_int_equal(w->port.prompt(w->port.ctx, "none"), 0);
    phone_open(w, &p, 1, MEDIA_PCMU);
    assert_true(phone_hear(w, &p, &last, data, 1000));
    struct media_play play = {.play_id = 77, .prompt = {odd, tone, wide}, .count = 3};
    assert_int_equal(w->port.play(w->port.ctx, 1, &play), 0);
    while (n + RTP_FRAME <= ARRAY_LEN(pcm) && !count(w, 'p')) {
        assert_true(phone_hear(w, &p, &packet, data, 1000));
        assert_int_equal(packet.seq, (uint16_t)(last.seq + 1));
        assert_int_equal(packet.timestamp, last.timestamp + RTP_FRAME);
        last = packet;
        if (n == 0 && is_silence(data + packet.offset, 0xff))
            continue; /* sent before play() arrived */
        for (int i = 0; i < RTP_FRAME; i++)
            pcm[n++] = law_decode(data[packet.offset + i], LAW_ULAW);
    }
    assert_int_equal(expect(w, 'p', 1)->number, 77);
    /* 33 ms, then 200 ms, then 150 ms, sample by sample */
    assert_true(n >= 8 * 383 && n <= 8 * 460);
    assert_true(level(pcm, 240, 300) > -17);
    assert_true(level(pcm + 264, 1600, 500) > -13 && level(pcm + 264, 1600, 1000) < -40);
    assert_true(level(pcm + 1864, 1200, 1000) > -13 && level(pcm + 1864, 1200, 500) < -40);
    assert_true(level(pcm + 3064 + 40, n - 3064 - 40, 1000) < -40);
    play =
        (struct media_play){.play_id = 78, .prompt = {9999}, .count = 1}; /* nothing to hear: ends at once */
    w->port.play(w->port.ctx, 1, &play);
    assert_int_equal(expect(w, 'p', 2)->number, 78);
    phone_close(w, &p);
    expect(w, 'c', 1);
}

static void music_stops_within_a_packet_and_resumes(void **state) {
    struct world *w = &W;
    struct phone p;
    struct rtp_packet packet;
    uint8_t data[512], stopped[RTP_FRAME];
    struct media_play play = {
        .play_id = 1, .prompt = {w->port.prompt(w->port.ctx, "music")}, .count = 1, .loop = true};
    phone_open(w, &p, 1, MEDIA_PCMU);
    w->port.play(w->port.ctx, 1, &play);
    for (int i = 0; i < 5 || is_silence(data + packet.offset, 0xff); i++) {
        assert_true(phone_hear(w, &p, &packet, data, 1000));
        memcpy(stopped, data + packet.offset, RTP_FRAME);
    }
    w->port.stop(w->port.ctx, 1);
    int more = 0;
    do {
        assert_true(phone_hear(w, &p, &packet, data, 1000));
        if (!is_silence(data + packet.offset, 0xff))
            memcpy(stopped, data + packet.offset, RTP_FRAME);
    } while (!is_silence(data + packet.offset, 0xff) && ++more < 10);
    assert_true(more <= 2);
    assert_int_equal(count(w, 'p'), 0);
    /* what comes next continues the wave: 700 Hz at 8 kHz repeats after 80 samples */
    w->port.play(w->port.ctx, 1, &play);
    do
        assert_true(phone_hear(w, &p, &packet, data, 1000));
    while (is_silence(data + packet.offset, 0xff));
    int errors = 0;
    for (int i = 0; i < 80; i++) {
        int d = law_decode(data[packet.offset + i], 0) - law_decode(stopped[80 + i], 0);
        errors += abs(d) > 700;
    }
    assert_int_equal(errors, 0);
    phone_close(w, &p);
    expect(w, 'c', 1);
}

static void digits_are_told_once_and_relayed(void **state) {
    struct world *w = &W;
    struct phone a, b;
    struct rtp_packet packet;
    uint8_t data[512];
    phone_open(w, &a, 1, MEDIA_PCMU);
    phone_open(w, &b, 2, MEDIA_PCMU);
    w->port.join(w->port.ctx, 1, 2);
    phone_talk(&a, 1);
    turn(w, 20);
    phone_flush(w, &b);
    for (int i = 1; i <= 5; i++)
        phone_event(&a, 7, false, (uint16_t)(160 * i));
    for (int i = 0; i < 3; i++)
        phone_event(&a, 7, true, 800);
    struct note *n = expect(w, 'd', 1);
    assert_int_equal(n->digit, '7');
    assert_int_equal(n->leg, 1);
    for (int i = 0; i < 8; i++) {
        assert_true(phone_hear(w, &b, &packet, data, 1000));
        assert_int_equal(packet.payload_type, 101);
        assert_int_equal(data[packet.offset], 7);
    }
    turn(w, 30);
    assert_int_equal(count(w, 'd'), 1);
    a.timestamp += 1000;
    phone_event(&a, 11, true, 800); /* all but the last packet lost */
    assert_int_equal(expect(w, 'd', 2)->digit, '#');
    phone_close(w, &a);
    phone_close(w, &b);
    expect(w, 'c', 2);
}

static void digits_are_sent(void **state) {
    struct world *w = &W;
    struct phone p;
    struct rtp_packet packet;
    uint8_t data[512];
    int packets = 0, ends = 0, markers = 0;
    uint32_t timestamp = 0;
    phone_open(w, &p, 1, MEDIA_PCMU);
    phone_flush(w, &p);
    assert_int_equal(w->port.send_digit(w->port.ctx, 1, '5', 100), 0);
    assert_int_equal(w->port.send_digit(w->port.ctx, 1, 'x', 100), -EINVAL);
    for (int i = 0; i < 20; i++) {
        struct rtp_dtmf_event event;
        assert_true(phone_hear(w, &p, &packet, data, 1000));
        if (packet.payload_type != 101)
            continue;
        assert_int_equal(rtp_dtmf_parse(&event, data + packet.offset, packet.length), 0);
        assert_int_equal(event.event, 5);
        assert_true(packets == 0 || packet.timestamp == timestamp);
        timestamp = packet.timestamp;
        packets++;
        ends += event.end;
        markers += packet.marker;
        if (event.end)
            assert_int_equal(event.duration, 800);
    }
    assert_int_equal(packets, 7);
    assert_int_equal(ends, 3);
    assert_int_equal(markers, 1);
    p.desc.dtmf_payload_type = 0;
    struct media_stream agreed = {p.local, p.desc};
    w->port.set(w->port.ctx, 1, &agreed);
    assert_int_equal(w->port.send_digit(w->port.ctx, 1, '5', 100), -ENOTSUP);
    phone_close(w, &p);
    expect(w, 'c', 1);
}

static void hold_and_music(void **state) {
    struct world *w = &W;
    struct phone a, b;
    struct rtp_packet packet;
    uint8_t data[512];
    struct media_play play = {
        .play_id = 1, .prompt = {w->port.prompt(w->port.ctx, "music")}, .count = 1, .loop = true};
    phone_open(w, &a, 1, MEDIA_PCMU);
    phone_open(w, &b, 2, MEDIA_PCMU);
    w->port.join(w->port.ctx, 1, 2);
    phone_talk(&a, 1);
    turn(w, 20);
    phone_set(w, &b, MEDIA_PCMU, MEDIA_SENDONLY); /* b holds a */
    w->port.play(w->port.ctx, 1, &play);
    phone_flush(w, &a);
    phone_flush(w, &b);
    phone_talk(&a, 2);
    assert_false(phone_hear(w, &b, &packet, data, 60));
    phone_talk(&b, 3); /* b's own music: not instead of ours */
    for (int i = 0; i < 4; i++) {
        assert_true(phone_hear(w, &a, &packet, data, 1000));
        assert_int_not_equal(data[packet.offset + 1], 4);
    }
    phone_set(w, &b, MEDIA_PCMU, MEDIA_SENDRECV);
    w->port.stop(w->port.ctx, 1);
    phone_flush(w, &a);
    phone_talk(&b, 5);
    assert_true(phone_hear(w, &a, &packet, data, 1000));
    assert_int_equal(data[packet.offset], 5);
    assert_true(packet.marker);
    phone_talk(&a, 6);
    assert_true(phone_hear(w, &b, &packet, data, 1000));
    assert_int_equal(data[packet.offset], 6);
    phone_set(w, &b, MEDIA_PCMU,
              MEDIA_INACTIVE); /* neither hears the other, even if one talks; digits count */
    phone_flush(w, &a);
    phone_talk(&b, 7);
    phone_talk(&a, 8);
    assert_false(phone_hear(w, &a, &packet, data, 40));
    assert_false(phone_hear(w, &b, &packet, data, 40));
    phone_event(&b, 1, false, 160);
    assert_int_equal(expect(w, 'd', 1)->leg, 2);
    phone_close(w, &a);
    phone_close(w, &b);
    expect(w, 'c', 2);
}

static void silence_is_told_once(void **state) {
    struct world *w = &W;
    struct phone a;
    phone_open(w, &a, 1, MEDIA_PCMU);
    assert_true(expect(w, 's', 1)->number >= 300);
    turn(w, 500);
    assert_int_equal(count(w, 's'), 1);
    phone_talk(&a, 1);
    turn(w, 100);
    expect(w, 's', 2);
    phone_close(w, &a);
    expect(w, 'c', 1);
}

static void many_legs_leave_nothing(void **state) {
    struct world *w = &W;
    struct media_counters c;
    struct media_desc local;
    int before = open_fds();
    uint64_t seen_ports[PORTS / 64 + 1] = {0};
    for (uint32_t leg = 1; leg <= 200; leg++) {
        assert_int_equal(w->port.open(w->port.ctx, leg, &local), 0);
        unsigned at = (unsigned)(local.port - w->conf.rtp_port_min);
        assert_false(seen_ports[at / 64] >> (at % 64) & 1);
        seen_ports[at / 64] |= UINT64_C(1) << (at % 64);
        struct media_stream agreed = {local, local};
        w->port.set(w->port.ctx, leg, &agreed); /* sends to itself: also noise for all */
        if (leg % 2 == 0)
            w->port.join(w->port.ctx, leg, leg - 1);
    }
    w->port.counters(w->port.ctx, &c);
    assert_int_equal(c.legs, 200);
    assert_int_equal(c.ports_in_use, 400);
    assert_int_equal(open_fds(), before + 400);
    turn(w, 50);
    for (uint32_t leg = 1; leg <= 200; leg++)
        w->port.close(w->port.ctx, leg);
    for (int i = 0; i < 200 && w->closed < 200; i++)
        turn(w, 10);
    assert_int_equal(w->closed, 200);
    w->port.counters(w->port.ctx, &c);
    assert_int_equal(c.legs, 0);
    assert_int_equal(c.ports_in_use, 0);
    assert_int_equal(open_fds(), before);
    assert_int_equal(w->port.open(w->port.ctx, 1, &local), 0); /* quarantine: not one of those */
    unsigned at = (unsigned)(local.port - w->conf.rtp_port_min);
    assert_false(seen_ports[at / 64] >> (at % 64) & 1);
}

/* More legs than the engine serves at once one by one: it ticks. Each hears its own partner only. */
static void many_calls_do_not_mix(void **state) {
    enum { CALLS = 20 };
    static struct phone phone[2 * CALLS];
    struct world *w = &W;
    struct rtp_packet packet;
    uint8_t data[512];
    uint32_t heard[2 * CALLS] = {0}, wrong = 0;
    for (uint32_t i = 0; i < 2 * CALLS; i++) {
        phone_open(w, &phone[i], i + 1, MEDIA_PCMU);
        if (i % 2)
            assert_int_equal(w->port.join(w->port.ctx, i + 1, i), 0);
    }
    turn(w, 50);
    for (uint32_t i = 0; i < 2 * CALLS; i++)
        phone_flush(w, &phone[i]);
    for (int frame = 0; frame < 50; frame++) {
        for (uint32_t i = 0; i < 2 * CALLS; i++)
            phone_talk(&phone[i], (uint8_t)(i + 10));
        turn(w, 20);
        for (uint32_t i = 0; i < 2 * CALLS; i++)
            while (phone_hear(w, &phone[i], &packet, data, 0)) {
                heard[i]++;
                wrong += data[packet.offset] != (i ^ 1) + 10;
            }
    }
    turn(w, 50);
    for (uint32_t i = 0; i < 2 * CALLS; i++) {
        while (phone_hear(w, &phone[i], &packet, data, 0))
            heard[i]++;
        assert_int_equal(heard[i], 50);
    }
    assert_int_equal(wrong, 0);
    for (uint32_t i = 0; i < 2 * CALLS; i++)
        phone_close(w, &phone[i]);
    expect(w, 'c', 2 * CALLS);
}

static void prompts_are_replaced_while_heard(void **state) {
    struct world *w = &W;
    struct phone p;
    struct rtp_packet packet;
    struct media_counters c;
    uint8_t data[512];
    char path[200];
    uint32_t music = w->port.prompt(w->port.ctx, "music");
    struct media_play play = {.play_id = 1, .prompt = {music}, .count = 1, .loop = true};
    phone_open(w, &p, 1, MEDIA_PCMU);
    w->port.play(w->port.ctx, 1, &play);
    turn(w, 50);
    write_wav(w, "music", 8000, 1, 1500, 400);
    write_wav(w, "new", 8000, 1, 1500, 400);
    snprintf(path, sizeof path, "%.63s/odd.wav", w->folder);
    unlink(path);
    assert_int_equal(media_reload(w->media, &w->conf), 0);
    assert_int_equal(w->port.prompt(w->port.ctx, "music"), music);
    assert_true(w->port.prompt(w->port.ctx, "new"));
    assert_int_equal(w->port.prompt(w->port.ctx, "odd"), 0);
    assert_int_equal(media_reload(w->media, &w->conf), 0); /* while the first one is still reading */
    turn(w, 100);
    w->port.counters(w->port.ctx, &c);
    assert_int_equal(c.prompts, 4);
    phone_flush(w, &p);
    static int16_t pcm[1600];
    for (size_t n = 0; n < ARRAY_LEN(pcm); n += RTP_FRAME) { /* the old one is still heard */
        assert_true(phone_hear(w, &p, &packet, data, 1000));
        for (int i = 0; i < RTP_FRAME; i++)
            pcm[n + (size_t)i] = law_decode(data[packet.offset + i], 0);
    }
    assert_true(level(pcm, ARRAY_LEN(pcm), 700) > -14);
    w->port.stop(w->port.ctx, 1);
    w->port.play(w->port.ctx, 1, &play);
    turn(w, 30);
    phone_flush(w, &p);
    for (size_t n = 0; n < ARRAY_LEN(pcm); n += RTP_FRAME) {
        assert_true(phone_hear(w, &p, &packet, data, 1000));
        for (int i = 0; i < RTP_FRAME; i++)
            pcm[n + (size_t)i] = law_decode(data[packet.offset + i], 0);
    }
    assert_true(level(pcm, ARRAY_LEN(pcm), 1500) > -14 && level(pcm, ARRAY_LEN(pcm), 700) < -40);
    phone_close(w, &p);
    expect(w, 'c', 1);
}

static void wrong_calls_are_refused(void **state) {
    struct world *w = &W;
    struct media_desc local;
    struct media_stream agreed;
    assert_int_equal(w->port.open(w->port.ctx, 0, &local), -EINVAL);
    assert_int_equal(w->port.open(w->port.ctx, 5, &local), 0);
    assert_int_equal(w->port.open(w->port.ctx, 5, &local), -EINVAL);
    agreed = (struct media_stream){local, local};
    assert_int_equal(w->port.set(w->port.ctx, 6, &agreed), -ENOENT);
    agreed.remote.codec_count = 0;
    assert_int_equal(w->port.set(w->port.ctx, 5, &agreed), -EINVAL);
    agreed.remote = local;
    str_copy(agreed.remote.address, sizeof agreed.remote.address, "phone.example");
    assert_int_equal(w->port.set(w->port.ctx, 5, &agreed), -EINVAL);
    str_copy(agreed.remote.address, sizeof agreed.remote.address, "::1");
    assert_int_equal(w->port.set(w->port.ctx, 5, &agreed), -EAFNOSUPPORT);
    assert_int_equal(w->port.join(w->port.ctx, 5, 6), -ENOENT);
    assert_int_equal(w->port.join(w->port.ctx, 5, 5), -EINVAL);
    struct media_play play = {.count = MEDIA_PLAY_MAX + 1};
    assert_int_equal(w->port.play(w->port.ctx, 5, &play), -EINVAL);
    w->port.stop(w->port.ctx, 6);
    w->port.part(w->port.ctx, 6);
    w->port.close(w->port.ctx, 6);
    w->port.close(w->port.ctx, 5);
    w->port.close(w->port.ctx, 5);
    expect(w, 'c', 1);
}

static void wait_for_last(struct world *w, uint32_t legs, uint32_t round) {
    for (int i = 0; i < 400; i++) {
        uint32_t there = 0;
        for (uint32_t leg = 1; leg <= legs; leg++)
            there += w->played_last[leg] == round * 1000 + leg;
        if (there == legs)
            return;
        turn(w, 5);
    }
    fail_msg("not all legs were told the end of play %u", round);
}

/* The control thread floods the engine and does not listen: nothing that a call hangs on is lost. */
static void full_rings_lose_nothing(void **state) {
    enum { LEGS = 100, ROUNDS = 60 };
    struct world *w = &W;
    struct media_desc local;
    static uint32_t last[LEGS + 1];
    for (uint32_t leg = 1; leg <= LEGS; leg++) {
        assert_int_equal(w->port.open(w->port.ctx, leg, &local), 0);
        struct media_stream agreed = {local, local};
        agreed.remote.port = 9;
        assert_int_equal(w->port.set(w->port.ctx, leg, &agreed), 0);
    }
    w->closed = 0;
    w->played_last = last;
    for (uint32_t round = 1; round <= ROUNDS; round++) /* 6000 at once, far more than the ring holds */
        for (uint32_t leg = 1; leg <= LEGS; leg++) {
            struct media_play play = {.play_id = round * 1000 + leg, .prompt = {4000}, .count = 1};
            assert_int_equal(w->port.play(w->port.ctx, leg, &play), 0);
        }
    wait_for_last(w, LEGS, ROUNDS);
    for (uint32_t round = 1; round <= 2 * ROUNDS; round++) { /* now slowly, but nobody takes the events */
        for (uint32_t leg = 1; leg <= LEGS; leg++) {
            struct media_play play = {.play_id = round * 1000 + leg, .prompt = {4000}, .count = 1};
            assert_int_equal(w->port.play(w->port.ctx, leg, &play), 0);
        }
        usleep(25000);
    }
    uint32_t waiting =
        atomic_load(&w->media->engine->events.head) - atomic_load(&w->media->engine->events.tail);
    assert_int_equal(waiting, w->media->engine->events.capacity); /* or the test would show nothing */
    wait_for_last(w, LEGS, 2 * ROUNDS);
    for (uint32_t leg = 1; leg <= LEGS; leg++)
        w->port.close(w->port.ctx, leg);
    for (int i = 0; i < 400 && w->closed < LEGS; i++)
        turn(w, 5);
    assert_int_equal(w->closed, LEGS);
}

int main(void) {
    log_to(NULL, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(silence_when_nothing_is_to_be_said, setup, teardown),
        cmocka_unit_test_setup_teardown(joined_legs_hear_each_other_unchanged, setup, teardown),
        cmocka_unit_test_setup_teardown(laws_are_converted, setup, teardown),
        cmocka_unit_test_setup_teardown(both_laws_are_taken_when_both_were_listed, setup, teardown),
        cmocka_unit_test_setup_teardown(prompts_are_heard_without_a_gap, setup, teardown),
        cmocka_unit_test_setup_teardown(music_stops_within_a_packet_and_resumes, setup, teardown),
        cmocka_unit_test_setup_teardown(digits_are_told_once_and_relayed, setup, teardown),
        cmocka_unit_test_setup_teardown(digits_are_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(hold_and_music, setup, teardown),
        cmocka_unit_test_setup_teardown(silence_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(many_legs_leave_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(many_calls_do_not_mix, setup, teardown),
        cmocka_unit_test_setup_teardown(prompts_are_replaced_while_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(full_rings_lose_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_calls_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
