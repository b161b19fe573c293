// The supervisor of a campaign: starts workers, watches them, collects what they find, and ends with a summary.

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fuzz/campaign.h"
#include "fuzz/corpus.h"
#include "fuzz/findings.h"
#include "fuzz/shared.h"
#include "fuzz/worker.h"
#include "oracle/watcher.h"

namespace pollux {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kTick{Watcher::kTickMs};
constexpr int kStuckTicks = 3000;           // a minute outside every call: the model or the harness hangs
constexpr int kFinishTicks = 250;           // five seconds for a worker to end its trace
constexpr int kDeathTicks = 100;            // two for the kernel to bury it
constexpr int kMostDeaths = 100;            // more say that the machine cannot run campaigns
constexpr int kSpares = 4;                  // blocks for the successors of workers that cannot die
constexpr milliseconds kLastTriage{20000};  // for what is still unexplained at the end

volatile sig_atomic_t interrupts = 0;

// Takes SIGINT and SIGTERM while it lives.
class Interrupts {
 public:
  Interrupts() {
    interrupts = 0;
    struct sigaction action = {};
    action.sa_handler = [](int) { interrupts = interrupts + 1; };
    sigaction(SIGINT, &action, &int_);
    sigaction(SIGTERM, &action, &term_);
  }
  ~Interrupts() {
    sigaction(SIGINT, &int_, nullptr);
    sigaction(SIGTERM, &term_, nullptr);
  }

 private:
  struct sigaction int_, term_;
};

// Memory that survives fork as one.
template <class T>
class SharedMapping {
 public:
  explicit SharedMapping(size_t size) : size_(size) {
    void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p != MAP_FAILED) p_ = new (p) T;
  }
  ~SharedMapping() {
    if (p_ != nullptr) munmap(p_, size_);
  }
  SharedMapping(const SharedMapping&) = delete;
  SharedMapping& operator=(const SharedMapping&) = delete;
  T* get() const { return p_; }
  T* operator->() const { return p_; }

 private:
  size_t size_;
  T* p_ = nullptr;
};

// What a look at the target in a process of its own found out. Opening it here would change this process.
struct Probe {
  bool done = false;
  int code = 0;
  char message[512] = {}, profile[128] = {}, stepping[128] = {};
};

absl::Status ProbeTarget(const CampaignOptions& options, std::string* profile, std::string* stepping) {
  SharedMapping<Probe> probe(sizeof(Probe));
  if (probe.get() == nullptr) return absl::UnavailableError("cannot map shared memory");
  const pid_t pid = fork();
  if (pid < 0) return absl::UnavailableError("cannot fork");
  if (pid == 0) {
    TargetOptions target_options;
    target_options.allow_sysctl = options.allow_sysctl;
    target_options.allow_clock = options.allow_clock;
    absl::StatusOr<std::unique_ptr<Target>> target = OpenTarget(options.target, target_options);
    absl::Status status = target.status();
    if (status.ok()) {
      absl::StatusOr<std::unique_ptr<Model>> model = OpenModel(options, **target);
      status = model.status();
      if (status.ok()) std::snprintf(probe->profile, sizeof probe->profile, "%s", (*model)->profile().name.c_str());
      if (status.ok() && options.threads > 0) {
        const std::string how = SteppingText((*target)->Threads());
        std::snprintf(probe->stepping, sizeof probe->stepping, "%s", how.c_str());
      }
    }
    probe->code = static_cast<int>(status.code());
    std::snprintf(probe->message, sizeof probe->message, "%.*s", static_cast<int>(status.message().size()),
                  status.message().data());
    target = absl::UnknownError("closed");
    probe->done = true;
    _exit(0);
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!probe->done) return absl::UnavailableError(absl::StrCat("target ", options.target, " dies when it is opened"));
  *profile = probe->profile, *stepping = probe->stepping;
  return absl::Status(static_cast<absl::StatusCode>(probe->code), probe->message);
}

