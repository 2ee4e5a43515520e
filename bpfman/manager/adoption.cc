// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/adoption.h"

#include <algorithm>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"

namespace bpfman {
namespace {

// The application of programs of which no name is known.
constexpr const char* kNameless = "rescued";

// What the kernel keeps of a name.
constexpr std::size_t kKernelName = 15;

class ProgramAdoption {
 public:
  ProgramAdoption(const AdoptionScene& scene, RescueReply& reply) : scene_(scene), reply_(reply) {}

  Result<void> run() {
    programs_ = TRY(scene_.salvage.store().list_programs());
    images_ = TRY(scene_.salvage.store().list_images());
    ledger_ = TRY(scene_.salvage.store().list_ledger(LedgerQuery{.limit = SIZE_MAX}));
    lost_ = TRY(scene_.salvage.lost_programs());
    for (const store::LostProgram& lost : lost_) {
      TRY(scene_.salvage.reserve("programs", lost.key.value()));
    }
    for (const std::string& pin : scene_.pins) {
      std::string prefix = join_path(scene_.layout.bpffs(), "prog_");
      if (number_behind(pin, prefix).has_value() && !is_recorded(pin)) {
        TRY(adopt(pin));
      }
    }
    return {};
  }

 private:
  bool is_recorded(const std::string& pin) const {
    return std::any_of(programs_.begin(), programs_.end(), [&](const ProgramRecord& one) {
      return one.boot_id == scene_.boot_id && one.pin_path == pin;
    });
  }

  Result<void> adopt(const std::string& pin) {
    std::optional<ProgramId> id = TRY(scene_.kernel.pinned_program(pin));
    std::optional<KernelProgram> kernel;
    if (id.has_value()) {
      kernel = TRY(scene_.kernel.find_program(*id));
    }
    if (!kernel.has_value()) {
      return {};  // gone just now
    }
    ProgramRecord record;
    record.id = *id;
    record.boot_id = scene_.boot_id;
    record.application = kNameless;
    record.name = kernel->name;
    record.pin_path = pin;
    record.map_directory = scene_.layout.map_directory(*id);
    record.created_at = kernel->loaded_at;
    record.provenance.requested_by_uid = kernel->uid;
    record.provenance.fetched_at = kernel->loaded_at;
    record.provenance.trust = kNameless;
    read_ledger_of(record);
    Result<void> found = find_bytecode(record);
    if (!found.ok()) {
      reply_.left.push_back(pin + " (program " + kernel->name + "): " + found.error().message());
      return {};
    }
    add_what_is_left(record);
    if (record.maps.empty()) {
      record.maps = TRY(maps_of(*kernel, record));
    }
    if (record.key.value() == 0) {
      record.key = TRY(scene_.salvage.store().next_program());
    }
    make_name_unique(record);
    TRY(scene_.salvage.adopt(record));
    reply_.adopted.push_back("program " + record.stable_name() + " (id " + to_string(record.id) +
                             ", bytecode " + record.bytecode.text() + ")");
    programs_.push_back(std::move(record));
    return {};
  }

  // What was last said of this program: its name, and where it came from.
  void read_ledger_of(ProgramRecord& record) const {
    for (const LedgerEntry& entry : ledger_) {
      if (entry.boot_id != scene_.boot_id) {
        continue;
      }
      for (const LedgerObject& object : entry.objects) {
        std::size_t slash = object.name.find('/');
        if (object.kind != "program" || object.id != to_string(record.id) ||
            slash == std::string::npos) {
          continue;
        }
        record.application = object.name.substr(0, slash);
        record.name = object.name.substr(slash + 1);
        record.bytecode = Digest::parse(object.bytecode).value_or(Digest());
        record.image_reference = object.image;
        record.provenance.source = parse_source_kind(object.source).value_or(SourceKind::File);
        record.provenance.trust = object.trust;
      }
    }
  }

