// The minimizer's passes, in order: large steps, single ops, arguments, pairs; until none of them helps.

#include "fuzz/min.h"

#include <algorithm>
#include <utility>

#include "fuzz/reduce.h"
#include "model/text.h"

namespace pollux {
namespace {

// Pairs are tried for traces up to this length: a write and the read that takes it back go together only.
constexpr size_t kPairs = 16;

size_t Count(const std::vector<bool>& marks) {
  return static_cast<size_t>(std::count(marks.begin(), marks.end(), true));
}

uint64_t Mix(uint64_t h, uint64_t v) {
  h = (h ^ v) * 0x9e3779b97f4a7c15;
  return h ^ h >> 29;
}

}  // namespace

uint64_t HashOps(const std::vector<Op>& ops) {
  uint64_t h = ops.size();
  for (const Op& op : ops) {
    const uint64_t caller = uint64_t{op.process} << 32 | uint64_t{op.i386} << 24 | uint64_t{op.thread} << 16;
    h = Mix(h, caller | uint64_t{op.npoll} << 8 | static_cast<uint64_t>(op.call));
    const size_t used = Spec(op.call).args.size() + op.npoll;
    for (size_t i = 0; i < used; ++i) h = Mix(h, op.arg[i]);
  }
  return h;
}

Minimizer::Minimizer(Target* target, Model* model, const MinOptions& options)
    : checker_(target, model), options_(options) {}

Minimal Minimizer::Run(const std::vector<Op>& ops, const Kind& kind) {
  kind_ = kind;
  result_ = {};
  failed_.clear();
  if (!Try(ops)) {
    result_.ops = ops;
    return std::move(result_);
  }
  bool again = true;
  while (again && Affordable()) {
    UseNames();  // a number that stays a number holds all creators before it in place
    again = RemoveChunks();
    again |= RemoveSingles();
    again |= Simplify();
    again |= MergeThreads();
    if (!again) again = RemovePairs();
  }
  result_.complete = Affordable();
  FindWhatMatters();
  return std::move(result_);
}

bool Minimizer::Shows(std::vector<Op>* ops, std::vector<Outcome>* outcomes, Verdict* verdict) {
  for (int i = 0; i < options_.attempts && Affordable(); ++i) {
    ++result_.executions;
    *verdict = checker_.Run(ops, options_.check, outcomes);
    if (verdict->value == Verdict::kDiverges && verdict->kind == kind_) return true;
  }
  return false;
}

bool Minimizer::Try(std::vector<Op> ops) {
  Canonicalize(ops);
  const uint64_t hash = HashOps(ops);
  if (failed_.contains(hash) || !Affordable()) return false;
  std::vector<Outcome> outcomes;
  Verdict verdict;
  if (!Shows(&ops, &outcomes, &verdict)) {
    failed_.insert(hash);
    return false;
  }
  ops.resize(verdict.op + 1);
  result_.ops = std::move(ops);
  result_.outcomes = std::move(outcomes);
  result_.verdict = std::move(verdict);
  return true;
}

Bindings Minimizer::Numbers() const {
  Bindings numbers;
  for (size_t i = 0; i < result_.ops.size(); ++i) numbers.Bind(result_.ops[i], result_.outcomes[i]);
  return numbers;
}

// Halves, quarters, ... of the trace with what depends on them; ops that the diverging op needs stay.
bool Minimizer::RemoveChunks() {
  bool removed = false;
  for (size_t size = result_.ops.size() / 2; size >= 2; size /= 2) {
    for (size_t from = 0; from < result_.ops.size();) {
      std::vector<bool> needed(result_.ops.size()), drop(result_.ops.size());
      MarkNeeded(result_.ops, result_.ops.size() - 1, &needed);
      const size_t end = std::min(from + size, result_.ops.size());
      for (size_t i = from; i < end; ++i) drop[i] = !needed[i];
      MarkUsers(result_.ops, &drop);
      if (Count(drop) > 0 && !drop.back() && Try(WithoutOps(result_.ops, drop))) {
        removed = true;
      } else {
        from = end;
      }
    }
  }
  return removed;
}

bool Minimizer::RemoveSingles() {
  bool removed = false;
  for (size_t at = result_.ops.size(); at-- > 0;) {
    if (at + 1 >= result_.ops.size()) continue;
    for (std::vector<Op>& trial : Without(result_.ops, Numbers(), at)) {
      if (!Try(std::move(trial))) continue;
      removed = true;
      break;
    }
  }
  return removed;
}

bool Minimizer::MergeThreads() {
  bool merged = false;
  for (bool again = true; again;) {
    again = false;
    for (std::vector<Op>& trial : FewerThreads(result_.ops)) {
      if (!Try(std::move(trial))) continue;
      merged = again = true;
      break;
    }
  }
  return merged;
}

bool Minimizer::RemovePairs() {
  if (result_.ops.size() > kPairs) return false;
  for (size_t a = 0; a + 1 < result_.ops.size(); ++a) {
    for (size_t b = a + 1; b + 1 < result_.ops.size(); ++b) {
      std::vector<bool> drop(result_.ops.size());
      drop[a] = drop[b] = true;
      MarkUsers(result_.ops, &drop);
      if (!drop.back() && Try(WithoutOps(result_.ops, drop))) return true;
    }
  }
  return false;
}

bool Minimizer::Simplify() {
  bool simplified = false;
  for (size_t at = 0; at < result_.ops.size(); ++at) {
    for (bool again = true; again && at < result_.ops.size();) {
      again = false;
      for (const Op& op : Simpler(result_.ops[at])) {
        std::vector<Op> trial = result_.ops;
        trial[at] = op;
        if (!Try(std::move(trial))) continue;
        simplified = again = true;
        break;
      }
    }
  }
  return simplified;
}

// Writes literal numbers that have a name by that name. Executes as before, and is read with less thought.
void Minimizer::UseNames() {
  const Bindings numbers = Numbers();
  std::vector<Op> named = result_.ops;
  for (size_t i = 0; i < named.size(); ++i) {
    MapFds(named[i], [&](Fd fd) {
      for (size_t creator = i; fd.literal() && fd.number() >= 0 && creator-- > 0;) {
        for (uint32_t out = 0; out < Outputs(named[creator].call); ++out) {
          const Fd name = Fd::Output(static_cast<uint32_t>(creator), out);
          if (numbers.Number(name) == fd.number()) return name;
        }
      }
      return fd;
    });
  }
  if (named != result_.ops) Try(std::move(named));
}

void Minimizer::FindWhatMatters() {
  const Minimal minimal = result_;
  std::vector<ArgumentBits> matters(minimal.ops.size(), ArgumentBits{});
  for (size_t at = 0; at < minimal.ops.size() && Affordable(); ++at) {
    const std::span<const ArgSpec> args = Spec(minimal.ops[at].call).args;
    for (size_t slot = 0; slot < args.size(); ++slot) {
      const Op& op = minimal.ops[at];
      const ArgKind kind = SlotSpec(op, slot).kind;
      if (kind == ArgKind::kFd) continue;
      const auto lost = [&](uint64_t value) {
        std::vector<Op> trial = minimal.ops;
        trial[at].arg[slot] = value;
        Canonicalize(trial);
        if (trial == minimal.ops) return false;
        std::vector<Outcome> outcomes;
        Verdict verdict;
        return !Shows(&trial, &outcomes, &verdict);
      };
      uint64_t& bits = matters[at][slot];
      const uint64_t v = op.arg[slot];
      if (kind == ArgKind::kFlags || kind == ArgKind::kEvents) {
        for (uint64_t rest = v; rest != 0; rest &= rest - 1) {
          if (lost(v & ~(rest & -rest))) bits |= rest & -rest;
        }
      } else if (kind == ArgKind::kMemory) {
        if (v != Memory().bits() && lost(Memory().bits())) bits = ~uint64_t{0};
      } else if (lost(v + 1) || (v != 0 && lost(v - 1))) {
        bits = ~uint64_t{0};
      }
    }
  }
  const bool told = Affordable();
  const int executions = result_.executions;
  result_ = minimal;
  result_.executions = executions;
  if (told) result_.matters = std::move(matters);
}

std::string PrintMatters(const Op& op, const ArgumentBits& matters) {
  std::string text;
  const std::span<const ArgSpec> args = Spec(op.call).args;
  for (size_t slot = 0; slot < args.size(); ++slot) {
    if (matters[slot] == 0) continue;
    if (!text.empty()) text += ", ";
    const ArgSpec& spec = SlotSpec(op, slot);
    if (spec.kind == ArgKind::kEvents) {
      text += PrintMask(op.u32(slot) & static_cast<uint32_t>(matters[slot]));
      continue;
    }
    const uint64_t value = op.arg[slot] & matters[slot];
    std::string word;
    for (const Word& w : spec.words) {
      const bool holds = spec.kind == ArgKind::kFlags ? w.value != 0 && (w.value & value) == w.value : w.value == value;
      if (!holds) continue;
      word += (word.empty() ? "" : "|") + std::string(w.name);
      if (spec.kind != ArgKind::kFlags) break;
    }
    text += word.empty() ? std::string(spec.name) : word;
  }
  return text;
}

}  // namespace pollux
