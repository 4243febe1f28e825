/* ranks: what MPI is told before it starts, where nobody has told it anything.
 *
 * Debian 12 configures its Open MPI 4.1 with `osc = ^ucx,pt2pt`, without the one component that makes windows between
 * hosts over TCP. */
#include "environment.h"
#include "dstn/ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char variable[] = "OMPI_MCA_osc", file_of_system[] = "/etc/openmpi/openmpi-mca-params.conf";

enum { LINE_SIZE = 1024 };

static char *skip_blanks(char *text) {
    return text + strspn(text, " \t");
}

/* The value of a line `osc = VALUE`, inside of it; NULL: it is another line. */
static char *value_in_line(char *line) {
    char *at = skip_blanks(line);
    if (strncmp(at, "osc", 3) != 0) {
        return NULL;
    }
    at = skip_blanks(at + 3);
    if (*at != '=') {
        return NULL;
    }
    at = skip_blanks(at + 1);
    at[strcspn(at, " \t\r\n#")] = '\0';
    return at;
}

/* What a parameter file says of osc, the last line of it counting; NULL: nothing. Free with free(). */
static char *value_in_file(const char *path) {
    FILE *file = fopen(path, "r");
    char line[LINE_SIZE], *found = NULL;
    while (file && fgets(line, sizeof line, file)) {
        char *value = value_in_line(line);
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

/* Also where it names other files than those that are looked at here. */
static bool environment_says_it(void) {
    return getenv(variable) || getenv("OMPI_MCA_mca_base_param_files") || getenv("OMPI_MCA_mca_param_files");
}

static bool users_file_says_it(void) {
    const char *home = getenv("HOME");
    char *path = dstn_format("%s/.openmpi/mca-params.conf", home ? home : "");
    char *value = value_in_file(path);
    bool says = value != NULL;
    free(value);
    free(path);
    return says;
}

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

/* Debian's, and a version in which the component is: 5 has others that do its work. */
static bool reads_file_of_system(const char *version) {
    return strncmp(version, "Open MPI v4.", 12) == 0 && strstr(version, "Debian");
}

void ranks_prepare_environment(const char *version) {
    if (!reads_file_of_system(version) || environment_says_it() || users_file_says_it()) {
        return;
    }
    char *value = value_in_file(file_of_system), *rest = value ? without_pt2pt(value) : NULL;
    if (rest) {
        setenv(variable, rest, 0);
    }
    free(rest);
    free(value);
}
