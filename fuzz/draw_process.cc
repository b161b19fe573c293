// Traces with a second process: what it shares, what its own table decides, what goes with it.
//
// Its kind of file is none: creating one makes something that two processes share. While there is a second process it
// runs some of what the other steps emit, too (Generator::Emit).

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

int32_t Create(Generator& g, uint32_t) {
  constexpr FileKind kKinds[] = {FileKind::kEventfd, FileKind::kEventfd, FileKind::kPipeRead, FileKind::kStream,
                                 FileKind::kTimerfd};
  return g.Create(g.random().Pick(kKinds));
}

void Nothing(Generator&, const Shadow::File&) {}

void BySecond(Generator& g, Op op) {
  op.process = 1;
  g.Emit(op);
}

// Something to execute or to share, then a second process.
void Begin(Generator& g) {
  Random& r = g.random();
  if (r.OneIn(24)) BySecond(g, ops::EpollCreate1(0));
  for (uint32_t i = r.Below(3); i > 0; --i) {
    const int32_t n = g.AnyNumber();
    if (n >= 3) g.Emit(ops::Fcntl(g.Operand(n), kFSetfd, 1));
  }
  g.Emit(ops::Make(Call::kFork, {}));
}

void End(Generator& g, int32_t ep) {
  Random& r = g.random();
  if (r.OneIn(16)) g.Emit(ops::Make(r.OneIn(2) ? Call::kExit : Call::kExecve, {}));
  BySecond(g, ops::Make(r.OneIn(2) ? Call::kExit : Call::kExecve, {}));
  g.Wait(ep, 32);
}

// A file that only the second process has, in an epoll that both have.
void Own(Generator& g, int32_t ep) {
  Random& r = g.random();
  const bool pipe = r.OneIn(2);
  BySecond(g, pipe ? ops::Pipe2(kONonblock | (r.OneIn(2) ? kOCloexec : 0)) : ops::Eventfd(1, kONonblock));
  const uint32_t made = g.shadow().size() - 1;
  BySecond(g, ops::Add(g.Operand(ep), Fd::Output(made, 0), kIn | (r.OneIn(2) ? kEt : 0), g.Data()));
  if (pipe && r.OneIn(2)) BySecond(g, ops::Close(Fd::Output(made, 1)));
  g.Wait(ep, 32);
  if (r.OneIn(2)) return;
  BySecond(g, ops::Close(Fd::Output(made, 0)));
  g.Wait(ep, 32);
}

// The same file under a number of each process; one of them closes it.
void Shared(Generator& g, int32_t ep) {
  Random& r = g.random();
  const int32_t n = g.SomeFile();
  if (n < 0) return;
  const Fd fd = g.Operand(n);
  if (r.OneIn(2)) g.Emit(ops::Add(g.Operand(ep), fd, kIn | kOut, g.Data()));
  switch (r.Below(4)) {
    case 0:
      BySecond(g, ops::Dup(fd));
      BySecond(g, ops::Add(g.Operand(ep), Fd::Output(g.shadow().size() - 1, 0), kIn | kOut, g.Data()));
      break;
    case 1:
      BySecond(g, ops::Add(g.Operand(ep), fd, kIn | kOut, g.Data()));
      break;
    case 2:
      BySecond(g, ops::Dup2(fd, Fd::Literal(3 + static_cast<int32_t>(r.Below(12)))));
      break;
    default:
      break;
  }
  Op close = ops::Close(fd);
  close.process = r.OneIn(2) ? 1 : 0;
  g.Emit(close);
  g.Wait(ep, 32);
  if (!r.OneIn(3)) return;
  BySecond(g, ops::Make(Call::kCloseRange, {Fd::Literal(3 + static_cast<int32_t>(r.Below(6))).bits(),
                                            Fd::Literal(-1).bits(), r.OneIn(2) ? kCloseRangeCloexec : 0u}));
  g.Wait(ep, 32);
}

void Second(Generator& g, int32_t ep) {
  Random& r = g.random();
  if (!g.shadow().second() || r.OneIn(24)) return Begin(g);
  switch (r.Below(5)) {
    case 0:
      return End(g, ep);
    case 1:
    case 2:
      return Own(g, ep);
    default:
      return Shared(g, ep);
  }
}

constexpr Scene kScenes[] = {{90, &Second}};

}  // namespace

constexpr Habits kProcessHabits = {.type = "process",
                                   .kind = FileKind::kProcess,
                                   .lots = 1,
                                   .usual = &InOrOut,
                                   .create = &Create,
                                   .ready = &Nothing,
                                   .unready = &Nothing,
                                   .scenes = kScenes,
                                   .rarity = 24};

}  // namespace pollux
