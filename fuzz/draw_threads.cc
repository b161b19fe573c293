// Traces with threads: who sleeps on what, and what is done under the sleepers.
//
// Its kind of file is none: creating one makes something that threads sleep on. In a trace with threads they run some
// of what the other steps emit, too, and some of its waits sleep (Generator::Emit).

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

int32_t Create(Generator& g, uint32_t) {
  constexpr FileKind kKinds[] = {FileKind::kEventfd, FileKind::kEventfd, FileKind::kPipeRead, FileKind::kStream,
                                 FileKind::kTimerfd};
  // What blocks is what threads sleep in.
  if (g.random().OneIn(3)) return g.Made(ops::Eventfd(g.random().Below(2), 0));
  return g.Create(g.random().Pick(kKinds));
}

void Nothing(Generator&, const Shadow::File&) {}

// A wait on the instance, for ever or until its timeout is made to pass.
Op Long(Generator& g, int32_t ep) {
  Random& r = g.random();
  const int32_t max = r.OneIn(3) ? 1 : 8;
  const Memory memory = r.OneIn(12) ? Memory(Memory::kFault, r.Below(2)) : Memory();
  const bool finite = r.OneIn(3);
  const int32_t ms = finite ? kFarMs : -1;
  const Memory time = finite ? Memory() : Memory(Memory::kNull);
  const int32_t seconds = finite ? kFarMs / 1000 : 0;
  const auto in = static_cast<uint16_t>(r.OneIn(3) ? kIn | kOut : kIn);
  switch (r.Below(8)) {
    case 0:
      return ops::Pwait(g.Operand(ep), max, ms, memory, r.OneIn(2) ? Memory(Memory::kNull) : Memory(), 8);
    case 1:
      return ops::Pwait2(g.Operand(ep), max, memory, time, seconds, 0, Memory::kNull, 8);
    case 2:
      if (r.OneIn(3)) return ops::Ppoll({{g.Operand(ep), in}}, {}, time, seconds);
      return ops::Poll({{g.Operand(ep), in}}, ms);
    case 3:
      if (ep < 64) return ops::Select({{g.Operand(ep), uint16_t{1}}}, {}, time, seconds);
      [[fallthrough]];
    default:
      return ops::Wait(g.Operand(ep), max, ms, memory);
  }
}

// Threads that wait on one instance.
void Sleepers(Generator& g, int32_t ep) {
  for (uint32_t i = 1 + static_cast<uint32_t>(g.random().Skewed(3)); i > 0; --i) g.ByThread(Long(g, ep));
}

// What may end, or not end, their sleep.
void Stir(Generator& g, int32_t ep) {
  Random& r = g.random();
  if (r.OneIn(4)) g.Expire();
  const Shadow::Item* item = g.shadow().ItemOf(g.shadow().At(ep), &r);
  const int32_t n = item != nullptr ? item->number : -1;
  switch (r.Below(8)) {
    case 0:
      if (n >= 0) g.Emit(ops::Mod(g.Operand(ep), g.Operand(n), g.Events(g.shadow().KindAt(n)), g.Data()));
      return;
    case 1:
      if (n >= 0) g.Emit(ops::Del(g.Operand(ep), g.Operand(n)));
      return;
    case 2: {
      const int32_t file = g.SomeFile();
      if (file >= 0) g.Register(ep, file, g.Events(g.shadow().KindAt(file)));
      return;
    }
    case 3:
      g.Wait(ep, 8);
      return;
    default:
      g.Stir(ep);
  }
}

void OnOne(Generator& g, int32_t ep) {
  Sleepers(g, ep);
  for (uint32_t i = 1 + g.random().Below(3); i > 0; --i) Stir(g, ep);
}

// The instance or a file that somebody sleeps on is closed under him; a duplicate may keep it.
void Closed(Generator& g, int32_t ep) {
  Random& r = g.random();
  Sleepers(g, ep);
  const Shadow::Item* item = g.shadow().ItemOf(g.shadow().At(ep), &r);
  const int32_t n = item != nullptr && r.OneIn(2) ? item->number : ep;
  const int32_t other = n >= 0 && r.OneIn(2) ? g.Duplicate(n) : -1;
  if (n >= 0) g.Emit(ops::Close(g.Operand(n)));
  g.Stir(ep);
  if (other >= 0 && n == ep) g.Wait(other, 8);
}

// Several instances watch one file, each with its sleepers.
void Herd(Generator& g, int32_t) {
  Random& r = g.random();
  const int32_t file = g.SomeFile();
  if (file < 0) return;
  const bool exclusive = !r.OneIn(3);
  int32_t ep = -1;
  for (uint32_t i = 2 + r.Below(3); i > 0; --i) {
    ep = g.Made(ops::EpollCreate1());
    if (ep < 0) return;
    const uint32_t odd = exclusive && !r.OneIn(6) ? kExclusive : 0;
    g.Register(ep, file, kIn | (r.OneIn(3) ? kEt : 0) | odd);
    if (!r.OneIn(4)) Sleepers(g, ep);
  }
  for (uint32_t i = 1 + r.Below(3); i > 0; --i) g.Stir(ep);
}

