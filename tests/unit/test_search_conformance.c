/* The tables of all rooms as a user meets them: every entry has a name of its own, a line of help and options that
 * `dstn help` shows, and whatever in a config is not one of them is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"
#include "dstn/search.h"

enum { MOST_ENTRIES = 256, MOST_TABLES = 3 };

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

/* One entry of one table. */
typedef struct entry {
    const char *table; /* "layer", as messages have it */
    const char *name, *help;
    const char *path;                       /* of the schema */
    const char *chooser;                    /* the key whose value is a name of the table; NULL: names are keys */
    const char *prefix;                     /* of the variant's name in the schema, or NULL */
    const dstn_option *own;                 /* its options */
    const dstn_option *beside[MOST_TABLES]; /* tables that are read together with them; NULL ends them */
    const char *example;                    /* of its options, or a list that has it, in YAML */
    dstn_shape in;
} entry;

static entry entries[MOST_ENTRIES];
static size_t entry_count;

static void add(entry made) {
    assert_true(entry_count < MOST_ENTRIES);
    entries[entry_count++] = made;
}

#define ROW(type) .name = (type)->name, .help = (type)->help, .own = (type)->options

static void add_data(void) {
    const dstn_data_source *source;
    for (size_t i = 0; (source = dstn_data_source_at(i)) != NULL; i++) {
        add((entry){ROW(source), .table = "source", .path = "data", .chooser = "data.source",
                    .beside = {dstn_data_options}, .example = source->example});
    }
    const dstn_augmentation *augmentation;
    for (size_t i = 0; (augmentation = dstn_augmentation_at(i)) != NULL; i++) {
        add((entry){ROW(augmentation), .table = "augmentation", .path = "augment.*", .example = augmentation->example});
    }
}

static void add_layers(void) {
    const dstn_layer_type *layer;
    for (size_t i = 0; (layer = dstn_layer_type_at(i)) != NULL; i++) {
        add((entry){ROW(layer), .table = "layer", .path = "model.layers.*", .beside = {dstn_layer_options},
                    .example = layer->example, .in = layer->example_in});
    }
    const dstn_regularizer_type *regularizer;
    for (size_t i = 0; (regularizer = dstn_regularizer_type_at(i)) != NULL; i++) {
        add((entry){ROW(regularizer), .table = "regularizer", .path = "regularizers", .example = regularizer->example,
                    .in = {1, {4}, 0}});
    }
}

static void add_optimizers(void) {
    const dstn_optimizer_type *optimizer;
    for (size_t i = 0; (optimizer = dstn_optimizer_type_at(i)) != NULL; i++) {
        add((entry){ROW(optimizer), .table = "optimizer", .path = "optimizer", .chooser = "optimizer.name",
                    .beside = {dstn_optimizer_options}, .example = optimizer->example});
    }
    const dstn_schedule_type *schedule;
    for (size_t i = 0; (schedule = dstn_schedule_type_at(i)) != NULL; i++) {
        add((entry){ROW(schedule), .table = "schedule", .path = "optimizer", .chooser = "optimizer.schedule",
                    .beside = {dstn_optimizer_options}, .example = schedule->example});
    }
}

static int collect(void **state) {
    (void)state;
    add_data();
    add_layers();
    add_optimizers();
    const dstn_search_method *method;
    for (size_t i = 0; (method = dstn_search_method_at(i)) != NULL; i++) {
        add((entry){ROW(method), .table = "search method", .path = "", .prefix = "search: ", .chooser = "search",
                    .beside = {dstn_sweep_options}, .example = method->example});
    }
    return 0;
}

static void walk(void (*check)(const entry *e)) {
    for (size_t i = 0; i < entry_count; i++) {
        conformance_enter("%s %s", entries[i].table, entries[i].name);
        check(&entries[i]);
    }
    conformance_end();
}

/* ---- names and help ---------------------------------------------------------------------------------------------- */

static bool is_line(const char *text) {
    return text && *text && !strchr(text, '\n');
}

static bool is_name(const char *name) {
    return name && islower((unsigned char)name[0]) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(name);
}

static bool has_key(const dstn_option *options, const char *key) {
    for (; options && options->key; options++) {
        if (strcmp(options->key, key) == 0) {
            return true;
        }
    }
    return false;
}

