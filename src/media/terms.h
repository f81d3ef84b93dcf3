/* SPDX-License-Identifier: Apache-2.0
 * From two session descriptions to what the media thread needs. */
#ifndef MEDIA_TERMS_H
#define MEDIA_TERMS_H

#include "media/leg.h"

/* Numeric address and port. 0, -EINVAL, or -EAFNOSUPPORT when family is not 0 and differs. */
int terms_address(union latch_address *out, const char *text, uint16_t port, int family);
/* 0, -EINVAL (no codec, unknown codec, bad payload type or address) or -EAFNOSUPPORT. */
int terms_make(struct leg_terms *out, const struct media_stream *agreed, int family);

#endif
