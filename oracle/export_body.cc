#include "oracle/export_body.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <span>

#include "model/abi.h"
#include "model/text.h"
#include "oracle/exec.h"
#include "oracle/named_files.h"

namespace pollux {

std::string Number(int64_t n) { return std::to_string(n); }

namespace {

std::string Hex(uint64_t n) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(n));
  return text;
}

// Names that glibc's headers do not have everywhere.
bool InHeaders(std::string_view name) {
  return name != "EPOLLNVAL" && name != "EPOLLURING_WAKE" && name != "EPOLL_URING_WAKE" &&
         name.substr(0, 11) != "CLOSE_RANGE" && name.substr(0, 4) != "MFD_";
}

std::string Bits(std::span<const Word> words, uint64_t v) {
  std::string text;
  for (const Word& w : words) {
    const std::string name = std::string(w.prefix) + std::string(w.name);
    if (w.value == 0 || (v & w.value) != w.value || !InHeaders(name)) continue;
    text += (text.empty() ? "" : " | ") + name;
    v &= ~w.value;
  }
  if (v != 0 || text.empty()) text += (text.empty() ? "" : " | ") + (v == 0 ? "0" : Hex(v));
  return text;
}

std::string EventBits(uint64_t v) { return Bits(Spec(Call::kEpollCtl).args[4].words, v); }
std::string PollBits(uint64_t v) {
  std::string text = EventBits(v);
  for (size_t at = 0; (at = text.find("EPOLL", at)) != std::string::npos; at += 4) text.erase(at, 1);
  return text;
}

constexpr size_t kSignalRecord = 128;  // sizeof(struct signalfd_siginfo)

class Body {
 public:
  Body(const Op& op, const Outcome& want, size_t index) : op_(op), want_(want), index_(index) {}

  std::string Statements() {
    switch (op_.call) {
      case Call::kFdinfo:
        return Fdinfo();
      case Call::kPoll:
      case Call::kPpoll:
        return Poll();
      case Call::kRingSetup:
        return "  MAKES(" + std::to_string(index_) + ", " + Want() + ", set_up_ring(" + std::to_string(op_.u32(0)) +
               "U, " + Hex(op_.u32(1)) + "));\n";
      case Call::kRingPush:
        return "  MAKES(" + std::to_string(index_) + ", " + Want() + ", push_nops(" + Fd(0) + ", " +
               std::to_string(op_.u32(1)) + "U));\n";
      case Call::kRingReap:
        return "  MAKES(" + std::to_string(index_) + ", " + Want() + ", reap(" + Fd(0) + ", " +
               std::to_string(op_.u32(1)) + "U));\n";
      case Call::kFifo:
        return "  MAKES(" + std::to_string(index_) + ", " + Want() + ", fifo(" + Int(0) + "));\n";
      case Call::kJumpClock:
        return "  MAKES(" + std::to_string(index_) + ", " + Want() + ", jump_clock());\n";
      case Call::kChange:
        return "  MAKES(" + std::to_string(index_) + ", " + Want() + ", " +
               (op_.arg[0] == static_cast<uint64_t>(Which::kMounts) ? "change_mounts" : "change_domainname") + "());\n";
      case Call::kChild:
        return "  MAKES(" + std::to_string(index_) + ", " + Want() + ", new_child());\n";
      case Call::kPidfdOpen:
        return "  MAKES(" + std::to_string(index_) + ", " + Want() + ", pidfd_again(" + Fd(0) + ", " +
               std::to_string(op_.u32(1)) + "));\n";
      case Call::kExitChild:
        return "  MAKES(" + std::to_string(index_) + ", " + Want() + ", end_child(" + Fd(0) + "));\n";
      case Call::kMqOpen:
        return "  MAKES(" + std::to_string(index_) + ", " + Want() + ", new_queue(" + Int(0) + ", " + Int(1) + ", " +
               Int(2) + "));\n";
      case Call::kOpenpty:
        return "  MAKES(" + std::to_string(index_) + ", " + Want() + ", new_pty(" + Int(0) + "));\n" + After();
      case Call::kSelect:
        return Select();
      default:
        break;
    }
    if (want_.kind == Outcome::kBlocked) {
      return Before() + Blocks() + std::to_string(index_) + ", " + CallText() + ");\n";
    }
    if (op_.call == Call::kUringEpollCtl || op_.call == Call::kUringEpollWait) {
      const std::string want = want_.kind == Outcome::kBlocked ? "-EINTR" : Want();
      return "  RUN_URING(" + std::to_string(index_) + ", " + want + ", " + CallText() + ");\n" +
             (want_.kind == Outcome::kBlocked ? "" : After());
    }
    if (op_.call == Call::kKcmpFile || op_.call == Call::kKcmpTfd) {
      return "  RUN_KCMP(" + std::to_string(index_) + ", " + Want() + ", " + CallText() + ");\n";
    }
    return Before() + "  RUN(" + std::to_string(index_) + ", " + Want() + ", " + CallText() + ");\n" + After();
  }

