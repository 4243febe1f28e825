/* dstn: trains networks and tunes their regularization hyperparameters in the same run. Finds the command, runs it on
 * every rank, and is the one place that prints an error. */
#include "cli.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dstn/config.h"
#include "dstn/kernel.h"

static const cli_command commands[] = {
    {"train",
     "CONFIG.yaml [--set a.b=v]... [--out DIR] [--resume] [--init CHECKPOINT] [--time-limit TIME] "
     "[--hang-timeout TIME] [--profile]",
     "Trains one run as CONFIG.yaml says, and writes DIR/run.h5 (default: runs/CONFIGNAME). --profile: counts the "
     "ranks' calls of MPI, bytes and waits, and tells them at the end.",
     " set out resume init time-limit hang-timeout profile ",
     {1, 1},
     CLI_START_RESTARTABLE,
     cli_train},
    {"sweep",
     "SWEEP.yaml [--set a.b=v]... [--out DIR] [--ranks-per-member N] [--resume] [--plan] [--time-limit TIME] "
     "[--hang-timeout TIME] [--profile]",
     "Runs all members of SWEEP.yaml on groups of N ranks, and writes DIR/sweep.h5. --plan: says what it will cost.",
     " set out ranks-per-member resume plan time-limit hang-timeout profile ",
     {1, 1},
     CLI_START_RESTARTABLE,
     cli_sweep},
    {"replay",
     "RUN.h5 [--final-value] [--set a.b=v]... [--out DIR] [--resume] [--init CHECKPOINT] [--time-limit TIME] "
     "[--hang-timeout TIME] [--profile]",
     "Trains once more as the run of a record did, with method: fixed and the hyperparameters that it had at each "
     "step, "
     "or its\n      last ones throughout (--final-value), and writes DIR/run.h5 (default: runs/NAME-replay or "
     "runs/NAME-final). Of the record's\n      steps rows are there every record.every, and at the ends of epochs "
     "where "
     "those are evaluated; in between values stay.",
     " final-value set out resume init time-limit hang-timeout profile ",
     {1, 1},
     CLI_START_RESTARTABLE,
     cli_replay},
    {"eval",
     "CHECKPOINT [TEXT] [--set a.b=v]... [--json]",
     "Evaluates a checkpoint on the whole validation and test part of its data; --set data.path=PATH: found "
     "elsewhere.\n"
     "TEXT: a language model on that file instead, in the words of its data.",
     " set json ",
     {1, 2},
     CLI_START_RANKS,
     cli_eval},
    {"sample",
     "CHECKPOINT [--words N] [--temperature X] [--seed S] [--prompt \"WORDS\"] [--set a.b=v]...",
     "Prints N words (100) that the language model of a checkpoint draws at its best response to the current "
     "hyperparameters,\n      behind a prompt or a line's beginning; the data need not be there. Probabilities are "
     "p^(1/X): "
     "0 is always the likeliest word.",
     " words temperature seed prompt set ",
     {1, 1},
     CLI_START_RANKS,
     cli_sample},
    {"curve",
     "CHECKPOINT --hyper NAME [--points N] [--range LOW,HIGH] [--retrain K] [--retrain-steps N] [--set a.b=v]... "
     "[--out FILE.h5|FILE.csv]",
     "Validation loss over the range of a hyperparameter, at N points (21), as the response that a checkpoint has "
     "learned "
     "predicts it;\n      at K of them beside N training steps (100) from there with the hyperparameter held; of a toy "
     "the exact loss, too.",
     " hyper points range retrain retrain-steps set out ",
     {1, 1},
     CLI_START_RANKS,
     cli_curve},
    {"export",
     "CHECKPOINT [--format npz|safetensors] [--response] [--set a.b=v]... [--out FILE] | RUN.h5 --schedule "
     "[--format csv|json] [--out FILE]",
     "Writes the network of a checkpoint at its current hyperparameters beside it (or as FILE), for NumPy or PyTorch "
     "(analysis/dstn_torch.py),\n      with --response also how its weights respond to them; or a run's schedule of "
     "hyperparameters to stdout (or FILE).",
     " format response schedule set out ",
     {1, 1},
     CLI_START_RANKS,
     cli_export},
    {"oracle",
     "CONFIG.yaml [--set a.b=v]... [--out DIR]",
     "Solves for the exact best hyperparameter of a config that has a closed form; writes DIR/oracle.h5.",
     " set out ",
     {1, 1},
     CLI_START_RANKS,
     cli_oracle},
    {"check",
     "FIXTURE.h5|CONFIG.yaml... [--precision f32|f64] [--backend onednn|openblas|reference] [--set a.b=v]...",
     "Compares the trainer's passes and gradients with the numbers of a fixture, or, on the network and data of a "
     "config, with differences: one line a quantity. Precision and backend are a fixture's; a config is checked in "
     "f64.",
     " precision backend set ",
     {1, 64},
     CLI_START_RANKS,
     cli_check},
    {"trace",
     "CONFIG.yaml [--set a.b=v]... [--steps N] [--from CHECKPOINT] [--out FILE]",
     "Writes every quantity of N training steps (10), and of the hyperparameter steps among them, into FILE "
     "(trace.h5), "
     "from\n      the start or from where a checkpoint stands; analysis/retrace.py computes them again.",
     " set steps from out ",
     {1, 1},
     CLI_START_RANKS,
     cli_trace},
    {"bench",
     "MODEL.yaml|CONFIG.yaml [--set a.b=v]... [--method M] [--batch B] [--samples K] [--length T] [--words V] [--steps "
     "N] "
     "[--hyper N] "
     "[--precision f32|f64] [--backend onednn|openblas] [--scaling] [--json] | --search METHOD[,METHOD...] [--function "
     "branin|hartmann6] [--set key=v]... [--members N] [--parallel P] [--seeds S] [--json]",
     "Times steps of a network on synthetic data against the best rate of matrix products; sizes are in bytes. Of a "
     "config\n      its settings and what augmentation takes of a step. "
     "--scaling: on 1, 2, 4, … of the launch's ranks, with the same batch, the same rows a rank, and a member on "
     "each.\n      "
     "--search: how near searches come to the least value of a function after 10, 20, … of N evaluations (50), P at "
     "once (1),\n      as median and quartiles over S seeds (20), which the launch's ranks share; --set: keys of a "
     "sweep "
     "file.",
     " set method batch samples length words steps hyper precision backend scaling search function members parallel "
     "seeds json ",
     {0, 1},
     CLI_START_RANKS,
     cli_bench},
    {"data",
     "check CONFIG.yaml [--set a.b=v]... | synth --out DIR [--seed N] [--rows N] [--rotation 20] [--shear 0] "
     "[--scale 0] [--translation 0.12] [--brightness 0.4] [--contrast 0] [--saturation 0.4] [--hue 0.1]",
     "check: reads the data set of a config and says what it found. synth: writes CIFAR-10 files, N images each "
     "(10000), of\n      a task whose best augmentation is known: those of validation and test are moved and "
     "recoloured within these limits.",
     " set out seed rows rotation shear scale translation brightness contrast saturation hue ",
     {1, 2},
     CLI_START_RANKS,
     cli_data},
    {"drill",
     "CONFIG.yaml [--set a.b=v]... [--launch 'mpirun -n 2'] [--out DIR] [--kill-rank R] [--at-step S] | "
     "[--during-checkpoint] | [--random N]",
     "Kills a real launch of a run or sweep, resumes it, and passes if nothing tells it from an undisturbed one: 0 "
     "yes, "
     "1 no.\n      On several hosts, mpirun needs -x DSTN_DRILL to pass on where to kill.",
     " set launch out kill-rank at-step during-checkpoint random ",
     {1, 1},
     CLI_START_ALONE,
     cli_drill},
    {"diff",
     "A B",
     "Says where two runs (directories or run.h5) or two sweeps part: the first step and tensor. 0 equal, 1 different.",
     " ",
     {2, 2},
     CLI_START_RANKS,
     cli_diff},
    {"audit",
     "DIR",
     "Proves from its ledger and records that no member of a sweep was lost or run twice, and asks a search that looks "
     "at "
     "results again for every member, on the results that it had then. 0 yes, 1 no.",
     " ",
     {1, 1},
     CLI_START_RANKS,
     cli_audit},
    {"inspect",
     "FILE.h5 [--json]",
     "Says what a record, table, checkpoint, oracle or fixture is and holds.",
     " json ",
     {1, 1},
     CLI_START_RANKS,
     cli_inspect},
    {"help",
     "[KEY]",
     "Explains a key of the config files, or all of them; \"dstn help data.features\".",
     " ",
     {0, 1},
     CLI_START_RANKS,
     cli_help},
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void print_usage(FILE *out) {
    fprintf(out, "usage: dstn COMMAND ...\n\n");
    for (int c = 0; c < COMMAND_COUNT; c++) {
        fprintf(out, "  dstn %s %s\n      %s\n", commands[c].name, commands[c].usage, commands[c].help);
    }
    fprintf(out, "\nEvery command takes --help, --quiet and -v. dstn --version names all libraries.\n"
                 "A TIME is in seconds, or [[D-]HH:]MM:SS.\n"
                 "Exit codes: 0 done, 1 run error, 2 bad usage or config, 3 bad data, 4 checkpoint unusable,\n"
                 "5 a sweep with failed members, 6 diverged, 75 stopped with a checkpoint written: run it again.\n");
}

static dstn_status find_command(const char *word, const cli_command **out, dstn_error *err) {
    const char *names[COMMAND_COUNT];
    for (int c = 0; c < COMMAND_COUNT; c++) {
        names[c] = commands[c].name;
        if (strcmp(word, names[c]) == 0) {
            *out = &commands[c];
            return DSTN_OK;
        }
    }
    char *suggestion = dstn_suggestion(word, names, COMMAND_COUNT, NULL);
    dstn_fail(err, DSTN_ERROR_USAGE, "there is no command \"%s\"; %s", word, suggestion);
    free(suggestion);
    return err->status;
}

static dstn_status run_command(dstn_console *console, const cli_command *command, int argc, char **argv,
                               dstn_error *err) {
    cli_arguments arguments;
    dstn_status status = cli_arguments_read(argc, argv, 2, command->accepts, &arguments, err);
    if (status == DSTN_OK && arguments.help) {
        if (console->out) {
            fprintf(console->out, "usage: dstn %s %s\n%s\n", command->name, command->usage, command->help);
        }
        return DSTN_OK;
    }
    int operands = arguments.operand_count;
    if (status == DSTN_OK && (operands < command->operands[0] || operands > command->operands[1])) {
        status = dstn_fail(err, DSTN_ERROR_USAGE, "usage: dstn %s %s", command->name, command->usage);
    }
    if (status != DSTN_OK) {
        return status;
    }
    console->log.level = arguments.quiet ? DSTN_LOG_QUIET : arguments.verbose ? DSTN_LOG_VERBOSE : DSTN_LOG_NORMAL;
    return command->run(console, &arguments, err);
}

static dstn_status dispatch(dstn_console *console, int argc, char **argv, dstn_error *err) {
    const char *word = argc > 1 ? argv[1] : "--help";
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        if (console->out) {
            print_usage(console->out);
        }
        return argc > 1 ? DSTN_OK : DSTN_ERROR_USAGE;
    }
    if (strcmp(word, "--version") == 0) {
        char *text = dstn_version_text();
        if (console->out) {
            fputs(text, console->out);
        }
        free(text);
        return DSTN_OK;
    }
    const cli_command *command = NULL;
    dstn_status status = find_command(word, &command, err);
    return status == DSTN_OK ? run_command(console, command, argc, argv, err) : status;
}

