/* dstn bench MODEL.yaml|CONFIG.yaml: what a step of a network costs. */
#include "cli.h"

dstn_status cli_bench(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    dstn_bench_request request = {.path = arguments->operands[0],
                                  .set = cli_assignments(arguments),
                                  .method = arguments->method,
                                  .kernel = cli_kernel(arguments),
                                  .batch = arguments->batch,
                                  .steps = arguments->steps,
                                  .hyper = arguments->hyper,
                                  .scaling = arguments->scaling,
                                  .length = arguments->length,
                                  .words = arguments->words,
                                  .samples = arguments->samples,
                                  .json = arguments->json};
    return dstn_bench(console, &request, err);
}
