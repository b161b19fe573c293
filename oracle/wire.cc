#include "oracle/wire.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "model/binary.h"

namespace pollux {
namespace {

constexpr std::string_view kMagic = "\xf5Plx";
constexpr size_t kHeader = 17, kTrailer = 4;
constexpr size_t kMostNoise = 4096;

// FNV-1a.
uint32_t Checksum(std::string_view data, uint32_t sum = 2166136261) {
  for (const char c : data) sum = (sum ^ static_cast<uint8_t>(c)) * 16777619;
  return sum;
}

void AppendNumber32(uint32_t v, std::string* to) {
  for (int shift = 0; shift < 32; shift += 8) to->push_back(static_cast<char>(v >> shift));
}

uint32_t Number32(const char* p) {
  uint32_t v = 0;
  for (int i = 3; i >= 0; --i) v = v << 8 | static_cast<uint8_t>(p[i]);
  return v;
}

}  // namespace

uint32_t LanguageFingerprint() {
  uint32_t sum = Checksum("");
  for (const CallSpec& call : kCallSpecs) {
    sum = Checksum(call.name, sum);
    for (const ArgSpec& arg : call.args) {
      const char shape[] = {static_cast<char>(arg.kind), static_cast<char>(arg.pointee),
                            static_cast<char>(arg.words.size())};
      sum = Checksum({shape, sizeof shape}, sum);
    }
  }
  return sum;
}

// --- Frames ----------------------------------------------------------------------------------------------------------

void AppendFrame(FrameType type, uint32_t id, std::string_view payload, std::string* stream) {
  const size_t begin = stream->size();
  stream->append(kMagic);
  stream->push_back(static_cast<char>(type));
  AppendNumber32(id, stream);
  AppendNumber32(static_cast<uint32_t>(payload.size()), stream);
  AppendNumber32(Checksum(std::string_view(*stream).substr(begin)), stream);
  stream->append(payload);
  AppendNumber32(Checksum(payload), stream);
}

bool FrameReader::Next(Frame* frame) {
  for (;;) {
    const std::string_view rest = std::string_view(buffer_).substr(at_);
    const size_t magic = rest.find(kMagic);
    if (magic != 0) {
      // The end of what is there may be the beginning of a magic.
      size_t noise = magic;
      if (magic == rest.npos) {
        noise = rest.size();
        for (size_t n = std::min(kMagic.size() - 1, rest.size()); n > 0; --n) {
          if (!rest.ends_with(kMagic.substr(0, n))) continue;
          noise -= n;
          break;
        }
      }
      Noise(noise);
      if (magic == rest.npos) break;
      continue;
    }
    if (rest.size() < kHeader) break;
    const uint32_t length = Number32(rest.data() + 9);
    if (Number32(rest.data() + 13) != Checksum(rest.substr(0, 13)) || length > kMaxPayload) {
      Noise(1);
      continue;
    }
    if (rest.size() < kHeader + length + kTrailer) break;
    const std::string_view payload = rest.substr(kHeader, length);
    if (Number32(payload.data() + length) != Checksum(payload)) {
      Noise(1);
      continue;
    }
    frame->type = static_cast<FrameType>(rest[4]);
    frame->id = Number32(rest.data() + 5);
    frame->payload = payload;
    at_ += kHeader + length + kTrailer;
    return true;
  }
  buffer_.erase(0, at_);
  at_ = 0;
  return false;
}

void FrameReader::Noise(size_t size) {
  noise_.append(buffer_, at_, size);
  if (noise_.size() > 2 * kMostNoise) noise_.erase(0, noise_.size() - kMostNoise);
  at_ += size;
}

// --- Payloads --------------------------------------------------------------------------------------------------------

void PayloadWriter::Number(uint64_t v) {
  for (; v >= 0x80; v >>= 7) to_.push_back(static_cast<char>(v | 0x80));
  to_.push_back(static_cast<char>(v));
}

uint64_t PayloadReader::Number() {
  uint64_t v = 0;
  for (size_t i = 0; i < from_.size() && i < 10; ++i) {
    const uint8_t byte = static_cast<uint8_t>(from_[i]);
    v |= uint64_t{byte & 0x7fu} << 7 * i;
    if (byte >= 0x80) continue;
    from_.remove_prefix(i + 1);
    return v;
  }
  from_ = {};
  ok_ = false;
  return 0;
}

std::string_view PayloadReader::Text() {
  const uint64_t size = Number();
  if (size > from_.size()) {
    from_ = {};
    ok_ = false;
    return {};
  }
  const std::string_view text = from_.substr(0, size);
  from_.remove_prefix(size);
  return text;
}

std::string ToPayload(const OpenRequest& open) {
  std::string payload;
  PayloadWriter w(&payload);
  w.Number(open.protocol), w.Number(open.language);
  w.Signed(open.deadline_ms), w.Signed(open.job), w.Number(open.allow_sysctl), w.Number(open.allow_clock);
  return payload;
}

bool FromPayload(std::string_view payload, OpenRequest* open) {
  PayloadReader r(payload);
  open->protocol = static_cast<uint32_t>(r.Number()), open->language = static_cast<uint32_t>(r.Number());
  open->deadline_ms = static_cast<int32_t>(r.Signed()), open->job = static_cast<int32_t>(r.Signed());
  open->allow_sysctl = r.Number() != 0;
  open->allow_clock = r.Number() != 0;
  return r.ok();
}

std::string ToPayload(const AgentInfo& info) {
  std::string payload;
  PayloadWriter w(&payload);
  w.Text(info.release), w.Text(info.version), w.Text(info.machine);
  w.Number(info.page);
  w.Number(info.facts.size());
  for (const auto& [key, value] : info.facts) w.Text(key), w.Text(value);
  w.Number(info.lacks.size());
  for (const auto& [call, why] : info.lacks) w.Number(static_cast<uint64_t>(call)), w.Text(why);
  w.Text(info.lacks_caller32);
  w.Number(info.stepping), w.Text(info.how);
  return payload;
}

bool FromPayload(std::string_view payload, AgentInfo* info) {
  PayloadReader r(payload);
  info->release = r.Text(), info->version = r.Text(), info->machine = r.Text();
  info->page = static_cast<uint32_t>(r.Number());
  for (uint64_t n = r.Number(); n > 0 && r.ok(); --n) {
    const std::string_view key = r.Text();
    info->facts.emplace_back(key, r.Text());
  }
  for (uint64_t n = r.Number(); n > 0 && r.ok(); --n) {
    const uint64_t call = r.Number();
    if (call >= kCalls) return false;
    info->lacks.emplace_back(static_cast<Call>(call), r.Text());
  }
  info->lacks_caller32 = r.Text();
  info->stepping = static_cast<Stepping::Level>(std::min<uint64_t>(r.Number(), Stepping::kAnyOrder));
  info->how = r.Text();
  return r.ok();
}

Foreseen::Foreseen(const Op& op, const Outcome& outcome) : kind(outcome.kind) {
  if (outcome.kind != Outcome::kValues) return;
  for (uint32_t i = 0; i < Outputs(op.call); ++i) number[i] = static_cast<int32_t>(outcome.value[i]);
}

std::string ToPayload(const RunRequest& run) {
  std::string payload, ops;
  Encode(run.ops, &ops);
  PayloadWriter w(&payload);
  w.Number(run.reset), w.Number(run.ops.size()), w.Text(ops), w.Number(!run.foreseen.empty());
  for (size_t i = 0; i < run.foreseen.size(); ++i) {
    const Foreseen& f = run.foreseen[i];
    w.Number(f.kind);
    for (uint32_t n = 0; n < Outputs(run.ops[i].call); ++n) w.Signed(f.number[n]);
  }
  return payload;
}

bool FromPayload(std::string_view payload, RunRequest* run) {
  PayloadReader r(payload);
  run->reset = r.Number() != 0;
  const uint64_t count = r.Number();
  const std::string_view ops = r.Text();
  Decode(reinterpret_cast<const uint8_t*>(ops.data()), ops.size(), &run->ops);
  run->foreseen.clear();
  if (run->ops.size() != count) return false;
  if (r.Number() == 0) return r.ok();
  run->foreseen.resize(count);
  for (size_t i = 0; i < count; ++i) {
    Foreseen& f = run->foreseen[i];
    f.kind = static_cast<Outcome::Kind>(r.Number());
    for (uint32_t n = 0; n < Outputs(run->ops[i].call); ++n) f.number[n] = static_cast<int32_t>(r.Signed());
  }
  return r.ok();
}

void AppendOutcome(const Outcome& outcome, std::string* payload) {
  PayloadWriter w(payload);
  const bool more = outcome.has_payload || outcome.clobbered || !outcome.completions.empty();
  w.Number(static_cast<uint64_t>(outcome.kind) << 1 | (more ? 1 : 0));
  switch (outcome.kind) {
    case Outcome::kValues:
      w.Number(outcome.nvalues);
      for (size_t i = 0; i < outcome.nvalues; ++i) w.Signed(outcome.value[i]);
      break;
    case Outcome::kError:
      w.Number(static_cast<uint64_t>(outcome.error));
      break;
    case Outcome::kRecords:
      w.Number(outcome.records.size());
      for (const Record& record : outcome.records) w.Number(record.events), w.Signed(record.fd), w.Number(record.data);
      break;
    case Outcome::kSkipped:
      w.Text(outcome.note == nullptr ? "" : outcome.note);
      break;
    default:
      break;
  }
  if (!more) return;
  w.Number((outcome.has_payload ? 1 : 0) | (outcome.clobbered ? 2 : 0));
  if (outcome.has_payload) w.Number(outcome.payload);
  w.Number(outcome.completions.size());
  for (const Completion& c : outcome.completions) {
    w.Number(c.thread), w.Number(static_cast<uint64_t>(c.call));
    AppendOutcome(c.outcome, payload);
  }
}

bool ReadOutcome(PayloadReader* payload, Outcome* outcome) {
  PayloadReader& r = *payload;
  outcome->Clear();
  const uint64_t head = r.Number();
  if (head >> 1 > Outcome::kSkipped) return false;
  outcome->kind = static_cast<Outcome::Kind>(head >> 1);
  switch (outcome->kind) {
    case Outcome::kValues: {
      const uint64_t n = r.Number();
      if (n > std::size(outcome->value)) return false;
      outcome->nvalues = static_cast<uint8_t>(n);
      for (size_t i = 0; i < n; ++i) outcome->value[i] = r.Signed();
      break;
    }
    case Outcome::kError:
      outcome->error = static_cast<Errno>(r.Number());
      break;
    case Outcome::kRecords:
      for (uint64_t n = r.Number(); n > 0 && r.ok(); --n) {
        Record& record = outcome->records.emplace_back();
        record.events = static_cast<uint32_t>(r.Number());
        record.fd = static_cast<int32_t>(r.Signed());
        record.data = r.Number();
      }
      break;
    case Outcome::kSkipped:
      outcome->note = Interned(r.Text());
      break;
    default:
      break;
  }
  if ((head & 1) != 0) {
    const uint64_t flags = r.Number();
    outcome->has_payload = (flags & 1) != 0, outcome->clobbered = (flags & 2) != 0;
    if (outcome->has_payload) outcome->payload = r.Number();
    for (uint64_t n = r.Number(); n > 0 && r.ok(); --n) {
      Completion& c = outcome->completions.emplace_back();
      c.thread = static_cast<uint8_t>(r.Number());
      const uint64_t call = r.Number();
      if (call >= kCalls || !ReadOutcome(payload, &c.outcome)) return false;
      c.call = static_cast<Call>(call);
    }
  }
  return r.ok();
}

const char* Interned(std::string_view text) {
  static std::mutex mutex;
  static std::set<std::string, std::less<>>& known = *new std::set<std::string, std::less<>>;
  const std::lock_guard lock(mutex);
  auto found = known.find(text);
  if (found == known.end()) found = known.emplace(text).first;
  return found->c_str();
}

}  // namespace pollux
