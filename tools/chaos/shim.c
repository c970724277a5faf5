/* Counts what a process does to the files below a folder, and at one of these calls kills it
 * in the middle, or lets the call fail. Loaded with LD_PRELOAD; Linux only.
 *
 *   GALENA_CHAOS_FOLDER  calls on files below it count; absolute, no symbolic links
 *   GALENA_CHAOS_ONLY    only those whose path has this in it
 *   GALENA_CHAOS_DO      kill | enospc | eio | erofs | short | watch; without it, calls are counted
 *   GALENA_CHAOS_AT      which call, from 1
 *   GALENA_CHAOS_TIMES   from there on so many fail of those that can (1; 0: all); kill needs none
 *   GALENA_CHAOS_SHARE   0 to 1: of the bytes of a write that arrive before the kill
 *   GALENA_CHAOS_COUNT   file of 8 bytes that counts over all processes; else each for itself
 *   GALENA_CHAOS_TRACE   file beside: a line for each call that was counted; with a deed, for each
 *                        that it was done to; with watch, for each that had no descriptor left
 *   GALENA_CHAOS_LOG     folder beside, on the same disk: what a power cut would undo
 *
 * A process that was forked with the shim loaded reads them when it calls galena_chaos_start.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define ROOM 4096
#define REAL(name) ((typeof(&name))real(#name))
#define WRITES (O_WRONLY | O_RDWR)

enum deed { COUNT, KILL, ENOSPC_, EIO_, EROFS_, SHORT, WATCH };
enum call { WRITE, OPEN, MOVE, REMOVE, CUT, SYNC };

static char folder[ROOM], only[ROOM], log_folder[ROOM];
static int trace_fd = -1; /* opened early: there may be no descriptor left */
static enum deed deed;
static long at, times;
static double share;
static atomic_long own_count, fired;
static atomic_long *count = &own_count;
static atomic_int active;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static const char *setting(const char *name, const char *otherwise) {
    const char *found = getenv(name);
    return found && *found ? found : otherwise;
}

void galena_chaos_start(void) {
    static const char *deeds[] = {"count", "kill",  "enospc", "eio",
                                  "erofs", "short", "watch"};
    const char *wanted = setting("GALENA_CHAOS_DO", "count");
    const char *shared = setting("GALENA_CHAOS_COUNT", "");
    const char *traced = setting("GALENA_CHAOS_TRACE", "");
    active = 0;
    snprintf(folder, ROOM, "%s", setting("GALENA_CHAOS_FOLDER", ""));
    snprintf(only, ROOM, "%s", setting("GALENA_CHAOS_ONLY", ""));
    snprintf(log_folder, ROOM, "%s", setting("GALENA_CHAOS_LOG", ""));
    for (int i = 0; i < 7; i++)
        if (!strcmp(wanted, deeds[i])) deed = (enum deed)i;
    at = atol(setting("GALENA_CHAOS_AT", "0"));
    times = atol(setting("GALENA_CHAOS_TIMES", "1"));
    share = atof(setting("GALENA_CHAOS_SHARE", "0"));
    count = &own_count;
    own_count = fired = 0;
    if (*traced) {
        int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC;
        trace_fd = (int)syscall(SYS_openat, AT_FDCWD, traced, flags, 0600);
    }
    if (*shared) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, shared, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0 && syscall(SYS_ftruncate, fd, sizeof(long)) == 0) {
            void *found = mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            if (found != MAP_FAILED) count = (atomic_long *)found;
        }
        if (fd >= 0) syscall(SYS_close, fd);
    }
    active = *folder != 0;
}

__attribute__((constructor)) static void loaded(void) { galena_chaos_start(); }

/* --- whose file is it */

static int below(const char *path) {
    size_t n = strlen(folder);
    return !strncmp(path, folder, n) && (path[n] == '/' || path[n] == 0);
}

