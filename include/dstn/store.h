/* store: HDF5 files: archives of named arrays, the record of a run, and (above them) checkpoints.
 *
 * No HDF5 file is open between calls. Whatever is written is written to a temporary name in the same folder, flushed,
 * fsynced and renamed, and the folder is fsynced: a reader sees the old file or the new one, never a part.
 * Files use the HDF5 format of 1.10 (its metadata has checksums), every array has a checksum filter, and texts have a
 * fixed length. A seal lies behind the end of the HDF5 file, where HDF5 doesn't look: 16 bytes that mark it and the
 * XXH3-128 of all bytes before it. A file of ours is read once, into memory, and only from there if the seal fits: HDF5
 * never sees one that was damaged. Other people's files are loaded by a child process, which may crash over them.
 * A file is composed in memory: while it is written, there are its bytes once more. */
#ifndef DSTN_STORE_H
#define DSTN_STORE_H

#include "dstn/core.h"

const char *dstn_store_version(void); /* "HDF5 1.10.8, xxHash 0.8.1", owned by store */

/* ---- archives: any HDF5 file as a tree of named arrays and attributes -------------------------------------------- */

typedef struct dstn_writer dstn_writer;

/* Starts PATH.tmp-PID.dstn. DSTN_ERROR_RUN names the path and the system's reason. */
dstn_status dstn_writer_open(const char *path, dstn_writer **out, dstn_error *err);
/* Arrays at "a/b/c" (groups are made), row-major; attributes at an existing or new group ("" is the root).
 * The first failure is kept and reported by commit, so these return nothing. */
void dstn_writer_array(dstn_writer *writer, const char *name, dstn_scalar scalar, int rank, const int64_t *shape,
                       const void *data);
void dstn_writer_strings(dstn_writer *writer, const char *name, int64_t count, const char *const *strings);
void dstn_writer_text(dstn_writer *writer, const char *group, const char *attribute, const char *text);
void dstn_writer_number(dstn_writer *writer, const char *group, const char *attribute, double value);
void dstn_writer_integer(dstn_writer *writer, const char *group, const char *attribute, int64_t value);
/* Copies everything that another file of ours has into a new group. DSTN_ERROR_CHECKPOINT: it can't be read, or has no
 * seal that fits; nothing is copied. */
dstn_status dstn_writer_copy_file(dstn_writer *writer, const char *group, const char *path, dstn_error *err);
/* Flush, close, fsync, rename, fsync the folder; frees the writer. After a failure the old file is untouched. */
dstn_status dstn_writer_commit(dstn_writer *writer, dstn_error *err);
void dstn_writer_abandon(dstn_writer *writer); /* removes the temporary file */

/* A file that is open for reading is a copy in memory of what it holds. */
typedef struct dstn_reader dstn_reader;

/* A file of ours. `status` is what one that is missing, empty, truncated, damaged, without its seal or none of ours
 * gives (DSTN_ERROR_DATA, DSTN_ERROR_CHECKPOINT). */
dstn_status dstn_reader_open(const char *path, dstn_status status, dstn_reader **out, dstn_error *err);

/* What is wanted of another program's file. */
typedef struct dstn_foreign {
    const char *const *wanted; /* paths of data sets, NULL at the end: their values are read, no attributes, and all
                                  else is described alone. NULL: everything is read */
    bool deep;                 /* describe also what lies in groups that nothing is wanted of */
    bool external;             /* follow links, external storage and virtual data sets to other files */
} dstn_foreign;

/* A file that anybody may have written. Memory is asked for as far as what is stored justifies it (deflate packs 1032
 * to 1), groups that contain themselves are walked once, and no link leads out of the file unless how->external says
 * so. Data sets that can't be read are there all the same, with the reason (dstn_reader_describe). how: NULL is {0}. */
dstn_status dstn_reader_open_foreign(const char *path, const dstn_foreign *how, dstn_status status, dstn_reader **out,
                                     dstn_error *err);
/* Either: as ours where there is a seal, as another program's where there is none. A seal that doesn't fit is
 * DSTN_ERROR_CHECKPOINT whatever `status` says. */
dstn_status dstn_reader_open_any(const char *path, dstn_status status, dstn_reader **out, dstn_error *err);
/* Whether a file ends in a seal, fitting or not. */
bool dstn_store_has_seal(const char *path);
void dstn_reader_close(dstn_reader *reader);

