// The table of calls: every argument slot of every call, and the words it can be written with.
//
// Where words share a value the first is printed and all are read. Spellings follow strace.

#include <algorithm>

#include "model/abi.h"
#include "model/op.h"

namespace pollux {
namespace {

// --- Words ---------------------------------------------------------------------------------------------------

// In the order in which masks are printed: bit by bit.
constexpr Word kEventWords[] = {
    {"IN", kIn, "EPOLL"},
    {"PRI", kPri, "EPOLL"},
    {"OUT", kOut, "EPOLL"},
    {"ERR", kErr, "EPOLL"},
    {"HUP", kHup, "EPOLL"},
    {"NVAL", kNval, "EPOLL"},
    {"RDNORM", kRdnorm, "EPOLL"},
    {"RDBAND", kRdband, "EPOLL"},
    {"WRNORM", kWrnorm, "EPOLL"},
    {"WRBAND", kWrband, "EPOLL"},
    {"MSG", kMsg, "EPOLL"},
    {"RDHUP", kRdhup, "EPOLL"},
    {"URING_WAKE", kUringWake, "EPOLL"},
    {"EXCLUSIVE", kExclusive, "EPOLL"},
    {"WAKEUP", kWakeup, "EPOLL"},
    {"ONESHOT", kOneshot, "EPOLL"},
    {"ET", kEt, "EPOLL"},
    // poll(2)'s spellings.
    {"POLLIN", kIn},
    {"POLLPRI", kPri},
    {"POLLOUT", kOut},
    {"POLLERR", kErr},
    {"POLLHUP", kHup},
    {"POLLNVAL", kNval},
    {"POLLRDNORM", kRdnorm},
    {"POLLRDBAND", kRdband},
    {"POLLWRNORM", kWrnorm},
    {"POLLWRBAND", kWrband},
    {"POLLMSG", kMsg},
    {"POLLRDHUP", kRdhup},
};

// Of what select is asked: its three sets.
constexpr Word kSetWords[] = {{"R", kIn}, {"X", kPri}, {"W", kOut}};

constexpr Word kCtlWords[] = {
    {"ADD", kCtlAdd, "EPOLL_CTL_"}, {"DEL", kCtlDel, "EPOLL_CTL_"}, {"MOD", kCtlMod, "EPOLL_CTL_"}};

constexpr Word kEpollFlagWords[] = {{"EPOLL_CLOEXEC", kOCloexec}, {"O_CLOEXEC", kOCloexec}, {"O_NONBLOCK", kONonblock}};

constexpr Word kOpenFlagWords[] = {{"O_RDONLY", kORdonly}, {"O_WRONLY", kOWronly},       {"O_RDWR", kORdwr},
                                   {"O_APPEND", kOAppend}, {"O_NONBLOCK", kONonblock},   {"O_ASYNC", kOAsync},
                                   {"O_DIRECT", kODirect}, {"O_DIRECTORY", kODirectory}, {"O_CLOEXEC", kOCloexec},
                                   {"O_PATH", kOPath}};

// What pipe2, dup3 and F_SETFL are given: no access mode.
constexpr Word kFileFlagWords[] = {{"O_APPEND", kOAppend},
                                   {"O_NONBLOCK", kONonblock},
                                   {"O_ASYNC", kOAsync},
                                   {"O_DIRECT", kODirect},
                                   {"O_CLOEXEC", kOCloexec}};

constexpr Word kFdFlagWords[] = {{"FD_CLOEXEC", 1}};

constexpr Word kEventfdWords[] = {{"EFD_SEMAPHORE", kEfdSemaphore},
                                  {"EFD_NONBLOCK", kONonblock},
                                  {"EFD_CLOEXEC", kOCloexec},
                                  {"O_NONBLOCK", kONonblock},
                                  {"O_CLOEXEC", kOCloexec}};

constexpr Word kSockTypeWords[] = {{"STREAM", kSockStream, "SOCK_"},
                                   {"DGRAM", kSockDgram, "SOCK_"},
                                   {"SEQPACKET", kSockSeqpacket, "SOCK_"},
                                   {"RAW", kSockRaw, "SOCK_"}};
constexpr Word kFamilyWords[] = {{"UNIX", kAfUnix, "AF_"}, {"INET", kAfInet, "AF_"}, {"NETLINK", kAfNetlink, "AF_"}};
constexpr Word kOptionWords[] = {{"SO_ERROR", kSoError},   {"SO_SNDBUF", kSoSndbuf},     {"SO_RCVBUF", kSoRcvbuf},
                                 {"SO_LINGER", kSoLinger}, {"SO_RCVLOWAT", kSoRcvlowat}, {"TCP_NODELAY", kTcpNodelay}};
constexpr Word kSockFlagWords[] = {{"NONBLOCK", kONonblock, "SOCK_"}, {"CLOEXEC", kOCloexec, "SOCK_"}};

constexpr Word kMsgWords[] = {{"MSG_OOB", kMsgOob},
                              {"MSG_PEEK", kMsgPeek},
                              {"MSG_TRUNC", kMsgTrunc},
                              {"MSG_DONTWAIT", kMsgDontwait},
                              {"MSG_NOSIGNAL", kMsgNosignal}};

constexpr Word kSpliceWords[] = {{"MOVE", kSpliceMove, "SPLICE_F_"},
                                 {"NONBLOCK", kSpliceNonblock, "SPLICE_F_"},
                                 {"MORE", kSpliceMore, "SPLICE_F_"},
                                 {"GIFT", kSpliceGift, "SPLICE_F_"}};

constexpr Word kShutWords[] = {{"SHUT_RD", kShutRd}, {"SHUT_WR", kShutWr}, {"SHUT_RDWR", kShutRdwr}};

constexpr Word kClockWords[] = {{"REALTIME", kClockRealtime, "CLOCK_"},
                                {"MONOTONIC", kClockMonotonic, "CLOCK_"},
                                {"BOOTTIME", kClockBoottime, "CLOCK_"}};
constexpr Word kTimerfdWords[] = {
    {"TFD_NONBLOCK", kONonblock}, {"TFD_CLOEXEC", kOCloexec}, {"O_NONBLOCK", kONonblock}, {"O_CLOEXEC", kOCloexec}};
constexpr Word kSettimeWords[] = {{"TFD_TIMER_ABSTIME", kTfdTimerAbstime},
                                  {"TFD_TIMER_CANCEL_ON_SET", kTfdTimerCancelOnSet}};

constexpr Word kMemfdWords[] = {{"MFD_CLOEXEC", 1}, {"MFD_ALLOW_SEALING", 2}};

constexpr Word kUserfaultfdWords[] = {{"UFFD_USER_MODE_ONLY", 1}, {"O_NONBLOCK", kONonblock}, {"O_CLOEXEC", kOCloexec}};
constexpr Word kPerfWords[] = {{"PERF_FLAG_FD_NO_GROUP", 1}, {"PERF_FLAG_FD_OUTPUT", 2}, {"PERF_FLAG_FD_CLOEXEC", 8}};

constexpr Word kInotifyInitWords[] = {
    {"IN_NONBLOCK", kONonblock}, {"IN_CLOEXEC", kOCloexec}, {"O_NONBLOCK", kONonblock}, {"O_CLOEXEC", kOCloexec}};
constexpr Word kInotifyWords[] = {{"ACCESS", kInAccess, "IN_"},
                                  {"MODIFY", kInModify, "IN_"},
                                  {"ATTRIB", kInAttrib, "IN_"},
                                  {"CLOSE_WRITE", kInCloseWrite, "IN_"},
                                  {"CLOSE_NOWRITE", kInCloseNowrite, "IN_"},
                                  {"OPEN", kInOpen, "IN_"},
                                  {"MOVED_FROM", 0x40, "IN_"},
                                  {"MOVED_TO", 0x80, "IN_"},
                                  {"CREATE", 0x100, "IN_"},
                                  {"DELETE", 0x200, "IN_"},
                                  {"DELETE_SELF", kInDeleteSelf, "IN_"},
                                  {"MOVE_SELF", 0x800, "IN_"},
                                  {"UNMOUNT", 0x2000, "IN_"},
                                  {"Q_OVERFLOW", 0x4000, "IN_"},
                                  {"IGNORED", kInIgnored, "IN_"},
                                  {"ONLYDIR", kInOnlydir, "IN_"},
                                  {"DONT_FOLLOW", kInDontFollow, "IN_"},
                                  {"EXCL_UNLINK", kInExclUnlink, "IN_"},
                                  {"MASK_CREATE", kInMaskCreate, "IN_"},
                                  {"MASK_ADD", kInMaskAdd, "IN_"},
                                  {"ISDIR", 0x40000000, "IN_"},
                                  {"ONESHOT", kInOneshot, "IN_"}};

constexpr Word kCloseRangeWords[] = {{"UNSHARE", kCloseRangeUnshare, "CLOSE_RANGE_"},
                                     {"CLOEXEC", kCloseRangeCloexec, "CLOSE_RANGE_"}};

constexpr Word kFcntlWords[] = {{"F_DUPFD", kFDupfd},          {"F_GETFD", kFGetfd},
                                {"F_SETFD", kFSetfd},          {"F_GETFL", kFGetfl},
                                {"F_SETFL", kFSetfl},          {"F_DUPFD_CLOEXEC", kFDupfdCloexec},
                                {"F_SETPIPE_SZ", kFSetpipeSz}, {"F_GETPIPE_SZ", kFGetpipeSz}};

constexpr Word kWhichWords[] = {
    {"regular", static_cast<uint64_t>(Which::kRegular)},     {"directory", static_cast<uint64_t>(Which::kDirectory)},
    {"null", static_cast<uint64_t>(Which::kNull)},           {"zero", static_cast<uint64_t>(Which::kZero)},
    {"full", static_cast<uint64_t>(Which::kFull)},           {"urandom", static_cast<uint64_t>(Which::kUrandom)},
    {"random", static_cast<uint64_t>(Which::kRandom)},       {"namespace", static_cast<uint64_t>(Which::kNamespace)},
    {"status", static_cast<uint64_t>(Which::kStatus)},       {"uffd", static_cast<uint64_t>(Which::kUserfaultfd)},
    {"stat", static_cast<uint64_t>(Which::kStat)},           {"sysctl", static_cast<uint64_t>(Which::kSysctl)},
    {"pressure", static_cast<uint64_t>(Which::kPressure)},   {"attribute", static_cast<uint64_t>(Which::kAttribute)},
    {"fuse", static_cast<uint64_t>(Which::kFuse)},           {"tun", static_cast<uint64_t>(Which::kTun)},
    {"tty", static_cast<uint64_t>(Which::kTerminal)},        {"mounts", static_cast<uint64_t>(Which::kMounts)},
    {"mountinfo", static_cast<uint64_t>(Which::kMountinfo)}, {"domainname", static_cast<uint64_t>(Which::kDomainName)}};
static_assert(std::size(kWhichWords) == kWhich);
// What can change while a trace runs.
constexpr Word kChangeWords[] = {{"mounts", static_cast<uint64_t>(Which::kMounts)},
                                 {"domainname", static_cast<uint64_t>(Which::kDomainName)}};

constexpr Word kRequestWords[] = {{"nothing", static_cast<uint64_t>(Request::kNothing)},
                                  {"acknowledge", static_cast<uint64_t>(Request::kAcknowledge)},
                                  {"unknown", static_cast<uint64_t>(Request::kUnknown)},
                                  {"dump", static_cast<uint64_t>(Request::kDump)}};

// --- Slots ---------------------------------------------------------------------------------------------------

constexpr ArgSpec Number(ArgKind kind, std::string_view name, uint64_t canonical = 0,
                         std::span<const Word> words = {}) {
  return {.name = name, .kind = kind, .words = words, .canonical = canonical};
}
constexpr ArgSpec Descriptor(std::string_view name = "fd") { return {.name = name, .kind = ArgKind::kFd}; }
constexpr ArgSpec Int(std::string_view name, uint64_t canonical = 0, std::span<const Word> words = {}) {
  return Number(ArgKind::kInt, name, canonical, words);
}
constexpr ArgSpec Flags(std::span<const Word> words, uint64_t canonical = 0) {
  return Number(ArgKind::kFlags, "flags", canonical, words);
}
constexpr ArgSpec Pointer(std::string_view name, uint8_t pointee = 0) {
  return {.name = name, .kind = ArgKind::kMemory, .pointee = pointee};
}
constexpr ArgSpec Optional(ArgSpec arg) {
  arg.optional = true;
  return arg;
}
constexpr ArgSpec Open(std::string_view text, ArgSpec arg) {
  arg.open = text;
  return arg;
}
constexpr ArgSpec Close(ArgSpec arg, std::string_view text) {
  arg.close = text;
  return arg;
}

constexpr ArgSpec kEpfd = Descriptor("epfd");
constexpr ArgSpec kBuffer = Pointer("buffer");
constexpr ArgSpec kSigmask = {.name = "sigmask", .kind = ArgKind::kMemory, .canonical = Memory(Memory::kNull).bits()};
constexpr ArgSpec kSigsetsize = Int("sigsetsize", 8);
constexpr ArgSpec kMaxevents = Int("maxevents", 8);
constexpr ArgSpec kTimeout = Int("timeout");

constexpr ArgSpec kEpollCreateArgs[] = {Int("size", 1)};
constexpr ArgSpec kEpollCreate1Args[] = {Flags(kEpollFlagWords)};
constexpr ArgSpec kEpollCtlArgs[] = {kEpfd,
                                     Int("op", kCtlAdd, kCtlWords),
                                     Descriptor(),
                                     Pointer("event", 2),
                                     Optional(Number(ArgKind::kEvents, "events", kIn, kEventWords)),
                                     Optional(Number(ArgKind::kData, "data"))};
constexpr ArgSpec kEpollWaitArgs[] = {kEpfd, kBuffer, kMaxevents, kTimeout};
constexpr ArgSpec kUringEpollWaitArgs[] = {kEpfd, kBuffer, kMaxevents};
constexpr ArgSpec kEpollPwaitArgs[] = {kEpfd, kBuffer, kMaxevents, kTimeout, kSigmask, kSigsetsize};
constexpr ArgSpec kEpollPwait2Args[] = {kEpfd,
                                        kBuffer,
                                        kMaxevents,
                                        Pointer("timeout", 2),
                                        Open("{", Number(ArgKind::kInt64, "tv_sec")),
                                        Close(Number(ArgKind::kInt64, "tv_nsec"), "}"),
                                        kSigmask,
                                        kSigsetsize};
constexpr ArgSpec kEpiocSparamsArgs[] = {Descriptor(),  Pointer("params", 4), Int("usecs"),
                                         Int("budget"), Int("prefer"),        Int("pad")};
constexpr ArgSpec kEpiocGparamsArgs[] = {Descriptor(), Pointer("params")};
constexpr ArgSpec kIoctlArgs[] = {Descriptor(), Number(ArgKind::kFlags, "request")};
constexpr ArgSpec kPollArgs[] = {kTimeout};
constexpr ArgSpec kSelectArgs[] = {Pointer("sets"), Pointer("timeout", 2), Open("{", Number(ArgKind::kInt64, "tv_sec")),
                                   Close(Number(ArgKind::kInt64, "tv_usec"), "}")};
constexpr ArgSpec kPpollArgs[] = {Pointer("fds"),
                                  Pointer("timeout", 2),
                                  Open("{", Number(ArgKind::kInt64, "tv_sec")),
                                  Close(Number(ArgKind::kInt64, "tv_nsec"), "}"),
                                  kSigmask,
                                  kSigsetsize};
constexpr ArgSpec kFdinfoArgs[] = {kEpfd};
constexpr ArgSpec kFdArgs[] = {Descriptor()};
constexpr ArgSpec kCloseRangeArgs[] = {Descriptor("first"), Descriptor("last"), Flags(kCloseRangeWords)};
constexpr ArgSpec kDup2Args[] = {Descriptor(), Descriptor("newfd")};
constexpr ArgSpec kDup3Args[] = {Descriptor(), Descriptor("newfd"), Flags(kFileFlagWords)};
constexpr ArgSpec kFcntlArgs[] = {Descriptor(), Int("cmd", kFDupfd, kFcntlWords), Optional(Int("arg"))};
constexpr ArgSpec kReadArgs[] = {Descriptor(), kBuffer, Number(ArgKind::kSize, "n", 8)};
constexpr ArgSpec kWriteArgs[] = {Descriptor(), kBuffer, Number(ArgKind::kBytes, "bytes", 1),
                                  Number(ArgKind::kPayload, "value")};
constexpr ArgSpec kSendArgs[] = {Descriptor(), kBuffer, Number(ArgKind::kBytes, "bytes", 1),
                                 Number(ArgKind::kPayload, "value"), Flags(kMsgWords)};
constexpr ArgSpec kRecvArgs[] = {Descriptor(), kBuffer, Number(ArgKind::kSize, "n", 8), Flags(kMsgWords)};
constexpr ArgSpec kSegments = Pointer("segments");
constexpr ArgSpec kReadvArgs[] = {
    Descriptor(), kBuffer, Number(ArgKind::kSize, "n", 8), kBuffer, Number(ArgKind::kSize, "n", 8), kSegments};
constexpr ArgSpec kWritevArgs[] = {Descriptor(),
                                   kBuffer,
                                   Number(ArgKind::kBytes, "bytes", 1),
                                   Number(ArgKind::kPayload, "value"),
                                   kBuffer,
                                   Number(ArgKind::kBytes, "bytes", 1),
                                   Number(ArgKind::kPayload, "value"),
                                   kSegments};
constexpr ArgSpec kFionbioArgs[] = {Descriptor(), Pointer("on", 1), Int("on", 1)};
constexpr ArgSpec kFionreadArgs[] = {Descriptor(), Pointer("n")};
constexpr ArgSpec kSpliceArgs[] = {Descriptor("in"), Descriptor("out"), Number(ArgKind::kSize, "n", 1),
                                   Flags(kSpliceWords, kSpliceNonblock)};
constexpr ArgSpec kVmspliceArgs[] = {Descriptor(), kBuffer, Number(ArgKind::kSize, "n", 1),
                                     Flags(kSpliceWords, kSpliceNonblock)};
constexpr ArgSpec kSendfileArgs[] = {Descriptor("out"), Descriptor("in"), Number(ArgKind::kSize, "n", 1)};
constexpr ArgSpec kOffset = Close(Open("{", Number(ArgKind::kInt64, "offset")), "}");
constexpr ArgSpec kSpliceAtArgs[] = {Descriptor("in"),
                                     Pointer("off_in", 1),
                                     kOffset,
                                     Descriptor("out"),
                                     Pointer("off_out", 1),
                                     kOffset,
                                     Number(ArgKind::kSize, "n", 1),
                                     Flags(kSpliceWords, kSpliceNonblock)};
constexpr ArgSpec kSendfileAtArgs[] = {Descriptor("out"), Descriptor("in"), Pointer("offset", 1), kOffset,
                                       Number(ArgKind::kSize, "n", 1)};
constexpr ArgSpec kKcmpFileArgs[] = {Descriptor("a"), Descriptor("b")};
constexpr ArgSpec kKcmpTfdArgs[] = {Descriptor(), kEpfd, Descriptor("tfd"), Pointer("slot"), Int("toff")};
constexpr ArgSpec kShutdownArgs[] = {Descriptor(), Int("how", kShutRdwr, kShutWords)};
constexpr ArgSpec kPipe2Args[] = {Flags(kFileFlagWords, kONonblock)};
constexpr ArgSpec kEventfdArgs[] = {Int("initial"), Flags(kEventfdWords, kONonblock)};
constexpr ArgSpec kSocketpairArgs[] = {Int("type", kSockStream, kSockTypeWords), Flags(kSockFlagWords, kONonblock)};
constexpr ArgSpec kTimerfdCreateArgs[] = {Int("clock", kClockMonotonic, kClockWords), Flags(kTimerfdWords, kONonblock)};
constexpr ArgSpec kTimerfdSettimeArgs[] = {Descriptor(),
                                           Flags(kSettimeWords),
                                           Open("{", Number(ArgKind::kInt64, "value sec")),
                                           Close(Number(ArgKind::kInt64, "value nsec"), "}"),
                                           Optional(Open("{", Number(ArgKind::kInt64, "interval sec"))),
                                           Optional(Close(Number(ArgKind::kInt64, "interval nsec"), "}"))};
constexpr ArgSpec kTimerfdTicksArgs[] = {Descriptor(), Number(ArgKind::kInt64, "ticks", 1)};
constexpr ArgSpec kMemfdSecretArgs[] = {Flags(kFileFlagWords)};
constexpr ArgSpec kMemfdArgs[] = {Flags(kMemfdWords)};
constexpr ArgSpec kChangeArgs[] = {
    Number(ArgKind::kChoice, "which", static_cast<uint64_t>(Which::kMounts), kChangeWords)};
constexpr ArgSpec kNlRequestArgs[] = {
    Descriptor(), Number(ArgKind::kChoice, "what", static_cast<uint64_t>(Request::kAcknowledge), kRequestWords)};
constexpr ArgSpec kOpenArgs[] = {Number(ArgKind::kChoice, "which", 0, kWhichWords), Flags(kOpenFlagWords)};
constexpr ArgSpec kPrlimitArgs[] = {Open("NOFILE, ", Int("n", 1024))};
constexpr ArgSpec kWatchesArgs[] = {Int("n")};
constexpr ArgSpec kSocketArgs[] = {Number(ArgKind::kChoice, "family", kAfUnix, kFamilyWords),
                                   Int("type", kSockStream, kSockTypeWords), Flags(kSockFlagWords, kONonblock)};
constexpr ArgSpec kListenArgs[] = {Descriptor(), Int("backlog", 8)};
constexpr ArgSpec kConnectArgs[] = {Descriptor(), Descriptor("to")};
constexpr ArgSpec kAccept4Args[] = {Descriptor(), Flags(kSockFlagWords, kONonblock)};
constexpr ArgSpec kOption = Number(ArgKind::kChoice, "option", kSoError, kOptionWords);
constexpr ArgSpec kGetsockoptArgs[] = {Descriptor(), kOption};
constexpr ArgSpec kSetsockoptArgs[] = {Descriptor(), kOption, Int("value", 1)};
constexpr ArgSpec kSendfdArgs[] = {Descriptor("socket"), Descriptor()};
constexpr ArgSpec kRecvfdArgs[] = {Descriptor("socket")};
constexpr ArgSpec kReopenArgs[] = {Descriptor(), Flags(kOpenFlagWords, kONonblock)};
constexpr ArgSpec kFifoArgs[] = {Flags(kEpollFlagWords)};

constexpr ArgSpec kUserfaultfdArgs[] = {Flags(kUserfaultfdWords, kONonblock | 1)};
constexpr ArgSpec kPerfArgs[] = {Flags(kPerfWords)};

constexpr ArgSpec kInotifyInitArgs[] = {Flags(kInotifyInitWords, kONonblock)};
constexpr ArgSpec kInotifyAddArgs[] = {Descriptor(), Descriptor("file"),
                                       Number(ArgKind::kFlags, "mask", kInAllEvents, kInotifyWords)};
constexpr ArgSpec kInotifyRmArgs[] = {Descriptor(), Int("wd", 1)};
constexpr ArgSpec kInotifyReadArgs[] = {Descriptor(), kBuffer, Number(ArgKind::kSize, "n", 4096)};
constexpr ArgSpec kFchmodArgs[] = {Descriptor(), Number(ArgKind::kFlags, "mode", 0600)};

constexpr Word kEnterWords[] = {{"GETEVENTS", 1, "IORING_ENTER_"}};
constexpr ArgSpec kRingSetupArgs[] = {Int("entries", 1), Number(ArgKind::kFlags, "flags")};
constexpr ArgSpec kRingCountArgs[] = {Descriptor(), Int("n", 1)};
constexpr ArgSpec kRingEnterArgs[] = {Descriptor(), Int("submit", 1), Flags(kEnterWords)};
constexpr ArgSpec kMqOpenArgs[] = {Flags(kOpenFlagWords, kORdwr | kONonblock), Int("maxmsg", 1), Int("msgsize", 8)};
constexpr ArgSpec kMqSendArgs[] = {Descriptor(), kBuffer, Number(ArgKind::kBytes, "bytes", 1),
                                   Number(ArgKind::kPayload, "value"), Int("priority")};
constexpr ArgSpec kMqSetattrArgs[] = {Descriptor(), Flags(kOpenFlagWords)};

// Set and signal.
constexpr Word kSigsetWords[] = {{"SIGUSR1", SignalBit(10)},
                                 {"SIGUSR2", SignalBit(12)},
                                 {"SIGURG", SignalBit(23)},
                                 {"SIGRT_8", SignalBit(40)},
                                 {"SIGRT_9", SignalBit(41)}};
constexpr Word kSignalWords[] = {{"SIGUSR1", 10}, {"SIGUSR2", 12}, {"SIGURG", 23}, {"SIGRT_8", 40}, {"SIGRT_9", 41}};
constexpr Word kSignalfdWords[] = {
    {"SFD_NONBLOCK", kONonblock}, {"SFD_CLOEXEC", kOCloexec}, {"O_NONBLOCK", kONonblock}, {"O_CLOEXEC", kOCloexec}};
constexpr Word kPidfdWords[] = {{"PIDFD_NONBLOCK", kONonblock}, {"O_NONBLOCK", kONonblock}};
constexpr ArgSpec kSignalfd4Args[] = {Descriptor(), Pointer("mask", 1),
                                      Number(ArgKind::kFlags, "mask", SignalBit(10), kSigsetWords),
                                      Flags(kSignalfdWords, kONonblock)};
constexpr ArgSpec kSignalsArgs[] = {Descriptor(), kBuffer, Number(ArgKind::kSize, "n", 1)};
constexpr ArgSpec kSignalArg = Int("signal", 10, kSignalWords);
constexpr ArgSpec kRaiseArgs[] = {kSignalArg};
constexpr ArgSpec kSigqueueArgs[] = {kSignalArg, Int("value")};
constexpr ArgSpec kPidfdOpenArgs[] = {Descriptor(), Flags(kPidfdWords)};

constexpr Word kThreadWords[] = {{"T1", 1},   {"T2", 2},   {"T3", 3},   {"T4", 4},   {"T5", 5},   {"T6", 6},
                                 {"T7", 7},   {"T8", 8},   {"T9", 9},   {"T10", 10}, {"T11", 11}, {"T12", 12},
                                 {"T13", 13}, {"T14", 14}, {"T15", 15}, {"T16", 16}};
constexpr ArgSpec kExpireArgs[] = {Number(ArgKind::kChoice, "thread", 1, kThreadWords)};

constexpr ArgSpec kSetflArg = Optional(Number(ArgKind::kFlags, "arg", 0, kFileFlagWords));
constexpr ArgSpec kSetfdArg = Optional(Number(ArgKind::kFlags, "arg", 0, kFdFlagWords));

// --- Calls ---------------------------------------------------------------------------------------------------

constexpr std::array<CallSpec, kCalls> Table() {
  std::array<CallSpec, kCalls> table = {{
      {Call::kEpollCreate, "epoll_create", Yields::kDescriptor, kEpollCreateArgs},
      {Call::kEpollCreate1, "epoll_create1", Yields::kDescriptor, kEpollCreate1Args},
      {Call::kEpollCtl, "epoll_ctl", Yields::kValue, kEpollCtlArgs},
      {Call::kEpollWait, "epoll_wait", Yields::kEvents, kEpollWaitArgs},
      {Call::kEpollPwait, "epoll_pwait", Yields::kEvents, kEpollPwaitArgs},
      {Call::kEpollPwait2, "epoll_pwait2", Yields::kEvents, kEpollPwait2Args},
      {Call::kEpiocSparams, "epiocsparams", Yields::kValue, kEpiocSparamsArgs},
      {Call::kEpiocGparams, "epiocgparams", Yields::kParams, kEpiocGparamsArgs},
      {Call::kIoctl, "ioctl", Yields::kValue, kIoctlArgs},
      {Call::kPoll, "poll", Yields::kRevents, kPollArgs},
      {Call::kFdinfo, "fdinfo", Yields::kItems, kFdinfoArgs},
      {Call::kClose, "close", Yields::kValue, kFdArgs},
      {Call::kCloseRange, "close_range", Yields::kValue, kCloseRangeArgs},
      {Call::kDup, "dup", Yields::kDescriptor, kFdArgs},
      {Call::kDup2, "dup2", Yields::kDescriptor, kDup2Args},
      {Call::kDup3, "dup3", Yields::kDescriptor, kDup3Args},
      {Call::kFcntl, "fcntl", Yields::kDescriptor, kFcntlArgs},
      {Call::kRead, "read", Yields::kPayload, kReadArgs},
      {Call::kWrite, "write", Yields::kValue, kWriteArgs},
      {Call::kSend, "send", Yields::kValue, kSendArgs},
      {Call::kRecv, "recv", Yields::kPayload, kRecvArgs},
      {Call::kShutdown, "shutdown", Yields::kValue, kShutdownArgs},
      {Call::kPipe2, "pipe2", Yields::kTwo, kPipe2Args},
      {Call::kEventfd, "eventfd", Yields::kDescriptor, kEventfdArgs},
      {Call::kSocketpair, "socketpair", Yields::kTwo, kSocketpairArgs},
      {Call::kTimerfdCreate, "timerfd_create", Yields::kDescriptor, kTimerfdCreateArgs},
      {Call::kTimerfdSettime, "timerfd_settime", Yields::kValue, kTimerfdSettimeArgs},
      {Call::kTimerfdTicks, "timerfd_ticks", Yields::kValue, kTimerfdTicksArgs},
      {Call::kMemfdCreate, "memfd_create", Yields::kDescriptor, kMemfdArgs},
      {Call::kOpen, "open", Yields::kDescriptor, kOpenArgs},
      {Call::kPrlimit, "prlimit", Yields::kValue, kPrlimitArgs},
      {Call::kWatches, "watches", Yields::kValue, kWatchesArgs},
      {Call::kTimerfdGettime, "timerfd_gettime", Yields::kInterval, kFdArgs},
      {Call::kSocket, "socket", Yields::kDescriptor, kSocketArgs},
      {Call::kBind, "bind", Yields::kValue, kFdArgs},
      {Call::kListen, "listen", Yields::kValue, kListenArgs},
      {Call::kConnect, "connect", Yields::kValue, kConnectArgs},
      {Call::kAccept4, "accept4", Yields::kDescriptor, kAccept4Args},
      {Call::kGetsockopt, "getsockopt", Yields::kOption, kGetsockoptArgs},
      {Call::kSetsockopt, "setsockopt", Yields::kValue, kSetsockoptArgs},
      {Call::kSendfd, "sendfd", Yields::kValue, kSendfdArgs},
      {Call::kRecvfd, "recvfd", Yields::kPassed, kRecvfdArgs},
      {Call::kUserfaultfd, "userfaultfd", Yields::kDescriptor, kUserfaultfdArgs},
      {Call::kUffdApi, "uffd_api", Yields::kValue, kFdArgs},
      {Call::kPerfEventOpen, "perf_event_open", Yields::kDescriptor, kPerfArgs},
      {Call::kReopen, "reopen", Yields::kDescriptor, kReopenArgs},
      {Call::kFifo, "fifo", Yields::kDescriptor, kFifoArgs},
      {Call::kSelect, "select", Yields::kRevents, kSelectArgs},
      {Call::kPpoll, "ppoll", Yields::kRevents, kPpollArgs},
      {Call::kReadv, "readv", Yields::kPayload, kReadvArgs},
      {Call::kWritev, "writev", Yields::kValue, kWritevArgs},
      {Call::kFionbio, "fionbio", Yields::kValue, kFionbioArgs},
      {Call::kFioasync, "fioasync", Yields::kValue, kFionbioArgs},
      {Call::kFionread, "fionread", Yields::kValue, kFionreadArgs},
      {Call::kSplice, "splice", Yields::kValue, kSpliceArgs},
      {Call::kTee, "tee", Yields::kValue, kSpliceArgs},
      {Call::kVmsplice, "vmsplice", Yields::kValue, kVmspliceArgs},
      {Call::kSendfile, "sendfile", Yields::kValue, kSendfileArgs},
      {Call::kKcmpFile, "kcmp_file", Yields::kValue, kKcmpFileArgs},
      {Call::kKcmpTfd, "kcmp_tfd", Yields::kValue, kKcmpTfdArgs},
      {Call::kUringEpollCtl, "uring_epoll_ctl", Yields::kValue, kEpollCtlArgs},
      {Call::kUringEpollWait, "uring_epoll_wait", Yields::kEvents, kUringEpollWaitArgs},
      {Call::kFork, "fork", Yields::kValue, {}},
      {Call::kExit, "exit", Yields::kValue, {}},
      {Call::kExecve, "execve", Yields::kValue, {}},
      {Call::kSpliceAt, "splice_at", Yields::kOffsets, kSpliceAtArgs},
      {Call::kSendfileAt, "sendfile_at", Yields::kOffset, kSendfileAtArgs},
      {Call::kMemfdSecret, "memfd_secret", Yields::kDescriptor, kMemfdSecretArgs},
      {Call::kChange, "change", Yields::kValue, kChangeArgs},
      {Call::kNlRequest, "nl_request", Yields::kValue, kNlRequestArgs},
      {Call::kInotifyInit1, "inotify_init1", Yields::kDescriptor, kInotifyInitArgs},
      {Call::kInotifyAdd, "inotify_add_watch", Yields::kValue, kInotifyAddArgs},
      {Call::kInotifyRm, "inotify_rm_watch", Yields::kValue, kInotifyRmArgs},
      {Call::kInotifyRead, "inotify_read", Yields::kEvents, kInotifyReadArgs},
      {Call::kFchmod, "fchmod", Yields::kValue, kFchmodArgs},
      {Call::kRingSetup, "uring_setup", Yields::kDescriptor, kRingSetupArgs},
      {Call::kRingPush, "uring_push", Yields::kValue, kRingCountArgs},
      {Call::kRingEnter, "uring_enter", Yields::kValue, kRingEnterArgs},
      {Call::kRingReap, "uring_reap", Yields::kValue, kRingCountArgs},
      {Call::kMqOpen, "mq_open", Yields::kDescriptor, kMqOpenArgs},
      {Call::kMqSend, "mq_send", Yields::kValue, kMqSendArgs},
      {Call::kMqReceive, "mq_receive", Yields::kMessage, kReadArgs},
      {Call::kMqGetattr, "mq_getattr", Yields::kAttributes, kFdArgs},
      {Call::kMqSetattr, "mq_setattr", Yields::kValue, kMqSetattrArgs},
      {Call::kSignalfd4, "signalfd4", Yields::kDescriptor, kSignalfd4Args},
      {Call::kSignals, "signals", Yields::kSignals, kSignalsArgs},
      {Call::kRaise, "raise", Yields::kValue, kRaiseArgs},
      {Call::kKill, "kill", Yields::kValue, kRaiseArgs},
      {Call::kSigqueue, "sigqueue", Yields::kValue, kSigqueueArgs},
      {Call::kChild, "child", Yields::kDescriptor, {}},
      {Call::kPidfdOpen, "pidfd_open", Yields::kDescriptor, kPidfdOpenArgs},
      {Call::kExitChild, "exit_child", Yields::kValue, kFdArgs},
      {Call::kReap, "reap", Yields::kOption, kFdArgs},
      {Call::kOpenpty, "openpty", Yields::kTwo, kPipe2Args},
      {Call::kPtsopen, "ptsopen", Yields::kDescriptor, kReopenArgs},
      {Call::kJumpClock, "jump_clock", Yields::kValue, {}},
      {Call::kExpire, "expire", Yields::kValue, kExpireArgs},
  }};
  for (CallSpec& spec : table) {
    const bool one = spec.yields == Yields::kDescriptor || spec.yields == Yields::kPassed;
    spec.outputs = spec.yields == Yields::kTwo ? 2 : one ? 1 : 0;
    for (size_t i = 0; i < spec.args.size(); ++i) {
      if (spec.args[i].kind == ArgKind::kFd) spec.fd_slots |= static_cast<uint16_t>(1u << i);
    }
  }
  return table;
}

constexpr bool InOrder(const std::array<CallSpec, kCalls>& table) {
  for (size_t i = 0; i < kCalls; ++i) {
    if (table[i].call != static_cast<Call>(i) || table[i].args.size() > kMaxArgs) return false;
  }
  return true;
}
static_assert(InOrder(Table()));

}  // namespace

constexpr std::array<CallSpec, kCalls> kCallSpecs = Table();

const CallSpec* FindCall(std::string_view name) {
  const auto it = std::find_if(kCallSpecs.begin(), kCallSpecs.end(), [&](const CallSpec& s) { return s.name == name; });
  return it == kCallSpecs.end() ? nullptr : &*it;
}

const ArgSpec& SlotSpec(const Op& op, size_t slot) {
  if (op.call == Call::kFcntl && slot == 2) {
    if (op.num(1) == kFSetfl) return kSetflArg;
    if (op.num(1) == kFSetfd) return kSetfdArg;
  }
  return Spec(op.call).args[slot];
}

std::span<const Word> EventWords() { return kEventWords; }
std::span<const Word> SignalWords() { return kSignalWords; }
std::span<const Word> PolledWords(Call call) {
  if (call == Call::kInotifyRead) return kInotifyWords;
  return call == Call::kSelect ? std::span<const Word>(kSetWords) : EventWords();
}

bool CopiesDescriptor(const Op& op) {
  if (op.call == Call::kFcntl) return op.num(1) == kFDupfd || op.num(1) == kFDupfdCloexec;
  return op.call == Call::kDup || op.call == Call::kDup2 || op.call == Call::kDup3;
}

const char* NoThreadMakes(const Op& op) {
  switch (op.call) {
    case Call::kEpollWait:
    case Call::kEpollPwait:
    case Call::kEpollPwait2:
    case Call::kPoll:
    case Call::kPpoll:
    case Call::kSelect:
    case Call::kEpollCtl:
    case Call::kClose:
    case Call::kDup:
    case Call::kDup2:
    case Call::kDup3:
    case Call::kRead:
    case Call::kWrite:
    case Call::kSend:
    case Call::kRecv:
    case Call::kShutdown:
    case Call::kEventfd:
    case Call::kTimerfdTicks:
    case Call::kInotifyRead:
      return nullptr;
    default:
      return "no thread makes this call";
  }
}

namespace {

// Where a call has its time: two slots behind a pointer.
size_t TimeSlot(Call call) {
  return call == Call::kEpollPwait2 ? 3 : call == Call::kPpoll || call == Call::kSelect ? 1 : kMaxArgs;
}

Timeout OfMs(int32_t ms) { return ms < 0 ? Timeout::kForEver : ms == 0 ? Timeout::kNone : Timeout::kFinite; }

}  // namespace

Timeout TimeoutOf(const Op& op) {
  if (op.call == Call::kEpollWait || op.call == Call::kEpollPwait) return OfMs(op.num(3));
  if (op.call == Call::kPoll) return OfMs(op.num(0));
  const size_t slot = TimeSlot(op.call);
  if (slot == kMaxArgs) return Timeout::kNone;
  if (op.mem(slot).kind() == Memory::kNull) return Timeout::kForEver;
  if (!op.mem(slot).readable()) return Timeout::kNone;
  const int64_t sec = static_cast<int64_t>(op.arg[slot + 1]), part = static_cast<int64_t>(op.arg[slot + 2]);
  if (sec < 0 || part < 0 || (op.call != Call::kSelect && part > 999'999'999)) return Timeout::kNone;
  return (sec | part) == 0 ? Timeout::kNone : Timeout::kFinite;
}

int64_t TimeoutMs(const Op& op) {
  if (op.call == Call::kEpollWait || op.call == Call::kEpollPwait) return op.num(3);
  if (op.call == Call::kPoll) return op.num(0);
  const size_t slot = TimeSlot(op.call);
  constexpr int64_t kMost = int64_t{1} << 50;
  const int64_t sec = static_cast<int64_t>(op.arg[slot + 1]), part = static_cast<int64_t>(op.arg[slot + 2]);
  const int64_t parts = op.call == Call::kSelect ? 1'000 : 1'000'000;
  return std::min(sec, kMost) * 1'000 + part / parts + (part % parts != 0 ? 1 : 0);
}

void SetTimeoutMs(Op* op, int32_t ms) {
  const uint64_t n = static_cast<uint64_t>(ms);
  if (op->call == Call::kEpollWait || op->call == Call::kEpollPwait) {
    op->arg[3] = n;
  } else if (op->call == Call::kPoll) {
    op->arg[0] = n;
  } else {
    const size_t slot = TimeSlot(op->call);
    op->arg[slot + 1] = n / 1'000;
    op->arg[slot + 2] = n % 1'000 * (op->call == Call::kSelect ? 1'000 : 1'000'000);
  }
}

