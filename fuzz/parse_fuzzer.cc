// libFuzzer: the parser on any bytes. What it accepts survives printing, exactly; what it refuses is placed.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "model/binary.h"
#include "model/text.h"

namespace {

void Require(bool holds, const char* law) {
  if (holds) return;
  std::fprintf(stderr, "broken law: %s\n", law);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pollux;
  Trace trace, again;
  ParseError error;
  if (!Parse(std::string_view(reinterpret_cast<const char*>(data), size), "input", &trace, &error)) {
    Require(error.line > 0 && error.column > 0 && !error.expected.empty() && !error.got.empty(), "errors are placed");
    Require(trace == Trace(), "a failed parse leaves the trace alone");
    return 0;
  }
  Require(trace.notes.size() == trace.ops.size(), "every op has a note");
  const std::string text = Print(trace);
  Require(Parse(text, "printed", &again, &error), "what is printed is read");
  Require(again == trace, "parse(print(t)) == t");
  Require(Print(again) == text, "printing is idempotent");
  std::vector<Op> ops = trace.ops;
  Canonicalize(ops);
  Require(ops == trace.ops, "what is read is canonical");
  std::string binary;
  Encode(trace.ops, &binary);
  Decode(reinterpret_cast<const uint8_t*>(binary.data()), binary.size(), &ops);
  Require(ops == trace.ops, "decode(encode(t)) == t");
  return 0;
}
