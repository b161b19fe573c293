// Descriptors passed over AF_UNIX sockets (net/unix/af_unix.c, net/core/scm.c).
//
// A message refers to the open file description as a descriptor does: its items stay and report (R3.8). Sockets that
// hold each other in their queues are collected by the kernel at a time of its own; such a message is refused here.

#include "model/model.h"

namespace pollux {

// Would `held`, if it became a message of `socket`, be found in its own queue, through other messages?
bool Model::Holds(Id socket, Id held) const {
  if (socket == held) return true;
  const List& messages = state_.sockets[socket].messages;
  Id id = messages.head;
  for (uint32_t i = messages.size; i > 0 && id != kNil; --i) {
    const Message& m = state_.messages[id];
    const File& f = state_.files[m.file];
    if (f.type == FileType::kUnix && Holds(f.object, held)) return true;
    // Whoever waits to be accepted belongs to its listener.
    if (state_.sockets[m.sender].listener == socket && Holds(m.sender, held)) return true;
    id = m.in_socket.next;
  }
  return false;
}

void Model::UnixSendfd(const File& file, int32_t fd, Outcome* out) {
  const Id id = file.object, passed = FileAt(fd);
  Socket& s = state_.sockets[id];
  const auto skip = [out](const char* why) { out->Clear(), out->kind = Outcome::kSkipped, out->note = why; };
  const File& f = state_.files[passed];
  if (state_.in_flight > state_.nofile) return skip("as many descriptors in flight as may be open");
  if (f.type == FileType::kUnix && s.peer != kNil) {
    const Id listener = state_.sockets[s.peer].listener;
    if (Holds(f.object, listener != kNil ? listener : s.peer)) return skip("sockets that hold each other in messages");
  }
  // Where it is nowhere open nobody can be asked what has arrived.
  if (f.type == FileType::kPtm || f.type == FileType::kPts) return skip("a pseudoterminal in a message");
  const bool seqpacket = s.type == kSockSeqpacket;
  if (seqpacket) {
    // unix_seqpacket_sendmsg() has its say before the descriptor is looked up.
    const Errno error = TakeError(s);
    if (error != kOK) return out->Error(error);
    if (rules_(Rule::kUnixNotConnected, s.state != SocketState::kConnected, id)) return out->Error(kENOTCONN);
  }
  if (rules_(Rule::kFdBad, passed == kNil)) return out->Error(kEBADF);
  if (rules_(Rule::kRingNotPassed, f.type == FileType::kRing, passed)) return out->Error(kEINVAL);
  const Transfer t = {.memory = {}, .n = 1, .flags = 0, .nonblock = (file.flags & kONonblock) != 0, .file = passed};
  if (s.type == kSockStream) {
    StreamSend(id, t, out);
  } else {
    MessageSend(id, t, out);
  }
}

void Model::UnixRecvfd(const File& file, Outcome* out) {
  const Id id = file.object;
  Transfer t = {.memory = {}, .n = 1, .flags = 0, .nonblock = (file.flags & kONonblock) != 0};
  if (state_.sockets[id].type == kSockStream) {
    StreamRecv(id, &t, out);
  } else {
    MessageRecv(id, &t, out);
  }
  if (out->kind != Outcome::kValues) return;
  out->nvalues = 2, out->value[1] = out->value[0], out->value[0] = -1;
  if (t.file == kNil) return;
  // scm_detach_fds(): without a free number it is dropped.
  const int32_t fd = LowestFree(0);
  if (rules_(Rule::kRightsInstalled, fd >= 0, id)) {
    if (fd >= 0) Install(fd, t.file, false);
    out->value[0] = fd;
  }
  DropReference(t.file);
}

}  // namespace pollux
