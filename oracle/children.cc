#include "oracle/children.h"

#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif

namespace pollux {
namespace {

constexpr size_t kStack = size_t{1} << 14;
constexpr int kPidfd = 3;     // P_PIDFD
constexpr int kOnlyMine = 2;  // CLOSE_RANGE_UNSHARE

// What parent and child share of its beginning; it stands at the low end of the stack.
struct Start {
  pid_t parent;
  uint32_t ready;
};

// In the memory, and with the thread-local storage, of its parent, which sleeps until `ready`: system calls alone.
int Main(void* argument) {
  auto* start = static_cast<Start*>(argument);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != start->parent) return 0;  // it was gone before that
  // Leaves the table that it was born with without ever holding what is open there.
  syscall(SYS_close_range, 0, ~0u, kOnlyMine);
  __atomic_store_n(&start->ready, 1, __ATOMIC_RELEASE);
  syscall(SYS_futex, &start->ready, FUTEX_WAKE, 1, nullptr, nullptr, 0);
  for (;;) syscall(SYS_ppoll, nullptr, 0, nullptr, nullptr, 8);
}

void Reap(pid_t pid) {
  siginfo_t info;
  long result;
  do result = waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | __WALL);
  while (result != 0 && errno == EINTR);
}

bool Reaped(pid_t pid) {
  siginfo_t info;
  return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0 && errno == ECHILD;
}

}  // namespace

Children::~Children() {
  Reset();
  if (stacks_ != nullptr) munmap(stacks_, kMostChildren * kStack);
}

bool Children::Map() {
  if (stacks_ != nullptr) return true;
  void* map = mmap(nullptr, kMostChildren * kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return false;
  stacks_ = static_cast<char*>(map);
  return true;
}

long Children::New(const char** why) {
  *why = nullptr;
  size_t i = 0;
  // What a trace has reaped is nobody's child any more.
  while (i < pids_.size() && pids_[i] != 0 && !Reaped(pids_[i])) ++i;
  if (i == pids_.size() || !Map()) {
    *why = "as many children as a trace may have";
    return -1;
  }
  auto* start = reinterpret_cast<Start*>(stacks_ + i * kStack);
  *start = {getpid(), 0};
  pids_[i] = 0;
  int pidfd = -1;
  // All signals are blocked in it: nothing but SIGKILL ends it.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  const int pid =
      clone(&Main, stacks_ + (i + 1) * kStack, CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_PIDFD, start, &pidfd);
  const int error = errno;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0 && (error == EAGAIN || error == ENOMEM)) *why = "no more processes";
  if (pid < 0) return -error;
  pids_[i] = pid;
  while (__atomic_load_n(&start->ready, __ATOMIC_ACQUIRE) == 0) {
    syscall(SYS_futex, &start->ready, FUTEX_WAIT, 0, nullptr, nullptr, 0);
  }
  return pidfd;
}

// poll(2) sleeps until the child is dead, but may return in the middle of the notification, which is made under
// tasklist_lock (R4.12.3); waitid takes that lock.
long Children::Exit(int pidfd) {
  if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0) != 0) return -errno;
  constexpr int kLongest = 1000;  // ms; a kernel that loses the end shows it in what follows
  pollfd dead = {pidfd, POLLIN, 0};
  const timespec longest = {kLongest / 1000, 0};
  while (syscall(SYS_ppoll, &dead, 1, &longest, nullptr, 8) < 0 && errno == EINTR) {
  }
  siginfo_t info;
  waitid(static_cast<idtype_t>(kPidfd), static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG | WNOWAIT | __WALL);
  return 0;
}

long Children::OpenAgain(pid_t child, unsigned flags) {
  if (child <= 0) return -ESRCH;
  const long pidfd = syscall(SYS_pidfd_open, child, flags);
  return pidfd < 0 ? -errno : pidfd;
}

void Children::Reset() {
  for (pid_t& pid : pids_) {
    if (pid == 0) continue;
    if (!Reaped(pid)) {
      kill(pid, SIGKILL);
      Reap(pid);
    }
    pid = 0;
  }
}

}  // namespace pollux
