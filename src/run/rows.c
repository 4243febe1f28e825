/* The rows of a live table: what each member is doing, and below it the values of its hyperparameters. */
#include "display.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void run_print_time(char text[32], double seconds) {
    if (!isfinite(seconds) || seconds < 0 || seconds > 1e8) {
        snprintf(text, 32, "?");
        return;
    }
    long whole = (long)seconds;
    if (whole >= 3600) {
        snprintf(text, 32, "%ldh%02ldm", whole / 3600, whole / 60 % 60);
    } else {
        snprintf(text, 32, "%ldm%02lds", whole / 60, whole % 60);
    }
}

static void print_loss(char *text, size_t size, double loss) {
    if (isnan(loss)) {
        snprintf(text, size, "-"); /* none yet */
    } else {
        snprintf(text, size, "%.4g", loss);
    }
}

/* As much of a text as stands in so many columns, a character each. width 0: all of it. */
static void print_cut(FILE *out, const char *text, int width) {
    const char *end = text;
    for (int column = 1; *end && (width == 0 || column < width); column++) {
        uint32_t code;
        int length = dstn_utf8_length(end, &code);
        end += length > 0 ? length : 1;
    }
    fprintf(out, "%.*s\n", (int)(end - text), text);
}

static void print_member(FILE *out, const run_row *row, int width) {
    char left[32], peak[32] = "", train[32], valid[32];
    run_print_time(left, row->seconds_left);
    print_loss(train, sizeof(train), row->train_loss);
    print_loss(valid, sizeof(valid), row->hyper_loss);
    if (isfinite(row->fraction_of_peak)) {
        snprintf(peak, sizeof(peak), "  %2.0f%% of peak", 100 * row->fraction_of_peak);
    }
    char *text =
        dstn_format("%-*s %3.0f%%  step %lld/%lld  %strain %s  valid %s  %s left%s", width > 0 ? 20 : 40, row->name,
                    100 * (double)row->step / (double)(row->steps > 0 ? row->steps : 1), (long long)row->step,
                    (long long)row->steps, row->is_text ? "perplexity " : "", train, valid, left, peak);
    char *line = dstn_printable(text);
    print_cut(out, line, width);
    free(line);
    free(text);
}

/* Values that stand together on a line of this width, indented: bytes of them. A pair is never broken. */
static size_t values_of_a_line(const char *values, int width) {
    size_t length = strlen(values), room = (size_t)(width > 10 ? width - 5 : 5);
    if (length <= room) {
        return length;
    }
    size_t end = room;
    while (end > 0 && strncmp(values + end, "  ", 2) != 0) {
        end--;
    }
    return end > 0 ? end : strcspn(values, " ") + 1 + strcspn(values + strcspn(values, " ") + 1, " ");
}

static int print_values(FILE *out, const char *values, int width, int most) {
    int lines = 0;
    while (*values && lines < most) {
        size_t length = values_of_a_line(values, width);
        char *text = dstn_format("    %.*s", (int)length, values);
        char *line = dstn_printable(text);
        print_cut(out, line, width);
        free(line);
        free(text);
        values += length;
        values += strspn(values, " ");
        lines++;
    }
    return lines;
}

int run_print_rows(FILE *out, const run_row *rows, int count, int width, int most) {
    int lines = 0;
    for (int i = 0; i < count; i++) {
        bool is_last = i + 1 == count;
        if (lines + (is_last ? 1 : 2) > most) {
            if (lines < most) {
                fprintf(out, "and %d more\n", count - i);
                lines++;
            }
            break;
        }
        print_member(out, &rows[i], width);
        lines++;
        if (width > 0) {
            lines += print_values(out, rows[i].values, width, most - lines - !is_last);
        }
    }
    return lines;
}
