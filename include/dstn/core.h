/* core: what every room needs: status and error messages, logging, memory, state lists, random numbers, time.
 *
 * Conventions of all rooms. A function that can fail on user input returns a dstn_status and writes one message
 * into the caller's dstn_error; results come through [out] arguments; who allocates frees. The status values are
 * the program's exit codes, so that a verdict travels unchanged from where it arises to main(). */
#ifndef DSTN_CORE_H
#define DSTN_CORE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Lets compilers that can check format strings do so; nothing else depends on it. */
#if defined(__GNUC__)
#define DSTN_PRINTF(position, first) __attribute__((__format__(__printf__, position, first)))
#else
#define DSTN_PRINTF(position, first)
#endif

/* ---- status and errors ------------------------------------------------------------------------------------- */

typedef enum dstn_status {
    DSTN_OK = 0,
    DSTN_ERROR_RUN = 1,        /* the run failed: I/O, memory, a library's error */
    DSTN_ERROR_USAGE = 2,      /* command line or config */
    DSTN_ERROR_DATA = 3,       /* a data set or input file is unusable */
    DSTN_ERROR_CHECKPOINT = 4, /* no checkpoint can be used */
    DSTN_MEMBERS_FAILED = 5,   /* a sweep finished, but with failed members */
    DSTN_DIVERGED = 6,         /* a loss or a parameter is no longer finite */
    DSTN_STOPPED = 75          /* stopped by a signal or the time limit: run me again (EX_TEMPFAIL) */
} dstn_status;

/* One message, built from the inside out: the place that fails writes it, callers prepend context. */
typedef struct dstn_error {
    dstn_status status;
    char message[2048];
} dstn_error;

/* Writes the message and returns `status`, so that `return dstn_fail(err, …)` is the one way to fail.
 * err [out]: may not be NULL. A message is one line, without a final dot or newline. */
dstn_status dstn_fail(dstn_error *err, dstn_status status, const char *format, ...) DSTN_PRINTF(3, 4);

/* Prepends "context: " to a message that is there already; returns err->status. */
dstn_status dstn_fail_in(dstn_error *err, const char *format, ...) DSTN_PRINTF(2, 3);

/* ---- what may be shown ------------------------------------------------------------------------------------- */

/* Texts come from files, names of files and command lines, and may hold what a terminal obeys. Messages of dstn_fail
 * and lines of the log are made printable where they are made; whoever prints other texts uses these. Control
 * characters, marks that turn the direction of writing, and bytes that are no UTF-8 become \xNN; line ends and tabs
 * become spaces. */
char *dstn_printable(const char *text); /* free with free() */
/* The same into `to` [size], cut between characters where there is no room; returns the length that is wanted, like
 * snprintf. */
size_t dstn_escape(const char *text, char *to, size_t size);
/* A line of results: formatted, made printable, and a line end behind it. */
void dstn_print_line(FILE *out, const char *format, ...) DSTN_PRINTF(2, 3);
void dstn_vprint_line(FILE *out, const char *format, va_list args);
/* That line without its end, in a new string; free with free(). */
char *dstn_vformat_line(const char *format, va_list args);
bool dstn_is_printable(uint32_t code);
/* Bytes of the UTF-8 character that a text begins with, and its code; 0: that is none. */
int dstn_utf8_length(const char *text, uint32_t *code);

/* ---- standard streams --------------------------------------------------------------------------------------- */

/* The first thing that a program does. Of the standard descriptors those that are closed are opened, so that no file
 * gets their number: what is printed on stdout is then lost and known to be (EBADF), what is said on stderr goes
 * nowhere. A pipe that nobody reads any more and the limit on the size of files make a write fail (EPIPE, EFBIG) as a
 * full disk does, where they would end the process (SIGPIPE, SIGXFSZ); programs that are started have the default. */
void dstn_streams_open(void);
/* Writes what is printed on stdout so far. DSTN_ERROR_RUN: some of all that was printed can't be written, for the
 * reason that the message names. Called at the end, and between parts that take long. */
dstn_status dstn_streams_flush(dstn_error *err);

/* ---- logging ------------------------------------------------------------------------------------------------ */

typedef enum dstn_log_level { DSTN_LOG_QUIET = 0, DSTN_LOG_NORMAL = 1, DSTN_LOG_VERBOSE = 2 } dstn_log_level;

