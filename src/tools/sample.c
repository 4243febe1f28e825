/* dstn sample CHECKPOINT: words that a language model draws one after the other, each from what it makes of those
 * before it. */
#include "dstn/tools.h"

#include "dstn/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A network that has read some words. */
typedef struct speaker {
    const dstn_console *console;
    const dstn_job *job;
    dstn_problem *problem;
    dstn_texts known; /* the vocabulary's words, where they have names */
    int64_t line_end; /* <eos>; −1: there is no such word */
    int64_t read;     /* words so far */
    double *logits;   /* [words] of the next one */
    bool is_inside;   /* of a line that is printed */
} speaker;

/* ---- words ------------------------------------------------------------------------------------------------------- */

static void start(speaker *self) {
    const dstn_dataset *dataset = self->job->dataset;
    for (int64_t w = 0; dataset->vocabulary && w < dataset->words; w++) {
        dstn_texts_put(&self->known, dataset->vocabulary[w], w);
    }
    self->line_end = dataset->vocabulary ? dstn_texts_find(&self->known, "<eos>") : -1;
    self->logits = dstn_alloc((size_t)dataset->words, sizeof *self->logits);
}

static void print_word(speaker *self, int64_t word) {
    FILE *out = self->console->out;
    const dstn_dataset *dataset = self->job->dataset;
    if (!out) {
        return;
    }
    if (word == self->line_end) {
        fputc('\n', out);
        self->is_inside = false;
        return;
    }
    char *text = dataset->vocabulary ? dstn_printable(dataset->vocabulary[word]) : dstn_format("%lld", (long long)word);
    fprintf(out, "%s%s", self->is_inside ? " " : "", text);
    self->is_inside = true;
    free(text);
}

/* The number of a word of the prompt. */
static dstn_status find_word(speaker *self, const char *text, int64_t *word, dstn_error *err) {
    *word = dstn_texts_find(&self->known, text);
    if (*word >= 0) {
        return DSTN_OK;
    }
    *word = dstn_texts_find(&self->known, "<unk>");
    if (*word < 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "--prompt: the vocabulary has no word \"%s\", and no <unk>", text);
    }
    dstn_log_warn(&self->console->log, "--prompt: the vocabulary has no word \"%s\": it counts as <unk>", text);
    return DSTN_OK;
}

/* ---- the network ------------------------------------------------------------------------------------------------- */

/* Reads one word, from the state that those before it have left. */
static void read_word(speaker *self, int64_t word) {
    const dstn_job *job = self->job;
    int64_t token = word, label = 0, place = 0;
    const dstn_batch batch = {.rows = 1,
                              .global_rows = 1,
                              .steps = 1,
                              .carried = self->read > 0,
                              .tokens = &token,
                              .labels = &label,
                              .indices = &place,
                              .part = DSTN_PART_VALID,
                              .stream = DSTN_STREAM_EVALUATION};
    const dstn_perturbation none = {NULL, NULL};
    dstn_problem_evaluate(self->problem, job->method->evaluation, &batch, none, 0);
    dstn_model_advance(job->model, DSTN_STREAM_EVALUATION);
    job->kernel->to_double(job->kernel, job->dataset->words, dstn_model_output(job->model), self->logits);
    self->read++;
}

static int64_t likeliest(const double *logits, int64_t words) {
    int64_t best = 0;
    for (int64_t w = 1; w < words; w++) {
        best = logits[w] > logits[best] ? w : best;
    }
    return best;
}

