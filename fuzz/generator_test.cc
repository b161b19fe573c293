// The generator and the mutator: deterministic, canonical, tame, and reaching what the language has.

#include "fuzz/generator.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "fuzz/habits.h"
#include "fuzz/mutator.h"
#include "fuzz/shadow.h"
#include "fuzz/tame.h"
#include "model/abi.h"
#include "model/binary.h"
#include "model/test_util.h"
#include "model/trace.h"

namespace pollux {
namespace {

std::string Text(const std::vector<Op>& ops) {
  Trace trace;
  trace.ops = ops;
  return Print(trace);
}

// Says what is wrong with a trace that generator or mutator made; empty if nothing is.
std::string Fault(const std::vector<Op>& ops) {
  if (ops.size() > kMaxTrace) return "too long";
  for (size_t i = 0; i < ops.size(); ++i) {
    Op canonical = ops[i];
    Canonicalize(&canonical);
    if (canonical != ops[i]) return "op " + std::to_string(i) + " is not canonical";
    Op tame = ops[i];
    Tame(&tame);
    if (tame != ops[i]) return "op " + std::to_string(i) + " is not tame";
    std::string fault;
    Op op = ops[i];
    MapFds(op, [&](Fd fd) {
      if (!fd.literal() && (fd.op() >= i || fd.out() >= Outputs(ops[fd.op()].call))) {
        fault = "op " + std::to_string(i) + " uses what no earlier op returns";
      }
      return fd;
    });
    if (!fault.empty()) return fault;
  }
  return "";
}

TEST(Generator, SameSeedSameTrace) {
  Generator a, b;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Random ra(seed), rb(seed);
    std::vector<Op> x, y;
    if (seed % 3 == 0) a.Draw(&ra, &x);  // what was drawn before does not matter
    ra = Random(seed);
    a.Draw(&ra, &x);
    b.Draw(&rb, &y);
    ASSERT_EQ(x, y) << "seed " << seed;
  }
}

TEST(Generator, DrawsCanonicalTameTraces) {
  Generator generator;
  Random random(1);
  std::vector<Op> ops;
  for (int i = 0; i < 5000; ++i) {
    generator.Draw(&random, &ops);
    ASSERT_EQ(Fault(ops), "") << Text(ops);
    ASSERT_GE(ops.size(), 20u);
  }
}

TEST(Generator, LengthsAreThoseOfTracesThatPeopleRead) {
  Generator generator;
  Random random(2);
  std::vector<Op> ops;
  size_t sum = 0, usual = 0;
  constexpr int kTraces = 3000;
  for (int i = 0; i < kTraces; ++i) {
    generator.Draw(&random, &ops);
    sum += ops.size();
    usual += ops.size() <= 160;
  }
  EXPECT_GT(sum / kTraces, 40u);
  EXPECT_LT(sum / kTraces, 110u);
  EXPECT_GT(usual, kTraces * 95 / 100);
}

TEST(Generator, ReachesEveryCallAndEveryMaskBit) {
  Generator generator({.clock = true});
  Random random(3);
  std::vector<Op> ops;
  std::map<Call, int> calls;
  std::map<Memory::Kind, int> memory;
  uint32_t bits = 0;
  int nested = 0, exclusive_odd = 0, timeouts = 0;
  for (int i = 0; i < 4000; ++i) {
    generator.Draw(&random, &ops);
    for (const Op& op : ops) {
      ++calls[op.call];
      if (op.call == Call::kEpollCtl) {
        bits |= op.u32(4);
        ++memory[op.mem(3).kind()];
        exclusive_odd += (op.u32(4) & kExclusive) != 0 && (op.u32(4) & ~kExclusiveOk) != 0;
        nested += !op.fd(2).literal() && ops[op.fd(2).op()].call == Call::kEpollCreate1;
      }
      if (op.call == Call::kEpollWait) ++memory[op.mem(1).kind()], timeouts += op.num(3) < 0;
    }
  }
  // Types of which few traces make use: theirs.
  for (const Habits* habits : AllHabits()) {
    if (habits->rarity == 1) continue;
    Generator rare({.only = uint64_t{1} << static_cast<int>(habits->kind)});
    for (int i = 0; i < 400; ++i) {
      rare.Draw(&random, &ops);
      for (const Op& op : ops) ++calls[op.call];
    }
  }
  for (size_t c = 0; c < kCalls; ++c) {
    const Call call = static_cast<Call>(c);
    const bool process = call == Call::kFork || call == Call::kExit || call == Call::kExecve;
    EXPECT_GT(calls[call], process ? 20 : 100) << Spec(call).name;
  }
  EXPECT_EQ(bits, ~0u);
  for (int kind = 0; kind <= Memory::kLast; ++kind) EXPECT_GT(memory[static_cast<Memory::Kind>(kind)], 50) << kind;
  EXPECT_GT(nested, 1000);
  EXPECT_GT(exclusive_odd, 100);
  EXPECT_GT(timeouts, 1000);
}

TEST(Generator, ExtendKeepsWhatWasThere) {
  Generator generator;
  Random random(4);
  std::vector<Op> ops;
  for (int i = 0; i < 1000; ++i) {
    generator.Draw(&random, &ops);
    const std::vector<Op> before = ops;
    generator.Extend(&random, &ops, 10);
    ASSERT_GE(ops.size(), before.size() + 10);
    ASSERT_TRUE(std::equal(before.begin(), before.end(), ops.begin()));
    ASSERT_EQ(Fault(ops), "");
  }
}

TEST(Mutator, EveryChangeGivesCanonicalTameTraces) {
  Generator generator;
  Mutator mutator(&generator);
  for (int change = 0; change < Mutator::kChanges; ++change) {
    Random random(static_cast<uint64_t>(change));
    std::vector<Op> ops;
    int changed = 0;
    for (int i = 0; i < 2000; ++i) {
      if (i % 10 == 0) generator.Draw(&random, &ops);
      const std::vector<Op> before = ops;
      mutator.Apply(static_cast<Mutator::Change>(change), &random, &ops);
      ASSERT_EQ(Fault(ops), "") << "change " << change << "\n" << Text(before) << "became\n" << Text(ops);
      changed += ops != before;
    }
    EXPECT_GT(changed, 1000) << "change " << change;
  }
}

TEST(Mutator, CrossingGivesCanonicalTameTraces) {
  Generator generator;
  Mutator mutator(&generator);
  Random random(5);
  std::vector<Op> a, b;
  for (int i = 0; i < 3000; ++i) {
    generator.Draw(&random, &a);
    generator.Draw(&random, &b);
    mutator.Cross(&random, b, &a);
    ASSERT_EQ(Fault(a), "");
  }
}

TEST(Mutator, ResultsSurviveTheBinaryForm) {
  Generator generator;
  Mutator mutator(&generator);
  Random random(6);
  std::vector<Op> ops, again;
  std::string bytes;
  generator.Draw(&random, &ops);
  for (int i = 0; i < 3000; ++i) {
    if (ops.size() > 400) generator.Draw(&random, &ops);
    mutator.Mutate(&random, &ops);
    Encode(ops, &bytes);
    Decode(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), &again);
    ASSERT_EQ(ops, again);
  }
}

