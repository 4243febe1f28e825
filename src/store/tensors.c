/* store: named arrays in files that other programs read: NumPy's npz, which is a zip of .npy files, and safetensors.
 * Numbers are written as they lie in memory: in the order of bytes of x86-64 and AArch64, which both formats name. */
#include "file.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const struct {
    const char *npy, *safetensors;
} type_names[] = {
    [DSTN_F32] = {"<f4", "F32"}, [DSTN_F64] = {"<f8", "F64"}, [DSTN_I64] = {"<i8", "I64"}, [DSTN_U8] = {"|u1", "U8"}};

static int64_t count_of(const dstn_tensor *tensor) {
    int64_t count = 1;
    for (int d = 0; d < tensor->rank; d++) {
        count *= tensor->shape[d];
    }
    return count;
}

static size_t bytes_of(const dstn_tensor *tensor) {
    return (size_t)count_of(tensor) * dstn_scalar_size(tensor->scalar);
}

static dstn_status finish(store_file *file, dstn_status status, dstn_error *err) {
    if (status == DSTN_OK) {
        return store_file_commit(file, err);
    }
    store_file_abandon(file);
    return status;
}

/* ---- .npy ---- */

enum { NPY_START = 10 }; /* magic, version, and the length of what follows */

/* Magic, version 1.0 and the header, with blanks and a line end up to a multiple of 64. */
static unsigned char *npy_header(const char *type, int rank, const int64_t *shape, size_t *size) {
    char *axes = dstn_strdup("");
    for (int d = 0; d < rank; d++) {
        char *longer = dstn_format("%s%lld,%s", axes, (long long)shape[d], d + 1 < rank ? " " : "");
        free(axes);
        axes = longer;
    }
    char *text = dstn_format("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, axes);
    size_t length = strlen(text);
    *size = (NPY_START + length + 1 + 63) / 64 * 64;
    unsigned char *header = dstn_alloc(*size, 1);
    memset(header, ' ', *size);
    memcpy(header, "\x93NUMPY\1\0", 8);
    header[8] = (unsigned char)((*size - NPY_START) & 0xff);
    header[9] = (unsigned char)((*size - NPY_START) >> 8);
    memcpy(header + NPY_START, text, length);
    header[*size - 1] = '\n';
    free(text);
    free(axes);
    return header;
}

/* ---- zip ---- */

/* A member: its name, the header of its .npy, and the bytes behind that. */
typedef struct zip_member {
    char *name;
    unsigned char *header;
    size_t header_size, size;
    const void *data;
    uint32_t crc;
    size_t offset; /* of its local header in the file */
} zip_member;

/* What zip has in 32 bits, without its extension to 64. */
static const size_t MOST_ZIP_BYTES = 0xfffffffeU;

static void put16(unsigned char **at, unsigned value) {
    *(*at)++ = (unsigned char)(value & 0xff);
    *(*at)++ = (unsigned char)(value >> 8 & 0xff);
}

static void put32(unsigned char **at, size_t value) {
    put16(at, (unsigned)(value & 0xffff));
    put16(at, (unsigned)(value >> 16 & 0xffff));
}

/* What local header and directory have in common: version, flags, no compression, 1 January 1980, CRC, sizes, length of
 * the name, no extra field. */
static void put_member(unsigned char **at, const zip_member *member) {
    size_t size = member->header_size + member->size;
    put16(at, 20);
    put16(at, 0);
    put16(at, 0);
    put16(at, 0);
    put16(at, 0x21);
    put32(at, member->crc);
    put32(at, size);
    put32(at, size);
    put16(at, (unsigned)strlen(member->name));
    put16(at, 0);
}

enum { ZIP_LOCAL = 30, ZIP_ENTRY = 46, ZIP_END = 22 };

static dstn_status write_member(store_file *file, zip_member *member, size_t *offset, dstn_error *err) {
    unsigned char local[ZIP_LOCAL], *at = local;
    member->offset = *offset;
    put32(&at, 0x04034b50);
    put_member(&at, member);
    const struct {
        const void *bytes;
        size_t size;
    } parts[] = {{local, sizeof local},
                 {member->name, strlen(member->name)},
                 {member->header, member->header_size},
                 {member->data, member->size}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        dstn_status status = store_file_write(file, parts[i].bytes, parts[i].size, err);
        if (status != DSTN_OK) {
            return status;
        }
        *offset += parts[i].size;
    }
    return DSTN_OK;
}

static dstn_status write_entry(store_file *file, const zip_member *member, size_t *offset, dstn_error *err) {
    unsigned char entry[ZIP_ENTRY], *at = entry;
    put32(&at, 0x02014b50);
    put16(&at, 20);
    put_member(&at, member);
    for (int i = 0; i < 8; i++) { /* no comment, disk 0, no attributes */
        *at++ = 0;
    }
    put16(&at, 0);
    put32(&at, member->offset);
    dstn_status status = store_file_write(file, entry, sizeof entry, err);
    if (status == DSTN_OK) {
        status = store_file_write(file, member->name, strlen(member->name), err);
    }
    *offset += sizeof entry + strlen(member->name);
    return status;
}

static dstn_status write_zip(store_file *file, int64_t count, zip_member *members, dstn_error *err) {
    dstn_status status = DSTN_OK;
    size_t offset = 0;
    for (int64_t i = 0; i < count && status == DSTN_OK; i++) {
        status = write_member(file, &members[i], &offset, err);
    }
    size_t start = offset;
    for (int64_t i = 0; i < count && status == DSTN_OK; i++) {
        status = write_entry(file, &members[i], &offset, err);
    }
    unsigned char end[ZIP_END], *at = end;
    put32(&at, 0x06054b50);
    put32(&at, 0);
    put16(&at, (unsigned)count);
    put16(&at, (unsigned)count);
    put32(&at, offset - start);
    put32(&at, start);
    put16(&at, 0);
    return status == DSTN_OK ? store_file_write(file, end, sizeof end, err) : status;
}

static uint32_t crc_of(const zip_member *member) {
    uLong crc = crc32_z(crc32(0, NULL, 0), member->header, member->header_size);
    return (uint32_t)crc32_z(crc, member->data, member->size);
}

static zip_member make_member(const char *name, const char *type, int rank, const int64_t *shape, size_t size,
                              const void *data) {
    zip_member member = {.name = dstn_format("%s.npy", name), .size = size, .data = data};
    member.header = npy_header(type, rank, shape, &member.header_size);
    member.crc = crc_of(&member);
    return member;
}

/* A text as one NumPy text: a code point in every 4 bytes. *length [out]; free with free(). */
static uint32_t *codes_of(const char *text, int64_t *length) {
    uint32_t *codes = dstn_alloc(strlen(text) + 1, sizeof *codes);
    for (*length = 0; *text; (*length)++) {
        int bytes = dstn_utf8_length(text, &codes[*length]);
        if (bytes == 0) {
            codes[*length] = 0xfffd;
        }
        text += bytes ? bytes : 1;
    }
    return codes;
}

dstn_status dstn_tensors_write_npz(const char *path, int64_t count, const dstn_tensor *tensors, const char *metadata,
                                   dstn_error *err) {
    size_t total = 0;
    for (int64_t i = 0; i < count; i++) {
        total += bytes_of(&tensors[i]) + 1024;
    }
    if (total + 4 * strlen(metadata) > MOST_ZIP_BYTES || count >= 0xffff) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "%s: %.1f GB in %lld arrays are more than a zip of less than 4 GB holds; accepted: "
                         "safetensors",
                         path, 1e-9 * (double)total, (long long)count);
    }
    int64_t length;
    uint32_t *codes = codes_of(metadata, &length);
    char *text_type = dstn_format("<U%lld", (long long)length);
    zip_member *members = dstn_alloc((size_t)count + 1, sizeof *members);
    for (int64_t i = 0; i < count; i++) {
        const dstn_tensor *t = &tensors[i];
        members[i] = make_member(t->name, type_names[t->scalar].npy, t->rank, t->shape, bytes_of(t), t->data);
    }
    members[count] = make_member("metadata", text_type, 0, NULL, (size_t)length * sizeof *codes, codes);
    store_file *file;
    dstn_status status = store_file_open(path, &file, err);
    if (status == DSTN_OK) {
        status = finish(file, write_zip(file, count + 1, members, err), err);
    }
    for (int64_t i = 0; i <= count; i++) {
        free(members[i].name);
        free(members[i].header);
    }
    free(members);
    free(text_type);
    free(codes);
    return status;
}

