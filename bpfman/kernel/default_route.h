// SPDX-License-Identifier: Apache-2.0
// The interface of the default route, from the tables of the kernel as text.
#pragma once

#include <string>
#include <string_view>

namespace bpfman::kernel {

// `ipv4`: /proc/net/route, `ipv6`: /proc/net/ipv6_route. The route with the lowest metric; IPv4
// comes first. "": there is no such route.
// Source: net/ipv4/fib_trie.c, fib_route_seq_show(); net/ipv6/route.c,
// ipv6_route_native_seq_show().
std::string default_route_interface(std::string_view ipv4, std::string_view ipv6);

}  // namespace bpfman::kernel
