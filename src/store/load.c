/* store: walks an HDF5 file and hands its groups, attributes and data sets to a sink. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 32, LEAST_OBJECT = 16 /* bytes of a file that an object takes at least */ };

/* A walk through a file. */
typedef struct walk {
    const store_load_request *request;
    const store_sink *sink;
    dstn_error *err;
    hid_t links;       /* how links are opened: not into other files, unless asked for */
    uint64_t *visited; /* [capacity] addresses of groups, 0: free; half of it at most is full */
    size_t count, capacity;
    int64_t objects, most_objects;
} walk;

/* A group on the way: its place in the file, and how deep it lies. */
typedef struct place {
    walk *walk;
    const char *path;
    int depth;
} place;

/* ---- objects that were seen -------------------------------------------------------------------------------------- */

/* Where an object lies in the file, and how many links claim to lead to it. */
static bool identify(hid_t object, uint64_t *address, unsigned *links) {
#if H5_VERSION_GE(1, 12, 0)
    H5O_info2_t about;
    bool good = H5Oget_info3(object, &about, H5O_INFO_BASIC) >= 0;
    memcpy(address, &about.token, sizeof *address);
#else
    H5O_info_t about;
    bool good = H5Oget_info2(object, &about, H5O_INFO_BASIC) >= 0;
    *address = about.addr;
#endif
    *links = about.rc;
    return good;
}

