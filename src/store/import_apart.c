/* store: makes a tree of an HDF5 file in a child process, which may die of it. */
#include "import.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PATIENCE = 2,             /* seconds of computing without getting any further */
    SPEED = 16 << 20,         /* bytes that are read in a second of computing, at the very least */
    SPARE_MEMORY = 128 << 20, /* bytes beyond what the file justifies */
    MOST_ASIDE = 4 << 20      /* of a description */
};

/* What goes through the pipe: a head, then `size` bytes. Both ends are one program on one machine. */
typedef enum record_kind { RECORD_NODE = 1, RECORD_BYTES, RECORD_FAILED, RECORD_END } record_kind;

typedef struct record_head {
    record_kind kind;
    dstn_status status; /* of the end */
    size_t size;
} record_head;

/* A node without its pointers; path, attribute, what and why follow it, each with a zero. */
typedef struct node_image {
    store_node node;
    size_t lengths[4];
} node_image;

/* ---- the child --------------------------------------------------------------------------------------------------- */

typedef struct sender {
    int pipe;
    clock_t counted_from; /* the last time that the limit was moved */
} sender;

static bool send_all(int pipe, const void *bytes, size_t size) {
    for (const char *from = bytes; size > 0;) {
        ssize_t sent = write(pipe, from, size);
        if (sent < 0 && errno != EINTR) {
            return false;
        }
        from += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

static bool send_head(int pipe, record_kind kind, dstn_status status, size_t size) {
    record_head head;
    memset(&head, 0, sizeof head);
    head.kind = kind;
    head.status = status;
    head.size = size;
    return send_all(pipe, &head, sizeof head);
}

static bool send_node(void *self, const store_node *node) {
    const sender *to = self;
    const char *const texts[4] = {node->path, node->attribute, node->what, node->why};
    node_image image;
    memset(&image, 0, sizeof image);
    image.node = *node;
    size_t size = sizeof image;
    for (int i = 0; i < 4; i++) {
        image.lengths[i] = strlen(texts[i]) + 1;
        size += image.lengths[i];
    }
    bool good = send_head(to->pipe, RECORD_NODE, DSTN_OK, size) && send_all(to->pipe, &image, sizeof image);
    for (int i = 0; good && i < 4; i++) {
        good = send_all(to->pipe, texts[i], image.lengths[i]);
    }
    return good;
}

static bool send_bytes(void *self, const void *bytes, size_t size) {
    const sender *to = self;
    return send_head(to->pipe, RECORD_BYTES, DSTN_OK, size) && send_all(to->pipe, bytes, size);
}

static bool send_failure(void *self, const char *why) {
    const sender *to = self;
    size_t size = strlen(why) + 1;
    return send_head(to->pipe, RECORD_FAILED, DSTN_OK, size) && send_all(to->pipe, why, size);
}

/* Moves the limit on computing time: it is for standing still, not for large files. */
static void wait_longer(void *self, int64_t ahead) {
    sender *from = self;
    clock_t now = clock();
    if (ahead >= SPEED || now - from->counted_from > CLOCKS_PER_SEC / 2) {
        struct rlimit limit;
        getrlimit(RLIMIT_CPU, &limit);
        limit.rlim_cur = (rlim_t)(now / CLOCKS_PER_SEC) + PATIENCE + (rlim_t)(ahead / SPEED);
        setrlimit(RLIMIT_CPU, &limit);
        from->counted_from = now;
    }
}

/* Bytes of addresses that this process uses; 0: unknown, or more than is real (sanitizers reserve terabytes). */
static rlim_t addresses_in_use(void) {
    unsigned long long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (statm) {
        if (fscanf(statm, "%llu", &pages) != 1) {
            pages = 0;
        }
        fclose(statm);
    }
    rlim_t bytes = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
    return bytes < (rlim_t)1 << 42 ? bytes : 0;
}

static void limit_child(const store_load_request *request) {
    struct rlimit limit = {0, 0};
    setrlimit(RLIMIT_CORE, &limit);
    getrlimit(RLIMIT_CPU, &limit);
    limit.rlim_cur = PATIENCE;
    setrlimit(RLIMIT_CPU, &limit);
    rlim_t used = addresses_in_use();
    int64_t justified = store_justified_bytes(request->file_size);
    if (used > 0 && !request->external && justified < INT64_MAX / 4) {
        getrlimit(RLIMIT_AS, &limit);
        rlim_t most = used + (rlim_t)justified + SPARE_MEMORY;
        limit.rlim_cur = most < limit.rlim_cur ? most : limit.rlim_cur;
        setrlimit(RLIMIT_AS, &limit);
    }
}

/* The parent deals with what is sent to a whole process group; the child ends when its pipe does. What crashes it is
 * nobody's concern but the parent's. */
static void calm_child(void) {
    static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM};
    static const int deadly[] = {SIGXCPU, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        signal(ignored[i], SIG_IGN);
    }
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++) {
        signal(deadly[i], SIG_DFL);
    }
    int nowhere = open("/dev/null", O_WRONLY);
    if (nowhere >= 0) {
        dup2(nowhere, STDERR_FILENO);
        dup2(nowhere, STDOUT_FILENO);
    }
}

