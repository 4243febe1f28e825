/* dstn curve: validation loss over the range of one hyperparameter as the learned response predicts it from one
 * checkpoint, beside short retrainings with that hyperparameter held, and for toys the exact curve. */
#include "curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/store.h"

/* ---- the grid ---- */

/* Of some transforms values fall as λ rises. */
static void put_in_order(double ends[2]) {
    double low = fmin(ends[0], ends[1]);
    ends[1] = fmax(ends[0], ends[1]);
    ends[0] = low;
}

/* Where nothing else is said: a range with two ends but for a hundredth at either, else λ0 ± 3 σ. */
static void usual_ends(const dstn_space *space, int i, double ends[2]) {
    const dstn_hyper *hyper = &space->items[i];
    double sigma = dstn_space_sigma(space, i), width = hyper->high - hyper->low;
    for (int e = 0; e < 2; e++) {
        double side = e ? 1 : -1;
        ends[e] = isfinite(width) ? (e ? hyper->high : hyper->low) - side * 0.01 * width
                                  : dstn_space_unrounded(space, i, space->lambda[i] + side * 3 * sigma);
    }
    put_in_order(ends);
}

static dstn_status check_ends(const dstn_space *space, int i, const double ends[2], dstn_error *err) {
    const dstn_hyper *hyper = &space->items[i];
    double low = fmax(hyper->low, hyper->transform->lowest);
    if (ends[0] > low && ends[1] < hyper->high && ends[0] < ends[1]) {
        return DSTN_OK;
    }
    return dstn_fail(err, DSTN_ERROR_USAGE, "--range %g,%g: accepted for %s: LOW,HIGH with %g < LOW < HIGH < %g",
                     ends[0], ends[1], hyper->name, low, hyper->high);
}

/* Even in natural units where the range has two ends, else in λ. */
static void make_grid(tools_curve *curve, const dstn_space *space, const double ends[2]) {
    const dstn_hyper *hyper = &space->items[curve->index];
    bool is_bounded = isfinite(hyper->low) && isfinite(hyper->high);
    double sides[2];
    for (int e = 0; e < 2; e++) {
        sides[e] = is_bounded ? ends[e] : hyper->transform->inverse(ends[e], hyper->low, hyper->high);
    }
    for (int64_t p = 0; p < curve->count; p++) {
        tools_curve_point *point = &curve->points[p];
        double at = sides[0] + (sides[1] - sides[0]) * (double)p / (double)(curve->count - 1);
        point->lambda = is_bounded ? hyper->transform->inverse(at, hyper->low, hyper->high) : at;
        point->value = is_bounded ? at : dstn_space_unrounded(space, curve->index, at);
    }
}

