/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Variables in every data section; the program copies what it was given into a map and counts in
 * .bss. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct settings {
	__u32 port;
	__u8 enabled;
	char label[11];
};

const volatile __u32 sampling = 1;
volatile __u64 threshold = 1000;
struct settings settings = {.port = 80, .label = "default"};
volatile __u64 runs;
volatile __u32 verdict_sum;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64[3]);
} seen_values_of_variables SEC(".maps");

SEC("xdp")
int report_all_the_variables(struct xdp_md *ctx)
{
	(void)ctx;
	__u32 key = 0;
	__u64 *seen = bpf_map_lookup_elem(&seen_values_of_variables, &key);

	if (seen) {
		seen[0] = sampling;
		seen[1] = threshold;
		seen[2] = settings.port;
	}
	runs++;
	verdict_sum += XDP_PASS;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
