/* Reads the options of a command. */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Positions in the table below; short options are the letters themselves. */
enum {
    SET = 256,
    OUT,
    PRECISION,
    BACKEND,
    RANKS,
    TIME_LIMIT,
    HANG_TIMEOUT,
    INIT,
    FROM,
    LAUNCH,
    KILL_RANK,
    AT_STEP,
    RANDOM,
    METHOD,
    BATCH,
    STEPS,
    HYPER,
    SAMPLES,
    LENGTH,
    WORDS,
    SEARCH,
    FUNCTION,
    MEMBERS,
    SEEDS,
    PARALLEL,
    TEMPERATURE,
    PROMPT,
    FORMAT,
    POINTS,
    RANGE,
    RETRAIN,
    RETRAIN_STEPS,
    SEED,
    ROWS,
    LIMIT, /* the first of DSTN_SYNTH_LIMITS, in the order of dstn_synth_kind */
    DURING_CHECKPOINT = LIMIT + DSTN_SYNTH_LIMITS,
    RESUME,
    PLAN,
    PROFILE,
    SCALING,
    RESPONSE,
    SCHEDULE,
    FINAL_VALUE,
    JSON,
    QUIET,
    VERBOSE,
    HELP
};

static const struct option options[] = {{"set", required_argument, NULL, SET},
                                        {"out", required_argument, NULL, OUT},
                                        {"precision", required_argument, NULL, PRECISION},
                                        {"backend", required_argument, NULL, BACKEND},
                                        {"ranks-per-member", required_argument, NULL, RANKS},
                                        {"time-limit", required_argument, NULL, TIME_LIMIT},
                                        {"hang-timeout", required_argument, NULL, HANG_TIMEOUT},
                                        {"init", required_argument, NULL, INIT},
                                        {"from", required_argument, NULL, FROM},
                                        {"launch", required_argument, NULL, LAUNCH},
                                        {"kill-rank", required_argument, NULL, KILL_RANK},
                                        {"at-step", required_argument, NULL, AT_STEP},
                                        {"random", required_argument, NULL, RANDOM},
                                        {"method", required_argument, NULL, METHOD},
                                        {"batch", required_argument, NULL, BATCH},
                                        {"steps", required_argument, NULL, STEPS},
                                        {"hyper", required_argument, NULL, HYPER},
                                        {"samples", required_argument, NULL, SAMPLES},
                                        {"length", required_argument, NULL, LENGTH},
                                        {"words", required_argument, NULL, WORDS},
                                        {"search", required_argument, NULL, SEARCH},
                                        {"function", required_argument, NULL, FUNCTION},
                                        {"members", required_argument, NULL, MEMBERS},
                                        {"seeds", required_argument, NULL, SEEDS},
                                        {"parallel", required_argument, NULL, PARALLEL},
                                        {"temperature", required_argument, NULL, TEMPERATURE},
                                        {"prompt", required_argument, NULL, PROMPT},
                                        {"seed", required_argument, NULL, SEED},
                                        {"rows", required_argument, NULL, ROWS},
                                        {"format", required_argument, NULL, FORMAT},
                                        {"points", required_argument, NULL, POINTS},
                                        {"range", required_argument, NULL, RANGE},
                                        {"retrain", required_argument, NULL, RETRAIN},
                                        {"retrain-steps", required_argument, NULL, RETRAIN_STEPS},
                                        {"rotation", required_argument, NULL, LIMIT + DSTN_SYNTH_ROTATION},
                                        {"shear", required_argument, NULL, LIMIT + DSTN_SYNTH_SHEAR},
                                        {"scale", required_argument, NULL, LIMIT + DSTN_SYNTH_SCALE},
                                        {"translation", required_argument, NULL, LIMIT + DSTN_SYNTH_TRANSLATION},
                                        {"brightness", required_argument, NULL, LIMIT + DSTN_SYNTH_BRIGHTNESS},
                                        {"contrast", required_argument, NULL, LIMIT + DSTN_SYNTH_CONTRAST},
                                        {"saturation", required_argument, NULL, LIMIT + DSTN_SYNTH_SATURATION},
                                        {"hue", required_argument, NULL, LIMIT + DSTN_SYNTH_HUE},
                                        {"during-checkpoint", no_argument, NULL, DURING_CHECKPOINT},
                                        {"resume", no_argument, NULL, RESUME},
                                        {"plan", no_argument, NULL, PLAN},
                                        {"profile", no_argument, NULL, PROFILE},
                                        {"scaling", no_argument, NULL, SCALING},
                                        {"response", no_argument, NULL, RESPONSE},
                                        {"schedule", no_argument, NULL, SCHEDULE},
                                        {"final-value", no_argument, NULL, FINAL_VALUE},
                                        {"json", no_argument, NULL, JSON},
                                        {"quiet", no_argument, NULL, QUIET},
                                        {"verbose", no_argument, NULL, VERBOSE},
                                        {"help", no_argument, NULL, HELP},
                                        {NULL, 0, NULL, 0}};