static dstn_status plan(tools_curve *curve, const dstn_job *job, dstn_error *err) {
    const dstn_curve_request *request = curve->request;
    const dstn_space *space = job->space;
    double ends[2];
    usual_ends(space, curve->index, ends);
    if (request->has_range) {
        memcpy(ends, request->range, sizeof ends);
    }
    curve->count = request->points;
    curve->points = dstn_alloc((size_t)curve->count, sizeof *curve->points);
    for (int64_t p = 0; p < curve->count; p++) {
        curve->points[p] = (tools_curve_point){NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    }
    double lambda = space->lambda[curve->index];
    curve->sigma = dstn_space_sigma(space, curve->index);
    for (int e = 0; e < 2; e++) {
        curve->band[e] = dstn_space_unrounded(space, curve->index, lambda + (e ? 1 : -1) * curve->sigma);
    }
    put_in_order(curve->band);
    curve->now =
        (tools_curve_point){dstn_space_unrounded(space, curve->index, lambda), lambda, NAN, NAN, NAN, NAN, NAN};
    dstn_status status = check_ends(space, curve->index, ends, err);
    if (status == DSTN_OK) {
        make_grid(curve, space, ends);
    }
    return status;
}

/* ---- what the response predicts ---- */

static void predict(tools_curve *curve, dstn_job *job) {
    const dstn_space *space = job->space;
    double *shift = dstn_alloc((size_t)space->count, sizeof *shift);
    /* One of the toys has one hyperparameter, of which the exact curve is. */
    bool has_exact = job->oracle && space->count == 1;
    dstn_trainer_evaluate(job->trainer, DSTN_PART_VALID, &curve->now.predicted, &curve->now.accuracy);
    curve->now.exact = has_exact ? dstn_oracle_loss(job->oracle, curve->now.lambda) : NAN;
    for (int64_t p = 0; p < curve->count; p++) {
        tools_curve_point *point = &curve->points[p];
        memset(shift, 0, (size_t)space->count * sizeof *shift);
        shift[curve->index] = point->lambda - curve->now.lambda;
        dstn_trainer_predict(job->trainer, DSTN_PART_VALID, shift, &point->predicted, &point->accuracy);
        point->exact = has_exact ? dstn_oracle_loss(job->oracle, point->lambda) : NAN;
    }
    free(shift);
}

static dstn_status find_hyper(tools_curve *curve, const dstn_job *job, dstn_error *err) {
    const dstn_space *space = job->space;
    const char *name = curve->request->hyper;
    if (!job->method->tunes) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "%s: its method is %s, which learns no response to predict with; accepted: a checkpoint of a "
                         "run that tunes its hyperparameters",
                         curve->request->checkpoint, job->method->name);
    }
    curve->index = dstn_space_find(space, name);
    if (curve->index >= 0) {
        return DSTN_OK;
    }
    const char **names = dstn_alloc((size_t)space->count + 1, sizeof *names);
    for (int i = 0; i < space->count; i++) {
        names[i] = space->items[i].name;
    }
    char *message = dstn_unknown_name("hyperparameter", name, names, (size_t)space->count, NULL);
    dstn_fail(err, DSTN_ERROR_USAGE, "--hyper: %s", message);
    free(message);
    free(names);
    return err->status;
}

/* Loads the config of the checkpoint, with one more setting or none, and makes its trainer. */
static dstn_status make_job(const dstn_console *console, const dstn_curve_request *request, bool is_fixed,
                            dstn_job **job, dstn_error *err) {
    static const char *const fixed[][2] = {
        {"method", "fixed"}, {"centered", "auto"}, {"split_objective", "auto"}, {"linearize", "auto"}};
    dstn_doc *doc = NULL;
    dstn_status status = dstn_job_load_checkpoint(request->checkpoint, request->set, &doc, err);
    for (size_t i = 0; is_fixed && status == DSTN_OK && i < sizeof fixed / sizeof fixed[0]; i++) {
        status = dstn_doc_put(doc, fixed[i][0], fixed[i][1], request->checkpoint, err);
    }
    status = dstn_group_agree(console->world, status, err);
    if (status != DSTN_OK) {
        dstn_doc_destroy(doc);
        return status;
    }
    return dstn_job_new(doc, console->world, &console->log, DSTN_JOB_TRAINER, job, err);
}

static dstn_status predict_all(tools_curve *curve, const dstn_console *console, dstn_error *err) {
    const char *path = curve->request->checkpoint;
    dstn_job *job;
    dstn_status status = make_job(console, curve->request, false, &job, err);
    if (status != DSTN_OK) {
        return status;
    }
    dstn_announce(console, job->dataset->summary);
    status = find_hyper(curve, job, err);
    if (status == DSTN_OK) {
        status = dstn_job_has_data_of(job, path, err);
    }
    if (status == DSTN_OK) {
        status = dstn_job_start_from(job, path, &curve->step, err);
    }
    if (status == DSTN_OK) {
        status = dstn_job_add_oracle(job, err);
    }
    if (status == DSTN_OK) {
        status = plan(curve, job, err);
    }
    if (status == DSTN_OK) {
        predict(curve, job);
        curve->method = job->method->name;
        curve->config = dstn_job_config_text(job, NULL);
    }
    dstn_job_destroy(job);
    return status;
}

/* ---- what training comes to ---- */