 private:
  // A thread sleeps in it until the trace is over.
  std::string Blocks() const { return op_.thread != 0 ? "  SLEEP(" : "  RUN_BLOCKED("; }

  std::string Want() const {
    if (want_.kind == Outcome::kError) return "-" + ErrnoName(want_.error);
    if (op_.call == Call::kInotifyRead && want_.kind == Outcome::kRecords) {
      return Number(kInEventSize * static_cast<int64_t>(want_.records.size()));
    }
    if (want_.kind == Outcome::kRecords) {
      return std::to_string(want_.records.size() * (op_.call == Call::kSignals ? kSignalRecord : 1));
    }
    if (op_.call == Call::kMqGetattr) return "0";
    if (Spec(op_.call).yields == Yields::kPassed) return Number(want_.value[1]);
    if (Spec(op_.call).yields == Yields::kTwo || op_.call == Call::kFionread) return "0";
    return Number(want_.value[0]);
  }

  std::string Fd(size_t slot) const { return Number(op_.fd(slot).number()); }
  std::string Int(size_t slot) const {
    const ArgSpec& spec = SlotSpec(op_, slot);
    if (spec.kind == ArgKind::kFlags) return Bits(spec.words, op_.u32(slot));
    for (const Word& w : spec.words) {
      const std::string name = std::string(w.prefix) + std::string(w.name);
      if (static_cast<int32_t>(w.value) == op_.num(slot) && InHeaders(name)) return name;
    }
    if (op_.num(slot) == INT32_MIN) return "(-2147483647 - 1)";
    return Number(op_.num(slot));
  }

  // A pointer to a struct that the kernel reads; `good` makes it.
  std::string Struct(size_t slot, const std::string& good, size_t size, bool written = false) const {
    const Memory m = op_.mem(slot);
    switch (m.kind()) {
      case Memory::kGood:
        return good;
      case Memory::kNull:
        return "NULL";
      case Memory::kKernel:
        return "KERNEL";
      case Memory::kUnmapped:
        return "NOWHERE";
      case Memory::kReadonly:
        return "readonly(" + good + ", " + std::to_string(size) + ")";
      case Memory::kFault:
        // Of a struct of which nothing fits the first bytes can be read.
        if (m.records() == 0) return "edge(" + std::to_string(std::min<size_t>(4, size / 2)) + ")";
        return (written ? "edge(" : "at_edge(" + good + ", ") + std::to_string(size) + ")";
      case Memory::kMisaligned:
        return "two_pages(1, " + good + ", " + std::to_string(size) + ")";
      case Memory::kStraddling:
        return "two_pages(" + std::to_string(4096 - size / 2) + ", " + good + ", " + std::to_string(size) + ")";
      case Memory::kGone:
        return "unmapped_page()";
    }
    return good;
  }

  // A buffer that the kernel fills.
  std::string Output(size_t slot, size_t record, uint64_t records) const {
    const Memory m = op_.mem(slot);
    const size_t size = static_cast<size_t>(std::min<uint64_t>(records, kMaxBytes / record)) * record;
    switch (m.kind()) {
      case Memory::kNull:
        return "NULL";
      case Memory::kKernel:
        return "KERNEL";
      case Memory::kUnmapped:
        return "NOWHERE";
      case Memory::kReadonly:
        return "readonly(\"\", 1)";
      case Memory::kFault:
        if (m.records() < kMaxBytes / record) {
          return "painted_edge(" + std::to_string(m.records() * record) + ")";
        }
        break;
      case Memory::kMisaligned:
        return "painted_at(1, " + std::to_string(size) + ")";
      case Memory::kStraddling:
        return "painted_at(" + std::to_string(4096 - std::max<size_t>(record / 2, 1)) + ", " + std::to_string(size) +
               ")";
      case Memory::kGone:
        return "unmapped_page()";
      case Memory::kGood:
        break;
    }
    return "painted(" + std::to_string(size) + ")";
  }
  bool Painted(size_t slot) const { return op_.mem(slot).good() || op_.mem(slot).kind() == Memory::kFault; }
  bool Short(size_t slot, uint64_t size) const {
    return op_.mem(slot).kind() == Memory::kFault && op_.mem(slot).records() < size;
  }

