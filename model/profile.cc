// The releases and their quirks, and facts as text.

#include "model/profile.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace pollux {
namespace {

constexpr QuirkInfo kInfo[] = {
#define QUIRK(name, id, statement, source) {id, statement, source},
#include "model/quirks.def"
#undef QUIRK
};

// A quirk lasts until a release; kOpen: from which profile on a back-port may have ended it.
struct Era {
  Quirk quirk;
  int from, until;       // releases as major * 1000 + minor, until is exclusive
  int open_from = 9999;  // stable series at or above this release may have lost the quirk early
};
constexpr int R(int major, int minor) { return major * 1000 + minor; }
constexpr Era kEras[] = {
    {Quirk::kWaitArgumentsFirst, 0, R(6, 15)},
    {Quirk::kDepthBelowFive, R(5, 11), R(6, 17), R(5, 15)},
    {Quirk::kDepthBelowFour, 0, R(5, 11), R(5, 10)},
    {Quirk::kPipeReadWakesIfBeganFull, R(5, 5), R(6, 14)},
    {Quirk::kPipeFaultLeavesSlot, R(5, 5), R(6, 15)},
    {Quirk::kPipeOnlyFirstWriteWakes, R(5, 5), R(5, 14), R(5, 10)},
    {Quirk::kPipeEveryReadWakes, 0, R(5, 5)},
    {Quirk::kPipeOneQueue, 0, R(5, 6)},
    {Quirk::kEventfdWriteLong, 0, R(6, 9)},
    {Quirk::kEventfdSleepsFirst, 0, R(6, 5)},
    {Quirk::kUnixPeerFirst, 0, R(6, 14)},
    {Quirk::kUnixEmptyCounts, 0, R(6, 16), R(5, 15)},
    {Quirk::kNetlinkFullLate, 0, R(6, 16), R(5, 4)},
    {Quirk::kUnixOobEarly, R(5, 15), R(6, 1)},
    {Quirk::kUnixOobEarly, R(6, 2), R(6, 12)},
    {Quirk::kUnixOobReadEnds, R(6, 1), R(6, 2)},
    {Quirk::kUnixOobEmptyRead, R(6, 12), R(6, 13), R(6, 12)},
    {Quirk::kUnixNoOob, 0, R(5, 15)},
    {Quirk::kVectorSegmentsFirst, 0, R(6, 8)},
    {Quirk::kVectorReadsEach, 0, R(6, 10)},
    {Quirk::kSpliceNothingAsks, 0, R(6, 5)},
    {Quirk::kSpliceRegular, 0, R(6, 0)},
    {Quirk::kSpliceSpaceFirst, 0, R(6, 8)},
    {Quirk::kTimerfdReadFaults, 0, R(6, 10)},
    {Quirk::kPidfdNoHup, 0, R(6, 9)},
    {Quirk::kPidfdExitKey, 0, R(6, 9)},
    {Quirk::kPidfdAnonymous, 0, R(6, 9)},
    {Quirk::kPidfdUnread, R(6, 9), R(6, 17)},
    {Quirk::kPidfdIoctl, R(6, 11), R(6, 14)},
    {Quirk::kNoParams, 0, R(6, 9)},
    {Quirk::kScanNotifiesUpward, 0, R(5, 5)},
    {Quirk::kNoPwait2, 0, R(5, 11)},
    {Quirk::kNoCloseRange, 0, R(5, 9)},
    {Quirk::kNoCloexecRange, 0, R(5, 11)},
    {Quirk::kNoUserMode, 0, R(5, 11)},
    {Quirk::kNoExclusive, 0, R(4, 5)},
    {Quirk::kNoWakeup, 0, R(3, 5)},
    {Quirk::kNoPathLimit, 0, R(3, 3)},
    {Quirk::kMemfdNotifies, 0, R(6, 14)},
    {Quirk::kSpliceWrites, 0, R(6, 8)},
    {Quirk::kSpliceUnnoticed, 0, R(6, 5)},
    {Quirk::kZeroUnspliced, R(5, 10), R(6, 7)},
    {Quirk::kSecretCounts, 0, R(6, 16)},
};

struct Release {
  const char* name;
  int release;
};
constexpr Release kReleases[] = {
    {"linux-2.6.38", R(2, 6)}, {"linux-4.4", R(4, 4)},   {"linux-4.5", R(4, 5)},   {"linux-4.18", R(4, 18)},
    {"linux-5.4", R(5, 4)},    {"linux-5.10", R(5, 10)}, {"linux-5.15", R(5, 15)}, {"linux-6.1", R(6, 1)},
    {"linux-6.6", R(6, 6)},    {"linux-6.12", R(6, 12)}, {"linux-6.18", R(6, 18)},
};

Profile Make(const Release& release) {
  Profile p;
  p.name = release.name;
  for (const Era& era : kEras) {
    if (release.release < era.from || release.release >= era.until) continue;
    p.quirk[static_cast<size_t>(era.quirk)] = release.release >= era.open_from ? Setting::kOpen : Setting::kOn;
  }
  return p;
}

const std::vector<Profile>& All() {
  static const std::vector<Profile>& all = *[] {
    auto* v = new std::vector<Profile>;
    for (const Release& r : kReleases) v->push_back(Make(r));
    return v;
  }();
  return all;
}

bool ReadInt(std::string_view s, int64_t* value) {
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), *value);
  return error == std::errc() && end == s.data() + s.size();
}

