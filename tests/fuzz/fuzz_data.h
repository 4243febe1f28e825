/* What the fuzz targets of data sources end with. */
#ifndef TESTS_FUZZ_DATA_H
#define TESTS_FUZZ_DATA_H

#include "dstn/data.h"

#include "fuzz.h"

/* Reads the data set of a section `data:` whose options are `section`, in a config of the process's folder; what comes
 * of it is a data set, or a message that can be shown. */
static inline void fuzz_read_data(const char *section, uint32_t seed) {
    char *name = fuzz_path("config.yaml"), *text = dstn_format("data: {%s}\n", section);
    dstn_doc *doc;
    dstn_dataset *dataset;
    dstn_error err = {DSTN_OK, ""};
    if (dstn_doc_parse(text, name, &doc, &err) == DSTN_OK) {
        if (dstn_dataset_read(dstn_node_child(dstn_doc_root(doc), "data"), seed, NULL, &dataset, &err) == DSTN_OK) {
            dstn_dataset_destroy(dataset);
        }
        dstn_doc_destroy(doc);
    }
    fuzz_check_message(&err);
    free(text);
    free(name);
}

#endif