/* What a file names elsewhere lies beside it, also the raw files that HDF5 looks for from the working folder: this
 * process goes there. The path of the file, from anywhere. */
static const char *move_to_folder_of(const char *path) {
    char *whole = realpath(path, NULL), *slash = whole ? strrchr(whole, '/') : NULL;
    if (!slash) {
        return path;
    }
    *slash = '\0';
    bool is_there = chdir(slash > whole ? whole : "/") == 0;
    *slash = '/';
    return is_there ? whole : path;
}

static void be_child(int pipe, const store_source *source, const store_load_request *request) {
    calm_child();
    limit_child(request);
    sender to = {pipe, 0};
    const store_sink sink = {&to, send_node, send_bytes, send_failure, wait_longer};
    dstn_error err = {DSTN_OK, ""};
    store_hdf5_quiet();
    store_hdf5_reason why;
    hid_t file = source->bytes ? store_hdf5_open_bytes(source->bytes, source->size, &why)
                               : store_hdf5_open_path(source->path, &why);
    if (file < 0) {
        dstn_fail(&err, DSTN_ERROR_DATA, "it is no HDF5 file, or damaged or cut off (HDF5: %s)", why.text);
    } else {
        store_load_request own = *request;
        own.path = own.external && own.path ? move_to_folder_of(own.path) : own.path;
        store_load(file, &own, &sink, &err);
    }
    size_t size = strlen(err.message) + 1;
    _exit(send_head(pipe, RECORD_END, err.status, size) && send_all(pipe, err.message, size) ? 0 : 1);
}

/* ---- the parent -------------------------------------------------------------------------------------------------- */

typedef struct receiver {
    int pipe;
    bool died; /* the pipe ended before the end was sent */
    store_growth growth;
    void *buffer; /* [capacity] */
    size_t capacity;
} receiver;

