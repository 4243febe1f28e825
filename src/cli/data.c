/* dstn data check CONFIG.yaml: reads the data set and says what it found. */
#include "job.h"

#include <string.h>

static void describe(FILE *out, const dstn_dataset *dataset) {
    static const char *const parts[DSTN_PARTS] = {"training", "validation", "test"};
    fprintf(out, "%s\n", dataset->summary);
    for (int p = 0; p < DSTN_PARTS; p++) {
        if (dataset->rows[p] > 0) {
            fprintf(out, "%-10s %lld rows\n", parts[p], (long long)dataset->rows[p]);
        }
    }
    fprintf(out, "features   %lld\noutputs    %lld\n", (long long)dataset->features, (long long)dataset->outputs);
    for (int64_t f = 0; dataset->feature_names && f < dataset->features; f++) {
        double low = dataset->x[DSTN_PART_TRAIN][f], high = low;
        for (int64_t r = 1; r < dataset->rows[DSTN_PART_TRAIN]; r++) {
            double value = dataset->x[DSTN_PART_TRAIN][r * dataset->features + f];
            low = value < low ? value : low;
            high = value > high ? value : high;
        }
        fprintf(out, "  %-24s %10.4g to %.4g\n", dataset->feature_names[f], low, high);
    }
}

dstn_status dstn_data_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err) {
    if (strcmp(arguments->operands[0], "check") != 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "dstn data %s: accepted: dstn data check CONFIG.yaml",
                         arguments->operands[0]);
    }
    dstn_doc *doc;
    dstn_job *job;
    dstn_status status = dstn_job_load(arguments->operands[1], arguments, &doc, err);
    if (dstn_group_agree(cli->world, status, err) != DSTN_OK) {
        return err->status;
    }
    status = dstn_job_new(doc, cli->world, &cli->log, DSTN_JOB_DATA, &job, err);
    if (status != DSTN_OK) {
        return status;
    }
    if (cli->out) {
        describe(cli->out, job->dataset);
    }
    dstn_job_destroy(job);
    return DSTN_OK;
}
