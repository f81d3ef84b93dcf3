/* SPDX-License-Identifier: Apache-2.0
 *
 * OPTIONS: what we can do, told statelessly. */
#include "sip/ua_leg.h"

#include <sofia-sip/nta_stateless.h>

const char ua_options_headers[] = "Accept: application/sdp\r\n"
                                  "Supported: 100rel, timer\r\n"
                                  "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, REGISTER";

void ua_options(struct ua *ua, msg_t *msg, sip_t *sip) {
    nta_msg_treply(ua->agent, msg, SIP_200_OK, SIPTAG_SERVER_STR(ua_product),
                   SIPTAG_HEADER_STR(ua_options_headers), TAG_END());
}
