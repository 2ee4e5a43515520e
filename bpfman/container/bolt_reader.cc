// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/bolt_reader.h"

#include <cstring>
#include <utility>

namespace bpfman::container {
namespace {

constexpr std::uint32_t kMagic = 0xed0cdaed;
constexpr std::uint32_t kVersion = 2;
constexpr std::uint16_t kBranch = 1;
constexpr std::uint16_t kLeaf = 2;
constexpr std::uint16_t kMetaPage = 4;
constexpr std::uint32_t kBucketValue = 1;
constexpr std::size_t kPageHeader = 16;
constexpr std::size_t kElement = 16;
constexpr std::size_t kMetaBytes = 64;
constexpr std::size_t kSmallestPage = 512;
constexpr std::size_t kLargestPage = 65536;
constexpr std::uint64_t kLargestValue = std::uint64_t{16} << 20;
constexpr std::uint64_t kMaxPages = std::uint64_t{1} << 40;
constexpr int kMaxDepth = 16;
constexpr std::size_t kMaxNames = 1'000'000;

Error damaged(const std::string& what) {
  return Error(Code::DataLoss, "the bolt database is damaged: " + what);
}

// REQUIRES: it lies in `bytes`.
template <typename Number>
Number number_at(std::string_view bytes, std::size_t offset) {
  Number out = 0;
  std::memcpy(&out, bytes.data() + offset, sizeof out);
  return out;
}

std::uint64_t fnv1a(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (char c : bytes) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return hash;
}

}  // namespace

// `page` begins with the page's header.
std::optional<BoltReader::Meta> BoltReader::parse_meta(std::string_view page) {
  if (page.size() < kPageHeader + kMetaBytes ||
      (number_at<std::uint16_t>(page, 8) & kMetaPage) == 0) {
    return std::nullopt;
  }
  std::string_view meta = page.substr(kPageHeader, kMetaBytes);
  Meta out{.page_size = number_at<std::uint32_t>(meta, 8),
           .root = number_at<std::uint64_t>(meta, 16),
           .pages = number_at<std::uint64_t>(meta, 40),
           .transaction = number_at<std::uint64_t>(meta, 48)};
  bool good = number_at<std::uint32_t>(meta, 0) == kMagic &&
              number_at<std::uint32_t>(meta, 4) == kVersion && out.page_size >= kSmallestPage &&
              out.page_size <= kLargestPage && (out.page_size & (out.page_size - 1)) == 0 &&
              out.pages <= kMaxPages &&
              number_at<std::uint64_t>(meta, 56) == fnv1a(meta.substr(0, 56));
  return good ? std::optional(out) : std::nullopt;
}

Result<BoltReader::Meta> BoltReader::newest_meta(const Read& read) {
  std::string first = TRY(read(0, kPageHeader + kMetaBytes));
  std::optional<Meta> best = parse_meta(first);
  // Where the first one is broken the second is looked for at every size that a page can have.
  std::size_t size = best.has_value() ? best->page_size : kSmallestPage;
  std::size_t last = best.has_value() ? best->page_size : kLargestPage;
  for (; size <= last; size *= 2) {
    Result<std::string> second = read(size, kPageHeader + kMetaBytes);
    std::optional<Meta> other = second.ok() ? parse_meta(*second) : std::nullopt;
    bool fits = other.has_value() && other->page_size == size;
    if (fits && (!best.has_value() || other->transaction > best->transaction)) {
      best = other;
    }
  }
  if (!best.has_value()) {
    return damaged("it has no valid meta page");
  }
  return *best;
}

Result<BoltReader> BoltReader::open(Read read) {
  Meta meta = TRY(newest_meta(read));
  return BoltReader(std::move(read), meta);
}

Result<bool> BoltReader::is_current() const {
  Meta now = TRY(newest_meta(read_));
  return now.transaction == meta_.transaction;
}

Result<BoltReader::Page> BoltReader::parse_page(std::string bytes) {
  if (bytes.size() < kPageHeader) {
    return damaged("a page is cut off");
  }
  Page page;
  auto flags = number_at<std::uint16_t>(bytes, 8);
  page.count = number_at<std::uint16_t>(bytes, 10);
  page.is_leaf = (flags & kLeaf) != 0;
  if (page.is_leaf == ((flags & kBranch) != 0)) {
    return damaged("a page is neither branch nor leaf");
  }
  if (kPageHeader + page.count * kElement > bytes.size()) {
    return damaged("a page has more elements than room");
  }
  page.bytes = std::move(bytes);
  return page;
}

Result<BoltReader::Page> BoltReader::load(std::uint64_t number) const {
  if (number < 2 || number >= meta_.pages) {
    return damaged("page " + std::to_string(number) + " does not exist");
  }
  std::uint64_t offset = number * meta_.page_size;
  std::string bytes = TRY(read_(offset, meta_.page_size));
  if (number_at<std::uint64_t>(bytes, 0) != number) {
    return damaged("page " + std::to_string(number) + " says that it is another one");
  }
  std::uint64_t overflow = number_at<std::uint32_t>(bytes, 12);
  std::uint64_t whole = (overflow + 1) * meta_.page_size;
  if (whole > kLargestValue || overflow >= meta_.pages - number) {
    return damaged("page " + std::to_string(number) + " is too large");
  }
  if (overflow > 0) {
    bytes = TRY(read_(offset, whole));
  }
  return parse_page(std::move(bytes));
}

Result<BoltReader::Page> BoltReader::first_page(const Bucket& bucket) const {
  if (bucket.page != 0) {
    return load(bucket.page);
  }
  Page page = TRY(parse_page(bucket.inline_page));
  if (!page.is_leaf) {
    return damaged("a bucket within a value is no leaf");
  }
  return page;
}

Result<BoltReader::Element> BoltReader::element(const Page& page, std::size_t index) {
  std::string_view bytes = page.bytes;
  std::size_t at = kPageHeader + index * kElement;
  Element out;
  std::uint64_t position = 0;
  std::uint64_t key_size = 0;
  std::uint64_t value_size = 0;
  if (page.is_leaf) {
    out.is_bucket = (number_at<std::uint32_t>(bytes, at) & kBucketValue) != 0;
    position = number_at<std::uint32_t>(bytes, at + 4);
    key_size = number_at<std::uint32_t>(bytes, at + 8);
    value_size = number_at<std::uint32_t>(bytes, at + 12);
  } else {
    position = number_at<std::uint32_t>(bytes, at);
    key_size = number_at<std::uint32_t>(bytes, at + 4);
    out.child = number_at<std::uint64_t>(bytes, at + 8);
  }
  std::uint64_t begin = at + position;
  if (begin + key_size + value_size > bytes.size()) {
    return damaged("an element lies outside of its page");
  }
  out.key = bytes.substr(begin, key_size);
  out.value = bytes.substr(begin + key_size, value_size);
  return out;
}

// (is a bucket, value)
Result<std::optional<std::pair<bool, std::string>>> BoltReader::find(const Bucket& in,
                                                                     std::string_view key) const {
  using Found = std::optional<std::pair<bool, std::string>>;
  Page page = TRY(first_page(in));
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    // The last element whose key is not behind the one that is looked for.
    std::size_t low = 0;
    std::size_t high = page.count;
    while (low < high) {
      std::size_t middle = low + (high - low) / 2;
      Element one = TRY(element(page, middle));
      if (one.key <= key) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low == 0) {
      return Found();
    }
    Element nearest = TRY(element(page, low - 1));
    if (page.is_leaf) {
      bool same = nearest.key == key;
      return same ? Found(std::pair(nearest.is_bucket, std::string(nearest.value))) : Found();
    }
    page = TRY(load(nearest.child));
  }
  return damaged("its tree is too deep");
}

