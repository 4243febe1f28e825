/* Whether all ranks of a group hold the same config and the same data, and compute with the same program: each reads
 * its own, and files that were staged to every host may be old, cut off, or edited on one of them. */
#include "dstn/kernel.h"
#include "job.h"
#include "version.h"

#include <stdlib.h>
#include <string.h>

/* ---- configs ----------------------------------------------------------------------------------------------------- */

/* Each host may have its copy of the data elsewhere; what is in it is compared when it has been read. */
static bool is_own_affair(const char *key) {
    static const char path[] = "data.path";
    size_t length = strlen(key), end = sizeof path - 1;
    return length >= end && strcmp(key + length - end, path) == 0 && (length == end || key[length - end - 1] == '.');
}

static bool differs(dstn_node first, dstn_node own, const char *key, char found[DSTN_NAME_SIZE]);

/* One entry: of a mapping that of the same key in both, which may be in one alone. */
static bool entry_differs(dstn_node first, dstn_node own, const char *key, const char *name, size_t i,
                          char found[DSTN_NAME_SIZE]) {
    char *place = name ? dstn_format("%s%s%s", key, *key ? "." : "", name) : dstn_format("%s.%zu", key, i);
    dstn_node a = name ? dstn_node_child(first, name) : dstn_node_at(first, i);
    dstn_node b = name ? dstn_node_child(own, name) : dstn_node_at(own, i);
    bool differ = differs(a, b, place, found);
    free(place);
    return differ;
}

static bool sequences_differ(dstn_node first, dstn_node own, const char *key, char found[DSTN_NAME_SIZE]) {
    size_t count = dstn_node_count(own);
    bool differ = dstn_node_count(first) != count;
    if (differ) {
        snprintf(found, DSTN_NAME_SIZE, "%s", key);
    }
    for (size_t i = 0; i < count && !differ; i++) {
        differ = entry_differs(first, own, key, NULL, i, found);
    }
    return differ;
}

/* The order of keys counts among hyperparameters alone: lambda is a vector. */
static bool mappings_differ(dstn_node first, dstn_node own, const char *key, char found[DSTN_NAME_SIZE]) {
    size_t count = dstn_node_count(own), first_count = dstn_node_count(first);
    bool differ = false, is_ordered = strcmp(key, "hyperparameters") == 0;
    for (size_t i = 0; i < count && !differ; i++) {
        differ = entry_differs(first, own, key, dstn_node_key_at(own, i), i, found);
    }
    for (size_t i = 0; i < first_count && !differ; i++) {
        const char *name = dstn_node_key_at(first, i);
        if (!dstn_node_child(own, name).handle) {
            differ = entry_differs(first, own, key, name, i, found);
        }
        if (!differ && is_ordered && strcmp(dstn_node_key_at(own, i), name) != 0) {
            differ = true;
            snprintf(found, DSTN_NAME_SIZE, "%s", key);
        }
    }
    return differ;
}

/* Whether two documents differ in what stands in them; found [out]: the first key that does. */
static bool differs(dstn_node first, dstn_node own, const char *key, char found[DSTN_NAME_SIZE]) {
    if (is_own_affair(key)) {
        return false;
    }
    dstn_node_kind kind = dstn_node_get_kind(first);
    if (kind == dstn_node_get_kind(own) && kind == DSTN_NODE_SEQUENCE) {
        return sequences_differ(first, own, key, found);
    }
    if (kind == dstn_node_get_kind(own) && kind == DSTN_NODE_MAPPING) {
        return mappings_differ(first, own, key, found);
    }
    const char *text = dstn_node_text(first), *own_text = dstn_node_text(own);
    snprintf(found, DSTN_NAME_SIZE, "%s", key);
    return kind != dstn_node_get_kind(own) || strcmp(text ? text : "", own_text ? own_text : "") != 0;
}

static dstn_status compare_configs(dstn_doc *own, const char *text, const char *host, dstn_error *err) {
    char own_name[DSTN_HOST_SIZE], key[DSTN_NAME_SIZE];
    dstn_doc *first;
    if (dstn_doc_parse(text, "the config of rank 0", &first, err) != DSTN_OK) {
        return err->status;
    }
    dstn_status status = DSTN_OK;
    dstn_host_name(own_name);
    if (differs(dstn_doc_root(first), dstn_doc_root(own), "", key)) {
        status = dstn_fail(err, DSTN_ERROR_USAGE,
                           "%s on host %s: \"%s\" is not what rank 0 on host %s has; all ranks need the same config",
                           dstn_doc_name(own), own_name, key, host);
    }
    dstn_doc_destroy(first);
    return status;
}

