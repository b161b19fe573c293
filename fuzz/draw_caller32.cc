// Traces with 32-bit callers: what differs between their structures and those of 64 bits, and where it shows.
//
// Their kind of file is none. Where a trace has them they make a share of all its calls (Generator::Emit).

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

int32_t Create(Generator& g, uint32_t) {
  constexpr FileKind kKinds[] = {FileKind::kEventfd, FileKind::kPipeRead, FileKind::kPipeWrite, FileKind::kStream,
                                 FileKind::kTimerfd};
  return g.Create(g.random().Pick(kKinds));
}

void Nothing(Generator&, const Shadow::File&) {}

void From32(Generator& g, Op op) {
  op.i386 = 1;
  g.Emit(op);
}

// Times whose upper halves do not count, pointers without one, masks and data that use all their bits.
void Odd(Generator& g, int32_t ep) {
  Random& r = g.random();
  constexpr int64_t kOdd[] = {
      int64_t{1} << 32, (int64_t{5} << 32) + 7, int64_t{-1} << 32, 0, 1000000, -1, (int64_t{1} << 32) + 1000000000};
  const Memory none = Memory::kNull, kernel = Memory::kKernel;
  const Fd fd = g.Operand(ep);
  switch (r.Below(5)) {
    case 0:
      return From32(
          g, ops::Pwait2(fd, 4, Memory(), Memory(), r.OneIn(6) ? -1 : 0, r.Pick(kOdd), r.OneIn(3) ? kernel : none, 8));
    case 1: {
      Op poll = ops::Ppoll({{fd, kIn}}, Memory(), Memory());
      poll.arg[3] = static_cast<uint64_t>(r.Pick(kOdd));
      return From32(g, poll);
    }
    case 2: {
      Op select = ops::Select({{fd, kIn}}, r.OneIn(4) ? kernel : Memory(), Memory());
      select.arg[r.OneIn(2) ? 2 : 3] = static_cast<uint64_t>(r.Pick(kOdd));
      return From32(g, select);
    }
    case 3:
      return From32(
          g, ops::Pwait(fd, 4, 0, r.OneIn(3) ? kernel : Memory(), r.OneIn(2) ? kernel : Memory(), r.OneIn(2) ? 8 : 4));
    default: {
      const int32_t n = g.AnyNumber();
      if (n < 3) return;
      From32(g, ops::Ctl(fd, r.OneIn(2) ? kCtlAdd : kCtlMod, g.Operand(n), kIn | kOut, g.Data() << 32 | 0xabcd,
                         r.OneIn(6) ? kernel : Memory()));
      return g.Wait(ep, 32);
    }
  }
}

constexpr Scene kScenes[] = {{24, &Odd}};

}  // namespace

constexpr Habits kCaller32Habits = {.type = "i386",
                                    .kind = FileKind::kCaller32,
                                    .lots = 2,
                                    .usual = &InOrOut,
                                    .create = &Create,
                                    .ready = &Nothing,
                                    .unready = &Nothing,
                                    .scenes = kScenes,
                                    .rarity = 32};

}  // namespace pollux
