// Programs from traces: a body of one statement or more an op, and the functions that it mentions.

#include "oracle/export.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <utility>
#include <vector>

#include "model/text.h"
#include "oracle/exec.h"
#include "oracle/loopback.h"

namespace pollux {
namespace {

// The program is a body, one statement or more an op, and the functions that the body mentions. Both dialects share
// the functions; they differ in how a comparison is said.

struct Fragment {
  std::string_view name;    // mentioned as a whole word
  std::string_view c, cpp;  // cpp empty: as in C
};

// In the order in which they are defined.
constexpr Fragment kFragments[] = {
    {"KERNEL", "#define KERNEL ((void *)0xffff800000000000) /* outside the user address range */\n", ""},
    {"EPIOCSPARAMS", "#define EPIOCSPARAMS 0x40088a01\n", ""},
    {"EPIOCGPARAMS", "#define EPIOCGPARAMS 0x80088a02\n", ""},
    {"SET_TICKS", "#define SET_TICKS 0x40085400 /* TFD_IOC_SET_TICKS */\n", ""},
    {"NOWHERE", "#define NOWHERE ((void *)arena)  /* in the user address range, nothing mapped */\n", ""},
    {"arena", R"(
/* Memory that ends: inaccessible | ROOM painted bytes | inaccessible. */
enum { ROOM = 1 << 20, PAGE = 1 << 16, PAINT = 0xa5 };
static char *arena;

static void map_arena(void) {
  arena = (char *)mmap((void *)(1L << 44), ROOM + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (arena == MAP_FAILED || mprotect(arena + PAGE, ROOM, PROT_READ | PROT_WRITE) != 0) exit(2);
}
)",
     ""},
    {"edge", R"(
/* `good` bytes, then nothing. */
static char *edge(size_t good) {
  char *p = arena + PAGE + ROOM - good;
  memset(p, PAINT, good);
  return p;
}
)",
     ""},
    {"at_edge", R"(
/* The bytes, then nothing. */
static void *at_edge(const void *bytes, size_t size) { return memcpy(edge(size), bytes, size); }
)",
     ""},
    {"zeros_at_edge", R"(
static void *zeros_at_edge(size_t size) { return memset(edge(size), 0, size); }
)",
     ""},
    {"readonly", R"(
/* The bytes, in a page that cannot be written. */
static void *readonly(const void *bytes, size_t size) {
  void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) exit(2);
  memcpy(p, bytes, size);
  mprotect(p, PAGE, PROT_READ);
  return p;
}
)",
     ""},
    {"zeros", "\nstatic const char zeros[1 << 20] = {0};\n", ""},
    {"event", R"(
static struct epoll_event *event(uint32_t events, uint64_t data) {
  static struct epoll_event e;
  e.events = events;
  e.data.u64 = data;
  return &e;
}
)",
     ""},
    {"word", R"(
static uint64_t *word(uint64_t value) {
  static uint64_t w;
  w = value;
  return &w;
}
)",
     ""},
    {"no_signals", R"(
static uint64_t *no_signals(void) {
  static uint64_t none;
  return &none;
}
)",
     ""},
    {"timespec", R"(
static struct timespec *timespec(long long sec, long long nsec) {
  static struct timespec t;
  t.tv_sec = sec;
  t.tv_nsec = nsec;
  return &t;
}
)",
     ""},
    {"timeval", R"(
static struct timeval *timeval(long long sec, long long usec) {
  static struct timeval t;
  t.tv_sec = sec;
  t.tv_usec = usec;
  return &t;
}
)",
     ""},
    {"an_integer", "\nstatic int an_integer;\n", ""},
    {"integer", R"(
static int *integer(int value) {
  an_integer = value;
  return &an_integer;
}
)",
     ""},
    {"timer", R"(
static struct itimerspec timer_value;

static struct itimerspec *timer(long long sec, long long nsec, long long interval_sec, long long interval_nsec) {
  struct itimerspec t;
  t.it_value.tv_sec = sec;
  t.it_value.tv_nsec = nsec;
  t.it_interval.tv_sec = interval_sec;
  t.it_interval.tv_nsec = interval_nsec;
  timer_value = t;
  return &timer_value;
}
)",
     ""},
    {"uffd_api", R"(
static struct uffdio_api *uffd_api(void) {
  static struct uffdio_api a;
  memset(&a, 0, sizeof a);
  a.api = UFFD_API;
  return &a;
}
)",
     ""},
    {"idle_counter", R"(
static struct perf_event_attr *idle_counter(void) {
  static struct perf_event_attr a;
  memset(&a, 0, sizeof a);
  a.type = PERF_TYPE_SOFTWARE;
  a.size = sizeof a;
  a.config = PERF_COUNT_SW_DUMMY;
  a.disabled = 1;
  return &a;
}
)",
     ""},
    {"expires", R"(
/* A timer set to the past expires by interrupt, a moment later. */
static void expires(int fd) {
  struct pollfd timer_fd;
  timer_fd.fd = fd;
  timer_fd.events = POLLIN;
  poll(&timer_fd, 1, 1000);
}
)",
     ""},
    {"struct_params", R"(
struct struct_params {
  uint32_t usecs;
  uint16_t budget;
  uint8_t prefer, pad;
};
)",
     ""},
    {"params", R"(
static struct struct_params *params(uint32_t usecs, uint16_t budget, uint8_t prefer, uint8_t pad) {
  static struct struct_params p;
  p.usecs = usecs;
  p.budget = budget;
  p.prefer = prefer;
  p.pad = pad;
  return &p;
}
)",
     ""},
    {"limit", R"(
static struct rlimit *limit(unsigned n) {
  static struct rlimit l;
  getrlimit(RLIMIT_NOFILE, &l);
  l.rlim_cur = n;
  return &l;
}
)",
     ""},
    {"CALL", R"(
/* Makes a call; what it returns, or -errno. */
#define CALL(...) result_of(syscall(__VA_ARGS__))
static inline long result_of(long r) { return r == -1 ? -errno : r; }
)",
     ""},
    {"RUN", R"(
static volatile sig_atomic_t op, blocks; /* the op that runs; whether Linux blocks in it */

static void differs(const char *what, long long got) {
  fprintf(stderr, "differs from Linux in op %d:\n  %s\n  %s %lld\n", op + 1, ops[op], what, got);
  exit(1);
}

static inline void expect(long got, long want) {
  if (got != want) differs("returned", got);
}

#define RUN(index, want, ...)       \
  do {                              \
    op = index;                     \
    expect(CALL(__VA_ARGS__), want); \
  } while (0)
)",
     R"(
