/* tools: what `dstn data check` says of a text. */
#ifndef TOOLS_DATA_TEXT_H
#define TOOLS_DATA_TEXT_H

#include "dstn/run.h"

/* Its parts, what its words are, and how a training run would read them, line by line. */
void tools_describe_text(FILE *out, const dstn_job *job);

#endif
