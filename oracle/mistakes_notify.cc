// Mistakes in files by which the kernel tells of what was done: inotify, io_uring.

#include <algorithm>

#include "oracle/mistake.h"

namespace pollux {
namespace {

// The inotify that descriptor slot 0 names, or the null one.
Id Named(const Scene& s) {
  const File& file = s.description();
  return file.type == FileType::kInotify ? file.object : kNil;
}

// Every watch is asked of the one that a rule is asked about.
Watch& AskedWatch(const Scene& s) { return s.state().watches[s.id]; }

}  // namespace

const std::vector<Mistake>& NotifyMistakes() {
  static const std::vector<Mistake> mistakes = {
      {"inotify.key-in",
       "inotify",
       "an event notifies with key IN, which who waits for PRI does not hear",
       {Rule::kInotifyWakes},
       [](Scene& s) {
         s.model.Notify(s.state().inotifies[s.id].queue, kIn | kRdnorm);
         return false;
       }},
      {"inotify.merge-notifies",
       "inotify",
       "an event that is merged with the last one is an edge all the same",
       {Rule::kInotifyMerged},
       [](Scene& s) {
         for (Id id = 1; s.value && id < s.state().inotifies.size(); ++id) {
           Inotify& inotify = s.state().inotifies[id];
           if (inotify.notices.tail == s.id) s.model.Notify(inotify.queue, 0);
         }
         return s.value;
       }},
      {"inotify.first-wakes",
       "inotify",
       "only the event that makes it readable is an edge",
       {Rule::kInotifyWakes},
       [](Scene& s) { return s.value && s.state().inotifies[s.id].notices.size == 1; }},
      {"inotify.merge-any",
       "inotify",
       "an event that is in the queue is not queued again, wherever it stands",
       {Rule::kInotifyAsked},
       [](Scene& s) {
         if (!s.value || (s.op.call != Call::kWrite && s.op.call != Call::kWritev)) return s.value;
         const Watch& w = AskedWatch(s);
         for (Id id = s.state().inotifies[w.inotify].notices.head; id != kNil;) {
           const Notice& notice = s.state().notices[id];
           if (notice.wd == w.wd && notice.mask == kInModify) return false;
           id = notice.in_inotify.next;
         }
         return true;
       }},
      {"inotify.read-partial",
       "inotify",
       "a fault behind events that were copied is a short read",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         const Memory memory = s.op.mem(1);
         if (!s.Calls(Call::kRead) || Named(s) == kNil || out->kind != Outcome::kError || out->error != kEFAULT) return;
         if (memory.kind() == Memory::kFault && memory.records() >= kInEventSize) out->Value(kInEventSize);
       }},
      {"inotify.open-path",
       "inotify",
       "opening with O_PATH is an event, as Linux did until 6.9",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kReopen) || out->kind != Outcome::kValues || (s.op.u32(1) & kOPath) == 0) return;
         const Id watch = s.state().inodes[s.state().files[s.file()].inode].watches.head;
         if (watch == kNil || (s.state().watches[watch].events & kInOpen) == 0) return;
         Inotify& inotify = s.state().inotifies[s.state().watches[watch].inotify];
         const Id id = s.state().notices.New();
         s.state().notices[id].mask = kInOpen, s.state().notices[id].wd = s.state().watches[watch].wd;
         NoticeList::PushBack(s.state().notices, inotify.notices, id);
         s.model.Notify(inotify.queue, 0);
       }},
      {"inotify.wd-reused",
       "inotify",
       "the number of a watch that went is given again",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (s.Calls(Call::kInotifyRm) && out->kind == Outcome::kValues)
           s.state().inotifies[Named(s)].next_wd = s.op.num(1);
       }},

      // --- io_uring ------------------------------------------------------------------------------------------------
      {"ring.key-all",
       "ring",
       "completions notify with key 0, as most files do",
       {Rule::kRingWakes},
       [](Scene& s) {
         if (s.value) s.model.Notify(s.state().rings[s.id].queue, 0);
         return false;
       }},
      {"ring.wake-each",
       "ring",
       "submitting is an edge also where nothing was there to submit",
       {Rule::kRingWakes},
       [](Scene& s) { return s.value || s.op.u32(1) > 0; }},
      {"ring.overflow-silent",
       "ring",
       "a completion that finds no room notifies nobody",
       {Rule::kRingWakes},
       [](Scene& s) { return s.value && s.memo < s.state().rings[s.id].completions; },
       [](Scene& s) {
         const File& file = s.description();
         if (file.type == FileType::kRing) s.memo = s.state().rings[file.object].completions;
       }},
      {"ring.poll-flushes",
       "ring",
       "a poll moves completions that wait, as Linux did until 5.10",
       {Rule::kRingIn},
       [](Scene& s) {
         Ring& r = s.state().rings[s.id];
         const int64_t n = std::min(r.overflow, r.cq_entries - r.completions);
         r.overflow -= n, r.completions += n;
         return r.completions > 0;
       }},
      {"ring.overflow-lost",
       "ring",
       "completions beyond the queue are lost, as without IORING_FEAT_NODROP",
       {Rule::kRingOverflows},
       [](Scene& s) {
         if (s.value) --s.state().rings[s.id].overflow;
         return s.value;
       }},
      {"ring.sq-ignored", "ring", "an io_uring is always writable", {Rule::kRingOut}, [](Scene&) { return true; }},
  };
  return mistakes;
}

}  // namespace pollux
