/* SPDX-License-Identifier: Apache-2.0
 * G.711: tables made once from spandsp's. Laws are numbered as enum media_codec. */
#ifndef MEDIA_LAW_H
#define MEDIA_LAW_H

#include "callfloor/ports.h"

enum { LAW_ULAW = MEDIA_PCMU, LAW_ALAW = MEDIA_PCMA, LAWS = MEDIA_CODECS };

void law_init(void);
/* What a frame of silence is made of. */
uint8_t law_silence(int law);
void law_encode(uint8_t *out, const int16_t *samples, size_t count, int law);
int16_t law_decode(uint8_t code, int law);
/* From the one law to the other, in place. */
void law_transcode(uint8_t *data, size_t count, int from, int to);

#endif
