// The targets: native with its facts and its own thread, the model as a target, and the names they have.

#include "oracle/native.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <initializer_list>
#include <set>
#include <string>
#include <thread>

#include "model/abi.h"
#include "oracle/facts.h"
#include "oracle/model_target.h"
#include "oracle/own_thread.h"
#include "oracle/quirk_probe.h"

namespace pollux {
namespace {

uint64_t N(int32_t fd) { return Fd::Literal(fd).bits(); }

Op Make(Call call, std::initializer_list<uint64_t> args = {}) {
  Op op = {.call = call};
  std::copy(args.begin(), args.end(), op.arg.begin());
  return op;
}

Outcome Do(Target& target, Call call, std::initializer_list<uint64_t> args = {}) {
  Outcome out;
  target.Run(Make(call, args), &out);
  return out;
}

std::unique_ptr<Target> Open(std::string_view name, const TargetOptions& options = {}) {
  auto target = OpenTarget(name, options);
  EXPECT_TRUE(target.ok()) << target.status();
  return target.ok() ? *std::move(target) : nullptr;
}

// The descriptors of this thread.
std::set<std::string> Descriptors() {
  std::set<std::string> names;
  DIR* dir = opendir("/proc/thread-self/fd");
  for (const dirent* e = readdir(dir); e != nullptr; e = readdir(dir)) names.insert(e->d_name);
  for (const std::string& own : {std::string("."), std::string(".."), std::to_string(dirfd(dir))}) names.erase(own);
  closedir(dir);
  return names;
}

TEST(Targets, AreOpenedByName) {
  EXPECT_EQ(Open("native")->name(), "native");
  const auto model = Open("model:linux-6.1");
  EXPECT_EQ(model->name(), "model:linux-6.1");
  EXPECT_EQ(model->profile().name, "linux-6.1");
  EXPECT_EQ(OpenTarget("navite").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(OpenTarget("model:linux-9.9").status().code(), absl::StatusCode::kNotFound);
}

TEST(Targets, ModelAndNativeGiveTheSameNumbersAndSkipTheSameOps) {
  for (const char* name : {"native", "model:linux-6.18"}) {
    const auto target = Open(name);
    target->Reset();
    EXPECT_EQ(Do(*target, Call::kEpollCreate1).value[0], 3) << name;
    EXPECT_EQ(Do(*target, Call::kEventfd, {1, kONonblock}).value[0], 4) << name;
    EXPECT_EQ(Do(*target, Call::kEpollCtl, {N(3), kCtlAdd, N(4), 0, kIn, 5}).value[0], 0) << name;
    const Outcome wait = Do(*target, Call::kEpollWait, {N(3), 0, 8, 0});
    EXPECT_EQ(wait.records, (std::vector<Record>{{kIn, 0, 5}})) << name;
    EXPECT_EQ(Do(*target, Call::kClose, {N(1)}).kind, Outcome::kSkipped) << name;
    target->Reset();
    EXPECT_EQ(Do(*target, Call::kClose, {N(3)}).error, kEBADF) << name;
  }
}

TEST(Native, TakesNothingFromTheCallersThread) {
  const std::set<std::string> before = Descriptors();
  {
    const auto target = Open("native");
    target->Reset();
    EXPECT_EQ(Do(*target, Call::kEventfd).value[0], 3);
    EXPECT_EQ(Do(*target, Call::kPrlimit, {0}).value[0], 0);
  }
  EXPECT_EQ(Descriptors(), before);
  const int fd = open("/dev/null", O_RDONLY);
  EXPECT_GE(fd, 0);  // and the limit is back
  close(fd);
}

TEST(Native, OnTheCallingThreadTheTableIsEmptyFrom3) {
  std::thread([] {
    TargetOptions options;
    options.own_thread = false;
    const auto target = Open("native", options);
    target->Reset();
    EXPECT_EQ(Descriptors(), (std::set<std::string>{"0", "1", "2"}));
    EXPECT_EQ(Do(*target, Call::kEpollCreate1).value[0], 3);
    EXPECT_EQ(Descriptors(), (std::set<std::string>{"0", "1", "2", "3"}));
  }).join();
}

TEST(Native, ABlockedCallComesHomeOnEitherKindOfThread) {
  for (const bool own_thread : {true, false}) {
    std::thread([own_thread] {
      TargetOptions options;
      options.own_thread = own_thread;
      options.deadline_ms = 60;
      const auto target = Open("native", options);
      target->Reset();
      EXPECT_EQ(Do(*target, Call::kPrlimit, {4}).value[0], 0);  // the watcher needs no number
      EXPECT_EQ(Do(*target, Call::kEpollCreate1).value[0], 3);
      EXPECT_EQ(Do(*target, Call::kEpollWait, {N(3), 0, 8, static_cast<uint64_t>(-1)}).kind, Outcome::kBlocked);
      EXPECT_EQ(Do(*target, Call::kEpollWait, {N(3), 0, 8, 1}).kind, Outcome::kRecords);
    }).join();
  }
}

// A target whose ops never return.
class Hanging : public Target {
 public:
  explicit Hanging(CallMark* mark) : mark_(mark) { mark->Here(); }
  std::string name() const override { return "hanging"; }
  const Profile& profile() const override { return profile_; }
  const Facts& facts() const override { return facts_; }
  const char* Lacks(Call) const override { return nullptr; }
  void Reset() override {}
  void Run(const Op& op, Outcome* out) override {
    out->Value(7);
    if (op.call != Call::kEpollWait) return;
    mark_->Enter();
    for (;;) pause();
  }

 private:
  CallMark* mark_;
  Profile profile_;
  Facts facts_;
};

TEST(OwnThread, GivesUpACallThatCannotBeBroughtHome) {
  struct sigaction ignore = {}, before;
  ignore.sa_handler = SIG_IGN;
  sigaction(Exec::PokeSignal(), &ignore, &before);
  auto opened = OwnThread::Open(
      [](CallMark* mark) -> absl::StatusOr<std::unique_ptr<Target>> { return std::make_unique<Hanging>(mark); }, 40);
  ASSERT_TRUE(opened.ok());
  Target& target = **opened;
  EXPECT_EQ(Do(target, Call::kClose).value[0], 7);
  EXPECT_EQ(Do(target, Call::kEpollWait).kind, Outcome::kHung);
  EXPECT_EQ(Do(target, Call::kClose).kind, Outcome::kHung);
  target.Reset();
  EXPECT_EQ(Do(target, Call::kClose).value[0], 7);
  sigaction(Exec::PokeSignal(), &before, nullptr);
}

TEST(Native, ItsProfileFollowsFromTheRelease) {
  const auto target = Open("native");
  EXPECT_TRUE(target->profile().name.starts_with("linux-")) << target->profile().name;
  for (size_t q = 0; q < kQuirks; ++q) {
    EXPECT_NE(target->profile().quirk[q], Setting::kOpen) << Info(static_cast<Quirk>(q)).id;
  }
}

// Answers as another release.
std::unique_ptr<Target> ModelOf(Profile profile, Quirk quirk, Setting setting) {
  profile.quirk[static_cast<size_t>(quirk)] = setting;
  return std::make_unique<ModelTarget>("model", profile);
}

TEST(QuirkProbe, EveryQuirkThatIsOpenSomewhereIsDecidedByItsWitness) {
  for (const Profile& profile : Profiles()) {
    for (size_t q = 0; q < kQuirks; ++q) {
      if (profile.quirk[q] != Setting::kOpen) continue;
      const Quirk quirk = static_cast<Quirk>(q);
      for (const Setting truth : {Setting::kOn, Setting::kOff}) {
        const auto target = ModelOf(profile, quirk, truth);
        EXPECT_EQ(Shows(target.get(), profile, target->facts(), quirk), truth == Setting::kOn)
            << profile.name << " " << Info(quirk).id;
      }
    }
  }
}

TEST(QuirkProbe, ClosesAProfile) {
  Profile profile;
  ASSERT_TRUE(FindProfile("linux-5.10", &profile));
  const auto target = ModelOf(profile, Quirk::kDepthBelowFour, Setting::kOn);
  const std::vector<Quirk> probed = ProbeOpenQuirks(target.get(), target->facts(), &profile);
  EXPECT_FALSE(probed.empty());
  EXPECT_TRUE(profile[Quirk::kDepthBelowFour]);
  for (const Setting setting : profile.quirk) EXPECT_NE(setting, Setting::kOpen);
}

TEST(Native, LacksOnlyWhatItCanSayWhyOf) {
  const auto target = Open("native");
  target->Reset();
  for (size_t c = 0; c < kCalls; ++c) {
    const char* why = target->Lacks(static_cast<Call>(c));
    EXPECT_TRUE(why == nullptr || *why != 0) << Spec(static_cast<Call>(c)).name;
  }
  EXPECT_EQ(target->Lacks(Call::kEpollWait), nullptr);
  EXPECT_EQ(target->Lacks(Call::kFdinfo), nullptr);
}

TEST(Facts, MeasuringTwiceGivesTheSame) {
  const auto target = Open("native");
  EXPECT_EQ(target->Doubt(), Reason::kNone);
  for (const auto& [key, value] : PrintFacts(target->facts())) std::cout << "% fact " << key << " " << value << "\n";
}

TEST(Facts, ChargesGrowStepByStep) {
  const Facts facts = MeasureFacts();
  ASSERT_GE(facts.unix_charge.size(), 3u);
  for (size_t i = 1; i < facts.unix_charge.size(); ++i) {
    EXPECT_GT(facts.unix_charge[i].bytes, facts.unix_charge[i - 1].bytes);
    EXPECT_GT(facts.unix_charge[i].charge, facts.unix_charge[i - 1].charge);
    EXPECT_GT(facts.unix_charge[i].charge, facts.unix_charge[i].bytes);
  }
  EXPECT_GE(facts.pipe_slots, 1);
  EXPECT_GE(facts.pipe_max_slots, 1);
}

// What an op waits for, it waits for under any limit: poll(2) is EINVAL where there may be no descriptors.
TEST(Native, AwaitsAChildsEndAndATimerWhereNoDescriptorMayBeOpened) {
  const auto native = Open("native");
  if (native->Lacks(Call::kChild) != nullptr) GTEST_SKIP() << native->Lacks(Call::kChild);
  for (int round = 0; round < 200; ++round) {
    native->Reset();
    Do(*native, Call::kEpollCreate1);
    ASSERT_EQ(Do(*native, Call::kChild).value[0], 4);
    ASSERT_EQ(Do(*native, Call::kTimerfdCreate, {kClockMonotonic, kONonblock}).value[0], 5);
    Do(*native, Call::kEpollCtl, {N(3), kCtlAdd, N(4), Memory().bits(), kIn, 1});
    Do(*native, Call::kEpollCtl, {N(3), kCtlAdd, N(5), Memory().bits(), kIn, 2});
    Do(*native, Call::kPrlimit, {0});
    Do(*native, Call::kExitChild, {N(4)});
    Do(*native, Call::kTimerfdSettime, {N(5), kTfdTimerAbstime, 0, 1});
    EXPECT_EQ(Do(*native, Call::kEpollWait, {N(3), Memory().bits(), 8, 0}).records.size(), 2u);
  }
}

}  // namespace
}  // namespace pollux