#define RUN(index, want, ...) EXPECT_EQ(CALL(__VA_ARGS__), want) << ops[index]
)"},
    {"RUN_BLOCKED", R"(
/* Linux blocks in this call: an alarm brings it home. */
#define RUN_BLOCKED(index, ...)           \
  do {                                    \
    op = index;                           \
    blocks = 1;                           \
    alarm(1);                             \
    expect(CALL(__VA_ARGS__), -EINTR);    \
    alarm(5);                            \
    blocks = 0;                           \
  } while (0)
)",
     R"(
/* Linux blocks in this call: an alarm brings it home. */
#define RUN_BLOCKED(index, ...)                               \
  do {                                                        \
    alarm(1);                                                 \
    EXPECT_EQ(CALL(__VA_ARGS__), -EINTR) << ops[index];       \
    alarm(0);                                                 \
  } while (0)
)"},
    {"RUN_KCMP", R"(
/* The order of what differs is of no meaning. */
#define RUN_KCMP(index, want, ...)                       \
  do {                                                   \
    const long order = (op = index, CALL(__VA_ARGS__));  \
    expect(order > 1 ? 1 : order, want);                 \
  } while (0)
)",
     R"(
/* The order of what differs is of no meaning. */
#define RUN_KCMP(index, want, ...)                          \
  do {                                                      \
    const long order = CALL(__VA_ARGS__);                   \
    EXPECT_EQ(order > 1 ? 1 : order, want) << ops[index];   \
  } while (0)
)"},
    {"epoll_slot", R"(
static uint32_t *epoll_slot(int epfd, int tfd, int toff) {
  static uint32_t slot[3];
  slot[0] = (uint32_t)epfd;
  slot[1] = (uint32_t)tfd;
  slot[2] = (uint32_t)toff;
  return slot;
}
)",
     ""},
    {"uring", R"(
/* An io_uring of one request at a time; its descriptor is out of the way of all others. */
static int uring_fd;
static char *uring_rings;
static struct io_uring_sqe *uring_entries;
static struct io_uring_params uring_params;

static void map_uring(void) {
  struct rlimit files, most;
  int fd = (int)syscall(SYS_io_uring_setup, 4, &uring_params);
  if (fd < 0) exit(2);
  getrlimit(RLIMIT_NOFILE, &files);
  most = files;
  most.rlim_cur = most.rlim_max;
  setrlimit(RLIMIT_NOFILE, &most);
  uring_fd = dup2(fd, 1500);
  setrlimit(RLIMIT_NOFILE, &files);
  close(fd);
  uring_rings = (char *)mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, uring_fd, 0);
  uring_entries = (struct io_uring_sqe *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, uring_fd, 0x10000000);
  if (uring_fd < 0 || uring_rings == MAP_FAILED || uring_entries == MAP_FAILED) exit(2);
}

static uint32_t *uring_at(uint32_t offset) { return (uint32_t *)(uring_rings + offset); }

static void uring_push(int opcode, int fd, int off, uint64_t address, int length) {
  const struct io_sqring_offsets *sq = &uring_params.sq_off;
  const uint32_t tail = *uring_at(sq->tail), slot = tail & *uring_at(sq->ring_mask);
  struct io_uring_sqe *sqe = &uring_entries[slot];
  memset(sqe, 0, sizeof *sqe);
  sqe->opcode = (uint8_t)opcode;
  sqe->fd = fd;
  sqe->off = (uint64_t)(int64_t)off;
  sqe->addr = address;
  sqe->len = (uint32_t)length;
  sqe->user_data = 1;
  uring_at(sq->array)[slot] = slot;
  *uring_at(sq->tail) = tail + 1;
}

/* The result of the completion; -EINTR if there is none: it sleeps, and is cancelled. */
static long uring(int opcode, int fd, int off, const void *address, int length) {
  const struct io_cqring_offsets *cq = &uring_params.cq_off;
  const uint32_t head = *uring_at(cq->head);
  uring_push(opcode, fd, off, (uint64_t)(uintptr_t)address, length);
  if (syscall(SYS_io_uring_enter, uring_fd, 1, 0, 1, NULL, 0) != 1) exit(2);
  if (*uring_at(cq->tail) == head) {
    uring_push(14 /* IORING_OP_ASYNC_CANCEL */, -1, 0, 1, 0);
    if (syscall(SYS_io_uring_enter, uring_fd, 1, 2, 1, NULL, 0) != 1) exit(2);
    *uring_at(cq->head) = *uring_at(cq->tail);
    return -EINTR;
  }
  *uring_at(cq->head) = head + 1;
  return ((struct io_uring_cqe *)(uring_rings + cq->cqes))[head & *uring_at(cq->ring_mask)].res;
}
)",
     ""},
    {"RUN_URING", R"(
#define RUN_URING(index, want, ...)     \
  do {                                  \
    op = index;                         \
    expect(uring(__VA_ARGS__), want);   \
  } while (0)
)",
     "\n#define RUN_URING(index, want, ...) EXPECT_EQ(uring(__VA_ARGS__), want) << ops[index]\n"},
    {"room", R"(
/* The buffer of the last call, and how much of it may be looked at. */
static char *buffer;
static size_t room;
)",
     ""},
    {"painted", R"(
static void *painted(size_t size) {
  static char memory[(1 << 20) + (1 << 16)];
  buffer = memory;
  room = size + 64;
  return memset(buffer, 0xa5, room);
}
)",
     ""},
    {"painted_edge", R"(
static void *painted_edge(size_t size) {
  room = size;
  return buffer = edge(size);
}
)",
     ""},
    {"untouched", R"(
/* Nothing is written behind what the call returned. */
static void untouched(size_t used) {
  for (size_t i = used; i < room; ++i) {
    if ((unsigned char)buffer[i] != 0xa5) differs("wrote outside what it returned, at byte", (long long)i);
  }
}
)",
     R"(
/* Nothing is written behind what the call returned. */
static void untouched(size_t used) {
  for (size_t i = used; i < room; ++i) ASSERT_EQ((unsigned char)buffer[i], 0xa5) << "byte " << i;
}
)"},
    {"record", R"(
static void record(int index, uint32_t events, uint64_t data) {
  struct epoll_event e;
  memcpy(&e, buffer + (size_t)index * sizeof e, sizeof e);
  if (e.events != events) differs("has a record with events", e.events);
  if (e.data.u64 != data) differs("has a record with data", (long long)e.data.u64);
}
)",
     R"(
static void record(int index, uint32_t events, uint64_t data) {
  struct epoll_event e;
  memcpy(&e, buffer + (size_t)index * sizeof e, sizeof e);
  const uint32_t got = e.events;
  const uint64_t got_data = e.data.u64;
  EXPECT_EQ(got, events) << "record " << index;
  EXPECT_EQ(got_data, data) << "record " << index;
}
)"},
    {"is_interval", R"(
static void is_interval(long sec, long nsec) {
  if (timer_value.it_interval.tv_sec != sec) differs("has the interval, in seconds,", timer_value.it_interval.tv_sec);
  if (timer_value.it_interval.tv_nsec != nsec) differs("has the interval, in ns,", timer_value.it_interval.tv_nsec);
}
)",
     R"(
