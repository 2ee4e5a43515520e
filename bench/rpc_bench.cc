// SPDX-License-Identifier: Apache-2.0
// rpc_bench SOCKET OBJECT INTERFACE: calls of the daemon by one client, medians in microseconds, as
// "get N", "list N", "load_attach N", "undo N". The programs that List finds are there already.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <bpfman.grpc.pb.h>
#include <grpcpp/grpcpp.h>

namespace {

namespace v1 = bpfman::v1;

void expect(const grpc::Status& status) {
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.error_message().c_str());
    std::exit(1);
  }
}

double time_us(const std::function<void()>& work) {
  auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
      .count();
}

double median_us(int times, const std::function<void()>& work) {
  std::vector<double> samples;
  for (int i = 0; i < times; ++i) {
    samples.push_back(time_us(work));
  }
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2];
}

class Bench {
 public:
  explicit Bench(const std::string& socket)
      : stub_(v1::Bpfman::NewStub(
            grpc::CreateChannel("unix:" + socket, grpc::InsecureChannelCredentials()))) {}

  v1::ListResponse list() {
    grpc::ClientContext context;
    v1::ListRequest request;
    request.set_bpfman_programs_only(true);
    v1::ListResponse response;
    expect(stub_->List(&context, request, &response));
    return response;
  }

  void get(std::uint32_t id) {
    grpc::ClientContext context;
    v1::GetRequest request;
    request.set_id(id);
    v1::GetResponse response;
    expect(stub_->Get(&context, request, &response));
  }

  std::uint32_t load_and_attach(const std::string& object, const std::string& interface) {
    grpc::ClientContext loading;
    v1::LoadRequest load;
    load.mutable_bytecode()->set_file(object);
    load.add_info()->set_name("pass");
    (*load.mutable_metadata())["bpfman.io/application"] = "bench";
    v1::LoadResponse loaded;
    expect(stub_->Load(&loading, load, &loaded));
    std::uint32_t id = loaded.programs(0).kernel_info().id();
    grpc::ClientContext attaching;
    v1::AttachRequest attach;
    attach.set_id(id);
    attach.mutable_attach()->mutable_xdp_attach_info()->set_iface(interface);
    v1::AttachResponse attached;
    expect(stub_->Attach(&attaching, attach, &attached));
    return id;
  }

  void unload(std::uint32_t id) {
    grpc::ClientContext context;
    v1::UnloadRequest request;
    request.set_id(id);
    v1::UnloadResponse response;
    expect(stub_->Unload(&context, request, &response));
  }

 private:
  std::unique_ptr<v1::Bpfman::Stub> stub_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: rpc_bench SOCKET OBJECT INTERFACE\n");
    return 2;
  }
  constexpr int kGets = 5000;
  constexpr int kLists = 50;
  constexpr int kLoads = 21;
  Bench bench(argv[1]);
  std::uint32_t some = bench.list().results(0).kernel_info().id();
  bench.get(some);
  double gets = time_us([&] {
    for (int i = 0; i < kGets; ++i) {
      bench.get(some);
    }
  });
  std::printf("get %.1f\n", gets / kGets);
  std::printf("list %.1f\n", median_us(kLists, [&] { bench.list(); }));
  std::vector<double> samples;
  for (int i = 0; i < kLoads; ++i) {
    std::uint32_t id = 0;
    samples.push_back(time_us([&] { id = bench.load_and_attach(argv[2], argv[3]); }));
    bench.unload(id);
  }
  std::sort(samples.begin(), samples.end());
  std::printf("load_attach %.1f\n", samples[samples.size() / 2]);
  return 0;
}
