/* data: the source `ptb`: a folder of texts in the form of Penn Treebank's language models. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "listing.h"
#include "ptb_reader.h"
#include "sources.h"
#include "text.h"

enum { FEWEST_WORDS = 3, MOST_WORDS = 1000000 };

/* What words of the other texts that the training text doesn't have are. */
typedef enum ptb_unknown { UNKNOWN_IS_UNK, UNKNOWN_IS_ADDED } ptb_unknown;

typedef struct ptb_settings {
    const char *path;
    int64_t words; /* 0: not given */
    int unknown;   /* ptb_unknown */
} ptb_settings;

static const dstn_option options[] = {
    DSTN_TEXT(
        "path", ptb_settings, path, DSTN_REQUIRED,
        "the folder with train.txt, valid.txt and test.txt, or ptb.train.txt ..., or wiki.train.tokens ..., each "
        "plain or .gz, relative to the folder of the config that names it; test may be missing, and without valid "
        "the end of train is kept for validation",
        DSTN_MAY_DIFFER),
    DSTN_INT(
        "words", ptb_settings, words, FEWEST_WORDS, MOST_WORDS, "~",
        "most words of the vocabulary, <unk> and <eos> among them: the most frequent ones of the training text; the "
        "others become <unk>; default: all"),
    DSTN_CHOICE("unknown", ptb_settings, unknown, "unk|add", "unk",
                "words that the training text doesn't have: they become <unk>, which it must have, or are added to the "
                "vocabulary"),
    DSTN_OPTIONS_END,
};

#define ACCEPTED "a folder with train.txt, valid.txt and test.txt (words separated by blanks), each plain or .gz"

/* ---- the folder -------------------------------------------------------------------------------------------------- */

/* The texts as they are called here and there: simply, as Mikolov's copy of Penn Treebank has them, and WikiText. */
static const char *const names[][DSTN_PARTS] = {
    {"train.txt", "valid.txt", "test.txt"},
    {"ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"},
    {"wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"},
};

enum { FORMS = sizeof names / sizeof names[0] };

/* The path of a part's file, or NULL; free with free(). */
static char *find_file(const data_listing *listing, const char *folder, const char *name) {
    char *packed = dstn_format("%s.gz", name), *path = NULL;
    if (data_listing_has(listing, name) || data_listing_has(listing, packed)) {
        path = dstn_format("%s/%s", folder, data_listing_has(listing, name) ? name : packed);
    }
    free(packed);
    return path;
}

/* paths [out]: the file of each part, NULL where there is none; to be freed in any case. */
static dstn_status find_files(dstn_node node, const char *folder, char *paths[DSTN_PARTS], dstn_error *err) {
    struct stat about;
    data_listing listing = {0};
    int reason = stat(folder, &about) != 0 ? errno : 0;
    if (!reason && !S_ISDIR(about.st_mode)) {
        return data_fail_at_key(node, "path", err, "%s is a file; accepted: " ACCEPTED, folder);
    }
    reason = reason ? reason : data_listing_read(folder, &listing);
    if (reason) {
        data_listing_clear(&listing);
        return data_fail_at_key(node, "path", err, "%s can't be read: %s; accepted: " ACCEPTED, folder,
                                strerror(reason));
    }
    for (int form = 0; form < FORMS && !paths[DSTN_PART_TRAIN]; form++) {
        for (int part = 0; part < DSTN_PARTS; part++) {
            free(paths[part]);
            paths[part] = find_file(&listing, folder, names[form][part]);
        }
    }
    dstn_status status = DSTN_OK;
    if (!paths[DSTN_PART_TRAIN]) {
        char *others = data_listing_join(&listing);
        status = data_fail_at_key(node, "path", err, "%s has no file train.txt%s%s; accepted: " ACCEPTED, folder,
                                  *others ? ", but " : "", others);
        free(others);
    }
    data_listing_clear(&listing);
    return status;
}

/* ---- the vocabulary ---------------------------------------------------------------------------------------------- */

/* Words as they were read, and what becomes of them. */
typedef struct ptb_vocabulary {
    data_words words;
    int64_t known;    /* of those, the first so many are of the training text */
    int64_t *counts;  /* [words.count] how often the training text has each */
    int64_t unk;      /* number of <unk>; −1: there is none */
    int32_t *numbers; /* [words.count] as the data set has them */
    int64_t count;    /* words that are kept */
} ptb_vocabulary;

static void clear_vocabulary(ptb_vocabulary *vocabulary) {
    data_words_clear(&vocabulary->words);
    free(vocabulary->counts);
    free(vocabulary->numbers);
}

