// Targets elsewhere: the real agent beside native, and agents that misbehave, which this program plays itself.

#include "oracle/remote.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/abi.h"
#include "model/model.h"
#include "model/text.h"
#include "oracle/checker.h"
#include "oracle/files.h"

namespace pollux {
namespace {

// --- Agents that misbehave -------------------------------------------------------------------------------------------

class FakeAgent {
 public:
  explicit FakeAgent(std::string how) : how_(std::move(how)) {}

  int Main() {
    std::string version;
    PayloadWriter(&version).Number(how_ == "old" ? kProtocol + 1 : kProtocol);
    Send(FrameType::kReady, 0, version);
    if (how_ == "leaves") return 7;
    char buffer[4096];
    for (ssize_t n = 0; (n = read(0, buffer, sizeof buffer)) > 0;) {
      reader_.Add(buffer, static_cast<size_t>(n));
      for (Frame frame; reader_.Next(&frame);) Answer(frame);
    }
    return 0;
  }

 private:
  void Answer(const Frame& frame) {
    if (frame.type == FrameType::kOpen) {
      if (how_ == "foreign") return Send(FrameType::kFailed, frame.id, "another version");
      return Send(FrameType::kOpened, frame.id, ToPayload(AgentInfo{.release = "6.18.0"}));
    }
    if (frame.type == FrameType::kDoubt) return Send(FrameType::kReason, frame.id, std::string(1, '\0'));
    RunRequest run;
    if (!FromPayload(frame.payload, &run)) return;
    std::string payload;
    for (const Op& op : run.ops) {
      Outcome outcome;
      if (op.call == Call::kWrite) {
        if (how_ == "dies") {
          const char words[] = "Oops: the fake kernel is no more\n";
          (void)!write(2, words, sizeof words - 1);
          abort();
        }
        if (how_ == "hangs") outcome.kind = Outcome::kHung;
        if (how_ == "is-silent") return;
      }
      if (op.call == Call::kEventfd) outcome.Value(3);
      AppendOutcome(outcome, &payload);
      if (outcome.kind == Outcome::kHung) {
        Send(FrameType::kDone, frame.id, payload);
        _exit(3);
      }
    }
    Send(FrameType::kDone, frame.id, payload);
  }

  void Send(FrameType type, uint32_t id, const std::string& payload) {
    std::string stream;
    if (how_ == "is-noisy") stream = "[    0.1] a console speaks\r\n\xf5Plx";
    AppendFrame(type, id, payload, &stream);
    (void)!write(1, stream.data(), stream.size());
  }

