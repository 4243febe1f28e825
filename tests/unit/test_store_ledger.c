/* The ledger: no transition that was reported is lost, none is counted twice, and damage is told from a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dstn/store.h"
#include "scratch.h"

#include <signal.h>
#include <sys/resource.h>
#include <zlib.h>

static char *root, *folder;

static dstn_ledger *open_good(const char *writer) {
    dstn_ledger *ledger = NULL;
    dstn_error err = {0};
    if (dstn_ledger_open(folder, writer, &ledger, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    return ledger;
}

static void append(dstn_ledger *ledger, const char *member, dstn_member_state state, const char *detail) {
    dstn_error err = {0};
    if (dstn_ledger_append(ledger, member, state, detail, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
}

static dstn_ledger_book *read_good(const dstn_log *log) {
    dstn_ledger_book *book = NULL;
    dstn_error err = {0};
    if (dstn_ledger_read(folder, log, &book, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    return book;
}

static void expect_damage(const char *place) {
    dstn_ledger_book *book = NULL;
    dstn_ledger *ledger = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_ledger_read(folder, NULL, &book, &err), DSTN_ERROR_CHECKPOINT);
    assert_null(book);
    if (!strstr(err.message, place)) {
        fail_msg("'%s' is not in: %s", place, err.message);
    }
    assert_int_equal(dstn_ledger_open(folder, "another", &ledger, &err), DSTN_ERROR_CHECKPOINT);
    assert_null(ledger);
}

static char *path_of(const char *writer) {
    return dstn_format("%s/ledger/%s.txt", folder, writer);
}

static void no_ledger_is_an_empty_book(void **state) {
    (void)state;
    dstn_ledger_book *book = read_good(NULL);
    assert_int_equal(book->line_count, 0);
    assert_int_equal(book->member_count, 0);
    assert_null(dstn_ledger_find(book, "a"));
    dstn_ledger_book_destroy(book);
    dstn_ledger_close(NULL);
    dstn_ledger_book_destroy(NULL);
}

/* A planner and two leaders, over two launches. */
static void write_two_launches(void) {
    dstn_ledger *planner = open_good("rank-0000");
    append(planner, "a", DSTN_MEMBER_QUEUED, NULL);
    append(planner, "b", DSTN_MEMBER_QUEUED, "");
    append(planner, "c", DSTN_MEMBER_QUEUED, NULL);
    dstn_ledger *leader = open_good("rank-0001");
    append(leader, "b", DSTN_MEMBER_RUNNING, NULL);
    append(planner, "a", DSTN_MEMBER_RUNNING, NULL);
    append(leader, "b", DSTN_MEMBER_DIVERGED, "step 40: the training loss is no longer finite");
    append(planner, "a", DSTN_MEMBER_PREEMPTED, "signal 15");
    dstn_ledger_close(leader);
    dstn_ledger_close(planner);
    leader = open_good("rank-0001"); /* the second launch: another rank goes on with a */
    append(leader, "a", DSTN_MEMBER_RUNNING, NULL);
    append(leader, "a", DSTN_MEMBER_DONE, NULL);
    dstn_ledger_close(leader);
}

static void lines_of_all_writers_fold_to_each_members_last_state(void **state) {
    (void)state;
    write_two_launches();
    dstn_ledger_book *book = read_good(NULL);
    assert_int_equal(book->line_count, 9);
    assert_int_equal(book->member_count, 3);
    const dstn_ledger_member *a = dstn_ledger_find(book, "a"), *b = dstn_ledger_find(book, "b");
    assert_int_equal(a->state, DSTN_MEMBER_DONE);
    assert_int_equal(a->times[DSTN_MEMBER_RUNNING], 2);
    assert_int_equal(a->times[DSTN_MEMBER_DONE], 1);
    assert_string_equal(a->detail, "");
    assert_int_equal(b->state, DSTN_MEMBER_DIVERGED);
    assert_string_equal(b->detail, "step 40: the training loss is no longer finite");
    assert_int_equal(dstn_ledger_find(book, "c")->state, DSTN_MEMBER_QUEUED);
    assert_null(dstn_ledger_find(book, "d"));
    const int64_t states[DSTN_MEMBER_STATES] = {1, 0, 0, 0, 1, 1};
    assert_memory_equal(book->states, states, sizeof states);
    int64_t sum = 0;
    for (int64_t i = 1; i < book->line_count; i++) {
        assert_true(book->lines[i].sequence >= book->lines[i - 1].sequence);
    }
    for (int s = 0; s < DSTN_MEMBER_STATES; s++) {
        sum += book->states[s];
    }
    assert_int_equal(sum, book->member_count);
    assert_string_equal(book->lines[0].writer, "rank-0000");
    assert_string_equal(book->lines[8].writer, "rank-0001");
    dstn_ledger_book_destroy(book);
}

