// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/streams.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <zlib.h>
#include <zstd.h>

namespace bpfman::image {
namespace {

constexpr std::uint64_t kMaxRatio = 1000;
// Below this much output the ratio says nothing.
constexpr std::uint64_t kRatioFrom = std::uint64_t{16} << 20;

// Gives back the bytes that were read to sniff, then the rest.
class PrefixedSource {
 public:
  PrefixedSource(Bytes prefix, ByteSource& rest) : prefix_(std::move(prefix)), rest_(rest) {}

  Result<std::size_t> read(std::span<std::byte> buffer) {
    if (used_ == prefix_.size()) {
      Result<std::size_t> count = rest_.read(buffer);
      taken_ += count.ok() ? *count : 0;
      return count;
    }
    std::size_t count = std::min(buffer.size(), prefix_.size() - used_);
    std::memcpy(buffer.data(), prefix_.data() + used_, count);
    used_ += count;
    taken_ += count;
    return count;
  }

  std::uint64_t taken() const { return taken_; }

 private:
  Bytes prefix_;
  ByteSource& rest_;
  std::size_t used_ = 0;
  std::uint64_t taken_ = 0;
};

// What the two decompressors share: an input buffer, and the limits.
class Inflater : public ByteSource {
 public:
  Inflater(PrefixedSource input, std::uint64_t limit) : input_(std::move(input)), limit_(limit) {}

  Result<std::size_t> read(std::span<std::byte> buffer) final {
    if (ended_ || buffer.empty()) {
      return std::size_t{0};
    }
    std::size_t count = TRY(inflate(buffer));
    produced_ += count;
    if (produced_ > limit_) {
      return Error(Code::ResourceExhausted,
                   "a compressed stream of more than " + std::to_string(limit_) + " bytes");
    }
    if (produced_ > kRatioFrom && produced_ / kMaxRatio > input_.taken()) {
      return Error(Code::ResourceExhausted,
                   "a compressed stream that grows more than a thousandfold");
    }
    ended_ = count == 0;
    return count;
  }

 protected:
  // Fills `buffer` as far as one step does; 0 only at the end.
  virtual Result<std::size_t> inflate(std::span<std::byte> buffer) = 0;

  // More input when there is none; false at its end.
  Result<bool> refill() {
    if (first_ < last_) {
      return true;
    }
    std::size_t count = TRY(input_.read(buffer_));
    first_ = 0;
    last_ = count;
    return count > 0;
  }

  std::byte* input_data() { return buffer_.data() + first_; }

  std::size_t input_size() const { return last_ - first_; }

  void consume(std::size_t count) { first_ += count; }

 private:
  PrefixedSource input_;
  std::uint64_t limit_;
  std::uint64_t produced_ = 0;
  bool ended_ = false;
  std::array<std::byte, 16384> buffer_{};
  std::size_t first_ = 0;
  std::size_t last_ = 0;
};

class GzipSource final : public Inflater {
 public:
  using Inflater::Inflater;

  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  ~GzipSource() override {
    if (begun_) {
      inflateEnd(&stream_);
    }
  }

 private:
  Result<std::size_t> inflate(std::span<std::byte> buffer) override {
    for (;;) {
      bool more = TRY(refill());
      if (!more) {
        if (!between_members_) {
          return Error(Code::DataLoss, "a gzip stream ends too early");
        }
        return std::size_t{0};
      }
      if (between_members_) {
        if (*input_data() != std::byte{0x1f}) {
          return std::size_t{0};  // padding behind the last member
        }
        TRY(begin_member());
      }
      stream_.next_in = reinterpret_cast<Bytef*>(input_data());
      stream_.avail_in = static_cast<uInt>(input_size());
      stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(buffer.size(), 1U << 30));
      uInt room = stream_.avail_out;
      int code = ::inflate(&stream_, Z_NO_FLUSH);
      consume(input_size() - stream_.avail_in);
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        return Error(Code::DataLoss, "a gzip stream is damaged");
      }
      between_members_ = code == Z_STREAM_END;
      if (std::size_t count = room - stream_.avail_out; count > 0) {
        return count;
      }
    }
  }

  Result<void> begin_member() {
    // 16: gzip framing only.
    int code = begun_ ? inflateReset(&stream_) : inflateInit2(&stream_, 15 + 16);
    if (code != Z_OK) {
      return Error(Code::ResourceExhausted, "zlib has no memory");
    }
    begun_ = true;
    between_members_ = false;
    return {};
  }

  z_stream stream_ = {};
  bool begun_ = false;
  bool between_members_ = true;
};

