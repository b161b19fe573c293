// What exported programs need of inotify, and of the memory of rings.

#include "oracle/export_fragments.h"

namespace pollux {
namespace {

constexpr Fragment kFragments[] = {
    {"ring_offsets", R"(
/* The counters stand where they stand in every ring of a kernel; the queues are a page each. */
static struct io_uring_params ring_offsets;

static char *ring_page(int fd, off_t offset) {
  void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
  if (at == MAP_FAILED) exit(2);
  return (char *)at;
}
static uint32_t *ring_word(char *ring, uint32_t offset) { return (uint32_t *)(void *)(ring + offset); }
)",
     ""},
    {"set_up_ring", R"(
static long set_up_ring(uint32_t entries, uint32_t flags) {
  struct io_uring_params p;
  long fd;
  memset(&p, 0, sizeof p);
  p.flags = flags;
  fd = result_of(syscall(SYS_io_uring_setup, entries, &p));
  if (fd >= 0) ring_offsets = p;
  return fd;
}
)",
     ""},
    {"push_nops", R"(
/* Puts up to n NOPs into the submission queue. */
static long push_nops(int fd, uint32_t n) {
  char *ring = ring_page(fd, IORING_OFF_SQ_RING), *entries = ring_page(fd, (off_t)IORING_OFF_SQES);
  const struct io_sqring_offsets *sq = &ring_offsets.sq_off;
  const struct io_cqring_offsets *cq = &ring_offsets.cq_off;
  uint32_t array = (cq->cqes + *ring_word(ring, cq->ring_entries) * (uint32_t)sizeof(struct io_uring_cqe) + 63) / 64 * 64;
  uint32_t tail = *ring_word(ring, sq->tail), pushed = 0;
  while (pushed < n && tail - *ring_word(ring, sq->head) < *ring_word(ring, sq->ring_entries)) {
    uint32_t slot = tail & *ring_word(ring, sq->ring_mask);
    memset(entries + slot * sizeof(struct io_uring_sqe), 0, sizeof(struct io_uring_sqe)); /* IORING_OP_NOP */
    *ring_word(ring, array + slot * 4) = slot;
    ++tail, ++pushed;
  }
  __atomic_store_n(ring_word(ring, sq->tail), tail, __ATOMIC_RELEASE);
  munmap(ring, 4096);
  munmap(entries, 4096);
  return pushed;
}
)",
     ""},
    {"reap", R"(
/* Takes up to n completions. */
static long reap(int fd, uint32_t n) {
  char *ring = ring_page(fd, IORING_OFF_SQ_RING);
  uint32_t *head = ring_word(ring, ring_offsets.cq_off.head);
  uint32_t left = __atomic_load_n(ring_word(ring, ring_offsets.cq_off.tail), __ATOMIC_ACQUIRE) - *head;
  uint32_t taken = n < left ? n : left;
  __atomic_store_n(head, *head + taken, __ATOMIC_RELEASE);
  munmap(ring, 4096);
  return taken;
}
)",
     ""},
    {"notice", R"(
/* What was read of an inotify, one after the other. */
static void notice(int index, uint32_t mask, int wd) {
  struct inotify_event e;
  memcpy(&e, buffer + (size_t)index * sizeof e, sizeof e);
  if (e.mask != mask) differs("tells of another mask:", e.mask);
  if (e.wd != wd || e.len != 0) differs("tells of another watch:", e.wd);
}
)",
     R"(
/* What was read of an inotify, one after the other. */
static void notice(int index, uint32_t mask, int wd) {
  struct inotify_event e;
  memcpy(&e, buffer + (size_t)index * sizeof e, sizeof e);
  EXPECT_EQ(e.mask, mask) << "number " << index;
  EXPECT_EQ(e.wd, wd) << "number " << index;
  EXPECT_EQ(e.len, 0u) << "number " << index;
}
)"},
};

}  // namespace

std::span<const Fragment> NotifyFragments() { return kFragments; }

}  // namespace pollux
