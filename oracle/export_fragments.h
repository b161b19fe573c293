// Pieces of exported programs: a function or a variable that a program's body mentions by name.
//
// Each is text in C, and where the dialects differ in how a comparison is said, in C++ for GoogleTest. A program holds
// those that it mentions and those that they mention, in the order of AllFragments(). Two words are replaced: OWN, of
// what each thread has for itself where there are threads, and GUILTY, the exit status of a difference.

#ifndef POLLUX_ORACLE_EXPORT_FRAGMENTS_H_
#define POLLUX_ORACLE_EXPORT_FRAGMENTS_H_

#include <array>
#include <span>
#include <string_view>

namespace pollux {

struct Fragment {
  std::string_view name;    // mentioned as a whole word
  std::string_view c, cpp;  // cpp empty: as in C
};

// By subject; within one, in the order in which they are defined.
std::span<const Fragment> MemoryFragments();    // where pointers stand, and what they point to
std::span<const Fragment> CallFragments();      // making a call, and what is said of its outcome
std::span<const Fragment> QuotaFragments();     // watches
std::span<const Fragment> SocketFragments();    // addresses, options, descriptors in messages
std::span<const Fragment> FileFragments();      // sets, segments, fdinfo, FIFOs
std::span<const Fragment> ProcessFragments();   // a second process
std::span<const Fragment> NotifyFragments();    // events of inotify, the memory of rings
std::span<const Fragment> SignalFragments();    // signals, children, message queues
std::span<const Fragment> Caller32Fragments();  // 32-bit callers
std::span<const Fragment> ThreadFragments();    // threads that are stepped

inline std::array<std::span<const Fragment>, 10> AllFragments() {
  return {MemoryFragments(), Caller32Fragments(), CallFragments(),   QuotaFragments(),  SocketFragments(),
          FileFragments(),   ProcessFragments(),  NotifyFragments(), SignalFragments(), ThreadFragments()};
}

}  // namespace pollux

#endif  // POLLUX_ORACLE_EXPORT_FRAGMENTS_H_
