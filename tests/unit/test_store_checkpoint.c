/* Checkpoints: what is restored is what was stored, to the bit, or nothing is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "checkpoint_job.h"

/* ---- what is restored ------------------------------------------------------------------------------------- */

static void a_state_comes_back_bit_for_bit(void **state) {
    (void)state;
    char *into = subfolder("plain/checkpoints"), *path = write_one(into, 42, 1, 3);
    job *wanted = new_job(1), *got = new_job(2);
    dstn_error err = {0};
    dstn_checkpoint_facts about = {0};
    assert_false(same_job(wanted, got));
    assert_int_equal(dstn_checkpoint_read(path, &got->list, NULL, &err), DSTN_OK);
    assert_true(same_job(wanted, got));
    for (int with_state = 0; with_state < 2; with_state++) {
        assert_int_equal(with_state ? dstn_checkpoint_read(path, &got->list, &about, &err)
                                    : dstn_checkpoint_describe(path, &about, &err),
                         DSTN_OK);
        assert_int_equal(about.step, 42);
        assert_string_equal(about.config, some_origin.config);
        assert_string_equal(about.data_digest, some_origin.data_digest);
        assert_int_equal(strlen(about.config_digest), 32);
        dstn_checkpoint_facts_clear(&about);
    }
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
    dstn_checkpoint_facts about = {.step = -7};
    job *before = new_job(9);
    assert_int_equal(dstn_checkpoint_read(path, list, &about, &err), DSTN_ERROR_CHECKPOINT);
    if (!strstr(err.message, why)) {
        fail_msg("'%s' is not in: %s", why, err.message);
    }
    assert_non_null(strstr(err.message, path));
    assert_int_equal(about.step, -7);
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
    char *path = subfolder("format.h5");
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
        dstn_checkpoint_facts about;
        assert_int_equal(dstn_checkpoint_describe(path, &about, &err), DSTN_ERROR_CHECKPOINT);
        assert_null(about.config);
        if (i < 2) {
            assert_non_null(strstr(err.message, i ? "format 3" : "format 0"));
            assert_non_null(strstr(err.message, "1 to 2"));
        }
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
    dstn_writer_text(writer, "", "config", "seed: 1\n");
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

/* What format 1 wrote: no digests of config and data. */
static void a_whole_checkpoint_of_format_1_is_read(void **state) {
    (void)state;
    char *path = subfolder("format1.h5"), digest[DSTN_DIGEST_SIZE];
    job *stored = new_job(4), *got = new_job(9);
    dstn_writer *writer;
    dstn_error err = {0};
    dstn_state_digest(&stored->list, NULL, digest);
    assert_int_equal(dstn_writer_open(path, &writer, &err), DSTN_OK);
    dstn_writer_integer(writer, "", "format", 1);
    dstn_writer_integer(writer, "", "step", 5);
    dstn_writer_text(writer, "", "digest", digest);
    dstn_writer_text(writer, "", "config", "seed: 1\n");
    for (size_t i = 0; i < stored->list.count; i++) {
        const dstn_state_entry *entry = &stored->list.entries[i];
        char *name = dstn_format("state/%s", entry->name);
        dstn_writer_array(writer, name, entry->scalar, entry->rank, entry->shape, entry->data);
        free(name);
    }
    assert_int_equal(dstn_writer_commit(writer, &err), DSTN_OK);
    dstn_checkpoint_facts about;
    assert_int_equal(dstn_checkpoint_read(path, &got->list, &about, &err), DSTN_OK);
    assert_true(same_job(got, stored));
    assert_true(about.step == 5 && !about.config_digest[0] && !about.data_digest[0]);
    dstn_checkpoint_facts_clear(&about);
    free_job(stored);
    free_job(got);
    free(path);
}

static void a_truncated_or_empty_checkpoint_is_refused(void **state) {
    (void)state;
    char *into = subfolder("cut"), *path = write_one(into, 1, 1, 3);
    size_t size = 0;
    unsigned char *bytes = scratch_read(path, &size);
    job *kept = new_job(9);
    for (size_t length = 0; length < size; length += length + 129 < size ? 97 : 1) {
        assert_true(scratch_write(path, bytes, length));
        expect_refusal(path, &kept->list, kept, length == size - 32 ? "no seal" : length ? "damaged" : "empty");
    }
    free_job(kept);
    free(bytes);
    free(path);
    free(into);
}

static void every_flipped_bit_is_refused(void **state) {
    (void)state;
    char *into = subfolder("flip"), *path = write_one(into, 1, 1, 3);
    size_t size = 0;
    free(scratch_read(path, &size));
    job *kept = new_job(9);
    for (size_t at = 0; at < size; at++) {
        unsigned char flip = (unsigned char)(1u << at * 5 % 8);
        assert_true(scratch_flip(path, at, flip));
        expect_refusal(path, &kept->list, kept, "damaged");
        assert_true(scratch_flip(path, at, flip));
    }
    free_job(kept);
    free(path);
    free(into);
}

/* words: 0 of no text; names: whether they have any. */
static void expect_words(int64_t words, const char *const *names) {
    char *path = subfolder("words.h5");
    job *stored = new_job(1);
    dstn_error err = {0};
    const dstn_origin origin = {.config = "seed: 1\n", .words = words, .vocabulary = names};
    assert_int_equal(dstn_checkpoint_save(path, 1, &stored->list, &origin, &err), DSTN_OK);
    int64_t count = -1;
    char **found;
    assert_int_equal(dstn_checkpoint_vocabulary(path, &count, &found, &err), DSTN_OK);
    assert_int_equal(count, words);
    assert_int_equal(found != NULL, names != NULL);
    for (int64_t w = 0; names && w < words; w++) {
        assert_string_equal(found[w], names[w]);
        free(found[w]);
    }
    free(found);
    free_job(stored);
    free(path);
}

static void the_words_of_a_text_come_back(void **state) {
    (void)state;
    expect_words(3, (const char *const[]){"<eos>", "Seele", "n\xc3\xa4hme"});
    expect_words(7, NULL);
    expect_words(0, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_of_a_text_come_back),
        cmocka_unit_test(a_state_comes_back_bit_for_bit),
        cmocka_unit_test(the_digest_sees_every_byte_name_type_and_shape),
        cmocka_unit_test(the_digest_does_not_depend_on_the_order_of_entries),
        cmocka_unit_test(the_digest_of_a_known_state_stays_what_it_is),
        cmocka_unit_test(a_state_of_another_kind_is_refused_by_name),
        cmocka_unit_test(another_format_is_refused_with_what_to_do),
        cmocka_unit_test(a_state_that_its_digest_does_not_prove_is_refused),
        cmocka_unit_test(a_whole_checkpoint_of_format_1_is_read),
        cmocka_unit_test(a_truncated_or_empty_checkpoint_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
