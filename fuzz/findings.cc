#include "fuzz/findings.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "fuzz/corpus.h"
#include "fuzz/min.h"
#include "fuzz/worker.h"
#include "model/text.h"

namespace pollux {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr int kWitnesses = 3;               // traces explained for each kind
constexpr milliseconds kLongest{120000};    // of one explanation

template <size_t n>
void Put(char (&to)[n], const std::string& from) {
  std::snprintf(to, n, "%s", from.c_str());
}

std::string FileName(const std::string& signature) {
  std::string name;
  for (char c : signature) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    if (plain) name += c;
    if (!plain && !name.empty() && name.back() != '-') name += '-';
  }
  return name;
}

}  // namespace

Findings::Findings(const CampaignOptions& options) : options_(options) {
  void* p = mmap(nullptr, sizeof(Answer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p != MAP_FAILED) answer_ = static_cast<Answer*>(p);
}

Findings::~Findings() {
  if (child_ != 0) kill(child_, SIGKILL), waitpid(child_, nullptr, 0);
  if (answer_ != nullptr) munmap(answer_, sizeof(Answer));
}

void Findings::Add(const Kind& kind, std::vector<Op> ops) {
  const int n = witnesses_[Shared::Key(kind)]++;
  if (n >= kWitnesses) return;
  Suspect suspect{kind, std::move(ops)};
  if (n == 0) {
    // Before the further witnesses of known kinds, behind the other new ones.
    const auto known = [this](const Suspect& s) { return witnesses_[Shared::Key(s.kind)] > 1; };
    queue_.insert(std::find_if(queue_.begin(), queue_.end(), known), std::move(suspect));
  } else {
    queue_.push_back(std::move(suspect));
  }
}

void Findings::Step() {
  if (child_ == 0) {
    if (!queue_.empty()) Begin();
    return;
  }
  int status = 0;
  if (waitpid(child_, &status, WNOHANG) == child_) {
    End(false, status);
  } else if (Clock::now() - began_ > kLongest) {
    kill(child_, SIGKILL);
    waitpid(child_, &status, 0);
    End(true, status);
  }
}

void Findings::Finish(milliseconds limit, const std::function<bool()>& hurry) {
  const auto end = Clock::now() + limit;
  while (!idle() && Clock::now() < end && !hurry()) {
    Step();
    poll(nullptr, 0, 5);
  }
  // What there was no time for is kept as it is.
  if (child_ != 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    End(true, 0);
  }
  std::set<uint64_t> known;
  for (const Known& k : reproduced_) known.insert(k.kinds.begin(), k.kinds.end());
  for (const Suspect& suspect : queue_) {
    if (!known.insert(Shared::Key(suspect.kind)).second) continue;
    Known k;
    k.finding.signature = KindName(suspect.kind);
    k.finding.ops = suspect.ops.size();
    k.finding.path = Keep(suspect);
    k.finding.rate = 0;
    k.kinds = {Shared::Key(suspect.kind)};
    unreproducible_.push_back(std::move(k));
  }
  queue_.clear();
}

void Findings::Begin() {
  current_ = std::move(queue_.front());
  queue_.pop_front();
  *answer_ = Answer();
  began_ = Clock::now();
  const pid_t parent = getpid();
  child_ = fork();
  if (child_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
    for (int s : {SIGINT, SIGTERM}) signal(s, SIG_IGN);
    Explain(current_);
    _exit(0);
  }
  if (child_ < 0) child_ = 0;
}

void Findings::End(bool timed_out, int status) {
  child_ = 0;
  Answer answer = *answer_;
  if (!answer.done) {
    // It hung or died like the worker did, or it was not given the time.
    const bool died = !timed_out && WIFSIGNALED(status) && current_.kind.difference == Difference::kDied;
    const bool hung = timed_out && current_.kind.difference == Difference::kHung;
    answer.reproduced = died || hung;
    answer.rate = answer.reproduced ? 1 : 0;
    answer.kind = current_.kind;
    answer.ops = static_cast<uint32_t>(current_.ops.size());
    Put(answer.signature, KindName(current_.kind));
    Put(answer.path, Keep(current_));
  }
  const uint64_t reported = Shared::Key(current_.kind), minimal = Shared::Key(answer.kind);
  std::vector<Known>& list = answer.reproduced ? reproduced_ : unreproducible_;
  for (Known& k : list) {
    const bool same = answer.as_if[0] != '\0' ? k.finding.as_if == answer.as_if : k.kinds.count(minimal) != 0;
    if (!same) continue;
    k.kinds.insert({reported, minimal});
    return;
  }
  Known k;
  k.finding = {.signature = answer.signature, .as_if = answer.as_if, .ops = answer.ops, .path = answer.path,
               .rate = answer.rate};
  k.kinds = {reported, minimal};
  list.push_back(std::move(k));
  if (!options_.quiet && answer.reproduced) {
    std::fprintf(stderr, "divergence: %s%s%s  %s\n", answer.signature, answer.as_if[0] != '\0' ? "  as if: " : "",
                 answer.as_if, answer.path);
  }
}

void Findings::Explain(const Suspect& suspect) {
  TargetOptions target_options;
  target_options.allow_sysctl = options_.allow_sysctl;
  target_options.deadline_ms = options_.deadline_ms;
  target_options.job = options_.jobs;  // one that no worker has
  absl::StatusOr<std::unique_ptr<Target>> target = OpenTarget(options_.target, target_options);
  if (!target.ok()) return;
  absl::StatusOr<std::unique_ptr<Model>> model = OpenModel(options_, **target);
  if (!model.ok()) return;
  Minimizer minimizer(target->get(), model->get());
  const Minimal minimal = minimizer.Run(suspect.ops, suspect.kind);
  answer_->kind = suspect.kind;
  answer_->reproduced = minimal.verdict.value == Verdict::kDiverges;
  answer_->rate = answer_->reproduced ? 1 : 0;
  Put(answer_->signature, KindName(suspect.kind));
  Suspect kept = suspect;
  if (answer_->reproduced) kept.ops = minimal.ops;
  answer_->ops = static_cast<uint32_t>(kept.ops.size());
  Put(answer_->path, Keep(kept));
  answer_->done = true;
}

std::string Findings::Keep(const Suspect& suspect) const {
  Trace trace;
  trace.ops = suspect.ops;
  std::error_code error;
  std::filesystem::create_directories(options_.artifacts, error);
  const std::string path =
      absl::StrCat(options_.artifacts, "/", FileName(KindName(suspect.kind)), "-unreduced.trace");
  return WriteAtomically(path, Print(trace)).ok() ? path : "";
}

std::string Findings::Line() const {
  if (reproduced_.empty()) return queue_.empty() && child_ == 0 ? "no divergence" : "explaining a divergence";
  std::string line = absl::StrCat(reproduced_.size(), reproduced_.size() == 1 ? " divergence: " : " divergences: ");
  for (size_t i = 0; i < reproduced_.size() && i < 3; ++i) {
    absl::StrAppend(&line, i > 0 ? ", " : "", reproduced_[i].finding.signature);
  }
  if (reproduced_.size() > 3) absl::StrAppend(&line, ", ...");
  return line;
}

void Findings::Report(const Shared& shared, Summary* summary) const {
  const auto counted = [&shared](const Known& known) {
    Finding finding = known.finding;
    for (const KindCounter& c : shared.kinds) {
      if (known.kinds.count(c.key.load()) != 0) finding.count += c.count.load();
    }
    return finding;
  };
  std::set<uint64_t> explained;
  for (const Known& k : reproduced_) {
    summary->findings.push_back(counted(k));
    explained.insert(k.kinds.begin(), k.kinds.end());
  }
  for (const Known& k : unreproducible_) {
    // A kind that another of its traces did reproduce is a finding already.
    const bool known = std::any_of(k.kinds.begin(), k.kinds.end(), [&](uint64_t key) { return explained.count(key) != 0; });
    if (!known) summary->unreproducible.push_back(counted(k));
  }
}

}  // namespace pollux
