/* SPDX-License-Identifier: Apache-2.0
 * LIBS: sip conf loop base
 * What is refused before the floor hears of it, and what must not hurt the daemon. */
#include "ua_world.h"

#include "sip/ua_digest.h"

#include <netdb.h>
#include <sofia-sip/su_os_nw.h>

/* ---- status by status ---- */

static void refused_invites(void **state) {
    static const struct {
        const char *what, *extra, *contact, *sdp, *status;
    } cases[] = {
        {"no Contact", NULL, NULL, sdp_plain, "SIP/2.0 400"},
        {"tel: Contact", NULL, "<tel:1>", sdp_plain, "SIP/2.0 400"},
        {"http: Contact", NULL, "<http://x>", sdp_plain, "SIP/2.0 400"},
        {"* Contact", NULL, "*", sdp_plain, "SIP/2.0 400"},
        {"two Contacts", NULL, "<sip:a@127.0.0.1>, <sip:b@127.0.0.1>", sdp_plain, "SIP/2.0 400"},
        {"host missing", NULL, "<sip:>", sdp_plain, "SIP/2.0 400"},
        {"malformed SDP", NULL, "<sip:a@127.0.0.1>", sdp_broken, "SIP/2.0 400"},
        {"not SDP at all", NULL, "<sip:a@127.0.0.1>", "hello", "SIP/2.0 400"},
        {"no common codec", NULL, "<sip:a@127.0.0.1>", sdp_no_codec, "SIP/2.0 488"},
        {"text body", "Content-Type: text/plain\r\n", "<sip:a@127.0.0.1>", "x", "SIP/2.0 415"},
        {"multipart", "Content-Type: multipart/mixed;boundary=a\r\n", "<sip:a@127.0.0.1>", "--a",
         "SIP/2.0 415"},
        {"packed body", "Content-Encoding: gzip\r\n", "<sip:a@127.0.0.1>", "x", "SIP/2.0 415"},
        {"unknown option", "Require: 100rel, foo\r\n", "<sip:a@127.0.0.1>", sdp_plain, "SIP/2.0 420"},
        {"hops used up", "Max-Forwards: 0\r\n", "<sip:a@127.0.0.1>", sdp_plain, "SIP/2.0 483"},
        {"wants text", "Accept: text/plain\r\n", "<sip:a@127.0.0.1>", sdp_plain, "SIP/2.0 406"},
        {"short session", "Supported: timer\r\nSession-Expires: 60\r\n", "<sip:a@127.0.0.1>", sdp_plain,
         "SIP/2.0 422"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dialog d;
        dialog_new(&d, "3000");
        request_full(&d, "INVITE", NULL, cases[i].contact, cases[i].extra, cases[i].sdp);
        if (!receive("SIP/2.0 100") || strncmp(world.last, cases[i].status, 11) != 0)
            fail_msg("%s: expected %s, got: %s", cases[i].what, cases[i].status, world.last);
        expect_no_event();
    }
    request(
        &(struct dialog){.call_id = "x", .from = "<sip:a@b>;tag=1", .to = "<sip:c@d>", .target = "tel:+48"},
        "INVITE", NULL, sdp_plain);
    expect("SIP/2.0 416");
    assert_true(counters().refused > 10);
    advance(33000);
    drain();
    assert_clean();
}

static void refused_elsewhere(void **state) {
    static const struct {
        const char *method, *to_tag, *status;
    } cases[] = {
        {"BYE", ";tag=gone", "SIP/2.0 481"},
        {"INVITE", ";tag=gone", "SIP/2.0 481"},
        {"UPDATE", ";tag=gone", "SIP/2.0 481"},
        {"PRACK", ";tag=gone", "SIP/2.0 481"},
        {"INFO", "", "SIP/2.0 481"},
        {"BYE", "", "SIP/2.0 481"},
        {"SUBSCRIBE", "", "SIP/2.0 405"},
        {"NOTIFY", "", "SIP/2.0 405"},
        {"MESSAGE", "", "SIP/2.0 405"},
        {"PUBLISH", "", "SIP/2.0 405"},
        {"REFER", "", "SIP/2.0 405"},
        {"FLY", "", "SIP/2.0 501"},
        {"OPTIONS", "", "SIP/2.0 200"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dialog d;
        dialog_new(&d, "3000");
        strcat(d.to, cases[i].to_tag);
        request(&d, cases[i].method, NULL, NULL);
        if (!receive(NULL) || strncmp(world.last, cases[i].status, 11) != 0)
            fail_msg("%s%s: expected %s, got: %s", cases[i].method, cases[i].to_tag, cases[i].status,
                     world.last);
        if (strstr(cases[i].status, "405") || strstr(cases[i].status, "200"))
            assert_has(header("Allow"), "INVITE, ACK, CANCEL, BYE, OPTIONS");
        /* answered without keeping anything */
        assert_int_equal(counters().transactions, 0);
    }
    request(
        &(struct dialog){.call_id = "x", .from = "<sip:a@b>;tag=1", .to = "<sip:c@d>", .target = "sip:c@d"},
        "ACK", NULL, NULL);
    expect_silence();
    expect_no_event();
    assert_clean();
}

/* The other side moves to an address that is no trunk's; returns the old socket. */
static int move_away(const char *address) {
    int old = world.fd;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(world.peer_port)};
    inet_pton(AF_INET, address, &here.sin_addr);
    world.fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(world.fd >= 0 && bind(world.fd, (struct sockaddr *)&here, sizeof here) == 0);
    return old;
}

/* The value of Authorization for the challenge in the last message. */
static void prove(const char *method, const char *uri, const char *password, char *out, size_t size) {
    const char *params[8] = {0};
    char text[512];
    struct ua_digest_client client = {.known = true};
    snprintf(text, sizeof text, "%s", header("WWW-Authenticate"));
    char *save = NULL, *part = strtok_r(text + strlen("Digest "), ",", &save);
    for (int i = 0; part && i < 7; part = strtok_r(NULL, ",", &save))
        params[i++] = part + strspn(part, " ");
    assert_int_equal(ua_digest_parse(params, &client.challenge), 0);
    int n = snprintf(out, size, "Authorization: ");
    assert_true(ua_digest_authorize(&client, "1001", password, method, uri, out + n, size - (size_t)n) > 0);
    strcat(out, "\r\n");
}

static void agents_prove_themselves(void **state) {
    static const struct {
        const char *password, *status;
    } cases[] = {{"secret", NULL}, {"wrong", "SIP/2.0 403"}};
    int old = move_away("127.0.0.9");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dialog d;
        char proof[1024];
        dialog_new(&d, "*21");
        snprintf(d.from, sizeof d.from, "<sip:1001@test>;tag=%zu", i);
        request_full(&d, "INVITE", "z9hG4bKchallenge", "<sip:1001@127.0.0.9>", NULL, sdp_plain);
        expect("SIP/2.0 401");
        prove("INVITE", d.target, cases[i].password, proof, sizeof proof);
        request_full(&d, "ACK", "z9hG4bKchallenge", NULL, NULL, NULL);
        request_full(&d, "INVITE", NULL, "<sip:1001@127.0.0.9>", proof, sdp_plain);
        if (cases[i].status) {
            expect(cases[i].status);
            expect_no_event();
            continue;
        }
        expect_event("invited trunk=0 agent=1 called=*21 caller=1001");
        strcat(d.call_id, "again");
        request_full(&d, "INVITE", NULL, "<sip:1001@127.0.0.9>", proof, sdp_plain); /* replayed */
        expect("SIP/2.0 401");
        world.port.end(world.port.ctx, world.next_leg, UA_END_NORMAL, NULL);
        expect("SIP/2.0 480");
        expect_event("ended ");
    }
    close(world.fd);
    world.fd = old;
    advance(33000);
    assert_clean();
}

