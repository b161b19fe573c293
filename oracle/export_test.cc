// Exported programs compile without a warning, behave as Linux on Linux, and notice a difference.

#include "oracle/export.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "model/test_util.h"

namespace pollux {
namespace {

class ExportTest : public testing::Test {
 protected:
  ExportTest() : model_(Named("linux-6.18")) {}

  int System(const std::string& command) {
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }
  // The exit status of the exported C program; -1 if it does not compile cleanly.
  int ExitStatus(std::string_view text, const std::string& flags = "-pthread", const std::string& run = "./t 2>said") {
    const std::string program = Export(&model_, Parsed(text), ExportAs::kC, "test");
    folder_.Write("t.c", program);
    const std::string at = "cd " + folder_.path() + " && ";
    if (System(at + "gcc -std=c11 -Wall -Wextra -Werror " + flags + " -o t t.c 2>compiler") != 0) {
      ADD_FAILURE() << folder_.Read("compiler") << program;
      return -1;
    }
    return System(at + run);
  }
  // The same where no thread may be real-time.
  int ExitStatusWithoutRealTime(std::string_view text) {
    if (ExitStatus(text, "-pthread", "true") != 0) return -1;
    const pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_CAPBSET_DROP, CAP_SYS_NICE);  // fails where there is no such capability to drop
      const rlimit none = {0, 0};
      setrlimit(RLIMIT_RTPRIO, &none);
      execl((folder_.path() + "/t").c_str(), "t", nullptr);
      _exit(127);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }

  Model model_;
  TempFolder folder_;
};

constexpr std::string_view kTraces[] = {
    R"(
ep   = epoll_create1(0)
r, w = pipe2(O_NONBLOCK)
d    = dup(r)
epoll_ctl(ep, ADD, r, IN|ET, 0x1)
epoll_ctl(ep, ADD, d, IN|ET, 0xffffffffffffffff)
write(w, 3)
epoll_wait(ep, 8, 0)
close(r)
e    = eventfd(0, EFD_NONBLOCK)
epoll_ctl(ep, DEL, r)
write(e, u64 7)
read(e, 8)
write(w, 1)
epoll_wait(ep, fault@1, 8, 0)
poll(ep IN, w OUT, 77 IN, 0)
fdinfo(ep)
fdinfo(w)
fdinfo(99)
)",
    R"(
ep = epoll_create(5)
e  = eventfd(1, EFD_NONBLOCK|EFD_SEMAPHORE)
epoll_ctl(ep, ADD, e, NULL)
epoll_ctl(ep, ADD, e, kernel)
epoll_ctl(ep, ADD, e, unmapped)
epoll_ctl(ep, ADD, e, fault@0)
epoll_ctl(ep, ADD, e, readonly, IN|0x800|URING_WAKE, 0x5)
epoll_ctl(ep, MOD, e, fault@1, OUT|ONESHOT|NVAL, 0x6)
epoll_ctl(ep, 17, e, IN, 0)
epoll_ctl(e, ADD, ep, IN, 0)
epoll_wait(ep, NULL, 8, 0)
epoll_wait(ep, kernel, 8, 0)
epoll_wait(ep, unmapped, 8, 0)
epoll_wait(ep, readonly, 8, 0)
epoll_wait(ep, fault@0, 8, 0)
epoll_wait(ep, misaligned, 8, 0)
epoll_wait(ep, straddling, 8, 0)
epoll_pwait2(ep, gone, 8, misaligned, {0, 0}, straddling, 8)
epoll_pwait2(ep, straddling, 8, straddling, {0, 0}, gone, 8)
epoll_ctl(ep, MOD, e, misaligned, IN, 0x7)
write(e, straddling, u64 1)
read(e, misaligned, 8)
epoll_wait(ep, 178956970, 0)
epoll_wait(ep, 178956971, 0)
epoll_wait(ep, -2147483648, 0)
epoll_pwait(ep, 8, 0, readonly, 8)
epoll_pwait(ep, 8, 0, unmapped, 8)
epoll_pwait(ep, 8, 0, fault@0, 9)
epoll_pwait2(ep, 8, {0, 0}, NULL, 0)
epoll_pwait2(ep, 8, {-1, 1000000000}, NULL, 0)
epoll_pwait2(ep, 8, unmapped, NULL, 0)
fdinfo(ep)
)",
    R"(
