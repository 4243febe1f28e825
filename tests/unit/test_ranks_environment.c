/* What MPI is told before it starts: only where nobody else has said it. Each case is a process of its own, since MPI
 * starts once in each: this program once more, told a variable and the value that it must have then ("": none). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dstn/ranks.h"
#include "scratch.h"

#include <sys/wait.h>
#include <unistd.h>

/* Whether this is the Open MPI 4 of a Debian whose file excludes what makes windows between hosts. */
static bool windows_are_excluded(void) {
    size_t size;
    unsigned char *file = scratch_read("/etc/openmpi/openmpi-mca-params.conf", &size);
    bool excluded = file && strstr((char *)file, "\nosc = ^ucx,pt2pt") && strstr(dstn_ranks_version(), "MPI v4.");
    free(file);
    return excluded;
}

/* As the other process: starts MPI, and compares what stands in the environment then. */
static int start_and_compare(const char *variable, const char *wanted) {
    dstn_error err;
    bool started = dstn_ranks_start(NULL, NULL, &err) == DSTN_OK;
    const char *got = getenv(variable);
    return dstn_ranks_finish(started && strcmp(got ? got : "", wanted) == 0 ? 0 : 1);
}

typedef struct environment_case {
    const char *name, *value; /* in the environment; NULL: nothing */
    const char *line;         /* in the user's file; NULL: there is no file */
    const char *variable, *wanted;
} environment_case;

static void expect_after_start(environment_case given) {
    char *home = scratch_make();
    assert_non_null(home);
    char *folder = dstn_format("%s/.openmpi", home), *file = dstn_format("%s/mca-params.conf", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_true(!given.line || scratch_write(file, given.line, strlen(given.line)));
    pid_t child = fork();
    if (child == 0) {
        setenv("HOME", home, 1);
        unsetenv("OMPI_MCA_osc");
        unsetenv("OMPI_MCA_btl_tcp_disable_family");
        if (given.name) {
            setenv(given.name, given.value, 1);
        }
        execl("/proc/self/exe", "start_and_compare", given.variable, given.wanted, (char *)NULL);
        _exit(2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    free(file);
    free(folder);
    scratch_remove(home);
}

static const char osc[] = "OMPI_MCA_osc", family[] = "OMPI_MCA_btl_tcp_disable_family";

static void what_debian_excludes_is_let_in(void **state) {
    (void)state;
    const char *wanted = windows_are_excluded() ? "^ucx" : "";
    expect_after_start((environment_case){.variable = osc, .wanted = wanted});
    expect_after_start((environment_case){.line = "# osc = sm\noscillation = 1\n", .variable = osc, .wanted = wanted});
}

static void the_environment_stays_as_it_was_given(void **state) {
    (void)state;
    expect_after_start((environment_case){.name = osc, .value = "^ucx,pt2pt", .variable = osc, .wanted = "^ucx,pt2pt"});
    expect_after_start((environment_case){.name = family, .value = "0", .variable = family, .wanted = "0"});
}

static void a_file_of_the_user_stays_in_force(void **state) {
    (void)state;
    expect_after_start((environment_case){.line = "btl = tcp,self\n osc=^pt2pt,ucx\n", .variable = osc, .wanted = ""});
    expect_after_start((environment_case){.line = "btl_tcp_disable_family = 0\n", .variable = family, .wanted = ""});
}

static void who_chooses_interfaces_chooses_families(void **state) {
    (void)state;
    expect_after_start(
        (environment_case){.name = "OMPI_MCA_btl_tcp_if_exclude", .value = "lo", .variable = family, .wanted = ""});
    expect_after_start((environment_case){.line = "btl_tcp_if_exclude = lo\n", .variable = family, .wanted = ""});
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[0], "start_and_compare") == 0) {
        return start_and_compare(argv[1], argv[2]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_debian_excludes_is_let_in),
        cmocka_unit_test(the_environment_stays_as_it_was_given),
        cmocka_unit_test(a_file_of_the_user_stays_in_force),
        cmocka_unit_test(who_chooses_interfaces_chooses_families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
