/* SPDX-License-Identifier: Apache-2.0
 * Single values of the configuration: numbers, names, addresses, targets, skills. */
#include "conf/reader.h"

#include <arpa/inet.h>
#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- rules for text ---- */

bool conf_is_name(const char *text, size_t max) {
    return str_is_token(text, max) && !strpbrk(text, "*#+");
}

/* Printable UTF-8 without control characters. */
static bool is_printable(const char *text) {
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        int more = *p < 0x80 ? 0 : *p >= 0xc2 && *p < 0xe0 ? 1 : *p >= 0xe0 && *p < 0xf0 ? 2 : 3;
        if (*p < 32 || *p == 127 || (*p >= 0x80 && *p < 0xc2) || *p > 0xf4)
            return false;
        for (p++; more; more--, p++)
            if ((*p & 0xc0) != 0x80)
                return false;
    }
    return true;
}

/* Bits of the address: 32, 128, or 0 when it is no numeric address. */
static unsigned address_bits(const char *text, unsigned char bytes[16]) {
    if (inet_pton(AF_INET, text, bytes) == 1)
        return 32;
    return inet_pton(AF_INET6, text, bytes) == 1 ? 128 : 0;
}

/* A DNS name; one whose last label is all digits is a mistyped address. */
static bool is_host_name(const char *text) {
    size_t label = 0;
    bool digits = true;
    for (const char *p = text;; p++) {
        if (*p == '.' || !*p) {
            if (!label || p[-1] == '-')
                return false;
            if (!*p)
                return !digits;
            label = 0;
            digits = true;
            continue;
        }
        bool digit = *p >= '0' && *p <= '9';
        if (!digit && !(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') && (*p != '-' || !label))
            return false;
        digits = digits && digit;
        if (++label > 63)
            return false;
    }
}

bool conf_parse_range(const char *text, uint64_t *first, uint32_t *count, int *digits) {
    char from[20], to[20];
    uint64_t last;
    const char *dash = strchr(text, '-');
    if (!dash || (size_t)(dash - text) >= sizeof from || strlen(dash + 1) != (size_t)(dash - text))
        return false;
    memcpy(from, text, (size_t)(dash - text));
    from[dash - text] = 0;
    str_copy(to, sizeof to, dash + 1);
    if (str_to_u64(from, first) || str_to_u64(to, &last) || *first > last || last - *first >= CONF_MAX_AGENTS)
        return false;
    *count = (uint32_t)(last - *first + 1);
    *digits = (int)strlen(from);
    return true;
}

/* ---- one function per kind of text; NULL = good, else what was expected ---- */

struct text {
    struct reader *reader;
    const struct conf_option *option;
    config_setting_t *setting;
    void *entry;
    const char *value;
};

static const char *check_name(struct text *t) {
    return conf_is_name(t->value, t->option->max) ? NULL : "a name of letters, digits, '.', '_', '-'";
}
static const char *check_prompt(struct text *t) {
    return !*t->value || conf_is_name(t->value, NAME_LEN - 1)
               ? NULL
               : "name of a prompt (letters, digits, '.', '_', '-'), or \"\"";
}
static const char *check_ip(struct text *t) {
    unsigned char bytes[16];
    if (!*t->value && !t->option->min)
        return NULL;
    return address_bits(t->value, bytes) ? NULL : "a numeric IPv4 or IPv6 address";
}

static const char *check_network(struct text *t) {
    struct conf_peer *peer = t->entry;
    unsigned char bytes[16];
    char host[ADDRESS_LEN];
    const char *slash = strchr(t->value, '/');
    uint32_t bits = 0;
    str_copy(host, sizeof host, t->value);
    if (slash && slash - t->value < ADDRESS_LEN)
        host[slash - t->value] = 0;
    unsigned width = address_bits(host, bytes);
    if (!width) {
        peer->prefix_len = 128;
        return !slash && is_host_name(host) ? NULL : "an address, ADDRESS/BITS, or a host name";
    }
    if (!slash)
        bits = width;
    else if (str_to_u32(slash + 1, 0, width, &bits))
        return width == 32 ? "at most /32" : "at most /128";
    for (unsigned bit = bits; bit < width; bit++)
        if (bytes[bit / 8] & 0x80 >> bit % 8)
            return "a network without host bits, e.g. 10.1.0.0/16";
    peer->prefix_len = (uint8_t)bits;
    conf_set_text(t->reader, &peer->address, host);
    return NULL;
}

/* sip:[USER@]HOST[:PORT][;PARAMETERS] */
static const char *check_contact(struct text *t) {
    const char *expected = "a SIP URI such as sip:1001@192.0.2.20:5060";
    char host[ADDRESS_LEN], *end;
    unsigned char bytes[16];
    if (!*t->value)
        return NULL;
    for (const char *p = t->value; *p; p++)
        if (*p <= 32 || *p >= 127 || strchr("<>\"\\^`{|}", *p))
            return expected;
    if (strncmp(t->value, "sip:", 4))
        return expected;
    const char *at = strchr(t->value, '@'), *start = at ? at + 1 : t->value + 4;
    if (at == t->value + 4 || str_copy(host, sizeof host, start) > 0)
        return expected;
    if (*host == '[') {
        if (!(end = strchr(host, ']')))
            return expected;
        *end = 0;
        if (inet_pton(AF_INET6, host + 1, bytes) != 1)
            return expected;
        start += end - host + 1;
    } else {
        size_t length = strcspn(host, ":;");
        start += length;
        host[length] = 0;
        if (inet_pton(AF_INET, host, bytes) != 1 && !is_host_name(host))
            return expected;
    }
    if (*start == ':') {
        long port = strtol(start + 1, &end, 10);
        if (start[1] < '0' || start[1] > '9' || port < 1 || port > 65535)
            return expected;
        start = end;
    }
    return !*start || *start == ';' ? NULL : expected;
}

static const char *check_ha1(struct text *t) {
    size_t length = strspn(t->value, "0123456789abcdefABCDEF");
    return !*t->value || (length == 32 && !t->value[32]) ? NULL : "32 hex digits";
}

static const char *check_hash(struct text *t) {
    int kind = *t->value == '$' ? crypt_checksalt(t->value) : CRYPT_SALT_INVALID;
    return kind != CRYPT_SALT_INVALID && strlen(t->value) > 12
               ? NULL
               : "a crypt(3) hash that begins with '$', from `openssl passwd -6`; never a password";
}

static const char *check_number(struct text *t) {
    const char *star = strchr(t->value, '*');
    if (!str_is_token(t->value, t->option->max))
        return "a number of digits, letters, '+', '.', '_', '-'";
    return !star || !star[1] ? NULL : "'*' only at the end";
}

static const char *check_digit(struct text *t) {
    return strlen(t->value) == 1 && strspn(t->value, "0123456789*#") == 1 ? NULL : "one of 0-9, *, #";
}

static const char *check_range(struct text *t) {
    uint64_t first;
    uint32_t count;
    int digits;
    return conf_parse_range(t->value, &first, &count, &digits)
               ? NULL
               : "\"FIRST-LAST\" with as many digits on both sides, at most 10000 agents";
}

static const char *read_target(struct text *t) {
    static const struct {
        const char *word;
        enum conf_target_kind kind;
        enum conf_kind names;
    } kinds[] = {
        {"menu:", CONF_TARGET_MENU, KIND_MENU},    {"queue:", CONF_TARGET_QUEUE, KIND_QUEUE},
        {"agent:", CONF_TARGET_AGENT, KIND_AGENT}, {"play:", CONF_TARGET_PLAY, KINDS},
        {"loop:", CONF_TARGET_LOOP, KINDS},
    };
    const char *expected = "menu:NAME, queue:NAME, agent:ID, play:PROMPT, loop:PROMPT or hangup";
    struct conf_target *target = (void *)((char *)t->entry + t->option->offset);
    struct conf_target made = {0};
    if (!*t->value) {
        if (t->option->min)
            return expected;
    } else if (!strcmp(t->value, "hangup")) {
        made.kind = CONF_TARGET_HANGUP;
    } else {
        size_t i = 0;
        while (i < ARRAY_LEN(kinds) && strncmp(t->value, kinds[i].word, strlen(kinds[i].word)))
            i++;
        if (i == ARRAY_LEN(kinds))
            return expected;
        const char *name = t->value + strlen(kinds[i].word);
        made.kind = kinds[i].kind;
        if (kinds[i].names == KINDS) {
            if (!conf_is_name(name, NAME_LEN - 1))
                return "name of a prompt after the colon";
            conf_set_text(t->reader, &made.prompt, name);
        } else {
            const struct conf *conf = t->reader->conf;
            made.id = made.kind == CONF_TARGET_MENU    ? conf_find_menu(conf, name)
                      : made.kind == CONF_TARGET_QUEUE ? conf_find_queue(conf, name)
                                                       : conf_find_agent(conf, name);
            if (!made.id) {
                conf_problem(t->reader, t->setting, "\"%s\": there is no such %.*s", t->value,
                             (int)strlen(kinds[i].word) - 1, kinds[i].word);
                return NULL;
            }
        }
    }
    free(target->prompt);
    *target = made;
    return NULL;
}

/* text with %s replaced by the id of the agent being made; NULL when it grew too long. */
static const char *expand(const struct reader *reader, const char *text, char *out, size_t size) {
    size_t n = 0;
    if (!reader->id)
        return text;
    for (; *text; text++) {
        if (text[0] == '%' && text[1] == 's') {
            n += (size_t)snprintf(out + n, size - n, "%s", reader->id);
            text++;
        } else {
            out[n++] = *text;
        }
        if (n + 40 > size)
            return NULL;
    }
    out[n] = 0;
    return out;
}

static void read_path(struct text *t, char **where) {
    char full[512];
    int n = *t->value && *t->value != '/' && *t->reader->dir
                ? snprintf(full, sizeof full, "%s/%s", t->reader->dir, t->value)
                : snprintf(full, sizeof full, "%s", t->value);
    if (n < 0 || (size_t)n > t->option->max)
        conf_problem(t->reader, t->setting, "\"%s\" is too long (expected at most %llu bytes)", full,
                     (unsigned long long)t->option->max);
    else
        conf_set_text(t->reader, where, full);
}

static void read_word(struct text *t) {
    int *at = (int *)(void *)((char *)t->entry + t->option->offset);
    char known[400] = "";
    for (int i = 0; t->option->words[i]; i++) {
        size_t length = strlen(known);
        if (!strcmp(t->option->words[i], t->value)) {
            if (t->option->type == OPTION_TRANSPORT)
                *(bool *)at = i;
            else
                *at = i;
            return;
        }
        snprintf(known + length, sizeof known - length, "%s\"%s\"", i ? ", " : "", t->option->words[i]);
    }
    conf_problem(t->reader, t->setting, "\"%s\" (expected one of %s)", t->value, known);
}

static void read_text(struct reader *reader, const struct conf_option *option, config_setting_t *setting,
                      void *entry) {
    static const char *(*const check[])(struct text *) = {
        [OPTION_NAME] = check_name,    [OPTION_PROMPT] = check_prompt,   [OPTION_IP] = check_ip,
        [OPTION_TARGET] = read_target, [OPTION_CONTACT] = check_contact, [OPTION_HA1] = check_ha1,
        [OPTION_HASH] = check_hash,    [OPTION_NETWORK] = check_network, [OPTION_NUMBER] = check_number,
        [OPTION_RANGE] = check_range,  [OPTION_DIGIT] = check_digit,     [OPTION_LIST] = NULL,
    };
    char room[2048];
    struct text t = {reader, option, setting, entry, config_setting_get_string(setting)};
    if (!t.value) {
        conf_problem(reader, setting, "wrong type (expected a text in quotes)");
        return;
    }
    size_t length = strlen(t.value);
    bool bounded = option->type == OPTION_TEXT || option->type == OPTION_CONTACT ||
                   option->type == OPTION_NETWORK || option->type == OPTION_HASH;
    if (!is_printable(t.value) || length > 1024) {
        conf_problem(reader, setting, "not printable, or longer than 1024 bytes (expected plain UTF-8 text)");
        return;
    }
    t.value = expand(reader, t.value, room, sizeof room);
    length = t.value ? strlen(t.value) : SIZE_MAX;
    if (!t.value || (length > option->max && bounded)) {
        conf_problem(reader, setting, "too long (expected at most %llu bytes)",
                     (unsigned long long)option->max);
        return;
    }
    if (length < option->min && option->max) {
        conf_problem(reader, setting, "is empty");
        return;
    }
    const char *expected = check[option->type] ? check[option->type](&t) : NULL;
    if (expected) {
        if (option->type == OPTION_HASH || option->type == OPTION_HA1) /* perhaps the password itself */
            conf_problem(reader, setting, "wrong (expected %s)", expected);
        else
            conf_problem(reader, setting, "\"%.100s\" (expected %s)", t.value, expected);
        return;
    }
    char **where = (char **)(void *)((char *)entry + option->offset);
    if (option->type == OPTION_PATH)
        read_path(&t, where);
    else if (option->type == OPTION_WORD || option->type == OPTION_TRANSPORT)
        read_word(&t);
    else if (option->type == OPTION_NETWORK) {
        if (!strchr(t.value, '/'))
            conf_set_text(reader, where, t.value);
    } else if (option->type == OPTION_REQUIRE)
        conf_read_require(reader, setting, t.value, (void *)where);
    else if (option->type != OPTION_TARGET && option->type != OPTION_RANGE && option->type != OPTION_DIGIT)
        conf_set_text(reader, where, t.value);
}

static void read_number(struct reader *reader, const struct conf_option *option, config_setting_t *setting,
                        void *entry) {
    int type = config_setting_type(setting);
    long long value =
        type == CONFIG_TYPE_INT64 ? config_setting_get_int64(setting) : config_setting_get_int(setting);
    void *at = (char *)entry + option->offset;
    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
        conf_problem(reader, setting, "wrong type (expected a whole number%s%s)", option->unit ? " of " : "",
                     option->unit ? option->unit : "");
        return;
    }
    if (value < 0 || (uint64_t)value < option->min || (uint64_t)value > option->max) {
        conf_problem(reader, setting, "%lld is out of range (expected %llu to %llu%s%s)", value,
                     (unsigned long long)option->min, (unsigned long long)option->max,
                     option->unit ? " " : "", option->unit ? option->unit : "");
        return;
    }
    if (option->type == OPTION_U16)
        *(uint16_t *)at = (uint16_t)value;
    else if (option->type == OPTION_U32)
        *(uint32_t *)at = (uint32_t)value;
    else
        *(uint64_t *)at = (uint64_t)value;
}

/* ---- arrays of texts ---- */

static bool read_skill(struct reader *reader, config_setting_t *element, const char *text,
                       struct conf_skill_level *out) {
    char name[NAME_LEN + 8];
    const char *colon = strchr(text, ':');
    out->level = 1;
    if (str_copy(name, sizeof name, text) < 0 || (colon && str_to_u32(colon + 1, 1, 10, &out->level))) {
        conf_problem(reader, element, "\"%.100s\" (expected \"SKILL:LEVEL\" with a level of 1 to 10)", text);
        return false;
    }
    if (colon)
        name[colon - text] = 0;
    out->skill = conf_index_find(reader->conf->index, KIND_SKILL, name);
    if (!out->skill || !reader->skill_live[out->skill - 1]) {
        conf_problem(reader, element, "\"%.100s\": there is no such skill in skills", name);
        return false;
    }
    return true;
}

/* "QUEUE" or "QUEUE:TIER"; 0 when it was refused. */
static uint32_t read_queue(struct reader *reader, config_setting_t *element, const char *text,
                           uint8_t *tier) {
    char name[NAME_LEN + 8];
    const char *colon = strchr(text, ':');
    uint32_t number = 0, wanted = 1;
    if (colon && str_to_u32(colon + 1, 1, 9, &wanted)) {
        conf_problem(reader, element, "\"%.100s\" (expected \"QUEUE:TIER\" with a tier of 1 to 9)", text);
        return 0;
    }
    *tier = (uint8_t)wanted;
    if (str_copy(name, sizeof name, text) >= 0) {
        if (colon)
            name[colon - text] = 0;
        number = conf_find_queue(reader->conf, name);
    }
    if (!number)
        conf_problem(reader, element, "\"%.100s\": there is no such queue", text);
    return number;
}

/* One text of an array into place n; false when it was refused. tier: of queues. */
static bool read_element(struct reader *reader, const struct conf_option *option, config_setting_t *element,
                         const char *text, void *array, uint8_t *tier, uint32_t n) {
    if (option->type == OPTION_SKILLS) {
        struct conf_skill_level *skills = array;
        if (!read_skill(reader, element, text, &skills[n]))
            return false;
        for (uint32_t i = 0; i < n; i++)
            if (skills[i].skill == skills[n].skill) {
                conf_problem(reader, element, "\"%.100s\" is given twice", text);
                return false;
            }
        return true;
    }
    if (option->type == OPTION_QUEUES) {
        uint32_t *queues = array;
        queues[n] = read_queue(reader, element, text, &tier[n]);
        for (uint32_t i = 0; i < n && queues[n]; i++)
            if (queues[i] == queues[n]) {
                conf_problem(reader, element, "\"%.100s\" is given twice", text);
                return false;
            }
        return queues[n] != 0;
    }
    char **names = array;
    if (!conf_is_name(text, NAME_LEN - 1)) {
        conf_problem(reader, element, "\"%.100s\" (expected a name of letters, digits, '.', '_', '-')", text);
        return false;
    }
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(names[i], text)) {
            conf_problem(reader, element, "\"%.100s\" is given twice", text);
            return false;
        }
    conf_set_text(reader, &names[n], text);
    return names[n] != NULL;
}