/* A word's place in an order. */
typedef struct ptb_rank {
    int64_t count, number;
    bool stays; /* in any case */
} ptb_rank;

/* Those that stay, then the most frequent ones, then those that appear first. */
static int compare_ranks(const void *a, const void *b) {
    const ptb_rank *x = a, *y = b;
    if (x->stays != y->stays) {
        return x->stays ? -1 : 1;
    }
    if (x->count != y->count) {
        return x->count > y->count ? -1 : 1;
    }
    return (x->number > y->number) - (x->number < y->number);
}

/* Puts the words in the order of their frequency, so that numbers say something to people, and cuts the rare ones off
 * where there are more than `most`. */
static void number_words(ptb_vocabulary *vocabulary, int64_t candidates, int64_t most) {
    ptb_rank *ranks = dstn_alloc((size_t)vocabulary->words.count, sizeof *ranks);
    int64_t line_end = dstn_texts_find(&vocabulary->words.numbers, DATA_LINE_END), count = 0, kept;
    for (int64_t w = 0; w < vocabulary->words.count; w++) {
        vocabulary->numbers[w] = -1;
        if (w < candidates || w == vocabulary->unk) {
            ranks[count++] = (ptb_rank){vocabulary->counts[w], w, w == vocabulary->unk || w == line_end};
        }
    }
    qsort(ranks, (size_t)count, sizeof *ranks, compare_ranks);
    kept = count < most ? count : most;
    for (int64_t r = 0; r < count; r++) {
        if (r >= kept) {
            vocabulary->counts[vocabulary->unk] += ranks[r].count;
        }
        ranks[r].stays = false;
    }
    for (int64_t r = 0; r < kept; r++) {
        ranks[r].count = vocabulary->counts[ranks[r].number];
    }
    qsort(ranks, (size_t)kept, sizeof *ranks, compare_ranks);
    for (int64_t r = 0; r < kept; r++) {
        vocabulary->numbers[ranks[r].number] = (int32_t)r;
    }
    vocabulary->count = kept;
    free(ranks);
}

static dstn_status fail_unknown(const ptb_vocabulary *vocabulary, const data_ptb_text *text, dstn_error *err) {
    return dstn_fail(
        err, DSTN_ERROR_DATA,
        "%s:%lld: the training text doesn't have the word \"%s\"; accepted: its words, or any where it has "
        "<unk>, with data.words: N (others than the N most frequent are <unk>) or with data.unknown: add",
        text->path, (long long)text->new_line, vocabulary->words.texts[text->new_word]);
}

/* Which words there are, after all texts were read. */
static dstn_status choose_words(const ptb_settings *settings, const data_ptb_text texts[DSTN_PARTS],
                                ptb_vocabulary *vocabulary, dstn_error *err) {
    data_words *words = &vocabulary->words;
    bool is_added = settings->unknown == UNKNOWN_IS_ADDED;
    int64_t candidates = is_added ? words->count : vocabulary->known;
    int64_t most = settings->words > 0 ? settings->words : MOST_WORDS;
    bool has_new = false, is_cut = settings->words > 0 && candidates > most;
    vocabulary->unk = dstn_texts_find(&words->numbers, DATA_UNKNOWN_WORD);
    bool has_unk = vocabulary->unk >= 0 && vocabulary->unk < candidates;
    for (int part = DSTN_PART_VALID; part < DSTN_PARTS && !is_added; part++) {
        has_new = has_new || (texts[part].path && texts[part].new_word >= 0);
        if (!has_unk && settings->words == 0 && texts[part].path && texts[part].new_word >= 0) {
            return fail_unknown(vocabulary, &texts[part], err);
        }
    }
    if (settings->words == 0 && candidates > most) {
        return dstn_fail(err, DSTN_ERROR_DATA,
                         "%s: has %lld different words; accepted: up to %lld, or data.words, by which rare ones become "
                         "<unk>",
                         texts[DSTN_PART_TRAIN].path, (long long)candidates, (long long)most);
    }
    vocabulary->unk = has_unk || is_cut || has_new ? data_words_number(words, DATA_UNKNOWN_WORD) : -1;
    int64_t *counts = dstn_alloc((size_t)words->count, sizeof *counts);
    for (int64_t i = 0; i < texts[DSTN_PART_TRAIN].count; i++) {
        counts[texts[DSTN_PART_TRAIN].tokens[i]]++;
    }
    vocabulary->counts = counts;
    vocabulary->numbers = dstn_alloc((size_t)words->count, sizeof *vocabulary->numbers);
    number_words(vocabulary, candidates, most);
    return DSTN_OK;
}

