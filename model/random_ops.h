// Random traces for the tests of the language: any call, any slot value that the text can say, operands that are
// literals or outputs of earlier ops.

#ifndef POLLUX_MODEL_RANDOM_OPS_H_
#define POLLUX_MODEL_RANDOM_OPS_H_

#include <random>
#include <vector>

#include "model/trace.h"

namespace pollux {

using Random = std::mt19937_64;

// Small numbers, single bits, the ends of ranges and anything.
inline uint64_t RandomValue(Random& random) {
  switch (random() % 6) {
    case 0:
      return 0;
    case 1:
      return random() % 16;
    case 2:
      return uint64_t{1} << random() % 64;
    case 3:
      return 0 - random() % 3;
    case 4:
      return random() & random();
    default:
      return random();
  }
}

// An op to append to `before`; its slots are as Canonicalize leaves them.
inline Op RandomOp(Random& random, Call call, const std::vector<Op>& before) {
  const auto operand = [&] {
    if (!before.empty() && random() % 4 != 0) {
      const auto i = static_cast<uint32_t>(random() % before.size());
      const uint32_t outputs = Outputs(before[i].call);
      if (outputs > 0) return Fd::Output(i, static_cast<uint32_t>(random() % outputs));
    }
    return Fd::Literal(static_cast<int32_t>(random() % 2 == 0 ? random() % 12 : RandomValue(random)));
  };
  Op op;
  op.call = call;
  op.process = random() % 8 == 0;
  if (op.process == 0 && random() % 8 == 0) op.thread = static_cast<uint8_t>(1 + random() % kMaxThreads);
  op.i386 = op.process == 0 && op.thread == 0 && random() % 8 == 0;
  for (uint64_t& slot : op.arg) slot = RandomValue(random);
  if (Polls(call)) {
    op.npoll = static_cast<uint8_t>(random() % (MaxPolled(call) + 1));
    for (size_t i = 0; i < op.npoll; ++i) op.set_poll(i, operand(), static_cast<uint16_t>(RandomValue(random)));
  }
  const std::span<const ArgSpec> args = Spec(call).args;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::span<const Word> words = args[i].words;
    switch (args[i].kind) {
      case ArgKind::kFd:
        op.arg[i] = operand().bits();
        break;
      case ArgKind::kMemory:
        op.arg[i] = random() % 2 == 0
                        ? 0
                        : Memory(static_cast<Memory::Kind>(random() % (Memory::kLast + 1)), RandomValue(random)).bits();
        break;
      case ArgKind::kBytes:
        if (random() % 2 == 0) op.arg[i] = 8;
        break;
      default:
        if (!words.empty() && random() % 2 == 0) op.arg[i] = words[random() % words.size()].value;
        if (args[i].kind == ArgKind::kFlags && random() % 4 == 0) op.arg[i] |= RandomValue(random);
        break;
    }
  }
  Canonicalize(&op);
  return op;
}

inline std::vector<Op> RandomOps(Random& random, size_t n) {
  std::vector<Op> ops;
  while (ops.size() < n) ops.push_back(RandomOp(random, static_cast<Call>(random() % kCalls), ops));
  return ops;
}

}  // namespace pollux

#endif  // POLLUX_MODEL_RANDOM_OPS_H_
