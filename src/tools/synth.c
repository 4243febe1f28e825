/* dstn data synth: files in CIFAR-10's binary format (a record is the class and 3x32x32 bytes) of the task whose best
 * augmentation is known. */
#include "dstn/store.h"
#include "dstn/tools.h"

#include <stdlib.h>

enum { FILES = 6, FIRST_CHANGED = 4, RECORD = 1 + DSTN_SYNTH_BYTES };

static const char *const names[FILES] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                         "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};

typedef struct drawing {
    const dstn_synth *task;
    uint64_t file;
    uint8_t *records; /* [rows, RECORD] */
} drawing;

static void draw_rows(void *context, int64_t first, int64_t count, int thread) {
    (void)thread;
    const drawing *of = context;
    for (int64_t row = first; row < first + count; row++) {
        uint8_t *record = of->records + row * RECORD;
        record[0] = (uint8_t)dstn_synth_image(of->task, of->file, row, of->file >= FIRST_CHANGED, record + 1, NULL);
    }
}

static dstn_status write_files(const dstn_synth_request *request, dstn_error *err) {
    dstn_arena *arena = dstn_arena_new();
    size_t size = (size_t)request->rows * RECORD;
    uint8_t *records = dstn_arena_take(arena, size);
    dstn_status status = records ? DSTN_OK
                                 : dstn_fail(err, DSTN_ERROR_RUN, "no memory for %lld images; accepted: fewer --rows",
                                             (long long)request->rows);
    for (int f = 0; f < FILES && status == DSTN_OK; f++) {
        drawing of = {&request->task, (uint64_t)f, records};
        dstn_kernel_for_rows(request->rows, dstn_kernel_threads() > 1 ? 64 : request->rows, draw_rows, &of);
        char *path = dstn_format("%s/%s", request->folder, names[f]);
        status = dstn_store_write_bytes(path, records, size, err);
        free(path);
    }
    dstn_arena_destroy(arena);
    return status;
}

/* The limits by the names of the strengths that they are the best values of; written last: with it all is there. */
static dstn_status write_limits(const dstn_synth_request *request, dstn_error *err) {
    char *text = dstn_format("# The best strengths of augmentation: data_batch_5.bin and test_batch.bin are changed "
                             "uniformly within these.\nseed: %lu\nrows: %lld\nbest:\n",
                             (unsigned long)request->task.seed, (long long)request->rows);
    for (int i = 0; i < DSTN_SYNTH_LIMITS; i++) {
        char *longer = dstn_format("%s  %s: %.15g\n", text, dstn_synth_limits[i].name, request->task.limits[i]);
        free(text);
        text = longer;
    }
    char *path = dstn_format("%s/%s", request->folder, DSTN_SYNTH_LIMITS_FILE);
    dstn_status status = dstn_store_write_text(path, text, err);
    free(path);
    free(text);
    return status;
}

static dstn_status make(const dstn_synth_request *request, dstn_error *err) {
    for (int i = 0; i < DSTN_SYNTH_LIMITS; i++) {
        double limit = request->task.limits[i], most = dstn_synth_limits[i].most;
        if (!(limit >= 0 && limit <= most)) {
            return dstn_fail(err, DSTN_ERROR_USAGE, "--%s %g: accepted: 0 to %g (%s)", dstn_synth_limits[i].name, limit,
                             most, dstn_synth_limits[i].help);
        }
    }
    /* Rows tell draws apart by 32 bits. */
    if (request->rows < 1 || request->rows > UINT32_MAX) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "--rows %lld: accepted: 1 to %lu", (long long)request->rows,
                         (unsigned long)UINT32_MAX);
    }
    if (dstn_store_folder_is_filled(request->folder)) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "%s is not empty; accepted with --out: a new or empty folder",
                         request->folder);
    }
    dstn_status status = dstn_store_make_folder(request->folder, err);
    status = status == DSTN_OK ? write_files(request, err) : status;
    return status == DSTN_OK ? write_limits(request, err) : status;
}

static void describe(FILE *out, const dstn_synth_request *request) {
    long long rows = (long long)request->rows;
    dstn_print_line(out, "%s: %d files of %lld images, %d classes, seed %lu", request->folder, FILES, rows,
                    DSTN_SYNTH_CLASSES, (unsigned long)request->task.seed);
    fprintf(out,
            "%lld images to learn from; the %lld of data_batch_5.bin and the %lld of test_batch.bin are changed "
            "within\n",
            FIRST_CHANGED * rows, rows, rows);
    for (int i = 0; i < DSTN_SYNTH_LIMITS; i++) {
        fprintf(out, "  %-12s %-6g %s\n", dstn_synth_limits[i].name, request->task.limits[i],
                dstn_synth_limits[i].help);
    }
}

dstn_status dstn_synthesize(const dstn_console *console, const dstn_synth_request *request, dstn_error *err) {
    dstn_status status = dstn_group_leads(console->world) ? make(request, err) : DSTN_OK;
    status = dstn_group_verdict(console->world, status, err);
    if (status == DSTN_OK && console->out) {
        describe(console->out, request);
    }
    return status;
}
