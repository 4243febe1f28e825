/* dstn drill CONFIG.yaml: certifies a machine and its file system: a launch that is killed and resumed must end as one
 * that was left alone. */
#include "drill.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dstn/config.h"
#include "dstn/store.h"
#include "dstn/tools.h"
#include "folder.h"
#include "launch.h"

enum { MOST_LAUNCHER_WORDS = 100, MOST_WORDS = 640, KILLED_CHECKPOINT = 2, CHECKPOINTS = 10 };

typedef struct drill {
    const dstn_console *console;
    const dstn_drill_request *request;
    bool is_sweep;
    char *undisturbed, *killed; /* folders; their logs are beside them */
    char program[4096];
    char *launcher;          /* --launch, cut into words */
    char *words[MOST_WORDS]; /* of a command line, ended by NULL; borrowed */
    char *interval;          /* "checkpoint_steps=N", or NULL: as the config has it */
    int64_t steps;           /* of a run */
    double duration;         /* of the undisturbed launch, seconds */
    int undisturbed_code;    /* its exit code */
    int64_t kills;           /* made so far */
} drill;

static const double forever = 1e9, shortest_wait = 0.1, pause_before_retry = 1, start_up = 0.5; /* seconds */
enum { MOST_TRIES = 5, MOST_RANKS = 64, MOST_MISSES = 8 };

/* ---- one launch ---- */

static void make_words(drill *d, const char *folder, bool resume) {
    int count = 0;
    const dstn_drill_request *request = d->request;
    for (char *word = d->launcher; *word; word += strlen(word) + 1) {
        d->words[count++] = word;
    }
    d->words[count++] = d->program;
    d->words[count++] = d->is_sweep ? "sweep" : "train";
    d->words[count++] = (char *)request->config;
    if (d->interval) {
        d->words[count++] = "--set";
        d->words[count++] = d->interval;
    }
    for (int i = 0; i < request->set.count; i++) {
        d->words[count++] = "--set";
        d->words[count++] = (char *)request->set.items[i];
    }
    d->words[count++] = "--out";
    d->words[count++] = (char *)folder;
    if (resume) {
        d->words[count++] = "--resume";
    }
    d->words[count] = NULL;
}

static dstn_status start(drill *d, const char *folder, bool resume, const char *assignment, tools_launch *launch,
                         dstn_error *err) {
    char *log = dstn_format("%s.log", folder);
    make_words(d, folder, resume);
    dstn_status status = tools_launch_start(d->words, log, assignment, launch, err);
    free(log);
    return status;
}

static long length_of_log(const char *folder) {
    char *path = dstn_format("%s.log", folder);
    struct stat about;
    long length = stat(path, &about) == 0 ? (long)about.st_size : 0;
    free(path);
    return length;
}

/* Copies the last line of a log from `offset` on that has one of the phrases (NULL: any line); false: there is none. */
static bool find_line(const char *folder, long offset, const char *const *phrases, char *out, size_t size) {
    char *path = dstn_format("%s.log", folder), line[2048];
    FILE *log = fopen(path, "r");
    bool found = false;
    free(path);
    if (!log || fseek(log, offset, SEEK_SET) != 0) {
        offset = -1;
    }
    while (offset >= 0 && fgets(line, sizeof(line), log)) {
        bool fits = !phrases && strspn(line, " \n") < strlen(line);
        for (int i = 0; phrases && phrases[i]; i++) {
            fits = fits || strstr(line, phrases[i]);
        }
        if (fits) {
            snprintf(out, size, "%.*s", (int)strcspn(line, "\n"), line);
            found = true;
        }
    }
    if (log) {
        fclose(log);
    }
    return found;
}

/* The program's own reason, else the last line. */
static const char *reason_in_log(const char *folder, long offset, char *line, size_t size) {
    static const char prefix[] = "dstn: ";
    static const char *const phrases[] = {prefix, NULL};
    if (!find_line(folder, offset, phrases, line, size) && !find_line(folder, offset, NULL, line, size)) {
        return "it printed nothing";
    }
    return strncmp(line, prefix, strlen(prefix)) == 0 ? line + strlen(prefix) : line;
}