/* Another source than the trunk's, who does not say that it is an agent, or cannot prove it. */
static void strangers(void **state) {
    int fd = move_away("127.0.0.9");
    struct dialog d;
    dialog_new(&d, "3000");
    request(&d, "INVITE", NULL, sdp_plain);
    expect("SIP/2.0 403");
    dialog_new(&d, "3000");
    strcpy(d.from, "<sip:1001@test>;tag=a");
    request(&d, "INVITE", NULL, sdp_plain);
    expect("SIP/2.0 401");
    assert_has(header("WWW-Authenticate"), "Digest");
    learn(&d);
    d.invite_cseq = d.cseq;
    drain();
    /* a flood of them is not even answered */
    for (int i = 0; i < 400; i++) {
        dialog_new(&d, "3000");
        request(&d, "INVITE", NULL, sdp_plain);
    }
    unsigned answers = 0;
    for (int i = 0; i < 100; i++) {
        turn_loop(1);
        while (receive_once())
            answers += strncmp(world.last, "SIP/2.0 403", 11) == 0;
    }
    assert_in_range(answers, 60, 110); /* so many from one address */
    close(world.fd);
    world.fd = fd;
    expect_no_event();
    advance(33000);
    assert_clean();
}

static void too_many_calls(void **state) {
    struct dialog d;
    unsigned refused = 0, taken = 0;
    world.conf.max_calls_per_second = 10;
    world.refusal = (struct ua_refusal){404, 0, ""};
    for (int i = 0; i < 30; i++) {
        dialog_new(&d, "3000");
        request(&d, "INVITE", NULL, sdp_plain);
    }
    while (receive("SIP/2.0 404"))
        if (strncmp(world.last, "SIP/2.0 503", 11) == 0) {
            refused++;
            assert_string_equal(header("Retry-After"), "2");
        }
    for (char *p = world.events; (p = strchr(p, '\n')); p++)
        taken++;
    assert_in_range(taken, 10, 14);
    assert_true(refused >= 16);
    world.events[0] = '\0';
    advance(33000);
    drain();
    assert_clean();
}