static void is_interval(long sec, long nsec) {
  EXPECT_EQ(timer_value.it_interval.tv_sec, sec);
  EXPECT_EQ(timer_value.it_interval.tv_nsec, nsec);
}
)"},
    {"payload", R"(
static void payload(uint64_t want) {
  uint64_t got;
  memcpy(&got, buffer, sizeof got);
  if (got != want) differs("read the value", (long long)got);
}
)",
     R"(
static void payload(uint64_t want) {
  uint64_t got;
  memcpy(&got, buffer, sizeof got);
  EXPECT_EQ(got, want);
}
)"},
    {"watches", R"(
/* Watches are counted by real user. This program takes a user id that nobody has, and a child with the same id holds
   as many watches as leave `n` free. */
enum { NOBODY = 61234, BALLAST = 1000000, NUMBERS = 1000 };
static volatile long *ballast; /* [0] how many are wanted, [1] how many there are, [2] the child cannot */

static void hold_watches(pid_t program) {
  static int epolls[BALLAST / NUMBERS];
  struct rlimit files;
  long i;
  int e;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != program) _exit(0); /* it was gone before that */
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  e = eventfd(0, 0);
  for (i = 0; i < BALLAST / NUMBERS; ++i) epolls[i] = epoll_create1(0);
  for (i = 0; i < NUMBERS; ++i) {
    if (dup2(e, 2000 + (int)i) < 0) ballast[2] = 1;
  }
  for (;;) {
    while ((i = ballast[1]) == ballast[0]) usleep(100);
    if (i < ballast[0]) {
      struct epoll_event none;
      memset(&none, 0, sizeof none);
      if (epoll_ctl(epolls[i / NUMBERS], EPOLL_CTL_ADD, 2000 + (int)(i % NUMBERS), &none) != 0) ballast[2] = 1;
      ballast[1] = i + 1;
    } else {
      epoll_ctl(epolls[(i - 1) / NUMBERS], EPOLL_CTL_DEL, 2000 + (int)((i - 1) % NUMBERS), NULL);
      ballast[1] = i - 1;
    }
  }
}

/* Before the first descriptor: whose watches are counted is fixed when an epoll is created. */
static void take_user(void) {
  void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED || syscall(SYS_setresuid, NOBODY, -1, -1) != 0) {
    fprintf(stderr, "no verdict: the quota of watches can only be filled by root\n");
    exit(2);
  }
  const pid_t program = getpid();
  ballast = (volatile long *)shared;
  switch (fork()) {
    case -1: exit(2);
    case 0: hold_watches(program);
  }
}

/* `n` more watches fit, beside the `held` that the program has. */
static void watches(long n, long held) {
  FILE *file = fopen("/proc/sys/fs/epoll/max_user_watches", "re");
  long most = 0;
  unsigned deadline;
  if (file == NULL || fscanf(file, "%ld", &most) != 1) exit(2);
  fclose(file);
  if (most - n - held < 0 || most - n - held > BALLAST) {
    fprintf(stderr, "no verdict: lower fs.epoll.max_user_watches to %d first; it is %ld\n", BALLAST, most);
    exit(2);
  }
  deadline = alarm(0);
  ballast[0] = most - n - held;
  while (ballast[1] != ballast[0] && !ballast[2]) usleep(100);
  if (ballast[2]) exit(2);
  alarm(deadline);
}
)",
     ""},
    {"settle", R"(
/* What was sent over loopback has arrived, and the last delayed acknowledgement (200 ms at most), too. */
static void settle(void) { usleep(250000); }
)",
     ""},
    {"sock_name", "\nstatic struct sockaddr_storage sock_name;\nstatic socklen_t sock_name_size;\n", ""},
    {"anywhere", R"(
/* An address at which the kernel chooses the rest. */
static void anywhere(int fd) {
  int family = AF_UNIX;
  socklen_t size = sizeof family;
  getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
  memset(&sock_name, 0, sizeof sock_name);
  sock_name.ss_family = (sa_family_t)family;
  sock_name_size = sizeof sock_name.ss_family;
  if (family == AF_INET) {
    struct sockaddr_in loopback;
    memset(&loopback, 0, sizeof loopback);
    loopback.sin_family = AF_INET;
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memcpy(&sock_name, &loopback, sizeof loopback);
    sock_name_size = sizeof loopback;
  }
}
)",
     ""},
    {"name_of_socket", R"(
/* The address of a socket; AF_UNSPEC of -1. */
static void name_of_socket(int fd) {
  memset(&sock_name, 0, sizeof sock_name);
  sock_name_size = sizeof sock_name;
  if (fd == -1) {
    sock_name_size = sizeof sock_name.ss_family;
  } else if (getsockname(fd, (struct sockaddr *)&sock_name, &sock_name_size) != 0) {
    sock_name_size = 0;
  }
}
)",
     ""},
    {"sock_option", "\nstatic int sock_option[2];\nstatic socklen_t sock_option_size;\n", ""},
    {"is_option", R"(
static void is_option(int want) {
  if (sock_option[0] != want) differs("has the value", sock_option[0]);
}
)",
     R"(
static void is_option(int want) { EXPECT_EQ(sock_option[0], want); }
)"},
    {"is_linger", R"(
static void is_linger(int want) {
  if ((sock_option[0] ? sock_option[1] : -1) != want) differs("lingers for", sock_option[0] ? sock_option[1] : -1);
}
)",
     R"(
static void is_linger(int want) { EXPECT_EQ(sock_option[0] ? sock_option[1] : -1, want); }
)"},
    {"last_message", "\nstatic struct msghdr *last_message;\n", ""},
    {"rights", R"(
/* One byte, and a descriptor beside it. */
static struct msghdr *rights(int fd) {
  static struct msghdr m;
  static struct iovec bytes;
  static char byte;
  static long long control[(CMSG_SPACE(sizeof(int)) + 7) / 8];
  struct cmsghdr *c;
  bytes.iov_base = &byte;
  bytes.iov_len = 1;
  memset(&m, 0, sizeof m);
  memset(control, 0, sizeof control);
  m.msg_iov = &bytes;
  m.msg_iovlen = 1;
  m.msg_control = control;
  m.msg_controllen = CMSG_SPACE(sizeof(int));
  c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  return last_message = &m;
}
)",
     ""},
    {"is_passed", R"(
static void is_passed(int want) {
  int fd = -1;
  const struct cmsghdr *c = CMSG_FIRSTHDR(last_message);
  if (c != NULL && c->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(c), sizeof fd);
  if (fd != want) differs("gave number", fd);
}
)",
     R"(
