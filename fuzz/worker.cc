#include "fuzz/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fuzz/corpus.h"
#include "fuzz/features.h"
#include "fuzz/feedback.h"
#include "fuzz/habits.h"
#include "fuzz/mutator.h"
#include "fuzz/tame.h"
#include "fuzz/watched.h"
#include "model/binary.h"
#include "model/text.h"
#include "model/trace.h"
#include "oracle/checker.h"
#include "oracle/cpus.h"
#include "oracle/planted.h"

// libFuzzer's entry (compiler-rt): never returns while there is work.
extern "C" int LLVMFuzzerRunDriver(int* argc, char*** argv, int (*run)(const uint8_t* data, size_t size));
// Where a sanitizer reports to, in builds that have one.
extern "C" void __sanitizer_set_report_fd(void* fd) __attribute__((weak));

namespace pollux {
namespace {

// Times a kind is reported with its trace; beyond it only counts.
constexpr uint64_t kWitnesses = 3;
// A kind seen so often hides what lies behind it.
constexpr uint64_t kCommon = 20;
// Traces drawn and run between two of libFuzzer's: most fresh traces show nothing new, and need not be encoded,
// decoded and scanned to learn that.
constexpr int kDrawnPerInput = 1;
// To a target that is far, so many go at once.
constexpr int kDrawnForFar = 32;
constexpr size_t kMaxInput = 1 << 16;  // bytes of an encoded trace
constexpr auto kReload = std::chrono::seconds(2);

// Does the model execute, whether right or wrong on purpose?
bool OfTheModel(const std::string& target) { return target.starts_with("model:") || target.starts_with("planted:"); }

class Worker {
 public:
  Worker(const WorkerOptions& options, Shared* shared, WorkerBlock* block, std::unique_ptr<Target> target,
         std::unique_ptr<Model> model)
      : options_(options),
        shared_(shared),
        block_(block),
        target_(std::move(target)),
        model_(std::move(model)),
        watched_(target_.get(), model_.get(), &feedback_),
        checker_(&watched_, model_.get()),
        generator_(GeneratorOptions{.sleeps = options.campaign.sleeps,
                                    .callers32 = target_->LacksCaller32() == nullptr,
                                    .threads = options.campaign.threads,
                                    .model = OfTheModel(options.campaign.target),
                                    .only = KindsOf(options.campaign.only)}),
        mutator_(&generator_),
        random_(options.seed),
        corpus_(options.corpus),
        base_ops_(block->ops.load()),
        base_exact_(block->exact.load()),
        base_deaths_(block->deaths.load()) {
    check_.never_block = true;
    check_.progress = &block->progress;
    LoadCorpus();
  }

  // libFuzzer wants an input: the next one known, a mutation of `data`, or something new.
  size_t Mutate(uint8_t* data, size_t size, size_t max) {
    if (!pending_.empty()) {
      ops_ = std::move(pending_.front());
      pending_.pop_front();
      return Give(data, max);
    }
    Recall(data, size);
    if (ops_.empty() || random_.OneIn(8)) {
      generator_.Draw(&random_, &ops_);
    } else {
      mutator_.Mutate(&random_, &ops_);
    }
    Avoid();
    return Give(data, max);
  }

  size_t Cross(const uint8_t* a, size_t a_size, const uint8_t* b, size_t b_size, uint8_t* out, size_t max) {
    Recall(a, a_size);
    Decode(b, b_size, &other_);
    mutator_.Cross(&random_, other_, &ops_);
    Avoid();
    return Give(out, max);
  }

  void Test(const uint8_t* data, size_t size) {
    Recall(data, size);
    run_ = ops_;
    RunTrace(true);
    if (size == 0) return;
    if (target_->far()) return TestAhead();
    for (int i = 0; i < kDrawnPerInput; ++i) {
      generator_.Draw(&random_, &ops_);
      Avoid();
      run_ = ops_;
      if (RunTrace(false)) pending_.push_back(run_);
    }
  }

