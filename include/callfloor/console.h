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

#endif
