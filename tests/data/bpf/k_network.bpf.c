/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Hooks of the network. */
#include "k_count.h"

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

SEC("tcx/ingress")
int on_ingress(struct __sk_buff *ctx)
{
	(void)ctx;
	count();
	return -1; /* TCX_NEXT */
}

SEC("netfilter")
int on_packet(void *ctx)
{
	(void)ctx;
	count();
	return 1; /* NF_ACCEPT */
}

SEC("sk_lookup")
int on_lookup(struct bpf_sk_lookup *ctx)
{
	(void)ctx;
	count();
	return SK_PASS;
}

SEC("flow_dissector")
int on_dissection(struct __sk_buff *ctx)
{
	(void)ctx;
	count();
	return BPF_OK;
}

SEC("sk_skb/stream_verdict")
int on_stream(struct __sk_buff *ctx)
{
	(void)ctx;
	count();
	return SK_PASS;
}

SEC("sk_msg")
int on_message(struct sk_msg_md *ctx)
{
	(void)ctx;
	count();
	return SK_PASS;
}
