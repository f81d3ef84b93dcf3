/* SPDX-License-Identifier: Apache-2.0
 * Connections of the web: how many there are, and how long each may take for its next request. evhttp tells
 * neither, but lets us make each connection's bufferevent. We keep a reference: the descriptor is closed
 * when we let go, which is soon after evhttp did (its callbacks are gone then). */
#include "web/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

static void arm(struct web *web) {
    static const struct timeval soon = {0, WEB_SWEEP_MS * 1000};
    if (web->connection_count && !evtimer_pending(web->sweep, NULL))
        evtimer_add(web->sweep, &soon);
}

static bool released(const struct web_connection *c) {
    bufferevent_event_cb event_cb;
    bufferevent_getcb(c->bev, NULL, NULL, &event_cb, NULL);
    return c->served && !event_cb;
}

static void forget(struct web_connection *c) {
    struct web *web = c->web;
    LIST_REMOVE(c, entry);
    bufferevent_decref(c->bev);
    free(c);
    if (web->connection_count-- == WEB_CONNECTIONS && web->listener)
        evconnlistener_enable(web->listener);
}

void web_connections_sweep(struct web *web) {
    struct web_connection *c = LIST_FIRST(&web->connections), *next;
    uint64_t now = loop_now_ms();
    for (; c; c = next) {
        next = LIST_NEXT(c, entry);
        if (released(c))
            forget(c);
        else if (now >= c->deadline_ms) /* the socket only: evhttp finds it closed and cleans up */
            shutdown(bufferevent_getfd(c->bev), SHUT_RDWR);
    }
}

static void on_sweep(evutil_socket_t fd, short what, void *arg) {
    struct web *web = arg;
    struct web_connection *c;
    LIST_FOREACH (c, &web->connections, entry)
        c->served = true; /* evhttp has taken over whatever was new */
    web_connections_sweep(web);
    arm(web);
}

int web_connections_init(struct web *web) {
    LIST_INIT(&web->connections);
    web->sweep = evtimer_new(loop_base(web->loop), on_sweep, web);
    return web->sweep ? 0 : -ENOMEM;
}

void web_connections_end(struct web *web) {
    struct web_connection *c = LIST_FIRST(&web->connections), *next;
    for (; c; c = next) {
        next = LIST_NEXT(c, entry);
        forget(c);
    }
    if (web->sweep)
        event_free(web->sweep);
}

struct bufferevent *web_connection_new(struct event_base *base, void *arg) {
    struct web *web = arg;
    struct web_connection *c;
    web_connections_sweep(web);
    c = calloc(1, sizeof *c);
    struct bufferevent *bev = c ? bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE) : NULL;
    if (!bev) {
        free(c);
        return NULL; /* evhttp tries itself */
    }
    bufferevent_setwatermark(bev, EV_READ, 0, WEB_INPUT_MAX);
    bufferevent_incref(bev);
    *c = (struct web_connection){.web = web, .bev = bev, .deadline_ms = loop_now_ms() + WEB_REQUEST_MS};
    LIST_INSERT_HEAD(&web->connections, c, entry);
    if (++web->connection_count == WEB_CONNECTIONS)
        evconnlistener_disable(web->listener);
    arm(web);
    return bev;
}

void web_connection_used(struct web *web, struct evhttp_request *req) {
    struct evhttp_connection *connection = evhttp_request_get_connection(req);
    struct bufferevent *bev = connection ? evhttp_connection_get_bufferevent(connection) : NULL;
    struct web_connection *c;
    LIST_FOREACH (c, &web->connections, entry) {
        if (c->bev == bev) {
            c->deadline_ms = loop_now_ms() + WEB_REQUEST_MS;
            c->served = true;
        }
    }
}
