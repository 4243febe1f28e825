/* dstn train CONFIG.yaml: one run. */
#include "drill_hook.h"
#include "output.h"
#include "run.h"
#include "stop.h"
#include "watchdog.h"

#include <stdlib.h>
#include <unistd.h>

#include "dstn/kernel.h"

void dstn_announce(const dstn_cli *cli, const char *what) {
    const char *host;
    int hosts = dstn_group_hosts(cli->world, &host);
    int ranks = dstn_group_size(cli->world), threads = dstn_kernel_init_threads();
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    dstn_log_info(&cli->log, "%d rank%s on %d host%s (%s, %ld cores), %d thread%s each; %s", ranks,
                  ranks == 1 ? "" : "s", hosts, hosts == 1 ? "" : "s", host, cores, threads, threads == 1 ? "" : "s",
                  what);
}

static void announce(const dstn_cli *cli, const dstn_job *job, const char *folder) {
    dstn_announce(cli, job->dataset->summary);
    int64_t response = job->method->tunes ? job->model->count[DSTN_RANGE_RESPONSE] : 0;
    dstn_log_info(&cli->log,
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
    for (int i = 0; i < space->count; i++) {
        fprintf(out, "%s %.17g\n", space->items[i].name, dstn_space_value(space, i, space->lambda[i]));
    }
    fprintf(out, "valid_loss %.17g\n", valid_loss);
    if (job->model->loss == DSTN_LOSS_CROSS_ENTROPY) {
        fprintf(out, "valid_accuracy %.17g\n", accuracy);
    }
    if (job->oracle) {
        fprintf(out, "lambda %.17g\n", space->lambda[0]);
        fprintf(out, "lambda_star %.17g\n", dstn_oracle_lambda_star(job->oracle));
        fprintf(out, "regret %.17g\n", dstn_oracle_regret(job->oracle, space->lambda[0]));
    }
}

static dstn_status train(const dstn_cli *cli, const dstn_arguments *arguments, dstn_job *job, const char *folder,
                         dstn_error *err) {
    dstn_board *board;
    dstn_status status = dstn_board_new(cli->world, sizeof(dstn_member_progress), &board, err);
    if (status != DSTN_OK) {
        return status;
    }
    announce(cli, job, folder);
    dstn_display *display = dstn_display_new(cli, board);
    dstn_run_request request = {.folder = folder,
                                .name = folder,
                                .init = arguments->init,
                                .resume = arguments->resume,
                                .board = board,
                                .display = display};
    status = dstn_run(job, &request, err);
    dstn_display_destroy(display);
    dstn_board_destroy(board);
    if (status == DSTN_OK) {
        double loss, accuracy;
        dstn_trainer_evaluate(job->trainer, DSTN_PART_VALID, &loss, &accuracy);
        report(cli->out, job, loss, accuracy);
    }
    return status;
}

dstn_status dstn_train_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err) {
    const char *config = arguments->operands[0];
    dstn_stop_watch(arguments->time_limit);
    dstn_watchdog_start(cli->world, arguments->hang_timeout);
    dstn_doc *doc;
    dstn_job *job;
    dstn_status status = dstn_drill_arm(cli->world, err);
    if (status == DSTN_OK) {
        status = dstn_job_load(config, arguments, &doc, err);
    }
    status = dstn_group_agree(cli->world, status, err);
    if (status == DSTN_OK) {
        status = dstn_job_new(doc, cli->world, &cli->log, DSTN_JOB_TRAINER, &job, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    char *folder = dstn_output_folder(arguments, config);
    dstn_lock *lock;
    status = dstn_claim_folder(cli->world, folder, arguments->resume, &lock, err);
    if (status == DSTN_OK) {
        status = train(cli, arguments, job, folder, err);
        dstn_lock_release(lock);
    }
    free(folder);
    dstn_job_destroy(job);
    return status;
}
