/* SPDX-License-Identifier: Apache-2.0
 * Requests: routes, who may ask, what every answer carries. */
#include "web/internal.h"

#include "callfloor/log.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- answers ---- */

void web_reply(struct evhttp_request *req, int status, const char *type, struct evbuffer *body) {
    static const char *const headers[][2] = {
        {"Cache-Control", "no-store"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Server", "callfloor"},
    };
    struct evkeyvalq *out = evhttp_request_get_output_headers(req);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        evhttp_add_header(out, headers[i][0], headers[i][1]);
    if (!evhttp_find_header(out, "Content-Security-Policy"))
        evhttp_add_header(out, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    evhttp_add_header(out, "Content-Type", type);
    if (evhttp_request_get_command(req) == EVHTTP_REQ_HEAD) { /* libevent would send the body all the same */
        char length[24];
        snprintf(length, sizeof length, "%zu", body ? evbuffer_get_length(body) : 0);
        evhttp_add_header(out, "Content-Length", length);
        body = NULL;
    }
    evhttp_send_reply(req, status, NULL, body);
}

void web_reply_text(struct evhttp_request *req, int status, const char *text) {
    struct evbuffer *body = evbuffer_new();
    if (body)
        evbuffer_add_printf(body, "%s\n", text);
    web_reply(req, status, "text/plain; charset=utf-8", body);
    if (body)
        evbuffer_free(body);
}

/* ---- routes ---- */

static size_t route_index(const struct web_route *route);

static void answer_page(struct web *web, struct evhttp_request *req, const struct web_route *route) {
    size_t length;
    const char *page = web_page(&length);
    struct evbuffer *body = evbuffer_new();
    evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Security-Policy", web->policy);
    if (body)
        evbuffer_add_reference(body, page, length, NULL, NULL);
    web_reply(req, HTTP_OK, "text/html; charset=utf-8", body);
    if (body)
        evbuffer_free(body);
}

/* The console's answer, shared by all who ask within WEB_FRESH_MS. */
static void answer_api(struct web *web, struct evhttp_request *req, const struct web_route *route) {
    size_t index = route_index(route);
    uint64_t now = loop_now_ms();
    if (!web->fresh[index].body || now - web->fresh[index].made_ms >= WEB_FRESH_MS) {
        char *text = NULL;
        int err = console_execute(web->console, route->command, true, false, "web", &text);
        if (err) {
            free(text);
            web_reply_text(req, HTTP_INTERNAL, "no answer");
            return;
        }
        free(web->fresh[index].body);
        web->fresh[index].body = text;
        web->fresh[index].made_ms = now;
    }
    struct evbuffer *body = evbuffer_new();
    if (body) /* a copy: the answer may still be on its way when the next one is made */
        evbuffer_add(body, web->fresh[index].body, strlen(web->fresh[index].body));
    web_reply(req, HTTP_OK, "application/json", body);
    if (body)
        evbuffer_free(body);
}

static void answer_health(struct web *web, struct evhttp_request *req, const struct web_route *route) {
    bool draining = floor_draining(web->floor);
    web_reply_text(req, draining ? HTTP_SERVUNAVAIL : HTTP_OK, draining ? "draining" : "ok");
}

static const struct web_route routes[] = {
    {"/", NULL, answer_page, false},
    {"/health", NULL, answer_health, true},
    {"/metrics", NULL, web_metrics, false},
    {"/api/v1/calls", "show calls", answer_api, false},
    {"/api/v1/queues", "show queues", answer_api, false},
    {"/api/v1/agents", "show agents", answer_api, false},
    {"/api/v1/trunks", "show trunks", answer_api, false},
    {"/api/v1/stats", "show stats", answer_api, false},
    {"/api/v1/version", "show version", answer_api, false},
};
_Static_assert(ARRAY_LEN(routes) <= WEB_ROUTES_MAX, "fresh[] has a place for each route");

static size_t route_index(const struct web_route *route) {
    return (size_t)(route - routes);
}
static const struct web_route *find_route(const char *path) {
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (!strcmp(routes[i].path, path))
            return &routes[i];
    return NULL;
}

/* ---- who may ask ---- */

static void refuse(struct web *web, struct evhttp_request *req) {
    web->refused++;
    evhttp_add_header(evhttp_request_get_output_headers(req), "WWW-Authenticate",
                      "Basic realm=\"Callfloor\", charset=\"UTF-8\"");
    web_reply_text(req, 401, "a user name and a password are needed");
}

static void come_again(struct evhttp_request *req, int status, uint64_t ms, const char *text) {
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)(ms + 999) / 1000);
    evhttp_add_header(evhttp_request_get_output_headers(req), "Retry-After", seconds);
    web_reply_text(req, status, text);
}

