# SPDX-License-Identifier: Apache-2.0
# Test machines: an initramfs with a root of its own, booted under QEMU. Sourced by run and reboot, which set $here and $top.
limit=1800  # seconds for one kernel that hangs; a machine that shares slow processors with compilers takes up to 900

work=$(mktemp -d /tmp/bpfman-vm.XXXXXX)
trap 'rm -rf "$work"' EXIT

# add FILE: into the initramfs, at the place it has here, with the libraries that it is linked with.
add() {
  local file
  for file in "$1" $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*' || true); do
    [ ! -e "$root$file" ] || continue
    mkdir -p "$root$(dirname "$file")"
    cp -L "$file" "$root$file"
  done
}

# What all kernels share.
root="$work/root"
mkdir -p "$root"/{bin,proc,sys,dev,test,modules,etc,run,tmp}
for command in ip tc nsenter unshare setpriv; do  # busybox's own can do less
  add "$(command -v $command)"
  cp -L "$(command -v $command)" "$root/bin/$command"
done
cp /bin/busybox "$root/bin/"
for applet in $(busybox --list); do [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"; done
cp "$here/init" "$root/init"
chmod +x "$root/init"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
# add_bpfman BINARY: with the example program, as /bin/bpfman and /test/xdp_pass_counter.bpf.o.
add_bpfman() {
  local binary
  binary=$(readlink -f "$1")
  add "$binary"
  cp "$binary" "$root/bin/bpfman"
  cp "$(dirname "$(dirname "$binary")")/examples/xdp_pass_counter.bpf.o" "$root/test/"
}

# pack: the root is complete.
pack() { (cd "$root" && find . | cpio -o -H newc --quiet) >"$work/initrd"; }


# Modules in the order in which they are loaded; what a kernel has built in, or not at all, is left out.
modules="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk veth sch_ingress cls_bpf cls_u32 cls_flower cls_matchall cls_basic nf_defrag_ipv4 nf_defrag_ipv6"

# boot KERNEL CACHE [WORDS [DISK]]: leaves what the machine printed in $work/KERNEL.log. WORDS go to the kernel's command line;
# DISK, a raw image, is /dev/vda.
boot() {
  local kernel=$1 cache=$2 words=${3:-} disk=${4:-} extra="$work/$1.root" number=0 module file
  rm -rf "$extra"
  mkdir -p "$extra/modules"
  for module in $modules; do
    file=$(find "$cache/tree" -name "$module.ko" -o -name "$module.ko.xz" | head -1)
    [ -n "$file" ] || continue
    number=$((number + 1))
    case $file in
      *.xz) xz -dc "$file" >"$extra/modules/$number-$module.ko" ;;
      *) cp "$file" "$extra/modules/$number-$module.ko" ;;
    esac
  done
  (cd "$extra" && find modules | cpio -o -H newc --quiet) >"$work/$kernel.modules"
  # The kernel unpacks archives one after the other, each padded to 4 bytes.
  cat "$work/initrd" "$work/$kernel.modules" >"$work/$kernel.initrd"
  timeout "$limit" qemu-system-x86_64 -accel tcg -cpu max,-cx16 -smp 1 -m 1024 -display none -no-reboot -nodefaults -serial stdio \
    -kernel "$(find "$cache/tree" -name 'vmlinuz*' -type f | head -1)" -initrd "$work/$kernel.initrd" \
    ${disk:+-drive "file=$disk,format=raw,if=virtio,cache=writethrough"} \
    -append "console=ttyS0 panic=-1 quiet loglevel=3 $words" </dev/null 2>&1 | sed -u 's/\r//g' >"$work/$kernel.log" || true
}