s, t = socketpair(STREAM, NONBLOCK|CLOEXEC)
u, v = socketpair(DGRAM, NONBLOCK)
m    = memfd_create(0)
n    = open(null, O_RDONLY)
o    = open(directory, O_PATH)
p    = open(regular, O_RDONLY|O_CLOEXEC)
send(s, 3000, 0)
send(s, 10, MSG_NOSIGNAL)
recv(t, 100, MSG_PEEK)
recv(t, fault@10, 100, 0)
recv(t, 4000, 0)
send(u, u64 9, 0)
recv(v, 4, MSG_TRUNC)
shutdown(s, SHUT_WR)
shutdown(s, 9)
poll(s IN|OUT|HUP|RDHUP, t IN|RDHUP, u OUT, 0)
fcntl(s, F_GETFD)
fcntl(s, F_SETFL, O_NONBLOCK|O_APPEND)
fcntl(s, F_GETFL)
k    = fcntl(s, F_DUPFD, 20)
dup2(s, 30)
dup3(s, 31, O_CLOEXEC)
close_range(20, 31, CLOEXEC)
close_range(5, -1, 0)
close(3)
write(4, unmapped, 5)
)",
    R"(
t  = timerfd_create(MONOTONIC, TFD_NONBLOCK)
timerfd_settime(t, 0, {0, -1})
timerfd_settime(t, 0, {100, 0}, {5, 0})
ep = epoll_create1(EPOLL_CLOEXEC)
epoll_ctl(ep, ADD, t, IN|EXCLUSIVE, 0x1)
epoll_wait(ep, 8, 1)
read(t, 8)
prlimit(NOFILE, 5)
x  = eventfd(0, 0)
prlimit(NOFILE, 1024)
x  = eventfd(0, 0)
ioctl(ep, 0x5421)
epiocgparams(ep)
epiocsparams(ep, 100, 8, 1, 0)
epiocgparams(ep)
epiocsparams(ep, 100, 8, 2, 0)
epiocsparams(ep, NULL)
epiocgparams(ep, readonly)
write(x, readonly, u64 2)
write(x, fault@8, u64 3)
write(x, fault@7, 8)
read(x, readonly, 8)
fdinfo(ep)
)",
    R"(
ep = epoll_create1(0)
epoll_wait(ep, 8, -1) = blocked
r, w = pipe2(0)
read(r, 5) = blocked
poll(r IN, -1) = blocked
close(w)
)",
    R"(
l = socket(UNIX, STREAM, NONBLOCK)
listen(l, 1)
bind(l)
listen(l, -1)
c = socket(UNIX, STREAM, CLOEXEC)
connect(c, l)
connect(c, l)
connect(c, -1)
a = accept4(l, NONBLOCK|CLOEXEC)
b = accept4(l, 0)
setsockopt(c, SO_SNDBUF, 1)
getsockopt(c, SO_SNDBUF)
setsockopt(c, SO_LINGER, 3)
getsockopt(c, SO_LINGER)
setsockopt(c, SO_LINGER, -1)
getsockopt(c, SO_LINGER)
getsockopt(c, TCP_NODELAY)
setsockopt(c, SO_ERROR, 1)
setsockopt(c, SO_RCVLOWAT, 4)
sendfd(c, l)
sendfd(c, 99)
n = recvfd(a)
send(c, 2, MSG_OOB)
recvfd(a)
recv(a, 1, MSG_OOB)
recv(a, 1, 0)
getsockopt(c, SO_ERROR)
d = socket(UNIX, DGRAM, NONBLOCK)
bind(d)
e = socket(UNIX, DGRAM, NONBLOCK)
connect(e, d)
send(e, 1, 0)
connect(e, -1)
send(e, 1, 0)
connect(d, c)
)", R"(
l = socket(INET, STREAM, NONBLOCK)
bind(l)
listen(l, 1)
c = socket(INET, STREAM, NONBLOCK)
connect(c, l)
a = accept4(l, NONBLOCK)
ep = epoll_create1(0)
epoll_ctl(ep, ADD, c, IN|OUT|RDHUP|ET, 0x1)
epoll_ctl(ep, ADD, a, IN|RDHUP|ET, 0x2)
epoll_wait(ep, 8, 0)
shutdown(c, SHUT_WR)
epoll_wait(ep, 8, 0)
epoll_wait(ep, 8, 0)
u = socket(INET, DGRAM, NONBLOCK)
bind(u)
v = socket(INET, DGRAM, NONBLOCK)
connect(v, u)
close(u)
send(v, 1, 0)
getsockopt(v, SO_ERROR)
)", "",
    R"(
