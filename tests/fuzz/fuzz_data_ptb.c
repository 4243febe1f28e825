/* Fuzzes folders of texts. The first byte chooses which of the files there are, how what follows is divided among them,
 * and the keys. */
#include "fuzz_data.h"

static const char *const names[] = {"train.txt", "valid.txt", "test.txt"};
static const char *const keys[] = {"", ", words: 4", ", unknown: add", ", unknown: add, words: 5"};

static void fuzz_one(const uint8_t *bytes, size_t size) {
    if (size < 1) {
        return;
    }
    uint8_t choice = *bytes++;
    size_t rest = size - 1;
    for (int f = 0; f < 3; f++) {
        char *path = fuzz_path(names[f]);
        size_t length = f == 2 ? rest : rest / (size_t)(1 + (choice >> 5) % 4);
        if (choice & 1 << f) {
            unlink(path);
        } else {
            fuzz_write(path, bytes, length);
            bytes += length;
            rest -= length;
        }
        free(path);
    }
    char *section = dstn_format("source: ptb, path: %s%s", fuzz_folder, keys[(choice >> 3) % 4]);
    fuzz_read_data(section, 1);
    free(section);
}

FUZZ_TARGET(fuzz_start_in_folder)
