// The types of file that traces use, and what their habits share.

#include "fuzz/habits.h"

#include <array>

#include "model/abi.h"

namespace pollux {
namespace {

constexpr const Habits* kAll[] = {
    &kPipeReadHabits,  &kPipeWriteHabits, &kEventfdHabits,     &kStreamHabits, &kDgramHabits,
    &kSeqpacketHabits, &kTimerfdHabits,   &kUserfaultfdHabits, &kPerfHabits,   &kFifoHabits,
    &kTcpHabits,       &kUdpHabits,       &kProcessHabits,     &kDeviceHabits, &kAnnouncerHabits,
    &kNetlinkHabits,   &kInotifyHabits,   &kRingHabits,        &kMqueueHabits, &kSignalfdHabits,
    &kPidfdHabits,     &kThreadHabits,    &kPtmHabits,         &kPtsHabits,    &kCaller32Habits};

constexpr uint32_t kPipeSizes[] = {1, 1, 1, 1, 2, 7, 100, 1000, 2048, 3000, 4095, 4096, 4097, 5000, 8192, 8193, 65536};
constexpr uint32_t kSocketSizes[] = {1,    1,    1,    1,    2,    192,  193,   704,   705,   1728,
                                     1729, 3776, 3777, 4289, 7872, 7873, 16064, 16065, 36544, 53000};
constexpr uint64_t kCounts[] = {1, 1, 1, 1, 1, 1, 2, 3, 7, 0, 0, ~0ull - 1, ~0ull - 2, ~0ull, 1ull << 63};

}  // namespace

std::span<const Habits* const> AllHabits() { return kAll; }

const Habits* HabitsOf(FileKind kind) {
  static const std::array<const Habits*, kFileKinds + 1> by_kind = [] {
    std::array<const Habits*, kFileKinds + 1> table = {};
    for (const Habits* habits : kAll) table[static_cast<size_t>(habits->kind)] = habits;
    return table;
  }();
  return by_kind[static_cast<size_t>(kind)];
}

uint64_t KindsOf(std::span<const std::string> types) {
  uint64_t kinds = 0;
  for (const std::string& type : types) {
    const uint64_t before = kinds;
    for (const Habits* habits : kAll) {
      if (habits->type == type) kinds |= uint64_t{1} << static_cast<int>(habits->kind);
    }
    if (kinds == before) return 0;
  }
  return kinds;
}

std::string TypeNames() {
  std::string names;
  for (size_t i = 0; i < std::size(kAll); ++i) {
    if (i > 0 && kAll[i]->type == kAll[i - 1]->type) continue;
    names += (names.empty() ? "" : ", ") + std::string(kAll[i]->type);
  }
  return names;
}

uint32_t InOrOut(Random* random) {
  const uint32_t r = random->Below(8);
  return r < 5 ? kIn : r < 7 ? kIn | kOut : kOut;
}

uint32_t MostlyIn(Random* random) { return random->Chance(245) ? kIn : kOut; }

uint32_t PipeBytes(Random* random) { return random->Pick(kPipeSizes); }
uint32_t SocketBytes(Random* random) { return random->Pick(kSocketSizes); }
uint64_t Count(Random* random) { return random->Pick(kCounts); }

}  // namespace pollux
