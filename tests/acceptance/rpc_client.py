# SPDX-License-Identifier: Apache-2.0
"""A client of the daemon's socket: stubs made of proto/ when a test begins. Run as a program, it makes one call:
rpc_client.py STUBS SOCKET METHOD [FIELD=NUMBER], and prints the status, for a call as another user."""

import importlib
import os
import subprocess
import sys

import grpc

# As in the file of this name that gRPC publishes, as far as it is called here.
REFLECTION = """
syntax = "proto3";
package grpc.reflection.v1alpha;
message ServerReflectionRequest { string host = 1; string list_services = 7; }
message ServiceResponse { string name = 1; }
message ListServiceResponse { repeated ServiceResponse service = 1; }
message ServerReflectionResponse { ListServiceResponse list_services_response = 6; }
service ServerReflection { rpc ServerReflectionInfo(stream ServerReflectionRequest) returns (stream ServerReflectionResponse); }
"""


def make_stubs(source, directory):
    """Modules for the messages and calls of proto/, and for reflection."""
    os.makedirs(directory)
    with open(os.path.join(directory, "reflection.proto"), "w", encoding="utf-8") as out:
        out.write(REFLECTION)
    plugin = subprocess.run(["which", "grpc_python_plugin"], check=True, capture_output=True, text=True).stdout.strip()
    proto = os.path.join(source, "proto")
    for path in (f"{proto}/bpfman/v1/bpfman.proto", f"{proto}/grpc/health/v1/health.proto", f"{directory}/reflection.proto"):
        subprocess.run(["protoc", f"--proto_path={os.path.dirname(path)}", f"--python_out={directory}",
                        f"--grpc_python_out={directory}", f"--plugin=protoc-gen-grpc_python={plugin}", path], check=True)


def stubs(directory):
    if directory not in sys.path:
        sys.path.insert(0, directory)
    names = ("bpfman_pb2", "bpfman_pb2_grpc", "health_pb2", "health_pb2_grpc", "reflection_pb2", "reflection_pb2_grpc")
    return [importlib.import_module(name) for name in names]


class Client:
    """One connection. Requests are written as words: client("Get", id=3)."""

    def __init__(self, directory, path, timeout=30):
        self.pb, calls, self.health_pb, health, self.reflection_pb, reflection = stubs(directory)
        # A pool of its own: else clients of one process share a connection.
        self.channel = grpc.insecure_channel("unix:" + path, options=[("grpc.use_local_subchannel_pool", 1)])
        self.stub = calls.BpfmanStub(self.channel)
        self.health = health.HealthStub(self.channel)
        self.reflection = reflection.ServerReflectionStub(self.channel)
        self.timeout = timeout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def __call__(self, method, **fields):
        request = getattr(self.pb, method + "Request")(**fields)
        return getattr(self.stub, method)(request, timeout=self.timeout)

    def load(self, bytecode, *names, kind="XDP", **more):
        infos = [self.pb.LoadInfo(name=name, program_type=kind) for name in names]
        return self("Load", bytecode=bytecode, info=infos, **more)

    def load_file(self, path, *names, **more):
        return self.load(self.pb.BytecodeLocation(file=path), *names, **more)

    def attach_xdp(self, program, interface, **more):
        info = self.pb.XDPAttachInfo(iface=interface, **more)
        return self("Attach", id=program, attach=self.pb.AttachInfo(xdp_attach_info=info)).link_id

    def healthy(self, service=""):
        reply = self.health.Check(self.health_pb.HealthCheckRequest(service=service), timeout=self.timeout)
        return reply.status == 1

    def services(self):
        request = self.reflection_pb.ServerReflectionRequest(list_services="*")
        for reply in self.reflection.ServerReflectionInfo(iter([request]), timeout=self.timeout):
            return sorted(one.name for one in reply.list_services_response.service)
        return []


def main():
    directory, path, method, *words = sys.argv[1:]
    fields = {name: int(value) for name, value in (word.split("=") for word in words)}
    try:
        with Client(directory, path) as client:
            client(method, **fields)
        print("OK")
    except grpc.RpcError as error:
        print(error.code().name)


if __name__ == "__main__":
    main()
