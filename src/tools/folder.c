/* Lists the folders in a folder. */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool tools_folder_is_there(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* Takes the name over. */
static void add_name(char ***names, int64_t *count, int64_t *capacity, char *name) {
    if (*count == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 64;
        char **larger = dstn_alloc((size_t)*capacity, sizeof(char *));
        if (*count) {
            memcpy(larger, *names, (size_t)*count * sizeof(char *));
        }
        free(*names);
        *names = larger;
    }
    (*names)[(*count)++] = name;
}

dstn_status tools_folder_list(const char *path, int64_t *count, char ***names, dstn_error *err) {
    *count = 0;
    *names = NULL;
    DIR *folder = opendir(path);
    if (!folder) {
        return errno == ENOENT ? DSTN_OK
                               : dstn_fail(err, DSTN_ERROR_DATA, "folder %s can't be read: %s", path, strerror(errno));
    }
    int64_t capacity = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char *inner = dstn_format("%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && tools_folder_is_there(inner)) {
            add_name(names, count, &capacity, dstn_strdup(entry->d_name));
        }
        free(inner);
    }
    closedir(folder);
    if (*count) {
        qsort(*names, (size_t)*count, sizeof(char *), dstn_compare_texts);
    }
    return DSTN_OK;
}