static void say_where_it_resumed(const drill *d, long offset) {
    static const char *const phrases[] = {": resumed at step ", "starts at step ", "resume: ", NULL};
    char line[2048];
    if (find_line(d->killed, offset, phrases, line, sizeof(line))) {
        const char *colon = d->is_sweep ? NULL : strstr(line, ": ");
        fprintf(d->console->out, "%s\n", colon ? colon + 2 : line);
        fflush(d->console->out);
    }
}

/* A run that diverged and a sweep with failed members have ended too. */
static bool has_ended(int code) {
    return code == DSTN_OK || code == DSTN_DIVERGED || code == DSTN_MEMBERS_FAILED;
}

/* ---- the undisturbed launch ---- */

/* The newest checkpoint's step, which is the last one of a run that has ended; 0: there is none. */
static int64_t last_step(const char *run) {
    char *folder = dstn_run_checkpoints(run), **paths = NULL;
    dstn_error ignored;
    int64_t count = 0, step = 0;
    if (dstn_checkpoint_list(folder, &count, &paths, &ignored) == DSTN_OK && count > 0) {
        step = strtoll(strrchr(paths[0], '-') + 1, NULL, 10);
    }
    for (int64_t i = 0; i < count; i++) {
        free(paths[i]);
    }
    free(paths);
    free(folder);
    return step;
}

/* The longest of the members. */
static int64_t last_step_of_members(const char *sweep) {
    char *members = dstn_format("%s/members", sweep), **names = NULL;
    dstn_error ignored;
    int64_t most = 0, count = 0;
    if (tools_folder_list(members, &count, &names, &ignored) != DSTN_OK) {
        count = 0;
    }
    for (int64_t i = 0; i < count; i++) {
        char *run = dstn_format("%s/%s", members, names[i]);
        int64_t step = last_step(run);
        most = step > most ? step : most;
        free(run);
        free(names[i]);
    }
    free(names);
    free(members);
    return most;
}

static dstn_status run_undisturbed(drill *d, dstn_error *err) {
    tools_launch launch;
    int code;
    dstn_status status = start(d, d->undisturbed, false, NULL, &launch, err);
    if (status != DSTN_OK) {
        return status;
    }
    tools_launch_wait(&launch, forever, &code);
    d->duration = dstn_seconds() - launch.started;
    d->undisturbed_code = code;
    if (!has_ended(code)) {
        char line[1024];
        status = code == DSTN_ERROR_USAGE || code == DSTN_ERROR_DATA ? (dstn_status)code : DSTN_ERROR_RUN;
        return dstn_fail(err, status, "the undisturbed launch ended with exit code %d: %s", code,
                         reason_in_log(d->undisturbed, 0, line, sizeof(line)));
    }
    d->steps = d->is_sweep ? last_step_of_members(d->undisturbed) : last_step(d->undisturbed);
    fprintf(d->console->out, "undisturbed: %lld steps in %.1f s, exit code %d\n", (long long)d->steps, d->duration,
            code);
    fflush(d->console->out);
    return DSTN_OK;
}

/* A drill is often far shorter than the time between two checkpoints; where the user doesn't say how often they are
 * written, there are some. */
static void choose_interval(drill *d, bool config_says) {
    for (int i = 0; i < d->request->set.count; i++) {
        config_says = config_says || strncmp(d->request->set.items[i], "checkpoint_", strlen("checkpoint_")) == 0;
    }
    if (!config_says) {
        int64_t interval = d->steps / CHECKPOINTS;
        d->interval = dstn_format("checkpoint_steps=%lld", (long long)(interval > 0 ? interval : 1));
    }
}

/* Waits for the end of a launch that is killed. A launcher can miss a rank's death, above all while it is still
 * starting (Open MPI 4.1 does, now and then), and wait for ever: where there have been ranks on this host (`seen`:
 * already) and none is left for a while, it is killed. Returns the exit code. */
