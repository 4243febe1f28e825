/* Whether all ranks of a group hold the same config and the same data: each reads its own, and files that were staged
 * to every host may be old, cut off, or edited on one of them. */
#include "job.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOST_SIZE = 256 };

static void own_host(char host[HOST_SIZE]) {
    memset(host, 0, HOST_SIZE);
    gethostname(host, HOST_SIZE - 1);
}

static dstn_status compare_configs(const dstn_job *job, const char *text, const char *host, dstn_error *err) {
    char own[HOST_SIZE], key[DSTN_NAME_SIZE];
    dstn_doc *first;
    size_t count;
    if (dstn_doc_parse(text, "the config of rank 0", &first, err) != DSTN_OK) {
        return err->status;
    }
    dstn_section *sections = dstn_run_schema(&count);
    bool differs =
        dstn_schema_differs(sections, count, dstn_doc_root(first), dstn_doc_root(job->doc), key, sizeof(key));
    free(sections);
    dstn_doc_destroy(first);
    own_host(own);
    return differs
               ? dstn_fail(err, DSTN_ERROR_USAGE,
                           "%s on host %s: \"%s\" is not what rank 0 on host %s has; all ranks need the same config",
                           dstn_doc_name(job->doc), own, key, host)
               : DSTN_OK;
}

dstn_status run_job_ranks_have_same_config(const dstn_job *job, dstn_error *err) {
    if (dstn_group_size(job->group) == 1) {
        return DSTN_OK;
    }
    char host[HOST_SIZE];
    own_host(host);
    char *own = dstn_doc_text(job->doc), *text = dstn_group_broadcast_text(job->group, own);
    dstn_group_broadcast(job->group, host, sizeof(host));
    bool is_equal = strcmp(own, text) == 0;
    dstn_status status = is_equal ? DSTN_OK : compare_configs(job, text, host, err);
    free(own);
    free(text);
    return dstn_group_agree(job->group, status, err);
}

dstn_status run_job_ranks_have_same_data(const dstn_job *job, dstn_error *err) {
    struct {
        char host[HOST_SIZE], digest[DSTN_DIGEST_SIZE];
    } first;
    char own[HOST_SIZE];
    own_host(own);
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
