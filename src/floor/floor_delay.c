/* SPDX-License-Identifier: Apache-2.0
 * A histogram of dispatch delays: buckets grow by a fifth, 1 us to 40 s. */
#include "floor/internal.h"

#include <math.h>

void floor_delay_add(struct floor *f, uint64_t us) {
    double bucket = us > 1 ? log((double)us) / log(1.2) : 0;
    f->delay_bucket[bucket < DELAY_BUCKETS - 1 ? (int)bucket : DELAY_BUCKETS - 1]++;
    f->dispatches++;
}

uint32_t floor_delay_quantile(const struct floor *f, double q) {
    uint64_t seen = 0;
    if (!f->dispatches)
        return 0;
    for (int i = 0; i < DELAY_BUCKETS; i++) {
        seen += f->delay_bucket[i];
        if ((double)seen >= q * (double)f->dispatches)
            return (uint32_t)pow(1.2, i + 1); /* upper edge: never better than the truth */
    }
    return (uint32_t)pow(1.2, DELAY_BUCKETS);
}
