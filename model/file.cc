// Files: the table of what each type can do, the calls that go by it, and the files that epoll refuses.

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

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
     .release = &Model::PlainRelease},
    {.type = FileType::kDirectory, .prefix = "", .read = &Model::PlainRead, .release = &Model::PlainRelease},
    {.type = FileType::kMemfd,
     .prefix = "",
     .read = &Model::PlainRead,
     .write = &Model::PlainWrite,
     .release = &Model::PlainRelease},
    {.type = FileType::kNull,
     .prefix = "",
     .read = &Model::PlainRead,
     .write = &Model::PlainWrite,
     .release = &Model::PlainRelease},
    {.type = FileType::kEpoll,
     .prefix = "epoll.",
     .poll = &Model::EpollMask,
     .wait = &Model::EpollWaitQueue,
     .release = &Model::EpollRelease},
    {.type = FileType::kPipe,
     .prefix = "pipe.",
     .poll = &Model::PipeMask,
     .wait = &Model::PipeWait,
     .read = &Model::PipeRead,
     .write = &Model::PipeWrite,
     .release = &Model::PipeRelease},
    {.type = FileType::kEventfd,
     .prefix = "eventfd.",
     .poll = &Model::EventfdMask,
     .wait = &Model::EventfdWait,
     .read = &Model::EventfdRead,
     .write = &Model::EventfdWrite,
     .release = &Model::EventfdRelease},
    {.type = FileType::kUnix,
     .prefix = "unix.",
     .poll = &Model::UnixMask,
     .poll_write = &Model::UnixWriteMask,
     .wait = &Model::UnixWait,
     .read = &Model::UnixRead,
     .write = &Model::UnixWrite,
     .release = &Model::UnixRelease,
     .socket = &kUnixOps},
    {.type = FileType::kTimerfd,
     .prefix = "timerfd.",
     .poll = &Model::TimerfdMask,
     .wait = &Model::TimerfdWait,
     .read = &Model::TimerfdRead,
     .release = &Model::TimerfdRelease},
    {.type = FileType::kTcp,
     .prefix = "tcp.",
     .poll = &Model::TcpMask,
     .wait = &Model::InetWait,
     .read = &Model::TcpRead,
     .write = &Model::TcpWrite,
     .release = &Model::TcpRelease,
     .socket = &kTcpOps},
    {.type = FileType::kUdp,
     .prefix = "udp.",
     .poll = &Model::UdpMask,
     .wait = &Model::InetWait,
     .read = &Model::UdpRead,
     .write = &Model::UdpWrite,
     .release = &Model::UdpRelease,
     .socket = &kUdpOps},
};

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

// vfs_read(): mode, then a read operation, then the address range.
void Model::Read(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  const Memory memory = op.mem(1);
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File f = state_.files[id];
  const auto read = Ops(f.type).read;
  if (rules_(Rule::kFileNotReadable, !f.readable, id)) return out->Error(kEBADF);
  if (rules_(Rule::kFileNoRead, read == nullptr, id)) return out->Error(kEINVAL);
  if (read == nullptr) return out->Value(0);  // only where the rule is planted
  if (rules_(Rule::kMemoryRange, !InRange(memory))) return out->Error(kEFAULT);
  (this->*read)(f, memory, static_cast<int64_t>(op.arg[2]), out);
}

// vfs_write()
void Model::Write(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  const Memory memory = op.mem(1);
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File f = state_.files[id];
  const auto write = Ops(f.type).write;
  if (rules_(Rule::kFileNotWritable, !f.writable, id)) return out->Error(kEBADF);
  if (rules_(Rule::kFileNoWrite, write == nullptr, id)) return out->Error(kEINVAL);
  if (write == nullptr) return out->Value(0);
  if (rules_(Rule::kMemoryRange, !InRange(memory))) return out->Error(kEFAULT);
  (this->*write)(f, memory, static_cast<int64_t>(op.arg[2]), op.arg[3], out);
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
  if (rules_(Rule::kShutdownHow, how < kShutRd || how > kShutRdwr)) return out->Error(kEINVAL);
  const File f = state_.files[id];
  (this->*Ops(f.type).socket->shutdown)(f, how, out);
}

