// libFuzzer: the binary decoder on any bytes. All of them are traces, and all of those can be written down.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
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
  std::vector<Op> ops;
  Decode(data, size, &ops);

  std::vector<Op> other = ops;
  Canonicalize(other);
  Require(other == ops, "what is decoded is canonical");

  std::string binary;
  Encode(ops, &binary);
  Decode(reinterpret_cast<const uint8_t*>(binary.data()), binary.size(), &other);
  Require(other == ops, "decode(encode(t)) == t");

  // One prefix, chosen by the input.
  const size_t cut = size == 0 ? 0 : data[size - 1] * size / 256;
  const std::vector<uint8_t> prefix(data, data + cut);  // its own allocation, so that reading beyond it is seen
  Decode(prefix.data(), prefix.size(), &other);
  Require(other.size() <= ops.size() && std::equal(other.begin(), other.end(), ops.begin()),
          "a prefix of the bytes is a prefix of the ops");

  Trace trace, parsed;
  trace.ops = ops;
  ParseError error;
  const std::string text = Print(trace);
  Require(Parse(text, "printed", &parsed, &error), "what is decoded can be written");
  Require(parsed.ops == ops, "parse(print(t)) has the ops of t");
  Require(Print(parsed) == text, "printing is idempotent");
  return 0;
}