  std::string Source(size_t slot = 1, const std::string& word = "word(") const {
    const Memory m = op_.mem(slot);
    const uint64_t n = op_.arg[slot + 1];
    if (n == 8 && m.readable(8)) return Struct(slot, word + Hex(op_.arg[slot + 2]) + ")", 8);
    switch (m.kind()) {
      case Memory::kNull:
        return "NULL";
      case Memory::kKernel:
        return "KERNEL";
      case Memory::kUnmapped:
        return "NOWHERE";
      case Memory::kFault:
        return "zeros_at_edge(" + std::to_string(std::min<uint64_t>(m.records(), kMaxBytes)) + ")";
      case Memory::kMisaligned:
        return "zeros + 1";
      case Memory::kStraddling:
        return "zeros + 4095";
      case Memory::kGone:
        return "unmapped_page()";
      default:
        return "zeros";
    }
  }

  std::string Wait(const char* call) const {
    // The room is that of the harness, less what no kernel could fill.
    const uint64_t records = std::min<uint64_t>(static_cast<uint64_t>(std::max(op_.num(2), 0)), 4096);
    return std::string(call) + ", " + Fd(0) + ", " + Output(1, 12, records) + ", " + Number(op_.num(2));
  }

  // The option by level and name.
  std::string Option() const {
    const char* level = op_.num(1) == kTcpNodelay ? "IPPROTO_TCP" : "SOL_SOCKET";
    return std::string(level) + ", " + Int(1);
  }

  // What is made ready for the call.
  std::string Before() const {
    switch (op_.call) {
      case Call::kBind:
        return "  anywhere(" + Fd(0) + ");\n";
      case Call::kConnect:
        return "  name_of_socket(" + Fd(1) + ");\n";
      case Call::kMqSetattr:
        return "  mq_attributes[0] = (long)(" + Int(1) + ");\n";
      case Call::kGetsockopt:
        return "  sock_option_size = sizeof sock_option;\n";
      case Call::kSetsockopt: {
        const int value = op_.num(2);
        if (op_.num(1) != kSoLinger) return "  sock_option[0] = " + Int(2) + ";\n  sock_option_size = sizeof(int);\n";
        return "  sock_option[0] = " + std::string(value >= 0 ? "1" : "0") +
               ";\n  sock_option[1] = " + Number(std::max(value, 0)) + ";\n  sock_option_size = sizeof sock_option;\n";
      }
      case Call::kVmsplice: {
        // Whether it is written or read to is up to the descriptor: zeros that may be written do for both.
        const Memory m = op_.mem(1);
        std::string at = "painted(" + std::to_string(op_.arg[2]) + ")";
        if (m.kind() == Memory::kFault) at = "edge(" + std::to_string(std::min<uint64_t>(m.records(), kMaxBytes)) + ")";
        if (m.kind() != Memory::kFault && m.kind() != Memory::kGood) at = Output(1, 1, op_.arg[2]);
        return "  segment(0, " + at + ", " + std::to_string(op_.arg[2]) + ");\n";
      }
      case Call::kReadv:
      case Call::kWritev:
        return Segments();
      default:
        return "";
    }
  }

  // What readv fills.
  std::string Segment(size_t index, size_t slot) const {
    const Memory m = op_.mem(slot);
    if (!Painted(slot)) return Output(slot, 1, op_.arg[slot + 1]);
    if (Short(slot, op_.arg[slot + 1])) return "edge(" + std::to_string(m.records()) + ")";
    const char* offset = m.kind() == Memory::kMisaligned ? " + 1" : m.kind() == Memory::kStraddling ? " + 4095" : "";
    return "halves(" + std::to_string(index) + ", " + std::to_string(op_.arg[slot + 1]) + ")" + offset;
  }

  std::string Segments() const {
    std::string text;
    for (size_t i = 0; i < 2; ++i) {
      const bool read = op_.call == Call::kReadv;
      const size_t slot = 1 + (read ? 2 : 3) * i;
      text += "  segment(" + std::to_string(i) + ", " +
              (read ? Segment(i, slot) : Source(slot, "words(" + std::to_string(i) + ", ")) + ", " +
              std::to_string(op_.arg[slot + 1]) + ");\n";
    }
    return text;
  }

  // The number of a 32-bit caller's call in place of the name.
  std::string Numbered(const std::string& call) const {
    if (op_.i386 == 0) return call;
    return "I386 + " + Number(Caller32Number(op_.call)) + call.substr(call.find(','));
  }
  std::string CallText() const { return Numbered(Named()); }

