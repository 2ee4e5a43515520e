// SPDX-License-Identifier: Apache-2.0
#include "bpfman/rpc/socket.h"

#include <array>
#include <cstring>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/rpc/notify.h"
#include "bpfman/rpc/peer.h"

namespace bpfman::rpc {
namespace {

class Socket : public ::testing::Test {
 protected:
  TempDir directory_ = *TempDir::create("bpfman-rpc");
  std::string path_ = join_path(directory_.path(), "below/bpfman.sock");
};

TEST_F(Socket, IsForItsOwnerAndGroup) {
  ::mode_t before = ::umask(0077);
  Result<UniqueFd> socket = listen_at(path_);
  ::umask(before);
  ASSERT_TRUE(socket.ok());
  struct stat info = {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0660U);
  EXPECT_EQ(socket_path(socket->get()), path_);
}

TEST_F(Socket, OldOneIsReplacedAndALivingOneIsNot) {
  Result<UniqueFd> first = listen_at(path_);
  ASSERT_TRUE(first.ok());
  Result<UniqueFd> second = listen_at(path_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Code::AlreadyExists);
  first->reset();  // as when its process dies: the file stays
  ASSERT_TRUE(path_exists(path_));
  EXPECT_TRUE(listen_at(path_).ok());
}

TEST_F(Socket, OtherFilesStay) {
  ASSERT_TRUE(make_directories(parent_path(path_), 0755).ok());
  ASSERT_TRUE(write_file_atomic(path_, as_bytes("precious"), 0600).ok());
  Result<UniqueFd> socket = listen_at(path_);
  ASSERT_FALSE(socket.ok());
  EXPECT_EQ(socket.error().code(), Code::FailedPrecondition);
  EXPECT_EQ(as_text(*read_file(path_, 100)), "precious");
}

TEST_F(Socket, LongPathsAreRefused) {
  Result<UniqueFd> socket = listen_at("/tmp/" + std::string(120, 'x'));
  ASSERT_FALSE(socket.ok());
  EXPECT_EQ(socket.error().code(), Code::InvalidArgument);
}

TEST_F(Socket, HandedOverToOthersOnly) {
  Environment environment;
  EXPECT_FALSE(inherited_socket(environment)->has_value());
  environment.variables = {{"LISTEN_PID", "1"}, {"LISTEN_FDS", "1"}};
  EXPECT_FALSE(inherited_socket(environment)->has_value());
  environment.variables = {{"LISTEN_PID", std::to_string(::getpid())}, {"LISTEN_FDS", "2"}};
  Result<std::optional<UniqueFd>> two = inherited_socket(environment);
  ASSERT_FALSE(two.ok());
  EXPECT_EQ(two.error().code(), Code::InvalidArgument);
}

TEST_F(Socket, DefaultIsBelowTheRoot) {
  EXPECT_EQ(default_socket(Layout()), "/run/bpfman-sock/bpfman.sock");
  EXPECT_EQ(default_socket(Layout{.root = "/x"}), "/x/run/bpfman-sock/bpfman.sock");
}

TEST_F(Socket, SystemdIsTold) {
  std::string path = join_path(directory_.path(), "notify");
  UniqueFd listener = UniqueFd::adopt(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  Environment environment;
  EXPECT_TRUE(notify_systemd(environment, "READY=1").ok());
  environment.variables = {{"NOTIFY_SOCKET", path}};
  ASSERT_TRUE(notify_systemd(environment, "READY=1").ok());
  std::array<char, 64> text = {};
  ssize_t size = ::recv(listener.get(), text.data(), text.size(), MSG_DONTWAIT);
  ASSERT_GT(size, 0);
  EXPECT_EQ(std::string(text.data(), static_cast<std::size_t>(size)), "READY=1");
}

TEST(Peer, OfASocketPair) {
  std::array<int, 2> ends = {};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  UniqueFd one = UniqueFd::adopt(ends[0]);
  UniqueFd two = UniqueFd::adopt(ends[1]);
  Result<Peer> peer = read_peer(one.get());
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer->pid, ::getpid());
  EXPECT_EQ(peer->uid, ::geteuid());
  EXPECT_EQ(peer->gid, ::getegid());
  EXPECT_EQ(to_actor(*peer).uid, ::geteuid());
}

TEST(Peer, WhoMayChangeThings) {
  constexpr std::uint32_t kGroup = 500;
  auto access = [](Peer peer) { return access_of(peer, 77, kGroup); };
  EXPECT_EQ(access({.uid = 0, .gid = 0}), Access::Change);
  EXPECT_EQ(access({.uid = 77, .gid = 77}), Access::Change);
  EXPECT_EQ(access({.uid = 1000, .gid = kGroup}), Access::Change);
  EXPECT_EQ(access({.uid = 1000, .gid = 1000, .groups = {4, kGroup}}), Access::Change);
  EXPECT_EQ(access({.uid = 1000, .gid = 1000, .groups = {4, 24}}), Access::Look);
}

}  // namespace
}  // namespace bpfman::rpc
