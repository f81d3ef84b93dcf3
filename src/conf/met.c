/* SPDX-License-Identifier: Apache-2.0
 * Does an agent have what is wanted? Called for each group of agents and each call: no memory, no branches
 * that depend on depth. The values of the postfix form stand as bits of one number, the newest lowest: an
 * expression has at most CONF_MAX_TESTS parts, so they always fit, and a broken one can do no harm. */
#include "callfloor/conf.h"

_Static_assert(CONF_MAX_TESTS <= 64, "the values in hand are kept in 64 bits");

bool conf_require_met(const struct conf_require *require, const uint8_t *level, uint32_t skill_count) {
    uint64_t values = 0, last;
    if (!require->count)
        return true;
    for (const struct conf_test *t = require->test; t < require->test + require->count; t++) {
        uint32_t has = 0;
        switch (t->kind) {
        case CONF_TEST_LEVEL:
            if (t->skill <= skill_count)
                has = level[t->skill];
            values = values << 1 | (has && has >= t->least && has <= t->most);
            break;
        case CONF_TEST_AND:
            last = values & 1;
            values = values >> 1 & (last | ~UINT64_C(1));
            break;
        case CONF_TEST_OR:
            last = values & 1;
            values = values >> 1 | last;
            break;
        case CONF_TEST_NOT:
            values ^= 1;
            break;
        }
    }
    return values & 1;
}
