/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Tracepoints, perf events, iterators, and what needs a trampoline. */
#include "k_count.h"

SEC("tp/syscalls/sys_enter_getpgid")
int on_tracepoint(void *ctx)
{
	note_cookie(ctx);
	return count();
}

SEC("raw_tp/sys_enter")
int on_raw_tracepoint(void *ctx)
{
	(void)ctx;
	return count();
}

SEC("tp_btf/sys_enter")
int on_btf_tracepoint(void *ctx)
{
	(void)ctx;
	return count();
}

SEC("perf_event")
int on_sample(void *ctx)
{
	(void)ctx;
	return count();
}

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} __attribute__((preserve_access_index));

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
} __attribute__((preserve_access_index));

SEC("iter/task")
int list_tasks(struct bpf_iter__task *ctx)
{
	char text[] = "task\n";

	bpf_seq_write(ctx->meta->seq, text, sizeof(text) - 1);
	return count();
}

SEC("fentry/__x64_sys_getpgid")
int on_entry(void *ctx)
{
	note_cookie(ctx);
	return count();
}

SEC("fexit")
int on_exit(void *ctx)
{
	(void)ctx;
	return count();
}

SEC("fmod_ret/security_file_open")
int on_return_value(void *ctx)
{
	(void)ctx;
	return count();
}

SEC("lsm/file_open")
int on_file_open(void *ctx)
{
	(void)ctx;
	return count();
}
