/* run, private: where the files of a run are. */
#ifndef RUN_FILES_H
#define RUN_FILES_H

#include "dstn/run.h"

/* Where checkpoints are to be written: as dstn_run_checkpoints; of a run that has none yet, FOLDER/checkpoints, or the
 * folder itself for a member. Free with free(). */
char *run_checkpoint_folder(const char *folder, bool is_member);

#endif
