/* SPDX-License-Identifier: Apache-2.0
 *
 * console: the supervisor's command line, over TCP (telnet, with login) and over a unix socket (whoever may
 * open it is an admin). callfloorctl is its client.
 */
#ifndef CALLFLOOR_CONSOLE_H
#define CALLFLOOR_CONSOLE_H

#include "callfloor/floor.h"
#include "callfloor/loop.h"

struct console;

/* What only the daemon can do. 0 or -errno; message: what to tell the user, one or more lines. */
struct console_daemon {
    void *arg;
    int (*reload)(void *arg, char *message, size_t size);
    void (*drain)(void *arg, bool now); /* drain, then end the daemon */
};

int console_create(struct console **cp, struct loop *loop, struct floor *floor, const struct conf *conf,
                   const struct console_daemon *daemon);
/* Binds the listeners. -EADDRINUSE ... logged with the address. */
int console_start(struct console *console);
int console_reload(struct console *console, const struct conf *conf); /* users and limits; listeners stay */
uint16_t console_port(const struct console *console);                 /* TCP port in use, 0 = off */
void console_destroy(struct console *console);

/* One command line, answered as text (json: as JSON) into a malloc'ed string, as on the unix socket.
 * 0, or a negative errno with the error text in *answer. admin: may change things. For web and tests. */
int console_execute(struct console *console, const char *line, bool json, bool admin, const char *who,
                    char **answer);

/* ---- passwords of the configuration's users, for the web ---- */

enum console_login_result { CONSOLE_LOGIN_OK, CONSOLE_LOGIN_WRONG };
typedef void console_login_fn(void *arg, enum console_login_result result, bool admin);
/* Checks a password (in a thread: hashing is slow on purpose); done follows, never from inside. Returns a
 * ticket, or 0 when nothing follows: the source is locked out, or too many logins are under way. */
uint64_t console_login(struct console *console, const char *source, const char *user, const char *password,
                       console_login_fn *done, void *arg);
void console_login_cancel(struct console *console, uint64_t ticket); /* done does not follow any more */
/* Milliseconds for which the source is locked out after failures, 0 = may try. */
uint64_t console_login_locked_ms(const struct console *console, const char *source);
/* True when this very password was right within the last five minutes. Costs an HMAC. */
bool console_login_remembered(struct console *console, const char *user, const char *password, bool *admin);

#endif
