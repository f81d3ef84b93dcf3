/* SPDX-License-Identifier: Apache-2.0
 * The one place where RTP sockets are made. */
#include "media/socket.h"
#include "media/terms.h"

#include <errno.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RECEIVE_BUFFER = 16384, /* doubled by the kernel: about 39 packets, 0.78 s of audio */
    EXPEDITED = 0xb8,       /* DSCP EF */
};

static void set_option(int fd, int level, int name, int value) {
    setsockopt(fd, level, name, &value, sizeof value); /* all of them are wishes */
}

static int open_bound(int *fdp, const union latch_address *address, uint16_t port) {
    union latch_address bound = *address;
    bool v6 = address->any.sa_family == AF_INET6;
    bound.v4.sin_port = htons(port); /* at the same place in both */
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, &bound.any, latch_address_len(&bound)) < 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
    set_option(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
               v6 ? IPV6_PMTUDISC_PROBE : IP_PMTUDISC_PROBE);
    set_option(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS, EXPEDITED);
    *fdp = fd;
    return 0;
}

int socket_open_pair(int fd[2], const union latch_address *address, uint16_t port) {
    fd[0] = fd[1] = -1;
    int err = open_bound(&fd[0], address, port);
    if (!err)
        err = open_bound(&fd[1], address, (uint16_t)(port + 1));
    if (err)
        socket_close_pair(fd);
    return err;
}

void socket_close_pair(int fd[2]) {
    for (int i = 0; i < 2; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    fd[0] = fd[1] = -1;
}
