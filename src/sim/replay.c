/* SPDX-License-Identifier: Apache-2.0
 * Reading a recording, and making plans of it. */
#include "sim/replay.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum { STREAM_RESIDUAL = 40, STREAM_TALKS, STREAM_RINGS };
enum { TIMER_MS = 50 }; /* a timer's end is seen so late at most */
#define FOR_EVER_US (24 * 3600 * 1000000ull)

struct name { /* a text seen before, by number */
    char *text;
    uint32_t number;
    UT_hash_handle hh;
};
struct names {
    struct name *all;
    uint32_t count;
};

struct recorded_call {
    uint64_t at_ms, wait_ms;
    uint64_t exit_ms;                   /* NEVER = no key pressed */
    uint64_t talk_ms, wrap_ms, ring_ms; /* NEVER = nobody talked */
    uint64_t rang_ms;                   /* all phones together */
    uint32_t phones;                    /* that rang to be answered: not missed, rejected, busy */
    uint32_t person, queue;             /* queue: number of its name */
    char called[NUMBER_LEN];
    const char *agent; /* who talked; NULL = nobody */
    bool abandoned;
    uint64_t number; /* of the line: makes its stream */
};
struct recorded_queue {
    char name[NAME_LEN];
    uint32_t abandoned;
    uint64_t wait_ms;
    uint32_t *talked; /* calls with a talk, by number */
    uint32_t talked_count;
};
struct recorded_duty {
    const char *agent;
    enum duty_kind kind;
    uint64_t from_ms, to_ms;
    char reason[NAME_LEN];
};
struct recording {
    uint64_t from_ms, to_ms;
    int64_t utc_offset_s;
    struct recorded_call *call;
    uint32_t call_count, call_capacity;
    struct recorded_queue *queue;
    struct recorded_duty *duty;
    uint32_t duty_count, duty_capacity;
    struct names persons, queues, agents;
    uint32_t withheld;
    uint64_t handled, missed, rejected, busy, rang_ms;
    uint64_t paused_ms, pauses; /* by the distributor, for missed calls */
};

/* ---- reading ---- */

struct reader {
    struct recording *recording;
    const char *path;
    scenario_error_fn *errors;
    void *arg;
    uint32_t problems, line;
    int err;
};

PRINTF_LIKE(2, 3) static void tell(struct reader *r, const char *format, ...) {
    char text[240], message[500];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(message, sizeof message, "%s:%u: %s", r->path, r->line, text);
    if (r->problems++ < 20)
        r->errors(r->arg, message);
}

/* Number of a text; the same text has the same. -1: out of memory. */
static int64_t name_number(struct names *names, const char *text, const char **kept) {
    struct name *name;
    HASH_FIND_STR(names->all, text, name);
    if (!name) {
        name = calloc(1, sizeof *name);
        if (!name || !(name->text = strdup(text))) {
            free(name);
            return -1;
        }
        name->number = names->count++;
        HASH_ADD_KEYPTR(hh, names->all, name->text, strlen(name->text), name);
    }
    if (kept)
        *kept = name->text;
    return name->number;
}

static void names_free(struct names *names) {
    struct name *name, *next;
    HASH_ITER (hh, names->all, name, next) {
        HASH_DEL(names->all, name);
        free(name->text);
        free(name);
    }
}

/* Room for one more; -ENOMEM is noted. */
static void *room(struct reader *r, void *list, uint32_t count, uint32_t *capacity, size_t size) {
    if (count < *capacity)
        return list;
    uint32_t more = *capacity ? 2 * *capacity : 1024;
    void *bigger = realloc(list, more * size);
    if (bigger)
        *capacity = more;
    else
        r->err = -ENOMEM;
    return bigger;
}

static const char *text_of(const json_t *line, const char *key) {
    const char *value = json_string_value(json_object_get(line, key));
    return value ? value : "";
}

/* NEVER: not there. */
static uint64_t number_of(struct reader *r, const json_t *line, const char *key) {
    const json_t *value = json_object_get(line, key);
    if (!value || json_is_null(value))
        return NEVER;
    double number = json_number_value(value);
    if (json_is_number(value) && number >= 0 && number < 1e15)
        return (uint64_t)number;
    tell(r, "%s: expected a number, not negative", key);
    return NEVER;
}

