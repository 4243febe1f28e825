/* Fuzzes tables. The first byte chooses the task, the split and the features. */
#include "dstn/data.h"

#include "fuzz.h"

static void fuzz_one(const uint8_t *bytes, size_t size) {
    static const char *const sections[] = {"target: y", "target: y, features: quadratic, standardize: true",
                                           "target: y, task: classification",
                                           "target: y, valid_fraction: 0.5, standardize: true"};
    char *path = fuzz_path("x.csv"), *name = fuzz_path("config.yaml");
    uint8_t choice = size ? bytes[0] : 0;
    fuzz_write(path, bytes + (size ? 1 : 0), size ? size - 1 : 0);
    char *text = dstn_format("data: {source: csv, path: x.csv, %s}\n", sections[choice % 4]);
    dstn_doc *doc;
    dstn_dataset *dataset;
    dstn_error err = {DSTN_OK, ""};
    if (dstn_doc_parse(text, name, &doc, &err) == DSTN_OK) {
        dstn_node section = dstn_node_child(dstn_doc_root(doc), "data");
        if (dstn_dataset_read(section, choice, NULL, &dataset, &err) == DSTN_OK) {
            dstn_dataset_destroy(dataset);
        }
        dstn_doc_destroy(doc);
    }
    fuzz_check_message(&err);
    free(text);
    free(name);
    free(path);
}

FUZZ_TARGET(fuzz_start_in_folder)
