/* SPDX-License-Identifier: Apache-2.0
 * The web's life: create, start, reload, destroy. */
#include "web/internal.h"

#include "callfloor/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 128 };

int web_create(struct web **wp, struct loop *loop, struct floor *floor, struct console *console,
               const struct conf *conf) {
    struct web *web = calloc(1, sizeof *web);
    int err;
    if (!web)
        return -ENOMEM;
    web->loop = loop;
    web->floor = floor;
    web->console = console;
    web->conf = conf;
    LIST_INIT(&web->pending);
    err = web_page_policy(web->policy, sizeof web->policy);
    if (!err)
        err = web_connections_init(web);
    if (err) {
        web_destroy(web);
        return err;
    }
    *wp = web;
    return 0;
}

static int open_socket(const struct conf *conf, int *fdp) {
    struct sockaddr_storage address = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    socklen_t length = sizeof *v4;
    int on = 1, err = 0;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(conf->web_port);
    if (inet_pton(AF_INET, conf->web_address, &v4->sin_addr) != 1) {
        memset(&address, 0, sizeof address);
        if (inet_pton(AF_INET6, conf->web_address, &v6->sin6_addr) != 1)
            return -EINVAL;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(conf->web_port);
        length = sizeof *v6;
    }
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

/* Takes fd. */
static int serve_on(struct web *web, int fd) {
    struct event_base *base = loop_base(web->loop);
    web->http = evhttp_new(base);
    web->listener = web->http ? evconnlistener_new(base, NULL, NULL,
                                                   LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG, fd)
                              : NULL;
    if (!web->listener) {
        close(fd);
        return -ENOMEM;
    }
    if (!evhttp_bind_listener(web->http, web->listener)) {
        evconnlistener_free(web->listener);
        web->listener = NULL;
        return -ENOMEM;
    }
    evhttp_set_bevcb(web->http, web_connection_new, web);
    evhttp_set_gencb(web->http, web_request, web);
    evhttp_set_allowed_methods(web->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(web->http, WEB_HEADERS_MAX);
    evhttp_set_max_body_size(web->http, WEB_BODY_MAX);
    evhttp_set_timeout(web->http, WEB_TIMEOUT_S);
    evhttp_set_default_content_type(web->http, "text/plain; charset=utf-8");
    return 0;
}

int web_start(struct web *web) {
    const struct conf *conf = web->conf;
    int fd = -1, err;
    if (!conf->web_port)
        return 0;
    err = open_socket(conf, &fd);
    if (!err)
        err = serve_on(web, fd);
    if (err) {
        log_error("web", "event=listen_failed address=%s port=%u error=%s", log_value(conf->web_address),
                  conf->web_port, log_value(strerror(-err)));
        return err;
    }
    web->port = conf->web_port;
    log_info("web", "event=listen address=%s port=%u", log_value(conf->web_address), web->port);
    return 0;
}

int web_reload(struct web *web, const struct conf *conf) {
    web->conf = conf;
    return 0;
}

uint16_t web_port(const struct web *web) {
    return web->port;
}

void web_destroy(struct web *web) {
    if (!web)
        return;
    web_end_pending(web);
    if (web->http)
        evhttp_free(web->http); /* and the listener */
    web->listener = NULL;
    web_connections_end(web);
    for (size_t i = 0; i < WEB_ROUTES_MAX; i++)
        free(web->fresh[i].body);
    free(web);
}
