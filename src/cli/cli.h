/* The command line: what all commands share. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "dstn/run.h"
#include "dstn/tools.h"

/* Options of the command line, as commands take them. Names not taken by a command are errors. */
typedef struct cli_arguments {
    const char *operands[64];
    int operand_count;
    const char *settings[256]; /* --set, in order */
    int setting_count;
    const char *out;                    /* --out */
    const char *precision;              /* --precision */
    const char *backend;                /* --backend */
    const char *format;                 /* export: --format */
    bool response, schedule;            /* export */
    bool final_value;                   /* replay */
    int64_t ranks_per_member;           /* --ranks-per-member; 0: as the sweep file says */
    double time_limit;                  /* --time-limit, seconds; INFINITY: none */
    double hang_timeout;                /* --hang-timeout, seconds */
    const char *init;                   /* --init */
    const char *from;                   /* trace: --from */
    const char *launch;                 /* drill: --launch */
    int64_t kill_rank, at_step, random; /* drill; -1: not given */
    bool during_checkpoint;             /* drill */
    const char *method;                 /* bench: --method */
    int64_t batch, steps;               /* bench, trace; 0: not given */
    const char *hyper;                  /* bench: how many; curve: which */
    int64_t points;                     /* curve; 0: not given */
    int64_t retrain, retrain_steps;     /* curve; 0: not given */
    double range[2];                    /* curve */
    bool has_range;                     /* curve: it was given */
    int64_t samples, length;            /* bench; 0: not given */
    int64_t words;                      /* bench, sample; 0: not given */
    const char *search, *function;      /* bench: --search, --function */
    int64_t members, seeds, parallel;   /* bench: --search; 0: not given */
    double temperature;                 /* sample */
    const char *prompt;                 /* sample */
    int64_t seed, rows;                 /* data synth, sample; rows 0: not given */
    double limits[DSTN_SYNTH_LIMITS];   /* data synth */
    bool has_synth_options;             /* one of these three was given */
    bool profile, scaling, resume, plan, json, quiet, verbose, help;
} cli_arguments;

/* How a command is started. */
typedef enum cli_start {
    CLI_START_RANKS,       /* on every rank */
    CLI_START_RESTARTABLE, /* the same, and signals that ask for a stop are caught from the first moment */
    CLI_START_ALONE        /* without MPI: it launches ranks itself; its console has no world */
} cli_start;

/* One command: one row of the table in main.c, one file. */
typedef struct cli_command {
    const char *name;
    const char *usage;   /* what follows "dstn NAME" */
    const char *help;    /* a few lines */
    const char *accepts; /* names of its options, separated and surrounded by blanks */
    int operands[2];     /* fewest and most */
    cli_start start;
    dstn_status (*run)(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
} cli_command;

/* Reads argv[first…]; DSTN_ERROR_USAGE names what is wrong with the command line. */
dstn_status cli_arguments_read(int argc, char **argv, int first, const char *accepts, cli_arguments *out,
                               dstn_error *err);

dstn_status cli_train(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_replay(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_sweep(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_oracle(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_check(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_data(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_drill(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_diff(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_audit(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_inspect(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_eval(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_curve(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_export(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_sample(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_trace(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_bench(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);
dstn_status cli_help(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);

/* A whole number from `low` on, as the value of an option. DSTN_ERROR_USAGE. */
dstn_status cli_read_count(const char *name, const char *text, int64_t low, int64_t *out, dstn_error *err);
/* --set, as the rooms take it. */
dstn_assignments cli_assignments(const cli_arguments *arguments);
/* --precision and --backend. */
dstn_kernel_request cli_kernel(const cli_arguments *arguments);
/* That all ranks were started with the same words; DSTN_ERROR_USAGE on all. Collective over the world. */
dstn_status cli_same_command(const dstn_group *world, int argc, char **argv, dstn_error *err);

/* Trains one run of a document, which it takes over: what train and replay have in common. status: this rank's of what
 * came before; name: the run's, a config's path or a word. */
dstn_status cli_train_config(const dstn_console *console, const cli_arguments *arguments, dstn_status status,
                             dstn_doc *doc, const char *name, dstn_error *err);

/* What train and sweep do before anything else: the limits of their time, a drill's crash,
 * and the profile. */
dstn_status cli_guard(const dstn_console *console, const cli_arguments *arguments, dstn_error *err);

#endif