/* Where progress and warnings go. Only rank 0's has an `out`; elsewhere it is NULL, and nothing is printed where nobody
 * passes lines on. */
typedef struct dstn_log {
    FILE *out; /* NULL: silent */
    dstn_log_level level;
    /* Takes whole lines in place of `out`, with the level from which on they are wanted; NULL: nobody does. */
    void (*pass_on)(void *user, dstn_log_level level, const char *line);
    void *user;
} dstn_log;

/* One line each, at DSTN_LOG_NORMAL, at DSTN_LOG_VERBOSE, and (prefixed "warning: ") always. log may be NULL. */
void dstn_log_info(const dstn_log *log, const char *format, ...) DSTN_PRINTF(2, 3);
void dstn_log_detail(const dstn_log *log, const char *format, ...) DSTN_PRINTF(2, 3);
void dstn_log_warn(const dstn_log *log, const char *format, ...) DSTN_PRINTF(2, 3);

/* ---- memory --------------------------------------------------------------------------------------------------- */

/* Zeroed memory for small control structures; running out of it is irrecoverable and ends the process with a message
 * and exit code 1. Large arrays come from an arena, which reports failure. Free with free(). */
void *dstn_alloc(size_t count, size_t size);
char *dstn_strdup(const char *text);
/* printf into a new string; free with free(). */
char *dstn_format(const char *format, ...) DSTN_PRINTF(1, 2);

/* Texts with the positions that they were first put at: what would be looked for in a list again and again is asked
 * here. Zeroed, it is empty. The texts are borrowed. */
typedef struct dstn_texts {
    struct dstn_text *slots; /* [capacity], a power of two; at most half of them are taken */
    size_t count, capacity;
} dstn_texts;

/* The position that the text was put at before, or `at`, where it is now. */
int64_t dstn_texts_put(dstn_texts *texts, const char *text, int64_t at);
int64_t dstn_texts_find(const dstn_texts *texts, const char *text); /* −1: not there */
void dstn_texts_clear(dstn_texts *texts);
/* The order of two texts of an array of pointers to them, for qsort. */
int dstn_compare_texts(const void *a, const void *b);

/* An arena hands out 64-byte-aligned, zeroed arrays that live until the arena dies: everything that a step touches
 * is taken from one when a job is built, so that no step allocates. */
typedef struct dstn_arena dstn_arena;

dstn_arena *dstn_arena_new(void);
void dstn_arena_destroy(dstn_arena *arena); /* NULL is allowed */
/* From now on no more than so many bytes are handed out in all; 0: as many as there are. */
void dstn_arena_limit(dstn_arena *arena, size_t bytes);
/* Returns NULL when memory is short, or the limit is reached; the arena then stays usable. bytes may be 0 (a valid,
 * unique address). */
void *dstn_arena_take(dstn_arena *arena, size_t bytes);
/* Gives an array of so many bytes back before its time; NULL is allowed. */
void dstn_arena_return(dstn_arena *arena, void *block, size_t bytes);
size_t dstn_arena_memory_used(const dstn_arena *arena); /* bytes handed out */

/* ---- scalar types and state -------------------------------------------------------------------------------------- */

typedef enum dstn_scalar { DSTN_F32, DSTN_F64, DSTN_I64, DSTN_U8 } dstn_scalar;

size_t dstn_scalar_size(dstn_scalar scalar);
const char *dstn_scalar_name(dstn_scalar scalar); /* "f32", "f64", "i64", "u8" */

enum { DSTN_MAX_RANK = 4, DSTN_NAME_SIZE = 96 };

/* One array of a job's state, as a checkpoint holds it. The list borrows `data`; the owner keeps it alive. */
typedef struct dstn_state_entry {
    char name[DSTN_NAME_SIZE]; /* unique, a path with '/'; longer ones are cut, and end in a hash of the whole */
    dstn_scalar scalar;
    int rank;
    int64_t shape[DSTN_MAX_RANK];
    void *data;
    bool split; /* rows are spread over the group's ranks; otherwise every rank holds the same values */
} dstn_state_entry;

/* The whole state of a job: each room adds its own, store writes and reads lists and knows nothing else. */
typedef struct dstn_state {
    dstn_state_entry *entries; /* [count] */
    size_t count, capacity;
} dstn_state;

/* Adds an array of the given shape; name is copied, data borrowed. `dstn_state_add_values` is rank 1. */
void dstn_state_add(dstn_state *state, const char *name, dstn_scalar scalar, int rank, const int64_t *shape, void *data,
                    bool split);
