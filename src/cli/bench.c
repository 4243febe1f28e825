/* dstn bench MODEL.yaml|CONFIG.yaml: what a step of a network costs; dstn bench --search METHODS: how fast searches
 * come near the least value of a function. */
#include "cli.h"

static int64_t or_else(int64_t given, int64_t usual) {
    return given > 0 ? given : usual;
}

static dstn_status bench_search(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    const cli_arguments *a = arguments;
    if (a->operand_count > 0 || a->method || a->precision || a->backend || a->scaling || a->batch || a->steps ||
        a->hyper || a->samples || a->length || a->words) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "--search: accepted beside it: --function, --set, --members, --parallel, --seeds and --json");
    }
    dstn_bench_search_request request = {.methods = arguments->search,
                                         .function = arguments->function ? arguments->function : "branin",
                                         .set = cli_assignments(arguments),
                                         .members = or_else(arguments->members, 50),
                                         .parallel = or_else(arguments->parallel, 1),
                                         .seeds = or_else(arguments->seeds, 20),
                                         .json = arguments->json};
    return dstn_bench_search(console, &request, err);
}

dstn_status cli_bench(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    if (arguments->search) {
        return bench_search(console, arguments, err);
    }
    if (arguments->function || arguments->members || arguments->parallel || arguments->seeds) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "--function, --members, --parallel and --seeds: accepted with --search");
    }
    if (arguments->operand_count == 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "usage: dstn bench MODEL.yaml|CONFIG.yaml, or --search METHODS");
    }
    dstn_bench_request request = {.path = arguments->operands[0],
                                  .set = cli_assignments(arguments),
                                  .method = arguments->method,
                                  .kernel = cli_kernel(arguments),
                                  .batch = arguments->batch,
                                  .steps = arguments->steps,
                                  .scaling = arguments->scaling,
                                  .length = arguments->length,
                                  .words = arguments->words,
                                  .samples = arguments->samples,
                                  .json = arguments->json};
    dstn_status status = arguments->hyper ? cli_read_count("hyper", arguments->hyper, 0, &request.hyper, err) : DSTN_OK;
    return status != DSTN_OK ? status : dstn_bench(console, &request, err);
}
