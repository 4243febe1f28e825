/* data: lists the files of a folder. */
#include "listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FILES = 100000, MOST_SHOWN = 8 };

static void add_name(data_listing *listing, const char *name, size_t *capacity) {
    if (listing->count == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 16;
        char **names = dstn_alloc(*capacity, sizeof *names);
        if (listing->count > 0) {
            memcpy(names, listing->names, listing->count * sizeof *names);
        }
        free(listing->names);
        listing->names = names;
    }
    listing->names[listing->count++] = dstn_strdup(name);
}

int data_listing_read(const char *path, data_listing *listing) {
    *listing = (data_listing){0};
    DIR *folder = opendir(path);
    if (!folder) {
        return errno;
    }
    size_t capacity = 0;
    for (struct dirent *entry; (entry = readdir(folder)) && listing->count < MOST_FILES;) {
        if (entry->d_name[0] != '.') {
            add_name(listing, entry->d_name, &capacity);
        }
    }
    closedir(folder);
    if (listing->count > 0) {
        qsort(listing->names, listing->count, sizeof *listing->names, dstn_compare_texts);
    }
    return 0;
}

void data_listing_clear(data_listing *listing) {
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->names[i]);
    }
    free(listing->names);
    *listing = (data_listing){0};
}

bool data_listing_has(const data_listing *listing, const char *name) {
    return listing->count > 0 &&
           bsearch(&name, listing->names, listing->count, sizeof *listing->names, dstn_compare_texts);
}

char *data_join(const void *list, size_t count, const char *(*text_of)(const void *list, size_t i)) {
    char *joined = dstn_strdup("");
    for (size_t i = 0, shown = 0; i < count && shown <= MOST_SHOWN; i++) {
        const char *text = text_of(list, i);
        if (text) {
            char *longer = dstn_format("%s%s%.80s", joined, *joined ? ", " : "", shown < MOST_SHOWN ? text : "...");
            free(joined);
            joined = longer;
            shown++;
        }
    }
    return joined;
}

static const char *name_of(const void *list, size_t i) {
    return ((const data_listing *)list)->names[i];
}

char *data_listing_join(const data_listing *listing) {
    return data_join(listing, listing->count, name_of);
}
