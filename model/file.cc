// Files: the table of what each type can do, the calls that go by it, and the files that epoll refuses.

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

// It makes who sets it the owner.
constexpr const char* kSigio = "O_ASYNC of a terminal sends SIGIO";

void NoModel(Outcome* out) { out->Clear(), out->kind = Outcome::kSkipped, out->note = "no model of this yet"; }

}  // namespace

Id Model::InstanceOf(Id file) const {
  const File& f = state_.files[file];
  return f.type == FileType::kEpoll ? f.object : kNil;
}

// In the order of FileType.
const Model::FileOps Model::kFileOps[] = {
    {.type = FileType::kNone, .prefix = ""},
    {.type = FileType::kPath, .prefix = ""},
    {.type = FileType::kRegular,
     .prefix = "",
     .read = &Model::PlainRead,
     .write = &Model::PlainWrite,
     .release = &Model::PlainRelease,
     .open = &Model::PlainOpen,
     .splice_read = &Model::PlainSpliceRead,
     .splice_write = &Model::PlainSpliceWrite,
     .seeks = true,
     .positions = true,
     .unread = &Model::UnknownUnread},
    {.type = FileType::kDirectory,
     .prefix = "",
     .read = &Model::PlainRead,
     .release = &Model::PlainRelease,
     .open = &Model::PlainOpen,
     .read_by_segment = kAlways,
     .seeks = true,
     .positions = true,
     .unread = &Model::UnknownUnread},
    {.type = FileType::kMemfd,
     .prefix = "",
     .read = &Model::PlainRead,
     .write = &Model::PlainWrite,
     .release = &Model::PlainRelease,
     .open = &Model::PlainOpen,
     .splice_read = &Model::PlainSpliceRead,
     .splice_write = &Model::PlainSpliceWrite,
     .seeks = true,
     .positions = true,
     .unread = &Model::PlainUnread},
    {.type = FileType::kNull,
     .prefix = "",
     .read = &Model::PlainRead,
     .write = &Model::PlainWrite,
     .release = &Model::PlainRelease,
     .open = &Model::PlainOpen,
     .splice_write = &Model::NullSpliceWrite,
     .seeks = true,
     .positions = true},
    {.type = FileType::kEpoll,
     .prefix = "epoll.",
     .poll = &Model::EpollMask,
     .wait = &Model::EpollWaitQueue,
     .release = &Model::EpollRelease,
     .seeks = true,
     .no_ioctl = kEINVAL},
    {.type = FileType::kPipe,
     .prefix = "pipe.",
     .poll = &Model::PipeMask,
     .wait = &Model::PipeWait,
     .read = &Model::PipeRead,
     .write = &Model::PipeWrite,
     .release = &Model::PipeRelease,
     .open = &Model::PipeOpen,
     .unread = &Model::PipeUnread,
     .fasync = true},
    {.type = FileType::kEventfd,
     .prefix = "eventfd.",
     .poll = &Model::EventfdMask,
     .wait = &Model::EventfdWait,
     .read = &Model::EventfdRead,
     .write = &Model::EventfdWrite,
     .release = &Model::EventfdRelease,
     .write_by_segment = kAlways,
     .seeks = true},
    {.type = FileType::kUnix,
     .prefix = "unix.",
     .poll = &Model::UnixMask,
     .poll_write = &Model::UnixWriteMask,
     .wait = &Model::UnixWait,
     .read = &Model::UnixRead,
     .write = &Model::UnixWrite,
     .release = &Model::UnixRelease,
     .splice_read = &Model::UnixSpliceRead,
     .unread = &Model::UnixUnread,
     .fasync = true,
     .socket = &kUnixOps},
    {.type = FileType::kTimerfd,
     .prefix = "timerfd.",
     .poll = &Model::TimerfdMask,
     .wait = &Model::TimerfdWait,
     .read = &Model::TimerfdRead,
     .release = &Model::TimerfdRelease,
     .read_by_segment = kOnce,
     .seeks = true},
    {.type = FileType::kUserfaultfd,
     .prefix = "userfaultfd.",
     .poll = &Model::UserfaultfdMask,
     .wait = &Model::UserfaultfdWait,
     .read = &Model::UserfaultfdRead,
     .release = &Model::UserfaultfdRelease,
     .read_by_segment = kOnce,
     .seeks = true,
     .no_ioctl = kEINVAL},
    {.type = FileType::kPerf,
     .prefix = "perf.",
     .poll = &Model::PerfMask,
     .wait = &Model::PerfWait,
     .read = &Model::PerfRead,
     .release = &Model::PerfRelease,
     .read_by_segment = kAlways,
     .fasync = true},
    {.type = FileType::kTcp,
     .prefix = "tcp.",
     .poll = &Model::TcpMask,
     .wait = &Model::InetWait,
     .read = &Model::TcpRead,
     .write = &Model::TcpWrite,
     .release = &Model::TcpRelease,
     .splice_read = &Model::TcpSpliceRead,
     .unread = &Model::TcpUnread,
     .fasync = true,
     .socket = &kTcpOps},
    {.type = FileType::kUdp,
     .prefix = "udp.",
     .poll = &Model::UdpMask,
     .wait = &Model::InetWait,
     .read = &Model::UdpRead,
     .write = &Model::UdpWrite,
     .release = &Model::UdpRelease,
     .splice_read = &Model::MessageSpliceRead,
     .unread = &Model::UdpUnread,
     .fasync = true,
     .socket = &kUdpOps},
    {.type = FileType::kDevice,
     .prefix = "device.",
     .read = &Model::DeviceRead,
     .write = &Model::DeviceWrite,
     .release = &Model::PlainRelease,
     .open = &Model::PlainOpen,
     .splice_read = &Model::DeviceSpliceRead,
     .splice_write = &Model::NullSpliceWrite,
     .seeks = true,
     .positions = true,
     .unread = &Model::DeviceUnread},
    {.type = FileType::kOpaque,
     .prefix = "",
     .release = &Model::PlainRelease,
     .open = &Model::PlainOpen,
     .seeks = true,
     .positions = true,
     .unread = &Model::DeviceUnread},
    {.type = FileType::kSecret, .prefix = "device.", .release = &Model::PlainRelease, .unread = &Model::SecretUnread},
    {.type = FileType::kTerminal, .prefix = "device.", .open = &Model::TerminalOpen},
    {.type = FileType::kConstant,
     .prefix = "device.",
     .poll = &Model::DeviceMask,
     .read = &Model::DeviceRead,
     .write = &Model::DeviceWrite,
     .release = &Model::PlainRelease,
     .open = &Model::PlainOpen,
     .splice_read = &Model::DeviceSpliceRead,
     .splice_write = &Model::NullSpliceWrite,
     .seeks = true,
     .positions = true,
     .unread = &Model::DeviceUnread},
    {.type = FileType::kAnnounces,
     .prefix = "proc.",
     .poll = &Model::AnnouncerMask,
     .wait = &Model::AnnouncerWait,
     .read = &Model::DeviceRead,
     .release = &Model::PlainRelease,
     .open = &Model::AnnouncerOpen,
     .splice_read = &Model::DeviceSpliceRead,
     .seeks = true,
     .positions = true,
     .unread = &Model::DeviceUnread,
     .poll_consumes = true},
    {.type = FileType::kNetlink,
     .prefix = "netlink.",
     .poll = &Model::NetlinkMask,
     .wait = &Model::NetlinkWait,
     .read = &Model::NetlinkRead,
     .write = &Model::NetlinkWrite,
     .release = &Model::NetlinkRelease,
     .splice_read = &Model::MessageSpliceRead,
     .fasync = true,
     .socket = &kNetlinkOps},
    {.type = FileType::kInotify,
     .prefix = "inotify.",
     .poll = &Model::InotifyMask,
     .wait = &Model::InotifyWait,
     .read = &Model::InotifyRead,
     .release = &Model::InotifyRelease,
     .read_by_segment = kAlways,
     .unread = &Model::InotifyUnread,
     .fasync = true},
    {.type = FileType::kRing,
     .prefix = "ring.",
     .poll = &Model::RingMask,
     .wait = &Model::RingWait,
     .release = &Model::RingRelease},
    {.type = FileType::kMqueue,
     .prefix = "mq.",
     .poll = &Model::MqueueMask,
     .wait = &Model::MqueueWait,
     .read = &Model::PlainRead,
     .release = &Model::PlainRelease,
     .open = &Model::PlainOpen,
     .read_by_segment = kAlways,
     .seeks = true,
     .positions = true,
     .unread = &Model::MqueueUnread},
    {.type = FileType::kSignalfd,
     .prefix = "signalfd.",
     .poll = &Model::SignalfdMask,
     .wait = &Model::SignalfdWait,
     .read = &Model::SignalfdRead,
     .release = &Model::SignalfdRelease,
     .read_by_segment = kOnce,
     .seeks = true},
    {.type = FileType::kPidfd,
     .prefix = "pidfd.",
     .poll = &Model::PidfdMask,
     .wait = &Model::PidfdWait,
     .positions = true,
     .unread = &Model::PidfdUnread},
    {.type = FileType::kPtm,
     .prefix = "pty.",
     .poll = &Model::PtyMask,
     .wait = &Model::PtyWait,
     .read = &Model::PtyRead,
     .write = &Model::PtyWrite,
     .release = &Model::PtmRelease,
     .open = &Model::PtmOpen,
     .splice_read = &Model::PtySpliceRead,
     .splice_takes = &Model::PtySpliceTakes,
     .unread = &Model::PtyUnread,
     .no_fasync = kSigio},
    {.type = FileType::kPts,
     .prefix = "pty.",
     .poll = &Model::PtyMask,
     .wait = &Model::PtyWait,
     .read = &Model::PtyRead,
     .write = &Model::PtyWrite,
     .release = &Model::PtsRelease,
     .open = &Model::PtsOpen,
     .splice_read = &Model::PtySpliceRead,
     .splice_takes = &Model::PtySpliceTakes,
     .unread = &Model::PtyUnread,
     .hung_up = &Model::PtyHungUp,
     .no_fasync = kSigio},
};

