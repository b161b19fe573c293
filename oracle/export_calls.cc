// Of exported programs: making a call, directly or by io_uring, and what is said of its outcome.

#include "oracle/export_fragments.h"

namespace pollux {
namespace {

constexpr Fragment kFragments[] = {
    {"CALL", R"(
/* Makes a call; what it returns, or -errno. */
#define CALL(...) result_of(syscall(__VA_ARGS__))
static inline long result_of(long r) { return r == -1 ? -errno : r; }
)",
     ""},
    {"RUN", R"(
static OWN volatile sig_atomic_t op, blocks; /* the op that runs; whether Linux blocks in it */

static void differs(const char *what, long long got) {
  fprintf(stderr, "differs from Linux in op %d:\n  %s\n  %s %lld\n", op + 1, ops[op], what, got);
  exit(GUILTY);
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
static OWN char *buffer;
static OWN size_t room;
)",
     ""},
    {"painted", R"(
static void *painted(size_t size) {
  static OWN char memory[(1 << 20) + (1 << 16)] __attribute__((aligned(4096)));
  buffer = memory;
  room = size + 64;
  return memset(buffer, 0xa5, room);
}
)",
     ""},
    {"painted_at", R"(
static void *painted_at(size_t offset, size_t size) {
  static OWN char memory[(1 << 20) + (1 << 16)] __attribute__((aligned(4096)));
  buffer = memory + offset;
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
};

}  // namespace

std::span<const Fragment> CallFragments() { return kFragments; }

}  // namespace pollux
