/* ranks: what MPI is told before it starts, where nobody has told it anything.
 *
 * Debian 12 configures its Open MPI 4.1 with `osc = ^ucx,pt2pt`, without the one component that makes windows between
 * hosts over TCP.
 *
 * Debian 13 builds its Open MPI 5.0 with IPv6. Of an interface with addresses of both families that takes the IPv6 one
 * alone, and where the kernel names no way from one to the other (a prefix of 128 bits, a router that keeps hosts
 * apart, ranks on one host) it gives up, though IPv4 would do. It is told to use IPv4 then. */
#define _DEFAULT_SOURCE /* the flags of <net/if.h> */
#include "environment.h"
#include "dstn/ranks.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PREFIX "OMPI_MCA_"

static const char file_of_system[] = "/etc/openmpi/openmpi-mca-params.conf";

enum { LINE_SIZE = 1024 };

/* ---- what others have said --------------------------------------------------------------------------------------- */

static char *skip_blanks(char *text) {
    return text + strspn(text, " \t");
}

/* The value of a line `NAME = VALUE`, inside of it; NULL: it is another line. */
static char *value_in_line(char *line, const char *name) {
    char *at = skip_blanks(line);
    size_t length = strlen(name);
    if (strncmp(at, name, length) != 0) {
        return NULL;
    }
    at = skip_blanks(at + length);
    if (*at != '=') {
        return NULL;
    }
    at = skip_blanks(at + 1);
    at[strcspn(at, " \t\r\n#")] = '\0';
    return at;
}

/* What a parameter file says of a parameter, the last line of it counting; NULL: nothing. Free with free(). */
static char *value_in_file(const char *path, const char *name) {
    FILE *file = fopen(path, "r");
    char line[LINE_SIZE], *found = NULL;
    while (file && fgets(line, sizeof line, file)) {
        char *value = value_in_line(line, name);
        if (value) {
            free(found);
            found = dstn_strdup(value);
        }
    }
    if (file) {
        fclose(file);
    }
    return found;
}

static bool file_says(const char *path, const char *name) {
    char *value = value_in_file(path, name);
    bool says = value != NULL;
    free(value);
    return says;
}

/* Such files are not looked at here, whatever they say. */
static bool names_other_files(void) {
    return getenv(PREFIX "mca_base_param_files") || getenv(PREFIX "mca_param_files");
}

static bool environment_says(const char *name) {
    char *variable = dstn_format(PREFIX "%s", name);
    bool says = getenv(variable) != NULL;
    free(variable);
    return says;
}

/* By the environment, which mpirun's --mca goes into, or by a file. */
static bool user_says(const char *name) {
    const char *home = getenv("HOME");
    char *path = dstn_format("%s/.openmpi/mca-params.conf", home ? home : "");
    bool says = environment_says(name) || file_says(path, name);
    free(path);
    return says;
}

/* ---- windows between hosts --------------------------------------------------------------------------------------- */

/* "^ucx,pt2pt" without pt2pt; NULL where the list doesn't exclude it. Free with free(). */
static char *without_pt2pt(const char *list) {
    if (list[0] != '^') {
        return NULL;
    }
    char *rest = dstn_strdup(""), *words = dstn_strdup(list + 1);
    bool found = false;
    for (char *word = strtok(words, ","); word; word = strtok(NULL, ",")) {
        if (strcmp(word, "pt2pt") == 0) {
            found = true;
            continue;
        }
        char *longer = dstn_format("%s%s%s", rest, rest[0] ? "," : "^", word);
        free(rest);
        rest = longer;
    }
    free(words);
    if (!found) {
        free(rest);
        return NULL;
    }
    return rest;
}

static void let_windows_in(void) {
    if (user_says("osc")) {
        return;
    }
    char *value = value_in_file(file_of_system, "osc"), *rest = value ? without_pt2pt(value) : NULL;
    if (rest) {
        setenv(PREFIX "osc", rest, 0);
    }
    free(rest);
    free(value);
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

/* Whether another host could have a way to it; of IPv6 without the addresses that every interface gives itself. */
static bool is_address(const struct ifaddrs *one, int family) {
    if (!one->ifa_addr || one->ifa_addr->sa_family != family || !(one->ifa_flags & IFF_UP) ||
        (one->ifa_flags & IFF_LOOPBACK)) {
        return false;
    }
    struct sockaddr_in6 address;
    if (family == AF_INET6) {
        memcpy(&address, one->ifa_addr, sizeof address);
    }
    return family == AF_INET || !IN6_IS_ADDR_LINKLOCAL(&address.sin6_addr);
}

static bool has_address(const struct ifaddrs *all, const char *interface, int family) {
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        if (strcmp(one->ifa_name, interface) == 0 && is_address(one, family)) {
            return true;
        }
    }
    return false;
}

static bool has_interface_of_both_families(void) {
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0) {
        return false;
    }
    bool has = false;
    for (const struct ifaddrs *one = all; one && !has; one = one->ifa_next) {
        has = is_address(one, AF_INET6) && has_address(all, one->ifa_name, AF_INET);
    }
    freeifaddrs(all);
    return has;
}

static void keep_to_ipv4(void) {
    static const char *const names[] = {"btl_tcp_disable_family", "btl_tcp_if_include", "btl_tcp_if_exclude"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (user_says(names[i]) || file_says(file_of_system, names[i])) {
            return;
        }
    }
    if (has_interface_of_both_families()) {
        setenv(PREFIX "btl_tcp_disable_family", "6", 0);
    }
}

/* ------------------------------------------------------------------------------------------------------------------ */

/* Only of Debian's is it known which file the system's is. */
void ranks_prepare_environment(const char *version) {
    if (!strstr(version, "Debian") || names_other_files()) {
        return;
    }
    if (strncmp(version, "Open MPI v4.", 12) == 0) {
        let_windows_in(); /* 5 has other components that make them */
    } else if (strncmp(version, "Open MPI v5.", 12) == 0) {
        keep_to_ipv4();
    }
}
