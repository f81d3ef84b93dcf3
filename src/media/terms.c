/* SPDX-License-Identifier: Apache-2.0
 * From two session descriptions to what the media thread needs. */
#include "media/terms.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

int terms_address(union latch_address *out, const char *text, uint16_t port, int family) {
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
    } else if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
    } else {
        return -EINVAL;
    }
    return family && out->any.sa_family != family ? -EAFNOSUPPORT : 0;
}

static bool is_unspecified(const union latch_address *a) {
    if (a->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
    return a->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

static bool is_sane(const struct media_desc *desc) {
    if (!desc->codec_count || desc->codec_count > MEDIA_CODECS || desc->dtmf_payload_type > 127)
        return false;
    for (int i = 0; i < desc->codec_count; i++)
        if (desc->codec[i].codec >= MEDIA_CODECS || desc->codec[i].payload_type > 127)
            return false;
    return true;
}

/* What may come: our own list, and what the other side listed besides. It may change over in mid-call to
 * anything that stood in both (RFC 3264 7), and its numbers are what it will use then. */
static void add_receive_types(struct leg_terms *terms, const struct media_desc *desc) {
    for (int i = 0; i < desc->codec_count; i++) {
        if (leg_law_of(terms, desc->codec[i].payload_type) >= 0)
            continue;
        terms->receive_type[terms->receive_count] = desc->codec[i].payload_type;
        terms->receive_law[terms->receive_count++] = desc->codec[i].codec;
    }
}

int terms_make(struct leg_terms *out, const struct media_stream *agreed, int family) {
    const struct media_desc *local = &agreed->local, *remote = &agreed->remote;
    struct leg_terms terms = {0};
    memset(&terms, 0, sizeof terms);
    if (!is_sane(local) || !is_sane(remote))
        return -EINVAL;
    int err = terms_address(&terms.rtp, remote->address, remote->port, 0);
    if (err)
        return err;
    terms.has_address = remote->port && !is_unspecified(&terms.rtp);
    if (terms.has_address && terms.rtp.any.sa_family != family)
        return -EAFNOSUPPORT;
    uint16_t rtcp_port = remote->rtcp_port ? remote->rtcp_port : (uint16_t)(remote->port + 1);
    terms_address(&terms.rtcp, remote->address, rtcp_port, 0);
    terms.may_send =
        terms.has_address && local->direction & MEDIA_SENDONLY && remote->direction & MEDIA_RECVONLY;
    terms.may_receive =
        remote->port && local->direction & MEDIA_RECVONLY && remote->direction & MEDIA_SENDONLY;
    terms.expects = terms.may_receive && terms.has_address;
    terms.send_law = remote->codec[0].codec;
    terms.send_type = remote->codec[0].payload_type;
    add_receive_types(&terms, local);
    add_receive_types(&terms, remote);
    terms.send_dtmf_type = remote->dtmf_payload_type ? remote->dtmf_payload_type : LEG_NO_PAYLOAD_TYPE;
    terms.receive_dtmf_type = local->dtmf_payload_type ? local->dtmf_payload_type : LEG_NO_PAYLOAD_TYPE;
    *out = terms;
    return 0;
}
