// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/image_test_support.h"

#include <algorithm>
#include <cstring>

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "bpfman/base/check.h"
#include "bpfman/base/text.h"
#include "bpfman/image/tar_reader.h"

namespace bpfman::image {
namespace {

constexpr std::size_t kBlock = 512;

// This many digits and a NUL.
std::string octal(std::uint64_t value, std::size_t digits) {
  std::string text(digits + 1, '\0');
  for (std::size_t i = digits; i-- > 0; value /= 8) {
    text[i] = static_cast<char>('0' + value % 8);
  }
  return text;
}

void put(std::string& block, std::size_t offset, std::string_view text) {
  block.replace(offset, text.size(), text);
}

template <typename T>
void append(Bytes& out, const T& value) {
  ByteView bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

class PieceSource final : public ByteSource {
 public:
  PieceSource(Bytes bytes, std::size_t piece, std::optional<Error> error)
      : bytes_(std::move(bytes)), piece_(piece), error_(std::move(error)) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    std::size_t count = std::min({buffer.size(), piece_, bytes_.size() - used_});
    if (count == 0 && error_.has_value() && !buffer.empty()) {
      // As a transfer does: it fails once, then there is nothing more.
      Error error = *std::move(error_);
      error_.reset();
      return error;
    }
    std::copy_n(ByteView(bytes_).subspan(used_).begin(), count, buffer.begin());
    used_ += count;
    return count;
  }

 private:
  Bytes bytes_;
  std::size_t piece_;
  std::optional<Error> error_;
  std::size_t used_ = 0;
};

Error unimplemented() {
  return Error(Code::Unimplemented, "this fake has no such route");
}

}  // namespace

Bytes bytes_of(std::string_view text) {
  ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

std::string text_of(const Bytes& bytes) {
  return std::string(as_text(bytes));
}

// Header, one section with a `return 0` for each function, symbols, strings, section names.
Bytes make_object(const std::vector<std::string>& functions, unsigned salt) {
  std::string strings(1, '\0');
  std::vector<Elf64_Sym> symbols(1);
  std::string code;
  for (const std::string& function : functions) {
    Elf64_Sym symbol = {};
    symbol.st_name = static_cast<Elf64_Word>(strings.size());
    symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    symbol.st_shndx = 1;
    symbol.st_value = code.size();
    symbol.st_size = 16;
    symbols.push_back(symbol);
    strings += function + '\0';
    code += std::string("\xb7\0\0\0", 4);  // r0 = salt; exit
    code.append(reinterpret_cast<const char*>(&salt), sizeof(salt));
    code += std::string("\x95\0\0\0\0\0\0\0", 8);
  }
  const std::string names = std::string("\0xdp\0.symtab\0.strtab\0", 21);
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_REL;
  header.e_machine = 247;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 5;
  header.e_shstrndx = 4;
  std::size_t offset = sizeof(header);
  auto section = [&](unsigned name, unsigned type, std::size_t size, unsigned flags) {
    Elf64_Shdr out = {};
    out.sh_name = name;
    out.sh_type = type;
    out.sh_flags = flags;
    out.sh_offset = offset;
    out.sh_size = size;
    out.sh_link = type == SHT_SYMTAB ? 3 : 0;
    offset += size;
    return out;
  };
  std::vector<Elf64_Shdr> sections(1);
  sections.push_back(section(1, SHT_PROGBITS, code.size(), SHF_ALLOC | SHF_EXECINSTR));
  sections.push_back(section(5, SHT_SYMTAB, symbols.size() * sizeof(Elf64_Sym), 0));
  sections.push_back(section(13, SHT_STRTAB, strings.size(), 0));
  sections.push_back(section(13, SHT_STRTAB, names.size(), 0));
  header.e_shoff = offset;
  Bytes out;
  append(out, header);
  for (const std::string& part : {code,
                                  std::string(reinterpret_cast<const char*>(symbols.data()),
                                              symbols.size() * sizeof(Elf64_Sym)),
                                  strings,
                                  names}) {
    ByteView bytes = as_bytes(part);
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  for (const Elf64_Shdr& one : sections) {
    append(out, one);
  }
  return out;
}

std::string tar_header(const TarFields& fields) {
  std::string block(kBlock, '\0');
  put(block, 0, fields.name.substr(0, 100));
  put(block, 100, octal(0644, 7));
  put(block, 108, octal(0, 7));
  put(block, 116, octal(0, 7));
  put(block, 124, fields.size_field.value_or(octal(fields.size, 11)));
  put(block, 136, octal(0, 11));
  put(block, 148, "        ");
  block[156] = fields.type;
  put(block, 157, fields.link.substr(0, 100));
  put(block, 257, fields.magic);
  put(block, 329, octal(fields.major, 7));
  put(block, 337, octal(fields.minor, 7));
  put(block, 345, fields.prefix);
  unsigned sum = 0;
  for (char c : block) {
    sum += static_cast<unsigned char>(c);
  }
  put(block, 148, octal(sum, 6) + " ");
  return block;
}

std::string pax_record(const std::string& key, const std::string& value) {
  std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + std::to_string(rest).size();
  length = rest + std::to_string(length).size();
  return std::to_string(length) + " " + key + "=" + value + "\n";
}

LayerWriter& LayerWriter::file(const std::string& name, const Bytes& data) {
  return file(name, as_text(data));
}

LayerWriter& LayerWriter::file(const std::string& name, std::string_view data) {
  files_.push_back(File{name, '0', std::string(data)});
  return entry(TarFields{.name = name, .size = data.size()}, data);
}

LayerWriter& LayerWriter::directory(const std::string& name) {
  files_.push_back(File{name, '5', ""});
  return entry(TarFields{.name = name + "/", .type = '5'});
}

LayerWriter& LayerWriter::symlink(const std::string& name, const std::string& target) {
  files_.push_back(File{name, '2', target});
  return entry(TarFields{.name = name, .type = '2', .link = target});
}

LayerWriter& LayerWriter::hardlink(const std::string& name, const std::string& target) {
  files_.push_back(File{name, '1', target});
  return entry(TarFields{.name = name, .type = '1', .link = target});
}

LayerWriter& LayerWriter::entry(const TarFields& fields, std::string_view data) {
  std::string header = tar_header(fields);
  std::string padding((kBlock - data.size() % kBlock) % kBlock, '\0');
  tar_ += header + std::string(data) + padding;
  pending_ += header;
  if (std::string_view("LKxg").find(fields.type) == std::string_view::npos) {
    note_file(fields.name, data.size());
  } else {
    pending_ += data;  // to the recipe, extension headers are raw bytes
  }
  pending_ += padding;
  return *this;
}

void LayerWriter::note_file(const std::string& name, std::uint64_t size) {
  recipe_ += R"({"type":2,"payload":")" + encode_base64(as_bytes(pending_)) + "\"}\n";
  pending_.clear();
  recipe_ += R"({"type":1,"name":)" + json_text(name) +
             (size == 0 ? "" : ",\"size\":" + std::to_string(size)) + "}\n";
}

Bytes LayerWriter::tar() const {
  return bytes_of(tar_ + std::string(2 * kBlock, '\0'));
}

Digest LayerWriter::diff_id() const {
  return Digest::sha256_of(tar());
}

std::string LayerWriter::recipe() const {
  std::string end = pending_ + std::string(2 * kBlock, '\0');
  return recipe_ + R"({"type":2,"payload":")" + encode_base64(as_bytes(end)) + "\"}\n";
}

void LayerWriter::unpack(const std::string& path) const {
  BPFMAN_CHECK(make_directories(path, 0755).ok(), "the test's own directory can be written");
  for (const File& one : files_) {
    std::string place = join_path(path, one.name);
    bool done = false;
    if (one.type == '5') {
      done = make_directories(place, 0755).ok();
    } else if (one.type == '2') {
      done = ::symlink(one.data.c_str(), place.c_str()) == 0;
    } else if (one.type == '1') {
      done = ::link(join_path(path, one.data).c_str(), place.c_str()) == 0;
    } else {
      done = make_directories(parent_path(place), 0755).ok() &&
             write_file_atomic(place, as_bytes(one.data), 0644).ok();
    }
    BPFMAN_CHECK(done, "the test's own directory can be written");
  }
}

Bytes gzip(ByteView bytes) {
  z_stream stream = {};
  int code = deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  BPFMAN_CHECK(code == Z_OK, "zlib has memory");
  Bytes out(deflateBound(&stream, bytes.size()) + 64);
  // zlib's interface takes non-const input that it does not change.
  Bytes input(bytes.begin(), bytes.end());
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  code = deflate(&stream, Z_FINISH);
  BPFMAN_CHECK(code == Z_STREAM_END, "the output has room");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Bytes zstd(ByteView bytes) {
  Bytes out(ZSTD_compressBound(bytes.size()));
  std::size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3);
  BPFMAN_CHECK(ZSTD_isError(size) == 0, "the output has room");
  out.resize(size);
  return out;
}

std::unique_ptr<ByteSource> make_source(Bytes bytes,
                                        std::size_t piece,
                                        std::optional<Error> error) {
  return std::make_unique<PieceSource>(std::move(bytes), piece, std::move(error));
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  }
  return out + "\"";
}

