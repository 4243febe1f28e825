/* store: reads checkpoints: what is proven by its seal and its digest, or nothing. */
#include "checkpoint.h"
#include "reader.h"

#include <stdlib.h>
#include <string.h>

void store_checkpoint_config_digest(const char *config, char digest[DSTN_DIGEST_SIZE]) {
    dstn_state text = {0};
    dstn_state_add_values(&text, "config", DSTN_U8, (int64_t)strlen(config), (void *)config);
    dstn_state_digest(&text, NULL, digest);
    dstn_state_clear(&text);
}

/* ---- what it says of itself -------------------------------------------------------------------------------------- */

static dstn_status check_format(const dstn_reader *reader, const char *path, int64_t *format, dstn_error *err) {
    if (!dstn_reader_integer(reader, "", "format", format)) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s is no checkpoint: it has no attribute format", path);
    }
    if (*format >= STORE_OLDEST_FORMAT && *format <= DSTN_CHECKPOINT_FORMAT) {
        return DSTN_OK;
    }
    return dstn_fail(
        err, DSTN_ERROR_CHECKPOINT,
        "%s has checkpoint format %lld, %s than the formats %d to %d, which this version of dstn reads: use "
        "the version that wrote it",
        path, (long long)*format, *format > DSTN_CHECKPOINT_FORMAT ? "newer" : "older", STORE_OLDEST_FORMAT,
        (int)DSTN_CHECKPOINT_FORMAT);
}

/* A checkpoint whose format this program reads; *damaged [out]: it failed, and is proven to be bad. */
static dstn_status open_checkpoint(const char *path, dstn_reader **out, bool *damaged, dstn_error *err) {
    store_verdict verdict;
    int64_t format;
    *damaged = false;
    if (store_reader_open(path, DSTN_ERROR_CHECKPOINT, out, &verdict, err) != DSTN_OK) {
        *damaged = verdict == STORE_DAMAGED;
        return err->status;
    }
    if (check_format(*out, path, &format, err) == DSTN_OK) {
        return DSTN_OK;
    }
    dstn_reader_close(*out);
    *out = NULL;
    return err->status;
}

dstn_status dstn_checkpoint_open(const char *path, dstn_reader **out, dstn_error *err) {
    bool damaged;
    return open_checkpoint(path, out, &damaged, err);
}

/* 32 hex digits, or nothing, as in format 1. */
static void read_digest(const dstn_reader *reader, const char *attribute, char digest[DSTN_DIGEST_SIZE]) {
    char *text = dstn_reader_text(reader, "", attribute);
    snprintf(digest, DSTN_DIGEST_SIZE, "%s", text ? text : "");
    free(text);
}

/* *about is to be cleared in any case. */
static dstn_status read_facts(const dstn_reader *reader, const char *path, dstn_checkpoint_facts *about,
                              dstn_error *err) {
    *about = (dstn_checkpoint_facts){0};
    about->config = dstn_reader_text(reader, "", "config");
    read_digest(reader, "config_digest", about->config_digest);
    read_digest(reader, "data_digest", about->data_digest);
    if (!about->config) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s has no attribute config", path);
    }
    if (!dstn_reader_integer(reader, "", "step", &about->step)) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s has no attribute step", path);
    }
    char digest[DSTN_DIGEST_SIZE];
    store_checkpoint_config_digest(about->config, digest);
    if (about->config_digest[0] && strcmp(about->config_digest, digest) != 0) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s is damaged: its config has digest %s where %s was stored",
                         path, digest, about->config_digest);
    }
    return DSTN_OK;
}

void dstn_checkpoint_facts_clear(dstn_checkpoint_facts *about) {
    free(about->config);
    *about = (dstn_checkpoint_facts){0};
}

dstn_status dstn_checkpoint_describe(const char *path, dstn_checkpoint_facts *about, dstn_error *err) {
    dstn_reader *reader;
    *about = (dstn_checkpoint_facts){0};
    if (dstn_checkpoint_open(path, &reader, err) != DSTN_OK) {
        return err->status;
    }
    dstn_status status = read_facts(reader, path, about, err);
    dstn_reader_close(reader);
    if (status != DSTN_OK) {
        dstn_checkpoint_facts_clear(about);
    }
    return status;
}

