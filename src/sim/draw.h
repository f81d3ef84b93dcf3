/* SPDX-License-Identifier: Apache-2.0
 *
 * Random draws in whole numbers: no libm, no floating sum that a compiler may contract, so that one seed
 * gives one day on every machine. Each caller, offer and agent draws from a stream of its own (draw_key), so
 * that what happens to one does not change what another is like: two runs under two configurations see the
 * same callers (common random numbers).
 */
#ifndef SIM_DRAW_H
#define SIM_DRAW_H

#include "callfloor/base.h"

enum draw_kind { DRAW_EXPONENTIAL, DRAW_LOGNORMAL, DRAW_FIXED };
struct draw {
    enum draw_kind kind;
    uint64_t mean_us; /* 0: always 0 */
    double cv;        /* DRAW_LOGNORMAL: standard deviation / mean */
};

/* The stream of something (a number that says which kind, and its own number) that belongs to `stream`. */
uint64_t draw_key(uint64_t stream, uint64_t kind, uint64_t number);
uint64_t draw_key_text(uint64_t stream, const char *text);

uint64_t draw_exponential(uint64_t *stream, uint64_t mean_us);
uint64_t draw_from(uint64_t *stream, const struct draw *draw);
bool draw_chance(uint64_t *stream, double share);
uint64_t draw_below(uint64_t *stream, uint64_t count); /* 0..count-1; count < 2^32 */

/* In 2^-32 units. */
int64_t draw_log(uint64_t x); /* ln(x), x >= 1 */
uint64_t draw_exp(int64_t x); /* e^x, x < 20 */
int64_t draw_normal(uint64_t *stream);

#endif
