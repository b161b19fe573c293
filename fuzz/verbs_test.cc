// The command as its users meet it: exit statuses, one clear line for bad input, JSON on the last line.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "model/test_util.h"

namespace pollux {
namespace {

struct Result {
  int status;
  std::string out, err;
};

class VerbsTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) { return folder_.Write(name, text); }
  Result Pollux(const std::string& arguments) {
    const std::string out = folder_ / "out", err = folder_ / "err";
    const int status = std::system((POLLUX_COMMAND " " + arguments + " >" + out + " 2>" + err).c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128, FileText(out), FileText(err)};
  }
  // One line, which speaks of `what`, and exit status 2.
  void ExpectUsageError(const std::string& arguments, const std::string& what) {
    const Result r = Pollux(arguments);
    EXPECT_EQ(r.status, 2) << arguments;
    EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << r.err;
    EXPECT_NE(r.err.find(what), std::string::npos) << r.err;
    EXPECT_EQ(r.out, "");
  }
  nlohmann::json LastLine(const std::string& out) {
    const size_t end = out.find_last_not_of('\n'), begin = out.rfind('\n', end);
    return nlohmann::json::parse(out.substr(begin == std::string::npos ? 0 : begin + 1), nullptr, false);
  }

  TempFolder folder_;
};

constexpr char kGood[] =
    "ep = epoll_create1(0) = 3\n"
    "e = eventfd(1, EFD_NONBLOCK) = 4\n"
    "epoll_ctl(ep, ADD, e, IN|ET, 0x1) = 0\n"
    "epoll_wait(ep, 8, 0) = [IN 0x1]\n"
    "epoll_wait(ep, 8, 0) = []\n";
constexpr char kWrong[] =
    "ep = epoll_create1(0) = 3\n"
    "e = eventfd(1, EFD_NONBLOCK) = 4\n"
    "epoll_ctl(ep, ADD, e, IN|ET, 0x1) = 0\n"
    "epoll_wait(ep, 8, 0) = [OUT 0x1]\n";
constexpr char kModel[] = " --target model:linux-6.18 ";
constexpr char kPlanted[] = " --target planted:add.ready=false ";

TEST_F(VerbsTest, BadInputIsOneClearLine) {
  const std::string good = Write("good.trace", kGood), bad = Write("bad.trace", "epoll_wait(3, 8\n");
  ExpectUsageError("frobnicate", "no verb 'frobnicate'");
  ExpectUsageError("run --frobnicate " + good, "frobnicate");
  ExpectUsageError("run " + folder_ / "absent.trace", "absent.trace");
  ExpectUsageError("run " + bad, "bad.trace:1:");
  ExpectUsageError("run --target sputnik " + good, "native, model:PROFILE");
  ExpectUsageError("check --profile linux-0.1 " + good, "linux-6.18");
  ExpectUsageError("export --as pascal " + good, "gtest");
  std::filesystem::create_directory(folder_ / "empty");
  ExpectUsageError("min " + folder_ / "empty", "is a folder");
}

TEST_F(VerbsTest, RunTellsConformingFromDiverging) {
  const std::string good = Write("good.trace", kGood), wrong = Write("wrong.trace", kWrong);
  EXPECT_EQ(Pollux("run" + std::string(kModel) + good).status, 0);
  const Result diverges = Pollux("run" + std::string(kPlanted) + good);
  EXPECT_EQ(diverges.status, 1);
  EXPECT_NE(diverges.out.find("DIVERGENCE  epoll_wait / missing / add.ready"), std::string::npos) << diverges.out;
  EXPECT_NE(diverges.out.find("written    [IN 0x1], as Linux does"), std::string::npos) << diverges.out;
  const Result written = Pollux("run" + std::string(kModel) + wrong + " " + good);
  EXPECT_EQ(written.status, 1);
  EXPECT_NE(written.out.find("both give [IN 0x1]"), std::string::npos) << written.out;
}

TEST_F(VerbsTest, WhatIsWrittenForAnotherKernelIsNotCompared) {
  const std::string old = Write("old.trace", "% profile linux-6.1\nepoll_wait(99, 0, 0) = -EINVAL\n");
  EXPECT_EQ(Pollux("run" + std::string(kModel) + old).status, 0);
  EXPECT_EQ(Pollux("check " + old).status, 0);
  EXPECT_EQ(Pollux("check --profile linux-6.18 " + old).status, 1);
}

