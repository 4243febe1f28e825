/* dstn oracle CONFIG.yaml: the exact best hyperparameter of a config with a closed form, and oracle.h5. */
#include "dstn/tools.h"

#include <stdlib.h>

#include "dstn/store.h"

/* λ at which best response and Jacobian are written: λ*, or the end of the curve where it lies at an edge. */
static double best_lambda(const dstn_oracle *oracle) {
    int64_t count;
    const double *lambda, *loss;
    dstn_oracle_curve(oracle, &count, &lambda, &loss);
    switch (dstn_oracle_edge(oracle)) {
    case DSTN_EDGE_LOW:
        return lambda[0];
    case DSTN_EDGE_HIGH:
        return lambda[count - 1];
    default:
        return dstn_oracle_lambda_star(oracle);
    }
}

static void print_answer(FILE *out, const dstn_job *job, const double *response, const double *jacobian) {
    const dstn_oracle *oracle = job->oracle;
    int64_t d = dstn_oracle_dimension(oracle);
    fprintf(out, "lambda_star %.17g\n", dstn_oracle_lambda_star(oracle));
    fprintf(out, "value_star %.17g\n", dstn_space_value(job->space, 0, best_lambda(oracle)));
    fprintf(out, "edge %s\n", dstn_edge_name(dstn_oracle_edge(oracle)));
    fprintf(out, "best_loss %.17g\n", dstn_oracle_best_loss(oracle));
    fprintf(out, "lambda_start %.17g\n", job->space->lambda[0]);
    fprintf(out, "loss_start %.17g\n", dstn_oracle_loss(oracle, job->space->lambda[0]));
    fprintf(out, "regret_start %.17g\n", dstn_oracle_regret(oracle, job->space->lambda[0]));
    fprintf(out, "dimension %lld\n", (long long)d);
    fprintf(out, "response_norm %.17g\n", dstn_vector_norm(d, response));
    fprintf(out, "jacobian_norm %.17g\n", dstn_vector_norm(d, jacobian));
}

static dstn_status write_answer(const dstn_oracle *oracle, const char *folder, const double *response,
                                const double *jacobian, dstn_error *err) {
    dstn_status status = dstn_store_make_folder(folder, err);
    char *path = dstn_format("%s/oracle.h5", folder);
    dstn_writer *writer;
    if (status == DSTN_OK) {
        status = dstn_writer_open(path, &writer, err);
    }
    if (status == DSTN_OK) {
        int64_t count, d = dstn_oracle_dimension(oracle);
        const double *lambda, *loss;
        double star = dstn_oracle_lambda_star(oracle);
        dstn_oracle_curve(oracle, &count, &lambda, &loss);
        dstn_writer_array(writer, "grid", DSTN_F64, 1, &count, lambda);
        dstn_writer_array(writer, "curve", DSTN_F64, 1, &count, loss);
        dstn_writer_array(writer, "lambda_star", DSTN_F64, 0, NULL, &star);
        dstn_writer_array(writer, "best_response", DSTN_F64, 1, &d, response);
        dstn_writer_array(writer, "jacobian", DSTN_F64, 1, &d, jacobian);
        dstn_writer_text(writer, "", "edge", dstn_edge_name(dstn_oracle_edge(oracle)));
        dstn_writer_text(writer, "", "closed_form", dstn_oracle_name(oracle));
        dstn_writer_number(writer, "", "best_loss", dstn_oracle_best_loss(oracle));
        status = dstn_writer_commit(writer, err);
    }
    free(path);
    return status;
}

dstn_status dstn_solve_oracle(const dstn_console *console, const char *config, dstn_assignments set, const char *folder,
                              dstn_error *err) {
    dstn_doc *doc;
    dstn_job *job;
    dstn_status status = dstn_job_load(config, set, &doc, err);
    if (status == DSTN_OK) {
        status = dstn_doc_put(doc, "record.oracle", "true", config, err);
    }
    status = dstn_group_agree(console->world, status, err);
    if (status == DSTN_OK) {
        status = dstn_job_new(doc, console->world, &console->log, DSTN_JOB_MODEL, &job, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    status = dstn_job_add_oracle(job, err);
    if (status != DSTN_OK) {
        dstn_job_destroy(job);
        return dstn_fail_in(err, "%s", config);
    }
    dstn_announce(console, job->dataset->summary);
    size_t d = (size_t)dstn_oracle_dimension(job->oracle);
    double *response = dstn_alloc(d, sizeof(double)), *jacobian = dstn_alloc(d, sizeof(double));
    dstn_oracle_response(job->oracle, best_lambda(job->oracle), response);
    dstn_oracle_jacobian(job->oracle, best_lambda(job->oracle), jacobian);
    if (dstn_group_leads(console->world)) {
        status = write_answer(job->oracle, folder, response, jacobian, err);
        if (status == DSTN_OK) {
            print_answer(console->out, job, response, jacobian);
        }
    }
    free(jacobian);
    free(response);
    dstn_job_destroy(job);
    return dstn_group_verdict(console->world, status, err);
}