/* How argv[1] wants to be started; what is no command is told so on the ranks. */
static cli_start start_of(int argc, char **argv) {
    dstn_error ignored;
    const cli_command *command = NULL;
    bool found = argc > 1 && find_command(argv[1], &command, &ignored) == DSTN_OK;
    return found ? command->start : CLI_START_RANKS;
}

/* Whether what is printed on stdout arrives; looked at before a launcher gets the last of it, since a reader that has
 * all of it may leave then. */
static dstn_status look_after_results(dstn_error *err) {
    int reason = dstn_ranks_launcher_refuses();
    dstn_status status = dstn_streams_flush(err);
    return status == DSTN_OK && reason != 0
               ? dstn_fail(err, DSTN_ERROR_RUN, "stdout can't be written: %s", strerror(reason))
               : status;
}

/* Results that nobody got are no success; neither is a log with holes, though what ran has come to its end. `err` has
 * been printed. */
static dstn_status deliver(dstn_status status, const dstn_error *err) {
    bool has_results = status == DSTN_OK || status == DSTN_MEMBERS_FAILED;
    dstn_error lost = {DSTN_OK, ""};
    bool is_lost = (has_results ? look_after_results : dstn_streams_flush)(&lost) != DSTN_OK;
    if (is_lost && strcmp(lost.message, err->message) != 0) {
        fprintf(stderr, "dstn: %s\n", lost.message);
    }
    if (ferror(stderr)) {
        is_lost = true;
        fputs("dstn: stderr can't be written: messages before this one are lost\n", stderr);
    }
    return is_lost && has_results ? DSTN_ERROR_RUN : status;
}