// Sleepers on both levels of a nest.
void Nest(Generator& g, int32_t ep) {
  Random& r = g.random();
  const int32_t outer = g.Made(ops::EpollCreate1());
  if (outer < 0) return;
  g.Register(outer, ep, kIn | (r.OneIn(2) ? kEt : 0) | (r.OneIn(6) ? kOneshot : 0));
  if (!r.OneIn(4)) Sleepers(g, outer);
  if (!r.OneIn(3)) Sleepers(g, ep);
  if (r.OneIn(3)) Sleepers(g, outer);
  for (uint32_t i = 1 + r.Below(3); i > 0; --i) Stir(g, r.OneIn(5) ? outer : ep);
}

// Reads that find nothing, writes that find no room, polls of several files.
void InFiles(Generator& g, int32_t ep) {
  Random& r = g.random();
  switch (r.Below(3)) {
    case 0: {
      const int32_t e = g.Made(ops::Eventfd(0, r.OneIn(3) ? kEfdSemaphore : 0));
      if (e < 0) return;
      const bool full = r.OneIn(3);
      if (full) g.Emit(ops::Write(g.Operand(e), 8, ~0ull - 1));
      for (uint32_t i = 1 + r.Below(3); i > 0; --i) {
        g.ByThread(full ? ops::Write(g.Operand(e), 8, 1 + r.Below(2)) : ops::Read(g.Operand(e), 8));
      }
      g.Register(ep, e, g.Events(FileKind::kEventfd));
      if (r.OneIn(2)) Sleepers(g, ep);
      if (r.OneIn(6)) g.Emit(ops::IoctlInt(Call::kFionbio, g.Operand(e), 1));
      g.Emit(full ? ops::Read(g.Operand(e), 8) : ops::Write(g.Operand(e), 8, 1 + r.Below(3)));
      break;
    }
    case 1: {
      const int32_t read = g.Made(ops::Pipe2(0));
      if (read < 0) return;
      const int32_t write = g.shadow().Number(Fd::Output(g.shadow().size() - 1, 1));
      const bool full = r.OneIn(2);
      const uint64_t room = r.OneIn(3) ? 8192 : 4096;
      if (full) g.Emit(ops::Fcntl(g.Operand(write), kFSetpipeSz, static_cast<uint32_t>(room)));
      if (full && r.OneIn(2)) g.Emit(ops::Write(g.Operand(write), room));
      const bool its = r.OneIn(3);  // the end at which nobody sleeps
      const uint32_t odd = r.OneIn(4) ? kExclusive : 0;
      g.Register(ep, full != its ? write : read, (full != its ? kOut : kIn) | (r.OneIn(2) ? kEt : 0) | odd);
      if (r.OneIn(2)) g.Wait(ep, 8);
      for (uint32_t i = 1 + r.Below(3); i > 0; --i) {
        const uint32_t bytes = r.OneIn(2) ? 1 : PipeBytes(&r);  // small ones: there is enough for several
        g.ByThread(full ? ops::Write(g.Operand(write), bytes) : ops::Read(g.Operand(read), bytes));
      }
      if (r.OneIn(2)) Sleepers(g, ep);
      if (r.OneIn(6)) g.Emit(ops::Fcntl(g.Operand(full ? write : read), kFSetfl, kONonblock));
      if (full && r.OneIn(6)) g.Emit(ops::Fcntl(g.Operand(write), kFSetpipeSz, 4096));
      g.Emit(full ? ops::Read(g.Operand(read), PipeBytes(&r)) : ops::Write(g.Operand(write), PipeBytes(&r)));
      if (r.OneIn(3)) g.Emit(ops::Close(g.Operand(full ? read : write)));
      break;
    }
    default: {
      const int32_t a = g.SomeFile(), b = g.SomeFile();
      if (a < 0 || b < 0) return;
      const auto events = [&](int32_t n) { return static_cast<uint16_t>(g.Events(g.shadow().KindAt(n))); };
      g.ByThread(
          ops::Poll({{g.Operand(a), events(a)}, {g.Operand(ep), static_cast<uint16_t>(kIn)}, {g.Operand(b), events(b)}},
                    r.OneIn(3) ? kFarMs : -1));
      if (r.OneIn(3)) g.Emit(ops::Close(g.Operand(a)));
      if (r.OneIn(3)) g.Expire();
    }
  }
  g.Stir(ep);
}

