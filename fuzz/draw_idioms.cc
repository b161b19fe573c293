// Idioms: sequences around one instance, or several, in which something interesting can happen.

#include <algorithm>
#include <array>

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "fuzz/tame.h"
#include "model/abi.h"

namespace pollux {

// Makes n items of `ep` ready, creating what is missing; their numbers, -1 behind the last.
void Generator::ManyReady(int32_t ep, uint32_t n, std::array<int32_t, 8>* numbers) {
  numbers->fill(-1);
  const Shadow::FileId instance = shadow_.At(ep);
  uint32_t found = 0;
  for (uint32_t i = 0; i < n; ++i) {
    const Shadow::Item* item = shadow_.ItemOf(instance, random_);
    int32_t number = item == nullptr ? -1 : item->number;
    const bool fresh = number < 0 || shadow_.At(number) == Shadow::kNoFile || random_->OneIn(2);
    if (fresh) {
      number = random_->OneIn(2) ? Create(FileKind::kEventfd) : CreateByTaste();
      if (number < 0) return;
      Register(ep, number, Events(shadow_.KindAt(number)));
    }
    Ready(shadow_.At(number));
    (*numbers)[found++] = number;
  }
}

// An entry that went stale keeps its place, unless a scan comes by (R4.G5, R4.G6).
void Generator::Stale(int32_t ep) {
  std::array<int32_t, 8> n;
  const uint32_t count = random_->Between(2, 4);
  ManyReady(ep, count, &n);
  const uint32_t which = random_->Below(count);
  if (n[which] < 0) return;
  const Shadow::FileId file = shadow_.At(n[which]);
  Unready(file);
  switch (random_->Below(4)) {
    case 0:
      Emit(ops::Poll({{Operand(ep), kIn}}));
      break;
    case 1:
      Wait(ep, 1);
      break;
    default:
      break;
  }
  if (random_->OneIn(2)) ReadyItem();
  Ready(file);
  Wait(ep, 32);
}

// More ready than a wait takes: leftovers stay in front (R4.G3).
void Generator::Rotation(int32_t ep) {
  std::array<int32_t, 8> n;
  ManyReady(ep, random_->Between(3, 6), &n);
  for (uint32_t i = random_->Between(2, 5); i > 0; --i) {
    Wait(ep, static_cast<int32_t>(random_->Between(1, 3)));
    if (random_->OneIn(3)) ReadyItem();
    if (random_->OneIn(6)) UnreadyItem();
  }
  Wait(ep, 32);
}

// A buffer that ends too early: what was not copied goes back in front (R4.G8).
void Generator::FaultyCopy(int32_t ep) {
  std::array<int32_t, 8> n;
  ManyReady(ep, random_->Between(1, 5), &n);
  if (random_->OneIn(3) && n[0] >= 0) Unready(shadow_.At(n[0]));
  Emit(ops::Wait(Operand(ep), 16, 0, BadMemory(4)));
  if (random_->OneIn(2)) ReadyItem();
  if (random_->OneIn(3)) Emit(ops::Wait(Operand(ep), static_cast<int32_t>(random_->Between(1, 3)), 0, BadMemory(2)));
  Wait(ep, 32);
  Wait(ep, 32);
}

// A registered number is closed while the file lives on (R3.2 to R3.4).
void Generator::Ghost(int32_t ep) {
  Random& r = *random_;
  const int32_t n = CreateByTaste();
  if (n < 0) return;
  const uint32_t events = Events(shadow_.KindAt(n)) & ~kExclusive;
  const Fd number = Fd::Literal(n);
  Register(ep, n, events);
  const int32_t other = Duplicate(n);
  if (other < 0) return;
  if (r.OneIn(3)) Register(ep, other, Events(shadow_.KindAt(other)));
  Emit(ops::Close(Operand(n)));
  if (r.OneIn(2)) Ready(shadow_.At(other));
  if (r.OneIn(2)) Wait(ep);
  constexpr int32_t kOps[] = {kCtlAdd, kCtlDel, kCtlMod};
  if (r.OneIn(2)) Emit(ops::Ctl(Operand(ep), r.Pick(kOps), number, events, Data()));
  if (r.OneIn(3)) {
    const int32_t fresh = CreateByTaste();  // takes the number
    if (fresh >= 0) Emit(ops::Ctl(Operand(ep), r.Pick(kOps), Operand(fresh), events, Data()));
    if (r.OneIn(2) && fresh >= 0) Emit(ops::Close(Operand(fresh)));
  }
  if (r.OneIn(2)) {
    Emit(r.OneIn(2) ? ops::Dup(Operand(other)) : ops::Dup2(Operand(other), number));  // the same key again
    Emit(ops::Ctl(Operand(ep), r.Pick(kOps), number, events, Data()));
  }
  if (r.OneIn(2)) Emit(ops::Fdinfo(Operand(ep)));
  Ready(shadow_.At(other));
  Wait(ep, 32);
  if (r.OneIn(2)) Emit(ops::Close(Operand(other)));
  Wait(ep, 32);
}

// Instances in a line, built from either end, with leaves (R6.2 to R6.4, R6.20 to R6.27).
void Generator::Chain() {
  Random& r = *random_;
  const uint32_t depth = r.OneIn(3) ? r.Between(5, 6) : r.Between(2, 5);
  std::array<int32_t, 6> chain;
  const bool old = r.OneIn(2);
  for (uint32_t i = 0; i < depth; ++i) {
    chain[i] = old && i == 0 ? SomeEpoll() : CreateEpoll();
    if (chain[i] < 0) return;
  }
  const auto link = [&](uint32_t i) {
    uint32_t events = r.Chance(200) ? kIn : kIn | kEt;
    if (r.OneIn(8)) events = kRdnorm;
    if (r.OneIn(8)) events = Events(FileKind::kEpoll);
    Register(chain[i + 1], chain[i], events & ~kExclusive);
  };
  const auto leaf = [&](uint32_t i) {
    const int32_t n = r.OneIn(2) ? SomeFile() : CreateByTaste();
    if (n >= 0) Register(chain[i], n, Events(shadow_.KindAt(n)));
    return n;
  };
  const bool early = r.OneIn(2);
  int32_t n = early ? leaf(0) : -1;
  const uint32_t how = r.Below(3);
  if (how == 2 && depth > 2) {
    // Two parts, then the link between them.
    const uint32_t cut = r.Below(depth - 1);
    for (uint32_t i = 0; i + 1 < depth; ++i) {
      if (i != cut) link(i);
    }
    link(cut);
  } else {
    for (uint32_t i = 0; i + 1 < depth; ++i) link(how == 0 ? i : depth - 2 - i);
  }
  if (!early) n = leaf(0);
  if (r.OneIn(3)) leaf(r.Below(depth));
  for (uint32_t round = r.Between(1, 3); round > 0; --round) {
    if (n >= 0) Ready(shadow_.At(n));
    for (uint32_t i = r.Between(1, 4); i > 0; --i) {
      const int32_t at = chain[r.OneIn(2) ? depth - 1 : r.Below(depth)];
      r.OneIn(5) ? Emit(ops::Poll({{Operand(at), kIn}})) : Wait(at);
    }
    if (n >= 0 && r.OneIn(2)) Unready(shadow_.At(n));
    if (r.OneIn(4)) Modify();
  }
}

// One leaf under two instances of one outer, or one instance twice (R6.5, R6.28).
void Generator::Diamond() {
  Random& r = *random_;
  const int32_t top = CreateEpoll(), left = CreateEpoll(), right = r.OneIn(3) ? Duplicate(left) : CreateEpoll();
  const int32_t leaf = r.OneIn(2) ? Create(FileKind::kEventfd) : SomeFile();
  if (top < 0 || left < 0 || right < 0 || leaf < 0) return;
  const uint32_t edge = r.OneIn(2) ? kEt : 0;
  Register(left, leaf, Events(shadow_.KindAt(leaf)));
  Register(right, leaf, Events(shadow_.KindAt(leaf)));
  Register(top, left, kIn | edge);
  Register(top, right, kIn | edge);
  if (r.OneIn(2)) Register(top, leaf, Events(shadow_.KindAt(leaf)));
  for (uint32_t i = r.Between(1, 3); i > 0; --i) {
    Ready(shadow_.At(leaf));
    Wait(top);
    if (r.OneIn(2)) Wait(r.OneIn(2) ? left : right);
    if (r.OneIn(2)) Wait(top, 32);
    if (r.OneIn(3)) Unready(shadow_.At(leaf));
  }
}

// What must be refused: a loop (R6.2), an instance in itself (R6.1).
void Generator::Loop() {
  Random& r = *random_;
  const uint32_t length = r.Between(1, 4);
  std::array<int32_t, 4> ring;
  for (uint32_t i = 0; i < length; ++i) {
    ring[i] = CreateEpoll();
    if (ring[i] < 0) return;
  }
  for (uint32_t i = 0; i + 1 < length; ++i) Register(ring[i], ring[i + 1], kIn);
  const int32_t last = ring[length - 1];
  Register(r.OneIn(3) ? Duplicate(last) : last, r.OneIn(3) ? Duplicate(ring[0]) : ring[0], kIn);
  if (r.OneIn(2)) {
    // It opens again, so the last link becomes legal.
    if (length > 1) Emit(ops::Del(Operand(ring[0]), Operand(ring[1])));
    Register(last, ring[0], kIn);
  }
  if (r.OneIn(4)) Emit(ops::Ctl(Operand(last), r.OneIn(2) ? kCtlMod : 7, Operand(ring[0]), kIn, Data()));
}

// Up to a reverse-path limit and over it (R6.7 to R6.11): a leaf under k instances, where each step up is taken by
// several items, so that their product is the number of paths.
void Generator::Paths() {
  Random& r = *random_;
  if (r.OneIn(8)) return ShorterPaths();
  if (r.OneIn(24)) return DirectPaths();
  constexpr uint32_t kLimit[] = {0, 0, 500, 100, 50, 10};
  const uint32_t k = r.OneIn(5) ? 2 : r.Between(3, 5);
  uint32_t ways[5], product = 1;
  for (uint32_t i = 0; i < k; ++i) ways[i] = 1;
  // All but one step are fixed; the growing one passes the limit.
  const uint32_t grows = r.Below(k);
  for (uint32_t i = 0; i < 8; ++i) {
    const uint32_t step = r.Below(k);
    const uint32_t more = k == 2 ? r.Between(15, 25) : r.Between(2, 5);
    if (step == grows || ways[step] != 1 || product * more > kLimit[k]) continue;
    ways[step] = more, product *= more;
  }
  if (kLimit[k] / product > (r.OneIn(16) ? 500u : 50u)) return;
  ways[grows] = kLimit[k] / product + r.Below(3);

  std::array<int32_t, 5> at;
  const int32_t leaf = r.OneIn(8) ? SomeFile() : Create(FileKind::kEventfd);
  for (uint32_t i = 0; i < k; ++i) at[i] = CreateEpoll();
  if (leaf < 0 || at[k - 1] < 0) return;
  // Step i: ways[i] items for `what` in at[i]; a dup each, or for the last step now and then an instance each.
  const auto climb = [&](uint32_t i) {
    const int32_t what = i == 0 ? leaf : at[i - 1];
    const bool wide = i == k - 1 && r.OneIn(2);
    for (uint32_t n = 0; n < ways[i]; ++n) {
      const int32_t outer = n > 0 && wide ? CreateEpoll() : at[i];
      const int32_t inner = n > 0 && !wide ? Duplicate(what) : what;
      if (outer < 0 || inner < 0) return;
      Emit(ops::Add(shadow_.Name(outer), shadow_.Name(inner), kIn, n));
    }
  };
  // Mostly bottom-up with the growing step last; the other orders check other leaves.
  if (r.OneIn(3)) {
    for (uint32_t i = k; i > 0; --i) climb(i - 1);
  } else {
    for (uint32_t i = 0; i < k; ++i) {
      if (i != grows) climb(i);
    }
    climb(grows);
  }
  if (r.OneIn(2)) {
    // One path fewer, one more.
    const int32_t what = grows == 0 ? leaf : at[grows - 1];
    Emit(ops::Del(shadow_.Name(at[grows]), shadow_.Name(what)));
    Emit(ops::Add(shadow_.Name(at[grows]), shadow_.Name(what), kIn, 1));
    const int32_t again = Duplicate(what);
    if (again >= 0) Emit(ops::Add(shadow_.Name(at[grows]), shadow_.Name(again), kIn, 2));
  }
  if (r.OneIn(4)) {
    const int32_t other = Create(FileKind::kEventfd);
    Register(at[0], other, kIn);
  }
  Ready(shadow_.At(leaf));
  Wait(at[k - 1]);
}

// A leaf under instances in a line; step i is taken by ways[i] items, a dup each.
bool Generator::Tower(int32_t leaf, std::initializer_list<uint32_t> ways, std::array<int32_t, 5>* at) {
  int32_t below = leaf;
  uint32_t i = 0;
  for (const uint32_t n : ways) {
    const int32_t ep = CreateEpoll();
    if (ep < 0 || below < 0) return false;
    for (uint32_t k = 0; k < n; ++k) {
      const int32_t number = k == 0 ? below : Duplicate(below);
      if (number < 0) return false;
      Emit(ops::Add(shadow_.Name(ep), shadow_.Name(number), kIn, k));
    }
    below = (*at)[i++] = ep;
  }
  return true;
}

// Paths that became shorter are too many of their class by now, which nobody notices before an ADD looks (R6.9, R6.11).
void Generator::ShorterPaths() {
  Random& r = *random_;
  const int32_t leaf = Create(FileKind::kEventfd);
  std::array<int32_t, 5> five, four;
  if (leaf < 0 || !Tower(leaf, {1, 2, 5, 1, 1}, &five) || !Tower(leaf, {1, 5, 10, 1}, &four)) return;
  Emit(ops::Del(shadow_.Name(five[4]), shadow_.Name(five[3])));
  const int32_t fresh = CreateEpoll(), again = Duplicate(leaf);
  if (fresh < 0 || again < 0) return;
  Emit(ops::Add(shadow_.Name(fresh), shadow_.Name(leaf), kIn, 1));
  if (r.OneIn(2)) Emit(ops::Add(shadow_.Name(four[0]), shadow_.Name(again), kIn, 2));
  if (r.OneIn(2)) Emit(ops::Add(shadow_.Name(four[3]), shadow_.Name(fresh), kIn, 3));
}

// More than a thousand watchers of one leaf, which is no path limit (R6.9), seen by an ADD that counts.
void Generator::DirectPaths() {
  constexpr uint32_t kSide = 34;
  std::array<int32_t, kSide> numbers;
  numbers[0] = Create(FileKind::kEventfd);
  for (uint32_t i = 1; i < kSide; ++i) numbers[i] = Duplicate(numbers[0]);
  int32_t ep = -1;
  for (uint32_t i = 0; i < kSide; ++i) {
    ep = CreateEpoll();
    if (ep < 0) return;
    for (int32_t n : numbers) {
      if (n >= 0) Emit(ops::Add(shadow_.Name(ep), shadow_.Name(n), kIn, i));
    }
  }
  const int32_t outer = CreateEpoll();
  if (outer >= 0) Emit(ops::Add(shadow_.Name(outer), shadow_.Name(ep), kIn, 1));
}

// Delivered once, then silent until MOD (R2.14 to R2.16).
void Generator::Oneshot(int32_t ep) {
  Random& r = *random_;
  const int32_t n = CreateByTaste();
  if (n < 0) return;
  const Shadow::FileId file = shadow_.At(n);
  const uint32_t events = (Events(shadow_.KindAt(n)) & ~kExclusive) | kOneshot;
  Register(ep, n, events);
  Ready(file);
  if (r.OneIn(4)) Unready(file);
  Wait(ep, 32);
  if (r.OneIn(2)) r.OneIn(2) ? Nudge(file) : Ready(file);
  if (r.OneIn(3)) ReadyItem();
  if (r.OneIn(3)) Wait(ep, 32);
  if (r.OneIn(4)) Emit(ops::Fdinfo(Operand(ep)));
  if (r.OneIn(4)) Emit(ops::Add(Operand(ep), Operand(n), events, Data()));
  Emit(ops::Mod(Operand(ep), Operand(n), r.OneIn(4) ? 0 : events, Data()));
  if (r.OneIn(2)) Ready(file);
  Wait(ep, 32);
}

// One file in several instances, exclusive and not (R0.3, R0.4, R5.41).
void Generator::Shared() {
  Random& r = *random_;
  const int32_t n = r.OneIn(2) ? SomeFile() : Create(FileKind::kEventfd);
  if (n < 0) return;
  const bool one = r.OneIn(2);  // all in one instance, under several numbers
  const int32_t home = SomeEpoll();
  std::array<int32_t, 6> eps, numbers;
  const uint32_t count = r.Between(2, 6);
  for (uint32_t i = 0; i < count; ++i) {
    eps[i] = one || i == 0 ? home : CreateEpoll();
    numbers[i] = one && i > 0 ? Duplicate(n) : n;
    if (eps[i] < 0 || numbers[i] < 0) return;
    uint32_t events = Usual(shadow_.KindAt(n)) | (r.OneIn(2) ? kEt : 0) | (r.OneIn(2) ? kExclusive : 0);
    if (r.OneIn(8)) events |= kIn | kOut;
    Register(eps[i], numbers[i], events);
  }
  for (uint32_t round = r.Between(1, 3); round > 0; --round) {
    Ready(shadow_.At(n));
    if (one) {
      Wait(home, r.OneIn(3) ? 2 : 32);
    } else {
      for (uint32_t i = 0; i < count; ++i) {
        if (r.Below(4) != 0) Wait(eps[i], 32);
      }
    }
    if (r.OneIn(3)) {
      const uint32_t i = r.Below(count);
      Emit(ops::Del(Operand(eps[i]), Operand(numbers[i])));
      if (r.OneIn(2)) Register(eps[i], numbers[i], kIn | (r.OneIn(2) ? kExclusive : 0));
    }
  }
}

// DEL and ADD move an item to the end, MOD does not (R2.10, R2.11, I7).
void Generator::Reorder(int32_t ep) {
  Random& r = *random_;
  std::array<int32_t, 8> n;
  ManyReady(ep, r.Between(2, 4), &n);
  for (uint32_t i = r.Between(1, 3); i > 0; --i) {
    const int32_t number = n[r.Below(3)];
    if (number < 0) continue;
    const Fd fd = Operand(number);
    const uint32_t events = Events(shadow_.KindAt(number)) & ~kExclusive;
    switch (r.Below(4)) {
      case 0:
        Emit(ops::Del(Operand(ep), fd));
        Emit(ops::Add(Operand(ep), fd, events, Data()));
        break;
      case 1:
        Emit(ops::Mod(Operand(ep), fd, kPri, Data()));
        if (r.OneIn(3)) Wait(ep);
        Emit(ops::Mod(Operand(ep), fd, events, Data()));
        break;
      default:
        Emit(ops::Mod(Operand(ep), fd, events, Data()));
    }
  }
  Wait(ep);
  Wait(ep, 32);
}

// No number is left: creators fail, everything else works (R1.4, R8.3).
void Generator::TableFull() {
  Random& r = *random_;
  Emit(ops::Prlimit(3 + shadow_.open_count() + r.Below(2)));
  for (uint32_t i = r.Between(2, 5); i > 0; --i) {
    switch (r.Below(7)) {
      case 0:
        CreateEpoll();
        break;
      case 1:
        Duplicate(AnyNumber());
        break;
      case 2:
        BadCreate();
        break;
      case 3:
        Replace();
        break;
      case 4:
        Add();
        break;
      default:
        CreateByTaste();
    }
  }
  if (r.OneIn(3)) CloseOne(), CreateByTaste();
  WaitSome();
  if (r.Below(4) != 0) Emit(ops::Prlimit(1024));
}

// close_range releases from the top down (R3.13): watchers of the peers see it.
void Generator::RangeOfPeers(int32_t ep) {
  Random& r = *random_;
  constexpr FileKind kPairs[] = {FileKind::kPipeRead, FileKind::kStream, FileKind::kSeqpacket};
  const FileKind kind = r.Pick(kPairs);
  const uint32_t count = r.Between(2, 4);
  std::array<Fd, 4> near, far;
  for (uint32_t i = 0; i < count; ++i) {
    Create(kind);
    const uint32_t at = shadow_.size() - ((*ops_).back().call == Call::kFcntl ? 2 : 1);
    near[i] = Fd::Output(at, 0), far[i] = Fd::Output(at, 1);
    if (shadow_.Number(near[i]) < 0) return;
  }
  int32_t first = -1, last = -1;
  for (uint32_t i = 0; i < count; ++i) {
    Emit(ops::Fcntl(far[i], kFDupfd, 40));
    const int32_t moved = shadow_.Number(Fd::Output(shadow_.size() - 1, 0));
    Emit(ops::Close(far[i]));
    if (i == 0) first = moved;
    last = moved;
    Emit(ops::Add(Operand(ep), near[i], kIn | (r.OneIn(2) ? kEt : 0), Data()));
  }
  if (first < 0 || last < first) return;
  Emit(ops::Make(Call::kCloseRange, {Operand(first).bits(), Operand(last).bits(), 0}));
  Wait(ep, 32);
  if (r.OneIn(2)) Wait(ep);
}

// Many numbers of one file: one notification, many items.
void Generator::Crowd(int32_t ep) {
  Random& r = *random_;
  const int32_t n = r.OneIn(2) ? Create(FileKind::kEventfd) : SomeFile();
  if (n < 0) return;
  const uint32_t events = Events(shadow_.KindAt(n)) & ~kExclusive;
  const uint32_t count = 3 + static_cast<uint32_t>(r.Skewed(r.OneIn(8) ? 6 : 4));
  Register(ep, n, events);
  for (uint32_t i = 1; i < count; ++i) {
    const int32_t again = Duplicate(n);
    if (again < 0) break;
    Register(ep, again, r.OneIn(4) ? Events(shadow_.KindAt(n)) : events);
  }
  for (uint32_t i = r.Between(1, 4); i > 0; --i) {
    Ready(shadow_.At(n));
    Wait(ep, static_cast<int32_t>(1 + r.Below(count + 2)));
    if (r.OneIn(3)) Delete();
    if (r.OneIn(3)) Modify();
  }
}

// Close-on-exec comes with the descriptor, and goes with it.
void Generator::Cloexec() {
  Random& r = *random_;
  int32_t n = AnyNumber();
  switch (r.Below(6)) {
    case 0:
      Emit(ops::Fcntl(Operand(n), kFSetfd, r.Below(2)));
      break;
    case 1:
      Emit(ops::Make(Call::kIoctl, {Operand(n).bits(), r.OneIn(3) ? 0x5450u : 0x5451u}));
      if (r.OneIn(3)) Emit(ops::Make(Call::kIoctl, {Operand(n).bits(), 0x5450u}));
      break;
    case 2:
      Emit(ops::Make(Call::kCloseRange, {Operand(n).bits(), Operand(n).bits(), kCloseRangeCloexec}));
      break;
    case 3:
      Emit(ops::Dup3(Operand(n), Fd::Literal(3 + static_cast<int32_t>(r.Below(40))), r.OneIn(2) ? kOCloexec : 0));
      n = shadow_.Number(Fd::Output(shadow_.size() - 1, 0));
      break;
    case 4:
      Emit(ops::Fcntl(Operand(n), r.OneIn(2) ? kFDupfd : kFDupfdCloexec, 3));
      n = shadow_.Number(Fd::Output(shadow_.size() - 1, 0));
      break;
    default:
      n = r.OneIn(4) ? CreateEpoll() : CreateByTaste();
      break;
  }
  Emit(ops::Fcntl(Operand(n), kFGetfd, 0));
  if (r.OneIn(3)) {
    Emit(ops::Dup(Operand(n)));
    Emit(ops::Fcntl(Fd::Output(shadow_.size() - 1, 0), kFGetfd, 0));
  }
}

// Reads and writes that fault: what is lost, and whom it wakes (R4.3.4, R4.4.9).
void Generator::FaultyIo(int32_t ep) {
  Random& r = *random_;
  const int32_t n = r.OneIn(3) ? SomeFile() : CreateByTaste();
  if (n < 0) return;
  const Shadow::FileId file = shadow_.At(n);
  const FileKind kind = shadow_.KindAt(n);
  const int32_t other = shadow_.file(shadow_.file(file).peer).number;
  Register(ep, n, Events(kind) | (r.OneIn(2) ? kEt : 0));
  if (other >= 0 && r.OneIn(2)) Register(ep, other, Events(shadow_.KindAt(other)) | (r.OneIn(2) ? kEt : 0));
  Wait(ep, 32);
  for (uint32_t i = r.Between(1, 4); i > 0; --i) {
    if (r.Below(3) != 0) Ready(file);
    if (r.OneIn(3)) Wait(ep, 32);
    const Fd fd = Operand(other >= 0 && r.OneIn(2) ? other : n);
    const uint32_t size = r.OneIn(2) ? 8 : PipeBytes(&r);
    const Memory memory = BadMemory(r.OneIn(2) ? 8 : size);
    switch (r.Below(4)) {
      case 0:
        Emit(ops::Write(fd, size, size == 8 && memory.readable(8) ? 1 : 0, memory));
        break;
      case 1:
        Emit(ops::Send(fd, size, kMsgDontwait, memory));
        break;
      case 2:
        Emit(ops::Recv(fd, size, kMsgDontwait, memory));
        break;
      default:
        Emit(ops::Read(fd, size, memory));
    }
    if (r.OneIn(2)) Wait(ep, 32);
  }
  Wait(ep, 32);
}

// Notifies without saying what of (key 0), where the type can: passes every filter except that of a disabled item
// (R4.G11).
void Generator::Nudge(Shadow::FileId id) {
  const Shadow::File file = shadow_.file(id);
  const Habits* habits = HabitsOf(file.kind);
  if (habits != nullptr && habits->nudge != nullptr) return habits->nudge(*this, file);
  Ready(id);
}

// Items queued by notifications that tell nothing: stale entries whose place shows later (R0.6, R4.G6).
void Generator::Nudged(int32_t ep) {
  Random& r = *random_;
  constexpr FileKind kKinds[] = {FileKind::kPipeWrite, FileKind::kPipeWrite, FileKind::kStream,
                                 FileKind::kSeqpacket, FileKind::kDgram,     FileKind::kPipeRead};
  const int32_t n = Create(r.Pick(kKinds));
  if (n < 0) return;
  const Shadow::FileId file = shadow_.At(n);
  constexpr uint32_t kMasks[] = {0, kIn, kPri, kRdhup, kOut, kIn | kOut};
  uint32_t events = r.Pick(kMasks) | (r.OneIn(2) ? kEt : 0) | (r.OneIn(2) ? kOneshot : 0);
  Register(ep, n, events);
  Wait(ep, 32);
  for (uint32_t i = r.Between(1, 3); i > 0; --i) {
    Nudge(file);
    ReadyItem();
    if (r.OneIn(3)) Wait(ep);
    if (r.OneIn(2)) Emit(ops::Mod(Operand(ep), Operand(n), kIn | kOut | (events & (kEt | kOneshot)), Data()));
    if (r.OneIn(2)) Ready(file);
    Wait(ep, 32);
  }
}

}  // namespace pollux