  std::string SegmentArray(size_t slot) const {
    return op_.i386 != 0 ? Struct(slot, "narrow_segments()", 16) : Struct(slot, "segments", 32);
  }

  std::string Named() const {
    switch (op_.call) {
      case Call::kReadv:
        return "SYS_readv, " + Fd(0) + ", " + SegmentArray(5) + ", 2L";
      case Call::kWritev:
        return "SYS_writev, " + Fd(0) + ", " + SegmentArray(7) + ", 2L";
      case Call::kUringEpollCtl:
        return "29 /* IORING_OP_EPOLL_CTL */, " + Fd(0) + ", " + Fd(2) + ", " +
               Struct(3, "event(" + EventBits(op_.u32(4)) + ", " + Hex(op_.arg[5]) + ")", 12) + ", " + Int(1);
      case Call::kUringEpollWait: {
        const uint64_t records = std::min<uint64_t>(static_cast<uint64_t>(std::max(op_.num(2), 0)), 4096);
        return "59 /* IORING_OP_EPOLL_WAIT */, " + Fd(0) + ", 0, " + Output(1, 12, records) + ", " + Number(op_.num(2));
      }
      case Call::kSplice:
        return "SYS_splice, " + Fd(0) + ", NULL, " + Fd(1) + ", NULL, " + Long(2) + ", " + Int(3);
      case Call::kSpliceAt:
        return "SYS_splice, " + Fd(0) + ", " + Struct(1, "file_offset(0, " + Long(2) + ")", 8) + ", " + Fd(3) + ", " +
               Struct(4, "file_offset(1, " + Long(5) + ")", 8) + ", " + Long(6) + ", " + Int(7);
      case Call::kSendfileAt:
        return "SYS_sendfile, " + Fd(0) + ", " + Fd(1) + ", " + Struct(2, "file_offset(0, " + Long(3) + ")", 8) + ", " +
               Long(4);
      case Call::kTee:
        return "SYS_tee, " + Fd(0) + ", " + Fd(1) + ", " + Long(2) + ", " + Int(3);
      case Call::kVmsplice:
        return "SYS_vmsplice, " + Fd(0) + ", segments, 1L, " + Int(3);
      case Call::kSendfile:
        return "SYS_sendfile, " + Fd(0) + ", " + Fd(1) + ", NULL, " + Long(2);
      case Call::kKcmpFile:
        return "SYS_kcmp, gettid(), gettid(), 0 /* KCMP_FILE */, (long)" + Fd(0) + ", (long)" + Fd(1);
      case Call::kKcmpTfd:
        return "SYS_kcmp, gettid(), gettid(), 7 /* KCMP_EPOLL_TFD */, (long)" + Fd(0) + ", " +
               Struct(3, "epoll_slot(" + Fd(1) + ", " + Fd(2) + ", " + Int(4) + ")", 12);
      case Call::kFionbio:
        return "SYS_ioctl, " + Fd(0) + ", FIONBIO, " + Struct(1, "integer(" + Int(2) + ")", 4);
      case Call::kFioasync:
        return "SYS_ioctl, " + Fd(0) + ", FIOASYNC, " + Struct(1, "integer(" + Int(2) + ")", 4);
      case Call::kFionread:
        return "SYS_ioctl, " + Fd(0) + ", FIONREAD, " + Struct(1, "integer(0)", 4);
      case Call::kEpollCreate:
        return "SYS_epoll_create, " + Int(0);
      case Call::kEpollCreate1:
        return "SYS_epoll_create1, " + Int(0);
      case Call::kEpollCtl:
        return "SYS_epoll_ctl, " + Fd(0) + ", " + Int(1) + ", " + Fd(2) + ", " +
               Struct(3, "event(" + EventBits(op_.u32(4)) + ", " + Hex(op_.arg[5]) + ")", 12);
      case Call::kEpollWait:
        return Wait("SYS_epoll_wait") + ", " + Int(3);
      case Call::kEpollPwait:
        return Wait("SYS_epoll_pwait") + ", " + Int(3) + ", " + Struct(4, "no_signals()", 8) + ", " + Long(5);
      case Call::kEpollPwait2:
        return Wait("SYS_epoll_pwait2") + ", " + Struct(3, "timespec(" + Long(4) + ", " + Long(5) + ")", 16) + ", " +
               Struct(6, "no_signals()", 8) + ", " + Long(7);
      case Call::kEpiocSparams:
        return "SYS_ioctl, " + Fd(0) + ", EPIOCSPARAMS, " +
               Struct(1,
                      "params(" + Hex(op_.u32(2)) + ", " + std::to_string(op_.arg[3] & 0xffff) + ", " +
                          std::to_string(op_.arg[4] & 0xff) + ", " + std::to_string(op_.arg[5] & 0xff) + ")",
                      8);
      case Call::kEpiocGparams:
        return "SYS_ioctl, " + Fd(0) + ", EPIOCGPARAMS, " + Struct(1, "&got_params", 8, true);
      case Call::kIoctl:
        return "SYS_ioctl, " + Fd(0) + ", " + Hex(op_.u32(1)) + ", 0L";
      case Call::kClose:
        return "SYS_close, " + Fd(0);
      case Call::kCloseRange:
        return "SYS_close_range, " + std::to_string(op_.u32(0)) + "U, " + std::to_string(op_.u32(1)) + "U, " + Int(2);
      case Call::kDup:
        return "SYS_dup, " + Fd(0);
      case Call::kDup2:
        return "SYS_dup2, " + Fd(0) + ", " + Fd(1);
      case Call::kDup3:
        return "SYS_dup3, " + Fd(0) + ", " + Fd(1) + ", " + Int(2);
      case Call::kFcntl:
        return "SYS_fcntl, " + Fd(0) + ", " + Int(1) + ", " + FcntlArgument();
      case Call::kRead:
        return "SYS_read, " + Fd(0) + ", " + Output(1, 1, op_.arg[2]) + ", " + Long(2);
      case Call::kRecv:
        return "SYS_recvfrom, " + Fd(0) + ", " + Output(1, 1, op_.arg[2]) + ", " + Long(2) + ", " + Int(3) +
               ", NULL, NULL";
      case Call::kWrite:
        return "SYS_write, " + Fd(0) + ", " + Source() + ", " + Long(2);
      case Call::kSend:
        return "SYS_sendto, " + Fd(0) + ", " + Source() + ", " + Long(2) + ", " + Int(4) + ", NULL, 0L";
      case Call::kShutdown:
        return "SYS_shutdown, " + Fd(0) + ", " + Int(1);
      case Call::kPipe2:
        return "SYS_pipe2, pair, " + Int(0);
      case Call::kEventfd:
        return "SYS_eventfd2, " + std::to_string(op_.u32(0)) + "U, " + Int(1);
      case Call::kSocketpair:
        return "SYS_socketpair, AF_UNIX, " + Int(0) + " | " + Int(1) + ", 0, pair";
      case Call::kNlRequest: {
        const bool bare = op_.arg[1] <= static_cast<uint64_t>(Request::kAcknowledge);
        return "SYS_sendto, " + Fd(0) + ", nl_request(" + std::to_string(op_.arg[1]) + "), " + (bare ? "16" : "32") +
               ", 0, NULL, 0";
      }
      case Call::kTimerfdCreate:
        return "SYS_timerfd_create, " + Int(0) + ", " + Int(1);
      case Call::kTimerfdSettime:
        return "SYS_timerfd_settime, " + Fd(0) + ", " + Int(1) + ", timer(" + Long(2) + ", " + Long(3) + ", " +
               Long(4) + ", " + Long(5) + "), NULL";
      case Call::kUserfaultfd:
        return "SYS_userfaultfd, " + Int(0);
      case Call::kUffdApi:
        return "SYS_ioctl, " + Fd(0) + ", UFFDIO_API, uffd_api()";
      case Call::kPerfEventOpen:
        return "SYS_perf_event_open, idle_counter(), 0, -1, -1, (long)(" + Int(0) + ")";
      case Call::kTimerfdGettime:
        return "SYS_timerfd_gettime, " + Fd(0) + ", timer(0, 0, 0, 0)";
      case Call::kTimerfdTicks:
        return "SYS_ioctl, " + Fd(0) + ", SET_TICKS, word(" + Hex(op_.arg[1]) + ")";
      case Call::kMemfdSecret:
        return "447 /* memfd_secret */, " + Int(0);
      case Call::kMemfdCreate:
        return "SYS_memfd_create, \"pollux\", " + Int(0);
      case Call::kOpen:
        return std::string("SYS_openat, AT_FDCWD, \"") + NamedFiles::PathOf(op_.arg[0]) + "\", " + Int(1);
      case Call::kRingEnter:
        return "SYS_io_uring_enter, " + Fd(0) + ", " + std::to_string(op_.u32(1)) + "U, 0, " + Hex(op_.u32(2)) +
               ", NULL, 8L";
      case Call::kInotifyInit1:
        return "SYS_inotify_init1, " + Int(0);
      case Call::kInotifyAdd:
        return "SYS_inotify_add_watch, " + Fd(0) + ", fd_path(" + Fd(1) + "), " + Int(2);
      case Call::kInotifyRm:
        return "SYS_inotify_rm_watch, " + Fd(0) + ", " + Int(1);
      case Call::kInotifyRead:
        return "SYS_read, " + Fd(0) + ", " + Output(1, 1, op_.arg[2]) + ", " + Long(2);
      case Call::kFchmod:
        return "SYS_fchmod, " + Fd(0) + ", " + Int(1);
      case Call::kReopen:
        return "SYS_openat, AT_FDCWD, fd_path(" + Fd(0) + "), " + Int(1) + " | O_NOCTTY";
      case Call::kPtsopen:
        return "SYS_ioctl, " + Fd(0) + ", TIOCGPTPEER, (long)(" + Int(1) + " | O_NOCTTY)";
      case Call::kPrlimit:
        return "SYS_prlimit64, 0, RLIMIT_NOFILE, limit(" + std::to_string(op_.u32(0)) + "), NULL";
      case Call::kSocket:
        return "SYS_socket, " + Int(0) + ", " + Int(1) + " | " + Int(2) + ", 0";
      case Call::kBind:
        return "SYS_bind, " + Fd(0) + ", &sock_name, sock_name_size";
      case Call::kListen:
        return "SYS_listen, " + Fd(0) + ", " + Int(1);
      case Call::kConnect:
        return "SYS_connect, " + Fd(0) + ", &sock_name, sock_name_size";
      case Call::kAccept4:
        return "SYS_accept4, " + Fd(0) + ", NULL, NULL, " + Int(1);
      case Call::kGetsockopt:
        return "SYS_getsockopt, " + Fd(0) + ", " + Option() + ", sock_option, &sock_option_size";
      case Call::kSetsockopt:
        return "SYS_setsockopt, " + Fd(0) + ", " + Option() + ", sock_option, sock_option_size";
      case Call::kSignalfd4:
        return "SYS_signalfd4, " + Fd(0) + ", " + Struct(1, "signal_set(" + Hex(Sigset(op_.u32(2))) + ")", 8) +
               ", 8L, " + Int(3);
      case Call::kSignals:
        return "SYS_read, " + Fd(0) + ", " + Output(1, kSignalRecord, op_.arg[2]) + ", " +
               std::to_string(op_.arg[2] * kSignalRecord) + "L";
      case Call::kRaise:
        return "SYS_tgkill, getpid(), syscall(SYS_gettid), " + Signal();
      case Call::kKill:
        return "SYS_kill, getpid(), " + Signal();
      case Call::kSigqueue:
        return "SYS_rt_sigqueueinfo, getpid(), " + Signal() + ", queued_signal(" + Int(1) + ")";
      case Call::kReap:
        return "SYS_waitid, 3 /* P_PIDFD */, " + Fd(0) + ", &child_info, WEXITED | __WALL, NULL";
      case Call::kMqSend:
        return "SYS_mq_timedsend, " + Fd(0) + ", " + Source() + ", " + Long(2) + ", (long)" +
               std::to_string(op_.u32(4)) + "U, NULL";
      case Call::kMqReceive:
        return "SYS_mq_timedreceive, " + Fd(0) + ", " + Output(1, 1, op_.arg[2]) + ", " + Long(2) +
               ", &mq_priority, NULL";
      case Call::kMqGetattr:
        return "SYS_mq_getsetattr, " + Fd(0) + ", NULL, mq_attributes";
      case Call::kMqSetattr:
        return "SYS_mq_getsetattr, " + Fd(0) + ", mq_attributes, NULL";
      case Call::kSendfd:
        return "SYS_sendmsg, " + Fd(0) + ", rights(" + Fd(1) + "), 0";
      case Call::kRecvfd:
        return "SYS_recvmsg, " + Fd(0) + ", rights(-1), 0";
      default:
        return "";
    }
  }

