// Divergences written for people, and as traces.

#include "oracle/report.h"

#include <algorithm>
#include <utility>

#include "model/text.h"

namespace pollux {
namespace {

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t from = 0; from < text.size();) {
    const size_t end = std::min(text.find('\n', from), text.size());
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

std::string Joined(const std::vector<std::string>& words, size_t most = 4) {
  std::string text;
  for (size_t i = 0; i < words.size() && i < most; ++i) text += (i > 0 ? ", " : "") + words[i];
  if (words.size() > most) text += " and " + std::to_string(words.size() - most) + " more";
  return text;
}

std::string OneRecord(const Op& op, const Record& record) {
  Outcome one;
  one.kind = Outcome::kRecords;
  one.records = {record};
  std::string text = PrintOutcome(op, one);
  return text.size() > 2 ? text.substr(1, text.size() - 2) : text;
}

// The first record of `from` that `of` holds fewer of.
const Record* Surplus(const std::vector<Record>& from, const std::vector<Record>& of) {
  for (const Record& r : from) {
    if (std::count(from.begin(), from.end(), r) > std::count(of.begin(), of.end(), r)) return &r;
  }
  return nullptr;
}

Outcome Alone(Outcome outcome) {
  outcome.completions.clear();
  return outcome;
}

void AddField(const char* name, const std::string& value, std::string* text) {
  if (value.empty()) return;
  std::string label = name;
  label.resize(11, ' ');
  *text += "  " + label + value + "\n";
}

}  // namespace

std::string Divergence::signature() const {
  return KindName(verdict.kind) + (as_if.empty() ? "" : ", as if: " + Joined(as_if));
}

void Explain(Model* model, Divergence* d) {
  Bindings bindings;
  Outcome outcome;
  model->Reset();
  for (size_t i = 0; i < d->verdict.op && i < d->ops.size(); ++i) {
    if (d->outcomes[i].kind == Outcome::kSkipped) {
      outcome = d->outcomes[i];
    } else {
      model->Run(bindings.Resolve(d->ops[i]), &outcome);
    }
    bindings.Bind(d->ops[i], outcome);
  }
  d->before = Lines(model->Describe());
  model->Run(bindings.Resolve(d->ops[d->verdict.op]), &outcome);
  d->rules.clear();
  const Rules& rules = model->rules();
  for (size_t i = 0; i < rules.trail_size(); ++i) {
    if (std::find(d->rules.begin(), d->rules.end(), rules.trail(i)) == d->rules.end())
      d->rules.push_back(rules.trail(i));
  }
}

std::string CiteRule(Rule rule) {
  if (rule == Rule::kNone) return "no rule";
  const RuleInfo& info = Info(rule);
  std::string text(info.id);
  text.append(": ").append(info.statement).append(" (").append(info.source);
  if (!info.function.empty()) text.append("; ").append(info.function);
  return text + ")";
}

std::string DescribeDifference(const Op& given, const Verdict& verdict) {
  Op op = given;
  op.call = verdict.kind.call;  // a completion may be another call's
  const Outcome *allowed_outcome = &verdict.allowed, *observed_outcome = &verdict.observed;
  // The first thread of which something else is said, where the op itself did what it should.
  for (const Completion& a : verdict.allowed.completions) {
    for (const Completion& o : verdict.observed.completions) {
      if (a.thread != o.thread || a.call != verdict.kind.call || Agrees(a.outcome, o.outcome)) continue;
      if (Agrees(Alone(verdict.allowed), Alone(verdict.observed))) {
        allowed_outcome = &a.outcome, observed_outcome = &o.outcome;
      }
    }
  }
  const std::vector<Record>&allowed = allowed_outcome->records, &observed = observed_outcome->records;
  switch (verdict.kind.difference) {
    case Difference::kErrno:
      return verdict.allowed.kind == Outcome::kError ? "another error, or none" : "an error where Linux succeeds";
    case Difference::kValue:
      return "another return value";
    case Difference::kDescriptor:
      return "another descriptor number";
    case Difference::kMissing:
      if (const Record* r = Surplus(allowed, observed)) return OneRecord(op, *r) + " is missing";
      return "a record is missing";
    case Difference::kExtra:
      if (const Record* r = Surplus(observed, allowed)) return OneRecord(op, *r) + " should not be there";
      return "a record should not be there";
    case Difference::kBits:
      if (const Record* r = Surplus(allowed, observed)) return "bits: it should be " + OneRecord(op, *r);
      return "other event bits";
    case Difference::kOrder:
      return "another order";
    case Difference::kData:
      return "other data";
    case Difference::kMemory:
      return "bytes were written that the call had no business with";
    case Difference::kState:
      return "the interest list holds other items";
    case Difference::kBlocked:
      return verdict.observed.kind == Outcome::kBlocked ? "it blocks" : "it does not block";
    case Difference::kAsleep:
      return "a thread sleeps on";
    case Difference::kWoken:
      return "a thread comes back that should sleep on";
    case Difference::kWaiter:
      return "another thread comes back";
    case Difference::kHung:
      return "it does not come back";
    case Difference::kDied:
      return "the target died";
  }
  return "?";
}

std::string FileStem(const Kind& kind) {
  std::string stem = KindName(kind);
  for (size_t at; (at = stem.find(" / ")) != std::string::npos;) stem.replace(at, 3, "-");
  std::replace(stem.begin(), stem.end(), ' ', '-');
  return stem;
}

Trace ToTrace(const Divergence& d) {
  Trace trace;
  trace.ops = d.ops;
  trace.notes.resize(d.ops.size());
  trace.directives.push_back({"profile", d.profile.name, {}});
  const auto facts = PrintFacts(d.facts), defaults = PrintFacts(Facts());
  for (size_t i = 0; i < facts.size(); ++i) {
    if (facts[i].second != defaults[i].second) {
      trace.directives.push_back({"fact", facts[i].first + " " + facts[i].second, {}});
    }
  }
  trace.directives.push_back({"target", d.target, {}});
  trace.directives.push_back({"signature", KindName(d.verdict.kind), {}});
  if (!d.as_if.empty()) trace.directives.push_back({"as-if", Joined(d.as_if, 16), {}});
  for (size_t i = 0; i < d.ops.size(); ++i) {
    Note& note = trace.notes[i];
    if (i < d.outcomes.size()) note.expect = Exactly(d.outcomes[i]);
    if (i < d.matters.size() && !d.matters[i].empty()) note.comment = "matters: " + d.matters[i];
  }
  if (!d.ops.empty()) {
    trace.notes.back().comment =
        d.seen.empty() ? "Linux: " + PrintOutcome(d.ops.back(), d.verdict.allowed) : "when it was found: " + d.seen;
  }
  return trace;
}

std::string PrintDivergence(const Divergence& d) {
  const Op& op = d.ops[d.verdict.op];
  std::string text = "DIVERGENCE  " + KindName(d.verdict.kind) + "\n\n";

  Trace plain;
  plain.ops = d.ops;
  plain.notes.resize(d.ops.size());
  for (size_t i = 0; i < d.matters.size() && i < d.ops.size(); ++i) {
    if (!d.matters[i].empty()) plain.notes[i].comment = "matters: " + d.matters[i];
  }
  const std::vector<std::string> lines = Lines(Print(plain, d.outcomes));
  // What came back stands below its op.
  size_t at = d.verdict.op, last = at;
  for (size_t i = 0; i < d.verdict.op && i < d.outcomes.size(); ++i) at += d.outcomes[i].completions.size();
  last = at + (d.verdict.op < d.outcomes.size() ? d.outcomes[d.verdict.op].completions.size() : 0);
  size_t indent = 4;
  for (size_t i = 0; i < lines.size(); ++i) {
    text += (i == at ? "  > " : "    ") + lines[i] + "\n";
    if (i != last) continue;
    const size_t equals = lines[at].rfind(" = ");
    indent = 4 + (equals == std::string::npos ? 0 : equals);
    const auto below = [&text, indent](std::string_view who, const std::string& what) {
      text += std::string(std::max(indent, who.size() + 2) - who.size(), ' ').append(who) + " = " + what + "\n";
    };
    if (d.seen.empty()) {
      below("Linux", PrintOutcome(op, d.verdict.allowed));
    } else {
      below("when it was found", d.seen);
    }
  }
  text += "\n";

  AddField("differs", DescribeDifference(op, d.verdict), &text);
  AddField("decided by", CiteRule(d.verdict.kind.rule), &text);
  std::vector<std::string> others;
  for (const Rule rule : d.rules) {
    if (rule != d.verdict.kind.rule) others.emplace_back(Info(rule).id);
  }
  AddField("also held", Joined(others, 8), &text);
  AddField("as if", Joined(d.as_if), &text);
  for (size_t i = 0; i < d.before.size(); ++i) AddField(i == 0 ? "before it" : "", d.before[i], &text);
  AddField("target", d.target + ", held to " + d.profile.name, &text);
  bool first = true;
  for (std::string_view rest = d.last_words; !rest.empty(); first = false) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    AddField(first ? "last words" : "", std::string(line), &text);
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  std::string times;
  if (d.runs > 0) times = std::to_string(d.reproduced) + " of " + std::to_string(d.runs) + " times";
  if (d.executions > 0) {
    times += d.minimal ? "; minimal" : "; not yet minimal";
    times += " after " + std::to_string(d.executions) + " runs";
  }
  AddField("reproduced", times, &text);
  for (size_t i = 0; i < d.artefacts.size(); ++i) AddField(i == 0 ? "files" : "", d.artefacts[i], &text);
  return text;
}

}  // namespace pollux
