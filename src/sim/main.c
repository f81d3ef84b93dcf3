/* SPDX-License-Identifier: Apache-2.0
 * callfloor-sim: a day of a call center in virtual time, on the daemon's own code. */
#include "callfloor/log.h"
#include "sim/compare.h"
#include "sim/replay.h"
#include "sim/report.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    "usage: callfloor-sim [-c CONFIG] [-s SCENARIO | --replay FILE] [--compare CONFIG] [options]\n"
    "Runs a day of calls in virtual time through the daemon's own code and reports what it was like.\n"
    "  -c CONFIG         a callfloord.conf (default: 50 agents, 5 queues, one menu)\n"
    "  -s SCENARIO       who calls, who works, what fails (docs/simulator.md); default: 300 calls for each\n"
    "                    agent in 24 hours with two peaks, to all numbers (20,000 without -c)\n"
    "  --replay FILE     a recorded day: psql -At -c \"SELECT callfloor.replay('2026-03-02', "
    "'2026-03-03')\"\n"
    "  --compare CONFIG  the same days under this configuration too, side by side with the first\n"
    "  --with AGENTS     these work all day, such as 1001-1004,1010 (with --compare: in its runs)\n"
    "  --without AGENTS  these do not come (likewise)\n"
    "  --runs N          days with N seeds, from --seed on: means and 95 % intervals (--compare: 10)\n"
    "  --seed N          1 unless given: the same seed gives the same day\n"
    "  --calls N         number of calls, when the scenario has no arrivals\n"
    "  --interval MIN    length of the report's intervals, 30 unless given\n"
    "  --queue NAME      the intervals of this queue\n"
    "  --record FILE     writes the day as --replay reads it\n"
    "  --no-faults       nothing fails\n"
    "  --no-check        do not check the invariants after every event: ten times as fast\n"
    "  --json            a report for programs\n"
    "  -v                log what the floor does (stderr)\n"
    "Exit status: 0 all invariants held, 1 one was broken, 2 bad usage, configuration or file.\n";

enum { CALLS_PER_AGENT = 300 }; /* in 24 hours, when nothing else is said: just managed at the peaks */

struct job {
    const char *conf_path, *other_path, *scenario_path, *replay_path, *record_path, *queue, *with, *without;
    uint64_t seed;
    uint32_t runs, calls, interval_min;
    bool json, no_faults, no_check;
    struct conf *conf, *other;
    struct scenario file, scenario, other_scenario; /* file: owns; the others borrow from it */
    struct recording *recording;
};

static void told(void *arg, const char *message) {
    if (!strstr(message, ": warning: ")) /* they are about the daemon */
        fprintf(stderr, "%s\n", message);
}

PRINTF_LIKE(1, 2) static int complain(const char *format, ...) {
    va_list args;
    fputs("callfloor-sim: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    putc('\n', stderr);
    return 2;
}

/* ---- running ---- */

static int make_plan(const struct job *job, struct plan **plan, uint64_t seed) {
    return job->recording ? replay_plan(plan, job->conf, job->recording, &job->scenario, seed)
                          : plan_make(plan, job->conf, &job->scenario, seed);
}

/* One day; *world stays for the report. */
static int run_day(const struct job *job, const struct conf *conf, const struct scenario *scenario,
                   const struct plan *plan, uint64_t seed, struct world **world, struct report *report) {
    struct recorder *recorder = NULL;
    clock_t start = clock();
    *report = (struct report){.seed = seed, .queue = job->queue};
    if (world_create_planned(world, conf, scenario, plan, seed))
        return complain("out of memory");
    if (job->record_path) {
        int err = record_start(&recorder, *world, job->record_path);
        if (err)
            return complain("%s: %s", job->record_path, strerror(-err));
    }
    world_run(*world, &report->result);
    report->cpu_s = (double)(clock() - start) / CLOCKS_PER_SEC;
    report->world = *world;
    int err = recorder ? record_finish(recorder) : 0;
    if (err)
        return complain("the recording is not complete: %s", strerror(-err));
    return report->result.broken ? 1 : 0;
}

static void print_json(json_t *json) {
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(10));
    putchar('\n');
    json_decref(json);
}