  // Section, type and licence come with it. An image that has this bytecode tells where it is from.
  Result<void> find_bytecode(ProgramRecord& record) {
    std::vector<StoredBlob> blobs = TRY(scene_.salvage.store().list_blobs());
    std::vector<std::pair<Digest, BpfElf>> having;
    for (const StoredBlob& blob : blobs) {
      bool is_named = record.bytecode == Digest() || record.bytecode == blob.digest;
      Result<Bytes> bytes = scene_.salvage.store().read_blob(blob.digest);
      Result<BpfElf> elf = bytes.ok() ? parse_bpf_elf(*bytes) : Result<BpfElf>(BpfElf());
      if (is_named && bytes.ok() && elf.ok() && elf->find_program(record.name) != nullptr) {
        having.emplace_back(blob.digest, *std::move(elf));
      }
    }
    if (having.size() != 1) {
      return Error(Code::NotFound,
                   having.empty() ? "its bytecode is not in the blob store"
                                  : std::to_string(having.size()) +
                                        " files of the blob store have a program of that name");
    }
    const auto& [digest, elf] = having.front();
    const ElfProgram* program = elf.find_program(record.name);
    record.bytecode = digest;
    record.section = program->section;
    record.type = program->type;
    record.license = elf.license;
    for (const ImageRecord& image : images_) {
      if (image.bytecode == digest &&
          (record.image_reference.empty() || record.image_reference == image.reference)) {
        record.image_reference = image.reference;
        record.provenance = image.provenance;
      }
    }
    return {};
  }

  // Of the rows that belonged to its own.
  void add_what_is_left(ProgramRecord& record) const {
    for (const store::LostProgram& lost : lost_) {
      bool by_link = std::find(lost.ids.begin(), lost.ids.end(), record.id) != lost.ids.end();
      bool by_map = std::any_of(lost.maps.begin(), lost.maps.end(), [&](const MapRecord& map) {
        return map.pin_path.starts_with(record.map_directory + "/");
      });
      if (by_link || by_map) {
        record.key = lost.key;
        record.maps = lost.maps;
        record.metadata = lost.metadata;
        record.globals = lost.globals;
        return;
      }
    }
  }

  Result<std::vector<MapRecord>> maps_of(const KernelProgram& kernel, ProgramRecord& record) {
    std::vector<MapRecord> out;
    for (MapId id : kernel.map_ids) {
      std::optional<KernelMap> map = TRY(scene_.kernel.find_map(id));
      if (map.has_value()) {
        out.push_back(map_of(*map, record));
      }
    }
    return out;
  }

  // Pinned by its whole name as its own, or as another program's; else one of the object's
  // sections.
  MapRecord map_of(const KernelMap& map, ProgramRecord& record) const {
    std::string directory = record.map_directory + "/";
    for (auto pin = scene_.pins.lower_bound(directory);
         pin != scene_.pins.end() && pin->starts_with(directory);
         ++pin) {
      std::string name = pin->substr(directory.size());
      if (name.substr(0, kKernelName) == map.name) {
        return MapRecord{.name = name, .pin_path = *pin, .id = map.id};
      }
    }
    for (const ProgramRecord& other : programs_) {
      for (const MapRecord& one : other.maps) {
        if (other.boot_id == scene_.boot_id && one.id == map.id) {
          record.map_owner = other.map_owner.value() == 0 ? other.key : other.map_owner;
          return one;
        }
      }
    }
    std::size_t dot = map.name.rfind('.');
    return MapRecord{.name = dot == std::string::npos ? map.name : map.name.substr(dot),
                     .pin_path = "",
                     .id = map.id};
  }

  void make_name_unique(ProgramRecord& record) const {
    bool taken = std::any_of(programs_.begin(), programs_.end(), [&](const ProgramRecord& one) {
      return one.stable_name() == record.stable_name();
    });
    if (taken) {
      record.application += "-" + to_string(record.id);
    }
  }

  const AdoptionScene& scene_;
  RescueReply& reply_;
  std::vector<ProgramRecord> programs_;
  std::vector<ImageRecord> images_;
  std::vector<LedgerEntry> ledger_;
  std::vector<store::LostProgram> lost_;
};

}  // namespace

std::optional<std::uint64_t> number_behind(const std::string& path, const std::string& prefix) {
  return path.starts_with(prefix) ? parse_unsigned(path.substr(prefix.size())) : std::nullopt;
}

Result<void> adopt_programs(const AdoptionScene& scene, RescueReply& reply) {
  return ProgramAdoption(scene, reply).run();
}

}  // namespace bpfman
