/* SPDX-License-Identifier: Apache-2.0
 * Session descriptions: strict bounded reader, writer. No I/O, no memory of its own. */
#include "sip/ua_sdp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PAYLOAD_TYPES = 128, FIRST_DYNAMIC = 35, DEFAULT_PTIME = 20 };

/* What a payload type stands for. */
enum format { FORMAT_STATIC, FORMAT_PCMU, FORMAT_PCMA, FORMAT_DTMF, FORMAT_OTHER };

struct span {
    const char *at;
    size_t left;
};

/* c= of a level: absent, unusable for us (a host name, a group), or a numeric address. */
struct connection {
    bool present, usable;
    char address[ADDRESS_LEN];
};

/* The m= section being read. */
struct stream {
    bool candidate; /* RTP/AVP audio that is not refused */
    uint16_t port, rtcp_port;
    struct connection connection;
    uint8_t direction, ptime_ms;
    uint8_t payload_type[PAYLOAD_TYPES]; /* in the writer's order */
    uint8_t payload_count;
    uint8_t format[PAYLOAD_TYPES]; /* enum format, by payload type */
};

struct reader {
    bool v, o, s, t; /* seen */
    struct connection connection;
    uint8_t direction;
    struct stream stream;
    uint32_t streams; /* m= lines so far */
    uint32_t chosen;  /* number of the one in `desc`, from 1 */
    struct media_desc desc;
    char media[UA_SDP_OTHERS + 1][UA_SDP_OTHER_LEN]; /* each m= line as we would refuse it */
    char origin[sizeof((struct ua_sdp_layout *)0)->origin];
};

/* ---- words ---- */

static bool is(struct span word, const char *text) {
    return word.left == strlen(text) && !memcmp(word.at, text, word.left);
}
static bool is_any_case(struct span word, const char *text) {
    return word.left == strlen(text) && !strncasecmp(word.at, text, word.left);
}

/* The part up to `separator` (not included) or to the end; *rest moves behind it. */
static struct span cut(struct span *rest, char separator) {
    const char *found = rest->left ? memchr(rest->at, separator, rest->left) : NULL;
    struct span part = {rest->at, found ? (size_t)(found - rest->at) : rest->left};
    size_t used = found ? part.left + 1 : part.left;
    rest->at += used;
    rest->left -= used;
    return part;
}

