// A target elsewhere: a command that runs the agent (agent.cc) and passes on its stdin and stdout, as `sh`, ssh,
// `runsc do` or an emulator do.
//
// Every op is a question and an answer, unless its trace was foreseen: then all ops of it, and of the traces foreseen
// behind it, are under way at once, and the agent runs ahead for as long as each does what was foreseen.
//
// The command is started, stopped and started again here. When it dies, it is started once more, and the trace is run
// up to the same op, one op at a time: if it dies again, the op's outcome is kDied, and so is every outcome until the
// next Reset; if not, stderr is told, and the trace goes on. An agent that does not answer in time is stopped: kHung.

#ifndef POLLUX_ORACLE_REMOTE_H_
#define POLLUX_ORACLE_REMOTE_H_

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "oracle/target.h"
#include "oracle/wire.h"

namespace pollux {

class RemoteTarget : public Target {
 public:
  // `command` is executed with the words given. UNAVAILABLE, with the reason, where no agent answers.
  static absl::StatusOr<std::unique_ptr<RemoteTarget>> Open(std::string name, std::vector<std::string> command,
                                                            const TargetOptions& options);
  ~RemoteTarget() override;

  std::string name() const override { return name_; }
  const Profile& profile() const override { return profile_; }
  const Facts& facts() const override { return facts_; }
  std::span<const Quirk> probed() const override { return probed_; }
  const char* Lacks(Call call) const override { return lacks_[static_cast<size_t>(call)]; }
  const char* LacksCaller32() const override { return lacks_caller32_; }
  void Reset() override { ResetTo(0); }
  void Run(const Op& op, Outcome* out) override;
  Stepping Threads() override { return {info_.stepping, info_.how}; }
  // Where threads run in an order that nobody knows, nobody is asked whether one was in another one's way.
  bool Disturbed() override { return info_.stepping == Stepping::kAnyOrder; }
  Reason Doubt() override;
  bool far() const override { return true; }
  uint32_t Foresee(std::span<const Op> ops, std::span<const Outcome> outcomes) override;
  void ResetTo(uint32_t foreseen) override;
  uint64_t deaths() const override { return deaths_; }
  std::string last_words() const override { return last_words_; }

  const AgentInfo& info() const { return info_; }

 private:
  class Command;
  enum class Answer { kCame, kDied, kSilent };
  // A trace that the agent has been asked for ahead.
  struct Ahead {
    uint32_t id = 0;
    std::vector<Op> ops;
    std::optional<std::vector<Outcome>> outcomes;  // of as many ops as it ran
  };

  RemoteTarget();
  absl::Status Start();
  void Stop();
  Answer Await(uint32_t id, size_t ops, std::string* payload);
  Answer Ask(bool reset, std::span<const Op> ops, Outcome* last);
  bool RunAhead(const Op& op, Outcome* out);
  void RunAgain(const Op& op, Outcome* out);
  void Bury(const std::string& what);

  std::string name_;
  std::vector<std::string> words_;
  TargetOptions options_;
  AgentInfo info_;
  Profile profile_;
  Facts facts_;
  std::vector<Quirk> probed_;
  std::array<const char*, kCalls> lacks_ = {};
  const char* lacks_caller32_ = nullptr;

  std::unique_ptr<Command> command_;  // null: not running
  uint32_t last_id_ = 0;
  std::string sending_;  // frames that wait for company

  std::deque<Ahead> ahead_;
  bool in_ahead_ = false;                  // this trace is the first of ahead_,
  size_t next_ = 0;                        // of which this is the next op
  std::vector<Op> executed_;               // of this trace
  bool in_step_ = false;                   // the agent stands behind executed_
  Outcome::Kind gone_ = Outcome::kValues;  // kHung or kDied: every outcome until the next Reset
  uint64_t deaths_ = 0;
  std::string last_words_;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_REMOTE_H_