static int wait_for_end(drill *d, tools_launch *launch, bool seen) {
    tools_launch_rank ranks[MOST_RANKS];
    int code, misses = 0;
    while (!tools_launch_wait(launch, 1, &code)) {
        bool any = tools_launch_ranks(launch, ranks, MOST_RANKS) > 0;
        seen = seen || any;
        misses = any || !seen ? 0 : misses + 1;
        if (misses == MOST_MISSES) {
            fprintf(d->console->out, "the launcher hangs without ranks and is killed\n");
            kill(launch->process, SIGKILL);
        }
    }
    tools_launch_clear(launch);
    return code;
}

/* ---- kills that the program makes itself: at a step, or while it writes a checkpoint ---- */

static dstn_status kill_from_inside(drill *d, const char *assignment, const char *what, dstn_error *err) {
    tools_launch launch;
    dstn_status status = start(d, d->killed, false, assignment, &launch, err);
    if (status != DSTN_OK) {
        return status;
    }
    int code = wait_for_end(d, &launch, false);
    if (has_ended(code)) {
        return dstn_fail(err, DSTN_ERROR_RUN,
                         "nothing was killed (%s): there is no such rank or step, or the launcher doesn't pass on the "
                         "environment variable " DSTN_DRILL_VARIABLE " (mpirun: -x " DSTN_DRILL_VARIABLE ")",
                         assignment);
    }
    if (code <= DSTN_DIVERGED || code == DSTN_STOPPED) {
        char line[1024];
        return dstn_fail(err, DSTN_ERROR_RUN, "exit code %d before anything was killed: %s", code,
                         reason_in_log(d->killed, 0, line, sizeof(line)));
    }
    fprintf(d->console->out, "killed %s with SIGKILL\nit ended with exit code %d\n", what, code);
    fflush(d->console->out);
    d->kills++;
    return DSTN_OK;
}

static dstn_status kill_at_step(drill *d, dstn_error *err) {
    const dstn_drill_request *request = d->request;
    long long rank = request->kill_rank >= 0 ? request->kill_rank : 0;
    long long step = request->at_step > 0 ? request->at_step : (d->steps + 1) / 2;
    char *assignment = dstn_format(DSTN_DRILL_VARIABLE "=kill:%lld:%lld", rank, step);
    char *what = dstn_format("rank %lld at step %lld", rank, step);
    dstn_status status = kill_from_inside(d, assignment, what, err);
    free(assignment);
    free(what);
    return status;
}

static dstn_status kill_during_checkpoint(drill *d, dstn_error *err) {
    char *assignment = dstn_format(DSTN_DRILL_VARIABLE "=checkpoint:%d", KILLED_CHECKPOINT);
    char *what = dstn_format("the writer of checkpoint %d between writing and renaming it", KILLED_CHECKPOINT);
    dstn_status status = kill_from_inside(d, assignment, what, err);
    free(assignment);
    free(what);
    return status;
}

/* ---- kills from outside, at random ---- */

/* One of: a rank, the launcher, or the signal by which a batch system announces the end. */
static void hit(drill *d, const tools_launch *launch, const tools_launch_rank *ranks, int count, const double draw[2],
                double after) {
    enum { A_RANK, THE_LAUNCHER, A_SIGNAL, KINDS };
    int kind = (int)(draw[0] * KINDS);
    kind = kind == A_RANK && count == 0 ? THE_LAUNCHER : kind;
    if (kind == A_RANK) {
        tools_launch_rank victim = ranks[(int)(draw[1] * count)];
        kill(victim.process, SIGKILL);
        fprintf(d->console->out, "killed rank %d (process %ld) with SIGKILL", victim.rank, (long)victim.process);
    } else if (kind == THE_LAUNCHER) {
        kill(launch->process, SIGKILL);
        fprintf(d->console->out, "killed the launcher with SIGKILL");
    } else {
        kill(launch->process, SIGUSR1);
        fprintf(d->console->out, "sent SIGUSR1 to the launcher");
    }
    fprintf(d->console->out, " after %.2f s\n", after);
    d->kills++;
}

