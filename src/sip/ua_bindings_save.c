/* SPDX-License-Identifier: Apache-2.0
 * Registrations as JSON text over a restart, so that nobody has to register again. Agents are named by id
 * and times are wall clock, since numbers and the monotonic clock begin anew. */
#include "sip/ua_bindings.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* What is read may be half a minute old, and the daemon was away meanwhile: a phone that has registered again
 * since is not to be lost. It is probed as all are. */
enum { FORMAT = 1, GRACE_S = 60 };

/* Text members: name in JSON, place and size in struct ua_contact, may it be empty. */
static const struct {
    const char *name;
    size_t offset, size;
    bool needed;
} texts[] = {
#define TEXT(field, needed)                                                                                  \
    { #field, offsetof(struct ua_contact, field), sizeof((struct ua_contact *)0)->field, needed }
    TEXT(uri, true),     TEXT(route, false),    TEXT(source, true),
    TEXT(call_id, true), TEXT(instance, false), TEXT(agent_name, false),
#undef TEXT
};

static json_t *one(const struct ua *ua, const struct ua_contact *c, uint64_t now_ms, uint64_t wall_s) {
    const struct conf_agent *agent = conf_agent(ua->conf, c->agent);
    json_t *object = agent ? json_object() : NULL;
    if (!object)
        return NULL;
    bool good = !json_object_set_new(object, "agent", json_string(agent->id)) &&
                !json_object_set_new(object, "cseq", json_integer(c->cseq)) &&
                !json_object_set_new(object, "tcp", json_boolean(c->tcp)) &&
                !json_object_set_new(object, "expires",
                                     json_integer((json_int_t)(wall_s + (c->expires_ms - now_ms) / 1000)));
    for (size_t i = 0; good && i < ARRAY_LEN(texts); i++)
        good = !json_object_set_new(object, texts[i].name, json_string((const char *)c + texts[i].offset));
    if (!good) { /* a User-Agent that is not UTF-8, say: this phone registers again */
        json_decref(object);
        return NULL;
    }
    return object;
}

char *ua_save_bindings(const struct ua *ua) {
    struct clock_port clock = loop_clock();
    uint64_t now_ms = ua_now_ms(ua), wall_s = clock.wall_us(clock.ctx) / 1000000;
    json_t *root = json_object(), *list = json_array();
    char *text = NULL;

    if (root && list && ua->bindings) {
        for (const struct ua_contact *c = ua_location_all(ua->bindings->location); c; c = c->all_next) {
            json_t *object = c->fixed || c->expires_ms <= now_ms ? NULL : one(ua, c, now_ms, wall_s);
            if (object)
                json_array_append_new(list, object);
        }
        if (!json_object_set_new(root, "format", json_integer(FORMAT)) &&
            !json_object_set(root, "bindings", list))
            text = json_dumps(root, JSON_COMPACT);
    }
    json_decref(list);
    json_decref(root);
    return text;
}

/* The URIs will be put into requests: nothing that could end a header. */
static bool is_uri(const char *text) {
    return !strncasecmp(text, "sip:", 4) && text[4] && !strpbrk(text, "\r\n\t<> \"");
}

static int read_one(const struct ua *ua, const json_t *object, uint64_t now_ms, uint64_t wall_s,
                    struct ua_contact *out) {
    const char *agent = json_string_value(json_object_get(object, "agent"));
    const json_t *cseq = json_object_get(object, "cseq"), *expires = json_object_get(object, "expires");

    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *value = json_string_value(json_object_get(object, texts[i].name));
        if (!value || (texts[i].needed && !*value) ||
            str_copy((char *)out + texts[i].offset, texts[i].size, value))
            return -EINVAL;
    }
    if (!agent || !json_is_integer(cseq) || !json_is_integer(expires) || !is_uri(out->uri) ||
        (out->route[0] && !is_uri(out->route)))
        return -EINVAL;
    if (!(out->agent = conf_find_agent(ua->conf, agent)))
        return -ENOENT;
    json_int_t number = json_integer_value(cseq), until = json_integer_value(expires);
    if (number < 0 || number > UINT32_MAX || until + GRACE_S <= (json_int_t)wall_s)
        return -ESTALE;
    uint64_t left_s = until >= (json_int_t)wall_s + GRACE_S ? (uint64_t)until - wall_s : GRACE_S;
    if (left_s > ua->conf->register_max_s) /* the wall clock was set back */
        left_s = ua->conf->register_max_s;
    out->cseq = (uint32_t)number;
    out->expires_ms = now_ms + left_s * 1000;
    out->tcp = json_is_true(json_object_get(object, "tcp"));
    if (out->tcp) /* its connection is gone; perhaps the phone listens */
        out->route[0] = 0;
    out->reachable = true;
    return 0;
}

int ua_restore_bindings(struct ua *ua, const char *text) {
    struct clock_port clock = loop_clock();
    uint64_t now_ms = ua_now_ms(ua), wall_s = clock.wall_us(clock.ctx) / 1000000;
    json_error_t error;
    json_t *root = text ? json_loads(text, 0, &error) : NULL, *list = json_object_get(root, "bindings");
    uint32_t taken = 0, left = 0;
    size_t index;
    const json_t *object;

    if (!json_is_array(list) || json_integer_value(json_object_get(root, "format")) != FORMAT) {
        json_decref(root);
        return -EINVAL;
    }
    json_array_foreach(list, index, object) {
        struct ua_contact contact;
        if (!read_one(ua, object, now_ms, wall_s, &contact) &&
            !ua_location_restore(ua->bindings->location, &contact, now_ms))
            taken++;
        else
            left++;
    }
    json_decref(root);
    ua->count.registrations = ua_location_count(ua->bindings->location);
    log_info("sip", "event=bindings_restored taken=%u left=%u", taken, left);
    return 0;
}
