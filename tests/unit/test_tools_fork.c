/* A run that goes on from another one's end is that run made longer, to the last bit; only what its config says
 * differently is another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "dstn/store.h"
#include "dstn/tools.h"
#include "scratch.h"

static char *folder;
static dstn_console console;

/* Epochs of 12 steps, in which the plateau's rates fall, and the best epoch is none of the last. */
static const char by_epochs[] = "method: delta-stn\n"
                                "data: {source: csv, path: %s/data.csv, target: y, valid_fraction: 0.25}\n"
                                "model:\n"
                                "  loss: mse\n"
                                "  layers: [linear: {out: 6}, relu, dropout: {rate: drop}, linear: {out: 1}]\n"
                                "regularizers: {l2: {strength: decay}}\n"
                                "hyperparameters:\n"
                                "  drop: {range: [0, 0.9], start: 0.2, scale: 0.3}\n"
                                "  decay: {transform: exp, start: 0.01, scale: 0.5}\n"
                                "train: {epochs: 2, batch: 5, train_steps: 2, evaluate: true}\n"
                                "optimizer: {name: sgd, rate: 0.05, momentum: 0.9, schedule: plateau, patience: 1, "
                                "factor: 0.5}\n"
                                "hyper_optimizer: {name: adam, rate: 0.02, schedule: step, milestones: [1, 3]}\n"
                                "record: {every: 7}\n"
                                "digest_every: 5\n";

/* Up to the middle of an epoch; moments of Adam, and a rate that falls in between. */
static const char by_iterations[] =
    "method: fixed\n"
    "data: {source: csv, path: %s/data.csv, target: y, valid_fraction: 0.25}\n"
    "model:\n"
    "  loss: mse\n"
    "  layers: [linear: {out: 6}, batchnorm, relu, dropout: {rate: drop}, linear: {out: 1}]\n"
    "hyperparameters:\n"
    "  drop: {range: [0, 0.9], start: 0.2}\n"
    "  decay: {start: 1}\n"
    "train: {iterations: 17, batch: 5}\n"
    "optimizer: {name: adam, rate: 0.05, schedule: step, milestones: [1, 2]}\n"
    "record: {every: 5}\n";

