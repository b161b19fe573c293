// The language's constants: event bits, error numbers, flags and limits that epoll users can see.
//
// They carry the values of Linux on x86-64, so that a trace means the same on every machine; a target maps
// them to its own ABI. Nothing here includes a system header.

#ifndef POLLUX_MODEL_ABI_H_
#define POLLUX_MODEL_ABI_H_

#include <cstdint>

namespace pollux {

// --- Event bits (uapi/linux/eventpoll.h, asm-generic/poll.h) --------------------------------------------------

inline constexpr uint32_t kIn = 0x1;
inline constexpr uint32_t kPri = 0x2;
inline constexpr uint32_t kOut = 0x4;
inline constexpr uint32_t kErr = 0x8;
inline constexpr uint32_t kHup = 0x10;
inline constexpr uint32_t kNval = 0x20;
inline constexpr uint32_t kRdnorm = 0x40;
inline constexpr uint32_t kRdband = 0x80;
inline constexpr uint32_t kWrnorm = 0x100;
inline constexpr uint32_t kWrband = 0x200;
inline constexpr uint32_t kMsg = 0x400;
inline constexpr uint32_t kRdhup = 0x2000;
inline constexpr uint32_t kUringWake = 1u << 27;
inline constexpr uint32_t kExclusive = 1u << 28;
inline constexpr uint32_t kWakeup = 1u << 29;
inline constexpr uint32_t kOneshot = 1u << 30;
inline constexpr uint32_t kEt = 1u << 31;

// epoll's own bits: kept in an item's mask, never reported (EP_PRIVATE_BITS).
inline constexpr uint32_t kPrivate = kWakeup | kOneshot | kEt | kExclusive;
// What may accompany EXCLUSIVE (EPOLLEXCLUSIVE_OK_BITS).
inline constexpr uint32_t kExclusiveOk = kIn | kOut | kErr | kHup | kWakeup | kEt | kExclusive;

// --- epoll_ctl operations ------------------------------------------------------------------------------------

inline constexpr int32_t kCtlAdd = 1;
inline constexpr int32_t kCtlDel = 2;
inline constexpr int32_t kCtlMod = 3;

// Largest maxevents: INT_MAX / sizeof(struct epoll_event) with 12-byte records.
inline constexpr int32_t kMaxEvents = 178956970;

// --- Flags of open(2), fcntl(2) and the creators -------------------------------------------------------------

inline constexpr uint32_t kORdonly = 0;
inline constexpr uint32_t kOWronly = 1;
inline constexpr uint32_t kORdwr = 2;
inline constexpr uint32_t kOAppend = 02000;
inline constexpr uint32_t kONonblock = 04000;
inline constexpr uint32_t kOAsync = 020000;
inline constexpr uint32_t kODirect = 040000;
inline constexpr uint32_t kODirectory = 0200000;
inline constexpr uint32_t kOCloexec = 02000000;
inline constexpr uint32_t kONoatime = 01000000;
inline constexpr uint32_t kOLargefile = 0100000;
inline constexpr uint32_t kOPath = 010000000;

inline constexpr uint32_t kEfdSemaphore = 1;  // EFD_CLOEXEC and EFD_NONBLOCK are O_CLOEXEC and O_NONBLOCK

inline constexpr int32_t kFDupfd = 0;
inline constexpr int32_t kFGetfd = 1;
inline constexpr int32_t kFSetfd = 2;
inline constexpr int32_t kFGetfl = 3;
inline constexpr int32_t kFSetfl = 4;
inline constexpr int32_t kFDupfdCloexec = 1030;
inline constexpr int32_t kFSetpipeSz = 1031;
inline constexpr int32_t kFGetpipeSz = 1032;

inline constexpr uint32_t kCloseRangeUnshare = 2;
inline constexpr uint32_t kCloseRangeCloexec = 4;

// --- Sockets -------------------------------------------------------------------------------------------------

inline constexpr int32_t kSockStream = 1;
inline constexpr int32_t kSockDgram = 2;
inline constexpr int32_t kSockSeqpacket = 5;
inline constexpr int32_t kSockRaw = 3;

inline constexpr int32_t kAfUnix = 1;
inline constexpr int32_t kAfInet = 2;
inline constexpr int32_t kAfNetlink = 16;

// Options: level << 16 | name. The value of SO_LINGER is its seconds, -1 where it is off.
inline constexpr int32_t kSoError = 1 << 16 | 4;
inline constexpr int32_t kSoSndbuf = 1 << 16 | 7;
inline constexpr int32_t kSoRcvbuf = 1 << 16 | 8;
inline constexpr int32_t kSoLinger = 1 << 16 | 13;
inline constexpr int32_t kSoRcvlowat = 1 << 16 | 18;
inline constexpr int32_t kTcpNodelay = 6 << 16 | 1;

inline constexpr uint32_t kMsgOob = 0x1;
inline constexpr uint32_t kMsgPeek = 0x2;
inline constexpr uint32_t kMsgTrunc = 0x20;
inline constexpr uint32_t kMsgDontwait = 0x40;
inline constexpr uint32_t kMsgNosignal = 0x4000;

inline constexpr int32_t kShutRd = 0;
inline constexpr int32_t kShutWr = 1;
inline constexpr int32_t kShutRdwr = 2;

// --- Message queues ------------------------------------------------------------------------------------------

inline constexpr uint32_t kMqPrioMax = 32768;
// Queues that every user may have, whatever the limits are.
inline constexpr int32_t kMqMostMessages = 8;
inline constexpr int32_t kMqLongestMessage = 64;

// --- Signals -------------------------------------------------------------------------------------------------

// Those that traces send; they are blocked. None means anything to the harness or to its runtime.
inline constexpr int32_t kTraceSignals[] = {10, 12, 23, 40, 41};  // SIGUSR1, SIGUSR2, SIGURG, 32 + 8, 32 + 9
inline constexpr int32_t kFirstRealtime = 32, kLastSignal = 64;
// A set of signals in the language: bit n - 1 for signals up to 24, the bits above for 36 to 43.
constexpr uint32_t SignalBit(int32_t signal) {
  if (signal >= 1 && signal <= 24) return 1u << (signal - 1);
  return signal >= 36 && signal <= 43 ? 1u << (signal - 12) : 0;
}
// The same as the kernel's sigset_t.
constexpr uint64_t Sigset(uint32_t bits) { return (bits & 0xffffff) | uint64_t{bits >> 24} << 35; }
constexpr uint32_t SignalBits() {
  uint32_t bits = 0;
  for (const int32_t signal : kTraceSignals) bits |= SignalBit(signal);
  return bits;
}

// --- Processes -----------------------------------------------------------------------------------------------

inline constexpr int32_t kMostChildren = 4;  // of a trace, at a time

// --- ioctl(2) ------------------------------------------------------------------------------------------------

inline constexpr uint32_t kEpiocsparams = 0x40088a01;
inline constexpr uint32_t kEpiocgparams = 0x80088a02;
inline constexpr uint32_t kTfdIocSetTicks = 0x40085400;

// --- splice(2) -----------------------------------------------------------------------------------------------

inline constexpr uint32_t kSpliceMove = 1;
inline constexpr uint32_t kSpliceNonblock = 2;
inline constexpr uint32_t kSpliceMore = 4;
inline constexpr uint32_t kSpliceGift = 8;
inline constexpr uint32_t kSpliceAll = 15;

// --- inotify -------------------------------------------------------------------------------------------------

inline constexpr uint32_t kInAccess = 0x1;
inline constexpr uint32_t kInModify = 0x2;
inline constexpr uint32_t kInAttrib = 0x4;
inline constexpr uint32_t kInCloseWrite = 0x8;
inline constexpr uint32_t kInCloseNowrite = 0x10;
inline constexpr uint32_t kInOpen = 0x20;
inline constexpr uint32_t kInDeleteSelf = 0x400;
inline constexpr uint32_t kInAllEvents = 0xfff;
inline constexpr uint32_t kInIgnored = 0x8000;
inline constexpr uint32_t kInOnlydir = 0x01000000;
inline constexpr uint32_t kInDontFollow = 0x02000000;
inline constexpr uint32_t kInExclUnlink = 0x04000000;
inline constexpr uint32_t kInMaskCreate = 0x10000000;
inline constexpr uint32_t kInMaskAdd = 0x20000000;
inline constexpr uint32_t kInOneshot = 0x80000000;
inline constexpr uint32_t kInKnown = 0xf700efff;  // ALL_INOTIFY_BITS
inline constexpr int64_t kInEventSize = 16;       // of an event without a name

// --- timerfd -------------------------------------------------------------------------------------------------

inline constexpr int32_t kClockRealtime = 0;
inline constexpr int32_t kClockMonotonic = 1;
inline constexpr int32_t kClockBoottime = 7;
inline constexpr uint32_t kTfdTimerAbstime = 1;
inline constexpr uint32_t kTfdTimerCancelOnSet = 2;

// Which timers have one outcome: those that expire at once, and those that do not while a trace runs. Seconds and
// nanoseconds.
inline constexpr int64_t kNearNanoseconds = 1000;
inline constexpr int64_t kFarSeconds = 1000;
inline constexpr int64_t kFarAbsolute = 10'000'000'000;  // with TIMER_ABSTIME; it is the year 2286
// Set to this time with TIMER_ABSTIME or without, a timer has expired before anybody can look. No clock of timerfd
// stands in its first second.
constexpr bool ExpiresAtOnce(uint32_t flags, int64_t sec, int64_t nsec) {
  if (sec == 0 && nsec == 0) return false;
  return sec == 0 && ((flags & kTfdTimerAbstime) != 0 || nsec <= kNearNanoseconds);
}
constexpr bool NearInterval(int64_t sec, int64_t nsec) { return sec == 0 && nsec > 0 && nsec <= kNearNanoseconds; }

// --- Files -----------------------------------------------------------------------------------------------------

// What a file system holds that says nothing else (MAX_NON_LFS, include/linux/fs.h).
inline constexpr int64_t kMaxNonLfs = 0x7fffffff;

// --- Error numbers -------------------------------------------------------------------------------------------

enum Errno : int16_t {
  kOK = 0,
  kEPERM = 1,
  kENOENT = 2,
  kESRCH = 3,
  kEINTR = 4,
  kEIO = 5,
  kENXIO = 6,
  kE2BIG = 7,
  kEBADF = 9,
  kECHILD = 10,
  kEAGAIN = 11,
  kENOMEM = 12,
  kEACCES = 13,
  kEFAULT = 14,
  kEBUSY = 16,
  kEEXIST = 17,
  kENODEV = 19,
  kENOTDIR = 20,
  kEISDIR = 21,
  kEINVAL = 22,
  kENFILE = 23,
  kEMFILE = 24,
  kENOTTY = 25,
  kEFBIG = 27,
  kENOSPC = 28,
  kESPIPE = 29,
  kEROFS = 30,
  kEPIPE = 32,
  kENOSYS = 38,
  kELOOP = 40,
  kENODATA = 61,
  kENOTSOCK = 88,
  kEBADFD = 77,
  kEDESTADDRREQ = 89,
  kEMSGSIZE = 90,
  kEPROTOTYPE = 91,
  kENOPROTOOPT = 92,
  kESOCKTNOSUPPORT = 94,
  kEOPNOTSUPP = 95,
  kEAFNOSUPPORT = 97,
  kECONNABORTED = 103,
  kECONNRESET = 104,
  kENOBUFS = 105,
  kEISCONN = 106,
  kENOTCONN = 107,
  kETIMEDOUT = 110,
  kECONNREFUSED = 111,
  kEINPROGRESS = 115,
  kECANCELED = 125,
  kEOVERFLOW = 75,
  kENOTEMPTY = 39,
};

}  // namespace pollux

#endif  // POLLUX_MODEL_ABI_H_
