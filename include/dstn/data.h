/* data: readers of data sets, their preparation (split, standardization, features), the order of examples, the
 * augmentation of images, and the mini-batch.
 *
 * A data set is read whole by every rank, and a mini-batch is named by row numbers, so that no draw and no batch
 * depends on the number of ranks. In the order of use: read a data set, read the list of augmentations, bind a batch,
 * and fill it with the rows that a sampler gives. */
#ifndef DSTN_DATA_H
#define DSTN_DATA_H

#include "dstn/config.h"
#include "dstn/core.h"
#include "dstn/kernel.h"

typedef enum dstn_part { DSTN_PART_TRAIN, DSTN_PART_VALID, DSTN_PART_TEST, DSTN_PARTS } dstn_part;
typedef enum dstn_task { DSTN_TASK_REGRESSION, DSTN_TASK_CLASSIFICATION } dstn_task; /* "regression|classification" */

/* A data set, prepared. A text is kept as the numbers of its words: of every word but a part's last the next one is to
 * be told, so that a part of n words has n − 1 rows, and row i is the place i, whose label is the word at i + 1.
 * Otherwise examples are kept as doubles or, where the source has bytes, as bytes, which a gathered batch decodes. An
 * image of shape (C, H, W) is stored channels last, [H, W, C]. */
typedef struct dstn_dataset {
    dstn_task task;
    int64_t rows[DSTN_PARTS]; /* n, v, and rows of the test part (0 where there is none) */
    int rank;                 /* shape of one example */
    int64_t shape[3];
    int64_t features;            /* product of shape */
    int64_t outputs;             /* target columns (regression) or classes */
    double *x[DSTN_PARTS];       /* [rows, features]; NULL where the examples are bytes */
    uint8_t *bytes[DSTN_PARTS];  /* [rows, features]; NULL where they are doubles */
    int32_t *tokens[DSTN_PARTS]; /* [rows + 1] of a text; x and bytes are NULL then; NULL: it is none */
    int64_t words;               /* of the vocabulary, which are `outputs` too; 0: no text */
    char **vocabulary;           /* [words] the word of each number, or NULL */
    int64_t channels;            /* that are normalized apart: shape[0], or 1 where all values are alike */
    double *scale, *shift;       /* [channels] x = scale byte + shift; NULL where the examples are doubles */
    double *mean, *deviation;    /* [channels] that values were normalized by, bytes as 0 … 1; NULL: they were not */
    bool is_measured;            /* these are the training part's, where the config says `auto` */
    double *targets[DSTN_PARTS]; /* regression: [rows, outputs], else NULL */
    int64_t *labels[DSTN_PARTS]; /* classification: [rows], else NULL; NULL for a text too */
    int64_t *source_rows[DSTN_PARTS]; /* [rows] line of the source (data rows from 0) each example came from; NULL: a
                                         text, where row i is the place i */
    char **feature_names;             /* [features] or NULL */
    char *source;                     /* the file or folder, or "synthetic" */
    char **files;                     /* [file_count] it was read from, in their order; NULL: none */
    int64_t file_count;
    char *target_name;             /* of what is predicted, or NULL */
    char digest[DSTN_DIGEST_SIZE]; /* of examples and answers as the source has them; "" for a synthetic one */
    char *summary;                 /* one line for people: "boston.csv: 405 training and 101 validation rows, …" */
} dstn_dataset;

void dstn_dataset_destroy(dstn_dataset *dataset);
bool dstn_dataset_is_valid(const dstn_dataset *dataset);
size_t dstn_dataset_memory_used(const dstn_dataset *dataset);

/* The keys of `data:` that every source has: source, task, features, standardize, split, valid_fraction, … */
extern const dstn_option dstn_data_options[];

