#include "oracle/viewer.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "oracle/exec_internal.h"
#include "oracle/futex.h"

namespace pollux {
namespace {

constexpr unsigned kCloseRangeUnshares = 2;

// What the file holds, as a string; false if nothing.
bool ReadAll(int fd, char* text, size_t size) {
  const ssize_t n = pread(fd, text, size - 1, 0);
  text[n < 0 ? 0 : n] = '\0';
  return n > 0;
}

// /proc/PID/task/TID/NAME
int OpenOf(const CallMark& mark, const char* name) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/task/%d/%s", mark.pid.load(), mark.tid.load(), name);
  return OpenAnyway(path);
}

}  // namespace

int OpenAnyway(const char* path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0 || errno != EMFILE) return fd;
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
  const rlimit lifted = {limit.rlim_max, limit.rlim_max};
  setrlimit(RLIMIT_NOFILE, &lifted);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  setrlimit(RLIMIT_NOFILE, &limit);
  return fd;
}

std::unique_ptr<Viewer> Viewer::Open() {
  std::unique_ptr<Viewer> viewer(new Viewer);
  viewer->thread_ = std::thread([v = viewer.get()] { v->Main(); });
  FutexWait(&viewer->answered_, 0);
  return viewer;
}

Viewer::~Viewer() {
  end_ = true;
  asked_.fetch_add(1);
  FutexWake(&asked_);
  thread_.join();
}

Viewer::View Viewer::Settle(Subjects* subjects, int deadline_ms) {
  subjects_ = subjects, deadline_ms_ = deadline_ms;
  const uint32_t answered = answered_.load();
  asked_.fetch_add(1);
  FutexWake(&asked_);
  FutexWait(&answered_, answered);
  return view_;
}

void Viewer::Main() {
  // Nothing of the trace is held by its table.
  if (syscall(SYS_close_range, 3, ~0u, kCloseRangeUnshares) != 0 && syscall(SYS_unshare, CLONE_FILES) == 0) {
    for (int fd = 3; fd < 1 << 16; ++fd) close(fd);
  }
  for (uint32_t seen = 0;; ++seen) {
    answered_.fetch_add(1);
    FutexWake(&answered_);
    FutexWait(&asked_, seen);
    if (end_) return;  // its table goes with it
    view_ = Look();
  }
}

Viewer::View Viewer::Look() {
  const int64_t end = Now() + int64_t{deadline_ms_} * 1'000'000;
  bool moved = false;
  for (;;) {
    std::array<bool, kMaxThreads + 1> pending;
    for (size_t i = 0; i < pending.size(); ++i) {
      Subject& s = (*subjects_)[i];
      pending[i] = s.pending();
      if (!pending[i] && s.step != 0) moved = true, s.step = 0;  // it has returned
    }
    bool asleep = true, ran = false;
    for (size_t i = 0; i < pending.size() && asleep; ++i) {
      Subject& s = (*subjects_)[i];
      if (!pending[i]) continue;
      const bool known = s.step == s.asked->load();
      bool its = false;
      asleep = Asleep(&s, &its);
      ran |= its, moved |= its && known;
    }
    if (asleep && !ran) return moved ? kMoved : kRest;
    if (!asleep) sched_yield();
    if (Now() > end) return kHung;
  }
}

// Is it in its call, and asleep? The count is read behind the state.
bool Viewer::Asleep(Subject* s, bool* ran) {
  if (s->tid != s->mark->tid.load()) {
    close(s->stat), close(s->schedstat);
    s->tid = s->mark->tid.load();
    s->stat = OpenOf(*s->mark, "stat"), s->schedstat = OpenOf(*s->mark, "schedstat");
  }
  if ((s->mark->sequence.load(std::memory_order_acquire) & 1) == 0) return false;
  char text[512];
  if (!ReadAll(s->stat, text, sizeof text)) return false;
  const char* name_end = std::strrchr(text, ')');  // the name may contain anything
  if (name_end == nullptr || name_end[1] != ' ' || name_end[2] != 'S') return false;
  if (!ReadAll(s->schedstat, text, sizeof text)) return false;
  unsigned long long runs = 0;
  if (std::sscanf(text, "%*u %*u %llu", &runs) != 1) return false;
  const uint32_t step = s->asked->load();
  *ran = step != s->step || runs != s->runs;
  s->step = step, s->runs = runs;
  return true;
}

}  // namespace pollux