bool Model::HungUp(Id file) const {
  const auto hung_up = OpsOf(file).hung_up;
  return hung_up != nullptr && (this->*hung_up)(state_.files[file]);
}

Queues Model::QueuesOf(Id file) {
  Queues queues = {};
  const auto wait = OpsOf(file).wait;
  if (wait != nullptr) (this->*wait)(state_.files[file], &queues);
  return queues;
}

void Model::EpollWaitQueue(const File& file, Queues* queues) { (*queues)[0] = &state_.instances[file.object].queue; }

uint32_t Model::PollMask(Id file, uint32_t requested) {
  const auto poll = OpsOf(file).poll, poll_write = OpsOf(file).poll_write;
  // DEFAULT_POLLMASK: poll(2) finds a file without a poll operation always ready.
  if (poll == nullptr) return rules_(Rule::kPollDefaultMask, true) ? kIn | kOut | kRdnorm | kWrnorm : 0;
  uint32_t mask = (this->*poll)(state_.files[file]);
  if (poll_write != nullptr && (requested & (kOut | kWrnorm | kWrband)) != 0) {
    mask |= (this->*poll_write)(state_.files[file]);
  }
  return mask;
}

void Model::WouldSleep(bool nonblock, Outcome* out) {
  if (rules_(Rule::kNonblock, nonblock)) return out->Error(kEAGAIN);
  out->Clear(), out->kind = Outcome::kBlocked;
}