/* A data set as it stands in the file. Texts are owned by the reader. */
typedef struct dstn_data_set {
    const char *what;   /* the type in words: "32-bit floating-point numbers" */
    const char *why;    /* "", or why no value can be read: "is packed by the filter lzf …" */
    bool is_numbers;    /* integers, floating-point numbers, booleans (as 0 and 1), bytes of a bit field */
    dstn_scalar scalar; /* that holds all values: u8 for bytes and booleans, i64 for integers, f32, f64 */
    int rank;
    int64_t shape[DSTN_MAX_RANK], count;
    int64_t pieces, missing; /* chunks (of a virtual one: elements), and those that nobody has written: HDF5 makes up
                                their values */
} dstn_data_set;

dstn_status dstn_reader_describe(const dstn_reader *reader, const char *name, dstn_data_set *about, dstn_error *err);
bool dstn_reader_has(const dstn_reader *reader, const char *name); /* data set, group or link */
bool dstn_reader_is_group(const dstn_reader *reader, const char *name);
/* The scalar type of a data set, where it is exactly one of ours. */
bool dstn_reader_scalar(const dstn_reader *reader, const char *name, dstn_scalar *scalar);
/* Rank and shape of a data set. */
dstn_status dstn_reader_shape(const dstn_reader *reader, const char *name, int *rank, int64_t shape[DSTN_MAX_RANK],
                              dstn_error *err);
/* A whole data set converted to the scalar type, into memory for exactly `count` elements (else an error). */
dstn_status dstn_reader_array(const dstn_reader *reader, const char *name, dstn_scalar scalar, int64_t count,
                              void *data, dstn_error *err);
/* The same into new memory [*count]; free with free(). */
dstn_status dstn_reader_doubles(const dstn_reader *reader, const char *name, int64_t *count, double **data,
                                dstn_error *err);
dstn_status dstn_reader_strings(const dstn_reader *reader, const char *name, int64_t *count, char ***strings,
                                dstn_error *err);
/* Attributes of a group ("" is the root). Text: fixed or variable length; free with free(). NULL: not there. */
char *dstn_reader_text(const dstn_reader *reader, const char *group, const char *attribute);
bool dstn_reader_number(const dstn_reader *reader, const char *group, const char *attribute, double *value);
bool dstn_reader_integer(const dstn_reader *reader, const char *group, const char *attribute, int64_t *value);
/* Names of a group's members in alphabetical order; an array of count strings, both freed with free(). */
dstn_status dstn_reader_list(const dstn_reader *reader, const char *group, int64_t *count, char ***names,
                             dstn_error *err);

/* ---- records: the series of a run, run.h5 ------------------------------------------------------------------------ */

/* Series grow in memory and the whole file is rewritten at each `dstn_record_write`. Layout: series/NAME [T] or
 * [T, columns]; hyper/names; data/valid_rows; attributes of provenance/. */
typedef struct dstn_record dstn_record;

dstn_record *dstn_record_new(void);
void dstn_record_destroy(dstn_record *record);
/* Declares a series of rows of `columns` values (0: a plain vector [T]); returns its number. Names unique. One that
 * begins with '/' is a path of its own beside series/: "/digest/hash". */
int dstn_record_series(dstn_record *record, const char *name, dstn_scalar scalar, int64_t columns);
/* Declares a series that follows from another, `from`, of DSTN_F64: row t is what `rule` makes of that one's row t. It
 * is computed at every write and never read back, so that a record made before it was declared can be gone on with. */
typedef void dstn_record_rule(const void *user, const double *from, double *to);
void dstn_record_derived(dstn_record *record, const char *name, int64_t columns, int from, dstn_record_rule *rule,
                         const void *user);
/* Appends one row: `columns` (or 1) doubles, converted to the series' scalar type. */
void dstn_record_append(dstn_record *record, int series, const double *row);
int64_t dstn_record_length(const dstn_record *record, int series);
/* Last value appended (column 0), or NAN. */
double dstn_record_last(const dstn_record *record, int series);
/* Things beside the series, copied: replaced when given again. */
void dstn_record_text(dstn_record *record, const char *group, const char *attribute, const char *text);
void dstn_record_number(dstn_record *record, const char *group, const char *attribute, double value);
void dstn_record_integers(dstn_record *record, const char *name, int64_t count, const int64_t *values);
void dstn_record_reals(dstn_record *record, const char *name, int64_t count, const double *values);
void dstn_record_strings(dstn_record *record, const char *name, int64_t count, const char *const *strings);
size_t dstn_record_memory_used(const dstn_record *record);

dstn_status dstn_record_write(const dstn_record *record, const char *path, dstn_error *err);
/* Reads a record back into declared series (resume): keeps the rows whose "step", the series of that name in the same
 * group, is at most last_step. A series that the file lacks, or has in another shape, is DSTN_ERROR_CHECKPOINT, and the
 * record is then as it was. */
