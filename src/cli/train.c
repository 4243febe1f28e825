/* dstn train CONFIG.yaml: one run. */
#include "cli.h"
#include "output.h"

#include <math.h>
#include <stdlib.h>

#include "dstn/kernel.h"

static void announce(const dstn_console *console, const dstn_job *job, const char *folder) {
    dstn_announce(console, job->dataset->summary);
    int64_t response = job->method->tunes ? job->model->count[DSTN_RANGE_RESPONSE] : 0;
    dstn_log_info(&console->log,
                  "%s on %s %s, seed %lld, %lld steps, %lld general + %lld response parameters, %d hyperparameter%s; "
                  "writes %s",
                  job->method->name, job->kernel->backend, dstn_scalar_name(job->kernel->scalar),
                  (long long)job->settings.seed, (long long)dstn_trainer_progress(job->trainer)->steps,
                  (long long)job->model->count[DSTN_RANGE_GENERAL], (long long)response, job->space->count,
                  job->space->count == 1 ? "" : "s", folder);
}

/* What came out, one `name value` a line. */
static void report(FILE *out, dstn_job *job, double valid_loss, double accuracy) {
    if (!out) {
        return;
    }
    const dstn_space *space = job->space;
    dstn_space_print(space, out);
    fprintf(out, "valid_loss %.17g\n", valid_loss);
    if (job->model->loss == DSTN_LOSS_CROSS_ENTROPY) {
        fprintf(out, "valid_accuracy %.17g\n", accuracy);
    }
    if (dstn_trainer_reads_text(job->trainer)) {
        fprintf(out, "valid_perplexity %.17g\n", exp(valid_loss));
    }
    char *why = dstn_run_ended_early(job);
    if (why) {
        fprintf(out, "ended %s\n", why);
    }
    free(why);
    if (job->oracle) {
        fprintf(out, "lambda %.17g\n", space->lambda[0]);
        fprintf(out, "lambda_star %.17g\n", dstn_oracle_lambda_star(job->oracle));
        fprintf(out, "regret %.17g\n", dstn_oracle_regret(job->oracle, space->lambda[0]));
    }
}

static dstn_status train(const dstn_console *console, const cli_arguments *arguments, dstn_job *job, const char *folder,
                         dstn_error *err) {
    dstn_display *display = dstn_display_new(console);
    announce(console, job, folder);
    dstn_run_request request = {
        .folder = folder, .name = folder, .init = arguments->init, .resume = arguments->resume, .display = display};
    dstn_status status = dstn_run(job, &request, err);
    dstn_display_destroy(display);
    if (status == DSTN_OK) {
        double loss, accuracy;
        dstn_trainer_evaluate(job->trainer, DSTN_PART_VALID, &loss, &accuracy);
        report(console->out, job, loss, accuracy);
    }
    return status;
}

dstn_status cli_guard(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    dstn_profile_switch(arguments->profile);
    dstn_stop_watch(arguments->time_limit, &console->log);
    dstn_watchdog_start(console->world, arguments->hang_timeout);
    dstn_status status = dstn_ranks_check_lone(console->world, &console->log, err);
    return status == DSTN_OK ? dstn_drill_arm(console->world, err) : status;
}

dstn_status cli_train_config(const dstn_console *console, const cli_arguments *arguments, dstn_status status,
                             dstn_doc *doc, const char *name, dstn_error *err) {
    dstn_job *job;
    status = dstn_group_agree(console->world, status, err);
    if (status == DSTN_OK) {
        status = dstn_job_new(doc, console->world, &console->log, DSTN_JOB_TRAINER, &job, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    char *folder = cli_output_folder(arguments, name);
    dstn_lock *lock;
    status = cli_claim_folder(console, folder, arguments->resume, &lock, err);
    if (status == DSTN_OK) {
        status = train(console, arguments, job, folder, err);
        dstn_lock_release(lock);
    }
    free(folder);
    dstn_job_destroy(job);
    dstn_profile_tell(console);
    return status;
}

dstn_status cli_train(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    const char *config = arguments->operands[0];
    dstn_doc *doc = NULL;
    dstn_status status = cli_guard(console, arguments, err);
    if (status == DSTN_OK) {
        status = dstn_job_load(config, cli_assignments(arguments), &doc, err);
    }
    return cli_train_config(console, arguments, status, doc, config, err);
}
