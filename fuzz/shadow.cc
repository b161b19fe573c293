#include "fuzz/shadow.h"

#include <algorithm>

#include "model/abi.h"

namespace pollux {
namespace {

constexpr int32_t kNumbers = 4096;          // beyond it the shadow does not look
constexpr uint32_t kMaxFiles = UINT16_MAX;  // FileId

bool Only(uint32_t flags, uint32_t allowed) { return (flags & ~allowed) == 0; }

}  // namespace

FileKind Opened(const Op& op) {
  const Which which = static_cast<Which>(op.arg[0]);
  if ((op.u32(1) & kOPath) != 0 || which < Which::kRandom) return FileKind::kRefused;
  switch (which) {
    case Which::kNamespace:
    case Which::kStatus:
    case Which::kUserfaultfd:
      return FileKind::kRefused;
    case Which::kMounts:
    case Which::kMountinfo:
    case Which::kDomainName:
      return FileKind::kAnnouncer;
    default:
      return FileKind::kDevice;
  }
}

void Shadow::Reset() {
  if (at_.empty()) at_.resize(kNumbers);
  for (int32_t n = 3; n < high_; ++n) at_[n] = Slot();
  files_.assign(1, File());
  items_.clear();
  for (auto& numbers : open_) numbers.clear();
  outputs_.clear(), pending_.clear(), passed_.clear();
  lowest_ = high_ = 3, limit_ = 1024, open_count_ = 0, second_ = false;
}

void Shadow::Replay(const std::vector<Op>& ops) {
  Reset();
  for (const Op& op : ops) Apply(op);
}

int32_t Shadow::Number(Fd fd) const {
  if (fd.literal()) return fd.number();
  if (fd.op() >= outputs_.size()) return -1;
  return fd.out() == 0 ? outputs_[fd.op()].first : outputs_[fd.op()].second;
}

int32_t Shadow::Lowest(int32_t from) const {
  int32_t n = std::max(from, lowest_);
  const int32_t end = std::min(limit_, kNumbers);
  while (n < end && at_[n].file != kNoFile) ++n;
  return n < end ? n : -1;
}

void Shadow::Install(int32_t number, FileId file, Fd name) {
  std::vector<int32_t>& numbers = open_[static_cast<size_t>(files_[file].kind)];
  at_[number] = {file, static_cast<uint32_t>(numbers.size()), name};
  numbers.push_back(number);
  ++files_[file].refs;
  files_[file].number = number;
  if (number == lowest_) ++lowest_;
  high_ = std::max(high_, number + 1);
  ++open_count_;
}

void Shadow::CloseNumber(int32_t number) {
  const Slot slot = at_[number];
  if (slot.file == kNoFile) return;
  File& file = files_[slot.file];
  std::vector<int32_t>& numbers = open_[static_cast<size_t>(file.kind)];
  numbers[slot.position] = numbers.back();
  at_[numbers[slot.position]].position = slot.position;
  numbers.pop_back();
  at_[number] = Slot();
  lowest_ = std::min(lowest_, number);
  --open_count_;
  if (--file.refs == 0) {
    file.number = -1;
  } else if (file.number == number) {
    for (int32_t n : numbers) {
      if (at_[n].file == slot.file) file.number = n;
    }
  }
}

Shadow::FileId Shadow::NewFile(FileKind kind, int32_t number, Fd name) {
  if (files_.size() >= kMaxFiles) return kNoFile;
  files_.push_back({.kind = kind});
  const FileId id = static_cast<FileId>(files_.size() - 1);
  Install(number, id, name);
  return id;
}

Shadow::FileId Shadow::Take(Pairs* pairs, FileId to) {
  const auto it = std::find_if(pairs->begin(), pairs->end(), [to](const auto& pair) { return pair.first == to; });
  if (it == pairs->end()) return kNoFile;
  const FileId file = it->second;
  pairs->erase(it);
  return file;
}

void Shadow::Ctl(const Op& op) {
  const int32_t number = Number(op.fd(2));
  const FileId ep = At(Number(op.fd(0))), file = At(number);
  if (files_[ep].kind != FileKind::kEpoll || file == kNoFile || ep == file) return;
  switch (op.num(1)) {
    case kCtlAdd:
      if (files_[file].kind == FileKind::kRefused || !op.mem(3).good()) return;
      items_.push_back({ep, file, number, op.u32(4), op.arg[5]});
      return;
    case kCtlDel:
      for (Item& item : items_) {
        if (item.ep == ep && item.file == file && item.number == number) {
          item = items_.back();
          items_.pop_back();
          return;
        }
      }
      return;
    default:
      return;
  }
}

// What a file becomes that is opened again; kNone: nothing.
FileKind Shadow::Reopened(const File& file, uint32_t flags) const {
  if (file.node != kNoFile) {
    return (flags & kOPath) != 0     ? FileKind::kFifo
           : (flags & 3) == kOWronly ? FileKind::kPipeWrite
                                     : FileKind::kPipeRead;
  }
  if ((flags & kOPath) != 0) return FileKind::kRefused;
  if (file.kind == FileKind::kPts) return FileKind::kPts;
  const bool named = file.kind == FileKind::kRefused || file.kind == FileKind::kDevice ||
                     file.kind == FileKind::kAnnouncer || file.kind == FileKind::kMqueue;
  return named ? file.kind : FileKind::kNone;
}

// An end of a pipe that was opened just now.
void Shadow::SetEnds(FileId id, FileId end) {
  File &node = files_[id], &file = files_[end];
  file.node = id;
  if (file.kind == FileKind::kPipeRead) node.reader = end, file.peer = node.writer;
  if (file.kind == FileKind::kPipeWrite) node.writer = end, file.peer = node.reader;
  if (file.peer != kNoFile) files_[file.peer].peer = end;
}

void Shadow::Apply(const Op& op) {
  const uint32_t index = size();
  const Fd first = Fd::Output(index, 0), second = Fd::Output(index, 1);
  std::pair<int32_t, int32_t> out = {-1, -1};
  const auto one = [&](FileKind kind) -> FileId {
    const int32_t n = Lowest(3);
    if (n < 0) return kNoFile;
    out.first = n;
    return NewFile(kind, n, first);
  };
  const auto pair = [&](FileKind a, FileKind b) {
    const int32_t m = Lowest(3);
    const int32_t n = m < 0 ? -1 : Lowest(m + 1);
    if (n < 0) return;
    out = {m, n};
    const FileId x = NewFile(a, m, first), y = NewFile(b, n, second);
    files_[x].peer = y, files_[y].peer = x;
    if (a == FileKind::kPipeRead) SetEnds(x, x), SetEnds(x, y);
  };
  const auto duplicate = [&](int32_t from, int32_t to) {
    const FileId file = At(from);
    if (file == kNoFile || to < 3 || to >= std::min(limit_, kNumbers)) return;
    if (from != to) {
      CloseNumber(to);
      Install(to, file, first);
    }
    out.first = to;
  };
  if (op.process != 0) {
    if (op.call == Call::kExit) second_ = false;
    if (op.call == Call::kEpollCtl) Ctl(op);
    outputs_.push_back(out);
    return;
  }
  switch (op.call) {
    case Call::kFork:
      second_ = true;
      break;
    case Call::kEpollCreate:
      if (op.num(0) > 0) one(FileKind::kEpoll);
      break;
    case Call::kEpollCreate1:
      if (Only(op.u32(0), kOCloexec)) one(FileKind::kEpoll);
      break;
    case Call::kPipe2:
      if (Only(op.u32(0), kOCloexec | kONonblock | kODirect)) pair(FileKind::kPipeRead, FileKind::kPipeWrite);
      break;
    case Call::kEventfd:
      if (Only(op.u32(1), kOCloexec | kONonblock | kEfdSemaphore)) {
        files_[one(FileKind::kEventfd)].semaphore = (op.u32(1) & kEfdSemaphore) != 0;
      }
      break;
    case Call::kSocketpair: {
      if (!Only(op.u32(1), kOCloexec | kONonblock)) break;
      if (op.num(0) == kSockStream) pair(FileKind::kStream, FileKind::kStream);
      if (op.num(0) == kSockDgram) pair(FileKind::kDgram, FileKind::kDgram);
      if (op.num(0) == kSockSeqpacket) pair(FileKind::kSeqpacket, FileKind::kSeqpacket);
      break;
    }
    case Call::kSocket: {
      if (!Only(op.u32(2), kOCloexec | kONonblock)) break;
      if (op.num(0) == kAfInet) {
        if (op.num(1) == kSockStream) one(FileKind::kTcp);
        if (op.num(1) == kSockDgram) one(FileKind::kUdp);
      }
      if (op.num(0) == kAfNetlink && (op.num(1) == kSockRaw || op.num(1) == kSockDgram)) one(FileKind::kNetlink);
      if (op.num(0) != kAfUnix) break;
      if (op.num(1) == kSockStream) one(FileKind::kStream);
      if (op.num(1) == kSockDgram) one(FileKind::kDgram);
      if (op.num(1) == kSockSeqpacket) one(FileKind::kSeqpacket);
      break;
    }
    case Call::kListen: {
      const FileId file = At(Number(op.fd(0)));
      if (file != kNoFile && (IsSocket(files_[file].kind) || IsInet(files_[file].kind))) files_[file].listens = true;
      break;
    }
    case Call::kConnect: {
      const FileId file = At(Number(op.fd(0))), to = At(Number(op.fd(1)));
      if (file == kNoFile || files_[file].kind != files_[to].kind) break;
      if (files_[to].listens && files_[file].peer == kNoFile) pending_.push_back({to, file});
      const FileKind kind = files_[to].kind;
      if (kind != FileKind::kDgram && kind != FileKind::kUdp && kind != FileKind::kNetlink) break;
      files_[file].peer = to;
      if (files_[to].peer == kNoFile) files_[to].peer = file;  // who sends to it
      break;
    }
    case Call::kAccept4: {
      const FileId listener = At(Number(op.fd(0)));
      const FileId client = Take(&pending_, listener);
      if (client == kNoFile || !Only(op.u32(1), kOCloexec | kONonblock)) break;
      const FileId file = one(files_[listener].kind);
      files_[file].peer = client, files_[client].peer = file;
      break;
    }
    case Call::kSendfd: {
      const FileId to = files_[At(Number(op.fd(0)))].peer, file = At(Number(op.fd(1)));
      if (to == kNoFile || file == kNoFile) break;
      ++files_[file].refs;  // its items stay
      passed_.push_back({to, file});
      break;
    }
    case Call::kRecvfd: {
      const FileId file = Take(&passed_, At(Number(op.fd(0))));
      const int32_t n = Lowest(3);
      if (file == kNoFile || n < 0) break;
      --files_[file].refs;
      Install(n, file, first);
      out.first = n;
      break;
    }
    case Call::kTimerfdCreate:
      if (Only(op.u32(1), kOCloexec | kONonblock)) one(FileKind::kTimerfd);
      break;
    case Call::kUserfaultfd:
      if (Only(op.u32(0), kOCloexec | kONonblock | 1)) one(FileKind::kUserfaultfd);
      break;
    case Call::kPerfEventOpen:
      if (Only(op.u32(0), 11)) one(FileKind::kPerf);
      break;
    case Call::kMemfdSecret:
      if (Only(op.u32(0), kOCloexec)) one(FileKind::kRefused);
      break;
    case Call::kRingSetup:
      if (op.u32(0) > 0 && op.u32(0) <= 64 && op.u32(1) == 0) one(FileKind::kRing);
      break;
    case Call::kInotifyInit1:
      if (Only(op.u32(0), kOCloexec | kONonblock)) one(FileKind::kInotify);
      break;
    case Call::kInotifyAdd: {
      const FileId file = At(Number(op.fd(0)));
      if (files_[file].kind == FileKind::kInotify) files_[file].peer = At(Number(op.fd(1)));
      break;
    }
    case Call::kSignalfd4: {
      if (!Only(op.u32(3), kOCloexec | kONonblock) || !op.mem(1).readable()) break;
      const int32_t number = Number(op.fd(0));
      if (number == -1) {
        one(FileKind::kSignalfd);
      } else if (files_[At(number)].kind == FileKind::kSignalfd) {
        out.first = number;
      }
      break;
    }
    case Call::kChild:
      one(FileKind::kPidfd);
      break;
    case Call::kPidfdOpen:
      if (files_[At(Number(op.fd(0)))].kind == FileKind::kPidfd && Only(op.u32(1), kONonblock)) one(FileKind::kPidfd);
      break;
    case Call::kMqOpen:
      if (op.num(1) > 0 && op.num(2) > 0) one(FileKind::kMqueue);
      break;
    case Call::kOpenpty:
      if (Only(op.u32(0), kOCloexec | kONonblock)) pair(FileKind::kPtm, FileKind::kPts);
      break;
    case Call::kPtsopen: {
      const FileId master = At(Number(op.fd(0)));
      if (files_[master].kind != FileKind::kPtm || !Only(op.u32(1), 3 | kOCloexec | kONonblock)) break;
      const FileId slave = one(FileKind::kPts);
      if (slave != kNoFile) files_[slave].peer = master, files_[master].peer = slave;
      break;
    }
    case Call::kMemfdCreate:
      one(FileKind::kRefused);
      break;
    case Call::kOpen:
      one(Opened(op));
      break;
    case Call::kFifo: {
      const FileId id = one(FileKind::kFifo);
      if (id != kNoFile) files_[id].node = id;
      break;
    }
    case Call::kReopen: {
      const File from = files_[At(Number(op.fd(0)))];
      const FileKind kind = from.refs == 0 ? FileKind::kNone : Reopened(from, op.u32(1));
      if (kind == FileKind::kNone) break;
      const FileId id = one(kind);
      if (id != kNoFile && kind == FileKind::kPts) files_[id].peer = from.peer;
      if (id == kNoFile || from.node == kNoFile) break;
      SetEnds(from.node, id);
      // What is open for both reads what it writes itself.
      if ((op.u32(1) & 3) == kORdwr && kind == FileKind::kPipeRead) files_[id].peer = files_[from.node].writer = id;
      break;
    }
    case Call::kDup:
      duplicate(Number(op.fd(0)), Lowest(3));
      break;
    case Call::kDup2:
      duplicate(Number(op.fd(0)), Number(op.fd(1)));
      break;
    case Call::kDup3:
      if (Number(op.fd(0)) != Number(op.fd(1)) && Only(op.u32(2), kOCloexec)) {
        duplicate(Number(op.fd(0)), Number(op.fd(1)));
      }
      break;
    case Call::kFcntl:
      if ((op.num(1) == kFDupfd || op.num(1) == kFDupfdCloexec) && op.arg[2] < kNumbers) {
        duplicate(Number(op.fd(0)), Lowest(std::max(3, static_cast<int32_t>(op.arg[2]))));
      }
      break;
    case Call::kClose:
      CloseNumber(At(Number(op.fd(0))) == kNoFile ? 0 : Number(op.fd(0)));
      break;
    case Call::kCloseRange: {
      if (op.u32(2) != 0 || op.u32(0) < 3) break;
      const int64_t last = std::min<int64_t>(op.u32(1), high_ - 1);
      for (int64_t n = op.u32(0); n <= last; ++n) CloseNumber(static_cast<int32_t>(n));
      break;
    }
    case Call::kPrlimit:
      limit_ = static_cast<int32_t>(std::min<uint64_t>(op.arg[0], kNumbers));
      break;
    case Call::kEpollCtl:
    case Call::kUringEpollCtl:
      Ctl(op);
      break;
    default:
      break;
  }
  outputs_.push_back(out);
}

const Shadow::Item* Shadow::AnyItem(Random* random) {
  while (!items_.empty()) {
    Item& item = items_[random->Below(static_cast<uint32_t>(items_.size()))];
    if (files_[item.ep].refs > 0 && files_[item.file].refs > 0) return &item;
    item = items_.back();
    items_.pop_back();
  }
  return nullptr;
}

const Shadow::Item* Shadow::ItemOf(FileId ep, Random* random) {
  const uint32_t n = static_cast<uint32_t>(items_.size());
  const uint32_t start = random->Below(n);
  for (uint32_t i = 0; i < n; ++i) {
    const Item& item = items_[(start + i) % n];
    if (item.ep == ep && files_[item.file].refs > 0) return &item;
  }
  return nullptr;
}

bool Shadow::Registered(FileId ep, int32_t number, FileId file) const {
  for (const Item& item : items_) {
    if (item.ep == ep && item.number == number && item.file == file) return true;
  }
  return false;
}

}  // namespace pollux