static void merged_and_repeated(void **state) {
    struct dialog d;
    char contact[64];
    snprintf(contact, sizeof contact, "<sip:peer@127.0.0.1:%u>", world.peer_port);
    dialog_new(&d, "3000");
    request_full(&d, "INVITE", "z9hG4bKfirst", contact, NULL, sdp_plain);
    expect_event("invited ");
    d.cseq--;
    request_full(&d, "INVITE", "z9hG4bKfirst", contact, NULL, sdp_plain); /* repeated */
    expect_no_event();
    d.cseq--;
    request_full(&d, "INVITE", "z9hG4bKsecond", contact, NULL, sdp_plain); /* by another way */
    expect("SIP/2.0 482");
    expect_no_event();
    world.port.end(world.port.ctx, 1, UA_END_NORMAL, NULL);
    expect("SIP/2.0 480");
    expect_event("ended ");
    advance(33000);
    drain();
    assert_clean();
}

/* ---- numbers ---- */

static void numbers(void **state) {
    static const struct {
        const char *called, *from, *extra, *event;
    } cases[] = {
        {"%2B48123", "<sip:00@x>;tag=1", NULL, "invited trunk=1 agent=0 called=+48123 caller=00 name= "},
        {"12;npdi", "sip:34@x;tag=1", NULL, "invited trunk=1 agent=0 called=12 caller=34"},
        {"12", "\"Ala \\\"K\\\"\" <sip:34@x>;tag=1", NULL,
         "invited trunk=1 agent=0 called=12 caller=34 name=Ala K"},
        {"12", "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1",
         "P-Asserted-Identity: \"Jan\" <sip:+4855@carrier>\r\n",
         "invited trunk=1 agent=0 called=12 caller=+4855 name=Jan"},
        {"12", "<sip:34@x>;tag=1", "P-Asserted-Identity: garbage<<\r\n",
         "invited trunk=1 agent=0 called=12 caller=34"},
        {"", "<sip:x>;tag=1", NULL, "invited trunk=1 agent=0 called= caller= "},
    };
    world.refusal = (struct ua_refusal){404, 0, ""};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dialog d;
        dialog_new(&d, cases[i].called);
        if (!cases[i].called[0])
            snprintf(d.target, sizeof d.target, "sip:127.0.0.1:%u", world.adapter_port);
        strcpy(d.from, cases[i].from);
        request(&d, "INVITE", cases[i].extra, sdp_plain);
        expect_event(cases[i].event);
        expect("SIP/2.0 404");
    }
    static const char *const bad[] = {"%0d%0aX", "%zz", "%00"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct dialog d;
        dialog_new(&d, bad[i]);
        request(&d, "INVITE", NULL, sdp_plain);
        if (!receive("SIP/2.0 404") || strncmp(world.last, "SIP/2.0 400", 11) != 0)
            fail_msg("%s: expected 400, got: %s", bad[i], world.last);
        expect_no_event();
    }
    advance(33000);
    drain();
    assert_clean();
}

