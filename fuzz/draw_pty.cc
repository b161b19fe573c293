// Traces with pseudoterminals: both sides written and read, their buffers filled, slaves closed and opened again,
// masters closed before them.

#include <utility>
#include <vector>

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

// Near what a read leaves that wakes nobody, a piece of a read or a write, and what the line discipline holds.
constexpr uint32_t kWrites[] = {1, 1, 1, 2, 8, 64, 128, 129, 200, 256, 257, 1792, 1793, 2048, 2049, 4000, 4095, 6000};
constexpr uint32_t kReads[] = {1, 1, 8, 63, 64, 65, 100, 128, 200, 1000, 3967, 4000, 4095, 4095, 4096};

std::pair<Fd, Fd> Pair(Generator& g, uint32_t flags) {
  g.Emit(ops::Make(Call::kOpenpty, {flags}));
  const uint32_t at = g.shadow().size() - 1;
  return {Fd::Output(at, 0), Fd::Output(at, 1)};
}

int32_t CreateMaster(Generator& g, uint32_t flags) { return g.shadow().Number(Pair(g, flags).first); }
int32_t CreateSlave(Generator& g, uint32_t flags) { return g.shadow().Number(Pair(g, flags).second); }

void Put(Generator& g, Fd fd) {
  Random& r = g.random();
  const uint32_t n = r.OneIn(12) ? 0 : r.Pick(kWrites);
  if (r.OneIn(8))
    return g.Emit(ops::Make(Call::kWritev, {fd.bits(), Memory().bits(), n, 0, Memory().bits(), n, 0, Memory().bits()}));
  g.Emit(ops::Write(fd, n, 0, r.OneIn(12) ? g.BadMemory(n) : Memory()));
}

void Take(Generator& g, Fd fd) {
  Random& r = g.random();
  const uint32_t n = r.OneIn(12) ? 0 : r.Pick(kReads);
  if (r.OneIn(8)) {
    return g.Emit(ops::Make(Call::kReadv, {fd.bits(), Memory().bits(), n, Memory().bits(), n, Memory().bits()}));
  }
  g.Emit(ops::Read(fd, n, r.OneIn(8) ? g.BadMemory(n) : Memory()));
}

void Ready(Generator& g, const Shadow::File& file) {
  const int32_t peer = g.shadow().file(file.peer).number;
  const int32_t from = peer >= 0 && g.random().Below(8) != 0 ? peer : file.number;
  if (from >= 0) Put(g, g.Operand(from));
}

void Unready(Generator& g, const Shadow::File& file) { Take(g, g.Operand(file.number)); }

// Key 0: the other side goes.
void Nudge(Generator& g, const Shadow::File& file) {
  const int32_t peer = g.shadow().file(file.peer).number;
  if (peer >= 0) g.Emit(ops::Close(g.Operand(peer)));
}

void Fill(Generator& g, Fd fd) {
  for (int i = 0; i < 8; ++i) g.Emit(ops::Write(fd, 2048));
}

