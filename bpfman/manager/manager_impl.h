// SPDX-License-Identifier: Apache-2.0
// The inside of Manager, shared by the files that implement its verbs. Not for other rooms.
#pragma once

#include <algorithm>
#include <functional>

#include "bpfman/image/image_manager.h"
#include "bpfman/image/image_writer.h"
#include "bpfman/image/registry_push.h"
#include "bpfman/manager/bytecode.h"
#include "bpfman/manager/manager.h"
#include "bpfman/manager/session.h"
#include "bpfman/manager/trust_gate.h"

namespace bpfman {

// The database as the image room wants to see it. Without a store there is nothing to find.
class StoredImages final : public image::ImageDatabase {
 public:
  explicit StoredImages(std::optional<store::Store> store) : store_(std::move(store)) {}

  Result<std::optional<ImageRecord>> find_image(const std::string& reference) override {
    if (!store_.has_value()) {
      return std::optional<ImageRecord>();
    }
    return store_->find_image(reference);
  }

  Result<Bytes> read_blob(const Digest& digest) override {
    if (!store_.has_value()) {
      return Error(Code::NotFound, "there is no database yet");
    }
    return store_->read_blob(digest);
  }

 private:
  std::optional<store::Store> store_;
};

// A plan that removes things, with the names of the things for people.
struct PlannedChange {
  plan::Plan plan;
  std::vector<std::string> objects;
};

using Planner = std::function<Result<PlannedChange>(const plan::Snapshot&)>;

Result<PlannedChange> plan_unload_of(const std::vector<ProgramRecord>& programs,
                                     const plan::Snapshot& snapshot);

// nullptr: nothing is to be attached.
const XdpAttachSpec* xdp_of(const std::optional<AttachSpec>& attach);
// "image my-ebpf-prog:dev"
std::string describe(const LoadSpec& spec);

class Manager::Impl {
 public:
  Impl(ManagerOptions manager_options, kernel::KernelOps& kernel_ops)
      : options(std::move(manager_options)), kernel(kernel_ops) {}

  Result<WriteSession> open_writing() {
    return WriteSession::open(options.layout, kernel, options.lock_timeout_ms);
  }

  // What planners see, without lock and without any effect (dry runs).
  Result<plan::Snapshot> look();
  std::vector<std::string> place_warnings();
  Result<FoundBytecode> find_bytecode(const LoadSpec& spec);
  // Variables as bytes: those given so, and the settings by their types.
  Result<std::map<std::string, Bytes>> globals_of(const LoadSpec& spec, const FoundBytecode& found);
  image::ImageManager make_images(image::ImageDatabase* database);
  image::ImageManager make_images(image::ImageDatabase* database, const TrustGate* gate);
  // Whether the policy of today lets a loaded program onto an interface. trust_verbs.cc
  Result<void> check_attach(const ProgramRecord& program, const std::string& interface);
  // The policy, read once. Before anything is fetched, so that a broken one is said first.
  Result<const TrustGate*> gate();
  // Removes the least recently used images until the store is below its limit, if there is one.
  // `keep` stays. What went is put into `pruned`, what went wrong into `warnings`: the work that
  // the user asked for is done. images.cc
  void keep_below_limit(WriteSession& session,
                        const std::string& keep,
                        std::vector<std::string>& pruned,
                        std::vector<std::string>& warnings);
  Result<ChangeReply> change(DryRun dry_run, const Planner& planner);
  // Puts a built image where it belongs, if that is not the database.
  Result<void> deliver(const BuildSpec& spec,
                       const image::LayoutWriter& writer,
                       BuildImageReply& reply);

  // With the logins and the configuration of this host.
  Result<PushImageReply> push_layout(image::LayoutFiles& files,
                                     const std::string& wanted,
                                     const std::string& destination,
                                     const std::string& registry_auth);

  // A program of ours; a program of others is said to be one.
  Result<ProgramRecord> find_own_program(const std::string& word, const plan::Snapshot& snapshot);
  ProgramView view_program(const ProgramRecord& record,
                           const std::string& boot_id,
                           const std::vector<LinkRecord>& links);
  LinkView view_link(const LinkRecord& record,
                     const std::string& boot_id,
                     const std::vector<ProgramRecord>& programs);

  ManagerOptions options;
  kernel::KernelOps& kernel;
  std::optional<TrustGate> trust_gate;
};

}  // namespace bpfman