std::string make_config(const std::vector<Digest>& diff_ids,
                        const Labels& labels,
                        const Platform& platform) {
  std::vector<std::string> ids;
  std::vector<std::string> pairs;
  for (const Digest& digest : diff_ids) {
    ids.push_back(json_text(digest.text()));
  }
  for (const auto& [name, value] : labels) {
    pairs.push_back(json_text(name) + ":" + json_text(value));
  }
  return R"({"architecture":)" + json_text(platform.architecture) + R"(,"os":)" +
         json_text(platform.os) + R"(,"config":{"Labels":{)" + join(pairs, ",") +
         R"(}},"rootfs":{"type":"layers","diff_ids":[)" + join(ids, ",") + "]}}";
}

std::string make_descriptor(std::string_view media_type,
                            ByteView content,
                            const std::string& more) {
  return R"({"mediaType":)" + json_text(media_type) + R"(,"digest":)" +
         json_text(Digest::sha256_of(content).text()) + R"(,"size":)" +
         std::to_string(content.size()) + more + "}";
}

namespace {

// As the blob begins.
std::string layer_type(const Bytes& blob) {
  const std::string type = "application/vnd.oci.image.layer.v1.tar";
  std::string_view text = as_text(blob);
  return text.starts_with("\x1f\x8b")           ? type + "+gzip"
         : text.starts_with("\x28\xb5\x2f\xfd") ? type + "+zstd"
                                                : type;
}

}  // namespace

