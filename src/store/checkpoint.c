/* store: checkpoints: a job's state in one file a step, proven by its digest when it is read. */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- names ------------------------------------------------------------------------------------------------ */

static char *path_of_step(const char *folder, int64_t step) {
    return dstn_format("%s/step-%08lld.h5", folder, (long long)step);
}

/* The step of a checkpoint's name, "step-DIGITS.h5", or -1. */
static int64_t step_of_name(const char *name) {
    static const char prefix[] = "step-", suffix[] = ".h5";
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) {
        return -1;
    }
    const char *digits = name + sizeof prefix - 1;
    size_t length = strspn(digits, "0123456789");
    const char *rest = digits + length;
    if (length < 8 || length > 18 || strcmp(rest, suffix) != 0) {
        return -1;
    }
    return strtoll(digits, NULL, 10);
}

static int newest_first(const void *a, const void *b) {
    const int64_t *left = a, *right = b;
    return (*left < *right) - (*left > *right);
}

/* Steps of the checkpoints in a folder, the newest first; *steps [*count] is freed with free(). */
static dstn_status list_steps(const char *folder, int64_t *count, int64_t **steps, dstn_error *err) {
    *count = 0;
    *steps = NULL;
    DIR *open = opendir(folder);
    if (!open && errno == ENOENT) {
        return DSTN_OK;
    }
    if (!open) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "folder %s can't be read: %s", folder, strerror(errno));
    }
    int64_t capacity = 0;
    for (struct dirent *entry; (entry = readdir(open));) {
        int64_t step = step_of_name(entry->d_name);
        if (step < 0) {
            continue;
        }
        if (*count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            int64_t *larger = dstn_alloc((size_t)capacity, sizeof *larger);
            if (*count) {
                memcpy(larger, *steps, (size_t)*count * sizeof *larger);
            }
            free(*steps);
            *steps = larger;
        }
        (*steps)[(*count)++] = step;
    }
    closedir(open);
    if (*count) {
        qsort(*steps, (size_t)*count, sizeof **steps, newest_first);
    }
    return DSTN_OK;
}

dstn_status dstn_checkpoint_list(const char *folder, int64_t *count, char ***paths, dstn_error *err) {
    int64_t *steps;
    *paths = NULL;
    if (list_steps(folder, count, &steps, err) != DSTN_OK) {
        return err->status;
    }
    *paths = dstn_alloc((size_t)*count, sizeof **paths);
    for (int64_t i = 0; i < *count; i++) {
        (*paths)[i] = path_of_step(folder, steps[i]);
    }
    free(steps);
    return DSTN_OK;
}

/* ---- writing ---------------------------------------------------------------------------------------------- */

/* A checkpoint that can't be removed costs room but harms nothing, so that is no failure. */
static void remove_old(const char *folder, int64_t step, int keep) {
    int64_t count, *steps;
    dstn_error ignored;
    if (list_steps(folder, &count, &steps, &ignored) != DSTN_OK) {
        return;
    }
    int kept = 0;
    for (int64_t i = 0; i < count; i++) {
        bool stays = steps[i] == step || (steps[i] < step && kept < keep);
        kept += stays;
        if (stays) {
            continue;
        }
        char *path = path_of_step(folder, steps[i]);
        unlink(path);
        free(path);
    }
    free(steps);
}

dstn_status dstn_checkpoint_save(const char *path, int64_t step, const dstn_state *state, const char *config,
                                 dstn_error *err) {
    dstn_writer *writer;
    if (dstn_writer_open(path, &writer, err) != DSTN_OK) {
        return err->status;
    }
    char digest[33];
    dstn_state_digest(state, NULL, digest);
    dstn_writer_integer(writer, "", "format", DSTN_CHECKPOINT_FORMAT);
    dstn_writer_integer(writer, "", "step", step);
    dstn_writer_text(writer, "", "digest", digest);
    dstn_writer_text(writer, "", "config", config ? config : "");
    for (size_t i = 0; i < state->count; i++) {
        const dstn_state_entry *entry = &state->entries[i];
        char *name = dstn_format("state/%s", entry->name);
        dstn_writer_array(writer, name, entry->scalar, entry->rank, entry->shape, entry->data);
        free(name);
    }
    return dstn_writer_commit(writer, err);
}

