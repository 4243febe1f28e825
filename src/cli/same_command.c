/* Whether all ranks were started with one command line: mpirun takes several, and ranks that do different things wait
 * for each other for ever. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* Each host may have the data elsewhere. */
static bool is_own_affair(const char *word) {
    static const char set[] = "--set=", path[] = "data.path=";
    word += strncmp(word, set, sizeof set - 1) == 0 ? sizeof set - 1 : 0;
    return strncmp(word, path, sizeof path - 1) == 0;
}

/* A line a word. */
static char *join(int argc, char **argv) {
    char *text = dstn_strdup("");
    for (int i = 1; i < argc; i++) {
        char *more = dstn_format("%s%s\n", text, is_own_affair(argv[i]) ? "data.path=" : argv[i]);
        free(text);
        text = more;
    }
    return text;
}

dstn_status cli_same_command(const dstn_group *world, int argc, char **argv, dstn_error *err) {
    if (dstn_group_size(world) == 1) {
        return DSTN_OK;
    }
    char host[DSTN_HOST_SIZE];
    dstn_host_name(host);
    char *own = join(argc, argv), *first = dstn_group_broadcast_text(world, own);
    dstn_status status = DSTN_OK;
    if (strcmp(own, first) != 0) {
        status = dstn_fail(err, DSTN_ERROR_USAGE,
                           "rank %d on host %s was started with another command line than rank 0; all ranks need the "
                           "same (data.path alone may differ)",
                           dstn_group_rank(world), host);
    }
    free(own);
    free(first);
    return dstn_group_agree(world, status, err);
}
