/* config, inside: the tree that a document is. libfyaml reads the text; afterwards every node is ours, so that nodes of
 * several files and of `--set` can stand in one document, each knowing where it came from. */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include "dstn/config.h"

/* Where nodes came from: a file, or an assignment of the command line. */
typedef struct config_source {
    struct config_source *next;
    char *name;   /* as messages give it */
    char *folder; /* that relative paths start from; "" is the current directory */
} config_source;

typedef struct config_node {
    struct config_node *next_owned;
    struct config_node *parent; /* NULL for the root */
    dstn_node_kind kind;
    char *key;  /* in a mapping, else NULL */
    char *text; /* of a scalar, else NULL */
    bool plain; /* a scalar that was written without quotes */
    const config_source *source;
    int line;                      /* 0: the source has no lines */
    struct config_node **children; /* [count] */
    size_t count, capacity;
    dstn_texts keys; /* of a large mapping: where the children of these keys stand */
} config_node;

/* A node lives as long as its document, even when it has been replaced: settings may point at its text. */
struct dstn_doc {
    config_source *sources;
    config_node *owned;
    config_node *root;
    const config_source *file;
    const char *file_key; /* of the root: a text there names a file; NULL: none is */
};

/* What a text that is no usable YAML is told; line 0 where none is known. */
typedef struct config_problem {
    int line;
    char message[512];
} config_problem;

dstn_doc *config_doc_new(const char *name);
/* A new one, and the one that is there already, if it is. */
const config_source *config_source_new(dstn_doc *doc, const char *name, const char *folder);
const config_source *config_source_find(dstn_doc *doc, const char *name, const char *folder);
char *config_folder_of(const char *path); /* "" for a bare name; free with free() */

config_node *config_node_new(dstn_doc *doc, dstn_node_kind kind, const config_source *source, int line);
void config_node_append(config_node *parent, config_node *child, const char *key);
void config_node_replace(config_node *old, config_node *with); /* at the same place, under the same key */
config_node *config_node_find(const config_node *mapping, const char *key);
config_node *config_node_copy(dstn_doc *doc, const config_node *from);
char *config_node_path(const config_node *node); /* "a.b.0.c", "" for the root; free with free() */
/* Whether a text would be taken for nothing, if it were plain. */
bool config_text_is_null(const char *text);
/* A plain `~`, `null` or nothing at all. */
bool config_node_is_null(const config_node *node);
/* An empty value stands for a mapping without entries: `train:` with all its lines commented out. */
void config_node_make_mapping(config_node *node);

/* Parses `text` into a tree of `doc`, whose nodes have lines where `has_lines`. NULL: see problem. An empty text is
 * NULL with an empty message. */
config_node *config_parse(dstn_doc *doc, const char *text, size_t length, const config_source *source, bool has_lines,
                          config_problem *problem);

/* A value as a command line gives it, in a node that stands nowhere yet: a list or mapping in brackets, YAML of several
 * lines that begins with a key or an entry, a text in quotes; anything else is the text that it is, in which "#", ": "
 * and the like mean nothing. An empty text is no value (~). NULL: see problem. */
config_node *config_read_value(dstn_doc *doc, const char *text, const config_source *source, config_problem *problem);

/* Whether a text may be given to libfyaml; otherwise see problem. */
bool config_check_text(const char *text, size_t length, config_problem *problem);

void config_write_block(const config_node *root, FILE *out);
char *config_flow_text(const config_node *node); /* on one line; free with free() */

static inline config_node *config_of(dstn_node node) {
    return node.handle;
}

#endif
