/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Two programs: the verifier refuses one, the other shows that only the chosen one is loaded. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int reads_through_number(struct xdp_md *ctx)
{
	volatile __u32 *nowhere = (__u32 *)(unsigned long)ctx->ingress_ifindex;

	return *nowhere ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int drop_all(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