static void check_option(const entry *e, const dstn_option *option) {
    conformance_expect(is_name(option->key), "option \"%s\" has no name", option->key);
    conformance_expect(is_line(option->help), "option %s has no line of help", option->key);
    conformance_expect(!has_key(option + 1, option->key), "has two options %s", option->key);
    for (int t = 0; t < MOST_TABLES && e->beside[t]; t++) {
        conformance_expect(!has_key(e->beside[t], option->key), "its option %s is one of the section's already",
                           option->key);
    }
}

static void check_name(const entry *e) {
    conformance_expect(is_name(e->name), "\"%s\" is no name", e->name);
    conformance_expect(is_line(e->help), "has no line of help");
    conformance_expect(e->own != NULL, "has no table of options");
    conformance_expect(e->example != NULL, "has no example");
    for (const entry *other = e + 1; other < entries + entry_count; other++) {
        conformance_expect(strcmp(other->table, e->table) != 0 || strcmp(other->name, e->name) != 0, "is there twice");
    }
    for (const dstn_option *option = e->own; option->key; option++) {
        check_option(e, option);
    }
}

static void entries_have_names_of_their_own_and_help(void **state) {
    (void)state;
    walk(check_name);
}

/* Whether a section of the schema is the entry's. */
static bool is_section_of(const dstn_section *section, const entry *e) {
    const char *prefix = e->prefix ? e->prefix : "";
    size_t length = strlen(prefix);
    return section->options == e->own && section->variant && strcmp(section->path, e->path) == 0 &&
           strncmp(section->variant, prefix, length) == 0 && strcmp(section->variant + length, e->name) == 0;
}

static char *help_on(const dstn_section *sections, size_t count, const char *key) {
    char *text = NULL, nearest[96];
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    size_t printed = dstn_schema_help(sections, count, key, out, nearest);
    fclose(out);
    conformance_expect(printed > 0, "help %s shows nothing", key);
    return text;
}

static void check_help(const entry *e) {
    size_t count, found = 0;
    dstn_section *sections = dstn_search_schema(&count);
    for (size_t s = 0; s < count; s++) {
        found += is_section_of(&sections[s], e);
    }
    conformance_expect(found == 1, "is %d times in the schema", (int)found);
    char *text = help_on(sections, count, e->name);
    conformance_expect(strstr(text, e->help) != NULL, "help %s doesn't say what it is: \"%s\"", e->name, text);
    for (const dstn_option *option = e->own; option->key; option++) {
        char *of_option = help_on(sections, count, option->key);
        conformance_expect(strstr(text, option->key) && strstr(text, option->help), "help %s doesn't tell of %s",
                           e->name, option->key);
        conformance_expect(strstr(of_option, option->help) != NULL, "help %s doesn't say what that is", option->key);
        free(of_option);
    }
    free(text);
    if (e->chooser) {
        text = help_on(sections, count, e->chooser);
        conformance_expect(strstr(text, e->name) != NULL, "help %s doesn't name it: \"%s\"", e->chooser, text);
        free(text);
    }
    free(sections);
}

static void help_knows_every_entry_and_option(void **state) {
    (void)state;
    walk(check_help);
}

/* ---- what is refused --------------------------------------------------------------------------------------------- */

/* A config with an entry's example, and the place of its options in there. */
typedef struct sample {
    dstn_doc *doc;
    char *place; /* "model.layers.0.conv" */
    dstn_error err;
} sample;

static void put(sample *s, const char *path, const char *yaml) {
    if (dstn_doc_put(s->doc, path, yaml, "job.yaml", &s->err)) {
        fail_msg("%s: %s", conformance.entry, s->err.message);
    }
}

/* Where in a list the entry of this name is. */
static size_t index_of(dstn_node list, const char *name) {
    dstn_node options;
    size_t i = 0;
    while (i < dstn_node_count(list) && strcmp(dstn_entry_name(dstn_node_at(list, i), &options), name) != 0) {
        i++;
    }
    return i;
}

/* `{NAME: OPTIONS}` at the entry's place in the example's list of layers. */
static char *layer_place(sample *s, const entry *e, const char *name) {
    dstn_node list = dstn_node_child(dstn_node_child(dstn_doc_root(s->doc), "model"), "layers"), options;
    size_t i = index_of(list, e->name);
    conformance_expect(i < dstn_node_count(list), "is not in its example");
    dstn_entry_name(dstn_node_at(list, i), &options);
    char *yaml = options.handle ? dstn_node_yaml(options) : dstn_strdup("{}");
    char *place = dstn_format("model.layers.%zu", i), *mapping = dstn_format("{%s: %s}", name, yaml);
    put(s, place, mapping);
    char *deeper = dstn_format("%s.%s", place, name);
    free(yaml);
    free(mapping);
    free(place);
    return deeper;
}