/* The words that are kept, by their numbers; they are the caller's from then on. */
static char **take_words(ptb_vocabulary *vocabulary) {
    char **texts = dstn_alloc((size_t)vocabulary->count, sizeof *texts);
    for (int64_t w = 0; w < vocabulary->words.count; w++) {
        if (vocabulary->numbers[w] >= 0) {
            texts[vocabulary->numbers[w]] = vocabulary->words.texts[w];
            vocabulary->words.texts[w] = NULL;
        }
    }
    return texts;
}

/* ---- the data set ------------------------------------------------------------------------------------------------ */

static void warn_of_written_ends(const data_ptb_text *text, const dstn_log *log) {
    if (text->path && text->written_ends > 0) {
        dstn_log_warn(log, "%s: has the word " DATA_LINE_END " %lld times, besides those that ends of lines stand for",
                      text->path, (long long)text->written_ends);
    }
}

/* All texts that are there, one after the other. */
static dstn_status read_texts(char *const paths[DSTN_PARTS], const dstn_log *log, ptb_vocabulary *vocabulary,
                              data_ptb_text texts[DSTN_PARTS], dstn_error *err) {
    for (int part = 0; part < DSTN_PARTS; part++) {
        texts[part] = (data_ptb_text){.path = paths[part], .known = part > 0 ? vocabulary->known : INT64_MAX};
        if (paths[part] && data_ptb_read(&vocabulary->words, &texts[part], err) != DSTN_OK) {
            return err->status;
        }
        warn_of_written_ends(&texts[part], log);
        if (part == DSTN_PART_TRAIN) {
            vocabulary->known = vocabulary->words.count;
        }
    }
    return DSTN_OK;
}

/* Gives the texts to the data set, in the vocabulary's numbers. */
static void take_texts(dstn_dataset *dataset, const ptb_vocabulary *vocabulary, data_ptb_text texts[DSTN_PARTS]) {
    for (int part = 0; part < DSTN_PARTS; part++) {
        if (!texts[part].path) {
            continue;
        }
        for (int64_t i = 0; i < texts[part].count; i++) {
            int32_t number = vocabulary->numbers[texts[part].tokens[i]];
            texts[part].tokens[i] = number >= 0 ? number : vocabulary->numbers[vocabulary->unk];
        }
        data_add_file(dataset, texts[part].path);
        data_take_text(dataset, (dstn_part)part, texts[part].count, texts[part].tokens);
        texts[part].tokens = NULL;
    }
}

static dstn_status read_folder(const ptb_settings *settings, const char *folder, char *const paths[DSTN_PARTS],
                               const dstn_log *log, dstn_dataset **out, dstn_error *err) {
    ptb_vocabulary vocabulary = {.unk = -1};
    data_ptb_text texts[DSTN_PARTS] = {{0}};
    dstn_status status = read_texts(paths, log, &vocabulary, texts, err);
    if (status == DSTN_OK) {
        status = choose_words(settings, texts, &vocabulary, err);
    }
    if (status == DSTN_OK) {
        *out = data_new_text(folder, vocabulary.count, take_words(&vocabulary));
        take_texts(*out, &vocabulary, texts);
    }
    for (int part = 0; part < DSTN_PARTS; part++) {
        data_ptb_clear(&texts[part]);
    }
    clear_vocabulary(&vocabulary);
    return status;
}

static dstn_status read_ptb(const void *settings, dstn_node node, dstn_task task, const dstn_log *log,
                            dstn_dataset **out, dstn_error *err) {
    (void)task; /* a text's is always the next word */
    const ptb_settings *ptb = settings;
    char *folder = dstn_doc_resolve_path(dstn_node_child(node, "path"), ptb->path), *paths[DSTN_PARTS] = {NULL};
    data_trim_slashes(folder);
    dstn_status status = find_files(node, folder, paths, err);
    if (status == DSTN_OK && !paths[DSTN_PART_VALID]) {
        dstn_log_info(log, "%s: has no text for validation: the last words of %s are kept for it (valid_fraction)",
                      folder, strrchr(paths[DSTN_PART_TRAIN], '/') + 1);
    }
    if (status == DSTN_OK) {
        status = read_folder(ptb, folder, paths, log, out, err);
    }
    for (int part = 0; part < DSTN_PARTS; part++) {
        free(paths[part]);
    }
    free(folder);
    return status;
}

const dstn_data_source data_source_ptb = {
    .name = "ptb",
    .help =
        "texts, whose next words are told: a folder with train.txt, valid.txt and test.txt, words separated by blanks",
    .options = options,
    .settings_size = sizeof(ptb_settings),
    .example = "{}",
    .ends_with_valid = true,
    .read = read_ptb,
};