static uint64_t count_of(struct reader *r, const json_t *line, const char *key) {
    uint64_t value = number_of(r, line, key);
    return value == NEVER ? 0 : value;
}

static void read_day(struct reader *r, const json_t *line) {
    struct recording *rec = r->recording;
    uint64_t version = number_of(r, line, "version");
    rec->from_ms = number_of(r, line, "from_ms");
    rec->to_ms = number_of(r, line, "to_ms");
    rec->utc_offset_s = (int64_t)json_integer_value(json_object_get(line, "utc_offset_s"));
    if (version != 1)
        tell(r, "version %lld is not known here (expected 1)", (long long)version);
    if (rec->from_ms == NEVER || rec->to_ms == NEVER || rec->to_ms <= rec->from_ms ||
        rec->to_ms - rec->from_ms > 31 * 86400000ull)
        tell(r, "from_ms and to_ms: expected a time of at most 31 days");
}

static void read_contact(struct reader *r, const json_t *line) {
    struct recording *rec = r->recording;
    struct recorded_call c = {.at_ms = number_of(r, line, "at_ms"),
                              .wait_ms = number_of(r, line, "wait_ms"),
                              .exit_ms = number_of(r, line, "exit_ms"),
                              .talk_ms = number_of(r, line, "talk_ms"),
                              .wrap_ms = number_of(r, line, "wrap_ms"),
                              .ring_ms = number_of(r, line, "ring_ms"),
                              .rang_ms = count_of(r, line, "rang_ms"),
                              .number = rec->call_count};
    uint64_t missed = count_of(r, line, "missed"), rejected = count_of(r, line, "rejected"),
             busy = count_of(r, line, "busy"), offers = count_of(r, line, "offers");
    const char *caller = text_of(line, "caller"), *result = text_of(line, "result");
    char nobody[24];
    snprintf(nobody, sizeof nobody, "withheld %u", rec->withheld); /* each somebody else */
    rec->withheld += !*caller;
    int64_t person = name_number(&rec->persons, *caller ? caller : nobody, NULL);
    int64_t queue = name_number(&rec->queues, text_of(line, "queue"), NULL);
    int64_t agent = name_number(&rec->agents, text_of(line, "agent"), &c.agent);
    if (!*text_of(line, "queue") || c.at_ms == NEVER || c.wait_ms == NEVER)
        tell(r, "contact: expected queue, at_ms and wait_ms");
    if (c.at_ms < rec->from_ms || c.at_ms >= rec->to_ms)
        return; /* of another day */
    str_copy(c.called, sizeof c.called, text_of(line, "called"));
    c.person = (uint32_t)person;
    c.queue = (uint32_t)queue;
    c.abandoned = !strcmp(result, "abandoned");
    rec->handled += c.talk_ms != NEVER;
    c.phones = (uint32_t)(offers > missed + rejected + busy ? offers - missed - rejected - busy : 0);
    rec->missed += missed;
    rec->rejected += rejected;
    rec->busy += busy;
    rec->rang_ms += c.rang_ms;
    void *list = room(r, rec->call, rec->call_count, &rec->call_capacity, sizeof c);
    if (list)
        rec->call = list;
    if (person < 0 || queue < 0 || agent < 0 || !list) {
        r->err = -ENOMEM;
        return;
    }
    rec->call[rec->call_count++] = c;
}

static void read_presence(struct reader *r, const json_t *line) {
    struct recording *rec = r->recording;
    struct recorded_duty d = {.from_ms = number_of(r, line, "from_ms"), .to_ms = number_of(r, line, "to_ms")};
    const char *presence = text_of(line, "presence"), *reason = text_of(line, "reason");
    bool ready = !strcmp(presence, "ready");
    /* what the distributor did is not repeated; what made it do so may happen again */
    bool by_us = !strcmp(reason, "missed") || !strcmp(reason, "rejected");
    d.kind = ready || by_us ? DUTY_READY : !strcmp(presence, "unreachable") ? DUTY_UNREACHABLE : DUTY_PAUSE;
    if (!*text_of(line, "agent") || d.from_ms == NEVER || d.to_ms == NEVER || d.to_ms < d.from_ms)
        tell(r, "presence: expected agent, from_ms and to_ms");
    else if (!ready && d.kind == DUTY_PAUSE && strcmp(presence, "not_ready") != 0 &&
             strcmp(presence, "busy") != 0)
        tell(r, "presence '%.40s': expected ready, not_ready, busy or unreachable", presence);
    if (by_us) {
        rec->paused_ms += d.to_ms - d.from_ms;
        rec->pauses++;
    }
    str_copy(d.reason, sizeof d.reason, by_us ? "" : reason);
    d.from_ms = d.from_ms < rec->from_ms ? rec->from_ms : d.from_ms;
    d.to_ms = d.to_ms > rec->to_ms ? rec->to_ms : d.to_ms;
    if (d.to_ms <= d.from_ms)
        return;
    void *list = room(r, rec->duty, rec->duty_count, &rec->duty_capacity, sizeof d);
    if (list)
        rec->duty = list;
    if (!list || name_number(&rec->agents, text_of(line, "agent"), &d.agent) < 0) {
        r->err = -ENOMEM;
        return;
    }
    rec->duty[rec->duty_count++] = d;
}