r, w = pipe2(O_NONBLOCK)
x = reopen(r, O_WRONLY|O_NONBLOCK)
p = reopen(w, O_PATH|O_CLOEXEC)
reopen(99, O_RDONLY)
reopen(p, O_DIRECTORY)
close_range(3, 5, 0)
y = reopen(p, O_RDWR)
fcntl(y, F_GETFL)
poll(y IN|OUT, 0)
)",
    R"(
m, s = openpty(O_NONBLOCK)
ep = epoll_create1(0)
epoll_ctl(ep, ADD, m, IN|OUT|ET, 0x1)
epoll_ctl(ep, ADD, s, IN|OUT|ET, 0x2)
epoll_wait(ep, 8, 0)
write(m, 6000)
epoll_wait(ep, 8, 0)
write(s, u64 7)
writev(s, 3, 4)
read(m, 100)
read(s, fault@10, 100)
fionread(s)
read(s, 4095)
epoll_wait(ep, 8, 0)
close(s)
epoll_wait(ep, 8, 0)
read(m, 8)
t = ptsopen(m, O_RDWR|O_NONBLOCK|O_CLOEXEC)
fcntl(t, F_GETFL)
u = reopen(t, O_RDONLY|O_NONBLOCK)
prlimit(NOFILE, 7)
openpty(0)
close(m)
read(t, 10)
write(t, 1)
reopen(t, O_RDWR)
ptsopen(t, O_RDWR)
poll(t IN|OUT, u IN, 0)
)",
};

TEST_F(ExportTest, ProgramsBehaveAsLinuxOnLinux) {
  for (const std::string_view text : kTraces) {
    SCOPED_TRACE(text);
    EXPECT_EQ(ExitStatus(text), 0) << folder_.Read("said");
  }
}

#if defined(__x86_64__)
TEST_F(ExportTest, CallersOf32BitsBehaveAsLinuxOnLinux) {
  constexpr std::string_view text = R"(
i386: ep = epoll_create1(EPOLL_CLOEXEC)
i386: r, w = pipe2(O_NONBLOCK)
i386: e = eventfd(3, EFD_NONBLOCK)
i386: a, b = socketpair(STREAM, NONBLOCK)
i386: epoll_ctl(ep, ADD, r, IN|ET, 0x1122334455667788)
i386: epoll_ctl(ep, ADD, e, misaligned, IN, 0x2)
i386: epoll_ctl(ep, MOD, e, fault@0)
i386: epoll_ctl(ep, MOD, e, kernel)
i386: writev(w, 1, 2)
i386: epoll_wait(ep, fault@1, 8, 0)
i386: epoll_pwait(ep, 8, 0, kernel, 4)
i386: epoll_pwait2(ep, straddling, 8, {0, 4294967296}, readonly, 8)
i386: poll(ep IN, w OUT, 0)
i386: ppoll(ep IN, {0, 9000000000}, NULL, 8)
i386: select(ep R|W, w W, {4294967296, 0})
i386: select(kernel, ep R|W, w W, {0, 0})
i386: readv(r, 2, 8)
i386: read(e, 8)
i386: write(b, u64 7)
i386: fionread(a)
i386: fcntl(a, F_GETFL)
i386: epiocgparams(ep)
i386: fionbio(a, 0)
i386: read(r, gone, 3)
i386: dup3(ep, 21, O_CLOEXEC)
i386: epoll_wait(21, NULL, 8, -1) = blocked
fdinfo(ep)
)";
  const int status = ExitStatus(text, "-no-pie");
  EXPECT_TRUE(status == 0 || (status == 2 && folder_.Read("said").find("here") != std::string::npos))
      << folder_.Read("said");
  EXPECT_EQ(ExitStatus(text), 2) << "what it points to lies too high";
  model_.rules().Force(Rule::kCaller32Nanoseconds, false);
  EXPECT_EQ(ExitStatus(text, "-no-pie"), status == 0 ? 1 : 2) << folder_.Read("said");
}
#endif

