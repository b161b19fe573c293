// Mistakes in what processes tell one another with: message queues, signals, the end of a child.

#include "oracle/mistake.h"

namespace pollux {
namespace {

// The queue that descriptor slot 0 names, or the null one.
Mqueue& TheQueue(const Scene& s) {
  const File& file = s.description();
  return s.state().mqueues[file.type == FileType::kMqueue ? s.state().inodes[file.inode].object : kNil];
}
Mqueue& AskedQueue(const Scene& s) { return s.state().mqueues[s.id]; }

// Some of the calls notify with another key, or none.
bool NotifyInstead(Scene& s, List& queue, uint32_t key) {
  if (s.value) s.model.Notify(queue, key);
  return false;
}

}  // namespace

const std::vector<Mistake>& SignalMistakes() {
  static const std::vector<Mistake> mistakes = {
      {"mq.send-key-in",
       "mq",
       "a send notifies with IN alone: it is no OUT edge",
       {Rule::kMqSendWakes},
       [](Scene& s) { return NotifyInstead(s, AskedQueue(s).queue, kIn | kRdnorm); }},
      {"mq.receive-key-out",
       "mq",
       "a receive notifies with OUT alone: it is no IN edge",
       {Rule::kMqReceiveWakes},
       [](Scene& s) { return NotifyInstead(s, AskedQueue(s).queue, kOut | kWrnorm); }},
      {"mq.first-send-wakes",
       "mq",
       "only a message into an empty queue notifies, as mq_notify(3) does",
       {Rule::kMqSendWakes},
       [](Scene& s) { return s.value && AskedQueue(s).messages.size == 1; }},
      {"mq.full-receive-wakes",
       "mq",
       "only a receive that makes room in a full queue notifies",
       {Rule::kMqReceiveWakes},
       [](Scene& s) { return s.value && AskedQueue(s).messages.size + 1 == AskedQueue(s).most; }},
      {"mq.fault-keeps",
       "mq",
       "a message that cannot be copied stays",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kMqReceive) || out->kind != Outcome::kError || out->error != kEFAULT) return;
         const Id message = s.state().mq_messages.New();
         s.state().mq_messages[message].bytes = 1;
         MqMessageList::PushFront(s.state().mq_messages, TheQueue(s).messages, message);
       }},
      {"mq.newest-of-priority",
       "mq",
       "within a priority the newest message comes first",
       {},
       nullptr,
       [](Scene& s) {
         Mqueue& q = TheQueue(s);
         if (!s.Calls(Call::kMqReceive) || q.messages.size < 2) return;
         const Id newest = q.messages.tail;
         if (s.state().mq_messages[newest].priority != s.state().mq_messages[q.messages.head].priority) return;
         MqMessageList::Remove(s.state().mq_messages, q.messages, newest);
         MqMessageList::PushFront(s.state().mq_messages, q.messages, newest);
       }},
      {"mq.length-before-priority",
       "mq",
       "a priority out of range is found after the descriptor and the length",
       {Rule::kMqPriority},
       [](Scene& s) { return s.value && s.description().type == FileType::kMqueue; }},
      {"mq.fault-after-full",
       "mq",
       "a full queue is EAGAIN before the message is copied in",
       {Rule::kMemoryFault},
       [](Scene& s) {
         const Mqueue& q = TheQueue(s);
         return s.value && !(s.Calls(Call::kMqSend) && q.messages.size >= q.most);
       }},

      // --- Signals -----------------------------------------------------------------------------------------------
      {"signalfd.mask-filters",
       "signalfd",
       "a signal notifies only if the newest signalfd is about it",
       {Rule::kSignalWakes},
       [](Scene& s) {
         if (s.state().signalfds.size() < 2) return s.value;
         const Signalfd& newest = s.state().signalfds[static_cast<Id>(s.state().signalfds.size() - 1)];
         return s.value && (newest.mask & SignalBit(s.op.num(0))) != 0;
       }},
      {"signalfd.key-in",
       "signalfd",
       "a signal notifies with IN: what is not interested in it is not queued",
       {Rule::kSignalWakes},
       [](Scene& s) { return NotifyInstead(s, s.state().signal_queue, kIn); }},
      {"signalfd.repeat-wakes",
       "signalfd",
       "a standard signal that is pending already notifies again",
       {Rule::kSignalMerged},
       [](Scene& s) {
         if (s.value) s.model.Notify(s.state().signal_queue, 0);
         return s.value;
       }},
      {"signalfd.process-first",
       "signalfd",
       "signals of the process are read before those of the thread",
       {},
       nullptr,
       [](Scene& s) {
         if (!s.Calls(Call::kSignals) && !s.Calls(Call::kRead)) return;
         if (s.description().type != FileType::kSignalfd) return;
         for (PendingSignal& p : s.state().signals) p.shared = !p.shared;
         s.memo = 1;
       },
       [](Scene& s, Outcome*) {
         if (s.memo == 0) return;
         for (PendingSignal& p : s.state().signals) p.shared = !p.shared;
       }},
      {"signalfd.one-at-a-time",
       "signalfd",
       "a read returns one signal, however much room there is",
       {Rule::kSignalfdReadMore},
       [](Scene&) { return false; }},
      {"signalfd.fault-keeps",
       "signalfd",
       "a signal that cannot be copied stays pending",
       {Rule::kSignalfdFault},
       [](Scene& s) {
         if (s.value) s.state().signals.push_back({kTraceSignals[0], 0, false});
         return s.value;
       }},
      {"signalfd.in-of-any",
       "signalfd",
       "any pending signal makes a signalfd readable, whatever its mask",
       {Rule::kSignalfdIn},
       [](Scene& s) { return !s.state().signals.empty(); }},
      {"signalfd.pwait-looks",
       "signalfd",
       "epoll_pwait is interrupted by a signal that its mask lets through even if it does not sleep",
       {Rule::kWaitInterrupted},
       [](Scene&) { return true; }},
      {"signalfd.ppoll-sleeps",
       "signalfd",
       "ppoll with timeout 0 is not interrupted",
       {Rule::kPollInterrupted},
       [](Scene& s) {
         const bool looks = s.op.mem(1) == Memory() && s.op.arg[2] == 0 && s.op.arg[3] == 0;
         return s.value && !looks;
       }},
      {"signalfd.mask-change-silent",
       "signalfd",
       "a mask set anew on an existing signalfd tells nobody: what is pending already is reported with the next signal",
       {Rule::kSignalfdMaskWakes},
       [](Scene&) { return false; }},

      // --- Processes ---------------------------------------------------------------------------------------------
      {"pidfd.exit-hup",
       "pidfd",
       "a dead child is HUP at once, before it is reaped",
       {Rule::kPidfdHup},
       [](Scene& s) { return s.state().children[s.id].state != ChildState::kAlive; }},
      {"pidfd.reap-silent", "pidfd", "reaping notifies nobody", {Rule::kPidfdReapWakes}, [](Scene&) { return false; }},
      {"pidfd.exit-key",
       "pidfd",
       "the end of a child notifies with key 0",
       {Rule::kPidfdExitWakes},
       [](Scene& s) { return NotifyInstead(s, s.state().children[s.id].queue, 0); }},
      {"pidfd.gone-after-reap",
       "pidfd",
       "a child that was reaped is no longer IN",
       {Rule::kPidfdIn},
       [](Scene& s) { return s.value && s.state().children[s.id].state != ChildState::kReaped; }},
      {"pidfd.alive-echild",
       "pidfd",
       "reaping a child that is alive through a non-blocking pidfd is ECHILD",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kReap) || out->kind != Outcome::kError || out->error != kEAGAIN) return;
         out->Error(kECHILD);
       }},
  };
  return mistakes;
}

}  // namespace pollux
