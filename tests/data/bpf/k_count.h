/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the programs of attach_kernel_test share: how often they ran, and the last cookie. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} events SEC(".maps");

static __always_inline int count(void)
{
	__u32 key = 0;
	__u64 *runs = bpf_map_lookup_elem(&events, &key);

	if (runs) {
		__sync_fetch_and_add(runs, 1);
	}
	return 0;
}

/* Kernels before 5.15 do not know the helper; they never see the call when this is false. */
const volatile _Bool with_cookie = 0;

static __always_inline void note_cookie(void *ctx)
{
	__u32 key = 1;
	__u64 *last = bpf_map_lookup_elem(&events, &key);

	if (with_cookie && last) {
		*last = bpf_get_attach_cookie(ctx);
	}
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
