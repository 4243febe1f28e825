/* data: reads IDX files, byte by byte accounted for. zlib reads plain files and gzipped ones alike. */
#include "idx_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MAX_SIDE = 16384, BUFFER = 1 << 17, FIRST_CHUNK = 1 << 20, MOST_AT_ONCE = 1 << 24 };

static uint32_t big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

/* Up to `count` bytes; fewer at the end of the file. What zlib finds wrong (a gzip stream that breaks off ends like a
 * file, which is the caller's to judge): DSTN_ERROR_DATA. */
static dstn_status read_bytes(gzFile file, const char *path, uint8_t *to, int64_t count, int64_t *got,
                              dstn_error *err) {
    int64_t before = *got;
    while (*got < before + count) {
        int64_t rest = before + count - *got;
        errno = 0;
        int wanted = rest < MOST_AT_ONCE ? (int)rest : MOST_AT_ONCE, read = gzread(file, to, (unsigned)wanted), code;
        const char *reason = gzerror(file, &code);
        if (read < 0 && code == Z_ERRNO) {
            return dstn_fail(err, DSTN_ERROR_DATA, "%s: can't be read: %s", path, strerror(errno));
        }
        if (read < 0) {
            return dstn_fail(err, DSTN_ERROR_DATA, "%s: its gzip stream is damaged (%s)", path, reason);
        }
        if (read == 0) {
            break;
        }
        to += read;
        *got += read;
    }
    return DSTN_OK;
}

static const char *how_it_ends(gzFile file) {
    int code;
    gzerror(file, &code);
    return code == Z_BUF_ERROR ? "its gzip stream is cut off" : "the file is cut off";
}

/* ---- header ------------------------------------------------------------------------------------------------------ */

static dstn_status check_sides(const char *path, int axes, const uint32_t *extent, data_idx_file *out,
                               dstn_error *err) {
    *out = (data_idx_file){extent[0], extent[1], extent[2], NULL};
    if (out->height < 1 || out->height > MAX_SIDE || out->width < 1 || out->width > MAX_SIDE) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: its header names images of %lld x %lld; accepted: 1 to %d a side",
                         path, (long long)out->height, (long long)out->width, (int)MAX_SIDE);
    }
    if (out->count < 1) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: its header names no %s; accepted: at least one", path,
                         axes == 3 ? "image" : "label");
    }
    return DSTN_OK;
}

static dstn_status read_header(gzFile file, const char *path, int axes, data_idx_file *out, dstn_error *err) {
    uint8_t header[16];
    uint32_t extent[3] = {1, 1, 1}, wanted = 0x800u + (uint32_t)axes;
    int64_t size = 4 + 4 * axes, got = 0;
    const char *content = axes == 3 ? "images" : "labels";
    dstn_status status = read_bytes(file, path, header, size, &got, err);
    if (status != DSTN_OK) {
        return status;
    }
    if (got == 0 && gzdirect(file)) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: is empty; accepted: an IDX file of %s", path, content);
    }
    if (got >= 4 && big_endian(header) != wanted) {
        return dstn_fail(err, DSTN_ERROR_DATA,
                         "%s: its magic number is 0x%08lx; accepted: 0x%08lx (IDX, %s as unsigned bytes), plain or "
                         "gzipped",
                         path, (unsigned long)big_endian(header), (unsigned long)wanted, content);
    }
    if (got < size) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: ends after %lld of the %lld bytes of an IDX header: %s", path,
                         (long long)got, (long long)size, how_it_ends(file));
    }
    for (int axis = 0; axis < axes; axis++) {
        extent[axis] = big_endian(header + 4 + 4 * axis);
    }
    return check_sides(path, axes, extent, out, err);
}

/* ---- content ----------------------------------------------------------------------------------------------------- */

/* Room for at least `needed` bytes, grown by doubling up to `most`. */
static bool grow(uint8_t **bytes, int64_t *capacity, int64_t most) {
    int64_t larger = *capacity ? 2 * *capacity : FIRST_CHUNK;
    *capacity = larger < most ? larger : most;
    uint8_t *moved = realloc(*bytes, (size_t)*capacity);
    if (moved) {
        *bytes = moved;
    }
    return moved != NULL;
}

/* Everything behind the header, and one byte more if there is one, which also makes zlib compare its checksum. */
static dstn_status read_content(gzFile file, const char *path, int64_t expected, data_idx_file *out, int64_t *got,
                                dstn_error *err) {
    int64_t capacity = 0;
    dstn_status status = DSTN_OK;
    *got = 0;
    while (status == DSTN_OK && *got == capacity && capacity < expected + 1) {
        if (!grow(&out->bytes, &capacity, expected + 1)) {
            return dstn_fail(err, DSTN_ERROR_RUN, "%s: its %lld bytes don't fit into memory", path,
                             (long long)expected);
        }
        status = read_bytes(file, path, out->bytes + *got, capacity - *got, got, err);
    }
    return status;
}

static dstn_status check_length(gzFile file, const char *path, int64_t expected, int64_t got, const data_idx_file *idx,
                                dstn_error *err) {
    char extents[96];
    snprintf(extents, sizeof extents, "%lld x %lld x %lld", (long long)idx->count, (long long)idx->height,
             (long long)idx->width);
    if (got < expected) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: expected %lld bytes (%s) behind the header, found %lld: %s", path,
                         (long long)expected, extents, (long long)got, how_it_ends(file));
    }
    if (got > expected) {
        return dstn_fail(err, DSTN_ERROR_DATA,
                         "%s: expected %lld bytes (%s) behind the header, found more; accepted: a file that ends there",
                         path, (long long)expected, extents);
    }
    int code;
    gzerror(file, &code);
    if (code == Z_BUF_ERROR) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: its gzip stream is cut off before its checksum", path);
    }
    return DSTN_OK;
}

dstn_status data_idx_read(const char *path, int axes, data_idx_file *out, dstn_error *err) {
    *out = (data_idx_file){0};
    errno = 0;
    gzFile file = gzopen(path, "rb");
    if (!file) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: can't be read: %s", path, strerror(errno ? errno : ENOMEM));
    }
    gzbuffer(file, BUFFER);
    int64_t got = 0, expected = 0;
    dstn_status status = read_header(file, path, axes, out, err);
    if (status == DSTN_OK) {
        expected = out->count * out->height * out->width;
        status = read_content(file, path, expected, out, &got, err);
    }
    if (status == DSTN_OK) {
        status = check_length(file, path, expected, got, out, err);
    }
    gzclose_r(file);
    if (status != DSTN_OK) {
        free(out->bytes);
        out->bytes = NULL;
    }
    return status;
}
