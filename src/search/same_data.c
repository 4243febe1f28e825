/* search: whether members that read the same data section have read the same data: by the note that the first of them
 * leaves, and by their records. */
#include "sweep.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *note_path(const char *folder, const char *section) {
    return dstn_format("%s/data/%s.txt", folder, section);
}

/* ---- sections ---------------------------------------------------------------------------------------------------- */

/* The keys of `data:` that a member's own settings have put into its config. */
typedef struct own_keys {
    const char **keys; /* [count] in alphabetical order, each once */
    size_t count;
} own_keys;

static const char *key_of_data(const dstn_setting *setting) {
    return strncmp(setting->path, "data.", 5) == 0 ? setting->path + 5 : NULL;
}

static bool sets_all(const dstn_setting *setting) {
    return strcmp(setting->path, "data") == 0;
}

static own_keys find_own_keys(const dstn_member *member, dstn_node data) {
    size_t most = (size_t)member->setting_count;
    for (int s = 0; s < member->setting_count; s++) {
        most += sets_all(&member->settings[s]) ? dstn_node_count(data) : 0;
    }
    own_keys own = {.keys = dstn_alloc(most + 1, sizeof *own.keys)};
    for (int s = 0; s < member->setting_count; s++) {
        const char *key = key_of_data(&member->settings[s]);
        if (key) {
            own.keys[own.count++] = key;
        }
        for (size_t i = 0; sets_all(&member->settings[s]) && i < dstn_node_count(data); i++) {
            own.keys[own.count++] = dstn_node_key_at(data, i);
        }
    }
    qsort(own.keys, own.count, sizeof *own.keys, dstn_compare_texts);
    size_t kept = 0;
    for (size_t i = 0; i < own.count; i++) {
        if (dstn_data_key_is_read(own.keys[i]) && (kept == 0 || strcmp(own.keys[kept - 1], own.keys[i]) != 0)) {
            own.keys[kept++] = own.keys[i];
        }
    }
    own.count = kept;
    return own;
}

/* What all members have in common is not part of it: it may be another path, of the same data, in a later launch. */
static char *describe_section(const dstn_member *member, dstn_doc *config) {
    dstn_node data = dstn_node_child(dstn_doc_root(config), "data");
    own_keys own = find_own_keys(member, data);
    char *text = dstn_strdup("");
    for (size_t i = 0; i < own.count; i++) {
        dstn_node value = dstn_node_child(data, own.keys[i]);
        const char *plain = dstn_node_text(value);
        char *yaml = plain ? dstn_strdup(plain) : dstn_node_yaml(value);
        char *longer = dstn_format("%s%s%s: %s", text, i ? ", " : "", own.keys[i], yaml);
        free(yaml);
        free(text);
        text = longer;
    }
    free(own.keys);
    return text;
}

void search_data_section(const dstn_member *member, dstn_doc *config, char section[DSTN_DIGEST_SIZE]) {
    char *text = describe_section(member, config);
    dstn_state state = {0};
    dstn_state_add_values(&state, "section", DSTN_U8, (int64_t)strlen(text), text);
    dstn_state_digest(&state, NULL, section);
    dstn_state_clear(&state);
    free(text);
}

/* ---- notes ------------------------------------------------------------------------------------------------------- */

/* "SECTION.txt", as note_path has it: anything else is somebody's. */
static bool is_note(const char *name) {
    size_t digits = strspn(name, "0123456789abcdef");
    return digits == DSTN_DIGEST_SIZE - 1 && strcmp(name + digits, ".txt") == 0;
}

void dstn_sweep_for_unfinished_notes(const char *folder, void (*call)(void *user, const char *note), void *user) {
    char *path = dstn_format("%s/data", folder);
    DIR *notes = opendir(path);
    for (struct dirent *entry; notes && (entry = readdir(notes));) {
        char *note = dstn_format("%s/%s", path, entry->d_name);
        if (is_note(entry->d_name) && dstn_note_is_unfinished(note)) {
            call(user, note);
        }
        free(note);
    }
    if (notes) {
        closedir(notes);
    }
    free(path);
}

static void remove_note(void *user, const char *note) {
    (void)user;
    unlink(note);
}

void search_clear_notes(const char *folder) {
    dstn_sweep_for_unfinished_notes(folder, remove_note, NULL);
}

/* Names and paths of any kind on one line each. */
static char *write_note(const dstn_job *job, const char *member, const char *host) {
    char now[32];
    char *name = dstn_printable(member), *source = dstn_printable(job->dataset->source);
    dstn_time_text(now);
    char *text = dstn_format("digest %s\nmember %s\nhost %s\ntime %s\nsource %s\n", job->dataset->digest, name, host,
                             now, source);
    free(source);
    free(name);
    return text;
}