static void read_line(struct reader *r, const json_t *line) {
    const char *kind = text_of(line, "kind");
    bool day = !strcmp(kind, "day");
    if (day && !r->recording->to_ms)
        read_day(r, line);
    else if (!r->recording->to_ms)
        tell(r, "expected the line of kind \"day\" first: is this a recording?");
    else if (!strcmp(kind, "contact"))
        read_contact(r, line);
    else if (!strcmp(kind, "presence"))
        read_presence(r, line);
    else
        tell(r, "kind '%.40s': expected day (once), contact or presence", kind);
}

static int by_agent(const void *a, const void *b) {
    const struct recorded_duty *x = a, *y = b;
    int order = strcmp(x->agent, y->agent);
    return order ? order : x->from_ms < y->from_ms ? -1 : x->from_ms > y->from_ms;
}

/* Sorted, neighbours of one kind joined, so that an agent does not leave and come within one moment. */
static void join_duties(struct recording *rec) {
    uint32_t kept = 0;
    if (rec->duty_count)
        qsort(rec->duty, rec->duty_count, sizeof *rec->duty, by_agent);
    for (uint32_t i = 0; i < rec->duty_count; i++) {
        struct recorded_duty *d = &rec->duty[i], *last = kept ? &rec->duty[kept - 1] : NULL;
        if (last && !strcmp(last->agent, d->agent)) {
            if (d->from_ms < last->to_ms)
                d->from_ms = last->to_ms; /* overlapping: the clock was set back */
            if (d->to_ms <= d->from_ms)
                continue;
            if (last->to_ms == d->from_ms && last->kind == d->kind && !strcmp(last->reason, d->reason)) {
                last->to_ms = d->to_ms;
                continue;
            }
        }
        rec->duty[kept++] = *d;
    }
    rec->duty_count = kept;
}

static int count_queues(struct recording *rec) {
    struct name *name, *next;
    rec->queue = calloc(rec->queues.count + 1, sizeof *rec->queue);
    if (!rec->queue)
        return -ENOMEM;
    HASH_ITER (hh, rec->queues.all, name, next)
        str_copy(rec->queue[name->number].name, NAME_LEN, name->text);
    for (uint32_t i = 0; i < rec->call_count; i++) {
        struct recorded_queue *q = &rec->queue[rec->call[i].queue];
        q->abandoned += rec->call[i].abandoned;
        q->wait_ms += rec->call[i].wait_ms;
        q->talked_count += rec->call[i].talk_ms != NEVER;
    }
    for (uint32_t i = 0; i < rec->queues.count; i++) {
        rec->queue[i].talked = calloc(rec->queue[i].talked_count + 1, sizeof *rec->queue[i].talked);
        rec->queue[i].talked_count = 0;
        if (!rec->queue[i].talked)
            return -ENOMEM;
    }
    for (uint32_t i = 0; i < rec->call_count; i++) {
        struct recorded_queue *q = &rec->queue[rec->call[i].queue];
        if (rec->call[i].talk_ms != NEVER)
            q->talked[q->talked_count++] = i;
    }
    return 0;
}

static void read_all(struct reader *r, FILE *file) {
    json_error_t error;
    size_t flags = JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES;
    int c;
    while (!r->err && (c = getc(file)) != EOF) {
        r->line += c == '\n';
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
            continue;
        ungetc(c, file);
        if (!r->line)
            r->line = 1;
        json_t *value = json_loadf(file, flags, &error);
        if (!value) {
            tell(r, "no JSON: %s", error.text);
            return;
        }
        size_t i;
        json_t *one;
        if (json_is_array(value))
            json_array_foreach(value, i, one) read_line(r, one);
        else
            read_line(r, value);
        json_decref(value);
        if (r->problems >= 20)
            return;
    }
}

