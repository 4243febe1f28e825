/* Every layer type and every regularizer of the tables, on a group of ranks: what an objective leaves is what it leaves
 * on one rank that has the whole batch. Each rank has its share of the rows, draws the masks of just those, and batch
 * statistics, gradients and the hypergradient are of all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance_walk.h"

static dstn_group *world, *self;

/* What is this rank's alone: outputs of its rows, its share of the losses. */
static void check_rows(const network *n, const network_left *share, const network_left *whole, network_rows rows) {
    int64_t width = rows.steps * n->outputs;
    double sums[3];
    memcpy(sums, share->values[LEFT_LOSS], sizeof sums);
    dstn_group_sum(world, sums, 3);
    static const char *const names[] = {"loss over all ranks", "penalty over all ranks",
                                        "right answers over all ranks"};
    for (int i = 0; i < 3; i++) {
        double want = whole->values[LEFT_LOSS][i];
        conformance_near(sums[i], want, 1e-11 * (1 + fabs(want)), names[i]);
    }
    for (int what = LEFT_OUTPUT; what <= LEFT_TANGENT; what++) {
        for (int64_t i = 0; share->values[what] && i < rows.count * width; i++) {
            double got = share->values[what][i], want = whole->values[what][rows.first * width + i];
            conformance_expect(fabs(got - want) <= 1e-11 * (1 + fabs(want)), "%s of example %d is %.12g, alone %.12g",
                               network_left_names[what], (int)(rows.first + i / width), got, want);
        }
    }
}

static void forget(network_left *left, int what) {
    free(left->values[what]);
    left->values[what] = NULL;
    left->count[what] = 0;
}

static void check_objective(network *together, network *alone, const dstn_objective *objective) {
    network_rows rows = {0, NETWORK_ROWS, NETWORK_ROWS, 2}, share = rows;
    dstn_group_share(world, rows.total, &share.first, &share.count);
    network_left got = network_run(together, objective, share), want = network_run(alone, objective, rows);
    check_rows(together, &got, &want, share);
    for (int what = LEFT_LOSS; what <= LEFT_TANGENT; what++) {
        forget(&got, what);
        forget(&want, what);
    }
    network_compare(&got, &want, 1e-10, "on the group against alone");
    network_left_clear(&got);
    network_left_clear(&want);
}

/* Between others, where all that a layer does is needed; the loss is the problem's business. */
static void check_plan(const network_plan *plan) {
    bool is_between = (plan->below && plan->above) || plan->regularizers;
    if (!is_between || plan->loss != DSTN_LOSS_MSE) {
        return;
    }
    network together, alone;
    network_making making = {.kernel = network_reference()};
    network_enter(plan, making.kernel, "", "");
    bool are_there = network_new(&together, plan, making, world);
    are_there = network_new(&alone, plan, making, self) && are_there;
    const dstn_objective *objective;
    for (size_t i = 0; are_there && (objective = dstn_objective_at(i)) != NULL; i++) {
        network_enter(plan, making.kernel, objective->name, "");
        check_objective(&together, &alone, objective);
    }
    network_destroy(&together);
    network_destroy(&alone);
}

static void a_group_leaves_what_one_rank_does(void **state) {
    (void)state;
    network_walk_layers(check_plan);
    network_walk_regularizers(check_plan);
    conformance_end();
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_group_leaves_what_one_rank_does)};
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    world = dstn_group_world();
    self = dstn_group_self();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dstn_group_destroy(self);
    dstn_group_destroy(world);
    return dstn_ranks_finish(failed);
}