static void is_passed(int want) {
  int fd = -1;
  const struct cmsghdr *c = CMSG_FIRSTHDR(last_message);
  if (c != NULL && c->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(c), sizeof fd);
  EXPECT_EQ(fd, want);
}
)"},
    {"is_integer", R"(
static void is_integer(int want) {
  if (an_integer != want) differs("stored", an_integer);
}
)",
     R"(
static void is_integer(int want) { EXPECT_EQ(an_integer, want); }
)"},
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
static void *halves(int index, size_t size) {
  static char memory[2][1 << 19];
  return memset(memory[index], 0xa5, size);
}
)",
     ""},
    {"sets", R"(
/* The three sets of select, and where they stand: read, write, except. */
static uint64_t sets[3], *at_sets;

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
static struct pollfd polled[16];

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

constexpr std::string_view kIncludes = R"(
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
)";

constexpr std::string_view kBegin = R"(
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
)";

constexpr std::string_view kStartC = R"(
static void on_alarm(int signal) {
  static const char message[] = "a call did not return\n";
  (void)signal;
  if (blocks) return;
  if (write(2, message, sizeof message - 1) < 0 || write(2, ops[op], strlen(ops[op])) < 0) _exit(1);
  _exit(1);
}

/* 0, 1 and 2 and nothing else; the next descriptor is 3. */
static void start(void) {
  struct sigaction alarms;
  struct rlimit files;
  sigset_t none;
  int fd;
  do fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd < 2);
  if (syscall(SYS_close_range, 3, ~0U, 0) != 0) {
    for (fd = 3; fd < 65536; ++fd) close(fd);
  }
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = 1024;
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) exit(2);
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  memset(&alarms, 0, sizeof alarms);
  alarms.sa_handler = on_alarm; /* no SA_RESTART */
  sigaction(SIGALRM, &alarms, NULL);
  alarm(5);
}
)";

constexpr std::string_view kStartGtest = R"(
static void on_alarm(int) {}

/* Runs a trace on a thread whose descriptor table holds 0, 1 and 2 and nothing else: its next descriptor is 3. */
template <class Body>
static void RunAlone(Body body) {
  std::thread([&body] {
    struct sigaction alarms = {};
    alarms.sa_handler = on_alarm; /* no SA_RESTART */
    sigaction(SIGALRM, &alarms, nullptr);
    signal(SIGPIPE, SIG_IGN);
    ASSERT_EQ(unshare(CLONE_FILES), 0);
    int fd;
    do fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd < 2);
    ASSERT_EQ(syscall(SYS_close_range, 3, ~0U, 0), 0);
    struct rlimit before, files;
    getrlimit(RLIMIT_NOFILE, &before);
    files = before;
    files.rlim_cur = 1024;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
    body();
    setrlimit(RLIMIT_NOFILE, &before);
  }).join();
}
)";

// --- The body ------------------------------------------------------------------------------------------------------

std::string Number(int64_t n) { return std::to_string(n); }
std::string Hex(uint64_t n) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(n));
  return text;
}

// Names that glibc's headers do not have everywhere.
bool InHeaders(std::string_view name) {
  return name != "EPOLLNVAL" && name != "EPOLLURING_WAKE" && name != "EPOLL_URING_WAKE" &&
         name.substr(0, 11) != "CLOSE_RANGE" && name.substr(0, 4) != "MFD_";
}

std::string Bits(std::span<const Word> words, uint64_t v) {
  std::string text;
  for (const Word& w : words) {
    const std::string name = std::string(w.prefix) + std::string(w.name);
    if (w.value == 0 || (v & w.value) != w.value || !InHeaders(name)) continue;
    text += (text.empty() ? "" : " | ") + name;
    v &= ~w.value;
  }
  if (v != 0 || text.empty()) text += (text.empty() ? "" : " | ") + (v == 0 ? "0" : Hex(v));
  return text;
}

std::string EventBits(uint64_t v) { return Bits(Spec(Call::kEpollCtl).args[4].words, v); }
std::string PollBits(uint64_t v) {
  std::string text = EventBits(v);
  for (size_t at = 0; (at = text.find("EPOLL", at)) != std::string::npos; at += 4) text.erase(at, 1);
  return text;
}

class Body {
 public:
  Body(const Op& op, const Outcome& want, size_t index) : op_(op), want_(want), index_(index) {}

  std::string Statements() {
    switch (op_.call) {
      case Call::kFdinfo:
        return Fdinfo();
      case Call::kPoll:
      case Call::kPpoll:
        return Poll();
      case Call::kFifo:
        return "  MAKES(" + std::to_string(index_) + ", " + Want() + ", fifo(" + Int(0) + "));\n";
      case Call::kSelect:
        return Select();
      default:
        break;
    }
    if (want_.kind == Outcome::kBlocked) {
      return Before() + "  RUN_BLOCKED(" + std::to_string(index_) + ", " + CallText() + ");\n";
    }
    if (op_.call == Call::kUringEpollCtl || op_.call == Call::kUringEpollWait) {
      const std::string want = want_.kind == Outcome::kBlocked ? "-EINTR" : Want();
      return "  RUN_URING(" + std::to_string(index_) + ", " + want + ", " + CallText() + ");\n" +
             (want_.kind == Outcome::kBlocked ? "" : After());
    }
    if (op_.call == Call::kKcmpFile || op_.call == Call::kKcmpTfd) {
      return "  RUN_KCMP(" + std::to_string(index_) + ", " + Want() + ", " + CallText() + ");\n";
    }
    return Before() + "  RUN(" + std::to_string(index_) + ", " + Want() + ", " + CallText() + ");\n" + After();
  }

 private:
  std::string Want() const {
    if (want_.kind == Outcome::kError) return "-" + ErrnoName(want_.error);
    if (want_.kind == Outcome::kRecords) return std::to_string(want_.records.size());
    if (Spec(op_.call).yields == Yields::kPassed) return Number(want_.value[1]);
    if (Spec(op_.call).yields == Yields::kTwo || op_.call == Call::kFionread) return "0";
    return Number(want_.value[0]);
  }

  std::string Fd(size_t slot) const { return Number(op_.fd(slot).number()); }
  std::string Int(size_t slot) const {
    const ArgSpec& spec = SlotSpec(op_, slot);
    if (spec.kind == ArgKind::kFlags) return Bits(spec.words, op_.u32(slot));
    for (const Word& w : spec.words) {
      const std::string name = std::string(w.prefix) + std::string(w.name);
      if (static_cast<int32_t>(w.value) == op_.num(slot) && InHeaders(name)) return name;
    }
    if (op_.num(slot) == INT32_MIN) return "(-2147483647 - 1)";
    return Number(op_.num(slot));
  }

