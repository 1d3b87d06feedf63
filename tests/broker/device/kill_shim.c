/* LD_PRELOAD: counts calls and kills the process before number KILL_AT. KILL_MODE says which calls:
 * before  every open, write, fsync, rename, unlink, mkdir and rmdir under KILL_DIR, opens that only read among them;
 * torn    the writes under KILL_DIR, the last one cut in half first;
 * sent    the writes to sockets.
 * A process that ends by itself made fewer.
 * Other calls that could change a file there abort the process: the test would not see them. Raw system calls pass by:
 * kills.py compares with strace. With KILL_REPORT the count is written there at the end. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int count;

static int ours(const char* path) {
  const char* dir = getenv("KILL_DIR");
  return dir != NULL && path != NULL && strncmp(path, dir, strlen(dir)) == 0;
}

static int ours_by_number(int file) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return 0;
  path[size] = '\0';
  return ours(path);
}

static int at(void) { return getenv("KILL_AT") ? atoi(getenv("KILL_AT")) : -1; }
static int is_mode(const char* name) {
  const char* mode = getenv("KILL_MODE");
  return strcmp(mode != NULL ? mode : "before", name) == 0;
}
static int is_socket(int file) {
  struct stat about;
  return fstat(file, &about) == 0 && S_ISSOCK(about.st_mode);
}

/* Whether this call is number KILL_AT. Threads send too. */
static int is_last(void) { return __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST) == at(); }
static void turn(int is_ours) {
  if (is_mode("before") && is_ours && is_last()) kill(getpid(), SIGKILL);
}
static void turn_to_send(int file) {
  if (is_mode("sent") && is_socket(file) && is_last()) kill(getpid(), SIGKILL);
}

__attribute__((destructor)) static void report(void) {
  const char* to = getenv("KILL_REPORT");
  FILE* file = to != NULL ? fopen(to, "w") : NULL;
  if (file == NULL) return;
  fprintf(file, "%d", count);
  fclose(file);
}

#define REAL(type, name, arguments) type(*real) arguments = (type(*) arguments)dlsym(RTLD_NEXT, #name)

static int opened(int (*real)(const char*, int, ...), const char* path, int flags, mode_t mode) {
  turn(ours(path));
  return real(path, flags, mode);
}
int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = (flags & O_CREAT) ? (mode_t)va_arg(rest, int) : 0;
  va_end(rest);
  REAL(int, open, (const char*, int, ...));
  return opened(real, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = (flags & O_CREAT) ? (mode_t)va_arg(rest, int) : 0;
  va_end(rest);
  REAL(int, open64, (const char*, int, ...));
  return opened(real, path, flags, mode);
}
ssize_t write(int file, const void* bytes, size_t size) {
  REAL(ssize_t, write, (int, const void*, size_t));
  int is_ours = file > 2 && ours_by_number(file);
  turn(is_ours);
  turn_to_send(file);
  int is_cut = is_mode("torn") && is_ours && is_last();
  ssize_t result = real(file, bytes, is_cut ? size / 2 : size);
  if (is_cut) kill(getpid(), SIGKILL);
  return result;
}
ssize_t send(int file, const void* bytes, size_t size, int flags) {
  REAL(ssize_t, send, (int, const void*, size_t, int));
  turn_to_send(file);
  return real(file, bytes, size, flags);
}
ssize_t sendto(int file, const void* bytes, size_t size, int flags, const struct sockaddr* to, socklen_t to_size) {
  REAL(ssize_t, sendto, (int, const void*, size_t, int, const struct sockaddr*, socklen_t));
  turn_to_send(file);
  return real(file, bytes, size, flags, to, to_size);
}
ssize_t sendmsg(int file, const struct msghdr* message, int flags) {
  REAL(ssize_t, sendmsg, (int, const struct msghdr*, int));
  turn_to_send(file);
  return real(file, message, flags);
}
int fsync(int file) {
  REAL(int, fsync, (int));
  turn(ours_by_number(file));
  return real(file);
}
int rename(const char* from, const char* to) {
  REAL(int, rename, (const char*, const char*));
  turn(ours(to));
  return real(from, to);
}
int unlink(const char* path) {
  REAL(int, unlink, (const char*));
  turn(ours(path));
  return real(path);
}
int mkdir(const char* path, mode_t mode) {
  REAL(int, mkdir, (const char*, mode_t));
  turn(ours(path));
  return real(path, mode);
}
int rmdir(const char* path) {
  REAL(int, rmdir, (const char*));
  turn(ours(path));
  return real(path);
}
FILE* fopen(const char* path, const char* how) {
  REAL(FILE*, fopen, (const char*, const char*));
  turn(ours(path));
  return real(path, how);
}
FILE* fopen64(const char* path, const char* how) {
  REAL(FILE*, fopen64, (const char*, const char*));
  turn(ours(path));
  return real(path, how);
}
DIR* opendir(const char* path) {
  REAL(DIR*, opendir, (const char*));
  turn(ours(path));
  return real(path);
}

