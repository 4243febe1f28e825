/* data: folders of texts: what their words are and become, and every kind of bad text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "data_files.h"
#include "scratch.h"

static char *folder;
static char heard[2000]; /* what the log was told */

static void hear(void *user, dstn_log_level level, const char *line) {
    (void)user;
    (void)level;
    size_t length = strlen(heard);
    snprintf(heard + length, sizeof heard - length, "%s\n", line);
}

static const dstn_log hearing = {.level = DSTN_LOG_NORMAL, .pass_on = hear};

/* ---- folders ----------------------------------------------------------------------------------------------------- */

static void write_bytes(const char *name, const char *bytes, size_t size) {
    char *path = dstn_format("%s/%s", folder, name);
    assert_true(scratch_write(path, bytes, size));
    free(path);
}

static void write_text(const char *name, const char *text) {
    write_bytes(name, text, strlen(text));
}

static void write_packed(const char *name, const char *text) {
    char *path = dstn_format("%s/%s", folder, name);
    gzFile file = gzopen(path, "wb");
    assert_true(file && gzwrite(file, text, (unsigned)strlen(text)) == (int)strlen(text) && gzclose(file) == Z_OK);
    free(path);
}

static int clear_folder(void **state) {
    (void)state;
    if (folder) {
        scratch_remove(folder);
    }
    folder = scratch_make();
    heard[0] = '\0';
    return folder == NULL;
}

