/* tools: what looks at networks, runs and sweeps from outside, one function a command. Each prints its answer to the
 * console's `out`, one fact a line, and is collective over the console's world where that isn't NULL; all ranks return
 * the same status. DSTN_ERROR_RUN without a message: the answer is no, as what was printed says. */
#ifndef DSTN_TOOLS_H
#define DSTN_TOOLS_H

#include "dstn/run.h"

/* ---- of the program --------------------------------------------------------------------------------------------- */

/* Which kernel a network is computed with; a NULL is the default. */
typedef struct dstn_kernel_request {
    const char *precision; /* "f32" (default) or "f64" */
    const char *backend;   /* "auto" (default), "openblas" or "onednn" */
} dstn_kernel_request;

typedef struct dstn_check_request {
    const char *const *paths; /* [count] fixtures, and configs (.yaml, .yml) */
    int count;
    dstn_kernel_request kernel; /* of fixtures; configs are checked in f64 */
    dstn_assignments set;       /* of configs */
} dstn_check_request;

/* The trainer's objectives and gradients against the numbers of fixtures, and, on the networks and data of configs,
 * against differences: one line a quantity, `file group quantity rel_err`, then `N passed, N failed`. A quantity passes
 * at rel_err ≤ 1e-4 in f32, 1e-9 in f64, against differences 1e-5. DSTN_ERROR_RUN: some failed; DSTN_ERROR_DATA: a file
 * can't be read, or has nothing to check; a config's errors are those of a run. */
dstn_status dstn_check(const dstn_console *console, const dstn_check_request *request, dstn_error *err);

typedef struct dstn_bench_request {
    const char *path;     /* of a model, or of a config, whose own settings hold where no others are given */
    dstn_assignments set; /* of either */
    const char *method;   /* NULL: "delta-stn" */
    dstn_kernel_request kernel;
    int64_t batch;   /* global; 0: 128 */
    int64_t samples; /* of each example; 0: 1 */
    int64_t length;  /* of a text: places of each stream in a batch; 0: as the config has it, 70 for a model */
    int64_t words;   /* of a text: its vocabulary; 0: as the model has it, DSTN_SYNTHETIC_WORDS where it has none */
    int64_t steps;   /* 0: as many as take about five seconds */
    int64_t hyper;   /* hyperparameters to add that nothing uses, to those of a model */
    bool scaling;
    bool json;
} dstn_bench_request;

/* Times steps of a network on synthetic data against the best rate of matrix products, and counts what ranks move; of a
 * config also what augmentation takes of a step. With
 * `scaling` instead on 1, 2, 4, … up to all ranks: the same batch, the same rows a rank, and a member on each. */
dstn_status dstn_bench(const dstn_console *console, const dstn_bench_request *request, dstn_error *err);

typedef struct dstn_bench_search_request {
    const char *methods;  /* names, separated by commas */
    const char *function; /* "branin" or "hartmann6" */
    dstn_assignments set; /* keys of a sweep file */
    int64_t members;      /* evaluations of each search, of which so many are under way at once: */
    int64_t parallel;
    int64_t seeds; /* searches of each method: search_seed 0, 1, …, dealt out to the ranks */
    bool json;
} dstn_bench_search_request;

/* Search methods on functions whose least value is known, through the asks and tells of a sweep: the simple regret,
 * best value so far − least value, after 10, 20, … evaluations, as median and quartiles over the seeds, with the time
 * of the longest ask. DSTN_ERROR_USAGE: no such method or function, or a method that needs other keys. */
dstn_status dstn_bench_search(const dstn_console *console, const dstn_bench_search_request *request, dstn_error *err);

/* Name of the file with the limits, in YAML: `best: {rotation: 20, …}`. */
#define DSTN_SYNTH_LIMITS_FILE "limits.yaml"

typedef struct dstn_synth_request {
    dstn_synth task;
    int64_t rows;       /* of each file */
    const char *folder; /* must not be filled */
} dstn_synth_request;

/* Writes the task of data.h whose best augmentation is known as CIFAR-10's binary files: data_batch_1.bin to _4 as they
 * are, data_batch_5.bin and test_batch.bin changed; with `valid_fraction: 0.2`, _5 is the validation part.
 * DSTN_ERROR_USAGE: a limit is out of its range, or the folder is filled; DSTN_ERROR_RUN: it can't be written. */
dstn_status dstn_synthesize(const dstn_console *console, const dstn_synth_request *request, dstn_error *err);

/* ---- of a config ------------------------------------------------------------------------------------------------ */

/* Reads the data set of a config and says what it found. DSTN_ERROR_DATA: it can't be used. */
dstn_status dstn_describe_data(const dstn_console *console, const char *config, dstn_assignments set, dstn_error *err);

/* Solves for the exact best hyperparameter of a config that has a closed form, and writes FOLDER/oracle.h5.
 * DSTN_ERROR_USAGE: there is none. */
dstn_status dstn_solve_oracle(const dstn_console *console, const char *config, dstn_assignments set, const char *folder,
                              dstn_error *err);

typedef struct dstn_trace_request {
    const char *config;
    dstn_assignments set;
    int64_t steps;    /* training steps; hyperparameter steps come as the config has them */
    const char *from; /* checkpoint of a run of this config, NULL: from the start */
    const char *path; /* of the file that is written */
} dstn_trace_request;

/* Trains some steps as `dstn train` does, and writes all that they depended on and came to into one file: the state
 * before and after, and of each step what was drawn, and every value, loss, gradient and rate, in canonical shapes and
 * double. DSTN_DIVERGED: written up to there. */
dstn_status dstn_trace(const dstn_console *console, const dstn_trace_request *request, dstn_error *err);