  // A pointer to a struct that the kernel reads; `good` makes it.
  std::string Struct(size_t slot, const std::string& good, size_t size, bool written = false) const {
    const Memory m = op_.mem(slot);
    switch (m.kind()) {
      case Memory::kGood:
        return good;
      case Memory::kNull:
        return "NULL";
      case Memory::kKernel:
        return "KERNEL";
      case Memory::kUnmapped:
        return "NOWHERE";
      case Memory::kReadonly:
        return "readonly(" + good + ", " + std::to_string(size) + ")";
      case Memory::kFault:
        // Of a struct of which nothing fits the first bytes can be read.
        if (m.records() == 0) return "edge(" + std::to_string(std::min<size_t>(4, size / 2)) + ")";
        return (written ? "edge(" : "at_edge(" + good + ", ") + std::to_string(size) + ")";
    }
    return good;
  }

  // A buffer that the kernel fills.
  std::string Output(size_t slot, size_t record, uint64_t records) const {
    const Memory m = op_.mem(slot);
    const size_t size = static_cast<size_t>(std::min<uint64_t>(records, kMaxBytes / record)) * record;
    switch (m.kind()) {
      case Memory::kNull:
        return "NULL";
      case Memory::kKernel:
        return "KERNEL";
      case Memory::kUnmapped:
        return "NOWHERE";
      case Memory::kReadonly:
        return "readonly(\"\", 1)";
      case Memory::kFault:
        if (m.records() < kMaxBytes / record) {
          return "painted_edge(" + std::to_string(m.records() * record) + ")";
        }
        break;
      case Memory::kGood:
        break;
    }
    return "painted(" + std::to_string(size) + ")";
  }
  bool Painted(size_t slot) const {
    return op_.mem(slot).kind() == Memory::kGood || op_.mem(slot).kind() == Memory::kFault;
  }
  bool Short(size_t slot, uint64_t size) const {
    return op_.mem(slot).kind() == Memory::kFault && op_.mem(slot).records() < size;
  }

  std::string Source(size_t slot = 1, const std::string& word = "word(") const {
    const Memory m = op_.mem(slot);
    const uint64_t n = op_.arg[slot + 1];
    if (n == 8 && m.readable(8)) return Struct(slot, word + Hex(op_.arg[slot + 2]) + ")", 8);
    switch (m.kind()) {
      case Memory::kNull:
        return "NULL";
      case Memory::kKernel:
        return "KERNEL";
      case Memory::kUnmapped:
        return "NOWHERE";
      case Memory::kFault:
        return "zeros_at_edge(" + std::to_string(std::min<uint64_t>(m.records(), kMaxBytes)) + ")";
      default:
        return "zeros";
    }
  }

  std::string Wait(const char* call) const {
    // The room is that of the harness, less what no kernel could fill.
    const uint64_t records = std::min<uint64_t>(static_cast<uint64_t>(std::max(op_.num(2), 0)), 4096);
    return std::string(call) + ", " + Fd(0) + ", " + Output(1, 12, records) + ", " + Number(op_.num(2));
  }

  // The option by level and name.
  std::string Option() const {
    const char* level = op_.num(1) == kTcpNodelay ? "IPPROTO_TCP" : "SOL_SOCKET";
    return std::string(level) + ", " + Int(1);
  }

  // What is made ready for the call.
  std::string Before() const {
    switch (op_.call) {
      case Call::kBind:
        return "  anywhere(" + Fd(0) + ");\n";
      case Call::kConnect:
        return "  name_of_socket(" + Fd(1) + ");\n";
      case Call::kGetsockopt:
        return "  sock_option_size = sizeof sock_option;\n";
      case Call::kSetsockopt: {
        const int value = op_.num(2);
        if (op_.num(1) != kSoLinger) return "  sock_option[0] = " + Int(2) + ";\n  sock_option_size = sizeof(int);\n";
        return "  sock_option[0] = " + std::string(value >= 0 ? "1" : "0") +
               ";\n  sock_option[1] = " + Number(std::max(value, 0)) + ";\n  sock_option_size = sizeof sock_option;\n";
      }
      case Call::kVmsplice: {
        // Whether it is written or read to is up to the descriptor: zeros that may be written do for both.
        const Memory m = op_.mem(1);
        std::string at = "painted(" + std::to_string(op_.arg[2]) + ")";
        if (m.kind() == Memory::kFault) at = "edge(" + std::to_string(std::min<uint64_t>(m.records(), kMaxBytes)) + ")";
        if (m.kind() != Memory::kFault && m.kind() != Memory::kGood) at = Output(1, 1, op_.arg[2]);
        return "  segment(0, " + at + ", " + std::to_string(op_.arg[2]) + ");\n";
      }
      case Call::kReadv:
      case Call::kWritev:
        return Segments();
      default:
        return "";
    }
  }

  // What readv fills.
  std::string Segment(size_t index, size_t slot) const {
    const Memory m = op_.mem(slot);
    if (!Painted(slot)) return Output(slot, 1, op_.arg[slot + 1]);
    if (Short(slot, op_.arg[slot + 1])) return "edge(" + std::to_string(m.records()) + ")";
    return "halves(" + std::to_string(index) + ", " + std::to_string(op_.arg[slot + 1]) + ")";
  }

  std::string Segments() const {
    std::string text;
    for (size_t i = 0; i < 2; ++i) {
      const bool read = op_.call == Call::kReadv;
      const size_t slot = 1 + (read ? 2 : 3) * i;
      text += "  segment(" + std::to_string(i) + ", " +
              (read ? Segment(i, slot) : Source(slot, "words(" + std::to_string(i) + ", ")) + ", " +
              std::to_string(op_.arg[slot + 1]) + ");\n";
    }
    return text;
  }

