/* dstn eval CHECKPOINT [TEXT]: loss and accuracy of a checkpoint's model on whole parts of its data, or on a text. */
#include "dstn/tools.h"
#include "json.h"

#include <math.h>
#include <stdlib.h>

/* What is printed of a checkpoint. */
typedef struct evaluation {
    const char *path;
    const dstn_job *job;
    int64_t step, epoch;
    const char *text; /* that stands in place of the test part; NULL: none */
    int64_t unknown;  /* words of it that are <unk>, as it has them or for want of another number */
    double loss[DSTN_PARTS], accuracy[DSTN_PARTS];
} evaluation;

static bool is_evaluated(const evaluation *e, int part) {
    bool is_wanted = e->text ? part == DSTN_PART_TEST : part != DSTN_PART_TRAIN;
    return is_wanted && e->job->dataset->rows[part] > 0;
}

static const char *part_name(const evaluation *e, int part) {
    static const char *const names[DSTN_PARTS] = {"train", "valid", "test"};
    return e->text ? "text" : names[part];
}

/* Words that are told: all but the first. */
static int64_t words_of_text(const evaluation *e) {
    return e->job->dataset->rows[DSTN_PART_TEST];
}

static void print_lines(FILE *out, const evaluation *e) {
    fprintf(out, "step %lld\nepoch %lld\n", (long long)e->step, (long long)e->epoch);
    for (int part = 0; part < DSTN_PARTS; part++) {
        if (is_evaluated(e, part)) {
            fprintf(out, "%s_loss %.17g\n", part_name(e, part), e->loss[part]);
        }
        if (is_evaluated(e, part) && dstn_trainer_reads_text(e->job->trainer)) {
            fprintf(out, "%s_perplexity %.17g\n", part_name(e, part), exp(e->loss[part]));
        }
        if (is_evaluated(e, part) && !isnan(e->accuracy[part])) {
            fprintf(out, "%s_accuracy %.17g\n", part_name(e, part), e->accuracy[part]);
        }
    }
    if (e->text) {
        fprintf(out, "text_words %lld\ntext_unknown %lld\n", (long long)words_of_text(e), (long long)e->unknown);
    }
    dstn_space_print(e->job->space, out);
}

/* An object of the hyperparameters' values; unrounded: the discrete ones alone, before they are rounded down. */
static void print_json_values(FILE *out, const dstn_space *space, bool unrounded) {
    const char *between = "{";
    for (int i = 0; i < space->count; i++) {
        if (!unrounded || space->items[i].discrete) {
            fputs(between, out);
            tools_json_text(out, space->items[i].name);
            fputc(':', out);
            tools_json_number(out, (unrounded ? dstn_space_unrounded : dstn_space_value)(space, i, space->lambda[i]));
            between = ",";
        }
    }
    fputs(*between == '{' ? "{}" : "}", out);
}

static void print_json(FILE *out, const evaluation *e) {
    const dstn_space *space = e->job->space;
    fputs("{\"checkpoint\":", out);
    tools_json_text(out, e->path);
    fprintf(out, ",\"step\":%lld,\"epoch\":%lld", (long long)e->step, (long long)e->epoch);
    for (int part = 0; part < DSTN_PARTS; part++) {
        if (is_evaluated(e, part)) {
            fprintf(out, ",\"%s_loss\":", part_name(e, part));
            tools_json_number(out, e->loss[part]);
            if (dstn_trainer_reads_text(e->job->trainer)) {
                fprintf(out, ",\"%s_perplexity\":", part_name(e, part));
                tools_json_number(out, exp(e->loss[part]));
            }
            fprintf(out, ",\"%s_accuracy\":", part_name(e, part));
            tools_json_number(out, e->accuracy[part]);
        }
    }
    if (e->text) {
        fprintf(out, ",\"text_words\":%lld,\"text_unknown\":%lld", (long long)words_of_text(e), (long long)e->unknown);
    }
    fputs(",\"hyperparameters\":", out);
    print_json_values(out, space, false);
    fputs(",\"unrounded\":", out);
    print_json_values(out, space, true);
    fputs("}\n", out);
}

static dstn_status evaluate(const dstn_console *console, evaluation e, bool json, dstn_job *job, dstn_error *err) {
    e.job = job;
    dstn_status status = dstn_job_has_data_of(job, e.path, err);
    if (status == DSTN_OK) {
        status = dstn_job_start_from(job, e.path, &e.step, err);
    }
    if (status == DSTN_OK && e.text) {
        status = dstn_dataset_take_text(job->dataset, e.text, &e.unknown, err);
        status = dstn_group_agree(job->group, status, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    e.epoch = (int64_t)dstn_trainer_epochs(job->trainer, e.step);
    for (int part = 0; part < DSTN_PARTS; part++) {
        if (is_evaluated(&e, part)) {
            dstn_trainer_evaluate(job->trainer, (dstn_part)part, &e.loss[part], &e.accuracy[part]);
        }
    }
    if (console->out) {
        (json ? print_json : print_lines)(console->out, &e);
    }
    return DSTN_OK;
}

dstn_status dstn_eval(const dstn_console *console, const char *checkpoint, const char *text, dstn_assignments set,
                      bool json, dstn_error *err) {
    dstn_doc *doc;
    dstn_job *job;
    dstn_status status = dstn_job_load_checkpoint(checkpoint, set, &doc, err);
    status = dstn_group_agree(console->world, status, err);
    if (status == DSTN_OK) {
        status = dstn_job_new(doc, console->world, &console->log, DSTN_JOB_TRAINER, &job, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    dstn_announce(console, job->dataset->summary);
    status = evaluate(console, (evaluation){.path = checkpoint, .text = text}, json, job, err);
    dstn_job_destroy(job);
    return status;
}
