/* What an exported network needs beside its arrays, as JSON: the whole config, the input, the hyperparameters. */
#include "export.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* ---- configs ---- */

/* A scalar that YAML takes for a number. */
static bool reads_number(const char *text, double *value) {
    char *end;
    if (!strchr("+-.0123456789", text[0]) || strpbrk(text, "xX")) {
        return false;
    }
    *value = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*value);
}

static void print_scalar(FILE *out, const char *text) {
    double number;
    if (strcmp(text, "~") == 0 || strcmp(text, "null") == 0) {
        fputs("null", out);
    } else if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        fputs(text, out);
    } else if (reads_number(text, &number)) {
        tools_json_number(out, number);
    } else {
        tools_json_text(out, text);
    }
}

static void print_node(FILE *out, dstn_node node) {
    dstn_node_kind kind = dstn_node_get_kind(node);
    if (kind == DSTN_NODE_NONE || kind == DSTN_NODE_SCALAR) {
        print_scalar(out, kind == DSTN_NODE_SCALAR && dstn_node_text(node) ? dstn_node_text(node) : "~");
        return;
    }
    bool is_mapping = kind == DSTN_NODE_MAPPING;
    fputc(is_mapping ? '{' : '[', out);
    for (size_t i = 0; i < dstn_node_count(node); i++) {
        fputs(i ? "," : "", out);
        if (is_mapping) {
            tools_json_text(out, dstn_node_key_at(node, i));
            fputc(':', out);
        }
        print_node(out, dstn_node_at(node, i));
    }
    fputc(is_mapping ? '}' : ']', out);
}

/* ---- the input ---- */

static void print_numbers(FILE *out, int64_t count, const double *values) {
    for (int64_t i = 0; i < count; i++) {
        fputc(i ? ',' : '[', out);
        tools_json_number(out, values[i]);
    }
    fputs(count ? "]" : "[]", out);
}

static void print_shape(FILE *out, dstn_shape shape) {
    double dims[3];
    for (int d = 0; d < shape.rank; d++) {
        dims[d] = (double)shape.dims[d];
    }
    print_numbers(out, shape.rank, dims);
}

/* What images are normalized by before the network sees them (bytes as 0 … 1), and the words of a text. */
static void print_input(FILE *out, const dstn_job *job) {
    const dstn_dataset *data = job->dataset;
    fputs("{\"shape\":", out);
    print_shape(out, job->model->in);
    if (data && data->mean && data->deviation) {
        fputs(",\"mean\":", out);
        print_numbers(out, data->channels, data->mean);
        fputs(",\"deviation\":", out);
        print_numbers(out, data->channels, data->deviation);
    }
    if (data && data->words > 0) {
        fprintf(out, ",\"words\":%lld,\"vocabulary\":[", (long long)data->words);
        for (int64_t w = 0; data->vocabulary && w < data->words; w++) {
            fputs(w ? "," : "", out);
            tools_json_text(out, data->vocabulary[w]);
        }
        fputc(']', out);
    }
    fputc('}', out);
}

/* ---- hyperparameters ---- */

static void print_field(FILE *out, const char *name, double value) {
    fprintf(out, ",\"%s\":", name);
    tools_json_number(out, value);
}

static void print_hyperparameters(FILE *out, const dstn_space *space) {
    for (int i = 0; i < space->count; i++) {
        const dstn_hyper *hyper = &space->items[i];
        fputs(i ? ",{\"name\":" : "[{\"name\":", out);
        tools_json_text(out, hyper->name);
        print_field(out, "value", dstn_space_value(space, i, space->lambda[i]));
        print_field(out, "lambda", space->lambda[i]);
        print_field(out, "sigma", dstn_space_sigma(space, i));
        print_field(out, "low", hyper->low);
        print_field(out, "high", hyper->high);
        fprintf(out, ",\"transform\":\"%s\",\"discrete\":%s}", hyper->transform->name,
                hyper->discrete ? "true" : "false");
    }
    fputs(space->count ? "]" : "[]", out);
}

char *tools_export_metadata(const dstn_job *job, int64_t step, bool response) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return NULL;
    }
    fprintf(out, "{\"format\":\"dstn-network-1\",\"step\":%lld,\"method\":\"%s\",\"scalar\":\"%s\",\"response\":",
            (long long)step, job->method->name, dstn_scalar_name(job->kernel->scalar));
    fputs(!response ? "null" : job->model->response == DSTN_RESPONSE_FULL ? "\"full\"" : "\"structured\"", out);
    fputs(",\"input\":", out);
    print_input(out, job);
    fprintf(out, ",\"outputs\":%lld,\"hyperparameters\":", (long long)dstn_shape_count(job->model->out));
    print_hyperparameters(out, job->space);
    fputs(",\"config\":", out);
    print_node(out, dstn_doc_root(job->doc));
    fputc('}', out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
