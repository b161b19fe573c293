// What an executor remembers of open file descriptions, by the numbers that ops give them: a tag, 0 for nothing known.
//
// It follows what duplicates and closes a single number. One that was closed otherwise keeps its tag until an op that
// the owner knows returns it; a description that came with a message has none.

#ifndef POLLUX_ORACLE_NUMBERS_H_
#define POLLUX_ORACLE_NUMBERS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/abi.h"
#include "model/op.h"

namespace pollux {

class Numbers {
 public:
  bool empty() const { return tags_.empty(); }
  void Clear() { tags_.clear(); }

  uint16_t At(int number) const {
    const size_t n = static_cast<size_t>(number);
    return number >= 0 && n < tags_.size() ? tags_[n] : 0;
  }

  void Put(int number, uint16_t tag) {
    const size_t n = static_cast<size_t>(number);
    if (number < 0 || (tag == 0 && n >= tags_.size())) return;
    if (n >= tags_.size()) tags_.resize(n + 1);
    tags_[n] = tag;
  }

  // The op has returned that.
  void Follow(const Op& op, long result) {
    if (result < 0) return;
    if (op.call == Call::kClose) return Put(op.fd(0).number(), 0);
    if (CopiesDescriptor(op)) Put(static_cast<int>(result), At(op.fd(0).number()));
  }

 private:
  std::vector<uint16_t> tags_;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_NUMBERS_H_
