/* What the tests of checkpoints share: a job's state, a folder of their own, and checkpoints in it. */
#ifndef DSTN_TEST_CHECKPOINT_JOB_H
#define DSTN_TEST_CHECKPOINT_JOB_H

#include "dstn/store.h"
#include "scratch.h"

#include <dirent.h>

enum { WEIGHTS = 60, MOMENTS = 35 };

static char *folder;
static const dstn_origin some_origin = {.config = "seed: 1\n", .data_digest = "0123456789abcdef0123456789abcdef"};

/* A job of every type and rank of state; `list` borrows the rest. */
typedef struct job {
    float weights[WEIGHTS];
    double lambda[3], best;
    int64_t position[2];
    uint8_t masks[MOMENTS];
    dstn_state list;
} job;

static inline job *new_job(int seed) {
    job *made = dstn_alloc(1, sizeof *made);
    for (int i = 0; i < WEIGHTS; i++) {
        made->weights[i] = (float)(i + 1) / (float)(seed + 2);
    }
    for (int i = 0; i < 3; i++) {
        made->lambda[i] = 1.0 / (3 + i + seed);
    }
    for (int i = 0; i < MOMENTS; i++) {
        made->masks[i] = (uint8_t)(i * 7 + seed);
    }
    made->best = 1e-300 * seed;
    made->position[0] = seed;
    made->position[1] = INT64_MAX - seed;
    const int64_t weights[3] = {3, 4, 5}, masks[2] = {5, 7};
    dstn_state_add(&made->list, "general/0/weight", DSTN_F32, 3, weights, made->weights, false);
    dstn_state_add_values(&made->list, "space/lambda", DSTN_F64, 3, made->lambda);
    dstn_state_add(&made->list, "trainer/best", DSTN_F64, 0, NULL, &made->best, false);
    dstn_state_add_values(&made->list, "sampler/position", DSTN_I64, 2, made->position);
    dstn_state_add(&made->list, "layer/masks", DSTN_U8, 2, masks, made->masks, true);
    dstn_state_add_values(&made->list, "optimizer/none", DSTN_F64, 0, NULL);
    return made;
}

static inline void free_job(job *old) {
    dstn_state_clear(&old->list);
    free(old);
}

static inline bool same_job(const job *a, const job *b) {
    char left[33], right[33];
    dstn_state_digest(&a->list, NULL, left);
    dstn_state_digest(&b->list, NULL, right);
    bool same = memcmp(a->weights, b->weights, sizeof a->weights) == 0 && a->best == b->best &&
                memcmp(a->lambda, b->lambda, sizeof a->lambda) == 0 &&
                memcmp(a->position, b->position, sizeof a->position) == 0 &&
                memcmp(a->masks, b->masks, sizeof a->masks) == 0;
    assert_int_equal(same, strcmp(left, right) == 0);
    return same;
}

static inline char *write_one(const char *into, int64_t step, int seed, int keep) {
    job *stored = new_job(seed);
    dstn_error err = {0};
    if (dstn_checkpoint_write(into, step, &stored->list, &some_origin, keep, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    free_job(stored);
    return dstn_format("%s/step-%08lld.h5", into, (long long)step);
}

static inline char *subfolder(const char *name) {
    return dstn_format("%s/%s", folder, name);
}

static inline int entries_of(const char *path) {
    DIR *open = opendir(path);
    int count = -2; /* . and .. */
    while (readdir(open)) {
        count++;
    }
    closedir(open);
    return count;
}

static inline int make_folder(void **state) {
    (void)state;
    folder = scratch_make();
    return folder ? 0 : -1;
}

static inline int remove_folder(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

#endif
