/* config: `dstn help KEY`: what is known about an option, from the tables of all rooms. */
#include "schema.h"
#include "scalar.h"

#include <stdlib.h>
#include <string.h>

enum { DESCRIPTION_SIZE = 1024, NEAREST_SIZE = 96 };

bool config_path_matches(const char *pattern, const char *path) {
    for (;;) {
        size_t wanted = strcspn(pattern, "."), given = strcspn(path, ".");
        bool is_any = wanted == 1 && *pattern == '*' && given > 0;
        if (!is_any && (wanted != given || strncmp(pattern, path, wanted) != 0)) {
            return false;
        }
        pattern += wanted;
        path += given;
        if (!*pattern || !*path) {
            return !*pattern && !*path;
        }
        pattern++;
        path++;
    }
}

char *config_join_path(const char *path, const char *key) {
    return *path ? dstn_format("%s.%s", path, key) : dstn_strdup(key);
}

static const char *last_component(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

/* Whether `key` is the variant that the section's table belongs to: "conv", or "idx" of "source: idx". */
static bool is_variant(const dstn_section *section, const char *key) {
    if (!key || !section->variant) {
        return false;
    }
    const char *colon = strstr(section->variant, ": ");
    return strcmp(colon ? colon + 2 : section->variant, key) == 0;
}

/* Whether `key` asks for this option: by name, by dotted path, or by its section's. */
static bool is_asked_for(const dstn_section *section, const dstn_option *option, const char *key) {
    if (!key || strcmp(option->key, key) == 0 || is_variant(section, key)) {
        return true;
    }
    if (*section->path &&
        (config_path_matches(section->path, key) || strcmp(last_component(section->path), key) == 0)) {
        return true;
    }
    char *path = config_join_path(section->path, option->key);
    bool matches = config_path_matches(path, key) || strcmp(path, key) == 0;
    free(path);
    return matches;
}

static void print_section(const dstn_section *section, FILE *out) {
    fprintf(out, "%s", *section->path ? section->path : "top level");
    if (section->variant) {
        fprintf(out, " (%s)", section->variant);
    }
    if (section->help && *section->help) {
        fprintf(out, ": %s", section->help);
    }
    fputc('\n', out);
}

static void print_option(const dstn_section *section, const dstn_option *option, FILE *out) {
    char accepted[DESCRIPTION_SIZE];
    config_describe(option, accepted, sizeof accepted);
    char *path = config_join_path(section->path, option->key);
    fprintf(out, "%s  %s", path, accepted);
    free(path);
    if (option->fallback && !config_is_optional(option)) {
        fprintf(out, ", default %s", option->fallback);
    } else if (!option->fallback) {
        fputs(option->kind == DSTN_OPTION_SECTION ? ", optional" : ", required", out);
    }
    if (section->variant) {
        fprintf(out, "  (%s)", section->variant);
    }
    fputc('\n', out);
    if (option->help && *option->help) {
        fprintf(out, "    %s\n", option->help);
    }
    if (option->may_differ) {
        fputs("    May be changed when a run is resumed.\n", out);
    }
}

/* The nearest of all keys; the nearest of all dotted paths where `key` has a dot. */
static void find_nearest(const dstn_section *sections, size_t count, const char *key, char *nearest) {
    size_t total = 0, i = 0;
    for (size_t s = 0; s < count; s++) {
        for (const dstn_option *option = sections[s].options; option->key; option++) {
            total++;
        }
    }
    char **names = dstn_alloc(total, sizeof *names);
    for (size_t s = 0; s < count; s++) {
        for (const dstn_option *option = sections[s].options; option->key; option++) {
            names[i++] = config_join_path(strchr(key, '.') ? sections[s].path : "", option->key);
        }
    }
    const char *found = dstn_nearest_name(key, (const char *const *)names, total);
    snprintf(nearest, NEAREST_SIZE, "%s", found ? found : "");
    for (i = 0; i < total; i++) {
        free(names[i]);
    }
    free(names);
}

size_t dstn_schema_help(const dstn_section *sections, size_t count, const char *key, FILE *out, char *nearest) {
    size_t printed = 0;
    for (size_t s = 0; s < count; s++) {
        bool whole = !key || is_variant(&sections[s], key);
        if (whole) {
            fputs(printed ? "\n" : "", out);
            print_section(&sections[s], out);
            printed += key != NULL; /* a section may have no options */
        }
        for (const dstn_option *option = sections[s].options; option->key; option++) {
            if (!is_asked_for(&sections[s], option, key)) {
                continue;
            }
            print_option(&sections[s], option, out);
            printed++;
        }
    }
    if (!nearest) {
        return printed;
    }
    nearest[0] = '\0';
    if (key && !printed) {
        find_nearest(sections, count, key, nearest);
    }
    return printed;
}