  // Real-time signals have no names of their own.
  std::string Signal() const { return op_.num(0) < kFirstRealtime ? Int(0) : Number(op_.num(0)); }

  std::string FcntlArgument() const {
    if (SlotSpec(op_, 2).kind != ArgKind::kFlags) return std::to_string(op_.u32(2)) + "L";
    return "(long)(" + Int(2) + ")";
  }

  std::string Long(size_t slot) const {
    const int64_t v = static_cast<int64_t>(op_.arg[slot]);
    return v == INT64_MIN ? "(-9223372036854775807L - 1)" : Number(v) + "L";
  }

  // What is looked at beside the return value.
  std::string After() const {
    std::string text;
    switch (Spec(op_.call).yields) {
      case Yields::kEvents:
        if (op_.call == Call::kInotifyRead) return Notices();
        for (size_t i = 0; want_.kind == Outcome::kRecords && i < want_.records.size(); ++i) {
          text += "  record(" + std::to_string(i) + ", " + EventBits(want_.records[i].events) + ", " +
                  Hex(want_.records[i].data) + ");\n";
        }
        if (Painted(1)) text += "  untouched(" + std::to_string(12 * want_.records.size()) + ");\n";
        break;
      case Yields::kSignals:
        for (size_t i = 0; want_.kind == Outcome::kRecords && i < want_.records.size(); ++i) {
          const Record& r = want_.records[i];
          text += "  is_signal(" + std::to_string(i) + ", " + std::to_string(r.events) + ", " + Hex(r.data) + "U);\n";
        }
        if (Painted(1) && !Short(1, op_.arg[2])) {
          text += "  untouched(" + std::to_string(kSignalRecord * want_.records.size()) + ");\n";
        }
        break;
      case Yields::kAttributes:
        if (want_.kind == Outcome::kValues) {
          text += "  has_attributes(" + Number(want_.value[0]) + ", " + Number(want_.value[1]) + ", " +
                  Number(want_.value[2]) + ", " + Number(want_.value[3]) + ");\n";
        }
        break;
      case Yields::kMessage:
        if (want_.kind == Outcome::kValues) text += "  has_priority(" + Number(want_.value[1]) + "U);\n";
        [[fallthrough]];
      case Yields::kPayload: {
        if (op_.call == Call::kReadv) break;
        if (!Painted(1) || Short(1, op_.arg[2])) break;
        if (want_.has_payload) text += "  payload(" + Hex(want_.payload) + ");\n";
        const int64_t returned = want_.kind == Outcome::kValues ? want_.value[0] : 0;
        text += "  untouched(" + Number(std::min<int64_t>(returned, static_cast<int64_t>(op_.arg[2]))) + ");\n";
        break;
      }
      case Yields::kTwo:
        if (want_.kind == Outcome::kValues) {
          text += "  is_pair(" + Number(want_.value[0]) + ", " + Number(want_.value[1]) + ");\n";
        }
        break;
      case Yields::kOption:
        if (op_.call == Call::kReap) {
          if (want_.kind == Outcome::kValues) text += "  has_status(" + Number(want_.value[1]) + ");\n";
        } else if (want_.kind == Outcome::kValues) {
          const char* check = op_.num(1) == kSoLinger ? "  is_linger(" : "  is_option(";
          text += check + Number(want_.value[1]) + ");\n";
        }
        break;
      case Yields::kPassed:
        if (want_.kind == Outcome::kValues) text += "  is_passed(" + Number(want_.value[0]) + ");\n";
        break;
      case Yields::kParams:
        if (want_.kind == Outcome::kValues && op_.mem(1).kind() == Memory::kGood) {
          text += "  is_params(" + Number(want_.value[1]) + ", " + Number(want_.value[2]) + ", " +
                  Number(want_.value[3]) + ");\n";
        }
        break;
      case Yields::kOffset:
      case Yields::kOffsets:
        for (size_t i = 0; want_.kind == Outcome::kValues && i + 1 < want_.nvalues; ++i) {
          const size_t slot = op_.call == Call::kSendfileAt ? 2 : 1 + 3 * i;
          if (op_.mem(slot).kind() != Memory::kGood) continue;
          text += "  is_offset(" + std::to_string(i) + ", " + Number(want_.value[i + 1]) + ");\n";
        }
        break;
      case Yields::kInterval:
        if (want_.kind == Outcome::kValues) {
          text += "  is_interval(" + Number(want_.value[1]) + ", " + Number(want_.value[2]) + ");\n";
        }
        break;
      default:
        break;
    }
    if (op_.call == Call::kFionread && want_.kind == Outcome::kValues && op_.mem(1).kind() == Memory::kGood) {
      text += "  is_integer(" + Number(want_.value[0]) + ");\n";
    }
    return text;
  }

