/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Hooks of control groups. */
#include "k_count.h"

#define HOOK(section, name, context)                                                               \
	SEC(section) int name(context *ctx)                                                        \
	{                                                                                          \
		(void)ctx;                                                                         \
		count();                                                                           \
		return 1;                                                                          \
	}

HOOK("cgroup_skb/egress", on_egress, struct __sk_buff)
HOOK("cgroup/skb", on_either, struct __sk_buff)
HOOK("cgroup/sock_create", on_socket, struct bpf_sock)
HOOK("cgroup/bind4", on_bind, struct bpf_sock_addr)
HOOK("cgroup/connect_unix", on_unix_connect, struct bpf_sock_addr)
HOOK("sockops", on_socket_event, struct bpf_sock_ops)
HOOK("lsm_cgroup/socket_bind", on_lsm_bind, void)