/* One source of data, one file, registered by name. */
typedef struct dstn_data_source {
    const char *name;
    const char *help;
    const dstn_option *options;
    size_t settings_size;
    const char *example;  /* what a section `data:` needs beside source and path, in YAML, for tests */
    bool ends_with_valid; /* what `split: auto` means: validation rows from the end of the file, or random ones */
    /* Reads everything the source has into a dataset whose training part holds all rows (a source with its own split
     * fills the parts itself). Warnings go to `log`. DSTN_ERROR_DATA: one line naming file, line and column. */
    dstn_status (*read)(const void *settings, dstn_node node, dstn_task task, const dstn_log *log, dstn_dataset **out,
                        dstn_error *err);
    /* What its keys mean and std say; NULL: it has tables alone. */
    const struct data_normalization *(*normalization)(const void *settings);
} dstn_data_source;

const dstn_data_source *dstn_data_source_find(const char *name);
const dstn_data_source *dstn_data_source_at(size_t i); /* table order, NULL past the end */

/* Reads and prepares the data set that the section `data:` describes. A validation part is split off, at random by
 * split_seed (−1: by `seed`) or from the end. Tables of doubles also get `features: quadratic` and standardization by
 * the training part's mean and deviation (targets too in regression), columns that are constant in the training part
 * dropped with a warning to `log`. Owned by the caller.
 * DSTN_ERROR_USAGE for the config, DSTN_ERROR_DATA for the file. */
dstn_status dstn_dataset_read(dstn_node node, uint32_t seed, const dstn_log *log, dstn_dataset **out, dstn_error *err);

/* Puts a text of a file (words separated by blanks, plain or .gz) in place of a data set's test text, in the data set's
 * vocabulary; words that it doesn't have become <unk>. unknown [out]: how many words of the text are <unk> then. The
 * digest stays that of the data set as it was read.
 * DSTN_ERROR_DATA for the file, DSTN_ERROR_USAGE: the data set has no vocabulary. */
dstn_status dstn_dataset_take_text(dstn_dataset *dataset, const char *path, int64_t *unknown, dstn_error *err);

/* Whether a key of `data:` says what is read, and so bears on the digest; the others say how it is split and prepared.
 */
bool dstn_data_key_is_read(const char *key);

/* That every value, as prepared, is one that the scalar type can compute with: its square is finite. DSTN_ERROR_DATA
 * names column and row. */
dstn_status dstn_dataset_check_range(const dstn_dataset *dataset, dstn_scalar scalar, dstn_error *err);

/* How a file stands to those that are published of MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100, which are known by
 * their names: it is one of them; it has its size and another content, as a damaged one has, or one of another data set
 * in that form; it has another size. Names that aren't known, and files that can't be read, are `unknown`. */
typedef enum dstn_published {
    DSTN_PUBLISHED_UNKNOWN,
    DSTN_PUBLISHED_SAME,
    DSTN_PUBLISHED_CHANGED,
    DSTN_PUBLISHED_OTHER
} dstn_published;

/* Compares a file's size and SHA-256, unpacked where it is gzipped. *line [out]: "NAME: as published (SET)", or what it
 * has and what is expected; NULL where it is unknown; free with free(). */
dstn_published dstn_published_compare(const char *path, char **line);

const char *dstn_data_version(void); /* "OpenSSL 3.0.19, zlib 1.2.13": by which those are read and told apart */

/* A data set made of noise, for benchmarks: x ~ N(0, 1), targets N(0, 1) or uniform labels; 1/4 is validation. */
dstn_dataset *dstn_dataset_synthetic(dstn_task task, int rank, const int64_t *shape, int64_t outputs, int64_t rows,
                                     uint32_t seed);
/* The same with uniform bytes for x, decoded to mean 0 and deviation 1: what a batch of images costs. */
dstn_dataset *dstn_dataset_synthetic_bytes(dstn_task task, int rank, const int64_t *shape, int64_t outputs,
                                           int64_t rows, uint32_t seed);
/* The vocabulary of a text without the text: no rows at all. vocabulary [words] and its texts, or NULL, are the data
 * set's from now on. Owned by the caller. */