  std::string CallText() const {
    switch (op_.call) {
      case Call::kReadv:
        return "SYS_readv, " + Fd(0) + ", " + Struct(5, "segments", 32) + ", 2L";
      case Call::kWritev:
        return "SYS_writev, " + Fd(0) + ", " + Struct(7, "segments", 32) + ", 2L";
      case Call::kUringEpollCtl:
        return "29 /* IORING_OP_EPOLL_CTL */, " + Fd(0) + ", " + Fd(2) + ", " +
               Struct(3, "event(" + EventBits(op_.u32(4)) + ", " + Hex(op_.arg[5]) + ")", 12) + ", " + Int(1);
      case Call::kUringEpollWait: {
        const uint64_t records = std::min<uint64_t>(static_cast<uint64_t>(std::max(op_.num(2), 0)), 4096);
        return "59 /* IORING_OP_EPOLL_WAIT */, " + Fd(0) + ", 0, " + Output(1, 12, records) + ", " + Number(op_.num(2));
      }
      case Call::kSplice:
        return "SYS_splice, " + Fd(0) + ", NULL, " + Fd(1) + ", NULL, " + Long(2) + ", " + Int(3);
      case Call::kTee:
        return "SYS_tee, " + Fd(0) + ", " + Fd(1) + ", " + Long(2) + ", " + Int(3);
      case Call::kVmsplice:
        return "SYS_vmsplice, " + Fd(0) + ", segments, 1L, " + Int(3);
      case Call::kSendfile:
        return "SYS_sendfile, " + Fd(0) + ", " + Fd(1) + ", NULL, " + Long(2);
      case Call::kKcmpFile:
        return "SYS_kcmp, gettid(), gettid(), 0 /* KCMP_FILE */, (long)" + Fd(0) + ", (long)" + Fd(1);
      case Call::kKcmpTfd:
        return "SYS_kcmp, gettid(), gettid(), 7 /* KCMP_EPOLL_TFD */, (long)" + Fd(0) + ", " +
               Struct(3, "epoll_slot(" + Fd(1) + ", " + Fd(2) + ", " + Int(4) + ")", 12);
      case Call::kFionbio:
        return "SYS_ioctl, " + Fd(0) + ", FIONBIO, " + Struct(1, "integer(" + Int(2) + ")", 4);
      case Call::kFioasync:
        return "SYS_ioctl, " + Fd(0) + ", FIOASYNC, " + Struct(1, "integer(" + Int(2) + ")", 4);
      case Call::kFionread:
        return "SYS_ioctl, " + Fd(0) + ", FIONREAD, " + Struct(1, "integer(0)", 4);
      case Call::kEpollCreate:
        return "SYS_epoll_create, " + Int(0);
      case Call::kEpollCreate1:
        return "SYS_epoll_create1, " + Int(0);
      case Call::kEpollCtl:
        return "SYS_epoll_ctl, " + Fd(0) + ", " + Int(1) + ", " + Fd(2) + ", " +
               Struct(3, "event(" + EventBits(op_.u32(4)) + ", " + Hex(op_.arg[5]) + ")", 12);
      case Call::kEpollWait:
        return Wait("SYS_epoll_wait") + ", " + Int(3);
      case Call::kEpollPwait:
        return Wait("SYS_epoll_pwait") + ", " + Int(3) + ", " + Struct(4, "no_signals()", 8) + ", " + Long(5);
      case Call::kEpollPwait2:
        return Wait("SYS_epoll_pwait2") + ", " + Struct(3, "timespec(" + Long(4) + ", " + Long(5) + ")", 16) + ", " +
               Struct(6, "no_signals()", 8) + ", " + Long(7);
      case Call::kEpiocSparams:
        return "SYS_ioctl, " + Fd(0) + ", EPIOCSPARAMS, " +
               Struct(1,
                      "params(" + Hex(op_.u32(2)) + ", " + std::to_string(op_.arg[3] & 0xffff) + ", " +
                          std::to_string(op_.arg[4] & 0xff) + ", " + std::to_string(op_.arg[5] & 0xff) + ")",
                      8);
      case Call::kEpiocGparams:
        return "SYS_ioctl, " + Fd(0) + ", EPIOCGPARAMS, " + Struct(1, "&got_params", 8, true);
      case Call::kIoctl:
        return "SYS_ioctl, " + Fd(0) + ", " + Hex(op_.u32(1)) + ", 0L";
      case Call::kClose:
        return "SYS_close, " + Fd(0);
      case Call::kCloseRange:
        return "SYS_close_range, " + std::to_string(op_.u32(0)) + "U, " + std::to_string(op_.u32(1)) + "U, " + Int(2);
      case Call::kDup:
        return "SYS_dup, " + Fd(0);
      case Call::kDup2:
        return "SYS_dup2, " + Fd(0) + ", " + Fd(1);
      case Call::kDup3:
        return "SYS_dup3, " + Fd(0) + ", " + Fd(1) + ", " + Int(2);
      case Call::kFcntl:
        return "SYS_fcntl, " + Fd(0) + ", " + Int(1) + ", " + FcntlArgument();
      case Call::kRead:
        return "SYS_read, " + Fd(0) + ", " + Output(1, 1, op_.arg[2]) + ", " + Long(2);
      case Call::kRecv:
        return "SYS_recvfrom, " + Fd(0) + ", " + Output(1, 1, op_.arg[2]) + ", " + Long(2) + ", " + Int(3) +
               ", NULL, NULL";
      case Call::kWrite:
        return "SYS_write, " + Fd(0) + ", " + Source() + ", " + Long(2);
      case Call::kSend:
        return "SYS_sendto, " + Fd(0) + ", " + Source() + ", " + Long(2) + ", " + Int(4) + ", NULL, 0L";
      case Call::kShutdown:
        return "SYS_shutdown, " + Fd(0) + ", " + Int(1);
      case Call::kPipe2:
        return "SYS_pipe2, pair, " + Int(0);
      case Call::kEventfd:
        return "SYS_eventfd2, " + std::to_string(op_.u32(0)) + "U, " + Int(1);
      case Call::kSocketpair:
        return "SYS_socketpair, AF_UNIX, " + Int(0) + " | " + Int(1) + ", 0, pair";
      case Call::kTimerfdCreate:
        return "SYS_timerfd_create, " + Int(0) + ", " + Int(1);
      case Call::kTimerfdSettime:
        return "SYS_timerfd_settime, " + Fd(0) + ", " + Int(1) + ", timer(" + Long(2) + ", " + Long(3) + ", " +
               Long(4) + ", " + Long(5) + "), NULL";
      case Call::kUserfaultfd:
        return "SYS_userfaultfd, " + Int(0);
      case Call::kUffdApi:
        return "SYS_ioctl, " + Fd(0) + ", UFFDIO_API, uffd_api()";
      case Call::kPerfEventOpen:
        return "SYS_perf_event_open, idle_counter(), 0, -1, -1, (long)(" + Int(0) + ")";
      case Call::kTimerfdGettime:
        return "SYS_timerfd_gettime, " + Fd(0) + ", timer(0, 0, 0, 0)";
      case Call::kTimerfdTicks:
        return "SYS_ioctl, " + Fd(0) + ", SET_TICKS, word(" + Hex(op_.arg[1]) + ")";
      case Call::kMemfdCreate:
        return "SYS_memfd_create, \"pollux\", " + Int(0);
      case Call::kOpen: {
        const char* path = op_.arg[0] == static_cast<uint64_t>(Which::kRegular)     ? "\"/proc/self/exe\""
                           : op_.arg[0] == static_cast<uint64_t>(Which::kDirectory) ? "\"/\""
                                                                                    : "\"/dev/null\"";
        return std::string("SYS_openat, AT_FDCWD, ") + path + ", " + Int(1);
      }
      case Call::kReopen:
        return "SYS_openat, AT_FDCWD, fd_path(" + Fd(0) + "), " + Int(1);
      case Call::kPrlimit:
        return "SYS_prlimit64, 0, RLIMIT_NOFILE, limit(" + std::to_string(op_.u32(0)) + "), NULL";
      case Call::kSocket:
        return "SYS_socket, " + Int(0) + ", " + Int(1) + " | " + Int(2) + ", 0";
      case Call::kBind:
        return "SYS_bind, " + Fd(0) + ", &sock_name, sock_name_size";
      case Call::kListen:
        return "SYS_listen, " + Fd(0) + ", " + Int(1);
      case Call::kConnect:
        return "SYS_connect, " + Fd(0) + ", &sock_name, sock_name_size";
      case Call::kAccept4:
        return "SYS_accept4, " + Fd(0) + ", NULL, NULL, " + Int(1);
      case Call::kGetsockopt:
        return "SYS_getsockopt, " + Fd(0) + ", " + Option() + ", sock_option, &sock_option_size";
      case Call::kSetsockopt:
        return "SYS_setsockopt, " + Fd(0) + ", " + Option() + ", sock_option, sock_option_size";
      case Call::kSendfd:
        return "SYS_sendmsg, " + Fd(0) + ", rights(" + Fd(1) + "), 0";
      case Call::kRecvfd:
        return "SYS_recvmsg, " + Fd(0) + ", rights(-1), 0";
      default:
        return "";
    }
  }

