#include "oracle/watcher.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace pollux {
namespace {

constexpr int kPokes = 20;
constexpr int kDeadlines = 30;

}  // namespace

Watcher::~Watcher() {
  if (stat_ >= 0) close(stat_);
}

Watcher::State Watcher::Look() {
  const uint64_t sequence = mark_->sequence.load(std::memory_order_acquire);
  // Opened before it is needed: a trace may use up the numbers, and the limit is the process's.
  if (stat_ < 0 || stat_tid_ != mark_->tid.load()) {
    if (stat_ >= 0) close(stat_);
    stat_tid_ = mark_->tid.load();
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/task/%d/stat", mark_->pid.load(), stat_tid_);
    stat_ = open(path, O_RDONLY | O_CLOEXEC);
  }
  if ((sequence & 1) == 0 || sequence != sequence_) {
    sequence_ = sequence, looks_ = asleep_ = pokes_ = 0;
    return kMoving;
  }
  if (++looks_ < deadline_) return kMoving;
  if (looks_ > kDeadlines * deadline_ || pokes_ >= kPokes) return kHung;
  asleep_ = Asleep() ? asleep_ + 1 : 0;
  if (asleep_ < 2) return kMoving;
  // Noted before the signal: whatever the call returns from here on, it was blocked.
  mark_->poked.store(sequence, std::memory_order_seq_cst);
  if (mark_->sequence.load(std::memory_order_seq_cst) != sequence) return kMoving;
  ++pokes_;
  syscall(SYS_tgkill, mark_->pid.load(), mark_->tid.load(), Exec::PokeSignal());
  return kPoked;
}

// State S: the third field, behind the name, which may contain anything. A woken thread reads R.
bool Watcher::Asleep() {
  char text[256];
  const ssize_t n = stat_ < 0 ? -1 : pread(stat_, text, sizeof text - 1, 0);
  if (n <= 0) return false;
  text[n] = '\0';
  const char* name_end = std::strrchr(text, ')');
  return name_end != nullptr && name_end[1] == ' ' && name_end[2] == 'S';
}

}  // namespace pollux
