/* SPDX-License-Identifier: Apache-2.0
 * callfloor-sim: a day of a call center in virtual time, on the daemon's own code. */
#include "callfloor/log.h"
#include "sim/report.h"

#include <getopt.h>
#include <stdlib.h>
#include <time.h>

static const char usage[] =
    "usage: callfloor-sim [-c CONFIG] [-s SCENARIO] [--seed N] [--calls N] [--no-check] [--json] [-v]\n";

static void conf_error(void *arg, const char *message) {
    fprintf(stderr, "%s\n", message);
}

int main(int argc, char **argv) {
    static const struct option longs[] = {{"seed", required_argument, NULL, 'S'},
                                          {"calls", required_argument, NULL, 'n'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"no-check", no_argument, NULL, 'N'},
                                          {"scenario", required_argument, NULL, 's'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    struct scenario scenario = scenario_default;
    struct report r = {.seed = 1};
    const char *conf_path = NULL;
    struct conf *conf = NULL;
    struct world *world = NULL;
    bool json = false;
    int c;
    setenv("TZ", "UTC", 1); /* one seed, one run, wherever it runs */
    log_set_level(NULL, "error");
    while ((c = getopt_long(argc, argv, "c:s:vhj", longs, NULL)) != -1) {
        switch (c) {
        case 'c':
            conf_path = optarg;
            break;
        case 's':
            if (scenario_load(&scenario, optarg, conf_error, NULL))
                return 2;
            break;
        case 'S':
            str_to_u64(optarg, &r.seed);
            break;
        case 'n':
            str_to_u32(optarg, 1, 100000000, &scenario.calls);
            break;
        case 'N':
            scenario.check = false;
            break;
        case 'j':
            json = true;
            break;
        case 'v':
            log_set_level(NULL, "debug");
            break;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (conf_path ? conf_load(&conf, conf_path, NULL, conf_error, NULL)
                  : conf_parse(&conf, world_default_conf, NULL, conf_error, NULL))
        return 2;
    if (scenario_check(&scenario, conf, conf_error, NULL))
        return 2;
    if (world_create(&world, conf, &scenario, r.seed))
        return 2;
    clock_t start = clock();
    world_run(world, &r.result);
    r.world = world;
    r.cpu_s = (double)(clock() - start) / CLOCKS_PER_SEC;
    if (json) {
        json_t *j = report_json(&r);
        json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        putchar('\n');
        json_decref(j);
    } else
        report_print(&r, stdout);
    int st = r.result.broken ? 1 : 0;
    world_destroy(world);
    conf_free(conf);
    scenario_done(&scenario);
    return st;
}
