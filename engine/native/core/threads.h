#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <memory>
#include <mutex>

// Physical cores of this machine: more threads than these slow decoding down.
int32_t physicalCores();

// Threads that stay, with one step and the next: without them ggml starts new ones for each, and the system places them
// anew beside JavaScript's thread. They go to sleep a few milliseconds after the last step. llama.cpp computes on them, and
// between two steps we do: threads of our own would fight with these, which wait awake.
class Threads {
public:
    explicit Threads(int32_t count);
    Threads(const Threads &) = delete;

    // For llama.cpp. Null where ggml has no CPU backend.
    ggml_threadpool * pool() const { return threads.get(); }

    // Calls work(i) once for each i < n, on all threads, and returns when all is done. Not while llama.cpp computes.
    // Errors: the first that a call threw.
    void each(int n, const std::function<void(int)> & work);

private:
    struct Task {
        const std::function<void(int)> * work;
        int n;
        std::atomic<int> next{0};
        std::mutex mutex;
        std::exception_ptr error;
        void run();
    } task;
    std::unique_ptr<ggml_threadpool, void (*)(ggml_threadpool *)> threads;
    std::unique_ptr<ggml_backend, decltype(&ggml_backend_free)> backend;
    std::unique_ptr<ggml_context, decltype(&ggml_free)> graphMemory;
    ggml_cgraph * graph = nullptr; // one node: task.run() on every thread
};