// How vfs_read() and its kin begin: mode, then an operation.
bool Model::Transfers(Id id, bool write, Outcome* out) {
  const File& f = state_.files[id];
  const bool open = write ? f.writable : f.readable;
  if (rules_(write ? Rule::kFileNotWritable : Rule::kFileNotReadable, !open, id)) return out->Error(kEBADF), false;
  const bool none = write ? Ops(f.type).write == nullptr : Ops(f.type).read == nullptr;
  if (rules_(write ? Rule::kFileNoWrite : Rule::kFileNoRead, none, id)) return out->Error(kEINVAL), false;
  if (none) out->Value(0);  // only where the rule is planted
  return !none;
}

// vfs_read(): then the address range.
void Model::Read(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  const Memory memory = op.mem(1);
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  if (!Transfers(id, false, out)) return;
  if (rules_(Rule::kMemoryRange, !InRange(memory))) return out->Error(kEFAULT);
  (this->*OpsOf(id).read)(File(state_.files[id]), memory, static_cast<int64_t>(op.arg[2]), out);
  Transferred(id, *out, kInAccess);
}

// vfs_write()
void Model::Write(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  const Memory memory = op.mem(1);
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  if (!Transfers(id, true, out)) return;
  if (rules_(Rule::kMemoryRange, !InRange(memory))) return out->Error(kEFAULT);
  (this->*OpsOf(id).write)(File(state_.files[id]), memory, static_cast<int64_t>(op.arg[2]), op.arg[3], out);
  Transferred(id, *out, kInModify);
}

