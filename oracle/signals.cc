#include "oracle/signals.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "model/abi.h"

namespace pollux {
namespace {

constexpr size_t kCount = std::size(kTraceSignals);
struct sigaction before[kCount];

uint64_t KernelSet() { return Sigset(SignalBits()); }

// Does the thread block all of them, by what /proc says of it?
bool Blocks(const char* thread) {
  char path[64], text[4096];
  std::snprintf(path, sizeof path, "/proc/self/task/%.16s/status", thread);
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return true;  // it has gone
  const size_t n = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  text[n] = '\0';
  const char* line = std::strstr(text, "\nSigBlk:");
  return line != nullptr && (std::strtoull(line + 8, nullptr, 16) & KernelSet()) == KernelSet();
}

bool OthersBlock() {
  DIR* threads = opendir("/proc/self/task");
  if (threads == nullptr) return false;
  const long self = syscall(SYS_gettid);
  bool all = true;
  while (const dirent* entry = readdir(threads)) {
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && std::atol(entry->d_name) != self) {
      all &= Blocks(entry->d_name);
    }
  }
  closedir(threads);
  return all;
}

}  // namespace

void BlockSignals(sigset_t* set) {
  sigset_t own;
  sigemptyset(&own);
  for (const int32_t signal : kTraceSignals) {
    sigaddset(&own, signal);
    if (set != nullptr) sigaddset(set, signal);
  }
  pthread_sigmask(SIG_BLOCK, &own, nullptr);
}

void Signals::Open() { others_block_ = OthersBlock(); }

const char* Signals::Lacks(Call call) const {
  const bool process = call == Call::kKill || call == Call::kSigqueue;
  return process && !others_block_ ? "another thread would take a signal of the process" : nullptr;
}

bool Signals::Pending() const {
  uint64_t pending = 0;
  return syscall(SYS_rt_sigpending, &pending, sizeof pending) == 0 && (pending & KernelSet()) != 0;
}

void Signals::Drain() {
  if (!sent_) return;
  const uint64_t set = KernelSet();
  const timespec at_once = {};
  while (syscall(SYS_rt_sigtimedwait, &set, nullptr, &at_once, sizeof set) > 0) {
  }
  sent_ = false;
}

void Signals::TakeHandlers() {
  struct sigaction empty = {};
  empty.sa_handler = [](int) {};
  sigfillset(&empty.sa_mask);
  for (size_t i = 0; i < kCount; ++i) sigaction(kTraceSignals[i], &empty, &before[i]);
}

void Signals::GiveHandlers() {
  for (size_t i = 0; i < kCount; ++i) sigaction(kTraceSignals[i], &before[i], nullptr);
}

}  // namespace pollux
