// Traces with children, which cost a process each: a few in a trace, and rare.

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

uint32_t Usual(Random* random) {
  constexpr uint32_t kMasks[] = {kIn, kIn, kIn, kRdnorm, kHup, kOut};
  return random->Pick(kMasks);
}

Op Of(Call call, Fd fd) { return ops::Make(call, {fd.bits()}); }

// One more of a child that is there, where there is one: a new child is dear.
int32_t Create(Generator& g, uint32_t flags) {
  const int32_t n = g.NumberOf(FileKind::kPidfd);
  if (n >= 0 && g.random().OneIn(2)) {
    return g.Made(ops::Make(Call::kPidfdOpen, {g.Operand(n).bits(), flags & kONonblock}));
  }
  const int32_t made = g.Made(ops::Make(Call::kChild, {}));
  // Who reaps it while it is alive shall not sleep.
  if (made >= 0 && (flags & kONonblock) != 0) g.Emit(ops::Fcntl(g.Operand(made), kFSetfl, kONonblock));
  return made;
}

void Ready(Generator& g, const Shadow::File& file) {
  if (file.number >= 0) g.Emit(Of(g.random().OneIn(3) ? Call::kReap : Call::kExitChild, g.Operand(file.number)));
}

// Nothing takes its readiness away; reaping adds to it.
void Unready(Generator& g, const Shadow::File& file) { g.Emit(Of(Call::kReap, g.Operand(file.number))); }

// The life of a child, seen through several pidfds with different masks.
void Life(Generator& g, int32_t ep) {
  Random& r = g.random();
  const int32_t n = g.Create(FileKind::kPidfd);
  if (n < 0) return;
  Fd fds[3] = {g.Operand(n)};
  uint32_t count = 1;
  while (count < 3 && r.OneIn(2)) {
    const int32_t more = r.OneIn(3)
                             ? g.Duplicate(n)
                             : g.Made(ops::Make(Call::kPidfdOpen, {fds[0].bits(), r.OneIn(2) ? kONonblock : 0u}));
    if (more < 0) break;
    fds[count++] = g.Operand(more);
  }
  constexpr uint32_t kMasks[] = {kIn, kIn, kRdnorm, 0, kOut, kIn | kOut};
  for (uint32_t i = 0; i < count; ++i) {
    g.Emit(ops::Add(g.Operand(ep), fds[i], r.Pick(kMasks) | (r.Below(3) != 0 ? kEt : 0), g.Data()));
  }
  for (uint32_t i = r.Between(4, 10); i > 0; --i) {
    const Fd fd = fds[r.Below(count)];
    switch (r.Below(10)) {
      case 0:
        g.Emit(Of(Call::kReap, r.OneIn(4) ? Fd::Literal(-1) : r.OneIn(3) ? g.Anything() : fd));
        break;
      case 1:
      case 2:
        g.Emit(Of(Call::kReap, fd));
        break;
      case 3:
        g.Emit(Of(Call::kExitChild, r.OneIn(4) ? g.Anything() : fd));
        break;
      case 4:
      case 5:
        g.Emit(Of(Call::kExitChild, fd));
        break;
      case 6:
        g.Emit(ops::Make(Call::kPidfdOpen, {(r.OneIn(4) ? g.Anything() : fd).bits(), 0}));
        break;
      case 7:
        g.Emit(ops::Poll({{fd, kIn | kRdnorm | kOut}}));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
}

constexpr Scene kScenes[] = {{40, &Life}};

}  // namespace

constexpr Habits kPidfdHabits = {.type = "pidfd",
                                 .kind = FileKind::kPidfd,
                                 .lots = 12,
                                 .usual = &Usual,
                                 .create = &Create,
                                 .ready = &Ready,
                                 .unready = &Unready,
                                 .scenes = kScenes,
                                 .rarity = 48};

}  // namespace pollux
