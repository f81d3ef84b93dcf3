/* SPDX-License-Identifier: Apache-2.0
 *
 * Socket addresses as 16 bytes, IPv4 in its IPv4-mapped form, so that one comparison serves both families.
 */
#ifndef CALLFLOOR_UA_ADDRESS_H
#define CALLFLOOR_UA_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct ua_address {
    uint8_t byte[16];
};

/* 0, or -EAFNOSUPPORT with *out zeroed. */
int ua_address_of(const struct sockaddr *from, struct ua_address *out);
uint16_t ua_address_port(const struct sockaddr *from);
/* Numeric text, IPv6 with or without brackets. *bits (if wanted) is 32 or 128. 0 or -EINVAL. */
int ua_address_parse(const char *text, struct ua_address *out, unsigned *bits);
bool ua_address_same(const struct ua_address *a, const struct ua_address *b);
/* Are the first prefix_len bits (of 128) the same? */
bool ua_address_within(const struct ua_address *address, const struct ua_address *network,
                       unsigned prefix_len);
/* Host part for a URI: "192.0.2.1" or "[2001:db8::1]". size at least ADDRESS_LEN. */
void ua_address_host(const struct ua_address *address, char *text, size_t size);

#endif
