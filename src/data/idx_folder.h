/* data: which files of a folder are the images and labels of a data set in IDX files, by the names that people's have.
 */
#ifndef DATA_IDX_FOLDER_H
#define DATA_IDX_FOLDER_H

#include "dstn/data.h"

typedef enum data_idx_kind { DATA_IDX_IMAGES, DATA_IDX_LABELS, DATA_IDX_KINDS } data_idx_kind;

/* The names that are looked for first; the others have a dot in place of the hyphen before `idx`, `test` in place of
 * `t10k`, a set's name and a hyphen before them (EMNIST's), or .gz behind them. */
extern const char *const data_idx_names[2][DATA_IDX_KINDS]; /* of training and test part */

typedef struct data_idx_folder {
    const char *path;               /* borrowed */
    char *files[2][DATA_IDX_KINDS]; /* paths, of the training and the test part; NULL: there is none */
    char *others;                   /* some of what else lies there, for messages: "a.txt, b.gz, …", or "" */
} data_idx_folder;

/* Looks through a folder. `prefix` (NULL: any) chooses among several sets. DSTN_ERROR_DATA where the folder can't be
 * read, or has several sets, or none of that prefix. To be cleared in any case. */
dstn_status data_idx_find(dstn_node node, const char *path, const char *prefix, data_idx_folder *out, dstn_error *err);
void data_idx_clear(data_idx_folder *folder);

#endif
