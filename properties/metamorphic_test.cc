// Laws about two traces, one made from the other, on the model and on the kernel: no expected outcome is needed.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <set>

#include "fuzz/ops.h"
#include "oracle/bounds.h"
#include "properties/laws.h"

namespace pollux {
namespace {

Fd Number(int32_t n) { return Fd::Literal(n); }

// What `run` did, shown beside what `other` did where they should agree.
#define SAME(condition, side, ops, outcomes, other_ops, other_outcomes)             \
  do {                                                                              \
    if (!(condition)) {                                                             \
      RC_FAIL(std::string(#condition "\n") + Story(side, ops, outcomes) + "and\n" + \
              Story(side, other_ops, other_outcomes));                              \
    }                                                                               \
  } while (false)

std::vector<Op> Then(std::vector<Op> ops, const std::vector<Op>& more) {
  ops.insert(ops.end(), more.begin(), more.end());
  return ops;
}

std::vector<OpenFile> Open(const std::vector<Op>& ops, bool epoll) {
  std::vector<OpenFile> found = OpenAtEnd(ops);
  std::erase_if(found, [epoll](const OpenFile& f) { return f.epoll != epoll; });
  return found;
}

// A wait with room for all on every open epoll.
std::vector<Op> WaitOnAll(const std::vector<Op>& ops) {
  std::vector<Op> waits;
  for (const OpenFile& f : Open(ops, true)) waits.push_back(ops::Wait(Number(f.number), kAll));
  return waits;
}

// A fresh epoll on a file says what poll(2) says.
RC_GTEST_PROP(Metamorphic, EpollAgreesWithPoll, (const Drawn& drawn)) {
  constexpr uint16_t kEverything = kIn | kPri | kOut | kRdnorm | kRdband | kWrnorm | kWrband | kMsg | kRdhup;
  std::vector<Op> ops = drawn.ops;
  std::vector<size_t> polls;
  for (const OpenFile& f : OpenAtEnd(ops)) {
    if (!f.pollable) continue;
    polls.push_back(ops.size());
    const Fd fresh = Fd::Output(static_cast<uint32_t>(ops.size() + 1), 0);
    ops.push_back(ops::Poll({{Number(f.number), kEverything}}));
    ops.push_back(ops::EpollCreate1());
    ops.push_back(ops::Add(fresh, Number(f.number), kEverything, 1));
    ops.push_back(ops::Wait(fresh, 2));
    ops.push_back(ops::Close(fresh));
  }
  for (const Side& side : Sides()) {
    const std::vector<Outcome> outcomes = Play(side, ops);
    for (const size_t at : polls) {
      if (!Succeeded(outcomes[at + 2])) continue;  // an epoll too deep for one more
      LAW_HOLDS(outcomes[at].records.size() == 1, side, ops, outcomes);
      std::vector<Record> expected;
      if (outcomes[at].records[0].events != 0) expected.push_back({outcomes[at].records[0].events, 0, 1});
      LAW_HOLDS(outcomes[at + 3].records == expected, side, ops, outcomes);
    }
  }
}

// --- One deed, several doors -------------------------------------------------------------------------------------

// The four ways to wait give the same records, and both ways to call epoll_ctl do the same, whatever way each op of a
// trace takes. Where a wait would return none, the ring's does not complete.
RC_GTEST_PROP(Metamorphic, EveryWaitAndEveryCtlDoesTheSame, (const Drawn& drawn)) {
  const uint64_t ways = *rc::gen::arbitrary<uint64_t>(), rings = *rc::gen::arbitrary<uint64_t>();
  std::vector<Op> plain = drawn.ops;
  for (Op& op : plain) {
    if (IsWait(op.call)) op = ops::Wait(op.fd(0), op.num(2), 0, op.mem(1));
    if (op.call == Call::kUringEpollCtl) op.call = Call::kEpollCtl;
    if (op.call == Call::kEpollCtl) op.i386 = 0;
  }
  for (const Side& side : Sides()) {
    // There is no io_uring beside threads.
    const bool rings_too = std::none_of(plain.begin(), plain.end(), [](const Op& op) { return op.thread != 0; });
    const bool waits = rings_too && !side.target->Lacks(Call::kUringEpollWait);
    const bool ctls = rings_too && !side.target->Lacks(Call::kUringEpollCtl);
    std::vector<Op> other = plain;
    for (size_t i = 0; i < other.size(); ++i) {
      Op& op = other[i];
      if (ctls && op.call == Call::kEpollCtl && (rings >> i % 64 & 1) != 0) op = ops::UringCtl(op);
      if (op.call != Call::kEpollWait) continue;
      const Fd ep = op.fd(0);
      const int32_t max = op.num(2);
      const Memory buffer = op.mem(1), none = Memory::kNull;
      switch (ways >> 2 * (i % 32) & 3) {
        case 1:
          op = ops::Pwait(ep, max, 0, buffer, none, 8);
          break;
        case 2:
          op = ops::Pwait2(ep, max, buffer, {}, 0, 0, none, 8);
          break;
        case 3:
          if (waits) op = ops::UringWait(ep, max, buffer);
          break;
        default:
          break;
      }
    }
    const std::vector<Outcome> a = Play(side, plain);
    std::vector<Outcome> b = Play(side, other);
    for (size_t i = 0; i < b.size(); ++i) {
      if (other[i].call == Call::kUringEpollWait && b[i].kind == Outcome::kBlocked) b[i].kind = Outcome::kRecords;
    }
    SAME(a == b, side, plain, a, other, b);
  }
}

// --- One description, several numbers ----------------------------------------------------------------------------

// Numbers that a drawn trace does not reach.
constexpr int32_t kHigh = 1000;

// Is it the description that the operand in this slot stands for, and not the number?
bool NamesAFile(const Op& op, size_t slot) {
  switch (op.call) {
    case Call::kEpollCtl:
    case Call::kUringEpollCtl:
    case Call::kKcmpTfd:
      return slot != 2;  // that of an item is part of its key
    case Call::kFcntl:
      return op.num(1) != kFGetfd && op.num(1) != kFSetfd;
    case Call::kClose:
    case Call::kCloseRange:
    case Call::kDup2:
    case Call::kDup3:
    case Call::kIoctl:      // close-on-exec
    case Call::kSignalfd4:  // returns the number
      return false;
    default:
      return !Polls(op.call);
  }
}

// The trace in which each operand that names an open file goes by another number of its description, which `lend` makes
// (ops, the operand) and which is closed again.
template <class Lend>
void Lent(const std::vector<Op>& from, Lend lend, Script* script) {
  Along(from, [&](size_t i, const Op& op, const Model& before, const Outcome&) {
    std::vector<Fd> lent;
    std::array<Fd, kMaxArgs> operand;
    for (size_t slot = 0; slot < Spec(op.call).args.size(); ++slot) {
      if (Spec(op.call).args[slot].kind != ArgKind::kFd || !NamesAFile(op, slot)) continue;
      if (before.FileAt(op.num(slot)) == kNil) continue;
      operand[slot] = lend(script, script->Moved(from[i].fd(slot)));
      lent.push_back(operand[slot]);
    }
    script->Copy(i, [&](Op* copy) {
      for (size_t slot = 0; slot < operand.size(); ++slot) {
        if (operand[slot] != Fd()) copy->arg[slot] = operand[slot].bits();
      }
    });
    for (const Fd fd : lent) script->Add(ops::Close(fd));
  });
}

Fd Output(size_t op, uint32_t out = 0) { return Fd::Output(static_cast<uint32_t>(op), out); }

void SameThrough(const Side& side, const std::vector<Op>& ops, const Script& script) {
  const std::vector<Outcome> a = Play(side, ops), b = Play(side, script.ops());
  for (size_t i = 0; i < ops.size(); ++i) SAME(a[i] == b[script.place(i)], side, ops, a, script.ops(), b);
}

// A whole trace through duplicates.
RC_GTEST_PROP(Metamorphic, WhatIsDoneThroughDupsIsTheSame, (const Drawn& drawn)) {
  Script script(drawn.ops);
  Lent(
      drawn.ops, [](Script* s, Fd fd) { return Output(s->Add(ops::Fcntl(fd, kFDupfd, kHigh))); }, &script);
  for (const Side& side : Sides()) SameThrough(side, drawn.ops, script);
}

// A whole trace through descriptors that went through a socket (SCM_RIGHTS).
RC_GTEST_PROP(Metamorphic, WhatIsDoneThroughPassedDescriptorsIsTheSame, (const Drawn& drawn)) {
  // No message carries an io_uring, and none of the model's a pseudoterminal.
  for (const Op& op : drawn.ops) {
    if (op.call == Call::kRingSetup || op.call == Call::kOpenpty) return;
  }
  Script script(drawn.ops);
  Lent(
      drawn.ops,
      [](Script* s, Fd fd) {
        // The pair is gone before the op: no close_range gets at it, and no number is taken.
        const size_t pair = s->Add(ops::Socketpair(kSockStream, kONonblock));
        s->Add(ops::Sendfd(Output(pair, 0), fd));
        const Fd passed = Output(s->Add(ops::Recvfd(Output(pair, 1))));
        const Fd high = Output(s->Add(ops::Fcntl(passed, kFDupfd, kHigh)));
        for (const Fd low : {passed, Output(pair, 0), Output(pair, 1)}) s->Add(ops::Close(low));
        return high;
      },
      &script);
  for (const Side& side : Sides()) {
    if (!side.target->Lacks(Call::kSendfd) && !side.target->Lacks(Call::kRecvfd)) SameThrough(side, drawn.ops, script);
  }
}

// select and ppoll make of a file's mask what poll(2) says it is.
RC_GTEST_PROP(Metamorphic, SelectAndPpollSayWhatPollSays, (const Drawn& drawn)) {
  std::vector<Op> ops = drawn.ops;
  const size_t first = ops.size();
  for (const OpenFile& f : OpenAtEnd(drawn.ops)) {
    if (f.number >= 64) continue;
    ops.push_back(ops::Poll({{Number(f.number), UINT16_MAX}}));
    ops.push_back(ops::Ppoll({{Number(f.number), UINT16_MAX}}));
    ops.push_back(ops::Select({{Number(f.number), kSelectSets}}));
  }
  for (const Side& side : Sides()) {
    const std::vector<Outcome> outcomes = Play(side, ops);
    for (size_t at = first; at < ops.size(); at += 3) {
      if (!IsRecords(outcomes[at]) || !IsRecords(outcomes[at + 2])) continue;  // the limit is below a set of one
      const uint32_t mask = outcomes[at].records[0].events, sets = outcomes[at + 2].records[0].events;
      LAW_HOLDS(outcomes[at] == outcomes[at + 1], side, ops, outcomes);
      LAW_HOLDS(((sets & kIn) != 0) == ((mask & (kIn | kRdnorm | kRdband | kHup | kErr | kNval)) != 0), side, ops,
                outcomes);
      LAW_HOLDS(((sets & kOut) != 0) == ((mask & (kOut | kWrnorm | kWrband | kErr | kNval)) != 0), side, ops, outcomes);
      LAW_HOLDS(((sets & kPri) != 0) == ((mask & (kPri | kNval)) != 0), side, ops, outcomes);
    }
  }
}

// To a 32-bit caller everything is the same, but for pointers that it cannot have and times of more bits.
RC_GTEST_PROP(Metamorphic, CallersOf32BitsSeeTheSame, (const Drawn& drawn)) {
  std::vector<Op> plain = drawn.ops, other;
  for (Op& op : plain) op.i386 = 0;
  other = plain;
  for (Op& op : other) {
    const std::span<const ArgSpec> args = Spec(op.call).args;
    bool same = Caller32May(op.call) && op.thread == 0;
    for (size_t i = 0; i < args.size(); ++i) {
      if (args[i].kind == ArgKind::kMemory && op.mem(i).kind() == Memory::kKernel) same = false;
      if (args[i].kind == ArgKind::kInt64 && op.arg[i] > INT32_MAX) same = false;
    }
    op.i386 = same;
  }
  for (const Side& side : Sides()) {
    if (side.target->LacksCaller32() != nullptr) continue;
    const std::vector<Outcome> a = Play(side, plain), b = Play(side, other);
    SAME(a == b, side, plain, a, other, b);
  }
}

// What is read into two segments is what would have been read into one, but of perf events, which are read twice.
RC_GTEST_PROP(Metamorphic, TwoSegmentsAreReadAsOne, (const Drawn& drawn)) {
  std::vector<OpenFile> open = Open(drawn.ops, false);
  std::erase_if(open, [](const OpenFile& f) { return f.type == FileType::kPerf; });
  RC_PRE(!open.empty());
  const int32_t number = open[*rc::gen::inRange<size_t>(0, open.size())].number;
  const uint64_t bytes = *rc::gen::element<uint64_t>(1, 8, 9, 4096, 5000),
                 first = *rc::gen::inRange<uint64_t>(0, bytes);
  const Op nonblock = ops::Fcntl(Number(number), kFSetfl, kONonblock);
  const std::vector<Op> waits = WaitOnAll(drawn.ops);
  const std::vector<Op> one = Then(Then(drawn.ops, {nonblock, ops::Read(Number(number), bytes)}), waits);
  const std::vector<Op> two =
      Then(Then(drawn.ops, {nonblock, ops::Readv(Number(number), first, bytes - first)}), waits);
  for (const Side& side : Sides()) {
    const std::vector<Outcome> a = Play(side, one), b = Play(side, two);
    if (b[drawn.ops.size() + 1].kind == Outcome::kSkipped) continue;  // up to the file system
    SAME(a == b, side, one, a, two, b);
  }
}

// An instance that another one watches, and that is looked at through it, reports what it would have reported.
RC_GTEST_PROP(Metamorphic, OneLevelMoreChangesNothing, (const Drawn& drawn)) {
  const std::vector<OpenFile> epolls = Open(drawn.ops, true);
  RC_PRE(!epolls.empty());
  const Fd ep = Number(epolls[*rc::gen::inRange<size_t>(0, epolls.size())].number);
  const Fd above = Fd::Output(static_cast<uint32_t>(drawn.ops.size()), 0);
  const std::vector<Op> plain = Then(drawn.ops, {ops::EpollCreate1(), ops::Wait(ep, kAll)});
  const std::vector<Op> nested =
      Then(drawn.ops, {ops::EpollCreate1(), ops::Add(above, ep, kIn, 1), ops::Wait(above, 2), ops::Wait(ep, kAll)});
  for (const Side& side : Sides()) {
    const std::vector<Outcome> a = Play(side, plain), b = Play(side, nested);
    if (!Succeeded(b[b.size() - 3])) continue;  // too deep for one more
    SAME(b[b.size() - 2].records.size() == (a.back().records.empty() ? 0u : 1u), side, plain, a, nested, b);
    SAME(a.back() == b.back(), side, plain, a, nested, b);
  }
}

bool SomePollConsumes(const Model& model) {
  const Table<File>& files = model.state().files;
  for (Id f = 1; f < files.size(); ++f) {
    if (Model::PollConsumes(files[f].type)) return true;
  }
  return false;
}

// Before each wait of a trace its instance is looked at through up to three others: they report that there is
// something, and the wait what it would have reported.
RC_GTEST_PROP(Metamorphic, LevelsOfNestingReportWhetherTheWaitWill, (const Drawn& drawn)) {
  const int levels = *rc::gen::inRange(1, 4);
  Script script(drawn.ops);
  struct Look {
    size_t op, wait, first_add;
  };
  std::vector<Look> looks;
  Along(drawn.ops, [&](size_t i, const Op& op, const Model& model, const Outcome& out) {
    // From above each file is polled once more: where that takes away what is reported, the wait finds nothing.
    if (!IsWait(op.call) || !IsRecords(out) || SomePollConsumes(model)) return script.Copy(i);
    std::vector<Fd> above = {script.Moved(drawn.ops[i].fd(0))};
    const size_t first = script.ops().size();
    for (int n = 0; n < levels; ++n) {
      const Fd next = Output(script.Add(ops::EpollCreate1()));
      script.Add(ops::Add(next, above.back(), kIn, 1));
      above.push_back(next);
    }
    looks.push_back({i, script.Add(ops::Wait(above.back(), 2)), first + 1});
    script.Copy(i);
    for (int n = levels; n > 0; --n) script.Add(ops::Close(above[static_cast<size_t>(n)]));
  });
  for (const Side& side : Sides()) {
    const std::vector<Outcome> a = Play(side, drawn.ops), b = Play(side, script.ops());
    for (size_t i = 0; i < a.size(); ++i) SAME(a[i] == b[script.place(i)], side, drawn.ops, a, script.ops(), b);
    for (const Look& look : looks) {
      bool added = true;  // a chain may be too deep for so many more
      for (size_t at = look.first_add; at < look.wait; at += 2) added = added && Succeeded(b[at]);
      const size_t expected = a[look.op].records.empty() ? 0 : 1;
      SAME(!added || b[look.wait].records.size() == expected, side, drawn.ops, a, script.ops(), b);
    }
  }
}

// Data is opaque: other data, and nothing else is other.
RC_GTEST_PROP(Metamorphic, DataIsOpaque, (const Drawn& drawn)) {
  const uint64_t key = *rc::gen::arbitrary<uint64_t>();
  const auto rename = [key](uint64_t data) { return (data ^ key) * 0x9e3779b97f4a7c15; };
  std::vector<Op> renamed = drawn.ops;
  for (Op& op : renamed) {
    if (SetsItem(op)) op.arg[5] = rename(op.arg[5]);
  }
  for (const Side& side : Sides()) {
    std::vector<Outcome> a = Play(side, drawn.ops);
    const std::vector<Outcome> b = Play(side, renamed);
    for (size_t i = 0; i < a.size(); ++i) {
      const Call call = drawn.ops[i].call;
      for (Completion& c : a[i].completions) {
        for (Record& r : c.outcome.records) {
          if (IsWait(c.call)) r.data = rename(r.data);
        }
      }
      if (!IsWait(call) && call != Call::kFdinfo) continue;
      for (Record& r : a[i].records) r.data = rename(r.data);
      if (call == Call::kFdinfo) {  // sorted by number and data
        std::sort(a[i].records.begin(), a[i].records.end(),
                  [](const Record& x, const Record& y) { return x.fd != y.fd ? x.fd < y.fd : x.data < y.data; });
      }
    }
    SAME(a == b, side, drawn.ops, a, renamed, b);
  }
}

// What is done through a dup is done to the file.
RC_GTEST_PROP(Metamorphic, ADupIsAsGoodAsTheOriginal, (const Drawn& drawn)) {
  const std::vector<OpenFile> open = OpenAtEnd(drawn.ops);
  RC_PRE(!open.empty());
  const OpenFile file = open[*rc::gen::inRange<size_t>(0, open.size())];
  const int32_t bytes = *rc::gen::element(1, 8, 4096, 5000);
  const int what = *rc::gen::inRange(0, 6);
  const std::vector<Op> before = Then(drawn.ops, {ops::Dup(Number(file.number))});
  const Fd dup = Fd::Output(static_cast<uint32_t>(before.size() - 1), 0);
  const auto act = [&](Fd fd) -> Op {
    switch (what) {
      case 0:
        return ops::Write(fd, static_cast<uint64_t>(bytes), bytes == 8 ? 1 : 0);
      case 1:
        return file.epoll ? ops::Wait(fd, bytes) : ops::Fcntl(fd, kFSetfl, kONonblock);
      case 2:
        return ops::Shutdown(fd, kShutWr);
      case 3:
        return ops::Poll({{fd, kIn | kOut}});
      case 4:
        return file.epoll ? ops::Fdinfo(fd) : ops::Fcntl(fd, kFGetfl, 0);
      default:
        return ops::Recv(fd, static_cast<uint64_t>(bytes), kMsgDontwait);
    }
  };
  // No sleeping in write: it is not for blocking files.
  const Op nonblock = ops::Fcntl(Number(file.number), kFSetfl, kONonblock);
  const std::vector<Op> waits = WaitOnAll(drawn.ops);
  const std::vector<Op> one = Then(Then(before, {nonblock, act(Number(file.number))}), waits);
  const std::vector<Op> other = Then(Then(before, {nonblock, act(dup)}), waits);
  for (const Side& side : Sides()) {
    const std::vector<Outcome> a = Play(side, one), b = Play(side, other);
    SAME(a == b, side, one, a, other, b);
  }
}

// wait(n) reports what wait(k) and then wait(n - k) report, as far as it goes.
RC_GTEST_PROP(Metamorphic, AWaitInTwoPartsReportsTheSame, (const Drawn& drawn)) {
  const std::vector<OpenFile> epolls = Open(drawn.ops, true);
  RC_PRE(!epolls.empty());
  const Fd ep = Number(epolls[*rc::gen::inRange<size_t>(0, epolls.size())].number);
  const int32_t n = *rc::gen::inRange(2, 12), k = *rc::gen::inRange(1, n);
  const std::vector<Op> whole = Then(drawn.ops, {ops::Wait(ep, n)});
  const std::vector<Op> parts = Then(drawn.ops, {ops::Wait(ep, k), ops::Wait(ep, n - k)});
  for (const Side& side : Sides()) {
    const std::vector<Outcome> a = Play(side, whole), b = Play(side, parts);
    std::vector<Record> together = b[b.size() - 2].records;
    together.insert(together.end(), b.back().records.begin(), b.back().records.end());
    const std::vector<Record>& once = a.back().records;
    SAME(together.size() >= once.size() && std::equal(once.begin(), once.end(), together.begin()), side, whole, a,
         parts, b);
    // What was not said once is said by nobody twice, unless it was said already.
    SAME(static_cast<int32_t>(once.size()) < n || together.size() == once.size(), side, whole, a, parts, b);
  }
}

// A line of its fdinfo, if its number stands in no other: what the number names then is this item, or none.
const Record* Pick(const std::vector<Record>& items, size_t pick) {
  if (items.empty()) return nullptr;
  const Record& item = items[pick % items.size()];
  const bool twice = std::count_if(items.begin(), items.end(), [&](const Record& r) { return r.fd == item.fd; }) > 1;
  return twice ? nullptr : &item;
}

std::vector<Record> Without(std::vector<Record> records, uint64_t data) {
  std::erase_if(records, [data](const Record& r) { return r.data == data; });
  return records;
}

// I7, the first half: an item that is taken out and put in again is last, and the others do not notice.
RC_GTEST_PROP(Metamorphic, DelAndAddPutLast, (const Drawn& drawn)) {
  const std::vector<OpenFile> epolls = Open(drawn.ops, true);
  RC_PRE(!epolls.empty());
  const Fd ep = Number(epolls[*rc::gen::inRange<size_t>(0, epolls.size())].number);
  const size_t pick = *rc::gen::inRange<size_t>(0, 1000);
  const std::vector<Op> plain = Then(drawn.ops, {ops::Fdinfo(ep), ops::Wait(ep, kAll)});
  for (const Side& side : Sides()) {
    const std::vector<Outcome> a = Play(side, plain);
    const Record* item = Pick(a[a.size() - 2].records, pick);
    if (item == nullptr) continue;
    const Fd fd = Number(item->fd);
    const std::vector<Op> again =
        Then(drawn.ops, {ops::Del(ep, fd), ops::Add(ep, fd, item->events, item->data), ops::Wait(ep, kAll)});
    const std::vector<Outcome> b = Play(side, again);
    if (!Succeeded(b[b.size() - 3])) continue;  // a ghost cannot be named
    // Paths may have grown beyond their limit where nobody counted them (R6.9, R6.10): then the new ADD does.
    if (b[b.size() - 2].kind == Outcome::kError && b[b.size() - 2].error == kEINVAL) continue;
    SAME(Succeeded(b[b.size() - 2]), side, plain, a, again, b);
    const std::vector<Record>& after = b.back().records;
    const auto at = std::find_if(after.begin(), after.end(), [&](const Record& r) { return r.data == item->data; });
    SAME(at == after.end() || at + 1 == after.end(), side, plain, a, again, b);
    SAME(Without(a.back().records, item->data) == Without(after, item->data), side, plain, a, again, b);
  }
}

// I7, the second half: MOD never moves an item that is queued.
RC_GTEST_PROP(Metamorphic, ModDoesNotMove, (const Drawn& drawn)) {
  const std::vector<OpenFile> epolls = Open(drawn.ops, true);
  RC_PRE(!epolls.empty());
  const Fd ep = Number(epolls[*rc::gen::inRange<size_t>(0, epolls.size())].number);
  const size_t pick = *rc::gen::inRange<size_t>(0, 1000);
  const std::vector<Op> plain = Then(drawn.ops, {ops::Fdinfo(ep), ops::Wait(ep, kAll)});
  for (const Side& side : Sides()) {
    const std::vector<Outcome> a = Play(side, plain);
    const Record* item = Pick(a[a.size() - 2].records, pick);
    const std::vector<Record>& ready = a.back().records;
    if (item == nullptr || Without(ready, item->data).size() == ready.size()) continue;  // not queued
    const std::vector<Op> mod =
        Then(drawn.ops, {ops::Mod(ep, Number(item->fd), item->events, item->data), ops::Wait(ep, kAll)});
    const std::vector<Outcome> b = Play(side, mod);
    SAME(ready == b.back().records, side, plain, a, mod, b);
  }
}

// --- Independent ops ---------------------------------------------------------------------------------------------

// Calls about one more number of a file, or about an item under a number that was closed.
bool NumbersMatter(Call call) { return call == Call::kDup || call == Call::kRecvfd || call == Call::kKcmpTfd; }

// The trace without what reaches outside it or depends on its numbers: changes that all are
// told of, literal operands, ranges, chosen numbers, names
// whose number may be another file's by now, and further numbers of a file that may be one under which it is
// registered, and what the whole process shares: its signals, the children that it may have, and its threads.
std::vector<Op> Secluded(const std::vector<Op>& ops) {
  std::vector<bool> drop(ops.size());
  std::set<std::pair<uint32_t, uint32_t>> closed;
  constexpr Call kShared[] = {Call::kRaise, Call::kKill, Call::kSigqueue, Call::kSignalfd4, Call::kChild};
  for (size_t i = 0; i < ops.size(); ++i) {
    const Op& op = ops[i];
    bool out = op.thread != 0 || op.call == Call::kChange || op.call == Call::kCloseRange || op.call == Call::kDup2 ||
               op.call == Call::kDup3 || op.call == Call::kFdinfo || (NumbersMatter(op.call) && !closed.empty()) ||
               std::find(std::begin(kShared), std::end(kShared), op.call) != std::end(kShared) ||
               (op.call == Call::kFcntl && op.num(1) != kFGetfl && op.num(1) != kFSetfl);
    Op operands = op;
    MapFds(operands, [&](Fd fd) {
      out = out || fd.literal() || drop[fd.op()] || closed.contains({fd.op(), fd.out()});
      return fd;
    });
    drop[i] = out;
    if (!out && op.call == Call::kClose) closed.insert({op.fd(0).op(), op.fd(0).out()});
  }
  std::vector<Op> kept = WithoutOps(ops, drop);
  NeverBlock(&kept);
  return kept;
}

// Outcomes without descriptor numbers.
void Anonymous(const Op& op, Outcome* outcome) {
  if (Outputs(op.call) > 0 && op.call != Call::kFcntl && Succeeded(*outcome)) outcome->value[0] = outcome->value[1] = 0;
}

// Two worlds that share no file do not notice how their ops are interleaved.
RC_GTEST_PROP(Metamorphic, IndependentOpsCommute, (const Drawn& one, const Drawn& two)) {
  const std::vector<Op> a = Secluded(one.ops), b = Secluded(two.ops);
  std::vector<Op> in_turn, mixed;
  std::vector<size_t> place;  // of mixed[i] in in_turn
  // Appends an op; `at` says where the earlier ones of its world stand.
  const auto put = [](const Op& from, const std::vector<size_t>& at, std::vector<Op>* to) {
    Op op = from;
    MapFds(op, [&](Fd fd) { return fd.literal() ? fd : Fd::Output(static_cast<uint32_t>(at[fd.op()]), fd.out()); });
    to->push_back(op);
    return to->size() - 1;
  };
  std::vector<size_t> turn_a(a.size()), turn_b(b.size()), at_a(a.size()), at_b(b.size());
  for (size_t i = 0; i < a.size(); ++i) turn_a[i] = put(a[i], turn_a, &in_turn);
  for (size_t i = 0; i < b.size(); ++i) turn_b[i] = put(b[i], turn_b, &in_turn);
  const uint64_t coin = *rc::gen::arbitrary<uint64_t>();
  for (size_t i = 0, j = 0; i < a.size() || j < b.size();) {
    const bool from_a = j == b.size() || (i < a.size() && (coin >> (i + j) % 64 & 1) != 0);
    if (from_a) {
      at_a[i] = put(a[i], at_a, &mixed), place.push_back(turn_a[i]), ++i;
    } else {
      at_b[j] = put(b[j], at_b, &mixed), place.push_back(turn_b[j]), ++j;
    }
  }
  for (const Side& side : Sides()) {
    std::vector<Outcome> x = Play(side, in_turn), y = Play(side, mixed);
    for (size_t i = 0; i < mixed.size(); ++i) {
      Anonymous(mixed[i], &y[i]);
      Anonymous(mixed[i], &x[place[i]]);
      SAME(y[i] == x[place[i]], side, in_turn, x, mixed, y);
    }
  }
}

}  // namespace
}  // namespace pollux
