/* config: YAML text into a tree, by libfyaml, whose diagnostics become one line of ours. */
#include "convert.h"

/* Diagnostics are collected; none may reach stderr. */
static void print_nothing(struct fy_diag *diag, void *user, const char *text, size_t length) {
    (void)diag, (void)user, (void)text, (void)length;
}

static struct fy_diag *new_diag(void) {
    struct fy_diag_cfg settings;
    fy_diag_cfg_default(&settings);
    settings.fp = NULL;
    settings.output_fn = print_nothing;
    settings.colorize = false;
    struct fy_diag *diag = fy_diag_create(&settings);
    if (diag) {
        fy_diag_set_collect_errors(diag, true);
    }
    return diag;
}

static config_node *fail(config_problem *problem, int line, const char *message) {
    problem->line = line;
    snprintf(problem->message, sizeof problem->message, "%s", message);
    return NULL;
}

static config_node *fail_with_diagnostic(struct fy_diag *diag, config_problem *problem) {
    void *state = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &state);
    if (error && error->msg) {
        return fail(problem, error->line, error->msg);
    }
    return fail(problem, 0, "is no valid YAML");
}

/* A second document would be silently lost. */
static config_node *expect_end(config_node *root, struct fy_parser *parser, struct fy_diag *diag,
                               config_problem *problem) {
    struct fy_document *more = fy_parse_load_document(parser);
    if (more) {
        int line = config_first_line(fy_document_root(more));
        fy_parse_document_destroy(parser, more);
        return fail(problem, line, "a second YAML document begins; accepted: one");
    }
    return fy_parser_get_stream_error(parser) ? fail_with_diagnostic(diag, problem) : root;
}

static config_node *parse_one(dstn_doc *doc, struct fy_parser *parser, struct fy_diag *diag,
                              const config_source *source, bool has_lines, config_problem *problem) {
    struct fy_document *yaml = fy_parse_load_document(parser);
    if (!yaml && (fy_parser_get_stream_error(parser) || fy_diag_got_error(diag))) {
        return fail_with_diagnostic(diag, problem);
    }
    if (!yaml) {
        return NULL;
    }
    struct fy_node *yaml_root = fy_document_root(yaml);
    config_node *root = yaml_root ? config_convert(doc, yaml_root, source, has_lines, problem) : NULL;
    fy_parse_document_destroy(parser, yaml);
    return root ? expect_end(root, parser, diag, problem) : NULL;
}

config_node *config_parse(dstn_doc *doc, const char *text, size_t length, const config_source *source, bool has_lines,
                          config_problem *problem) {
    *problem = (config_problem){0};
    if (!config_check_text(text, length, problem)) {
        return NULL;
    }
    config_node *root = NULL;
    struct fy_diag *diag = new_diag();
    /* That no key stands twice is seen to by the conversion: here every pair of keys would be compared. */
    struct fy_parse_cfg settings = {.flags = FYPCF_DEFAULT_PARSE | FYPCF_ALLOW_DUPLICATE_KEYS, .diag = diag};
    struct fy_parser *parser = diag ? fy_parser_create(&settings) : NULL;
    if (parser && fy_parser_set_string(parser, text, length) == 0) {
        root = parse_one(doc, parser, diag, source, has_lines, problem);
    } else {
        fail(problem, 0, "cannot be parsed: libfyaml does not start");
    }
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return root;
}

const char *dstn_config_version(void) {
    static char version[64];
    snprintf(version, sizeof version, "libfyaml %s", fy_library_version());
    return version;
}
