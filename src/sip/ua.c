/* SPDX-License-Identifier: Apache-2.0
 *
 * The SIP adapter's life cycle and its port. */
#include "sip/ua.h"
#include "sip/ua_leg.h"

#include <errno.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/su_tag.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

const char ua_product[] = "Callfloor/" CALLFLOOR_VERSION;
const char ua_allow[] = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, REGISTER";
const char ua_supported[] = "100rel, timer";

enum {
    MESSAGE_MAX = 65536,
    UDP_BUFFER = 4 << 20,            /* the default holds 180 messages */
    CONNECTION_IDLE_MS = 15 * 60000, /* longer than phones' keep-alives */
    MESSAGE_TIMEOUT_MS = 20000,      /* for the rest of a message begun over TCP */
    PROCEEDING_MAX = 20000,
};

/* ---- replies ---- */

void ua_reply_with(struct ua *ua, nta_incoming_t *irq, int status, const char *phrase, const char *header) {
    bool allow = status == 405 || status == 501;
    nta_incoming_treply(irq, status, phrase, SIPTAG_SERVER_STR(ua_product),
                        TAG_IF(allow, SIPTAG_ALLOW_STR(ua_allow)), TAG_IF(header, SIPTAG_HEADER_STR(header)),
                        TAG_END());
}

void ua_reply(struct ua *ua, nta_incoming_t *irq, int status, const char *phrase) {
    ua_reply_with(ua, irq, status, phrase, NULL);
}

int ua_source(const struct ua *ua, nta_incoming_t *irq, struct sockaddr_storage *from) {
    msg_t *msg = nta_incoming_getrequest(irq);
    memset(from, 0, sizeof *from);
    if (!msg)
        return -EINVAL;
    memcpy(from, &msg_addr(msg)->su_sa, sizeof(su_sockaddr_t));
    msg_destroy(msg);
    return from->ss_family == AF_INET || from->ss_family == AF_INET6 ? 0 : -EINVAL;
}

/* ---- the port: what the floor asks for ---- */

static int port_invite(void *ctx, uint32_t number, const struct ua_invite *what) {
    struct ua *ua = ctx;
    struct ua_guard guard;
    volatile int error = -EFAULT;
    if (UA_GUARD_ENTER(&guard))
        error = ua_call(ua, number, what);
    ua_guard_leave(&guard);
    ua_kick(ua);
    return error;
}

static int leg_event(struct ua *ua, uint32_t number, enum ua_leg_event event,
                     const struct ua_leg_input *input) {
    struct ua_leg *leg = ua_leg_find(ua, number);
    struct ua_guard guard;
    volatile int error = -EFAULT;
    if (!leg)
        return -ESTALE;
    if (UA_GUARD_ENTER(&guard))
        error = ua_leg_event(leg, event, input);
    ua_guard_leave(&guard);
    ua_kick(ua);
    return error;
}

static int port_ring(void *ctx, uint32_t number) {
    return leg_event(ctx, number, UA_EV_RING, NULL);
}

static int port_answer(void *ctx, uint32_t number, const struct media_desc *local) {
    return leg_event(ctx, number, UA_EV_ANSWER, &(struct ua_leg_input){.media = local});
}

static void port_end(void *ctx, uint32_t number, enum ua_end_cause cause, const struct ua_refusal *refusal) {
    struct ua_leg_input input = {.cause = cause, .refusal = refusal, .text = ""};
    const struct ua_leg *leg = ua_leg_find(ctx, number);
    if (leg && !leg->incoming && leg->state < UA_LEG_UP)
        input.status = 487;
    leg_event(ctx, number, UA_EV_END, &input);
}

static int port_send_info_digit(void *ctx, uint32_t number, char digit, uint32_t duration_ms) {
    struct ua *ua = ctx;
    struct ua_leg *leg = ua_leg_find(ua, number);
    struct ua_guard guard;
    volatile int error = -EFAULT;
    if (!leg)
        return -ESTALE;
    if (UA_GUARD_ENTER(&guard))
        error = ua_leg_send_info(leg, digit, duration_ms);
    ua_guard_leave(&guard);
    ua_kick(ua);
    return error;
}

static uint32_t port_bindings(void *ctx, uint32_t agent, struct ua_binding *out, uint32_t max) {
    return ua_bindings_list(ctx, agent, out, max);
}

