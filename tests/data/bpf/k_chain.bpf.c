/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Members of chains: each counts the packets it sees, notes as which it was
 * called (every member adds one to the first byte of the packet) and says what
 * its variable `verdict` says. One program for each thing that makes code hard
 * to move: functions, callbacks, tail calls, packet changes.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int verdict = XDP_PASS;
const volatile int step = 1; /* what each adds; of the tests that count places */
struct {
	__u64 seen;
	__u64 sum;
	__u64 position;
} notes;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} pinned_count SEC(".maps");

static __always_inline int note(__u8 *data, __u8 *end)
{
	__u32 key = 0;
	__u64 *count = bpf_map_lookup_elem(&pinned_count, &key);

	if (count)
		*count += 1;
	notes.seen++;
	if (data + 14 > end)
		return verdict;
	notes.position = data[0];
	data[0] += step;
	return verdict;
}

SEC("xdp")
int chained(struct xdp_md *ctx)
{
	return note((__u8 *)(long)ctx->data, (__u8 *)(long)ctx->data_end);
}

/* Has one map only, .bss: a joined program has 64 at most. */
SEC("xdp")
int one_map(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data;
	__u8 *end = (__u8 *)(long)ctx->data_end;

	notes.seen++;
	if (data + 14 > end)
		return XDP_PASS;
	notes.position = data[0];
	data[0] += 1;
	return XDP_PASS;
}

/* Says many things, each known to the verifier. */
SEC("xdp")
int many_results(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data;
	__u8 *end = (__u8 *)(long)ctx->data_end;

	notes.seen++;
	if (data + 14 > end)
		return XDP_ABORTED;
	if (data[1] == 1)
		return XDP_DROP;
	if (data[2] == 2)
		return XDP_TX;
	if (data[3] == 3)
		return XDP_REDIRECT;
	if (data[4] == 4)
		return 31;
	notes.position = data[0];
	data[0] += 1;
	return XDP_PASS;
}

/* Takes nearly all of the stack that a program may have. */
SEC("xdp")
int deep_stack(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data;
	__u8 *end = (__u8 *)(long)ctx->data_end;
	volatile __u8 bytes[500];

	if (data + 14 > end)
		return XDP_PASS;
	bytes[0] = data[0];
	bytes[data[0] & 0xff] = 1;
	notes.sum = bytes[0];
	return XDP_PASS;
}

/* As much as a member may have whose code is to stand in the main function. */
SEC("xdp")
int half_stack(struct xdp_md *ctx)
{
	__u64 numbers[25];

	numbers[0] = 1;
	numbers[24] = 2;
	asm volatile("" : : "r"(numbers) : "memory"); /* keep all of it */
	notes.sum = numbers[0] + numbers[24];
	return note((__u8 *)(long)ctx->data, (__u8 *)(long)ctx->data_end);
}

/* More than is left when another member's stack is the main function's. */
SEC("xdp")
int much_stack(struct xdp_md *ctx)
{
	__u64 numbers[50];

	numbers[0] = 1;
	numbers[49] = 2;
	asm volatile("" : : "r"(numbers) : "memory"); /* keep all of it */
	notes.sum = numbers[0] + numbers[49];
	return note((__u8 *)(long)ctx->data, (__u8 *)(long)ctx->data_end);
}

static __attribute__((noinline)) void fill(__u64 *numbers, __u64 first)
{
	numbers[0] = first;
	numbers[1] = first + 1;
	numbers[2] = first + 2;
}

/* Ends in many ways, each with something else in registers and on the stack. */
SEC("xdp")
int many_paths(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data;
	__u8 *end = (__u8 *)(long)ctx->data_end;
	__u64 numbers[8] = {};
	int result = 0;

	fill(numbers + 2, ctx->rx_queue_index);
	if (data + 40 > end)
		return XDP_ABORTED;
	for (int at = 0; at < 6; at++) {
		if (data[at + 1] == at + 1)
			numbers[at] = data[at + 10];
		else if (data[at + 1] > 200)
			result += at;
		if (data[at + 20] == 77)
			return result & 3;
	}
	for (int at = 0; at < 8; at++)
		notes.sum += numbers[at];
	if (notes.sum == 12345)
		return XDP_DROP;
	return note(data, end);
}

SEC("tc")
int chained_tc(struct __sk_buff *skb)
{
	return note((__u8 *)(long)skb->data, (__u8 *)(long)skb->data_end);
}

SEC("xdp.frags")
int chained_frags(struct xdp_md *ctx)
{
	return note((__u8 *)(long)ctx->data, (__u8 *)(long)ctx->data_end);
}

/* Global: verified by itself. */
__attribute__((noinline)) int twice(int number) { return number * 2; }

static __attribute__((noinline)) int thrice(int number) { return number + twice(number); }

SEC("xdp")
int with_functions(struct xdp_md *ctx)
{
	notes.sum = thrice(ctx->ingress_ifindex + 7);
	return note((__u8 *)(long)ctx->data, (__u8 *)(long)ctx->data_end);
}

static long add(__u32 index, void *unused)
{
	(void)unused;
	notes.sum += index;
	return 0;
}

SEC("xdp")
int with_callback(struct xdp_md *ctx)
{
	notes.sum = 0;
	bpf_loop(5, add, 0, 0);
	return note((__u8 *)(long)ctx->data, (__u8 *)(long)ctx->data_end);
}

/* What a full `targets` leads to. */
SEC("xdp")
int tail_target(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_TX;
}

SEC("xdp")
int with_tail_call(struct xdp_md *ctx)
{
	int result = note((__u8 *)(long)ctx->data, (__u8 *)(long)ctx->data_end);

	bpf_tail_call(ctx, &targets, 0);
	return result;
}

SEC("xdp")
int changes_packet(struct xdp_md *ctx)
{
	int result = note((__u8 *)(long)ctx->data, (__u8 *)(long)ctx->data_end);

	bpf_xdp_adjust_head(ctx, 0);
	return result;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