/* ---- its state --------------------------------------------------------------------------------------------------- */

/* "f64 [3, 4]" */
static void describe(dstn_scalar scalar, int rank, const int64_t *shape, char text[128]) {
    int length = snprintf(text, 128, "%s [", dstn_scalar_name(scalar));
    for (int d = 0; d < rank; d++) {
        length += snprintf(text + length, 128 - (size_t)length, "%s%lld", d ? ", " : "", (long long)shape[d]);
    }
    snprintf(text + length, 128 - (size_t)length, "]");
}

static dstn_status check_entry(const store_node *node, const char *path, const dstn_state_entry *entry,
                               dstn_error *err) {
    if (!node || node->kind == STORE_GROUP) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s has no state %s, which this run needs", path, entry->name);
    }
    if (node->kind != STORE_NUMBERS || !node->exact) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s: state %s has an unknown type", path, entry->name);
    }
    bool same = node->scalar == entry->scalar && node->rank == entry->rank;
    for (int d = 0; same && d < node->rank; d++) {
        same = node->shape[d] == entry->shape[d];
    }
    if (same) {
        return DSTN_OK;
    }
    char found[128], needed[128];
    describe(node->scalar, node->rank, node->shape, found);
    describe(entry->scalar, entry->rank, entry->shape, needed);
    return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s: state %s is %s where this run needs %s", path, entry->name, found,
                     needed);
}

/* Fills a list like the caller's with what the file holds, which the reader owns. */
static dstn_status find_entries(const store_tree *tree, const char *path, dstn_state *read, dstn_error *err) {
    for (size_t i = 0; i < read->count; i++) {
        dstn_state_entry *entry = &read->entries[i];
        char *name = dstn_format("state/%s", entry->name);
        const store_node *node = store_tree_find(tree, name, "");
        free(name);
        if (check_entry(node, path, entry, err) != DSTN_OK) {
            return err->status;
        }
        entry->data = node->data;
    }
    return DSTN_OK;
}

/* Finds what the file has and the list lacks. */
static dstn_status check_surplus(const store_tree *tree, const char *path, const dstn_state *state, dstn_error *err) {
    static const char root[] = "state";
    const char **names = dstn_alloc(state->count, sizeof *names);
    for (size_t i = 0; i < state->count; i++) {
        names[i] = state->entries[i].name;
    }
    if (state->count) {
        qsort(names, state->count, sizeof *names, dstn_compare_texts);
    }
    size_t first, end;
    dstn_status status = DSTN_OK;
    store_tree_below(tree, root, &first, &end);
    for (size_t i = first; i < end && status == DSTN_OK; i++) {
        const store_node *node = &tree->nodes[i];
        const char *name = node->path + sizeof root;
        bool is_entry = node->kind != STORE_GROUP && !node->attribute[0];
        if (is_entry && (!state->count || !bsearch(&name, names, state->count, sizeof *names, dstn_compare_texts))) {
            status = dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s has state %s, which this run doesn't have", path, name);
        }
    }
    free(names);
    return status;
}

static dstn_status prove(const dstn_reader *reader, const char *path, const dstn_state *read, dstn_error *err) {
    char digest[DSTN_DIGEST_SIZE], *stored = dstn_reader_text(reader, "", "digest");
    dstn_state_digest(read, NULL, digest);
    bool same = stored && strcmp(stored, digest) == 0;
    if (!same) {
        dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s is damaged: its state has digest %s where %s was stored", path,
                  digest, stored ? stored : "none");
    }
    free(stored);
    return same ? DSTN_OK : err->status;
}

