// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/daemon.h"

#include <algorithm>
#include <set>

#include <sys/stat.h>

#include "bpfman/base/clock.h"
#include "bpfman/base/file.h"

namespace bpfman {
namespace {

// Signals that come between looking for them and waiting are seen at the latest after this.
constexpr std::int64_t kLongestWait = 1000;

// What tells that the database was written to.
using Stamp = std::pair<std::int64_t, std::int64_t>;

Stamp database_stamp(const Layout& layout) {
  Result<std::optional<struct ::stat>> log = stat_path(layout.database() + "-wal");
  if (!log.ok() || !log->has_value()) {
    return {};
  }
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  const struct ::stat& info = **log;
  return {info.st_size, info.st_mtim.tv_sec * kNanoseconds + info.st_mtim.tv_nsec};
}

class Daemon {
 public:
  Daemon(Manager& manager,
         kernel::KernelOps& kernel,
         const Layout& layout,
         const DaemonOptions& options,
         const Interrupts& interrupts,
         const std::function<void(const std::string&)>& tell)
      : manager_(manager),
        kernel_(kernel),
        layout_(layout),
        options_(options),
        interrupts_(interrupts),
        tell_(tell) {}

  Result<void> run() {
    while (!is_over()) {
      TRY(watch());
      seen_ = database_stamp(layout_);
      look();
      TRY(wait());
    }
    save_maps();
    return {};
  }

 private:
  bool is_over() const {
    return interrupts_.requested() || (options_.is_done != nullptr && options_.is_done());
  }

  // The namespaces that selectors are about now. Listens before it looks, so that nothing is
  // missed.
  Result<void> watch() {
    std::set<std::string> namespaces = {""};
    Result<std::vector<SelectorView>> selectors = manager_.list_selectors();
    if (selectors.ok()) {
      for (const SelectorView& selector : *selectors) {
        namespaces.insert(*netns_of(selector.record.spec.target));
      }
    }
    if (changes_ == nullptr || namespaces != watched_) {
      changes_ = TRY(kernel_.watch_interfaces({namespaces.begin(), namespaces.end()}));
      watched_ = std::move(namespaces);
    }
    return {};
  }

  void look() {
    Result<ReconcileReply> reply = manager_.reconcile(ReconcileSpec());
    std::set<std::string> failing;
    auto failed = [&](const std::string& line) {
      if (!failing_.contains(line)) {
        tell_(line);
      }
      failing.insert(line);
    };
    auto tell_all = [&](const std::vector<Repair>& repairs) {
      for (const Repair& repair : repairs) {
        if (repair.error.has_value()) {
          failed("could not " + repair.what + ": " + repair.error->message());
        } else {
          tell_(repair.what);
        }
      }
    };
    if (!reply.ok()) {
      failed("cannot look after the hooks: " + reply.error().message());
    } else {
      tell_all(reply->repairs);
    }
    Result<std::vector<Repair>> costs = manager_.keep_budgets(budgets_, steady_now_ns());
    if (!costs.ok()) {
      failed("cannot look at what programs cost: " + costs.error().message());
    } else {
      tell_all(*costs);
    }
    constexpr std::int64_t kMillisecond = 1'000'000;
    std::int64_t now = steady_now_ns();
    if (now - followed_at_ >= options_.interval_ms * kMillisecond) {
      followed_at_ = now;
      Result<std::vector<Repair>> upgraded = manager_.follow_rebuilds();
      if (!upgraded.ok()) {
        failed("cannot look for rebuilt images: " + upgraded.error().message());
      } else {
        tell_all(*upgraded);
      }
    }
    constexpr std::int64_t kBetweenSaves = 60'000 * kMillisecond;
    if (now - saved_at_ >= kBetweenSaves) {
      saved_at_ = now;
      save_maps();
    }
    failing_ = std::move(failing);
  }

  // Contents that are to outlive a reboot.
  void save_maps() {
    Result<SaveMapsReply> saved = manager_.save_maps({});
    std::string line = saved.ok() ? "" : "cannot keep what maps hold: " + saved.error().message();
    if (!line.empty() && line != unsaved_) {
      tell_(line);
    }
    unsaved_ = std::move(line);
  }

  Result<void> wait() {
    // Something may be over sooner.
    std::int64_t interval = manager_.quiet_ms(options_.interval_ms).value_or(options_.interval_ms);
    std::int64_t waited = 0;
    while (waited < interval && !is_over()) {
      std::int64_t next = std::min(kLongestWait, interval - waited);
      bool changed = TRY(changes_->wait(next));
      if (changed) {
        return settle();
      }
      if (database_stamp(layout_) != seen_) {
        return {};  // a command has been at work
      }
      waited += next;
    }
    return {};
  }

  Result<void> settle() {
    for (int i = 0; i < 10 && !interrupts_.requested(); ++i) {
      bool changed = TRY(changes_->wait(options_.settle_ms));
      if (!changed) {
        return {};
      }
    }
    return {};
  }

  Manager& manager_;
  kernel::KernelOps& kernel_;
  const Layout& layout_;
  const DaemonOptions& options_;
  const Interrupts& interrupts_;
  const std::function<void(const std::string&)>& tell_;
  std::unique_ptr<kernel::LinkWatch> changes_;
  std::set<std::string> watched_;
  std::set<std::string> failing_;
  BudgetWatch budgets_;
  std::int64_t followed_at_ = 0;  // when rebuilt images were looked for
  Stamp seen_;
  std::int64_t saved_at_ = 0;  // when contents of maps were kept
  std::string unsaved_;        // why they could not be, as it was told
};

}  // namespace

bool daemon_runs(const Layout& layout) {
  if (!path_exists(layout.serve_lock())) {
    return false;
  }
  Result<FileLock> lock = FileLock::acquire(layout.serve_lock(), 1);
  return !lock.ok() && lock.error().code() == Code::Aborted;
}

Result<void> run_daemon(Manager& manager,
                        kernel::KernelOps& kernel,
                        const Layout& layout,
                        const DaemonOptions& options,
                        const Interrupts& interrupts,
                        const std::function<void(const std::string&)>& tell) {
  TRY(make_directories(layout.runtime_directory(), 0755));
  Result<FileLock> lock = FileLock::acquire(layout.serve_lock(), 1);
  if (!lock.ok() && lock.error().code() == Code::Aborted) {
    return Error(Code::AlreadyExists, "bpfman serve runs already: " + lock.error().message())
        .with_hint("one looks after all hooks of this host; another root needs --root-dir");
  }
  FileLock held = TRY(std::move(lock));
  Interrupts::Watch watch(&interrupts);
  if (options.begin != nullptr) {
    TRY(options.begin());
  }
  tell("looking after the hooks of this host");
  return Daemon(manager, kernel, layout, options, interrupts, tell).run();
}

}  // namespace bpfman