void dstn_state_add_values(dstn_state *state, const char *name, dstn_scalar scalar, int64_t count, void *data);
const dstn_state_entry *dstn_state_find(const dstn_state *state, const char *name); /* NULL: not there */
size_t dstn_state_bytes(const dstn_state_entry *entry);
void dstn_state_clear(dstn_state *state); /* frees the list, not the arrays */
/* XXH3-128 over names, types, shapes and bytes of a list, in whatever order it was filled, as 32 hex digits and a zero.
 * `before` (or NULL) is chained in. */
enum { DSTN_DIGEST_SIZE = 33 };
void dstn_state_digest(const dstn_state *state, const char *before, char digest[DSTN_DIGEST_SIZE]);

/* ---- random numbers --------------------------------------------------------------------------------------------- */

/* Counter-based (Philox4x32-10): a draw is a function of (seed, purpose) and (step, example, lane) alone, so it
 * depends neither on the number of ranks nor on what was drawn before, and needs no state in a checkpoint. */
typedef enum dstn_purpose {
    DSTN_PURPOSE_INIT = 1,     /* initial weights */
    DSTN_PURPOSE_SPLIT,        /* training/validation split */
    DSTN_PURPOSE_ORDER,        /* order of the training examples */
    DSTN_PURPOSE_VALID_ORDER,  /* order of the validation examples */
    DSTN_PURPOSE_NOISE,        /* ε of training steps */
    DSTN_PURPOSE_VALID_NOISE,  /* ε of hyperparameter steps */
    DSTN_PURPOSE_DROPOUT,      /* masks */
    DSTN_PURPOSE_AUGMENTATION, /* image augmentation */
    DSTN_PURPOSE_SEARCH,       /* search methods */
    DSTN_PURPOSE_TEST,         /* tests and synthetic data */
    DSTN_PURPOSE_SAMPLE        /* words that a language model draws */
} dstn_purpose;

typedef struct dstn_rng {
    uint32_t seed;
    uint32_t purpose; /* dstn_purpose */
} dstn_rng;

/* 128 random bits. step and lane below 2^48, example below 2^32. */
void dstn_rng_bits(dstn_rng rng, uint64_t step, uint64_t example, uint64_t lane, uint32_t out[4]);
/* Two independent uniforms in (0, 1) with 53 bits each. */
void dstn_rng_uniforms(dstn_rng rng, uint64_t step, uint64_t example, uint64_t lane, double out[2]);
/* Two independent standard normals (Box-Muller). */
void dstn_rng_normals(dstn_rng rng, uint64_t step, uint64_t example, uint64_t lane, double out[2]);
/* A random permutation of 0 … count-1 in order[count] (Fisher-Yates); `step` tells permutations apart (epoch). */
void dstn_rng_permutation(dstn_rng rng, uint64_t step, int64_t count, int64_t *order);

/* ---- time ------------------------------------------------------------------------------------------------------- */

double dstn_seconds(void); /* monotonic wall clock */
/* The time of day, UTC: "2025-01-31T23:59:59Z". */
void dstn_time_text(char text[32]);

/* ---- the host ---------------------------------------------------------------------------------------------------- */

enum { DSTN_HOST_SIZE = 256 };
/* Its name, with zeros to the end, so that ranks can compare and send the whole array; "" where it has none. */
void dstn_host_name(char host[DSTN_HOST_SIZE]);

/* ---- vectors ---------------------------------------------------------------------------------------------------- */

/* Sums in order over short vectors [n], as comparisons need them: Σ x_i y_i, and ‖x‖. */
double dstn_vector_dot(int64_t n, const double *x, const double *y);
double dstn_vector_norm(int64_t n, const double *x);

/* ---- signals ---------------------------------------------------------------------------------------------------- */

/* Calls handler(number) at a signal, with sigaction's `flags` beside SA_RESTART, on a stack that the calling thread
 * gets for it: the matrix products that oneDNN generates use the stack pointer for other things, and a handler on the
 * ordinary stack would then write over the heap. Signals must therefore reach no other thread that computes. */
void dstn_on_signal(int number, void (*handler)(int), int flags);

/* Whether SIGHUP was ignored when the program began, as nohup has it: before any library could take the signal. */
bool dstn_hang_up_was_ignored(void);

#endif