// sockfd_lookup(): the socket that the number stands for; kNil, and the error, if it is none.
Id Model::SocketAt(int32_t fd, Outcome* out) {
  const Id id = Usable(fd);
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF), kNil;
  const bool none = OpsOf(id).socket == nullptr;
  if (rules_(Rule::kSocketNot, none, id)) return out->Error(kENOTSOCK), kNil;
  if (none) return out->Value(0), kNil;  // only where the rule is planted
  return id;
}

// __sys_sendto() and __sys_recvfrom(): the address range comes before the descriptor.
void Model::Send(const Op& op, Outcome* out) {
  const Memory memory = op.mem(1);
  if (rules_(Rule::kMemoryRange, !InRange(memory))) return out->Error(kEFAULT);
  const Id id = SocketAt(op.num(0), out);
  if (id == kNil) return;
  const File f = state_.files[id];
  (this->*Ops(f.type).socket->send)(f, memory, static_cast<int64_t>(op.arg[2]), op.u32(4), out);
}

void Model::Recv(const Op& op, Outcome* out) {
  const Memory memory = op.mem(1);
  if (rules_(Rule::kMemoryRange, !InRange(memory))) return out->Error(kEFAULT);
  const Id id = SocketAt(op.num(0), out);
  if (id == kNil) return;
  const File f = state_.files[id];
  (this->*Ops(f.type).socket->recv)(f, memory, static_cast<int64_t>(op.arg[2]), op.u32(3), out);
}

void Model::Shutdown(const Op& op, Outcome* out) {
  const Id id = SocketAt(op.num(0), out);
  if (id == kNil) return;
  const int32_t how = op.num(1);
  const File f = state_.files[id];
  // sock_no_shutdown() looks at nothing.
  const bool looks = f.type != FileType::kNetlink;
  if (rules_(Rule::kShutdownHow, looks && (how < kShutRd || how > kShutRdwr))) return out->Error(kEINVAL);
  (this->*Ops(f.type).socket->shutdown)(f, how, out);
}

// __sys_socket()
void Model::SocketCreate(const Op& op, Outcome* out) {
  constexpr uint32_t kTypeMask = 0xf;
  const uint32_t word = op.u32(1) | op.u32(2), flags = word & ~kTypeMask;
  if (rules_(Rule::kUnixFlags, (flags & ~(kOCloexec | kONonblock)) != 0)) return out->Error(kEINVAL);
  if (op.num(0) == kAfInet) return InetCreate(static_cast<int32_t>(word & kTypeMask), flags, out);
  if (op.num(0) == kAfNetlink) return NetlinkCreate(static_cast<int32_t>(word & kTypeMask), flags, out);
  UnixCreate(static_cast<int32_t>(word & kTypeMask), flags, out);
}

// __sys_accept4(): a number is reserved before the file is known to be a socket.
void Model::Accept(const Op& op, Outcome* out) {
  if (rules_(Rule::kFdBad, Usable(op.num(0)) == kNil)) return out->Error(kEBADF);
  if (rules_(Rule::kAcceptFlags, (op.u32(1) & ~(kOCloexec | kONonblock)) != 0)) return out->Error(kEINVAL);
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id id = SocketAt(op.num(0), out);
  if (id == kNil) return;
  const File f = state_.files[id];
  const auto accept = Ops(f.type).socket->accept;
  if (accept == nullptr) return NoModel(out);
  (this->*accept)(f, op.u32(1), out);
}

