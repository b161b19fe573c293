// What exported programs need of inotify.

#include "oracle/export_fragments.h"

namespace pollux {
namespace {

constexpr Fragment kFragments[] = {
    {"notice", R"(
/* An event of inotify that was read. */
static void notice(int index, uint32_t mask, int wd) {
  struct inotify_event e;
  memcpy(&e, buffer + (size_t)index * sizeof e, sizeof e);
  if (e.mask != mask) differs("has an event with mask", e.mask);
  if (e.wd != wd || e.len != 0) differs("has an event of watch", e.wd);
}
)",
     R"(
/* An event of inotify that was read. */
static void notice(int index, uint32_t mask, int wd) {
  struct inotify_event e;
  memcpy(&e, buffer + (size_t)index * sizeof e, sizeof e);
  EXPECT_EQ(e.mask, mask) << "event " << index;
  EXPECT_EQ(e.wd, wd) << "event " << index;
  EXPECT_EQ(e.len, 0u) << "event " << index;
}
)"},
};

}  // namespace

std::span<const Fragment> NotifyFragments() { return kFragments; }

}  // namespace pollux