// One job: its worker, and how to tell that it is stuck.
struct Job {
  Job(int i, WorkerBlock* b) : index(i), block(b) {}
  int index;
  WorkerBlock* block;
  pid_t pid = 0;  // 0: none
  int life = 0;
  std::optional<Watcher> watcher;
  uint64_t seen_traces = 0;
  uint32_t seen_progress = 0;
  int still = 0;  // ticks without progress
  int dying = 0;  // ticks since SIGKILL
  bool finished = false;
};

class Supervisor {
 public:
  Supervisor(const CampaignOptions& options, std::string profile, std::string stepping, std::string corpus)
      : options_(options),
        corpus_(std::move(corpus)),
        shared_(sizeof(Shared) + sizeof(WorkerBlock) * static_cast<size_t>(options.jobs + kSpares)),
        findings_(options) {
    summary_.target = options.target;
    summary_.profile = std::move(profile);
    summary_.stepping = std::move(stepping);
    if (options_.seed == 0) options_.seed = std::random_device{}() | uint64_t{std::random_device{}()} << 32;
  }

  absl::StatusOr<Summary> Run() {
    if (shared_.get() == nullptr) return absl::UnavailableError("cannot map shared memory");
    for (int i = 0; i < options_.jobs; ++i) jobs_.emplace_back(i, NewBlock());
    start_ = Clock::now();
    Interrupts taken;
    for (Job& job : jobs_) Start(&job);
    Watch();
    shared_->stop.store(true);
    WindUp();
    CollectReports();
    ended_ = Clock::now();
    findings_.Finish(interrupts == 0 ? kLastTriage : kLastTriage / 2, [] { return interrupts > 1; });
    AnswerReports();
    Sum();
    if (!options_.quiet) std::fputs("\n", stderr);
    const bool none = std::all_of(blocks_.begin(), blocks_.end(),
                                  [](const WorkerBlock* b) { return b->state.load() == WorkerBlock::kUnavailable; });
    if (none) return absl::UnavailableError("no worker could open the target " + options_.target);
    return summary_;
  }

 private:
  WorkerBlock* NewBlock() {
    blocks_.push_back(new (&shared_->workers[blocks_.size()]) WorkerBlock);
    return blocks_.back();
  }

  void Start(Job* job) {
    const size_t index = static_cast<size_t>(job->index);
    WorkerOptions w;
    w.campaign = options_;
    w.corpus = corpus_;
    w.job = static_cast<int>(index);
    w.life = job->life;
    w.seed = options_.seed + index * 0x10000 + static_cast<uint64_t>(job->life) * 0x100000001;
    const uint64_t jobs = static_cast<uint64_t>(options_.jobs);
    w.ops = options_.ops == 0 ? 0 : std::max<uint64_t>(1, options_.ops / jobs + (index < options_.ops % jobs));
    job->block->state.store(WorkerBlock::kStarting);
    job->block->mark.sequence.store(0);
    job->watcher.reset();
    job->still = job->dying = 0;
    const pid_t parent = getpid();
    job->pid = fork();
    if (job->pid == 0) {
      if (getppid() != parent) _exit(0);
      RunWorker(w, shared_.get(), job->block);
    }
    if (job->pid < 0) {
      job->pid = 0;
      job->finished = true;
      return;
    }
    job->watcher.emplace(&job->block->mark, options_.deadline_ms);
  }

  bool Over() const {
    if (interrupts > 0) return true;
    if (options_.seconds > 0 && std::chrono::duration<double>(Clock::now() - start_).count() >= options_.seconds) {
      return true;
    }
    if (options_.stop_after > 0 && findings_.count() >= options_.stop_after) return true;
    return summary_.worker_deaths > kMostDeaths;
  }

  void Watch() {
    auto said = start_;
    while (!Over()) {
      poll(nullptr, 0, static_cast<int>(kTick.count()));
      bool working = false;
      for (Job& job : jobs_) {
        if (!job.finished) Look(&job);
        working |= !job.finished;
      }
      CollectReports();
      findings_.Step();
      AnswerReports();
      if (!options_.quiet && Clock::now() - said >= milliseconds(1000)) {
        said = Clock::now();
        Progress();
      }
      if (!working) return;
    }
  }

