/* config: what an option accepts, in words. */
#include "scalar.h"

#include <math.h>
#include <string.h>

enum { NUMBER_SIZE = 40 };

/* Bounds that no integer of a config comes near are there for the type's sake. */
static bool is_bound(const dstn_option *option, double bound) {
    bool is_integer = option->kind == DSTN_OPTION_INT || option->kind == DSTN_OPTION_INTS;
    return fabs(bound) < (is_integer ? 9e15 : INFINITY);
}

static void describe_range(const dstn_option *option, char out[2 * NUMBER_SIZE + 16]) {
    char low[NUMBER_SIZE], high[NUMBER_SIZE];
    size_t size = 2 * NUMBER_SIZE + 16;
    /* A table can't leave an end out; the smallest numbers stand for "more than zero". */
    bool above_zero = option->low > 0 && option->low < 1e-290;
    config_format_number(option->low, low, sizeof low);
    config_format_number(option->high, high, sizeof high);
    bool has_low = is_bound(option, option->low), has_high = is_bound(option, option->high);
    if (above_zero && has_high) {
        snprintf(out, size, "above 0, at most %s", high);
    } else if (above_zero) {
        snprintf(out, size, "above 0");
    } else if (has_low && has_high) {
        snprintf(out, size, "%s to %s", low, high);
    } else if (has_low) {
        snprintf(out, size, "at least %s", low);
    } else if (has_high) {
        snprintf(out, size, "at most %s", high);
    } else {
        out[0] = '\0';
    }
}

static void describe_choices(const char *choices, char *out, size_t size) {
    size_t used = (size_t)snprintf(out, size, "%s", strchr(choices, '|') ? "one of " : "");
    for (const char *c = choices; *c && used + 3 < size; c++) {
        if (*c == '|') {
            out[used++] = ',';
        }
        out[used++] = *c == '|' ? ' ' : *c;
    }
    out[used] = '\0';
}

bool config_is_optional(const dstn_option *option) {
    return option->fallback && strcmp(option->fallback, "~") == 0;
}

bool config_may_be_automatic(const dstn_option *option) {
    return option->kind == DSTN_OPTION_REALS && option->fallback && strcmp(option->fallback, "auto") == 0;
}

void config_describe(const dstn_option *option, char *out, size_t size) {
    char range[2 * NUMBER_SIZE + 16];
    describe_range(option, range);
    const char *comma = range[0] ? ", " : "";
    switch (option->kind) {
    case DSTN_OPTION_BOOL:
        snprintf(out, size, "true or false");
        break;
    case DSTN_OPTION_INT:
        snprintf(out, size, "integer%s%s", comma, range);
        break;
    case DSTN_OPTION_REAL:
        snprintf(out, size, "number%s%s", comma, range);
        break;
    case DSTN_OPTION_TEXT:
        snprintf(out, size, "text");
        break;
    case DSTN_OPTION_CHOICE:
    case DSTN_OPTION_SWITCH:
        describe_choices(option->choices, out, size);
        break;
    case DSTN_OPTION_QUANTITY:
        snprintf(out, size, "number%s%s, or the name of a hyperparameter", comma, range);
        break;
    case DSTN_OPTION_INTS:
        snprintf(out, size, "integer or a list of up to 8%s%s%s", comma, range[0] ? "each " : "", range);
        break;
    case DSTN_OPTION_REALS:
        snprintf(out, size, "number or a list of up to 64%s%s%s", comma, range[0] ? "each " : "", range);
        break;
    case DSTN_OPTION_RANGE:
        snprintf(out, size, "[low, high] with low < high");
        break;
    case DSTN_OPTION_SECTION:
        snprintf(out, size, "section");
        break;
    }
    size_t used = strlen(out);
    if (config_is_optional(option)) {
        snprintf(out + used, size - used, ", or ~ for none");
    } else if (config_may_be_automatic(option)) {
        snprintf(out + used, size - used, ", or auto");
    }
}