/* ---- hostile messages ---- */

static void garbage(void **state) {
    static const char *const texts[] = {
        "",
        "\r\n\r\n",
        "x",
        "INVITE",
        "INVITE sip:a@b SIP/2.0\r\n\r\n",
        "INVITE sip:a@b SIP/3.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKa\r\n\r\n",
        "SIP/2.0 200 OK\r\n\r\n",
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\n"
        "To: <sip:c@d>;tag=2\r\nCall-ID: z\r\nCSeq: 1 INVITE\r\nContact: <sip:x@127.0.0.1>\r\n\r\n",
        "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP no.such.host.invalid:1;branch=z9hG4bKb\r\n"
        "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: z\r\nCSeq: 1 INVITE\r\n\r\n",
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP no.such.host.invalid:1;branch=z9hG4bKc\r\n"
        "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: z\r\nCSeq: 1 OPTIONS\r\n\r\n",
        "ACK sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKb\r\nFrom: <sip:a@b>;tag=1\r\n"
        "To: <sip:c@d>\r\nCall-ID: z\r\nCSeq: 1 ACK\r\n\r\n",
        "CANCEL sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKb\r\nFrom: <sip:a@b>;tag=1\r\n"
        "To: <sip:c@d>\r\nCall-ID: z\r\nCSeq: 1 CANCEL\r\n\r\n",
        "\x00\x01\x00\x00\x21\x12\xa4\x42"
        "abcdefghijkl",
    };
    uint64_t start = loop_now_ms();
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        send_text(texts[i]);
    drain();
    drain();
    assert_true(loop_now_ms() - start < 2000); /* no look-up of the Via's name */
    expect_no_event();
    advance(33000);
    drain();
    assert_clean();
}

/* Each byte of a good INVITE changed, cut off, or doubled; then the adapter takes a call as ever. */
static void mutated(void **state) {
    uint64_t seed = 1;
    world.refusal = (struct ua_refusal){404, 0, ""};
    for (int i = 0; i < 4000; i++) {
        char text[MESSAGE];
        int n = snprintf(
            text, sizeof text,
            "INVITE sip:3000@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKm%d\r\n"
            "From: \"A\" <sip:1@127.0.0.1>;tag=m\r\nTo: <sip:3000@127.0.0.1>\r\nCall-ID: m%d\r\n"
            "CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:p@127.0.0.1:%u>\r\nSupported: timer\r\n"
            "Require: 100rel\r\nSession-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\n"
            "P-Asserted-Identity: <sip:2@x>\r\nRecord-Route: <sip:127.0.0.1;lr>\r\n"
            "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
            world.adapter_port, world.peer_port, i, i, world.peer_port, strlen(sdp_plain), sdp_plain);
        for (int k = 0; k <= (int)(rng_next(&seed) % 3); k++) {
            size_t at = rng_next(&seed) % (size_t)n;
            switch (rng_next(&seed) % 4) {
            case 0:
                text[at] = (char)(rng_next(&seed) % 255 + 1);
                break;
            case 1:
                text[at] = "\r\n;,<>\"%:@ =*"[rng_next(&seed) % 13];
                break;
            case 2:
                text[at] = '\0';
                n = (int)at + 1;
                break;
            default:
                memmove(text + at / 2, text + at, (size_t)n - at + 1);
                n -= (int)(at - at / 2);
            }
        }
        send_text(text);
        if (i % 50 == 0)
            drain();
    }
    settle();
    world.refusal.status = 0;
    world.events[0] = '\0';
    advance(70000);
    drain();
    struct dialog d;
    call_in_answered(&d, NULL);
    request(&d, "BYE", NULL, NULL);
    expect("SIP/2.0 200");
    expect_event("ended ");
    assert_clean();
}

