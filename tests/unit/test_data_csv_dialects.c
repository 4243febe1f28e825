/* data: tables as other programs write them: other separators and decimals, files that are no text, many columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data_files.h"
#include "scratch.h"

enum { ROWS = 6 };

static char *folder, *path; /* of the test that runs */
static char said[1024];     /* to the log while the last file was read */

static int start(void **state) {
    (void)state;
    folder = scratch_make();
    path = dstn_format("%s/table.csv", folder);
    return folder ? 0 : 1;
}

static int finish(void **state) {
    (void)state;
    free(path);
    scratch_remove(folder);
    return 0;
}

static dstn_status read_table(const char *more, dstn_dataset **out, dstn_error *err) {
    char section[512];
    said[0] = '\0';
    FILE *log_file = fmemopen(said, sizeof said, "w");
    dstn_log log = {.out = log_file, .level = DSTN_LOG_NORMAL};
    snprintf(section, sizeof section, "path: %s, target: y, standardize: false, split: end, valid_fraction: 0.2%s",
             path, more);
    dstn_status status = read_section(section, 1, &log, out, err);
    fclose(log_file);
    return status;
}

static void put_text(const char *text) {
    assert_true(scratch_write(path, text, strlen(text)));
}

/* Rows r of a = r + 0.5, b = −r/4, y = r + 0.25, with these signs; `quote` around names, `pad` around fields. */
static void put_dialect(const char *separator, char decimal, const char *quote, const char *pad) {
    char text[2048];
    size_t used = (size_t)snprintf(text, sizeof text, "%sa%s%s%s%sb%s%s%s%sy%s\n", quote, quote, pad, separator, quote,
                                   quote, pad, separator, quote, quote);
    for (int r = 0; r < ROWS; r++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%d%c5%s%s-%d%c%02d%s%s%d%c25\n", r, decimal, pad,
                                 separator, r / 4, decimal, 25 * (r % 4), pad, separator, r, decimal);
    }
    put_text(text);
}

