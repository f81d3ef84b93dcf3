/* SPDX-License-Identifier: Apache-2.0
 * libFuzzer: the SDP reader; what it accepts must survive being written and read again. By hand, in the root:
 *
 *   mkdir -p build/corpus
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iinclude -Isrc \
 *       tests/fuzz/fuzz_sdp.c src/sip/ua_sdp.c -o build/fuzz_sdp
 *   build/fuzz_sdp -max_len=9000 -max_total_time=60 -dict=tests/fuzz/sdp.dict build/corpus
 * tests/fuzz/corpus_sdp
 */
#include "sip/ua_sdp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct media_desc desc, again;
    struct ua_sdp_layout layout, layout2;
    char text[UA_SDP_MAX];

    if (ua_sdp_read_layout((const char *)data, size, &desc, &layout))
        return 0;
    int n = ua_sdp_write_layout(&desc, &layout, 1, 2, text, sizeof text);
    if (n <= 0 || strlen(text) != (size_t)n)
        abort();
    if (ua_sdp_read_layout(text, (size_t)n, &again, &layout2) || again.port != desc.port ||
        strcmp(again.address, desc.address) || again.codec_count != desc.codec_count ||
        memcmp(again.codec, desc.codec, sizeof desc.codec) || again.direction != desc.direction ||
        again.dtmf_payload_type != desc.dtmf_payload_type || layout2.others != layout.others ||
        layout2.ours != layout.ours)
        abort();
    return 0;
}
