// What kind of divergence: which of the differences, and the rule that decides it.
//
// Provenance comes from the model: an item remembers what last queued it and what last dropped it. A harvest queues
// and drops by itself, so for records that should have come the state before the op is asked, and for records that
// should not have come the state after it. An error or a value that Linux does not give is put down to the rule that,
// asked the other way round, would have given it.

#include <algorithm>
#include <utility>
#include <vector>

#include "oracle/checker.h"

namespace pollux {
namespace {

Id InstanceAt(const State& s, int32_t number) {
  if (number < 0 || static_cast<size_t>(number) >= s.fds.size()) return kNil;
  const File& file = s.files[s.fds[static_cast<size_t>(number)].file];
  return file.type == FileType::kEpoll ? file.object : kNil;
}

bool HasData(std::span<const Record> records, uint64_t data) {
  return std::any_of(records.begin(), records.end(), [data](const Record& r) { return r.data == data; });
}

// The ready-list entry that became record `index`: the list is walked as the harvest walks it.
Id Queued(const State& s, Id instance, std::span<const Record> records, size_t index) {
  const List& ready = s.instances[instance].ready;
  Id i = ready.head;
  // By size as well: a planted judge may have made a ring of the list.
  for (uint32_t left = ready.size, next = 0; left > 0 && i != kNil; --left, i = s.items[i].in_ready.next) {
    if (s.items[i].data != records[next].data) continue;
    if (next++ == index) return i;
  }
  return kNil;
}

// An item with that data, a queued one if `linked` says so.
Id WithData(const State& s, Id instance, uint64_t data, bool linked = false) {
  const List& items = s.instances[instance].items;
  Id i = items.head;
  for (uint32_t left = items.size; left > 0 && i != kNil; --left, i = s.items[i].in_instance.next) {
    if (s.items[i].data == data && (!linked || s.items[i].linked)) return i;
  }
  return kNil;
}

struct WaitDifference {
  Difference difference;
  size_t index;  // of the record in `allowed`, or for kExtra in `observed`
};

// The first record that differs, and what became of it.
WaitDifference CompareRecords(std::span<const Record> allowed, std::span<const Record> observed, const State& after,
                              Id instance) {
  size_t i = 0;
  while (i < allowed.size() && i < observed.size() && allowed[i] == observed[i]) ++i;
  if (i >= observed.size()) return {Difference::kMissing, i};
  if (i >= allowed.size()) return {Difference::kExtra, i};
  const Record &a = allowed[i], &o = observed[i];
  if (a.data == o.data) return {Difference::kBits, i};
  const bool a_later = HasData(observed.subspan(i + 1), a.data);
  const bool o_later = HasData(allowed.subspan(i + 1), o.data);
  if (a_later && o_later) return {Difference::kOrder, i};
  if (a_later) return {Difference::kExtra, i};
  if (o_later) return {Difference::kMissing, i};
  if (WithData(after, instance, o.data) == kNil) return {Difference::kData, i};
  // Both buffers are full and an item came that waits for the next call: it was its turn too early.
  if (WithData(after, instance, o.data, true) != kNil) return {Difference::kOrder, i};
  return {Difference::kExtra, i};
}

std::string_view BitName(uint32_t bit) {
  switch (bit) {
    case kIn:
    case kRdnorm:
      return "in";
    case kOut:
    case kWrnorm:
    case kWrband:
      return "out";
    case kErr:
      return "err";
    case kHup:
      return "hup";
    case kRdhup:
      return "rdhup";
    case kPri:
      return "pri";
    default:
      return "";
  }
}

// The rule of the file's poll that decides the first of the wrong bits.
Rule MaskRule(const Rules& rules, FileType type, uint32_t wrong) {
  const std::string prefix(Model::RulePrefix(type));
  if (const Rule rule = FindRule(prefix + std::string(BitName(wrong & -wrong))); rule != Rule::kNone) return rule;
  for (size_t i = rules.trail_size(); !prefix.empty() && i-- > 0;) {
    if (Info(rules.trail(i)).id.substr(0, prefix.size()) == prefix) return rules.trail(i);
  }
  return rules.last();
}

// Notes what an op asks.
class Listener : public RuleHook {
 public:
  bool Decide(Model&, Rule rule, bool value, uint32_t) override {
    if (std::find(asked.begin(), asked.end(), std::pair(rule, value)) == asked.end()) asked.emplace_back(rule, value);
    return value;
  }
  std::vector<std::pair<Rule, bool>> asked;
};

// The first rule asked whose opposite answer gives what was observed; else the last one that held, which may have
// little to do with it: an op that succeeds notifies others before it returns.
Rule RuleAgainst(const Op& op, const Outcome& observed, const State& before, const Model& after) {
  Model probe(after);
  Listener listener;
  Outcome outcome;
  probe.state() = before;
  for (size_t r = 1; r < kRules; ++r) probe.rules().Hook(static_cast<Rule>(r), &probe, &listener);
  probe.Model::Run(op, &outcome);
  for (const auto& [rule, value] : listener.asked) {
    probe.state() = before;
    probe.rules() = Rules();
    probe.rules().Force(rule, !value);
    probe.Model::Run(op, &outcome);
    if (Agrees(outcome, observed)) return rule;
  }
  return after.rules().last();
}

Rule Known(Rule rule, const Rules& rules) { return rule == Rule::kNone ? rules.last() : rule; }

Kind ClassifyWait(const Op& op, const Outcome& allowed, const Outcome& observed, const State& before,
                  const Model& after) {
  const Id instance = InstanceAt(after.state(), op.fd(0).number());
  const WaitDifference d = CompareRecords(allowed.records, observed.records, after.state(), instance);
  Kind kind = {op.call, d.difference, after.rules().last()};
  switch (d.difference) {
    case Difference::kMissing:
    case Difference::kOrder: {
      const Id item = Queued(before, instance, allowed.records, d.index);
      kind.rule = Known(before.items[item].queued_by, after.rules());
      break;
    }
    case Difference::kExtra: {
      const Id item = WithData(after.state(), instance, observed.records[d.index].data);
      kind.rule = Known(after.state().items[item].dropped_by, after.rules());
      break;
    }
    case Difference::kBits: {
      Id item = Queued(before, instance, allowed.records, d.index);
      if (item == kNil) item = WithData(after.state(), instance, allowed.records[d.index].data);
      kind.rule = MaskRule(after.rules(), before.files[before.items[item].file].type,
                           allowed.records[d.index].events ^ observed.records[d.index].events);
      break;
    }
    default:
      break;
  }
  return kind;
}

Kind ClassifyPoll(const Op& op, const Outcome& allowed, const Outcome& observed, const State& before,
                  const Model& after) {
  for (size_t i = 0; i < allowed.records.size() && i < observed.records.size(); ++i) {
    if (allowed.records[i] == observed.records[i]) continue;
    const int32_t number = op.poll_fd(i).number();
    const bool open = number >= 0 && static_cast<size_t>(number) < before.fds.size();
    const Id file = open ? before.fds[static_cast<size_t>(number)].file : kNil;
    return {op.call, Difference::kBits,
            MaskRule(after.rules(), before.files[file].type, allowed.records[i].events ^ observed.records[i].events)};
  }
  return {op.call, allowed.records.size() > observed.records.size() ? Difference::kMissing : Difference::kExtra,
          after.rules().last()};
}

Difference CompareItems(std::span<const Record> allowed, std::span<const Record> observed) {
  if (allowed.size() != observed.size()) return Difference::kState;
  for (size_t i = 0; i < allowed.size(); ++i) {
    if (allowed[i].fd != observed[i].fd) return Difference::kState;
  }
  for (size_t i = 0; i < allowed.size(); ++i) {
    if (allowed[i].events != observed[i].events) return Difference::kBits;
    if (allowed[i].data != observed[i].data) return Difference::kData;
  }
  return Difference::kMemory;
}

// Events of inotify, oldest first.
Difference CompareNotices(std::span<const Record> allowed, std::span<const Record> observed) {
  for (size_t i = 0; i < allowed.size() && i < observed.size(); ++i) {
    if (allowed[i].data != observed[i].data) return Difference::kData;
    if (allowed[i].events != observed[i].events) return Difference::kBits;
  }
  return allowed.size() > observed.size() ? Difference::kMissing : Difference::kExtra;
}

const Completion* Find(const Outcome& outcome, uint8_t thread) {
  for (const Completion& c : outcome.completions) {
    if (c.thread == thread) return &c;
  }
  return nullptr;
}

Outcome Alone(Outcome outcome) {
  outcome.completions.clear();
  return outcome;
}

// The op did what it should, and other threads came back, or with something else.
Kind ClassifyThreads(const Op& op, const Outcome& allowed, const Outcome& observed, const State& before,
                     const Model& after) {
  const Completion *asleep = nullptr, *woken = nullptr;
  for (uint8_t thread = 1; thread <= kMaxThreads; ++thread) {
    const Completion *a = Find(allowed, thread), *o = Find(observed, thread);
    if (a != nullptr && o != nullptr && !Agrees(a->outcome, o->outcome)) {
      const Op call = thread < before.threads.size() ? before.threads[thread].op : op;
      return Classify(call, a->outcome, o->outcome, before, after);
    }
    if (a != nullptr && o == nullptr && asleep == nullptr) asleep = a;
    if (a == nullptr && o != nullptr && woken == nullptr) woken = o;
  }
  const Completion* first = asleep != nullptr ? asleep : woken;
  const Difference d = asleep == nullptr  ? Difference::kWoken
                       : woken == nullptr ? Difference::kAsleep
                                          : Difference::kWaiter;
  return {first == nullptr ? op.call : first->call, d, RuleAgainst(op, observed, before, after)};
}

bool ReturnsDescriptor(const Op& op) {
  if (op.call == Call::kFcntl) return op.num(1) == kFDupfd || op.num(1) == kFDupfdCloexec;
  return Outputs(op.call) > 0;
}

}  // namespace

Kind Classify(const Op& op, const Outcome& allowed, const Outcome& observed, const State& before, const Model& after,
              Rule previous) {
  Kind kind = {op.call, Difference::kMemory, after.rules().last()};
  const auto with = [&kind](Difference d) {
    kind.difference = d;
    return kind;
  };
  if (observed.kind == Outcome::kDied) return with(Difference::kDied);
  if (observed.kind == Outcome::kHung) return with(Difference::kHung);
  if (!allowed.completions.empty() || !observed.completions.empty()) {
    const Outcome a = Alone(allowed), o = Alone(observed);
    return Agrees(a, o) ? ClassifyThreads(op, allowed, observed, before, after)
                        : Classify(op, a, o, before, after, previous);
  }
  if ((observed.kind == Outcome::kBlocked) != (allowed.kind == Outcome::kBlocked)) return with(Difference::kBlocked);
  if (observed.kind == Outcome::kError || allowed.kind == Outcome::kError) {
    const bool same = observed.kind == allowed.kind && observed.error == allowed.error;
    if (allowed.kind != Outcome::kError) kind.rule = RuleAgainst(op, observed, before, after);
    return with(same ? Difference::kMemory : Difference::kErrno);
  }
  if (observed.kind != allowed.kind) return with(Difference::kValue);
  if (observed.kind == Outcome::kRecords) {
    if (observed.records == allowed.records) return with(Difference::kMemory);
    switch (Spec(op.call).yields) {
      case Yields::kItems:
        kind.rule = Known(previous, after.rules());
        return with(CompareItems(allowed.records, observed.records));
      case Yields::kSignals:
        return with(Difference::kData);
      case Yields::kRevents:
        return ClassifyPoll(op, allowed, observed, before, after);
      case Yields::kEvents:
        if (op.call == Call::kInotifyRead) return with(CompareNotices(allowed.records, observed.records));
        [[fallthrough]];
      default:
        return ClassifyWait(op, allowed, observed, before, after);
    }
  }
  if (observed.kind == Outcome::kValues) {
    const bool same = observed.nvalues == allowed.nvalues &&
                      std::equal(allowed.value, allowed.value + allowed.nvalues, observed.value);
    if (!same) {
      kind.rule = RuleAgainst(op, observed, before, after);
      return with(ReturnsDescriptor(op) ? Difference::kDescriptor : Difference::kValue);
    }
    if (allowed.has_payload && (!observed.has_payload || allowed.payload != observed.payload)) {
      return with(Difference::kData);
    }
  }
  return with(Difference::kMemory);
}

std::string_view DifferenceName(Difference d) {
  switch (d) {
    case Difference::kErrno:
      return "errno";
    case Difference::kValue:
      return "value";
    case Difference::kDescriptor:
      return "descriptor";
    case Difference::kMissing:
      return "missing";
    case Difference::kExtra:
      return "extra";
    case Difference::kBits:
      return "bits";
    case Difference::kOrder:
      return "order";
    case Difference::kData:
      return "data";
    case Difference::kMemory:
      return "memory";
    case Difference::kState:
      return "state";
    case Difference::kBlocked:
      return "blocked";
    case Difference::kAsleep:
      return "asleep";
    case Difference::kWoken:
      return "woken";
    case Difference::kWaiter:
      return "waiter";
    case Difference::kHung:
      return "hung";
    case Difference::kDied:
      return "died";
  }
  return "?";
}

std::string_view ReasonName(Reason r) {
  switch (r) {
    case Reason::kNone:
      return "none";
    case Reason::kFactChanged:
      return "fact-changed";
    case Reason::kOutOfTurn:
      return "out-of-turn";
    case Reason::kTooManyStates:
      return "too-many-states";
    case Reason::kUnmodelled:
      return "unmodelled";
    case Reason::kDisturbed:
      return "disturbed";
  }
  return "?";
}

std::string KindName(const Kind& kind) {
  const std::string_view rule = kind.rule == Rule::kNone ? "no rule" : Info(kind.rule).id;
  std::string name(Spec(kind.call).name);
  name.append(" / ").append(DifferenceName(kind.difference)).append(" / ").append(rule);
  return name;
}

}  // namespace pollux