void Model::SocketOp(const Op& op, Outcome* out) {
  if (op.call == Call::kSocket) return SocketCreate(op, out);
  if (op.call == Call::kAccept4) return Accept(op, out);
  const Id id = SocketAt(op.num(0), out);
  if (id == kNil) return;
  const File f = state_.files[id];
  const SocketOps& ops = *Ops(f.type).socket;
  const auto call = [&](auto operation, auto... args) {
    if (operation == nullptr) return NoModel(out);
    (this->*operation)(f, args..., out);
  };
  switch (op.call) {
    case Call::kBind:
      return call(ops.bind);
    case Call::kListen:
      return call(ops.listen, op.num(1));
    case Call::kConnect:
      return call(ops.connect, op.num(1));
    case Call::kGetsockopt:
      return call(ops.getsockopt, op.num(1));
    case Call::kSetsockopt:
      return call(ops.setsockopt, op.num(1), op.num(2));
    case Call::kSendfd:
      return call(ops.sendfd, op.num(1));
    default:
      return call(ops.recvfd);
  }
}

// --- open(2) ----------------------------------------------------------------------------------------------------

namespace {

// What the language opens with: O_CREAT, O_TRUNC and their like are about file systems.
constexpr uint32_t kOpenFlags =
    kOWronly | kORdwr | kOAppend | kOPath | kOCloexec | kONonblock | kODirectory | kOLargefile;

FileType TypeOf(Which which) {
  switch (which) {
    case Which::kRegular:
      return FileType::kRegular;
    case Which::kDirectory:
      return FileType::kDirectory;
    case Which::kNull:
      return FileType::kNull;
    case Which::kZero:
    case Which::kFull:
    case Which::kUrandom:
    case Which::kStatus:
      return FileType::kDevice;
    case Which::kNamespace:
    case Which::kUserfaultfd:
      return FileType::kOpaque;
    case Which::kTerminal:
      return FileType::kTerminal;
    case Which::kMounts:
    case Which::kMountinfo:
    case Which::kDomainName:
      return FileType::kAnnounces;
    case Which::kRandom:
    case Which::kStat:
    case Which::kSysctl:
    case Which::kPressure:
    case Which::kAttribute:
    case Which::kFuse:
    case Which::kTun:
      break;
  }
  return FileType::kConstant;
}

void DependsOnFilesystem(Outcome* out) {
  out->Clear(), out->kind = Outcome::kSkipped, out->note = "open: flags that depend on the filesystem";
}

}  // namespace

void Model::OpenFile(const Op& op, Outcome* out) {
  const uint32_t flags = op.u32(1);
  if (op.arg[0] >= kWhich || (flags & ~kOpenFlags) != 0) return DependsOnFilesystem(out);
  const Which which = static_cast<Which>(op.arg[0]);
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id inode = NewInode(TypeOf(which));
  state_.inodes[inode].which = which;
  state_.inodes[inode].size = INT64_MAX / 2;
  ++state_.inodes[inode].refs;
  OpenInode(inode, flags, out);
  ReleaseInode(inode);
}

// open("/proc/thread-self/fd/N"): a new open file description of what the number names, also one with O_PATH.
void Model::Reopen(const Op& op, Outcome* out) {
  const uint32_t flags = op.u32(1);
  if ((flags & ~kOpenFlags) != 0) return DependsOnFilesystem(out);
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id from = FileAt(op.num(0));
  if (rules_(Rule::kReopenAbsent, from == kNil)) return out->Error(kENOENT);
  const FileType type = state_.inodes[state_.files[from].inode].type;
  const bool named = type <= FileType::kNull || (type >= FileType::kDevice && type <= FileType::kAnnounces);
  const bool writes = OpensForWriting(state_.inodes[state_.files[from].inode].which) || type == FileType::kMemfd ||
                      type == FileType::kSecret || type == FileType::kTerminal;
  if (named && !writes && (flags & 3) != kORdonly && !(flags & kOPath)) {
    return DependsOnFilesystem(out);
  }
  // Since 6.9 a pidfd is a file of a file system, whose owner may open it once more.
  const bool pidfd = type == FileType::kPidfd && !Has(Quirk::kPidfdAnonymous);
  if (pidfd && (flags & (kOPath | kODirectory)) == 0) return DependsOnFilesystem(out);
  OpenInode(state_.files[from].inode, flags, out);
}

