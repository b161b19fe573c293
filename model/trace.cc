// Comparing outcomes, and relinking traces.

#include "model/trace.h"

#include <algorithm>

namespace pollux {
namespace {

bool SameResult(const Outcome& a, const Outcome& b) {
  if (a.kind != b.kind || a.clobbered != b.clobbered) return false;
  switch (a.kind) {
    case Outcome::kValues:
      return a.nvalues == b.nvalues && std::equal(a.value, a.value + a.nvalues, b.value);
    case Outcome::kError:
      return a.error == b.error;
    case Outcome::kRecords:
      return a.records == b.records;
    case Outcome::kBlocked:
    case Outcome::kHung:
    case Outcome::kDied:
    case Outcome::kSkipped:
      return true;
  }
  return false;
}

bool SameCompletions(const Outcome& a, const Outcome& b, bool (*same)(const Outcome&, const Outcome&)) {
  return std::equal(a.completions.begin(), a.completions.end(), b.completions.begin(), b.completions.end(),
                    [same](const Completion& x, const Completion& y) {
                      return x.thread == y.thread && x.call == y.call && same(x.outcome, y.outcome);
                    });
}

bool HasPayload(const Outcome& o) { return o.kind == Outcome::kValues && o.has_payload; }

}  // namespace

bool operator==(const Outcome& a, const Outcome& b) {
  return SameResult(a, b) && HasPayload(a) == HasPayload(b) && (!HasPayload(a) || a.payload == b.payload) &&
         a.completions == b.completions;
}

bool Agrees(const Outcome& allowed, const Outcome& observed) {
  return SameResult(allowed, observed) &&
         (!HasPayload(allowed) || (observed.has_payload && allowed.payload == observed.payload)) &&
         SameCompletions(allowed, observed, Agrees);
}

Expectation Exactly(const Outcome& outcome) {
  Expectation e;
  e.allow = {outcome};
  e.allow[0].completions.clear();
  for (const Completion& c : outcome.completions) {
    WrittenCompletion written;
    written.thread = c.thread, written.call = c.call, written.allow = {c.outcome};
    e.completions.push_back(std::move(written));
  }
  return e;
}

Outcome FirstOf(const Expectation& e) {
  Outcome outcome = e.allow.empty() ? Outcome() : e.allow[0];
  for (const WrittenCompletion& w : e.completions) {
    outcome.completions.push_back({w.thread, w.call, w.allow.empty() ? Outcome() : w.allow[0]});
  }
  return outcome;
}

void Canonicalize(std::span<Op> ops) {
  for (size_t i = 0; i < ops.size(); ++i) {
    Canonicalize(&ops[i]);
    MapFds(ops[i], [&](Fd fd) {
      const bool bound = fd.literal() || (fd.op() < i && fd.out() < Outputs(ops[fd.op()].call));
      return bound ? fd : Fd::Literal(-1);
    });
  }
}

std::vector<Op> WithoutOps(const std::vector<Op>& ops, const std::vector<bool>& drop) {
  std::vector<Op> kept;
  std::vector<uint32_t> moved(ops.size());  // the new index of each kept op
  for (size_t i = 0; i < ops.size(); ++i) {
    if (drop[i]) continue;
    moved[i] = static_cast<uint32_t>(kept.size());
    kept.push_back(ops[i]);
    MapFds(kept.back(), [&](Fd fd) {
      if (fd.literal()) return fd;
      if (fd.op() >= i || drop[fd.op()]) return Fd::Literal(-1);
      return Fd::Output(moved[fd.op()], fd.out());
    });
  }
  return kept;
}

}  // namespace pollux
