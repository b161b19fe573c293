// What the corpus must hold: written traces agree with the model and with native, each rule has a trace that shows it,
// each R-number of SPEC.md that the ops can reach has a rule. Reasons for what is missing stand in data files.

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "model/text.h"
#include "oracle/checker.h"
#include "oracle/files.h"
#include "oracle/planted.h"
#include "oracle/target.h"
#include "properties/traces.h"

namespace pollux {
namespace {

// What a file of properties/reasons lists.
std::vector<Listed> Reasons(std::string_view name) {
  absl::StatusOr<std::vector<Listed>> listed = ReadReasons(CorpusPath("../properties/reasons", name));
  EXPECT_TRUE(listed.ok()) << listed.status();
  return listed.ok() ? *listed : std::vector<Listed>();
}

Trace MustRead(const std::string& path) {
  absl::StatusOr<Trace> trace = ReadTrace(path);
  EXPECT_TRUE(trace.ok()) << trace.status();
  return trace.ok() ? *std::move(trace) : Trace();
}

std::string Explain(const Trace& trace, const Verdict& verdict) {
  const Op& op = trace.ops[verdict.op];
  return "op " + std::to_string(verdict.op) + ", " + PrintOps(trace)[verdict.op] + ": allowed " +
         PrintOutcome(op, verdict.allowed) + ", observed " + PrintOutcome(op, verdict.observed);
}

// --- Every trace -------------------------------------------------------------------------------------------------

class CorpusTest : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Folders, CorpusTest,
                         testing::Values("golden", "kselftest", "peers", "quirks", "rules", "suites", "threads"),
                         [](const auto& folder) { return std::string(folder.param); });

TEST_P(CorpusTest, TracesAreInCanonicalFormAndSayEveryOutcome) {
  for (const std::string& path : TraceFiles(GetParam())) {
    const absl::StatusOr<std::string> text = ReadFile(path);
    ASSERT_TRUE(text.ok());
    const Trace trace = MustRead(path);
    EXPECT_EQ(Print(trace), *text) << path << ": the tool `atlas fill` prints it anew";
    ASSERT_FALSE(trace.ops.empty()) << path;
    ASSERT_FALSE(trace.directives.empty()) << path << " names no profile";
    ASSERT_FALSE(trace.directives[0].above.empty()) << path << " has no comment";
    EXPECT_TRUE(trace.directives[0].above[0].starts_with(Stem(path) + ": ")) << path;
    for (size_t i = 0; i < trace.ops.size(); ++i) {
      EXPECT_TRUE(trace.notes[i].expect.written()) << path << ": " << PrintOps(trace)[i];
    }
  }
}

TEST_P(CorpusTest, TheModelAllowsWhatIsWritten) {
  for (const std::string& path : TraceFiles(GetParam())) {
    const Trace trace = MustRead(path);
    absl::StatusOr<Model> model = ModelFor(trace);
    ASSERT_TRUE(model.ok()) << path << ": " << model.status();
    const Verdict verdict = JudgeWritten(&*model, trace);
    EXPECT_EQ(verdict.value, Verdict::kConforms) << path << ": " << Explain(trace, verdict);
  }
}

// A trace that states facts of another machine is the model's alone.
bool FactsOf(const Trace& trace) {
  return std::any_of(trace.directives.begin(), trace.directives.end(),
                     [](const Directive& d) { return d.key == "fact"; });
}

TEST_P(CorpusTest, NativeDoesWhatIsWritten) {
  // Read beforehand: RLIMIT_NOFILE, which traces change, is the process's.
  std::vector<std::pair<std::string, Trace>> traces;
  for (const std::string& path : TraceFiles(GetParam())) traces.emplace_back(path, MustRead(path));
  TargetOptions options;
  options.deadline_ms = 150;
  options.job = 1 + getpid() % 1000;  // tests run side by side
  absl::StatusOr<std::unique_ptr<Target>> native = OpenTarget("native", options);
  if (!native.ok()) GTEST_SKIP() << native.status();
  Model model((*native)->profile(), (*native)->facts());
  Checker checker(native->get(), &model);
  for (auto& [path, trace] : traces) {
    const absl::StatusOr<Model> stated = ModelFor(trace);
    if (!stated.ok() || FactsOf(trace)) continue;
    std::vector<Outcome> outcomes;
    const Verdict verdict = checker.Run(&trace.ops, {}, &outcomes);
    EXPECT_NE(verdict.value, Verdict::kDiverges) << path << ": " << Explain(trace, verdict);
    if (!(stated->profile() == model.profile())) continue;
    for (size_t i = 0; i < outcomes.size(); ++i) {
      if (outcomes[i].kind == Outcome::kSkipped) break;
      EXPECT_TRUE(Holds(trace.notes[i].expect, outcomes[i]))
          << path << ": " << PrintOps(trace)[i] << " gave " << PrintOutcome(trace.ops[i], outcomes[i]);
    }
  }
}

// Without privilege threads are stepped in another way, and their order is not known; what can be run conforms.
TEST(CorpusThreadsTest, NativeDoesWhatIsWrittenWithoutPrivilegeToo) {
  if (geteuid() != 0) GTEST_SKIP() << "there is no privilege to give up";
  std::vector<std::pair<std::string, Trace>> traces;
  for (const char* folder : {"kselftest", "peers", "rules", "suites", "threads"}) {
    for (const std::string& path : TraceFiles(folder)) {
      Trace trace = MustRead(path);
      const auto threaded = [](const Op& op) { return op.thread != 0; };
      if (std::any_of(trace.ops.begin(), trace.ops.end(), threaded)) traces.emplace_back(path, std::move(trace));
    }
  }
  ASSERT_GT(traces.size(), 50u);
  constexpr int kAllGood = 42, kNotHere = 43;
  const pid_t pid = fork();
  if (pid == 0) {
    constexpr uid_t kNobody = 65534;
    if (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
        setresuid(kNobody, kNobody, kNobody) != 0)
      _exit(kNotHere);
    absl::StatusOr<std::unique_ptr<Target>> native = OpenTarget("native");
    if (!native.ok() || (*native)->Threads().level != Stepping::kAnyOrder) _exit(kNotHere);
    Model model((*native)->profile(), (*native)->facts());
    Checker checker(native->get(), &model);
    for (auto& [path, trace] : traces) {
      const Verdict verdict = checker.Run(&trace.ops);
      if (verdict.value == Verdict::kConforms) continue;
      std::fprintf(stderr, "%s: %s\n", path.c_str(), Explain(trace, verdict).c_str());
      _exit(1);
    }
    _exit(checker.ops_run() > 5 * checker.skipped() ? kAllGood : 2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotHere) GTEST_SKIP() << "threads cannot be seen here";
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == kAllGood) << status;
}

TEST(CorpusCoverageTest, TheGoldenTracesAreThere) {
  std::set<std::string> there;
  for (const std::string& path : TraceFiles("golden")) there.insert(Stem(path));
  for (const Listed& l : Reasons("golden-unwritten")) EXPECT_TRUE(there.insert(l.id).second) << l.id << " exists";
  for (int n = 1; n <= 30; ++n) EXPECT_TRUE(there.contains("T" + std::to_string(n))) << "T" << n;
  EXPECT_EQ(there.size(), 30u);
}

// What others check, and where they have failed: cases by the names that their own suites give them.
void ExpectWrittenOrExcused(std::string_view folder, const std::vector<std::string>& cases) {
  std::set<std::string> there;
  for (const std::string& path : TraceFiles(folder)) there.insert(Stem(path));
  for (const Listed& l : Reasons(std::string(folder) + "-unwritten")) {
    EXPECT_TRUE(there.insert(l.id).second) << folder << "/" << l.id << " exists";
  }
  for (const std::string& id : cases) EXPECT_TRUE(there.contains(id)) << folder << "/" << id;
}

void Numbered(std::string_view prefix, int digits, int last, std::vector<std::string>* cases) {
  for (int n = 1; n <= last; ++n) {
    char number[8];
    std::snprintf(number, sizeof number, "%0*d", digits, n);
    cases->push_back(std::string(prefix) + number);
  }
}

// D: divergences that one thread shows, K: what needs more, V: expectations that depend on the release, or are wrong.
TEST(CorpusCoverageTest, EveryKnownDivergenceHasATraceOrAReason) {
  std::vector<std::string> cases;
  Numbered("D", 2, 95, &cases);
  Numbered("K", 2, 31, &cases);
  Numbered("V", 2, 10, &cases);
  ExpectWrittenOrExcused("peers", cases);
}

TEST(CorpusCoverageTest, EveryCaseOfTheKernelsOwnTestHasATraceOrAReason) {
  std::vector<std::string> cases;
  Numbered("epoll", 1, 65, &cases);
  ExpectWrittenOrExcused("kselftest", cases);
}

TEST(CorpusCoverageTest, EveryCaseOfLtpAndGvisorHasATraceOrAReason) {
  std::vector<std::string> cases = {
      "gvisor.AllWritable",          "gvisor.LastReadable",    "gvisor.LastNonWritable",         "gvisor.Timeout",
      "gvisor.EpollPwait2Timeout",   "gvisor.WaitThenUnblock", "gvisor.UnblockWithSignal",       "gvisor.TimeoutNoFds",
      "gvisor.UnblockWithNewFD",     "gvisor.Oneshot",         "gvisor.DoubleEpollOneShot",      "gvisor.EdgeTriggered",
      "gvisor.CycleOfOne",           "gvisor.CycleOfThree",    "gvisor.OneshotAndEdgeTriggered", "gvisor.CloseFile",
      "gvisor.PipeReaderHup",        "gvisor.PipeWriterErr",   "gvisor.DoubleLayerEpoll",        "gvisor.RegularFiles",
      "gvisor.ReadyMutexCircularity"};
  Numbered("ltp.epoll_create", 2, 3, &cases);
  Numbered("ltp.epoll_create1_", 2, 2, &cases);
  Numbered("ltp.epoll_ctl", 2, 7, &cases);
  Numbered("ltp.epoll_wait", 2, 16, &cases);
  Numbered("ltp.epoll_pwait", 2, 6, &cases);
  ExpectWrittenOrExcused("suites", cases);
}

// --- Rules -------------------------------------------------------------------------------------------------------

// The reasons by rule.
std::map<std::string, std::string> ReasonMap(std::string_view name) {
  std::map<std::string, std::string> reasons;
  for (const Listed& l : Reasons(name)) {
    EXPECT_NE(FindRule(l.id), Rule::kNone) << name << " lists " << l.id;
    EXPECT_TRUE(reasons.emplace(l.id, l.reason).second) << name << " lists " << l.id << " twice";
  }
  return reasons;
}

TEST(RuleCorpusTest, EveryRuleHasATraceOrAReason) {
  const std::map<std::string, std::string> unreached = ReasonMap("rules-unreached");
  for (size_t r = 1; r < kRules; ++r) {
    const std::string id(Info(static_cast<Rule>(r)).id);
    const bool trace = std::filesystem::exists(CorpusPath("rules", id + ".trace"));
    EXPECT_NE(trace, unreached.contains(id)) << id << (trace ? " has both a trace and a reason" : " has neither");
  }
}

// Does the trace come out otherwise when the rule is forced to be false? A model without a rule may be out of its world
// (it reads an epoll as if it were a file) or walk for ever: it runs in a child, and its end counts as another outcome.
bool ShowsWithout(Rule rule, const Trace& trace, Model model) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);
    model.rules().Force(rule, false);
    _exit(JudgeWritten(&model, trace).value == Verdict::kConforms ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status != 0;
}

