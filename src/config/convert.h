/* config, inside: from text to a document as libfyaml holds it, and from there into a tree of ours. */
#ifndef CONFIG_CONVERT_H
#define CONFIG_CONVERT_H

#include "tree.h"

#include <libfyaml.h>

/* The line of the first token that a node has, counted from 1; 0 where it has none. */
int config_first_line(struct fy_node *from);
/* NULL: see problem. Aliases become copies of what they name, `<<` is merged. */
config_node *config_convert(dstn_doc *doc, struct fy_node *root, const config_source *source, bool has_lines,
                            config_problem *problem);

#endif