/* One launch and its kill; *ended [out]: it was faster. */
static dstn_status kill_once(drill *d, dstn_rng rng, int64_t index, bool *ended, dstn_error *err) {
    double when[2], whom[2];
    dstn_rng_uniforms(rng, (uint64_t)index, 0, 0, when);
    dstn_rng_uniforms(rng, (uint64_t)index, 0, 1, whom);
    /* The kills are to come before the run is over, so the more of them the shorter the waits. */
    double longest = fmin(d->duration, start_up + 2 * d->duration / (double)d->request->random);
    double after = shortest_wait + when[0] * fmax(0, longest - shortest_wait);
    tools_launch launch;
    int code;
    long offset = length_of_log(d->killed);
    dstn_status status = start(d, d->killed, index > 0, NULL, &launch, err);
    if (status != DSTN_OK) {
        return status;
    }
    bool was_killed = !tools_launch_wait(&launch, after, &code);
    if (was_killed) {
        tools_launch_rank ranks[MOST_RANKS];
        int count = tools_launch_ranks(&launch, ranks, MOST_RANKS);
        hit(d, &launch, ranks, count, whom, after);
        code = wait_for_end(d, &launch, count > 0);
        fprintf(d->console->out, "it ended with exit code %d\n", code);
        fflush(d->console->out);
    }
    if (index > 0) {
        say_where_it_resumed(d, offset);
    }
    *ended = has_ended(code);
    if (!was_killed && !*ended) {
        char line[1024];
        return dstn_fail(err, DSTN_ERROR_RUN, "a launch ended with exit code %d before it was killed: %s", code,
                         reason_in_log(d->killed, offset, line, sizeof(line)));
    }
    return DSTN_OK;
}

static dstn_status kill_at_random(drill *d, dstn_error *err) {
    dstn_rng rng = {(uint32_t)time(NULL), DSTN_PURPOSE_TEST};
    fprintf(d->console->out, "seed %lu\n", (unsigned long)rng.seed);
    dstn_status status = DSTN_OK;
    bool ended = false;
    for (int64_t i = 0; i < d->request->random && status == DSTN_OK && !ended; i++) {
        status = kill_once(d, rng, i, &ended, err);
    }
    if (ended) {
        fprintf(d->console->out, "it had ended after %lld of %lld kills\n", (long long)d->kills,
                (long long)d->request->random);
    }
    return status;
}

/* ---- the end ---- */

static void rest(double seconds) {
    struct timespec time = {(time_t)seconds, (long)(1e9 * (seconds - floor(seconds)))};
    nanosleep(&time, NULL);
}

/* Resumes until it is done. A rank on another host may hold the lock for a moment after its launcher's death. */
static dstn_status resume_to_the_end(drill *d, dstn_error *err) {
    int code = 0;
    char line[1024];
    for (int tries = 0; tries < MOST_TRIES; tries++) {
        tools_launch launch;
        long offset = length_of_log(d->killed);
        dstn_status status = start(d, d->killed, true, NULL, &launch, err);
        if (status != DSTN_OK) {
            return status;
        }
        tools_launch_wait(&launch, forever, &code);
        say_where_it_resumed(d, offset);
        if (has_ended(code)) {
            break;
        }
        dstn_fail(err, DSTN_ERROR_RUN, "a resumed launch ended with exit code %d: %s", code,
                  reason_in_log(d->killed, offset, line, sizeof(line)));
        if (code != DSTN_STOPPED && code != DSTN_ERROR_RUN) {
            return DSTN_ERROR_RUN;
        }
        rest(pause_before_retry);
    }
    if (!has_ended(code)) {
        return DSTN_ERROR_RUN;
    }
    if (code != d->undisturbed_code) {
        return dstn_fail(err, DSTN_ERROR_RUN, "the exit code is %d, and %d undisturbed", code, d->undisturbed_code);
    }
    return DSTN_OK;
}