  std::string Notices() const {
    std::string text;
    for (size_t i = 0; want_.kind == Outcome::kRecords && i < want_.records.size(); ++i) {
      text += "  notice(" + std::to_string(i) + ", " + Bits(PolledWords(op_.call), want_.records[i].events) + ", " +
              Number(static_cast<int32_t>(want_.records[i].data)) + ");\n";
    }
    return text;
  }

  std::string Poll() const {
    std::string text;
    int64_t ready = 0;
    for (size_t i = 0; i < op_.npoll; ++i) {
      text += "  ask(" + std::to_string(i) + ", " + Number(op_.poll_fd(i).number()) + ", " +
              PollBits(op_.poll_events(i)) + ");\n";
      if (want_.kind == Outcome::kRecords && want_.records[i].events != 0) ++ready;
    }
    std::string call = "SYS_poll, polled, " + std::to_string(op_.npoll) + "L, " + Int(0);
    if (op_.call == Call::kPpoll) {
      call = "SYS_ppoll, " + Struct(0, "polled", 8 * size_t{op_.npoll}) + ", " + std::to_string(op_.npoll) + "L, " +
             Struct(1, "timespec(" + Long(2) + ", " + Long(3) + ")", 16) + ", " + Struct(4, "no_signals()", 8) + ", " +
             Long(5);
    }
    call = Numbered(call);
    if (want_.kind == Outcome::kBlocked) {
      return text + Blocks() + std::to_string(index_) + ", " + call + ");\n";
    }
    text += "  RUN(" + std::to_string(index_) + ", " + (want_.kind == Outcome::kRecords ? Number(ready) : Want()) +
            ", " + call + ");\n";
    if (op_.call == Call::kPpoll && op_.mem(0) != Memory()) return text;  // what was found stands elsewhere
    for (size_t i = 0; want_.kind == Outcome::kRecords && i < want_.records.size(); ++i) {
      text += "  revents(" + std::to_string(i) + ", " + PollBits(want_.records[i].events) + ");\n";
    }
    return text;
  }

