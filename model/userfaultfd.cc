// userfaultfd: an error until its handshake, and as long as it may block (fs/userfaultfd.c). No op faults.

#include "model/memory.h"
#include "model/model.h"

namespace pollux {

void Model::UserfaultfdCreate(const Op& op, Outcome* out) {
  const uint32_t flags = op.u32(0);
  const uint32_t user_mode_only = Has(Quirk::kNoUserMode) ? 0 : 1;
  if (rules_(Rule::kUserfaultfdFlags, (flags & ~(user_mode_only | kOCloexec | kONonblock)) != 0)) {
    return out->Error(kEINVAL);
  }
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id id = state_.userfaultfds.New();
  Open(NewFile(FileType::kUserfaultfd, kORdonly | (flags & kONonblock), id), (flags & kOCloexec) != 0, out);
}

// ioctl(UFFDIO_API)
void Model::UserfaultfdApi(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File& f = state_.files[id];
  if (f.type != FileType::kUserfaultfd) return out->Error(NoIoctl(id));
  Userfaultfd& u = state_.userfaultfds[f.object];
  if (rules_(Rule::kUserfaultfdApiTwice, u.initialized, f.object)) return out->Error(kEINVAL);
  u.initialized = true;
  out->Value(0);
}

void Model::UserfaultfdWait(const File& file, Queues* queues) {
  (*queues)[0] = &state_.userfaultfds[file.object].queue;
}

uint32_t Model::UserfaultfdMask(const File& file) {
  const bool ready = state_.userfaultfds[file.object].initialized;
  if (rules_(Rule::kUserfaultfdErrBefore, !ready, file.object)) return kErr;
  return rules_(Rule::kUserfaultfdErrBlocking, (file.flags & kONonblock) == 0, file.object) ? kErr : 0;
}

void Model::UserfaultfdRead(const File& file, Memory, int64_t n, Outcome* out) {
  constexpr int64_t kMessage = 32;  // sizeof(struct uffd_msg)
  const bool ready = state_.userfaultfds[file.object].initialized;
  if (rules_(Rule::kUserfaultfdReadBefore, !ready, file.object)) return out->Error(kEINVAL);
  if (rules_(Rule::kUserfaultfdReadShort, n < kMessage)) return out->Error(kEINVAL);
  WouldSleep((file.flags & kONonblock) != 0, out);
}

}  // namespace pollux