std::string make_manifest(const std::string& config, const std::vector<Bytes>& layers) {
  std::vector<std::string> descriptors;
  descriptors.reserve(layers.size());
  for (const Bytes& layer : layers) {
    descriptors.push_back(make_descriptor(layer_type(layer), layer));
  }
  return R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
         R"("config":)" +
         make_descriptor("application/vnd.oci.image.config.v1+json", as_bytes(config)) +
         R"(,"layers":[)" + join(descriptors, ",") + "]}";
}

std::string make_index(const std::vector<std::string>& descriptors) {
  return R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json",)"
         R"("manifests":[)" +
         join(descriptors, ",") + "]}";
}

std::string platform_member(const Platform& platform) {
  return R"(,"platform":{"os":)" + json_text(platform.os) + R"(,"architecture":)" +
         json_text(platform.architecture) +
         (platform.variant.empty() ? "" : R"(,"variant":)" + json_text(platform.variant)) + "}";
}

LayerDirectory make_layer_directory(const std::string& path,
                                    const LayerWriter& layer,
                                    const LayerOptions& options) {
  layer.unpack(path);
  LayerDirectory out;
  out.directory = *open_directory(path);
  out.path = path;
  out.claimed_diff_id = options.claimed.value_or(layer.diff_id());
  out.merged = options.merged;
  if (options.recipe) {
    std::string file = path + ".tar-split.gz";
    BPFMAN_CHECK(write_file_atomic(file, gzip(as_bytes(layer.recipe())), 0600).ok(),
                 "the test's own directory can be written");
    out.tar_split = *open_file(file, O_RDONLY);
  }
  return out;
}

Result<std::vector<LayerBlob>> FakeImage::open_blobs() {
  if (!blobs) {
    return unimplemented();
  }
  asked.emplace_back("blobs");
  return blobs();
}

Result<std::vector<LayerDirectory>> FakeImage::open_layers() {
  asked.emplace_back("layers");
  return layers ? layers() : unimplemented();
}

Result<std::unique_ptr<ByteSource>> FakeImage::open_file_archive(const std::string& path) {
  asked.push_back("file " + path);
  return file ? file(path) : unimplemented();
}

Result<std::unique_ptr<ByteSource>> FakeImage::open_image_archive() {
  asked.emplace_back("archive");
  return archive ? archive() : unimplemented();
}

ImageDescription describe(const std::string& config) {
  ImageDescription out;
  out.canonical_name = "docker.io/library/x:dev";
  out.image_id = Digest::sha256_of(as_bytes(config));
  out.config_json = config;
  return out;
}

}  // namespace bpfman::image
