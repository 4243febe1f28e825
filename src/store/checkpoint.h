/* store, private: what writing and reading of checkpoints share. */
#ifndef STORE_CHECKPOINT_H
#define STORE_CHECKPOINT_H

#include "dstn/store.h"

/* Format 1 had texts of variable length, and no digests of config and data. */
enum { STORE_OLDEST_FORMAT = 1 };

/* Of a config's text, as 32 hex digits. */
void store_checkpoint_config_digest(const char *config, char digest[DSTN_DIGEST_SIZE]);

#endif
