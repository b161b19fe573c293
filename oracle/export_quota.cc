// Of exported programs: the quota of watches, filled by a process with a user of its own.

#include "oracle/export_fragments.h"

namespace pollux {
namespace {

constexpr Fragment kFragments[] = {
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
};

}  // namespace

std::span<const Fragment> QuotaFragments() { return kFragments; }

}  // namespace pollux