/* Whether a checkpoint has all that training goes on from, or weights alone, as best.h5. */
static dstn_status find_state(const dstn_console *console, const char *path, bool *is_whole, dstn_error *err) {
    dstn_reader *reader;
    *is_whole = false;
    dstn_status status = dstn_group_leads(console->world) ? dstn_checkpoint_open(path, &reader, err) : DSTN_OK;
    if (status == DSTN_OK && dstn_group_leads(console->world)) {
        *is_whole = dstn_reader_has(reader, "state/optimizer");
        dstn_reader_close(reader);
    }
    dstn_group_broadcast(console->world, is_whole, sizeof *is_whole);
    return dstn_group_verdict(console->world, status, err);
}

/* From the checkpoint, with its rates, moments and order of data if it has them, the hyperparameter held. */
static dstn_status retrain(const tools_curve *curve, const dstn_console *console, bool is_whole,
                           tools_curve_point *point, dstn_error *err) {
    const dstn_curve_request *request = curve->request;
    dstn_job *job;
    dstn_status status = make_job(console, request, true, &job, err);
    if (status != DSTN_OK) {
        return status;
    }
    dstn_log_info(&console->log, "%s at %g for %lld steps", request->hyper, point->value,
                  (long long)request->retrain_steps);
    status = is_whole ? dstn_job_continue(job, request->checkpoint, err)
                      : dstn_job_start_from(job, request->checkpoint, NULL, err);
    if (status != DSTN_OK) {
        dstn_job_destroy(job);
        return dstn_fail_in(err, "--retrain");
    }
    job->space->lambda[curve->index] = point->lambda;
    for (int64_t s = 0; s < request->retrain_steps; s++) {
        dstn_trainer_train_step(job->trainer);
    }
    dstn_trainer_evaluate(job->trainer, DSTN_PART_VALID, &point->retrained, &point->retrained_accuracy);
    dstn_job_destroy(job);
    return DSTN_OK;
}

/* K of the points, both ends among them, and first the current λ. */
static dstn_status retrain_all(tools_curve *curve, const dstn_console *console, dstn_error *err) {
    int64_t many = curve->request->retrain, last = curve->count - 1;
    bool is_whole;
    dstn_status status = find_state(console, curve->request->checkpoint, &is_whole, err);
    if (status == DSTN_OK) {
        status = retrain(curve, console, is_whole, &curve->now, err);
    }
    for (int64_t k = 0; k < many && status == DSTN_OK; k++) {
        int64_t p = many > 1 ? (k * last + (many - 1) / 2) / (many - 1) : last / 2;
        status = retrain(curve, console, is_whole, &curve->points[p], err);
    }
    return status;
}

/* ---- the command ---- */

static bool ends_in(const char *path, const char *ending) {
    size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcmp(path + length - tail, ending) == 0;
}

static dstn_status check_request(const dstn_curve_request *request, dstn_error *err) {
    if (!request->hyper) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "--hyper: accepted: the name of the hyperparameter that the curve is of");
    }
    if (request->retrain > request->points) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "--retrain %lld: accepted: at most the %lld of --points",
                         (long long)request->retrain, (long long)request->points);
    }
    if (request->out && !ends_in(request->out, ".h5") && !ends_in(request->out, ".csv")) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "--out %s: accepted: FILE.h5 or FILE.csv", request->out);
    }
    return DSTN_OK;
}

static dstn_status deliver(const tools_curve *curve, const dstn_console *console, dstn_error *err) {
    const char *path = curve->request->out;
    dstn_status status = path ? tools_curve_write(curve, path, err) : DSTN_OK;
    if (status == DSTN_OK) {
        tools_curve_print(curve, console->out);
    }
    if (status == DSTN_OK && path) {
        dstn_print_line(console->out, "curve %s", path);
    }
    return status;
}

dstn_status dstn_curve(const dstn_console *console, const dstn_curve_request *request, dstn_error *err) {
    tools_curve curve = {.request = request};
    dstn_status status = check_request(request, err);
    if (status == DSTN_OK) {
        status = predict_all(&curve, console, err);
    }
    if (status == DSTN_OK && request->retrain > 0) {
        status = retrain_all(&curve, console, err);
    }
    if (status == DSTN_OK) {
        status = dstn_group_leads(console->world) ? deliver(&curve, console, err) : DSTN_OK;
        status = dstn_group_verdict(console->world, status, err);
    }
    free(curve.points);
    free(curve.config);
    return status;
}
