/* Files that pass for ours, or were damaged: they are refused, and whoever reads them lives on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hostile_files.h"

/* ---- sealed by an enemy ------------------------------------------------------------------------------------------ */

static void put_many(hid_t file) {
    static const double many[4096];
    put_attribute(file, "x", H5T_NATIVE_DOUBLE, 1, (const hsize_t[]){4096}, many);
}

static void put_texts(hid_t file) {
    const char *texts[500];
    hid_t type = variable_text();
    for (int i = 0; i < 500; i++) {
        texts[i] = "abc";
    }
    put_attribute(file, "x", type, 1, (const hsize_t[]){500}, texts);
    H5Tclose(type);
}

static void put_overflow(hid_t file) {
    H5Dclose(
        new_set(file, "x", H5T_NATIVE_DOUBLE, 2, (const hsize_t[]){(hsize_t)1 << 62, 4}, (const hsize_t[]){16, 4}));
}

static void put_claim(hid_t file) {
    H5Dclose(new_set(file, "x", H5T_NATIVE_DOUBLE, 1, (const hsize_t[]){1 << 27}, (const hsize_t[]){16}));
}

static void put_cycle(hid_t file) {
    hid_t group = new_group(file, "g");
    H5Lcreate_hard(group, ".", group, "g", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
}

static void put_depth(hid_t file) {
    hid_t group = new_group(file, "g");
    for (int depth = 0; depth < 40; depth++) {
        hid_t inner = new_group(group, "g");
        H5Gclose(group);
        group = inner;
    }
    H5Gclose(group);
}

static void put_external(hid_t file) {
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, (const hsize_t[]){5}, NULL);
    H5Pset_external(properties, "/etc/hostname", 0, 5);
    H5Dclose(H5Dcreate2(file, "x", H5T_NATIVE_UINT8, space, H5P_DEFAULT, properties, H5P_DEFAULT));
    H5Pclose(properties);
    H5Sclose(space);
}

static void put_soft(hid_t file) {
    put_set(file, "y", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 0, NULL, &(double){1});
    H5Lcreate_soft("/y", file, "x", H5P_DEFAULT, H5P_DEFAULT);
}

static void put_elsewhere(hid_t file) {
    H5Lcreate_external("other.h5", "/x", file, "x", H5P_DEFAULT, H5P_DEFAULT);
}

static void put_compound(hid_t file) {
    hid_t type = H5Tcreate(H5T_COMPOUND, 8);
    H5Tinsert(type, "a", 0, H5T_NATIVE_INT);
    put_set(file, "x", type, type, 0, NULL, (const int[]){1, 2});
    H5Tclose(type);
}

static void put_axes(hid_t file) {
    H5Dclose(new_set(file, "x", H5T_NATIVE_DOUBLE, 6, (const hsize_t[]){1, 1, 1, 1, 1, 1}, NULL));
}

static void what_an_enemy_seals_is_refused_whole(void **state) {
    (void)state;
    static const struct {
        void (*put)(hid_t file);
        const char *why;
    } cases[] = {
        {put_many, "neither one text nor one number"},
        {put_texts, "neither one text nor one number"},
        {put_overflow, "more elements than can be counted"},
        {put_claim, "claims"},
        {put_cycle, "more than one link"},
        {put_depth, "too deep"},
        {put_external, "external storage"},
        {put_soft, "soft link"},
        {put_elsewhere, "external link"},
        {put_compound, "compound values"},
        {put_axes, "6 dimensions"},
    };
    char *path = path_of("run.h5"), *copied = path_of("sweep.h5");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hid_t file = new_file(path);
        put_attribute(file, "status", H5T_NATIVE_INT64, 0, NULL, &(int64_t){1});
        cases[i].put(file);
        H5Fclose(file);
        seal_file(path);
        dstn_reader *reader = NULL;
        dstn_error err = {0};
        assert_int_equal(dstn_reader_open(path, DSTN_ERROR_CHECKPOINT, &reader, &err), DSTN_ERROR_CHECKPOINT);
        assert_null(reader);
        if (!strstr(err.message, cases[i].why) || !strstr(err.message, path)) {
            fail_msg("'%s' is not in: %s", cases[i].why, err.message);
        }
        dstn_writer *writer = start(copied);
        dstn_writer_text(writer, "", "axes", "method");
        assert_int_equal(dstn_writer_copy_file(writer, "runs/a", path, &err), DSTN_ERROR_CHECKPOINT);
        commit(writer);
        reader = open_good(copied);
        assert_false(dstn_reader_has(reader, "runs"));
        dstn_reader_close(reader);
    }
    free(path);
    free(copied);
}

