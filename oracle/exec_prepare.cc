// Ops as system calls: numbers, arguments, and what they point to.

#include <fcntl.h>
#include <linux/kcmp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>

#include "model/abi.h"
#include "oracle/exec.h"
#include "oracle/exec_internal.h"

namespace pollux {
namespace {

// The language's flags are x86-64's; two of them have other values on some architectures.
constexpr uint32_t NativeFlags(uint32_t flags) {
  if constexpr (O_DIRECT == kODirect && O_DIRECTORY == kODirectory) return flags;
  return (flags & ~(kODirect | kODirectory)) | ((flags & kODirect) != 0 ? O_DIRECT : 0) |
         ((flags & kODirectory) != 0 ? O_DIRECTORY : 0);
}
static_assert(O_CLOEXEC == kOCloexec && O_NONBLOCK == kONonblock && O_APPEND == kOAppend && O_PATH == kOPath);

constexpr int kPidfdId = 3;         // P_PIDFD
constexpr long kMemfdSecret = 447;  // where it exists

// A message to rtnetlink; its size.
size_t RequestOf(Request what, nlmsghdr* header, ifinfomsg* interface) {
  constexpr uint16_t kUnknownType = 0xff0;
  *header = {}, *interface = {};
  header->nlmsg_flags = NLM_F_REQUEST;
  header->nlmsg_type = what == Request::kUnknown ? kUnknownType : what == Request::kDump ? RTM_GETLINK : NLMSG_NOOP;
  if (what == Request::kAcknowledge) header->nlmsg_flags |= NLM_F_ACK;
  if (what == Request::kDump) header->nlmsg_flags |= NLM_F_DUMP;
  const bool bare = header->nlmsg_type == NLMSG_NOOP;
  header->nlmsg_len = static_cast<uint32_t>(bare ? sizeof *header : NLMSG_LENGTH(sizeof *interface));
  return header->nlmsg_len;
}

}  // namespace

// An address at which the kernel chooses the rest: an abstract name (autobind), a port of the loopback interface.
socklen_t Exec::AnyAddress(int fd, SystemCall* call) {
  int family = AF_UNIX;
  socklen_t size = sizeof family;
  getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
  std::memset(&call->address, 0, sizeof call->address);
  call->address.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_NETLINK) return sizeof(sockaddr_nl);
  if (family != AF_INET) return sizeof call->address.ss_family;
  sockaddr_in loopback = {};
  loopback.sin_family = AF_INET;
  // One of its own each time, so that a port that is given back is nobody else's soon.
  static thread_local uint32_t used = 0;
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 0x10000 + ++used % 0xfffff * 2);
  std::memcpy(&call->address, &loopback, sizeof loopback);
  return sizeof loopback;
}

// The address of a socket, AF_UNSPEC of -1, none at all of what is no socket. Not part of the judged call.
socklen_t Exec::AddressOf(int to, SystemCall* call) {
  std::memset(&call->address, 0, sizeof call->address);
  if (to == -1) return sizeof call->address.ss_family;
  socklen_t size = sizeof call->address;
  return getsockname(to, reinterpret_cast<sockaddr*>(&call->address), &size) == 0 ? size : 0;
}

// A message of one byte, with room for one descriptor.
void Exec::MessageWithRoom(SystemCall* call) {
  auto& m = call->message;
  m = {};
  m.bytes = {&m.byte, 1};
  m.header.msg_iov = &m.bytes, m.header.msg_iovlen = 1;
  m.header.msg_control = m.control, m.header.msg_controllen = sizeof m.control;
}

