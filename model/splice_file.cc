// sendfile(2), and splice(2) where one end is no pipe: positions, offsets, and what each type puts into a pipe
// (fs/splice.c, fs/read_write.c).

#include <algorithm>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr int64_t kPage = 4096;
constexpr char kToTerminal[] = "splice to a terminal: what it does not take goes another way";
constexpr char kBesideWorker[] = "splice to a terminal: its worker races with what the pipe notifies";
constexpr char kToSocket[] = "splice to a socket: its charge is not modelled";
constexpr char kWhereBytesLie[] = "splice: slots depend on where the bytes lie";

int64_t Unused(const Pipe& p) { return std::max<int64_t>(p.max_slots - static_cast<int64_t>(p.slots.size), 0); }

}  // namespace

// --- Offsets -----------------------------------------------------------------------------------------------------

// May the file be given an offset?
bool Model::OffsetTaken(Id file, const Offset& offset, Errno without, Outcome* out) {
  const bool anonymous = state_.files[file].type == FileType::kPidfd && Has(Quirk::kPidfdAnonymous);
  const bool positions = OpsOf(file).positions && !anonymous;
  if (!offset.given() || !rules_(Rule::kSpliceOffsetNot, !positions, file)) return true;
  return out->Error(without), false;
}

// May the call begin at this offset? rw_verify_area() looks at what it is given, and at where that ends.
bool Model::OffsetGoes(Id file, const Offset& offset, int64_t n, Errno without, Outcome* out) {
  if (!offset.given()) return true;
  if (!OffsetTaken(file, offset, without, out)) return false;
  const bool negative = offset.value < 0 || offset.value > INT64_MAX - n;
  if (rules_(Rule::kSpliceOffsetNegative, negative, file)) return out->Error(kEINVAL), false;
  return true;
}

// Where a file is read or written from: its position is left alone if an offset is given.
int64_t* Model::PositionOf(Id file, Offset* offset) {
  const File& f = state_.files[file];
  const bool own = !Ops(f.type).positions;
  if (rules_(Rule::kSpliceOffsetInstead, own || offset->given(), file)) return &offset->value;
  return &state_.plains[f.object].position;
}

// What has become of the offsets, for the outcome; 0 where none can be read.
void Model::StoreOffsets(std::initializer_list<Offset> offsets, Outcome* out) {
  if (out->kind != Outcome::kValues) return;
  for (const Offset& o : offsets) {
    const bool fault = o.given() && o.stored && Copyable(o.memory, true) < 1;
    if (rules_(Rule::kSpliceOffsetStore, fault)) return out->Error(kEFAULT);
  }
  out->nvalues = 1;
  for (const Offset& o : offsets) out->value[out->nvalues++] = o.given() && o.memory.readable() ? o.value : 0;
}

// --- A pipe and a file -------------------------------------------------------------------------------------------

// do_splice_from(): to what has a splice_write operation, as every socket has.
void Model::PipeToFile(Id in, Id file, Offset* offset, int64_t n, bool nonblock, Outcome* out) {
  const File f = state_.files[file];
  const FileOps& ops = Ops(f.type);
  if (!OffsetTaken(file, *offset, kEINVAL, out)) return;
  if (rules_(Rule::kSpliceAppend, (f.flags & kOAppend) != 0, file)) return out->Error(kEINVAL);
  if (!OffsetGoes(file, *offset, n, kEINVAL, out)) return;
  if (ops.socket != nullptr && state_.pipes[in].slots.size > 0) return Unmodelled(kToSocket, out);
  if (!SpliceWriteGoes(file, out)) return;
  const bool terminal = ops.splice_takes != nullptr && !HungUp(file);
  if (const int64_t bytes = std::min(n, BytesInPipe(in)); terminal && bytes > 0) {
    if (state_.pipes[in].writers_queue.size > 0) return Unmodelled(kBesideWorker, out);
    n = (this->*ops.splice_takes)(f, bytes, out);
    if (n <= 0) return;
  }
  bool freed = false;
  const int64_t done = TakeFromPipe(in, n, INT64_MAX, nonblock, &freed, out);
  if (done < 0) return;
  if (ops.splice_write != nullptr) (this->*ops.splice_write)(f, PositionOf(file, offset), done);
  if (Has(Quirk::kSpliceWrites) && done > 0) Happened(file, kInModify);
  SpliceWakes(kNil, false, in, freed);
  out->Value(done);
}

