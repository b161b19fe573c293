// Pseudoterminals in raw mode: what one side writes goes through buffers of the other side's port and a worker into
// what can be read there (drivers/tty/pty.c, n_tty.c, tty_buffer.c, tty_io.c).
//
// Between two ops every worker has come to its end. Where it matters when it runs within an op, the op has no model.

#include <algorithm>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr int64_t kLineBuffer = 4096, kRoom = kLineBuffer - 1;  // N_TTY_BUF_SIZE, of which one byte stays free
constexpr int64_t kUnthrottle = 128;                            // TTY_THRESHOLD_UNTHROTTLE
constexpr int64_t kReadPiece = 64, kWritePiece = 2048;          // iterate_tty_read(), iterate_tty_write()
constexpr int64_t kBufferLimit = 8192, kSmallBuffer = 256;      // pty_common_install(), MIN_TTYB_SIZE
constexpr int64_t kBufferPage = 1792;                           // TTY_BUFFER_PAGE
// So much fits in any case while nothing waits for the reader, even if the worker frees nothing meanwhile.
constexpr int64_t kFitsInAnyCase = 3 * kWritePiece;
constexpr uint32_t kReadKey = kIn | kRdnorm;

constexpr const char* kRace = "pty: it races with the worker that moves what was written";

enum Side : size_t { kMasterSide, kSlaveSide };

Side SideOf(const File& file) { return file.type == FileType::kPtm ? kMasterSide : kSlaveSide; }

}  // namespace

Tty& Model::TtyOf(const File& file) { return state_.ptys[file.object].side[SideOf(file)]; }
Tty& Model::OtherTty(const File& file) { return state_.ptys[file.object].side[SideOf(file) ^ 1]; }

// Has the master been closed? Then slaves are open for nothing but to be closed (hung_up_tty_fops).
bool Model::PtyHungUp(const File& file) const {
  return file.type == FileType::kPts && state_.ptys[file.object].side[kSlaveSide].other_closed;
}

// A language op: ptmx_open(), TIOCSPTLCK, TIOCGPTPEER and the termios of cfmakeraw(3).
void Model::Openpty(const Op& op, Outcome* out) {
  const uint32_t flags = op.u32(0);
  if ((flags & ~(kOCloexec | kONonblock)) != 0) return Unmodelled("openpty: a flag outside the language", out);
  const int32_t m = LowestFree(0);
  if (m < 0) return out->Error(kEMFILE);
  const Id id = state_.ptys.New();
  Pty& p = state_.ptys[id];
  for (Tty& tty : p.side) {
    const Id sentinel = state_.tty_buffers.New();
    TtyBufferList::PushBack(state_.tty_buffers, tty.buffers, sentinel);
  }
  p.side[kMasterSide].files = 1;
  p.inode = NewInode(FileType::kPts, id);
  ++state_.inodes[p.inode].refs;  // the node stands there until the master goes
  const uint32_t nonblock = flags & kONonblock;
  const Id master = NewFile(FileType::kPtm, kORdwr | kOLargefile | nonblock, id, NewInode(FileType::kPtm));
  state_.files[master].quiet = true;
  Install(m, master, rules_(Rule::kFdCloexec, (flags & kOCloexec) != 0, master));
  OpenSlave(id, kORdwr | flags, out);
  if (out->kind != Outcome::kValues) {  // one number was left: the master does not stay
    Uninstall(m);
    ReleaseFiles();
    return;
  }
  out->nvalues = 2, out->value[1] = out->value[0], out->value[0] = m;
}

// ptm_open_peer(): unlike open(2) it leaves O_CLOEXEC among the description's flags.
void Model::OpenSlave(Id pty, uint32_t flags, Outcome* out) {
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id file = PtsOpen(state_.ptys[pty].inode, flags, out);
  if (file != kNil) Open(file, (flags & kOCloexec) != 0, out);
}

