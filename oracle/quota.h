// The quota of epoll watches: makes exactly n more fit.
//
// fs.epoll.max_user_watches counts the watches of the user who created an instance, by real uid (SPEC 7). So the
// executing thread gets a real uid of its own job (its effective one stays root's, and with it every permission), and
// a helper thread with the same uid and a descriptor table of its own holds ballast: watches that fill the limit until
// n are left. The first use takes the time to add that many (0.1 s for 200,000); later ones move what differs.
//
// Needs root. A limit above kAffordableWatches is lowered by the guardian first, if that is allowed.

#ifndef POLLUX_ORACLE_QUOTA_H_
#define POLLUX_ORACLE_QUOTA_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace pollux {

class Quota {
 public:
  // For the calling thread, whose real uid becomes the job's until the destructor. Null, and why, if that cannot be.
  // `why` is static.
  static std::unique_ptr<Quota> Open(int job, bool allow_sysctl, const char** why);
  ~Quota();
  Quota(const Quota&) = delete;
  Quota& operator=(const Quota&) = delete;

  // From now on exactly n more watches fit. Null, or why not.
  const char* Leave(int64_t n);

  // A trace has begun; the watches of the one before are gone.
  void Reset();
  // The trace is about to add a watch. Ballast makes way before it could be felt, in steps that double: a trace without
  // the op has room for whatever it adds.
  void Adding() {
    if (room_ != kUnlimited && ++added_ > room_) [[unlikely]]
      MakeRoom();
  }

  // Did nobody change the limit since it was filled?
  bool Holds() const;

 private:
  struct Ballast;
  static constexpr int64_t kUnlimited = int64_t{1} << 62;
  static constexpr int64_t kLeastRoom = 32;

  Quota() = default;
  void Main(int job, bool allow_sysctl);
  const char* Ask(int64_t leave, int64_t remove);
  void MakeRoom();

  uint32_t real_uid_ = 0;      // the thread's before
  int64_t limit_ = -1;         // when it was last filled
  int64_t room_ = kUnlimited;  // how many watches a trace can add without feeling the ballast
  int64_t added_ = 0;
  int64_t left_ = -1;  // what this trace has asked for

  // What the threads hand each other. A request: leave so many, or remove so many.
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = true, quit_ = false;  // the first request is to be ready
  int64_t leave_ = -1, remove_ = 0;
  uint32_t uid_ = 0;
  const char* answer_ = nullptr;
  std::thread helper_;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_QUOTA_H_