  std::string FcntlArgument() const {
    if (SlotSpec(op_, 2).kind != ArgKind::kFlags) return std::to_string(op_.u32(2)) + "L";
    return "(long)(" + Int(2) + ")";
  }

  std::string Long(size_t slot) const {
    const int64_t v = static_cast<int64_t>(op_.arg[slot]);
    return v == INT64_MIN ? "(-9223372036854775807L - 1)" : Number(v) + "L";
  }

  // What is looked at beside the return value.
  std::string After() const {
    std::string text;
    switch (Spec(op_.call).yields) {
      case Yields::kEvents:
        for (size_t i = 0; want_.kind == Outcome::kRecords && i < want_.records.size(); ++i) {
          text += "  record(" + std::to_string(i) + ", " + EventBits(want_.records[i].events) + ", " +
                  Hex(want_.records[i].data) + ");\n";
        }
        if (Painted(1)) text += "  untouched(" + std::to_string(12 * want_.records.size()) + ");\n";
        break;
      case Yields::kPayload: {
        if (op_.call == Call::kReadv) break;
        if (!Painted(1) || Short(1, op_.arg[2])) break;
        if (want_.has_payload) text += "  payload(" + Hex(want_.payload) + ");\n";
        const int64_t returned = want_.kind == Outcome::kValues ? want_.value[0] : 0;
        text += "  untouched(" + Number(std::min<int64_t>(returned, static_cast<int64_t>(op_.arg[2]))) + ");\n";
        break;
      }
      case Yields::kTwo:
        if (want_.kind == Outcome::kValues) {
          text += "  is_pair(" + Number(want_.value[0]) + ", " + Number(want_.value[1]) + ");\n";
        }
        break;
      case Yields::kOption:
        if (want_.kind == Outcome::kValues) {
          const char* check = op_.num(1) == kSoLinger ? "  is_linger(" : "  is_option(";
          text += check + Number(want_.value[1]) + ");\n";
        }
        break;
      case Yields::kPassed:
        if (want_.kind == Outcome::kValues) text += "  is_passed(" + Number(want_.value[0]) + ");\n";
        break;
      case Yields::kParams:
        if (want_.kind == Outcome::kValues && op_.mem(1).kind() == Memory::kGood) {
          text += "  is_params(" + Number(want_.value[1]) + ", " + Number(want_.value[2]) + ", " +
                  Number(want_.value[3]) + ");\n";
        }
        break;
      case Yields::kInterval:
        if (want_.kind == Outcome::kValues) {
          text += "  is_interval(" + Number(want_.value[1]) + ", " + Number(want_.value[2]) + ");\n";
        }
        break;
      default:
        break;
    }
    if (op_.call == Call::kFionread && want_.kind == Outcome::kValues && op_.mem(1).kind() == Memory::kGood) {
      text += "  is_integer(" + Number(want_.value[0]) + ");\n";
    }
    return text;
  }

  std::string Poll() const {
    std::string text;
    int64_t ready = 0;
    for (size_t i = 0; i < op_.npoll; ++i) {
      text += "  ask(" + std::to_string(i) + ", " + Number(op_.poll_fd(i).number()) + ", " +
              PollBits(op_.poll_events(i)) + ");\n";
      if (want_.kind == Outcome::kRecords && want_.records[i].events != 0) ++ready;
    }
    std::string call = "SYS_poll, polled, " + std::to_string(op_.npoll) + "L, " + Int(0);
    if (op_.call == Call::kPpoll) {
      call = "SYS_ppoll, " + Struct(0, "polled", 8 * size_t{op_.npoll}) + ", " + std::to_string(op_.npoll) + "L, " +
             Struct(1, "timespec(" + Long(2) + ", " + Long(3) + ")", 16) + ", " + Struct(4, "no_signals()", 8) + ", " +
             Long(5);
    }
    if (want_.kind == Outcome::kBlocked) {
      return text + "  RUN_BLOCKED(" + std::to_string(index_) + ", " + call + ");\n";
    }
    text += "  RUN(" + std::to_string(index_) + ", " + (want_.kind == Outcome::kRecords ? Number(ready) : Want()) +
            ", " + call + ");\n";
    if (op_.call == Call::kPpoll && op_.mem(0) != Memory()) return text;  // what was found stands elsewhere
    for (size_t i = 0; want_.kind == Outcome::kRecords && i < want_.records.size(); ++i) {
      text += "  revents(" + std::to_string(i) + ", " + PollBits(want_.records[i].events) + ");\n";
    }
    return text;
  }

