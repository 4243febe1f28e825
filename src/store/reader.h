/* store, private: readers beyond what the public header offers. */
#ifndef STORE_READER_H
#define STORE_READER_H

#include "dstn/store.h"
#include "file.h"
#include "tree.h"

/* dstn_reader_open that also tells what was found: only a file that is proven to be damaged may be passed over. */
dstn_status store_reader_open(const char *path, dstn_status status, dstn_reader **out, store_verdict *verdict,
                              dstn_error *err);
const store_tree *store_reader_tree(const dstn_reader *reader);

#endif