  // The same for a target that is far: the traces are under way while the first ones are looked at.
  void TestAhead() {
    for (int i = 0; i < kDrawnForFar; ++i) {
      if (shared_->stop.load(std::memory_order_relaxed)) Finish();
      generator_.Draw(&random_, &ops_);
      Avoid();
      CheckOptions check = NextCheck();
      check.foreseen = checker_.Foresee(&ops_, check);
      foreseen_.emplace_back(ops_, check);
    }
    for (; !foreseen_.empty(); foreseen_.pop_front()) {
      run_ = std::move(foreseen_.front().first);
      if (RunTrace(false, foreseen_.front().second)) pending_.push_back(run_);
    }
  }

  [[noreturn]] void Finish() {
    target_.reset();  // what it holds outside itself goes back
    block_->state.store(WorkerBlock::kFinished);
    _exit(0);
  }

 private:
  CheckOptions NextCheck() {
    CheckOptions check = check_;
    check.observe_fdinfo = ++run_count_ % options_.campaign.observe_every == 0;
    // It takes a deadline to see that one sleeps: once, in a campaign that is about few types.
    check.sleeping_opens = !options_.campaign.only.empty() && !Held(Rule::kFifoSleeps);
    return check;
  }

  // Runs run_. True if it conforms and reached something new.
  bool RunTrace(bool visible) { return RunTrace(visible, NextCheck()); }

  bool RunTrace(bool visible, const CheckOptions& check) {
    if (shared_->stop.load(std::memory_order_relaxed) || OpsSpent()) Finish();
    block_->current.Store(run_);
    block_->progress = 0;
    feedback_.Start(visible);
    model_->rules().ClearHits();
    const Verdict verdict = checker_.Run(&run_, check);
    const bool fresh = feedback_.Finish(*model_);
    if (fresh) PublishRules();
    PublishCounts();
    if (verdict.value == Verdict::kConforms) {
      if (fresh) Save();
      return fresh;
    }
    if (visible) Feedback::Clear();
    if (verdict.value == Verdict::kInconclusive) {
      block_->inconclusive[static_cast<size_t>(verdict.reason)].fetch_add(1, std::memory_order_relaxed);
    } else {
      Diverged(verdict);
    }
    return false;
  }

  bool OpsSpent() const { return options_.ops != 0 && block_->ops.load(std::memory_order_relaxed) >= options_.ops; }

  void Diverged(const Verdict& verdict) {
    run_.resize(std::min(run_.size(), verdict.op + 1));
    const uint64_t key = Shared::Key(verdict.kind);
    Seen& seen = kinds_[key];
    seen.features = seen.count++ == 0 ? FeaturesOf(run_) : seen.features & FeaturesOf(run_);
    shared_->Counter(verdict.kind).count.fetch_add(1, std::memory_order_relaxed);
    if (seen.count <= kWitnesses) Tell(verdict);
  }

  void Tell(const Verdict& verdict) {
    const uint32_t n = block_->reported.load(std::memory_order_relaxed);
    while (n - block_->taken.load(std::memory_order_acquire) >= WorkerBlock::kReports) Pause();
    Report& report = block_->reports[n % WorkerBlock::kReports];
    report.kind = verdict.kind;
    std::snprintf(report.seen, sizeof report.seen, "%s", PrintOutcome(run_.back(), verdict.observed).c_str());
    report.trace.Store(run_);
    block_->reported.store(n + 1, std::memory_order_release);
    // What ends the campaign is decided before more is run.
    if (options_.campaign.stop_after == 0) return;
    while (block_->answered.load(std::memory_order_acquire) != n + 1) Pause();
  }

