/* SPDX-License-Identifier: Apache-2.0
 * Formulas of waiting lines; sources in the header. */
#include "callfloor/erlang.h"

#include <errno.h>
#include <math.h>

/* A sum over states ends where terms no longer count, and gives up when it takes too long. */
static const double NEGLIGIBLE = -80; /* as a logarithm */
enum { MOST_STATES = 20 * 1000 * 1000 };

static bool at_least_0(double x, double most) {
    return x >= 0 && x <= most; /* false for NaN */
}

static bool sane(const struct erlang_case *in) {
    return at_least_0(in->arrivals_per_s, 1e9) && in->handling_s > 0 && in->handling_s <= 1e9 &&
           at_least_0(in->target_s, 1e9) && in->agents && in->agents <= ERLANG_MOST_AGENTS &&
           in->arrivals_per_s * in->handling_s <= ERLANG_MOST_AGENTS;
}

/* ---- B and C ---- */

double erlang_b(double load, uint32_t agents) {
    double blocked = 1;
    if (!at_least_0(load, ERLANG_MOST_AGENTS) || agents > ERLANG_MOST_AGENTS)
        return -1;
    for (uint32_t k = 1; k <= agents; k++)
        blocked = load * blocked / (k + load * blocked);
    return blocked;
}

int erlang_c(const struct erlang_case *in, struct erlang_figures *out) {
    if (!sane(in))
        return -EINVAL;
    double load = in->arrivals_per_s * in->handling_s, free = in->agents - load;
    if (free <= 0)
        return -ERANGE;
    double b = erlang_b(load, in->agents);
    double waits = in->agents * b / (in->agents - load * (1 - b));
    double mean = waits * in->handling_s / free;
    *out = (struct erlang_figures){.waits = waits,
                                   .service_level = 1 - waits * exp(-free * in->target_s / in->handling_s),
                                   .mean_wait_s = mean,
                                   .answer_s = mean,
                                   .waiting = in->arrivals_per_s * mean,
                                   .occupancy = load / in->agents};
    return 0;
}

/* ---- models whose states are the number of callers: birth and death ---- */

struct line {
    double birth, service, giving_up; /* rates: arrivals; one agent; one waiting caller */
    uint32_t agents;
    double most; /* callers in the system, those above are refused */
};

/* What the states weigh, in units of the likeliest. */
struct weights {
    double all, free, waits; /* all states; an agent free; all busy and a place left */
    double full;             /* nobody is let in */
    double waiting, busy;    /* callers in line, agents busy; times their weight */
    double log_last_free;    /* one agent free: its logarithm, because it counts however small it is */
};

static double death(const struct line *line, double k) {
    return k <= line->agents ? k * line->service
                             : line->agents * line->service + (k - line->agents) * line->giving_up;
}

static void count_state(const struct line *line, struct weights *sum, double k, double logarithm) {
    double weight = exp(logarithm);
    sum->all += weight;
    if (k < line->agents)
        sum->free += weight;
    else if (k < line->most)
        sum->waits += weight;
    if (k == line->agents - 1.0)
        sum->log_last_free = logarithm;
    if (k == line->most)
        sum->full = weight;
    sum->waiting += weight * fmax(0, k - line->agents);
    sum->busy += weight * fmin(k, line->agents);
}

/* Deaths never become rarer with more callers, so weights rise to one peak and fall from there. */
static double peak_of(const struct line *line) {
    double spare = line->birth - line->agents * line->service;
    if (spare <= 0)
        return fmin(floor(line->birth / line->service), line->most);
    if (line->giving_up > 0)
        return fmin(line->agents + floor(spare / line->giving_up), line->most);
    return line->most;
}

