/* core: stdin, stdout and stderr, as the program finds and leaves them. */
#include "dstn/core.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void go_on(int number) {
    (void)number; /* the call that it came from says what is wrong */
}

static void turn_into_an_error(int number) {
    struct sigaction present;
    if (sigaction(number, NULL, &present) != 0 || present.sa_handler != SIG_IGN) {
        dstn_on_signal(number, go_on, 0);
    }
}

/* `flags` say what can be done with the descriptor then. open() takes the lowest number that is free. */
static void occupy(int descriptor, int flags) {
    if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF) {
        int taken = open("/dev/null", flags);
        if (taken >= 0 && taken != descriptor) {
            dup2(taken, descriptor);
            close(taken);
        }
    }
}

/* Results are written at once, so that the system's reason is known where they can't be: of a buffer that overflows on
 * the way only that it was lost. What a person reads line by line stays as it is. */
static void widen_stdout(void) {
    static char buffer[1 << 16];
    if (!isatty(STDOUT_FILENO)) {
        setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    }
}

void dstn_streams_open(void) {
    occupy(STDIN_FILENO, O_RDONLY);
    occupy(STDOUT_FILENO, O_RDONLY); /* so that results are seen to be lost */
    occupy(STDERR_FILENO, O_WRONLY);
    turn_into_an_error(SIGPIPE);
    turn_into_an_error(SIGXFSZ);
    widen_stdout();
}

/* Some file systems tell on closing what they could not keep. */
static int reason_at_close(void) {
    int copy = dup(STDOUT_FILENO);
    return copy >= 0 && close(copy) != 0 && errno != EINTR ? errno : 0;
}

/* Once lost, always lost. */
static int reason_lost;

dstn_status dstn_streams_flush(dstn_error *err) {
    bool had_failed = ferror(stdout) != 0;
    int reason = fflush(stdout) != 0 ? errno : had_failed ? 0 : reason_at_close();
    reason_lost = reason_lost ? reason_lost : reason;
    if (reason_lost != 0) {
        return dstn_fail(err, DSTN_ERROR_RUN, "stdout can't be written: %s", strerror(reason_lost));
    }
    if (had_failed) { /* and could be written again since */
        return dstn_fail(err, DSTN_ERROR_RUN, "stdout can't be written: a part was lost on the way");
    }
    return DSTN_OK;
}
