/* Shows an inspection: lines for people, or one JSON object. */
#include "inspect.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

enum { STRINGS_SHOWN = 8, COLUMNS_SHOWN = 16 };

/* How many members of a sweep came to what. */
typedef struct tally {
    int64_t count, counts[DSTN_MEMBER_STATES];
} tally;

static const tools_holding *holding(const tools_inspection *inspection, const char *path) {
    for (int64_t i = 0; i < inspection->holding_count; i++) {
        if (strcmp(inspection->holdings[i].path, path) == 0) {
            return &inspection->holdings[i];
        }
    }
    return NULL;
}

/* False where the file is no sweep's table. */
static bool tally_members(const tools_inspection *inspection, tally *out) {
    const tools_holding *outcomes =
        strcmp(inspection->kind, "sweep") == 0 ? holding(inspection, "members/outcome") : NULL;
    *out = (tally){0};
    if (!outcomes || !outcomes->strings) {
        return false;
    }
    out->count = outcomes->string_count;
    for (int64_t i = 0; i < out->count; i++) {
        for (int s = 0; s < DSTN_MEMBER_STATES; s++) {
            out->counts[s] += strcmp(outcomes->strings[i], dstn_member_state_name((dstn_member_state)s)) == 0;
        }
    }
    return true;
}

/* A row of the digests is one number. */
static bool is_hash(const tools_holding *h) {
    return strcmp(h->path, "digest/hash") == 0 && h->array.scalar == DSTN_U8;
}

static char *hash_text(const tools_holding *h, int64_t row) {
    int64_t columns = tools_array_columns(&h->array);
    char *text = dstn_alloc((size_t)(2 * columns) + 1, 1);
    for (int64_t k = 0; k < columns; k++) {
        snprintf(text + 2 * k, 3, "%02x", ((const uint8_t *)h->array.data)[row * columns + k]);
    }
    return text;
}

/* ---- for people ---- */

static void print_text(FILE *out, const char *text) {
    char *printable = dstn_printable(text);
    fputs(printable, out);
    free(printable);
}

/* A text of lines, each but the first behind four spaces. */
static void print_indented(FILE *out, const char *text) {
    char *copy = dstn_strdup(text);
    for (char *line = copy, *end; line; line = end) {
        end = strchr(line, '\n');
        if (end) {
            *end++ = 0;
        }
        print_text(out, line);
        fputs(!end ? "" : *end ? "\n    " : "\n", out);
        end = end && *end ? end : NULL;
    }
    free(copy);
}

static void print_fact(FILE *out, const tools_fact *fact) {
    fprintf(out, "  %s ", fact->name);
    if (!fact->text) {
        fprintf(out, "%.17g\n", fact->number);
        return;
    }
    bool lines = strchr(fact->text, '\n') != NULL;
    fputs(lines ? "\n    " : "", out);
    print_indented(out, fact->text);
    fputs(*fact->text && fact->text[strlen(fact->text) - 1] == '\n' ? "" : "\n", out);
}

static void print_row(FILE *out, const tools_holding *h, int64_t row) {
    if (is_hash(h)) {
        char *text = hash_text(h, row);
        fprintf(out, " %s", text);
        free(text);
        return;
    }
    int64_t columns = tools_array_columns(&h->array);
    for (int64_t k = 0; k < columns && k < COLUMNS_SHOWN; k++) {
        double value = tools_array_value(&h->array, row * columns + k);
        fprintf(out, " %.10g", isnan(value) ? (double)NAN : value); /* without a sign */
    }
    fputs(columns > COLUMNS_SHOWN ? " …" : "", out);
}

static void print_series(FILE *out, const tools_holding *h) {
    int64_t rows = tools_array_rows(&h->array), columns = tools_array_columns(&h->array);
    fputs("  ", out);
    print_text(out, h->path);
    fprintf(out, " %" PRId64 " rows", rows);
    if (columns > 1 && !is_hash(h)) {
        fprintf(out, " of %" PRId64, columns);
    }
    if (rows > 0 && columns > 0) {
        fputs(", first", out);
        print_row(out, h, 0);
        fputs(", last", out);
        print_row(out, h, rows - 1);
    }
    fputc('\n', out);
}

static void print_array(FILE *out, const tools_holding *h) {
    fputs("  ", out);
    print_text(out, h->path);
    if (h->strings) {
        fprintf(out, " text [%" PRId64 "]", h->string_count);
        for (int64_t i = 0; i < h->string_count && i < STRINGS_SHOWN; i++) {
            fputs(" \"", out);
            print_text(out, h->strings[i]);
            fputs("\"", out);
        }
        fputs(h->string_count > STRINGS_SHOWN ? " …\n" : "\n", out);
        return;
    }
    char *shape = tools_array_shape_text(&h->array);
    fprintf(out, " %s [%s] min %.6g max %.6g mean %.6g norm %.6g, ", dstn_scalar_name(h->array.scalar), shape, h->low,
            h->high, h->mean, h->norm);
    if (h->finite == h->array.count) {
        fputs("all finite\n", out);
    } else {
        fprintf(out, "%" PRId64 " of %" PRId64 " finite\n", h->finite, h->array.count);
    }
    free(shape);
}

/* Those that are series, or those that are not; the heading comes before the first. */
static void print_holdings(FILE *out, const tools_inspection *inspection, bool series, const char *heading) {
    bool headed = false;
    for (int64_t i = 0; i < inspection->holding_count; i++) {
        const tools_holding *h = &inspection->holdings[i];
        if (tools_holding_is_series(inspection, h) != series) {
            continue;
        }
        fputs(headed ? "" : heading, out);
        headed = true;
        (series ? print_series : print_array)(out, h);
    }
}

