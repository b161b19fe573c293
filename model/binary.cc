// The binary form, driven by the table of calls.

#include "model/binary.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "model/trace.h"

namespace pollux {
namespace {

constexpr uint8_t kThread = 0xe0;      // before an op: the thread that makes the call, from T1
constexpr uint8_t kFar = 0x40;         // operand: a varint says which output
constexpr uint8_t kNear = kFar - 1;    // mask of "how many outputs ago"
constexpr uint8_t kSmall = 0x80;       // operand: this and up are literals from -1
constexpr uint8_t kByCaller32 = 0xfe;  // before a call: it is a 32-bit caller's
constexpr uint8_t kSecond = 0xff;      // before a call: the second process makes it
constexpr uint8_t kLarge = 0xff;       // operand: a varint is the literal
constexpr int kRotate = 5;             // puts ET, ONESHOT, WAKEUP, EXCLUSIVE and URING_WAKE below IN

static_assert(kCalls <= kThread);

// No op is longer, however wastefully its varints are written: a poll, 4 + 10 + 9 * (11 + 10).
constexpr size_t kMaxOpBytes = 256;
constexpr size_t kMaxVarint = 10;
static_assert(4 + kMaxVarint + kMaxPoll * (1 + 2 * kMaxVarint) <= kMaxOpBytes);

// The kinds of a call's slots, packed: walking ArgSpecs would touch a hundred bytes a slot.
struct Shape {
  uint8_t size = 0;
  std::array<ArgKind, kMaxArgs> kind = {};
  std::array<uint8_t, kMaxArgs> extra = {};  // kMemory: pointee; kChoice: how many words
};

std::array<Shape, kCalls> MakeShapes() {
  std::array<Shape, kCalls> shapes;
  for (size_t c = 0; c < kCalls; ++c) {
    const std::span<const ArgSpec> args = Spec(static_cast<Call>(c)).args;
    shapes[c].size = static_cast<uint8_t>(args.size());
    for (size_t i = 0; i < args.size(); ++i) {
      shapes[c].kind[i] = args[i].kind;
      shapes[c].extra[i] =
          args[i].kind == ArgKind::kMemory ? args[i].pointee : static_cast<uint8_t>(args[i].words.size());
    }
  }
  return shapes;
}

uint64_t ZigZag(int64_t v) { return static_cast<uint64_t>(v) << 1 ^ static_cast<uint64_t>(v >> 63); }
int64_t UnZigZag(uint64_t v) { return static_cast<int64_t>(v >> 1 ^ (0 - (v & 1))); }

// Reads ops from bytes of which kMaxOpBytes may be read beyond the start of the last one.
class Decoder {
 public:
  explicit Decoder(std::vector<Op>* ops) : ops_(*ops), shapes_(Shapes()) { ops_.clear(); }

  // Appends the op at `p` and returns where it ends.
  const uint8_t* Next(const uint8_t* p) {
    p_ = p;
    const bool second = *p_ == kSecond, i386 = *p_ == kByCaller32;
    p_ += second || i386;
    Op& op = ops_.emplace_back();
    op.process = second;
    op.i386 = i386;
    if (!second && !i386 && *p_ >= kThread && *p_ < kThread + kMaxThreads)
      op.thread = static_cast<uint8_t>(*p_++ - kThread + 1);
    const size_t call = *p_++ % kCalls;
    op.call = static_cast<Call>(call);
    if (Polls(op.call)) {
      op.npoll = static_cast<uint8_t>(*p_++ % (kMaxArgs - shapes_[call].size + 1));
      Slots(shapes_[call], &op);
      if (op.npoll == 0 && shapes_[call].kind[0] == ArgKind::kMemory) op.arg[0] = Memory().bits();
      const uint16_t mask = op.call == Call::kSelect ? kSelectSets : UINT16_MAX;
      for (size_t i = 0; i < op.npoll; ++i) {
        const Fd fd = Operand();
        op.set_poll(i, fd, static_cast<uint16_t>(Varint()) & mask);
      }
      return p_;
    }
    Slots(shapes_[call], &op);
    for (uint32_t out = 0; out < Outputs(op.call); ++out) {
      recent_[outputs_++ & kNear] = Fd::Output(static_cast<uint32_t>(ops_.size() - 1), out);
    }
    return p_;
  }