static int weigh(const struct line *line, struct weights *sum) {
    double peak = peak_of(line), logarithm = 0;
    uint32_t states = 0;
    *sum = (struct weights){.log_last_free = -INFINITY};
    if (!(peak <= MOST_STATES))
        return -ERANGE;
    for (double k = peak; k >= 0 && (logarithm > NEGLIGIBLE || k >= line->agents - 1.0); k--) {
        count_state(line, sum, k, logarithm);
        logarithm += log(death(line, k) / line->birth);
    }
    logarithm = 0;
    for (double k = peak + 1; k <= line->most; k++) {
        logarithm += log(line->birth / death(line, k));
        if (logarithm < NEGLIGIBLE)
            break;
        if (++states > MOST_STATES)
            return -ERANGE;
        count_state(line, sum, k, logarithm);
    }
    return 0;
}

/* Nobody calls: everything is 0, but whoever called would be answered. */
static int idle(struct erlang_figures *out) {
    *out = (struct erlang_figures){.service_level = 1};
    return 0;
}

/* Share answered within T. Who finds i in line waits for i + 1 ends of handles, which come at a steady rate:
 * the wait is longer than T if at most i come in T, a number with Poisson distribution. */
static double answered_in_time(const struct line *line, const struct weights *sum, double target_s) {
    double rate = line->agents * line->service, mean = rate * target_s, at_most_i = 0, late = 0;
    double state = sum->log_last_free - log(sum->all), ends = -mean;
    for (uint32_t i = 0; line->agents + (double)i < line->most; i++) {
        state += log(line->birth / rate);
        if (i)
            ends += log(mean / i);
        at_most_i += exp(ends);
        late += exp(state) * fmin(at_most_i, 1);
    }
    return (sum->free + sum->waits) / sum->all - late;
}

int erlang_limit(const struct erlang_case *in, struct erlang_figures *out) {
    if (!sane(in) || in->places > ERLANG_MOST_AGENTS)
        return -EINVAL;
    if (!(in->arrivals_per_s > 0))
        return idle(out);
    struct line line = {.birth = in->arrivals_per_s,
                        .service = 1 / in->handling_s,
                        .agents = in->agents,
                        .most = (double)in->agents + in->places};
    struct weights sum;
    int rc = weigh(&line, &sum);
    if (rc)
        return rc;
    double blocked = sum.full / sum.all, waiting = sum.waiting / sum.all;
    double mean = waiting / (in->arrivals_per_s * (1 - blocked));
    *out = (struct erlang_figures){.waits = sum.waits / sum.all,
                                   .service_level = answered_in_time(&line, &sum, in->target_s),
                                   .blocked = blocked,
                                   .mean_wait_s = mean,
                                   .answer_s = mean,
                                   .waiting = waiting,
                                   .occupancy = sum.busy / sum.all / in->agents};
    return 0;
}

/* ---- A: the wait offered to a caller who never gives up has the density
 *   v(x) = birth p(one agent free) exp(birth (1 - e^(-giving_up x)) / giving_up - agents service x)
 * and of those offered x the share e^(-giving_up x) is still there. The logarithm of the product is concave:
 * it has one peak, and the integral is taken around it. ---- */

static double log_served(const struct line *line, double x) {
    return -line->birth * expm1(-line->giving_up * x) / line->giving_up -
           (line->agents * line->service + line->giving_up) * x;
}

/* From the peak on towards `to`: where the logarithm has fallen by 45, or `to`. */
static double edge(const struct line *line, double peak, double to) {
    double least = log_served(line, peak) - 45, near = peak, far = to;
    if (log_served(line, to) >= least)
        return to;
    for (int i = 0; i < 100; i++) {
        double middle = (near + far) / 2;
        if (log_served(line, middle) >= least)
            near = middle;
        else
            far = middle;
    }
    return far;
}