dstn_status dstn_record_restore(dstn_record *record, const char *path, int64_t last_step, dstn_error *err);
/* The same for a run that goes on from a checkpoint at last_step and can do so without its past: a file that isn't
 * there, or is damaged or unsealed, is told as a warning, and the series begin after last_step. A damaged one is
 * renamed to PATH.damaged (or PATH.damaged-2, …). One that can't be read for another reason is DSTN_ERROR_CHECKPOINT.
 */
dstn_status dstn_record_recover(dstn_record *record, const char *path, int64_t last_step, const dstn_log *log,
                                dstn_error *err);

/* ---- checkpoints: the whole state of a job at a step, FOLDER/step-NNNNNNNN.h5 ------------------------------------ */

/* Every entry of the list is an array state/NAME; attributes of the root: format, step, digest (dstn_state_digest),
 * config, the text of the run's resolved config, config_digest, of that text, and data_digest, of the data as they were
 * read. Only a group's leader reads and writes: what is split over ranks is gathered before and spread after. All
 * failures to use a checkpoint are DSTN_ERROR_CHECKPOINT. Format 1 is read too if the file is whole; it has no digests
 * of config and data. */
enum { DSTN_CHECKPOINT_FORMAT = 2 };

/* What a state comes from. NULL: unknown, which is stored as "". The vocabulary of a text is stored, its size as the
 * attribute words, and, where its words have names, these as the array vocabulary. */
typedef struct dstn_origin {
    const char *config, *data_digest;
    int64_t words;                 /* 0: of no text */
    const char *const *vocabulary; /* [words] or NULL */
} dstn_origin;

/* Writes the state and then, once it is durable, removes what is not among the newest `keep` (at least 1). A checkpoint
 * of a later step is removed where it is proven to be damaged: the run has been resumed from before it. DSTN_ERROR_RUN
 * (no room, no permission): the older ones are untouched. The folder is made. */
dstn_status dstn_checkpoint_write(const char *folder, int64_t step, const dstn_state *state, const dstn_origin *origin,
                                  int keep, dstn_error *err);
/* The same at a path of the caller's choice, FOLDER/NAME.h5 with a folder that is there; no other file is touched. */
dstn_status dstn_checkpoint_save(const char *path, int64_t step, const dstn_state *state, const dstn_origin *origin,
                                 dstn_error *err);

/* What a checkpoint says of itself; clear it after use. */
typedef struct dstn_checkpoint_facts {
    int64_t step;
    char *config;                                                        /* the text of the resolved config */
    char config_digest[DSTN_DIGEST_SIZE], data_digest[DSTN_DIGEST_SIZE]; /* "": not known */
} dstn_checkpoint_facts;

void dstn_checkpoint_facts_clear(dstn_checkpoint_facts *about);
/* Without the state. */
dstn_status dstn_checkpoint_describe(const char *path, dstn_checkpoint_facts *about, dstn_error *err);
/* For those who take parts of a state: a reader of a file that is whole and has a format that is known. */
dstn_status dstn_checkpoint_open(const char *path, dstn_reader **out, dstn_error *err);
/* The vocabulary that a checkpoint is of. words [out]: 0 where it is of no text; vocabulary [out]: [words] names, or
 * NULL; all of it is freed with free(). */
dstn_status dstn_checkpoint_vocabulary(const char *path, int64_t *words, char ***vocabulary, dstn_error *err);
/* Reads into the arrays of the list, whose names, types and shapes must be the file's; the message names the first that
 * differs. What was read is proven by its digest before anything is changed. about [out]: may be NULL; set on DSTN_OK.
 */
dstn_status dstn_checkpoint_read(const char *path, dstn_state *state, dstn_checkpoint_facts *about, dstn_error *err);
/* Reads the newest checkpoint that is not damaged; every newer one, proven to be so by its seal or its digest, is
 * reported as a warning. One that can't be read for another reason (no permission, a failing disk, a newer format,
 * another state) is not passed over. found [out]: false, with DSTN_OK, where there are none at all.
 * DSTN_ERROR_CHECKPOINT: all are damaged, or the newest that isn't can't be used. */
dstn_status dstn_checkpoint_newest(const char *folder, dstn_state *state, const dstn_log *log, bool *found,
                                   dstn_checkpoint_facts *about, dstn_error *err);
/* Paths of the checkpoints in a folder, the newest first: an array of count strings, both freed with free(). A folder
 * that isn't there has none. */
