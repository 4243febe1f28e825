/* data: the files of data sets as their authors published them, and whether a file is one of them. Sizes and digests
 * are of the content, unpacked where it is packed: archives of one content differ by who packed them. */
#include "dstn/data.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { CHUNK = 1 << 20, SHA256_SIZE = 65 }; /* 64 hex digits and a zero */

typedef struct published_file {
    const char *set, *name;
    int64_t size;
    const char *sha256;
} published_file;

static const published_file files[] = {
    {"MNIST", "train-images-idx3-ubyte", 47040016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
    {"MNIST", "train-labels-idx1-ubyte", 60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
    {"MNIST", "t10k-images-idx3-ubyte", 7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
    {"MNIST", "t10k-labels-idx1-ubyte", 10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
    {"Fashion-MNIST", "train-images-idx3-ubyte", 47040016,
     "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"},
    {"Fashion-MNIST", "train-labels-idx1-ubyte", 60008,
     "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"},
    {"Fashion-MNIST", "t10k-images-idx3-ubyte", 7840016,
     "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"},
    {"Fashion-MNIST", "t10k-labels-idx1-ubyte", 10008,
     "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"},
    {"CIFAR-10", "data_batch_1.bin", 30730000, "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"},
    {"CIFAR-10", "data_batch_2.bin", 30730000, "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"},
    {"CIFAR-10", "data_batch_3.bin", 30730000, "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"},
    {"CIFAR-10", "data_batch_4.bin", 30730000, "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"},
    {"CIFAR-10", "data_batch_5.bin", 30730000, "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"},
    {"CIFAR-10", "test_batch.bin", 30730000, "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"},
    {"CIFAR-100", "train.bin", 153700000, "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29"},
    {"CIFAR-100", "test.bin", 30740000, "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a"},
};

enum { FILES = sizeof files / sizeof files[0] };

/* A file's name without its folder and .gz, and with a hyphen where people have a dot: train-images.idx3-ubyte. */
static char *plain_name(const char *path) {
    const char *slash = strrchr(path, '/');
    char *name = dstn_strdup(slash ? slash + 1 : path), *dot = strstr(name, ".idx");
    size_t length = strlen(name);
    if (length > 3 && strcmp(name + length - 3, ".gz") == 0) {
        name[length - 3] = '\0';
    }
    if (dot) {
        *dot = '-';
    }
    return name;
}

/* Adds what is left of an open file to the digest, and counts it. */
static bool digest_rest(gzFile file, EVP_MD_CTX *digest, int64_t *size) {
    uint8_t *chunk = dstn_alloc(CHUNK, 1);
    int got;
    bool is_added = true;
    for (*size = 0; is_added && (got = gzread(file, chunk, CHUNK)) > 0; *size += got) {
        is_added = EVP_DigestUpdate(digest, chunk, (size_t)got) == 1;
    }
    free(chunk);
    return is_added && got == 0;
}

/* Size and digest of a file's content, plain or gzipped; false where it can't be read. */
static bool digest_file(const char *path, int64_t *size, char sha256[SHA256_SIZE]) {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned count = 0;
    gzFile file = gzopen(path, "rb");
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool is_read = file && digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
                   digest_rest(file, digest, size) && EVP_DigestFinal_ex(digest, bytes, &count) == 1;
    for (unsigned i = 0; i < count && 2 * i + 2 < SHA256_SIZE; i++) {
        snprintf(sha256 + 2 * i, 3, "%02x", bytes[i]);
    }
    EVP_MD_CTX_free(digest);
    return file && gzclose_r(file) == Z_OK && is_read;
}

/* "30730000 bytes, sha256 cee9… (CIFAR-10)", of all that have the name. */
static char *expected(const char *name) {
    char *text = dstn_strdup("");
    for (size_t f = 0; f < FILES; f++) {
        if (strcmp(files[f].name, name) == 0) {
            char *longer = dstn_format("%s%s%lld bytes, sha256 %s (%s)", text, *text ? ", or " : "",
                                       (long long)files[f].size, files[f].sha256, files[f].set);
            free(text);
            text = longer;
        }
    }
    return text;
}

static dstn_published compare(const char *name, int64_t size, const char *sha256, const char **set) {
    dstn_published verdict = DSTN_PUBLISHED_UNKNOWN;
    for (size_t f = 0; f < FILES; f++) {
        if (strcmp(files[f].name, name) != 0) {
            continue;
        }
        if (files[f].size == size && strcmp(files[f].sha256, sha256) == 0) {
            *set = files[f].set;
            return DSTN_PUBLISHED_SAME;
        }
        if (verdict != DSTN_PUBLISHED_CHANGED) {
            verdict = files[f].size == size ? DSTN_PUBLISHED_CHANGED : DSTN_PUBLISHED_OTHER;
        }
    }
    return verdict;
}

static bool has_name(const char *name) {
    const char *ignored;
    return compare(name, -1, "", &ignored) != DSTN_PUBLISHED_UNKNOWN;
}

dstn_published dstn_published_compare(const char *path, char **line) {
    char *name = plain_name(path), sha256[SHA256_SIZE], *published = NULL;
    const char *slash = strrchr(path, '/'), *shown = slash ? slash + 1 : path, *set = NULL;
    int64_t size = 0;
    dstn_published verdict = DSTN_PUBLISHED_UNKNOWN;
    *line = NULL;
    if (has_name(name) && digest_file(path, &size, sha256)) {
        verdict = compare(name, size, sha256, &set);
        published = expected(name);
    }
    if (verdict == DSTN_PUBLISHED_SAME) {
        *line = dstn_format("%s: as published (%s)", shown, set);
    } else if (verdict != DSTN_PUBLISHED_UNKNOWN) {
        *line = dstn_format("%s: differs from what is published: %lld bytes, sha256 %s; expected %s", shown,
                            (long long)size, sha256, published);
    }
    free(published);
    free(name);
    return verdict;
}

const char *dstn_data_version(void) {
    static char version[64];
    snprintf(version, sizeof version, "OpenSSL %s, zlib %s", OpenSSL_version(OPENSSL_VERSION_STRING), zlibVersion());
    return version;
}
