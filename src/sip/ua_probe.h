/* SPDX-License-Identifier: Apache-2.0
 *
 * OPTIONS to a phone or a trunk: is anybody there? Any answer of the other side counts, whatever it says;
 * Sofia's own 408 and 503 do not.
 */
#ifndef CALLFLOOR_UA_PROBE_H
#define CALLFLOOR_UA_PROBE_H

#include "sip/ua.h"

enum { UA_PROBE_ANSWER_MS = 4000 }; /* four transmissions over UDP */

struct ua_probe;
/* Those on their way, oldest first. All zero is empty. */
struct ua_probes {
    struct ua_probe *first;
};

struct ua_probe_result {
    uint32_t who, serial; /* as given to ua_probe_send() */
    bool answered;
    uint16_t status; /* 408: nothing came, 503: it could not be sent, or the peer's */
    uint32_t rtt_ms;
};
typedef void ua_probe_fn(struct ua *ua, const struct ua_probe_result *result);

/* host: numeric address of the peer if known, or NULL; route: where to send instead of uri, or NULL. 0: fn
 * follows once, never from inside. -EINVAL, -ENOMEM, -ENETUNREACH: it does not. */
int ua_probe_send(struct ua *ua, struct ua_probes *probes, ua_probe_fn *fn, uint32_t who, uint32_t serial,
                  const char *uri, const char *route, const char *host, bool tcp);
/* Ends those that waited long enough; when the next one will have. */
uint64_t ua_probes_tick(struct ua *ua, struct ua_probes *probes, uint64_t now_ms);
/* Forgets all; fn is not called. */
void ua_probes_forget(struct ua_probes *probes);

#endif