static int place_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, ROOM - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    char *gone = strstr(path, " (deleted)");
    if (gone && !gone[10]) *gone = 0;
    return below(path);
}

static int full_path(int dir, const char *given, char *path) {
    char base[ROOM];
    if (*given == '/') {
        snprintf(path, ROOM, "%s", given);
    } else {
        if (dir == AT_FDCWD) {
            if (!getcwd(base, ROOM)) return 0;
        } else if (!place_of(dir, base) && !*base) {
            return 0;
        }
        snprintf(path, ROOM, "%.2000s/%.2000s", base, given);
    }
    return below(path);
}

/* --- what a power cut would undo */

static void note(const char *kind, const char *one, const char *two, const char *three) {
    char path[ROOM + 8], line[4 * ROOM];
    snprintf(path, sizeof path, "%s/events", log_folder);
    int n = snprintf(line, sizeof line, "%s\t%s\t%s\t%s\n", kind, one, two, three);
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0600);
    if (fd < 0) return;
    syscall(SYS_write, fd, line, n);
    syscall(SYS_close, fd);
}

static void snapshot_name(const struct stat *about, char *name) {
    snprintf(name, 2 * ROOM, "%s/durable-%lu-%lu", log_folder, (unsigned long)about->st_dev,
             (unsigned long)about->st_ino);
}

/* Before a file changes for the first time since it was brought to the disk: what is there. */
static void keep_durable(const char *path) {
    struct stat about;
    char name[2 * ROOM], buffer[1 << 16];
    if (!*log_folder || stat(path, &about) || !S_ISREG(about.st_mode)) return;
    snapshot_name(&about, name);
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    int to = (int)syscall(SYS_openat, AT_FDCWD, name, flags, 0600);
    if (to < 0) return; /* kept before */
    int from = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    long n;
    while (from >= 0 && (n = syscall(SYS_read, from, buffer, sizeof buffer)) > 0)
        syscall(SYS_write, to, buffer, n);
    if (from >= 0) syscall(SYS_close, from);
    syscall(SYS_close, to);
}

static void now_durable(int fd, const char *path) {
    struct stat about;
    char name[2 * ROOM];
    if (!*log_folder || fstat(fd, &about)) return;
    if (S_ISREG(about.st_mode)) {
        snapshot_name(&about, name);
        syscall(SYS_unlinkat, AT_FDCWD, name, 0);
    }
    note("sync", path, "", "");
}

/* Another name for a file that is about to lose its own; empty if there is none. */
static void keep_name(const char *path, char *name) {
    static atomic_int number;
    *name = 0;
    if (!*log_folder) return;
    snprintf(name, 2 * ROOM, "%s/name-%d-%d", log_folder, getpid(), number++);
    if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, name, 0)) *name = 0;
}

static void note_move(const char *from, const char *to, char *kept) {
    if (*log_folder) note("move", from, to, kept);
}

/* --- whether it is this call's turn */

static void trace(const char *what, const char *path) {
    char line[ROOM + 32];
    if (trace_fd < 0) return;
    int n = snprintf(line, sizeof line, "%s\t%s\n", what, path);
    syscall(SYS_write, trace_fd, line, n);
}

static const char *names[] = {"write", "open", "move", "remove", "cut", "sync"};

/* The errors that a file system has for each call; what it has none for does as ever. */
static int error_of(enum call call) {
    switch (deed) {
        case ENOSPC_: return call == REMOVE ? 0 : ENOSPC;
        case EIO_: return call == OPEN || call == MOVE || call == REMOVE ? 0 : EIO;
        case EROFS_: return call == WRITE || call == SYNC ? 0 : EROFS;
        default: return 0;
    }
}

