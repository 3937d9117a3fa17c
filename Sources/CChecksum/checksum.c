#include "CChecksum.h"

#include <string.h>

static uint32_t table[8][256];

/// Before main, so that no thread ever sees half a table.
__attribute__((constructor)) static void fill_table(void) {
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t crc = n;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
        table[0][n] = crc;
    }
    for (int slice = 1; slice < 8; slice++)
        for (uint32_t n = 0; n < 256; n++)
            table[slice][n] = (table[slice - 1][n] >> 8) ^ table[0][table[slice - 1][n] & 0xFF];
}

uint32_t cchecksum_crc32c_portable(uint32_t crc, const void *bytes, size_t length) {
    const uint8_t *p = bytes;
    crc = ~crc;
    for (; length >= 8; length -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        word ^= crc;
        crc = table[7][word & 0xFF] ^ table[6][(word >> 8) & 0xFF] ^ table[5][(word >> 16) & 0xFF]
            ^ table[4][(word >> 24) & 0xFF] ^ table[3][(word >> 32) & 0xFF] ^ table[2][(word >> 40) & 0xFF]
            ^ table[1][(word >> 48) & 0xFF] ^ table[0][word >> 56];
    }
    for (; length > 0; length--) crc = (crc >> 8) ^ table[0][(crc ^ *p++) & 0xFF];
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

// The instruction takes one cycle but its result comes after three: one chain of them uses a third of the unit. So three
// neighbouring blocks are summed side by side, and their sums joined: the state behind A and B is the state behind A moved
// over as many zero bytes as B has, xor the sum of B from 0 (both are linear over GF(2)).
enum { LONG_BLOCK = 4096, SHORT_BLOCK = 256 };
static uint32_t over_long[4][256], over_short[4][256];

__attribute__((target("sse4.2"))) static uint32_t over_zeros(uint32_t state, size_t bytes) {
    uint64_t wide = state;
    for (; bytes > 0; bytes -= 8) wide = _mm_crc32_u64(wide, 0);
    return (uint32_t)wide;
}

__attribute__((target("sse4.2"))) static void fill_over(uint32_t over[4][256], size_t bytes) {
    uint32_t single[32];
    for (int bit = 0; bit < 32; bit++) single[bit] = over_zeros((uint32_t)1 << bit, bytes);
    for (int byte = 0; byte < 4; byte++)
        for (uint32_t value = 0; value < 256; value++) {
            uint32_t sum = 0;
            for (int bit = 0; bit < 8; bit++)
                if (value >> bit & 1) sum ^= single[byte * 8 + bit];
            over[byte][value] = sum;
        }
}

__attribute__((constructor)) static void fill_over_tables(void) {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("sse4.2")) return;
    fill_over(over_long, LONG_BLOCK);
    fill_over(over_short, SHORT_BLOCK);
}

static uint32_t moved(uint32_t over[4][256], uint32_t state) {
    return over[0][state & 0xFF] ^ over[1][state >> 8 & 0xFF] ^ over[2][state >> 16 & 0xFF] ^ over[3][state >> 24];
}

__attribute__((target("sse4.2"))) static uint64_t three_blocks(
    uint64_t state, const uint8_t *p, size_t block, uint32_t over[4][256]
) {
    uint64_t first = state, second = 0, third = 0;
    for (size_t at = 0; at < block; at += 8) {
        uint64_t a, b, c;
        memcpy(&a, p + at, 8);
        memcpy(&b, p + block + at, 8);
        memcpy(&c, p + 2 * block + at, 8);
        first = _mm_crc32_u64(first, a);
        second = _mm_crc32_u64(second, b);
        third = _mm_crc32_u64(third, c);
    }
    uint32_t joined = moved(over, (uint32_t)first) ^ (uint32_t)second;
    return moved(over, joined) ^ (uint32_t)third;
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const void *bytes, size_t length) {
    const uint8_t *p = bytes;
    uint64_t state = (uint32_t)~crc;
    for (; length >= 3 * LONG_BLOCK; length -= 3 * LONG_BLOCK, p += 3 * LONG_BLOCK)
        state = three_blocks(state, p, LONG_BLOCK, over_long);
    for (; length >= 3 * SHORT_BLOCK; length -= 3 * SHORT_BLOCK, p += 3 * SHORT_BLOCK)
        state = three_blocks(state, p, SHORT_BLOCK, over_short);
    for (; length >= 8; length -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        state = _mm_crc32_u64(state, word);
    }
    uint32_t last = (uint32_t)state;
    for (; length > 0; length--) last = _mm_crc32_u8(last, *p++);
    return ~last;
}

uint32_t cchecksum_crc32c(uint32_t crc, const void *bytes, size_t length) {
    return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, bytes, length)
                                            : cchecksum_crc32c_portable(crc, bytes, length);
}
#else
uint32_t cchecksum_crc32c(uint32_t crc, const void *bytes, size_t length) {
    return cchecksum_crc32c_portable(crc, bytes, length);
}
#endif