// The facts by name: one list for printing, reading and comparing.
template <class F>
void EachFact(Facts& facts, F f) {
  f("pipe.slots", facts.pipe_slots);
  f("pipe.max-slots", facts.pipe_max_slots);
  f("pipe.unlimited", facts.pipe_unlimited);
  f("unix.sndbuf", facts.unix_sndbuf);
  f("unix.sndbuf-min", facts.unix_sndbuf_min);
  f("unix.rcvbuf", facts.unix_rcvbuf);
  f("unix.rcvbuf-min", facts.unix_rcvbuf_min);
  f("unix.dgram-qlen", facts.unix_dgram_qlen);
  f("net.somaxconn", facts.somaxconn);
  f("unix.charge", facts.unix_charge);
  f("unix.stream-linear", facts.unix_stream_linear);
  f("unix.message-linear", facts.unix_message_linear);
  f("unix.message-paged", facts.unix_message_paged);
  f("netlink.charge", facts.netlink_charge);
  f("pm-sleep", facts.pm_sleep);
  f("busy-poll", facts.busy_poll);
  f("net-admin", facts.net_admin);
  f("timerfd-ticks", facts.timerfd_ticks);
  f("unix.oob", facts.unix_oob);
  f("direct-io", facts.direct_io);
}

std::string ToText(int64_t v) { return std::to_string(v); }
std::string ToText(uint32_t v) { return std::to_string(v); }
std::string ToText(bool v) { return v ? "1" : "0"; }
std::string ToText(const std::vector<Facts::Step>& steps) {
  std::string s;
  for (const Facts::Step& step : steps) {
    if (!s.empty()) s += ',';
    s += std::to_string(step.bytes) + ':' + std::to_string(step.charge);
  }
  return s;
}

bool FromText(std::string_view s, int64_t* v) { return ReadInt(s, v) && *v > 0; }
bool FromText(std::string_view s, uint32_t* v) {
  int64_t n;
  if (!ReadInt(s, &n) || n < 0 || n > UINT32_MAX) return false;
  *v = static_cast<uint32_t>(n);
  return true;
}
bool FromText(std::string_view s, bool* v) {
  if (s != "0" && s != "1") return false;
  *v = s == "1";
  return true;
}
bool FromText(std::string_view s, std::vector<Facts::Step>* steps) {
  std::vector<Facts::Step> read;
  while (!s.empty()) {
    const size_t comma = s.find(','), colon = s.find(':');
    const std::string_view one = s.substr(0, comma);
    Facts::Step step;
    if (colon == s.npos || colon > one.size()) return false;
    if (!ReadInt(one.substr(0, colon), &step.bytes) || !ReadInt(one.substr(colon + 1), &step.charge)) return false;
    if (!read.empty() && (step.bytes <= read.back().bytes || step.charge <= read.back().charge)) return false;
    read.push_back(step);
    s = comma == s.npos ? std::string_view() : s.substr(comma + 1);
  }
  if (read.empty()) return false;
  *steps = std::move(read);
  return true;
}

}  // namespace

const QuirkInfo& Info(Quirk quirk) { return kInfo[static_cast<size_t>(quirk)]; }

std::span<const Profile> Profiles() { return All(); }

bool FindProfile(std::string_view name, Profile* profile) {
  size_t end = name.find('+');
  const size_t dash = name.size() > 6 ? name.find('-', 6) : name.npos;  // behind "linux-"
  end = std::min(end, dash);
  const Profile* found = nullptr;
  for (const Profile& p : All()) {
    if (p.name == name.substr(0, end)) found = &p;
  }
  if (found == nullptr) return false;
  Profile result = *found;
  // +id and -id: ids contain dashes, so the longest id that matches is meant.
  std::string_view rest = end == name.npos ? std::string_view() : name.substr(end);
  while (!rest.empty()) {
    size_t best = kQuirks, length = 0;
    for (size_t q = 0; q < kQuirks; ++q) {
      if (rest.substr(1).starts_with(kInfo[q].id) && kInfo[q].id.size() > length) best = q, length = kInfo[q].id.size();
    }
    if (best == kQuirks) return false;
    result.quirk[best] = rest[0] == '+' ? Setting::kOn : Setting::kOff;
    rest = rest.substr(1 + length);
    if (!rest.empty() && rest[0] != '+' && rest[0] != '-') return false;
  }
  result.name = name;
  *profile = result;
  return true;
}

bool ProfileForRelease(std::string_view release, Profile* profile) {
  int major = 0, minor = 0;
  const char* const last = release.data() + release.size();
  auto [dot, error] = std::from_chars(release.data(), last, major);
  if (error != std::errc() || dot == last || *dot != '.') return false;
  auto [end, error2] = std::from_chars(dot + 1, last, minor);
  if (error2 != std::errc()) return false;
  bool found = false;
  for (size_t i = 0; i < std::size(kReleases); ++i) {
    if (kReleases[i].release <= R(major, minor)) *profile = All()[i], found = true;
  }
  return found;
}

std::vector<std::pair<std::string, std::string>> PrintFacts(const Facts& facts) {
  std::vector<std::pair<std::string, std::string>> lines;
  Facts copy = facts;
  EachFact(copy, [&](const char* key, const auto& value) { lines.emplace_back(key, ToText(value)); });
  return lines;
}

bool SetFact(Facts* facts, std::string_view key, std::string_view value) {
  bool set = false;
  EachFact(*facts, [&](std::string_view name, auto& field) {
    if (name == key) set = FromText(value, &field);
  });
  return set;
}

}  // namespace pollux
