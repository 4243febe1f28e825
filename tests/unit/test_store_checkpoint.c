/* Checkpoints: what is restored is what was stored, to the bit, or nothing is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dstn/store.h"
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <sys/mount.h>

enum { WEIGHTS = 60, MOMENTS = 35 };

static char *folder;

/* A job of every type and rank of state; `list` borrows the rest. */
typedef struct job {
    float weights[WEIGHTS];
    double lambda[3], best;
    int64_t position[2];
    uint8_t masks[MOMENTS];
    dstn_state list;
} job;

static job *new_job(int seed) {
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

static void free_job(job *old) {
    dstn_state_clear(&old->list);
    free(old);
}

static bool same_job(const job *a, const job *b) {
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

static char *write_one(const char *into, int64_t step, int seed, int keep) {
    job *stored = new_job(seed);
    dstn_error err = {0};
    if (dstn_checkpoint_write(into, step, &stored->list, "seed: 1\n", keep, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    free_job(stored);
    return dstn_format("%s/step-%08lld.h5", into, (long long)step);
}

static char *subfolder(const char *name) {
    return dstn_format("%s/%s", folder, name);
}

static int entries_of(const char *path) {
    DIR *open = opendir(path);
    int count = -2; /* . and .. */
    while (readdir(open)) {
        count++;
    }
    closedir(open);
    return count;
}

/* ---- what is restored ------------------------------------------------------------------------------------- */

static void a_state_comes_back_bit_for_bit(void **state) {
    (void)state;
    char *into = subfolder("plain/checkpoints"), *path = write_one(into, 42, 1, 3), *config = NULL;
    job *wanted = new_job(1), *got = new_job(2);
    dstn_error err = {0};
    int64_t step = 0;
    assert_false(same_job(wanted, got));
    assert_int_equal(dstn_checkpoint_read(path, &got->list, &step, &err), DSTN_OK);
    assert_true(same_job(wanted, got));
    assert_int_equal(step, 42);
    assert_int_equal(dstn_checkpoint_read(path, &got->list, NULL, &err), DSTN_OK);
    assert_int_equal(dstn_checkpoint_config(path, &config, &err), DSTN_OK);
    assert_string_equal(config, "seed: 1\n");
    free(config);
    free_job(wanted);
    free_job(got);
    free(path);
    free(into);
}

static void the_digest_sees_every_byte_name_type_and_shape(void **state) {
    (void)state;
    double values[4] = {1, 2, 3, 4};
    const int64_t flat[1] = {4}, square[2] = {2, 2};
    char digests[7][33];
    dstn_state lists[6] = {{0}};
    dstn_state_add(&lists[0], "ab", DSTN_F64, 1, flat, values, false);
    dstn_state_add(&lists[1], "ac", DSTN_F64, 1, flat, values, false);
    dstn_state_add(&lists[2], "ab", DSTN_I64, 1, flat, values, false);
    dstn_state_add(&lists[3], "ab", DSTN_F64, 2, square, values, false);
    dstn_state_add(&lists[4], "ab", DSTN_F64, 1, flat, (double[]){1, 2, 3, 4.0000000000000009}, false);
    for (int i = 0; i < 6; i++) {
        dstn_state_digest(&lists[i], NULL, digests[i]);
    }
    dstn_state_digest(&lists[0], digests[1], digests[6]);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(strlen(digests[i]), 32);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(digests[i], digests[j]);
        }
    }
    for (int i = 0; i < 6; i++) {
        dstn_state_clear(&lists[i]);
    }
}

static void the_digest_does_not_depend_on_the_order_of_entries(void **state) {
    (void)state;
    double a = 1, b = 2;
    char digests[2][33];
    dstn_state lists[2] = {{0}};
    dstn_state_add_values(&lists[0], "a", DSTN_F64, 1, &a);
    dstn_state_add_values(&lists[0], "b", DSTN_F64, 1, &b);
    dstn_state_add_values(&lists[1], "b", DSTN_F64, 1, &b);
    dstn_state_add_values(&lists[1], "a", DSTN_F64, 1, &a);
    for (int i = 0; i < 2; i++) {
        dstn_state_digest(&lists[i], "before", digests[i]);
        dstn_state_clear(&lists[i]);
    }
    assert_string_equal(digests[0], digests[1]);
}

/* A stored number that pins the digest: were it to change, old checkpoints could no longer be proven. */
static void the_digest_of_a_known_state_stays_what_it_is(void **state) {
    (void)state;
    job *known = new_job(3);
    char digest[33];
    dstn_state_digest(&known->list, "chain", digest);
    assert_string_equal(digest, "f8aedd0347ee25dd7e7c237c9427dc20");
    free_job(known);
}

/* ---- what is refused -------------------------------------------------------------------------------------- */

static void expect_refusal(const char *path, dstn_state *list, const job *unchanged, const char *why) {
    dstn_error err = {0};
    int64_t step = -7;
    job *before = new_job(9);
    assert_int_equal(dstn_checkpoint_read(path, list, &step, &err), DSTN_ERROR_CHECKPOINT);
    if (!strstr(err.message, why)) {
        fail_msg("'%s' is not in: %s", why, err.message);
    }
    assert_non_null(strstr(err.message, path));
    assert_int_equal(step, -7);
    assert_true(same_job(unchanged, before));
    free_job(before);
}

static void a_state_of_another_kind_is_refused_by_name(void **state) {
    (void)state;
    char *into = subfolder("kinds"), *path = write_one(into, 1, 1, 3);
    const char *const why[] = {"space/lambda is f64 [3] where this run needs f64 [4]",
                               "trainer/best is f64 [] where this run needs i64 []",
                               "layer/masks is u8 [5, 7] where this run needs u8 [7, 5]",
                               "has state optimizer/none, which this run doesn't have",
                               "has no state sampler/epoch, which this run needs",
                               "has no state general/1/weight, which this run needs"};
    for (int i = 0; i < 6; i++) {
        job *other = new_job(9);
        dstn_state *list = &other->list;
        double more[4] = {0};
        int64_t epoch = 0;
        if (i == 0) {
            list->entries[1].shape[0] = 4;
            list->entries[1].data = more;
        } else if (i == 1) {
            list->entries[2].scalar = DSTN_I64;
        } else if (i == 2) {
            list->entries[4].shape[0] = 7;
            list->entries[4].shape[1] = 5;
        } else if (i == 3) {
            list->count--;
        } else if (i == 4) {
            dstn_state_add(list, "sampler/epoch", DSTN_I64, 0, NULL, &epoch, false);
        } else {
            strcpy(list->entries[0].name, "general/1/weight");
        }
        job *same = new_job(9);
        memcpy(same->weights, other->weights, sizeof same->weights);
        expect_refusal(path, list, same, why[i]);
        assert_memory_equal(other->weights, same->weights, sizeof same->weights);
        assert_memory_equal(other->lambda, same->lambda, sizeof same->lambda);
        assert_memory_equal(other->masks, same->masks, sizeof same->masks);
        free_job(same);
        free_job(other);
    }
    free(path);
    free(into);
}

static void another_format_is_refused_with_what_to_do(void **state) {
    (void)state;
    char *path = subfolder("format.h5"), *config = NULL;
    job *kept = new_job(9);
    const int64_t formats[] = {0, DSTN_CHECKPOINT_FORMAT + 1};
    for (int i = 0; i < 3; i++) {
        dstn_writer *writer;
        dstn_error err = {0};
        assert_int_equal(dstn_writer_open(path, &writer, &err), DSTN_OK);
        if (i < 2) {
            dstn_writer_integer(writer, "", "format", formats[i]);
        }
        assert_int_equal(dstn_writer_commit(writer, &err), DSTN_OK);
        expect_refusal(path, &kept->list, kept, (const char *[]){"older", "newer", "no checkpoint"}[i]);
        assert_int_equal(dstn_checkpoint_config(path, &config, &err), DSTN_ERROR_CHECKPOINT);
        assert_null(config);
    }
    free_job(kept);
    free(path);
}

/* The digest is the last proof: a file that is whole, but says another state than the one it was made of. */
static void a_state_that_its_digest_does_not_prove_is_refused(void **state) {
    (void)state;
    char *path = subfolder("forged.h5");
    job *kept = new_job(9);
    dstn_writer *writer;
    dstn_error err = {0};
    assert_int_equal(dstn_writer_open(path, &writer, &err), DSTN_OK);
    dstn_writer_integer(writer, "", "format", DSTN_CHECKPOINT_FORMAT);
    dstn_writer_integer(writer, "", "step", 5);
    dstn_writer_text(writer, "", "digest", "00000000000000000000000000000000");
    for (size_t i = 0; i < kept->list.count; i++) {
        const dstn_state_entry *entry = &kept->list.entries[i];
        char *name = dstn_format("state/%s", entry->name);
        dstn_writer_array(writer, name, entry->scalar, entry->rank, entry->shape, entry->data);
        free(name);
    }
    assert_int_equal(dstn_writer_commit(writer, &err), DSTN_OK);
    expect_refusal(path, &kept->list, kept, "digest");
    free_job(kept);
    free(path);
}

static void a_truncated_or_empty_checkpoint_is_refused(void **state) {
    (void)state;
    char *into = subfolder("cut"), *path = write_one(into, 1, 1, 3);
    size_t size = 0;
    unsigned char *bytes = scratch_read(path, &size);
    job *kept = new_job(9);
    for (size_t length = 0; length < size - 32; length += 97) {
        assert_true(scratch_write(path, bytes, length));
        expect_refusal(path, &kept->list, kept, length ? "damaged or cut off" : "empty");
    }
    free_job(kept);
    free(bytes);
    free(path);
    free(into);
}

/* With the seal every flip must be seen; without it (its mark spoilt, or a file from elsewhere) HDF5's checksums and
 * the digest must see it or it must not matter. HDF5 is not asked to survive flips in what it has no checksums for. */
static void every_flipped_bit_is_refused_or_harmless(void **state) {
    (void)state;
    char *into = subfolder("flip"), *path = write_one(into, 1, 1, 3);
    size_t size = 0;
    free(scratch_read(path, &size));
    job *wanted = new_job(1), *got = new_job(9), *before = new_job(9);
    int refused = 0;
    for (size_t at = 0; at < size; at++) {
        unsigned char flip = (unsigned char)(1u << at * 5 % 8);
        assert_true(scratch_flip(path, at, flip));
        dstn_error err = {0};
        if (dstn_checkpoint_read(path, &got->list, NULL, &err) == DSTN_OK) {
            assert_true(same_job(got, wanted));
            free_job(got);
            got = new_job(9);
        } else {
            assert_int_equal(err.status, DSTN_ERROR_CHECKPOINT);
            assert_true(same_job(got, before));
            refused++;
        }
        assert_true(scratch_flip(path, at, flip));
    }
    assert_true((size_t)refused >= size - 16);
    free_job(wanted);
    free_job(got);
    free_job(before);
    free(path);
    free(into);
}

/* ---- which one is used ------------------------------------------------------------------------------------ */

static void spoil(const char *path) {
    size_t size = 0;
    unsigned char *bytes = scratch_read(path, &size);
    assert_non_null(bytes);
    bytes[size / 2] ^= 0x10;
    assert_true(scratch_write(path, bytes, size));
    free(bytes);
}

static char *warnings_of(const char *into, job *got, dstn_status want, bool *found, int64_t *step, dstn_error *err) {
    char *text = NULL;
    size_t size = 0;
    dstn_log log = {.out = open_memstream(&text, &size), .level = DSTN_LOG_QUIET};
    assert_int_equal(dstn_checkpoint_newest(into, &got->list, &log, found, step, err), want);
    fclose(log.out);
    return text;
}

static void the_newest_usable_one_is_read_and_damaged_ones_are_told(void **state) {
    (void)state;
    char *into = subfolder("newest"), *paths[3];
    for (int i = 0; i < 3; i++) {
        paths[i] = write_one(into, (i + 1) * 100, i + 1, 5);
    }
    for (int damaged = 0; damaged <= 3; damaged++) {
        if (damaged > 0) {
            spoil(paths[3 - damaged]);
        }
        job *got = new_job(9), *wanted = new_job(3 - damaged), *before = new_job(9);
        bool found = false;
        int64_t step = -1;
        dstn_error err = {0};
        char *told = warnings_of(into, got, damaged == 3 ? DSTN_ERROR_CHECKPOINT : DSTN_OK, &found, &step, &err);
        int lines = 0;
        for (char *c = told; *c; c++) {
            lines += *c == '\n';
        }
        assert_int_equal(lines, damaged);
        assert_int_equal(found, damaged < 3);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(strstr(told, paths[i]) != NULL, i >= 3 - damaged);
        }
        if (damaged < 3) {
            assert_int_equal(step, (3 - damaged) * 100);
            assert_true(same_job(got, wanted));
        } else {
            assert_non_null(strstr(err.message, "none of the 3 checkpoints"));
            assert_true(same_job(got, before));
        }
        free(told);
        free_job(got);
        free_job(wanted);
        free_job(before);
    }
    for (int i = 0; i < 3; i++) {
        free(paths[i]);
    }
    free(into);
}

static void no_checkpoint_at_all_is_no_error(void **state) {
    (void)state;
    char *into = subfolder("none"), *other = subfolder("none/step-1.h5");
    job *got = new_job(9);
    dstn_error err = {0};
    bool found = true;
    int64_t step = 0;
    free(warnings_of(into, got, DSTN_OK, &found, &step, &err));
    assert_false(found);
    assert_int_equal(dstn_store_make_folder(into, &err), DSTN_OK);
    assert_true(scratch_write(other, "not ours", 8));
    found = true;
    free(warnings_of(into, got, DSTN_OK, &found, &step, &err));
    assert_false(found);
    free_job(got);
    free(into);
    free(other);
}

static void expect_steps(const char *into, int count, const int64_t *steps) {
    int64_t found = 0;
    char **paths = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_checkpoint_list(into, &found, &paths, &err), DSTN_OK);
    assert_int_equal(found, count);
    for (int i = 0; i < count; i++) {
        char *want = dstn_format("%s/step-%08lld.h5", into, (long long)steps[i]);
        assert_string_equal(paths[i], want);
        free(want);
        free(paths[i]);
    }
    free(paths);
    assert_int_equal(entries_of(into), count);
}

