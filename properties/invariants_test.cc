// SPEC 11's invariants, on the model and on the kernel. I7 stands with the other laws about two traces
// (metamorphic_test.cc); I9 and I10 are about what only the model can show.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "fuzz/ops.h"
#include "oracle/model_target.h"
#include "properties/laws.h"
#include "properties/traces.h"

namespace pollux {
namespace {

// The op that gave an item the data it reports (Drawn: the data is its index + 1).
const Op* Giver(const std::vector<Op>& ops, uint64_t data) {
  return data == 0 || data > ops.size() || !SetsItem(ops[data - 1]) ? nullptr : &ops[data - 1];
}
bool StaysReady(const std::vector<Op>& ops, const Record& r) {
  const Op* giver = Giver(ops, r.data);
  return giver != nullptr && (giver->u32(4) & (kEt | kOneshot)) == 0;
}

std::vector<int32_t> OpenEpolls(const std::vector<Op>& ops) {
  std::vector<int32_t> numbers;
  for (const OpenFile& f : OpenAtEnd(ops)) {
    if (f.epoll) numbers.push_back(f.number);
  }
  return numbers;
}

// I1, I2, I3.
RC_GTEST_PROP(Invariants, AWaitReportsEachItemOnceWithWhatWasAskedFor, (const Drawn& drawn)) {
  for (const Side& side : Sides()) {
    const std::vector<Outcome> outcomes = Play(side, drawn.ops);
    std::set<uint64_t> spent;
    for (size_t i = 0; i < drawn.ops.size(); ++i) {
      if (!IsWait(drawn.ops[i].call) || !IsRecords(outcomes[i])) continue;
      std::set<uint64_t> seen;
      LAW_HOLDS(static_cast<int32_t>(outcomes[i].records.size()) <= drawn.ops[i].num(2), side, drawn.ops, outcomes);
      for (const Record& r : outcomes[i].records) {
        const Op* giver = Giver(drawn.ops, r.data);
        LAW_HOLDS(giver != nullptr, side, drawn.ops, outcomes);
        LAW_HOLDS(seen.insert(r.data).second, side, drawn.ops, outcomes);
        LAW_HOLDS(r.events != 0, side, drawn.ops, outcomes);
        LAW_HOLDS((r.events & ~(giver->u32(4) | kErr | kHup) & ~kPrivate) == 0, side, drawn.ops, outcomes);
        LAW_HOLDS((r.events & (kPrivate | kUringWake | kNval)) == 0, side, drawn.ops, outcomes);
        const bool once = (giver->u32(4) & kOneshot) != 0;
        LAW_HOLDS(!once || spent.insert(r.data).second, side, drawn.ops, outcomes);
      }
    }
  }
}

// I4, I5.
RC_GTEST_PROP(Invariants, ARepeatedWaitGivesTheLevelTriggeredPart, (const Drawn& drawn)) {
  std::vector<Op> ops = drawn.ops;
  const std::vector<int32_t> epolls = OpenEpolls(ops);
  for (const int32_t ep : epolls) {
    for (int n = 0; n < 2; ++n) ops.push_back(ops::Wait(Fd::Literal(ep), kAll));
  }
  for (const Side& side : Sides()) {
    const std::vector<Outcome> outcomes = Play(side, ops);
    for (size_t e = 0; e < epolls.size(); ++e) {
      const size_t at = drawn.ops.size() + 2 * e;
      std::vector<Record> stay;
      for (const Record& r : outcomes[at].records) {
        if (StaysReady(ops, r)) stay.push_back(r);
      }
      LAW_HOLDS(outcomes[at + 1].records == stay, side, ops, outcomes);
    }
  }
}

// I6.
RC_GTEST_PROP(Invariants, PollOnAnEpollSaysWhetherAWaitWillReport, (const Drawn& drawn)) {
  std::vector<Op> ops = drawn.ops;
  const std::vector<int32_t> epolls = OpenEpolls(ops);
  for (const int32_t ep : epolls) {
    ops.push_back(ops::Poll({{Fd::Literal(ep), static_cast<uint16_t>(kIn | kRdnorm | kOut | kPri)}}));
    ops.push_back(ops::Wait(Fd::Literal(ep), 1));
  }
  for (const Side& side : Sides()) {
    const std::vector<Outcome> outcomes = Play(side, ops);
    for (size_t e = 0; e < epolls.size(); ++e) {
      const size_t at = drawn.ops.size() + 2 * e;
      LAW_HOLDS(IsRecords(outcomes[at]) && outcomes[at].records.size() == 1, side, ops, outcomes);
      const uint32_t expected = outcomes[at + 1].records.empty() ? 0 : kIn | kRdnorm;
      LAW_HOLDS(outcomes[at].records[0].events == expected, side, ops, outcomes);
    }
  }
}

// Has a thread that the op woke returned the event with that data?
bool TakenByThread(const Outcome& outcome, uint64_t data) {
  return std::any_of(outcome.completions.begin(), outcome.completions.end(), [&](const Completion& done) {
    const std::vector<Record>& records = done.outcome.records;
    return !Polls(done.call) &&
           std::any_of(records.begin(), records.end(), [&](const Record& r) { return r.data == data; });
  });
}

// I8: fdinfo before and after every epoll_ctl. A thread that it wakes may have taken the event already.
RC_GTEST_PROP(Invariants, CtlChangesTheInterestListAsItSays, (const Drawn& drawn)) {
  Script script(drawn.ops);
  std::vector<size_t> ctls;
  for (size_t i = 0; i < drawn.ops.size(); ++i) {
    const Op& op = drawn.ops[i];
    if (op.call != Call::kEpollCtl) {
      script.Copy(i);
      continue;
    }
    script.Add(ops::Fdinfo(script.Moved(op.fd(0))));
    script.Copy(i);
    ctls.push_back(script.ops().size() - 1);
    script.Add(ops::Fdinfo(script.Moved(op.fd(0))));
  }
  const std::vector<Op>& ops = script.ops();
  for (const Side& side : Sides()) {
    const std::vector<Outcome> outcomes = Play(side, ops);
    for (const size_t at : ctls) {
      const Op& op = ops[at];
      std::vector<Record> before = outcomes[at - 1].records, after = outcomes[at + 1].records;
      if (!Succeeded(outcomes[at])) {
        LAW_HOLDS(before == after, side, ops, outcomes);
        continue;
      }
      const size_t grown = op.num(1) == kCtlAdd ? 1 : 0, shrunk = op.num(1) == kCtlDel ? 1 : 0;
      LAW_HOLDS(after.size() + shrunk == before.size() + grown, side, ops, outcomes);
      if (op.num(1) == kCtlDel) continue;
      const auto line = std::find_if(after.begin(), after.end(), [&](const Record& r) { return r.data == op.arg[5]; });
      LAW_HOLDS(line != after.end(), side, ops, outcomes);
      const bool disarmed = (op.u32(4) & kOneshot) != 0 && TakenByThread(outcomes[at], op.arg[5]);
      const uint32_t mask = disarmed ? op.u32(4) & kPrivate : op.u32(4) | kErr | kHup;
      LAW_HOLDS(((line->events ^ mask) & ~kWakeup) == 0, side, ops, outcomes);
    }
  }
}

// I9: no chain of more than four edges, no loop.
int32_t LongestChain(const State& s, Id instance, int32_t depth) {
  if (depth > 4) return depth;
  int32_t longest = depth;
  Id item = s.instances[instance].items.head;
  for (; item != kNil; item = s.items[item].in_instance.next) {
    const File& target = s.files[s.items[item].file];
    if (target.type == FileType::kEpoll) longest = std::max(longest, LongestChain(s, target.object, depth + 1));
  }
  return longest;
}

// Does a sender wait at a peer that has connected back since? That lifts its limit, and nobody is told (R4.6.7).
bool NoMoreLimited(const State& s, const File& file) {
  const Socket& sender = s.sockets[file.object];
  return file.type == FileType::kUnix && sender.waits_for != kNil && sender.waits_for == sender.peer &&
         s.sockets[sender.peer].peer == file.object;
}

// I10: what is ready (with `mask`) and not queued was consumed, or became so without a notification that passes.
bool MaySleep(const State& s, const Item& item, uint32_t mask) {
  const FileType type = s.files[item.file].type;
  const bool nested = type == FileType::kEpoll;
  // O_NONBLOCK decides its mask, and F_SETFL tells nobody.
  if (type == FileType::kUserfaultfd) return true;
  constexpr uint32_t kWrite = kOut | kWrnorm | kWrband;
  if ((mask & item.events & ~kWrite) == 0 && NoMoreLimited(s, s.files[item.file])) return true;
  return (item.events & kEt) != 0 || (nested && (item.events & kIn) == 0);
}

RC_GTEST_PROP(Invariants, NothingReadyIsForgottenAndNoChainIsTooLong, (const Drawn& drawn)) {
  ModelTarget target("the model", NewestProfile());
  const Side side = {"the model", &target};
  const std::vector<Outcome> outcomes = Play(side, drawn.ops);
  const Model& model = target.model();
  const State& s = model.state();
  for (size_t n = 3; n < s.fds.size(); ++n) {
    const File& file = s.files[s.fds[n].file];
    if (file.type != FileType::kEpoll) continue;
    LAW_HOLDS(LongestChain(s, file.object, 0) <= 4, side, drawn.ops, outcomes);
    Id id = s.instances[file.object].items.head;
    for (; id != kNil; id = s.items[id].in_instance.next) {
      const Item& item = s.items[id];
      const uint32_t mask = model.PeekMask(item.file);
      const bool ready = (mask & item.events) != 0;
      LAW_HOLDS(!ready || item.linked || MaySleep(s, item, mask), side, drawn.ops, outcomes);
    }
  }
}

// I11: when the last number of every file but the epolls is closed, only epolls are left in any interest list.
RC_GTEST_PROP(Invariants, ClosingAFileTakesItsItemsAlong, (const Drawn& drawn)) {
  std::vector<Op> ops = drawn.ops;
  const std::vector<OpenFile> open = OpenAtEnd(ops);
  for (const OpenFile& f : open) {
    if (!f.epoll) ops.push_back(ops::Close(Fd::Literal(f.number)));
  }
  const size_t closed = ops.size();
  for (const OpenFile& f : open) {
    if (f.epoll) ops.push_back(ops::Fdinfo(Fd::Literal(f.number)));
  }
  // Which ADDs and MODs were about an epoll, the model says.
  std::set<uint64_t> nested;
  int64_t asleep = 0;
  Along(drawn.ops, [&](size_t, const Op& op, const Model& before, const Outcome& outcome) {
    asleep += op.thread != 0 && outcome.kind == Outcome::kBlocked ? 1 : 0;
    asleep -= static_cast<int64_t>(outcome.completions.size());
    if (SetsItem(op) && before.InstanceOf(before.FileAt(op.num(2))) != kNil) nested.insert(op.arg[5]);
  });
  RC_PRE(asleep == 0);  // a call that sleeps holds its files
  for (const Side& side : Sides()) {
    const std::vector<Outcome> outcomes = Play(side, ops);
    for (size_t i = closed; i < ops.size(); ++i) {
      for (const Record& r : outcomes[i].records) LAW_HOLDS(nested.contains(r.data), side, ops, outcomes);
    }
  }
}

}  // namespace
}  // namespace pollux