dstn_status dstn_checkpoint_write(const char *folder, int64_t step, const dstn_state *state, const char *config,
                                  int keep, dstn_error *err) {
    if (dstn_store_make_folder(folder, err) != DSTN_OK) {
        return err->status;
    }
    dstn_store_remove_remnants(folder);
    char *path = path_of_step(folder, step);
    dstn_status status = dstn_checkpoint_save(path, step, state, config, err);
    free(path);
    if (status == DSTN_OK) {
        remove_old(folder, step, keep);
    }
    return status;
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

/* A checkpoint whose format this program reads. */
static dstn_status open_checkpoint(const char *path, dstn_reader **out, dstn_error *err) {
    if (dstn_reader_open(path, DSTN_ERROR_CHECKPOINT, out, err) != DSTN_OK) {
        return err->status;
    }
    int64_t format = 0;
    if (!dstn_reader_integer(*out, "", "format", &format)) {
        dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s is no checkpoint: it has no attribute format", path);
    } else if (format != DSTN_CHECKPOINT_FORMAT) {
        dstn_fail(err, DSTN_ERROR_CHECKPOINT,
                  "%s has checkpoint format %lld, %s than format %d, which this version of dstn reads: use the version "
                  "that wrote it",
                  path, (long long)format, format > DSTN_CHECKPOINT_FORMAT ? "newer" : "older", DSTN_CHECKPOINT_FORMAT);
    } else {
        return DSTN_OK;
    }
    dstn_reader_close(*out);
    *out = NULL;
    return err->status;
}

dstn_status dstn_checkpoint_config(const char *path, char **config, dstn_error *err) {
    dstn_reader *reader;
    *config = NULL;
    if (open_checkpoint(path, &reader, err) != DSTN_OK) {
        return err->status;
    }
    *config = dstn_reader_text(reader, "", "config");
    dstn_reader_close(reader);
    return *config ? DSTN_OK : dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s has no attribute config", path);
}

/* "f64 [3, 4]" */
static void describe(dstn_scalar scalar, int rank, const int64_t *shape, char text[128]) {
    int length = snprintf(text, 128, "%s [", dstn_scalar_name(scalar));
    for (int d = 0; d < rank; d++) {
        length += snprintf(text + length, 128 - (size_t)length, "%s%lld", d ? ", " : "", (long long)shape[d]);
    }
    snprintf(text + length, 128 - (size_t)length, "]");
}

static dstn_status check_entry(const dstn_reader *reader, const char *path, const dstn_state_entry *entry,
                               const char *name, dstn_error *err) {
    int rank = 0;
    int64_t shape[DSTN_MAX_RANK];
    dstn_scalar scalar;
    if (!dstn_reader_has(reader, name)) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s has no state %s, which this run needs", path, entry->name);
    }
    if (dstn_reader_shape(reader, name, &rank, shape, err) != DSTN_OK) {
        return err->status;
    }
    if (!dstn_reader_scalar(reader, name, &scalar)) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s: state %s has an unknown type", path, entry->name);
    }
    bool same = scalar == entry->scalar && rank == entry->rank;
    for (int d = 0; same && d < rank; d++) {
        same = shape[d] == entry->shape[d];
    }
    if (same) {
        return DSTN_OK;
    }
    char found[128], needed[128];
    describe(scalar, rank, shape, found);
    describe(entry->scalar, entry->rank, entry->shape, needed);
    return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s: state %s is %s where this run needs %s", path, entry->name, found,
                     needed);
}

/* Finds what the file has below a group and the list lacks. */
static dstn_status check_surplus(const dstn_reader *reader, const char *path, const dstn_state *state,
                                 const char *group, dstn_error *err) {
    static const char root[] = "state";
    int64_t count;
    char **names;
    if (dstn_reader_list(reader, group, &count, &names, err) != DSTN_OK) {
        return err->status;
    }
    dstn_status status = DSTN_OK;
    for (int64_t i = 0; i < count; i++) {
        char *name = dstn_format("%s/%s", group, names[i]);
        if (status == DSTN_OK && dstn_reader_is_group(reader, name)) {
            status = check_surplus(reader, path, state, name, err);
        } else if (status == DSTN_OK && !dstn_state_find(state, name + sizeof root)) {
            status = dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s has state %s, which this run doesn't have", path,
                               name + sizeof root);
        }
        free(name);
        free(names[i]);
    }
    free(names);
    return status;
}

