/* tools, private: what launches of a sweep have left undone. */
#ifndef TOOLS_LEFTOVERS_H
#define TOOLS_LEFTOVERS_H

#include "dstn/run.h"
#include "dstn/store.h"

/* Says on `out` whether a launch is at work in the folder, what a dead one has left (members that were running, files
 * that it was writing), how many members wait, and how to go on; nothing where all have ended. None of it is lost. */
void tools_say_leftovers(FILE *out, const char *folder, const dstn_ledger_book *book);

#endif
