// Campaigns on planted bugs and models, and their parts: corpora, features.

#include "fuzz/campaign.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "fuzz/corpus.h"
#include "fuzz/features.h"
#include "fuzz/generator.h"
#include "model/abi.h"
#include "model/binary.h"
#include "model/test_util.h"
#include "oracle/files.h"

namespace pollux {
namespace {

namespace fs = std::filesystem;

size_t Files(const std::string& folder) {
  size_t n = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) n += entry.is_regular_file();
  return n;
}

CampaignOptions Quick(const TempFolder& folder, const std::string& target) {
  CampaignOptions o;
  o.target = target;
  o.seconds = 0;
  o.ops = 200000;
  o.seed = 7;
  o.quiet = true;
  o.artifacts = folder / "artifacts";
  return o;
}

// What is repeatable of a summary.
std::string Repeatable(const Summary& s) {
  nlohmann::json json = nlohmann::json::parse(ToJson(s));
  json.erase("seconds");
  json.erase("ops_per_second");
  return json.dump(1);
}

TEST(Campaign, AModelConformsToItself) {
  TempFolder folder;
  const absl::StatusOr<Summary> s = RunCampaign(Quick(folder, "model:linux-6.18"));
  ASSERT_TRUE(s.ok()) << s.status();
  EXPECT_TRUE(s->findings.empty() && s->unreproducible.empty() && s->inconclusive.empty());
  EXPECT_EQ(s->target, "model:linux-6.18");
  EXPECT_EQ(s->profile, "linux-6.18");
  EXPECT_GE(s->ops, 200000u);
  EXPECT_LT(s->ops, 200000u + kMaxTrace + 100);
  EXPECT_GT(s->traces, 500u);
  EXPECT_GT(s->rules_hit, s->rules_total * 8 / 10);
  EXPECT_EQ(s->worker_deaths, 0u);
  EXPECT_EQ(ExitStatus(*s, {}), 0);
}

TEST(Campaign, VerdictsAreCountedByWhetherOneValueWasAllowed) {
  TempFolder folder;
  const absl::StatusOr<Summary> s = RunCampaign(Quick(folder, "model:linux-6.18"));
  ASSERT_TRUE(s.ok()) << s.status();
  uint64_t by_set = 0;
  for (const auto& [reason, count] : s->by_set) by_set += count;
  EXPECT_EQ(s->exact + by_set, s->ops);
  EXPECT_GT(s->by_set.at("kcmp: which of two files comes first"), 0u);
  const nlohmann::json json = nlohmann::json::parse(ToJson(*s));
  EXPECT_EQ(json["exact"], s->exact);
  EXPECT_EQ(json["by_set"], nlohmann::json(s->by_set));
  EXPECT_NE(ToText(*s).find(" exact, " + std::to_string(by_set) + " by set\n"), std::string::npos) << ToText(*s);
}

TEST(Campaign, FindsWhatAnotherReleaseDoesAndSaysSo) {
  TempFolder folder;
  CampaignOptions o = Quick(folder, "model:linux-6.1");
  o.profile = "linux-6.18";
  o.ops = 1000000;
  const absl::StatusOr<Summary> s = RunCampaign(o);
  ASSERT_TRUE(s.ok()) << s.status();
  std::set<std::string> as_if;
  for (const Finding& f : s->findings) {
    as_if.insert(f.as_if);
    EXPECT_GT(f.count, 0u);
    EXPECT_GT(f.ops, 0u);
    const std::string text = FileText(f.path);
    ASSERT_NE(text, "") << f.path;
    Trace trace;
    ParseError error;
    ASSERT_TRUE(Parse(text, f.path, &trace, &error)) << error.message();
    EXPECT_EQ(trace.ops.size(), f.ops);
  }
  EXPECT_EQ(as_if.size(), s->findings.size()) << "one finding for each explanation";
  EXPECT_TRUE(as_if.count("wait.arguments-first"));
  EXPECT_TRUE(as_if.count("eventfd.write-long"));
  EXPECT_EQ(ExitStatus(*s, o), 1);
}

TEST(Campaign, TheSameSeedGivesTheSameResult) {
  TempFolder folder;
  CampaignOptions o = Quick(folder, "planted:ctl.add.exists=false");
  const absl::StatusOr<Summary> a = RunCampaign(o), b = RunCampaign(o);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_FALSE(a->findings.empty());
  EXPECT_EQ(Repeatable(*a), Repeatable(*b));
  o.seed = 8;
  const absl::StatusOr<Summary> c = RunCampaign(o);
  ASSERT_TRUE(c.ok());
  EXPECT_NE(Repeatable(*a), Repeatable(*c));
}

TEST(Campaign, EndsAtTheFirstFindingIfAsked) {
  TempFolder folder;
  CampaignOptions o = Quick(folder, "planted:harvest.oneshot=false");
  o.ops = 10000000;
  o.stop_after = 1;
  const absl::StatusOr<Summary> s = RunCampaign(o);
  ASSERT_TRUE(s.ok()) << s.status();
  ASSERT_EQ(s->findings.size(), 1u);
  EXPECT_LT(s->ops, 1000000u);
  EXPECT_LT(s->findings[0].ops, 12u);
}

TEST(Campaign, AJudgeCanBeWrongInstead) {
  TempFolder folder;
  CampaignOptions o = Quick(folder, "model:linux-6.18");
  o.judge = "ctl.add.exists=false";
  o.stop_after = 1;
  const absl::StatusOr<Summary> s = RunCampaign(o);
  ASSERT_TRUE(s.ok()) << s.status();
  EXPECT_EQ(s->findings.size(), 1u);
}

TEST(Campaign, TwoJobsShareACorpusAndDoMore) {
  TempFolder folder;
  CampaignOptions o = Quick(folder, "model:linux-6.18");
  o.jobs = 2;
  o.corpus = folder / "corpus";
  absl::StatusOr<Summary> s = RunCampaign(o);
  ASSERT_TRUE(s.ok()) << s.status();
  EXPECT_GE(s->ops, 200000u);
  const size_t grown = Files(o.corpus);
  EXPECT_GT(grown, 100u);
  // All of it can be read; a second campaign begins with it.
  Corpus corpus(o.corpus);
  size_t read = 0;
  corpus.Read([&read](std::vector<Op> ops) { read += !ops.empty(); });
  EXPECT_EQ(read, grown);
  o.jobs = 1;
  o.ops = 50000;
  s = RunCampaign(o);
  ASSERT_TRUE(s.ok());
  EXPECT_LT(Files(o.corpus), 2 * grown) << "what is known is not new again";
}

TEST(Campaign, WithoutACorpusNothingIsLeftBehind) {
  TempFolder folder;
  setenv("TMPDIR", (folder / "").c_str(), 1);
  const absl::StatusOr<Summary> s = RunCampaign(Quick(folder, "model:linux-6.18"));
  unsetenv("TMPDIR");
  ASSERT_TRUE(s.ok());
  EXPECT_EQ(Files(folder / ""), 0u);
}

TEST(Campaign, WhatCannotBeIsRefused) {
  TempFolder folder;
  EXPECT_EQ(RunCampaign(Quick(folder, "windows")).status().code(), absl::StatusCode::kNotFound);
  CampaignOptions o = Quick(folder, "model:linux-6.18");
  o.profile = "linux-9.9";
  EXPECT_EQ(RunCampaign(o).status().code(), absl::StatusCode::kInvalidArgument);
  o = Quick(folder, "model:linux-6.18");
  std::ofstream(folder / "file") << "x";
  o.corpus = folder / "file";
  EXPECT_EQ(RunCampaign(o).status().code(), absl::StatusCode::kInvalidArgument);
}

// The processes of a campaign that `supervisor` runs.
std::vector<pid_t> ChildrenOf(pid_t supervisor) {
  std::ifstream file("/proc/" + std::to_string(supervisor) + "/task/" + std::to_string(supervisor) + "/children");
  std::vector<pid_t> children;
  for (pid_t child; file >> child;) children.push_back(child);
  return children;
}

// Forks a process that runs a campaign, sends it a summary's JSON through a file, and exits with 0.
pid_t InBackground(const CampaignOptions& o, const std::string& summary) {
  const pid_t pid = fork();
  if (pid == 0) {
    const absl::StatusOr<Summary> s = RunCampaign(o);
    std::ofstream(summary) << (s.ok() ? ToText(*s) : std::string("failed"));
    _exit(s.ok() ? 0 : 1);
  }
  return pid;
}

TEST(Campaign, ATerminatedCampaignSumsUp) {
  TempFolder folder;
  CampaignOptions o = Quick(folder, "planted:ctl.add.exists=false");
  o.ops = 0;
  const pid_t pid = InBackground(o, folder / "summary");
  usleep(1500000);
  kill(pid, SIGTERM);
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  const std::string text = folder.Read("summary");
  EXPECT_NE(text.find("interrupted"), std::string::npos) << text;
  EXPECT_NE(text.find("epoll_ctl / errno / ctl.add.exists"), std::string::npos) << text;
}

TEST(Campaign, AKilledWorkerIsReplaced) {
  TempFolder folder;
  CampaignOptions o = Quick(folder, "model:linux-6.18");
  o.ops = 0;
  o.seconds = 4;
  const pid_t pid = InBackground(o, folder / "summary");
  usleep(1000000);
  const std::vector<pid_t> first = ChildrenOf(pid);
  ASSERT_EQ(first.size(), 1u);
  kill(first[0], SIGKILL);
  usleep(1000000);
  const std::vector<pid_t> second = ChildrenOf(pid);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_NE(first, second);
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  const std::string text = folder.Read("summary");
  EXPECT_NE(text.find("workers that died: 1"), std::string::npos) << text;
  EXPECT_NE(text.find("no divergence"), std::string::npos) << text;
}

TEST(Campaign, WorkersDieWithTheirSupervisor) {
  TempFolder folder;
  CampaignOptions o = Quick(folder, "model:linux-6.18");
  o.ops = 0;
  o.corpus = folder / "corpus";
  const pid_t pid = InBackground(o, folder / "summary");
  usleep(1000000);
  const std::vector<pid_t> workers = ChildrenOf(pid);
  ASSERT_EQ(workers.size(), 1u);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  for (int i = 0; i < 100 && kill(workers[0], 0) == 0; ++i) usleep(20000);
  EXPECT_NE(kill(workers[0], 0), 0);
  // Whatever stands in the corpus under its name is whole.
  Corpus corpus(o.corpus);
  size_t read = 0;
  corpus.Read([&read](std::vector<Op> ops) { read += !ops.empty(); });
  EXPECT_GT(read, 0u);
  EXPECT_TRUE(corpus.Prepare().ok());
  for (const auto& entry : fs::directory_iterator(o.corpus)) {
    EXPECT_NE(entry.path().filename().string()[0], '.') << "what was written aside is removed";
  }
}

TEST(Corpus, ReadsTextAndBinaryAndLeavesTheRest) {
  TempFolder folder;
  const std::string at = folder / "c";
  ASSERT_TRUE(Corpus(at).Prepare().ok());
  std::ofstream(at + "/a.trace") << "ep = epoll_create1(0)\nepoll_wait(ep, 8, 0)\n";
  std::ofstream(at + "/broken.trace") << "no trace\n";
  std::ofstream(at + "/.aside") << "half";
  Corpus corpus(at);
  Generator generator;
  Random random(1);
  std::vector<Op> drawn;
  generator.Draw(&random, &drawn);
  Corpus writer(at);
  ASSERT_TRUE(writer.Add(drawn).ok());
  std::vector<std::vector<Op>> read;
  corpus.Read([&read](std::vector<Op> ops) { read.push_back(std::move(ops)); });
  ASSERT_EQ(read.size(), 2u);
  EXPECT_TRUE(read[0] == drawn || read[1] == drawn);
  read.clear();
  writer.Read([&read](std::vector<Op> ops) { read.push_back(std::move(ops)); });
  EXPECT_EQ(read.size(), 1u) << "its own traces are not new to a writer";
}

TEST(Corpus, AFileThatCannotBeWrittenLeavesTheOldOne) {
  TempFolder folder;
  const std::string path = folder / "f";
  ASSERT_TRUE(WriteAtomically(path, "one").ok());
  ASSERT_TRUE(WriteAtomically(path, "two").ok());
  EXPECT_FALSE(WriteAtomically(folder / "missing/f", "three").ok());
  EXPECT_EQ(*ReadFile(path), "two");
  EXPECT_EQ(Files(folder / ""), 1u);
  EXPECT_FALSE(ReadFile(folder / "").ok());
}

TEST(Features, StrippingTakesAFeatureOut) {
  Generator generator;
  Random random(2);
  std::vector<Op> ops;
  int stripped = 0;
  for (int i = 0; i < 2000; ++i) {
    generator.Draw(&random, &ops);
    const Features all = FeaturesOf(ops), one = OneFeature(all, &random);
    ASSERT_TRUE(one.any());
    ASSERT_EQ(all & one, one);
    Strip(one, &ops);
    ASSERT_TRUE((FeaturesOf(ops) & one).none()) << one;
    stripped += !ops.empty();
  }
  EXPECT_GT(stripped, 1900);
}

}  // namespace
}  // namespace pollux
