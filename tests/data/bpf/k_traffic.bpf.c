/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Counts the UDP packets to port 7777, those of tests/support/traffic.h, and lets everything pass.
 * TC: to what comes next on the hook (TC_ACT_UNSPEC), or as the last word.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ETHERTYPE_OFFSET 12
#define PROTOCOL_OFFSET 23
#define UDP_PORT_OFFSET 36
#define NEEDED 42

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} traffic_count SEC(".maps");

static __attribute__((always_inline)) inline void count(__u32 start, __u32 after)
{
	const unsigned char *data = (const unsigned char *)(long)start;
	const unsigned char *end = (const unsigned char *)(long)after;
	__u32 key = 0;
	__u64 *value;

	if (data + NEEDED > end)
		return;
	if (*(const __u16 *)(data + ETHERTYPE_OFFSET) != bpf_htons(0x0800) ||
	    data[PROTOCOL_OFFSET] != 17 ||
	    *(const __u16 *)(data + UDP_PORT_OFFSET) != bpf_htons(7777))
		return;
	value = bpf_map_lookup_elem(&traffic_count, &key);
	if (value)
		__sync_fetch_and_add(value, 1);
}

SEC("xdp")
int count_xdp(struct xdp_md *ctx)
{
	count(ctx->data, ctx->data_end);
	return XDP_PASS;
}

SEC("tc")
int count_tc(struct __sk_buff *skb)
{
	count(skb->data, skb->data_end);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int count_tc_last(struct __sk_buff *skb)
{
	count(skb->data, skb->data_end);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