TEST_F(ExportTest, TwoProcessesTakeTurns) {
  constexpr std::string_view kText = R"(
ep = epoll_create1(0)
P2: close(ep) = -ESRCH
r, w = pipe2(O_NONBLOCK|O_CLOEXEC)
e = eventfd(1, EFD_NONBLOCK)
fork() = 2
fork() = -EAGAIN
exit() = -EPERM
close(w)
epoll_ctl(ep, ADD, r, IN, 0x1)
P2: x = eventfd(1, EFD_NONBLOCK)
P2: epoll_ctl(ep, ADD, x, IN, 0x2)
epoll_wait(ep, 8, 0)
P2: fdinfo(ep)
P2: execve() = 0
epoll_wait(ep, 8, 0)
P2: read(r, 1) = -EBADF
P2: epoll_wait(ep, straddling, 8, 0)
P2: exit() = 0
epoll_wait(ep, 8, 0)
fork() = 2
P2: write(e, u64 5)
read(e, 8)
)";
  EXPECT_EQ(ExitStatus(kText), 0) << folder_.Read("said");
  model_.rules().Force(Rule::kExecveCloses, false);
  EXPECT_EQ(ExitStatus(kText), 1) << folder_.Read("said");
}

constexpr std::string_view kThreads[] = {
    R"(
ep = epoll_create1(0)
e  = eventfd(0, EFD_NONBLOCK)
epoll_ctl(ep, ADD, e, IN|ET, 0x1)
T1 epoll_wait(ep, 8, -1)
T2 epoll_wait(ep, 1, -1)
T3 poll(ep IN|OUT, e OUT|PRI, -1)
T4 epoll_wait(ep, 1, 0)
T3 poll(ep IN, 99 IN, 0)
write(e, u64 1)
T2 epoll_wait(ep, straddling, 8, -1)
T3 epoll_wait(ep, fault@0, 8, -1)
write(e, u64 1)
close(e)
epoll_ctl(ep, DEL, e)
T4 close(ep)
)",
    R"(
r, w = pipe2(0)
f  = eventfd(0, EFD_SEMAPHORE)
T1 read(r, 3)
T2 read(r, fault@2, 3)
T3 read(f, 8)
T4 read(f, misaligned, 8)
T5 select(r R, 0 W, f R, NULL)
T6 select(r R, f R, NULL)
T7 epoll_wait(r, 8, -1)
T8 ppoll(r IN, NULL, gone, 8)
write(f, u64 1)
T9 write(w, 5)
T10 write(f, gone, 8)
prlimit(NOFILE, 0)
T16 write(f, u64 3)
T16 epoll_ctl(r, ADD, f, gone)
close_range(3, -1, 0)
)",
};

TEST_F(ExportTest, ThreadsAreStepped) {
  for (const std::string_view text : kThreads) {
    SCOPED_TRACE(text);
    EXPECT_EQ(ExitStatus(text), 0) << folder_.Read("said");
  }
}

TEST_F(ExportTest, TheCorpusOfThreadsIsMet) {
  int traces = 0;
  for (const char* folder : {"threads", "kselftest"}) {
    for (const auto& entry : std::filesystem::directory_iterator(std::string(POLLUX_CORPUS "/") + folder)) {
      SCOPED_TRACE(entry.path());
      std::ifstream file(entry.path());
      const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      EXPECT_EQ(ExitStatus(text), 0) << folder_.Read("said");
      ++traces;
    }
  }
  EXPECT_GE(traces, 60);
}

TEST_F(ExportTest, WhoIsWokenMatters) {
  model_.rules().Force(Rule::kSleepNewest, false);
  EXPECT_EQ(ExitStatus(kThreads[0]), 1) << folder_.Read("said");
  EXPECT_NE(folder_.Read("said").find("T1 epoll_wait = [IN 0x1]"), std::string::npos) << folder_.Read("said");
}

TEST_F(ExportTest, WhatAWaitReturnsMatters) {
  model_.rules().Force(Rule::kHarvestOneshot, true);
  EXPECT_EQ(ExitStatus("ep = epoll_create1(0)\ne = eventfd(0, 0)\nepoll_ctl(ep, ADD, e, IN, 0x1)\n"
                       "T1 epoll_wait(ep, 8, -1)\nwrite(e, u64 1)\nT1 epoll_wait(ep, 8, -1)\n"),
            1);
  EXPECT_NE(folder_.Read("said").find("lets this thread return: 1"), std::string::npos) << folder_.Read("said");
}

