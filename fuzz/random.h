// Random numbers for the search: xoshiro256**, seeded by splitmix64. The same seed gives the same numbers on every
// machine, which std's distributions do not promise. Not thread-safe; a copy continues independently.

#ifndef POLLUX_FUZZ_RANDOM_H_
#define POLLUX_FUZZ_RANDOM_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace pollux {

class Random {
 public:
  explicit Random(uint64_t seed) {
    for (uint64_t& s : s_) {
      seed += 0x9e3779b97f4a7c15;
      uint64_t z = seed;
      z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
      z = (z ^ z >> 27) * 0x94d049bb133111eb;
      s = z ^ z >> 31;
    }
  }

  uint64_t Next() {
    const uint64_t result = Rotate(s_[1] * 5, 7) * 9, t = s_[1] << 17;
    s_[2] ^= s_[0], s_[3] ^= s_[1], s_[1] ^= s_[2], s_[0] ^= s_[3], s_[2] ^= t, s_[3] = Rotate(s_[3], 45);
    return result;
  }

  // Uniform in [0, n); 0 for n = 0. The bias of 2^-32 n does not matter to a search.
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>((Next() >> 32) * n >> 32); }
  // Uniform in [low, high].
  uint32_t Between(uint32_t low, uint32_t high) { return low + Below(high - low + 1); }
  // True once in n times.
  bool OneIn(uint32_t n) { return Below(n) == 0; }
  // True `p` times in 256.
  bool Chance(uint32_t p) { return (Next() >> 56) < p; }
  // Small numbers often, large ones seldom: uniform in [0, 2^b) for a uniform b in [0, bits].
  uint64_t Skewed(uint32_t bits) {
    const uint32_t b = Below(bits + 1);
    return b == 0 ? 0 : Next() >> (64 - b);
  }
  template <class T, size_t n>
  const T& Pick(const T (&from)[n]) {
    return from[Below(n)];
  }

 private:
  static uint64_t Rotate(uint64_t x, int k) { return x << k | x >> (64 - k); }
  std::array<uint64_t, 4> s_;
};

}  // namespace pollux

#endif  // POLLUX_FUZZ_RANDOM_H_
