/* SPDX-License-Identifier: Apache-2.0
 * callfloord: options, configuration, run. */
#include "callfloor/log.h"
#include "conf/schema.h"
#include "daemon/daemon.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifndef CALLFLOOR_CONF
#define CALLFLOOR_CONF "/etc/callfloor/callfloord.conf"
#endif

static void usage(FILE *out) {
    fputs("usage: callfloord [-c FILE] [-t | -V | -h]\n"
          "  -c FILE  configuration (default " CALLFLOOR_CONF ")\n"
          "  -t       check the configuration and the prompts it names, then end\n"
          "  -V       print the version\n"
          "  -h       this help\n"
          "SIGTERM: no new calls, wait for the others, end (twice: at once). SIGHUP: read the configuration "
          "again.\n",
          out);
}

/* ---- -t ---- */

static void print_problem(void *arg, const char *line) {
    fprintf(stderr, "%s\n", line);
}
static void print_missing(void *arg, const char *name) {
    const struct conf *conf = arg;
    fprintf(stderr, "%s: warning: prompt %s: there is no %s/%s.wav\n", conf->path, name, conf->prompts_dir,
            name);
}

static int check(const char *path) {
    struct conf *conf = NULL;
    if (conf_load(&conf, path, NULL, print_problem, NULL) || daemon_check(conf, print_problem, NULL)) {
        fprintf(stderr, "%s: refused\n", path);
        conf_free(conf);
        return EXIT_FAILURE;
    }
    media_missing_prompts(conf, print_missing, conf);
    printf("%s: good: %u %s%s, %u %s%s, %u %s%s, %u %s%s, %u %s%s\n", path,
           COUNTED(conf->trunk_count, "trunk"), COUNTED(conf->number_count, "number"),
           COUNTED(conf->menu_count, "menu"), COUNTED(conf->queue_count, "queue"),
           COUNTED(conf->agent_count, "agent"));
    conf_free(conf);
    return EXIT_SUCCESS;
}

/* ---- run ---- */

static void log_problem(void *arg, const char *line) {
    if (strstr(line, ": warning: "))
        log_warn("conf", "event=configuration problem=%s", log_value(line));
    else
        log_error("conf", "event=configuration problem=%s", log_value(line));
}

static int run(const char *path) {
    struct daemon d = {0};
    struct conf *conf = NULL;
    int err = conf_load(&conf, path, NULL, log_problem, NULL);
    if (err || daemon_check(conf, log_problem, NULL)) {
        conf_free(conf);
        return EXIT_FAILURE;
    }
    umask(027);
    setvbuf(stderr, NULL, _IOLBF, 0);
    err = daemon_start(&d, conf);
    if (!err && (err = daemon_run(&d)))
        daemon_failed(err, "loop", path);
    daemon_end(&d);
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    static const struct option longs[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {"dump-options", required_argument, NULL, 'D'}, /* for `make docs` */
        {0}};
    const char *path = CALLFLOOR_CONF;
    bool only_check = false;
    int option;
    while ((option = getopt_long(argc, argv, "c:thV", longs, NULL)) != -1) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 't':
            only_check = true;
            break;
        case 'V':
            puts("callfloord " CALLFLOOR_VERSION);
            return EXIT_SUCCESS;
        case 'D':
            conf_document(stdout, !strcmp(optarg, "man"));
            return EXIT_SUCCESS;
        case 'h':
            usage(stdout);
            return EXIT_SUCCESS;
        default:
            usage(stderr);
            return EXIT_FAILURE;
        }
    }
    if (optind < argc) {
        usage(stderr);
        return EXIT_FAILURE;
    }
    return only_check ? check(path) : run(path);
}
