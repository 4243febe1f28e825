/* The display of a launch: every group's leader posts what its member is doing on the board, every rank's warnings and
 * every member's end come by mail, and rank 0 shows them: ends and warnings as lines that stay, the rest as a live
 * table on a terminal (redrawn in place), else as one plain line now and then, however many groups there are. */
#include "display.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static const double redraw_every = 0.2;                    /* seconds */
static const double plain_every = 10, plain_longest = 600; /* and in between: */
static const double plain_share = 0.02;                    /* of the time since the start */

/* A population whose members end while others begin. */
typedef struct population {
    int64_t planned, ended;
    double groups;
    double *work;                     /* [planned] seconds that members which haven't ended are thought to take */
    double work_ended, seconds_ended; /* of those that have ended in this launch: as was thought, and as it was */
} population;

struct dstn_display {
    const dstn_console *console;
    dstn_board *board;
    dstn_mail *mail;
    dstn_log log;    /* of what trains on this rank */
    dstn_texts said; /* lines that have been passed on */
    char **texts;    /* [said_count] they */
    int64_t said_count;
    population all;        /* planned 0: a single run */
    run_row *rows;         /* [slots of the board] as last looked at */
    double started, drawn; /* when, in seconds */
    int lines;             /* live lines on the terminal now */
};

/* ---- mail -------------------------------------------------------------------------------------------------------- */

/* A letter; its text follows, with its zero. */
typedef struct letter {
    int64_t member; /* that has ended, or −1: a line of the log */
    int64_t level;
    double seconds;
} letter;

static void send(dstn_display *display, letter head, const char *text) {
    size_t size = sizeof head + strlen(text) + 1;
    char *bytes = dstn_alloc(size, 1);
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, text, size - sizeof head);
    dstn_mail_send(display->mail, bytes, size);
    free(bytes);
}

