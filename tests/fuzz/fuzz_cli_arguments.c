/* Fuzzes the command line, limits of time among it: each word has a zero at its end. The first is what Slurm says of
 * the job's end. */
#include "cli.h"

#include "fuzz.h"

#include <getopt.h>

enum { MOST_WORDS = 80 };

/* getopt remembers where it was in the last command line. */
static void forget(void) {
    char *none[] = {(char *)"dstn", NULL};
    optind = 0;
    if (getopt(1, none, "") != -1) {
        abort();
    }
}

static void fuzz_one(const uint8_t *bytes, size_t size) {
    static const char accepts[] =
        " set out precision backend ranks-per-member time-limit hang-timeout init from launch "
        "kill-rank at-step random method batch steps hyper during-checkpoint resume plan json ";
    char *text = fuzz_text(bytes, size), *end = text + size, *words[MOST_WORDS + 2] = {"dstn", "train"};
    int count = 2;
    setenv("SLURM_JOB_END_TIME", text, 1);
    for (char *word = text + strlen(text) + 1; word < end && count < MOST_WORDS; word += strlen(word) + 1) {
        words[count++] = word;
    }
    cli_arguments arguments;
    forget();
    dstn_error err = {DSTN_OK, ""};
    if (cli_arguments_read(count, words, 2, accepts, &arguments, &err) == DSTN_OK) {
        dstn_stop_watch(arguments.time_limit, NULL);
        if (dstn_stop_seconds_left() < 0) {
            abort();
        }
    }
    fuzz_check_message(&err);
    free(text);
}

FUZZ_TARGET(fuzz_start_plain)