TEST(Mutator, MutatesTheEmptyTrace) {
  Generator generator;
  Mutator mutator(&generator);
  Random random(7);
  for (int change = 0; change < Mutator::kChanges; ++change) {
    std::vector<Op> ops;
    mutator.Apply(static_cast<Mutator::Change>(change), &random, &ops);
    EXPECT_FALSE(ops.empty());
    EXPECT_EQ(Fault(ops), "");
  }
}

// An operand whose creator was taken out names the nearest earlier creator of that kind.
TEST(Mutator, LinksToTheNearestCreatorOfThatKind) {
  const std::vector<Op> parsed = ParsedOps(
      "e1 = epoll_create1(0)\n"
      "a = eventfd(0, EFD_NONBLOCK)\n"
      "r, w = pipe2(O_NONBLOCK)\n"
      "b = eventfd(0, EFD_NONBLOCK)\n"
      "epoll_ctl(e1, ADD, b, IN, 0x1)\n");
  // Among many deletions there is the one that takes only `b` out.
  Generator generator;
  Mutator mutator(&generator);
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    std::vector<Op> ops = parsed;
    mutator.Apply(Mutator::kDelete, &random, &ops);
    if (ops.size() == 4 && ops[3].call == Call::kEpollCtl && ops[2].call == Call::kPipe2) {
      EXPECT_EQ(ops[3].fd(2), Fd::Output(1, 0));
      seen.insert("found");
    }
  }
  EXPECT_EQ(seen.size(), 1u);
}

TEST(Tame, IsIdempotentOnAnyOp) {
  Random random(8);
  for (int i = 0; i < 200000; ++i) {
    Op op;
    op.call = static_cast<Call>(random.Below(kCalls));
    for (uint64_t& a : op.arg) a = random.Skewed(64);
    op.npoll = static_cast<uint8_t>(random.Below(kMaxPoll + 1));
    Canonicalize(&op);
    Tame(&op);
    Op canonical = op;
    Canonicalize(&canonical);
    EXPECT_EQ(canonical, op) << Spec(op.call).name;
    Op again = op;
    Tame(&again);
    EXPECT_EQ(again, op) << Spec(op.call).name;
  }
}

TEST(Shadow, FollowsNumbers) {
  const std::vector<Op> parsed = ParsedOps(
      "e = epoll_create1(0)\n"      // 3
      "r, w = pipe2(O_NONBLOCK)\n"  // 4, 5
      "d = dup(r)\n"                // 6
      "close(r)\n"
      "x = eventfd(0, 0)\n"         // 4
      "y = dup2(w, 9)\n"            // 9
      "z = fcntl(x, F_DUPFD, 8)\n"  // 8
      "close_range(4, 6, 0)\n"
      "prlimit(NOFILE, 5)\n"
      "f = eventfd(0, 0)\n"    // 4
      "g = eventfd(0, 0)\n");  // none
  Shadow shadow;
  shadow.Replay(parsed);
  EXPECT_EQ(shadow.Number(Fd::Output(1, 1)), 5);
  EXPECT_EQ(shadow.Number(Fd::Output(2, 0)), 6);
  EXPECT_EQ(shadow.Number(Fd::Output(4, 0)), 4);
  EXPECT_EQ(shadow.Number(Fd::Output(5, 0)), 9);
  EXPECT_EQ(shadow.Number(Fd::Output(6, 0)), 8);
  EXPECT_EQ(shadow.Number(Fd::Output(9, 0)), 4);
  EXPECT_EQ(shadow.Number(Fd::Output(10, 0)), -1);
  EXPECT_EQ(shadow.KindAt(9), FileKind::kPipeWrite);
  EXPECT_EQ(shadow.KindAt(8), FileKind::kEventfd);
  EXPECT_EQ(shadow.KindAt(5), FileKind::kNone);
  EXPECT_EQ(shadow.open_count(), 4u);
}

}  // namespace
}  // namespace pollux