static int remove_folder(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

static dstn_status read_folder(const char *keys, dstn_dataset **out, dstn_error *err) {
    char *section = dstn_format("source: ptb, path: '%s'%s", folder, keys);
    dstn_status status = read_section(section, 1, &hearing, out, err);
    free(section);
    return status;
}

static dstn_dataset *read_good(const char *keys) {
    dstn_dataset *dataset;
    dstn_error err;
    if (read_folder(keys, &dataset, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    assert_true(dstn_dataset_is_valid(dataset));
    return dataset;
}

static void assert_bad_as(dstn_status wanted, const char *keys, const char *message) {
    dstn_dataset *dataset;
    dstn_error err = {0};
    dstn_status status = read_folder(keys, &dataset, &err);
    if (status != wanted || err.status != wanted || !strstr(err.message, message)) {
        fail_msg("status %d, \"%s\" where %d, \"%s\" was expected", status, err.message, wanted, message);
    }
    assert_null(dataset);
}

static void assert_bad(const char *keys, const char *message) {
    assert_bad_as(DSTN_ERROR_DATA, keys, message);
}

/* The words of a part, one after the other. */
static void assert_reads(const dstn_dataset *dataset, int part, const char *text) {
    char *words = dstn_strdup("");
    for (int64_t i = 0; dataset->tokens[part] && i <= dataset->rows[part]; i++) {
        char *longer = dstn_format("%s%s%s", words, i ? " " : "", dataset->vocabulary[dataset->tokens[part][i]]);
        free(words);
        words = longer;
    }
    assert_string_equal(words, text);
    free(words);
}

static void assert_vocabulary(const dstn_dataset *dataset, const char *text) {
    char *words = dstn_strdup("");
    for (int64_t w = 0; w < dataset->words; w++) {
        char *longer = dstn_format("%s%s%s", words, w ? " " : "", dataset->vocabulary[w]);
        free(words);
        words = longer;
    }
    assert_string_equal(words, text);
    free(words);
}

/* ---- good ones --------------------------------------------------------------------------------------------------- */

static void words_are_numbered_by_frequency_then_by_appearance(void **state) {
    (void)state;
    write_text("train.txt", " b a c \n a b d\n a <unk> \n");
    write_text("valid.txt", "a d\n");
    write_text("test.txt", "d zebra\n");
    dstn_dataset *dataset = read_good("");
    assert_vocabulary(dataset, "<eos> a b c d <unk>");
    assert_reads(dataset, DSTN_PART_TRAIN, "b a c <eos> a b d <eos> a <unk> <eos>");
    assert_reads(dataset, DSTN_PART_VALID, "a d <eos>");
    assert_reads(dataset, DSTN_PART_TEST, "d <unk> <eos>");
    assert_true(dataset->rows[DSTN_PART_TRAIN] == 10 && dataset->rows[DSTN_PART_VALID] == 2);
    assert_true(dataset->task == DSTN_TASK_CLASSIFICATION && dataset->outputs == 6 && dataset->file_count == 3);
    assert_non_null(strstr(dataset->summary, ": 11 training, 3 validation and 3 test words, vocabulary 6"));
    assert_string_equal(heard, "");
    dstn_dataset_destroy(dataset);
}

/* A mark of the byte order is one at the beginning alone, wherever the file's bytes are read in pieces. */
static void a_mark_within_a_text_belongs_to_its_word(void **state) {
    (void)state;
    enum { PIECE = 1 << 17 };
    char *text = dstn_alloc(PIECE + 8, 1);
    for (int i = 0; i < PIECE; i++) {
        text[i] = i % 8 == 7 ? ' ' : 'a';
    }
    memcpy(text + PIECE, "\xEF\xBB\xBFx\n", 5);
    write_bytes("train.txt", text, PIECE + 5);
    write_text("valid.txt", "aaaaaaa\n");
    dstn_dataset *dataset = read_good("");
    assert_vocabulary(dataset, "aaaaaaa <eos> \xEF\xBB\xBFx");
    dstn_dataset_destroy(dataset);
    free(text);
}

/* Blanks, line ends, a byte order mark, letters of UTF-8, a last line without an end, empty lines. */
static void texts_are_read_as_people_write_them(void **state) {
    (void)state;
    write_text("train.txt", "\xEF\xBB\xBF\tthe  k\xC3\xB6nig\v.\f \r\n\r\nis\rhere");
    write_text("valid.txt", "the\n\n  ");
    dstn_dataset *dataset = read_good("");
    assert_reads(dataset, DSTN_PART_TRAIN, "the k\xC3\xB6nig . <eos> <eos> is <eos> here <eos>");
    assert_reads(dataset, DSTN_PART_VALID, "the <eos> <eos>");
    assert_true(dataset->rows[DSTN_PART_TEST] == 0 && !dataset->tokens[DSTN_PART_TEST]);
    assert_non_null(strstr(dataset->summary, ": 9 training and 3 validation words, vocabulary 6"));
    dstn_dataset_destroy(dataset);
}

static void without_a_validation_text_the_end_of_the_training_text_validates(void **state) {
    (void)state;
    write_text("train.txt", "a b c d\ne f g h\n");
    write_text("test.txt", "h\n");
    dstn_dataset *dataset = read_good(", valid_fraction: 0.3");
    assert_reads(dataset, DSTN_PART_TRAIN, "a b c d <eos> e f");
    assert_reads(dataset, DSTN_PART_VALID, "g h <eos>");
    assert_reads(dataset, DSTN_PART_TEST, "h <eos>");
    assert_non_null(strstr(dataset->summary, "validation from the end"));
    assert_non_null(strstr(heard, "no text for validation: the last words of train.txt are kept for it"));
    assert_non_null(strstr(heard, "nowhere (\"g\" is one)"));
    char digest[DSTN_DIGEST_SIZE];
    memcpy(digest, dataset->digest, sizeof digest);
    dstn_dataset_destroy(dataset);
    dataset = read_good(", valid_fraction: 0.2, split: end");
    assert_reads(dataset, DSTN_PART_VALID, "h <eos>");
    assert_string_equal(dataset->digest, digest); /* of what was read */
    dstn_dataset_destroy(dataset);
}

static void rare_words_become_unk_where_there_is_a_limit(void **state) {
    (void)state;
    write_text("train.txt", "r a a a b b s\na b c c t\n");
    write_text("valid.txt", "a s z\n");
    dstn_dataset *dataset = read_good(", words: 5");
    assert_vocabulary(dataset, "a b <unk> <eos> c");
    assert_reads(dataset, DSTN_PART_TRAIN, "<unk> a a a b b <unk> <eos> a b c c <unk> <eos>");
    assert_reads(dataset, DSTN_PART_VALID, "a <unk> <unk> <eos>");
    dstn_dataset_destroy(dataset);
    /* <eos> and <unk> stay, however rare they are. */
    dataset = read_good(", words: 3");
    assert_vocabulary(dataset, "<unk> a <eos>");
    dstn_dataset_destroy(dataset);
    /* A limit that cuts nothing: what is new is <unk> all the same. */
    dataset = read_good(", words: 100");
    assert_vocabulary(dataset, "a b <eos> c r s t <unk>");
    assert_reads(dataset, DSTN_PART_VALID, "a s <unk> <eos>");
    assert_non_null(strstr(heard, "(\"<unk>\" is one)"));
    dstn_dataset_destroy(dataset);
    dataset = read_good(", words: 7");
    assert_vocabulary(dataset, "a b <eos> c r s <unk>");
    dstn_dataset_destroy(dataset);
}

static void new_words_may_be_added(void **state) {
    (void)state;
    write_text("train.txt", "a a b <unk>\n");
    write_text("valid.txt", "a z b\n");
    write_text("test.txt", "y z\n");
    dstn_dataset *dataset = read_good(", unknown: add");
    assert_vocabulary(dataset, "a <eos> b <unk> z y");
    assert_reads(dataset, DSTN_PART_TEST, "y z <eos>");
    assert_non_null(strstr(heard, "2 of the vocabulary's 6 words nowhere (\"z\" is one)"));
    dstn_dataset_destroy(dataset);
    dataset = read_good(", unknown: add, words: 5");
    assert_vocabulary(dataset, "a <eos> b <unk> z");
    assert_reads(dataset, DSTN_PART_TEST, "<unk> z <eos>");
    dstn_dataset_destroy(dataset);
}

static void other_names_and_packed_files_are_read(void **state) {
    (void)state;
    write_packed("ptb.train.txt.gz", "a b\n");
    write_packed("ptb.valid.txt.gz", "b a\n");
    write_text("ptb.test.txt", "b\n");
    dstn_dataset *packed = read_good("");
    assert_reads(packed, DSTN_PART_VALID, "b a <eos>");
    assert_reads(packed, DSTN_PART_TEST, "b <eos>");
    write_text("train.txt", "a b\n");
    write_text("valid.txt", "b a\n");
    write_text("test.txt", "b\n");
    dstn_dataset *plain = read_good("");
    assert_non_null(strstr(plain->files[0], "/train.txt"));
    assert_string_equal(plain->digest, packed->digest);
    write_text("valid.txt", "a b\n");
    dstn_dataset *other = read_good("");
    assert_string_not_equal(other->digest, plain->digest);
    dstn_dataset_destroy(other);
    /* The same numbers for another word. */
    write_text("train.txt", "a c\n");
    write_text("valid.txt", "c a\n");
    write_text("test.txt", "c\n");
    other = read_good("");
    assert_memory_equal(other->tokens[DSTN_PART_TRAIN], plain->tokens[DSTN_PART_TRAIN], 3 * sizeof(int32_t));
    assert_string_not_equal(other->digest, plain->digest);
    dstn_dataset_destroy(other);
    dstn_dataset_destroy(plain);
    dstn_dataset_destroy(packed);
}

static void a_word_that_is_a_line_end_is_told_of(void **state) {
    (void)state;
    write_text("train.txt", "a b <eos>\nb <eos>\n");
    write_text("valid.txt", "a b\n");
    dstn_dataset_destroy(read_good(""));
    assert_non_null(strstr(heard, "train.txt: has the word <eos> 2 times"));
    assert_null(strstr(heard, "valid.txt"));
}

/* Ten million bytes in a line, and as many in a word. */
static void long_lines_are_lines_and_long_words_are_none(void **state) {
    (void)state;
    size_t size = 10000000;
    char *line = dstn_alloc(size + 1, 1);
    for (size_t i = 0; i < size; i++) {
        line[i] = i % 5 == 4 ? ' ' : i % 35 < 5 ? 'a' : 'b';
    }
    write_text("valid.txt", "aaaa\n");
    write_bytes("train.txt", line, size);
    dstn_dataset *dataset = read_good("");
    assert_int_equal(dataset->rows[DSTN_PART_TRAIN], size / 5);
    assert_int_equal(dataset->words, 3);
    assert_true(dstn_dataset_memory_used(dataset) < 2 * size);
    dstn_dataset_destroy(dataset);
    memset(line, 'x', size);
    write_bytes("train.txt", line, size);
    assert_bad("",
               "train.txt:1: a word of more than 1000 bytes (\"xxxxxxxxxxxxxxxxxxxx...\"); accepted: words separated");
    line[1000] = '\n';
    line[1001] = '\n';
    write_bytes("train.txt", line, 1002);
    dstn_dataset_destroy(read_good(", unknown: add"));
    free(line);
}

/* ---- bad ones ---------------------------------------------------------------------------------------------------- */

static void an_unknown_word_is_named_with_its_line(void **state) {
    (void)state;
    write_text("train.txt", "a b\n");
    write_text("valid.txt", "a\nb\n");
    write_text("test.txt", "a\n\na zebra\n");
    assert_bad("",
               "test.txt:3: the training text doesn't have the word \"zebra\"; accepted: its words, or any where it "
               "has <unk>, with data.words: N");
    write_text("valid.txt", "a\nb yak gnu\nowl\n");
    assert_bad("", "valid.txt:2: the training text doesn't have the word \"yak\"");
    /* <unk> of another text is none of the training text's. */
    write_text("valid.txt", "a <unk>\n");
    assert_bad("", "valid.txt:1: the training text doesn't have the word \"<unk>\"");
}

static void texts_without_words_are_refused(void **state) {
    (void)state;
    static const char png[] = "\x89PNG\r\n\x1A\n\0\0\0\rIHDR", wide[] = "\xFF\xFEt\0h\0e\0";
    write_text("valid.txt", "a\n");
    write_text("train.txt", "");
    assert_bad("", "train.txt: is empty; accepted: lines of words separated by blanks");
    write_text("train.txt", "  \t ");
    assert_bad("", "train.txt: is empty");
    write_text("train.txt", "\n");
    assert_bad("", "train.txt: has an empty line alone");
    write_text("train.txt", "\n\n\n");
    assert_bad(", unknown: add", "the word \"<eos>\" 3 times and has no other");
    write_bytes("train.txt", png, sizeof png);
    assert_bad("", "train.txt:3: a NUL byte (byte 8 of the file): a binary file, or UTF-16; accepted: text in UTF-8");
    write_bytes("train.txt", wide, sizeof wide);
    assert_bad("", "train.txt:1: a NUL byte (byte 3 of the file)");
    write_text("train.txt", "a\n");
    write_text("valid.txt", "");
    assert_bad("", "valid.txt: is empty");
    write_text("valid.txt", "a\n");
    write_text("test.txt", "");
    assert_bad("", "test.txt: is empty");
}

static void short_texts_are_refused_where_they_are_to_be_split(void **state) {
    (void)state;
    write_text("train.txt", "hello");
    assert_bad("", "its training text has 2 words, too few to keep some for validation; accepted: at least 4");
    write_text("train.txt", "a b c d e f g h i");
    assert_bad_as(DSTN_ERROR_USAGE, ", valid_fraction: 0.1",
                  "data.valid_fraction: 0.1 of 10 words leaves too few for validation; accepted: 0.2 to 0.8");
    assert_bad_as(DSTN_ERROR_USAGE, ", valid_fraction: 0.9", "leaves too few for training");
    dstn_dataset_destroy(read_good(", valid_fraction: 0.8"));
}

static void keys_that_say_nothing_of_words_are_refused(void **state) {
    (void)state;
    write_text("train.txt", "a b c d e f g h i");
    assert_bad_as(DSTN_ERROR_USAGE, ", task: regression", "data.task: regression is for numbers");
    assert_bad_as(DSTN_ERROR_USAGE, ", split: random", "data.split: random is for rows in no order");
    assert_bad_as(DSTN_ERROR_USAGE, ", features: quadratic", "has words; accepted: raw");
    assert_bad_as(DSTN_ERROR_USAGE, ", words: 2", "data.words: ");
    assert_bad_as(DSTN_ERROR_USAGE, ", mean: 0.5", "mean");
    dstn_dataset_destroy(read_good(", task: classification, standardize: false"));
    write_text("valid.txt", "a\n");
    assert_bad_as(DSTN_ERROR_USAGE, ", split: end", "has a validation part of its own");
}

/* The config as resolved says what was meant, so that it can be read again. */
static void a_resolved_config_reads_the_text_again(void **state) {
    (void)state;
    write_text("train.txt", "a b c d e f g h i");
    char *text = dstn_format("data: {source: ptb, path: '%s'}\n", folder);
    dstn_doc *doc;
    dstn_error err = {0};
    assert_int_equal(dstn_doc_parse(text, "job.yaml", &doc, &err), DSTN_OK);
    for (int i = 0; i < 2; i++) {
        dstn_dataset *dataset;
        assert_int_equal(dstn_dataset_read(dstn_node_child(dstn_doc_root(doc), "data"), 1, NULL, &dataset, &err),
                         DSTN_OK);
        dstn_dataset_destroy(dataset);
    }
    char *resolved = dstn_doc_text(doc);
    assert_non_null(strstr(resolved, "task: classification"));
    assert_null(strstr(resolved, "regression"));
    free(resolved);
    dstn_doc_destroy(doc);
    free(text);
}

static void files_that_cannot_be_read_are_named(void **state) {
    (void)state;
    assert_bad("", "has no file train.txt; accepted: a folder with train.txt, valid.txt and test.txt");
    write_text("val.txt", "a\n");
    write_text("training.txt", "a\n");
    assert_bad("", "has no file train.txt, but training.txt, val.txt; accepted");
    char *path = dstn_format("%s/train.txt", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_bad("", "train.txt: can't be read: is a pipe, a socket or a device; accepted: a file");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_bad("", "train.txt: can't be read: Is a directory");
    rmdir(path);
    assert_int_equal(symlink("nowhere", path), 0);
    assert_bad("", "train.txt: can't be read: No such file or directory");
    unlink(path);
    write_text("train.txt", "a b\n");
    chmod(path, 0);
    if (geteuid() != 0) {
        assert_bad("", "train.txt: can't be read: Permission denied");
    }
    unlink(path);
    free(path);
}

/* Cut off anywhere, or with a wrong byte, a packed text is damaged. */
static void damaged_packed_files_are_refused(void **state) {
    (void)state;
    write_text("valid.txt", "a\n");
    write_packed("train.txt.gz", "a b c a b c d e f\n");
    dstn_dataset_destroy(read_good(""));
    char *path = dstn_format("%s/train.txt.gz", folder);
    size_t size = 0;
    unsigned char *bytes = scratch_read(path, &size);
    write_bytes("train.txt.gz", (char *)bytes, size - 3);
    assert_bad("", "train.txt.gz: its gzip stream is cut off");
    bytes[size - 6] ^= 1;
    write_bytes("train.txt.gz", (char *)bytes, size);
    assert_bad("", "train.txt.gz: its gzip stream is damaged (");
    free(bytes);
    free(path);
}

static void too_many_words_are_refused_without_a_limit(void **state) {
    (void)state;
    enum { COUNT = 1000001, EACH = 8 };
    char *text = dstn_alloc((size_t)COUNT * EACH + 1, 1);
    for (int i = 0; i < COUNT; i++) {
        snprintf(text + (size_t)i * EACH, EACH + 1, "w%06x ", (unsigned)i);
    }
    write_bytes("train.txt", text, (size_t)COUNT * EACH);
    assert_bad("", "train.txt: has 1000002 different words; accepted: up to 1000000, or data.words");
    dstn_dataset *dataset = read_good(", words: 10");
    assert_int_equal(dataset->words, 10);
    dstn_dataset_destroy(dataset);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(words_are_numbered_by_frequency_then_by_appearance, clear_folder),
        cmocka_unit_test_setup(a_mark_within_a_text_belongs_to_its_word, clear_folder),
        cmocka_unit_test_setup(texts_are_read_as_people_write_them, clear_folder),
        cmocka_unit_test_setup(without_a_validation_text_the_end_of_the_training_text_validates, clear_folder),
        cmocka_unit_test_setup(rare_words_become_unk_where_there_is_a_limit, clear_folder),
        cmocka_unit_test_setup(new_words_may_be_added, clear_folder),
        cmocka_unit_test_setup(other_names_and_packed_files_are_read, clear_folder),
        cmocka_unit_test_setup(a_word_that_is_a_line_end_is_told_of, clear_folder),
        cmocka_unit_test_setup(long_lines_are_lines_and_long_words_are_none, clear_folder),
        cmocka_unit_test_setup(an_unknown_word_is_named_with_its_line, clear_folder),
        cmocka_unit_test_setup(texts_without_words_are_refused, clear_folder),
        cmocka_unit_test_setup(short_texts_are_refused_where_they_are_to_be_split, clear_folder),
        cmocka_unit_test_setup(keys_that_say_nothing_of_words_are_refused, clear_folder),
        cmocka_unit_test_setup(a_resolved_config_reads_the_text_again, clear_folder),
        cmocka_unit_test_setup(files_that_cannot_be_read_are_named, clear_folder),
        cmocka_unit_test_setup(damaged_packed_files_are_refused, clear_folder),
        cmocka_unit_test_setup(too_many_words_are_refused_without_a_limit, clear_folder),
    };
    return cmocka_run_group_tests(tests, NULL, remove_folder);
}
