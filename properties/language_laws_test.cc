// Laws of the language: text and binary form lose nothing, and every byte string means something.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "model/binary.h"
#include "model/random_ops.h"
#include "model/text.h"
#include "model/trace.h"

namespace pollux {
namespace {

// Any ops that the text can say, of every call, with any argument.
std::vector<Op> AnyOps() {
  Random random(*rc::gen::arbitrary<uint64_t>());
  return RandomOps(random, *rc::gen::inRange<size_t>(0, 30));
}

Trace TraceOf(std::vector<Op> ops) {
  Trace trace;
  trace.ops = std::move(ops);
  return trace;
}

Trace MustParse(const std::string& text) {
  Trace trace;
  ParseError error;
  if (!Parse(text, "law", &trace, &error)) RC_FAIL(error.message() + "\n" + text);
  return trace;
}

std::string Encoded(const std::vector<Op>& ops) {
  std::string data;
  Encode(ops, &data);
  return data;
}
std::vector<Op> Decoded(std::string_view data) {
  std::vector<Op> ops;
  Decode(reinterpret_cast<const uint8_t*>(data.data()), data.size(), &ops);
  return ops;
}

void SameOps(const std::vector<Op>& a, const std::vector<Op>& b) {
  if (a != b) RC_FAIL("\n" + Print(TraceOf(a)) + "is not\n" + Print(TraceOf(b)));
}

RC_GTEST_PROP(LanguageLaws, ParsingWhatWasPrintedGivesTheTrace, ()) {
  const Trace trace = TraceOf(AnyOps());
  const std::string text = Print(trace);
  const Trace parsed = MustParse(text);
  SameOps(parsed.ops, trace.ops);
  RC_ASSERT(Print(parsed) == text);               // printing is idempotent
  RC_ASSERT(MustParse(Print(parsed)) == parsed);  // and from then on nothing is lost, names included
}

RC_GTEST_PROP(LanguageLaws, DecodingWhatWasEncodedGivesTheOps, ()) {
  const std::vector<Op> ops = AnyOps();
  SameOps(Decoded(Encoded(ops)), ops);
}

RC_GTEST_PROP(LanguageLaws, EveryByteStringIsATrace, (const std::vector<uint8_t>& bytes)) {
  const std::vector<Op> ops = Decoded({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  std::vector<Op> canonical = ops;
  Canonicalize(canonical);
  SameOps(canonical, ops);
  SameOps(Decoded(Encoded(ops)), ops);
  SameOps(MustParse(Print(TraceOf(ops))).ops, ops);
}

RC_GTEST_PROP(LanguageLaws, APrefixOfTheBytesIsAPrefixOfTheOps, ()) {
  const std::string data = Encoded(AnyOps());
  const std::vector<Op> all = Decoded(data);
  const size_t cut = *rc::gen::inRange<size_t>(0, data.size() + 1);
  std::vector<Op> some = Decoded(std::string_view(data).substr(0, cut));
  RC_ASSERT(some.size() <= all.size());
  SameOps(some, std::vector<Op>(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(some.size())));
}

RC_GTEST_PROP(LanguageLaws, TakingOutNothingOrEverything, ()) {
  const std::vector<Op> ops = AnyOps();
  SameOps(WithoutOps(ops, std::vector<bool>(ops.size(), false)), ops);
  RC_ASSERT(WithoutOps(ops, std::vector<bool>(ops.size(), true)).empty());
}

RC_GTEST_PROP(LanguageLaws, TakingOutInTwoStepsIsTakingOutAtOnce, ()) {
  const std::vector<Op> ops = AnyOps();
  std::vector<bool> both(ops.size()), first(ops.size()), second;
  for (size_t i = 0; i < ops.size(); ++i) {
    const int when = *rc::gen::inRange(0, 3);
    both[i] = when != 0, first[i] = when == 1;
    if (when != 1) second.push_back(when == 2);
  }
  SameOps(WithoutOps(WithoutOps(ops, first), second), WithoutOps(ops, both));
}

}  // namespace
}  // namespace pollux