TEST_F(ExportTest, ThreadsSleepBeside32BitCallers) {
  constexpr std::string_view kText = R"(
ep = epoll_create1(0)
e  = eventfd(0, EFD_NONBLOCK)
i386: epoll_ctl(ep, ADD, e, IN|ET, 0x1)
T1 epoll_wait(ep, fault@1, 8, -1)
T2 epoll_wait(ep, 8, -1)
i386: write(e, u64 1)
i386: epoll_wait(ep, fault@0, 8, 0)
i386: read(e, misaligned, 8)
)";
  const int status = ExitStatus(kText, "-pthread -no-pie");
  EXPECT_TRUE(status == 0 || status == 2) << folder_.Read("said");  // 2: no calls of 32-bit processes here
  model_.rules().Force(Rule::kSleepNewest, false);
  EXPECT_EQ(ExitStatus(kText, "-pthread -no-pie"), status == 0 ? 1 : 2) << folder_.Read("said");
}

TEST_F(ExportTest, WithoutRealTimePriorityThreadsAreSeenToSleep) {
  constexpr std::string_view kOneSleeper =
      "ep = epoll_create1(0)\ne = eventfd(0, 0)\nepoll_ctl(ep, ADD, e, IN, 0x1)\nT1 epoll_wait(ep, 8, -1)\n"
      "T2 write(e, u64 1)\nT2 read(e, 8)\nT2 read(e, 8)\n";
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ExitStatusWithoutRealTime(kOneSleeper), 0);
  // Who runs first is the scheduler's to say: then there is no verdict.
  for (const std::string_view text : kThreads) {
    const int status = ExitStatusWithoutRealTime(text);
    EXPECT_TRUE(status == 0 || status == 2) << status;
  }
  model_.rules().Force(Rule::kWakeCallback, false);
  EXPECT_EQ(ExitStatusWithoutRealTime(kOneSleeper), 1);
}

TEST_F(ExportTest, AFifoIsMadeOrThereIsNoVerdict) {
  const int status = ExitStatus(
      "f = fifo(0)\nreopen(f, O_WRONLY|O_NONBLOCK)\nreopen(f, O_WRONLY) = blocked\nr = reopen(f, O_NONBLOCK)\n"
      "poll(r IN, 0)\nw = reopen(f, O_WRONLY)\nclose(w)\npoll(r IN, 0)\n");
  EXPECT_TRUE(status == 0 || status == 2) << folder_.Read("said");
}

TEST_F(ExportTest, AProgramNoticesADifferenceAndNamesTheOp) {
  model_.rules().Force(Rule::kPipeHup, false);
  EXPECT_EQ(ExitStatus("r, w = pipe2(O_NONBLOCK)\nclose(w)\npoll(r IN, 0)\n"), 1);
  EXPECT_NE(folder_.Read("said").find("differs from Linux in op 3"), std::string::npos) << folder_.Read("said");
  EXPECT_NE(folder_.Read("said").find("poll(r IN, 0) = [0]"), std::string::npos) << folder_.Read("said");
}

TEST_F(ExportTest, ACallThatSleepsIsADifference) {
  model_.rules().Force(Rule::kPipeEof, true);
  EXPECT_EQ(ExitStatus("r, w = pipe2(0)\nread(r, 5)\n"), 1);
}

TEST_F(ExportTest, ATestPassesOnLinux) {
  for (const std::string_view text : {kTraces[0], kThreads[0], kThreads[1]}) {
    const std::string program = Export(&model_, Parsed(text), ExportAs::kGtest, "wait-missing 1");
    EXPECT_NE(program.find("TEST(Pollux, WaitMissing1)"), std::string::npos);
    folder_.Write("t.cc", program);
    const std::string at = "cd " + folder_.path() + " && ";
    ASSERT_EQ(System(at + "g++ -std=c++17 -Wall -Wextra -Werror -pthread -o t t.cc -lgtest -lgtest_main 2>compiler"), 0)
        << folder_.Read("compiler") << program;
    EXPECT_EQ(System(at + "./t >said"), 0) << folder_.Read("said");
  }
}

TEST_F(ExportTest, TheQuotaIsFilledOrThereIsNoVerdict) {
  const int status = ExitStatus(
      "ep = epoll_create1(0)\na = eventfd(0, 0)\nb = eventfd(0, 0)\nepoll_ctl(ep, ADD, a, IN, 0)\nwatches(1)\n"
      "epoll_ctl(ep, ADD, b, IN, 0)\nc = dup(a)\nepoll_ctl(ep, ADD, c, IN, 0)\nepoll_ctl(ep, DEL, a)\n"
      "epoll_ctl(ep, ADD, c, IN, 0)\n");
  EXPECT_TRUE(status == 0 || status == 2) << folder_.Read("said");
  if (status == 2) EXPECT_NE(folder_.Read("said").find("no verdict"), std::string::npos);
}

}  // namespace
}  // namespace pollux
