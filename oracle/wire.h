// The protocol between Pollux and an agent (agent.cc): frames on any stream of bytes, such as a pipe, ssh, a console.
//
//     frame = magic (4 bytes)  type (1)  id (4)  length (4)  checksum of these (4)  payload  checksum of the payload
//     (4)
//
// Numbers of a frame are little-endian, those of payloads varints, base 128, the low part first. A reader looks for the
// magic: what belongs to no frame is noise (a console's messages), kept as text; a frame that noise has torn is lost,
// and the next one is found. Who waits for a lost one gives up in time.
//
//     agent              Pollux
//     kReady                            once, when it starts: version
//                        kOpen          version, fingerprint of the language, deadline, job, what is allowed
//     kOpened | kFailed                 what it is | why it cannot be
//                        kRun           ops; they are executed in order
//     kDone                             what they did
//                        kDoubt
//     kReason                           why a divergence may say nothing
//
// Answers carry the id of their question, and come in order; several questions may be under way.

#ifndef POLLUX_ORACLE_WIRE_H_
#define POLLUX_ORACLE_WIRE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/op.h"
#include "model/trace.h"
#include "oracle/doubt.h"

namespace pollux {

inline constexpr uint32_t kProtocol = 1;
// Of the table of calls: agents speak the language of the tree they were built from.
uint32_t LanguageFingerprint();

enum class FrameType : uint8_t { kReady = 1, kOpen, kOpened, kFailed, kRun, kDone, kDoubt, kReason };

struct Frame {
  FrameType type = FrameType::kReady;
  uint32_t id = 0;
  std::string payload;
};

void AppendFrame(FrameType type, uint32_t id, std::string_view payload, std::string* stream);

class FrameReader {
 public:
  static constexpr size_t kMaxPayload = 1 << 24;

  void Add(const char* data, size_t size) { buffer_.append(data, size); }
  // The next whole frame; false if more bytes are needed.
  bool Next(Frame* frame);
  // The end of the noise so far.
  const std::string& noise() const { return noise_; }

 private:
  void Noise(size_t size);

  std::string buffer_;
  size_t at_ = 0;  // what is before it in the buffer is done with
  std::string noise_;
};

// --- Payloads --------------------------------------------------------------------------------------------------------

class PayloadWriter {
 public:
  explicit PayloadWriter(std::string* to) : to_(*to) {}
  void Number(uint64_t v);
  void Signed(int64_t v) { Number(static_cast<uint64_t>(v) << 1 ^ static_cast<uint64_t>(v >> 63)); }
  void Text(std::string_view s) { Number(s.size()), to_.append(s); }

 private:
  std::string& to_;
};

// What is not there reads as 0, and makes ok() false.
class PayloadReader {
 public:
  explicit PayloadReader(std::string_view from) : from_(from) {}
  uint64_t Number();
  int64_t Signed() {
    const uint64_t v = Number();
    return static_cast<int64_t>(v >> 1 ^ (0 - (v & 1)));
  }
  std::string_view Text();
  bool ok() const { return ok_; }
  bool done() const { return from_.empty(); }

 private:
  std::string_view from_;
  bool ok_ = true;
};

struct OpenRequest {  // kOpen
  uint32_t protocol = kProtocol, language = 0;
  int32_t deadline_ms = 1000, job = 0;
  bool allow_sysctl = false, allow_clock = false;
};
std::string ToPayload(const OpenRequest& open);
bool FromPayload(std::string_view payload, OpenRequest* open);

// What an agent is: kOpened.
struct AgentInfo {
  std::string release, version, machine;  // of uname(2)
  uint32_t page = 4096;
  std::vector<std::pair<std::string, std::string>> facts;  // as PrintFacts has them
  std::vector<std::pair<Call, std::string>> lacks;
  std::string lacks_caller32;  // empty: nothing
  Stepping::Level stepping = Stepping::kNot;
  std::string how;  // threads are stepped
};
std::string ToPayload(const AgentInfo& info);
bool FromPayload(std::string_view payload, AgentInfo* info);

// What an op is expected to do: as far as the ops behind it depend on it.
struct Foreseen {
  Outcome::Kind kind = Outcome::kValues;
  int32_t number[2] = {-1, -1};  // of the descriptors that it returns

  Foreseen() = default;
  Foreseen(const Op& op, const Outcome& outcome);
  friend bool operator==(const Foreseen&, const Foreseen&) = default;
};

// kRun: ops with literal operands. Where it is foreseen what they do, the agent stops behind the first one that does
// something else.
struct RunRequest {
  bool reset = false;  // it begins a trace
  std::vector<Op> ops;
  std::vector<Foreseen> foreseen;  // empty, or one for each
};
std::string ToPayload(const RunRequest& run);
bool FromPayload(std::string_view payload, RunRequest* run);

// kDone: outcomes one after the other. Notes become static storage.
void AppendOutcome(const Outcome& outcome, std::string* payload);
bool ReadOutcome(PayloadReader* payload, Outcome* outcome);

// The same text in storage that is never freed, once for each text.
const char* Interned(std::string_view text);

}  // namespace pollux

#endif  // POLLUX_ORACLE_WIRE_H_