static void the_format_is_the_documented_one(void **state) {
    (void)state;
    dstn_ledger *ledger = open_good("w");
    append(ledger, "boston-stn-0", DSTN_MEMBER_FAILED, "line one\nline two");
    dstn_ledger_close(ledger);
    char *path = path_of("w");
    size_t size = 0;
    char *text = (char *)scratch_read(path, &size), member[32], name[32], detail[64], end;
    int year, month, day, hour, minute, second, millisecond;
    unsigned crc;
    assert_int_equal(sscanf(text, "1 %4d-%2d-%2dT%2d:%2d:%2d.%3dZ %31s %31s %63[^0-9] %8x%c", &year, &month, &day,
                            &hour, &minute, &second, &millisecond, member, name, detail, &crc, &end),
                     12);
    assert_true(year > 2000 && month <= 12 && end == '\n');
    assert_string_equal(member, "boston-stn-0");
    assert_string_equal(name, "failed");
    /* A letter may begin the CRC. */
    assert_int_equal(strncmp(detail, "line one line two ", 18), 0);
    assert_int_equal(size, strlen(text));
    assert_ptr_equal(strchr(text, '\n'), text + size - 1);
    free(text);
    free(path);

    /* The CRC-32 of the line before it, computed elsewhere. */
    path = path_of("known");
    const char *known = "1 2025-01-31T23:59:59.123Z a%20b%25 done - eb1ea1fe\n";
    assert_true(scratch_write(path, known, strlen(known)));
    dstn_ledger_book *book = read_good(NULL);
    assert_non_null(dstn_ledger_find(book, "a b%"));
    dstn_ledger_book_destroy(book);
    free(path);
}

static void any_name_and_detail_come_back(void **state) {
    (void)state;
    const char *const names[] = {"two words", "100%", "tab\there", "ümlaut", "", "%41", "-"};
    dstn_ledger *ledger = open_good("w");
    for (int i = 0; i < 7; i++) {
        append(ledger, names[i], (dstn_member_state)(i % DSTN_MEMBER_STATES), "  “quoted”  100% a - b ");
    }
    dstn_ledger_close(ledger);
    dstn_ledger_book *book = read_good(NULL);
    assert_int_equal(book->member_count, 7);
    for (int i = 0; i < 7; i++) {
        const dstn_ledger_member *member = dstn_ledger_find(book, names[i]);
        assert_non_null(member);
        assert_int_equal(member->state, i % DSTN_MEMBER_STATES);
        assert_string_equal(member->detail, "  “quoted”  100% a - b ");
    }
    dstn_ledger_book_destroy(book);
}