dstn_dataset *dstn_dataset_of_words(int64_t words, char **vocabulary);
/* The same for texts: words of a vocabulary without names, in no order but about as often as those of a language, the
 * word 0 most often. rows ≥ 4. */
dstn_dataset *dstn_dataset_synthetic_text(int64_t words, int64_t rows, uint32_t seed);

/* The smallest and largest value, as gathered, of one feature of a part (−1: of all); of a text, number of a word. The
 * part has rows. */
void dstn_dataset_range(const dstn_dataset *dataset, dstn_part part, int64_t feature, double *low, double *high);
/* Rows of each class in a part: counts [outputs]. Classification only. */
void dstn_dataset_class_rows(const dstn_dataset *dataset, dstn_part part, int64_t *counts);

/* The order in which a part's examples come: of examples a new permutation every epoch, keyed by (rng, epoch); of a
 * text, which is cut into as many streams of ⌊rows/batch⌋ places as a batch has rows, one piece of each after the other
 * from the streams' beginnings, the same in every epoch. */
typedef struct dstn_sampler dstn_sampler;

typedef struct dstn_sampler_request {
    dstn_rng rng;
    int64_t rows, batch; /* rows ≥ batch ≥ 1 */
    int64_t length;      /* places that a batch has of every stream; 0: rows are examples */
    bool varies; /* the length is drawn for every batch, by (rng, epoch, batch of the epoch): half of it, rounded
                    down, in one of 20, and from there ±5 by a normal deviation, at least 5, at most length + 20 */
} dstn_sampler_request;

/* What the sampler gives of the data for one global batch. */
typedef struct dstn_draw {
    const int64_t *indices; /* [batch] rows of the part, or places where the batch begins in each stream; owned by the
                               sampler, valid until the next call */
    int64_t steps;          /* T: 1 for examples */
    bool carried;           /* the streams go on from the batch before */
} dstn_draw;

/* An epoch ends with its last whole batch; of a text, with the last one whose length is left in the streams. */
dstn_sampler *dstn_sampler_new(const dstn_sampler_request *request);
void dstn_sampler_destroy(dstn_sampler *sampler);
int64_t dstn_sampler_batches(const dstn_sampler *sampler, int64_t epoch); /* batches of an epoch, from 0 on */
int64_t dstn_sampler_before(dstn_sampler *sampler, int64_t epochs);       /* batches of so many epochs from the start */
int64_t dstn_sampler_epoch(dstn_sampler *sampler, int64_t position);      /* epochs completed by so many batches */
int64_t dstn_sampler_position(const dstn_sampler *sampler);               /* batches given since the start */
int64_t dstn_sampler_most_steps(const dstn_sampler *sampler);             /* T at most */
dstn_draw dstn_sampler_next(dstn_sampler *sampler);
/* Puts the sampler where it is after `position` batches (resume). */
void dstn_sampler_seek(dstn_sampler *sampler, int64_t position);

/* ---- augmentation -------------------------------------------------------------------------------------------- */

/* What an augmentation acts on: an image as the source has it, or its normalized values, where 0 is the mean. Sources
 * of bytes have pixels 0 … 255; where a source has numbers, those of its images, already normalized, are the pixels. */
typedef enum dstn_stage { DSTN_STAGE_PIXELS, DSTN_STAGE_VALUES } dstn_stage;

/* A mini-batch of images that is changed in place, [rows, height, width, channels]; one of `pixels` and `x` is NULL.
 * Draws are functions of (rng, step, dstn_images_row, lane) alone. */