  std::string Select() const {
    std::string text = "  memset(sets, 0, sizeof sets);\n";
    int highest = -1;
    uint64_t found[3] = {};
    for (size_t i = 0; i < op_.npoll; ++i) {
      const int32_t number = op_.poll_fd(i).number();
      if (number < 0) continue;
      highest = std::max(highest, number);
      const auto has = [&](uint32_t bit) { return (op_.poll_events(i) & bit) != 0 ? ", 1" : ", 0"; };
      text += "  choose(" + Number(number) + has(kIn) + has(kOut) + has(kPri) + ");\n";
      if (want_.kind != Outcome::kRecords) continue;
      found[0] |= uint64_t{(want_.records[i].events & kIn) != 0} << number;
      found[1] |= uint64_t{(want_.records[i].events & kOut) != 0} << number;
      found[2] |= uint64_t{(want_.records[i].events & kPri) != 0} << number;
    }
    const bool cut = op_.i386 != 0 && op_.mem(0).kind() == Memory::kKernel;
    const bool null = op_.mem(0).kind() == Memory::kNull || cut;
    if (!null) text += "  at_sets = (uint64_t *)" + Struct(0, "sets", 24) + ";\n";
    const std::string time = "(" + Long(2) + ", " + Long(3) + ")";
    const std::string call =
        Numbered("SYS_select, " + Number(highest + 1) + "L, " +
                 (cut    ? "KERNEL, KERNEL, KERNEL"
                  : null ? "NULL, NULL, NULL"
                         : "at_sets, at_sets + 1, at_sets + 2") +
                 ", " + (op_.i386 != 0 ? Struct(1, "timeval32" + time, 8) : Struct(1, "timeval" + time, 16)));
    const std::string index = std::to_string(index_);
    if (want_.kind == Outcome::kBlocked) return text + Blocks() + index + ", " + call + ");\n";
    const int ready = std::popcount(found[0]) + std::popcount(found[1]) + std::popcount(found[2]);
    const bool records = want_.kind == Outcome::kRecords;
    text += "  RUN(" + index + ", " + (records ? Number(ready) : Want()) + ", " + call + ");\n";
    if (records && !null) text += "  chosen(" + Hex(found[0]) + ", " + Hex(found[1]) + ", " + Hex(found[2]) + ");\n";
    return text;
  }

  std::string Fdinfo() const {
    std::string text = "  SHOWS(" + std::to_string(index_) + ", " + Want() + ", " + Fd(0) + ");\n";
    for (size_t i = 0; want_.kind == Outcome::kRecords && i < want_.records.size(); ++i) {
      const Record& r = want_.records[i];
      text += "  item(" + std::to_string(i) + ", " + Number(r.fd) + ", " + EventBits(r.events) + ", " + Hex(r.data) +
              ");\n";
    }
    return text;
  }

  Op op_;
  Outcome want_;
  size_t index_ = 0;
};

}  // namespace

std::string Statements(const Op& op, const Outcome& want, size_t index) { return Body(op, want, index).Statements(); }

}  // namespace pollux
