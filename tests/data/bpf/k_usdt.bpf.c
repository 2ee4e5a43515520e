/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A static probe with one argument, which is kept. */
#include "k_count.h"

#if defined(__TARGET_ARCH_x86) || !defined(__TARGET_ARCH_arm64)
#ifndef __TARGET_ARCH_x86
#define __TARGET_ARCH_x86
#endif
#endif
#include <stdbool.h>
#include <linux/ptrace.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

SEC("usdt")
int on_probe(struct pt_regs *ctx)
{
	__u32 key = 1;
	__u64 *last = bpf_map_lookup_elem(&events, &key);
	long value = 0;

	if (last && bpf_usdt_arg(ctx, 0, &value) == 0)
		*last = value;
	return count();
}