typedef struct dstn_images {
    const dstn_kernel *kernel;
    int64_t rows, height, width, channels;
    int64_t first_row;    /* position of the first one in the global batch */
    int64_t drawn_rows;   /* as in dstn_batch */
    const double *values; /* [rows, hypers] hyperparameters in natural units, of each example */
    int64_t hypers;
    dstn_rng rng;
    uint64_t step;
    uint64_t lane;   /* the augmentation's own lanes: 2^32 from here on */
    uint8_t *pixels; /* bytes; NULL at the stage of values, and where the source has numbers */
    void *x;         /* the kernel's scalar type; NULL where there are bytes */
    void *spare;     /* room for one of these images for each of dstn_kernel_threads() threads, for use in between */
} dstn_images;

/* One augmentation, one file, registered by name. */
typedef struct dstn_augmentation {
    const char *name;
    const char *help;
    dstn_stage stage;
    const dstn_option *options;
    size_t settings_size;
    /* Options in YAML, for tests that walk the table: every strength is a hyperparameter `a` or `b`, at 0 of which all
     * images stay as they are. */
    const char *example;
    /* Checks settings whose option table can't say all; DSTN_ERROR_USAGE. NULL: it says all. */
    dstn_status (*plan)(const void *settings, dstn_node node, const dstn_dataset *dataset, dstn_error *err);
    /* Changes images first … first+count-1, on one of several threads. Stage of pixels: images->pixels, or images->x
     * where the source has numbers; of values: images->x. */
    void (*apply)(const void *settings, const dstn_images *images, int64_t first, int64_t count, int thread);
} dstn_augmentation;

const dstn_augmentation *dstn_augmentation_at(size_t i); /* table order, NULL past the end */

/* A quantity's value for row r of the batch. */
double dstn_images_quantity(const dstn_images *images, const dstn_quantity *quantity, int64_t row);
/* The row of the global batch whose draws row r has. */
uint64_t dstn_images_row(const dstn_images *images, int64_t row);

/* A list of augmentations, applied in its order in every training step: those of pixels, then those of values. */
typedef struct dstn_augment dstn_augment;

/* From the list `augment:` (handle NULL: an empty one), whose entries are names, or mappings of one name to its
 * options: `[flip, cutout: {holes: 1, length: NAME}]`, with the names of hyperparameters for quantities.
 * DSTN_ERROR_USAGE, also where the data set has no images, and where an augmentation of pixels stands behind one of
 * values. Owned by the caller. */
dstn_status dstn_augment_read(dstn_node list, const dstn_dataset *dataset, dstn_names hypers, dstn_augment **out,
                              dstn_error *err);
void dstn_augment_destroy(dstn_augment *augment); /* NULL is allowed */
bool dstn_augment_is_empty(const dstn_augment *augment);

/* ---- the mini-batch ------------------------------------------------------------------------------------------- */

/* The examples of one mini-batch on this rank, B of them with T steps each, as a pass takes them. A view: the arrays
 * live in the arena that it was bound to, and hold what was filled in last. */
typedef struct dstn_batch {
    int64_t rows;           /* B: examples (streams) of this rank */
    int64_t first_row;      /* position of the first one in the global batch */
    int64_t global_rows;    /* examples of the global batch: every mean divides by it */
    int64_t drawn_rows;     /* of those, how many have draws of their own (masks, augmentation): row r has those of row
                               r mod drawn_rows; 0: all. The caller's, set before a batch is filled */
    int64_t steps;          /* T: time steps of a stream, 1 for examples */
    bool carried;           /* the rows go on from the batch before: layers keep their rows' state */
    int stream;             /* which rows these are that go on: the part, as filled; a caller may then say another */
    int64_t state_row;      /* place of the first one among this rank's rows of the stream; the caller's, 0 as bound */
    void *x;                /* [B·T, features] in the kernel's scalar type; NULL for tokens */
    int64_t *tokens;        /* [B·T] words, or NULL */
    void *targets;          /* regression: [B·T, outputs] in the kernel's scalar type, else NULL */
    int64_t *labels;        /* classification: [B·T], else NULL */
    const int64_t *indices; /* [B] rows of the part, of a text the place of each stream's first word; the caller's, who
                               keeps them as long as they are looked at */
    dstn_part part;
    uint8_t *pixels; /* [B, features] room for images of bytes while they are augmented, else NULL */
    void *spare;     /* [threads, features] room for images, bytes or the kernel's scalars; NULL where there are none */
} dstn_batch;

