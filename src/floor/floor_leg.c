/* SPDX-License-Identifier: Apache-2.0
 * Legs: one SIP dialog with its media, and what was agreed on it (RFC 3264). */
#include "floor/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct leg *floor_leg(const struct floor *f, uint32_t id) {
    return slots_get(&f->legs, id);
}

int floor_leg_new(struct floor *f, enum leg_role role, struct call *call, struct leg **legp) {
    struct leg *leg = calloc(1, sizeof *leg);
    int err = -ENOMEM;
    if (!leg)
        return -ENOMEM;
    leg->role = role;
    leg->call = call;
    leg->id = slots_put(&f->legs, leg);
    if (!leg->id)
        goto fail;
    err = f->media.open(f->media.ctx, leg->id, &leg->local);
    if (err)
        goto fail;
    leg->media_open = true;
    f->leg_count++;
    *legp = leg;
    return 0;
fail:
    if (leg->id)
        slots_drop(&f->legs, leg->id);
    free(leg);
    return err;
}

void floor_leg_end(struct floor *f, struct leg *leg, enum ua_end_cause cause,
                   const struct ua_refusal *refusal) {
    if (leg->media_open) {
        leg->media_open = false;
        f->media.close(f->media.ctx, leg->id);
    }
    leg->call = NULL;
    if (leg->state == LEG_ENDING)
        return;
    leg->state = LEG_ENDING;
    leg->ending_ms = floor_now_ms(f);
    f->ua.end(f->ua.ctx, leg->id, cause, refusal);
}

void floor_leg_gone(struct floor *f, struct leg *leg) {
    if (leg->media_open)
        f->media.close(f->media.ctx, leg->id);
    slots_drop(&f->legs, leg->id);
    f->leg_count--;
    free(leg);
}

int floor_negotiate(const struct media_desc *offer, struct media_desc *answer) {
    uint8_t mirrored = (uint8_t)((offer->direction & MEDIA_SENDONLY ? MEDIA_RECVONLY : 0) |
                                 (offer->direction & MEDIA_RECVONLY ? MEDIA_SENDONLY : 0));
    if (!offer->port || !offer->codec_count)
        return -ENOTSUP;
    answer->codec_count = 1;
    answer->codec[0] = offer->codec[0];
    answer->dtmf_payload_type = offer->dtmf_payload_type;
    answer->direction = mirrored;
    answer->ptime_ms = offer->ptime_ms;
    return 0;
}

int floor_leg_agree(struct floor *f, struct leg *leg, const struct media_desc *remote) {
    struct media_stream agreed;
    if (!remote || !remote->port || !remote->codec_count)
        return -ENOTSUP;
    agreed.local = leg->local;
    agreed.remote = *remote;
    /* our side receives what the other sends: the first codec both have */
    agreed.local.codec_count = 1;
    agreed.local.codec[0] = remote->codec[0];
    for (int i = 0; i < leg->local.codec_count; i++)
        if (leg->local.codec[i].codec == remote->codec[0].codec)
            agreed.local.codec[0] = leg->local.codec[i];
    int err = f->media.set(f->media.ctx, leg->id, &agreed);
    if (!err)
        leg->remote = *remote;
    return err;
}
