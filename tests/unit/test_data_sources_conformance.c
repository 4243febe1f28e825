/* data: what every source of the table must do with a path that leads to no data: refuse it, as bad data, with a line
 * that names the path, and the key in the config where there is nothing to read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conformance.h"
#include "dstn/data.h"
#include "scratch.h"

static bool has_option(const dstn_data_source *source, const char *key) {
    for (const dstn_option *option = source->options; option->key; option++) {
        if (strcmp(option->key, key) == 0) {
            return true;
        }
    }
    return false;
}

/* A section `data:` with a source's example. */
static dstn_status read_path(const dstn_data_source *source, const char *path, dstn_error *err) {
    char *text = dstn_format("data: %s\n", source->example);
    dstn_doc *doc;
    if (dstn_doc_parse(text, "job.yaml", &doc, err) ||
        dstn_doc_put(doc, "data.source", source->name, "job.yaml", err) ||
        dstn_doc_put(doc, "data.path", path, "job.yaml", err)) {
        fail_msg("%s", err->message);
    }
    dstn_dataset *dataset = NULL;
    dstn_status status = dstn_dataset_read(dstn_node_child(dstn_doc_root(doc), "data"), 1, NULL, &dataset, err);
    conformance_expect(status == DSTN_OK || dataset == NULL, "gives a data set with an error");
    dstn_dataset_destroy(dataset);
    dstn_doc_destroy(doc);
    free(text);
    return status;
}

static void check_refused(const dstn_data_source *source, const char *path, bool names_key) {
    dstn_error err = {0};
    dstn_status status = read_path(source, path, &err);
    conformance_expect(status == DSTN_ERROR_DATA && err.status == status, "status %d: \"%s\"", status, err.message);
    conformance_expect(strstr(err.message, path) != NULL, "the message does not name the path: \"%s\"", err.message);
    conformance_expect(!names_key || strstr(err.message, "data.path"), "the message does not name the key: \"%s\"",
                       err.message);
    conformance_expect(!strchr(err.message, '\n') && err.message[0], "no line: \"%s\"", err.message);
}

/* The scratch folder has an empty file, an empty folder, and a file of zeros, which is in no source's form. */
static void check_source(const dstn_data_source *source, const char *folder) {
    static const struct {
        const char *path;
        bool names_key;
    } cases[] = {{"nowhere", true}, {"nowhere/at/all", true}, {"empty", true},
                 {"folder", true},  {"empty/below", true},    {"zeros", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *path = dstn_format("%s/%s", folder, cases[i].path);
        conformance_enter("source %s, path %s", source->name, cases[i].path);
        check_refused(source, path, cases[i].names_key);
        free(path);
    }
}

static void paths_without_data_are_refused_by_path_and_key(void **state) {
    (void)state;
    char *folder = scratch_make(), *empty = dstn_format("%s/empty", folder), *within = dstn_format("%s/folder", folder),
         *zeros = dstn_format("%s/zeros", folder);
    const char bytes[256] = {0};
    assert_true(scratch_write(empty, "", 0) && scratch_write(zeros, bytes, sizeof bytes) && mkdir(within, 0700) == 0);
    const dstn_data_source *source;
    for (size_t i = 0; (source = dstn_data_source_at(i)) != NULL; i++) {
        if (has_option(source, "path")) {
            check_source(source, folder);
        }
    }
    free(empty);
    free(within);
    free(zeros);
    scratch_remove(folder);
    conformance_end();
}

static void the_table_is_whole(void **state) {
    (void)state;
    const dstn_data_source *source;
    for (size_t i = 0; (source = dstn_data_source_at(i)) != NULL; i++) {
        conformance_enter("source %s", source->name);
        conformance_expect(dstn_data_source_find(source->name) == source, "its name finds another");
        conformance_expect(source->read != NULL, "has no read");
    }
    conformance_enter("sources");
    conformance_expect(!dstn_data_source_find("cs") && !dstn_data_source_find(""), "an unknown name is found");
    conformance_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_without_data_are_refused_by_path_and_key),
        cmocka_unit_test(the_table_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