static bool is_search(const entry *e) {
    return strcmp(e->table, "search method") == 0;
}

/* A sweep file has a method's keys at its top. */
static sample make_sweep(const entry *e, const char *name) {
    sample s = {.place = dstn_strdup("")};
    char *text = dstn_format("base: nowhere.yaml\nsearch: %s\n%s\n", name, e->example);
    if (dstn_doc_parse(text, "sweep.yaml", &s.doc, &s.err)) {
        fail_msg("%s: %s", conformance.entry, s.err.message);
    }
    free(text);
    return s;
}

/* `name` in the place of the entry's own. */
static sample make(const entry *e, const char *name) {
    if (is_search(e)) {
        return make_sweep(e, name);
    }
    sample s = {0};
    if (dstn_doc_parse("hyperparameters: {a: {start: 0.5}, b: {start: 0.5}, c: {start: 0.5}}\n", "job.yaml", &s.doc,
                       &s.err)) {
        fail_msg("%s", s.err.message);
    }
    if (strcmp(e->table, "layer") == 0) {
        put(&s, "model.layers", e->example);
        s.place = layer_place(&s, e, name);
    } else if (strcmp(e->table, "regularizer") == 0) {
        put(&s, "model.layers", dstn_regularizer_type_find(e->name)->example_layers);
        s.place = dstn_format("regularizers.%s", name);
        put(&s, s.place, e->example);
    } else if (strcmp(e->table, "augmentation") == 0) {
        char *list = dstn_format("[%s: %s]", name, e->example);
        put(&s, "augment", list);
        free(list);
        s.place = dstn_format("augment.0.%s", name);
    } else {
        bool is_source = strcmp(e->table, "source") == 0, is_schedule = strcmp(e->table, "schedule") == 0;
        s.place = dstn_strdup(is_source ? "data" : "optimizer");
        put(&s, s.place, e->example);
        put(&s, is_source ? "data.source" : is_schedule ? "optimizer.schedule" : "optimizer.name", name);
        put(&s, is_source ? "data.path" : "optimizer.rate", is_source ? "nowhere" : "0.1");
    }
    return s;
}

/* The path of a key among its options; free with free(). */
static char *place_of(const sample *s, const char *key) {
    return dstn_format("%s%s%s", s->place, *s->place ? "." : "", key);
}

static void clear(sample *s) {
    dstn_doc_destroy(s->doc);
    free(s->place);
}

static dstn_status read_model(sample *s, const entry *e, dstn_space *space) {
    dstn_node root = dstn_doc_root(s->doc);
    dstn_model *model = NULL;
    dstn_model_request request = {.node = dstn_node_child(root, "model"),
                                  .regularizers = dstn_node_child(root, "regularizers"),
                                  .kernel = dstn_kernel_at(0),
                                  .space = space,
                                  .input = e->in,
                                  .max_rows = 2,
                                  .train_rows = 10};
    dstn_status status = dstn_model_new(&request, &model, &s->err);
    /* An example may have nothing to train: what it has was read all the same. */
    bool is_idle = status == DSTN_ERROR_USAGE && strstr(s->err.message, "nothing to train");
    dstn_model_destroy(model);
    return is_idle ? DSTN_OK : status;
}

static dstn_status read_augment(sample *s, dstn_space *space) {
    const int64_t shape[] = {3, 4, 4};
    dstn_dataset *images = dstn_dataset_synthetic_bytes(DSTN_TASK_CLASSIFICATION, 3, shape, 3, 20, 1);
    dstn_augment *augment = NULL;
    dstn_status status = dstn_augment_read(dstn_node_child(dstn_doc_root(s->doc), "augment"), images,
                                           dstn_space_names(space), &augment, &s->err);
    dstn_augment_destroy(augment);
    dstn_dataset_destroy(images);
    return status;
}

/* A path without data is where reading a section of data ends when all is well. */
static dstn_status read_data(sample *s) {
    dstn_dataset *dataset = NULL;
    dstn_status status = dstn_dataset_read(dstn_node_child(dstn_doc_root(s->doc), "data"), 1, NULL, &dataset, &s->err);
    dstn_dataset_destroy(dataset);
    return status == DSTN_ERROR_DATA ? DSTN_OK : status;
}

