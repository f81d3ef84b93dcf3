/* SPDX-License-Identifier: Apache-2.0
 *
 * TCP connections: at most so many in all and from one address. Sofia has no hook for it, but it calls
 * accept(), and finds ours before libc's, as the program is linked with -rdynamic. Ours also keeps a
 * descriptor in reserve, because Sofia spins when a connection cannot be accepted for lack of one. */
#include "sip/ua_address.h"
#include "sip/ua_leg.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uthash.h>

enum { CONNECTIONS_MAX = 8192, SWEEP_MS = 10000 };

struct connection {
    int fd;
    uint16_t port;
};
struct peer {
    struct ua_address address;
    uint32_t count;
    struct connection connection[UA_CONNECTIONS_PER_ADDRESS];
    UT_hash_handle hh;
};

static struct peer *peers;
static uint32_t total, refused;
static int reserve = -1;

/* Sofia closes without telling: a descriptor that has another peer now, or none, is not this connection. */
static bool is_open(const struct peer *peer, const struct connection *c) {
    struct sockaddr_storage now;
    socklen_t length = sizeof now;
    struct ua_address address;
    return getpeername(c->fd, (struct sockaddr *)&now, &length) == 0 &&
           ua_address_of((struct sockaddr *)&now, &address) == 0 &&
           ua_address_same(&address, &peer->address) && ua_address_port((struct sockaddr *)&now) == c->port;
}

static void sweep_peer(struct peer *peer) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < peer->count; i++)
        if (is_open(peer, &peer->connection[i]))
            peer->connection[kept++] = peer->connection[i];
    total -= peer->count - kept;
    peer->count = kept;
}

static void sweep_all(void) {
    struct peer *peer, *next;
    HASH_ITER (hh, peers, peer, next) {
        sweep_peer(peer);
        if (!peer->count) {
            HASH_DEL(peers, peer);
            free(peer);
        }
    }
}

/* Room for one more from there? Takes note of it. */
static bool admit(int fd, const struct sockaddr *from) {
    struct ua_address address;
    struct peer *peer;
    if (ua_address_of(from, &address))
        return false;
    if (total >= CONNECTIONS_MAX)
        sweep_all();
    HASH_FIND(hh, peers, &address, sizeof address, peer);
    if (peer && peer->count == UA_CONNECTIONS_PER_ADDRESS)
        sweep_peer(peer);
    if (total >= CONNECTIONS_MAX || (peer && peer->count == UA_CONNECTIONS_PER_ADDRESS))
        return false;
    if (!peer) {
        peer = calloc(1, sizeof *peer);
        if (!peer)
            return false;
        peer->address = address;
        HASH_ADD(hh, peers, address, sizeof peer->address, peer);
    }
    peer->connection[peer->count++] = (struct connection){fd, ua_address_port(from)};
    total++;
    return true;
}

typedef int accept_fn(int, struct sockaddr *, socklen_t *);
static accept_fn *real_accept(void) {
    static accept_fn *real;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "accept");
    return real;
}

/* Out of descriptors: the connection is taken with the one in reserve and closed, or it would stay ready. */
static void turn_away(int fd) {
    close(reserve);
    reserve = real_accept()(fd, NULL, NULL);
    if (reserve >= 0)
        close(reserve);
    reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

__attribute__((visibility("default"))) int accept(int listener, struct sockaddr *from, socklen_t *length) {
    struct sockaddr_storage where;
    socklen_t size = sizeof where;
    if (!ua_guard_active() || !from || !length)
        return real_accept()(listener, from, length);
    int fd = real_accept()(listener, (struct sockaddr *)&where, &size);
    if (fd < 0) {
        int error = errno;
        if ((error == EMFILE || error == ENFILE) && reserve >= 0) {
            refused++;
            turn_away(listener);
        }
        errno = error;
        return -1;
    }
    if (!admit(fd, (struct sockaddr *)&where)) {
        refused++;
        close(fd);
        errno = ECONNABORTED;
        return -1;
    }
    memcpy(from, &where, size < *length ? size : *length);
    *length = size;
    return fd;
}

uint64_t ua_connections_tick(struct ua *ua, uint64_t now_ms) {
    if (now_ms < ua->connections_ms)
        return ua->connections_ms;
    ua->connections_ms = now_ms + SWEEP_MS;
    if (reserve < 0)
        reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sweep_all();
    if (refused)
        log_warn("sip", "event=connections_refused count=%u open=%u", refused, total);
    refused = 0;
    return ua->connections_ms;
}

void ua_connections_done(void) {
    struct peer *peer, *next;
    HASH_ITER (hh, peers, peer, next) {
        HASH_DEL(peers, peer);
        free(peer);
    }
    total = 0;
    if (reserve >= 0)
        close(reserve);
    reserve = -1;
}
