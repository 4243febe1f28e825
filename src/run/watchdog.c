/* The watchdog of --hang-timeout. An interval timer ticks several times in a timeout, and a step sets the ticks back to
 * zero: a step costs two stores, and a suspended process, whose ticks fall together into one, isn't taken for a
 * hanging one. */
#include "watchdog.h"
#include "dstn/run.h"

#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { TICKS = 8 };                /* in a timeout */
static const double longest = 1e8; /* seconds; above that there is no watchdog */

/* What the handler looks at; it can't be given anything. */
static atomic_bool watching;
static atomic_int idle_ticks;
static atomic_llong last_step;
static int rank;
static double seconds;
static char where[256]; /* written while nothing is watched */

/* Decimal digits of a number; printf is not for handlers. */
static size_t print_number(long long number, char text[24]) {
    char digits[24];
    size_t count = 0, length = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) {
        text[length++] = digits[--count];
    }
    text[length++] = '\n';
    return length;
}

static void say_where(void) {
    char number[24];
    size_t length = print_number(atomic_load(&last_step), number);
    if (write(STDERR_FILENO, where, strlen(where)) < 0 || write(STDERR_FILENO, number, length) < 0) {
        return; /* there is nobody else to tell */
    }
}

/* MPI_Abort reaches the ranks that wait for this one; where MPI itself is what hangs, the next tick leaves without. */
static void on_tick(int number) {
    (void)number;
    if (!atomic_load(&watching)) {
        return;
    }
    int idle = atomic_fetch_add(&idle_ticks, 1) + 1;
    if (idle == TICKS) {
        say_where();
        dstn_ranks_abort(DSTN_ERROR_RUN);
    }
    if (idle > 2 * TICKS) {
        _exit(DSTN_ERROR_RUN);
    }
}

void dstn_watchdog_start(const dstn_group *world, double timeout) {
    if (!(timeout < longest)) {
        return;
    }
    rank = dstn_group_rank(world);
    seconds = timeout;
    dstn_on_signal(SIGALRM, on_tick, SA_NODEFER);
    double tick = timeout / TICKS;
    struct itimerval timer;
    timer.it_interval.tv_sec = (time_t)floor(tick);
    timer.it_interval.tv_usec = (suseconds_t)(1e6 * (tick - floor(tick)));
    if (timer.it_interval.tv_sec == 0 && timer.it_interval.tv_usec == 0) {
        timer.it_interval.tv_usec = 1; /* zero would be no timer at all */
    }
    timer.it_value = timer.it_interval;
    setitimer(ITIMER_REAL, &timer, NULL);
}

void run_watchdog_watch(const char *name, int64_t step) {
    char host[DSTN_HOST_SIZE];
    dstn_host_name(host);
    snprintf(where, sizeof(where),
             "dstn: rank %d on %.63s: no step of %s has finished for %g s (--hang-timeout); the last one was step ",
             rank, host, name, seconds);
    atomic_store(&last_step, step);
    atomic_store(&idle_ticks, 0);
    atomic_store(&watching, true);
}

void run_watchdog_release(void) {
    atomic_store(&watching, false);
}

static dstn_status on_step(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)self;
    (void)err;
    atomic_store_explicit(&last_step, dstn_trainer_progress(trainer)->step, memory_order_relaxed);
    atomic_store_explicit(&idle_ticks, 0, memory_order_relaxed);
    return DSTN_OK;
}

dstn_observer run_watchdog_observer(void) {
    return (dstn_observer){NULL, on_step, dstn_observer_ignore, dstn_observer_ignore};
}
