// Mistakes in TCP and UDP sockets over loopback.

#include "oracle/mistake.h"

namespace pollux {
namespace {

// The INET socket that descriptor slot 0 names.
Inet& TheInet(const Scene& s) {
  const File& file = s.description();
  return s.state().inets[file.type == FileType::kTcp || file.type == FileType::kUdp ? file.object : kNil];
}
// What the rule is asked about.
Inet& Asked(const Scene& s) { return s.state().inets[s.id]; }

bool Sends(const Scene& s) { return s.Calls(Call::kWrite) || s.Calls(Call::kSend); }
bool Receives(const Scene& s) { return s.Calls(Call::kRead) || s.Calls(Call::kRecv); }

bool NotifyInstead(Scene& s, List& queue, uint32_t key) {
  if (s.value) s.model.Notify(queue, key);
  return false;
}

}  // namespace

const std::vector<Mistake>& InetMistakes() {
  static const std::vector<Mistake> mistakes = {
      {"tcp.first-arrival",
       "tcp",
       "data that arrive behind unread data are no edge",
       {Rule::kTcpArrivalWakes},
       [](Scene& s) { return s.value && s.memo == 0; },
       [](Scene& s) {
         const Inet& peer = s.state().inets[TheInet(s).peer];
         s.memo = Sends(s) && peer.received > peer.copied;
       }},
      {"tcp.fin-in",
       "tcp",
       "the end of the other side notifies with the key of data: an item for RDHUP alone is not woken",
       {Rule::kTcpFinWakes},
       [](Scene& s) { return NotifyInstead(s, Asked(s).queue, kIn | kRdnorm); }},
      {"tcp.half-close-hup",
       "tcp",
       "the end of one direction is HUP",
       {Rule::kTcpHup},
       [](Scene& s) { return s.value || Asked(s).shut_rd; }},
      {"tcp.shut-out",
       "tcp",
       "a socket whose send side was shut is not writable",
       {Rule::kTcpOut},
       [](Scene& s) { return s.value && !Asked(s).shut_wr; }},
      {"tcp.reset-no-hup",
       "tcp",
       "a reset connection is ERR and IN, not HUP",
       {Rule::kTcpHup},
       [](Scene& s) { return s.value && Asked(s).error == kOK; }},
      {"tcp.error-stays",
       "tcp",
       "SO_ERROR does not clear the error",
       {Rule::kInetErrorTaken},
       [](Scene& s) { return s.value && !s.Calls(Call::kGetsockopt); }},
      {"tcp.fresh-silent",
       "tcp",
       "a socket that never was connected is not HUP",
       {Rule::kTcpHup},
       [](Scene& s) { return s.value && (Asked(s).shut_rd || Asked(s).address != 0 || Asked(s).error != kOK); }},
      {"tcp.fresh-out",
       "tcp",
       "a socket that never was connected is not writable",
       {Rule::kTcpOut},
       [](Scene& s) { return s.value && (Asked(s).state != TcpState::kClosed || Asked(s).shut_rd); }},
      {"tcp.accept-edge",
       "tcp",
       "an accept that leaves connections pending is an edge",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         Inet& l = TheInet(s);
         if (s.Calls(Call::kAccept4) && out->kind == Outcome::kValues && l.pending.size > 0) {
           s.model.Notify(l.queue, kIn | kRdnorm);
         }
       }},
      {"tcp.pending-first",
       "tcp",
       "only the first pending connection is an edge",
       {Rule::kTcpPendingWakes},
       [](Scene& s) { return s.value && Asked(s).pending.size == 1; }},
      {"tcp.accept-last",
       "tcp",
       "connections are accepted newest first",
       {},
       nullptr,
       [](Scene& s) {
         Inet& l = TheInet(s);
         if (!s.Calls(Call::kAccept4) || l.pending.size < 2) return;
         const Id last = l.pending.tail;
         InetList::Remove(s.state().inets, l.pending, last);
         InetList::PushFront(s.state().inets, l.pending, last);
       }},
      {"tcp.listen-edge",
       "tcp",
       "listen notifies, since the mask changes",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (s.Calls(Call::kListen) && out->kind == Outcome::kValues) s.model.Notify(TheInet(s).queue, 0);
       }},
      {"tcp.read-edge",
       "tcp",
       "a receive is an OUT edge for the sender, as on a UNIX socket",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         const Inet& socket = TheInet(s);
         if (Receives(s) && socket.peer != kNil && out->kind == Outcome::kValues && out->value[0] > 0) {
           s.model.Notify(s.state().inets[socket.peer].queue, kOut | kWrnorm);
         }
       }},
      {"tcp.shut-again",
       "tcp",
       "a shutdown that changes nothing notifies nobody",
       {Rule::kTcpShutWakes},
       [](Scene& s) { return s.value && s.memo != 1 + Asked(s).shut_rd + 2 * Asked(s).shut_wr; },
       [](Scene& s) { s.memo = 1 + TheInet(s).shut_rd + 2 * TheInet(s).shut_wr; }},
      {"tcp.self-first",
       "tcp",
       "shutdown notifies the socket itself before the other side",
       {Rule::kTcpFinWakes},
       [](Scene& s) {
         if (s.value && s.Calls(Call::kShutdown)) s.model.Notify(TheInet(s).queue, 0);
         return s.value;
       }},
      {"tcp.listener-first",
       "tcp",
       "a connection notifies the listener before the client",
       {Rule::kTcpConnectWakes},
       [](Scene& s) {
         const Id listener = s.state().files[s.file(1)].object;
         if (s.value) s.model.Notify(s.state().inets[listener].queue, kIn | kRdnorm | kPri | kRdband);
         return s.value;
       }},
      {"tcp.lowat-mask",
       "tcp",
       "SO_RCVLOWAT holds back notifications, but not readiness",
       {Rule::kTcpIn},
       [](Scene& s) {
         const Inet& socket = Asked(s);
         const bool urgent = socket.urgent != Urgent::kNone && socket.urgent_at == socket.copied;
         return socket.received - socket.copied > (urgent ? 1 : 0);
       }},
      {"tcp.lowat-edges",
       "tcp",
       "SO_RCVLOWAT holds back readiness, but not notifications",
       {Rule::kTcpArrivalWakes},
       [](Scene&) { return true; }},
      {"tcp.urgent-in",
       "tcp",
       "D24: an urgent byte is data as well",
       {Rule::kTcpUrgentNotIn},
       [](Scene&) { return false; }},
      {"tcp.close-fin",
       "tcp",
       "closing with unread data ends the connection as if it was read",
       {Rule::kTcpCloseUnread},
       [](Scene&) { return false; }},
      {"tcp.pipe-reset",
       "tcp",
       "sending to a side that was closed is ECONNRESET",
       {Rule::kTcpResetPipe},
       [](Scene&) { return false; }},

      {"udp.own-edge",
       "udp",
       "a send is no OUT edge for the sender",
       {Rule::kUdpSpaceWakes},
       [](Scene&) { return false; }},
      {"udp.first-arrival",
       "udp",
       "a datagram that arrives behind unread ones is no edge",
       {Rule::kUdpArrivalWakes},
       [](Scene& s) { return s.value && Asked(s).messages.size == 1; }},
      {"udp.empty-silent",
       "udp",
       "an empty datagram is not queued",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!Sends(s) || s.op.arg[2] != 0 || out->kind != Outcome::kValues || TheInet(s).stream) return;
         for (Id id = 1; id < s.state().inets.size(); ++id) {
           Inet& to = s.state().inets[id];
           if (to.stream || to.messages.size == 0 || to.address != TheInet(s).peer_address) continue;
           MessageList::Remove(s.state().messages, to.messages, to.messages.tail);
         }
       }},
      {"udp.refused-twice",
       "udp",
       "a refused datagram's error is not cleared by the send that reports it",
       {Rule::kInetErrorTaken},
       [](Scene& s) { return s.value && !(Sends(s) && !TheInet(s).stream); }},
      {"udp.refused-in",
       "udp",
       "a pending error makes a socket readable",
       {Rule::kUdpIn},
       [](Scene& s) { return s.value || Asked(s).error != kOK; }},
      {"udp.unfiltered",
       "udp",
       "a connected socket receives from everybody",
       {Rule::kUdpFiltered},
       [](Scene&) { return false; }},
      {"udp.shut-drops",
       "udp",
       "SHUT_RD discards what was not read",
       {Rule::kUdpShutRd},
       [](Scene& s) {
         if (s.value) Asked(s).messages = {};
         return s.value;
       }},
  };
  return mistakes;
}

}  // namespace pollux