  std::string Select() const {
    std::string text = "  memset(sets, 0, sizeof sets);\n";
    int highest = -1;
    uint64_t found[3] = {};
    for (size_t i = 0; i < op_.npoll; ++i) {
      const int32_t number = op_.poll_fd(i).number();
      if (number < 0) continue;
      highest = std::max(highest, number);
      const auto has = [&](uint32_t bit) { return (op_.poll_events(i) & bit) != 0 ? ", 1" : ", 0"; };
      text += "  choose(" + Number(number) + has(kIn) + has(kOut) + has(kPri) + ");\n";
      if (want_.kind != Outcome::kRecords) continue;
      found[0] |= uint64_t{(want_.records[i].events & kIn) != 0} << number;
      found[1] |= uint64_t{(want_.records[i].events & kOut) != 0} << number;
      found[2] |= uint64_t{(want_.records[i].events & kPri) != 0} << number;
    }
    const bool null = op_.mem(0).kind() == Memory::kNull;
    if (!null) text += "  at_sets = (uint64_t *)" + Struct(0, "sets", 24) + ";\n";
    const std::string call = "SYS_select, " + Number(highest + 1) + "L, " +
                             (null ? "NULL, NULL, NULL" : "at_sets, at_sets + 1, at_sets + 2") + ", " +
                             Struct(1, "timeval(" + Long(2) + ", " + Long(3) + ")", 16);
    const std::string index = std::to_string(index_);
    if (want_.kind == Outcome::kBlocked) return text + "  RUN_BLOCKED(" + index + ", " + call + ");\n";
    const int ready = std::popcount(found[0]) + std::popcount(found[1]) + std::popcount(found[2]);
    const bool records = want_.kind == Outcome::kRecords;
    text += "  RUN(" + index + ", " + (records ? Number(ready) : Want()) + ", " + call + ");\n";
    if (records && !null) text += "  chosen(" + Hex(found[0]) + ", " + Hex(found[1]) + ", " + Hex(found[2]) + ");\n";
    return text;
  }

  std::string Fdinfo() const {
    std::string text = "  SHOWS(" + std::to_string(index_) + ", " + Want() + ", " + Fd(0) + ");\n";
    for (size_t i = 0; want_.kind == Outcome::kRecords && i < want_.records.size(); ++i) {
      const Record& r = want_.records[i];
      text += "  item(" + std::to_string(i) + ", " + Number(r.fd) + ", " + EventBits(r.events) + ", " + Hex(r.data) +
              ");\n";
    }
    return text;
  }

  Op op_;
  Outcome want_;
  size_t index_ = 0;
};

// --- The program -----------------------------------------------------------------------------------------------------

bool WordChar(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool Mentions(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const bool begins = at == 0 || !WordChar(text[at - 1]);
    const bool ends = at + word.size() == text.size() || !WordChar(text[at + word.size()]);
    if (begins && ends) return true;
  }
  return false;
}

// The fragments that the text needs, and those that they need.
std::string Needed(const std::string& text, ExportAs as) {
  std::string needed;
  for (size_t i = std::size(kFragments); i-- > 0;) {
    const Fragment& f = kFragments[i];
    const std::string_view code = as == ExportAs::kC || f.cpp.empty() ? f.c : f.cpp;
    if (Mentions(text, f.name) || Mentions(needed, f.name)) needed.insert(0, code);
  }
  return needed;
}

int64_t HeldWatches(const State& state) {
  int64_t held = 0;
  for (Id e = 1; e < state.instances.size(); ++e) held += state.instances[e].items.size;
  return held;
}

// Did the op end with the expiration of a timer?
bool Expired(const Model& model, const Op& op) {
  if (op.call != Call::kTimerfdSettime && op.call != Call::kRead && op.call != Call::kReadv) return false;
  const File& file = model.state().files[model.FileAt(op.num(0))];
  return file.type == FileType::kTimerfd && model.state().timerfds[file.object].expired;
}

std::string Quoted(std::string_view s) {
  std::string quoted = "\"";
  for (const char c : s) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string TestName(std::string_view name) {
  std::string out;
  bool upper = true;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
      upper = true;
      continue;
    }
    out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return out.empty() || std::isdigit(static_cast<unsigned char>(out[0])) != 0 ? "Trace" + out : out;
}

}  // namespace

std::string Export(Model* model, const Trace& trace, ExportAs as, std::string_view name) {
  std::vector<Outcome> outcomes(trace.ops.size());
  Bindings bindings;
  std::string body;
  model->Reset();
  std::vector<std::string> statements(trace.ops.size());
  bool inet = false;
  for (size_t i = 0; i < trace.ops.size(); ++i) {
    const Op op = bindings.Resolve(trace.ops[i]);
    if (const char* why = Refused(op)) {
      outcomes[i].kind = Outcome::kSkipped;
      outcomes[i].note = why;
    } else {
      model->Run(op, &outcomes[i]);
    }
    if (op.call == Call::kWatches && outcomes[i].kind == Outcome::kValues) {
      statements[i] = "  watches(" + Number(op.num(0)) + ", " + Number(HeldWatches(model->state())) + ");\n";
    } else if (outcomes[i].kind != Outcome::kSkipped) {
      statements[i] = Body(op, outcomes[i], i).Statements();
      inet |= op.call == Call::kSocket && op.num(0) == kAfInet;
      if (inet && Loopback::Sends(op.call)) statements[i] += "  settle();\n";
      if (Expired(*model, op)) statements[i] += "  expires(" + Number(op.num(0)) + ");\n";
    }
    bindings.Bind(trace.ops[i], outcomes[i]);
  }

  Trace plain;
  plain.ops = trace.ops;
  for (const Note& note : trace.notes) plain.notes.push_back({.name = {note.name[0], note.name[1]}});
  const std::string text = Print(plain, outcomes);
  std::vector<std::string> lines;
  for (size_t from = 0; from < text.size();) {
    const size_t end = std::min(text.find('\n', from), text.size());
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }

  for (size_t i = 0; i < lines.size() && i < statements.size(); ++i) {
    body += "\n  /* " + lines[i] + " */\n" + statements[i];
  }

  std::string table = "\nstatic const char *const ops[] = {\n";
  for (const std::string& line : lines) table += "    " + Quoted(line) + ",\n";
  table += lines.empty() ? "    \"\",\n};\n" : "};\n";

  const bool c = as == ExportAs::kC;
  std::string functions = Needed(body + (c ? "RUN" : ""), as);
  const bool arena = Mentions(functions + body, "arena"), ring = Mentions(body, "RUN_URING"),
             user = Mentions(body, "watches");
  std::string program =
      "/* " + std::string(name) + ": what " + model->profile().name +
      (c ? " does. Exit status 0: so does this system; 1: it does not; 2: no verdict.\n" : " does.\n") +
      " * Written by pollux export. */\n";
  if (!c) program += "#include <gtest/gtest.h>\n\n#include <thread>\n";
  program.append(kIncludes).append(kBegin);
  program += table + functions;
  if (c) {
    program.append(kStartC);
    program += "\nint main(void) {\n  start();\n";
    if (arena) program += "  map_arena();\n";
    if (ring) program += "  map_uring();\n";
    if (user) program += "  take_user();\n";
    program += body + "\n  return 0;\n}\n";
  } else {
    program.append(kStartGtest);
    program += "\nTEST(Pollux, " + TestName(name) + ") {\n  RunAlone([] {\n";
    if (arena) program += "  map_arena();\n";
    if (ring) program += "  map_uring();\n";
    if (user) program += "  take_user();\n";
    program += body + "  });\n}\n";
  }
  return program;
}

}  // namespace pollux