static void the_newest_are_kept_and_remnants_removed(void **state) {
    (void)state;
    char *into = subfolder("kept"), *remnant = subfolder("kept/step-00000002.h5.tmp-99999");
    for (int i = 1; i <= 4; i++) {
        free(write_one(into, i, i, 2));
        if (i == 2) {
            assert_true(scratch_write(remnant, "killed while it was written", 27));
        }
    }
    expect_steps(into, 2, (const int64_t[]){4, 3});
    free(write_one(into, 123456789012, 5, 3)); /* beyond eight digits the order is still that of the numbers */
    expect_steps(into, 3, (const int64_t[]){123456789012, 4, 3});
    /* Resumed from before 123456789012, which was therefore unusable. */
    free(write_one(into, 5, 5, 2));
    expect_steps(into, 2, (const int64_t[]){5, 4});
    free(write_one(into, 6, 5, 0)); /* the one just written always stays */
    expect_steps(into, 1, (const int64_t[]){6});
    free(into);
    free(remnant);
}

/* ---- a full disk ------------------------------------------------------------------------------------------ */

/* That the one checkpoint of a folder, which has another file, is of this step. */
static void expect_listed(const char *into, int64_t step) {
    int64_t count;
    char **paths;
    dstn_error err = {0};
    assert_int_equal(dstn_checkpoint_list(into, &count, &paths, &err), DSTN_OK);
    assert_int_equal(count, 1);
    char *want = dstn_format("%s/step-%08lld.h5", into, (long long)step);
    assert_string_equal(paths[0], want);
    free(want);
    free(paths[0]);
    free(paths);
}

