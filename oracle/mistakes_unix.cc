// Mistakes in AF_UNIX sockets: how they are connected, who waits for whom, and what travels with messages.

#include "oracle/mistake.h"

namespace pollux {
namespace {

constexpr uint32_t kArrival = kIn | kPri | kRdnorm | kRdband;
constexpr uint32_t kSpace = kOut | kWrnorm | kWrband;

Socket& AskedSocket(const Scene& s) { return s.state().sockets[s.id]; }
// The socket that descriptor slot 0 of the op names.
Id TheSocket(const Scene& s) { return s.description().type == FileType::kUnix ? s.description().object : kNil; }
bool Notify(Scene& s, Id socket, uint32_t key) {
  s.model.Notify(s.state().sockets[socket].queue, key);
  return s.value;
}

}  // namespace

const std::vector<Mistake>& UnixMistakes() {
  static const std::vector<Mistake> mistakes = {
      // --- Listeners and connections
      {"listen.hup",
       "listen",
       "D29 epoll-shim: a listener is hung up until somebody connects",
       {Rule::kUnixUnconnected},
       [](Scene& s) {
         const Socket& socket = AskedSocket(s);
         return s.value || (socket.state == SocketState::kListening && socket.messages.size == 0);
       }},
      {"listen.first-only",
       "listen",
       "D94: a connection is an edge for the listener only if none was pending",
       {Rule::kConnectWakesListener},
       [](Scene& s) { return s.value && AskedSocket(s).messages.size == 1; }},
      {"listen.backlog-n",
       "listen",
       "a backlog of n has room for n connections",
       {Rule::kConnectFull},
       [](Scene& s) { return s.value || AskedSocket(s).messages.size >= AskedSocket(s).backlog; }},
      {"listen.edge",
       "listen",
       "listen notifies the socket, whose HUP vanishes",
       {Rule::kListenConnected},
       [](Scene& s) { return s.value ? true : Notify(s, s.id, 0); }},
      {"listen.close-quiet",
       "listen",
       "closing a listener leaves those who wait to be accepted as they are",
       {Rule::kUnixReleaseEmbryos},
       [](Scene&) { return false; }},
      {"connect.client-edge",
       "connect",
       "connect notifies the client, which can write now",
       {Rule::kConnectWakesListener},
       [](Scene& s) { return Notify(s, TheSocket(s), kSpace); }},
      {"connect.isconn-first",
       "connect",
       "a connected socket is told so before its address is looked at",
       {Rule::kConnectNotListening, Rule::kConnectFull},
       [](Scene& s) {
         const bool connected = s.state().sockets[TheSocket(s)].state == SocketState::kConnected;
         return s.value && !connected;
       }},
      {"connect.reconnects",
       "connect",
       "a socket that is connected can be connected anew",
       {Rule::kConnectTwice},
       [](Scene& s) { return s.value && AskedSocket(s).state == SocketState::kListening; }},
      {"accept.client-edge",
       "connect",
       "accept notifies the client",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kAccept4) || out->kind != Outcome::kValues) return;
         const File& file = s.state().files[s.model.FileAt(static_cast<int32_t>(out->value[0]))];
         if (file.type == FileType::kUnix) Notify(s, s.state().sockets[file.object].peer, kSpace);
       }},

      // --- Datagrams, one way
      {"dgram.relay-one",
       "dgram",
       "only one of those who wait for room is told when a datagram was read",
       {Rule::kUnixRecvRelays},
       [](Scene& s) {
         List& waiting = AskedSocket(s).waiting;
         while (waiting.size > 1) {
           const Id sender = waiting.tail;
           WaitingList::Remove(s.state().sockets, waiting, sender);
           s.state().sockets[sender].waits_for = kNil;
         }
         return s.value;
       }},
      {"dgram.peer-full-ignored",
       "dgram",
       "a one-way sender is writable although its peer's queue is full",
       {Rule::kUnixPeerFull},
       [](Scene&) { return false; }},
      {"dgram.dissolve-silent",
       "dgram",
       "ending a connection notifies nobody",
       {Rule::kUnixReconnectWakes},
       [](Scene& s) { return s.value && !s.Calls(Call::kConnect); }},
      {"dgram.reset-everybody",
       "dgram",
       "what a disconnect discards resets the peer, whoever that is connected to",
       {Rule::kUnixPurgeResets},
       [](Scene& s) { return !AskedSocket(s).dead; }},

      // --- Out-of-band bytes
      {"oob.no-pri", "oob", "D79: an out-of-band byte is not PRI", {Rule::kUnixPri}, [](Scene&) { return false; }},
      {"oob.key",
       "oob",
       "an out-of-band byte notifies with PRI alone, data never does",
       {Rule::kUnixArrivalWakes},
       [](Scene& s) {
         const bool urgent = s.Calls(Call::kSend) && (s.op.u32(4) & kMsgOob) != 0 && AskedSocket(s).messages.size > 0;
         if (AskedSocket(s).type != kSockStream || !s.value) return s.value;
         s.model.Notify(AskedSocket(s).queue, urgent ? kPri : kArrival & ~kPri);
         return false;
       }},
      {"oob.no-placeholder",
       "oob",
       "an out-of-band byte that was taken leaves nothing behind",
       {},
       nullptr,
       [](Scene& s) { s.memo = s.state().sockets[TheSocket(s)].oob; },
       [](Scene& s, Outcome* out) {
         Socket& socket = s.state().sockets[TheSocket(s)];
         const bool taken = s.Calls(Call::kRecv) && (s.op.u32(3) & kMsgOob) != 0 && out->kind == Outcome::kValues;
         if (!taken || s.memo == 0 || socket.oob != kNil) return;
         const Id m = static_cast<Id>(s.memo);
         MessageList::Remove(s.state().messages, socket.messages, m);
       }},
      {"oob.inline",
       "oob",
       "an ordinary read goes on over the out-of-band byte",
       {Rule::kUnixOobStops, Rule::kUnixOobSkipped},
       [](Scene&) { return false; }},

      // --- Descriptors in messages
      {"rights.items-gone",
       "rights",
       "a description that only a message refers to loses its items",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome*) {
         if (!s.Calls(Call::kClose)) return;
         State& state = s.state();
         for (Id id = 1; id < state.messages.size(); ++id) {
           const Id file = state.messages[id].file;
           if (file == kNil) continue;
           int32_t numbers = 0;
           for (const Descriptor& d : state.fds) numbers += d.file == file;
           while (numbers == 0 && state.files[file].items.size > 0) s.model.RemoveItem(state.files[file].items.head);
         }
       }},
      {"rights.read-on",
       "rights",
       "a read goes on behind a buffer that carried a descriptor",
       {Rule::kRightsEndRead},
       [](Scene&) { return false; }},
      {"rights.last-number",
       "rights",
       "a read that has no room for a descriptor leaves it with the socket for ever",
       {},
       nullptr,
       [](Scene& s) {
         const List& messages = s.state().sockets[TheSocket(s)].messages;
         const bool reads = s.Calls(Call::kRecv) || s.Calls(Call::kRead);
         const Id file = s.state().messages[messages.head].file;
         if (reads && messages.size > 0 && file != kNil) ++s.state().files[file].refs;
       }},
  };
  return mistakes;
}

}  // namespace pollux
