/* core: signal handlers on a stack of their own. */
#include "dstn/core.h"

#include <signal.h>
#include <string.h>

/* A frame with all vector registers, and what MPI_Abort needs when a handler calls it. */
enum { STACK_SIZE = 256 * 1024 };

static void give_stack(void) {
    stack_t present;
    if (sigaltstack(NULL, &present) != 0 || !(present.ss_flags & SS_DISABLE)) {
        return;
    }
    static char stack[STACK_SIZE]; /* handlers are the process's */
    stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&own, NULL);
}

void dstn_on_signal(int number, void (*handler)(int), int flags) {
    give_stack();
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags | SA_RESTART | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}
