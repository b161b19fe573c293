// The campaign's inner loop as a plain libFuzzer target: decode, run on the target beside the model, compare.
//
// For those who have ways of their own to run libFuzzer. POLLUX_TARGET names the target, native by default. A
// divergence is reported on stderr and aborts, so that libFuzzer keeps the input.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/feedback.h"
#include "fuzz/mutator.h"
#include "fuzz/tame.h"
#include "fuzz/watched.h"
#include "model/binary.h"
#include "model/trace.h"
#include "oracle/checker.h"
#include "oracle/report.h"
#include "oracle/target.h"

namespace pollux {
namespace {

class Harness {
 public:
  static Harness& Get() {
    static Harness* harness = new Harness;
    return *harness;
  }

  void Test(const uint8_t* data, size_t size) {
    Decode(data, size, &ops_);
    for (Op& op : ops_) Tame(&op);
    Canonicalize(ops_);
    feedback_.Start(true);
    model_->rules().ClearHits();
    const Verdict verdict = checker_->Run(&ops_, {.observe_fdinfo = true, .never_block = true}, &outcomes_);
    feedback_.Finish(*model_);
    target_->Reset();  // RLIMIT_NOFILE is the process's: whoever called opens files
    if (verdict.value != Verdict::kDiverges) return;
    Divergence d;
    d.target = target_->name(), d.profile = model_->profile(), d.facts = model_->facts();
    ops_.resize(verdict.op + 1);
    d.ops = ops_, d.outcomes = outcomes_, d.verdict = verdict;
    Explain(model_.get(), &d);
    std::fputs(PrintDivergence(d).c_str(), stderr);
    std::abort();
  }

  size_t Mutate(uint8_t* data, size_t size, size_t max, uint32_t seed) {
    Random random(seed);
    Decode(data, size, &ops_);
    mutator_.Mutate(&random, &ops_);
    return Give(data, max);
  }
  size_t Cross(const uint8_t* a, size_t a_size, const uint8_t* b, size_t b_size, uint8_t* out, size_t max,
               uint32_t seed) {
    Random random(seed);
    std::vector<Op> other;
    Decode(a, a_size, &ops_);
    Decode(b, b_size, &other);
    mutator_.Cross(&random, other, &ops_);
    return Give(out, max);
  }

 private:
  Harness() : mutator_(&generator_) {
    const char* name = std::getenv("POLLUX_TARGET");
    absl::StatusOr<std::unique_ptr<Target>> target = OpenTarget(name == nullptr ? "native" : name);
    if (!target.ok()) {
      std::fprintf(stderr, "pollux: %s\n", std::string(target.status().message()).c_str());
      std::exit(4);
    }
    target_ = std::move(*target);
    model_ = std::make_unique<Model>(target_->profile(), target_->facts());
    watched_ = std::make_unique<Watched>(target_.get(), model_.get(), &feedback_);
    checker_ = std::make_unique<Checker>(watched_.get(), model_.get());
  }

  size_t Give(uint8_t* data, size_t max) {
    std::string bytes;
    Encode(ops_, &bytes);
    const size_t size = std::min(bytes.size(), max);
    std::memcpy(data, bytes.data(), size);
    return size;
  }

  Generator generator_;
  Mutator mutator_;
  Feedback feedback_;
  std::unique_ptr<Target> target_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Watched> watched_;
  std::unique_ptr<Checker> checker_;
  std::vector<Op> ops_;
  std::vector<Outcome> outcomes_;
};

}  // namespace
}  // namespace pollux

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pollux::Harness::Get().Test(data, size);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  return pollux::Harness::Get().Mutate(data, size, max_size, seed);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* data1, size_t size1, const uint8_t* data2, size_t size2,
                                            uint8_t* out, size_t max_out_size, unsigned int seed) {
  return pollux::Harness::Get().Cross(data1, size1, data2, size2, out, max_out_size, seed);
}
