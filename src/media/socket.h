/* SPDX-License-Identifier: Apache-2.0
 * The one place where RTP sockets are made. */
#ifndef MEDIA_SOCKET_H
#define MEDIA_SOCKET_H

#include "media/latch.h"

/* RTP on port, RTCP on port + 1 of address (its port is ignored). 0 or -errno (-EADDRINUSE, -EMFILE...). */
int socket_open_pair(int fd[2], const union latch_address *address, uint16_t port);
void socket_close_pair(int fd[2]);

#endif
