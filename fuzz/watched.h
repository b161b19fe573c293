// A target that tells the feedback, before each op runs, what the model did with it.
//
// The checker runs the model first, so that its rules and state are those of the op when the target is asked.

#ifndef POLLUX_FUZZ_WATCHED_H_
#define POLLUX_FUZZ_WATCHED_H_

#include <span>
#include <string>

#include "fuzz/feedback.h"
#include "model/model.h"
#include "oracle/target.h"

namespace pollux {

class Watched : public Target {
 public:
  // None is owned.
  Watched(Target* target, Model* model, Feedback* feedback) : target_(target), model_(model), feedback_(feedback) {}
  std::string name() const override { return target_->name(); }
  const Profile& profile() const override { return target_->profile(); }
  const Facts& facts() const override { return target_->facts(); }
  const char* Lacks(Call call) const override { return target_->Lacks(call); }
  Stepping Threads() override { return target_->Threads(); }
  void Reset() override { target_->Reset(); }
  void Run(const Op& op, Outcome* out) override {
    feedback_->Op(op, *model_);
    target_->Run(op, out);
  }
  bool Disturbed() override { return target_->Disturbed(); }
  Reason Doubt() override { return target_->Doubt(); }
  bool far() const override { return target_->far(); }
  uint32_t Foresee(std::span<const pollux::Op> ops, std::span<const Outcome> outcomes) override {
    return target_->Foresee(ops, outcomes);
  }
  void ResetTo(uint32_t foreseen) override { target_->ResetTo(foreseen); }

 private:
  Target* target_;
  Model* model_;
  Feedback* feedback_;
};

}  // namespace pollux

#endif  // POLLUX_FUZZ_WATCHED_H_
