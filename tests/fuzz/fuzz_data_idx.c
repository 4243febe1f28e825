/* Fuzzes IDX folders. The first two bytes say where the input is cut into images and labels; the third, whether they
 * are packed. Training and test have the same. */
#include "fuzz_data.h"

#include <zlib.h>

static void write_file(const char *name, bool packed, const uint8_t *bytes, size_t size) {
    static const char *const endings[] = {"", ".gz"};
    for (int i = 0; i < 2; i++) {
        char *path = dstn_format("%s/%s%s", fuzz_folder, name, endings[i]);
        if (packed != (i == 1)) {
            unlink(path);
        } else if (!packed) {
            fuzz_write(path, bytes, size);
        } else {
            gzFile file = gzopen(path, "wb1");
            gzwrite(file, bytes, (unsigned)size);
            gzclose(file);
        }
        free(path);
    }
}

static void fuzz_one(const uint8_t *bytes, size_t size) {
    if (size < 3) {
        return;
    }
    const uint8_t *rest = bytes + 3;
    size_t length = size - 3, cut = length ? (bytes[0] * 256u + bytes[1]) % (length + 1) : 0;
    bool packed = bytes[2] & 1;
    write_file("train-images-idx3-ubyte", packed, rest, cut);
    write_file("train-labels-idx1-ubyte", packed, rest + cut, length - cut);
    write_file("t10k-images-idx3-ubyte", packed, rest, cut);
    write_file("t10k-labels-idx1-ubyte", packed, rest + cut, length - cut);
    fuzz_read_data("source: idx, path: ., task: classification", 1);
}

FUZZ_TARGET(fuzz_start_in_folder)
