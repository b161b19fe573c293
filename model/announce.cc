// Files in /proc that announce changes: the mounts of a namespace (fs/namespace.c), the domain name
// (kernel/utsname_sysctl.c). A change is something that a poll finds, and takes: each open file description remembers
// which changes its last poll knew of.

#include "model/model.h"

namespace pollux {

Announced& Model::AnnouncedBy(const File& file) {
  return WhichOf(file) == Which::kDomainName ? state_.domain_name : state_.mounts;
}

Id Model::AnnouncerOpen(Id inode, uint32_t flags, Outcome*) {
  const Id id = NewFile(FileType::kAnnounces, flags, state_.plains.New(), inode);
  const File& f = state_.files[id];
  if (rules_(Rule::kProcOpened, true, id)) state_.plains[f.object].changes = AnnouncedBy(f).changes;
  return id;
}

// mounts_poll(), proc_sys_poll()
uint32_t Model::AnnouncerMask(const File& file) {
  Plain& p = state_.plains[file.object];
  const uint64_t now = AnnouncedBy(file).changes;
  uint32_t mask = kIn | kRdnorm;
  const bool changed = rules_(Rule::kProcChanged, p.changes != now, file.object);
  if (changed && rules_(Rule::kProcConsumed, true, file.object)) p.changes = now;
  if (changed) mask |= kErr | kPri;
  const bool writable = WhichOf(file) == Which::kDomainName && !changed;
  if (rules_(Rule::kProcWritable, writable, file.object)) mask |= kOut | kWrnorm;
  return mask;
}

// A mount comes, goes or changes; the domain name is set, be it to what it was.
void Model::Change(const Op& op, Outcome* out) {
  Announced& a = static_cast<Which>(op.arg[0]) == Which::kDomainName ? state_.domain_name : state_.mounts;
  ++a.changes;
  if (rules_(Rule::kProcChangeWakes, true)) Notify(a.queue, 0);
  out->Value(0);
}

}  // namespace pollux
