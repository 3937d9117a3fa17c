// CRC32C (Castagnoli, reflected polynomial 0x82F63B78), by the SSE4.2 instruction where the processor has it.
#ifndef TAILRACE_CCHECKSUM_H
#define TAILRACE_CCHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/// Continues `crc` (0 at the start) over `length` bytes. crc32c(0, "123456789", 9) is 0xE3069283 (RFC 3720, B.4).
uint32_t cchecksum_crc32c(uint32_t crc, const void *bytes, size_t length);

/// The same by a table: for processors without the instruction, and to test the other against.
uint32_t cchecksum_crc32c_portable(uint32_t crc, const void *bytes, size_t length);

#endif