static void assert_is_dialect(const char *more, const char *says) {
    dstn_dataset *dataset;
    dstn_error err = {0};
    if (read_table(more, &dataset, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    assert_true(dstn_dataset_is_valid(dataset) && dataset->features == 2 && dataset->rows[DSTN_PART_TRAIN] == 5);
    assert_string_equal(dataset->feature_names[0], "a");
    for (int r = 0; r < 5; r++) {
        const double *x = dataset->x[DSTN_PART_TRAIN] + 2 * r;
        assert_true(x[0] == r + 0.5 && x[1] == -r / 4. && dataset->targets[DSTN_PART_TRAIN][r] == r + 0.25);
    }
    dstn_dataset_destroy(dataset);
    if (says ? !strstr(said, says) : said[0]) {
        fail_msg("the log says \"%s\"", said);
    }
}

static void assert_bad(dstn_status status, const char *more, const char *const *parts) {
    dstn_dataset *dataset;
    dstn_error err = {0};
    assert_int_equal(read_table(more, &dataset, &err), status);
    for (; *parts; parts++) {
        if (!strstr(err.message, *parts)) {
            fail_msg("\"%s\" doesn't say \"%s\"", err.message, *parts);
        }
    }
}

#define BAD(more, ...) assert_bad(DSTN_ERROR_DATA, more, (const char *const[]){"table.csv", __VA_ARGS__, NULL})
#define BAD_KEY(more, ...) assert_bad(DSTN_ERROR_USAGE, more, (const char *const[]){__VA_ARGS__, NULL})

static void separators_and_decimals_are_found_and_told(void **state) {
    (void)state;
    const struct {
        const char *separator;
        char decimal;
        const char *says;
    } dialects[] = {{",", '.', NULL},
                    {";", '.', "fields are separated by \";\", decimals by points"},
                    {";", ',', "fields are separated by \";\", decimals by commas"},
                    {"\t", '.', "separated by tabs, decimals by points"},
                    {"\t", ',', "separated by tabs, decimals by commas"},
                    {"|", '.', "separated by \"|\""},
                    {"   ", '.', "separated by blanks, decimals by points"},
                    {" \t", ',', "separated by"}};
    for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++) {
        for (int quoted = 0; quoted < 2; quoted++) {
            put_dialect(dialects[i].separator, dialects[i].decimal, quoted ? "\"" : "", i % 2 ? "" : " ");
            assert_is_dialect("", dialects[i].says);
        }
    }
}

static void separators_and_decimals_can_be_given(void **state) {
    (void)state;
    put_dialect(";", ',', "", "");
    assert_is_dialect(", separator: ';', decimal: ','", NULL);
    assert_is_dialect(", separator: semicolon, decimal: comma", NULL);
    BAD(", separator: semicolon, decimal: point", ":2: column \"a\": \"0,5\" is not a number");
    BAD(", separator: comma", ":1: column \"a;b;y\": is the only one", "data.separator");
    put_dialect("~", '.', "", "");
    assert_is_dialect(", separator: '~', decimal: point", NULL);
    put_dialect("\t", '.', "", "");
    assert_is_dialect(", separator: tab, decimal: point", NULL);
    put_dialect("  ", '.', "\"", "");
    assert_is_dialect(", separator: space, decimal: point", NULL);
    put_text("a,b,y\n\"0,5\",\"-0,00\",\"0,25\"\n\"1,5\",\"-0,25\",\"1,25\"\n\"2,5\",\"-0,50\",\"2,25\"\n"
             "\"3,5\",\"-0,75\",\"3,25\"\n\"4,5\",\"-1,00\",\"4,25\"\n\"5,5\",\"-1,25\",\"5,25\"\n");
    assert_is_dialect(", decimal: comma", "decimals by commas");
    BAD_KEY(", separator: '.'", "data.separator", "accepted: auto, comma, semicolon, tab");
    BAD_KEY(", separator: ab", "data.separator");
    BAD_KEY(", separator: '5'", "data.separator");
    BAD_KEY(", decimal: dot", "data.decimal", "accepted: auto, point or comma");
}

/* Two kinds of decimals are a mistake, not a choice. */
static void decimals_are_of_one_kind(void **state) {
    (void)state;
    put_text("a;b;y\n1;2;3\n1,5;2;3\n1.5;2;3\n1;2;4\n1;2;5\n");
    BAD("", ":4: column \"a\": \"1.5\" has a point, and decimals have commas here");
    put_text("a;b;y\n1;2;3\n1.5;2;3\n1,5;2;3\n1;2;4\n1;2;5\n");
    BAD("", ":4: column \"a\": \"1,5\" is not a number");
    put_text("a;b;y\n1;2;3\n1.000,5;2;3\n1;2;4\n1;2;4\n1;2;5\n");
    BAD("", ":3: column \"a\": \"1.000,5\"");
}

/* What commas hold together is no reason to look further, however ragged the rows are. */
static void commas_come_first(void **state) {
    (void)state;
    put_text("a b,c d,y\n1,2,3\n4,5,6\n7,8,9\n1,2,4\n3,5,2\n");
    dstn_dataset *dataset;
    dstn_error err;
    assert_int_equal(read_table("", &dataset, &err), DSTN_OK);
    assert_string_equal(dataset->feature_names[0], "a b");
    assert_int_equal(said[0], '\0');
    dstn_dataset_destroy(dataset);
    /* But for a header that has some where no row does. */
    put_text("a;b, mm;y\n1;2;3\n4;5;6\n7;8;9\n1;2;4\n3;5;2\n");
    assert_int_equal(read_table("", &dataset, &err), DSTN_OK);
    assert_string_equal(dataset->feature_names[1], "b, mm");
    dstn_dataset_destroy(dataset);
    put_text("a,b,y\n1,2,3\n4,5\n7,8,9\n1,2,4\n3,5,2\n");
    BAD("", ":3: expected 3 fields, as in the header, found 2");
    put_text("a;b;y\n1;2;3\n4;5\n7;8;9\n1;2;4\n3;5;2\n");
    BAD("", ":3: expected 3 fields, as in the header, found 2");
    put_text("\"a\";\"b\";\"y\"\n\"1\"2;3;4\n1;2;3\n4;5;6\n7;8;9\n");
    BAD("", ":2: column 1: text behind closing quotes; accepted: a semicolon");
}

static void blank_lines_are_named_as_such(void **state) {
    (void)state;
    put_text("a,b,y\n1,2,3\n\n7,8,9\n1,2,4\n3,5,2\n1,1,1\n");
    BAD("", ":3: the line is blank, and others follow; accepted: 3 fields");
    put_text("a;b;y\n1;2;3\n4;5;6\n   \n7;8;9\n1;2;4\n3;5;2\n1;1;1\n");
    BAD("", ":4: the line is blank");
}

static void files_that_are_no_text_are_named(void **state) {
    (void)state;
    const struct {
        const char *bytes;
        size_t size;
        const char *says;
    } cases[] = {{"\x1f\x8b\x08\0\0", 5, "is compressed by gzip; accepted: a table as plain text"},
                 {"BZh91AY", 7, "bzip2"},
                 {"\xfd"
                  "7zXZ\0",
                  6, "xz"},
                 {"\x28\xb5\x2f\xfd\x04", 5, "zstd"},
                 {"PK\x03\x04\x14", 5, "a workbook"},
                 {"\x89HDF\r\n", 6, "source: hdf5"},
                 {"PAR1", 4, "Parquet"},
                 {"\xff\xfe"
                  "a\0,\0",
                  6, "UTF-16"},
                 {"\xfe\xff\0a\0,", 6, "UTF-16"},
                 {"a\0,\0y\0\n\0", 8, ":1: has a NUL byte, as text in UTF-16 has"},
                 {"a,y\n1\0,2\n", 9, ":2: has a NUL byte; accepted: UTF-8 text"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(scratch_write(path, cases[i].bytes, cases[i].size));
        BAD("", cases[i].says);
    }
}

/* It would wait for a writer that never comes. */
static void pipes_are_refused_at_once(void **state) {
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    BAD("", "data.path", "is a pipe, a socket or a device; accepted: a file");
}

static void values_too_large_to_compute_with_are_named_by_line_and_column(void **state) {
    (void)state;
    const char *const values[] = {"1.7976931348623157e+308", "-1.7e308", "1.4e154", "1e141"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        for (int in_target = 0; in_target < 2; in_target++) {
            char text[256], says[128];
            snprintf(text, sizeof text, "a,b,y\n1,2,3\n4,%s,%s\n7,8,9\n1,2,4\n3,5,2\n2,2,2\n",
                     in_target ? "5" : values[i], in_target ? values[i] : "6");
            put_text(text);
            snprintf(says, sizeof says, ":3: column \"%s\": \"%s\" is too large to compute with", in_target ? "y" : "b",
                     values[i]);
            BAD("", says, "accepted: a finite number, up to 1e140");
        }
    }
}

/* 60,000 columns, two of them of one name, and a target that is none: each in a moment. */
static void many_columns_are_looked_up_in_a_moment(void **state) {
    (void)state;
    enum { COLUMNS = 60000 };
    char *text = dstn_alloc(COLUMNS * 20, 1);
    size_t used = 0;
    for (int c = 0; c < COLUMNS; c++) {
        used += (size_t)sprintf(text + used, "gene_number_%d%s", c == 59000 ? 123 : c, c + 1 < COLUMNS ? "," : "\n");
    }
    put_text(text);
    double before = dstn_seconds();
    BAD("", ":1: column \"gene_number_123\": stands twice in the header, as columns 124 and 59001");
    text[strlen(text) - 1] = '\0';
    char *last = strstr(text, "gene_number_123,gene_number_124");
    last[0] = 'x';
    put_text(text);
    BAD("", ":1: column \"y\": the target is not in the header");
    double seconds = dstn_seconds() - before;
    free(text);
    if (seconds > 3) {
        fail_msg("%g s", seconds);
    }
}

#define TEST_CASE(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_CASE(separators_and_decimals_are_found_and_told),
        TEST_CASE(separators_and_decimals_can_be_given),
        TEST_CASE(decimals_are_of_one_kind),
        TEST_CASE(commas_come_first),
        TEST_CASE(blank_lines_are_named_as_such),
        TEST_CASE(files_that_are_no_text_are_named),
        TEST_CASE(pipes_are_refused_at_once),
        TEST_CASE(values_too_large_to_compute_with_are_named_by_line_and_column),
        TEST_CASE(many_columns_are_looked_up_in_a_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