static void print_members(FILE *out, const tools_inspection *inspection) {
    tally members;
    if (!tally_members(inspection, &members)) {
        return;
    }
    fprintf(out, "members %" PRId64 "\n", members.count);
    for (int s = 0; s < DSTN_MEMBER_STATES; s++) {
        fprintf(out, "  %s %" PRId64 "\n", dstn_member_state_name((dstn_member_state)s), members.counts[s]);
    }
}

void tools_inspection_print(const tools_inspection *inspection, FILE *out) {
    dstn_print_line(out, "%s: %s", inspection->path, inspection->kind);
    for (int64_t i = 0; i < inspection->fact_count; i++) {
        print_fact(out, &inspection->facts[i]);
    }
    print_members(out, inspection);
    print_holdings(out, inspection, true, "series\n");
    print_holdings(out, inspection, false, "arrays\n");
}

/* ---- JSON ---- */

static void json_value(FILE *out, const tools_array *array, int64_t i) {
    if (array->scalar == DSTN_I64) {
        fprintf(out, "%" PRId64, ((const int64_t *)array->data)[i]);
    } else {
        tools_json_number(out, tools_array_value(array, i));
    }
}

/* A number, a list where a row has more, null where there is no row. */
static void json_row(FILE *out, const tools_holding *h, int64_t row) {
    int64_t columns = tools_array_columns(&h->array);
    if (row < 0 || row >= tools_array_rows(&h->array)) {
        fputs("null", out);
    } else if (is_hash(h)) {
        char *text = hash_text(h, row);
        tools_json_text(out, text);
        free(text);
    } else if (h->array.rank < 2) {
        json_value(out, &h->array, row);
    } else {
        for (int64_t k = 0; k < columns; k++) {
            fputs(k ? "," : "[", out);
            json_value(out, &h->array, row * columns + k);
        }
        fputs(columns ? "]" : "[]", out);
    }
}

static void json_series(FILE *out, const tools_holding *h) {
    int64_t rows = tools_array_rows(&h->array);
    fprintf(out, "{\"type\":\"%s\",\"length\":%" PRId64 ",\"first\":", dstn_scalar_name(h->array.scalar), rows);
    json_row(out, h, 0);
    fputs(",\"last\":", out);
    json_row(out, h, rows - 1);
    fputc('}', out);
}

static void json_strings(FILE *out, const tools_holding *h) {
    fprintf(out, "{\"type\":\"text\",\"shape\":[%" PRId64 "],\"values\":[", h->string_count);
    for (int64_t i = 0; i < h->string_count; i++) {
        fputs(i ? "," : "", out);
        tools_json_text(out, h->strings[i]);
    }
    fputs("]}", out);
}

static void json_array(FILE *out, const tools_holding *h) {
    if (h->strings) {
        json_strings(out, h);
        return;
    }
    const char *names[] = {"min", "max", "mean", "norm"};
    double values[] = {h->low, h->high, h->mean, h->norm};
    fprintf(out, "{\"type\":\"%s\",\"shape\":[", dstn_scalar_name(h->array.scalar));
    for (int d = 0; d < h->array.rank; d++) {
        fprintf(out, "%s%" PRId64, d ? "," : "", h->array.shape[d]);
    }
    fprintf(out, "],\"count\":%" PRId64 ",\"finite\":%" PRId64, h->array.count, h->finite);
    for (int i = 0; i < 4; i++) {
        fprintf(out, ",\"%s\":", names[i]);
        tools_json_number(out, values[i]);
    }
    fputc('}', out);
}

static void json_holdings(FILE *out, const tools_inspection *inspection, bool series) {
    bool first = true;
    fputc('{', out);
    for (int64_t i = 0; i < inspection->holding_count; i++) {
        const tools_holding *h = &inspection->holdings[i];
        if (tools_holding_is_series(inspection, h) == series) {
            fputs(first ? "" : ",", out);
            first = false;
            tools_json_text(out, h->path);
            fputc(':', out);
            (series ? json_series : json_array)(out, h);
        }
    }
    fputc('}', out);
}

static void json_facts(FILE *out, const tools_inspection *inspection) {
    fputc('{', out);
    for (int64_t i = 0; i < inspection->fact_count; i++) {
        const tools_fact *fact = &inspection->facts[i];
        fputs(i ? "," : "", out);
        tools_json_text(out, fact->name);
        fputc(':', out);
        if (fact->text) {
            tools_json_text(out, fact->text);
        } else {
            tools_json_number(out, fact->number);
        }
    }
    fputc('}', out);
}

void tools_inspection_print_json(const tools_inspection *inspection, FILE *out) {
    tally members;
    fputs("{\"file\":", out);
    tools_json_text(out, inspection->path);
    fprintf(out, ",\"kind\":\"%s\",\"attributes\":", inspection->kind);
    json_facts(out, inspection);
    if (tally_members(inspection, &members)) {
        fprintf(out, ",\"members\":{\"count\":%" PRId64, members.count);
        for (int s = 0; s < DSTN_MEMBER_STATES; s++) {
            fprintf(out, ",\"%s\":%" PRId64, dstn_member_state_name((dstn_member_state)s), members.counts[s]);
        }
        fputc('}', out);
    }
    fputs(",\"series\":", out);
    json_holdings(out, inspection, true);
    fputs(",\"arrays\":", out);
    json_holdings(out, inspection, false);
    fputs("}\n", out);
}
