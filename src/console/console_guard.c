/* SPDX-License-Identifier: Apache-2.0
 * Who failed to log in, from where, how often. */
#include "console/login.h"

#include <arpa/inet.h>
#include <string.h>

/* One key per household: a whole /64 belongs to one line. IPv4 mapped into IPv6 is IPv4. */
static void key_of(char key[ADDRESS_LEN], const char *source) {
    struct in6_addr a;
    str_copy(key, ADDRESS_LEN, source);
    if (inet_pton(AF_INET6, source, &a) != 1)
        return;
    if (IN6_IS_ADDR_V4MAPPED(&a)) {
        inet_ntop(AF_INET, &a.s6_addr[12], key, ADDRESS_LEN);
        return;
    }
    memset(&a.s6_addr[8], 0, 8);
    inet_ntop(AF_INET6, &a, key, ADDRESS_LEN);
}

static int find(const struct guard *g, const char *key) {
    for (uint32_t i = 0; i < g->used; i++)
        if (!strcmp(g->source[i].address, key))
            return (int)i;
    return -1;
}

/* A place for a new source: unused, or of the one that failed longest ago. */
static struct guard_source *place(struct guard *g) {
    uint32_t oldest = 0;
    if (g->used < GUARD_SOURCES)
        return &g->source[g->used++];
    for (uint32_t i = 1; i < g->used; i++)
        if (g->source[i].last_ms < g->source[oldest].last_ms)
            oldest = i;
    return &g->source[oldest];
}

uint64_t guard_locked_ms(const struct guard *g, const char *source, uint64_t now_ms) {
    char key[ADDRESS_LEN];
    key_of(key, source);
    int i = find(g, key);
    return i >= 0 && g->source[i].until_ms > now_ms ? g->source[i].until_ms - now_ms : 0;
}

void guard_failed(struct guard *g, const char *source, uint64_t now_ms) {
    char key[ADDRESS_LEN];
    uint64_t lock_ms = GUARD_FIRST_LOCK_MS;
    key_of(key, source);
    int i = find(g, key);
    struct guard_source *s = i >= 0 ? &g->source[i] : place(g);
    if (i < 0 || now_ms - s->last_ms > GUARD_LONGEST_LOCK_MS) {
        *s = (struct guard_source){0};
        str_copy(s->address, sizeof s->address, key);
    }
    s->failures++;
    s->last_ms = now_ms;
    if (s->failures < GUARD_FREE_FAILURES)
        return;
    for (uint32_t n = GUARD_FREE_FAILURES; n < s->failures && lock_ms < GUARD_LONGEST_LOCK_MS; n++)
        lock_ms *= 2;
    s->until_ms = now_ms + (lock_ms < GUARD_LONGEST_LOCK_MS ? lock_ms : GUARD_LONGEST_LOCK_MS);
}

void guard_passed(struct guard *g, const char *source) {
    char key[ADDRESS_LEN];
    key_of(key, source);
    int i = find(g, key);
    if (i >= 0)
        g->source[i] = g->source[--g->used];
}