dstn_status dstn_checkpoint_list(const char *folder, int64_t *count, char ***paths, dstn_error *err);
/* ---- lock: one launch a directory -------------------------------------------------------------------------------- */

/* An fcntl lock on FOLDER/lock, which dies with its holder however that ends. Host, process and job of the holder stand
 * in the file for the message alone. One process takes a folder's lock once: the system doesn't see a second time, and
 * the lock is lost as soon as the process closes the file anywhere else. */
typedef struct dstn_lock dstn_lock;

/* DSTN_ERROR_RUN: another launch has it (the message names the holder), or FOLDER/lock is a link or no regular file.
 * Where the file system knows no locks, that is a warning, and the lock keeps nobody out. */
dstn_status dstn_lock_take(const char *folder, const dstn_log *log, dstn_lock **out, dstn_error *err);
void dstn_lock_release(dstn_lock *lock); /* NULL is allowed */

/* Who has a folder's lock, or had it when it died; never the process that asks. */
typedef enum dstn_lock_state { DSTN_LOCK_FREE, DSTN_LOCK_HELD, DSTN_LOCK_DEAD } dstn_lock_state;
/* holder [out]: "host …, process …, job …" of one that holds it or has died with it; may be cut. */
dstn_lock_state dstn_lock_look(const char *folder, char holder[256]);

/* ---- ledger: what became of every member of a sweep ------------------------------------------------------------- */

/* How a member of a sweep stands. At every moment the members planned are the sum over these. */
typedef enum dstn_member_state {
    DSTN_MEMBER_QUEUED, /* also again: its launch died, it failed and is tried again, or was made longer */
    DSTN_MEMBER_RUNNING,
    DSTN_MEMBER_PREEMPTED, /* stopped with a checkpoint written */
    DSTN_MEMBER_FAILED,
    DSTN_MEMBER_DIVERGED,
    DSTN_MEMBER_DONE
} dstn_member_state;
enum { DSTN_MEMBER_STATES = DSTN_MEMBER_DONE + 1 };

const char *dstn_member_state_name(dstn_member_state state); /* "queued", "running", … */
/* How a member stands when its run has returned this status. */
dstn_member_state dstn_member_state_after(dstn_status status);
/* Whether nothing of it is done again: it is done, or has diverged. */
bool dstn_member_has_ended(dstn_member_state state);

/* FOLDER/ledger/WRITER.txt, one text file a writer, one line a transition, appended by one write() and fsynced:
 *   SEQUENCE TIME MEMBER STATE DETAIL CRC
 * SEQUENCE: a whole number, rising within a file; a writer starts above all that stood in the ledger when it was
 * opened, so that what one launch writes comes after what earlier ones wrote, and above whatever it is raised to. TIME:
 * UTC, 2025-01-31T23:59:59.123Z. MEMBER: its name, in which spaces, control characters and '%' are written as %XX.
 * STATE: one of the names below. DETAIL: any text on one line, "-" where there is none. CRC: the CRC-32 (zlib's) of the
 * line up to the space before it, 8 hex digits. The ledger is read by folding the lines of all files in the order of
 * SEQUENCE, then TIME, then WRITER. A last line that a crash has left without its end, or with zeros for bytes, counts
 * as not written; its writer cuts it off when it opens the file. */
typedef struct dstn_ledger dstn_ledger;

/* Opens a writer's file for appending; the folder is made. Within a launch, writers open after what they depend on has
 * been written (the planner's queue, before a barrier). DSTN_ERROR_CHECKPOINT: the ledger is damaged. */
dstn_status dstn_ledger_open(const char *folder, const char *writer, dstn_ledger **out, dstn_error *err);
/* Durable when it returns. detail may be NULL. DSTN_ERROR_RUN: nothing of the line is left in the file. */
dstn_status dstn_ledger_append(dstn_ledger *ledger, const char *member, dstn_member_state state, const char *detail,
                               dstn_error *err);
/* One line for each of `count` members, in one piece: a crash leaves some of the first of them. details [count]: which
 * may be NULL. The rest is as above. */
dstn_status dstn_ledger_append_all(dstn_ledger *ledger, int64_t count, const char *const *members,
                                   dstn_member_state state, const char *const *details, dstn_error *err);
/* The number of the last line that this writer knows of: its own, or one that stood there when it opened. */
int64_t dstn_ledger_last(const dstn_ledger *ledger);
/* The writer's next line comes after that of this number, which another one has written. */
void dstn_ledger_raise(dstn_ledger *ledger, int64_t sequence);
void dstn_ledger_close(dstn_ledger *ledger); /* NULL is allowed */