bool Exec::Prepare(const Op& op, SystemCall* c) {
  const auto set = [c](long number, long a = 0, long b = 0, long d = 0, long e = 0, long f = 0, long g = 0) {
    c->number = number;
    c->arg[0] = a, c->arg[1] = b, c->arg[2] = d, c->arg[3] = e, c->arg[4] = f, c->arg[5] = g;
    return true;
  };
  const auto address = [](const void* p) { return reinterpret_cast<long>(p); };
  const long fd = op.fd(0).number();
  c->buffer = nullptr;
  c->room = 0;
  switch (op.call) {
    case Call::kEpollCreate:
#ifdef SYS_epoll_create
      return set(SYS_epoll_create, op.num(0));
#else
      return set(kNoCall);
#endif
    case Call::kEpollCreate1:
      return set(SYS_epoll_create1, op.u32(0));
    case Call::kEpollCtl:
      c->event.events = op.u32(4);
      c->event.data.u64 = op.arg[5];
      return set(SYS_epoll_ctl, fd, op.num(1), op.fd(2).number(),
                 address(StructAt(op.mem(3), &c->event, sizeof c->event, 0)));
    case Call::kEpollWait:
      OutputAt(op.mem(1), kRecord, static_cast<size_t>(std::max(op.num(2), 0)), c);
#ifdef SYS_epoll_wait
      return set(SYS_epoll_wait, fd, address(c->buffer), op.num(2), op.num(3));
#else
      return set(SYS_epoll_pwait, fd, address(c->buffer), op.num(2), op.num(3), 0, 8);
#endif
    case Call::kEpollPwait:
      OutputAt(op.mem(1), kRecord, static_cast<size_t>(std::max(op.num(2), 0)), c);
      c->sigmask = 0;
      return set(SYS_epoll_pwait, fd, address(c->buffer), op.num(2), op.num(3),
                 address(StructAt(op.mem(4), &c->sigmask, sizeof c->sigmask, 1)), op.num(5));
    case Call::kEpollPwait2:
      OutputAt(op.mem(1), kRecord, static_cast<size_t>(std::max(op.num(2), 0)), c);
      c->time = {static_cast<time_t>(op.arg[4]), static_cast<long>(op.arg[5])};
      c->sigmask = 0;
      return set(SYS_epoll_pwait2, fd, address(c->buffer), op.num(2),
                 address(StructAt(op.mem(3), &c->time, sizeof c->time, 0)),
                 address(StructAt(op.mem(6), &c->sigmask, sizeof c->sigmask, 1)), op.num(7));
    case Call::kEpiocSparams:
      c->params = {op.u32(2), static_cast<uint16_t>(op.arg[3]), static_cast<uint8_t>(op.arg[4]),
                   static_cast<uint8_t>(op.arg[5])};
      return set(SYS_ioctl, fd, kEpiocsparams, address(StructAt(op.mem(1), &c->params, sizeof c->params, 0)));
    case Call::kEpiocGparams:
      std::memset(&c->params, kPaint, sizeof c->params);
      return set(SYS_ioctl, fd, kEpiocgparams, address(StructAt(op.mem(1), &c->params, sizeof c->params, 0)));
    case Call::kIoctl:
      return set(SYS_ioctl, fd, op.u32(1), 0);
    case Call::kPoll:
      for (size_t i = 0; i < op.npoll; ++i) {
        c->poll[i] = {op.poll_fd(i).number(), static_cast<short>(op.poll_events(i)), 0};
      }
#ifdef SYS_poll
      return set(SYS_poll, address(c->poll), op.npoll, op.num(0));
#else
      return set(kNoCall);
#endif
    case Call::kPpoll:
      for (size_t i = 0; i < op.npoll; ++i) {
        c->poll[i] = {op.poll_fd(i).number(), static_cast<short>(op.poll_events(i)), 0};
      }
      c->time = {static_cast<time_t>(op.arg[2]), static_cast<long>(op.arg[3])};
      c->sigmask = 0;
      return set(SYS_ppoll, address(StructAt(op.mem(0), c->poll, op.npoll * sizeof c->poll[0], 0)), op.npoll,
                 address(StructAt(op.mem(1), &c->time, sizeof c->time, 1)),
                 address(StructAt(op.mem(4), &c->sigmask, sizeof c->sigmask, 2)), op.num(5));
    case Call::kSelect: {
      int highest = -1;
      std::fill(std::begin(c->sets), std::end(c->sets), 0);
      for (size_t i = 0; i < op.npoll; ++i) {
        const int number = op.poll_fd(i).number();
        if (number < 0) continue;  // stands in no set
        highest = std::max(highest, number);
        for (unsigned s = 0; s < 3; ++s) c->sets[s] |= uint64_t{(op.poll_events(i) >> s & 1u) != 0} << number;
      }
      c->time = {static_cast<time_t>(op.arg[2]), static_cast<long>(op.arg[3])};
      const char* sets = StructAt(op.mem(0), c->sets, sizeof c->sets, 0);
      const bool somewhere = sets != nullptr && op.mem(0).kind() != Memory::kKernel;
      const auto of = [&](size_t s) { return address(somewhere ? sets + 8 * s : sets); };
      static_assert(kIn == 1 && kPri == 2 && kOut == 4);
#ifdef SYS_select
      return set(SYS_select, highest + 1, of(0), of(2), of(1),
                 address(StructAt(op.mem(1), &c->time, sizeof c->time, 1)));
#else
      return set(kNoCall);
#endif
    }
    case Call::kReadv:
    case Call::kWritev: {
      SegmentsAt(op, c);
      const size_t array = op.call == Call::kReadv ? 5 : 7;
      return set(op.call == Call::kReadv ? SYS_readv : SYS_writev, fd,
                 address(StructAt(op.mem(array), c->segments, sizeof c->segments, 2)), 2);
    }
    case Call::kFionbio:
    case Call::kFioasync:
      c->integer = op.num(2);
      return set(SYS_ioctl, fd, op.call == Call::kFionbio ? FIONBIO : FIOASYNC,
                 address(StructAt(op.mem(1), &c->integer, sizeof c->integer, 0)));
    case Call::kFionread:
      c->integer = 0;
      return set(SYS_ioctl, fd, FIONREAD, address(StructAt(op.mem(1), &c->integer, sizeof c->integer, 0)));
    case Call::kSplice:
      return set(SYS_splice, fd, 0, op.fd(1).number(), 0, static_cast<long>(op.arg[2]), op.u32(3));
    case Call::kTee:
      return set(SYS_tee, fd, op.fd(1).number(), static_cast<long>(op.arg[2]), op.u32(3));
    case Call::kVmsplice: {
      // A pipe that is filled so keeps the pages: those that nobody writes to.
      const int mode = fcntl(static_cast<int>(fd), F_GETFL);
      char* at;
      if (mode >= 0 && (mode & O_ACCMODE) == O_RDONLY) {
        OutputAt(op.mem(1), 1, op.arg[2], c);
        at = c->buffer;
      } else {
        at = ZerosAt(op.mem(1));
      }
      c->segments[0] = {at, op.arg[2]};
      return set(SYS_vmsplice, fd, address(c->segments), 1, op.u32(3));
    }
    case Call::kSpliceAt:
      c->words[0] = op.arg[2], c->words[1] = op.arg[5];
      return set(SYS_splice, fd, address(StructAt(op.mem(1), &c->words[0], sizeof c->words[0], 0)), op.fd(3).number(),
                 address(StructAt(op.mem(4), &c->words[1], sizeof c->words[1], 1)), static_cast<long>(op.arg[6]),
                 op.u32(7));
    case Call::kSendfileAt:
      c->words[0] = op.arg[3];
      return set(SYS_sendfile, fd, op.fd(1).number(), address(StructAt(op.mem(2), &c->words[0], sizeof c->words[0], 0)),
                 static_cast<long>(op.arg[4]));
    case Call::kSendfile:
      return set(SYS_sendfile, fd, op.fd(1).number(), 0, static_cast<long>(op.arg[2]));
    case Call::kKcmpFile: {
      const long task = op.process != 0 ? second_.pid() : mark_->tid.load(std::memory_order_relaxed);
      return set(SYS_kcmp, task, task, KCMP_FILE, fd, op.fd(1).number());
    }
    case Call::kKcmpTfd: {
      const long task = op.process != 0 ? second_.pid() : mark_->tid.load(std::memory_order_relaxed);
      c->slot[0] = static_cast<uint32_t>(op.fd(1).number());
      c->slot[1] = static_cast<uint32_t>(op.fd(2).number());
      c->slot[2] = op.u32(4);
      return set(SYS_kcmp, task, task, KCMP_EPOLL_TFD, fd, address(StructAt(op.mem(3), c->slot, sizeof c->slot, 0)));
    }
    case Call::kClose:
      return set(SYS_close, fd);
    case Call::kCloseRange:
      return set(SYS_close_range, op.u32(0), op.u32(1), op.u32(2));
    case Call::kDup:
      return set(SYS_dup, fd);
    case Call::kDup2:
#ifdef SYS_dup2
      return set(SYS_dup2, fd, op.fd(1).number());
#else
      return fd == op.fd(1).number() ? set(kNoCall) : set(SYS_dup3, fd, op.fd(1).number(), 0);
#endif
    case Call::kDup3:
      return set(SYS_dup3, fd, op.fd(1).number(), op.u32(2));
    case Call::kFcntl:
      return set(SYS_fcntl, fd, op.num(1), op.num(1) == kFSetfl ? NativeFlags(op.u32(2)) : op.u32(2));
    case Call::kRead:
      OutputAt(op.mem(1), 1, op.arg[2], c);
      return set(SYS_read, fd, address(c->buffer), static_cast<long>(op.arg[2]));
    case Call::kRecv:
      OutputAt(op.mem(1), 1, op.arg[2], c);
      return set(SYS_recvfrom, fd, address(c->buffer), static_cast<long>(op.arg[2]), op.u32(3));
    case Call::kWrite:
      return set(SYS_write, fd, address(SourceAt(op.mem(1), op.arg[2], op.arg[3], &c->word)),
                 static_cast<long>(op.arg[2]));
    case Call::kSend:
      return set(SYS_sendto, fd, address(SourceAt(op.mem(1), op.arg[2], op.arg[3], &c->word)),
                 static_cast<long>(op.arg[2]), op.u32(4));
    case Call::kNlRequest: {
      const size_t size = RequestOf(static_cast<Request>(op.arg[1]), &c->request.header, &c->request.interface);
      return set(SYS_sendto, fd, address(&c->request), static_cast<long>(size), 0);
    }
    case Call::kShutdown:
      return set(SYS_shutdown, fd, op.num(1));
    case Call::kPipe2:
      c->pair[0] = c->pair[1] = -1;
      return set(SYS_pipe2, address(c->pair), NativeFlags(op.u32(0)));
    case Call::kEventfd:
      return set(SYS_eventfd2, op.u32(0), op.u32(1));
    case Call::kSocketpair:
      c->pair[0] = c->pair[1] = -1;
      return set(SYS_socketpair, AF_UNIX, static_cast<long>(op.u32(0) | op.u32(1)), 0, address(c->pair));
    case Call::kTimerfdCreate:
      return set(SYS_timerfd_create, op.num(0), op.u32(1));
    case Call::kTimerfdSettime:
      c->timer.it_value = {static_cast<time_t>(op.arg[2]), static_cast<long>(op.arg[3])};
      c->timer.it_interval = {static_cast<time_t>(op.arg[4]), static_cast<long>(op.arg[5])};
      return set(SYS_timerfd_settime, fd, op.u32(1), address(&c->timer), 0);
    case Call::kUserfaultfd:
      return set(SYS_userfaultfd, op.u32(0));
    case Call::kUffdApi:
      c->uffdio = {};
      c->uffdio.api = UFFD_API;
      return set(SYS_ioctl, fd, UFFDIO_API, address(&c->uffdio));
    case Call::kPerfEventOpen:
      c->perf = {};
      c->perf.type = PERF_TYPE_SOFTWARE;
      c->perf.size = sizeof c->perf;
      c->perf.config = PERF_COUNT_SW_DUMMY;
      c->perf.disabled = 1;
      return set(SYS_perf_event_open, address(&c->perf), 0, -1, -1, op.u32(0));
    case Call::kTimerfdGettime:
      return set(SYS_timerfd_gettime, fd, address(&c->timer));
    case Call::kTimerfdTicks:
      c->word = op.arg[1];
      return set(SYS_ioctl, fd, kTfdIocSetTicks, address(&c->word));
    case Call::kMemfdCreate:
      return set(SYS_memfd_create, address("pollux"), op.u32(0));
    case Call::kOpen: {
      // Those of another thread have names that were not there when a second process began.
      const Which which = static_cast<Which>(op.arg[0]);
      const char* path = announcer_.PathOf(which);
      if (which >= Which::kMounts) path = std::strncpy(c->path, path, sizeof c->path - 1);
      return set(SYS_openat, AT_FDCWD, address(path), NativeFlags(op.u32(1)));
    }
    case Call::kPrlimit:
      c->limit = {static_cast<rlim_t>(op.num(0)), original_limit_.rlim_max};
      return set(SYS_prlimit64, 0, RLIMIT_NOFILE, address(&c->limit), 0);
    case Call::kSocket:
      return set(SYS_socket, op.num(0), static_cast<long>(op.u32(1) | op.u32(2)), 0);
    case Call::kBind: {
      const socklen_t size = AnyAddress(static_cast<int>(fd), c);
      return set(SYS_bind, fd, address(&c->address), size);
    }
    case Call::kListen:
      return set(SYS_listen, fd, op.num(1));
    case Call::kConnect: {
      const socklen_t size = AddressOf(op.fd(1).number(), c);
      return set(SYS_connect, fd, address(&c->address), size);
    }
    case Call::kAccept4:
      return set(SYS_accept4, fd, 0, 0, op.u32(1));
    case Call::kGetsockopt:
      c->option = {{-1, -1}, sizeof(linger)};
      return set(SYS_getsockopt, fd, op.num(1) >> 16, op.num(1) & 0xffff, address(c->option.value),
                 address(&c->option.size));
    case Call::kSetsockopt: {
      const int value = op.num(2);
      const bool lingers = op.num(1) == kSoLinger;
      c->option = {{value, 0}, sizeof value};
      if (lingers) c->option = {{value >= 0, value >= 0 ? value : 0}, sizeof(linger)};
      return set(SYS_setsockopt, fd, op.num(1) >> 16, op.num(1) & 0xffff, address(c->option.value), c->option.size);
    }
    case Call::kSendfd: {
      MessageWithRoom(c);
      cmsghdr* control = CMSG_FIRSTHDR(&c->message.header);
      const int passed = op.fd(1).number();
      control->cmsg_level = SOL_SOCKET, control->cmsg_type = SCM_RIGHTS;
      control->cmsg_len = CMSG_LEN(sizeof passed);
      std::memcpy(CMSG_DATA(control), &passed, sizeof passed);
      return set(SYS_sendmsg, fd, address(&c->message.header), 0);
    }
    case Call::kRecvfd:
      MessageWithRoom(c);
      return set(SYS_recvmsg, fd, address(&c->message.header), 0);
    case Call::kRingEnter:
      return set(SYS_io_uring_enter, fd, op.u32(1), 0, op.u32(2), 0, 8);
    case Call::kInotifyInit1:
      return set(SYS_inotify_init1, op.u32(0));
    case Call::kInotifyAdd:
      ThreadPath(c->path, "/proc/thread-self/fd/", op.fd(1).number());
      return set(SYS_inotify_add_watch, fd, address(c->path), op.u32(2));
    case Call::kInotifyRm:
      return set(SYS_inotify_rm_watch, fd, op.num(1));
    case Call::kInotifyRead:
      OutputAt(op.mem(1), 1, op.arg[2], c);
      return set(SYS_read, fd, address(c->buffer), static_cast<long>(op.arg[2]));
    case Call::kFchmod:
      return set(SYS_fchmod, fd, op.u32(1));
    case Call::kReopen:
      ThreadPath(c->path, "/proc/thread-self/fd/", static_cast<int>(fd));
      return set(SYS_openat, AT_FDCWD, address(c->path), NativeFlags(op.u32(1)) | O_NOCTTY);
    case Call::kSignalfd4:
      c->sigmask = Sigset(op.u32(2));
      return set(SYS_signalfd4, fd, address(StructAt(op.mem(1), &c->sigmask, sizeof c->sigmask, 0)), sizeof c->sigmask,
                 op.u32(3));
    case Call::kSignals:
      OutputAt(op.mem(1), sizeof(signalfd_siginfo), op.arg[2], c);
      return set(SYS_read, fd, address(c->buffer), static_cast<long>(op.arg[2] * sizeof(signalfd_siginfo)));
    case Call::kRaise:
      return set(SYS_tgkill, mark_->pid.load(std::memory_order_relaxed), mark_->tid.load(std::memory_order_relaxed),
                 op.num(0));
    case Call::kKill:
      return set(SYS_kill, mark_->pid.load(std::memory_order_relaxed), op.num(0));
    case Call::kSigqueue:
      c->info = {};
      c->info.si_code = SI_QUEUE;
      c->info.si_pid = mark_->pid.load(std::memory_order_relaxed);
      c->info.si_value.sival_int = op.num(1);
      return set(SYS_rt_sigqueueinfo, c->info.si_pid, op.num(0), address(&c->info));
    case Call::kReap:
      return set(SYS_waitid, kPidfdId, fd, address(&c->info), WEXITED | __WALL, 0);
    case Call::kMqSend:
      return set(SYS_mq_timedsend, fd, address(SourceAt(op.mem(1), op.arg[2], op.arg[3], &c->word)),
                 static_cast<long>(op.arg[2]), op.u32(4), 0);
    case Call::kMqReceive:
      OutputAt(op.mem(1), 1, op.arg[2], c);
      return set(SYS_mq_timedreceive, fd, address(c->buffer), static_cast<long>(op.arg[2]), address(&c->queue.priority),
                 0);
    case Call::kMqGetattr:
      return set(SYS_mq_getsetattr, fd, 0, address(&c->queue.attributes));
    case Call::kMqSetattr:
      c->queue.attributes = {};
      c->queue.attributes.mq_flags = op.u32(1);
      return set(SYS_mq_getsetattr, fd, address(&c->queue.attributes), 0);
    case Call::kPtsopen:
      return set(SYS_ioctl, fd, TIOCGPTPEER, static_cast<long>(op.u32(1) | O_NOCTTY));
    case Call::kMemfdSecret:
      return set(kMemfdSecret, op.u32(0));
    case Call::kFdinfo:
    case Call::kWatches:
    case Call::kExpire:
    case Call::kRingSetup:
    case Call::kRingPush:
    case Call::kRingReap:
    case Call::kMqOpen:
    case Call::kOpenpty:
    case Call::kChild:
    case Call::kPidfdOpen:
    case Call::kExitChild:
    case Call::kFifo:
    case Call::kChange:
    case Call::kJumpClock:
      return false;
    case Call::kUringEpollCtl:
      c->event.events = op.u32(4);
      c->event.data.u64 = op.arg[5];
      set(kNoCall, fd, op.num(1), op.fd(2).number(), address(StructAt(op.mem(3), &c->event, sizeof c->event, 0)));
      return false;
    case Call::kUringEpollWait:
      OutputAt(op.mem(1), kRecord, static_cast<size_t>(std::max(op.num(2), 0)), c);
      set(kNoCall, fd, address(c->buffer), op.num(2));
      return false;
    case Call::kFork:
    case Call::kExit:
    case Call::kExecve:
      return false;
  }
  return false;
}

}  // namespace pollux
