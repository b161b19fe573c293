// kcmp(2): are two descriptors one open file description; what does an item of an interest list watch (kernel/kcmp.c).
//
// Its order of different objects is obfuscated on purpose: only "the same" (0) and "another" (1) are told apart.

#include "model/model.h"

namespace pollux {

// kcmp_ptr()
void Model::KcmpFound(bool same, Outcome* out) {
  out->Value(same ? 0 : 1);
  if (!same) out->among = "kcmp: which of two files comes first";
}

void Model::KcmpFile(const Op& op, Outcome* out) {
  const Id a = FileAt(op.num(0)), b = FileAt(op.num(1));
  if (rules_(Rule::kFdBad, a == kNil || b == kNil)) return out->Error(kEBADF);
  KcmpFound(rules_(Rule::kKcmpSame, a == b, a), out);
}

// kcmp_epoll_target(): the item is the one numbered `toff` of those under that number, closed or not (R1.10).
void Model::KcmpTfd(const Op& op, Outcome* out) {
  const Id file = FileAt(op.num(0));
  const int32_t tfd = op.num(2);
  if (rules_(Rule::kKcmpFault, !op.mem(3).readable())) return out->Error(kEFAULT);
  if (rules_(Rule::kFdBad, file == kNil)) return out->Error(kEBADF);
  const Id epoll = FileAt(op.num(1));
  if (rules_(Rule::kFdBad, epoll == kNil)) return out->Error(kEBADF);
  const Id instance = InstanceOf(epoll);
  if (rules_(Rule::kKcmpNotEpoll, instance == kNil, epoll)) return out->Error(kEINVAL);
  uint32_t count = 0;
  Id target = kNil;
  const Instance& e = state_.instances[instance];
  Id id = e.items.head;
  for (uint32_t i = e.items.size; i > 0 && id != kNil; --i, id = state_.items[id].in_instance.next) {
    if (state_.items[id].fd == tfd) ++count, target = state_.items[id].file;
  }
  if (rules_(Rule::kKcmpAbsent, op.u32(4) >= count, instance)) return out->Error(kENOENT);
  if (count > 1) {
    out->Clear(), out->kind = Outcome::kSkipped, out->note = "kcmp: the order of a number's items is that of addresses";
    return;
  }
  KcmpFound(rules_(Rule::kKcmpSame, file == target, target), out);
}

}  // namespace pollux
