/* Fuzzes ledgers: the input as a file of one, and again with a good CRC at the end of each line. */
#include "dstn/store.h"

#include "fuzz.h"

#include <zlib.h>

static void read_ledger(void) {
    dstn_ledger_book *book;
    dstn_ledger *ledger;
    dstn_error err = {DSTN_OK, ""};
    if (dstn_ledger_read(fuzz_folder, NULL, &book, &err) == DSTN_OK) {
        for (int64_t i = 0; i < book->line_count; i++) {
            if (!dstn_ledger_find(book, book->lines[i].member)) {
                abort();
            }
        }
        dstn_ledger_book_destroy(book);
        if (dstn_ledger_open(fuzz_folder, "w", &ledger, &err) == DSTN_OK) {
            if (dstn_ledger_append(ledger, "a b", DSTN_MEMBER_DONE, "x", &err) != DSTN_OK) {
                abort();
            }
            dstn_ledger_close(ledger);
            if (dstn_ledger_read(fuzz_folder, NULL, &book, &err) != DSTN_OK) { /* what was appended must be read */
                abort();
            }
            dstn_ledger_book_destroy(book);
        }
    }
    fuzz_check_message(&err);
}

static void fuzz_one(const uint8_t *bytes, size_t size) {
    char *folder = fuzz_path("ledger"), *path = fuzz_path("ledger/w.txt"), *lines = NULL;
    char *text = fuzz_text(bytes, size), *place = NULL;
    size_t length = 0;
    mkdir(folder, 0777);
    fuzz_write(path, bytes, size);
    read_ledger();
    FILE *out = open_memstream(&lines, &length);
    for (char *line = strtok_r(text, "\n", &place); line; line = strtok_r(NULL, "\n", &place)) {
        fprintf(out, "%s %08lx\n", line, crc32(crc32(0, NULL, 0), (const Bytef *)line, (unsigned)strlen(line)));
    }
    fclose(out);
    fuzz_write(path, lines, length);
    read_ledger();
    unlink(path);
    free(lines);
    free(text);
    free(path);
    free(folder);
}

FUZZ_TARGET(fuzz_start_in_folder)