static void one_at_a_path_of_its_own_is_read_but_neither_listed_nor_removed(void **state) {
    (void)state;
    char *into = subfolder("aside"), *path = dstn_format("%s/best.h5", into);
    dstn_error err = {0};
    int64_t step;
    free(write_one(into, 10, 1, 1));
    job *best = new_job(7), *got = new_job(0);
    assert_int_equal(dstn_checkpoint_save(path, 20, &best->list, "seed: 1\n", &err), DSTN_OK);
    expect_listed(into, 10);
    free(write_one(into, 30, 2, 1));
    expect_listed(into, 30);
    assert_int_equal(dstn_checkpoint_read(path, &got->list, &step, &err), DSTN_OK);
    assert_int_equal(step, 20);
    assert_true(same_job(got, best));
    free_job(best);
    free_job(got);
    free(path);
    free(into);
}

static void a_full_disk_leaves_the_older_checkpoint(void **state) {
    (void)state;
    char *into = subfolder("small"), *fill = subfolder("small/filling");
    dstn_error err = {0};
    assert_int_equal(dstn_store_make_folder(into, &err), DSTN_OK);
    if (mount("tmpfs", into, "tmpfs", 0, "size=256k") != 0) {
        print_message("no file system can be mounted here: %s\n", strerror(errno));
        free(into);
        free(fill);
        skip();
    }
    char *path = write_one(into, 1, 1, 1);
    size_t room = 0; /* fills the disk up to a few kilobytes, less than a checkpoint needs */
    FILE *filling = fopen(fill, "wb");
    setvbuf(filling, NULL, _IONBF, 0);
    static const char block[4096];
    while (fwrite(block, 1, sizeof block, filling) == sizeof block) {
        room += sizeof block;
    }
    fclose(filling);
    assert_true(room > 8192);
    assert_int_equal(truncate(fill, (off_t)(room - 4096)), 0);
    job *stored = new_job(2), *got = new_job(9), *wanted = new_job(1);
    dstn_status status = dstn_checkpoint_write(into, 2, &stored->list, "seed: 1\n", 1, &err);
    int64_t step = 0;
    bool found = false;
    dstn_error ignored;
    dstn_status read = dstn_checkpoint_newest(into, &got->list, NULL, &found, &step, &ignored);
    int entries = entries_of(into);
    dstn_error again = {0};
    int freed = truncate(fill, 0);
    dstn_status retried = dstn_checkpoint_write(into, 2, &stored->list, "seed: 1\n", 1, &again);
    umount(into);
    assert_int_equal(status, DSTN_ERROR_RUN);
    assert_non_null(strstr(err.message, "No space left on device"));
    assert_non_null(strstr(err.message, "step-00000002.h5"));
    assert_int_equal(entries, 2);
    assert_int_equal(read, DSTN_OK);
    assert_true(found && step == 1 && same_job(got, wanted));
    assert_int_equal(freed, 0);
    assert_int_equal(retried, DSTN_OK);
    free_job(stored);
    free_job(got);
    free_job(wanted);
    free(path);
    free(fill);
    free(into);
}

static int make_folder(void **state) {
    (void)state;
    folder = scratch_make();
    return folder ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_comes_back_bit_for_bit),
        cmocka_unit_test(the_digest_sees_every_byte_name_type_and_shape),
        cmocka_unit_test(the_digest_does_not_depend_on_the_order_of_entries),
        cmocka_unit_test(the_digest_of_a_known_state_stays_what_it_is),
        cmocka_unit_test(a_state_of_another_kind_is_refused_by_name),
        cmocka_unit_test(another_format_is_refused_with_what_to_do),
        cmocka_unit_test(a_state_that_its_digest_does_not_prove_is_refused),
        cmocka_unit_test(a_truncated_or_empty_checkpoint_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused_or_harmless),
        cmocka_unit_test(the_newest_usable_one_is_read_and_damaged_ones_are_told),
        cmocka_unit_test(no_checkpoint_at_all_is_no_error),
        cmocka_unit_test(the_newest_are_kept_and_remnants_removed),
        cmocka_unit_test(one_at_a_path_of_its_own_is_read_but_neither_listed_nor_removed),
        cmocka_unit_test(a_full_disk_leaves_the_older_checkpoint),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
