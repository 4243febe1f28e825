/* Fuzzes folders of CIFAR's form. The first byte chooses the form, whether its labels are made right, and which file
 * gets how many bytes less; the rest is the content of every file, so that a few bytes are many records. */
#include "fuzz_data.h"

enum { RECORD = 3073, MOST_RECORDS = 4 };

static const char *const names[2][6] = {{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                                         "data_batch_5.bin", "test_batch.bin"},
                                        {"train.bin", "test.bin"}};

static void write_files(int form, const uint8_t *bytes, size_t size, uint8_t choice) {
    bool is_cut = choice & 4;
    for (int f = 0; f < 6; f++) {
        for (int other = 0; other < 2; other++) {
            char *path = names[other][f] ? fuzz_path(names[other][f]) : NULL;
            if (path && other == form) {
                fuzz_write(path, bytes, is_cut && f == (choice >> 3) % 6 ? size - size % 97 : size);
            } else if (path) {
                unlink(path);
            }
            free(path);
        }
    }
}

static void fuzz_one(const uint8_t *bytes, size_t size) {
    if (size < 2) {
        return;
    }
    uint8_t choice = bytes[0], records[MOST_RECORDS * (RECORD + 1)] = {0};
    int form = choice & 1;
    size_t each = RECORD + (size_t)form, count = 1 + choice / 64, length = count * each;
    for (size_t i = 0; i < length; i++) {
        records[i] = bytes[1 + i % (size - 1)];
    }
    for (size_t r = 0; r < count && choice & 2; r++) {
        records[r * each] %= 10;
        records[r * each + 1] %= 100;
    }
    write_files(form, records, length, choice);
    fuzz_read_data("source: cifar, path: ., task: classification", 1);
}

FUZZ_TARGET(fuzz_start_in_folder)
