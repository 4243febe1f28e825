/* data: which files of a folder are those of CIFAR-10 or CIFAR-100, binary version. */
#ifndef DATA_CIFAR_FOLDER_H
#define DATA_CIFAR_FOLDER_H

#include "dstn/data.h"

enum { DATA_CIFAR_BATCHES = 5, DATA_CIFAR_LABELS = 2 };

/* One of the two forms: what its files are called, and what a record has before its pixels. */
typedef struct data_cifar_form {
    const char *name;
    const char *folder;                    /* that the archive is unpacked to */
    const char *train[DATA_CIFAR_BATCHES]; /* NULL past the last one */
    const char *test;
    int labels;                     /* bytes of a record before its pixels */
    int classes[DATA_CIFAR_LABELS]; /* of each of these labels, */
    const char *label_names[DATA_CIFAR_LABELS];
    int64_t train_rows, test_rows; /* as published */
} data_cifar_form;

typedef struct data_cifar_folder {
    const data_cifar_form *form;
    char *path; /* the one with the files: the config's, or one of the archives' below it */
    bool has_test;
} data_cifar_folder;

#define DATA_CIFAR_ACCEPTED                                                                                            \
    "a folder with data_batch_1.bin to data_batch_5.bin and test_batch.bin (CIFAR-10, binary version), or train.bin "  \
    "and test.bin (CIFAR-100, binary version), or one that has cifar-10-batches-bin or cifar-100-binary in it"

/* Looks through a folder, and below it. DSTN_ERROR_DATA, at the key `path`, where it can't be read, has files of
 * neither form, of both, or not all; what lies there in their place is named. To be cleared in any case. */
dstn_status data_cifar_find(dstn_node node, const char *path, data_cifar_folder *out, dstn_error *err);
void data_cifar_clear(data_cifar_folder *folder);

#endif