// do_open(), do_dentry_open()
void Model::OpenInode(Id inode, uint32_t flags, Outcome* out) {
  const FileType type = state_.inodes[inode].type;
  const bool cloexec = (flags & kOCloexec) != 0;
  if (rules_(Rule::kOpenNotDirectory, (flags & kODirectory) != 0 && type != FileType::kDirectory)) {
    return out->Error(kENOTDIR);
  }
  if (rules_(Rule::kOpenPath, (flags & kOPath) != 0)) {
    const Id file = NewFile(FileType::kPath, flags & (kOPath | kODirectory), kNil, inode);
    state_.files[file].readable = state_.files[file].writable = false;
    return Open(file, cloexec, out);
  }
  const auto open = Ops(type).open;
  // sock_no_open(), and the inode that anonymous ones share: there is nothing to open.
  if (rules_(Rule::kReopenNothing, open == nullptr)) return out->Error(kENXIO);
  if (open == nullptr) return out->Value(0);  // only where the rule is planted
  const Id file = (this->*open)(inode, (flags & ~kOCloexec) | kOLargefile, out);
  if (file == kNil) return;
  state_.files[file].by_name = true;
  Happened(file, kInOpen);
  Open(file, cloexec, out);
}

// --- Files that epoll refuses ----------------------------------------------------------------------------------

Id Model::PlainOpen(Id inode, uint32_t flags, Outcome*) {
  return NewFile(state_.inodes[inode].type, flags, state_.plains.New(), inode);
}

void Model::MemfdCreate(const Op& op, Outcome* out) {
  const uint32_t flags = op.u32(0);
  if (rules_(Rule::kMemfdFlags, (flags & ~0x1fu & ~0xfc000000u) != 0)) return out->Error(kEINVAL);
  if ((flags & (0x1cu | 0xfc000000u)) != 0) {
    out->Clear(), out->kind = Outcome::kSkipped, out->note = "memfd_create: flags that depend on the configuration";
    return;
  }
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id file = PlainOpen(NewInode(FileType::kMemfd), kORdwr | kOLargefile, out);
  state_.files[file].quiet = !Has(Quirk::kMemfdNotifies);
  Open(file, (flags & 1) != 0, out);
}

void Model::PlainRead(const File& file, Memory memory, int64_t n, Outcome* out) {
  Plain& p = state_.plains[file.object];
  if (rules_(Rule::kDirectoryRead, file.type == FileType::kDirectory)) return out->Error(kEISDIR);
  if (file.type == FileType::kNull) return out->Value(0);
  // What a regular file holds is not epoll's business: only the beginning, which every program has, is known.
  constexpr int64_t kBeginning = 8192;
  if (file.type == FileType::kRegular && ((file.flags & kODirect) != 0 || p.position + n > kBeginning)) {
    out->Clear(), out->kind = Outcome::kSkipped, out->note = "read: direct, or far into a regular file";
    return;
  }
  const int64_t size = state_.inodes[file.inode].size;
  const int64_t left = size > p.position ? size - p.position : 0;
  int64_t take = n < left ? n : left;
  const int64_t room = Copyable(memory, true);
  if (take > room) take = room;
  if (rules_(Rule::kMemoryFault, take == 0 && n > 0 && left > 0)) return out->Error(kEFAULT);
  p.position += take;
  out->Value(take);
}

void Model::PlainWrite(const File& file, Memory memory, int64_t n, uint64_t, Outcome* out) {
  if (file.type == FileType::kNull) return out->Value(n);
  Plain& p = state_.plains[file.object];
  int64_t& size = state_.inodes[file.inode].size;
  if ((file.flags & kOAppend) != 0 && n > 0) p.position = size;
  const int64_t room = Copyable(memory, false);
  const int64_t take = n < room ? n : room;
  if (rules_(Rule::kMemoryFault, take == 0 && n > 0)) return out->Error(kEFAULT);
  p.position += take;
  if (take > 0 && p.position > size) size = p.position;
  out->Value(take);
}

// --- ioctl(2) --------------------------------------------------------------------------------------------------

