// Mistakes in pseudoterminals.

#include "oracle/mistake.h"

namespace pollux {
namespace {

// The pseudoterminal that descriptor slot 0 names a side of, or the null one; and that side.
Pty& Named(const Scene& s) {
  const File& file = s.description();
  const bool side = file.type == FileType::kPtm || file.type == FileType::kPts;
  return s.state().ptys[side ? file.object : kNil];
}
size_t SideOf(const Scene& s) { return s.description().type == FileType::kPts ? 1 : 0; }
Tty& Other(const Scene& s) { return Named(s).side[SideOf(s) ^ 1]; }

constexpr int64_t kLimit = 8192;

}  // namespace

const std::vector<Mistake>& PtyMistakes() {
  static const std::vector<Mistake> mistakes = {
      {"pty.out-if-full",
       "pty",
       "a read notifies the other side only if it could not write, as that of a pipe does",
       {Rule::kPtyReadWakes},
       [](Scene& s) { return s.value && s.state().ptys[s.id].side[SideOf(s)].held >= kLimit; }},
      {"pty.in-if-empty",
       "pty",
       "bytes are an edge only where nothing was readable",
       {Rule::kPtyReceiveWakes},
       [](Scene& s) { return s.value && s.memo == 0; },
       [](Scene& s) {
         if (s.Calls(Call::kWrite) || s.Calls(Call::kWritev)) s.memo = Other(s).unread;
       }},
      {"pty.reopen-notifies",
       "pty",
       "a slave that is opened again notifies the master",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kPtsopen) || out->kind != Outcome::kValues) return;
         s.model.Notify(Named(s).side[0].read_queue, 0), s.model.Notify(Named(s).side[0].write_queue, 0);
       }},
      {"pty.any-slave",
       "pty",
       "the master is hung up by whatever slave is closed",
       {Rule::kPtySlaveLast},
       [](Scene& s) { return s.value || s.state().ptys[s.id].side[0].files > 0; }},
      {"pty.close-flushes",
       "pty",
       "what the last slave has written goes with it",
       {Rule::kPtySlaveLast},
       [](Scene& s) {
         if (s.value) s.state().ptys[s.id].side[0].unread = 0;
         return s.value;
       }},
      {"pty.eof",
       "pty",
       "a master without a slave reads an end of file",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         const bool io = out->kind == Outcome::kError && out->error == kEIO && s.Calls(Call::kRead);
         if (io && s.description().type == FileType::kPtm) out->Value(0);
       }},
  };
  return mistakes;
}

}  // namespace pollux
