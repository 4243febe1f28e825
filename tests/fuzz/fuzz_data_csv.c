/* Fuzzes tables. The first byte chooses the task, the split and the features. */
#include "fuzz_data.h"

static void fuzz_one(const uint8_t *bytes, size_t size) {
    static const char *const sections[] = {"target: y", "target: y, features: quadratic, standardize: true",
                                           "target: y, task: classification",
                                           "target: y, valid_fraction: 0.5, standardize: true"};
    char *path = fuzz_path("x.csv");
    uint8_t choice = size ? bytes[0] : 0;
    fuzz_write(path, bytes + (size ? 1 : 0), size ? size - 1 : 0);
    char *section = dstn_format("source: csv, path: x.csv, %s", sections[choice % 4]);
    fuzz_read_data(section, choice);
    free(section);
    free(path);
}

FUZZ_TARGET(fuzz_start_in_folder)
