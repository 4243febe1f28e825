/* What MPI is told before it starts: only where nobody else has said it. Each case is a process of its own, since MPI
 * starts once in each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dstn/ranks.h"
#include "scratch.h"

#include <sys/wait.h>

/* Whether this is the Open MPI 4 of a Debian whose file excludes what makes windows between hosts. */
static bool windows_are_excluded(void) {
    size_t size;
    unsigned char *file = scratch_read("/etc/openmpi/openmpi-mca-params.conf", &size);
    bool excluded = file && strstr((char *)file, "\nosc = ^ucx,pt2pt") && strstr(dstn_ranks_version(), "MPI v4.");
    free(file);
    return excluded;
}

/* Starts MPI with `given` in the environment (NULL: nothing) and `line` in the user's file (NULL: no file), and
 * compares what stands in the environment then. */
static void expect_after_start(const char *given, const char *line, const char *wanted) {
    char *home = scratch_make();
    assert_non_null(home);
    char *folder = dstn_format("%s/.openmpi", home), *file = dstn_format("%s/mca-params.conf", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_true(!line || scratch_write(file, line, strlen(line)));
    pid_t child = fork();
    if (child == 0) {
        setenv("HOME", home, 1);
        unsetenv("OMPI_MCA_osc");
        if (given) {
            setenv("OMPI_MCA_osc", given, 1);
        }
        dstn_error err;
        bool started = dstn_ranks_start(NULL, NULL, &err) == DSTN_OK;
        const char *got = getenv("OMPI_MCA_osc");
        bool same = got && wanted ? strcmp(got, wanted) == 0 : got == wanted;
        _exit(dstn_ranks_finish(started && same ? 0 : 1));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    free(file);
    free(folder);
    scratch_remove(home);
}

static void what_debian_excludes_is_let_in(void **state) {
    (void)state;
    expect_after_start(NULL, NULL, windows_are_excluded() ? "^ucx" : NULL);
    expect_after_start(NULL, "# osc = sm\noscillation = 1\n", windows_are_excluded() ? "^ucx" : NULL);
}

static void the_environment_stays_as_it_was_given(void **state) {
    (void)state;
    expect_after_start("^ucx,pt2pt", NULL, "^ucx,pt2pt");
}

static void a_file_of_the_user_stays_in_force(void **state) {
    (void)state;
    expect_after_start(NULL, "btl = tcp,self\n osc=^pt2pt\n", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_debian_excludes_is_let_in),
        cmocka_unit_test(the_environment_stays_as_it_was_given),
        cmocka_unit_test(a_file_of_the_user_stays_in_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
