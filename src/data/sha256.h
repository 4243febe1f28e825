/* data: SHA-256 (FIPS 180-4), by which data sets are published. dstn's own files have faster digests. */
#ifndef DATA_SHA256_H
#define DATA_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { DATA_SHA256_SIZE = 65 }; /* 64 hex digits and a zero */

typedef struct data_sha256 {
    uint32_t state[8];
    uint8_t block[64]; /* what is not worked in yet: the first bytes modulo 64 */
    uint64_t bytes;
} data_sha256;

void data_sha256_start(data_sha256 *sha);
void data_sha256_add(data_sha256 *sha, const void *bytes, size_t count);
void data_sha256_end(data_sha256 *sha, char text[DATA_SHA256_SIZE]);

#endif
