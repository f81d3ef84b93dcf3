/* LIBS: sip base */
/* SPDX-License-Identifier: Apache-2.0
 * The SDP reader against good, bad and hostile descriptions; the writer read back. */
#include "sip/ua_sdp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"

/* The reader gets exactly `length` bytes of heap, so that the sanitizer sees one byte too many. */
static int read_text(const char *text, struct media_desc *out, struct ua_sdp_layout *layout) {
    size_t length = strlen(text);
    char *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    memset(out, 0xee, sizeof *out);
    int err = ua_sdp_read_layout(copy, length, out, layout);
    free(copy);
    return err;
}

/* One line about a description: what must not change unseen. */
static const char *told(const char *text) {
    static char line[256];
    struct media_desc d;
    int err = read_text(text, &d, NULL);
    if (err) {
        snprintf(line, sizeof line, "%s",
                 err == -EINVAL     ? "EINVAL"
                 : err == -ENOTSUP  ? "ENOTSUP"
                 : err == -EMSGSIZE ? "EMSGSIZE"
                                    : "?");
        return line;
    }
    int n = snprintf(line, sizeof line, "%s:%u/%u", d.address, d.port, d.rtcp_port);
    for (uint32_t i = 0; i < d.codec_count; i++)
        n += snprintf(line + n, sizeof line - (size_t)n, " %c%u", d.codec[i].codec == MEDIA_PCMU ? 'u' : 'a',
                      d.codec[i].payload_type);
    snprintf(line + n, sizeof line - (size_t)n, " dtmf=%u dir=%u ptime=%u", d.dtmf_payload_type, d.direction,
             d.ptime_ms);
    return line;
}

