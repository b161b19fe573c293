// Mistakes in the files that are opened by name: devices, attributes, what announces changes.

#include "oracle/mistake.h"

namespace pollux {
namespace {

Which TheWhich(const Scene& s) { return s.state().inodes[s.description().inode].which; }
Plain& AskedPlain(const Scene& s) { return s.state().plains[s.id]; }

// Notifies on the queue of one kind alone.
bool Announces(Scene& s, List& queue, uint32_t key) {
  if (s.value) s.model.Notify(queue, key);
  return false;
}

}  // namespace

const std::vector<Mistake>& NamedMistakes() {
  static const std::vector<Mistake> mistakes = {
      {"device.proc-refused",
       "device",
       "files in /proc are refused, as regular files are",
       {Rule::kCtlNoPoll},
       [](Scene& s) {
         const File& target = s.description(2);
         return s.value || (target.type == FileType::kConstant && s.state().inodes[target.inode].which == Which::kStat);
       }},
      {"device.random-writable",
       "device",
       "/dev/random is writable, too: one may write to it",
       {Rule::kDeviceRandom},
       [](Scene&) { return false; }},
      {"device.poll-reads",
       "device",
       "a poll takes an attribute's ERR and PRI, as it takes a change of the mounts",
       {Rule::kDeviceUnread},
       [](Scene& s) {
         AskedPlain(s).read = true;
         return s.value;
       }},
      {"device.read-by-all",
       "device",
       "what one description has read, all have read",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         const bool reads = s.Calls(Call::kRead) && TheWhich(s) == Which::kAttribute;
         if (!reads || out->kind != Outcome::kValues || s.op.arg[2] == 0) return;
         for (Id id = 1; id < s.state().plains.size(); ++id) s.state().plains[id].read = true;
       }},
      {"device.read-to-the-end",
       "device",
       "an attribute has been read once all of it has been",
       {Rule::kDeviceUnread},
       [](Scene& s) { return s.value || AskedPlain(s).position < 2; }},
      {"proc.change-stays",
       "proc",
       "a change is reported until the file is read",
       {Rule::kProcConsumed},
       [](Scene&) { return false; }},
      {"proc.opened-before",
       "proc",
       "a new description reports the last change, however old",
       {Rule::kProcOpened},
       [](Scene&) { return false; }},
      {"proc.wait-consumes",
       "proc",
       "only a wait takes a change, poll(2) leaves it",
       {Rule::kProcConsumed},
       [](Scene& s) { return s.value && !s.Calls(Call::kPoll); }},
      {"proc.shared-change",
       "proc",
       "a change is taken once, by whichever description is polled first",
       {Rule::kProcConsumed},
       [](Scene& s) {
         for (Id id = 1; id < s.state().files.size(); ++id) {
           const File& f = s.state().files[id];
           if (f.type != FileType::kAnnounces || s.state().inodes[f.inode].which == Which::kDomainName) continue;
           s.state().plains[f.object].changes = s.state().mounts.changes;
         }
         return s.value;
       }},
      {"proc.keyed",
       "proc",
       "a change notifies with key PRI, so that who asked for IN alone is not told",
       {Rule::kProcChangeWakes},
       [](Scene& s) {
         const bool name = static_cast<Which>(s.op.arg[0]) == Which::kDomainName;
         return Announces(s, name ? s.state().domain_name.queue : s.state().mounts.queue, kPri);
       }},
  };
  return mistakes;
}

}  // namespace pollux
