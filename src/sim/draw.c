/* SPDX-License-Identifier: Apache-2.0
 * Distributions in whole numbers. */
#include "sim/draw.h"

#include <math.h>

#define LN2_Q62 0x2c5c85fdf473de6au /* ln 2 * 2^62 */

typedef unsigned __int128 wide;

static uint64_t multiply_q62(uint64_t a, uint64_t b) {
    return (uint64_t)((wide)a * b >> 62);
}

/* ln(2^e * m) = e ln 2 + 2 artanh((m - 1) / (m + 1)), 1 <= m < 2 */
int64_t draw_log(uint64_t x) {
    int e = 63 - __builtin_clzll(x);
    wide m = (wide)x << (63 - e), one = (wide)1 << 63;
    uint64_t t = (uint64_t)(((m - one) << 62) / (m + one)), square = multiply_q62(t, t), sum = 0;
    for (unsigned k = 1; t > 1u << 20; k += 2, t = multiply_q62(t, square))
        sum += t / k;
    return (int64_t)(((wide)(unsigned)e * LN2_Q62 + 2 * (wide)sum) >> 30);
}

/* e^x = 2^k * e^r, 0 <= r < ln 2 */
uint64_t draw_exp(int64_t x) {
    const __int128 ln2 = LN2_Q62, exact = (__int128)x * 0x40000000;
    int64_t k = (int64_t)(exact / ln2) - (exact % ln2 < 0);
    uint64_t r = (uint64_t)(exact - k * ln2), term = (uint64_t)1 << 62, sum = 0;
    for (unsigned n = 1; term > 1u << 20; n++) {
        sum += term;
        term = multiply_q62(term, r) / n;
    }
    return k < -33 ? 0 : k <= 30 ? sum >> (30 - k) : sum << (k - 30);
}

uint64_t draw_key(uint64_t stream, uint64_t kind, uint64_t number) {
    uint64_t state = stream ^ kind << 56;
    state = rng_next(&state) ^ number;
    return rng_next(&state);
}

uint64_t draw_key_text(uint64_t stream, const char *text) {
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return draw_key(stream, 0, hash);
}

uint64_t draw_exponential(uint64_t *stream, uint64_t mean_us) {
    int64_t minus_log = (int64_t)((wide)64 * LN2_Q62 >> 30) - draw_log(rng_next(stream) | 1);
    return (uint64_t)((wide)mean_us * (uint64_t)(minus_log < 0 ? 0 : minus_log) >> 32);
}

/* Polar method (Marsaglia, Bray 1964). The square root is the only floating step: IEEE 754 fixes its result.
 */
int64_t draw_normal(uint64_t *stream) {
    for (;;) {
        uint64_t bits = rng_next(stream);
        int64_t a = (int64_t)(bits >> 32) - 0x80000000, b = (int64_t)(bits & 0xffffffff) - 0x80000000;
        uint64_t s = (uint64_t)(a * a) + (uint64_t)(b * b);
        if (!s || s >= (uint64_t)1 << 62)
            continue;
        int64_t minus_log = (int64_t)((wide)62 * LN2_Q62 >> 30) - draw_log(s);
        double factor = sqrt((double)minus_log * 0x1p31 / (double)s); /* z = a / 2^31 * factor */
        return (int64_t)((double)a * factor * 2);
    }
}

uint64_t draw_from(uint64_t *stream, const struct draw *draw) {
    if (draw->kind == DRAW_FIXED)
        return draw->mean_us;
    if (draw->kind == DRAW_EXPONENTIAL)
        return draw_exponential(stream, draw->mean_us);
    /* mean * exp(sigma z - sigma^2 / 2), sigma^2 = ln(1 + cv^2) */
    uint64_t cv = (uint64_t)(draw->cv * 0x1p20), one = (uint64_t)1 << 40;
    int64_t variance = draw_log(one + cv * cv) - draw_log(one);
    int64_t sigma = (int64_t)(sqrt((double)variance * 0x1p-32) * 0x1p32);
    int64_t x = (int64_t)((__int128)sigma * draw_normal(stream) >> 32) - variance / 2;
    return (uint64_t)((wide)draw->mean_us * draw_exp(x) >> 32);
}

bool draw_chance(uint64_t *stream, double share) {
    return rng_unit(stream) < share;
}

uint64_t draw_below(uint64_t *stream, uint64_t count) {
    return (rng_next(stream) >> 32) * count >> 32;
}
