/* core: what the program's parent wanted of signals.
 *
 * nohup asks by ignoring SIGHUP, which main() can't see any more where a library has taken the signal before: UCX does,
 * when it is loaded, and the Open MPI of Debian 13 is linked with it. The functions of .preinit_array come before those
 * of all libraries; elsewhere main() has to do. */
#include "dstn/core.h"

#include <signal.h>

static bool has_looked;
static bool hang_up_was_ignored;

static void look(void) {
    struct sigaction present;
    has_looked = true;
    hang_up_was_ignored = sigaction(SIGHUP, NULL, &present) == 0 && present.sa_handler == SIG_IGN;
}

#if defined(__GNUC__) && defined(__ELF__)
__attribute__((__section__(".preinit_array"), __used__)) static void (*const look_first)(void) = look;
#endif

bool dstn_hang_up_was_ignored(void) {
    if (!has_looked) {
        look();
    }
    return hang_up_was_ignored;
}