Result<std::optional<BoltReader::Bucket>> BoltReader::find_bucket(const Bucket& in,
                                                                  std::string_view name) const {
  std::optional<std::pair<bool, std::string>> found = TRY(find(in, name));
  if (!found.has_value() || !found->first) {
    return std::optional<Bucket>();
  }
  const std::string& value = found->second;
  if (value.size() < 16) {
    return damaged("a bucket has no header");
  }
  Bucket out{number_at<std::uint64_t>(value, 0), ""};
  if (out.page == 0) {
    out.inline_page = value.substr(16);
  }
  return std::optional(std::move(out));
}

Result<std::optional<BoltReader::Bucket>> BoltReader::find_path(
    const std::vector<std::string_view>& path) const {
  std::optional<Bucket> bucket = root();
  for (std::string_view name : path) {
    bucket = TRY(find_bucket(*bucket, name));
    if (!bucket.has_value()) {
      break;
    }
  }
  return bucket;
}

Result<std::optional<std::string>> BoltReader::find_value(const Bucket& in,
                                                          std::string_view key) const {
  std::optional<std::pair<bool, std::string>> found = TRY(find(in, key));
  if (!found.has_value() || found->first) {
    return std::optional<std::string>();
  }
  return std::optional(std::move(found->second));
}

Result<void> BoltReader::collect(const Page& page,
                                 int depth,
                                 std::uint64_t& pages,
                                 std::vector<std::string>& names) const {
  if (depth > kMaxDepth || ++pages > meta_.pages) {
    return damaged("its tree is too deep");
  }
  for (std::size_t i = 0; i < page.count; ++i) {
    Element one = TRY(element(page, i));
    if (names.size() >= kMaxNames) {
      return damaged("it has too many names");
    }
    if (!page.is_leaf) {
      Page inner = TRY(load(one.child));
      TRY(collect(inner, depth + 1, pages, names));
    } else if (one.is_bucket) {
      // Names ascend in a sound tree.
      if (!names.empty() && one.key <= names.back()) {
        return damaged("its keys are out of order");
      }
      names.emplace_back(one.key);
    }
  }
  return {};
}

Result<std::vector<std::string>> BoltReader::bucket_names(const Bucket& in) const {
  std::vector<std::string> names;
  Page page = TRY(first_page(in));
  std::uint64_t pages = 0;
  TRY(collect(page, 0, pages, names));
  return names;
}

}  // namespace bpfman::container