int replay_read(struct recording **rp, const char *path, scenario_error_fn *errors, void *arg) {
    struct reader r = {.path = path, .errors = errors, .arg = arg, .line = 1};
    FILE *file = !strcmp(path, "-") ? stdin : fopen(path, "r");
    if (!file) {
        tell(&r, "cannot be read: %s", strerror(errno));
        return -EINVAL;
    }
    r.recording = calloc(1, sizeof *r.recording);
    if (!r.recording)
        r.err = -ENOMEM;
    else
        read_all(&r, file);
    if (file != stdin)
        fclose(file);
    if (!r.err && !r.problems && !r.recording->call_count)
        tell(&r, "has no contact of that time");
    if (!r.err && !r.problems) {
        join_duties(r.recording);
        r.err = count_queues(r.recording);
    }
    if (r.err || r.problems) {
        replay_free(r.recording);
        return r.err ? r.err : -EINVAL;
    }
    *rp = r.recording;
    return 0;
}

void replay_free(struct recording *r) {
    if (!r)
        return;
    for (uint32_t i = 0; r->queue && i < r->queues.count; i++)
        free(r->queue[i].talked);
    free(r->queue);
    free(r->call);
    free(r->duty);
    names_free(&r->persons);
    names_free(&r->queues);
    names_free(&r->agents);
    free(r);
}

uint32_t replay_calls(const struct recording *recording) {
    return recording->call_count;
}

/* ---- plans ---- */

static uint64_t us_or_never(uint64_t ms) {
    return ms == NEVER ? NEVER : ms * 1000;
}

/* Wrap-up that lasted as long as it may: when the work was done is not known. */
static uint64_t wrap_us(const struct conf *conf, const struct recording *rec, const struct recorded_call *c) {
    const struct conf_queue *queue = conf_queue(conf, conf_find_queue(conf, rec->queue[c->queue].name));
    const struct conf_agent *agent = c->agent ? conf_agent(conf, conf_find_agent(conf, c->agent)) : NULL;
    if (c->wrap_ms == NEVER || !queue || !agent)
        return us_or_never(c->wrap_ms);
    uint64_t most_ms = agent->own_wrapup_ms ? agent->own_wrapup_ms : queue->wrapup_ms;
    if (queue->wrapup_max_ms && queue->wrapup_max_ms < most_ms)
        most_ms = queue->wrapup_max_ms;
    if (agent->wrapup_max_ms < most_ms)
        most_ms = agent->wrapup_max_ms;
    return c->wrap_ms + TIMER_MS >= most_ms ? WRAP_BY_TIMER : c->wrap_ms * 1000;
}

/* Waiting is memoryless, so far as it is known: who was answered would have waited on for an exponential time
 * with the rate of giving up, which is abandons / all time waited (the censored sample's likelihood). */
static uint64_t patience_us(const struct recording *rec, const struct recorded_call *c, uint64_t stream) {
    const struct recorded_queue *q = &rec->queue[c->queue];
    if (c->abandoned)
        return c->wait_ms * 1000;
    uint64_t mean_us = q->abandoned ? q->wait_ms * 1000 / q->abandoned : FOR_EVER_US;
    return c->wait_ms * 1000 + draw_exponential(&stream, mean_us);
}

/* Until phones are answered: all the time they rang / calls answered. */
static uint64_t mean_ring_us(const struct recording *rec) {
    return rec->handled ? rec->rang_ms * 1000 / rec->handled : 0;
}

/* Where one phone rang, it is known how long, or at least how long; where several did, each is drawn. */
static uint64_t ring_us(const struct recording *rec, const struct recorded_call *c, uint64_t stream) {
    if (c->phones != 1)
        return NEVER;
    if (c->ring_ms != NEVER)
        return c->ring_ms * 1000;
    return c->rang_ms * 1000 + draw_exponential(&stream, mean_ring_us(rec));
}