static bool number(struct span word, uint32_t max, uint32_t *out) {
    uint64_t value = 0;
    if (!word.left || word.left > 10)
        return false;
    for (size_t i = 0; i < word.left; i++) {
        if (word.at[i] < '0' || word.at[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(word.at[i] - '0');
    }
    if (value > max)
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool all_digits(struct span word) {
    for (size_t i = 0; i < word.left; i++)
        if (word.at[i] < '0' || word.at[i] > '9')
            return false;
    return word.left > 0;
}

/* RFC 8866 token: what a media name, protocol part or format may consist of. */
static bool is_word(struct span word) {
    for (size_t i = 0; i < word.left; i++) {
        unsigned char c = (unsigned char)word.at[i];
        if (c <= 0x20 || c >= 0x7f || strchr("\"(),:;<=>?@[\\]", c))
            return false;
    }
    return word.left > 0;
}

static void copy(char *dst, size_t size, struct span from) {
    size_t length = from.left < size ? from.left : size - 1;
    memcpy(dst, from.at, length);
    dst[length] = 0;
}

/* ---- lines ---- */

/* 1: *line is the next one without its end; 0: no more; -EINVAL. */
static int next_line(struct span *rest, struct span *line) {
    if (!rest->left)
        return 0;
    *line = cut(rest, '\n');
    if (line->left && line->at[line->left - 1] == '\r')
        line->left--;
    if (!line->left) { /* some phones end with an empty line */
        for (; rest->left; rest->at++, rest->left--)
            if (*rest->at != '\r' && *rest->at != '\n')
                return -EINVAL;
        return 0;
    }
    if (line->left > UA_SDP_LINE_MAX || line->left < 2 || line->at[1] != '=')
        return -EINVAL;
    for (size_t i = 0; i < line->left; i++) {
        unsigned char c = (unsigned char)line->at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return -EINVAL;
    }
    return 1;
}

static int read_connection(struct span value, struct connection *out) {
    struct span net = cut(&value, ' '), type = cut(&value, ' '), host = cut(&value, '/');
    bool v4 = is(type, "IP4"), v6 = is(type, "IP6");
    char text[ADDRESS_LEN];
    unsigned char address[16];

    if (!is(net, "IN") || (!v4 && !v6) || !host.left || memchr(host.at, ' ', host.left))
        return -EINVAL;
    if (out->present) /* the first one counts */
        return 0;
    out->present = true;
    if (value.left || host.left >= sizeof text) /* "/ttl": a group */
        return 0;
    copy(text, sizeof text, host);
    if (inet_pton(v4 ? AF_INET : AF_INET6, text, address) != 1)
        return 0; /* a name would have to be looked up, and nobody uses one */
    if (v4 ? address[0] >= 224 : address[0] == 0xff)
        return 0;
    out->usable = inet_ntop(v4 ? AF_INET : AF_INET6, address, out->address, sizeof out->address) != NULL;
    return 0;
}

static int read_origin(struct reader *r, struct span value) {
    copy(r->origin, sizeof r->origin, value);
    struct span user = cut(&value, ' '), id = cut(&value, ' '), version = cut(&value, ' ');
    struct span net = cut(&value, ' '), type = cut(&value, ' '), host = cut(&value, ' ');
    if (!user.left || !all_digits(id) || !all_digits(version) || !is(net, "IN") ||
        (!is(type, "IP4") && !is(type, "IP6")) || !host.left || value.left)
        return -EINVAL;
    return 0;
}

static bool read_direction(struct span name, uint8_t *out) {
    static const struct {
        const char *name;
        uint8_t direction;
    } names[] = {
        {"sendrecv", MEDIA_SENDRECV},
        {"sendonly", MEDIA_SENDONLY},
        {"recvonly", MEDIA_RECVONLY},
        {"inactive", MEDIA_INACTIVE},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (is(name, names[i].name)) {
            *out = names[i].direction;
            return true;
        }
    return false;
}

static int read_rtpmap(struct stream *s, struct span value) {
    uint32_t type, rate, channels = 1;
    struct span type_word = cut(&value, ' '), name = cut(&value, '/'), rate_word = cut(&value, '/');

    if (!number(type_word, PAYLOAD_TYPES - 1, &type) || !is_word(name))
        return -EINVAL;
    if (!number(rate_word, UINT32_MAX, &rate))
        return -EINVAL;
    bool plain = !value.left || (number(value, UINT32_MAX, &channels) && channels == 1);
    enum format format = FORMAT_OTHER;
    if (rate == 8000 && plain) {
        if (is_any_case(name, "PCMU"))
            format = FORMAT_PCMU;
        else if (is_any_case(name, "PCMA"))
            format = FORMAT_PCMA;
        else if (is_any_case(name, "telephone-event"))
            format = FORMAT_DTMF;
    }
    /* A static type must not be given another meaning; then nobody knows what will be sent. */
    if (type < FIRST_DYNAMIC && !(type == 0 && format == FORMAT_PCMU) &&
        !(type == 8 && format == FORMAT_PCMA))
        format = FORMAT_OTHER;
    if (s->format[type] == FORMAT_STATIC)
        s->format[type] = (uint8_t)format;
    return 0;
}

static int read_attribute(struct reader *r, struct span value) {
    struct stream *s = &r->stream;
    struct span name = cut(&value, ':');
    uint32_t n;

    if (!r->streams) {
        read_direction(name, &r->direction);
        return 0;
    }
    if (!s->candidate || read_direction(name, &s->direction))
        return 0;
    if (is(name, "rtpmap"))
        return read_rtpmap(s, value);
    if (is(name, "rtcp")) { /* RFC 3605 */
        if (!number(cut(&value, ' '), 65535, &n))
            return -EINVAL;
        s->rtcp_port = (uint16_t)n;
    } else if (is(name, "ptime") && number(value, 200, &n) && n) {
        s->ptime_ms = (uint8_t)n; /* only a wish, so a bad one does no harm */
    }
    return 0;
}

/* ---- streams ---- */

/* The section has ended: is it the one we take? */
static void end_stream(struct reader *r) {
    struct stream *s = &r->stream;
    struct media_desc *d = &r->desc;
    const struct connection *c = s->connection.present ? &s->connection : &r->connection;
    bool have[MEDIA_CODECS] = {false};

    if (!r->streams || !s->candidate || r->chosen || !c->usable)
        return;
    memset(d, 0, sizeof *d);
    for (uint32_t i = 0; i < s->payload_count; i++) {
        uint8_t type = s->payload_type[i], format = s->format[type], codec;
        if (format == FORMAT_PCMU || (format == FORMAT_STATIC && type == 0))
            codec = MEDIA_PCMU;
        else if (format == FORMAT_PCMA || (format == FORMAT_STATIC && type == 8))
            codec = MEDIA_PCMA;
        else {
            if (format == FORMAT_DTMF && !d->dtmf_payload_type)
                d->dtmf_payload_type = type;
            continue;
        }
        if (!have[codec]) {
            have[codec] = true;
            d->codec[d->codec_count].codec = codec;
            d->codec[d->codec_count++].payload_type = type;
        }
    }
    if (!d->codec_count)
        return;
    memcpy(d->address, c->address, sizeof d->address);
    d->port = s->port;
    d->rtcp_port = s->rtcp_port ? s->rtcp_port : s->port == 65535 ? 0 : (uint16_t)(s->port + 1);
    d->direction = s->direction;
    d->ptime_ms = s->ptime_ms;
    r->chosen = r->streams;
}

static int begin_stream(struct reader *r, struct span value) {
    struct stream *s = &r->stream;
    struct span media = cut(&value, ' '), port_word = cut(&value, ' '), proto = cut(&value, ' ');
    struct span ports = port_word, first = cut(&ports, '/'), formats = value;
    uint32_t port, several = 1, type;

    end_stream(r);
    if (!is_word(media) || !is_word(proto) || !number(first, 65535, &port) || !is_word(cut(&value, ' ')))
        return -EINVAL;
    if (first.left < port_word.left && (!number(ports, 65535, &several) || !several))
        return -EINVAL;
    if (r->streams == ARRAY_LEN(r->media))
        return -ENOTSUP;
    value = formats;
    struct span format = cut(&value, ' ');
    int length = snprintf(r->media[r->streams], UA_SDP_OTHER_LEN, "%.*s 0 %.*s %.*s", (int)media.left,
                          media.at, (int)proto.left, proto.at, (int)format.left, format.at);
    if (length < 0 || length >= UA_SDP_OTHER_LEN)
        return -ENOTSUP;
    r->streams++;
    memset(s, 0, sizeof *s);
    s->direction = r->direction;
    s->ptime_ms = DEFAULT_PTIME;
    s->port = (uint16_t)port;
    if (!is(media, "audio") || !is(proto, "RTP/AVP"))
        return 0;
    s->candidate = port != 0 && several == 1;
    while (formats.left) {
        if (!number(cut(&formats, ' '), PAYLOAD_TYPES - 1, &type))
            return -EINVAL;
        if (s->payload_count == PAYLOAD_TYPES)
            return -EINVAL;
        s->payload_type[s->payload_count++] = (uint8_t)type;
    }
    return 0;
}

static int read_line(struct reader *r, struct span line) {
    char type = line.at[0];
    struct span value = {line.at + 2, line.left - 2};

    if (!r->v) {
        r->v = type == 'v' && is(value, "0");
        return r->v ? 0 : -EINVAL;
    }
    switch (type) {
    case 'm':
        return r->o && r->s && r->t ? begin_stream(r, value) : -EINVAL;
    case 'a':
        return read_attribute(r, value);
    case 'c':
        return read_connection(value, r->streams ? &r->stream.connection : &r->connection);
    case 'i':
    case 'b':
    case 'k':
        return 0;
    default:
        break;
    }
    if (r->streams)
        return -EINVAL;
    switch (type) {
    case 'o':
        if (r->o)
            return -EINVAL;
        r->o = true;
        return read_origin(r, value);
    case 's':
        if (r->s)
            return -EINVAL;
        r->s = true;
        return 0;
    case 't': {
        struct span start = cut(&value, ' ');
        r->t = true;
        return all_digits(start) && all_digits(value) ? 0 : -EINVAL;
    }
    case 'u':
    case 'e':
    case 'p':
    case 'r':
    case 'z':
        return 0;
    default:
        return -EINVAL;
    }
}

int ua_sdp_read_layout(const char *text, size_t length, struct media_desc *out,
                       struct ua_sdp_layout *layout) {
    struct reader r = {.direction = MEDIA_SENDRECV};
    struct span rest = {text, length}, line;
    int err;

    if (!text || !length)
        return -EINVAL;
    if (length > UA_SDP_MAX)
        return -EMSGSIZE;
    while ((err = next_line(&rest, &line)) > 0)
        if ((err = read_line(&r, line)) < 0)
            break;
    if (err)
        return err;
    if (!r.o || !r.s || !r.t)
        return -EINVAL;
    end_stream(&r);
    if (!r.chosen)
        return -ENOTSUP;
    *out = r.desc;
    if (layout) {
        memset(layout, 0, sizeof *layout);
        layout->ours = (uint8_t)(r.chosen - 1);
        for (uint32_t i = 0; i < r.streams; i++)
            if (i + 1 != r.chosen)
                memcpy(layout->other[layout->others++], r.media[i], UA_SDP_OTHER_LEN);
        memcpy(layout->origin, r.origin, sizeof layout->origin);
    }
    return 0;
}

int ua_sdp_read(const char *text, size_t length, struct media_desc *out) {
    return ua_sdp_read_layout(text, length, out, NULL);
}

/* ---- writing ---- */

struct writer {
    char *text;
    size_t size, used;
    bool full;
};

static void PRINTF_LIKE(2, 3) put(struct writer *w, const char *format, ...) {
    va_list args;
    if (w->full)
        return;
    va_start(args, format);
    int n = vsnprintf(w->text + w->used, w->size - w->used, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= w->size - w->used)
        w->full = true;
    else
        w->used += (size_t)n;
}

static void put_stream(struct writer *w, const struct media_desc *d) {
    static const char *const codec_name[MEDIA_CODECS] = {"PCMU", "PCMA"};
    static const char *const direction_name[] = {"inactive", "sendonly", "recvonly", "sendrecv"};

    put(w, "m=audio %u RTP/AVP", d->port);
    for (uint32_t i = 0; i < d->codec_count; i++)
        put(w, " %u", d->codec[i].payload_type);
    if (!d->codec_count)
        put(w, " 0");
    else if (d->dtmf_payload_type)
        put(w, " %u", d->dtmf_payload_type);
    put(w, "\r\n");
    if (!d->port)
        return;
    for (uint32_t i = 0; i < d->codec_count; i++)
        put(w, "a=rtpmap:%u %s/8000\r\n", d->codec[i].payload_type, codec_name[d->codec[i].codec]);
    if (d->dtmf_payload_type && d->codec_count)
        put(w, "a=rtpmap:%u telephone-event/8000\r\na=fmtp:%u 0-15\r\n", d->dtmf_payload_type,
            d->dtmf_payload_type);
    if (d->ptime_ms)
        put(w, "a=ptime:%u\r\n", d->ptime_ms);
    if (d->rtcp_port && d->rtcp_port != d->port + 1)
        put(w, "a=rtcp:%u\r\n", d->rtcp_port);
    put(w, "a=%s\r\n", direction_name[d->direction & 3]);
}

int ua_sdp_write_layout(const struct media_desc *desc, const struct ua_sdp_layout *layout,
                        uint64_t session_id, uint64_t version, char *text, size_t size) {
    struct writer w = {text, size, 0, size == 0};
    unsigned char address[16];
    uint32_t others = layout ? layout->others : 0, ours = layout ? layout->ours : 0;
    int family = inet_pton(AF_INET, desc->address, address) == 1    ? 4
                 : inet_pton(AF_INET6, desc->address, address) == 1 ? 6
                                                                    : 0;

    if (!family || desc->codec_count > MEDIA_CODECS)
        return -EINVAL;
    for (uint32_t i = 0; i < desc->codec_count; i++)
        if (desc->codec[i].codec >= MEDIA_CODECS)
            return -EINVAL;
    put(&w, "v=0\r\no=- %llu %llu IN IP%d %s\r\ns=callfloor\r\nc=IN IP%d %s\r\nt=0 0\r\n",
        (unsigned long long)session_id, (unsigned long long)version, family, desc->address, family,
        desc->address);
    for (uint32_t i = 0; i <= others; i++) {
        if (i == ours)
            put_stream(&w, desc);
        else
            put(&w, "m=%s\r\n", layout->other[i < ours ? i : i - 1]);
    }
    return w.full ? -ENOSPC : (int)w.used;
}

int ua_sdp_write(const struct media_desc *desc, uint64_t session_id, uint64_t version, char *text,
                 size_t size) {
    return ua_sdp_write_layout(desc, NULL, session_id, version, text, size);
}
