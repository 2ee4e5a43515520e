// SPDX-License-Identifier: Apache-2.0
// Small text tools: splitting, parsing numbers, base64, "did you mean".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpfman/base/bytes.h"

namespace bpfman {

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);

// The whole of `text` as a decimal number; nullopt on any other character, an empty text or
// overflow.
std::optional<std::uint64_t> parse_unsigned(std::string_view text);
std::optional<std::int64_t> parse_signed(std::string_view text);
// "500MB" (of 1000), "64MiB", "64m" (of 1024), "4096"; nullopt on anything else, on 0 and on
// overflow.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
// An even number of hexadecimal digits, optionally behind "0x".
std::optional<Bytes> parse_hex(std::string_view text);

// RFC 4648 section 4 with padding; nullopt on anything else.
std::optional<Bytes> decode_base64(std::string_view text);
std::string encode_base64(ByteView bytes);

// Up to three of `candidates` near to `word` (Damerau-Levenshtein distance at most a third of its
// length, at least 1), nearest first, then by name.
std::vector<std::string> suggest(std::string_view word, const std::vector<std::string>& candidates);

// 2026-11-24T10:52:01Z
std::string format_utc(std::int64_t unix_seconds);
// "812 B", "4.1 KiB", "1.0 GiB"
std::string format_bytes(std::uint64_t bytes);
// "0.42 ms", "18 ms", "3.1 s"
std::string format_duration_ns(std::int64_t nanoseconds);

// "*" stands for any characters, "?" for one.
bool fits_pattern(std::string_view pattern, std::string_view text);

}  // namespace bpfman
