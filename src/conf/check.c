/* SPDX-License-Identifier: Apache-2.0
 * Rules between options. */
#include "conf/reader.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const config_setting_t *conf_member(const config_setting_t *setting, const char *name) {
    const config_setting_t *found = setting ? config_setting_get_member(setting, name) : NULL;
    return found ? found : setting;
}

/* A problem of one option of the group at setting. */
#define PROBLEM(reader, setting, option, ...)                                                                \
    do {                                                                                                     \
        size_t back_ = conf_path_push(reader, ".", option);                                                  \
        conf_problem(reader, conf_member(setting, option), __VA_ARGS__);                                     \
        conf_path_pop(reader, back_);                                                                        \
    } while (0)

/* ---- entries ---- */

/* Was a text given, even a wrong one, which was told already? */
static int is_given(const config_setting_t *setting, const char *name) {
    const config_setting_t *found = config_setting_get_member(setting, name);
    const char *text = found ? config_setting_get_string(found) : NULL;
    return found && (!text || *text);
}

static void check_agent(struct reader *reader, const config_setting_t *setting, void *entry) {
    struct conf_agent *agent = entry;
    int ways = is_given(setting, "password") + is_given(setting, "ha1") + is_given(setting, "contact");
    bool many = config_setting_get_member(setting, "ids");
    if (many && config_setting_get_member(setting, "id"))
        PROBLEM(reader, setting, "ids", "given besides id (expected one of them)");
    if (many && *agent->ha1)
        PROBLEM(reader, setting, "ha1",
                "cannot be the same for several agents (expected password or contact)");
    if (ways != 1)
        conf_problem(reader, setting, "%s of password, ha1 and contact is given (expected exactly one)",
                     ways ? "more than one" : "none");
    for (char *p = agent->ha1; *p; p++)
        if (*p >= 'A' && *p <= 'F')
            *p = (char)(*p - 'A' + 'a');
}

static bool is_one_host(const struct conf_peer *peer) {
    unsigned char bytes[16];
    return peer->prefix_len == (inet_pton(AF_INET, peer->address, bytes) == 1 ? 32 : 128);
}

static void check_trunk(struct reader *reader, const config_setting_t *setting, void *entry) {
    struct conf_trunk *trunk = entry;
    bool host = false;
    for (uint32_t i = 0; i < trunk->peer_count; i++)
        host |= is_one_host(&trunk->peer[i]);
    if (trunk->peer_count && !host && *trunk->register_user)
        PROBLEM(reader, setting, "register",
                "there is nowhere to register (expected a peer that is one host)");
}

/* A step comes after the one before it: else it would never be a step. */
static void check_steps(struct reader *reader, const config_setting_t *setting,
                        const struct conf_queue *queue) {
    const config_setting_t *list = config_setting_get_member(setting, "steps");
    char place[24];
    for (uint32_t i = 1; i < queue->step_count; i++) {
        if (!queue->step[i].after_ms || queue->step[i].after_ms > queue->step[i - 1].after_ms)
            continue; /* 0: told already */
        snprintf(place, sizeof place, "steps[#%u]", i + 1);
        size_t back = conf_path_push(reader, ".", place);
        PROBLEM(reader, config_setting_get_elem(list, i), "after_ms",
                "%u is not above that of the step before (expected more than %u)", queue->step[i].after_ms,
                queue->step[i - 1].after_ms);
        conf_path_pop(reader, back);
    }
}

static void check_queue(struct reader *reader, const config_setting_t *setting, void *entry) {
    struct conf_queue *queue = entry;
    uint32_t self = 0; /* a queue read without a usable name is not in the array */
    if (queue >= reader->conf->queue && queue < reader->conf->queue + reader->conf->queue_count)
        self = (uint32_t)(queue - reader->conf->queue) + 1;
    if (self && queue->overflow.kind == CONF_TARGET_QUEUE && queue->overflow.id == self)
        PROBLEM(reader, setting, "overflow", "is the queue itself (expected another target)");
    for (int digit = 0; digit < CONF_DIGITS; digit++)
        if (self && queue->exit[digit].kind == CONF_TARGET_QUEUE && queue->exit[digit].id == self)
            PROBLEM(reader, setting, "exits", "digit %c leads to the queue itself (expected another target)",
                    "0123456789*#"[digit]);
    check_steps(reader, setting, queue);
}

