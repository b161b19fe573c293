// Nested instances: the loop and depth check, and the limit on wake-up paths (ep_loop_check, reverse_path_check).

#include <algorithm>
#include <vector>

#include "model/model.h"

namespace pollux {
namespace {

constexpr int32_t kMaxNests = 4;  // EP_MAX_NESTS: edges in a chain
constexpr int32_t kPathLimits[kMaxNests + 1] = {1000, 500, 100, 50, 10};

// Walks every path upward from a file and counts those that end at a top, by length.
class PathCounter {
 public:
  PathCounter(const State& state, Rules* rules) : state_(state), rules_(*rules) {}

  bool Exceeds(Id file) {
    std::fill(std::begin(count_), std::end(count_), 0);
    return Walk(file, 0);
  }

 private:
  bool Walk(Id file, int32_t depth) {
    if (rules_(Rule::kPathTooLong, depth > kMaxNests, file)) return true;
    const List& items = state_.files[file].items;
    Id id = items.head;
    for (uint32_t i = items.size; i > 0 && id != kNil; --i) {
      const Id above = state_.instances[state_.items[id].instance].file;
      const bool top = state_.files[above].items.size == 0;
      if (top ? Count(depth) : depth <= kMaxNests && Walk(above, depth + 1)) return true;
      id = state_.items[id].in_file.next;
    }
    return false;
  }
  bool Count(int32_t depth) {
    // Paths through a single instance are not limited.
    if (rules_(Rule::kPathDirect, depth == 0)) return false;
    return ++count_[depth] > kPathLimits[depth];
  }

  const State& state_;
  Rules& rules_;
  int32_t count_[kMaxNests + 1] = {};
};

}  // namespace

// Would an edge from `instance` down to `target` close a loop, or a chain of more than kMaxNests edges?
bool Model::WouldLoop(Id instance, Id target) {
  ++state_.generation;
  const int32_t below = DepthBelow(target, instance, 0);
  // Before 6.17 (and stable series of August 2025) only the depth below was looked at.
  if (Has(Quirk::kDepthBelowFour)) return below > kMaxNests;
  if (Has(Quirk::kDepthBelowFive)) return below > kMaxNests + 1;
  if (rules_(Rule::kNestBelow, below > kMaxNests, target)) return true;
  ++state_.generation;
  const int32_t above = DepthAbove(instance);
  return rules_(Rule::kNestDepth, below + 1 + above > kMaxNests, instance);
}

// The longest chain of instances below; far too long if it comes by `inserting_into`.
int32_t Model::DepthBelow(Id id, Id inserting_into, int32_t depth) {
  constexpr int32_t kTooDeep = 1000;
  Instance& e = state_.instances[id];
  if (e.visited == state_.generation) return e.depth;
  e.visited = state_.generation, e.depth = 0;
  int32_t result = 0;
  Id item = e.items.head;
  for (uint32_t i = e.items.size; i > 0 && item != kNil; --i) {
    const Id inner = InstanceOf(state_.items[item].file);
    if (inner != kNil) {
      if (rules_(Rule::kNestSelf, inner == inserting_into, inner)) {
        result = kTooDeep;
      } else {
        result = std::max(result, DepthBelow(inner, inserting_into, depth + 1) + 1);
      }
    }
    item = state_.items[item].in_instance.next;
  }
  return e.depth = result;
}

int32_t Model::DepthAbove(Id id) {
  Instance& e = state_.instances[id];
  if (e.visited == state_.generation) return e.depth;
  e.visited = state_.generation, e.depth = 0;
  int32_t result = 0;
  const List& items = state_.files[e.file].items;
  Id item = items.head;
  for (uint32_t i = items.size; i > 0 && item != kNil; --i) {
    result = std::max(result, DepthAbove(state_.items[item].instance) + 1);
    item = state_.items[item].in_file.next;
  }
  return e.depth = result;
}

// The new item stands already. Its paths are counted for the leaf, or for every leaf below the nested target.
bool Model::PathsExceeded(Id, Id target, Id leaf) {
  if (Has(Quirk::kNoPathLimit)) return false;
  PathCounter counter(state_, &rules_);
  if (target == kNil) return counter.Exceeds(leaf);
  ++state_.generation;
  std::vector<Id> to_visit = {target}, leaves;
  state_.instances[target].visited = state_.generation;
  while (!to_visit.empty()) {
    const Instance& e = state_.instances[to_visit.back()];
    to_visit.pop_back();
    Id item = e.items.head;
    for (uint32_t i = e.items.size; i > 0 && item != kNil; --i) {
      const Id file = state_.items[item].file;
      const Id inner = InstanceOf(file);
      if (inner == kNil) {
        leaves.push_back(file);
      } else if (state_.instances[inner].visited != state_.generation) {
        state_.instances[inner].visited = state_.generation;
        to_visit.push_back(inner);
      }
      item = state_.items[item].in_instance.next;
    }
  }
  std::sort(leaves.begin(), leaves.end());
  leaves.erase(std::unique(leaves.begin(), leaves.end()), leaves.end());
  return std::any_of(leaves.begin(), leaves.end(), [&](Id file) { return counter.Exceeds(file); });
}

}  // namespace pollux
