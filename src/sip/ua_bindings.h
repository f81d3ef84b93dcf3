/* SPDX-License-Identifier: Apache-2.0
 *
 * What the registrar keeps beside the location table. The functions are in ua.h.
 */
#ifndef CALLFLOOR_UA_BINDINGS_H
#define CALLFLOOR_UA_BINDINGS_H

#include "sip/ua_location.h"
#include "sip/ua_probe.h"

struct ua_bindings {
    struct ua_location *location;
    struct ua_probes probes;
    bool telling; /* the sink is told of changes */
    struct log_limit log_auth, log_register;
};

#endif
