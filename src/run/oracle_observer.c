/* The observer that holds the learned response beside the exact one: at each row of the record the regret
 * L_V(λ, r(λ)) − min, the error of w_0 against r(λ), and error and cosine of the learned Θ against ∂r/∂λ and against
 * the Θ_σ that Δ-STN's own objective asks for at this σ. */
#include "observers.h"

#include <math.h>
#include <stdlib.h>

run_oracle_observer *run_oracle_observer_new(dstn_job *job, dstn_record *record) {
    run_oracle_observer *o = dstn_alloc(1, sizeof(*o));
    size_t d = (size_t)dstn_oracle_dimension(job->oracle);
    o->job = job;
    o->record = record;
    o->regret = dstn_record_series(record, "regret", DSTN_F64, 0);
    o->exact_valid_loss = dstn_record_series(record, "exact_valid_loss", DSTN_F64, 0);
    o->response_error = dstn_record_series(record, "response_error", DSTN_F64, 0);
    o->theta_error = dstn_record_series(record, "theta_error", DSTN_F64, 0);
    o->theta_cosine = dstn_record_series(record, "theta_cosine", DSTN_F64, 0);
    o->smoothed_error = dstn_record_series(record, "smoothed_error", DSTN_F64, 0);
    o->smoothed_cosine = dstn_record_series(record, "smoothed_cosine", DSTN_F64, 0);
    o->learned = dstn_alloc(d, sizeof(double));
    o->learned_theta = dstn_alloc(d, sizeof(double));
    o->exact = dstn_alloc(d, sizeof(double));
    return o;
}

void run_oracle_observer_destroy(run_oracle_observer *observer) {
    if (observer) {
        free(observer->learned);
        free(observer->learned_theta);
        free(observer->exact);
        free(observer);
    }
}

/* ‖got − want‖/‖want‖ and the cosine between them (NAN where one is zero). */
static void compare(int64_t n, const double *got, const double *want, double *error, double *cosine) {
    double got2 = dstn_vector_dot(n, got, got), want2 = dstn_vector_dot(n, want, want),
           both = dstn_vector_dot(n, got, want);
    double difference2 = 0;
    for (int64_t i = 0; i < n; i++) {
        difference2 += (got[i] - want[i]) * (got[i] - want[i]);
    }
    *error = sqrt(difference2 / want2);
    *cosine = both / sqrt(got2 * want2);
}

void run_oracle_observer_append(run_oracle_observer *o) {
    const dstn_oracle *oracle = o->job->oracle;
    const dstn_space *space = o->job->space;
    int64_t d = dstn_oracle_dimension(oracle);
    double lambda = space->lambda[0], error, cosine;
    double regret = dstn_oracle_regret(oracle, lambda), loss = dstn_oracle_loss(oracle, lambda);
    dstn_record_append(o->record, o->regret, &regret);
    dstn_record_append(o->record, o->exact_valid_loss, &loss);

    double z = o->job->method->tunes && !o->job->method->centered ? lambda : 0;
    dstn_oracle_learned(oracle, o->job->model, z, o->learned, o->learned_theta);
    dstn_oracle_response(oracle, lambda, o->exact);
    compare(d, o->learned, o->exact, &error, &cosine);
    dstn_record_append(o->record, o->response_error, &error);
    dstn_oracle_jacobian(oracle, lambda, o->exact);
    compare(d, o->learned_theta, o->exact, &error, &cosine);
    dstn_record_append(o->record, o->theta_error, &error);
    dstn_record_append(o->record, o->theta_cosine, &cosine);
    dstn_oracle_smoothed_jacobian(oracle, lambda, dstn_space_sigma(space, 0), o->learned, o->exact);
    compare(d, o->learned_theta, o->exact, &error, &cosine);
    dstn_record_append(o->record, o->smoothed_error, &error);
    dstn_record_append(o->record, o->smoothed_cosine, &cosine);
}

static dstn_status on_step(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)err;
    run_oracle_observer *observer = self;
    if (run_job_records_step(observer->job, dstn_trainer_progress(trainer)->step)) {
        run_oracle_observer_append(observer);
    }
    return DSTN_OK;
}

dstn_observer run_oracle_observer_as_observer(run_oracle_observer *observer) {
    return (dstn_observer){observer, on_step, dstn_observer_ignore, dstn_observer_ignore};
}