static void read_array(struct reader *reader, const struct conf_option *option, config_setting_t *setting,
                       void *entry) {
    size_t size = option->type == OPTION_SKILLS   ? sizeof(struct conf_skill_level)
                  : option->type == OPTION_QUEUES ? sizeof(uint32_t)
                                                  : sizeof(char *);
    uint32_t used = 0;
    if (!config_setting_is_array(setting) && !config_setting_is_list(setting)) {
        conf_problem(reader, setting, "wrong type (expected an array [ \"...\", ... ])");
        return;
    }
    int count = config_setting_length(setting);
    if ((uint64_t)count > option->max) {
        conf_problem(reader, setting, "%d entries (expected at most %llu)", count,
                     (unsigned long long)option->max);
        return;
    }
    char *array = calloc((size_t)count + 1, size);
    uint8_t *tier = option->type == OPTION_QUEUES ? calloc((size_t)count + 1, 1) : NULL;
    bool tiers = false;
    if (!array || (option->type == OPTION_QUEUES && !tier)) {
        free(array);
        free(tier);
        reader->no_memory = true;
        return;
    }
    for (int i = 0; i < count; i++) {
        config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
        const char *text = config_setting_get_string(element);
        if (!text)
            conf_problem(reader, element, "wrong type (expected texts in quotes)");
        else if (read_element(reader, option, element, text, array, tier, used))
            used++;
    }
    conf_clear_option(option, entry);
    *(void **)(void *)((char *)entry + option->offset) = array;
    *(uint32_t *)(void *)((char *)entry + option->count_offset) = used;
    for (uint32_t i = 0; tier && i < used; i++)
        tiers |= tier[i] != 1;
    if (tiers) {
        ((struct conf_agent *)entry)->tier = tier;
        tier = NULL;
    }
    free(tier);
}