/* What the deed cannot be done to is passed over: the next call that it can be has its turn. */
static int is_turn(enum call call, const char *path) {
    if (*only && !strstr(path, only)) return 0;
    long n = ++*count;
    if (deed == COUNT) trace(names[call], path);
    if (deed == COUNT || deed == WATCH || !at || n < at) return 0;
    if (deed == KILL) return n == at;
    if (deed == SHORT ? call != WRITE : !error_of(call)) return 0;
    if (times && fired >= times) return 0;
    fired++;
    trace(names[call], path);
    return 1;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* The error that the call is to end with, or 0. Kills before it with half of the chances. */
static int fate(enum call call, const char *path) {
    if (!is_turn(call, path)) return 0;
    if (deed != KILL) return error_of(call);
    if (share < 0.5) die();
    return -1; /* after it */
}

/* How many bytes of a write are to arrive: all, some, or none with errno set (-1). */
static ssize_t allowed(size_t n, int *last, const char *path) {
    *last = 0;
    if (!is_turn(WRITE, path)) return (ssize_t)n;
    if (deed == KILL) {
        *last = 1;
        return (ssize_t)(share * (double)n);
    }
    if (deed == SHORT) return n > 1 ? (ssize_t)(n / 2) : (ssize_t)n;
    errno = error_of(WRITE);
    return -1;
}

static void watched(int failed, const char *path) {
    if (active && deed == WATCH && failed && errno == EMFILE) {
        trace("emfile", path);
        errno = EMFILE;
    }
}

#define WRITING(fd, size, REAL_CALL)                              \
    char path[ROOM];                                              \
    int last = 0;                                                 \
    size_t n = (size);                                            \
    int ours = active && place_of(fd, path);                      \
    if (ours) {                                                   \
        keep_durable(path);                                       \
        ssize_t some = allowed(n, &last, path);                         \
        if (some < 0) return -1;                                  \
        n = (size_t)some;                                         \
    }                                                             \
    ssize_t done = last && !n ? 0 : (REAL_CALL);                  \
    if (last) die();                                              \
    return done;

ssize_t write(int fd, const void *bytes, size_t size) {
    WRITING(fd, size, REAL(write)(fd, bytes, n))
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t where) {
    WRITING(fd, size, REAL(pwrite)(fd, bytes, n, where))
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t where) {
    WRITING(fd, size, REAL(pwrite64)(fd, bytes, n, where))
}

/* Only the first piece is cut: whoever wrote is told, and goes on with the rest. */
ssize_t writev(int fd, const struct iovec *pieces, int number) {
    char place[ROOM];
    if (!active || !number || !place_of(fd, place)) return REAL(writev)(fd, pieces, number);
    WRITING(fd, pieces[0].iov_len, REAL(write)(fd, pieces[0].iov_base, n))
}

#define CHANGING(ours, call, path, REAL_CALL)                     \
    int error = (ours) ? fate(call, path) : 0;                    \
    if (error > 0) {                                              \
        errno = error;                                            \
        return -1;                                                \
    }                                                             \
    int done = (REAL_CALL);                                       \
    if (error < 0) die();

int fsync(int fd) {
    char path[ROOM];
    int ours = active && place_of(fd, path);
    CHANGING(ours, SYNC, path, REAL(fsync)(fd))
    if (ours && !done) now_durable(fd, path);
    return done;
}

int fdatasync(int fd) {
    char path[ROOM];
    int ours = active && place_of(fd, path);
    CHANGING(ours, SYNC, path, REAL(fdatasync)(fd))
    if (ours && !done) now_durable(fd, path);
    return done;
}

int ftruncate(int fd, off_t size) {
    char path[ROOM];
    int ours = active && place_of(fd, path);
    if (ours) keep_durable(path);
    CHANGING(ours, CUT, path, REAL(ftruncate)(fd, size))
    return done;
}

int ftruncate64(int fd, off64_t size) {
    char path[ROOM];
    int ours = active && place_of(fd, path);
    if (ours) keep_durable(path);
    CHANGING(ours, CUT, path, REAL(ftruncate64)(fd, size))
    return done;
}

#define MOVING(from_dir, from, to_dir, to, REAL_CALL)             \
    char old[ROOM], new[ROOM], kept[2 * ROOM] = "";               \
    int ours = active && full_path(to_dir, to, new) &&            \
               full_path(from_dir, from, old);                    \
    if (ours) {                                                   \
        keep_name(new, kept);                                     \
        note_move(old, new, kept);                                \
    }                                                             \
    CHANGING(ours, MOVE, new, REAL_CALL)                          \
    return done;

int rename(const char *from, const char *to) {
    MOVING(AT_FDCWD, from, AT_FDCWD, to, REAL(rename)(from, to))
}

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    MOVING(from_dir, from, to_dir, to, REAL(renameat)(from_dir, from, to_dir, to))
}

