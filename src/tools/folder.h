/* What a folder holds. */
#ifndef TOOLS_FOLDER_H
#define TOOLS_FOLDER_H

#include "dstn/core.h"

bool tools_folder_is_there(const char *path);

/* Names of the folders in a folder, in alphabetical order; one that isn't there has none. An array of count strings,
 * both freed with free(). DSTN_ERROR_DATA: it can't be read. */
dstn_status tools_folder_list(const char *path, int64_t *count, char ***names, dstn_error *err);

#endif
