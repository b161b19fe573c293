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
#include "fuzz/triage.h"
#include "fuzz/worker.h"
#include "model/text.h"
#include "oracle/files.h"
#include "oracle/planted.h"
#include "oracle/report.h"

namespace pollux {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr size_t kWitnesses = 3;          // traces explained for each kind, and kept of each finding
constexpr milliseconds kLongest{120000};  // of one explanation

template <size_t n>
void Put(char (&to)[n], const std::string& from) {
  std::snprintf(to, n, "%s", from.c_str());
}

// What may explain a divergence beside the quirks: mistakes that someone could make, or single rules turned round.
std::vector<Alternative> PlantedAlternatives(bool named) {
  std::vector<Alternative> alternatives;
  for (const PlantedInfo& bug : PlantedBugs()) {
    if (bug.named != named || !bug.equivalent.empty()) continue;
    alternatives.push_back({"planted:" + bug.name, [&bug](const Profile& profile, const Facts& facts) {
                              return NewPlantedModel(bug, profile, facts);
                            }});
  }
  return alternatives;
}

std::string Joined(const std::vector<std::string>& names) {
  constexpr size_t kMost = 6;
  std::string text;
  for (size_t i = 0; i < names.size() && i < kMost; ++i) absl::StrAppend(&text, i > 0 ? ", " : "", names[i]);
  if (names.size() > kMost) absl::StrAppend(&text, ", ...");
  return text;
}

}  // namespace