/* The word at which the sum of the probabilities, softmax(logits / temperature), passes `uniform`. */
static int64_t draw_word(double *logits, int64_t words, double temperature, double uniform) {
    int64_t best = likeliest(logits, words), word = 0;
    double top = logits[best], sum = 0, below = 0;
    if (temperature == 0) {
        return best;
    }
    for (int64_t w = 0; w < words; w++) {
        logits[w] = exp((logits[w] - top) / temperature);
        sum += logits[w];
    }
    while (word < words - 1 && below + logits[word] <= uniform * sum) {
        below += logits[word++];
    }
    return word;
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

/* The numbers of the prompt's words [*count]; free with free(). */
static dstn_status find_words(speaker *self, const char *prompt, int64_t *count, int64_t **words, dstn_error *err) {
    char *copy = dstn_strdup(prompt), *rest = copy, *text;
    *words = dstn_alloc(strlen(prompt) + 1, sizeof **words);
    *count = 0;
    dstn_status status = DSTN_OK;
    while (status == DSTN_OK && (text = strtok_r(rest, " \t\r\n\f\v", &rest)) != NULL) {
        status = find_word(self, text, &(*words)[(*count)++], err);
    }
    free(copy);
    return status;
}

static void speak(speaker *self, const dstn_sample_request *request, int64_t count, const int64_t *prompt) {
    const dstn_rng rng = {request->seed, DSTN_PURPOSE_SAMPLE};
    read_word(self, self->line_end >= 0 ? self->line_end : 0);
    for (int64_t i = 0; i < count + request->words; i++) {
        double uniforms[2];
        dstn_rng_uniforms(rng, (uint64_t)i, 0, 0, uniforms);
        int64_t word = i < count
                           ? prompt[i]
                           : draw_word(self->logits, self->job->dataset->words, request->temperature, uniforms[0]);
        print_word(self, word);
        read_word(self, word);
    }
    if (self->console->out && self->is_inside) {
        fputc('\n', self->console->out);
    }
}

static dstn_status sample(const dstn_console *console, const dstn_sample_request *request, dstn_job *job,
                          dstn_error *err) {
    speaker state = {.console = console, .job = job};
    const dstn_dataset *dataset = job->dataset;
    if (request->prompt && !dataset->vocabulary) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "--prompt: the words of this text have no names");
    }
    dstn_status status = dstn_job_start_from(job, request->checkpoint, NULL, err);
    if (status == DSTN_OK) {
        status = dstn_problem_new(job->model, job->space, job->group, request->seed, &state.problem, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    start(&state);
    int64_t count = 0, *prompt = NULL;
    status = request->prompt ? find_words(&state, request->prompt, &count, &prompt, err) : DSTN_OK;
    if (status == DSTN_OK) {
        speak(&state, request, count, prompt);
    }
    free(prompt);
    dstn_texts_clear(&state.known);
    free(state.logits);
    dstn_problem_destroy(state.problem);
    return status;
}

/* The config and the words of a checkpoint of a text. */
static dstn_status load(const dstn_sample_request *request, dstn_doc **doc, int64_t *words, char ***vocabulary,
                        dstn_error *err) {
    dstn_status status = dstn_checkpoint_vocabulary(request->checkpoint, words, vocabulary, err);
    if (status == DSTN_OK && *words == 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "%s is not of a text (data.source: ptb), whose words could be drawn",
                         request->checkpoint);
    }
    return status == DSTN_OK ? dstn_job_load_checkpoint(request->checkpoint, request->set, doc, err) : status;
}

static void free_words(int64_t words, char **vocabulary) {
    for (int64_t w = 0; vocabulary && w < words; w++) {
        free(vocabulary[w]);
    }
    free(vocabulary);
}

dstn_status dstn_sample(const dstn_console *console, const dstn_sample_request *request, dstn_error *err) {
    dstn_doc *doc = NULL;
    dstn_job *job;
    int64_t words;
    char **vocabulary;
    dstn_status status = load(request, &doc, &words, &vocabulary, err);
    status = dstn_group_agree(console->world, status, err);
    if (status != DSTN_OK) {
        dstn_doc_destroy(doc);
        free_words(words, vocabulary);
        return status;
    }
    status = dstn_job_new_of_words(doc, words, vocabulary, console->world, &console->log, &job, err);
    if (status == DSTN_OK) {
        status = sample(console, request, job, err);
        dstn_job_destroy(job);
    }
    return status;
}
