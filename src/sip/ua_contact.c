/* SPDX-License-Identifier: Apache-2.0
 *
 * Our own addresses as others are to see them. */
#include "sip/ua_leg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOCAL_CACHE = 64, LOCAL_KEPT_MS = 10000 };

/* Which of our addresses packets to a host leave from, for listeners on all addresses. */
static struct {
    char host[INET6_ADDRSTRLEN], local[INET6_ADDRSTRLEN];
    uint64_t until_ms;
} local_cache[LOCAL_CACHE];

static bool is_wildcard(const char *address) {
    return !address[0] || strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0 ||
           strcmp(address, "*") == 0;
}

static int find_local(const char *host, char *local, size_t size) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(5060)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(5060)};
    bool is_v6 = inet_pton(AF_INET6, host, &v6.sin6_addr) == 1;
    if (!is_v6 && inet_pton(AF_INET, host, &v4.sin_addr) != 1)
        v4.sin_addr.s_addr = htonl(0xc0000201); /* a name: what leaves for the wide world */
    struct sockaddr *to = is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    socklen_t length = is_v6 ? sizeof v6 : sizeof v4;
    int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;
    if (fd < 0 || connect(fd, to, length) < 0 || getsockname(fd, to, &length) < 0)
        error = -errno;
    else if (!inet_ntop(to->sa_family, is_v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr, local,
                        (socklen_t)size))
        error = -EINVAL;
    if (fd >= 0)
        close(fd);
    return error;
}

static int local_for(const char *host, uint64_t now_ms, char *local, size_t size) {
    uint32_t hash = 2166136261u;
    for (const char *p = host; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    uint32_t slot = hash % LOCAL_CACHE;
    if (strcmp(local_cache[slot].host, host) != 0 || now_ms >= local_cache[slot].until_ms) {
        char found[INET6_ADDRSTRLEN];
        int error = find_local(host, found, sizeof found);
        if (error)
            return error;
        if (str_copy(local_cache[slot].host, sizeof local_cache[slot].host, host))
            local_cache[slot].host[0] = '\0';
        str_copy(local_cache[slot].local, sizeof local_cache[slot].local, found);
        local_cache[slot].until_ms = now_ms + LOCAL_KEPT_MS;
    }
    return str_copy(local, size, local_cache[slot].local);
}

/* Without the brackets of an IPv6 address; "" when unknown. */
static void plain_host(const char *host, char *plain, size_t size) {
    if (str_copy(plain, size, host && host[0] == '[' ? host + 1 : host))
        plain[0] = '\0';
    plain[strcspn(plain, "]")] = '\0';
}

int ua_own_address(const struct ua *ua, const char *address, const char *peer, char *text, size_t size) {
    char plain[ADDRESS_LEN];
    if (!is_wildcard(address))
        return str_copy(text, size, address);
    plain_host(peer, plain, sizeof plain);
    return local_for(plain, ua_now_ms(ua), text, size);
}

/* The listener that the other side is to send to: of the wanted transport, of the same family if possible. */
static const struct conf_listen *pick(const struct ua *ua, bool tcp, bool v6, uint16_t *port) {
    const struct conf_listen *any = NULL;
    for (uint32_t i = 0; i < ua->listen_count; i++) {
        if (ua->listen[i].tcp != tcp)
            continue;
        bool same = (strchr(ua->listen[i].conf.address, ':') != NULL) == v6;
        if (!any || same) {
            any = &ua->listen[i].conf;
            *port = ua->listen[i].port;
        }
        if (same)
            break;
    }
    return any;
}

int ua_contact_uri(const struct ua *ua, const char *user, bool tcp, const char *host, char *text,
                   size_t size) {
    char local[INET6_ADDRSTRLEN], plain[ADDRESS_LEN];
    uint16_t port = 0;
    plain_host(host, plain, sizeof plain);
    bool v6 = strchr(plain, ':') != NULL;
    const struct conf_listen *listener = pick(ua, tcp, v6, &port);
    if (!listener && !(listener = pick(ua, tcp = !tcp, v6, &port)))
        return -ENETUNREACH;
    const char *address = ua->conf->public_address[0] ? ua->conf->public_address : listener->address;
    int error = ua_own_address(ua, address, plain, local, sizeof local);
    if (error)
        return error;
    address = local;
    bool bracket = strchr(address, ':') != NULL && address[0] != '[';
    int n = snprintf(text, size, "sip:%s%s%s%s%s:%u%s", user, user[0] ? "@" : "", bracket ? "[" : "", address,
                     bracket ? "]" : "", port, tcp ? ";transport=tcp" : "");
    return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

void ua_leg_contact(const struct ua_leg *leg, char *text, size_t size) {
    char uri[URI_LEN];
    if (ua_contact_uri(leg->ua, "", leg->tcp, leg->peer, uri, sizeof uri))
        str_copy(uri, sizeof uri, "sip:callfloor.invalid");
    snprintf(text, size, "<%s>", uri);
}

void ua_sockaddr_host(const struct sockaddr *from, char *text, size_t size) {
    const void *address = from->sa_family == AF_INET6
                              ? (const void *)&((const struct sockaddr_in6 *)from)->sin6_addr
                              : (const void *)&((const struct sockaddr_in *)from)->sin_addr;
    if (!inet_ntop(from->sa_family, address, text, (socklen_t)size))
        str_copy(text, size, "");
}

void ua_address_text(const struct sockaddr *from, char *text, size_t size) {
    char host[INET6_ADDRSTRLEN];
    bool v6 = from->sa_family == AF_INET6;
    ua_sockaddr_host(from, host, sizeof host);
    snprintf(text, size, v6 ? "[%s]:%u" : "%s:%u", host,
             ntohs(v6 ? ((const struct sockaddr_in6 *)from)->sin6_port
                      : ((const struct sockaddr_in *)from)->sin_port));
}