/* ---- without a seal ---------------------------------------------------------------------------------------------- */

static void a_record_without_its_seal_is_not_copied(void **state) {
    (void)state;
    char *path = path_of("unsealed.h5"), *copied = path_of("table.h5");
    hid_t file = new_file(path);
    put_set(file, "x", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 0, NULL, &(double){1});
    H5Fclose(file);
    dstn_writer *writer = start(copied);
    dstn_error err = {0};
    assert_int_equal(dstn_writer_copy_file(writer, "runs/a", path, &err), DSTN_ERROR_CHECKPOINT);
    assert_non_null(strstr(err.message, "no seal"));
    seal_file(path);
    assert_int_equal(dstn_writer_copy_file(writer, "runs/a", path, &err), DSTN_OK);
    commit(writer);
    dstn_reader *reader = open_good(copied);
    double value = 0;
    assert_int_equal(dstn_reader_array(reader, "runs/a/x", DSTN_F64, 1, &value, &err), DSTN_OK);
    assert_true(value == 1);
    dstn_reader_close(reader);
    free(path);
    free(copied);
}

/* Versions before format 2 wrote texts of variable length. */
static void files_of_earlier_versions_are_read_if_they_are_whole(void **state) {
    (void)state;
    char *path = path_of("old.h5");
    hid_t file = new_file(path), text = variable_text();
    put_attribute(file, "config", text, 0, NULL, &(const char *){"seed: 1\n"});
    put_set(file, "names", text, text, 1, (const hsize_t[]){2}, (const char *const[]){"one", ""});
    H5Fclose(file);
    H5Tclose(text);
    seal_file(path);
    dstn_reader *reader = open_good(path);
    dstn_error err = {0};
    int64_t count = 0;
    char *config = dstn_reader_text(reader, "", "config"), **names = NULL;
    assert_string_equal(config, "seed: 1\n");
    assert_int_equal(dstn_reader_strings(reader, "names", &count, &names, &err), DSTN_OK);
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "one");
    assert_string_equal(names[1], "");
    free_strings(count, names);
    free(config);
    dstn_reader_close(reader);
    free(path);
}

/* An enemy's seal lets a heap through that HDF5 reads beyond its end, or for ever; the child meets it, not we. */
static void a_damaged_heap_behind_a_good_seal_harms_nobody(void **state) {
    (void)state;
    char *path = path_of("heap.h5");
    hid_t file = new_file(path), text = variable_text();
    put_attribute(file, "config", text, 0, NULL, &(const char *){"a text that is longer than eight bytes"});
    H5Fclose(file);
    H5Tclose(text);
    size_t size = 0, heap = 0;
    unsigned char *bytes = scratch_read(path, &size);
    while (memcmp(bytes + heap, "GCOL", 4) != 0) {
        heap++;
    }
    alarm(100);
    for (size_t at = heap + 4; at < heap + 40; at++) {
        unsigned char was = bytes[at];
        bytes[at] = (unsigned char)~was;
        assert_true(scratch_write(path, bytes, size));
        seal_file(path);
        dstn_reader *reader = NULL;
        dstn_error err = {0};
        if (dstn_reader_open(path, DSTN_ERROR_CHECKPOINT, &reader, &err) == DSTN_OK) {
            free(dstn_reader_text(reader, "", "config"));
        } else {
            assert_int_equal(err.status, DSTN_ERROR_CHECKPOINT);
        }
        dstn_reader_close(reader);
        bytes[at] = was;
    }
    alarm(0);
    free(bytes);
    free(path);
}

