// What kinds of open file the model knows.

#ifndef POLLUX_MODEL_FILE_TYPE_H_
#define POLLUX_MODEL_FILE_TYPE_H_

#include <cstdint>

namespace pollux {

enum class FileType : uint8_t {
  kNone,  // the null file
  kPath,  // opened with O_PATH
  kRegular,
  kDirectory,
  kMemfd,
  kNull,  // files without a poll operation
  kEpoll,
  kPipe,
  kEventfd,
  kUnix,
  kTimerfd,
  kUserfaultfd,
  kPerf,
  kTcp,
  kUdp,
  kDevice,     // opened by name, without a poll operation
  kOpaque,     // opened by name, with nothing to read either
  kSecret,     // memfd_secret(2)
  kTerminal,   // of a process that has none
  kConstant,   // opened by name; nobody is ever notified
  kAnnounces,  // tells of changes of a namespace
  kNetlink,
  kInotify,
  kRing,
  kMqueue,
  kSignalfd,
  kPidfd,
  kPtm,  // master and slave of a pseudoterminal
  kPts,
  kCount,
};

}  // namespace pollux

#endif  // POLLUX_MODEL_FILE_TYPE_H_
