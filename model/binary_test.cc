// The laws of the binary form: round trip, totality, prefixes; and that its bytes keep their meaning.

#include "model/binary.h"

#include <gtest/gtest.h>

#include "model/random_ops.h"
#include "model/text.h"

namespace pollux {
namespace {

std::vector<Op> Decoded(std::string_view bytes) {
  std::vector<Op> ops(3);  // what was there is replaced
  Decode(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), &ops);
  return ops;
}
std::string Encoded(std::span<const Op> ops) {
  std::string bytes = "left over";
  Encode(ops, &bytes);
  return bytes;
}

std::string RandomBytes(Random& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random() % 2 == 0 ? random() : random() % 64);
  return bytes;
}

TEST(BinaryTest, EveryCallRoundTrips) {
  Random random(1);
  const std::vector<Op> before = RandomOps(random, 20);
  for (size_t c = 0; c < kCalls; ++c) {
    for (int n = 0; n < 2000; ++n) {
      std::vector<Op> ops = before;
      ops.push_back(RandomOp(random, static_cast<Call>(c), before));
      ASSERT_EQ(Decoded(Encoded(ops)), ops) << PrintOp(ops.back());
    }
  }
}

// Operands that reach further back than the near form does.
TEST(BinaryTest, LongTracesRoundTrip) {
  Random random(2);
  for (int n = 0; n < 50; ++n) {
    const std::vector<Op> ops = RandomOps(random, 1000);
    ASSERT_EQ(Decoded(Encoded(ops)), ops);
  }
}

TEST(BinaryTest, EveryByteStringIsACanonicalTrace) {
  Random random(3);
  for (int n = 0; n < 3000; ++n) {
    const std::vector<Op> ops = Decoded(RandomBytes(random, random() % 600));
    std::vector<Op> canonical = ops;
    Canonicalize(canonical);
    ASSERT_EQ(canonical, ops);
    ASSERT_EQ(Decoded(Encoded(ops)), ops);
    Trace trace, parsed;
    trace.ops = ops;
    ParseError error;
    ASSERT_TRUE(Parse(Print(trace), "printed", &parsed, &error)) << error.message();
    ASSERT_EQ(parsed.ops, ops);
  }
}

TEST(BinaryTest, APrefixOfTheBytesIsAPrefixOfTheOps) {
  Random random(4);
  for (int n = 0; n < 30; ++n) {
    const std::string bytes = n % 2 == 0 ? RandomBytes(random, 700) : Encoded(RandomOps(random, 60));
    const std::vector<Op> ops = Decoded(bytes);
    size_t last = 0;
    for (size_t size = 0; size <= bytes.size(); ++size) {
      const std::vector<Op> prefix = Decoded(std::string_view(bytes).substr(0, size));
      ASSERT_LE(prefix.size(), ops.size());
      ASSERT_TRUE(std::equal(prefix.begin(), prefix.end(), ops.begin()));
      ASSERT_LE(last, prefix.size()) << "more bytes, fewer ops";
      ASSERT_LE(prefix.size() - last, 1u) << "one byte completes at most one op";
      last = prefix.size();
    }
    EXPECT_EQ(last, ops.size());
  }
}

TEST(BinaryTest, AnOpCutOffIsDropped) {
  Trace trace;
  ParseError error;
  ASSERT_TRUE(Parse("ep = epoll_create1(0)\nepoll_ctl(ep, ADD, 4, IN|ET, 0x1)\n", "test", &trace, &error));
  std::string bytes = Encoded(trace.ops);
  EXPECT_EQ(bytes.size(), 9u) << "small values take a byte a slot";
  bytes.pop_back();
  EXPECT_EQ(Decoded(bytes), std::vector<Op>(1, trace.ops[0]));
  EXPECT_TRUE(Decoded("").empty());
}

TEST(BinaryTest, LinksToNothingBecomeMinusOne) {
  std::vector<Op> ops(2);
  ops[0].arg[0] = Fd::Output(1, 0).bits();
  ops[1].arg[0] = Fd::Output(0, 1).bits();
  const std::vector<Op> decoded = Decoded(Encoded(ops));
  ASSERT_EQ(decoded.size(), 2u);
  for (const Op& op : decoded) EXPECT_EQ(op.fd(0), Fd::Literal(-1));
}

// Findings and corpora are kept in this form: what a byte means must not change.
TEST(BinaryTest, TheFormIsStable) {
  Trace trace;
  ParseError error;
  ASSERT_TRUE(
      Parse("r, w = pipe2(O_NONBLOCK)\n"
            "epoll_ctl(3, MOD, w, IN|ONESHOT, -1)\n"
            "write(w, fault@8, u64 300)\n"
            "poll(r IN, 9 0, -1)\n"
            "open(null, O_PATH)\n",
            "test", &trace, &error))
      << error.message();
  const std::string_view expected(
      "\x16\x80\x10"
      "\x02\x84\x06\x00\x00\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
      "\x12\x00\x45\x08\xac\x02"
      "\x09\x02\x01\x01\x01\x8a\x00"
      "\x1d\x02\x80\x80\x80\x01",
      3 + 16 + 6 + 7 + 6);
  EXPECT_EQ(Encoded(trace.ops), expected);
}

}  // namespace
}  // namespace pollux