static dstn_status compare_with_note(const dstn_job *job, const char *host, const char *path, const char *note,
                                     dstn_error *err) {
    char *digest = dstn_note_line(note, "digest"), *member = dstn_note_line(note, "member");
    char *first_host = dstn_note_line(note, "host"), *when = dstn_note_line(note, "time");
    bool is_known = digest && member && first_host && when;
    if (!is_known) {
        dstn_fail(err, DSTN_ERROR_RUN, "%s has no lines digest, member, host and time; accepted: the file as written",
                  path);
    } else if (strcmp(digest, job->dataset->digest) != 0) {
        dstn_fail(err, DSTN_ERROR_DATA,
                  "data.path: %s on host %s is not what member %s read on host %s at %s (digest %s then, %s now; %s): "
                  "all members with the same data section need the same data; put those back, or start a new sweep",
                  job->dataset->source, host, member, first_host, when, digest, job->dataset->digest, path);
    }
    bool is_same = is_known && strcmp(digest, job->dataset->digest) == 0;
    free(when);
    free(first_host);
    free(member);
    free(digest);
    return is_same ? DSTN_OK : err->status;
}

dstn_status search_same_data(const dstn_sweep *sweep, int64_t index, const char *section, const dstn_job *job,
                             dstn_error *err) {
    const char *host;
    char *folder = dstn_format("%s/data", sweep->folder), *note = NULL;
    char *path = note_path(sweep->folder, section);
    dstn_group_hosts(job->group, &host);
    char *own = write_note(job, sweep->plan->members[index].name, host);
    dstn_status status = dstn_store_make_folder(folder, err);
    if (status == DSTN_OK) {
        status = dstn_note_leave(path, own, &note, err);
    }
    if (status == DSTN_OK) {
        status = compare_with_note(job, host, path, note, err);
    }
    free(note);
    free(own);
    free(path);
    free(folder);
    return status;
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

/* What a section was first known to be: by its note, or by the first record. */
typedef struct known_section {
    char *section, *digest, *who;
} known_section;

typedef struct comparison {
    const char *folder;
    dstn_texts names; /* of sections, into `known` */
    known_section *known;
    int64_t count;
    dstn_sweep_finding found;
    void *user;
} comparison;

static const known_section *look_up(comparison *c, const char *section, const char *digest, const char *member) {
    int64_t at = dstn_texts_find(&c->names, section);
    if (at < 0) {
        char *path = note_path(c->folder, section), *note = dstn_note_read(path);
        char *first = dstn_note_line(note, "digest"), *who = dstn_note_line(note, "member");
        bool is_noted = first && who;
        known_section *fresh = &c->known[c->count];
        *fresh = (known_section){dstn_strdup(section), dstn_strdup(is_noted ? first : digest),
                                 dstn_strdup(is_noted ? who : member)};
        at = dstn_texts_put(&c->names, fresh->section, c->count++);
        free(first);
        free(who);
        free(note);
        free(path);
    }
    return &c->known[at];
}

static void compare_record(comparison *c, const char *member) {
    char *path = dstn_format("%s/members/%s/run.h5", c->folder, member);
    dstn_reader *reader;
    dstn_error ignored;
    if (access(path, F_OK) == 0 && dstn_reader_open(path, DSTN_ERROR_RUN, &reader, &ignored) == DSTN_OK) {
        char *digest = dstn_reader_text(reader, "provenance", "data_digest");
        char *section = dstn_reader_text(reader, "provenance", "data_section");
        const known_section *first = digest && section ? look_up(c, section, digest, member) : NULL;
        if (first && strcmp(first->digest, digest) != 0) {
            char *text = dstn_format("%s: its data (digest %s) are not those that %s has read under the same data "
                                     "section (digest %s)",
                                     member, digest, first->who, first->digest);
            c->found(c->user, text);
            free(text);
        }
        free(section);
        free(digest);
        dstn_reader_close(reader);
    }
    free(path);
}

void dstn_sweep_compare_data(const char *folder, int64_t count, const char *const *members, dstn_sweep_finding found,
                             void *user) {
    comparison c = {.folder = folder, .found = found, .user = user};
    c.known = dstn_alloc((size_t)count + 1, sizeof *c.known);
    for (int64_t m = 0; m < count; m++) {
        compare_record(&c, members[m]);
    }
    for (int64_t i = 0; i < c.count; i++) {
        free(c.known[i].section);
        free(c.known[i].digest);
        free(c.known[i].who);
    }
    free(c.known);
    dstn_texts_clear(&c.names);
}