  // One look at a worker: has it ended, died, or come to a stop?
  void Look(Job* job) {
    int status = 0;
    const pid_t gone = waitpid(job->pid, &status, WNOHANG);
    if (gone == job->pid || (gone < 0 && errno == ECHILD)) {
      job->pid = 0;
      const uint32_t state = job->block->state.load();
      if (state == WorkerBlock::kFinished || state == WorkerBlock::kUnavailable) {
        job->finished = true;
        return;
      }
      ++summary_.worker_deaths;
      // SIGKILL comes from outside: a person, or the kernel short of memory.
      const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
      if (!killed && state == WorkerBlock::kRunning) Mourn(job, Difference::kDied);
      if (!shared_->stop.load()) Restart(job);
      return;
    }
    if (job->dying > 0) {
      // It cannot die: it is left to the kernel with its block, and another takes its place.
      if (++job->dying <= kDeathTicks) return;
      job->pid = 0;
      if (blocks_.size() == static_cast<size_t>(options_.jobs + kSpares)) {
        job->finished = true;
        return;
      }
      job->block = NewBlock();
      Restart(job);
      return;
    }
    if (job->watcher.has_value() && job->watcher->Look() == Watcher::kHung) {
      Mourn(job, Difference::kHung);
      Kill(job);
      return;
    }
    const uint64_t traces = job->block->traces.load();
    const uint32_t progress = job->block->progress;
    const bool waits = job->block->answered.load() != job->block->reported.load();
    if (traces != job->seen_traces || progress != job->seen_progress || waits) job->still = 0;
    job->seen_traces = traces, job->seen_progress = progress;
    if (++job->still > kStuckTicks) {
      if (job->block->state.load() == WorkerBlock::kRunning) Mourn(job, Difference::kHung);
      Kill(job);
    }
  }

  void Kill(Job* job) {
    kill(job->pid, SIGKILL);
    job->dying = 1;
  }

  void Restart(Job* job) {
    ++job->life;
    Start(job);
  }

  // The op that was running when a worker died or hung is a divergence.
  void Mourn(Job* job, Difference how) {
    Report report;
    report.trace = job->block->current;
    if (report.trace.size == 0) return;
    const uint32_t progress = job->block->progress;
    const uint32_t op = std::min(progress, report.trace.size - 1);
    report.trace.size = op + 1;
    report.kind = {report.trace.ops[op].call, how, Rule::kNone};
    report.seen[0] = '\0';
    shared_->Counter(report.kind).count.fetch_add(1);
    findings_.Add(report.kind, report.trace.Load(), report.seen);
  }

  void CollectReports() {
    for (WorkerBlock* block : blocks_) {
      WorkerBlock& b = *block;
      for (uint32_t n = b.taken.load(); n != b.reported.load(std::memory_order_acquire); ++n) {
        const Report& report = b.reports[n % WorkerBlock::kReports];
        findings_.Add(report.kind, report.trace.Load(), report.seen);
        b.taken.store(n + 1, std::memory_order_release);
      }
    }
  }

  // A worker that waits for an answer goes on once everything taken is explained.
  void AnswerReports() {
    if (!findings_.idle()) return;
    for (WorkerBlock* b : blocks_) b->answered.store(b->taken.load(), std::memory_order_release);
  }

  // Waits for the workers to end by themselves, then makes them.
  void WindUp() {
    for (int tick = 0; tick < kFinishTicks + kDeathTicks; ++tick) {
      bool working = false;
      for (Job& job : jobs_) {
        if (job.finished || job.pid == 0) continue;
        if (waitpid(job.pid, nullptr, WNOHANG) != 0) {
          job.pid = 0;
          continue;
        }
        if (job.watcher.has_value()) (void)job.watcher->Look();  // brings home what sleeps
        if (tick == kFinishTicks) kill(job.pid, SIGKILL);
        working = true;
      }
      if (!working) return;
      poll(nullptr, 0, static_cast<int>(kTick.count()));
    }
  }

