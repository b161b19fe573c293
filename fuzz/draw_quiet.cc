// Traces with files that tell nobody anything: userfaultfd and perf events, whose masks change in silence or not at
// all.

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

uint32_t Usual(Random* random) { return random->OneIn(2) ? 0 : kIn; }  // ERR and HUP come unasked

int32_t CreateUserfaultfd(Generator& g, uint32_t flags) {
  if (g.random().OneIn(32)) g.Emit(ops::Make(Call::kUserfaultfd, {flags | 3}));
  const int32_t n = g.Made(ops::Make(Call::kUserfaultfd, {flags | 1}));
  if (n >= 0 && g.random().OneIn(3)) g.Emit(ops::Make(Call::kUffdApi, {g.Operand(n).bits()}));
  return n;
}

void Handshake(Generator& g, const Shadow::File& file) {
  if (file.number < 0) return;
  Random& r = g.random();
  const Fd fd = g.Operand(file.number);
  if (r.OneIn(3)) return g.Emit(ops::Read(fd, r.OneIn(2) ? 32 : 8));
  g.Emit(r.OneIn(2) ? ops::Make(Call::kUffdApi, {fd.bits()})
                    : ops::Fcntl(fd, kFSetfl, r.OneIn(2) ? uint64_t{kONonblock} : 0));
}

int32_t CreatePerf(Generator& g, uint32_t flags) {
  if (g.random().OneIn(32)) g.Emit(ops::Make(Call::kPerfEventOpen, {16}));
  return g.Made(ops::Make(Call::kPerfEventOpen, {(flags & kOCloexec) != 0 ? 8u : g.OddFlag() ? 1u : 0u}));
}

void Read(Generator& g, const Shadow::File& file) {
  if (file.number < 0) return;
  const Fd fd = g.Operand(file.number);
  Random& r = g.random();
  g.Emit(r.OneIn(3) ? ops::Readv(fd, r.OneIn(2) ? 4 : 8, 8) : ops::Read(fd, r.OneIn(4) ? 7 : 8));
}

}  // namespace

constexpr Habits kUserfaultfdHabits = {.type = "userfaultfd",
                                       .kind = FileKind::kUserfaultfd,
                                       .lots = 2,
                                       .usual = &Usual,
                                       .create = &CreateUserfaultfd,
                                       .ready = &Handshake,
                                       .unready = &Handshake};

constexpr Habits kPerfHabits = {.type = "perf",
                                .kind = FileKind::kPerf,
                                .lots = 1,
                                .usual = &Usual,
                                .create = &CreatePerf,
                                .ready = &Read,
                                .unready = &Read};

}  // namespace pollux
