# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of hooks, asked by system calls of our own: an oracle must not ask the program that it judges."""

import contextlib
import ctypes
import errno
import json
import os
import socket
import struct

from host import run

LIBC = ctypes.CDLL(None, use_errno=True)
BPF = 321 if os.uname().machine == "x86_64" else 280
OBJ_PIN, OBJ_GET, TEST_RUN, PROG_BY_ID, INFO, PROG_QUERY, LINK_CREATE, LINK_DETACH = 6, 7, 10, 13, 15, 16, 28, 34
TCX = {"ingress": 46, "egress": 47}
CLONE_NEWNET = 0x40000000


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes.ljust(144, b"\0"), 144)
    result = LIBC.syscall(BPF, command, buffer, 144)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"bpf command {command}: {os.strerror(number)}")
    return result, buffer.raw


@contextlib.contextmanager
def inside(path):
    """In the network namespace at `path`."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if LIBC.setns(there, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), path)
        yield
    finally:
        assert LIBC.setns(here, CLONE_NEWNET) == 0, "the way back"
        os.close(here)
        os.close(there)


@contextlib.contextmanager
def object_at(path):
    name = ctypes.create_string_buffer(os.fsencode(path))
    fd, _ = bpf(OBJ_GET, struct.pack("QII", ctypes.addressof(name), 0, 0))
    try:
        yield fd
    finally:
        os.close(fd)


def info(fd, size=32):
    buffer = ctypes.create_string_buffer(size)
    bpf(INFO, struct.pack("IIQ", fd, size, ctypes.addressof(buffer)))
    return buffer.raw


def pinned(path):
    """The id of the object at a pin; None when there is none."""
    try:
        with object_at(path) as fd:
            return struct.unpack_from("I", info(fd), 4)[0]
    except OSError:
        return None


def detach_link(path):
    with object_at(path) as fd:
        bpf(LINK_DETACH, struct.pack("I", fd))


def put_on_list(pin, ifindex, direction):
    """A TCX link of ours; it lives as long as the descriptor that is returned."""
    with object_at(pin) as fd:
        return bpf(LINK_CREATE, struct.pack("IIII", fd, ifindex, TCX[direction], 0))[0]


def is_loaded(program):
    try:
        os.close(bpf(PROG_BY_ID, struct.pack("III", program, 0, 0))[0])
        return True
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return False


def on_list(ifindex, direction):
    """Programs of the kernel's list, in order. Call in the namespace."""
    ids = (ctypes.c_uint32 * 64)()
    words = struct.pack("IIIIQII", ifindex, TCX[direction], 0, 0, ctypes.addressof(ids), 64, 0)
    _, answer = bpf(PROG_QUERY, words)
    return list(ids[:struct.unpack_from("I", answer, 24)[0]])


def attributes(data):
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("HH", data)
        found[kind & 0x3fff] = data[4:length]
        data = data[(length + 3) & ~3:]
    return found


def links_here():
    """Interfaces of this namespace: index -> (name, id of the XDP program or None)."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as route:
        route.send(struct.pack("IHHII", 32, 18, 0x301, 1, 0) + bytes(16))
        found = {}
        while True:
            data = route.recv(1 << 17)
            while data:
                length, kind = struct.unpack_from("IH", data)
                if kind == 3:
                    return found
                said = attributes(data[32:length])
                xdp = attributes(said.get(43, b""))
                found[struct.unpack_from("i", data, 20)[0]] = (
                    said[3].rstrip(b"\0").decode(), struct.unpack("I", xdp[4])[0] if 4 in xdp else None)
                data = data[(length + 3) & ~3:]


def filters(netns, name, direction):
    """Filters of clsact: (priority, handle, kind, program id)."""
    done = run("tc", "-n", netns, "-j", "filter", "show", "dev", name, direction, check=False)
    found = []
    for one in json.loads(done.stdout or "[]"):
        options = one.get("options", {})
        if "handle" in options:
            found.append((one["pref"], str(options["handle"]), one["kind"], options.get("prog", {}).get("id")))
    return found


def trace(program):
    """The marks that members of the program leave in a packet, in the order in which they ran."""
    fd, _ = bpf(PROG_BY_ID, struct.pack("III", program, 0, 0))
    try:
        packet = ctypes.create_string_buffer(b"\x02" * 12 + b"\x88\xb5" + bytes(50), 64)
        out = ctypes.create_string_buffer(256)
        bpf(TEST_RUN, struct.pack("IIIIQQII", fd, 0, 64, 256, ctypes.addressof(packet), ctypes.addressof(out), 1, 0))
        count = out.raw[14]
        return list(out.raw[15:15 + count])
    finally:
        os.close(fd)
