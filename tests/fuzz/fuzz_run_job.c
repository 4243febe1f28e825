/* Fuzzes configs: sections, layers, hyperparameters, schedules, everything that a job is made of before its first step.
 */
#include "dstn/run.h"

#include "fuzz.h"

#include <ctype.h>

enum { MOST_DIGITS = 2 };

static dstn_group *self;
static char *config_path;

static void start(int *argc, char ***argv) {
    dstn_error err;
    if (dstn_ranks_start(argc, argv, &err) != DSTN_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    self = dstn_group_self();
    fuzz_make_folder();
    config_path = fuzz_path("config.yaml");
    char *table = fuzz_path("x.csv");
    FILE *out = fopen(table, "w");
    fprintf(out, "a,b,c,y\n");
    for (int i = 0; i < 40; i++) {
        fprintf(out, "%d,%d.5,%d,%d\n", i, i * 7 % 11, i * i % 13, i % 3);
    }
    fclose(out);
    free(table);
}

/* Large models belong to those who ask for them, not here. */
static void cut_numbers(char *text) {
    int digits = 0;
    for (char *c = text; *c; c++) {
        digits = isdigit((unsigned char)*c) ? digits + 1 : 0;
        if (digits > MOST_DIGITS) {
            *c = ' ';
        }
    }
}

static void fuzz_one(const uint8_t *bytes, size_t size) {
    char *text = fuzz_text(bytes, size);
    cut_numbers(text);
    fuzz_write(config_path, text, strlen(text));
    free(text);
    dstn_doc *doc;
    dstn_job *job;
    dstn_error err = {DSTN_OK, ""};
    if (dstn_job_load(config_path, (dstn_assignments){0}, &doc, &err) == DSTN_OK &&
        dstn_job_new(doc, self, NULL, DSTN_JOB_TRAINER, &job, &err) == DSTN_OK) {
        free(dstn_job_config_text(job, "run"));
        dstn_job_destroy(job);
    }
    fuzz_check_message(&err);
}

FUZZ_TARGET(start)