TEST(RuleCorpusTest, ATraceShowsItsRule) {
  // Rules that hold in a trace although no outcome tells.
  const std::map<std::string, std::string> unseen = ReasonMap("rules-unseen");
  for (const std::string& path : TraceFiles("rules")) {
    const Rule rule = FindRule(Stem(path));
    ASSERT_NE(rule, Rule::kNone) << path << " names no rule";
    const Trace trace = MustRead(path);
    absl::StatusOr<Model> model = ModelFor(trace);
    ASSERT_TRUE(model.ok()) << model.status();
    Simulate(&*model, trace.ops);
    EXPECT_TRUE(model->rules().hits()[static_cast<size_t>(rule)]) << path << ": the rule never holds";
    const bool shows = ShowsWithout(rule, trace, *model);
    EXPECT_NE(shows, unseen.contains(Stem(path))) << path << (shows ? ": seen" : ": without the rule nothing changes");
  }
}

// What takes threads to see, a trace of the corpus shows.
// --- Sources -----------------------------------------------------------------------------------------------------

std::vector<std::string> Words(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// The R-numbers that SPEC.md defines: "- **R4.2.1** ...".
std::set<std::string> Defined() {
  const absl::StatusOr<std::string> text = ReadFile(CorpusPath("../model/SPEC.md"));
  EXPECT_TRUE(text.ok());
  std::set<std::string> defined;
  std::istringstream in(*text);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("- **R")) continue;
    defined.insert(line.substr(4, line.find("**", 4) - 4));
  }
  return defined;
}