static void a_torn_last_line_does_not_count_and_is_told(void **state) {
    (void)state;
    dstn_ledger *ledger = open_good("w");
    append(ledger, "a", DSTN_MEMBER_QUEUED, NULL);
    append(ledger, "a", DSTN_MEMBER_RUNNING, NULL);
    dstn_ledger_close(ledger);
    char *path = path_of("w");
    size_t size = 0;
    char *text = (char *)scratch_read(path, &size);
    size_t first = (size_t)(strchr(text, '\n') - text) + 1;
    for (size_t kept = first; kept <= size; kept++) {
        char *told = NULL;
        size_t told_size = 0;
        dstn_log log = {.out = open_memstream(&told, &told_size), .level = DSTN_LOG_QUIET};
        assert_true(scratch_write(path, text, kept));
        dstn_ledger_book *book = read_good(&log);
        fclose(log.out);
        assert_int_equal(book->line_count, kept == size ? 2 : 1);
        assert_int_equal(strstr(told, "w.txt:2") != NULL, kept > first && kept < size);
        dstn_ledger_book_destroy(book);
        free(told);
        /* The next launch's line begins where a line begins. */
        ledger = open_good("w");
        append(ledger, "b", DSTN_MEMBER_DONE, NULL);
        dstn_ledger_close(ledger);
        book = read_good(NULL);
        assert_int_equal(book->line_count, kept == size ? 3 : 2);
        assert_int_equal(dstn_ledger_find(book, "b")->state, DSTN_MEMBER_DONE);
        dstn_ledger_book_destroy(book);
    }
    free(text);
    free(path);
}

/* A power cut can leave the length of a file on disk without its bytes. */
static void zeros_for_a_last_line_do_not_count(void **state) {
    (void)state;
    dstn_ledger *ledger = open_good("w");
    append(ledger, "a", DSTN_MEMBER_QUEUED, NULL);
    append(ledger, "a", DSTN_MEMBER_RUNNING, NULL);
    dstn_ledger_close(ledger);
    char *path = path_of("w");
    size_t size = 0;
    char *text = (char *)scratch_read(path, &size);
    size_t first = (size_t)(strchr(text, '\n') - text) + 1;
    for (int end = 0; end < 2; end++) { /* all of it, or all but the end of line */
        memset(text + first, 0, size - first - (size_t)end);
        assert_true(scratch_write(path, text, size));
        dstn_ledger_book *book = read_good(NULL);
        assert_int_equal(book->line_count, 1);
        dstn_ledger_book_destroy(book);
        text[size - 1] = '\n';
    }
    free(text);
    free(path);
}

static void every_flipped_bit_is_refused_by_file_and_line(void **state) {
    (void)state;
    dstn_ledger *ledger = open_good("w");
    for (int i = 0; i < 3; i++) {
        append(ledger, "a", (dstn_member_state)i, "some detail");
    }
    dstn_ledger_close(ledger);
    char *path = path_of("w");
    size_t size = 0;
    char *text = (char *)scratch_read(path, &size);
    size_t second = (size_t)(strchr(text, '\n') - text) + 1;
    size_t third = (size_t)(strchr(text + second, '\n') - text) + 1;
    for (size_t bit = 0; bit < 8 * (size - 1);
         bit++) { /* all but the last end of line, whose lack is a crash's doing */
        text[bit / 8] ^= (char)(1 << bit % 8);
        bool zero = memchr(text + third, 0, size - third);
        assert_true(scratch_flip(path, bit / 8, (unsigned char)(1 << bit % 8)));
        if (!zero) {
            expect_damage(bit / 8 < second ? "w.txt:1:" : bit / 8 < third ? "w.txt:2:" : "w.txt:3:");
        }
        assert_true(scratch_flip(path, bit / 8, (unsigned char)(1 << bit % 8)));
        text[bit / 8] ^= (char)(1 << bit % 8);
    }
    free(text);
    free(path);
}

static void a_line_that_stands_twice_is_refused(void **state) {
    (void)state;
    dstn_ledger *ledger = open_good("w");
    append(ledger, "a", DSTN_MEMBER_DONE, NULL);
    dstn_ledger_close(ledger);
    char *path = path_of("w");
    size_t size = 0;
    char *text = (char *)scratch_read(path, &size), *twice = dstn_format("%s%s", text, text);
    assert_true(scratch_write(path, twice, 2 * size));
    expect_damage("w.txt:2:");
    free(twice);
    free(text);
    free(path);
}

