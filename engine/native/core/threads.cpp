#include "threads.h"
#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#ifdef __APPLE__
#include <sys/sysctl.h>
#endif
#ifdef _WIN32
#define NOMINMAX
#include <windows.h>
#else
#include <time.h>
#endif

int32_t physicalCores() {
    const int32_t logical = std::max(1u, std::thread::hardware_concurrency());
#if defined(__linux__)
    std::set<std::string> cores; // hyper-threads of a core list the same siblings
    for (int32_t cpu = 0; cpu < logical; cpu++) {
        std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                           "/topology/thread_siblings_list");
        std::string siblings;
        if (std::getline(file, siblings)) cores.insert(siblings);
    }
    if (!cores.empty()) return std::min<int32_t>(logical, (int32_t) cores.size());
    return logical;
#elif defined(__APPLE__)
    int32_t n = 0;
    size_t size = sizeof n;
    // Counts only performance cores if the machine has two kinds.
    if (sysctlbyname("hw.perflevel0.physicalcpu", &n, &size, nullptr, 0) == 0 && n > 0) return n;
    if (sysctlbyname("hw.physicalcpu", &n, &size, nullptr, 0) == 0 && n > 0) return n;
    return logical;
#else
    return std::max(1, logical / 2);
#endif
}

double processorMs() {
#ifdef _WIN32
    FILETIME created, exited, kernel, user;
    if (!GetProcessTimes(GetCurrentProcess(), &created, &exited, &kernel, &user)) return 0;
    const auto ms = [](const FILETIME & t) {
        return (double) (((uint64_t) t.dwHighDateTime << 32) + t.dwLowDateTime) / 1e4;
    };
    return ms(kernel) + ms(user);
#else
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
#endif
}

Threads::Threads(int32_t count)
    : threads(nullptr, nullptr)
    , backend(nullptr, ggml_backend_free)
    , graphMemory(nullptr, ggml_free) {
    ggml_backend_dev_t cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    if (!cpu) return;
    // Looked up at run time, since the CPU backend is loaded in the variant that suits this processor.
    ggml_backend_reg_t registry = ggml_backend_dev_backend_reg(cpu);
    const auto find = [&](const char * name) {
        return ggml_backend_reg_get_proc_address(registry, name);
    };
    const auto make = (decltype(&ggml_threadpool_new)) find("ggml_threadpool_new");
    const auto end = (decltype(&ggml_threadpool_free)) find("ggml_threadpool_free");
    const auto setCount =
        (decltype(&ggml_backend_cpu_set_n_threads)) find("ggml_backend_set_n_threads");
    const auto setPool =
        (decltype(&ggml_backend_cpu_set_threadpool)) find("ggml_backend_cpu_set_threadpool");
    if (!make || !end || !setCount || !setPool) return;
    ggml_threadpool_params params = ggml_threadpool_params_default(count);
    params.poll =
        2; // about this many milliseconds: longer than JavaScript or sampling delays the next step
    threads = {make(&params), end};
    backend.reset(ggml_backend_dev_init(cpu, nullptr));
    graphMemory.reset(
        ggml_init({ggml_tensor_overhead() + ggml_graph_overhead(), nullptr, /* no_alloc */ true}));
    if (!threads || !backend || !graphMemory) return;
    setCount(backend.get(), count);
    setPool(backend.get(), threads.get());
    const auto run = [](ggml_tensor *, int, int, void * task) { static_cast<Task *>(task)->run(); };
    graph = ggml_new_graph(graphMemory.get());
    ggml_build_forward_expand(graph, ggml_custom_4d(graphMemory.get(), GGML_TYPE_F32, 1, 1, 1, 1,
                                                    nullptr, 0, run, GGML_N_TASKS_MAX, &task));
}

void Threads::Task::run() {
    try {
        for (int i; (i = next++) < n;) (*work)(i);
    } catch (...) {
        std::lock_guard<std::mutex> lock(mutex);
        if (!error) error = std::current_exception();
    }
}

void Threads::each(int n, const std::function<void(int)> & work) {
    task.work = &work;
    task.n = n;
    task.next = 0;
    task.error = nullptr;
    if (n < 2 || !graph || ggml_backend_graph_compute(backend.get(), graph) != GGML_STATUS_SUCCESS)
        task.run();
    if (task.error) std::rethrow_exception(task.error);
}
