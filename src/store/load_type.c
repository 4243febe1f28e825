/* store: how the types of HDF5 files are kept in memory, and their names in words. */
#include "load.h"

#include <string.h>

static bool equals(hid_t type, dstn_scalar scalar) {
    return H5Tequal(type, store_hdf5_file_type(scalar)) > 0;
}

static void keep_numbers(store_type *out, hid_t type, dstn_scalar scalar) {
    out->kind = STORE_NUMBERS;
    out->scalar = scalar;
    out->exact = equals(type, scalar);
    out->memory = store_hdf5_memory_type(scalar);
}

static void take_integer(store_type *out, hid_t type) {
    bool is_unsigned = H5Tget_sign(type) == H5T_SGN_NONE;
    store_say(out->what, sizeof out->what, "%s%zu-bit integers", is_unsigned ? "unsigned " : "", 8 * out->size);
    if (out->size > 8) {
        return;
    }
    /* Unsigned ones of 64 bits don't all fit into i64. */
    dstn_scalar wide = is_unsigned && out->size == 8 ? DSTN_F64 : DSTN_I64;
    keep_numbers(out, type, is_unsigned && out->size == 1 ? DSTN_U8 : wide);
}

static void take_float(store_type *out, hid_t type) {
    store_say(out->what, sizeof out->what, "%zu-bit floating-point numbers", 8 * out->size);
    keep_numbers(out, type, out->size <= 4 ? DSTN_F32 : DSTN_F64);
}

/* Appends as much of a text as there is room for. */
static void append(store_type *out, const char *text) {
    size_t length = strlen(out->what);
    store_say(out->what + length, sizeof out->what - length, "%s", text);
}

/* numpy's booleans are an enumeration {FALSE = 0, TRUE = 1} over bytes. */
static void take_enumeration(store_type *out, hid_t type) {
    static const char *const booleans[] = {"FALSE", "TRUE"};
    int count = H5Tget_nmembers(type);
    bool boolean = count == 2 && out->size == 1;
    append(out, "an enumeration");
    for (int i = 0; i < count && i < 4; i++) {
        char *name = H5Tget_member_name(type, (unsigned)i);
        unsigned char value[16] = {0xff};
        boolean = boolean && name && strcmp(name, booleans[i]) == 0 &&
                  H5Tget_member_value(type, (unsigned)i, value) >= 0 && value[0] == i;
        append(out, i ? ", " : " ");
        append(out, name ? name : "?");
        H5free_memory(name);
    }
    append(out, count > 4 ? ", ..." : "");
    if (boolean) {
        keep_numbers(out, type, DSTN_U8);
    }
}

store_type store_type_of(hid_t type) {
    static const char *const words[H5T_NCLASSES] = {
        [H5T_TIME] = "times",           [H5T_OPAQUE] = "opaque values",           [H5T_COMPOUND] = "compound values",
        [H5T_REFERENCE] = "references", [H5T_VLEN] = "arrays of variable length", [H5T_ARRAY] = "arrays"};
    store_type out = {.kind = STORE_OTHER, .size = H5Tget_size(type), .memory = -1};
    H5T_class_t kind = H5Tget_class(type);
    switch (kind) {
    case H5T_INTEGER:
        take_integer(&out, type);
        break;
    case H5T_FLOAT:
        take_float(&out, type);
        break;
    case H5T_ENUM:
        take_enumeration(&out, type);
        break;
    case H5T_BITFIELD: /* PyTables and Julia write booleans so; read as they are, since HDF5 converts none */
        store_say(out.what, sizeof out.what, "a bit field of %zu bits", 8 * out.size);
        if (out.size == 1) {
            keep_numbers(&out, type, DSTN_U8);
            out.memory = H5T_NATIVE_B8;
        }
        break;
    case H5T_STRING:
        out.kind = STORE_TEXTS;
        out.variable = H5Tis_variable_str(type) > 0;
        store_say(out.what, sizeof out.what, "texts");
        break;
    default:
        store_say(out.what, sizeof out.what, "%s",
                  kind >= 0 && kind < H5T_NCLASSES && words[kind] ? words[kind] : "values of an unknown type");
    }
    if (out.size == 0) {
        out.kind = STORE_OTHER;
    }
    return out;
}
