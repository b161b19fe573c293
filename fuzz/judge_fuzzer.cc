// Fuzzes the checker on arbitrary annotated traces: whatever parses is judged, and judged alike twice.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "model/binary.h"
#include "model/model.h"
#include "model/text.h"
#include "oracle/checker.h"

namespace {

// Text that parses gives ops with what was written behind them; other bytes give ops by the binary form, whose outcomes
// are drawn from the same bytes.
void OpsAndOutcomes(const uint8_t* data, size_t size, std::vector<pollux::Op>* ops,
                    std::vector<pollux::Outcome>* outcomes) {
  pollux::Trace trace;
  pollux::ParseError error;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (pollux::Parse(text, "input", &trace, &error)) {
    *ops = trace.ops;
    for (const pollux::Note& note : trace.notes) {
      outcomes->push_back(pollux::FirstOf(note.expect));
    }
    return;
  }
  pollux::Decode(data, size, ops);
  for (size_t i = 0; i < ops->size(); ++i) {
    pollux::Outcome outcome;
    const uint8_t byte = data[i % size];
    if (byte % 4 == 0) outcome.Error(static_cast<pollux::Errno>(byte / 4));
    if (byte % 4 == 1) outcome.value[0] = byte;
    if (byte % 4 == 2) outcome.kind = pollux::Outcome::kRecords, outcome.records.resize(byte / 64);
    outcomes->push_back(outcome);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using pollux::Verdict;
  std::vector<pollux::Op> ops;
  std::vector<pollux::Outcome> outcomes;
  OpsAndOutcomes(data, size, &ops, &outcomes);
  pollux::Profile profile;
  if (!pollux::FindProfile("linux-6.18", &profile)) std::abort();
  pollux::Model model(profile), again(profile);
  const Verdict verdict = pollux::Judge(&model, ops, outcomes);
  const Verdict second = pollux::Judge(&again, ops, outcomes);
  if (verdict.value != second.value || verdict.op != second.op || !(verdict.kind == second.kind)) std::abort();
  if (verdict.value == Verdict::kDiverges && (verdict.op >= ops.size() || pollux::KindName(verdict.kind).empty())) {
    std::abort();
  }
  if (model.Describe() != again.Describe()) std::abort();
  return 0;
}