static bool accepted(const char *accepts, const char *name) {
    char *word = dstn_format(" %s ", name);
    bool found = strstr(accepts, word) != NULL || strstr(" quiet verbose help ", word) != NULL;
    free(word);
    return found;
}

dstn_status cli_read_count(const char *name, const char *text, int64_t low, int64_t *out, dstn_error *err) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < low) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "--%s %s: accepted: a whole number from %lld", name, text,
                         (long long)low);
    }
    *out = value;
    return DSTN_OK;
}

/* A clock's time, [[D-]HH:]MM:SS as batch systems write it, in seconds; NAN: it is none. */
static double read_clock(const char *text) {
    unsigned days = 0, hours = 0, minutes = 0, seconds = 0;
    int end = 0;
    bool has_days = sscanf(text, "%u-%u:%u:%u%n", &days, &hours, &minutes, &seconds, &end) == 4;
    bool has_hours = has_days || sscanf(text, "%u:%u:%u%n", &hours, &minutes, &seconds, &end) == 3;
    bool reads = has_hours || sscanf(text, "%u:%u%n", &minutes, &seconds, &end) == 2;
    /* What %u takes but a clock doesn't is too large then, or begins otherwise. */
    bool is_clock = reads && text[0] >= '0' && text[0] <= '9' && text[end] == '\0' && seconds < 60 &&
                    (!has_hours || minutes < 60) && (!has_days || hours < 24);
    if (!is_clock) {
        return NAN;
    }
    return (has_days ? 86400.0 * days : 0) + (has_hours ? 3600.0 * hours : 0) + 60.0 * minutes + seconds;
}

static dstn_status read_seconds(const char *name, const char *text, double *out, dstn_error *err) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0') {
        value = read_clock(text);
    }
    if (!(value > 0)) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "--%s %s: accepted: seconds above 0, or a time such as 2:30:00 or 1-00:00:00", name, text);
    }
    *out = value;
    return DSTN_OK;
}

static dstn_status read_seed(const char *name, const char *text, int64_t *out, dstn_error *err) {
    dstn_status status = cli_read_count(name, text, 0, out, err);
    return status == DSTN_OK && *out > UINT32_MAX
               ? dstn_fail(err, DSTN_ERROR_USAGE, "--%s %s: accepted: 0 to %lu", name, text, (unsigned long)UINT32_MAX)
               : status;
}

static dstn_status read_temperature(const char *name, const char *text, double *out, dstn_error *err) {
    char *end;
    *out = strtod(text, &end);
    return end == text || *end != '\0' || !(*out >= 0 && *out <= 1e6)
               ? dstn_fail(err, DSTN_ERROR_USAGE, "--%s %s: accepted: a number from 0 to 1e6", name, text)
               : DSTN_OK;
}

/* A limit of dstn data synth, whose range that command knows. */
static dstn_status read_limit(const char *name, const char *text, double *out, dstn_error *err) {
    char *end;
    *out = strtod(text, &end);
    return end == text || *end != '\0' ? dstn_fail(err, DSTN_ERROR_USAGE, "--%s %s: accepted: a number", name, text)
                                       : DSTN_OK;
}

static dstn_status read_range(const char *name, const char *text, cli_arguments *out, dstn_error *err) {
    char *comma, *end;
    out->range[0] = strtod(text, &comma);
    out->range[1] = *comma == ',' ? strtod(comma + 1, &end) : 0;
    out->has_range = *comma == ',' && comma != text && end != comma + 1 && *end == '\0';
    return out->has_range ? DSTN_OK
                          : dstn_fail(err, DSTN_ERROR_USAGE, "--%s %s: accepted: LOW,HIGH, two numbers", name, text);
}

static dstn_status add_setting(cli_arguments *out, const char *text, dstn_error *err) {
    int most = (int)(sizeof(out->settings) / sizeof(out->settings[0]));
    if (out->setting_count == most) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "more than %d --set options", most);
    }
    out->settings[out->setting_count++] = text;
    return DSTN_OK;
}

