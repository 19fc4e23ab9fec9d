#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <memory>
#include <mutex>

// Returns the number of physical cores; more threads than that slow decoding down.
int32_t physicalCores();

// Returns the processor time of all threads of this process, in milliseconds.
double processorMs();

// A thread pool that persists between steps. Without it, ggml starts new threads for each step, and the system has to
// place them next to JavaScript's thread again. The threads sleep a few milliseconds after the last step. llama.cpp
// computes on them; between steps, `each` does: other threads would compete with these, which wait actively.
class Threads {
public:
    explicit Threads(int32_t count);
    Threads(const Threads &) = delete;

    // Returns the pool for llama.cpp; null if ggml has no CPU backend.
    ggml_threadpool * pool() const { return threads.get(); }

    // Calls work(i) once for each i < n, on all threads, and returns when all calls are done. Must not be called while
    // llama.cpp computes. Errors: the first exception that a call threw.
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
