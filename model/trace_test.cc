// Comparing and relinking: outcomes, bindings, canonical ops, removal.

#include "model/trace.h"

#include <gtest/gtest.h>

#include "model/random_ops.h"
#include "model/text.h"

namespace pollux {
namespace {

std::vector<Op> Ops(std::string_view text) {
  Trace trace;
  ParseError error;
  EXPECT_TRUE(Parse(text, "test", &trace, &error)) << error.message();
  return trace.ops;
}

Outcome Read(int64_t n, bool has_payload, uint64_t payload) {
  Outcome o;
  o.Value(n), o.has_payload = has_payload, o.payload = payload;
  return o;
}

TEST(OutcomeTest, ComparesWhatItsKindSays) {
  Outcome a, b;
  a.Error(kEAGAIN), b.Error(kEAGAIN);
  a.value[0] = 5, a.payload = 1, a.records.emplace_back();  // left over, not part of an error
  EXPECT_EQ(a, b);
  b.Error(kEBADF);
  EXPECT_NE(a, b);
  b.Value(0);
  EXPECT_NE(a, b);

  a.Value(3), b.Value(3);
  EXPECT_EQ(a, b);
  a.value[1] = 9;  // beyond nvalues
  EXPECT_EQ(a, b);
  a.nvalues = 2;
  EXPECT_NE(a, b);
}

TEST(OutcomeTest, TheNoteIsNotPartOfIt) {
  Outcome a, b;
  a.kind = b.kind = Outcome::kSkipped, a.note = "no CHECKPOINT_RESTORE";
  EXPECT_EQ(a, b);
}

TEST(OutcomeTest, RecordsCompareInOrderWithData) {
  Outcome a, b;
  a.kind = b.kind = Outcome::kRecords;
  a.records = {{kIn, 0, 1}, {kIn, 0, 2}}, b.records = {{kIn, 0, 2}, {kIn, 0, 1}};
  EXPECT_NE(a, b);
  b.records = {{kIn, 0, 1}, {kIn, 0, 2}};
  EXPECT_EQ(a, b);
  EXPECT_TRUE(Agrees(a, b));
  b.clobbered = true;
  EXPECT_NE(a, b);
  EXPECT_FALSE(Agrees(a, b));
}

TEST(OutcomeTest, APayloadCountsWhereTheModelHasOne) {
  EXPECT_TRUE(Agrees(Read(8, false, 0), Read(8, true, 7)));
  EXPECT_TRUE(Agrees(Read(8, true, 7), Read(8, true, 7)));
  EXPECT_FALSE(Agrees(Read(8, true, 7), Read(8, true, 8)));
  EXPECT_FALSE(Agrees(Read(8, true, 7), Read(8, false, 0)));
  EXPECT_FALSE(Agrees(Read(8, false, 0), Read(4, false, 0)));
  EXPECT_NE(Read(8, false, 0), Read(8, true, 7));
}

TEST(BindingsTest, NamesReadAsWhatTheOpReturned) {
  const std::vector<Op> ops = Ops("r, w = pipe2(0)\nd = dup(r)\nclose(d)\nx = dup(9)\nclose(x)\nclose(w)\n");
  Bindings bindings;
  Outcome two, one, failed;
  two.nvalues = 2, two.value[0] = 4, two.value[1] = 5;
  one.Value(6), failed.Error(kEBADF);
  EXPECT_EQ(bindings.Resolve(ops[0]), ops[0]);
  bindings.Bind(ops[0], two);
  EXPECT_EQ(bindings.Resolve(ops[1]).fd(0), Fd::Literal(4));
  EXPECT_EQ(bindings.Resolve(ops[2]).fd(0), Fd::Literal(-1)) << "not yet bound";
  bindings.Bind(ops[1], one);
  EXPECT_EQ(bindings.Resolve(ops[2]).fd(0), Fd::Literal(6));
  bindings.Bind(ops[2], Outcome());
  bindings.Bind(ops[3], failed);
  EXPECT_EQ(bindings.Resolve(ops[4]).fd(0), Fd::Literal(-1)) << "its op failed";
  EXPECT_EQ(bindings.Resolve(ops[5]).fd(0), Fd::Literal(5));
}

TEST(SpecTest, FdSlotsAndOutputsFollowFromTheTable) {
  for (size_t c = 0; c < kCalls; ++c) {
    const CallSpec& spec = Spec(static_cast<Call>(c));
    EXPECT_EQ(FindCall(spec.name), &spec);
    for (size_t i = 0; i < kMaxArgs; ++i) {
      EXPECT_EQ((spec.fd_slots >> i & 1) != 0, i < spec.args.size() && spec.args[i].kind == ArgKind::kFd) << spec.name;
    }
  }
  EXPECT_EQ(FindCall("epoll"), nullptr);
  EXPECT_EQ(Outputs(Call::kSocketpair), 2u);
  EXPECT_EQ(Outputs(Call::kDup), 1u);
  EXPECT_EQ(Outputs(Call::kClose), 0u);
}

TEST(CanonicalizeTest, IsIdempotentOnAnyBits) {
  Random random(1);
  for (int n = 0; n < 20000; ++n) {
    Op op;
    op.call = static_cast<Call>(random() % kCalls), op.npoll = static_cast<uint8_t>(random());
    for (uint64_t& slot : op.arg) slot = random();
    Canonicalize(&op);
    Op again = op;
    Canonicalize(&again);
    ASSERT_EQ(again, op) << PrintOp(op);
  }
}

TEST(CanonicalizeTest, AnUnreadablePointerPointsToNothing) {
  Op ctl = Ops("epoll_ctl(3, ADD, 4, IN|ET, 0x7)")[0];
  ctl.arg[3] = Memory(Memory::kReadonly).bits();
  Canonicalize(&ctl);
  EXPECT_EQ(ctl.u32(4), kIn | kEt);
  ctl.arg[3] = Memory(Memory::kFault, 0).bits();
  Canonicalize(&ctl);
  EXPECT_EQ(ctl.u32(4), 0u);
  EXPECT_EQ(ctl.arg[5], 0u);
}

TEST(CanonicalizeTest, OperandsThatNameNothingReadAsMinusOne) {
  std::vector<Op> ops = Ops("close(3)\nr, w = pipe2(0)\nclose(w)\nclose(w)\nclose(w)\nclose(w)\n");
  ops[2].arg[0] = Fd::Output(0, 0).bits();  // returns none
  ops[3].arg[0] = Fd::Output(3, 0).bits();  // itself
  ops[4].arg[0] = Fd::Output(9, 0).bits();  // none such
  Canonicalize(ops);
  for (const size_t i : {2, 3, 4}) EXPECT_EQ(ops[i].fd(0), Fd::Literal(-1));
  EXPECT_EQ(ops[5].fd(0), Fd::Output(1, 1));
}

TEST(WithoutOpsTest, RelinksAndReplacesLostCreators) {
  const std::vector<Op> ops =
      Ops("ep = epoll_create1(0)\nclose(7)\nr, w = pipe2(0)\ne = eventfd(0, 0)\npoll(r IN, e IN, w OUT, ep IN, 0)\n");
  const std::vector<Op> left = WithoutOps(ops, {false, true, false, true, false});
  EXPECT_EQ(left, Ops("ep = epoll_create1(0)\nr, w = pipe2(0)\npoll(r IN, -1 IN, w OUT, ep IN, 0)\n"));
  EXPECT_EQ(WithoutOps(ops, std::vector<bool>(ops.size())), ops);
  EXPECT_TRUE(WithoutOps(ops, std::vector<bool>(ops.size(), true)).empty());
}

TEST(WithoutOpsTest, RemovingOneByOneIsRemovingAtOnce) {
  Random random(2);
  for (int n = 0; n < 200; ++n) {
    const std::vector<Op> ops = RandomOps(random, 30);
    std::vector<bool> drop(ops.size());
    for (size_t i = 0; i < drop.size(); ++i) drop[i] = random() % 3 == 0;
    std::vector<Op> steps = ops;
    for (size_t i = drop.size(); i-- > 0;) {
      if (!drop[i]) continue;
      std::vector<bool> only(steps.size());
      only[i] = true;
      steps = WithoutOps(steps, only);
    }
    EXPECT_EQ(WithoutOps(ops, drop), steps);
  }
}

}  // namespace
}  // namespace pollux
