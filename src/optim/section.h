/* optim: the section of an optimizer: its own keys, those of its type, and those of its schedule. */
#ifndef DSTN_OPTIM_SECTION_H
#define DSTN_OPTIM_SECTION_H

#include "dstn/optim.h"

typedef struct optim_section {
    const dstn_optimizer_type *type;
    const dstn_schedule_type *schedule;
    double rate, clip;
    int64_t average_after;
    void *type_settings, *schedule_settings; /* owned */
} optim_section;

/* Reads the whole section, whose keys are checked together. Afterwards the caller owns both settings. */
dstn_status optim_section_read(dstn_node node, const char *path, const char *default_name, optim_section *out,
                               dstn_error *err);
void optim_section_clear(optim_section *section);

#endif