/* The terminal that takes stderr, perhaps through a launcher. It stays open as long as the process lives. */
static void find_terminal(dstn_console *console) {
    const char *term = getenv("TERM");
    console->terminal = isatty(STDERR_FILENO) ? STDERR_FILENO : dstn_ranks_open_launcher_terminal();
    console->is_terminal = console->terminal >= 0 && term && strcmp(term, "dumb") != 0;
}

/* Runs the command and prints its error, where this process speaks. */
static dstn_status run(dstn_console *console, bool speaks, int argc, char **argv) {
    dstn_error err = {DSTN_OK, ""};
    console->log = (dstn_log){.out = speaks ? stderr : NULL, .level = DSTN_LOG_NORMAL};
    console->out = speaks ? stdout : NULL;
    if (speaks) {
        find_terminal(console);
    }
    dstn_status status = dispatch(console, argc, argv, &err);
    if (speaks && status != DSTN_OK && err.message[0] != '\0') {
        fprintf(stderr, "dstn: %s\n", err.message);
    }
    return speaks ? deliver(status, &err) : status;
}

static void do_nothing(void *context, int64_t first, int64_t count, int thread) {
    (void)context;
    (void)first;
    (void)count;
    (void)thread;
}

/* Threads begin with the signals blocked that are blocked where they are started, and only this thread has a stack for
 * handlers. */
