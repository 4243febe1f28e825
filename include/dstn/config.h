/* config: YAML documents, option tables, `--set`, and messages that name file, line and key.
 *
 * Every room describes its options in tables of dstn_option; one reader does type and range checks, default values,
 * unknown keys with the nearest name, and `dstn help KEY`. A default is inserted into the document when it is read,
 * so that the document written out afterwards is the config as resolved. */
#ifndef DSTN_CONFIG_H
#define DSTN_CONFIG_H

#include "dstn/core.h"

/* ---- documents ------------------------------------------------------------------------------------------------- */

const char *dstn_config_version(void); /* "libfyaml 0.7.12" */

typedef struct dstn_doc dstn_doc; /* one YAML document with everything inserted into it */

/* A place in a document; a value type, valid as long as its document. `handle` is NULL for "nothing there". */
typedef struct dstn_node {
    dstn_doc *doc;
    void *handle;
} dstn_node;

typedef enum dstn_node_kind { DSTN_NODE_NONE, DSTN_NODE_SCALAR, DSTN_NODE_SEQUENCE, DSTN_NODE_MAPPING } dstn_node_kind;

/* Reads a file, or text (`name` stands for the file in messages). Syntax errors, duplicate keys, an empty document
 * and a root that is no mapping: DSTN_ERROR_USAGE with file:line. out is owned by the caller. */
dstn_status dstn_doc_load(const char *path, dstn_doc **out, dstn_error *err);
dstn_status dstn_doc_parse(const char *text, const char *name, dstn_doc **out, dstn_error *err);
dstn_doc *dstn_doc_new(const char *name); /* a mapping without entries; owned by the caller */
void dstn_doc_destroy(dstn_doc *doc);

/* Puts a value at a dotted path, creating mappings on the way: "train.batch", "layers.0.linear.out".
 * `dstn_doc_set` takes `a.b=v` as the command line gives it. Messages about the value then name "--set a.b=v".
 * The value is the whole of what is given: a list or mapping in brackets (`[1, 2]`, `{a: 1}`), a text in quotes ('a',
 * "a"), YAML of several lines that begins with a key or a list's entry, or, whatever else is in it, a number, word or
 * text: `run #3: x` is just that. `dstn_doc_put_text` puts any text as it is.
 * A path through a scalar, an empty key, or brackets or quotes that are no YAML: DSTN_ERROR_USAGE. */
dstn_status dstn_doc_set(dstn_doc *doc, const char *assignment, dstn_error *err);
dstn_status dstn_doc_put(dstn_doc *doc, const char *path, const char *value, const char *origin, dstn_error *err);
dstn_status dstn_doc_put_text(dstn_doc *doc, const char *path, const char *text, const char *origin, dstn_error *err);
/* Copies the mapping of another document to `path` of this one; messages about it go on naming the other's file and
 * line. */
dstn_status dstn_doc_graft(dstn_doc *doc, const char *path, dstn_node from, dstn_error *err);

/* A text under this key of the root is the name of a file (the `model:` of a config), which stands for its mapping: a
 * path that goes on behind it ("model.width") has the mapping put in its place first. `key` must outlive the
 * document. */
void dstn_doc_expect_file(dstn_doc *doc, const char *key);
/* Puts the mapping there now, if there is a text; messages about it name the file. DSTN_ERROR_USAGE: it can't be read.
 */
dstn_status dstn_doc_inline_file(dstn_doc *doc, dstn_error *err);

/* The document as block YAML in a new string; free with free(). */
char *dstn_doc_text(const dstn_doc *doc);
const char *dstn_doc_name(const dstn_doc *doc); /* path or name it was made from */
/* A path written in the document, relative to the folder of the document it stands in; absolute ones as they are.
 * Free with free(). */
char *dstn_doc_resolve_path(dstn_node node, const char *path);

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

dstn_node dstn_doc_root(dstn_doc *doc);
dstn_node_kind dstn_node_get_kind(dstn_node node);
dstn_node dstn_node_child(dstn_node node, const char *key); /* mapping; handle NULL: no such key */
size_t dstn_node_count(dstn_node node);                     /* entries of a sequence or mapping, else 0 */
dstn_node dstn_node_at(dstn_node node, size_t i);           /* value of entry i */
const char *dstn_node_key_at(dstn_node node, size_t i);     /* key of entry i of a mapping; owned by the document */
const char *dstn_node_text(dstn_node node);                 /* a scalar's text, owned by the document; else NULL */
char *dstn_node_yaml(dstn_node node);                       /* the node as one-line (flow) YAML; free with free() */

