/* Texts and numbers as JSON has them. */
#ifndef TOOLS_JSON_H
#define TOOLS_JSON_H

#include <stdio.h>

/* In quotes; what is no UTF-8 becomes U+FFFD. */
void tools_json_text(FILE *out, const char *text);
/* To the last bit; null where it is not finite. */
void tools_json_number(FILE *out, double value);

#endif