static int port_trunk(void *ctx, uint32_t trunk, struct ua_trunk_state *out) {
    return ua_trunk_state(ctx, trunk, out);
}

static void port_counters(void *ctx, struct ua_counters *out) {
    const struct ua *ua = ctx;
    usize_t incoming = 0, outgoing = 0;
    *out = ua->count;
    nta_agent_get_stats(ua->agent, NTATAG_S_IRQ_HASH_USED_REF(incoming), NTATAG_S_ORQ_HASH_USED_REF(outgoing),
                        TAG_END());
    out->transactions = (uint32_t)(incoming + outgoing);
}

static int port_probe(void *ctx, uint32_t number) {
    struct ua *ua = ctx;
    struct ua_leg *leg = ua_leg_find(ua, number);
    struct ua_guard guard;
    volatile int error = -EFAULT;
    if (!leg)
        return -ESTALE;
    if (UA_GUARD_ENTER(&guard))
        error = ua_leg_probe(leg);
    ua_guard_leave(&guard);
    ua_kick(ua);
    return error;
}

static enum ua_dialog port_dialog(void *ctx, uint32_t number) {
    return ua_leg_dialog(ctx, number);
}

static uint32_t port_next_leg(void *ctx, uint32_t *cursor) {
    return ua_leg_next(ctx, cursor);
}

struct ua_port ua_get_port(struct ua *ua) {
    return (struct ua_port){
        .ctx = ua,
        .invite = port_invite,
        .ring = port_ring,
        .answer = port_answer,
        .end = port_end,
        .send_info_digit = port_send_info_digit,
        .bindings = port_bindings,
        .trunk = port_trunk,
        .counters = port_counters,
        .probe = port_probe,
        .dialog = port_dialog,
        .next_leg = port_next_leg,
    };
}

/* ---- listeners ---- */

static uint16_t last_bound_port(struct ua *ua, bool tcp) {
    uint16_t port = 0;
    for (tport_t *p = tport_primaries(nta_agent_tports(ua->agent)); p; p = tport_next(p))
        if ((tport_is_tcp(p) != 0) == tcp)
            port = (uint16_t)strtoul(tport_name(p)->tpn_port, NULL, 10);
    return port;
}

static int bind_listener(struct ua *ua, const struct conf_listen *listen) {
    char url[URI_LEN], port[8] = "*";
    const char *public_address = ua->conf->public_address;
    bool v6 = strchr(listen->address, ':') != NULL;
    const char *open = v6 && listen->address[0] != '[' ? "[" : "", *close = open[0] ? "]" : "";
    if (listen->port)
        snprintf(port, sizeof port, "%u", listen->port);
    /* with a public address: that is the canonical host (Via), maddr is what is bound */
    if (public_address[0])
        snprintf(url, sizeof url, "sip:%s:%s;maddr=%s%s%s;transport=%s", public_address, port, open,
                 listen->address, close, listen->tcp ? "tcp" : "udp");
    else
        snprintf(url, sizeof url, "sip:%s%s%s:%s;transport=%s", open, listen->address, close, port,
                 listen->tcp ? "tcp" : "udp");
    errno = 0;
    if (nta_agent_add_tport(ua->agent, URL_STRING_MAKE(url), TPTAG_UDP_RMEM(UDP_BUFFER), TPTAG_STUN_SERVER(0),
                            TPTAG_IDLE(CONNECTION_IDLE_MS), TPTAG_TIMEOUT(MESSAGE_TIMEOUT_MS),
                            TPTAG_QUEUESIZE(64), TPTAG_SERVER(1), TAG_END()) < 0) {
        int error = su_errno();
        log_error("sip", "event=listen_failed transport=%s address=%s port=%u why=%s",
                  listen->tcp ? "tcp" : "udp", log_value(listen->address), listen->port,
                  log_value(strerror(error)));
        return error ? -error : -EADDRNOTAVAIL;
    }
    uint32_t i = ua->listen_count++;
    ua->listen[i].conf = *listen;
    ua->listen[i].conf.address = strdup(listen->address);
    ua->listen[i].tcp = listen->tcp;
    ua->listen[i].port = listen->port ? listen->port : last_bound_port(ua, listen->tcp);
    log_info("sip", "event=listening transport=%s address=%s port=%u", listen->tcp ? "tcp" : "udp",
             log_value(listen->address), ua->listen[i].port);
    return ua->listen[i].conf.address ? 0 : -ENOMEM;
}

