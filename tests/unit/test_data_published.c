/* data: files compared with what is published of known data sets, and the SHA-256 that this goes by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "dstn/data.h"
#include "scratch.h"

#define FASHION "/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz"

static char *folder; /* of the test that runs */

static int start(void **state) {
    (void)state;
    folder = scratch_make();
    return folder ? 0 : 1;
}

static int finish(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

/* What is said of a file of this name and content; free with free(). */
static dstn_published compare(const char *name, const void *bytes, size_t size, char **line) {
    char *path = dstn_format("%s/%s", folder, name);
    assert_true(scratch_write(path, bytes, size));
    dstn_published verdict = dstn_published_compare(path, line);
    free(path);
    return verdict;
}

/* The examples of FIPS 180-4, and contents around the ends of blocks, whose digests other programs gave. */
static void digests_are_those_of_the_standard(void **state) {
    (void)state;
    enum { MILLION = 1000000 };
    char *many = dstn_alloc(MILLION, 1);
    memset(many, 'a', MILLION);
    const struct {
        const char *text;
        size_t size;
        const char *sha256;
    } cases[] = {
        {"", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {many, MILLION, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
        {many, 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
        {many, 63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
        {many, 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
        {many, 119, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *line, *says = dstn_format("%zu bytes, sha256 %s;", cases[i].size, cases[i].sha256);
        assert_int_equal(compare("train.bin", cases[i].text, cases[i].size, &line), DSTN_PUBLISHED_OTHER);
        if (!strstr(line, says)) {
            fail_msg("\"%s\" doesn't say \"%s\"", line, says);
        }
        free(says);
        free(line);
    }
    free(many);
}

static void a_file_that_differs_is_told_of_with_what_is_expected(void **state) {
    (void)state;
    uint8_t bytes[10008] = {0, 0, 8, 1};
    char *line;
    assert_int_equal(compare("test_batch.bin", bytes, 3073, &line), DSTN_PUBLISHED_OTHER);
    assert_non_null(strstr(line, "test_batch.bin: differs from what is published: 3073 bytes, sha256 "));
    assert_non_null(strstr(line, "; expected 30730000 bytes, sha256 8e2eb146"));
    assert_non_null(strstr(line, "(CIFAR-10)"));
    free(line);
    assert_int_equal(compare("t10k-labels.idx1-ubyte", bytes, sizeof bytes, &line), DSTN_PUBLISHED_CHANGED);
    assert_non_null(strstr(line, "(MNIST), or 10008 bytes, sha256 0402a96d"));
    free(line);
}

static void other_names_are_unknown(void **state) {
    (void)state;
    static const char *const names[] = {"data_batch_6.bin", "data_batch_1", "own.h5", ".gz", ".idx"};
    char *line;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(compare(names[i], "x", 1, &line), DSTN_PUBLISHED_UNKNOWN);
        assert_null(line);
    }
    char *path = dstn_format("%s/gone/train.bin", folder);
    assert_int_equal(dstn_published_compare(path, &line), DSTN_PUBLISHED_UNKNOWN);
    assert_null(line);
    free(path);
}

/* Debian's package has other archives than the authors', of the same content. */
static void a_published_file_is_known_packed_and_unpacked(void **state) {
    (void)state;
    if (access(FASHION, R_OK) != 0) {
        skip();
    }
    enum { SIZE = 10008 };
    char *line, *bytes = dstn_alloc(SIZE, 1);
    assert_int_equal(dstn_published_compare(FASHION, &line), DSTN_PUBLISHED_SAME);
    assert_string_equal(line, "t10k-labels-idx1-ubyte.gz: as published (Fashion-MNIST)");
    free(line);
    gzFile file = gzopen(FASHION, "rb");
    assert_int_equal(gzread(file, bytes, SIZE), SIZE);
    gzclose_r(file);
    assert_int_equal(compare("t10k-labels.idx1-ubyte", bytes, SIZE, &line), DSTN_PUBLISHED_SAME);
    free(line);
    free(bytes);
}

#define TEST_CASE(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_CASE(digests_are_those_of_the_standard),
        TEST_CASE(a_file_that_differs_is_told_of_with_what_is_expected),
        TEST_CASE(other_names_are_unknown),
        TEST_CASE(a_published_file_is_known_packed_and_unpacked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