void Model::Ioctl(const Op& op, Outcome* out) {
  constexpr uint32_t kFioclex = 0x5451, kFionclex = 0x5450;
  const int32_t fd = op.num(0);
  const uint32_t request = op.u32(1);
  const Id id = Usable(fd);
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  if (request == kFioclex || request == kFionclex) {
    At(fd).cloexec = rules_(Rule::kIoctlCloexec, request == kFioclex);
    return out->Value(0);
  }
  const bool terminal = state_.files[id].type == FileType::kPtm || state_.files[id].type == FileType::kPts;
  constexpr uint32_t kTcgets = 0x5401;  // without a place for the answer
  if (terminal && rules_(Rule::kPtyTcgets, request == kTcgets && !HungUp(id), id)) return out->Error(kEFAULT);
  out->Error(NoIoctl(id, false));
}

Errno Model::NoIoctl(Id file, bool given) {
  const File& f = state_.files[file];
  if (f.type == FileType::kPidfd && Has(Quirk::kPidfdIoctl)) {
    if (given) return kEINVAL;
    if (state_.children[f.object].state != ChildState::kAlive) return kESRCH;
  }
  const Which which = WhichOf(f);
  if (OpsOf(file).hung_up != nullptr && rules_(Rule::kPtyHungUpIoctl, HungUp(file), file)) return kEIO;
  if (rules_(Rule::kDeviceTun, which == Which::kTun, file)) return kEBADFD;
  // Before 6.9 an epoll had no ioctl at all.
  const bool none = Has(Quirk::kNoParams) && f.type == FileType::kEpoll;
  const bool device = which == Which::kUrandom || which == Which::kRandom || which == Which::kUserfaultfd;
  const bool invalid = (OpsOf(file).no_ioctl == kEINVAL && !none) || device;
  return rules_(Rule::kIoctlUnknown, invalid, file) ? kEINVAL : kENOTTY;
}

int64_t Model::UnknownUnread(const File&, Outcome* out) {
  out->Clear(), out->kind = Outcome::kSkipped, out->note = "FIONREAD: up to the file system";
  return 0;
}

int64_t Model::PlainUnread(const File& file, Outcome*) {
  return state_.inodes[file.inode].size - state_.plains[file.object].position;
}

void Model::Fionread(Id id, Memory memory, Outcome* out) {
  const auto unread = OpsOf(id).unread;
  out->Clear();
  const int64_t bytes = unread == nullptr ? -1 : (this->*unread)(File(state_.files[id]), out);
  if (out->kind == Outcome::kSkipped) return;
  if (rules_(Rule::kFionreadUnknown, bytes < 0, id)) {
    return out->Error(unread != nullptr && OpsOf(id).socket != nullptr ? kEINVAL : NoIoctl(id));
  }
  if (rules_(Rule::kIoctlFault, !InRange(memory) || Copyable(memory, true) < 1)) return out->Error(kEFAULT);
  out->Value(static_cast<int32_t>(bytes));
}

// Those of do_vfs_ioctl() that read or write an integer.
void Model::IoctlInt(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  const Memory memory = op.mem(1);
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  File& f = state_.files[id];
  if (op.call == Call::kFionread) return Fionread(id, memory, out);
  if (rules_(Rule::kIoctlFault, !InRange(memory) || Copyable(memory, false) < 1)) return out->Error(kEFAULT);
  const bool on = op.num(2) != 0;
  const uint32_t flag = op.call == Call::kFionbio ? kONonblock : kOAsync;
  if (flag == kOAsync) {
    if (Ops(f.type).no_fasync != nullptr && !HungUp(id)) return Unmodelled(Ops(f.type).no_fasync, out);
    const bool changes = on != ((f.flags & kOAsync) != 0);
    if (rules_(Rule::kDeviceFuse, changes && WhichOf(f) == Which::kFuse, id)) return out->Error(kEPERM);
    if (rules_(Rule::kFioasyncNot, changes && !Fasync(f), id)) return out->Error(kENOTTY);
  }
  if (rules_(Rule::kIoctlFlag, on, id)) {
    f.flags |= flag;
  } else {
    f.flags &= ~flag;
  }
  out->Value(0);
}

}  // namespace pollux