/* "file:line: a.b.c: message" with the node's own place; status DSTN_ERROR_USAGE. */
dstn_status dstn_node_fail(dstn_node node, dstn_error *err, const char *format, ...) DSTN_PRINTF(3, 4);

/* ---- options -------------------------------------------------------------------------------------------------- */

/* A number, or the name of a hyperparameter whose value (in natural units) is used in its place. */
typedef struct dstn_quantity {
    double number;
    const char *name; /* NULL: the number; owned by the document */
    int index;        /* of the hyperparameter, -1 until resolved by whoever knows the space */
} dstn_quantity;

typedef struct dstn_int_list {
    int64_t values[8];
    int count;
} dstn_int_list;

typedef struct dstn_real_list {
    double values[64];
    int count;
    bool automatic; /* `auto`, where something else decides: there are no values then */
} dstn_real_list;

/* `auto`, where something else decides, or a plain answer. */
typedef enum dstn_switch { DSTN_SWITCH_AUTO, DSTN_SWITCH_TRUE, DSTN_SWITCH_FALSE } dstn_switch;

/* The answer, with what `auto` stands for. */
bool dstn_switch_is(dstn_switch value, bool automatic);

typedef enum dstn_option_kind {
    DSTN_OPTION_BOOL,     /* bool */
    DSTN_OPTION_INT,      /* int64_t, in [low, high] */
    DSTN_OPTION_REAL,     /* double, in [low, high]; .inf allowed where the range has it */
    DSTN_OPTION_TEXT,     /* const char *, owned by the document */
    DSTN_OPTION_CHOICE,   /* int: position in `choices` */
    DSTN_OPTION_QUANTITY, /* dstn_quantity: number in [low, high], or a name */
    DSTN_OPTION_SWITCH,   /* dstn_switch */
    DSTN_OPTION_INTS,     /* dstn_int_list: one integer or a sequence of up to 8 */
    DSTN_OPTION_REALS,    /* dstn_real_list: one number or a sequence of up to 64 */
    DSTN_OPTION_RANGE,    /* double[2]: `[low, high]`, -.inf and .inf allowed; low < high */
    DSTN_OPTION_SECTION   /* dstn_node: any value, read by someone else; handle NULL where absent */
} dstn_option_kind;

/* One key of a mapping. Tables are static const arrays of the rows below.
 * A default of "~" makes a value optional: where it is absent or `~`, nothing is inserted, and the structure gets NULL
 * (text), an empty list (ints, reals), NaN (real, quantity, both ends of a range), -1 (choice), auto, 0, false or
 * handle NULL. A `low` of DBL_MIN stands for "above 0" in messages; ±INFINITY for no bound. */
typedef struct dstn_option {
    const char *key;
    dstn_option_kind kind;
    size_t offset;        /* of the value in the settings structure */
    double low, high;     /* accepted range, both ends included (numbers) */
    const char *choices;  /* "a|b|c" for a choice, else NULL */
    const char *fallback; /* default as YAML text; NULL: required (a section: optional) */
    const char *help;     /* one line */
    bool may_differ;      /* may change between a run and its resume */
    bool per_batch;       /* a quantity meant to have one value for a whole batch, as its hyperparameter says, too */
} dstn_option;

/* Rows of option tables, by kind. TYPE is the settings structure and MEMBER its place in it, whose type is checked when
 * the table is compiled. FALLBACK is the default as YAML text, or DSTN_REQUIRED. The last argument is one line of help;
 * DSTN_MAY_DIFFER or DSTN_PER_BATCH may follow it. DSTN_OPTIONS_END ends a table. */
#define DSTN_BOOL(KEY, TYPE, MEMBER, FALLBACK, ...)                                                                    \
    DSTN_ROW(KEY, DSTN_OPTION_BOOL, DSTN_MEMBER(TYPE, MEMBER, bool *), 0, 0, NULL, FALLBACK, __VA_ARGS__)
#define DSTN_INT(KEY, TYPE, MEMBER, LOW, HIGH, FALLBACK, ...)                                                          \
    DSTN_ROW(KEY, DSTN_OPTION_INT, DSTN_MEMBER(TYPE, MEMBER, int64_t *), LOW, HIGH, NULL, FALLBACK, __VA_ARGS__)