/* The same with what an other side says to our INVITE. */
static void mutated_responses(void **state) {
    uint64_t seed = 7;
    for (int i = 0; i < 600; i++) {
        char invite[MESSAGE], text[MESSAGE];
        uint32_t leg = call_out(invite);
        int n = snprintf(
            text, sizeof text,
            "SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=t\r\nCall-ID: %s\r\nCSeq: %s\r\n"
            "Contact: <sip:p@127.0.0.1:%u>\r\nRecord-Route: <sip:127.0.0.1:%u;lr>\r\nRequire: 100rel\r\n"
            "RSeq: 1\r\nSession-Expires: 1800;refresher=uas\r\nContent-Type: application/sdp\r\n"
            "Content-Length: %zu\r\n\r\n%s",
            i % 2 ? "200 OK" : "183 Progress", header("Via"), header("From"), header("To"), header("Call-ID"),
            header("CSeq"), world.peer_port, world.peer_port, strlen(sdp_plain), sdp_plain);
        for (int k = 0; k <= (int)(rng_next(&seed) % 3); k++) {
            size_t at = rng_next(&seed) % (size_t)n;
            text[at] = rng_next(&seed) % 2 ? "\r\n;,<>\"%:@ =*"[rng_next(&seed) % 13]
                                           : (char)(rng_next(&seed) % 255 + 1);
        }
        send_text(text);
        turn_loop(1);
        world.port.end(world.port.ctx, leg, UA_END_NORMAL, NULL);
        turn_loop(1);
        while (receive_once())
            ;
        world.events[0] = '\0';
    }
    settle();
    advance(110000);
    settle();
    world.events[0] = '\0';
    assert_int_equal(world.live, 0); /* each leg ended exactly once */
    assert_clean();
}

/* ---- TCP ---- */