/* The place of an address in the set: its own, or a free one. */
static size_t slot_of(const walk *w, uint64_t address) {
    size_t at = (size_t)(address * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (w->capacity - 1);
    while (w->visited[at] && w->visited[at] != address) {
        at = (at + 1) & (w->capacity - 1);
    }
    return at;
}

static void make_room(walk *w) {
    if (2 * (w->count + 1) <= w->capacity) {
        return;
    }
    uint64_t *old = w->visited;
    size_t capacity = w->capacity;
    w->capacity = capacity ? 2 * capacity : 64;
    w->visited = dstn_alloc(w->capacity, sizeof *w->visited);
    for (size_t i = 0; i < capacity; i++) {
        if (old[i]) {
            w->visited[slot_of(w, old[i])] = old[i];
        }
    }
    free(old);
}

/* False: the group was walked before. */
static bool visit(walk *w, uint64_t address) {
    make_room(w);
    uint64_t key = address + 1; /* 0 means free */
    size_t at = slot_of(w, key);
    if (w->visited[at]) {
        return false;
    }
    w->visited[at] = key;
    w->count++;
    return true;
}

/* ---- attributes -------------------------------------------------------------------------------------------------- */

static bool fail(walk *w, const char *path, const char *what) {
    dstn_fail(w->err, DSTN_ERROR_DATA, "%s %s", path[0] ? path : "the root", what);
    return false;
}

static bool fail_of_hdf5(walk *w, const char *path) {
    store_hdf5_reason why = store_hdf5_why();
    dstn_fail(w->err, DSTN_ERROR_DATA, "%s can't be read (HDF5: %s)", path[0] ? path : "the root", why.text);
    return false;
}

/* Whether the sink goes on; where it doesn't, it knows why. */
static bool send_attribute(walk *w, store_node *node, const void *data) {
    return w->sink->take_node(w->sink->self, node) &&
           (node->size == 0 || w->sink->take_bytes(w->sink->self, data, node->size));
}

static bool load_number(walk *w, hid_t attribute, const store_type *type, store_node *node) {
    double real = 0;
    int64_t whole = 0;
    bool is_real = type->scalar == DSTN_F32 || type->scalar == DSTN_F64;
    node->scalar = is_real ? DSTN_F64 : DSTN_I64;
    node->size = 8;
    if (type->memory == H5T_NATIVE_B8 || H5Aread(attribute, is_real ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64,
                                                 is_real ? (void *)&real : (void *)&whole) < 0) {
        return !w->request->ours || fail_of_hdf5(w, node->path);
    }
    return send_attribute(w, node, is_real ? (void *)&real : (void *)&whole);
}

static bool load_text(walk *w, hid_t attribute, const store_type *type, store_node *node) {
    char why[256] = "";
    if (type->variable && w->request->fixed_texts) {
        return fail(w, node->path, "has a text of variable length");
    }
    char *text =
        store_load_texts(attribute, true, type, 1, store_justified_texts(w->request->file_size), &node->size, why);
    bool going = text ? send_attribute(w, node, text) : !w->request->ours || fail(w, node->path, why);
    free(text);
    return going;
}

/* Attributes of one text or number; people's files may have others, which nobody here asks for. */
static bool load_attribute(walk *w, hid_t attribute, const char *path, const char *name) {
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    bool going = true, single = space >= 0 && H5Sget_simple_extent_npoints(space) == 1;
    store_type about = type >= 0 ? store_type_of(type) : (store_type){.kind = STORE_OTHER};
    store_node node = {.path = (char *)path, .attribute = (char *)name, .what = about.what, .why = ""};
    node.kind = about.kind;
    node.exact = about.exact;
    node.count = 1;
    if (single && about.kind == STORE_TEXTS) {
        going = load_text(w, attribute, &about, &node);
    } else if (single && about.kind == STORE_NUMBERS) {
        going = load_number(w, attribute, &about, &node);
    } else if (w->request->ours) {
        going = fail(w, path, "has an attribute that is neither one text nor one number");
    }
    if (space >= 0) {
        H5Sclose(space);
    }
    if (type >= 0) {
        H5Tclose(type);
    }
    return going;
}

static herr_t take_attribute(hid_t owner, const char *name, const H5A_info_t *about, void *user) {
    (void)about;
    const place *at = user;
    hid_t attribute = H5Aopen(owner, name, H5P_DEFAULT);
    if (attribute < 0) {
        return at->walk->request->ours ? -1 : 0;
    }
    bool going = load_attribute(at->walk, attribute, at->path, name);
    H5Aclose(attribute);
    at->walk->sink->progress(at->walk->sink->self, 0);
    return going ? 0 : -1;
}

static bool load_attributes(const place *at, hid_t object) {
    if (at->walk->request->wanted) {
        return true;
    }
    if (H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, take_attribute, (void *)at) >= 0) {
        return true;
    }
    return at->walk->err->status == DSTN_OK ? fail_of_hdf5(at->walk, at->path) : false;
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static bool walk_group(const place *at, hid_t group);

/* Whether something below a group is wanted. */
static bool leads_on(const walk *w, const char *path) {
    const char *const *wanted = w->request->wanted;
    size_t length = strlen(path);
    bool found = wanted == NULL;
    for (; !found && *wanted; wanted++) {
        found = strncmp(*wanted, path, length) == 0 && (*wanted)[length] == '/';
    }
    return found;
}

/* Something that is there and can't be read. */
static bool send_other(walk *w, const char *path, const char *why) {
    store_node node = {.path = (char *)path, .attribute = "", .what = "", .why = (char *)why, .kind = STORE_OTHER};
    return w->request->ours ? fail(w, path, why) : w->sink->take_node(w->sink->self, &node);
}

static bool load_object(const place *at, hid_t object) {
    walk *w = at->walk;
    uint64_t address = 0;
    unsigned links = 0;
    if (!identify(object, &address, &links)) {
        return fail_of_hdf5(w, at->path);
    }
    if (++w->objects > w->most_objects) {
        return fail(w, at->path, "and what comes before it are more objects than a file of this size has");
    }
    if (w->request->ours && links != 1) {
        return fail(w, at->path, "is led to by more than one link");
    }
    H5I_type_t kind = H5Iget_type(object);
    if (kind == H5I_DATASET) {
        return store_load_set(object, at->path, w->request, w->sink, w->err) && load_attributes(at, object);
    }
    if (kind != H5I_GROUP) {
        return send_other(w, at->path, "is neither a group nor a data set");
    }
    if (at->depth > DEEPEST) {
        return fail(w, at->path, "lies too deep: groups within groups within groups");
    }
    store_node node = {.path = (char *)at->path, .attribute = "", .what = "", .why = "", .kind = STORE_GROUP};
    bool first = visit(w, address);
    if (!first && w->request->ours) {
        return fail(w, at->path, "leads back to a group that was seen before");
    }
    return w->sink->take_node(w->sink->self, &node) && (!first || walk_group(at, object));
}

/* "is a soft link to /a" or "is an external link to file.h5:/a" */
static void name_link(hid_t group, const char *name, const H5L_info_t *link, char why[512]) {
    char *target = dstn_alloc(link->u.val_size + 2, 1);
    const char *file = NULL, *path = target;
    unsigned flags;
    bool good = H5Lget_val(group, name, target, link->u.val_size, H5P_DEFAULT) >= 0;
    bool is_external = link->type == H5L_TYPE_EXTERNAL;
    if (good && is_external) {
        good = H5Lunpack_elink_val(target, link->u.val_size, &flags, &file, &path) >= 0;
    }
    if (good && is_external) {
        store_say(why, 512, "is an external link to %s:%s, which can't be opened or isn't followed", file, path);
    } else if (good) {
        store_say(why, 512, "is a soft link to %s, which can't be opened or leads out of the file", path);
    } else {
        store_say(why, 512, "is a link that can't be read");
    }
    free(target);
}

/* HDF5 itself would take these for paths. */
static bool is_plain(const char *name) {
    return name[0] && strcmp(name, ".") != 0 && !strchr(name, '/');
}

static bool load_member(const place *at, hid_t group, const char *name, const H5L_info_t *link) {
    walk *w = at->walk;
    if (!is_plain(name)) {
        return fail(w, at->path, "has a member without a proper name");
    }
    char *path = dstn_format("%s%s%s", at->path, at->path[0] ? "/" : "", name);
    place inner = {w, path, at->depth + 1};
    bool is_link = link->type != H5L_TYPE_HARD, going;
    bool opens = !is_link || (!w->request->ours && (link->type == H5L_TYPE_SOFT || w->request->external));
    hid_t object = opens ? H5Oopen(group, name, w->links) : -1;
    if (object >= 0) {
        going = load_object(&inner, object);
        H5Oclose(object);
    } else if (is_link) {
        char why[512];
        name_link(group, name, link, why);
        going = send_other(w, path, why);
    } else {
        char why[sizeof(store_hdf5_reason) + 32];
        store_say(why, sizeof why, "can't be opened (HDF5: %s)", store_hdf5_why().text);
        going = w->request->wanted ? send_other(w, path, why) : fail(w, path, why);
    }
    free(path);
    return going;
}

static herr_t take_member(hid_t group, const char *name, const H5L_info_t *link, void *user) {
    const place *at = user;
    bool going = load_member(at, group, name, link);
    at->walk->sink->progress(at->walk->sink->self, 0);
    return going ? 0 : -1;
}

/* Attributes come after the members: what is damaged shows in them first, without HDF5's heap being read. */
static bool walk_group(const place *at, hid_t group) {
    walk *w = at->walk;
    bool inner = !at->path[0] || w->request->deep || leads_on(w, at->path);
    if (inner && H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, take_member, (void *)at) < 0) {
        return w->err->status == DSTN_OK ? fail_of_hdf5(w, at->path) : false;
    }
    return load_attributes(at, group);
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static herr_t refuse_to_leave(const char *parent_file, const char *parent_group, const char *child_file,
                              const char *child_object, unsigned *flags, hid_t access, void *user) {
    (void)parent_file;
    (void)parent_group;
    (void)child_file;
    (void)child_object;
    (void)flags;
    (void)access;
    (void)user;
    return -1;
}

dstn_status store_load(hid_t file, const store_load_request *request, const store_sink *sink, dstn_error *err) {
    walk w = {.request = request, .sink = sink, .err = err, .links = H5Pcreate(H5P_LINK_ACCESS)};
    w.most_objects = request->file_size / LEAST_OBJECT + 1;
    *err = (dstn_error){DSTN_OK, ""};
    if (!request->external) {
        H5Pset_elink_cb(w.links, refuse_to_leave, NULL);
    }
    place root = {&w, "", 0};
    hid_t group = H5Oopen(file, "/", H5P_DEFAULT);
    bool good = group >= 0 ? load_object(&root, group) : fail_of_hdf5(&w, "");
    if (group >= 0) {
        H5Oclose(group);
    }
    H5Pclose(w.links);
    free(w.visited);
    if (!good && err->status == DSTN_OK) {
        dstn_fail(err, DSTN_ERROR_RUN, "what it holds doesn't fit into memory");
    }
    return good ? DSTN_OK : err->status;
}
