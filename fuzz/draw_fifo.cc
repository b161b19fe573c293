// Traces with FIFOs, and with the ends of pipes opened again through /proc.

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

// One more end, seldom something else.
int32_t Open(Generator& g, Fd fd, uint32_t flags) {
  Random& r = g.random();
  if (r.OneIn(16)) flags |= r.OneIn(2) ? kOPath : kOAppend;
  return g.Made(ops::Reopen(fd, flags));
}

int32_t Create(Generator& g, uint32_t flags) {
  Random& r = g.random();
  g.Emit(ops::Fifo(flags & kOCloexec));
  const Fd fifo = Fd::Output(g.shadow().size() - 1, 0);
  // A non-blocking writer needs a reader; who opens both ends needs nobody.
  const uint32_t first = r.OneIn(4) ? kORdwr : kORdonly;
  const int32_t end = Open(g, fifo, first | flags);
  if (r.Below(4) == 0) return end;
  const int32_t writer = Open(g, fifo, kOWronly | flags);
  return r.OneIn(4) && writer >= 0 ? writer : end;
}

void Ready(Generator& g, const Shadow::File& file) {
  if (file.number >= 0) Open(g, g.Operand(file.number), g.random().Below(3) | kONonblock);
}

void Unready(Generator& g, const Shadow::File& file) {
  const int32_t end = g.shadow().file(g.random().OneIn(2) ? file.reader : file.writer).number;
  if (end >= 0) g.Emit(ops::Close(g.Operand(end)));
}

// Ends come and go: who hears of it, who is hung up, who is in error (R4.2.4, R4.2.6, R4.2.7).
void ComeAndGo(Generator& g, int32_t ep) {
  Random& r = g.random();
  Fd node;
  Fd ends[6];
  uint32_t n = 0;
  if (r.OneIn(3)) {
    g.Emit(ops::Pipe2(kONonblock));
    ends[0] = Fd::Output(g.shadow().size() - 1, 0), ends[1] = Fd::Output(g.shadow().size() - 1, 1), n = 2;
    node = ends[r.Below(2)];
    if (r.OneIn(2)) {
      g.Emit(ops::Reopen(node, kOPath));
      node = Fd::Output(g.shadow().size() - 1, 0);
    }
  } else {
    g.Emit(ops::Fifo(0));
    node = Fd::Output(g.shadow().size() - 1, 0);
  }
  if (g.shadow().Number(node) < 0) return;
  constexpr uint32_t kMasks[] = {kIn, kOut, kIn | kOut, kIn | kOut, kRdnorm | kWrnorm};
  for (uint32_t i = r.Between(4, 14); i > 0; --i) {
    const uint32_t which = n == 0 ? 0 : r.Below(n);
    switch (r.Below(8)) {
      case 0:
      case 1:
      case 2: {
        const uint32_t access = r.OneIn(6) ? kORdwr : r.Below(2);
        g.Emit(ops::Reopen(node, access | (r.OneIn(12) ? 0 : kONonblock)));
        const Fd end = Fd::Output(g.shadow().size() - 1, 0);
        ends[n < 6 ? n++ : which] = end;
        if (g.shadow().Number(end) >= 0 && r.OneIn(2)) {
          g.Emit(ops::Add(g.Operand(ep), end, r.Pick(kMasks) | (r.Below(4) != 0 ? kEt : 0), g.Data()));
        }
        break;
      }
      case 3:
        if (n > 0) g.Emit(ops::Close(ends[which]));
        break;
      case 4:
        if (n > 0) g.Emit(r.OneIn(2) ? ops::Write(ends[which], r.OneIn(3) ? 65536 : 1) : ops::Read(ends[which], 65536));
        break;
      case 5:
        if (n > 0) g.Emit(ops::Poll({{ends[which], kIn | kOut}, {ends[r.Below(n)], kIn | kOut}}));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
}

constexpr Scene kScenes[] = {{3, &ComeAndGo}};

}  // namespace

constexpr Habits kFifoHabits = {.type = "fifo",
                                .kind = FileKind::kFifo,
                                .lots = 2,
                                .usual = &InOrOut,
                                .create = &Create,
                                .ready = &Ready,
                                .unready = &Unready,
                                .scenes = kScenes};

}  // namespace pollux