/* As a trainer reads the section: optimizer, then schedule. */
static dstn_status read_optimizer(sample *s) {
    dstn_node node = dstn_node_child(dstn_doc_root(s->doc), "optimizer");
    dstn_arena *arena = dstn_arena_new();
    dstn_optimizer *optimizer = NULL;
    dstn_schedule *schedule = NULL;
    dstn_status status =
        dstn_optimizer_read(node, "optimizer", "sgd", dstn_kernel_at(0), 3, arena, &optimizer, &s->err);
    if (status == DSTN_OK) {
        status = dstn_schedule_read(node, "optimizer", "sgd", &schedule, &s->err);
    }
    dstn_optimizer_destroy(optimizer);
    dstn_schedule_destroy(schedule);
    dstn_arena_destroy(arena);
    return status;
}

static dstn_status read_sweep(sample *s) {
    dstn_sweep_plan *plan = NULL;
    dstn_status status = dstn_sweep_plan_read(dstn_doc_root(s->doc), &plan, &s->err);
    dstn_sweep_plan_destroy(plan);
    return status;
}

static dstn_status read_sample(sample *s, const entry *e) {
    if (is_search(e)) {
        return read_sweep(s);
    }
    dstn_space *space = NULL;
    dstn_status status = dstn_space_read(dstn_node_child(dstn_doc_root(s->doc), "hyperparameters"), &space, &s->err);
    if (status == DSTN_OK && (strcmp(e->table, "layer") == 0 || strcmp(e->table, "regularizer") == 0)) {
        status = read_model(s, e, space);
    } else if (status == DSTN_OK && strcmp(e->table, "augmentation") == 0) {
        status = read_augment(s, space);
    } else if (status == DSTN_OK) {
        status = strcmp(e->table, "source") == 0 ? read_data(s) : read_optimizer(s);
    }
    dstn_space_destroy(space);
    return status;
}

/* The sample is refused with a line that has all of these words. */
static void expect_refused(sample *s, const entry *e, const char *what, const char *word, const char *other) {
    dstn_status status = read_sample(s, e);
    conformance_expect(status == DSTN_ERROR_USAGE && strstr(s->err.message, word) && strstr(s->err.message, other) &&
                           is_line(s->err.message),
                       "%s is not refused by name: status %d, \"%s\"", what, status, s->err.message);
}

static void check_unknown(const entry *e) {
    if (!e->example) {
        return;
    }
    sample s = make(e, e->name);
    conformance_expect(read_sample(&s, e) == DSTN_OK, "its example is refused: %s", s.err.message);
    clear(&s);

    char *longer = dstn_format("%s%c", e->name, e->name[strlen(e->name) - 1]), *suggestion;
    s = make(e, longer);
    suggestion = dstn_format("did you mean \"%s\"?", e->name);
    expect_refused(&s, e, "a name with one letter more", suggestion, longer);
    free(suggestion);
    free(longer);
    clear(&s);

    s = make(e, e->name);
    char *place = place_of(&s, "zzz");
    put(&s, place, "1");
    expect_refused(&s, e, "an unknown option", "zzz", "");
    free(place);
    clear(&s);
}

static void names_and_options_that_nobody_has_are_refused(void **state) {
    (void)state;
    walk(check_unknown);
}

static void check_values(const entry *e) {
    for (const dstn_option *option = e->own; e->example && option->key; option++) {
        if (option->kind == DSTN_OPTION_SECTION) {
            continue; /* somebody else reads it */
        }
        sample s = make(e, e->name);
        char *place = place_of(&s, option->key);
        put(&s, place, "[[]]");
        expect_refused(&s, e, "a list in a list", option->key, "");
        free(place);
        clear(&s);
    }
}

static void values_of_no_known_kind_are_refused_by_key(void **state) {
    (void)state;
    walk(check_values);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_have_names_of_their_own_and_help),
        cmocka_unit_test(help_knows_every_entry_and_option),
        cmocka_unit_test(names_and_options_that_nobody_has_are_refused),
        cmocka_unit_test(values_of_no_known_kind_are_refused_by_key),
    };
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, collect, NULL);
    return dstn_ranks_finish(failed);
}