// Is there an operation, and does it take bytes?
bool Model::SpliceWriteGoes(Id file, Outcome* out) {
  const File& f = state_.files[file];
  const FileOps& ops = Ops(f.type);
  const bool terminal = ops.splice_takes != nullptr && !HungUp(file);
  const bool writes = SplicesTo(f) || ops.socket != nullptr || terminal;
  if (rules_(Rule::kSpliceNoWrite, !writes, file)) return out->Error(kEINVAL), false;
  if (rules_(Rule::kDeviceFuse, WhichOf(f) == Which::kFuse, file)) return out->Error(kEPERM), false;
  return true;
}

// splice_file_to_pipe(): from what has a splice_read operation.
void Model::FileToPipe(Id file, Offset* offset, Id into, int64_t n, bool nonblock, Outcome* out) {
  const auto splice_read = HungUp(file) ? nullptr : OpsOf(file).splice_read;
  if (!SpaceInPipe(into, nonblock, out)) return;
  const int64_t room = Unused(state_.pipes[into]) * kPage;
  if (Has(Quirk::kSpliceSpaceFirst) && !OffsetGoes(file, *offset, std::min(n, room), kEINVAL, out)) return;
  if (n == 0 && !Has(Quirk::kSpliceNothingAsks)) return out->Value(0);
  const bool none = splice_read == nullptr || !SplicesFrom(state_.files[file]);
  if (rules_(Rule::kSpliceNoRead, none, file)) return out->Error(kEINVAL);
  if (splice_read == nullptr || n == 0) return out->Value(0);
  const int64_t most = std::min(n, room);
  (this->*splice_read)(File(state_.files[file]), PositionOf(file, offset), into, most, out);
  if (out->kind == Outcome::kValues) SpliceWakes(into, out->value[0] > 0, kNil, false);
}

// So many bytes, page by page; those of the first begin at `offset`.
void Model::PushPages(Id pipe, int64_t offset, int64_t n) {
  for (; n > 0; offset = 0) {
    PipeSlot slot;
    slot.offset = offset, slot.bytes = std::min(n, kPage - offset), slot.mergeable = false;
    PushSlot(pipe, slot);
    n -= slot.bytes;
  }
}

// shmem_file_splice_read(): each page at its place in the slot.
void Model::PlainSpliceRead(const File& file, int64_t* position, Id into, int64_t n, Outcome* out) {
  if (file.type == FileType::kRegular) return Unmodelled(kWhereBytesLie, out);
  const int64_t offset = *position % kPage;
  n = std::min(n, std::max<int64_t>(state_.inodes[file.inode].size - *position, 0));
  n = std::min(n, Unused(state_.pipes[into]) * kPage - offset);
  *position += n;
  PushPages(into, offset, n);
  out->Value(n);
}

void Model::PlainSpliceWrite(const File& file, int64_t* position, int64_t n) {
  int64_t& size = state_.inodes[file.inode].size;
  *position += n;
  if (n > 0) size = std::max(size, *position);
}

// copy_splice_read(): a message is received into fresh pages.
void Model::MessageSpliceRead(const File& file, int64_t*, Id into, int64_t n, Outcome* out) {
  (this->*Ops(file.type).read)(file, Memory(), n, out);
  if (out->kind == Outcome::kValues) PushPages(into, 0, out->value[0]);
}

void Model::UnixSpliceRead(const File& file, int64_t* position, Id into, int64_t n, Outcome* out) {
  if (state_.sockets[file.object].type == kSockStream) return Unmodelled(kWhereBytesLie, out);
  MessageSpliceRead(file, position, into, n, out);
}

// tcp_splice_read() of no data is as tcp_recvmsg() of none.
void Model::TcpSpliceRead(const File& file, int64_t*, Id, int64_t n, Outcome* out) {
  const Inet& s = state_.inets[file.object];
  if (s.received != s.copied || s.urgent != Urgent::kNone) return Unmodelled(kWhereBytesLie, out);
  TcpRead(file, Memory(), n, out);
}

// --- sendfile ----------------------------------------------------------------------------------------------------

void Model::Sendfile(const Op& op, Outcome* out) {
  Offset none;
  SendfileFrom(op.num(0), op.num(1), &none, static_cast<int64_t>(op.arg[2]), out);
}

