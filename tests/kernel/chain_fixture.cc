// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/chain_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "bpfman/base/unique_fd.h"
#include "bpfman/kernel/bpf_load.h"
#include "bpfman/kernel/bpf_object.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/map_info.h"

namespace bpfman::testing {
namespace {

template <typename T>
Bytes bytes_of(const T& value) {
  ByteView view = std::as_bytes(std::span(&value, 1));
  return Bytes(view.begin(), view.end());
}

template <typename T>
T read_first(int map) {
  T value = {};
  const std::uint32_t key = 0;
  Result<bool> found = kernel::lookup_map_element(
      map, std::as_bytes(std::span(&key, 1)), std::as_writable_bytes(std::span(&value, 1)));
  EXPECT_TRUE(found.ok() && *found);
  return value;
}

int copy_of(int fd) {
  return ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

}  // namespace

int LoadedMember::map(const std::string& name) const {
  for (std::size_t at = 0; at < what.shared_maps.size(); ++at) {
    if (what.shared_maps[at].name == name) {
      return maps[at].get();
    }
  }
  return -1;
}

MemberNotes LoadedMember::notes() const {
  return read_first<MemberNotes>(map(".bss"));
}

std::uint64_t LoadedMember::pinned_count() const {
  return read_first<std::uint64_t>(map("pinned_count"));
}

void ChainTest::SetUp() {
  descriptors_before_ = UniqueFd::live_count();
  Result<Bytes> object =
      read_file(std::string(KERNEL_TEST_OBJECTS) + "/k_chain.bpf.o", std::size_t{1} << 20);
  ASSERT_TRUE(object.ok()) << object.error().message();
  object_ = *std::move(object);
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  Result<TempDir> directory = TempDir::create("bpfman-chain");
  ASSERT_TRUE(directory.ok()) << directory.error().message();
  directory_.emplace(*std::move(directory));
  fs_ = directory_->path();
  ASSERT_EQ(::mount("bpf", fs_.c_str(), "bpf", 0, nullptr), 0);
}

void ChainTest::TearDown() {
  if (directory_) {
    EXPECT_EQ(::umount2(fs_.c_str(), MNT_DETACH), 0);
    directory_.reset();
  }
  EXPECT_EQ(UniqueFd::live_count(), descriptors_before_);
}

std::optional<LoadedMember> ChainTest::try_load(const std::string& program,
                                                std::int32_t verdict,
                                                std::string& why_not) {
  auto attempt = [&]() -> Result<LoadedMember> {
    kernel::BpfObject object = TRY(kernel::BpfObject::open(object_, program));
    ProgramType type = program == "chained_tc" ? ProgramType::Tc : ProgramType::Xdp;
    TRY(object.select(program, type, "", ""));
    TRY(object.set_globals({{"verdict", bytes_of(verdict)}}));
    TRY(object.load());
    LoadedMember loaded;
    loaded.what = {.object = object_, .program = program, .type = type};
    std::string pin = fs("map_" + std::to_string(++loaded_));
    for (const kernel::LoadedMap& map : object.maps()) {
      MapRecord record{.name = map.name, .pin_path = "", .id = {}};
      record.id = TRY(kernel::map_id(map.fd));
      if (!map.internal) {
        record.pin_path = pin + "_" + map.name;
        TRY(kernel::create_pin(map.fd, record.pin_path));
      }
      loaded.what.shared_maps.push_back(record);
      loaded.maps.push_back(UniqueFd::adopt(copy_of(map.fd)));
    }
    loaded.program = UniqueFd::adopt(copy_of(object.program_fd()));
    return loaded;
  };
  Result<LoadedMember> loaded = attempt();
  if (!loaded.ok()) {
    why_not = loaded.error().message();
    return std::nullopt;
  }
  return *std::move(loaded);
}

LoadedMember ChainTest::load(const std::string& program, std::int32_t verdict) {
  std::string why_not;
  std::optional<LoadedMember> loaded = try_load(program, verdict, why_not);
  EXPECT_TRUE(loaded) << program << ": " << why_not;
  return loaded ? *std::move(loaded) : LoadedMember();
}

bool ChainTest::can_load(const std::string& program) {
  std::string why_not;
  return try_load(program, 2, why_not).has_value();
}

std::vector<LoadedMember> ChainTest::load_many(const std::string& program, unsigned count) {
  std::vector<LoadedMember> members;
  for (unsigned at = 0; at < count; ++at) {
    members.push_back(load(program, program == "chained_tc" ? 3 : 2));
  }
  return members;
}

std::uint32_t ChainTest::usual_mask(HookKind hook) {
  return proceed_on_mask(hook, default_proceed_on(hook));
}

kernel::ChainMember ChainTest::member(const LoadedMember& loaded,
                                      unsigned slot,
                                      std::uint32_t proceed_on) {
  return {.link = LinkId(slot + 1), .what = loaded.what, .proceed_on = proceed_on, .slot = slot};
}

kernel::BuildChainRequest ChainTest::request(Strategy strategy,
                                             const std::string& name,
                                             const std::vector<const LoadedMember*>& members,
                                             HookKind hook) const {
  kernel::BuildChainRequest request{.hook = hook,
                                    .strategy = strategy,
                                    .directory = fs(name),
                                    .capacity = strategy == Strategy::Freplace ? 32U : 0U,
                                    .exhausted = hook == HookKind::Xdp ? 2 : 0,
                                    .members = {}};
  for (unsigned slot = 0; slot < members.size(); ++slot) {
    request.members.push_back(member(*members[slot], slot, usual_mask(hook)));
  }
  return request;
}

std::uint32_t ChainTest::run(const std::string& name, std::uint32_t times) const {
  Result<UniqueFd> program = kernel::open_pin(join_path(fs(name), "dispatcher"));
  EXPECT_TRUE(program.ok());
  if (!program.ok()) {
    return 999;
  }
  const Bytes packet(64);
  Result<kernel::TestRun> run = kernel::run_on_packet(program->get(), packet, times);
  EXPECT_TRUE(run.ok()) << run.error().message();
  return run.ok() ? run->result : 999;
}

}  // namespace bpfman::testing