/* ---- safetensors ---- */

static void print_tensor(FILE *out, const dstn_tensor *tensor, size_t offset) {
    fprintf(out, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", tensor->name, type_names[tensor->scalar].safetensors);
    for (int d = 0; d < tensor->rank; d++) {
        fprintf(out, "%s%lld", d ? "," : "", (long long)tensor->shape[d]);
    }
    fprintf(out, "],\"data_offsets\":[%zu,%zu]}", offset, offset + bytes_of(tensor));
}

/* The header's JSON, with blanks up to a multiple of 8; *size [out]; free with free(). */
static char *safetensors_header(int64_t count, const dstn_tensor *tensors, const char *metadata, size_t *size) {
    char *header = NULL;
    FILE *out = open_memstream(&header, size);
    if (!out) {
        return NULL;
    }
    fprintf(out, "{\"__metadata__\":%s", metadata);
    size_t offset = 0;
    for (int64_t i = 0; i < count; i++) {
        print_tensor(out, &tensors[i], offset);
        offset += bytes_of(&tensors[i]);
    }
    fputc('}', out);
    fflush(out);
    fprintf(out, "%*s", (int)((8 - *size % 8) % 8), "");
    if (fclose(out) != 0) {
        free(header);
        return NULL;
    }
    return header;
}

dstn_status dstn_tensors_write_safetensors(const char *path, int64_t count, const dstn_tensor *tensors,
                                           const char *metadata, dstn_error *err) {
    size_t size;
    char *header = safetensors_header(count, tensors, metadata, &size);
    if (!header) {
        return dstn_fail(err, DSTN_ERROR_RUN, "out of memory for the header of %s", path);
    }
    unsigned char length[8], *at = length;
    put32(&at, size & 0xffffffffU);
    put32(&at, size >> 32);
    store_file *file;
    dstn_status status = store_file_open(path, &file, err);
    if (status == DSTN_OK) {
        status = store_file_write(file, length, sizeof length, err);
        if (status == DSTN_OK) {
            status = store_file_write(file, header, size, err);
        }
        for (int64_t i = 0; i < count && status == DSTN_OK; i++) {
            status = store_file_write(file, tensors[i].data, bytes_of(&tensors[i]), err);
        }
        status = finish(file, status, err);
    }
    free(header);
    return status;
}