static dstn_status start_threads(dstn_error *err) {
    sigset_t all, before;
    sigfillset(&all);
    int threads = dstn_kernel_init_threads();
    pthread_sigmask(SIG_BLOCK, &all, &before);
    dstn_kernel_for_rows(threads, 1, do_nothing, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return dstn_kernel_reserve(threads, err);
}

int main(int argc, char **argv) {
    dstn_streams_open();
    dstn_console console = {.world = NULL};
    cli_start start = start_of(argc, argv);
    if (start == CLI_START_ALONE) {
        return run(&console, true, argc, argv);
    }
    if (start == CLI_START_RESTARTABLE) {
        dstn_stop_catch();
    }
    dstn_error err = {DSTN_OK, ""};
    dstn_status status = dstn_ranks_start(&argc, &argv, &err);
    if (status != DSTN_OK && err.message[0] != '\0') {
        fprintf(stderr, "dstn: %s\n", err.message);
    }
    if (status != DSTN_OK) {
        return status;
    }
    if (start == CLI_START_RESTARTABLE) {
        dstn_stop_catch();
    }
    console.world = dstn_group_world();
    bool leads = dstn_group_leads(console.world);
    status = dstn_group_agree(console.world, start_threads(&err), &err);
    if (status == DSTN_OK) {
        status = cli_same_command(console.world, argc, argv, &err);
    }
    if (status != DSTN_OK && leads) {
        fprintf(stderr, "dstn: %s\n", err.message);
    }
    status = status != DSTN_OK ? status : run(&console, leads, argc, argv);
    dstn_group_destroy(console.world);
    return dstn_ranks_finish(status);
}