static void a_seal_that_does_not_fit_is_a_checkpoints_error(void **state) {
    (void)state;
    char *path = path_of("any.h5");
    hid_t file = new_file(path);
    put_set(file, "x", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 0, NULL, &(double){1});
    H5Fclose(file);
    dstn_reader *reader = NULL;
    dstn_error err = {0};
    for (int sealed = 0; sealed < 2; sealed++) {
        assert_int_equal(dstn_store_has_seal(path), sealed);
        assert_int_equal(dstn_reader_open_any(path, DSTN_ERROR_DATA, &reader, &err), DSTN_OK);
        dstn_reader_close(reader);
        seal_file(path);
    }
    assert_true(scratch_flip(path, 100, 1));
    assert_true(dstn_store_has_seal(path));
    assert_int_equal(dstn_reader_open_any(path, DSTN_ERROR_DATA, &reader, &err), DSTN_ERROR_CHECKPOINT);
    assert_non_null(strstr(err.message, "damaged"));
    free(path);
}

/* ---- damaged at random ------------------------------------------------------------------------------------------- */

/* A file of every kind of structure that HDF5 has bugs in: many links and attributes in heaps, texts of variable
 * length, chunks with filters. */
static void make_rich(const char *path) {
    hid_t file = new_file(path), text = variable_text(), many = new_group(file, "many");
    for (int i = 0; i < 30; i++) {
        char name[16];
        snprintf(name, sizeof name, "k%d", i);
        H5Gclose(new_group(many, name));
        put_attribute(many, name, H5T_NATIVE_INT, 0, NULL, &i);
    }
    put_attribute(file, "layers", text, 0, NULL, &(const char *){"linear 13 1\nrelu\n"});
    put_set(file, "texts", text, text, 1, (const hsize_t[]){2}, (const char *const[]){"one", "another"});
    put_set(file, "y", H5T_NATIVE_INT, H5T_NATIVE_INT, 1, (const hsize_t[]){4}, (const int[]){1, 2, 3, 4});
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, (const hsize_t[]){40, 6}, NULL);
    H5Pset_chunk(properties, 2, (const hsize_t[]){7, 4});
    H5Pset_shuffle(properties);
    H5Pset_deflate(properties, 6);
    hid_t set = H5Dcreate2(file, "x", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    double values[240];
    for (int i = 0; i < 240; i++) {
        values[i] = i % 7;
    }
    assert_true(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Fclose(file);
    H5Pclose(properties);
    H5Sclose(space);
    H5Tclose(text);
}

/* HDF5 1.10 crashes over some of these and comes to no end with others; a child process does so in our place. */
static void no_damage_takes_the_reader_with_it(void **state) {
    (void)state;
    char *path = path_of("rich.h5");
    make_rich(path);
    size_t size = 0;
    unsigned char *bytes = scratch_read(path, &size);
    dstn_rng rng = {1, DSTN_PURPOSE_TEST};
    int refused = 0;
    alarm(100);
    for (uint64_t i = 0; i < 400; i++) {
        uint32_t draw[4];
        dstn_rng_bits(rng, i, 0, 0, draw);
        size_t at = i < 200 ? draw[0] % size : (size_t)(i - 200) * 4 % 4096;
        unsigned char flip = (unsigned char)(draw[1] % 255 + 1);
        assert_true(scratch_flip(path, at, flip));
        dstn_reader *reader = NULL;
        dstn_error err = {0};
        if (dstn_reader_open_foreign(path, NULL, DSTN_ERROR_DATA, &reader, &err) != DSTN_OK) {
            assert_int_equal(err.status, DSTN_ERROR_DATA);
            refused++;
        }
        dstn_reader_close(reader);
        assert_true(scratch_flip(path, at, flip));
    }
    alarm(0);
    assert_true(refused > 20);
    free(bytes);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_enemy_seals_is_refused_whole),
        cmocka_unit_test(a_record_without_its_seal_is_not_copied),
        cmocka_unit_test(files_of_earlier_versions_are_read_if_they_are_whole),
        cmocka_unit_test(a_damaged_heap_behind_a_good_seal_harms_nobody),
        cmocka_unit_test(a_seal_that_does_not_fit_is_a_checkpoints_error),
        cmocka_unit_test(no_damage_takes_the_reader_with_it),
    };
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