/* Reads into a list like the caller's, whose arrays lie in the arena. */
static dstn_status read_aside(const dstn_reader *reader, const char *path, dstn_arena *arena, dstn_state *aside,
                              dstn_error *err) {
    for (size_t i = 0; i < aside->count; i++) {
        dstn_state_entry *entry = &aside->entries[i];
        size_t bytes = dstn_state_bytes(entry);
        entry->data = dstn_arena_take(arena, bytes);
        if (!entry->data) {
            return dstn_fail(err, DSTN_ERROR_RUN, "%s: there is not enough memory to read state %s (%zu bytes)", path,
                             entry->name, bytes);
        }
        char *name = dstn_format("state/%s", entry->name);
        dstn_status status = check_entry(reader, path, entry, name, err);
        if (status == DSTN_OK) {
            status = dstn_reader_array(reader, name, entry->scalar, (int64_t)(bytes / dstn_scalar_size(entry->scalar)),
                                       entry->data, err);
        }
        free(name);
        if (status != DSTN_OK) {
            return status;
        }
    }
    if (aside->count == 0 && !dstn_reader_has(reader, "state")) {
        return DSTN_OK;
    }
    return check_surplus(reader, path, aside, "state", err);
}

static dstn_status prove(const dstn_reader *reader, const char *path, const dstn_state *read, dstn_error *err) {
    char digest[33], *stored = dstn_reader_text(reader, "", "digest");
    dstn_state_digest(read, NULL, digest);
    bool same = stored && strcmp(stored, digest) == 0;
    if (!same) {
        dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s is damaged: its state has digest %s where %s was stored", path,
                  digest, stored ? stored : "none");
    }
    free(stored);
    return same ? DSTN_OK : err->status;
}

dstn_status dstn_checkpoint_read(const char *path, dstn_state *state, int64_t *step, dstn_error *err) {
    dstn_reader *reader;
    if (open_checkpoint(path, &reader, err) != DSTN_OK) {
        return err->status;
    }
    dstn_arena *arena = dstn_arena_new();
    dstn_state aside = {dstn_alloc(state->count, sizeof *aside.entries), state->count, state->count};
    if (state->count) {
        memcpy(aside.entries, state->entries, state->count * sizeof *aside.entries);
    }
    int64_t stored_step = 0;
    dstn_status status = DSTN_OK;
    if (!dstn_reader_integer(reader, "", "step", &stored_step)) {
        status = dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s has no attribute step", path);
    }
    if (status == DSTN_OK) {
        status = read_aside(reader, path, arena, &aside, err);
    }
    if (status == DSTN_OK) {
        status = prove(reader, path, &aside, err);
    }
    dstn_reader_close(reader);
    for (size_t i = 0; status == DSTN_OK && i < state->count; i++) {
        if (dstn_state_bytes(&aside.entries[i]) > 0) {
            memcpy(state->entries[i].data, aside.entries[i].data, dstn_state_bytes(&aside.entries[i]));
        }
    }
    if (status == DSTN_OK && step) {
        *step = stored_step;
    }
    dstn_state_clear(&aside);
    dstn_arena_destroy(arena);
    return status;
}

dstn_status dstn_checkpoint_newest(const char *folder, dstn_state *state, const dstn_log *log, bool *found,
                                   int64_t *step, dstn_error *err) {
    int64_t count;
    char **paths;
    *found = false;
    if (dstn_checkpoint_list(folder, &count, &paths, err) != DSTN_OK) {
        return err->status;
    }
    dstn_status status = DSTN_OK;
    for (int64_t i = 0; i < count && !*found; i++) {
        status = dstn_checkpoint_read(paths[i], state, step, err);
        *found = status == DSTN_OK;
        if (!*found) {
            dstn_log_warn(log, "%s", err->message);
        }
    }
    for (int64_t i = 0; i < count; i++) {
        free(paths[i]);
    }
    free(paths);
    if (status != DSTN_OK) {
        status = dstn_fail(err, DSTN_ERROR_CHECKPOINT, "none of the %lld checkpoints in %s can be used; the oldest: %s",
                           (long long)count, folder, err->message);
    }
    return status;
}
