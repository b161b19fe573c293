// Of exported programs: segments, sets, what poll(2) and fdinfo show, FIFOs.

#include "oracle/export_fragments.h"

namespace pollux {
namespace {

constexpr Fragment kFragments[] = {
    {"segments", R"(
/* Of readv and writev. */
static struct iovec segments[2];

static void segment(int index, const void *at, size_t length) {
  segments[index].iov_base = (void *)at;
  segments[index].iov_len = length;
}
)",
     ""},
    {"words", R"(
static uint64_t *words(int index, uint64_t value) {
  static uint64_t w[2];
  w[index] = value;
  return &w[index];
}
)",
     ""},
    {"halves", R"(
/* Where the two segments are read to. */
static char *halves(int index, size_t size) {
  static char memory[2][(1 << 19) + 8192] __attribute__((aligned(4096)));
  memset(memory[index], 0xa5, size + 4096);
  return memory[index];
}
)",
     ""},
    {"narrow_segments", R"(
/* The two as a 32-bit caller has them. */
static uint32_t *narrow_segments(void) {
  static OWN uint32_t narrow[4];
  for (int i = 0; i < 2; ++i) {
    narrow[2 * i] = (uint32_t)(uintptr_t)segments[i].iov_base;
    narrow[2 * i + 1] = (uint32_t)segments[i].iov_len;
  }
  return narrow;
}
)",
     ""},
    {"sets", R"(
/* The three sets of select, and where they stand: read, write, except. */
static OWN uint64_t sets[3], *at_sets;

static void choose(int fd, int read, int write, int except) {
  sets[0] |= (uint64_t)read << fd;
  sets[1] |= (uint64_t)write << fd;
  sets[2] |= (uint64_t)except << fd;
}
)",
     ""},
    {"chosen", R"(
static void chosen(uint64_t read, uint64_t write, uint64_t except) {
  if (at_sets[0] != read) differs("has read set", (long long)at_sets[0]);
  if (at_sets[1] != write) differs("has write set", (long long)at_sets[1]);
  if (at_sets[2] != except) differs("has except set", (long long)at_sets[2]);
}
)",
     R"(
static void chosen(uint64_t read, uint64_t write, uint64_t except) {
  EXPECT_EQ(at_sets[0], read);
  EXPECT_EQ(at_sets[1], write);
  EXPECT_EQ(at_sets[2], except);
}
)"},
    {"pair", "\nstatic int pair[2];\n", ""},
    {"is_pair", R"(
static void is_pair(int first, int second) {
  if (pair[0] != first) differs("gave number", pair[0]);
  if (pair[1] != second) differs("gave number", pair[1]);
}
)",
     R"(
static void is_pair(int first, int second) {
  EXPECT_EQ(pair[0], first);
  EXPECT_EQ(pair[1], second);
}
)"},
    {"got_params", "\nstatic struct struct_params got_params;\n", ""},
    {"is_params", R"(
static void is_params(uint32_t usecs, uint16_t budget, uint8_t prefer) {
  if (got_params.usecs != usecs) differs("has usecs", got_params.usecs);
  if (got_params.budget != budget) differs("has budget", got_params.budget);
  if (got_params.prefer != prefer) differs("has prefer", got_params.prefer);
}
)",
     R"(
static void is_params(uint32_t usecs, uint16_t budget, uint8_t prefer) {
  EXPECT_EQ(got_params.usecs, usecs);
  EXPECT_EQ(got_params.budget, budget);
  EXPECT_EQ(got_params.prefer, prefer);
}
)"},
    {"polled", R"(
static OWN struct pollfd polled[16];

static void ask(int index, int fd, int events) {
  polled[index].fd = fd;
  polled[index].events = (short)events;
  polled[index].revents = 0;
}
)",
     ""},
    {"revents", R"(
static void revents(int index, int want) {
  if ((unsigned short)polled[index].revents != want) differs("has revents", (unsigned short)polled[index].revents);
}
)",
     R"(
