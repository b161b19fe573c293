// A campaign leaves the machine as it found it, also when it is killed.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/campaign.h"
#include "model/test_util.h"

namespace pollux {
namespace {

namespace fs = std::filesystem;

// The names in a folder, sorted; empty where there is no such folder.
std::string Names(const char* folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  std::string all;
  for (const std::string& name : names) all += name + "\n";
  return all;
}

// The values of all sysctls of a folder.
std::string Values(const char* folder) {
  std::string all;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    all += entry.path().string() + " " + FileText(entry.path());
  }
  return all;
}

// The lines of a file that begin with `prefix`.
std::string Lines(const std::string& path, std::string_view prefix) {
  std::string some;
  std::istringstream text(FileText(path));
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with(prefix)) some += line + "\n";
  }
  return some;
}

// What a campaign could leave behind, by where it would show.
std::map<std::string, std::string> Machine() {
  return {{"descriptors", Names("/proc/self/fd")},
          // SigQ counts the user's, of every process.
          {"signal dispositions", Lines("/proc/self/status", "SigBlk") + Lines("/proc/self/status", "SigIgn") +
                                      Lines("/proc/self/status", "SigCgt")},
          {"POSIX timers", FileText("/proc/self/timers")},
          {"mounts", FileText("/proc/self/mounts")},
          {"shared memory", Names("/dev/shm")},
          {"message queues", Names("/dev/mqueue")},
          {"System V segments", FileText("/proc/sysvipc/shm")},
          {"epoll sysctls", Values("/proc/sys/fs/epoll")},
          {"mqueue sysctls", Values("/proc/sys/fs/mqueue")},
          {"inotify sysctls", Values("/proc/sys/fs/inotify")},
          {"host name", FileText("/proc/sys/kernel/hostname")}};
}

// The lines of `after` that `before` has not.
std::string New(const std::string& before, const std::string& after) {
  std::istringstream lines(after);
  std::string more;
  for (std::string line; std::getline(lines, line);) {
    if (("\n" + before).find("\n" + line + "\n") == std::string::npos) more += line + "\n";
  }
  return more;
}

// What others have put there may go meanwhile.
bool MayGo(const std::string& what) {
  return what == "shared memory" || what == "message queues" || what == "System V segments";
}

// Waits until every child, and what they left to us, is gone; false if one stays for ten seconds.
bool AllGone() {
  for (int i = 0; i < 1000; ++i) {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) return true;
    usleep(10000);
  }
  return false;
}

class Leftovers : public testing::TestWithParam<int> {};

TEST_P(Leftovers, ACampaignLeavesNone) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const TempFolder folder, temporary;
  const std::map<std::string, std::string> before = Machine();
  const pid_t pid = fork();
  if (pid == 0) {
    setenv("TMPDIR", temporary.path().c_str(), 1);
    CampaignOptions options;
    options.seconds = 60;
    options.jobs = 2;
    options.allow_sysctl = true;
    options.quiet = true;
    options.artifacts = folder / "artifacts";
    options.corpus = folder / "corpus";
    _exit(RunCampaign(options).ok() ? 0 : 1);
  }
  usleep(2000000);
  ASSERT_EQ(kill(pid, GetParam()), 0);
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  if (GetParam() == SIGTERM) EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_TRUE(AllGone());
  // What others do on this machine meanwhile passes.
  const auto left = [&before] {
    std::string all;
    for (const auto& [what, value] : Machine()) {
      const std::string& was = before.at(what);
      if (value != was && (!MayGo(what) || !New(was, value).empty())) all += what + ":\n" + New(was, value);
    }
    return all;
  };
  for (int i = 0; i < 100 && !left().empty(); ++i) usleep(100000);
  EXPECT_EQ(left(), "");
  EXPECT_EQ(Names(temporary.path().c_str()), "");
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

INSTANTIATE_TEST_SUITE_P(Signals, Leftovers, testing::Values(SIGTERM, SIGKILL),
                         [](const auto& info) { return info.param == SIGKILL ? "Killed" : "Terminated"; });

}  // namespace
}  // namespace pollux
