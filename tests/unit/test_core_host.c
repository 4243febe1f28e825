/* core: the name of the host, which ranks compare as whole arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/utsname.h>

#include "dstn/core.h"

static void the_name_ends_in_zeros(void **state) {
    (void)state;
    struct utsname system;
    char host[DSTN_HOST_SIZE];
    memset(host, 'x', sizeof host);
    dstn_host_name(host);
    assert_int_equal(uname(&system), 0);
    assert_string_equal(host, system.nodename);
    for (size_t i = strlen(system.nodename); i < sizeof host; i++) {
        assert_int_equal(host[i], 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_name_ends_in_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
