/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* One program of each section that no other test object has; program_<N> in the order of the lines.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define PROGRAM(number, section, context, result)                                                  \
	SEC(section) int program_##number(context *ctx)                                            \
	{                                                                                          \
		(void)ctx;                                                                         \
		return result;                                                                     \
	}

PROGRAM(0, "xdp", struct xdp_md, 2)
PROGRAM(1, "xdp.frags", struct xdp_md, 2)
PROGRAM(2, "tc", struct __sk_buff, 0)
PROGRAM(3, "tc/egress", struct __sk_buff, 0)
PROGRAM(4, "classifier/named", struct __sk_buff, 0)
PROGRAM(5, "action", struct __sk_buff, 0)
PROGRAM(6, "tcx/egress", struct __sk_buff, 0)
PROGRAM(7, "raw_tp.w/sys_enter", void, 0)
PROGRAM(8, "socket", struct __sk_buff, 0)
PROGRAM(9, "lwt_in", struct __sk_buff, 0)
PROGRAM(10, "lwt_out", struct __sk_buff, 0)
PROGRAM(11, "lwt_xmit", struct __sk_buff, 0)
PROGRAM(12, "lwt_seg6local", struct __sk_buff, 0)
PROGRAM(13, "sk_reuseport", struct sk_reuseport_md, 1)
PROGRAM(14, "sk_reuseport/migrate", struct sk_reuseport_md, 1)
PROGRAM(15, "sk_skb/stream_parser", struct __sk_buff, 1)
PROGRAM(16, "sk_skb/verdict", struct __sk_buff, 1)
PROGRAM(17, "syscall", void, 0)
PROGRAM(18, "cgroup_skb/ingress", struct __sk_buff, 1)
PROGRAM(19, "cgroup/sock_release", struct bpf_sock, 1)
PROGRAM(20, "cgroup/post_bind4", struct bpf_sock, 1)
PROGRAM(21, "cgroup/post_bind6", struct bpf_sock, 1)
PROGRAM(22, "cgroup/bind6", struct bpf_sock_addr, 1)
PROGRAM(23, "cgroup/connect4", struct bpf_sock_addr, 1)
PROGRAM(24, "cgroup/connect6", struct bpf_sock_addr, 1)
PROGRAM(25, "cgroup/sendmsg4", struct bpf_sock_addr, 1)
PROGRAM(26, "cgroup/sendmsg6", struct bpf_sock_addr, 1)
PROGRAM(27, "cgroup/recvmsg4", struct bpf_sock_addr, 1)
PROGRAM(28, "cgroup/recvmsg6", struct bpf_sock_addr, 1)
PROGRAM(29, "cgroup/getpeername4", struct bpf_sock_addr, 1)
PROGRAM(30, "cgroup/getpeername6", struct bpf_sock_addr, 1)
PROGRAM(31, "cgroup/getsockname4", struct bpf_sock_addr, 1)
PROGRAM(32, "cgroup/getsockname6", struct bpf_sock_addr, 1)
PROGRAM(33, "cgroup/sendmsg_unix", struct bpf_sock_addr, 1)
PROGRAM(34, "cgroup/recvmsg_unix", struct bpf_sock_addr, 1)
PROGRAM(35, "cgroup/getpeername_unix", struct bpf_sock_addr, 1)
PROGRAM(36, "cgroup/getsockname_unix", struct bpf_sock_addr, 1)
PROGRAM(37, "cgroup/getsockopt", struct bpf_sockopt, 1)
PROGRAM(38, "cgroup/setsockopt", struct bpf_sockopt, 1)
PROGRAM(39, "cgroup/sysctl", struct bpf_sysctl, 1)
PROGRAM(40, "cgroup/dev", struct bpf_cgroup_dev_ctx, 1)
PROGRAM(41, "kretsyscall/getpgid", void, 0)
PROGRAM(42, "kretprobe.multi", void, 0)
PROGRAM(43, "kprobe.session/x", void, 0)
PROGRAM(44, "uprobe.s", void, 0)
PROGRAM(45, "uretprobe.s", void, 0)
PROGRAM(46, "uprobe.multi.s", void, 0)
PROGRAM(47, "uprobe.session", void, 0)
PROGRAM(48, "fexit/__x64_sys_getpgid", void, 0)
PROGRAM(49, "lsm.s/file_open", void, 0)
PROGRAM(50, "iter.s/task", void, 0)

char LICENSE[] SEC("license") = "GPL";
