/* dstn sample CHECKPOINT: words that a language model draws. */
#include "cli.h"

dstn_status cli_sample(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    const dstn_sample_request request = {.checkpoint = arguments->operands[0],
                                         .set = cli_assignments(arguments),
                                         .words = arguments->words ? arguments->words : 100,
                                         .temperature = arguments->temperature,
                                         .seed = (uint32_t)arguments->seed,
                                         .prompt = arguments->prompt};
    return dstn_sample(console, &request, err);
}
