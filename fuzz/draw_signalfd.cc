// Traces with signals and signalfds: what is pending, whose mask it is in, who is told.

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

uint32_t Usual(Random* random) { return random->OneIn(24) ? kOut : kIn; }

uint32_t Mask(Random& r) {
  uint32_t mask = 0;
  for (const int32_t signal : kTraceSignals) mask |= r.OneIn(2) ? SignalBit(signal) : 0;
  return r.OneIn(16) ? r.OneIn(2) ? ~0u : 0 : mask;
}

Op Signalfd(Fd fd, uint32_t mask, uint32_t flags, Memory memory = {}) {
  return ops::Make(Call::kSignalfd4, {fd.bits(), memory.bits(), memory.readable() ? mask : 0, flags});
}

int32_t Create(Generator& g, uint32_t flags) {
  Random& r = g.random();
  if (r.OneIn(32))
    g.Emit(Signalfd(Fd::Literal(-1), Mask(r), r.OneIn(2) ? 1 : 0, r.OneIn(2) ? g.BadMemory(1) : Memory()));
  return g.Made(Signalfd(Fd::Literal(-1), Mask(r), flags));
}

void Send(Generator& g) {
  Random& r = g.random();
  const int32_t signal = r.OneIn(24) ? (r.OneIn(2) ? 0 : 65) : r.Pick(kTraceSignals);
  switch (r.Below(4)) {
    case 0:
      return g.Emit(ops::Make(Call::kKill, {ops::Int(signal)}));
    case 1:
      return g.Emit(ops::Make(Call::kSigqueue, {ops::Int(signal), r.Below(4)}));
    default:
      return g.Emit(ops::Make(Call::kRaise, {ops::Int(signal)}));
  }
}

void Take(Generator& g, Fd fd) {
  Random& r = g.random();
  constexpr uint32_t kRecords[] = {1, 1, 2, 4, 8, 0};
  const uint32_t n = r.Pick(kRecords);
  const Memory memory = r.OneIn(12) ? g.BadMemory(n) : Memory();
  if (r.OneIn(8)) return g.Emit(ops::Read(fd, r.OneIn(3) ? 127 : 256, r.OneIn(4) ? g.BadMemory(256) : Memory()));
  g.Emit(ops::Make(Call::kSignals, {fd.bits(), memory.bits(), n}));
}

void Ready(Generator& g, const Shadow::File& file) {
  if (file.number >= 0 && g.random().OneIn(6)) {
    return g.Emit(Signalfd(g.Operand(file.number), Mask(g.random()), 0));
  }
  Send(g);
}

void Unready(Generator& g, const Shadow::File& file) { Take(g, g.Operand(file.number)); }
void Nudge(Generator& g, const Shadow::File&) { Send(g); }

// Several of them, who hear every signal, and read each other's.
void Several(Generator& g, int32_t ep) {
  Random& r = g.random();
  Fd fds[3];
  uint32_t n = 0;
  while (n < 3) {
    const int32_t number = n > 0 && r.OneIn(3) ? -1 : g.Create(FileKind::kSignalfd);
    if (number < 0) break;
    fds[n] = g.Operand(number);
    const uint32_t mask = (r.OneIn(6) ? r.OneIn(2) ? kOut : kRdnorm : kIn) | (r.Below(3) != 0 ? kEt : 0);
    g.Emit(ops::Add(g.Operand(ep), fds[n++], mask | (r.OneIn(8) ? kOneshot : 0), g.Data()));
  }
  if (n == 0) return;
  for (uint32_t i = r.Between(4, 14); i > 0; --i) {
    const Fd fd = fds[r.Below(n)];
    switch (r.Below(16)) {
      case 0:
        g.Emit(Signalfd(r.OneIn(4) ? g.Anything() : fd, Mask(r), r.OneIn(8) ? 1 : 0,
                        r.OneIn(12) ? g.BadMemory(1) : Memory()));
        break;
      case 1:
      case 2:
        Take(g, fd);
        break;
      case 3:
        g.Emit(ops::Poll({{fd, kIn}, {fds[r.Below(n)], kIn | kOut}}));
        break;
      case 4:
        // Signals come through: what is ready first, then EINTR, if it would sleep.
        g.Emit(ops::Pwait(g.Operand(ep), 8, r.OneIn(3) ? 0 : 1, Memory(), Memory(), 8));
        break;
      case 5: {
        Op op = ops::Ppoll({{r.OneIn(2) ? fd : g.Operand(ep), static_cast<uint16_t>(r.OneIn(2) ? kIn : kOut)}},
                           r.OneIn(8) ? Memory(Memory::kReadonly) : Memory());
        op.arg[4] = Memory().bits();
        g.Emit(op);
        break;
      }
      case 6:
      case 7:
      case 8:
      case 9:
      case 10:
        Send(g);
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
}

constexpr Scene kScenes[] = {{5, &Several}};

}  // namespace

constexpr Habits kSignalfdHabits = {.type = "signalfd",
                                    .kind = FileKind::kSignalfd,
                                    .lots = 3,
                                    .usual = &Usual,
                                    .create = &Create,
                                    .ready = &Ready,
                                    .unready = &Unready,
                                    .nudge = &Nudge,
                                    .scenes = kScenes,
                                    .rarity = 4};

}  // namespace pollux
