// The signals that traces send to the process that executes them, and that nobody but they receives.
//
// They are blocked in every thread: in the executing one by this class, in those that were there before it by who
// started them (BlockSignals), and in later ones by inheritance. So a signal stays pending until a trace reads it, a
// temporary mask lets it through to a handler that does nothing, or the trace ends. Not thread-safe.

#ifndef POLLUX_ORACLE_SIGNALS_H_
#define POLLUX_ORACLE_SIGNALS_H_

#include <signal.h>

#include "model/op.h"

namespace pollux {

// Blocks them in the calling thread, and adds them to *set, which may be null.
void BlockSignals(sigset_t* set = nullptr);

class Signals {
 public:
  // The calling thread executes from here on.
  void Open();
  // Why the op cannot be made here, or nullptr.
  const char* Lacks(Call call) const;
  // The op may send one.
  void Sends() { sent_ = true; }
  bool sent() const { return sent_; }
  // Is one pending?
  bool Pending() const;
  // Takes all that are pending.
  void Drain();

  // Handlers, for the whole process: those of traces do nothing and let no other signal in.
  static void TakeHandlers();
  static void GiveHandlers();

 private:
  bool sent_ = false, others_block_ = false;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_SIGNALS_H_
