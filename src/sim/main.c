/* SPDX-License-Identifier: Apache-2.0
 * callfloor-sim: a day of a call center in virtual time, on the daemon's own code. */
#include "callfloor/log.h"
#include "sim/world.h"

#include <getopt.h>
#include <jansson.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    "usage: callfloor-sim [-c CONFIG] [-s SCENARIO] [--seed N] [--calls N] [--no-check] [-v]\n"
    "Runs a day of calls in virtual time through the daemon's own code and prints a JSON report.\n"
    "  -c CONFIG    a callfloord.conf (default: 50 agents, 3 queues, one menu)\n"
    "  -s SCENARIO  libconfig file: calls, talk_mean_s, patience_mean_s, answer_mean_s, no_answer, ...\n"
    "  --no-check   do not check the invariants after every event\n"
    "  -v           log what the floor does (stderr)\n"
    "Exit status: 0 all invariants held, 1 one was broken, 2 bad usage or configuration.\n";

static void conf_error(void *arg, const char *message) {
    fprintf(stderr, "%s\n", message);
}

static const struct {
    const char *name;
    size_t offset;
    double scale;
} options[] = {
    {"talk_mean_s", offsetof(struct scenario, talk_mean_ms), 1000},
    {"patience_mean_s", offsetof(struct scenario, patience_mean_ms), 1000},
    {"answer_mean_s", offsetof(struct scenario, answer_mean_ms), 1000},
    {"wrap_done_share", offsetof(struct scenario, wrap_done_share), 1},
    {"no_answer", offsetof(struct scenario, no_answer), 1},
    {"reject", offsetof(struct scenario, reject), 1},
    {"busy", offsetof(struct scenario, busy), 1},
    {"unreachable_per_hour", offsetof(struct scenario, unreachable_per_hour), 1},
    {"pause_per_hour", offsetof(struct scenario, pause_per_hour), 1},
    {"hold_share", offsetof(struct scenario, hold_share), 1},
    {"late_answer_share", offsetof(struct scenario, late_answer_share), 1},
    {"own_call_per_hour", offsetof(struct scenario, own_call_per_hour), 1},
    {"database_away_share", offsetof(struct scenario, database_away_share), 1},
};

static int read_scenario(const char *path, struct scenario *s) {
    config_t file;
    int err = 0;
    config_init(&file);
    config_set_auto_convert(&file, CONFIG_TRUE);
    if (!config_read_file(&file, path)) {
        fprintf(stderr, "%s:%d: %s\n", path, config_error_line(&file), config_error_text(&file));
        err = -1;
    }
    config_setting_t *root = config_root_setting(&file);
    for (int i = 0; !err && i < config_setting_length(root); i++) {
        config_setting_t *one = config_setting_get_elem(root, (unsigned)i);
        const char *name = config_setting_name(one);
        double value = config_setting_get_float(one);
        size_t k = 0;
        while (k < ARRAY_LEN(options) && strcmp(options[k].name, name))
            k++;
        if (k < ARRAY_LEN(options))
            *(double *)((char *)s + options[k].offset) = value * options[k].scale;
        else if (!strcmp(name, "calls"))
            s->calls = (uint32_t)value;
        else if (!strcmp(name, "reloads"))
            s->reloads = (uint32_t)value;
        else if (!strcmp(name, "day_hours"))
            s->day_ms = (uint64_t)(value * 3600000);
        else {
            fprintf(stderr, "%s:%d: unknown option '%s'\n", path, config_setting_source_line(one), name);
            err = -1;
        }
    }
    config_destroy(&file);
    return err;
}

static void report(const struct world_result *r, uint64_t seed, double cpu_s) {
    char hash[20];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)r->hash);
    uint64_t offered = r->answered + r->abandoned + r->other;
    json_t *json = json_pack(
        "{s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f}", "seed", (json_int_t)seed,
        "hash", hash, "calls", (json_int_t)r->calls, "refused", (json_int_t)r->refused, "events",
        (json_int_t)r->events, "rows", (json_int_t)r->rows, "visits", (json_int_t)offered, "answered",
        (json_int_t)r->answered, "abandoned", (json_int_t)r->abandoned, "other", (json_int_t)r->other,
        "service_level", offered ? (double)r->in_time / (double)offered : 0.0, "average_speed_of_answer_s",
        r->answered ? (double)r->wait_ms_sum / 1000 / (double)r->answered : 0.0, "virtual_hours",
        (double)r->virtual_ms / 3600000, "cpu_s", cpu_s);
    if (r->broken) {
        json_object_set_new(json, "broken", json_string(r->broken));
        json_object_set_new(json, "broken_at_s", json_real((double)r->broken_at_ms / 1000));
    }
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(json);
}

int main(int argc, char **argv) {
    static const struct option longs[] = {
        {"seed", required_argument, NULL, 'S'}, {"calls", required_argument, NULL, 'n'},
        {"no-check", no_argument, NULL, 'N'},   {"scenario", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},       {0}};
    struct scenario scenario = scenario_default;
    struct world_result result = {0};
    const char *conf_path = NULL;
    struct conf *conf = NULL;
    struct world *world = NULL;
    uint64_t seed = 1;
    int c, status = 2;
    setenv("TZ", "UTC", 1); /* one seed, one run, wherever it runs */
    log_set_level(NULL, "error");
    while ((c = getopt_long(argc, argv, "c:s:vh", longs, NULL)) != -1) {
        switch (c) {
        case 'c':
            conf_path = optarg;
            break;
        case 's':
            if (read_scenario(optarg, &scenario))
                return 2;
            break;
        case 'S':
            if (str_to_u64(optarg, &seed)) {
                fprintf(stderr, "callfloor-sim: --seed wants a whole number, not '%s'\n", optarg);
                return 2;
            }
            break;
        case 'n':
            if (str_to_u32(optarg, 1, 100000000, &scenario.calls)) {
                fprintf(stderr, "callfloor-sim: --calls wants a whole number from 1, not '%s'\n", optarg);
                return 2;
            }
            break;
        case 'N':
            scenario.check = false;
            break;
        case 'v':
            log_set_level(NULL, "debug");
            break;
        default:
            fputs(usage, c == 'h' ? stdout : stderr);
            return c == 'h' ? 0 : 2;
        }
    }
    int err = conf_path ? conf_load(&conf, conf_path, NULL, conf_error, NULL)
                        : conf_parse(&conf, world_default_conf, NULL, conf_error, NULL);
    if (err)
        return 2;
    if (!conf->number_count || !conf->trunk_count || !conf->agent_count) {
        fprintf(stderr, "callfloor-sim: the configuration needs a trunk, a number and an agent\n");
    } else if (world_create(&world, conf, &scenario, seed)) {
        fprintf(stderr, "callfloor-sim: out of memory\n");
    } else {
        clock_t start = clock();
        world_run(world, &result);
        report(&result, seed, (double)(clock() - start) / CLOCKS_PER_SEC);
        status = result.broken ? 1 : 0;
    }
    world_destroy(world);
    conf_free(conf);
    return status;
}