  std::string how_;
  FrameReader reader_;
};

std::string Self() { return std::filesystem::read_symlink("/proc/self/exe"); }

absl::StatusOr<std::unique_ptr<Target>> Fake(const std::string& how, int deadline_ms = 1000) {
  TargetOptions options;
  options.deadline_ms = deadline_ms;
  return OpenTarget(absl::StrCat("exec:exec ", Self(), " --agent ", how), options);
}

Op Eventfd() { return {.call = Call::kEventfd}; }
Op Write() { return {.call = Call::kWrite, .arg = {Fd::Literal(3).bits(), Memory().bits(), 8, 1}}; }

Outcome Do(Target& target, const Op& op) {
  Outcome out;
  target.Run(op, &out);
  return out;
}

TEST(Remote, SaysWhyThereIsNoAgent) {
  const auto reason = [](const absl::StatusOr<std::unique_ptr<Target>>& target) {
    EXPECT_EQ(target.status().code(), absl::StatusCode::kUnavailable);
    return std::string(target.status().message());
  };
  EXPECT_NE(reason(Fake("old")).find("speaks version 2 of the protocol, and Pollux version 1"), std::string::npos);
  EXPECT_NE(reason(Fake("foreign")).find("its agent says: another version"), std::string::npos);
  EXPECT_NE(reason(Fake("leaves")).find("ended with exit status 7"), std::string::npos);
  EXPECT_NE(reason(OpenTarget("exec:echo no such board >&2; exit 9")).find("exit status 9: no such board"),
            std::string::npos);
  EXPECT_EQ(OpenTarget("exec:").status().code(), absl::StatusCode::kNotFound);
}

TEST(Remote, FindsAnswersInNoise) {
  auto target = Fake("is-noisy");
  ASSERT_TRUE(target.ok()) << target.status();
  (*target)->Reset();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Do(**target, Eventfd()).value[0], 3);
  EXPECT_EQ((*target)->deaths(), 0u);
}

TEST(Remote, ADeathIsTheOpsThatCausesIt) {
  auto target = Fake("dies");
  ASSERT_TRUE(target.ok()) << target.status();
  Target& t = **target;
  for (int round = 0; round < 2; ++round) {
    t.Reset();
    EXPECT_EQ(Do(t, Eventfd()).kind, Outcome::kValues);
    EXPECT_EQ(Do(t, Write()).kind, Outcome::kDied);
    EXPECT_EQ(Do(t, Eventfd()).kind, Outcome::kDied);  // until the next Reset
    EXPECT_NE(t.last_words().find("the fake kernel is no more"), std::string::npos) << t.last_words();
  }
  t.Reset();
  EXPECT_EQ(Do(t, Eventfd()).kind, Outcome::kValues);
}

// Of several traces that are under way, the one that kills is found.
TEST(Remote, ADeathAmongTracesRunAhead) {
  auto target = Fake("dies");
  ASSERT_TRUE(target.ok()) << target.status();
  Target& t = **target;
  Outcome made, wrote;
  made.Value(3), wrote.Value(8);
  const std::vector<Op> harmless = {Eventfd(), Eventfd()}, deadly = {Eventfd(), Write()};
  const std::vector<Outcome> two = {made, made}, last = {made, wrote};
  const uint32_t first = t.Foresee(harmless, two), second = t.Foresee(deadly, last), third = t.Foresee(harmless, two);
  t.ResetTo(first);
  for (const Op& op : harmless) EXPECT_EQ(Do(t, op).value[0], 3);
  t.ResetTo(second);
  EXPECT_EQ(Do(t, Eventfd()).value[0], 3);
  EXPECT_EQ(Do(t, Write()).kind, Outcome::kDied);
  t.ResetTo(third);
  for (const Op& op : harmless) EXPECT_EQ(Do(t, op).value[0], 3);
}

TEST(Remote, HangsAndSilence) {
  auto target = Fake("hangs");
  ASSERT_TRUE(target.ok()) << target.status();
  Target& t = **target;
  t.Reset();
  EXPECT_EQ(Do(t, Eventfd()).kind, Outcome::kValues);
  EXPECT_EQ(Do(t, Write()).kind, Outcome::kHung);
  EXPECT_EQ(Do(t, Eventfd()).kind, Outcome::kHung);
  t.Reset();
  EXPECT_EQ(Do(t, Eventfd()).kind, Outcome::kValues);
  EXPECT_EQ(t.deaths(), 0u);
}

TEST(Remote, SilenceIsAHang) {
  auto target = Fake("is-silent", 10);
  ASSERT_TRUE(target.ok()) << target.status();
  (*target)->Reset();
  EXPECT_EQ(Do(**target, Write()).kind, Outcome::kHung);
  (*target)->Reset();
  EXPECT_EQ(Do(**target, Eventfd()).kind, Outcome::kValues);
}

// --- The agent -------------------------------------------------------------------------------------------------------

std::vector<Trace> Corpus(const std::string& folder) {
  std::vector<Trace> traces;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(POLLUX_CORPUS "/" + folder)) paths.push_back(entry);
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    const absl::StatusOr<std::string> text = ReadFile(path);
    ParseError error;
    traces.emplace_back();
    EXPECT_TRUE(text.ok() && Parse(*text, path.string(), &traces.back(), &error)) << error.message();
  }
  return traces;
}

class Agent : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    auto target = OpenTarget(absl::StrCat("exec:echo $$ >", folder_, "/pid; exec ", POLLUX_AGENT_PROGRAM));
    if (target.status().code() == absl::StatusCode::kUnavailable) {
      GTEST_SKIP() << std::string(target.status().message());
    }
    ASSERT_TRUE(target.ok()) << target.status();
    target_ = *std::move(target);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Kill() const {
    pid_t pid = 0;
    std::ifstream(absl::StrCat(folder_, "/pid")) >> pid;
    ASSERT_GT(pid, 1);
    kill(pid, SIGKILL);
  }

  std::string folder_ = testing::TempDir() + "pollux-agent-" + std::to_string(getpid());
  std::unique_ptr<Target> target_;
};

