/* config, inside: numbers and choices out of text, strictly, and how an option's accepted values are described. */
#ifndef CONFIG_SCALAR_H
#define CONFIG_SCALAR_H

#include "dstn/config.h"

/* NULL, or what is wrong, to be put behind the text: "is not an integer". */
const char *config_read_integer(const char *text, int64_t *out);
const char *config_read_real(const char *text, double *out); /* infinities are read, NaN is not */

int config_choice_count(const char *choices); /* of "a|b|c" */
/* The choice's position, -1: none of them. */
int config_choice_index(const char *choices, const char *text);
/* The choices [count] as new strings; free them, and the array, with free(). */
char **config_choice_names(const char *choices, size_t *count);

/* A number in the fewest digits that read back as the same. */
void config_format_number(double number, char *out, size_t size);
/* "integer, 1 to 1000000"; "one of a, b, c"; … */
void config_describe(const dstn_option *option, char *out, size_t size);

/* Whether its default is "~": it may be left out, and is then not inserted. */
bool config_is_optional(const dstn_option *option);
/* Whether `auto` is one of its values, beside lists of numbers. */
bool config_may_be_automatic(const dstn_option *option);

#endif
