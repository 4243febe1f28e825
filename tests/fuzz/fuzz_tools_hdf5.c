/* Fuzzes HDF5 files by mutation, as the commands meet them. The first byte chooses who reads the rest. */
#include "dstn/tools.h"

#include "fixture.h"
#include "fuzz.h"

static dstn_console console;

static void start(int *argc, char ***argv) {
    dstn_error err;
    if (dstn_ranks_start(argc, argv, &err) != DSTN_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    fuzz_make_folder();
    console.world = dstn_group_self();
    console.out = fopen("/dev/null", "w");
}

static void inspect(const char *path, bool json, dstn_error *err) {
    dstn_inspect(&console, path, json, true, err);
}

static void read_fixture(const char *path, dstn_error *err) {
    const dstn_kernel *kernel;
    tools_fixture fixture;
    if (dstn_kernel_find("reference", DSTN_F64, &kernel, err) == DSTN_OK &&
        tools_fixture_open(path, kernel, &fixture, err) == DSTN_OK) {
        tools_fixture_close(&fixture);
    }
}

static void read_data(const char *path, bool classifies, dstn_error *err) {
    char *text =
        dstn_format("data: {source: hdf5, path: %s, task: %s}\n", path, classifies ? "classification" : "regression");
    dstn_doc *doc;
    dstn_dataset *dataset;
    if (dstn_doc_parse(text, "fuzz.yaml", &doc, err) == DSTN_OK) {
        if (dstn_dataset_read(dstn_node_child(dstn_doc_root(doc), "data"), 1, NULL, &dataset, err) == DSTN_OK) {
            dstn_dataset_destroy(dataset);
        }
        dstn_doc_destroy(doc);
    }
    free(text);
}

static void read_checkpoint(const char *path, dstn_error *err) {
    double values[8];
    dstn_state state = {0};
    dstn_checkpoint_facts about;
    dstn_state_add_values(&state, "model/general", DSTN_F64, 8, values);
    if (dstn_checkpoint_read(path, &state, &about, err) == DSTN_OK) {
        dstn_checkpoint_facts_clear(&about);
    }
    dstn_state_clear(&state);
}

static void restore_record(const char *path, dstn_error *err) {
    dstn_record *record = dstn_record_new();
    dstn_record_series(record, "step", DSTN_I64, 0);
    dstn_record_series(record, "lambda", DSTN_F64, 1);
    dstn_record_restore(record, path, 100, err);
    dstn_record_destroy(record);
}

static void copy_record(const char *path, dstn_error *err) {
    char *table = fuzz_path("sweep.h5");
    dstn_writer *writer;
    dstn_error ignored;
    if (dstn_writer_open(table, &writer, &ignored) == DSTN_OK) {
        dstn_writer_copy_file(writer, "runs/a", path, err);
        dstn_writer_abandon(writer);
    }
    free(table);
}

static void fuzz_one(const uint8_t *bytes, size_t size) {
    if (size < 1) {
        return;
    }
    char *path = fuzz_path("fuzz.h5");
    dstn_error err = {DSTN_OK, ""};
    fuzz_write(path, bytes + 1, size - 1);
    switch (bytes[0] % 8) {
    case 0:
    case 1:
        inspect(path, bytes[0] % 8, &err);
        break;
    case 2:
        read_fixture(path, &err);
        break;
    case 3:
    case 4:
        read_data(path, bytes[0] % 8 == 3, &err);
        break;
    case 5:
        read_checkpoint(path, &err);
        break;
    case 6:
        restore_record(path, &err);
        break;
    default:
        copy_record(path, &err);
    }
    fuzz_check_message(&err);
    free(path);
}

FUZZ_TARGET(start)
