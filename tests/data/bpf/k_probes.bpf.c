/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Probes of functions of the kernel and of executables. */
#include "k_count.h"

#define PROBE(section, name)                                                                       \
	SEC(section) int name(void *ctx)                                                           \
	{                                                                                          \
		note_cookie(ctx);                                                                  \
		return count();                                                                    \
	}

PROBE("kprobe", on_kprobe)
PROBE("kretprobe", on_kretprobe)
PROBE("ksyscall", on_ksyscall)
PROBE("kprobe.multi", on_kprobe_multi)
PROBE("uprobe", on_uprobe)
PROBE("uretprobe", on_uretprobe)
PROBE("uprobe.multi", on_uprobe_multi)
PROBE("uretprobe.multi", on_uretprobe_multi)
PROBE("kretprobe.multi", on_kretprobe_multi)
PROBE("kprobe.session", on_kprobe_session)
PROBE("uprobe.session", on_uprobe_session)
