// Traces with io_urings: submissions, completions, and what does not fit.

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

constexpr uint32_t kGetevents = 1;

uint32_t Usual(Random* random) {
  constexpr uint32_t kMasks[] = {kIn, kIn, kIn, kIn, kOut, kIn | kOut, kRdnorm, kPri, kUringWake, kIn | kUringWake};
  return random->Pick(kMasks);
}

int32_t Create(Generator& g, uint32_t) {
  Random& r = g.random();
  if (r.OneIn(24)) g.Emit(ops::RingSetup(r.OneIn(2) ? 0 : 1, r.OneIn(2) ? 1u << 30 : 0));
  return g.Made(ops::RingSetup(1 + r.Below(4), 0));
}

void Enter(Generator& g, Fd fd, uint32_t submit) {
  Random& r = g.random();
  g.Emit(ops::RingEnter(fd, submit, r.OneIn(24) ? 1u << 20 : r.OneIn(3) ? kGetevents : 0));
}

void Ready(Generator& g, const Shadow::File& file) {
  if (file.number < 0) return;
  Random& r = g.random();
  const Fd fd = g.Operand(file.number);
  const uint32_t n = 1 + r.Below(4);
  g.Emit(ops::RingPush(fd, n));
  if (r.Below(8) != 0) Enter(g, fd, r.OneIn(6) ? n + 1 : n);
}

void Unready(Generator& g, const Shadow::File& file) {
  Random& r = g.random();
  g.Emit(ops::RingReap(g.Operand(file.number), r.OneIn(3) ? 1 + r.Below(3) : 64));
}

void Fill(Generator& g, Fd fd) { g.Emit(ops::RingPush(fd, 64)); }

// More completions than there is room for, and how they come back (R4.18.3).
void Overflow(Generator& g, int32_t ep) {
  Random& r = g.random();
  const int32_t n = g.Made(ops::RingSetup(1 + r.Below(2), 0));
  if (n < 0) return;
  const Fd fd = g.Operand(n);
  const int32_t outer = r.OneIn(4) ? g.Create(FileKind::kEpoll) : -1;
  g.Emit(ops::Add(g.Operand(ep), fd, Usual(&r) | (r.OneIn(2) ? kEt : 0), g.Data()));
  if (outer >= 0) g.Emit(ops::Add(g.Operand(outer), g.Operand(ep), Usual(&r) | (r.OneIn(2) ? kEt : 0), g.Data()));
  for (uint32_t i = r.Between(6, 18); i > 0; --i) {
    switch (r.Below(8)) {
      case 0:
      case 1:
      case 2:
        g.Emit(ops::RingPush(fd, 1 + r.Below(3)));
        Enter(g, fd, 1 + r.Below(4));
        break;
      case 3:
        Enter(g, r.OneIn(4) ? g.Operand(ep) : fd, r.Below(2));
        break;
      case 4:
        g.Emit(ops::RingReap(fd, r.OneIn(2) ? 1 : 64));
        break;
      case 5:
        g.Emit(r.OneIn(2) ? ops::Mod(g.Operand(ep), fd, kIn, g.Data())
                          : ops::Poll({{fd, kIn | kOut | kRdnorm | kPri}}));
        break;
      default:
        g.Wait(outer >= 0 && r.OneIn(2) ? outer : ep, 32);
    }
  }
  g.Wait(ep, 32);
}

// Completions that found no room are moved when there is some again: is that an edge?
void Flushed(Generator& g, int32_t ep) {
  Random& r = g.random();
  const int32_t n = g.Made(ops::RingSetup(1, 0));
  if (n < 0) return;
  const Fd fd = g.Operand(n);
  for (uint32_t i = 2 + r.Below(2); i > 0; --i) {
    g.Emit(ops::RingPush(fd, 1));
    g.Emit(ops::RingEnter(fd, 1, 0));
  }
  g.Emit(ops::RingReap(fd, 1 + r.Below(2)));
  g.Emit(ops::Add(g.Operand(ep), fd, kIn | (r.OneIn(4) ? 0 : kEt), g.Data()));
  g.Wait(ep, 32);
  g.Emit(ops::RingEnter(fd, 0, r.OneIn(4) ? 0 : kGetevents));
  g.Wait(ep, 32);
}

// Who watches the instance that watches the ring hears of it by URING_WAKE, too.
void Upward(Generator& g, int32_t ep) {
  Random& r = g.random();
  const int32_t n = g.Made(ops::RingSetup(1 + r.Below(4), 0));
  const int32_t outer = g.Made(ops::EpollCreate1());
  const int32_t other = g.Made(ops::Eventfd(0, kONonblock));
  if (n < 0 || outer < 0 || other < 0) return;
  g.Emit(ops::Add(g.Operand(ep), g.Operand(n), kIn | (r.OneIn(3) ? kEt : 0), g.Data()));
  g.Emit(ops::Add(g.Operand(outer), g.Operand(ep), (r.OneIn(4) ? kIn : 0) | kUringWake, g.Data()));
  g.Emit(ops::Add(g.Operand(outer), g.Operand(other), kIn, g.Data()));
  g.Emit(ops::RingPush(g.Operand(n), 1));
  g.Emit(ops::RingEnter(g.Operand(n), 1, 0));
  g.Emit(ops::Write(g.Operand(other), 8, 1));
  if (!r.OneIn(4)) g.Emit(ops::Mod(g.Operand(outer), g.Operand(ep), kIn, g.Data()));
  g.Wait(outer, 32);
}

// No message carries a ring.
void Passed(Generator& g, int32_t) {
  Random& r = g.random();
  const int32_t n = g.Create(FileKind::kRing);
  if (n < 0) return;
  g.Emit(ops::Socketpair(r.OneIn(2) ? kSockStream : kSockDgram, kONonblock));
  const Fd socket = Fd::Output(g.shadow().size() - 1, 0);
  g.Emit(ops::Sendfd(socket, g.Operand(n)));
  g.Emit(ops::Recvfd(Fd::Output(socket.op(), 1)));
}

constexpr Scene kScenes[] = {{8, &Overflow}, {4, &Flushed}, {4, &Upward}, {1, &Passed}};

}  // namespace

constexpr Habits kRingHabits = {.type = "ring",
                                .kind = FileKind::kRing,
                                .lots = 2,
                                .usual = &Usual,
                                .create = &Create,
                                .ready = &Ready,
                                .unready = &Unready,
                                .fill = &Fill,
                                .scenes = kScenes,
                                .rarity = 32};

}  // namespace pollux
