// Mistakes in the other doors to readiness and to what files hold: select, ppoll, readv, writev, ioctls.

#include "oracle/mistake.h"

namespace pollux {
namespace {

bool PollsASet(const Scene& s) { return s.Calls(Call::kSelect) || s.Calls(Call::kPpoll); }

}  // namespace

const std::vector<Mistake>& DoorMistakes() {
  static const std::vector<Mistake> mistakes = {
      // --- select(2) and ppoll(2)
      {"select.hup-unread",
       "doors",
       "a descriptor that hung up is not readable for select unless bytes are left",
       {Rule::kSelectRead},
       [](Scene& s) { return s.value && (s.id & ~kHup & (kIn | kRdnorm | kRdband | kErr | kNval)) != 0; }},
      {"select.err-exceptional",
       "doors",
       "BSD: a pending error is an exceptional condition for select",
       {Rule::kSelectExcept},
       [](Scene& s) { return s.value || (s.id & kErr) != 0; }},
      {"select.path-bad",
       "doors",
       "select finds an O_PATH descriptor not open",
       {Rule::kSelectBad},
       [](Scene& s) {
         return s.value || s.state().files[s.model.FileAt(static_cast<int32_t>(s.id))].type == FileType::kPath;
       }},
      {"poll.fault-first",
       "doors",
       "a set that cannot be written is refused before anything is polled",
       {Rule::kPollFault},
       [](Scene& s) { return s.value || (PollsASet(s) && s.op.npoll > 0 && s.op.mem(0).kind() == Memory::kReadonly); }},

      // --- readv(2) and writev(2)
      {"vector.first-alone",
       "doors",
       "readv fills the first segment that is not empty, no more",
       {},
       nullptr,
       [](Scene& s) {
         if (s.Calls(Call::kReadv) && s.op.arg[2] != 0) s.op.arg[4] = 0;
       }},
      {"vector.message-each",
       "doors",
       "writev to a socket sends one message a segment",
       {Rule::kVectorBySegment},
       [](Scene& s) { return s.value || s.state().files[s.id].type == FileType::kUnix; }},
      {"vector.read-twice",
       "doors",
       "readv of a timer is one read a segment, as until 6.9",
       {Rule::kVectorReadBySegment},
       [](Scene& s) { return s.value || s.state().files[s.id].type == FileType::kTimerfd; }},
      {"vector.read-joined",
       "doors",
       "readv reads once into the first segment's length and the second's, whatever the file",
       {Rule::kVectorReadBySegment},
       [](Scene&) { return false; }},

      // --- splice(2) and its kin
      {"splice.copies",
       "doors",
       "splice reads from one pipe and writes to the other: what it brings can be merged with",
       {Rule::kSpliceMovesWhole},
       [](Scene& s) { return s.value || !s.Calls(Call::kTee); }},
      {"splice.wakes-if-full",
       "doors",
       "a slot freed by splicing is an edge for writers only if all were in use, as by read",
       {Rule::kSpliceWakesWriters},
       [](Scene& s) { return s.value && s.memo == s.id; },
       [](Scene& s) {
         const File& in = s.description();
         if (in.type != FileType::kPipe || (!s.Calls(Call::kSplice) && !s.Calls(Call::kVmsplice))) return;
         const Pipe& p = s.state().pipes[in.object];
         if (p.slots.size >= p.max_slots) s.memo = in.object;
       }},
      {"splice.sendfile-anything",
       "doors",
       "sendfile of nothing succeeds from what cannot be sought",
       {Rule::kSpliceNotSeekable},
       [](Scene& s) { return s.value && s.op.arg[2] != 0; }},
      {"splice.offset-moves",
       "doors",
       "an offset is where splice and sendfile begin, and the file's position moves all the same",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         const bool splice = s.Calls(Call::kSpliceAt);
         if ((!splice && !s.Calls(Call::kSendfileAt)) || out->kind != Outcome::kValues) return;
         for (const size_t slot : {size_t{0}, size_t{splice ? 3u : 1u}}) {
           const File& f = s.description(slot);
           if (f.type == FileType::kMemfd) s.state().plains[f.object].position += out->value[0];
         }
       }},
      {"splice.offset-order",
       "doors",
       "an offset is read before splice knows whether it is for a pipe",
       {Rule::kSpliceOffsetPipe},
       [](Scene& s) {
         return s.value && s.op.mem(1).kind() != Memory::kUnmapped && s.op.mem(4).kind() != Memory::kUnmapped;
       }},
      {"splice.offset-espipe",
       "doors",
       "an offset for a file without positions is no error for what is empty",
       {Rule::kSpliceOffsetNot},
       [](Scene& s) { return s.value && s.op.arg[s.Calls(Call::kSpliceAt) ? 6 : 4] != 0; }},
      {"splice.tee-consumes",
       "doors",
       "tee takes the bytes out of its source",
       {},
       nullptr,
       [](Scene& s) {
         if (s.Calls(Call::kTee) && (s.op.u32(3) & ~kSpliceAll) == 0) s.op.call = Call::kSplice;
       }},

      // --- kcmp(2)
      {"kcmp.number",
       "doors",
       "kcmp finds what an item's number names now, not what it watches",
       {Rule::kKcmpSame},
       [](Scene& s) { return s.Calls(Call::kKcmpTfd) ? s.file() == s.file(2) : s.value; }},
      {"kcmp.numbers-differ",
       "doors",
       "two numbers of one description are not the same file",
       {Rule::kKcmpSame},
       [](Scene& s) { return s.value && (!s.Calls(Call::kKcmpFile) || s.op.num(0) == s.op.num(1)); }},

      // --- ioctl(2)
      {"ioctl.fionbio-replaces",
       "doors",
       "FIONBIO sets all status flags, as F_SETFL does",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (s.Calls(Call::kFionbio) && out->kind == Outcome::kValues)
           s.description().flags &= ~(kOAppend | kODirect | kOAsync);
       }},
      {"ioctl.fionread-urgent",
       "doors",
       "FIONREAD of a TCP socket counts an urgent byte and what is behind it",
       {Rule::kTcpUnreadUrgent},
       [](Scene&) { return false; }},
      {"ioctl.fionread-all",
       "doors",
       "FIONREAD of a datagram socket counts all that is queued, as that of a stream",
       {Rule::kUdpUnreadFirst, Rule::kUnixUnreadFirst},
       [](Scene&) { return false; }},
      {"ioctl.fioasync-polls",
       "doors",
       "every file that can be polled can notify asynchronously",
       {Rule::kFioasyncNot},
       [](Scene& s) { return s.value && s.state().files[s.id].type < FileType::kEpoll; }},
      {"ioctl.fionread-slot",
       "doors",
       "FIONREAD of a pipe counts what one read would find in its first slot",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         const File& f = s.description();
         if (!s.Calls(Call::kFionread) || out->kind != Outcome::kValues || f.type != FileType::kPipe) return;
         out->value[0] = s.state().slots[s.state().pipes[f.object].slots.head].bytes;
       }},
  };
  return mistakes;
}

}  // namespace pollux
