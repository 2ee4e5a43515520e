// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/link_monitor.h"

#include <array>
#include <cerrno>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpfman/kernel/netns.h"

namespace bpfman::kernel {
namespace {

Result<UniqueFd> open_socket() {
  UniqueFd fd =
      UniqueFd::adopt(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!fd.valid()) {
    return os_error(errno, "open a netlink socket");
  }
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return os_error(errno, "listen for changes of network interfaces");
  }
  return fd;
}

// What they say does not matter, only that there was something: whoever waits looks again. Lost
// messages (ENOBUFS) are changes, too.
void drain(int socket) {
  std::array<char, 8192> ignored = {};
  for (;;) {
    ssize_t size = ::recv(socket, ignored.data(), ignored.size(), 0);
    bool again = size > 0 || (size < 0 && (errno == EINTR || errno == ENOBUFS));
    if (!again) {
      return;
    }
  }
}

}  // namespace

Result<std::unique_ptr<LinkWatch>> LinkMonitor::open(const std::vector<std::string>& namespaces) {
  std::vector<UniqueFd> sockets;
  for (const std::string& path : namespaces) {
    Result<Netns> netns = Netns::open(path);
    if (!netns.ok() && netns.error().code() == Code::NotFound) {
      continue;
    }
    if (!netns.ok()) {
      return std::move(netns).error();
    }
    Result<void> opened = netns->run([&]() -> Result<void> {
      UniqueFd socket = TRY(open_socket());
      sockets.push_back(std::move(socket));
      return {};
    });
    TRY(std::move(opened));
  }
  return std::unique_ptr<LinkWatch>(new LinkMonitor(std::move(sockets)));
}

Result<bool> LinkMonitor::wait(std::int64_t timeout_ms) {
  std::vector<pollfd> polled;
  for (const UniqueFd& socket : sockets_) {
    polled.push_back(pollfd{.fd = socket.get(), .events = POLLIN, .revents = 0});
  }
  int ready = ::poll(polled.data(), polled.size(), static_cast<int>(timeout_ms));
  if (ready < 0 && errno != EINTR) {
    return os_error(errno, "wait for changes of network interfaces");
  }
  if (ready <= 0) {
    return false;
  }
  for (const pollfd& one : polled) {
    if (one.revents != 0) {
      drain(one.fd);
    }
  }
  return true;
}

}  // namespace bpfman::kernel