/* Options that take a value. */
static dstn_status take_value(int code, const char *name, const char *value, cli_arguments *out, dstn_error *err) {
    switch (code) {
    case SET:
        return add_setting(out, value, err);
    case OUT:
        out->out = value;
        return *value ? DSTN_OK : dstn_fail(err, DSTN_ERROR_USAGE, "--out: accepted: a path");
    case PRECISION:
        out->precision = value;
        return DSTN_OK;
    case POINTS:
        return cli_read_count(name, value, 2, &out->points, err);
    case RANGE:
        return read_range(name, value, out, err);
    case RETRAIN:
        return cli_read_count(name, value, 0, &out->retrain, err);
    case RETRAIN_STEPS:
        return cli_read_count(name, value, 1, &out->retrain_steps, err);
    case FORMAT:
        out->format = value;
        return DSTN_OK;
    case BACKEND:
        out->backend = value;
        return DSTN_OK;
    case INIT:
        out->init = value;
        return DSTN_OK;
    case FROM:
        out->from = value;
        return DSTN_OK;
    case LAUNCH:
        out->launch = value;
        return DSTN_OK;
    case RANKS:
        return cli_read_count(name, value, 1, &out->ranks_per_member, err);
    case KILL_RANK:
        return cli_read_count(name, value, 0, &out->kill_rank, err);
    case AT_STEP:
        return cli_read_count(name, value, 1, &out->at_step, err);
    case RANDOM:
        return cli_read_count(name, value, 1, &out->random, err);
    case METHOD:
        out->method = value;
        return DSTN_OK;
    case BATCH:
        return cli_read_count(name, value, 1, &out->batch, err);
    case STEPS:
        return cli_read_count(name, value, 1, &out->steps, err);
    case HYPER:
        out->hyper = value;
        return DSTN_OK;
    case SAMPLES:
        return cli_read_count(name, value, 1, &out->samples, err);
    case LENGTH:
        return cli_read_count(name, value, 1, &out->length, err);
    case WORDS:
        return cli_read_count(name, value, 1, &out->words, err);
    case SEARCH:
        out->search = value;
        return DSTN_OK;
    case FUNCTION:
        out->function = value;
        return DSTN_OK;
    case MEMBERS:
        return cli_read_count(name, value, 1, &out->members, err);
    case SEEDS:
        return cli_read_count(name, value, 1, &out->seeds, err);
    case PARALLEL:
        return cli_read_count(name, value, 1, &out->parallel, err);
    case TEMPERATURE:
        return read_temperature(name, value, &out->temperature, err);
    case PROMPT:
        out->prompt = value;
        return DSTN_OK;
    case SEED:
        return read_seed(name, value, &out->seed, err);
    case ROWS:
        return cli_read_count(name, value, 1, &out->rows, err);
    case TIME_LIMIT:
        return read_seconds(name, value, &out->time_limit, err);
    case HANG_TIMEOUT:
        return read_seconds(name, value, &out->hang_timeout, err);
    default:
        return read_limit(name, value, &out->limits[code - LIMIT], err);
    }
}

static void take_switch(int code, cli_arguments *out) {
    bool *switches[] = {&out->during_checkpoint, &out->resume,   &out->plan,        &out->profile, &out->scaling,
                        &out->response,          &out->schedule, &out->final_value, &out->json,    &out->quiet,
                        &out->verbose,           &out->help};
    *switches[code - DURING_CHECKPOINT] = true;
}

static const char *option_name(int code) {
    const struct option *option = options;
    while (option->val != code) {
        option++;
    }
    return option->name;
}

/* Inside a cluster of short options getopt_long has not yet passed the word, but says which letter it was. */
static dstn_status fail_unknown(char **argv, dstn_error *err) {
    if (optopt != 0 && optopt < SET) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "unknown option -%c", optopt);
    }
    return dstn_fail(err, DSTN_ERROR_USAGE, "unknown option %s", argv[optind - 1]);
}

static dstn_status take_operands(int argc, char **argv, cli_arguments *out, dstn_error *err) {
    int most = (int)(sizeof(out->operands) / sizeof(out->operands[0]));
    for (int i = optind; i < argc; i++) {
        if (out->operand_count == most) {
            return dstn_fail(err, DSTN_ERROR_USAGE, "more than %d files", most);
        }
        out->operands[out->operand_count++] = argv[i];
    }
    return DSTN_OK;
}

dstn_status cli_arguments_read(int argc, char **argv, int first, const char *accepts, cli_arguments *out,
                               dstn_error *err) {
    memset(out, 0, sizeof(*out));
    out->time_limit = INFINITY;
    out->hang_timeout = 600;
    out->temperature = 1;
    out->kill_rank = out->at_step = out->random = -1;
    for (int i = 0; i < DSTN_SYNTH_LIMITS; i++) {
        out->limits[i] = dstn_synth_limits[i].usual;
    }
    opterr = 0;
    optind = first;
    int code;
    while ((code = getopt_long(argc, argv, ":vhq", options, NULL)) != -1) {
        if (code == ':') {
            return dstn_fail(err, DSTN_ERROR_USAGE, "%s needs a value", argv[optind - 1]);
        }
        if (code == '?') {
            return fail_unknown(argv, err);
        }
        code = code == 'v' ? VERBOSE : code == 'h' ? HELP : code == 'q' ? QUIET : code;
        const char *name = option_name(code);
        if (!accepted(accepts, name)) {
            return dstn_fail(err, DSTN_ERROR_USAGE, "this command has no option --%s", name);
        }
        if (code >= DURING_CHECKPOINT) {
            take_switch(code, out);
            continue;
        }
        out->has_synth_options |= code >= SEED && code < DURING_CHECKPOINT;
        dstn_status status = take_value(code, name, optarg, out, err);
        if (status != DSTN_OK) {
            return status;
        }
    }
    return take_operands(argc, argv, out, err);
}

dstn_assignments cli_assignments(const cli_arguments *arguments) {
    return (dstn_assignments){arguments->settings, arguments->setting_count};
}

dstn_kernel_request cli_kernel(const cli_arguments *arguments) {
    return (dstn_kernel_request){arguments->precision, arguments->backend};
}
