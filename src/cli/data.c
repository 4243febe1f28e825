/* dstn data check CONFIG.yaml: reads the data set and says what it found. dstn data synth: writes one to learn from. */
#include "cli.h"

#include <string.h>

static dstn_status synthesize(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    if (!arguments->out || arguments->operand_count != 1 || arguments->setting_count) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "accepted: dstn data synth --out DIR, with --seed, --rows and limits");
    }
    dstn_synth_request request = {.task.seed = (uint32_t)arguments->seed,
                                  .rows = arguments->rows ? arguments->rows : 10000,
                                  .folder = arguments->out};
    memcpy(request.task.limits, arguments->limits, sizeof request.task.limits);
    return dstn_synthesize(console, &request, err);
}

dstn_status cli_data(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    if (strcmp(arguments->operands[0], "synth") == 0) {
        return synthesize(console, arguments, err);
    }
    if (strcmp(arguments->operands[0], "check") != 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "dstn data %s: accepted: dstn data check CONFIG.yaml, dstn data synth --out DIR",
                         arguments->operands[0]);
    }
    if (arguments->operand_count != 2 || arguments->out || arguments->has_synth_options) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "accepted: dstn data check CONFIG.yaml, with --set");
    }
    return dstn_describe_data(console, arguments->operands[1], cli_assignments(arguments), err);
}
