// Of exported programs: where pointers stand, and what they point to.

#include "oracle/export_fragments.h"

namespace pollux {
namespace {

constexpr Fragment kFragments[] = {
    {"KERNEL", "#define KERNEL ((void *)0xffff800000000000) /* outside the user address range */\n", ""},
    {"EPIOCSPARAMS", "#define EPIOCSPARAMS 0x40088a01\n", ""},
    {"EPIOCGPARAMS", "#define EPIOCGPARAMS 0x80088a02\n", ""},
    {"SET_TICKS", "#define SET_TICKS 0x40085400 /* TFD_IOC_SET_TICKS */\n", ""},
    {"NOWHERE", "#define NOWHERE ((void *)arena)  /* in the user address range, nothing mapped */\n", ""},
    {"arena", R"(
/* Memory that ends: inaccessible | ROOM painted bytes | inaccessible. */
enum { ROOM = 1 << 20, PAGE = 1 << 16, PAINT = 0xa5 };
static OWN char *arena;

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
    {"two_pages", R"(
/* The bytes, so far from the start of two pages. */
static void *two_pages(size_t offset, const void *bytes, size_t size) {
  char *p = (char *)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) exit(2);
  return memcpy(p + offset, bytes, size);
}
)",
     ""},
    {"unmapped_page", R"(
/* A page that was there until another thread unmapped it; its address is nobody else's afterwards. */
static OWN char *lost_page;

static int unmap(void *unused) {
  (void)unused;
  if (mmap(lost_page, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) _exit(2);
  return 0;
}

static char *unmapped_page(void) {
  static OWN long long stack[8192];
  const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_VFORK;
  lost_page = (char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (lost_page == MAP_FAILED) exit(2);
  *lost_page = 1;
  if (clone(unmap, stack + 8192, flags, NULL) < 0) exit(2);
  return lost_page;
}
)",
     ""},
    {"zeros", "\nstatic const char zeros[(1 << 20) + 8192] __attribute__((aligned(4096))) = {0};\n", ""},
    {"event", R"(
static struct epoll_event *event(uint32_t events, uint64_t data) {
  static OWN struct epoll_event e;
  e.events = events;
  e.data.u64 = data;
  return &e;
}
)",
     ""},
    {"word", R"(
static uint64_t *word(uint64_t value) {
  static OWN uint64_t w;
  w = value;
  return &w;
}
)",
     ""},
    {"no_signals", R"(
static uint64_t *no_signals(void) {
  static OWN uint64_t none;
  return &none;
}
)",
     ""},
    {"timespec", R"(
static struct timespec *timespec(long long sec, long long nsec) {
  static OWN struct timespec t;
  t.tv_sec = sec;
  t.tv_nsec = nsec;
  return &t;
}
)",
     ""},
    {"timeval", R"(
static struct timeval *timeval(long long sec, long long usec) {
  static OWN struct timeval t;
  t.tv_sec = sec;
  t.tv_usec = usec;
  return &t;
}
)",
     ""},
    {"offsets", "\nstatic long long offsets[2];\n", ""},
    {"file_offset", R"(
static long long *file_offset(int i, long long value) {
  offsets[i] = value;
  return &offsets[i];
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
};

}  // namespace

std::span<const Fragment> MemoryFragments() { return kFragments; }

}  // namespace pollux
