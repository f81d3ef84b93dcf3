/* SPDX-License-Identifier: Apache-2.0
 *
 * web: the wallboard and the read-only HTTP interface, for browsers, scripts and Prometheus.
 *
 *   GET /                 the wallboard, one page without anything from elsewhere
 *   GET /api/v1/calls     also queues, agents, trunks, stats: the console's `show ...` as JSON
 *   GET /metrics          Prometheus text
 *   GET /health           200 "ok", 503 "draining"; needs no login
 *
 * Everything but /health asks for a user of the configuration (HTTP basic). It is plain HTTP for loopback;
 * towards a network put a proxy with TLS in front.
 */
#ifndef CALLFLOOR_WEB_H
#define CALLFLOOR_WEB_H

#include "callfloor/console.h"
#include "callfloor/floor.h"
#include "callfloor/loop.h"

struct web;

/* floor, console and conf are borrowed; destroy the web before them. */
int web_create(struct web **wp, struct loop *loop, struct floor *floor, struct console *console,
               const struct conf *conf);
/* Binds web_address:web_port; nothing when the port is 0. -EADDRINUSE ... logged with the address. */
int web_start(struct web *web);
int web_reload(struct web *web, const struct conf *conf); /* the listener stays */
uint16_t web_port(const struct web *web);                 /* in use, 0 = off */
void web_destroy(struct web *web);

#endif