void Model::Ptsopen(const Op& op, Outcome* out) {
  const uint32_t flags = op.u32(1);
  if ((flags & ~(3 | kOCloexec | kONonblock)) != 0 || (flags & 3) == 3) {
    return Unmodelled("ptsopen: a flag outside the language", out);
  }
  const Id id = Usable(op.num(0));
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File f = state_.files[id];
  if (rules_(Rule::kPtyNoMaster, f.type == FileType::kPts, id)) return out->Error(kEIO);
  if (f.type != FileType::kPtm) return out->Error(NoIoctl(id));
  OpenSlave(f.object, flags, out);
}

// tty_open(), pty_open() of a slave: nobody is notified, though the master's HUP goes.
Id Model::PtsOpen(Id inode, uint32_t flags, Outcome* out) {
  const Id id = state_.inodes[inode].object;
  Pty& p = state_.ptys[id];
  if (rules_(Rule::kPtyGone, id == kNil || p.side[kSlaveSide].other_closed, id)) return out->Error(kEIO), kNil;
  ++p.side[kSlaveSide].files;
  p.side[kSlaveSide].io_error = false;
  if (rules_(Rule::kPtyReopened, p.side[kMasterSide].other_closed, id)) p.side[kMasterSide].other_closed = false;
  return NewFile(FileType::kPts, flags, id, inode);
}

// A master's node opens another one.
Id Model::PtmOpen(Id, uint32_t, Outcome* out) {
  Unmodelled("ptmx: opened again it is another pseudoterminal", out);
  return kNil;
}

void Model::PtyWait(const File& file, Queues* queues) {
  Tty& tty = TtyOf(file);
  (*queues)[0] = &tty.read_queue, (*queues)[1] = &tty.write_queue;
}

// hung_up_tty_poll() and n_tty_poll()
uint32_t Model::PtyMask(const File& file) {
  const Id id = file.object;
  if (rules_(Rule::kPtyHungUpMask, PtyHungUp(file), id)) return kIn | kOut | kErr | kHup | kRdnorm | kWrnorm;
  const Tty &tty = TtyOf(file), &other = OtherTty(file);
  uint32_t mask = 0;
  if (rules_(Rule::kPtyIn, tty.unread > 0, id)) mask |= kIn | kRdnorm;
  if (rules_(Rule::kPtyHup, tty.other_closed, id)) mask |= kHup;
  if (rules_(Rule::kPtyOut, other.held < kBufferLimit, id)) mask |= kOut | kWrnorm;
  return mask;
}

int64_t Model::PtyUnread(const File& file, Outcome*) { return PtyHungUp(file) ? -1 : TtyOf(file).unread; }

// --- The buffers of a port -----------------------------------------------------------------------------------------

// __tty_buffer_request_room(): so many bytes in one piece, or what is left of the last buffer.
int64_t Model::TtyRoom(Tty& tty, int64_t bytes) {
  const TtyBuffer& last = state_.tty_buffers[tty.buffers.tail];
  const int64_t left = 2 * last.size - last.used;  // no flags beside the bytes
  if (rules_(Rule::kPtyBufferFits, left >= bytes)) return bytes;
  const int64_t size = (bytes + kSmallBuffer - 1) / kSmallBuffer * kSmallBuffer;
  if (size <= kSmallBuffer && tty.spare > 0) {
    --tty.spare;
  } else if (rules_(Rule::kPtyBufferLimit, tty.held > kBufferLimit)) {
    return std::max<int64_t>(left, 0);
  }
  const Id id = state_.tty_buffers.New();
  state_.tty_buffers[id].size = size;
  TtyBufferList::PushBack(state_.tty_buffers, tty.buffers, id);
  tty.held += size;
  return bytes;
}

// tty_insert_flip_string()
int64_t Model::TtyInsert(Tty& tty, int64_t bytes) {
  int64_t done = 0;
  while (done < bytes) {
    const int64_t room = TtyRoom(tty, std::min(bytes - done, kBufferPage));
    if (room == 0) break;
    state_.tty_buffers[tty.buffers.tail].used += room;
    done += room;
  }
  return done;
}

