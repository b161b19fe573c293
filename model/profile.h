// What differs between kernels: quirks, by release; and facts, measured per machine.
//
// A profile is data. A live kernel's profile follows from its release and build string, never from how its epoll
// behaves; only a quirk that is *open* for that release (stable series or distributions back-ported the change)
// is probed, by its witness trace.

#ifndef POLLUX_MODEL_PROFILE_H_
#define POLLUX_MODEL_PROFILE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pollux {

// Behaviour of other releases that single-threaded ops can see. The unmarked behaviour is linux-6.18's.
enum class Quirk : uint8_t {
#define QUIRK(name, id, statement, source) name,
#include "model/quirks.def"
#undef QUIRK
  kCount,
};
inline constexpr size_t kQuirks = static_cast<size_t>(Quirk::kCount);

struct QuirkInfo {
  std::string_view id;         // "wait.params-first"
  std::string_view statement;  // what such a kernel does
  std::string_view source;     // R-numbers and releases
};
const QuirkInfo& Info(Quirk quirk);

enum class Setting : uint8_t { kOff, kOn, kOpen };

struct Profile {
  std::string name;  // "linux-6.18", or "linux-6.1+QUIRK" for an accepted difference
  std::array<Setting, kQuirks> quirk = {};
  bool operator[](Quirk q) const { return quirk[static_cast<size_t>(q)] == Setting::kOn; }
  friend bool operator==(const Profile&, const Profile&) = default;
};

// Every profile, oldest first.
std::span<const Profile> Profiles();
// "linux-6.18", "linux-6.1+quirk-id", "linux-6.12-quirk-id"; false if there is none of that name. Open quirks
// stay open until something decides them.
bool FindProfile(std::string_view name, Profile* profile);
// The profile for a `uname -r` release such as "6.1.0-50-cloud-amd64": the newest profile that is not newer.
// False if the release cannot be read or is older than the oldest profile.
bool ProfileForRelease(std::string_view release, Profile* profile);

// Measured at start-up on the target, given to the model as values. The defaults are linux-6.18's on x86-64.
struct Facts {
  int64_t pipe_slots = 16;         // F_GETPIPE_SZ of a new pipe / page size
  int64_t pipe_max_slots = 256;    // fs.pipe-max-size / page size; larger needs CAP_SYS_RESOURCE
  bool pipe_unlimited = true;      // has CAP_SYS_RESOURCE: F_SETPIPE_SZ above pipe_max_slots succeeds
  int64_t unix_sndbuf = 212992;    // SO_SNDBUF of a new AF_UNIX socket
  int64_t unix_sndbuf_min = 4608;  // the smallest that can be set
  int64_t unix_rcvbuf = 212992;    // SO_RCVBUF of one
  int64_t unix_rcvbuf_min = 2304;  // the smallest that can be set
  int64_t unix_dgram_qlen = 10;    // net.unix.max_dgram_qlen
  int64_t somaxconn = 4096;        // net.core.somaxconn
  // What a queued AF_UNIX buffer of so many linear payload bytes is charged, as steps {up to bytes, charge}
  // (SIOCOUTQ). Whole pages on top are charged as they are.
  struct Step {
    int64_t bytes, charge;
    friend bool operator==(const Step&, const Step&) = default;
  };
  std::vector<Step> unix_charge = {{192, 768},     {704, 1280},    {1728, 2304},   {3776, 4352},     {7872, 8448},
                                   {16064, 16640}, {32448, 33024}, {65216, 65792}, {130752, 131328}, {143328, 262400}};
  int64_t unix_stream_linear = 3776;    // a stream buffer uses pages beyond so many bytes
  int64_t unix_message_linear = 16064;  // a datagram or seqpacket message does beyond so many,
  int64_t unix_message_paged = 69632;   // but no more bytes of pages than these (MAX_SKB_FRAGS)
  int64_t netlink_charge = 832;         // what a short netlink message is charged
  // Capabilities that are visible in results.
  bool pm_sleep = false;      // EPOLLWAKEUP is kept (CONFIG_PM_SLEEP and CAP_BLOCK_SUSPEND)
  bool busy_poll = true;      // CONFIG_NET_RX_BUSY_POLL: EPIOC*PARAMS exist
  bool net_admin = true;      // CAP_NET_ADMIN: busy-poll budgets above 64 are allowed
  bool timerfd_ticks = true;  // CONFIG_CHECKPOINT_RESTORE: TFD_IOC_SET_TICKS exists
  bool unix_oob = true;       // CONFIG_AF_UNIX_OOB
  // F_SETFL accepts O_DIRECT on: bit n for FileType n (regular, directory, memfd, null depend on the filesystem).
  uint32_t direct_io = 0;
  friend bool operator==(const Facts&, const Facts&) = default;
};

// "% fact KEY VALUE" lines: {"pipe.slots", "16"}, ...
std::vector<std::pair<std::string, std::string>> PrintFacts(const Facts& facts);
// Sets one fact; false if there is no such key or the value does not parse.
bool SetFact(Facts* facts, std::string_view key, std::string_view value);

}  // namespace pollux

#endif  // POLLUX_MODEL_PROFILE_H_