TEST_F(VerbsTest, RunsSummaryIsJson) {
  const std::string good = Write("good.trace", kGood);
  const nlohmann::json json = LastLine(Pollux("run --json" + std::string(kPlanted) + good).out);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["target"], "planted:add.ready=false");
  EXPECT_EQ(json["traces"], 1);
  EXPECT_EQ(json["divergences"][0]["signature"], "epoll_wait / missing / add.ready");
  for (const char* key : {"profile", "stepping", "seconds", "ops", "ops_per_second", "exact", "by_set", "inconclusive",
                          "skipped", "rules_hit"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
}

TEST_F(VerbsTest, WhatRunPrintsIsWhatCheckReads) {
  const std::string good = Write("good.trace", kGood);
  const Result r = Pollux("run --print --target model:linux-4.4 " + good + " | " POLLUX_COMMAND " check -");
  EXPECT_EQ(r.status, 0) << r.out << r.err;
  EXPECT_NE(r.out.find("conforms, 5 ops"), std::string::npos) << r.out;
}

TEST_F(VerbsTest, MinPrintsATraceThatStillDiverges) {
  const std::string good = Write("good.trace", kGood);
  const Result r = Pollux("min" + std::string(kPlanted) + "--artifacts " + folder_ / "found " + good);
  EXPECT_EQ(r.status, 1);
  const std::string minimal = Write("minimal.trace", r.out);
  EXPECT_EQ(Pollux("check " + minimal).status, 1) << r.out;
  EXPECT_EQ(Pollux("run" + std::string(kPlanted) + minimal).status, 1);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "found/epoll_wait-missing-add.ready.trace"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "found/epoll_wait-missing-add.ready.c"));
  EXPECT_EQ(Pollux("min" + std::string(kModel) + good).status, 0);
}

TEST_F(VerbsTest, ExplainShowsWhatChanges) {
  const Result r = Pollux("explain " + Write("good.trace", kGood));
  EXPECT_EQ(r.status, 0);
  EXPECT_NE(r.out.find("ready [] -> [4 0x1 by add.ready]"), std::string::npos) << r.out;
  EXPECT_NE(r.out.find("ready [4 0x1 by add.ready] -> []"), std::string::npos) << r.out;
}

TEST_F(VerbsTest, RulesCountWhatTracesCover) {
  const Result all = Pollux("rules");
  EXPECT_EQ(all.status, 0);
  EXPECT_NE(all.out.find("no op reaches it yet"), std::string::npos);
  const nlohmann::json json = LastLine(Pollux("rules --json " + Write("good.trace", kGood)).out);
  ASSERT_TRUE(json.is_object());
  EXPECT_GT(json["rules_hit"], 3);
  EXPECT_LT(json["rules_hit"], json["rules_total"]);
}

TEST_F(VerbsTest, RunsElsewhere) {
  const std::string good = Write("good.trace", kGood);
  EXPECT_EQ(Pollux("run --target 'exec:" POLLUX_AGENT_PROGRAM "' " + good).status, 0);
  EXPECT_EQ(Pollux("run --target 'exec:exit 5' " + good).status, 4);
  EXPECT_EQ(Pollux("fuzz --quiet --ops 2000 --target 'exec:exec " POLLUX_AGENT_PROGRAM "'").status, 0);
}

// What is expected is no divergence, and what no witness gives any more is stale.
TEST_F(VerbsTest, Expectations) {
  const std::string good = Write("good.trace", kGood);
  const nlohmann::json found = LastLine(Pollux("run --json" + std::string(kPlanted) + good).out);
  const std::string signature = found["divergences"][0]["signature"];
  std::string text = signature + "\n    It is planted.\n";
  std::istringstream lines(kGood);
  for (std::string line; std::getline(lines, line);) text += "    | " + line + "\n";
  const std::string known = "--expectations " + Write("known.txt", text) + " ";
  const Result r = Pollux("run --json --witnesses" + std::string(kPlanted) + known + good);
  EXPECT_EQ(r.status, 0) << r.out;
  EXPECT_EQ(LastLine(r.out)["expected"].size(), 1u) << r.out;
  EXPECT_EQ(LastLine(r.out)["divergences"].size(), 0u) << r.out;
  EXPECT_EQ(Pollux("run --witnesses" + std::string(kModel) + known).status, 1);
  EXPECT_EQ(Pollux("run --expectations " + Write("torn.txt", "poll\n") + " " + good).status, 2);
  EXPECT_EQ(Pollux("run").status, 2);
}

TEST_F(VerbsTest, HelpShowsAnExample) {
  for (const char* verb : {"run", "check", "fuzz", "min", "explain", "export", "rules", "targets", "profiles"}) {
    const Result r = Pollux(std::string(verb) + " --help");
    EXPECT_EQ(r.status, 0) << verb;
    EXPECT_NE(r.out.find("Example:"), std::string::npos) << verb;
  }
}

}  // namespace
}  // namespace pollux