/* One transition. */
typedef struct dstn_ledger_line {
    int64_t sequence;
    char time[32];
    char *writer, *member, *detail; /* detail "" where there is none */
    dstn_member_state state;
} dstn_ledger_line;

/* What the lines come to for one member. */
typedef struct dstn_ledger_member {
    const char *name;                  /* of its last line */
    dstn_member_state state;           /* the last one */
    const char *detail;                /* of its last line */
    int64_t times[DSTN_MEMBER_STATES]; /* how often it entered each state */
} dstn_ledger_member;

typedef struct dstn_ledger_book {
    int64_t line_count, member_count;
    dstn_ledger_line *lines;            /* [line_count] in folding order */
    dstn_ledger_member *members;        /* [member_count] by name */
    int64_t states[DSTN_MEMBER_STATES]; /* members now in each state; their sum is member_count */
} dstn_ledger_book;

/* Reads all files of FOLDER/ledger; none is an empty book. A last line that doesn't count is reported as a warning.
 * DSTN_ERROR_CHECKPOINT names the file and line that is damaged. */
dstn_status dstn_ledger_read(const char *folder, const dstn_log *log, dstn_ledger_book **out, dstn_error *err);
void dstn_ledger_book_destroy(dstn_ledger_book *book);
const dstn_ledger_member *dstn_ledger_find(const dstn_ledger_book *book, const char *member); /* NULL: not there */

/* ---- notes: what the first of several writers says --------------------------------------------------------------- */

/* A small text file that is made once, by whoever comes first, and read by all others, on any host; its last line says
 * that it is whole. Text: lines of a name, a blank and a value. */

/* Writes the note if there is none. standing [out]: the text of the note as it stands then; free with free().
 * DSTN_ERROR_RUN: it can't be written or read, or stays without its end for a minute. The folder is there. */
dstn_status dstn_note_leave(const char *path, const char *text, char **standing, dstn_error *err);
/* The text of a whole note; NULL: there is none. Free with free(). */
char *dstn_note_read(const char *path);
/* The value of the first line of this name; NULL: none has it. text may be NULL. Free with free(). */
char *dstn_note_line(const char *text, const char *name);
/* Whether a note is there and has no end: its writer died over it, or is at it. */
bool dstn_note_is_unfinished(const char *path);

/* ---- tensors: arrays for other programs ------------------------------------------------------------------------- */

/* A named array, row-major. */
typedef struct dstn_tensor {
    const char *name; /* of letters, digits, '_' and '.' */
    dstn_scalar scalar;
    int rank;
    int64_t shape[DSTN_MAX_RANK];
    const void *data;
} dstn_tensor;

/* NumPy's npz: a zip, without compression, of an .npy an array; `metadata` is one more array of that name, a text of no
 * dimension. Atomic, durable. DSTN_ERROR_USAGE: more than a zip holds without its extension to 64 bits, 4 GB. */
dstn_status dstn_tensors_write_npz(const char *path, int64_t count, const dstn_tensor *tensors, const char *metadata,
                                   dstn_error *err);
/* safetensors: 8 bytes with the length of a JSON header, that, and all values. metadata: a JSON object whose values are
 * texts, which goes into the header as __metadata__. Atomic, durable. */
dstn_status dstn_tensors_write_safetensors(const char *path, int64_t count, const dstn_tensor *tensors,
                                           const char *metadata, dstn_error *err);

/* ---- folders
 * ------------------------------------------------------------------------------------------------------------------------
 */

/* mkdir -p. DSTN_ERROR_RUN (it can't be made or written to) names path and reason. */
dstn_status dstn_store_make_folder(const char *path, dstn_error *err);
/* Whether a folder exists and has entries. */
bool dstn_store_folder_is_filled(const char *path);
/* Writes a file atomically (temporary name, fsync, rename). */
dstn_status dstn_store_write_bytes(const char *path, const void *bytes, size_t size, dstn_error *err);
dstn_status dstn_store_write_text(const char *path, const char *text, dstn_error *err);
/* Removes the temporary files (NAME.tmp-PID.dstn) that a killed launch left in a folder. Whoever calls it holds the
 * folder's lock, so that nobody is writing them now. */
void dstn_store_remove_remnants(const char *folder);
/* Calls with the path of each of them. */
void dstn_store_for_remnants(const char *folder, void (*call)(void *user, const char *remnant), void *user);

/* Called in every write of a file when its temporary file is complete and not yet renamed to `path`: the moment in
 * which a crash would hurt most, for rehearsals of one. NULL, as at the start: nothing is called. */
typedef void (*dstn_store_hook)(const char *path);
void dstn_store_set_write_hook(dstn_store_hook hook);

#endif
