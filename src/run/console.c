/* What a launch says of itself: its ranks and hosts, and what it is built of. */
#include "dstn/run.h"

#include <unistd.h>

#include "crowding.h"
#include "dstn/config.h"
#include "dstn/data.h"
#include "dstn/kernel.h"
#include "dstn/store.h"
#include "version.h"

void dstn_announce(const dstn_console *console, const char *what) {
    const char *host;
    int hosts = dstn_group_hosts(console->world, &host);
    int ranks = dstn_group_size(console->world), threads = dstn_kernel_init_threads();
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    dstn_log_info(&console->log, "%d rank%s on %d host%s (%s, %ld cores), %d thread%s each; %s", ranks,
                  ranks == 1 ? "" : "s", hosts, hosts == 1 ? "" : "s", host, cores, threads, threads == 1 ? "" : "s",
                  what);
    run_warn_of_crowding(console->world, &console->log, threads);
}

const char *dstn_version_commit(void) {
    return DSTN_COMMIT;
}

char *dstn_version_text(void) {
    return dstn_format("dstn %s (%s)\n%s\n%s\n%s\n%s\n%s; %s\n", DSTN_VERSION, DSTN_COMMIT, dstn_ranks_version(),
                       dstn_store_version(), dstn_kernel_version(), dstn_oracle_version(), dstn_config_version(),
                       dstn_data_version());
}
