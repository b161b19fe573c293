// A target on a thread of its own, for callers who want to keep their descriptor table and never to hang.
//
// Every op is handed over and back, about 10 us. The waiting caller is the watcher: a call that sleeps past the
// deadline is brought home (kBlocked); if that fails the outcome is kHung, so is every outcome until the next Reset,
// which abandons the thread and opens the target again on a new one.

#ifndef POLLUX_ORACLE_OWN_THREAD_H_
#define POLLUX_ORACLE_OWN_THREAD_H_

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "oracle/exec.h"
#include "oracle/target.h"
#include "oracle/watcher.h"

namespace pollux {

class OwnThread : public Target {
 public:
  // Opens the target; runs on the new thread. The mark is for the target to note its calls in.
  using Opener = std::function<absl::StatusOr<std::unique_ptr<Target>>(CallMark* mark)>;
  static absl::StatusOr<std::unique_ptr<Target>> Open(Opener opener, int deadline_ms);
  ~OwnThread() override;

  std::string name() const override { return name_; }
  const Profile& profile() const override { return profile_; }
  const Facts& facts() const override { return facts_; }
  std::span<const Quirk> probed() const override { return probed_; }
  const char* Lacks(Call call) const override { return lacks_[static_cast<size_t>(call)]; }
  const char* LacksCaller32() const override { return lacks_caller32_; }
  Stepping Threads() override;
  void Reset() override;
  void Run(const Op& op, Outcome* out) override;
  bool Disturbed() override;
  Reason Doubt() override;

 private:
  struct Thread;
  OwnThread() = default;
  absl::Status Start();
  bool Ask(int request);

  Opener opener_;
  int deadline_ms_ = 0;
  std::string name_;
  Profile profile_;
  Facts facts_;
  std::vector<Quirk> probed_;
  std::array<const char*, kCalls> lacks_ = {};
  const char* lacks_caller32_ = nullptr;
  std::shared_ptr<Thread> thread_;  // null: hung
  std::optional<Watcher> watcher_;  // of thread_->mark
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_OWN_THREAD_H_