// flush_to_ldisc(), n_tty_receive_buf_common(): what fits goes where it can be read.
void Model::TtyWork(Tty& tty) {
  bool received = false;
  for (;;) {
    TtyBuffer& first = state_.tty_buffers[tty.buffers.head];
    const int64_t bytes = std::min(first.used - first.read, kRoom - tty.unread);
    if (first.used > first.read && bytes <= 0) break;
    if (bytes > 0) {
      first.read += bytes, tty.unread += bytes;
      received = true;
      if (tty.files > 0) tty.unseen = 0;
      continue;
    }
    if (tty.buffers.size <= 1) break;  // the last one stays
    tty.held -= first.size, tty.unseen += first.size;
    tty.spare += first.size > 0 && first.size <= kSmallBuffer;
    DropTtyBuffer(tty);
  }
  if (rules_(Rule::kPtyReceiveWakes, received)) Notify(tty.read_queue, kReadKey);
}

void Model::DropTtyBuffer(Tty& tty) {
  const Id id = tty.buffers.head;
  TtyBufferList::Remove(state_.tty_buffers, tty.buffers, id);
  state_.tty_buffers.Free(id);
}

// Does something wait until there is room where it can be read?
bool Model::TtyBacklog(const Tty& tty) const {
  const TtyBuffer& first = state_.tty_buffers[tty.buffers.head];
  return tty.buffers.size > 1 || first.used > first.read;
}

// Does it depend on when the worker frees a buffer whether n bytes more, in pieces, find room?
bool Model::TtyRoomRaces(const Tty& tty, int64_t n) const {
  const TtyBuffer& first = state_.tty_buffers[tty.buffers.head];
  const bool frees = tty.unseen > 0 || tty.files == 0 || (tty.unread == kRoom && first.read == first.used);
  const int64_t rounding = kSmallBuffer * (2 + n / kBufferPage + n / kWritePiece);
  return frees && tty.held + tty.unseen + n + rounding > kBufferLimit;
}

// A reader takes n bytes, and the worker goes on until it finds no more room. Does that buffer decide over the other
// side's OUT which it frees behind the last byte that fits?
bool Model::TtyRefillRaces(const Tty& tty, int64_t n) const {
  int64_t held = tty.held;
  Id id = tty.buffers.head;
  for (uint32_t i = tty.buffers.size; i > 1; --i) {
    const TtyBuffer& b = state_.tty_buffers[id];
    n -= b.used - b.read;
    if (n <= 0) return n == 0 && held >= kBufferLimit && held - b.size < kBufferLimit;
    held -= b.size;
    id = b.in_tty.next;
  }
  return false;
}

// --- Reading and writing -------------------------------------------------------------------------------------------

// iterate_tty_read(), n_tty_read(): a piece that cannot be copied is lost.
void Model::PtyRead(const File& file, Memory memory, int64_t n, Outcome* out) {
  const Id id = file.object;
  Tty& tty = TtyOf(file);
  if (rules_(Rule::kPtyHungUpRead, PtyHungUp(file), id)) return out->Value(0);
  if (rules_(Rule::kPtyNothing, n == 0, id)) return out->Value(0);
  if (tty.unread == 0) {
    if (rules_(Rule::kPtyReadClosed, tty.other_closed, id)) return out->Error(kEIO);
    return WouldSleep((file.flags & kONonblock) != 0, out);
  }
  const int64_t room = Copyable(memory, true);
  const bool backlog = TtyBacklog(tty);
  // The worker may be about to look once more whether there is room.
  if (backlog && (n > tty.unread || n > room || TtyRefillRaces(tty, n))) return Unmodelled(kRace, out);
  int64_t done = 0;
  bool fault = false;
  while (done < n && tty.unread > 0 && !fault) {
    const int64_t piece = std::min({n - done, kReadPiece, tty.unread, kLineBuffer - tty.position});
    tty.unread -= piece, tty.position = (tty.position + piece) % kLineBuffer;
    const int64_t copied = std::min(piece, room - done);
    done += copied;
    fault = rules_(Rule::kPtyReadFault, copied < piece, id);
  }
  if (rules_(Rule::kPtyReadWakes, tty.unread <= kUnthrottle, id)) Notify(OtherTty(file).write_queue, kOut);
  if (rules_(Rule::kPtyRefill, backlog, id)) TtyWork(tty);
  if (done == 0 && fault) return out->Error(kEFAULT);
  out->Value(done);
}

