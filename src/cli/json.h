/* Texts and numbers as JSON has them. */
#ifndef DSTN_CLI_JSON_H
#define DSTN_CLI_JSON_H

#include <stdio.h>

/* In quotes; what is no UTF-8 becomes U+FFFD. */
void dstn_json_text(FILE *out, const char *text);
/* To the last bit; null where it is not finite. */
void dstn_json_number(FILE *out, double value);

#endif
