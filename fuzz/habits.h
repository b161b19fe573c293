// How traces use a type of file: what creates one, makes it ready and takes that away, and scenes in which something
// interesting can happen to it. One Habits a type, in draw_TYPE.cc; habits.cc lists them.

#ifndef POLLUX_FUZZ_HABITS_H_
#define POLLUX_FUZZ_HABITS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "fuzz/generator.h"
#include "fuzz/random.h"
#include "fuzz/shadow.h"

namespace pollux {

// A sequence of ops around the instance `ep`.
struct Scene {
  uint8_t lots;  // how often, beside the other steps of a trace (generator.cc)
  void (*play)(Generator& g, int32_t ep);
};

struct Habits {
  std::string_view type;  // what `pollux fuzz --only TYPE` calls it; several kinds may share one
  FileKind kind;
  uint8_t lots;                                             // how often one is created, beside the other kinds
  uint32_t (*usual)(Random* random);                        // an event mask that a user would ask for
  int32_t (*create)(Generator& g, uint32_t flags);          // flags: O_NONBLOCK, O_CLOEXEC; the new number, or -1
  void (*ready)(Generator& g, const Shadow::File& file);    // makes it notify, mostly with something to report
  void (*unready)(Generator& g, const Shadow::File& file);  // takes readiness away; its number is open
  void (*nudge)(Generator& g, const Shadow::File& file) = nullptr;  // notifies with key 0; null: none does
  void (*fill)(Generator& g, Fd fd) = nullptr;                      // uses up the room to write; null: there is none
  std::span<const Scene> scenes = {};
  // On native, one trace in so many may use it: what costs time has its share of traces, not of time.
  uint8_t rarity = 1;
};

std::span<const Habits* const> AllHabits();
// The kinds of these types, bit k for kind k; 0 if one of them does not exist.
uint64_t KindsOf(std::span<const std::string> types);
// The types, comma separated.
std::string TypeNames();
// Of that kind, or nullptr: epolls and refused files have none.
const Habits* HabitsOf(FileKind kind);

extern const Habits kPipeReadHabits, kPipeWriteHabits, kEventfdHabits, kStreamHabits, kDgramHabits, kSeqpacketHabits,
    kTimerfdHabits, kUserfaultfdHabits, kPerfHabits, kFifoHabits, kTcpHabits, kUdpHabits, kProcessHabits, kDeviceHabits,
    kAnnouncerHabits, kNetlinkHabits, kInotifyHabits, kRingHabits, kMqueueHabits, kSignalfdHabits, kPidfdHabits,
    kCaller32Habits, kThreadHabits, kPtmHabits, kPtsHabits;

// Masks of files that are read and written.
uint32_t InOrOut(Random* random);
// Masks of files that are only read.
uint32_t MostlyIn(Random* random);

// Sizes near the boundaries of pipe slots (R4.2.3) and of socket charges (R4.4.2).
uint32_t PipeBytes(Random* random);
uint32_t SocketBytes(Random* random);
// Values of a counter.
uint64_t Count(Random* random);

}  // namespace pollux

#endif  // POLLUX_FUZZ_HABITS_H_
