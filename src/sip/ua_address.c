/* SPDX-License-Identifier: Apache-2.0
 * Addresses as 16 bytes. */
#include "sip/ua_address.h"
#include "callfloor/base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void from_v4(const void *four, struct ua_address *out) {
    memcpy(out->byte, mapped, sizeof mapped);
    memcpy(out->byte + sizeof mapped, four, 4);
}

int ua_address_of(const struct sockaddr *from, struct ua_address *out) {
    memset(out, 0, sizeof *out);
    if (from && from->sa_family == AF_INET)
        from_v4(&((const struct sockaddr_in *)from)->sin_addr, out);
    else if (from && from->sa_family == AF_INET6)
        memcpy(out->byte, &((const struct sockaddr_in6 *)from)->sin6_addr, sizeof out->byte);
    else
        return -EAFNOSUPPORT;
    return 0;
}

uint16_t ua_address_port(const struct sockaddr *from) {
    if (from->sa_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)from)->sin_port);
    return from->sa_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)from)->sin6_port) : 0;
}

int ua_address_parse(const char *text, struct ua_address *out, unsigned *bits) {
    char host[ADDRESS_LEN];
    struct in_addr v4;
    struct ua_address v6;
    size_t length = strlen(text);

    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    }
    if (length >= sizeof host)
        return -EINVAL;
    memcpy(host, text, length);
    host[length] = 0;
    if (inet_pton(AF_INET, host, &v4) == 1) {
        from_v4(&v4, out);
        if (bits)
            *bits = 32;
        return 0;
    }
    if (inet_pton(AF_INET6, host, v6.byte) != 1)
        return -EINVAL;
    *out = v6;
    if (bits)
        *bits = 128;
    return 0;
}

bool ua_address_same(const struct ua_address *a, const struct ua_address *b) {
    return !memcmp(a->byte, b->byte, sizeof a->byte);
}

bool ua_address_within(const struct ua_address *address, const struct ua_address *network,
                       unsigned prefix_len) {
    if (prefix_len > 128)
        prefix_len = 128;
    unsigned bytes = prefix_len / 8, rest = prefix_len % 8;
    if (memcmp(address->byte, network->byte, bytes))
        return false;
    return !rest || !((address->byte[bytes] ^ network->byte[bytes]) >> (8 - rest));
}

void ua_address_host(const struct ua_address *address, char *text, size_t size) {
    char host[INET6_ADDRSTRLEN] = "";
    bool v4 = !memcmp(address->byte, mapped, sizeof mapped);
    inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address->byte + sizeof mapped : address->byte, host, sizeof host);
    snprintf(text, size, v4 ? "%s" : "[%s]", host);
}