// Everything that an edge may come of (R4.13.2, R4.13.4).
void Edges(Generator& g, int32_t ep) {
  Random& r = g.random();
  const auto [m, s] = Pair(g, r.OneIn(8) ? 0 : kONonblock);
  if (g.shadow().Number(s) < 0) return;
  std::vector<Fd> all = {m, s};
  if (r.OneIn(3)) {
    const int32_t more = g.Made(ops::Make(Call::kPtsopen, {m.bits(), kORdwr | kONonblock}));
    if (more >= 0) all.push_back(g.Operand(more));
  }
  constexpr uint32_t kMasks[] = {kIn, kOut, kIn | kOut, kIn | kOut, kRdnorm, kWrnorm, kHup, kErr, kIn | kHup};
  const auto add = [&](Fd fd) {
    g.Emit(ops::Add(g.Operand(ep), fd, r.Pick(kMasks) | (r.Below(4) != 0 ? kEt : 0), g.Data()));
  };
  for (const Fd fd : all) {
    if (r.Below(5) != 0) add(fd);
  }
  if (r.OneIn(2)) Fill(g, r.OneIn(2) ? m : s);
  for (uint32_t i = r.Between(4, 16); i > 0; --i) {
    const Fd fd = all[r.Below(static_cast<uint32_t>(all.size()))];
    switch (r.Below(20)) {
      case 0:
        g.Emit(ops::Make(Call::kFionread, {fd.bits(), Memory().bits()}));
        break;
      case 1:
        g.Emit(ops::Make(Call::kIoctl, {fd.bits(), r.OneIn(2) ? 0x5401u : 0x8a00u}));
        break;
      case 2: {
        const int32_t n = g.Made(
            ops::Make(Call::kPtsopen, {(r.OneIn(4) ? fd : m).bits(), (r.OneIn(4) ? r.Below(2) : kORdwr) | kONonblock}));
        if (n >= 0) all.push_back(g.Operand(n));
        break;
      }
      case 3: {
        const int32_t n = g.Made(ops::Reopen(s, (r.OneIn(4) ? kORdonly : kORdwr) | kONonblock));
        if (n >= 0) all.push_back(g.Operand(n));
        break;
      }
      case 4:
        g.Emit(ops::Close(r.OneIn(3) ? m : fd));
        break;
      case 5:
        g.Emit(ops::Make(Call::kPoll, {0}));
        break;
      case 6:
        add(fd);
        break;
      case 7:
      case 8:
      case 9:
      case 10:
        Take(g, fd);
        break;
      case 11:
      case 12:
      case 13:
      case 14:
        Put(g, fd);
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
}

// Slaves come and go, then the master, then they (R4.13.1, R4.13.7).
void Hangup(Generator& g, int32_t ep) {
  Random& r = g.random();
  const auto [m, s] = Pair(g, kONonblock);
  if (g.shadow().Number(s) < 0) return;
  std::vector<Fd> slaves = {s};
  for (uint32_t i = r.Below(4); i > 0; --i) {
    const int32_t n = g.Made(r.OneIn(2) ? ops::Make(Call::kPtsopen, {m.bits(), kORdwr | kONonblock})
                                        : ops::Reopen(s, kORdwr | kONonblock));
    if (n >= 0) slaves.push_back(g.Operand(n));
  }
  const auto add = [&](Fd fd) { g.Emit(ops::Add(g.Operand(ep), fd, kIn | kOut | kEt, g.Data())); };
  add(m);
  for (const Fd fd : slaves) {
    if (r.Below(3) != 0) add(fd);
  }
  if (r.OneIn(2)) Put(g, s);
  if (r.OneIn(2)) Put(g, m);
  g.Wait(ep, 32);
  if (r.OneIn(3)) {
    for (const Fd fd : slaves) g.Emit(ops::Close(fd));
    g.Wait(ep, 32);
    if (r.OneIn(2)) Put(g, m);
    if (r.OneIn(2)) Take(g, m);
    g.Emit(ops::Read(m, 4095));
    const int32_t n = g.Made(ops::Make(Call::kPtsopen, {m.bits(), kORdwr | kONonblock}));
    g.Wait(ep, 32);
    slaves.clear();
    if (n >= 0) slaves.push_back(g.Operand(n)), add(slaves[0]);
  }
  g.Emit(ops::Close(m));
  g.Wait(ep, 32);
  for (const Fd fd : slaves) {
    if (r.OneIn(4)) add(fd);
    if (r.OneIn(4)) Take(g, fd);
    if (r.OneIn(4)) Put(g, fd);
    if (r.OneIn(4)) g.Emit(ops::Make(Call::kFionread, {fd.bits(), Memory().bits()}));
    if (r.OneIn(4)) g.Emit(ops::Reopen(fd, kORdwr | kONonblock));
    if (r.OneIn(4)) g.Emit(ops::Fcntl(fd, kFSetfl, kOAsync | kONonblock));
    if (r.OneIn(4)) g.Emit(ops::Make(Call::kPtsopen, {fd.bits(), kORdwr | kONonblock}));
  }
  for (const Fd fd : slaves) {
    g.Emit(ops::Close(fd));
    g.Wait(ep, 32);
  }
}

constexpr Scene kScenes[] = {{4, &Edges}, {3, &Hangup}};

}  // namespace

constexpr Habits kPtmHabits = {.type = "pty",
                               .kind = FileKind::kPtm,
                               .lots = 3,
                               .usual = &InOrOut,
                               .create = &CreateMaster,
                               .ready = &Ready,
                               .unready = &Unready,
                               .nudge = &Nudge,
                               .fill = &Fill,
                               .scenes = kScenes,
                               .rarity = 16};

constexpr Habits kPtsHabits = {.type = "pty",
                               .kind = FileKind::kPts,
                               .lots = 3,
                               .usual = &InOrOut,
                               .create = &CreateSlave,
                               .ready = &Ready,
                               .unready = &Unready,
                               .nudge = &Nudge,
                               .fill = &Fill,
                               .rarity = 16};

}  // namespace pollux
