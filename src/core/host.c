/* The name of this host. */
#include "dstn/core.h"

#include <string.h>
#include <unistd.h>

void dstn_host_name(char host[DSTN_HOST_SIZE]) {
    memset(host, 0, DSTN_HOST_SIZE);
    gethostname(host, DSTN_HOST_SIZE - 1);
}
