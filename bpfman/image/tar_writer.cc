// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/tar_writer.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>

namespace bpfman::image {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kNameBytes = 100;
constexpr std::int64_t kLatest = 077777777777;  // what eleven octal digits hold

using Block = std::array<char, kBlock>;

void put(Block& block, std::size_t offset, std::string_view text) {
  std::copy(text.begin(), text.end(), block.begin() + static_cast<std::ptrdiff_t>(offset));
}

Block header(const std::string& name, std::size_t size, std::int64_t time) {
  Block block{};
  put(block, 0, name);
  put(block, 100, "0000644");
  put(block, 108, "0000000");
  put(block, 116, "0000000");
  put(block, 124, fmt::format("{:011o}", size));
  put(block, 136, fmt::format("{:011o}", std::clamp<std::int64_t>(time, 0, kLatest)));
  put(block, 148, "        ");
  put(block, 156, "0");
  put(block, 257, std::string_view("ustar\00000", 8));
  unsigned sum = 0;
  for (char c : block) {
    sum += static_cast<unsigned char>(c);
  }
  put(block, 148, fmt::format("{:06o}", sum));
  block[154] = '\0';
  return block;
}

void append(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

Result<Bytes> write_tar(const std::map<std::string, Bytes>& files, std::int64_t time) {
  Bytes out;
  for (const auto& [name, content] : files) {
    if (name.empty() || name.size() > kNameBytes) {
      return Error(Code::InvalidArgument,
                   "file name \"" + name + "\" is empty or longer than 100 bytes");
    }
    Block block = header(name, content.size(), time);
    append(out, as_bytes(std::string_view(block.data(), block.size())));
    append(out, content);
    out.resize((out.size() + kBlock - 1) / kBlock * kBlock);
  }
  out.resize(out.size() + 2 * kBlock);
  return out;
}

}  // namespace bpfman::image
