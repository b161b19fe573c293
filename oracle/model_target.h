// A model as a target: the simulator that event loops and the harness itself are tested against.

#ifndef POLLUX_ORACLE_MODEL_TARGET_H_
#define POLLUX_ORACLE_MODEL_TARGET_H_

#include <string>
#include <utility>

#include "model/model.h"
#include "oracle/exec.h"
#include "oracle/target.h"

namespace pollux {

class ModelTarget : public Target {
 public:
  ModelTarget(std::string name, const Profile& profile, const Facts& facts = {})
      : name_(std::move(name)), model_(profile, facts) {}

  std::string name() const override { return name_; }
  const Profile& profile() const override { return model_.profile(); }
  const Facts& facts() const override { return model_.facts(); }
  const char* Lacks(Call) const override { return nullptr; }
  void Reset() override { model_.Reset(); }
  // Leaves out what native would, so that traces mean the same on both.
  void Run(const Op& op, Outcome* out) override {
    if (const char* why = Refused(op)) {
      out->Clear();
      out->kind = Outcome::kSkipped;
      out->note = why;
    } else {
      model_.Run(op, out);
    }
  }

  Model& model() { return model_; }

 private:
  std::string name_;
  Model model_;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_MODEL_TARGET_H_