/* The store makes none of these; if it ever does, they belong above. */
static int uncounted(const char* name) {
  fprintf(stderr, "kill_shim: %s is not counted\n", name);
  abort();
}
#define BY_PATH(type, name, parameters, path, ...)   \
  type name parameters {                             \
    if (ours(path)) uncounted(#name);                \
    REAL(type, name, parameters);                    \
    return real(__VA_ARGS__);                        \
  }
#define BY_NUMBER(type, name, parameters, file, ...) \
  type name parameters {                             \
    if (ours_by_number(file)) uncounted(#name);      \
    REAL(type, name, parameters);                    \
    return real(__VA_ARGS__);                        \
  }
BY_PATH(int, creat, (const char* path, mode_t mode), path, path, mode)
BY_PATH(int, link, (const char* from, const char* to), to, from, to)
BY_PATH(int, symlink, (const char* from, const char* to), to, from, to)
BY_PATH(int, linkat, (int a, const char* from, int b, const char* to, int flags), to, a, from, b, to, flags)
BY_PATH(int, renameat, (int a, const char* from, int b, const char* to), to, a, from, b, to)
BY_PATH(int, renameat2, (int a, const char* from, int b, const char* to, unsigned flags), to, a, from, b, to, flags)
BY_PATH(int, unlinkat, (int dir, const char* path, int flags), path, dir, path, flags)
BY_PATH(int, mkdirat, (int dir, const char* path, mode_t mode), path, dir, path, mode)
BY_PATH(int, truncate, (const char* path, off_t size), path, path, size)
BY_PATH(int, chmod, (const char* path, mode_t mode), path, path, mode)
BY_NUMBER(int, ftruncate, (int file, off_t size), file, file, size)
BY_NUMBER(int, fdatasync, (int file), file, file)
BY_NUMBER(int, fchmod, (int file, mode_t mode), file, file, mode)
BY_NUMBER(ssize_t, pwrite, (int file, const void* bytes, size_t size, off_t at_byte), file, file, bytes, size, at_byte)
ssize_t writev(int file, const struct iovec* parts, int number) {
  REAL(ssize_t, writev, (int, const struct iovec*, int));
  if (ours_by_number(file)) uncounted("writev");
  turn_to_send(file);
  return real(file, parts, number);
}
BY_NUMBER(ssize_t, pwritev, (int file, const struct iovec* parts, int number, off_t at_byte), file, file, parts, number, at_byte)
BY_NUMBER(int, fallocate, (int file, int mode, off_t from, off_t size), file, file, mode, from, size)
BY_NUMBER(int, posix_fallocate, (int file, off_t from, off_t size), file, file, from, size)
BY_NUMBER(ssize_t, sendfile, (int to, int from, off_t* at_byte, size_t size), to, to, from, at_byte, size)
BY_NUMBER(ssize_t, copy_file_range, (int from, off_t* a, int to, off_t* b, size_t size, unsigned flags), to, from, a, to, b, size, flags)
int openat(int dir, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = (flags & O_CREAT) ? (mode_t)va_arg(rest, int) : 0;
  va_end(rest);
  if (ours(path)) uncounted("openat");
  REAL(int, openat, (int, const char*, int, ...));
  return real(dir, path, flags, mode);
}
