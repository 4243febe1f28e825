/* dstn bench: what a step of a network costs, against the best rate of the machine's matrix products. The data are
 * noise. A model's file gives the network alone: its hyperparameters are those that it names, and the rest is the
 * paper's settings. A config is a job with its own settings, whose data alone are not read. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "choose.h"

static dstn_status choose_method(const char *name, const dstn_method **out, dstn_error *err) {
    dstn_method_settings settings;
    dstn_binding binding = {dstn_method_options, &settings};
    dstn_doc *doc;
    dstn_status status = dstn_doc_parse("centered: auto", "--method", &doc, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = dstn_doc_put(doc, "method", name, "--method", err);
    if (status == DSTN_OK) {
        status = dstn_options_read(dstn_doc_root(doc), "", &binding, 1, err);
    }
    if (status == DSTN_OK) {
        status = dstn_method_choose(&settings, out, err);
    }
    dstn_doc_destroy(doc);
    return status;
}

static dstn_status put_count(dstn_doc *doc, const char *key, int64_t count, const char *option, dstn_error *err) {
    char *value = dstn_format("%lld", (long long)count);
    dstn_status status = dstn_doc_put(doc, key, value, option, err);
    free(value);
    return status;
}

/* ---- of a model -------------------------------------------------------------------------------------------------- */