static int one_day(const struct job *job) {
    struct plan *plan = NULL;
    struct world *world = NULL;
    struct report report;
    int status = 2;
    if (make_plan(job, &plan, job->seed))
        complain("out of memory");
    else
        status = run_day(job, job->conf, &job->scenario, plan, job->seed, &world, &report);
    if (status < 2 && job->json)
        print_json(report_json(&report));
    else if (status < 2)
        report_print(&report, stdout);
    world_destroy(world);
    plan_free(plan);
    return status;
}

/* Both sides of one seed. */
static int pair(const struct job *job, struct comparison *c, uint32_t run) {
    const struct conf *conf[2] = {job->conf, job->other};
    const struct scenario *scenario[2] = {&job->scenario, &job->other_scenario};
    struct plan *plan = NULL;
    int status = make_plan(job, &plan, job->seed + run) ? complain("out of memory") : 0;
    for (int side = 0; side < (job->other ? 2 : 1) && !status; side++) {
        struct world *world = NULL;
        struct report report;
        status = run_day(job, conf[side], scenario[side], plan, job->seed + run, &world, &report);
        if (status == 1)
            fprintf(stderr, "callfloor-sim: seed %llu, %s: BROKEN after %.3f s: %s\n",
                    (unsigned long long)(job->seed + run), c->name[side],
                    (double)report.result.broken_at_ms / 1000, report.result.broken);
        if (!status && report.result.unplaced && !run)
            fprintf(stderr, "callfloor-sim: %s: %llu callers are left out: no number leads to their queue\n",
                    c->name[side], (unsigned long long)report.result.unplaced);
        if (!status)
            compare_add(c, side, run, world->tally, world->conf);
        world_destroy(world);
    }
    plan_free(plan);
    return status;
}

static int several_days(const struct job *job) {
    struct comparison c;
    int status = 0;
    if (compare_start(&c, job->conf, job->other, job->runs))
        return complain("out of memory");
    c.name[0] = job->conf_path ? job->conf_path : "the default center";
    char other[400];
    snprintf(other, sizeof other, "%s%s%s%s%s", job->other_path ? job->other_path : "",
             job->with ? ", with " : "", job->with ? job->with : "", job->without ? ", without " : "",
             job->without ? job->without : "");
    c.name[1] = job->other_path ? other : NULL;
    for (uint32_t run = 0; run < job->runs && !status; run++)
        status = pair(job, &c, run);
    if (!status && job->json)
        print_json(compare_json(&c));
    else if (!status)
        compare_print(&c, stdout);
    compare_done(&c);
    return status;
}

/* ---- what is asked for ---- */

static int load_conf(struct conf **conf, const char *path) {
    int err = path ? conf_load(conf, path, NULL, told, NULL)
                   : conf_parse(conf, world_default_conf, NULL, told, NULL);
    if (err)
        return 2;
    if (!(*conf)->number_count || !(*conf)->trunk_count || !(*conf)->agent_count)
        return complain("%s: needs a trunk, a number and an agent", path);
    return 0;
}

/* Options go before the scenario. */
static void apply_options(struct job *job) {
    if (job->calls)
        job->scenario.calls = job->calls;
    else if (!job->scenario.calls || (job->conf_path && !job->scenario_path))
        job->scenario.calls = CALLS_PER_AGENT * job->conf->agent_count;
    if (job->interval_min)
        job->scenario.interval_us = job->interval_min * 60000000ull;
    if (job->no_check)
        job->scenario.check = false;
    if (job->no_faults)
        job->scenario.faults = (struct faults){0};
}

static int prepare(struct job *job) {
    int status = load_conf(&job->conf, job->conf_path);
    if (!status && job->other_path)
        status = load_conf(&job->other, job->other_path);
    if (status)
        return status;
    if (job->scenario_path && scenario_load(&job->file, job->scenario_path, told, NULL))
        return 2;
    if (job->calls && (job->file.arrivals_count || job->replay_path))
        return complain("--calls: the %s has calls of its own", job->replay_path ? "recording" : "scenario");
    if (job->replay_path && replay_read(&job->recording, job->replay_path, told, NULL))
        return 2;
    /* what failed on a recorded day is in its figures already */
    job->scenario = job->recording && !job->scenario_path ? scenario_plain : job->file;
    apply_options(job);
    if (job->recording)
        replay_scenario(job->recording, &job->scenario);
    if (scenario_check(&job->scenario, job->conf, told, NULL))
        return 2;
    if (job->queue && !conf_find_queue(job->conf, job->queue))
        return complain("the configuration has no queue '%s'", job->queue);
    job->other_scenario = job->scenario;
    struct scenario *changed = job->other_path ? &job->other_scenario : &job->scenario;
    changed->with = job->with;
    changed->without = job->without;
    const char *ids[] = {job->with, job->without};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        if (ids[i] && !scenario_names_any(ids[i], job->other ? job->other : job->conf))
            return complain("the configuration has no agent '%s'", ids[i]);
    return 0;
}