Findings::Findings(const CampaignOptions& options) : options_(options) {
  void* p = mmap(nullptr, sizeof(Answer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p != MAP_FAILED) answer_ = static_cast<Answer*>(p);
}

Findings::~Findings() {
  if (child_ != 0) kill(child_, SIGKILL), waitpid(child_, nullptr, 0);
  if (answer_ != nullptr) munmap(answer_, sizeof(Answer));
}

void Findings::Add(const Kind& kind, std::vector<Op> ops, std::string seen) {
  const int n = witnesses_[Shared::Key(kind)]++;
  if (n >= static_cast<int>(kWitnesses)) return;
  queue_.push_back({kind, std::move(ops), std::move(seen), n});
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

const Findings::Known* Findings::Find(const std::vector<Known>& list, const std::string& as_if, const Kind& kind) {
  for (const Known& k : list) {
    if ((!as_if.empty() && k.finding.as_if == as_if) || k.kinds.count(Shared::Key(kind)) != 0) return &k;
  }
  return nullptr;
}

bool Findings::NewWitness(const Known* known, const std::vector<Op>& minimal) {
  if (known == nullptr) return true;
  return known->witnesses.size() < kWitnesses &&
         std::all_of(known->witnesses.begin(), known->witnesses.end(),
                     [&minimal](const std::vector<Op>& w) { return OtherOps(w, minimal); });
}

void Findings::End(bool timed_out, int status) {
  child_ = 0;
  if (!answer_->done) {
    // It hung or died like the worker did, or it was not given the time.
    const bool died = !timed_out && WIFSIGNALED(status) && current_.kind.difference == Difference::kDied;
    const bool hung = timed_out && current_.kind.difference == Difference::kHung;
    answer_->reproduced = died || hung;
    answer_->rate = answer_->reproduced ? 1 : 0;
    answer_->kind = current_.kind;
    answer_->minimal.Store(current_.ops);
    answer_->as_if[0] = '\0';
    Put(answer_->signature, KindName(current_.kind));
    Put(answer_->path, Keep(current_));
  }
  if (answer_->reason != Reason::kNone) {
    ++inconclusive_[std::string(ReasonName(answer_->reason))];
    return;
  }
  const std::vector<Op> minimal = answer_->minimal.Load();
  std::vector<Known>& list = answer_->reproduced ? reproduced_ : unreproducible_;
  Known* known = const_cast<Known*>(Find(list, answer_->as_if, answer_->kind));
  if (known == nullptr) {
    list.emplace_back();
    known = &list.back();
    known->finding = {.signature = answer_->signature,
                      .as_if = answer_->as_if,
                      .ops = minimal.size(),
                      .executions = answer_->executions,
                      .minimal = answer_->complete,
                      .path = answer_->path,
                      .rate = answer_->rate};
    known->witnesses.push_back(minimal);
  } else if (NewWitness(known, minimal)) {
    known->witnesses.push_back(minimal);
  }
  known->kinds.insert({Shared::Key(current_.kind), Shared::Key(answer_->kind)});
}

void Findings::Explain(const Suspect& suspect) const {
  TargetOptions target_options;
  target_options.allow_sysctl = options_.allow_sysctl;
  target_options.allow_clock = options_.allow_clock;
  target_options.deadline_ms = options_.deadline_ms;
  target_options.job = options_.jobs;  // one that no worker has
  absl::StatusOr<std::unique_ptr<Target>> target = OpenTarget(options_.target, target_options);
  if (!target.ok()) return;
  absl::StatusOr<std::unique_ptr<Model>> model = OpenModel(options_, **target);
  if (!model.ok()) return;
  const std::vector<Alternative> mistakes = PlantedAlternatives(true);
  TriageOptions triage;
  triage.alternatives = mistakes;
  Diagnosis diagnosis = Triage(target->get(), model->get(), suspect.ops, suspect.kind, triage);
  Divergence& d = diagnosis.divergence;
  if (diagnosis.reproduced() && d.as_if.empty()) {
    d.as_if = AsIf(PlantedAlternatives(false), d.profile, d.facts, d.ops, d.outcomes);
  }
  if (!diagnosis.reproduced()) d.seen = suspect.seen;
  const std::string as_if = Joined(d.as_if);
  answer_->reproduced = diagnosis.reproduced();
  answer_->rate = diagnosis.rate();
  answer_->reason = diagnosis.reason;
  answer_->executions = d.executions;
  answer_->complete = d.minimal;
  answer_->kind = d.verdict.kind;
  answer_->minimal.Store(d.ops);
  Put(answer_->signature, KindName(d.verdict.kind));
  Put(answer_->as_if, as_if);
  if (diagnosis.reason != Reason::kNone) {
    answer_->done = true;
    return;
  }
  const Known* known = Find(answer_->reproduced ? reproduced_ : unreproducible_, as_if, d.verdict.kind);
  if (NewWitness(known, d.ops)) {
    std::string stem = FileStem(d.verdict.kind);
    if (!answer_->reproduced) stem += "-unreproducible";
    if (suspect.witness > 0) absl::StrAppend(&stem, "-", suspect.witness + 1);
    const absl::Status written = WriteArtefacts(options_.artifacts, stem, model->get(), &d);
    if (!written.ok()) std::fprintf(stderr, "pollux: %s\n", std::string(written.message()).c_str());
    if (written.ok() && !d.artefacts.empty()) Put(answer_->path, d.artefacts.front());
  }
  // A finding is told once, in full.
  const bool expected = options_.expectations.Find(KindName(d.verdict.kind), as_if) != nullptr;
  if (known == nullptr && !expected && !options_.quiet) std::fprintf(stderr, "%s\n", PrintDivergence(d).c_str());
  answer_->done = true;
}

std::string Findings::Keep(const Suspect& suspect) const {
  Trace trace;
  trace.ops = suspect.ops;
  std::error_code error;
  std::filesystem::create_directories(options_.artifacts, error);
  const std::string path = absl::StrCat(options_.artifacts, "/", FileStem(suspect.kind), "-unreduced.trace");
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
  for (const auto& [reason, n] : inconclusive_) summary->inconclusive[reason] += n;
  std::set<uint64_t> explained;
  for (const Known& k : reproduced_) {
    const Finding finding = counted(k);
    const bool known = options_.expectations.Find(finding.signature, finding.as_if) != nullptr;
    (known ? summary->expected : summary->findings).push_back(finding);
    explained.insert(k.kinds.begin(), k.kinds.end());
  }
  for (const Known& k : unreproducible_) {
    // A kind that another of its traces did reproduce is a finding already.
    const bool known =
        std::any_of(k.kinds.begin(), k.kinds.end(), [&](uint64_t key) { return explained.count(key) != 0; });
    if (!known) summary->unreproducible.push_back(counted(k));
  }
}

}  // namespace pollux
