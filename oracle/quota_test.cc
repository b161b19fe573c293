// The quota op and the guardian of the sysctl. Needs root; where the limit is high it is lowered for a moment, as a
// campaign with --allow-sysctl does.

#include "oracle/quota.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "model/abi.h"
#include "oracle/guardian.h"
#include "oracle/target.h"

namespace pollux {
namespace {

uint64_t N(int32_t fd) { return Fd::Literal(fd).bits(); }

int64_t Do(Target& target, Call call, std::initializer_list<uint64_t> args = {}) {
  Op op = {.call = call};
  std::copy(args.begin(), args.end(), op.arg.begin());
  Outcome out;
  target.Run(op, &out);
  if (out.kind == Outcome::kError) return -out.error;
  EXPECT_EQ(out.kind, Outcome::kValues) << (out.note == nullptr ? "" : out.note);
  return out.value[0];
}

constexpr int64_t kSkippedOp = -1000;
int64_t Watches(Target& target, int64_t n) {
  Op op = {.call = Call::kWatches};
  op.arg[0] = static_cast<uint64_t>(n);
  Outcome out;
  target.Run(op, &out);
  return out.kind == Outcome::kSkipped ? kSkippedOp : out.value[0];
}

// An epoll 3 and an eventfd 4, and dups of it up to `last`.
void Prepare(Target& target, int last) {
  target.Reset();
  ASSERT_EQ(Do(target, Call::kEpollCreate1), 3);
  ASSERT_EQ(Do(target, Call::kEventfd), 4);
  for (int fd = 5; fd <= last; ++fd) ASSERT_EQ(Do(target, Call::kDup, {N(4)}), fd);
}
int64_t Add(Target& target, int fd) { return Do(target, Call::kEpollCtl, {N(3), kCtlAdd, N(fd), 0, kIn, 0}); }
int64_t Del(Target& target, int fd) { return Do(target, Call::kEpollCtl, {N(3), kCtlDel, N(fd)}); }

class QuotaTest : public testing::Test {
 protected:
  void SetUp() override {
    before_ = MaxUserWatches();
    TargetOptions options;
    options.allow_sysctl = true;
    auto target = OpenTarget("native", options);
    ASSERT_TRUE(target.ok()) << target.status();
    target_ = *std::move(target);
    if (const char* why = target_->Lacks(Call::kWatches)) GTEST_SKIP() << why;
  }
  void TearDown() override {
    target_ = nullptr;
    EXPECT_GE(MaxUserWatches(), before_);
  }