// The offset is read before all else, and written back whatever came of the call.
void Model::SendfileAt(const Op& op, Outcome* out) {
  Offset offset = OffsetAt(op, 2);
  const bool given = offset.given();
  if (rules_(Rule::kSpliceOffsetFault, given && !offset.memory.readable())) return out->Error(kEFAULT);
  SendfileFrom(op.num(0), op.num(1), &offset, static_cast<int64_t>(op.arg[4]), out);
  const bool fault = out->kind == Outcome::kError && given && Copyable(offset.memory, true) < 1;
  if (rules_(Rule::kSpliceOffsetStore, fault)) return out->Error(kEFAULT);
  StoreOffsets({offset}, out);
}

// do_sendfile(): no bytes are sent to a file but through a pipe of the process's own, which only a file that can be
// sought fills.
void Model::SendfileFrom(int32_t to_fd, int32_t in_fd, Offset* offset, int64_t n, Outcome* out) {
  const Id in = Usable(in_fd);
  if (rules_(Rule::kFdBad, in == kNil)) return out->Error(kEBADF);
  const File from = state_.files[in];
  if (rules_(Rule::kFileNotReadable, !from.readable, in)) return out->Error(kEBADF);
  if (!OffsetGoes(in, *offset, n, kESPIPE, out)) return;
  const Id to = Usable(to_fd);
  if (rules_(Rule::kFdBad, to == kNil)) return out->Error(kEBADF);
  const File into = state_.files[to];
  if (rules_(Rule::kFileNotWritable, !into.writable, to)) return out->Error(kEBADF);
  // An offset may be beyond all that one of the two could hold, or end there.
  const int64_t most = std::min(MaxBytes(from), MaxBytes(into)), position = *PositionOf(in, offset);
  if (position > kMaxNonLfs && (UpToFileSystem(from) || UpToFileSystem(into))) {
    return Unmodelled("sendfile: up to the file system", out);
  }
  const bool beyond = position > most || (position == most && n > 0);
  if (rules_(Rule::kSendfileBeyond, beyond, in)) return out->Error(kEOVERFLOW);
  n = std::min(n, std::max<int64_t>(most - position, 0));
  if (const Id pipe = PipeOf(into); pipe != kNil) {
    FileToPipe(in, offset, pipe, n, (into.flags & kONonblock) != 0, out);
    return Transferred(in, *out, kInAccess), Transferred(to, *out, kInModify);
  }
  FileToFile(in, offset, to, n, out);
}

// do_splice_direct(), splice_direct_to_actor()
void Model::FileToFile(Id in, Offset* offset, Id to, int64_t n, Outcome* out) {
  const File from = state_.files[in], into = state_.files[to];
  const FileOps& writes = Ops(into.type);
  if (rules_(Rule::kSpliceAppend, (into.flags & kOAppend) != 0, to)) return out->Error(kEINVAL);
  if (rules_(Rule::kSpliceNotSeekable, !Seeks(from), in)) return out->Error(kEINVAL);
  if (n == 0) return out->Value(0);
  if (rules_(Rule::kSpliceNoRead, !SplicesFrom(from), in)) return out->Error(kEINVAL);
  if (from.type == FileType::kRegular) return Unmodelled("sendfile: up to the file system", out);
  int64_t* const position = PositionOf(in, offset);
  const bool memfd = from.type == FileType::kMemfd, moves = memfd || WhichOf(from) == Which::kAttribute;
  int64_t bytes = std::min(n, std::max<int64_t>(state_.inodes[from.inode].size - *position, 0));
  if (!memfd && !DeviceHolds(from, *position, n, &bytes)) return Unmodelled("sendfile: what a file holds", out);
  if (bytes > 0 && writes.socket != nullptr) return Unmodelled(kToSocket, out);
  if (bytes > 0 && writes.splice_takes != nullptr) return Unmodelled(kToTerminal, out);
  if (bytes > 0 && from.inode == into.inode) return Unmodelled("sendfile: what is read is what was written", out);
  if (bytes > 0 && !SpliceWriteGoes(to, out)) return;
  if (moves) *position += bytes;
  Offset none;
  if (writes.splice_write != nullptr) (this->*writes.splice_write)(into, PositionOf(to, &none), bytes);
  if (Has(Quirk::kSpliceWrites) && bytes > 0) Happened(to, kInModify);
  out->Value(bytes);
  Transferred(in, *out, kInAccess), Transferred(to, *out, kInModify);
}

}  // namespace pollux