void Canonicalize(Op* op) {
  const auto fd = [](Fd operand) { return operand.literal() ? Fd::Literal(operand.number()) : operand; };
  if (static_cast<size_t>(op->call) >= kCalls) op->call = static_cast<Call>(static_cast<size_t>(op->call) % kCalls);
  op->process %= kProcesses;
  // The second process has no threads.
  if (op->thread > kMaxThreads || op->process != 0) op->thread = 0;
  op->i386 = op->i386 != 0 && op->process == 0 && op->thread == 0;
  const std::span<const ArgSpec> args = Spec(op->call).args;
  op->npoll = Polls(op->call) ? static_cast<uint8_t>(std::min<size_t>(op->npoll, MaxPolled(op->call))) : 0;
  const uint16_t polled = op->call == Call::kSelect ? kSelectSets : UINT16_MAX;
  for (size_t i = 0; i < op->npoll; ++i) op->set_poll(i, fd(op->poll_fd(i)), op->poll_events(i) & polled);
  std::fill(op->arg.begin() + static_cast<ptrdiff_t>(args.size() + op->npoll), op->arg.end(), 0);
  // An empty set stands nowhere.
  if (Polls(op->call) && op->npoll == 0 && args[0].kind == ArgKind::kMemory) op->arg[0] = Memory().bits();
  for (size_t i = 0; i < args.size(); ++i) {
    uint64_t& v = op->arg[i];
    switch (args[i].kind) {
      case ArgKind::kFd:
        v = fd(op->fd(i)).bits();
        break;
      case ArgKind::kInt:
        v = static_cast<uint64_t>(int64_t{op->num(i)});
        break;
      case ArgKind::kFlags:
      case ArgKind::kEvents:
        v = op->u32(i);
        break;
      case ArgKind::kSize:
      case ArgKind::kBytes:
        v = std::min(v, kMaxBytes);
        break;
      case ArgKind::kPayload:
        if (op->arg[i - 1] != 8 || !op->mem(i - 2).readable(8)) v = 0;
        break;
      case ArgKind::kMemory: {
        const Memory memory = op->mem(i).canonical();
        v = memory.bits();
        if (!memory.readable()) std::fill_n(op->arg.begin() + static_cast<ptrdiff_t>(i) + 1, args[i].pointee, 0);
        break;
      }
      case ArgKind::kChoice:
        if (std::none_of(args[i].words.begin(), args[i].words.end(), [&](const Word& w) { return w.value == v; })) {
          v = args[i].words[v % args[i].words.size()].value;
        }
        break;
      case ArgKind::kData:
      case ArgKind::kInt64:
        break;
    }
  }
}

}  // namespace pollux