static void a_line_that_does_not_fit_on_the_disk_leaves_nothing(void **state) {
    (void)state;
    dstn_ledger *ledger = open_good("w");
    append(ledger, "a", DSTN_MEMBER_QUEUED, NULL);
    char *path = path_of("w");
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    struct rlimit old_limit, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
    limit = old_limit;
    limit.rlim_cur = (rlim_t)before.st_size + 10; /* cut in the middle of the line */
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    dstn_error err = {0};
    dstn_status status = dstn_ledger_append(ledger, "a", DSTN_MEMBER_RUNNING, NULL, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    assert_int_equal(status, DSTN_ERROR_RUN);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    append(ledger, "a", DSTN_MEMBER_FAILED, "no room");
    dstn_ledger_close(ledger);
    dstn_ledger_book *book = read_good(NULL);
    assert_int_equal(book->line_count, 2);
    assert_int_equal(dstn_ledger_find(book, "a")->state, DSTN_MEMBER_FAILED);
    dstn_ledger_book_destroy(book);
    free(path);
}

static void many_lines_are_written_whole_or_not_at_all(void **state) {
    (void)state;
    const char *const members[] = {"a", "b c", "d"}, *const reasons[] = {"new", NULL, "its launch died"};
    dstn_ledger *ledger = open_good("w");
    dstn_error err = {0};
    assert_int_equal(dstn_ledger_append_all(ledger, 0, NULL, DSTN_MEMBER_QUEUED, NULL, &err), DSTN_OK);
    assert_int_equal(dstn_ledger_append_all(ledger, 3, members, DSTN_MEMBER_QUEUED, reasons, &err), DSTN_OK);
    char *path = path_of("w");
    struct stat before;
    struct rlimit old_limit, limit;
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
    limit = old_limit;
    limit.rlim_cur = (rlim_t)(before.st_size + before.st_size / 2); /* room for one of them, and a part */
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    dstn_status status = dstn_ledger_append_all(ledger, 3, members, DSTN_MEMBER_RUNNING, reasons, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    assert_int_equal(status, DSTN_ERROR_RUN);
    assert_int_equal(dstn_ledger_append_all(ledger, 3, members, DSTN_MEMBER_DONE, reasons, &err), DSTN_OK);
    dstn_ledger_close(ledger);
    dstn_ledger_book *book = read_good(NULL);
    assert_int_equal(book->line_count, 6);
    for (int64_t i = 0; i < 6; i++) {
        assert_int_equal(book->lines[i].sequence, i + 1);
        assert_string_equal(book->lines[i].member, members[i % 3]);
    }
    assert_string_equal(book->lines[5].detail, "its launch died");
    assert_int_equal(book->states[DSTN_MEMBER_DONE], 3);
    dstn_ledger_book_destroy(book);
    free(path);
}

static void a_runs_status_says_how_its_member_stands(void **state) {
    (void)state;
    static const struct {
        dstn_status status;
        const char *name;
        bool ended;
    } rows[] = {{DSTN_OK, "done", true},
                {DSTN_DIVERGED, "diverged", true},
                {DSTN_STOPPED, "preempted", false},
                {DSTN_ERROR_RUN, "failed", false},
                {DSTN_ERROR_USAGE, "failed", false},
                {DSTN_ERROR_DATA, "failed", false},
                {DSTN_ERROR_CHECKPOINT, "failed", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dstn_member_state stands = dstn_member_state_after(rows[i].status);
        assert_string_equal(dstn_member_state_name(stands), rows[i].name);
        assert_int_equal(dstn_member_has_ended(stands), rows[i].ended);
    }
    assert_string_equal(dstn_member_state_name(DSTN_MEMBER_QUEUED), "queued");
    assert_string_equal(dstn_member_state_name(DSTN_MEMBER_RUNNING), "running");
}

static void large_ledgers_fold_too(void **state) {
    (void)state;
    enum { MEMBERS = 600 };
    char *path = path_of("w"), name[32];
    dstn_ledger *ledger = open_good("w"); /* makes the folder */
    append(ledger, "m0000", DSTN_MEMBER_QUEUED, NULL);
    dstn_ledger_close(ledger);
    ledger = open_good("v");
    for (int i = 0; i < MEMBERS; i++) {
        snprintf(name, sizeof name, "m%04d", i * 7 % MEMBERS);
        append(ledger, name, i % 2 ? DSTN_MEMBER_DONE : DSTN_MEMBER_FAILED, NULL);
    }
    dstn_ledger_close(ledger);
    dstn_ledger_book *book = read_good(NULL);
    assert_int_equal(book->member_count, MEMBERS);
    assert_int_equal(book->states[DSTN_MEMBER_DONE], MEMBERS / 2);
    assert_int_equal(dstn_ledger_find(book, "m0000")->state, DSTN_MEMBER_FAILED);
    dstn_ledger_book_destroy(book);
    free(path);
}

/* A line with a good CRC, as another version or an enemy may write it. */
static void write_line(const char *writer, const char *sequence) {
    char *path = path_of(writer);
    char *body = dstn_format("%s 2025-01-31T23:59:59.123Z a queued -", sequence);
    char *line = dstn_format("%s %08lx\n", body, crc32(crc32(0, NULL, 0), (const Bytef *)body, (unsigned)strlen(body)));
    assert_true(scratch_write(path, line, strlen(line)));
    free(line);
    free(body);
    free(path);
}

/* Numbers go on from the largest: one that leaves no room above it, or is none, would break every later launch. */
static void numbers_that_no_ledger_reaches_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "9223372036854775808", "9223372036854775807", "18446744073709551621", "0", "-1", "+1", "1x", "0x1",
        "2305843009213693952"};
    dstn_ledger_close(open_good("w"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_line("w", bad[i]);
        expect_damage("w.txt:1: ");
    }
    write_line("w", "2305843009213693951");
    dstn_ledger *ledger = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_ledger_open(folder, "v", &ledger, &err), DSTN_ERROR_CHECKPOINT);
    assert_non_null(strstr(err.message, "after which there are none"));
    assert_null(ledger);
    dstn_ledger_book_destroy(read_good(NULL));
}

static void nothing_is_written_through_a_link_by_a_writers_name(void **state) {
    (void)state;
    char *victim = dstn_format("%s/victim", folder), *path = path_of("w");
    dstn_ledger_close(open_good("other"));
    assert_true(scratch_write(victim, "", 0));
    assert_int_equal(symlink(victim, path), 0);
    dstn_ledger *ledger = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_ledger_open(folder, "w", &ledger, &err), DSTN_ERROR_RUN);
    assert_non_null(strstr(err.message, "a symbolic link"));
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(20);
    expect_damage("no regular file");
    alarm(0);
    free(victim);
    free(path);
}

