/* store: the checksum over a whole file, at its end, and what can be said of a file before HDF5 looks at it. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { MARK_SIZE = 16, NEARLY = 16 /* bits of the mark that may be wrong in one that was damaged */ };

/* Bytes above 127, a carriage return and a line feed, so that a transfer as text shows. */
static const unsigned char mark[MARK_SIZE] = {0x89, 'd', 's', 't', 'n',  '-',  's',  'e',
                                              'a',  'l', '-', '1', '\r', '\n', 0x1a, 0xd5};

void store_seal_make(const void *bytes, size_t size, unsigned char seal[STORE_SEAL_SIZE]) {
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(&hash, XXH3_128bits(bytes, size));
    memcpy(seal, mark, MARK_SIZE);
    memcpy(seal + MARK_SIZE, hash.digest, sizeof hash.digest);
}

/* ---- what is there ----------------------------------------------------------------------------------------------- */

static bool read_fully(int descriptor, int64_t offset, unsigned char *bytes, size_t size) {
    while (size > 0) {
        ssize_t got = pread(descriptor, bytes, size, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errno = got < 0 ? errno : EIO; /* shorter than it was a moment ago */
            return false;
        }
        bytes += got;
        offset += got;
        size -= (size_t)got;
    }
    return true;
}

/* Bits in which the beginning of a seal differs from the mark. */
static int bits_apart(const unsigned char *bytes, size_t size) {
    int count = 0;
    for (size_t i = 0; i < size && i < MARK_SIZE; i++) {
        for (unsigned rest = bytes[i] ^ mark[i]; rest; rest &= rest - 1) {
            count++;
        }
    }
    return count;
}

/* The end of the file as the superblock has it ("End of File Address" of versions 2 and 3 in HDF5's format
 * specification), which is what our files have; 0: an older version; -1: no HDF5 file. */
static int64_t end_of_hdf5(const unsigned char *head, size_t size) {
    static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    enum { VERSION = 8, OFFSET_SIZE = 9, END = 28, SUPERBLOCK = 48 };
    if (size < sizeof signature || memcmp(head, signature, sizeof signature) != 0) {
        return -1;
    }
    if (size < SUPERBLOCK || head[VERSION] < 2 || head[OFFSET_SIZE] != 8) {
        return size < SUPERBLOCK ? INT64_MAX : 0;
    }
    uint64_t end = 0;
    for (int i = 7; i >= 0; i--) {
        end = end << 8 | head[END + i];
    }
    return end < INT64_MAX ? (int64_t)end : INT64_MAX;
}

/* A file without the mark of a seal: what is missing? */
static store_verdict judge_unsealed(int descriptor, const char *path, dstn_status status, store_proven *out,
                                    dstn_error *err) {
    int64_t size = out->file_size;
    unsigned char head[64], tail[STORE_SEAL_SIZE];
    size_t head_size = size < (int64_t)sizeof head ? (size_t)size : sizeof head;
    if (!read_fully(descriptor, 0, head, head_size)) {
        dstn_fail(err, status, "%s can't be read: %s", path, strerror(errno));
        return STORE_UNREADABLE;
    }
    int64_t end = end_of_hdf5(head, head_size), behind = size - end;
    if (end < 0) {
        out->no_signature = true;
        dstn_fail(err, status, "%s is no HDF5 file, or damaged: it doesn't begin with the signature of one", path);
        return STORE_DAMAGED;
    }
    if (end > size) {
        dstn_fail(err, status, "%s is damaged or cut off: it has %lld bytes and should have more", path,
                  (long long)size);
        return STORE_DAMAGED;
    }
    /* A seal whose own end is lost. */
    bool begun = end > 0 && behind > 0 && behind < STORE_SEAL_SIZE &&
                 read_fully(descriptor, end, tail, (size_t)behind) && bits_apart(tail, (size_t)behind) == 0;
    if (begun) {
        dstn_fail(err, status, "%s is damaged or cut off: the end of its seal is missing", path);
        return STORE_DAMAGED;
    }
    dstn_fail(err, status,
              "%s has no seal: another program or another version of dstn wrote it or changed it, or its last bytes "
              "are lost",
              path);
    return STORE_UNSEALED;
}

static store_verdict read_sealed(int descriptor, const char *path, dstn_status status, store_proven *out,
                                 dstn_error *err) {
    size_t size = (size_t)out->file_size - STORE_SEAL_SIZE;
    unsigned char *bytes = malloc((size_t)out->file_size), seal[STORE_SEAL_SIZE];
    if (!bytes || !read_fully(descriptor, 0, bytes, (size_t)out->file_size)) {
        dstn_fail(err, status, "%s can't be read: %s", path, strerror(bytes ? errno : ENOMEM));
        free(bytes);
        return STORE_UNREADABLE;
    }
    store_seal_make(bytes, size, seal);
    if (memcmp(seal, bytes + size, sizeof seal) != 0) {
        dstn_fail(err, status, "%s is damaged: its bytes are not those that its checksum was made of", path);
        free(bytes);
        return STORE_DAMAGED;
    }
    out->bytes = bytes;
    out->size = size;
    return STORE_WHOLE;
}

static store_verdict judge(int descriptor, const char *path, dstn_status status, store_proven *out, dstn_error *err) {
    struct stat about;
    if (fstat(descriptor, &about) != 0) {
        dstn_fail(err, status, "%s can't be read: %s", path, strerror(errno));
        return STORE_UNREADABLE;
    }
    if (!S_ISREG(about.st_mode)) {
        dstn_fail(err, status, "%s is %s where an HDF5 file is expected", path,
                  S_ISDIR(about.st_mode) ? "a folder" : "no regular file");
        return STORE_UNREADABLE;
    }
    out->file_size = about.st_size;
    if (about.st_size == 0) {
        dstn_fail(err, status, "%s is empty: no HDF5 file", path);
        return STORE_DAMAGED;
    }
    unsigned char seal[STORE_SEAL_SIZE];
    if (about.st_size < STORE_SEAL_SIZE) {
        return judge_unsealed(descriptor, path, status, out, err);
    }
    if (!read_fully(descriptor, about.st_size - STORE_SEAL_SIZE, seal, sizeof seal)) {
        dstn_fail(err, status, "%s can't be read: %s", path, strerror(errno));
        return STORE_UNREADABLE;
    }
    out->marked = bits_apart(seal, sizeof seal) <= NEARLY;
    return out->marked ? read_sealed(descriptor, path, status, out, err)
                       : judge_unsealed(descriptor, path, status, out, err);
}

store_verdict store_seal_read(const char *path, dstn_status status, store_proven *out, dstn_error *err) {
    *out = (store_proven){0};
    /* O_NONBLOCK: a pipe by that name must not be waited for. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0) {
        dstn_fail(err, status, "%s can't be read: %s", path, strerror(errno));
        return STORE_UNREADABLE;
    }
    store_verdict verdict = judge(descriptor, path, status, out, err);
    close(descriptor);
    return verdict;
}

bool dstn_store_has_seal(const char *path) {
    unsigned char seal[STORE_SEAL_SIZE];
    struct stat about;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool has = descriptor >= 0 && fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode) &&
               about.st_size >= STORE_SEAL_SIZE &&
               read_fully(descriptor, about.st_size - STORE_SEAL_SIZE, seal, sizeof seal) &&
               bits_apart(seal, sizeof seal) <= NEARLY;
    if (descriptor >= 0) {
        close(descriptor);
    }
    return has;
}