typedef struct dstn_drill_request {
    const char *config; /* of a run or a sweep */
    dstn_assignments set;
    const char *launcher;       /* "mpirun -n 2"; NULL: none */
    const char *folder;         /* must not be filled */
    int64_t kill_rank, at_step; /* −1: not given */
    int64_t random;             /* kills at random; −1: not given */
    bool during_checkpoint;
} dstn_drill_request;

/* Kills a real launch of a run or sweep, resumes it, and passes if nothing tells it from an undisturbed one. Without
 * MPI: it launches ranks itself. */
dstn_status dstn_drill(const dstn_console *console, const dstn_drill_request *request, dstn_error *err);

/* ---- of files --------------------------------------------------------------------------------------------------- */

/* Loss and accuracy of a checkpoint's model on the whole validation and test part of its data; or, of a language model,
 * on the text of a file (NULL: none), in the vocabulary of its data. Of texts also the perplexity. */
dstn_status dstn_eval(const dstn_console *console, const char *checkpoint, const char *text, dstn_assignments set,
                      bool json, dstn_error *err);

typedef struct dstn_sample_request {
    const char *checkpoint;
    dstn_assignments set;
    int64_t words;      /* that are drawn */
    double temperature; /* of a softmax: 0 takes the likeliest word */
    uint32_t seed;
    const char *prompt; /* words of the vocabulary with blanks between them, or NULL */
} dstn_sample_request;

/* Prints words that the language model of a checkpoint draws one after the other, at its best response to the current
 * hyperparameters: behind the prompt, or behind an end of a line (<eos>, if there is such a word, else the first of the
 * vocabulary), <eos> being printed as the end of a line. The vocabulary is the checkpoint's; words without names are
 * printed by number. A word of the prompt that is not in it counts as <unk>. DSTN_ERROR_USAGE: there is no <unk>
 * either, or the checkpoint is of no text. */
dstn_status dstn_sample(const dstn_console *console, const dstn_sample_request *request, dstn_error *err);

typedef struct dstn_curve_request {
    const char *checkpoint; /* of a method that tunes */
    dstn_assignments set;
    const char *hyper; /* name of the hyperparameter */
    int64_t points;    /* at least 2 */
    bool has_range;    /* false: the whole range, but for a hundredth at either end; of an open one λ ± 3σ */
    double range[2];   /* natural units */
    int64_t retrain, retrain_steps; /* points that are trained at, 0 to `points`, for so many steps */
    const char *out;                /* .h5 or .csv; NULL: none */
} dstn_curve_request;

/* Validation loss against one hyperparameter, the others staying where they are, a line a point: natural value, λ', the
 * loss predicted by the response at z = λ' − λ (stn: z = λ') without dropout, the loss after training, of a toy the
 * exact one, and λ' − λ in σ. Training goes on from the checkpoint with method fixed, the hyperparameter held at the
 * point: from the same weights (of an STN those at its λ), moments, rates, order of data and draws at every point, so
 * that differences to the `baseline`, the same steps at the current λ, are the hyperparameter's; best.h5 has weights
 * alone, and training begins with the config's first rates there. `band` is where λ ± σ lies, within which the response
 * was trained: beyond, the prediction is an extrapolation. DSTN_ERROR_USAGE: a run that tunes nothing. */
dstn_status dstn_curve(const dstn_console *console, const dstn_curve_request *request, dstn_error *err);

typedef struct dstn_export_request {
    const char *path; /* of a checkpoint, or with `schedule` of a run's record */
    dstn_assignments set;
    const char *format; /* "npz" (default) or "safetensors"; of a schedule "csv" (default) or "json" */
    const char *out;    /* NULL: beside the checkpoint; of a schedule, as "-", to stdout */
    bool response, schedule;
} dstn_export_request;

/* Writes what was trained for other programs.
 *
 * A network: parameters and buffers at the best response to the current λ, those of an STN with the response at z = λ
 * in them; where weights are averaged, the average. Arrays are called LINE.NAME, LINE being that of the layer list
 * (nested ones counted in reading order) and NAME PyTorch's: weight ([out, in], [out, in, k, k], of an embedding
 * [words, out]), bias, running_mean, running_var; of an LSTM i2h.weight, h2h.weight, … with gates forget, input,
 * output, cell. With `response` also response.weight, response.bias, response.U, response.V (structured; [out, h]) or
 * response.weight [h, out, …] and response.bias [h, out] (full): weights at λ' are W + diag(U z) W_r or W + Σ_j z_j W_j
 * at z = λ' − λ, whatever the method. What is shared is there once, under the layer that it belongs to. The metadata,
 * one JSON object, has config, shape of the input, mean and deviation that images were normalized by, hyperparameters
 * and vocabulary; in an npz the text `metadata`, in safetensors `dstn` of __metadata__.
 *
 * A schedule: step, epoch, value.NAME (natural units), lambda.NAME and sigma.NAME, a row a row of the record. */
dstn_status dstn_export(const dstn_console *console, const dstn_export_request *request, dstn_error *err);

/* Where two runs (folders or run.h5) or two sweeps part: the first step and tensor. */
dstn_status dstn_diff(const dstn_console *console, const char *const paths[2], dstn_error *err);

/* Proves from its ledger, records and table that no member of a sweep was lost or run twice. */
dstn_status dstn_audit(const dstn_console *console, const char *folder, dstn_error *err);

/* What a record, table, checkpoint, oracle or fixture is and holds; `whole`: long texts too. */
dstn_status dstn_inspect(const dstn_console *console, const char *path, bool json, bool whole, dstn_error *err);

#endif
