/* Runs a fuzz target on files, once each: replay FILE|FOLDER… Exits 0 if it comes through. */
#include "dstn/core.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int count;

static void replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    struct stat about;
    if (!file || stat(path, &about) != 0) {
        perror(path);
        exit(1);
    }
    size_t size = (size_t)about.st_size;
    uint8_t *bytes = malloc(size ? size : 1); /* exactly as large, so that reading beyond it is seen */
    if (!bytes || fread(bytes, 1, size, file) != size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    double start = dstn_seconds();
    LLVMFuzzerTestOneInput(bytes, size);
    double seconds = dstn_seconds() - start;
    if (seconds > 60) {
        fprintf(stderr, "%s: took %.0f s\n", path, seconds);
        exit(1);
    }
    free(bytes);
    count++;
}

static void replay_folder(const char *path) {
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] != '.') {
            char *inner = dstn_format("%s/%s", path, entry->d_name);
            replay_file(inner);
            free(inner);
        }
    }
    if (folder) {
        closedir(folder);
    }
}

int main(int argc, char **argv) {
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        struct stat about;
        bool is_folder = stat(argv[i], &about) == 0 && S_ISDIR(about.st_mode);
        (is_folder ? replay_folder : replay_file)(argv[i]);
    }
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