 private:
  static const std::array<Shape, kCalls>& Shapes() {
    static const std::array<Shape, kCalls> shapes = MakeShapes();
    return shapes;
  }

  void Slots(const Shape& shape, Op* op) {
    Memory memory;  // of the last kMemory slot
    for (size_t i = 0; i < shape.size; ++i) {
      uint64_t& v = op->arg[i];
      switch (shape.kind[i]) {
        case ArgKind::kFd:
          v = Operand().bits();
          break;
        case ArgKind::kInt:
          v = Int32();
          break;
        case ArgKind::kFlags:
          v = static_cast<uint32_t>(Varint());
          break;
        case ArgKind::kEvents:
          v = std::rotr(static_cast<uint32_t>(Varint()), kRotate);
          break;
        case ArgKind::kData:
          v = Varint();
          break;
        case ArgKind::kInt64:
          v = static_cast<uint64_t>(UnZigZag(Varint()));
          break;
        case ArgKind::kSize:
        case ArgKind::kBytes:
          v = std::min(Varint(), kMaxBytes);
          break;
        case ArgKind::kPayload:
          if (op->arg[i - 1] == 8 && memory.readable(8)) v = Varint();
          break;
        case ArgKind::kMemory:
          memory = Memory::FromBits(Varint()).canonical();
          v = memory.bits();
          if (!memory.readable()) i += shape.extra[i];
          break;
        case ArgKind::kChoice:
          v = Spec(op->call).args[i].words[Varint() % shape.extra[i]].value;
          break;
      }
    }
  }

  uint64_t Varint() {
    uint64_t v = *p_++;
    if (v < 0x80) return v;
    v &= 0x7f;
    for (int shift = 7; shift < 64; shift += 7) {
      const uint64_t byte = *p_++;
      v |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return v;
  }
  uint64_t Int32() { return static_cast<uint64_t>(int64_t{static_cast<int32_t>(UnZigZag(Varint()))}); }

  Fd Operand() {
    const uint8_t b = *p_++;
    if (b == kLarge) return Fd::Literal(static_cast<int32_t>(Int32()));
    if (b >= kSmall) return Fd::Literal(b - kSmall - 1);
    if (b == kFar) {
      const uint64_t far = Varint();
      const uint64_t at = ops_.size() - 1, back = (far >> 1) + 1;
      if (back > at || (far & 1) >= Outputs(ops_[at - back].call)) return Fd::Literal(-1);
      return Fd::Output(static_cast<uint32_t>(at - back), far & 1);
    }
    size_t ago = b & kNear;
    if (ago >= outputs_) {
      if (outputs_ == 0) return Fd::Literal(-1);
      ago %= outputs_;
    }
    return recent_[(outputs_ - 1 - ago) & kNear];
  }

  std::vector<Op>& ops_;
  const std::array<Shape, kCalls>& shapes_;
  const uint8_t* p_ = nullptr;
  size_t outputs_ = 0;                // how many the ops so far have returned
  std::array<Fd, kNear + 1> recent_;  // the last of them, a ring
};

class Encoder {
 public:
  Encoder(std::span<const Op> ops, std::string* data) : ops_(ops), data_(*data) { data_.clear(); }

