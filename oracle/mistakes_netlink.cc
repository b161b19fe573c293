// Mistakes in netlink sockets: who is told of what, and what is lost.

#include "oracle/mistake.h"

namespace pollux {
namespace {

Netlink& Asked(const Scene& s) { return s.state().netlinks[s.id]; }
Netlink& TheSocket(const Scene& s) {
  const File& f = s.description();
  return s.state().netlinks[f.type == FileType::kNetlink ? f.object : kNil];
}

}  // namespace

const std::vector<Mistake>& NetlinkMistakes() {
  static const std::vector<Mistake> mistakes = {
      {"netlink.first-message",
       "netlink",
       "a message is an edge only where none was queued",
       {Rule::kNetlinkArrivalWakes},
       [](Scene& s) { return s.value && Asked(s).messages.size == 1; }},
      {"netlink.overrun-silent",
       "netlink",
       "an overrun is found by the next receive, nobody is told of it",
       {Rule::kNetlinkOverrunWakes},
       [](Scene&) { return false; }},
      {"netlink.relieved-early",
       "netlink",
       "one receive is enough for answers to come again after an overrun",
       {Rule::kNetlinkRelieved},
       [](Scene& s) { return s.value || Asked(s).congested; }},
      {"netlink.out-full",
       "netlink",
       "as a datagram socket of AF_UNIX, it is not writable while its peer is full",
       {Rule::kNetlinkOut},
       [](Scene& s) {
         for (Id id = 1; id < s.state().netlinks.size(); ++id) {
           const Netlink& other = s.state().netlinks[id];
           if (Asked(s).to == 0 || other.address != Asked(s).to) continue;
           return other.used + s.model.facts().netlink_charge <= other.receive_buffer;
         }
         return true;
       }},
      {"netlink.dump-at-once",
       "netlink",
       "all parts of a dump are queued by the request",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kNlRequest) || out->kind != Outcome::kValues || !TheSocket(s).dumping) return;
         Netlink& socket = TheSocket(s);
         socket.dumping = false;
         const Id m = s.state().netlink_messages.New();
         s.state().netlink_messages[m].bytes = 20;
         ++socket.parts;
         NetlinkList::PushBack(s.state().netlink_messages, socket.messages, m);
       }},
      {"netlink.error-of-a-send",
       "netlink",
       "a send returns the pending error, as that of a UDP socket does",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kSend) || out->kind != Outcome::kValues || TheSocket(s).error == kOK) return;
         out->Error(TheSocket(s).error);
         TheSocket(s).error = kOK;
       }},
  };
  return mistakes;
}

}  // namespace pollux
