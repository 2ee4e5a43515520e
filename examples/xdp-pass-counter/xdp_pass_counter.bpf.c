/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Lets every packet pass and counts packets and bytes, per CPU, so that no two
 * CPUs write to the same place.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum stat_key {
	STAT_ALL_PACKETS,
	STAT_KEYS,
};

struct stat_value {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STAT_KEYS);
	__type(key, __u32); /* of an array: the kernel wants an integer, no enum */
	__type(value, struct stat_value);
} packet_stats SEC(".maps");

SEC("xdp")
int pass_counter(struct xdp_md *ctx)
{
	__u32 key = STAT_ALL_PACKETS;
	struct stat_value *value = bpf_map_lookup_elem(&packet_stats, &key);

	if (value) {
		value->packets++;
		value->bytes += ctx->data_end - ctx->data;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