/* Into the caller's arrays, once all of it is proven. */
static dstn_status take_state(const dstn_reader *reader, const char *path, dstn_state *state, bool *damaged,
                              dstn_error *err) {
    const store_tree *tree = store_reader_tree(reader);
    dstn_state read = {dstn_alloc(state->count, sizeof *read.entries), state->count, state->count};
    if (state->count) {
        memcpy(read.entries, state->entries, state->count * sizeof *read.entries);
    }
    dstn_status status = find_entries(tree, path, &read, err);
    if (status == DSTN_OK) {
        status = check_surplus(tree, path, state, err);
    }
    if (status == DSTN_OK) {
        status = prove(reader, path, &read, err);
        *damaged = status != DSTN_OK;
    }
    for (size_t i = 0; status == DSTN_OK && i < state->count; i++) {
        if (dstn_state_bytes(&read.entries[i]) > 0) {
            memcpy(state->entries[i].data, read.entries[i].data, dstn_state_bytes(&read.entries[i]));
        }
    }
    dstn_state_clear(&read);
    return status;
}

static dstn_status read_checkpoint(const char *path, dstn_state *state, dstn_checkpoint_facts *about, bool *damaged,
                                   dstn_error *err) {
    dstn_reader *reader;
    if (open_checkpoint(path, &reader, damaged, err) != DSTN_OK) {
        return err->status;
    }
    dstn_checkpoint_facts facts;
    dstn_status status = read_facts(reader, path, &facts, err);
    if (status == DSTN_OK) {
        status = take_state(reader, path, state, damaged, err);
    }
    dstn_reader_close(reader);
    if (status == DSTN_OK && about) {
        *about = facts;
    } else {
        dstn_checkpoint_facts_clear(&facts);
    }
    return status;
}

dstn_status dstn_checkpoint_read(const char *path, dstn_state *state, dstn_checkpoint_facts *about, dstn_error *err) {
    bool damaged;
    return read_checkpoint(path, state, about, &damaged, err);
}

/* ---- the newest of a folder -------------------------------------------------------------------------------------- */

dstn_status dstn_checkpoint_newest(const char *folder, dstn_state *state, const dstn_log *log, bool *found,
                                   dstn_checkpoint_facts *about, dstn_error *err) {
    int64_t count;
    char **paths;
    *found = false;
    if (dstn_checkpoint_list(folder, &count, &paths, err) != DSTN_OK) {
        return err->status;
    }
    dstn_status status = DSTN_OK;
    bool damaged = true;
    for (int64_t i = 0; i < count && !*found && damaged; i++) {
        status = read_checkpoint(paths[i], state, about, &damaged, err);
        *found = status == DSTN_OK;
        if (!*found && damaged) {
            dstn_log_warn(log, "%s", err->message);
        }
    }
    for (int64_t i = 0; i < count; i++) {
        free(paths[i]);
    }
    free(paths);
    if (status != DSTN_OK && damaged) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "none of the %lld checkpoints in %s can be used; the oldest: %s",
                         (long long)count, folder, err->message);
    }
    if (status != DSTN_OK) {
        return dstn_fail(
            err, DSTN_ERROR_CHECKPOINT,
            "%s. It is not passed over, since it is not proven to be damaged; to go on from the checkpoint "
            "before it, move it out of %s",
            err->message, folder);
    }
    return DSTN_OK;
}

/* ---- the words that it knows ------------------------------------------------------------------------------------- */

static dstn_status read_vocabulary(const dstn_reader *reader, const char *path, int64_t *words, char ***vocabulary,
                                   dstn_error *err) {
    int64_t count = 0;
    if (!dstn_reader_integer(reader, "", "words", words) || !dstn_reader_has(reader, "vocabulary")) {
        return DSTN_OK;
    }
    dstn_status status = dstn_reader_strings(reader, "vocabulary", &count, vocabulary, err);
    return status == DSTN_OK && count != *words
               ? dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s has a vocabulary of %lld words, of which it names %lld",
                           path, (long long)*words, (long long)count)
               : status;
}

dstn_status dstn_checkpoint_vocabulary(const char *path, int64_t *words, char ***vocabulary, dstn_error *err) {
    dstn_reader *reader;
    *words = 0;
    *vocabulary = NULL;
    dstn_status status = dstn_checkpoint_open(path, &reader, err);
    if (status == DSTN_OK) {
        status = read_vocabulary(reader, path, words, vocabulary, err);
        dstn_reader_close(reader);
    }
    return status;
}
