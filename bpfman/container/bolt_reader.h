// SPDX-License-Identifier: Apache-2.0
// BoltReader: looks keys up in a bolt database (bbolt) without its lock and without writing. Every
// number in the file is checked before it is used: the file may be damaged, or change meanwhile.
// For databases whose owner is not running; is_current() tells whether one wrote after all. Source:
// go.etcd.io/bbolt, page.go, bucket.go, db.go. All numbers in the host's byte order.
//
//   page    id u64, flags u16 (1 branch, 2 leaf, 4 meta), count u16, overflow u32 (further pages)
//   meta    magic u32 0xed0cdaed, version u32 2, page size u32, flags u32, root {page u64, sequence
//           u64}, freelist u64, pages u64, transaction u64, checksum u64 (FNV-1a of all before);
//           pages 0 and 1, of which the valid one with the higher transaction counts
//   branch  count * {pos u32, key size u32, page u64}; pos from the element to its key
//   leaf    count * {flags u32 (1: the value is a bucket), pos u32, key size u32, value size u32}
//   bucket  {page u64, sequence u64}; page 0: a leaf page follows in the value
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpfman/base/result.h"

namespace bpfman::container {

class BoltReader {
 public:
  // Exactly that many bytes of the file, or DataLoss where it ends before.
  using Read = std::function<Result<std::string>(std::uint64_t offset, std::size_t size)>;

  struct Bucket {
    std::uint64_t page = 0;
    std::string inline_page;  // when page is 0
  };

  // DataLoss when it is no bolt database, or a damaged one; so do all the others.
  static Result<BoltReader> open(Read read);

  Bucket root() const { return Bucket{meta_.root, ""}; }

  // nullopt: no bucket of that name in this one.
  Result<std::optional<Bucket>> find_bucket(const Bucket& in, std::string_view name) const;
  // Bucket in bucket in the root.
  Result<std::optional<Bucket>> find_path(const std::vector<std::string_view>& path) const;
  Result<std::optional<std::string>> find_value(const Bucket& in, std::string_view key) const;
  // Names of the buckets in this one, sorted.
  Result<std::vector<std::string>> bucket_names(const Bucket& in) const;
  // Nobody has written since it was opened.
  Result<bool> is_current() const;

 private:
  struct Meta {
    std::uint32_t page_size = 0;
    std::uint64_t root = 0;
    std::uint64_t pages = 0;
    std::uint64_t transaction = 0;
  };

  struct Element {
    bool is_bucket = false;
    std::uint64_t child = 0;  // of a branch
    std::string_view key;
    std::string_view value;  // of a leaf
  };

  struct Page {
    std::string bytes;
    bool is_leaf = false;
    std::size_t count = 0;
  };

  BoltReader(Read read, Meta meta) : read_(std::move(read)), meta_(meta) {}

  static std::optional<Meta> parse_meta(std::string_view page);
  static Result<Meta> newest_meta(const Read& read);
  static Result<Page> parse_page(std::string bytes);
  static Result<Element> element(const Page& page, std::size_t index);
  Result<Page> load(std::uint64_t number) const;
  Result<Page> first_page(const Bucket& bucket) const;
  Result<std::optional<std::pair<bool, std::string>>> find(const Bucket& in,
                                                           std::string_view key) const;
  // `pages` counts those that were read: in a damaged tree some may be met again and again.
  Result<void> collect(const Page& page,
                       int depth,
                       std::uint64_t& pages,
                       std::vector<std::string>& names) const;

  Read read_;
  Meta meta_;
};

}  // namespace bpfman::container