static dstn_status kill_and_resume(drill *d, dstn_error *err) {
    const dstn_drill_request *request = d->request;
    dstn_status status = request->random > 0          ? kill_at_random(d, err)
                         : request->during_checkpoint ? kill_during_checkpoint(d, err)
                                                      : kill_at_step(d, err);
    if (status == DSTN_OK) {
        status = resume_to_the_end(d, err);
    }
    int64_t records = 0;
    if (status == DSTN_OK) {
        status = tools_drill_compare(d->undisturbed, d->killed, d->is_sweep, &records, err);
    }
    if (status == DSTN_OK) {
        fprintf(d->console->out, "%lld record%s compared: results, digests and series are equal\n", (long long)records,
                records == 1 ? "" : "s");
    }
    return status;
}

/* ---- the command ---- */

static dstn_status check_request(const dstn_drill_request *request, dstn_error *err) {
    int kinds = (request->kill_rank >= 0 || request->at_step > 0) + request->during_checkpoint + (request->random > 0);
    return kinds <= 1 ? DSTN_OK
                      : dstn_fail(err, DSTN_ERROR_USAGE,
                                  "drill: of --kill-rank and --at-step, --during-checkpoint, and --random one alone");
}

/* A sweep file names its base; whether a config says itself how often checkpoints are written. */
static dstn_status look_at_config(drill *d, bool *says_interval, dstn_error *err) {
    dstn_doc *doc;
    dstn_status status = dstn_doc_load(d->request->config, &doc, err);
    if (status == DSTN_OK) {
        dstn_node root = dstn_doc_root(doc);
        d->is_sweep = dstn_node_child(root, "base").handle != NULL;
        *says_interval =
            dstn_node_child(root, "checkpoint_steps").handle || dstn_node_child(root, "checkpoint_every").handle;
        dstn_doc_destroy(doc);
    }
    return status;
}

/* The launcher's words become strings one behind the other, ended by an empty one. */
static char *cut_into_words(const char *text) {
    char *words = dstn_alloc(strlen(text) + 2, 1), *to = words;
    for (int count = 0; *(text += strspn(text, " \t")) && count < MOST_LAUNCHER_WORDS; count++) {
        size_t length = strcspn(text, " \t");
        memcpy(to, text, length);
        to += length + 1;
        text += length;
    }
    return words;
}

static dstn_status prepare(drill *d, bool *says_interval, dstn_error *err) {
    dstn_status status = check_request(d->request, err);
    if (status == DSTN_OK) {
        status = look_at_config(d, says_interval, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    if (readlink("/proc/self/exe", d->program, sizeof(d->program) - 1) <= 0) {
        return dstn_fail(err, DSTN_ERROR_RUN, "/proc/self/exe can't be read: %s", strerror(errno));
    }
    const char *root = d->request->folder;
    d->undisturbed = dstn_format("%s/undisturbed", root);
    d->killed = dstn_format("%s/killed", root);
    status = dstn_store_folder_is_filled(root)
                 ? dstn_fail(err, DSTN_ERROR_USAGE, "%s is not empty; name another with --out DIR", root)
                 : dstn_store_make_folder(root, err);
    return status;
}

dstn_status dstn_drill(const dstn_console *console, const dstn_drill_request *request, dstn_error *err) {
    drill d = {.console = console, .request = request};
    bool says_interval = false;
    d.launcher = cut_into_words(request->launcher ? request->launcher : "");
    dstn_status status = prepare(&d, &says_interval, err);
    if (status == DSTN_OK) {
        status = run_undisturbed(&d, err);
    }
    if (status == DSTN_OK) {
        choose_interval(&d, says_interval);
        status = kill_and_resume(&d, err);
        fprintf(console->out, "drill %s%s\n",
                status == DSTN_OK ? "passed" : "failed: ", status == DSTN_OK ? "" : err->message);
        status = status == DSTN_OK ? DSTN_OK : DSTN_ERROR_RUN;
        err->message[0] = '\0'; /* it has been said */
    }
    free(d.interval);
    free(d.undisturbed);
    free(d.killed);
    free(d.launcher);
    return status;
}
