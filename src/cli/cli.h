/* The command line: what all commands share. */
#ifndef DSTN_CLI_CLI_H
#define DSTN_CLI_CLI_H

#include "dstn/core.h"
#include "dstn/ranks.h"

/* What a command is run with. */
typedef struct dstn_cli {
    dstn_group *world;
    dstn_log log;     /* progress and warnings, on rank 0 */
    FILE *out;        /* results, on rank 0; NULL elsewhere */
    bool is_terminal; /* progress goes to a terminal that takes control sequences */
} dstn_cli;

/* Options of the command line, as commands take them. Names not taken by a command are errors. */
typedef struct dstn_arguments {
    const char *operands[64];
    int operand_count;
    const char *settings[256]; /* --set, in order */
    int setting_count;
    const char *out;                    /* --out */
    const char *precision;              /* --precision */
    const char *backend;                /* --backend */
    int64_t ranks_per_member;           /* --ranks-per-member; 0: as the sweep file says */
    double time_limit;                  /* --time-limit, seconds; INFINITY: none */
    double hang_timeout;                /* --hang-timeout, seconds */
    const char *init;                   /* --init */
    const char *launch;                 /* drill: --launch */
    int64_t kill_rank, at_step, random; /* drill; -1: not given */
    bool during_checkpoint;             /* drill */
    const char *method;                 /* bench: --method */
    int64_t batch, steps, hyper;        /* bench; 0: not given */
    bool resume, plan, json, quiet, verbose, help;
} dstn_arguments;

/* How a command is started. */
typedef enum dstn_start {
    DSTN_START_RANKS,       /* on every rank */
    DSTN_START_RESTARTABLE, /* the same, and signals that ask for a stop are caught from the first moment */
    DSTN_START_ALONE        /* without MPI: it launches ranks itself; its dstn_cli has no world */
} dstn_start;

/* One command: one row of the table in main.c, one file. */
typedef struct dstn_command {
    const char *name;
    const char *usage;   /* what follows "dstn NAME" */
    const char *help;    /* a few lines */
    const char *accepts; /* names of its options, separated and surrounded by blanks */
    int operands[2];     /* fewest and most */
    dstn_start start;
    dstn_status (*run)(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err);
} dstn_command;

/* Reads argv[first…]; DSTN_ERROR_USAGE names what is wrong with the command line. */
dstn_status dstn_arguments_read(int argc, char **argv, int first, const char *accepts, dstn_arguments *out,
                                dstn_error *err);

dstn_status dstn_train_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err);
dstn_status dstn_sweep_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err);
dstn_status dstn_oracle_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err);
dstn_status dstn_check_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err);
dstn_status dstn_data_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err);
dstn_status dstn_drill_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err);
dstn_status dstn_diff_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err);
dstn_status dstn_audit_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err);
dstn_status dstn_inspect_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err);
dstn_status dstn_eval_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err);
dstn_status dstn_bench_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err);
dstn_status dstn_help_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err);

/* The --version text: program, commit and every library; free with free(). */
char *dstn_version_text(void);

/* The first line of a run: ranks, hosts, threads, and `what`. Collective over the world. */
void dstn_announce(const dstn_cli *cli, const char *what);

#endif
