/* Every layer type and every regularizer of the tables, on all kernels, through every objective of the table: what an
 * objective leaves is that of the references in f64, does not depend on how the rows are cut, on what was evaluated
 * before, or on whether the model's state was saved and restored in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance_walk.h"

static dstn_group *self;

static const network_rows most = {0, NETWORK_ROWS, NETWORK_ROWS, NETWORK_STEPS};

/* What rounding may come to. */
static double rounding_of(const dstn_kernel *kernel) {
    return kernel->scalar == DSTN_F64 ? 1e-11 : 1e-4;
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

/* A network as it is made by default, one that something is done to, and an objective on both. */
typedef void pair_check(network *one, network *other, const dstn_objective *objective, network_rows rows);

static void walk_objectives(network *one, network *other, const char *what, pair_check *check) {
    const dstn_objective *objective;
    for (int k = 0; k < NETWORK_ALL; k++) {
        char more[128], text[64];
        snprintf(more, sizeof more, "%s%s", network_rows_text(network_all[k], text), what);
        for (size_t i = 0; (objective = dstn_objective_at(i)) != NULL; i++) {
            network_enter(one->plan, one->kernel, objective->name, more);
            check(one, other, objective, network_all[k]);
        }
    }
}

static void with_pair(const network_plan *plan, network_making one, network_making other, const char *what,
                      pair_check *check) {
    network a, b;
    network_enter(plan, one.kernel, "", what);
    bool are_there = network_new(&a, plan, one, self);
    are_there = network_new(&b, plan, other, self) && are_there;
    if (are_there) {
        network_copy(&b, &a);
        walk_objectives(&a, &b, what, check);
    }
    network_destroy(&a);
    network_destroy(&b);
}

static void walk(network_check *check) {
    network_walk_layers(check);
    network_walk_regularizers(check);
    conformance_end();
}

/* One loss will do where the question is how layers are run; */
static bool is_spared(const network_plan *plan) {
    return plan->loss != DSTN_LOSS_MSE;
}

/* and one kernel of each precision where it is not the products that matter. */
static bool is_first_of_scalar(int k) {
    for (int i = 0; i < k; i++) {
        if (dstn_kernel_at(i)->scalar == dstn_kernel_at(k)->scalar) {
            return false;
        }
    }
    return true;
}

/* Leaves the running statistics as they were. */
static network_left run_and_return(network *n, const dstn_objective *objective, network_rows rows) {
    size_t size = (size_t)n->model->buffer_count * sizeof(double);
    double *buffers = dstn_alloc(size + 1, 1);
    memcpy(buffers, n->model->buffers, size);
    network_left left = network_run(n, objective, rows);
    memcpy(n->model->buffers, buffers, size);
    free(buffers);
    return left;
}

static void compare_runs(network *one, network *other, const dstn_objective *objective, network_rows rows,
                         double tolerance, const char *with) {
    network_left got = run_and_return(one, objective, rows), want = run_and_return(other, objective, rows);
    network_compare(&got, &want, tolerance, with);
    network_left_clear(&got);
    network_left_clear(&want);
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

static void check_reference(network *one, network *reference, const dstn_objective *objective, network_rows rows) {
    compare_runs(one, reference, objective, rows, rounding_of(one->kernel), "against the references in f64");
}

static void check_kernels(const network_plan *plan) {
    const dstn_kernel *kernel;
    for (int k = 0; (kernel = dstn_kernel_at(k)) != NULL; k++) {
        with_pair(plan, (network_making){.kernel = kernel}, (network_making){.kernel = network_reference()}, "",
                  check_reference);
    }
}

static void every_kernel_agrees_with_the_references_in_f64(void **state) {
    (void)state;
    walk(check_kernels);
}

/* ---- cuts -------------------------------------------------------------------------------------------------------- */

/* Blocks of rows alone cut no product: not a bit changes. */
static void check_blocks(network *whole, network *cut, const dstn_objective *objective, network_rows rows) {
    compare_runs(cut, whole, objective, rows, 0, "against blocks of the usual size");
}

static void check_parts(network *whole, network *cut, const dstn_objective *objective, network_rows rows) {
    compare_runs(cut, whole, objective, rows, rounding_of(cut->kernel) / 10, "against parts of the usual size");
}

static void check_cuts(const network_plan *plan) {
    const dstn_kernel *kernel;
    for (int k = 0; !is_spared(plan) && (kernel = dstn_kernel_at(k)) != NULL; k++) {
        network_making usual = {.kernel = kernel};
        if (!is_first_of_scalar(k)) {
            continue;
        }
        with_pair(plan, usual, (network_making){kernel, .block = 1}, ", row by row", check_blocks);
        with_pair(plan, usual, (network_making){kernel, .block = 2}, ", in blocks of 2", check_blocks);
        with_pair(plan, usual, (network_making){kernel, NETWORK_DATA, NETWORK_DATA}, ", all at once", check_blocks);
        with_pair(plan, usual, (network_making){kernel, .block = 1, .part = 1}, ", in parts of 1", check_parts);
        with_pair(plan, usual, (network_making){kernel, .block = 4, .part = 2}, ", in parts of 2", check_parts);
    }
}

static void cutting_the_rows_changes_nothing(void **state) {
    (void)state;
    walk(check_cuts);
}

/* ---- shares ------------------------------------------------------------------------------------------------------ */

/* Output and losses of two shares, one behind the other; gradients are sums. */
static network_left joined(network *n, const dstn_objective *objective, int64_t cut) {
    network_left low = network_run(n, objective, (network_rows){0, cut, NETWORK_ROWS, 2});
    network_left high = network_run(n, objective, (network_rows){cut, NETWORK_ROWS - cut, NETWORK_ROWS, 2});
    network_left sum = {{NULL}, {0}};
    for (int what = 0; what < LEFTS; what++) {
        bool is_by_rows = what == LEFT_OUTPUT || what == LEFT_TANGENT;
        if (!low.values[what]) {
            continue;
        }
        int64_t count = low.count[what];
        double *values = network_keep(&sum, what, is_by_rows ? count + high.count[what] : count);
        memcpy(values, low.values[what], (size_t)count * sizeof *values);
        if (is_by_rows) {
            memcpy(values + count, high.values[what], (size_t)high.count[what] * sizeof *values);
        }
        for (int64_t i = 0; !is_by_rows && what != LEFT_BUFFERS && i < count; i++) {
            values[i] += high.values[what][i];
        }
    }
    network_left_clear(&low);
    network_left_clear(&high);
    return sum;
}

/* The entropy's part of the hypergradient is in both shares: it is left out by looking at λ alone. */
static void check_share(network *one, network *other, const dstn_objective *objective) {
    network_left whole = network_run(one, objective, (network_rows){0, NETWORK_ROWS, NETWORK_ROWS, 2});
    for (int64_t cut = 1; cut < NETWORK_ROWS; cut += 3) {
        network_left shares = joined(other, objective, cut);
        free(shares.values[LEFT_SCALE]);
        shares.values[LEFT_SCALE] = NULL;
        shares.count[LEFT_SCALE] = 0;
        network_left want = whole;
        want.values[LEFT_SCALE] = NULL;
        want.count[LEFT_SCALE] = 0;
        network_compare(&shares, &want, rounding_of(one->kernel) / 10, "two shares against the whole batch");
        network_left_clear(&shares);
    }
    network_left_clear(&whole);
}

/* Batch statistics are of a share's own rows where no group sums them: tests/mpi has those layers in training. */
static void check_shares(const network_plan *plan) {
    network n, other;
    network_making making = {.kernel = network_reference()};
    network_enter(plan, making.kernel, "", "");
    bool are_there = network_new(&n, plan, making, self);
    are_there = network_new(&other, plan, making, self) && are_there;
    const dstn_objective *objective;
    for (size_t i = 0; are_there && (objective = dstn_objective_at(i)) != NULL; i++) {
        network_enter(plan, making.kernel, objective->name, "");
        if (n.model->buffer_count == 0 || objective->part != DSTN_PART_TRAIN) {
            check_share(&n, &other, objective);
        }
    }
    network_destroy(&n);
    network_destroy(&other);
}

static void shares_of_a_batch_draw_its_masks_and_sum_to_it(void **state) {
    (void)state;
    walk(check_shares);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* Whatever was evaluated before, at whatever number of rows, leaves no trace. */
static void check_history(network *fresh, network *used, const dstn_objective *objective, network_rows rows) {
    const dstn_objective *before;
    if (rows.count == 5 || rows.steps == NETWORK_STEPS) {
        return; /* the other numbers of rows will do */
    }
    network_left want = run_and_return(fresh, objective, rows);
    for (size_t i = 0; (before = dstn_objective_at(i)) != NULL; i++) {
        network_left left = run_and_return(used, before, network_all[i % NETWORK_ALL]);
        network_left got = run_and_return(used, objective, rows);
        network_compare(&got, &want, 0, before->name);
        network_left_clear(&left);
        network_left_clear(&got);
    }
    network_left_clear(&want);
}

static void check_histories(const network_plan *plan) {
    network_making making = {.kernel = dstn_kernel_at(0)};
    if (!is_spared(plan) && !plan->option) {
        with_pair(plan, making, making, ", after another", check_history);
    }
}

static void an_evaluation_leaves_no_trace_in_the_next(void **state) {
    (void)state;
    walk(check_histories);
}

static void copy_state(const network *from, const network *to) {
    dstn_state lists[2] = {{0}, {0}};
    dstn_model_add_state(from->model, &lists[0]);
    dstn_model_add_state(to->model, &lists[1]);
    assert_int_equal(lists[0].count, lists[1].count);
    conformance_expect(dstn_state_find(&lists[0], "model/general") && dstn_state_find(&lists[0], "model/response"),
                       "the state has other names than files of former versions");
    for (size_t e = 0; e < lists[0].count; e++) {
        const dstn_state_entry *entry = dstn_state_find(&lists[1], lists[0].entries[e].name);
        assert_non_null(entry);
        assert_int_equal(dstn_state_bytes(entry), dstn_state_bytes(&lists[0].entries[e]));
        memcpy(entry->data, lists[0].entries[e].data, dstn_state_bytes(entry));
    }
    dstn_state_clear(&lists[0]);
    dstn_state_clear(&lists[1]);
}

/* A model that has been trained on, and one that is made anew and given its state. */
static void check_restored(network *trained, network *restored, const dstn_objective *objective, network_rows rows) {
    network_left left = network_run(trained, dstn_objective_at(0), most);
    network_left_clear(&left);
    dstn_model_initialize(restored->model, NETWORK_SEED + 1);
    copy_state(trained, restored);
    compare_runs(restored, trained, objective, rows, 0, "restored against saved");
}

static void check_states(const network_plan *plan) {
    const dstn_kernel *kernel;
    for (int k = 0; !is_spared(plan) && !plan->option && (kernel = dstn_kernel_at(k)) != NULL; k++) {
        network_making making = {.kernel = kernel};
        with_pair(plan, making, making, "", check_restored);
    }
}

static void a_restored_model_gives_the_same_bit_for_bit(void **state) {
    (void)state;
    walk(check_states);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_agrees_with_the_references_in_f64),
        cmocka_unit_test(cutting_the_rows_changes_nothing),
        cmocka_unit_test(shares_of_a_batch_draw_its_masks_and_sum_to_it),
        cmocka_unit_test(an_evaluation_leaves_no_trace_in_the_next),
        cmocka_unit_test(a_restored_model_gives_the_same_bit_for_bit),
    };
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    self = dstn_group_self();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dstn_group_destroy(self);
    return dstn_ranks_finish(failed);
}
