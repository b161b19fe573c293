// Where the order in which woken threads run is not known: does it matter? Every order is tried on a copy.

#include <string>
#include <utility>

#include "model/model.h"

namespace pollux {
namespace {

constexpr int kMostOrders = 64;

}  // namespace

// One order after the other: at each choice the same as before, and at the last one that has another way, that.
struct Model::Order {
  std::vector<std::pair<size_t, size_t>> choices;  // what was chosen, of how many
  size_t at = 0;

  size_t Choose(size_t n) {
    if (at == choices.size()) choices.emplace_back(0, n);
    choices[at].second = n;
    return choices[at++].first % n;
  }
  bool Next() {
    at = 0;
    while (!choices.empty() && choices.back().first + 1 >= choices.back().second) choices.pop_back();
    if (choices.empty()) return false;
    ++choices.back().first;
    return true;
  }
};

size_t Model::Chosen(size_t n) { return order_->Choose(n); }

bool Model::OrderMatters(const Op& op) const {
  // One sleeper alone has no order, but for the thread that makes the call and may sleep for a moment.
  if (state_.sleepers + (op.thread != 0 ? 1 : 0) < 2) return false;
  Order order;
  Outcome first, outcome;
  std::vector<uint64_t> left;
  for (int tried = 0; tried < kMostOrders; ++tried) {
    Model copy(*this);
    copy.order_ = &order;
    copy.Model::Run(op, tried == 0 ? &first : &outcome);
    if (tried == 0) {
      left = copy.Fingerprint();
    } else if (!(outcome == first) || copy.Fingerprint() != left) {
      return true;
    }
    if (!order.Next()) return false;
  }
  return true;
}

// What an op with threads can change, without the places of freed and reused rows that nobody sees.
std::vector<uint64_t> Model::Fingerprint() const {
  const State& s = state_;
  std::vector<uint64_t> f;
  const auto list = [&f](const List& l, const auto& table, auto hook, auto say) {
    f.push_back(l.size);
    Id id = l.head;
    for (uint32_t i = l.size; i > 0 && id != kNil; --i, id = (table[id].*hook).next) say(id);
  };
  const auto queue = [&](const List& l) {
    list(l, s.entries, &WaitEntry::in_queue, [&](Id id) {
      const WaitEntry& w = s.entries[id];
      f.insert(f.end(),
               {uint64_t{w.item} << 32 | uint64_t{w.thread} << 8 | uint64_t{w.exclusive} << 1 | w.stays, w.key});
    });
  };
  for (const Descriptor& d : s.fds) f.push_back(d.file);
  for (Id i = 1; i < s.files.size(); ++i) {
    const File& file = s.files[i];
    f.insert(f.end(), {static_cast<uint64_t>(file.type), file.flags, static_cast<uint64_t>(file.refs), file.object});
  }
  for (Id i = 1; i < s.items.size(); ++i) {
    const Item& item = s.items[i];
    f.insert(f.end(), {item.instance, item.file, static_cast<uint64_t>(item.fd), item.events, item.data, item.linked});
  }
  for (Id i = 1; i < s.instances.size(); ++i) {
    const Instance& e = s.instances[i];
    list(e.ready, s.items, &Item::in_ready, [&](Id id) { f.push_back(id); });
    queue(e.queue), queue(e.waiters);
  }
  for (Id i = 1; i < s.pipes.size(); ++i) {
    const Pipe& p = s.pipes[i];
    list(p.slots, s.slots, &PipeSlot::in_pipe, [&](Id id) {
      const PipeSlot& slot = s.slots[id];
      f.insert(f.end(), {static_cast<uint64_t>(slot.offset), static_cast<uint64_t>(slot.bytes),
                         uint64_t{slot.mergeable} << 1 | slot.packet});
    });
    f.insert(f.end(), {static_cast<uint64_t>(p.readers), static_cast<uint64_t>(p.writers), p.polled});
    queue(p.readers_queue), queue(p.writers_queue);
  }
  for (Id i = 1; i < s.eventfds.size(); ++i) f.push_back(s.eventfds[i].count), queue(s.eventfds[i].queue);
  for (Id i = 1; i < s.timerfds.size(); ++i) {
    f.insert(f.end(), {s.timerfds[i].ticks, s.timerfds[i].expired});
    queue(s.timerfds[i].queue);
  }
  for (Id i = 1; i < s.sockets.size(); ++i) {
    const Socket& socket = s.sockets[i];
    list(socket.messages, s.messages, &Message::in_socket, [&](Id id) {
      const Message& m = s.messages[id];
      f.insert(f.end(), {static_cast<uint64_t>(m.bytes), static_cast<uint64_t>(m.consumed),
                         static_cast<uint64_t>(m.charge), m.sender, m.file});
    });
    f.insert(f.end(), {static_cast<uint64_t>(socket.charge), static_cast<uint64_t>(socket.error), socket.oob,
                       static_cast<uint64_t>(socket.refs), socket.waits_for, socket.waiting.size});
    queue(socket.queue);
  }
  for (Id i = 1; i < s.inotifies.size(); ++i) {
    const Inotify& n = s.inotifies[i];
    list(n.notices, s.notices, &Notice::in_inotify,
         [&](Id id) { f.push_back(uint64_t{s.notices[id].mask} << 32 | static_cast<uint32_t>(s.notices[id].wd)); });
    queue(n.queue);
  }
  for (Id i = 1; i < s.mqueues.size(); ++i) {
    list(s.mqueues[i].messages, s.mq_messages, &MqMessage::in_queue, [&](Id id) {
      const MqMessage& m = s.mq_messages[id];
      f.insert(f.end(), {static_cast<uint64_t>(m.bytes), m.priority, m.value});
    });
    queue(s.mqueues[i].queue);
  }
  for (const Thread& t : s.threads) {
    f.insert(f.end(), {static_cast<uint64_t>(t.state), static_cast<uint64_t>(t.op.call), t.file,
                       static_cast<uint64_t>(t.done), t.places.size()});
  }
  return f;
}

}  // namespace pollux
