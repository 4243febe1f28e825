/* store: the checksum over a whole file, at its end. */
#include "file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { MARK_SIZE = 16, BLOCK = 1 << 20 };

/* Bytes above 127, a carriage return and a line feed, so that a transfer as text shows. */
static const unsigned char mark[MARK_SIZE] = {0x89, 'd', 's', 't', 'n',  '-',  's',  'e',
                                              'a',  'l', '-', '1', '\r', '\n', 0x1a, 0xd5};

void store_seal_make(const void *bytes, size_t size, unsigned char seal[STORE_SEAL_SIZE]) {
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(&hash, XXH3_128bits(bytes, size));
    memcpy(seal, mark, MARK_SIZE);
    memcpy(seal + MARK_SIZE, hash.digest, sizeof hash.digest);
}

static bool read_fully(int descriptor, int64_t offset, unsigned char *bytes, size_t size) {
    while (size > 0) {
        ssize_t got = pread(descriptor, bytes, size, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        bytes += got;
        offset += got;
        size -= (size_t)got;
    }
    return true;
}

static bool hash_of(int descriptor, int64_t size, unsigned char *block, XXH128_canonical_t *hash) {
    XXH3_state_t *state = XXH3_createState();
    bool good = state && XXH3_128bits_reset(state) == XXH_OK;
    for (int64_t done = 0; good && done < size; done += BLOCK) {
        size_t part = size - done < BLOCK ? (size_t)(size - done) : BLOCK;
        good = read_fully(descriptor, done, block, part) && XXH3_128bits_update(state, block, part) == XXH_OK;
    }
    if (good) {
        XXH128_canonicalFromHash(hash, XXH3_128bits_digest(state));
    }
    XXH3_freeState(state);
    return good;
}

bool store_seal_holds(int descriptor, int64_t size) {
    unsigned char seal[STORE_SEAL_SIZE];
    int64_t sealed = size - STORE_SEAL_SIZE;
    errno = 0;
    if (sealed < 0) {
        return true;
    }
    if (!read_fully(descriptor, sealed, seal, sizeof seal)) {
        return false;
    }
    if (memcmp(seal, mark, MARK_SIZE) != 0) {
        return true;
    }
    unsigned char *block = dstn_alloc(BLOCK, 1);
    XXH128_canonical_t hash;
    bool holds =
        hash_of(descriptor, sealed, block, &hash) && memcmp(seal + MARK_SIZE, hash.digest, sizeof hash.digest) == 0;
    free(block);
    return holds;
}