enum {
    SEED = 256,
    CALLS,
    NO_CHECK,
    NO_FAULTS,
    JSON,
    COMPARE,
    RUNS,
    REPLAY,
    RECORD,
    INTERVAL,
    QUEUE,
    WITH,
    WITHOUT
};

static int whole(const char *text, uint32_t most, const char *option, uint32_t *out) {
    if (!str_to_u32(text, 1, most, out))
        return 0;
    fprintf(stderr, "callfloor-sim: %s wants a whole number from 1 to %u, not '%s'\n", option, most, text);
    return 2;
}

/* 0: go on; else the exit status + 1. */
static int take_option(struct job *job, int c, char *value) {
    const struct {
        int c;
        const char **text;
    } texts[] = {{'c', &job->conf_path},      {'s', &job->scenario_path},  {COMPARE, &job->other_path},
                 {REPLAY, &job->replay_path}, {RECORD, &job->record_path}, {QUEUE, &job->queue},
                 {WITH, &job->with},          {WITHOUT, &job->without}};
    const struct {
        int c;
        bool *flag;
    } flags[] = {{NO_CHECK, &job->no_check}, {NO_FAULTS, &job->no_faults}, {JSON, &job->json}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].c == c)
            *texts[i].text = value;
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (flags[i].c == c)
            *flags[i].flag = true;
    switch (c) {
    case SEED:
        return str_to_u64(value, &job->seed) ? 1 + complain("--seed wants a whole number, not '%s'", value)
                                             : 0;
    case CALLS:
        return whole(value, 100000000, "--calls", &job->calls) ? 3 : 0;
    case RUNS:
        return whole(value, 100000, "--runs", &job->runs) ? 3 : 0;
    case INTERVAL:
        return whole(value, 1440, "--interval", &job->interval_min) ? 3 : 0;
    case 'v':
        log_set_level(NULL, "debug");
        return 0;
    case 'h':
        fputs(usage, stdout);
        return 1;
    case '?':
        fputs(usage, stderr);
        return 3;
    default:
        return 0;
    }
}

int main(int argc, char **argv) {
    static const struct option longs[] = {{"seed", required_argument, NULL, SEED},
                                          {"calls", required_argument, NULL, CALLS},
                                          {"no-check", no_argument, NULL, NO_CHECK},
                                          {"no-faults", no_argument, NULL, NO_FAULTS},
                                          {"json", no_argument, NULL, JSON},
                                          {"compare", required_argument, NULL, COMPARE},
                                          {"runs", required_argument, NULL, RUNS},
                                          {"replay", required_argument, NULL, REPLAY},
                                          {"record", required_argument, NULL, RECORD},
                                          {"interval", required_argument, NULL, INTERVAL},
                                          {"queue", required_argument, NULL, QUEUE},
                                          {"with", required_argument, NULL, WITH},
                                          {"without", required_argument, NULL, WITHOUT},
                                          {"scenario", required_argument, NULL, 's'},
                                          {"config", required_argument, NULL, 'c'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    struct job job = {.seed = 1, .file = scenario_default};
    int c, status = 0;
    setenv("TZ", "UTC", 1); /* one seed, one run, wherever it runs */
    log_set_level(NULL, "error");
    while (!status && (c = getopt_long(argc, argv, "c:s:vh", longs, NULL)) != -1)
        status = take_option(&job, c, optarg);
    if (!status && optind < argc)
        status = 1 + complain("'%s' is not an option", argv[optind]);
    bool several = job.other_path || job.runs > 1;
    if (!status && several && job.record_path)
        status = 1 + complain("--record is for one run");
    if (status) {
        scenario_done(&job.file);
        return status - 1;
    }
    job.runs = job.runs ? job.runs : job.other_path ? 10 : 1;
    status = prepare(&job);
    if (!status)
        status = several ? several_days(&job) : one_day(&job);
    replay_free(job.recording);
    conf_free(job.conf);
    conf_free(job.other);
    scenario_done(&job.file);
    return status;
}