  bool Hit(size_t rule) const {
    return std::any_of(blocks_.begin(), blocks_.end(),
                       [rule](const WorkerBlock* b) { return b->rules[rule].load() != 0; });
  }

  size_t RulesHit() const {
    size_t hit = 0;
    for (size_t r = 1; r < kRules; ++r) hit += Hit(r);
    return hit;
  }

  // The rules whose id begins with the type: "pipe.eof".
  TypeRules RulesOf(const std::string& type) const {
    TypeRules rules = {.type = type};
    for (size_t r = 1; r < kRules; ++r) {
      const std::string_view id = Info(static_cast<Rule>(r)).id;
      if (!id.starts_with(type + ".")) continue;
      ++rules.total;
      if (Hit(r)) {
        ++rules.hit;
      } else {
        rules.missed.emplace_back(id);
      }
    }
    return rules;
  }

  void Progress() {
    uint64_t ops = 0, traces = 0;
    for (const WorkerBlock* b : blocks_) ops += b->ops.load(), traces += b->traces.load();
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    std::fprintf(stderr, "%.0f s  %llu ops (%.0f/s)  %llu traces  %zu/%zu rules  %s\n", seconds,
                 static_cast<unsigned long long>(ops), static_cast<double>(ops) / seconds,
                 static_cast<unsigned long long>(traces), RulesHit(), kRules - 1, findings_.Line().c_str());
  }

  void Sum() {
    summary_.seconds = std::chrono::duration<double>(ended_ - start_).count();
    summary_.interrupted = interrupts > 0;
    summary_.rules_hit = RulesHit();
    summary_.rules_total = kRules - 1;
    for (const std::string& type : options_.only) summary_.type_rules.push_back(RulesOf(type));
    for (const WorkerBlock* block : blocks_) {
      const WorkerBlock& b = *block;
      summary_.traces += b.traces.load();
      summary_.ops += b.ops.load();
      for (size_t r = 1; r < std::size(b.inconclusive); ++r) {
        if (const uint64_t n = b.inconclusive[r].load()) {
          summary_.inconclusive[std::string(ReasonName(static_cast<Reason>(r)))] += n;
        }
      }
      summary_.exact += b.exact.load();
      summary_.target_deaths += b.deaths.load();
      b.sets.AddTo(&summary_.by_set);
      b.skips.AddTo(&summary_.skipped);
    }
    findings_.Report(*shared_.get(), &summary_);
  }

  CampaignOptions options_;
  std::string corpus_;
  SharedMapping<Shared> shared_;
  Findings findings_;
  std::deque<Job> jobs_;
  std::vector<WorkerBlock*> blocks_;
  Clock::time_point start_, ended_;
  Summary summary_;
};

}  // namespace

absl::StatusOr<Summary> RunCampaign(const CampaignOptions& options) {
  std::string profile, stepping;
  const absl::Status status = ProbeTarget(options, &profile, &stepping);
  if (!status.ok()) return status;
  std::optional<TemporaryFolder> temporary;
  std::string folder = options.corpus;
  if (folder.empty()) {
    temporary.emplace();
    folder = temporary->path();
    if (folder.empty()) return absl::InvalidArgumentError("no temporary folder for a corpus; give --corpus FOLDER");
  }
  const absl::Status usable = Corpus(folder).Prepare();
  if (!usable.ok()) return usable;
  return Supervisor(options, profile, stepping, folder).Run();
}

int ExitStatus(const Summary& summary, const CampaignOptions& options) {
  if (!summary.findings.empty() || !summary.unreproducible.empty()) return 1;
  uint64_t inconclusive = 0;
  for (const auto& [reason, n] : summary.inconclusive) inconclusive += n;
  if (summary.worker_deaths > kMostDeaths) return 4;
  const double budget = options.inconclusive_budget * static_cast<double>(summary.traces) / 1e6;
  return static_cast<double>(inconclusive) > budget ? 3 : 0;
}

}  // namespace pollux