  void Pause() {
    if (shared_->stop.load(std::memory_order_relaxed)) Finish();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  // Half of the traces do without something that every trace of a common kind had.
  void Avoid() {
    if (kinds_.empty()) return;
    if (!random_.OneIn(2)) return;
    for (const auto& [key, seen] : kinds_) {
      if (seen.count >= kCommon && seen.features.any()) Strip(OneFeature(seen.features, &random_), &ops_);
    }
  }

  // ops_ becomes what the bytes say. They are nearly always those last given.
  void Recall(const uint8_t* data, size_t size) {
    if (size == given_.size() && (size == 0 || std::memcmp(data, given_.data(), size) == 0)) {
      ops_ = given_ops_;
    } else {
      Decode(data, size, &ops_);
    }
  }

  size_t Give(uint8_t* data, size_t max) {
    Encode(ops_, &given_);
    given_ops_ = ops_;
    if (given_.size() > max) {
      given_.resize(max);
      Decode(reinterpret_cast<const uint8_t*>(given_.data()), max, &given_ops_);
    }
    std::memcpy(data, given_.data(), given_.size());
    return given_.size();
  }

  void Save() {
    if (run_.empty()) return;
    target_->Reset();  // the trace may have left no descriptor to open
    (void)corpus_.Add(run_);
    const auto now = std::chrono::steady_clock::now();
    if (options_.campaign.jobs > 1 && now - loaded_ > kReload) LoadCorpus();
  }

  void LoadCorpus() {
    loaded_ = std::chrono::steady_clock::now();
    corpus_.Read([this](std::vector<Op> ops) {
      for (Op& op : ops) Tame(&op);
      Canonicalize(ops);
      if (ops.size() > kMaxTrace) ops.resize(kMaxTrace);
      pending_.push_back(std::move(ops));
    });
  }

  void PublishCounts() {
    block_->traces.store(block_->traces.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    block_->ops.store(base_ops_ + checker_.ops_run(), std::memory_order_relaxed);
    block_->exact.store(base_exact_ + checker_.exact(), std::memory_order_relaxed);
    skips_.Publish(checker_.skipped(), checker_.skips(), &block_->skips);
    block_->deaths.store(base_deaths_ + target_->deaths(), std::memory_order_relaxed);
    sets_.Publish(checker_.by_set(), checker_.sets(), &block_->sets);
  }

  bool Held(Rule rule) const { return block_->rules[static_cast<size_t>(rule)].load(std::memory_order_relaxed) != 0; }

  void PublishRules() {
    const auto& hits = model_->rules().hits();
    for (size_t r = 0; r < hits.size(); ++r) {
      if (hits[r] != 0) block_->rules[r].store(1, std::memory_order_relaxed);
    }
  }

  // What of a tally the supervisor knows.
  struct Published {
    uint64_t sum = 0;
    std::vector<uint64_t> counts;

    void Publish(uint64_t now, const Tally& tally, SharedTally* shared) {
      if (now == sum) return;
      sum = now;
      counts.resize(tally.size());
      for (size_t i = 0; i < tally.size(); ++i) {
        shared->Add(tally[i].first, tally[i].second - counts[i]);
        counts[i] = tally[i].second;
      }
    }
  };

  struct Seen {
    uint64_t count = 0;
    Features features;  // what all its traces have in common
  };

  WorkerOptions options_;
  Shared* shared_;
  WorkerBlock* block_;
  std::unique_ptr<Target> target_;
  std::unique_ptr<Model> model_;
  Feedback feedback_;
  Watched watched_;
  Checker checker_;
  CheckOptions check_;
  Generator generator_;
  Mutator mutator_;
  Random random_;
  Corpus corpus_;
  std::chrono::steady_clock::time_point loaded_;
  std::deque<std::vector<Op>> pending_;  // what libFuzzer has not been shown yet
  std::map<uint64_t, Seen> kinds_;
  std::vector<Op> ops_, other_, run_;
  std::deque<std::pair<std::vector<Op>, CheckOptions>> foreseen_;  // traces under way, and how they are checked
  std::string given_;                                              // the input last made, and what it says
  std::vector<Op> given_ops_;
  uint64_t base_ops_, base_exact_, base_deaths_, run_count_ = 0;
  Published skips_, sets_;
};

// libFuzzer speaks on descriptor 2, of itself only. What others have to say goes to descriptor 1.
void Silence() {
  dup2(2, 1);
  const int null = open("/dev/null", O_RDWR);
  if (null < 0) return;
  dup2(null, 2);
  if (null > 2) close(null);
  if (__sanitizer_set_report_fd != nullptr) __sanitizer_set_report_fd(reinterpret_cast<void*>(1));
}

// Several workers keep to a CPU each: what they wake is near, and none waits for another one.
void KeepToOneCpu(const WorkerOptions& options) {
  cpu_set_t all, one;
  if (options.campaign.jobs == 1 || sched_getaffinity(0, sizeof all, &all) != 0) return;
  if (options.campaign.jobs > CPU_COUNT(&all)) return;
  NthCpu(all, options.job, &one);
  sched_setaffinity(0, sizeof one, &one);
}

Worker* worker = nullptr;

int TestOneInput(const uint8_t* data, size_t size) {
  worker->Test(data, size);
  return 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Model>> OpenModel(const CampaignOptions& options, const Target& target) {
  Profile profile = target.profile();
  if (!options.profile.empty() && !FindProfile(options.profile, &profile)) {
    return absl::InvalidArgumentError(
        absl::StrCat("no profile is called '", options.profile, "'; 'pollux profiles' lists them"));
  }
  if (options.judge.empty()) return std::make_unique<Model>(profile, target.facts());
  const PlantedInfo* bug = FindPlanted(options.judge);
  if (bug == nullptr) return absl::InvalidArgumentError(absl::StrCat("no planted bug is called '", options.judge, "'"));
  return NewPlantedModel(*bug, profile, target.facts());
}

void RunWorker(const WorkerOptions& options, Shared* shared, WorkerBlock* block) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int s : {SIGINT, SIGTERM, SIGHUP}) signal(s, SIG_IGN);
  syscall(SYS_close_range, 3, ~0u, 0);  // what watches the other workers
  Silence();
  KeepToOneCpu(options);

  TargetOptions target_options;
  target_options.allow_sysctl = options.campaign.allow_sysctl;
  target_options.allow_clock = options.campaign.allow_clock;
  target_options.job = options.job;
  target_options.deadline_ms = options.campaign.deadline_ms;
  target_options.own_thread = false;
  target_options.mark = &block->mark;
  absl::StatusOr<std::unique_ptr<Target>> target = OpenTarget(options.campaign.target, target_options);
  if (!target.ok()) {
    block->state.store(WorkerBlock::kUnavailable);
    _exit(0);
  }
  absl::StatusOr<std::unique_ptr<Model>> model = OpenModel(options.campaign, **target);
  if (!model.ok()) {
    block->state.store(WorkerBlock::kUnavailable);
    _exit(0);
  }
  worker = new Worker(options, shared, block, std::move(*target), std::move(*model));
  block->state.store(WorkerBlock::kRunning);

  const std::string seed = absl::StrCat("-seed=", options.seed % 0x7fffffff + 1);
  const std::string length = absl::StrCat("-max_len=", kMaxInput);
  // Time, signals, memory and files are ours; no counter but ours is looked at. The entropic schedule counts every
  // feature of every run, which costs more than the model.
  std::vector<std::string> flags = {"pollux",
                                    seed,
                                    length,
                                    "-len_control=0",
                                    "-timeout=0",
                                    "-rss_limit_mb=0",
                                    "-malloc_limit_mb=0",
                                    "-detect_leaks=0",
                                    "-use_value_profile=0",
                                    "-reduce_inputs=0",
                                    "-entropic=0",
                                    "-reload=0",
                                    "-verbosity=0",
                                    "-handle_segv=0",
                                    "-handle_bus=0",
                                    "-handle_abrt=0",
                                    "-handle_ill=0",
                                    "-handle_fpe=0",
                                    "-handle_int=0",
                                    "-handle_term=0",
                                    "-handle_xfsz=0",
                                    "-handle_usr1=0",
                                    "-handle_usr2=0",
                                    "-purge_allocator_interval=-1",
                                    absl::StrCat("-artifact_prefix=", options.corpus, "/.")};
  std::vector<char*> argv;
  for (std::string& flag : flags) argv.push_back(flag.data());
  argv.push_back(nullptr);
  int argc = static_cast<int>(argv.size()) - 1;
  char** arguments = argv.data();
  LLVMFuzzerRunDriver(&argc, &arguments, TestOneInput);
  worker->Finish();
}

}  // namespace pollux

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int) {
  return pollux::worker->Mutate(data, size, max_size);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* data1, size_t size1, const uint8_t* data2, size_t size2,
                                            uint8_t* out, size_t max_out_size, unsigned int) {
  return pollux::worker->Cross(data1, size1, data2, size2, out, max_out_size);
}