/* The paper's settings for networks. The lengths are irrelevant here: steps are taken singly. */
static dstn_status read_setup(tools_bench *bench, const dstn_bench_request *request, dstn_error *err) {
    const char *text = "train: {iterations: 1, train_steps: 5, valid_steps: 1, entropy_weight: 1e-3}\n"
                       "optimizer: {name: sgd, rate: 0.01, momentum: 0.9}\n"
                       "hyper_optimizer: {name: rmsprop, rate: 0.01}\n";
    dstn_status status = dstn_doc_parse(text, "bench", &bench->setup, err);
    if (status == DSTN_OK) {
        status = put_count(bench->setup, "train.batch", request->batch > 0 ? request->batch : TOOLS_BENCH_BATCH,
                           "--batch", err);
    }
    if (status == DSTN_OK && request->samples > 0) {
        status = put_count(bench->setup, "train.samples", request->samples, "--samples", err);
    }
    if (status == DSTN_OK && request->length > 0) {
        status = put_count(bench->setup, "train.length", request->length, "--length", err);
    }
    if (status == DSTN_OK && request->words > 0) {
        status = put_count(bench->file, "words", request->words, "--words", err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    dstn_node root = dstn_doc_root(bench->setup);
    dstn_binding binding = {dstn_train_options, &bench->train};
    bench->optimizer = dstn_node_child(root, "optimizer");
    bench->hyper_optimizer = dstn_node_child(root, "hyper_optimizer");
    return dstn_options_read(dstn_node_child(root, "train"), "train", &binding, 1, err);
}

static dstn_status make_model(tools_bench *bench, int64_t inert, dstn_error *err) {
    dstn_node root = dstn_doc_root(bench->file);
    dstn_status status = tools_bench_space(dstn_node_child(root, "layers"), inert, &bench->space, err);
    if (status != DSTN_OK) {
        return status;
    }
    if (bench->method->tunes && bench->space->count == 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "%s names no hyperparameter, which method %s needs; --hyper N adds N of them, and --method "
                         "fixed needs none",
                         bench->path, bench->method->name);
    }
    const dstn_dataset sizes = dstn_synthetic_sizes(root, &bench->train);
    dstn_model_request wanted = {
        .node = root,
        .kernel = bench->kernel,
        .space = bench->space,
        .input = dstn_synthetic_shape(root),
        .train_rows = sizes.rows[DSTN_PART_TRAIN],
    };
    dstn_train_size_model(&bench->train, &sizes, bench->group, &wanted);
    status = dstn_model_new(&wanted, &bench->model, err);
    if (status == DSTN_OK) {
        dstn_model_initialize(bench->model, 0);
    }
    return status;
}

static dstn_status make_trainer(const tools_bench *bench, const dstn_method *method, dstn_trainer **out,
                                dstn_error *err) {
    dstn_trainer_request wanted = {
        .method = method,
        .train = bench->train,
        .optimizer = bench->optimizer,
        .hyper_optimizer = bench->hyper_optimizer,
        .augment = bench->augment,
        .model = bench->model,
        .space = bench->space,
        .dataset = bench->dataset,
        .group = bench->group,
    };
    return dstn_trainer_new(&wanted, out, err);
}

/* The data's shape is the model's, so they are made second, and yet belong to what was there before it. Each
 * rank reads its own files. */
static dstn_status assemble(tools_bench *bench, const dstn_bench_request *request, dstn_error *err) {
    const char *method = request->method ? request->method : TOOLS_BENCH_METHOD;
    dstn_status status = tools_choose_kernel(request->kernel, &bench->kernel, err);
    if (status == DSTN_OK) {
        status = choose_method(method, &bench->method, err);
    }
    if (status == DSTN_OK) {
        status = read_setup(bench, request, err);
    }
    int64_t before = tools_bench_resident();
    if (status == DSTN_OK) {
        status = make_model(bench, request->hyper > 0 ? request->hyper : 0, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    int64_t without_data = tools_bench_resident();
    bench->dataset = dstn_synthetic_data(bench->model, &bench->train, 0);
    bench->rss_start = before < 0 ? before : before + tools_bench_resident() - without_data;
    return DSTN_OK;
}

static dstn_status open_model(tools_bench *bench, const dstn_bench_request *request, dstn_error *err) {
    dstn_status status = dstn_group_agree(bench->group, assemble(bench, request, err), err);
    if (status == DSTN_OK) { /* on all ranks, which make a trainer together */
        status = dstn_group_agree(bench->group, make_trainer(bench, bench->method, &bench->trainer, err), err);
    }
    return status;
}

/* ---- of a config ------------------------------------------------------------------------------------------------- */

/* What the command line says in place of the config. A network whose batches are in shards has one trainer, and here
 * are two. */
static dstn_status put_request(dstn_doc *doc, const dstn_bench_request *request, dstn_error *err) {
    const struct {
        const char *key, *value, *option;
    } texts[] = {{"method", request->method, "--method"},
                 {"precision", request->kernel.precision, "--precision"},
                 {"backend", request->kernel.backend, "--backend"},
                 {"reproducible", "false", "bench"}};
    const struct {
        const char *key;
        int64_t value;
        const char *option;
    } counts[] = {{"train.batch", request->batch, "--batch"},
                  {"train.samples", request->samples, "--samples"},
                  {"train.length", request->length, "--length"},
                  {"model.words", request->words, "--words"}};
    dstn_status status = DSTN_OK;
    if (request->hyper > 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "--hyper %lld: %s is a config, whose hyperparameters are its own; accepted: with a model",
                         (long long)request->hyper, request->path);
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && status == DSTN_OK; i++) {
        status = texts[i].value ? dstn_doc_put(doc, texts[i].key, texts[i].value, texts[i].option, err) : DSTN_OK;
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && status == DSTN_OK; i++) {
        status = counts[i].value > 0 ? put_count(doc, counts[i].key, counts[i].value, counts[i].option, err) : DSTN_OK;
    }
    return status;
}

static dstn_status open_config(tools_bench *bench, const dstn_bench_request *request, dstn_error *err) {
    dstn_status status = dstn_group_agree(bench->group, put_request(bench->file, request, err), err);
    if (status != DSTN_OK) {
        return status;
    }
    int64_t before = tools_bench_resident();
    dstn_job *job;
    status = dstn_job_new_synthetic(bench->file, bench->group, bench->log, &job, err);
    bench->file = NULL; /* the job's now, or gone */
    if (status != DSTN_OK) {
        return status;
    }
    bench->job = job;
    bench->optimizer = job->settings.optimizer;
    bench->hyper_optimizer = job->settings.hyper_optimizer;
    bench->method = job->method;
    bench->kernel = job->kernel;
    bench->train = job->train;
    bench->space = job->space;
    bench->model = job->model;
    bench->dataset = job->dataset;
    bench->augment = job->augment;
    bench->trainer = job->trainer;
    bench->rss_start = before < 0 ? before : before + (int64_t)dstn_dataset_memory_used(job->dataset);
    return DSTN_OK;
}

/* ---- of either --------------------------------------------------------------------------------------------------- */

dstn_status tools_bench_open(tools_bench *bench, const dstn_bench_request *request, dstn_error *err) {
    dstn_status status = dstn_job_load(bench->path, request->set, &bench->file, err);
    if (dstn_group_agree(bench->group, status, err) != DSTN_OK) {
        return err->status;
    }
    if (dstn_ranks_have_same_config(bench->file, bench->group, err) != DSTN_OK) {
        return err->status;
    }
    bool is_model = dstn_node_get_kind(dstn_node_child(dstn_doc_root(bench->file), "layers")) != DSTN_NODE_NONE;
    return (is_model ? open_model : open_config)(bench, request, err);
}

void tools_bench_close(tools_bench *bench) {
    if (bench->job) {
        dstn_job_destroy(bench->job);
        return;
    }
    dstn_trainer_destroy(bench->trainer);
    dstn_model_destroy(bench->model);
    dstn_space_destroy(bench->space);
    if (bench->dataset) {
        dstn_dataset_destroy(bench->dataset);
    }
    dstn_doc_destroy(bench->file);
    dstn_doc_destroy(bench->setup);
}

/* As many as asked for, or as take about five seconds. The leader's clock decides. */
static int64_t choose_steps(const tools_bench *bench, int64_t asked, double seconds) {
    const double time = 5, fewest = 3, most = 100000;
    int64_t steps = asked > 0 ? asked : (int64_t)fmin(most, fmax(fewest, time / seconds));
    dstn_group_broadcast(bench->group, &steps, sizeof(steps));
    return steps;
}

static dstn_status measure(tools_bench *bench, const dstn_bench_request *request, FILE *out, dstn_error *err) {
    double seconds;
    tools_bench_memory memory = tools_bench_measure_memory(bench, &seconds);
    const dstn_method *fixed;
    dstn_trainer *ordinary = NULL;
    dstn_status status = choose_method("fixed", &fixed, err);
    if (status == DSTN_OK) {
        status = make_trainer(bench, fixed, &ordinary, err);
    }
    if (dstn_group_agree(bench->group, status, err) == DSTN_OK) {
        int64_t steps = choose_steps(bench, request->steps, seconds);
        tools_bench_times times = tools_bench_measure_times(bench, ordinary, steps);
        times.augment = tools_bench_measure_augment(bench);
        tools_bench_traffic traffic = tools_bench_measure_traffic(bench);
        if (out) {
            tools_bench_print(bench, &memory, &times, &traffic, ordinary, request->json, out);
        }
    }
    dstn_trainer_destroy(ordinary);
    return err->status;
}

static dstn_status bench_once(const dstn_console *console, const dstn_bench_request *request, dstn_error *err) {
    tools_bench bench = {.group = console->world, .log = &console->log, .path = request->path};
    dstn_status status = tools_bench_open(&bench, request, err);
    if (status == DSTN_OK) {
        dstn_announce(console, bench.path);
        if (request->hyper > 0) {
            dstn_log_info(&console->log, "%lld of the hyperparameters are inert: no layer uses them",
                          (long long)request->hyper);
        }
        status = measure(&bench, request, console->out, err);
    }
    tools_bench_close(&bench);
    return status;
}

dstn_status dstn_bench(const dstn_console *console, const dstn_bench_request *request, dstn_error *err) {
    return (request->scaling ? tools_bench_scaling : bench_once)(console, request, err);
}
