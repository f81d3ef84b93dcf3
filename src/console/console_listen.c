/* SPDX-License-Identifier: Apache-2.0
 * The console's two listeners. */
#include "console/session.h"

#include "callfloor/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 64, ACCEPT_AGAIN_S = 1 };

static void on_tcp(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int length,
                   void *arg) {
    telnet_accepted(arg, fd, peer);
}
static void on_unix(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int length,
                    void *arg) {
    unix_accepted(arg, fd);
}

/* Out of descriptors: accept would fail at once for ever, so leave it alone for a while. */
static void on_accept_error(struct evconnlistener *listener, void *arg) {
    struct console *console = arg;
    log_warn("console", "event=accept_failed error=%s", log_value(strerror(errno)));
    evconnlistener_disable(listener);
    struct timeval tv = {ACCEPT_AGAIN_S, 0};
    evtimer_add(console->accept_again, &tv);
}
static void on_accept_again(evutil_socket_t fd, short what, void *arg) {
    struct console *console = arg;
    if (console->tcp)
        evconnlistener_enable(console->tcp);
    if (console->local)
        evconnlistener_enable(console->local);
}

/* Takes fd. */
static int listen_on(struct console *c, int fd, evconnlistener_cb fn, struct evconnlistener **lp) {
    if (!c->accept_again)
        c->accept_again = evtimer_new(loop_base(c->loop), on_accept_again, c);
    *lp = c->accept_again ? evconnlistener_new(loop_base(c->loop), fn, c,
                                               LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG, fd)
                          : NULL;
    if (!*lp) {
        int err = errno ? -errno : -ENOMEM;
        close(fd);
        return err;
    }
    evconnlistener_set_error_cb(*lp, on_accept_error);
    return 0;
}

/* ---- TCP ---- */

static int tcp_address(const char *text, uint16_t port, struct sockaddr_storage *out, socklen_t *length) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *length = sizeof *v4;
        return 0;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
        return -EINVAL;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    *length = sizeof *v6;
    return 0;
}

static int open_tcp(const struct conf *conf, int *fdp) {
    struct sockaddr_storage address;
    socklen_t length;
    int err = tcp_address(conf->console_address, conf->console_port, &address, &length), on = 1;
    if (err)
        return err;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, length)) {
        err = -errno;
        close(fd);
        return err;
    }
    *fdp = fd;
    return 0;
}

int console_listen_tcp(struct console *c) {
    const struct conf *conf = c->env.conf;
    int fd = -1, err;
    if (!conf->console_port)
        return 0;
    err = open_tcp(conf, &fd);
    if (!err)
        err = listen_on(c, fd, on_tcp, &c->tcp);
    if (err) {
        log_error("console", "event=listen_failed address=%s port=%u error=%s",
                  log_value(conf->console_address), conf->console_port, log_value(strerror(-err)));
        return err;
    }
    c->port = conf->console_port;
    log_info("console", "event=listen address=%s port=%u", log_value(conf->console_address), c->port);
    return 0;
}

/* ---- unix socket ---- */

/* Makes way at path: only a socket that nobody listens on is removed. */
static int clear_path(const struct sockaddr_un *address) {
    struct stat st;
    int err = 0;
    if (lstat(address->sun_path, &st))
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (!connect(fd, (const struct sockaddr *)address, sizeof *address) || errno == EAGAIN)
        err = -EADDRINUSE;
    else if (errno != ECONNREFUSED)
        err = -errno;
    close(fd);
    if (!err && unlink(address->sun_path) && errno != ENOENT)
        err = -errno;
    return err;
}

static int open_unix(struct console *c, int *fdp) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = c->env.conf->console_socket;
    struct stat st;
    int err = str_copy(address.sun_path, sizeof address.sun_path, path);
    if (err || (err = clear_path(&address)))
        return err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    mode_t old = umask(0117); /* 0660 from the first moment */
    err = bind(fd, (struct sockaddr *)&address, sizeof address) ? -errno : 0;
    umask(old);
    if (!err && lstat(path, &st))
        err = -errno;
    if (err) {
        close(fd);
        return err;
    }
    str_copy(c->socket_path, sizeof c->socket_path, path);
    c->socket_dev = st.st_dev;
    c->socket_inode = st.st_ino;
    *fdp = fd;
    return 0;
}

int console_listen_unix(struct console *c) {
    const char *path = c->env.conf->console_socket;
    int fd = -1, err;
    if (!*path)
        return 0;
    err = open_unix(c, &fd);
    if (!err)
        err = listen_on(c, fd, on_unix, &c->local);
    if (err) {
        log_error("console", "event=listen_failed socket=%s error=%s", log_value(path),
                  log_value(err == -EEXIST       ? "there is a file that is not a socket"
                            : err == -EADDRINUSE ? "another daemon listens there"
                                                 : strerror(-err)));
        return err;
    }
    log_info("console", "event=listen socket=%s", log_value(path));
    return 0;
}

void console_listen_end(struct console *c) {
    struct stat st;
    if (c->tcp)
        evconnlistener_free(c->tcp);
    if (c->local)
        evconnlistener_free(c->local);
    if (c->accept_again)
        event_free(c->accept_again);
    /* not the socket of a daemon that was started after us */
    if (*c->socket_path && !lstat(c->socket_path, &st) && st.st_dev == c->socket_dev &&
        st.st_ino == c->socket_inode)
        unlink(c->socket_path);
    c->tcp = c->local = NULL;
    c->accept_again = NULL;
    c->socket_path[0] = 0;
}
