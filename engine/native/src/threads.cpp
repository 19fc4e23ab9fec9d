#include "threads.h"
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