/* Whose talk this call has: its own, or that of some other caller of the queue. */
static const struct recorded_call *talk_of(const struct recording *rec, const struct recorded_call *c,
                                           uint64_t stream) {
    const struct recorded_queue *q = &rec->queue[c->queue];
    if (c->talk_ms != NEVER || !q->talked_count)
        return c;
    return &rec->call[q->talked[draw_below(&stream, q->talked_count)]];
}

static int plan_call(struct plan *plan, const struct recording *rec, const struct recorded_call *c,
                     uint64_t seed) {
    struct caller caller = {.at_us = (c->at_ms - rec->from_ms) * 1000,
                            .stream = draw_key(seed, STREAM_TALKS, c->number),
                            .person = c->person,
                            .enters = true,
                            .exit_us = us_or_never(c->exit_ms)};
    struct way way = {.digits = ""};
    const struct recorded_call *talk = talk_of(rec, c, draw_key(caller.stream, STREAM_TALKS, 0));
    caller.patience_us = patience_us(rec, c, draw_key(caller.stream, STREAM_RESIDUAL, 0));
    caller.talk_us = us_or_never(talk->talk_ms);
    caller.wrap_us = wrap_us(plan->conf, rec, talk);
    caller.ring_us = ring_us(rec, c, draw_key(caller.stream, STREAM_RINGS, 0));
    str_copy(way.number, sizeof way.number, c->called);
    str_copy(way.queue, sizeof way.queue, rec->queue[c->queue].name);
    caller.way = plan_way(plan, &way);
    return caller.way ? plan_add(plan, &caller) : -ENOMEM;
}

static int plan_duties(struct plan *plan, const struct recording *rec) {
    plan->duty = calloc(rec->duty_count + 1, sizeof *plan->duty);
    if (!plan->duty)
        return -ENOMEM;
    for (uint32_t i = 0; i < rec->duty_count; i++) {
        const struct recorded_duty *d = &rec->duty[i];
        plan->duty[i] = (struct duty){.agent = d->agent,
                                      .from_us = (d->from_ms - rec->from_ms) * 1000,
                                      .to_us = (d->to_ms - rec->from_ms) * 1000,
                                      .kind = d->kind};
        memcpy(plan->duty[i].reason, d->reason, sizeof d->reason);
    }
    plan->duty_count = rec->duty_count;
    return 0;
}

int replay_plan(struct plan **pp, const struct conf *conf, const struct recording *recording,
                const struct scenario *scenario, uint64_t seed) {
    struct plan *plan = calloc(1, sizeof *plan);
    int64_t local_s = (int64_t)(recording->from_ms / 1000) + recording->utc_offset_s;
    int err = 0;
    if (!plan)
        return -ENOMEM;
    plan->conf = conf;
    plan->persons = recording->persons.count;
    plan->wall_us = recording->from_ms * 1000;
    plan->day_us = (recording->to_ms - recording->from_ms) * 1000;
    plan->close_us = scenario->close_us;
    plan->utc_offset_us = recording->utc_offset_s * 1000000;
    plan->begin_us = (uint64_t)(local_s % 86400) * 1000000;
    for (uint32_t i = 0; i < recording->call_count && !err; i++)
        err = plan_call(plan, recording, &recording->call[i], seed);
    if (!err)
        err = plan_duties(plan, recording);
    if (err) {
        plan_free(plan);
        return err;
    }
    plan_sort(plan);
    *pp = plan;
    return 0;
}

void replay_scenario(const struct recording *recording, struct scenario *s) {
    /* of offers that neither the caller nor another phone ended */
    double offers = (double)(recording->handled + recording->missed + recording->rejected + recording->busy);
    offers = offers > 0 ? offers : 1;
    s->every_queue.again = s->every_queue.exit_share = s->every_queue.hold = s->every_queue.more = 0;
    s->every_agent.no_answer = (double)recording->missed / offers;
    s->every_agent.reject = (double)recording->rejected / offers;
    s->every_agent.busy = (double)recording->busy / offers;
    s->every_agent.answer = (struct draw){DRAW_EXPONENTIAL, mean_ring_us(recording), 0};
    s->every_agent.pause_per_hour = s->every_agent.own_call_per_hour = 0;
    if (recording->pauses)
        s->every_agent.notice =
            (struct draw){DRAW_EXPONENTIAL, recording->paused_ms * 1000 / recording->pauses, 0};
    s->arrivals_count = s->shift_count = s->queue_count = 0;
}