uint16_t ua_listen_port(const struct ua *ua, uint32_t index) {
    return index < ua->listen_count ? ua->listen[index].port : 0;
}

/* ---- life ---- */

/* Requests of ours outside of dialogs hang on this leg; nobody can call it. */
static int on_default_leg(void *magic, nta_leg_t *leg, nta_incoming_t *irq, const sip_t *sip) {
    return 404;
}

static int create_agent(struct ua *ua) {
    ua->agent = nta_agent_create(ua->root, (url_string_t *)-1 /* no listener yet */, ua_message, ua,
                                 NTATAG_UA(1), NTATAG_MERGE_482(1), NTATAG_USE_NAPTR(0), NTATAG_USE_SRV(0),
                                 NTATAG_UDP_MTU(65535), NTATAG_MAXSIZE(MESSAGE_MAX), NTATAG_CLIENT_RPORT(1),
                                 NTATAG_SERVER_RPORT(1), NTATAG_MAX_PROCEEDING(PROCEEDING_MAX),
                                 NTATAG_TIMEOUT_408(1), NTATAG_CANCEL_487(1), TAG_END());
    if (!ua->agent)
        return -ENOMEM;
    ua->default_leg = nta_leg_tcreate(ua->agent, on_default_leg, ua, NTATAG_NO_DIALOG(1),
                                      URLTAG_URL("sip:nobody@callfloor.invalid"), TAG_END());
    return ua->default_leg ? 0 : -ENOMEM;
}

int ua_create(struct ua **uap, struct loop *loop, const struct conf *conf) {
    struct ua *ua = calloc(1, sizeof *ua);
    int error = ua ? 0 : -ENOMEM;
    if (!error) {
        ua->loop = loop;
        ua->conf = conf;
        if (getrandom(&ua->source_seed, sizeof ua->source_seed, 0) < 0)
            ua->source_seed = loop_now_us();
        error = ua_legs_create(ua);
    }
    if (!error)
        error = ua_loop_create(ua);
    if (!error)
        error = create_agent(ua);
    if (!error)
        error = ua_bindings_create(ua);
    if (!error)
        error = ua_trunks_create(ua);
    if (error) {
        ua_destroy(ua);
        return error;
    }
    *uap = ua;
    return 0;
}

int ua_start(struct ua *ua, const struct ua_sink *sink) {
    ua->sink = *sink;
    if (ua->conf->listen_count > UA_LISTEN_MAX)
        return -E2BIG;
    for (uint32_t i = 0; i < ua->conf->listen_count; i++) {
        int error = bind_listener(ua, &ua->conf->listen[i]);
        if (error)
            return error;
    }
    ua->started = true;
    ua_bindings_start(ua);
    ua_trunks_start(ua);
    ua_kick(ua);
    return 0;
}

static bool same_listeners(const struct ua *ua, const struct conf *conf) {
    if (conf->listen_count != ua->listen_count)
        return false;
    for (uint32_t i = 0; i < conf->listen_count; i++)
        if (conf->listen[i].tcp != ua->listen[i].tcp || conf->listen[i].port != ua->listen[i].conf.port ||
            strcmp(conf->listen[i].address, ua->listen[i].conf.address) != 0)
            return false;
    return strcmp(conf->public_address, ua->conf->public_address) == 0;
}

int ua_reload(struct ua *ua, const struct conf *conf) {
    if (ua->started && !same_listeners(ua, conf))
        log_warn("sip", "event=restart_needed why=\"sip listeners or public address were changed\"");
    ua->conf = conf;
    ua_bindings_reload(ua);
    ua_trunks_reload(ua);
    ua_kick(ua);
    return 0;
}

void ua_destroy(struct ua *ua) {
    if (!ua)
        return;
    ua->stopping = true;
    if (ua->trunks)
        ua_trunks_destroy(ua);
    if (ua->bindings)
        ua_bindings_destroy(ua);
    ua_legs_destroy(ua);
    if (ua->default_leg)
        nta_leg_destroy(ua->default_leg);
    if (ua->agent)
        nta_agent_destroy(ua->agent);
    ua->agent = NULL;
    ua_loop_destroy(ua);
    ua_connections_done();
    for (uint32_t i = 0; i < ua->listen_count; i++)
        free(ua->listen[i].conf.address);
    free(ua);
}