/* Every test has a folder of its own below the root. */
static int make_folder(void **state) {
    (void)state;
    static int number;
    folder = dstn_format("%s/%d", root, number++);
    return mkdir(folder, 0777);
}

static int leave_folder(void **state) {
    (void)state;
    free(folder);
    return 0;
}

static int make_root(void **state) {
    (void)state;
    root = scratch_make();
    return root ? 0 : -1;
}

static int remove_root(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(no_ledger_is_an_empty_book),
        TEST(lines_of_all_writers_fold_to_each_members_last_state),
        TEST(the_format_is_the_documented_one),
        TEST(any_name_and_detail_come_back),
        TEST(a_torn_last_line_does_not_count_and_is_told),
        TEST(zeros_for_a_last_line_do_not_count),
        TEST(every_flipped_bit_is_refused_by_file_and_line),
        TEST(a_line_that_stands_twice_is_refused),
        TEST(a_line_that_does_not_fit_on_the_disk_leaves_nothing),
        TEST(many_lines_are_written_whole_or_not_at_all),
        TEST(a_runs_status_says_how_its_member_stands),
        TEST(large_ledgers_fold_too),
        TEST(numbers_that_no_ledger_reaches_are_refused),
        TEST(nothing_is_written_through_a_link_by_a_writers_name),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
