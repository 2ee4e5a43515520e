// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/chain_order.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/core.h>

#include "bpfman/base/text.h"

namespace bpfman::plan {
namespace {

// "my-app/pass" is meant by itself and by "pass".
bool is_called(const OrderInput& member, const std::string& name) {
  return member.name == name || member.name.substr(member.name.find('/') + 1) == name;
}

auto key(const OrderInput& member) {
  return std::tuple(member.order.priority, member.name, member.link);
}

// earlier[i]: indices of the members that have to run before member i.
std::vector<std::set<std::size_t>> wishes(const std::vector<OrderInput>& members) {
  std::vector<std::set<std::size_t>> earlier(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    for (std::size_t other = 0; other < members.size(); ++other) {
      if (other == i) {
        continue;
      }
      for (const std::string& name : members[i].order.after) {
        if (is_called(members[other], name)) {
          earlier[i].insert(other);
        }
      }
      for (const std::string& name : members[i].order.before) {
        if (is_called(members[other], name)) {
          earlier[other].insert(i);
        }
      }
    }
  }
  return earlier;
}

std::string reason(const OrderInput& member) {
  const Order& order = member.order;
  std::string text = order.role.empty()
                         ? fmt::format("priority {}", order.priority)
                         : fmt::format("class {} (priority {})", order.role, order.priority);
  if (!order.before.empty()) {
    text += "; before " + join(order.before, ", ");
  }
  if (!order.after.empty()) {
    text += "; after " + join(order.after, ", ");
  }
  return text;
}

// Follows the wishes of `left` until one comes twice.
Error circle(const std::vector<OrderInput>& members,
             const std::vector<std::set<std::size_t>>& earlier,
             const std::set<std::size_t>& left) {
  std::vector<std::size_t> path = {*left.begin()};
  while (true) {
    std::size_t next = *std::find_if(earlier[path.back()].begin(),
                                     earlier[path.back()].end(),
                                     [&](std::size_t one) { return left.contains(one); });
    bool seen = std::find(path.begin(), path.end(), next) != path.end();
    path.push_back(next);
    if (seen) {
      std::vector<std::string> names;
      for (auto one = std::find(path.begin(), path.end(), next); one != path.end(); ++one) {
        names.push_back(members[*one].name);
      }
      return Error(Code::FailedPrecondition,
                   "the programs of this hook cannot be put in order: " + join(names, " after "))
          .with_hint("change one of them: bpfman link set LINK --before ... or --after ...");
    }
  }
}

}  // namespace

Result<std::vector<OrderedMember>> order_members(const std::vector<OrderInput>& members) {
  std::vector<OrderInput> sorted = members;
  std::sort(sorted.begin(), sorted.end(), [](const OrderInput& a, const OrderInput& b) {
    return key(a) < key(b);
  });
  std::vector<std::set<std::size_t>> earlier = wishes(sorted);
  std::set<std::size_t> left;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    left.insert(i);
  }
  std::vector<OrderedMember> out;
  while (!left.empty()) {
    // The first one for which nobody is waited for.
    auto next = std::find_if(left.begin(), left.end(), [&](std::size_t one) {
      return std::none_of(earlier[one].begin(), earlier[one].end(), [&](std::size_t other) {
        return left.contains(other);
      });
    });
    if (next == left.end()) {
      return circle(sorted, earlier, left);
    }
    out.push_back(OrderedMember{sorted[*next].link, reason(sorted[*next])});
    left.erase(next);
  }
  return out;
}

std::vector<std::string> absent_names(const OrderInput& member,
                                      const std::vector<OrderInput>& members) {
  std::vector<std::string> absent;
  auto check = [&](const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      bool there = std::any_of(members.begin(), members.end(), [&](const OrderInput& other) {
        return other.link != member.link && is_called(other, name);
      });
      if (!there) {
        absent.push_back(name);
      }
    }
  };
  check(member.order.before);
  check(member.order.after);
  return absent;
}

}  // namespace bpfman::plan
