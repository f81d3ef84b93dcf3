/* SPDX-License-Identifier: Apache-2.0
 *
 * What keeps Sofia from hurting the daemon: its failing assertions are contained, its name lookups cannot
 * block, new calls are rate limited. */
#include "sip/ua.h"

#include <assert.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static __thread struct ua_guard *innermost;
static uint32_t caught;

void ua_guard_push(struct ua_guard *guard) {
    guard->timers = false;
    guard->outer = innermost;
    innermost = guard;
}

void ua_guard_leave(struct ua_guard *guard) {
    innermost = guard->outer;
}

bool ua_guard_active(void) {
    return innermost != NULL;
}

uint32_t ua_guard_caught(void) {
    return caught;
}

static bool is_sofia(const void *address) {
    Dl_info info;
    return dladdr(address, &info) && info.dli_fname && strstr(info.dli_fname, "libsofia");
}

/* Found by Sofia before libc's, because the program is linked with -rdynamic. */
__attribute__((visibility("default"), noreturn)) void __assert_fail(const char *assertion, const char *file,
                                                                    unsigned line, const char *function) {
    struct ua_guard *guard = innermost;
    if (guard && !guard->timers && is_sofia(__builtin_return_address(0))) {
        caught++;
        log_error("sip", "event=assertion_contained count=%u file=%s line=%u what=%s", caught,
                  log_value(file), line, log_value(assertion));
        longjmp(guard->back, 1);
    }
    fprintf(stderr, "%s:%u: %s: Assertion `%s' failed.\n", file, line, function ? function : "?", assertion);
    abort();
}

/* Numeric only while Sofia works on this thread (libpq and others on it get the real one): a response to a
 * message whose Via has a name would otherwise block all calls for as long as the resolver likes. */
__attribute__((visibility("default"))) int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    struct addrinfo numeric;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!real)
        return EAI_SYSTEM;
    if (!innermost)
        return real(node, service, hints, result);
    memset(&numeric, 0, sizeof numeric);
    if (hints)
        numeric = *hints;
    numeric.ai_flags |= AI_NUMERICHOST;
    return real(node, service, &numeric, result);
}

bool ua_rate_allows(struct ua_rate *rate, uint32_t limit_per_s, uint64_t now_ms) {
    if (!limit_per_s)
        return true;
    uint64_t full = (uint64_t)limit_per_s * 1000;
    uint64_t tokens = rate->last_ms ? rate->tokens_milli + (now_ms - rate->last_ms) * limit_per_s : full;
    rate->last_ms = now_ms;
    if (tokens > full)
        tokens = full;
    bool allowed = tokens >= 1000;
    rate->tokens_milli = (uint32_t)(allowed ? tokens - 1000 : tokens);
    return allowed;
}
