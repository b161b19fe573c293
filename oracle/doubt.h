// What a target says of itself: how it steps threads, and why a divergence may say nothing.

#ifndef POLLUX_ORACLE_DOUBT_H_
#define POLLUX_ORACLE_DOUBT_H_

#include <cstdint>
#include <string_view>

namespace pollux {

// Why there is no verdict.
enum class Reason : uint8_t {
  kNone,
  kFactChanged,  // a fact of the machine is another one than at start-up
  kOutOfTurn,    // something that was sent may have come later than the op that sent it
  kTooManyStates,
  kUnmodelled,
  kDisturbed,  // a thread may have run in the middle of another one's call
};

// How threads are stepped, as a self-test has found.
struct Stepping {
  enum Level : uint8_t {
    kNot,       // they are left out
    kInOrder,   // those who are woken run in the order in which they were
    kAnyOrder,  // in an order that nobody knows
  };
  Level level = kNot;
  std::string_view how;  // or why not
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_DOUBT_H_
