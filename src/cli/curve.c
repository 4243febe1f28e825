/* dstn curve CHECKPOINT --hyper NAME: what the learned response predicts of one hyperparameter. */
#include "cli.h"

dstn_status cli_curve(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    dstn_curve_request request = {.checkpoint = arguments->operands[0],
                                  .set = cli_assignments(arguments),
                                  .hyper = arguments->hyper,
                                  .points = arguments->points ? arguments->points : 21,
                                  .has_range = arguments->has_range,
                                  .range = {arguments->range[0], arguments->range[1]},
                                  .retrain = arguments->retrain,
                                  .retrain_steps = arguments->retrain_steps ? arguments->retrain_steps : 100,
                                  .out = arguments->out};
    return dstn_curve(console, &request, err);
}
