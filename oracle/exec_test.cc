// The executor alone, without model or target: numbers, memory, outcomes, and what it leaves behind.

#include "oracle/exec.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <set>
#include <thread>

#include "model/abi.h"
#include "oracle/bare.h"
#include "oracle/watcher.h"

namespace pollux {
namespace {

uint64_t N(int32_t fd) { return Fd::Literal(fd).bits(); }
uint64_t M(Memory::Kind kind, uint32_t records = 0) { return Memory(kind, records).bits(); }
constexpr uint64_t kGood = 0;

Op Make(Call call, std::initializer_list<uint64_t> args = {}) {
  Op op = {.call = call};
  std::copy(args.begin(), args.end(), op.arg.begin());
  return op;
}

// Runs a test's body on a thread that may give up its descriptor table.
void OnThread(const std::function<void(Exec&)>& body) {
  std::thread([&] {
    std::string why;
    const auto exec = Exec::Open(nullptr, &why);
    ASSERT_NE(exec, nullptr) << why;
    body(*exec);
  }).join();
}

int64_t Value(Exec& exec, Call call, std::initializer_list<uint64_t> args = {}) {
  Outcome out;
  exec.Run(Make(call, args), &out);
  EXPECT_FALSE(out.clobbered);
  if (out.kind == Outcome::kError) return -out.error;
  if (out.kind == Outcome::kRecords) return static_cast<int64_t>(out.records.size());
  EXPECT_EQ(out.kind, Outcome::kValues) << (out.note == nullptr ? "" : out.note);
  return out.value[0];
}

Outcome Do(Exec& exec, Call call, std::initializer_list<uint64_t> args = {}) {
  Outcome out;
  exec.Run(Make(call, args), &out);
  return out;
}

// An epoll 3 that watches eventfds 4, 5, ... of count 1, by data 1, 2, ...
void ReadyEpoll(Exec& exec, int eventfds, uint32_t events = kIn) {
  ASSERT_EQ(Value(exec, Call::kEpollCreate1), 3);
  for (int i = 0; i < eventfds; ++i) {
    ASSERT_EQ(Value(exec, Call::kEventfd, {1, kONonblock}), 4 + i);
    ASSERT_EQ(Value(exec, Call::kEpollCtl, {N(3), kCtlAdd, N(4 + i), kGood, events, static_cast<uint64_t>(i + 1)}), 0);
  }
}

TEST(Exec, NumbersBeginAt3AndAgainAfterReset) {
  OnThread([](Exec& exec) {
    EXPECT_EQ(Value(exec, Call::kEpollCreate1), 3);
    const Outcome pipe = Do(exec, Call::kPipe2, {kONonblock});
    EXPECT_EQ(pipe.nvalues, 2);
    EXPECT_EQ(pipe.value[0], 4);
    EXPECT_EQ(pipe.value[1], 5);
    EXPECT_EQ(Value(exec, Call::kDup2, {N(3), N(900)}), 900);
    exec.Reset();
    EXPECT_EQ(Value(exec, Call::kEpollWait, {N(900), kGood, 1, 0}), -kEBADF);
    EXPECT_EQ(Value(exec, Call::kEventfd), 3);
  });
}

TEST(Exec, EventsComeBackWithMaskAndData) {
  OnThread([](Exec& exec) {
    ReadyEpoll(exec, 3);
    const Outcome out = Do(exec, Call::kEpollWait, {N(3), kGood, 8, 0});
    ASSERT_EQ(out.kind, Outcome::kRecords);
    ASSERT_EQ(out.records.size(), 3u);
    for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(out.records[i], (Record{kIn, 0, i + 1}));
    EXPECT_EQ(Value(exec, Call::kEpollPwait, {N(3), kGood, 2, 0, M(Memory::kNull), 0}), 2);
    EXPECT_EQ(Value(exec, Call::kEpollPwait2, {N(3), kGood, kMaxEvents, kGood, 0, 0, kGood, 8}), 3);
  });
}

TEST(Exec, ABufferFaultsAfterExactlySoManyRecords) {
  OnThread([](Exec& exec) {
    ReadyEpoll(exec, 4);
    EXPECT_EQ(Value(exec, Call::kEpollWait, {N(3), M(Memory::kFault, 0), 8, 0}), -kEFAULT);
    EXPECT_EQ(Value(exec, Call::kEpollWait, {N(3), M(Memory::kFault, 1), 8, 0}), 1);
    EXPECT_EQ(Value(exec, Call::kEpollWait, {N(3), M(Memory::kFault, 3), 8, 0}), 3);
    EXPECT_EQ(Value(exec, Call::kEpollWait, {N(3), M(Memory::kFault, 3), 2, 0}), 2);
    for (const Memory::Kind kind : {Memory::kMisaligned, Memory::kStraddling}) {
      EXPECT_EQ(Value(exec, Call::kEpollWait, {N(3), M(kind), 8, 0}), 4) << kind;
    }
    EXPECT_EQ(Value(exec, Call::kEpollWait, {N(3), M(Memory::kGone), 8, 0}), -kEFAULT);
    EXPECT_EQ(Value(exec, Call::kEpollWait, {N(3), M(Memory::kFault, 1 << 28), 8, 0}), 4);
    for (const Memory::Kind kind : {Memory::kNull, Memory::kKernel, Memory::kUnmapped, Memory::kReadonly}) {
      EXPECT_EQ(Value(exec, Call::kEpollWait, {N(3), M(kind), 8, 0}), -kEFAULT) << int{kind};
    }
  });
}

TEST(Exec, OnlyTheKernelRangeIsRefusedWhereNothingIsDelivered) {
  OnThread([](Exec& exec) {
    ASSERT_EQ(Value(exec, Call::kEpollCreate1), 3);
    for (const Memory::Kind kind : {Memory::kNull, Memory::kUnmapped, Memory::kReadonly, Memory::kFault}) {
      EXPECT_EQ(Value(exec, Call::kEpollWait, {N(3), M(kind), 8, 0}), 0) << int{kind};
      EXPECT_EQ(Value(exec, Call::kEpollWait, {N(3), M(kind), kMaxEvents, 0}), 0) << int{kind};
    }
    EXPECT_EQ(Value(exec, Call::kEpollWait, {N(3), M(Memory::kKernel), 8, 0}), -kEFAULT);
  });
}

TEST(Exec, StructsAreReadFromEveryKindOfMemory) {
  OnThread([](Exec& exec) {
    ASSERT_EQ(Value(exec, Call::kEpollCreate1), 3);
    ASSERT_EQ(Value(exec, Call::kEventfd, {0, kONonblock}), 4);
    for (const uint64_t bad : {M(Memory::kNull), M(Memory::kKernel), M(Memory::kUnmapped), M(Memory::kFault, 0)}) {
      EXPECT_EQ(Value(exec, Call::kEpollCtl, {N(3), kCtlAdd, N(4), bad}), -kEFAULT);
      EXPECT_EQ(Value(exec, Call::kWrite, {N(4), bad, 8}), -kEFAULT);
    }
    EXPECT_EQ(Value(exec, Call::kEpollCtl, {N(3), kCtlAdd, N(4), M(Memory::kReadonly), kIn | kEt, 7}), 0);
    EXPECT_EQ(Do(exec, Call::kFdinfo, {N(3)}).records, (std::vector<Record>{{kIn | kErr | kHup | kEt, 4, 7}}));
    EXPECT_EQ(Value(exec, Call::kEpollCtl, {N(3), kCtlMod, N(4), M(Memory::kFault, 1), kOut, 9}), 0);
    EXPECT_EQ(Do(exec, Call::kFdinfo, {N(3)}).records, (std::vector<Record>{{kOut | kErr | kHup, 4, 9}}));
    // The time and the mask of one call stand apart.
    EXPECT_EQ(Value(exec, Call::kEpollPwait2, {N(3), kGood, 1, M(Memory::kReadonly), 0, 0, M(Memory::kReadonly), 8}),
              1);
    EXPECT_EQ(Value(exec, Call::kEpollPwait2, {N(3), kGood, 1, M(Memory::kFault, 1), 0, 0, M(Memory::kFault, 0), 8}),
              -kEFAULT);
    EXPECT_EQ(Value(exec, Call::kEpollPwait2, {N(3), kGood, 1, kGood, 0, 1'000'000'000, kGood, 8}), -kEINVAL);
    EXPECT_EQ(Value(exec, Call::kEpollPwait, {N(3), kGood, 1, 0, kGood, 4}), -kEINVAL);
  });
}

TEST(Exec, CountersCarryTheirValue) {
  OnThread([](Exec& exec) {
    ASSERT_EQ(Value(exec, Call::kEventfd, {0, kONonblock}), 3);
    for (const uint64_t memory : {kGood, M(Memory::kReadonly), M(Memory::kFault, 8), M(Memory::kFault, 99)}) {
      EXPECT_EQ(Value(exec, Call::kWrite, {N(3), memory, 8, 0x123456789}), 8);
      const Outcome out = Do(exec, Call::kRead, {N(3), kGood, 8});
      EXPECT_EQ(out.value[0], 8);
      EXPECT_TRUE(out.has_payload);
      EXPECT_EQ(out.payload, 0x123456789u);
    }
    EXPECT_EQ(Value(exec, Call::kWrite, {N(3), M(Memory::kFault, 7), 8}), -kEFAULT);
    EXPECT_EQ(Value(exec, Call::kWrite, {N(3), kGood, 8, 5}), 8);
    EXPECT_EQ(Value(exec, Call::kRead, {N(3), M(Memory::kFault, 4), 8}), -kEFAULT);
    EXPECT_EQ(Value(exec, Call::kRead, {N(3), kGood, 8}), -kEAGAIN);
  });
}

TEST(Exec, LargeTransfersAndShortBuffers) {
  OnThread([](Exec& exec) {
    Do(exec, Call::kPipe2, {kONonblock});
    EXPECT_EQ(Value(exec, Call::kFcntl, {N(4), kFSetpipeSz, 1 << 20}), 1 << 20);
    EXPECT_EQ(Value(exec, Call::kWrite, {N(4), kGood, kMaxBytes}), 1 << 20);
    EXPECT_EQ(Value(exec, Call::kRead, {N(3), kGood, kMaxBytes}), 1 << 20);
    EXPECT_EQ(Value(exec, Call::kWrite, {N(4), M(Memory::kFault, 5000), 8192}), 4096);
    Do(exec, Call::kSocketpair, {kSockSeqpacket, kONonblock});
    EXPECT_EQ(Value(exec, Call::kSend, {N(5), kGood, 100, 0, 0}), 100);
    EXPECT_EQ(Value(exec, Call::kRecv, {N(6), kGood, 10, kMsgTrunc}), 100);
    EXPECT_EQ(Value(exec, Call::kSend, {N(5), kGood, 0, 0, kMsgNosignal}), 0);
    EXPECT_EQ(Value(exec, Call::kRecv, {N(6), kGood, 10, 0}), 0);
    EXPECT_EQ(Value(exec, Call::kShutdown, {N(5), kShutRdwr}), 0);
    EXPECT_EQ(Value(exec, Call::kSend, {N(5), kGood, 1, 0, 0}), -kEPIPE);  // and no signal
  });
}

TEST(Exec, PollReportsEachDescriptor) {
  OnThread([](Exec& exec) {
    ReadyEpoll(exec, 1);
    Op op = {.call = Call::kPoll, .npoll = 4};
    op.set_poll(0, Fd::Literal(3), kIn | kOut);
    op.set_poll(1, Fd::Literal(-1), kIn);
    op.set_poll(2, Fd::Literal(77), kIn);
    op.set_poll(3, Fd::Literal(4), kOut);
    Outcome out;
    exec.Run(op, &out);
    EXPECT_EQ(out.records, (std::vector<Record>{{kIn}, {0}, {kNval}, {kOut}}));
    EXPECT_FALSE(out.clobbered);
  });
}

TEST(Exec, FdinfoIsSortedAndTellsWhatIsNoEpoll) {
  OnThread([](Exec& exec) {
    ReadyEpoll(exec, 30);
    const Outcome out = Do(exec, Call::kFdinfo, {N(3)});
    ASSERT_EQ(out.records.size(), 30u);
    for (int i = 0; i < 30; ++i) {
      EXPECT_EQ(out.records[static_cast<size_t>(i)], (Record{kIn | kErr | kHup, 4 + i, static_cast<uint64_t>(i + 1)}));
    }
    EXPECT_EQ(Value(exec, Call::kFdinfo, {N(4)}), -kEINVAL);
    EXPECT_EQ(Value(exec, Call::kFdinfo, {N(700)}), -kEBADF);
    EXPECT_EQ(Value(exec, Call::kFdinfo, {N(-1)}), -kEBADF);
    EXPECT_EQ(Value(exec, Call::kEpollCreate1), 34);
    EXPECT_EQ(Value(exec, Call::kFdinfo, {N(34)}), 0);
    EXPECT_EQ(Value(exec, Call::kEventfd), 35);  // the observation left no number taken
  });
}

TEST(Exec, FdinfoIsReadWhenNoNumberIsLeft) {
  OnThread([](Exec& exec) {
    ReadyEpoll(exec, 1);
    EXPECT_EQ(Value(exec, Call::kPrlimit, {5}), 0);
    EXPECT_EQ(Value(exec, Call::kDup, {N(3)}), -kEMFILE);
    EXPECT_EQ(Value(exec, Call::kFdinfo, {N(3)}), 1);
    EXPECT_EQ(Value(exec, Call::kDup, {N(3)}), -kEMFILE);
    exec.Reset();
    EXPECT_EQ(Value(exec, Call::kDup2, {N(3), N(1023)}), -kEBADF);
    EXPECT_EQ(Value(exec, Call::kEventfd), 3);
    EXPECT_EQ(Value(exec, Call::kDup2, {N(3), N(1023)}), 1023);
    EXPECT_EQ(Value(exec, Call::kDup2, {N(3), N(1024)}), -kEBADF);
  });
}

TEST(Exec, ALargeTableIsSmallAgainAfterReset) {
  OnThread([](Exec& exec) {
    rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    const int high = 15000;
    if (limit.rlim_max <= high) GTEST_SKIP() << "the hard limit is lower";
    EXPECT_EQ(Value(exec, Call::kPrlimit, {high + 1}), 0);
    EXPECT_EQ(Value(exec, Call::kEventfd), 3);
    EXPECT_EQ(Value(exec, Call::kDup2, {N(3), N(high)}), high);
    exec.Reset();
    const Outcome status = Do(exec, Call::kOpen, {static_cast<uint64_t>(Which::kNull)});
    EXPECT_EQ(status.value[0], 3);
    char text[4096] = {};
    const int fd = open("/proc/thread-self/status", O_RDONLY);
    EXPECT_GT(read(fd, text, sizeof text - 1), 0);
    close(fd);
    const char* size = std::strstr(text, "FDSize:");
    ASSERT_NE(size, nullptr);
    EXPECT_LE(std::atoi(size + 7), 1024);
  });
}

TEST(Exec, TheHarnessAndTheMachineAreOutOfBounds) {
  OnThread([](Exec& exec) {
    ASSERT_EQ(Value(exec, Call::kEpollCreate1), 3);
    Op poll = {.call = Call::kPoll, .npoll = 1};
    poll.set_poll(0, Fd::Literal(1), kOut);
    constexpr uint32_t kFifreeze = 0xc0045877, kFSetown = 8, kRegular = 0;
    const Op refused[] = {
        Make(Call::kClose, {N(2)}),
        Make(Call::kDup2, {N(3), N(1)}),
        Make(Call::kDup, {N(0)}),
        Make(Call::kEpollCtl, {N(3), kCtlAdd, N(0), kGood, kIn}),
        Make(Call::kCloseRange, {N(2), N(100), 0}),
        poll,
        Make(Call::kIoctl, {N(3), kFifreeze}),
        Make(Call::kFcntl, {N(3), kFSetown, 1}),
        Make(Call::kFcntl, {N(3), kFSetpipeSz, 1 << 30}),
        Make(Call::kOpen, {kRegular, kORdwr}),
        Make(Call::kOpen, {kRegular, 0x40}),  // O_CREAT
        Make(Call::kReopen, {N(3), 0x40}),
        Make(Call::kReopen, {N(3), 3}),
        Make(Call::kMemfdCreate, {4}),
        Make(Call::kPrlimit, {static_cast<uint64_t>(-1)}),
        Make(Call::kPrlimit, {0x7fffffff}),
    };
    for (const Op& op : refused) {
      Outcome out;
      exec.Run(op, &out);
      EXPECT_EQ(out.kind, Outcome::kSkipped) << Spec(op.call).name;
      EXPECT_NE(out.note, nullptr);
    }
    EXPECT_EQ(Value(exec, Call::kCloseRange, {N(3), N(-1), kCloseRangeUnshare}), 0);
    EXPECT_EQ(Value(exec, Call::kEpollCreate1), 3);
  });
}

TEST(Exec, EveryCallOfTheLanguageExecutes) {
  OnThread([](Exec& exec) {
    ReadyEpoll(exec, 1);
    std::set<Call> seen;
    const auto value = [&](Call call, std::initializer_list<uint64_t> args = {}) {
      seen.insert(call);
      return Value(exec, call, args);
    };
    EXPECT_EQ(value(Call::kEpollCreate, {1}), 5);
    EXPECT_EQ(value(Call::kEpollCreate1, {kONonblock}), -kEINVAL);
    EXPECT_EQ(value(Call::kEpollCtl, {N(3), kCtlDel, N(4), M(Memory::kNull)}), 0);
    EXPECT_EQ(value(Call::kEpollWait, {N(3), kGood, 0, 0}), -kEINVAL);
    EXPECT_EQ(value(Call::kEpollPwait, {N(3), kGood, 1, 0, kGood, 8}), 0);
    EXPECT_EQ(value(Call::kEpollPwait2, {N(3), kGood, 1, kGood, 0, 1000, M(Memory::kNull), 8}), 0);
    value(Call::kEpiocSparams, {N(3), kGood, 7, 9, 1, 0});
    const int64_t got = value(Call::kEpiocGparams, {N(3), kGood});
    if (got == 0) {
      const Outcome params = Do(exec, Call::kEpiocGparams, {N(3), kGood});
      EXPECT_EQ(params.nvalues, 4);
      EXPECT_EQ(params.value[1], 7);
      EXPECT_EQ(params.value[2], 9);
      EXPECT_EQ(params.value[3], 1);
      EXPECT_EQ(Value(exec, Call::kEpiocGparams, {N(3), M(Memory::kReadonly)}), -kEFAULT);
      EXPECT_EQ(Value(exec, Call::kEpiocSparams, {N(3), kGood, 0, 0, 0, 1}), -kEINVAL);
    }
    constexpr uint32_t kTcgets = 0x5401;
    EXPECT_EQ(value(Call::kIoctl, {N(4), kTcgets}), -kENOTTY);
    EXPECT_EQ(value(Call::kPoll), 0);
    EXPECT_EQ(value(Call::kFdinfo, {N(3)}), 0);
    EXPECT_EQ(value(Call::kClose, {N(5)}), 0);
    EXPECT_EQ(value(Call::kCloseRange, {N(100), N(200), 0}), 0);
    EXPECT_EQ(value(Call::kDup, {N(3)}), 5);
    EXPECT_EQ(value(Call::kDup2, {N(3), N(6)}), 6);
    EXPECT_EQ(value(Call::kDup3, {N(3), N(3), 0}), -kEINVAL);
    EXPECT_EQ(value(Call::kFcntl, {N(3), kFGetfl}), 2);
    EXPECT_EQ(value(Call::kRead, {N(3), kGood, 1}), -kEINVAL);
    EXPECT_EQ(value(Call::kWrite, {N(3), kGood, 1}), -kEINVAL);
    EXPECT_EQ(value(Call::kSend, {N(3), kGood, 1}), -kENOTSOCK);
    EXPECT_EQ(value(Call::kRecv, {N(3), kGood, 1}), -kENOTSOCK);
    EXPECT_EQ(value(Call::kShutdown, {N(3), kShutRd}), -kENOTSOCK);
    EXPECT_EQ(value(Call::kPipe2, {0}), 7);
    EXPECT_EQ(value(Call::kEventfd, {3, kEfdSemaphore}), 9);
    EXPECT_EQ(value(Call::kSocketpair, {kSockDgram, 0}), 10);
    EXPECT_EQ(value(Call::kTimerfdCreate, {kClockMonotonic, kONonblock}), 12);
    EXPECT_EQ(value(Call::kTimerfdSettime, {N(12), 0, 1000, 0, 1000, 0}), 0);
    value(Call::kTimerfdTicks, {N(12), 5});
    EXPECT_EQ(value(Call::kTimerfdGettime, {N(12)}), 0);
    EXPECT_EQ(value(Call::kMemfdCreate, {1}), 13);
    EXPECT_EQ(value(Call::kOpen, {static_cast<uint64_t>(Which::kDirectory), kODirectory}), 14);
    EXPECT_EQ(value(Call::kOpen, {static_cast<uint64_t>(Which::kRegular), kODirectory}), -kENOTDIR);
    EXPECT_EQ(value(Call::kUserfaultfd, {2}), -kEINVAL);
    EXPECT_EQ(value(Call::kUffdApi, {N(4)}), -kENOTTY);
    EXPECT_EQ(value(Call::kPerfEventOpen, {1u << 20}), -kEINVAL);
    EXPECT_EQ(value(Call::kPrlimit, {100}), 0);
    EXPECT_EQ(Do(exec, Call::kWatches, {5}).kind, Outcome::kSkipped);
    EXPECT_EQ(value(Call::kSocket, {kAfUnix, kSockStream, kONonblock}), 15);
    EXPECT_EQ(value(Call::kBind, {N(15)}), 0);
    EXPECT_EQ(value(Call::kListen, {N(15), 1}), 0);
    EXPECT_EQ(value(Call::kSocket, {kAfUnix, kSockStream, kONonblock}), 16);
    EXPECT_EQ(value(Call::kConnect, {N(16), N(15)}), 0);
    EXPECT_EQ(value(Call::kConnect, {N(16), N(-1)}), -kEINVAL);
    EXPECT_EQ(value(Call::kConnect, {N(16), N(3)}), -kEINVAL);
    EXPECT_EQ(value(Call::kAccept4, {N(15), kONonblock}), 17);
    EXPECT_EQ(value(Call::kSetsockopt, {N(16), kSoLinger, 7}), 0);
    EXPECT_EQ(Do(exec, Call::kGetsockopt, {N(16), kSoLinger}).value[1], 7);
    EXPECT_EQ(Do(exec, Call::kSetsockopt, {N(16), kSoLinger, static_cast<uint64_t>(-1)}).value[0], 0);
    EXPECT_EQ(Do(exec, Call::kGetsockopt, {N(16), kSoLinger}).value[1], -1);
    EXPECT_EQ(value(Call::kGetsockopt, {N(16), kSoRcvlowat}), 0);
    EXPECT_EQ(value(Call::kSendfd, {N(16), N(4)}), 1);
    EXPECT_EQ(value(Call::kRecvfd, {N(17)}), 18);
    EXPECT_EQ(Do(exec, Call::kSend, {N(16), kGood, 1}).value[0], 1);
    const Outcome plain = Do(exec, Call::kRecvfd, {N(17)});
    EXPECT_EQ(plain.value[0], -1);
    EXPECT_EQ(plain.value[1], 1);
    EXPECT_EQ(value(Call::kReopen, {N(3), 0}), -kENXIO);
    EXPECT_NE(value(Call::kFifo), -kENOSYS);
    EXPECT_EQ(value(Call::kSelect), 0);
    EXPECT_EQ(value(Call::kPpoll, {kGood, kGood, 0, 0, M(Memory::kNull), 8}), 0);
    EXPECT_EQ(value(Call::kReadv, {N(9), kGood, 4, kGood, 4, kGood}), 8);
    EXPECT_EQ(value(Call::kWritev, {N(9), kGood, 8, 1, kGood, 8, 2, kGood}), 16);
    EXPECT_EQ(value(Call::kFionbio, {N(9), kGood, 1}), 0);
    EXPECT_EQ(value(Call::kFioasync, {N(9), kGood, 1}), -kENOTTY);
    EXPECT_EQ(value(Call::kFionread, {N(10), kGood}), 0);
    EXPECT_EQ(value(Call::kSplice, {N(7), N(8), 1, 0}), -kEINVAL);
    EXPECT_EQ(value(Call::kTee, {N(7), N(9), 1, 0}), -kEINVAL);
    EXPECT_EQ(value(Call::kVmsplice, {N(9), kGood, 1, kSpliceNonblock}), -kEBADF);
    EXPECT_EQ(value(Call::kSendfile, {N(9), N(13), 1}), 0);
    EXPECT_EQ(value(Call::kSpliceAt, {N(7), M(Memory::kNull), 0, N(8), M(Memory::kNull), 0, 1, 0}), -kEINVAL);
    EXPECT_EQ(value(Call::kSendfileAt, {N(9), N(13), kGood, 0, 1}), 0);
    EXPECT_EQ(value(Call::kKcmpFile, {N(9), N(10)}), 1);
    EXPECT_EQ(value(Call::kKcmpTfd, {N(9), N(3), N(4), kGood, 1}), -kENOENT);
    if (value(Call::kUringEpollCtl, {N(9), kCtlAdd, N(10), kGood, kIn}) == -kEINVAL) {
      EXPECT_EQ(value(Call::kUringEpollWait, {N(9), kGood, 1}), -kEINVAL);
    }
    EXPECT_EQ(value(Call::kFork), 2);
    EXPECT_EQ(value(Call::kExit), -kEPERM);
    EXPECT_EQ(value(Call::kExecve), -kEPERM);
    const int64_t inotify = value(Call::kInotifyInit1, {kONonblock});
    ASSERT_GE(inotify, 0);
    EXPECT_EQ(value(Call::kInotifyAdd, {static_cast<uint64_t>(inotify), N(-1), kInModify}), -kENOENT);
    EXPECT_EQ(value(Call::kInotifyRm, {static_cast<uint64_t>(inotify), 1}), -kEINVAL);
    EXPECT_EQ(value(Call::kInotifyRead, {static_cast<uint64_t>(inotify), kGood, 64}), -kEAGAIN);
    EXPECT_EQ(value(Call::kFchmod, {N(-1), 0600}), -kEBADF);
    if (const int64_t ring = value(Call::kRingSetup, {2}); ring >= 0) {
      const uint64_t number = static_cast<uint64_t>(ring);
      EXPECT_EQ(value(Call::kRingPush, {number, 5}), 2);
      EXPECT_EQ(value(Call::kRingEnter, {number, 5}), 2);
      EXPECT_EQ(value(Call::kRingReap, {number, 1}), 1);
    } else {
      seen.insert({Call::kRingPush, Call::kRingEnter, Call::kRingReap});
    }
    EXPECT_LT(value(Call::kMemfdSecret, {kONonblock}), 0);
    EXPECT_EQ(value(Call::kNlRequest, {N(3), static_cast<uint64_t>(Request::kNothing)}), -kENOTSOCK);
    EXPECT_EQ(value(Call::kChange, {static_cast<uint64_t>(Which::kMounts)}), 0);
    seen.insert(Call::kJumpClock);
    EXPECT_EQ(Do(exec, Call::kJumpClock).kind, Outcome::kSkipped);  // nobody has allowed it
    seen.insert(Call::kOpenpty);
    const Outcome sides = Do(exec, Call::kOpenpty, {kONonblock});
    if (sides.kind == Outcome::kValues) {
      const uint64_t m = N(static_cast<int32_t>(sides.value[0])), s = N(static_cast<int32_t>(sides.value[1]));
      EXPECT_EQ(value(Call::kWrite, {m, kGood, 5}), 5);
      EXPECT_EQ(value(Call::kRead, {s, kGood, 9}), 5);
      EXPECT_EQ(value(Call::kWrite, {m, kGood, 4095}), 4095);
      EXPECT_EQ(value(Call::kWrite, {m, kGood, 4000}), 4000);
      EXPECT_EQ(value(Call::kRead, {s, kGood, 4095}), 4095);
      EXPECT_EQ(value(Call::kFionread, {s, kGood}), 4000);
      const int64_t again = value(Call::kPtsopen, {m, kORdwr});
      EXPECT_GT(again, 0);
      Do(exec, Call::kClose, {N(static_cast<int32_t>(again))});
      Do(exec, Call::kClose, {s});
      EXPECT_EQ(value(Call::kRead, {m, kGood, 9}), -kEIO);
      Do(exec, Call::kClose, {m});
    } else {
      seen.insert(Call::kPtsopen);
    }
    seen.insert(Call::kMqOpen);
    Outcome queue = Do(exec, Call::kMqOpen, {kORdwr | kONonblock, 2, 8});
    if (queue.kind == Outcome::kValues) {
      const uint64_t q = N(static_cast<int32_t>(queue.value[0]));
      EXPECT_EQ(Value(exec, Call::kMqSend, {q, kGood, 8, 7, 3}), 0);
      queue = Do(exec, Call::kMqGetattr, {q});
      EXPECT_EQ(queue.value[0], kONonblock);
      EXPECT_EQ(queue.value[3], 1);
      queue = Do(exec, Call::kMqReceive, {q, kGood, 8});
      EXPECT_EQ(queue.value[0], 8);
      EXPECT_EQ(queue.value[1], 3);
      EXPECT_EQ(queue.payload, 7u);
    }
    EXPECT_EQ(value(Call::kMqSend, {N(9), kGood, 1, 0, 0}), -kEBADF);
    EXPECT_EQ(value(Call::kMqReceive, {N(9), kGood, 1}), -kEBADF);
    EXPECT_EQ(value(Call::kMqGetattr, {N(9)}), -kEBADF);
    EXPECT_EQ(value(Call::kMqSetattr, {N(9), kONonblock}), -kEBADF);
    const auto signals = N(static_cast<int32_t>(value(Call::kSignalfd4, {N(-1), kGood, SignalBit(40), kONonblock})));
    EXPECT_EQ(value(Call::kRaise, {40}), 0);
    EXPECT_EQ(value(Call::kSignals, {signals, kGood, 2}), 1);
    EXPECT_EQ(Value(exec, Call::kSignals, {signals, kGood, 2}), -kEAGAIN);
    // Another thread of this process does not block them.
    seen.insert({Call::kKill, Call::kSigqueue});
    const auto child = N(static_cast<int32_t>(value(Call::kChild)));
    const auto again = N(static_cast<int32_t>(value(Call::kPidfdOpen, {child, kONonblock})));
    EXPECT_EQ(Value(exec, Call::kReap, {again}), -kEAGAIN);
    EXPECT_EQ(value(Call::kExitChild, {child}), 0);
    EXPECT_EQ(value(Call::kReap, {again}), 0);
    EXPECT_EQ(seen.size(), kCalls - 2);  // watches and expire are a target's
  });
}

// --- Timers and sockets ----------------------------------------------------------------------------------------------

// A read waits for the next expiration of a timer that it restarts, whose interval has passed, and for no other.
TEST(Exec, AReadWaitsForATimerThatItRestarts) {
  OnThread([](Exec& exec) {
    constexpr uint64_t kFar = 2000000000;
    ASSERT_EQ(Value(exec, Call::kTimerfdCreate, {kClockMonotonic, kONonblock}), 3);
    ASSERT_EQ(Value(exec, Call::kDup, {N(3)}), 4);
    const auto settime = [&](int fd, uint64_t sec, uint64_t nsec) {
      return Value(exec, Call::kTimerfdSettime, {N(fd), 0, sec, nsec, 0, 1});
    };
    ASSERT_EQ(settime(4, 0, 1), 0);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(Value(exec, Call::kRead, {N(3), kGood, 8}), 8);
    if (Value(exec, Call::kTimerfdTicks, {N(3), 5}) != 0) GTEST_SKIP() << "no CONFIG_CHECKPOINT_RESTORE";
    const auto start = std::chrono::steady_clock::now();
    constexpr int kReads = 30;  // a second each, if they wait
    for (int i = 0; i < kReads; ++i) {
      ASSERT_EQ(settime(3, i % 2 == 0 ? 0 : kFar, 0), 0);
      ASSERT_EQ(Value(exec, Call::kTimerfdTicks, {N(4), 5}), 0);
      EXPECT_EQ(Value(exec, Call::kRead, {N(4), kGood, 4}), -kEINVAL);
      EXPECT_EQ(Value(exec, Call::kRead, {N(3), kGood, 8}), 8);
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(kReads));
  });
}

// Which network namespace the thread is in, or "".
std::string Namespace() {
  char name[64];
  const ssize_t n = readlink("/proc/thread-self/ns/net", name, sizeof name);
  return std::string(name, static_cast<size_t>(std::max<ssize_t>(n, 0)));
}

TEST(Exec, TheThreadIsInANetworkNamespaceOfItsOwnWhileItExecutes) {
  std::thread([] {
    const std::string before = Namespace();
    std::string why;
    auto exec = Exec::Open(nullptr, &why);
    ASSERT_NE(exec, nullptr) << why;
    const Outcome socket = Do(*exec, Call::kSocket, {kAfInet, kSockStream});
    if (socket.kind == Outcome::kSkipped) GTEST_SKIP() << socket.note;
    EXPECT_NE(before, Namespace());
    exec = nullptr;
    EXPECT_EQ(before, Namespace());
  }).join();
}

// Nothing is under way when an op has returned, also where descriptors have moved to other numbers.
TEST(Exec, WhatWasSentOverLoopbackHasArrived) {
  OnThread([](Exec& exec) {
    const auto value = [&exec](Call call, std::initializer_list<uint64_t> args) { return Value(exec, call, args); };
    const Outcome socket = Do(exec, Call::kSocket, {kAfInet, kSockStream});
    if (socket.kind == Outcome::kSkipped) GTEST_SKIP() << socket.note;
    for (int i = 0; i < 200; ++i) {
      exec.Reset();
      ASSERT_EQ(value(Call::kSocket, {kAfInet, kSockStream}), 3);
      ASSERT_EQ(value(Call::kListen, {N(3), 8}), 0);
      ASSERT_EQ(value(Call::kSocket, {kAfInet, kSockStream, kONonblock}), 4);
      ASSERT_EQ(value(Call::kDup, {N(4)}), 5);
      ASSERT_EQ(value(Call::kPrlimit, {8}), 0);
      ASSERT_EQ(value(Call::kConnect, {N(5), N(3)}), -kEINPROGRESS);
      ASSERT_EQ(value(Call::kAccept4, {N(3), kONonblock}), 6);
      ASSERT_EQ(value(Call::kDup2, {N(4), N(7)}), 7);
      ASSERT_EQ(value(Call::kWritev, {N(7), kGood, 1, 0, kGood, 2, 0, kGood}), 3);
      ASSERT_EQ(value(Call::kRead, {N(6), kGood, 8}), 3);
      ASSERT_EQ(value(Call::kShutdown, {N(5), kShutWr}), 0);
      ASSERT_EQ(value(Call::kRead, {N(6), kGood, 8}), 0);
      ASSERT_EQ(value(Call::kSocket, {kAfInet, kSockDgram, kONonblock}), -kEMFILE);
      ASSERT_EQ(value(Call::kClose, {N(4)}), 0);
      ASSERT_EQ(value(Call::kSocket, {kAfInet, kSockDgram, kONonblock}), 4);
      ASSERT_EQ(value(Call::kBind, {N(4)}), 0);
      ASSERT_EQ(value(Call::kConnect, {N(4), N(4)}), 0);
      ASSERT_EQ(value(Call::kSend, {N(4), kGood, 1}), 1);
      ASSERT_EQ(value(Call::kRecv, {N(4), kGood, 8}), 1);
    }
  });
}

// --- Bare calls ------------------------------------------------------------------------------------------------------

TEST(Bare, MakesTheSameCallsAgainAndAgain) {
  OnThread([](Exec& exec) {
    const uint64_t ep = Fd::Output(0, 0).bits(), r = Fd::Output(1, 0).bits(), w = Fd::Output(1, 1).bits();
    const uint64_t e = Fd::Output(2, 0).bits();
    Op poll = {.call = Call::kPoll, .npoll = 1};
    poll.set_poll(0, Fd::FromBits(ep), kIn);
    const std::vector<Op> ops = {
        Make(Call::kEpollCreate1),
        Make(Call::kPipe2, {kONonblock}),
        Make(Call::kEventfd, {0, kONonblock}),
        Make(Call::kEpollCtl, {ep, kCtlAdd, r, M(Memory::kReadonly), kIn, 1}),
        Make(Call::kEpollCtl, {ep, kCtlAdd, e, M(Memory::kFault, 1), kIn | kEt, 2}),
        Make(Call::kWrite, {w, kGood, 3}),
        Make(Call::kWrite, {e, M(Memory::kReadonly), 8, 5}),
        Make(Call::kEpollWait, {ep, M(Memory::kFault, 1), 8, 0}),
        Make(Call::kEpollPwait, {ep, kGood, 8, 0, M(Memory::kNull), 8}),
        Make(Call::kFdinfo, {ep}),
        Make(Call::kWatches, {3}),   // no call
        Make(Call::kClose, {N(1)}),  // not executed
        poll,
        Make(Call::kPrlimit, {7}),
        Make(Call::kDup, {e}),
        Make(Call::kDup, {e}),
        Make(Call::kRead, {r, kGood, 100}),
        Make(Call::kRead, {e, kGood, 8}),
        Make(Call::kClose, {r}),
    };
    const Bare bare(&exec, ops);
    // 16 calls, the reset before and the limit behind them, and fdinfo's open, read, read, close.
    EXPECT_EQ(bare.calls(), 16u + 2 + 4);
    for (int i = 0; i < 3; ++i) {
      bare.Replay();
      EXPECT_EQ(bare.Verify(), bare.calls());
    }
    EXPECT_EQ(bare.ops(), 17u);
    // A checked run finds its buffers untouched.
    exec.Reset();
    ReadyEpoll(exec, 2);
    EXPECT_FALSE(Do(exec, Call::kEpollWait, {N(3), kGood, 8, 0}).clobbered);
  });
}

// --- 32-bit callers --------------------------------------------------------------------------------------------------

Op From32(Op op) {
  op.i386 = 1;
  return op;
}

TEST(Caller32, MakesCallsThatOthersSee) {
  OnThread([](Exec& exec) {
    if (const char* why = exec.LacksCaller32()) GTEST_SKIP() << why;
    const auto value = [&](const Op& op) {
      Outcome out;
      exec.Run(op, &out);
      return out.kind == Outcome::kValues ? out.value[0] : -int64_t{out.error};
    };
    EXPECT_EQ(value(From32(Make(Call::kEpollCreate1))), 3);
    EXPECT_EQ(value(From32(Make(Call::kEventfd, {5, kONonblock}))), 4);
    EXPECT_EQ(value(From32(Make(Call::kEpollCtl, {N(3), kCtlAdd, N(4), kGood, kIn, 0x1122334455667788}))), 0);
    Outcome out = Do(exec, Call::kEpollWait, {N(3), kGood, 8, 0});
    ASSERT_EQ(out.records.size(), 1u);
    EXPECT_EQ(out.records[0].data, 0x1122334455667788u);
    exec.Run(From32(Make(Call::kEpollWait, {N(3), kGood, 8, 0})), &out);
    ASSERT_EQ(out.records.size(), 1u);
    EXPECT_EQ(out.records[0].data, 0x1122334455667788u);
    exec.Run(From32(Make(Call::kRead, {N(4), kGood, 8})), &out);
    EXPECT_EQ(out.payload, 5u);
    // The whole address is NULL to it.
    EXPECT_EQ(value(From32(Make(Call::kEpollPwait, {N(3), kGood, 8, 0, M(Memory::kKernel), 4}))), 0);
    EXPECT_EQ(value(Make(Call::kEpollPwait, {N(3), kGood, 8, 0, M(Memory::kKernel), 8})), -int64_t{kEFAULT});
    // Not in the language.
    exec.Run(From32(Make(Call::kMemfdCreate)), &out);
    EXPECT_EQ(out.kind, Outcome::kSkipped);
  });
}

TEST(Caller32, IsReplayed) {
  OnThread([](Exec& exec) {
    if (const char* why = exec.LacksCaller32()) GTEST_SKIP() << why;
    const uint64_t ep = Fd::Output(0, 0).bits(), e = Fd::Output(1, 0).bits();
    const std::vector<Op> ops = {
        From32(Make(Call::kEpollCreate1)),
        Make(Call::kEventfd, {5, kONonblock}),
        From32(Make(Call::kEpollCtl, {ep, kCtlAdd, e, M(Memory::kReadonly), kIn, 1})),
        From32(Make(Call::kEpollWait, {ep, M(Memory::kFault, 1), 8, 0})),
        From32(Make(Call::kReadv, {e, kGood, 8, kGood, 8})),
    };
    const Bare bare(&exec, ops);
    EXPECT_EQ(bare.ops(), 5u);
    for (int i = 0; i < 3; ++i) {
      bare.Replay();
      EXPECT_EQ(bare.Verify(), bare.calls());
    }
  });
}

// --- Bare calls, more of them ----------------------------------------------------------------------------------------

// Ops that are more than a call, and addresses that are others each time.
TEST(Bare, ReplaysSocketsFifosAndTheRing) {
  OnThread([](Exec& exec) {
    const auto out = [](uint32_t op) { return Fd::Output(op, 0).bits(); };
    const std::vector<Op> ops = {
        Make(Call::kSocket, {kAfUnix, kSockStream}),  // 0
        Make(Call::kBind, {out(0)}),
        Make(Call::kListen, {out(0), 8}),
        Make(Call::kSocket, {kAfUnix, kSockStream, kONonblock}),  // 3
        Make(Call::kConnect, {out(3), out(0)}),
        Make(Call::kAccept4, {out(0), kONonblock}),  // 5
        Make(Call::kSendfd, {out(3), out(0)}),
        Make(Call::kRecvfd, {out(5)}),
        Make(Call::kConnect, {out(3), N(-1)}),
        Make(Call::kFifo),                      // 9
        Make(Call::kReopen, {out(9), kORdwr}),  // 10
        Make(Call::kWrite, {out(10), kGood, 1}),
        Make(Call::kEpollCreate1),  // 12
        Make(Call::kUringEpollCtl, {out(12), kCtlAdd, out(10), kGood, kIn, 1}),
        Make(Call::kUringEpollWait, {out(12), kGood, 1}),
        Make(Call::kSocket, {kAfInet, kSockStream}),  // 15
        Make(Call::kBind, {out(15)}),
        Make(Call::kListen, {out(15), 8}),
        Make(Call::kSocket, {kAfInet, kSockStream, kONonblock}),  // 18
        Make(Call::kConnect, {out(18), out(15)}),
        Make(Call::kConnect, {out(18), out(15)}),
        Make(Call::kSend, {out(18), kGood, 1}),
    };
    const Bare bare(&exec, ops);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(bare.Verify(), bare.calls());
  });
}

// --- Calls that do not return ----------------------------------------------------------------------------------------

// Runs the body with a Watcher beside it.
void Watched(int deadline_ms, const std::function<void(Exec&)>& body) {
  CallMark mark;
  std::atomic<bool> ready{false}, done{false};
  std::thread thread([&] {
    std::string why;
    const auto exec = Exec::Open(&mark, &why);
    ASSERT_NE(exec, nullptr) << why;
    ready = true;
    body(*exec);
    done = true;
  });
  while (!ready) std::this_thread::yield();
  Watcher watcher(&mark, deadline_ms);
  while (!done) {
    EXPECT_NE(watcher.Look(), Watcher::kHung);
    std::this_thread::sleep_for(std::chrono::milliseconds(Watcher::kTickMs));
  }
  thread.join();
}

TEST(Watcher, ACallThatSleepsForEverIsBlocked) {
  Watched(60, [](Exec& exec) {
    ASSERT_EQ(Value(exec, Call::kEpollCreate1), 3);
    const uint64_t forever = static_cast<uint64_t>(-1);
    EXPECT_EQ(Do(exec, Call::kEpollWait, {N(3), kGood, 8, forever}).kind, Outcome::kBlocked);
    EXPECT_EQ(Do(exec, Call::kEpollPwait2, {N(3), kGood, 8, M(Memory::kNull), 0, 0, kGood, 8}).kind, Outcome::kBlocked);
    Do(exec, Call::kPipe2, {0});
    EXPECT_EQ(Do(exec, Call::kRead, {N(4), kGood, 1}).kind, Outcome::kBlocked);
    EXPECT_EQ(Do(exec, Call::kWrite, {N(5), kGood, 100'000}).kind, Outcome::kBlocked);
    Do(exec, Call::kSocketpair, {kSockDgram, 0});
    EXPECT_EQ(Do(exec, Call::kRecv, {N(6), kGood, 1, 0}).kind, Outcome::kBlocked);
    Op poll = {.call = Call::kPoll, .npoll = 1};
    poll.arg[0] = forever;
    poll.set_poll(0, Fd::Literal(3), kIn);
    Outcome out;
    exec.Run(poll, &out);
    EXPECT_EQ(out.kind, Outcome::kBlocked);
    // What was interrupted left nothing behind.
    EXPECT_EQ(Value(exec, Call::kEpollWait, {N(3), kGood, 8, 0}), 0);
  });
}

TEST(Watcher, AnInterruptionFromOutsideIsNoOutcome) {
  CallMark mark;
  std::atomic<bool> done{false};
  std::thread thread([&] {
    std::string why;
    const auto exec = Exec::Open(&mark, &why);
    ASSERT_NE(exec, nullptr) << why;
    ASSERT_EQ(Value(*exec, Call::kEpollCreate1), 3);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(Value(*exec, Call::kEpollWait, {N(3), kGood, 8, 5}), 0);
    done = true;
  });
  for (uint64_t last = 0; !done;) {
    const uint64_t now = mark.sequence.load();
    if ((now & 1) != 0 && now != last) syscall(SYS_tgkill, getpid(), mark.tid.load(), Exec::PokeSignal()), last = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  thread.join();
}

// --- The second process
// ------------------------------------------------------------------------------------------------

int64_t BySecond(Exec& exec, Call call, std::initializer_list<uint64_t> args = {}) {
  Outcome out;
  Op op = Make(call, args);
  op.process = 1;
  exec.Run(op, &out);
  EXPECT_FALSE(out.clobbered);
  if (out.kind == Outcome::kBlocked) return INT64_MIN;
  if (out.kind == Outcome::kError) return -out.error;
  if (out.kind == Outcome::kRecords) return static_cast<int64_t>(out.records.size());
  EXPECT_EQ(out.kind, Outcome::kValues) << (out.note == nullptr ? "" : out.note);
  return out.value[0];
}

TEST(SecondProcess, HasATableOfItsOwnAlsoAfterExecve) {
  OnThread([](Exec& exec) {
    EXPECT_EQ(BySecond(exec, Call::kDup, {N(3)}), -kESRCH);
    EXPECT_EQ(Value(exec, Call::kExit), -kEPERM);
    ReadyEpoll(exec, 2);
    for (int round = 0; round < 3; ++round) {
      ASSERT_EQ(Value(exec, Call::kFork), 2);
      EXPECT_EQ(Value(exec, Call::kFork), -kEAGAIN);
      for (int program = 0; program < 3; ++program) {
        EXPECT_EQ(BySecond(exec, Call::kClose, {N(99)}), -kEBADF);
        EXPECT_EQ(BySecond(exec, Call::kEpollWait, {N(3), kGood, 8, 0}), 2);
        EXPECT_EQ(BySecond(exec, Call::kEpollWait, {N(3), M(Memory::kFault, 1), 8, 0}), 1);
        EXPECT_EQ(BySecond(exec, Call::kEpollWait, {N(3), M(Memory::kStraddling), 8, 0}), 2);
        for (const Memory::Kind kind :
             {Memory::kNull, Memory::kKernel, Memory::kUnmapped, Memory::kReadonly, Memory::kGone}) {
          EXPECT_EQ(BySecond(exec, Call::kEpollWait, {N(3), M(kind), 8, 0}), -kEFAULT) << kind;
        }
        EXPECT_EQ(BySecond(exec, Call::kFdinfo, {N(3)}), 2);
        EXPECT_EQ(BySecond(exec, Call::kKcmpFile, {N(4), N(4)}), 0);
        const int64_t timer = BySecond(exec, Call::kTimerfdCreate, {kClockMonotonic, kONonblock});
        EXPECT_EQ(timer, 6);
        EXPECT_EQ(BySecond(exec, Call::kTimerfdSettime, {N(6), kTfdTimerAbstime, 0, 1}), 0);
        EXPECT_EQ(BySecond(exec, Call::kRead, {N(6), kGood, 8}), 8);
        EXPECT_EQ(Value(exec, Call::kClose, {N(6)}), -kEBADF);
        EXPECT_EQ(BySecond(exec, Call::kFcntl, {N(6), kFSetfd, 1}), 0);
        EXPECT_EQ(BySecond(exec, Call::kExecve), 0);
        EXPECT_EQ(BySecond(exec, Call::kClose, {N(6)}), -kEBADF);
      }
      EXPECT_EQ(BySecond(exec, Call::kExit), 0);
      EXPECT_EQ(BySecond(exec, Call::kDup, {N(3)}), -kESRCH);
    }
    ASSERT_EQ(Value(exec, Call::kFork), 2);
    exec.Reset();
    EXPECT_EQ(waitpid(-1, nullptr, __WALL | WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
  });
}

TEST(SecondProcess, ComesHomeFromACallThatSleeps) {
  CallMark mark;
  std::atomic<bool> done{false};
  std::thread thread([&] {
    std::string why;
    const auto exec = Exec::Open(&mark, &why);
    Value(*exec, Call::kEpollCreate1);
    Value(*exec, Call::kFork);
    EXPECT_EQ(BySecond(*exec, Call::kEpollWait, {N(3), kGood, 8, static_cast<uint64_t>(-1)}), INT64_MIN);
    EXPECT_EQ(BySecond(*exec, Call::kExecve), 0);
    EXPECT_EQ(BySecond(*exec, Call::kEpollWait, {N(3), kGood, 8, static_cast<uint64_t>(-1)}), INT64_MIN);
    EXPECT_EQ(BySecond(*exec, Call::kEpollWait, {N(3), kGood, 8, 0}), 0);
    done = true;
  });
  while (mark.tid.load() == 0) std::this_thread::yield();
  Watcher watcher(&mark, 60);
  while (!done) {
    EXPECT_NE(watcher.Look(), Watcher::kHung);
    std::this_thread::sleep_for(std::chrono::milliseconds(Watcher::kTickMs));
  }
  thread.join();
}

// --- Nothing left behind ---------------------------------------------------------------------------------------------

TEST(Exec, LimitsAndDispositionsComeBackAndOthersKeepTheirDescriptors) {
  rlimit before, after;
  struct sigaction pipe_before, pipe_after, poke;
  const int fd = eventfd(0, 0);
  getrlimit(RLIMIT_NOFILE, &before);
  sigaction(SIGPIPE, nullptr, &pipe_before);
  OnThread([](Exec& exec) { EXPECT_EQ(Value(exec, Call::kPrlimit, {17}), 0); });
  getrlimit(RLIMIT_NOFILE, &after);
  sigaction(SIGPIPE, nullptr, &pipe_after);
  sigaction(Exec::PokeSignal(), nullptr, &poke);
  EXPECT_EQ(before.rlim_cur, after.rlim_cur);
  EXPECT_EQ(before.rlim_max, after.rlim_max);
  EXPECT_EQ(pipe_before.sa_handler, pipe_after.sa_handler);
  EXPECT_EQ(poke.sa_handler, SIG_DFL);
  EXPECT_EQ(fcntl(fd, F_GETFD), 0);
  close(fd);
}

}  // namespace
}  // namespace pollux
