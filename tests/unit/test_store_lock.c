/* The lock that keeps two launches out of one directory. The other launch is a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dstn/store.h"
#include "scratch.h"

#include <signal.h>
#include <sys/wait.h>

static char *folder;

/* What another process gets when it tries: its status, and its message in *err. */
static dstn_status try_elsewhere(dstn_error *err) {
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        dstn_lock *lock;
        dstn_error mine = {0};
        mine.status = dstn_lock_take(folder, NULL, &lock, &mine);
        _exit(write(pipes[1], &mine, sizeof mine) == (ssize_t)sizeof mine ? 0 : 1);
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], err, sizeof *err), (int)sizeof *err);
    close(pipes[0]);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return err->status;
}

/* A process that takes the lock, says so, and waits to be killed. */
static pid_t hold_elsewhere(void) {
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        dstn_lock *lock;
        dstn_error err;
        char ready = dstn_lock_take(folder, NULL, &lock, &err) == DSTN_OK;
        if (write(pipes[1], &ready, 1) == 1) {
            for (;;) {
                pause();
            }
        }
        _exit(1);
    }
    close(pipes[1]);
    char ready = 0;
    assert_int_equal(read(pipes[0], &ready, 1), 1);
    assert_int_equal(ready, 1);
    close(pipes[0]);
    return child;
}

static void a_second_launch_is_told_who_holds_the_directory(void **state) {
    (void)state;
    dstn_lock *lock = NULL;
    dstn_error err = {0};
    setenv("SLURM_JOB_ID", "4711", 1);
    assert_int_equal(dstn_lock_take(folder, NULL, &lock, &err), DSTN_OK);
    char holder[64];
    snprintf(holder, sizeof holder, "process %ld, job 4711", (long)getpid());
    for (int i = 0; i < 2; i++) { /* being refused takes nothing from the holder */
        assert_int_equal(try_elsewhere(&err), DSTN_ERROR_RUN);
        assert_non_null(strstr(err.message, folder));
        assert_non_null(strstr(err.message, holder));
        assert_non_null(strstr(err.message, "host "));
    }
    dstn_lock_release(lock);
    assert_int_equal(try_elsewhere(&err), DSTN_OK);
    unsetenv("SLURM_JOB_ID");
}

static void a_killed_holder_leaves_no_lock_behind(void **state) {
    (void)state;
    pid_t child = hold_elsewhere();
    dstn_lock *lock = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_lock_take(folder, NULL, &lock, &err), DSTN_ERROR_RUN);
    assert_null(lock);
    char holder[32];
    snprintf(holder, sizeof holder, "process %ld,", (long)child);
    assert_non_null(strstr(err.message, holder));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(dstn_lock_take(folder, NULL, &lock, &err), DSTN_OK);
    dstn_lock_release(lock);
}

static void a_folder_that_is_not_there_is_named(void **state) {
    (void)state;
    dstn_lock *lock = NULL;
    dstn_error err = {0};
    char *none = dstn_format("%s/none", folder);
    assert_int_equal(dstn_lock_take(none, NULL, &lock, &err), DSTN_ERROR_RUN);
    assert_non_null(strstr(err.message, none));
    assert_non_null(strstr(err.message, "No such file or directory"));
    dstn_lock_release(NULL);
    free(none);
}

/* A lock file is truncated when it is taken: what it leads to must not be. */
static void nothing_is_written_through_a_link_by_the_locks_name(void **state) {
    (void)state;
    char *victim = dstn_format("%s/victim", folder), *path = dstn_format("%s/lock", folder);
    for (int i = 0; i < 4; i++) {
        assert_true(scratch_write(victim, "precious", 8));
        unlink(path);
        assert_int_equal(i == 0   ? symlink("victim", path)
                         : i == 1 ? link(victim, path)
                         : i == 2 ? mkfifo(path, 0600)
                                  : symlink("nowhere", path),
                         0);
        dstn_lock *lock = NULL;
        dstn_error err = {0};
        alarm(20);
        assert_int_equal(dstn_lock_take(folder, NULL, &lock, &err), DSTN_ERROR_RUN);
        alarm(0);
        assert_null(lock);
        assert_non_null(strstr(err.message, path));
        assert_non_null(strstr(err.message, i == 0 || i == 3 ? "a symbolic link" : "no regular file with one name"));
        size_t size = 0;
        unsigned char *bytes = scratch_read(victim, &size);
        assert_true(size == 8 && memcmp(bytes, "precious", 8) == 0);
        free(bytes);
        unlink(victim);
    }
    char *nowhere = dstn_format("%s/nowhere", folder);
    assert_int_not_equal(access(nowhere, F_OK), 0);
    unlink(path);
    free(nowhere);
    free(victim);
    free(path);
}

static int make_folder(void **state) {
    (void)state;
    folder = scratch_make();
    return folder ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_launch_is_told_who_holds_the_directory),
        cmocka_unit_test(a_killed_holder_leaves_no_lock_behind),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
        cmocka_unit_test(nothing_is_written_through_a_link_by_the_locks_name),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
