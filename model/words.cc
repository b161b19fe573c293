// Words of the text form: what may be a name, and what errors are called.

#include "model/words.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>

#include "model/text.h"

namespace pollux {
namespace {

// asm-generic/errno-base.h and errno.h, by number and without the E; 41 and 58 are not used.
// clang-format off
constexpr std::string_view kErrnoNames[] = {
    "", "PERM", "NOENT", "SRCH", "INTR", "IO", "NXIO", "2BIG", "NOEXEC", "BADF", "CHILD", "AGAIN", "NOMEM", "ACCES",
    "FAULT", "NOTBLK", "BUSY", "EXIST", "XDEV", "NODEV", "NOTDIR", "ISDIR", "INVAL", "NFILE", "MFILE", "NOTTY",
    "TXTBSY", "FBIG", "NOSPC", "SPIPE", "ROFS", "MLINK", "PIPE", "DOM", "RANGE", "DEADLK", "NAMETOOLONG", "NOLCK",
    "NOSYS", "NOTEMPTY", "LOOP", "", "NOMSG", "IDRM", "CHRNG", "L2NSYNC", "L3HLT", "L3RST", "LNRNG", "UNATCH",
    "NOCSI", "L2HLT", "BADE", "BADR", "XFULL", "NOANO", "BADRQC", "BADSLT", "", "BFONT", "NOSTR", "NODATA", "TIME",
    "NOSR", "NONET", "NOPKG", "REMOTE", "NOLINK", "ADV", "SRMNT", "COMM", "PROTO", "MULTIHOP", "DOTDOT", "BADMSG",
    "OVERFLOW", "NOTUNIQ", "BADFD", "REMCHG", "LIBACC", "LIBBAD", "LIBSCN", "LIBMAX", "LIBEXEC", "ILSEQ", "RESTART",
    "STRPIPE", "USERS", "NOTSOCK", "DESTADDRREQ", "MSGSIZE", "PROTOTYPE", "NOPROTOOPT", "PROTONOSUPPORT",
    "SOCKTNOSUPPORT", "OPNOTSUPP", "PFNOSUPPORT", "AFNOSUPPORT", "ADDRINUSE", "ADDRNOTAVAIL", "NETDOWN", "NETUNREACH",
    "NETRESET", "CONNABORTED", "CONNRESET", "NOBUFS", "ISCONN", "NOTCONN", "SHUTDOWN", "TOOMANYREFS", "TIMEDOUT",
    "CONNREFUSED", "HOSTDOWN", "HOSTUNREACH", "ALREADY", "INPROGRESS", "STALE", "UCLEAN", "NOTNAM", "NAVAIL", "ISNAM",
    "REMOTEIO", "DQUOT", "NOMEDIUM", "MEDIUMTYPE", "CANCELED", "NOKEY", "KEYEXPIRED", "KEYREVOKED", "KEYREJECTED",
    "OWNERDEAD", "NOTRECOVERABLE", "RFKILL", "HWPOISON",
};
// clang-format on
static_assert(std::size(kErrnoNames) == 134);

// T1, T2, ... name threads.
bool IsThread(std::string_view s) {
  return s.size() > 1 && s[0] == 'T' && std::all_of(s.begin() + 1, s.end(), IsDigit);
}

}  // namespace

std::string_view TrimRight(std::string_view s) {
  while (!s.empty() && IsSpace(s.back())) s.remove_suffix(1);
  return s;
}

bool IsMemory(std::string_view s) {
  return !s.empty() && std::find(std::begin(kMemoryNames), std::end(kMemoryNames), s) != std::end(kMemoryNames);
}

bool IsName(std::string_view s) {
  return !s.empty() && IsWordStart(s[0]) && std::all_of(s.begin(), s.end(), IsWordChar) && !IsThread(s) &&
         s != "race" && s != "u64" && !IsMemory(s);
}

std::string ErrnoName(int error) {
  if (error > 0 && error < static_cast<int>(std::size(kErrnoNames)) && !kErrnoNames[error].empty()) {
    return 'E' + std::string(kErrnoNames[error]);
  }
  return 'E' + std::to_string(error);
}

int FindErrno(std::string_view name) {
  if (name.size() < 2 || name[0] != 'E') return -1;
  const auto it = std::find(std::begin(kErrnoNames), std::end(kErrnoNames), name.substr(1));
  if (it != std::end(kErrnoNames)) return static_cast<int>(it - std::begin(kErrnoNames));
  int number = 0;
  const auto [stop, ec] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
  const bool number_only = ec == std::errc() && stop == name.data() + name.size();
  return number_only && number <= INT16_MAX && ErrnoName(number) == name ? number : -1;
}

}  // namespace pollux