/* "Basic BASE64" to user and password in text. False when it is not well-formed. RFC 7617. */
static bool credentials(const char *header, char *text, size_t size, const char **user,
                        const char **password) {
    unsigned char decoded[WEB_CREDENTIALS_MAX];
    size_t length;
    int n;
    char *colon;
    if (!header || strncasecmp(header, "Basic ", 6))
        return false;
    header += 6;
    header += strspn(header, " ");
    length = strlen(header);
    if (!length || length % 4 || length > sizeof decoded)
        return false;
    if ((n = EVP_DecodeBlock(decoded, (const unsigned char *)header, (int)length)) < 0)
        return false;
    n -= header[length - 1] == '='; /* padding decodes to zeros */
    n -= length > 1 && header[length - 2] == '=';
    bool ok = n > 0 && (size_t)n < size && !memchr(decoded, 0, (size_t)n);
    if (ok) {
        memcpy(text, decoded, (size_t)n);
        text[n] = 0;
        ok = (colon = strchr(text, ':')) != NULL;
        if (ok) {
            *colon = 0;
            *user = text;
            *password = colon + 1;
        }
    }
    OPENSSL_cleanse(decoded, sizeof decoded);
    return ok;
}

static void forget(struct web_pending *p) {
    LIST_REMOVE(p, entry);
    p->web->pending_count--;
    free(p);
}

static void on_checked(void *arg, enum console_login_result result, bool admin) {
    struct web_pending *p = arg;
    struct web *web = p->web;
    struct evhttp_request *req = p->req;
    const struct web_route *route = p->route;
    forget(p);
    if (result == CONSOLE_LOGIN_OK)
        route->answer(web, req, route);
    else
        refuse(web, req);
}

/* The answer waits until the password was hashed. */
static void check_later(struct web *web, struct evhttp_request *req, const struct web_route *route,
                        const char *source, const char *user, const char *password) {
    struct web_pending *p = web->pending_count < WEB_PENDING ? calloc(1, sizeof *p) : NULL;
    if (p) {
        *p = (struct web_pending){.web = web, .req = req, .route = route};
        LIST_INSERT_HEAD(&web->pending, p, entry);
        web->pending_count++;
        p->ticket = console_login(web->console, source, user, password, on_checked, p);
        if (p->ticket)
            return;
        forget(p);
    }
    come_again(req, HTTP_SERVUNAVAIL, 1000, "too many logins at once");
}

static void check(struct web *web, struct evhttp_request *req, const struct web_route *route) {
    const char *header = evhttp_find_header(evhttp_request_get_input_headers(req), "Authorization");
    struct evhttp_connection *connection = evhttp_request_get_connection(req);
    char text[WEB_CREDENTIALS_MAX], *source = NULL;
    const char *user, *password;
    uint64_t locked_ms;
    uint16_t port;
    bool admin;
    if (connection)
        evhttp_connection_get_peer(connection, &source, &port);
    if (!header || !source)
        refuse(web, req);
    else if (!credentials(header, text, sizeof text, &user, &password))
        web_reply_text(req, HTTP_BADREQUEST, "the Authorization header is malformed");
    else if (console_login_remembered(web->console, user, password, &admin))
        route->answer(web, req, route);
    else if ((locked_ms = console_login_locked_ms(web->console, source)))
        come_again(req, 429, locked_ms, "too many failed logins from here");
    else
        check_later(web, req, route, source, user, password);
    OPENSSL_cleanse(text, sizeof text);
}

void web_end_pending(struct web *web) {
    struct web_pending *p = LIST_FIRST(&web->pending), *next;
    for (; p; p = next) {
        struct evhttp_request *req = p->req;
        next = LIST_NEXT(p, entry);
        console_login_cancel(web->console, p->ticket);
        forget(p);
        web_reply_text(req, HTTP_SERVUNAVAIL, "the daemon ends");
    }
}

void web_request(struct evhttp_request *req, void *arg) {
    struct web *web = arg;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    const struct web_route *route = path ? find_route(*path ? path : "/") : NULL;
    web->requests++;
    web_connection_used(web, req);
    if (!route)
        web_reply_text(req, HTTP_NOTFOUND, "there is no such page");
    else if (route->open)
        route->answer(web, req, route);
    else
        check(web, req, route);
}