#define DSTN_REAL(KEY, TYPE, MEMBER, LOW, HIGH, FALLBACK, ...)                                                         \
    DSTN_ROW(KEY, DSTN_OPTION_REAL, DSTN_MEMBER(TYPE, MEMBER, double *), LOW, HIGH, NULL, FALLBACK, __VA_ARGS__)
#define DSTN_TEXT(KEY, TYPE, MEMBER, FALLBACK, ...)                                                                    \
    DSTN_ROW(KEY, DSTN_OPTION_TEXT, DSTN_MEMBER(TYPE, MEMBER, const char **), 0, 0, NULL, FALLBACK, __VA_ARGS__)
#define DSTN_CHOICE(KEY, TYPE, MEMBER, CHOICES, FALLBACK, ...)                                                         \
    DSTN_ROW(KEY, DSTN_OPTION_CHOICE, DSTN_MEMBER(TYPE, MEMBER, int *), 0, 0, CHOICES, FALLBACK, __VA_ARGS__)
#define DSTN_SWITCH(KEY, TYPE, MEMBER, FALLBACK, ...)                                                                  \
    DSTN_ROW(KEY, DSTN_OPTION_SWITCH, DSTN_MEMBER(TYPE, MEMBER, dstn_switch *), 0, 0, "auto|true|false", FALLBACK,     \
             __VA_ARGS__)
#define DSTN_QUANTITY(KEY, TYPE, MEMBER, LOW, HIGH, FALLBACK, ...)                                                     \
    DSTN_ROW(KEY, DSTN_OPTION_QUANTITY, DSTN_MEMBER(TYPE, MEMBER, dstn_quantity *), LOW, HIGH, NULL, FALLBACK,         \
             __VA_ARGS__)
#define DSTN_INTS(KEY, TYPE, MEMBER, LOW, HIGH, FALLBACK, ...)                                                         \
    DSTN_ROW(KEY, DSTN_OPTION_INTS, DSTN_MEMBER(TYPE, MEMBER, dstn_int_list *), LOW, HIGH, NULL, FALLBACK, __VA_ARGS__)
/* A FALLBACK of "auto" makes `auto` a value. */
#define DSTN_REALS(KEY, TYPE, MEMBER, LOW, HIGH, FALLBACK, ...)                                                        \
    DSTN_ROW(KEY, DSTN_OPTION_REALS, DSTN_MEMBER(TYPE, MEMBER, dstn_real_list *), LOW, HIGH, NULL, FALLBACK,           \
             __VA_ARGS__)
/* Both ends between LOW and HIGH. */
#define DSTN_RANGE(KEY, TYPE, MEMBER, LOW, HIGH, FALLBACK, ...)                                                        \
    DSTN_ROW(KEY, DSTN_OPTION_RANGE, DSTN_MEMBER(TYPE, MEMBER, double(*)[2]), LOW, HIGH, NULL, FALLBACK, __VA_ARGS__)
/* Handle NULL where the key is absent. */
#define DSTN_SECTION(KEY, TYPE, MEMBER, ...)                                                                           \
    DSTN_ROW(KEY, DSTN_OPTION_SECTION, DSTN_MEMBER(TYPE, MEMBER, dstn_node *), 0, 0, NULL, NULL, __VA_ARGS__)
#define DSTN_OPTIONS_END                                                                                               \
    { .key = NULL }
#define DSTN_REQUIRED NULL
#define DSTN_MAY_DIFFER .may_differ = true
#define DSTN_PER_BATCH .per_batch = true

/* What the rows above are made of: a row, and the offset of a member that has the type that POINTER points to. */
#define DSTN_ROW(KEY, KIND, OFFSET, LOW, HIGH, CHOICES, FALLBACK, ...)                                                 \
    {                                                                                                                  \
        .key = KEY, .kind = KIND, .offset = OFFSET, .low = LOW, .high = HIGH, .choices = CHOICES,                      \
        .fallback = FALLBACK, .help = __VA_ARGS__                                                                      \
    }
#define DSTN_MEMBER(TYPE, MEMBER, POINTER) _Generic(&((TYPE *)0)->MEMBER, POINTER: offsetof(TYPE, MEMBER))

/* A table and the structure that its offsets are for. */
typedef struct dstn_binding {
    const dstn_option *options;
    void *settings;
} dstn_binding;

/* Reads a mapping into the structures of all bindings together (a common table and a chosen variant's).
 * Missing keys get their defaults, in the structure and in the document. DSTN_ERROR_USAGE: an unknown key (with the
 * nearest known one), a missing required key, a wrong type, a value out of range (with what is accepted).
 * An absent node (handle NULL) is read as an empty mapping, without insertion of defaults; messages then use `path`. */
