// Choosing names.

#include "model/names.h"

#include <algorithm>
#include <unordered_map>

#include "model/words.h"

namespace pollux {
namespace {

std::string Base(Call call, size_t out) {
  switch (call) {
    case Call::kEpollCreate:
    case Call::kEpollCreate1:
      return "ep";
    case Call::kPipe2:
      return out == 0 ? "r" : "w";
    case Call::kEventfd:
      return "e";
    case Call::kOpenpty:
      return out == 0 ? "m" : "s";
    case Call::kSocketpair:
      return "s";
    case Call::kSocket:
      return "u";
    case Call::kAccept4:
      return "a";
    case Call::kTimerfdCreate:
      return "t";
    case Call::kMemfdCreate:
    case Call::kMemfdSecret:
      return "m";
    case Call::kOpen:
    case Call::kFifo:
      return "f";
    default:
      return "d";
  }
}

}  // namespace

Names::Names(const Trace& trace) : ops_(trace.ops), names_(ops_.size()) {
  for (size_t i = 0; i < std::min(ops_.size(), trace.notes.size()); ++i) {
    for (size_t k = 0; k < Outputs(ops_[i].call); ++k) {
      if (IsName(trace.notes[i].name[k])) Set({i, k}, trace.notes[i].name[k]);
    }
  }
  std::vector<bool> wanted(ops_.size());
  for (size_t i = 0; i < ops_.size(); ++i) {
    const Call call = ops_[i].call;
    // Unasked, only calls that make something new get names, and only in a trace that has no notes at all.
    wanted[i] = (trace.notes.empty() && call != Call::kDup2 && call != Call::kDup3 && call != Call::kFcntl) ||
                !names_[i][0].empty() || !names_[i][1].empty();
    Uses(i, [&](Output used) { wanted[used.first] = true; });
  }
  for (size_t i = 0; i < ops_.size(); ++i) {
    for (size_t k = 0; k < Outputs(ops_[i].call); ++k) {
      if (wanted[i] && names_[i][k].empty()) Set({i, k}, Fresh({i, k}));
    }
  }
  std::unordered_map<std::string, Output> bound;
  std::vector<Output> hidden;
  for (size_t i = 0; i < ops_.size(); ++i) {
    Uses(i, [&](Output used) {
      if (bound[names_[used.first][used.second]] != used) hidden.push_back(used);
    });
    for (size_t k = 0; k < Outputs(ops_[i].call); ++k) {
      if (!names_[i][k].empty()) bound[names_[i][k]] = {i, k};
    }
  }
  // A name that stands nowhere else hides nothing, so one round is enough.
  std::sort(hidden.begin(), hidden.end());
  hidden.erase(std::unique(hidden.begin(), hidden.end()), hidden.end());
  for (const Output& output : hidden) Set(output, Fresh(output));
}

void Names::AppendBinding(std::string* out, size_t i) const {
  if (names_[i][0].empty()) return;
  *out += names_[i][0];
  if (!names_[i][1].empty()) *out += ", ", *out += names_[i][1];
  *out += " = ";
}

std::string Names::Operand(size_t i, Fd fd) const {
  if (fd.literal()) return std::to_string(fd.number());
  return fd.op() < i && !names_[fd.op()][fd.out()].empty() ? names_[fd.op()][fd.out()] : "-1";
}

template <class F>
void Names::Uses(size_t i, F f) const {
  Op op = ops_[i];
  MapFds(op, [&](Fd fd) {
    if (!fd.literal() && fd.op() < i && fd.out() < Outputs(ops_[fd.op()].call)) f(Output(fd.op(), fd.out()));
    return fd;
  });
}

void Names::Set(Output output, std::string name) {
  used_.insert(name);
  names_[output.first][output.second] = std::move(name);
}

std::string Names::Fresh(Output output) {
  const Call call = ops_[output.first].call;
  const std::string base = Base(call, output.second);
  int& n = count_[base];
  std::string name;
  do {
    ++n;
    name = n == 1 && call != Call::kSocketpair ? base : base + std::to_string(n);
  } while (used_.count(name) != 0);
  return name;
}

}  // namespace pollux