static void pass_on(void *user, dstn_log_level level, const char *line) {
    dstn_display *display = user;
    send(display, (letter){.member = -1, .level = level}, line);
    dstn_display_update(display);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

dstn_display *dstn_display_new(const dstn_console *console) {
    dstn_display *display = dstn_alloc(1, sizeof(*display));
    display->console = console;
    display->board = dstn_board_new(console->world, sizeof(run_row));
    display->mail = dstn_mail_new(console->world);
    display->rows = dstn_alloc((size_t)dstn_board_slots(display->board) + 1, sizeof *display->rows);
    display->log = (dstn_log){.level = console->log.level, .pass_on = pass_on, .user = display};
    display->started = display->drawn = dstn_seconds();
    return display;
}

const dstn_log *dstn_display_log(dstn_display *display, bool leads) {
    display->log.level = leads ? display->console->log.level : DSTN_LOG_QUIET;
    return &display->log;
}

void dstn_display_expect(dstn_display *display, int64_t planned, int64_t ended, int groups, const double *work) {
    population *all = &display->all;
    dstn_display_update(display); /* ends that are among `ended` aren't counted once more when they come by mail */
    free(all->work);
    *all = (population){.planned = planned, .ended = ended, .groups = groups};
    all->work = dstn_alloc((size_t)planned + 1, sizeof(double));
    memcpy(all->work, work, (size_t)planned * sizeof(double));
}

/* Moves to the first live line and erases from there down. */
static void erase(dstn_display *display) {
    if (display->lines > 0) {
        fprintf(display->console->log.out, "\033[%dA\033[J", display->lines);
        display->lines = 0;
    }
}

/* ---- what is said once ------------------------------------------------------------------------------------------- */

/* Members that are alike warn of the same. What `-v` adds has times in it, and isn't kept. */
static bool was_said(dstn_display *display, const char *line) {
    if (dstn_texts_find(&display->said, line) >= 0) {
        return true;
    }
    int64_t count = display->said_count;
    if ((count & (count - 1)) == 0) { /* 0, 1, 2, 4, 8 …: full */
        char **larger = dstn_alloc((size_t)(count ? 2 * count : 1), sizeof *larger);
        if (count) {
            memcpy(larger, display->texts, (size_t)count * sizeof *larger);
        }
        free(display->texts);
        display->texts = larger;
    }
    display->texts[count] = dstn_strdup(line);
    dstn_texts_put(&display->said, display->texts[count], count);
    display->said_count++;
    return false;
}

static void say(dstn_display *display, const char *line) {
    erase(display);
    dstn_print_line(display->console->log.out, "%s", line);
    display->drawn = display->console->is_terminal ? 0 : dstn_seconds(); /* a table stands under it again at once */
}

/* ---- time left --------------------------------------------------------------------------------------------------- */

/* Reads the rows of those that train now; returns how many. */
static int look_at_rows(dstn_display *display) {
    int count = 0;
    for (int slot = 0; slot < dstn_board_slots(display->board); slot++) {
        dstn_board_read(display->board, slot, &display->rows[count]);
        count += display->rows[count].activity == RUN_TRAINS;
    }
    return count;
}

static double work_of(const population *all, int64_t member) {
    return member >= 0 && member < all->planned ? all->work[member] : 0;
}

/* Those that wait take what was thought, corrected by how those that have ended took it; those that run say themselves
 * how long they will. */
static double seconds_left(const dstn_display *display, int count) {
    const population *all = &display->all;
    const run_row *rows = display->rows;
    double ratio = all->work_ended > 0 ? all->seconds_ended / all->work_ended : 1, waiting = 0, running = 0, last = 0;
    for (int64_t m = 0; m < all->planned; m++) {
        waiting += all->work[m];
    }
    for (int i = 0; i < count; i++) {
        double own = ratio * work_of(all, rows[i].member);
        double left = isfinite(rows[i].seconds_left) ? rows[i].seconds_left : own;
        waiting -= work_of(all, rows[i].member);
        running += left;
        last = fmax(last, left);
    }
    return fmax(last, (ratio * fmax(0, waiting) + running) / all->groups);
}

static char *describe_all(const dstn_display *display, int count) {
    const population *all = &display->all;
    char left[32];
    run_print_time(left, seconds_left(display, count));
    return all->ended < all->planned
               ? dstn_format("%lld of %lld done, %s left", (long long)all->ended, (long long)all->planned, left)
               : dstn_format("%lld of %lld done", (long long)all->ended, (long long)all->planned);
}

/* ---- ends -------------------------------------------------------------------------------------------------------- */

void dstn_display_end(dstn_display *display, int64_t member, double seconds, dstn_log_level level, const char *text) {
    char now[32];
    dstn_time_text(now);
    char *stamped = dstn_format("%s %s", now, text);
    send(display, (letter){.member = member, .level = level, .seconds = seconds}, stamped);
    free(stamped);
    dstn_display_update(display);
}

static void count_end(population *all, const letter *head) {
    all->ended++;
    all->work_ended += work_of(all, head->member);
    all->seconds_ended += head->seconds;
    if (head->member < all->planned) {
        all->work[head->member] = 0;
    }
}

/* text: "TIME NAME: result". */
static void tell_end(dstn_display *display, const letter *head, const char *text) {
    count_end(&display->all, head);
    if ((int64_t)display->console->log.level < head->level) {
        return;
    }
    size_t time = strcspn(text, " ");
    char *all = describe_all(display, look_at_rows(display));
    char *line = dstn_format("%s%.*s %s:%s", head->level == DSTN_LOG_QUIET ? "warning: " : "", (int)time, text, all,
                             text + time);
    say(display, line);
    free(line);
    free(all);
}

static void open_mail(dstn_display *display) {
    size_t size;
    for (char *bytes; (bytes = dstn_mail_take(display->mail, &size));) {
        letter head;
        memcpy(&head, bytes, sizeof head);
        const char *text = bytes + sizeof head;
        if (head.member >= 0) {
            tell_end(display, &head, text);
        } else if (head.level == DSTN_LOG_VERBOSE || !was_said(display, text)) {
            say(display, text);
        }
        free(bytes);
    }
}

/* ---- drawing ----------------------------------------------------------------------------------------------------- */

static void draw_table(dstn_display *display, int count) {
    struct winsize size = {0};
    bool is_known = ioctl(display->console->terminal, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    int width = is_known ? size.ws_col : 80, height = is_known ? size.ws_row : 24;
    if (display->all.planned > 0 && count > 0) {
        char *all = describe_all(display, count);
        dstn_print_line(display->console->log.out, "%.*s", width - 1, all);
        free(all);
        display->lines++;
    }
    display->lines +=
        run_print_rows(display->console->log.out, display->rows, count, width, height - 1 - display->lines);
}

static void draw_line(const dstn_display *display, int count) {
    if (display->all.planned == 0) {
        run_print_rows(display->console->log.out, display->rows, count, 0, count);
        return;
    }
    char now[32], *all = describe_all(display, count);
    dstn_time_text(now);
    dstn_print_line(display->console->log.out, "%s %s, %d running", now, all, count);
    free(all);
}

static void draw(dstn_display *display) {
    double now = dstn_seconds();
    bool is_live = display->console->is_terminal;
    double pause =
        is_live ? redraw_every : fmin(plain_longest, fmax(plain_every, plain_share * (now - display->started)));
    if (run_display_is_quiet(display) || now - display->drawn < pause) {
        return;
    }
    int count = look_at_rows(display);
    display->drawn = now;
    erase(display);
    if (is_live) {
        draw_table(display, count);
    } else if (count > 0) {
        draw_line(display, count);
    }
}

void dstn_display_update(dstn_display *display) {
    if (!display->console->log.out) {
        return; /* another rank's */
    }
    open_mail(display);
    draw(display);
}

/* ---- what a run tells -------------------------------------------------------------------------------------------- */

void run_display_post(dstn_display *display, const run_row *row) {
    dstn_board_post(display->board, row);
}

bool run_display_is_quiet(const dstn_display *display) {
    return display->console->log.level == DSTN_LOG_QUIET;
}

void dstn_display_destroy(dstn_display *display) {
    if (!display) {
        return;
    }
    dstn_mail_close(display->mail);
    dstn_display_update(display);
    erase(display);
    dstn_mail_destroy(display->mail);
    dstn_board_destroy(display->board);
    dstn_texts_clear(&display->said);
    for (int64_t i = 0; i < display->said_count; i++) {
        free(display->texts[i]);
    }
    free(display->texts);
    free(display->rows);
    free(display->all.work);
    free(display);
}
