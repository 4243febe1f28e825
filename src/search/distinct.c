/* search: settings by what they do: two lists of them that make the same of every config have one text. */
#include "distinct.h"

#include <stdlib.h>
#include <string.h>

/* The paths at which whole mappings are put, which replace what a config has there, sorted and joined: with nothing
 * below them yet they make the same as settings of their keys. Free with free(). */
static char *join_replaced(const search_settings *settings) {
    const char **paths = dstn_alloc((size_t)settings->count + 1, sizeof *paths);
    size_t count = 0, length = 1;
    for (int i = 0; i < settings->count; i++) {
        if (dstn_node_get_kind(settings->items[i].value) == DSTN_NODE_MAPPING) {
            paths[count++] = settings->items[i].path;
            length += strlen(settings->items[i].path) + 1;
        }
    }
    qsort(paths, count, sizeof *paths, dstn_compare_texts);
    char *joined = dstn_alloc(length, 1), *end = joined;
    for (size_t i = 0; i < count; i++) {
        end += sprintf(end, "%s ", paths[i]);
    }
    free(paths);
    return joined;
}

/* What the settings make of an empty config; NULL: they can't be made. Free with free(). */
static char *text_of(const search_distinct *distinct, const search_settings *settings) {
    const dstn_member member = {.settings = settings->items, .setting_count = settings->count};
    dstn_error ignored;
    dstn_doc *doc = dstn_doc_new("settings");
    char *text = NULL;
    if (dstn_member_apply(&member, doc, &ignored) == DSTN_OK) {
        char *made = dstn_schema_canonical(distinct->sections, distinct->section_count, dstn_doc_root(doc));
        char *replaced = join_replaced(settings);
        text = dstn_format("%s%s", replaced, made);
        free(replaced);
        free(made);
    }
    dstn_doc_destroy(doc);
    return text;
}

static void keep(search_distinct *distinct, char *text) {
    if (distinct->count == distinct->capacity) {
        distinct->capacity = distinct->capacity ? 2 * distinct->capacity : 64;
        char **larger = dstn_alloc(distinct->capacity, sizeof *larger);
        if (distinct->count) {
            memcpy(larger, distinct->texts, distinct->count * sizeof *larger);
        }
        free(distinct->texts);
        distinct->texts = larger;
    }
    distinct->texts[distinct->count++] = text;
}

int64_t search_distinct_put(search_distinct *distinct, const search_settings *settings, int64_t at) {
    if (!distinct->sections) {
        distinct->sections = dstn_run_schema(&distinct->section_count);
    }
    char *text = text_of(distinct, settings);
    if (!text) {
        return at;
    }
    int64_t first = dstn_texts_put(&distinct->seen, text, at);
    if (first == at) {
        keep(distinct, text);
    } else {
        free(text);
    }
    return first;
}

void search_distinct_clear(search_distinct *distinct) {
    for (size_t i = 0; i < distinct->count; i++) {
        free(distinct->texts[i]);
    }
    free(distinct->texts);
    free(distinct->sections);
    dstn_texts_clear(&distinct->seen);
    *distinct = (search_distinct){0};
}
