// Of exported programs: two processes that take turns.

#include "oracle/export_fragments.h"

namespace pollux {
namespace {

constexpr Fragment kFragments[] = {
    {"my_turn", R"(
/* Two processes run the same steps. Each step is one's, and both know whose; its number is in memory that both have,
 * descriptor 0. Who is not the one goes on to the next step that is his, and waits for it there. */
static uint32_t *step_now, resumed;
static int me = 1, second_ended;
static pid_t second;

static void await_step(uint32_t step) {
  static const long long tick[2] = {0, 100000000}; /* seconds, nanoseconds */
  uint32_t now;
  int status;
  while ((now = __atomic_load_n(step_now, __ATOMIC_ACQUIRE)) != step) {
    syscall(SYS_futex, step_now, 0 /* FUTEX_WAIT */, now, tick);
    if (second <= 0 || second_ended || waitpid(second, &status, WNOHANG) != second) continue;
    second_ended = 1;
    if (status != 0) exit(WIFEXITED(status) && WEXITSTATUS(status) == 2 ? 2 : 1);
  }
}

static void step_done(void) {
  __atomic_add_fetch(step_now, 1, __ATOMIC_RELEASE);
  syscall(SYS_futex, step_now, 1 /* FUTEX_WAKE */, 2);
}

static int my_turn(int process, uint32_t step) {
  if (process != me || step < resumed) return 0;
  await_step(step);
  return 1;
}

static void share(void) {
  const int fd = (int)syscall(SYS_memfd_create, "steps", 0);
  if (fd < 0 || ftruncate(fd, 4096) != 0 || dup2(fd, 0) != 0) exit(2);
  close(fd);
  step_now = (uint32_t *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0);
  if (step_now == MAP_FAILED) exit(2);
}

static void end_of_second(void) {
  int status = 0;
  if (!second_ended && waitpid(second, &status, 0) != second) exit(2);
  if (status != 0) exit(1);
  second = 0;
  second_ended = 0;
}

static void finish(uint32_t steps) {
  if (me != 1) return;
  await_step(steps);
  if (second > 0) kill(second, SIGKILL);
}
)",
     ""},
    {"fork_second", R"(
static void fork_second(uint32_t step) {
  const pid_t parent = getpid();
  if (!my_turn(1, step)) return;
  second = fork();
  if (second < 0) exit(2);
  if (second > 0) {
    step_done();
    return;
  }
  me = 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  alarm(5);
}
)",
     ""},
    {"end_second", R"(
static void end_second(uint32_t step) {
  if (my_turn(2, step)) _exit(0);
  if (!my_turn(1, step)) return;
  end_of_second();
  step_done();
}
)",
     ""},
    {"become_another", R"(
/* The same program, from the next step on. */
static void become_another(uint32_t step) {
  char number[16], files[24];
  struct rlimit now, lifted;
  if (!my_turn(2, step)) return;
  getrlimit(RLIMIT_NOFILE, &now);
  snprintf(number, sizeof number, "%u", step + 1);
  snprintf(files, sizeof files, "%llu", (unsigned long long)now.rlim_cur);
  lifted = now;
  lifted.rlim_cur = lifted.rlim_max; /* the loader opens files */
  setrlimit(RLIMIT_NOFILE, &lifted);
  execl("/proc/self/exe", "second", number, files, NULL);
  _exit(2);
}
)",
     ""},
};

}  // namespace

std::span<const Fragment> ProcessFragments() { return kFragments; }

}  // namespace pollux