/* The lower mark of a reserve: half of the upper one unless given. */
static void check_mark(struct reader *reader, const config_setting_t *setting, const char *option,
                       uint32_t mark, uint32_t *back) {
    char option_back[40];
    const char *unit = strstr(option, "_ms");
    snprintf(option_back, sizeof option_back, "%.*s_back%s",
             (int)(unit ? unit - option : (int)strlen(option)), option, unit ? unit : "");
    if (*back == NEVER32)
        *back = mark / 2;
    else if (!mark)
        PROBLEM(reader, setting, option_back, "given without %s (expected both)", option);
    else if (*back >= mark)
        PROBLEM(reader, setting, option_back, "%u is not below %s (expected at most %u)", *back, option,
                mark - 1);
}

static void check_reserve(struct reader *reader, const config_setting_t *setting, void *entry) {
    struct conf_reserve *r = entry;
    check_mark(reader, setting, "waiting", r->waiting, &r->waiting_back);
    check_mark(reader, setting, "expected_wait_ms", r->expected_wait_ms, &r->expected_wait_back_ms);
    if (!r->waiting && !r->expected_wait_ms && !r->slack_ms && !r->no_agents)
        conf_problem(reader, setting,
                     "no mark is given (expected waiting, expected_wait_ms, slack_ms or no_agents)");
}

static void check_number(struct reader *reader, const config_setting_t *setting, void *entry) {
    struct conf_number *number = entry;
    if (!*number->number)
        return; /* told already */
    int err = conf_index_put(&reader->conf->index, KIND_NUMBER, number->number,
                             (uint32_t)(number - reader->conf->number) + 1);
    if (err == -EEXIST)
        PROBLEM(reader, setting, "number", "\"%s\" is given twice", number->number);
    else if (err)
        reader->no_memory = true;
}

static void check_user(struct reader *reader, const config_setting_t *setting, void *entry) {
    struct conf_user *user = entry;
    if (!*user->name)
        return;
    int err = conf_index_put(&reader->conf->index, KIND_USER, user->name,
                             (uint32_t)(user - reader->conf->user) + 1);
    if (err == -EEXIST)
        PROBLEM(reader, setting, "name", "\"%s\" is given twice", user->name);
    else if (err)
        reader->no_memory = true;
}

void conf_check_entry(struct reader *reader, const struct conf_section *section,
                      const config_setting_t *setting, void *entry) {
    static const struct {
        const char *section;
        void (*check)(struct reader *, const config_setting_t *, void *);
    } checks[] = {
        {"agents", check_agent},   {"trunks", check_trunk}, {"queues", check_queue},
        {"numbers", check_number}, {"users", check_user},   {"reserve", check_reserve},
    };
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        if (!strcmp(checks[i].section, section->name))
            checks[i].check(reader, setting, entry);
}

/* ---- the whole ---- */

