#include "threads.h"
#include <ggml-backend.h>
#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

int32_t physicalCores() {
    const int32_t logical = std::max(1u, std::thread::hardware_concurrency());
#if defined(__linux__)
    std::set<std::string> cores; // hyper-threads of one core name the same siblings
    for (int32_t cpu = 0; cpu < logical; cpu++) {
        std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
        std::string siblings;
        if (std::getline(file, siblings)) cores.insert(siblings);
    }
    if (!cores.empty()) return std::min<int32_t>(logical, (int32_t) cores.size());
    return logical;
#elif defined(__APPLE__)
    int32_t n = 0;
    size_t size = sizeof n;
    // Performance cores only, where the machine has two kinds.
    if (sysctlbyname("hw.perflevel0.physicalcpu", &n, &size, nullptr, 0) == 0 && n > 0) return n;
    if (sysctlbyname("hw.physicalcpu", &n, &size, nullptr, 0) == 0 && n > 0) return n;
    return logical;
#else
    return std::max(1, logical / 2);
#endif
}

ThreadPool makeThreadPool(int32_t threads) {
    ggml_backend_dev_t cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    if (!cpu) return nullptr;
    // The CPU backend is loaded at run time, in the build that this processor can run.
    ggml_backend_reg_t backend = ggml_backend_dev_backend_reg(cpu);
    const auto make = (decltype(&ggml_threadpool_new)) ggml_backend_reg_get_proc_address(backend, "ggml_threadpool_new");
    const auto end = (decltype(&ggml_threadpool_free)) ggml_backend_reg_get_proc_address(backend, "ggml_threadpool_free");
    if (!make || !end) return nullptr;
    ggml_threadpool_params params = ggml_threadpool_params_default(threads);
    params.poll = 2; // milliseconds, about: longer than JavaScript, or a sampler, holds up the next step
    return ThreadPool(make(&params), end);
}
