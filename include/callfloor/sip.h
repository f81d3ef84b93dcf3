/* SPDX-License-Identifier: Apache-2.0
 *
 * sip: the SIP adapter (Sofia's NTA layer inside the loop). Implements ua_port; see ports.h. Global names
 * begin with ua_, since Sofia owns sip_.
 */
#ifndef CALLFLOOR_SIP_H
#define CALLFLOOR_SIP_H

#include "callfloor/loop.h"
#include "callfloor/ports.h"

struct conf;
struct ua;

/* Nothing is bound yet. conf: borrowed until ua_reload() or destroy. */
int ua_create(struct ua **uap, struct loop *loop, const struct conf *conf);
struct ua_port ua_get_port(struct ua *ua);
/* Binds all listeners and begins to work (probes, registrations, agent_reachable for fixed contacts).
 * -EADDRINUSE and others: logged with the address. */
int ua_start(struct ua *ua, const struct ua_sink *sink);
/* Listeners stay as they were (a changed listener is told in the log as needing a restart). */
int ua_reload(struct ua *ua, const struct conf *conf);
/* The port a listener got, for listeners configured with port 0 (tests); 0 if there is none. */
uint16_t ua_listen_port(const struct ua *ua, uint32_t index);
/* Unregisters from trunks as far as that goes without waiting, closes sockets, forgets everything. The loop
 * must not run any more afterwards. */
void ua_destroy(struct ua *ua);

/* Registrar bindings as JSON text to save over a restart (malloc'ed), and back. NULL/-EINVAL on failure. */
char *ua_save_bindings(const struct ua *ua);
int ua_restore_bindings(struct ua *ua, const char *json);

#endif
