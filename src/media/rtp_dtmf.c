/* SPDX-License-Identifier: Apache-2.0
 * Digits in RTP (RFC 4733 2.3, 2.5). */
#include "media/rtp_dtmf.h"

#include <errno.h>
#include <string.h>

enum {
    FRAME = 160,
    END_PACKETS = 3,           /* RFC 4733 2.5.1.4 */
    GAP_FRAMES = 3,            /* pause between two digits sent */
    REPEAT_AFTER_US = 200000,  /* a source that plays the same capture again: same timestamps */
    FORGET_AFTER_US = 1000000, /* no digit is silent so long and goes on */
};
enum { IDLE, SENDING, ENDING, PAUSING };

static const char digits[] = "0123456789*#ABCD";

char rtp_dtmf_char(uint8_t event) {
    return event < 16 ? digits[event] : 0;
}
int rtp_dtmf_event_of(char c) {
    if (c >= 'a' && c <= 'd')
        c = (char)(c - 'a' + 'A');
    const char *p = c ? strchr(digits, c) : NULL;
    return p ? (int)(p - digits) : -1;
}

int rtp_dtmf_parse(struct rtp_dtmf_event *out, const uint8_t *payload, size_t length) {
    if (length < RTP_DTMF_PAYLOAD || payload[0] > 15)
        return -EINVAL;
    out->event = payload[0];
    out->end = payload[1] >> 7;
    out->volume = payload[1] & 0x3f;
    out->duration = (uint16_t)(payload[2] << 8 | payload[3]);
    return 0;
}

void rtp_dtmf_write(uint8_t payload[RTP_DTMF_PAYLOAD], const struct rtp_dtmf_event *event) {
    payload[0] = event->event;
    payload[1] = (uint8_t)((event->end ? 0x80 : 0) | event->volume);
    payload[2] = (uint8_t)(event->duration >> 8);
    payload[3] = (uint8_t)event->duration;
}

bool rtp_dtmf_in_packet(struct rtp_dtmf_in *in, const struct rtp_dtmf_event *event, uint32_t timestamp,
                        uint64_t now_us) {
    uint64_t quiet_us = now_us - in->last_us;
    int32_t ahead = (int32_t)(timestamp - in->timestamp);
    bool begins = !in->any || ahead > 0 || quiet_us >= FORGET_AFTER_US;
    if (!begins && ahead == 0) /* the same event, or the same capture played again */
        begins = in->ended && !event->end && event->duration < in->duration && quiet_us >= REPEAT_AFTER_US;
    else if (!begins) /* an older one: a straggler, unless the stream has restarted */
        begins = quiet_us >= REPEAT_AFTER_US && !event->end;
    if (begins) {
        *in = (struct rtp_dtmf_in){now_us, timestamp, event->duration, event->event, true, event->end};
        return true;
    }
    if (ahead == 0) {
        in->last_us = now_us;
        in->ended |= event->end;
        if (event->duration > in->duration)
            in->duration = event->duration;
    }
    return false;
}

int rtp_dtmf_out_add(struct rtp_dtmf_out *out, char digit, uint32_t duration_ms) {
    int event = rtp_dtmf_event_of(digit);
    if (event < 0)
        return -EINVAL;
    if (out->count == RTP_DTMF_QUEUE)
        return -ENOBUFS;
    if (duration_ms < RTP_DTMF_MIN_MS)
        duration_ms = RTP_DTMF_MIN_MS;
    if (duration_ms > RTP_DTMF_MAX_MS)
        duration_ms = RTP_DTMF_MAX_MS;
    int at = (out->first + out->count++) % RTP_DTMF_QUEUE;
    out->digit[at].event = (uint8_t)event;
    out->digit[at].duration = (uint16_t)(duration_ms * 8);
    return 0;
}

static enum rtp_dtmf_frame begin(struct rtp_dtmf_out *out, struct rtp_dtmf_event *event) {
    out->state = SENDING;
    out->duration = FRAME;
    *event = (struct rtp_dtmf_event){out->digit[out->first].event, false, 10, FRAME};
    return RTP_DTMF_FIRST;
}

enum rtp_dtmf_frame rtp_dtmf_out_frame(struct rtp_dtmf_out *out, struct rtp_dtmf_event *event) {
    uint16_t wanted = out->digit[out->first].duration;
    switch (out->state) {
    case IDLE:
        return out->count ? begin(out, event) : RTP_DTMF_NOTHING;
    case SENDING:
        out->duration = (uint16_t)(out->duration + FRAME);
        if (out->duration >= wanted) {
            out->duration = wanted;
            out->state = ENDING;
            out->repeats = END_PACKETS;
        }
        break;
    case PAUSING:
        if (--out->repeats)
            return RTP_DTMF_GAP;
        out->state = IDLE;
        return RTP_DTMF_GAP;
    default:
        break;
    }
    *event = (struct rtp_dtmf_event){out->digit[out->first].event, out->state == ENDING, 10, out->duration};
    if (out->state == ENDING && --out->repeats == 0) {
        out->first = (uint8_t)((out->first + 1) % RTP_DTMF_QUEUE);
        out->state = --out->count ? PAUSING : IDLE;
        out->repeats = GAP_FRAMES;
    }
    return RTP_DTMF_MORE;
}
