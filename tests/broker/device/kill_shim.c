/* LD_PRELOAD: counts the calls that change what is under KILL_DIR (an open for reading changes nothing) and
 * kills the process before number KILL_AT.
 * KILL_MODE=torn counts writes only, and cuts the last one in half. A process that ends by itself made fewer.
 * Other calls that could change a file there abort the process: the test would not see them. Raw system calls pass by:
 * kills.py compares with strace. With KILL_REPORT the count is written there at the end. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
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
static int is_torn(void) { return getenv("KILL_MODE") != NULL && strcmp(getenv("KILL_MODE"), "torn") == 0; }

/* Whether this write is to be cut in half; in the other mode the process ends here. */
static int turn(int is_ours, int is_write) {
  if (!is_ours || (is_torn() && !is_write) || ++count != at()) return 0;
  if (!is_torn()) kill(getpid(), SIGKILL);
  return 1;
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
  turn((flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0 && ours(path), 0);
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
  int last = turn(file > 2 && ours_by_number(file), 1);
  ssize_t result = real(file, bytes, last ? size / 2 : size);
  if (last) kill(getpid(), SIGKILL);
  return result;
}
int fsync(int file) {
  REAL(int, fsync, (int));
  turn(ours_by_number(file), 0);
  return real(file);
}
int rename(const char* from, const char* to) {
  REAL(int, rename, (const char*, const char*));
  turn(ours(to), 0);
  return real(from, to);
}
int unlink(const char* path) {
  REAL(int, unlink, (const char*));
  turn(ours(path), 0);
  return real(path);
}
int mkdir(const char* path, mode_t mode) {
  REAL(int, mkdir, (const char*, mode_t));
  turn(ours(path), 0);
  return real(path, mode);
}
int rmdir(const char* path) {
  REAL(int, rmdir, (const char*));
  turn(ours(path), 0);
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
BY_PATH(FILE*, fopen, (const char* path, const char* how), *how != 'r' ? path : NULL, path, how)
BY_PATH(FILE*, fopen64, (const char* path, const char* how), *how != 'r' ? path : NULL, path, how)
BY_NUMBER(int, ftruncate, (int file, off_t size), file, file, size)
BY_NUMBER(int, fdatasync, (int file), file, file)
BY_NUMBER(int, fchmod, (int file, mode_t mode), file, file, mode)
BY_NUMBER(ssize_t, pwrite, (int file, const void* bytes, size_t size, off_t at_byte), file, file, bytes, size, at_byte)
BY_NUMBER(ssize_t, writev, (int file, const struct iovec* parts, int number), file, file, parts, number)
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
  if ((flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0 && ours(path)) uncounted("openat");
  REAL(int, openat, (int, const char*, int, ...));
  return real(dir, path, flags, mode);
}
