/* SPDX-License-Identifier: Apache-2.0
 * Bounded strings, strict numbers, repeatable random numbers. */
#include "callfloor/base.h"

#include <errno.h>
#include <string.h>

int str_copy(char *dst, size_t size, const char *src) {
    size_t length = src ? strlen(src) : 0;
    if (!size)
        return -ENAMETOOLONG;
    size_t take = length < size ? length : size - 1;
    if (take)
        memcpy(dst, src, take);
    dst[take] = 0;
    return take == length ? 0 : -ENAMETOOLONG;
}

int str_to_u64(const char *text, uint64_t *out) {
    uint64_t value = 0;
    if (!text || !*text)
        return -EINVAL;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return -ERANGE;
    }
    *out = value;
    return 0;
}

int str_to_u32(const char *text, uint32_t min, uint32_t max, uint32_t *out) {
    uint64_t value;
    int err = str_to_u64(text, &value);
    if (err)
        return err;
    if (value < min || value > max)
        return -ERANGE;
    *out = (uint32_t)value;
    return 0;
}

bool str_is_token(const char *text, size_t max) {
    size_t n = 0;
    for (; text && text[n]; n++) {
        char c = text[n];
        bool word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (n >= max || (!word && !strchr("._-+*#", c)))
            return false;
    }
    return n > 0;
}

uint64_t rng_next(uint64_t *state) {
    /* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014 */
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double rng_unit(uint64_t *state) {
    return (double)(rng_next(state) >> 11) * 0x1p-53;
}
