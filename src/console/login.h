/* SPDX-License-Identifier: Apache-2.0
 *
 * login: passwords against the users of the configuration. Hashing costs tens of milliseconds on purpose,
 * so a thread of its own does it; an unknown user costs the same as a wrong password. Whoever fails often is
 * locked out by source address (guard). A password that was right is remembered for five minutes as an HMAC
 * under a key of this process, for clients that send it with each request.
 */
#ifndef CALLFLOOR_CONSOLE_LOGIN_H
#define CALLFLOOR_CONSOLE_LOGIN_H

#include "callfloor/console.h"

/* ---- guard: pure, time is an argument ---- */

enum {
    GUARD_SOURCES = 512,
    GUARD_FREE_FAILURES = 5,
    GUARD_FIRST_LOCK_MS = 30000,
    GUARD_LONGEST_LOCK_MS = 900000,
};
struct guard_source {
    char address[ADDRESS_LEN]; /* IPv6: the /64 */
    uint32_t failures;
    uint64_t last_ms, until_ms; /* of the last failure; locked until */
};
/* Zero-initialise. When it is full, the source that has been quiet longest is forgotten. */
struct guard {
    struct guard_source source[GUARD_SOURCES];
    uint32_t used;
};
/* Milliseconds for which the source is still locked, 0 = may try. */
uint64_t guard_locked_ms(const struct guard *g, const char *source, uint64_t now_ms);
/* The fifth failure in a row locks for 30 s, each further one for twice as long, at most 15 minutes; after
 * as long without a failure the source is forgotten. */
void guard_failed(struct guard *g, const char *source, uint64_t now_ms);
void guard_passed(struct guard *g, const char *source);

/* ---- login ---- */

enum { LOGIN_JOBS = 16, LOGIN_PASSWORD_MAX = 256 };

struct login;
int login_create(struct login **lp, struct loop *loop, const struct conf *conf);
void login_reload(struct login *l, const struct conf *conf);
void login_destroy(struct login *l); /* waits for the hash in progress; callbacks do not come any more */

/* See console_login() and its fellows in callfloor/console.h. via: "telnet", "web"; for the log, a literal.
 */
uint64_t login_begin(struct login *l, const char *via, const char *source, const char *user,
                     const char *password, console_login_fn *done, void *arg);
void login_cancel(struct login *l, uint64_t ticket);
bool login_remembered(struct login *l, const char *user, const char *password, bool *admin);
uint64_t login_locked_ms(const struct login *l, const char *source);

#endif