static int tcp_connect(void) {
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(ua_listen_port(world.ua, 1)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

/* start "": closed by the adapter. */
static void tcp_expect(int fd, const char *start) {
    ssize_t n = -1;
    for (int i = 0; i < 300 && n < 0; i++) {
        turn_loop(1);
        n = recv(fd, world.last, sizeof world.last - 1, MSG_DONTWAIT);
        if (n < 0 && errno == ECONNRESET && !start[0])
            return;
    }
    if (n < 0)
        fail_msg("nothing came, expected: %s", start);
    world.last[n] = '\0';
    if (strncmp(world.last, start, strlen(start)) != 0)
        fail_msg("expected: %s\ngot: %s", start, world.last);
}

static const char tcp_options[] =
    "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKt\r\n"
    "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: z\r\nCSeq: 1 OPTIONS\r\nContent-Length: ";

static void tcp_pieces_and_excess(void **state) {
    char text[1024];
    int fd = tcp_connect();
    int n = snprintf(text, sizeof text, "%s0\r\n\r\n", tcp_options);
    for (int i = 0; i < n; i++) {
        assert_int_equal(send(fd, text + i, 1, 0), 1);
        turn_loop(1);
    }
    tcp_expect(fd, "SIP/2.0 200");
    n = snprintf(text, sizeof text, "%s900000\r\n\r\n", tcp_options);
    assert_int_equal(send(fd, text, (size_t)n, 0), n);
    for (int i = 0; i < 80; i++) {
        memset(text, 'x', sizeof text);
        send(fd, text, sizeof text, MSG_NOSIGNAL | MSG_DONTWAIT);
        turn_loop(1);
    }
    tcp_expect(fd, "SIP/2.0 413");
    close(fd);
    fd = tcp_connect();
    assert_int_equal(send(fd, tcp_options, 60, 0), 60); /* and never the rest */
    turn_loop(5);
    advance(45000);
    tcp_expect(fd, "");
    close(fd);
    assert_clean();
}

static void tcp_connections_are_capped(void **state) {
    enum { OPENED = 160, CAP = 128 };
    int fd[OPENED], alive = 0;
    for (int i = 0; i < OPENED; i++) {
        fd[i] = tcp_connect();
        turn_loop(1);
    }
    turn_loop(20);
    for (int i = 0; i < OPENED; i++) {
        char c;
        alive += recv(fd[i], &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
    }
    assert_int_equal(alive, CAP);
    for (int i = 0; i < OPENED; i++)
        close(fd[i]);
    turn_loop(20);
    int again = tcp_connect(); /* the room of the closed ones is free again */
    char text[1024];
    int n = snprintf(text, sizeof text, "%s0\r\n\r\n", tcp_options);
    assert_int_equal(send(again, text, (size_t)n, 0), n);
    tcp_expect(again, "SIP/2.0 200");
    close(again);
    assert_clean();
}

/* ---- what stands between Sofia and the process ---- */

static void lookups_are_numeric_under_guard(void **state) {
    struct addrinfo *found = NULL;
    struct ua_guard guard;
    int named = 0, numeric = -1;
    ua_guard_push(&guard);
    named = getaddrinfo("localhost", "5060", NULL, &found);
    if (!named)
        freeaddrinfo(found);
    numeric = getaddrinfo("127.0.0.1", "5060", NULL, &found);
    if (!numeric)
        freeaddrinfo(found);
    ua_guard_leave(&guard);
    assert_int_equal(named, EAI_NONAME);
    assert_int_equal(numeric, 0);
    assert_int_equal(getaddrinfo("localhost", "5060", NULL, &found), 0); /* libpq's are not touched */
    freeaddrinfo(found);
}

/* An assertion of Sofia's that a message provokes ends neither the process nor the calls. */
static void assertions_are_contained(void **state) {
    struct ua_guard outer, inner;
    volatile int came_back = 0, went_on = 0;
    uint32_t before = ua_guard_caught();
    if (UA_GUARD_ENTER(&outer)) {
        if (UA_GUARD_ENTER(&inner)) {
            su_root_add_network_changed(NULL, NULL, NULL, NULL);
            went_on++;
        } else {
            came_back++;
        }
        ua_guard_leave(&inner);
        came_back += 10;
    } else {
        fail_msg("jumped too far");
    }
    ua_guard_leave(&outer);
    assert_int_equal(went_on, 0);
    assert_int_equal(came_back, 11);
    assert_int_equal(ua_guard_caught(), before + 1);
}

static void rates(void **state) {
    struct ua_rate rate = {0};
    unsigned allowed = 0;
    for (uint64_t ms = 1000; ms < 3000; ms++)
        allowed += ua_rate_allows(&rate, 10, ms);
    assert_in_range(allowed, 28, 30); /* a second's worth at once, then ten a second */
    assert_true(ua_rate_allows(&rate, 0, 3000));
    assert_true(ua_rate_allows(&rate, 10, 4000000000000)); /* long silence saves up one second only */
    allowed = 0;
    for (int i = 0; i < 100; i++)
        allowed += ua_rate_allows(&rate, 10, 4000000000000);
    assert_int_equal(allowed, 9);
}

static void listener_in_use(void **state) {
    struct ua *second = NULL;
    struct conf conf = world.conf;
    struct conf_listen listen = {false, (char *)"127.0.0.1", world.adapter_port};
    static const struct ua_sink sink = {0};
    conf.listen = &listen;
    conf.trunk_count = 0;
    struct loop *loop = NULL;
    assert_int_equal(loop_create(&loop), 0);
    assert_int_equal(ua_create(&second, loop, &conf), 0);
    assert_int_equal(ua_start(second, &sink), -EADDRINUSE);
    ua_destroy(second);
    listen.tcp = true;
    listen.address = (char *)"192.0.2.77"; /* not ours */
    assert_int_equal(ua_create(&second, loop, &conf), 0);
    assert_true(ua_start(second, &sink) < 0);
    ua_destroy(second);
    loop_destroy(loop);
    struct dialog d;
    call_in_answered(&d, NULL); /* the first one is as it was */
    request(&d, "BYE", NULL, NULL);
    expect("SIP/2.0 200");
    expect_event("ended ");
    assert_clean();
}

static void destroyed_with_calls_up(void **state) {
    struct dialog d;
    char invite[MESSAGE];
    call_in_answered(&d, NULL);
    call_in(&d, NULL, sdp_plain);
    call_out(invite);
    call_out_answered(invite, NULL);
    /* world_stop() destroys the adapter; the sanitizers look for what is left */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_start, world_stop)

int main(void) {
    static const struct CMUnitTest tests[] = {
        TEST(refused_invites),
        TEST(refused_elsewhere),
        TEST(agents_prove_themselves),
        TEST(strangers),
        TEST(too_many_calls),
        TEST(merged_and_repeated),
        TEST(numbers),
        TEST(garbage),
        TEST(mutated),
        TEST(mutated_responses),
        TEST(tcp_pieces_and_excess),
        TEST(tcp_connections_are_capped),
        TEST(lookups_are_numeric_under_guard),
        TEST(rates),
        TEST(listener_in_use),
        TEST(destroyed_with_calls_up),
        TEST(assertions_are_contained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
