// SPDX-License-Identifier: Apache-2.0
// Records whose every field differs from its default and from its neighbours, so that a column
// forgotten or exchanged is seen; and a store in a directory of its own. For tests.
#pragma once

#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/store/store.h"

namespace bpfman::store {

inline Bytes bytes_of(std::string_view text) {
  ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

inline Digest digest_of(std::string_view text) {
  return Digest::sha256_of(as_bytes(text));
}

inline Provenance full_provenance(const std::string& tag) {
  return Provenance{.source = SourceKind::Podman,
                    .route = "overlay " + tag,
                    .location = "/var/lib/containers/" + tag,
                    .canonical_name = "localhost/" + tag,
                    .image_id = digest_of("image " + tag),
                    .manifest_digest = digest_of("manifest " + tag),
                    .verification = Verification::Content,
                    .requested_by_uid = 4294967295U,
                    .fetched_at = 1'700'000'001,
                    .trust = "local " + tag};
}

inline ProgramRecord full_program(std::uint64_t key) {
  std::string tag = std::to_string(key);
  return ProgramRecord{
      .key = ProgramKey(key),
      .id = ProgramId(4'000'000'000U + static_cast<std::uint32_t>(key)),
      .boot_id = "boot " + tag,
      .application = "app " + tag,
      .name = "name " + tag,
      .type = ProgramType::Kretprobe,
      .section = "kretprobe/" + tag,
      .bytecode = digest_of("object " + tag),
      .license = "Dual BSD/GPL " + tag,
      .pin_path = "/run/bpfman/fs/prog_" + tag,
      .map_directory = "/run/bpfman/fs/maps/" + tag,
      .maps = {{.name = "z_first", .pin_path = "/maps/z", .id = MapId(4'294'967'295U)},
               {.name = "a_second", .pin_path = "", .id = MapId(2)}},
      .metadata = {{"owner", "me"}, {"", "empty name"}, {"empty value", ""}},
      .globals = {{"sampling", {std::byte{0}, std::byte{255}, std::byte{7}}}, {"nothing", {}}},
      .image_reference = "docker.io/library/x:" + tag,
      .provenance = full_provenance(tag),
      .created_at = 1'700'000'002,
      .lease = {.expires_at = 1'800'000'000,
                .holder = LeaseHolder{{.pid = 4711, .started = 99, .pid_namespace = 4'026'531'836},
                                      "boot " + tag}},
      .budget = {.max_cpu_ppm = 20'000, .max_ns_per_run = 18'446'744'073'709'551'615U},
      .kept_maps = {"z_first", "a_second"},
      .on_rebuild = true};
}

inline SelectorRecord full_selector(std::uint64_t id, std::uint64_t program_key) {
  return SelectorRecord{.id = SelectorId(id),
                        .program_key = ProgramKey(program_key),
                        .spec = AttachSpec{.target = ChainTarget{.interface = "eth*,!eth0"},
                                           .cookie = 9,
                                           .strategy = StrategyChoice::Keep,
                                           .container = "web",
                                           .metadata = {{"owner", "me"}},
                                           .lease = {.expires_at = 1'800'000'002}},
                        .except = {"eth3", "eth4"},
                        .created_at = 1'700'000'009};
}

inline LinkRecord full_link(std::uint64_t id, std::uint64_t program_key) {
  std::string tag = std::to_string(id);
  return LinkRecord{.id = LinkId(id),
                    .program_key = ProgramKey(program_key),
                    .program = ProgramId(4'000'000'001U),
                    .boot_id = "boot " + tag,
                    .kind = ProgramType::Tcx,
                    .target = ChainTarget{.hook = HookKind::TcEgress,
                                          .interface = "eth" + tag,
                                          .netns = "/run/netns/" + tag,
                                          .mode = XdpMode::Generic,
                                          .order = {.priority = -7, .role = "lb", .after = {"x"}},
                                          .proceed_on = {31, -1, 2}},
                    .cookie = 18'446'744'073'709'551'615U,
                    .ifindex = Ifindex(4'000'000'002U),
                    .netns_id = {.device = 18'446'744'073'709'551'615U, .inode = 4'026'531'840U},
                    .pin_path = "/run/bpfman/fs/links/" + tag,
                    .kernel_id = KernelLinkId(4'000'000'003U),
                    .selector = SelectorId(7),
                    .metadata = {{"ticket", "42"}, {"who", "me"}},
                    .created_at = 1'700'000'003,
                    .lease = {.expires_at = 1'800'000'001}};
}

inline ImageRecord full_image(const std::string& reference) {
  return ImageRecord{.reference = reference,
                     .typed = "typed " + reference,
                     .bytecode = digest_of("object of " + reference),
                     .bytecode_size = 18'446'744'073'709'551'615U,
                     .file_name = reference + ".o",
                     .labels = {{"io.ebpf.programs", "{\"pass\":\"xdp\"}"}, {"version", "1"}},
                     .provenance = full_provenance(reference)};
}

inline JournalEntry full_entry(std::uint64_t id) {
  std::string tag = std::to_string(id);
  return JournalEntry{.id = OperationId(id),
                      .verb = "load " + tag,
                      .boot_id = "boot " + tag,
                      .started_at = 1'700'000'004,
                      .pid = 4'194'303,
                      .plan_json = "{\"plan\":" + tag + "}",
                      .bindings_json = "{\"bindings\":" + tag + "}"};
}

class StoreFixture : public ::testing::Test {
 protected:
  StoreFixture() : directory_(*TempDir::create("bpfman-store")) {
    layout_.root = directory_.path();
  }

  Store open() const {
    Result<Store> store = Store::open(layout_);
    EXPECT_TRUE(store.ok()) << store.error().message();
    return std::move(*store);
  }

  // One operation that makes `changes`.
  static Result<void> write(Store& store, const std::vector<StoredChange>& changes) {
    OperationId id = TRY(store.next_operation());
    TRY(store.begin_operation(full_entry(id.value())));
    return store.commit_operation(id, changes);
  }

  static ::testing::AssertionResult writes(Store& store, const std::vector<StoredChange>& changes) {
    Result<void> done = write(store, changes);
    return done.ok() ? ::testing::AssertionSuccess()
                     : ::testing::AssertionFailure() << done.error().message();
  }

  TempDir directory_;
  Layout layout_;
};

}  // namespace bpfman::store