class ZstdSource final : public Inflater {
 public:
  using Inflater::Inflater;

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };

  Result<std::size_t> inflate(std::span<std::byte> buffer) override {
    for (;;) {
      bool more = TRY(refill());
      if (!more && frame_done_) {
        return std::size_t{0};
      }
      ZSTD_inBuffer in = {.src = input_data(), .size = input_size(), .pos = 0};
      ZSTD_outBuffer out = {.dst = buffer.data(), .size = buffer.size(), .pos = 0};
      std::size_t code = ZSTD_decompressStream(stream_.get(), &out, &in);
      if (ZSTD_isError(code) != 0) {
        return Error(Code::DataLoss,
                     std::string("a zstd stream is damaged: ") + ZSTD_getErrorName(code));
      }
      consume(in.pos);
      frame_done_ = code == 0;
      if (out.pos > 0) {
        return out.pos;
      }
      if (!more && in.pos == 0) {
        return Error(Code::DataLoss, "a zstd stream ends too early");
      }
    }
  }

  std::unique_ptr<ZSTD_DStream, Free> stream_{ZSTD_createDStream()};
  bool frame_done_ = false;
};

class PlainSource final : public Inflater {
 public:
  using Inflater::Inflater;

 private:
  Result<std::size_t> inflate(std::span<std::byte> buffer) override {
    bool more = TRY(refill());
    if (!more) {
      return std::size_t{0};
    }
    std::size_t count = std::min(buffer.size(), input_size());
    std::memcpy(buffer.data(), input_data(), count);
    consume(count);
    return count;
  }
};

class LimitedSource final : public ByteSource {
 public:
  LimitedSource(ByteSource& inner, std::uint64_t size) : inner_(inner), left_(size) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    std::size_t count = TRY(inner_.read(buffer));
    if (count > left_) {
      return Error(Code::DataLoss, "more bytes arrive than were announced");
    }
    left_ -= count;
    return count;
  }

 private:
  ByteSource& inner_;
  std::uint64_t left_;
};

bool is_zstd(const Bytes& head) {
  auto byte = [&head](std::size_t i) { return std::to_integer<unsigned>(head[i]); };
  if (head.size() < 4) {
    return false;
  }
  bool frame = byte(0) == 0x28 && byte(1) == 0xb5 && byte(2) == 0x2f && byte(3) == 0xfd;
  bool skippable =
      (byte(0) & 0xf0) == 0x50 && byte(1) == 0x2a && byte(2) == 0x4d && byte(3) == 0x18;
  return frame || skippable;
}

}  // namespace

Result<std::size_t> HashingSource::read(std::span<std::byte> buffer) {
  if (failed_.has_value()) {
    return *failed_;
  }
  Result<std::size_t> count = inner_.read(buffer);
  if (!count.ok()) {
    failed_ = count.error();
    return count;
  }
  hash_.update(ByteView(buffer).first(*count));
  size_ += *count;
  return count;
}

Result<void> HashingSource::drain() {
  std::array<std::byte, 16384> buffer{};
  for (;;) {
    std::size_t count = TRY(read(buffer));
    if (count == 0) {
      return {};
    }
  }
}

Digest HashingSource::finish() {
  Sha256Value value = hash_.finish();
  return *Digest::from_sha256_hex(to_hex(value));
}

std::unique_ptr<ByteSource> make_limited_source(ByteSource& inner, std::uint64_t size) {
  return std::make_unique<LimitedSource>(inner, size);
}

std::string_view to_string(Compression compression) {
  switch (compression) {
    case Compression::None:
      return "not compressed";
    case Compression::Gzip:
      return "gzip";
    case Compression::Zstd:
      return "zstd";
  }
  return "";
}

Result<std::unique_ptr<ByteSource>> make_inflating_source(ByteSource& inner,
                                                          std::uint64_t limit,
                                                          Compression* found) {
  Bytes head(4);
  std::size_t used = 0;
  while (used < head.size()) {
    std::size_t count = TRY(inner.read(std::span(head).subspan(used)));
    if (count == 0) {
      break;
    }
    used += count;
  }
  head.resize(used);
  bool gzip = used >= 2 && head[0] == std::byte{0x1f} && head[1] == std::byte{0x8b};
  bool zstd = is_zstd(head);
  if (found != nullptr) {
    *found = gzip ? Compression::Gzip : zstd ? Compression::Zstd : Compression::None;
  }
  PrefixedSource input(std::move(head), inner);
  if (gzip) {
    return std::unique_ptr<ByteSource>(std::make_unique<GzipSource>(std::move(input), limit));
  }
  if (zstd) {
    return std::unique_ptr<ByteSource>(std::make_unique<ZstdSource>(std::move(input), limit));
  }
  return std::unique_ptr<ByteSource>(std::make_unique<PlainSource>(std::move(input), limit));
}

}  // namespace bpfman::image
