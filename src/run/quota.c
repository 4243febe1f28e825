/* The share of a host's processors that a control group leaves to this process: containers are limited so, and nothing
 * that counts processors shows it. */
#include "quota.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/core.h"

/* The first number of a file, and the one behind it; how many were there. */
static int read_numbers(const char *folder, const char *name, double numbers[2]) {
    char *path = dstn_format("%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    int count = file ? fscanf(file, "%lf %lf", &numbers[0], &numbers[1]) : 0;
    if (file) {
        fclose(file);
    }
    free(path);
    return count;
}

/* Cores that one group grants; INFINITY: as many as there are. Version 2 says "max 100000" where there is no limit. */
static double quota_of(const char *folder) {
    double numbers[2], period[2];
    if (read_numbers(folder, "cpu.max", numbers) == 2) {
        return numbers[0] > 0 && numbers[1] > 0 ? numbers[0] / numbers[1] : INFINITY;
    }
    if (read_numbers(folder, "cpu.cfs_quota_us", numbers) >= 1 && numbers[0] > 0 &&
        read_numbers(folder, "cpu.cfs_period_us", period) >= 1 && period[0] > 0) {
        return numbers[0] / period[0];
    }
    return INFINITY;
}

/* Of a group below `root` and all groups around it. In a container the path may be that of the host: its own are then
 * those at the root. */
static double least_quota(const char *root, const char *group) {
    char *folder = dstn_format("%s%s", root, group);
    double least = quota_of(root);
    for (char *end = folder + strlen(folder); end && end > folder + strlen(root); end = strrchr(folder, '/')) {
        *end = '\0';
        least = fmin(least, quota_of(folder));
    }
    free(folder);
    return least;
}

/* Whether a comma-separated list of controllers has the processors'. */
static bool has_cpu(const char *controllers) {
    size_t length = strcspn(controllers, ":");
    for (const char *word = controllers; word < controllers + length; word += strcspn(word, ",:") + 1) {
        if (strncmp(word, "cpu", 3) == 0 && strchr(",:", word[3])) {
            return true;
        }
    }
    return false;
}

double run_cpu_quota(void) {
    double least = INFINITY;
    char line[1024];
    FILE *groups = fopen("/proc/self/cgroup", "r");
    while (groups && fgets(line, sizeof line, groups)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (group && group == controllers + 1) {
            least = fmin(least, least_quota("/sys/fs/cgroup", group + 1));
        } else if (group && has_cpu(controllers + 1)) {
            least = fmin(least, least_quota("/sys/fs/cgroup/cpu", group + 1));
        }
    }
    if (groups) {
        fclose(groups);
    }
    return least;
}
