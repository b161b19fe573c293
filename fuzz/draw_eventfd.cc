// Traces with eventfds.

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

int32_t Create(Generator& g, uint32_t flags) {
  Random& r = g.random();
  const uint32_t initial = r.OneIn(4) ? static_cast<uint32_t>(r.Skewed(32)) : 0;
  return g.Made(ops::Eventfd(initial, flags | (r.Chance(40) || g.OddFlag() ? kEfdSemaphore : 0)));
}

void Ready(Generator& g, const Shadow::File& file) {
  Random& r = g.random();
  if (file.number < 0) return;
  const Fd fd = g.Operand(file.number);
  g.Emit(r.OneIn(8) ? ops::Read(fd, 8) : ops::Write(fd, 8, Count(&r)));
}

void Unready(Generator& g, const Shadow::File& file) {
  const Fd fd = g.Operand(file.number);
  g.Emit(g.random().OneIn(16) ? ops::Write(fd, 8, ~0ull - 1) : ops::Read(fd, 8));
}

void Fill(Generator& g, Fd fd) { g.Emit(ops::Write(fd, 8, ~0ull - 1 - g.random().Below(2))); }

// The ends of an eventfd's range (R4.3.1 to R4.3.3).
void CounterEnds(Generator& g, int32_t ep) {
  Random& r = g.random();
  g.Emit(ops::Eventfd(r.OneIn(2) ? 0 : r.Below(3), kONonblock | (r.OneIn(2) ? kEfdSemaphore : 0)));
  const Fd fd = Fd::Output(g.shadow().size() - 1, 0);
  if (g.shadow().Number(fd) < 0) return;
  constexpr uint32_t kMasks[] = {kIn, kOut, kIn | kOut};
  g.Emit(ops::Add(g.Operand(ep), fd, r.Pick(kMasks) | (r.OneIn(2) ? kEt : 0) | (r.OneIn(8) ? kRdnorm : 0), g.Data()));
  for (uint32_t i = r.Between(3, 8); i > 0; --i) {
    switch (r.Below(5)) {
      case 0:
      case 1:
        g.Emit(ops::Write(fd, 8, Count(&r)));
        break;
      case 2:
        g.Emit(ops::Read(fd, r.OneIn(8) ? 16 : 8));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
}

constexpr Scene kScenes[] = {{3, &CounterEnds}};

}  // namespace

constexpr Habits kEventfdHabits = {.type = "eventfd",
                                   .kind = FileKind::kEventfd,
                                   .lots = 10,
                                   .usual = &InOrOut,
                                   .create = &Create,
                                   .ready = &Ready,
                                   .unready = &Unready,
                                   .fill = &Fill,
                                   .scenes = kScenes};

}  // namespace pollux