static void check_sip(struct reader *reader, const config_setting_t *sip) {
    struct conf *conf = reader->conf;
    size_t back = conf_path_push(reader, ".", "sip");
    if (!conf->listen_count && !config_setting_get_member(sip, "listen")) {
        const struct conf_option *listen;
        listen = conf_option_named(conf_option_named(&conf_root, "sip")->section, "listen");
        conf->listen = calloc(2, sizeof *conf->listen);
        if (!conf->listen) {
            reader->no_memory = true;
        } else {
            conf->listen_count = 2;
            conf_apply_defaults(reader, listen->section, &conf->listen[0]);
            conf_apply_defaults(reader, listen->section, &conf->listen[1]);
            conf->listen[1].tcp = true;
        }
    }
    for (uint32_t i = 0; i < conf->listen_count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (conf->listen[i].port && conf->listen[i].port == conf->listen[j].port &&
                conf->listen[i].tcp == conf->listen[j].tcp &&
                !strcmp(conf->listen[i].address, conf->listen[j].address))
                PROBLEM(reader, sip, "listen", "%s %s port %u is given twice",
                        conf->listen[i].tcp ? "tcp" : "udp", conf->listen[i].address, conf->listen[i].port);
    if (conf->register_min_s > conf->register_max_s)
        PROBLEM(reader, sip, "register_min_s", "%u is above register_max_s (expected at most %u)",
                conf->register_min_s, conf->register_max_s);
    if (conf->session_expires_s && conf->session_expires_s < 90)
        PROBLEM(reader, sip, "session_expires_s", "%u is out of range (expected 0 or 90 to 86400 s)",
                conf->session_expires_s);
    if (strchr(conf->realm, '"') || strchr(conf->realm, '\\') || strchr(conf->realm, ':'))
        PROBLEM(reader, sip, "realm", "has a quote, a backslash or a colon (expected a text without)");
    conf_path_pop(reader, back);
}

static void check_rtp(struct reader *reader, const config_setting_t *rtp) {
    struct conf *conf = reader->conf;
    size_t back = conf_path_push(reader, ".", "rtp");
    uint32_t ports =
        conf->rtp_port_max >= conf->rtp_port_min ? conf->rtp_port_max - conf->rtp_port_min + 1u : 0;
    if (conf->rtp_port_min % 2)
        PROBLEM(reader, rtp, "port_min", "%u is odd (expected an even port)", conf->rtp_port_min);
    if (ports < 4)
        PROBLEM(reader, rtp, "port_max",
                "%u is too small (expected at least port_min + 3, room for one call)", conf->rtp_port_max);
    else if (ports / 4 < conf->max_calls) {
        size_t in = conf_path_push(reader, ".", "port_max");
        conf_warning(reader, conf_member(rtp, "port_max"),
                     "%u ports are room for %u joined calls, limits.max_calls is %u", ports, ports / 4,
                     conf->max_calls);
        conf_path_pop(reader, in);
    }
    conf_path_pop(reader, back);
}

/* A peer of two trunks would make it a matter of chance whose a call is. */
static void check_peers(struct reader *reader, const config_setting_t *root) {
    const struct conf *conf = reader->conf;
    for (uint32_t i = 0; i < conf->trunk_count; i++)
        for (uint32_t j = 0; j < i; j++)
            for (uint32_t p = 0; p < conf->trunk[i].peer_count; p++)
                for (uint32_t q = 0; q < conf->trunk[j].peer_count; q++) {
                    const struct conf_peer *a = &conf->trunk[i].peer[p], *b = &conf->trunk[j].peer[q];
                    if (*a->address && a->prefix_len == b->prefix_len && a->port == b->port &&
                        !strcmp(a->address, b->address))
                        PROBLEM(reader, root, "trunks",
                                "%s is a peer of %s and of %s (expected one trunk for each peer)", a->address,
                                conf->trunk[j].name, conf->trunk[i].name);
                }
}

/* A wrap-up that waits for a disposition when there is none would never end. */
static void check_dispositions(struct reader *reader, const config_setting_t *root) {
    const struct conf *conf = reader->conf;
    for (uint32_t i = 0; i < conf->queue_count && !conf->disposition_count; i++)
        if (conf->queue[i].wrapup_mode == CONF_WRAPUP_DISPOSITION) {
            size_t back = conf_path_push(reader, ".", "general");
            PROBLEM(reader, conf_member(root, "general"), "dispositions",
                    "none is given, and wrap-up of queue %s waits for one (expected at least one)",
                    conf->queue[i].name);
            conf_path_pop(reader, back);
            return;
        }
}

void conf_check(struct reader *reader, const config_setting_t *root) {
    check_sip(reader, conf_member(root, "sip"));
    check_rtp(reader, conf_member(root, "rtp"));
    check_peers(reader, root);
    check_dispositions(reader, root);
    if (!reader->problems && !reader->no_memory)
        conf_check_sense(reader, root);
}