// iterate_tty_write(), n_tty_write(): whatever comes of it, who waits to write is woken (tty_write_unlock()).
void Model::PtyWrite(const File& file, Memory memory, int64_t n, uint64_t, Outcome* out) {
  const Id id = file.object;
  Tty& to = OtherTty(file);
  if (rules_(Rule::kPtyHungUpWrite, PtyHungUp(file), id)) return out->Error(kEIO);
  if ((!TtyBacklog(to) && n > kFitsInAnyCase) || TtyRoomRaces(to, n)) return Unmodelled(kRace, out);
  const int64_t room = Copyable(memory, false);
  int64_t done = 0;
  bool fault = false, full = false;
  while (done < n && !full) {
    const int64_t piece = std::min(kWritePiece, n - done);
    fault = rules_(Rule::kPtyWriteFault, done + piece > room, id);
    if (fault) break;
    const int64_t took = TtyInsert(to, piece);
    done += took;
    full = took < piece;
    if (took == 0) break;
  }
  if (rules_(Rule::kPtyWriteWakes, true, id)) Notify(TtyOf(file).write_queue, kOut);
  if (done > 0) TtyWork(to);
  if (full && (file.flags & kONonblock) == 0) return WouldSleep(false, out);
  if (done > 0 || n == 0) return out->Value(done);
  if (fault) return out->Error(kEFAULT);
  WouldSleep(true, out);
}

// copy_splice_read()
void Model::PtySpliceRead(const File& file, int64_t* position, Id into, int64_t n, Outcome* out) {
  if (TtyBacklog(TtyOf(file))) return Unmodelled(kRace, out);
  MessageSpliceRead(file, position, into, n, out);
}

// iter_file_splice_write()
int64_t Model::PtySpliceTakes(const File& file, int64_t n, Outcome* out) {
  PtyWrite(file, Memory(), n, 0, out);
  if (out->kind == Outcome::kBlocked) Unmodelled("splice: it sleeps in the terminal, with a part taken", out);
  return out->kind == Outcome::kValues ? out->value[0] : 0;
}

// --- Closing -------------------------------------------------------------------------------------------------------

// pty_close() and tty_vhangup() of the other side
void Model::PtmRelease(const File& file) {
  Tty& slave = OtherTty(file);
  TtyOf(file).files = 0;
  slave.other_closed = true;
  if (rules_(Rule::kPtyCloseWakes, true, file.object)) Notify(slave.read_queue, 0), Notify(slave.write_queue, 0);
  Notify(slave.write_queue, kOut), Notify(slave.read_queue, kIn);  // which nobody can tell from the former
  FreePty(file.object);
}

void Model::PtsRelease(const File& file) {
  Tty &slave = TtyOf(file), &master = OtherTty(file);
  // Beside this one the master counts, while it is open.
  const bool last = slave.files + master.files <= 2 && !slave.io_error;
  if (rules_(Rule::kPtySlaveLast, last, file.object)) {
    slave.io_error = master.other_closed = true;
    if (rules_(Rule::kPtyCloseWakes, true, file.object)) {
      Notify(slave.read_queue, 0), Notify(slave.write_queue, 0);
      Notify(master.read_queue, 0), Notify(master.write_queue, 0);
    }
  }
  --slave.files;
  FreePty(file.object);
}

// release_tty(), when nobody has it open any more
void Model::FreePty(Id id) {
  Pty& p = state_.ptys[id];
  if (p.side[kMasterSide].files > 0 || p.side[kSlaveSide].files > 0) return;
  for (Tty& tty : p.side) {
    while (tty.buffers.size > 0) DropTtyBuffer(tty);
  }
  const Id inode = p.inode;
  state_.inodes[inode].object = kNil;
  p = Pty();
  state_.ptys.Free(id);
  ReleaseInode(inode);
}

}  // namespace pollux