static const struct {
    const char *text, *expected;
} vectors[] = {
    /* plain */
    {HEAD "m=audio 4000 RTP/AVP 0\r\n", "192.0.2.7:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    {HEAD
     "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:30\r\n",
     "192.0.2.7:4000/4001 a8 u0 dtmf=101 dir=3 ptime=30"},
    {HEAD "m=audio 4000 RTP/AVP 8 0\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 pcma/8000/1\r\n",
     "192.0.2.7:4000/4001 a8 u0 dtmf=0 dir=3 ptime=20"},
    /* without the last line end, with bare line feeds, with an empty last line */
    {HEAD "m=audio 4000 RTP/AVP 0", "192.0.2.7:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    {"v=0\no=- 1 1 IN IP4 1.2.3.4\ns=-\nc=IN IP4 1.2.3.4\nt=0 0\nm=audio 4000 RTP/AVP 0\n",
     "1.2.3.4:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\n\r\n", "192.0.2.7:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    /* session lines of all kinds */
    {"v=0\r\no=jane 2890844526 2890842807 IN IP6 2001:db8::1\r\ns=\r\ni=x\r\nu=http://x\r\ne=a@b\r\np=+1\r\n"
     "c=IN IP4 10.0.0.1\r\nb=AS:64\r\nt=2873397496 2873404696\r\nr=7d 1h 0 25h\r\nz=0 "
     "0\r\nk=clear:x\r\na=x\r\n"
     "m=audio 4000 RTP/AVP 0\r\ni=y\r\nb=TIAS:1\r\nk=prompt\r\n",
     "10.0.0.1:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    /* dynamic payload types; telephone-event on any of them, the 48 kHz one is not ours */
    {HEAD "m=audio 4000 RTP/AVP 96 97 98 99\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:97 PCMA/8000\r\n"
          "a=rtpmap:98 telephone-event/48000\r\na=rtpmap:99 Telephone-Event/8000\r\n",
     "192.0.2.7:4000/4001 a97 dtmf=99 dir=3 ptime=20"},
    {HEAD "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 PCMU/8000\r\na=rtpmap:96 opus/48000/2\r\n", /* the first */
     "192.0.2.7:4000/4001 u96 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 PCMU/8000\r\n",
     "192.0.2.7:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMA/8000\r\n",
     "192.0.2.7:4000/4001 a8 dtmf=0 dir=3 ptime=20"}, /* 0 is not what it says */
    {HEAD "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 PCMU/16000\r\n", "ENOTSUP"},
    {HEAD "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 PCMU/8000/2\r\n", "ENOTSUP"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\na=rtpmap:101 telephone-event/8000\r\n", /* mapped, but not listed */
     "192.0.2.7:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n", "ENOTSUP"},
    /* direction and address of session and media */
    {HEAD "a=sendonly\r\nm=audio 4000 RTP/AVP 0\r\n", "192.0.2.7:4000/4001 u0 dtmf=0 dir=1 ptime=20"},
    {HEAD "a=sendonly\r\nm=audio 4000 RTP/AVP 0\r\na=recvonly\r\n",
     "192.0.2.7:4000/4001 u0 dtmf=0 dir=2 ptime=20"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\na=inactive\r\n", "192.0.2.7:4000/4001 u0 dtmf=0 dir=0 ptime=20"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 198.51.100.9\r\n",
     "198.51.100.9:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:DB8::0:1\r\n",
     "2001:db8::1:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n", "0.0.0.0:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    {"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n", "ENOTSUP"}, /* no c= */
    {HEAD "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 phone.example.com\r\n", "ENOTSUP"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 224.2.1.1/127\r\n", "ENOTSUP"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 239.2.1.1\r\n", "ENOTSUP"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\nc=IN IP6 ff02::1\r\n", "ENOTSUP"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 1.2.3\r\n", "ENOTSUP"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 1.2.3.4 x\r\n", "EINVAL"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\nc=IN IP5 1.2.3.4\r\n", "EINVAL"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\nc=\r\n", "EINVAL"},
    /* ports */
    {HEAD "m=audio 0 RTP/AVP 0\r\n", "ENOTSUP"},
    {HEAD "m=audio 65535 RTP/AVP 0\r\n", "192.0.2.7:65535/0 u0 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 65536 RTP/AVP 0\r\n", "EINVAL"},
    {HEAD "m=audio -1 RTP/AVP 0\r\n", "EINVAL"},
    {HEAD "m=audio 4000/1 RTP/AVP 0\r\n", "192.0.2.7:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 4000/2 RTP/AVP 0\r\n", "ENOTSUP"},
    {HEAD "m=audio 4000/0 RTP/AVP 0\r\n", "EINVAL"},
    {HEAD "m=audio 99999999999999999999 RTP/AVP 0\r\n", "EINVAL"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\na=rtcp:4444\r\n", "192.0.2.7:4000/4444 u0 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\na=rtcp:4444 IN IP4 1.2.3.4\r\n",
     "192.0.2.7:4000/4444 u0 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\na=rtcp:x\r\n", "EINVAL"},
    /* ptime is a wish */
    {HEAD "m=audio 4000 RTP/AVP 0\r\na=ptime:0\r\n", "192.0.2.7:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\na=ptime:9999999999\r\n", "192.0.2.7:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\na=ptime\r\n", "192.0.2.7:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    /* other streams before and after; the first usable one is taken */
    {HEAD "m=video 5000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=sendonly\r\nm=audio 4000 RTP/AVP 0\r\n",
     "192.0.2.7:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 5000 RTP/SAVP 0\r\na=crypto:1 x\r\nm=audio 4000 RTP/AVP 8\r\nm=audio 6000 RTP/AVP 0\r\n",
     "192.0.2.7:4000/4001 a8 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 0 RTP/AVP 0\r\nm=audio 4000 RTP/AVP 8\r\n",
     "192.0.2.7:4000/4001 a8 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 4000 RTP/AVP 18\r\nm=audio 4002 RTP/AVP 8\r\n",
     "192.0.2.7:4002/4003 a8 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=audio 4000 RTP/SAVPF 0\r\n", "ENOTSUP"},
    {HEAD "m=image 4000 udptl t38\r\n", "ENOTSUP"},
    {HEAD, "ENOTSUP"},
    {HEAD "m=a 1 b c\r\nm=a 1 b c\r\nm=a 1 b c\r\nm=audio 2 RTP/AVP 0\r\n",
     "192.0.2.7:2/3 u0 dtmf=0 dir=3 ptime=20"},
    {HEAD "m=a 1 b c\r\nm=a 1 b c\r\nm=a 1 b c\r\nm=audio 2 RTP/AVP 0\r\nm=a 1 b c\r\n", "ENOTSUP"},
    {HEAD "m=audio 4000 RTP/AVP 3 4 9 18\r\n", "ENOTSUP"},
    {HEAD "m=audio 4000 RTP/AVP 0 8 128\r\n", "EINVAL"},
    {HEAD "m=audio 4000 RTP/AVP 0 x\r\n", "EINVAL"},
    {HEAD "m=audio 4000 RTP/AVP 0  8\r\n", "EINVAL"},
    {HEAD "m=audio 4000 RTP/AVP\r\n", "EINVAL"},
    {HEAD "m=audio 4000\r\n", "EINVAL"},
    {HEAD "m=audio\r\n", "EINVAL"},
    {HEAD "m=\r\n", "EINVAL"},
    {HEAD "m= 4000 RTP/AVP 0\r\n", "EINVAL"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0\r\n", "EINVAL"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU\r\n", "EINVAL"},
    {HEAD "m=audio 4000 RTP/AVP 0\r\na=rtpmap:300 PCMU/8000\r\n", "EINVAL"},
    {HEAD "m=video 4000 RTP/AVP 31\r\na=rtpmap:nonsense\r\nm=audio 4000 RTP/AVP 0\r\n", /* not our stream */
     "192.0.2.7:4000/4001 u0 dtmf=0 dir=3 ptime=20"},
    /* the two descriptions sdp_parse() never returns from */
    {HEAD "m=audio 4000 foo ;\r\n", "EINVAL"},
    {HEAD "m=audio 1 TCP/MSRP (\r\n", "EINVAL"},
    {HEAD "m=audio 4000 RTP/AVP 0 ;\r\n", "EINVAL"},
    /* session */
    {"", "EINVAL"},
    {"v", "EINVAL"},
    {"v=0", "EINVAL"},
    {"v=1\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\n", "EINVAL"},
    {"o=- 1 1 IN IP4 1.2.3.4\r\nv=0\r\ns=-\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\n", "EINVAL"},
    {"v=0\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\n", "EINVAL"},
    {"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\n", "EINVAL"},
    {"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nm=audio 1 RTP/AVP 0\r\n", "EINVAL"},
    {"v=0\r\no=- 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\n", "EINVAL"},
    {"v=0\r\no=- 1 -1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\n", "EINVAL"},
    {"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\n", "EINVAL"},
    {"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\ns=-\r\nt=0 0\r\n", "EINVAL"},
    {"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=now\r\n", "EINVAL"},
    {HEAD "x=1\r\nm=audio 1 RTP/AVP 0\r\n", "EINVAL"},
    {HEAD "m=audio 1 RTP/AVP 0\r\ns=-\r\n", "EINVAL"},
    {HEAD "\r\nm=audio 1 RTP/AVP 0\r\n", "EINVAL"},
    {HEAD "m=audio 1 RTP/AVP 0\r\na=x\ry\r\n", "EINVAL"},
    {HEAD "m=audio 1 RTP/AVP 0\r\na=x\x01\r\n", "EINVAL"},
    {HEAD "m=audio 1 RTP/AVP 0\r\na\r\n", "EINVAL"},
    {HEAD "m=audio 1 RTP/AVP 0\r\n=\r\n", "EINVAL"},
    {HEAD "m=audio 1 RTP/AVP 0\r\na:x=y\r\n", "EINVAL"},
    {HEAD "m=audio 1 RTP/AVP 0\r\na=caf\xc3\xa9\r\n", "192.0.2.7:1/2 u0 dtmf=0 dir=3 ptime=20"},
    {"INVITE sip:x SIP/2.0\r\n", "EINVAL"},
};

static void reads_and_refuses(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        const char *got = told(vectors[i].text);
        if (strcmp(got, vectors[i].expected))
            fail_msg("vector %zu: %s\ngot      %s\nexpected %s", i, vectors[i].text, got,
                     vectors[i].expected);
    }
}

static void refused_leaves_out_alone(void **state) {
    struct media_desc d, before;
    memset(&before, 0xee, sizeof before);
    assert_int_equal(read_text(HEAD "m=audio 4000 RTP/AVP 0\r\nq=\r\n", &d, NULL), -EINVAL);
    assert_memory_equal(&d, &before, sizeof d);
}

static void sizes_are_bounded(void **state) {
    struct media_desc d;
    char big[UA_SDP_MAX + 2];
    size_t head = strlen(HEAD);

    /* 10 bytes of "m=..."-less attributes up to the very limit, and one byte above */
    memcpy(big, HEAD, head);
    size_t n = head + (size_t)snprintf(big + head, sizeof big - head, "m=audio 4000 RTP/AVP 0\r\n");
    while (n + 8 <= UA_SDP_MAX) {
        memcpy(big + n, "a=abcd\r\n", 8);
        n += 8;
    }
    assert_int_equal(ua_sdp_read(big, n, &d), 0);
    memset(big + n, '\n', sizeof big - n);
    assert_int_equal(ua_sdp_read(big, UA_SDP_MAX + 1, &d), -EMSGSIZE);

    /* one long line */
    n = head + (size_t)snprintf(big + head, sizeof big - head, "m=audio 4000 RTP/AVP 0\r\na=");
    memset(big + n, 'x', UA_SDP_LINE_MAX - 2);
    assert_int_equal(ua_sdp_read(big, n + UA_SDP_LINE_MAX - 2, &d), 0);
    big[n + UA_SDP_LINE_MAX - 2] = 'x';
    assert_int_equal(ua_sdp_read(big, n + UA_SDP_LINE_MAX - 1, &d), -EINVAL);

    /* more formats than there are payload types */
    n = head + (size_t)snprintf(big + head, sizeof big - head, "m=audio 4000 RTP/AVP");
    for (int i = 0; i < 128; i++)
        n += (size_t)snprintf(big + n, sizeof big - n, " 0");
    assert_int_equal(ua_sdp_read(big, n, &d), 0);
    n += (size_t)snprintf(big + n, sizeof big - n, " 0");
    assert_int_equal(ua_sdp_read(big, n, &d), -EINVAL);

    assert_int_equal(ua_sdp_read(NULL, 0, &d), -EINVAL);
    assert_int_equal(ua_sdp_read("v=0\0\n", 5, &d), -EINVAL);
}

/* Each prefix of a good description ends somewhere, without reading past its end (ASan). */
static void every_prefix_is_harmless(void **state) {
    const char *text =
        HEAD "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=rtcp:4003\r\n"
             "a=ptime:20\r\na=sendrecv\r\nm=video 0 RTP/AVP 96\r\n";
    char prefix[512];
    struct media_desc d;
    for (size_t n = 0; n <= strlen(text); n++) {
        memcpy(prefix, text, n);
        prefix[n] = 0;
        int err = read_text(prefix, &d, NULL);
        assert_true(err == 0 || err == -EINVAL || err == -ENOTSUP);
    }
    assert_int_equal(read_text(text, &d, NULL), 0);
}

static void answer_has_as_many_streams(void **state) {
    struct media_desc d;
    struct ua_sdp_layout layout;
    char text[UA_SDP_MAX];

    assert_int_equal(read_text(HEAD "m=video 5000 RTP/AVP 96 97\r\na=rtpmap:96 H264/90000\r\n"
                                    "m=audio 4000 RTP/AVP 0\r\nm=image 6000 udptl t38\r\n",
                               &d, &layout),
                     0);
    assert_int_equal(layout.ours, 1);
    assert_int_equal(layout.others, 2);
    assert_string_equal(layout.origin, "- 1 1 IN IP4 192.0.2.1");
    int n = ua_sdp_write_layout(&d, &layout, 7, 8, text, sizeof text);
    assert_int_equal(n, strlen(text));
    assert_string_equal(text,
                        "v=0\r\no=- 7 8 IN IP4 192.0.2.7\r\ns=callfloor\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
                        "m=video 0 RTP/AVP 96\r\n"
                        "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendrecv\r\n"
                        "m=image 0 udptl t38\r\n");
    /* what we wrote is the same session to us */
    struct media_desc again;
    struct ua_sdp_layout layout2;
    assert_int_equal(read_text(text, &again, &layout2), 0);
    assert_memory_equal(&again, &d, sizeof d);
    assert_int_equal(layout2.ours, 1);
    assert_int_equal(layout2.others, 2);
}

static void writes_what_it_reads(void **state) {
    static const uint8_t ptimes[] = {10, 20, 60};
    struct media_desc d = {.codec_count = 2}, back;
    char text[UA_SDP_MAX];
    int tried = 0;

    for (int v6 = 0; v6 < 2; v6++)
        for (int direction = 0; direction < 4; direction++)
            for (int dtmf = 0; dtmf < 2; dtmf++)
                for (int first = 0; first < 2; first++)
                    for (int rtcp = 0; rtcp < 2; rtcp++) {
                        memset(&d, 0, sizeof d);
                        strcpy(d.address, v6 ? "2001:db8::5" : "127.0.0.1");
                        d.port = 20000;
                        d.rtcp_port = rtcp ? 30003 : 20001;
                        d.direction = (uint8_t)direction;
                        d.ptime_ms = ptimes[tried++ % 3];
                        d.dtmf_payload_type = dtmf ? 101 : 0;
                        d.codec_count = 2;
                        d.codec[first].codec = MEDIA_PCMA;
                        d.codec[first].payload_type = 8;
                        d.codec[!first].codec = MEDIA_PCMU;
                        d.codec[!first].payload_type = dtmf ? 0 : 97;
                        assert_true(ua_sdp_write(&d, UINT64_MAX, 1, text, sizeof text) > 0);
                        assert_int_equal(read_text(text, &back, NULL), 0);
                        assert_memory_equal(&back, &d, sizeof d);
                    }
    assert_int_equal(tried, 64);

    d.port = 0; /* refusing the stream */
    int n = ua_sdp_write(&d, 1, 1, text, sizeof text);
    assert_true(n > 0);
    assert_non_null(strstr(text, "m=audio 0 RTP/AVP "));
    assert_int_equal(read_text(text, &back, NULL), -ENOTSUP);

    /* no room: for no size is anything written past it */
    d.port = 20000;
    n = ua_sdp_write(&d, 1, 1, text, sizeof text);
    for (size_t size = 0; size <= (size_t)n; size++) {
        char *small = malloc(size ? size : 1);
        assert_int_equal(ua_sdp_write(&d, 1, 1, small, size), -ENOSPC);
        free(small);
    }
    strcpy(d.address, "phone.example");
    assert_int_equal(ua_sdp_write(&d, 1, 1, text, sizeof text), -EINVAL);
    strcpy(d.address, "127.0.0.1");
    d.codec[0].codec = MEDIA_CODECS;
    assert_int_equal(ua_sdp_write(&d, 1, 1, text, sizeof text), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_refuses),          cmocka_unit_test(refused_leaves_out_alone),
        cmocka_unit_test(sizes_are_bounded),          cmocka_unit_test(every_prefix_is_harmless),
        cmocka_unit_test(answer_has_as_many_streams), cmocka_unit_test(writes_what_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
