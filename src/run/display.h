/* run, private: what the progress of a run tells the display. */
#ifndef RUN_DISPLAY_H
#define RUN_DISPLAY_H

#include "dstn/run.h"

typedef enum run_activity {
    RUN_IDLE, /* also what a row of the board holds that nobody has posted to */
    RUN_TRAINS
} run_activity;

/* What a member shows of itself; a row of the board that rank 0 displays. */
typedef struct run_row {
    char name[64];
    int64_t member; /* its position in the plan of a population */
    int64_t step, steps;
    double train_loss, hyper_loss; /* of a text: perplexities */
    bool is_text;
    double fraction_of_peak; /* matrix-product FLOPs over time and peak; NAN: not known */
    double seconds_left;     /* NAN: not known */
    char values[400];        /* of the hyperparameters, "name value" two blanks apart, as many as there is room for */
    run_activity activity;
} run_row;

void run_display_post(dstn_display *display, const run_row *row);
bool run_display_is_quiet(const dstn_display *display);

/* The rows of a live table, cut and broken to the width of a terminal; no more than `most` lines. Returns how many. */
int run_print_rows(FILE *out, const run_row *rows, int count, int width, int most);
void run_print_time(char text[32], double seconds); /* "1h02m", "3m20s"; "?": not known */

#endif