// __sys_socket()
void Model::SocketCreate(const Op& op, Outcome* out) {
  constexpr uint32_t kTypeMask = 0xf;
  const uint32_t word = op.u32(1) | op.u32(2), flags = word & ~kTypeMask;
  if (rules_(Rule::kUnixFlags, (flags & ~(kOCloexec | kONonblock)) != 0)) return out->Error(kEINVAL);
  if (op.num(0) == kAfInet) return InetCreate(static_cast<int32_t>(word & kTypeMask), flags, out);
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

// --- Files that epoll refuses ----------------------------------------------------------------------------------

void Model::OpenFile(const Op& op, Outcome* out) {
  static constexpr FileType kTypes[] = {FileType::kRegular, FileType::kDirectory, FileType::kNull};
  const uint32_t which = op.u32(0), flags = op.u32(1);
  if (which > 2 ||
      (flags & ~(kOWronly | kORdwr | kOAppend | kOPath | kOCloexec | kONonblock | kODirectory | kOLargefile)) != 0) {
    out->Clear(), out->kind = Outcome::kSkipped, out->note = "open: flags that depend on the filesystem";
    return;
  }
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  if (rules_(Rule::kOpenNotDirectory, (flags & kODirectory) != 0 && kTypes[which] != FileType::kDirectory)) {
    return out->Error(kENOTDIR);
  }
  Id file;
  if (rules_(Rule::kOpenPath, (flags & kOPath) != 0)) {
    file = NewFile(FileType::kPath, flags & (kOPath | kODirectory), kNil);
    state_.files[file].readable = state_.files[file].writable = false;
  } else {
    const Id plain = state_.plains.New();
    state_.plains[plain].size = INT64_MAX / 2;
    file = NewFile(kTypes[which], (flags & ~kOCloexec) | kOLargefile, plain);
  }
  Open(file, (flags & kOCloexec) != 0, out);
}

void Model::MemfdCreate(const Op& op, Outcome* out) {
  const uint32_t flags = op.u32(0);
  if (rules_(Rule::kMemfdFlags, (flags & ~0x1fu & ~0xfc000000u) != 0)) return out->Error(kEINVAL);
  if ((flags & (0x1cu | 0xfc000000u)) != 0) {
    out->Clear(), out->kind = Outcome::kSkipped, out->note = "memfd_create: flags that depend on the configuration";
    return;
  }
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id plain = state_.plains.New();
  Open(NewFile(FileType::kMemfd, kORdwr | kOLargefile, plain), (flags & 1) != 0, out);
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
  const int64_t left = p.size > p.position ? p.size - p.position : 0;
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
  if ((file.flags & kOAppend) != 0 && n > 0) p.position = p.size;
  const int64_t room = Copyable(memory, false);
  const int64_t take = n < room ? n : room;
  if (rules_(Rule::kMemoryFault, take == 0 && n > 0)) return out->Error(kEFAULT);
  p.position += take;
  if (take > 0 && p.position > p.size) p.size = p.position;
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
  const bool epoll = state_.files[id].type == FileType::kEpoll;
  if (rules_(Rule::kIoctlUnknown, epoll && !Has(Quirk::kNoParams), id)) return out->Error(kEINVAL);
  out->Error(kENOTTY);
}

// --- poll(2) ---------------------------------------------------------------------------------------------------

void Model::Poll(const Op& op, Outcome* out) {
  out->Clear();
  if (rules_(Rule::kPollTooMany, op.npoll > state_.nofile)) return out->Error(kEINVAL);
  out->kind = Outcome::kRecords;
  int ready = 0;
  for (size_t i = 0; i < op.npoll; ++i) {
    const int32_t fd = op.poll_fd(i).number();
    uint32_t revents = 0;
    if (!rules_(Rule::kPollNegative, fd < 0)) {
      const Id file = Usable(fd);
      if (rules_(Rule::kPollNval, file == kNil)) {
        revents = kNval;
      } else {
        uint32_t want = op.poll_events(i);
        if (rules_(Rule::kPollErrHup, true)) want |= kErr | kHup;
        revents = PollMask(file, want) & want;
      }
    }
    out->records.push_back({revents & 0xffff});
    ready += revents != 0;
  }
  if (ready == 0 && rules_(Rule::kPollBlocks, op.num(0) < 0)) {
    out->Clear(), out->kind = Outcome::kBlocked;
  }
}

}  // namespace pollux
