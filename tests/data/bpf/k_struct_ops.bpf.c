/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A congestion control that does nothing well. */
#include "k_count.h"

struct sock;

struct tcp_congestion_ops {
	void (*init)(struct sock *sk);
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
} __attribute__((preserve_access_index));

SEC("struct_ops/start")
void start(void *ctx)
{
	(void)ctx;
	count();
}

SEC("struct_ops/threshold")
__u32 threshold(void *ctx)
{
	(void)ctx;
	return 2;
}

SEC("struct_ops/avoid")
void avoid(void *ctx) { (void)ctx; }

SEC("struct_ops/undo")
__u32 undo(void *ctx)
{
	(void)ctx;
	return 10;
}

SEC(".struct_ops.link")
struct tcp_congestion_ops bpfman_test = {
    .init = (void *)start,
    .ssthresh = (void *)threshold,
    .cong_avoid = (void *)avoid,
    .undo_cwnd = (void *)undo,
    .name = "bpfman_test",
};
