// What is known to differ on a target: data that goes stale loudly (ci/expectations/TARGET.txt).
//
//     # A comment.
//     poll|ppoll / memory / *                      signatures, as reports write them; * is any, | is or
//     epoll_wait / missing / callback.link as if planted:fault.loses
//         Why, in words that its maintainers
//         would agree with.
//         link https://...                         where it is discussed; may be missing
//         rate 0.5                                 how often the witness gives it, if not always
//         | ep = epoll_create1(0)                  the witness: a trace that gives one of the signatures
//         | ...
//
// "as if NAME" wants that name among what explains the minimal trace, "as if nothing" that nothing does. An entry is
// one cause. A divergence that one of its signatures matches is expected; a witness that no longer gives one is stale.

#ifndef POLLUX_ORACLE_EXPECTATIONS_H_
#define POLLUX_ORACLE_EXPECTATIONS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "model/trace.h"

namespace pollux {

struct Expected {
  std::vector<std::string> signatures;
  std::string why, link;
  Trace witness;
  double rate = 1;
  int line = 0;  // of the first signature

  bool Matches(std::string_view kind, std::string_view as_if) const;
};

class Expectations {
 public:
  // INVALID_ARGUMENT names file and line, and what is wrong: an entry without a reason or witness, a signature that
  // could match anything.
  static absl::StatusOr<Expectations> Parse(std::string_view text, const std::string& file);

  // The first entry that matches a kind's name, and what explains it ("a, b"); or nullptr.
  const Expected* Find(std::string_view kind, std::string_view as_if) const;
  const std::vector<Expected>& entries() const { return entries_; }

 private:
  std::vector<Expected> entries_;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_EXPECTATIONS_H_