  void Run() {
    for (size_t i = 0; i < ops_.size(); ++i) {
      const Op& op = ops_[i];
      if (op.process != 0) Byte(kSecond);
      if (op.i386 != 0) Byte(kByCaller32);
      if (op.thread != 0) Byte(static_cast<uint8_t>(kThread + op.thread - 1));
      Byte(static_cast<uint8_t>(op.call));
      if (Polls(op.call)) {
        Byte(op.npoll);
        Slots(op);
        for (size_t k = 0; k < op.npoll; ++k) Operand(op.poll_fd(k)), Varint(op.poll_events(k));
      } else {
        Slots(op);
      }
      first_output_.push_back(outputs_);
      outputs_ += Outputs(op.call);
    }
  }

 private:
  void Slots(const Op& op) {
    const std::span<const ArgSpec> args = Spec(op.call).args;
    for (size_t i = 0; i < args.size(); ++i) {
      switch (args[i].kind) {
        case ArgKind::kFd:
          Operand(op.fd(i));
          break;
        case ArgKind::kInt:
          Varint(ZigZag(op.num(i)));
          break;
        case ArgKind::kEvents:
          Varint(std::rotl(op.u32(i), kRotate));
          break;
        case ArgKind::kInt64:
          Varint(ZigZag(static_cast<int64_t>(op.arg[i])));
          break;
        case ArgKind::kFlags:
        case ArgKind::kData:
        case ArgKind::kSize:
        case ArgKind::kBytes:
          Varint(op.arg[i]);
          break;
        case ArgKind::kPayload:
          if (op.arg[i - 1] == 8 && op.mem(i - 2).readable(8)) Varint(op.arg[i]);
          break;
        case ArgKind::kMemory:
          Varint(op.arg[i]);
          if (!op.mem(i).readable()) i += args[i].pointee;
          break;
        case ArgKind::kChoice: {
          const auto word = std::find_if(args[i].words.begin(), args[i].words.end(),
                                         [&](const Word& w) { return w.value == op.arg[i]; });
          Varint(static_cast<uint64_t>(word - args[i].words.begin()));
          break;
        }
      }
    }
  }

  void Byte(uint8_t b) { data_.push_back(static_cast<char>(b)); }
  void Varint(uint64_t v) {
    for (; v >= 0x80; v >>= 7) Byte(static_cast<uint8_t>(v | 0x80));
    Byte(static_cast<uint8_t>(v));
  }

  void Operand(Fd fd) {
    if (fd.literal()) {
      if (fd.number() >= -1 && fd.number() < kLarge - kSmall - 1) {
        Byte(static_cast<uint8_t>(kSmall + 1 + fd.number()));
      } else {
        Byte(kLarge), Varint(ZigZag(fd.number()));
      }
      return;
    }
    const size_t ago = outputs_ - 1 - (first_output_[fd.op()] + fd.out());
    if (ago <= kNear) {
      Byte(static_cast<uint8_t>(ago));
    } else {
      Byte(kFar), Varint((first_output_.size() - fd.op() - 1) * 2 + fd.out());
    }
  }

  std::span<const Op> ops_;
  std::string& data_;
  size_t outputs_ = 0;
  std::vector<size_t> first_output_;  // of each op so far: its place among all outputs
};

}  // namespace

void Decode(const uint8_t* data, size_t size, std::vector<Op>* ops) {
  Decoder decoder(ops);
  const uint8_t* p = data;
  while (size - static_cast<size_t>(p - data) >= kMaxOpBytes) p = decoder.Next(p);
  // The rest is decoded from a copy with room behind it; the op that needs the room was cut off.
  uint8_t rest[2 * kMaxOpBytes] = {};
  const size_t left = size - static_cast<size_t>(p - data);
  if (left > 0) std::memcpy(rest, p, left);
  const uint8_t* const end = rest + left;
  for (p = rest; p < end;) {
    p = decoder.Next(p);
    if (p > end) ops->pop_back();
  }
}

void Encode(std::span<const Op> ops, std::string* data) {
  std::vector<Op> canonical(ops.begin(), ops.end());
  Canonicalize(canonical);
  Encoder(canonical, data).Run();
}

}  // namespace pollux
