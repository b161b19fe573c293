// The mutator: changes traces by whole ops and by the kind of each argument, and crosses two of them.
//
// Whatever it does to the order of ops, descriptor operands are linked again: to the same creator where it still comes
// before, else to the nearest earlier creator of that kind of file. Results are canonical and tame. Deterministic in
// the Random given. Not thread-safe.

#ifndef POLLUX_FUZZ_MUTATOR_H_
#define POLLUX_FUZZ_MUTATOR_H_

#include <array>
#include <cstdint>
#include <vector>

#include "fuzz/generator.h"
#include "fuzz/random.h"
#include "model/op.h"

namespace pollux {

class Mutator {
 public:
  // The generator is not owned: ops that are inserted or appended are drawn by it.
  explicit Mutator(Generator* generator) : generator_(generator) {}

  // One to four changes.
  void Mutate(Random* random, std::vector<Op>* ops);
  // Puts a part of `other` into *ops.
  void Cross(Random* random, const std::vector<Op>& other, std::vector<Op>* ops);

  // The changes, singly.
  enum Change : uint8_t {
    kArgument,   // changes one argument, by its kind
    kRetarget,   // another descriptor
    kDelete,     // takes a block of ops out
    kDuplicate,  // a block again, somewhere later
    kMove,       // a block elsewhere
    kSwap,       // two ops
    kRepeat,     // a block several times in a row
    kInsert,     // generated ops in the middle
    kAppend,     // ops after the end, the end taken off first
    kChanges,
  };
  void Apply(Change change, Random* random, std::vector<Op>* ops);

 private:
  // Where an op of the result comes from: op `index` of the trace itself or of the other.
  struct Source {
    uint32_t index;
    bool other;
  };
  // The kind of file that each output of each op names, as far as the text of the trace tells.
  using Kinds = std::vector<std::array<FileKind, 2>>;
  static void FindKinds(const std::vector<Op>& ops, Kinds* kinds);

  // Replaces *ops by the ops of plan_, linked again.
  void Rebuild(const std::vector<Op>* other, std::vector<Op>* ops);
  void PlanAll(size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) plan_.push_back({static_cast<uint32_t>(i), false});
  }
  void ChangeArgument(Random* random, std::vector<Op>* ops);
  void Retarget(Random* random, std::vector<Op>* ops);
  uint64_t NewValue(Random* random, const Op& op, size_t slot);

  Generator* generator_;
  std::vector<Source> plan_;
  std::vector<Op> result_, tail_;
  Kinds kinds_, other_kinds_, result_kinds_;
  std::vector<uint32_t> placed_, other_placed_;  // where an op stands in the result, + 1
};

}  // namespace pollux

#endif  // POLLUX_FUZZ_MUTATOR_H_