static bool receive_all(receiver *from, void *bytes, size_t size) {
    for (char *to = bytes; size > 0;) {
        ssize_t got = read(from->pipe, to, size);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            from->died = true;
            return false;
        }
        to += got > 0 ? got : 0;
        size -= got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* What isn't as it should be was sent by a process that HDF5 had gone astray in. */
static bool refuse(receiver *from) {
    from->growth.broken = true;
    return false;
}

/* `size` bytes into the buffer, of which the last is a zero where it must be a text. */
static bool receive_aside(receiver *from, size_t size, bool is_text) {
    if (size == 0 || size > MOST_ASIDE) {
        return refuse(from);
    }
    if (size > from->capacity) {
        free(from->buffer);
        from->buffer = dstn_alloc(size, 1);
        from->capacity = size;
    }
    if (!receive_all(from, from->buffer, size)) {
        return false;
    }
    return !is_text || ((char *)from->buffer)[size - 1] == 0 || refuse(from);
}

static bool receive_node(receiver *from, size_t size) {
    node_image image;
    if (size < sizeof image) {
        return refuse(from);
    }
    if (!receive_aside(from, size, true)) {
        return false;
    }
    memcpy(&image, from->buffer, sizeof image);
    char *text = (char *)from->buffer + sizeof image, *texts[4];
    size_t rest = size - sizeof image;
    for (int i = 0; i < 4; i++) {
        if (image.lengths[i] == 0 || image.lengths[i] > rest || text[image.lengths[i] - 1] != 0) {
            return refuse(from);
        }
        texts[i] = text;
        text += image.lengths[i];
        rest -= image.lengths[i];
    }
    image.node.path = texts[0];
    image.node.attribute = texts[1];
    image.node.what = texts[2];
    image.node.why = texts[3];
    return store_growth_node(&from->growth, &image.node);
}

/* Straight into the node's place. */
static bool receive_bytes(receiver *from, size_t size) {
    store_growth *growth = &from->growth;
    store_node *node = growth->tree->count ? &growth->tree->nodes[growth->tree->count - 1] : NULL;
    if (!node || !node->data || size > node->size - growth->filled) {
        return refuse(from);
    }
    bool good = receive_all(from, (char *)node->data + growth->filled, size);
    growth->filled += good ? size : 0;
    return good;
}

static bool receive_failure(receiver *from, size_t size) {
    return receive_aside(from, size, true) && (store_growth_fail(&from->growth, from->buffer) || refuse(from));
}

/* The child's own verdict goes into err. */
static bool receive_end(receiver *from, const record_head *head, dstn_error *err) {
    if (!receive_aside(from, head->size, true)) {
        return false;
    }
    if (head->status != DSTN_OK) {
        dstn_fail(err, head->status, "%s", (const char *)from->buffer);
    }
    return store_growth_end(&from->growth);
}

/* False: it didn't come to the end. */
static bool receive(receiver *from, dstn_error *err) {
    record_head head;
    bool good = true;
    while (good && receive_all(from, &head, sizeof head)) {
        switch (head.kind) {
        case RECORD_NODE:
            good = receive_node(from, head.size);
            break;
        case RECORD_BYTES:
            good = receive_bytes(from, head.size);
            break;
        case RECORD_FAILED:
            good = receive_failure(from, head.size);
            break;
        case RECORD_END:
            return receive_end(from, &head, err);
        default:
            good = refuse(from);
        }
    }
    return false;
}

static dstn_status judge_death(int status, dstn_error *err) {
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (number == SIGXCPU) {
        return dstn_fail(err, DSTN_ERROR_DATA, "it is damaged: HDF5 comes to no end with it");
    }
    if (number == SIGKILL) {
        return dstn_fail(err, DSTN_ERROR_RUN, "the process that read it was killed, perhaps for want of memory");
    }
    return dstn_fail(err, DSTN_ERROR_DATA, "it is damaged: the process in which HDF5 read it died of it (%s %d)",
                     number ? "signal" : "exit code", number ? number : WEXITSTATUS(status));
}

static dstn_status be_parent(int pipe, pid_t child, store_tree *tree, dstn_error *err) {
    receiver from = {.pipe = pipe, .growth = {tree, 0, false}};
    *err = (dstn_error){DSTN_OK, ""};
    bool ended = receive(&from, err);
    close(pipe); /* a child that still writes ends by it */
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!ended && from.died) {
        judge_death(status, err);
    } else if (!ended && from.growth.broken) {
        dstn_fail(err, DSTN_ERROR_DATA, "it is damaged: HDF5 reads what can't be there");
    } else if (!ended) {
        dstn_fail(err, DSTN_ERROR_RUN, "what it holds doesn't fit into memory");
    }
    free(from.buffer);
    if (err->status != DSTN_OK) {
        store_tree_clear(tree);
    }
    return err->status;
}

dstn_status store_import_apart(const store_source *source, const store_load_request *request, store_tree *tree,
                               dstn_error *err) {
    int ends[2];
    if (pipe(ends) != 0) {
        return store_import(source, request, tree, err);
    }
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        be_child(ends[1], source, request);
    }
    close(ends[1]);
    if (child < 0) { /* no room for another process: better read with less care than not at all */
        close(ends[0]);
        return store_import(source, request, tree, err);
    }
    return be_parent(ends[0], child, tree, err);
}