static void revents(int index, int want) {
  EXPECT_EQ((unsigned short)polled[index].revents, want) << "descriptor " << index;
}
)"},
    {"fdinfo", R"(
/* The interest list, sorted by number and data. */
static struct item {
  int fd;
  uint32_t events;
  uint64_t data;
} items[4096];

static int by_number_and_data(const void *a, const void *b) {
  const struct item *x = (const struct item *)a, *y = (const struct item *)b;
  if (x->fd != y->fd) return x->fd < y->fd ? -1 : 1;
  if (x->data != y->data) return x->data < y->data ? -1 : 1;
  return x->events < y->events ? -1 : x->events > y->events;
}

/* How many items; -EBADF if the number is not open, -EINVAL if it is no epoll. */
static long fdinfo(int fd) {
  char path[64], line[256];
  struct rlimit now, lifted;
  FILE *file;
  long n = 0;
  ssize_t length;
  snprintf(path, sizeof path, "/proc/thread-self/fdinfo/%d", fd);
  getrlimit(RLIMIT_NOFILE, &now);
  lifted = now;
  lifted.rlim_cur = lifted.rlim_max;
  setrlimit(RLIMIT_NOFILE, &lifted);
  file = fopen(path, "re");
  setrlimit(RLIMIT_NOFILE, &now);
  if (file == NULL) return -EBADF;
  while (fgets(line, sizeof line, file) != NULL) {
    unsigned events;
    unsigned long long data;
    if (sscanf(line, "tfd: %d events: %x data: %llx", &items[n].fd, &events, &data) != 3) continue;
    items[n].events = events;
    items[n].data = data;
    if (++n == 4096) break;
  }
  fclose(file);
  snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
  length = readlink(path, line, sizeof line - 1);
  line[length < 0 ? 0 : length] = '\0';
  if (n == 0 && strcmp(line, "anon_inode:[eventpoll]") != 0) return -EINVAL;
  qsort(items, (size_t)n, sizeof items[0], by_number_and_data);
  return n;
}
)",
     ""},
    {"SHOWS", R"(
#define SHOWS(index, want, fd) \
  do {                         \
    op = index;                \
    expect(fdinfo(fd), want);  \
  } while (0)
)",
     "\n#define SHOWS(index, want, fd) EXPECT_EQ(fdinfo(fd), want) << ops[index]\n"},
    {"fd_path", R"(
static const char *fd_path(int fd) {
  static char path[64];
  snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
  return path;
}
)",
     ""},
    {"own_namespaces", R"(
/* What changes must be nobody else's. Needs root. */
static void own_namespaces(void) {
  if (unshare(CLONE_NEWNS | CLONE_NEWUTS) != 0) exit(2);
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) exit(2);
}
)",
     ""},
    {"change_mounts", R"(
static long change_mounts(void) {
  static int there;
  there = !there;
  if (!there) return result_of(umount("/proc/fs"));
  return result_of(mount("pollux", "/proc/fs", "tmpfs", 0, NULL));
}
)",
     ""},
    {"change_domainname", R"(
static long change_domainname(void) { return result_of(setdomainname("pollux", 6)); }
)",
     ""},
    {"jump_clock", R"(
/* The clock goes a nanosecond ahead, and back. Needs root. */
static long jump_clock(void) {
  struct timex ahead = {0}, back = {0};
  ahead.modes = back.modes = ADJ_SETOFFSET | ADJ_NANO;
  ahead.time.tv_usec = 1;
  back.time.tv_sec = -1;
  back.time.tv_usec = 999999999;
  if (adjtimex(&ahead) < 0 || adjtimex(&back) < 0) exit(2);
  return 0;
}
)",
     ""},
    {"fifo", R"(
/* A FIFO without a name, in a file system that is mounted nowhere, opened with O_PATH. Needs root. */
static long fifo(int flags) {
  long fs = syscall(430 /* fsopen */, "tmpfs", 0), mount, result;
  if (fs < 0 || syscall(431 /* fsconfig */, fs, 6, NULL, NULL, 0) != 0) exit(2);
  mount = syscall(432 /* fsmount */, fs, 0, 0);
  if (mount < 0) exit(2);
  close((int)fs);
  if (mknodat((int)mount, "fifo", S_IFIFO | 0600, 0) != 0) exit(2);
  result = result_of(openat((int)mount, "fifo", O_PATH | flags));
  close((int)mount);
  return result;
}
)",
     ""},
    {"new_pty", R"(
/* A pseudoterminal in raw mode. */
static long new_pty(int flags) {
  const int unlocked = 0;
  struct termios raw;
  pair[0] = open("/dev/ptmx", O_RDWR | O_NOCTTY | flags);
  if (pair[0] < 0 && errno == EMFILE) return -EMFILE;
  if (pair[0] < 0) exit(2);
  ioctl(pair[0], TIOCSPTLCK, &unlocked);
  pair[1] = ioctl(pair[0], TIOCGPTPEER, O_RDWR | O_NOCTTY | flags);
  if (pair[1] < 0) {
    if (errno != EMFILE) exit(2);
    close(pair[0]);
    return -EMFILE;
  }
  if (tcgetattr(pair[1], &raw) != 0) exit(2);
  cfmakeraw(&raw);
  tcsetattr(pair[1], TCSANOW, &raw);
  return 0;
}
)",
     ""},
    {"write_nothing", R"(
/* Notifies who waits to write, which the write that follows does at its end: so this comes first. */
static void write_nothing(int fd) {
  if (write(fd, "", 0) < 0) exit(2);
}
)",
     ""},
    {"arrives", R"(
/* What was written to a terminal gets there through a worker of the kernel. */
static void arrives(int fd, int bytes) {
  int unread = -1;
  for (int i = 0; i < 100000 && ioctl(fd, FIONREAD, &unread) == 0 && unread != bytes; ++i) usleep(10);
}
)",
     ""},
    {"MAKES", R"(
#define MAKES(index, want, made) \
  do {                           \
    op = index;                  \
    expect(made, want);          \
  } while (0)
)",
     "\n#define MAKES(index, want, made) EXPECT_EQ(made, want) << ops[index]\n"},
    {"item", R"(
static void item(int index, int fd, uint32_t events, uint64_t data) {
  if (items[index].fd != fd) differs("shows an item of number", items[index].fd);
  if (items[index].events != events) differs("shows an item with events", items[index].events);
  if (items[index].data != data) differs("shows an item with data", (long long)items[index].data);
}
)",
     R"(
static void item(int index, int fd, uint32_t events, uint64_t data) {
  EXPECT_EQ(items[index].fd, fd);
  EXPECT_EQ(items[index].events, events);
  EXPECT_EQ(items[index].data, data);
}
)"},
};

}  // namespace

std::span<const Fragment> FileFragments() { return kFragments; }

}  // namespace pollux
