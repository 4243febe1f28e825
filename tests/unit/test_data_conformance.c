/* data: what every augmentation of the table must do: draws that depend on an example's place in the global batch and
 * nothing else, each example at its own strength, nothing at strength 0, pixels before normalized values, bytes as well
 * as numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"
#include "dstn/data.h"

enum { ROWS = 12, FIRST = 3, HYPERS = 2, STRENGTHS = 4, STEPS = 3 };

/* Of both hyperparameters: nothing, then more and more. */
static const double strengths[STRENGTHS] = {0, 0.5, 1, 3};

static const int64_t shapes[][3] = {{2, 9, 7}, {3, 4, 5}, {1, 6, 6}, {1, 1, 1}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static const dstn_rng rng = {.seed = 5, .purpose = DSTN_PURPOSE_AUGMENTATION};

static const char *name_at(const void *user, size_t i) {
    const char *const *names = user;
    return i < HYPERS ? names[i] : NULL;
}

static const char *const names[HYPERS] = {"a", "b"};

static dstn_status read_list(const char *list, const dstn_dataset *dataset, dstn_augment **out, dstn_error *err) {
    char *text = dstn_format("augment: %s\n", list);
    dstn_doc *doc;
    if (dstn_doc_parse(text, "job.yaml", &doc, err)) {
        fail_msg("%s", err->message);
    }
    free(text);
    dstn_status status = dstn_augment_read(dstn_node_child(dstn_doc_root(doc), "augment"), dataset,
                                           (dstn_names){.at = name_at, .user = names}, out, err);
    dstn_doc_destroy(doc);
    return status;
}

static char *entry_of(const dstn_augmentation *type) {
    return dstn_format("%s: %s", type->name, type->example);
}

/* One augmentation on one data set, whatever a kernel makes of it. */
typedef struct setting {
    const dstn_augmentation *type;
    const dstn_dataset *dataset;
    const dstn_kernel *kernel;
    dstn_augment *augment;
    int64_t features;
} setting;

/* The rows first … of the global batch of which they are a share, in double [rows, features]; step < 0: as they are. */
static double *fill(const setting *s, int step, int64_t first, int64_t rows, const double (*values)[HYPERS]) {
    const dstn_augmenting augmenting = {s->augment, rng, (uint64_t)step, values[0], HYPERS};
    dstn_arena *arena = dstn_arena_new();
    dstn_batch batch;
    int64_t indices[ROWS];
    for (int64_t r = 0; r < rows; r++) {
        indices[r] = first + r;
    }
    assert_true(dstn_batch_bind(&batch, s->dataset, s->kernel, rows, 1, arena));
    dstn_batch_fill(&batch, s->dataset, s->kernel, DSTN_PART_TRAIN, indices, 1, rows, first, FIRST + ROWS,
                    step < 0 ? NULL : &augmenting);
    double *x = dstn_alloc((size_t)(rows * s->features), sizeof *x);
    s->kernel->to_double(s->kernel, rows * s->features, batch.x, x);
    dstn_arena_destroy(arena);
    return x;
}

static void set_values(double (*values)[HYPERS], double strength) {
    for (int r = 0; r < ROWS; r++) {
        values[r][0] = values[r][1] = strength;
    }
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

typedef void check_setting(const setting *s);

static const char *storage_of(const dstn_dataset *dataset) {
    return dataset->bytes[DSTN_PART_TRAIN] ? "bytes" : "numbers";
}

/* Colors are nothing for some images: whoever refuses those says what is taken. False: refused. */
static bool is_taken(const dstn_augmentation *type, const dstn_dataset *dataset, const char *list, dstn_augment **out) {
    dstn_error err;
    dstn_status status = read_list(list, dataset, out, &err);
    conformance_enter("augmentation %s, %s of %d channels", type->name, storage_of(dataset), (int)dataset->shape[0]);
    conformance_expect(status == DSTN_OK || (status == DSTN_ERROR_USAGE && strstr(err.message, "; accepted: ")),
                       "is refused: status %d, \"%s\"", status, err.message);
    return status == DSTN_OK;
}

/* Whether the data set's images are taken. */
static bool check_dataset(check_setting *check, const dstn_augmentation *type, const dstn_dataset *dataset) {
    setting s = {.type = type, .dataset = dataset, .features = dataset->features};
    char *entry = entry_of(type), *list = dstn_format("[%s]", entry);
    bool taken = is_taken(type, dataset, list, &s.augment);
    for (int k = 0; taken && (s.kernel = dstn_kernel_at(k)) != NULL; k++) {
        conformance_enter("augmentation %s, %s of [%d, %d, %d], kernel %s %s", type->name, storage_of(dataset),
                          (int)dataset->shape[0], (int)dataset->shape[1], (int)dataset->shape[2], s.kernel->backend,
                          dstn_scalar_name(s.kernel->scalar));
        check(&s);
    }
    dstn_augment_destroy(s.augment);
    free(entry);
    free(list);
    return taken;
}

/* Every augmentation on every kernel, with images of several shapes, as bytes and as numbers; all take colored bytes.
 */
static void walk(check_setting *check) {
    const dstn_augmentation *type;
    for (size_t i = 0; (type = dstn_augmentation_at(i)) != NULL; i++) {
        for (int k = 0; k < SHAPES; k++) {
            dstn_dataset *bytes = dstn_dataset_synthetic_bytes(DSTN_TASK_CLASSIFICATION, 3, shapes[k], 3, 40, 1);
            dstn_dataset *numbers = dstn_dataset_synthetic(DSTN_TASK_CLASSIFICATION, 3, shapes[k], 3, 40, 1);
            bool taken = check_dataset(check, type, bytes);
            conformance_expect(taken || shapes[k][0] != 3, "augmentation %s takes no colored images", type->name);
            check_dataset(check, type, numbers);
            dstn_dataset_destroy(bytes);
            dstn_dataset_destroy(numbers);
        }
    }
    conformance_end();
}

static bool is_same(const setting *s, const double *a, const double *b, int64_t rows) {
    return memcmp(a, b, (size_t)(rows * s->features) * sizeof *a) == 0;
}

/* ---- draws ------------------------------------------------------------------------------------------------------- */

static void check_shares(const setting *s) {
    double values[ROWS][HYPERS];
    for (int r = 0; r < ROWS; r++) {
        values[r][0] = strengths[r % STRENGTHS];
        values[r][1] = strengths[(r + 1) % STRENGTHS];
    }
    double *whole = fill(s, 4, FIRST, ROWS, values);
    for (int cut = 1; cut < ROWS; cut += 4) {
        double *below = fill(s, 4, FIRST, cut, values), *above = fill(s, 4, FIRST + cut, ROWS - cut, values + cut);
        conformance_expect(is_same(s, below, whole, cut) && is_same(s, above, whole + cut * s->features, ROWS - cut),
                           "a batch cut after row %d is another", cut);
        free(below);
        free(above);
    }
    free(whole);
}

static void draws_depend_on_the_place_in_the_global_batch_alone(void **state) {
    (void)state;
    walk(check_shares);
}

static void check_strengths(const setting *s) {
    double mixed[ROWS][HYPERS], values[ROWS][HYPERS];
    for (int r = 0; r < ROWS; r++) {
        mixed[r][0] = mixed[r][1] = strengths[r % STRENGTHS];
    }
    double *x = fill(s, 4, FIRST, ROWS, mixed);
    for (int k = 0; k < STRENGTHS; k++) {
        set_values(values, strengths[k]);
        double *all = fill(s, 4, FIRST, ROWS, values);
        for (int r = k; r < ROWS; r += STRENGTHS) {
            conformance_expect(is_same(s, x + r * s->features, all + r * s->features, 1),
                               "row %d at strength %g depends on the strengths of others", r, strengths[k]);
        }
        free(all);
    }
    free(x);
}

static void the_strength_is_each_example_s_own(void **state) {
    (void)state;
    walk(check_strengths);
}

static void check_nothing(const setting *s) {
    double values[ROWS][HYPERS];
    double *plain = fill(s, -1, FIRST, ROWS, values);
    int changed = 0;
    for (int k = 0; k < STRENGTHS; k++) {
        set_values(values, strengths[k]);
        double *x = fill(s, 4, FIRST, ROWS, values);
        changed += !is_same(s, x, plain, ROWS);
        conformance_expect(strengths[k] > 0 || is_same(s, x, plain, ROWS), "changes images at strength 0");
        free(x);
    }
    conformance_expect(changed > 0 || s->features < 30, "changes nothing at any strength");
    free(plain);
}

static void at_strength_0_images_stay_as_they_are(void **state) {
    (void)state;
    walk(check_nothing);
}

/* At one strength at least, what an example becomes differs from step to step. */
static void check_steps(const setting *s) {
    int distinct = 0;
    for (int k = 0; k < STRENGTHS; k++) {
        double values[ROWS][HYPERS];
        set_values(values, strengths[k]);
        double *x[STEPS];
        for (int step = 0; step < STEPS; step++) {
            x[step] = fill(s, step, FIRST, ROWS, values);
        }
        distinct += !is_same(s, x[0], x[1], ROWS) && !is_same(s, x[1], x[2], ROWS);
        for (int step = 0; step < STEPS; step++) {
            free(x[step]);
        }
    }
    conformance_expect(distinct > 0 || s->features < 30, "draws the same in every step");
}

static void every_step_draws_anew(void **state) {
    (void)state;
    walk(check_steps);
}

/* ---- stages ------------------------------------------------------------------------------------------------------ */

/* The numbers that a data set of bytes decodes to. */
static dstn_dataset *decoded(const dstn_dataset *bytes) {
    dstn_dataset *numbers = dstn_dataset_synthetic(DSTN_TASK_CLASSIFICATION, 3, bytes->shape, bytes->outputs, 40, 1);
    for (int64_t i = 0; i < numbers->rows[DSTN_PART_TRAIN] * numbers->features; i++) {
        int64_t at = i % bytes->channels;
        numbers->x[DSTN_PART_TRAIN][i] = bytes->scale[at] * bytes->bytes[DSTN_PART_TRAIN][i] + bytes->shift[at];
    }
    return numbers;
}

/* Pixels that were bytes are bytes again. */
static void check_pixels(const setting *s, const double *x) {
    int64_t others = 0;
    for (int64_t i = 0; i < ROWS * s->features; i++) {
        int64_t at = i % s->dataset->channels;
        double byte = (x[i] - s->dataset->shift[at]) / s->dataset->scale[at];
        others += !(fabs(byte - round(byte)) < 1e-3 && byte > -0.5 && byte < 255.5);
    }
    conformance_expect(others == 0, "makes %d values that are no bytes", (int)others);
}

/* Normalized values are the same numbers whatever they were stored as. */
static void check_values(const setting *s, const double *x, const double (*values)[HYPERS]) {
    dstn_dataset *numbers = decoded(s->dataset);
    setting other = *s;
    other.dataset = numbers;
    double *want = fill(&other, 4, FIRST, ROWS, values), largest = 0;
    for (int64_t i = 0; i < ROWS * s->features; i++) {
        largest = fmax(largest, fabs(x[i] - want[i]));
    }
    conformance_expect(largest < 1e-5, "makes of bytes what differs by %g from what it makes of their values", largest);
    free(want);
    dstn_dataset_destroy(numbers);
}

static void check_stage(const setting *s) {
    if (!s->dataset->bytes[DSTN_PART_TRAIN]) {
        return;
    }
    for (int k = 0; k < STRENGTHS; k++) {
        double values[ROWS][HYPERS];
        set_values(values, strengths[k]);
        double *x = fill(s, 4, FIRST, ROWS, values);
        if (s->type->stage == DSTN_STAGE_PIXELS) {
            check_pixels(s, x);
        } else {
            check_values(s, x, values);
        }
        free(x);
    }
}

static void pixels_stay_bytes_and_values_forget_them(void **state) {
    (void)state;
    walk(check_stage);
}

static void check_pair(const dstn_dataset *dataset, const dstn_augmentation *first, const dstn_augmentation *second) {
    char *entries[] = {entry_of(first), entry_of(second)}, *list = dstn_format("[%s, %s]", entries[0], entries[1]);
    dstn_augment *augment;
    dstn_error err = {0};
    conformance_enter("augmentation %s before %s", first->name, second->name);
    dstn_status status = read_list(list, dataset, &augment, &err);
    if (first->stage <= second->stage) {
        conformance_expect(status == DSTN_OK, "is refused: %s", err.message);
    } else {
        conformance_expect(status == DSTN_ERROR_USAGE && strstr(err.message, "augment.1") &&
                               strstr(err.message, first->name) && strstr(err.message, second->name),
                           "is not refused with both names and the place: status %d, \"%s\"", status, err.message);
    }
    dstn_augment_destroy(augment);
    free(entries[0]);
    free(entries[1]);
    free(list);
}

static void pixels_stand_before_values_in_every_list(void **state) {
    (void)state;
    dstn_dataset *dataset = dstn_dataset_synthetic_bytes(DSTN_TASK_CLASSIFICATION, 3, shapes[1], 3, 40, 1);
    const dstn_augmentation *first, *second;
    for (size_t i = 0; (first = dstn_augmentation_at(i)) != NULL; i++) {
        for (size_t j = 0; (second = dstn_augmentation_at(j)) != NULL; j++) {
            check_pair(dataset, first, second);
        }
    }
    dstn_dataset_destroy(dataset);
    conformance_end();
}

/* A table of numbers has no height and width. */
static void examples_that_are_no_images_are_refused(void **state) {
    (void)state;
    const int64_t shape[] = {12};
    dstn_dataset *dataset = dstn_dataset_synthetic(DSTN_TASK_CLASSIFICATION, 1, shape, 3, 40, 1);
    const dstn_augmentation *type;
    for (size_t i = 0; (type = dstn_augmentation_at(i)) != NULL; i++) {
        char *entry = entry_of(type), *list = dstn_format("[%s]", entry);
        dstn_augment *augment;
        dstn_error err = {0};
        conformance_enter("augmentation %s", type->name);
        dstn_status status = read_list(list, dataset, &augment, &err);
        conformance_expect(status == DSTN_ERROR_USAGE && strstr(err.message, "augment"),
                           "takes 12 features: status %d, \"%s\"", status, err.message);
        dstn_augment_destroy(augment);
        free(entry);
        free(list);
    }
    dstn_dataset_destroy(dataset);
    conformance_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_depend_on_the_place_in_the_global_batch_alone),
        cmocka_unit_test(the_strength_is_each_example_s_own),
        cmocka_unit_test(at_strength_0_images_stay_as_they_are),
        cmocka_unit_test(every_step_draws_anew),
        cmocka_unit_test(pixels_stay_bytes_and_values_forget_them),
        cmocka_unit_test(pixels_stand_before_values_in_every_list),
        cmocka_unit_test(examples_that_are_no_images_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
