// Files below a folder that the host gives: everything that is done to them, and what is refused.
//
//   files all DIR: says what each step gave. DIR is empty before
//   files read DIR/FILE ROUNDS: reads the file as often, some bytes at a time, says how often SIGUSR1 has interrupted that, and
//   waits for the end of its input
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "guest.h"

static const char *folder;

static const char *in(const char *name) {
  static char paths[2][256];
  static int which;
  char *path = paths[which ^= 1];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void result(const char *step, long value) {
  if (value < 0) printf("%s: %s\n", step, strerror(errno));
  else printf("%s: %ld\n", step, value);
}

static int compare(const void *left, const void *right) {
  return strcmp(*(char *const *)left, *(char *const *)right);
}

// Names, sorted, with a slash after those of folders.
static void list(const char *step, const char *path) {
  DIR *dir = opendir(path);
  if (dir == 0) {
    result(step, -1);
    return;
  }
  char *names[512];
  int count = 0;
  for (struct dirent *entry; (entry = readdir(dir)) != 0 && count < 512;) {
    char name[300];
    snprintf(name, sizeof name, "%s%s", entry->d_name, entry->d_type == DT_DIR ? "/" : "");
    names[count++] = strdup(name);
  }
  closedir(dir);
  qsort(names, (size_t)count, sizeof names[0], compare);
  printf("%s:", step);
  for (int at = 0; at < count; at++) {
    if (count < 20 || at < 3 || at == count - 1) printf(" %s", names[at]);
    free(names[at]);
  }
  printf(" (%d)\n", count);
}

static void opened(const char *step, const char *path, int flags) {
  int fd = open(path, flags, 0644);
  result(step, fd < 0 ? -1 : 0);
  if (fd >= 0) close(fd);
}

static int all(void) {
  char buffer[64] = "";
  struct stat stat_;

  int fd = open(in("note.txt"), O_RDWR | O_CREAT | O_EXCL, 0644);
  result("create", fd < 0 ? -1 : 0);
  result("write", write(fd, "one two three", 13));
  result("seek", lseek(fd, 4, SEEK_SET));
  result("read", read(fd, buffer, 3));
  printf("it is: %s\n", buffer);
  result("position", lseek(fd, 0, SEEK_CUR));
  result("pwrite", pwrite(fd, "TWO", 3, 4));
  result("pread", pread(fd, buffer, sizeof buffer - 1, 0));
  printf("it is: %s\n", buffer);
  result("position", lseek(fd, 0, SEEK_CUR));
  result("before the start", lseek(fd, -1, SEEK_SET));
  result("truncate", ftruncate(fd, 7));
  result("stat", fstat(fd, &stat_));
  printf("size %ld, %s\n", (long)stat_.st_size, S_ISREG(stat_.st_mode) ? "a file" : "no file");
  result("times", futimens(fd, (struct timespec[]){{.tv_sec = 1000}, {.tv_sec = 2000}}));
  result("sync", fsync(fd));
  result("is a terminal", isatty(fd));
  struct pollfd polled = {.fd = fd, .events = POLLIN | POLLOUT};
  result("poll", poll(&polled, 1, 10000));
  printf("ready: %d\n", polled.revents == (POLLIN | POLLOUT));
  result("close", close(fd));
  result("close again", close(fd));
  result("read what is closed", read(fd, buffer, 1));

  fd = open(in("note.txt"), O_WRONLY | O_APPEND);
  result("append", write(fd, "!", 1));
  result("read what is for writing", read(fd, buffer, 1));
  close(fd);
  result("stat", stat(in("note.txt"), &stat_));
  printf("size %ld\n", (long)stat_.st_size);

  opened("what is not there", in("nowhere"), O_RDONLY);
  opened("below what is not there", in("nowhere/note.txt"), O_RDWR | O_CREAT);
  opened("below a file", in("note.txt/x"), O_RDONLY);
  opened("create what is there", in("note.txt"), O_RDWR | O_CREAT | O_EXCL);
  opened("a folder for writing", folder, O_RDWR);
  opened("a file as a folder", in("note.txt"), O_RDONLY | O_DIRECTORY);

  result("mkdir", mkdir(in("sub"), 0755));
  result("mkdir again", mkdir(in("sub"), 0755));
  result("rename", rename(in("note.txt"), in("sub/moved.txt")));
  result("rename what is gone", rename(in("note.txt"), in("other.txt")));
  result("link", link(in("sub/moved.txt"), in("second.txt")));
  result("symlink", symlink("sub/moved.txt", in("soft.txt")));
  buffer[readlink(in("soft.txt"), buffer, sizeof buffer - 1)] = 0;
  printf("it leads to: %s\n", buffer);
  opened("through it", in("soft.txt"), O_RDONLY);
  opened("not through it", in("soft.txt"), O_RDONLY | O_NOFOLLOW);
  result("loop", symlink("loop", in("loop")));
  opened("a link to itself", in("loop"), O_RDONLY);
  list("list", folder);
  list("list sub", in("sub"));
  list("list a file", in("soft.txt"));

  opened("up", in("../outside.txt"), O_RDONLY);
  opened("up and down", in("sub/../../outside.txt"), O_RDONLY);
  opened("within", in("sub/../second.txt"), O_RDONLY);
  opened("from the root", "/etc/passwd", O_RDONLY);
  result("a link up", symlink("..", in("up")));
  opened("by a link up", in("up/outside.txt"), O_RDONLY);
  opened("creating by a link up", in("up/new.txt"), O_WRONLY | O_CREAT);
  result("stat by a link up", stat(in("up/outside.txt"), &stat_));
  result("rename by a link up", rename(in("second.txt"), in("up/second.txt")));
  result("remove by a link up", unlink(in("up/outside.txt")));
  result("a link to the root", symlink("/etc", in("root")));

  result("rmdir what is full", rmdir(in("sub")));
  result("unlink a folder", unlink(in("sub")));
  result("rmdir a file", rmdir(in("second.txt")));
  result("unlink", unlink(in("sub/moved.txt")));
  result("rmdir", rmdir(in("sub")));
  opened("a link to what is gone", in("soft.txt"), O_RDONLY);

  mkdir(in("many"), 0755);
  for (int at = 0; at < 300; at++) {
    char name[64];
    snprintf(name, sizeof name, "many/a-file-with-number-%03d", at);
    fd = open(in(name), O_WRONLY | O_CREAT, 0644);
    if (fd < 0) result(name, -1);
    close(fd);
  }
  list("list many", in("many"));
  return 0;
}

static volatile int signals;

static void count(int signo) {
  (void)signo;
  signals++;
}

static int reads(const char *path, uint32_t rounds) {
  struct sigaction act = {.sa_handler = count};
  sigaction(SIGUSR1, &act, 0);
  uint64_t digest = DIGEST;
  for (uint32_t round = 0; round < rounds; round++) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) return perror(path), 1;
    char buffer[37];
    for (ssize_t size; (size = read(fd, buffer, sizeof buffer)) != 0;) {
      if (size < 0) return perror("read"), 1;
      digest = digest_bytes(digest, buffer, (size_t)size);
    }
    close(fd);
    if (round == 0) say(2, "reading\n");
  }
  printf("digest %016llx\n", (unsigned long long)digest);
  fflush(stdout);
  say_number(2, "signals: ", (uint32_t)signals);
  for (char byte; read(0, &byte, 1) != 0;) continue;
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  folder = argv[2];
  return strcmp(argv[1], "all") == 0 ? all() : reads(argv[2], argument(argc, argv, 3, 1));
}