  int64_t before_ = 0;
  std::unique_ptr<Target> target_;
};

TEST_F(QuotaTest, ExactlySoManyFit) {
  Target& t = *target_;
  for (const int n : {0, 1, 2, 7, 100, 3}) {
    Prepare(t, 120);
    EXPECT_EQ(Watches(t, n), 0);
    for (int i = 0; i < n; ++i) EXPECT_EQ(Add(t, 4 + i), 0) << i;
    EXPECT_EQ(Add(t, 4 + n), -kENOSPC);
    if (n == 0) continue;
    // What goes, goes at once, by whichever way.
    EXPECT_EQ(Del(t, 4), 0);
    EXPECT_EQ(Add(t, 4 + n), 0);
    EXPECT_EQ(Add(t, 4), -kENOSPC);
    EXPECT_EQ(Do(t, Call::kClose, {N(3)}), 0);
    EXPECT_EQ(Do(t, Call::kEpollCreate1), 3);
    for (int i = 0; i < n; ++i) EXPECT_EQ(Add(t, 4 + i), 0) << i;
    EXPECT_EQ(Add(t, 4 + n), -kENOSPC);
  }
}

TEST_F(QuotaTest, CountsFromWhereItStands) {
  Target& t = *target_;
  Prepare(t, 40);
  for (int fd = 4; fd < 14; ++fd) EXPECT_EQ(Add(t, fd), 0);
  EXPECT_EQ(Watches(t, 2), 0);
  EXPECT_EQ(Add(t, 14), 0);
  EXPECT_EQ(Watches(t, 2), 0);
  EXPECT_EQ(Add(t, 15), 0);
  EXPECT_EQ(Add(t, 16), 0);
  EXPECT_EQ(Add(t, 17), -kENOSPC);
  EXPECT_EQ(Add(t, 4), -kEEXIST);  // R7.2: after EEXIST
  // An op that cannot be done leaves the quota as it was.
  EXPECT_EQ(Watches(t, 0x7fffffff), kSkippedOp);
  EXPECT_EQ(Watches(t, -1), kSkippedOp);
  EXPECT_EQ(Add(t, 17), -kENOSPC);
}

TEST_F(QuotaTest, TheNextTraceDoesNotFeelIt) {
  Target& t = *target_;
  Prepare(t, 5);
  EXPECT_EQ(Watches(t, 0), 0);
  EXPECT_EQ(Add(t, 4), -kENOSPC);
  Prepare(t, 1000);
  for (int fd = 4; fd <= 1000; ++fd) ASSERT_EQ(Add(t, fd), 0) << fd;
}

TEST_F(QuotaTest, MovesInTheTimeOfWhatDiffers) {
  using Clock = std::chrono::steady_clock;
  const auto us = [](Clock::duration d) { return std::chrono::duration_cast<std::chrono::microseconds>(d).count(); };
  Target& t = *target_;
  Prepare(t, 20);
  const auto start = Clock::now();
  EXPECT_EQ(Watches(t, 0), 0);
  const auto filled = Clock::now();
  for (int i = 0; i < 100; ++i) {
    t.Reset();
    EXPECT_EQ(Watches(t, i % 8), 0);
    Prepare(t, 20);
    for (int fd = 4; fd <= 20; ++fd) ASSERT_EQ(Add(t, fd), 0);
  }
  const auto end = Clock::now();
  std::cout << "filling: " << us(filled - start) << " us, then two traces: " << us(end - filled) / 100 << " us\n";
  EXPECT_LT(us(end - filled) / 100, us(filled - start));
}

TEST_F(QuotaTest, TwoJobsDoNotShareTheirs) {
  TargetOptions options;
  options.allow_sysctl = true;
  options.own_thread = false;
  options.job = 0;  // the same job of another campaign
  Target& t = *target_;
  Prepare(t, 10);
  EXPECT_EQ(Watches(t, 1), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto other = OpenTarget("native", options);
    if (!other.ok()) _exit(2);
    Prepare(**other, 10);
    const bool good =
        Watches(**other, 2) == 0 && Add(**other, 4) == 0 && Add(**other, 5) == 0 && Add(**other, 6) == -kENOSPC;
    _exit(good ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Add(t, 4), 0);
  EXPECT_EQ(Add(t, 5), -kENOSPC);
}

// --- The guardian ----------------------------------------------------------------------------------------------------

class GuardianTest : public testing::Test {
 protected:
  void SetUp() override {
    before_ = MaxUserWatches();
    std::string why;
    LoweredWatches probe;
    if (before_ <= kAffordableWatches) GTEST_SKIP() << "the limit is low, or already lowered";
    if (!probe.Acquire(&why)) GTEST_SKIP() << why;
  }
  // The old value comes back soon after a holder was killed.
  bool Back() const {
    for (int i = 0; i < 500 && MaxUserWatches() != before_; ++i) usleep(10'000);
    return MaxUserWatches() == before_;
  }

  int64_t before_ = 0;
};

TEST_F(GuardianTest, IsLowWhileAnyoneHoldsIt) {
  EXPECT_EQ(MaxUserWatches(), before_);
  std::string why;
  auto first = std::make_unique<LoweredWatches>(), second = std::make_unique<LoweredWatches>();
  ASSERT_TRUE(first->Acquire(&why)) << why;
  const int64_t low = MaxUserWatches();
  EXPECT_GE(low, kLowestWatches);
  EXPECT_LT(low, before_);
  ASSERT_TRUE(second->Acquire(&why)) << why;
  first = nullptr;
  EXPECT_EQ(MaxUserWatches(), low);
  second = nullptr;
  EXPECT_EQ(MaxUserWatches(), before_);
}

TEST_F(GuardianTest, ComesBackAfterSigkillInTheMiddle) {
  TargetOptions options;
  options.allow_sysctl = true;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  pid_t children[2];
  for (pid_t& child : children) {
    child = fork();
    if (child == 0) {
      auto target = OpenTarget("native", options);
      if (!target.ok()) _exit(2);
      Prepare(**target, 10);
      for (int i = 0;; ++i) {
        Watches(**target, i % 8);
        if (i == 3 && write(ready[1], "", 1) != 1) _exit(3);
      }
    }
  }
  char byte;
  for (int i = 0; i < 2; ++i) ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_LT(MaxUserWatches(), before_);
  kill(children[0], SIGKILL);
  waitpid(children[0], nullptr, 0);
  usleep(50'000);
  EXPECT_LT(MaxUserWatches(), before_);  // the other still needs it
  kill(children[1], SIGKILL);
  waitpid(children[1], nullptr, 0);
  EXPECT_TRUE(Back());
  close(ready[0]), close(ready[1]);
}

TEST_F(GuardianTest, SurvivesHoldersThatComeAndGoAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 25; ++i) {
        std::string why;
        LoweredWatches lowered;
        ASSERT_TRUE(lowered.Acquire(&why)) << why;
        ASSERT_LT(MaxUserWatches(), before_);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(Back());
}

TEST_F(GuardianTest, LeavesAValueThatSomebodyElseHasWritten) {
  std::string why;
  auto lowered = std::make_unique<LoweredWatches>();
  ASSERT_TRUE(lowered->Acquire(&why)) << why;
  const int64_t theirs = before_ - 1;
  std::ofstream("/proc/sys/fs/epoll/max_user_watches") << theirs;
  lowered = nullptr;
  EXPECT_EQ(MaxUserWatches(), theirs);
  std::ofstream("/proc/sys/fs/epoll/max_user_watches") << before_;
}

}  // namespace
}  // namespace pollux