// Sections whose rules single-threaded ops without signals can reach: 0 to 4.9, 5.1, 5.2, 6 and 7.
bool InReach(const std::string& r) {
  switch (r[1]) {
    case '4':
      return r[3] == 'G' || (r[4] == '.' && r[3] <= '9');
    case '5':
      return r.size() == 4 || r.compare(2, 2, ".1") == 0;
    default:
      return r[1] <= '7' && r[2] == '.';
  }
}

TEST(RuleSourceTest, EveryNumberInReachHasARuleOrAReason) {
  const std::set<std::string> defined = Defined();
  ASSERT_GT(defined.size(), 150u);
  std::set<std::string> cited, excused;
  for (size_t r = 1; r < kRules; ++r) {
    const RuleInfo& info = Info(static_cast<Rule>(r));
    const std::vector<std::string> sources = Words(info.source);
    EXPECT_FALSE(sources.empty()) << info.id << " cites nothing";
    EXPECT_LE(sources.size(), 4u) << info.id << " cites too much";
    for (const std::string& source : sources) {
      EXPECT_TRUE(defined.contains(source)) << info.id << " cites " << source;
      cited.insert(source);
    }
  }
  for (size_t q = 0; q < kQuirks; ++q) {
    const std::string_view source = Info(static_cast<Quirk>(q)).source;
    for (const std::string& word : Words(source.substr(0, source.find(';')))) cited.insert(word);
  }
  for (const Listed& l : Reasons("numbers-unreached")) {
    EXPECT_TRUE(defined.contains(l.id)) << l.id;
    EXPECT_FALSE(cited.contains(l.id)) << l.id << " is cited";
    EXPECT_TRUE(excused.insert(l.id).second) << l.id << " twice";
  }
  for (const std::string& r : defined) {
    if (!InReach(r)) continue;
    EXPECT_TRUE(cited.contains(r) || excused.contains(r)) << r << " has no rule";
  }
}

}  // namespace
}  // namespace pollux
