/* SPDX-License-Identifier: Apache-2.0
 * What the files of the web share. */
#ifndef CALLFLOOR_WEB_INTERNAL_H
#define CALLFLOOR_WEB_INTERNAL_H

#include "callfloor/web.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <sys/queue.h>

enum {
    WEB_CONNECTIONS = 64,   /* at once; further ones wait in the kernel */
    WEB_HEADERS_MAX = 8192, /* bytes of request line and headers */
    WEB_BODY_MAX = 1024,    /* nobody has to send one */
    WEB_INPUT_MAX = 32768,  /* bytes read ahead */
    WEB_SWEEP_MS = 250,
    WEB_TIMEOUT_S = 10,        /* without a byte */
    WEB_REQUEST_MS = 15000,    /* from the connection, or the last answer, to the next whole request */
    WEB_FRESH_MS = 500,        /* an answer made for one client serves the others for so long */
    WEB_PENDING = 32,          /* requests whose password is being checked */
    WEB_CREDENTIALS_MAX = 512, /* bytes of the Authorization header */
};

struct web_connection {
    LIST_ENTRY(web_connection) entry;
    struct web *web;
    struct bufferevent *bev;
    uint64_t deadline_ms;
    bool served; /* evhttp has it: from now on, no callbacks means that it let go */
};
LIST_HEAD(web_connections, web_connection);

struct web_route {
    const char *path, *command; /* command: of the console, for the API */
    void (*answer)(struct web *web, struct evhttp_request *req, const struct web_route *route);
    bool open; /* no login */
};
enum { WEB_ROUTES_MAX = 16 };

struct web_pending {
    LIST_ENTRY(web_pending) entry;
    struct web *web;
    struct evhttp_request *req;
    const struct web_route *route;
    uint64_t ticket;
};
LIST_HEAD(web_pending_list, web_pending);

struct web {
    struct loop *loop;
    struct floor *floor;
    struct console *console;
    const struct conf *conf;
    struct evhttp *http;
    struct evconnlistener *listener;
    struct event *sweep;
    uint16_t port;
    struct web_connections connections;
    uint32_t connection_count;
    struct web_pending_list pending;
    uint32_t pending_count;
    char policy[512]; /* Content-Security-Policy of the wallboard */
    struct {
        char *body;
        uint64_t made_ms;
    } fresh[WEB_ROUTES_MAX]; /* by route */
    uint64_t requests, refused;
};

/* All requests come here (web_request.c). */
void web_request(struct evhttp_request *req, void *web);
void web_end_pending(struct web *web);
/* Answers with what is in body (may be NULL), and the headers every answer has. */
void web_reply(struct evhttp_request *req, int status, const char *type, struct evbuffer *body);
void web_reply_text(struct evhttp_request *req, int status, const char *text);

/* web_metrics.c */
void web_metrics(struct web *web, struct evhttp_request *req, const struct web_route *route);

/* web_page.c: the wallboard */
const char *web_page(size_t *length);
/* The policy that allows the page's own script and style and nothing else. */
int web_page_policy(char *policy, size_t size);

/* web_connection.c: how many there are, and how long they may take */
int web_connections_init(struct web *web);
void web_connections_end(struct web *web); /* after evhttp_free() */
void web_connections_sweep(struct web *web);
struct bufferevent *web_connection_new(struct event_base *base, void *web); /* for evhttp_set_bevcb() */
void web_connection_used(struct web *web, struct evhttp_request *req);

#endif