#define REMOVING(dir, given, REAL_CALL)                           \
    char path[ROOM], kept[2 * ROOM] = "";                         \
    int ours = active && full_path(dir, given, path) &&           \
               !access(path, F_OK);                               \
    if (ours) {                                                   \
        keep_name(path, kept);                                    \
        if (*kept) note("gone", path, "", kept);                  \
    }                                                             \
    CHANGING(ours, REMOVE, path, REAL_CALL)                       \
    return done;

int unlink(const char *given) { REMOVING(AT_FDCWD, given, REAL(unlink)(given)) }

int unlinkat(int dir, const char *given, int flags) {
    REMOVING(dir, given, REAL(unlinkat)(dir, given, flags))
}

/* Opening counts where it makes or empties a file. */
static int opens(int dir, const char *given, int flags, char *path) {
    if (!active || !(flags & WRITES) || !full_path(dir, given, path)) return 0;
    int there = !access(path, F_OK);
    if (there && flags & O_TRUNC) keep_durable(path);
    if (!there && flags & O_CREAT && *log_folder) note("made", path, "", "");
    return there ? flags & O_TRUNC : flags & O_CREAT;
}

#define MODE                                                      \
    mode_t mode = 0;                                              \
    if (flags & (O_CREAT | O_TMPFILE)) {                          \
        va_list rest;                                             \
        va_start(rest, flags);                                    \
        mode = va_arg(rest, mode_t);                              \
        va_end(rest);                                             \
    }

#define OPENING(dir, given, REAL_CALL)                            \
    char path[ROOM];                                              \
    int ours = opens(dir, given, flags, path);                    \
    CHANGING(ours, OPEN, path, REAL_CALL)                         \
    watched(done < 0, given);                                     \
    return done;

int open(const char *given, int flags, ...) {
    MODE OPENING(AT_FDCWD, given, REAL(open)(given, flags, mode))
}

int open64(const char *given, int flags, ...) {
    MODE OPENING(AT_FDCWD, given, REAL(open64)(given, flags, mode))
}

int openat(int dir, const char *given, int flags, ...) {
    MODE OPENING(dir, given, REAL(openat)(dir, given, flags, mode))
}

int openat64(int dir, const char *given, int flags, ...) {
    MODE OPENING(dir, given, REAL(openat64)(dir, given, flags, mode))
}

#define STREAM(REAL_CALL)                                         \
    char path[ROOM];                                              \
    int writes = *how == 'w' || *how == 'a';                      \
    int flags = O_WRONLY | O_CREAT | (*how == 'w' ? O_TRUNC : 0); \
    int ours = writes && opens(AT_FDCWD, given, flags, path);     \
    int error = ours ? fate(OPEN, path) : 0;                      \
    if (error > 0) {                                              \
        errno = error;                                            \
        return NULL;                                              \
    }                                                             \
    FILE *done = (REAL_CALL);                                     \
    watched(!done, given);                                        \
    if (error < 0) die();                                         \
    return done;

FILE *fopen(const char *given, const char *how) { STREAM(REAL(fopen)(given, how)) }

FILE *fopen64(const char *given, const char *how) { STREAM(REAL(fopen64)(given, how)) }