// What native does, the agent says: values, records, payloads, threads, and what is lacking.
TEST_F(Agent, DoesAsNative) {
  auto native = OpenTarget("native");
  ASSERT_TRUE(native.ok()) << native.status();
  EXPECT_EQ(target_->profile().name, (*native)->profile().name);
  EXPECT_TRUE(std::ranges::equal(target_->probed(), (*native)->probed()));
  for (size_t c = 0; c < kCalls; ++c) {
    const char* here = (*native)->Lacks(static_cast<Call>(c));
    const char* there = target_->Lacks(static_cast<Call>(c));
    EXPECT_STREQ(here, there);
  }
  Model model(target_->profile(), target_->facts());
  Checker near(native->get(), &model), far(target_.get(), &model);
  for (const char* folder : {"golden", "threads"}) {
    for (const Trace& trace : Corpus(folder)) {
      std::vector<Op> ops = trace.ops, same = trace.ops;
      std::vector<Outcome> here, there;
      const Verdict verdict = near.Run(&ops, {.observe_fdinfo = true}, &here);
      EXPECT_EQ(far.Run(&same, {.observe_fdinfo = true}, &there).value, verdict.value);
      EXPECT_EQ(here, there) << Print(trace, there);
    }
  }
  EXPECT_EQ(target_->Doubt(), Reason::kNone);
}

// One op at a time, as for whom nothing was foreseen.
TEST_F(Agent, AnswersOpByOp) {
  Model model(target_->profile(), target_->facts());
  for (const Trace& trace : Corpus("golden")) {
    Bindings bindings;
    Outcome allowed, observed;
    target_->Reset();
    model.Reset();
    for (const Op& op : trace.ops) {
      const Op resolved = bindings.Resolve(op);
      model.Run(resolved, &allowed);
      target_->Run(resolved, &observed);
      EXPECT_TRUE(Agrees(allowed, observed)) << PrintOp(resolved) << PrintOutcome(resolved, observed);
      bindings.Bind(op, observed);
    }
  }
}

// Where something else happens than was foreseen, nothing behind it is executed.
TEST_F(Agent, StopsWhereItWasNotForeseen) {
  Outcome made, seven;
  made.Value(3), seven.Value(7);
  Outcome wrote;
  wrote.Value(8);
  const std::vector<Op> ops = {Eventfd(), Eventfd(), Write()};
  target_->ResetTo(target_->Foresee(ops, std::vector<Outcome>{made, seven, wrote}));
  EXPECT_EQ(Do(*target_, ops[0]).value[0], 3);
  EXPECT_EQ(Do(*target_, ops[1]).value[0], 4);
  const Op read = {.call = Call::kRead, .arg = {Fd::Literal(3).bits(), Memory().bits(), 8}};
  const Op fill = {.call = Call::kWrite, .arg = {Fd::Literal(4).bits(), Memory().bits(), 8, 5}};
  const Op other = {.call = Call::kRead, .arg = {Fd::Literal(4).bits(), Memory().bits(), 8}};
  EXPECT_EQ(Do(*target_, fill).value[0], 8);
  EXPECT_EQ(Do(*target_, other).payload, 5u);
  EXPECT_EQ(Do(*target_, Write()).value[0], 8);
  EXPECT_EQ(Do(*target_, read).payload, 1u);
}

TEST_F(Agent, KilledInMidTraceGoesOn) {
  target_->Reset();
  EXPECT_EQ(Do(*target_, Eventfd()).value[0], 3);
  EXPECT_EQ(Do(*target_, Write()).value[0], 8);
  Kill();
  const Op read = {.call = Call::kRead, .arg = {Fd::Literal(3).bits(), Memory().bits(), 8}};
  EXPECT_EQ(Do(*target_, read).payload, 1u);
  EXPECT_EQ(target_->deaths(), 1u);
  EXPECT_EQ(Do(*target_, Eventfd()).value[0], 4);
  // Between traces, and among those that are under way.
  Kill();
  target_->Reset();
  EXPECT_EQ(Do(*target_, Eventfd()).value[0], 3);
  const std::vector<Op> ops = {Eventfd()};
  std::vector<Outcome> made(1);
  made[0].Value(3);
  std::vector<uint32_t> foreseen;
  for (int i = 0; i < 20; ++i) foreseen.push_back(target_->Foresee(ops, made));
  Kill();
  for (const uint32_t id : foreseen) {
    target_->ResetTo(id);
    EXPECT_EQ(Do(*target_, ops[0]).value[0], 3);
  }
}

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--agent") return pollux::FakeAgent(argv[2]).Main();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
