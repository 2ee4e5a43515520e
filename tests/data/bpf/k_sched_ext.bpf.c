/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A scheduler that leaves all decisions to the kernel's defaults, and counts what it runs. */
#include "k_count.h"

struct task_struct;

/* As much of the kernel's struct as is used here. */
struct sched_ext_ops {
	void (*running)(struct task_struct *task);
	char name[128];
} __attribute__((preserve_access_index));

SEC("struct_ops/running")
void running(void *ctx)
{
	(void)ctx;
	count();
}

SEC(".struct_ops.link")
struct sched_ext_ops bpfman_sched = {
    .running = (void *)running,
    .name = "bpfman_sched",
};