// Reads of what somebody else fills: sockets, timers, inotify.
void InReads(Generator& g, int32_t ep) {
  Random& r = g.random();
  const auto second = [&g] { return g.shadow().Number(Fd::Output(g.shadow().size() - 1, 1)); };
  const uint32_t readers = 1 + r.Below(3), events = 1 + r.Below(3);
  const auto watch = [&](int32_t n) {
    if (!r.OneIn(3)) g.Register(ep, n, kIn | (r.OneIn(2) ? kEt : 0) | (r.OneIn(4) ? kExclusive : 0));
    if (r.OneIn(3)) Sleepers(g, ep);
  };
  // The release of an inotify takes a kernel some milliseconds.
  const bool inotify = g.model() || r.OneIn(12);
  switch (inotify ? r.Below(5) : 2 * r.Below(5)) {
    case 0: {
      const int32_t timer = g.Made(ops::Make(Call::kTimerfdCreate, {kClockMonotonic, 0}));
      if (timer < 0) return;
      if (r.OneIn(2)) watch(timer);
      for (uint32_t i = 0; i < readers; ++i) g.ByThread(ops::Read(g.Operand(timer), 8));
      watch(timer);
      for (uint32_t i = 0; i < events; ++i) {
        if (r.OneIn(2)) {
          g.Emit(ops::Make(Call::kTimerfdTicks, {g.Operand(timer).bits(), 1 + r.Below(4)}));
        } else {
          g.Emit(ops::Make(Call::kTimerfdSettime, {g.Operand(timer).bits(), 0, 0, uint64_t{!r.OneIn(4)}}));
        }
      }
      return;
    }
    case 1: {
      const int32_t notify = g.Made(ops::Make(Call::kInotifyInit1, {0}));
      const int32_t file = g.Made(ops::Pipe2(kONonblock));
      if (notify < 0 || file < 0) return;
      const int32_t writer = second();
      g.Emit(ops::InotifyAdd(g.Operand(notify), g.Operand(file), kInAllEvents));
      if (r.OneIn(2)) watch(notify);
      for (uint32_t i = 0; i < readers; ++i) {
        g.ByThread(
            ops::Make(Call::kInotifyRead, {g.Operand(notify).bits(), Memory().bits(), r.OneIn(2) ? 16u : 4096u}));
      }
      watch(notify);
      for (uint32_t i = 0; i < events; ++i) {
        if (r.OneIn(8)) g.Emit(ops::IoctlInt(Call::kFionbio, g.Operand(notify), 1));
        g.Emit(r.OneIn(3) ? ops::Read(g.Operand(file), 1) : ops::Write(g.Operand(writer), 1));
      }
      return;
    }
    default: {
      constexpr int32_t kTypes[] = {kSockStream, kSockStream, kSockDgram, kSockSeqpacket};
      const int32_t a = g.Made(ops::Socketpair(r.Pick(kTypes), 0));
      if (a < 0) return;
      const int32_t b = second();
      if (r.OneIn(2)) watch(a);
      for (uint32_t i = 0; i < readers; ++i) {
        const uint64_t bytes = 1 + r.Below(4);
        const uint32_t flags = r.OneIn(8) ? kMsgPeek : 0;
        g.ByThread(r.OneIn(2) ? ops::Recv(g.Operand(a), bytes, flags) : ops::Read(g.Operand(a), bytes));
      }
      watch(a);
      for (uint32_t i = 0; i < events; ++i) {
        switch (r.Below(10)) {
          case 0:
            g.Emit(ops::IoctlInt(Call::kFionbio, g.Operand(a), 1));
            break;
          case 1:
            g.Emit(ops::Shutdown(g.Operand(r.OneIn(2) ? a : b), static_cast<int32_t>(r.Below(3))));
            break;
          case 2:
            g.Emit(ops::Close(g.Operand(r.OneIn(2) ? a : b)));
            break;
          case 3:
            g.Emit(ops::Write(g.Operand(a), 1));  // and what it held is freed when it is read: OUT
            g.Emit(ops::Recv(g.Operand(b), 8, kMsgDontwait));
            break;
          default:
            g.Emit(ops::Send(g.Operand(b), 1 + r.Below(4), kMsgDontwait | (r.OneIn(12) ? kMsgOob : 0)));
        }
      }
    }
  }
}

constexpr Scene kScenes[] = {{60, &OnOne}, {16, &Closed}, {30, &Herd}, {40, &Nest}, {30, &InFiles}, {30, &InReads}};

}  // namespace

constexpr Habits kThreadHabits = {.type = "threads",
                                  .kind = FileKind::kThreads,
                                  .lots = 8,
                                  .usual = &InOrOut,
                                  .create = &Create,
                                  .ready = &Nothing,
                                  .unready = &Nothing,
                                  .scenes = kScenes,
                                  .rarity = 24};

}  // namespace pollux
