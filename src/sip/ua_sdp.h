/* SPDX-License-Identifier: Apache-2.0
 *
 * SDP in and out (RFC 8866, RFC 3264): our own strict, bounded, pure reader, because Sofia's never returns
 * from some inputs. We know one stream, RTP/AVP audio in G.711 with telephone-event; other m= lines are
 * refused with port 0 in what we write.
 */
#ifndef CALLFLOOR_UA_SDP_H
#define CALLFLOOR_UA_SDP_H

#include "callfloor/ports.h"

enum {
    UA_SDP_MAX = 8192,      /* bytes accepted, and enough room for what we write */
    UA_SDP_LINE_MAX = 1024, /* bytes of one line */
    UA_SDP_OTHERS = 3,      /* m= lines beside ours; a description with more is -ENOTSUP */
    UA_SDP_OTHER_LEN = 80,
};

/* The m= lines of a session in order. Keep it with the dialog: a later description must not have fewer. */
struct ua_sdp_layout {
    uint8_t ours;                                /* how many of the others stand before our stream */
    uint8_t others;                              /* how many there are beside ours */
    char other[UA_SDP_OTHERS][UA_SDP_OTHER_LEN]; /* "video 0 RTP/AVP 96" */
    char origin[96];                             /* o= value, to tell whether an offer changed anything */
};

/* 0: out filled. -EINVAL: malformed. -ENOTSUP: well formed, but no audio stream with a codec we know that
 * is not refused (port 0). -EMSGSIZE: too big. */
int ua_sdp_read(const char *text, size_t length, struct media_desc *out);
/* Bytes written, or -ENOSPC; -EINVAL when the address is not numeric. Terminated. */
int ua_sdp_write(const struct media_desc *desc, uint64_t session_id, uint64_t version, char *text,
                 size_t size);
/* The same for sessions with several m= lines: the layout remembers which of them is ours, so that what we
 * write has as many, the others refused (RFC 3264 6 and 8). NULL or zeroed = one stream. */
int ua_sdp_read_layout(const char *text, size_t length, struct media_desc *out, struct ua_sdp_layout *layout);
int ua_sdp_write_layout(const struct media_desc *desc, const struct ua_sdp_layout *layout,
                        uint64_t session_id, uint64_t version, char *text, size_t size);

#endif
