// Traces with POSIX message queues: small ones, so that they are full and empty often.

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

constexpr int32_t kSizes[] = {8, 8, 8, 1, 9, kMqLongestMessage};

int32_t Create(Generator& g, uint32_t flags) {
  Random& r = g.random();
  const uint32_t access = r.OneIn(12) ? r.Below(2) : kORdwr;
  if (r.OneIn(32)) g.Emit(ops::Make(Call::kMqOpen, {flags | access, r.OneIn(2), 0}));
  return g.Made(ops::Make(Call::kMqOpen,
                          {flags | access, 1 + r.Below(r.OneIn(8) ? kMqMostMessages : 3), ops::Int(r.Pick(kSizes))}));
}

uint32_t Priority(Random& r) { return r.OneIn(24) ? kMqPrioMax - r.Below(2) : r.Below(4); }

void Send(Generator& g, Fd fd) {
  Random& r = g.random();
  constexpr uint32_t kBytes[] = {0, 1, 1, 1, 2, 8, 8, 9, 65};
  const uint32_t bytes = r.Pick(kBytes);
  g.Emit(ops::MqSend(fd, bytes, bytes == 8 ? r.Below(4) : 0, Priority(r)));
}

void Receive(Generator& g, Fd fd) {
  Random& r = g.random();
  if (r.OneIn(8)) return g.Emit(ops::MqReceive(fd, r.Pick(kSizes)));
  g.Emit(ops::MqReceive(fd, kMqLongestMessage, r.OneIn(12) ? g.BadMemory(8) : Memory()));
}

void Ready(Generator& g, const Shadow::File& file) {
  if (file.number < 0) return;
  const Fd fd = g.Operand(file.number);
  if (g.random().OneIn(16)) return g.Emit(ops::Make(Call::kMqGetattr, {fd.bits()}));
  if (g.random().OneIn(24)) return g.Emit(ops::Make(Call::kMqSetattr, {fd.bits(), kONonblock}));
  Send(g, fd);
}

void Unready(Generator& g, const Shadow::File& file) { Receive(g, g.Operand(file.number)); }

// What has the key 0: both directions do.
void Nudge(Generator& g, const Shadow::File& file) {
  if (file.number >= 0) g.random().OneIn(2) ? Send(g, g.Operand(file.number)) : Receive(g, g.Operand(file.number));
}

void Fill(Generator& g, Fd fd) {
  for (int32_t n = 0; n < kMqMostMessages; ++n) Send(g, fd);
}

// Two descriptions of one queue, and both edges of everything (R4.14.1, R4.14.2).
void Edges(Generator& g, int32_t ep) {
  Random& r = g.random();
  const int32_t n = g.Create(FileKind::kMqueue);
  if (n < 0) return;
  Fd ends[2] = {g.Operand(n), g.Operand(n)};
  if (r.OneIn(2)) {
    const int32_t other = g.Made(ops::Reopen(ends[0], (r.OneIn(4) ? r.Below(2) : kORdwr) | kONonblock));
    if (other >= 0) ends[1] = g.Operand(other);
  }
  constexpr uint32_t kMasks[] = {kIn, kOut, kIn | kOut, kIn | kOut, kRdnorm, kWrnorm};
  for (const Fd end : ends) {
    g.Emit(ops::Add(g.Operand(ep), end, r.Pick(kMasks) | (r.Below(4) != 0 ? kEt : 0), g.Data()));
  }
  for (uint32_t i = r.Between(4, 12); i > 0; --i) {
    const Fd fd = ends[r.Below(2)];
    switch (r.Below(16)) {
      case 0:
        g.Emit(ops::Make(Call::kMqGetattr, {g.Mistaken(g.shadow().Number(fd)).bits()}));
        break;
      case 1: {
        const uint32_t flags = r.OneIn(8) ? kOAppend : r.OneIn(2) ? kONonblock : 0;
        g.Emit(ops::Make(Call::kMqSetattr, {fd.bits(), flags}));
        break;
      }
      case 2:
        g.Emit(ops::Read(fd, r.OneIn(2) ? 8 : 64));
        break;
      case 3:
        g.Emit(ops::MqSend(g.Anything(), 1, 0, Priority(r), r.OneIn(2) ? g.BadMemory(2) : Memory()));
        break;
      case 4:
        g.Emit(ops::MqReceive(g.Anything(), kMqLongestMessage));
        break;
      case 5:
        g.Emit(ops::MqSend(fd, 1, 0, 0, g.BadMemory(2)));
        break;
      case 6:
      case 7:
      case 8:
        Receive(g, fd);
        break;
      case 9:
      case 10:
      case 11:
      case 12:
        Send(g, fd);
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
}

constexpr Scene kScenes[] = {{4, &Edges}};

}  // namespace

constexpr Habits kMqueueHabits = {.type = "mq",
                                  .kind = FileKind::kMqueue,
                                  .lots = 3,
                                  .usual = &InOrOut,
                                  .create = &Create,
                                  .ready = &Ready,
                                  .unready = &Unready,
                                  .nudge = &Nudge,
                                  .fill = &Fill,
                                  .scenes = kScenes,
                                  .rarity = 4};

}  // namespace pollux
