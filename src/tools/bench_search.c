/* dstn bench --search: methods of search on functions whose least value is known. A member is a value of the function,
 * asked for and told of as the members of a sweep are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "dstn/search.h"

/* ---- functions --------------------------------------------------------------------------------------------------- */

typedef struct test_function {
    const char *name;
    int dimensions;
    const double (*ranges)[2]; /* [dimensions] */
    double least;
    double (*value)(const double *x);
} test_function;

/* (x₂ − 5.1/(4π²) x₁² + 5/π x₁ − 6)² + 10 (1 − 1/(8π)) cos x₁ + 10; the square vanishes at the three minima. */
static double branin(const double *x) {
    const double pi = 3.141592653589793238463;
    double bow = x[1] - 5.1 / (4 * pi * pi) * x[0] * x[0] + 5 / pi * x[0] - 6;
    return bow * bow + 10 * (1 - 1 / (8 * pi)) * cos(x[0]) + 10;
}

/* −Σ_i α_i exp(−Σ_j A_ij (x_j − P_ij)²) */
static double hartmann6(const double *x) {
    static const double alpha[4] = {1, 1.2, 3, 3.2};
    static const double a[4][6] = {
        {10, 3, 17, 3.5, 1.7, 8}, {0.05, 10, 17, 0.1, 8, 14}, {3, 3.5, 1.7, 10, 17, 8}, {17, 8, 0.05, 10, 0.1, 14}};
    static const double p[4][6] = {{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
                                   {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
                                   {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
                                   {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}};
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        double exponent = 0;
        for (int j = 0; j < 6; j++) {
            exponent += a[i][j] * (x[j] - p[i][j]) * (x[j] - p[i][j]);
        }
        sum -= alpha[i] * exp(-exponent);
    }
    return sum;
}

static const double branin_ranges[][2] = {{-5, 10}, {0, 15}};
static const double hartmann6_ranges[][2] = {{0, 1}, {0, 1}, {0, 1}, {0, 1}, {0, 1}, {0, 1}};

static const test_function functions[] = {{"branin", 2, branin_ranges, 0.39788735772973816, branin},
                                          {"hartmann6", 6, hartmann6_ranges, -3.3223680114155147, hartmann6}};
enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

/* ---- one search -------------------------------------------------------------------------------------------------- */

typedef struct searching {
    const dstn_search_method *method;
    const test_function *function;
    dstn_doc *doc; /* of a sweep file's keys */
    void *settings;
    dstn_search search;
    dstn_history history;
    int64_t most; /* members */
    /* What `history` points at, [most] each. */
    dstn_proposal *proposals;
    dstn_member_state *states;
    double *values;
    int64_t *ended;
    double *points; /* [most, dimensions] */
} searching;

static bool has_key(const dstn_search_method *method, const char *key) {
    const dstn_option *option = method->options;
    while (option->key && strcmp(option->key, key) != 0) {
        option++;
    }
    return option->key != NULL;
}

static char *sweep_text(const dstn_search_method *method, const dstn_bench_search_request *request,
                        const test_function *function, int64_t seed) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fputs("space:\n", out);
    for (int j = 0; j < function->dimensions; j++) {
        fprintf(out, "  x%d: {low: %g, high: %g}\n", j + 1, function->ranges[j][0], function->ranges[j][1]);
    }
    if (has_key(method, "members")) {
        fprintf(out, "members: %lld\n", (long long)request->members);
    }
    if (has_key(method, "search_seed")) {
        fprintf(out, "search_seed: %lld\n", (long long)seed);
    }
    fclose(out);
    return text;
}

static void close_search(searching *s) {
    if (s->search.self) {
        s->method->destroy(s->search.self);
    }
    free(s->settings);
    dstn_doc_destroy(s->doc);
    free(s->proposals);
    free(s->states);
    free(s->values);
    free(s->ended);
    free(s->points);
}

static void make_history(searching *s, int64_t members) {
    size_t most = (size_t)(s->search.most_members < members ? s->search.most_members : members);
    s->most = (int64_t)most;
    s->proposals = dstn_alloc(most, sizeof *s->proposals);
    s->states = dstn_alloc(most, sizeof *s->states);
    s->values = dstn_alloc(most, sizeof *s->values);
    s->ended = dstn_alloc(most, sizeof *s->ended);
    s->points = dstn_alloc(most * (size_t)s->search.dimensions, sizeof *s->points);
    s->history = (dstn_history){.proposals = s->proposals, .states = s->states, .values = s->values, .ended = s->ended};
}

/* To be closed whatever comes of it. */
static dstn_status open_search(searching *s, const dstn_bench_search_request *request, int64_t seed, dstn_error *err) {
    char *text = sweep_text(s->method, request, s->function, seed), *name = dstn_format("--search %s", s->method->name);
    dstn_status status = dstn_doc_parse(text, name, &s->doc, err);
    free(text);
    free(name);
    for (int i = 0; i < request->set.count && status == DSTN_OK; i++) {
        status = dstn_doc_set(s->doc, request->set.items[i], err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    dstn_node root = dstn_doc_root(s->doc);
    s->settings = dstn_alloc(1, s->method->settings_size);
    const dstn_binding binding = {s->method->options, s->settings};
    if (dstn_options_read(root, "", &binding, 1, err) || s->method->init(root, s->settings, &s->search, err)) {
        return err->status;
    }
    make_history(s, request->members);
    return DSTN_OK;
}

/* Whether there is a member more. */
static bool ask(searching *s) {
    int64_t i = s->history.count;
    if (i == s->most) {
        return false;
    }
    s->proposals[i].point = s->points + i * s->search.dimensions;
    if (s->method->ask(s->search.self, &s->history, &s->proposals[i]) != DSTN_ANSWER_MEMBER) {
        return false;
    }
    s->states[i] = DSTN_MEMBER_QUEUED;
    s->values[i] = NAN;
    s->history.count++;
    return true;
}

/* Members end in the order in which they were asked for. */
static double end_member(searching *s) {
    int64_t i = s->history.ended_count++;
    s->values[i] = s->function->value(s->points + i * s->search.dimensions);
    s->states[i] = DSTN_MEMBER_DONE;
    s->ended[i] = i;
    s->method->tell(s->search.self, &s->history);
    return s->values[i];
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

enum { EVERY = 10, MOST_METHODS = 16 };

/* A row of the table: so many evaluations. */
typedef struct table {
    int rows;
    int64_t *evaluations; /* [rows] */
    double *regrets;      /* [rows, seeds]; NAN: the search ended before */
    double *seconds;      /* [rows] the longest ask so far, of any seed */
} table;

static void make_table(const dstn_bench_search_request *request, table *t) {
    t->rows = (int)((request->members + EVERY - 1) / EVERY);
    t->evaluations = dstn_alloc((size_t)t->rows, sizeof *t->evaluations);
    t->regrets = dstn_alloc((size_t)(t->rows * request->seeds), sizeof *t->regrets);
    t->seconds = dstn_alloc((size_t)t->rows, sizeof *t->seconds);
    for (int r = 0; r < t->rows; r++) {
        int64_t full = (int64_t)EVERY * (r + 1);
        t->evaluations[r] = full < request->members ? full : request->members;
    }
}

static void clear_table(table *t) {
    free(t->evaluations);
    free(t->regrets);
    free(t->seconds);
}

/* Always `parallel` members under way, as long as the method has more. */
static void run_search(searching *s, const dstn_bench_search_request *request, int64_t seed, table *t) {
    double best = INFINITY, longest = 0;
    int row = 0;
    for (int r = 0; r < t->rows; r++) {
        t->regrets[r * request->seeds + seed] = NAN;
    }
    for (;;) {
        double start = dstn_seconds();
        while (s->history.count - s->history.ended_count < request->parallel && ask(s)) {
            longest = fmax(longest, dstn_seconds() - start);
            start = dstn_seconds();
        }
        if (s->history.count == s->history.ended_count) {
            return;
        }
        best = fmin(best, end_member(s));
        if (s->history.ended_count == t->evaluations[row]) {
            t->regrets[row * request->seeds + seed] = fmax(best - s->function->least, 0);
            t->seconds[row] = fmax(t->seconds[row], longest);
            row++;
        }
    }
}

/* Seeds are dealt out to the ranks. */
static dstn_status run_method(const dstn_group *world, const dstn_bench_search_request *request,
                              const dstn_search_method *method, const test_function *function, table *t,
                              dstn_error *err) {
    dstn_status status = DSTN_OK;
    for (int64_t seed = dstn_group_rank(world); seed < request->seeds && status == DSTN_OK;
         seed += dstn_group_size(world)) {
        searching s = {.method = method, .function = function};
        status = open_search(&s, request, seed, err);
        if (status == DSTN_OK) {
            run_search(&s, request, seed, t);
        }
        close_search(&s);
    }
    if (dstn_group_agree(world, status, err) != DSTN_OK) {
        return err->status;
    }
    dstn_group_sum(world, t->regrets, t->rows * request->seeds);
    return DSTN_OK;
}

static void print_method(const dstn_search_method *method, const dstn_bench_search_request *request, const table *t,
                         bool is_first, FILE *out) {
    const char *format = request->json ? "%s{\"method\":\"%s\",\"evaluations\":%lld,\"median\":%.6g,\"quartile\":%.6g,"
                                         "\"upper_quartile\":%.6g,\"seconds\":%.3g}"
                                       : "%s%-12s %11lld %12.4g %12.4g %14.4g %8.2g\n";
    for (int r = 0; r < t->rows; r++) {
        double *regrets = t->regrets + (size_t)r * (size_t)request->seeds;
        bool is_whole = true;
        for (int64_t i = 0; i < request->seeds; i++) {
            is_whole &= !isnan(regrets[i]);
        }
        if (is_whole) {
            tools_bench_spread spread = tools_bench_spread_of(regrets, (int)request->seeds);
            fprintf(out, format, request->json && !is_first ? "," : "", method->name, (long long)t->evaluations[r],
                    spread.median, spread.quartile, spread.upper_quartile, t->seconds[r]);
            is_first = false;
        }
    }
}

static void print_head(const dstn_bench_search_request *request, FILE *out) {
    tools_report report = {out, request->json, 0};
    tools_report_text(&report, "function", request->function);
    tools_report_count(&report, "members", request->members);
    tools_report_count(&report, "seeds", request->seeds);
    tools_report_count(&report, "parallel", request->parallel);
    if (request->json) {
        fputs(",\"search\":[", out);
    } else {
        fprintf(out, "%-12s %11s %12s %12s %14s %8s\n", "method", "evaluations", "median", "quartile", "upper_quartile",
                "seconds");
    }
}

/* ---- the request ------------------------------------------------------------------------------------------------- */

static dstn_status find_function(const char *name, const test_function **out, dstn_error *err) {
    const char *names[FUNCTIONS];
    for (int i = 0; i < FUNCTIONS; i++) {
        names[i] = functions[i].name;
        if (strcmp(name, names[i]) == 0) {
            *out = &functions[i];
            return DSTN_OK;
        }
    }
    char *message = dstn_unknown_name("function", name, names, FUNCTIONS, NULL);
    dstn_fail(err, DSTN_ERROR_USAGE, "--function: %s", message);
    free(message);
    return err->status;
}

/* Those that search a space. */
static dstn_status find_method(const char *name, const dstn_search_method **out, dstn_error *err) {
    const char *names[MOST_METHODS];
    size_t count = 0;
    const dstn_search_method *method;
    for (size_t i = 0; (method = dstn_search_method_at(i)) != NULL && count < MOST_METHODS; i++) {
        if (has_key(method, "space")) {
            names[count++] = method->name;
            if (strcmp(method->name, name) == 0) {
                *out = method;
                return DSTN_OK;
            }
        }
    }
    char *message = dstn_unknown_name("method that searches a space", name, names, count, NULL);
    dstn_fail(err, DSTN_ERROR_USAGE, "--search: %s", message);
    free(message);
    return err->status;
}

static dstn_status find_methods(const char *list, const dstn_search_method *methods[MOST_METHODS], int *count,
                                dstn_error *err) {
    char *copy = dstn_strdup(list), *rest = copy;
    dstn_status status = DSTN_OK;
    for (*count = 0; rest && status == DSTN_OK; (*count)++) {
        char *name = rest;
        rest = strchr(rest, ',');
        if (rest) {
            *rest++ = '\0';
        }
        status = *count < MOST_METHODS
                     ? find_method(name, &methods[*count], err)
                     : dstn_fail(err, DSTN_ERROR_USAGE, "--search: accepted: up to %d methods", MOST_METHODS);
    }
    free(copy);
    return status;
}

static dstn_status check_request(const dstn_bench_search_request *request, dstn_error *err) {
    const int64_t most = 10000;
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {{"members", request->members}, {"seeds", request->seeds}, {"parallel", request->parallel}};
    for (int i = 0; i < 3; i++) {
        if (counts[i].value < 1 || counts[i].value > most) {
            return dstn_fail(err, DSTN_ERROR_USAGE, "--%s %lld: accepted: 1 to %lld", counts[i].name,
                             (long long)counts[i].value, (long long)most);
        }
    }
    return DSTN_OK;
}

dstn_status dstn_bench_search(const dstn_console *console, const dstn_bench_search_request *request, dstn_error *err) {
    const dstn_search_method *methods[MOST_METHODS];
    const test_function *function = NULL;
    int count = 0;
    if (check_request(request, err) || find_function(request->function, &function, err) ||
        find_methods(request->methods, methods, &count, err)) {
        return err->status;
    }
    dstn_status status = DSTN_OK;
    for (int m = 0; m < count && status == DSTN_OK; m++) {
        searching s = {.method = methods[m], .function = function};
        status = open_search(&s, request, 0, err);
        close_search(&s);
    }
    if (status == DSTN_OK && console->out) {
        print_head(request, console->out);
    }
    for (int m = 0; m < count && status == DSTN_OK; m++) {
        table t;
        make_table(request, &t);
        status = run_method(console->world, request, methods[m], function, &t, err);
        if (status == DSTN_OK && console->out) {
            print_method(methods[m], request, &t, m == 0, console->out);
        }
        clear_table(&t);
    }
    if (status == DSTN_OK && console->out && request->json) {
        fputs("]}\n", console->out);
    }
    return status;
}
