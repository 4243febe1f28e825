/* config, inside: finding places in a schema, whose paths may have `*` for any one key or list index. */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "tree.h"

/* Whether a dotted path is a place that the pattern names, component by component. */
bool config_path_matches(const char *pattern, const char *path);
/* "a.b", or "b" where the path is empty; free with free(). */
char *config_join_path(const char *path, const char *key);

/* The option behind a key of the mapping at `path`; NULL for names that users choose. Of several variants the one that
 * the mapping chooses, if it chooses one. */
const dstn_option *config_find_option(const dstn_section *sections, size_t count, const char *path,
                                      const config_node *mapping, const char *key);

#endif
