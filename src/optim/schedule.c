/* optim: one schedule: its type's settings and what it remembers. */
#include "section.h"

#include <stdlib.h>

struct dstn_schedule {
    const dstn_schedule_type *type;
    void *settings; /* of the type's options */
    double first_rate;
    double memory[DSTN_SCHEDULE_MEMORY]; /* [type->memory] */
};

dstn_status dstn_schedule_read(dstn_node node, const char *path, const char *default_name, dstn_schedule **out,
                               dstn_error *err) {
    *out = NULL;
    optim_section section;
    dstn_status status = optim_section_read(node, path, default_name, &section, err);
    if (status != DSTN_OK) {
        return status;
    }
    dstn_schedule *schedule = dstn_alloc(1, sizeof *schedule);
    schedule->type = section.schedule;
    schedule->settings = section.schedule_settings;
    schedule->first_rate = section.rate;
    if (schedule->type->start) {
        schedule->type->start(schedule->memory);
    }
    section.schedule_settings = NULL;
    optim_section_clear(&section);
    *out = schedule;
    return DSTN_OK;
}

void dstn_schedule_destroy(dstn_schedule *schedule) {
    if (!schedule) {
        return;
    }
    free(schedule->settings);
    free(schedule);
}

const char *dstn_schedule_name(const dstn_schedule *schedule) {
    return schedule->type->name;
}

bool dstn_schedule_needs_validation(const dstn_schedule *schedule) {
    return schedule->type->needs_validation;
}

double dstn_schedule_first_rate(const dstn_schedule *schedule) {
    return schedule->first_rate;
}

double dstn_schedule_next(dstn_schedule *schedule, int64_t epochs, double rate, double valid_loss) {
    const dstn_epoch_end end = {epochs, schedule->first_rate, rate, valid_loss};
    return schedule->type->next(schedule->settings, schedule->memory, &end);
}

void dstn_schedule_add_state(dstn_schedule *schedule, const char *prefix, dstn_state *state) {
    if (schedule->type->memory == 0) {
        return;
    }
    char name[DSTN_NAME_SIZE];
    snprintf(name, sizeof name, "%s/memory", prefix);
    dstn_state_add_values(state, name, DSTN_F64, schedule->type->memory, schedule->memory);
}