static void write_data(void) {
    char *path = dstn_format("%s/data.csv", folder);
    FILE *out = fopen(path, "w");
    fputs("a,b,y\n", out);
    for (int i = 0; i < 80; i++) {
        double a = sin(i), b = cos(3 * i);
        fprintf(out, "%.17g,%.17g,%.17g\n", a, b, a * b + a + 0.3 * sin(50.0 * i));
    }
    fclose(out);
    free(path);
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static char *path_of(const char *name) {
    return dstn_format("%s/%s", folder, name);
}

typedef struct settings {
    const char *items[4]; /* NULL ends them */
} settings;

static dstn_job *open_job(const char *config, settings set) {
    char *text = dstn_format(config, folder); // NOLINT(clang-diagnostic-format-nonliteral)
    dstn_doc *doc;
    dstn_job *job;
    dstn_error err = {0};
    assert_int_equal(dstn_doc_parse(text, "config.yaml", &doc, &err), DSTN_OK);
    for (int i = 0; i < 4 && set.items[i]; i++) {
        assert_int_equal(dstn_doc_set(doc, set.items[i], &err), DSTN_OK);
    }
    free(text);
    if (dstn_job_new(doc, console.world, &console.log, DSTN_JOB_TRAINER, &job, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    return job;
}

/* A member named `name`; parent: likewise, or NULL. */
static dstn_status run_job(dstn_job *job, const char *name, const char *parent, dstn_error *err) {
    char *own = path_of(name), *other = parent ? path_of(parent) : NULL;
    dstn_display *display = dstn_display_new(&console);
    dstn_run_request request = {
        .folder = own, .name = name, .parent = other, .resume = true, .is_member = true, .display = display};
    *err = (dstn_error){0};
    dstn_status status = dstn_run(job, &request, err);
    dstn_display_destroy(display);
    free(own);
    free(other);
    return status;
}

static dstn_status try_run(const char *config, const char *name, const char *parent, settings set, dstn_error *err) {
    dstn_job *job = open_job(config, set);
    dstn_status status = run_job(job, name, parent, err);
    dstn_job_destroy(job);
    return status;
}

static void run(const char *config, const char *name, const char *parent, settings set) {
    dstn_error err;
    if (try_run(config, name, parent, set, &err) != DSTN_OK) {
        fail_msg("%s: %s", name, err.message);
    }
}

/* What `dstn diff` says of two runs. */
static char *diff(const char *a, const char *b) {
    char *paths[] = {path_of(a), path_of(b)}, *text = NULL;
    size_t size;
    dstn_console to_text = console;
    dstn_error err = {0};
    to_text.out = open_memstream(&text, &size);
    dstn_diff(&to_text, (const char *const *)paths, &err);
    fclose(to_text.out);
    free(paths[0]);
    free(paths[1]);
    return text;
}

static void assert_same(const char *a, const char *b) {
    char *said = diff(a, b);
    if (strncmp(said, "equal", 5) != 0) {
        fail_msg("%s and %s: %s", a, b, said);
    }
    free(said);
}

static void assert_refused(const char *config, const char *name, const char *parent, settings set, dstn_status want,
                           const char *what) {
    dstn_error err;
    assert_int_equal(try_run(config, name, parent, set, &err), want);
    if (!strstr(err.message, what)) {
        fail_msg("\"%s\" says nothing of \"%s\"", err.message, what);
    }
}

static dstn_reader *open_record(const char *name) {
    char *path = dstn_format("%s/%s/run.h5", folder, name);
    dstn_reader *reader;
    dstn_error err;
    assert_int_equal(dstn_reader_open(path, DSTN_ERROR_RUN, &reader, &err), DSTN_OK);
    free(path);
    return reader;
}

/* A series as doubles; *count [out] of all its values. */
static double *series(const char *name, const char *what, int64_t *count) {
    dstn_reader *reader = open_record(name);
    double *values;
    dstn_error err;
    assert_int_equal(dstn_reader_doubles(reader, what, count, &values, &err), DSTN_OK);
    dstn_reader_close(reader);
    return values;
}

/* ---- the same config --------------------------------------------------------------------------------------------- */

static void a_fork_of_more_epochs_is_the_run_made_longer(void **state) {
    (void)state;
    run(by_epochs, "e2", NULL, (settings){{NULL}});
    run(by_epochs, "e5", NULL, (settings){{"train.epochs=5"}});
    run(by_epochs, "e2-5", "e2", (settings){{"train.epochs=5"}});
    assert_same("e5", "e2-5");
    run(by_epochs, "e2-3", "e2", (settings){{"train.epochs=3"}});
    run(by_epochs, "e2-3-5", "e2-3", (settings){{"train.epochs=5"}});
    assert_same("e5", "e2-3-5");

    dstn_reader *reader = open_record("e2-3-5");
    double step = 0;
    char *parent = dstn_reader_text(reader, "provenance", "parent");
    assert_string_equal(parent, "e2-3");
    assert_true(dstn_reader_number(reader, "provenance", "parent_step", &step));
    assert_int_equal(step, 36);
    free(parent);
    dstn_reader_close(reader);
}

static void a_fork_of_more_iterations_is_the_run_made_longer(void **state) {
    (void)state;
    run(by_iterations, "i17", NULL, (settings){{NULL}});
    run(by_iterations, "i40", NULL, (settings){{"train.iterations=40"}});
    run(by_iterations, "i17-40", "i17", (settings){{"train.iterations=40"}});
    assert_same("i40", "i17-40");
}

/* ---- its own files ----------------------------------------------------------------------------------------------- */

/* Takes the n-th checkpoint away before it has its name, which ends the run there: what a kill leaves. */
static int writes_left;

static void spoil_write(const char *path) {
    if (strstr(path, "/step-") && writes_left-- == 0) {
        char *unfinished = dstn_format("%s.tmp-%ld.dstn", path, (long)getpid());
        assert_int_equal(unlink(unfinished), 0);
        free(unfinished);
    }
}

static void run_and_die(const char *name, const char *parent, settings set, int after) {
    dstn_error err;
    writes_left = after;
    dstn_store_set_write_hook(spoil_write);
    assert_int_equal(try_run(by_epochs, name, parent, set, &err), DSTN_ERROR_RUN);
    dstn_store_set_write_hook(NULL);
}

static void a_fork_that_dies_before_its_first_checkpoint_forks_again(void **state) {
    (void)state;
    const settings five = {{"train.epochs=5", "checkpoint_steps=13"}};
    run_and_die("killed", "e2", five, 0);
    run(by_epochs, "killed", "e2", five);
    assert_same("e5", "killed");
}

static void the_folders_own_checkpoint_wins(void **state) {
    (void)state;
    const settings five = {{"train.epochs=5", "checkpoint_steps=13"}};
    run_and_die("resumed", "e2", five, 1);
    run(by_epochs, "resumed", "moved-away", five); /* no such folder */
    assert_same("e5", "resumed");
    dstn_reader *reader = open_record("resumed");
    double step = 0;
    assert_true(dstn_reader_number(reader, "provenance", "parent_step", &step));
    assert_int_equal(step, 24);
    dstn_reader_close(reader);
}

/* As members of a sweep that keeps records alone, once nobody was thought to need them. */
static void a_parent_without_checkpoints_is_not_needed_where_its_line_has_one_config(void **state) {
    (void)state;
    run(by_epochs, "a2", NULL, (settings){{NULL}});
    run(by_epochs, "a3", "a2", (settings){{"train.epochs=3"}});
    run(by_epochs, "b3", "a2", (settings){{"train.epochs=3", "hyperparameters.drop.start=0.5"}});
    run(by_epochs, "b4", "b3", (settings){{"train.epochs=4", "hyperparameters.drop.start=0.5"}});
    for (int i = 0; i < 4; i++) {
        char *gone = path_of((const char *[]){"a2", "a3", "b3", "b4"}[i]);
        dstn_run_keep_record(gone);
        free(gone);
    }
    run(by_epochs, "a5", "a3", (settings){{"train.epochs=5"}});
    assert_same("e5", "a5");
    /* What drop was in a2 is not in this config. */
    assert_refused(by_epochs, "b5", "b4", (settings){{"train.epochs=5", "hyperparameters.drop.start=0.5"}},
                   DSTN_ERROR_CHECKPOINT, "b4 has no checkpoint");
}

/* ---- another config ---------------------------------------------------------------------------------------------- */

static void lambda_moves_to_a_start_that_is_another_and_stays_elsewhere(void **state) {
    (void)state;
    run(by_epochs, "moved", "e2",
        (settings){{"train.epochs=3", "hyperparameters.drop.start=0.5", "hyper_optimizer.rate=0"}});
    int64_t count, rows, before;
    double *values = series("moved", "series/value", &count), *steps = series("moved", "series/step", &rows);
    double *parents = series("e2", "series/value", &before);
    char *checkpoint = dstn_format("%s/e2/step-00000024.h5", folder);
    double lambda[2];
    dstn_reader *reader;
    dstn_error err;
    assert_int_equal(dstn_checkpoint_open(checkpoint, &reader, &err), DSTN_OK);
    assert_int_equal(dstn_reader_array(reader, "state/hyper/lambda", DSTN_F64, 2, lambda, &err), DSTN_OK);
    dstn_reader_close(reader);
    free(checkpoint);
    /* Rows 0, 7, 14, 21 of the parent, then one of the fork's step with λ as it goes on. */
    assert_int_equal(before, 8);
    assert_memory_equal(values, parents, 8 * sizeof(double));
    assert_int_equal(steps[4], 24);
    for (int64_t row = 4; row < rows; row++) {
        assert_true(fabs(values[2 * row] - 0.5) < 1e-12);
        assert_true(fabs(values[2 * row + 1] - exp(lambda[1])) < 1e-15);
    }
    assert_true(fabs(exp(lambda[1]) - 0.01) > 1e-6); /* it had been tuned */
    free(values);
    free(steps);
    free(parents);
}

static void rates_go_on_from_the_forks_own(void **state) {
    (void)state;
    run(by_epochs, "slow", NULL, (settings){{"train.epochs=4"}});
    run(by_epochs, "fast", "slow", (settings){{"train.epochs=5", "optimizer.rate=0.2", "optimizer.momentum=0.5"}});
    int64_t count;
    double *slow = series("slow", "epochs/rate", &count), *fast = series("fast", "epochs/rate", &count);
    double *reference = series("e5", "epochs/rate", &count);
    assert_true(reference[4] < 0.05); /* it has fallen by then */
    assert_true(fabs(fast[4] - 4 * reference[4]) < 1e-15);
    assert_memory_equal(slow, fast, 4 * sizeof(double));
    free(slow);
    free(fast);
    free(reference);
    run(by_iterations, "quick", "i17", (settings){{"train.iterations=40", "optimizer.rate=0.1"}});
    char *said = diff("i40", "quick");
    assert_non_null(strstr(said, "different"));
    free(said);
}

static void what_else_differs_is_refused_by_name(void **state) {
    (void)state;
    const settings others[] = {{{"train.epochs=5", "train.batch=6"}},
                               {{"train.epochs=5", "seed=1"}},
                               {{"train.epochs=5", "hyperparameters.drop.scale=1"}},
                               {{"train.epochs=5", "optimizer.average_after=3"}},
                               {{"train.epochs=5", "optimizer.patience=2"}},
                               {{"train.epochs=1"}}};
    const char *keys[] = {"\"train.batch\"",         "\"seed\"",           "drop.scale\"",
                          "optimizer.average_after", "optimizer.patience", "has made 24 steps, more than the 12"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_refused(by_epochs, "refused", "e2", others[i], DSTN_ERROR_USAGE, keys[i]);
    }
    assert_refused(by_epochs, "refused", "nothing", (settings){{NULL}}, DSTN_ERROR_CHECKPOINT, "has no checkpoint");
    char *data = path_of("data.csv");
    size_t size = 0;
    unsigned char *bytes = scratch_read(data, &size);
    assert_non_null(bytes);
    bytes[size - 3] ^= 1;
    assert_true(scratch_write(data, bytes, size));
    assert_refused(by_epochs, "refused", "e2", (settings){{NULL}}, DSTN_ERROR_USAGE, "does not hold the data of");
    free(bytes);
    free(data);
}

int main(int argc, char **argv) {
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    console = (dstn_console){.world = dstn_group_world(), .log = {.out = stderr, .level = DSTN_LOG_QUIET}};
    folder = scratch_make();
    write_data();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fork_of_more_epochs_is_the_run_made_longer),
        cmocka_unit_test(a_fork_of_more_iterations_is_the_run_made_longer),
        cmocka_unit_test(a_fork_that_dies_before_its_first_checkpoint_forks_again),
        cmocka_unit_test(the_folders_own_checkpoint_wins),
        cmocka_unit_test(a_parent_without_checkpoints_is_not_needed_where_its_line_has_one_config),
        cmocka_unit_test(lambda_moves_to_a_start_that_is_another_and_stays_elsewhere),
        cmocka_unit_test(rates_go_on_from_the_forks_own),
        cmocka_unit_test(what_else_differs_is_refused_by_name),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_remove(folder);
    dstn_group_destroy(console.world);
    return dstn_ranks_finish(failed != 0);
}
