/* What the tests of data share: data sets read from the repository's files or from text. */
#ifndef TESTS_UNIT_DATA_FILES_H
#define TESTS_UNIT_DATA_FILES_H

#include <stdio.h>

#include "dstn/data.h"

/* Reads `data: {SECTION}` of a config that lies in the repository's root. */
static inline dstn_status read_section(const char *section, uint32_t seed, const dstn_log *log, dstn_dataset **out,
                                       dstn_error *err) {
    char text[1024];
    snprintf(text, sizeof text, "data: {%s}\n", section);
    dstn_doc *doc;
    dstn_status status = dstn_doc_parse(text, DSTN_SOURCE_DIR "/job.yaml", &doc, err);
    if (status == DSTN_OK) {
        status = dstn_dataset_read(dstn_node_child(dstn_doc_root(doc), "data"), seed, log, out, err);
    }
    dstn_doc_destroy(doc);
    return status;
}

#endif
