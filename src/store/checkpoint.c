/* store: checkpoints: a job's state in one file a step: their names, and how they are written. */
#include "checkpoint.h"
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

static bool is_proven_bad(const char *path) {
    store_proven proven;
    dstn_error ignored;
    store_verdict verdict = store_seal_read(path, DSTN_ERROR_CHECKPOINT, &proven, &ignored);
    free(proven.bytes);
    return verdict == STORE_DAMAGED;
}

/* Those before the newest `keep`, and damaged ones of later steps, which the run has been resumed from before. One that
 * can't be removed costs room but harms nothing, so that is no failure. */
static void remove_old(const char *folder, int64_t step, int keep) {
    int64_t count, *steps;
    dstn_error ignored;
    if (list_steps(folder, &count, &steps, &ignored) != DSTN_OK) {
        return;
    }
    int kept = 0;
    for (int64_t i = 0; i < count; i++) {
        char *path = path_of_step(folder, steps[i]);
        bool is_later = steps[i] > step;
        bool stays = is_later ? !is_proven_bad(path) : steps[i] == step || kept < keep;
        kept += stays && !is_later;
        if (!stays) {
            unlink(path);
        }
        free(path);
    }
    free(steps);
}

static void write_vocabulary(dstn_writer *writer, const dstn_origin *origin) {
    if (origin->words > 0) {
        dstn_writer_integer(writer, "", "words", origin->words);
    }
    if (origin->words > 0 && origin->vocabulary) {
        dstn_writer_strings(writer, "vocabulary", origin->words, origin->vocabulary);
    }
}

dstn_status dstn_checkpoint_save(const char *path, int64_t step, const dstn_state *state, const dstn_origin *origin,
                                 dstn_error *err) {
    dstn_writer *writer;
    const char *config = origin->config ? origin->config : "";
    if (dstn_writer_open(path, &writer, err) != DSTN_OK) {
        return err->status;
    }
    char digest[DSTN_DIGEST_SIZE], config_digest[DSTN_DIGEST_SIZE];
    dstn_state_digest(state, NULL, digest);
    store_checkpoint_config_digest(config, config_digest);
    dstn_writer_integer(writer, "", "format", DSTN_CHECKPOINT_FORMAT);
    dstn_writer_integer(writer, "", "step", step);
    dstn_writer_text(writer, "", "digest", digest);
    dstn_writer_text(writer, "", "config", config);
    dstn_writer_text(writer, "", "config_digest", config_digest);
    dstn_writer_text(writer, "", "data_digest", origin->data_digest ? origin->data_digest : "");
    write_vocabulary(writer, origin);
    for (size_t i = 0; i < state->count; i++) {
        const dstn_state_entry *entry = &state->entries[i];
        char *name = dstn_format("state/%s", entry->name);
        dstn_writer_array(writer, name, entry->scalar, entry->rank, entry->shape, entry->data);
        free(name);
    }
    return dstn_writer_commit(writer, err);
}

dstn_status dstn_checkpoint_write(const char *folder, int64_t step, const dstn_state *state, const dstn_origin *origin,
                                  int keep, dstn_error *err) {
    if (dstn_store_make_folder(folder, err) != DSTN_OK) {
        return err->status;
    }
    dstn_store_remove_remnants(folder);
    char *path = path_of_step(folder, step);
    dstn_status status = dstn_checkpoint_save(path, step, state, origin, err);
    free(path);
    if (status == DSTN_OK) {
        remove_old(folder, step, keep);
    }
    return status;
}
