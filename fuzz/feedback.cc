#include "fuzz/feedback.h"

#include <algorithm>
#include <cstring>

namespace pollux {
namespace {

// libFuzzer finds the map by its section.
__attribute__((section("__libfuzzer_extra_counters"), used)) volatile uint8_t counters[Feedback::kCounters];
uint8_t unseen[Feedback::kCounters];

uint32_t Mix(uint64_t x) { return static_cast<uint32_t>((x * 0x9e3779b97f4a7c15) >> 32); }
uint32_t Few(uint32_t n) { return n < 3 ? n : 3; }

bool OnInstance(Call call) {
  switch (call) {
    case Call::kEpollCtl:
    case Call::kEpollWait:
    case Call::kEpollPwait:
    case Call::kEpollPwait2:
      return true;
    default:
      return false;
  }
}

}  // namespace

void Feedback::Clear() {
  std::fill(std::begin(counters), std::end(counters), uint8_t{0});
  counters[0] = 1;  // Rule::kNone: a run without any counter would end the driver
}

void Feedback::Set(size_t counter) {
  map_[counter] = 1;
  fresh_ |= seen_[counter] == 0;
  seen_[counter] = 1;
}

void Feedback::Start(bool visible) {
  map_ = visible ? const_cast<uint8_t*>(counters) : unseen;
  previous_ = Rule::kNone;
  fresh_ = false;
  Set(0);
}

void Feedback::Op(const pollux::Op& op, const Model& model) {
  const Rule last = model.rules().last();
  Set(kPairs + Mix(static_cast<uint64_t>(previous_) << 16 | static_cast<uint64_t>(last)) % (kStates - kPairs));
  previous_ = last;
  if (!OnInstance(op.call)) return;
  const State& s = model.state();
  const uint32_t fd = op.u32(0);
  const Id file = fd < s.fds.size() ? s.fds[fd].file : kNil;
  if (s.files[file].type != FileType::kEpoll) return;
  const Instance& instance = s.instances[s.files[file].object];
  const Item& front = s.items[instance.ready.head];
  const uint64_t state = static_cast<uint64_t>(op.call) | Few(instance.ready.size) << 6 |
                         Few(instance.items.size) << 8 | Few(instance.queue.size) << 10 | (front.events >> 29) << 12 |
                         static_cast<uint64_t>(front.queued_by) << 16 | static_cast<uint64_t>(last) << 32;
  Set(kStates + Mix(state) % (kCounters - kStates));
}

bool Feedback::Finish(const Model& model) {
  const auto& hits = model.rules().hits();
  for (size_t r = 0; r < hits.size(); ++r) {
    if (hits[r] != 0) Set(r);
  }
  return fresh_;
}

}  // namespace pollux
