// Traces with timers.

#include <vector>

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "fuzz/tame.h"
#include "model/abi.h"

namespace pollux {
namespace {

int32_t Create(Generator& g, uint32_t flags) {
  constexpr int32_t kClocks[] = {kClockMonotonic, kClockMonotonic, kClockRealtime, kClockBoottime};
  return g.Made(ops::Make(Call::kTimerfdCreate, {ops::Int(g.random().Pick(kClocks)), flags}));
}

// Sets it to a time that has passed, or to the next nanosecond; now and then with an interval.
void Expire(Generator& g, Fd fd) {
  Random& r = g.random();
  constexpr uint64_t kNear[] = {1, 1, 1000};
  const bool absolute = r.OneIn(2);
  const uint64_t nsec = absolute && r.OneIn(4) ? 999999999 : r.Pick(kNear);
  const uint32_t every = r.Below(4);
  const uint32_t cancel = r.OneIn(4) ? kTfdTimerCancelOnSet : 0;
  g.Emit(ops::Make(Call::kTimerfdSettime, {fd.bits(), (absolute ? kTfdTimerAbstime : 0) | cancel, 0, nsec,
                                           every == 1 ? kFarFuture : 0, every == 2 ? r.Pick(kNear) : 0}));
}

void Ready(Generator& g, const Shadow::File& file) {
  Random& r = g.random();
  if (file.number >= 0 && r.OneIn(4)) return Expire(g, g.Operand(file.number));
  if (file.number >= 0) g.Emit(ops::Ticks(g.Operand(file.number), r.OneIn(16) ? r.Below(3) : 1 + r.Below(3)));
}

void Unready(Generator& g, const Shadow::File& file) {
  Random& r = g.random();
  const Fd fd = g.Operand(file.number);
  if (r.Below(4) != 0) return g.Emit(ops::Read(fd, 8));
  g.Emit(ops::Make(Call::kTimerfdSettime, {fd.bits(), 0, r.OneIn(2) ? 0 : kFarFuture, 0, 0, 0}));
}

void Settime(Generator& g, int32_t) {
  Random& r = g.random();
  int32_t n = g.NumberOf(FileKind::kTimerfd);
  if (n < 0) n = r.OneIn(4) ? g.AnyNumber() : g.Create(FileKind::kTimerfd);
  constexpr uint32_t kFlags[] = {0, 0, 0, kTfdTimerAbstime, kTfdTimerAbstime | kTfdTimerCancelOnSet, 4};
  // Disarmed or far off: a timer that expires by itself would depend on a clock.
  const uint32_t flags = r.Pick(kFlags);
  const bool absolute = (flags & kTfdTimerAbstime) != 0;
  const uint64_t sec = r.OneIn(2) ? 0 : absolute ? uint64_t{kFarAbsolute} : kFarFuture;
  const uint64_t nsec = r.OneIn(8) ? 1000000000 : 0;
  const uint64_t every = r.OneIn(4) ? kFarFuture : 0;
  if (r.OneIn(4)) return g.Emit(ops::Ticks(g.Mistaken(n), r.Below(4)));
  g.Emit(ops::Make(Call::kTimerfdSettime, {g.Mistaken(n).bits(), flags, sec, nsec, every, r.OneIn(16) ? ~0ull : 0}));
}

// Ticks and re-arming, which takes readiness away silently (R4.9.1 to R4.9.4).
void Edges(Generator& g, int32_t ep) {
  Random& r = g.random();
  const int32_t n = g.Create(FileKind::kTimerfd);
  if (n < 0) return;
  const Fd fd = g.Operand(n);
  if (r.OneIn(3)) {
    const uint32_t every = r.Below(4);
    g.Emit(ops::Make(Call::kTimerfdSettime,
                     {fd.bits(), 0, kFarFuture, 0, every == 1 ? kFarFuture : 0, every == 2 ? uint64_t{1} : 0}));
  }
  g.Emit(ops::Add(g.Operand(ep), fd, kIn | (r.OneIn(2) ? kEt : 0) | (r.OneIn(4) ? kOneshot : 0), g.Data()));
  for (uint32_t i = r.Between(2, 6); i > 0; --i) {
    switch (r.Below(8)) {
      case 6:
        Expire(g, fd);
        break;
      case 7:
        g.Emit(ops::Make(Call::kTimerfdGettime, {g.Mistaken(n).bits()}));
        break;
      case 0:
      case 1:
        g.Emit(ops::Ticks(fd, r.OneIn(8) ? 0 : r.Below(8) + 1));
        break;
      case 2:
        g.Emit(ops::Read(fd, 8));
        break;
      case 3:
        g.Emit(ops::Make(Call::kTimerfdSettime, {fd.bits(), 0, r.OneIn(2) ? 0 : kFarFuture, 0, 0, 0}));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
}

// Timers that are told when the clock jumps, and who is told first (R4.9.5).
void Jumps(Generator& g, int32_t ep) {
  Random& r = g.random();
  if (!g.clock() || g.threads()) return;
  std::vector<Fd> timers;
  for (uint32_t i = r.Between(1, 4); i > 0; --i) {
    const int32_t clock = r.OneIn(6) ? kClockMonotonic : kClockRealtime;
    const int32_t n = g.Made(ops::Make(Call::kTimerfdCreate, {ops::Int(clock), kONonblock}));
    if (n < 0) return;
    timers.push_back(g.Operand(n));
    g.Emit(ops::Add(g.Operand(ep), timers.back(), kIn | (r.OneIn(3) ? 0 : kEt), g.Data()));
  }
  for (uint32_t i = r.Between(4, 12); i > 0; --i) {
    const Fd fd = timers[r.Below(static_cast<uint32_t>(timers.size()))];
    const uint32_t flags = r.OneIn(6) ? r.Below(4) : kTfdTimerAbstime | kTfdTimerCancelOnSet;
    const bool absolute = (flags & kTfdTimerAbstime) != 0;
    switch (r.Below(8)) {
      case 0:
      case 1:
      case 2:
        g.Emit(ops::Make(Call::kTimerfdSettime, {fd.bits(), flags,
                                                 r.OneIn(6) ? 0
                                                 : absolute ? uint64_t{kFarAbsolute}
                                                            : kFarFuture,
                                                 0, 0, 0}));
        break;
      case 3:
      case 4:
        g.Emit(ops::JumpClock());
        break;
      case 5:
        g.Emit(r.OneIn(4) ? ops::Ticks(fd, 1 + r.Below(2)) : ops::Read(fd, r.OneIn(8) ? 7 : 8));
        break;
      case 6:
        if (r.OneIn(4)) Expire(g, fd);
        if (r.OneIn(4)) g.Emit(ops::Close(fd));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
}

constexpr Scene kScenes[] = {{3, &Edges}, {3, &Settime}, {2, &Jumps}};

}  // namespace

constexpr Habits kTimerfdHabits = {.type = "timerfd",
                                   .kind = FileKind::kTimerfd,
                                   .lots = 4,
                                   .usual = &MostlyIn,
                                   .create = &Create,
                                   .ready = &Ready,
                                   .unready = &Unready,
                                   .scenes = kScenes};

}  // namespace pollux
