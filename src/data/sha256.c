/* data: SHA-256. Words are big-endian; the names are those of FIPS 180-4, 6.2. */
#include "sha256.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK = 64, ROUNDS = 64, LENGTH = 8 };

/* Fractions of the cube roots of the first 64 primes, and of the square roots of the first 8. */
static const uint32_t K[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
static const uint32_t H[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                              0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static uint32_t turn(uint32_t word, int bits) {
    return word >> bits | word << (32 - bits);
}

/* W_t of a block, t below 64. */
static void make_schedule(const uint8_t *block, uint32_t *w) {
    for (int t = 0; t < 16; t++, block += 4) {
        w[t] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
    }
    for (int t = 16; t < ROUNDS; t++) {
        uint32_t sigma0 = turn(w[t - 15], 7) ^ turn(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t sigma1 = turn(w[t - 2], 17) ^ turn(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = sigma1 + w[t - 7] + sigma0 + w[t - 16];
    }
}

static void work_in(data_sha256 *sha, const uint8_t *block) {
    enum { A, B, C, D, E, F, G, HH };
    uint32_t w[ROUNDS], v[8];
    make_schedule(block, w);
    memcpy(v, sha->state, sizeof v);
    for (int t = 0; t < ROUNDS; t++) {
        uint32_t sum1 = turn(v[E], 6) ^ turn(v[E], 11) ^ turn(v[E], 25);
        uint32_t choice = (v[E] & v[F]) ^ (~v[E] & v[G]);
        uint32_t t1 = v[HH] + sum1 + choice + K[t] + w[t];
        uint32_t sum0 = turn(v[A], 2) ^ turn(v[A], 13) ^ turn(v[A], 22);
        uint32_t majority = (v[A] & v[B]) ^ (v[A] & v[C]) ^ (v[B] & v[C]);
        memmove(v + B, v, 7 * sizeof *v);
        v[E] += t1;
        v[A] = t1 + sum0 + majority;
    }
    for (int i = 0; i < 8; i++) {
        sha->state[i] += v[i];
    }
}

void data_sha256_start(data_sha256 *sha) {
    *sha = (data_sha256){.bytes = 0};
    memcpy(sha->state, H, sizeof H);
}

void data_sha256_add(data_sha256 *sha, const void *bytes, size_t count) {
    const uint8_t *from = bytes;
    size_t held = (size_t)(sha->bytes % BLOCK);
    sha->bytes += count;
    while (count > 0) {
        size_t part = count < BLOCK - held ? count : BLOCK - held;
        memcpy(sha->block + held, from, part);
        from += part;
        count -= part;
        held += part;
        if (held == BLOCK) {
            work_in(sha, sha->block);
            held = 0;
        }
    }
}

/* One bit, zeros, and the length in bits: the padding of 5.1.1. */
void data_sha256_end(data_sha256 *sha, char text[DATA_SHA256_SIZE]) {
    static const uint8_t padding[BLOCK] = {0x80};
    uint64_t bits = 8 * sha->bytes;
    uint8_t length[LENGTH];
    size_t held = (size_t)(sha->bytes % BLOCK), most = BLOCK - LENGTH;
    for (int i = 0; i < LENGTH; i++) {
        length[i] = (uint8_t)(bits >> (8 * (LENGTH - 1 - i)));
    }
    data_sha256_add(sha, padding, (held < most ? most : most + BLOCK) - held);
    data_sha256_add(sha, length, LENGTH);
    for (int i = 0; i < 8; i++) {
        snprintf(text + 8 * i, 9, "%08lx", (unsigned long)sha->state[i]);
    }
}
