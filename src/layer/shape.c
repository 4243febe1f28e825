/* layer: shapes of data rows, and what a pass says of its rows. */
#include "layer_private.h"

#include <string.h>

int64_t dstn_shape_count(dstn_shape shape) {
    int64_t count = 1;
    for (int i = 0; i < shape.rank; i++) {
        count *= shape.dims[i];
    }
    return count;
}

int64_t dstn_shape_channels(dstn_shape shape) {
    int64_t channels = shape.rank == 3 ? shape.dims[0] : shape.channels;
    return channels > 0 ? channels : 1;
}

int64_t dstn_shape_stored_at(dstn_shape shape, int64_t i) {
    int64_t channels = dstn_shape_channels(shape), places = dstn_shape_count(shape) / channels;
    return i % places * channels + i / places;
}

/* With one channel, or one place, channels-last is the canonical order. */
static bool same_order(dstn_shape a, dstn_shape b) {
    int64_t count = dstn_shape_count(a), of_a = dstn_shape_channels(a), of_b = dstn_shape_channels(b);
    bool plain_a = of_a == 1 || of_a == count, plain_b = of_b == 1 || of_b == count;
    return of_a == of_b || (plain_a && plain_b);
}

bool dstn_shape_same(dstn_shape a, dstn_shape b) {
    for (int i = 0; i < a.rank; i++) {
        if (a.rank != b.rank || a.dims[i] != b.dims[i]) {
            return false;
        }
    }
    return a.rank == b.rank && a.words == b.words && same_order(a, b);
}

const char *dstn_shape_text(dstn_shape shape, char text[64]) {
    if (shape.words > 0) {
        snprintf(text, 64, "[a word of %lld]", (long long)shape.words);
        return text;
    }
    int length = snprintf(text, 64, "[");
    for (int i = 0; i < shape.rank; i++) {
        length += snprintf(text + length, 64 - (size_t)length, "%s%lld", i ? ", " : "", (long long)shape.dims[i]);
    }
    bool is_flattened = shape.rank == 1 && dstn_shape_channels(shape) > 1;
    if (is_flattened) {
        length +=
            snprintf(text + length, 64 - (size_t)length, " of %lld channels", (long long)dstn_shape_channels(shape));
    }
    snprintf(text + length, 64 - (size_t)length, "]");
    return text;
}

/* ---- passes ------------------------------------------------------------------------------------------------------ */

int64_t dstn_pass_steps(const dstn_pass *pass) {
    return pass->steps > 0 ? pass->steps : 1;
}

bool dstn_pass_wants(const dstn_pass *pass, dstn_range range) {
    bool reaches = range == DSTN_RANGE_GENERAL ? pass->kind != DSTN_PASS_LINEARIZED : pass->kind != DSTN_PASS_GENERAL;
    return reaches && pass->grad[range];
}

bool dstn_pass_moves_rows(const dstn_pass *pass) {
    return pass->track_statistics || !pass->training;
}

double dstn_pass_quantity(const dstn_pass *pass, int64_t hypers, const dstn_quantity *quantity, int64_t example) {
    return quantity->index < 0 ? quantity->number : pass->values[example * hypers + quantity->index];
}

dstn_rows dstn_pass_rows(const dstn_pass *pass) {
    return (dstn_rows){.count = pass->rows * dstn_pass_steps(pass), .last = true};
}
