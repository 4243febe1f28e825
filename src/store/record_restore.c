/* store: reads a record back, for a run that goes on. */
#include "reader.h"
#include "record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How many rows of a series' group belong to steps up to last_step; steps only rise. */
static dstn_status count_rows(const dstn_reader *reader, const char *path, int64_t last_step, int64_t *kept,
                              int64_t *rows, dstn_error *err) {
    int length = (int)(strrchr(path, '/') ? strrchr(path, '/') - path + 1 : 0);
    char *name = dstn_format("%.*sstep", length, path);
    double *steps;
    if (dstn_reader_doubles(reader, name, rows, &steps, err) == DSTN_OK) {
        *kept = 0;
        while (*kept < *rows && steps[*kept] <= (double)last_step) {
            ++*kept;
        }
        free(steps);
        err->status = DSTN_OK;
    }
    free(name);
    return err->status;
}

static dstn_status restore_series(const dstn_reader *reader, const char *path, int64_t last_step, store_series *to,
                                  dstn_error *err) {
    int64_t kept = 0, rows = 0, shape[DSTN_MAX_RANK] = {0};
    int rank = 0;
    if (count_rows(reader, to->path, last_step, &kept, &rows, err) != DSTN_OK ||
        dstn_reader_shape(reader, to->path, &rank, shape, err) != DSTN_OK) {
        return err->status;
    }
    bool fits = to->columns > 0 ? rank == 2 && shape[1] == to->columns : rank == 1;
    if (!fits || shape[0] != rows) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s: data set %s is not %lld rows of %lld values", path, to->path,
                         (long long)rows, (long long)store_series_width(to));
    }
    store_series_reserve(to, rows);
    if (dstn_reader_array(reader, to->path, to->scalar, rows * store_series_width(to), to->values, err) != DSTN_OK) {
        return err->status;
    }
    to->rows = kept;
    return DSTN_OK;
}

static dstn_status restore(dstn_record *record, const dstn_reader *reader, const char *path, int64_t last_step,
                           dstn_error *err) {
    /* Everything is read aside first: a record that can't be read whole is not read at all. */
    store_series *restored = dstn_alloc((size_t)record->series_count, sizeof *restored);
    dstn_status status = DSTN_OK;
    for (int i = 0; status == DSTN_OK && i < record->series_count; i++) {
        const store_series *old = &record->series[i];
        restored[i] = *old;
        restored[i].values = NULL;
        restored[i].rows = restored[i].capacity = 0;
        if (!old->rule) {
            status = restore_series(reader, path, last_step, &restored[i], err);
        }
    }
    for (int i = 0; i < record->series_count; i++) {
        free(status == DSTN_OK ? record->series[i].values : restored[i].values);
        if (status == DSTN_OK) {
            record->series[i] = restored[i];
        }
    }
    free(restored);
    return status;
}

dstn_status dstn_record_restore(dstn_record *record, const char *path, int64_t last_step, dstn_error *err) {
    dstn_reader *reader;
    if (dstn_reader_open(path, DSTN_ERROR_CHECKPOINT, &reader, err) != DSTN_OK) {
        return err->status;
    }
    dstn_status status = restore(record, reader, path, last_step, err);
    dstn_reader_close(reader);
    return status;
}

/* ---- without its past -------------------------------------------------------------------------------------------- */

/* Gives a file another name that nothing has yet; *kept [out]: that name, free with free(). */
static dstn_status move_aside(const char *path, char **kept, dstn_error *err) {
    *kept = dstn_format("%s.damaged", path);
    for (int number = 2; access(*kept, F_OK) == 0; number++) {
        free(*kept);
        *kept = dstn_format("%s.damaged-%d", path, number);
    }
    if (rename(path, *kept) != 0) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s can't be renamed to %s: %s", path, *kept, strerror(errno));
    }
    return DSTN_OK;
}

dstn_status dstn_record_recover(dstn_record *record, const char *path, int64_t last_step, const dstn_log *log,
                                dstn_error *err) {
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        dstn_log_warn(log, "%s is lost: the run goes on from its checkpoint, and the series begin after step %lld",
                      path, (long long)last_step);
        return DSTN_OK;
    }
    dstn_reader *reader;
    store_verdict verdict;
    if (store_reader_open(path, DSTN_ERROR_CHECKPOINT, &reader, &verdict, err) == DSTN_OK) {
        dstn_status status = restore(record, reader, path, last_step, err);
        dstn_reader_close(reader);
        return status;
    }
    if (verdict != STORE_DAMAGED && verdict != STORE_UNSEALED) {
        return err->status;
    }
    char *kept;
    dstn_error why = *err;
    dstn_status status = move_aside(path, &kept, err);
    if (status == DSTN_OK) {
        dstn_log_warn(log,
                      "%s; it is kept as %s, the run goes on from its checkpoint, and the series begin after step %lld",
                      why.message, kept, (long long)last_step);
    }
    free(kept);
    return status;
}