/* How a batch is to be augmented. */
typedef struct dstn_augmenting {
    const dstn_augment *augment;
    dstn_rng rng;
    uint64_t step;
    const double *values; /* [rows, hypers] hyperparameters in natural units, of each example */
    int64_t hypers;
} dstn_augmenting;

/* Takes memory for batches of at most max_rows examples of max_steps time steps from the arena; false where it is
 * short.
 */
bool dstn_batch_bind(dstn_batch *batch, const dstn_dataset *dataset, const dstn_kernel *kernel, int64_t max_rows,
                     int64_t max_steps, dstn_arena *arena);

/* Fills the batch with the examples indices [rows] of a part, which are first_row … of a global batch of global_rows;
 * of a text with `steps` words from each of these places on, and the words that follow them.
 * Images are augmented as `augmenting` says (NULL: not at all): as pixels, then decoded and normalized, then as values.
 * Data set and kernel are those of the bind; rows ≤ max_rows. */
void dstn_batch_fill(dstn_batch *batch, const dstn_dataset *dataset, const dstn_kernel *kernel, dstn_part part,
                     const int64_t *indices, int64_t steps, int64_t rows, int64_t first_row, int64_t global_rows,
                     const dstn_augmenting *augmenting);

/* ---- a task whose best augmentation is known -------------------------------------------------------------------- */

/* Pictures of 32x32 pixels of ten classes, five shapes with level or slanted stripes, which hue and background tell of
 * in part: beyond 22 degrees squares, plusses and level stripes are taken for what they become when turned by 45. Those
 * that are to be learned from are upright, in the middle and of ordinary colours; the changed ones are moved and
 * recoloured uniformly within limits. So the best augmentation is the one of these strengths: the limits mean what the
 * strengths of the augmentations `affine` and `color` mean, and what is outside of a moved picture is black. */
typedef enum dstn_synth_kind {
    DSTN_SYNTH_ROTATION,
    DSTN_SYNTH_SHEAR,
    DSTN_SYNTH_SCALE,
    DSTN_SYNTH_TRANSLATION,
    DSTN_SYNTH_BRIGHTNESS, /* from here on colours */
    DSTN_SYNTH_CONTRAST,
    DSTN_SYNTH_SATURATION,
    DSTN_SYNTH_HUE,
    DSTN_SYNTH_LIMITS
} dstn_synth_kind;

typedef struct dstn_synth_limit {
    const char *name;
    double usual, most; /* 0 … most are accepted */
    const char *help;   /* its unit */
} dstn_synth_limit;

extern const dstn_synth_limit dstn_synth_limits[DSTN_SYNTH_LIMITS]; /* in the order of dstn_synth_kind */

typedef struct dstn_synth {
    uint32_t seed;
    double limits[DSTN_SYNTH_LIMITS];
} dstn_synth;

/* What became of one picture: geometry first, then colours in `order` (kinds), which are clipped after each. */
typedef struct dstn_synth_change {
    double rotation, shear;                  /* degrees */
    double scale;                            /* factor */
    double translation[2];                   /* parts of the side, to the right and down */
    double brightness, contrast, saturation; /* factors */
    double hue;                              /* of a turn */
    int order[4];
} dstn_synth_change;

enum { DSTN_SYNTH_BYTES = 3 * 32 * 32, DSTN_SYNTH_CLASSES = 10 };

/* One picture and its class, a function of (seed, file, row) and the limits alone; the same bytes on every machine.
 * planes [3, 32, 32] [out]: red, green, blue. made [out] may be NULL: how it was changed. */
int dstn_synth_image(const dstn_synth *task, uint64_t file, int64_t row, bool is_changed, uint8_t *planes,
                     dstn_synth_change *made);

#endif