void conf_read_value(struct reader *reader, const struct conf_option *option, config_setting_t *setting,
                     void *entry) {
    switch (option->type) {
    case OPTION_BOOL:
        if (config_setting_type(setting) == CONFIG_TYPE_BOOL)
            *((bool *)entry + option->offset) = config_setting_get_bool(setting);
        else
            conf_problem(reader, setting, "wrong type (expected true or false)");
        break;
    case OPTION_U16:
    case OPTION_U32:
    case OPTION_U64:
        read_number(reader, option, setting, entry);
        break;
    case OPTION_NAMES:
    case OPTION_SKILLS:
    case OPTION_QUEUES:
        read_array(reader, option, setting, entry);
        break;
    case OPTION_REQUIRE:
    case OPTION_TEXT:
    case OPTION_NAME:
    case OPTION_PROMPT:
    case OPTION_PATH:
    case OPTION_IP:
    case OPTION_WORD:
    case OPTION_TRANSPORT:
    case OPTION_TARGET:
    case OPTION_CONTACT:
    case OPTION_HA1:
    case OPTION_HASH:
    case OPTION_NETWORK:
    case OPTION_NUMBER:
    case OPTION_RANGE:
    case OPTION_DIGIT:
        read_text(reader, option, setting, entry);
        break;
    case OPTION_GROUP:
    case OPTION_LIST:
        break;
    }
}