dstn_status dstn_options_read(dstn_node node, const char *path, const dstn_binding *bindings, size_t count,
                              dstn_error *err);

/* ---- names ------------------------------------------------------------------------------------------------------ */

/* The closest of `names` to `word` (edit distance, at most a third of its length and 1), or NULL; the first of ties. */
const char *dstn_nearest_name(const char *word, const char *const *names, size_t count);

/* How a message about a name that stands for none of `names` [count] goes on: `did you mean "linear"? accepted: linear,
 * conv, relu`. `accepted` stands in the place of the list; NULL: the list. A new string; free with free(). */
char *dstn_suggestion(const char *name, const char *const *names, size_t count, const char *accepted);
/* The whole message: `there is no layer "liner"; did you mean "linear"? accepted: …`; free with free(). */
char *dstn_unknown_name(const char *what, const char *name, const char *const *names, size_t count,
                        const char *accepted);
/* The same, with all names, at a node's place; DSTN_ERROR_USAGE. */
dstn_status dstn_node_fail_name(dstn_node node, const char *what, const char *name, const char *const *names,
                                size_t count, dstn_error *err);

/* ---- entries of lists, and their quantities --------------------------------------------------------------------- */

/* Names that a later room knows: of hyperparameters, by index. */
typedef struct dstn_names {
    const char *(*at)(const void *user, size_t i);       /* NULL past the end; at NULL: there are none */
    int64_t (*find)(const void *user, const char *name); /* index, −1: not there; NULL: each is looked at */
    const void *user;
    bool *used; /* [as many] name i becomes true where a quantity names it; NULL: nobody wants to know */
} dstn_names;

/* The name in `relu` or in `linear: {out: 10}`, with the node of its options (handle NULL: none given); NULL: the entry
 * is neither. */
const char *dstn_entry_name(dstn_node entry, dstn_node *options);
/* Reads the options of an entry into the structures of all bindings together and resolves its quantities. Messages
 * about options that were not given name the entry's place. DSTN_ERROR_USAGE. */
dstn_status dstn_entry_read(dstn_node entry, dstn_node options, const char *name, const dstn_binding *bindings,
                            size_t count, dstn_names hypers, dstn_error *err);
/* Gives every quantity of the table that names a hyperparameter its index; `node` has the options, for messages.
 * DSTN_ERROR_USAGE where there is no such hyperparameter, naming the nearest. */
dstn_status dstn_quantities_resolve(dstn_node node, const dstn_option *options, void *settings, dstn_names hypers,
                                    dstn_error *err);

/* ---- the schema -------------------------------------------------------------------------------------------------- */

/* One place of the schema, as cli composes it from the rooms' tables for `dstn help KEY` and for resume. */
typedef struct dstn_section {
    const char *path;    /* "data", "model.layers.*.linear", "" for the top level; `*` is any one key or list index */
    const char *variant; /* which choice the table belongs to ("source: csv"), or NULL */
    const char *help;
    const dstn_option *options;
} dstn_section;

/* Prints help on every option whose key or dotted path, or whose section's, or whose section's variant is `key`; with
 * key NULL, the whole schema. Returns the number of options (and variants) printed; on 0, `nearest` [out, 96 bytes] has
 * the closest key, or "". */
size_t dstn_schema_help(const dstn_section *sections, size_t count, const char *key, FILE *out, char *nearest);

/* Where two configs differ, and what each has there on one line, cut where it is long; "not set": nothing. */
enum { DSTN_VALUE_SIZE = 96 };
typedef struct dstn_difference {
    char key[DSTN_NAME_SIZE]; /* a dotted path */
    char before[DSTN_VALUE_SIZE], now[DSTN_VALUE_SIZE];
} dstn_difference;

/* The first key, in document order, at which two resolved configs differ and that may not (see may_differ): found
 * [out]. Returns false where nothing forbidden differs. Numbers are compared as numbers; a key that one of them lacks
 * differs, unless the other has the default there. */
bool dstn_schema_differs(const dstn_section *sections, size_t count, dstn_node before, dstn_node now,
                         dstn_difference *found);

/* A text that two values have in common where they mean the same: keys are sorted, numbers stand for themselves however
 * they are written (but for options that are texts), a list of one for its entry where the option takes both. Free with
 * free(). The node is the root of a config or of a part of one whose keys lie at the places of the schema. */
char *dstn_schema_canonical(const dstn_section *sections, size_t count, dstn_node root);

#endif