dstn_status dstn_ranks_have_same_config(dstn_doc *doc, const dstn_group *group, dstn_error *err) {
    if (dstn_group_size(group) == 1) {
        return DSTN_OK;
    }
    char host[DSTN_HOST_SIZE];
    dstn_host_name(host);
    char *own = dstn_doc_text(doc), *text = dstn_group_broadcast_text(group, own);
    dstn_group_broadcast(group, host, sizeof(host));
    bool is_equal = strcmp(own, text) == 0;
    dstn_status status = is_equal ? DSTN_OK : compare_configs(doc, text, host, err);
    free(own);
    free(text);
    return dstn_group_agree(group, status, err);
}

/* ---- data -------------------------------------------------------------------------------------------------------- */

dstn_status run_job_ranks_have_same_data(const dstn_job *job, dstn_error *err) {
    struct {
        char host[DSTN_HOST_SIZE], digest[DSTN_DIGEST_SIZE];
    } first;
    char own[DSTN_HOST_SIZE];
    dstn_host_name(own);
    memcpy(first.host, own, sizeof(own));
    memcpy(first.digest, job->dataset->digest, sizeof(first.digest));
    dstn_group_broadcast(job->group, &first, sizeof(first));
    dstn_status status = DSTN_OK;
    if (strcmp(first.digest, job->dataset->digest) != 0) {
        status =
            dstn_fail(err, DSTN_ERROR_DATA,
                      "data.path: %s on host %s is not what rank 0 on host %s has read (digest %s there, %s here); "
                      "all ranks need the same data",
                      job->dataset->source, own, first.host, first.digest, job->dataset->digest);
    }
    return dstn_group_agree(job->group, status, err);
}

/* ---- what computes ----------------------------------------------------------------------------------------------- */

enum { WHAT_SIZE = 192 };

/* What the last bits of a result depend on beside config and data. */
typedef struct computer {
    char host[DSTN_HOST_SIZE];
    char commit[WHAT_SIZE], instruction_set[WHAT_SIZE], threads[WHAT_SIZE];
} computer;

static void copy_text(char to[WHAT_SIZE], const char *from) {
    memset(to, 0, WHAT_SIZE);
    strncpy(to, from, WHAT_SIZE - 1);
}

static computer own_computer(void) {
    computer own;
    dstn_host_name(own.host);
    copy_text(own.commit, DSTN_COMMIT);
    copy_text(own.instruction_set, dstn_kernel_version());
    memset(own.threads, 0, WHAT_SIZE);
    snprintf(own.threads, WHAT_SIZE, "%d", dstn_kernel_threads());
    return own;
}

/* Which part of a batch is computed by which rank depends on their number, so that bits would too. */
static dstn_status compare_computers(const computer *first, const computer *own, int rank, dstn_error *err) {
    const char *const compared[][3] = {
        {"commit", first->commit, own->commit},
        {"instruction set", first->instruction_set, own->instruction_set},
        {"number of threads (OMP_NUM_THREADS)", first->threads, own->threads},
    };
    for (size_t i = 0; i < sizeof(compared) / sizeof(compared[0]); i++) {
        if (strcmp(compared[i][1], compared[i][2]) != 0) {
            return dstn_fail(err, DSTN_ERROR_USAGE, "the %s is %s of rank 0 on host %s, and %s of rank %d on host %s",
                             compared[i][0], compared[i][1], first->host, compared[i][2], rank, own->host);
        }
    }
    return DSTN_OK;
}

dstn_status run_job_ranks_compute_alike(const dstn_job *job, dstn_error *err) {
    static bool is_told; /* a sweep has many members */
    computer own = own_computer(), first = own;
    dstn_group_broadcast(job->group, &first, sizeof(first));
    dstn_status status = compare_computers(&first, &own, dstn_group_rank(job->group), err);
    if (dstn_group_agree(job->group, status, err) == DSTN_OK) {
        return DSTN_OK;
    }
    dstn_error found = *err;
    if (job->settings.reproducible && !job->is_apart) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "%s; reproducible: true needs the same on all ranks of a member",
                         found.message);
    }
    if (!is_told && dstn_group_leads(job->group)) {
        dstn_log_warn(job->log, "%s: results depend, in their last bits, on where ranks are", found.message);
        is_told = true;
    }
    return DSTN_OK;
}