/* Shares of all callers: answered after a wait of at most T, and the sum of their waits per caller. */
static void served_after_waiting(const struct line *line, const struct weights *sum, double target_s,
                                 double *share, double *wait_s) {
    static const double node[] = {-0.906179845938664, -0.538469310105683, 0, 0.538469310105683,
                                  0.906179845938664}; /* Gauss-Legendre, five points */
    static const double part[] = {0.236926885056189, 0.478628670499366, 0.568888888888889, 0.478628670499366,
                                  0.236926885056189};
    enum { PANELS = 300 };
    double peak =
        fmax(0, log(line->birth / (line->agents * line->service + line->giving_up)) / line->giving_up);
    peak = fmin(peak, target_s);
    double from = edge(line, peak, 0), to = edge(line, peak, target_s), half = (to - from) / PANELS / 2;
    double factor = log(line->birth / sum->all) + sum->log_last_free;
    *share = *wait_s = 0;
    for (int panel = 0; panel < PANELS; panel++)
        for (size_t i = 0; i < ARRAY_LEN(node); i++) {
            double x = from + half * (2 * panel + 1 + node[i]);
            double density = half * part[i] * exp(log_served(line, x) + factor);
            *share += density;
            *wait_s += x * density;
        }
}

int erlang_a(const struct erlang_case *in, struct erlang_figures *out) {
    double in_time, ignored, ever, waited;
    if (!sane(in) || !(in->patience_s > 0 && in->patience_s <= 1e9))
        return -EINVAL;
    if (!(in->arrivals_per_s > 0))
        return idle(out);
    struct line line = {.birth = in->arrivals_per_s,
                        .service = 1 / in->handling_s,
                        .giving_up = 1 / in->patience_s,
                        .agents = in->agents,
                        .most = INFINITY};
    struct weights sum;
    int rc = weigh(&line, &sum);
    if (rc)
        return rc;
    double waiting = sum.waiting / sum.all, busy = sum.busy / sum.all,
           abandons = waiting * line.giving_up / line.birth;
    served_after_waiting(&line, &sum, in->target_s, &in_time, &ignored);
    served_after_waiting(&line, &sum, 1e3 * in->patience_s, &ever, &waited);
    *out = (struct erlang_figures){.waits = sum.waits / sum.all,
                                   .service_level = sum.free / sum.all + in_time,
                                   .abandons = abandons,
                                   .mean_wait_s = waiting / line.birth,
                                   .answer_s = waited / (sum.free / sum.all + ever),
                                   .waiting = waiting,
                                   .occupancy = busy / in->agents};
    return 0;
}

/* ---- staffing ---- */

static int enough(erlang_model_fn *model, struct erlang_case in, uint32_t agents, double goal,
                  double max_occupancy, bool *is) {
    struct erlang_figures figures;
    in.agents = agents;
    int rc = model(&in, &figures);
    *is = !rc && figures.service_level >= goal && figures.occupancy <= max_occupancy;
    return rc == -ERANGE ? 0 : rc; /* not stable: not enough */
}

/* More agents never make it worse: so doubled until enough, then halved. */
int erlang_agents(erlang_model_fn *model, const struct erlang_case *in, double goal, double max_occupancy,
                  uint32_t *agents) {
    uint32_t too_few = 0, fit = 1;
    bool is = false;
    int rc;
    if (!(goal >= 0 && goal < 1) || !(max_occupancy > 0 && max_occupancy <= 1))
        return -EINVAL;
    while (!(rc = enough(model, *in, fit, goal, max_occupancy, &is)) && !is) {
        if (fit == ERLANG_MOST_AGENTS)
            return -ERANGE;
        too_few = fit;
        fit = fit < ERLANG_MOST_AGENTS / 2 ? fit * 2 : ERLANG_MOST_AGENTS;
    }
    while (!rc && fit - too_few > 1) {
        uint32_t middle = too_few + (fit - too_few) / 2;
        rc = enough(model, *in, middle, goal, max_occupancy, &is);
        if (is)
            fit = middle;
        else
            too_few = middle;
    }
    if (!rc)
        *agents = fit;
    return rc;
}

uint32_t erlang_rostered(uint32_t agents, double shrinkage) {
    if (!(shrinkage >= 0 && shrinkage < 1) || agents > ERLANG_MOST_AGENTS)
        return 0;
    double rostered = ceil(agents / (1 - shrinkage) - 1e-9); /* 10 / (1 - 0.5) is 20, not 21 */
    return rostered <= UINT32_MAX ? (uint32_t)rostered : 0;
}
