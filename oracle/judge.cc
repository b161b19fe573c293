// Judging what is written: recorded outcomes, and people's expectations. No target.

#include <algorithm>

#include "oracle/checker.h"

namespace pollux {
namespace {

// Runs ops[0, upto) from Reset on; `outcomes` tells which of them did not run.
void Replay(Model* model, std::span<const Op> ops, size_t upto, const std::vector<bool>& left_out) {
  Bindings bindings;
  Outcome outcome;
  model->Reset();
  for (size_t i = 0; i < upto; ++i) {
    if (left_out[i]) {
      outcome.Clear();
      outcome.kind = Outcome::kSkipped;
    } else {
      model->Run(bindings.Resolve(ops[i]), &outcome);
    }
    bindings.Bind(ops[i], outcome);
  }
}

// Runs the model along `ops` and compares: `judge(i, allowed)` returns what was recorded if it is not allowed, and
// nullptr if all is well. `skipped(i)`: op i is recorded as not executed.
template <class Skipped, class Compare>
Verdict Walk(Model* model, std::span<const Op> ops, Skipped skipped, Compare compare) {
  Verdict verdict;
  Bindings bindings;
  Outcome allowed;
  Rule previous = Rule::kNone;
  std::vector<bool> left_out(ops.size());
  model->Reset();
  for (size_t i = 0; i < ops.size(); ++i) {
    const Op op = bindings.Resolve(ops[i]);
    if (skipped(i)) {
      left_out[i] = true;
      allowed.Clear();
      allowed.kind = Outcome::kSkipped;
    } else {
      model->Run(op, &allowed);
      if (allowed.kind == Outcome::kSkipped) {
        verdict.value = Verdict::kInconclusive;
        verdict.reason = Reason::kUnmodelled;
        verdict.op = i;
        verdict.allowed = allowed;
        return verdict;
      }
      if (const Outcome* recorded = compare(i, allowed)) {
        verdict.value = Verdict::kDiverges;
        verdict.op = i;
        verdict.observed = *recorded;
        Replay(model, ops, i, left_out);
        const State before = model->state();
        model->Run(op, &verdict.allowed);
        verdict.kind = Classify(op, verdict.allowed, *recorded, before, *model, previous);
        return verdict;
      }
      if (op.call != Call::kFdinfo) previous = model->rules().last();
    }
    bindings.Bind(ops[i], allowed);
  }
  return verdict;
}

}  // namespace

Verdict Judge(Model* model, std::span<const Op> ops, std::span<const Outcome> outcomes) {
  return Walk(
      model, ops, [&](size_t i) { return i < outcomes.size() && outcomes[i].kind == Outcome::kSkipped; },
      [&](size_t i, const Outcome& allowed) {
        return i >= outcomes.size() || Agrees(allowed, outcomes[i]) ? nullptr : &outcomes[i];
      });
}

Verdict JudgeWritten(Model* model, const Trace& trace) {
  Outcome recorded;
  const auto written = [&trace](size_t i) -> const Expectation* {
    return i < trace.notes.size() && trace.notes[i].expect.written() ? &trace.notes[i].expect : nullptr;
  };
  return Walk(
      model, trace.ops,
      [&](size_t i) {
        const Expectation* e = written(i);
        return e != nullptr && e->allow.size() == 1 && e->allow[0].kind == Outcome::kSkipped;
      },
      [&](size_t i, const Outcome& allowed) {
        const Expectation* e = written(i);
        if (e == nullptr || Holds(*e, allowed)) return static_cast<const Outcome*>(nullptr);
        recorded = FirstOf(*e);
        if (e->allow.empty()) {  // only completions are written
          Outcome alone = allowed;
          alone.completions = std::move(recorded.completions);
          recorded = std::move(alone);
        }
        return static_cast<const Outcome*>(&recorded);
      });
}

namespace {

bool OneHolds(const std::vector<Outcome>& allow, const Outcome& outcome) {
  return std::any_of(allow.begin(), allow.end(), [&](const Outcome& written) {
    // A payload counts where both have one: people need not write it.
    return Agrees(written, outcome) || (!outcome.has_payload && Agrees(outcome, written));
  });
}

}  // namespace

bool Holds(const Expectation& expectation, const Outcome& outcome) {
  if (!expectation.written()) return true;
  if (!expectation.any && !expectation.allow.empty()) {
    Outcome alone = outcome;
    alone.completions.clear();
    if (!OneHolds(expectation.allow, alone)) return false;
  }
  if (expectation.any && expectation.completions.empty()) return true;
  return std::equal(expectation.completions.begin(), expectation.completions.end(), outcome.completions.begin(),
                    outcome.completions.end(), [](const WrittenCompletion& w, const Completion& c) {
                      return w.thread == c.thread && w.call == c.call && (w.any || OneHolds(w.allow, c.outcome));
                    });
}

}  // namespace pollux
