/* config: numbers and choices out of text, strictly: what YAML dialects read differently is refused. */
#include "scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *config_read_integer(const char *text, int64_t *out) {
    const char *digits = text + (*text == '-' || *text == '+');
    if (!*digits || digits[strspn(digits, "0123456789")]) {
        return "is not an integer in plain digits";
    }
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno == ERANGE) {
        return "is beyond all integers";
    }
    *out = value;
    return NULL;
}

/* ".inf" as YAML has it, or "inf"; the sign is read already. */
static bool is_infinity(const char *text) {
    return strcmp(text, ".inf") == 0 || strcmp(text, ".Inf") == 0 || strcmp(text, ".INF") == 0 ||
           strcmp(text, "inf") == 0;
}

static bool is_nan(const char *text) {
    return strcmp(text, ".nan") == 0 || strcmp(text, ".NaN") == 0 || strcmp(text, ".NAN") == 0 ||
           strcmp(text, "nan") == 0 || strcmp(text, "NaN") == 0;
}

const char *config_read_real(const char *text, double *out) {
    const char *unsigned_text = text + (*text == '-' || *text == '+');
    if (is_infinity(unsigned_text)) {
        *out = *text == '-' ? -INFINITY : INFINITY;
        return NULL;
    }
    if (is_nan(unsigned_text)) {
        return "is NaN, no value to work with";
    }
    /* strtod would also take hexadecimal numbers and names. */
    if (!*text || text[strspn(text, "0123456789+-.eE")]) {
        return "is not a number";
    }
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end) {
        return "is not a number";
    }
    if (!isfinite(value)) {
        return "is beyond all numbers";
    }
    *out = value;
    return NULL;
}

/* The length of the choice at `choice`, which ends at '|' or with the text. */
static size_t choice_length(const char *choice) {
    return strcspn(choice, "|");
}

static const char *next_choice(const char *choice) {
    const char *end = choice + choice_length(choice);
    return *end ? end + 1 : NULL;
}

int config_choice_count(const char *choices) {
    int count = 0;
    for (const char *choice = choices; choice; choice = next_choice(choice)) {
        count++;
    }
    return count;
}

int config_choice_index(const char *choices, const char *text) {
    int i = 0;
    for (const char *choice = choices; choice; choice = next_choice(choice), i++) {
        if (strlen(text) == choice_length(choice) && strncmp(choice, text, choice_length(choice)) == 0) {
            return i;
        }
    }
    return -1;
}

char **config_choice_names(const char *choices, size_t *count) {
    char **names = dstn_alloc((size_t)config_choice_count(choices), sizeof *names);
    *count = 0;
    for (const char *choice = choices; choice; choice = next_choice(choice)) {
        names[(*count)++] = dstn_format("%.*s", (int)choice_length(choice), choice);
    }
    return names;
}

bool dstn_switch_is(dstn_switch value, bool automatic) {
    return value == DSTN_SWITCH_AUTO ? automatic : value == DSTN_SWITCH_TRUE;
}

void config_format_number(double number, char *out, size_t size) {
    if (isinf(number)) {
        snprintf(out, size, "%s", number < 0 ? "-.inf" : ".inf");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, size, "%.*g", digits, number);
        if (strtod(out, NULL) == number) {
            return;
        }
    }
}
