/* SPDX-License-Identifier: Apache-2.0
 * G.711 tables. */
#include "media/law.h"

#include <spandsp.h>

static int16_t linear[LAWS][256];
static uint8_t other_law[LAWS][256];

void law_init(void) {
    for (int i = 0; i < 256; i++) {
        linear[LAW_ULAW][i] = ulaw_to_linear((uint8_t)i);
        linear[LAW_ALAW][i] = alaw_to_linear((uint8_t)i);
        other_law[LAW_ULAW][i] = ulaw_to_alaw((uint8_t)i);
        other_law[LAW_ALAW][i] = alaw_to_ulaw((uint8_t)i);
    }
}

uint8_t law_silence(int law) {
    return law == LAW_ALAW ? 0xd5 : 0xff;
}

void law_encode(uint8_t *out, const int16_t *samples, size_t count, int law) {
    for (size_t i = 0; i < count; i++)
        out[i] = law == LAW_ALAW ? linear_to_alaw(samples[i]) : linear_to_ulaw(samples[i]);
}

int16_t law_decode(uint8_t code, int law) {
    return linear[law][code];
}

void law_transcode(uint8_t *data, size_t count, int from, int to) {
    if (from == to)
        return;
    for (size_t i = 0; i < count; i++)
        data[i] = other_law[from][data[i]];
}
